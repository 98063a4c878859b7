/* SPDX-License-Identifier: Apache-2.0
 *
 * GnuTLS' X.509 behind one adapter (authority.h): no clock, no randomness.
 *
 * The authority signs with the reproducible form of ECDSA. Serial numbers are digests of what is
 * signed. Its own certificate is valid for a century: the virtual clock of a cluster and the clock
 * on the wall of its clients, which both look at it, may be years apart. DEVIATION: kubeadm's is
 * valid for ten years.
 *
 * As a real signer does, it takes subject, alternative names and key of a signing request and
 * nothing else: what the certificate may be used for, and whether it is an authority itself, is the
 * signer's to say.
 */
#include "sim/base/base.h"

#include "cluster/keys/authority.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <arpa/inet.h>
#include <gnutls/x509.h>

#include "sim/base/mem.h"

#define NOT_BEFORE_S INT64_C(1577836800) /* 2020-01-01 */
#define NOT_AFTER_S INT64_C(4733510400)  /* 2120-01-01 */
#define SERIAL_SIZE 16
#define SUBJECT_ALTERNATIVE_NAME "2.5.29.17"
#define PEM_REQUEST_BEGIN "-----BEGIN CERTIFICATE REQUEST-----"

struct authority {
    gnutls_x509_crt_t certificate;
    gnutls_privkey_t key;
    struct secret serials;
    struct text pem;
};

static const struct {
    const char *text;
    unsigned key_usage;
    const char *purpose;
} usages[CERTIFICATE_USAGE_COUNT] = {
    {"signing", GNUTLS_KEY_DIGITAL_SIGNATURE, NULL},
    {"digital signature", GNUTLS_KEY_DIGITAL_SIGNATURE, NULL},
    {"content commitment", GNUTLS_KEY_NON_REPUDIATION, NULL},
    {"key encipherment", GNUTLS_KEY_KEY_ENCIPHERMENT, NULL},
    {"key agreement", GNUTLS_KEY_KEY_AGREEMENT, NULL},
    {"data encipherment", GNUTLS_KEY_DATA_ENCIPHERMENT, NULL},
    {"cert sign", GNUTLS_KEY_KEY_CERT_SIGN, NULL},
    {"crl sign", GNUTLS_KEY_CRL_SIGN, NULL},
    {"encipher only", GNUTLS_KEY_ENCIPHER_ONLY, NULL},
    {"decipher only", GNUTLS_KEY_DECIPHER_ONLY, NULL},
    {"any", 0, GNUTLS_KP_ANY},
    {"server auth", 0, GNUTLS_KP_TLS_WWW_SERVER},
    {"client auth", 0, GNUTLS_KP_TLS_WWW_CLIENT},
    {"code signing", 0, GNUTLS_KP_CODE_SIGNING},
    {"email protection", 0, GNUTLS_KP_EMAIL_PROTECTION},
    {"s/mime", 0, GNUTLS_KP_EMAIL_PROTECTION},
    {"ipsec end system", 0, "1.3.6.1.5.5.7.3.5"},
    {"ipsec tunnel", 0, "1.3.6.1.5.5.7.3.6"},
    {"ipsec user", 0, "1.3.6.1.5.5.7.3.7"},
    {"timestamping", 0, GNUTLS_KP_TIME_STAMPING},
    {"ocsp signing", 0, GNUTLS_KP_OCSP_SIGNING},
    {"microsoft sgc", 0, "1.3.6.1.4.1.311.10.3.3"},
    {"netscape sgc", 0, "2.16.840.1.113730.4.1"},
};

static enum err failed(int code, struct errmsg *message)
{
    return errmsg_set(message, ERR_IO, "certificate: %s", gnutls_strerror(code));
}

/* ---- usages ---- */

int certificate_usage_find(struct str text)
{
    for (int i = 0; i < CERTIFICATE_USAGE_COUNT; i++)
        if (str_equal(text, str_from(usages[i].text)))
            return i;
    return -1;
}

uint32_t certificate_usage_bit(const char *text)
{
    return 1u << (unsigned)certificate_usage_find(str_from(text));
}

uint32_t certificate_usages_of_client(void)
{
    return certificate_usage_bit("digital signature") | certificate_usage_bit("client auth");
}

uint32_t certificate_usages_of_server(void)
{
    return certificate_usage_bit("digital signature") | certificate_usage_bit("server auth");
}

