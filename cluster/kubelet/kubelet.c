/* SPDX-License-Identifier: Apache-2.0
 *
 * The kubelet's process: takes the inputs apart and hands them on.
 *
 * Start. The kubelet connects to the runtime of its host and to the API server, asks the runtime
 * what it is and what runs already, registers its Node, lists the pods bound to it (field selector
 * spec.nodeName) and its Node. Pods are worked on once both lists are in: sandboxes whose pod is
 * gone are killed, the others adopted.
 *
 * What survives a restart is what the runtime knows (containers, with their configurations) and
 * what the API server knows (statuses). Everything here is volatile: back-offs, probe results,
 * workers.
 *
 * DEVIATION: changes of containers come by the runtime's event stream at once (evented PLEG), not
 * by a relist each second; states are seen up to a second earlier than with the default PLEG.
 * DEVIATION: ConfigMaps and Secrets are watched one by one, as the real kubelet does, but for as
 * long as the kubelet lives, not only while a pod uses them.
 */
#include "sim/base/base.h"

#include "cluster/api/quantity.h"
#include "cluster/kubelet/private.h"

#define RUNTIME_SILENCE_SECONDS 30

#include <stdio.h>

void kubelet_flags_defaults(struct kubelet_flags *f)
{
    *f = (struct kubelet_flags){
#define KUBELET_FLAG(name, text, value, help) .name = (value),
#include "cluster/kubelet/flags.def"
#undef KUBELET_FLAG
    };
}

/* "maxPods" and "max-pods" are the same name. */
static bool flag_name_equal(struct str given, struct str name)
{
    size_t k = 0;
    for (size_t i = 0; i < given.size; i++) {
        char c = given.bytes[i];
        if (c == '-')
            continue;
        if (k >= name.size)
            return false;
        char lower = name.bytes[k] >= 'A' && name.bytes[k] <= 'Z'
                         ? (char)(name.bytes[k] - 'A' + 'a')
                         : name.bytes[k];
        char given_lower = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (lower != given_lower)
            return false;
        k++;
    }
    return k == name.size;
}

const struct kubelet_flag_info kubelet_flag_table[] = {
#define KUBELET_FLAG(name, text, value, help) {text, help, value},
#include "cluster/kubelet/flags.def"
#undef KUBELET_FLAG
};
const size_t kubelet_flag_count = ARRAY_COUNT(kubelet_flag_table);

void kubelet_flag_text(const struct kubelet_flag_info *flag, struct text *out)
{
    for (const char *c = flag->name; *c; c++) {
        bool is_upper = *c >= 'A' && *c <= 'Z', was_upper = c > flag->name && c[-1] < 'a';
        if (is_upper && !was_upper)
            text_add_byte(out, '-');
        text_add_byte(out, is_upper ? (char)(*c - 'A' + 'a') : *c);
    }
}

/* A flag whose default is a second or more in nanoseconds is a duration. */
static bool flag_parse(int64_t default_value, struct str s, int64_t *ret_number)
{
    struct duration d;
    if (default_value >= 1000000000) {
        bool is_duration = duration_parse(s, &d) && d.ns >= 0 && !str_to_int64(s, ret_number);
        *ret_number = is_duration ? d.ns : 0;
        return is_duration;
    }
    if (str_equal(s, S("true")) || str_equal(s, S("false"))) {
        *ret_number = str_equal(s, S("true"));
        return default_value == 0 || default_value == 1;
    }
    AUTO(text) struct text quantity = {0};
    if (str_to_int64(s, ret_number))
        return *ret_number >= 0;
    if (!quantity_canonical(s, &quantity))
        return false;
    AUTO(value) struct value v = value_string(s);
    *ret_number = quantity_value(v);
    return *ret_number >= 0;
}

