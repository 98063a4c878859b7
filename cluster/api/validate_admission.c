/* SPDX-License-Identifier: Apache-2.0
 *
 * Configurations of admission webhooks; admission policies and their bindings.
 *
 * DEVIATION: Expressions have to be there and are not compiled, so a broken one is not refused: the
 * compiler of custom kinds' rules (cel/) has not the variables of policies.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#define MATCH_CONDITIONS_MAX 64
#define AUDIT_ANNOTATIONS_MAX 20
#define AUDIT_EXPRESSION_MAX 5120

/* ---- rules ---- */

/* "*" stands alone; an empty list is Required. */
static void check_star(struct value list, const char *name, const char *others, path_t path,
                       errors_t *errors)
{
    if (value_count(list) == 0)
        child_error(errors, FIELD_REQUIRED, path, name, VALUE_ABSENT, NO_DETAIL);
    if (value_count(list) > 1 && value_has_string(list, "*"))
        child_error(errors, FIELD_INVALID, path, name, list,
                    "if '*' is present, must not specify other %s", others);
}

/* Of items before `index`: one that is "first/second". */
static bool stands_before(struct value list, size_t index, struct str first, struct str second)
{
    for (size_t i = 0; i < index; i++) {
        struct str sub, resource = str_cut(value_str(value_at(list, i)), '/', &sub);
        if (str_equal(resource, first) && str_equal(sub, second))
            return true;
    }
    return false;
}

static void check_resources(struct value list, path_t path, errors_t *errors)
{
    bool has_plain = false;
    if (value_count(list) == 0)
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT, NO_DETAIL);
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(path, i);
        struct value v = value_at(list, i);
        struct str text = value_str(v), sub, resource = str_cut(text, '/', &sub);
        if (text.size == 0) {
            field_error_at(errors, FIELD_REQUIRED, &item, VALUE_ABSENT, NO_DETAIL);
            continue;
        }
        if (resource.size == text.size) {
            has_plain = !value_is(v, "*");
            continue;
        }
        if (stands_before(list, i, resource, S("*")))
            field_error_at(errors, FIELD_INVALID, &item, v,
                           "if '%.*s/*' is present, must not specify %.*s", STR_ARG(resource),
                           STR_ARG(text));
        if (stands_before(list, i, S("*"), sub))
            field_error_at(errors, FIELD_INVALID, &item, v,
                           "if '*/%.*s' is present, must not specify %.*s", STR_ARG(sub),
                           STR_ARG(text));
    }
    if (value_count(list) > 1 && value_has_string(list, "*/*"))
        field_error_at(errors, FIELD_INVALID, path, list,
                       "if '*/*' is present, must not specify other resources");
    if (value_has_string(list, "*") && has_plain)
        field_error_at(errors, FIELD_INVALID, path, list,
                       "if '*' is present, must not specify other resources without subresources");
}

static void check_rule_with_operations(struct value rule, path_t path, errors_t *errors)
{
    struct value operations = VALUE_GET(rule, operations);
    struct value versions = VALUE_GET(rule, apiVersions);
    struct field_path version_list = path_child(path, "apiVersions"),
                      resources = path_child(path, "resources"),
                      operation_list = path_child(path, "operations");
    check_star(operations, "operations", "operations", path, errors);
    for (size_t i = 0; i < value_count(operations); i++) {
        struct field_path item = path_index(&operation_list, i);
        if (!is_one_of(value_at(operations, i), "*|CONNECT|CREATE|DELETE|UPDATE"))
            field_error_at(errors, FIELD_NOT_SUPPORTED, &item, value_at(operations, i),
                           "supported values: \"*\", \"CONNECT\", \"CREATE\", \"DELETE\", "
                           "\"UPDATE\"");
    }
    check_star(VALUE_GET(rule, apiGroups), "apiGroups", "API groups", path, errors);
    check_star(versions, "apiVersions", "API versions", path, errors);
    for (size_t i = 0; i < value_count(versions); i++) {
        struct field_path item = path_index(&version_list, i);
        if (!text_is_set(value_at(versions, i)))
            field_error_at(errors, FIELD_REQUIRED, &item, VALUE_ABSENT, NO_DETAIL);
    }
    check_resources(VALUE_GET(rule, resources), &resources, errors);
    check_optional_choice(errors, path, "scope", VALUE_GET(rule, scope), "*|Cluster|Namespaced");
}

