/* SPDX-License-Identifier: Apache-2.0
 *
 * The node lifecycle controller: notices that a node's kubelet has fallen silent, says so in the
 * Node's conditions, taints the node, and marks its pods not ready. Evicting them is another
 * controller's work (taint_eviction.c).
 *
 * Every 5 s it looks at each node (upstream: monitorNodeHealth). A sign of life is a change of the
 * Ready condition's heartbeat or of the node's Lease, counted from the instant at which this
 * controller saw it, on its own clock. After 50 s without one (60 s for a node that never reported)
 * the conditions become Unknown and the pods' Ready condition False.
 *
 * "If the node is unreachable, taint it NoSchedule at once and NoExecute through a queue": the
 * queue of each zone is limited (zone_states.h), looked at every 100 ms, so that a partition
 * between the controller and a zone does not empty it. When no node of any zone is ready, the fault
 * is presumed to lie here: the NoExecute taints are taken back and nothing is evicted.
 *
 * The NoSchedule taints follow the conditions; that is the queue's part: one sync is one Node.
 *
 * Invariants: a node is in at most one zone's queue; all rates are 0 while every zone is fully
 * disrupted.
 *
 * Source: kubernetes.io/docs/concepts/architecture/nodes/#node-controller; upstream
 * pkg/controller/nodelifecycle.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/client/controller.h"
#include "cluster/client/token_bucket.h"
#include "cluster/controllers/manager.h"
#include "cluster/controllers/node_taints.h"
#include "cluster/controllers/zone_states.h"
#include "sim/base/vec.h"

#define NAME "node-lifecycle-controller"
#define MONITOR_PERIOD_S 5
#define QUEUE_PERIOD_MS 100
#define LEASE_NAMESPACE "kube-node-lease"
#define LEASE_DURATION_S 40
#define TAINT_CONFLICTS_MAX 5

/* What the controller remembers of a node: when it last saw a sign of life. */
struct node_health {
    const struct object_key *key; /* owned */
    struct instant seen;          /* the last sign of life, on our clock */
    struct value heartbeat;       /* of the Ready condition; owned */
    struct value renewal;         /* of the Lease; owned */
    struct zone *zone;
    struct value node, lease; /* in this round; borrowed for it */
    struct value looked;      /* the Node as it was last looked at; owned */
    bool was_ready;           /* then */
    bool in_queue;            /* waits for its NoExecute taint, or has had it */
    bool lease_ran_out;       /* said so already */
    bool pods_need_retry;     /* marking its pods not ready has failed */
};

struct zone {
    struct value name; /* owned: "region:zone" */
    enum zone_state state;
    int64_t rate_milli;
    struct token_bucket limiter;
    VEC(struct node_health *) queue;
    int64_t ready, not_ready; /* of this round */
};

/* A NoExecute taint on its way to the API server. */
struct taint_write {
    const struct object_key *key; /* owned */
    const char *added, *removed;  /* constants; may be NULL */
    int conflicts;
};

struct lifecycle {
    struct controller *controller;
    VEC(struct taint_write *) writes; /* under way */
    VEC(struct node_health *) nodes;  /* in the order of their names */
    VEC(struct zone *) zones;
    struct client_timer queue_timer;
    struct zone_rules rules;
    informer_index by_node;
};

static void *lifecycle_new(struct controller *c, struct step *step);
static void lifecycle_free(void *state);
static void lifecycle_tick(struct controller *c, struct step *step);
static enum sync_result lifecycle_sync(struct sync *s);

const struct controller_info node_lifecycle_controller = {
    .name = NAME,
    .account = "node-controller",
    .event_source = "node-controller",
    .primary = RESOURCE_nodes,
    .watches = {{RESOURCE_nodes, controller_wake_itself},
                {RESOURCE_pods, NULL},
                {RESOURCE_leases, NULL}},
    .watch_count = 3,
    .sync = lifecycle_sync,
    .workers = 8,
    .new_state = lifecycle_new,
    .free_state = lifecycle_free,
    .period = {MONITOR_PERIOD_S * INT64_C(1000000000)},
    .tick = lifecycle_tick,
};

