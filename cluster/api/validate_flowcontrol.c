/* SPDX-License-Identifier: Apache-2.0
 *
 * API priority and fairness: flow schemas (who asks for what, at which level) and priority levels.
 *
 * DEVIATION: the specs of the mandatory objects are not held fixed: those who change "exempt" or
 * "catch-all" are believed.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#define PRECEDENCE_MAX 10000
#define QUEUES_MAX 10000000
#define ENTROPY_BITS_MAX 60

/* ---- subjects ---- */

static void check_service_account(struct value subject, path_t parent, errors_t *errors)
{
    struct value account = VALUE_GET(subject, serviceAccount), name = VALUE_GET(account, name);
    struct value namespace = VALUE_GET(account, namespace);
    struct field_path path = path_child(parent, "serviceAccount");
    if (!value_is_present(account)) {
        field_error_at(errors, FIELD_REQUIRED, &path, VALUE_ABSENT,
                       "serviceAccount is required when subject kind is 'ServiceAccount'");
        return;
    }
    if (check_required(errors, &path, "name", name) && !value_is(name, "*"))
        check_child_rule(errors, &path, "name", name, name_dns_subdomain);
    if (text_is_set(namespace))
        check_child_rule(errors, &path, "namespace", namespace, name_dns_label);
    else
        child_error(errors, FIELD_REQUIRED, &path, "namespace", VALUE_ABSENT,
                    "must specify namespace for service account");
}

static const struct {
    const char *kind, *name;
    atom key;
} subjects[] = {{"User", "user", ATOM_user},
                {"Group", "group", ATOM_group},
                {"ServiceAccount", "serviceAccount", ATOM_serviceAccount}};

static void check_subject(struct value subject, path_t path, errors_t *errors)
{
    struct value kind = VALUE_GET(subject, kind);
    if (!is_one_of(kind, "Group|ServiceAccount|User")) {
        child_error(errors, FIELD_NOT_SUPPORTED, path, "kind",
                    value_is_present(kind) ? kind : value_string(S("")),
                    "supported values: \"Group\", \"ServiceAccount\", \"User\"");
        return;
    }
    if (value_is(kind, "ServiceAccount"))
        check_service_account(subject, path, errors);
    for (size_t i = 0; i < ARRAY_COUNT(subjects); i++) {
        struct value of_kind = value_get(subject, subjects[i].key);
        struct field_path at = path_child(path, subjects[i].name);
        if (!value_is(kind, subjects[i].kind)) {
            if (value_is_present(of_kind))
                field_error_at(errors, FIELD_FORBIDDEN, &at, VALUE_ABSENT,
                               "%s is forbidden when subject kind is not '%s'", subjects[i].name,
                               subjects[i].kind);
        } else if (!value_is(kind, "ServiceAccount")) {
            if (!value_is_present(of_kind))
                field_error_at(errors, FIELD_REQUIRED, &at, VALUE_ABSENT,
                               "%s is required when subject kind is '%s'", subjects[i].name,
                               subjects[i].kind);
            else
                check_required(errors, &at, "name", VALUE_GET(of_kind, name));
        }
    }
}

/* ---- rules ---- */

/* Not empty (`empty` says why not), and "*" alone. */
static void check_list(struct value list, const char *name, const char *empty, const char *others,
                       path_t path, errors_t *errors)
{
    if (value_count(list) == 0)
        child_error(errors, FIELD_REQUIRED, path, name, VALUE_ABSENT, "%s", empty);
    else if (value_count(list) > 1 && value_has_string(list, "*"))
        child_error(errors, FIELD_INVALID, path, name, list,
                    "if '*' is present, must not specify other %s", others);
}

