/* SPDX-License-Identifier: Apache-2.0
 *
 * The disruption controller: keeps the status of each PodDisruptionBudget true, so that the
 * eviction subresource knows how many pods may go by consent.
 *
 *   expected pods    with a percentage or maxUnavailable: the sum of the replicas that the pods'
 *                    controllers want; with a plain minAvailable: the pods that match
 *   desired healthy  minAvailable, or expected - maxUnavailable (percentages round up)
 *   healthy          Ready, not being deleted, not just evicted (status.disruptedPods, for 2 min)
 *   allowed          healthy - desired, at least 0
 *
 * One sync is one budget. Invariant: disruptionsAllowed is never more than healthy - desired as the
 * caches had it.
 *
 * Source: kubernetes.io/docs/tasks/run-application/configure-pdb/; upstream
 * pkg/controller/disruption.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/api/selector.h"
#include "cluster/client/controller.h"

#define DISRUPTED_POD_S 120
#define CONTROLLERS_MAX 64

static void wake_budgets(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after);
static void wake_itself(struct controller *c, struct step *step, const struct object_key *key,
                        struct value before, struct value after);
static enum sync_result disruption_sync(struct sync *s);

const struct controller_info disruption_controller = {
    .name = "disruption-controller",
    .event_source = "controllermanager",
    .primary = RESOURCE_poddisruptionbudgets,
    .watches = {{RESOURCE_poddisruptionbudgets, wake_itself},
                {RESOURCE_pods, wake_budgets},
                {RESOURCE_replicasets, NULL},
                {RESOURCE_deployments, NULL},
                {RESOURCE_statefulsets, NULL},
                {RESOURCE_replicationcontrollers, NULL}},
    .watch_count = 6,
    .sync = disruption_sync,
    .workers = 1,
};

/* ---- waking up ---- */

static void wake_itself(struct controller *c, struct step *step, const struct object_key *key,
                        struct value before, struct value after)
{
    (void)before;
    if (value_is_present(after))
        controller_enqueue(c, step, key);
}

static bool selects(struct value budget, struct value pod)
{
    return value_is_present(pod) &&
           label_selector_object_matches(VALUE_GET(budget, spec, selector), object_labels(pod));
}

static void wake_budgets(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after)
{
    struct informer *budgets = controller_informer(c, RESOURCE_poddisruptionbudgets);
    if (informer_count(budgets) == 0)
        return;
    for (struct informer_cursor b = informer_first(budgets, key->namespace); b.key;
         informer_next(&b))
        if (selects(b.object, before) || selects(b.object, after))
            controller_enqueue(c, step, b.key);
}

/* ---- the sums ---- */

/* The replicas that a pod's controller wants; of a ReplicaSet of a Deployment: the Deployment's.
 * -1: none, or unknown. */
static int64_t wanted_by_controller(struct controller *c, struct value pod, struct value *ret_uid)
{
    static const struct {
        const char *kind;
        enum resource_known resource;
    } kinds[] = {{"ReplicaSet", RESOURCE_replicasets},
                 {"StatefulSet", RESOURCE_statefulsets},
                 {"ReplicationController", RESOURCE_replicationcontrollers}};
    struct value reference = object_controller_ref(pod);
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (!VALUE_IS(reference, kinds[i].kind, kind))
            continue;
        struct value owner =
            informer_get_named(controller_informer(c, kinds[i].resource),
                               value_str(object_namespace(pod)), VALUE_STR(reference, name));
        if (!value_equal(object_uid(owner), VALUE_GET(reference, uid)))
            return -1;
        struct value above = object_controller_ref(owner);
        if (VALUE_IS(above, "Deployment", kind)) {
            struct value deployment =
                informer_get_named(controller_informer(c, RESOURCE_deployments),
                                   value_str(object_namespace(pod)), VALUE_STR(above, name));
            owner = value_equal(object_uid(deployment), VALUE_GET(above, uid)) ? deployment : owner;
        }
        *ret_uid = object_uid(owner);
        return VALUE_INT(owner, 1, spec, replicas);
    }
    return -1;
}

struct tally {
    int64_t matching, healthy, expected_by_scale;
    struct value seen[CONTROLLERS_MAX]; /* uids of the controllers counted; borrowed */
    size_t seen_count;
};

static bool is_disrupted(struct value disrupted, struct value pod, struct wall_time now)
{
    struct value when = value_get_key(disrupted, value_str(object_name(pod)));
    struct wall_time t;
    return value_is_present(when) && time_parse(when, &t) &&
           t.unix_ns + duration_s(DISRUPTED_POD_S).ns > now.unix_ns;
}

