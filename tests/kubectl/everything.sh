# What kubectl can do, one by one. Sourced by tests/kubectl.sh.
serve --nodes 5 --speed 30
dir="$scratch/everything"
mkdir -p "$dir"

# ---- create: each generator ----
expect 0 'namespace/e created' create namespace e
kubectl --context wavetank config set-context wavetank --namespace e >/dev/null
expect 0 'configmap/c created' create configmap c --from-literal=a=b --from-literal=c=d
printf 'hello\n' >"$dir/file.txt"
expect 0 'configmap/f created' create configmap f --from-file="$dir/file.txt"
expect 0 'secret/s created' create secret generic s --from-literal=password=p
expect 0 'secret/d created' create secret docker-registry d --docker-username=u --docker-password=p --docker-server=r.io
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -keyout "$dir/key" -out "$dir/crt" >/dev/null 2>&1
expect 0 'secret/t created' create secret tls t --cert="$dir/crt" --key="$dir/key"
expect 0 'serviceaccount/sa created' create serviceaccount sa
since 24 expect 0 '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$' create token sa
expect 0 'deployment.apps/web created' create deployment web --image=nginx --replicas=2 --port=80
expect 0 'job.batch/j created' create job j --image=busybox -- sh -c 'echo done'
since 21 expect 0 'cronjob.batch/cj created' create cronjob cj --image=busybox --schedule='*/5 * * * *' -- true
since 21 expect 0 'job.batch/from created' create job from --from=cronjob/cj
expect 0 'quota/q created|resourcequota/q created' create quota q --hard=pods=100,services=50
expect 0 'role.rbac.authorization.k8s.io/r created' create role r --verb=get,list --resource=pods
expect 0 'rolebinding.rbac.authorization.k8s.io/rb created' create rolebinding rb --role=r --serviceaccount=e:sa
expect 0 'clusterrole.rbac.authorization.k8s.io/cr created' create clusterrole cr --verb=get --resource=nodes
expect 0 'clusterrolebinding.rbac.authorization.k8s.io/crb created' create clusterrolebinding crb --clusterrole=cr --user=ann
expect 0 'service/cip created' create service clusterip cip --tcp=80:80
expect 0 'service/np created' create service nodeport np --tcp=80:80 --node-port=31080
expect 0 'service/lb created' create service loadbalancer lb --tcp=80:80
expect 0 'service/en created' create service externalname en --external-name=example.org
expect 0 'ingress.networking.k8s.io/i created' create ingress i --rule='a.b/=cip:80'
since 21 expect 0 'poddisruptionbudget.policy/p created' create poddisruptionbudget p --selector=app=web --min-available=1
expect 0 'priorityclass.scheduling.k8s.io/high created' create priorityclass high --value=1000 --description=d
expect 0 'pod/one created' run one --image=nginx --labels=app=one,tier=x --port=80 --env=A=B
expect 0 'service/one exposed' expose pod one --port=80 --name=one
expect 0 'successfully rolled out' rollout status deploy web --timeout=90s
expect 0 'condition met' wait --for=condition=Ready pod/one --timeout=90s
expect 0 'kind: Deployment' create deployment dry --image=nginx --dry-run=client -o yaml
expect 0 'created \(server dry run\)' create deployment dry --image=nginx --dry-run=server
expect 1 'deployments.apps "dry" not found' get deploy dry

