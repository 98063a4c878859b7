/* SPDX-License-Identifier: Apache-2.0
 *
 * TokenRequest: serviceaccounts/NAME/token. The account must be there; a pod, secret or node that
 * the token is to be bound to is read from etcd, so that one made a moment ago is found.
 *
 * A token for a pod that is asked for 3607 s, which is what projected volumes ask for by default,
 * is good for a year: programs that read their token once and never again still run after an hour.
 * It says (warnafter) from when on that is a mistake; the answer says what was asked for.
 *
 * Upstream: pkg/registry/core/serviceaccount/storage/token.go,
 * pkg/apis/authentication/validation.
 *
 * Source: kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
 */
#include "sim/base/base.h"

#include "cluster/apiserver/registry.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/field_manager.h"
#include "cluster/apiserver/admission.h"

#define SECONDS_DEFAULT 3600
#define SECONDS_MIN 600
#define SECONDS_MAX (INT64_C(1) << 32)
#define SECONDS_OF_VOLUMES 3607
#define SECONDS_EXTENDED (INT64_C(365) * 24 * 3600)

static const struct resource token_kind = {.group = {"authentication.k8s.io", 21},
                                           .kind = {"TokenRequest", 12}};

static void refuse_field(struct call *c, struct step *step, struct str name, const char *path,
                         struct value value, const char *why)
{
    struct field_errors errors = {0};
    field_error_add(&errors, FIELD_INVALID, str_from(path), value, "%s", why);
    struct value status = status_invalid(&token_kind, name, &errors);
    field_errors_release(&errors);
    call_refuse(c, step, status);
}

/* What the body says of its metadata must be what the path says. False: refused. */
static bool metadata_fits(struct call *c, struct step *step)
{
    struct value name = VALUE_GET(c->body, metadata, name),
                 namespace = VALUE_GET(c->body, metadata, namespace);
    if (value_str(name).size > 0 && !str_equal(value_str(name), c->key->name)) {
        refuse_field(c, step, c->key->name, "metadata.name", name,
                     "must match the service account name if specified");
        return false;
    }
    if (value_str(namespace).size > 0 && !str_equal(value_str(namespace), c->key->namespace)) {
        refuse_field(c, step, c->key->name, "metadata.namespace", namespace,
                     "must match the service account namespace if specified");
        return false;
    }
    return true;
}

static bool seconds_fit(struct call *c, struct step *step)
{
    struct value seconds = VALUE_GET(c->body, spec, expirationSeconds);
    const char *why = value_as_integer(seconds, SECONDS_DEFAULT) < SECONDS_MIN
                          ? "may not specify a duration less than 10 minutes"
                      : value_as_integer(seconds, SECONDS_DEFAULT) > SECONDS_MAX
                          ? "may not specify a duration larger than 2^32 seconds"
                          : NULL;
    if (why)
        refuse_field(c, step, S(""), "spec.expirationSeconds", seconds, why);
    return !why;
}

/* The body with what it leaves out: audiences, seconds, metadata. */
static struct value body_complete(struct call *c, struct step *step, struct value account)
{
    struct value spec = value_keep(VALUE_GET(c->body, spec));
    if (!value_is_present(spec))
        spec = value_object();
    if (value_kind(VALUE_GET(spec, expirationSeconds)) != VALUE_INTEGER)
        spec = value_set(spec, ATOM_expirationSeconds, value_integer(SECONDS_DEFAULT));
    AUTO(value)
    struct value sent = field_manager_answer(
        c, step,
        value_pack("{kind: TokenRequest, apiVersion: \"authentication.k8s.io/v1\", spec: %v}",
                   value_keep(spec)));
    if (value_count(VALUE_GET(spec, audiences)) == 0)
        spec = value_set(spec, ATOM_audiences,
                         value_append(VALUE_ABSENT, value_string(api_audience())));
    struct value metadata = value_pack(
        "{name: %S, namespace: %S, uid: %v, creationTimestamp: %v}", c->key->name,
        c->key->namespace, value_keep(VALUE_GET(account, metadata, uid)), time_value(step->wall));
    struct value managers = value_keep(VALUE_GET(sent, metadata, managedFields));
    if (value_is_present(managers))
        metadata = value_set(metadata, ATOM_managedFields, managers);
    return value_pack("{kind: TokenRequest, apiVersion: \"authentication.k8s.io/v1\", "
                      "metadata: %v, spec: %v}",
                      metadata, spec);
}

static bool is_for_the_server(struct value audiences)
{
    for (size_t i = 0; i < value_count(audiences); i++)
        if (!str_equal(value_str(value_at(audiences, i)), api_audience()))
            return false;
    return true;
}

static void token_issue(struct call *c, struct step *step)
{
    struct value account = c->existing->value,
                 reference = VALUE_GET(c->object, spec, boundObjectRef);
    struct value bound = c->looked_up ? c->looked_up->value : VALUE_ABSENT;
    struct value name = VALUE_GET(reference, name), uid = VALUE_GET(bound, metadata, uid),
                 node = VALUE_GET(bound, spec, nodeName), node_uid = VALUE_ABSENT;
    int64_t seconds = VALUE_INT(c->object, SECONDS_DEFAULT, spec, expirationSeconds);
    struct token_claims claims = {
        .account = account, .audiences = VALUE_GET(c->object, spec, audiences), .seconds = seconds};
    if (VALUE_IS(reference, "Pod", kind)) {
        claims.pod_name = name;
        claims.pod_uid = uid;
        node_uid = VALUE_GET(watch_cache_find(c->server, RESOURCE_nodes, S(""), value_str(node)),
                             metadata, uid);
        claims.node_name = node;
        claims.node_uid = node_uid;
        if (seconds == SECONDS_OF_VOLUMES && is_for_the_server(claims.audiences)) {
            claims.warn_after_s = seconds;
            claims.seconds = SECONDS_EXTENDED;
        }
    } else if (VALUE_IS(reference, "Node", kind)) {
        claims.node_name = name;
        claims.node_uid = uid;
    } else if (VALUE_IS(reference, "Secret", kind)) {
        claims.secret_name = name;
        claims.secret_uid = uid;
    }
    AUTO(text) struct text token = {0};
    token_sign(c->server, step, &claims, &token);
    struct wall_time end = {step->wall.unix_ns + seconds * 1000000000};
    call_finish(c, step, 201,
                value_set(value_keep(c->object), ATOM_status,
                          value_pack("{token: %S, expirationTimestamp: %v}", text_str(&token),
                                     time_value(end))));
}