static void check_match_conditions(struct value list, path_t parent, errors_t *errors)
{
    struct field_path path = path_child(parent, "matchConditions");
    if (value_count(list) > MATCH_CONDITIONS_MAX)
        field_error_at(errors, FIELD_TOO_MANY, &path, value_integer((int64_t)value_count(list)),
                       "must have at most %d items", MATCH_CONDITIONS_MAX);
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&path, i);
        struct value name = VALUE_GET(value_at(list, i), name);
        check_required(errors, &item, "expression", VALUE_GET(value_at(list, i), expression));
        if (check_required(errors, &item, "name", name)) {
            check_child_rule(errors, &item, "name", name, name_qualified);
            if (is_repeated_before(list, i, ATOM_name))
                child_error(errors, FIELD_DUPLICATE, &item, "name", name, NO_DETAIL);
        }
    }
}

/* ---- webhooks ---- */

static void check_url(struct value url, path_t path, errors_t *errors)
{
    static const char form[] = "desired format: https://host[:port]/path";
    struct str s = value_str(url), prefix = S("https://");
    if (!str_starts_with(s, prefix)) {
        struct str scheme = str_slice(s, 0, str_find(s, ':'));
        AUTO(value) struct value shown = value_string(scheme.size < s.size ? scheme : S(""));
        field_error_at(errors, FIELD_INVALID, path, shown,
                       "'https' is the only allowed URL scheme; %s", form);
        return;
    }
    struct str rest = str_slice(s, prefix.size, s.size);
    struct str host = str_slice(rest, 0, str_find(rest, '/'));
    if (host.size == 0)
        field_error_at(errors, FIELD_INVALID, path, value_string(S("")),
                       "host must be specified; %s", form);
    if (str_find(host, '@') < host.size)
        field_error_at(errors, FIELD_INVALID, path, url,
                       "user information is not permitted in the URL");
    if (str_find(rest, '#') < rest.size)
        field_error_at(errors, FIELD_INVALID, path, url, "fragments are not permitted in the URL");
    if (str_find(rest, '?') < rest.size)
        field_error_at(errors, FIELD_INVALID, path, url,
                       "query parameters are not permitted in the URL");
}

static void check_client(struct value client, path_t path, errors_t *errors)
{
    struct value url = VALUE_GET(client, url), service = VALUE_GET(client, service);
    struct field_path url_path = path_child(path, "url"), at = path_child(path, "service");
    if (value_is_present(url) == value_is_present(service)) {
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT,
                       "exactly one of url or service is required");
    } else if (value_is_present(url)) {
        check_url(url, &url_path, errors);
    } else {
        struct value request = VALUE_GET(service, path);
        check_required(errors, &at, "name", VALUE_GET(service, name));
        check_required(errors, &at, "namespace", VALUE_GET(service, namespace));
        const char *why = number_port(VALUE_INT(service, 443, port));
        if (why)
            child_error(errors, FIELD_INVALID, &at, "port", VALUE_GET(service, port),
                        "port is not valid: %s", why);
        if (text_is_set(request) && !str_starts_with(value_str(request), S("/")))
            child_error(errors, FIELD_INVALID, &at, "path", request, "must start with a '/'");
    }
}

static void check_review_versions(struct value list, path_t parent, errors_t *errors)
{
    struct field_path path = path_child(parent, "admissionReviewVersions");
    if (value_count(list) == 0) {
        field_error_at(errors, FIELD_REQUIRED, &path, VALUE_ABSENT,
                       "must specify one of v1, v1beta1");
        return;
    }
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&path, i);
        if (is_repeated_before(list, i, ATOM_NONE))
            field_error_at(errors, FIELD_INVALID, &item, value_at(list, i), "duplicate version");
        else
            check_rule(errors, &item, value_at(list, i), name_dns_1035_label);
    }
    if (!value_has_string(list, "v1") && !value_has_string(list, "v1beta1"))
        field_error_at(errors, FIELD_INVALID, &path, list,
                       "must include at least one of v1, v1beta1");
}

