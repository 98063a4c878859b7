/* SPDX-License-Identifier: Apache-2.0
 *
 * Defaults of workloads: apps/v1, batch/v1, autoscaling, replication controllers.
 */
#include "sim/base/base.h"

#include "cluster/api/defaults.h"

#include "cluster/api/defaults_parts.h"
#include "cluster/api/strategy.h"

static struct value default_template(struct value own_spec)
{
    return default_made_member(own_spec, ATOM_template, default_pod_template);
}

/* maxUnavailable and the like: a number or a percentage. */
static struct value default_int_or_text(struct value v, atom key, const char *percent,
                                        int64_t number)
{
    if (!is_missing(value_get(v, key)))
        return v;
    return value_set(v, key, percent ? value_string(str_from(percent)) : value_integer(number));
}

/* ---- apps/v1 ---- */

static struct value deployment_rolling(struct value v)
{
    v = default_int_or_text(v, ATOM_maxUnavailable, "25%", 0);
    return default_int_or_text(v, ATOM_maxSurge, "25%", 0);
}

static struct value deployment_strategy(struct value v)
{
    v = default_text(v, ATOM_type, "RollingUpdate");
    return VALUE_IS(v, "RollingUpdate", type)
               ? default_made_member(v, ATOM_rollingUpdate, deployment_rolling)
               : v;
}

static struct value deployment_spec(struct value s)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(replicas, 1),
                                                  NUMBER_POINTER(revisionHistoryLimit, 10),
                                                  NUMBER_POINTER(progressDeadlineSeconds, 600)};
    s = DEFAULT_SCALARS(s, table);
    s = default_made_member(s, ATOM_strategy, deployment_strategy);
    return default_template(s);
}

struct value default_deployment(struct value o)
{
    return default_made_member(o, ATOM_spec, deployment_spec);
}

static struct value replicas_and_template(struct value s)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(replicas, 1)};
    return default_template(DEFAULT_SCALARS(s, table));
}

struct value default_replica_set(struct value o)
{
    return default_made_member(o, ATOM_spec, replicas_and_template);
}

static struct value partition(struct value v)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(partition, 0)};
    return DEFAULT_SCALARS(v, table);
}

static struct value stateful_strategy(struct value v)
{
    v = default_text(v, ATOM_type, "RollingUpdate");
    return VALUE_IS(v, "RollingUpdate", type)
               ? default_made_member(v, ATOM_rollingUpdate, partition)
               : v;
}

static struct value retention(struct value v)
{
    static const struct scalar_default table[] = {TEXT_DEFAULT(whenDeleted, "Retain"),
                                                  TEXT_DEFAULT(whenScaled, "Retain")};
    return DEFAULT_SCALARS(v, table);
}

static struct value claim_of_set(struct value v)
{
    static const struct scalar_default table[] = {TEXT_DEFAULT(kind, "PersistentVolumeClaim"),
                                                  TEXT_DEFAULT(apiVersion, "v1")};
    return default_claim(DEFAULT_SCALARS(v, table));
}

static struct value stateful_spec(struct value s)
{
    static const struct scalar_default table[] = {TEXT_DEFAULT(podManagementPolicy, "OrderedReady"),
                                                  NUMBER_POINTER(replicas, 1),
                                                  NUMBER_POINTER(revisionHistoryLimit, 10)};
    s = DEFAULT_SCALARS(s, table);
    s = default_made_member(s, ATOM_updateStrategy, stateful_strategy);
    s = default_made_member(s, ATOM_persistentVolumeClaimRetentionPolicy, retention);
    s = default_items(s, ATOM_volumeClaimTemplates, claim_of_set);
    return default_template(s);
}

struct value default_stateful_set(struct value o)
{
    return default_made_member(o, ATOM_spec, stateful_spec);
}

static struct value daemon_rolling(struct value v)
{
    v = default_int_or_text(v, ATOM_maxUnavailable, NULL, 1);
    return default_int_or_text(v, ATOM_maxSurge, NULL, 0);
}

static struct value daemon_strategy(struct value v)
{
    v = default_text(v, ATOM_type, "RollingUpdate");
    return VALUE_IS(v, "RollingUpdate", type)
               ? default_made_member(v, ATOM_rollingUpdate, daemon_rolling)
               : v;
}

static struct value daemon_spec(struct value s)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(revisionHistoryLimit, 10)};
    s = DEFAULT_SCALARS(s, table);
    s = default_made_member(s, ATOM_updateStrategy, daemon_strategy);
    return default_template(s);
}

/* A conversion from the internal form shows the field as an annotation, with its zero. */
static struct value template_generation(struct value o)
{
    struct value annotations = VALUE_GET(o, metadata, annotations);
    struct str name = S(DAEMON_SET_TEMPLATE_GENERATION);
    if (value_is_present(value_get_key(annotations, name)))
        return o;
    annotations = value_is_present(annotations) ? value_keep(annotations) : value_object();
    annotations = value_set_key(annotations, name, value_string(S("0")));
    return VALUE_SET(o, annotations, metadata, annotations);
}

struct value default_daemon_set(struct value o)
{
    o = template_generation(o);
    return default_made_member(o, ATOM_spec, daemon_spec);
}

/* ---- core: ReplicationController ---- */

