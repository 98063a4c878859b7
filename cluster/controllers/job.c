/* SPDX-License-Identifier: Apache-2.0
 *
 * "A Job creates one or more Pods and will continue to retry execution of the Pods until a
 * specified number of them successfully terminate" [doc:job]. It watches Jobs and Pods and owns the
 * pods whose controller reference names it.
 *
 * One sync: observe the pods; when the outcome is known stop what still runs, else create or delete
 * pods towards the parallelism (after the back-off of failed ones); then count what has finished
 * (job_status.c). Changes of pods wake it a second later, so that many of them are counted
 * together; a change of the Job's spec at once.
 *
 * Upstream: syncJob = job_sync, manageJob = manage, deleteActivePods = stop_all, SyncJobBatchPeriod
 * = BATCH_SECONDS.
 *
 * DEVIATION: pods without a controller that match the selector are not adopted; the back-off per
 * index is judged from the pods in the cache.
 *
 * Invariants: each pod uid is counted once; a finished Job creates no pod.
 */
#include "sim/base/base.h"

#include "cluster/controllers/job.h"

#include "cluster/api/object.h"
#include "cluster/controllers/all.h"
#include "cluster/controllers/pod_state.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define BATCH_SECONDS 1
#define PODS_PER_SYNC_MAX 500

static enum sync_result job_sync(struct sync *s);
static void wake_for_job(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after);
static void wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after);
static void *new_state(struct controller *c, struct step *step);
static void free_state(void *state);

const struct controller_info job_controller = {
    .name = "job-controller",
    .primary = RESOURCE_jobs,
    .watches = {{RESOURCE_jobs, wake_for_job}, {RESOURCE_pods, wake_for_pod}},
    .watch_count = 2,
    .sync = job_sync,
    .workers = 5,
    .retry_first = {INT64_C(1000000000)},
    .retry_most = {60 * INT64_C(1000000000)},
    .new_state = new_state,
    .free_state = free_state,
};

static struct request *release_request(const struct object_key *key, struct value pod);
static void release_orphan(struct controller *c, struct step *step, const struct object_key *key,
                           struct value pod);

enum { PHASE_OBSERVE, PHASE_MANAGED, PHASE_TRACKED, PHASE_FINALIZERS, PHASE_LAST };
enum { TAG_CREATE, TAG_DELETE, TAG_FINALIZER, TAG_RELEASE, TAG_STATUS };

struct job_memory {
    int64_t active, terminating; /* as they will be once the cache shows what was done */
    struct job_backoff backoff;
    char failure[200];
    bool is_failed;
};
struct backoff_record {
    const struct object_key *job;
    struct job_backoff backoff;
};

/* ---- state ---- */

static int by_job(const void *probe, const void *item)
{
    return object_key_compare(((const struct backoff_record *)probe)->job,
                              ((const struct backoff_record *)item)->job);
}

static void *new_state(struct controller *c, struct step *step)
{
    (void)step;
    struct job_state *state = mem_new(struct job_state);
    informer_add_index(controller_informer(c, RESOURCE_pods), informer_terms_controller_uid);
    state->expectations = expectations_new();
    state->finalizers = expectations_new();
    state->backoffs.compare = by_job;
    return state;
}

static void record_free(struct backoff_record *r)
{
    if (!r)
        return;
    object_key_unref(r->job);
    mem_free(r);
}

static void free_state(void *pointer)
{
    struct job_state *state = pointer;
    expectations_free(state->expectations);
    expectations_free(state->finalizers);
    for (struct map_cursor i = map_first(&state->backoffs); i.item; map_next(&i))
        record_free(i.item);
    map_release(&state->backoffs);
    mem_free(state);
}

static struct job_state *state_of(struct sync *s)
{
    return s->controller->state;
}

static struct job_memory *memory_of(struct sync *s)
{
    return sync_memory(s, sizeof(struct job_memory));
}

static struct job_backoff backoff_get(struct sync *s)
{
    const struct backoff_record *r =
        map_get(&state_of(s)->backoffs, &(struct backoff_record){.job = s->key});
    return r ? r->backoff : (struct job_backoff){0};
}

static void backoff_put(struct sync *s, struct job_backoff backoff)
{
    struct backoff_record *r =
        map_get(&state_of(s)->backoffs, &(struct backoff_record){.job = s->key});
    if (!r) {
        r = mem_new(struct backoff_record);
        r->job = object_key_ref(s->key);
        map_put(&state_of(s)->backoffs, r);
    }
    r->backoff = backoff;
}