static int usages_set(gnutls_x509_crt_t c, uint32_t wanted)
{
    unsigned key_usage = 0;
    const char *last = "";
    int e = 0;
    for (size_t i = 0; i < CERTIFICATE_USAGE_COUNT; i++)
        key_usage |= wanted >> i & 1 ? usages[i].key_usage : 0;
    if (key_usage)
        e = gnutls_x509_crt_set_key_usage(c, key_usage);
    for (size_t i = 0; i < CERTIFICATE_USAGE_COUNT && e >= 0; i++) {
        if (!(wanted >> i & 1) || !usages[i].purpose || strcmp(last, usages[i].purpose) == 0)
            continue;
        last = usages[i].purpose;
        e = gnutls_x509_crt_set_key_purpose_oid(c, last, 0);
    }
    return e;
}

/* ---- the authority itself ---- */

static gnutls_privkey_t key_import(const struct signing_key *k)
{
    uint8_t x[COORDINATE_SIZE], y[COORDINATE_SIZE], scalar[COORDINATE_SIZE];
    gnutls_privkey_t key;
    signing_key_point(k, x, y);
    signing_key_scalar(k, scalar);
    CHECK(gnutls_privkey_init(&key) >= 0);
    CHECK(gnutls_privkey_import_ecc_raw(
              key, GNUTLS_ECC_CURVE_SECP256R1, &(gnutls_datum_t){x, sizeof(x)},
              &(gnutls_datum_t){y, sizeof(y)}, &(gnutls_datum_t){scalar, sizeof(scalar)}) >= 0);
    return key;
}

static int name_set(gnutls_x509_crt_t c, const char *oid, struct str value)
{
    return gnutls_x509_crt_set_dn_by_oid(c, oid, 0, value.bytes, (unsigned)value.size);
}

static int public_key_set(gnutls_x509_crt_t c, struct str der)
{
    gnutls_pubkey_t key;
    gnutls_datum_t data = {(uint8_t *)(uintptr_t)der.bytes, (unsigned)der.size};
    int e = gnutls_pubkey_init(&key);
    if (e < 0)
        return e;
    e = gnutls_pubkey_import(key, &data, GNUTLS_X509_FMT_DER);
    if (e >= 0)
        e = gnutls_x509_crt_set_pubkey(c, key);
    gnutls_pubkey_deinit(key);
    return e;
}

static int key_id_of(gnutls_x509_crt_t c, uint8_t id[64], size_t *size)
{
    *size = 64;
    return gnutls_x509_crt_get_key_id(c, 0, id, size);
}

static int validity_set(gnutls_x509_crt_t c, int64_t from_s, int64_t to_s)
{
    int e = gnutls_x509_crt_set_activation_time(c, (time_t)from_s);
    return e < 0 ? e : gnutls_x509_crt_set_expiration_time(c, (time_t)to_s);
}

/* Positive, and never the same for two contents. */
static int serial_set(const struct authority *a, gnutls_x509_crt_t c, struct str content)
{
    uint8_t digest[DIGEST_SIZE];
    secret_derive(&a->serials, content, digest);
    digest[0] = (uint8_t)((digest[0] & 0x7f) | 0x40);
    return gnutls_x509_crt_set_serial(c, digest, SERIAL_SIZE);
}

static int pem_write(gnutls_x509_crt_t c, struct text *out)
{
    gnutls_datum_t data = {NULL, 0};
    int e = gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &data);
    if (e >= 0)
        text_add(out, (struct str){(const char *)data.data, data.size});
    gnutls_free(data.data);
    return e;
}

static int sign(const struct authority *a, gnutls_x509_crt_t c)
{
    return gnutls_x509_crt_privkey_sign(c, a->certificate, a->key, GNUTLS_DIG_SHA256,
                                        GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE);
}

