/* SPDX-License-Identifier: Apache-2.0
 *
 * CertificateApproval, CertificateSigning, CertificateSubjectRestriction: who may approve or sign
 * requests of a signer ("approve" and "sign" on the resource "signers", by the signer's name or by
 * "<domain>/<star>"), and that the signer of API clients makes nobody system:masters.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
#include "sim/base/base.h"

#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"
#include "cluster/keys/authority.h"
#include "sim/base/base64.h"

#define CLIENT_SIGNER "kubernetes.io/kube-apiserver-client"

static bool may_with_signer(struct admission *a, const char *verb, struct str signer)
{
    AUTO(text) struct text all = {0};
    struct attributes asked = {.verb = str_from(verb),
                               .group = S("certificates.k8s.io"),
                               .resource = S("signers"),
                               .name = signer};
    if (authorize(a->server, a->user, &asked))
        return true;
    text_printf(&all, "%.*s/*", STR_ARG(str_slice(signer, 0, str_find(signer, '/'))));
    asked.name = text_str(&all);
    return authorize(a->server, a->user, &asked);
}

static void check(struct admission *a, const char *verb)
{
    struct value signer = VALUE_GET(a->old, spec, signerName);
    if (may_with_signer(a, verb, value_str(signer)))
        return;
    AUTO(text) struct text why = {0};
    text_printf(&why, "user not permitted to %s requests with signerName \"%.*s\"", verb,
                STR_ARG(value_str(signer)));
    admission_refuse(a, text_str(&why));
}

static void check_approval(struct admission *a)
{
    if (a->subresource == SUBRESOURCE_APPROVAL)
        check(a, "approve");
}

static void check_signing(struct admission *a)
{
    if (a->subresource != SUBRESOURCE_STATUS ||
        (value_equal(VALUE_GET(a->object, status, certificate),
                     VALUE_GET(a->old, status, certificate)) &&
         value_equal(VALUE_GET(a->object, status, conditions),
                     VALUE_GET(a->old, status, conditions))))
        return;
    check(a, "sign");
}

static void check_subject(struct admission *a)
{
    AUTO(text) struct text pem = {0};
    struct signing_request q;
    struct errmsg message;
    if (!VALUE_IS(a->object, CLIENT_SIGNER, spec, signerName))
        return;
    (void)base64_decode(VALUE_STR(a->object, spec, request), &pem);
    if (signing_request_parse(text_str(&pem), &q, &message)) {
        AUTO(text) struct text why = {0};
        text_printf(&why, "failed to parse CSR: %s", message.text);
        admission_refuse(a, text_str(&why));
        return;
    }
    for (size_t i = 0; i < q.organizations.count && !value_is_present(a->status); i++)
        if (str_equal(text_str(&q.organizations.items[i]), S("system:masters")))
            admission_refuse(
                a, S("use of " CLIENT_SIGNER " signer with system:masters group is not allowed"));
    signing_request_release(&q);
}

const struct admission_plugin admission_certificate_approval = {
    .name = "CertificateApproval",
    .resource = RESOURCE_certificatesigningrequests,
    .operations = ADMIT_ON(ADMIT_UPDATE),
    .sees_subresources = true,
    .validate = check_approval,
};
const struct admission_plugin admission_certificate_signing = {
    .name = "CertificateSigning",
    .resource = RESOURCE_certificatesigningrequests,
    .operations = ADMIT_ON(ADMIT_UPDATE),
    .sees_subresources = true,
    .validate = check_signing,
};
const struct admission_plugin admission_certificate_subject_restriction = {
    .name = "CertificateSubjectRestriction",
    .resource = RESOURCE_certificatesigningrequests,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .validate = check_subject,
};
