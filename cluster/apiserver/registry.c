/* SPDX-License-Identifier: Apache-2.0
 *
 * The generic registry: reading what a write starts from, and create (registry.h); update and patch
 * are in registry_update.c. Upstream: pkg/registry/generic/registry/store.go and
 * endpoints/handlers/create.go.
 *
 * Create: decode, default, who owns the fields, name and identity, mutating admission, strategy,
 * allocation, validation, quota, etcd "if it does not exist". A generated name that is taken is
 * replaced by another, eight tries in all.
 *
 * Hot writes come with is_typed from components: they are not decoded, and defaults, strategy and
 * validation skip whatever is the very same part as before.
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/custom/object.h"
#include "cluster/api/decode.h"
#include "cluster/api/defaults.h"
#include "cluster/api/object.h"
#include "cluster/api/schema.h"
#include "cluster/api/strategy.h"
#include "cluster/api/validate.h"
#include "cluster/apiserver/admission.h"
#include "cluster/apiserver/field_manager.h"
#include "cluster/apiserver/list.h"
#include "cluster/apiserver/machinery.h"

#define GENERATED_NAME_TRIES 8
#define GENERATED_PREFIX_MAX 58
#define EVENT_LEASE_REUSE_S 60
#define EVENT_LEASE_OBJECTS 1000

static void create_admitted(struct call *c, struct step *step);
static void create_allocated(struct call *c, struct step *step);
static void create_store(struct call *c, struct step *step);
static void create_stored(struct call *c, struct step *step, const struct etcd_response *r);

struct value registry_show(const struct call *c, struct value own_object)
{
    if (c->kind)
        return custom_show(c->kind, own_object);
    return version_convert(own_object, c->resource, c->request->resource);
}

/* The other way: as it is stored. */
struct value registry_to_storage(const struct call *c, struct value own_object)
{
    if (c->kind)
        return custom_store(c->kind, own_object);
    return version_convert(own_object, c->request->resource, c->resource);
}

/* The row that says how the kind's registry treats its objects. */
const struct resource *registry_strategy_row(const struct call *c)
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

bool registry_identity_check(struct call *c, struct step *step, struct value object)
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

/* ---- create ---- */

/* An object that names no namespace has the request's. */
struct value registry_namespace_fill(const struct call *c, struct value object)
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
    if (!registry_identity_check(c, step, object)) {
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
    object = registry_namespace_fill(c, object);
    object = default_object(c->request->resource, object, VALUE_ABSENT);
    registry_create_object(c, step, object);
}

/* From the object as the request's version has it, defaulted. */
void registry_create_object(struct call *c, struct step *step, struct value own_object)
{
    struct value object = registry_fill_system(c, step, own_object);
    if (!request_is_apply(c->request))
        object = field_manager_update(c, step, VALUE_ABSENT, object);
    object = registry_to_storage(c, object);
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
    c->object = strategy_prepare_create(registry_strategy_row(c), c->object);
    if (c->resource == resource_get(RESOURCE_pods))
        c->object = strategy_fill_apparmor(c->object, &c->warnings);
    if (c->resource == resource_get(RESOURCE_services))
        service_allocate(c, step, create_allocated);
    else
        create_allocated(c, step);
}

static void create_allocated(struct call *c, struct step *step)
{
    struct field_errors errors = {0};
    if (c->kind)
        custom_check_object(c, VALUE_ABSENT, &errors);
    else if (c->request->resource == resource_get(RESOURCE_events_events))
        validate_new_event(c->object, &errors);
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
    if (c->connection && !c->request->is_typed) {
        c->warnings = validate_warnings(c->resource, c->object, c->warnings);
        custom_warn(c, VALUE_ABSENT);
    }
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
    registry_measure(c, r);
    call_etcd(c, step, r, create_stored);
}

/* Reservations are given back only when it is sure that nothing was written. */
void registry_store_failed(struct call *c, struct step *step, const struct etcd_response *r)
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
        registry_store_failed(c, step, r);
        return;
    }
    if (r->succeeded) {
        service_allocation_free(c);
        registry_answer_object(c, step, 201, value_keep(r->kvs[0]->value));
        return;
    }
    if (request_is_apply(c->request)) { /* somebody else was first */
        registry_fetch(c, step, registry_update_try);
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
