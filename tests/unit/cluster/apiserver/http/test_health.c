/* SPDX-License-Identifier: Apache-2.0
 *
 * /healthz, /livez, /readyz: what they say when all is well and when caches are not filled yet, one
 * check alone, one left out.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "cluster/apiserver/http/health.h"

static void test_health(void)
{
    static const struct row {
        const char *target;
        bool is_ready;
        int code; /* 0: no such path */
        const char *begins, *ends;
    } rows[] = {
        {"/livez", true, 200, "ok", "ok"},
        {"/livez", false, 200, "ok", "ok"},
        {"/readyz", false, 500, "[+]ping ok\n[+]log ok\n[-]informer-sync failed: reason withheld\n",
         "[+]shutdown ok\nreadyz check failed\n"},
        {"/healthz?verbose", true, 200,
         "[+]ping ok\n[+]log ok\n[+]loopback-serving-certificate ok\n",
         "apiservice-openapiv3-controller ok\nhealthz check passed\n"},
        {"/readyz?verbose&exclude=ping", true, 200, "[+]ping excluded: ok\n", "check passed\n"},
        {"/readyz?verbose&exclude=none", true, 200, "[+]ping ok\n",
         "warn: some health checks cannot be excluded: no matches for \"none\"\n"
         "readyz check passed\n"},
        {"/livez/poststarthook/rbac/bootstrap-roles", true, 200, "ok", "ok"},
        {"/readyz/informer-sync", false, 500, "internal server error", "\n"},
        {"/readyz/etcd", true, 0, "", ""},
        {"/health", true, 0, "", ""},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct arena arena = {0};
        struct target target;
        AUTO(text) struct text body = {0};
        int code = 0;
        CU_ASSERT_TRUE_FATAL(target_parse(str_from(rows[i].target), &arena, &target));

        bool is_there = health_document(target.path, &target, rows[i].is_ready, &code, &body);

        CU_ASSERT_EQUAL(is_there, rows[i].code != 0);
        CU_ASSERT_EQUAL(code, rows[i].code);
        CU_ASSERT_TRUE(str_starts_with(text_str(&body), str_from(rows[i].begins)));
        CU_ASSERT_TRUE(str_ends_with(text_str(&body), str_from(rows[i].ends)));
        arena_release(&arena);
    }
}

static void test_paths(void)
{
    AUTO(text) struct text body = {0};

    paths_document(NULL, &body);

    CU_ASSERT_TRUE(str_contains(text_str(&body), S("\"/apis\",\n    \"/apis/\",\n")));
    CU_ASSERT_TRUE(str_contains(
        text_str(&body), S("\"/apis/apps\",\n    \"/apis/apps/v1\",\n    \"/apis/authentication")));
    CU_ASSERT_TRUE(str_ends_with(text_str(&body), S("\"/version\"\n  ]\n}")));
}

int main(void)
{
    CU_TestInfo tests[] = {{"what each path says", test_health},
                           {"all paths in order", test_paths},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"health", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
