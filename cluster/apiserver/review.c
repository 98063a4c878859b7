/* SPDX-License-Identifier: Apache-2.0
 *
 * Resources that are only answered and never stored: the reviews of tokens, of access and of who
 * one is; and componentstatuses.
 *
 * Upstream: pkg/registry/{authentication,authorization}, pkg/apis/authorization/validation.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/{authorization,authentication}/
 */
#include "cluster/apiserver/registry.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/field_manager.h"

/* ---- answering ---- */

/* The body in the schema's form; false: refused. */
static bool body_take(struct call *c, struct step *step)
{
    struct value object;
    if (!registry_decode(c, step, &object))
        return false;
    c->body = object;
    return true;
}

static void answer(struct call *c, struct step *step, struct value own_status)
{
    const struct resource *r = c->request->resource;
    struct value body = value_keep(c->body);
    body = value_set(body, ATOM_kind, value_string(r->kind));
    body = value_set(body, ATOM_apiVersion, value_string(r->group_version));
    body = field_manager_answer(c, step, body);
    if (!value_is_present(VALUE_GET(body, metadata)))
        body = value_set(body, ATOM_metadata, value_object());
    call_finish(c, step, 201, value_set(body, ATOM_status, own_status));
}

/* Alone among the reviews, this one gets a time of creation. */
static void identity_review(struct call *c, struct step *step)
{
    if (!body_take(c, step))
        return;
    call_finish(
        c, step, 201,
        value_pack("{kind: SelfSubjectReview, apiVersion: %S, metadata: {creationTimestamp: "
                   "%v}, status: {userInfo: %v}}",
                   c->request->resource->group_version, time_value(step->wall),
                   user_info(c->user)));
}

/* ---- TokenReview ---- */

static void token_review(struct call *c, struct step *step)
{
    if (!body_take(c, step))
        return;
    struct value token = VALUE_GET(c->body, spec, token);
    if (value_str(token).size == 0) {
        call_refuse(c, step,
                    status_bad_request(S("token is required for TokenReview in authentication")));
        return;
    }
    struct token_answer a;
    authenticate_token(c->server, step, value_str(token), VALUE_GET(c->body, spec, audiences), &a);
    if (a.user)
        answer(c, step,
               value_pack("{authenticated: true, user: %v, audiences: %v}", user_info(a.user),
                          value_keep(a.audiences)));
    else
        answer(c, step, value_pack("{user: {}, error: %S}", text_str(&a.error)));
    token_answer_release(&a);
}

/* ---- access reviews ---- */

/* A field selector in text; what cannot be said in one is left out, which only widens what is
 * asked. *ret_lost: something was; *ret_kept: something was not. */
static struct value field_selector_text(struct value selector, bool *ret_lost, bool *ret_kept)
{
    struct value raw = VALUE_GET(selector, rawSelector), list = VALUE_GET(selector, requirements);
    AUTO(text) struct text out = {0};
    if (value_str(raw).size > 0)
        return value_keep(raw);
    for (size_t i = 0; i < value_count(list); i++) {
        struct value r = value_at(list, i), values = VALUE_GET(r, values);
        bool is_in = VALUE_IS(r, "In", operator), is_out = VALUE_IS(r, "NotIn", operator);
        if ((!is_in && !is_out) || value_count(values) != 1) {
            *ret_lost = true;
            continue;
        }
        *ret_kept = true;
        text_printf(&out, "%s%.*s%s%.*s", out.size > 0 ? "," : "", STR_ARG(VALUE_STR(r, key)),
                    is_in ? "=" : "!=", STR_ARG(value_str(value_at(values, 0))));
    }
    return out.size > 0 ? value_string(text_str(&out)) : VALUE_ABSENT;
}

static void selector_validate(struct value selector, const char *path, struct field_errors *errors)
{
    AUTO(text) struct text at = {0};
    bool has_raw = VALUE_STR(selector, rawSelector).size > 0,
         has_list = value_count(VALUE_GET(selector, requirements)) > 0;
    if (!value_is_present(selector))
        return;
    text_printf(&at, "spec.resourceAttributes.%s.%s", path,
                has_raw ? "rawSelector" : "requirements");
    if (has_raw && has_list)
        field_error_add(errors, FIELD_INVALID, text_str(&at), VALUE_GET(selector, rawSelector),
                        "may not specified at the same time as requirements");
    else if (!has_raw && !has_list)
        field_error_add(errors, FIELD_REQUIRED, text_str(&at), VALUE_ABSENT,
                        "when spec.resourceAttributes.%s is specified, requirements or "
                        "rawSelector is required",
                        path);
}

