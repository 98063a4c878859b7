#!/bin/sh
# Runs every test and ends with "N passed, N failed". Each check is one command; its output is shown when it fails.
# Usage: tests/run.sh [PART...]     parts: lint unit scenarios determinism swarm fuzz library program hostile kubectl client recorded (all by default)
set -u
cd "$(dirname "$0")/.."
export LC_ALL=C
parts=${*:-lint unit scenarios determinism swarm fuzz library program hostile kubectl client recorded}
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export XDG_RUNTIME_DIR="$work" # the sockets of those who serve
program=build/wavetank
started=$(date +%s)

# check NAME COMMAND...: one test.
check() {
    name=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$name"
        tail -n 40 "$work/out" | sed 's/^/    /'
    fi
}
# found NAME LIST: nothing to run is a failure, too.
found() { [ -n "$2" ] || check "$1 are there" false; }
part() { printf '== %s (after %d s)\n' "$1" $(($(date +%s) - started)); }
# The hash that a run prints; nothing when it fails, or when a sanitizer or valgrind finds something.
hash_of() { "$@" --quiet --output json >"$work/json" 2>"$work/err" && grep -o '"traceHash": *"[0-9a-f]*"' "$work/json" | head -1; }
same_hash() { # EXPECTED COMMAND...
    expected=$1
    shift
    actual=$(hash_of "$@")
    [ -n "$actual" ] && [ "$actual" = "$expected" ] || {
        echo "trace hash differs: $expected, then $actual from: $*"
        cat "$work/err"
        return 1
    }
}

scenarios=$(ls scenarios/library/*.yaml 2>/dev/null)

test_lint() { check "style and layers" tests/lint/lint.sh build; }

test_unit() {
    programs=$(find build-debug/tests/unit build-debug/tests/integration -type f -perm -u+x 2>/dev/null | sort)
    found "unit tests" "$programs"
    for t in $programs; do
        check "$t" "$t"
    done
}

# Each scenario holds, and its timeline is the golden one to the byte.
golden() {
    [ -f "${1%.yaml}.trace" ] || { echo "there is no golden trace: UPDATE=1 make golden"; return 1; }
    "$program" run "$1" --quiet --trace "$work/trace" || return 1
    diff -u "${1%.yaml}.trace" "$work/trace" | head -n 60 >"$work/diff"
    [ ! -s "$work/diff" ] || { cat "$work/diff"; echo "UPDATE=1 make golden takes the new timeline"; return 1; }
}
# What the name says: NAME.bad.yaml is refused (2), NAME.fail.yaml fails (1), all others hold (0).
ends_with() {
    "$program" run "$2" --quiet
    status=$?
    [ "$status" = "$1" ] || { echo "exit status $status, expected $1"; return 1; }
}
test_scenarios() {
    found "scenarios of the library" "$scenarios"
    for s in $scenarios; do check "$s is as its golden trace says" golden "$s"; done
    for s in $(grep -rl --include='*.yaml' '^kind: Scenario' tests/scenarios | sort); do
        case $s in
        *.bad.yaml) check "$s is refused" ends_with 2 "$s" ;;
        *.fail.yaml) check "$s fails" ends_with 1 "$s" ;;
        *) check "$s holds" ends_with 0 "$s" ;;
        esac
    done
}

# The same hash: again, without address randomisation, with poisoned memory, other compilers and optimisation, sanitizers,
# another date.
test_determinism() {
    for s in $scenarios; do
        h=$(hash_of "$program" run "$s")
        check "$s: again, other addresses, poisoned memory" same_hash "$h" env MALLOC_PERTURB_=165 setarch -R "$program" run "$s"
        check "$s: sanitizers" same_hash "$h" build-debug/wavetank run "$s"
        check "$s: clang" same_hash "$h" build-clang/wavetank run "$s"
        check "$s: gcc -O0" same_hash "$h" build-O0/wavetank run "$s"
        check "$s: gcc -O3" same_hash "$h" build-O3/wavetank run "$s"
        check "$s: another date" same_hash "$h" faketime '2031-05-05 05:05:05' "$program" run "$s"
    done
    small=tests/scenarios/small.yaml
    h=$(hash_of "$program" run "$small")
    check "$small: valgrind" same_hash "$h" valgrind -q --error-exitcode=9 "$program" run "$small"
}

test_swarm() {
    check "Raft, thousands of seeds" build/tests/swarm/raft_swarm
    check "whole cluster, random faults" build/tests/swarm/cluster_swarm
    check "whole cluster, a crash at each message" build/tests/swarm/crash_points
}

test_fuzz() {
    fuzzers=$(find build-debug/tests/fuzz -type f -perm -u+x 2>/dev/null | sort)
    found "fuzzers" "$fuzzers"
    # The HTTP and request layer for about a minute, the others for some seconds.
    for f in $fuzzers; do
        case $f in
        */fuzz_pipeline) rounds=200000 ;;
        */fuzz_http_request) rounds=100000 ;;
        *) rounds=20000 ;;
        esac
        check "$f" timeout 600 "$f" "$rounds"
    done
}

test_library() { check "the installed library and its example" tests/library.sh "$work"; }
test_hostile() {
    check "bad clients against serve" timeout 300 python3 tests/hostile/hostile.py build-debug/wavetank "$work"
    check "bad clients against serve: memory comes back" timeout 300 python3 tests/hostile/hostile.py "$program" "$work" --memory
}
test_kubectl() {
    command -v kubectl >/dev/null || { echo "skipped: no kubectl on this machine"; return; }
    check "the real kubectl against serve" tests/kubectl.sh build-debug/wavetank "$work"
}
# What a real API server answered, request by request: $RECORDINGS, or the folder that stands beside the checkout.
test_recorded() {
    recordings=${RECORDINGS:-../shared/kubernetes/golden136}
    [ -d "$recordings" ] || { echo "skipped: no recordings of a real API server in $recordings"; return; }
    command -v python3 >/dev/null || { echo "skipped: no python3 on this machine"; return; }
    check "answers are those of the recorded server" python3 tests/recorded/recorded.py "$program" "$recordings"
}
test_client() {
    tests/client-node.sh build-debug/wavetank "$work" >"$work/client" 2>&1
    status=$?
    grep '^skipped' "$work/client" || check "the JavaScript client against serve" sh -c 'cat "$0"; exit "$1"' "$work/client" "$status"
}
test_program() {
    check "the program's answers to bad input" tests/program.sh "$program" "$work"
    check "what a run gives: exit status, JSON, files, terminal" tests/outputs.sh "$program" "$work"
}

for p in $parts; do
    part "$p"
    "test_$p"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
