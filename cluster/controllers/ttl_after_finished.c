/* SPDX-License-Identifier: Apache-2.0
 *
 * "The TTL-after-finished controller provides a TTL mechanism to limit the lifetime of Job objects
 * that have finished execution" [doc:ttlafterfinished]: a Job is deleted (foreground) when
 * .spec.ttlSecondsAfterFinished have passed since it became Complete or Failed. Before it deletes,
 * the Job is read afresh: its TTL may have been raised.
 *
 * Upstream: pkg/controller/ttlafterfinished.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"

static enum sync_result ttl_sync(struct sync *s);

const struct controller_info ttl_after_finished_controller = {
    .name = "ttl-after-finished-controller",
    .primary = RESOURCE_jobs,
    .watches = {{RESOURCE_jobs, controller_wake_itself}},
    .watch_count = 1,
    .sync = ttl_sync,
    .workers = 5,
};

/* How long it may still stay; false: it has no TTL or has not finished. */
static bool time_left(struct value job, struct wall_time now, struct duration *ret_left)
{
    struct value ttl = VALUE_GET(job, spec, ttlSecondsAfterFinished),
                 conditions = VALUE_GET(job, status, conditions);
    const char *type = condition_is_true(conditions, "Complete") ? "Complete" : "Failed";
    struct wall_time finished;
    if (!value_is_present(ttl) || object_is_deleting(job) || !condition_is_true(conditions, type) ||
        !time_parse(value_get(condition_find(conditions, type), ATOM_lastTransitionTime),
                    &finished))
        return false;
    *ret_left =
        duration_ns(finished.unix_ns + duration_s(value_as_integer(ttl, 0)).ns - now.unix_ns);
    return true;
}

static enum sync_result delete_if_due(struct sync *s, const struct answer *fresh)
{
    struct duration left;
    if (!answer_ok(fresh))
        return fresh->code == 404 ? SYNC_DONE : sync_retry_answer(s, fresh);
    if (!time_left(fresh->body, s->step->wall, &left))
        return SYNC_DONE;
    if (left.ns > 0) {
        controller_enqueue_after(s->controller, s->step, s->key, left);
        return SYNC_DONE;
    }
    sync_trace(s, "it finished longer ago than its TTL -> deletes it");
    struct request *request = client_delete_request(s->key, object_uid(fresh->body));
    request_delete_options(request)->propagation = PROPAGATION_FOREGROUND;
    sync_send(s, request, 0);
    return sync_wait(s, 2);
}

static enum sync_result ttl_sync(struct sync *s)
{
    struct duration left;
    switch (s->phase) {
    case 0:
        if (!value_is_present(s->object) || !time_left(s->object, s->step->wall, &left))
            return SYNC_DONE;
        if (left.ns > 0) {
            controller_enqueue_after(s->controller, s->step, s->key, left);
            return SYNC_DONE;
        }
        sync_send(s, request_for_key(VERB_GET, s->key), 0);
        return sync_wait(s, 1);
    case 1:
        return delete_if_due(s, &s->answers[0]);
    default:
        return answer_ok(&s->answers[0]) || s->answers[0].code == 404
                   ? SYNC_DONE
                   : sync_retry_answer(s, &s->answers[0]);
    }
}
