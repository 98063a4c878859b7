/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the registry and cluster/api/fields: which fields an endpoint resets (GetResetFields of
 * the strategies upstream), the versions of a kind, and who the manager is.
 *
 * A request to /status does not change the spec, nor one to the object its status; fields that an
 * endpoint puts back are not the writer's, whatever was sent.
 *
 * DEVIATION: unless the configuration says otherwise (it does in `serve`), an object has no
 * managedFields until it is applied for the first time, as if the server's tracking on create were
 * off. They would cost a run a third of its time, and no simulated component reads them.
 */
#include "cluster/apiserver/field_manager.h"

#include "cluster/api/custom/fields.h"
#include "cluster/api/custom/object.h"
#include "cluster/api/decode.h"
#include "cluster/api/defaults.h"
#include "cluster/api/fields/managed.h"
#include "cluster/api/object.h"
#include "cluster/api/schema.h"
#include "cluster/apiserver/machinery.h"
#include "sim/base/arena.h"

/* ---- the manager's name ---- */

/* As much of a user agent's first part as fits, without what cannot be printed. */
static void manager_of_agent(struct str agent, struct text *out)
{
    struct str part = str_slice(agent, 0, str_find(agent, '/'));
    for (size_t i = 0; i < part.size; i++) {
        unsigned char b = (unsigned char)part.bytes[i];
        if (b >= ' ' && b != 0x7f && out->size < MANAGED_NAME_MAX)
            text_add_byte(out, (char)b);
    }
}

static void manager_name(const struct request *r, struct text *out)
{
    char small[VALUE_SMALL_SIZE] = {0};
    struct str name = value_str_in(r->field_manager, small);
    if (name.size > 0)
        text_add(out, name);
    else
        manager_of_agent(value_str_in(r->user_agent, small), out);
}

/* ---- what an endpoint leaves alone ---- */

static bool resets_metadata(const struct resource *r)
{
    static const char *const kinds[] = {"ValidatingAdmissionPolicy",
                                        "StorageVersion",
                                        "FlowSchema",
                                        "PriorityLevelConfiguration",
                                        "ServiceCIDR",
                                        "ResourceClaim",
                                        "VolumeAttachment",
                                        "StorageVersionMigration",
                                        "APIService",
                                        "DeviceTaintRule"};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (str_equal(r->kind, str_from(kinds[i])))
            return true;
    return resource_is_custom(r);
}

static struct value status_reset(const struct resource *r)
{
    if (resets_metadata(r))
        return value_pack("{\"f:metadata\": {}, \"f:spec\": {}}");
    switch (r->index) {
    case RESOURCE_pods:
        return value_pack("{\"f:spec\": {}, \"f:metadata\": {\"f:deletionTimestamp\": {}, "
                          "\"f:ownerReferences\": {}}}");
    case RESOURCE_deployments:
        return value_pack("{\"f:spec\": {}, \"f:metadata\": {\"f:labels\": {}}}");
    case RESOURCE_certificatesigningrequests:
        return value_pack("{\"f:spec\": {}, \"f:status\": {\"f:conditions\": {}}}");
    default:
        return value_pack("{\"f:spec\": {}}");
    }
}

static struct value main_reset(const struct resource *r)
{
    if (r->index == RESOURCE_certificatesigningrequests)
        return value_pack("{\"f:spec\": {}, \"f:status\": {}}");
    return r->subresources & (1u << SUBRESOURCE_STATUS) ? value_pack("{\"f:status\": {}}")
                                                        : VALUE_ABSENT;
}

/* Owned; absent: nothing. */
static struct value reset_of(const struct resource *r, enum subresource subresource)
{
    switch (subresource) {
    case SUBRESOURCE_NONE:
        return main_reset(r);
    case SUBRESOURCE_STATUS:
        return status_reset(r);
    case SUBRESOURCE_APPROVAL:
        return value_pack("{\"f:spec\": {}, \"f:status\": {\"f:certificate\": {}}}");
    case SUBRESOURCE_FINALIZE:
        return value_pack("{\"f:status\": {}}");
    case SUBRESOURCE_EPHEMERALCONTAINERS:
        return value_pack("{\"f:spec\": {\"f:ephemeralContainers\": {}}}");
    case SUBRESOURCE_RESIZE:
        return value_pack(
            "{\"f:spec\": {\"f:containers\": {\"*\": {\"f:resources\": {}, \"f:resizePolicy\": "
            "{}}}, \"f:initContainers\": {\"*\": {\"f:resources\": {}, \"f:resizePolicy\": {}}}}}");
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
    return VALUE_ABSENT;
}

/* ---- versions ---- */

static const struct resource *row_of(const struct resource *storage, struct str api_version)
{
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (r->storage == storage && str_equal(r->group_version, api_version))
            return r;
    }
    return NULL;
}

