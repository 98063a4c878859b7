/* SPDX-License-Identifier: Apache-2.0
 *
 * One pod on this node, from the moment it is seen to its last trace: the pod worker.
 *
 *   syncing      admitted; volumes, sandbox, init containers in order, then the others; restarts;
 *                status
 *   terminating  deletion, eviction or deadline: hooks, SIGTERM, grace, SIGKILL; main containers at
 *                once, sidecars after them
 *   terminated   nothing runs: final status; a pod that is being deleted is then deleted with
 *                grace 0
 *
 * worker_sync is the loop, level-driven: it looks at what is and begins the next thing; each
 * answer, event and timer calls it again. A stage never goes back, and a pod whose phase is
 * Succeeded or Failed never starts anything. [doc:pod-lifecycle#pod-phase]
 *
 * An object of the same name with another uid waits until the older one's containers are gone (the
 * real kubelet keeps workers by uid, but static names of volumes and hosts make it wait just as
 * well for a StatefulSet's pod).
 *
 * DEVIATION: the status is written by an update at the resourceVersion last seen, where the real
 * kubelet sends a strategic merge patch of what has changed; after a conflict it is written again.
 *
 * Upstream: pod_workers.go, SyncPod, SyncTerminatingPod, SyncTerminatedPod in kubelet.go.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "cluster/api/podspec.h"
#include "cluster/api/status.h"

#include <stdio.h>

static void send_status(struct pod_worker *w);
static void sync_terminating(struct pod_worker *w);
static void sync_terminated(struct pod_worker *w);

/* ---- life ---- */

struct value worker_container_spec(const struct pod_worker *w, size_t i)
{
    struct value spec = worker_spec(w);
    if (i >= w->main_end)
        return value_at(VALUE_GET(spec, ephemeralContainers), i - w->main_end);
    return i < w->init_count ? value_at(VALUE_GET(spec, initContainers), i)
                             : value_at(VALUE_GET(spec, containers), i - w->init_count);
}

struct str worker_container_name(const struct pod_worker *w, size_t i, char small[VALUE_SMALL_SIZE])
{
    return value_str_in(VALUE_GET(worker_container_spec(w, i), name), small);
}

struct pod_worker *worker_new(struct kubelet *k, const struct object_key *key, struct value pod)
{
    struct pod_worker *w = mem_new(struct pod_worker);
    w->kubelet = k;
    w->status_news = true;
    w->number = ++k->last_worker;
    w->key = object_key_ref(key);
    w->pod = value_keep(pod);
    w->uid = value_keep(object_uid(pod));
    w->wake_at = w->refresh_at = w->mount_retry_at = w->look_at = INSTANT_NEVER;
    w->start_time = k->step->wall;
    (void)time_parse(VALUE_GET(pod, status, startTime), &w->start_time);
    w->init_count = (uint16_t)value_count(VALUE_GET(pod, spec, initContainers));
    w->main_end = (uint16_t)(w->init_count + value_count(VALUE_GET(pod, spec, containers)));
    w->container_count =
        (uint16_t)(w->main_end + value_count(VALUE_GET(pod, spec, ephemeralContainers)));
    w->containers = mem_array(struct pod_container, w->container_count);
    for (uint16_t i = 0; i < w->container_count; i++) {
        struct value c = worker_container_spec(w, i);
        w->containers[i].kind = i >= w->main_end          ? CONTAINER_EPHEMERAL
                                : i >= w->init_count      ? CONTAINER_MAIN
                                : container_is_sidecar(c) ? CONTAINER_SIDECAR
                                                          : CONTAINER_INIT;
        w->containers[i].hash = container_spec_hash(c);
    }
    w->cpu_milli = podspec_request_milli(worker_spec(w), S("cpu"));
    w->memory_bytes = podspec_request_value(worker_spec(w), S("memory"));
    w->was_terminal =
        VALUE_IS(pod, "Succeeded", status, phase) || VALUE_IS(pod, "Failed", status, phase);
    return w;
}

void worker_free(struct pod_worker *w)
{
    if (!w)
        return;
    for (uint16_t i = 0; i < w->container_count; i++)
        container_release(&w->containers[i]);
    mem_free(w->containers);
    mem_free(w->message);
    tokens_release(w);
    value_drop(w->pod);
    value_drop(w->uid);
    object_key_unref(w->key);
    mem_free(w);
}

