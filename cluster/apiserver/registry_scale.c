/* SPDX-License-Identifier: Apache-2.0
 *
 * The scale subresource: an autoscaling/v1 Scale in front of spec.replicas of deployments, replica
 * sets, stateful sets and replication controllers. Upstream: registry/apps/deployment/storage
 * (ScaleREST).
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/custom/object.h"
#include "cluster/api/decode.h"
#include "cluster/api/fields/managed.h"
#include "cluster/api/object.h"
#include "cluster/api/schema.h"
#include "cluster/api/strategy.h"
#include "cluster/apiserver/field_manager.h"
#include "cluster/apiserver/machinery.h"

static const struct resource scale_resource = {.group = {"autoscaling", 11},
                                               .version = {"v1", 2},
                                               .kind = {"Scale", 5},
                                               .plural = {"scales", 6},
                                               .qualified = {"scales.autoscaling", 18}};

static struct value scale_of(const struct call *c, struct value object)
{
    if (c->kind)
        return custom_scale(c->kind, object);
    struct value metadata = value_pack(
        "{name: %v, namespace: %v, uid: %v, resourceVersion: %v, creationTimestamp: %v}",
        value_keep(object_name(object)), value_keep(object_namespace(object)),
        value_keep(object_uid(object)), value_keep(VALUE_GET(object, metadata, resourceVersion)),
        value_keep(VALUE_GET(object, metadata, creationTimestamp)));
    AUTO(text) struct text text = {0};
    struct value selector = VALUE_GET(object, spec, selector);
    struct label_selector *s = c->resource == resource_get(RESOURCE_replicationcontrollers)
                                   ? label_selector_from_map(selector)
                                   : label_selector_from_object(selector, NULL);
    if (s)
        label_selector_text(s, &text);
    label_selector_free(s);
    return value_pack("{kind: Scale, apiVersion: \"autoscaling/v1\", metadata: %v, spec: "
                      "{replicas: %D}, status: {replicas: %D, selector: %S}}",
                      metadata, VALUE_INT(object, 0, spec, replicas),
                      VALUE_INT(object, 0, status, replicas), text_str(&text));
}

void scale_get(struct call *c, struct step *step)
{
    if (!c->existing)
        call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
    else
        call_finish(c, step, 200, scale_of(c, c->existing->value));
}

static void scale_done(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    if (r->succeeded) {
        call_finish(c, step, 200, scale_of(c, r->kvs[0]->value));
        return;
    }
    etcd_kv_unref(c->existing);
    c->existing = r->count > 0 ? etcd_kv_ref(r->kvs[0]) : NULL;
    c->existing_is_current = true;
    scale_update(c, step);
}

/* The Scale that is wanted, with its managers; absent: refused. */
static struct value wanted(struct call *c, struct step *step, struct value own_scale)
{
    struct value status = VALUE_ABSENT, next;
    bool is_patch = c->request->verb == VERB_PATCH;
    AUTO(value) struct value live = field_manager_scale(c, c->existing->value, own_scale);
    if (is_patch && c->request->patch_type == PATCH_APPLY) {
        next = field_manager_apply(c, step, live, &status);
    } else if (is_patch) {
        next = patch_object(c->request, c->kind, value_keep(live), &status, &c->warnings);
    } else {
        const struct decode_options options = {.validation = c->request->field_validation,
                                               .duplicates = c->request->duplicates,
                                               .source = c->request->source};
        next = decode(schema_for_subresource(c->request->resource, SUBRESOURCE_SCALE),
                      value_keep(c->request->body), &options, &status, &c->warnings);
    }
    if (!value_is_present(next))
        call_refuse(c, step, status);
    else if (!is_patch || c->request->patch_type != PATCH_APPLY)
        next = field_manager_update(c, step, live, next);
    return next;
}

void scale_update(struct call *c, struct step *step)
{
    if (!c->existing) {
        call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
        return;
    }
    struct value old = c->existing->value;
    struct value scale = wanted(c, step, scale_of(c, old));
    if (!value_is_present(scale))
        return;
    struct value version = VALUE_GET(scale, metadata, resourceVersion);
    int64_t replicas = VALUE_INT(scale, 0, spec, replicas);
    struct value refusal = VALUE_ABSENT;
    if (value_str(version).size > 0 &&
        !value_equal(version, VALUE_GET(old, metadata, resourceVersion)))
        refusal = status_conflict(c->request->resource, c->key->name, S(""));
    if (replicas < 0) {
        struct field_errors errors = {0};
        field_error_add(&errors, FIELD_INVALID, S("spec.replicas"), value_integer(replicas),
                        "must be greater than or equal to 0");
        value_drop(refusal);
        refusal = status_invalid(&scale_resource, c->key->name, &errors);
        field_errors_release(&errors);
    }
    if (value_is_present(refusal)) {
        value_drop(scale);
        (void)registry_try_again(c, step, refusal, scale_update);
        return;
    }
    value_drop(c->object);
    const struct resource *row = c->kind ? c->kind->resource : c->resource;
    struct value next = c->kind
                            ? custom_scale_set(c->kind, value_keep(old), replicas)
                            : VALUE_SET(value_keep(old), value_integer(replicas), spec, replicas);
    next = field_manager_scaled(c, next, scale);
    value_drop(scale);
    c->object = managed_ignore_times(strategy_prepare_update(row, next, old), old);
    if (c->kind) {
        struct field_errors errors = {0};
        custom_check_object(c, old, &errors);
        if (errors.count > 0)
            refusal = status_invalid(c->request->resource, c->key->name, &errors);
        field_errors_release(&errors);
    }
    if (value_is_present(refusal)) {
        (void)registry_try_again(c, step, refusal, scale_update);
        return;
    }
    if (c->request->dry_run || value_equal(c->object, old))
        call_finish(c, step, 200, scale_of(c, c->object));
    else
        registry_put(c, step, scale_done, scale_update);
}
