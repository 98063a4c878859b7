# SPDX-License-Identifier: Apache-2.0
# Rows of `wavetank serve`, sourced by bench.sh: requests over TLS with wrk on 32 connections that are kept, as a
# ServiceAccount with a token; kubectl as people run it. Peers: a real 1.36.2 control plane, measured elsewhere on two cores of
# the same kind (kubectl get pods -A on 10,000 pods 4.4 s; LIST of them 1.40 s; idle about 700 MB); and for requests that a
# file could answer, nginx with one worker and the very bytes, which is the most that one core can do here.

serve_started=0
serve_up() {
    "$program" serve --listen 127.0.0.1:0 --kubeconfig "$work/kubeconfig" "$@" >"$work/serve.out" 2>&1 &
    serve_pid=$!
    serve_started=1
    trap 'serve_down' EXIT
    for _ in $(seq 400); do
        grep -qs '^try' "$work/serve.out" && break
        sleep 0.01
    done
    url=$(grep -o 'https://127[0-9.:]*' "$work/kubeconfig" | tail -n 1)
    export KUBECONFIG="$work/kubeconfig"
}
serve_down() {
    [ "$serve_started" = 1 ] || return 0
    serve_started=0
    kill -INT "$serve_pid" && wait "$serve_pid" || true
}
serve_needs() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { note "serve: requests and start" "left out: no $tool on this machine"; return 1; }
    done
}
now_ms() { date +%s%N | cut -c1-13; }
resident_mb() { awk '/VmRSS/ { printf "%.1f", $2 / 1000 }' "/proc/$serve_pid/status"; }

# From exec to the answer: the least of seven. With a client that is quick to start, too, since kubectl takes a while itself.
bench_start() {
    serve_needs kubectl curl || return 0
    for client in kubectl curl; do
        least=1000000
        for _ in 1 2 3 4 5 6 7; do
            rm -f "$work/kubeconfig" "$work/serve.fifo"
            mkfifo "$work/serve.fifo"
            begun=$(now_ms)
            "$program" serve --listen 127.0.0.1:0 --kubeconfig "$work/kubeconfig" >"$work/serve.fifo" &
            serve_pid=$!
            exec 3<"$work/serve.fifo"
            while read -r word _ <&3; do [ "$word" = try ] && break; done
            if [ "$client" = kubectl ]; then
                kubectl --kubeconfig "$work/kubeconfig" --context wavetank get nodes >"$work/nodes"
            else
                curl -sk "$(grep -o 'https://127[0-9.:]*' "$work/kubeconfig")/version" >"$work/nodes"
            fi
            spent=$(($(now_ms) - begun))
            [ "$spent" -lt "$least" ] && least=$spent
            kill -INT "$serve_pid"
            wait "$serve_pid" || true
            exec 3<&-
        done
        what="serve: from start to the first answer of kubectl get nodes, 5 nodes"
        [ "$client" = curl ] && what="serve: from start to the first answer of curl /version"
        row "start-$client" "$what" ms 100 "$least" most
    done
}

bench_idle() {
    serve_needs kubectl || return 0
    serve_up
    kubectl --context wavetank get nodes >/dev/null
    sleep 2
    row idle "serve: memory, 5 nodes, idle (a real control plane: about 700)" MB 70 "$(resident_mb)" most
    serve_down
}

# A day of a small cluster from its journal: what `serve --data-dir` takes to start again.
bench_replay() {
    serve_needs kubectl || return 0
    rm -f "$work/day"
    serve_up --journal "$work/day"
    port=$(grep -o 'https://127[0-9.:]*' "$work/kubeconfig" | tail -n 1)
    kubectl --context wavetank create deployment web --image=nginx --replicas=50 >/dev/null
    "$program" ctl run-until +24h --port "${port##*:}" >/dev/null
    serve_down
    "$program" replay "$work/day" --output json >"$work/day.json"
    row replay "serve: a day of 5 nodes, 50 pods replayed from its journal" "s of CPU" 3 "$(number cpuSeconds day)" most
}

