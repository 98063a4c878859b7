/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration, nodes, events, quotas, limits, priorities, leases: kinds of the core and their
 * neighbours that are neither workload nor network nor storage.
 */
#include "sim/base/base.h"

#include "cluster/api/validate.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/quantity.h"

#define SECRET_SIZE_MAX 1048576
#define USER_PRIORITY_MAX 1000000000

/* ---- ConfigMap and Secret ---- */

static size_t check_keys(struct value data, const char *name, bool is_base64, errors_t *errors)
{
    struct field_path path = path_child(NULL, name);
    size_t size = 0;
    for (size_t i = 0; i < value_count(data); i++) {
        struct str key = value_key_at(data, i), bytes = value_str(value_member_at(data, i));
        const char *why = name_config_key(key);
        struct field_path item = path_key(&path, key);
        if (why != NULL) {
            AUTO(value) struct value text = value_string(key);
            field_error_at(errors, FIELD_INVALID, &item, text, "%s", why);
        }
        size += is_base64 ? bytes.size / 4 * 3 : bytes.size;
    }
    return size;
}

void validate_config_map(struct value o, errors_t *errors)
{
    struct value data = VALUE_GET(o, data), binary = VALUE_GET(o, binaryData);
    struct field_path path = path_child(NULL, "data");
    size_t size = check_keys(data, "data", false, errors);
    for (size_t i = 0; i < value_count(data) && value_count(binary) > 0; i++) {
        struct str key = value_key_at(data, i);
        struct field_path item = path_key(&path, key);
        if (value_is_present(value_get_key(binary, key))) {
            AUTO(value) struct value text = value_string(key);
            field_error_at(errors, FIELD_INVALID, &item, text,
                           "duplicate of key present in binaryData");
        }
    }
    size += check_keys(binary, "binaryData", true, errors);
    if (size > SECRET_SIZE_MAX)
        field_error_add(errors, FIELD_TOO_LONG, S("[]"), VALUE_ABSENT,
                        "may not be more than %d bytes", SECRET_SIZE_MAX);
}

/* What may not change once `immutable` is true. */
static void check_frozen(struct value new, struct value old, const char *name, atom key,
                         errors_t *errors)
{
    if (!value_equal(value_get(new, key), value_get(old, key)))
        child_error(errors, FIELD_FORBIDDEN, NULL, name, VALUE_ABSENT,
                    "field is immutable when `immutable` is set");
}

void validate_config_map_update(struct value new, struct value old, errors_t *errors)
{
    if (!VALUE_BOOL_AT(old, immutable))
        return;
    check_frozen(new, old, "immutable", ATOM_immutable, errors);
    check_frozen(new, old, "data", ATOM_data, errors);
    check_frozen(new, old, "binaryData", ATOM_binaryData, errors);
}

static void require_data(struct value o, const char *key, errors_t *errors)
{
    struct field_path path = path_child(NULL, "data"), item = path_key(&path, str_from(key));
    if (!value_is_present(value_get_key(VALUE_GET(o, data), str_from(key))))
        field_error_at(errors, FIELD_REQUIRED, &item, VALUE_ABSENT, NO_DETAIL);
}

void validate_secret(struct value o, errors_t *errors)
{
    struct value type = VALUE_GET(o, type);
    size_t size = check_keys(VALUE_GET(o, data), "data", true, errors);
    if (size > SECRET_SIZE_MAX)
        field_error_add(errors, FIELD_TOO_LONG, S("data"), VALUE_ABSENT,
                        "may not be more than %d bytes", SECRET_SIZE_MAX);
    if (value_is(type, "kubernetes.io/service-account-token")) {
        struct str key = S("kubernetes.io/service-account.name");
        struct field_path meta = path_child(NULL, "metadata"),
                          list = path_child(&meta, "annotations"), item = path_key(&list, key);
        if (!text_is_set(value_get_key(VALUE_GET(o, metadata, annotations), key)))
            field_error_at(errors, FIELD_REQUIRED, &item, VALUE_ABSENT, NO_DETAIL);
    } else if (value_is(type, "kubernetes.io/dockercfg")) {
        require_data(o, ".dockercfg", errors);
    } else if (value_is(type, "kubernetes.io/dockerconfigjson")) {
        require_data(o, ".dockerconfigjson", errors);
    } else if (value_is(type, "kubernetes.io/basic-auth")) {
        bool has_user = value_is_present(value_get_key(VALUE_GET(o, data), S("username")));
        bool has_password = value_is_present(value_get_key(VALUE_GET(o, data), S("password")));
        if (!has_user && !has_password) {
            require_data(o, "username", errors);
            require_data(o, "password", errors);
        }
    } else if (value_is(type, "kubernetes.io/ssh-auth")) {
        require_data(o, "ssh-privatekey", errors);
    } else if (value_is(type, "kubernetes.io/tls")) {
        require_data(o, "tls.crt", errors);
        require_data(o, "tls.key", errors);
    }
}

