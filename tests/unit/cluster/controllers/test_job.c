/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the pure rules of Jobs. Method: tables.
 */
#include "sim/base/base.h"

#include "cluster/controllers/job.h"

#include <CUnit/Basic.h>

/* 10 s, 20 s, 40 s, ... at most 10 min after the last failure.
 * [doc:job#pod-backoff-failure-policy] */
static void test_backoff(void)
{
    static const int64_t seconds[] = {0, 10, 20, 40, 80, 160, 320, 600, 600};
    for (size_t i = 0; i < ARRAY_COUNT(seconds); i++) {
        struct job_backoff b = {(int64_t)i, duration_s(1000).ns};
        CU_ASSERT_EQUAL(job_backoff_left(b, (struct wall_time){duration_s(1000).ns}).ns,
                        duration_s(seconds[i]).ns);
        CU_ASSERT_EQUAL(
            job_backoff_left(b, (struct wall_time){duration_s(1000 + seconds[i]).ns}).ns, 0);
    }
}

static void test_index_sets(void)
{
    static const struct {
        const char *text, *canonical;
        int64_t count;
    } rows[] = {{"", "", 0},
                {"0", "0", 1},
                {"0,1", "0,1", 2},
                {"0-3,5", "0-3,5", 5},
                {"1,2,3,7,8", "1-3,7,8", 5},
                {"8,99", "8", 1}};
    struct arena scratch = {0};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct index_set s = index_set_new(&scratch, 10);
        index_set_parse(&s, str_from(rows[i].text));
        struct value text = index_set_text(&s);
        CU_ASSERT_TRUE(value_is(text, rows[i].canonical));
        CU_ASSERT_EQUAL(s.count, rows[i].count);
        value_drop(text);
    }
    arena_release(&scratch);
}

/* [doc:job#pod-failure-policy] */
static void test_failure_policy(void)
{
    struct arena scratch = {0};
    struct str message = S("");
    struct value job = value_pack(
        "{spec: {podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: "
        "DisruptionTarget, "
        "status: \"True\"}]}, {action: FailJob, onExitCodes: {operator: In, values: [42]}}]}}}");
    struct value disrupted =
        value_pack("{status: {conditions: [{type: DisruptionTarget, status: \"True\"}]}}");
    struct value failed = value_pack(
        "{metadata: {name: p, namespace: ns}, status: {containerStatuses: [{name: c, state: "
        "{terminated: {exitCode: 42}}}]}}");
    struct value other = value_pack(
        "{status: {containerStatuses: [{name: c, state: {terminated: {exitCode: 1}}}]}}");

    CU_ASSERT_EQUAL(job_failure_action(&scratch, job, disrupted, &message), FAILURE_IGNORE);
    CU_ASSERT_EQUAL(job_failure_action(&scratch, job, other, &message), FAILURE_COUNT);
    CU_ASSERT_EQUAL(job_failure_action(&scratch, job, failed, &message), FAILURE_FAIL_JOB);
    CU_ASSERT_TRUE(str_equal(
        message,
        S("Container c for pod ns/p failed with exit code 42 matching FailJob rule at index 1")));

    value_drop(job);
    value_drop(disrupted);
    value_drop(failed);
    value_drop(other);
    arena_release(&scratch);
}

/* [doc:job#success-policy] */
static void test_success_policy(void)
{
    struct arena scratch = {0};
    struct value job = value_pack(
        "{spec: {successPolicy: {rules: [{succeededIndexes: \"0,2\"}, {succeededCount: 3}]}}}");
    static const struct {
        const char *succeeded;
        int rule;
    } rows[] = {{"", -1}, {"0", -1}, {"0,2", 0}, {"1,3,4", 1}, {"1,3", -1}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct index_set s = index_set_new(&scratch, 5);
        index_set_parse(&s, str_from(rows[i].succeeded));
        CU_ASSERT_EQUAL(job_success_rule(&scratch, job, &s), rows[i].rule);
    }
    value_drop(job);
    arena_release(&scratch);
}

/* Superfluous indexes go first, of two with the same index the younger; then the least useful.
 * [doc:job#elastic-indexed-jobs] */
static void test_removal(void)
{
    const struct object_key *keys[5];
    for (int i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), 0};
        keys[i] = object_key_of(resource_get(RESOURCE_pods), S("ns"), str_from(name));
    }
    struct job_candidate pods[] = {
        {.key = keys[0], .index = 0, .is_assigned = true, .phase = 2, .created_ns = 1},
        {.key = keys[1], .index = 1, .is_assigned = true, .phase = 2, .created_ns = 1},
        {.key = keys[2], .index = 1, .is_assigned = true, .phase = 2, .created_ns = 5},
        {.key = keys[3], .index = 3, .is_assigned = true, .phase = 2, .created_ns = 1},
        {.key = keys[4], .index = 2, .is_assigned = false, .created_ns = 1}};

    CU_ASSERT_EQUAL(job_pods_to_remove(pods, 5, 3, 0), 2);
    CU_ASSERT_PTR_EQUAL(pods[0].key, keys[2]);
    CU_ASSERT_PTR_EQUAL(pods[1].key, keys[3]);
    CU_ASSERT_EQUAL(job_pods_to_remove(pods, 5, 3, 3), 3);
    CU_ASSERT_PTR_EQUAL(pods[2].key, keys[4]);
    for (size_t i = 0; i < 5; i++)
        pods[i].is_superfluous = false;
    CU_ASSERT_EQUAL(job_pods_to_remove(pods, 5, -1, 2), 2);
    CU_ASSERT_PTR_EQUAL(pods[0].key, keys[4]);
    CU_ASSERT_PTR_EQUAL(pods[1].key, keys[2]);
    CU_ASSERT_EQUAL(job_pods_to_remove(pods, 5, -1, -3), 0);
    CU_ASSERT_EQUAL(job_pods_to_remove(pods, 5, -1, 9), 5);

    for (int i = 0; i < 5; i++)
        object_key_unref(keys[i]);
}

int main(void)
{
    CU_TestInfo tests[] = {{"back-off", test_backoff},
                           {"index sets", test_index_sets},
                           {"failure policy", test_failure_policy},
                           {"success policy", test_success_policy},
                           {"removal", test_removal},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"job", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