/* ---- what it is bound to ---- */

static void bound_looked_up(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (call_etcd_failed(c, step, r))
        return;
    struct value reference = VALUE_GET(c->object, spec, boundObjectRef);
    struct value wanted_uid = VALUE_GET(reference, uid), name = VALUE_GET(reference, name);
    bool is_pod = VALUE_IS(reference, "Pod", kind);
    const struct resource *resource =
        resource_get(is_pod                              ? RESOURCE_pods
                     : VALUE_IS(reference, "Node", kind) ? RESOURCE_nodes
                                                         : RESOURCE_secrets);
    if (r->count == 0) {
        call_refuse(c, step, status_not_found(resource, value_str(name)));
        return;
    }
    etcd_kv_unref(c->looked_up);
    c->looked_up = etcd_kv_ref(r->kvs[0]);
    struct value bound = c->looked_up->value, uid = VALUE_GET(bound, metadata, uid);
    AUTO(text) struct text why = {0};
    if (is_pod && !str_equal(VALUE_STR(bound, spec, serviceAccountName), c->key->name)) {
        text_printf(&why,
                    "cannot bind token for serviceaccount \"%.*s\" to pod running with different "
                    "serviceaccount name.",
                    STR_ARG(c->key->name));
        call_refuse(c, step, status_bad_request(text_str(&why)));
        return;
    }
    if (value_str(wanted_uid).size > 0 && !value_equal(wanted_uid, uid)) {
        const struct resource kind = {.plural = resource->kind, .qualified = resource->kind};
        text_printf(&why,
                    "the UID in the bound object reference (%.*s) does not match the UID in "
                    "record. The object might have been deleted and then recreated",
                    STR_ARG(value_str(wanted_uid)));
        call_refuse(c, step, status_conflict(&kind, value_str(name), text_str(&why)));
        return;
    }
    token_issue(c, step);
}

static void bound_look_up(struct call *c, struct step *step)
{
    struct value reference = VALUE_GET(c->object, spec, boundObjectRef);
    struct str kind = VALUE_STR(reference, kind), version = VALUE_STR(reference, apiVersion);
    bool is_pod = str_equal(kind, S("Pod")), is_node = str_equal(kind, S("Node"));
    bool is_core = str_find(version, '/') == version.size;
    if (!value_is_present(reference)) {
        token_issue(c, step);
        return;
    }
    if (!is_core || (!is_pod && !is_node && !str_equal(kind, S("Secret")))) {
        AUTO(text) struct text why = {0};
        struct str rest, group = is_core ? S("") : str_cut(version, '/', &rest);
        text_printf(&why, "cannot bind token to object of type %.*s/%.*s, Kind=%.*s",
                    STR_ARG(group), STR_ARG(is_core ? version : rest), STR_ARG(kind));
        call_refuse(c, step, status_bad_request(text_str(&why)));
        return;
    }
    struct etcd_request *r = etcd_request_new(ETCD_RANGE);
    r->key = object_key_of(resource_get(is_pod    ? RESOURCE_pods
                                        : is_node ? RESOURCE_nodes
                                                  : RESOURCE_secrets),
                           is_node ? S("") : c->key->namespace, VALUE_STR(reference, name));
    call_etcd(c, step, r, bound_looked_up);
}

/* ---- the request ---- */

static void account_loaded(struct call *c, struct step *step)
{
    if (!c->existing) {
        call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
        return;
    }
    struct value uid = VALUE_GET(c->body, metadata, uid),
                 own = VALUE_GET(c->existing->value, metadata, uid);
    if (value_str(uid).size > 0 && !value_equal(uid, own)) {
        AUTO(text) struct text why = {0};
        const struct resource kind = {.group = token_kind.group,
                                      .plural = token_kind.kind,
                                      .qualified = S("TokenRequest.authentication.k8s.io")};
        text_printf(&why,
                    "the UID in the token request (%.*s) does not match the UID of the service "
                    "account (%.*s)",
                    STR_ARG(value_str(uid)), STR_ARG(value_str(own)));
        call_refuse(c, step, status_conflict(&kind, c->key->name, text_str(&why)));
        return;
    }
    if (!seconds_fit(c, step))
        return;
    value_drop(c->object);
    c->object = body_complete(c, step, c->existing->value);
    struct value status = admission_validate(c, step, ADMIT_CREATE);
    if (value_is_present(status))
        call_refuse(c, step, status);
    else
        bound_look_up(c, step);
}

void token_request(struct call *c, struct step *step)
{
    struct value object;
    if (!registry_decode(c, step, &object))
        return;
    c->body = object;
    if (metadata_fits(c, step))
        registry_load(c, step, account_loaded);
}
