/* SPDX-License-Identifier: Apache-2.0
 *
 * One container of a pod: image, creation, start, hooks, end, and how long until it is started
 * again.
 *
 * The chain of a start is ImageStatus -> PullImage (one at a time on the node) -> CreateContainer
 * -> StartContainer -> postStart. Each link is a call to the runtime whose answer begins the next;
 * an answer that says no sets the waiting reason and an instant before which nothing is tried
 * again.
 *
 * Back-off between restarts: 10 s, 20, 40, ... up to 300 s, forgotten when the container ran for 10
 * minutes (2 x the maximum). The first restart is immediate: the back-off counts from the second
 * end. Pulls: the same sequence of their own. [doc:pod-lifecycle#restart-policy]
 *
 * Upstream: kuberuntime_manager.go (computePodActions, doBackOff), image_manager.go,
 * kuberuntime_container.go.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "cluster/api/podspec.h"
#include "runtime/image.h"

static void create(struct pod_worker *w, size_t i);
static void pull(struct pod_worker *w, size_t i);
static void say_crash_backoff(struct pod_worker *w, size_t i);
static bool hook_succeeded(const struct cri_response *r);
static void on_pre_stop(struct kubelet *k, struct pod_worker *w, size_t i,
                        const struct cri_response *r);

#define HOOK_CONTAINER_BITS 8 /* of a timer's tag: which container */

void termination_free(struct termination **t)
{
    if (*t) {
        mem_free((*t)->message);
        mem_free((*t)->id);
        mem_free(*t);
    }
    *t = NULL;
}

int container_exit_code(const struct pod_container *c)
{
    return c->ended ? c->ended->exit_code : 0;
}

static void set_end(struct pod_container *c, struct termination end)
{
    termination_free(&c->ended);
    c->ended = mem_new(struct termination);
    *c->ended = end;
}

void container_release(struct pod_container *c)
{
    mem_free(c->waiting_message);
    mem_free(c->pull_error);
    termination_free(&c->ended);
    termination_free(&c->last);
}

struct duration container_backoff(const struct kubelet *k, uint32_t failures)
{
    int64_t limit = k->flags.max_container_restart_period;
    int64_t ns = CONTAINER_BACKOFF_FIRST.ns;
    for (uint32_t i = 1; i < failures && ns < limit; i++)
        ns *= 2;
    return duration_ns(ns < limit ? ns : limit);
}

/* Only the image may change in place (and resources, which do not restart). */
uint64_t container_spec_hash(struct value container)
{
    return value_hash(VALUE_GET(container, image));
}

uint32_t container_next_attempt(const struct pod_container *c)
{
    return c->has_run ? c->attempt + 1 : c->attempt;
}

static void set_waiting(struct pod_container *c, const char *reason, struct str message)
{
    c->waiting_reason = reason;
    mem_free(c->waiting_message);
    c->waiting_message = message.size ? mem_copy_string(message) : NULL;
}

/* The start has failed: try again at `after`. */
static void put_off(struct pod_worker *w, size_t i, const char *reason, struct str message,
                    struct duration after)
{
    struct pod_container *c = &w->containers[i];
    c->step = c->has_run ? CONTAINER_ENDED : CONTAINER_WAITING;
    set_waiting(c, reason, message);
    c->not_before = instant_add(w->kubelet->step->now, after);
    worker_wake_at(w, c->not_before);
    worker_status_changed(w);
    worker_sync(w);
}

/* ---- start ---- */

/* Probes begin with the end of the postStart hook. */
static void become_running(struct pod_worker *w, size_t i)
{
    struct pod_container *c = &w->containers[i];
    struct value spec = worker_container_spec(w, i);
    c->hook_done = true;
    c->is_started = !value_is_present(VALUE_GET(spec, startupProbe));
    c->is_ready = c->is_started && !value_is_present(VALUE_GET(spec, readinessProbe));
    probers_start(w, i);
}