/* Metadata but for managedFields and, of a local review, the namespace. */
static bool metadata_is_empty(struct value metadata, bool is_local)
{
    for (size_t i = 0; i < value_count(metadata); i++) {
        atom key = value_key_atom_at(metadata, i);
        struct value v = value_member_at(metadata, i);
        bool is_empty = value_kind(v) == VALUE_NULL ||
                        (value_kind(v) == VALUE_STRING && value_str(v).size == 0);
        if (key != ATOM_managedFields && !(is_local && key == ATOM_namespace) && !is_empty)
            return false;
    }
    return true;
}

static void local_review_validate(struct value body, struct field_errors *errors)
{
    struct value spec = VALUE_GET(body, spec), resource = VALUE_GET(spec, resourceAttributes),
                 path = VALUE_GET(spec, nonResourceAttributes);
    if (!metadata_is_empty(VALUE_GET(body, metadata), true))
        field_error_add(errors, FIELD_INVALID, S("metadata"), VALUE_GET(body, metadata),
                        "must be empty except for namespace");
    if (value_is_present(resource) &&
        !str_equal(VALUE_STR(resource, namespace), VALUE_STR(body, metadata, namespace)))
        field_error_add(errors, FIELD_INVALID, S("spec.resourceAttributes.namespace"),
                        VALUE_GET(resource, namespace), "must match metadata.namespace");
    if (value_is_present(path))
        field_error_add(errors, FIELD_INVALID, S("spec.nonResourceAttributes"), path,
                        "disallowed on this kind of request");
}

static void review_validate(struct call *c, struct field_errors *errors)
{
    struct value spec = VALUE_GET(c->body, spec), resource = VALUE_GET(spec, resourceAttributes),
                 path = VALUE_GET(spec, nonResourceAttributes);
    uint32_t kind = c->request->resource->index;
    if (value_is_present(resource) && value_is_present(path))
        field_error_add(errors, FIELD_INVALID, S("spec.nonResourceAttributes"), path,
                        "cannot be specified in combination with resourceAttributes");
    if (!value_is_present(resource) && !value_is_present(path))
        field_error_add(errors, FIELD_INVALID, S("spec.resourceAttributes"), VALUE_ABSENT,
                        "exactly one of nonResourceAttributes or resourceAttributes must be "
                        "specified");
    if (kind != RESOURCE_selfsubjectaccessreviews && VALUE_STR(spec, user).size == 0 &&
        value_count(VALUE_GET(spec, groups)) == 0) {
        AUTO(value) struct value none = value_string(S(""));
        field_error_add(errors, FIELD_INVALID, S("spec.user"), none,
                        "at least one of user or group must be specified");
    }
    selector_validate(VALUE_GET(resource, fieldSelector), "fieldSelector", errors);
    selector_validate(VALUE_GET(resource, labelSelector), "labelSelector", errors);
    if (kind == RESOURCE_localsubjectaccessreviews)
        local_review_validate(c->body, errors);
    else if (!metadata_is_empty(VALUE_GET(c->body, metadata), false))
        field_error_add(errors, FIELD_INVALID, S("metadata"), VALUE_GET(c->body, metadata),
                        "must be empty");
}

/* False: refused. */
static bool review_take(struct call *c, struct step *step)
{
    struct field_errors errors = {0};
    if (!body_take(c, step))
        return false;
    review_validate(c, &errors);
    struct value status = VALUE_ABSENT;
    if (errors.count > 0)
        status = status_invalid(c->request->resource, S(""), &errors);
    field_errors_release(&errors);
    if (value_is_present(status))
        call_refuse(c, step, status);
    return !value_is_present(status);
}

static void review_answer_access(struct call *c, struct step *step, struct user *u,
                                 const struct attributes *a, const char *error)
{
    AUTO(text) struct text reason = {0};
    bool is_allowed = authorize_reason(c->server, u, a, &reason);
    answer(c, step,
           value_pack("{allowed: %b, reason: %v, evaluationError: %v}", is_allowed,
                      reason.size > 0 ? value_string(text_str(&reason)) : VALUE_ABSENT,
                      error ? value_string(str_from(error)) : VALUE_ABSENT));
}

static void access_review(struct call *c, struct step *step, struct user *u)
{
    struct value spec = VALUE_GET(c->body, spec), asked = VALUE_GET(spec, resourceAttributes);
    struct attributes a = {0};
    if (!value_is_present(asked)) {
        struct value path = VALUE_GET(spec, nonResourceAttributes);
        a.verb = VALUE_STR(path, verb);
        a.path = VALUE_STR(path, path);
        review_answer_access(c, step, u, &a, NULL);
        return;
    }
    bool is_lost = false, is_kept = false;
    AUTO(value)
    struct value selector =
        field_selector_text(VALUE_GET(asked, fieldSelector), &is_lost, &is_kept);
    a.verb = VALUE_STR(asked, verb);
    a.group = VALUE_STR(asked, group);
    a.resource = VALUE_STR(asked, resource);
    a.subresource = VALUE_STR(asked, subresource);
    a.namespace = VALUE_STR(asked, namespace);
    a.name = VALUE_STR(asked, name);
    a.field_selector = selector;
    review_answer_access(
        c, step, u, &a,
        !is_lost  ? NULL
        : is_kept ? "spec.resourceAttributes.fieldSelector partially ignored due to parse error"
                  : "spec.resourceAttributes.fieldSelector ignored due to parse error");
}

