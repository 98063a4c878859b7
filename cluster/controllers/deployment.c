/* SPDX-License-Identifier: Apache-2.0
 *
 * "A Deployment provides declarative updates for Pods and ReplicaSets." It watches Deployments,
 * ReplicaSets and the removal of Pods, owns the ReplicaSets whose controller reference names it,
 * and never touches a pod itself.
 *
 * One sync brings the rollout one step further: claim ReplicaSets; record a pause; then either
 * scale (when the size changed, or while paused), or take a step of the strategy; status last. Each
 * write wakes it again, so that the steps follow one another without a loop in here.
 *
 * Upstream: syncDeployment = deployment_sync, checkPausedConditions, isScalingEvent =
 * rollout_is_scaling, sync = scale_apart, rolloutRolling and rolloutRecreate = roll_out.
 *
 * Differences in shape, not in outcome: where upstream goes on with a copy in memory after it wrote
 * the Deployment or the new ReplicaSet (and often runs into a conflict with itself), this sync ends
 * and the next begins from the cache.
 *
 * Invariants: total pods wanted <= replicas + maxSurge during a rollout; one ReplicaSet per
 * template.
 */
#include "sim/base/base.h"

#include "cluster/controllers/deployment.h"

#include "cluster/api/object.h"
#include "cluster/controllers/claim.h"

static void wake_for_replicaset(struct controller *c, struct step *step,
                                const struct object_key *key, struct value before,
                                struct value after);
static void wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after);
static void *new_state(struct controller *c, struct step *step);
static enum sync_result deployment_sync(struct sync *s);

const struct controller_info deployment_controller = {
    .name = "deployment-controller",
    .primary = RESOURCE_deployments,
    .watches = {{RESOURCE_deployments, controller_wake_itself},
                {RESOURCE_replicasets, wake_for_replicaset},
                {RESOURCE_pods, wake_for_pod}},
    .watch_count = 3,
    .sync = deployment_sync,
    .workers = 5,
    .retries_max = 15,
    .new_state = new_state,
};

enum {
    PHASE_OBSERVE,
    PHASE_CLAIM,   /* the fresh read before an adoption is there */
    PHASE_LAST,    /* whatever was sent ends this sync */
    PHASE_CREATED, /* the new ReplicaSet */
    PHASE_SCALED,  /* sizes were written */
};
enum { TAG_ANY };

/* ---- waking up ---- */

static void *new_state(struct controller *c, struct step *step)
{
    (void)step;
    informer_add_index(controller_informer(c, RESOURCE_replicasets), informer_terms_controller_uid);
    informer_add_index(controller_informer(c, RESOURCE_replicasets), informer_terms_orphan);
    informer_add_index(controller_informer(c, RESOURCE_pods), informer_terms_controller_uid);
    return NULL;
}

static void wake_for_replicaset(struct controller *c, struct step *step,
                                const struct object_key *key, struct value before,
                                struct value after)
{
    controller_wake_owner(c, step, key, before, after);
    struct value rs = value_is_present(after) ? after : before;
    if (value_is_present(object_controller_ref(rs)) || !value_is_present(after))
        return;
    struct str namespace = value_str(object_namespace(rs));
    for (struct informer_cursor i =
             informer_first(controller_informer(c, RESOURCE_deployments), namespace);
         i.key; informer_next(&i))
        if (selector_matches(VALUE_GET(i.object, spec, selector), object_labels(rs)))
            controller_enqueue(c, step, i.key);
}

/* Only the strategy Recreate waits for pods to be gone. */
static void wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after)
{
    (void)key;
    if (value_is_present(after))
        return;
    struct value reference = object_controller_ref(before);
    if (!VALUE_IS(reference, "ReplicaSet", kind))
        return;
    struct informer *sets = controller_informer(c, RESOURCE_replicasets);
    struct str namespace = value_str(object_namespace(before)), name = VALUE_STR(reference, name);
    struct value rs = informer_get_named(sets, namespace, name);
    const struct object_key *owner = controller_owner_key(c, rs, object_controller_ref(rs));
    if (!owner)
        return;
    struct value d = informer_get(controller_informer(c, RESOURCE_deployments), owner);
    if (VALUE_IS(d, "Recreate", spec, strategy, type))
        controller_enqueue(c, step, owner);
    object_key_unref(owner);
}