void worker_wake_at(struct pod_worker *w, struct instant at)
{
    if (at.ns >= w->wake_at.ns)
        return;
    w->wake_at = at;
    w->timer = step_timer_move(w->kubelet->step, w->timer, at, kubelet_tag(TAG_WORKER, w->number));
}

void worker_timer(struct pod_worker *w)
{
    w->wake_at = INSTANT_NEVER;
    worker_sync(w);
}

/* ---- news from the API ---- */

static void adopt_object(struct pod_worker *w, struct value pod)
{
    if (object_version(pod) < object_version(w->pod))
        return; /* older than the answer to our own write */
    value_drop(w->pod);
    w->pod = value_keep(pod);
}

/* A container whose image changed is restarted in place. */
static void check_definitions(struct pod_worker *w)
{
    for (size_t i = 0; i < w->container_count && w->stage == WORKER_SYNCING; i++) {
        struct pod_container *c = &w->containers[i];
        struct value spec = worker_container_spec(w, i);
        uint64_t hash = container_spec_hash(spec);
        if (hash == c->hash)
            continue;
        c->hash = hash;
        c->not_before = (struct instant){0};
        c->start_failures = c->pull_failures = 0;
        if (c->step == CONTAINER_RUNNING) {
            AUTO(text) struct text why = {0};
            text_printf(&why, "Container %.*s definition changed, will be restarted",
                        STR_ARG(VALUE_STR(spec, name)));
            container_stop(w, i, -1, text_c(&why));
        }
    }
}

/* Somebody has added ephemeral containers, as `kubectl debug` does. */
static void add_ephemeral(struct pod_worker *w)
{
    size_t count = w->main_end + value_count(VALUE_GET(w->pod, spec, ephemeralContainers));
    if (count <= w->container_count)
        return;
    w->containers = mem_resize(w->containers, struct pod_container, w->container_count, count);
    for (size_t i = w->container_count; i < count; i++) {
        w->containers[i].kind = CONTAINER_EPHEMERAL;
        w->containers[i].hash = container_spec_hash(worker_container_spec(w, i));
    }
    w->container_count = (uint16_t)count;
}

void worker_update(struct pod_worker *w, struct value pod)
{
    if (object_version(pod) <= object_version(w->pod) && w->calls == 0 && !w->status_dirty)
        return; /* the echo of our own write */
    bool was_deleting = object_is_deleting(w->pod);
    /* Somebody else wrote the status (the node controller, while this node was cut off): ours is
     * the truth. */
    bool status_same = value_is_same(VALUE_GET(w->pod, status), VALUE_GET(pod, status));
    bool spec_same = value_is_same(VALUE_GET(w->pod, spec), VALUE_GET(pod, spec));
    int64_t old_grace = VALUE_INT(w->pod, -1, metadata, deletionGracePeriodSeconds);
    adopt_object(w, pod);
    if (!spec_same)
        add_ephemeral(w);
    if (w->stage == WORKER_SYNCING && !spec_same)
        check_definitions(w);
    bool shorter =
        was_deleting && VALUE_INT(w->pod, -1, metadata, deletionGracePeriodSeconds) < old_grace;
    if (shorter && w->stage == WORKER_TERMINATING)
        worker_kill(w, VALUE_INT(w->pod, 0, metadata, deletionGracePeriodSeconds));
    w->status_news = w->status_news || !spec_same || !status_same;
    if (!spec_same || !status_same || object_is_deleting(w->pod) != was_deleting ||
        w->status_dirty || w->stage != WORKER_SYNCING)
        worker_sync(w);
}

void worker_removed(struct pod_worker *w)
{
    w->is_gone = true;
    if (w->stage == WORKER_SYNCING)
        worker_kill(w, VALUE_INT(w->pod, 1, metadata, deletionGracePeriodSeconds));
    worker_sync(w);
}

/* ---- what runs already ---- */

