/* SPDX-License-Identifier: Apache-2.0
 *
 * The plugins, one file each; framework.c has their order.
 */
#ifndef CLUSTER_SCHEDULER_PLUGINS_PLUGINS_H
#define CLUSTER_SCHEDULER_PLUGINS_PLUGINS_H

#include "cluster/scheduler/framework.h"

extern const struct plugin node_unschedulable_plugin;
extern const struct plugin node_name_plugin;
extern const struct plugin taint_toleration_plugin;
extern const struct plugin node_affinity_plugin;
extern const struct plugin node_ports_plugin;
extern const struct plugin node_resources_fit_plugin;
extern const struct plugin pod_topology_spread_plugin;
extern const struct plugin inter_pod_affinity_plugin;
extern const struct plugin balanced_allocation_plugin;
extern const struct plugin image_locality_plugin;

#endif
