/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts about a pod that several controllers derive in the same way. Times of conditions are whole
 * seconds, so a pod counts as available up to a second later than it became ready, as in a real
 * cluster.
 */
#include "sim/base/base.h"

#include "cluster/controllers/pod_state.h"

bool pod_is_active(struct value pod)
{
    return !object_is_deleting(pod) && !pod_is_finished(pod);
}

bool pod_is_terminating(struct value pod)
{
    return object_is_deleting(pod) && !pod_is_finished(pod);
}

bool pod_is_ready(struct value pod)
{
    return condition_is_true(VALUE_GET(pod, status, conditions), "Ready");
}

bool pod_ready_since(struct value pod, struct wall_time *ret_since)
{
    struct value ready = condition_find(VALUE_GET(pod, status, conditions), "Ready");
    return VALUE_IS(ready, "True", status) &&
           time_parse(value_get(ready, ATOM_lastTransitionTime), ret_since);
}

bool pod_is_available(struct value pod, int64_t min_ready_seconds, struct wall_time now)
{
    struct duration wait;
    return pod_is_ready(pod) &&
           (min_ready_seconds == 0 || !pod_available_in(pod, min_ready_seconds, now, &wait));
}

bool pod_available_in(struct value pod, int64_t min_ready_seconds, struct wall_time now,
                      struct duration *ret_wait)
{
    struct wall_time since;
    if (!pod_ready_since(pod, &since))
        return false;
    int64_t at = since.unix_ns + duration_s(min_ready_seconds).ns;
    if (at <= now.unix_ns)
        return false;
    *ret_wait = duration_ns(at - now.unix_ns);
    return true;
}

int64_t pod_restarts(struct value pod)
{
    struct value statuses = VALUE_GET(pod, status, containerStatuses);
    int64_t most = 0;
    for (size_t i = 0; i < value_count(statuses); i++) {
        int64_t n = VALUE_INT(value_at(statuses, i), 0, restartCount);
        most = n > most ? n : most;
    }
    return most;
}
