/* SPDX-License-Identifier: Apache-2.0
 *
 * The ReplicaSet controller, whose loop also serves ReplicationControllers, and its pure middle for
 * tests.
 */
#ifndef CLUSTER_CONTROLLERS_REPLICASET_H
#define CLUSTER_CONTROLLERS_REPLICASET_H

#include "cluster/client/controller.h"
#include "cluster/controllers/replica_tally.h"

extern const struct controller_info replicaset_controller;
extern const struct controller_info replicationcontroller_controller;

struct replica_plan {
    int create_count, delete_count;
};
/* Active pods against wanted ones, at most 500 at a time. */
struct replica_plan plan_replicas(int64_t replicas, int64_t active);

/* What deletion looks at, so that the order can be tested by itself. */
struct deletion_candidate {
    const struct object_key *key; /* borrowed from the cache */
    struct value pod;
    struct value uid;
    bool is_assigned, is_ready;
    int phase; /* 0 Pending, 1 Unknown, 2 Running */
    int64_t deletion_cost;
    int64_t related_on_node; /* active pods of the same owner on its node */
    int64_t ready_since_ns;  /* unix; 0: none */
    int64_t restarts;
    int64_t created_ns; /* unix; 0: none */
};
/* Negative: a goes before b. context: const struct wall_time *, now. */
int rank_for_deletion(const void *a, const void *b, void *context);

enum sync_result replicaset_sync(struct sync *s);
void replicaset_wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after);
void *replicaset_new_state(struct controller *c, struct step *step);
void replicaset_free_state(void *state);

#endif
