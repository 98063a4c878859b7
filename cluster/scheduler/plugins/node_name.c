/* SPDX-License-Identifier: Apache-2.0
 *
 * NodeName: a pod that names its node fits there only. (Such a pod normally never comes to the
 * scheduler.)
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

static enum fit pre_filter(struct cycle *c);
static enum fit filter(struct cycle *c, const struct node_info *n);

const struct plugin node_name_plugin = {
    .name = "NodeName",
    .pre_filter = pre_filter,
    .filter = filter,
    .events = EVENT_NODE_ADD,
};

static enum fit pre_filter(struct cycle *c)
{
    return VALUE_STR(c->spec, nodeName).size == 0 ? FIT_SKIP : FIT;
}

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    if (str_equal(VALUE_STR(c->spec, nodeName), n->key->name))
        return FIT;
    cycle_reject(c, "node(s) didn't match the requested node name");
    return FIT_NEVER;
}
