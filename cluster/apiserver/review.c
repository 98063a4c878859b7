/* SPDX-License-Identifier: Apache-2.0
 *
 * Resources that are only answered and never stored: tokens of service accounts, and the reviews of
 * tokens and of access.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/{authorization,authentication}/ and
 * registry/{authentication,authorization}.
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/object.h"

#define TOKEN_SECONDS_DEFAULT 3600
#define TOKEN_SECONDS_MIN 600

/* ---- TokenRequest ---- */

static void token_make(struct call *c, struct step *step)
{
    if (!c->existing) {
        call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
        return;
    }
    struct value account = c->existing->value;
    int64_t seconds = VALUE_INT(c->request->body, TOKEN_SECONDS_DEFAULT, spec, expirationSeconds);
    struct str uid = VALUE_STR(account, metadata, uid);
    struct value status =
        value_pack("{token: %v, expirationTimestamp: %v}",
                   service_account_token(c->key->namespace, c->key->name, uid),
                   time_value((struct wall_time){step->wall.unix_ns + seconds * 1000000000}));
    struct value spec = value_keep(VALUE_GET(c->request->body, spec));
    spec = value_set(value_is_present(spec) ? spec : value_object(), ATOM_expirationSeconds,
                     value_integer(seconds));
    if (value_count(VALUE_GET(spec, audiences)) == 0)
        spec = value_set(spec, ATOM_audiences, value_pack("[\"https://kubernetes.default.svc\"]"));
    call_finish(c, step, 201,
                value_pack("{kind: TokenRequest, apiVersion: \"authentication.k8s.io/v1\", "
                           "metadata: {name: %S, namespace: %S, "
                           "creationTimestamp: %v}, spec: %v, status: %v}",
                           c->key->name, c->key->namespace, time_value(step->wall), spec, status));
}

void token_request(struct call *c, struct step *step)
{
    struct value seconds = VALUE_GET(c->request->body, spec, expirationSeconds);
    if (value_kind(seconds) == VALUE_INTEGER && value_as_integer(seconds, 0) < TOKEN_SECONDS_MIN) {
        const struct resource kind = {.group = S("authentication.k8s.io"),
                                      .kind = S("TokenRequest")};
        struct field_errors errors = {0};
        field_error_add(&errors, FIELD_INVALID, S("spec.expirationSeconds"), seconds,
                        "may not specify a duration less than 10 minutes");
        struct value status = status_invalid(&kind, S(""), &errors);
        field_errors_release(&errors);
        call_refuse(c, step, status);
        return;
    }
    registry_load(c, step, token_make);
}

/* ---- reviews ---- */

static void answer(struct call *c, struct step *step, struct value own_status)
{
    const struct resource *r = c->request->resource;
    struct value body = value_keep(c->request->body);
    body = value_set(body, ATOM_kind, value_string(r->kind));
    body = value_set(body, ATOM_apiVersion, value_string(r->group_version));
    if (!value_is_present(VALUE_GET(body, metadata)))
        body = value_set(body, ATOM_metadata, value_object());
    call_finish(c, step, 201, value_set(body, ATOM_status, own_status));
}

static struct value user_info(const struct user *u)
{
    struct value groups = value_array();
    for (size_t i = 0; i < u->group_count; i++)
        groups = value_append(groups, value_string(str_from(u->groups[i])));
    struct value info = value_pack("{username: %S, groups: %v}", user_name(u), groups);
    return u->uid.size > 0 ? value_set(info, ATOM_uid, value_string(u->uid)) : info;
}

struct value csr_name_requester(struct call *c, struct value own_object)
{
    struct value info = user_info(c->user), spec = value_keep(VALUE_GET(own_object, spec));
    if (!value_is_present(spec))
        spec = value_object();
    spec = value_set(spec, ATOM_username, value_keep(value_get(info, ATOM_username)));
    spec = value_set(spec, ATOM_groups, value_keep(value_get(info, ATOM_groups)));
    spec = value_set(spec, ATOM_uid, value_keep(value_get(info, ATOM_uid)));
    value_drop(info);
    return value_set(own_object, ATOM_spec, value_set(spec, ATOM_extra, VALUE_ABSENT));
}

/* Alone among the reviews, this one gets a time of creation. */
static void identity_review(struct call *c, struct step *step)
{
    call_finish(
        c, step, 201,
        value_pack("{kind: SelfSubjectReview, apiVersion: %S, metadata: {creationTimestamp: "
                   "%v}, status: {userInfo: %v}}",
                   c->request->resource->group_version, time_value(step->wall),
                   user_info(c->user)));
}

static void token_review(struct call *c, struct step *step)
{
    const struct credential *token = credential_token(VALUE_STR(c->request->body, spec, token));
    struct user *u = authenticate(c->server, token);
    credential_unref(token);
    if (u)
        answer(c, step,
               value_pack("{authenticated: true, user: %v, audiences: "
                          "[\"https://kubernetes.default.svc\"]}",
                          user_info(u)));
    else
        answer(c, step, value_pack("{user: {}, error: \"invalid bearer token\"}"));
    user_unref(u);
}