void worker_adopt(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    for (size_t i = 0; i < k->found.count; i++) {
        struct cri_sandbox_status *s = &k->found.items[i];
        if (!str_equal(str_from(s->config->uid), value_str(w->uid)))
            continue;
        w->sandbox = s->sandbox;
        w->sandbox_attempt = s->config->attempt;
        w->sandbox_is_up = s->is_ready;
        w->ip = s->ip;
        w->is_admitted = w->is_adopted = w->mounts_ready = true;
        cri_sandbox_config_unref(s->config);
        vec_remove(&k->found, i);
        break;
    }
    if (!w->is_adopted)
        return;
    for (size_t i = 0; i < k->found_containers.count; i++) {
        const struct cri_container_status *s = &k->found_containers.items[i];
        for (size_t c = 0; s->sandbox == w->sandbox && c < w->container_count; c++) {
            char small[VALUE_SMALL_SIZE];
            if (str_equal(worker_container_name(w, c, small), str_from(s->config->name)) &&
                (w->containers[c].container == 0 || s->config->attempt >= w->containers[c].attempt))
                container_adopt(w, c, s);
        }
    }
}

/* Who is not asked has started and is ready by running; the status that the API has may be of a run
 * before, or of the moment in between. */
static void without_probes(struct pod_worker *w, size_t i)
{
    struct pod_container *c = &w->containers[i];
    struct value spec = worker_container_spec(w, i);
    if (c->step != CONTAINER_RUNNING)
        return;
    c->is_started = c->is_started || !value_is_present(VALUE_GET(spec, startupProbe));
    c->is_ready =
        c->is_ready || (c->is_started && !value_is_present(VALUE_GET(spec, readinessProbe)));
}

static const char *end_reason(int exit_code, struct str reason)
{
    static const char *const known[] = {"Completed", "Error", "OOMKilled", "StartError",
                                        "ContainerStatusUnknown"};
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (str_equal(reason, str_from(known[i])))
            return known[i];
    }
    return exit_code == 0 ? "Completed" : "Error";
}

/* How a container of before ended: as its status says, or, when that says that it runs, by the end
 * of the machine, which the runtime reports as code 255. Init containers run again in a new
 * sandbox, however they ended. */
static void restore_end(const struct pod_worker *w, struct pod_container *c, struct value status)
{
    struct value terminated = VALUE_GET(status, state, terminated);
    struct value running = VALUE_GET(status, state, running);
    struct str id = VALUE_STR(status, containerID);
    termination_free(&c->ended);
    c->ended = mem_new(struct termination);
    c->ended->exit_code = 255;
    c->ended->reason = "Unknown";
    c->ended->started = c->ended->finished = w->kubelet->step->wall;
    if (!value_is_present(running) && !value_is_present(terminated)) /* waited for its restart */
        terminated = VALUE_GET(status, lastState, terminated);
    if (value_is_present(terminated)) {
        c->ended->exit_code = (int)VALUE_INT(terminated, 255, exitCode);
        c->ended->reason = end_reason(c->ended->exit_code, VALUE_STR(terminated, reason));
        (void)time_parse(VALUE_GET(terminated, startedAt), &c->ended->started);
        (void)time_parse(VALUE_GET(terminated, finishedAt), &c->ended->finished);
    } else {
        (void)time_parse(VALUE_GET(running, startedAt), &c->ended->started);
    }
    c->ended->id = mem_copy_string(id);
}

/* The rest of a container's history, from the status that the API has (after a kubelet restart or a
 * reboot). */
