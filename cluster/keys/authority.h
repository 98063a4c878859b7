/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate authority of a cluster, below the edge: its key, its own certificate and every
 * certificate that it signs are pure functions of the cluster's secret and of what is asked, so
 * that a replay signs the same bytes. Keys of clients and servers are made elsewhere; they come
 * here as public keys or as signing requests.
 *
 *     struct authority *a = authority_new(&secret);
 *     struct signing_request q;
 *     if (signing_request_parse(pem, &q, &message) == ERR_OK) ...
 *     authority_sign_request(a, pem, &(struct certificate_terms){...}, &certificate, &message);
 */
#ifndef CLUSTER_KEYS_AUTHORITY_H
#define CLUSTER_KEYS_AUTHORITY_H

#include "cluster/keys/signature.h"

#define REQUEST_NAMES_MAX 64 /* of each kind; a request with more is refused */

/* Usages as CertificateSigningRequests name them ("digital signature"): a bit each. */
#define CERTIFICATE_USAGE_COUNT 23
/* The number of its bit; -1: there is no such usage. */
int certificate_usage_find(struct str text);
uint32_t certificate_usage_bit(const char *text); /* of one that there is */
/* The bits of those that components use. */
uint32_t certificate_usages_of_client(void); /* digital signature, client auth */
uint32_t certificate_usages_of_server(void);

struct certificate_terms {
    int64_t not_before_s, not_after_s; /* Unix; cut to the authority's own */
    uint32_t usages;
    /* Of authority_sign alone; a signing request brings its own. */
    struct str name;          /* common name */
    const struct str *groups; /* organisations */
    size_t group_count;
    const struct str *hosts; /* names and IPv4 addresses */
    size_t host_count;
};

struct authority;
struct authority *authority_new(const struct secret *secret);
void authority_free(struct authority *a);
struct str authority_certificate(const struct authority *a); /* PEM */
/* `public_key`: a SubjectPublicKeyInfo, DER. The certificate is PEM. */
enum err authority_sign(const struct authority *a, struct str public_key,
                        const struct certificate_terms *terms, struct text *ret_certificate,
                        struct errmsg *message) MUST_CHECK;
enum err authority_sign_request(const struct authority *a, struct str request_pem,
                                const struct certificate_terms *terms, struct text *ret_certificate,
                                struct errmsg *message) MUST_CHECK;
/* Was this PEM certificate signed by it? For tests. */
bool authority_has_signed(const struct authority *a, struct str certificate_pem);

/* When a certificate (PEM) runs out, in Unix seconds; false: it is none. */
bool certificate_end(struct str certificate_pem, int64_t *ret_end_s);

/* The text of a string in DER, as names of subjects have them, appended; false: no text, or one with
 * a NUL, where some would take it to end. */
bool der_text(const uint8_t *der, size_t size, struct text *out);

/* What a PKCS#10 request says; of several common names the last. Lists are owned. */
struct request_names {
    size_t count;
    struct text items[REQUEST_NAMES_MAX];
};
struct signing_request {
    struct text common_name;
    struct request_names organizations, dns_names, ip_addresses, email_addresses, uris;
};
/* One PEM block "CERTIFICATE REQUEST" whose signature holds. */
enum err signing_request_parse(struct str pem, struct signing_request *ret_request,
                               struct errmsg *message) MUST_CHECK;
void signing_request_release(struct signing_request *q);

#endif
