/* SPDX-License-Identifier: Apache-2.0
 *
 * Pod garbage collection: deletes pods that nobody else will.
 *
 * Every 20 s it looks for
 *   - pods bound to a node that does not exist: after the node has been missing for 40 s and a
 *     live read of the API confirms it;
 *   - pods that are being deleted and were never bound;
 *   - pods being deleted on a node that is not ready and carries the taint
 * node.kubernetes.io/out-of-service;
 *   - ended pods above a threshold of 12,500, the oldest first.
 * Such a pod is marked Failed with the condition DisruptionTarget (unless it has ended), then
 * deleted with grace 0. One sync is one pod.
 *
 * Source: kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection;
 * upstream pkg/controller/podgc.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/client/controller.h"
#include "cluster/controllers/manager.h"
#include "sim/base/map.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

#define PERIOD_S 20
#define QUARANTINE_S 40
#define OUT_OF_SERVICE "node.kubernetes.io/out-of-service"

struct missing_node {
    struct value name; /* owned */
    struct instant since;
    bool seen; /* in this round */
};
struct pod_gc {
    VEC(struct missing_node) missing;
    /* The last round found nothing to collect, now or later, and since then no pod has changed and
     * no node has gone: the next round would find the same and is left out. */
    bool is_settled;
};

static void wake_pod(struct controller *c, struct step *step, const struct object_key *key,
                     struct value before, struct value after);
static void wake_node(struct controller *c, struct step *step, const struct object_key *key,
                      struct value before, struct value after);
static void *gc_new(struct controller *c, struct step *step);
static void gc_free(void *state);
static void gc_tick(struct controller *c, struct step *step);
static enum sync_result gc_sync(struct sync *s);

const struct controller_info pod_gc_controller = {
    .name = "pod-garbage-collector-controller",
    .account = "pod-garbage-collector",
    .primary = RESOURCE_pods,
    .watches = {{RESOURCE_pods, wake_pod}, {RESOURCE_nodes, wake_node}},
    .watch_count = 2,
    .sync = gc_sync,
    .workers = 1,
    .new_state = gc_new,
    .free_state = gc_free,
    .period = {PERIOD_S * INT64_C(1000000000)},
    .tick = gc_tick,
};

static void *gc_new(struct controller *c, struct step *step)
{
    (void)c;
    (void)step;
    return mem_new(struct pod_gc);
}

static void gc_free(void *state)
{
    struct pod_gc *g = state;
    for (size_t i = 0; i < g->missing.count; i++)
        value_drop(g->missing.items[i].name);
    vec_release(&g->missing);
    mem_free(g);
}

/* ---- what makes a round worth its while ---- */

static void wake_pod(struct controller *c, struct step *step, const struct object_key *key,
                     struct value before, struct value after)
{
    (void)step, (void)key, (void)before, (void)after;
    ((struct pod_gc *)c->state)->is_settled = false;
}

static void wake_node(struct controller *c, struct step *step, const struct object_key *key,
                      struct value before, struct value after)
{
    (void)step, (void)key, (void)before;
    if (!value_is_present(after))
        ((struct pod_gc *)c->state)->is_settled = false;
}

/* ---- the round ---- */

static struct value node_of(struct controller *c, struct value pod)
{
    return informer_get_named(controller_informer(c, RESOURCE_nodes), S(""),
                              VALUE_STR(pod, spec, nodeName));
}

/* True when the node has been missing for long enough. */
static bool is_past_quarantine(struct pod_gc *g, struct value name, struct instant now)
{
    for (size_t i = 0; i < g->missing.count; i++) {
        if (value_equal(g->missing.items[i].name, name)) {
            g->missing.items[i].seen = true;
            return now.ns >= instant_add(g->missing.items[i].since, duration_s(QUARANTINE_S)).ns;
        }
    }
    vec_push(&g->missing, (struct missing_node){value_keep(name), now, true});
    return false;
}

static bool is_out_of_service(struct value node)
{
    struct value taints = VALUE_GET(node, spec, taints);
    for (size_t i = 0; i < value_count(taints); i++)
        if (VALUE_IS(value_at(taints, i), OUT_OF_SERVICE, key))
            return !condition_is_true(VALUE_GET(node, status, conditions), "Ready");
    return false;
}

static void forget_nodes_that_came_back(struct pod_gc *g)
{
    for (size_t i = 0; i < g->missing.count;) {
        if (g->missing.items[i].seen) {
            g->missing.items[i++].seen = false;
        } else {
            value_drop(g->missing.items[i].name);
            vec_remove(&g->missing, i);
        }
    }
}

static void collect_ended(struct controller *c, struct step *step, int64_t threshold);