static void forget(struct sync *s)
{
    expectations_forget(state_of(s)->expectations, s->key);
    expectations_forget(state_of(s)->finalizers, s->key);
    record_free(map_remove(&state_of(s)->backoffs, &(struct backoff_record){.job = s->key}));
}

/* ---- waking up ---- */

static void wake_for_job(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after)
{
    bool is_status_only = value_is_present(before) && value_is_present(after) &&
                          object_generation(before) == object_generation(after);
    if (is_status_only)
        controller_enqueue_after(c, step, key, duration_s(BATCH_SECONDS));
    else
        controller_enqueue(c, step, key);
    if (value_is_present(after))
        return;
    struct informer *pods = controller_informer(c, RESOURCE_pods);
    informer_index by_owner = informer_add_index(pods, informer_terms_controller_uid);
    struct informer_cursor i = informer_first_with(pods, by_owner, value_str(object_uid(before)));
    for (; i.key; informer_next(&i))
        release_orphan(c, step, i.key, i.object);
}

/* Nobody will count a pod whose Job is gone; without this its finalizer would keep it for ever
 * (upstream: syncOrphanPod). */
static void release_orphan(struct controller *c, struct step *step, const struct object_key *key,
                           struct value pod)
{
    if (object_has_finalizer(pod, S(JOB_FINALIZER)))
        controller_send(c, step, release_request(key, pod), NULL, NULL, 0);
}

static void wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after)
{
    struct job_state *state = c->state;
    struct value pod = value_is_present(after) ? after : before;
    const struct object_key *job = controller_owner_key(c, pod, object_controller_ref(pod));
    bool is_of_a_job = VALUE_IS(object_controller_ref(pod), "Job", kind);
    if (!job) {
        if (is_of_a_job && value_is_present(after) &&
            informer_has_synced(controller_informer(c, RESOURCE_jobs)))
            release_orphan(c, step, key, after);
        return;
    }
    bool is_going = !value_is_present(after) || object_is_deleting(after);
    if (is_going)
        expectations_deletion_of_observed(state->expectations, job, key);
    else if (!value_is_present(before))
        expectations_creation_observed(state->expectations, job);
    if (!value_is_present(after) || !object_has_finalizer(after, S(JOB_FINALIZER)))
        expectations_deletion_of_observed(state->finalizers, job, key);
    controller_enqueue_after(c, step, job, duration_s(BATCH_SECONDS));
    object_key_unref(job);
}

/* ---- creating ---- */

static struct value with_index_variable(struct value own_containers)
{
    for (size_t i = 0; i < value_count(own_containers); i++) {
        struct value container = value_keep(value_at(own_containers, i));
        struct value variable = value_pack(
            "{name: JOB_COMPLETION_INDEX, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: %s}}}",
            "metadata.labels['" JOB_INDEX "']");
        struct value environment =
            value_append(value_keep(value_get(container, ATOM_env)), variable);
        own_containers =
            value_set_at(own_containers, i, value_set(container, ATOM_env, environment));
    }
    return own_containers;
}

static struct value pod_for_index(struct value own_pod, struct sync *s, int64_t index,
                                  int64_t failures, bool per_index)
{
    struct value text = value_printf("%" PRId64, index);
    struct value labels = value_keep(VALUE_GET(own_pod, metadata, labels));
    struct value annotations = value_keep(VALUE_GET(own_pod, metadata, annotations));
    if (!value_is_present(annotations))
        annotations = value_object();
    annotations = value_set_key(annotations, S(JOB_INDEX), value_keep(text));
    if (per_index)
        annotations =
            value_set_key(annotations, S(JOB_INDEX_FAILURES), value_printf("%" PRId64, failures));
    own_pod = VALUE_SET(own_pod, value_set_key(labels, S(JOB_INDEX), text), metadata, labels);
    own_pod = VALUE_SET(own_pod, annotations, metadata, annotations);
    struct str name = s->key->name;
    own_pod = VALUE_SET(own_pod, value_printf("%.*s-%" PRId64 "-", STR_ARG(name), index), metadata,
                        generateName);
    own_pod =
        VALUE_SET(own_pod, value_printf("%.*s-%" PRId64, STR_ARG(name), index), spec, hostname);
    return VALUE_SET(own_pod, with_index_variable(value_keep(VALUE_GET(own_pod, spec, containers))),
                     spec, containers);
}

