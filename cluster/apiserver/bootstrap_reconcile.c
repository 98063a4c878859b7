/* SPDX-License-Identifier: Apache-2.0
 *
 * Auto-reconciliation of the bootstrap policy: "At each start-up, the API server updates default
 * cluster roles with any missing permissions, and updates default cluster role bindings with any
 * missing subjects. [...] To opt out of this reconciliation, set the
 * rbac.authorization.kubernetes.io/autoupdate annotation on a default cluster role or default
 * cluster RoleBinding to false." [doc:rbac#auto-reconciliation]
 *
 * What has been added stays; what has been taken away comes back, one rule for each piece (verb,
 * group, resource, name) that is missing. Labels and annotations likewise.
 *
 * DEVIATION: a binding that somebody made anew with another role is left as it is; a real server
 * deletes it and makes its own.
 *
 * Upstream: plugin/pkg/auth/authorizer/rbac/..., component-helpers/auth/rbac/reconciliation.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/bootstrap.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/authorizer.h"

#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"

static bool is_covered(struct value rules, const struct attributes *piece)
{
    for (size_t i = 0; i < value_count(rules); i++)
        if (rule_covers(value_at(rules, i), piece))
            return true;
    return false;
}

static struct value one(struct str s)
{
    return value_append(VALUE_ABSENT, value_string(s));
}

/* A piece of a rule for resources, appended when nothing in the list covers it. */
static struct value resource_piece_add(struct value own_rules, struct str verb, struct str group,
                                       struct str resource, struct str name)
{
    struct str sub, plural = str_cut(resource, '/', &sub);
    const struct attributes piece = {
        .verb = verb, .group = group, .resource = plural, .subresource = sub, .name = name};
    if (is_covered(own_rules, &piece))
        return own_rules;
    return value_append(own_rules,
                        value_pack("{verbs: %v, apiGroups: %v, resources: %v, resourceNames: %v}",
                                   one(verb), one(group), one(resource),
                                   name.size > 0 ? one(name) : VALUE_ABSENT));
}

static struct value rule_add_missing(struct value own_rules, struct value rule)
{
    struct value verbs = VALUE_GET(rule, verbs), groups = VALUE_GET(rule, apiGroups),
                 resources = VALUE_GET(rule, resources), names = VALUE_GET(rule, resourceNames),
                 urls = VALUE_GET(rule, nonResourceURLs);
    for (size_t v = 0; v < value_count(verbs); v++) {
        struct str verb = value_str(value_at(verbs, v));
        for (size_t u = 0; u < value_count(urls); u++) {
            struct str path = value_str(value_at(urls, u));
            const struct attributes piece = {.verb = verb, .path = path};
            if (!is_covered(own_rules, &piece))
                own_rules = value_append(own_rules, value_pack("{verbs: %v, nonResourceURLs: %v}",
                                                               one(verb), one(path)));
        }
        for (size_t g = 0; g < value_count(groups); g++)
            for (size_t r = 0; r < value_count(resources); r++)
                for (size_t n = 0; n == 0 || n < value_count(names); n++)
                    own_rules = resource_piece_add(own_rules, verb, value_str(value_at(groups, g)),
                                                   value_str(value_at(resources, r)),
                                                   value_str(value_at(names, n)));
    }
    return own_rules;
}

/* Members that are missing. */
static struct value map_add_missing(struct value own_object, atom map, struct value expected)
{
    struct value wanted = value_get(VALUE_GET(expected, metadata), map);
    for (size_t i = 0; i < value_count(wanted); i++) {
        struct value metadata = value_keep(VALUE_GET(own_object, metadata));
        struct value now = value_keep(value_get(metadata, map));
        struct str key = value_key_at(wanted, i);
        if (value_is_present(value_get_key(now, key))) {
            value_drop(now);
            value_drop(metadata);
            continue;
        }
        now = value_set_key(value_is_present(now) ? now : value_object(), key,
                            value_keep(value_member_at(wanted, i)));
        own_object = value_set(own_object, ATOM_metadata, value_set(metadata, map, now));
    }
    return own_object;
}

/* Items that are missing, compared whole. */
static struct value list_add_missing(struct value own_list, struct value expected)
{
    for (size_t i = 0; i < value_count(expected); i++)
        if (!value_has_item(own_list, value_at(expected, i)))
            own_list = value_append(own_list, value_keep(value_at(expected, i)));
    return own_list;
}

struct value policy_reconcile(struct value existing, struct value expected)
{
    struct value out = value_keep(existing), rules = VALUE_GET(expected, rules),
                 subjects = VALUE_GET(expected, subjects),
                 selectors = VALUE_GET(expected, aggregationRule, clusterRoleSelectors);
    if (value_is(object_annotation(existing, S(AUTOUPDATE)), "false"))
        return out;
    out = map_add_missing(out, ATOM_labels, expected);
    out = map_add_missing(out, ATOM_annotations, expected);
    if (value_count(selectors) > 0) {
        struct value now = value_keep(VALUE_GET(out, aggregationRule, clusterRoleSelectors));
        out =
            VALUE_SET(out, list_add_missing(now, selectors), aggregationRule, clusterRoleSelectors);
    } else if (value_count(rules) > 0) {
        struct value now = value_keep(VALUE_GET(out, rules));
        for (size_t i = 0; i < value_count(rules); i++)
            now = rule_add_missing(now, value_at(rules, i));
        out = value_set(out, ATOM_rules, now);
    }
    bool is_same_role = value_equal(VALUE_GET(existing, roleRef), VALUE_GET(expected, roleRef));
    if (value_count(subjects) > 0 && is_same_role) {
        struct value now = value_keep(VALUE_GET(out, subjects));
        out = value_set(out, ATOM_subjects, list_add_missing(now, subjects));
    }
    return out;
}
