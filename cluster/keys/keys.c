/* SPDX-License-Identifier: Apache-2.0
 *
 * One secret, two pairs of keys (keys.h). The id of the accounts' key is what Kubernetes makes of
 * it: the digest of the public key's DER, in base 64 for URLs.
 *
 * A token is HEADER.PAYLOAD.SIGNATURE. There is one key and one algorithm, so a header that is not
 * byte for byte the one that tokens get here (another alg, "none", another kid) cannot be ours, and
 * nothing of it is ever interpreted.
 */
#include "sim/base/base.h"

#include "cluster/keys/keys.h"

#include "sim/base/base64.h"
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

/* ---- tokens ---- */

static void header_add(const struct keys *k, struct text *out)
{
    AUTO(text) struct text header = {0};
    text_printf(&header, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", text_c(&k->accounts_id));
    base64url_add((const uint8_t *)text_c(&header), header.size, out);
}

void keys_sign_token(const struct keys *k, struct str payload, struct text *out)
{
    AUTO(text) struct text token = {0};
    uint8_t signature[SIGNATURE_SIZE];
    header_add(k, &token);
    text_add_byte(&token, '.');
    base64url_add((const uint8_t *)payload.bytes, payload.size, &token);
    signing_key_sign(k->accounts, text_str(&token), signature);
    text_add_byte(&token, '.');
    base64url_add(signature, sizeof(signature), &token);
    text_add(out, text_str(&token));
}

enum token_state keys_check_token(const struct keys *k, struct str token, struct text *ret_payload)
{
    AUTO(text) struct text own_header = {0};
    AUTO(text) struct text signature = {0};
    struct str rest, payload, header = str_cut(token, '.', &rest);
    payload = str_cut(rest, '.', &rest);
    if (payload.size == 0 || !base64url_decode(payload, ret_payload) ||
        !base64url_decode(rest, &signature)) {
        text_clear(ret_payload);
        return TOKEN_MALFORMED;
    }
    header_add(k, &own_header);
    if (!str_equal(header, text_str(&own_header)))
        return TOKEN_OTHER_KEY;
    struct str signed_part = str_slice(token, 0, header.size + 1 + payload.size);
    return signature.size == SIGNATURE_SIZE &&
                   signing_key_verify(k->accounts, signed_part, (const uint8_t *)signature.bytes)
               ? TOKEN_GOOD
               : TOKEN_FORGED;
}
