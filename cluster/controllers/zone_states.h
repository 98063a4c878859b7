/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast the node controller may taint the nodes of a zone with NoExecute, and so evict their
 * pods.
 *
 *   Normal              0.1 nodes a second (one every 10 s)
 *   PartialDisruption   more than two nodes and at least 55 % are not ready: 0.01 a second in a
 *   zone of more than 50 nodes, else none
 *   FullDisruption      no node is ready: as Normal while another zone is not fully disrupted; when
 *   all are, nothing is evicted
 *
 * Source: kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction
 */
#ifndef CLUSTER_CONTROLLERS_ZONE_STATES_H
#define CLUSTER_CONTROLLERS_ZONE_STATES_H

#include "sim/base/base.h"

enum zone_state { ZONE_INITIAL, ZONE_NORMAL, ZONE_PARTIAL_DISRUPTION, ZONE_FULL_DISRUPTION };

/* Defaults: 550, 100, 10, 50. */
struct zone_rules {
    int64_t unhealthy_zone_permille;
    int64_t eviction_rate_milli, secondary_rate_milli;
    int64_t large_cluster_size;
};

enum zone_state zone_state_of(int64_t ready, int64_t not_ready, const struct zone_rules *rules);
/* Thousandths of nodes a second. */
int64_t zone_rate_milli(enum zone_state state, int64_t nodes, const struct zone_rules *rules);
const char *zone_state_text(enum zone_state state);

#endif