static void meet_nodes(struct lifecycle *l, struct step *step);
static void read_leases(struct lifecycle *l);
static bool is_well_as_before(const struct lifecycle *l, struct step *step, struct node_health *h);
static void look_at(struct lifecycle *l, struct step *step, struct node_health *h,
                    struct value node);
static void judge_zones(struct lifecycle *l, struct step *step);
static void run_queues(void *owner, struct step *step);
static void arm_queue_timer(struct lifecycle *l, struct step *step);
static void leave_queue(struct node_health *h);

/* ---- life ---- */

static void *lifecycle_new(struct controller *c, struct step *step)
{
    (void)step;
    struct lifecycle *l = mem_new(struct lifecycle);
    l->controller = c;
    l->rules = (struct zone_rules){c->flags->unhealthy_zone_threshold, c->flags->node_eviction_rate,
                                   c->flags->secondary_node_eviction_rate,
                                   c->flags->large_cluster_size_threshold};
    l->queue_timer.fire = run_queues;
    l->queue_timer.owner = l;
    l->by_node =
        informer_add_index(controller_informer(c, RESOURCE_pods), informer_terms_node_name);
    return l;
}

static void health_free(struct node_health *h)
{
    value_drop(h->heartbeat);
    value_drop(h->renewal);
    value_drop(h->looked);
    object_key_unref(h->key);
    mem_free(h);
}

static void lifecycle_free(void *state)
{
    struct lifecycle *l = state;
    client_timer_release(l->controller->client, &l->queue_timer);
    for (size_t i = 0; i < l->nodes.count; i++)
        health_free(l->nodes.items[i]);
    for (size_t i = 0; i < l->zones.count; i++) {
        value_drop(l->zones.items[i]->name);
        vec_release(&l->zones.items[i]->queue);
        mem_free(l->zones.items[i]);
    }
    for (size_t i = 0; i < l->writes.count; i++) {
        object_key_unref(l->writes.items[i]->key);
        mem_free(l->writes.items[i]);
    }
    vec_release(&l->writes);
    vec_release(&l->nodes);
    vec_release(&l->zones);
    mem_free(l);
}

/* ---- NoSchedule taints follow the conditions ---- */

static struct value taints_patch(struct value node, struct value own_taints)
{
    return value_pack("{metadata: {resourceVersion: %v}, spec: {taints: %v}}",
                      value_keep(VALUE_GET(node, metadata, resourceVersion)), own_taints);
}

static enum sync_result lifecycle_sync(struct sync *s)
{
    if (s->phase == 1)
        return answer_ok(&s->answers[0]) || s->answers[0].code == 404
                   ? SYNC_DONE
                   : sync_retry_answer(s, &s->answers[0]);
    struct value node = informer_get(controller_informer(s->controller, RESOURCE_nodes), s->key);
    if (!value_is_present(node))
        return SYNC_DONE;
    struct value taints = node_taints_of_conditions(node, s->step->wall);
    if (value_is_same(taints, VALUE_GET(node, spec, taints))) {
        value_drop(taints);
        return SYNC_DONE;
    }
    sync_trace(s, "its conditions ask for other NoSchedule taints: it has %zu, gets %zu",
               value_count(VALUE_GET(node, spec, taints)), value_count(taints));
    sync_patch(s, s->key, PATCH_STRATEGIC, taints_patch(node, taints), 0);
    return sync_wait(s, 1);
}

/* ---- the round of every 5 s ---- */

static void lifecycle_tick(struct controller *c, struct step *step)
{
    struct lifecycle *l = c->state;
    meet_nodes(l, step);
    read_leases(l);
    for (size_t i = 0; i < l->nodes.count; i++) {
        if (!is_well_as_before(l, step, l->nodes.items[i]))
            look_at(l, step, l->nodes.items[i], l->nodes.items[i]->node);
    }
    judge_zones(l, step);
    arm_queue_timer(l, step);
}

