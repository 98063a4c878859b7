/* SPDX-License-Identifier: Apache-2.0
 *
 * The eviction manager: when the node runs out of memory or disk, pods are ended, one at a time,
 * until there is enough.
 *
 * "The kubelet monitors resources like memory, disk space, and filesystem inodes on your cluster's
 * nodes." Hard thresholds: memory.available and nodefs.available. While one is met, or was within
 * the last 5 minutes, the node has the pressure condition (the node controller taints it), and
 * takes no pod of class BestEffort, none at all under disk pressure. [doc:node-pressure-eviction]
 *
 * Who goes first: "Whether the pod's resource usage exceeds requests", then the lower priority,
 * then the larger usage beyond the request. Critical pods stay. A pod gets one second. After each,
 * the manager waits for its end (30 s at most) and looks again.
 *
 * Lazy but exact: the real manager looks every 10 s. Here the runtime says when less memory than
 * the threshold is left, whoever fills the disk says so (kubelet_look_new), and the first look
 * comes at the next beat of the 10 s; as long as there is pressure each beat is kept.
 *
 * DEVIATION: usage is that of the programs alone, no system daemon takes any; the disk is either
 * well or full, and pods do not differ in what they take of it.
 *
 * Upstream: eviction/eviction_manager.go, helpers.go.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"

#define EVICTION_PERIOD duration_s(10)
#define CLEANUP_POLL duration_s(1)
#define CLEANUP_WAIT duration_s(30)
#define EVICTION_GRACE_SECONDS 1
#define CRITICAL_PRIORITY 2000000000

/* ---- who goes first ---- */

bool eviction_is_critical(struct value pod_spec)
{
    return VALUE_INT(pod_spec, 0, priority) >= CRITICAL_PRIORITY;
}

int eviction_compare(const struct eviction_rank *a, const struct eviction_rank *b)
{
    bool a_exceeds = a->usage > a->request, b_exceeds = b->usage > b->request;
    if (a_exceeds != b_exceeds)
        return a_exceeds ? -1 : 1;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    int64_t a_beyond = a->usage - a->request, b_beyond = b->usage - b->request;
    if (a_beyond != b_beyond)
        return a_beyond > b_beyond ? -1 : 1;
    return a->worker < b->worker ? -1 : a->worker > b->worker;
}

/* ---- what is used ---- */

static int64_t pod_memory(const struct pod_worker *w, const struct cri_response *r)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < r->container_count; i++) {
        if (r->containers[i].sandbox == w->sandbox)
            sum += r->containers[i].memory_bytes;
    }
    return sum;
}

static bool can_be_evicted(const struct pod_worker *w)
{
    return w->is_admitted && w->stage == WORKER_SYNCING && !w->was_terminal &&
           !eviction_is_critical(worker_spec(w));
}

/* The first to go; NULL: nobody can. */
static struct pod_worker *choose(struct kubelet *k, const struct cri_response *r, bool is_memory)
{
    struct pod_worker *chosen = NULL;
    struct eviction_rank first = {0};
    for (size_t i = 0; i < k->workers.count; i++) {
        struct pod_worker *w = k->workers.items[i];
        if (!can_be_evicted(w))
            continue;
        struct eviction_rank rank = {w->number, VALUE_INT(worker_spec(w), 0, priority),
                                     is_memory ? pod_memory(w, r) : 0,
                                     is_memory ? w->memory_bytes : 0};
        if (!chosen || eviction_compare(&rank, &first) < 0) {
            chosen = w;
            first = rank;
        }
    }
    return chosen;
}

/* ---- ending one ---- */

static void add_binary(int64_t bytes, struct text *out)
{
    AUTO(value) struct value quantity = quantity_of_binary(bytes);
    text_add(out, value_str(quantity));
}

static void describe_container(const struct pod_worker *w, const struct cri_container_status *s,
                               struct text *out)
{
    for (size_t i = w->init_count; i < w->main_end; i++) {
        if (w->containers[i].container != s->container)
            continue;
        struct value spec = worker_container_spec(w, i);
        int64_t request =
            quantity_value(value_get_key(VALUE_GET(spec, resources, requests), S("memory")));
        if (s->memory_bytes <= request)
            return;
        text_printf(out, "Container %s was using ", s->config->name);
        add_binary(s->memory_bytes, out);
        text_add(out, S(", request is "));
        add_binary(request, out);
        text_add(out, S(", has larger consumption of memory. "));
    }
}

static void evict(struct pod_worker *w, const struct cri_response *r, bool is_memory)
{
    struct kubelet *k = w->kubelet;
    AUTO(text) struct text message = {0};
    text_printf(&message, "The node was low on resource: %s. Threshold quantity: ",
                is_memory ? "memory" : "ephemeral-storage");
    add_binary(is_memory ? k->flags.eviction_hard_memory_available
                         : k->config->ephemeral_storage_bytes / 10,
               &message);
    text_add(&message, S(", available: "));
    add_binary(is_memory ? r->memory_available_bytes : 0, &message);
    text_add(&message, S(". "));
    for (uint32_t i = 0; is_memory && i < r->container_count; i++) {
        if (r->containers[i].sandbox == w->sandbox)
            describe_container(w, &r->containers[i], &message);
    }
    kubelet_trace(k, w, "evicted: %s", text_c(&message));
    kubelet_event(k, w, "Warning", "Evicted", "%s", text_c(&message));
    worker_fail(w, "Evicted", "%s", text_c(&message));
    worker_kill(w, EVICTION_GRACE_SECONDS);
    k->evicted_worker = w->number;
    k->evicted_at = k->step->now;
    worker_sync(w);
}