static void check_full_name(struct value name, path_t path, errors_t *errors)
{
    size_t dots = 0;
    struct str s = value_str(name);
    if (!check_required(errors, path, "name", name))
        return;
    if (name_dns_subdomain(s) != NULL) {
        check_child_rule(errors, path, "name", name, name_dns_subdomain);
        return;
    }
    for (size_t i = 0; i < s.size; i++)
        dots += s.bytes[i] == '.';
    if (dots < 2)
        child_error(errors, FIELD_INVALID, path, "name", name,
                    "should be a domain with at least three segments separated by dots");
}

static void check_webhook(struct value hook, path_t path, errors_t *errors)
{
    struct value rules = VALUE_GET(hook, rules), effects = VALUE_GET(hook, sideEffects);
    struct value timeout = VALUE_GET(hook, timeoutSeconds);
    struct field_path list = path_child(path, "rules"),
                      namespaces = path_child(path, "namespaceSelector"),
                      objects = path_child(path, "objectSelector"),
                      client = path_child(path, "clientConfig");
    check_full_name(VALUE_GET(hook, name), path, errors);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path item = path_index(&list, i);
        check_rule_with_operations(value_at(rules, i), &item, errors);
    }
    check_optional_choice(errors, path, "failurePolicy", VALUE_GET(hook, failurePolicy),
                          "Fail|Ignore");
    check_optional_choice(errors, path, "matchPolicy", VALUE_GET(hook, matchPolicy),
                          "Equivalent|Exact");
    if (!value_is_present(effects))
        child_error(errors, FIELD_REQUIRED, path, "sideEffects", VALUE_ABSENT,
                    "must specify one of None, NoneOnDryRun");
    else
        check_optional_choice(errors, path, "sideEffects", effects, "None|NoneOnDryRun");
    if (value_is_present(timeout) &&
        (value_as_integer(timeout, 0) < 1 || value_as_integer(timeout, 0) > 30))
        child_error(errors, FIELD_INVALID, path, "timeoutSeconds", timeout,
                    "the timeout value must be between 1 and 30 seconds");
    check_label_selector(errors, &namespaces, VALUE_GET(hook, namespaceSelector));
    check_label_selector(errors, &objects, VALUE_GET(hook, objectSelector));
    check_optional_choice(errors, path, "reinvocationPolicy", VALUE_GET(hook, reinvocationPolicy),
                          "IfNeeded|Never");
    check_client(VALUE_GET(hook, clientConfig), &client, errors);
    check_match_conditions(VALUE_GET(hook, matchConditions), path, errors);
}

void validate_webhooks(struct value o, errors_t *errors)
{
    struct value hooks = VALUE_GET(o, webhooks);
    struct field_path list = path_child(NULL, "webhooks");
    for (size_t i = 0; i < value_count(hooks); i++) {
        struct field_path item = path_index(&list, i);
        struct value name = VALUE_GET(value_at(hooks, i), name);
        check_webhook(value_at(hooks, i), &item, errors);
        check_review_versions(VALUE_GET(value_at(hooks, i), admissionReviewVersions), &item,
                              errors);
        if (text_is_set(name) && is_repeated_before(hooks, i, ATOM_name))
            child_error(errors, FIELD_DUPLICATE, &item, "name", name, NO_DETAIL);
    }
}

/* ---- policies ---- */

static void check_named_rules(struct value rules, path_t parent, const char *name, bool is_mutating,
                              errors_t *errors)
{
    struct field_path list = path_child(parent, name);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path item = path_index(&list, i), names = path_child(&item, "resourceNames");
        struct value rule = value_at(rules, i), resource_names = VALUE_GET(rule, resourceNames);
        for (size_t k = 0; k < value_count(resource_names); k++) {
            struct field_path one = path_index(&names, k);
            check_rule(errors, &one, value_at(resource_names, k), name_path_segment);
            if (is_repeated_before(resource_names, k, ATOM_NONE))
                field_error_at(errors, FIELD_DUPLICATE, &one, value_at(resource_names, k),
                               NO_DETAIL);
        }
        check_rule_with_operations(rule, &item, errors);
        if (is_mutating && (value_has_string(VALUE_GET(rule, operations), "DELETE") ||
                            value_has_string(VALUE_GET(rule, operations), "*")))
            child_error(errors, FIELD_NOT_SUPPORTED, &list, "operations",
                        value_at(VALUE_GET(rule, operations), 0),
                        "supported values: \"CREATE\", \"UPDATE\"");
    }
}