/* ---- claiming ---- */

static struct informer_cursor orphans(struct sync *s)
{
    struct informer *sets = controller_informer(s->controller, RESOURCE_replicasets);
    return informer_first_with(sets, informer_add_index(sets, informer_terms_orphan),
                               s->key->namespace);
}

static bool is_ours_to_adopt(struct sync *s, struct value rs)
{
    return !object_is_deleting(rs) &&
           selector_matches(VALUE_GET(s->object, spec, selector), object_labels(rs));
}

static bool claim_begin(struct sync *s)
{
    for (struct informer_cursor i = orphans(s); i.key; informer_next(&i)) {
        if (!is_ours_to_adopt(s, i.object))
            continue;
        sync_send(s, request_for_key(VERB_GET, s->key), TAG_ANY);
        return true;
    }
    return false;
}

static enum sync_result claim_send(struct sync *s)
{
    const struct answer *fresh = &s->answers[0];
    if (!answer_ok(fresh))
        return sync_retry_answer(s, fresh);
    if (!value_equal(object_uid(fresh->body), object_uid(s->object)) ||
        object_is_deleting(fresh->body))
        return sync_retry(s, "cannot adopt: it is being deleted or is another by now");
    for (struct informer_cursor i = orphans(s); i.key; informer_next(&i)) {
        if (!is_ours_to_adopt(s, i.object))
            continue;
        sync_trace(s, "ReplicaSet %.*s matches and has no controller -> adopts it",
                   STR_ARG(i.key->name));
        sync_send(
            s, claim_adopt_request(i.key, i.object, resource_get(RESOURCE_deployments), s->object),
            TAG_ANY);
    }
    return sync_wait(s, PHASE_LAST);
}

static bool release_some(struct sync *s, const struct rollout *r)
{
    bool is_any = false;
    for (size_t i = 0; i < r->count; i++) {
        const struct revision *v = &r->all[i];
        if (selector_matches(VALUE_GET(s->object, spec, selector), object_labels(v->rs)))
            continue;
        sync_trace(s, "ReplicaSet %.*s no longer matches -> releases it", STR_ARG(v->key->name));
        sync_send(s, claim_release_request(v->key, v->rs, s->object), TAG_ANY);
        is_any = true;
    }
    return is_any;
}

/* ---- status ---- */

static enum sync_result write_status(struct rollout *r, bool with_progress)
{
    struct sync *s = r->sync;
    struct value status = deployment_status(r, with_progress);
    if (value_equal(status, value_get(s->object, ATOM_status))) {
        if (with_progress)
            deployment_requeue_stuck(r, status);
        value_drop(status);
        return SYNC_DONE;
    }
    sync_trace(s, "status: %d pods, %d of the present template, %d available",
               (int)VALUE_INT(status, 0, replicas), (int)VALUE_INT(status, 0, updatedReplicas),
               (int)VALUE_INT(status, 0, availableReplicas));
    sync_update_status(s, RESOURCE_deployments, VALUE_SET(value_keep(s->object), status, status),
                       TAG_ANY);
    return sync_wait(s, PHASE_LAST);
}

static bool record_pause(struct sync *s)
{
    struct value conditions = VALUE_GET(s->object, status, conditions);
    struct value progressing = condition_find(conditions, "Progressing");
    bool is_paused = VALUE_BOOL_AT(s->object, spec, paused);
    bool is_recorded = VALUE_IS(progressing, "DeploymentPaused", reason);
    if (!deployment_has_deadline(s->object) ||
        VALUE_IS(progressing, "ProgressDeadlineExceeded", reason) || is_paused == is_recorded)
        return false;
    struct value new = deployment_set_condition(
        value_keep(conditions), s->step, "Progressing", "Unknown",
        is_paused ? "DeploymentPaused" : "DeploymentResumed",
        is_paused ? S("Deployment is paused") : S("Deployment is resumed"));
    sync_update_status(s, RESOURCE_deployments,
                       VALUE_SET(value_keep(s->object), new, status, conditions), TAG_ANY);
    return true;
}

