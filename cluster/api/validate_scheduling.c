/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a pod's spec speaks to the scheduler: affinity, tolerations, spreading.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

static void check_tolerations(struct value list, path_t path, errors_t *errors);
static void check_affinity(struct value affinity, path_t path, errors_t *errors);
static void check_spreading(struct value list, path_t path, errors_t *errors);

void validate_scheduling(struct value spec, path_t path, errors_t *errors)
{
    struct field_path affinity = path_child(path, "affinity"),
                      spreading = path_child(path, "topologySpreadConstraints"),
                      tolerations = path_child(path, "tolerations");
    check_affinity(value_get(spec, ATOM_affinity), &affinity, errors);
    check_spreading(value_get(spec, ATOM_topologySpreadConstraints), &spreading, errors);
    check_tolerations(value_get(spec, ATOM_tolerations), &tolerations, errors);
}

/* ---- tolerations ---- */

static void check_tolerations(struct value list, path_t path, errors_t *errors)
{
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(path, i);
        struct value t = value_at(list, i), key = value_get(t, ATOM_key);
        struct value operator= value_get(t, ATOM_operator), value = value_get(t, ATOM_value);
        bool exists = value_is(operator, "Exists");
        if (text_is_set(key))
            check_child_rule(errors, &item, "key", key, name_label_key);
        else if (!exists)
            child_error(
                errors, FIELD_INVALID, &item, "operator", operator,
                "operator must be Exists when `key` is empty, which means \"match all values "
                "and all keys\"");
        if (value_is_present(value_get(t, ATOM_tolerationSeconds)) &&
            !VALUE_IS(t, "NoExecute", effect))
            child_error(errors, FIELD_INVALID, &item, "effect", value_get(t, ATOM_effect),
                        "effect must be 'NoExecute' when `tolerationSeconds` is set");
        if (exists && text_is_set(value))
            child_error(errors, FIELD_INVALID, &item, "operator", t,
                        "value must be empty when `operator` is 'Exists'");
        else if (!exists && (!text_is_set(operator) || value_is(operator, "Equal"))) {
            const char *why = name_label_value(value_str(value));
            if (why != NULL)
                child_error(errors, FIELD_INVALID, &item, "operator", value, "%s", why);
        } else {
            check_optional_choice(errors, &item, "operator", operator, "Equal|Exists");
        }
        check_optional_choice(errors, &item, "effect", value_get(t, ATOM_effect),
                              "NoSchedule|PreferNoSchedule|NoExecute");
    }
}

/* ---- affinity ---- */

static void check_requirement(struct value e, path_t path, bool is_field, errors_t *errors)
{
    struct value operator= value_get(e, ATOM_operator);
    size_t count = value_count(value_get(e, ATOM_values));
    if (is_field) {
        if (!is_one_of(operator, "In|NotIn"))
            child_error(errors, FIELD_INVALID, path, "operator", operator,
                        "not a valid selector operator");
        else if (count != 1)
            child_error(errors, FIELD_REQUIRED, path, "values", VALUE_ABSENT,
                        "must be only one value when `operator` is 'In' or 'NotIn' for node field "
                        "selector");
        if (!VALUE_IS(e, "metadata.name", key))
            child_error(errors, FIELD_INVALID, path, "key", value_get(e, ATOM_key),
                        "not a valid field selector key");
        return;
    }
    if (is_one_of(operator, "In|NotIn")) {
        if (count == 0)
            child_error(errors, FIELD_REQUIRED, path, "values", VALUE_ABSENT,
                        "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (is_one_of(operator, "Exists|DoesNotExist")) {
        if (count > 0)
            child_error(errors, FIELD_FORBIDDEN, path, "values", VALUE_ABSENT,
                        "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else if (is_one_of(operator, "Gt|Lt")) {
        if (count != 1)
            child_error(errors, FIELD_REQUIRED, path, "values", VALUE_ABSENT,
                        "must be specified single value when `operator` is 'Lt' or 'Gt'");
    } else {
        child_error(errors, FIELD_INVALID, path, "operator", operator,
                    "not a valid selector operator");
    }
    check_child_rule(errors, path, "key", value_get(e, ATOM_key), name_label_key);
}

static void check_node_term(struct value term, path_t path, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } lists[] = {{ATOM_matchExpressions, "matchExpressions"}, {ATOM_matchFields, "matchFields"}};
    for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
        struct value list = value_get(term, lists[k].key);
        struct field_path list_path = path_child(path, lists[k].name);
        for (size_t i = 0; i < value_count(list); i++) {
            struct field_path item = path_index(&list_path, i);
            check_requirement(value_at(list, i), &item, k == 1, errors);
        }
    }
}

void validate_node_selector_terms(struct value selector, path_t path, errors_t *errors)
{
    struct value terms = value_get(selector, ATOM_nodeSelectorTerms);
    struct field_path list = path_child(path, "nodeSelectorTerms");
    if (value_count(terms) == 0)
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT,
                       "must have at least one node selector term");
    for (size_t i = 0; i < value_count(terms); i++) {
        struct field_path item = path_index(&list, i);
        check_node_term(value_at(terms, i), &item, errors);
    }
}

static void check_weight(struct value preferred, path_t path, errors_t *errors)
{
    int64_t weight = VALUE_INT(preferred, 0, weight);
    if (weight < 1 || weight > 100)
        child_error(errors, FIELD_INVALID, path, "weight",
                    weight ? value_get(preferred, ATOM_weight) : value_integer(0),
                    "must be in the range 1-100");
}

