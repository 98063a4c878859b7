/* SPDX-License-Identifier: Apache-2.0
 *
 * Which kind is validated where, and the checks that all areas use. Metadata comes first, then the
 * kind's own rules, in the order in which the real validators report.
 */
#include "sim/base/base.h"

#include "cluster/api/validate.h"

#include "cluster/api/validate_parts.h"

static const struct {
    validate_fn create;        /* NULL: by the schema alone */
    validate_update_fn update; /* what may not change; NULL: everything may */
} kinds[RESOURCE_KNOWN_COUNT] = {
    [RESOURCE_pods] = {validate_pod, validate_pod_update},
    [RESOURCE_podtemplates] = {validate_template_object, NULL},
    [RESOURCE_replicationcontrollers] = {validate_replication_controller, NULL},
    [RESOURCE_deployments] = {validate_deployment, validate_selector_update},
    [RESOURCE_replicasets] = {validate_replica_set, validate_selector_update},
    [RESOURCE_statefulsets] = {validate_stateful_set, validate_stateful_set_update},
    [RESOURCE_daemonsets] = {validate_daemon_set, validate_selector_update},
    [RESOURCE_controllerrevisions] = {validate_controller_revision,
                                      validate_controller_revision_update},
    [RESOURCE_jobs] = {validate_job, validate_job_update},
    [RESOURCE_cronjobs] = {validate_cron_job, NULL},
    [RESOURCE_horizontalpodautoscalers] = {validate_autoscaler, NULL},
    [RESOURCE_horizontalpodautoscalers_v1] = {validate_autoscaler, NULL},
    [RESOURCE_poddisruptionbudgets] = {validate_disruption_budget, NULL},
    [RESOURCE_services] = {validate_service, validate_service_update},
    [RESOURCE_endpoints] = {validate_endpoints, NULL},
    [RESOURCE_endpointslices] = {validate_endpoint_slice, validate_endpoint_slice_update},
    [RESOURCE_ingresses] = {validate_ingress, NULL},
    [RESOURCE_ingressclasses] = {validate_ingress_class, validate_ingress_class_update},
    [RESOURCE_networkpolicies] = {validate_network_policy, NULL},
    [RESOURCE_configmaps] = {validate_config_map, validate_config_map_update},
    [RESOURCE_secrets] = {validate_secret, validate_secret_update},
    [RESOURCE_nodes] = {validate_node, validate_node_update},
    [RESOURCE_events] = {validate_event, NULL},
    [RESOURCE_resourcequotas] = {validate_quota, validate_quota_update},
    [RESOURCE_limitranges] = {validate_limit_range, NULL},
    [RESOURCE_priorityclasses] = {validate_priority_class, validate_priority_class_update},
    [RESOURCE_leases] = {validate_lease, NULL},
    [RESOURCE_certificatesigningrequests] = {validate_certificate_request, NULL},
    [RESOURCE_roles] = {validate_role, NULL},
    [RESOURCE_clusterroles] = {validate_cluster_role, NULL},
    [RESOURCE_rolebindings] = {validate_role_binding, validate_role_binding_update},
    [RESOURCE_clusterrolebindings] = {validate_cluster_role_binding, validate_role_binding_update},
    [RESOURCE_customresourcedefinitions] = {validate_definition, validate_definition_update},
    [RESOURCE_runtimeclasses] = {validate_runtime_class, validate_runtime_class_update},
    [RESOURCE_persistentvolumes] = {validate_volume, validate_volume_update},
    [RESOURCE_persistentvolumeclaims] = {validate_claim, validate_claim_update},
    [RESOURCE_validatingwebhookconfigurations] = {validate_webhooks, NULL},
    [RESOURCE_mutatingwebhookconfigurations] = {validate_webhooks, NULL},
    [RESOURCE_validatingadmissionpolicies] = {validate_validating_policy, NULL},
    [RESOURCE_validatingadmissionpolicybindings] = {validate_validating_policy_binding, NULL},
    [RESOURCE_mutatingadmissionpolicies] = {validate_mutating_policy, NULL},
    [RESOURCE_mutatingadmissionpolicybindings] = {validate_mutating_policy_binding, NULL},
    [RESOURCE_apiservices] = {validate_api_service, NULL},
    [RESOURCE_servicecidrs] = {validate_service_cidr, validate_service_cidr_update},
    [RESOURCE_ipaddresses] = {validate_ip_address, validate_ip_address_update},
    [RESOURCE_flowschemas] = {validate_flow_schema, NULL},
    [RESOURCE_prioritylevelconfigurations] = {validate_priority_level, NULL},
    [RESOURCE_csidrivers] = {validate_csi_driver, validate_csi_driver_update},
    [RESOURCE_csinodes] = {validate_csi_node, NULL},
    [RESOURCE_csistoragecapacities] = {validate_storage_capacity, validate_storage_capacity_update},
    [RESOURCE_volumeattachments] = {validate_attachment, validate_attachment_update},
    [RESOURCE_volumeattributesclasses] = {validate_attributes_class,
                                          validate_attributes_class_update},
    [RESOURCE_storageclasses] = {validate_storage_class, validate_storage_class_update},
};

