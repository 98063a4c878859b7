/* SPDX-License-Identifier: Apache-2.0
 *
 * Defaults of storage, cluster and policy kinds.
 */
#include "sim/base/base.h"

#include "cluster/api/defaults.h"

#include "cluster/api/defaults_parts.h"
#include "sim/base/base64.h"

/* ---- storage ---- */

static struct value pending(struct value v)
{
    return default_text(v, ATOM_phase, "Pending");
}

static struct value volume_spec(struct value s)
{
    static const struct scalar_default table[] = {
        TEXT_DEFAULT(persistentVolumeReclaimPolicy, "Retain"),
        TEXT_POINTER(volumeMode, "Filesystem")};
    return default_volume_source(DEFAULT_SCALARS(s, table));
}

struct value default_volume(struct value o)
{
    o = default_made_member(o, ATOM_spec, volume_spec);
    return default_made_member(o, ATOM_status, pending);
}

struct value default_claim_spec(struct value own_spec)
{
    static const struct scalar_default table[] = {TEXT_POINTER(volumeMode, "Filesystem")};
    return DEFAULT_SCALARS(own_spec, table);
}

struct value default_claim(struct value o)
{
    o = default_made_member(o, ATOM_spec, default_claim_spec);
    return default_made_member(o, ATOM_status, pending);
}

/* "ExactCount" of one device, where nothing else is said. */
static struct value device_count(struct value request)
{
    request = default_text(request, ATOM_allocationMode, "ExactCount");
    if (VALUE_IS(request, "ExactCount", allocationMode) &&
        value_as_integer(value_get(request, ATOM_count), 0) == 0)
        request = value_set(request, ATOM_count, value_integer(1));
    return request;
}

static struct value device_request(struct value request)
{
    request = default_member(request, ATOM_exactly, device_count);
    return default_items(request, ATOM_firstAvailable, device_count);
}

static struct value device_claim(struct value devices)
{
    return default_items(devices, ATOM_requests, device_request);
}

static struct value resource_claim_spec(struct value spec)
{
    return default_member(spec, ATOM_devices, device_claim);
}

struct value default_resource_claim(struct value o)
{
    return default_member(o, ATOM_spec, resource_claim_spec);
}

static struct value claim_in_template(struct value spec)
{
    return default_member(spec, ATOM_spec, resource_claim_spec);
}

struct value default_resource_claim_template(struct value o)
{
    return default_member(o, ATOM_spec, claim_in_template);
}

struct value default_storage_class(struct value o)
{
    static const struct scalar_default table[] = {TEXT_POINTER(reclaimPolicy, "Delete"),
                                                  TEXT_POINTER(volumeBindingMode, "Immediate")};
    return DEFAULT_SCALARS(o, table);
}

static struct value driver_spec(struct value s)
{
    static const struct scalar_default table[] = {
        TRUE_POINTER(attachRequired),     FALSE_POINTER(podInfoOnMount),
        FALSE_POINTER(storageCapacity),   TEXT_POINTER(fsGroupPolicy, "ReadWriteOnceWithFSType"),
        FALSE_POINTER(requiresRepublish), FALSE_POINTER(seLinuxMount)};
    s = DEFAULT_SCALARS(s, table);
    if (value_count(value_get(s, ATOM_volumeLifecycleModes)) == 0)
        s = value_set(s, ATOM_volumeLifecycleModes, value_pack("[Persistent]"));
    return s;
}

struct value default_csi_driver(struct value o)
{
    return default_made_member(o, ATOM_spec, driver_spec);
}

/* ---- cluster ---- */

struct value default_namespace(struct value o)
{
    struct value name = VALUE_GET(o, metadata, name);
    struct str key = S("kubernetes.io/metadata.name");
    struct value labels = VALUE_GET(o, metadata, labels);
    if (!is_unset(name) && !value_equal(value_get_key(labels, key), name)) {
        labels = value_is_present(labels) ? value_keep(labels) : value_object();
        labels = value_set_key(labels, key, value_keep(name));
        o = VALUE_SET(o, labels, metadata, labels);
    }
    if (is_unset(VALUE_GET(o, status, phase)))
        o = VALUE_SET(o, value_string(S("Active")), status, phase);
    return o;
}

struct value default_node(struct value o)
{
    struct value capacity = VALUE_GET(o, status, capacity);
    if (value_count(capacity) == 0 || value_count(VALUE_GET(o, status, allocatable)) > 0)
        return o;
    return VALUE_SET(o, value_keep(capacity), status, allocatable);
}