static struct zone *zone_of(struct lifecycle *l, struct value node)
{
    struct str region = value_str(object_label(node, S("topology.kubernetes.io/region")));
    struct str place = value_str(object_label(node, S("topology.kubernetes.io/zone")));
    struct value name = value_printf("%.*s:%.*s", STR_ARG(region), STR_ARG(place));
    for (size_t i = 0; i < l->zones.count; i++) {
        if (value_equal(l->zones.items[i]->name, name)) {
            value_drop(name);
            return l->zones.items[i];
        }
    }
    struct zone *z = mem_new(struct zone);
    z->name = name;
    z->rate_milli = l->rules.eviction_rate_milli;
    z->limiter = token_bucket(z->rate_milli, duration_s(1000), 1);
    vec_push(&l->zones, z);
    return z;
}

/* What this controller's events are about: name and uid, no version. */
static struct value reference_to(struct str name, struct value uid)
{
    return value_pack("{apiVersion: v1, kind: Node, metadata: {name: %S, uid: %v}}", name,
                      value_keep(uid));
}

/* Both lists are in the order of names: one walk finds who is new and who is gone. */
static void meet_nodes(struct lifecycle *l, struct step *step)
{
    struct controller *c = l->controller;
    struct informer_cursor cursor = informer_first(controller_informer(c, RESOURCE_nodes), S(""));
    size_t i = 0;
    while (cursor.key || i < l->nodes.count) {
        struct node_health *h = i < l->nodes.count ? l->nodes.items[i] : NULL;
        int order = !cursor.key ? 1 : !h ? -1 : str_compare(cursor.key->name, h->key->name);
        if (order > 0) {
            struct value gone =
                value_pack("{apiVersion: v1, kind: Node, metadata: {name: %S, uid: %S}}",
                           h->key->name, h->key->name);
            recorder_event(c->recorder, step, gone, "Normal", "RemovingNode",
                           "Node %.*s event: Removing Node %.*s from Controller",
                           STR_ARG(h->key->name), STR_ARG(h->key->name));
            value_drop(gone);
            leave_queue(h);
            health_free(h);
            vec_remove(&l->nodes, i);
            continue;
        }
        if (order < 0) {
            h = mem_new(struct node_health);
            h->key = object_key_ref(cursor.key);
            h->seen = step->now;
            vec_insert(&l->nodes, i, h);
            struct value named = reference_to(h->key->name, object_uid(cursor.object));
            recorder_event(c->recorder, step, named, "Normal", "RegisteredNode",
                           "Node %.*s event: Registered Node %.*s in Controller",
                           STR_ARG(h->key->name), STR_ARG(h->key->name));
            value_drop(named);
        }
        h->node = cursor.object;
        bool same_labels =
            value_is_same(VALUE_GET(h->looked, metadata, labels), object_labels(h->node));
        struct zone *zone = h->zone && same_labels ? h->zone : zone_of(l, h->node);
        if (h->zone && h->zone != zone)
            leave_queue(h);
        h->zone = zone;
        i++;
        informer_next(&cursor);
    }
}

/* Leases are in the order of names, too. */
static void read_leases(struct lifecycle *l)
{
    struct informer *leases = controller_informer(l->controller, RESOURCE_leases);
    struct informer_cursor cursor = informer_first(leases, S(LEASE_NAMESPACE));
    for (size_t i = 0; i < l->nodes.count; i++) {
        struct node_health *h = l->nodes.items[i];
        while (cursor.key && str_compare(cursor.key->name, h->key->name) < 0)
            informer_next(&cursor);
        bool is_its = cursor.key && str_equal(cursor.key->name, h->key->name);
        h->lease = is_its ? cursor.object : VALUE_ABSENT;
    }
}

static void take_renewal(struct step *step, struct node_health *h)
{
    struct value renewal = VALUE_GET(h->lease, spec, renewTime);
    if (value_is_present(renewal) && !value_equal(renewal, h->renewal)) {
        value_drop(h->renewal);
        h->renewal = value_keep(renewal);
        h->seen = step->now;
    }
}

/* A change of the heartbeat or of the Lease is a sign of life. */
static void take_signs(struct step *step, struct node_health *h, struct value ready)
{
    struct value heartbeat = VALUE_GET(ready, lastHeartbeatTime);
    if (!value_equal(heartbeat, h->heartbeat)) {
        value_drop(h->heartbeat);
        h->heartbeat = value_keep(heartbeat);
        h->seen = step->now;
    }
    take_renewal(step, h);
}

