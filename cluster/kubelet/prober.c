/* SPDX-License-Identifier: Apache-2.0
 *
 * Probes: startup, readiness, liveness; http, tcp, grpc and exec.
 *
 * The first probe comes when the container runs and the initial delay is over, then one every
 * period. A result counts when it came successThreshold or failureThreshold times in a row.
 * Readiness starts as failure, liveness as success; until the startup probe has succeeded the two
 * others wait. A liveness or startup failure kills the container (restartPolicy then decides).
 * [doc:pod-lifecycle#container-probes]
 *
 * Lazy but exact. A probe that succeeds again and again changes nothing anybody can see. So once a
 * result is steady (success, counted often enough, and the runtime says that its outcome cannot
 * change by itself) the prober sleeps, and the runtime sends one event when something happens in
 * the pod; the prober then goes on with the first probe of its old beat that is not before that
 * instant. Failures are never slept over: each one is an event of its own. With the flag
 * eagerProbes (ours) nobody sleeps; a test compares the two, event for event. Exact up to the
 * jitter of the host's loopback (5 us): what is not sent draws none, so later answers differ by
 * that.
 *
 * Upstream: prober/worker.go, prober/prober_manager.go.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

struct prober {
    uint32_t id, worker;
    uint16_t container;
    enum probe_type type;
    bool sleeps, in_flight, wake_again;
    enum probe_result result;
    uint32_t successes, failures; /* in a row */
    struct instant first;         /* the beat: first + n * period */
    struct instant next;
    timer_id timer;
    uint32_t runtime_container;
};

static struct value probe_spec(const struct pod_worker *w, const struct prober *p)
{
    struct value c = worker_container_spec(w, p->container);
    return p->type == PROBE_STARTUP     ? VALUE_GET(c, startupProbe)
           : p->type == PROBE_READINESS ? VALUE_GET(c, readinessProbe)
                                        : VALUE_GET(c, livenessProbe);
}

static struct duration period_of(const struct pod_worker *w, const struct prober *p)
{
    int64_t seconds = VALUE_INT(probe_spec(w, p), 10, periodSeconds);
    return duration_s(seconds > 0 ? seconds : 10);
}

static void arm(struct kubelet *k, struct prober *p, struct instant at)
{
    p->next = at;
    p->sleeps = false;
    p->timer = step_timer_move(k->step, p->timer, at, kubelet_tag(TAG_PROBE, p->id));
}

static struct prober *find_prober(struct kubelet *k, uint32_t id)
{
    for (size_t i = 0; i < k->probers.count; i++) {
        if (k->probers.items[i]->id == id)
            return k->probers.items[i];
    }
    return NULL;
}

static void start_one(struct pod_worker *w, size_t i, enum probe_type type)
{
    struct kubelet *k = w->kubelet;
    struct pod_container *c = &w->containers[i];
    struct prober *p = mem_new(struct prober);
    *p = (struct prober){.id = ++k->last_prober,
                         .worker = w->number,
                         .container = (uint16_t)i,
                         .type = type,
                         .result = type == PROBE_LIVENESS    ? PROBE_SUCCESS
                                   : type == PROBE_READINESS ? PROBE_FAILURE
                                                             : PROBE_UNKNOWN,
                         .runtime_container = c->container};
    struct value spec = probe_spec(w, p);
    if (type == PROBE_READINESS && c->is_ready)
        p->result = PROBE_SUCCESS; /* adopted after a restart of the kubelet */
    p->first = instant_add(k->step->now, duration_s(VALUE_INT(spec, 0, initialDelaySeconds)));
    if (c->started.unix_ns <
        k->began.unix_ns) { /* after a restart of the kubelet: not all at once */
        uint64_t period = (uint64_t)period_of(w, p).ns;
        p->first = instant_add(
            k->step->now, duration_ns((int64_t)step_random_below(k->step, PURPOSE_PROBES, period)));
    }
    vec_push(&k->probers, p);
    c->probers[type] = p;
    arm(k, p, p->first);
}