static void on_post_start(struct kubelet *k, struct pod_worker *w, size_t i,
                          const struct cri_response *r)
{
    struct pod_container *c = &w->containers[i];
    if (c->step == CONTAINER_RUNNING && !c->hook_done) {
        if (hook_succeeded(r)) {
            become_running(w, i);
        } else {
            kubelet_container_event(k, w, i, "Warning", "FailedPostStartHook",
                                    "PostStartHook failed");
            container_stop(w, i, -1, "FailedPostStartHook");
        }
    }
    worker_sync(w);
}

/* Begins a hook; true when one is in flight: a command, a request to the pod or a pause. */
static bool run_hook(struct pod_worker *w, size_t i, struct value hook, int64_t timeout_seconds,
                     cri_fn done)
{
    struct kubelet *k = w->kubelet;
    struct value command = VALUE_GET(hook, exec, command), http = VALUE_GET(hook, httpGet);
    int64_t sleep = VALUE_INT(hook, 0, sleep, seconds);
    if (value_count(command) == 0 && !value_is_present(http)) {
        if (sleep > 0) {
            uint64_t id = (uint64_t)w->number << HOOK_CONTAINER_BITS | i;
            w->calls++;
            (void)step_timer_set(k->step, instant_add(k->step->now, duration_s(sleep)),
                                 kubelet_tag(TAG_HOOK, id));
        }
        return sleep > 0;
    }
    struct cri_request *r = kubelet_request(k, value_is_present(http) ? CRI_PROBE : CRI_EXEC_SYNC);
    r->container = w->containers[i].container;
    r->timeout = duration_s(timeout_seconds);
    for (size_t n = 0; n < value_count(command); n++)
        cri_request_add_word(r, value_str(value_at(command, n)));
    if (value_is_present(http)) {
        struct str path = VALUE_STR(http, path);
        r->probe_kind = CRI_PROBE_HTTP;
        r->port = container_port(worker_container_spec(w, i), VALUE_GET(http, port));
        r->text = mem_copy_string(path.size > 0 ? path : S("/"));
    }
    kubelet_cri(k, w, i, r, done);
    return true;
}

static bool hook_succeeded(const struct cri_response *r)
{
    return r->code == CRI_OK && (r->verb == CRI_PROBE ? r->is_success : r->exit_code == 0);
}

/* The pause of a hook is over. */
void container_hook_slept(struct kubelet *k, uint64_t id)
{
    size_t i = id & ((UINT64_C(1) << HOOK_CONTAINER_BITS) - 1);
    struct pod_worker *w = kubelet_worker(k, (uint32_t)(id >> HOOK_CONTAINER_BITS));
    if (!w || w->calls == 0)
        return;
    w->calls--;
    struct cri_response done = {.verb = CRI_EXEC_SYNC, .code = CRI_OK};
    if (w->containers[i].step == CONTAINER_STOPPING)
        on_pre_stop(k, w, i, &done);
    else
        on_post_start(k, w, i, &done);
}

static bool run_post_start(struct pod_worker *w, size_t i)
{
    struct value hook = VALUE_GET(worker_container_spec(w, i), lifecycle, postStart);
    return run_hook(w, i, hook, 0, on_post_start);
}