static void access_review_of(struct call *c, struct step *step)
{
    struct value spec = VALUE_GET(c->body, spec);
    struct value namespace = VALUE_GET(c->body, metadata, namespace);
    char small[VALUE_SMALL_SIZE] = {0};
    if (c->request->resource->index == RESOURCE_localsubjectaccessreviews &&
        !str_equal(value_str(namespace), value_str_in(c->request->namespace, small))) {
        AUTO(text) struct text m = {0};
        text_printf(&m, "spec.resourceAttributes.namespace must match namespace: %.*s",
                    STR_ARG(value_str_in(c->request->namespace, small)));
        call_refuse(c, step, status_bad_request(text_str(&m)));
        return;
    }
    struct user *u = user_of_value(VALUE_STR(spec, user), VALUE_GET(spec, groups),
                                   VALUE_STR(spec, uid), VALUE_GET(spec, extra), true);
    access_review(c, step, u);
    user_unref(u);
}

/* Everything that RBAC grants the caller in a namespace, one entry per rule. */
static void rules_review(struct call *c, struct step *step)
{
    if (!body_take(c, step))
        return;
    struct value rules = value_array(), paths = value_array(),
                 namespace = VALUE_GET(c->body, spec, namespace);
    if (value_str(namespace).size == 0) {
        call_refuse(c, step, status_bad_request(S("no namespace on request")));
        return;
    }
    authorizer_collect(c->server, c->user);
    for (size_t i = 0; i < c->user->grants.count; i++) {
        const struct grant *g = &c->user->grants.items[i];
        if (!value_is_present(g->rule) ||
            (g->namespace && !str_equal(str_from(g->namespace), value_str(namespace))))
            continue;
        if (value_count(VALUE_GET(g->rule, resources)) > 0)
            rules = value_append(rules, VALUE_REMOVE(value_keep(g->rule), nonResourceURLs));
        if (value_count(VALUE_GET(g->rule, nonResourceURLs)) > 0)
            paths =
                value_append(paths, value_pack("{verbs: %v, nonResourceURLs: %v}",
                                               value_keep(VALUE_GET(g->rule, verbs)),
                                               value_keep(VALUE_GET(g->rule, nonResourceURLs))));
    }
    value_drop(c->body); /* the answer does not repeat what was asked */
    c->body = value_pack("{spec: {}}");
    answer(c, step,
           value_pack("{resourceRules: %v, nonResourceRules: %v, incomplete: %b, "
                      "evaluationError: %v}",
                      rules, paths, c->user->node != NULL,
                      c->user->node ? value_string(S("node authorizer does not support user rule "
                                                     "resolution"))
                                    : VALUE_ABSENT));
}

/* DEVIATION: a real server probes the health ports of the controller manager, the scheduler and
 * etcd; this one has no such connections and calls them healthy. */
static struct value component_status(size_t i)
{
    static const char *const names[] = {"controller-manager", "scheduler"};
    AUTO(text) struct text name = {0};
    if (i < ARRAY_COUNT(names))
        text_add(&name, str_from(names[i]));
    else
        text_printf(&name, "etcd-%zu", i - ARRAY_COUNT(names));
    return value_pack("{kind: ComponentStatus, apiVersion: v1, metadata: {name: %S}, conditions: "
                      "[{type: Healthy, status: \"True\", message: ok}]}",
                      text_str(&name));
}

bool component_status_answer(struct call *c, struct step *step)
{
    if (c->request->resource != resource_get(RESOURCE_componentstatuses))
        return false;
    call_warn(c, value_string(S("v1 ComponentStatus is deprecated in v1.19+")));
    struct value items = value_array();
    for (size_t i = 0; i < 2 + c->server->flags.etcd_count; i++) {
        struct value item = component_status(i);
        if (c->key && str_equal(c->key->name, VALUE_STR(item, metadata, name))) {
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
        if (review_take(c, step))
            access_review(c, step, c->user);
        return true;
    case RESOURCE_subjectaccessreviews:
    case RESOURCE_localsubjectaccessreviews:
        if (review_take(c, step))
            access_review_of(c, step);
        return true;
    case RESOURCE_selfsubjectrulesreviews:
        rules_review(c, step);
        return true;
    default:
        return false;
    }
}
