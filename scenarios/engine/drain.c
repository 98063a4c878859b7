/* SPDX-License-Identifier: Apache-2.0
 *
 * kubectl drain: cordon the node, list its pods, evict them one after another, and wait until each
 * is gone. An eviction that the disruption budget forbids (429) is tried again 5 s later. Pods of
 * DaemonSets and mirror pods stay, as with
 * --ignore-daemonsets; volumes of type emptyDir are given up, as with --delete-emptydir-data; a pod
 * without controller stops the drain unless it is forced, as kubectl does before the first
 * eviction.
 *
 * Rounds: every pod is looked at in turn (evict, or GET to see whether it is gone); when some are
 * left a timer starts the next round: after 5 s when an eviction was refused, else after 1 s.
 *
 * Source: kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/, k8s.io/kubectl/pkg/drain
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "cluster/api/status.h"
#include "scenarios/engine/user_private.h"

#define RETRY_SECONDS 5
#define POLL_SECONDS 1

static void on_cordoned(struct user *u, struct step *step, struct job *j, const struct response *r);
static void on_listed(struct user *u, struct step *step, struct job *j, const struct response *r);
static void on_evicted(struct user *u, struct step *step, struct job *j, const struct response *r);
static void on_looked(struct user *u, struct step *step, struct job *j, const struct response *r);
static bool add_pod(struct job *j, struct value pod);
static void look_at_next(struct user *u, struct step *step, struct job *j);

struct request *eviction_request(const struct object_key *pod)
{
    struct request *r = request_for_key(VERB_CREATE, pod);
    r->subresource = SUBRESOURCE_EVICTION;
    r->namespace = value_string(pod->namespace);
    r->body = value_pack(
        "{apiVersion: \"policy/v1\", kind: Eviction, metadata: {name: %S, namespace: %S}}",
        pod->name, pod->namespace);
    return r;
}

void drain_begin(struct user *u, struct step *step, struct job *j)
{
    struct request *r = request_for_key(VERB_PATCH, j->action->key);
    r->patch_type = PATCH_STRATEGIC;
    r->body = value_pack("{spec: {unschedulable: true}}");
    job_send(u, step, j, r, on_cordoned);
}

static void on_cordoned(struct user *u, struct step *step, struct job *j, const struct response *r)
{
    if (!response_ok(r)) {
        job_end(step, j, r->code, r->body, "");
        return;
    }
    struct request *list = request_new(VERB_LIST, resource_get(RESOURCE_pods));
    request_list_options(list)->field_selector =
        value_printf("spec.nodeName=%.*s", STR_ARG(j->action->key->name));
    job_send(u, step, j, list, on_listed);
}

static void on_listed(struct user *u, struct step *step, struct job *j, const struct response *r)
{
    if (!response_ok(r)) {
        job_end(step, j, r->code, r->body, "");
        return;
    }
    struct value items = VALUE_GET(r->body, items);
    for (size_t i = 0; i < value_count(items); i++) {
        if (!add_pod(j, value_at(items, i))) {
            struct value status = status_bad_request(text_str(&j->result.error));
            job_end(step, j, 400, status, "");
            value_drop(status);
            return;
        }
    }
    j->at = 0;
    look_at_next(u, step, j);
}

/* False: the pod stops the drain. */
static bool add_pod(struct job *j, struct value pod)
{
    struct value controller = object_controller_ref(pod);
    if (value_is(VALUE_GET(controller, kind), "DaemonSet") ||
        value_is_present(object_annotation(pod, S("kubernetes.io/config.mirror"))))
        return true;
    if (!value_is_present(controller) && !pod_is_finished(pod) && !j->action->is_forced) {
        text_printf(&j->result.error,
                    "cannot delete cannot delete Pods that declare no controller (use --force to "
                    "override): %.*s/%.*s",
                    STR_ARG(VALUE_STR(pod, metadata, namespace)),
                    STR_ARG(VALUE_STR(pod, metadata, name)));
        return false;
    }
    vec_push(&j->pods, (struct drained_pod){object_key_of_object(resource_get(RESOURCE_pods), pod),
                                            value_keep(object_uid(pod)), POD_TO_EVICT});
    return true;
}

static void look_at_next(struct user *u, struct step *step, struct job *j)
{
    while (j->at < j->pods.count && j->pods.items[j->at].state == POD_GONE)
        j->at++;
    if (j->at < j->pods.count) {
        struct drained_pod *p = &j->pods.items[j->at];
        if (p->state == POD_TO_EVICT)
            job_send(u, step, j, eviction_request(p->key), on_evicted);
        else
            job_send(u, step, j, request_for_key(VERB_GET, p->key), on_looked);
        return;
    }
    bool is_left = false, is_refused = false;
    for (size_t i = 0; i < j->pods.count; i++) {
        is_left |= j->pods.items[i].state != POD_GONE;
        is_refused |= j->pods.items[i].state == POD_TO_EVICT;
    }
    if (is_left) {
        struct instant at =
            instant_add(step->now, duration_s(is_refused ? RETRY_SECONDS : POLL_SECONDS));
        step_timer_set(step, at, j->index);
        return;
    }
    job_end(step, j, 200, VALUE_ABSENT, "drained");
}

void drain_go_on(struct user *u, struct step *step, struct job *j)
{
    j->at = 0;
    look_at_next(u, step, j);
}

static void on_evicted(struct user *u, struct step *step, struct job *j, const struct response *r)
{
    struct drained_pod *p = &j->pods.items[j->at];
    if (response_ok(r))
        p->state = POD_EVICTED;
    else if (r->code == 404)
        p->state = POD_GONE;
    else if (r->code != 429 && r->code != 0 && r->code != 409) {
        job_end(step, j, r->code, r->body, "");
        return;
    }
    j->at++;
    look_at_next(u, step, j);
}

static void on_looked(struct user *u, struct step *step, struct job *j, const struct response *r)
{
    struct drained_pod *p = &j->pods.items[j->at];
    bool is_another = response_ok(r) && !value_equal(object_uid(r->body), p->uid);
    if (r->code == 404 || is_another)
        p->state = POD_GONE;
    j->at++;
    look_at_next(u, step, j);
}