static void check_match_resources(struct value match, path_t path, bool is_mutating,
                                  errors_t *errors)
{
    struct field_path namespaces = path_child(path, "namespaceSelector"),
                      objects = path_child(path, "objectSelector");
    check_choice(errors, path, "matchPolicy", VALUE_GET(match, matchPolicy), "Equivalent|Exact");
    if (!value_is_present(VALUE_GET(match, namespaceSelector)))
        field_error_at(errors, FIELD_REQUIRED, &namespaces, VALUE_ABSENT, NO_DETAIL);
    else
        check_label_selector(errors, &namespaces, VALUE_GET(match, namespaceSelector));
    if (!value_is_present(VALUE_GET(match, objectSelector)))
        field_error_at(errors, FIELD_REQUIRED, &objects, VALUE_ABSENT, NO_DETAIL);
    else
        check_label_selector(errors, &objects, VALUE_GET(match, objectSelector));
    check_named_rules(VALUE_GET(match, resourceRules), path, "resourceRules", is_mutating, errors);
    check_named_rules(VALUE_GET(match, excludeResourceRules), path, "excludeResourceRules", false,
                      errors);
}

static void check_param_kind(struct value kind, path_t parent, errors_t *errors)
{
    struct field_path path = path_child(parent, "paramKind");
    if (!value_is_present(kind))
        return;
    check_required(errors, &path, "apiVersion", VALUE_GET(kind, apiVersion));
    check_required(errors, &path, "kind", VALUE_GET(kind, kind));
}

static void check_variables(struct value list, path_t parent, errors_t *errors)
{
    struct field_path path = path_child(parent, "variables");
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&path, i);
        struct value v = value_at(list, i), name = VALUE_GET(v, name);
        struct str s = value_str(name);
        bool is_identifier = s.size > 0 && !(s.bytes[0] >= '0' && s.bytes[0] <= '9');
        for (size_t k = 0; k < s.size; k++) {
            char c = s.bytes[k];
            is_identifier &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '_';
        }
        if (!text_is_set(name))
            child_error(errors, FIELD_REQUIRED, &item, "name", VALUE_ABSENT,
                        "name is not specified");
        else if (!is_identifier)
            child_error(errors, FIELD_INVALID, &item, "name", name,
                        "must be a valid CEL identifier");
        if (!text_is_set(VALUE_GET(v, expression)))
            child_error(errors, FIELD_REQUIRED, &item, "expression", VALUE_ABSENT,
                        "expression is not specified");
    }
}

static bool is_blank(struct value v)
{
    return str_trim(value_str(v)).size == 0;
}

static void check_validation(struct value v, path_t path, errors_t *errors)
{
    struct value expression = VALUE_GET(v, expression), message = VALUE_GET(v, message);
    struct value message_expression = VALUE_GET(v, messageExpression);
    if (is_blank(expression))
        child_error(errors, FIELD_REQUIRED, path, "expression", VALUE_ABSENT,
                    "expression is not specified");
    if (text_is_set(message_expression) && is_blank(message_expression))
        child_error(errors, FIELD_INVALID, path, "messageExpression", message_expression,
                    "must be non-empty if specified");
    if (text_is_set(message) && is_blank(message))
        child_error(errors, FIELD_INVALID, path, "message", message,
                    "must be non-empty if specified");
    else if (str_contains(str_trim(value_str(message)), S("\n")))
        child_error(errors, FIELD_INVALID, path, "message", message,
                    "must not contain line breaks");
    else if (str_contains(str_trim(value_str(expression)), S("\n")) && is_blank(message))
        child_error(errors, FIELD_REQUIRED, path, "message", VALUE_ABSENT,
                    "message must be specified if expression contains line breaks");
    check_optional_choice(errors, path, "reason", VALUE_GET(v, reason),
                          "Forbidden|Invalid|RequestEntityTooLarge|Unauthorized");
}

