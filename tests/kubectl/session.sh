# The life around serve: wavetank ctl, virtual time, journals and their replay, data folders, plain HTTP, manifests.
# Sourced by tests/kubectl.sh.
export XDG_RUNTIME_DIR="$scratch/run" # ctl finds the servers of this test alone
mkdir -p -m 700 "$XDG_RUNTIME_DIR"

# says STATUS PATTERN COMMAND...: any command.
says() {
    status=$1
    pattern=$2
    shift 2
    output=$("$@" 2>&1)
    actual=$?
    if [ "$actual" != "$status" ] || ! printf '%s\n' "$output" | grep -qE -- "$pattern"; then
        printf '%s\n  expected exit %s and /%s/, got exit %s:\n%s\n' "$*" "$status" "$pattern" "$actual" \
            "$(printf '%s\n' "$output" | head -20)"
        failed=1
    fi
}
ctl() { status=$1; pattern=$2; shift 2; says "$status" "$pattern" "$program" ctl "$@"; }
virtual_ms() { "$program" ctl status --output json | grep -o '"seconds":[0-9.]*' | cut -d: -f2 | awk '{print int($1 * 1000)}'; }
trace_at_end() { grep -o 'trace [0-9a-f]*' "$scratch/serve" | tail -1; }
# quick SECONDS COMMAND...: it may not take longer on the wall.
quick() {
    limit=$1
    shift
    before=$(date +%s%N)
    "$@" >"$scratch/quick" 2>&1
    took=$((($(date +%s%N) - before) / 1000000))
    [ "$took" -le $((limit * 1000)) ] || { echo "$*: took $took ms"; failed=1; }
}

# ---- no server ----
ctl 3 'no wavetank serve of this user is running' status
ctl 2 'did you mean resume' resum
ctl 2 'Usage: wavetank ctl speed X' speed
ctl 0 'nodeChaos' inject -h

# ---- a session with everything in it ----
journal="$scratch/journal"
rm -f "$journal"
serve --nodes 4 --api-servers 2 --etcd 3 --crds slides --journal "$journal"
ctl 0 'speed 1, ' status
ctl 0 'nodes +4 of 4 ready' status
expect 0 'created' create deployment web --image=nginx --replicas=3
expect 0 'successfully rolled out' rollout status deploy/web --timeout=60s
printf 'apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: ca}\nspec: {selfSigned: {}}\n' >"$scratch/issuer.yaml"
expect 0 'issuer.cert-manager.io/ca created' apply -f "$scratch/issuer.yaml"
expect 0 '^ca +' get issuers
expect 0 '^hello$' exec deploy/web -- sh -c 'echo hello'
(timeout 3 kubectl --context wavetank get pods -w >/dev/null 2>&1; true) & # cut off in the middle
ctl 0 'paused' pause
quick 5 kubectl --context wavetank get pods
(sleep 1; echo 'echo typed'; sleep 1) | timeout 10 kubectl --context wavetank exec -i deploy/web -- sh 2>&1 | grep -q typed ||
    { echo "paused: exec does not answer what is typed"; failed=1; }
a=$(virtual_ms)
expect 0 'scaled' scale deploy web --replicas=6
expect 0 'web +3/6' get deploy web
sleep 1
b=$(virtual_ms)
[ $((b - a)) -lt 200 ] || { echo "paused: virtual time went from $a to $b ms"; failed=1; }
ctl 0 'paused, [0-9]+ events' step 10
ctl 0 'paused' step 20s
expect 0 'web +6/6' get deploy web
ctl 0 'fault +power: nodeChaos .*heals in 5m0s' inject nodeChaos action=power-off nodes=node-1 name=power duration=5m
ctl 1 'is active' inject nodeChaos action=power-off nodes=node-2 name=power
ctl 2 'did you mean "power-off"' inject nodeChaos action=power-of nodes=node-2
ctl 1 'no machine has the name "node-9"' inject nodeChaos action=power-off nodes=node-9
ctl 0 'paused' run-until +2m
expect 0 'node-1 +NotReady' get nodes
ctl 2 'is past' run-until 1s
ctl 0 'faults +none' heal power
ctl 1 'no fault with the name' heal power
ctl 0 'time' run-until 'wait: {ref: {apiVersion: v1, kind: Node, name: node-1}, for: condition=Ready, timeout: 5m}'
ctl 1 'timed out' run-until 'wait: {ref: {apiVersion: v1, kind: Node, name: node-9}, for: condition=Ready, timeout: 5s}'
printf '%s\n' 'name: net' 'networkChaos: {action: delay, delay: {latency: 50ms}, selector: {nodes: [node-0]}}' |
    "$program" ctl inject - >/dev/null || { echo "inject from standard input failed"; failed=1; }