static struct value pod_from_template(struct sync *s)
{
    struct value job = s->object, template = VALUE_GET(job, spec, template);
    struct value finalizers = value_append(value_keep(VALUE_GET(template, metadata, finalizers)),
                                           value_string(S(JOB_FINALIZER)));
    return value_pack("{kind: Pod, apiVersion: v1, metadata: {generateName: %v, namespace: %v, "
                      "labels: %v, annotations: %v, "
                      "finalizers: %v, ownerReferences: [%v]}, spec: %v}",
                      value_printf("%.*s-", STR_ARG(s->key->name)),
                      value_keep(object_namespace(job)),
                      value_keep(VALUE_GET(template, metadata, labels)),
                      value_keep(VALUE_GET(template, metadata, annotations)), finalizers,
                      owner_reference_make(resource_get(RESOURCE_jobs), job),
                      value_keep(value_get(template, ATOM_spec)));
}

/* Sends creations for the `count` lowest free indexes; how many. Those of them in back-off keep
 * their turn and are looked at again when it ends. */
static int64_t create_indexed(struct sync *s, const struct job_view *v, struct value pod,
                              int64_t count)
{
    int64_t sent = 0, taken = 0;
    for (int64_t i = 0; i < v->succeeded_indexes.size && taken < count; i++) {
        if (v->succeeded_indexes.has[i] || v->failed_indexes.has[i] || v->busy_indexes.has[i])
            continue;
        taken++;
        struct job_backoff own = {v->index_failures[i], v->index_failed_ns[i]};
        struct duration left = job_backoff_left(own, s->step->wall);
        if (v->is_per_index && left.ns > 0) {
            controller_enqueue_after(s->controller, s->step, s->key, left);
            continue;
        }
        sync_create(s, RESOURCE_pods,
                    pod_for_index(value_keep(pod), s, i, v->index_failures[i], v->is_per_index),
                    TAG_CREATE);
        sent++;
    }
    return sent;
}

static bool create_pods(struct sync *s, const struct job_view *v, int64_t count)
{
    struct duration left = job_backoff_left(v->backoff, s->step->wall);
    if (!v->is_per_index && left.ns > 0) {
        controller_enqueue_after(s->controller, s->step, s->key, left);
        return false;
    }
    count = count < PODS_PER_SYNC_MAX ? count : PODS_PER_SYNC_MAX;
    struct value pod = pod_from_template(s);
    sync_slow_start(s);
    int64_t sent = v->is_indexed ? create_indexed(s, v, pod, count) : count;
    for (int64_t i = 0; i < count && !v->is_indexed; i++)
        sync_create(s, RESOURCE_pods, value_keep(pod), TAG_CREATE);
    value_drop(pod);
    if (sent == 0)
        return false;
    sync_trace(s, "%d active, %d succeeded -> creates %d pod%s", (int)v->active, (int)v->succeeded,
               (int)sent, sent == 1 ? "" : "s");
    expectations_expect(state_of(s)->expectations, s->key, (int)sent, 0, s->step->now);
    return true;
}

/* Pods of an undecided Job lose their finalizer first: they shall not be counted. */
static bool delete_pods(struct sync *s, const struct job_view *v, int64_t excess, const char *why)
{
    struct informer *pods = controller_informer(s->controller, RESOURCE_pods);
    informer_index by_owner = informer_add_index(pods, informer_terms_controller_uid);
    struct job_candidate *candidates =
        arena_array(s->step->scratch, struct job_candidate, (size_t)v->active + 1);
    size_t count = 0;
    struct informer_cursor i = informer_first_with(pods, by_owner, value_str(object_uid(v->job)));
    for (; i.key; informer_next(&i))
        if (pod_is_active(i.object))
            candidates[count++] = job_candidate_of(i.key, i.object);
    CHECK((int64_t)count == v->active);
    size_t going =
        job_pods_to_remove(candidates, count, v->is_indexed ? v->completions : -1, excess);
    if (going > PODS_PER_SYNC_MAX)
        going = PODS_PER_SYNC_MAX;
    if (going == 0)
        return false;
    sync_trace(s, "%s -> deletes %zu of %d active pods", why, going, (int)v->active);
    sync_parallel(s);
    for (size_t n = 0; n < going; n++) {
        const struct job_candidate *c = &candidates[n];
        if (!v->target_reason && object_has_finalizer(c->pod, S(JOB_FINALIZER))) {
            expectations_expect_deletion_of(state_of(s)->finalizers, s->key, c->key, s->step->now);
            sync_send(s, release_request(c->key, c->pod), TAG_RELEASE);
        }
        expectations_expect_deletion_of(state_of(s)->expectations, s->key, c->key, s->step->now);
        sync_delete(s, c->key, object_uid(c->pod), TAG_DELETE);
    }
    return true;
}

