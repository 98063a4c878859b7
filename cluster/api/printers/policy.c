/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotas, budgets, priorities, RBAC, certificates, admission, flow control, devices.
 */
#include "sim/base/base.h"

#include "cluster/api/printers/printers.h"

#include "cluster/api/object.h"

/* ---- quotas and budgets ---- */

static void quota(struct value object, struct cells *c)
{
    struct value hard = VALUE_GET(object, status, hard);
    struct value used = VALUE_GET(object, status, used);
    AUTO(text) struct text requests = {0};
    AUTO(text) struct text limits = {0};
    for (size_t i = 0; i < value_count(hard); i++) {
        struct str name = value_key_at(hard, i);
        struct text *out = str_starts_with(name, S("limits.")) ? &limits : &requests;
        struct str is = value_str(value_get_key(used, name));
        text_printf(out, "%s%.*s: %.*s/%.*s", out->size > 0 ? ", " : "", STR_ARG(name),
                    STR_ARG(is.size > 0 ? is : S("0")),
                    STR_ARG(value_str(value_member_at(hard, i))));
    }
    cell_name(c, object);
    cell_text(c, text_str(&requests));
    cell_text(c, text_str(&limits));
    cell_created(c, object);
}

static void cell_int_or_percent(struct cells *c, struct value v, const char *otherwise)
{
    AUTO(text) struct text t = {0};
    if (value_kind(v) == VALUE_INTEGER)
        text_add_int(&t, value_as_integer(v, 0));
    else if (value_kind(v) == VALUE_STRING)
        text_add(&t, value_str(v));
    cell_text(c, t.size > 0 ? text_str(&t) : str_from(otherwise));
}

static void budget(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int_or_percent(c, VALUE_GET(object, spec, minAvailable), "N/A");
    cell_int_or_percent(c, VALUE_GET(object, spec, maxUnavailable), "N/A");
    cell_int(c, VALUE_INT(object, 0, status, disruptionsAllowed));
    cell_created(c, object);
}

static void priority_class(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int(c, VALUE_INT(object, 0, value));
    cell_bool(c, VALUE_BOOL_AT(object, globalDefault));
    cell_created(c, object);
    cell_value(c, VALUE_GET(object, preemptionPolicy), "PreemptLowerPriority");
}

/* ---- RBAC ---- */

static void cell_subjects(struct cells *c, struct value object, const char *kind)
{
    struct value subjects = VALUE_GET(object, subjects);
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < value_count(subjects); i++) {
        struct value s = value_at(subjects, i);
        struct str namespace = VALUE_STR(s, namespace);
        if (!VALUE_IS(s, kind, kind))
            continue;
        if (t.size > 0)
            text_add(&t, S(", "));
        if (strcmp(kind, "ServiceAccount") == 0)
            text_printf(&t, "%.*s/", STR_ARG(namespace));
        text_add(&t, VALUE_STR(s, name));
    }
    cell_text(c, text_str(&t));
}

static void role_binding(struct value object, struct cells *c)
{
    AUTO(text) struct text role = {0};
    text_printf(&role, "%.*s/%.*s", STR_ARG(VALUE_STR(object, roleRef, kind)),
                STR_ARG(VALUE_STR(object, roleRef, name)));
    cell_name(c, object);
    cell_text(c, text_str(&role));
    cell_created(c, object);
    cell_subjects(c, object, "User");
    cell_subjects(c, object, "Group");
    cell_subjects(c, object, "ServiceAccount");
}

static bool condition_is_there(struct value object, const char *type)
{
    return value_is_present(condition_find(VALUE_GET(object, status, conditions), type));
}

static void signing_request(struct value object, struct cells *c)
{
    struct value seconds = VALUE_GET(object, spec, expirationSeconds);
    AUTO(text) struct text duration = {0};
    AUTO(text) struct text condition = {0};
    if (value_is_present(seconds))
        human_duration(value_as_integer(seconds, 0) * 1000000000, &duration);
    text_add(&condition, condition_is_there(object, "Denied")     ? S("Denied")
                         : condition_is_there(object, "Approved") ? S("Approved")
                                                                  : S("Pending"));
    if (condition_is_there(object, "Failed"))
        text_add(&condition, S(",Failed"));
    if (VALUE_STR(object, status, certificate).size > 0)
        text_add(&condition, S(",Issued"));
    cell_name(c, object);
    cell_created(c, object);
    cell_value(c, VALUE_GET(object, spec, signerName), "<none>");
    cell_value(c, VALUE_GET(object, spec, username), "");
    cell_text(c, value_is_present(seconds) ? text_str(&duration) : S("<none>"));
    cell_text(c, text_str(&condition));
}

