/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting the pods of a Job exactly once, whatever is lost in between
 * [doc:job#job-tracking-with-finalizers]. A finished pod keeps the finalizer
 * batch.kubernetes.io/job-tracking until it is counted, in three writes: its uid goes into
 * status.uncountedTerminatedPods; its finalizer is taken away; the uid leaves the list and the
 * number grows. A crash after any of them leaves enough to go on.
 *
 * Exceptions, as upstream makes them: a success of an indexed Job needs no list, its index tells; a
 * failed pod whose index is to be tried again keeps its finalizer until its replacement exists,
 * since it carries the count of failures; once a Job has failed, pods that still run are failures
 * at once; once it has succeeded, they are let go uncounted.
 *
 * Conditions: FailureTarget (or SuccessCriteriaMet) as soon as the outcome is known, Failed (or
 * Complete) only when no pod is left active, terminating or uncounted.
 *
 * Upstream: getStatus, getNewFinishedPods, trackJobStatusAndRemoveFinalizers, enactJobFinished,
 * ensureJobConditionStatus.
 */
#include "sim/base/base.h"

#include "cluster/controllers/job.h"

#include "cluster/api/object.h"
#include "cluster/controllers/pod_state.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

bool job_is_finished(struct value job)
{
    struct value conditions = VALUE_GET(job, status, conditions);
    return condition_is_true(conditions, "Complete") || condition_is_true(conditions, "Failed");
}

/* ---- observing ---- */

struct finished_pod {
    const struct object_key *key;
    struct value pod;
    int64_t at_ns;
    bool has_succeeded;
    bool is_last_of_index; /* of the failed ones */
};

static int by_finish(const void *a, const void *b, void *context)
{
    (void)context;
    const struct finished_pod *x = a, *y = b;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return value_compare(object_uid(x->pod), object_uid(y->pod));
}

static struct job_view view_of(struct sync *s, struct job_backoff backoff)
{
    struct value job = s->object, spec = value_get(job, ATOM_spec);
    struct job_view v = {.job = job, .backoff = backoff};
    v.is_indexed = VALUE_IS(spec, "Indexed", completionMode);
    v.is_per_index = value_is_present(value_get(spec, ATOM_backoffLimitPerIndex));
    v.replaces_failed_only = VALUE_IS(spec, "Failed", podReplacementPolicy);
    v.is_suspended = VALUE_BOOL_AT(spec, suspend);
    v.completions = VALUE_INT(spec, -1, completions);
    v.parallelism = VALUE_INT(spec, 1, parallelism);
    int64_t indexes = v.is_indexed && v.completions > 0 ? v.completions : 0;
    v.succeeded_indexes = index_set_new(s->step->scratch, indexes);
    v.failed_indexes = index_set_new(s->step->scratch, indexes);
    v.busy_indexes = index_set_new(s->step->scratch, indexes);
    v.index_failures = arena_array(s->step->scratch, int64_t, (size_t)indexes + 1);
    v.index_failed_ns = arena_array(s->step->scratch, int64_t, (size_t)indexes + 1);
    index_set_parse(&v.succeeded_indexes, VALUE_STR(job, status, completedIndexes));
    index_set_parse(&v.failed_indexes, VALUE_STR(job, status, failedIndexes));
    v.succeeded = VALUE_INT(job, 0, status, succeeded) +
                  (int64_t)value_count(VALUE_GET(job, status, uncountedTerminatedPods, succeeded));
    v.failed = VALUE_INT(job, 0, status, failed) +
               (int64_t)value_count(VALUE_GET(job, status, uncountedTerminatedPods, failed));
    v.counted_failures = v.failed;
    return v;
}

static void set_target(struct job_view *v, bool is_success, const char *reason, struct str message)
{
    if (v->target_reason)
        return;
    v->target_reason = reason;
    v->target_message = message;
    v->is_success = is_success;
}

static void note_index_failure(struct job_view *v, const struct finished_pod *f,
                               enum failure_action action)
{
    int64_t index = job_pod_index(f->pod), so_far = 0;
    if (index < 0 || index >= v->failed_indexes.size)
        return;
    (void)str_to_int64(value_str(object_annotation(f->pod, S(JOB_INDEX_FAILURES))), &so_far);
    int64_t limit = VALUE_INT(v->job, 0, spec, backoffLimitPerIndex);
    int64_t failures = so_far + (action != FAILURE_IGNORE);
    if (failures > v->index_failures[index]) {
        v->index_failures[index] = failures;
        v->index_failed_ns[index] = f->at_ns;
    }
    if (v->is_per_index && (action == FAILURE_FAIL_INDEX || failures > limit))
        index_set_add(&v->failed_indexes, index);
}

/* A pod with our finalizer that no write has counted. */
static bool is_uncounted(struct sync *s, const struct job_view *v, const struct object_key *key,
                         struct value pod)
{
    struct value uncounted = VALUE_GET(v->job, status, uncountedTerminatedPods);
    const struct job_state *state = s->controller->state;
    return object_has_finalizer(pod, S(JOB_FINALIZER)) &&
           !value_has_item(value_get(uncounted, ATOM_succeeded), object_uid(pod)) &&
           !value_has_item(value_get(uncounted, ATOM_failed), object_uid(pod)) &&
           !expectations_awaits_deletion_of(state->finalizers, s->key, key);
}

static void count_failure(struct job_view *v, struct value pod)
{
    v->new_failed = value_append(v->new_failed, value_keep(object_uid(pod)));
    v->failed++;
}

/* Its index is tried again later: until then the pod tells how often it failed. */
static bool waits_for_replacement(const struct job_view *v, const struct finished_pod *f)
{
    int64_t index = job_pod_index(f->pod);
    return v->is_per_index && f->is_last_of_index && index >= 0 && index < v->busy_indexes.size &&
           !v->succeeded_indexes.has[index] && !v->failed_indexes.has[index] &&
           !v->busy_indexes.has[index];
}

static void count_finished(struct sync *s, struct job_view *v, const struct finished_pod *f)
{
    struct str message = S("");
    bool is_new = is_uncounted(s, v, f->key, f->pod);
    if (f->has_succeeded) {
        int64_t before = v->succeeded_indexes.count;
        index_set_add(&v->succeeded_indexes, job_pod_index(f->pod));
        if (!is_new || (v->is_indexed && v->succeeded_indexes.count == before))
            return;
        if (!v->is_indexed)
            v->new_succeeded = value_append(v->new_succeeded, value_keep(object_uid(f->pod)));
        v->succeeded++;
        v->backoff = (struct job_backoff){0};
        return;
    }
    enum failure_action action = job_failure_action(s->step->scratch, v->job, f->pod, &message);
    note_index_failure(v, f, action);
    if (action == FAILURE_FAIL_JOB && object_has_finalizer(f->pod, S(JOB_FINALIZER)))
        set_target(v, false, "PodFailurePolicy", message);
    if (!is_new || action == FAILURE_IGNORE || waits_for_replacement(v, f))
        return; /* an ignored failure loses its finalizer uncounted */
    count_failure(v, f->pod);
    v->counted_failures++;
    v->backoff.failures++;
    v->backoff.last_failure_ns = f->at_ns;
}

static void look_at_pods(struct sync *s, struct job_view *v)
{
    struct informer *pods = controller_informer(s->controller, RESOURCE_pods);
    informer_index by_owner = informer_add_index(pods, informer_terms_controller_uid);
    VEC(struct finished_pod) finished = {0};
    struct informer_cursor i = informer_first_with(pods, by_owner, value_str(object_uid(v->job)));
    for (; i.key; informer_next(&i)) {
        struct value pod = i.object;
        bool is_succeeded = VALUE_IS(pod, "Succeeded", status, phase);
        bool is_gone = object_is_deleting(pod) && !v->replaces_failed_only;
        v->terminating += pod_is_terminating(pod);
        if (pod_is_active(pod)) {
            v->active++;
            v->ready += pod_is_ready(pod);
            index_set_add(&v->busy_indexes, job_pod_index(pod));
        } else if (pod_is_finished(pod) || is_gone) {
            vec_push(&finished,
                     (struct finished_pod){i.key, pod, job_pod_finished_ns(pod, s->step->wall),
                                           is_succeeded, false});
        } else {
            index_set_add(&v->busy_indexes,
                          job_pod_index(pod)); /* its replacement waits for its end */
        }
    }
    sort_stable(finished.items, finished.count, sizeof(finished.items[0]), by_finish, NULL);
    struct index_set seen = index_set_new(s->step->scratch, v->busy_indexes.size);
    for (size_t n = finished.count; n > 0 && v->is_per_index; n--) {
        int64_t so_far = seen.count;
        if (!finished.items[n - 1].has_succeeded)
            index_set_add(&seen, job_pod_index(finished.items[n - 1].pod));
        finished.items[n - 1].is_last_of_index = seen.count > so_far;
    }
    for (size_t n = 0; n < finished.count; n++)
        count_finished(s, v, &finished.items[n]);
    vec_release(&finished);
}

/* The outcome is a failure: what was not counted above has failed with the Job. */
static void count_the_rest(struct sync *s, struct job_view *v)
{
    struct informer *pods = controller_informer(s->controller, RESOURCE_pods);
    informer_index by_owner = informer_add_index(pods, informer_terms_controller_uid);
    size_t counted = value_count(v->new_failed);
    struct informer_cursor i = informer_first_with(pods, by_owner, value_str(object_uid(v->job)));
    for (; i.key; informer_next(&i)) {
        bool is_finished = pod_is_finished(i.object);
        bool is_gone = object_is_deleting(i.object) && !v->replaces_failed_only;
        bool may_have_been_counted = (is_finished || is_gone) && !v->is_per_index;
        if (may_have_been_counted || VALUE_IS(i.object, "Succeeded", status, phase) ||
            !is_uncounted(s, v, i.key, i.object))
            continue;
        bool is_counted = false;
        for (size_t n = 0; n < counted && !is_counted; n++)
            is_counted = value_equal(value_at(v->new_failed, n), object_uid(i.object));
        if (!is_counted)
            count_failure(v, i.object);
    }
}

/* "OnFailure": containers restart in place; their restarts count against the limit. */
static bool restarts_exceed(struct sync *s, const struct job_view *v, int64_t limit)
{
    if (!VALUE_IS(v->job, "OnFailure", spec, template, spec, restartPolicy))
        return false;
    struct informer *pods = controller_informer(s->controller, RESOURCE_pods);
    informer_index by_owner = informer_add_index(pods, informer_terms_controller_uid);
    int64_t restarts = 0;
    struct informer_cursor i = informer_first_with(pods, by_owner, value_str(object_uid(v->job)));
    for (; i.key; informer_next(&i)) {
        struct value phase = VALUE_GET(i.object, status, phase);
        struct value statuses = VALUE_GET(i.object, status, containerStatuses);
        if (!value_is(phase, "Running") && !value_is(phase, "Pending"))
            continue;
        for (size_t n = 0; n < value_count(statuses); n++)
            restarts += VALUE_INT(value_at(statuses, n), 0, restartCount);
    }
    return limit == 0 ? restarts > 0 : restarts >= limit;
}

static bool is_past_deadline(struct sync *s, const struct job_view *v)
{
    struct value seconds = VALUE_GET(v->job, spec, activeDeadlineSeconds);
    struct wall_time start;
    if (!value_is_present(seconds) || v->is_suspended ||
        !time_parse(VALUE_GET(v->job, status, startTime), &start))
        return false;
    int64_t left_ns =
        start.unix_ns + duration_s(value_as_integer(seconds, 0)).ns - s->step->wall.unix_ns;
    if (left_ns > 0)
        controller_enqueue_after(s->controller, s->step, s->key, duration_ns(left_ns));
    return left_ns <= 0;
}

static void decide_outcome(struct sync *s, struct job_view *v)
{
    struct value conditions = VALUE_GET(v->job, status, conditions);
    struct value success = condition_find(conditions, "SuccessCriteriaMet"),
                 failure = condition_find(conditions, "FailureTarget");
    struct value decided = VALUE_IS(success, "True", status) ? success : failure;
    if (VALUE_IS(decided, "True", status)) {
        struct str reason = VALUE_STR(decided, reason), message = VALUE_STR(decided, message);
        v->target_reason = arena_str(s->step->scratch, reason).bytes;
        v->target_message = arena_str(s->step->scratch, message);
        v->is_success = value_is_same(decided, success);
        return;
    }
    int64_t limit = VALUE_INT(v->job, 6, spec, backoffLimit);
    if (v->counted_failures > limit || restarts_exceed(s, v, limit))
        set_target(v, false, "BackoffLimitExceeded",
                   S("Job has reached the specified backoff limit"));
    else if (is_past_deadline(s, v))
        set_target(v, false, "DeadlineExceeded",
                   S("Job was active longer than specified deadline"));
    if (!v->is_indexed)
        return;
    struct value failed_max = VALUE_GET(v->job, spec, maxFailedIndexes);
    if (v->is_per_index && value_is_present(failed_max) &&
        v->failed_indexes.count > value_as_integer(failed_max, 0))
        set_target(v, false, "MaxFailedIndexesExceeded",
                   S("Job has exceeded the specified maximal number of failed indexes"));
    else if (v->failed_indexes.count > 0 &&
             v->succeeded_indexes.count + v->failed_indexes.count >= v->completions)
        set_target(v, false, "FailedIndexes", S("Job has failed indexes"));
    int rule = job_success_rule(s->step->scratch, v->job, &v->succeeded_indexes);
    if (rule >= 0)
        set_target(v, true, "SuccessPolicy",
                   arena_printf(s->step->scratch, "Matched rules at index %d", rule));
}

struct job_view job_observe(struct sync *s, struct job_backoff backoff)
{
    struct job_view v = view_of(s, backoff);
    look_at_pods(s, &v);
    decide_outcome(s, &v);
    if (v.target_reason && !v.is_success)
        count_the_rest(s, &v);
    if (v.is_indexed)
        v.succeeded = v.succeeded_indexes.count;
    return v;
}

void job_view_release(struct job_view *v)
{
    value_drop(v->new_succeeded);
    value_drop(v->new_failed);
}

/* ---- status ---- */

struct value job_set_condition(struct value own_conditions, struct step *step, const char *type,
                               const char *status, const char *reason, struct str message)
{
    struct value old = condition_find(own_conditions, type);
    if (VALUE_IS(old, status, status) && VALUE_IS(old, reason, reason))
        return own_conditions;
    struct value now = time_value(step->wall);
    struct value new = value_pack("{type: %s, status: %s, lastProbeTime: %v, lastTransitionTime: "
                                  "%v, reason: %s, message: %S}",
                                  type, status, value_keep(now), now, reason, message);
    for (size_t i = 0; i < value_count(own_conditions); i++)
        if (value_is(value_get(value_at(own_conditions, i), ATOM_type), type))
            return value_set_at(own_conditions, i, new);
    return value_append(own_conditions, new);
}

static struct value with_new(struct value old, struct value new)
{
    struct value all = value_keep(old);
    for (size_t i = 0; i < value_count(new); i++)
        all = value_append(all, value_keep(value_at(new, i)));
    return all;
}

struct value job_status(struct sync *s, const struct job_view *v)
{
    struct value old = value_get(v->job, ATOM_status),
                 uncounted = value_get(old, ATOM_uncountedTerminatedPods);
    struct value conditions = value_keep(value_get(old, ATOM_conditions));
    struct value start = value_keep(value_get(old, ATOM_startTime));
    struct value suspended = condition_find(conditions, "Suspended");
    if (v->is_suspended) {
        conditions = job_set_condition(conditions, s->step, "Suspended", "True", "JobSuspended",
                                       S("Job suspended"));
        value_drop(start);
        start = VALUE_ABSENT;
    } else {
        if (VALUE_IS(suspended, "True", status))
            conditions = job_set_condition(conditions, s->step, "Suspended", "False", "JobResumed",
                                           S("Job resumed"));
        if (!value_is_present(start))
            start = time_value(s->step->wall);
    }
    if (v->target_reason)
        conditions = job_set_condition(conditions, s->step,
                                       v->is_success ? "SuccessCriteriaMet" : "FailureTarget",
                                       "True", v->target_reason, v->target_message);
    struct value lists =
        value_pack("{succeeded: %v, failed: %v}",
                   with_new(value_get(uncounted, ATOM_succeeded), v->new_succeeded),
                   with_new(value_get(uncounted, ATOM_failed), v->new_failed));
    bool has_done = v->is_indexed && v->succeeded_indexes.count > 0;
    return value_pack(
        "{startTime: %v, active: %v, ready: %D, terminating: %D, succeeded: %v, failed: %v, "
        "completedIndexes: %v, failedIndexes: %v, uncountedTerminatedPods: %v, conditions: %v}",
        start, count_or_absent(v->active), v->ready, v->terminating,
        v->is_indexed ? count_or_absent(v->succeeded_indexes.count)
                      : value_keep(value_get(old, ATOM_succeeded)),
        value_keep(value_get(old, ATOM_failed)),
        has_done ? index_set_text(&v->succeeded_indexes) : VALUE_ABSENT,
        v->is_per_index ? index_set_text(&v->failed_indexes) : VALUE_ABSENT, lists, conditions);
}