static void check_audit_annotations(struct value o, struct value list, path_t parent,
                                    errors_t *errors)
{
    struct field_path path = path_child(parent, "auditAnnotations");
    if (value_count(list) > AUDIT_ANNOTATIONS_MAX)
        field_error_at(errors, FIELD_INVALID, &path, list,
                       "must not have more than %d auditAnnotations", AUDIT_ANNOTATIONS_MAX);
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&path, i);
        struct value v = value_at(list, i), key = VALUE_GET(v, key);
        if (!text_is_set(VALUE_GET(o, metadata, name)))
            child_error(errors, FIELD_INVALID, &item, "key", key,
                        "requires metadata.name be non-empty");
        else
            check_child_rule(errors, &item, "key", key, name_qualified);
        if (is_blank(VALUE_GET(v, valueExpression)))
            child_error(errors, FIELD_REQUIRED, &item, "valueExpression", VALUE_ABSENT,
                        "valueExpression is not specified");
        else if (value_str(VALUE_GET(v, valueExpression)).size > AUDIT_EXPRESSION_MAX)
            child_error(errors, FIELD_REQUIRED, &item, "valueExpression", VALUE_ABSENT,
                        "must not exceed %d bytes in length", AUDIT_EXPRESSION_MAX);
        if (text_is_set(key) && is_repeated_before(list, i, ATOM_key))
            child_error(errors, FIELD_DUPLICATE, &item, "key", key, NO_DETAIL);
    }
}

/* What both kinds of policies have. */
static void check_policy(struct value spec, path_t path, bool is_mutating, errors_t *errors)
{
    struct value constraints = VALUE_GET(spec, matchConstraints);
    struct field_path match = path_child(path, "matchConstraints");
    check_choice(errors, path, "failurePolicy", VALUE_GET(spec, failurePolicy), "Fail|Ignore");
    check_param_kind(VALUE_GET(spec, paramKind), path, errors);
    if (!value_is_present(constraints)) {
        field_error_at(errors, FIELD_REQUIRED, &match, VALUE_ABSENT, NO_DETAIL);
    } else {
        check_match_resources(constraints, &match, is_mutating, errors);
        if (value_count(VALUE_GET(constraints, resourceRules)) == 0)
            child_error(errors, FIELD_REQUIRED, &match, "resourceRules", VALUE_ABSENT, NO_DETAIL);
    }
    check_match_conditions(VALUE_GET(spec, matchConditions), path, errors);
    check_variables(VALUE_GET(spec, variables), path, errors);
}

void validate_validating_policy(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), validations = VALUE_GET(spec, validations);
    struct value annotations = VALUE_GET(spec, auditAnnotations);
    struct field_path path = path_child(NULL, "spec"), list = path_child(&path, "validations");
    check_policy(spec, &path, false, errors);
    if (value_count(validations) == 0 && value_count(annotations) == 0) {
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT,
                       "validations or auditAnnotations must contain at least one item");
        child_error(errors, FIELD_REQUIRED, &path, "auditAnnotations", VALUE_ABSENT,
                    "validations or auditAnnotations must contain at least one item");
    }
    for (size_t i = 0; i < value_count(validations); i++) {
        struct field_path item = path_index(&list, i);
        check_validation(value_at(validations, i), &item, errors);
    }
    check_audit_annotations(o, annotations, &path, errors);
}

static void check_mutation(struct value m, path_t path, errors_t *errors)
{
    struct value type = VALUE_GET(m, patchType), patch = VALUE_GET(m, jsonPatch);
    struct value apply = VALUE_GET(m, applyConfiguration);
    struct field_path at =
        path_child(path, value_is(type, "JSONPatch") ? "jsonPatch" : "applyConfiguration");
    bool is_patch = value_is(type, "JSONPatch");
    if (!check_required(errors, path, "patchType", type))
        return;
    if (!is_one_of(type, "ApplyConfiguration|JSONPatch")) {
        check_optional_choice(errors, path, "patchType", type, "ApplyConfiguration|JSONPatch");
        return;
    }
    struct value wanted = is_patch ? patch : apply, other = is_patch ? apply : patch;
    if (!value_is_present(wanted))
        child_error(errors, FIELD_REQUIRED, path, is_patch ? "jsonPatch" : "applyConfiguration",
                    VALUE_ABSENT, "must be specified when patchType is %s",
                    is_patch ? "JSONPatch" : "ApplyConfiguration");
    else
        check_required(errors, &at, "expression", VALUE_GET(wanted, expression));
    if (value_is_present(other))
        child_error(errors, FIELD_INVALID, path, is_patch ? "applyConfiguration" : "jsonPatch",
                    other, "must not be specified when patchType is %s",
                    is_patch ? "JSONPatch" : "ApplyConfiguration");
}

