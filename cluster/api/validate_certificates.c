/* SPDX-License-Identifier: Apache-2.0
 *
 * CertificateSigningRequests: the PKCS#10 request must be one that its own key has signed, the
 * usages known, the signer's name a domain and a path. Conditions are true or not there; Approved
 * and Denied exclude each other and only the approval subresource sets them; a certificate is set
 * once, by the status subresource.
 *
 * Upstream: pkg/apis/certificates/validation.
 */
#include "sim/base/base.h"

#include "cluster/api/validate.h"
#include "cluster/api/validate_parts.h"
#include "cluster/keys/authority.h"
#include "sim/base/base64.h"

#define SECONDS_MIN 600
#define LEGACY_SIGNER "kubernetes.io/legacy-unknown"

/* ---- the request ---- */

static void check_request(struct value request, path_t spec, errors_t *errors)
{
    AUTO(text) struct text pem = {0};
    struct signing_request parsed;
    struct errmsg why;
    if (!base64_decode(value_str(request), &pem))
        text_clear(&pem);
    if (signing_request_parse(text_str(&pem), &parsed, &why) == ERR_OK)
        signing_request_release(&parsed);
    else
        child_error(errors, FIELD_INVALID, spec, "request", request, "%s", why.text);
}

static void check_usages(struct value usages, path_t spec, errors_t *errors)
{
    struct field_path list = path_child(spec, "usages");
    if (value_count(usages) == 0)
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT, NO_DETAIL);
    for (size_t i = 0; i < value_count(usages); i++) {
        struct field_path item = path_index(&list, i);
        if (certificate_usage_find(value_str(value_at(usages, i))) < 0)
            field_error_at(errors, FIELD_NOT_SUPPORTED, &item, value_at(usages, i),
                           "supported values: \"any\", \"cert sign\", \"client auth\", \"code "
                           "signing\", \"content commitment\", \"crl sign\", \"data "
                           "encipherment\", \"decipher only\", \"digital signature\", \"email "
                           "protection\", \"encipher only\", \"ipsec end system\", \"ipsec "
                           "tunnel\", \"ipsec user\", \"key agreement\", \"key encipherment\", "
                           "\"microsoft sgc\", \"netscape sgc\", \"ocsp signing\", \"s/mime\", "
                           "\"server auth\", \"signing\", \"timestamping\"");
    }
    for (size_t i = 0; i < value_count(usages); i++) {
        struct field_path item = path_index(&list, i);
        if (is_repeated_before(usages, i, ATOM_NONE))
            field_error_at(errors, FIELD_DUPLICATE, &item, value_at(usages, i), NO_DETAIL);
    }
}

/* Labels between dots; `whole` is what the value of an error shows. */
static void check_segment(struct str segment, bool is_domain, path_t path, errors_t *errors)
{
    AUTO(value) struct value whole = value_string(segment);
    size_t count = 0;
    struct str rest = segment;
    do {
        bool is_last = str_find(rest, '.') == rest.size;
        struct str label = str_cut(rest, '.', &rest);
        const char *why = is_domain ? name_dns_label(label) : name_dns_subdomain(label);
        count++;
        if (why) {
            field_error_at(errors, FIELD_INVALID, path, whole, "validating label \"%.*s\": %s",
                           STR_ARG(label), why);
            break;
        }
        if (is_last)
            break;
    } while (true);
    if (is_domain && str_find(segment, '.') == segment.size)
        field_error_at(errors, FIELD_INVALID, path, whole,
                       "should be a domain with at least two segments separated by dots");
}

static void check_signer(struct value signer, path_t spec, errors_t *errors)
{
    struct field_path path = path_child(spec, "signerName");
    struct str rest, domain = str_cut(value_str(signer), '/', &rest);
    size_t slash = str_find(value_str(signer), '/');
    if (value_is(signer, LEGACY_SIGNER)) {
        field_error_at(errors, FIELD_INVALID, &path, signer,
                       "the legacy signerName is not allowed via this API version");
        return;
    }
    if (value_str(signer).size == 0) {
        field_error_at(errors, FIELD_REQUIRED, &path, VALUE_ABSENT, NO_DETAIL);
        return;
    }
    if (slash == value_str(signer).size || str_find(rest, '/') < rest.size) {
        field_error_at(errors, FIELD_INVALID, &path, signer,
                       "must be a fully qualified domain and path of the form "
                       "'example.com/signer-name'");
        return;
    }
    check_segment(domain, true, &path, errors);
    check_segment(rest, false, &path, errors);
}

static void check_spec(struct value o, errors_t *errors)
{
    struct value spec = VALUE_GET(o, spec), seconds = VALUE_GET(spec, expirationSeconds);
    struct field_path path = path_child(NULL, "spec");
    check_request(VALUE_GET(spec, request), &path, errors);
    check_usages(VALUE_GET(spec, usages), &path, errors);
    check_signer(VALUE_GET(spec, signerName), &path, errors);
    if (value_is_present(seconds) && value_as_integer(seconds, SECONDS_MIN) < SECONDS_MIN)
        child_error(errors, FIELD_INVALID, &path, "expirationSeconds", seconds,
                    "may not specify a duration less than 600 seconds (10 minutes)");
}

/* ---- conditions and the certificate ---- */

