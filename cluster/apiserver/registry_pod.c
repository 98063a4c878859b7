/* SPDX-License-Identifier: Apache-2.0
 *
 * Pods: binding and eviction. Upstream: registry/core/pod/storage/{storage,eviction}.go.
 *
 * Binding writes spec.nodeName and the condition PodScheduled in one update, with the node's
 * topology labels (PodTopologyLabels). A pod that has a node, or that is being deleted, is a
 * conflict.
 *
 * Eviction: "the API server rejects with 429 [when] it is not currently allowed because of a
 * configured PodDisruptionBudget". A pod that has ended, is pending or is being deleted goes
 * without asking. Else the one budget that selects the pod pays with status.disruptionsAllowed (a
 * compare-and-swap); the pod gets the condition DisruptionTarget and is deleted.
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/admission.h"
#include "cluster/apiserver/machinery.h"

#define DISRUPTED_PODS_MAX 2000
#define STILL_PROCESSING_RETRY_S 10

/* A condition put in the place of the one of its type, or at the end. */
static struct value condition_put(struct value own_pod, struct value own_condition)
{
    struct value conditions = value_keep(VALUE_GET(own_pod, status, conditions));
    for (size_t i = 0; i < value_count(conditions); i++) {
        if (value_equal(VALUE_GET(value_at(conditions, i), type), VALUE_GET(own_condition, type))) {
            conditions = value_set_at(conditions, i, own_condition);
            return VALUE_SET(own_pod, conditions, status, conditions);
        }
    }
    return VALUE_SET(own_pod, value_append(conditions, own_condition), status, conditions);
}

/* The answer to a binding and to an eviction. */
static void finish_created(struct call *c, struct step *step)
{
    call_finish(
        c, step, 201,
        value_pack("{kind: Status, apiVersion: v1, metadata: {}, status: Success, code: 201}"));
}

/* ---- binding ---- */

static void bind_try(struct call *c, struct step *step);

static void bind_done(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    if (r->succeeded) {
        finish_created(c, step);
        return;
    }
    etcd_kv_unref(c->existing);
    c->existing = r->count > 0 ? etcd_kv_ref(r->kvs[0]) : NULL;
    c->existing_is_current = true;
    bind_try(c, step);
}

static struct value binding_conflict(struct call *c, const char *why, struct str node)
{
    struct resource named = *resource_get(RESOURCE_pods);
    named.qualified = S("pods/binding");
    named.plural = S("pods/binding");
    AUTO(text) struct text m = {0};
    struct str name = c->key->name;
    text_printf(&m, "pod %.*s is %s", STR_ARG(name), why);
    if (node.size > 0)
        text_printf(&m, " \"%.*s\"", STR_ARG(node));
    return status_conflict(&named, name, text_str(&m));
}

static struct value binding_refusal(struct call *c)
{
    if (!c->existing)
        return status_not_found(resource_get(RESOURCE_pods), c->key->name);
    struct value pod = c->existing->value;
    struct str uid = VALUE_STR(c->request->body, metadata, uid),
               has_uid = VALUE_STR(pod, metadata, uid);
    if (uid.size > 0 && !str_equal(uid, has_uid)) {
        AUTO(text) struct text m = {0};
        uid_conflict_text(c->key, uid, has_uid, &m);
        struct resource named = *resource_get(RESOURCE_pods);
        named.qualified = S("pods/binding");
        named.plural = S("pods/binding");
        return status_conflict(&named, c->key->name, text_str(&m));
    }
    if (object_is_deleting(pod))
        return binding_conflict(c, "being deleted, cannot be assigned to a host", S(""));
    struct str node = VALUE_STR(pod, spec, nodeName);
    if (node.size > 0)
        return binding_conflict(c, "already assigned to node", node);
    if (value_count(VALUE_GET(pod, spec, schedulingGates)) > 0)
        return binding_conflict(c, "having non-empty .spec.schedulingGates", S(""));
    return VALUE_ABSENT;
}

