# shellcheck shell=sh
# Part of tests/kubectl.sh: protobuf, OpenAPI, discovery, metrics.
serve --nodes 2
url=$(sed -n 's,^ *server: \(https://127.*\),\1,p' "$KUBECONFIG" | tail -1)
key() { # NAME: decodes a field of the admin's user into a file
    sed -n "s/^ *client-$1-data: *//p" "$KUBECONFIG" | tail -1 | base64 -d >"$scratch/$1.pem"
}
key certificate
key key
# admin CODE PATTERN PATH CURL-ARGUMENT...
admin() {
    code=$1
    pattern=$2
    path=$3
    shift 3
    http "$code" "$pattern" --cert "$scratch/certificate.pem" --key "$scratch/key.pem" "$@" "$url$path"
}
# bytes PATTERN PATH CURL-ARGUMENT...: the answer as hexadecimal digits.
bytes() {
    pattern=$1
    path=$2
    shift 2
    curl -sk -m 20 -A test --cert "$scratch/certificate.pem" --key "$scratch/key.pem" -o "$scratch/bytes" "$@" "$url$path"
    od -An -v -tx1 "$scratch/bytes" | tr -d ' \n' >"$scratch/hex"
    grep -qE -- "$pattern" "$scratch/hex" ||
        { printf 'curl %s\n  expected the bytes /%s/, got:\n' "$path" "$pattern"; head -c 400 "$scratch/hex"; echo; failed=1; }
}
protobuf='application/vnd.kubernetes.protobuf'

# ---- objects, lists, errors and watches in protobuf ----
expect 0 'configmap/plain created' create configmap plain --from-literal=a=b
# k8s\0 {typeMeta {v1, ConfigMap}, raw {metadata {name: plain, ...
bytes '^6b3873000a0f0a0276311209436f6e6669674d617012[0-9a-f]{2,4}0a[0-9a-f]{2,4}0a05706c61696e' \
    /api/v1/namespaces/default/configmaps/plain -H "Accept: $protobuf"
# {v1, NamespaceList}, {metadata {selfLink: "", ...
bytes '^6b3873000a130a027631120d4e616d6573706163654c69737412[0-9a-f]{2,4}0a[0-9a-f]{2}0a0012' \
    /api/v1/namespaces -H "Accept: $protobuf"
# {v1, Status}
bytes '^6b3873000a0c0a0276311206537461747573' /api/v1/namespaces/nosuch -H "Accept: $protobuf"
# {meta.k8s.io/v1, PartialObjectMetadataList}
bytes '^6b3873000a2b0a0e6d6574612e6b38732e696f2f76311219' /api/v1/nodes \
    -H "Accept: $protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
# a frame: length, {ADDED, {raw: k8s\0...
bytes '^0000[0-9a-f]{4}0a05414444454412[0-9a-f]{2,4}0a[0-9a-f]{2,4}6b387300' \
    '/api/v1/namespaces?watch=true&timeoutSeconds=1' -H "Accept: $protobuf;stream=watch"
admin 200 'stream=watch' '/api/v1/namespaces?watch=true&timeoutSeconds=1' -H "Accept: $protobuf" -o /dev/null \
    -w '%{content_type}\n%{http_code}'
admin 406 'only the following media types are accepted: application/json;stream=watch' '/api/v1/pods?watch=true' \
    -H 'Accept: application/yaml'
admin 406 'Available representations: .*, application/json;stream=watch' /api/v1/pods -H 'Accept: text/html'
admin 406 'you requested PartialObjectMetadata, but the requested object is a list \(\*core.PodList\)' /api/v1/pods \
    -H 'Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
admin 200 '"kind":"Table"' /api/v1/pods -H "Accept: $protobuf;as=Table;v=v1;g=meta.k8s.io, application/json;as=Table;v=v1;g=meta.k8s.io"
admin 200 '^  "kind": "PodList"' /api/v1/pods -A curl/8
admin 200 '"kind":"PodList"' '/api/v1/pods?pretty=false' -A curl/8

# ---- bodies in protobuf ----
# DeleteOptions {preconditions {uid: x}}: another object has this name
printf 'k8s\0\012\023\012\002v1\022\015DeleteOptions\022\005\022\003\012\001x' >"$scratch/options"
admin 409 'precondition \(x\)|precondition: x' /api/v1/namespaces/default/configmaps/plain -X DELETE \
    -H "Content-Type: $protobuf" --data-binary "@$scratch/options"
admin 400 'provided data does not appear to be a protobuf message, expected prefix \[107 56 115 0\] \(7b7d\)|unrecognized.*\(\{\}\)' \
    /api/v1/namespaces -X POST -H "Content-Type: $protobuf" --data-binary '{}'
printf 'k8s\0\012\017\012\002v1\022\011ConfigMap\022\003\012\011x' >"$scratch/cut"
admin 400 'ConfigMap in version .*v1.* cannot be handled as a ConfigMap: unexpected EOF' /api/v1/namespaces/default/configmaps \
    -X POST -H "Content-Type: $protobuf" --data-binary "@$scratch/cut"
