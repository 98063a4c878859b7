/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "cluster/apiserver/http/head.h"

#define HEADERS_MAX 3

static const struct head_case {
    const char *method, *target, *version;
    const char *headers[HEADERS_MAX]; /* "Name: value" */
    int code;                         /* 0: nothing is wrong */
    const char *text;
} cases[] = {
    {"GET", "/", "HTTP/1.1", {"Host: x"}, 0, ""},
    {"GET", "/", "HTTP/1.1", {"hOST: x:80"}, 0, ""},
    {"GET", "/", "HTTP/1.1", {"Host: [::1]:6443"}, 0, ""},
    {"GET", "/", "HTTP/1.0", {NULL}, 0, ""},
    {"POST", "/", "HTTP/1.1", {"Host: x", "Content-Length: 5", "Content-Length: 5"}, 0, ""},
    {"POST",
     "/",
     "HTTP/1.1",
     {"Host: x", "Content-Length: 5", "Transfer-Encoding: Chunked"},
     0,
     ""},
    {"POST", "/", "HTTP/1.1", {"Host: x", "Expect: 100-Continue"}, 0, ""},
    {"GET", "/", "HTTP/1.1", {"Host: x", "X: a\tb"}, 0, ""},
    {"GET", "/", "HTTP/1.1", {NULL}, 400, "400 Bad Request: missing required Host header"},
    {"GET", "/", "HTTP/1.1", {"Host: x", "Host: x"}, 400, "400 Bad Request: too many Host headers"},
    {"GET", "/", "HTTP/1.1", {"Host: a b"}, 400, "400 Bad Request: malformed Host header"},
    {"GET", "/", "HTTP/1.1", {"Host: x", "X: a\x01"}, 400, "400 Bad Request: invalid header value"},
    {"GET", "/", "HTTP/1.1", {"Host: x", "A B: c"}, 400, "400 Bad Request"},
    {"GET", "/", "HTTP/1.1", {"Host: x", ": c"}, 400, "400 Bad Request"},
    {"G T", "/", "HTTP/1.1", {"Host: x"}, 400, "400 Bad Request"},
    {"GET", "/a b", "HTTP/1.1", {"Host: x"}, 400, "400 Bad Request"},
    {"GET", "/\x7f", "HTTP/1.1", {"Host: x"}, 400, "400 Bad Request"},
    {"GET", "api", "HTTP/1.1", {"Host: x"}, 400, "400 Bad Request"},
    {"OPTIONS", "*", "HTTP/1.1", {"Host: x"}, 0, ""},
    {"GET", "http://y/", "HTTP/1.1", {"Host: x"}, 0, ""},
    {"GET", "", "HTTP/1.1", {"Host: x"}, 400, "400 Bad Request"},
    {"GET", "/", "HTTP/1.10", {"Host: x"}, 400, "400 Bad Request"},
    {"GET", "/", "", {"Host: x"}, 400, "400 Bad Request"},
    {"GET", "/", "HTTP/2.0", {"Host: x"}, 505,
     "505 HTTP Version Not Supported: unsupported protocol version"},
    {"POST", "/", "HTTP/1.1", {"Host: x", "Content-Length: 5", "Content-Length: 6"}, 400,
     "400 Bad Request"},
    {"POST", "/", "HTTP/1.1", {"Host: x", "Content-Length: +5"}, 400, "400 Bad Request"},
    {"POST", "/", "HTTP/1.1", {"Host: x", "Content-Length: 5, 5"}, 400, "400 Bad Request"},
    {"POST", "/", "HTTP/1.1", {"Host: x", "Transfer-Encoding: gzip, chunked"}, 501,
     "Unsupported transfer encoding"},
    {"POST", "/", "HTTP/1.1",
     {"Host: x", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"}, 501,
     "Unsupported transfer encoding"},
    {"POST", "/", "HTTP/1.1", {"Host: x", "Expect: miracles"}, 417, ""},
};

/* Heads that a Go server takes, and those that it refuses, with its words. */
static void heads_are_judged(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct head_case *c = &cases[i];
        struct head head = {.method = str_from(c->method),
                            .target = str_from(c->target),
                            .version = str_from(c->version)};
        struct head_refusal refusal = {0, ""};
        for (size_t j = 0; j < HEADERS_MAX && c->headers[j]; j++) {
            struct str value, name = str_cut(str_from(c->headers[j]), ':', &value);
            head_add(&head, name, str_trim(value));
        }

        bool is_well = head_check(&head, &refusal);

        CU_ASSERT_EQUAL(is_well, c->code == 0);
        CU_ASSERT_EQUAL(refusal.code, c->code);
        CU_ASSERT_STRING_EQUAL(refusal.text, c->text);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {{"heads are judged", heads_are_judged}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"head", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
