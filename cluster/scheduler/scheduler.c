/* SPDX-License-Identifier: Apache-2.0
 *
 * The kube-scheduler process: informers feed the cache and the queue; one cycle after another takes
 * the head of the queue, finds a node, assumes the pod there and sends the Binding; the next cycle
 * does not wait for the answer.
 *
 * What happens to a pod:
 *   bound            POST pods/<name>/binding succeeded: event Scheduled; the watch brings the
 *                    pod back with its node;
 *   unschedulable    condition PodScheduled False / Unschedulable and event FailedScheduling;
 *                    waits in the queue for an event that the rejecting plugins care about;
 *   binding refused  the assumption is taken back; condition SchedulerError; back-off.
 *
 * A cycle keeps the scheduler busy for flags.cycle_time, so that thousands of pods are not placed
 * in one instant.
 *
 * Invariants: at most one cycle is under way; a pod in flight is either assumed on a node or about
 * to be put back.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/ and
 * pkg/scheduler/schedule_one.go.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/scheduler.h"

#include "cluster/api/object.h"
#include "cluster/client/informer.h"
#include "cluster/client/leader_election.h"
#include "cluster/client/recorder.h"
#include "cluster/scheduler/cycle.h"
#include "cluster/scheduler/queue.h"

#define NAME "default-scheduler"
#define NOTE_SIZE_MAX 1024

enum { TAG_CYCLE = 1, TAG_QUEUE };
enum { PURPOSE_CLIENT = 0, PURPOSE_TIES };

struct scheduler {
    const struct scheduler_config *config;
    struct scheduler_flags flags;
    struct client *client;
    struct informer_factory *informers;
    struct informer *pods, *nodes, *services, *replicasets, *statefulsets, *controllers,
        *namespaces;
    struct recorder *recorder;
    struct leader_election *election;
    struct cache cache;
    struct scheduling_queue queue;
    struct arena arena;
    struct step *step; /* of the input at hand: draws need it */
    size_t next_start;
    timer_id queue_timer;
    struct instant queue_timer_at;
    bool cycle_is_due;
};

static void *scheduler_start(struct step *step, const void *config);
static void scheduler_input(void *state, struct step *step, const struct input *input);
static void scheduler_release(void *state);
static void scheduler_dump(const void *state, struct text *out);

const struct process_type scheduler_process = {
    .kind = "kube-scheduler",
    .start = scheduler_start,
    .input = scheduler_input,
    .release = scheduler_release,
    .dump = scheduler_dump,
};

static void on_pod(void *owner, struct step *step, const struct object_key *key,
                   struct value before, struct value after);
static void on_node(void *owner, struct step *step, const struct object_key *key,
                    struct value before, struct value after);
static void wake(struct scheduler *s, struct step *step);
static void schedule_one(struct scheduler *s, struct step *step);
static void send_binding(struct scheduler *s, struct step *step, struct queued_pod *p,
                         uint32_t slot);
static void on_bound(void *owner, struct step *step, const struct response *r, uint64_t tag);
static void give_up(struct scheduler *s, struct step *step, struct queued_pod *p,
                    const char *reason, const char *message);
static struct value default_selector(void *owner, const struct pod_info *p);
static struct value namespace_labels(void *owner, struct str namespace);

/* ---- life ---- */

static void took_lead(void *owner, struct step *step)
{
    struct scheduler *s = owner;
    step_trace(step, NAME, s->config->name, "leads");
    wake(s, step);
}

static void lost_lead(void *owner, struct step *step)
{
    struct scheduler *s = owner;
    step_trace(step, NAME, s->config->name, "lost the lead: exits");
    step_exit(step, 1);
}

static struct scheduler_flags flags_with_defaults(struct scheduler_flags f)
{
    f.kube_api_qps = f.kube_api_qps ? f.kube_api_qps : 50;
    f.kube_api_burst = f.kube_api_burst ? f.kube_api_burst : 100;
    f.pod_initial_backoff = f.pod_initial_backoff.ns ? f.pod_initial_backoff : duration_s(1);
    f.pod_max_backoff = f.pod_max_backoff.ns ? f.pod_max_backoff : duration_s(10);
    f.cycle_time = f.cycle_time.ns ? f.cycle_time : duration_us(300);
    return f;
}