void validate_secret_update(struct value new, struct value old, errors_t *errors)
{
    check_immutable(errors, NULL, "type", VALUE_GET(new, type), VALUE_GET(old, type));
    if (!VALUE_BOOL_AT(old, immutable))
        return;
    check_frozen(new, old, "immutable", ATOM_immutable, errors);
    check_frozen(new, old, "data", ATOM_data, errors);
}

/* ---- Node ---- */

static void check_taints(struct value taints, errors_t *errors)
{
    struct field_path meta = path_child(NULL, "metadata"), list = path_child(&meta, "taints");
    for (size_t i = 0; i < value_count(taints); i++) {
        struct field_path item = path_index(&list, i);
        struct value t = value_at(taints, i);
        check_child_rule(errors, &item, "key", VALUE_GET(t, key), name_label_key);
        if (text_is_set(VALUE_GET(t, value)))
            check_child_rule(errors, &item, "value", VALUE_GET(t, value), name_label_value);
        check_choice(errors, &item, "effect", VALUE_GET(t, effect),
                     "NoSchedule|PreferNoSchedule|NoExecute");
        for (size_t k = 0; k < i; k++) {
            if (value_equal(VALUE_GET(value_at(taints, k), key), VALUE_GET(t, key)) &&
                value_equal(VALUE_GET(value_at(taints, k), effect), VALUE_GET(t, effect))) {
                field_error_at(errors, FIELD_DUPLICATE, &item, t,
                               "taints must be unique by key and effect pair");
                break;
            }
        }
    }
}

void validate_node(struct value o, errors_t *errors)
{
    check_taints(VALUE_GET(o, spec, taints), errors);
}

void validate_node_update(struct value new, struct value old, errors_t *errors)
{
    struct value was = VALUE_GET(old, spec, podCIDRs), id = VALUE_GET(old, spec, providerID);
    struct value single = VALUE_GET(new, spec, podCIDR); /* the first of podCIDRs, or all of them */
    bool is_changed = !value_equal(was, VALUE_GET(new, spec, podCIDRs)) ||
                      (text_is_set(single) && !value_equal(single, value_at(was, 0)));
    check_taints(VALUE_GET(new, spec, taints), errors); /* twice, as upstream: two causes */
    if (value_count(was) > 0 && is_changed)
        field_error_add(errors, FIELD_FORBIDDEN, S("spec.podCIDRs"), VALUE_ABSENT,
                        "node updates may not change podCIDR except from \"\" to valid");
    if (text_is_set(id) && !value_equal(id, VALUE_GET(new, spec, providerID)))
        field_error_add(errors, FIELD_FORBIDDEN, S("spec.providerID"), VALUE_ABSENT,
                        "node updates may not change providerID except from \"\" to valid");
}

/* ---- Event ---- */

/* An event of the older kind is told apart by having no eventTime: only its namespace is looked
 * at. */
static void check_event_namespace(struct value o, errors_t *errors)
{
    struct value namespace = VALUE_GET(o, metadata, namespace);
    struct value about = VALUE_GET(o, involvedObject, namespace);
    bool is_default = !text_is_set(namespace) || value_is(namespace, "default");
    bool matches = text_is_set(about) ? value_equal(about, namespace) : is_default;
    if (value_kind(VALUE_GET(o, eventTime)) == VALUE_STRING)
        matches = text_is_set(about) || is_default || value_is(namespace, "kube-system");
    if (matches)
        return;
    AUTO(value)
    struct value shown = text_is_set(about) ? value_keep(about) : value_string(S(""));
    field_error_add(errors, FIELD_INVALID, S("involvedObject.namespace"), shown,
                    "does not match event.namespace");
}

static void check_event_text(errors_t *errors, const char *name, struct value text,
                             bool is_required, size_t size_max)
{
    AUTO(value) struct value empty = value_string(S(""));
    if (is_required)
        check_required(errors, NULL, name, text);
    if (value_str(text).size > size_max)
        child_error(errors, FIELD_INVALID, NULL, name, empty, "can have at most %d characters",
                    (int)size_max);
}

