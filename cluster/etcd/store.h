/* SPDX-License-Identifier: Apache-2.0
 *
 * The revisioned store of one member: what etcd calls MVCC, with leases. Every write makes one
 * revision; history stays until it is compacted, so any revision since then can be read and
 * watched.
 *
 *   - A point read is an index into a dense array by the key's id; an update touches nothing else.
 *   - Ordered indexes, one per resource and namespace, are touched only by create and delete, read
 *     by ranges.
 *   - One ring of revisions is both the history of each key (a chain through `before`) and of
 *     watches.
 *
 * All members apply the same operations in the same order, so versions (struct etcd_kv) are made
 * once and shared by all stores, snapshots and messages.
 *
 *     const struct etcd_kv *kv = store_get(store, key);      borrowed until the next change; NULL:
 *     none
 *     store_commit(store, kvs, count);                        one revision, one or more keys
 */
#ifndef CLUSTER_ETCD_STORE_H
#define CLUSTER_ETCD_STORE_H

#include "cluster/etcd/etcd.h"
#include "sim/base/map.h"
#include "sim/base/vec.h"

struct store;
struct store *store_new(void);
void store_free(struct store *s);

/* ---- reading ---- */

int64_t store_revision(const struct store *s);         /* the newest; 1 when empty, as in etcd */
int64_t store_compact_revision(const struct store *s); /* 0: never */
int64_t store_bytes(const struct store *s);            /* of all versions kept */
size_t store_key_count(const struct store *s);         /* that exist now */
size_t store_history_count(const struct store *s);     /* revisions kept */

/* The newest version, or NULL when the key does not exist. */
const struct etcd_kv *store_get(const struct store *s, const struct object_key *key);
/* As of a revision that is not compacted. */
const struct etcd_kv *store_get_at(const struct store *s, const struct object_key *key,
                                   int64_t revision);

struct store_range {
    const struct resource *resource; /* the stored row */
    struct str namespace;            /* bytes NULL: all */
    const struct object_key *after;  /* NULL: from the start */
    int64_t limit;                   /* 0: none */
    int64_t revision;
};
struct kv_list {
    const struct etcd_kv **items;
    size_t count, capacity;
};
/* Appends borrowed versions in order of their keys; returns how many there are without the limit.
 */
int64_t store_range(const struct store *s, const struct store_range *range, struct kv_list *out);

/* Changes of one revision, borrowed until the next change; NULL when it is compacted or not yet
 * there. What was before may be a tombstone. */
const struct etcd_change *store_changes(const struct store *s, int64_t revision, size_t *ret_count);

/* ---- writing ---- */

/* Makes the next revision; the versions carry it as mod_revision. References them. */
void store_commit(struct store *s, const struct etcd_kv *const *kvs, size_t count);
/* Drops history before `revision`; what is readable at it stays. */
void store_compact(struct store *s, int64_t revision);

/* ---- leases ---- */

struct key_list {
    const struct object_key **items;
    size_t count, capacity;
};
struct store_lease {
    int64_t id, ttl_seconds;
    struct key_list attached; /* private to store.c */
};
bool store_lease_grant(struct store *s, int64_t id,
                       int64_t ttl_seconds); /* false: there is one with this id */
const struct store_lease *store_lease(const struct store *s, int64_t id);
const struct map *store_leases(const struct store *s); /* of struct store_lease, by id */
/* Appends the keys that hang on the lease now, in their order, borrowed. */
void store_lease_keys(const struct store *s, const struct store_lease *lease, struct key_list *out);
void store_lease_remove(struct store *s, int64_t id); /* its keys are deleted by then */

/* ---- snapshots: immutable messages that share the versions ---- */

struct message *store_snapshot(const struct store *s);
struct store *store_restore(const struct message *snapshot);
/* Order-free hash of what exists now, for comparing members. */
uint64_t store_hash(const struct store *s);
void store_check(const struct store *s); /* all invariants; slow */

#endif
