/* SPDX-License-Identifier: Apache-2.0
 *
 * RBAC (authorizer.h): "permissions are purely additive (there are no deny rules)". A rule covers a
 * request when one of its verbs, API groups and resources (or resource/subresource, or * /
 * subresource) matches and its names, if any, hold the name. What a user may do is the sum over the
 * ClusterRoleBindings, and over the RoleBindings of the namespace, that have the user, one of the
 * groups or the service account among their subjects; a RoleBinding may refer to a ClusterRole.
 *
 * Cost. A user's rules are collected when first needed after a change of any RBAC object
 * (watch_caches.rbac_generation). A rule without names that holds everywhere decides for all
 * namespaces and names; that outcome is kept as a bit by resource, subresource and verb, so that a
 * component's usual request costs one load.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/{authorization,rbac}/; the reasons are
 * those of plugin/pkg/auth/authorizer/rbac.
 */
#include "cluster/apiserver/authorizer.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/server.h"

static bool subject_is(struct value subject, const struct user *u, struct str binding_namespace);

void authorizer_init(struct apiserver *s)
{
    struct str masters = S("system:masters");
    s->authorizer.own = user_make(
        &(struct user_facts){.name = S("system:apiserver"), .groups = &masters, .group_count = 1});
}

void authorizer_release(struct apiserver *s)
{
    user_unref(s->authorizer.own);
    mem_free(s->authorizer.node_decided);
    mem_free(s->authorizer.node_allowed);
    node_graph_release(s);
}

/* ---- whether ---- */

bool authorize(struct apiserver *s, struct user *u, const struct attributes *a)
{
    return authorize_reason(s, u, a, NULL);
}

/* `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to User "z"` */
static void allowed_by(const struct grant *g, struct text *out)
{
    struct value metadata = value_get(g->binding, ATOM_metadata),
                 role = VALUE_GET(g->binding, roleRef);
    text_printf(out, "RBAC: allowed by %s \"%.*s",
                g->namespace ? "RoleBinding" : "ClusterRoleBinding",
                STR_ARG(VALUE_STR(metadata, name)));
    if (g->namespace)
        text_printf(out, "/%s", g->namespace);
    text_printf(out, "\" of %.*s \"%.*s\" to %.*s \"%.*s", STR_ARG(VALUE_STR(role, kind)),
                STR_ARG(VALUE_STR(role, name)), STR_ARG(VALUE_STR(g->subject, kind)),
                STR_ARG(VALUE_STR(g->subject, name)));
    if (VALUE_IS(g->subject, "ServiceAccount", kind)) {
        struct str namespace = VALUE_STR(g->subject, namespace);
        text_printf(out, "/%.*s",
                    STR_ARG(namespace.size > 0 ? namespace
                            : g->namespace     ? str_from(g->namespace)
                                               : S("")));
    }
    text_add_byte(out, '"');
}

/* One line each: what no authorizer allows has the reasons of all. */
static void reason_add(struct text *reason, struct str more)
{
    if (reason->size > 0 && more.size > 0)
        text_add_byte(reason, '\n');
    text_add(reason, more);
}

/* A role that a binding names and that is not there. */
static void role_missing(const struct grant *g, struct text *errors, size_t *count)
{
    struct value role = VALUE_GET(g->binding, roleRef);
    AUTO(text) struct text one = {0};
    text_printf(&one, "%s.rbac.authorization.k8s.io \"%.*s\" not found",
                VALUE_IS(role, "ClusterRole", kind) ? "clusterrole" : "role",
                STR_ARG(VALUE_STR(role, name)));
    if (str_contains(text_str(errors), text_str(&one)))
        return;
    if (*count > 0)
        text_add(errors, S(", "));
    text_add(errors, text_str(&one));
    (*count)++;
}

bool authorize_reason(struct apiserver *s, struct user *u, const struct attributes *a,
                      struct text *reason)
{
    AUTO(text) struct text errors = {0};
    size_t error_count = 0;
    if (u->is_master || s->flags.allow_all)
        return true;
    if (u->node && node_may(s, u->node, a, reason))
        return true;
    authorizer_collect(s, u);
    for (size_t i = 0; i < u->grants.count; i++) {
        const struct grant *g = &u->grants.items[i];
        if (g->namespace &&
            (a->namespace.size == 0 || !str_equal(str_from(g->namespace), a->namespace)))
            continue;
        if (!value_is_present(g->rule)) {
            if (reason)
                role_missing(g, &errors, &error_count);
        } else if (rule_covers(g->rule, a)) {
            if (reason) {
                text_clear(reason);
                allowed_by(g, reason);
            }
            return true;
        }
    }
    if (error_count > 0) {
        AUTO(text) struct text line = {0};
        text_printf(&line, error_count > 1 ? "RBAC: [%s]" : "RBAC: %s", text_c(&errors));
        reason_add(reason, text_str(&line));
    }
    return false;
}

