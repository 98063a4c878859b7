/* SPDX-License-Identifier: Apache-2.0
 *
 * Deletion: at once, gracefully, or not before its finalizers are gone. Upstream:
 * registry/rest/delete.go (BeforeDelete), generic/registry/store.go (Delete, DeleteCollection),
 * registry/core/pod/strategy.go (CheckGracefulDelete).
 *
 * Only pods are deleted gracefully: deletionTimestamp = now + grace, and the kubelet deletes it for
 * good with grace 0. The grace is what was asked for, else the pod's own; 0 for a pod without a
 * node or one that has ended; a negative one is 1. A pod being deleted may only be given less time.
 * Grace 0 writes the mark and removes the object next: two revisions.
 *
 * Propagation: foreground puts the finalizer foregroundDeletion on the object, orphan the finalizer
 * orphan (and each takes the other off); background, the default of nearly all kinds, takes both
 * off. Dependents are the garbage collector's business. An object with finalizers is marked
 * (deletionTimestamp now, grace 0, generation + 1) and goes with the last of them.
 *
 * A namespace is held by spec.finalizers and is marked in the same way, its phase turned to
 * Terminating.
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/admission.h"
#include "cluster/apiserver/machinery.h"

#define FINALIZER_ORPHAN "orphan"
#define FINALIZER_FOREGROUND "foregroundDeletion"

static void delete_try(struct call *c, struct step *step);
static void delete_marked(struct call *c, struct step *step, const struct etcd_response *r);
static void delete_remove(struct call *c, struct step *step);
static void delete_removed(struct call *c, struct step *step, const struct etcd_response *r);
static void delete_answer(struct call *c, struct step *step, struct value own_object, bool is_gone);

static const struct delete_options no_options = {.grace_period_seconds = -1};

static const struct delete_options *options_of(const struct call *c)
{
    return c->request->deletion ? c->request->deletion : &no_options;
}

/* ---- the plan, pure ---- */

static bool is_pod(const struct resource *r)
{
    return r == resource_get(RESOURCE_pods);
}

static struct value time_after(struct wall_time t, int64_t seconds)
{
    return time_value((struct wall_time){t.unix_ns + seconds * 1000000000});
}

static int64_t pod_grace(struct value pod, int64_t asked)
{
    int64_t grace = asked >= 0 ? asked : VALUE_INT(pod, 0, spec, terminationGracePeriodSeconds);
    struct str phase = VALUE_STR(pod, status, phase);
    if (VALUE_STR(pod, spec, nodeName).size == 0 || str_equal(phase, S("Failed")) ||
        str_equal(phase, S("Succeeded")))
        return 0;
    return grace < 0 ? 1 : grace;
}

/* The finalizers that the policy asks for; the very list of the object when it is that already.
 * Owned. */
static struct value finalizers_for(const struct resource *r, struct value object,
                                   enum propagation propagation)
{
    struct value now = VALUE_GET(object, metadata, finalizers);
    bool has_orphan = object_has_finalizer(object, S(FINALIZER_ORPHAN));
    bool has_foreground = object_has_finalizer(object, S(FINALIZER_FOREGROUND));
    bool orphan = propagation == PROPAGATION_ORPHAN,
         foreground = propagation == PROPAGATION_FOREGROUND;
    if (r->strategy & STRATEGY_NO_GC)
        return value_keep(now);
    if (propagation == PROPAGATION_DEFAULT) {
        orphan = has_orphan || (!has_foreground && (r->strategy & STRATEGY_ORPHAN_BY_DEFAULT));
        foreground = has_foreground && !has_orphan;
    }
    if (orphan == has_orphan && foreground == has_foreground)
        return value_keep(now);
    struct value next = value_array();
    for (size_t i = 0; i < value_count(now); i++)
        if (!value_is(value_at(now, i), FINALIZER_ORPHAN) &&
            !value_is(value_at(now, i), FINALIZER_FOREGROUND))
            next = value_append(next, value_keep(value_at(now, i)));
    if (orphan)
        next = value_append(next, value_string(S(FINALIZER_ORPHAN)));
    if (foreground)
        next = value_append(next, value_string(S(FINALIZER_FOREGROUND)));
    if (value_count(next) > 0)
        return next;
    value_drop(next);
    return VALUE_ABSENT;
}

static struct value mark(struct value own_object, struct value deletion_time, int64_t grace)
{
    int64_t generation = object_generation(own_object);
    bool was_marked = object_is_deleting(own_object);
    own_object = VALUE_SET(own_object, deletion_time, metadata, deletionTimestamp);
    own_object = VALUE_SET(own_object, value_integer(grace), metadata, deletionGracePeriodSeconds);
    if (generation > 0 && !was_marked)
        own_object = VALUE_SET(own_object, value_integer(generation + 1), metadata, generation);
    return own_object;
}