/* `controller`: what the version of the request calls reportingComponent. */
static void check_event(struct value o, const char *controller, errors_t *errors)
{
    struct value reporter = VALUE_GET(o, reportingComponent);
    check_event_namespace(o, errors);
    if (value_kind(VALUE_GET(o, eventTime)) != VALUE_STRING)
        return;
    if (check_required(errors, NULL, controller, reporter))
        check_child_rule(errors, NULL, controller, reporter, name_qualified);
    check_event_text(errors, "reportingInstance", VALUE_GET(o, reportingInstance), true, 128);
    check_event_text(errors, "action", VALUE_GET(o, action), true, 128);
    check_event_text(errors, "reason", VALUE_GET(o, reason), true, 128);
    check_event_text(errors, "message", VALUE_GET(o, message), false, 1024);
}

void validate_event(struct value o, errors_t *errors)
{
    check_event(o, "reportingComponent", errors);
}

void validate_new_event(struct value o, struct field_errors *errors)
{
    static const struct {
        atom key;
        const char *name;
    } old[] = {{ATOM_firstTimestamp, "firstTimestamp"},
               {ATOM_lastTimestamp, "lastTimestamp"},
               {ATOM_count, "count"},
               {ATOM_source, "source"}};
    struct value series = VALUE_GET(o, series), type = VALUE_GET(o, type);
    struct field_path path = path_child(NULL, "series");
    validate_meta(resource_get(RESOURCE_events), o, errors);
    validate_own_finalizers(resource_get(RESOURCE_events), o, errors);
    check_event(o, "reportingController", errors);
    AUTO(value) struct value empty = value_string(S(""));
    if (value_is_present(series) && VALUE_INT(series, 0, count) < 2)
        child_error(errors, FIELD_INVALID, &path, "count", empty, "should be at least 2");
    if (value_is_present(series) && value_kind(VALUE_GET(series, lastObservedTime)) != VALUE_STRING)
        child_error(errors, FIELD_REQUIRED, &path, "lastObservedTime", VALUE_ABSENT, NO_DETAIL);
    if (value_kind(VALUE_GET(o, eventTime)) != VALUE_STRING)
        child_error(errors, FIELD_REQUIRED, NULL, "eventTime", VALUE_ABSENT, NO_DETAIL);
    if (!is_one_of(type, "Normal|Warning"))
        child_error(errors, FIELD_INVALID, NULL, "type", empty, "has invalid value: %.*s",
                    STR_ARG(value_str(type)));
    for (size_t i = 0; i < ARRAY_COUNT(old); i++) {
        struct value v = value_get(o, old[i].key);
        bool is_set =
            value_kind(v) == VALUE_STRING || value_as_integer(v, 0) != 0 || value_count(v) > 0;
        if (is_set)
            child_error(errors, FIELD_INVALID, NULL, old[i].name, empty, "needs to be unset");
    }
}

/* ---- ResourceQuota, LimitRange ---- */

static const char quota_standard[] =
    "cpu|memory|ephemeral-storage|requests.cpu|requests.memory|requests.storage|"
    "requests.ephemeral-storage|limits.cpu|limits.memory|limits.ephemeral-storage|pods|"
    "resourcequotas|services|replicationcontrollers|secrets|persistentvolumeclaims|configmaps|"
    "services.nodeports|services.loadbalancers";

static bool is_quota_resource(struct str name)
{
    AUTO(value) struct value v = value_string(name);
    return is_one_of(v, quota_standard) || str_starts_with(name, S("hugepages-")) ||
           str_starts_with(name, S("requests.hugepages-")) || str_starts_with(name, S("count/")) ||
           str_find(name, '/') < name.size;
}

/* Scopes are of pods, or of claims; a quota with a scope may count nothing else. */
static bool scope_fits(struct value scope, struct value resource)
{
    if (is_one_of(scope, "BestEffort"))
        return is_one_of(resource, "pods");
    if (is_one_of(scope, "VolumeAttributesClass"))
        return is_one_of(resource, "persistentvolumeclaims|requests.storage");
    return !is_one_of(scope, "Terminating|NotTerminating|NotBestEffort|PriorityClass|"
                             "CrossNamespacePodAffinity") ||
           is_one_of(resource, "pods|cpu|memory|limits.cpu|limits.memory|requests.cpu|"
                               "requests.memory");
}