# what was read is what is written back
curl -sk -A test --cert "$scratch/certificate.pem" --key "$scratch/key.pem" -H "Accept: $protobuf" \
    "$url/api/v1/namespaces/default/configmaps/plain" -o "$scratch/plain"
admin 200 '"data":\{"a":"b"\}' /api/v1/namespaces/default/configmaps/plain -X PUT -H "Content-Type: $protobuf" \
    --data-binary "@$scratch/plain"
expect 0 'created' create deployment pb --image=nginx --replicas=2
expect 0 'autoscaled' autoscale deployment pb --max=3
expect 0 'Replicas: +2 desired' describe deployment pb
expect 0 'Name: +node-0' describe node node-0
expect 0 'cronjob.batch/c created' create cronjob c --image=busybox --schedule='* * * * *'
expect 0 'created' create ingress i --rule='a.b/c=svc:80,tls=s'
expect 0 'created' create clusterrole agg --aggregation-rule='a=b'
expect 0 'created' create quota q --hard=pods=10
expect 0 'created' create secret generic s --from-literal=k=v

# ---- OpenAPI ----
expect 0 'A name that services can use' explain pod.spec.containers.ports
expect 0 'enum: SCTP, TCP, UDP' explain pod.spec.containers.ports
expect 0 'containerPort.*-required-' explain deployment.spec.template.spec.containers --recursive
expect 1 'field "nosuch" does not exist' explain pod.spec.nosuch
expect 0 'KIND: +CronJob' explain cronjob --output plaintext-openapiv2
admin 200 '^Etag: "[0-9A-F]{128}"' /openapi/v2 -o /dev/null -D -
admin 200 'Content-Type: application/com.github.proto-openapi.spec.v2.v1.0\+protobuf' /openapi/v2 -o /dev/null -D - \
    -H 'Accept: application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
admin 200 '"swagger":"2.0"' /openapi/v2 --compressed
etag=$(curl -sk -A test --cert "$scratch/certificate.pem" --key "$scratch/key.pem" -o /dev/null -D - "$url/openapi/v3/apis/apps/v1" |
    sed -n 's/^Etag: "\(.*\)".*/\1/p')
admin 304 '' /openapi/v3/apis/apps/v1 -H "If-None-Match: \"$etag\""
admin 200 'Cache-Control: public, immutable' "/openapi/v3/apis/apps/v1?hash=$etag" -o /dev/null -D -
admin 301 "Location: /openapi/v3/apis/apps/v1.hash=$etag" '/openapi/v3/apis/apps/v1?hash=OLD' -D -
admin 404 '404 page not found' /openapi/v3/apis/nosuch/v1
for k in kubectl120 "${KUBECTL_120:-}"; do # an older kubectl, where there is one: it reads OpenAPI 2
    command -v "$k" >/dev/null 2>&1 || continue
    "$k" --context wavetank explain deployment.spec.strategy | grep -q rollingUpdate || { echo "$k explain"; failed=1; }
done

# ---- discovery, metrics ----
bytes '^6b3873000a150a027631120f4150495265736f757263654c697374' /apis/apps/v1 -H "Accept: $protobuf"
admin 200 '^kind: APIGroupList' /apis -H 'Accept: application/yaml'
admin 406 'NotAcceptable' /apis -H 'Accept: text/html'
admin 200 'apiserver_request_total\{code="201",component="apiserver",dry_run="",group="",resource="configmaps",.*verb="POST".*\} [1-9]' /metrics
admin 200 'apiserver_longrunning_requests\{.*resource="pods",.*verb="WATCH".*\} [1-9]' /metrics
admin 200 'etcd_request_duration_seconds_bucket\{group="",operation="create",resource="configmaps",le="\+Inf"\} [1-9]' /metrics
admin 200 'apiserver_storage_objects\{resource="nodes"\} 2' /metrics
admin 200 '^Go version: ' /statusz
admin 200 '^service-node-port-range 30000-32767' /flagz

# ---- health is that of the server which answers: its etcd dies and comes back ----
stop
serve --speed paused
at=$(kubectl config view --raw -o "jsonpath={.clusters[?(@.name=='wavetank')].cluster.server}")
http 200 '^ok' "$at/readyz"
"$program" ctl inject processChaos action=kill components=etcd-0 name=dead duration=1h --port "${at##*:}" >/dev/null || failed=1
"$program" ctl run-until +3s --port "${at##*:}" >/dev/null || failed=1
http 500 '^\[-\]informer-sync failed: reason withheld' "$at/readyz"
http 500 '^\[-\]etcd failed: reason withheld' "$at/healthz"
http 200 '^ok' "$at/livez"
"$program" ctl heal dead --port "${at##*:}" >/dev/null || failed=1
"$program" ctl run-until +60s --port "${at##*:}" >/dev/null || failed=1
http 200 '^ok' "$at/readyz"
