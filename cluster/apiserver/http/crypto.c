/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys are on the curve P-256: made in less than a millisecond, so `serve` answers at once.
 *
 * Upstream: x509.go of the API server's authenticators: the common name is the user, organisations
 * are groups, the attribute 1.3.6.1.4.1.57683.2 is a uid, and the digest of the certificate is the
 * id of the credential.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define GROUPS_MAX 64
#define UID_OID "1.3.6.1.4.1.57683.2"

static enum err failed(int code, struct errmsg *message)
{
    return errmsg_set(message, ERR_IO, "TLS: %s", gnutls_strerror(code));
}

/* ---- secrets ---- */

void secret_make(struct secret *ret_secret)
{
    CHECK(gnutls_rnd(GNUTLS_RND_KEY, ret_secret->bytes, sizeof(ret_secret->bytes)) >= 0);
}

static enum err file_failed(const char *path, struct errmsg *message)
{
    return errmsg_set(message, ERR_IO, "%s: %s", path, strerror(errno));
}

static enum err file_write(const char *path, mode_t mode, const void *bytes, size_t size,
                           struct errmsg *message)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return file_failed(path, message);
    bool is_written = write(fd, bytes, size) == (ssize_t)size;
    is_written &= fsync(fd) == 0;
    is_written &= close(fd) == 0;
    return is_written ? ERR_OK : file_failed(path, message);
}

static enum err secret_write(const char *path, const char *certificate_path,
                             struct secret *ret_secret, struct errmsg *message)
{
    secret_make(ret_secret);
    struct authority *a = authority_new(ret_secret);
    struct str pem = authority_certificate(a);
    (void)unlink(certificate_path); /* of an authority that is no more */
    enum err e = file_write(certificate_path, 0644, pem.bytes, pem.size, message);
    authority_free(a);
    return e ? e : file_write(path, 0600, ret_secret->bytes, sizeof(ret_secret->bytes), message);
}

enum err secret_keep(const char *folder, struct secret *ret_secret, struct errmsg *message)
{
    AUTO(text) struct text path = {0};
    AUTO(text) struct text certificate = {0};
    text_printf(&path, "%s/pki", folder);
    if ((mkdir(folder, 0700) < 0 && errno != EEXIST) ||
        (mkdir(text_c(&path), 0700) < 0 && errno != EEXIST))
        return file_failed(text_c(&path), message);
    text_printf(&certificate, "%s/ca.crt", text_c(&path));
    text_add(&path, S("/cluster.secret"));
    int fd = open(text_c(&path), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return secret_write(text_c(&path), text_c(&certificate), ret_secret, message);
    if (fd < 0)
        return file_failed(text_c(&path), message);
    uint8_t beyond[1];
    bool is_whole = read(fd, ret_secret->bytes, SECRET_SIZE) == SECRET_SIZE &&
                    read(fd, beyond, sizeof(beyond)) == 0;
    (void)close(fd);
    return is_whole ? ERR_OK
                    : errmsg_set(message, ERR_VALUE, "%s: not a secret of %d bytes", text_c(&path),
                                 SECRET_SIZE);
}

/* ---- identities ---- */

static int key_write(gnutls_x509_privkey_t key, struct text *out)
{
    gnutls_datum_t data = {NULL, 0};
    int e = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &data);
    if (e >= 0)
        text_add(out, (struct str){(const char *)data.data, data.size});
    gnutls_free(data.data);
    return e;
}

/* A new key, and its public half. */
static int key_make(struct text *ret_key, struct text *ret_public)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_privkey_t private = NULL;
    gnutls_pubkey_t public = NULL;
    gnutls_datum_t data = {NULL, 0};
    int e = gnutls_x509_privkey_init(&key);
    if (e >= 0)
        e = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (e >= 0)
        e = key_write(key, ret_key);
    if (e >= 0)
        e = gnutls_privkey_init(&private);
    if (e >= 0)
        e = gnutls_privkey_import_x509(private, key, 0);
    if (e >= 0)
        e = gnutls_pubkey_init(&public);
    if (e >= 0)
        e = gnutls_pubkey_import_privkey(public, private, 0, 0);
    if (e >= 0)
        e = gnutls_pubkey_export2(public, GNUTLS_X509_FMT_DER, &data);
    if (e >= 0)
        text_add(ret_public, (struct str){(const char *)data.data, data.size});
    gnutls_free(data.data);
    if (public)
        gnutls_pubkey_deinit(public);
    if (private)
        gnutls_privkey_deinit(private);
    if (key)
        gnutls_x509_privkey_deinit(key);
    return e;
}