static bool is_scope(struct value v)
{
    return is_one_of(v, "Terminating|NotTerminating|BestEffort|NotBestEffort|PriorityClass|"
                        "CrossNamespacePodAffinity|VolumeAttributesClass");
}

/* One error for each resource that the scope is not for. */
static void check_scope_fits(struct value scope, struct value hard, path_t path, struct value shown,
                             errors_t *errors)
{
    for (size_t i = 0; i < value_count(hard); i++) {
        AUTO(value) struct value name = value_string(value_key_at(hard, i));
        bool is_standard = is_one_of(name, quota_standard) ||
                           str_starts_with(value_str(name), S("hugepages-")) ||
                           str_starts_with(value_str(name), S("requests.hugepages-"));
        if (is_standard && !scope_fits(scope, name))
            field_error_at(errors, FIELD_INVALID, path, shown,
                           "unsupported scope applied to resource");
    }
}

static bool has_scope(struct value list, atom key, const char *scope)
{
    for (size_t i = 0; i < value_count(list); i++) {
        struct value v = value_at(list, i);
        if (value_is(key == ATOM_NONE ? v : value_get(v, key), scope))
            return true;
    }
    return false;
}

static void check_scope_pairs(struct value list, atom key, path_t path, struct value shown,
                              errors_t *errors)
{
    if (has_scope(list, key, "BestEffort") && has_scope(list, key, "NotBestEffort"))
        field_error_at(errors, FIELD_INVALID, path, shown, "conflicting scopes");
    if (has_scope(list, key, "Terminating") && has_scope(list, key, "NotTerminating"))
        field_error_at(errors, FIELD_INVALID, path, shown, "conflicting scopes");
}

static void check_scope_requirement(struct value r, path_t path, errors_t *errors)
{
    struct value scope = VALUE_GET(r, scopeName), operator= VALUE_GET(r, operator);
    struct value values = VALUE_GET(r, values);
    if (!is_scope(scope))
        child_error(errors, FIELD_INVALID, path, "scopeName", scope, "unsupported scope");
    if (is_one_of(scope, "BestEffort|NotBestEffort|Terminating|NotTerminating|"
                         "CrossNamespacePodAffinity") &&
        !value_is(operator, "Exists"))
        child_error(errors, FIELD_INVALID, path, "operator", operator,
                    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
                    "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
                    "ResourceQuotaScopeNotBestEffort or "
                    "ResourceQuotaScopeCrossNamespacePodAffinity");
    if (is_one_of(operator, "In|NotIn")) {
        if (value_count(values) == 0)
            child_error(errors, FIELD_REQUIRED, path, "values", VALUE_ABSENT,
                        "must be at least one value when `operator` is 'In' or 'NotIn' for scope "
                        "selector");
    } else if (is_one_of(operator, "Exists|DoesNotExist")) {
        if (value_count(values) > 0)
            child_error(errors, FIELD_INVALID, path, "values", values,
                        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope "
                        "selector");
    } else {
        child_error(errors, FIELD_INVALID, path, "operator", operator,
                    "not a valid selector operator");
    }
}

static void check_quota_scopes(struct value spec, path_t path, errors_t *errors)
{
    struct value hard = VALUE_GET(spec, hard), scopes = VALUE_GET(spec, scopes);
    struct value selector = VALUE_GET(spec, scopeSelector);
    struct value wanted = VALUE_GET(selector, matchExpressions);
    struct field_path at = path_child(path, "scopes");
    for (size_t i = 0; i < value_count(scopes); i++) {
        if (!is_scope(value_at(scopes, i)))
            field_error_at(errors, FIELD_INVALID, &at, scopes, "unsupported scope");
        check_scope_fits(value_at(scopes, i), hard, &at, scopes, errors);
    }
    check_scope_pairs(scopes, ATOM_NONE, &at, scopes, errors);
    struct field_path outer = path_child(path, "scopeSelector");
    struct field_path list = path_child(&outer, "matchExpressions");
    for (size_t i = 0; i < value_count(wanted); i++) {
        check_scope_fits(VALUE_GET(value_at(wanted, i), scopeName), hard, &list, selector, errors);
        check_scope_requirement(value_at(wanted, i), &list, errors);
    }
    check_scope_pairs(wanted, ATOM_scopeName, &list, scopes, errors);
}