/* stringData is written only: it becomes data. */
static struct value take_string_data(struct value o)
{
    struct value plain = VALUE_GET(o, stringData);
    if (value_count(plain) == 0)
        return o;
    struct value data = value_keep(VALUE_GET(o, data));
    if (!value_is_present(data))
        data = value_object();
    for (size_t i = 0; i < value_count(plain); i++) {
        AUTO(text) struct text coded = {0};
        char small[VALUE_SMALL_SIZE];
        struct str text = value_str_in(value_member_at(plain, i), small);
        base64_add((const uint8_t *)text.bytes, text.size, &coded);
        data = value_set_key(data, value_key_at(plain, i), value_string(text_str(&coded)));
    }
    o = value_set(o, ATOM_data, data);
    return value_set(o, ATOM_stringData, VALUE_ABSENT);
}

struct value default_secret(struct value o)
{
    return default_text(take_string_data(o), ATOM_type, "Opaque");
}

/* Copies the members of `from` that `to` lacks. */
static struct value fill(struct value own_to, struct value from)
{
    for (size_t i = 0; i < value_count(from); i++) {
        struct str name = value_key_at(from, i);
        if (value_is_present(value_get_key(own_to, name)))
            continue;
        if (!value_is_present(own_to))
            own_to = value_object();
        own_to = value_set_key(own_to, name, value_keep(value_member_at(from, i)));
    }
    return own_to;
}

static struct value fill_member(struct value v, atom key, atom from)
{
    struct value old = value_get(v, key), new = fill(value_keep(old), value_get(v, from));
    if (!value_is_same(old, new))
        return value_set(v, key, new);
    value_drop(new);
    return v;
}

static struct value limit_item(struct value v)
{
    if (!VALUE_IS(v, "Container", type))
        return v;
    v = fill_member(v, ATOM_default, ATOM_max);
    v = fill_member(v, ATOM_defaultRequest, ATOM_default);
    return fill_member(v, ATOM_defaultRequest, ATOM_min);
}

static struct value limit_spec(struct value s)
{
    return default_items(s, ATOM_limits, limit_item);
}

struct value default_limit_range(struct value o)
{
    return default_member(o, ATOM_spec, limit_spec);
}

struct value default_priority_class(struct value o)
{
    static const struct scalar_default table[] = {
        TEXT_POINTER(preemptionPolicy, "PreemptLowerPriority")};
    return DEFAULT_SCALARS(o, table);
}

#define RBAC_GROUP "rbac.authorization.k8s.io"

static struct value role_reference(struct value v)
{
    return default_text(v, ATOM_apiGroup, RBAC_GROUP);
}

static struct value subject(struct value v)
{
    if (VALUE_IS(v, "User", kind) || VALUE_IS(v, "Group", kind))
        return default_text(v, ATOM_apiGroup, RBAC_GROUP);
    return v;
}

struct value default_role_binding(struct value o)
{
    o = default_made_member(o, ATOM_roleRef, role_reference);
    return default_items(o, ATOM_subjects, subject);
}

/* ---- admission registration ---- */

static struct value rule(struct value v)
{
    static const struct scalar_default table[] = {TEXT_POINTER(scope, "*")};
    return DEFAULT_SCALARS(v, table);
}

static struct value service_reference(struct value v)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(port, 443)};
    return DEFAULT_SCALARS(v, table);
}

static struct value client_config(struct value v)
{
    return default_member(v, ATOM_service, service_reference);
}

static struct value webhook(struct value v)
{
    static const struct scalar_default table[] = {
        TEXT_POINTER(failurePolicy, "Fail"), TEXT_POINTER(matchPolicy, "Equivalent"),
        EMPTY_POINTER(namespaceSelector), EMPTY_POINTER(objectSelector),
        NUMBER_POINTER(timeoutSeconds, 10)};
    v = DEFAULT_SCALARS(v, table);
    v = default_items(v, ATOM_rules, rule);
    return default_member(v, ATOM_clientConfig, client_config);
}

static struct value mutating_webhook(struct value v)
{
    static const struct scalar_default table[] = {TEXT_POINTER(reinvocationPolicy, "Never")};
    return DEFAULT_SCALARS(webhook(v), table);
}

struct value default_webhooks(struct value o)
{
    return default_items(o, ATOM_webhooks, webhook);
}

