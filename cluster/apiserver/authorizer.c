/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication and RBAC (authorizer.h).
 *
 * Authentication: a client certificate's common name and organisations; a bearer token of the token
 * table or of a service account (the account must exist with the uid in the token); nobody at all
 * is system:anonymous. Everybody known is in system:authenticated besides.
 *
 * RBAC: "permissions are purely additive (there are no deny rules)". A rule covers a request when
 * one of its verbs, API groups and resources (or resource/subresource, or * / subresource) matches
 * and its names, if any, hold the name. What a user may do is the sum over the ClusterRoleBindings,
 * and over the RoleBindings of the namespace, that have the user, one of the groups or the service
 * account among their subjects; a RoleBinding may refer to a ClusterRole.
 *
 * Cost. A user's rules are collected when first needed after a change of any RBAC object
 * (watch_caches.rbac_generation). A rule without names that holds everywhere decides for all
 * namespaces and names; that outcome is kept as a bit by resource, subresource and verb, so that a
 * component's usual request costs one load.
 *
 * DEVIATION: service account tokens are neither signed nor bound to a pod, and do not expire.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/{authentication,rbac}/
 */
#include "cluster/apiserver/authorizer.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/server.h"

#define TOKEN_PREFIX "wavetank."

static void collect_grants(struct apiserver *s, struct user *u);
static bool subject_is(struct value subject, const struct user *u, struct str binding_namespace);

void authorizer_init(struct apiserver *s)
{
    struct str masters = S("system:masters");
    s->authorizer.own = user_make(S("system:apiserver"), &masters, 1, S(""));
}

void authorizer_release(struct apiserver *s)
{
    user_unref(s->authorizer.own);
    mem_free(s->authorizer.node_decided);
    mem_free(s->authorizer.node_allowed);
}

/* ---- who ---- */

/* Who wrote is read in the changes log when this server may be long gone. The table of keys has one
 * copy of each text; the reference is kept for good, under a row that has no stored objects. */
static struct str name_for_ever(struct str name)
{
    return object_key_of(resource_get(RESOURCE_selfsubjectreviews), S(""), name)->name;
}

struct user *user_make(struct str name, const struct str *groups, size_t group_count,
                       struct str uid)
{
    struct user *u = mem_new(struct user);
    u->references = 1;
    u->name = mem_copy_string(name);
    u->name_size = name.size;
    u->uid = uid;
    u->groups = mem_array(char *, group_count + 1);
    for (size_t i = 0; i < group_count; i++)
        u->groups[u->group_count++] = mem_copy_string(groups[i]);
    struct str everybody = str_equal(name, S("system:anonymous")) ? S("system:unauthenticated")
                                                                  : S("system:authenticated");
    if (!user_is_in(u, everybody))
        u->groups[u->group_count++] = mem_copy_string(everybody);
    u->is_master = user_is_in(u, S("system:masters"));
    struct str node = S("system:node:");
    if (str_starts_with(name, node) && user_is_in(u, S("system:nodes")))
        u->node = u->name + node.size;
    u->by = name_for_ever(name);
    return u;
}

static struct user *user_of_token(struct apiserver *s, struct str token)
{
    for (size_t i = 0; i < s->flags.token_count; i++) {
        const struct apiserver_token *t = &s->flags.tokens[i];
        if (str_equal(t->token, token))
            return user_make(t->user, t->groups, t->group_count, t->uid);
    }
    if (!str_starts_with(token, S(TOKEN_PREFIX)))
        return NULL;
    struct str uid, rest = str_slice(token, strlen(TOKEN_PREFIX), token.size);
    struct str namespace = str_cut(rest, '.', &rest), name = rest;
    for (size_t i = rest.size; i > 0; i--) {
        if (rest.bytes[i - 1] == '.') {
            name = str_slice(rest, 0, i - 1);
            uid = str_slice(rest, i, rest.size);
            struct value account = watch_cache_find(s, RESOURCE_serviceaccounts, namespace, name);
            if (!str_equal(value_str(object_uid(account)), uid))
                return NULL;
            AUTO(text) struct text user = {0};
            AUTO(text) struct text group = {0};
            text_printf(&user, "system:serviceaccount:%.*s:%.*s", STR_ARG(namespace),
                        STR_ARG(name));
            text_printf(&group, "system:serviceaccounts:%.*s", STR_ARG(namespace));
            struct str groups[] = {S("system:serviceaccounts"), text_str(&group)};
            return user_make(text_str(&user), groups, ARRAY_COUNT(groups), S(""));
        }
    }
    return NULL;
}

struct user *authenticate(struct apiserver *s, const struct credential *credential)
{
    if (!credential || credential->kind == CREDENTIAL_ANONYMOUS)
        return user_make(S("system:anonymous"), NULL, 0, S(""));
    if (credential->kind == CREDENTIAL_CERTIFICATE)
        return user_make(credential->user, credential->groups, credential->group_count, S(""));
    return user_of_token(s, credential->token);
}

