/* SPDX-License-Identifier: Apache-2.0
 *
 * Taints of the node controller, as pure functions over a Node: which taints its conditions ask
 * for, and the list after adding some and taking others away.
 *
 * Source:
 * kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
 */
#ifndef CLUSTER_CONTROLLERS_NODE_TAINTS_H
#define CLUSTER_CONTROLLERS_NODE_TAINTS_H

#include "cluster/api/value.h"

#define TAINT_NOT_READY "node.kubernetes.io/not-ready"
#define TAINT_UNREACHABLE "node.kubernetes.io/unreachable"

bool node_has_taint(struct value node, const char *key, const char *effect);
/* The node's taints with (key, effect) added (timeAdded = now for NoExecute) and those of `removed`
 * taken out; owned.
 * `added` and `removed` may be NULL. */
struct value node_taints_swap(struct value node, const char *effect, const char *added,
                              const char *removed, struct wall_time now);
/* The list that the conditions and spec.unschedulable ask for (NoSchedule), with foreign taints
 * kept; owned. The same word as before when nothing changes. */
struct value node_taints_of_conditions(struct value node, struct wall_time now);

#endif