void validate_mutating_policy(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), mutations = VALUE_GET(spec, mutations);
    struct field_path path = path_child(NULL, "spec"), list = path_child(&path, "mutations");
    check_policy(spec, &path, true, errors);
    if (value_count(mutations) == 0)
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT,
                       "mutations must contain at least one item");
    for (size_t i = 0; i < value_count(mutations); i++) {
        struct field_path item = path_index(&list, i);
        check_mutation(value_at(mutations, i), &item, errors);
    }
    check_choice(errors, &path, "reinvocationPolicy", VALUE_GET(spec, reinvocationPolicy),
                 "IfNeeded|Never");
}

/* ---- bindings ---- */

static void check_param_ref(struct value ref, path_t parent, errors_t *errors)
{
    struct value name = VALUE_GET(ref, name), selector = VALUE_GET(ref, selector);
    struct field_path path = path_child(parent, "paramRef");
    if (!value_is_present(ref))
        return;
    if (text_is_set(name)) {
        check_child_rule(errors, &path, "name", name, name_path_segment);
        if (value_is_present(selector)) {
            child_error(errors, FIELD_FORBIDDEN, &path, "name", VALUE_ABSENT,
                        "name and selector are mutually exclusive");
            child_error(errors, FIELD_FORBIDDEN, &path, "selector", VALUE_ABSENT,
                        "name and selector are mutually exclusive");
        }
    } else if (!value_is_present(selector)) {
        field_error_at(errors, FIELD_REQUIRED, &path, VALUE_ABSENT,
                       "one of name or selector must be specified");
    }
    check_choice(errors, &path, "parameterNotFoundAction", VALUE_GET(ref, parameterNotFoundAction),
                 "Deny|Allow");
}

static void check_binding(struct value spec, path_t path, bool is_mutating, errors_t *errors)
{
    struct value name = VALUE_GET(spec, policyName), match = VALUE_GET(spec, matchResources);
    struct field_path match_path = path_child(path, "matchResources");
    if (check_required(errors, path, "policyName", name))
        check_child_rule(errors, path, "policyName", name, name_dns_subdomain);
    check_param_ref(VALUE_GET(spec, paramRef), path, errors);
    if (value_is_present(match))
        check_match_resources(match, &match_path, is_mutating, errors);
}

void validate_validating_policy_binding(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), actions = VALUE_GET(spec, validationActions);
    struct field_path path = path_child(NULL, "spec"),
                      list = path_child(&path, "validationActions");
    check_binding(spec, &path, false, errors);
    for (size_t i = 0; i < value_count(actions); i++) {
        struct field_path item = path_index(&list, i);
        if (!is_one_of(value_at(actions, i), "Audit|Deny|Warn"))
            field_error_at(errors, FIELD_NOT_SUPPORTED, &item, value_at(actions, i),
                           "supported values: \"Audit\", \"Deny\", \"Warn\"");
        if (is_repeated_before(actions, i, ATOM_NONE))
            field_error_at(errors, FIELD_DUPLICATE, &item, value_at(actions, i), NO_DETAIL);
    }
    if (value_has_string(actions, "Deny") && value_has_string(actions, "Warn"))
        field_error_at(errors, FIELD_INVALID, &list, actions,
                       "must not contain both Deny and Warn (repeating the same validation failure "
                       "information in the API response and headers serves no purpose)");
    if (value_count(actions) == 0)
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT,
                       "at least one validation action is required");
}

void validate_mutating_policy_binding(struct value o, errors_t *errors)
{
    struct field_path path = path_child(NULL, "spec");
    check_binding(value_get(o, ATOM_spec), &path, true, errors);
}