static void restore_history(struct pod_worker *w)
{
    struct value lists[3] = {VALUE_GET(w->pod, status, initContainerStatuses),
                             VALUE_GET(w->pod, status, containerStatuses),
                             VALUE_GET(w->pod, status, ephemeralContainerStatuses)};
    for (size_t i = 0; i < w->container_count; i++) {
        struct pod_container *c = &w->containers[i];
        struct value list = lists[i < w->init_count ? 0 : i < w->main_end ? 1 : 2];
        for (size_t s = 0; s < value_count(list); s++) {
            struct value status = value_at(list, s);
            if (!value_equal(VALUE_GET(status, name), VALUE_GET(worker_container_spec(w, i), name)))
                continue;
            int64_t restarts = VALUE_INT(status, 0, restartCount);
            bool ran = value_is_present(VALUE_GET(status, containerID));
            bool succeeded = VALUE_INT(status, -1, state, terminated, exitCode) == 0;
            if (c->container == 0 && ran) { /* it ran before the host went down */
                c->attempt = (uint32_t)restarts;
                c->has_run = true;
                c->completed = w->was_terminal && c->kind == CONTAINER_INIT && succeeded;
                if (!w->was_terminal)
                    restore_end(w, c, status);
                bool runs_again = c->kind == CONTAINER_INIT && !w->was_terminal;
                c->step = runs_again ? CONTAINER_WAITING : CONTAINER_ENDED;
            } else if (c->step == CONTAINER_RUNNING && restarts == (int64_t)c->attempt) {
                c->is_ready = VALUE_BOOL_AT(status, ready);
                c->is_started = VALUE_BOOL_AT(status, started);
            }
        }
        without_probes(w, i);
    }
}

/* ---- status ---- */

/* `after` differs from what the API has. */
static bool status_differs(const struct pod_worker *w, struct value next)
{
    return !value_equal(VALUE_GET(w->pod, status), next);
}

static void on_status_written(void *owner, struct step *step, const struct response *r,
                              uint64_t tag)
{
    struct kubelet *k = owner;
    (void)step;
    struct pod_worker *w = kubelet_worker(k, (uint32_t)tag);
    if (!w)
        return;
    w->status_in_flight = false;
    w->status_news = w->status_news || w->status_dirty || !response_ok(r);
    if (response_ok(r)) {
        adopt_object(w, r->body);
    } else if (r->code == 404) {
        w->is_gone = true;
        if (w->stage == WORKER_SYNCING)
            worker_kill(w, 1);
    } else { /* a conflict: the watch brings the newer object; else the API server was away */
        w->status_dirty = true;
        worker_wake_at(w,
                       instant_add(k->step->now, r->code == 409 ? duration_ms(10) : duration_s(1)));
        return;
    }
    worker_sync(w);
}

/* Writes the status when it differs from what the API has, one write at a time. */
static void send_status(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    if (w->is_gone || w->status_in_flight) {
        w->status_dirty = true;
        return;
    }
    w->status_dirty = w->status_stale = w->status_news = false;
    struct value status = pod_status(w);
    if (!status_differs(w, status)) {
        value_drop(status);
        return;
    }
    /* One sync does it all, as the real kubelet's does: nothing is written between sandbox and
     * containers. */
    w->status_in_flight = true;
    struct value next = value_set(value_keep(w->pod), ATOM_status, status);
    (void)client_send(k->client, k->step,
                      client_update_request(resource_get(RESOURCE_pods), next, SUBRESOURCE_STATUS),
                      on_status_written, k, w->number);
}

void worker_status_changed(struct pod_worker *w)
{
    send_status(w);
}

/* ---- the end by the kubelet itself ---- */

void worker_kill(struct pod_worker *w, int64_t grace_seconds)
{
    if (w->stage == WORKER_TERMINATED)
        return;
    if (w->stage == WORKER_TERMINATING && grace_seconds >= w->grace_seconds)
        return;
    bool again = w->stage == WORKER_TERMINATING;
    w->stage = WORKER_TERMINATING;
    w->grace_seconds = grace_seconds;
    w->kill_began = w->kubelet->step->now;
    for (size_t i = 0; i < w->container_count; i++) {
        probers_stop(w, i);
        if (again && w->containers[i].step == CONTAINER_STOPPING)
            container_stop(w, i, grace_seconds, NULL);
    }
}

void worker_fail(struct pod_worker *w, const char *reason, const char *format, ...)
{
    struct text t = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&t, format, arguments);
    va_end(arguments);
    w->reason = reason;
    mem_free(w->message);
    w->message = mem_copy_string(text_str(&t));
    text_release(&t);
}

bool worker_restarts(const struct pod_worker *w, const struct pod_container *c, int exit_code)
{
    struct value spec = worker_spec(w);
    if (c->kind == CONTAINER_SIDECAR || c->kind == CONTAINER_EPHEMERAL)
        return c->kind == CONTAINER_SIDECAR;
    if (VALUE_IS(spec, "Never", restartPolicy))
        return false;
    if (c->kind == CONTAINER_INIT || VALUE_IS(spec, "OnFailure", restartPolicy))
        return exit_code != 0;
    return true;
}

