/* SPDX-License-Identifier: Apache-2.0
 *
 * "A CronJob creates Jobs on a repeating schedule" [doc:cron-jobs]. It watches CronJobs and the
 * Jobs whose controller reference names one.
 *
 * One sync: strike finished and vanished Jobs off status.active; if a scheduled time has come that
 * was not acted upon, and the concurrency policy allows it, create the Job of that time; delete
 * finished Jobs beyond the history limits; write the status; come back at the next time.
 *
 * The Job's name holds the scheduled time (<cronjob>-<unix minutes>): whatever is lost between the
 * creation and the status, the same time never makes two Jobs.
 *
 * Upstream: pkg/controller/cronjob/cronjob_controllerv2.go (syncCronJob = observe,
 * look_at_children, decide; cleanupFinishedJobs = clean).
 *
 * Invariant: at most one Job per CronJob and scheduled time; none while it is suspended.
 */
#include "sim/base/base.h"

#include "cluster/controllers/cronjob.h"

#include "cluster/api/object.h"
#include "cluster/api/status.h"
#include "cluster/controllers/job.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

#define SECOND_NS INT64_C(1000000000)
#define MISSED_MAX 100

static void wake_for_cronjob(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after);
static void *new_state(struct controller *c, struct step *step);
static enum sync_result cronjob_sync(struct sync *s);

const struct controller_info cronjob_controller = {
    .name = "cronjob-controller",
    .primary = RESOURCE_cronjobs,
    .watches = {{RESOURCE_cronjobs, wake_for_cronjob}, {RESOURCE_jobs, controller_wake_owner}},
    .watch_count = 2,
    .sync = cronjob_sync,
    .workers = 5,
    .new_state = new_state,
};

enum {
    PHASE_OBSERVE,
    PHASE_READ,     /* live reads of the CronJob and of Jobs that the cache lacks */
    PHASE_OLD_READ, /* live reads of the Jobs to be replaced */
    PHASE_REPLACED,
    PHASE_CREATED,
    PHASE_EXISTING, /* a live read of the Job that had the name already */
    PHASE_CLEANED,
    PHASE_LAST,
};
enum { TAG_SELF, TAG_JOB, TAG_DELETE, TAG_CREATE, TAG_STATUS };

/* The CronJob with the status as it will be is s->object itself. */
struct cronjob_memory {
    bool is_changed;
    bool is_failed;
    char failure[256];
    bool has_wait;
    struct duration wait;
    int64_t scheduled_s;
};

static struct cronjob_memory *memory_of(struct sync *s)
{
    return sync_memory(s, sizeof(struct cronjob_memory));
}

/* ---- waking up ---- */

static void *new_state(struct controller *c, struct step *step)
{
    (void)step;
    informer_add_index(controller_informer(c, RESOURCE_jobs), informer_terms_controller_uid);
    return NULL;
}

/* Of a CronJob: its schedule and zone. False: none that can be followed. */
static bool read_schedule(struct value cronjob, struct cron_schedule *ret_schedule,
                          const struct time_zone **ret_zone)
{
    AUTO(text) struct text why = {0};
    struct value zone = VALUE_GET(cronjob, spec, timeZone);
    struct str schedule = VALUE_STR(cronjob, spec, schedule);
    *ret_zone = value_is_present(zone) ? time_zone_find(value_str(zone)) : NULL;
    return (!value_is_present(zone) || *ret_zone) &&
           cron_schedule_parse(schedule, ret_schedule, &why);
}

static int64_t last_time_s(struct value cronjob)
{
    struct wall_time t = {0};
    if (!time_parse(VALUE_GET(cronjob, status, lastScheduleTime), &t))
        (void)time_parse(VALUE_GET(cronjob, metadata, creationTimestamp), &t); /* always there */
    return t.unix_ns / SECOND_NS;
}

/* A new schedule takes effect at its next time, anything else at once. */
static void wake_for_cronjob(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after)
{
    struct cron_schedule schedule;
    const struct time_zone *zone;
    bool is_rescheduled =
        value_is_present(before) && value_is_present(after) &&
        (!value_equal(VALUE_GET(before, spec, schedule), VALUE_GET(after, spec, schedule)) ||
         !value_equal(VALUE_GET(before, spec, timeZone), VALUE_GET(after, spec, timeZone)));
    if (is_rescheduled && read_schedule(after, &schedule, &zone))
        controller_enqueue_after(c, step, key,
                                 cron_wait(&schedule, zone, last_time_s(after), step->wall));
    else
        controller_enqueue(c, step, key);
}