static void access_review(struct call *c, struct step *step, struct user *u)
{
    struct value spec = VALUE_GET(c->request->body, spec),
                 asked = VALUE_GET(spec, resourceAttributes);
    struct attributes a = {0};
    if (value_is_present(asked)) {
        a.verb = VALUE_STR(asked, verb);
        a.group = VALUE_STR(asked, group);
        a.resource = VALUE_STR(asked, resource);
        a.subresource = VALUE_STR(asked, subresource);
        a.namespace = VALUE_STR(asked, namespace);
        a.name = VALUE_STR(asked, name);
        answer(c, step,
               authorize(c->server, u, &a) ? value_pack("{allowed: true}")
                                           : value_pack("{allowed: false}"));
        return;
    }
    struct value path = VALUE_GET(spec, nonResourceAttributes);
    a.verb = VALUE_STR(path, verb);
    a.path = VALUE_STR(path, path);
    answer(c, step,
           a.path.size > 0 && authorize(c->server, u, &a) ? value_pack("{allowed: true}")
                                                          : value_pack("{allowed: false}"));
}

static struct user *reviewed_user(struct call *c)
{
    struct value spec = VALUE_GET(c->request->body, spec), groups = VALUE_GET(spec, groups);
    size_t count = value_count(groups);
    struct str *list = mem_array(struct str, count + 1);
    for (size_t i = 0; i < count; i++)
        list[i] = (struct str){mem_copy_string(value_str(value_at(groups, i))),
                               value_str(value_at(groups, i)).size};
    struct user *u = user_make(VALUE_STR(spec, user), list, count, S(""));
    for (size_t i = 0; i < count; i++)
        mem_free((void *)(uintptr_t)list[i].bytes);
    mem_free(list);
    return u;
}

/* Everything that RBAC grants the caller in a namespace, one entry per rule. */
static void rules_review(struct call *c, struct step *step)
{
    struct str namespace = VALUE_STR(c->request->body, spec, namespace);
    struct attributes none = {.verb = S("get"), .path = S("/")};
    (void)authorize(c->server, c->user, &none); /* collects the grants */
    struct value rules = value_array(), paths = value_array();
    if (c->user->is_master) {
        rules = value_append(
            rules, value_pack("{verbs: [\"*\"], apiGroups: [\"*\"], resources: [\"*\"]}"));
        paths = value_append(paths, value_pack("{verbs: [\"*\"], nonResourceURLs: [\"*\"]}"));
    }
    for (size_t i = 0; i < c->user->grants.count; i++) {
        const struct grant *g = &c->user->grants.items[i];
        if (g->namespace && !str_equal(str_from(g->namespace), namespace))
            continue;
        if (value_count(VALUE_GET(g->rule, nonResourceURLs)) > 0)
            paths = value_append(paths, value_keep(g->rule));
        else
            rules = value_append(rules, value_keep(g->rule));
    }
    answer(
        c, step,
        value_pack("{resourceRules: %v, nonResourceRules: %v, incomplete: false}", rules, paths));
}

/* DEVIATION: a real server probes the health ports of the controller manager, the scheduler and
 * etcd; this one has no such connections and calls them healthy. */
static struct value component_status(const char *name)
{
    return value_pack("{kind: ComponentStatus, apiVersion: v1, metadata: {name: %s}, conditions: "
                      "[{type: Healthy, status: \"True\", message: ok}]}",
                      name);
}

bool component_status_answer(struct call *c, struct step *step)
{
    static const char *const names[] = {"controller-manager", "scheduler", "etcd-0"};
    if (c->request->resource != resource_get(RESOURCE_componentstatuses))
        return false;
    call_warn(c, value_string(S("v1 ComponentStatus is deprecated in v1.19+")));
    struct value items = value_array();
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct value item = component_status(names[i]);
        if (c->key && str_equal(c->key->name, str_from(names[i]))) {
            value_drop(items);
            call_finish(c, step, 200, item);
            return true;
        }
        items = value_append(items, item);
    }
    if (!c->key) {
        call_finish(
            c, step, 200,
            value_pack("{kind: ComponentStatusList, apiVersion: v1, metadata: {}, items: %v}",
                       items));
        return true;
    }
    value_drop(items);
    call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
    return true;
}

bool review_answer(struct call *c, struct step *step)
{
    switch (c->request->resource->index) {
    case RESOURCE_tokenreviews:
        token_review(c, step);
        return true;
    case RESOURCE_selfsubjectreviews:
        identity_review(c, step);
        return true;
    case RESOURCE_selfsubjectaccessreviews:
        access_review(c, step, c->user);
        return true;
    case RESOURCE_subjectaccessreviews:
    case RESOURCE_localsubjectaccessreviews: {
        struct user *u = reviewed_user(c);
        access_review(c, step, u);
        user_unref(u);
        return true;
    }
    case RESOURCE_selfsubjectrulesreviews:
        rules_review(c, step);
        return true;
    default:
        return false;
    }
}