enum err kubelet_flags_set(struct kubelet_flags *f, struct str name, struct str value,
                           struct errmsg *message)
{
    int64_t number = 0;
#define KUBELET_FLAG(field, text, default_value, help)                                             \
    if (flag_name_equal(name, S(text))) {                                                          \
        if (!flag_parse(default_value, value, &number))                                            \
            return errmsg_set(message, ERR_VALUE, "expected %s, found \"%.*s\"",                   \
                              (default_value) >= 1000000000 ? "a duration such as 10s"             \
                                                            : "a number of at least 0",            \
                              STR_ARG(value));                                                     \
        f->field = number;                                                                         \
        return ERR_OK;                                                                             \
    }
#include "cluster/kubelet/flags.def"
#undef KUBELET_FLAG
    return errmsg_set(message, ERR_UNKNOWN, "unknown flag --%.*s of kubelet", STR_ARG(name));
}

/* ---- calls to the runtime ---- */

struct cri_request *kubelet_request(struct kubelet *k, enum cri_verb verb)
{
    return cri_request_new(verb, ++k->last_call);
}

static void call(struct kubelet *k, struct pod_worker *w, size_t container, struct cri_request *r,
                 cri_fn done, bool counts)
{
    if (k->runtime == 0) { /* away: the workers are made anew when it is back */
        message_unref(&r->message);
        return;
    }
    struct cri_call c = {r->id, done, w ? w->number : 0, (uint32_t)container, counts};
    vec_push(&k->calls, c);
    if (counts)
        w->calls++;
    step_send(k->step, k->runtime, &r->message);
}

void kubelet_cri(struct kubelet *k, struct pod_worker *w, size_t container,
                 struct cri_request *own_request, cri_fn done)
{
    call(k, w, container, own_request, done, w != NULL);
}

void kubelet_cri_free(struct kubelet *k, struct pod_worker *w, size_t container,
                      struct cri_request *own_request, cri_fn done)
{
    call(k, w, container, own_request, done, false);
}

static void handle_response(struct kubelet *k, const struct cri_response *r)
{
    for (size_t i = 0; i < k->calls.count; i++) {
        if (k->calls.items[i].id != r->id)
            continue;
        struct cri_call c = k->calls.items[i];
        vec_remove(&k->calls, i);
        struct pod_worker *w = c.worker ? kubelet_worker(k, c.worker) : NULL;
        if (w && c.counts)
            w->calls--;
        if (c.done && (w || c.worker == 0))
            c.done(k, w, c.container, r);
        return;
    }
}

/* ---- events and traces ---- */

struct str worker_subject(struct kubelet *k, const struct pod_worker *w)
{
    return arena_printf(k->step->scratch, "%.*s/%.*s", STR_ARG(w->key->namespace),
                        STR_ARG(w->key->name));
}

void kubelet_event(struct kubelet *k, const struct pod_worker *w, const char *type,
                   const char *reason, const char *format, ...)
{
    struct text t = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&t, format, arguments);
    va_end(arguments);
    recorder_event(k->recorder, k->step, w->pod, type, reason, "%.*s", STR_ARG(text_str(&t)));
    text_release(&t);
}

void kubelet_container_event(struct kubelet *k, const struct pod_worker *w, size_t container,
                             const char *type, const char *reason, const char *format, ...)
{
    struct text t = {0}, path = {0};
    char small[VALUE_SMALL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&t, format, arguments);
    va_end(arguments);
    struct str name = worker_container_name(w, container, small);
    text_printf(&path, "spec.%s{%.*s}", 
                container < w->init_count ? "initContainers"
                : container < w->main_end ? "containers"
                                          : "ephemeralContainers",
                STR_ARG(name));
    recorder_event_at(k->recorder, k->step, w->pod, text_str(&path), type, reason, "%.*s",
                      STR_ARG(text_str(&t)));
    text_release(&t);
    text_release(&path);
}

/* ---- ConfigMaps and Secrets ---- */