/* ---- the list of active Jobs ---- */

static struct value active_of(struct sync *s)
{
    return VALUE_GET(s->object, status, active);
}

static bool is_active(struct sync *s, struct value uid)
{
    struct value active = active_of(s);
    for (size_t i = 0; i < value_count(active); i++)
        if (value_equal(value_get(value_at(active, i), ATOM_uid), uid))
            return true;
    return false;
}

static bool is_active_by_name(struct sync *s, struct str name)
{
    struct value active = active_of(s);
    for (size_t i = 0; i < value_count(active); i++)
        if (str_equal(VALUE_STR(value_at(active, i), name), name))
            return true;
    return false;
}

static void strike_off(struct sync *s, struct value uid)
{
    struct value kept = VALUE_ABSENT, active = active_of(s);
    for (size_t i = 0; i < value_count(active); i++)
        if (!value_equal(value_get(value_at(active, i), ATOM_uid), uid))
            kept = value_append(kept, value_keep(value_at(active, i)));
    s->object = VALUE_SET(s->object, kept, status, active);
    memory_of(s)->is_changed = true;
}

static void fail(struct sync *s, struct str why)
{
    struct cronjob_memory *m = memory_of(s);
    size_t size = why.size < sizeof(m->failure) - 1 ? why.size : sizeof(m->failure) - 1;
    memcpy(m->failure, why.bytes, size);
    m->is_failed = true;
}

static void tell(struct sync *s, const char *type, const char *reason, struct str message)
{
    recorder_event(s->controller->recorder, s->step, s->object, type, reason, "%.*s",
                   STR_ARG(message));
}

#define TELL(s, type, reason, ...)                                                                 \
    tell((s), (type), (reason), arena_printf((s)->step->scratch, __VA_ARGS__))

/* ---- the children ---- */

static struct informer_cursor children(struct sync *s)
{
    struct informer *jobs = controller_informer(s->controller, RESOURCE_jobs);
    return informer_first_with(jobs, informer_add_index(jobs, informer_terms_controller_uid),
                               value_str(object_uid(s->object)));
}

static const char *outcome_of(struct value job)
{
    return condition_is_true(VALUE_GET(job, status, conditions), "Complete") ? "Complete"
                                                                             : "Failed";
}

static struct value child_with(struct sync *s, struct value uid)
{
    for (struct informer_cursor i = children(s); i.key; informer_next(&i))
        if (value_equal(object_uid(i.object), uid))
            return i.object;
    return VALUE_ABSENT;
}

static void note_success(struct sync *s, struct value job)
{
    struct value completion = VALUE_GET(job, status, completionTime);
    struct wall_time at, last;
    if (!time_parse(completion, &at))
        return;
    if (time_parse(VALUE_GET(s->object, status, lastSuccessfulTime), &last) &&
        at.unix_ns <= last.unix_ns)
        return;
    s->object = VALUE_SET(s->object, value_keep(completion), status, lastSuccessfulTime);
    memory_of(s)->is_changed = true;
}

static void look_at_children(struct sync *s)
{
    for (struct informer_cursor i = children(s); i.key; informer_next(&i)) {
        bool is_listed = is_active(s, object_uid(i.object)), is_over = job_is_finished(i.object);
        if (!is_listed && !is_over)
            TELL(s, "Warning", "UnexpectedJob",
                 "Saw a job that the controller did not create or forgot: %.*s",
                 STR_ARG(i.key->name));
        if (is_listed && is_over) {
            sync_trace(s, "Job %.*s has ended (%s)", STR_ARG(i.key->name), outcome_of(i.object));
            strike_off(s, object_uid(i.object));
            TELL(s, "Normal", "SawCompletedJob", "Saw completed job: %.*s, condition: %s",
                 STR_ARG(i.key->name), outcome_of(i.object));
        }
        if (is_over && condition_is_true(VALUE_GET(i.object, status, conditions), "Complete"))
            note_success(s, i.object);
    }
}