# In hundredths of a second.
cpu_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
# requests NAME PID URL [SCRIPT]: how many per second, and how many per second of CPU of the server, which tells something on a
# busy machine as well.
requests() {
    before=$(cpu_of "$2")
    wrk -t1 -c32 -d4 -H "Authorization: Bearer $token" ${4:+-s "$4"} "$3" >"$work/wrk.$1"
    spent=$(($(cpu_of "$2") - before))
    grep -q 'Non-2xx' "$work/wrk.$1" && { echo "wrk: $(grep Non-2xx "$work/wrk.$1")" >&2; return 1; }
    total=$(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$work/wrk.$1")
    echo "$(sed -n 's/^Requests.sec: *\([0-9]*\).*/\1/p' "$work/wrk.$1")/s, $((total * 100 / (spent + 1)))/s of CPU"
}
# nginx_of FILE: requests of it per second, over TLS.
nginx_of() {
    command -v nginx >/dev/null || { echo "no nginx"; return 0; }
    mkdir -p "$work/nginx/html"
    cp "$1" "$work/nginx/html/file"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 -days 2 \
        -keyout "$work/nginx/key" -out "$work/nginx/certificate" >/dev/null 2>&1
    cat >"$work/nginx/conf" <<EOF
daemon off; worker_processes 1; pid $work/nginx/pid; error_log $work/nginx/error.log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path $work/nginx/b; proxy_temp_path $work/nginx/p;
  fastcgi_temp_path $work/nginx/f; uwsgi_temp_path $work/nginx/u; scgi_temp_path $work/nginx/s; default_type application/json;
  server { listen 127.0.0.1:$nginx_port ssl; ssl_certificate $work/nginx/certificate; ssl_certificate_key $work/nginx/key; root $work/nginx/html; } }
EOF
    nginx -p "$work/nginx" -c "$work/nginx/conf" &
    nginx_pid=$!
    sleep 0.5
    token=none requests nginx "$(pgrep -P "$nginx_pid")" "https://127.0.0.1:$nginx_port/file"
    kill "$nginx_pid"
    wait "$nginx_pid" || true
}
nginx_port=38443

bench_requests() {
    serve_needs kubectl wrk curl openssl || return 0
    work=$(cd "$work" && pwd)
    serve_up --nodes 200 --speed max
    kubectl="kubectl --context wavetank"
    $kubectl create serviceaccount bench >/dev/null
    $kubectl create clusterrolebinding bench --clusterrole=cluster-admin --serviceaccount=default:bench >/dev/null
    token=$($kubectl create token bench --duration=24h)
    pods=$url/api/v1/namespaces/default/pods
    $kubectl run one --image=nginx >/dev/null
    $kubectl wait --for=condition=Ready pod/one --timeout=60s >/dev/null
    "$program" ctl speed 1 --port "${url##*:}" >/dev/null
    curl -sk -A bench -H "Authorization: Bearer $token" "$pods/one" >"$work/one.json"
    note "serve: GET of one pod over TLS" "$(requests get "$serve_pid" "$pods/one") (nginx with its $(wc -c <"$work/one.json") bytes: $(nginx_of "$work/one.json"))"
    cat >"$work/create.lua" <<'EOF'
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
wrk.body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"c-"},"data":{"key":"value"}}'
EOF
    note "serve: CREATE of a ConfigMap over TLS, through Raft (1 member)" "$(requests create "$serve_pid" "$url/api/v1/namespaces/default/configmaps" "$work/create.lua")"
    curl -sk -H "Authorization: Bearer $token" -X DELETE "$url/api/v1/namespaces/default/configmaps" >/dev/null
    "$program" ctl speed max --port "${url##*:}" >/dev/null
    $kubectl create deployment web --image=nginx --replicas=10000 >/dev/null
    $kubectl rollout status deployment web --timeout=300s >/dev/null
    "$program" ctl speed 1 --port "${url##*:}" >/dev/null
    sleep 1
    bench_lists
    serve_down
}

bench_lists() {
    for form in json vnd.kubernetes.protobuf; do
        least=1000000
        for _ in 1 2 3 4 5; do
            begun=$(now_ms)
            curl -sk -A bench -H "Authorization: Bearer $token" -H "Accept: application/$form" "$pods" >"$work/list"
            spent=$(($(now_ms) - begun))
            [ "$spent" -lt "$least" ] && least=$spent
        done
        row "list-$form" "serve: LIST of 10,000 pods, $form, $(($(wc -c <"$work/list") / 1000000)) MB, over TLS (real: 1,400)" ms 1400 "$least" most
    done
    for flags in "" --chunk-size=0; do
        begun=$(now_ms)
        $kubectl get pods -A $flags >"$work/table"
        [ "$(wc -l <"$work/table")" -ge 10000 ] || { echo "kubectl get pods -A: $(wc -l <"$work/table") lines" >&2; return 1; }
        spent=$(calculate %.2f "($(now_ms) - $begun) / 1000")
        row "get-pods$flags" "serve: kubectl get pods -A $flags, 10,000 pods$([ -n "$flags" ] || echo " (2 s of it kubectl's own limit)")" s 4.4 "$spent" most
    done
    note "serve: memory with 200 nodes, 10,000 pods" "$(resident_mb) MB"
}