/* ---- the loop ---- */

static void look_at(struct kubelet *k, struct instant at)
{
    k->eviction_timer =
        step_timer_move(k->step, k->eviction_timer, at, kubelet_tag(TAG_EVICTION, 0));
}

/* The next beat of the 10 s, which began with the kubelet. */
static struct instant next_beat(const struct kubelet *k)
{
    int64_t period = EVICTION_PERIOD.ns;
    int64_t n = instant_since(k->step->now, k->started).ns / period + 1;
    return instant_add(k->started, duration_ns(n * period));
}

static void observe(struct kubelet *k, bool is_met, struct instant *until, bool *pressure)
{
    if (is_met)
        *until =
            instant_add(k->step->now, duration_ns(k->flags.eviction_pressure_transition_period));
    *pressure = is_met || (*pressure && until->ns > k->step->now.ns);
}

static void on_stats(struct kubelet *k, struct pod_worker *none, size_t container,
                     const struct cri_response *r)
{
    (void)none;
    (void)container;
    k->eviction_looks = false;
    if (r->code != CRI_OK) {
        look_at(k, next_beat(k));
        return;
    }
    bool memory = r->memory_available_bytes < k->flags.eviction_hard_memory_available;
    bool disk = step_disk_is_full(k->step);
    observe(k, memory, &k->memory_pressure_until, &k->memory_pressure);
    observe(k, disk, &k->disk_pressure_until, &k->disk_pressure);
    node_status_changed(k);
    struct pod_worker *victim = NULL;
    if (memory || disk) {
        node_event(k, "Warning", "EvictionThresholdMet",
                   memory ? "Attempting to reclaim memory"
                          : "Attempting to reclaim ephemeral-storage");
        victim = choose(k, r, memory);
        if (victim)
            evict(victim, r, memory);
    }
    if (victim)
        look_at(k, instant_add(k->step->now, CLEANUP_POLL));
    else if (k->memory_pressure || k->disk_pressure)
        look_at(k, next_beat(k));
}

static bool waits_for_cleanup(const struct kubelet *k)
{
    for (size_t i = 0; k->evicted_worker != 0 && i < k->workers.count; i++) {
        const struct pod_worker *w = k->workers.items[i];
        if (w->number == k->evicted_worker && w->stage != WORKER_TERMINATED)
            return instant_since(k->step->now, k->evicted_at).ns < CLEANUP_WAIT.ns;
    }
    return false;
}

void eviction_tick(struct kubelet *k)
{
    if (waits_for_cleanup(k)) {
        look_at(k, instant_add(k->step->now, CLEANUP_POLL));
        return;
    }
    k->evicted_worker = 0;
    if (k->runtime == 0) { /* its answer is what ends a pressure: asked again until it is there */
        look_at(k, next_beat(k));
        return;
    }
    if (k->eviction_looks)
        return;
    k->eviction_looks = true;
    kubelet_cri(k, NULL, 0, kubelet_request(k, CRI_LIST_CONTAINERS), on_stats);
}

/* The answer to a look that was under way does not come any more. */
void eviction_runtime_lost(struct kubelet *k)
{
    if (k->eviction_looks)
        look_at(k, next_beat(k));
    k->eviction_looks = false;
}

void eviction_notice(struct kubelet *k)
{
    if (!k->memory_pressure && !k->disk_pressure && !k->eviction_looks && k->evicted_worker == 0)
        look_at(k, next_beat(k));
}

/* The kernel was faster: the process is named as in its log, by its first word. */
void eviction_system_oom(struct kubelet *k, const struct cri_container_status *victim)
{
    const struct cri_container_config *config = victim->config;
    struct str name = str_from(config->command_count ? config->command[0] : config->name);
    for (size_t i = name.size; i > 0; i--) {
        if (name.bytes[i - 1] == '/') {
            name = str_slice(name, i, name.size);
            break;
        }
    }
    AUTO(text) struct text message = {0};
    text_printf(&message, "System OOM encountered, victim process: %.*s, pid: %u", STR_ARG(name),
                2000 + victim->container % 30000);
    node_event(k, "Warning", "SystemOOM", text_c(&message));
}

bool eviction_refuses(const struct kubelet *k, struct value pod, struct text *message)
{
    struct value spec = VALUE_GET(pod, spec);
    if ((!k->memory_pressure && !k->disk_pressure) || eviction_is_critical(spec))
        return false;
    AUTO(value)
    struct value taint =
        value_pack("{effect: NoSchedule, key: \"node.kubernetes.io/memory-pressure\"}");
    if (!k->disk_pressure && (!str_equal(podspec_qos_class(spec), S("BestEffort")) ||
                              admission_tolerates(VALUE_GET(spec, tolerations), taint)))
        return false;
    text_printf(
        message, "The node had condition: [%s%s%s]. ", k->memory_pressure ? "MemoryPressure" : "",
        k->memory_pressure && k->disk_pressure ? " " : "", k->disk_pressure ? "DiskPressure" : "");
    return true;
}