/* Sends live reads of what the caches seem to be behind with; false: nothing. */
static bool read_afresh(struct sync *s)
{
    bool is_any = false, has_unexpected = false;
    for (struct informer_cursor i = children(s); i.key; informer_next(&i))
        has_unexpected =
            has_unexpected || (!is_active(s, object_uid(i.object)) && !job_is_finished(i.object));
    if (has_unexpected) {
        sync_send(s, request_for_key(VERB_GET, s->key), TAG_SELF);
        is_any = true;
    }
    struct value active = active_of(s);
    for (size_t i = 0; i < value_count(active); i++) {
        struct value reference = value_at(active, i);
        if (value_is_present(child_with(s, value_get(reference, ATOM_uid))))
            continue;
        const struct object_key *job = object_key_of(resource_get(RESOURCE_jobs), s->key->namespace,
                                                     VALUE_STR(reference, name));
        sync_send(s, request_for_key(VERB_GET, job), TAG_JOB);
        object_key_unref(job);
        is_any = true;
    }
    return is_any;
}

static struct value active_by_name(struct sync *s, struct str name)
{
    struct value active = active_of(s);
    for (size_t i = 0; i < value_count(active); i++)
        if (str_equal(VALUE_STR(value_at(active, i), name), name))
            return value_get(value_at(active, i), ATOM_uid);
    return VALUE_ABSENT;
}

/* False: a read failed; the sync is over. */
static bool take_reads(struct sync *s)
{
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct answer *a = &s->answers[i];
        if (!answer_ok(a) && !(a->tag == TAG_JOB && a->code == 404))
            return false;
        if (a->tag == TAG_SELF && value_equal(object_uid(a->body), object_uid(s->object))) {
            value_drop(s->object);
            s->object = value_keep(a->body);
        }
    }
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct answer *a = &s->answers[i];
        if (a->tag != TAG_JOB || a->code != 404)
            continue;
        struct value uid = active_by_name(s, a->key->name);
        if (!value_is_present(uid))
            continue;
        TELL(s, "Normal", "MissingJob", "Active job went missing: %.*s", STR_ARG(a->key->name));
        strike_off(s, sync_keep(s, uid));
    }
    return true;
}

/* ---- creating ---- */

static struct str job_name(struct sync *s, int64_t scheduled_s)
{
    return arena_printf(s->step->scratch, "%.*s-%" PRId64, STR_ARG(s->key->name), scheduled_s / 60);
}

static struct str local_time_text(struct sync *s, int64_t unix_s)
{
    struct value name = VALUE_GET(s->object, spec, timeZone);
    const struct time_zone *zone = value_is_present(name) ? time_zone_find(value_str(name)) : NULL;
    int64_t offset = time_zone_offset_s(zone, unix_s), minutes = offset / 60;
    struct civil_time t = civil_time_of(unix_s + offset);
    struct str zone_text = S("Z");
    if (minutes != 0)
        zone_text = arena_printf(s->step->scratch, "%c%02d:%02d", minutes < 0 ? '-' : '+',
                                 (int)(minutes < 0 ? -minutes : minutes) / 60,
                                 (int)(minutes < 0 ? -minutes : minutes) % 60);
    return arena_printf(s->step->scratch, "%04d-%02d-%02dT%02d:%02d:%02d%.*s", (int)t.year, t.month,
                        t.day, t.hour, t.minute, t.second, STR_ARG(zone_text));
}

static enum sync_result create_job(struct sync *s)
{
    int64_t scheduled_s = memory_of(s)->scheduled_s;
    struct value template = VALUE_GET(s->object, spec, jobTemplate);
    struct str name = job_name(s, scheduled_s);
    struct value annotations = value_keep(VALUE_GET(template, metadata, annotations));
    if (!value_is_present(annotations))
        annotations = value_object();
    annotations = value_set_key(annotations, S("batch.kubernetes.io/cronjob-scheduled-timestamp"),
                                value_string(local_time_text(s, scheduled_s)));
    sync_trace(s, "its time %.*s has come -> creates Job %.*s",
               STR_ARG(local_time_text(s, scheduled_s)), STR_ARG(name));
    sync_create(s, RESOURCE_jobs,
                value_pack("{kind: Job, apiVersion: \"batch/v1\", metadata: {name: %S, namespace: "
                           "%S, labels: %v, annotations: %v, ownerReferences: [%v]}, spec: %v}",
                           name, s->key->namespace,
                           value_keep(VALUE_GET(template, metadata, labels)), annotations,
                           owner_reference_make(resource_get(RESOURCE_cronjobs), s->object),
                           value_keep(value_get(template, ATOM_spec))),
                TAG_CREATE);
    return sync_wait(s, PHASE_CREATED);
}

