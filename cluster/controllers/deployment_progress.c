/* SPDX-License-Identifier: Apache-2.0
 *
 * What a Deployment says about itself [doc:deployment#deployment-status]: the counts over its
 * ReplicaSets, and three conditions.
 *   - Available: at least replicas - maxUnavailable pods are available;
 *   - Progressing: complete, moving, or past its deadline ("progressDeadlineSeconds ... the number
 *     of seconds the Deployment controller waits before indicating (in the Deployment status) that
 *     the Deployment progress has stalled");
 *   - ReplicaFailure: copied from a ReplicaSet that cannot create or delete pods, the new one
 *     first.
 *
 * Since nothing happens when progress stalls, the controller looks again one second after the
 * deadline.
 *
 * Upstream: calculateStatus, syncRolloutStatus, DeploymentComplete, DeploymentProgressing,
 * DeploymentTimedOut, requeueStuckDeployment, SetDeploymentCondition.
 */
#include "sim/base/base.h"

#include "cluster/controllers/deployment.h"

#include "cluster/api/object.h"

bool deployment_has_deadline(struct value deployment)
{
    struct value seconds = VALUE_GET(deployment, spec, progressDeadlineSeconds);
    return value_is_present(seconds) && value_as_integer(seconds, 0) != INT32_MAX;
}

/* ---- conditions ---- */

static struct value without_condition(struct value own_conditions, const char *type)
{
    for (size_t i = 0; i < value_count(own_conditions); i++)
        if (value_is(value_get(value_at(own_conditions, i), ATOM_type), type))
            return value_remove_at(own_conditions, i);
    return own_conditions;
}

static struct value put_condition(struct value own_conditions, struct step *step, const char *type,
                                  const char *status, const char *reason, struct str message,
                                  bool keep_transition)
{
    struct value old = condition_find(own_conditions, type);
    struct value now = time_value(step->wall);
    struct value transition =
        value_keep(keep_transition ? value_get(old, ATOM_lastTransitionTime) : now);
    struct value new =
        value_pack("{type: %s, status: %s, lastUpdateTime: %v, lastTransitionTime: %v, reason: %s, "
                   "message: %S}",
                   type, status, now, transition, reason, message);
    return value_append(without_condition(own_conditions, type), new);
}

/* The same status and reason leave the condition as it is; the same status keeps its time of
 * transition. */
struct value deployment_set_condition(struct value own_conditions, struct step *step,
                                      const char *type, const char *status, const char *reason,
                                      struct str message)
{
    struct value old = condition_find(own_conditions, type);
    bool is_same_status = value_is(value_get(old, ATOM_status), status);
    if (is_same_status && value_is(value_get(old, ATOM_reason), reason))
        return own_conditions;
    return put_condition(own_conditions, step, type, status, reason, message, is_same_status);
}

static struct value set_available(struct rollout *r, struct value own_conditions, int64_t available)
{
    if (available >= r->replicas - r->max_unavailable)
        return deployment_set_condition(own_conditions, r->sync->step, "Available", "True",
                                        "MinimumReplicasAvailable",
                                        S("Deployment has minimum availability."));
    return deployment_set_condition(own_conditions, r->sync->step, "Available", "False",
                                    "MinimumReplicasUnavailable",
                                    S("Deployment does not have minimum availability."));
}

/* ---- progress ---- */

bool deployment_is_complete(struct value deployment, struct value status)
{
    int64_t replicas = VALUE_INT(deployment, 1, spec, replicas);
    return VALUE_INT(status, 0, updatedReplicas) == replicas &&
           VALUE_INT(status, 0, replicas) == replicas &&
           VALUE_INT(status, 0, availableReplicas) == replicas &&
           VALUE_INT(status, 0, observedGeneration) >= object_generation(deployment);
}

static bool is_progressing(struct value old, struct value new)
{
    int64_t updated_before = VALUE_INT(old, 0, updatedReplicas),
            updated = VALUE_INT(new, 0, updatedReplicas);
    int64_t outdated_before = VALUE_INT(old, 0, replicas) - updated_before;
    int64_t outdated = VALUE_INT(new, 0, replicas) - updated;
    return updated > updated_before || outdated < outdated_before ||
           VALUE_INT(new, 0, readyReplicas) > VALUE_INT(old, 0, readyReplicas) ||
           VALUE_INT(new, 0, availableReplicas) > VALUE_INT(old, 0, availableReplicas);
}

static bool has_timed_out(const struct rollout *r, struct value conditions)
{
    struct value condition = condition_find(conditions, "Progressing");
    struct wall_time updated;
    if (!value_is_present(condition) || VALUE_IS(condition, "NewReplicaSetAvailable", reason))
        return false;
    if (VALUE_IS(condition, "ProgressDeadlineExceeded", reason))
        return true;
    if (!time_parse(value_get(condition, ATOM_lastUpdateTime), &updated))
        return false;
    int64_t deadline_s = VALUE_INT(r->deployment, 0, spec, progressDeadlineSeconds);
    return updated.unix_ns + duration_s(deadline_s).ns < r->sync->step->wall.unix_ns;
}

static struct str about(struct rollout *r, const char *what)
{
    const char *kind = rollout_has_new(r) ? "ReplicaSet" : "Deployment";
    struct str name = rollout_has_new(r) ? r->all[r->new].key->name : r->sync->key->name;
    return arena_printf(r->sync->step->scratch, "%s \"%.*s\" %s", kind, STR_ARG(name), what);
}