static bool custom_convert(const struct custom_kind *k, struct value own_object,
                           struct str api_version, struct value *ret_object,
                           struct fields_type *ret_type)
{
    struct str version, group = str_cut(api_version, '/', &version);
    const struct custom_kind *to = str_equal(group, k->resource->group)
                                       ? custom_definition_version(k->definition, version)
                                       : NULL;
    if (!to || version.size == 0) {
        value_drop(own_object);
        return false;
    }
    *ret_type = custom_fields_type(to);
    *ret_object = custom_show(to, custom_store(k, own_object));
    return true;
}

static bool convert(void *owner, struct value own_object, struct str api_version,
                    struct value *ret_object, struct fields_type *ret_type)
{
    const struct call *c = owner;
    if (c->kind)
        return custom_convert(c->kind, own_object, api_version, ret_object, ret_type);
    const struct resource *from = row_of(c->resource, VALUE_STR(own_object, apiVersion));
    const struct resource *to = row_of(c->resource, api_version);
    if (!from || !to) {
        value_drop(own_object);
        return false;
    }
    *ret_type = fields_type_of(to->type);
    if (from != to && from->storage != from)
        own_object = version_convert(own_object, from, c->resource);
    if (from != to && to->storage != to)
        own_object = version_convert(own_object, c->resource, to);
    *ret_object = own_object;
    return true;
}

/* ---- requests ---- */

/* `reset` is the caller's to drop. */
static struct managed_scope scope_of(struct call *c)
{
    const struct request *r = c->request;
    enum subresource s = r->subresource;
    if (s == SUBRESOURCE_SCALE || s == SUBRESOURCE_TOKEN)
        return (struct managed_scope){
            .type = fields_type_of(schema_for_subresource(r->resource, s)),
            .api_version =
                s == SUBRESOURCE_SCALE ? S("autoscaling/v1") : S("authentication.k8s.io/v1"),
            .kind = s == SUBRESOURCE_SCALE ? S("Scale") : S("TokenRequest"),
            .subresource = str_from(subresource_text(s))};
    bool keeps_only = s == SUBRESOURCE_EPHEMERALCONTAINERS || s == SUBRESOURCE_RESIZE;
    return (struct managed_scope){.type =
                                      c->kind && s != SUBRESOURCE_SCALE
                                          ? custom_fields_type(c->kind)
                                          : fields_type_of(schema_for_subresource(r->resource, s)),
                                  .api_version = r->resource->group_version,
                                  .kind = r->resource->kind,
                                  .subresource = str_from(subresource_text(s)),
                                  .reset = reset_of(r->resource, s),
                                  .keeps_only = keeps_only,
                                  .type_may_change = c->kind != NULL,
                                  .convert = convert,
                                  .owner = c};
}

static bool is_daemon_set(const struct call *c)
{
    return c->resource == resource_get(RESOURCE_daemonsets);
}

/* Upstream's conversion puts the generation of a daemon set's template into an annotation, so that
 * whoever creates one owns that. */
static struct value with_template_generation(struct value own_set)
{
    struct value annotations = VALUE_GET(own_set, metadata, annotations);
    struct str key = S("deprecated.daemonset.template.generation");
    if (value_is_present(value_get_key(annotations, key)))
        return own_set;
    annotations = value_set_key(value_keep(annotations), key, value_string(S("0")));
    return VALUE_SET(own_set, annotations, metadata, annotations);
}

struct value field_manager_update(struct call *c, struct step *step, struct value live,
                                  struct value own_new)
{
    bool is_tracked = value_is_present(live)
                          ? value_count(VALUE_GET(live, metadata, managedFields)) > 0
                          : c->server->flags.tracks_fields;
    if (!is_tracked && !(c->server->flags.tracks_fields &&
                         value_is_present(VALUE_GET(own_new, metadata, managedFields))))
        return value_is_present(VALUE_GET(own_new, metadata, managedFields))
                   ? VALUE_REMOVE(own_new, metadata, managedFields)
                   : own_new;
    const struct managed_scope scope = scope_of(c);
    AUTO(text) struct text manager = {0};
    AUTO(value) struct value now = time_value(step->wall);
    AUTO(value) struct value empty = VALUE_ABSENT;
    if (!value_is_present(live))
        live = empty = value_pack("{apiVersion: %S, kind: %S}", scope.api_version, scope.kind);
    manager_name(c->request, &manager);
    if (value_is_present(empty) && is_daemon_set(c))
        own_new = with_template_generation(own_new);
    own_new = managed_update(&scope, live, own_new, text_str(&manager), now);
    value_drop(scope.reset);
    return own_new;
}

