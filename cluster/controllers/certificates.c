/* SPDX-License-Identifier: Apache-2.0
 *
 * CertificateSigningRequests: the approver, the signer and the cleaner.
 *
 * The approver says yes to kubelets' client certificates, when whoever asks may have one: it
 * recognizes the request (organisation system:nodes, common name system:node:<name>, no alternative
 * names, the usages of a client) and asks by a SubjectAccessReview whether the requester may create
 * certificatesigningrequests/selfnodeclient (for itself) or .../nodeclient. Everybody else's
 * request waits for a person.
 *
 * The signer signs what has been approved, for the signers kubernetes.io/kube-apiserver-client,
 * kube-apiserver-client-kubelet, kubelet-serving and legacy-unknown, with the cluster's authority.
 * A request that breaks its signer's rules fails (condition Failed, SignerValidationFailure). A
 * certificate begins five minutes ago and ends after what was asked for, a year at most (
 * --cluster-signing-duration); only short ones have those five minutes on top.
 *
 * The cleaner looks once an hour, and deletes what is an hour past its issue, denial or failure, a
 * day past its creation (pending) or its approval (not issued), or whose certificate has run out.
 *
 * Upstream: pkg/controller/certificates/{approver,signer,cleaner,authority},
 * pkg/apis/certificates/helpers.go [doc:certificate-signing-requests#kubernetes-signers].
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/controllers/manager.h"
#include "sim/base/base64.h"

#define SIGNER_CLIENT "kubernetes.io/kube-apiserver-client"
#define SIGNER_KUBELET_CLIENT "kubernetes.io/kube-apiserver-client-kubelet"
#define SIGNER_KUBELET_SERVING "kubernetes.io/kubelet-serving"
#define SIGNER_LEGACY "kubernetes.io/legacy-unknown"
#define BACKDATE_S 300
#define SHORT_S (8 * 3600)
#define SECONDS_MIN 600
#define CLEAN_PERIOD_S 3600
#define DECIDED_S 3600
#define PENDING_S (24 * 3600)

static enum sync_result approver_sync(struct sync *s);
static enum sync_result signer_sync(struct sync *s);
static enum sync_result cleaner_sync(struct sync *s);
static void cleaner_tick(struct controller *c, struct step *step);

const struct controller_info certificate_approving_controller = {
    .name = "certificatesigningrequest-approving-controller",
    .account = "certificate-controller",
    .primary = RESOURCE_certificatesigningrequests,
    .watches = {{RESOURCE_certificatesigningrequests, controller_wake_itself}},
    .watch_count = 1,
    .sync = approver_sync,
    .workers = 5,
    .retry_first = {INT64_C(200000000)},
    .retry_most = {INT64_C(1000000000000)},
};
const struct controller_info certificate_signing_controller = {
    .name = "certificatesigningrequest-signing-controller",
    .account = "certificate-controller",
    .primary = RESOURCE_certificatesigningrequests,
    .watches = {{RESOURCE_certificatesigningrequests, controller_wake_itself}},
    .watch_count = 1,
    .sync = signer_sync,
    .workers = 5,
    .retry_first = {INT64_C(200000000)},
    .retry_most = {INT64_C(1000000000000)},
};
const struct controller_info certificate_cleaning_controller = {
    .name = "certificatesigningrequest-cleaner-controller",
    .account = "certificate-controller",
    .primary = RESOURCE_certificatesigningrequests,
    .watches = {{RESOURCE_certificatesigningrequests, NULL}},
    .watch_count = 1,
    .sync = cleaner_sync,
    .workers = 1,
    .period = {INT64_C(1000000000) * CLEAN_PERIOD_S},
    .tick = cleaner_tick,
};

/* ---- what a request is ---- */

static bool request_parse(struct value csr, struct text *pem, struct signing_request *ret_request,
                          struct errmsg *message)
{
    return base64_decode(VALUE_STR(csr, spec, request), pem) &&
           signing_request_parse(text_str(pem), ret_request, message) == ERR_OK;
}

static uint32_t usages_of(struct value csr)
{
    struct value list = VALUE_GET(csr, spec, usages);
    uint32_t bits = 0;
    for (size_t i = 0; i < value_count(list); i++) {
        int usage = certificate_usage_find(value_str(value_at(list, i)));
        if (usage >= 0)
            bits |= 1u << usage;
    }
    return bits;
}

