/* SPDX-License-Identifier: Apache-2.0
 *
 * "The Deployment updates Pods in a rolling update fashion when .spec.strategy.type==RollingUpdate.
 * You can specify maxUnavailable and maxSurge to control the rolling update process"
 * [doc:deployment#rolling-update-deployment].
 *
 * One step: the new ReplicaSet grows as far as replicas + maxSurge allows; only when it cannot
 * grow, old ones shrink: first their pods that are not available (the oldest ReplicaSet first),
 * then as many of the others as replicas - maxUnavailable available pods allow.
 *
 * Upstream: reconcileNewReplicaSet, NewRSNewReplicas, reconcileOldReplicaSets,
 * cleanupUnhealthyReplicas, scaleDownOldReplicaSetsForRollingUpdate.
 */
#include "sim/base/base.h"

#include "cluster/controllers/deployment.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t total_replicas(const struct rollout *r)
{
    int64_t total = 0;
    for (size_t i = 0; i < r->count; i++)
        total += r->all[i].target;
    return total;
}

int64_t plan_new_size(const struct rollout *r)
{
    int64_t present = rollout_has_new(r) ? r->all[r->new].replicas : 0;
    if (!r->is_rolling)
        return r->replicas;
    int64_t room = r->replicas + r->max_surge - total_replicas(r);
    if (room <= 0)
        return present;
    return present + smaller(room, r->replicas - present);
}

static int64_t shrink_unavailable(struct rollout *r, int64_t count_max)
{
    int64_t done = 0;
    for (size_t i = 0; i < r->count && done < count_max; i++) {
        struct revision *v = &r->all[i];
        if (i == r->new || v->replicas <= v->available)
            continue;
        int64_t count = smaller(count_max - done, v->replicas - v->available);
        v->target -= count;
        done += count;
    }
    return done;
}

static int64_t shrink_available(struct rollout *r, int64_t available_min)
{
    int64_t available = 0, done = 0;
    for (size_t i = 0; i < r->count; i++)
        available += r->all[i].available;
    for (size_t i = 0; i < r->count && done < available - available_min; i++) {
        struct revision *v = &r->all[i];
        if (i == r->new || v->target == 0)
            continue;
        int64_t count = smaller(v->target, available - available_min - done);
        v->target -= count;
        done += count;
    }
    return done;
}

bool plan_rolling(struct rollout *r)
{
    CHECK(rollout_has_new(r));
    struct revision *new = &r->all[r->new];
    if (new->replicas != r->replicas)
        new->target = new->replicas > r->replicas ? r->replicas : plan_new_size(r);
    if (new->target != new->replicas)
        return true;
    if (total_replicas(r) == new->replicas)
        return false; /* nothing old is left */
    int64_t available_min = r->replicas - r->max_unavailable;
    int64_t new_unavailable = new->replicas - new->available;
    int64_t shrink_max = total_replicas(r) - available_min - new_unavailable;
    if (shrink_max <= 0)
        return false;
    int64_t unhealthy = shrink_unavailable(r, shrink_max);
    int64_t healthy = shrink_available(r, available_min);
    return unhealthy + healthy > 0;
}
