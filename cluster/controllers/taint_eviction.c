/* SPDX-License-Identifier: Apache-2.0
 *
 * The taint eviction controller: deletes pods from nodes whose NoExecute taints they do not (or no
 * longer) tolerate.
 *
 * "tolerationSeconds ... how long the pod can stay bound to a node after the taint is added": the
 * shortest of the tolerations that match counts; without tolerationSeconds a pod stays for ever; a
 * pod that does not tolerate one of the taints goes at once. The clock starts when this controller
 * first saw the taint on the pod's node, and is not restarted by another taint that would end
 * later.
 *
 * One sync is one pod. A pod that is to go gets the event TaintManagerEviction, the condition
 * DisruptionTarget, and is deleted with its own grace period. If the taint goes first, the planned
 * deletion is cancelled, with an event that says so.
 *
 * Invariant: a pod has at most one planned eviction.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/; upstream
 * pkg/controller/tainteviction.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/client/controller.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"

#define RETRIES_MAX 5

/* A pod that will be deleted at `due` unless the taint goes. */
struct planned {
    const struct object_key *key; /* owned */
    struct instant since, due;
};
struct eviction {
    struct map plans; /* by key */
    informer_index by_node;
};

static void *eviction_new(struct controller *c, struct step *step);
static void eviction_free(void *state);
static void wake_pod(struct controller *c, struct step *step, const struct object_key *key,
                     struct value before, struct value after);
static void wake_pods_of_node(struct controller *c, struct step *step, const struct object_key *key,
                              struct value before, struct value after);
static enum sync_result eviction_sync(struct sync *s);

const struct controller_info taint_eviction_controller = {
    .name = "taint-eviction-controller",
    .account = "node-controller",
    .primary = RESOURCE_pods,
    .watches = {{RESOURCE_pods, wake_pod}, {RESOURCE_nodes, wake_pods_of_node}},
    .watch_count = 2,
    .sync = eviction_sync,
    .workers = 8,
    .retries_max = RETRIES_MAX,
    .new_state = eviction_new,
    .free_state = eviction_free,
};

/* ---- life ---- */

static int by_key(const void *probe, const void *item)
{
    return object_key_compare(((const struct planned *)probe)->key,
                              ((const struct planned *)item)->key);
}

static struct planned *plan_of(const struct eviction *e, const struct object_key *key)
{
    return map_get(&e->plans, &(struct planned){.key = key});
}

static void *eviction_new(struct controller *c, struct step *step)
{
    (void)step;
    struct eviction *e = mem_new(struct eviction);
    e->plans.compare = by_key;
    e->by_node =
        informer_add_index(controller_informer(c, RESOURCE_pods), informer_terms_node_name);
    return e;
}

static void eviction_free(void *state)
{
    struct eviction *e = state;
    for (struct map_cursor c = map_first(&e->plans); c.item; map_next(&c)) {
        object_key_unref(((struct planned *)c.item)->key);
        mem_free(c.item);
    }
    map_release(&e->plans);
    mem_free(e);
}

/* ---- waking up ---- */

/* Only what can change the answer: the node, the tolerations, coming and going. */
static void wake_pod(struct controller *c, struct step *step, const struct object_key *key,
                     struct value before, struct value after)
{
    struct eviction *e = c->state;
    bool planned = plan_of(e, key) != NULL;
    if (!value_is_present(after) && !planned)
        return;
    bool same =
        value_is_present(before) && value_is_present(after) &&
        value_equal(VALUE_GET(before, spec, nodeName), VALUE_GET(after, spec, nodeName)) &&
        value_equal(VALUE_GET(before, spec, tolerations), VALUE_GET(after, spec, tolerations));
    if (same)
        return;
    if (value_is_present(after) &&
        !planned) { /* the common case: a pod on a node without such taints */
        struct value node = informer_get_named(controller_informer(c, RESOURCE_nodes), S(""),
                                               VALUE_STR(after, spec, nodeName));
        if (value_count(VALUE_GET(node, spec, taints)) == 0)
            return;
    }
    controller_enqueue(c, step, key);
}

static void wake_pods_of_node(struct controller *c, struct step *step, const struct object_key *key,
                              struct value before, struct value after)
{
    struct eviction *e = c->state;
    if (value_equal(VALUE_GET(before, spec, taints), VALUE_GET(after, spec, taints)))
        return;
    struct informer *pods = controller_informer(c, RESOURCE_pods);
    for (struct informer_cursor p = informer_first_with(pods, e->by_node, key->name); p.key;
         informer_next(&p))
        controller_enqueue(c, step, p.key);
}

/* ---- the decision, pure ---- */

enum stay { STAY_FOR_EVER, STAY_FOR_SECONDS, STAY_NOT };

/* How long the pod may stay beside these taints. */
static enum stay how_long(struct value tolerations, struct value taints, int64_t *ret_seconds)
{
    bool bounded = false;
    for (size_t i = 0; i < value_count(taints); i++) {
        struct value taint = value_at(taints, i);
        if (!VALUE_IS(taint, "NoExecute", effect))
            continue;
        bool tolerated = false;
        for (size_t j = 0; j < value_count(tolerations) && !tolerated; j++) {
            struct value t = value_at(tolerations, j);
            tolerated = toleration_matches(t, taint);
            if (!tolerated || !value_is_present(VALUE_GET(t, tolerationSeconds)))
                continue;
            int64_t seconds = VALUE_INT(t, 0, tolerationSeconds);
            seconds = seconds < 0 ? 0 : seconds;
            *ret_seconds = bounded && *ret_seconds < seconds ? *ret_seconds : seconds;
            bounded = true;
        }
        if (!tolerated)
            return STAY_NOT;
    }
    return bounded ? STAY_FOR_SECONDS : STAY_FOR_EVER;
}