/* The common case, in a few loads: a Node that was found ready, has not changed, and whose Lease
 * was renewed lately. */
static bool is_well_as_before(const struct lifecycle *l, struct step *step, struct node_health *h)
{
    int64_t grace = l->controller->flags->node_monitor_grace_period,
            lease = duration_s(LEASE_DURATION_S).ns;
    if (!h->was_ready || !value_is_same(h->node, h->looked))
        return false;
    take_renewal(step, h);
    if (instant_since(step->now, h->seen).ns >= (grace < lease ? grace : lease))
        return false;
    h->lease_ran_out = false;
    h->zone->ready++;
    return true;
}

/* The Node with the four conditions of the kubelet Unknown; owned. */
static struct value with_unknown_conditions(struct value node, struct wall_time now)
{
    static const char *const types[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};
    struct value conditions = value_keep(VALUE_GET(node, status, conditions));
    struct value time = time_value(now);
    for (size_t t = 0; t < ARRAY_COUNT(types); t++) {
        size_t i = 0;
        while (i < value_count(conditions) && !VALUE_IS(value_at(conditions, i), types[t], type))
            i++;
        if (i == value_count(conditions)) {
            conditions = value_append(
                conditions,
                value_pack("{type: %s, status: Unknown, reason: NodeStatusNeverUpdated,"
                           " message: \"Kubelet never posted node status.\", lastHeartbeatTime: %v,"
                           " lastTransitionTime: %v}",
                           types[t], value_keep(VALUE_GET(node, metadata, creationTimestamp)),
                           value_keep(time)));
        } else if (!VALUE_IS(value_at(conditions, i), "Unknown", status)) {
            struct value c = value_keep(value_at(conditions, i));
            c = VALUE_SET(c, value_string(S("Unknown")), status);
            c = VALUE_SET(c, value_string(S("NodeStatusUnknown")), reason);
            c = VALUE_SET(c, value_string(S("Kubelet stopped posting node status.")), message);
            c = VALUE_SET(c, value_keep(time), lastTransitionTime);
            conditions = value_set_at(conditions, i, c);
        }
    }
    value_drop(time);
    return VALUE_SET(value_keep(node), conditions, status, conditions);
}

static void mark_pods_not_ready(struct lifecycle *l, struct step *step, struct node_health *h);

/* ---- writing NoExecute taints ----
 *
 * Like upstream's AddOrUpdateTaintOnNode, a write that meets another's (409) is tried again at once
 * on the Node as it is now; what fails otherwise is planned again in the next round. */

static void taint_write_end(struct lifecycle *l, struct taint_write *w, bool is_done)
{
    for (size_t i = 0; !is_done && i < l->nodes.count; i++)
        if (l->nodes.items[i]->key == w->key)
            l->nodes.items[i]->in_queue = false;
    for (size_t i = 0; i < l->writes.count; i++) {
        if (l->writes.items[i] == w) {
            vec_remove(&l->writes, i);
            break;
        }
    }
    object_key_unref(w->key);
    mem_free(w);
}

static void on_taint_written(void *owner, struct step *step, const struct response *r,
                             uint64_t tag);

static void taint_write_send(struct lifecycle *l, struct step *step, struct taint_write *w,
                             struct value node)
{
    struct value taints = node_taints_swap(node, "NoExecute", w->added, w->removed, step->wall);
    struct request *patch =
        client_patch_request(w->key, PATCH_STRATEGIC, taints_patch(node, taints), SUBRESOURCE_NONE);
    controller_send(l->controller, step, patch, on_taint_written, l, (uint64_t)(uintptr_t)w);
}

static void on_node_read(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct taint_write *w = (struct taint_write *)(uintptr_t)tag;
    if (response_ok(r))
        taint_write_send(owner, step, w, r->body);
    else
        taint_write_end(owner, w, false);
}

static void on_taint_written(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct lifecycle *l = owner;
    struct taint_write *w = (struct taint_write *)(uintptr_t)tag;
    if (r->code == 409 && ++w->conflicts < TAINT_CONFLICTS_MAX)
        controller_send(l->controller, step, request_for_key(VERB_GET, w->key), on_node_read, l,
                        tag);
    else
        taint_write_end(l, w, response_ok(r));
}

