/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape of every kind: its types, their fields in the order of JSON output, and what Kubernetes
 * says about each (required, pointer, list type, merge key, enumeration, protobuf number). Constant
 * tables, compiled from the rows in schema/ which schema/generate.py writes.
 *
 *     const struct field_schema *f = schema_field(resource->type, ATOM_spec);
 *     const struct type_schema *spec = schema_type_of(f);
 *     for (size_t i = 0; i < spec->count; i++)
 *         use(&spec->fields[i]);
 *
 * Typed values. Decoding brings a value into one canonical form: fields are known and of their
 * type, a field that Go's omitempty leaves out when zero is absent when zero, and a field that Go
 * always writes may be absent as well (absent and zero are the same for anything that is no
 * pointer). schema_write_json puts the zeros back where Kubernetes writes them.
 */
#ifndef CLUSTER_API_SCHEMA_H
#define CLUSTER_API_SCHEMA_H

#include "cluster/api/resource.h"
#include "cluster/api/value.h"

enum schema_type_id {
#define TYPE(identifier, ...) TYPE_##identifier,
#define FIELD(...)
#define END(identifier)
#include "cluster/api/schema/types.def"
#undef TYPE
#undef FIELD
#undef END
    TYPE_COUNT
};

/* The type of one element: of the field itself, of its items, of its members. */
enum schema_kind {
    SCHEMA_STRING,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_BOOL,
    SCHEMA_DOUBLE,
    SCHEMA_BYTES, /* base64 text */
    SCHEMA_QUANTITY,
    SCHEMA_INT_OR_STRING,
    SCHEMA_TIME,
    SCHEMA_MICRO_TIME,
    SCHEMA_DURATION, /* Go's notation */
    SCHEMA_RAW,      /* any object */
    SCHEMA_ANY,      /* any value */
    SCHEMA_STRUCT,
    SCHEMA_LIST_OF_STRING /* inside a map only */
};
enum schema_container { SCHEMA_NONE, SCHEMA_LIST, SCHEMA_MAP };
enum schema_list { SCHEMA_LIST_ATOMIC, SCHEMA_LIST_SET, SCHEMA_LIST_MAP };
enum schema_flag {
    SCHEMA_REQUIRED = 1,     /* in OpenAPI */
    SCHEMA_POINTER = 2,      /* absent differs from zero */
    SCHEMA_ALWAYS = 4,       /* written even when zero */
    SCHEMA_ATOMIC = 8,       /* the whole is one for server-side apply */
    SCHEMA_PATCH_MERGE = 16, /* strategic merge patch: items are merged */
    SCHEMA_PATCH_RETAIN_KEYS = 32
};

struct type_schema;
struct field_schema {
    uint16_t key;             /* an atom: all names of fields are known atoms */
    uint16_t type;            /* enum schema_type_id when kind is SCHEMA_STRUCT */
    uint8_t kind;             /* enum schema_kind */
    uint8_t container;        /* enum schema_container */
    uint8_t list;             /* enum schema_list */
    uint8_t flags;            /* bits of enum schema_flag */
    uint16_t number;          /* of the field in protobuf */
    const char *map_keys;     /* list type map: "containerPort,protocol"; else NULL */
    const char *merge_key;    /* strategic merge patch; else NULL */
    const char *enumeration;  /* closed values, "A|B"; else NULL */
    const char *default_text; /* in OpenAPI; else NULL */
};
struct type_schema {
    const char *version; /* "v1" */
    const char *name;    /* in Go: "PodSpec" */
    uint32_t flags;      /* SCHEMA_ATOMIC */
    uint32_t count;
    const struct field_schema *fields; /* in order of output */
};

extern const struct type_schema schema_types[TYPE_COUNT];

/* NULL when the type has no such field. */
const struct field_schema *schema_field(const struct type_schema *t, atom key);
/* The struct type of a field's elements; NULL when they are no structs. */
static inline const struct type_schema *schema_type_of(const struct field_schema *f)
{
    return f->kind == SCHEMA_STRUCT ? &schema_types[f->type] : NULL;
}
/* What the body of a request is: the kind itself, a Scale, Binding, Eviction or TokenRequest. */
const struct type_schema *schema_for_subresource(const struct resource *r, enum subresource s);
/* True for a field without which Go leaves nothing: zero, empty text, {} or []. */
bool schema_is_zero(struct value v);

/* JSON in Kubernetes' order: fields as declared, maps sorted, zeros left out or put in as Go does.
 * `type` may be NULL: generic, all keys sorted. */
void schema_write_json(const struct type_schema *type, struct value v, struct text *out);
/* A field of a struct; absent or null: its zero. */
void schema_write_field(const struct field_schema *f, struct value v, struct text *out);
/* The same without kind and apiVersion, as the items of a typed list stand. */
void schema_write_json_item(const struct type_schema *type, struct value v, struct text *out);

#endif