/* ---- admission ---- */

static void webhooks(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int(c, (int64_t)value_count(VALUE_GET(object, webhooks)));
    cell_created(c, object);
}

static void cell_param_kind(struct cells *c, struct value object)
{
    struct value kind = VALUE_GET(object, spec, paramKind);
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s/%.*s", STR_ARG(VALUE_STR(kind, apiVersion)),
                STR_ARG(VALUE_STR(kind, kind)));
    cell_text(c, value_is_present(kind) ? text_str(&t) : S("<unset>"));
}

static void validating_policy(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int(c, (int64_t)value_count(VALUE_GET(object, spec, validations)));
    cell_param_kind(c, object);
    cell_created(c, object);
}

static void mutating_policy(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int(c, (int64_t)value_count(VALUE_GET(object, spec, mutations)));
    cell_param_kind(c, object);
    cell_created(c, object);
}

static void policy_binding(struct value object, struct cells *c)
{
    struct value reference = VALUE_GET(object, spec, paramRef);
    struct str namespace = VALUE_STR(reference, namespace);
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s/%.*s", STR_ARG(namespace.size > 0 ? namespace : S("*")),
                STR_ARG(VALUE_STR(reference, name)));
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, policyName), "");
    cell_text(c, value_is_present(reference) ? text_str(&t) : S("<unset>"));
    cell_created(c, object);
}

/* ---- flow control ---- */

static void flow_schema(struct value object, struct cells *c)
{
    struct value dangling = condition_find(VALUE_GET(object, status, conditions), "Dangling");
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, priorityLevelConfiguration, name), "");
    cell_int(c, VALUE_INT(object, 0, spec, matchingPrecedence));
    cell_value(c, VALUE_GET(object, spec, distinguisherMethod, type), "<none>");
    cell_created(c, object);
    cell_value(c, VALUE_GET(dangling, status), "?");
}

static void cell_int_or_none(struct cells *c, struct value v)
{
    if (value_kind(v) == VALUE_INTEGER)
        cell_int(c, value_as_integer(v, 0));
    else
        cell_text(c, S("<none>"));
}

static void priority_level(struct value object, struct cells *c)
{
    struct value limited = VALUE_GET(object, spec, limited);
    struct value queuing = VALUE_GET(limited, limitResponse, queuing);
    struct value shares = VALUE_GET(limited, nominalConcurrencyShares); /* not those of exempt */
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, type), "");
    cell_int_or_none(c, shares);
    cell_int_or_none(c, VALUE_GET(queuing, queues));
    cell_int_or_none(c, VALUE_GET(queuing, handSize));
    cell_int_or_none(c, VALUE_GET(queuing, queueLengthLimit));
    cell_created(c, object);
}

/* ---- devices ---- */

static void resource_claim(struct value object, struct cells *c)
{
    AUTO(text) struct text state = {0};
    bool is_allocated = value_is_present(VALUE_GET(object, status, allocation));
    if (object_is_deleting(object))
        text_add(&state, S("deleted,"));
    text_add(&state, is_allocated ? S("allocated") : S("pending"));
    if (is_allocated && value_count(VALUE_GET(object, status, reservedFor)) > 0)
        text_add(&state, S(",reserved"));
    cell_name(c, object);
    cell_text(c, text_str(&state));
    cell_created(c, object);
}

static void resource_slice(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, nodeName), "");
    cell_value(c, VALUE_GET(object, spec, driver), "");
    cell_value(c, VALUE_GET(object, spec, pool, name), "");
    cell_created(c, object);
}

const struct printer policy_printers[] = {
    {"ResourceQuota", quota},
    {"PodDisruptionBudget", budget},
    {"PriorityClass", priority_class},
    {"RoleBinding", role_binding},
    {"ClusterRoleBinding", role_binding},
    {"CertificateSigningRequest", signing_request},
    {"MutatingWebhookConfiguration", webhooks},
    {"ValidatingWebhookConfiguration", webhooks},
    {"ValidatingAdmissionPolicy", validating_policy},
    {"ValidatingAdmissionPolicyBinding", policy_binding},
    {"MutatingAdmissionPolicy", mutating_policy},
    {"MutatingAdmissionPolicyBinding", policy_binding},
    {"FlowSchema", flow_schema},
    {"PriorityLevelConfiguration", priority_level},
    {"ResourceClaim", resource_claim},
    {"ResourceSlice", resource_slice},
    {NULL, NULL},
};
