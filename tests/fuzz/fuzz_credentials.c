/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a token, as a signing request, as a certificate and as headers of impersonation: no
 * crash; nothing that was not signed passes; what is base 64 has one form only.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/value.h"
#include "cluster/api/value_heap.h"
#include "cluster/apiserver/http/reader.h"
#include "cluster/keys/keys.h"
#include "sim/base/base64.h"

static const char *const seeds[] = {
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMuZGVmYXVsdC5zdmMifQ.AAAA",
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHyMIGYAgEAMA4xDDAKBgNVBAMMA2JvYjBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
    "-----END CERTIFICATE REQUEST-----\n",
    "-----BEGIN CERTIFICATE-----\nMIIBgzCCASmgAwIBAgIQ\n-----END CERTIFICATE-----\n",
    "Impersonate-User: a\nImpersonate-Group: b\nImpersonate-Extra-a%2fb: c\nimpersonate-uid: 7\n",
    "Zm9vYmFy",
    "Zg=="};

static void as_base64(struct str s)
{
    AUTO(text) struct text plain = {0};
    AUTO(text) struct text again = {0};
    if (!base64url_decode(s, &plain))
        return;
    base64url_add((const uint8_t *)plain.bytes, plain.size, &again);
    CHECK(str_equal(text_str(&again), s));
}

static void as_headers(struct str s)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct value v = VALUE_ABSENT;
    while (s.size > 0) {
        struct str value, name = str_cut(str_cut(s, '\n', &s), ':', &value);
        v = impersonation_add(v, name, value);
    }
    value_drop(v);
    CHECK(value_heap_stats().nodes == nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct keys *keys;
    struct str s = {(const char *)data, size};
    struct signing_request request;
    struct errmsg message;
    int64_t end_s;
    AUTO(text) struct text payload = {0};
    if (!keys) {
        struct secret secret;
        secret_of_seed(1, &secret);
        keys = keys_new(&secret);
    }
    CHECK(keys_check_token(keys, s, &payload) != TOKEN_GOOD);
    if (signing_request_parse(s, &request, &message) == ERR_OK)
        signing_request_release(&request);
    (void)certificate_end(s, &end_s);
    as_base64(s);
    as_headers(s);
    return 0;
}

FUZZ_MAIN(seeds)