static enum sync_result clean(struct sync *s);

static enum sync_result replace_running(struct sync *s)
{
    struct value active = active_of(s);
    for (size_t i = 0; i < value_count(active); i++) {
        const struct object_key *job = object_key_of(resource_get(RESOURCE_jobs), s->key->namespace,
                                                     VALUE_STR(value_at(active, i), name));
        sync_trace(s, "Job %.*s still runs and the policy is Replace -> deletes it",
                   STR_ARG(job->name));
        sync_send(s, request_for_key(VERB_GET, job), TAG_JOB);
        object_key_unref(job);
    }
    return sync_wait(s, PHASE_OLD_READ);
}

static void send_deletion(struct sync *s, const struct object_key *job)
{
    struct request *r = client_delete_request(job, VALUE_ABSENT);
    request_delete_options(r)->propagation = PROPAGATION_BACKGROUND;
    sync_send(s, r, TAG_DELETE);
}

static enum sync_result delete_running(struct sync *s)
{
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct answer *a = &s->answers[i];
        struct str why = VALUE_STR(a->body, message);
        if (!answer_ok(a)) {
            TELL(s, "Warning", "FailedGet", "Get job: %.*s", STR_ARG(why));
            fail(s, why);
            return clean(s);
        }
    }
    for (size_t i = 0; i < s->answer_count; i++)
        send_deletion(s, s->answers[i].key);
    return sync_wait(s, PHASE_REPLACED);
}

/* True when all were deleted. */
static bool take_deletions(struct sync *s)
{
    bool is_all = true;
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct answer *a = &s->answers[i];
        struct str why = VALUE_STR(a->body, message);
        if (!answer_ok(a)) {
            TELL(s, "Warning", "FailedDelete", "Deleted job: %.*s", STR_ARG(why));
            is_all = false;
            continue;
        }
        struct value uid = active_by_name(s, a->key->name);
        if (value_is_present(uid))
            strike_off(s, sync_keep(s, uid));
        memory_of(s)->is_changed = true;
        TELL(s, "Normal", "SuccessfulDelete", "Deleted job %.*s", STR_ARG(a->key->name));
    }
    return is_all;
}

static void look_again_later(struct sync *s)
{
    struct cronjob_memory *m = memory_of(s);
    struct cron_schedule schedule;
    const struct time_zone *zone;
    if (!read_schedule(s->object, &schedule, &zone))
        return;
    m->has_wait = true;
    m->wait = cron_wait(&schedule, zone, last_time_s(s->object), s->step->wall);
}

static enum sync_result list_job(struct sync *s, struct value job)
{
    struct value reference = value_pack(
        "{kind: Job, apiVersion: \"batch/v1\", name: %v, namespace: %v, uid: %v, "
        "resourceVersion: %v}",
        value_keep(object_name(job)), value_keep(object_namespace(job)),
        value_keep(object_uid(job)), value_keep(VALUE_GET(job, metadata, resourceVersion)));
    struct value active = value_append(value_keep(active_of(s)), reference);
    s->object = VALUE_SET(s->object, active, status, active);
    struct wall_time scheduled = {memory_of(s)->scheduled_s * SECOND_NS};
    s->object = VALUE_SET(s->object, time_value(scheduled), status, lastScheduleTime);
    memory_of(s)->is_changed = true;
    look_again_later(s);
    return clean(s);
}

static enum sync_result after_creation(struct sync *s)
{
    const struct answer *a = &s->answers[0];
    struct str why = VALUE_STR(a->body, message);
    if (answer_ok(a)) {
        TELL(s, "Normal", "SuccessfulCreate", "Created job %.*s", STR_ARG(a->key->name));
        return list_job(s, a->body);
    }
    if (a->code == 409) {
        sync_send(s, request_for_key(VERB_GET, a->key), TAG_JOB);
        return sync_wait(s, PHASE_EXISTING);
    }
    if (a->code != 0 && !status_has_cause(a->body, "NamespaceTerminating"))
        TELL(s, "Warning", "FailedCreate", "Error creating job: %.*s", STR_ARG(why));
    fail(s, a->code ? why : S("no answer from the API server"));
    return clean(s);
}