# ---- get: each form ----
expect 0 '^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES$' get pods -o wide
expect 0 '^one +1/1 +Running +0 +[0-9ms]+ +10\.[0-9.]+ +node-[0-4] +<none> +<none>$' get pods -o wide
expect 0 '^  phase: Running$' get pod one -o yaml
expect 0 '^    "kind": "Pod",$' get pod one -o json
expect 0 '^pod/one$' get pods -o name
expect 0 '^one$' get pod one -o 'jsonpath={.metadata.name}'
expect 0 '^nginx$' get pod one -o 'jsonpath={.spec.containers[?(@.name=="one")].image}'
expect 0 '^    "one"$' get pod one -o 'jsonpath-as-json={.metadata.name}'
printf '{.metadata.name}{"\\n"}' >"$dir/jsonpath"
expect 0 '^one$' get pod one -o "jsonpath-file=$dir/jsonpath"
expect 0 '^one +nginx$' get pods -l app=one -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image
printf 'NAME PHASE\n.metadata.name .status.phase\n' >"$dir/columns"
expect 0 '^one +Running$' get pod one -o "custom-columns-file=$dir/columns"
expect 0 '^one$' get pod one -o 'go-template={{.metadata.name}}'
printf '{{.metadata.name}}' >"$dir/template"
expect 0 '^one$' get pod one -o "go-template-file=$dir/template"
expect 0 '^kube-system' get pods,cm -A
expect 0 '^e +one' get pods -A
expect 0 '^NAME +READY +STATUS +RESTARTS +AGE +LABELS$' get pods --show-labels
expect 0 '^one .*app=one,tier=x$' get pods --show-labels
expect 0 '^NAME +READY +STATUS +RESTARTS +AGE +TIER$' get pods -L tier
expect 0 '^pod/one +1/1' get pods --show-kind
expect 0 '^one +1/1' get pods --no-headers
expect 0 '^web-' get pods -l 'app in (web)' --field-selector=status.phase=Running
expect 0 '^one' get pods --field-selector=metadata.name=one
expect 0 '^one' get pods --sort-by=.metadata.name
expect 0 '^one' get pods --chunk-size=1
expect 0 '^deployment.apps/web' get all
expect 0 '^one' get pods one --ignore-not-found
expect 0 '^$' get pods nobody --ignore-not-found
expect 1 "the server doesn't have a resource type \"nosuch\"" get nosuch
expect 0 '"kind":"PodList"|"kind": "PodList"' get --raw /api/v1/namespaces/e/pods
expect 0 '^one$' get pod one --output-watch-events=false -o 'jsonpath={.metadata.name}'
(timeout 4 kubectl --context wavetank get configmaps -w --output-watch-events >"$dir/watch" 2>&1; true) &
watch=$!
sleep 1
expect 0 'created' create configmap watched
expect 0 'deleted' delete configmap watched
wait "$watch"
grep -q '^ADDED +watched' -E "$dir/watch" && grep -qE '^DELETED +watched' "$dir/watch" || { echo "get -w:"; cat "$dir/watch"; failed=1; }

# ---- describe: each kind that is served, where there is one ----
for kind in $(kubectl --context wavetank api-resources --verbs=get,list -o name); do
    # kubectl 1.32 asks for beta versions of two, kubectl 1.20 of a third, which a 1.36 server does not have.
    case $kind in componentstatuses | *.metrics.k8s.io | ipaddresses.* | servicecidrs.*) continue ;; endpointslices.*) [ "$client_minor" -ge 21 ] || continue ;; esac
    timeout 60 kubectl --context wavetank describe -A "$kind" >"$dir/describe" 2>&1 || { echo "describe $kind:"; head -5 "$dir/describe"; failed=1; }
    timeout 60 kubectl --context wavetank get -A "$kind" >"$dir/get" 2>&1 || { echo "get $kind:"; head -5 "$dir/get"; failed=1; }
done
expect 0 '^Node: +node-[0-4]/10\.' describe pod one
expect 0 'Successfully assigned e/one to node-' describe pod one
expect 0 'Allocated resources:' describe node node-0
expect 0 '^Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable' describe deploy web
expect 0 '^Endpoints: +10\.' describe svc one
expect 0 'pods +[0-9]+ +100' describe quota q
expect 0 'pods +\[\] +\[\] +\[get list\]' describe role r
expect 0 'ServiceAccount +sa +e' describe rolebinding rb
expect 0 'password: +1 bytes' describe secret s

