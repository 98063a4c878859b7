# Who may do what. Sourced by tests/kubectl.sh.
serve --nodes 2 --speed 10
server_url=$(kubectl config view -o "jsonpath={.clusters[?(@.name=='wavetank')].cluster.server}")
admin_identity

# as STATUS PATTERN CREDENTIAL... -- ARGUMENT...: kubectl with these credentials and no others.
as() {
    as_status=$1
    as_pattern=$2
    shift 2
    as_credentials=
    while [ "$1" != -- ]; do as_credentials="$as_credentials $1"; shift; done
    shift
    # shellcheck disable=SC2086
    as_output=$(timeout 60 kubectl --kubeconfig /dev/null --server "$server_url" --insecure-skip-tls-verify \
        $as_credentials "$@" 2>&1)
    as_actual=$?
    if [ "$as_actual" != "$as_status" ] || ! printf '%s\n' "$as_output" | grep -qE -- "$as_pattern"; then
        printf 'kubectl %s as%s\n  expected exit %s and /%s/, got exit %s:\n%s\n' "$*" "$(printf %s "$as_credentials" | cut -c1-40)" \
            "$as_status" "$as_pattern" "$as_actual" "$(printf '%s\n' "$as_output" | head -20)"
        failed=1
    fi
}
token() { kubectl --context wavetank create token "$@"; }
has_word() { printf '%s\n' "$2" | grep -qE -- "$1" || { printf 'expected /%s/ in:\n%s\n' "$1" "$2"; failed=1; }; }
claims() { # of a token
    c_payload=$(printf %s "$1" | cut -d. -f2 | tr _- /+)
    while [ $((${#c_payload} % 4)) != 0 ]; do c_payload="$c_payload="; done
    printf %s "$c_payload" | base64 -d
}

# ---- who am I ----
expect 0 'Username +kubernetes-admin' auth whoami
expect 0 'Groups +\[system:masters system:authenticated\]' auth whoami
expect 0 'authentication.kubernetes.io/credential-id +\[X509SHA256=[0-9a-f]{64}\]' auth whoami
expect 0 'Groups +\[dev system:authenticated\]' auth whoami --as alice --as-group dev
expect 0 'UID +77' auth whoami --as alice --as-uid 77
expect 0 'Groups +\[system:serviceaccounts system:serviceaccounts:default system:authenticated\]' \
    auth whoami --as system:serviceaccount:default:robot
http 401 'Unauthorized' -H 'Authorization: Bearer nonsense' "$server_url/api"
http 401 'Unauthorized' -H 'Authorization: bEARer nonsense' "$server_url/api"
http 403 'system:anonymous' -H 'Authorization: Basic YTpi' "$server_url/api/v1/pods"
http 403 'system:anonymous' -H 'Authorization: Bearer' "$server_url/api/v1/pods"
http 200 '^ok' "$server_url/healthz"
http 200 '"gitVersion"' "$server_url/version"
http 403 'cannot get path \\"/metrics\\"' "$server_url/metrics"
http 403 'cannot post path \\"/version\\"' -X POST "$server_url/version"
http 403 'cannot list resource \\"nosuch\\" in API group \\"\\" at the cluster scope' "$server_url/api/v1/nosuch"
http 404 'could not find the requested resource' --cert "$scratch/admin.crt" --key "$scratch/admin.key" \
    "$server_url/api/v1/nosuch"

# ---- tokens ----
expect 0 'serviceaccount/robot created' create serviceaccount robot
robot=$(token robot)
has_word '"aud":\["https://kubernetes.default.svc"\],"exp":[0-9]+,"iat":[0-9]+,"iss":"https://kubernetes.default.svc","jti":"[-0-9a-f]{36}","kubernetes.io":\{"namespace":"default","serviceaccount":\{"name":"robot","uid":"[-0-9a-f]{36}"\}\},"nbf":[0-9]+,"sub":"system:serviceaccount:default:robot"\}' \
    "$(claims "$robot")"
as 0 'Username +system:serviceaccount:default:robot' --token "$robot" -- auth whoami
as 0 'credential-id +\[JTI=' --token "$robot" -- auth whoami
as 1 'User "system:serviceaccount:default:robot" cannot list resource "pods" in API group "" in the namespace "default"' \
    --token "$robot" -- get pods
expect 0 'created' create rolebinding robot --clusterrole=view --serviceaccount=default:robot
as 0 'No resources found' --token "$robot" -- get pods
as 1 'cannot list resource "secrets"' --token "$robot" -- get secrets
as 1 'Unauthorized' --token "${robot%?????}AAAAA" -- get pods
as 1 'Unauthorized' --token "$(token robot --audience other)" -- get pods
expect 1 'may not specify a duration less than 10 minutes' create token robot --duration=5m
expect 1 'serviceaccounts "nobody" not found' create token nobody
as 0 'yes' --token "$robot" -- auth can-i list deployments.apps
as 1 '^no$' --token "$robot" -- auth can-i delete pods
as 0 'deployments.apps +\[\] +\[\] +\[get list watch\]' --token "$robot" -- auth can-i --list
expect 0 'pod/web created' run web --image=nginx
expect 0 'condition met' wait --for=condition=Ready pod/web --timeout=60s
of_pod=$(token default --bound-object-kind Pod --bound-object-name web)
as 0 'pod-name +\[web\]' --token "$of_pod" -- auth whoami
as 0 'node-name +\[node-' --token "$of_pod" -- auth whoami
expect 0 'eyJ' exec web -- cat /var/run/secrets/kubernetes.io/serviceaccount/token
expect 0 'BEGIN CERTIFICATE' exec web -- cat /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
expect 0 'deleted' delete pod web --now
sleep 2 # 20 s of the cluster
as 1 'Unauthorized' --token "$of_pod" -- auth whoami
expect 0 'deleted' delete serviceaccount robot
sleep 2
as 1 'Unauthorized' --token "$robot" -- get pods
expect 0 '"alg":"ES256"' get --raw /openid/v1/jwks
expect 0 '"issuer":"https://kubernetes.default.svc"' get --raw /.well-known/openid-configuration

printf 'apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata: {name: old, annotations: {%s: default}}\n' \
    kubernetes.io/service-account.name >"$scratch/old.yaml"
expect 0 'created' apply -f "$scratch/old.yaml"
sleep 0.5
expect 0 'ca.crt: +[0-9]+ bytes' describe secret old
old=$(kubectl --context wavetank get secret old -o 'jsonpath={.data.token}' | base64 -d)
as 0 'Username +system:serviceaccount:default:default' --token "$old" -- auth whoami
expect 0 'kubernetes.io/legacy-token-last-used=20' get secret old --show-labels
expect 0 'deleted' delete secret old
sleep 2
as 1 'logged in|Unauthorized' --token "$old" -- auth whoami

# ---- roles ----
expect 0 '^yes' auth can-i '*' '*'
expect 0 '^\*\.\* +\[\] +\[\] +\[\*\]' auth can-i --list
expect 1 '^no$' auth can-i get pods --as alice
expect 0 'clusterrole.*/pod-reader created' create clusterrole pod-reader --verb=get,list --resource=pods
expect 0 'created' create clusterrolebinding alice --clusterrole=pod-reader --user=alice
expect 0 '^yes' auth can-i list pods --as alice -A
expect 1 'User "alice" cannot create resource "pods"' run x --image=nginx --as alice
expect 0 'created' create clusterrole role-maker --verb=create,update,patch,get --resource=clusterroles
expect 0 'created' create clusterrolebinding maker --clusterrole=role-maker --user=alice
expect 1 'is attempting to grant RBAC permissions not currently held' create clusterrole more --verb=delete --resource=pods --as alice
expect 0 'created' create clusterrole same --verb=list --resource=pods --as alice
admin="--cert $scratch/admin.crt --key $scratch/admin.key"
# shellcheck disable=SC2086
http 201 '"a.b/c":\["d"\]' $admin -H 'Impersonate-User: bob' -H 'Impersonate-Extra-A.b%2fc: d' -H 'Content-Type: application/json' \
    -d '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}' \
    "$server_url/apis/authentication.k8s.io/v1/selfsubjectreviews"
# shellcheck disable=SC2086
http 400 'without impersonating a user name' $admin -H 'Impersonate-Group: dev' "$server_url/api/v1/pods"
http 403 'cannot impersonate-on:user-info:list resource' -H 'Impersonate-User: kubernetes-admin' "$server_url/api/v1/pods"
cat >"$scratch/roles.yaml" <<'Y'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: pod-reader}
rules:
- {apiGroups: [""], resources: [pods, pods/log], verbs: [get, list]}
- {apiGroups: [""], resources: [services], verbs: [get]}
Y
expect 0 'clusterrole.rbac.authorization.k8s.io/pod-reader reconciled' auth reconcile -f "$scratch/roles.yaml"
expect 0 '^yes' auth can-i get services --as alice

# ---- certificates ----
if command -v openssl >/dev/null; then
    request() { # NAME SUBJECT SIGNER USAGES [SECONDS]
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scratch/$1.key" -out "$scratch/$1.csr" \
            -subj "$2" 2>/dev/null
        printf 'apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: %s}\nspec:\n' "$1"
        printf '  request: %s\n  signerName: %s\n  usages: [%s]\n  expirationSeconds: %s\n' \
            "$(base64 -w0 <"$scratch/$1.csr")" "$3" "$4" "${5:-600}"
    }
    client=kubernetes.io/kube-apiserver-client
    request carol /O=dev/CN=carol $client '"client auth"' >"$scratch/csr.yaml"
    expect 0 'created' apply -f "$scratch/csr.yaml"
    expect 0 'carol .*kube-apiserver-client +kubernetes-admin +10m +Pending' get csr
    expect 0 'approved' certificate approve carol
    sleep 0.5
    expect 0 'Approved,Issued' get csr
    kubectl --context wavetank get csr carol -o 'jsonpath={.status.certificate}' | base64 -d >"$scratch/carol.crt"
    carol="--client-certificate $scratch/carol.crt --client-key $scratch/carol.key"
    # shellcheck disable=SC2086
    as 0 'Groups +\[dev system:authenticated\]' $carol -- auth whoami
    # shellcheck disable=SC2086
    as 1 'User "carol" cannot list resource "pods"' $carol -- get pods
    request dave /CN=dave $client '"server auth"' >"$scratch/csr.yaml"
    expect 0 'created' apply -f "$scratch/csr.yaml"
    expect 0 'approved' certificate approve dave
    sleep 0.5
    expect 0 'dave .*Approved,Failed' get csr
    request erin /CN=erin $client '"client auth"' >"$scratch/csr.yaml"
    expect 0 'created' apply -f "$scratch/csr.yaml"
    expect 0 'denied' certificate deny erin
    expect 0 'erin .*Denied' get csr
    request eve /O=system:masters/CN=eve $client '"client auth"' >"$scratch/csr.yaml"
    expect 1 'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed' \
        apply -f "$scratch/csr.yaml"
    request node /O=system:nodes/CN=system:node:node-7 $client-kubelet '"client auth", "digital signature"' >"$scratch/csr.yaml"
    expect 0 'created' apply -f "$scratch/csr.yaml"
    sleep 0.5
    expect 0 'node .*Approved,Issued' get csr
    # One that somebody else has signed.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scratch/mallory.key" \
        -out "$scratch/mallory.crt" -subj /O=system:masters/CN=mallory -days 1 2>/dev/null
    http 401 'Unauthorized' --cert "$scratch/mallory.crt" --key "$scratch/mallory.key" "$server_url/api/v1/pods"
    # Old protocols.
    for v in tls1 tls1_1; do
        if openssl s_client -connect "${server_url#https://}" -$v -cipher 'ALL:@SECLEVEL=0' </dev/null 2>/dev/null |
            grep -q 'Cipher is [A-Z]'; then
            echo "the server speaks $v"; failed=1
        fi
    done
    # Ten minutes of the cluster later it is no certificate any more.
    if "$program" ctl --help >/dev/null 2>&1; then
        stop
        serve --nodes 1 --speed 1000
        server_url=$(kubectl config view -o "jsonpath={.clusters[?(@.name=='wavetank')].cluster.server}")
        request carol /O=dev/CN=carol $client '"client auth"' >"$scratch/csr.yaml"
        expect 0 'created' apply -f "$scratch/csr.yaml"
        expect 0 'approved' certificate approve carol
        sleep 0.2
        kubectl --context wavetank get csr carol -o 'jsonpath={.status.certificate}' | base64 -d >"$scratch/carol.crt"
        sleep 1
        # shellcheck disable=SC2086
        as 1 'must be logged in|Unauthorized' $carol -- get pods
    fi
fi