struct authority *authority_new(const struct secret *secret)
{
    struct authority *a = mem_new(struct authority);
    struct signing_key *k = signing_key_derive(secret, S("certificate authority"));
    uint8_t public_key[PUBLIC_KEY_DER_SIZE], id[64];
    size_t id_size;
    secret_derive(secret, S("serial numbers"), a->serials.bytes);
    signing_key_public(k, public_key);
    a->key = key_import(k);
    signing_key_free(k);
    struct str der = {(const char *)public_key, sizeof(public_key)};
    CHECK(gnutls_x509_crt_init(&a->certificate) >= 0);
    gnutls_x509_crt_t c = a->certificate;
    CHECK(gnutls_x509_crt_set_version(c, 3) >= 0);
    CHECK(serial_set(a, c, S("kubernetes")) >= 0);
    CHECK(validity_set(c, NOT_BEFORE_S, NOT_AFTER_S) >= 0);
    CHECK(public_key_set(c, der) >= 0);
    CHECK(name_set(c, GNUTLS_OID_X520_COMMON_NAME, S("kubernetes")) >= 0);
    CHECK(gnutls_x509_crt_set_basic_constraints(c, 1, -1) >= 0);
    CHECK(gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_DIGITAL_SIGNATURE |
                                               GNUTLS_KEY_KEY_ENCIPHERMENT) >= 0);
    CHECK(key_id_of(c, id, &id_size) >= 0);
    CHECK(gnutls_x509_crt_set_subject_key_id(c, id, id_size) >= 0);
    CHECK(gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, "kubernetes", 10,
                                               GNUTLS_FSAN_SET) >= 0);
    CHECK(sign(a, c) >= 0);
    CHECK(pem_write(c, &a->pem) >= 0);
    /* One that was read has what verifying looks at. */
    gnutls_x509_crt_deinit(c);
    CHECK(gnutls_x509_crt_init(&a->certificate) >= 0);
    CHECK(gnutls_x509_crt_import(a->certificate,
                                 &(gnutls_datum_t){(uint8_t *)a->pem.bytes, (unsigned)a->pem.size},
                                 GNUTLS_X509_FMT_PEM) >= 0);
    return a;
}

void authority_free(struct authority *a)
{
    if (!a)
        return;
    gnutls_x509_crt_deinit(a->certificate);
    gnutls_privkey_deinit(a->key);
    text_release(&a->pem);
    mem_free(a);
}

struct str authority_certificate(const struct authority *a)
{
    return text_str(&a->pem);
}

/* ---- signing ---- */

/* What all certificates have, but subject and key; then signs and writes. */
static int finish(const struct authority *a, gnutls_x509_crt_t c,
                  const struct certificate_terms *terms, struct str what, struct text *out)
{
    AUTO(text) struct text content = {0};
    uint8_t id[64];
    size_t id_size;
    int64_t from = terms->not_before_s > NOT_BEFORE_S ? terms->not_before_s : NOT_BEFORE_S;
    int64_t to = terms->not_after_s > 0 && terms->not_after_s < NOT_AFTER_S ? terms->not_after_s
                                                                            : NOT_AFTER_S;
    text_printf(&content, "%" PRId64 " %" PRId64 " %x ", from, to, terms->usages);
    text_add(&content, what);
    int e = gnutls_x509_crt_set_version(c, 3);
    if (e >= 0)
        e = serial_set(a, c, text_str(&content));
    if (e >= 0)
        e = validity_set(c, from, to);
    if (e >= 0)
        e = gnutls_x509_crt_set_basic_constraints(c, 0, -1);
    if (e >= 0)
        e = usages_set(c, terms->usages);
    if (e >= 0)
        e = key_id_of(a->certificate, id, &id_size);
    if (e >= 0)
        e = gnutls_x509_crt_set_authority_key_id(c, id, id_size);
    if (e >= 0)
        e = sign(a, c);
    return e >= 0 ? pem_write(c, out) : e;
}

/* IPv4, or IPv6 with or without the brackets that a URL has; 0: a name. */
static unsigned ip_parse(struct str text, uint8_t out[16])
{
    char copy[INET6_ADDRSTRLEN];
    if (str_starts_with(text, S("[")) && str_ends_with(text, S("]")))
        text = str_slice(text, 1, text.size - 1);
    if (text.size >= sizeof(copy))
        return 0;
    memcpy(copy, text.bytes, text.size);
    copy[text.size] = 0;
    return inet_pton(AF_INET, copy, out) == 1 ? 4 : inet_pton(AF_INET6, copy, out) == 1 ? 16 : 0;
}

static int hosts_set(gnutls_x509_crt_t c, const struct certificate_terms *t)
{
    int e = 0;
    for (size_t i = 0; i < t->host_count && e >= 0; i++) {
        uint8_t address[16];
        unsigned size = ip_parse(t->hosts[i], address);
        if (size > 0)
            e = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, address, size,
                                                     GNUTLS_FSAN_APPEND);
        else
            e = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, t->hosts[i].bytes,
                                                     (unsigned)t->hosts[i].size,
                                                     GNUTLS_FSAN_APPEND);
    }
    return e;
}

