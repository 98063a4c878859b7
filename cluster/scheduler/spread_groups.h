/* SPDX-License-Identifier: Apache-2.0
 *
 * How many pods match a selector on each node, kept up to date as pods come and go, so that
 * spreading costs one look per node and not one per pod.
 *
 * A group is (namespace, LabelSelector). Groups are made when a pod first asks; those not asked for
 * lately make room (GROUPS_PER_NAMESPACE_MAX). Pods that are being deleted do not count.
 */
#ifndef CLUSTER_SCHEDULER_SPREAD_GROUPS_H
#define CLUSTER_SCHEDULER_SPREAD_GROUPS_H

#include "cluster/scheduler/cache.h"

struct spread_group {
    struct value selector; /* the LabelSelector; owned */
    struct label_selector *compiled;
    uint32_t *counts; /* by slot */
    size_t slots;
    uint64_t asked;
};

struct spread_groups *spread_groups_new(void);
void spread_groups_free(struct spread_groups *g);
/* Finds or makes; counts what is in the cache now. Valid until the next group of that namespace is
 * made. */
const struct spread_group *spread_groups_get(struct cache *c, struct str namespace,
                                             struct value selector);
static inline uint32_t spread_group_at(const struct spread_group *g, uint32_t slot)
{
    return slot < g->slots ? g->counts[slot] : 0;
}
/* A pod has come to (1) or left (-1) a slot. */
void spread_groups_count(struct spread_groups *g, const struct pod_info *p, uint32_t slot,
                         int sign);
void spread_groups_slot_freed(struct spread_groups *g, uint32_t slot);

#endif
