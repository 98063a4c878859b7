/* SPDX-License-Identifier: Apache-2.0
 *
 * Update, patch and apply (registry.h). Upstream: pkg/registry/generic/registry/store.go and
 * endpoints/handlers/{update,patch}.go.
 *
 * The body (or the patch applied to what is there) over the existing object: what a client may not
 * change is put back by the strategy, and the generation counts changes of the spec. Optimistic
 * concurrency: a body with a resourceVersion must name the stored one; a patch without one is
 * applied again to whatever won the race, five times. What changes nothing is not written: the
 * answer is the object as it was. A PUT of some kinds, and an apply of all, creates what is not
 * there, for who may create it.
 *
 * An update that takes the last finalizer from an object being deleted, with no grace left, removes
 * the object.
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/defaults.h"
#include "cluster/api/fields/managed.h"
#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/protobuf.h"
#include "cluster/api/strategy.h"
#include "cluster/api/validate.h"
#include "cluster/apiserver/admission.h"
#include "cluster/apiserver/field_manager.h"
#include "cluster/apiserver/machinery.h"

#define UPDATE_TRIES 5
#define MEASURED_BYTES ((size_t)64 * 1024)

static void update_done(struct call *c, struct step *step, const struct etcd_response *r);

/* Ends in registry_load -> registry_update_try. */
void registry_update(struct call *c, struct step *step)
{
    const struct request *r = c->request;
    if (r->subresource == SUBRESOURCE_SCALE) {
        registry_load(c, step, scale_update);
        return;
    }
    if (r->verb == VERB_UPDATE) {
        struct value object;
        if (!registry_decode(c, step, &object))
            return;
        if (!registry_identity_check(c, step, object)) {
            value_drop(object);
            return;
        }
        c->body = object;
    }
    registry_load(c, step, registry_update_try);
}

/* Consumes the object when it is refused: a patch may not name another one. */
static bool patched_identity_check(struct call *c, struct step *step, struct value object)
{
    struct str name = VALUE_STR(object, metadata, name);
    struct str namespace = VALUE_STR(object, metadata, namespace);
    AUTO(text) struct text m = {0};
    if (name.size == 0)
        text_printf(&m,
                    "the name of the object (%.*s based on URL) was undeterminable: name must be "
                    "provided",
                    STR_ARG(c->key->name));
    else if (!str_equal(name, c->key->name))
        text_printf(&m, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                    STR_ARG(name), STR_ARG(c->key->name));
    else if (namespace.size > 0 && !str_equal(namespace, c->key->namespace))
        text_printf(&m,
                    "the namespace of the object (%.*s) does not match the namespace on the "
                    "request (%.*s)",
                    STR_ARG(namespace), STR_ARG(c->key->namespace));
    if (m.size == 0)
        return true;
    value_drop(object);
    call_refuse(c, step, status_bad_request(text_str(&m)));
    return false;
}

/* The new object of this try, in storage form; absent: refused. */
static struct value update_body(struct call *c, struct step *step, struct value old)
{
    const struct request *r = c->request;
    struct value status = VALUE_ABSENT, new;
    AUTO(value) struct value shown = registry_show(c, value_keep(old));
    if (r->verb == VERB_UPDATE)
        new = value_keep(c->body);
    else if (request_is_apply(r))
        new = field_manager_apply(c, step, shown, &status);
    else
        new = patch_object(r, c->kind, value_keep(shown), &status, &c->warnings);
    if (!value_is_present(new)) {
        call_refuse(c, step, status);
        return VALUE_ABSENT;
    }
    if (r->verb == VERB_PATCH && !r->is_typed && !patched_identity_check(c, step, new))
        return VALUE_ABSENT;
    new = default_object(r->resource, new, r->resource == c->resource ? old : VALUE_ABSENT);
    if (!request_is_apply(r))
        new = field_manager_update(c, step, shown, new);
    return registry_to_storage(c, new);
}