void validate_quota(struct value o, errors_t *errors)
{
    struct value hard = VALUE_GET(o, spec, hard);
    struct field_path spec = path_child(NULL, "spec"), path = path_child(&spec, "hard");
    for (size_t i = 0; i < value_count(hard); i++) {
        struct str name = value_key_at(hard, i);
        struct field_path item = path_key(&path, name);
        AUTO(value) struct value text = value_string(name);
        if (name_qualified(name) != NULL)
            field_error_at(errors, FIELD_INVALID, &item, text, "%s", name_qualified(name));
        else if (!is_quota_resource(name)) {
            if (!resource_name_is_standard(name))
                field_error_at(errors, FIELD_INVALID, &item, text,
                               "must be a standard resource type or fully qualified");
            field_error_at(errors, FIELD_INVALID, &item, text,
                           "must be a standard resource for quota");
        }
        if (quantity_compare(value_member_at(hard, i), VALUE_ABSENT) < 0)
            field_error_at(errors, FIELD_INVALID, &item, value_member_at(hard, i),
                           "must be greater than or equal to 0");
    }
    check_quota_scopes(VALUE_GET(o, spec), &spec, errors);
}

void validate_quota_update(struct value new, struct value old, errors_t *errors)
{
    struct field_path spec = path_child(NULL, "spec");
    check_immutable(errors, &spec, "scopes", VALUE_GET(new, spec, scopes),
                    VALUE_GET(old, spec, scopes));
}

/* `low` may not exceed `high`; the error stands at `at`[name] with low's value, or high's. */
static void check_order(struct value limit, atom low_key, const char *low_name, atom high_key,
                        const char *high_name, const char *at, bool shows_low, path_t path,
                        errors_t *errors)
{
    struct value lows = value_get(limit, low_key), highs = value_get(limit, high_key);
    struct field_path list = path_child(path, at);
    for (size_t i = 0; i < value_count(lows); i++) {
        struct str name = value_key_at(lows, i);
        struct value low = value_member_at(lows, i), high = value_get_key(highs, name);
        struct field_path item = path_key(&list, name);
        if (value_is_present(high) && quantity_compare(low, high) > 0)
            field_error_at(errors, FIELD_INVALID, &item, shows_low ? low : high,
                           "%s value %.*s is greater than %s value %.*s", low_name,
                           STR_ARG(value_str(low)), high_name, STR_ARG(value_str(high)));
    }
}

/* How far limits may go beyond requests: no less than not at all, no more than they can. */
static void check_ratios(struct value limit, path_t path, errors_t *errors)
{
    struct value ratios = VALUE_GET(limit, maxLimitRequestRatio);
    struct field_path list = path_child(path, "maxLimitRequestRatio");
    for (size_t i = 0; i < value_count(ratios); i++) {
        struct str name = value_key_at(ratios, i);
        struct field_path item = path_key(&list, name);
        struct value ratio = value_member_at(ratios, i);
        struct value low = value_get_key(VALUE_GET(limit, min), name);
        struct value high = value_get_key(VALUE_GET(limit, max), name);
        int64_t r = quantity_milli(ratio), a = quantity_milli(low), b = quantity_milli(high);
        if (r < 1000)
            field_error_at(errors, FIELD_INVALID, &item, ratio, "ratio %.*s is less than 1",
                           STR_ARG(value_str(ratio)));
        if (value_is_present(low) && value_is_present(high) && a > 0 &&
            (double)r / 1000 > (double)b / (double)a)
            field_error_at(errors, FIELD_INVALID, &item, ratio,
                           "ratio %.*s is greater than max/min = %f", STR_ARG(value_str(ratio)),
                           (double)b / (double)a);
    }
}