static void *scheduler_start(struct step *step, const void *config)
{
    struct scheduler *s = mem_new(struct scheduler);
    s->config = config;
    s->flags = flags_with_defaults(s->config->flags);
    s->client = client_new(&(struct client_options){.server = s->config->server,
                                                    .credential = s->config->credential,
                                                    .user_agent = "kube-scheduler",
                                                    .qps = s->flags.kube_api_qps,
                                                    .burst = s->flags.kube_api_burst,
                                                    .random_purpose = PURPOSE_CLIENT});
    cache_init(&s->cache);
    s->queue.initial_backoff = s->flags.pod_initial_backoff;
    s->queue.max_backoff = s->flags.pod_max_backoff;
    s->recorder = recorder_new(s->client, S(NAME), s->config->identity);
    s->informers = informer_factory_new(s->client);
    s->pods = informer_factory_get(s->informers, RESOURCE_pods);
    s->nodes = informer_factory_get(s->informers, RESOURCE_nodes);
    s->services = informer_factory_get(s->informers, RESOURCE_services);
    s->replicasets = informer_factory_get(s->informers, RESOURCE_replicasets);
    s->statefulsets = informer_factory_get(s->informers, RESOURCE_statefulsets);
    s->controllers = informer_factory_get(s->informers, RESOURCE_replicationcontrollers);
    s->namespaces = informer_factory_get(s->informers, RESOURCE_namespaces);
    informer_handle(s->nodes, on_node, s);
    informer_handle(s->pods, on_pod, s);
    informer_factory_start(s->informers, step);
    if (!s->flags.leader_elect_off) {
        s->election = leader_election_new(
            s->client, &(struct leader_election_options){.component = S(NAME),
                                                         .name = S("kube-scheduler"),
                                                         .identity = s->config->identity,
                                                         .started = took_lead,
                                                         .stopped = lost_lead,
                                                         .owner = s});
        leader_election_start(s->election, step);
    }
    return s;
}

static void scheduler_release(void *state)
{
    struct scheduler *s = state;
    leader_election_free(s->election);
    recorder_free(s->recorder);
    informer_factory_free(s->informers);
    client_free(s->client);
    scheduling_queue_release(&s->queue);
    cache_release(&s->cache);
    arena_release(&s->arena);
    mem_free(s);
}

static void scheduler_input(void *state, struct step *step, const struct input *input)
{
    struct scheduler *s = state;
    if (input->kind == INPUT_TERMINATE) {
        step_exit(step, 0);
        return;
    }
    if (!client_input(s->client, step, input) && input->kind == INPUT_TIMER) {
        if (input->tag == TAG_CYCLE) {
            s->cycle_is_due = false;
            schedule_one(s, step);
        } else if (input->tag == TAG_QUEUE) {
            s->queue_timer = 0;
            s->queue_timer_at = INSTANT_NEVER;
            scheduling_queue_tick(&s->queue, step->now);
        }
    }
    wake(s, step);
}

static bool may_schedule(const struct scheduler *s)
{
    return (!s->election || leader_election_is_leader(s->election)) &&
           informer_factory_has_synced(s->informers);
}

/* Sets the timers that the state asks for: the next cycle, the next end of a back-off. */
static void wake(struct scheduler *s, struct step *step)
{
    if (!may_schedule(s))
        return;
    if (!s->cycle_is_due && scheduling_queue_has_active(&s->queue)) {
        s->cycle_is_due = true;
        (void)step_timer_set(step, instant_add(step->now, s->flags.cycle_time), TAG_CYCLE);
    }
    struct instant next = scheduling_queue_next_instant(&s->queue);
    if (next.ns == INSTANT_NEVER.ns || (s->queue_timer && s->queue_timer_at.ns == next.ns))
        return;
    s->queue_timer = step_timer_move(step, s->queue_timer, next, TAG_QUEUE);
    s->queue_timer_at = next;
}

/* ---- what the informers bring ---- */

static bool is_assigned(struct value pod)
{
    return VALUE_STR(pod, spec, nodeName).size > 0;
}