static void on_started(struct kubelet *k, struct pod_worker *w, size_t i,
                       const struct cri_response *r)
{
    struct pod_container *c = &w->containers[i];
    char small[VALUE_SMALL_SIZE];
    struct str name = worker_container_name(w, i, small);
    if (r->code != CRI_OK) {
        kubelet_container_event(k, w, i, "Warning", "Failed", "Error: %s", r->error);
        c->has_run = true;
        set_end(c, (struct termination){.container = c->container,
                                        .exit_code = 128,
                                        .reason = "StartError",
                                        .message = mem_copy_string(str_from(r->error)),
                                        .started = k->step->wall,
                                        .finished = k->step->wall});
        c->step = CONTAINER_ENDED;
        w->status_stale = true;
        c->start_failures++;
        set_waiting(c, "RunContainerError", str_from(r->error));
        c->not_before = instant_add(k->step->now, container_backoff(k, c->start_failures));
        worker_wake_at(w, c->not_before);
        worker_sync(w);
        return;
    }
    if (c->step != CONTAINER_STARTING) { /* it has ended before its start was answered */
        worker_sync(w);
        return;
    }
    c->step = CONTAINER_RUNNING;
    c->has_run = true;
    c->started = k->step->wall;
    c->started_at = k->step->now;
    c->pull_failures = 0;
    set_waiting(c, NULL, S(""));
    kubelet_trace(k, w, "container %.*s started%s", STR_ARG(name), c->attempt ? " again" : "");
    kubelet_container_event(k, w, i, "Normal", "Started", "Container started");
    w->status_stale = true;
    c->hook_done = false;
    c->is_started = c->is_ready = false;
    if (!run_post_start(w, i))
        become_running(w, i);
    worker_sync(w);
}

/* One dead container is kept beside the one that lives. */
static void remove_container(struct kubelet *k, uint32_t container)
{
    struct cri_request *r = kubelet_request(k, CRI_REMOVE_CONTAINER);
    r->container = container;
    kubelet_cri_free(k, NULL, 0, r, NULL);
}

static void on_created(struct kubelet *k, struct pod_worker *w, size_t i,
                       const struct cri_response *r)
{
    struct pod_container *c = &w->containers[i];
    if (r->code != CRI_OK) {
        kubelet_container_event(k, w, i, "Warning", "Failed", "Error: %s", r->error);
        put_off(w, i, "CreateContainerError", str_from(r->error), SYNC_RETRY_BACKOFF);
        return;
    }
    if (c->has_run) {
        if (c->last && c->last->container != 0)
            remove_container(k, c->last->container);
        termination_free(&c->last);
        c->last = c->ended;
        c->ended = NULL;
    }
    c->attempt = container_next_attempt(c);
    c->container = r->container;
    kubelet_container_event(k, w, i, "Normal", "Created", "Container created");
    if (w->stage != WORKER_SYNCING) {
        c->step = c->has_run ? CONTAINER_ENDED : CONTAINER_WAITING;
        worker_sync(w);
        return;
    }
    struct cri_request *start = kubelet_request(k, CRI_START_CONTAINER);
    start->container = c->container;
    kubelet_cri(k, w, i, start, on_started);
}

static void create(struct pod_worker *w, size_t i)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    const char *reason = NULL;
    AUTO(text) struct text message = {0};
    if (w->stage != WORKER_SYNCING) {
        c->step = c->has_run ? CONTAINER_ENDED : CONTAINER_WAITING;
        worker_sync(w);
        return;
    }
    struct cri_container_config *config = pod_container_config(w, i, &reason, &message);
    if (!config) {
        if (reason)
            kubelet_container_event(k, w, i, "Warning", "Failed", "Error: %s", text_c(&message));
        c->waits_for_objects = !reason;
        put_off(w, i, reason ? reason : c->waiting_reason, text_str(&message),
                reason ? SYNC_RETRY_BACKOFF : duration_ms(20));
        return;
    }
    struct cri_request *r = kubelet_request(k, CRI_CREATE_CONTAINER);
    r->sandbox = w->sandbox;
    r->container_config = config;
    kubelet_cri(k, w, i, r, on_created);
}

/* ---- image ---- */

static struct str image_of(const struct pod_worker *w, size_t i, char small[VALUE_SMALL_SIZE])
{
    return value_str_in(VALUE_GET(worker_container_spec(w, i), image), small);
}