enum err authority_sign(const struct authority *a, struct str public_key,
                        const struct certificate_terms *terms, struct text *ret_certificate,
                        struct errmsg *message)
{
    AUTO(text) struct text what = {0};
    gnutls_x509_crt_t c = NULL;
    text_add(&what, public_key);
    text_add(&what, terms->name);
    int e = gnutls_x509_crt_init(&c);
    if (e < 0)
        return failed(e, message);
    e = public_key_set(c, public_key);
    for (size_t i = 0; i < terms->group_count && e >= 0; i++) {
        text_printf(&what, "/%.*s", STR_ARG(terms->groups[i]));
        e = name_set(c, GNUTLS_OID_X520_ORGANIZATION_NAME, terms->groups[i]);
    }
    if (e >= 0)
        e = name_set(c, GNUTLS_OID_X520_COMMON_NAME, terms->name);
    if (e >= 0)
        e = hosts_set(c, terms);
    if (e >= 0)
        e = finish(a, c, terms, text_str(&what), ret_certificate);
    gnutls_x509_crt_deinit(c);
    return e < 0 ? failed(e, message) : ERR_OK;
}

/* ---- requests ---- */

/* One block of the right type, without headers, and only blanks behind it. */
static bool is_one_block(struct str pem)
{
    struct str begin = S(PEM_REQUEST_BEGIN), dashes = S("-----BEGIN");
    size_t at = 0;
    while (at < pem.size && !str_starts_with(str_slice(pem, at, pem.size), dashes))
        at++;
    return str_starts_with(str_slice(pem, at, pem.size), begin);
}

static enum err request_import(struct str pem, gnutls_x509_crq_t *ret_request,
                               struct errmsg *message)
{
    gnutls_datum_t data = {(uint8_t *)(uintptr_t)pem.bytes, (unsigned)pem.size};
    if (!is_one_block(pem))
        return errmsg_set(message, ERR_SYNTAX, "PEM block type must be CERTIFICATE REQUEST");
    int e = gnutls_x509_crq_init(ret_request);
    if (e < 0)
        return failed(e, message);
    e = gnutls_x509_crq_import(*ret_request, &data, GNUTLS_X509_FMT_PEM);
    if (e < 0) {
        gnutls_x509_crq_deinit(*ret_request);
        return errmsg_set(message, ERR_SYNTAX, "asn1: structure error: %s", gnutls_strerror(e));
    }
    if (gnutls_x509_crq_verify(*ret_request, 0) >= 0)
        return ERR_OK;
    gnutls_x509_crq_deinit(*ret_request);
    return errmsg_set(message, ERR_SYNTAX, "x509: ECDSA verification failure");
}

static void names_release(struct request_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        text_release(&names->items[i]);
}

static enum err names_add(struct request_names *names, const void *bytes, size_t size,
                          struct errmsg *message)
{
    if (names->count == REQUEST_NAMES_MAX)
        return errmsg_set(message, ERR_SYNTAX, "more than %d names", REQUEST_NAMES_MAX);
    text_add(&names->items[names->count++], (struct str){bytes, size});
    return ERR_OK;
}

static enum err alternative_names(gnutls_x509_crq_t q, struct signing_request *r,
                                  struct errmsg *message)
{
    for (unsigned i = 0;; i++) {
        uint8_t name[1024];
        size_t size = sizeof(name);
        unsigned type = 0, critical = 0;
        int e = gnutls_x509_crq_get_subject_alt_name(q, i, name, &size, &type, &critical);
        if (e < 0)
            return e == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ? ERR_OK : failed(e, message);
        struct request_names *names = e == GNUTLS_SAN_DNSNAME      ? &r->dns_names
                                      : e == GNUTLS_SAN_IPADDRESS  ? &r->ip_addresses
                                      : e == GNUTLS_SAN_RFC822NAME ? &r->email_addresses
                                      : e == GNUTLS_SAN_URI        ? &r->uris
                                                                   : NULL;
        if (names && names_add(names, name, size, message))
            return ERR_SYNTAX;
    }
}

bool der_text(const uint8_t *der, size_t size, struct text *out)
{
    /* UTF8String, NumericString, PrintableString, TeletexString, IA5String */
    static const uint8_t tags[] = {12, 18, 19, 20, 22};
    size_t head = 2, length = size > 1 ? der[1] : 0;
    if (size < 2 || !memchr(tags, der[0], sizeof(tags)))
        return false;
    if (length == 0x81 && size > 2) {
        length = der[2];
        head = 3;
    } else if (length == 0x82 && size > 3) {
        length = (size_t)der[2] << 8 | der[3];
        head = 4;
    } else if (length >= 0x80) {
        return false;
    }
    if (length != size - head || memchr(der + head, 0, length))
        return false;
    text_add(out, (struct str){(const char *)der + head, length});
    return true;
}