static void check_verbs(struct value verbs, path_t path, errors_t *errors)
{
    static const char known[] =
        "*|create|delete|deletecollection|get|list|patch|proxy|update|watch";
    check_list(verbs, "verbs", "verbs must contain at least one value", "verbs", path, errors);
    if (value_has_string(verbs, "*"))
        return;
    for (size_t i = 0; i < value_count(verbs); i++) {
        if (is_one_of(value_at(verbs, i), known))
            continue;
        child_error(
            errors, FIELD_NOT_SUPPORTED, path, "verbs", verbs,
            "supported values: \"*\", \"create\", \"delete\", \"deletecollection\", \"get\", "
            "\"list\", \"patch\", \"proxy\", \"update\", \"watch\"");
        return;
    }
}

static void check_resource_rule(struct value rule, path_t path, errors_t *errors)
{
    struct value namespaces = VALUE_GET(rule, namespaces);
    struct field_path list = path_child(path, "namespaces");
    check_verbs(VALUE_GET(rule, verbs), path, errors);
    check_list(VALUE_GET(rule, apiGroups), "apiGroups",
               "resource rules must supply at least one api group", "api groups", path, errors);
    check_list(VALUE_GET(rule, resources), "resources",
               "resource rules must supply at least one resource", "resources", path, errors);
    if (value_count(namespaces) == 0 && !VALUE_BOOL_AT(rule, clusterScope))
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT,
                       "resource rules that are not cluster scoped must supply at least one "
                       "namespace");
    else if (value_count(namespaces) > 1 && value_has_string(namespaces, "*"))
        field_error_at(errors, FIELD_INVALID, &list, namespaces,
                       "if '*' is present, must not specify other namespaces");
    for (size_t i = 0; i < value_count(namespaces); i++) {
        struct field_path item = path_index(&list, i);
        const char *why = name_dns_label(value_str(value_at(namespaces, i)));
        if (why && !value_is(value_at(namespaces, i), "*"))
            field_error_at(errors, FIELD_INVALID, &item, value_at(namespaces, i),
                           "each member of this list must be '*' or a DNS-1123 label; %s", why);
    }
}

static void check_url(struct value url, path_t path, errors_t *errors)
{
    struct str s = value_str(url);
    const char *why = NULL;
    if (s.size == 0)
        why = "must not be empty";
    else if (str_equal(s, S("/")))
        why = NULL;
    else if (s.bytes[0] != '/')
        why = "must start with slash";
    else if (str_find(s, ' ') < s.size)
        why = "must not contain white-space";
    else if (str_contains(s, S("//")))
        why = "must not contain double slash";
    else if (str_find(s, '*') < s.size && str_find(s, '*') + 1 != s.size)
        why = "wildcard can only do suffix matching";
    if (why)
        field_error_at(errors, FIELD_INVALID, path, url, "%s", why);
}

static void check_path_rule(struct value rule, path_t path, errors_t *errors)
{
    struct value urls = VALUE_GET(rule, nonResourceURLs);
    struct field_path list = path_child(path, "nonResourceURLs");
    check_verbs(VALUE_GET(rule, verbs), path, errors);
    check_list(urls, "nonResourceURLs", "nonResourceURLs must contain at least one value",
               "non-resource URLs", path, errors);
    for (size_t i = 0; i < value_count(urls) && !value_has_string(urls, "*"); i++) {
        struct field_path item = path_index(&list, i);
        check_url(value_at(urls, i), &item, errors);
    }
}

static void check_rule_with_subjects(struct value rule, path_t path, errors_t *errors)
{
    struct value who = VALUE_GET(rule, subjects), resources = VALUE_GET(rule, resourceRules);
    struct value paths = VALUE_GET(rule, nonResourceRules);
    struct field_path who_path = path_child(path, "subjects"),
                      resource_path = path_child(path, "resourceRules"),
                      path_path = path_child(path, "nonResourceRules");
    if (value_count(who) == 0)
        field_error_at(errors, FIELD_REQUIRED, &who_path, VALUE_ABSENT,
                       "subjects must contain at least one value");
    for (size_t i = 0; i < value_count(who); i++) {
        struct field_path item = path_index(&who_path, i);
        check_subject(value_at(who, i), &item, errors);
    }
    if (value_count(resources) == 0 && value_count(paths) == 0)
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT,
                       "at least one of resourceRules and nonResourceRules has to be non-empty");
    for (size_t i = 0; i < value_count(resources); i++) {
        struct field_path item = path_index(&resource_path, i);
        check_resource_rule(value_at(resources, i), &item, errors);
    }
    for (size_t i = 0; i < value_count(paths); i++) {
        struct field_path item = path_index(&path_path, i);
        check_path_rule(value_at(paths, i), &item, errors);
    }
}

