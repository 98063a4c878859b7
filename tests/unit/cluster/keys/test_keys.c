/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: the same secret makes the same bytes, another secret makes others; nothing that was not
 * signed passes; certificates say what was asked for and no more.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "cluster/keys/keys.h"
#include "sim/base/base64.h"

/* P-256, organisations dev and ops, common name alice, DNS:a.example, IP:10.0.0.1; made with
 * OpenSSL. */
static const char request[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                              "MIIBFTCBuwIBADAsMQwwCgYDVQQKDANkZXYxDDAKBgNVBAoMA29wczEOMAwGA1UE\n"
                              "AwwFYWxpY2UwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASHhWDcOx4kyOkP1Mjf\n"
                              "xYlowQ3mz/vF1P1aFGxazaIxU4HowFuUYy1iM8iyJudrd9BKKXxLW7+CuCLyCDvr\n"
                              "KzFfoC0wKwYJKoZIhvcNAQkOMR4wHDAaBgNVHREEEzARgglhLmV4YW1wbGWHBAoA\n"
                              "AAEwCgYIKoZIzj0EAwIDSQAwRgIhAK5dzMtFoQG3unPSU5veSC3KuIOAXyZknoc5\n"
                              "9OygozeFAiEArU2cXCf0qf+rvcg1PCklhgaMSvxMjOldhUWVHRIzYrk=\n"
                              "-----END CERTIFICATE REQUEST-----\n";

/* The same with extensions that ask for more: an authority, purposes, names, one of nobody's. */
static const char greedy[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                             "MIIBhzCCAS4CAQAwEDEOMAwGA1UEAwwFYWxpY2UwWTATBgcqhkjOPQIBBggqhkjO\n"
                             "PQMBBwNCAASMiW56qdGyjL0OCrYLj2OsSLnRgZ/YSFy5sN4kdAjMc7/ePp/7u6fi\n"
                             "o+l+drRA64g+wkDI6cAab76USyHn7O62oIG7MIG4BgkqhkiG9w0BCQ4xgaowgacw\n"
                             "EgYDVR0TAQH/BAgwBgEB/wIBBTAOBgNVHQ8BAf8EBAMCAQYwJwYDVR0lBCAwHgYI\n"
                             "KwYBBQUHAwEGCCsGAQUFBwMCBggrBgEFBQcDAzAdBgNVHQ4EFgQU/I8kFcnfHiv+\n"
                             "YmEmoCv6kR6kvMMwFwYDVR0RBBAwDoIMZXZpbC5leGFtcGxlMBAGA1UdHgQJMAeg\n"
                             "BTADggF4MA4GAyoDBAQHDAVoZWxsbzAKBggqhkjOPQQDAgNHADBEAiB/FNxxlRhJ\n"
                             "niu3FCJRwlI7LUvEcLxEAShlZIb5MnxPaQIgaEHmN8TH1VoJeogIz0VRD7NUBpoE\n"
                             "Vs4hU5g/rB0MAG4=\n"
                             "-----END CERTIFICATE REQUEST-----\n";

static void test_signatures(void)
{
    struct secret one, other;
    uint8_t a[SIGNATURE_SIZE], b[SIGNATURE_SIZE];
    secret_of_seed(1, &one);
    secret_of_seed(2, &other);
    CU_ASSERT(memcmp(&one, &other, sizeof(one)) != 0);
    struct signing_key *k = signing_key_derive(&one, S("x"));
    struct signing_key *again = signing_key_derive(&one, S("x"));
    struct signing_key *purpose = signing_key_derive(&one, S("y"));

    signing_key_sign(k, S("text"), a);
    signing_key_sign(again, S("text"), b);
    CU_ASSERT(memcmp(a, b, sizeof(a)) == 0);
    CU_ASSERT(signing_key_verify(k, S("text"), a));
    CU_ASSERT_FALSE(signing_key_verify(k, S("test"), a));
    CU_ASSERT_FALSE(signing_key_verify(purpose, S("text"), a));
    signing_key_sign(k, S("other text"), b);
    CU_ASSERT(memcmp(a, b, COORDINATE_SIZE) != 0); /* another nonce: the key stays unknown */
    for (size_t i = 0; i < sizeof(a); i += 5) {
        a[i] ^= 1;
        CU_ASSERT_FALSE(signing_key_verify(k, S("text"), a));
        a[i] ^= 1;
    }
    memset(b, 0, sizeof(b));
    CU_ASSERT_FALSE(signing_key_verify(k, S("text"), b));
    signing_key_free(k);
    signing_key_free(again);
    signing_key_free(purpose);
}

static void test_tokens(void)
{
    struct secret secret;
    secret_of_seed(1, &secret);
    struct keys *k = keys_new(&secret);
    AUTO(text) struct text token = {0};
    AUTO(text) struct text payload = {0};
    keys_sign_token(k, S("{\"sub\":\"x\"}"), &token);
    CU_ASSERT_EQUAL(keys_check_token(k, text_str(&token), &payload), TOKEN_GOOD);
    CU_ASSERT_STRING_EQUAL(text_c(&payload), "{\"sub\":\"x\"}");
    static const char *const malformed[] = {"", ".", "..", "a.b", "a.b.c.d", "a.*.c"};
    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++) {
        text_clear(&payload);
        CU_ASSERT_EQUAL(keys_check_token(k, str_from(malformed[i]), &payload), TOKEN_MALFORMED);
    }
    token.bytes[token.size - 2] ^= 1;
    CU_ASSERT(keys_check_token(k, text_str(&token), &payload) != TOKEN_GOOD);
    keys_free(k);
}

static void test_authority(void)
{
    struct secret one, other;
    struct errmsg message;
    secret_of_seed(1, &one);
    secret_of_seed(2, &other);
    struct authority *a = authority_new(&one), *again = authority_new(&one),
                     *b = authority_new(&other);
    CU_ASSERT(str_equal(authority_certificate(a), authority_certificate(again)));
    CU_ASSERT_FALSE(str_equal(authority_certificate(a), authority_certificate(b)));
    const struct certificate_terms terms = {.not_before_s = 1800000000,
                                            .not_after_s = 1800003600,
                                            .usages = certificate_usages_of_client()};
    AUTO(text) struct text first = {0};
    AUTO(text) struct text second = {0};
    int64_t end_s = 0;
    CU_ASSERT_EQUAL(authority_sign_request(a, str_from(request), &terms, &first, &message), ERR_OK);
    CU_ASSERT_EQUAL(authority_sign_request(again, str_from(request), &terms, &second, &message),
                    ERR_OK);
    CU_ASSERT_STRING_EQUAL(text_c(&first), text_c(&second));
    CU_ASSERT(authority_has_signed(a, text_str(&first)));
    CU_ASSERT_FALSE(authority_has_signed(b, text_str(&first)));
    CU_ASSERT(certificate_end(text_str(&first), &end_s));
    CU_ASSERT_EQUAL(end_s, 1800003600);
    authority_free(a);
    authority_free(again);
    authority_free(b);
}

static bool contains(const struct text *der, const char *bytes, size_t size)
{
    return str_contains(text_str(der), (struct str){bytes, size});
}

static void der_of(const struct text *pem, struct text *out)
{
    AUTO(text) struct text flat = {0};
    struct str rest = text_str(pem);
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        if (!str_starts_with(line, S("-----")))
            text_add(&flat, line);
    }
    CU_ASSERT(base64_decode(text_str(&flat), out));
}