/* ---- one pod ---- */

static void forget(struct eviction *e, const struct object_key *key)
{
    struct planned *p = map_remove(&e->plans, &(struct planned){.key = key});
    if (!p)
        return;
    object_key_unref(p->key);
    mem_free(p);
}

/* Upstream's event names the pod without its uid. */
static void tell(struct sync *s, const char *what)
{
    struct value pod =
        value_pack("{apiVersion: v1, kind: Pod, metadata: {name: %S, namespace: %S}}", s->key->name,
                   s->key->namespace);
    recorder_event(s->controller->recorder, s->step, pod, "Normal", "TaintManagerEviction",
                   "%s Pod %.*s/%.*s", what, STR_ARG(s->key->namespace), STR_ARG(s->key->name));
    value_drop(pod);
}

static void cancel(struct sync *s, struct value pod)
{
    struct eviction *e = s->controller->state;
    if (!plan_of(e, s->key))
        return;
    forget(e, s->key);
    sync_trace(s, "may stay on %.*s: its eviction is cancelled",
               STR_ARG(VALUE_STR(pod, spec, nodeName)));
    tell(s, "Cancelling deletion of");
}

/* True when the pod is due now; otherwise it is planned, and looked at again when it is due. */
static bool plan(struct sync *s, struct value pod, enum stay stay, int64_t seconds)
{
    struct eviction *e = s->controller->state;
    struct instant now = s->step->now;
    struct planned *p = plan_of(e, s->key);
    struct duration wait = duration_s(stay == STAY_NOT ? 0 : seconds);
    if (!p) {
        p = mem_new(struct planned);
        *p = (struct planned){object_key_ref(s->key), now, instant_add(now, wait)};
        map_put(&e->plans, p);
        if (wait.ns > 0)
            sync_trace(s, "tolerates the taints of %.*s for %" PRId64 " s: is deleted then",
                       STR_ARG(VALUE_STR(pod, spec, nodeName)), seconds);
    } else if (instant_add(p->since, wait).ns < p->due.ns) {
        p->due = instant_add(p->since, wait); /* a taint that it tolerates for a shorter time */
    }
    if (p->due.ns <= now.ns)
        return true;
    controller_enqueue_after(s->controller, s->step, s->key, instant_since(p->due, now));
    return false;
}

static struct value disruption_patch(struct sync *s, struct value pod)
{
    struct value now = time_value(s->step->wall);
    return value_pack(
        "{metadata: {uid: %v}, status: {conditions: [{type: DisruptionTarget, status: \"True\","
        " reason: DeletionByTaintManager, message: \"Taint manager: deleting due to NoExecute "
        "taint\","
        " observedGeneration: %D, lastProbeTime: null, lastTransitionTime: %v}]}}",
        value_keep(object_uid(pod)), object_generation(pod), now);
}

static enum sync_result decide(struct sync *s)
{
    struct eviction *e = s->controller->state;
    struct value pod = informer_get(controller_informer(s->controller, RESOURCE_pods), s->key);
    if (!value_is_present(pod)) {
        forget(e, s->key);
        return SYNC_DONE;
    }
    struct value node = informer_get_named(controller_informer(s->controller, RESOURCE_nodes),
                                           S(""), VALUE_STR(pod, spec, nodeName));
    int64_t seconds = 0;
    enum stay stay =
        how_long(VALUE_GET(pod, spec, tolerations), VALUE_GET(node, spec, taints), &seconds);
    if (stay == STAY_FOR_EVER) {
        cancel(s, pod);
        return SYNC_DONE;
    }
    if (object_is_deleting(pod)) { /* on its way already */
        forget(e, s->key);
        return SYNC_DONE;
    }
    if (!plan(s, pod, stay, seconds))
        return SYNC_DONE;
    sync_trace(s, "%s the taints of %.*s: deletes it",
               stay == STAY_NOT ? "does not tolerate" : "no longer tolerates",
               STR_ARG(VALUE_STR(pod, spec, nodeName)));
    tell(s, "Marking for deletion");
    struct request *r =
        client_patch_request(s->key, PATCH_STRATEGIC, disruption_patch(s, pod), SUBRESOURCE_STATUS);
    sync_send(s, r, 0);
    return sync_wait(s, 1);
}

static enum sync_result eviction_sync(struct sync *s)
{
    switch (s->phase) {
    case 0:
        return decide(s);
    case 1: {
        if (s->answers[0].code == 404)
            return SYNC_DONE;
        if (!answer_ok(&s->answers[0]))
            return sync_retry_answer(s, &s->answers[0]);
        sync_delete(s, s->key, VALUE_ABSENT, 0);
        return sync_wait(s, 2);
    }
    default:
        if (!answer_ok(&s->answers[0]) && s->answers[0].code != 404)
            return sync_retry_answer(s, &s->answers[0]);
        forget(s->controller->state, s->key);
        return SYNC_DONE;
    }
}
