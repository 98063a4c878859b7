/* SPDX-License-Identifier: Apache-2.0
 *
 * Scaling apart from a rollout. "RollingUpdate Deployments support running multiple versions of an
 * application at the same time. When you
 * ... scale a RollingUpdate Deployment that is in the middle of a rollout, the Deployment
 * controller balances the additional replicas in the existing active ReplicaSets ... in order to
 * mitigate risk" [doc:deployment#proportional-scaling].
 *
 * One active ReplicaSet takes the new size. With several, when the new one is saturated the old
 * ones go to 0; else each is given a share in proportion to its size, rounded; what is left over
 * goes to the largest (growing: the newest of equals first; shrinking: the oldest).
 *
 * Upstream: scale, GetReplicaSetProportion, getReplicaSetFraction, FindActiveOrLatest, IsSaturated.
 */
#include "sim/base/base.h"

#include "cluster/controllers/deployment.h"

#include "cluster/api/object.h"
#include "sim/base/sort.h"

static int64_t rounded(int64_t numerator, int64_t denominator)
{
    return (2 * numerator + denominator) / (2 * denominator); /* both positive: half goes up */
}

static int64_t fraction_of(const struct rollout *r, const struct revision *v)
{
    if (r->replicas == 0)
        return -v->replicas;
    int64_t size_before =
        v->max_replicas > 0 ? v->max_replicas : VALUE_INT(r->deployment, 0, status, replicas);
    if (size_before == 0)
        return 0;
    return rounded(v->replicas * (r->replicas + r->max_surge), size_before) - v->replicas;
}

static int64_t proportion_of(const struct rollout *r, const struct revision *v, int64_t to_add,
                             int64_t added)
{
    if (v->replicas == 0 || to_add == 0 || to_add == added)
        return 0;
    int64_t fraction = fraction_of(r, v), allowed = to_add - added;
    if (to_add > 0)
        return fraction < allowed ? fraction : allowed;
    return fraction > allowed ? fraction : allowed;
}

/* Indexes into all, ordered by size, largest first; context: the rollout, whose is_growing decides
 * among equals. */
struct size_order {
    const struct rollout *rollout;
    bool is_growing;
};
static int by_size(const void *a, const void *b, void *context)
{
    const struct size_order *order = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int64_t n = order->rollout->all[x].replicas, m = order->rollout->all[y].replicas;
    if (n != m)
        return n > m ? -1 : 1;
    if (x == y)
        return 0;
    return (x < y) == order->is_growing ? 1 : -1; /* all is in order of age, oldest first */
}

static void spread(struct rollout *r, size_t *active, size_t count)
{
    int64_t total = 0, added = 0;
    for (size_t i = 0; i < count; i++)
        total += r->all[active[i]].replicas;
    int64_t to_add = (r->replicas > 0 ? r->replicas + r->max_surge : 0) - total;
    struct size_order order = {r, to_add > 0};
    sort_stable(active, count, sizeof(active[0]), by_size, &order);
    for (size_t i = 0; i < count; i++) {
        struct revision *v = &r->all[active[i]];
        int64_t share = proportion_of(r, v, to_add, added);
        v->target = v->replicas + share;
        added += share;
    }
    struct revision *largest = &r->all[active[0]];
    largest->target += to_add - added;
    if (largest->target < 0)
        largest->target = 0;
}

static bool is_saturated(const struct rollout *r)
{
    if (!rollout_has_new(r))
        return false;
    const struct revision *new = &r->all[r->new];
    int64_t desired;
    struct value annotation =
        object_annotation(new->rs, S("deployment.kubernetes.io/desired-replicas"));
    return str_to_int64(value_str(annotation), &desired) &&
           new->replicas == r->replicas &&desired == r->replicas &&new->available == r->replicas;
}

bool plan_proportional(struct rollout *r)
{
    size_t *active = arena_array(r->sync->step->scratch, size_t, r->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->all[i].replicas > 0)
            active[count++] = i;
    if (r->count == 0)
        return false;
    if (count <= 1) {
        size_t one = count == 1 ? active[0] : rollout_has_new(r) ? r->new : r->count - 1;
        r->all[one].target = r->replicas;
        return r->all[one].replicas != r->replicas;
    }
    if (is_saturated(r)) {
        for (size_t i = 0; i < count; i++)
            if (active[i] != r->new)
                r->all[active[i]].target = 0;
        return true;
    }
    if (!r->is_rolling)
        return false;
    spread(r, active, count);
    for (size_t i = 0; i < count; i++) {
        const struct revision *v = &r->all[active[i]];
        if (v->target != v->replicas || rollout_needs_annotations(r, v))
            return true;
    }
    return false;
}