ctl 0 'fault +net: networkChaos' faults
mkdir -p "$scratch/steps"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-step}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\n' \
    >"$scratch/steps/maps.yaml"
printf 'try:\n- apply: {file: maps.yaml}\n- count: {apiVersion: v1, kind: ConfigMap, atLeast: 2}\n- say: done\n' \
    >"$scratch/steps/step.yaml"
ctl 0 'speed 20' speed 20
ctl 0 '' do -f "$scratch/steps/step.yaml"
expect 0 'from-step' get cm
printf 'try:\n- aply: {file: maps.yaml}\n' >"$scratch/steps/bad.yaml"
ctl 2 'bad.yaml:2:3: .*did you mean "apply"' do -f "$scratch/steps/bad.yaml"
ctl 1 'Error from server \(Invalid\)' do 'create: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: _}}}'
ctl 2 'expected a number from 1' speed fast
ctl 0 'context  alice' user alice --group devs
ctl 2 "administrator's context" user wavetank
says 0 'Groups +\[devs system:authenticated\]' kubectl --context alice auth whoami
says 1 'pods is forbidden: User "alice"' kubectl --context alice get pods
expect 0 'created' create rolebinding devs --clusterrole=view --group=devs
says 0 'Running' kubectl --context alice get pods
ctl 0 'speed 60' speed 60
quick 8 kubectl --context wavetank delete pod -l app=web --wait=true
# max: what takes minutes is over at once; then it rests.
ctl 0 'max' speed max
expect 0 'created' create deployment slow --image=nginx
quick 8 kubectl --context wavetank rollout status deploy/slow --timeout=60s
quick 8 kubectl --context wavetank wait --for=condition=Available deploy/slow --timeout=60s
sleep 2
ctl 0 'settled' status
a=$(virtual_ms); sleep 1; b=$(virtual_ms)
[ $((b - a)) -lt 3000 ] || { echo "max: an idle cluster went from $a to $b ms"; failed=1; }
ctl 0 'records' journal
ctl 0 'events' end
wait "$server" || { echo "serve ended with $?"; failed=1; }
started=0
recorded=$(trace_at_end)
[ -n "$recorded" ] || { echo "serve does not say its trace"; cat "$scratch/serve"; failed=1; }
for p in "$program" build/wavetank build-debug/wavetank build-clang/wavetank; do
    [ -x "$p" ] && [ "$("$p" --version)" = "$("$program" --version)" ] || continue
    says 0 "$recorded: the same as recorded" "$p" replay "$journal"
done
says 0 "$recorded: the same as recorded" setarch -R "$program" replay "$journal" --trace "$scratch/trace1"
"$program" replay "$journal" --trace "$scratch/trace2" --quiet
cmp "$scratch/trace1" "$scratch/trace2" || { echo "two replays differ"; failed=1; }
says 0 'stopped before the end' "$program" replay "$journal" --until 90s
says 0 '"result": "same"' "$program" replay "$journal" --output json

# ---- journals that are not whole ----
size=$(wc -c <"$journal")
head -c $((size - 5)) "$journal" >"$scratch/torn"
says 0 'ends in the middle of a record' "$program" replay "$scratch/torn"
cp "$journal" "$scratch/damaged"
printf '\377\376' | dd of="$scratch/damaged" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
says 2 'damaged at byte' "$program" replay "$scratch/damaged"
sed 's/0\.1\.0-[0-9a-f]/0.1.0-x/' "$journal" >"$scratch/other"
says 2 'damaged|another build|head' "$program" replay "$scratch/other"
says 2 'No such file' "$program" replay "$scratch/nosuch"
says 2 'no journal of wavetank' "$program" replay "$KUBECONFIG"
says 3 'is there already' "$program" serve --listen 127.0.0.1:0 --kubeconfig "$KUBECONFIG" --journal "$journal"

# ---- a data folder ----
data="$scratch/data"
rm -rf "$data"
KEPT=$KUBECONFIG
served() { "$program" serve --listen 127.0.0.1:0 --data-dir "$data" "$@" >"$scratch/serve" 2>&1 & server=$!; started=1
    for _ in $(seq 50); do grep -qs '^try' "$scratch/serve" && return; sleep 0.1; done; cat "$scratch/serve"; }
KUBECONFIG="$data/kubeconfig"
served --nodes 2
[ "$(stat -c %a "$data" "$data/kubeconfig" "$data/journal" "$data/ctl.sock" | tr '\n' ' ')" = "700 600 600 600 " ] ||
    { echo "modes in the data folder:"; ls -la "$data"; failed=1; }
