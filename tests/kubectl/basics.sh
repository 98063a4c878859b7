# What everyone does first. Sourced by tests/kubectl.sh.
serve --nodes 5 --speed 10
grep -q '^kubeconfig  '"$KUBECONFIG" "$scratch/serve" || { echo "serve does not say where its kubeconfig is"; failed=1; }
grep -q 'current-context: theirs' "$KUBECONFIG" || { echo "the current context was changed"; failed=1; }
grep -q 'token: secret' "$KUBECONFIG" || { echo "another user was lost"; failed=1; }

# ---- discovery ----
expect 0 'Server Version: v1.36.2|GitVersion:"v1.36.2"' version
expect 0 'deployments +deploy +apps/v1 +true +Deployment' api-resources
expect 0 '^autoscaling/v2$' api-versions
expect 0 'control plane.* is running at .*https://127.0.0.1' cluster-info
expect 0 '^ok$' get --raw /healthz
expect 0 'readyz check passed' get --raw '/readyz?verbose'
expect 0 'FIELD: +image <string>' explain pods.spec.containers.image
expect 1 'resource type "nosuch"' get nosuch

# ---- the slides ----
expect 0 'pod/ghost created' run ghost --image=ghost:0.9
expect 0 'pod "ghost" deleted' delete pod ghost
expect 0 'deployment.apps/ghost created' create deployment ghost --image=ghost:0.9
expect 0 'service/ghost exposed' expose deployment ghost --port=2368 --type=NodePort
expect 0 'ghost +NodePort +10\.[0-9.]+ +<none> +2368:3[0-9]+/TCP' get svc
expect 0 'successfully rolled out' rollout status deploy/ghost --timeout=60s
expect 0 'ghost +1/1 +1 +1' get deploy
KUBE_EDITOR="sed -i s/replicas:.1/replicas:\ 3/" expect 0 'deployment.apps/ghost edited' edit deploy ghost
expect 0 'successfully rolled out' rollout status deploy/ghost --timeout=60s
expect 0 'ghost +3/3 +3 +3 .* ghost +ghost:0.9 +app=ghost' get deploy -o wide
expect 0 '' logs deploy/ghost

# ---- output forms ----
expect 0 'node-4 +Ready +<none> +[0-9]+' get nodes
expect 0 'node-0 .* 10\.0\.1\.1 .* containerd://' get nodes -o wide
expect 0 '^pod/ghost-' get pods -o name
expect 0 '^Running Running Running$' get pods -o 'jsonpath={.items[*].status.phase}'
expect 0 '^ghost +3$' get deploy ghost -o custom-columns=N:.metadata.name,R:.spec.replicas
expect 0 '^ghost$' get deploy ghost -o 'go-template={{.metadata.name}}'
expect 0 '^  replicas: 3$' get deploy ghost -o yaml
expect 0 '"kind": "Deployment"' get deploy ghost -o json
expect 0 'default +service/kubernetes' get all -A
expect 0 'Scheduled' get events
expect 0 'NewReplicaSet: +ghost-' describe deploy ghost
expect 0 'Status: +Running' describe pods
expect 0 'Ready +True' describe node node-0
expect 1 'pods "nosuch" not found' get pod nosuch

# A watch: what is there, then what happens.
(timeout 8 kubectl --context wavetank get pods -w >"$scratch/watch" 2>&1; true) &
watch=$!
sleep 1
expect 0 'pod/seen created' run seen --image=nginx
expect 0 'condition met' wait --for=condition=Ready pod/seen --timeout=60s
wait "$watch"
grep -qE '^seen +0/1 +ContainerCreating' "$scratch/watch" && grep -qE '^seen +1/1 +Running' "$scratch/watch" ||
    { echo "kubectl get pods -w:"; cat "$scratch/watch"; failed=1; }