void validate_flow_schema(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), rules = VALUE_GET(spec, rules);
    struct value precedence = VALUE_GET(spec, matchingPrecedence);
    struct value level = VALUE_GET(spec, priorityLevelConfiguration, name);
    struct field_path path = path_child(NULL, "spec"), list = path_child(&path, "rules"),
                      method = path_child(&path, "distinguisherMethod"),
                      level_path = path_child(&path, "priorityLevelConfiguration");
    int64_t n = value_as_integer(precedence, 0);
    if (n <= 0)
        child_error(errors, FIELD_INVALID, &path, "matchingPrecedence", value_integer(n),
                    "must be a positive value");
    if (n > PRECEDENCE_MAX)
        child_error(errors, FIELD_INVALID, &path, "matchingPrecedence", precedence,
                    "must not be greater than %d", PRECEDENCE_MAX);
    if (n == 1 && !VALUE_IS(o, "exempt", metadata, name))
        child_error(errors, FIELD_INVALID, &path, "matchingPrecedence", precedence,
                    "only the schema named 'exempt' may have matchingPrecedence 1");
    if (value_is_present(VALUE_GET(spec, distinguisherMethod)))
        check_choice(errors, &method, "type", VALUE_GET(spec, distinguisherMethod, type),
                     "ByNamespace|ByUser");
    if (!text_is_set(level))
        child_error(errors, FIELD_REQUIRED, &level_path, "name", VALUE_ABSENT,
                    "must reference a priority level");
    else
        check_child_rule(errors, &level_path, "name", level, name_dns_subdomain);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path item = path_index(&list, i);
        check_rule_with_subjects(value_at(rules, i), &item, errors);
    }
}

/* ---- priority levels ---- */

static void check_percent(struct value percent, path_t path, errors_t *errors)
{
    int64_t n = value_as_integer(percent, 0);
    if (n < 0 || n > 100)
        child_error(errors, FIELD_INVALID, path, "lendablePercent", percent,
                    "must be between 0 and 100, inclusive");
}

static int bits_of(int64_t n)
{
    int bits = 0;
    for (; n > 0; n >>= 1)
        bits++;
    return bits;
}

static void check_queuing(struct value queuing, path_t path, errors_t *errors)
{
    int64_t queues = VALUE_INT(queuing, 0, queues), hand = VALUE_INT(queuing, 0, handSize);
    int64_t length = VALUE_INT(queuing, 0, queueLengthLimit);
    int bits = bits_of(queues - 1) * (int)(hand > 0 && hand < 64 ? hand : 0);
    if (length <= 0)
        child_error(errors, FIELD_INVALID, path, "queueLengthLimit", value_integer(length),
                    "must be positive");
    if (queues <= 0)
        child_error(errors, FIELD_INVALID, path, "queues", value_integer(queues),
                    "must be positive");
    else if (queues > QUEUES_MAX)
        child_error(errors, FIELD_INVALID, path, "queues", value_integer(queues),
                    "must not be greater than %d", QUEUES_MAX);
    if (hand <= 0)
        child_error(errors, FIELD_INVALID, path, "handSize", value_integer(hand),
                    "must be positive");
    else if (hand > queues)
        child_error(errors, FIELD_INVALID, path, "handSize", value_integer(hand),
                    "should not be greater than queues (%" PRId64 ")", queues);
    else if (bits > ENTROPY_BITS_MAX)
        child_error(errors, FIELD_INVALID, path, "handSize", value_integer(hand),
                    "required entropy bits of deckSize %" PRId64 " and handSize %" PRId64
                    " should not be greater than %d",
                    queues, hand, ENTROPY_BITS_MAX);
}

