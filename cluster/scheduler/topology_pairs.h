/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers by topology pair (label key, label value): (topology.kubernetes.io/zone, zone-a) -> 3.
 * Lives in an arena. Never iterated but over its values in the order of insertion.
 */
#ifndef CLUSTER_SCHEDULER_TOPOLOGY_PAIRS_H
#define CLUSTER_SCHEDULER_TOPOLOGY_PAIRS_H

#include "cluster/api/value.h"
#include "sim/base/arena.h"

struct topology_pair {
    struct str key;
    struct value value; /* borrowed */
    int64_t number;
};
struct topology_pairs {
    struct arena *arena;
    struct topology_pair *items; /* in the order of insertion */
    size_t count, capacity;
    uint32_t *slots; /* open addressing: item + 1 */
    size_t slot_count;
};
/* The pair's number, for reading and writing; made with 0 when new. */
int64_t *topology_pairs_at(struct topology_pairs *p, struct str key, struct value value);
/* NULL when it is not there. */
int64_t *topology_pairs_find(const struct topology_pairs *p, struct str key, struct value value);

#endif
