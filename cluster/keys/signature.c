/* SPDX-License-Identifier: Apache-2.0
 *
 * nettle behind one adapter: SHA-256, HMAC, ECDSA on P-256 (ES256, RFC 7518).
 *
 * A signature needs a number that nobody can guess and that is never used for another text. Here,
 * as in RFC 6979, it comes from the key and the text: the same text has the same signature, in this
 * run and in its replay. The numbers are HMAC-SHA256(key of the nonces, digest of the text,
 * counter), which differs from RFC 6979 in form and agrees with it in what counts: only the holder
 * of the secret can compute them.
 *
 * Cost: about 50 us for a signature and 140 us for its check; callers keep what they have checked.
 */
#include "sim/base/base.h"

#include "cluster/keys/signature.h"

#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
#include <nettle/hmac.h>
#include <nettle/sha2.h>

#include "sim/base/mem.h"

struct signing_key {
    struct ecc_scalar scalar;
    struct ecc_point point;
    struct secret nonces;
};

/* ---- secrets ---- */

static void hmac(const struct secret *secret, struct str a, const uint8_t *b, size_t b_size,
                 uint8_t out[DIGEST_SIZE])
{
    struct hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, sizeof(secret->bytes), secret->bytes);
    hmac_sha256_update(&context, a.size, (const uint8_t *)a.bytes);
    hmac_sha256_update(&context, b_size, b);
    hmac_sha256_digest(&context, DIGEST_SIZE, out);
}

void sha256(struct str s, uint8_t out[DIGEST_SIZE])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, s.size, (const uint8_t *)s.bytes);
    sha256_digest(&context, DIGEST_SIZE, out);
}

void secret_of_seed(uint64_t seed, struct secret *ret_secret)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "wavetank seed %" PRIu64, seed);
    sha256(text_str(&t), ret_secret->bytes);
}

void secret_derive(const struct secret *secret, struct str purpose, uint8_t out[DIGEST_SIZE])
{
    hmac(secret, purpose, NULL, 0, out);
}

/* ---- keys ---- */

struct signing_key *signing_key_derive(const struct secret *secret, struct str purpose)
{
    struct signing_key *k = mem_new(struct signing_key);
    uint8_t bytes[DIGEST_SIZE];
    mpz_t number;
    mpz_init(number);
    ecc_scalar_init(&k->scalar, nettle_get_secp_256r1());
    ecc_point_init(&k->point, nettle_get_secp_256r1());
    for (uint8_t counter = 0;; counter++) { /* nearly every number is below the curve's order */
        hmac(secret, purpose, &counter, 1, bytes);
        mpz_import(number, sizeof(bytes), 1, 1, 1, 0, bytes);
        if (ecc_scalar_set(&k->scalar, number))
            break;
        CHECK(counter < 255);
    }
    mpz_clear(number);
    ecc_point_mul_g(&k->point, &k->scalar);
    hmac(secret, purpose, (const uint8_t *)"nonces", 6, k->nonces.bytes);
    return k;
}

void signing_key_free(struct signing_key *k)
{
    if (!k)
        return;
    ecc_scalar_clear(&k->scalar);
    ecc_point_clear(&k->point);
    mem_free(k);
}

static void number_export(const mpz_t number, uint8_t out[COORDINATE_SIZE])
{
    size_t size = (mpz_sizeinbase(number, 2) + 7) / 8;
    CHECK(size <= COORDINATE_SIZE);
    memset(out, 0, COORDINATE_SIZE);
    mpz_export(out + COORDINATE_SIZE - size, NULL, 1, 1, 1, 0, number);
}

void signing_key_point(const struct signing_key *k, uint8_t x[COORDINATE_SIZE],
                       uint8_t y[COORDINATE_SIZE])
{
    mpz_t a, b;
    mpz_inits(a, b, NULL);
    ecc_point_get(&k->point, a, b);
    number_export(a, x);
    number_export(b, y);
    mpz_clears(a, b, NULL);
}

void signing_key_scalar(const struct signing_key *k, uint8_t out[COORDINATE_SIZE])
{
    mpz_t number;
    mpz_init(number);
    ecc_scalar_get(&k->scalar, number);
    number_export(number, out);
    mpz_clear(number);
}

void signing_key_public(const struct signing_key *k, uint8_t out[PUBLIC_KEY_DER_SIZE])
{
    /* SEQUENCE { SEQUENCE { id-ecPublicKey, secp256r1 }, BIT STRING { 04 x y } } */
    static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    _Static_assert(sizeof(head) + 2 * COORDINATE_SIZE == PUBLIC_KEY_DER_SIZE, "of P-256");
    memcpy(out, head, sizeof(head));
    signing_key_point(k, out + sizeof(head), out + sizeof(head) + COORDINATE_SIZE);
}

/* ---- signatures ---- */

struct nonces {
    const struct secret *secret;
    const uint8_t *digest;
    uint8_t counter;
};

static void next_nonce(void *owner, size_t size, uint8_t *out)
{
    struct nonces *n = owner;
    uint8_t block[DIGEST_SIZE];
    for (size_t done = 0; done < size; done += DIGEST_SIZE) {
        hmac(n->secret, (struct str){(const char *)n->digest, DIGEST_SIZE}, &n->counter, 1, block);
        n->counter++;
        memcpy(out + done, block, size - done < DIGEST_SIZE ? size - done : DIGEST_SIZE);
    }
}

void signing_key_sign(const struct signing_key *k, struct str message, uint8_t out[SIGNATURE_SIZE])
{
    uint8_t digest[DIGEST_SIZE];
    struct dsa_signature signature;
    sha256(message, digest);
    struct nonces nonces = {.secret = &k->nonces, .digest = digest};
    dsa_signature_init(&signature);
    ecdsa_sign(&k->scalar, &nonces, next_nonce, sizeof(digest), digest, &signature);
    number_export(signature.r, out);
    number_export(signature.s, out + COORDINATE_SIZE);
    dsa_signature_clear(&signature);
}

bool signing_key_verify(const struct signing_key *k, struct str message,
                        const uint8_t bytes[SIGNATURE_SIZE])
{
    uint8_t digest[DIGEST_SIZE];
    struct dsa_signature signature;
    sha256(message, digest);
    dsa_signature_init(&signature);
    mpz_import(signature.r, COORDINATE_SIZE, 1, 1, 1, 0, bytes);
    mpz_import(signature.s, COORDINATE_SIZE, 1, 1, 1, 0, bytes + COORDINATE_SIZE);
    bool is_good = ecdsa_verify(&k->point, sizeof(digest), digest, &signature) == 1;
    dsa_signature_clear(&signature);
    return is_good;
}