/* What a client may leave out or may not choose: identity and the marks of deletion come from what
 * is stored. */
static struct value metadata_restore(struct value own_new, struct value old)
{
    static const atom kept[] = {ATOM_name,
                                ATOM_namespace,
                                ATOM_creationTimestamp,
                                ATOM_deletionTimestamp,
                                ATOM_deletionGracePeriodSeconds,
                                ATOM_generation};
    static const atom filled[] = {ATOM_uid};
    struct value before = value_get(old, ATOM_metadata), after = value_get(own_new, ATOM_metadata);
    if (value_is_same(before, after))
        return own_new;
    struct value m = value_is_present(after) ? value_keep(after) : value_object();
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
        if (!value_is_same(value_get(m, kept[i]), value_get(before, kept[i])))
            m = value_set(m, kept[i], value_keep(value_get(before, kept[i])));
    for (size_t i = 0; i < ARRAY_COUNT(filled); i++)
        if (!value_is_present(value_get(m, filled[i])) ||
            value_kind(value_get(m, filled[i])) == VALUE_NULL)
            m = value_set(m, filled[i], value_keep(value_get(before, filled[i])));
    if (value_is_present(value_get(m, ATOM_selfLink)))
        m = value_set(m, ATOM_selfLink, VALUE_ABSENT);
    return value_set(own_new, ATOM_metadata, m);
}

/* Absent when the versions agree (or none is asked for); else the refusal. */
static struct value version_conflict(struct call *c, struct value new, struct value old)
{
    struct value wanted = VALUE_GET(new, metadata, resourceVersion);
    struct value stored = VALUE_GET(old, metadata, resourceVersion);
    struct str name = c->key->name;
    if (value_is_present(wanted) && value_str(wanted).size > 0 && !value_is(wanted, "0")) {
        if (!value_is_same(wanted, stored) && !value_equal(wanted, stored))
            return status_conflict(c->request->resource, name, S(""));
    } else if (c->request->verb == VERB_UPDATE &&
               !(c->resource->strategy & STRATEGY_PUT_UNCONDITIONAL)) {
        struct field_errors errors = {0};
        field_error_add(&errors, FIELD_INVALID, S("metadata.resourceVersion"), value_integer(0),
                        "must be specified for an update");
        struct value status = status_invalid(c->request->resource, name, &errors);
        field_errors_release(&errors);
        return status;
    }
    struct value uid = VALUE_GET(new, metadata, uid), stored_uid = VALUE_GET(old, metadata, uid);
    if (c->request->verb == VERB_UPDATE && value_str(uid).size > 0 &&
        !value_is_same(uid, stored_uid) && !value_equal(uid, stored_uid)) {
        AUTO(text) struct text why = {0};
        uid_conflict_text(c->key, value_str(uid), value_str(stored_uid), &why);
        return status_conflict(c->request->resource, name, text_str(&why));
    }
    return VALUE_ABSENT;
}

/* "If the object does not exist, apply creates it." */
static void apply_creates(struct call *c, struct step *step)
{
    if (!call_may_create(c, step))
        return;
    struct value status = VALUE_ABSENT;
    struct value object = field_manager_apply(c, step, VALUE_ABSENT, &status);
    if (!value_is_present(object)) {
        call_refuse(c, step, status);
        return;
    }
    struct str uid = VALUE_STR(object, metadata, uid);
    if (uid.size > 0) {
        AUTO(text) struct text why = {0};
        text_printf(&why,
                    "uid mismatch: the provided object specified uid %.*s, and no existing object "
                    "was found",
                    STR_ARG(uid));
        value_drop(object);
        call_refuse(c, step, status_conflict(c->request->resource, c->key->name, text_str(&why)));
        return;
    }
    if (VALUE_STR(object, metadata, name).size == 0) {
        AUTO(text) struct text why = {0};
        text_printf(&why,
                    "the name of the object (%.*s based on URL) was undeterminable: name must be "
                    "provided",
                    STR_ARG(c->key->name));
        value_drop(object);
        call_refuse(c, step, status_bad_request(text_str(&why)));
        return;
    }
    if (!registry_identity_check(c, step, object)) {
        value_drop(object);
        return;
    }
    object = registry_namespace_fill(c, VALUE_REMOVE(object, metadata, resourceVersion));
    registry_create_object(c, step, default_object(c->request->resource, object, VALUE_ABSENT));
}

