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

#endif