/* Digital signature, key encipherment (which keys on curves do not need), and the purpose. */
static bool has_usages_for(struct value csr, const char *purpose)
{
    uint32_t usages = usages_of(csr) | certificate_usage_bit("key encipherment");
    return usages == (certificate_usage_bit("digital signature") |
                      certificate_usage_bit("key encipherment") | certificate_usage_bit(purpose));
}

static bool is_of_nodes(const struct signing_request *q)
{
    return q->organizations.count == 1 &&
           str_equal(text_str(&q->organizations.items[0]), S("system:nodes"));
}

/* What is wrong with a kubelet's request for a client certificate; NULL: nothing. */
static const char *kubelet_client_error(struct value csr, const struct signing_request *q)
{
    return !is_of_nodes(q)                ? "subject organization is not system:nodes"
           : q->dns_names.count > 0       ? "DNS subjectAltNames are not allowed"
           : q->email_addresses.count > 0 ? "Email subjectAltNames are not allowed"
           : q->ip_addresses.count > 0    ? "IP subjectAltNames are not allowed"
           : q->uris.count > 0            ? "URI subjectAltNames are not allowed"
           : !str_starts_with(text_str(&q->common_name), S("system:node:"))
               ? "subject common name does not begin with system:node: "
           : !has_usages_for(csr, "client auth")
               ? "usages did not match [client auth digital signature key encipherment]"
               : NULL;
}

static const char *kubelet_serving_error(struct value csr, const struct signing_request *q)
{
    return !is_of_nodes(q) ? "subject organization is not system:nodes"
           : q->dns_names.count == 0 && q->ip_addresses.count == 0
               ? "DNS or IP subjectAltName is required"
           : q->email_addresses.count > 0 ? "Email subjectAltNames are not allowed"
           : q->uris.count > 0            ? "URI subjectAltNames are not allowed"
           : !has_usages_for(csr, "server auth")
               ? "usages did not match [digital signature key encipherment server auth]"
           : !str_starts_with(text_str(&q->common_name), S("system:node:"))
               ? "subject common name does not begin with system:node: "
               : NULL;
}

/* False: *ret_why says what is wrong. */
static bool client_usages_are_valid(struct value csr, struct text *ret_why)
{
    struct value list = VALUE_GET(csr, spec, usages);
    bool is_for_clients = false;
    for (size_t i = 0; i < value_count(list); i++) {
        struct value u = value_at(list, i);
        if (value_is(u, "client auth")) {
            is_for_clients = true;
        } else if (!value_is(u, "digital signature") && !value_is(u, "key encipherment")) {
            text_printf(ret_why, "invalid usage for client certificate: %.*s",
                        STR_ARG(value_str(u)));
            return false;
        }
    }
    if (!is_for_clients)
        text_add(ret_why, S("missing required usage for client certificate: client auth"));
    return is_for_clients;
}

static bool has_condition(struct value csr, const char *type)
{
    return condition_is_true(VALUE_GET(csr, status, conditions), type);
}

/* ---- the approver ---- */

static void ask_review(struct sync *s, const char *subresource)
{
    struct value spec = VALUE_GET(s->object, spec);
    struct value review = value_pack(
        "{kind: SubjectAccessReview, apiVersion: \"authorization.k8s.io/v1\", metadata: {}, spec: "
        "{user: %v, uid: %v, groups: %v, extra: %v, resourceAttributes: {group: "
        "\"certificates.k8s.io\", resource: certificatesigningrequests, verb: create, "
        "subresource: %s, version: \"*\"}}}",
        value_keep(VALUE_GET(spec, username)), value_keep(VALUE_GET(spec, uid)),
        value_keep(VALUE_GET(spec, groups)), value_keep(VALUE_GET(spec, extra)), subresource);
    sync_create(s, RESOURCE_subjectaccessreviews, review, 0);
}

static void approve(struct sync *s, const char *message)
{
    struct value condition = value_pack(
        "{type: Approved, status: \"True\", reason: AutoApproved, message: %s}", message);
    struct value conditions =
        value_append(value_keep(VALUE_GET(s->object, status, conditions)), condition);
    struct request *r = request_for_key(VERB_UPDATE, s->key);
    r->subresource = SUBRESOURCE_APPROVAL;
    r->body = VALUE_SET(value_keep(s->object), conditions, status, conditions);
    sync_trace(s, "%s", message);
    sync_send(s, r, 0);
}

