/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the bucket gives exactly burst + rate * time tokens and reserves in order. Method:
 * reservations at chosen instants.
 */
#include "sim/base/base.h"

#include "cluster/client/token_bucket.h"

#include <CUnit/Basic.h>

static struct instant at_ms(int64_t ms)
{
    return (struct instant){ms * 1000000};
}

/* The burst goes at once; then one each 1/qps second, in line. */
static void test_reservations_queue_up(void)
{
    struct token_bucket b = token_bucket(20, duration_s(1), 3);

    int64_t expected_ms[] = {0, 0, 0, 50, 100, 150};
    for (size_t i = 0; i < ARRAY_COUNT(expected_ms); i++)
        CU_ASSERT_EQUAL(token_bucket_reserve(&b, at_ms(0)).ns, at_ms(expected_ms[i]).ns);

    CU_ASSERT_EQUAL(token_bucket_reserve(&b, at_ms(175)).ns, at_ms(200).ns);
}

/* An idle year fills it to the burst and no further, without overflow. */
static void test_idle_fills_to_burst(void)
{
    struct token_bucket b = token_bucket(5000, duration_s(1), 2);
    struct instant later = {duration_s(INT64_C(366) * 86400).ns};
    (void)token_bucket_reserve(&b, at_ms(0));

    CU_ASSERT_EQUAL(token_bucket_reserve(&b, later).ns, later.ns);
    CU_ASSERT_EQUAL(token_bucket_reserve(&b, later).ns, later.ns);
    CU_ASSERT_EQUAL(token_bucket_reserve(&b, later).ns, later.ns + 200000);
}

/* Rates below one a second: 1 each 300 s, as the spam filter of Events has. */
static void test_slow_refill(void)
{
    struct token_bucket b = token_bucket(1, duration_s(300), 1);

    CU_ASSERT_TRUE(token_bucket_try(&b, at_ms(0)));
    CU_ASSERT_FALSE(token_bucket_try(&b, at_ms(299999)));
    CU_ASSERT_TRUE(token_bucket_try(&b, at_ms(300000)));
}

static void test_no_limit(void)
{
    struct token_bucket b = token_bucket(0, duration_s(1), 0);
    for (int i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(token_bucket_reserve(&b, at_ms(7)).ns, at_ms(7).ns);
}

int main(void)
{
    CU_TestInfo tests[] = {{"reservations queue up", test_reservations_queue_up},
                           {"idle fills to the burst", test_idle_fills_to_burst},
                           {"slow refill", test_slow_refill},
                           {"no limit", test_no_limit},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"token bucket", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