/* Ours, made by a sync that did not live to write the status; or somebody else's. */
static enum sync_result take_existing(struct sync *s)
{
    const struct answer *a = &s->answers[0];
    struct str why = VALUE_STR(a->body, message);
    if (!answer_ok(a)) {
        fail(s, a->code ? why : S("no answer from the API server"));
        return clean(s);
    }
    if (!object_is_controlled_by(a->body, s->object) || is_active(s, object_uid(a->body)))
        return clean(s);
    sync_trace(s, "Job %.*s was created before -> notes it", STR_ARG(a->key->name));
    return list_job(s, a->body);
}

/* ---- deciding ---- */

static struct str rfc1123z(struct sync *s, int64_t unix_s)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil_time t = civil_time_of(unix_s);
    return arena_printf(s->step->scratch, "%s, %02d %s %d %02d:%02d:%02d +0000", days[t.weekday],
                        t.day, months[t.month - 1], (int)t.year, t.hour, t.minute, t.second);
}

/* False: nothing can be scheduled until the CronJob is changed. */
static bool follow_schedule(struct sync *s, struct cron_schedule *schedule,
                            const struct time_zone **zone)
{
    AUTO(text) struct text why = {0};
    struct value zone_name = VALUE_GET(s->object, spec, timeZone);
    struct str written = VALUE_STR(s->object, spec, schedule), name = value_str(zone_name);
    *zone = value_is_present(zone_name) ? time_zone_find(name) : NULL;
    if (value_is_present(zone_name) && !*zone) {
        TELL(s, "Warning", "UnknownTimeZone", "invalid timeZone: \"%.*s\": unknown time zone %.*s",
             STR_ARG(name), STR_ARG(name));
        sync_trace(s, "time zone %.*s is not known -> creates nothing", STR_ARG(name));
        return false;
    }
    if (VALUE_BOOL_AT(s->object, spec, suspend))
        return false;
    if (!cron_schedule_parse(written, schedule, &why)) {
        TELL(s, "Warning", "UnparseableSchedule", "unparseable schedule: \"%.*s\" : %s",
             STR_ARG(written), text_c(&why));
        return false;
    }
    return true;
}

/* A time has come: does anything speak against it? */
static bool may_start(struct sync *s, const struct cron_times *t, int64_t deadline_s)
{
    struct wall_time last;
    int64_t now_ns = s->step->wall.unix_ns;
    if (deadline_s >= 0 && (t->scheduled_s + deadline_s) * SECOND_NS < now_ns) {
        TELL(s, "Warning", "MissSchedule", "Missed scheduled time to start a job: %.*s",
             STR_ARG(rfc1123z(s, t->scheduled_s)));
        sync_trace(s, "its time %.*s passed more than %" PRId64 " s ago -> leaves it out",
                   STR_ARG(local_time_text(s, t->scheduled_s)), deadline_s);
        return false;
    }
    if (is_active_by_name(s, job_name(s, t->scheduled_s)) ||
        (time_parse(VALUE_GET(s->object, status, lastScheduleTime), &last) &&
         last.unix_ns == t->scheduled_s * SECOND_NS))
        return false;
    if (VALUE_IS(s->object, "Forbid", spec, concurrencyPolicy) && value_count(active_of(s)) > 0) {
        TELL(s, "Normal", "JobAlreadyActive",
             "Not starting job because prior execution is running and concurrency policy is "
             "Forbid");
        sync_trace(s, "its time %.*s has come, but a Job still runs and the policy is Forbid",
                   STR_ARG(local_time_text(s, t->scheduled_s)));
        return false;
    }
    return true;
}

static enum sync_result decide(struct sync *s)
{
    struct cron_schedule schedule;
    const struct time_zone *zone;
    look_at_children(s);
    if (object_is_deleting(s->object) || !follow_schedule(s, &schedule, &zone))
        return clean(s);
    int64_t deadline_s = VALUE_INT(s->object, -1, spec, startingDeadlineSeconds);
    struct cron_times t = cron_times_of(&schedule, zone, last_time_s(s->object), deadline_s,
                                        s->step->wall.unix_ns / SECOND_NS);
    if (t.is_invalid) {
        struct str written = VALUE_STR(s->object, spec, schedule);
        TELL(s, "Warning", "InvalidSchedule",
             "invalid schedule: %.*s : time difference between two schedules is less than 1 second",
             STR_ARG(written));
        return clean(s);
    }
    if (t.is_due && t.missed_count > MISSED_MAX)
        TELL(s, "Warning", "TooManyMissedTimes",
             "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check "
             "clock skew");
    if (!t.is_due || !may_start(s, &t, deadline_s)) {
        look_again_later(s);
        return clean(s);
    }
    memory_of(s)->scheduled_s = t.scheduled_s;
    if (VALUE_IS(s->object, "Replace", spec, concurrencyPolicy) && value_count(active_of(s)) > 0)
        return replace_running(s);
    return create_job(s);
}