static void update_missing(struct call *c, struct step *step)
{
    if (request_is_apply(c->request)) {
        apply_creates(c, step);
        return;
    }
    bool may_create = c->request->verb == VERB_UPDATE &&
                      (c->resource->strategy & STRATEGY_PUT_CREATES) &&
                      c->request->subresource == SUBRESOURCE_NONE;
    /* DEVIATION: a component's own write to what is gone says so (404), a client's with a uid is in
     * conflict with it (409), as for both of them in a real server. */
    bool is_told = !may_create && c->request->is_typed;
    if (!is_told && value_str(VALUE_GET(c->body, metadata, uid)).size > 0) {
        AUTO(text) struct text why = {0};
        uid_conflict_text(c->key, VALUE_STR(c->body, metadata, uid), S(""), &why);
        call_refuse(c, step, status_conflict(c->request->resource, c->key->name, text_str(&why)));
        return;
    }
    if (!may_create) {
        call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
        return;
    }
    if (call_may_create(c, step))
        registry_create(c, step);
}

static void update_admitted(struct call *c, struct step *step);

void registry_update_try(struct call *c, struct step *step)
{
    if (!c->existing) {
        update_missing(c, step);
        return;
    }
    struct value old = c->existing->value;
    struct value new = update_body(c, step, old);
    if (!value_is_present(new))
        return;
    struct value conflict = version_conflict(c, new, old);
    if (value_is_present(conflict)) {
        value_drop(new);
        (void)registry_try_again(c, step, conflict, registry_update_try);
        return;
    }
    /* An update of whatever is there is one of this version. */
    struct value version = VALUE_GET(old, metadata, resourceVersion);
    if (!value_equal(VALUE_GET(new, metadata, resourceVersion), version))
        new = VALUE_SET(new, value_keep(version), metadata, resourceVersion);
    value_drop(c->object);
    c->object = metadata_restore(new, old);
    admission_start(c, step, ADMIT_UPDATE, update_admitted);
}

static struct value update_validate(struct call *c, struct value old)
{
    struct field_errors errors = {0};
    if (c->kind)
        custom_check_object(c, old, &errors);
    enum subresource sub = c->request->subresource;
    if (c->resource == resource_get(RESOURCE_certificatesigningrequests) && sub)
        validate_certificate_request_update(
            c->object, old, sub == SUBRESOURCE_STATUS ? CERTIFICATE_STATUS : CERTIFICATE_APPROVAL,
            &errors);
    switch (c->kind ? SUBRESOURCE_COUNT : sub) {
    case SUBRESOURCE_APPROVAL:
    case SUBRESOURCE_STATUS:
        validate_status_update(c->resource, c->object, old, &errors);
        break;
    case SUBRESOURCE_RESIZE:
        validate_pod_resize(c->object, old, &errors);
        break;
    case SUBRESOURCE_EPHEMERALCONTAINERS:
        validate_pod_ephemeral_containers(c->object, old, &errors);
        break;
    case SUBRESOURCE_NONE:
        validate_update(c->resource, c->object, old, &errors);
        break;
    case SUBRESOURCE_FINALIZE:
    case SUBRESOURCE_SCALE:
    case SUBRESOURCE_BINDING:
    case SUBRESOURCE_EVICTION:
    case SUBRESOURCE_TOKEN:
    case SUBRESOURCE_LOG:
    case SUBRESOURCE_EXEC:
    case SUBRESOURCE_ATTACH:
    case SUBRESOURCE_PORTFORWARD:
    case SUBRESOURCE_PROXY:
    case SUBRESOURCE_COUNT:
        break;
    }
    struct value status = VALUE_ABSENT;
    if (errors.count > 0)
        status = status_invalid(c->request->resource, c->key->name, &errors);
    field_errors_release(&errors);
    return status;
}