/* A pod that is being deleted already: less grace, or nothing. */
static enum deletion_step shorten(struct value object, const struct deletion_request *d,
                                  struct value *ret_object)
{
    int64_t has = VALUE_INT(object, 0, metadata, deletionGracePeriodSeconds);
    if (has <= 0)
        return DELETE_NOW; /* the mark was written, the removal was lost */
    if (d->grace_period_seconds < 0)
        return DELETE_PENDING;
    int64_t grace = pod_grace(object, d->grace_period_seconds);
    grace = d->grace_period_seconds < grace ? d->grace_period_seconds : grace;
    struct wall_time until;
    if (grace >= has || !time_parse(VALUE_GET(object, metadata, deletionTimestamp), &until))
        return DELETE_PENDING;
    *ret_object = mark(value_keep(object), time_after(until, grace - has), grace);
    return grace > 0 ? DELETE_MARK : DELETE_MARK_NOW;
}

static enum deletion_step namespace_plan(struct value object, const struct deletion_request *d,
                                         struct value *ret_object)
{
    if (object_is_deleting(object))
        return value_count(VALUE_GET(object, spec, finalizers)) == 0 ? DELETE_NOW : DELETE_PENDING;
    *ret_object = VALUE_SET(value_keep(object), time_value(d->now), metadata, deletionTimestamp);
    *ret_object = VALUE_SET(*ret_object, value_string(S("Terminating")), status, phase);
    return DELETE_MARK;
}

/* A definition goes when its objects have gone: custom_controllers.c. */
static enum deletion_step definition_plan(struct value object, const struct deletion_request *d,
                                          struct value *ret_object)
{
    struct value finalizers = VALUE_GET(object, metadata, finalizers);
    if (object_is_deleting(object))
        return value_count(finalizers) == 0 ? DELETE_NOW : DELETE_PENDING;
    struct value next =
        VALUE_SET(value_keep(object), time_value(d->now), metadata, deletionTimestamp);
    if (!object_has_finalizer(object, S(CUSTOM_FINALIZER)))
        next =
            VALUE_SET(next, value_append(value_keep(finalizers), value_string(S(CUSTOM_FINALIZER))),
                      metadata, finalizers);
    struct value conditions = value_append(
        value_keep(VALUE_GET(object, status, conditions)),
        value_pack("{type: Terminating, status: \"True\", lastTransitionTime: %v, reason: "
                   "InstanceDeletionPending, message: \"CustomResourceDefinition marked for "
                   "deletion; CustomResource deletion will begin soon\"}",
                   time_value(d->now)));
    *ret_object = VALUE_SET(next, conditions, status, conditions);
    return DELETE_MARK;
}

enum deletion_step deletion_plan(const struct resource *r, struct value object,
                                 const struct deletion_request *d, struct value *ret_object)
{
    *ret_object = VALUE_ABSENT;
    if (r == resource_get(RESOURCE_namespaces))
        return namespace_plan(object, d, ret_object);
    if (r == resource_get(RESOURCE_customresourcedefinitions))
        return definition_plan(object, d, ret_object);
    enum deletion_step plan = DELETE_NOW;
    struct value next = value_keep(object);
    if (is_pod(r) && object_is_deleting(object)) {
        struct value shorter = VALUE_ABSENT;
        plan = shorten(object, d, &shorter);
        if (plan == DELETE_PENDING) {
            value_drop(next);
            return plan;
        }
        if (value_is_present(shorter)) {
            value_drop(next);
            next = shorter;
        }
    } else if (is_pod(r)) {
        int64_t grace = pod_grace(object, d->grace_period_seconds);
        next = mark(next, time_after(d->now, grace), grace);
        plan = grace > 0 ? DELETE_MARK : DELETE_MARK_NOW;
    }
    struct value finalizers = finalizers_for(r, object, d->propagation);
    bool is_held = value_count(finalizers) > 0;
    bool has_changed = !value_equal(finalizers, VALUE_GET(object, metadata, finalizers));
    if (has_changed)
        next = VALUE_SET(next, finalizers, metadata, finalizers);
    else
        value_drop(finalizers);
    if (is_held && !is_pod(r) && !object_is_deleting(next))
        next = mark(next, time_value(d->now), 0);
    if (is_held)
        plan = value_equal(next, object) ? DELETE_PENDING : DELETE_MARK;
    if (plan == DELETE_MARK || plan == DELETE_MARK_NOW)
        *ret_object = next;
    else
        value_drop(next);
    return plan;
}

