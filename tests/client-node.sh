#!/bin/sh
# The JavaScript client from npm against `wavetank serve`. Usage: tests/client-node.sh PROGRAM SCRATCH
# The package is fetched in the version that tests/client-node/package-lock.json says, from the registry that npm is set to, into
# build/client-node. Without Node.js, npm or the registry: says so and does nothing.
set -u
program=$1
scratch=$2
for tool in node npm; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool on this machine"; exit 0; }
done
node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || { echo "skipped: $(node --version) is older than 18"; exit 0; }
here=build/client-node
mkdir -p "$here"
cp tests/client-node/* "$here/"
if ! cmp -s "$here/package-lock.json" "$here/installed"; then
    # What is locked is checked by its hash, whatever registry it comes from.
    (cd "$here" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000) >"$scratch/npm" 2>&1 ||
        { echo "skipped: the registry of npm does not answer: $(grep -m 1 'npm error' "$scratch/npm")"; exit 0; }
    cp "$here/package-lock.json" "$here/installed"
fi
"$program" serve --listen 127.0.0.1:0 --nodes 3 --speed 10 --kubeconfig "$scratch/node.kubeconfig" >"$scratch/node.serve" 2>&1 &
server=$!
for _ in $(seq 100); do
    grep -qs '^try' "$scratch/node.serve" && break
    sleep 0.1
done
timeout 120 node "$here/client.mjs" "$scratch/node.kubeconfig" wavetank
status=$?
kill -INT "$server"
wait "$server" || { echo "serve did not end in order"; cat "$scratch/node.serve"; status=1; }
exit $status