static bool is_ours(struct value pod)
{
    return VALUE_IS(pod, NAME, spec, schedulerName) && !object_is_deleting(pod) &&
           !pod_is_finished(pod);
}

static void on_pod(void *owner, struct step *step, const struct object_key *key,
                   struct value before, struct value after)
{
    struct scheduler *s = owner;
    bool was_assigned = value_is_present(before) && is_assigned(before);
    bool is_now_assigned = value_is_present(after) && is_assigned(after);
    if (is_now_assigned) {
        struct queued_pod *waiting = scheduling_queue_find(&s->queue, key);
        if (waiting && waiting->place != QUEUED_IN_FLIGHT)
            scheduling_queue_remove(&s->queue, key);
        bool was_counted = cache_find_pod(&s->cache, key) != NULL;
        cache_put_pod(&s->cache, key, after);
        bool counts = cache_find_pod(&s->cache, key) != NULL;
        bool labels_changed =
            was_assigned && !value_equal(object_labels(before), object_labels(after));
        if (was_counted && !counts)
            scheduling_queue_move(&s->queue, EVENT_POD_DELETE, step->now);
        else if ((!was_assigned && counts) || labels_changed)
            scheduling_queue_move(&s->queue, EVENT_POD_ADD, step->now);
        return;
    }
    if (was_assigned) {
        cache_remove_pod(&s->cache, key);
        scheduling_queue_move(&s->queue, EVENT_POD_DELETE, step->now);
        return;
    }
    if (!value_is_present(after) || !is_ours(after)) {
        if (!value_is_present(after) && cache_find_pod(&s->cache, key)) {
            cache_remove_pod(&s->cache, key); /* assumed, and deleted before its node was seen */
            scheduling_queue_move(&s->queue, EVENT_POD_DELETE, step->now);
        }
        struct queued_pod *waiting = scheduling_queue_find(&s->queue, key);
        if (waiting && waiting->place != QUEUED_IN_FLIGHT)
            scheduling_queue_remove(&s->queue, key);
        return;
    }
    if (cache_find_pod(&s->cache, key))
        return; /* assumed; its binding is under way */
    scheduling_queue_put(&s->queue, &s->cache, key, after, step->now);
    /* The status we wrote ourselves wakes nobody; a changed spec or labels may. */
    if (value_is_present(before) &&
        (!value_equal(VALUE_GET(before, spec), VALUE_GET(after, spec)) ||
         !value_equal(object_labels(before), object_labels(after))))
        scheduling_queue_wake_pod(&s->queue, key, step->now);
}

static void on_node(void *owner, struct step *step, const struct object_key *key,
                    struct value before, struct value after)
{
    struct scheduler *s = owner;
    if (!value_is_present(after)) {
        cache_remove_node(&s->cache, key);
        return;
    }
    cache_put_node(&s->cache, key, after);
    uint32_t event = 0;
    if (!value_is_present(before)) {
        event = EVENT_NODE_ADD;
    } else {
        if (!value_equal(VALUE_GET(before, status, allocatable),
                         VALUE_GET(after, status, allocatable)))
            event |= EVENT_NODE_ALLOCATABLE;
        if (!value_equal(object_labels(before), object_labels(after)))
            event |= EVENT_NODE_LABEL;
        if (!value_equal(VALUE_GET(before, spec), VALUE_GET(after, spec)))
            event |= EVENT_NODE_TAINT;
    }
    if (event)
        scheduling_queue_move(&s->queue, event, step->now);
}

/* ---- one cycle ---- */

static uint64_t draw(void *owner, uint64_t limit)
{
    struct scheduler *s = owner;
    return step_random_below(s->step, PURPOSE_TIES, limit);
}

