/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading and writing of Kubernetes' protobuf share. Private to protobuf*.c.
 */
#ifndef CLUSTER_API_PROTOBUF_PARTS_H
#define CLUSTER_API_PROTOBUF_PARTS_H

#include "cluster/api/schema.h"
#include "cluster/api/wire.h"

/* Rows `first` to `last` of a type are those of the message in field `number`. */
struct embedding {
    enum schema_type_id type;
    uint32_t number;
    enum schema_type_id inner; /* with these rows; the type itself where it has no schema */
    atom first, last;
};
/* The embedding of this type; NULL: it has none. No type has two. */
const struct embedding *protobuf_embedding(const struct type_schema *t);
/* Whether row `index` of the type belongs to its embedded message. */
bool protobuf_is_embedded(const struct type_schema *t, const struct embedding *e, uint32_t index);
/* Does the type begin with kind and apiVersion, which protobuf has in the envelope? */
bool protobuf_has_type_meta(const struct type_schema *t);

/* Values of the schema of custom resources that are one thing or another in JSON, and a message
 * with a field for each in protobuf. */
enum protobuf_union {
    UNION_NONE,
    UNION_BOOL,    /* 1 allows, 2 schema */
    UNION_SCHEMAS, /* 1 schema, 2 schemas */
    UNION_STRINGS, /* 1 schema, 2 strings */
    UNION_EMPTY,   /* an object without fields */
    UNION_ITEMS    /* of a list: one message whose field 1 has the items */
};
enum protobuf_union protobuf_union_of(const struct type_schema *owner,
                                      const struct field_schema *f);

#endif