/* A warning would have the same words, but a header cannot hold their line ends. */
static struct value refuse_duplicates(struct value lines)
{
    AUTO(text) struct text m = {0};
    text_add(&m, S("error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal "
                   "errors:"));
    for (size_t i = 0; i < value_count(lines); i++) {
        text_add(&m, S("\n  "));
        text_add(&m, value_str(value_at(lines, i)));
    }
    return status_bad_request(text_str(&m));
}

struct value field_manager_apply(struct call *c, struct step *step, struct value live,
                                 struct value *ret_status)
{
    const struct request *r = c->request;
    const struct managed_scope scope = scope_of(c);
    AUTO(text) struct text manager = {0};
    AUTO(value) struct value now = time_value(step->wall);
    AUTO(value) struct value empty = VALUE_ABSENT;
    if (!value_is_present(live))
        live = empty = value_pack("{apiVersion: %S, kind: %S}", scope.api_version, scope.kind);
    manager_name(r, &manager);
    const struct managed_apply a = {.live = live,
                                    .configuration = r->body,
                                    .manager = text_str(&manager),
                                    .now = now,
                                    .is_forced = r->force};
    struct value next = managed_apply(&scope, &a, ret_status);
    value_drop(scope.reset);
    if (value_is_present(next) && r->field_validation == FIELD_VALIDATION_STRICT &&
        value_count(r->duplicates) > 0) {
        value_drop(next);
        *ret_status = refuse_duplicates(r->duplicates);
        return VALUE_ABSENT;
    }
    if (!value_is_present(next))
        return VALUE_ABSENT;
    const struct decode_options options = {.validation = FIELD_VALIDATION_IGNORE};
    if (c->kind && r->subresource != SUBRESOURCE_SCALE)
        return custom_decode(c->kind, next, &options, ret_status, NULL);
    return decode(schema_for_subresource(r->resource, r->subresource), next, &options, ret_status,
                  NULL);
}

/* ---- scale ---- */

#define PATH_MAX 16

/* Where an object of the call's kind has its replicas. */
static size_t replicas_path(const struct call *c, struct arena *arena,
                            const char *ret_path[PATH_MAX])
{
    struct value custom =
        c->kind ? VALUE_GET(c->kind->version, subresources, scale, specReplicasPath) : VALUE_ABSENT;
    struct str rest = c->kind ? value_str(custom) : S(".spec.replicas");
    size_t count = 0;
    (void)str_cut(rest, '.', &rest);
    while (rest.size > 0 && count < PATH_MAX)
        ret_path[count++] = arena_str(arena, str_cut(rest, '.', &rest)).bytes;
    return count;
}

struct value field_manager_scale(struct call *c, struct value parent, struct value own_scale)
{
    struct value entries = VALUE_GET(parent, metadata, managedFields);
    const char *path[PATH_MAX];
    struct arena arena = {0};
    if (value_count(entries) > 0)
        own_scale =
            VALUE_SET(own_scale, managed_scale_of(entries, path, replicas_path(c, &arena, path)),
                      metadata, managedFields);
    arena_release(&arena);
    return own_scale;
}

struct value field_manager_scaled(struct call *c, struct value own_parent, struct value scale)
{
    struct value entries = VALUE_GET(own_parent, metadata, managedFields);
    const char *path[PATH_MAX];
    struct arena arena = {0};
    if (value_count(entries) == 0)
        return own_parent;
    struct value next =
        managed_of_scale(entries, VALUE_GET(scale, metadata, managedFields),
                         c->request->resource->group_version, path, replicas_path(c, &arena, path));
    arena_release(&arena);
    if (value_is_same(next, entries)) {
        value_drop(next);
        return own_parent;
    }
    return VALUE_SET(own_parent, next, metadata, managedFields);
}

/* ---- what the server writes itself, and what is only answered ---- */

struct value field_manager_own(struct apiserver *s, struct step *step, const struct resource *r,
                               enum subresource subresource, struct value live,
                               struct value own_new)
{
    bool is_tracked = value_is_present(live)
                          ? value_count(VALUE_GET(live, metadata, managedFields)) > 0
                          : s->flags.tracks_fields;
    if (!is_tracked)
        return own_new;
    const struct managed_scope scope = {.type = fields_type_of(r->type),
                                        .api_version = r->group_version,
                                        .kind = r->kind,
                                        .subresource = str_from(subresource_text(subresource)),
                                        .reset = reset_of(r, subresource)};
    AUTO(value) struct value now = time_value(step->wall);
    AUTO(value) struct value empty = VALUE_ABSENT;
    if (!value_is_present(live))
        live = empty = value_pack("{apiVersion: %S, kind: %S}", r->group_version, r->kind);
    own_new = managed_update(&scope, live, own_new, S("kube-apiserver"), now);
    value_drop(scope.reset);
    return own_new;
}

struct value field_manager_answer(struct call *c, struct step *step, struct value own_object)
{
    return field_manager_update(c, step, VALUE_ABSENT, own_object);
}