static void bind_try(struct call *c, struct step *step)
{
    struct value refusal = binding_refusal(c);
    if (value_is_present(refusal)) {
        (void)registry_try_again(c, step, refusal, bind_try);
        return;
    }
    struct value node_name = VALUE_GET(c->request->body, target, name);
    struct value pod =
        VALUE_SET(value_keep(c->existing->value), value_keep(node_name), spec, nodeName);
    struct value annotations = VALUE_GET(c->request->body, metadata, annotations);
    for (size_t i = 0; i < value_count(annotations); i++) {
        struct value has = value_keep(VALUE_GET(pod, metadata, annotations));
        has = value_set_key(value_is_present(has) ? has : value_object(),
                            value_key_at(annotations, i),
                            value_keep(value_member_at(annotations, i)));
        pod = VALUE_SET(pod, has, metadata, annotations);
    }
    struct value condition = value_pack(
        "{type: PodScheduled, status: \"True\", lastTransitionTime: %v}", time_value(step->wall));
    struct value old = condition_find(VALUE_GET(pod, status, conditions), "PodScheduled");
    if (!VALUE_IS(old, "True", status))
        pod = condition_put(pod, value_canonical(condition));
    else
        value_drop(condition);
    if (VALUE_STR(pod, status, nominatedNodeName).size > 0)
        pod = VALUE_REMOVE(pod, status, nominatedNodeName);
    struct value node = watch_cache_find(c->server, RESOURCE_nodes, S(""), value_str(node_name));
    value_drop(c->object);
    c->object = pod_topology_labels(pod, node);
    if (c->request->dry_run) {
        finish_created(c, step);
        return;
    }
    registry_put(c, step, bind_done, bind_try);
}

void pod_bind(struct call *c, struct step *step)
{
    struct value body = c->request->body;
    c->resource = resource_get(RESOURCE_pods);
    char small[VALUE_SMALL_SIZE] = {0};
    struct str namespace = c->key ? c->key->namespace : value_str_in(c->request->namespace, small);
    struct str name =
        c->key && c->key->resource == c->resource ? c->key->name : VALUE_STR(body, metadata, name);
    const struct object_key *key = object_key_of(c->resource, namespace, name);
    object_key_unref(c->key);
    c->key = key;
    struct field_errors errors = {0};
    struct str kind = VALUE_STR(body, target, kind);
    if (kind.size > 0 && !str_equal(kind, S("Node")))
        field_error_add(&errors, FIELD_NOT_SUPPORTED, S("target.kind"),
                        VALUE_GET(body, target, kind), "supported values: \"Node\", \"<empty>\"");
    if (VALUE_STR(body, target, name).size == 0)
        field_error_add(&errors, FIELD_REQUIRED, S("target.name"), VALUE_ABSENT, NO_DETAIL);
    if (errors.count > 0) {
        struct resource named = *resource_get(RESOURCE_bindings);
        struct value status = status_invalid(&named, name, &errors);
        field_errors_release(&errors);
        call_refuse(c, step, status);
        return;
    }
    registry_load(c, step, bind_try);
}

/* ---- eviction ---- */

struct eviction {
    struct call_extra extra;
    const struct etcd_kv *budget; /* the one that pays; NULL: none */
    int tries;
    bool is_dry_run; /* the request says so, or the options of its body */
};

static void eviction_release(struct call_extra *extra)
{
    struct eviction *x = (struct eviction *)(void *)extra;
    etcd_kv_unref(x->budget);
    mem_free(x);
}

static void evict_try(struct call *c, struct step *step);
static void evict_pay(struct call *c, struct step *step);
static void evict_mark(struct call *c, struct step *step);
static void evict_delete(struct call *c, struct step *step);

static void refuse_by_budget(struct call *c, struct step *step, struct value own_cause_text,
                             int retry_after_s)
{
    struct value details =
        value_pack("{causes: [{reason: DisruptionBudget, message: %v}]}", own_cause_text);
    if (retry_after_s > 0)
        details = value_set(details, ATOM_retryAfterSeconds, value_integer(retry_after_s));
    call_refuse(c, step,
                status_make(429, S("TooManyRequests"),
                            S("Cannot evict pod as it would violate the pod's disruption budget."),
                            details));
}

/* Pods that a budget does not protect. */
static bool goes_unasked(struct value pod)
{
    return pod_is_finished(pod) || VALUE_IS(pod, "Pending", status, phase) ||
           object_is_deleting(pod);
}