/* Heartbeats and statuses of thousands of kubelets. */
static bool node_quickly(struct apiserver *s, const struct user *u, const struct request *r)
{
    struct authorizer *a = &s->authorizer;
    if (r->resource == resource_get(RESOURCE_leases))
        return r->key && (r->verb == VERB_GET || r->verb == VERB_UPDATE) &&
               str_equal(r->key->name, str_from(u->node)) &&
               str_equal(r->key->namespace, S("kube-node-lease"));
    if (!a->node_decided) {
        a->node_decided = mem_array(uint8_t, resource_count() * SUBRESOURCE_COUNT);
        a->node_allowed = mem_array(uint8_t, resource_count() * SUBRESOURCE_COUNT);
    }
    size_t at = (size_t)r->resource->index * SUBRESOURCE_COUNT + (size_t)r->subresource;
    uint8_t bit = (uint8_t)(1u << r->verb);
    if (!(a->node_decided[at] & bit)) {
        struct attributes asked = {.verb = str_from(verb_text(r->verb)),
                                   .group = r->resource->group,
                                   .resource = r->resource->plural,
                                   .subresource = str_from(subresource_text(r->subresource))};
        a->node_decided[at] |= bit;
        if (node_may_any(&asked))
            a->node_allowed[at] |= bit;
    }
    return (a->node_allowed[at] & bit) != 0;
}

bool authorize_quickly(struct apiserver *s, struct user *u, const struct request *r)
{
    if (u->is_master || s->flags.allow_all)
        return true;
    if (resource_is_custom(r->resource))
        return false; /* kept for constant rows alone */
    if (u->node)
        return node_quickly(s, u, r);
    authorizer_collect(s, u);
    if (!u->decided) {
        u->decided = mem_array(uint8_t, resource_count() * SUBRESOURCE_COUNT);
        u->allowed = mem_array(uint8_t, resource_count() * SUBRESOURCE_COUNT);
    }
    size_t at = (size_t)r->resource->index * SUBRESOURCE_COUNT + (size_t)r->subresource;
    uint8_t bit = (uint8_t)(1u << r->verb);
    if (u->decided[at] & bit)
        return (u->allowed[at] & bit) != 0;
    u->decided[at] |= bit;
    struct attributes a = {.verb = str_from(verb_text(r->verb)),
                           .group = r->resource->group,
                           .resource = r->resource->plural,
                           .subresource = str_from(subresource_text(r->subresource))};
    for (size_t i = 0; i < u->grants.count; i++) {
        const struct grant *g = &u->grants.items[i];
        if (!g->namespace && value_is_present(g->rule) &&
            value_count(VALUE_GET(g->rule, resourceNames)) == 0 && rule_covers(g->rule, &a)) {
            u->allowed[at] |= bit;
            return true;
        }
    }
    return false;
}

/* In quotes, and nothing in it that could pass for HTML. */
static void quoted(struct str s, struct text *out)
{
    AUTO(text) struct text plain = {0};
    quote_add(s, &plain);
    struct str rest = text_str(&plain);
    for (size_t i = 0; i < rest.size; i++) {
        const char *word = rest.bytes[i] == '&'   ? "&amp;"
                           : rest.bytes[i] == '<' ? "&lt;"
                           : rest.bytes[i] == '>' ? "&gt;"
                                                  : NULL;
        if (word)
            text_add(out, str_from(word));
        else
            text_add_byte(out, rest.bytes[i]);
    }
}

void authorize_refusal(const struct user *u, const struct attributes *a, struct str reason,
                       struct text *out)
{
    AUTO(text) struct text resource = {0};
    text_add(out, S("User "));
    quoted(user_name(u), out);
    text_printf(out, " cannot %.*s ", STR_ARG(a->verb));
    if (a->path.size > 0) {
        text_add(out, S("path "));
        quoted(a->path, out);
    } else {
        text_add(&resource, a->resource);
        if (a->subresource.size > 0)
            text_printf(&resource, "/%.*s", STR_ARG(a->subresource));
        text_add(out, S("resource "));
        quoted(text_str(&resource), out);
        text_add(out, S(" in API group "));
        quoted(a->group, out);
        text_add(out, a->namespace.size > 0 ? S(" in the namespace ") : S(" at the cluster scope"));
        if (a->namespace.size > 0)
            quoted(a->namespace, out);
    }
    if (reason.size > 0)
        text_printf(out, ": %.*s", STR_ARG(reason));
}

struct value authorize_forbidden(const struct user *u, const struct attributes *a,
                                 struct str reason)
{
    AUTO(text) struct text qualified = {0};
    AUTO(text) struct text why = {0};
    authorize_refusal(u, a, reason, &why);
    if (a->path.size > 0)
        return status_forbidden(NULL, S(""), text_str(&why));
    text_add(&qualified, a->resource);
    if (a->group.size > 0)
        text_printf(&qualified, ".%.*s", STR_ARG(a->group));
    const struct resource r = {
        .group = a->group, .plural = a->resource, .qualified = text_str(&qualified)};
    return status_forbidden(&r, a->name, text_str(&why));
}

