#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays recorded requests against `wavetank serve` and compares the answers with the recorded.

Usage: recorded.py PROGRAM RECORDINGS [--group NAME]... [--verbose] [--out FILE]

RECORDINGS is a folder with kubectl132/*.jsonl, kubectl136/*.jsonl and *-curl.jsonl: one JSON object a
line, a request and the answer of a real API server. Each folder is one life of a cluster, so each
is replayed in order against a server of its own. Each difference is a line:

    group | number command | METHOD path | kind | place | recorded | ours

known.txt lists the differences that are there for a reason: `pattern  # reason`, the pattern a
regular expression on that line. The test fails on a difference that no pattern covers, and on a
pattern that covers none. State that controllers reach is waited for, for a bounded time.
"""
import argparse
import base64
import collections
import concurrent.futures
import glob
import json
import os
import re
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import objects  # noqa: E402
import protobuf  # noqa: E402
from compare import Comparison, Names  # noqa: E402
from server import Server  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
# Virtual time: before a command (kubectl has to start), for a state that controllers bring about
# (looked at in steps, as long as anything is not as it should be), for the events of a watch.
COMMAND_MS = 150
WAIT_STEPS_MS = [100, 200, 400, 800, 1600, 3200, 6400]
WATCH_MS = 6000
COMPARED_HEADERS = ("warning", "allow", "etag-present", "vary", "cache-control", "retry-after",
                    "x-content-type-options", "accept-ranges", "last-modified-present",
                    "content-encoding", "expires-present")
IGNORED_KEYS = set()
PROTOBUF = "application/vnd.kubernetes.protobuf"


def is_watch(path):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
    return query.get("watch", ["0"])[0] in ("1", "true") or "/watch/" in path


def is_state(path):
    """Whether it is an object's or a list's path, which controllers may be about to change."""
    return path.startswith(("/api/", "/apis/")) and len(path.split("?")[0].split("/")) > 4


class Replay:
    def __init__(self, server, group, names, folder, types, entries):
        self.known = entries
        self.server, self.group, self.names, self.folder = server, group, names, folder
        self.types = types
        self.title = None
        self.lines = []
        self.requests = 0

    def file(self, value):
        if isinstance(value, dict) and "$file" in value:
            with open(os.path.join(self.folder, value["$file"]), "rb") as f:
                data = f.read()
            try:
                return json.loads(data)
            except ValueError:
                return data.decode("utf-8", "replace")
        return value

    def request_of(self, record):
        """Method, path, headers, body, as ours: names that our server drew in place of theirs."""
        split = urllib.parse.urlsplit(record["path"])
        path = self.names.translate(split.path)
        if split.query:
            path += "?" + "&".join(self.option(part) for part in split.query.split("&"))
        headers = {}
        for name, value in (record.get("reqHeaders") or {}).items():
            if name in ("accept", "content-type", "user-agent", "if-none-match"):
                headers[name.title()] = self.names.ours.get(value, value)
        if "name" in record:
            headers = {"User-Agent": ""}
            if record.get("accept"):
                headers["Accept"] = record["accept"]
            if record.get("contentType"):
                headers["Content-Type"] = record["contentType"]
            headers.update(record.get("extraHeaders") or {})
            if record["as"] == "alicetok":
                headers.update({"Impersonate-User": "alice", "Impersonate-Group": "dev", "Impersonate-Uid": "u-alice"})
            elif record["as"] not in (None, "admintok"):
                headers["Authorization"] = "Bearer " + record["as"]
        body = record.get("reqBody")
        if isinstance(body, dict) and "protobuf_base64" in body:
            body = base64.b64decode(body["protobuf_base64"])
        elif isinstance(body, str):
            body = self.names.translate(body).encode()
        elif body is not None:
            body = json.dumps(self.translate(body)).encode()
        elif record["method"] in ("POST", "PUT", "PATCH"):
            body = b""
        return record["method"], path, headers, body

    def option(self, part):
        """One of the query; as it was written, where it names nothing of the run."""
        name, _, value = part.partition("=")
        theirs = urllib.parse.unquote_plus(value)
        ours = self.names.ours.get(theirs, theirs) if name in ("resourceVersion", "continue", "hash") \
            else self.names.translate(theirs)
        return part if ours == theirs else name + "=" + urllib.parse.quote_plus(ours)

    def translate(self, value):
        if isinstance(value, dict):
            if value.get("path") == "/metadata/resourceVersion":  # of a JSON patch
                value = dict(value, value=self.names.ours.get(value.get("value"), value.get("value")))
            return {self.names.translate(k): self.names.ours.get(v, v) if k == "resourceVersion"
                    else self.translate(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.translate(v) for v in value]
        return self.names.translate(value) if isinstance(value, str) else value

    def ask(self, record, expected):
        method, path, headers, body = self.request_of(record)
        is_admin = record.get("as", "admintok") in ("admintok", "alicetok")
        watch = None
        if is_watch(path):
            count = len(expected.get("stream", [expected])) if isinstance(expected, dict) else 1
            watch = (lambda data: data.count(b"\n") >= count + (1 if record.get("end") == "end" else 0), WATCH_MS)
        return self.server.request(method, path, headers, body, is_admin, watch)

    def compare(self, record, answer, expected):
        status, headers, data = answer
        found = []
        is_sorted = isinstance(record.get("respBody"), dict) and "protobuf_base64" in record["respBody"]
        comparison = Comparison(self.names, IGNORED_KEYS, not is_sorted)
        theirs = record["respHeaders"]
        if status != record["status"]:
            comparison.report("status", "", record["status"],
                              "%d %s" % (status, data[:200].decode("utf-8", "replace")))
            return comparison.found
        wanted, got = theirs.get("content-type", ""), headers.get("content-type", "")
        if wanted != got and not (wanted == PROTOBUF and got == "application/json"):
            comparison.report("content-type", "", wanted, got)
        for name in COMPARED_HEADERS:
            plain = name.replace("-present", "")
            wanted, got = theirs.get(plain, ""), headers.get(plain, "")
            if name != plain:
                wanted, got = bool(wanted), bool(got)
            if name == "accept-ranges" and "audit-id" not in theirs:
                continue  # the recordings of kubectl are without it
            if name == "content-encoding" or self.names.translate(str(wanted)) == str(got):
                continue
            comparison.report("header", plain, wanted, got)
        if theirs.get("etag") and headers.get("etag"):
            self.names.learn(theirs["etag"], headers["etag"])
        self.body(comparison, record, expected, data)
        return comparison.found

    def body(self, comparison, record, expected, data):
        if expected is None or record["method"] == "HEAD" or str(expected).startswith("<protobuf"):
            return
        if isinstance(expected, dict) and "protobuf_base64" in expected:
            self.protobuf(comparison, record, expected, data)
            return
        if record["path"].split("?")[0] == "/openapi/v3" and isinstance(expected, dict):
            self.learn_hashes(expected, json.loads(data))
        if record["path"].startswith(("/openapi", "/metrics", "/statusz", "/flagz")):
            return
        if is_watch(record["path"]) and record["status"] == 200:
            if not isinstance(expected, dict):  # protobuf
                return
            events = []
            for line in data.split(b"\n"):
                if line.strip():
                    try:
                        events.append(json.loads(line))
                    except ValueError:
                        comparison.report("value", "stream", "JSON", line[:100].decode("utf-8", "replace"))
            theirs = expected["stream"] if "stream" in expected else [expected]
            for i, (a, b) in enumerate(zip(theirs, events)):
                comparison.walk(a, b, "stream[%d]" % i)
            if len(events) != len(theirs):
                comparison.report("length", "stream", [e.get("type") for e in theirs],
                                  [e.get("type") for e in events])
            return
        if isinstance(expected, (dict, list)):
            try:
                comparison.walk(expected, json.loads(data), "")
            except ValueError:
                comparison.report("value", "body", expected, data.decode("utf-8", "replace"))
        else:
            comparison.walk(expected, data.decode("utf-8", "replace"), "body")

    def learn_hashes(self, theirs, ours):
        """Of the documents that an index names."""
        for path, entry in theirs["paths"].items():
            mine = ours["paths"].get(path)
            if mine:
                self.names.learn(entry["serverRelativeURL"].split("hash=")[-1],
                                 mine["serverRelativeURL"].split("hash=")[-1])

    def protobuf(self, comparison, record, expected, data):
        """What the bytes stand for; of a watch, only what is said beside them."""
        if self.types is None or is_watch(record["path"]):
            return
        theirs = self.types.decode(base64.b64decode(expected["protobuf_base64"]))
        ours = self.types.decode(data) if data[:4] == protobuf.MAGIC else json.loads(data)
        comparison.walk(protobuf.without_zeros(theirs), protobuf.without_zeros(ours), "")

    def one(self, record):
        expected = self.file(record.get("respBody"))
        self.requests += 1
        title = record.get("name") or "%d %s" % (record["cmdno"], record["cmd"])
        if title != self.title:
            self.title = title
            self.server.step(COMMAND_MS)
        best, best_new = None, 0
        for step in WAIT_STEPS_MS + [0]:
            try:
                answer = self.ask(record, expected)
                found = self.compare(record, answer, expected)
            except Exception as error:  # the connection was closed, or our harness fails: both are told
                found = [("broken", "", "an answer", "%s: %s" % (type(error).__name__, error))]
            found = [self.line(record, title, *difference) for difference in found]
            new = sum(1 for line in found if not is_known(self.known, line))
            if best is None or new < best_new:
                best, best_new = found, new
            if not new or record["method"] != "GET" or is_watch(record["path"]) or \
                    not is_state(record["path"]):
                break
            if step:
                self.server.step(step)
        self.lines += best

    def line(self, record, title, kind, path, theirs, ours):
        request = "%s %s" % (record["method"], record["path"][:110])
        text = " | ".join([self.group, title[:70].replace("|", "!"), request, kind, path, theirs, ours])
        return text.replace("\n", "\\n").replace("\r", "\\r").replace("\0", "")


def lives(folder):
    """Each life of a cluster: the recordings that go on from one another."""
    found = []
    for name in sorted(os.listdir(folder)):
        files = sorted(glob.glob(os.path.join(folder, name, "*.jsonl"))) if name.startswith("kubectl") else []
        if files:
            found.append(files)
    if found:
        found[-1] = found[-1] + sorted(glob.glob(os.path.join(folder, "*-curl.jsonl")))
    return found


def records_of(path):
    with open(path) as f:
        for line in f:
            record = json.loads(line)
            if record.get("type", "http") == "http":
                yield record


def known(path):
    entries = []
    if os.path.exists(path):
        for line in open(path):
            line = line.rstrip("\n")
            if line.strip() and not line.startswith("#"):
                pattern, _, reason = line.partition("  # ")
                entries.append((re.compile(pattern), reason))
    return entries


def is_known(entries, line):
    return any(pattern.search(line) for pattern, _ in entries)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("recordings")
    parser.add_argument("--group", action="append")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--out")
    options = parser.parse_args()
    options.known = known(os.path.join(HERE, "known.txt"))
    lines, requests = [], 0
    table = os.path.join(options.recordings, "..", "types.jsonl")
    types = protobuf.Types(table) if os.path.exists(table) else None
    chosen = [files for files in lives(options.recordings)
              if not options.group or any(g in f for f in files for g in options.group)]
    if not options.group or "objects" in options.group:
        scenario = os.path.join(HERE, "cluster.yaml")
        lines, requests = objects.run(options.program, options.recordings, scenario)
        print("objects: %d requests, %d differences" % (requests, len(lines)), file=sys.stderr)
    if options.group:  # what comes after the last one that is asked for is of no use
        chosen = [files[:max(i for i, f in enumerate(files) if any(g in f for g in options.group)) + 1]
                  for files in chosen]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for some, count in pool.map(lambda files: live(options, types, files), chosen):
            lines += some
            requests += count
    return summary(options, lines, requests)


def live(options, types, files):
    """One life of a cluster, from its first request to its last."""
    lines, requests = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(options.program, os.path.join(HERE, "cluster.yaml"), scratch)
        names = Names()
        for path in files:
            group = os.path.relpath(path, options.recordings).replace(".jsonl", "")
            replay = Replay(server, group, names, options.recordings, types, options.known)
            started = time.monotonic()
            for record in records_of(path):
                if not record["path"].startswith("/version?timeout=5s"):
                    replay.one(record)
            print("%s: %d requests, %d differences, %.0f s" %
                  (group, replay.requests, len(replay.lines), time.monotonic() - started), file=sys.stderr)
            if not options.group or any(g in path for g in options.group):
                lines += replay.lines
                requests += replay.requests
        status = server.stop()
        if status != 0:
            lines.append("%s | the server | | status | | 0 | %s: %s" % (group, status, server.last_words()))
    return lines, requests


def summary(options, lines, requests):
    entries = options.known
    used = collections.Counter()
    new = []
    for line in lines:
        hit = next((i for i, (pattern, _) in enumerate(entries) if pattern.search(line)), None)
        if hit is None:
            new.append(line)
        else:
            used[hit] += 1
    if options.out:
        with open(options.out, "w") as f:
            f.write("\n".join(lines) + "\n")
    for line in (lines if options.verbose else new):
        print(line)
    kinds = collections.Counter(line.split(" | ")[3] for line in new)
    print("by kind:", ", ".join("%s %d" % k for k in kinds.most_common()))
    gone = [entries[i][0].pattern for i in range(len(entries))
            if not used[i] and not options.group and not entries[i][1].startswith("at times:")]
    for pattern in gone:
        print("known, but gone:", pattern)
    print("%d requests, %d differences: %d known (%d patterns), %d new" %
          (requests, len(lines), len(lines) - len(new), len(entries), len(new)))
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main())