void pod_evict(struct call *c, struct step *step)
{
    struct eviction *x = mem_new(struct eviction);
    x->extra.release = eviction_release;
    c->extra = &x->extra;
    struct str name = VALUE_STR(c->request->body, metadata, name);
    if (name.size > 0 && !str_equal(name, c->key->name)) {
        call_refuse(c, step,
                    status_bad_request(S("name in URL does not match name in Eviction object")));
        return;
    }
    struct value dry_run = VALUE_GET(c->request->body, deleteOptions, dryRun);
    x->is_dry_run = c->request->dry_run || value_is(value_at(dry_run, 0), "All");
    registry_load(c, step, evict_try);
}

static void evict_try(struct call *c, struct step *step)
{
    struct eviction *x = (struct eviction *)(void *)c->extra;
    if (!c->existing) {
        call_refuse(c, step, status_not_found(resource_get(RESOURCE_pods), c->key->name));
        return;
    }
    struct value pod = c->existing->value;
    struct value refusal = admission_validate(c, step, ADMIT_CREATE);
    if (value_is_present(refusal)) {
        call_refuse(c, step, refusal);
        return;
    }
    if (goes_unasked(pod)) {
        evict_delete(c, step);
        return;
    }
    size_t count = 0;
    for (struct cache_cursor k =
             watch_cache_of_known(c->server, RESOURCE_poddisruptionbudgets, c->key->namespace);
         k.kv; watch_cache_next(&k)) {
        if (!label_selector_object_matches(VALUE_GET(k.kv->value, spec, selector),
                                           object_labels(pod)))
            continue;
        etcd_kv_unref(x->budget);
        x->budget = etcd_kv_ref(k.kv);
        count++;
    }
    if (count > 1)
        call_refuse(c, step,
                    status_internal_error(S("This pod has more than one PodDisruptionBudget, which "
                                            "the eviction subresource does not support.")));
    else if (count == 0)
        evict_mark(c, step);
    else
        evict_pay(c, step);
}

static void evict_paid(struct call *c, struct step *step, const struct etcd_response *r)
{
    struct eviction *x = (struct eviction *)(void *)c->extra;
    if (call_etcd_failed(c, step, r))
        return;
    if (r->succeeded) {
        evict_mark(c, step);
        return;
    }
    etcd_kv_unref(x->budget);
    x->budget = r->count > 0 ? etcd_kv_ref(r->kvs[0]) : NULL;
    if (!x->budget)
        evict_mark(c, step);
    else if (++x->tries < 5)
        evict_pay(c, step);
    else
        refuse_by_budget(c, step,
                         value_string(S("couldn't update PodDisruptionBudget due to conflicts")),
                         STILL_PROCESSING_RETRY_S);
}

