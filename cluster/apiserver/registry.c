/* SPDX-License-Identifier: Apache-2.0
 *
 * The generic registry: create, update and patch (registry.h). Upstream:
 * pkg/registry/generic/registry/store.go and endpoints/handlers/{create,update,patch}.go.
 *
 * Create: decode, default, name and identity, mutating admission, strategy, allocation, validation,
 * quota, etcd "if it does not exist". A generated name that is taken is replaced by another, eight
 * tries in all.
 *
 * Update: the body (or the patch applied to what is there) over the existing object: what a client
 * may not change is put back by the strategy, and the generation counts changes of the spec.
 * Optimistic concurrency: a body with a resourceVersion must name the stored one; a patch without
 * one is applied again to whatever won the race, five times. What changes nothing is not written:
 * the answer is the object as it was.
 *
 * An update that takes the last finalizer from an object being deleted, with no grace left, removes
 * the object.
 *
 * Hot writes (leases, statuses) come with is_typed from components: they are not decoded, and
 * defaults, strategy and validation skip whatever is the very same part as before.
 *
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/custom/object.h"
#include "cluster/api/decode.h"
#include "cluster/api/defaults.h"
#include "cluster/api/fields/managed.h"
#include "cluster/api/object.h"
#include "cluster/api/schema.h"
#include "cluster/api/strategic.h"
#include "cluster/api/strategy.h"
#include "cluster/api/validate.h"
#include "cluster/apiserver/admission.h"
#include "cluster/apiserver/field_manager.h"
#include "cluster/apiserver/list.h"
#include "cluster/apiserver/machinery.h"

#define GENERATED_NAME_TRIES 8
#define GENERATED_PREFIX_MAX 58
#define UPDATE_TRIES 5
#define EVENT_LEASE_REUSE_S 60
#define EVENT_LEASE_OBJECTS 1000

static void create_object(struct call *c, struct step *step, struct value own_object);
static void create_admitted(struct call *c, struct step *step);
static void create_allocated(struct call *c, struct step *step);
static void create_store(struct call *c, struct step *step);
static void create_stored(struct call *c, struct step *step, const struct etcd_response *r);
static void update_try(struct call *c, struct step *step);
static void update_done(struct call *c, struct step *step, const struct etcd_response *r);

struct value registry_show(const struct call *c, struct value own_object)
{
    if (c->kind)
        return custom_show(c->kind, own_object);
    return version_convert(own_object, c->resource, c->request->resource);
}

/* The other way: as it is stored. */
static struct value to_storage(const struct call *c, struct value own_object)
{
    if (c->kind)
        return custom_store(c->kind, own_object);
    return version_convert(own_object, c->request->resource, c->resource);
}

/* The row that says how the kind's registry treats its objects. */
static const struct resource *strategy_row(const struct call *c)
{
    return c->kind ? c->kind->resource : c->resource;
}

void registry_answer_object(struct call *c, struct step *step, int code, struct value own_object)
{
    own_object = registry_show(c, own_object);
    if (c->request->resource == resource_get(RESOURCE_endpoints) && c->connection &&
        !c->request->is_typed)
        call_warn(
            c, value_string(S(
                   "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")));
    call_finish(c, step, code, own_object);
}

void registry_get(struct call *c, struct step *step)
{
    switch (c->request->subresource) {
    case SUBRESOURCE_NONE:
    case SUBRESOURCE_STATUS:
    case SUBRESOURCE_RESIZE:
    case SUBRESOURCE_EPHEMERALCONTAINERS:
    case SUBRESOURCE_APPROVAL:
        get_start(c, step);
        break;
    case SUBRESOURCE_SCALE:
        registry_load(c, step, scale_get);
        break;
    case SUBRESOURCE_LOG:
    case SUBRESOURCE_EXEC:
    case SUBRESOURCE_ATTACH:
    case SUBRESOURCE_PORTFORWARD:
    case SUBRESOURCE_PROXY: /* connect.c has these */
    case SUBRESOURCE_BINDING:
    case SUBRESOURCE_EVICTION:
    case SUBRESOURCE_FINALIZE:
    case SUBRESOURCE_TOKEN:
    case SUBRESOURCE_COUNT:
        call_refuse(c, step,
                    status_method_not_allowed(c->request->resource, "get on this subresource"));
        break;
    }
}