static void schedule_one(struct scheduler *s, struct step *step)
{
    if (!may_schedule(s))
        return;
    struct queued_pod *p = scheduling_queue_pop(&s->queue);
    if (!p)
        return;
    s->step = step;
    arena_clear(&s->arena);
    struct cycle *c = arena_new(&s->arena, struct cycle);
    *c = (struct cycle){.cache = &s->cache,
                        .arena = &s->arena,
                        .pod = p->info,
                        .default_selector = default_selector,
                        .namespace_labels = namespace_labels,
                        .owner = s};
    struct cycle_options options = {.percentage_of_nodes_to_score =
                                        s->flags.percentage_of_nodes_to_score,
                                    .next_start = &s->next_start,
                                    .draw = draw,
                                    .draw_owner = s};
    uint32_t slot = cycle_run(c, &options);
    if (slot != NODE_NONE) {
        send_binding(s, step, p, slot);
        return;
    }
    const char *message = cycle_message(c);
    give_up(s, step, p, "Unschedulable", message);
    scheduling_queue_unschedulable(&s->queue, p, c->rejecting, cycle_wanted_events(c), step->now);
}

/* Assumes the pod on the node and sends the Binding; on_bound has the answer. */
static void send_binding(struct scheduler *s, struct step *step, struct queued_pod *p,
                         uint32_t slot)
{
    struct pod_info *assumed = p->info;
    p->info = NULL;
    assumed->is_assumed = true;
    cache_add_pod(&s->cache, assumed, slot);
    const struct object_key *node = s->cache.nodes.items[slot]->key;
    struct request *r = request_for_key(VERB_CREATE, p->key);
    r->subresource = SUBRESOURCE_BINDING;
    r->is_typed = true;
    r->body = value_pack(
        "{apiVersion: v1, kind: Binding, metadata: {name: %v, namespace: %v, uid: %v},"
        " target: {kind: Node, name: %v}}",
        value_keep(object_name(p->pod)), value_keep(object_namespace(p->pod)),
        value_keep(object_uid(p->pod)), value_keep(object_name(s->cache.nodes.items[slot]->node)));
    AUTO(text) struct text name = {0};
    object_key_text(p->key, &name);
    step_trace(step, NAME, text_str(&name), "goes to %.*s", STR_ARG(node->name));
    client_send(s->client, step, r, on_bound, s, (uint64_t)(uintptr_t)p);
}

static void on_bound(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct scheduler *s = owner;
    struct queued_pod *p = (struct queued_pod *)(uintptr_t)tag;
    struct pod_info *assumed = cache_find_pod(&s->cache, p->key);
    if (response_ok(r)) {
        struct str node = assumed ? s->cache.nodes.items[assumed->node]->key->name : S("");
        recorder_event_v1(s->recorder, step, p->pod, VALUE_ABSENT, "Normal", "Scheduled", "Binding",
                          "Successfully assigned %.*s/%.*s to %.*s", STR_ARG(p->key->namespace),
                          STR_ARG(p->key->name), STR_ARG(node));
        scheduling_queue_done(&s->queue, p);
        return;
    }
    if (assumed && assumed->is_assumed) {
        cache_remove_pod(&s->cache, p->key);
        scheduling_queue_move(&s->queue, EVENT_POD_DELETE, step->now);
    }
    struct value now = informer_get(s->pods, p->key);
    if (!value_is_present(now) || is_assigned(now) || !is_ours(now)) {
        scheduling_queue_done(&s->queue, p); /* gone, or bound after all */
        return;
    }
    struct str why = response_message_text(r);
    const char *message = arena_printf(step->scratch, "binding rejected: %.*s", STR_ARG(why)).bytes;
    give_up(s, step, p, "SchedulerError", message);
    if (!p->info)
        p->info = pod_info_new(&s->cache, p->key, p->pod);
    scheduling_queue_failed(&s->queue, p, step->now);
}

