/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants of workloads and quotas.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "cluster/api/quantity.h"
#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"

/* ---- I50 ---- */

static void quota_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_resourcequotas) || !is_update(change))
        return;
    /* The quota controller counts what its cache has: between a charge and the pod's arrival there
     * it takes the charge back, and one pod too many may come in. Upstream races the same, so what
     * it writes is not judged. */
    if (str_ends_with(change->by, S(":resourcequota-controller")))
        return;
    struct value used = VALUE_GET(change->after, status, used),
                 hard = VALUE_GET(change->after, status, hard);
    struct value used_before = VALUE_GET(change->before, status, used);
    if (value_is_same(used, used_before) ||
        !value_equal(hard, VALUE_GET(change->before, status, hard)))
        return;
    (*v->checked)++;
    for (size_t i = 0; i < value_count(used); i++) {
        struct value now = value_member_at(used, i);
        atom name = value_key_atom_at(used, i);
        struct value limit = value_get(hard, name);
        bool has_grown = quantity_compare(now, value_get(used_before, name)) > 0;
        if (has_grown && value_is_present(limit) && quantity_compare(now, limit) > 0)
            text_printf(v->violation, "%.*s: used %.*s of %.*s", STR_ARG(value_key_at(used, i)),
                        STR_ARG(value_str(now)), STR_ARG(value_str(limit)));
    }
}

const struct invariant invariant_quota_holds = {
    .id = "I50",
    .name = "quota-holds",
    .help = "no write takes the use of a quota beyond what is hard",
    .changed = quota_changed,
};

/* ---- I63 ---- */

static int64_t surge_of(struct value deployment, int64_t replicas)
{
    struct value surge = VALUE_GET(deployment, spec, strategy, rollingUpdate, maxSurge);
    struct str text = value_str(surge);
    int64_t percent;
    if (VALUE_IS(deployment, "Recreate", spec, strategy, type))
        return 0;
    if (!value_is_present(surge))
        percent = 25;
    else if (!str_ends_with(text, S("%")) ||
             !str_to_int64(str_slice(text, 0, text.size - 1), &percent))
        return value_as_integer(surge, 0);
    return (replicas * percent + 99) / 100;
}

static void surge_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_replicasets) || !value_is_present(change->after))
        return;
    int64_t was = VALUE_INT(change->before, 0, spec, replicas),
            is = VALUE_INT(change->after, 0, spec, replicas);
    struct value owner = object_controller_ref(change->after);
    if (is <= was || !VALUE_IS(owner, "Deployment", kind))
        return;
    struct str namespace = change->key->namespace;
    struct value deployment = view_get_named(v->run->view, resource_get(RESOURCE_deployments),
                                             namespace, VALUE_STR(owner, name));
    if (!value_is_present(deployment) ||
        !value_equal(object_uid(deployment), VALUE_GET(owner, uid)))
        return;
    int64_t replicas = VALUE_INT(deployment, 1, spec, replicas), total = 0;
    struct view_cursor c = view_first(v->run->view, resource_get(RESOURCE_replicasets), namespace);
    for (; c.key; view_next(&c)) {
        if (object_is_controlled_by(c.object, deployment))
            total += VALUE_INT(c.object, 0, spec, replicas);
    }
    (*v->checked)++;
    /* A Deployment that was scaled down a moment ago is judged by what the controller could have
     * seen. */
    int64_t observed = VALUE_INT(deployment, 0, status, observedGeneration);
    if (observed == object_generation(deployment) &&
        total > replicas + surge_of(deployment, replicas))
        text_printf(v->violation,
                    "scaled from %" PRId64 " to %" PRId64 ": the ReplicaSets of %.*s want %" PRId64
                    " pods, replicas %" PRId64 " and maxSurge %" PRId64 " allow fewer",
                    was, is, STR_ARG(VALUE_STR(owner, name)), total, replicas,
                    surge_of(deployment, replicas));
}

const struct invariant invariant_surge_bound = {
    .id = "I63",
    .name = "surge-bound",
    .help = "a Deployment's ReplicaSets are never scaled up beyond replicas + maxSurge",
    .changed = surge_changed,
};

/* ---- I64 ---- */

static void revision_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_replicasets) || value_is_present(change->before))
        return;
    struct value hash = object_label(change->after, S("pod-template-hash")),
                 owner = object_controller_ref(change->after);
    if (!value_is_present(hash) || !value_is_present(owner))
        return;
    (*v->checked)++;
    struct view_cursor c =
        view_first(v->run->view, resource_get(RESOURCE_replicasets), change->key->namespace);
    for (; c.key; view_next(&c)) {
        bool is_other = c.key != change->key &&
                        value_equal(object_label(c.object, S("pod-template-hash")), hash);
        if (is_other &&
            value_equal(VALUE_GET(object_controller_ref(c.object), uid), VALUE_GET(owner, uid)))
            text_printf(v->violation, "%.*s has the same template", STR_ARG(c.key->name));
    }
}

const struct invariant invariant_one_replicaset_a_template = {
    .id = "I64",
    .name = "one-replicaset-a-template",
    .help = "a Deployment has one ReplicaSet for each pod template",
    .changed = revision_changed,
};

/* ---- I66 ---- */

static void job_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_jobs) || !is_update(change))
        return;
    int64_t succeeded = VALUE_INT(change->after, 0, status, succeeded),
            failed = VALUE_INT(change->after, 0, status, failed);
    (*v->checked)++;
    if (succeeded < VALUE_INT(change->before, 0, status, succeeded) ||
        failed < VALUE_INT(change->before, 0, status, failed))
        text_printf(v->violation,
                    "succeeded %" PRId64 " and failed %" PRId64 " are fewer than before", succeeded,
                    failed);
}

const struct invariant invariant_job_counts_grow = {
    .id = "I66",
    .name = "job-counts-grow",
    .help = "the numbers of succeeded and failed pods of a Job never shrink",
    .changed = job_changed,
};

static void job_pod_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_pods) || value_is_present(change->before))
        return;
    struct value owner = object_controller_ref(change->after);
    if (!VALUE_IS(owner, "Job", kind))
        return;
    struct value job = view_get_named(v->run->view, resource_get(RESOURCE_jobs),
                                      change->key->namespace, VALUE_STR(owner, name));
    struct value conditions = VALUE_GET(job, status, conditions);
    (*v->checked)++;
    if (condition_is_true(conditions, "Complete") || condition_is_true(conditions, "Failed"))
        text_printf(v->violation, "Job %.*s had ended when it was created",
                    STR_ARG(VALUE_STR(owner, name)));
}

const struct invariant invariant_completed_job_rests = {
    .id = "I66b",
    .name = "completed-job-rests",
    .help = "a Job that has ended creates no pod",
    .changed = job_pod_changed,
};

/* ---- I67 ---- */

static void cron_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_cronjobs) ||
        !VALUE_IS(change->after, "Forbid", spec, concurrencyPolicy))
        return;
    size_t active = value_count(VALUE_GET(change->after, status, active));
    (*v->checked)++;
    if (active > 1)
        text_printf(v->violation, "%zu Jobs are active", active);
}

const struct invariant invariant_cron_forbid = {
    .id = "I67",
    .name = "cron-forbid",
    .help = "a CronJob with concurrencyPolicy Forbid has at most one active Job",
    .changed = cron_changed,
};
