/* SPDX-License-Identifier: Apache-2.0
 *
 * Which active pods of a Job go when there are more than it wants. Of an Indexed Job first those
 * that have no business to be there: no index, one beyond the completions ("elastic Indexed Jobs"
 * [doc:job#elastic-indexed-jobs]), or one that another pod has too. Then the least useful ones.
 *
 * Upstream: activePodsForRemoval, appendDuplicatedIndexPodsForRemoval; the order of usefulness is
 * the one of ActivePods in pkg/controller/controller_utils.go.
 */
#include "sim/base/base.h"

#include "cluster/controllers/job.h"

#include "cluster/api/object.h"
#include "cluster/controllers/pod_state.h"
#include "sim/base/sort.h"

static int64_t since_ns(bool is_known, struct wall_time t)
{
    return is_known ? t.unix_ns : 0;
}

struct job_candidate job_candidate_of(const struct object_key *key, struct value pod)
{
    struct job_candidate c = {.key = key, .pod = pod, .index = job_pod_index(pod)};
    struct value phase = VALUE_GET(pod, status, phase);
    struct wall_time t = {0};
    c.is_assigned = VALUE_STR(pod, spec, nodeName).size > 0;
    c.phase = value_is(phase, "Running") ? 2 : value_is(phase, "Unknown") ? 1 : 0;
    c.is_ready = pod_is_ready(pod);
    c.ready_since_ns = since_ns(pod_ready_since(pod, &t), t);
    c.restarts = pod_restarts(pod);
    c.created_ns = since_ns(time_parse(VALUE_GET(pod, metadata, creationTimestamp), &t), t);
    return c;
}

/* The later first; none at all before any. */
static int younger_first(int64_t a, int64_t b)
{
    if (a == b)
        return 0;
    if (a == 0 || b == 0)
        return a == 0 ? -1 : 1;
    return a > b ? -1 : 1;
}

static int least_useful_first(const void *pointer_a, const void *pointer_b, void *context)
{
    (void)context;
    const struct job_candidate *a = pointer_a, *b = pointer_b;
    int order;
    if (a->is_assigned != b->is_assigned)
        return a->is_assigned ? 1 : -1;
    if (a->phase != b->phase)
        return a->phase < b->phase ? -1 : 1;
    if (a->is_ready != b->is_ready)
        return a->is_ready ? 1 : -1;
    if (a->is_ready && (order = younger_first(a->ready_since_ns, b->ready_since_ns)))
        return order;
    if (a->restarts != b->restarts)
        return a->restarts > b->restarts ? -1 : 1;
    if ((order = younger_first(a->created_ns, b->created_ns)))
        return order;
    return object_key_compare(a->key, b->key);
}

static int by_index(const void *pointer_a, const void *pointer_b, void *context)
{
    const struct job_candidate *a = pointer_a, *b = pointer_b;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return least_useful_first(a, b, context);
}

static int superfluous_first(const void *pointer_a, const void *pointer_b, void *context)
{
    const struct job_candidate *a = pointer_a, *b = pointer_b;
    if (a->is_superfluous != b->is_superfluous)
        return a->is_superfluous ? -1 : 1;
    return a->is_superfluous ? by_index(a, b, context) : least_useful_first(a, b, context);
}

size_t job_pods_to_remove(struct job_candidate *pods, size_t count, int64_t indexes, int64_t excess)
{
    size_t superfluous = 0;
    if (indexes >= 0)
        sort_stable(pods, count, sizeof(*pods), by_index, NULL);
    for (size_t i = 0; i < count && indexes >= 0; i++) {
        bool has_successor = i + 1 < count && pods[i + 1].index == pods[i].index;
        pods[i].is_superfluous = pods[i].index < 0 || pods[i].index >= indexes || has_successor;
        superfluous += pods[i].is_superfluous;
    }
    sort_stable(pods, count, sizeof(*pods), superfluous_first, NULL);
    if (excess < 0 || (size_t)excess < superfluous)
        return superfluous;
    return (size_t)excess < count ? (size_t)excess : count;
}
