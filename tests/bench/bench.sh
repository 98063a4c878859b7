#!/bin/sh
# Speed and memory beside their budgets. Each row: what, budget, measured, ratio (1 and more is met). Also writes
# BUILD/bench.json. A run is one thread: its CPU time is its time on a quiet machine. Usage: tests/bench/bench.sh BUILD [ROW]...   (the functions bench_ROW below; default: all)
#
#   TRACES=DIR      where openb/nodes-100.yaml, openb/pods-100.yaml, openb/nodes-1200.yaml ... are (default ../shared/traces)
#   BENCH_HUGE=1    also 130,000 nodes with 1,000,000 pods
#   BENCH_LOAD=...  "NODES DEPLOYMENTS REPLICAS" in place of 5000 50 3000 for the rows of the official maximum
set -eu
build=${1:-build}
[ $# -gt 0 ] && shift
rows=${*:-queue write thousand openb day memory start idle requests replay maximum huge}
here=$(dirname "$0")
traces=${TRACES:-../shared/traces}
program=$build/wavetank
work=$build/bench
mkdir -p "$work"
: >"$work/rows"

# number KEY NAME: a number of the one-line JSON of run NAME.
number() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$work/$2.json" | head -n 1; }
calculate() { awk "BEGIN { printf \"$1\", $2 }"; }
progress() { [ ! -t 2 ] || printf '\r%-78s\r' "$*" >&2; }

# row NAME WHAT UNIT BUDGET MEASURED least|most: the measured figure must reach the budget, or must not exceed it.
row() {
    ratio=$([ "$6" = least ] && calculate %.2f "$5 / $4" || calculate %.2f "$4 / ($5 + 1e-9)")
    progress
    printf '%-70s %8s %9s %-11s %7s %s\n' "$2" "$4" "$5" "$3" "$ratio" \
        "$(awk "BEGIN { print ($ratio >= 1) ? \"met\" : \"MISSED\" }")"
    printf '  {"name": "%s", "what": "%s", "unit": "%s", "budget": %s, "measured": %s, "ratio": %s},\n' \
        "$1" "$2" "$3" "$4" "$5" "$ratio" >>"$work/rows"
}
note() {
    progress
    printf '%-70s %s\n' "$1" "$2"
}

# run NAME ARGUMENT...: one run in a process of its own; its JSON in $work/NAME.json.
run() {
    name=$1
    shift
    progress "running $name ..."
    "$program" run "$@" --output json --verbose >"$work/$name.json" 2>"$work/$name.err" && return
    note "$name" "failed: $(sed -n 's/.*"message": "\([^"]*\)", "virtual.*/\1/p' "$work/$name.json") $(cat "$work/$name.err")"
    return 1
}
# load NAME NODES DEPLOYMENTS REPLICAS SECONDS [SETTLE]
load() {
    "$here/scenario.sh" "$2" "$3" "$4" "$5" "${6:-0}" >"$work/$1.yaml"
    run "$1" "$work/$1.yaml"
}

bench_queue() {
    progress "event queue ..."
    row queue "event queue, 100,000 pending" "M events/s" 10 \
        "$("$build/tests/bench/bench_queue" | sed -n '1s/.*: \([0-9.]*\) million.*/\1/p')" least
}

# Leases, ConfigMaps and Pods that fit nowhere, in equal parts; reading the file is taken off.
bench_write() {
    cat >"$work/write-nodes.yaml" <<'EOF'
apiVersion: v1
kind: Node
metadata: {name: node-0}
status: {allocatable: {cpu: "64", memory: 256Gi, pods: "110"}, capacity: {cpu: "64", memory: 256Gi, pods: "110"}}
EOF
    awk 'BEGIN { for (i = 0; i < 3000; i++) {
        print "---\napiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: l-" i "}\nspec: {holderIdentity: a}"
        print "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-" i "}\ndata: {key: value}"
        print "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p-" i "}"
        print "spec: {containers: [{name: a, image: nginx}], nodeSelector: {none: here}}"
    } }' >"$work/write-objects.yaml"
    run write --load "$work/write-nodes.yaml" "$work/write-objects.yaml"
    "$program" run --load "$work/write-nodes.yaml" "$work/write-objects.yaml" --until 1ms --output json \
        >"$work/write-none.json" || true
    spent="$(number cpuSeconds write) - $(number cpuSeconds write-none)"
    row write "one write, through Raft (3 members), to every informer" "us of CPU" 5 \
        "$(calculate %.2f "1e6 * ($spent) / $(number writes write)")" most
}

bench_thousand() {
    load thousand 1000 20 500 0
    row thousand "1,000 nodes, 10,000 pods of 20 Deployments, all ready" "s of CPU" 1 "$(number cpuSeconds thousand)" most
}

bench_openb() {
    for n in 100 1200; do
        if [ ! -e "$traces/openb/pods-$n.yaml" ]; then
            note "openb trace, $n nodes" "not there (TRACES=$traces)"
            continue
        fi
        run "openb-$n" --load "$traces/openb/nodes-$n.yaml" "$traces/openb/pods-$n.yaml"
        what="openb trace, $n nodes, $(number total "openb-$n") pods, $(number unscheduled "openb-$n") unscheduled"
        megabytes=$(calculate %.1f "$(number peakRSSBytes "openb-$n") / 1e6")
        if [ "$n" = 1200 ]; then
            row "openb-$n" "$what" "s of CPU" 1 "$(number cpuSeconds "openb-$n")" most
            row "openb-$n-memory" "openb trace, $n nodes, peak" "MB" 150 "$megabytes" most
        else
            note "$what" "$(number cpuSeconds "openb-$n") s of CPU, $megabytes MB"
        fi
    done
}

bench_day() {
    load day 5 5 10 86400
    row day "5 nodes, 50 pods, a day of heartbeats and probes" "s of CPU" 2 "$(number cpuSeconds day)" most
}

bench_memory() {
    load memory-none 500 0 0 0
    load memory 500 20 2500 0
    difference="$(number peakRSSBytes memory) - $(number peakRSSBytes memory-none)"
    row memory "memory of one pod, with its Events, at the peak" "KiB" 4 "$(calculate %.2f "($difference) / 50000 / 1024")" most
}

bench_maximum() {
    # shellcheck disable=SC2086 # three words
    set -- ${BENCH_LOAD:-5000 50 3000}
    what="$1 nodes, $(($2 * $3)) pods"
    load maximum "$1" "$2" "$3" 120 300
    # Of one run: the CPU time at the ends of its last three steps: pods are ready, settled (the Events are
    # written, the history is compacted), steady.
    grep -o '"cpuSecondsAtEnd": [0-9.]*' "$work/maximum.json" | tail -n 3 | sed 's/.*: //' >"$work/maximum.ends"
    ready=$(sed -n 1p "$work/maximum.ends")
    spent=$(calculate %.4f "$(sed -n 3p "$work/maximum.ends") - $(sed -n 2p "$work/maximum.ends")")
    row maximum "$what to all ready" "s of CPU" 30 "$ready" most
    row maximum-memory "$what, peak" "GiB" 1.5 "$(calculate %.2f "$(number peakRSSBytes maximum) / 1073741824")" most
    row steady "$what, steady state" "x real time" 500 "$(calculate %.0f "120 / ($spent > 0.01 ? $spent : 0.01)")" least
}

bench_huge() {
    if [ "${BENCH_HUGE:-}" != 1 ]; then
        note "130,000 nodes, 1,000,000 pods" "left out (BENCH_HUGE=1)"
        return
    fi
    load huge 130000 100 10000 0
    row huge "130,000 nodes, 1,000,000 pods, peak" "GiB" 12 \
        "$(calculate %.2f "$(number peakRSSBytes huge) / 1073741824")" most
}

. "$here/serve.sh"
printf '%-70s %8s %9s %-11s %7s\n' "" budget measured unit ratio
status=0
for r in $rows; do
    (set -e; "bench_$r") || status=1
done
{
    echo '['
    sed '$s/,$//' "$work/rows"
    echo ']'
} >"$build/bench.json"
exit $status