static void check_node_affinity(struct value a, path_t path, errors_t *errors)
{
    struct value required = value_get(a, ATOM_requiredDuringSchedulingIgnoredDuringExecution);
    struct value preferred = value_get(a, ATOM_preferredDuringSchedulingIgnoredDuringExecution);
    struct field_path here = path_child(path, "nodeAffinity"),
                      required_path =
                          path_child(&here, "requiredDuringSchedulingIgnoredDuringExecution"),
                      list = path_child(&here, "preferredDuringSchedulingIgnoredDuringExecution");
    if (value_is_present(required))
        validate_node_selector_terms(required, &required_path, errors);
    for (size_t i = 0; i < value_count(preferred); i++) {
        struct field_path item = path_index(&list, i), term = path_child(&item, "preference");
        check_weight(value_at(preferred, i), &item, errors);
        check_node_term(VALUE_GET(value_at(preferred, i), preference), &term, errors);
    }
}

static void check_pod_term(struct value term, path_t path, errors_t *errors)
{
    struct field_path selector = path_child(path, "labelSelector"),
                      namespaces = path_child(path, "namespaceSelector");
    struct value list = value_get(term, ATOM_namespaces);
    check_label_selector(errors, &selector, value_get(term, ATOM_labelSelector));
    check_label_selector(errors, &namespaces, value_get(term, ATOM_namespaceSelector));
    for (size_t i = 0; i < value_count(list); i++) {
        const char *why = name_dns_label(value_str(value_at(list, i)));
        if (why != NULL)
            child_error(errors, FIELD_INVALID, path, "namespace", value_at(list, i), "%s", why);
    }
    if (!text_is_set(value_get(term, ATOM_topologyKey)))
        child_error(errors, FIELD_REQUIRED, path, "topologyKey", VALUE_ABSENT, "can not be empty");
    else
        check_child_rule(errors, path, "topologyKey", value_get(term, ATOM_topologyKey),
                         name_label_key);
}

static void check_pod_affinity(struct value a, path_t path, errors_t *errors)
{
    struct value required = value_get(a, ATOM_requiredDuringSchedulingIgnoredDuringExecution);
    struct value preferred = value_get(a, ATOM_preferredDuringSchedulingIgnoredDuringExecution);
    struct field_path list = path_child(path, "requiredDuringSchedulingIgnoredDuringExecution"),
                      weighted =
                          path_child(path, "preferredDuringSchedulingIgnoredDuringExecution");
    for (size_t i = 0; i < value_count(required); i++) {
        struct field_path item = path_index(&list, i);
        check_pod_term(value_at(required, i), &item, errors);
    }
    for (size_t i = 0; i < value_count(preferred); i++) {
        struct field_path item = path_index(&weighted, i),
                          term = path_child(&item, "podAffinityTerm");
        check_weight(value_at(preferred, i), &item, errors);
        check_pod_term(VALUE_GET(value_at(preferred, i), podAffinityTerm), &term, errors);
    }
}

static void check_affinity(struct value affinity, path_t path, errors_t *errors)
{
    struct field_path with = path_child(path, "podAffinity"),
                      against = path_child(path, "podAntiAffinity");
    if (!value_is_present(affinity))
        return;
    check_node_affinity(value_get(affinity, ATOM_nodeAffinity), path, errors);
    check_pod_affinity(value_get(affinity, ATOM_podAffinity), &with, errors);
    check_pod_affinity(value_get(affinity, ATOM_podAntiAffinity), &against, errors);
}

/* ---- topology spread constraints ---- */

static bool is_repeated_constraint(struct value list, size_t index)
{
    struct value mine = value_at(list, index);
    for (size_t i = 0; i < index; i++) {
        struct value other = value_at(list, i);
        if (value_equal(value_get(other, ATOM_topologyKey), value_get(mine, ATOM_topologyKey)) &&
            value_equal(value_get(other, ATOM_whenUnsatisfiable),
                        value_get(mine, ATOM_whenUnsatisfiable)))
            return true;
    }
    return false;
}

static void check_spreading(struct value list, path_t path, errors_t *errors)
{
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(path, i), selector = path_child(&item, "labelSelector");
        struct value c = value_at(list, i), domains = value_get(c, ATOM_minDomains);
        int64_t skew = VALUE_INT(c, 0, maxSkew);
        if (skew <= 0)
            child_error(errors, FIELD_INVALID, &item, "maxSkew",
                        skew ? value_get(c, ATOM_maxSkew) : value_integer(0),
                        "must be greater than zero");
        if (!text_is_set(value_get(c, ATOM_topologyKey)))
            child_error(errors, FIELD_REQUIRED, &item, "topologyKey", VALUE_ABSENT,
                        "can not be empty");
        check_optional_choice(errors, &item, "whenUnsatisfiable",
                              value_get(c, ATOM_whenUnsatisfiable), "DoNotSchedule|ScheduleAnyway");
        if (is_repeated_constraint(list, i)) {
            AUTO(value)
            struct value text = value_printf("{%.*s, %.*s}", STR_ARG(VALUE_STR(c, topologyKey)),
                                             STR_ARG(VALUE_STR(c, whenUnsatisfiable)));
            child_error(errors, FIELD_DUPLICATE, &item, "{topologyKey, whenUnsatisfiable}", text,
                        NO_DETAIL);
        }
        if (value_is_present(domains) && value_as_integer(domains, 0) <= 0)
            child_error(errors, FIELD_INVALID, &item, "minDomains", domains,
                        "must be greater than zero");
        check_optional_choice(errors, &item, "nodeAffinityPolicy",
                              value_get(c, ATOM_nodeAffinityPolicy), "Honor|Ignore");
        check_optional_choice(errors, &item, "nodeTaintsPolicy",
                              value_get(c, ATOM_nodeTaintsPolicy), "Honor|Ignore");
        check_label_selector(errors, &selector, value_get(c, ATOM_labelSelector));
    }
}
