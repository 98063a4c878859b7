/* SPDX-License-Identifier: Apache-2.0
 *
 * Kubernetes' protobuf (application/vnd.kubernetes.protobuf) to values: an envelope that says
 * apiVersion and kind, and the object by the field numbers of the schema table. What is returned is
 * what the same object's JSON would parse to; it is decoded and checked as any document.
 *
 *     struct errmsg message;
 *     struct value body;
 *     if (!protobuf_parse(bytes, type_of, owner, &body, &message)) ...
 *
 * And back: objects, lists and the events of a watch as the bytes that a real server writes.
 *
 *     struct protobuf_writer *w = protobuf_writer_new();
 *     struct protobuf_head head = {resource->type, S("v1"), S("Pod")};
 *     protobuf_write(w, &head, pod, &out);
 *
 * Source: kubernetes.io/docs/reference/using-api/api-concepts/ ("Kubernetes Protobuf encoding").
 */
#ifndef CLUSTER_API_PROTOBUF_H
#define CLUSTER_API_PROTOBUF_H

#include "cluster/api/schema.h"

#define PROTOBUF_DEPTH_MAX 100

/* The type of a kind; NULL: it is not known. */
typedef const struct type_schema *(*protobuf_type_fn)(void *owner, struct str api_version,
                                                      struct str kind);
/* False with a message: no envelope, a kind that is not known, broken bytes. */
bool protobuf_parse(struct str bytes, protobuf_type_fn type_of, void *owner,
                    struct value *ret_value, struct errmsg *message);
/* What the envelope says, inside the bytes; false: there is none. */
bool protobuf_envelope(struct str bytes, struct str *ret_api_version, struct str *ret_kind);

/* Keeps what it has found out about types, and its buffer. */
struct protobuf_writer;
struct protobuf_writer *protobuf_writer_new(void);
void protobuf_writer_free(struct protobuf_writer *w);
struct protobuf_head {
    const struct type_schema *type; /* of the object; of a list's items */
    struct str api_version, kind;   /* as the envelope says them */
};
/* The object in its envelope, behind what is in the text. */
void protobuf_write(struct protobuf_writer *w, const struct protobuf_head *head,
                    struct value object, struct text *out);
/* {metadata, items}: a list of that kind; whatever the items have beyond their type is left out. */
void protobuf_write_list(struct protobuf_writer *w, const struct protobuf_head *head,
                         struct value list, struct text *out);
/* An event of a watch ("ADDED") with the length of the frame in front, as streams have them. */
void protobuf_write_event(struct protobuf_writer *w, const struct protobuf_head *head,
                          struct str event, struct value object, struct text *out);

#endif
