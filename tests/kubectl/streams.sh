# Logs, exec, attach, cp, debug, port-forward, proxies. Sourced by tests/kubectl.sh.
serve --nodes 3 --speed 1 --journal "$scratch/streams.journal"
kube() { timeout 60 kubectl --context wavetank "$@"; }
# terminal KEYS PATTERN ARGUMENT...: kubectl with these arguments, typed to in a terminal.
terminal() {
    keys=$1
    pattern=$2
    shift 2
    output=$(timeout 90 tests/terminal.py "$keys" kubectl --context wavetank "$@" 2>&1)
    if ! printf '%s\n' "$output" | tr '\r\n' '  ' | grep -qE -- "$pattern"; then
        printf 'kubectl %s, typed %s\n  expected /%s/, got:\n%s\n' "$*" "$keys" "$pattern" "$output"
        failed=1
    fi
}
cat >"$scratch/streams.yaml" <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: nginx, ports: [{containerPort: 80}], env: [{name: COLOUR, value: blue}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ticker}
spec:
  containers: [{name: ticker, image: busybox, command: [sh, -c, 'i=0; while true; do echo tick $i; i=$((i+1)); sleep 1; done']}]
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: two}}
spec:
  initContainers: [{name: first, image: busybox, command: [sh, -c, 'echo prepared']}]
  containers:
  - {name: a, image: busybox, command: [sh, -c, 'echo from a; sleep 3600']}
  - {name: b, image: busybox, command: [sh, -c, 'echo from b >&2; sleep 3600']}
---
apiVersion: v1
kind: Pod
metadata: {name: broken}
spec: {containers: [{name: c, image: does-not-exist}]}
---
apiVersion: v1
kind: Pod
metadata: {name: nowhere}
spec: {nodeSelector: {no: such}, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec: {containers: [{name: c, image: busybox, command: [sh, -c, 'echo run; exit 2']}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [sh, -c, 'sleep 4; echo job done']}]}}}
Y
expect 0 'pod/web created' create -f "$scratch/streams.yaml"
expect 1 'container "web" in pod "web" is waiting to start: ContainerCreating' logs web
expect 0 'condition met' wait --for=condition=Ready pod/web pod/ticker pod/two --timeout=60s

# ---- logs ----
expect 0 '^tick 0$' logs ticker
expect 0 '^20[0-9-]+T[0-9:.]+Z tick [0-9]+$' logs ticker --timestamps --tail=1
expect 0 '^tick [0-9]+$' logs ticker --since=2s
expect 0 '^tick$' logs ticker --limit-bytes=4
expect 0 'job done' logs -f job/once
output=$(timeout 4 kubectl --context wavetank logs -f ticker --tail=1)
[ "$(printf '%s\n' "$output" | wc -l)" -ge 3 ] || { echo "logs -f: $output"; failed=1; }
expect 1 'a container name must be specified for pod two, choose one of: \[first a b\]' get --raw /api/v1/namespaces/default/pods/two/log
expect 0 '^prepared$' logs two -c first
expect 0 '\[pod/two/b\] from b' logs two --all-containers --prefix
expect 0 'from b' logs -l app=two --all-containers
expect 1 'container nope is not valid for pod two' logs two -c nope
expect 0 '^$' logs nowhere
expect 1 'previous terminated container "web" in pod "web" not found' logs web --previous
expect 1 'trying and failing to pull image|image can.t be pulled' logs broken
expect 0 '^run$' logs crash --previous
expect 1 'pods "gone" not found' logs gone
expect 1 'PodLogOptions "web" is invalid: limitBytes: Invalid value: 0: must be greater than 0' get --raw '/api/v1/namespaces/default/pods/web/log?limitBytes=0'
expect 1 'at most one of `sinceTime` or `sinceSeconds` may be specified' get --raw '/api/v1/namespaces/default/pods/web/log?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z'
expect 1 'strconv.ParseInt: parsing "x": invalid syntax' get --raw '/api/v1/namespaces/default/pods/web/log?tailLines=x'

