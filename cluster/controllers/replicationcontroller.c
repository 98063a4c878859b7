/* SPDX-License-Identifier: Apache-2.0
 *
 * "A ReplicationController ensures that a specified number of pod replicas are running at any one
 * time." It is the older form of a ReplicaSet with a plain map as selector; as upstream, both run
 * the same loop (replicaset.c). Differences: the kind, the selector, the source of its Events, and
 * no count of terminating pods in its status.
 */
#include "sim/base/base.h"

#include "cluster/controllers/replicaset.h"

const struct controller_info replicationcontroller_controller = {
    .name = "replicationcontroller-controller",
    .account = "replication-controller",
    .event_source = "replication-controller",
    .primary = RESOURCE_replicationcontrollers,
    .watches = {{RESOURCE_replicationcontrollers, controller_wake_itself},
                {RESOURCE_pods, replicaset_wake_for_pod}},
    .watch_count = 2,
    .sync = replicaset_sync,
    .workers = 5,
    .new_state = replicaset_new_state,
    .free_state = replicaset_free_state,
};