/* Each attribute of the subject with this OID. */
static enum err subject_names(gnutls_x509_crq_t q, const char *oid, struct request_names *names,
                              struct errmsg *message)
{
    for (unsigned i = 0;; i++) {
        uint8_t der[2048];
        size_t size = sizeof(der);
        AUTO(text) struct text name = {0};
        int e = gnutls_x509_crq_get_dn_by_oid(q, oid, i, 1, der, &size);
        if (e == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return ERR_OK;
        if (e < 0 || !der_text(der, size, &name))
            return errmsg_set(message, ERR_SYNTAX, "x509: invalid subject");
        if (names_add(names, text_c(&name), name.size, message))
            return ERR_SYNTAX;
    }
}

enum err signing_request_parse(struct str pem, struct signing_request *ret_request,
                               struct errmsg *message)
{
    gnutls_x509_crq_t q;
    struct request_names common = {0};
    *ret_request = (struct signing_request){0};
    enum err error = request_import(pem, &q, message);
    if (error)
        return error;
    error = subject_names(q, GNUTLS_OID_X520_COMMON_NAME, &common, message);
    if (common.count > 0)
        text_add(&ret_request->common_name, text_str(&common.items[common.count - 1]));
    names_release(&common);
    if (!error)
        error = subject_names(q, GNUTLS_OID_X520_ORGANIZATION_NAME, &ret_request->organizations,
                              message);
    if (!error)
        error = alternative_names(q, ret_request, message);
    gnutls_x509_crq_deinit(q);
    if (error)
        signing_request_release(ret_request);
    return error;
}

void signing_request_release(struct signing_request *q)
{
    text_release(&q->common_name);
    names_release(&q->organizations);
    names_release(&q->dns_names);
    names_release(&q->ip_addresses);
    names_release(&q->email_addresses);
    names_release(&q->uris);
    *q = (struct signing_request){0};
}

static int from_request(gnutls_x509_crt_t c, gnutls_x509_crq_t q)
{
    int e = gnutls_x509_crt_set_crq(c, q);
    if (e < 0)
        return e;
    e = gnutls_x509_crt_set_crq_extension_by_oid(c, q, SUBJECT_ALTERNATIVE_NAME, 0);
    return e == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ? 0 : e;
}

enum err authority_sign_request(const struct authority *a, struct str request_pem,
                                const struct certificate_terms *terms, struct text *ret_certificate,
                                struct errmsg *message)
{
    gnutls_x509_crq_t q;
    gnutls_x509_crt_t c = NULL;
    enum err error = request_import(request_pem, &q, message);
    if (error)
        return error;
    int e = gnutls_x509_crt_init(&c);
    if (e >= 0)
        e = from_request(c, q);
    if (e >= 0)
        e = finish(a, c, terms, request_pem, ret_certificate);
    if (c)
        gnutls_x509_crt_deinit(c);
    gnutls_x509_crq_deinit(q);
    return e < 0 ? failed(e, message) : ERR_OK;
}

bool authority_has_signed(const struct authority *a, struct str certificate_pem)
{
    gnutls_x509_trust_list_t list;
    gnutls_x509_crt_t c, own = a->certificate;
    gnutls_datum_t data = {(uint8_t *)(uintptr_t)certificate_pem.bytes,
                           (unsigned)certificate_pem.size};
    unsigned result = 1;
    if (gnutls_x509_crt_init(&c) < 0)
        return false;
    CHECK(gnutls_x509_trust_list_init(&list, 0) >= 0);
    bool is_signed = gnutls_x509_crt_import(c, &data, GNUTLS_X509_FMT_PEM) >= 0 &&
                     gnutls_x509_trust_list_add_cas(list, &own, 1, 0) == 1 &&
                     gnutls_x509_trust_list_verify_crt(
                         list, &c, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &result, NULL) >= 0 &&
                     result == 0;
    gnutls_x509_trust_list_deinit(list, 0);
    gnutls_x509_crt_deinit(c);
    return is_signed;
}

bool certificate_end(struct str certificate_pem, int64_t *ret_end_s)
{
    gnutls_x509_crt_t c;
    gnutls_datum_t data = {(uint8_t *)(uintptr_t)certificate_pem.bytes,
                           (unsigned)certificate_pem.size};
    if (gnutls_x509_crt_init(&c) < 0)
        return false;
    bool is_read = gnutls_x509_crt_import(c, &data, GNUTLS_X509_FMT_PEM) >= 0;
    if (is_read)
        *ret_end_s = gnutls_x509_crt_get_expiration_time(c);
    gnutls_x509_crt_deinit(c);
    return is_read;
}
