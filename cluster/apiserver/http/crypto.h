/* SPDX-License-Identifier: Apache-2.0
 *
 * GnuTLS at the edge: secrets and private keys made with real randomness, secrets kept in a folder,
 * who stands behind a TLS session, digests. Certificates are signed below (cluster/keys).
 *
 *     struct secret secret;                                   the cluster's keys follow from it
 *     secret_keep("/var/lib/wavetank", &secret, &message);    or secret_make(&secret)
 *     ... cluster_options.secret = &secret ...
 *     struct identity alice = {0};
 *     identity_issue(cluster_keys(c)->authority, &(struct subject){.name = S("alice")}, &alice,
 *                    &message);
 *
 * The secret belongs to what is recorded of a session: a replay needs it to sign the same bytes.
 * Whoever reads a recording can act as anybody in that cluster.
 */
#ifndef CLUSTER_APISERVER_HTTP_CRYPTO_H
#define CLUSTER_APISERVER_HTTP_CRYPTO_H

#include "cluster/api/request.h"
#include "cluster/keys/keys.h"
#include "sim/base/text.h"

void secret_make(struct secret *ret_secret);
/* The secret of FOLDER/pki/cluster.secret; made when it is not there (mode 0600), together with
 * ca.crt for other programs to read. */
enum err secret_keep(const char *folder, struct secret *ret_secret,
                     struct errmsg *message) MUST_CHECK;

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
    /* Unix seconds of the cluster's clock; 0: as long as the authority. A client's certificate is
     * looked at with the virtual clock, a server's by clients with theirs. */
    int64_t not_before_s, not_after_s;
};
enum err identity_issue(const struct authority *a, const struct subject *subject,
                        struct identity *ret_identity, struct errmsg *message) MUST_CHECK;
void identity_release(struct identity *i);

/* Of the client behind a session (a gnutls_session_t): owned; NULL when it showed no certificate.
 * False: it showed one that the authority did not sign, or not for clients. */
bool session_credential(void *session, const struct credential **ret_credential);

/* Clients get tickets with which a later connection needs no certificates and signatures again: of
 * who one was is in them, under a key of the server's. NULL: without. */
struct session_tickets;
struct session_tickets *session_tickets_new(void);
void session_tickets_free(struct session_tickets *t);
void session_tickets_offer(const struct session_tickets *t, void *session); /* before it begins */

#define SHA256_SIZE 32
#define SHA512_SIZE 64
void digest_sha256(struct str s, uint8_t out[SHA256_SIZE]);
void digest_sha512(struct str s, uint8_t out[SHA512_SIZE]);
/* A random UUID, for Audit-Id. */
void random_uuid(struct text *out);

#endif