says 3 'is in use by .*process [0-9]+' "$program" serve --data-dir "$data"
expect 0 'created' create deployment kept --image=nginx --replicas=2
expect 0 'successfully rolled out' rollout status deploy/kept --timeout=60s
uid=$(kubectl --context wavetank get deploy kept -o 'jsonpath={.metadata.uid}')
pods=$(kubectl --context wavetank get pods -o name | sort)
a=$(virtual_ms)
stop
served --nodes 2
expect 0 "$uid" get deploy kept -o 'jsonpath={.metadata.uid}'
[ "$(kubectl --context wavetank get pods -o name | sort)" = "$pods" ] || { echo "other pods after the restart"; failed=1; }
b=$(virtual_ms)
[ "$b" -ge "$a" ] && [ "$b" -lt $((a + 30000)) ] || { echo "virtual time went from $a to $b ms over the restart"; failed=1; }
expect 0 'scaled' scale deploy kept --replicas=3
expect 0 'successfully rolled out' rollout status deploy/kept --timeout=60s
kill -9 "$server"
wait "$server" 2>/dev/null
started=0
served
expect 0 'kept +[23]/3' get deploy kept
expect 0 'successfully rolled out' rollout status deploy/kept --timeout=60s
ctl 0 'nodes +2 of 2' status
("$program" ctl do 'sleep: 1h' >"$scratch/slept" 2>&1; echo "exit $?" >>"$scratch/slept") & # ends with the server
sleeper=$!
sleep 1
stop
wait "$sleeper"
grep -q 'exit [13]' "$scratch/slept" || { echo "an operation outlived its server:"; cat "$scratch/slept"; failed=1; }
served
expect 0 'kept +3/3' get deploy kept
stop
says 0 'the same as recorded' "$program" replay "$data/journal"
says 2 'begun otherwise' "$program" serve --data-dir "$data" --nodes 3
chmod 755 "$data"
says 3 'open to others' "$program" serve --data-dir "$data"
chmod 700 "$data"
served --reset
expect 0 'No resources found' get deploy
stop
# A scenario that was ended in the middle goes on where it was.
rm -rf "$data"
served -f scenarios/library/node-loss.yaml --speed 30
sleep 2
stop
grep -q '^PASS' "$scratch/serve" && { echo "the scenario ended too soon for this test"; failed=1; }
served -f scenarios/library/node-loss.yaml --speed max
for _ in $(seq 40); do grep -q '^PASS node-loss' "$scratch/serve" && break; sleep 0.2; done
grep -q '^PASS node-loss' "$scratch/serve" || { echo "the scenario did not go on:"; cat "$scratch/serve"; failed=1; }
stop
says 0 'the same as recorded' "$program" replay "$data/journal"
KUBECONFIG=$KEPT

# ---- who may speak to it ----
serve --nodes 1
port=$(ls "$XDG_RUNTIME_DIR/wavetank" | sed 's/\.sock//')
socket="$XDG_RUNTIME_DIR/wavetank/$port.sock"
[ "$(stat -c %a "$socket" "$XDG_RUNTIME_DIR/wavetank" | tr '\n' ' ')" = "600 700 " ] || { echo "the socket is open to others"; failed=1; }
http 403 'Forbidden' "https://127.0.0.1:$port/ctl"
http 403 'Forbidden' -X POST -d '{"verb":"pause"}' "https://127.0.0.1:$port/control"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    # Another user, to whom even the folders are open.
    mode=$(stat -c %a "$scratch")
    chmod 755 "$scratch" "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/wavetank"
    chmod 666 "$socket"
    cp "$program" "$scratch/program" && chmod 755 "$scratch/program"
    says 3 'another user|ended before it had answered' setpriv --reuid 65534 --clear-groups "$scratch/program" ctl --socket "$socket" status
    says 3 'belongs to another user|open to others|Permission denied' setpriv --reuid 65534 --clear-groups "$scratch/program" ctl status
    chmod 600 "$socket"
    chmod 700 "$XDG_RUNTIME_DIR/wavetank"
    chmod "$mode" "$scratch"
    rm -f "$scratch/program"
fi
# Lines that are no requests hurt nobody.
if command -v python3 >/dev/null; then
    python3 - "$socket" <<'P' || { echo "the control socket does not stand hostile lines"; failed=1; }
import socket, sys
def ask(data, wait=True):
    s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])
    try:
        s.sendall(data)
        return s.recv(65536) if wait else b""
    except OSError:
        return b""
    finally:
        s.close()
