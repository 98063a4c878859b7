#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the recorded commands with the kubectl of this machine and shows where its words differ.

    commands.py PROGRAM RECORDINGS [GROUP...]

Times, addresses, uids and drawn names are masked. What is left differs for many good reasons (our
pods take their time; some controllers are not built), so this is to be read, not to be passed.
"""
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
DRAWN = "[bcdf-hj-np-tv-z2-9]"
MASKS = [(re.compile(pattern), word) for pattern, word in (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uid>"),
    (r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z| \+0000( UTC)?)", "<time>"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d+ \w+ \d{4} [\d:]+ \+0000", "<time>"),
    (r"\b\d+(\.\d+)?(ms|s|m|h|d)(\d+(ms|s|m|h))*\b", "<age>"),
    (r"-%s{8,10}-%s{5}\b" % (DRAWN, DRAWN), "-<hash>-<draw>"),
    (r"pod-template-hash=%s{8,10}\b" % DRAWN, "pod-template-hash=<hash>"),
    (r"-%s{8,10}\b" % DRAWN, "-<hash>"),
    (r"-%s{5}\b" % DRAWN, "-<draw>"),
    (r"\b\d+\.\d+\.\d+\.\d+(:\d{5})?\b", "<address>"),
    (r"\b\d+:3[0-2]\d{3}/", "<port>/"),
    (r"(resourceVersion\"?: )\"\d+\"", r"\1<version>"),
    (r"/(LIVE|MERGED)-\d+", r"/\1"),
    (r" +", " "))]


def masked(text):
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return text.split("\n")


def records(path):
    with open(path) as f:
        for line in f:
            yield json.loads(line)


def manifests(paths):
    """The files of the commands (m_web.yaml), from what kubectl sent of them."""
    files = {}
    for path in paths:
        sent = []
        for r in records(path):
            if r["type"] == "http":
                body = r.get("reqBody")
                if r["method"] in ("POST", "PATCH") and body:
                    body = json.loads(body) if isinstance(body, str) and body[:1] == "{" else body
                    sent.append(body)
                continue
            for name in re.findall(r"\bm_\w+\.yaml", r["cmd"])[:1]:
                documents = files.setdefault(name, {})
                for body in (b for b in sent if isinstance(b, dict)):
                    applied = ((body.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
                    body = json.loads(applied) if applied else body
                    if "kind" in body and "name" in body.get("metadata", {}):
                        documents[body["kind"], body["metadata"]["name"]] = body
            sent = []
    return files


def run(command, folder, environment):
    try:
        p = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, text=True, timeout=60,
                           capture_output=True, stdin=subprocess.DEVNULL)
        return p.returncode, p.stdout, p.stderr
    except subprocess.TimeoutExpired:
        return -1, "", "it takes longer than a minute"


def group(path, folder, environment):
    count = differ = 0
    for r in records(path):
        if r["type"] != "cmd":
            continue
        count += 1
        status, out, err = run(r["cmd"], folder, environment)
        theirs, ours = masked(r["stdout"] + r["stderr"]), masked(out + err)
        lines = [line for line in difflib.unified_diff(theirs, ours, n=0, lineterm="")
                 if not line.startswith(("---", "+++", "@@"))]
        if lines or status != r["rc"]:
            differ += 1
            print("%s %s: %s (%s, %s)" % (os.path.basename(path), r["cmdno"], r["cmd"], r["rc"], status))
            print("".join("    %s\n" % line[:200] for line in lines[:16]), end="", flush=True)
    return count, differ


def main():
    program, recordings = sys.argv[1:3]
    folder = os.path.join(recordings, "kubectl132")
    groups = sorted(g for g in os.listdir(folder) if not sys.argv[3:] or g.split(".")[0] in sys.argv[3:])
    work = tempfile.mkdtemp()
    kubeconfig = os.path.join(work, "kubeconfig")
    environment = dict(os.environ, KUBECONFIG=kubeconfig, HOME=work, KUBECACHEDIR=os.path.join(work, "cache"))
    for name, documents in manifests(os.path.join(folder, g) for g in sorted(os.listdir(folder))).items():
        with open(os.path.join(work, name), "w") as f:
            f.write("".join("---\n%s\n" % json.dumps(d) for d in documents.values()))
    server = subprocess.Popen([program, "serve", "-f", os.path.join(HERE, "cluster.yaml"), "--listen", "127.0.0.1:0",
                               "--kubeconfig", kubeconfig, "--speed", "10"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not os.path.exists(kubeconfig):
            time.sleep(0.1)
        run("kubectl config use-context wavetank; kubectl wait --for=condition=Ready node --all", work, environment)
        totals = [group(os.path.join(folder, g), work, environment) for g in groups]
        print("%d commands, %d differ" % (sum(t[0] for t in totals), sum(t[1] for t in totals)))
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