# ---- writes ----
expect 0 'ghost scaled' scale deploy ghost --replicas=2
expect 0 'ghost labeled' label deploy ghost tier=front
expect 0 'ghost' get deploy -l 'tier in (front,back)'
expect 0 'No resources found' get deploy -l '!app'
expect 0 'annotated' annotate deploy ghost note=hello
expect 0 'patched' patch deploy ghost -p '{"spec":{"replicas":1}}'
expect 0 'patched' patch deploy ghost --type=json -p '[{"op":"replace","path":"/spec/replicas","value":2}]'
expect 0 'image updated' set image deploy/ghost ghost=ghost:1
expect 0 'successfully rolled out' rollout status deploy/ghost --timeout=120s
expect 0 '^2 ' rollout history deploy ghost
expect 0 'rolled back' rollout undo deploy ghost
expect 0 'cordoned' cordon node-1
expect 0 'SchedulingDisabled' get node node-1
expect 0 'drained|evicted' drain node-2 --ignore-daemonsets
expect 0 'tainted' taint node node-3 a=b:NoSchedule
cat >"$scratch/web.yaml" <<'Y'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
Y
expect 0 'web created \(server dry run\)' apply -f "$scratch/web.yaml" --dry-run=server
expect 0 'web created' apply -f "$scratch/web.yaml"
expect 0 'web unchanged' apply -f "$scratch/web.yaml"
sed -i 's/replicas: 2/replicas: 3/' "$scratch/web.yaml"
expect 1 '^\+  replicas: 3' diff -f "$scratch/web.yaml"
expect 0 'web configured' apply -f "$scratch/web.yaml"
expect 0 'condition met' wait --for=condition=Available deploy/web --timeout=60s
sed 's/containers:/contaners:/' "$scratch/web.yaml" >"$scratch/wrong.yaml"
expect 1 'unknown field "spec.template.spec.contaners"|unknown field "contaners" in io.k8s' apply -f "$scratch/wrong.yaml"
expect 0 'configmap/c created' create cm c --from-literal=a=b
expect 1 'configmaps "c" already exists' create cm c --from-literal=a=b
expect 0 'c +1 ' get cm c
expect 0 'autoscaled' autoscale deploy web --max=5 --cpu-percent=80
expect 0 '^yes' auth can-i delete nodes
expect 1 '^no' auth can-i delete nodes --as=alice
expect 1 'cannot list resource "pods"' get pods --as=alice
expect 0 'deployment.apps "ghost" deleted' delete deploy ghost
expect 0 'namespace "away" deleted|away created' create ns away
expect 0 'namespace "away" deleted' delete ns away --timeout=60s

# ---- without kubectl ----
server_url=$(grep -o 'https://127[0-9.:]*' "$KUBECONFIG")
http 200 '"gitVersion": "v1.36.2"' "$server_url/version"
http 403 'User .*system:anonymous.* cannot list resource .*pods' "$server_url/api/v1/pods"
http 401 '"reason":"Unauthorized"' -H 'Authorization: Bearer nonsense' "$server_url/api/v1/pods"
# What is wrong with a request is told to those who may make it.
http 403 'cannot list resource .*"x.* in API group .*nope.io' "$server_url/apis/nope.io/v1/x"
http 403 'cannot list resource .*pods' -H 'Accept: application/xml' "$server_url/api/v1/pods"
admin_identity
http 404 '404 page not found' --cert "$scratch/admin.crt" --key "$scratch/admin.key" "$server_url/apis/nope.io/v1/x"
http 406 'NotAcceptable' --cert "$scratch/admin.crt" --key "$scratch/admin.key" -H 'Accept: application/xml' \
    "$server_url/api/v1/pods"
head -c 4000000 /dev/zero >"$scratch/large"
http 413 'limit is 3145728' -X POST --data-binary "@$scratch/large" -H 'Expect:' "$server_url/api/v1/namespaces/default/configmaps"

# ---- a second server on the port, then the end ----
output=$(timeout 10 "$program" serve --listen "${server_url#https://}" --kubeconfig "$scratch/other" 2>&1)
[ $? = 3 ] && printf '%s' "$output" | grep -q 'in use' || { echo "a busy port: $output"; failed=1; }
stop || { echo "serve did not end cleanly"; cat "$scratch/serve"; failed=1; }
grep -q 'ended at' "$scratch/serve" || { echo "serve did not end cleanly"; cat "$scratch/serve"; failed=1; }

# ---- while the clock stands, requests are answered all the same ----
serve --speed paused
expect 0 'deployment.apps/web created' create deployment web --image=nginx
expect 0 'node-4 +Ready' get nodes
stop

# ---- on IPv6, where this machine has it ----
if [ -s /proc/net/if_inet6 ]; then
    serve --nodes 1 --listen '[::1]:0'
    expect 0 'node-0 +Ready' get nodes
    stop
fi