static void check_limited(struct value limited, path_t path, errors_t *errors)
{
    struct value response = VALUE_GET(limited, limitResponse), type = VALUE_GET(response, type);
    struct value queuing = VALUE_GET(response, queuing);
    struct value borrowing = VALUE_GET(limited, borrowingLimitPercent);
    struct field_path at = path_child(path, "limitResponse"), inner = path_child(&at, "queuing");
    if (VALUE_INT(limited, 0, nominalConcurrencyShares) < 0)
        child_error(errors, FIELD_INVALID, path, "nominalConcurrencyShares",
                    VALUE_GET(limited, nominalConcurrencyShares), "must be a non-negative integer");
    if (value_is(type, "Reject") && value_is_present(queuing))
        field_error_at(errors, FIELD_FORBIDDEN, &inner, VALUE_ABSENT,
                       "must be nil if limited.limitResponse.type is not Limited");
    else if (value_is(type, "Queue") && !value_is_present(queuing))
        field_error_at(errors, FIELD_REQUIRED, &inner, VALUE_ABSENT,
                       "must not be empty if limited.limitResponse.type is Limited");
    else if (value_is(type, "Queue"))
        check_queuing(queuing, &inner, errors);
    else if (!value_is(type, "Reject"))
        child_error(errors, FIELD_NOT_SUPPORTED, &at, "type",
                    value_is_present(type) ? type : value_string(S("")),
                    "supported values: \"Queue\", \"Reject\"");
    check_percent(VALUE_GET(limited, lendablePercent), path, errors);
    if (value_as_integer(borrowing, 0) < 0)
        child_error(errors, FIELD_INVALID, path, "borrowingLimitPercent", borrowing,
                    "if specified, must be a non-negative integer");
}

void validate_priority_level(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), type = VALUE_GET(spec, type);
    struct value limited = VALUE_GET(spec, limited), exempt = VALUE_GET(spec, exempt);
    struct field_path path = path_child(NULL, "spec"), limited_path = path_child(&path, "limited"),
                      exempt_path = path_child(&path, "exempt");
    if (VALUE_IS(o, "exempt", metadata, name) != value_is(type, "Exempt"))
        child_error(errors, FIELD_INVALID, &path, "type", type,
                    "must be 'Exempt' if and only if `name` is 'exempt'");
    if (value_is(type, "Exempt")) {
        if (value_is_present(limited))
            field_error_at(errors, FIELD_FORBIDDEN, &limited_path, VALUE_ABSENT,
                           "must be nil if the type is not Limited");
        if (VALUE_INT(exempt, 0, nominalConcurrencyShares) < 0)
            child_error(errors, FIELD_INVALID, &exempt_path, "nominalConcurrencyShares",
                        VALUE_GET(exempt, nominalConcurrencyShares),
                        "must be a non-negative integer");
        check_percent(VALUE_GET(exempt, lendablePercent), &exempt_path, errors);
    } else if (value_is(type, "Limited")) {
        if (value_is_present(exempt))
            field_error_at(errors, FIELD_FORBIDDEN, &exempt_path, VALUE_ABSENT,
                           "must be nil if the type is Limited");
        if (!value_is_present(limited))
            field_error_at(errors, FIELD_REQUIRED, &limited_path, VALUE_ABSENT,
                           "must not be empty when type is Limited");
        else
            check_limited(limited, &limited_path, errors);
    } else {
        child_error(errors, FIELD_NOT_SUPPORTED, &path, "type",
                    value_is_present(type) ? type : value_string(S("")),
                    "supported values: \"Exempt\", \"Limited\"");
    }
}