/* Event FailedScheduling and condition PodScheduled=False, unless it says so already. */
static void give_up(struct scheduler *s, struct step *step, struct queued_pod *p,
                    const char *reason, const char *message)
{
    AUTO(text) struct text name = {0};
    object_key_text(p->key, &name);
    step_trace(step, NAME, text_str(&name), "fits nowhere: %s", message);
    int size = (int)strlen(message);
    bool cut = size > NOTE_SIZE_MAX;
    recorder_event_v1(s->recorder, step, p->pod, VALUE_ABSENT, "Warning", "FailedScheduling",
                      "Scheduling", "%.*s%s", cut ? NOTE_SIZE_MAX - 4 : size, message,
                      cut ? " ..." : "");
    struct value before = condition_find(VALUE_GET(p->pod, status, conditions), "PodScheduled");
    if (VALUE_IS(before, "False", status) && VALUE_IS(before, reason, reason) &&
        VALUE_IS(before, message, message))
        return;
    struct value now = time_value(step->wall);
    bool keeps_time = VALUE_IS(before, "False", status);
    struct value since = keeps_time ? VALUE_GET(before, lastTransitionTime) : now;
    struct value patch = value_pack(
        "{status: {conditions: [{type: PodScheduled, status: \"False\", reason: %s, message: %s,"
        " observedGeneration: %D, lastProbeTime: null, lastTransitionTime: %v}]}}",
        reason, message, object_generation(p->pod), value_keep(since));
    value_drop(now);
    client_send(s->client, step,
                client_patch_request(p->key, PATCH_STRATEGIC, patch, SUBRESOURCE_STATUS), NULL,
                NULL, 0);
}

/* ---- of other kinds ---- */

/* What the Services and the controller of the pod select, all together, as one LabelSelector. */
static struct value default_selector(void *owner, const struct pod_info *p)
{
    struct scheduler *s = owner;
    struct value labels = object_labels(p->pod);
    struct value merged = VALUE_ABSENT; /* of plain maps: Services, ReplicationControllers */
    for (struct informer_cursor c = informer_first(s->services, p->key->namespace); c.key;
         informer_next(&c)) {
        struct value wanted = VALUE_GET(c.object, spec, selector);
        bool matches = value_count(wanted) > 0;
        for (size_t i = 0; matches && i < value_count(wanted); i++)
            matches = value_equal(value_get_key(labels, value_key_at(wanted, i)),
                                  value_member_at(wanted, i));
        for (size_t i = 0; matches && i < value_count(wanted); i++)
            merged = value_set_key(value_is_present(merged) ? merged : value_object(),
                                   value_key_at(wanted, i), value_keep(value_member_at(wanted, i)));
    }
    struct value ref = object_controller_ref(p->pod);
    struct str owner_name = VALUE_STR(ref, name);
    struct informer *of = VALUE_IS(ref, "ReplicaSet", kind)              ? s->replicasets
                          : VALUE_IS(ref, "StatefulSet", kind)           ? s->statefulsets
                          : VALUE_IS(ref, "ReplicationController", kind) ? s->controllers
                                                                         : NULL;
    struct value controller =
        of ? informer_get_named(of, p->key->namespace, owner_name) : VALUE_ABSENT;
    struct value selector = VALUE_GET(controller, spec, selector);
    if (of == s->controllers && value_count(selector) > 0) {
        struct value wrapped = value_pack("{matchLabels: %v}", value_keep(selector));
        value_drop(merged);
        return wrapped;
    }
    if (!value_is_present(merged))
        return value_keep(selector);
    struct value all = value_is_present(selector) ? value_keep(selector) : value_object();
    struct value exact = VALUE_GET(all, matchLabels);
    for (size_t i = 0; i < value_count(exact); i++)
        merged =
            value_set_key(merged, value_key_at(exact, i), value_keep(value_member_at(exact, i)));
    return VALUE_SET(all, merged, matchLabels);
}

static struct value namespace_labels(void *owner, struct str namespace)
{
    struct scheduler *s = owner;
    return object_labels(informer_get_named(s->namespaces, S(""), namespace));
}

static void scheduler_dump(const void *state, struct text *out)
{
    const struct scheduler *s = state;
    text_printf(out, "active %zu, back-off %zu, unschedulable or gated %zu, in flight %zu\n",
                s->queue.active.count, s->queue.backoff.count, s->queue.waiting.count,
                s->queue.flying.count);
    for (size_t i = 0; i < s->cache.nodes.count; i++) {
        const struct node_info *n = s->cache.nodes.items[i];
        if (n)
            text_printf(out,
                        "%.*s: %zu pods, cpu %" PRId64 "m of %" PRId64 "m, memory %" PRId64
                        " of %" PRId64 "\n",
                        STR_ARG(n->key->name), n->pods.count, n->requested.cpu, n->allocatable.cpu,
                        n->requested.memory, n->allocatable.memory);
    }
}
