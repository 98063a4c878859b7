/* SPDX-License-Identifier: Apache-2.0
 *
 * NodeAffinity: nodeSelector and required node affinity filter; preferred terms add their weights
 * to the score.
 *
 * Source:
 * kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#affinity-and-anti-affinity
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

static enum fit pre_filter(struct cycle *c);
static enum fit filter(struct cycle *c, const struct node_info *n);
static enum fit pre_score(struct cycle *c);
static int64_t score(struct cycle *c, const struct node_info *n);
static void normalize(struct cycle *c, int64_t *scores, size_t count);

const struct plugin node_affinity_plugin = {
    .name = "NodeAffinity",
    .pre_filter = pre_filter,
    .filter = filter,
    .pre_score = pre_score,
    .score = score,
    .normalize = normalize,
    .weight = 2,
    .events = EVENT_NODE_ADD | EVENT_NODE_LABEL | EVENT_UNSCHEDULED_POD,
};

static enum fit pre_filter(struct cycle *c)
{
    bool asks = value_count(VALUE_GET(c->spec, nodeSelector)) > 0 ||
                value_is_present(VALUE_GET(c->spec, affinity, nodeAffinity,
                                           requiredDuringSchedulingIgnoredDuringExecution));
    return asks ? FIT : FIT_SKIP;
}

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    if (node_matches_affinity(c->spec, n->node))
        return FIT;
    cycle_reject(c, "node(s) didn't match Pod's node affinity/selector");
    return FIT_NEVER;
}

static struct value preferred(const struct cycle *c)
{
    return VALUE_GET(c->spec, affinity, nodeAffinity,
                     preferredDuringSchedulingIgnoredDuringExecution);
}

static enum fit pre_score(struct cycle *c)
{
    return value_count(preferred(c)) > 0 ? FIT : FIT_SKIP;
}

static int64_t score(struct cycle *c, const struct node_info *n)
{
    struct value terms = preferred(c);
    int64_t sum = 0;
    for (size_t i = 0; i < value_count(terms); i++) {
        struct value term = value_at(terms, i);
        if (node_selector_term_matches(VALUE_GET(term, preference), n->node))
            sum += VALUE_INT(term, 0, weight);
    }
    return sum;
}

static void normalize(struct cycle *c, int64_t *scores, size_t count)
{
    MAYBE(c->pod);
    scores_normalize(scores, count, false);
}
