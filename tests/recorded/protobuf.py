# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' protobuf as the JSON it stands for, by the field numbers of a table of types.

Protobuf writes what JSON leaves out (empty texts, zeros), so `without_zeros` takes these out of
both before they are compared.
"""
import base64
import datetime
import json

MAGIC = b"k8s\0"
# A message within the message, whose fields JSON shows among the others: the field that holds it,
# and its first and last field.
WITHIN = {
    "core/v1.Volume": (2, "hostPath", "image"),
    "core/v1.PersistentVolumeSpec": (2, "gcePersistentDisk", "csi"),
    "core/v1.Probe": (1, "exec", "grpc"),
    "core/v1.EphemeralContainer": (1, "name", "tty"),
    "networking/v1.IngressRule": (2, "http", "http"),
    "admissionregistration/v1.RuleWithOperations": (2, "apiGroups", "scope"),
}
for _name in ("ConfigMapEnvSource", "ConfigMapKeySelector", "ConfigMapProjection", "ConfigMapVolumeSource",
              "SecretEnvSource", "SecretKeySelector", "SecretProjection"):
    WITHIN["core/v1." + _name] = (1, "name", "name")


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields_of(data):
    """(number, value): a value is an integer or bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at:at + 8], at + 8
        elif kind == 5:
            value, at = data[at:at + 4], at + 4
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError("wire type %d" % kind)
        yield tag >> 3, value


def signed(value):
    return value - (1 << 64) if isinstance(value, int) and value >= 1 << 63 else value


def instant(data, is_micro):
    parts = dict(fields_of(data))
    seconds, nanos = signed(parts.get(1, 0)), parts.get(2, 0)
    if seconds == 0 and not parts:
        return None
    t = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    text = t.strftime("%Y-%m-%dT%H:%M:%S")
    return text + (".%06dZ" % (nanos // 1000) if is_micro else "Z")


class Types:
    def __init__(self, path):
        self.types, self.kinds = {}, {}
        with open(path) as f:
            for line in f:
                t = json.loads(line)
                self.types[t["name"]] = t
                if isinstance(t.get("gvk"), list):
                    group, version, kind = t["gvk"]
                    self.kinds[("%s/%s" % (group, version) if group else version, kind)] = t["name"]
        # Kinds that every group has.
        for kind in ("Status", "Table", "DeleteOptions", "WatchEvent"):
            self.kinds.setdefault(("v1", kind), "meta/v1." + kind)

    def decode(self, data):
        if data[:4] != MAGIC:
            raise ValueError("no protobuf of Kubernetes: %r" % data[:20])
        outer = dict(fields_of(data[4:]))
        meta = {n: v.decode() for n, v in fields_of(outer.get(1, b""))}
        version, kind = meta.get(1, ""), meta.get(2, "")
        name = self.kinds.get((version, kind))
        if name is None and kind.endswith("List"):
            item = self.kinds[(version, kind[:-4])]
            body = {"metadata": {}, "items": []}
            for number, value in fields_of(outer.get(2, b"")):
                if number == 1:
                    body["metadata"] = self.message("meta/v1.ListMeta", value)
                else:
                    body["items"].append(self.message(item, value))
        else:
            body = self.message(name, outer.get(2, b""))
        return {"kind": kind, "apiVersion": version, **body}

    def message(self, name, data, is_inner=False):
        rows = [f for f in self.types[name].get("fields", [])
                if "pb" in f and not (f["n"] in ("kind", "apiVersion") and f["pb"] < 3 and
                                      isinstance(self.types[name].get("gvk"), list))]
        inner = None
        if name in WITHIN:
            inner, first, last = WITHIN[name]
            names = [f["n"] for f in rows]
            a, b = names.index(first), names.index(last) + 1
            rows = rows[a:b] if is_inner else rows[:a] + rows[b:]
        fields = {f["pb"]: f for f in rows}
        out = {}
        for number, value in fields_of(data):
            if number == inner and not is_inner:
                out.update(self.message(name, value, True))
                continue
            field = fields.get(number)
            if field is None:
                out["field %d of %s" % (number, name)] = base64.b64encode(value).decode() if \
                    isinstance(value, bytes) else value
                continue
            kind = field["t"]
            if kind.startswith("map<"):
                pair = dict(fields_of(value))
                key = pair.get(1, b"").decode()
                out.setdefault(field["n"], {})[key] = self.value(kind[4:-1].split(",", 1)[1], pair.get(2, b""))
            elif kind.startswith("[]"):
                out.setdefault(field["n"], []).append(self.value(kind[2:], value))
            else:
                out[field["n"]] = self.value(kind, value)
        return out

    def value(self, kind, value):
        if kind in ("string", "int32", "int64", "bool", "bytes"):
            if kind == "string":
                return value.decode("utf-8", "replace")
            if kind == "bytes":
                return base64.b64encode(value).decode()
            return bool(value) if kind == "bool" else signed(value)
        if kind.startswith("[]"):
            return [self.value(kind[2:], v) for n, v in fields_of(value) if n == 1]
        if kind in ("Time", "MicroTime"):
            return instant(value, kind == "MicroTime")
        if kind == "Quantity":
            return dict(fields_of(value)).get(1, b"").decode()
        if kind == "IntOrString":
            parts = dict(fields_of(value))
            return parts.get(3, b"").decode() if parts.get(1, 0) else signed(parts.get(2, 0))
        if kind == "Duration":
            return "%ds" % (signed(dict(fields_of(value)).get(1, 0)) // 10**9)
        if kind in ("RawExtension", "FieldsV1", "object", "any"):
            raw = dict(fields_of(value)).get(1, b"")
            try:
                return json.loads(raw) if raw else {}
            except ValueError:
                return raw.decode("utf-8", "replace")
        return self.message(kind, value)


def without_zeros(value):
    if isinstance(value, dict):
        kept = {k: without_zeros(v) for k, v in value.items()}
        return {k: v for k, v in sorted(kept.items()) if v not in ("", 0, False, None) and v != {} and v != []}
    if isinstance(value, list):
        return [without_zeros(v) for v in value]
    return value
