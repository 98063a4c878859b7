/* SPDX-License-Identifier: Apache-2.0
 *
 * NodePorts: two pods cannot hold the same host port (address, protocol, number) of a node; 0.0.0.0
 * clashes with every address.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

static enum fit pre_filter(struct cycle *c);
static enum fit filter(struct cycle *c, const struct node_info *n);

const struct plugin node_ports_plugin = {
    .name = "NodePorts",
    .pre_filter = pre_filter,
    .filter = filter,
    .events = EVENT_NODE_ADD | EVENT_POD_DELETE | EVENT_UNSCHEDULED_POD,
};

static enum fit pre_filter(struct cycle *c)
{
    return c->pod->port_count > 0 ? FIT : FIT_SKIP;
}

static bool clash(const struct host_port *a, const struct host_port *b)
{
    return a->port == b->port && a->protocol == b->protocol &&
           (!value_is_present(a->ip) || !value_is_present(b->ip) || value_equal(a->ip, b->ip));
}

static bool pods_clash(const struct pod_info *a, const struct pod_info *b)
{
    for (uint32_t i = 0; i < a->port_count; i++)
        for (uint32_t j = 0; j < b->port_count; j++)
            if (clash(&a->ports[i], &b->ports[j]))
                return true;
    return false;
}

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    for (size_t i = 0; n->host_ports > 0 && i < n->pods.count; i++) {
        if (pods_clash(c->pod, n->pods.items[i])) {
            cycle_reject(c, "node(s) didn't have free ports for the requested pod ports");
            return FIT_NOT;
        }
    }
    return FIT;
}
