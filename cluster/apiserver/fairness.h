/* SPDX-License-Identifier: Apache-2.0
 *
 * API priority and fairness: so many requests at a time per priority level, a queue behind them,
 * 429 when that is full.
 *
 *     fairness_enter(c, step);      goes on with pipeline_execute, now or when a seat is free
 *     fairness_leave(c, step);      at the end of a call, whatever became of it
 *
 * Invariant: a call has at most one seat or place, and gives it back exactly once.
 *
 * Source: kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
#ifndef CLUSTER_APISERVER_FAIRNESS_H
#define CLUSTER_APISERVER_FAIRNESS_H

#include "sim/sim.h"

struct apiserver;
struct call;

enum priority_level {
    LEVEL_EXEMPT,
    LEVEL_NODE_HIGH,
    LEVEL_SYSTEM,
    LEVEL_LEADER_ELECTION,
    LEVEL_WORKLOAD_HIGH,
    LEVEL_WORKLOAD_LOW,
    LEVEL_GLOBAL_DEFAULT,
    LEVEL_COUNT
};
struct fairness_queue {
    uint32_t seats, in_use;
    size_t queued, queue_limit;
    struct call *first, *last; /* by call.wait_next */
};
struct fairness {
    struct fairness_queue levels[LEVEL_COUNT];
    struct instant
        processor_free_at; /* with a service time: when the work accepted so far is done */
    uint64_t refused;
};

void fairness_init(struct apiserver *s);
/* Goes on with pipeline_execute when there is a seat (and the service time is over); refuses with
 * 429 else. */
void fairness_enter(struct call *c, struct step *step);
/* The call ends: its seat goes to the next one in line. */
void fairness_leave(struct call *c, struct step *step);
void fairness_service_done(struct apiserver *s, struct step *step, uint32_t slot);

#endif