static struct value with_managers(struct value own_object, struct value managers)
{
    if (value_is_same(VALUE_GET(own_object, metadata, managedFields), managers))
        return own_object;
    return VALUE_SET(own_object, value_keep(managers), metadata, managedFields);
}

/* The parts that the endpoint of the request owns, over the stored object. */
static struct value update_prepare(struct call *c, struct value own_new, struct value old)
{
    struct value next = old;
    AUTO(value) struct value managers = value_keep(VALUE_GET(own_new, metadata, managedFields));
    switch (c->request->subresource) {
    case SUBRESOURCE_STATUS:
        if (c->kind) { /* its metadata is as it was, too */
            next = VALUE_SET(value_keep(old), value_keep(VALUE_GET(own_new, status)), status);
            value_drop(own_new);
            return with_managers(next, managers);
        }
        return strategy_prepare_status_update(registry_strategy_row(c), own_new, old);
    case SUBRESOURCE_FINALIZE: /* a namespace's spec.finalizers alone */
        next = VALUE_SET(value_keep(old), value_keep(VALUE_GET(own_new, spec, finalizers)), spec,
                         finalizers);
        value_drop(own_new);
        return with_managers(next, managers);
    case SUBRESOURCE_APPROVAL: /* a signing request's conditions alone */
        next = VALUE_SET(value_keep(old), value_keep(VALUE_GET(own_new, status, conditions)),
                         status, conditions);
        value_drop(own_new);
        return with_managers(next, managers);
    case SUBRESOURCE_EPHEMERALCONTAINERS:
        next = VALUE_SET(value_keep(old), value_keep(VALUE_GET(own_new, spec, ephemeralContainers)),
                         spec, ephemeralContainers);
        value_drop(own_new);
        break;
    case SUBRESOURCE_RESIZE:
        next = VALUE_SET(value_keep(old), value_keep(VALUE_GET(own_new, spec)), spec);
        value_drop(own_new);
        break;
    case SUBRESOURCE_NONE:
    case SUBRESOURCE_SCALE:
    case SUBRESOURCE_BINDING:
    case SUBRESOURCE_EVICTION:
    case SUBRESOURCE_TOKEN:
    case SUBRESOURCE_LOG:
    case SUBRESOURCE_EXEC:
    case SUBRESOURCE_ATTACH:
    case SUBRESOURCE_PORTFORWARD:
    case SUBRESOURCE_PROXY:
    case SUBRESOURCE_COUNT:
        next = own_new;
        break;
    }
    return strategy_prepare_update(registry_strategy_row(c), with_managers(next, managers), old);
}

static void update_validated(struct call *c, struct step *step);

static void update_admitted(struct call *c, struct step *step)
{
    struct value old = c->existing->value;
    c->object = update_prepare(c, c->object, old);
    if (c->resource == resource_get(RESOURCE_certificatesigningrequests))
        c->object = csr_prepare_update(c, step, c->object, old);
    c->object = managed_ignore_times(c->object, old);
    if (c->resource == resource_get(RESOURCE_services) &&
        c->request->subresource == SUBRESOURCE_NONE)
        service_allocate(c, step, update_validated);
    else
        update_validated(c, step);
}

/* An object that is being deleted and that nothing holds any longer. */
static bool goes_with_its_finalizers(struct value object)
{
    if (!object_is_deleting(object) ||
        VALUE_INT(object, 0, metadata, deletionGracePeriodSeconds) > 0)
        return false;
    return value_count(VALUE_GET(object, metadata, finalizers)) == 0;
}