/* ---- the call ---- */

void registry_delete(struct call *c, struct step *step)
{
    if (c->connection && c->resource == resource_get(RESOURCE_jobs) &&
        options_of(c)->propagation == PROPAGATION_DEFAULT)
        c->warnings = value_append(
            c->warnings,
            value_string(S("child pods are preserved by default when jobs are deleted; set "
                           "propagationPolicy=Background to remove them or set "
                           "propagationPolicy=Orphan to suppress this warning")));
    struct value status = admission_validate(c, step, ADMIT_DELETE);
    if (value_is_present(status))
        call_refuse(c, step, status);
    else
        registry_load(c, step, delete_try);
}

static void delete_try(struct call *c, struct step *step)
{
    if (!c->existing) {
        call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
        return;
    }
    struct value conflict =
        precondition_conflict(c, value_str(options_of(c)->precondition_uid),
                              value_str(options_of(c)->precondition_resource_version));
    if (value_is_present(conflict)) {
        (void)registry_try_again(c, step, conflict, delete_try);
        return;
    }
    const struct deletion_request d = {.grace_period_seconds = options_of(c)->grace_period_seconds,
                                       .propagation = options_of(c)->propagation,
                                       .now = step->wall};
    struct value next;
    enum deletion_step plan = deletion_plan(c->resource, c->existing->value, &d, &next);
    if (c->request->dry_run) {
        struct value shown = value_is_present(next) ? next : value_keep(c->existing->value);
        delete_answer(c, step, shown, plan == DELETE_NOW || plan == DELETE_MARK_NOW);
        return;
    }
    switch (plan) {
    case DELETE_PENDING:
        if (c->existing_is_current)
            delete_answer(c, step, value_keep(c->existing->value), false);
        else
            registry_fetch(c, step, delete_try);
        break;
    case DELETE_NOW:
        delete_remove(c, step);
        break;
    case DELETE_MARK:
    case DELETE_MARK_NOW:
        value_drop(c->object);
        c->object = next;
        c->removes_next = plan == DELETE_MARK_NOW;
        registry_put(c, step, delete_marked, delete_try);
        break;
    }
}

/* The race was lost: with what won it. */
static void delete_again(struct call *c, struct step *step, const struct etcd_response *r)
{
    etcd_kv_unref(c->existing);
    c->existing = r->count > 0 ? etcd_kv_ref(r->kvs[0]) : NULL;
    c->existing_is_current = true;
    delete_try(c, step);
}

static void delete_marked(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    if (!r->succeeded) {
        delete_again(c, step, r);
        return;
    }
    etcd_kv_unref(c->existing);
    c->existing = etcd_kv_ref(r->kvs[0]);
    c->existing_is_current = true;
    if (c->removes_next)
        delete_remove(c, step);
    else
        delete_answer(c, step, value_keep(c->existing->value), false);
}

static void delete_remove(struct call *c, struct step *step)
{
    struct etcd_request *r = etcd_request_new(ETCD_TXN);
    r->key = object_key_ref(c->key);
    r->expected_revision = c->existing->mod_revision;
    r->is_delete = true;
    call_etcd(c, step, r, delete_removed);
}

static void delete_removed(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    if (!r->succeeded) {
        delete_again(c, step, r);
        return;
    }
    if (c->resource == resource_get(RESOURCE_services))
        service_changed(c->server, step, c->existing->value, VALUE_ABSENT);
    delete_answer(c, step, object_with_version(value_keep(c->existing->value), r->revision), true);
}

/* Most kinds answer a removal with a Status; some, and everything that is only marked, with the
 * object. */
static void delete_answer(struct call *c, struct step *step, struct value own_object, bool is_gone)
{
    static const enum resource_known with_object[] = {RESOURCE_pods,
                                                      RESOURCE_services,
                                                      RESOURCE_resourcequotas,
                                                      RESOURCE_storageclasses,
                                                      RESOURCE_persistentvolumeclaims,
                                                      RESOURCE_persistentvolumes,
                                                      RESOURCE_namespaces};
    bool shows_object = !is_gone;
    for (size_t i = 0; i < ARRAY_COUNT(with_object); i++)
        shows_object |= c->resource == resource_get(with_object[i]);
    if (shows_object) {
        registry_answer_object(c, step, 200, own_object);
        return;
    }
    const struct resource *r = c->request->resource;
    struct value details = value_pack("{name: %S, kind: %S, uid: %v}", c->key->name, r->plural,
                                      value_keep(object_uid(own_object)));
    if (r->group.size > 0)
        details = value_set(details, ATOM_group, value_string(r->group));
    value_drop(own_object);
    call_finish(
        c, step, 200,
        value_pack("{kind: Status, apiVersion: v1, metadata: {}, status: Success, details: %v}",
                   details));
}