/* ---- syncing ---- */

static void on_sandbox(struct kubelet *k, struct pod_worker *w, size_t container,
                       const struct cri_response *r)
{
    (void)container;
    w->sandbox_pending = false;
    if (r->code != CRI_OK) {
        kubelet_event(k, w, "Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: %s",
                      r->error);
        worker_wake_at(w, instant_add(k->step->now, SYNC_RETRY_BACKOFF));
        return;
    }
    w->sandbox = r->sandbox;
    w->ip = r->ip;
    w->sandbox_is_up = true;
    worker_sync(w);
}

static void start_sandbox(struct pod_worker *w)
{
    bool had_one = false;
    for (size_t i = 0; i < w->container_count; i++)
        had_one = had_one || w->containers[i].has_run;
    if (had_one) {
        kubelet_event(w->kubelet, w, "Normal", "SandboxChanged",
                      "Pod sandbox changed, it will be killed and re-created.");
        w->sandbox_attempt++;
    }
    struct cri_request *r = kubelet_request(w->kubelet, CRI_RUN_POD_SANDBOX);
    r->sandbox_config = pod_sandbox_config(w);
    w->sandbox_pending = true;
    kubelet_cri(w->kubelet, w, 0, r, on_sandbox);
}

static bool init_done(const struct pod_container *c)
{
    if (c->kind == CONTAINER_SIDECAR)
        return c->step == CONTAINER_RUNNING && c->is_started;
    return c->completed;
}

/* Everything ended for good: the pod is Succeeded or Failed. */
static bool has_finished(const struct pod_worker *w)
{
    for (size_t i = 0; i < w->init_count; i++) {
        const struct pod_container *c = &w->containers[i];
        if (c->kind == CONTAINER_INIT && c->step == CONTAINER_ENDED && !c->completed &&
            !worker_restarts(w, c, container_exit_code(c)))
            return true;
    }
    for (size_t i = w->init_count; i < w->main_end; i++) {
        const struct pod_container *c = &w->containers[i];
        if (c->step != CONTAINER_ENDED || worker_restarts(w, c, container_exit_code(c)))
            return false;
    }
    return w->main_end > w->init_count;
}

static void advance_containers(struct pod_worker *w)
{
    for (size_t i = w->main_end; i < w->container_count; i++) { /* which wait for nothing */
        if (w->containers[i].step == CONTAINER_STARTING ||
            w->containers[i].step == CONTAINER_STOPPING)
            return;
        if (w->containers[i].step != CONTAINER_RUNNING && container_advance(w, i))
            return;
    }
    for (size_t i = 0; i < w->main_end; i++) {
        struct pod_container *c = &w->containers[i];
        if (c->step == CONTAINER_STARTING || c->step == CONTAINER_STOPPING)
            return;
        if (i < w->init_count && init_done(c))
            continue;
        if (c->step != CONTAINER_RUNNING && container_advance(w, i))
            return;
        if (i < w->init_count)
            return; /* the next waits for this one */
    }
}

static bool check_deadline(struct pod_worker *w)
{
    int64_t deadline = VALUE_INT(worker_spec(w), 0, activeDeadlineSeconds);
    if (deadline <= 0)
        return false;
    int64_t elapsed = w->kubelet->step->wall.unix_ns - w->start_time.unix_ns;
    if (elapsed < deadline * 1000000000) {
        worker_wake_at(
            w, instant_add(w->kubelet->step->now, duration_ns(deadline * 1000000000 - elapsed)));
        return false;
    }
    worker_fail(w, "DeadlineExceeded",
                "Pod was active on the node longer than the specified deadline");
    kubelet_event(w->kubelet, w, "Normal", "DeadlineExceeded",
                  "Pod was active on the node longer than the specified deadline");
    return true;
}

static int64_t spec_grace(const struct pod_worker *w)
{
    return VALUE_INT(worker_spec(w), 30, terminationGracePeriodSeconds);
}

