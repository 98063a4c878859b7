/* SPDX-License-Identifier: Apache-2.0
 *
 * GnuTLS behind one adapter: the certificate authority of a cluster, certificates that it signs,
 * who
 * stands behind a TLS session, digests. The keys and certificates are made with real randomness and
 * the real clock: an edge; nothing of them reaches the simulation but names.
 *
 *     struct authority *a = authority_new(&message);
 *     struct identity server = {0};
 *     authority_issue(a, &(struct subject){.name = S("kube-apiserver"), .is_server = true},
 *     &server,
 *                     &message);
 */
#ifndef CLUSTER_APISERVER_HTTP_CRYPTO_H
#define CLUSTER_APISERVER_HTTP_CRYPTO_H

#include "cluster/api/request.h"
#include "sim/base/text.h"

struct authority;
/* A certificate and its key, PEM. */
struct identity {
    struct text certificate, key;
};
struct subject {
    struct str name;          /* common name */
    const struct str *groups; /* organisations */
    size_t group_count;
    bool is_server;
    const struct str *hosts; /* of a server: names and IPv4 addresses */
    size_t host_count;
};
struct authority *authority_new(struct errmsg *message);
void authority_free(struct authority *a);
struct str authority_certificate(const struct authority *a); /* PEM */
enum err authority_issue(struct authority *a, const struct subject *subject,
                         struct identity *ret_identity, struct errmsg *message) MUST_CHECK;
void identity_release(struct identity *i);

/* Of the client behind a session (a gnutls_session_t): owned; NULL when it showed no certificate.
 * False: it showed one that the authority did not sign or that is not valid now. */
bool session_credential(void *session, const struct credential **ret_credential);

#define SHA256_SIZE 32
#define SHA512_SIZE 64
void digest_sha256(struct str s, uint8_t out[SHA256_SIZE]);
void digest_sha512(struct str s, uint8_t out[SHA512_SIZE]);
void base64_write(const uint8_t *bytes, size_t size, struct text *out); /* standard, padded */
/* A random UUID, for Audit-Id. */
void random_uuid(struct text *out);

#endif
