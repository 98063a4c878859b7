# SPDX-License-Identifier: Apache-2.0
# Custom resources: a definition's life, its objects with every verb, and the kinds of the slides.

manifest="$scratch/widgets.yaml"
cp tests/scenarios/manifests/widgets.yaml "$manifest"
widget() { printf 'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: %s}\nspec: {size: %s%s}\n' "$1" "$2" "${3:-}" >"$scratch/$1.yaml"; }

serve --crds slides
expect 0 'widgets.example.com created' apply -f "$manifest"
expect 0 'condition met' wait --for condition=established crd/widgets.example.com --timeout=20s
expect 0 'widgets +wg +example.com/v1 +true +Widget' api-resources
expect 0 'example.com/v1' api-versions
expect 0 'widgets.example.com +20' get crd
expect 0 'Message: +no conflicts found' describe crd widgets.example.com
widget one 3
expect 0 'widget.example.com/one created' apply -f "$scratch/one.yaml"
expect 0 'widget.example.com/one unchanged' apply -f "$scratch/one.yaml"
expect 0 'NAME +SIZE' get wg
expect 0 'size	<integer> -required-' explain widgets.spec
expect 0 'color	<string>' explain widgets.spec --output=plaintext-openapiv2
expect 0 'one +3' get widgets.v1.example.com
expect 0 '^red$' get wg one -o 'jsonpath={.spec.color}'
expect 0 'one +3' get wg -A --field-selector spec.color=red
expect 0 'No resources found' get wg -A --field-selector spec.color=blue
expect 1 'field label not supported: spec.size' get wg -A --field-selector spec.size=3
expect 0 'widget.example.com/one scaled' scale widget one --replicas 5
expect 0 'one +5' get wg one
expect 1 'should be less than or equal to 10' scale widget one --replicas 50
expect 0 'patched' patch widget one --type merge -p '{"spec":{"color":"blue"}}'
expect 0 'patched' patch widget one --type json -p '[{"op":"replace","path":"/spec/size","value":6}]'
expect 1 'application/merge-patch\+json' patch widget one --type strategic -p '{"spec":{"size":7}}'
expect 1 'must be of type integer: "string"' patch widget one --type merge -p '{"spec":{"size":"x"}}'
expect 1 'Unsupported value: "green": supported values: "red", "blue"' patch widget one --type merge -p '{"spec":{"color":"green"}}'
expect 1 'spec.size: Required value' patch widget one --type merge -p '{"spec":{"size":null}}'
expect 0 'patched' patch widget one --type merge -p '{"status":{"size":9}}'
expect 0 '^$' get wg one -o 'jsonpath={.status.size}'
expect 0 'patched' patch widget one --subresource status --type merge -p '{"status":{"size":2}}'
expect 0 'patched' patch widget one --subresource status --type merge -p '{"metadata":{"labels":{"a":"b"}}}'
expect 0 '^$' get wg one -o 'jsonpath={.metadata.labels}'
expect 0 '^2 4$' get wg one -o 'jsonpath={.status.size} {.metadata.generation}'
expect 0 'serverside-applied' apply --server-side --field-manager other -f "$scratch/one.yaml" --force-conflicts
expect 0 'f:size' get wg one -o yaml --show-managed-fields
expect 1 '.spec.colour: field not declared in schema' apply --server-side -f - <<'Y'
apiVersion: example.com/v1
kind: Widget
metadata: {name: one}
spec: {colour: red}
Y
expect 0 'labeled' label wg one tier=front
expect 0 'one' get wg -l tier=front -o name
expect 0 'annotated' annotate wg one note=x
widget two 11
expect 1 'is invalid: spec.size: Invalid value: 11' create -f "$scratch/two.yaml"
widget two 2 ', colour: red'
expect 1 'strict decoding error: unknown field "spec.colour"' create --validate=strict -f "$scratch/two.yaml"
expect 0 'Warning: unknown field "spec.colour"' create --validate=warn -f "$scratch/two.yaml"
expect 0 'Events:' describe wg two
expect 0 'yes' auth can-i create widgets.example.com
expect 1 'no' auth can-i get widgets.example.com --as nobody
expect 0 'created' create role reader --verb get,list --resource widgets.example.com
expect 0 'created' create rolebinding reader --role reader --user ann
expect 0 'one' get wg --as ann
expect 1 'cannot delete resource "widgets" in API group "example.com"' delete wg one --as ann
expect 1 'spec.names.kind|metadata.name: Invalid value' create -f - <<'Y'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: x.example.com}
spec: {group: example.com, scope: Namespaced, names: {plural: gadgets, kind: Gadget}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}
Y
expect 1 'spec.validation.openAPIV3Schema.properties\[spec\].properties\[a\].type: Required value: must not be empty for specified object fields' create -f - <<'Y'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec: {group: example.com, scope: Namespaced, names: {plural: gadgets, kind: Gadget}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {a: {description: none}}}}}}}]}
Y
expect 0 'widget.example.com "two" deleted' delete wg two
expect 0 'customresourcedefinition.apiextensions.k8s.io "widgets.example.com" deleted' delete crd widgets.example.com
expect 1 "the server doesn't have a resource type \"wg\"|could not find the requested resource" get wg
# Several versions, rules, names that are taken, conversion by webhook.
cat >"$scratch/parts.yaml" <<'Y'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: parts.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {plural: parts, kind: Part, shortNames: [pt]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: &schema
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            x-kubernetes-validations: [{rule: "self.min <= self.max", message: min is above max}]
            properties:
              min: {type: integer, default: 1}
              max: {type: integer, default: 9}
  - {name: v1beta1, served: true, storage: false, deprecated: true, schema: *schema}
  - {name: v2alpha1, served: false, storage: false, schema: *schema}
Y
part() { printf 'apiVersion: shop.example.com/%s\nkind: Part\nmetadata: {name: %s, namespace: stock%s}\nspec: {min: 3}\n' "$1" "$2" "${3:-}" >"$scratch/part.yaml"; }
expect 0 'parts.shop.example.com created' apply -f "$scratch/parts.yaml"
expect 0 'condition met' wait --for condition=established crd/parts.shop.example.com --timeout=20s
expect 0 'created' create namespace stock
part v1beta1 one
expect 0 'Warning: shop.example.com/v1beta1 Part is deprecated' create -f "$scratch/part.yaml"
expect 0 '^shop.example.com/v1 9$' get -n stock parts.v1.shop.example.com one -o 'jsonpath={.apiVersion} {.spec.max}'
expect 0 '^shop.example.com/v1beta1$' get -n stock parts.v1beta1.shop.example.com one -o 'jsonpath={.apiVersion}'
expect 1 "the server doesn't have a resource type" get -n stock parts.v2alpha1.shop.example.com
expect 1 'spec: Invalid value: "object": min is above max' patch -n stock pt one --type merge -p '{"spec":{"min":10}}'
expect 0 'created' create quota -n stock parts --hard count/parts.shop.example.com=2
expect 0 'condition met' wait -n stock quota/parts --for 'jsonpath={.status.used.count/parts\.shop\.example\.com}=1' --timeout=20s
uid=$(kubectl --context wavetank get -n stock pt one -o 'jsonpath={.metadata.uid}')
part v1 two ", ownerReferences: [{apiVersion: shop.example.com/v1, kind: Part, name: one, uid: $uid}]"
expect 0 'created' create -f "$scratch/part.yaml"
part v1 three
expect 1 'exceeded quota: parts, requested: count/parts.shop.example.com=1, used: count/parts.shop.example.com=2' create -f "$scratch/part.yaml"
expect 0 'deleted' delete -n stock pt one
expect 0 '' wait -n stock pt/two --for delete --timeout=20s
expect 0 'created' create -f "$scratch/part.yaml"
expect 0 'patched' patch crd parts.shop.example.com --type json -p '[{"op":"replace","path":"/spec/versions/0/storage","value":false},{"op":"replace","path":"/spec/versions/1/storage","value":true}]'
expect 0 '^\["v1","v1beta1"\]$' get crd parts.shop.example.com -o 'jsonpath={.status.storedVersions}'
expect 0 '^shop.example.com/v1 3$' get -n stock parts.v1.shop.example.com three -o 'jsonpath={.apiVersion} {.spec.min}'
expect 1 'must remain in spec.versions until a storage migration ensures' patch crd parts.shop.example.com --type json -p '[{"op":"remove","path":"/spec/versions/0"}]'
expect 1 '"Name":"v1","Served":true,"Storage":false,"Deprecated":false' patch crd parts.shop.example.com --type json -p '[{"op":"replace","path":"/spec/versions/1/storage","value":false}]'
expect 0 'deleted' delete namespace stock
expect 0 'No resources found' get pt -A
expect 1 'undeclared reference to .other.|undefined field .other.' apply -f - <<Y
$(sed 's/self.min <= self.max/self.min <= self.other/' "$scratch/parts.yaml")
Y
expect 0 'created' create -f - <<'Y'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.shop.example.com}
spec: {group: shop.example.com, scope: Namespaced, names: {plural: things, kind: Part, singular: thing}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}
Y
expect 0 'Warning: unrecognized format "colour"' create -f - <<'Y'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: paints.shop.example.com}
spec: {group: shop.example.com, scope: Namespaced, names: {plural: paints, kind: Paint}, versions: [{name: v1, served: true, storage: true, subresources: {scale: {specReplicasPath: .spec.pots, statusReplicasPath: .status.pots}}, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {pots: {type: integer}, hue: {type: string, format: colour}, when: {type: string, format: date-time}}}}}}}]}
Y
expect 0 'condition met' wait --for condition=established crd/paints.shop.example.com --timeout=20s
expect 0 'Warning: metadata.finalizers: "x.y": prefer a domain-qualified finalizer name including a path' create -f - <<'Y'
apiVersion: shop.example.com/v1
kind: Paint
metadata: {name: one, namespace: default, finalizers: [x.y]}
spec: {pots: 1, hue: any}
Y
expect 1 '.spec.pots: Invalid value: -1: should be a non-negative integer' patch paint one --type merge -p '{"spec":{"pots":-1}}'
expect 0 'patched' patch paint one --type merge -p '{"metadata":{"finalizers":null}}'
expect 0 'condition met' wait crd/things.shop.example.com --for condition=NamesAccepted=false --timeout=20s
expect 0 'is already in use' get crd things.shop.example.com -o 'jsonpath={.status.conditions[0].message}'
# The slides' third-party kinds.
expect 0 'certificates +cert,certs +cert-manager.io/v1 +true +Certificate' api-resources
expect 0 'traffictargets +tt +access.smi-spec.io/v1alpha2 +true +TrafficTarget' api-resources
expect 0 'static-cert created' create -f - <<'Y'
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: static-cert}
spec: {secretName: static-tls, dnsNames: [static.example.com], issuerRef: {name: le, kind: ClusterIssuer}}
Y
expect 0 'NAME +READY +SECRET +AGE' get cert
expect 0 'static-tls' get cert-manager