static void on_pulled(struct kubelet *k, struct pod_worker *w, size_t i,
                      const struct cri_response *r)
{
    struct pod_container *c = &w->containers[i];
    char small[VALUE_SMALL_SIZE];
    struct str image = image_of(w, i, small);
    if (r->code != CRI_OK) {
        AUTO(text) struct text error = {0};
        if (r->code == CRI_NOT_FOUND)
            text_add(&error, S("rpc error: code = NotFound desc = "));
        text_add(&error, str_from(r->error));
        c->pull_failures++;
        kubelet_trace(k, w, "cannot pull image %.*s: %s", STR_ARG(image), r->error);
        kubelet_container_event(k, w, i, "Warning", "Failed", "Failed to pull image \"%.*s\": %s",
                                STR_ARG(image), text_c(&error));
        kubelet_container_event(k, w, i, "Warning", "Failed", "Error: ErrImagePull");
        mem_free(c->pull_error);
        c->pull_error = mem_copy_string(text_str(&error));
        struct duration backoff = container_backoff(k, c->pull_failures);
        put_off(w, i, "ErrImagePull", text_str(&error), backoff);
        /* The state says back-off from the next sync on. */
        c->not_before = instant_add(k->step->now, backoff);
        kubelet_pull_done(k);
        return;
    }
    AUTO(text) struct text took = {0};
    struct duration elapsed =
        duration_ms((instant_since(k->step->now, c->pull_began).ns + 500000) / 1000000);
    text_add_duration(&took, elapsed);
    kubelet_trace(k, w, "pulled image %.*s (%" PRId64 " MiB) in %s", STR_ARG(image),
                  r->size_bytes >> 20, text_c(&took));
    kubelet_container_event(
        k, w, i, "Normal", "Pulled",
        "Successfully pulled image \"%.*s\" in %s (%s including waiting). Image size: %" PRId64
        " bytes.",
        STR_ARG(image), text_c(&took), text_c(&took), r->size_bytes);
    node_images_ask(k);
    create(w, i);
    kubelet_pull_done(k);
}

static void pull(struct pod_worker *w, size_t i)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    char small[VALUE_SMALL_SIZE];
    if (k->flags.serialize_image_pulls != 0 && k->pull_in_flight) {
        c->step = c->has_run ? CONTAINER_ENDED : CONTAINER_WAITING;
        w->waits_for_pull = true;
        return;
    }
    k->pull_in_flight = true;
    c->pull_began = k->step->now;
    struct cri_request *r = kubelet_request(k, CRI_PULL_IMAGE);
    struct text reference = {0};
    bool ok = image_normalise(image_of(w, i, small), &reference);
    CHECK(ok);
    r->text = mem_copy_string(text_str(&reference));
    text_release(&reference);
    kubelet_container_event(k, w, i, "Normal", "Pulling", "Pulling image \"%.*s\"",
                            STR_ARG(image_of(w, i, small)));
    kubelet_cri(k, w, i, r, on_pulled);
}

static void on_image_status(struct kubelet *k, struct pod_worker *w, size_t i,
                            const struct cri_response *r)
{
    char small[VALUE_SMALL_SIZE];
    struct str image = image_of(w, i, small);
    struct value spec = worker_container_spec(w, i);
    if (r->is_present) {
        kubelet_container_event(
            k, w, i, "Normal", "Pulled",
            "Container image \"%.*s\" already present on machine and can be accessed by the pod",
            STR_ARG(image));
        create(w, i);
    } else if (VALUE_IS(spec, "Never", imagePullPolicy)) {
        AUTO(text) struct text message = {0};
        text_printf(&message, "Container image \"%.*s\" is not present with pull policy of Never",
                    STR_ARG(image));
        kubelet_container_event(k, w, i, "Warning", "ErrImageNeverPull", "%s", text_c(&message));
        kubelet_container_event(k, w, i, "Warning", "Failed", "Error: ErrImageNeverPull");
        put_off(w, i, "ErrImageNeverPull", text_str(&message), SYNC_RETRY_BACKOFF);
    } else {
        pull(w, i);
    }
}