/* ---- reading what a write starts from ---- */

static call_fn fetched_then(struct call *c)
{
    return c->then;
}

static void on_fetched(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    etcd_kv_unref(c->existing);
    c->existing = r->count > 0 ? etcd_kv_ref(r->kvs[0]) : NULL;
    c->existing_is_current = true;
    fetched_then(c)(c, step);
}

void registry_fetch(struct call *c, struct step *step, call_fn then)
{
    struct etcd_request *r = etcd_request_new(ETCD_RANGE);
    r->key = object_key_ref(c->key);
    c->then = then;
    call_etcd(c, step, r, on_fetched);
}

void registry_load(struct call *c, struct step *step, call_fn then)
{
    const struct etcd_kv *kv = watch_cache_get(c->server, c->key);
    if (!kv) {
        registry_fetch(c, step, then);
        return;
    }
    etcd_kv_unref(c->existing);
    c->existing = etcd_kv_ref(kv);
    c->existing_is_current = false;
    then(c, step);
}

bool registry_try_again(struct call *c, struct step *step, struct value own_status, call_fn again)
{
    if (c->existing_is_current) {
        call_refuse(c, step, own_status);
        return false;
    }
    value_drop(own_status);
    registry_fetch(c, step, again);
    return true;
}

/* ---- the body ---- */

static bool identity_check(struct call *c, struct step *step, struct value object)
{
    struct str name = VALUE_STR(object, metadata, name);
    struct str namespace = VALUE_STR(object, metadata, namespace);
    AUTO(text) struct text m = {0};
    if (c->key && name.size > 0 && !str_equal(name, c->key->name))
        text_printf(&m, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                    STR_ARG(name), STR_ARG(c->key->name));
    char small[VALUE_SMALL_SIZE] = {0};
    struct str wanted = c->key ? c->key->namespace : value_str_in(c->request->namespace, small);
    if (m.size == 0 && namespace.size > 0 && !str_equal(namespace, wanted) &&
        c->resource->is_namespaced)
        text_add(&m, S("the namespace of the provided object does not match the namespace sent on "
                       "the request"));
    if (m.size > 0)
        call_refuse(c, step, status_bad_request(text_str(&m)));
    return m.size == 0;
}

bool registry_decode(struct call *c, struct step *step, struct value *ret_object)
{
    struct value object = value_keep(c->request->body);
    if (!c->request->is_typed) {
        struct value status = VALUE_ABSENT;
        const struct decode_options options = {.validation = c->request->field_validation,
                                               .duplicates = c->request->duplicates,
                                               .source = c->request->source};
        const struct resource *r = c->request->resource;
        const struct type_schema *type = schema_for_subresource(r, c->request->subresource);
        object = c->kind && type == r->type
                     ? custom_decode(c->kind, object, &options, &status, &c->warnings)
                 : type == r->type ? decode_object(r, object, &options, &status, &c->warnings)
                                   : decode(type, object, &options, &status, &c->warnings);
        if (!value_is_present(object)) {
            call_refuse(c, step, status);
            return false;
        }
    }
    *ret_object = object;
    return true;
}

static bool is_apply(const struct request *r)
{
    return r->verb == VERB_PATCH && r->patch_type == PATCH_APPLY;
}

/* ---- create ---- */

/* An object that names no namespace has the request's. */
static struct value namespace_fill(const struct call *c, struct value object)
{
    if (c->resource->is_namespaced) {
        char small[VALUE_SMALL_SIZE] = {0};
        struct str namespace =
            c->key ? c->key->namespace : value_str_in(c->request->namespace, small);
        if (namespace.size > 0 && !str_equal(namespace, VALUE_STR(object, metadata, namespace)))
            object = VALUE_SET(object, value_string(namespace), metadata, namespace);
    }
    return object;
}

