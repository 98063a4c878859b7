/* SPDX-License-Identifier: Apache-2.0
 *
 * What server-side apply asks of a schema about one place of an object: may it be a scalar, a list,
 * a map; is a list atomic, a set or a map by keys; what types have its parts. A `struct
 * fields_type` is such a place, passed by value; behind it stands a `struct fields_schema`, of
 * which there are several: the constant tables of the built-in kinds, "no schema at all", and
 * whoever else describes types (a CustomResourceDefinition's structural schema) by filling in the
 * four functions.
 *
 *     struct fields_type t = fields_type_of(resource->type), ports;
 *     bool is_declared;
 *     if (t.schema->member(&t, S("spec"), &ports, &is_declared))
 *         ports.schema->shape(&ports, &shape);
 *
 * Upstream: structured-merge-diff's schema, made from OpenAPI by schemaconv.
 */
#ifndef CLUSTER_API_FIELDS_TYPE_H
#define CLUSTER_API_FIELDS_TYPE_H

#include "cluster/api/schema.h"

struct fields_schema;
struct fields_type {
    const struct fields_schema *schema;
    const void *at; /* the schema's own */
    uint64_t part;  /* likewise */
};

enum fields_scalar {
    FIELDS_NO_SCALAR,
    FIELDS_STRING,
    FIELDS_NUMERIC,
    FIELDS_BOOLEAN,
    FIELDS_UNTYPED /* any of them: IntOrString, quantities, times */
};
enum fields_list { FIELDS_NO_LIST, FIELDS_LIST_ATOMIC, FIELDS_LIST_SET, FIELDS_LIST_MAP };
enum fields_map { FIELDS_NO_MAP, FIELDS_MAP_ATOMIC, FIELDS_MAP_GRANULAR };

/* A place without a schema may be all three. */
struct fields_shape {
    enum fields_scalar scalar;
    enum fields_list list;
    enum fields_map map; /* structs too */
    struct str keys;     /* FIELDS_LIST_MAP: "containerPort,protocol" */
};

/* When Go writes a field: always, unless it is nil, unless it is zero. */
enum fields_presence { FIELDS_ALWAYS, FIELDS_UNLESS_NIL, FIELDS_UNLESS_ZERO };
struct fields_known {
    struct fields_type type;
    enum fields_presence presence;
    struct value zero; /* owned; it needs no memory */
};

struct fields_schema {
    void (*shape)(const struct fields_type *t, struct fields_shape *ret_shape);
    /* The type of a member of a map or struct; *ret_is_declared when it has a name of its own in
     * the schema. False: the schema has no such member. */
    bool (*member)(const struct fields_type *t, struct str key, struct fields_type *ret_type,
                   bool *ret_is_declared);
    void (*item)(const struct fields_type *t, struct fields_type *ret_type); /* of a list */
    /* What a key of a list map's item is when the item leaves it out (owned); absent: no default.
     * */
    struct value (*key_default)(const struct fields_type *t, struct str key);
    /* Structs of Go write some fields even when they are zero, so an object always has them: the
     * i-th of these and its zero (owned). False: no further one. NULL: the schema has none. */
    bool (*always)(const struct fields_type *t, size_t i, atom *ret_key, struct value *ret_zero);
    /* A field of a struct of Go by its key; false: this is no struct, or has no such field. NULL: the
     * schema has no structs. */
    bool (*known)(const struct fields_type *t, atom key, struct fields_known *ret_field);
};

/* A built-in kind or type; NULL: no schema. */
struct fields_type fields_type_of(const struct type_schema *type);
/* No schema: lists are atomic and maps granular, all the way down. */
struct fields_type fields_type_deduced(void);

#endif