# ---- writes ----
expect 0 'deployment.apps/web scaled' scale deploy web --replicas=3
expect 1 'Expected replicas to be 9, was 3|expected replicas to be 9' scale deploy web --replicas=4 --current-replicas=9
expect 0 'horizontalpodautoscaler.autoscaling/web autoscaled' autoscale deploy web --min=2 --max=5 --cpu-percent=80
expect 0 'web +Deployment/web +cpu: <unknown>/80% +2 +5' get hpa
expect 0 'deleted' delete hpa web
expect 0 'image updated' set image deploy/web nginx=nginx:1.25
expect 0 'env updated' set env deploy/web A=B
expect 0 '^A=B$' set env deploy/web --list
expect 0 'resource requirements updated' set resources deploy/web --limits=cpu=200m,memory=128Mi --requests=cpu=10m
expect 0 'selector updated' set selector svc cip app=web
expect 0 'serviceaccount updated' set serviceaccount deploy/web sa
expect 0 'subjects updated' set subject rolebinding rb --user=ann
expect 0 'successfully rolled out' rollout status deploy/web --timeout=120s
expect 0 '^REVISION +CHANGE-CAUSE' rollout history deploy/web
expect 0 'Image:.*nginx:1.25' rollout history deploy/web --revision=2
expect 0 'rolled back' rollout undo deploy/web --to-revision=1
expect 0 'paused' rollout pause deploy/web
expect 1 'paused' rollout restart deploy/web
expect 0 'resumed' rollout resume deploy/web
expect 0 'restarted' rollout restart deploy/web
expect 0 'successfully rolled out' rollout status deploy/web --timeout=120s
expect 0 'pod/one labeled' label pod one a=b
expect 1 "'a' already has a value \(b\), and --overwrite is false" label pod one a=c
expect 0 'pod/one labeled' label pod one a=c --overwrite
expect 0 'pod/one (un)?labeled' label pod one a-
expect 0 'pod/one annotated' annotate pod one note=x
expect 0 'pod/one annotated' annotate pod one note-
expect 0 'node/node-0 tainted' taint node node-0 k=v:NoSchedule
expect 0 'node/node-0 untainted' taint node node-0 k-
expect 0 'node/node-1 cordoned' cordon node-1
expect 0 'node-1 +Ready,SchedulingDisabled' get node node-1
expect 0 'node/node-1 already cordoned' cordon node-1
expect 0 'node/node-1 uncordoned' uncordon node-1
node=$(kubectl --context wavetank get pod one -o 'jsonpath={.spec.nodeName}')
[ "$node" = node-2 ] && other=node-3 || other=node-2
expect 0 "node/$other (drained|evicted)" drain "$other" --ignore-daemonsets --force --delete-emptydir-data --timeout=120s
expect 0 "node/$other uncordoned" uncordon "$other"
expect 0 'patched' patch deploy web -p '{"spec":{"template":{"metadata":{"labels":{"x":"y"}}}}}'
expect 0 'patched' patch deploy web --type=merge -p '{"metadata":{"annotations":{"a":"b"}}}'
expect 0 'patched' patch deploy web --type=json -p '[{"op":"add","path":"/metadata/annotations/c","value":"d"}]'
expect 0 'patched \(no change\)' patch deploy web --type=merge -p '{"metadata":{"annotations":{"a":"b"}}}'
since 24 expect 0 'patched' patch deploy web --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'
expect 1 'not found' patch deploy nobody -p '{}'
kubectl --context wavetank get configmap c -o yaml >"$dir/c.yaml"
sed -i 's/a: b/a: second/' "$dir/c.yaml"
expect 0 'configmap/c replaced' replace -f "$dir/c.yaml"
expect 1 'the object has been modified' replace -f "$dir/c.yaml"
sed -i '/resourceVersion/d;/uid/d;/managedFields/,/time:/d' "$dir/c.yaml"
expect 0 'configmap/c replaced' replace --force -f "$dir/c.yaml"
sed -i 's/a: second/a: third/' "$dir/c.yaml"
expect 1 '^\+  a: third' diff -f "$dir/c.yaml"
expect 0 'configured' apply -f "$dir/c.yaml"
expect 0 '^$' diff -f "$dir/c.yaml"
expect 0 'a: third' apply view-last-applied configmap c
KUBE_EDITOR="sed -i s/a:.third/a:\ fourth/" expect 0 'configmap/c edited' edit configmap c
KUBE_EDITOR="sed -i s/replicas:.[23]/replicas:\ many/" expect 1 '' edit deploy web

# ---- wait ----
expect 0 'condition met' wait --for=condition=Available deploy/web --timeout=120s
since 23 expect 0 'condition met' wait --for=jsonpath='{.status.phase}'=Running pod/one --timeout=60s
expect 0 'condition met' wait --for=condition=Complete job/j --timeout=120s
expect 1 'timed out waiting' wait --for=condition=Never pod/one --timeout=1s
expect 0 'deleted' delete pod one --wait=false
since 21 expect 0 'condition met|^$' wait --for=delete pod/one --timeout=60s
expect 0 'pod/again created' run again --image=nginx
expect 0 'pod "again" force deleted' delete pod again --force --grace-period=0
expect 1 'not found' delete pod again

# ---- explain, who may what ----
expect 0 'FIELD: +replicas <integer>' explain deploy.spec.replicas
expect 0 'KIND: +Pod' explain pod
expect 0 'livenessProbe' explain pod.spec.containers --recursive
expect 1 "couldn't find resource|field \"nosuch\" does not exist" explain pod.nosuch
expect 0 '^yes$' auth can-i create pods
expect 0 '^yes$' auth can-i list pods --as=system:serviceaccount:e:nobody --as-group=system:masters
expect 1 '^no' auth can-i list pods --as=bob
expect 0 'selfsubjectreviews|Resources +Non-Resource' auth can-i --list
since 27 expect 0 'kubernetes-admin' auth whoami
printf 'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: rec, namespace: e}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n' \
    >"$dir/role.yaml"
