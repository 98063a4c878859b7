/* SPDX-License-Identifier: Apache-2.0
 *
 * One scheduling cycle: from a pod and the cache to a node, or to the reasons why there is none.
 * Pure but for the draw that breaks ties.
 *
 *     uint32_t slot = cycle_run(cycle, &options);
 *     if (slot == NODE_NONE)
 *         puts(cycle_message(cycle));      "0/3 nodes are available: 3 Insufficient cpu."
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/
 */
#ifndef CLUSTER_SCHEDULER_CYCLE_H
#define CLUSTER_SCHEDULER_CYCLE_H

#include "cluster/scheduler/framework.h"

struct cycle_options {
    int percentage_of_nodes_to_score;              /* 0: adaptive */
    size_t *next_start;                            /* where the walk over nodes begins; moved */
    uint64_t (*draw)(void *owner, uint64_t limit); /* breaks ties between the best */
    void *draw_owner;
};

/* The slot of the chosen node, or NODE_NONE: then cycle_message says why. The caller has set cache,
 * arena, pod and the callbacks of the cycle. */
uint32_t cycle_run(struct cycle *c, const struct cycle_options *options);

/* "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. ..."; in the
 * arena. */
const char *cycle_message(struct cycle *c);

/* How many feasible nodes are enough among `nodes`. */
size_t cycle_feasible_wanted(size_t nodes, int percentage);

/* Union of the cluster events that the rejecting plugins care about. */
uint32_t cycle_wanted_events(const struct cycle *c);

#endif
