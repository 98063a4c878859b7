#!/bin/sh
# What `wavetank run` gives, byte for byte where other programs read it. Usage: tests/outputs.sh PROGRAM SCRATCH
set -u
program=$(realpath "$1")
scratch=$2/outputs
rm -rf "$scratch"
mkdir -p "$scratch/folder/zz" "$scratch/empty"
cd "$scratch" || exit 1
failed=0
fail() { printf 'outputs: %s\n' "$*"; failed=1; }

head='apiVersion: wavetank.dev/v1alpha1
kind: Scenario'
cat >good.yaml <<E2
$head
metadata: {name: good}
spec:
  description: A "quoted" <description> & more.
  seed: 3
  cluster: {nodes: [{count: 1}]}
  steps:
  - name: deploy
    try:
    - say: Hello.
    - create: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {text: "line\n\"quote\" \\\\ <&> é"}}}
    - create: {resource: {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: nginx}]}}}
    - create: {resource: {apiVersion: v1, kind: Pod, metadata: {name: waits}, spec: {nodeSelector: {no: where}, containers: [{name: c, image: nginx}]}}}
    - wait: {ref: {apiVersion: v1, kind: Pod, name: p}, for: condition=Ready, timeout: 60s}
    - delete: {ref: {apiVersion: v1, kind: ConfigMap, name: c}}
  - try: [{sleep: 1s}]
E2
cat >failing.yaml <<E2
$head
metadata: {name: "fail<&>ing"}
spec:
  cluster: {nodes: [{count: 1}]}
  steps:
  - name: wrong
    try:
    - create: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: shown}, data: {k: v}}}
    - assert: {timeout: 1s, resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: shown}, data: {k: "other & <more>"}}}
  - {name: after, try: [{sleep: 1s}]}
E2
printf '%s\nmetadata: {name: bad}\nspec: {untill: 1s}\n' "$head" >bad.yaml
cp good.yaml folder/one.yaml
cp failing.yaml folder/zz/two.yml
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: no-scenario}\n' >folder/manifest.yaml

status() { # EXPECTED COMMAND...: runs it with its output in out and err
    expected=$1
    shift
    "$@" >out 2>err
    actual=$?
    [ "$actual" = "$expected" ] || { fail "exit status $actual, expected $expected: $*"; cat out err; }
}
has() { grep -qE -- "$2" "$1" || { fail "$1 lacks /$2/:"; head -n 20 "$1"; }; }
lacks() { ! grep -qE -- "$2" "$1" || fail "$1 has /$2/"; }

# ---- exit status ----
status 0 "$program" run good.yaml
status 1 "$program" run failing.yaml
status 2 "$program" run bad.yaml
has err '^bad\.yaml:4:8: spec\.untill: .*did you mean "until"'
[ ! -s out ] || fail "bad input prints on standard output"
status 2 "$program" run
status 2 "$program" run good.yaml --seed
status 2 "$program" run good.yaml --seed x
status 2 "$program" run good.yaml --until soon
status 2 "$program" run good.yaml --output yaml
status 2 "$program" run nested-nothing
status 2 "$program" run empty
status 3 "$program" run good.yaml --quiet --trace /no-such-folder/trace
has err '/no-such-folder/trace'
printf '%s\nmetadata: {name: real}\nspec: {cluster: {nodes: [{runtime: bwrap}]}}\n' "$head" >real.yaml
status 3 "$program" run real.yaml
has err '^real\.yaml:4:.*runtime "bwrap" is not part of this build'
status 2 "$program" run good.yaml bad.yaml --quiet
status 2 "$program" run bad.yaml failing.yaml --quiet
has out 'FAIL fail<&>ing'

# ---- JSON ----
status 0 "$program" run good.yaml --output json
[ ! -s err ] || fail "JSON: something on standard error"
[ "$(wc -l <out)" = 1 ] || fail "JSON: not one line"
cp out good.json
status 1 "$program" run failing.yaml --output json
cp out failing.json
status 1 "$program" run folder --output json
[ "$(wc -l <out)" = 2 ] || fail "JSON: not one object a scenario"
status 2 "$program" run bad.yaml good.yaml --output json
[ "$(wc -l <out)" = 1 ] || fail "JSON: bad input adds a line"