struct value default_replication_controller(struct value o)
{
    o = default_made_member(o, ATOM_spec, replicas_and_template);
    struct value labels = value_keep(VALUE_GET(o, spec, template, metadata, labels));
    if (value_count(labels) > 0) {
        if (value_count(VALUE_GET(o, spec, selector)) == 0)
            o = VALUE_SET(o, value_keep(labels), spec, selector);
        if (value_count(VALUE_GET(o, metadata, labels)) == 0)
            o = VALUE_SET(o, value_keep(labels), metadata, labels);
    }
    value_drop(labels);
    return o;
}

/* ---- batch/v1 ---- */

static struct value condition_pattern(struct value v)
{
    return default_text(v, ATOM_status, "True");
}

static struct value failure_rule(struct value v)
{
    return default_items(v, ATOM_onPodConditions, condition_pattern);
}

static struct value failure_policy(struct value v)
{
    return default_items(v, ATOM_rules, failure_rule);
}

static struct value job_spec(struct value s)
{
    static const struct scalar_default table[] = {TEXT_POINTER(completionMode, "NonIndexed"),
                                                  FALSE_POINTER(suspend),
                                                  FALSE_POINTER(manualSelector)};
    if (is_missing(value_get(s, ATOM_completions)) && is_missing(value_get(s, ATOM_parallelism)))
        s = value_set(s, ATOM_completions, value_integer(1));
    if (is_missing(value_get(s, ATOM_parallelism)))
        s = value_set(s, ATOM_parallelism, value_integer(1));
    if (is_missing(value_get(s, ATOM_backoffLimit))) {
        bool per_index = value_is_present(value_get(s, ATOM_backoffLimitPerIndex));
        s = value_set(s, ATOM_backoffLimit, value_integer(per_index ? INT32_MAX : 6));
    }
    s = DEFAULT_SCALARS(s, table);
    bool has_policy = value_is_present(value_get(s, ATOM_podFailurePolicy));
    s = default_text(s, ATOM_podReplacementPolicy, has_policy ? "Failed" : "TerminatingOrFailed");
    s = default_member(s, ATOM_podFailurePolicy, failure_policy);
    return default_template(s);
}

struct value default_job(struct value o)
{
    o = default_made_member(o, ATOM_spec, job_spec);
    struct value labels = VALUE_GET(o, spec, template, metadata, labels);
    if (value_count(labels) > 0 && value_count(VALUE_GET(o, metadata, labels)) == 0)
        o = VALUE_SET(o, value_keep(labels), metadata, labels);
    return o;
}

/* A CronJob's job template is not defaulted as a Job: only its pod template is. */
static struct value job_spec_of_template(struct value s)
{
    return default_template(s);
}

static struct value job_template(struct value t)
{
    return default_made_member(t, ATOM_spec, job_spec_of_template);
}

static struct value cron_spec(struct value s)
{
    static const struct scalar_default table[] = {
        TEXT_DEFAULT(concurrencyPolicy, "Allow"), FALSE_POINTER(suspend),
        NUMBER_POINTER(successfulJobsHistoryLimit, 3), NUMBER_POINTER(failedJobsHistoryLimit, 1)};
    s = DEFAULT_SCALARS(s, table);
    return default_made_member(s, ATOM_jobTemplate, job_template);
}

struct value default_cron_job(struct value o)
{
    return default_made_member(o, ATOM_spec, cron_spec);
}

/* ---- autoscaling ---- */

static struct value scaling_policies(bool is_up)
{
    if (is_up)
        return value_pack("[{type: Pods, value: 4, periodSeconds: 15},"
                          " {type: Percent, value: 100, periodSeconds: 15}]");
    return value_pack("[{type: Percent, value: 100, periodSeconds: 15}]");
}

static struct value scale_rules(struct value v, bool is_up)
{
    static const struct scalar_default table[] = {TEXT_POINTER(selectPolicy, "Max")};
    v = DEFAULT_SCALARS(v, table);
    if (is_up && is_missing(value_get(v, ATOM_stabilizationWindowSeconds)))
        v = value_set(v, ATOM_stabilizationWindowSeconds, value_integer(0));
    if (value_count(value_get(v, ATOM_policies)) == 0)
        v = value_set(v, ATOM_policies, scaling_policies(is_up));
    return v;
}

static struct value scale_up(struct value v)
{
    return scale_rules(v, true);
}

static struct value scale_down(struct value v)
{
    return scale_rules(v, false);
}

static struct value behavior(struct value v)
{
    v = default_made_member(v, ATOM_scaleUp, scale_up);
    return default_made_member(v, ATOM_scaleDown, scale_down);
}

static struct value autoscaler_spec(struct value s)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(minReplicas, 1)};
    s = DEFAULT_SCALARS(s, table);
    if (value_count(value_get(s, ATOM_metrics)) == 0)
        s = value_set(s, ATOM_metrics,
                      value_pack("[{type: Resource, resource: {name: cpu, target:"
                                 " {type: Utilization, averageUtilization: 80}}}]"));
    return default_member(s, ATOM_behavior, behavior);
}

struct value default_autoscaler(struct value o)
{
    return default_made_member(o, ATOM_spec, autoscaler_spec);
}

static struct value autoscaler_v1_spec(struct value s)
{
    static const struct scalar_default table[] = {
        NUMBER_POINTER(minReplicas, 1), NUMBER_POINTER(targetCPUUtilizationPercentage, 80)};
    return DEFAULT_SCALARS(s, table);
}

struct value default_autoscaler_v1(struct value o)
{
    return default_made_member(o, ATOM_spec, autoscaler_v1_spec);
}
