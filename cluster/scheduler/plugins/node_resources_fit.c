/* SPDX-License-Identifier: Apache-2.0
 *
 * NodeResourcesFit: what the pod requests must be left on the node; the score prefers the node that
 * has most left (LeastAllocated over CPU and memory, weight 1 each).
 *
 * A request beyond the whole allocatable amount cannot be cured by preemption (since 1.33).
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

static enum fit filter(struct cycle *c, const struct node_info *n);
static int64_t score(struct cycle *c, const struct node_info *n);

const struct plugin node_resources_fit_plugin = {
    .name = "NodeResourcesFit",
    .filter = filter,
    .score = score,
    .weight = 1,
    .events = EVENT_NODE_ADD | EVENT_NODE_ALLOCATABLE | EVENT_POD_DELETE | EVENT_UNSCHEDULED_POD,
};

/* One resource: 0 fits, 1 not now, 2 never. */
static int shortage(int64_t wanted, int64_t allocatable, int64_t requested)
{
    if (wanted == 0 || wanted <= allocatable - requested)
        return 0;
    return wanted > allocatable ? 2 : 1;
}

static int extra_shortage(struct cycle *c, const struct node_info *n)
{
    int worst = 0;
    for (uint32_t i = 0; i < c->pod->requests.extra_count; i++) {
        const struct amount_extra *e = &c->pod->requests.extra[i];
        int s = shortage(e->amount, amounts_extra(&n->allocatable, e->resource),
                         amounts_extra(&n->requested, e->resource));
        if (s == 0)
            continue;
        struct str name = value_str(c->cache->resource_names.items[e->resource]);
        cycle_reject(c, arena_printf(c->arena, "Insufficient %.*s", STR_ARG(name)).bytes);
        worst = s > worst ? s : worst;
    }
    return worst;
}

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    const struct amounts *wanted = &c->pod->requests;
    int worst = 0;
    if ((int64_t)n->pods.count + 1 > n->pods_allocatable) {
        cycle_reject(c, "Too many pods");
        worst = 1;
    }
    int cpu = shortage(wanted->cpu, n->allocatable.cpu, n->requested.cpu);
    int memory = shortage(wanted->memory, n->allocatable.memory, n->requested.memory);
    int ephemeral = shortage(wanted->ephemeral, n->allocatable.ephemeral, n->requested.ephemeral);
    if (LIKELY((cpu | memory | ephemeral | worst) == 0 && wanted->extra_count == 0))
        return FIT;
    if (cpu)
        cycle_reject(c, "Insufficient cpu");
    if (memory)
        cycle_reject(c, "Insufficient memory");
    if (ephemeral)
        cycle_reject(c, "Insufficient ephemeral-storage");
    int extra = extra_shortage(c, n);
    int found[] = {cpu, memory, ephemeral, extra};
    for (size_t i = 0; i < ARRAY_COUNT(found); i++)
        worst = found[i] > worst ? found[i] : worst;
    return worst == 0 ? FIT : worst == 2 ? FIT_NEVER : FIT_NOT;
}

/* (allocatable - requested) * 100 / allocatable; -1: the node has none of it. */
static int64_t least(int64_t allocatable, int64_t requested)
{
    if (allocatable <= 0)
        return -1;
    return requested > allocatable ? 0
                                   : (allocatable - requested) * SCHEDULER_SCORE_MAX / allocatable;
}

static int64_t score(struct cycle *c, const struct node_info *n)
{
    int64_t cpu = least(n->allocatable.cpu, n->cpu_scored + c->pod->cpu_scored);
    int64_t memory = least(n->allocatable.memory, n->memory_scored + c->pod->memory_scored);
    if (cpu < 0 || memory < 0)
        return cpu < 0 ? (memory < 0 ? 0 : memory) : cpu;
    return (cpu + memory) / 2;
}