# ---- files ----
status 0 "$program" run good.yaml --output json --trace t --changes c --objects o --junit j.xml --report r.html
cp out again.json
for f in t c o j.xml r.html; do [ -s $f ] || fail "$f is empty"; done
grep -vqE '^\[[0-9]+\.[0-9]{3}\] [^ ]+ .*: ' t && grep -vE '^\[[0-9]+\.[0-9]{3}\] ' t | head -n 3
has t '^\[[0-9]+\.[0-9]{3}\] kubectl configmaps/c: created$'
has r.html '^<!doctype html>'
lacks r.html '<description>'

# ---- seeds, ends ----
status 0 "$program" run good.yaml --seed 99 --output json
has out '"seed": 99,'
status 0 "$program" run good.yaml --seed=99 --until=4s --output json
has out '"virtualSeconds": 4\.0,'

# ---- text ----
status 0 "$program" run good.yaml
has out '^good: A "quoted" <description> & more\. \(seed 3\)$'
has out '^  deploy  [0-9.]+s$'
has out '^    Hello\.$'
has out '✓ deploy'
has out '^PASS good: .* trace [0-9a-f]{16}$'
lacks out "$(printf '\033')"
status 0 "$program" run good.yaml --quiet
[ "$(wc -l <out)" = 1 ] || fail "--quiet: more than the last line"
status 1 "$program" run failing.yaml
has out '✗ wrong'
has out '^      - data\.k: "other & <more>"$'
has out '^      \+ data\.k: "v"$'
has out '\] kubectl configmaps/shown: created'
status 1 "$program" run folder good.yaml
has out '^3 scenarios, 2 passed, 1 failed$'
[ "$(grep -cE '^(PASS|FAIL) ' out)" = 6 ] || fail "several scenarios: not a line each at the end"

# ---- a terminal: colours and progress, unless NO_COLOR ----
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then # a pseudo-terminal can be had
    script -qec "$program run good.yaml" /dev/null >out 2>&1 </dev/null
    has out "$(printf '\033')\\[32m"
    sed 's/^spec:/spec:\n  until: 40h/' good.yaml >long.yaml
    script -qec "$program run long.yaml" /dev/null >out 2>&1 </dev/null
    has out "[0-9]+ events, 1 of 2 pods run.*$(printf '\r')"
    NO_COLOR=1 script -qec "$program run good.yaml" /dev/null >out 2>&1 </dev/null
    lacks out "$(printf '\033')\\[3[12]m"
fi

python3 - <<'E2' || failed=1
import json, re, sys, xml.dom.minidom
ok = True
def check(condition, what):
    global ok
    if not condition:
        ok = False
        print("outputs:", what)
number = (int, float)
types = {"scenario": str, "seed": int, "result": str, "message": str, "virtualSeconds": number, "wallSeconds": number,
         "cpuSeconds": number, "peakRSSBytes": int, "events": int, "writes": int, "traceHash": str, "steps": list,
         "invariants": dict, "pods": dict}
for name in ("good", "failing", "again"):
    o = json.load(open(name + ".json"))
    check(set(types) <= set(o), f"{name}: keys {list(o)}")
    for key, kind in types.items():
        check(isinstance(o[key], kind), f"{name}: type of {key}")
    check(re.fullmatch("[0-9a-f]{16}", o["traceHash"]), "traceHash")
    for step in o["steps"]:
        check({"name", "result", "startSeconds", "endSeconds", "message"} <= set(step), f"keys of steps: {list(step)}")
        check(step["result"] in ("passed", "failed", "skipped"), "result of a step")
        check(isinstance(step["startSeconds"], number) and isinstance(step["endSeconds"], number), "instants of a step")
    check(isinstance(o["invariants"]["checked"], int) and o["invariants"]["checked"] > 20, "invariants.checked")
    check(o["invariants"]["violations"] == [], "violations")
    check(list(o["pods"]) == ["total", "running", "pending", "unscheduled", "succeeded", "failed"], "pods")
    check(all(isinstance(n, int) for n in o["pods"].values()), "counts of pods")
