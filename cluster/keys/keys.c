/* SPDX-License-Identifier: Apache-2.0
 *
 * One secret, two pairs of keys (keys.h). The id of the accounts' key is what Kubernetes makes of
 * it: the digest of the public key's DER, in base 64 for URLs.
 */
#include "sim/base/base.h"

#include "cluster/keys/keys.h"

#include "sim/base/mem.h"

struct keys *keys_new(const struct secret *secret)
{
    struct keys *k = mem_new(struct keys);
    uint8_t public_key[PUBLIC_KEY_DER_SIZE], digest[DIGEST_SIZE];
    k->authority = authority_new(secret);
    k->accounts = signing_key_derive(secret, S("service accounts"));
    signing_key_public(k->accounts, public_key);
    sha256((struct str){(const char *)public_key, sizeof(public_key)}, digest);
    base64url_add(digest, sizeof(digest), &k->accounts_id);
    return k;
}

void keys_free(struct keys *k)
{
    if (!k)
        return;
    authority_free(k->authority);
    signing_key_free(k->accounts);
    text_release(&k->accounts_id);
    mem_free(k);
}
