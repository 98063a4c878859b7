/* SPDX-License-Identifier: Apache-2.0
 *
 * Which kind gets its defaults where, and the tools that the areas share.
 */
#include "sim/base/base.h"

#include "cluster/api/defaults.h"

#include "cluster/api/defaults_parts.h"

/* `spec_only`: all defaults lie in .spec, so that an unchanged spec needs no look. */
static const struct {
    default_fn fn;
    bool spec_only;
} kinds[RESOURCE_KNOWN_COUNT] = {
    [RESOURCE_pods] = {default_pod, true},
    [RESOURCE_podtemplates] = {default_template_object, false},
    [RESOURCE_replicationcontrollers] = {default_replication_controller, false},
    [RESOURCE_deployments] = {default_deployment, true},
    [RESOURCE_replicasets] = {default_replica_set, true},
    [RESOURCE_statefulsets] = {default_stateful_set, true},
    [RESOURCE_daemonsets] = {default_daemon_set, true},
    [RESOURCE_jobs] = {default_job, false},
    [RESOURCE_cronjobs] = {default_cron_job, true},
    [RESOURCE_horizontalpodautoscalers] = {default_autoscaler, true},
    [RESOURCE_horizontalpodautoscalers_v1] = {default_autoscaler_v1, true},
    [RESOURCE_services] = {default_service, false},
    [RESOURCE_endpoints] = {default_endpoints, false},
    [RESOURCE_endpointslices] = {default_endpoint_slice, false},
    [RESOURCE_ingressclasses] = {default_ingress_class, true},
    [RESOURCE_networkpolicies] = {default_network_policy, true},
    [RESOURCE_persistentvolumes] = {default_volume, false},
    [RESOURCE_persistentvolumeclaims] = {default_claim, false},
    [RESOURCE_storageclasses] = {default_storage_class, false},
    [RESOURCE_csidrivers] = {default_csi_driver, true},
    [RESOURCE_resourceclaims] = {default_resource_claim, true},
    [RESOURCE_resourceclaimtemplates] = {default_resource_claim_template, true},
    [RESOURCE_namespaces] = {default_namespace, false},
    [RESOURCE_nodes] = {default_node, false},
    [RESOURCE_secrets] = {default_secret, false},
    [RESOURCE_limitranges] = {default_limit_range, true},
    [RESOURCE_priorityclasses] = {default_priority_class, false},
    [RESOURCE_rolebindings] = {default_role_binding, false},
    [RESOURCE_clusterrolebindings] = {default_role_binding, false},
    [RESOURCE_validatingwebhookconfigurations] = {default_webhooks, false},
    [RESOURCE_mutatingwebhookconfigurations] = {default_mutating_webhooks, false},
    [RESOURCE_validatingadmissionpolicies] = {default_admission_policy, true},
    [RESOURCE_mutatingadmissionpolicies] = {default_admission_policy, true},
    [RESOURCE_validatingadmissionpolicybindings] = {default_admission_policy_binding, true},
    [RESOURCE_mutatingadmissionpolicybindings] = {default_admission_policy_binding, true},
    [RESOURCE_customresourcedefinitions] = {default_definition, true},
    [RESOURCE_apiservices] = {default_api_service, true},
    [RESOURCE_flowschemas] = {default_flow_schema, true},
    [RESOURCE_prioritylevelconfigurations] = {default_priority_level, true},
};

struct value default_object(const struct resource *r, struct value own_object, struct value old)
{
    if (resource_is_custom(r) || kinds[r->index].fn == NULL)
        return own_object;
    struct value spec = value_get(own_object, ATOM_spec);
    if (kinds[r->index].spec_only && value_is_present(spec) &&
        value_is_same(spec, value_get(old, ATOM_spec)))
        return own_object;
    return kinds[r->index].fn(own_object);
}

/* ---- tools ---- */

static struct value constant(const struct scalar_default *d)
{
    switch (d->kind) {
    case DEFAULT_TEXT:
        return value_string(str_from(d->text));
    case DEFAULT_NUMBER:
        return value_integer(d->number);
    case DEFAULT_FALSE:
    case DEFAULT_TRUE:
        return value_bool(d->kind == DEFAULT_TRUE);
    case DEFAULT_EMPTY:
        break;
    }
    return value_object();
}

struct value default_scalars(struct value own_v, const struct scalar_default *defaults,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct value have = value_get(own_v, defaults[i].key);
        if (defaults[i].is_pointer ? is_missing(have) : is_unset(have))
            own_v = value_set(own_v, defaults[i].key, constant(&defaults[i]));
    }
    return own_v;
}

struct value default_member(struct value own_v, atom key, default_fn fn)
{
    struct value old = value_get(own_v, key);
    if (is_missing(old))
        return own_v;
    struct value new = fn(value_keep(old));
    if (!value_is_same(old, new))
        return value_set(own_v, key, new);
    value_drop(new);
    return own_v;
}

struct value default_made_member(struct value own_v, atom key, default_fn fn)
{
    if (is_missing(value_get(own_v, key)))
        return value_set(own_v, key, fn(value_object()));
    return default_member(own_v, key, fn);
}

struct value default_items(struct value own_v, atom key, default_fn fn)
{
    struct value list = value_get(own_v, key);
    size_t count = value_count(list);
    struct value changed = VALUE_ABSENT;
    for (size_t i = 0; i < count; i++) {
        struct value old = value_at(list, i), new = fn(value_keep(old));
        if (value_is_same(old, new)) {
            value_drop(new);
            continue;
        }
        if (!value_is_present(changed))
            changed = value_keep(list);
        changed = value_set_at(changed, i, new);
    }
    return value_is_present(changed) ? value_set(own_v, key, changed) : own_v;
}

struct value default_text(struct value own_v, atom key, const char *text)
{
    if (is_unset(value_get(own_v, key)))
        return value_set(own_v, key, value_string(str_from(text)));
    return own_v;
}
