/* SPDX-License-Identifier: Apache-2.0
 *
 * The resource quota controller: keeps status.used of each ResourceQuota true. (Refusing what would
 * exceed a quota is admission's work, which also counts a create at once; this controller corrects
 * what admission cannot see: deletions, pods that ended.)
 *
 * One sync is one quota: counts what its namespace holds of each resource in spec.hard, within the
 * scopes, and writes the status if it differs. Woken by a change of the quota, by deletions and
 * ended pods in its namespace, and every 5 minutes.
 *
 * Source: kubernetes.io/docs/concepts/policy/resource-quotas/; upstream
 * pkg/controller/resourcequota.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/api/quota.h"
#include "cluster/client/controller.h"
#include "cluster/client/custom_informers.h"
#include "sim/base/mem.h"

#define RESYNC_S 300

static void wake_quota(struct controller *c, struct step *step, const struct object_key *key,
                       struct value before, struct value after);
static void wake_quotas_of_namespace(struct controller *c, struct step *step,
                                     const struct object_key *key, struct value before,
                                     struct value after);
static void quota_tick(struct controller *c, struct step *step);
static void *quotas_new(struct controller *c, struct step *step);
static void quotas_free(void *state);
static enum sync_result quota_sync(struct sync *s);

const struct controller_info resource_quota_controller = {
    .name = "resourcequota-controller",
    .primary = RESOURCE_resourcequotas,
    .watches = {{RESOURCE_resourcequotas, wake_quota},
                {RESOURCE_pods, wake_quotas_of_namespace},
                {RESOURCE_services, wake_quotas_of_namespace},
                {RESOURCE_configmaps, wake_quotas_of_namespace},
                {RESOURCE_secrets, wake_quotas_of_namespace},
                {RESOURCE_replicationcontrollers, wake_quotas_of_namespace},
                {RESOURCE_persistentvolumeclaims, wake_quotas_of_namespace},
                {RESOURCE_deployments, wake_quotas_of_namespace},
                {RESOURCE_replicasets, wake_quotas_of_namespace},
                {RESOURCE_jobs, wake_quotas_of_namespace}},
    .watch_count = 10,
    .sync = quota_sync,
    .workers = 5,
    .period = {RESYNC_S * INT64_C(1000000000)},
    .tick = quota_tick,
    .new_state = quotas_new,
    .free_state = quotas_free,
};

struct resource_quotas {
    struct controller *controller;
    struct custom_informers *custom;
};

static void on_custom(void *owner, struct step *step, const struct object_key *key,
                      struct value before, struct value after)
{
    struct resource_quotas *q = owner;
    if (!value_is_present(after))
        wake_quotas_of_namespace(q->controller, step, key, before, after);
}

static void *quotas_new(struct controller *c, struct step *step)
{
    struct resource_quotas *q = mem_new(struct resource_quotas);
    (void)step;
    q->controller = c;
    q->custom = custom_informers_new(c->client, c->informers, on_custom, q);
    return q;
}

static void quotas_free(void *state)
{
    struct resource_quotas *q = state;
    custom_informers_free(q->custom);
    mem_free(q);
}

/* A status write of our own wakes nobody. */
static void wake_quota(struct controller *c, struct step *step, const struct object_key *key,
                       struct value before, struct value after)
{
    if (value_is_present(before) && value_is_present(after) &&
        value_equal(VALUE_GET(before, spec), VALUE_GET(after, spec)))
        return;
    controller_enqueue(c, step, key);
}

/* Something was given back: a deletion, or a pod that has ended. What comes is counted by
 * admission. */
static void wake_quotas_of_namespace(struct controller *c, struct step *step,
                                     const struct object_key *key, struct value before,
                                     struct value after)
{
    bool ended = value_is_present(before) && value_is_present(after) && !pod_is_finished(before) &&
                 pod_is_finished(after);
    if (value_is_present(after) && !ended)
        return;
    struct informer *quotas = controller_informer(c, RESOURCE_resourcequotas);
    for (struct informer_cursor q = informer_first(quotas, key->namespace); q.key;
         informer_next(&q))
        controller_enqueue(c, step, q.key);
}

static void quota_tick(struct controller *c, struct step *step)
{
    struct informer *quotas = controller_informer(c, RESOURCE_resourcequotas);
    for (struct informer_cursor q = informer_first(quotas, S("")); q.key; informer_next(&q))
        controller_enqueue(c, step, q.key);
}

static struct value count_in(struct sync *s, struct value quota, struct informer *informer,
                             const struct resource *r, struct value own_used)
{
    struct value used = own_used;
    for (struct informer_cursor o = informer_first(informer, s->key->namespace); o.key;
         informer_next(&o))
        if (quota_scopes_match(quota, r, o.object))
            used = quota_add_usage(used, r, o.object);
    return used;
}

/* What the namespace holds, by the names of `hard`; owned. */
static struct value count_usage(struct sync *s, struct value quota)
{
    struct value hard = VALUE_GET(quota, spec, hard), used = value_object();
    for (size_t w = 1; w < s->controller->info->watch_count; w++) {
        enum resource_known known = s->controller->info->watches[w].resource;
        used = count_in(s, quota, controller_informer(s->controller, known), resource_get(known),
                        used);
    }
    const struct resource_quotas *q = s->controller->state;
    for (size_t i = 0; i < custom_informers_count(q->custom); i++) {
        const struct resource *r;
        struct informer *informer = custom_informers_at(q->custom, i, &r);
        used = count_in(s, quota, informer, r, used);
    }
    struct value masked = quota_mask(used, hard);
    value_drop(used);
    return masked;
}

static enum sync_result quota_sync(struct sync *s)
{
    if (s->phase == 1) {
        if (answer_ok(&s->answers[0]) || s->answers[0].code == 404)
            return SYNC_DONE;
        return sync_retry_answer(s, &s->answers[0]);
    }
    struct value quota =
        informer_get(controller_informer(s->controller, RESOURCE_resourcequotas), s->key);
    if (!value_is_present(quota))
        return SYNC_DONE;
    struct value hard = VALUE_GET(quota, spec, hard), used = count_usage(s, quota);
    if (value_equal(VALUE_GET(quota, status, hard), hard) &&
        value_equal(VALUE_GET(quota, status, used), used)) {
        value_drop(used);
        return SYNC_DONE;
    }
    struct value changed = VALUE_SET(value_keep(quota), value_keep(hard), status, hard);
    sync_trace(s, "counts anew what the namespace uses");
    sync_update_status(s, RESOURCE_resourcequotas, VALUE_SET(changed, used, status, used), 0);
    return sync_wait(s, 1);
}