static void validate_kind(const struct resource *r, struct value object, errors_t *errors)
{
    if (kinds[r->index].create != NULL)
        kinds[r->index].create(object, errors);
    else
        validate_by_schema(r->type, object, NULL, errors);
}

void validate_create(const struct resource *r, struct value object, struct field_errors *errors)
{
    CHECK(r->index < RESOURCE_KNOWN_COUNT);
    validate_meta(r, object, errors);
    validate_own_finalizers(r, object, errors);
    validate_kind(r, object, errors);
}

/* True when all but metadata and status are the very same parts: nothing that a kind's rules look
 * at has changed. */
static bool is_same_otherwise(struct value new, struct value old)
{
    if (value_count(new) != value_count(old))
        return false;
    for (size_t i = 0; i < value_count(new); i++) {
        atom key = value_key_atom_at(new, i);
        if (key != ATOM_metadata && key != ATOM_status &&
            !value_is_same(value_member_at(new, i), value_get(old, key)))
            return false;
    }
    return true;
}

/* Both the generic registry and each kind's strategy look at the metadata of an update: a cause is
 * told twice, while the message, made of the different ones, has it once. */
static void validate_meta_twice(const struct resource *r, struct value new, struct value old,
                                struct field_errors *errors)
{
    size_t before = errors->count;
    validate_meta_update(r, new, old, errors);
    if (errors->count > before)
        validate_meta_update(r, new, old, errors);
}

void validate_update(const struct resource *r, struct value new, struct value old,
                     struct field_errors *errors)
{
    CHECK(r->index < RESOURCE_KNOWN_COUNT);
    validate_meta_twice(r, new, old, errors);
    if (!value_is_same(VALUE_GET(new, metadata, finalizers), VALUE_GET(old, metadata, finalizers)))
        validate_own_finalizers(r, new, errors);
    if (r->index == RESOURCE_pods && !value_is_same(VALUE_GET(new, metadata, annotations),
                                                    VALUE_GET(old, metadata, annotations)))
        validate_pod_annotations_update(new, old, errors);
    if (is_same_otherwise(new, old))
        return;
    validate_kind(r, new, errors);
    if (kinds[r->index].update != NULL)
        kinds[r->index].update(new, old, errors);
}

void validate_status_update(const struct resource *r, struct value new, struct value old,
                            struct field_errors *errors)
{
    validate_meta_twice(r, new, old, errors);
    validate_status(r, new, old, errors);
}

/* ---- checks ---- */

void child_error(errors_t *errors, enum field_error_type type, path_t parent, const char *child,
                 struct value value, const char *detail_format, ...)
{
    AUTO(text) struct text detail = {0};
    struct field_path path = path_child(parent, child);
    va_list arguments;
    va_start(arguments, detail_format);
    text_vprintf(&detail, detail_format, arguments);
    va_end(arguments);
    field_error_at(errors, type, &path, value, "%s", text_c(&detail));
}

bool is_one_of(struct value value, const char *choices)
{
    struct str have = value_str(value), rest = str_from(choices);
    while (rest.size > 0) {
        struct str after, choice = str_cut(rest, '|', &after);
        if (str_equal(choice, have))
            return true;
        rest = after;
    }
    return false;
}

bool text_is_set(struct value v)
{
    return value_kind(v) == VALUE_STRING && value_str(v).size > 0;
}