void validate_limit_range(struct value o, errors_t *errors)
{
    struct value limits = VALUE_GET(o, spec, limits);
    struct field_path spec = path_child(NULL, "spec"), list = path_child(&spec, "limits");
    for (size_t i = 0; i < value_count(limits); i++) {
        struct field_path item = path_index(&list, i);
        struct value l = value_at(limits, i), type = VALUE_GET(l, type);
        check_child_rule(errors, &item, "type", type, name_qualified);
        if (str_find(value_str(type), '/') == value_str(type).size &&
            !is_one_of(type, "Pod|Container|PersistentVolumeClaim"))
            child_error(errors, FIELD_INVALID, &item, "type", type,
                        "must be a standard limit type or fully qualified");
        if (is_repeated_before(limits, i, ATOM_type))
            child_error(errors, FIELD_DUPLICATE, &item, "type", type, NO_DETAIL);
        if (value_is(type, "Pod")) {
            if (value_count(VALUE_GET(l, default)) > 0)
                child_error(errors, FIELD_FORBIDDEN, &item, "default", VALUE_ABSENT,
                            "may not be specified when `type` is 'Pod'");
            if (value_count(VALUE_GET(l, defaultRequest)) > 0)
                child_error(errors, FIELD_FORBIDDEN, &item, "defaultRequest", VALUE_ABSENT,
                            "may not be specified when `type` is 'Pod'");
        }
        if (value_is(type, "PersistentVolumeClaim") &&
            !value_is_present(VALUE_GET(l, min, storage)) &&
            !value_is_present(VALUE_GET(l, max, storage)))
            child_error(
                errors, FIELD_REQUIRED, &item, "limits", VALUE_ABSENT,
                "either minimum or maximum storage value is required, but neither was provided");
        check_order(l, ATOM_min, "min", ATOM_max, "max", "min", true, &item, errors);
        check_order(l, ATOM_min, "min", ATOM_defaultRequest, "default request", "defaultRequest",
                    false, &item, errors);
        check_order(l, ATOM_defaultRequest, "default request", ATOM_max, "max", "defaultRequest",
                    true, &item, errors);
        check_order(l, ATOM_defaultRequest, "default request", ATOM_default, "default limit",
                    "defaultRequest", true, &item, errors);
        check_order(l, ATOM_min, "min", ATOM_default, "default", "default", false, &item, errors);
        check_order(l, ATOM_default, "default", ATOM_max, "max", "default", true, &item, errors);
        check_ratios(l, &item, errors);
    }
}

/* ---- PriorityClass, Lease, RuntimeClass ---- */

void validate_priority_class(struct value o, errors_t *errors)
{
    struct str name = VALUE_STR(o, metadata, name);
    bool is_system = str_starts_with(name, S("system-"));
    bool is_known =
        (str_equal(name, S("system-cluster-critical")) && VALUE_INT(o, 0, value) == 2000000000) ||
        (str_equal(name, S("system-node-critical")) && VALUE_INT(o, 0, value) == 2000001000);
    if (is_system && !is_known)
        field_error_add(
            errors, FIELD_FORBIDDEN, S("metadata.name"), VALUE_ABSENT,
            "priority class names with 'system-' prefix are reserved for system use only. "
            "error: %.*s is not a known system priority class",
            STR_ARG(name));
    if (!is_system && VALUE_INT(o, 0, value) > USER_PRIORITY_MAX)
        field_error_add(errors, FIELD_FORBIDDEN, S("value"), VALUE_ABSENT,
                        "maximum allowed value of a user defined priority is %d",
                        USER_PRIORITY_MAX);
    check_optional_choice(errors, NULL, "preemptionPolicy", VALUE_GET(o, preemptionPolicy),
                          "Never|PreemptLowerPriority");
}

void validate_priority_class_update(struct value new, struct value old, errors_t *errors)
{
    if (VALUE_INT(new, 0, value) != VALUE_INT(old, 0, value))
        child_error(errors, FIELD_FORBIDDEN, NULL, "value", VALUE_ABSENT,
                    "may not be changed in an update.");
    check_immutable(errors, NULL, "preemptionPolicy", VALUE_GET(new, preemptionPolicy),
                    VALUE_GET(old, preemptionPolicy));
}

void validate_lease(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), seconds = VALUE_GET(spec, leaseDurationSeconds);
    struct field_path path = path_child(NULL, "spec");
    if (value_is_present(seconds) && value_as_integer(seconds, 0) <= 0)
        child_error(errors, FIELD_INVALID, &path, "leaseDurationSeconds", seconds,
                    "must be greater than 0");
    if (VALUE_INT(spec, 0, leaseTransitions) < 0)
        child_error(errors, FIELD_INVALID, &path, "leaseTransitions",
                    VALUE_GET(spec, leaseTransitions), "must be greater than or equal to 0");
    if (value_is_present(VALUE_GET(spec, preferredHolder)) &&
        !text_is_set(VALUE_GET(spec, strategy)))
        child_error(errors, FIELD_FORBIDDEN, &path, "preferredHolder", VALUE_ABSENT,
                    "may only be specified if `strategy` is defined");
}

void validate_runtime_class(struct value o, errors_t *errors)
{
    if (check_required(errors, NULL, "handler", VALUE_GET(o, handler)))
        check_child_rule(errors, NULL, "handler", VALUE_GET(o, handler), name_dns_label);
}

void validate_runtime_class_update(struct value new, struct value old, errors_t *errors)
{
    check_immutable(errors, NULL, "handler", VALUE_GET(new, handler), VALUE_GET(old, handler));
}
