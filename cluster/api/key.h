/* SPDX-License-Identifier: Apache-2.0
 *
 * The interned identity of an object: resource, namespace, name. One copy per identity, so that
 * keys compare by pointer, and stores index dense arrays by `id` (unique per stored resource,
 * reused only after the last reference is gone). Interning is part of the process-wide heap, like
 * atoms: order is never by id.
 *
 *     const struct object_key *k = object_key_of(resource_get(RESOURCE_pods), S("default"),
 *     S("web-1"));
 *     ...
 *     object_key_unref(k);
 */
#ifndef CLUSTER_API_KEY_H
#define CLUSTER_API_KEY_H

#include "cluster/api/resource.h"
#include "cluster/api/value.h"

struct object_key {
    const struct resource *resource; /* the stored row */
    struct str namespace; /* empty for cluster-scoped; NUL-terminated bytes behind both */
    struct str name;
    uint64_t hash; /* of the content */
    uint32_t id;
    uint32_t references; /* private to key.c */
};

const struct object_key *object_key_of(const struct resource *resource, struct str namespace,
                                       struct str name);
const struct object_key *object_key_of_object(const struct resource *resource,
                                              struct value object); /* from its metadata */
const struct object_key *object_key_ref(const struct object_key *k);
void object_key_unref(const struct object_key *k); /* NULL is fine */
int object_key_compare(const void *a,
                       const void *b); /* by group, plural, namespace, name: etcd's order */
/* As etcd's keys "/registry/pods/<namespace>/<name>" sort: "a-b" comes before "a". */
int object_key_namespace_compare(struct str a, struct str b);
void object_key_text(const struct object_key *k, struct text *out); /* "namespace/name" or "name" */

#endif
