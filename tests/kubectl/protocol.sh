# The protocol as client libraries speak it: what kubectl does not ask for. Sourced by tests/kubectl.sh.
serve --nodes 3 --speed 1
admin_identity
at=$(kubectl config view --raw -o "jsonpath={.clusters[?(@.name=='wavetank')].cluster.server}")
# call CODE PATTERN METHOD PATH [BODY [TYPE]]
call() {
    code=$1
    pattern=$2
    method=$3
    path=$4
    body=${5:-}
    type=${6:-application/json}
    set -- -X "$method" --cert "$scratch/admin.crt" --key "$scratch/admin.key"
    [ -z "$body" ] || set -- "$@" -H "Content-Type: $type" -d "$body"
    http "$code" "$pattern" "$@" "$at$path"
}
maps=/api/v1/namespaces/default/configmaps
pods=/api/v1/namespaces/default/pods

# ---- what a deletion says ----
call 201 '"name":"a"' POST $maps '{"metadata":{"name":"a"}}'
call 422 'propagationPolicy: Invalid value: ."Orphan.": orphanDependents and deletionPropagation cannot be both set' \
    DELETE $maps/a '{"propagationPolicy":"Orphan","orphanDependents":true}'
call 422 'orphanDependents and deletionPropagation cannot be both set' DELETE "$maps/a?propagationPolicy=Orphan&orphanDependents=false"
call 422 'dryRun: Unsupported value: \[."some."\]: supported values: ."All."' DELETE $maps/a '{"dryRun":["some"]}'
call 200 '"name":"a"' GET $maps/a
# All namespaces at once cannot be emptied.
call 405 'the server does not allow this method on the requested resource' DELETE /api/v1/configmaps
call 200 '"name":"a"' GET $maps/a

# ---- finalizers of Kubernetes' own kinds have a domain ----
unqualified='metadata.finalizers\[1\]: Invalid value: ."foo.": name is neither a standard finalizer name nor is it fully qualified'
call 422 "$unqualified" POST $maps '{"metadata":{"name":"b","finalizers":["a.b/c","foo","orphan"]}}'
call 422 "$unqualified.*\"causes\":\[\{[^}]*\}\]" PATCH $maps/a '{"metadata":{"finalizers":["a.b/c","foo"]}}' application/merge-patch+json
call 200 '"finalizers":\["a.b/c","orphan"\]' PATCH $maps/a '{"metadata":{"finalizers":["a.b/c","orphan"]}}' application/merge-patch+json

# ---- an eviction does what its options say ----
call 201 '"name":"p"' POST $pods '{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"busybox","command":["sleep","3600"]}]}}'
expect 0 'condition met' wait --for=condition=Ready pod/p --timeout=60s
evict() { call "$1" "$2" POST $pods/p/eviction "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"p\"},\"deleteOptions\":$3}"; }
evict 201 '"Success"' '{"dryRun":["All"]}'
evict 409 'Operation cannot be fulfilled on Pod ."p.": the UID in the precondition \(x\) does not match the UID in record' \
    '{"preconditions":{"uid":"x"}}'
evict 409 'the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record' \
    '{"preconditions":{"resourceVersion":"1"}}'
expect 0 '^$' get pod p -o 'jsonpath={.metadata.deletionTimestamp}'
evict 201 '"Success"' '{"gracePeriodSeconds":20}'
expect 0 '^20$' get pod p -o 'jsonpath={.metadata.deletionGracePeriodSeconds}'
# Less than nothing is a second.
call 200 '"deletionGracePeriodSeconds":1' DELETE $pods/p '{"gracePeriodSeconds":-5}'

# ---- events by the fields of either group ----
events=/apis/events.k8s.io/v1/namespaces/default/events
call 201 '"name":"e"' POST $events '{"metadata":{"name":"e"},"eventTime":"2026-11-26T02:50:00.123456Z","reportingController":"a.b/c",
    "reportingInstance":"c-1","action":"Do","reason":"R","regarding":{"kind":"Pod","namespace":"default","name":"x"},"type":"Normal"}'
