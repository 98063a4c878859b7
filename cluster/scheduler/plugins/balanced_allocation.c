/* SPDX-License-Identifier: Apache-2.0
 *
 * NodeResourcesBalancedAllocation: prefers the node whose CPU and memory would be used in like
 * proportions.
 *
 * With f = requested / allocatable (at most 1) the balance is 100 * (1 - |f_cpu - f_memory| / 2).
 * Since 1.36 the score is how much the pod changes it: 50 + (50 + with - without) / 2. Pods that
 * request nothing are left out.
 *
 * DEVIATION: fractions are integers of 2^-30, where Kubernetes uses floating point; a balance may
 * differ by one where it lies within 1e-7 of a whole number.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

#define ONE_BITS 30
#define ONE (INT64_C(1) << ONE_BITS)

static enum fit pre_score(struct cycle *c);
static int64_t score(struct cycle *c, const struct node_info *n);

const struct plugin balanced_allocation_plugin = {
    .name = "NodeResourcesBalancedAllocation",
    .pre_score = pre_score,
    .score = score,
    .weight = 1,
};

static enum fit pre_score(struct cycle *c)
{
    const struct amounts *r = &c->pod->requests;
    return r->cpu == 0 && r->memory == 0 ? FIT_SKIP : FIT;
}

/* a / b in units of 2^-30, at most 1. What is too large to multiply is scaled down first. */
static int64_t fraction(int64_t a, int64_t b)
{
    if (a >= b)
        return ONE;
    int spare = __builtin_clzll((unsigned long long)b) - 1 - ONE_BITS;
    if (spare < 0) {
        a >>= -spare;
        b >>= -spare;
    }
    return (a << ONE_BITS) / b;
}

static int64_t balance(const struct node_info *n, int64_t cpu, int64_t memory)
{
    if (n->allocatable.cpu <= 0 || n->allocatable.memory <= 0)
        return SCHEDULER_SCORE_MAX; /* one resource alone is in balance with itself */
    int64_t a = fraction(cpu, n->allocatable.cpu), b = fraction(memory, n->allocatable.memory);
    int64_t deviation = (a > b ? a - b : b - a) / 2;
    return ((ONE - deviation) * SCHEDULER_SCORE_MAX) >> ONE_BITS;
}

static int64_t score(struct cycle *c, const struct node_info *n)
{
    int64_t without = balance(n, n->requested.cpu, n->requested.memory);
    int64_t with = balance(n, n->requested.cpu + c->pod->requests.cpu,
                           n->requested.memory + c->pod->requests.memory);
    return 50 + (50 + with - without) / 2;
}
