/* SPDX-License-Identifier: Apache-2.0
 *
 * NodeUnschedulable: a cordoned node (spec.unschedulable) takes no pod, but for those that tolerate
 * the taint node.kubernetes.io/unschedulable:NoSchedule.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

static enum fit filter(struct cycle *c, const struct node_info *n);

const struct plugin node_unschedulable_plugin = {
    .name = "NodeUnschedulable",
    .filter = filter,
    .events = EVENT_NODE_ADD | EVENT_NODE_TAINT | EVENT_UNSCHEDULED_POD,
};

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    if (!n->is_unschedulable)
        return FIT;
    struct value key = value_string(S("node.kubernetes.io/unschedulable"));
    struct taint taint = {.key = key, .effect = TAINT_NO_SCHEDULE};
    bool tolerated = pod_tolerates(VALUE_GET(c->spec, tolerations), &taint);
    value_drop(key);
    if (tolerated)
        return FIT;
    cycle_reject(c, "node(s) were unschedulable");
    return FIT_NEVER;
}