static void object_changed(void *owner, struct step *step, const struct object_key *key,
                           struct value before, struct value after)
{
    struct watched_object *o = owner;
    (void)step;
    if (value_is_same(before, after))
        return;
    for (size_t i = 0; i < o->kubelet->workers.count; i++) {
        struct pod_worker *w = o->kubelet->workers.items[i];
        if (!str_equal(w->key->namespace, key->namespace) || w->stage != WORKER_SYNCING)
            continue;
        if (!w->mounts_ready) {
            worker_wake_at(w, o->kubelet->step->now);
        } else if (value_count(VALUE_GET(w->pod, spec, volumes)) > 0) {
            /* The pod's next periodic sync: its beat began with its start. */
            int64_t period = o->kubelet->flags.sync_frequency;
            int64_t n = instant_since(o->kubelet->step->now, w->mount_began).ns / period + 1;
            struct instant beat = instant_add(w->mount_began, duration_ns(n * period));
            if (beat.ns < w->refresh_at.ns)
                w->refresh_at = beat;
            worker_wake_at(w, w->refresh_at);
        }
    }
}

enum object_state kubelet_object(struct kubelet *k, enum resource_known resource,
                                 struct str namespace, struct str name, struct value *ret_value)
{
    struct watched_object *found = NULL;
    for (size_t i = 0; i < k->objects.count && !found; i++) {
        struct watched_object *o = k->objects.items[i];
        if (o->resource == resource && str_equal(str_from(o->namespace), namespace) &&
            str_equal(str_from(o->name), name))
            found = o;
    }
    if (!found) {
        found = mem_new(struct watched_object);
        *found = (struct watched_object){resource, mem_copy_string(namespace),
                                         mem_copy_string(name), NULL, k};
        struct str selector = arena_printf(k->step->scratch, "metadata.name=%.*s", STR_ARG(name));
        found->informer = informer_new(
            k->client, &(struct informer_options){.resource = resource_get(resource),
                                                  .namespace = str_from(found->namespace),
                                                  .field_selector = selector});
        informer_handle(found->informer, object_changed, found);
        vec_push(&k->objects, found);
        informer_start(found->informer, k->step);
    }
    *ret_value = VALUE_ABSENT;
    if (!informer_has_synced(found->informer))
        return OBJECT_FETCHING;
    *ret_value = informer_get_named(found->informer, namespace, name);
    return value_is_present(*ret_value) ? OBJECT_PRESENT : OBJECT_MISSING;
}

/* ---- pods ---- */