struct value service_account_token(struct str namespace, struct str name, struct str uid)
{
    return value_printf(TOKEN_PREFIX "%.*s.%.*s.%.*s", STR_ARG(namespace), STR_ARG(name),
                        STR_ARG(uid));
}

struct user *user_ref(struct user *u)
{
    u->references++;
    return u;
}

static void grants_clear(struct user *u)
{
    for (size_t i = 0; i < u->grants.count; i++) {
        value_drop(u->grants.items[i].rule);
        mem_free(u->grants.items[i].namespace);
    }
    vec_clear(&u->grants);
}

void user_unref(struct user *u)
{
    if (!u || --u->references > 0)
        return;
    grants_clear(u);
    vec_release(&u->grants);
    for (size_t i = 0; i < u->group_count; i++)
        mem_free(u->groups[i]);
    mem_free(u->groups);
    mem_free(u->name);
    mem_free(u->decided);
    mem_free(u->allowed);
    mem_free(u);
}

bool user_is_in(const struct user *u, struct str group)
{
    for (size_t i = 0; i < u->group_count; i++)
        if (str_equal(str_from(u->groups[i]), group))
            return true;
    return false;
}

/* ---- whether ---- */

bool authorize(struct apiserver *s, struct user *u, const struct attributes *a)
{
    if (u->is_master || s->flags.allow_all)
        return true;
    if (u->node && node_may(u->node, a))
        return true;
    if (u->generation != s->caches.rbac_generation || u->generation == 0)
        collect_grants(s, u);
    for (size_t i = 0; i < u->grants.count; i++) {
        const struct grant *g = &u->grants.items[i];
        if (g->namespace &&
            (a->namespace.size == 0 || !str_equal(str_from(g->namespace), a->namespace)))
            continue;
        if (rule_covers(g->rule, a))
            return true;
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
    if (u->generation != s->caches.rbac_generation || u->generation == 0)
        collect_grants(s, u);
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
        if (!g->namespace && value_count(VALUE_GET(g->rule, resourceNames)) == 0 &&
            rule_covers(g->rule, &a)) {
            u->allowed[at] |= bit;
            return true;
        }
    }
    return false;
}

void authorize_refusal(const struct user *u, const struct attributes *a, struct text *out)
{
    if (a->path.size > 0) {
        text_printf(out, "User \"%s\" cannot %.*s path \"%.*s\"", u->name, STR_ARG(a->verb),
                    STR_ARG(a->path));
        return;
    }
    text_printf(out, "User \"%s\" cannot %.*s resource \"%.*s", u->name, STR_ARG(a->verb),
                STR_ARG(a->resource));
    if (a->subresource.size > 0)
        text_printf(out, "/%.*s", STR_ARG(a->subresource));
    text_printf(out, "\" in API group \"%.*s\" ", STR_ARG(a->group));
    if (a->namespace.size > 0)
        text_printf(out, "in the namespace \"%.*s\"", STR_ARG(a->namespace));
    else
        text_add(out, S("at the cluster scope"));
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
    struct str name = VALUE_STR(subject, name);
    if (VALUE_IS(subject, "User", kind))
        return str_equal(name, user_name(u));
    if (VALUE_IS(subject, "Group", kind))
        return user_is_in(u, name);
    if (!VALUE_IS(subject, "ServiceAccount", kind))
        return false;
    struct str rest, prefix = S("system:serviceaccount:");
    if (!str_starts_with(user_name(u), prefix))
        return false;
    struct str namespace = VALUE_STR(subject, namespace);
    if (namespace.size == 0)
    namespace = binding_namespace;
    struct str own = str_cut(str_slice(user_name(u), prefix.size, u->name_size), ':', &rest);
    return namespace.size > 0 && str_equal(own, namespace) && str_equal(rest, name);
}

static void collect_from(struct apiserver *s, struct user *u, const struct etcd_kv *binding)
{
    struct value subjects = VALUE_GET(binding->value, subjects);
    bool is_meant = false;
    for (size_t i = 0; i < value_count(subjects) && !is_meant; i++)
        is_meant = subject_is(value_at(subjects, i), u, binding->key->namespace);
    if (!is_meant)
        return;
    struct value reference = VALUE_GET(binding->value, roleRef);
    struct str name = VALUE_STR(reference, name);
    struct value role = VALUE_IS(reference, "ClusterRole", kind)
                            ? watch_cache_find(s, RESOURCE_clusterroles, S(""), name)
                            : watch_cache_find(s, RESOURCE_roles, binding->key->namespace, name);
    struct value rules = VALUE_GET(role, rules);
    for (size_t i = 0; i < value_count(rules); i++) {
        struct grant g = {.rule = value_keep(value_at(rules, i))};
        if (binding->key->namespace.size > 0)
            g.namespace = mem_copy_string(binding->key->namespace);
        vec_push(&u->grants, g);
    }
}

static void collect_grants(struct apiserver *s, struct user *u)
{
    grants_clear(u);
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
