# SPDX-License-Identifier: Apache-2.0
"""Compares a recorded answer with ours, leaf by leaf.

What a server draws, measures or is told by its surroundings differs between two runs of one and
the same server: uids, instants, resource versions, names with a random end, hashes of templates,
addresses, ports. `shape` replaces these parts of a text by what they are. Two texts of one shape
are alike, and what stood in the places is remembered, so that later requests which name it (a pod,
a uid, a version) name ours. Everything else must be equal, the order of lists included.
"""
import json
import re

RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
SHAPES = [
    ("<uid>", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("<time>", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"),
    ("<event>", r"(?<=\.)[0-9a-f]{14,16}(?![0-9a-f])"),
    ("<hash>", r"\b" + RANDOM + r"{8,10}\b(?=-|$|\"|\s|\\|,|')"),
    ("<rand>", r"(?<=-)" + RANDOM + r"{5}\b"),
    ("<address>", r"\b10\.\d+\.\d+\.\d+\b"),
    ("<server>", r"127\.0\.0\.1:\d+|192\.\d+\.\d+\.\d+(?::\d+)?"),
    ("<version>", r"(?<=\(v)\d+(?=\))|(?<=resourceVersion: \")\d+|(?<=, current: )\d+"
                  r"|(?<=version: 1 \()\d+(?=\))"),
    ("<minute>", r"(?<=-)2\d{7}\b"),
    ("<port>", r"(?<=:)3\d{4}(?=/)"),
    ("<host>", r"\bvm_(?=<uid>|[0-9a-f])|\bkube-(?:scheduler|controller-manager)-\d_(?=<uid>|[0-9a-f])"),
    ("<scheduler>", r"(?<=default-scheduler-)(?:vm|kube-scheduler-\d)\b"),
    ("<kubelet>", r"^(?:fake)?kubelet$"),
    ("<node>", r"\bfake-[0-3]\b(?!$)"),
]
SHAPE = re.compile("|".join("(" + pattern + ")" for _, pattern in SHAPES))
AGE = re.compile(r"^(?:(?:\d+[ydhms]){1,2}|<unknown>|<invalid>)$")
AGE_COLUMNS = {"Age", "Last Seen", "First Seen", "Duration", "Last Schedule", "Restarts", "Created At"}
# Values that name the run and nothing else.
DRAWN_KEYS = {"resourceVersion", "uid", "continue", "nodePort", "healthCheckNodePort", "hash",
              "pod-template-hash", "controller-revision-hash", "caBundle", "token",
              "controller-uid", "batch.kubernetes.io/controller-uid", "ca.crt"}


def shape(text):
    return SHAPE.sub(lambda m: SHAPES[m.lastindex - 1][0], text)


class Names:
    """What the recording calls by one name and we by another."""

    def __init__(self):
        self.ours = {}

    def learn(self, theirs, mine):
        if theirs != mine and isinstance(theirs, str) and isinstance(mine, str):
            self.ours[theirs] = mine

    def learn_text(self, theirs, mine):
        for a, b in zip(SHAPE.finditer(theirs), SHAPE.finditer(mine)):
            self.learn(a.group(0), b.group(0))

    def translate(self, text):
        return SHAPE.sub(lambda m: self.ours.get(m.group(0), m.group(0)), text)


class Comparison:
    def __init__(self, names, ignored, has_order=True):
        self.names = names
        self.ignored = ignored      # keys left out, whatever they hold
        self.has_order = has_order  # fields in the order of the recording
        self.found = []

    def report(self, kind, path, expected="", got=""):
        self.found.append((kind, path, short(expected), short(got)))

    def run(self, expected, got):
        self.walk(expected, got, "")
        return self.found

    def walk(self, e, g, path):
        if isinstance(e, dict) and isinstance(g, dict):
            if e.get("kind") == "Table" and g.get("kind") == "Table":
                self.table(e, g, path)
            else:
                self.mapping(e, g, path)
        elif isinstance(e, list) and isinstance(g, list):
            self.sequence(e, g, path)
        elif isinstance(e, str) and isinstance(g, str):
            self.text(e, g, path)
        elif type(e) is not type(g) or e != g:
            if path.rsplit(".", 1)[-1] not in DRAWN_KEYS or type(e) is not type(g):
                self.report("value", path, e, g)

    def text(self, e, g, path):
        key = path[path.rfind(".") + 1:] if not path.endswith("'") else path.split("'")[-2]
        if key in DRAWN_KEYS:
            if bool(e) != bool(g):
                self.report("value", path, e, g)
            self.names.learn(e, g)
            self.names.learn_text(e, g)
        elif e != g and self.names.translate(e) != g:
            if shape(e) != shape(g):
                se, sg = structured(e), structured(g)
                if se is not None and sg is not None:
                    self.walk(se, sg, path + "~")
                else:
                    self.report("value", path, e, g)
            else:
                self.names.learn_text(e, g)

    def mapping(self, e, g, path):
        if any(k not in g and shape(k) != k for k in e):  # keys that name the run, of fieldsV1
            shaped = {shape(k): k for k in e}
            g = {k if k in e else shaped.get(shape(k), k): v for k, v in g.items()}
        for key in e:
            if key in self.ignored:
                continue
            name = path + (".%s" % key if re.match(r"^[\w$]+$", key) else "['%s']" % key)
            if key in g:
                self.walk(e[key], g[key], name)
            else:
                self.report("missing", name, e[key])
        for key in g:
            if key not in e and key not in self.ignored:
                name = path + (".%s" % key if re.match(r"^[\w$]+$", key) else "['%s']" % key)
                self.report("extra", name, "", g[key])
        common = [k for k in e if k in g]
        if self.has_order and common != [k for k in g if k in e]:
            self.report("key-order", path, ",".join(common), ",".join(k for k in g if k in e))

    def sequence(self, e, g, path):
        if identity(e) is None or identity(g) is None:
            if len(e) != len(g):
                self.report("length", path, len(e), len(g))
            for i, (a, b) in enumerate(zip(e, g)):
                self.walk(a, b, "%s[%d]" % (path, i))
            return
        pairs, lost, new = self.align(e, g)
        for a, b in pairs:
            self.walk(a, b, "%s[%s]" % (path, shape(str(name_of(a)))))
        for a in lost:
            self.report("missing", "%s[%s]" % (path, shape(str(name_of(a)))), "item")
        for b in new:
            self.report("extra", "%s[%s]" % (path, shape(str(name_of(b)))), "", "item")
        if path.endswith(".managedFields"):  # by instants and names, both of the run
            return
        kept = [id(b) for _, b in pairs]
        order = [id(b) for b in g if id(b) in kept]
        if [shape(str(name_of(a))) for a, _ in pairs] != self.order_of(g, pairs, order):
            self.report("order", path, [shape(str(name_of(a))) for a, _ in pairs],
                        self.order_of(g, pairs, order))

    @staticmethod
    def order_of(g, pairs, order):
        names = {id(b): shape(str(name_of(a))) for a, b in pairs}
        return [names[i] for i in order]

    def align(self, e, g):
        """Pairs of the same item; those of one shape are paired with the fewest differences."""
        left = list(g)
        pairs, lost = [], []
        for a in e:
            wanted = str(name_of(a))
            same = [b for b in left if str(name_of(b)) in (wanted, self.names.translate(wanted))]
            if not same:
                same = [b for b in left if shape(str(name_of(b))) == shape(wanted)]
                if len(same) > 1:
                    same = [min(same[:12], key=lambda b: self.distance(a, b))]
            if same:
                pairs.append((a, same[0]))
                left = [b for b in left if b is not same[0]]
            else:
                lost.append(a)
        return pairs, lost, left

    def distance(self, a, b):
        trial = Comparison(Names(), self.ignored)
        trial.walk(a, b, "")
        return len(trial.found)

    def table(self, e, g, path):
        columns = [c["name"] for c in e.get("columnDefinitions") or g.get("columnDefinitions") or []]
        self.mapping({k: v for k, v in e.items() if k != "rows"},
                     {k: v for k, v in g.items() if k != "rows"}, path)
        pairs, lost, new = self.align(e.get("rows") or [], g.get("rows") or [])
        for row, other in pairs:
            where = "%s.rows[%s]" % (path, shape(str(row["cells"][0])))
            self.mapping({k: v for k, v in row.items() if k != "cells"},
                         {k: v for k, v in other.items() if k != "cells"}, where)
            if len(row["cells"]) != len(other["cells"]):
                self.report("length", where + ".cells", len(row["cells"]), len(other["cells"]))
            for i, (x, y) in enumerate(zip(row["cells"], other["cells"])):
                name = columns[i] if i < len(columns) else str(i)
                if name in AGE_COLUMNS and isinstance(x, str) and isinstance(y, str):
                    if AGE.match(x) and AGE.match(y) and x[0] != "<" and y[0] != "<":
                        continue
                self.walk(x, y, "%s.cells[%s]" % (where, name))
        for row in lost:
            self.report("missing", "%s.rows[%s]" % (path, shape(str(row["cells"][0]))), "row")
        for row in new:
            self.report("extra", "%s.rows[%s]" % (path, shape(str(row["cells"][0]))), "", "row")


def structured(text):
    """JSON inside of a text, such as the last-applied annotation; None when it is none."""
    if text[:1] in "{[":
        try:
            return json.loads(text)
        except ValueError:
            return None
    return None


def name_of(item):
    if not isinstance(item, dict):
        return item
    meta = item.get("metadata")
    if isinstance(meta, dict) and "name" in meta:
        return (meta.get("namespace", ""), meta["name"])
    if "cells" in item:
        meta = (item.get("object") or {}).get("metadata") or {}
        named = item["cells"][0]
        if AGE.match(str(named)):  # an Event's: its object and reason say which it is
            named = " ".join(str(c) for c in item["cells"][2:4])
        return (meta.get("namespace", ""), meta.get("name", named), named)
    if "name" in item:
        return item["name"]
    if "manager" in item and "operation" in item:
        return (item["manager"].replace("fakekubelet", "kubelet"), item["operation"], item.get("subresource", ""))
    if "type" in item and "status" in item:
        return item["type"]
    return None


def identity(items):
    """Whether these are items with names of their own."""
    names = [name_of(i) if isinstance(i, dict) else None for i in items]
    return None if any(n is None for n in names) or not items else names


def short(value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.replace("\n", "\\n")
    return text if len(text) <= 300 else text[:297] + "..."