static void swap_no_execute(struct lifecycle *l, struct step *step, struct value node,
                            const char *added, const char *removed)
{
    struct taint_write *w = mem_new(struct taint_write);
    w->key = object_key_of_object(resource_get(RESOURCE_nodes), node);
    w->added = added;
    w->removed = removed;
    vec_push(&l->writes, w);
    if (added && removed && node_has_taint(node, removed, "NoExecute"))
        step_trace(step, NAME, w->key->name, "taint %s:NoExecute instead of %s", added, removed);
    else if (added)
        step_trace(step, NAME, w->key->name,
                   "taint %s:NoExecute: its pods are evicted when their tolerations run out",
                   added);
    else
        step_trace(step, NAME, w->key->name, "takes the taint %s:NoExecute away", removed);
    taint_write_send(l, step, w, node);
}

static void mark_reachable(struct lifecycle *l, struct step *step, struct node_health *h,
                           struct value node)
{
    leave_queue(h);
    if (node_has_taint(node, TAINT_UNREACHABLE, "NoExecute"))
        swap_no_execute(l, step, node, NULL, TAINT_UNREACHABLE);
    else if (node_has_taint(node, TAINT_NOT_READY, "NoExecute"))
        swap_no_execute(l, step, node, NULL, TAINT_NOT_READY);
}

/* Puts the node in line for its NoExecute taint, or swaps the taint it has for the one that is due,
 * or frees it of both. */
static void plan_no_execute(struct lifecycle *l, struct step *step, struct node_health *h,
                            struct value node, struct str ready)
{
    if (str_equal(ready, S("True"))) {
        mark_reachable(l, step, h, node);
        return;
    }
    bool unknown = str_equal(ready, S("Unknown"));
    const char *due = unknown ? TAINT_UNREACHABLE : TAINT_NOT_READY;
    const char *other = unknown ? TAINT_NOT_READY : TAINT_UNREACHABLE;
    if (node_has_taint(node, other, "NoExecute") && h->zone->rate_milli > 0) {
        swap_no_execute(l, step, node, due, other);
    } else if (!h->in_queue && !node_has_taint(node, due, "NoExecute")) {
        h->in_queue = true;
        vec_push(&h->zone->queue, h);
    }
}

/* For the reader of the timeline: the controller itself acts on the grace period only. */
static void tell_of_lease(struct step *step, struct node_health *h, struct duration grace)
{
    int64_t age = instant_since(step->now, h->seen).ns;
    bool ran_out = age >= duration_s(LEASE_DURATION_S).ns;
    if (ran_out && !h->lease_ran_out && age <= grace.ns)
        step_trace(step, NAME, h->key->name,
                   "its lease has run out: no renewal for %" PRId64
                   " s (counts as silent after %" PRId64 " s)",
                   age / 1000000000, grace.ns / 1000000000);
    h->lease_ran_out = ran_out;
}

