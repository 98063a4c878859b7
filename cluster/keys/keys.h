/* SPDX-License-Identifier: Apache-2.0
 *
 * The key material of one cluster, what a real one has under /etc/kubernetes/pki: all of it follows
 * from one secret. Immutable; every component of the control plane borrows it.
 */
#ifndef CLUSTER_KEYS_KEYS_H
#define CLUSTER_KEYS_KEYS_H

#include "cluster/keys/authority.h"
#include "cluster/keys/signature.h"

struct keys {
    struct authority *authority;  /* ca.crt, ca.key */
    struct signing_key *accounts; /* sa.key: signs the tokens of service accounts */
    struct text accounts_id;      /* its key id, as tokens and /openid/v1/jwks name it */
};
struct keys *keys_new(const struct secret *secret);
void keys_free(struct keys *k);

/* ---- tokens: JSON Web Tokens in compact form, signed by the accounts' key ---- */

void keys_sign_token(const struct keys *k, struct str payload, struct text *out);
enum token_state {
    TOKEN_GOOD,
    TOKEN_MALFORMED, /* not three parts in base 64 */
    TOKEN_OTHER_KEY, /* another algorithm or another key */
    TOKEN_FORGED,    /* the signature does not fit */
};
/* The payload is there unless the token is malformed: what is not GOOD proves nothing. */
enum token_state keys_check_token(const struct keys *k, struct str token, struct text *ret_payload);

#endif