struct pod_worker *kubelet_worker(struct kubelet *k, uint32_t number)
{
    size_t low = 0, high = k->workers.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (k->workers.items[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < k->workers.count && k->workers.items[low]->number == number ? k->workers.items[low]
                                                                             : NULL;
}

/* The newest worker of a name: an older one of another uid may still be terminating. */
struct pod_worker *kubelet_worker_of(struct kubelet *k, const struct object_key *key)
{
    for (size_t i = k->workers.count; i > 0; i--) {
        if (k->workers.items[i - 1]->key == key)
            return k->workers.items[i - 1];
    }
    return NULL;
}

void kubelet_worker_forget(struct kubelet *k, struct pod_worker *w)
{
    const struct object_key *key = object_key_ref(w->key);
    for (size_t i = 0; i < k->workers.count; i++) {
        if (k->workers.items[i] == w)
            vec_remove(&k->workers, i);
    }
    worker_free(w);
    /* A pod of the same name that came meanwhile may begin. */
    struct pod_worker *next = kubelet_worker_of(k, key);
    if (next)
        worker_wake_at(next, k->step->now);
    object_key_unref(key);
}

static bool may_work(const struct kubelet *k)
{
    return k->runtime_has_listed && informer_has_synced(k->pods) &&
           informer_has_synced(k->services);
}

static void pod_changed(void *owner, struct step *step, const struct object_key *key,
                        struct value before, struct value after)
{
    struct kubelet *k = owner;
    (void)step;
    (void)before;
    struct pod_worker *w = kubelet_worker_of(k, key);
    if (!value_is_present(after)) {
        if (w)
            worker_removed(w);
        return;
    }
    if (w && !value_equal(w->uid, object_uid(after))) {
        worker_removed(w);
        w = NULL;
    }
    if (!w) {
        w = worker_new(k, key, after);
        vec_push(&k->workers, w);
        if (may_work(k)) {
            worker_adopt(w);
            worker_sync(w);
        }
    } else {
        worker_update(w, after);
    }
}

void kubelet_pull_done(struct kubelet *k)
{
    k->pull_in_flight = false;
    for (size_t i = 0; i < k->workers.count; i++) {
        struct pod_worker *w = k->workers.items[i];
        if (w->waits_for_pull) {
            w->waits_for_pull = false;
            worker_wake_at(
                w, k->step->now); /* the next that needs a pull makes the others wait again */
        }
    }
}

/* Sandboxes of pods that the API server no longer has on this node: a deletion that was missed. */
static void kill_orphans(struct kubelet *k)
{
    for (size_t i = 0; i < k->found.count; i++) {
        struct cri_sandbox_status *s = &k->found.items[i];
        step_trace(k->step, "kubelet",
                   arena_printf(k->step->scratch, "%s/%s", s->config->namespace, s->config->name),
                   "runs here but is not in the API any more: sandbox and containers killed");
        struct cri_request *stop = kubelet_request(k, CRI_STOP_POD_SANDBOX);
        stop->sandbox = s->sandbox;
        kubelet_cri(k, NULL, 0, stop, NULL);
        struct cri_request *remove = kubelet_request(k, CRI_REMOVE_POD_SANDBOX);
        remove->sandbox = s->sandbox;
        kubelet_cri(k, NULL, 0, remove, NULL);
        cri_sandbox_config_unref(s->config);
    }
    vec_clear(&k->found);
    for (size_t i = 0; i < k->found_containers.count; i++)
        cri_container_status_release(&k->found_containers.items[i]);
    vec_clear(&k->found_containers);
}

/* Both lists are in for the first time: adopt, kill the rest, begin. */
static void begin_work(struct kubelet *k)
{
    if (!may_work(k))
        return;
    for (size_t i = 0; i < k->workers.count; i++)
        worker_adopt(k->workers.items[i]);
    kill_orphans(k);
    for (size_t i = 0; i < k->workers.count; i++)
        worker_wake_at(k->workers.items[i], k->step->now);
}

static void make_workers_anew(struct kubelet *k)
{
    for (size_t i = 0; i < k->workers.count; i++) {
        struct pod_worker *w = k->workers.items[i];
        for (size_t c = 0; c < w->container_count; c++)
            probers_stop(w, c);
        step_timer_cancel(k->step, w->timer);
        worker_free(w);
    }
    vec_clear(&k->workers);
    k->evicted_worker = 0;
    for (struct informer_cursor c = informer_first(k->pods, S("")); c.key; informer_next(&c))
        vec_push(&k->workers, worker_new(k, c.key, c.object));
}

/* ---- the runtime's side ---- */

static void on_containers(struct kubelet *k, struct pod_worker *w, size_t container,
                          const struct cri_response *r)
{
    (void)w;
    (void)container;
    for (uint32_t i = 0; i < r->container_count; i++) {
        struct cri_container_status s = r->containers[i];
        s.config = cri_container_config_ref(s.config);
        s.text = s.text ? mem_copy_string(str_from(s.text)) : NULL;
        vec_push(&k->found_containers, s);
    }
    if (k->runtime_was_up)
        make_workers_anew(k);
    k->runtime_was_up = false;
    k->runtime_has_listed = true;
    begin_work(k);
}

static void on_sandboxes(struct kubelet *k, struct pod_worker *w, size_t container,
                         const struct cri_response *r)
{
    (void)w;
    (void)container;
    for (uint32_t i = 0; i < r->sandbox_count; i++) {
        struct cri_sandbox_status s = r->sandboxes[i];
        s.config = cri_sandbox_config_ref(s.config);
        vec_push(&k->found, s);
    }
}

static void on_runtime_status(struct kubelet *k, struct pod_worker *w, size_t container,
                              const struct cri_response *r)
{
    (void)w;
    (void)container;
    k->boot = r->boot;
    k->runtime_is_up = true;
    k->runtime_is_silent = false;
    k->runtime_lost_at = INSTANT_NEVER;
    node_register(k);
    node_status_changed(k);
}

static void connect_runtime(struct kubelet *k)
{
    k->runtime = step_connect(k->step, cri_address(k->step->sim, k->node_name));
}

static struct cri_request *status_request(struct kubelet *k)
{
    struct cri_request *r = kubelet_request(k, CRI_STATUS);
    r->number = k->flags.eviction_hard_memory_available;
    return r;
}

/* The runtime is asked for its status every five seconds; no answer for 30 s means that it is down.
 * Asking one that answers is invisible, so it is done when there may be something to see. */
static void on_status_answer(struct kubelet *k, struct pod_worker *w, size_t container,
                             const struct cri_response *r)
{
    (void)w;
    (void)container;
    (void)r;
    k->is_asking_runtime = false;
    if (!k->runtime_is_silent)
        return;
    k->runtime_is_silent = false;
    node_status_changed(k);
}

static void ask_runtime(struct kubelet *k)
{
    if (k->is_asking_runtime || !k->runtime_is_up)
        return;
    k->is_asking_runtime = true;
    k->runtime_silent_since = k->step->now;
    kubelet_cri(k, NULL, 0, status_request(k), on_status_answer);
    (void)step_timer_set(k->step, instant_add(k->step->now, duration_s(RUNTIME_SILENCE_SECONDS)),
                         kubelet_tag(TAG_SILENCE, 0));
}

static void runtime_gave_no_answer(struct kubelet *k)
{
    bool is_missed = k->is_asking_runtime || !k->runtime_is_up;
    if (!is_missed || k->runtime_is_silent ||
        instant_since(k->step->now, k->runtime_silent_since).ns <
            duration_s(RUNTIME_SILENCE_SECONDS).ns)
        return;
    k->runtime_is_silent = true;
    k->beat_seen = k->step->now;
    node_status_changed(k);
}

static void on_runtime_connected(struct kubelet *k)
{
    node_images_ask(k);
    kubelet_cri(k, NULL, 0, status_request(k), on_runtime_status);
    if (k->config->pod_cidr) {
        struct cri_request *r = kubelet_request(k, CRI_UPDATE_RUNTIME_CONFIG);
        r->text = mem_copy_string(str_from(k->config->pod_cidr));
        kubelet_cri(k, NULL, 0, r, NULL);
        k->cidr_sent = k->network_is_ready = true;
    }
    kubelet_cri(k, NULL, 0, kubelet_request(k, CRI_LIST_POD_SANDBOX), on_sandboxes);
    kubelet_cri(k, NULL, 0, kubelet_request(k, CRI_LIST_CONTAINERS), on_containers);
}

/* The connection to the runtime is lost: nothing is done until it is back. Its containers may run
 * on (their shims do), so what there is then decides: the workers are made anew and adopt it.
 * DEVIATION: a call to a runtime that is away is not refused with an event; it is not made. Restart
 * back-offs are forgotten, as by a restart of the kubelet. */
static void on_runtime_closed(struct kubelet *k)
{
    k->runtime = 0;
    if (k->runtime_lost_at.ns == INT64_MAX)
        k->runtime_lost_at = k->step->now;
    if (k->runtime_is_up) {
        step_trace(k->step, "kubelet", k->node_name, "lost the container runtime");
        k->runtime_was_up = true;
        k->runtime_is_up = k->runtime_has_listed = false;
        k->is_asking_runtime = k->pull_in_flight = false;
        eviction_runtime_lost(k);
        vec_clear(&k->calls);
        k->runtime_silent_since = k->step->now;
        (void)step_timer_set(k->step,
                             instant_add(k->step->now, duration_s(RUNTIME_SILENCE_SECONDS)),
                             kubelet_tag(TAG_SILENCE, 0));
    }
    (void)step_timer_set(k->step, instant_add(k->step->now, duration_s(1)),
                         kubelet_tag(TAG_RUNTIME, 0));
}

static void handle_event(struct kubelet *k, const struct cri_event *e)
{
    if (e->type == CRI_EVENT_CHANGED) {
        probers_changed(k, e->status.container, e->at);
        return;
    }
    if (e->type == CRI_EVENT_MEMORY)
        eviction_notice(k);
    if (e->type == CRI_EVENT_OOM)
        eviction_system_oom(k, &e->status);
    if (e->type != CRI_EVENT_STOPPED)
        return;
    for (size_t i = 0; i < k->workers.count; i++) {
        struct pod_worker *w = k->workers.items[i];
        if (w->sandbox != e->status.sandbox)
            continue;
        for (size_t c = 0; c < w->container_count; c++) {
            if (w->containers[c].container == e->status.container) {
                container_ended(w, c, &e->status);
                return;
            }
        }
    }
}

/* ---- the process ---- */

static void node_changed(void *owner, struct step *step, const struct object_key *key,
                         struct value before, struct value after)
{
    (void)step;
    (void)key;
    (void)before;
    node_object_changed(owner, after);
}

static void services_changed(void *owner, struct step *step, const struct object_key *key,
                             struct value before, struct value after)
{
    struct kubelet *k = owner;
    (void)step;
    (void)key;
    (void)before;
    (void)after;
    k->environment_version++;
}

static void make_clients(struct kubelet *k)
{
    struct str user = arena_printf(k->step->scratch, "system:node:%s", k->config->node);
    struct str group = S("system:nodes");
    const struct credential *credential = k->config->credential
                                              ? credential_ref(k->config->credential)
                                              : credential_certificate(user, &group, 1);
    k->client = client_new(&(struct client_options){.server = k->config->server,
                                                    .credential = credential,
                                                    .user_agent = "kubelet",
                                                    .qps = (int)k->flags.kube_api_qps,
                                                    .burst = (int)k->flags.kube_api_burst,
                                                    .random_purpose = PURPOSE_CLIENT});
    credential_unref(credential);
    k->recorder = recorder_new(k->client, S("kubelet"), k->node_name);
    struct str on_node = arena_printf(k->step->scratch, "spec.nodeName=%s", k->config->node);
    struct str this_node = arena_printf(k->step->scratch, "metadata.name=%s", k->config->node);
    k->pods =
        informer_new(k->client, &(struct informer_options){.resource = resource_get(RESOURCE_pods),
                                                           .field_selector = on_node});
    k->node =
        informer_new(k->client, &(struct informer_options){.resource = resource_get(RESOURCE_nodes),
                                                           .field_selector = this_node});
    k->services = informer_new(
        k->client, &(struct informer_options){.resource = resource_get(RESOURCE_services)});
    informer_handle(k->pods, pod_changed, k);
    informer_handle(k->node, node_changed, k);
    informer_handle(k->services, services_changed, k);
}

static void *start(struct step *step, const void *config)
{
    struct kubelet *k = mem_new(struct kubelet);
    k->config = config;
    k->step = step;
    k->node_name = str_from(k->config->node);
    if (k->config->flags)
        k->flags = *k->config->flags;
    else
        kubelet_flags_defaults(&k->flags);
    k->runtime_lost_at = INSTANT_NEVER;
    k->began = step->wall;
    k->started = step->now;
    make_clients(k);
    connect_runtime(k);
    node_start(k);
    server_start(k);
    return k;
}

static void handle_timer(struct kubelet *k, const struct input *in)
{
    uint64_t id = in->tag & ((UINT64_C(1) << 40) - 1);
    struct pod_worker *w = NULL;
    switch ((enum kubelet_tag)(in->tag >> 40)) {
    case TAG_LEASE:
        node_lease_tick(k);
        break;
    case TAG_NODE_STATUS:
        node_status_tick(k);
        break;
    case TAG_WORKER:
        w = kubelet_worker(k, (uint32_t)id);
        if (w)
            worker_timer(w);
        break;
    case TAG_PROBE:
        prober_timer(k, (uint32_t)id);
        break;
    case TAG_RUNTIME:
        connect_runtime(k);
        break;
    case TAG_EVICTION:
        eviction_tick(k);
        break;
    case TAG_HOOK:
        container_hook_slept(k, id);
        break;
    case TAG_SILENCE:
        runtime_gave_no_answer(k);
        break;
    }
}

static void input(void *state, struct step *step, const struct input *in)
{
    struct kubelet *k = state;
    k->step = step;
    bool was_working = may_work(k);
    if (client_input(k->client, step, in)) {
        if (!was_working)
            begin_work(k);
        return;
    }
    if (volumes_input(k, in) || server_input(k, in))
        return;
    switch (in->kind) {
    case INPUT_TIMER:
        handle_timer(k, in);
        break;
    case INPUT_CONNECTED:
        if (in->stream == k->runtime)
            on_runtime_connected(k);
        break;
    case INPUT_CLOSED:
        if (in->stream == k->runtime)
            on_runtime_closed(k);
        break;
    case INPUT_MESSAGE:
        if (in->message->type == &cri_response_message)
            handle_response(k, CONTAINER_OF(in->message, struct cri_response, message));
        else if (in->message->type == &cri_event_message)
            handle_event(k, CONTAINER_OF(in->message, struct cri_event, message));
        break;
    case INPUT_TERMINATE:
        step_exit(step, 0);
        break;
    case INPUT_ACCEPTED:
    case INPUT_DATAGRAM:
    case INPUT_DISK_DONE:
        break;
    case INPUT_COMMAND:
        eviction_notice(k);
        ask_runtime(k);
        break;
    }
}

static void release(void *state)
{
    struct kubelet *k = state;
    for (size_t i = 0; i < k->workers.count; i++)
        worker_free(k->workers.items[i]);
    for (size_t i = 0; i < k->objects.count; i++) {
        informer_free(k->objects.items[i]->informer);
        mem_free(k->objects.items[i]->namespace);
        mem_free(k->objects.items[i]->name);
        mem_free(k->objects.items[i]);
    }
    for (size_t i = 0; i < k->found.count; i++)
        cri_sandbox_config_unref(k->found.items[i].config);
    for (size_t i = 0; i < k->found_containers.count; i++)
        cri_container_status_release(&k->found_containers.items[i]);
    volumes_release(k);
    server_release(k);
    for (size_t i = 0; i < k->probers.count; i++)
        mem_free(k->probers.items[i]);
    informer_free(k->pods);
    informer_free(k->node);
    informer_free(k->services);
    recorder_free(k->recorder);
    client_free(k->client);
    value_drop(k->lease);
    value_drop(k->node_object);
    value_drop(k->conditions);
    value_drop(k->images);
    value_drop(k->root_user);
    for (size_t i = 0; i < CONFIGS_KEPT; i++)
        cri_container_config_unref(k->configs[i]);
    cri_environment_unref(k->environment);
    mem_free(k->environment_namespace);
    vec_release(&k->calls);
    vec_release(&k->workers);
    vec_release(&k->probers);
    vec_release(&k->objects);
    vec_release(&k->found);
    vec_release(&k->found_containers);
    mem_free(k);
}

static void dump(const void *state, struct text *out)
{
    static const char *const stages[] = {"syncing", "terminating", "terminated"};
    const struct kubelet *k = state;
    text_printf(out, "kubelet %s: %s, runtime %s, %zu pods\n", k->config->node,
                k->is_ready ? "ready" : "not ready", k->runtime_is_up ? "up" : "down",
                k->workers.count);
    for (size_t i = 0; i < k->workers.count; i++) {
        const struct pod_worker *w = k->workers.items[i];
        text_printf(out, "  %.*s/%.*s: %s, sandbox %u, calls %d\n", STR_ARG(w->key->namespace),
                    STR_ARG(w->key->name), stages[w->stage], w->sandbox, w->calls);
    }
}

const struct process_type kubelet_process = {
    .kind = "kubelet", .start = start, .input = input, .release = release, .dump = dump};