static void look_at(struct lifecycle *l, struct step *step, struct node_health *h,
                    struct value node)
{
    struct value ready = condition_find(VALUE_GET(node, status, conditions), "Ready");
    take_signs(step, h, ready);
    struct str observed = value_is_present(ready) ? VALUE_STR(ready, status) : S("Unknown");
    const struct controller_flags *flags = l->controller->flags;
    struct duration grace = duration_ns(value_is_present(ready) ? flags->node_monitor_grace_period
                                                                : flags->node_startup_grace_period);
    struct str current = observed;
    /* Signs of life are dated by rounds. Real rounds are 5 s and the time that one takes apart, so
     * after ten of them the grace of 50 s is over by some milliseconds; here it is over to the
     * nanosecond. */
    bool silent = step->now.ns >= instant_add(h->seen, grace).ns;
    tell_of_lease(step, h, grace);
    if (silent && !str_equal(observed, S("Unknown"))) {
        current = S("Unknown");
        step_trace(step, NAME, h->key->name,
                   "has given no sign of life for %" PRId64 " s: conditions become Unknown",
                   instant_since(step->now, h->seen).ns / 1000000000);
        controller_send(l->controller, step,
                        client_update_request(resource_get(RESOURCE_nodes),
                                              with_unknown_conditions(node, step->wall),
                                              SUBRESOURCE_STATUS),
                        NULL, NULL, 0);
    } else if (silent && !value_is_present(ready)) {
        controller_send(l->controller, step,
                        client_update_request(resource_get(RESOURCE_nodes),
                                              with_unknown_conditions(node, step->wall),
                                              SUBRESOURCE_STATUS),
                        NULL, NULL, 0);
    }
    bool is_ready = str_equal(current, S("True"));
    value_drop(h->looked);
    h->looked = value_keep(node);
    h->was_ready = is_ready && !h->pods_need_retry;
    h->zone->ready += is_ready;
    h->zone->not_ready += !is_ready;
    if (value_is_present(ready) || silent)
        plan_no_execute(l, step, h, node, current);
    bool fell = !is_ready && str_equal(observed, S("True"));
    if (fell) {
        struct value named = reference_to(h->key->name, object_uid(node));
        recorder_event(l->controller->recorder, step, named, "Normal", "NodeNotReady",
                       "Node %.*s status is now: NodeNotReady", STR_ARG(h->key->name));
        value_drop(named);
    }
    if (fell || (h->pods_need_retry && !is_ready))
        mark_pods_not_ready(l, step, h);
    else if (is_ready)
        h->pods_need_retry = false;
}

/* ---- the pods of a silent node ---- */

static void on_pod_marked(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    (void)tag;
    struct lifecycle *l = owner;
    if (response_ok(r) || r->code == 404) {
        if (response_ok(r))
            recorder_event(l->controller->recorder, step, r->body, "Warning", "NodeNotReady",
                           "Node is not ready");
        return;
    }
    for (size_t i = 0; i < l->nodes.count;
         i++) /* rare: every silent node's pods are looked at again */
        l->nodes.items[i]->pods_need_retry = true;
}

static struct value with_ready_false(struct value pod, struct wall_time now)
{
    struct value conditions = VALUE_GET(pod, status, conditions);
    for (size_t i = 0; i < value_count(conditions); i++) {
        struct value c = value_at(conditions, i);
        if (!VALUE_IS(c, "Ready", type) || !VALUE_IS(c, "True", status))
            continue;
        struct value changed = VALUE_SET(value_keep(c), value_string(S("False")), status);
        changed = VALUE_SET(changed, time_value(now), lastTransitionTime);
        return VALUE_SET(value_keep(pod), value_set_at(value_keep(conditions), i, changed), status,
                         conditions);
    }
    return VALUE_ABSENT;
}

static void mark_pods_not_ready(struct lifecycle *l, struct step *step, struct node_health *h)
{
    struct informer *pods = controller_informer(l->controller, RESOURCE_pods);
    int64_t marked = 0;
    h->pods_need_retry = false;
    for (struct informer_cursor c = informer_first_with(pods, l->by_node, h->key->name); c.key;
         informer_next(&c)) {
        struct value changed = with_ready_false(c.object, step->wall);
        if (!value_is_present(changed))
            continue;
        marked++;
        controller_send(
            l->controller, step,
            client_update_request(resource_get(RESOURCE_pods), changed, SUBRESOURCE_STATUS),
            on_pod_marked, l, 0);
    }
    step_trace(step, NAME, h->key->name, "marks its %" PRId64 " ready pods as not ready", marked);
}

/* ---- zones ---- */

static void set_rate(struct lifecycle *l, struct step *step, struct zone *z, int64_t rate_milli)
{
    if (z->rate_milli == rate_milli)
        return;
    bool drained = z->rate_milli > 0 && !token_bucket_try(&z->limiter, step->now);
    z->rate_milli = rate_milli;
    z->limiter = token_bucket(rate_milli, duration_s(1000), 1);
    z->limiter.updated = step->now;
    if (drained && rate_milli > 0)
        (void)token_bucket_try(&z->limiter, step->now);
    (void)l;
}