/* ---- acting ---- */

static enum sync_result write_targets(struct rollout *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->all[i].target != r->all[i].replicas)
            rollout_scale(r, &r->all[i], r->all[i].target);
    return sync_wait(r->sync, PHASE_SCALED);
}

static enum sync_result scale_apart(struct rollout *r)
{
    if (plan_proportional(r)) {
        for (size_t i = 0; i < r->count; i++) {
            const struct revision *v = &r->all[i];
            if (v->target != v->replicas || (v->replicas > 0 && rollout_needs_annotations(r, v)))
                rollout_scale(r, v, v->target);
        }
        return sync_wait(r->sync, PHASE_SCALED);
    }
    if (VALUE_BOOL_AT(r->deployment, spec, paused) && rollout_clean_history(r, TAG_ANY))
        return sync_wait(r->sync, PHASE_LAST);
    return write_status(r, false);
}

static enum sync_result roll_out(struct rollout *r)
{
    if (!r->is_rolling) {
        if (plan_recreate_down(r))
            return write_targets(r);
        if (recreate_must_wait(r))
            return write_status(r, true);
    }
    if (!rollout_has_new(r)) {
        rollout_create_new(r, TAG_ANY);
        return sync_wait(r->sync, PHASE_CREATED);
    }
    if (r->is_rolling && plan_rolling(r))
        return write_targets(r);
    if (!r->is_rolling && r->all[r->new].replicas != r->replicas) {
        r->all[r->new].target = r->replicas;
        return write_targets(r);
    }
    if (deployment_is_complete(r->deployment, value_get(r->deployment, ATOM_status)) &&
        rollout_clean_history(r, TAG_ANY))
        return sync_wait(r->sync, PHASE_LAST);
    return write_status(r, true);
}

static enum sync_result observe(struct sync *s)
{
    struct value selector = VALUE_GET(s->object, spec, selector);
    if (value_count(value_get(selector, ATOM_matchLabels)) +
            value_count(value_get(selector, ATOM_matchExpressions)) ==
        0) {
        recorder_event(s->controller->recorder, s->step, s->object, "Warning", "SelectingAll",
                       "This deployment is selecting all pods. A non-empty selector is required.");
        return SYNC_DONE;
    }
    bool is_deleting = object_is_deleting(s->object);
    if (!is_deleting && claim_begin(s))
        return sync_wait(s, PHASE_CLAIM);
    struct rollout r = rollout_observe(s);
    if (is_deleting)
        return write_status(&r, false);
    if (release_some(s, &r) || record_pause(s) || rollout_sync_revision(&r, TAG_ANY))
        return sync_wait(s, PHASE_LAST);
    if (VALUE_BOOL_AT(s->object, spec, paused) || rollout_is_scaling(&r))
        return scale_apart(&r);
    return roll_out(&r);
}

/* ---- answers ---- */

static const struct answer *first_failure(const struct sync *s)
{
    for (size_t i = 0; i < s->answer_count; i++)
        if (!answer_ok(&s->answers[i]) && s->answers[i].code != 404)
            return &s->answers[i];
    return NULL;
}

static enum sync_result after_scaling(struct sync *s)
{
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct answer *a = &s->answers[i];
        int64_t before = a->tag, after = VALUE_INT(a->body, 0, spec, replicas);
        if (answer_ok(a) && before != after)
            recorder_event(s->controller->recorder, s->step, s->object, "Normal",
                           "ScalingReplicaSet",
                           "Scaled %s replica set %.*s from %" PRId64 " to %" PRId64,
                           after > before ? "up" : "down", STR_ARG(a->key->name), before, after);
    }
    const struct answer *failure = first_failure(s);
    if (failure)
        return sync_retry_answer(s, failure);
    struct rollout r = rollout_observe(s);
    bool is_apart = VALUE_BOOL_AT(s->object, spec, paused);
    return write_status(&r, !is_apart);
}

