#!/bin/sh
# The real kubectl (and curl) against `wavetank serve`: each line is a command, its exit status and what its output must
# hold. The parts are in tests/kubectl/, each with servers of its own.
# Usage: tests/kubectl.sh PROGRAM SCRATCH [PART...]     all parts by default
set -u
program=$1
scratch=$2
shift 2
command -v kubectl >/dev/null || { echo "skipped: no kubectl on this machine"; exit 0; }
# Debian's kubectl is 1.20. Some of what is checked it learned later: since MINOR COMMAND... And some parts are about such
# things altogether.
client_minor=$(kubectl version --client -o json 2>/dev/null | sed -n 's/.*"minor": "\([0-9]*\).*/\1/p' | head -n 1)
all=$(cd tests/kubectl && ls ./*.sh | sed 's,.*/\(.*\)\.sh,\1,')
[ "${client_minor:-99}" -ge 27 ] || all="basics slides everything"
parts=${*:-$all}
export KUBECONFIG="$scratch/kubeconfig" HOME="$scratch" KUBE_EDITOR KUBECACHEDIR="$scratch/cache"
failed=0
started=0

# A stranger's context stays what it is.
cat >"$KUBECONFIG" <<'Y'
apiVersion: v1
kind: Config
current-context: theirs
clusters: [{name: theirs, cluster: {server: "https://192.0.2.1:6443"}}]
contexts: [{name: theirs, context: {cluster: theirs, user: them}}]
users: [{name: them, user: {token: secret}}]
Y

serve() {
    "$program" serve --listen 127.0.0.1:0 --kubeconfig "$KUBECONFIG" "$@" >"$scratch/serve" 2>&1 &
    server=$!
    started=1
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -qs '^try' "$scratch/serve" && return
        sleep 0.2
    done
    echo "serve did not start:"; cat "$scratch/serve"; exit 1
}
stop() {
    [ "$started" = 1 ] || return 0
    started=0
    kill -INT "$server"
    wait "$server"
}
trap 'stop >/dev/null 2>&1' EXIT

since() {
    least=$1
    shift
    [ "${client_minor:-99}" -lt "$least" ] || "$@"
}

# expect STATUS PATTERN ARGUMENT...: kubectl with these arguments.
expect() {
    status=$1
    pattern=$2
    shift 2
    output=$(timeout 60 kubectl --context wavetank "$@" 2>&1)
    actual=$?
    if [ "$actual" != "$status" ] || ! printf '%s\n' "$output" | grep -qE -- "$pattern"; then
        printf 'kubectl %s\n  expected exit %s and /%s/, got exit %s:\n%s\n' "$*" "$status" "$pattern" "$actual" \
            "$(printf '%s\n' "$output" | head -20)"
        failed=1
    fi
}
# http CODE PATTERN CURL-ARGUMENT...: as nobody, unless a certificate is given; as a program, since what is sent to curl
# itself is set out for people.
http() {
    code=$1
    pattern=$2
    shift 2
    answer=$(curl -sk -A test -m 20 -w '\n%{http_code}' "$@")
    if [ "$(printf '%s' "$answer" | tail -1)" != "$code" ] || ! printf '%s\n' "$answer" | grep -qE -- "$pattern"; then
        printf 'curl %s\n  expected %s and /%s/, got:\n%s\n' "$*" "$code" "$pattern" "$(printf '%s\n' "$answer" | head -c 2000)"
        failed=1
    fi
}

# The certificate and key of context wavetank, as admin.crt and admin.key.
admin_identity() {
    for part in certificate key; do
        kubectl config view --raw -o "jsonpath={.users[?(@.name=='wavetank')].user.client-$part-data}" | base64 -d \
            >"$scratch/admin.$(printf %s "$part" | sed 's/certificate/crt/')"
    done
}

for p in $parts; do
    . "tests/kubectl/$p.sh"
    stop
done
exit $failed
