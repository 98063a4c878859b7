# SPDX-License-Identifier: Apache-2.0
"""Objects as a real server stored them, and the tables it made of them.

Each recorded object is created here as it stands, without what a server adds; what is stored must
be the same. Its status is then written through the status subresource, and the rows of the tables
must have the recorded cells. The clock stands still, so that no controller comes between.
"""
import copy
import glob
import json
import os
import tempfile
import urllib.parse

from compare import Comparison, Names
from server import Server

DRAWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
         "deletionTimestamp", "deletionGracePeriodSeconds")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def objects_of(folder):
    for path in sorted(glob.glob(os.path.join(folder, "objects", "*.json"))):
        with open(path) as f:
            value = json.load(f)
        for item in value.get("items", [value]) if value.get("kind", "").endswith("List") else [value]:
            if "kind" in item and "apiVersion" in item:
                yield os.path.basename(path), item


class Objects:
    def __init__(self, server):
        self.server, self.lines, self.requests = server, [], 0
        self.resources, self.stored, self.namespaces = {}, [], {"default", "kube-system", "kube-public", "kube-node-lease"}
        for group_version in self.group_versions():
            base = "/api/v1" if group_version == "v1" else "/apis/" + group_version
            for r in self.ask("GET", base)[1]["resources"]:
                if "/" not in r["name"]:
                    self.resources[(group_version, r["kind"])] = (base, r["name"], r["namespaced"])
                else:
                    plural, sub = r["name"].split("/", 1)
                    self.resources[(group_version, plural, sub)] = True

    def group_versions(self):
        groups = self.ask("GET", "/apis")[1]["groups"]
        return ["v1"] + [v["groupVersion"] for g in groups for v in g["versions"]]

    def ask(self, method, path, body=None, accept="application/json"):
        self.requests += 1
        headers = {"Accept": accept, "Content-Type": "application/json", "User-Agent": "recorded"}
        status, _, data = self.server.request(method, path, headers,
                                              None if body is None else json.dumps(body).encode())
        try:
            return status, json.loads(data)
        except ValueError:
            return status, data.decode("utf-8", "replace")

    def report(self, title, request, found):
        for kind, path, theirs, ours in found:
            self.lines.append(" | ".join(["objects", title, request, kind, path, theirs, ours]))

    def one(self, file, item):
        where = self.resources.get((item["apiVersion"], item["kind"]))
        if where is None:
            return
        base, plural, is_namespaced = where
        namespace = item["metadata"].get("namespace", "")
        if is_namespaced and namespace not in self.namespaces:
            self.namespaces.add(namespace)
            self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        path = base + ("/namespaces/" + namespace if is_namespaced else "") + "/" + plural
        name = path + "/" + urllib.parse.quote(item["metadata"]["name"], safe="")
        body = copy.deepcopy(item)
        applied = (item["metadata"].get("annotations") or {}).get(LAST_APPLIED)
        sent = json.loads(applied) if applied else {}
        if (sent.get("apiVersion"), sent.get("kind")) == (item["apiVersion"], item["kind"]):
            body = sent  # without any default
            body["metadata"].setdefault("annotations", {})[LAST_APPLIED] = applied
        for key in DRAWN + ("ownerReferences",):  # whose owners are not here
            body["metadata"].pop(key, None)
        status, _ = self.ask("GET", name)
        if status != 200:
            body.pop("status", None)
            # The status of a job is its controller's alone, and its startTime is set once: ours keeps out.
            is_job = item["kind"] == "Job" and "managedBy" not in body.get("spec", {})
            if is_job:
                body["spec"]["managedBy"] = "example.org/replay"
            status, ours = self.ask("POST", path, body)
            if is_job and status == 201:
                del ours["spec"]["managedBy"]
            if status != 201:
                self.report(file, "POST " + path, [("status", "", "201", "%d %s" % (status, str(
                    ours.get("message") if isinstance(ours, dict) else ours)[:300]))])
                return
            comparison = Comparison(Names(), {"managedFields", "status", "generation", "ownerReferences"}, False)
            self.report(file, "POST " + path, comparison.run(item, ours))
            self.stored.append((file, name, item))
        if item.get("status") and (item["apiVersion"], plural, "status") in self.resources:
            for _ in range(10):  # a controller may have written between
                status, ours = self.ask("GET", name)
                ours["status"] = item["status"]
                status, ours = self.ask("PUT", name + "/status", ours)
                if status != 409:
                    break
            if status != 200:
                self.report(file, "PUT " + name + "/status", [("status", "", "200", "%d %s" % (
                    status, ours.get("message") if isinstance(ours, dict) else ours))])
                return
            comparison = Comparison(Names(), set(), False)
            comparison.walk(item["status"], ours.get("status", {}), ".status")
            self.report(file, "PUT " + name + "/status", comparison.found)

    def tables(self, tables):
        for key, table in tables.items():
            group_version, plural = key.rsplit("/", 1)
            base = "/api/v1" if group_version == "v1" else "/apis/" + group_version
            status, ours = self.ask("GET", base + "/" + plural, accept=TABLE)
            if status != 200:
                if (group_version, table["kind"]) in self.resources:
                    self.report(key, "table", [("status", "", "200", str(status))])
                continue
            theirs = [{k: v for k, v in c.items() if k != "description"} for c in table["columns"]]
            mine = [{k: v for k, v in c.items() if k != "description"} for c in ours["columnDefinitions"]]
            comparison = Comparison(Names(), set(), False)
            comparison.walk(theirs, mine, ".columns")
            rows = {(r["object"]["metadata"].get("namespace"), r["object"]["metadata"]["name"]): r for r in ours["rows"]}
            for row in table["rows"]:
                other = rows.get((row["ns"], row["name"]))
                if other is None:
                    continue
                a = {"kind": "Table", "columnDefinitions": table["columns"], "rows": [
                    {"cells": row["cells"], "conditions": row["conditions"] or []}]}
                b = {"kind": "Table", "columnDefinitions": table["columns"], "rows": [
                    {"cells": other["cells"], "conditions": other.get("conditions") or []}]}
                comparison.walk(a, b, "")
            self.report(key, "table", comparison.found)


def run(program, folder, scenario):
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(program, scenario, scratch)
        replay = Objects(server)
        items = list(objects_of(folder))
        first = ("Namespace", "ServiceAccount", "PriorityClass", "StorageClass", "RuntimeClass", "Node",
                 "ConfigMap", "Role", "ClusterRole", "Service")
        items.sort(key=lambda i: first.index(i[1]["kind"]) if i[1]["kind"] in first else len(first))
        for file, item in items:
            replay.one(file, item)
        with open(os.path.join(folder, "tables.json")) as f:
            replay.tables(json.load(f))
        status = server.stop()
        if status != 0:
            replay.lines.append("objects | the server | | status | | 0 | %s" % status)
        return replay.lines, replay.requests
