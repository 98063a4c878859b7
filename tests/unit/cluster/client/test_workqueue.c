/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the queue's guarantees (once in line, never two workers on a key, back-off per key).
 * Method: small scripts of calls.
 */
#include "sim/base/base.h"

#include "cluster/client/workqueue.h"

#include <CUnit/Basic.h>

static const struct object_key *pod(const char *name)
{
    return object_key_of(resource_get(RESOURCE_pods), S("default"), str_from(name));
}

static struct instant at_ms(int64_t ms)
{
    return (struct instant){ms * 1000000};
}

/* Added twice it comes once; added while worked on it comes again, but not before the worker is
 * done. */
static void test_one_worker_per_key(void)
{
    struct workqueue *q = workqueue_new();
    const struct object_key *a = pod("a"), *b = pod("b");
    workqueue_add(q, a);
    workqueue_add(q, b);
    workqueue_add(q, a);

    CU_ASSERT_EQUAL(workqueue_length(q), 2);
    const struct object_key *first = workqueue_get(q);
    CU_ASSERT_PTR_EQUAL(first, a);
    workqueue_add(q, a);
    const struct object_key *second = workqueue_get(q);
    CU_ASSERT_PTR_EQUAL(second, b);
    CU_ASSERT_PTR_NULL(workqueue_get(q));
    workqueue_done(q, first);
    CU_ASSERT_EQUAL(workqueue_length(q), 1);
    workqueue_done(q, second);
    const struct object_key *again = workqueue_get(q);
    CU_ASSERT_PTR_EQUAL(again, a);
    workqueue_done(q, again);

    workqueue_free(q);
    object_key_unref(a);
    object_key_unref(b);
}

/* 5, 10, 20, ... ms up to 1000 s; forgetting starts anew. */
static void test_backoff_per_key(void)
{
    struct workqueue *q = workqueue_new();
    const struct object_key *a = pod("a");
    int64_t expected_ms = 5;
    struct instant now = at_ms(0);

    for (int i = 0; i < 22; i++) {
        workqueue_add_rate_limited(q, a, now);
        struct instant next = workqueue_next_instant(q);
        CU_ASSERT_EQUAL(next.ns, now.ns + expected_ms * 1000000);
        workqueue_tick(q, next);
        workqueue_done(q, workqueue_get(q));
        now = next;
        expected_ms = expected_ms * 2 < 1000000 ? expected_ms * 2 : 1000000;
    }
    CU_ASSERT_EQUAL(workqueue_requeues(q, a), 22);
    workqueue_forget(q, a);
    workqueue_add_rate_limited(q, a, now);
    CU_ASSERT_EQUAL(workqueue_next_instant(q).ns, now.ns + 5000000);

    workqueue_free(q);
    object_key_unref(a);
}

/* The earlier of two delays counts, and equal instants keep the order of adding. */
static void test_delays(void)
{
    struct workqueue *q = workqueue_new();
    const struct object_key *a = pod("a"), *b = pod("b");
    workqueue_add_after(q, a, at_ms(0), duration_ms(300));
    workqueue_add_after(q, b, at_ms(0), duration_ms(100));
    workqueue_add_after(q, a, at_ms(0), duration_ms(100));
    workqueue_add_after(q, a, at_ms(0), duration_ms(900));

    CU_ASSERT_EQUAL(workqueue_next_instant(q).ns, at_ms(100).ns);
    workqueue_tick(q, at_ms(99));
    CU_ASSERT_EQUAL(workqueue_length(q), 0);
    workqueue_tick(q, at_ms(100));
    const struct object_key *first = workqueue_get(q), *second = workqueue_get(q);
    CU_ASSERT_PTR_EQUAL(first, b);
    CU_ASSERT_PTR_EQUAL(second, a);
    CU_ASSERT_EQUAL(workqueue_next_instant(q).ns, INSTANT_NEVER.ns);
    workqueue_done(q, first);
    workqueue_done(q, second);

    workqueue_free(q);
    object_key_unref(a);
    object_key_unref(b);
}

/* A queue may begin and end its back-off elsewhere: 1, 2, ... s up to 60 s, as for Jobs. */
static void test_own_backoff(void)
{
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60};
    struct workqueue *q = workqueue_new();
    const struct object_key *a = pod("a");
    int64_t now_ms = 0;
    workqueue_set_backoff(q, duration_s(1), duration_s(60));

    for (size_t i = 0; i < ARRAY_COUNT(seconds); i++) {
        workqueue_add_rate_limited(q, a, at_ms(now_ms));
        now_ms += seconds[i] * 1000;
        CU_ASSERT_EQUAL(workqueue_next_instant(q).ns, at_ms(now_ms).ns);
        workqueue_tick(q, at_ms(now_ms));
        workqueue_done(q, workqueue_get(q));
    }

    workqueue_free(q);
    object_key_unref(a);
}

int main(void)
{
    CU_TestInfo tests[] = {{"one worker per key", test_one_worker_per_key},
                           {"back-off per key", test_backoff_per_key},
                           {"delays", test_delays},
                           {"own back-off", test_own_backoff},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"work queue", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