expect 0 'reconciled' auth reconcile -f "$dir/role.yaml"
expect 0 'LAST SEEN +TYPE +REASON +OBJECT +MESSAGE' get events
since 26 expect 0 'Scheduled' events --for pod/one
expect 1 'Metrics API not available|error: Metrics API not available|the server could not find the requested resource' top pods
expect 0 '^apps/v1$' api-versions
expect 0 'deployments' api-resources --api-group=apps
expect 0 'Kubernetes control plane.* is running at' cluster-info
expect 0 '"kind": "NodeList"' cluster-info dump
expect 0 'wavetank' config get-contexts
expect 0 'current-context|wavetank' config view
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=ann/O=devs -keyout "$dir/ann.key" -out "$dir/ann.csr" >/dev/null 2>&1
cat >"$dir/csr.yaml" <<Y
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ann}
spec: {signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], request: $(base64 -w0 "$dir/ann.csr")}
Y
expect 0 'created' apply -f "$dir/csr.yaml"
expect 0 '^ann .* Pending' get csr
expect 0 'approved' certificate approve ann
expect 0 '^ann .* Approved' get csr
sed -i 's/name: ann/name: bob/' "$dir/csr.yaml"
expect 0 'created' apply -f "$dir/csr.yaml"
expect 0 'denied' certificate deny bob
mkdir -p "$dir/base"
printf 'resources: [../web.yaml]\nnamePrefix: pre-\nnamespace: e\n' >"$dir/base/kustomization.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: k}\n' >"$dir/web.yaml"
printf 'resources: [web.yaml]\nnamePrefix: pre-\nnamespace: e\n' >"$dir/kustomization.yaml"
rm -r "$dir/base"
expect 0 'name: pre-k' kustomize "$dir"
expect 0 'configmap/pre-k created' apply -k "$dir"
expect 0 'deleted' delete -k "$dir"
kubectl --context wavetank proxy --port=0 >"$dir/proxy" 2>&1 &
proxy=$!
for _ in $(seq 50); do grep -q 'Starting to serve' "$dir/proxy" && break; sleep 0.2; done
http 200 '"gitVersion": "v1.36.2"' "http://$(sed 's/.* on //' "$dir/proxy")/version"
kill "$proxy"
expect 0 'deleted' delete all --all
expect 0 'No resources found' delete cm,secret -l nothing=here --ignore-not-found
expect 0 'namespace "e" deleted' delete namespace e --timeout=120s

# ---- pod security: the writer is warned, the pod is refused ----
expect 0 'namespace/hard created' create namespace hard
expect 0 'pod/bare created' run bare --image=nginx -n hard
level='pod-security.kubernetes.io/enforce'
expect 0 'Warning: existing pods in namespace "hard" violate the new PodSecurity enforce level "restricted:latest"' \
    label namespace hard "$level=restricted" --dry-run=server
expect 0 '^Warning: bare: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile$' \
    label namespace hard "$level=restricted"
expect 1 'pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false \(container "p" must set' \
    run p --image=nginx -n hard
expect 0 'Warning: would violate PodSecurity "restricted:latest": .*seccompProfile \(pod or container "nginx" must set' \
    create deployment d --image=nginx -n hard
expect 0 'namespace/hard labeled' label namespace hard "$level=baseline" "$level-version=v1.30" --overwrite
expect 0 'pod/p created' run p --image=nginx -n hard
expect 1 'violates PodSecurity "baseline:v1.30": host namespaces \(hostNetwork=true\)$' \
    run h --image=nginx -n hard --overrides='{"spec":{"hostNetwork":true}}'
expect 1 'enforce-version.*: Invalid value: "1.30": must be "latest" or "v1.x"' \
    label namespace hard "$level-version=1.30" --overwrite
expect 0 'namespace "hard" deleted' delete namespace hard --timeout=120s

# ---- a kind that is to go says so, whatever is asked of it ----
gone='Warning: v1 Endpoints is deprecated in v1.33\+; use discovery.k8s.io/v1 EndpointSlice'
expect 0 "$gone" get endpoints
expect 0 "$gone" get endpoints kubernetes -n default
expect 0 "$gone" get endpoints -w --request-timeout=1s
expect 0 "$gone" delete endpoints -l nothing=here

# ---- what a server says of itself ----
expect 0 '^v1. +Local +True +[0-9smh]+$' get apiservices
expect 0 '^v1.apps +Local +True +' get apiservices
expect 0 '^v2.autoscaling +Local +True +' get apiservices v2.autoscaling
expect 0 '^catch-all +catch-all +10000 +ByUser +[0-9smh]+ +False$' get flowschemas
stop
serve --nodes 1 --etcd 3
expect 0 '^etcd-2 +Healthy +ok' get componentstatuses
expect 0 '^etcd-1 +Healthy +ok' get componentstatuses etcd-1
expect 1 'componentstatuses "etcd-3" not found' get componentstatuses etcd-3