/* Takes one from the budget's allowance, if there is one. */
static void evict_pay(struct call *c, struct step *step)
{
    struct eviction *x = (struct eviction *)(void *)c->extra;
    struct value budget = x->budget->value, status = VALUE_GET(budget, status),
                 pod = c->existing->value;
    struct str name = x->budget->key->name;
    int64_t allowed = VALUE_INT(status, 0, disruptionsAllowed);
    int64_t healthy = VALUE_INT(status, 0, currentHealthy),
            desired = VALUE_INT(status, 0, desiredHealthy);
    bool is_ready = condition_is_true(VALUE_GET(pod, status, conditions), "Ready");
    if (!is_ready && (VALUE_IS(budget, "AlwaysAllow", spec, unhealthyPodEvictionPolicy) ||
                      (healthy >= desired && desired > 0))) {
        evict_mark(c, step); /* an unhealthy pod that the budget does not count */
        return;
    }
    if (VALUE_INT(status, 0, observedGeneration) < object_generation(budget)) {
        refuse_by_budget(
            c, step,
            value_printf("The disruption budget %.*s is still being processed by the server.",
                         STR_ARG(name)),
            STILL_PROCESSING_RETRY_S);
        return;
    }
    if (allowed < 0 || value_count(VALUE_GET(status, disruptedPods)) > DISRUPTED_PODS_MAX) {
        call_refuse(c, step,
                    status_forbidden(resource_get(RESOURCE_poddisruptionbudgets), name,
                                     allowed < 0 ? S("pdb disruptions allowed is negative")
                                                 : S("DisruptedPods map too big - too many "
                                                     "evictions not confirmed by PDB controller")));
        return;
    }
    if (allowed == 0) {
        refuse_by_budget(c, step,
                         value_printf("The disruption budget %.*s needs %" PRId64
                                      " healthy pods and has %" PRId64 " currently",
                                      STR_ARG(name), desired, healthy),
                         0);
        return;
    }
    if (x->is_dry_run) {
        finish_created(c, step);
        return;
    }
    struct value next =
        VALUE_SET(value_keep(budget), value_integer(allowed - 1), status, disruptionsAllowed);
    struct value disrupted = value_keep(VALUE_GET(status, disruptedPods));
    disrupted = value_set_key(value_is_present(disrupted) ? disrupted : value_object(),
                              c->key->name, time_value(step->wall));
    next = VALUE_SET(next, disrupted, status, disruptedPods);
    if (allowed == 1)
        next = condition_put(next, value_pack("{type: DisruptionAllowed, status: \"False\", "
                                              "observedGeneration: %D, lastTransitionTime: %v, "
                                              "reason: InsufficientPods, message: \"\"}",
                                              object_generation(budget), time_value(step->wall)));
    struct etcd_request *r = etcd_request_new(ETCD_TXN);
    r->key = object_key_ref(x->budget->key);
    r->expected_revision = x->budget->mod_revision;
    r->value = next;
    call_etcd(c, step, r, evict_paid);
}

static void evict_marked(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    if (r->succeeded) {
        evict_delete(c, step);
        return;
    }
    etcd_kv_unref(c->existing);
    c->existing = r->count > 0 ? etcd_kv_ref(r->kvs[0]) : NULL;
    c->existing_is_current = true;
    if (c->existing)
        evict_mark(c, step);
    else
        call_refuse(c, step, status_not_found(resource_get(RESOURCE_pods), c->key->name));
}

static void evict_mark(struct call *c, struct step *step)
{
    struct eviction *x = (struct eviction *)(void *)c->extra;
    struct value options = VALUE_GET(c->request->body, deleteOptions);
    struct value conflict =
        precondition_conflict(c, VALUE_STR(options, preconditions, uid),
                              VALUE_STR(options, preconditions, resourceVersion));
    if (value_is_present(conflict)) {
        call_refuse(c, step, conflict);
        return;
    }
    if (x->is_dry_run) {
        finish_created(c, step);
        return;
    }
    struct value condition =
        value_pack("{type: DisruptionTarget, status: \"True\", lastTransitionTime: %v, "
                   "reason: EvictionByEvictionAPI, message: \"Eviction API: evicting\"}",
                   time_value(step->wall));
    value_drop(c->object);
    c->object = condition_put(value_keep(c->existing->value), condition);
    registry_put(c, step, evict_marked, evict_mark);
}

static void evict_deleted(struct call *c, struct step *step, int code, struct value body)
{
    if (code >= 400)
        call_refuse(c, step, value_keep(body));
    else
        finish_created(c, step);
}

/* The options of the body hold for the deletion; its version has been compared before the mark was
 * set, which makes a new one. */
static void evict_delete(struct call *c, struct step *step)
{
    struct eviction *x = (struct eviction *)(void *)c->extra;
    struct request *r = request_for_key(VERB_DELETE, c->key);
    struct value options = VALUE_GET(c->request->body, deleteOptions);
    struct value grace = VALUE_GET(options, gracePeriodSeconds);
    struct value uid = VALUE_GET(options, preconditions, uid);
    struct delete_options *o = request_delete_options(r);
    if (value_kind(grace) == VALUE_INTEGER) {
        int64_t seconds = value_as_integer(grace, -1);
        o->grace_period_seconds = seconds < 0 ? 1 : seconds;
    }
    o->precondition_uid =
        value_keep(value_str(uid).size > 0 ? uid : object_uid(c->existing->value));
    r->dry_run = x->is_dry_run;
    call_sub(c, step, r, evict_deleted);
}