static size_t count_type(struct value conditions, const char *type)
{
    size_t count = 0;
    for (size_t i = 0; i < value_count(conditions); i++)
        count += VALUE_IS(value_at(conditions, i), type, type);
    return count;
}

static void check_conditions(struct value o, errors_t *errors)
{
    struct value conditions = VALUE_GET(o, status, conditions);
    struct field_path status = path_child(NULL, "status"), list = path_child(&status, "conditions");
    bool has_approved = false, has_denied = false;
    for (size_t i = 0; i < value_count(conditions); i++) {
        struct value c = value_at(conditions, i), type = VALUE_GET(c, type);
        struct field_path item = path_index(&list, i);
        bool must_be_true = is_one_of(type, "Approved|Denied|Failed");
        if (value_str(type).size == 0)
            child_error(errors, FIELD_REQUIRED, &item, "type", VALUE_ABSENT, NO_DETAIL);
        check_choice(errors, &item, "status", VALUE_GET(c, status),
                     must_be_true ? "True" : "False|True|Unknown");
        has_approved |= value_is(type, "Approved");
        has_denied |= value_is(type, "Denied");
        if (is_one_of(type, "Approved|Denied") && has_approved && has_denied)
            field_error_at(errors, FIELD_INVALID, &list, type,
                           "Approved and Denied conditions are mutually exclusive");
        if (is_repeated_before(conditions, i, ATOM_type))
            child_error(errors, FIELD_DUPLICATE, &item, "type", type, NO_DETAIL);
    }
}

/* Blocks CERTIFICATE, one at least; text in between is allowed. */
static const char *certificate_error(struct value certificate)
{
    AUTO(text) struct text pem = {0};
    struct str begin = S("-----BEGIN "), block = S("-----BEGIN CERTIFICATE-----");
    size_t count = 0;
    if (!base64_decode(value_str(certificate), &pem))
        return "must contain at least one CERTIFICATE PEM block";
    struct str rest = text_str(&pem);
    for (size_t i = 0; i < rest.size; i++) {
        struct str here = str_slice(rest, i, rest.size);
        if (!str_starts_with(here, begin))
            continue;
        if (!str_starts_with(here, block))
            return "only CERTIFICATE PEM blocks are allowed";
        count++;
    }
    return count > 0 ? NULL : "must contain at least one CERTIFICATE PEM block";
}

static void check_certificate(struct value o, errors_t *errors)
{
    struct value certificate = VALUE_GET(o, status, certificate);
    if (value_str(certificate).size == 0)
        return;
    AUTO(value) struct value shown = value_string(S("<certificate data>"));
    const char *why = certificate_error(certificate);
    if (why)
        field_error_add(errors, FIELD_INVALID, S("status.certificate"), shown, "%s", why);
}

void validate_certificate_request(struct value o, errors_t *errors)
{
    check_spec(o, errors);
    check_conditions(o, errors);
    check_certificate(o, errors);
}

/* ---- updates ---- */

static bool same_conditions(struct value a, struct value b, const char *type)
{
    size_t j = 0;
    for (size_t i = 0; i < value_count(a); i++) {
        if (!VALUE_IS(value_at(a, i), type, type))
            continue;
        while (j < value_count(b) && !VALUE_IS(value_at(b, j), type, type))
            j++;
        if (j == value_count(b) || !value_equal(value_at(a, i), value_at(b, j)))
            return false;
        j++;
    }
    return true;
}

void validate_certificate_request_update(struct value new, struct value old,
                                         enum certificate_update update, errors_t *errors)
{
    static const char *const kept[] = {"Approved", "Denied", "Failed"};
    struct value before = VALUE_GET(old, status, conditions),
                 after = VALUE_GET(new, status, conditions);
    struct str old_certificate = VALUE_STR(old, status, certificate);
    check_conditions(new, errors);
    check_certificate(new, errors);
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
        if (count_type(after, kept[i]) < count_type(before, kept[i]))
            field_error_add(errors, FIELD_FORBIDDEN, S("status.conditions"), VALUE_ABSENT,
                            "updates may not remove a condition of type \"%s\"", kept[i]);
    for (size_t i = 0; update != CERTIFICATE_APPROVAL && i < 2; i++) {
        size_t had = count_type(before, kept[i]), has = count_type(after, kept[i]);
        if (has > had)
            field_error_add(errors, FIELD_FORBIDDEN, S("status.conditions"), VALUE_ABSENT,
                            "updates may not add a condition of type \"%s\"", kept[i]);
        else if (has == had && !same_conditions(before, after, kept[i]))
            field_error_add(errors, FIELD_FORBIDDEN, S("status.conditions"), VALUE_ABSENT,
                            "updates may not modify a condition of type \"%s\"", kept[i]);
    }
    if (str_equal(VALUE_STR(new, status, certificate), old_certificate))
        return;
    if (update != CERTIFICATE_STATUS)
        field_error_add(errors, FIELD_FORBIDDEN, S("status.certificate"), VALUE_ABSENT,
                        "updates may not set certificate content");
    else if (old_certificate.size > 0)
        field_error_add(errors, FIELD_FORBIDDEN, S("status.certificate"), VALUE_ABSENT,
                        "updates may not modify existing certificate content");
}