# ---- exec ----
expect 0 '^COLOUR=blue$' exec web -- env
expect 0 '^KUBERNETES_SERVICE_HOST=10' exec web -- env
expect 0 '^web$' exec web -- hostname
expect 0 'Welcome to nginx' exec web -- curl -s http://localhost/
expect 0 '^default$' exec web -- cat /var/run/secrets/kubernetes.io/serviceaccount/namespace
expect 3 'command terminated with exit code 3' exec web -- sh -c 'exit 3'
expect 127 'sh: nosuch: not found' exec web -- sh -c nosuch
expect 1 'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in \$PATH: unknown' exec web -- nosuch
expect 1 'exec: "bash": executable file not found' exec ticker -- bash
expect 1 'container not found \("c"\)' exec broken -- ls
expect 1 'pod nowhere does not have a host assigned' exec nowhere -- ls
expect 1 'pods "gone" not found' exec gone -- ls
expect 1 'Upgrade request required' get --raw '/api/v1/namespaces/default/pods/web/exec?command=ls'
output=$(head -c 200000 /dev/zero | tr '\0' a | kube exec -i web -c web -- wc -c)
[ "$output" = 200000 ] || { echo "stdin of exec: $output"; failed=1; }
output=$(printf 'cd /tmp\npwd\nexit 5\n' | kube exec -i web -- sh 2>/dev/null)
[ "$?/$output" = 5//tmp ] || { echo "a script on stdin: $output"; failed=1; }
output=$(kube exec web -- sh -c 'echo out; echo err >&2' 2>/dev/null)
[ "$output" = out ] || { echo "stderr of exec: $output"; failed=1; }
terminal 'echo $((6*7))\r|cd /tmp\r|exit 4\r' '/ # echo .*42 +/ # cd /tmp +/tmp # exit 4 +command terminated with exit code 4' exec -it ticker -- sh
terminal 'sleep 500\r|\x03|echo $?\r|\x04' 'sleep 500 +\^C +/ # echo \$\? +130' exec -it ticker -- sh
terminal 'hostnam\x7fme\r|\x04' 'root@web:/# .*web +root@web:/# exit' exec -it web -- bash

# ---- cp ----
mkdir -p "$scratch/there/sub"
printf 'a\0b\n' >"$scratch/there/binary"
head -c 300000 /dev/urandom >"$scratch/there/sub/large"
expect 0 '' cp "$scratch/there" web:/tmp/there
expect 0 '300000 .*large' exec web -- ls -l /tmp/there/sub
expect 0 '' cp web:/tmp/there "$scratch/back"
diff -r "$scratch/there" "$scratch/back" || { echo "cp: not the same"; failed=1; }
expect 2 'tar: /nosuch: Cannot stat: No such file or directory' exec web -- tar cf - /nosuch
printf 'small\n' >"$scratch/small"
for try in 1 2 3; do expect 0 '' cp "$scratch/small" "web:/tmp/small$try"; done
expect 0 '^small' exec web -- cat /tmp/small3
# What only reads does not make the clock leap with each piece: 3 MB once took a minute of the cluster's time.
head -c 3000000 /dev/zero >"$scratch/zeros"
instant() {
    "$program" ctl status --output json --port "$(grep -o 'https://127.0.0.1:[0-9]*' "$KUBECONFIG" | sed 's/.*://')" |
        sed 's/.*"seconds":\([0-9]*\).*/\1/'
}
before=$(instant)
began=$(date +%s)
expect 0 '' cp "$scratch/zeros" web:/tmp/zeros
expect 0 ' 3000000 ' exec web -- ls -l /tmp/zeros
leapt=$(($(instant) - before - ($(date +%s) - began)))
[ "$leapt" -le 10 ] || { echo "cp of 3 MB: the clock leapt $leapt s"; failed=1; }

# ---- attach, run, debug ----
output=$(timeout 3 kubectl --context wavetank attach ticker 2>/dev/null)
printf '%s\n' "$output" | grep -q '^tick' || { echo "attach: $output"; failed=1; }
output=$(echo some input | kube run one --image=busybox -i --rm --restart=Never -- sh -c 'cat; echo done' 2>&1)
printf '%s\n' "$output" | tr '\n' ' ' | grep -q 'some input done' || { echo "run -i --rm: $output"; failed=1; }
terminal '\r|echo hello from $HOSTNAME\r|exit\r' 'hello from shell.*pod "shell" deleted' run shell -it --rm --image=busybox --restart=Never -- sh
terminal '\r|ps\r|exit\r' 'nginx: master process' debug -it web --image=busybox --target=web --container=look --profile=general
expect 0 'look +.*busybox' get pod web -o 'jsonpath={range .status.ephemeralContainerStatuses[*]}{.name} {.image}{end}'
expect 0 'exit' logs web -c look
expect 1 'existing ephemeral containers "look" may not be removed' patch pod web --subresource=ephemeralcontainers --type=merge -p '{"spec":{"ephemeralContainers":[]}}'
expect 0 '' debug two --copy-to=three --set-image='a=nginx' --profile=general
expect 0 '^nginx$' get pod three -o 'jsonpath={.spec.containers[0].image}'
expect 0 'Creating debugging pod node-debugger' debug node/node-0 --image=busybox --profile=general -- ls /
expect 1 'Metrics API not available' top pods

# ---- proxies ----
expect 0 'Welcome to nginx' get --raw /api/v1/namespaces/default/pods/web/proxy/
expect 0 'service/web exposed' expose pod web --port=80
sleep 2
expect 0 'Welcome to nginx' get --raw /api/v1/namespaces/default/services/web/proxy/
expect 0 '^ok$' get --raw /api/v1/nodes/node-0/proxy/healthz
expect 0 '"kind":"PodList"' get --raw /api/v1/nodes/node-0/proxy/pods
expect 1 'dial tcp 10.244.[0-9.]*:81: connect: connection refused' get --raw /api/v1/namespaces/default/pods/web:81/proxy/
expect 1 'nodes "node-9" not found' get --raw /api/v1/nodes/node-9/proxy/healthz

# ---- port-forward, in a WebSocket and on a bare connection; then all of it over SPDY ----
forward() {
    : >"$scratch/forward"
    timeout 20 kubectl --context wavetank port-forward pod/web :80 :81 >"$scratch/forward" 2>&1 &
    forwarder=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(grep -c '127.0.0.1' "$scratch/forward")" = 2 ] && break
        sleep 0.3
    done
    for port in $(grep -o '127.0.0.1:[0-9]*' "$scratch/forward"); do
        curl -s -m 5 "http://$port/"
    done
    kill "$forwarder" 2>/dev/null
    wait "$forwarder" 2>/dev/null
}
for websockets in true false; do
    export KUBECTL_PORT_FORWARD_WEBSOCKETS=$websockets KUBECTL_REMOTE_COMMAND_WEBSOCKETS=$websockets
    forward >"$scratch/forwarded"
    grep -q 'Welcome to nginx' "$scratch/forwarded" || { echo "port-forward:"; cat "$scratch/forward"; failed=1; }
    grep -q 'an error occurred forwarding .* -> 81: .*dial tcp4 127.0.0.1:81: connect: connection refused' "$scratch/forward" ||
        { echo "port-forward to a port where nobody listens:"; cat "$scratch/forward"; failed=1; }
done
expect 0 '^web$' exec web -- hostname
expect 3 'command terminated with exit code 3' exec web -- sh -c 'exit 3'
expect 1 'unable to upgrade connection: container not found \("c"\)' exec broken -- ls
output=$(head -c 200000 /dev/zero | tr '\0' a | kube exec -i web -c web -- wc -c)
[ "$output" = 200000 ] || { echo "stdin of exec over SPDY: $output"; failed=1; }
rm -rf "$scratch/back"
expect 0 '' cp web:/tmp/there "$scratch/back"
diff -r "$scratch/there" "$scratch/back" || { echo "cp over SPDY: not the same"; failed=1; }
terminal 'hostname\r|\x04' '/ # hostname +ticker +/ # ' exec -it ticker -- sh
unset KUBECTL_PORT_FORWARD_WEBSOCKETS KUBECTL_REMOTE_COMMAND_WEBSOCKETS

# ---- what fails shows as it would ----
control() { "$program" ctl --port "$(grep -o 'https://127.0.0.1:[0-9]*' "$KUBECONFIG" | sed 's/.*://')" "$@" >/dev/null; }
node=$(kube get pod ticker -o 'jsonpath={.spec.nodeName}')
(timeout 20 kubectl --context wavetank logs -f ticker >"$scratch/following" 2>&1; echo "exit $?" >>"$scratch/following") &
following=$!
sleep 1
control inject processChaos action=kill components="kubelet@$node"
wait "$following"
grep -q 'unexpected EOF' "$scratch/following" && grep -q 'exit 1' "$scratch/following" ||
    { echo "logs -f of a kubelet that dies:"; cat "$scratch/following"; failed=1; }
expect 1 'Get "https://10\.0\.1\.[0-9]+:10250/containerLogs/default/ticker/ticker": dial tcp 10\.0\.1\.[0-9]+:10250: connect: connection refused' logs ticker
expect 1 'error sending request: Post "https://10.*:10250/exec/default/ticker/ticker\?command=ls.*": dial tcp .*: connect: connection refused' exec ticker -- ls
control run-until +15s
control resume
expect 0 '^tick 0$' logs ticker
(kube exec ticker -- sleep 600 >"$scratch/killed" 2>&1; echo "exit $?" >>"$scratch/killed") &
killed=$!
sleep 1
expect 0 'deleted' delete pod ticker --grace-period=0 --force
wait "$killed"
grep -q 'command terminated with exit code 137' "$scratch/killed" || { echo "exec in a pod that goes:"; cat "$scratch/killed"; failed=1; }
node=$(kube get pod web -o 'jsonpath={.spec.nodeName}')
control inject nodeChaos action=power-off nodes="$node"
expect 1 'dial tcp .*:10250: i/o timeout' logs web

# ---- who may: a WebSocket needs "create" as well ----
expect 0 'created' create role reader --verb=get --resource=pods,pods/exec,pods/log
expect 0 'created' create rolebinding reader --role=reader --user=alice
expect 0 'from a' logs two -c a --as=alice
expect 1 'User "alice" cannot create resource "pods/exec" in API group "" in the namespace "default"' exec two -c a --as=alice -- ls

# ---- other clients: WebSockets before v5, base64, none; a watch ----
# socket PATTERN PATH PROTOCOLS SENT...
socket() {
    pattern=$1
    shift
    output=$(timeout 20 tests/websocket.py "$KUBECONFIG" "$@" 2>&1)
    if ! printf '%s\n' "$output" | tr '\n' ' ' | grep -qE -- "$pattern"; then
        printf 'WebSocket %s\n  expected /%s/, got:\n%s\n' "$*" "$pattern" "$output"
        failed=1
    fi
}
alive=$(kube get nodes -o 'jsonpath={.items[*].metadata.name}' | tr ' ' '\n' | grep -v "^$node\$" | head -1)
expect 0 'created' run four --image=nginx --overrides "{\"spec\":{\"nodeName\":\"$alive\"}}"
expect 0 'condition met' wait --for=condition=Ready pod/four --timeout=60s
kubectl config view --raw --minify --context wavetank >"$scratch/only"
run_socket() { (KUBECONFIG="$scratch/only"; socket "$@"; exit $failed) || failed=1; }
pods=/api/v1/namespaces/default/pods
run_socket '^101 .*v4.channel.k8s.io bytes .\\x01. bytes .\\x01hi\\n. bytes .\\x03.*"status":"Failure".*"causes":\[\{"reason":"ExitCode","message":"3"\}\]\}\}. close 1000' \
    "$pods/two/exec?container=a&command=sh&stdin=1&stdout=1&stderr=1" v4.channel.k8s.io '\x00echo hi; exit 3\n'
run_socket 'v5.channel.k8s.io bytes .\\x01. bytes .\\x01abc. bytes .\\x03\{"metadata":\{\},"status":"Success"\}. close 1000' \
    "$pods/two/exec?container=a&command=cat&stdin=true&stdout=true" v5.channel.k8s.io '\x00abc' '\xff\x00'
run_socket 'base64.channel.k8s.io text .1. text .1aGkK. close 1000' "$pods/two/exec?container=a&command=echo&command=hi&stdout=true" base64.channel.k8s.io
run_socket '^101 Switching Protocols - bytes .\\x01. bytes .\\x01hi' "$pods/two/exec?container=a&command=echo&command=hi&stdout=true" ''
run_socket '^400 Bad Request' "$pods/two/exec?container=a&command=echo&stdout=true" nonsense.k8s.io
run_socket '^404 Not Found' "$pods/gone/exec?command=echo&stdout=true" v5.channel.k8s.io
run_socket 'you must specify at least 1 of stdin, stdout, stderr' "$pods/two/exec?container=a&command=echo" v5.channel.k8s.io
run_socket 'bytes .\\x00P\\x00. bytes .\\x01P\\x00. bytes .\\x00HTTP/1.1 200 OK' "$pods/four/portforward?ports=80" v4.channel.k8s.io '\x00GET / HTTP/1.1\r\n\r\n'
run_socket 'close 1003' "$pods/two/exec?container=a&command=cat&stdin=true&stdout=true" base64.channel.k8s.io '!'
run_socket '^101 Switching Protocols - text .\{"type":"ADDED","object":\{"kind":"Pod".*close 1000' \
    "$pods?watch=1&fieldSelector=metadata.name%3Dtwo&timeoutSeconds=1" '' '~3'
stop || { echo "serve did not end cleanly"; cat "$scratch/serve"; failed=1; }

# ---- all of it came from outside: without any client it happens again ----
output=$("$program" replay "$scratch/streams.journal" 2>&1)
printf '%s\n' "$output" | grep -q 'the same as recorded' || { echo "replay: $output"; failed=1; }

# ---- while the clock stands, commands are answered all the same ----
serve --nodes 1 --speed paused
expect 0 'created' run web --image=nginx
control run-until +5s
expect 0 '^web$' exec web -- hostname
expect 4 'exit code 4' exec web -- sh -c 'sleep 0.1; exit 4'
expect 0 'Welcome to nginx' exec web -- curl -s http://localhost/
terminal 'hostname\r|\x04' '# hostname +web +# ' exec -it web -- sh
stop