/* True when the image's name cannot be parsed. */
static bool refuse_name(struct pod_worker *w, size_t i, struct text *reference)
{
    struct kubelet *k = w->kubelet;
    char small[VALUE_SMALL_SIZE];
    struct str image = image_of(w, i, small);
    if (image_normalise(image, reference))
        return false;
    AUTO(text) struct text message = {0};
    text_printf(&message,
                "Failed to apply default image tag \"%.*s\": couldn't parse image name \"%.*s\": "
                "invalid reference format",
                STR_ARG(image), STR_ARG(image));
    kubelet_container_event(k, w, i, "Warning", "InspectFailed", "%s", text_c(&message));
    kubelet_container_event(k, w, i, "Warning", "Failed", "Error: InvalidImageName");
    put_off(w, i, "InvalidImageName", text_str(&message), SYNC_RETRY_BACKOFF);
    return true;
}

/* ---- what is next ---- */

static bool waits_with(const struct pod_container *c, const char *reason)
{
    return c->waiting_reason && strcmp(c->waiting_reason, reason) == 0;
}

static void say_pull_backoff(struct pod_worker *w, size_t i)
{
    struct kubelet *k = w->kubelet;
    char small[VALUE_SMALL_SIZE];
    kubelet_container_event(k, w, i, "Normal", "BackOff", "Back-off pulling image \"%.*s\"",
                            STR_ARG(image_of(w, i, small)));
    kubelet_container_event(k, w, i, "Warning", "Failed", "Error: ImagePullBackOff");
}

/* A sync that has met an error comes again after 10 s, or, as long as a restart is held back, when
 * that is over, but at the latest after the period of all syncs; up to half is added. */
static void plan_look(struct pod_worker *w, const struct pod_container *c, bool is_pull)
{
    struct kubelet *k = w->kubelet;
    int64_t period = is_pull ? SYNC_RETRY_BACKOFF.ns : k->flags.sync_frequency;
    if (!is_pull && c->not_before.ns - k->step->now.ns <= period)
        return; /* the restart is next */
    int64_t jitter = (int64_t)step_random_below(k->step, PURPOSE_SYNC, (uint64_t)period / 2);
    w->look_at = instant_add(k->step->now, duration_ns(period + jitter));
}

/* In back-off: says so in the status and, with each sync that finds it so, by an event.
 * DEVIATION: what was held back goes on when the back-off is over, not with the first sync after
 * that, which comes up to half the pause later. */
static bool is_held_back(struct pod_worker *w, size_t i)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    char small[VALUE_SMALL_SIZE];
    if (c->not_before.ns <= k->step->now.ns)
        return false;
    worker_wake_at(w, c->not_before);
    bool pulls = waits_with(c, "ImagePullBackOff"), crashes = waits_with(c, "CrashLoopBackOff");
    if (waits_with(c, "ErrImagePull") && c->pull_error) {
        AUTO(text) struct text message = {0};
        text_printf(&message, "Back-off pulling image \"%.*s\": ErrImagePull: %s",
                    STR_ARG(image_of(w, i, small)), c->pull_error);
        if (w->status_in_flight)
            return true; /* let ErrImagePull be seen first */
        set_waiting(c, "ImagePullBackOff", text_str(&message));
        say_pull_backoff(w, i);
        plan_look(w, c, true);
        worker_status_changed(w);
    } else if ((pulls || crashes) && w->look_at.ns <= k->step->now.ns) {
        w->look_at = INSTANT_NEVER;
        if (pulls)
            say_pull_backoff(w, i);
        else
            say_crash_backoff(w, i);
        plan_look(w, c, pulls);
    }
    if (w->look_at.ns < c->not_before.ns)
        worker_wake_at(w, w->look_at);
    return true;
}

/* "web_default(6f1c...)" */
static void pod_text(const struct pod_worker *w, struct text *out)
{
    text_printf(out, "%.*s_%.*s(%.*s)", STR_ARG(w->key->name), STR_ARG(w->key->namespace),
                STR_ARG(value_str(w->uid)));
}