void check_optional_choice(errors_t *errors, path_t parent, const char *child, struct value value,
                           const char *choices)
{
    if (!text_is_set(value) || is_one_of(value, choices))
        return;
    AUTO(text) struct text list = {0};
    for (struct str rest = str_from(choices); rest.size > 0;) {
        struct str after, choice = str_cut(rest, '|', &after);
        text_printf(&list, "%s\"%.*s\"", list.size ? ", " : "", STR_ARG(choice));
        rest = after;
    }
    child_error(errors, FIELD_NOT_SUPPORTED, parent, child, value, "supported values: %s",
                text_c(&list));
}

void check_choice(errors_t *errors, path_t parent, const char *child, struct value value,
                  const char *choices)
{
    if (check_required(errors, parent, child, value))
        check_optional_choice(errors, parent, child, value, choices);
}

bool check_required(errors_t *errors, path_t parent, const char *child, struct value value)
{
    if (!schema_is_zero(value))
        return true;
    child_error(errors, FIELD_REQUIRED, parent, child, VALUE_ABSENT, NO_DETAIL);
    return false;
}

void check_rule(errors_t *errors, path_t path, struct value text, name_rule_fn rule)
{
    const char *why = rule(value_str(text));
    AUTO(value)
    struct value shown = value_is_present(text) ? value_keep(text) : value_string(S(""));
    if (why != NULL)
        field_error_at(errors, FIELD_INVALID, path, shown, "%s", why);
}

void check_child_rule(errors_t *errors, path_t parent, const char *child, struct value text,
                      name_rule_fn rule)
{
    struct field_path path = path_child(parent, child);
    check_rule(errors, &path, text, rule);
}

void check_nonnegative(errors_t *errors, path_t parent, const char *child, struct value number)
{
    if (value_as_integer(number, 0) < 0)
        child_error(errors, FIELD_INVALID, parent, child, number,
                    "must be greater than or equal to 0");
}

void check_port_number(errors_t *errors, path_t parent, const char *child, struct value number)
{
    const char *why = number_port(value_as_integer(number, 0));
    if (why != NULL)
        child_error(errors, FIELD_INVALID, parent, child, number, "%s", why);
}

void check_port_number_or_name(errors_t *errors, path_t parent, const char *child, struct value v)
{
    if (value_kind(v) == VALUE_STRING)
        check_child_rule(errors, parent, child, v, name_port);
    else
        check_port_number(errors, parent, child, value_is_present(v) ? v : value_integer(0));
}

void check_labels(errors_t *errors, path_t path, struct value labels)
{
    for (size_t i = 0; i < value_count(labels); i++) {
        struct str key = value_key_at(labels, i);
        const char *why = name_label_key(key);
        if (why != NULL) {
            AUTO(value) struct value text = value_string(key);
            field_error_at(errors, FIELD_INVALID, path, text, "%s", why);
        }
        check_rule(errors, path, value_member_at(labels, i), name_label_value);
    }
}