/* ---- managing ---- */

static int64_t wanted_active(const struct job_view *v)
{
    if (v->completions < 0) /* a work queue: the first success ends the creation of pods */
        return v->succeeded > 0 ? v->active : v->parallelism;
    int64_t left = v->completions - v->succeeded;
    if (v->is_per_index)
        left -= v->failed_indexes.count;
    left = left > 0 ? left : 0;
    return left < v->parallelism ? left : v->parallelism;
}

static bool manage(struct sync *s, const struct job_view *v)
{
    if (v->target_reason)
        return delete_pods(s, v, v->active, "the outcome is known");
    if (object_is_deleting(v->job) ||
        !expectations_satisfied(state_of(s)->expectations, s->key, s->step->now))
        return false;
    if (v->is_suspended)
        return delete_pods(s, v, v->active, "the Job is suspended");
    int64_t wanted = wanted_active(v);
    if (v->active > 0 && (v->active > wanted || v->is_indexed) &&
        delete_pods(s, v, v->active - wanted, "more pods run than are wanted"))
        return true;
    int64_t present = v->active + (v->replaces_failed_only ? v->terminating : 0);
    return wanted > present && create_pods(s, v, wanted - present);
}

static void handle_answer(struct sync *s, const struct answer *a)
{
    struct job_memory *m = memory_of(s);
    struct recorder *recorder = s->controller->recorder;
    struct str why = VALUE_STR(a->body, message);
    if (a->tag == TAG_RELEASE) {
        if (!answer_ok(a))
            expectations_deletion_of_observed(state_of(s)->finalizers, s->key, a->key);
        m->is_failed = m->is_failed || (!answer_ok(a) && a->code != 404);
    } else if (answer_ok(a) && a->tag == TAG_CREATE) {
        m->active++;
        recorder_event(recorder, s->step, s->object, "Normal", "SuccessfulCreate",
                       "Created pod: %.*s", STR_ARG(value_str(object_name(a->body))));
    } else if (answer_ok(a)) {
        m->active--;
        m->terminating++;
        recorder_event(recorder, s->step, s->object, "Normal", "SuccessfulDelete",
                       "Deleted pod: %.*s", STR_ARG(a->key->name));
    } else if (a->tag == TAG_CREATE) {
        expectations_creation_observed(state_of(s)->expectations, s->key);
        if (a->code > 0)
            recorder_event(recorder, s->step, s->object, "Warning", "FailedCreate",
                           "Error creating: %.*s", STR_ARG(why));
        m->is_failed = m->is_failed || a->code >= 0;
    } else {
        expectations_deletion_of_observed(state_of(s)->expectations, s->key, a->key);
        if (a->code > 0 && a->code != 404)
            recorder_event(recorder, s->step, s->object, "Warning", "FailedDelete",
                           "Error deleting: %.*s", STR_ARG(why));
        m->is_failed = m->is_failed || a->code != 404;
    }
}

/* ---- tracking ---- */

static enum sync_result conclude(struct sync *s)
{
    return memory_of(s)->is_failed ? sync_retry(s, "pods could not be created or deleted")
                                   : SYNC_DONE;
}

static void events_of_change(struct sync *s, struct value before, struct value after)
{
    struct value old = condition_find(VALUE_GET(before, status, conditions), "Suspended");
    struct value new = condition_find(VALUE_GET(after, status, conditions), "Suspended");
    if (value_equal(value_get(old, ATOM_status), value_get(new, ATOM_status)))
        return;
    bool is_suspended = VALUE_IS(new, "True", status);
    recorder_event(s->controller->recorder, s->step, after, "Normal",
                   is_suspended ? "Suspended" : "Resumed",
                   is_suspended ? "Job suspended" : "Job resumed");
}

static bool is_listed(struct value job, struct value uid)
{
    struct value lists = VALUE_GET(job, status, uncountedTerminatedPods);
    for (size_t n = 0; n < value_count(lists); n++)
        for (size_t i = 0; i < value_count(value_member_at(lists, n)); i++)
            if (value_equal(value_at(value_member_at(lists, n), i), uid))
                return true;
    return false;
}

