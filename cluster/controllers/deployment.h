/* SPDX-License-Identifier: Apache-2.0
 *
 * The Deployment controller, in parts: deployment.c (loop, claims), deployment_revision.c (which
 * ReplicaSet is new, revisions, history), deployment_rolling.c and deployment_recreate.c
 * (strategies), deployment_scale.c (proportional scaling), deployment_progress.c (status and
 * conditions). Numbers are pure functions, for tests.
 */
#ifndef CLUSTER_CONTROLLERS_DEPLOYMENT_H
#define CLUSTER_CONTROLLERS_DEPLOYMENT_H

#include "cluster/client/controller.h"

extern const struct controller_info deployment_controller;

/* One ReplicaSet of a Deployment as the cache has it, with the numbers decisions are made from. */
struct revision {
    const struct object_key *key;
    struct value rs;
    int64_t replicas;                              /* spec */
    int64_t actual, ready, available, terminating; /* status */
    int64_t max_replicas;                          /* annotation; 0: none */
    int64_t target;                                /* what a plan wants it to be */
};
struct rollout {
    struct sync *sync;
    struct value deployment;
    struct revision *all; /* oldest first */
    size_t count;
    size_t new; /* index of the new one; == count: there is none */
    int64_t replicas;
    int64_t max_surge, max_unavailable; /* resolved */
    bool is_rolling;
};

/* ---- deployment_revision.c ---- */
struct rollout rollout_observe(struct sync *s);
static inline bool rollout_has_new(const struct rollout *r)
{
    return r->new < r->count;
}
struct value pod_template_hash(struct value template, int64_t collision_count);
/* Sends what brings revisions and annotations up to date; true when something was sent (the sync
 * ends with its answer). */
bool rollout_sync_revision(struct rollout *r, uint32_t tag);
void rollout_create_new(struct rollout *r, uint32_t tag);
void rollout_scale(struct rollout *r, const struct revision *v,
                   int64_t size); /* tag: the size before */
bool rollout_needs_annotations(const struct rollout *r, const struct revision *v);
bool rollout_clean_history(struct rollout *r, uint32_t tag);
int64_t rollout_next_revision(const struct rollout *r);

/* ---- plans: set .target of each; true when something is to change ---- */
bool plan_rolling(struct rollout *r);             /* deployment_rolling.c: one step */
int64_t plan_new_size(const struct rollout *r);   /* of the new ReplicaSet, existing or not */
bool plan_recreate_down(struct rollout *r);       /* deployment_recreate.c */
bool recreate_must_wait(const struct rollout *r); /* old pods still exist */
bool plan_proportional(struct rollout *r);        /* deployment_scale.c */
bool rollout_is_scaling(const struct rollout *r);

/* ---- deployment_progress.c ---- */
/* Owned new status. `with_progress`: conditions of the rollout too (not while paused or scaling).
 * */
struct value deployment_status(struct rollout *r, bool with_progress);
bool deployment_is_complete(struct value deployment, struct value status);
struct value deployment_set_condition(struct value own_conditions, struct step *step,
                                      const char *type, const char *status, const char *reason,
                                      struct str message);
bool deployment_has_deadline(struct value deployment);
void deployment_requeue_stuck(struct rollout *r, struct value status);

#endif