static void say_crash_backoff(struct pod_worker *w, size_t i)
{
    char small[VALUE_SMALL_SIZE];
    AUTO(text) struct text pod = {0};
    pod_text(w, &pod);
    kubelet_container_event(w->kubelet, w, i, "Warning", "BackOff",
                            "Back-off restarting failed container %.*s in pod %s",
                            STR_ARG(worker_container_name(w, i, small)), text_c(&pod));
}

static void crash_loop(struct pod_worker *w, size_t i, struct duration backoff)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    char small[VALUE_SMALL_SIZE];
    struct str name = worker_container_name(w, i, small);
    AUTO(text) struct text pod = {0};
    AUTO(text) struct text message = {0};
    AUTO(text) struct text length = {0};
    text_add_duration(&length, backoff);
    pod_text(w, &pod);
    text_printf(&message, "back-off %s restarting failed container=%.*s pod=%s", text_c(&length),
                STR_ARG(name), text_c(&pod));
    set_waiting(c, "CrashLoopBackOff", text_str(&message));
    kubelet_trace(k, w, "container %.*s is restarted in %s (back-off)", STR_ARG(name),
                  text_c(&length));
    say_crash_backoff(w, i);
    plan_look(w, c, false);
}

bool container_advance(struct pod_worker *w, size_t i)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    if (c->step == CONTAINER_ENDED && !worker_restarts(w, c, container_exit_code(c)))
        return false;
    if (w->waits_for_pull || is_held_back(w, i))
        return false;
    AUTO(text) struct text reference = {0};
    if (refuse_name(w, i, &reference))
        return false;
    c->step = CONTAINER_STARTING;
    if (c->waits_for_objects) { /* its image is there */
        c->waits_for_objects = false;
        create(w, i);
        return c->step == CONTAINER_STARTING;
    }
    if (VALUE_IS(worker_container_spec(w, i), "Always", imagePullPolicy)) {
        pull(w, i);
        return c->step == CONTAINER_STARTING;
    }
    struct cri_request *r = kubelet_request(k, CRI_IMAGE_STATUS);
    r->text = mem_copy_string(text_str(&reference));
    kubelet_cri(k, w, i, r, on_image_status);
    return true;
}

/* ---- end ---- */

static void on_stopped(struct kubelet *k, struct pod_worker *w, size_t i,
                       const struct cri_response *r)
{
    (void)k;
    (void)i;
    (void)r;
    worker_sync(w);
}

static void send_stop(struct pod_worker *w, size_t i, int64_t grace_seconds)
{
    struct cri_request *r = kubelet_request(w->kubelet, CRI_STOP_CONTAINER);
    r->container = w->containers[i].container;
    r->timeout = duration_s(grace_seconds);
    kubelet_cri(w->kubelet, w, i, r, on_stopped);
}

static void on_pre_stop(struct kubelet *k, struct pod_worker *w, size_t i,
                        const struct cri_response *r)
{
    struct pod_container *c = &w->containers[i];
    if (c->step != CONTAINER_STOPPING) {
        worker_sync(w);
        return;
    }
    if (!hook_succeeded(r))
        kubelet_container_event(k, w, i, "Warning", "FailedPreStopHook", "PreStopHook failed");
    int64_t used = instant_since(k->step->now, w->kill_began).ns / 1000000000;
    int64_t left = w->grace_seconds - used;
    send_stop(w, i, left < MINIMUM_GRACE_SECONDS ? MINIMUM_GRACE_SECONDS : left);
}

static bool run_pre_stop(struct pod_worker *w, size_t i, int64_t grace_seconds)
{
    struct value hook = VALUE_GET(worker_container_spec(w, i), lifecycle, preStop);
    if (grace_seconds <= 0 || !value_is_present(hook))
        return false;
    if (w->stage == WORKER_SYNCING) {
        w->kill_began = w->kubelet->step->now;
        w->grace_seconds = grace_seconds;
    }
    return run_hook(w, i, hook, grace_seconds, on_pre_stop);
}