void probers_start(struct pod_worker *w, size_t i)
{
    struct pod_container *c = &w->containers[i];
    struct value spec = worker_container_spec(w, i);
    if (c->kind == CONTAINER_INIT)
        return;
    if (value_is_present(VALUE_GET(spec, startupProbe)) && !c->is_started &&
        !c->probers[PROBE_STARTUP])
        start_one(w, i, PROBE_STARTUP);
    if (!c->is_started)
        return;
    if (value_is_present(VALUE_GET(spec, readinessProbe)) && !c->probers[PROBE_READINESS])
        start_one(w, i, PROBE_READINESS);
    if (value_is_present(VALUE_GET(spec, livenessProbe)) && !c->probers[PROBE_LIVENESS])
        start_one(w, i, PROBE_LIVENESS);
}

static void stop_one(struct pod_worker *w, size_t i, enum probe_type type)
{
    struct kubelet *k = w->kubelet;
    struct prober *p = w->containers[i].probers[type];
    if (!p)
        return;
    w->containers[i].probers[type] = NULL;
    step_timer_cancel(k->step, p->timer);
    for (size_t n = 0; n < k->probers.count; n++) {
        if (k->probers.items[n] == p)
            vec_remove(&k->probers, n);
    }
    mem_free(p);
}

void probers_stop(struct pod_worker *w, size_t i)
{
    for (int type = 0; type < PROBE_TYPE_COUNT; type++)
        stop_one(w, i, (enum probe_type)type);
}

/* ---- results ---- */

static const char *type_text(enum probe_type type)
{
    return type == PROBE_STARTUP ? "Startup" : type == PROBE_READINESS ? "Readiness" : "Liveness";
}

/* The first probe of the beat that is not before `at`. */
static struct instant beat_from(const struct pod_worker *w, const struct prober *p,
                                struct instant at)
{
    int64_t period = period_of(w, p).ns;
    if (at.ns <= p->first.ns)
        return p->first;
    int64_t n = (at.ns - p->first.ns + period - 1) / period;
    return (struct instant){p->first.ns + n * period};
}

/* The counted result has become another. The prober may be gone afterwards. */
static void turned(struct pod_worker *w, struct prober *p, uint32_t failures)
{
    struct kubelet *k = w->kubelet;
    size_t i = p->container;
    struct pod_container *c = &w->containers[i];
    char small[VALUE_SMALL_SIZE];
    struct str name = worker_container_name(w, i, small);
    bool success = p->result == PROBE_SUCCESS;
    if (p->type == PROBE_READINESS) {
        c->is_ready = success;
        if (success)
            kubelet_trace(k, w, "container %.*s is ready", STR_ARG(name));
        else
            kubelet_trace(k, w, "readiness probe of container %.*s failed %u times: not ready",
                          STR_ARG(name), failures);
    } else if (success && p->type == PROBE_STARTUP) {
        c->is_started = true;
        c->is_ready = !value_is_present(VALUE_GET(worker_container_spec(w, i), readinessProbe));
        kubelet_trace(k, w, "container %.*s has started up", STR_ARG(name));
        stop_one(w, i, PROBE_STARTUP);
        probers_start(w, i);
    } else if (!success) {
        AUTO(text) struct text why = {0};
        text_printf(&why, "Container %.*s failed %s probe%s", STR_ARG(name),
                    p->type == PROBE_STARTUP ? "startup" : "liveness",
                    worker_restarts(w, c, 1) ? ", will be restarted" : "");
        kubelet_trace(k, w, "%s probe of container %.*s failed %u times",
                      p->type == PROBE_STARTUP ? "startup" : "liveness", STR_ARG(name), failures);
        int64_t grace = VALUE_INT(probe_spec(w, p), -1, terminationGracePeriodSeconds);
        container_stop(w, i, grace, text_c(&why));
    }
    worker_status_changed(w);
    worker_sync(w);
}

