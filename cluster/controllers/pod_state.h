/* SPDX-License-Identifier: Apache-2.0
 *
 * What controllers ask of a pod: upstream's pkg/api/v1/pod and the pod helpers of pkg/controller.
 */
#ifndef CLUSTER_CONTROLLERS_POD_STATE_H
#define CLUSTER_CONTROLLERS_POD_STATE_H

#include "cluster/api/object.h"

bool pod_is_active(struct value pod);      /* neither finished nor being deleted */
bool pod_is_terminating(struct value pod); /* being deleted and not finished */
bool pod_is_ready(struct value pod);
/* Since when it is ready (lastTransitionTime); false when it is not. */
bool pod_ready_since(struct value pod, struct wall_time *ret_since);
/* Ready for at least min_ready_seconds. */
bool pod_is_available(struct value pod, int64_t min_ready_seconds, struct wall_time now);
int64_t pod_restarts(struct value pod); /* the highest restart count of a container */

/* What remains until a pod that is ready becomes available; false when it is not ready or is
 * available. */
bool pod_available_in(struct value pod, int64_t min_ready_seconds, struct wall_time now,
                      struct duration *ret_wait);

#endif