call 200 '"items":\[\{"metadata":\{"name":"e"' GET "$events?fieldSelector=regarding.name%3Dx,reportingController%3Da.b/c"
call 200 '"items":\[\]' GET "$events?fieldSelector=regarding.name%3Dy"
call 200 '"items":\[\{"metadata":\{"name":"e"' GET '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dx,source%3Da.b/c'

# ---- a patch that is no JSON is told of when there is something to patch ----
for form in merge-patch json-patch strategic-merge-patch; do
    call 404 'configmaps ."none." not found' PATCH $maps/none '{' application/$form+json
    call 400 'unexpected end of JSON input' PATCH $maps/a '{' application/$form+json
    call 404 'deployments.apps ."none." not found' PATCH /apis/apps/v1/namespaces/default/deployments/none/scale '{' application/$form+json
done
call 400 'error decoding YAML' PATCH "$maps/none?fieldManager=m" '{' application/apply-patch+yaml

# ---- keys that come twice in YAML ----
twice='apiVersion: v1
kind: ConfigMap
metadata: {name: twice}
data:
  ca.crt: b
  ca.crt: c
  d: e
  d: e'
errors='yaml: unmarshal errors:.n  line 6: key ."ca.crt." already set in map.n  line 8: key ."d." already set in map'
call 400 "ConfigMap in version .\"v1.\" cannot be handled as a ConfigMap: strict decoding error: $errors, unknown field .\"foo.\"" \
    POST "$maps?fieldValidation=Strict" "$twice
foo: bar" application/yaml
call 400 "error strict decoding YAML: error converting YAML to JSON: $errors" \
    PATCH "$maps/twice?fieldValidation=Strict&fieldManager=m" "$twice" application/apply-patch+yaml
call 201 '"ca.crt":"c"' POST $maps "$twice" application/yaml

# ---- the store takes 1.5 MiB, the server 3 ----
big() { # NAME BYTES: the body into $scratch/big
    { printf '{"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"%s"},"revision":1,"data":{"a":"' "$1"
      head -c "$2" /dev/zero | tr '\0' x; printf '"}}'; } >"$scratch/big"
}
revisions=/apis/apps/v1/namespaces/default/controllerrevisions
big fits 1500000
call 201 '"name":"fits"' POST $revisions "@$scratch/big"
big large 1600000
call 500 '"status":"Failure","message":"etcdserver: request is too large","code":500\}' POST $revisions "@$scratch/big"
call 404 'not found' GET $revisions/large
# A patch may make too much of what is there.
{ printf '{"metadata":{"annotations":{"a":"'; head -c 100000 /dev/zero | tr '\0' x; printf '"}}}'; } >"$scratch/big"
call 500 'etcdserver: request is too large' PATCH $revisions/fits "@$scratch/big" application/merge-patch+json
call 200 '"revision":2' PATCH $revisions/fits '{"revision":2}' application/merge-patch+json
big huge 3200000
call 413 'Request entity too large: limit is 3145728' POST $revisions "@$scratch/big"

# ---- an extended resource that somebody advertises becomes allocatable, and stays ----
call 200 '"example.com/dongle":"4"' PATCH /api/v1/nodes/node-1/status \
    '[{"op":"add","path":"/status/capacity/example.com~1dongle","value":"4"}]' application/json-patch+json
expect 0 'condition met' wait node/node-1 --for='jsonpath={.status.allocatable.example\.com/dongle}=4' --timeout=20s
"$program" ctl run-until +6m --port "${at##*:}" >/dev/null
expect 0 '^4 4$' get node node-1 -o 'jsonpath={.status.capacity.example\.com/dongle} {.status.allocatable.example\.com/dongle}'

# ---- a service becomes one of another type: what only the old one had goes ----
services=/api/v1/namespaces/default/services
typed() { call "$1" "$2" PATCH $services/s "$3" application/merge-patch+json; }
call 201 '"nodePort":31777' POST $services '{"metadata":{"name":"s"},"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","ports":[{"port":80,"nodePort":31777}]}}'
typed 200 '"ports":\[\{"protocol":"TCP","port":80,"targetPort":80\}\],"clusterIP":"[0-9.]+","clusterIPs":\["[0-9.]+"\],"type":"ClusterIP","sessionAffinity":"None","ipFamilies":\["IPv4"\],"ipFamilyPolicy":"SingleStack","internalTrafficPolicy":"Cluster"\}' \
    '{"spec":{"type":"ClusterIP"}}'
