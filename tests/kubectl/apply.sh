# Server-side apply, managedFields, patches and field validation, as kubectl sees them. Sourced by tests/kubectl.sh.
serve --nodes 2 --speed 10
cat >"$scratch/cm.yaml" <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: ssa, labels: {l: x}}
data: {a: "1", b: "2"}
Y
sed 's/a: "1", b: "2"/a: "9"/; s/, labels: {l: x}//' "$scratch/cm.yaml" >"$scratch/cm-other.yaml"

# ---- two appliers ----
expect 0 '^configmap/ssa serverside-applied$' apply --server-side -f "$scratch/cm.yaml"
expect 1 'Apply failed with 1 conflict: conflict with "kubectl": \.data\.a' \
    apply --server-side --field-manager=other -f "$scratch/cm-other.yaml"
expect 0 'serverside-applied' apply --server-side --field-manager=other --force-conflicts -f "$scratch/cm-other.yaml"
expect 0 '^9 2 x$' get cm ssa -o 'jsonpath={.data.a} {.data.b} {.metadata.labels.l}'
expect 0 '^kubectl Apply [{]"f:data":[{]"f:b":[{][}][}],"f:metadata":[{]"f:labels":[{]"f:l":.* other Apply [{]"f:data":[{]"f:a":' \
    get cm ssa -o 'jsonpath={range .metadata.managedFields[*]}{.manager} {.operation} {.fieldsV1} {end}'
expect 0 'manager: other' get cm ssa -o yaml --show-managed-fields
output=$(kubectl --context wavetank get cm ssa -o yaml)
case $output in *managedFields*) echo "managedFields are shown unasked"; failed=1 ;; esac
# What an applier gives up and nobody else owns is gone.
expect 0 'serverside-applied' apply --server-side -f - <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: ssa}
Y
expect 0 '^[{]"a":"9"[}] $' get cm ssa -o 'jsonpath={.data} {.metadata.labels}'
expect 0 'serverside-applied \(server dry run\)' apply --server-side --dry-run=server --force-conflicts -f "$scratch/cm.yaml"
expect 0 '^[{]"a":"9"[}]$' get cm ssa -o 'jsonpath={.data}'
expect 1 'b: "2"' diff --server-side --force-conflicts -f "$scratch/cm.yaml"

# ---- from client-side apply ----
cat >"$scratch/web.yaml" <<'Y'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]}
Y
expect 0 'deployment.apps/web created' apply -f "$scratch/web.yaml"
expect 0 'kubectl-client-side-apply' get deploy web -o 'jsonpath={.metadata.managedFields[*].manager}'
expect 0 'replicas: 2' apply view-last-applied deploy/web
expect 0 'serverside-applied' apply --server-side -f "$scratch/web.yaml"
expect 0 '^kubectl-last-applied kubectl' get deploy web -o 'jsonpath={.metadata.managedFields[*].manager}'
sed 's/replicas: 2/replicas: 3/' "$scratch/web.yaml" >"$scratch/web3.yaml"
expect 0 'serverside-applied' apply --server-side -f "$scratch/web3.yaml"
expect 0 '"replicas":3' get deploy web -o 'jsonpath={.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}'
expect 0 'scaled' scale deploy web --replicas=1
expect 1 'conflict with "kubectl" with subresource "scale" using apps/v1: \.spec\.replicas' \
    apply --server-side -f "$scratch/web3.yaml"
expect 0 'configured' apply set-last-applied -f "$scratch/web.yaml" --create-annotation
expect 0 'replicas: 2' apply view-last-applied deploy/web
KUBE_EDITOR="sed -i s/replicas:.2/replicas:\ 4/" expect 0 'edited' apply edit-last-applied deploy/web
expect 0 'replicas: 4' apply view-last-applied deploy/web

# ---- what is refused ----
expect 1 'field not declared in schema' apply --server-side --validate=false -f - <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: bogus}
bogus: 1
Y
expect 1 'duplicate entries for key \[name="a"\]' apply --server-side -f - <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: twice}
spec: {containers: [{name: a, image: x}, {name: a, image: y}]}
Y
expect 1 'metadata.managedFields must be nil' apply --server-side -f - <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: ssa, managedFields: [{manager: x}]}
Y
expect 1 'uid mismatch' apply --server-side -f - <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: new, uid: "7"}
Y
expect 1 'the object has been modified' apply --server-side -f - <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: ssa, resourceVersion: "1"}
Y

# Who may patch may not create by applying.
expect 0 created create role patcher --verb=patch,get --resource=configmaps
expect 0 created create rolebinding patcher --role=patcher --user=pat
expect 0 'serverside-applied' apply --server-side --as pat --force-conflicts -f "$scratch/cm.yaml"
expect 1 'User "pat" cannot create resource "configmaps"' apply --server-side --as pat -f - <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: new}
Y

# ---- a custom kind: the schema says which lists are maps ----
expect 0 'created' create -f - <<'Y'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              crew:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, rank: {type: string}}
              tags: {type: object, additionalProperties: {type: string}, x-kubernetes-map-type: atomic}
Y
expect 0 'condition met' wait --for=condition=Established crd/boats.example.com --timeout=60s
boat() { printf 'apiVersion: example.com/v1\nkind: Boat\nmetadata: {name: b}\nspec: %s\n' "$1" >"$scratch/boat.yaml"; }
boat '{crew: [{name: ann, rank: a}], tags: {x: "1"}}'
expect 0 'serverside-applied' apply --server-side --field-manager=m1 -f "$scratch/boat.yaml"
boat '{crew: [{name: bob, rank: b}]}'
expect 0 'serverside-applied' apply --server-side --field-manager=m2 -f "$scratch/boat.yaml"
expect 0 '^ann bob$' get boat b -o 'jsonpath={.spec.crew[*].name}'
boat '{crew: [{name: ann, rank: c}], tags: {y: "2"}}'
expect 1 'with 2 conflicts: conflicts with "m1":' apply --server-side --field-manager=m2 -f "$scratch/boat.yaml"
boat '{crew: [{name: ann, rank: 1}]}'
expect 1 'rank: expected string, got &value.valueUnstructured{Value:1}' \
    apply --server-side --validate=false --field-manager=m2 -f "$scratch/boat.yaml"
boat '{}'
expect 0 'serverside-applied' apply --server-side --field-manager=m1 -f "$scratch/boat.yaml"
expect 0 '^bob  *$' get boat b -o 'jsonpath={.spec.crew[*].name} {.spec.tags}'

# ---- patches ----
expect 0 'patched' patch cm ssa --type=json -p '[{"op":"add","path":"/data/c","value":"3"}]'
expect 0 'kubectl-patch' get cm ssa -o 'jsonpath={.metadata.managedFields[*].manager}'
expect 1 'the server rejected our request due to an error in our request' \
    patch cm ssa --type=json -p '[{"op":"remove","path":"/data/nosuch"}]'
expect 1 'does not contain declared merge key: name' \
    patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"image":"x"}]}}}}'
expect 1 'unknown patch type: nosuch in map' patch cm ssa -p '{"data":{"$patch":"nosuch"}}'
expect 1 'unrecognized type: int32' patch deploy web -p '{"spec":{"replicas":"x"}}'
expect 0 'unknown field "spec.bogus"' patch deploy web -p '{"spec":{"bogus":1}}'
expect 0 '^kube-controller-manager kubectl-patch$|^kubectl-patch kube-controller-manager$' \
    patch deploy web --subresource=status --type=merge -p '{"status":{"collisionCount":5}}' \
    -o 'jsonpath={.metadata.managedFields[?(@.subresource=="status")].manager}'
stop