/* May it be approved without a person? */
static bool is_recognized(struct value csr, bool *ret_is_own)
{
    AUTO(text) struct text pem = {0};
    struct signing_request q;
    struct errmsg message;
    if (VALUE_STR(csr, status, certificate).size > 0 || has_condition(csr, "Approved") ||
        has_condition(csr, "Denied") || !VALUE_IS(csr, SIGNER_KUBELET_CLIENT, spec, signerName) ||
        !request_parse(csr, &pem, &q, &message))
        return false;
    bool is_fine = kubelet_client_error(csr, &q) == NULL;
    *ret_is_own = str_equal(VALUE_STR(csr, spec, username), text_str(&q.common_name));
    signing_request_release(&q);
    return is_fine;
}

static enum sync_result approver_sync(struct sync *s)
{
    const struct answer *a = s->answers;
    bool is_own = false;
    switch (s->phase) {
    case 0:
        if (!value_is_present(s->object) || !is_recognized(s->object, &is_own))
            return SYNC_DONE;
        ask_review(s, is_own ? "selfnodeclient" : "nodeclient");
        return sync_wait(s, is_own ? 1 : 2);
    case 1:
        if (!answer_ok(a))
            return sync_retry_answer(s, a);
        if (VALUE_BOOL_AT(a->body, status, allowed)) {
            approve(s, "Auto approving self kubelet client certificate after "
                       "SubjectAccessReview.");
            return sync_wait(s, 3);
        }
        ask_review(s, "nodeclient");
        return sync_wait(s, 2);
    case 2:
        if (!answer_ok(a))
            return sync_retry_answer(s, a);
        if (!VALUE_BOOL_AT(a->body, status, allowed)) {
            sync_trace(s, "recognized, but the requester may not have such a certificate");
            return SYNC_DONE;
        }
        approve(s, "Auto approving kubelet client certificate after SubjectAccessReview.");
        return sync_wait(s, 3);
    default:
        return answer_ok(a) || a->code == 404 ? SYNC_DONE : sync_retry_answer(s, a);
    }
}

/* ---- the signer ---- */

/* What is wrong with a request, by its signer's rules; false also for signers of others, with an
 * empty text. */
static bool signer_accepts(struct value csr, const struct signing_request *q, struct text *ret_why)
{
    struct value signer = VALUE_GET(csr, spec, signerName);
    const char *why = NULL;
    if (value_is(signer, SIGNER_CLIENT))
        return client_usages_are_valid(csr, ret_why);
    if (value_is(signer, SIGNER_KUBELET_CLIENT))
        why = kubelet_client_error(csr, q);
    else if (value_is(signer, SIGNER_KUBELET_SERVING))
        why = kubelet_serving_error(csr, q);
    else if (!value_is(signer, SIGNER_LEGACY))
        return false;
    text_add(ret_why, str_from(why ? why : ""));
    return !why;
}

static int64_t seconds_of(struct sync *s)
{
    int64_t most = s->controller->flags->cluster_signing_duration / 1000000000;
    int64_t asked = VALUE_INT(s->object, most, spec, expirationSeconds);
    return asked > most ? most : asked < SECONDS_MIN ? SECONDS_MIN : asked;
}

static bool certificate_make(struct sync *s, struct str pem, struct text *ret_certificate,
                             struct errmsg *message)
{
    int64_t now_s = s->step->wall.unix_ns / 1000000000, seconds = seconds_of(s);
    const struct certificate_terms terms = {.not_before_s = now_s - BACKDATE_S,
                                            .not_after_s = now_s + seconds -
                                                           (seconds < SHORT_S ? 0 : BACKDATE_S),
                                            .usages = usages_of(s->object)};
    return authority_sign_request(s->controller->flags->keys->authority, pem, &terms,
                                  ret_certificate, message) == ERR_OK;
}

static void fail_request(struct sync *s, struct str why)
{
    struct value condition =
        value_pack("{type: Failed, status: \"True\", reason: SignerValidationFailure, message: "
                   "%S, lastUpdateTime: %v}",
                   why, time_value(s->step->wall));
    struct value conditions =
        value_append(value_keep(VALUE_GET(s->object, status, conditions)), condition);
    sync_trace(s, "the request fails: %.*s", STR_ARG(why));
    sync_update_status(s, RESOURCE_certificatesigningrequests,
                       VALUE_SET(value_keep(s->object), conditions, status, conditions), 0);
}