struct value uid_make(struct step *step)
{
    uint64_t a = step_random(step, RANDOM_UID);
    uint64_t b = step_random(step, RANDOM_UID);
    static const char digits[] = "0123456789abcdef";
    char out[36];
    a = (a & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    b = (b & ~(UINT64_C(3) << 62)) | (UINT64_C(2) << 62);
    size_t at = 0;
    for (size_t i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[at++] = '-';
        uint64_t word = i < 16 ? a : b;
        out[at++] = digits[(word >> (60 - 4 * (i % 16))) & 15];
    }
    return value_string((struct str){out, sizeof(out)});
}

static uint64_t next_name_draw(void *owner)
{
    return step_random(owner, RANDOM_NAME);
}

static struct value generated_name(struct step *step, struct str prefix)
{
    char suffix[NAME_SUFFIX_SIZE];
    name_suffix(next_name_draw, step, suffix);
    if (prefix.size > GENERATED_PREFIX_MAX)
        prefix.size = GENERATED_PREFIX_MAX;
    return value_printf("%.*s%.*s", STR_ARG(prefix), NAME_SUFFIX_SIZE, suffix);
}

static void name_set(struct call *c, struct value own_name)
{
    c->object = VALUE_SET(c->object, own_name, metadata, name);
    object_key_unref(c->key);
    c->key = object_key_of(c->resource, VALUE_STR(c->object, metadata, namespace),
                           VALUE_STR(c->object, metadata, name));
}

struct value registry_fill_system(struct call *c, struct step *step, struct value own_object)
{
    (void)c;
    struct value m = value_keep(value_get(own_object, ATOM_metadata));
    if (!value_is_present(m))
        m = value_object();
    m = value_set(m, ATOM_uid, uid_make(step));
    m = value_set(m, ATOM_creationTimestamp, time_value(step->wall));
    m = value_set(m, ATOM_deletionTimestamp, VALUE_ABSENT);
    m = value_set(m, ATOM_deletionGracePeriodSeconds, VALUE_ABSENT);
    m = value_set(m, ATOM_selfLink, VALUE_ABSENT);
    m = value_set(m, ATOM_generation, VALUE_ABSENT);
    return value_set(own_object, ATOM_metadata, m);
}

static bool is_virtual_create(struct call *c, struct step *step)
{
    switch (c->request->subresource) {
    case SUBRESOURCE_NONE:
        if (c->request->resource == resource_get(RESOURCE_bindings)) {
            pod_bind(c, step);
            return true;
        }
        return review_answer(c, step);
    case SUBRESOURCE_BINDING:
        pod_bind(c, step);
        return true;
    case SUBRESOURCE_EVICTION:
        pod_evict(c, step);
        return true;
    case SUBRESOURCE_TOKEN:
        token_request(c, step);
        return true;
    case SUBRESOURCE_LOG:
    case SUBRESOURCE_EXEC:
    case SUBRESOURCE_ATTACH:
    case SUBRESOURCE_PORTFORWARD:
    case SUBRESOURCE_PROXY:
    case SUBRESOURCE_STATUS:
    case SUBRESOURCE_SCALE:
    case SUBRESOURCE_FINALIZE:
    case SUBRESOURCE_APPROVAL:
    case SUBRESOURCE_RESIZE:
    case SUBRESOURCE_EPHEMERALCONTAINERS:
    case SUBRESOURCE_COUNT:
        break;
    }
    call_refuse(c, step,
                status_service_unavailable(S("the simulated kubelets do not serve streams yet")));
    return true;
}

void registry_create(struct call *c, struct step *step)
{
    if (is_virtual_create(c, step))
        return;
    struct value object;
    if (!registry_decode(c, step, &object))
        return;
    if (!identity_check(c, step, object)) {
        value_drop(object);
        return;
    }
    if (value_str(VALUE_GET(object, metadata, resourceVersion)).size > 0 &&
        !str_equal(VALUE_STR(object, metadata, resourceVersion), S("0"))) {
        value_drop(object);
        call_refuse(
            c, step,
            value_pack(
                "{kind: Status, apiVersion: v1, metadata: {}, status: Failure, message: "
                "\"resourceVersion should not be set on objects to be created\", code: 500}"));
        return;
    }
    object = VALUE_REMOVE(object, metadata, resourceVersion);
    object = namespace_fill(c, object);
    object = default_object(c->request->resource, object, VALUE_ABSENT);
    create_object(c, step, object);
}

/* From the object as the request's version has it, defaulted. */
static void create_object(struct call *c, struct step *step, struct value own_object)
{
    struct value object = registry_fill_system(c, step, own_object);
    if (!is_apply(c->request))
        object = field_manager_update(c, step, VALUE_ABSENT, object);
    object = to_storage(c, object);
    if (c->resource == resource_get(RESOURCE_certificatesigningrequests))
        object = csr_name_requester(c, object);
    c->object = object;
    struct str prefix = VALUE_STR(c->object, metadata, generateName);
    if (VALUE_STR(c->object, metadata, name).size == 0 && prefix.size > 0)
        name_set(c, generated_name(step, prefix));
    else if (!c->key && VALUE_STR(c->object, metadata, name).size > 0)
        name_set(c, value_keep(VALUE_GET(c->object, metadata, name)));
    admission_start(c, step, ADMIT_CREATE, create_admitted);
}

static void create_admitted(struct call *c, struct step *step)
{
    c->object = strategy_prepare_create(strategy_row(c), c->object);
    if (c->resource == resource_get(RESOURCE_services))
        service_allocate(c, step, create_allocated);
    else
        create_allocated(c, step);
}

/* A custom object is validated as the version that was asked for shows it. */
void registry_check_custom(const struct call *c, struct value old, struct field_errors *errors)
{
    AUTO(value) struct value new = custom_show(c->kind, value_keep(c->object));
    AUTO(value)
    struct value before =
        value_is_present(old) ? custom_show(c->kind, value_keep(old)) : VALUE_ABSENT;
    custom_validate(c->kind, new, before, errors);
}

static void create_allocated(struct call *c, struct step *step)
{
    struct field_errors errors = {0};
    if (c->kind)
        registry_check_custom(c, VALUE_ABSENT, &errors);
    else
        validate_create(c->resource, c->object, &errors);
    if (errors.count > 0) {
        struct str name = VALUE_STR(c->object, metadata, name);
        struct value status = status_invalid(c->request->resource, name, &errors);
        field_errors_release(&errors);
        call_refuse(c, step, status);
        return;
    }
    field_errors_release(&errors);
    CHECK(c->key != NULL); /* a nameless object is not valid */
    if (c->connection && !c->request->is_typed)
        c->warnings = validate_warnings(c->resource, c->object, c->warnings);
    struct value status = admission_validate(c, step, ADMIT_CREATE);
    if (value_is_present(status)) {
        call_refuse(c, step, status);
        return;
    }
    quota_charge(c, step, create_store);
}

/* ---- event leases: Events live for --event-ttl, by etcd's leases; one lease serves a minute's
 * worth of them ---- */

static void event_leased(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    c->server->event_lease = (struct event_lease){.id = r->lease, .granted = step->now};
    create_store(c, step);
}

/* False: waits for a lease, which comes back to create_store. */
static bool event_lease(struct call *c, struct step *step)
{
    struct event_lease *l = &c->server->event_lease;
    if (l->id != 0 &&
        instant_since(step->now, l->granted).ns < duration_s(EVENT_LEASE_REUSE_S).ns &&
        l->objects < EVENT_LEASE_OBJECTS) {
        l->objects++;
        c->lease = l->id;
        return true;
    }
    struct etcd_request *r = etcd_request_new(ETCD_LEASE_GRANT);
    r->lease = lease_id(step);
    r->ttl_seconds = c->server->flags.event_ttl.ns / duration_s(1).ns + EVENT_LEASE_REUSE_S;
    call_etcd(c, step, r, event_leased);
    return false;
}

static void create_store(struct call *c, struct step *step)
{
    if (c->request->dry_run) {
        registry_answer_object(c, step, 201, value_keep(c->object));
        return;
    }
    if (c->resource == resource_get(RESOURCE_events) && !event_lease(c, step))
        return;
    struct etcd_request *r = etcd_request_new(ETCD_TXN);
    r->key = object_key_ref(c->key);
    r->expected_revision = 0;
    r->value = value_keep(c->object);
    r->lease = c->lease;
    call_etcd(c, step, r, create_stored);
}

/* Reservations are given back only when it is sure that nothing was written. */
static void store_failed(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (!r || r->error == ETCD_ERROR_TIMEOUT || r->error == ETCD_ERROR_LEADER_CHANGED)
        service_allocation_free(c);
    (void)call_etcd_failed(c, step, r);
}

static void create_stored(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (r && r->error == ETCD_ERROR_LEASE_NOT_FOUND) {
        c->server->event_lease.id = 0;
        create_store(c, step);
        return;
    }
    if (!r || r->error != ETCD_OK) {
        store_failed(c, step, r);
        return;
    }
    if (r->succeeded) {
        service_allocation_free(c);
        registry_answer_object(c, step, 201, value_keep(r->kvs[0]->value));
        return;
    }
    if (is_apply(c->request)) { /* somebody else was first */
        registry_fetch(c, step, update_try);
        return;
    }
    struct str prefix = VALUE_STR(c->object, metadata, generateName);
    bool is_generated = prefix.size > 0 && (!c->request->key);
    if (is_generated && VALUE_STR(c->request->body, metadata, name).size == 0 &&
        ++c->tries < GENERATED_NAME_TRIES) {
        name_set(c, generated_name(step, prefix));
        create_store(c, step);
        return;
    }
    struct value status = status_already_exists(c->request->resource, c->key->name);
    if (is_generated && c->tries > 0)
        status =
            VALUE_SET(status,
                      value_printf("%.*s \"%.*s\" already exists, the server was not able to "
                                   "generate a unique name for the object",
                                   STR_ARG(c->request->resource->qualified), STR_ARG(c->key->name)),
                      message);
    call_refuse(c, step, status);
}

/* ---- update and patch ---- */

/* Ends in registry_load -> update_try. */
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
        if (!identity_check(c, step, object)) {
            value_drop(object);
            return;
        }
        c->body = object;
    }
    registry_load(c, step, update_try);
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
    else if (is_apply(r))
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
    if (!is_apply(r))
        new = field_manager_update(c, step, shown, new);
    return to_storage(c, new);
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
    if (!identity_check(c, step, object)) {
        value_drop(object);
        return;
    }
    object = namespace_fill(c, VALUE_REMOVE(object, metadata, resourceVersion));
    create_object(c, step, default_object(c->request->resource, object, VALUE_ABSENT));
}

