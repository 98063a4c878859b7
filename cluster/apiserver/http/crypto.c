/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys are on the curve P-256: made in less than a millisecond, so `serve` answers at once. A
 * certificate authority lives as long as the program; the certificates are valid for a year of the
 * wall clock, which is what a client compares them with, whatever the virtual clock says.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/crypto.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define VALID_SECONDS (365 * 24 * 3600)
#define BACKDATE_SECONDS 3600 /* clocks of clients may be late */
#define GROUPS_MAX 64

struct authority {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
    struct text pem;
};

static enum err failed(int code, struct errmsg *message)
{
    return errmsg_set(message, ERR_IO, "TLS: %s", gnutls_strerror(code));
}

/* ---- making certificates ---- */

static int key_new(gnutls_x509_privkey_t *ret_key)
{
    int e = gnutls_x509_privkey_init(ret_key);
    if (e < 0)
        return e;
    return gnutls_x509_privkey_generate(*ret_key, GNUTLS_PK_ECDSA,
                                        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

/* A certificate with what all have: version, serial number, validity, key. */
static int certificate_new(gnutls_x509_privkey_t key, gnutls_x509_crt_t *ret_certificate)
{
    uint8_t serial[16];
    time_t now = time(NULL);
    int e = gnutls_x509_crt_init(ret_certificate);
    if (e < 0)
        return e;
    gnutls_x509_crt_t c = *ret_certificate;
    e = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] &= 0x7f;
    serial[0] |= 0x01;
    if (e >= 0)
        e = gnutls_x509_crt_set_version(c, 3);
    if (e >= 0)
        e = gnutls_x509_crt_set_serial(c, serial, sizeof(serial));
    if (e >= 0)
        e = gnutls_x509_crt_set_activation_time(c, now - BACKDATE_SECONDS);
    if (e >= 0)
        e = gnutls_x509_crt_set_expiration_time(c, now + VALID_SECONDS);
    if (e >= 0)
        e = gnutls_x509_crt_set_key(c, key);
    return e;
}

static int name_set(gnutls_x509_crt_t c, const char *oid, struct str value)
{
    return gnutls_x509_crt_set_dn_by_oid(c, oid, 0, value.bytes, (unsigned)value.size);
}

static int subject_key_id_set(gnutls_x509_crt_t c)
{
    uint8_t id[64];
    size_t size = sizeof(id);
    int e = gnutls_x509_crt_get_key_id(c, 0, id, &size);
    return e < 0 ? e : gnutls_x509_crt_set_subject_key_id(c, id, size);
}

static int pem_write(int code, gnutls_datum_t *data, struct text *out)
{
    if (code >= 0)
        text_add(out, (struct str){(const char *)data->data, data->size});
    gnutls_free(data->data);
    return code;
}

static int certificate_write(gnutls_x509_crt_t c, struct text *out)
{
    gnutls_datum_t data = {NULL, 0};
    return pem_write(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &data), &data, out);
}

static int key_write(gnutls_x509_privkey_t key, struct text *out)
{
    gnutls_datum_t data = {NULL, 0};
    return pem_write(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &data), &data, out);
}

struct authority *authority_new(struct errmsg *message)
{
    struct authority *a = mem_new(struct authority);
    int e = key_new(&a->key);
    if (e >= 0)
        e = certificate_new(a->key, &a->certificate);
    if (e >= 0)
        e = name_set(a->certificate, GNUTLS_OID_X520_COMMON_NAME, S("kubernetes"));
    if (e >= 0)
        e = gnutls_x509_crt_set_basic_constraints(a->certificate, 1, -1);
    if (e >= 0)
        e = gnutls_x509_crt_set_key_usage(a->certificate,
                                          GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (e >= 0)
        e = subject_key_id_set(a->certificate);
    if (e >= 0)
        e = gnutls_x509_crt_sign2(a->certificate, a->certificate, a->key, GNUTLS_DIG_SHA256, 0);
    if (e >= 0)
        e = certificate_write(a->certificate, &a->pem);
    if (e >= 0)
        return a;
    (void)failed(e, message);
    authority_free(a);
    return NULL;
}

void authority_free(struct authority *a)
{
    if (!a)
        return;
    if (a->certificate)
        gnutls_x509_crt_deinit(a->certificate);
    if (a->key)
        gnutls_x509_privkey_deinit(a->key);
    text_release(&a->pem);
    mem_free(a);
}

struct str authority_certificate(const struct authority *a)
{
    return text_str(&a->pem);
}

static bool ipv4_parse(struct str text, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        int64_t n;
        if (!str_to_int64(str_cut(text, '.', &text), &n) || n < 0 || n > 255)
            return false;
        out[i] = (uint8_t)n;
    }
    return text.size == 0;
}