/* ---- history and status ---- */

struct old_job {
    const struct object_key *key;
    int64_t start_ns; /* 0: never started; those go last */
};

static int by_start(const void *a, const void *b, void *context)
{
    (void)context;
    const struct old_job *x = a, *y = b;
    if (x->start_ns != y->start_ns && (x->start_ns == 0 || y->start_ns == 0))
        return x->start_ns == 0 ? 1 : -1;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    return object_key_compare(x->key, y->key);
}

static bool delete_beyond(struct sync *s, const char *outcome, struct value limit)
{
    VEC(struct old_job) ended = {0};
    struct wall_time start;
    for (struct informer_cursor i = children(s); i.key; informer_next(&i))
        if (!object_is_deleting(i.object) &&
            condition_is_true(VALUE_GET(i.object, status, conditions), outcome))
            vec_push(&ended, (struct old_job){
                                 i.key, time_parse(VALUE_GET(i.object, status, startTime), &start)
                                            ? start.unix_ns
                                            : 0});
    sort_stable(ended.items, ended.count, sizeof(ended.items[0]), by_start, NULL);
    int64_t surplus = (int64_t)ended.count - value_as_integer(limit, 0);
    for (int64_t i = 0; value_is_present(limit) && i < surplus; i++) {
        sync_trace(s, "more than %d Jobs are kept that ended (%s) -> deletes %.*s",
                   (int)value_as_integer(limit, 0), outcome, STR_ARG(ended.items[i].key->name));
        send_deletion(s, ended.items[i].key);
    }
    vec_release(&ended);
    return value_is_present(limit) && surplus > 0;
}

static enum sync_result conclude(struct sync *s)
{
    const struct cronjob_memory *m = memory_of(s);
    if (m->has_wait) {
        controller_enqueue_after(s->controller, s->step, s->key, m->wait);
        return SYNC_DONE;
    }
    return m->is_failed ? sync_retry(s, "%s", m->failure) : SYNC_DONE;
}

static enum sync_result write_status(struct sync *s)
{
    if (!memory_of(s)->is_changed)
        return conclude(s);
    sync_update_status(s, RESOURCE_cronjobs, value_keep(s->object), TAG_STATUS);
    return sync_wait(s, PHASE_LAST);
}

static enum sync_result clean(struct sync *s)
{
    bool is_any =
        delete_beyond(s, "Complete", VALUE_GET(s->object, spec, successfulJobsHistoryLimit));
    is_any =
        delete_beyond(s, "Failed", VALUE_GET(s->object, spec, failedJobsHistoryLimit)) || is_any;
    return is_any ? sync_wait(s, PHASE_CLEANED) : write_status(s);
}

/* ---- the loop ---- */

static enum sync_result observe(struct sync *s)
{
    if (!value_is_present(s->object))
        return SYNC_DONE;
    return read_afresh(s) ? sync_wait(s, PHASE_READ) : decide(s);
}

static enum sync_result cronjob_sync(struct sync *s)
{
    switch (s->phase) {
    case PHASE_OBSERVE:
        return observe(s);
    case PHASE_READ:
        return take_reads(s) ? decide(s) : sync_retry(s, "a Job could not be read");
    case PHASE_OLD_READ:
        return delete_running(s);
    case PHASE_REPLACED:
        if (take_deletions(s))
            return create_job(s);
        fail(s, S("a Job that still runs could not be replaced"));
        return clean(s);
    case PHASE_CREATED:
        return after_creation(s);
    case PHASE_EXISTING:
        return take_existing(s);
    case PHASE_CLEANED:
        (void)take_deletions(s); /* what stays is tried again when its Job or the time wakes us */
        return write_status(s);
    default:
        if (answer_ok(&s->answers[0]))
            return conclude(s);
        return s->answers[0].code == 404 ? SYNC_DONE : sync_retry_answer(s, &s->answers[0]);
    }
}