static void count_pods(struct sync *s, struct value budget, struct tally *t)
{
    struct controller *c = s->controller;
    struct label_selector *selector =
        label_selector_from_object(VALUE_GET(budget, spec, selector), NULL);
    struct value disrupted = VALUE_GET(budget, status, disruptedPods);
    struct informer *pods = controller_informer(c, RESOURCE_pods);
    for (struct informer_cursor p = informer_first(pods, s->key->namespace); selector && p.key;
         informer_next(&p)) {
        if (!label_selector_matches(selector, object_labels(p.object)))
            continue;
        t->matching++;
        t->healthy += condition_is_true(VALUE_GET(p.object, status, conditions), "Ready") &&
                      !object_is_deleting(p.object) &&
                      !is_disrupted(disrupted, p.object, s->step->wall);
        struct value uid = VALUE_ABSENT;
        int64_t wanted = wanted_by_controller(c, p.object, &uid);
        bool counted = wanted < 0;
        for (size_t i = 0; i < t->seen_count && !counted; i++)
            counted = value_equal(t->seen[i], uid);
        if (!counted && t->seen_count < CONTROLLERS_MAX) {
            t->seen[t->seen_count++] = uid;
            t->expected_by_scale += wanted;
        }
    }
    label_selector_free(selector);
}

static void want(struct value budget, const struct tally *t, int64_t *ret_expected,
                 int64_t *ret_desired)
{
    struct value at_least = VALUE_GET(budget, spec, minAvailable),
                 at_most = VALUE_GET(budget, spec, maxUnavailable);
    if (value_is_present(at_most)) {
        *ret_expected = t->expected_by_scale;
        *ret_desired = t->expected_by_scale - int_or_percent(at_most, t->expected_by_scale, true);
    } else if (value_kind(at_least) == VALUE_STRING) {
        *ret_expected = t->expected_by_scale;
        *ret_desired = int_or_percent(at_least, t->expected_by_scale, true);
    } else {
        *ret_expected = t->matching;
        *ret_desired = value_as_integer(at_least, 0);
    }
    *ret_desired = *ret_desired < 0 ? 0 : *ret_desired;
}

/* Those evicted lately whose deletion has not been seen. */
static struct value keep_disrupted(struct sync *s, struct value disrupted)
{
    struct informer *pods = controller_informer(s->controller, RESOURCE_pods);
    struct value kept = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(disrupted); i++) {
        struct str name = value_key_at(disrupted, i);
        struct value pod = informer_get_named(pods, s->key->namespace, name);
        if (!value_is_present(pod) || object_is_deleting(pod) ||
            !is_disrupted(disrupted, pod, s->step->wall))
            continue;
        kept = value_is_present(kept) ? kept : value_object();
        kept = value_set_key(kept, name, value_keep(value_member_at(disrupted, i)));
    }
    return kept;
}

static struct value condition_of(struct value budget, bool allowed, struct wall_time now)
{
    const char *status = allowed ? "True" : "False";
    struct value before =
        condition_find(VALUE_GET(budget, status, conditions), "DisruptionAllowed");
    struct value time = VALUE_IS(before, status, status)
                            ? value_keep(VALUE_GET(before, lastTransitionTime))
                            : time_value(now);
    return value_pack(
        "[{type: DisruptionAllowed, status: %s, reason: %s, message: \"\", observedGeneration: %D,"
        " lastTransitionTime: %v}]",
        status, allowed ? "SufficientPods" : "InsufficientPods", object_generation(budget), time);
}

static enum sync_result disruption_sync(struct sync *s)
{
    if (s->phase == 1) {
        if (answer_ok(&s->answers[0]) || s->answers[0].code == 404)
            return SYNC_DONE;
        return sync_retry_answer(s, &s->answers[0]);
    }
    struct value budget =
        informer_get(controller_informer(s->controller, RESOURCE_poddisruptionbudgets), s->key);
    if (!value_is_present(budget))
        return SYNC_DONE;
    struct tally t = {0};
    count_pods(s, budget, &t);
    if (t.matching == 0)
        recorder_event(s->controller->recorder, s->step, budget, "Normal", "NoPods",
                       "No matching pods found");
    int64_t expected, desired;
    want(budget, &t, &expected, &desired);
    int64_t allowed = expected > 0 && t.healthy > desired ? t.healthy - desired : 0;
    struct value disrupted = keep_disrupted(s, VALUE_GET(budget, status, disruptedPods));
    if (value_is_present(disrupted))
        controller_enqueue_after(s->controller, s->step, s->key, duration_s(DISRUPTED_POD_S));
    struct value status =
        value_pack("{conditions: %v, currentHealthy: %D, desiredHealthy: %D, disruptedPods: %v,"
                   " disruptionsAllowed: %D, expectedPods: %D, observedGeneration: %D}",
                   condition_of(budget, allowed > 0, s->step->wall), t.healthy, desired, disrupted,
                   allowed, expected, object_generation(budget));
    if (value_equal(status, VALUE_GET(budget, status))) {
        value_drop(status);
        return SYNC_DONE;
    }
    sync_trace(s,
               "%" PRId64 " of %" PRId64 " pods are healthy, %" PRId64 " must be: %" PRId64
               " may be evicted",
               t.healthy, expected, desired, allowed);
    sync_update_status(s, RESOURCE_poddisruptionbudgets,
                       VALUE_SET(value_keep(budget), status, status), 0);
    return sync_wait(s, 1);
}