/* Names are taken as they are, whatever they would mean in the text of a subject. */
static void test_names(void)
{
    static const struct {
        const char *der;
        size_t size;
        const char *text; /* NULL: none */
    } rows[] = {{"\x0c\x03"
                 "a,b",
                 5, "a,b"},
                {"\x13\x02"
                 "#1",
                 4, "#1"},
                {"\x0c\x03"
                 "a\0b",
                 5, NULL},
                {"\x0c\x04"
                 "abc",
                 5, NULL},
                {"\x0c\x02"
                 "abc",
                 5, NULL},
                {"\x04\x01"
                 "a",
                 3, NULL},
                {"\x0c\x81\x01"
                 "a",
                 4, "a"},
                {"\x0c\x82\x00\x01"
                 "a",
                 5, "a"},
                {"\x0c\x84\x00\x00\x00\x01"
                 "a",
                 7, NULL},
                {"\x0c", 1, NULL}};
    const struct str group = S("x, y");
    struct secret secret;
    struct errmsg message;
    uint8_t public_key[PUBLIC_KEY_DER_SIZE];
    AUTO(text) struct text pem = {0};
    AUTO(text) struct text der = {0};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text t = {0};
        CU_ASSERT_EQUAL(der_text((const uint8_t *)rows[i].der, rows[i].size, &t),
                        rows[i].text != NULL);
        if (rows[i].text)
            CU_ASSERT_STRING_EQUAL(text_c(&t), rows[i].text);
    }
    secret_of_seed(1, &secret);
    struct authority *a = authority_new(&secret);
    struct signing_key *k = signing_key_derive(&secret, S("x"));
    signing_key_public(k, public_key);
    CU_ASSERT_EQUAL(authority_sign(a, (struct str){(const char *)public_key, sizeof(public_key)},
                                   &(struct certificate_terms){.name = S("a,b+c=\"d\\ #"),
                                                               .groups = &group,
                                                               .group_count = 1},
                                   &pem, &message),
                    ERR_OK);
    der_of(&pem, &der);
    CU_ASSERT(contains(&der,
                       "\x0b"
                       "a,b+c=\"d\\ #",
                       12));
    CU_ASSERT(contains(&der, "\x04x, y", 5));
    signing_key_free(k);
    authority_free(a);
}