good, bad, again = (json.load(open(n + ".json")) for n in ("good", "failing", "again"))
check(good["result"] == "passed" and good["message"] == "" and good["seed"] == 3, "good")
check(good["pods"] == {"total": 2, "running": 1, "pending": 1, "unscheduled": 1, "succeeded": 0, "failed": 0}, f"pods: {good['pods']}")
check([s["name"] for s in good["steps"]] == ["deploy", "step-2"], "names of steps")
check(bad["result"] == "failed" and "other & <more>" in bad["message"], "failing: message")
check([s["result"] for s in bad["steps"]] == ["failed", "skipped"], "failing: steps")
for o in (good, again):
    for step in o["steps"]:
        step.pop("cpuSecondsAtEnd", None)
for key in ("virtualSeconds", "events", "writes", "traceHash", "steps", "pods"):
    check(good[key] == again[key], f"{key} depends on what else is written")

lines = [json.loads(line) for line in open("c")]
# The API servers' own records (their endpoint leases, node ports) are writes, but of no object.
check(0 <= good["writes"] - len(lines) < 20, "changes: not one line for each write of an object")
last = 0
for line in lines:
    check(list(line) == ["t", "revision", "type", "by", "object"], f"changes: keys {list(line)}")
    check(line["type"] in ("ADDED", "MODIFIED", "DELETED") and line["by"] and isinstance(line["t"], number), "changes: a line")
    check(line["revision"] >= last, "changes: revisions go back")
    check(line["object"].get("kind") and line["object"].get("apiVersion"), "changes: object without kind")
    last = line["revision"]
mine = [l for l in lines if l["object"]["kind"] == "ConfigMap" and l["object"]["metadata"]["name"] == "c"]
check([l["type"] for l in mine] == ["ADDED", "DELETED"], f"changes of a ConfigMap: {[l['type'] for l in mine]}")
check(all(l["by"] == "kubernetes-admin" for l in mine), f"by: {[l['by'] for l in mine]}")
check(mine[0]["object"]["data"]["text"] == 'line\n"quote" \\ <&> é', "text survives")
check(mine[0]["object"]["metadata"]["resourceVersion"] == str(mine[0]["revision"]), "resourceVersion is the revision")
objects = json.load(open("o"))
check(objects["kind"] == "List" and objects["apiVersion"] == "v1" and len(objects["items"]) > 50, "objects")
# The objects at the end are what the changes lead to.
state = {}
for l in lines:
    m = l["object"]["metadata"]
    key = (l["object"]["apiVersion"], l["object"]["kind"], m.get("namespace"), m["name"])
    state.pop(key, None) if l["type"] == "DELETED" else state.__setitem__(key, l["object"])
final = {(x["apiVersion"], x["kind"], x["metadata"].get("namespace"), x["metadata"]["name"]): x for x in objects["items"]}
check(state == final, f"objects differ from what the changes lead to: {set(state) ^ set(final)}")

page = xml.dom.minidom.parse("j.xml")
check(page.documentElement.tagName == "testsuites", "JUnit: root")
sys.exit(0 if ok else 1)
E2

status 1 "$program" run folder --quiet --junit both.xml
python3 - <<'E2' || failed=1
import sys, xml.dom.minidom
page = xml.dom.minidom.parse("both.xml")
suites = page.getElementsByTagName("testsuite")
ok = [s.getAttribute("name") for s in suites] == ["good", "fail<&>ing"]
ok = ok and [s.getAttribute("failures") for s in suites] == ["0", "1"] and len(page.getElementsByTagName("skipped")) == 1
print("" if ok else "outputs: JUnit of two scenarios is wrong")
sys.exit(0 if ok else 1)
E2
exit $failed
