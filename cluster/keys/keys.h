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

#endif
