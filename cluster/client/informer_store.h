/* SPDX-License-Identifier: Apache-2.0
 *
 * The local copy inside an informer: objects by key, in order, with secondary indexes. No wire, no
 * handlers.
 */
#ifndef CLUSTER_CLIENT_INFORMER_STORE_H
#define CLUSTER_CLIENT_INFORMER_STORE_H

#include "cluster/client/informer.h"
#include "sim/base/vec.h"

struct stored_item {
    const struct object_key *key; /* a reference */
    struct value object;          /* a reference */
    uint32_t mark;                /* the list that showed it last */
};
struct store_index {
    informer_terms_fn terms;
    struct index buckets; /* by term */
};
struct informer_store {
    struct map items;    /* by namespace, name */
    struct index by_key; /* used once there are many items */
    VEC(struct store_index) indexes;
};
void informer_store_init(struct informer_store *s);
void informer_store_release(struct informer_store *s);
void informer_store_add_index(struct informer_store *s, informer_terms_fn terms);
struct stored_item *informer_store_find(const struct informer_store *s,
                                        const struct object_key *key);
/* Puts the object in; *ret_before is the one replaced, owned by the caller now, or absent. */
struct stored_item *informer_store_put(struct informer_store *s, const struct object_key *key,
                                       struct value own_object, struct value *ret_before);
/* Takes it out; the object is the caller's, as is the reference of the key. False when not there.
 * */
bool informer_store_remove(struct informer_store *s, const struct object_key *key,
                           struct value *ret_object);
const struct map *informer_store_with(const struct informer_store *s, informer_index index,
                                      struct str term); /* or NULL */

#endif
