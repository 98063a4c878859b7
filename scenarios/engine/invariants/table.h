/* SPDX-License-Identifier: Apache-2.0
 *
 * Declares every row of table.def, and what several of them share.
 */
#ifndef SCENARIOS_ENGINE_INVARIANTS_TABLE_H
#define SCENARIOS_ENGINE_INVARIANTS_TABLE_H

#include "scenarios/engine/invariants.h"

#define INVARIANT(name) extern const struct invariant invariant_##name;
#include "scenarios/engine/invariants/table.def"
#undef INVARIANT

static inline bool is_of(const struct view_change *change, enum resource_known r)
{
    return change->key->resource == resource_get(r);
}
static inline bool is_update(const struct view_change *change)
{
    return value_is_present(change->before) && value_is_present(change->after);
}

/* An etcd member's state; NULL while its process is dead. */
struct etcd_member;
const struct etcd_member *member_of(const struct run *r, size_t i);

/* A set of 64-bit hashes. Zeroed is empty and valid. */
struct hash_set {
    uint64_t *slots; /* 0: free */
    size_t count, capacity;
};
bool hash_set_add(struct hash_set *s, uint64_t hash); /* false: it was there */
void hash_set_release(struct hash_set *s);

#endif