static struct value set_progressing(struct rollout *r, struct value status,
                                    struct value own_conditions)
{
    struct value old_status = value_get(r->deployment, ATOM_status);
    struct value current = condition_find(value_get(old_status, ATOM_conditions), "Progressing");
    struct step *step = r->sync->step;
    if (!deployment_has_deadline(r->deployment))
        return without_condition(own_conditions, "Progressing");
    bool was_complete = VALUE_INT(status, 0, replicas) == VALUE_INT(status, 0, updatedReplicas) &&
                        VALUE_IS(current, "NewReplicaSetAvailable", reason);
    if (was_complete)
        return own_conditions;
    if (deployment_is_complete(r->deployment, status))
        return deployment_set_condition(own_conditions, step, "Progressing", "True",
                                        "NewReplicaSetAvailable",
                                        about(r, "has successfully progressed."));
    if (is_progressing(old_status, status)) /* counts as an update even when nothing else changes */
        return put_condition(own_conditions, step, "Progressing", "True", "ReplicaSetUpdated",
                             about(r, "is progressing."), VALUE_IS(current, "True", status));
    if (has_timed_out(r, own_conditions))
        return deployment_set_condition(own_conditions, step, "Progressing", "False",
                                        "ProgressDeadlineExceeded",
                                        about(r, "has timed out progressing."));
    return own_conditions;
}

static struct value set_failure(struct rollout *r, struct value own_conditions)
{
    struct value failure = VALUE_ABSENT;
    if (rollout_has_new(r))
        failure =
            condition_find(VALUE_GET(r->all[r->new].rs, status, conditions), "ReplicaFailure");
    for (size_t i = 0; i < r->count && !value_is_present(failure); i++)
        failure = condition_find(VALUE_GET(r->all[i].rs, status, conditions), "ReplicaFailure");
    if (!value_is_present(failure))
        return without_condition(own_conditions, "ReplicaFailure");
    struct value old = condition_find(own_conditions, "ReplicaFailure");
    if (value_is_present(old) &&
        value_equal(value_get(old, ATOM_status), value_get(failure, ATOM_status)) &&
        value_equal(value_get(old, ATOM_reason), value_get(failure, ATOM_reason)))
        return own_conditions;
    struct value time = value_get(failure, ATOM_lastTransitionTime);
    struct value copy = value_pack(
        "{type: ReplicaFailure, status: %v, lastUpdateTime: %v, lastTransitionTime: %v, "
        "reason: %v, message: %v}",
        value_keep(value_get(failure, ATOM_status)), value_keep(time), value_keep(time),
        value_keep(value_get(failure, ATOM_reason)), value_keep(value_get(failure, ATOM_message)));
    return value_append(without_condition(own_conditions, "ReplicaFailure"), copy);
}

/* ---- status ---- */

static struct value counts_of(struct rollout *r, int64_t *ret_available)
{
    int64_t wanted = 0, actual = 0, ready = 0, available = 0, terminating = 0;
    bool is_terminating_known = true;
    for (size_t i = 0; i < r->count; i++) {
        const struct revision *v = &r->all[i];
        wanted += v->replicas;
        actual += v->actual;
        ready += v->ready;
        available += v->available;
        terminating += v->terminating;
        /* One that its controller has not looked at yet terminates none. */
        if (VALUE_INT(v->rs, 0, status, observedGeneration) > 0 &&
            !value_is_present(VALUE_GET(v->rs, status, terminatingReplicas)))
            is_terminating_known = false;
    }
    int64_t unavailable = wanted > available ? wanted - available : 0;
    *ret_available = available;
    struct value collisions = VALUE_GET(r->deployment, status, collisionCount);
    return value_pack(
        "{observedGeneration: %D, replicas: %v, updatedReplicas: %v, readyReplicas: %v, "
        "availableReplicas: %v, unavailableReplicas: %v, terminatingReplicas: %v, collisionCount: "
        "%v}",
        object_generation(r->deployment), count_or_absent(actual),
        count_or_absent(rollout_has_new(r) ? r->all[r->new].actual : 0), count_or_absent(ready),
        count_or_absent(available), count_or_absent(unavailable),
        is_terminating_known ? value_integer(terminating) : VALUE_ABSENT, value_keep(collisions));
}

struct value deployment_status(struct rollout *r, bool with_progress)
{
    int64_t available;
    struct value status = counts_of(r, &available);
    struct value conditions = value_keep(VALUE_GET(r->deployment, status, conditions));
    conditions = set_available(r, conditions, available);
    if (with_progress) {
        conditions = set_progressing(r, status, conditions);
        conditions = set_failure(r, conditions);
    }
    return value_set(status, ATOM_conditions, conditions);
}

void deployment_requeue_stuck(struct rollout *r, struct value status)
{
    struct value condition =
        condition_find(VALUE_GET(r->deployment, status, conditions), "Progressing");
    struct wall_time updated;
    if (!deployment_has_deadline(r->deployment) || !value_is_present(condition) ||
        deployment_is_complete(r->deployment, status) ||
        VALUE_IS(condition, "ProgressDeadlineExceeded", reason) ||
        !time_parse(value_get(condition, ATOM_lastUpdateTime), &updated))
        return;
    int64_t deadline_s = VALUE_INT(r->deployment, 0, spec, progressDeadlineSeconds);
    struct duration after =
        duration_ns(updated.unix_ns + duration_s(deadline_s).ns - r->sync->step->wall.unix_ns);
    after = after.ns < duration_s(1).ns ? duration_s(1) : duration_ns(after.ns + duration_s(1).ns);
    controller_enqueue_after(r->sync->controller, r->sync->step, r->sync->key, after);
}