static bool list_has(struct value list, struct str wanted, struct str wildcard)
{
    for (size_t i = 0; i < value_count(list); i++) {
        struct str s = value_str(value_at(list, i));
        if (str_equal(s, wanted) || (wildcard.size > 0 && str_equal(s, wildcard)))
            return true;
    }
    return false;
}

static bool resource_is_covered(struct value resources, const struct attributes *a)
{
    for (size_t i = 0; i < value_count(resources); i++) {
        struct str sub, item = value_str(value_at(resources, i));
        if (str_equal(item, S("*")))
            return true;
        bool has_slash = str_find(item, '/') < item.size;
        struct str plural = str_cut(item, '/', &sub);
        if (!has_slash) {
            if (a->subresource.size == 0 && str_equal(plural, a->resource))
                return true;
        } else if (a->subresource.size > 0 && str_equal(sub, a->subresource) &&
                   (str_equal(plural, S("*")) || str_equal(plural, a->resource))) {
            return true;
        }
    }
    return false;
}

static bool path_is_covered(struct value paths, struct str path)
{
    for (size_t i = 0; i < value_count(paths); i++) {
        struct str s = value_str(value_at(paths, i));
        if (str_equal(s, path))
            return true;
        if (s.size > 0 && s.bytes[s.size - 1] == '*' &&
            str_starts_with(path, str_slice(s, 0, s.size - 1)))
            return true;
    }
    return false;
}

bool rule_covers(struct value rule, const struct attributes *a)
{
    if (!list_has(VALUE_GET(rule, verbs), a->verb, S("*")))
        return false;
    if (a->path.size > 0)
        return path_is_covered(VALUE_GET(rule, nonResourceURLs), a->path);
    struct value names = VALUE_GET(rule, resourceNames);
    return list_has(VALUE_GET(rule, apiGroups), a->group, S("*")) &&
           resource_is_covered(VALUE_GET(rule, resources), a) &&
           (value_count(names) == 0 || list_has(names, a->name, S("")));
}

/* ---- collecting ---- */

static bool subject_is(struct value subject, const struct user *u, struct str binding_namespace)
{
    struct str own, rest, name = VALUE_STR(subject, name);
    if (VALUE_IS(subject, "User", kind))
        return str_equal(name, user_name(u));
    if (VALUE_IS(subject, "Group", kind))
        return user_is_in(u, name);
    if (!VALUE_IS(subject, "ServiceAccount", kind))
        return false;
    if (!service_account_of(user_name(u), &own, &rest))
        return false;
    struct str namespace = VALUE_STR(subject, namespace);
    if (namespace.size == 0)
    namespace = binding_namespace;
    return namespace.size > 0 && str_equal(own, namespace) && str_equal(rest, name);
}

static void collect_from(struct apiserver *s, struct user *u, const struct etcd_kv *binding)
{
    struct value subjects = VALUE_GET(binding->value, subjects);
    size_t meant = 0;
    while (meant < value_count(subjects) &&
           !subject_is(value_at(subjects, meant), u, binding->key->namespace))
        meant++;
    if (meant == value_count(subjects))
        return;
    struct value reference = VALUE_GET(binding->value, roleRef);
    struct str name = VALUE_STR(reference, name);
    struct value role = VALUE_IS(reference, "ClusterRole", kind)
                            ? watch_cache_find(s, RESOURCE_clusterroles, S(""), name)
                            : watch_cache_find(s, RESOURCE_roles, binding->key->namespace, name);
    struct value rules = VALUE_GET(role, rules);
    for (size_t i = 0; i < value_count(rules) || (i == 0 && !value_is_present(role)); i++) {
        struct grant g = {.rule = value_keep(value_at(rules, i)),
                          .binding = value_keep(binding->value),
                          .subject = value_keep(value_at(subjects, meant))};
        if (binding->key->namespace.size > 0)
            g.namespace = mem_copy_string(binding->key->namespace);
        vec_push(&u->grants, g);
    }
}

void authorizer_forget(struct user *u)
{
    for (size_t i = 0; i < u->grants.count; i++) {
        value_drop(u->grants.items[i].rule);
        value_drop(u->grants.items[i].binding);
        value_drop(u->grants.items[i].subject);
        mem_free(u->grants.items[i].namespace);
    }
    vec_clear(&u->grants);
}

void authorizer_collect(struct apiserver *s, struct user *u)
{
    if (u->generation == s->caches.rbac_generation && u->generation != 0)
        return;
    authorizer_forget(u);
    u->generation = s->caches.rbac_generation;
    if (u->decided) {
        memset(u->decided, 0, resource_count() * SUBRESOURCE_COUNT);
        memset(u->allowed, 0, resource_count() * SUBRESOURCE_COUNT);
    }
    static const enum resource_known bindings[] = {RESOURCE_clusterrolebindings,
                                                   RESOURCE_rolebindings};
    for (size_t b = 0; b < ARRAY_COUNT(bindings); b++)
        for (struct cache_cursor k = watch_cache_of_known(s, bindings[b], S("")); k.kv;
             watch_cache_next(&k))
            collect_from(s, u, k.kv);
}
