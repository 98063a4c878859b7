#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of the API surface from a folder of facts about Kubernetes.

    cluster/api/schema/generate.py FACTS

FACTS holds resources.tsv, strategies.tsv, table_columns.tsv and types.jsonl. Output, all committed:
cluster/api/resources.def (one row a served resource), cluster/api/schema/<group>.def (one row a field),
cluster/api/schema/types.def, which includes them all, and columns.def (one row a column of a table). Only names, types and directives are taken over.
"""
import csv
import json
import os
import re
import sys

facts = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
api = os.path.dirname(here)
LICENSE = "/* SPDX-License-Identifier: Apache-2.0 */\n"
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]
SUBRESOURCES = ["status", "scale", "binding", "eviction", "finalize", "token", "approval", "resize",
                "ephemeralcontainers", "log", "exec", "attach", "portforward", "proxy"]
SCALARS = {"string": "STRING", "int32": "INT32", "int64": "INT64", "bool": "BOOL", "double": "DOUBLE",
           "bytes": "BYTES", "Quantity": "QUANTITY", "IntOrString": "INT_OR_STRING", "Time": "TIME",
           "MicroTime": "MICRO_TIME", "Duration": "DURATION", "RawExtension": "RAW", "FieldsV1": "RAW",
           "object": "RAW", "any": "ANY"}
# Types that clients meet without a stored kind behind them.
EXTRA = ["autoscaling/v1.Scale", "policy/v1.Eviction", "core/v1.Binding", "authentication/v1.TokenRequest",
         "meta/v1.Status", "meta/v1.DeleteOptions", "meta/v1.Condition", "meta/v1.Table",
         "meta/v1.PartialObjectMetadata", "meta/v1.ListMeta", "meta/v1.WatchEvent", "meta/v1.APIVersions",
         "meta/v1.APIGroup", "meta/v1.APIGroupList", "meta/v1.APIResourceList",
         "apidiscovery/v2.APIGroupDiscoveryList"]
# Kinds that share a store with a row of another group or version.
SHARED = {("events.k8s.io", "v1", "events"): "events", ("autoscaling", "v1", "horizontalpodautoscalers"):
          "horizontalpodautoscalers"}
IDENTIFIERS = {("events.k8s.io", "v1", "events"): "events_events",
               ("autoscaling", "v1", "horizontalpodautoscalers"): "horizontalpodautoscalers_v1"}


def read_table(name):
    with open(os.path.join(facts, name)) as f:
        lines = [line for line in f if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def identifier(name):
    return re.sub(r"[^A-Za-z0-9]", "_", name)


types = {}
with open(os.path.join(facts, "types.jsonl")) as f:
    for line in f:
        t = json.loads(line)
        types[t["name"]] = t
by_kind = {}
for t in types.values():
    if isinstance(t.get("gvk"), list):
        by_kind[tuple(t["gvk"])] = t["name"]
atoms = {}
with open(os.path.join(api, "atoms.def")) as f:
    for line in f:
        m = re.match(r'ATOM\((\w+), "(.*)"\)', line)
        if m:
            atoms[m.group(2)] = m.group(1)


def bits(prefix, names, all_names):
    wanted = [n for n in all_names if n in names]
    return " | ".join("%s(%s)" % (prefix, n.upper() if n != "deletecollection" else "DELETE_COLLECTION")
                      for n in wanted) or "0"


def strategy_rows():
    rows = {}
    for r in read_table("strategies.tsv"):
        rows[r["resource"].split("/")[-1]] = r
    return rows


STRATEGY_ALIASES = {"certificatesigningrequest": "certificates", "endpoints": "endpoint"}


def strategy(rows, row):
    singular = row["kind"].lower()
    r = rows.get(STRATEGY_ALIASES.get(singular, singular))
    if r is None:
        return "0"
    flags = []
    if r["put_creates"] == "yes":
        flags.append("STRATEGY_PUT_CREATES")
    if r["put_without_resourceVersion"] == "yes":
        flags.append("STRATEGY_PUT_UNCONDITIONAL")
    if r["generation_on_create"] == "1":
        flags.append("STRATEGY_GENERATION")
    if "Orphan" in (r["default_gc"] or ""):
        flags.append("STRATEGY_ORPHAN_BY_DEFAULT")
    if "no GC" in (r["default_gc"] or ""):
        flags.append("STRATEGY_NO_GC")
    return " | ".join(flags) or "0"


def write_resources():
    strategies = strategy_rows()
    kinds = []
    out = [LICENSE, "/* Every served resource, in the order of discovery. Written by schema/generate.py.\n"
           " * RESOURCE(identifier, group, version, groupVersion, kind, plural, qualified, singular, list kind, short names,\n"
           " *          categories, namespaced, verbs, subresources, stored row, type, strategy, field selectors) */\n"]
    for r in read_table("resources.tsv"):
        if r["enabledByDefault"] != "true":
            continue
        key = (r["group"], r["version"], r["plural"])
        ident = IDENTIFIERS.get(key, r["plural"])
        stored = SHARED.get(key, ident)
        subs = [s.split("=")[0] for s in r["subresources"].split(";") if s]
        gv = (r["group"] + "/" if r["group"] else "") + r["version"]
        type_name = by_kind[(r["group"], r["version"], r["kind"])]
        kinds.append(type_name)
        out.append("RESOURCE(%s, %s, %s, %s, %s, %s,\n         %s, %s, %s, %s, %s, %s,\n         %s,\n         %s,\n"
                   "         %s, %s, %s,\n         %s)\n" % (
                       ident, quote(r["group"]), quote(r["version"]), quote(gv), quote(r["kind"]),
                       quote(r["plural"]), quote(r["plural"] + ("." + r["group"] if r["group"] else "")),
                       quote(r["singular"]), quote(r["listKind"]), quote(r["shortnames"]),
                       quote(r["categories"]), r["namespaced"],
                       bits("VERB_BIT", r["verbs"].split(","), VERBS),
                       bits("SUBRESOURCE_BIT", subs, SUBRESOURCES), stored, identifier(type_name),
                       strategy(strategies, r), quote(r["fieldSelectors"] or "")))
    with open(os.path.join(api, "resources.def"), "w") as f:
        f.write("".join(out))
    return kinds


def split_type(t):
    """(container, element): "[]T" -> LIST, "map<string,T>" -> MAP, else NONE."""
    if t.startswith("[]"):
        return "LIST", t[2:]
    m = re.match(r"map<string,(.*)>$", t)
    if m:
        return "MAP", m.group(1)
    return "NONE", t


def opaque(name):
    return name in types and not types[name]["fields"]


def element_kind(element):
    """(kind, nested type or None)"""
    if element in SCALARS:
        return SCALARS[element], None
    if element.startswith("[]"):
        return "LIST_OF_" + SCALARS[element[2:]], None
    if opaque(element):
        return "ANY" if types[element].get("t") == "any" else "RAW", None
    return "STRUCT", element


def reach(roots):
    seen = {}
    todo = list(roots)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen[name] = True
        for f in types[name]["fields"]:
            nested = element_kind(split_type(f["t"])[1])[1]
            if nested:
                todo.append(nested)
    return sorted(seen)


def field_row(type_ident, f):
    container, element = split_type(f["t"])
    kind, nested = element_kind(element)
    flags = []
    if f.get("req"):
        flags.append("SCHEMA_REQUIRED")
    if f.get("ptr"):
        flags.append("SCHEMA_POINTER")
    if f.get("aw"):
        flags.append("SCHEMA_ALWAYS")
    if f.get("mt") == "atomic" or (nested and container == "NONE" and types[nested].get("mt") == "atomic"):
        flags.append("SCHEMA_ATOMIC")
    strategies = (f.get("ps") or "").split(",")
    if "merge" in strategies:
        flags.append("SCHEMA_PATCH_MERGE")
    if "retainKeys" in strategies:
        flags.append("SCHEMA_PATCH_RETAIN_KEYS")
    extra = [".number = %d" % f.get("pb", 0)]
    if container != "NONE":
        extra.append(".container = SCHEMA_" + container)
    if nested:
        extra.append(".type = TYPE_" + identifier(nested))
    if f.get("lt") in ("set", "map"):
        extra.append(".list = SCHEMA_LIST_" + f["lt"].upper())
    if f.get("lk"):
        extra.append(".map_keys = " + quote(",".join(f["lk"])))
    if f.get("pmk"):
        extra.append(".merge_key = " + quote(f["pmk"]))
    if f.get("enum"):
        extra.append(".enumeration = " + quote("|".join(f["enum"])))
    if "def" in f:
        extra.append(".default_text = " + quote(str(f["def"])))
    return "FIELD(%s, %s, %s, %s, %s)\n" % (type_ident, atoms[f["n"]], kind, " | ".join(flags) or "0",
                                           ", ".join(extra))


def write_types(roots):
    names = reach(roots)
    groups = {}
    for name in names:
        group, rest = name.split("/", 1)
        groups.setdefault(group, []).append(name)
    for group, members in sorted(groups.items()):
        out = [LICENSE, "/* Types of the group %s: TYPE(identifier, name in Go), then its fields in the order of JSON output.\n"
               " * Written by generate.py; schema.h explains the columns. */\n" % group]
        for name in members:
            t = types[name]
            ident = identifier(name)
            version, short = name.split("/", 1)[1].split(".", 1)
            flags = "SCHEMA_ATOMIC" if t.get("mt") == "atomic" else "0"
            out.append("TYPE(%s, %s, %s, %s)\n" % (ident, quote(version), quote(short), flags))
            fields = t["fields"]
            for f in fields:
                out.append(field_row(ident, f))
            out.append("END(%s)\n" % ident)
        with open(os.path.join(here, identifier(group) + ".def"), "w") as f:
            f.write("".join(out))
    with open(os.path.join(here, "types.def"), "w") as f:
        f.write(LICENSE + "/* All types. Written by generate.py. */\n")
        for group in sorted(groups):
            f.write('#include "cluster/api/schema/%s.def"\n' % identifier(group))


def write_columns():
    """Columns of the server-side tables: COLUMN(kind, name, type, format, priority)."""
    rows = read_table("table_columns.tsv")
    out = [LICENSE, "/* Columns of server-side tables, by kind. Written by generate.py.\n"
           " * COLUMN(kind, name, type, format, priority): priority 1 is shown by -o wide only. */\n"]
    for r in rows:
        out.append("COLUMN(%s, %s, %s, %s, %s)\n" % (quote(r["kind"]), quote(r["name"]), quote(r["type"]),
                                                    quote(r["format"] or ""), r["priority"]))
    with open(os.path.join(here, "columns.def"), "w") as f:
        f.write("".join(out))


write_types(write_resources() + EXTRA)
write_columns()