static void gc_tick(struct controller *c, struct step *step)
{
    struct pod_gc *g = c->state;
    int64_t ended = 0;
    bool any_deleting = false;
    if (g->is_settled)
        return;
    for (struct informer_cursor p = informer_first(controller_informer(c, RESOURCE_pods), S(""));
         p.key; informer_next(&p)) {
        struct value name = VALUE_GET(p.object, spec, nodeName);
        bool bound = value_is_present(name) && !value_is(name, "");
        struct value node = bound ? node_of(c, p.object) : VALUE_ABSENT;
        ended += pod_is_finished(p.object);
        any_deleting = any_deleting || object_is_deleting(p.object);
        bool collects = bound ? (!value_is_present(node)
                                     ? is_past_quarantine(g, name, step->now)
                                     : object_is_deleting(p.object) && is_out_of_service(node))
                              : object_is_deleting(p.object);
        if (collects)
            controller_enqueue(c, step, p.key);
    }
    forget_nodes_that_came_back(g);
    int64_t threshold = c->flags->terminated_pod_gc_threshold;
    if (threshold > 0 && ended > threshold)
        collect_ended(c, step, ended - threshold);
    else
        g->is_settled = !any_deleting && g->missing.count == 0;
}

struct ended_pod {
    const struct object_key *key;
    struct value created;
};

static int by_creation(const void *a, const void *b, void *context)
{
    (void)context;
    const struct ended_pod *x = a, *y = b;
    int order = value_compare(x->created, y->created);
    return order ? order : object_key_compare(x->key, y->key);
}

static void collect_ended(struct controller *c, struct step *step, int64_t surplus)
{
    VEC(struct ended_pod) pods = {0};
    for (struct informer_cursor p = informer_first(controller_informer(c, RESOURCE_pods), S(""));
         p.key; informer_next(&p))
        if (pod_is_finished(p.object))
            vec_push(&pods,
                     (struct ended_pod){p.key, VALUE_GET(p.object, metadata, creationTimestamp)});
    sort_stable(pods.items, pods.count, sizeof(pods.items[0]), by_creation, NULL);
    for (int64_t i = 0; i < surplus && (size_t)i < pods.count; i++)
        controller_enqueue(c, step, pods.items[i].key);
    vec_release(&pods);
}

/* ---- one pod: is its node really gone? mark it failed, delete it ---- */

enum { PHASE_LOOK, PHASE_NODE_READ, PHASE_MARKED, PHASE_DELETED };

static enum sync_result delete_now(struct sync *s)
{
    struct request *r = client_delete_request(s->key, VALUE_ABSENT);
    request_delete_options(r)->grace_period_seconds = 0;
    sync_send(s, r, 0);
    return sync_wait(s, PHASE_DELETED);
}

static enum sync_result mark_and_delete(struct sync *s, struct value pod, bool orphaned)
{
    if (pod_is_finished(pod))
        return delete_now(s);
    sync_trace(s,
               orphaned ? "its node %.*s does not exist any more: marks it Failed and deletes it"
                        : "nobody will end it (node \"%.*s\"): marks it Failed and deletes it",
               STR_ARG(VALUE_STR(pod, spec, nodeName)));
    struct value now = time_value(s->step->wall);
    struct value condition = value_pack(
        "[{type: DisruptionTarget, status: \"True\", reason: DeletionByPodGC, message: \"PodGC: "
        "node no "
        "longer exists\", observedGeneration: %D, lastProbeTime: null, lastTransitionTime: %v}]",
        object_generation(pod), now);
    struct value patch =
        value_pack("{status: {phase: Failed, observedGeneration: %D, conditions: %v}}",
                   object_generation(pod), orphaned ? value_keep(condition) : VALUE_ABSENT);
    value_drop(condition);
    sync_send(s, client_patch_request(s->key, PATCH_STRATEGIC, patch, SUBRESOURCE_STATUS), 0);
    return sync_wait(s, PHASE_MARKED);
}

static enum sync_result gc_sync(struct sync *s)
{
    struct value pod = informer_get(controller_informer(s->controller, RESOURCE_pods), s->key);
    if (!value_is_present(pod))
        return SYNC_DONE;
    struct str node_name = VALUE_STR(pod, spec, nodeName);
    bool orphaned = node_name.size > 0 && !value_is_present(node_of(s->controller, pod));
    switch (s->phase) {
    case PHASE_LOOK: {
        if (!orphaned)
            return mark_and_delete(s, pod, false);
        const struct object_key *node =
            object_key_of(resource_get(RESOURCE_nodes), S(""), node_name);
        sync_send(s, request_for_key(VERB_GET, node), 0);
        object_key_unref(node);
        return sync_wait(s, PHASE_NODE_READ);
    }
    case PHASE_NODE_READ:
        return s->answers[0].code == 404 ? mark_and_delete(s, pod, true) : SYNC_DONE;
    case PHASE_MARKED:
        return answer_ok(&s->answers[0]) ? delete_now(s)
                                         : SYNC_DONE; /* the next round tries again */
    default:
        return SYNC_DONE;
    }
}