typed 422 'spec.clusterIPs\[0\]: Invalid value: \[."10.96.9.9."\]: may not change once set' '{"spec":{"clusterIP":"10.96.9.9"}}'
typed 200 '"nodePort":31777' '{"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":31777}]}}'
typed 422 'nodePort: Forbidden: may not be used when `type` is .ClusterIP.' '{"spec":{"type":"ClusterIP","ports":[{"port":80,"nodePort":31778}]}}'
typed 200 '"type":"ExternalName","sessionAffinity":"None","externalName":"a.b"' '{"spec":{"type":"ExternalName","externalName":"a.b"}}'
expect 0 '^$' get service s -o 'jsonpath={.spec.clusterIP}{.spec.ipFamilies}{.spec.ports[0].nodePort}{.spec.externalTrafficPolicy}'
typed 200 '"clusterIP":"10[0-9.]+"' '{"spec":{"type":"ClusterIP","externalName":null}}'
# The port is free again.
call 201 '"nodePort":31777' POST $services '{"metadata":{"name":"t"},"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":31777}]}}'

# ---- a job that is deleted without a word on its pods ----
jobs=/apis/batch/v1/namespaces/default/jobs
for query in '' '?propagationPolicy=Background'; do
    call 201 '"name":"j"' POST $jobs '{"metadata":{"name":"j"},"spec":{"suspend":true,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"busybox"}]}}}}'
    curl -sk -X DELETE --cert "$scratch/admin.crt" --key "$scratch/admin.key" -o /dev/null -D "$scratch/headers" "$at$jobs/j$query"
    told=$(grep -c 'Warning: 299 - "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background' "$scratch/headers")
    [ "$told" = "$([ -z "$query" ] && echo 1 || echo 0)" ] || { echo "delete job$query:"; cat "$scratch/headers"; failed=1; }
    sleep 1
done

# ---- an autoscaler seen as v1, and written so: nothing is lost ----
scalers=/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers
old=/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers
call 201 '"name":"h"' POST $scalers '{"metadata":{"name":"h"},"spec":{"maxReplicas":3,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},"behavior":{"scaleDown":{"stabilizationWindowSeconds":7}},"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":60}}},{"type":"Pods","pods":{"metric":{"name":"qps"},"target":{"type":"AverageValue","averageValue":"1k"}}},{"type":"External","external":{"metric":{"name":"queue","selector":{"matchLabels":{"a":"b"}}},"target":{"type":"Value","value":"5"}}}]}}'
call 200 '"autoscaling.alpha.kubernetes.io/metrics":"\[\{\\"type\\":\\"Pods\\",\\"pods\\":\{\\"metricName\\":\\"qps\\",\\"targetAverageValue\\":\\"1k\\"\}\},\{\\"type\\":\\"External\\",\\"external\\":\{\\"metricName\\":\\"queue\\",\\"metricSelector\\":\{\\"matchLabels\\":\{\\"a\\":\\"b\\"\}\},\\"targetValue\\":\\"5\\"\}\}\]"' GET $old/h
call 200 '"targetCPUUtilizationPercentage":61' PATCH $old/h '{"spec":{"targetCPUUtilizationPercentage":61}}' application/merge-patch+json
call 200 '"metrics":\[\{"type":"Pods","pods":\{"metric":\{"name":"qps"\},"target":\{"type":"AverageValue","averageValue":"1k"\}\}\},\{"type":"External".*"averageUtilization":61.*"behavior":\{.*"stabilizationWindowSeconds":7' GET $scalers/h
# What anybody may write into such an annotation is taken as far as it makes sense.
call 201 '"maxReplicas":2' POST $old '{"metadata":{"name":"i","annotations":{"autoscaling.alpha.kubernetes.io/metrics":"[{\"type\":\"Pods\",\"pods\":[1]},{\"type\":\"Pods\",\"pods\":{\"metricName\":5}},7]","autoscaling.alpha.kubernetes.io/behavior":"{\"scaleUp\":5}","autoscaling.alpha.kubernetes.io/conditions":"[3]"}},"spec":{"maxReplicas":2,"scaleTargetRef":{"kind":"Deployment","name":"d"}}}'