/* False: refused. */
static bool admit(struct pod_worker *w)
{
    AUTO(text) struct text message = {0};
    const char *reason = admission_refuses(w, &message);
    w->is_admitted = true;
    if (!reason)
        return true;
    kubelet_trace(w->kubelet, w, "refused at the node: %s: %s", reason, text_c(&message));
    kubelet_event(w->kubelet, w, "Warning", reason, "%s", text_c(&message));
    worker_fail(w, reason, "Pod was rejected: %s", text_c(&message));
    w->stage = WORKER_TERMINATED;
    return false;
}

static bool waits_for_predecessor(const struct pod_worker *w)
{
    for (size_t i = 0; i < w->kubelet->workers.count; i++) {
        const struct pod_worker *other = w->kubelet->workers.items[i];
        if (other->key == w->key && other->number < w->number)
            return true;
    }
    return false;
}

static void sync_pod(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    if (w->was_terminal) {
        restore_history(w);
        w->stage = WORKER_TERMINATED;
        w->has_final_status = true;
        sync_terminated(w);
        return;
    }
    if (!w->is_admitted && !admit(w)) {
        sync_terminated(w);
        return;
    }
    if (!w->deadline_seen) {
        w->deadline_seen = true;
        restore_history(w);
        for (size_t i = 0; i < w->container_count; i++) {
            if (w->containers[i].step == CONTAINER_RUNNING)
                probers_start(w, i);
        }
    }
    if (check_deadline(w)) {
        worker_kill(w, spec_grace(w));
        sync_terminating(w);
        return;
    }
    if (has_finished(w)) {
        worker_kill(w, spec_grace(w));
        sync_terminating(w);
        return;
    }
    if (w->status_news)
        send_status(w);
    if (!k->network_is_ready && !VALUE_BOOL_AT(worker_spec(w), hostNetwork)) {
        worker_wake_at(w, instant_add(k->step->now, SYNC_RETRY_BACKOFF));
        return;
    }
    if (w->refresh_at.ns <= k->step->now.ns) {
        w->refresh_at = INSTANT_NEVER;
        volumes_refresh(w);
    }
    if (w->refresh_at.ns != INT64_MAX)
        worker_wake_at(w, w->refresh_at);
    if (w->calls > 0 || !volumes_mount(w))
        return;
    if (!w->sandbox_is_up) {
        if (!w->sandbox_pending)
            start_sandbox(w);
        return;
    }
    advance_containers(w);
    if (w->status_stale && w->calls == 0)
        send_status(w);
}

void worker_sync(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    if (!k->runtime_has_listed || !informer_has_synced(k->pods) ||
        !informer_has_synced(k->services))
        return;
    if (w->stage == WORKER_SYNCING && waits_for_predecessor(w))
        return;
    if (w->stage == WORKER_SYNCING && object_is_deleting(w->pod)) {
        kubelet_trace(k, w, "is to be deleted: ends with %" PRId64 " s grace",
                      VALUE_INT(w->pod, 0, metadata, deletionGracePeriodSeconds));
        w->deadline_seen = true;
        restore_history(w);
        worker_kill(w, VALUE_INT(w->pod, 0, metadata, deletionGracePeriodSeconds));
    }
    switch (w->stage) {
    case WORKER_SYNCING:
        sync_pod(w);
        break;
    case WORKER_TERMINATING:
        sync_terminating(w);
        break;
    case WORKER_TERMINATED:
        sync_terminated(w);
        break;
    }
}

/* ---- terminating ---- */

static int64_t grace_left(const struct pod_worker *w)
{
    int64_t elapsed = instant_since(w->kubelet->step->now, w->kill_began).ns / 1000000000;
    int64_t left = w->grace_seconds - elapsed;
    int64_t least =
        w->grace_seconds < MINIMUM_GRACE_SECONDS ? w->grace_seconds : MINIMUM_GRACE_SECONDS;
    return w->grace_seconds <= 0 ? 0 : left < least ? least : left;
}