/* grace -1: the pod's own. */
void container_stop(struct pod_worker *w, size_t i, int64_t grace_seconds, const char *why)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    char small[VALUE_SMALL_SIZE];
    if (grace_seconds < 0)
        grace_seconds = VALUE_INT(worker_spec(w), 30, terminationGracePeriodSeconds);
    bool is_first = c->step == CONTAINER_RUNNING;
    c->step = CONTAINER_STOPPING;
    probers_stop(w, i);
    if (why) {
        kubelet_container_event(k, w, i, "Normal", "Killing", "%s", why);
        kubelet_trace(k, w, "container %.*s: SIGTERM sent, %" PRId64 " s grace",
                      STR_ARG(worker_container_name(w, i, small)), grace_seconds);
    }
    if (!is_first || !run_pre_stop(w, i, grace_seconds))
        send_stop(w, i, grace_seconds);
}

/* Whether the next start is held back: the first restart is immediate. */
static void plan_restart(struct pod_worker *w, size_t i)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    if (!worker_restarts(w, c, container_exit_code(c)) || w->stage != WORKER_SYNCING)
        return;
    if (instant_since(k->step->now, c->started_at).ns >= 2 * k->flags.max_container_restart_period)
        c->start_failures = 0;
    if (c->start_failures++ == 0) {
        c->not_before = k->step->now;
        return;
    }
    struct duration backoff = container_backoff(k, c->start_failures - 1);
    c->not_before = instant_add(k->step->now, backoff);
    worker_wake_at(w, c->not_before);
    crash_loop(w, i, backoff);
}

static void take_end(struct pod_container *c, const struct cri_container_status *s)
{
    set_end(c, (struct termination){.container = s->container,
                                    .exit_code = s->exit_code,
                                    .reason = s->reason,
                                    .message = s->text ? mem_copy_string(str_from(s->text)) : NULL,
                                    .started = s->started,
                                    .finished = s->finished});
    c->step = CONTAINER_ENDED;
    c->is_ready = false;
    c->is_started = false;
    c->completed = c->kind == CONTAINER_INIT && s->exit_code == 0;
}

void container_ended(struct pod_worker *w, size_t i, const struct cri_container_status *s)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    char small[VALUE_SMALL_SIZE];
    if (c->step == CONTAINER_STARTING) { /* the answer to the start is still on its way */
        c->has_run = true;
        c->started = s->started;
        c->started_at = k->step->now;
        kubelet_container_event(k, w, i, "Normal", "Started", "Container started");
    }
    probers_stop(w, i);
    take_end(c, s);
    kubelet_trace(k, w, "container %.*s ended: exit code %d, %s",
                  STR_ARG(worker_container_name(w, i, small)), s->exit_code, s->reason);
    set_waiting(c, NULL, S(""));
    plan_restart(w, i);
    /* While a pod is being stopped its status waits for the end of all: one write tells it. */
    if (w->stage != WORKER_TERMINATING)
        worker_status_changed(w);
    worker_sync(w);
}

void container_adopt(struct pod_worker *w, size_t i, const struct cri_container_status *s)
{
    struct pod_container *c = &w->containers[i];
    if (c->container != 0) { /* of two, the older is the last end */
        termination_free(&c->last);
        c->last = c->ended;
        c->ended = NULL;
    }
    c->container = s->container;
    c->attempt = s->config->attempt;
    c->has_run = s->state != CRI_CONTAINER_CREATED;
    c->started = s->started;
    c->started_at = w->kubelet->step->now;
    c->hook_done = true;
    if (s->state == CRI_CONTAINER_RUNNING)
        c->step = CONTAINER_RUNNING;
    else if (s->state == CRI_CONTAINER_EXITED)
        take_end(c, s);
}
