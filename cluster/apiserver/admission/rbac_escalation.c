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
 * rule of the user's. What is not covered is listed per resource with its verbs, in the order of
 * the texts. Who sets an aggregationRule, which may gather anything, must hold everything. What
 * only changes owners or finalizers is the garbage collector's business and always allowed.
 *
 * Source:
 * kubernetes.io/docs/reference/access-authn-authz/rbac/
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"
#include "sim/base/sort.h"

/* What the user lacks of one resource (or path), with all verbs. */
struct lack {
    char *begin;       /* "{APIGroups:[\"\"], Resources:[\"pods\"], " */
    struct text verbs; /* "\"get\" \"list\"" */
};
struct lacks {
    VEC(struct lack) items;
};

static void lack_add(struct lacks *l, const struct text *begin, struct str verb, bool is_merged)
{
    struct lack *found = NULL;
    for (size_t i = 0; i < l->items.count && is_merged && !found; i++)
        if (str_equal(str_from(l->items.items[i].begin), text_str(begin)))
            found = &l->items.items[i];
    if (!found) {
        vec_push(&l->items, (struct lack){.begin = mem_copy_string(text_str(begin))});
        found = &l->items.items[l->items.count - 1];
    }
    if (found->verbs.size > 0)
        text_add_byte(&found->verbs, ' ');
    quote_add(verb, &found->verbs);
}

static void lacks_release(struct lacks *l)
{
    for (size_t i = 0; i < l->items.count; i++) {
        mem_free(l->items.items[i].begin);
        text_release(&l->items.items[i].verbs);
    }
    vec_release(&l->items);
}

static void part_add(struct text *out, const char *name, struct str value)
{
    text_printf(out, "%s:[", name);
    quote_add(value, out);
    text_add(out, S("], "));
}

/* ---- pieces ---- */

/* Does the user hold the piece, everywhere that the new role would reach? */
static bool holds(struct admission *a, struct attributes *piece)
{
    piece->namespace = a->namespace;
    return authorize(a->server, a->user, piece);
}

static void check_piece(struct admission *a, struct lacks *l, struct attributes *piece,
                        struct str resource)
{
    AUTO(text) struct text begin = {0};
    if (holds(a, piece))
        return;
    text_add_byte(&begin, '{');
    if (piece->path.size > 0) {
        part_add(&begin, "NonResourceURLs", piece->path);
    } else {
        part_add(&begin, "APIGroups", piece->group);
        part_add(&begin, "Resources", resource);
        if (piece->name.size > 0)
            part_add(&begin, "ResourceNames", piece->name);
    }
    lack_add(l, &begin, piece->verb, piece->path.size == 0);
}

static void check_paths(struct admission *a, struct lacks *l, struct value rule)
{
    struct value paths = VALUE_GET(rule, nonResourceURLs), verbs = VALUE_GET(rule, verbs);
    for (size_t p = 0; p < value_count(paths); p++)
        for (size_t v = 0; v < value_count(verbs); v++) {
            struct attributes piece = {.verb = value_str(value_at(verbs, v)),
                                       .path = value_str(value_at(paths, p))};
            check_piece(a, l, &piece, S(""));
        }
}

static void check_resource(struct admission *a, struct lacks *l, struct value rule,
                           struct str group, struct str resource)
{
    struct value verbs = VALUE_GET(rule, verbs), names = VALUE_GET(rule, resourceNames);
    struct str sub, plural = str_cut(resource, '/', &sub);
    for (size_t v = 0; v < value_count(verbs); v++)
        for (size_t n = 0; n == 0 || n < value_count(names); n++) {
            struct attributes piece = {.verb = value_str(value_at(verbs, v)),
                                       .group = group,
                                       .resource = plural,
                                       .subresource = sub,
                                       .name = value_str(value_at(names, n))};
            check_piece(a, l, &piece, resource);
        }
}

static void check_rule(struct admission *a, struct lacks *l, struct value rule)
{
    struct value groups = VALUE_GET(rule, apiGroups), resources = VALUE_GET(rule, resources);
    for (size_t g = 0; g < value_count(groups); g++)
        for (size_t r = 0; r < value_count(resources); r++)
            check_resource(a, l, rule, value_str(value_at(groups, g)),
                           value_str(value_at(resources, r)));
    check_paths(a, l, rule);
}

static int by_text(const void *a, const void *b, void *context)
{
    const char *const *x = a, *const *y = b;
    (void)context;
    return strcmp(*x, *y);
}

/* One line for each, sorted; the same line once. */
static void lacks_write(const struct lacks *l, struct text *out)
{
    char **lines = mem_array(char *, l->items.count);
    for (size_t i = 0; i < l->items.count; i++) {
        AUTO(text) struct text line = {0};
        text_printf(&line, "%sVerbs:[%s]}", l->items.items[i].begin,
                    text_c(&l->items.items[i].verbs));
        lines[i] = mem_copy_string(text_str(&line));
    }
    sort_stable(lines, l->items.count, sizeof(*lines), by_text, NULL);
    for (size_t i = 0; i < l->items.count; i++)
        if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
            text_printf(out, "\n%s", lines[i]);
    for (size_t i = 0; i < l->items.count; i++)
        mem_free(lines[i]);
    mem_free(lines);
}