static struct request *release_request(const struct object_key *key, struct value pod)
{
    struct value kept = value_array(), old = VALUE_GET(pod, metadata, finalizers);
    for (size_t i = 0; i < value_count(old); i++)
        if (!value_is(value_at(old, i), JOB_FINALIZER))
            kept = value_append(kept, value_keep(value_at(old, i)));
    struct value patch =
        value_pack("{metadata: {uid: %v, finalizers: %v}}", value_keep(object_uid(pod)), kept);
    return client_patch_request(key, PATCH_MERGE, patch, SUBRESOURCE_NONE);
}

static enum sync_result final_status(struct sync *s);

/* Whether the status, as written, accounts for the pod: then its finalizer may go. */
static bool is_accounted_for(struct sync *s, struct value pod, struct value done)
{
    struct str message;
    if (is_listed(s->object, object_uid(pod)))
        return true;
    if (VALUE_IS(pod, "Succeeded", status, phase))
        return value_is_present(done);
    if (condition_is_true(VALUE_GET(s->object, status, conditions), "SuccessCriteriaMet"))
        return true;
    return VALUE_IS(pod, "Failed", status, phase) &&
           job_failure_action(s->step->scratch, s->object, pod, &message) == FAILURE_IGNORE;
}

/* The status stands, with the uids that are being counted: their pods may go. */
static enum sync_result release_finalizers(struct sync *s)
{
    struct informer *pods = controller_informer(s->controller, RESOURCE_pods);
    informer_index by_owner = informer_add_index(pods, informer_terms_controller_uid);
    struct value done = VALUE_GET(s->object, status, completedIndexes);
    bool is_any = false;
    sync_parallel(s);
    struct informer_cursor i =
        informer_first_with(pods, by_owner, value_str(object_uid(s->object)));
    for (; i.key; informer_next(&i)) {
        if (!object_has_finalizer(i.object, S(JOB_FINALIZER)) ||
            expectations_awaits_deletion_of(state_of(s)->finalizers, s->key, i.key))
            continue;
        if (!is_accounted_for(s, i.object, done))
            continue;
        expectations_expect_deletion_of(state_of(s)->finalizers, s->key, i.key, s->step->now);
        sync_send(s, release_request(i.key, i.object), TAG_FINALIZER);
        is_any = true;
    }
    return is_any ? sync_wait(s, PHASE_FINALIZERS) : final_status(s);
}

static enum sync_result track(struct sync *s)
{
    struct job_memory *m = memory_of(s);
    struct job_view v = job_observe(s, backoff_get(s));
    v.active = m->active;
    v.terminating = m->terminating;
    if (v.ready > v.active)
        v.ready = v.active;
    m->backoff = v.backoff;
    bool is_complete = v.completions < 0
                           ? v.succeeded > 0 && v.active == 0
                           : v.succeeded >= v.completions && v.active == 0 && !v.is_suspended;
    if (!v.target_reason && is_complete) {
        v.target_reason = "CompletionsReached";
        v.target_message = S("Reached expected number of succeeded pods");
        v.is_success = true;
    }
    struct value status = job_status(s, &v);
    job_view_release(&v);
    if (value_equal(status, value_get(s->object, ATOM_status))) {
        value_drop(status);
        return release_finalizers(s);
    }
    sync_update_status(s, RESOURCE_jobs, VALUE_SET(value_keep(s->object), status, status),
                       TAG_STATUS);
    return sync_wait(s, PHASE_TRACKED);
}

static void take_answer(struct sync *s, const struct answer *a)
{
    events_of_change(s, s->object, a->body);
    value_drop(s->object);
    s->object = value_keep(a->body);
}

/* Complete or Failed, once nothing of the Job is left to wait for. */
static struct value with_outcome(struct sync *s, struct value own_status)
{
    struct value conditions = value_get(own_status, ATOM_conditions);
    struct value success = condition_find(conditions, "SuccessCriteriaMet"),
                 failure = condition_find(conditions, "FailureTarget");
    bool is_success = VALUE_IS(success, "True", status);
    if ((!is_success && !VALUE_IS(failure, "True", status)) ||
        VALUE_INT(own_status, 0, active) > 0 || VALUE_INT(own_status, 0, terminating) > 0)
        return own_status;
    struct value decided = is_success ? success : failure;
    struct str reason = VALUE_STR(decided, reason), message = VALUE_STR(decided, message);
    struct value new = job_set_condition(
        value_keep(conditions), s->step, is_success ? "Complete" : "Failed", "True",
        arena_str(s->step->scratch, reason).bytes, arena_str(s->step->scratch, message));
    own_status = value_set(own_status, ATOM_conditions, new);
    return is_success ? value_set(own_status, ATOM_completionTime, time_value(s->step->wall))
                      : own_status;
}

