/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures below the edge: one secret of 256 bits stands for all key material of a cluster, and
 * everything that is signed is a pure function of the secret and of what is signed. Whoever does
 * not hold the secret cannot forge.
 *
 *     struct secret secret;
 *     secret_of_seed(7, &secret);                     a run; `serve` takes one from the edge
 *     struct signing_key *k = signing_key_derive(&secret, S("service accounts"));
 *     signing_key_sign(k, S("text"), signature);
 *     signing_key_verify(k, S("text"), signature)     true
 *     signing_key_free(k);
 */
#ifndef CLUSTER_KEYS_SIGNATURE_H
#define CLUSTER_KEYS_SIGNATURE_H

#include "sim/base/text.h"

#define SECRET_SIZE 32
#define DIGEST_SIZE 32         /* SHA-256 */
#define SIGNATURE_SIZE 64      /* ES256: r, then s */
#define PUBLIC_KEY_DER_SIZE 91 /* a SubjectPublicKeyInfo of P-256 */
#define COORDINATE_SIZE 32

struct secret {
    uint8_t bytes[SECRET_SIZE];
};
/* Of a run without a secret of its own: as easy to guess as the seed, which is no secret. */
void secret_of_seed(uint64_t seed, struct secret *ret_secret);
/* Independent bytes for each purpose. */
void secret_derive(const struct secret *secret, struct str purpose, uint8_t out[DIGEST_SIZE]);

/* A key pair on the curve P-256. */
struct signing_key;
struct signing_key *signing_key_derive(const struct secret *secret, struct str purpose);
void signing_key_free(struct signing_key *k);
void signing_key_sign(const struct signing_key *k, struct str message, uint8_t out[SIGNATURE_SIZE]);
bool signing_key_verify(const struct signing_key *k, struct str message,
                        const uint8_t signature[SIGNATURE_SIZE]);
void signing_key_public(const struct signing_key *k, uint8_t out[PUBLIC_KEY_DER_SIZE]);
void signing_key_point(const struct signing_key *k, uint8_t x[COORDINATE_SIZE],
                       uint8_t y[COORDINATE_SIZE]);
/* The scalar: for the adapter of certificates alone. */
void signing_key_scalar(const struct signing_key *k, uint8_t out[COORDINATE_SIZE]);

void sha256(struct str s, uint8_t out[DIGEST_SIZE]);

#endif