static void on_probe(struct kubelet *k, struct pod_worker *w, size_t id,
                     const struct cri_response *r)
{
    struct prober *p = find_prober(k, (uint32_t)id);
    if (!p || !w || p->worker != w->number)
        return;
    p->in_flight = false;
    struct value spec = probe_spec(w, p);
    bool is_exec = r->verb == CRI_EXEC_SYNC;
    bool success = r->code == CRI_OK && (is_exec ? r->exit_code == 0 : r->is_success);
    const char *output = r->code != CRI_OK ? r->error : r->output;
    p->successes = success ? p->successes + 1 : 0;
    p->failures = success ? 0 : p->failures + 1;
    int64_t wanted =
        success ? VALUE_INT(spec, 1, successThreshold) : VALUE_INT(spec, 3, failureThreshold);
    uint32_t in_a_row = success ? p->successes : p->failures;
    if (!success)
        kubelet_container_event(k, w, p->container, "Warning", "Unhealthy", "%s probe failed: %s",
                                type_text(p->type), output ? output : "");
    enum probe_result result = success ? PROBE_SUCCESS : PROBE_FAILURE;
    bool counted = in_a_row >= wanted;
    bool steady = success && counted && p->result == PROBE_SUCCESS && r->is_steady &&
                  !p->wake_again && k->flags.eager_probes == 0;
    bool turns = counted && p->result != result;
    p->wake_again = false;
    if (counted)
        p->result = result;
    if (steady)
        p->sleeps = true;
    else
        arm(k, p, beat_from(w, p, (struct instant){p->next.ns + 1}));
    if (turns)
        turned(w, p, in_a_row);
    else if (!success && counted && p->type != PROBE_READINESS &&
             w->containers[p->container].step == CONTAINER_RUNNING)
        turned(w, p, in_a_row);
}

uint16_t container_port(struct value container, struct value port)
{
    struct value ports = VALUE_GET(container, ports);
    for (size_t i = 0; value_kind(port) == VALUE_STRING && i < value_count(ports); i++) {
        if (value_equal(VALUE_GET(value_at(ports, i), name), port))
            return (uint16_t)VALUE_INT(value_at(ports, i), 0, containerPort);
    }
    return (uint16_t)value_as_integer(port, 0);
}

void prober_timer(struct kubelet *k, uint32_t id)
{
    struct prober *p = find_prober(k, id);
    struct pod_worker *w = p ? kubelet_worker(k, p->worker) : NULL;
    if (!w || p->in_flight || w->containers[p->container].step != CONTAINER_RUNNING)
        return;
    /* Beats that were missed (the process stood still, the last probe took long) are not made up
     * for. */
    struct instant beat = beat_from(w, p, (struct instant){k->step->now.ns + 1});
    if (beat.ns - period_of(w, p).ns > p->next.ns)
        p->next.ns = beat.ns - period_of(w, p).ns;
    struct value spec = probe_spec(w, p);
    struct value command = VALUE_GET(spec, exec, command);
    struct value http = VALUE_GET(spec, httpGet), tcp = VALUE_GET(spec, tcpSocket),
                 grpc = VALUE_GET(spec, grpc);
    struct cri_request *r =
        kubelet_request(k, value_is_present(VALUE_GET(spec, exec)) ? CRI_EXEC_SYNC : CRI_PROBE);
    r->container = p->runtime_container;
    r->timeout = duration_s(VALUE_INT(spec, 1, timeoutSeconds));
    r->wants_change = k->flags.eager_probes == 0;
    for (size_t i = 0; i < value_count(command); i++)
        cri_request_add_word(r, value_str(value_at(command, i)));
    struct value target = value_is_present(http) ? http : value_is_present(tcp) ? tcp : grpc;
    struct value port = VALUE_GET(target, port);
    r->probe_kind = value_is_present(http)  ? CRI_PROBE_HTTP
                    : value_is_present(tcp) ? CRI_PROBE_TCP
                                            : CRI_PROBE_GRPC;
    r->port = container_port(worker_container_spec(w, p->container), port);
    if (value_is_present(http))
        r->text = mem_copy_string(VALUE_STR(http, path).size ? VALUE_STR(http, path) : S("/"));
    p->in_flight = true;
    kubelet_cri_free(k, w, p->id, r, on_probe);
}

void probers_changed(struct kubelet *k, uint32_t container, struct instant at)
{
    for (size_t i = 0; i < k->probers.count; i++) {
        struct prober *p = k->probers.items[i];
        struct pod_worker *w = kubelet_worker(k, p->worker);
        if (p->runtime_container != container || !w)
            continue;
        if (p->sleeps)
            arm(k, p, beat_from(w, p, at));
        else if (p->in_flight)
            p->wake_again = true; /* its answer may already be old */
    }
}