static int hosts_set(gnutls_x509_crt_t c, const struct subject *s)
{
    int e = 0;
    for (size_t i = 0; i < s->host_count && e >= 0; i++) {
        uint8_t address[4];
        if (ipv4_parse(s->hosts[i], address))
            e = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, address,
                                                     sizeof(address), GNUTLS_FSAN_APPEND);
        else
            e = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, s->hosts[i].bytes,
                                                     (unsigned)s->hosts[i].size,
                                                     GNUTLS_FSAN_APPEND);
    }
    return e;
}

enum err authority_issue(struct authority *a, const struct subject *subject,
                         struct identity *ret_identity, struct errmsg *message)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t c = NULL;
    const char *purpose = subject->is_server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    int e = key_new(&key);
    if (e >= 0)
        e = certificate_new(key, &c);
    for (size_t i = 0; i < subject->group_count && e >= 0; i++)
        e = name_set(c, GNUTLS_OID_X520_ORGANIZATION_NAME, subject->groups[i]);
    if (e >= 0)
        e = name_set(c, GNUTLS_OID_X520_COMMON_NAME, subject->name);
    if (e >= 0)
        e = gnutls_x509_crt_set_basic_constraints(c, 0, -1);
    if (e >= 0)
        e = gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (e >= 0)
        e = gnutls_x509_crt_set_key_purpose_oid(c, purpose, 0);
    if (e >= 0)
        e = hosts_set(c, subject);
    if (e >= 0)
        e = gnutls_x509_crt_sign2(c, a->certificate, a->key, GNUTLS_DIG_SHA256, 0);
    if (e >= 0)
        e = certificate_write(c, &ret_identity->certificate);
    if (e >= 0)
        e = key_write(key, &ret_identity->key);
    if (c)
        gnutls_x509_crt_deinit(c);
    if (key)
        gnutls_x509_privkey_deinit(key);
    return e < 0 ? failed(e, message) : ERR_OK;
}

void identity_release(struct identity *i)
{
    text_release(&i->certificate);
    text_release(&i->key);
}

/* ---- who is it ---- */

static bool name_get(gnutls_x509_crt_t c, const char *oid, unsigned index, struct text *out)
{
    char name[1024];
    size_t size = sizeof(name);
    if (gnutls_x509_crt_get_dn_by_oid(c, oid, index, 0, name, &size) < 0)
        return false;
    text_add(out, (struct str){name, size});
    return true;
}

static const struct credential *credential_of(gnutls_x509_crt_t c)
{
    AUTO(text) struct text user = {0};
    struct text groups[GROUPS_MAX] = {{0}};
    struct str names[GROUPS_MAX];
    size_t count = 0;
    (void)name_get(c, GNUTLS_OID_X520_COMMON_NAME, 0, &user);
    while (count < GROUPS_MAX &&
           name_get(c, GNUTLS_OID_X520_ORGANIZATION_NAME, (unsigned)count, &groups[count])) {
        names[count] = text_str(&groups[count]);
        count++;
    }
    const struct credential *credential = credential_certificate(text_str(&user), names, count);
    for (size_t i = 0; i < count; i++)
        text_release(&groups[i]);
    return credential;
}

bool session_credential(void *session, const struct credential **ret_credential)
{
    unsigned count = 0, status = 0;
    *ret_credential = NULL;
    if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_CLIENT) != GNUTLS_CRT_X509)
        return true;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (!chain || count == 0)
        return true;
    if (gnutls_certificate_verify_peers2(session, &status) < 0 || status != 0)
        return false;
    gnutls_x509_crt_t c;
    if (gnutls_x509_crt_init(&c) < 0)
        return false;
    bool is_read = gnutls_x509_crt_import(c, &chain[0], GNUTLS_X509_FMT_DER) >= 0;
    if (is_read)
        *ret_credential = credential_of(c);
    gnutls_x509_crt_deinit(c);
    return is_read;
}

/* ---- digests ---- */

void digest_sha256(struct str s, uint8_t out[SHA256_SIZE])
{
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, s.bytes, s.size, out) >= 0);
}

void digest_sha512(struct str s, uint8_t out[SHA512_SIZE])
{
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA512, s.bytes, s.size, out) >= 0);
}

void base64_write(const uint8_t *bytes, size_t size, struct text *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t word = (uint32_t)bytes[i] << 16;
        word |= i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0;
        word |= i + 2 < size ? bytes[i + 2] : 0;
        text_add_byte(out, digits[word >> 18]);
        text_add_byte(out, digits[(word >> 12) & 63]);
        text_add_byte(out, i + 1 < size ? digits[(word >> 6) & 63] : '=');
        text_add_byte(out, i + 2 < size ? digits[word & 63] : '=');
    }
}

void random_uuid(struct text *out)
{
    uint8_t b[16];
    CHECK(gnutls_rnd(GNUTLS_RND_NONCE, b, sizeof(b)) >= 0);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text_add_byte(out, '-');
        text_printf(out, "%02x", b[i]);
    }
}
