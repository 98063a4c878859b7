/* SPDX-License-Identifier: Apache-2.0
 *
 * TaintToleration: a NoSchedule or NoExecute taint keeps off the pods that do not tolerate it; each
 * PreferNoSchedule taint that is not tolerated lowers the score.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

static enum fit filter(struct cycle *c, const struct node_info *n);
static enum fit pre_score(struct cycle *c);
static int64_t score(struct cycle *c, const struct node_info *n);
static void normalize(struct cycle *c, int64_t *scores, size_t count);

const struct plugin taint_toleration_plugin = {
    .name = "TaintToleration",
    .filter = filter,
    .pre_score = pre_score,
    .score = score,
    .normalize = normalize,
    .weight = 3,
    .events = EVENT_NODE_ADD | EVENT_NODE_TAINT | EVENT_UNSCHEDULED_POD,
};

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    if (n->hard_taints == 0)
        return FIT;
    struct value tolerations = VALUE_GET(c->spec, tolerations);
    for (uint32_t i = 0; i < n->taint_count; i++) {
        if (n->taints[i].effect == TAINT_PREFER_NO_SCHEDULE ||
            pod_tolerates(tolerations, &n->taints[i]))
            continue;
        cycle_reject(c, "node(s) had untolerated taint(s)");
        return FIT_NEVER;
    }
    return FIT;
}

/* Without a soft taint anywhere all nodes score alike. */
static enum fit pre_score(struct cycle *c)
{
    for (size_t i = 0; i < c->feasible_count; i++) {
        const struct node_info *n = c->cache->nodes.items[c->feasible[i]];
        if (n->taint_count > n->hard_taints)
            return FIT;
    }
    return FIT_SKIP;
}

static int64_t score(struct cycle *c, const struct node_info *n)
{
    struct value tolerations = VALUE_GET(c->spec, tolerations);
    int64_t intolerable = 0;
    for (uint32_t i = 0; i < n->taint_count; i++)
        if (n->taints[i].effect == TAINT_PREFER_NO_SCHEDULE &&
            !pod_tolerates(tolerations, &n->taints[i]))
            intolerable++;
    return intolerable;
}

static void normalize(struct cycle *c, int64_t *scores, size_t count)
{
    MAYBE(c->pod);
    scores_normalize(scores, count, true);
}