void check_label_selector(errors_t *errors, path_t path, struct value selector)
{
    struct field_path match = path_child(path, "matchLabels");
    check_labels(errors, &match, value_get(selector, ATOM_matchLabels));
    struct value expressions = value_get(selector, ATOM_matchExpressions);
    struct field_path list = path_child(path, "matchExpressions");
    for (size_t i = 0; i < value_count(expressions); i++) {
        struct field_path item = path_index(&list, i);
        struct value e = value_at(expressions, i), operator= value_get(e, ATOM_operator);
        struct value values = value_get(e, ATOM_values);
        if (is_one_of(operator, "In|NotIn")) {
            if (value_count(values) == 0)
                child_error(errors, FIELD_REQUIRED, &item, "values", VALUE_ABSENT,
                            "must be specified when `operator` is 'In' or 'NotIn'");
        } else if (is_one_of(operator, "Exists|DoesNotExist")) {
            if (value_count(values) > 0)
                child_error(errors, FIELD_FORBIDDEN, &item, "values", VALUE_ABSENT,
                            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        } else {
            child_error(errors, FIELD_INVALID, &item, "operator", operator,
                        "not a valid selector operator");
        }
        check_child_rule(errors, &item, "key", value_get(e, ATOM_key), name_label_key);
        struct field_path value_list = path_child(&item, "values");
        for (size_t k = 0; k < value_count(values); k++) {
            struct field_path one = path_index(&value_list, k);
            check_rule(errors, &one, value_at(values, k), name_label_value);
        }
    }
}

void check_immutable(errors_t *errors, path_t parent, const char *child, struct value new,
                     struct value old)
{
    if (value_is_same(new, old) || value_equal(new, old))
        return;
    if (schema_is_zero(new) && schema_is_zero(old))
        return;
    child_error(errors, FIELD_INVALID, parent, child, new, "field is immutable");
}

/* DEVIATION: a real server finds doubles in lists of any length with sets; here items are compared
 * with each other, so those beyond LIST_COMPARED_MAX are not looked at: an object of megabytes must
 * not hold everybody. */
bool is_repeated_before(struct value list, size_t index, atom key)
{
    if (index >= LIST_COMPARED_MAX)
        return false;
    struct value item = value_at(list, index);
    struct value mine = key == ATOM_NONE ? item : value_get(item, key);
    for (size_t i = 0; i < index; i++) {
        struct value other = value_at(list, i);
        if (value_equal(key == ATOM_NONE ? other : value_get(other, key), mine))
            return true;
    }
    return false;
}

static bool expression_matches(struct value e, struct value labels)
{
    struct value have = value_get_key(labels, VALUE_STR(e, key)),
                 values = value_get(e, ATOM_values);
    bool is_in = false;
    for (size_t i = 0; i < value_count(values) && value_is_present(have); i++)
        is_in |= value_equal(value_at(values, i), have);
    if (VALUE_IS(e, "In", operator))
        return is_in;
    if (VALUE_IS(e, "NotIn", operator))
        return !is_in;
    return value_is_present(have) == VALUE_IS(e, "Exists", operator);
}

bool selector_matches_labels(struct value selector, struct value labels)
{
    struct value match = value_get(selector, ATOM_matchLabels);
    struct value expressions = value_get(selector, ATOM_matchExpressions);
    for (size_t i = 0; i < value_count(match); i++) {
        if (!value_equal(value_get_key(labels, value_key_at(match, i)), value_member_at(match, i)))
            return false;
    }
    for (size_t i = 0; i < value_count(expressions); i++) {
        if (!expression_matches(value_at(expressions, i), labels))
            return false;
    }
    return true;
}

static bool text_is_v4(struct str s)
{
    int parts = 0;
    for (;; parts++) {
        struct str rest, part = str_cut(s, '.', &rest);
        int64_t n = 0;
        if (part.size == 0 || part.size > 3 || (part.size > 1 && part.bytes[0] == '0') ||
            !str_to_int64(part, &n) || n < 0 || n > 255)
            return false;
        if (part.size == s.size)
            return parts == 3;
        s = rest;
    }
}

bool text_is_ip(struct str s, bool *ret_is_v6)
{
    *ret_is_v6 = str_find(s, ':') < s.size;
    if (!*ret_is_v6)
        return text_is_v4(s);
    size_t groups = 0, doubles = 0, digits = 0;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (c == ':') {
            groups += digits > 0;
            doubles += i > 0 && s.bytes[i - 1] == ':';
            digits = 0;
        } else if (!is_hex || ++digits > 4) {
            return false;
        }
    }
    groups += digits > 0;
    return doubles == 0 ? groups == 8 : doubles == 1 && groups < 8;
}

void validate_by_schema(const struct type_schema *t, struct value v, path_t path, errors_t *errors)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct field_schema *f = &t->fields[i];
        struct value x = value_get(v, f->key);
        if (f->key == ATOM_status || f->key == ATOM_metadata)
            continue;
        struct field_path here = {path, atom_text(f->key), PATH_NAME};
        const struct type_schema *nested = schema_type_of(f);
        bool is_scalar = nested == NULL && f->container == SCHEMA_NONE;
        if ((f->flags & SCHEMA_REQUIRED) && is_scalar && f->kind == SCHEMA_STRING &&
            schema_is_zero(x))
            field_error_at(errors, FIELD_REQUIRED, &here, VALUE_ABSENT, NO_DETAIL);
        if (f->enumeration != NULL && is_scalar)
            check_optional_choice(errors, path, atom_text(f->key).bytes, x, f->enumeration);
        if (nested == NULL)
            continue;
        if (f->container == SCHEMA_NONE && (value_is_present(x) || (f->flags & SCHEMA_REQUIRED)))
            validate_by_schema(nested, x, &here, errors);
        for (size_t k = 0; f->container == SCHEMA_LIST && k < value_count(x); k++) {
            struct field_path item = path_index(&here, k);
            validate_by_schema(nested, value_at(x, k), &item, errors);
        }
    }
}
