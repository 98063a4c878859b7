/* SPDX-License-Identifier: Apache-2.0
 *
 * Privilege escalation prevention: "you can only create/update a role if you already have all the
 * permissions contained in the role [or] are granted explicit permission to perform the escalate
 * verb"; and a binding only with all permissions of its role, or the verb bind on it.
 *
 * Upstream this is part of the registry of RBAC objects (policybased storage), not an admission
 * plugin; it stands here because it is a check of the same shape at nearly the same place of the
 * pipeline.
 *
 * Each rule is broken into verb, group, resource and name; each such piece must be covered by one
 * rule of the user's. What is not covered is listed per resource with its verbs.
 *
 * Source:
 * kubernetes.io/docs/reference/access-authn-authz/rbac/
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"

/* Does the user hold the whole piece, everywhere that the new role would reach? */
static bool holds(struct admission *a, struct user *u, struct attributes *piece)
{
    piece->namespace = a->namespace;
    return authorize(a->server, u, piece);
}

static void add_missing(struct text *out, struct str group, struct str resource, struct str name,
                        struct text *verbs)
{
    if (verbs->size == 0)
        return;
    text_printf(out, "\n{APIGroups:[\"%.*s\"], Resources:[\"%.*s\"], ", STR_ARG(group),
                STR_ARG(resource));
    if (name.size > 0)
        text_printf(out, "ResourceNames:[\"%.*s\"], ", STR_ARG(name));
    text_printf(out, "Verbs:[%s]}", text_c(verbs));
}

static void check_resource(struct admission *a, struct user *u, struct value rule, struct str group,
                           struct str resource, struct str name, struct text *out)
{
    AUTO(text) struct text verbs = {0};
    struct value list = VALUE_GET(rule, verbs);
    struct str sub, plural = str_cut(resource, '/', &sub);
    for (size_t i = 0; i < value_count(list); i++) {
        struct str verb = value_str(value_at(list, i));
        struct attributes piece = {
            .verb = verb, .group = group, .resource = plural, .subresource = sub, .name = name};
        if (!holds(a, u, &piece))
            text_printf(&verbs, "%s\"%.*s\"", verbs.size > 0 ? " " : "", STR_ARG(verb));
    }
    add_missing(out, group, resource, name, &verbs);
}

static void check_paths(struct admission *a, struct user *u, struct value rule, struct text *out)
{
    struct value paths = VALUE_GET(rule, nonResourceURLs), verbs = VALUE_GET(rule, verbs);
    for (size_t p = 0; p < value_count(paths); p++) {
        struct str path = value_str(value_at(paths, p));
        for (size_t v = 0; v < value_count(verbs); v++) {
            struct str verb = value_str(value_at(verbs, v));
            struct attributes piece = {.verb = verb, .path = path};
            if (!holds(a, u, &piece))
                text_printf(out, "\n{NonResourceURLs:[\"%.*s\"], Verbs:[\"%.*s\"]}", STR_ARG(path),
                            STR_ARG(verb));
        }
    }
}

static void check_rule(struct admission *a, struct user *u, struct value rule, struct text *out)
{
    struct value groups = VALUE_GET(rule, apiGroups), resources = VALUE_GET(rule, resources);
    struct value names = VALUE_GET(rule, resourceNames);
    check_paths(a, u, rule, out);
    for (size_t g = 0; g < value_count(groups); g++) {
        struct str group = value_str(value_at(groups, g));
        for (size_t r = 0; r < value_count(resources); r++) {
            struct str resource = value_str(value_at(resources, r));
            for (size_t n = 0; n == 0 || n < value_count(names); n++)
                check_resource(a, u, rule, group, resource, value_str(value_at(names, n)), out);
        }
    }
}

static void refuse_unless_held(struct admission *a, struct user *u, struct value rules)
{
    AUTO(text) struct text missing = {0};
    AUTO(text) struct text why = {0};
    for (size_t i = 0; i < value_count(rules); i++)
        check_rule(a, u, value_at(rules, i), &missing);
    if (missing.size == 0)
        return;
    text_printf(&why, "user \"%s\" (groups=[", u->name);
    for (size_t i = 0; i < u->group_count; i++)
        text_printf(&why, "%s\"%s\"", i > 0 ? " " : "", u->groups[i]);
    text_printf(&why, "]) is attempting to grant RBAC permissions not currently held:%s",
                text_c(&missing));
    admission_refuse(a, text_str(&why));
}

static void check_binding(struct admission *a, struct user *u)
{
    struct value reference = VALUE_GET(a->object, roleRef);
    if (a->operation == ADMIT_UPDATE &&
        value_equal(VALUE_GET(a->object, subjects), VALUE_GET(a->old, subjects)))
        return;
    bool is_cluster_role = VALUE_IS(reference, "ClusterRole", kind);
    struct str name = VALUE_STR(reference, name);
    struct attributes bind = {.verb = S("bind"),
                              .group = S("rbac.authorization.k8s.io"),
                              .resource = is_cluster_role ? S("clusterroles") : S("roles"),
                              .namespace = a->namespace,
                              .name = name};
    if (authorize(a->server, u, &bind))
        return;
    struct value role = is_cluster_role
                            ? watch_cache_find(a->server, RESOURCE_clusterroles, S(""), name)
                            : watch_cache_find(a->server, RESOURCE_roles, a->namespace, name);
    if (!value_is_present(role))
        a->status = status_not_found(
            resource_get(is_cluster_role ? RESOURCE_clusterroles : RESOURCE_roles), name);
    else
        refuse_unless_held(a, u, VALUE_GET(role, rules));
}

static void check(struct admission *a)
{
    struct user *u = a->user;
    if (!str_equal(a->resource->group, S("rbac.authorization.k8s.io")) || u->is_master)
        return;
    if (str_ends_with(a->resource->kind, S("Binding"))) {
        check_binding(a, u);
        return;
    }
    struct attributes escalate = {.verb = S("escalate"),
                                  .group = a->resource->group,
                                  .resource = a->resource->plural,
                                  .namespace = a->namespace,
                                  .name = a->name};
    if (a->operation == ADMIT_UPDATE &&
        value_equal(VALUE_GET(a->object, rules), VALUE_GET(a->old, rules)))
        return;
    if (!authorize(a->server, u, &escalate))
        refuse_unless_held(a, u, VALUE_GET(a->object, rules));
}

const struct admission_plugin admission_rbac_escalation = {
    .name = "RBACEscalation",
    .resource = ADMIT_EVERY_RESOURCE,
    .operations = ADMIT_ON(ADMIT_CREATE) | ADMIT_ON(ADMIT_UPDATE),
    .validate = check,
};