static void stop_evictions(struct lifecycle *l, struct step *step)
{
    step_trace(step, NAME, S("all zones"),
               "no node is ready anywhere: stops evicting and takes NoExecute taints back");
    struct informer *nodes = controller_informer(l->controller, RESOURCE_nodes);
    for (size_t i = 0; i < l->nodes.count; i++) {
        struct value node = informer_get(nodes, l->nodes.items[i]->key);
        if (value_is_present(node))
            mark_reachable(l, step, l->nodes.items[i], node);
    }
    for (size_t i = 0; i < l->zones.count; i++) {
        set_rate(l, step, l->zones.items[i], 0);
        l->zones.items[i]->state = ZONE_FULL_DISRUPTION;
    }
}

/* Upstream: handleDisruption. */
static void judge_zones(struct lifecycle *l, struct step *step)
{
    bool all_are = true, all_were = true;
    for (size_t i = 0; i < l->zones.count; i++) {
        struct zone *z = l->zones.items[i];
        if (z->ready + z->not_ready == 0)
            continue; /* no node left there */
        all_were = all_were && z->state == ZONE_FULL_DISRUPTION;
        all_are =
            all_are && zone_state_of(z->ready, z->not_ready, &l->rules) == ZONE_FULL_DISRUPTION;
    }
    bool has_nodes = l->nodes.count > 0;
    if (has_nodes && all_are && !all_were)
        stop_evictions(l, step);
    if (has_nodes && !all_are && all_were)
        for (size_t i = 0; i < l->nodes.count; i++)
            l->nodes.items[i]->seen = step->now; /* everybody gets a new chance */
    for (size_t i = 0; i < l->zones.count; i++) {
        struct zone *z = l->zones.items[i];
        enum zone_state state = zone_state_of(z->ready, z->not_ready, &l->rules);
        if (has_nodes && !all_are) {
            if (state != z->state && z->state != ZONE_INITIAL)
                step_trace(step, NAME, value_str(z->name),
                           "zone: %s, was %s (%" PRId64 " ready, %" PRId64 " not)",
                           zone_state_text(state), zone_state_text(z->state), z->ready,
                           z->not_ready);
            if (state != z->state || all_were)
                set_rate(l, step, z, zone_rate_milli(state, z->ready + z->not_ready, &l->rules));
            z->state = state;
        }
        z->ready = z->not_ready = 0;
    }
}

/* ---- the queues of NoExecute taints ---- */

/* The real one looks every 100 ms; here only while somebody waits, at the same instants. */
static void arm_queue_timer(struct lifecycle *l, struct step *step)
{
    bool waits = false;
    for (size_t i = 0; i < l->zones.count; i++)
        waits = waits || (l->zones.items[i]->queue.count > 0 && l->zones.items[i]->rate_milli > 0);
    if (!waits || l->queue_timer.timer)
        return;
    int64_t period = duration_ms(QUEUE_PERIOD_MS).ns;
    struct instant next = {(step->now.ns / period + 1) * period};
    client_timer_set(l->controller->client, step, &l->queue_timer, next);
}

static void run_queues(void *owner, struct step *step)
{
    struct lifecycle *l = owner;
    struct informer *nodes = controller_informer(l->controller, RESOURCE_nodes);
    for (size_t i = 0; i < l->zones.count; i++) {
        struct zone *z = l->zones.items[i];
        while (z->queue.count > 0 && z->rate_milli > 0 &&
               token_bucket_try(&z->limiter, step->now)) {
            struct node_health *h = z->queue.items[0];
            vec_remove(&z->queue, 0);
            struct value node = informer_get(nodes, h->key);
            struct value ready = condition_find(VALUE_GET(node, status, conditions), "Ready");
            if (!value_is_present(node) || VALUE_IS(ready, "True", status)) {
                h->in_queue = false;
                continue;
            }
            bool unknown = !VALUE_IS(ready, "False", status);
            swap_no_execute(l, step, node, unknown ? TAINT_UNREACHABLE : TAINT_NOT_READY,
                            unknown ? TAINT_NOT_READY : TAINT_UNREACHABLE);
        }
    }
    arm_queue_timer(l, step);
}

static void leave_queue(struct node_health *h)
{
    for (size_t i = 0; h->zone && i < h->zone->queue.count; i++) {
        if (h->zone->queue.items[i] == h) {
            vec_remove(&h->zone->queue, i);
            break;
        }
    }
    h->in_queue = false;
}