for line in (b"\n", b"{}\n", b"[]\n", b"{\"verb\": 7}\n", b"\xff\xfe\n", b"{\"verb\":\"step\",\"events\":-1}\n", b"[" * 100000 + b"\n",
             b"{\"verb\":\"do\",\"operations\":\"{{{\"}\n", b"{\"verb\":\"do\",\"operations\":\"apply: {file: /etc/passwd}\"}\n",
             b"{\"verb\":\"user\",\"name\":\"\"}\n"):
    answer = ask(line)
    assert b'"error"' in answer, (line[:40], answer)
ask(b"x" * (20 << 20))
idle = [socket.socket(socket.AF_UNIX) for _ in range(100)]
for s in idle: s.connect(sys.argv[1])
for s in idle: s.close()
assert b'"result"' in ask(b'{"verb":"status"}\n')
P
fi
# A stopped program (a debugger, a laptop that slept) goes on without a leap.
a=$(virtual_ms)
kill -STOP "$server"; sleep 5; kill -CONT "$server"
b=$(virtual_ms)
[ $((b - a)) -lt 4500 ] || { echo "virtual time leapt from $a to $b ms over a stop of 5 s"; failed=1; }
# An API server that hangs answers nobody, and virtual time does not run away meanwhile.
ctl 0 'hang' inject processChaos action=hang components=kube-apiserver-0 name=hang
timeout 4 kubectl --context wavetank get nodes --request-timeout=3s >/dev/null 2>&1
c=$(virtual_ms)
[ $((c - b)) -lt 200000 ] || { echo "an unanswered request moved virtual time from $b to $c ms"; failed=1; }
ctl 0 'none' heal hang
expect 0 'node-0' get nodes
says 3 "127.0.0.1:$port is in use: .* \(process $server\) listens there" "$program" serve --listen "127.0.0.1:$port" --kubeconfig "$KUBECONFIG"
kill -INT "$server"; kill -INT "$server" 2>/dev/null
wait "$server"
started=0

# ---- manifests, plain HTTP ----
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: _bad_}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: good2}\n' \
    >"$scratch/manifests.yaml"
plain=$((20000 + $$ % 20000))
mkdir -p "$scratch/folder"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-folder}\n' >"$scratch/folder/a.yaml"
printf '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-json"}}\n' >"$scratch/folder/b.json"
rm -f "$journal"
serve --nodes 1 --speed paused -f "$scratch/manifests.yaml" -f "$scratch/folder" --insecure-http "127.0.0.1:$plain" --journal "$journal"
expect 0 'good2' get cm
expect 0 'from-folder' get cm
expect 0 'from-json' get cm
grep -q "manifests.yaml:5: configmaps/_bad_: Error from server (Invalid)" "$scratch/serve" ||
    { echo "a manifest that is refused is not said:"; cat "$scratch/serve"; failed=1; }
http 200 '"gitVersion"' "http://127.0.0.1:$plain/version"
http 403 'system:anonymous' "http://127.0.0.1:$plain/api/v1/nodes"
token=$(kubectl --context wavetank create token default)
http 403 'system:serviceaccount:default:default' -H "Authorization: Bearer $token" "http://127.0.0.1:$plain/api/v1/nodes"
http 401 'Unauthorized' -H 'Authorization: Bearer nonsense' "http://127.0.0.1:$plain/api/v1/nodes"
stop
rm -f "$scratch/manifests.yaml" # the journal holds it
says 0 "$(trace_at_end): the same as recorded" "$program" replay "$journal"
says 2 'only this machine' "$program" serve --insecure-http 0.0.0.0:8080

# ---- a scenario beside kubectl ----
rm -f "$scratch/scenario-journal"
serve -f scenarios/library/node-loss.yaml --speed 30 --journal "$scratch/scenario-journal"
expect 0 'node-4' get nodes
expect 0 'created' create cm beside
ctl 0 'max' speed max
for _ in $(seq 40); do grep -q '^PASS node-loss' "$scratch/serve" && break; sleep 0.2; done
grep -q '^PASS node-loss' "$scratch/serve" || { echo "the scenario did not pass:"; cat "$scratch/serve"; failed=1; }
expect 0 'beside' get cm
stop
says 0 'the same as recorded' "$program" replay "$scratch/scenario-journal"
says 2 'no --nodes' "$program" serve -f scenarios/library/node-loss.yaml --nodes 3
says 3 'no runtime for real containers' "$program" serve --runtime bwrap
export XDG_RUNTIME_DIR="$scratch" # not the default, which would stay behind