static bool has_all(struct admission *a, struct value rules, struct text *ret_lacks)
{
    struct lacks l = {0};
    for (size_t i = 0; i < value_count(rules); i++)
        check_rule(a, &l, value_at(rules, i));
    bool is_held = l.items.count == 0;
    lacks_write(&l, ret_lacks);
    lacks_release(&l);
    return is_held;
}

static void refuse_unless_held(struct admission *a, struct value rules)
{
    AUTO(text) struct text missing = {0};
    AUTO(text) struct text why = {0};
    struct user *u = a->user;
    if (has_all(a, rules, &missing))
        return;
    text_add(&why, S("user "));
    quote_add(user_name(u), &why);
    text_add(&why, S(" (groups=["));
    for (size_t i = 0; i < u->group_count; i++) {
        if (i > 0)
            text_add_byte(&why, ' ');
        quote_add(str_from(u->groups[i]), &why);
    }
    text_printf(&why, "]) is attempting to grant RBAC permissions not currently held:%s",
                text_c(&missing));
    admission_refuse(a, text_str(&why));
}

/* ---- roles and bindings ---- */

static bool only_collector_fields_change(struct admission *a)
{
    static const atom allowed[] = {ATOM_ownerReferences, ATOM_finalizers, ATOM_managedFields,
                                   ATOM_resourceVersion, ATOM_generation};
    if (a->operation != ADMIT_UPDATE)
        return false;
    AUTO(value) struct value new = value_keep(a->object);
    struct value metadata = value_keep(VALUE_GET(new, metadata));
    for (size_t i = 0; i < ARRAY_COUNT(allowed); i++)
        metadata = value_set(metadata, allowed[i],
                             value_keep(value_get(VALUE_GET(a->old, metadata), allowed[i])));
    new = value_set(new, ATOM_metadata, metadata);
    return value_equal(new, a->old);
}

static void check_binding(struct admission *a)
{
    struct value reference = VALUE_GET(a->object, roleRef);
    bool is_cluster_role = VALUE_IS(reference, "ClusterRole", kind);
    struct str name = VALUE_STR(reference, name);
    struct attributes bind = {.verb = S("bind"),
                              .group = S("rbac.authorization.k8s.io"),
                              .resource = is_cluster_role ? S("clusterroles") : S("roles"),
                              .namespace = a->namespace,
                              .name = name};
    if (authorize(a->server, a->user, &bind))
        return;
    struct value role = is_cluster_role
                            ? watch_cache_find(a->server, RESOURCE_clusterroles, S(""), name)
                            : watch_cache_find(a->server, RESOURCE_roles, a->namespace, name);
    if (value_is_present(role)) {
        refuse_unless_held(a, VALUE_GET(role, rules));
        return;
    }
    const struct resource missing = {.group = S("rbac.authorization.k8s.io"),
                                     .plural = is_cluster_role ? S("clusterrole") : S("role"),
                                     .qualified = is_cluster_role
                                                      ? S("clusterrole.rbac.authorization.k8s.io")
                                                      : S("role.rbac.authorization.k8s.io")};
    a->status = status_not_found(&missing, name);
}

static void check_role(struct admission *a)
{
    AUTO(text) struct text ignored = {0};
    struct attributes escalate = {.verb = S("escalate"),
                                  .group = a->resource->group,
                                  .resource = a->resource->plural,
                                  .namespace = a->namespace,
                                  .name = a->name};
    bool gathers = value_is_present(VALUE_GET(a->object, aggregationRule)) ||
                   value_is_present(VALUE_GET(a->old, aggregationRule));
    if (authorize(a->server, a->user, &escalate))
        return;
    refuse_unless_held(a, VALUE_GET(a->object, rules));
    if (value_is_present(a->status) || !gathers)
        return;
    AUTO(value)
    struct value everything =
        value_pack("[{verbs: [\"*\"], apiGroups: [\"*\"], resources: [\"*\"]}, {verbs: [\"*\"], "
                   "nonResourceURLs: [\"*\"]}]");
    if (!has_all(a, everything, &ignored))
        admission_refuse(a, S("must have cluster-admin privileges to use the aggregationRule"));
}

static void check(struct admission *a)
{
    if (!str_equal(a->resource->group, S("rbac.authorization.k8s.io")) || a->user->is_master ||
        only_collector_fields_change(a))
        return;
    if (str_ends_with(a->resource->kind, S("Binding")))
        check_binding(a);
    else
        check_role(a);
}

const struct admission_plugin admission_rbac_escalation = {
    .name = "RBACEscalation",
    .resource = ADMIT_EVERY_RESOURCE,
    .operations = ADMIT_ON(ADMIT_CREATE) | ADMIT_ON(ADMIT_UPDATE),
    .validate = check,
};
