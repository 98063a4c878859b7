/* SPDX-License-Identifier: Apache-2.0
 *
 * The controllers that have no header of their own; manager.c has the table of all.
 */
#ifndef CLUSTER_CONTROLLERS_CONTROLLERS_H
#define CLUSTER_CONTROLLERS_CONTROLLERS_H

#include "cluster/client/controller.h"

extern const struct controller_info node_lifecycle_controller;
extern const struct controller_info taint_eviction_controller;
extern const struct controller_info pod_gc_controller;
extern const struct controller_info garbage_collector_controller;
extern const struct controller_info resource_quota_controller;
extern const struct controller_info disruption_controller;

#endif