/* True while a container of this kind lives; stops those that run. */
static bool stop_kind(struct pod_worker *w, bool sidecars)
{
    bool any = false;
    for (size_t n = w->container_count; n > 0; n--) {
        size_t i = sidecars ? n - 1 : w->container_count - n;
        struct pod_container *c = &w->containers[i];
        if ((c->kind == CONTAINER_SIDECAR) != sidecars)
            continue;
        if (c->step == CONTAINER_RUNNING) {
            char small[VALUE_SMALL_SIZE];
            AUTO(text) struct text why = {0};
            text_printf(&why, "Stopping container %.*s",
                        STR_ARG(worker_container_name(w, i, small)));
            container_stop(w, i, grace_left(w), text_c(&why));
        }
        if (c->step == CONTAINER_STOPPING || c->step == CONTAINER_STARTING ||
            c->step == CONTAINER_RUNNING) {
            any = true;
            if (sidecars)
                return true; /* one after the other, from the last */
        }
    }
    return any;
}

static void on_sandbox_stopped(struct kubelet *k, struct pod_worker *w, size_t container,
                               const struct cri_response *r)
{
    (void)k;
    (void)container;
    (void)r;
    w->sandbox_is_up = false;
    w->is_stopping_sandbox = false;
    w->stage = WORKER_TERMINATED;
    worker_sync(w);
}

/* Its status is told when the stopping begins and when all of it has ended; nothing in between,
 * however long it takes. */
static void sync_terminating(struct pod_worker *w)
{
    if (!w->end_is_told || w->status_dirty)
        send_status(w);
    w->end_is_told = !w->status_dirty;
    if (stop_kind(w, false) || stop_kind(w, true) || w->is_stopping_sandbox || w->sandbox_pending)
        return;
    if (!w->sandbox_is_up) {
        w->stage = WORKER_TERMINATED;
        sync_terminated(w);
        return;
    }
    w->is_stopping_sandbox = true;
    struct cri_request *r = kubelet_request(w->kubelet, CRI_STOP_POD_SANDBOX);
    r->sandbox = w->sandbox;
    kubelet_cri(w->kubelet, w, 0, r, on_sandbox_stopped);
}

/* ---- terminated ---- */

static void on_deleted(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)step;
    struct pod_worker *w = kubelet_worker(k, (uint32_t)tag);
    if (!w || response_ok(r))
        return;
    w->delete_sent = false;
    if (r->code == 404 || r->code == 409)
        w->is_gone = true;
    worker_wake_at(w, instant_add(k->step->now, duration_s(1)));
}

static void remove_traces(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    if (w->sandbox != 0 && k->runtime != 0) {
        struct cri_request *r = kubelet_request(k, CRI_REMOVE_POD_SANDBOX);
        r->sandbox = w->sandbox;
        kubelet_cri_free(k, NULL, 0, r, NULL);
        w->sandbox = 0;
    }
    bool has_files = false;
    for (size_t i = 0; i < value_count(VALUE_GET(worker_spec(w), volumes)); i++)
        has_files =
            has_files ||
            !str_starts_with(VALUE_STR(value_at(VALUE_GET(worker_spec(w), volumes), i), name),
                             S("kube-api-access-"));
    if (has_files && k->runtime != 0) {
        struct cri_request *r = kubelet_request(k, CRI_REMOVE_VOLUMES);
        struct str path = arena_printf(k->step->scratch, "/var/lib/kubelet/pods/%.*s",
                                       STR_ARG(value_str(w->uid)));
        r->text = mem_copy_string(path);
        kubelet_cri_free(k, NULL, 0, r, NULL);
    }
}

static void sync_terminated(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    if (w->is_gone) {
        if (w->calls > 0)
            return;
        step_timer_cancel(k->step, w->timer);
        remove_traces(w);
        kubelet_worker_forget(k, w);
        return;
    }
    if (!w->has_final_status) {
        send_status(w);
        if (w->status_in_flight || w->status_dirty)
            return;
        w->has_final_status = true;
        kubelet_trace(k, w, "has ended: %.*s", STR_ARG(pod_phase(w)));
    }
    if (!object_is_deleting(w->pod) || w->delete_sent || w->status_in_flight)
        return;
    w->delete_sent = true;
    struct request *r = client_delete_request(w->key, w->uid);
    request_delete_options(r)->grace_period_seconds = 0;
    (void)client_send(k->client, k->step, r, on_deleted, k, w->number);
}