static void update_validated(struct call *c, struct step *step)
{
    struct value old = c->existing->value;
    struct value status = update_validate(c, old);
    if (!value_is_present(status))
        status = admission_validate(c, step, ADMIT_UPDATE);
    if (value_is_present(status)) {
        (void)registry_try_again(c, step, status, registry_update_try);
        return;
    }
    if (c->connection && !c->request->is_typed && c->request->subresource == SUBRESOURCE_NONE) {
        c->warnings = validate_warnings(c->resource, c->object, c->warnings);
        custom_warn(c, old);
    }
    bool namespace_ends = c->request->subresource == SUBRESOURCE_FINALIZE &&
                          object_is_deleting(c->object) &&
                          value_count(VALUE_GET(c->object, spec, finalizers)) == 0;
    bool is_removal =
        c->resource == resource_get(RESOURCE_namespaces)
            ? namespace_ends && value_count(VALUE_GET(c->object, metadata, finalizers)) == 0
            : goes_with_its_finalizers(c->object) && !goes_with_its_finalizers(old);
    if (c->request->dry_run || (!is_removal && value_equal(c->object, old))) {
        registry_answer_object(c, step, 200, value_keep(c->request->dry_run ? c->object : old));
        return;
    }
    if (is_removal) {
        struct etcd_request *r = etcd_request_new(ETCD_TXN);
        r->key = object_key_ref(c->key);
        r->expected_revision = c->existing->mod_revision;
        r->is_delete = true;
        call_etcd(c, step, r, update_done);
        return;
    }
    registry_put(c, step, update_done, registry_update_try);
}

/* As it stands in etcd: in protobuf, a custom object in JSON. */
static size_t stored_bytes(const struct call *c)
{
    AUTO(text) struct text t = {0};
    const struct resource *r = c->resource;
    if (c->kind || !r->type) {
        json_write(c->object, &t);
        return t.size;
    }
    const struct protobuf_head head = {
        .type = r->type, .api_version = r->group_version, .kind = r->kind};
    struct protobuf_writer *w = protobuf_writer_new();
    protobuf_write(w, &head, c->object, &t);
    protobuf_writer_free(w);
    return t.size;
}

/* A patch cannot add more than its own size, and nothing else leaves more than the body: only what
 * may be big is measured. */
void registry_measure(const struct call *c, struct etcd_request *r)
{
    const struct request *q = c->request;
    size_t bytes = q->body_bytes;
    if (bytes == 0)
        return;
    if (q->verb == VERB_PATCH && c->existing)
        bytes += c->existing->size_bytes;
    if (bytes >= MEASURED_BYTES)
        bytes = stored_bytes(c);
    r->message.size_bytes += (uint32_t)bytes;
}

void registry_put(struct call *c, struct step *step, call_etcd_fn done, call_fn again)
{
    struct etcd_request *r = etcd_request_new(ETCD_TXN);
    r->key = object_key_ref(c->key);
    r->expected_revision = c->existing->mod_revision;
    r->value = value_keep(c->object);
    r->lease = c->existing->lease;
    registry_measure(c, r);
    c->then = again;
    call_etcd(c, step, r, done);
}

static void update_done(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (!r || r->error != ETCD_OK) {
        registry_store_failed(c, step, r);
        return;
    }
    if (r->succeeded) {
        service_allocation_free(c);
        struct value stored =
            r->count > 0 && value_is_present(r->kvs[0]->value) ? r->kvs[0]->value : c->object;
        if (c->resource == resource_get(RESOURCE_services))
            service_changed(c->server, step, c->existing->value, stored);
        registry_answer_object(c, step, 200, value_keep(stored));
        return;
    }
    service_release_reservations(c, step);
    if (++c->tries >= UPDATE_TRIES && c->request->verb == VERB_PATCH) {
        call_refuse(c, step, status_conflict(c->request->resource, c->key->name, S("")));
        return;
    }
    etcd_kv_unref(c->existing);
    c->existing = r->count > 0 ? etcd_kv_ref(r->kvs[0]) : NULL;
    c->existing_is_current = true;
    registry_update_try(c, step);
}