struct value default_mutating_webhooks(struct value o)
{
    return default_items(o, ATOM_webhooks, mutating_webhook);
}

static struct value match_resources(struct value v)
{
    static const struct scalar_default table[] = {TEXT_POINTER(matchPolicy, "Equivalent"),
                                                  EMPTY_POINTER(namespaceSelector),
                                                  EMPTY_POINTER(objectSelector)};
    v = DEFAULT_SCALARS(v, table);
    v = default_items(v, ATOM_resourceRules, rule);
    return default_items(v, ATOM_excludeResourceRules, rule);
}

static struct value policy_spec(struct value s)
{
    static const struct scalar_default table[] = {TEXT_POINTER(failurePolicy, "Fail")};
    s = DEFAULT_SCALARS(s, table);
    return default_member(s, ATOM_matchConstraints, match_resources);
}

struct value default_admission_policy(struct value o)
{
    return default_member(o, ATOM_spec, policy_spec);
}

static struct value policy_binding_spec(struct value s)
{
    return default_member(s, ATOM_matchResources, match_resources);
}

struct value default_admission_policy_binding(struct value o)
{
    return default_member(o, ATOM_spec, policy_binding_spec);
}

/* ---- extension ---- */

static struct value definition_names(struct value v)
{
    struct str kind = VALUE_STR(v, kind);
    if (kind.size == 0)
        return v;
    if (is_unset(value_get(v, ATOM_singular))) {
        AUTO(text) struct text lower = {0};
        for (size_t i = 0; i < kind.size; i++) {
            char c = kind.bytes[i];
            text_add_byte(&lower, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
        }
        v = value_set(v, ATOM_singular, value_string(text_str(&lower)));
    }
    if (is_unset(value_get(v, ATOM_listKind)))
        v = value_set(v, ATOM_listKind, value_printf("%.*sList", STR_ARG(VALUE_STR(v, kind))));
    return v;
}

static struct value conversion_webhook(struct value v)
{
    return default_member(v, ATOM_clientConfig, client_config);
}

static struct value conversion(struct value v)
{
    v = default_text(v, ATOM_strategy, "None");
    return default_member(v, ATOM_webhook, conversion_webhook);
}

static struct value definition_spec(struct value s)
{
    s = default_member(s, ATOM_names, definition_names);
    return default_made_member(s, ATOM_conversion, conversion);
}

struct value default_definition(struct value o)
{
    return default_made_member(o, ATOM_spec, definition_spec);
}

static struct value api_service_spec(struct value s)
{
    return default_member(s, ATOM_service, service_reference);
}

struct value default_api_service(struct value o)
{
    return default_member(o, ATOM_spec, api_service_spec);
}

/* ---- flow control ---- */

static struct value flow_spec(struct value s)
{
    static const struct scalar_default table[] = {NUMBER_DEFAULT(matchingPrecedence, 1000)};
    return DEFAULT_SCALARS(s, table);
}

struct value default_flow_schema(struct value o)
{
    return default_made_member(o, ATOM_spec, flow_spec);
}

static struct value queuing(struct value v)
{
    static const struct scalar_default table[] = {NUMBER_DEFAULT(queues, 64),
                                                  NUMBER_DEFAULT(handSize, 8),
                                                  NUMBER_DEFAULT(queueLengthLimit, 50)};
    return DEFAULT_SCALARS(v, table);
}

static struct value limit_response(struct value v)
{
    return VALUE_IS(v, "Queue", type) ? default_member(v, ATOM_queuing, queuing) : v;
}

static struct value limited(struct value v)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(nominalConcurrencyShares, 30),
                                                  NUMBER_POINTER(lendablePercent, 0)};
    v = DEFAULT_SCALARS(v, table);
    return default_member(v, ATOM_limitResponse, limit_response);
}

static struct value exempt(struct value v)
{
    static const struct scalar_default table[] = {NUMBER_POINTER(nominalConcurrencyShares, 0),
                                                  NUMBER_POINTER(lendablePercent, 0)};
    return DEFAULT_SCALARS(v, table);
}

static struct value level_spec(struct value s)
{
    s = default_member(s, ATOM_limited, limited);
    return VALUE_IS(s, "Exempt", type) ? default_made_member(s, ATOM_exempt, exempt) : s;
}

struct value default_priority_level(struct value o)
{
    return default_made_member(o, ATOM_spec, level_spec);
}
