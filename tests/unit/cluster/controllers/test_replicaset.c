/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: how many pods to create or delete, and in which order they go. Method: tables; for the
 * order each row differs from the next in one documented criterion, so that the whole table is a
 * strictly ascending list.
 */
#include "sim/base/base.h"

#include "cluster/controllers/replicaset.h"

#include <CUnit/Basic.h>

/* [doc:replicaset#how-it-works] */
static void test_plan(void)
{
    static const struct {
        int64_t replicas, active;
        int creates, deletes;
    } rows[] = {{3, 3, 0, 0},      {3, 0, 3, 0},      {0, 4, 0, 4},
                {1000, 0, 500, 0}, {0, 1000, 0, 500}, {2, 3, 0, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct replica_plan plan = plan_replicas(rows[i].replicas, rows[i].active);
        CU_ASSERT_EQUAL(plan.create_count, rows[i].creates);
        CU_ASSERT_EQUAL(plan.delete_count, rows[i].deletes);
    }
}

/* now is second 1000000; ages are chosen in different powers of two of nanoseconds unless the row
 * is about the name. [doc:replicaset#scaling-a-replicaset] */
static void test_rank(void)
{
    const int64_t s = 1000000000, now_ns = 1000000 * s;
    struct wall_time now = {now_ns};
    const struct object_key *a = object_key_of(resource_get(RESOURCE_pods), S("default"), S("a"));
    const struct object_key *b = object_key_of(resource_get(RESOURCE_pods), S("default"), S("b"));
    struct deletion_candidate rows[] = {
        {.key = a, .is_assigned = false, .is_ready = true, .phase = 2},
        {.key = a, .is_assigned = true, .phase = 0},
        {.key = a, .is_assigned = true, .phase = 1},
        {.key = a, .is_assigned = true, .phase = 2},
        {.key = a, .is_assigned = true, .phase = 2, .is_ready = true, .deletion_cost = -5},
        {.key = a, .is_assigned = true, .phase = 2, .is_ready = true, .related_on_node = 7},
        {.key = a,
         .is_assigned = true,
         .phase = 2,
         .is_ready = true,
         .related_on_node = 2,
         .ready_since_ns = now_ns - 3 * s},
        {.key = a,
         .is_assigned = true,
         .phase = 2,
         .is_ready = true,
         .related_on_node = 2,
         .ready_since_ns = now_ns - 9000 * s},
        {.key = a, .is_assigned = true, .phase = 2, .is_ready = true, .restarts = 4},
        {.key = a,
         .is_assigned = true,
         .phase = 2,
         .is_ready = true,
         .restarts = 1,
         .created_ns = now_ns - 5 * s},
        {.key = a,
         .is_assigned = true,
         .phase = 2,
         .is_ready = true,
         .restarts = 1,
         .created_ns = now_ns - 9000 * s},
        {.key = b,
         .is_assigned = true,
         .phase = 2,
         .is_ready = true,
         .restarts = 1,
         .created_ns = now_ns - 9000 * s},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        for (size_t n = i + 1; n < ARRAY_COUNT(rows); n++) {
            CU_ASSERT_TRUE(rank_for_deletion(&rows[i], &rows[n], &now) < 0);
            CU_ASSERT_TRUE(rank_for_deletion(&rows[n], &rows[i], &now) > 0);
        }
    object_key_unref(a);
    object_key_unref(b);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"plan", test_plan}, {"rank for deletion", test_rank}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"replicaset", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