static enum sync_result sign(struct sync *s)
{
    AUTO(text) struct text pem = {0};
    AUTO(text) struct text why = {0};
    AUTO(text) struct text certificate = {0};
    AUTO(text) struct text encoded = {0};
    struct signing_request q;
    struct errmsg message;
    if (!request_parse(s->object, &pem, &q, &message))
        return sync_retry(s, "unable to parse csr: %s", message.text);
    bool is_accepted = signer_accepts(s->object, &q, &why);
    signing_request_release(&q);
    if (!is_accepted && why.size == 0)
        return SYNC_DONE;
    if (!is_accepted) {
        fail_request(s, text_str(&why));
        return sync_wait(s, 1);
    }
    if (!certificate_make(s, text_str(&pem), &certificate, &message))
        return sync_retry(s, "error auto signing csr: %s", message.text);
    base64_add((const uint8_t *)certificate.bytes, certificate.size, &encoded);
    sync_trace(s, "approved -> signs it, for %" PRId64 " s", seconds_of(s));
    sync_update_status(
        s, RESOURCE_certificatesigningrequests,
        VALUE_SET(value_keep(s->object), value_string(text_str(&encoded)), status, certificate), 0);
    return sync_wait(s, 1);
}

static enum sync_result signer_sync(struct sync *s)
{
    const struct answer *a = s->answers;
    if (s->phase == 1)
        return answer_ok(a) || a->code == 404 ? SYNC_DONE : sync_retry_answer(s, a);
    bool is_due = value_is_present(s->object) && has_condition(s->object, "Approved") &&
                  !has_condition(s->object, "Denied") && !has_condition(s->object, "Failed") &&
                  VALUE_STR(s->object, status, certificate).size == 0 && s->controller->flags &&
                  s->controller->flags->keys;
    return is_due ? sign(s) : SYNC_DONE;
}

/* ---- the cleaner ---- */

static bool is_older(struct value time, int64_t seconds, struct wall_time now)
{
    struct wall_time at;
    return time_parse(time, &at) && now.unix_ns - at.unix_ns > seconds * 1000000000;
}

static bool has_run_out(struct value csr, struct wall_time now)
{
    AUTO(text) struct text pem = {0};
    int64_t end_s;
    return base64_decode(VALUE_STR(csr, status, certificate), &pem) &&
           certificate_end(text_str(&pem), &end_s) && now.unix_ns / 1000000000 > end_s;
}

static bool is_waste(struct value csr, struct wall_time now)
{
    struct value conditions = VALUE_GET(csr, status, conditions);
    bool is_issued = VALUE_STR(csr, status, certificate).size > 0;
    if (value_count(conditions) == 0 &&
        is_older(VALUE_GET(csr, metadata, creationTimestamp), PENDING_S, now))
        return true;
    for (size_t i = 0; i < value_count(conditions); i++) {
        struct value c = value_at(conditions, i), at = VALUE_GET(c, lastUpdateTime);
        if ((VALUE_IS(c, "Denied", type) || VALUE_IS(c, "Failed", type)) &&
            is_older(at, DECIDED_S, now))
            return true;
        if (VALUE_IS(c, "Approved", type) &&
            (is_older(at, is_issued ? DECIDED_S : PENDING_S, now) ||
             (is_issued && has_run_out(csr, now))))
            return true;
    }
    return false;
}

static void cleaner_tick(struct controller *c, struct step *step)
{
    struct informer *requests = controller_informer(c, RESOURCE_certificatesigningrequests);
    for (struct informer_cursor i = informer_first(requests, S("")); i.key; informer_next(&i))
        if (is_waste(i.object, step->wall))
            controller_enqueue(c, step, i.key);
}

static enum sync_result cleaner_sync(struct sync *s)
{
    const struct answer *a = s->answers;
    if (s->phase == 1)
        return answer_ok(a) || a->code == 404 ? SYNC_DONE : sync_retry_answer(s, a);
    if (!value_is_present(s->object) || !is_waste(s->object, s->step->wall))
        return SYNC_DONE;
    sync_trace(s, "decided, or forgotten, long ago -> deletes it");
    sync_delete(s, s->key, VALUE_ABSENT, 0);
    return sync_wait(s, 1);
}