static struct value counted(struct value own_status, atom which)
{
    int64_t listed =
        (int64_t)value_count(value_get(value_get(own_status, ATOM_uncountedTerminatedPods), which));
    int64_t sum = value_as_integer(value_get(own_status, which), 0) + listed;
    return value_set(own_status, which, sum ? value_integer(sum) : VALUE_ABSENT);
}

static enum sync_result final_status(struct sync *s)
{
    struct value status = value_keep(value_get(s->object, ATOM_status));
    status = counted(status, ATOM_succeeded);
    status = counted(status, ATOM_failed);
    status = value_set(status, ATOM_uncountedTerminatedPods, value_object());
    status = with_outcome(s, status);
    if (value_equal(status, value_get(s->object, ATOM_status))) {
        value_drop(status);
        return conclude(s);
    }
    sync_trace(s, "counts %d succeeded and %d failed pods", (int)VALUE_INT(status, 0, succeeded),
               (int)VALUE_INT(status, 0, failed));
    sync_update_status(s, RESOURCE_jobs, VALUE_SET(value_keep(s->object), status, status),
                       TAG_STATUS);
    return sync_wait(s, PHASE_LAST);
}

static enum sync_result finalizers_released(struct sync *s)
{
    const struct answer *failure = NULL;
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct answer *a = &s->answers[i];
        if (answer_ok(a) || a->code == 404)
            continue;
        expectations_deletion_of_observed(state_of(s)->finalizers, s->key, a->key);
        failure = a;
    }
    return failure ? sync_retry_answer(s, failure) : final_status(s);
}

static enum sync_result last(struct sync *s)
{
    const struct answer *a = &s->answers[0];
    if (!answer_ok(a))
        return a->code == 404 ? SYNC_DONE : sync_retry_answer(s, a);
    struct value conditions = VALUE_GET(a->body, status, conditions),
                 failed = condition_find(conditions, "Failed");
    struct str reason = VALUE_STR(failed, reason), message = VALUE_STR(failed, message);
    if (condition_is_true(conditions, "Complete"))
        recorder_event(s->controller->recorder, s->step, a->body, "Normal", "Completed",
                       "Job completed");
    else if (VALUE_IS(failed, "True", status))
        recorder_event(s->controller->recorder, s->step, a->body, "Warning",
                       arena_str(s->step->scratch, reason).bytes, "%.*s", STR_ARG(message));
    if (job_is_finished(a->body))
        sync_trace(s, "the Job %s",
                   condition_is_true(conditions, "Complete") ? "is complete" : "has failed");
    return conclude(s);
}

/* ---- the loop ---- */

static enum sync_result observe(struct sync *s)
{
    if (job_is_finished(s->object) || value_is_present(VALUE_GET(s->object, spec, managedBy))) {
        forget(s);
        return SYNC_DONE;
    }
    struct job_memory *m = memory_of(s);
    struct job_view v = job_observe(s, backoff_get(s));
    m->active = v.active;
    m->terminating = v.terminating;
    bool has_acted = manage(s, &v);
    job_view_release(&v);
    return has_acted ? sync_wait(s, PHASE_MANAGED) : track(s);
}

static enum sync_result job_sync(struct sync *s)
{
    if (!value_is_present(s->object)) {
        forget(s);
        return SYNC_DONE;
    }
    switch (s->phase) {
    case PHASE_OBSERVE:
        return observe(s);
    case PHASE_MANAGED:
        for (size_t i = 0; i < s->answer_count; i++)
            handle_answer(s, &s->answers[i]);
        return track(s);
    case PHASE_TRACKED:
        if (!answer_ok(&s->answers[0]))
            return s->answers[0].code == 404 ? SYNC_DONE : sync_retry_answer(s, &s->answers[0]);
        take_answer(s, &s->answers[0]);
        backoff_put(s, memory_of(s)->backoff);
        return release_finalizers(s);
    case PHASE_FINALIZERS:
        return finalizers_released(s);
    default:
        return last(s);
    }
}