enum err identity_issue(const struct authority *a, const struct subject *subject,
                        struct identity *ret_identity, struct errmsg *message)
{
    AUTO(text) struct text public = {0};
    int e = key_make(&ret_identity->key, &public);
    if (e < 0)
        return failed(e, message);
    return authority_sign(
        a, text_str(&public),
        &(struct certificate_terms){.not_before_s = subject->not_before_s,
                                    .not_after_s = subject->not_after_s,
                                    .usages = subject->is_server ? certificate_usages_of_server()
                                                                 : certificate_usages_of_client(),
                                    .name = subject->name,
                                    .groups = subject->groups,
                                    .group_count = subject->group_count,
                                    .hosts = subject->hosts,
                                    .host_count = subject->host_count},
        &ret_identity->certificate, message);
}

void identity_release(struct identity *i)
{
    text_release(&i->certificate);
    text_release(&i->key);
}

/* ---- who is it ---- */

/* The index-th attribute of the subject; *ret_bad: there is one, and it is no text. */
static bool name_get(gnutls_x509_crt_t c, const char *oid, unsigned index, struct text *out,
                     bool *ret_bad)
{
    uint8_t der[2048];
    size_t size = sizeof(der);
    int e = gnutls_x509_crt_get_dn_by_oid(c, oid, index, 1, der, &size);
    bool is_text = e >= 0 && der_text(der, size, out);
    *ret_bad |= !is_text && e != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
    return is_text;
}

/* The last one counts. */
static void last_name_get(gnutls_x509_crt_t c, const char *oid, struct text *out, bool *ret_bad)
{
    AUTO(text) struct text one = {0};
    for (unsigned i = 0; name_get(c, oid, i, &one, ret_bad); i++) {
        text_clear(out);
        text_add(out, text_str(&one));
        text_clear(&one);
    }
}

static void credential_id(gnutls_x509_crt_t c, struct text *out)
{
    uint8_t digest[SHA256_SIZE];
    size_t size = sizeof(digest);
    if (gnutls_x509_crt_get_fingerprint(c, GNUTLS_DIG_SHA256, digest, &size) < 0)
        return;
    text_add(out, S("X509SHA256="));
    for (size_t i = 0; i < size; i++)
        text_printf(out, "%02x", digest[i]);
}

/* NULL: its subject cannot be read. */
static const struct credential *credential_of(gnutls_x509_crt_t c)
{
    bool is_bad = false;
    AUTO(text) struct text user = {0};
    AUTO(text) struct text uid = {0};
    AUTO(text) struct text id = {0};
    struct text groups[GROUPS_MAX] = {{0}};
    struct str names[GROUPS_MAX];
    size_t count = 0;
    last_name_get(c, GNUTLS_OID_X520_COMMON_NAME, &user, &is_bad);
    last_name_get(c, UID_OID, &uid, &is_bad);
    credential_id(c, &id);
    while (count < GROUPS_MAX && name_get(c, GNUTLS_OID_X520_ORGANIZATION_NAME, (unsigned)count,
                                          &groups[count], &is_bad)) {
        names[count] = text_str(&groups[count]);
        count++;
    }
    const struct credential *credential = credential_copy(
        &(struct credential){.kind = CREDENTIAL_CERTIFICATE,
                             .user = text_str(&user),
                             .groups = names,
                             .group_count = count,
                             .uid = text_str(&uid),
                             .id = text_str(&id),
                             .not_before_s = gnutls_x509_crt_get_activation_time(c),
                             .not_after_s = gnutls_x509_crt_get_expiration_time(c)});
    for (size_t i = 0; i < count; i++)
        text_release(&groups[i]);
    return credential;
}

/* Signed by the authority, for clients. When it is valid the API server looks at. */
static bool is_trusted(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = 0;
    gnutls_session_set_verify_cert2(session, &purpose, 1,
                                    GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                                        GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS);
    return gnutls_certificate_verify_peers(session, &purpose, 1, &status) >= 0 && status == 0;
}

bool session_credential(void *session, const struct credential **ret_credential)
{
    unsigned count = 0;
    *ret_credential = NULL;
    if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_CLIENT) != GNUTLS_CRT_X509)
        return true;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (!chain || count == 0)
        return true;
    if (!is_trusted(session))
        return false;
    gnutls_x509_crt_t c;
    if (gnutls_x509_crt_init(&c) < 0)
        return false;
    bool is_read = gnutls_x509_crt_import(c, &chain[0], GNUTLS_X509_FMT_DER) >= 0;
    if (is_read)
        *ret_credential = credential_of(c);
    gnutls_x509_crt_deinit(c);
    return *ret_credential != NULL;
}

struct session_tickets {
    gnutls_datum_t key;
};

struct session_tickets *session_tickets_new(void)
{
    struct session_tickets *t = mem_new(struct session_tickets);
    if (gnutls_session_ticket_key_generate(&t->key) >= 0)
        return t;
    mem_free(t);
    return NULL;
}

void session_tickets_free(struct session_tickets *t)
{
    if (!t)
        return;
    gnutls_memset(t->key.data, 0, t->key.size);
    gnutls_free(t->key.data);
    mem_free(t);
}

void session_tickets_offer(const struct session_tickets *t, void *session)
{
    if (t)
        (void)gnutls_session_ticket_enable_server(session, &t->key);
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