/* Progressing after the creation: as found, or as failed. */
static enum sync_result write_creation(struct sync *s, struct value revision, const char *status,
                                       const char *reason, struct str message)
{
    struct value d = value_keep(s->object);
    if (deployment_has_deadline(d)) {
        struct value conditions = value_keep(VALUE_GET(d, status, conditions));
        conditions =
            deployment_set_condition(conditions, s->step, "Progressing", status, reason, message);
        d = VALUE_SET(d, conditions, status, conditions);
    }
    if (value_is_present(revision)) {
        struct value annotations = value_keep(VALUE_GET(d, metadata, annotations));
        if (!value_is_present(annotations))
            annotations = value_object();
        annotations = value_set_key(annotations, S("deployment.kubernetes.io/revision"),
                                    value_keep(revision));
        d = VALUE_SET(d, annotations, metadata, annotations);
    }
    sync_update_status(s, RESOURCE_deployments, d, TAG_ANY);
    return sync_wait(s, PHASE_LAST);
}

static enum sync_result name_is_taken(struct sync *s, const struct answer *a)
{
    struct value rs =
        informer_get(controller_informer(s->controller, RESOURCE_replicasets), a->key);
    if (!value_is_present(rs))
        return sync_retry(s, "ReplicaSet %.*s exists, but the cache does not show it yet",
                          STR_ARG(a->key->name));
    struct rollout r = rollout_observe(s);
    if (rollout_has_new(&r) && r.all[r.new].key == a->key)
        return SYNC_DONE; /* ours, made by a sync that did not hear the answer; the next one goes on
                             with it */
    int64_t collisions = VALUE_INT(s->object, 0, status, collisionCount) + 1;
    sync_trace(s, "ReplicaSet %.*s is another -> counts a collision of hashes",
               STR_ARG(a->key->name));
    sync_update_status(
        s, RESOURCE_deployments,
        VALUE_SET(value_keep(s->object), value_integer(collisions), status, collisionCount),
        TAG_ANY);
    return sync_wait(s, PHASE_LAST);
}

static enum sync_result after_creation(struct sync *s)
{
    const struct answer *a = &s->answers[0];
    struct arena *scratch = s->step->scratch;
    if (a->code == 409)
        return name_is_taken(s, a);
    if (!answer_ok(a)) {
        struct str message = VALUE_STR(a->body, message), name = a->key->name;
        struct str text = arena_printf(scratch, "Failed to create new replica set \"%.*s\": %.*s",
                                       STR_ARG(name), STR_ARG(message));
        if (a->code != 0)
            recorder_event(s->controller->recorder, s->step, s->object, "Warning",
                           "ReplicaSetCreateError", "%.*s", STR_ARG(text));
        controller_enqueue_after(s->controller, s->step, s->key, duration_s(1));
        return write_creation(s, VALUE_ABSENT, "False", "ReplicaSetCreateError", text);
    }
    struct str name = value_str(object_name(a->body));
    int64_t size = VALUE_INT(a->body, 0, spec, replicas);
    if (size > 0)
        recorder_event(s->controller->recorder, s->step, s->object, "Normal", "ScalingReplicaSet",
                       "Scaled up replica set %.*s from 0 to %" PRId64, STR_ARG(name), size);
    struct str text = arena_printf(scratch, "Created new replica set \"%.*s\"", STR_ARG(name));
    struct value revision = object_annotation(a->body, S("deployment.kubernetes.io/revision"));
    return write_creation(s, revision, "True", "NewReplicaSetCreated", text);
}

static enum sync_result deployment_sync(struct sync *s)
{
    if (!value_is_present(s->object))
        return SYNC_DONE;
    const struct answer *failure;
    switch (s->phase) {
    case PHASE_OBSERVE:
        return observe(s);
    case PHASE_CLAIM:
        return claim_send(s);
    case PHASE_CREATED:
        return after_creation(s);
    case PHASE_SCALED:
        return after_scaling(s);
    default:
        failure = first_failure(s);
        return failure ? sync_retry_answer(s, failure) : SYNC_DONE;
    }
}