static void update_missing(struct call *c, struct step *step)
{
    if (is_apply(c->request)) {
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

static void update_try(struct call *c, struct step *step)
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
        (void)registry_try_again(c, step, conflict, update_try);
        return;
    }
    value_drop(c->object);
    c->object = metadata_restore(new, old);
    admission_start(c, step, ADMIT_UPDATE, update_admitted);
}

static struct value update_validate(struct call *c, struct value old)
{
    struct field_errors errors = {0};
    if (c->kind)
        registry_check_custom(c, old, &errors);
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
        return strategy_prepare_status_update(strategy_row(c), own_new, old);
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
    return strategy_prepare_update(strategy_row(c), with_managers(next, managers), old);
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
        (void)registry_try_again(c, step, status, update_try);
        return;
    }
    if (c->connection && !c->request->is_typed && c->request->subresource == SUBRESOURCE_NONE)
        c->warnings = validate_warnings(c->resource, c->object, c->warnings);
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
    registry_put(c, step, update_done, update_try);
}

void registry_put(struct call *c, struct step *step, call_etcd_fn done, call_fn again)
{
    struct etcd_request *r = etcd_request_new(ETCD_TXN);
    r->key = object_key_ref(c->key);
    r->expected_revision = c->existing->mod_revision;
    r->value = value_keep(c->object);
    r->lease = c->existing->lease;
    c->then = again;
    call_etcd(c, step, r, done);
}

static void update_done(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (!r || r->error != ETCD_OK) {
        store_failed(c, step, r);
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
    update_try(c, step);
}
