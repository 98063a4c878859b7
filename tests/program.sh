#!/bin/sh
# The program's answers to bad input: exit status, and where the mistake is. Usage: tests/program.sh PROGRAM SCRATCH
set -u
program=$1
scratch=$2
failed=0

# expect STATUS PATTERN COMMAND...
expect() {
    status=$1
    pattern=$2
    shift 2
    output=$("$@" 2>&1)
    actual=$?
    if [ "$actual" != "$status" ] || ! printf '%s' "$output" | grep -qE -- "$pattern"; then
        printf 'expected exit %s and /%s/, got exit %s:\n%s\n' "$status" "$pattern" "$actual" "$output"
        failed=1
    fi
}
scenario() { cat >"$scratch/s.yaml"; }
head='apiVersion: wavetank.dev/v1alpha1
kind: Scenario
metadata: {name: bad}
spec:'

expect 2 'unknown command' "$program" no-such-command
expect 2 'no-such-flag' "$program" run --no-such-flag
expect 2 'missing.yaml' "$program" run "$scratch/missing.yaml"
expect 0 'run' "$program" -h
expect 0 'seed' "$program" run -h

printf '%s\n  cluster: {}\n  stepz: []\n' "$head" | scenario
expect 2 's.yaml:6:3: .*stepz' "$program" run "$scratch/s.yaml"
printf '%s\n  cluster: {nodes: 3}\n  steps: []\n' "$head" | scenario
expect 2 's.yaml:5:' "$program" run "$scratch/s.yaml"
printf '%s\n  cluster: {}\n  steps:\n  - name: a\n    try:\n    - sleep: tomorrow\n' "$head" | scenario
expect 2 's.yaml:9:.*(duration|tomorrow)' "$program" run "$scratch/s.yaml"
printf '%s\n  cluster: {flags: {kubelet: {no-such-flag: 1}}}\n  steps: []\n' "$head" | scenario
expect 2 's.yaml:5:.*no-such-flag' "$program" run "$scratch/s.yaml"
printf '%s\n  cluster: {}\n  steps: [\n' "$head" | scenario
expect 2 's.yaml:[0-9]+:[0-9]+' "$program" run "$scratch/s.yaml"
printf 'a: &a [*a, *a]\n' | scenario
expect 2 's.yaml' "$program" run "$scratch/s.yaml"

# An expectation that breaks: exit 1, with the difference.
printf '%s\n  cluster: {}\n  steps:\n  - name: wrong\n    try:\n    - apply: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {k: v}}}\n    - assert: {timeout: 1s, resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {k: other}}}\n' "$head" | scenario
expect 1 'other' "$program" run "$scratch/s.yaml"
exit $failed
