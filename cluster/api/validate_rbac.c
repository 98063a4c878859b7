/* SPDX-License-Identifier: Apache-2.0
 *
 * Roles and bindings.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

/* ---- roles ---- */

static void check_rules(struct value rules, bool is_namespaced, errors_t *errors)
{
    struct field_path list = path_child(NULL, "rules");
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path item = path_index(&list, i);
        struct value r = value_at(rules, i), urls = VALUE_GET(r, nonResourceURLs);
        bool has_resources = value_count(VALUE_GET(r, apiGroups)) > 0 ||
                             value_count(VALUE_GET(r, resources)) > 0 ||
                             value_count(VALUE_GET(r, resourceNames)) > 0;
        if (value_count(VALUE_GET(r, verbs)) == 0)
            child_error(errors, FIELD_REQUIRED, &item, "verbs", VALUE_ABSENT,
                        "verbs must contain at least one value");
        if (value_count(urls) > 0) {
            if (is_namespaced)
                child_error(errors, FIELD_INVALID, &item, "nonResourceURLs", urls,
                            "namespaced rules cannot apply to non-resource URLs");
            if (has_resources)
                child_error(errors, FIELD_INVALID, &item, "nonResourceURLs", urls,
                            "rules cannot apply to both regular resources and non-resource URLs");
            continue;
        }
        if (value_count(VALUE_GET(r, apiGroups)) == 0)
            child_error(errors, FIELD_REQUIRED, &item, "apiGroups", VALUE_ABSENT,
                        "resource rules must supply at least one api group");
        if (value_count(VALUE_GET(r, resources)) == 0)
            child_error(errors, FIELD_REQUIRED, &item, "resources", VALUE_ABSENT,
                        "resource rules must supply at least one resource");
    }
}

void validate_role(struct value o, errors_t *errors)
{
    check_rules(VALUE_GET(o, rules), true, errors);
}

void validate_cluster_role(struct value o, errors_t *errors)
{
    struct value rule = VALUE_GET(o, aggregationRule);
    check_rules(VALUE_GET(o, rules), false, errors);
    if (value_is_present(rule) && value_count(VALUE_GET(rule, clusterRoleSelectors)) == 0)
        field_error_add(errors, FIELD_REQUIRED, S("aggregationRule.clusterRoleSelectors"),
                        VALUE_ABSENT,
                        "at least one clusterRoleSelector required if aggregationRule is non-nil");
}

/* ---- bindings ---- */

static void check_subject(struct value s, bool is_namespaced, path_t path, errors_t *errors)
{
    struct value kind = VALUE_GET(s, kind), group = VALUE_GET(s, apiGroup);
    if (!check_required(errors, path, "name", VALUE_GET(s, name)))
        return;
    if (value_is(kind, "ServiceAccount")) {
        check_child_rule(errors, path, "name", VALUE_GET(s, name), name_dns_subdomain);
        if (text_is_set(group))
            child_error(errors, FIELD_NOT_SUPPORTED, path, "apiGroup", group,
                        "supported values: \"\"");
        if (!is_namespaced && !text_is_set(VALUE_GET(s, namespace)))
            child_error(errors, FIELD_REQUIRED, path, "namespace", VALUE_ABSENT, NO_DETAIL);
    } else if (is_one_of(kind, "User|Group") && text_is_set(kind)) {
        check_optional_choice(errors, path, "apiGroup", group, "rbac.authorization.k8s.io");
    } else {
        AUTO(value) struct value shown = text_is_set(kind) ? value_keep(kind) : value_string(S(""));
        child_error(errors, FIELD_NOT_SUPPORTED, path, "kind", shown,
                    "supported values: \"ServiceAccount\", \"User\", \"Group\"");
    }
}

static void check_binding(struct value o, bool is_namespaced, errors_t *errors)
{
    struct value role = VALUE_GET(o, roleRef), subjects = VALUE_GET(o, subjects);
    struct field_path path = path_child(NULL, "roleRef"), list = path_child(NULL, "subjects");
    check_optional_choice(errors, &path, "apiGroup", VALUE_GET(role, apiGroup),
                          "rbac.authorization.k8s.io");
    AUTO(value)
    struct value kind = text_is_set(VALUE_GET(role, kind)) ? value_keep(VALUE_GET(role, kind))
                                                           : value_string(S(""));
    if (!is_one_of(kind, is_namespaced ? "Role|ClusterRole" : "ClusterRole"))
        child_error(errors, FIELD_NOT_SUPPORTED, &path, "kind", kind, "supported values: %s",
                    is_namespaced ? "\"Role\", \"ClusterRole\"" : "\"ClusterRole\"");
    if (check_required(errors, &path, "name", VALUE_GET(role, name)))
        check_child_rule(errors, &path, "name", VALUE_GET(role, name), name_path_segment);
    for (size_t i = 0; i < value_count(subjects); i++) {
        struct field_path item = path_index(&list, i);
        check_subject(value_at(subjects, i), is_namespaced, &item, errors);
    }
}

void validate_role_binding(struct value o, errors_t *errors)
{
    check_binding(o, true, errors);
}

void validate_cluster_role_binding(struct value o, errors_t *errors)
{
    check_binding(o, false, errors);
}

void validate_role_binding_update(struct value new, struct value old, errors_t *errors)
{
    struct value role = VALUE_GET(new, roleRef);
    if (value_equal(role, VALUE_GET(old, roleRef)))
        return;
    /* The internal type, as Go prints it. */
    struct value shown = value_object();
    shown = value_set_key(shown, S("APIGroup"), value_string(VALUE_STR(role, apiGroup)));
    shown = value_set_key(shown, S("Kind"), value_string(VALUE_STR(role, kind)));
    shown = value_set_key(shown, S("Name"), value_string(VALUE_STR(role, name)));
    child_error(errors, FIELD_INVALID, NULL, "roleRef", shown, "cannot change roleRef");
    value_drop(shown);
}