struct value precondition_conflict(const struct call *c, struct str uid, struct str version)
{
    struct value object = c->existing->value;
    AUTO(text) struct text m = {0};
    struct str has_uid = value_str(object_uid(object)),
               has_version = VALUE_STR(object, metadata, resourceVersion);
    if (uid.size > 0 && !str_equal(uid, has_uid))
        text_printf(&m,
                    "the UID in the precondition (%.*s) does not match the UID in record (%.*s). "
                    "The object might have been "
                    "deleted and then recreated",
                    STR_ARG(uid), STR_ARG(has_uid));
    else if (version.size > 0 && !str_equal(version, has_version))
        text_printf(&m,
                    "the ResourceVersion in the precondition (%.*s) does not match the "
                    "ResourceVersion in record (%.*s). "
                    "The object might have been modified",
                    STR_ARG(version), STR_ARG(has_version));
    if (m.size == 0)
        return VALUE_ABSENT;
    /* This conflict names the kind, not the resource. */
    struct resource named = *c->request->resource;
    named.qualified = named.kind;
    named.plural = named.kind;
    return status_conflict(&named, c->key->name, text_str(&m));
}

/* ---- deletecollection: one by one, in order, each as its own deletion ---- */

struct collection {
    struct call_extra extra;
    VEC(const struct object_key *) keys;
    size_t next;
    struct value items; /* what was deleted */
};

static void collection_release(struct call_extra *extra)
{
    struct collection *x = (struct collection *)(void *)extra;
    for (size_t i = 0; i < x->keys.count; i++)
        object_key_unref(x->keys.items[i]);
    vec_release(&x->keys);
    value_drop(x->items);
    mem_free(x);
}

static void collection_next(struct call *c, struct step *step);

static void collection_deleted(struct call *c, struct step *step, int code, struct value body)
{
    if (code >= 400 && code != 404) {
        call_refuse(c, step, value_keep(body));
        return;
    }
    collection_next(c, step);
}

static void collection_next(struct call *c, struct step *step)
{
    struct collection *x = (struct collection *)(void *)c->extra;
    if (x->next >= x->keys.count) {
        const struct resource *asked = c->request->resource;
        AUTO(text) struct text digits = {0};
        text_add_int(&digits, c->server->caches.revision);
        struct value items = x->items;
        x->items = VALUE_ABSENT;
        call_finish(
            c, step, 200,
            value_pack("{kind: %S, apiVersion: %S, metadata: {resourceVersion: %S}, items: %v}",
                       asked->list_kind, asked->group_version, text_str(&digits), items));
        return;
    }
    struct request *r = request_for_key(VERB_DELETE, x->keys.items[x->next++]);
    r->dry_run = c->request->dry_run;
    if (c->request->deletion) {
        struct delete_options *o = request_delete_options(r);
        o->grace_period_seconds = c->request->deletion->grace_period_seconds;
        o->propagation = c->request->deletion->propagation;
    }
    call_sub(c, step, r, collection_deleted);
}

void registry_delete_collection(struct call *c, struct step *step)
{
    struct collection *x = mem_new(struct collection);
    x->extra.release = collection_release;
    x->items = value_array();
    c->extra = &x->extra;
    struct value status = VALUE_ABSENT;
    struct str labels = c->request->list ? value_str(c->request->list->label_selector) : S("");
    struct str fields = c->request->list ? value_str(c->request->list->field_selector) : S("");
    AUTO(text) struct text why = {0};
    struct label_selector *l = labels.size > 0 ? label_selector_parse(labels, &why) : NULL;
    struct field_selector *f =
        fields.size > 0 ? field_selector_new(c->request->resource, fields, &status) : NULL;
    if (labels.size > 0 && !l && !value_is_present(status))
        status = status_bad_request(text_str(&why));
    if (!value_is_present(status)) {
        struct str namespace = value_str(c->request->namespace);
        for (struct cache_cursor k =
                 watch_cache_first(watch_cache_of(c->server, c->resource), namespace);
             k.kv; watch_cache_next(&k)) {
            if (!watcher_selects(l, f, c->resource, k.kv->value))
                continue;
            vec_push(&x->keys, object_key_ref(k.kv->key));
            x->items = value_append(x->items, registry_show(c, value_keep(k.kv->value)));
        }
    }
    label_selector_free(l);
    field_selector_free(f);
    if (value_is_present(status))
        call_refuse(c, step, status);
    else
        collection_next(c, step);
}