/* Of a request's extensions only the alternative names get into the certificate. */
static void test_greedy(void)
{
    struct secret secret;
    struct errmsg message;
    AUTO(text) struct text pem = {0};
    AUTO(text) struct text der = {0};
    secret_of_seed(1, &secret);
    struct authority *a = authority_new(&secret);
    const struct certificate_terms terms = {.not_after_s = 1800003600,
                                            .usages = certificate_usages_of_client()};
    CU_ASSERT_EQUAL(authority_sign_request(a, str_from(greedy), &terms, &pem, &message), ERR_OK);
    der_of(&pem, &der);
    CU_ASSERT(contains(&der, "evil.example", 12));
    CU_ASSERT_FALSE(contains(&der, "hello", 5));        /* of nobody's extension */
    CU_ASSERT_FALSE(contains(&der, "\x55\x1d\x1e", 3)); /* name constraints */
    CU_ASSERT_FALSE(contains(&der, "\x55\x1d\x0e", 3)); /* subject key identifier */
    CU_ASSERT(contains(&der, "\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00", 10)); /* CA:FALSE */
    CU_ASSERT(contains(&der, "\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80", 12));
    authority_free(a);
}

static void test_requests(void)
{
    struct signing_request q;
    struct errmsg message;
    AUTO(text) struct text broken = {0};
    CU_ASSERT_EQUAL_FATAL(signing_request_parse(str_from(request), &q, &message), ERR_OK);
    CU_ASSERT_STRING_EQUAL(text_c(&q.common_name), "alice");
    CU_ASSERT_EQUAL(q.organizations.count, 2);
    CU_ASSERT_STRING_EQUAL(text_c(&q.organizations.items[1]), "ops");
    CU_ASSERT_EQUAL(q.dns_names.count, 1);
    CU_ASSERT_STRING_EQUAL(text_c(&q.dns_names.items[0]), "a.example");
    CU_ASSERT_EQUAL(q.ip_addresses.count, 1);
    signing_request_release(&q);
    /* A request that somebody has changed is not its key's any more. */
    text_add(&broken, str_from(request));
    broken.bytes[120] = broken.bytes[120] == 'A' ? 'B' : 'A';
    CU_ASSERT(signing_request_parse(text_str(&broken), &q, &message) != ERR_OK);
    CU_ASSERT(signing_request_parse(S("hello"), &q, &message) != ERR_OK);
    CU_ASSERT_EQUAL(certificate_usage_find(S("client auth")), 12);
    CU_ASSERT_EQUAL(certificate_usage_find(S("world domination")), -1);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"signatures", test_signatures},
                                  {"tokens", test_tokens},     {"authority", test_authority},
                                  {"requests", test_requests}, {"greedy", test_greedy},
                                  {"names", test_names},       CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"keys", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
