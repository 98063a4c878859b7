/* SPDX-License-Identifier: Apache-2.0
 *
 * The kubelet's pure parts: flags by their real names, restart back-off, phase as a function of the
 * containers.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include <CUnit/Basic.h>

static void test_flags(void)
{
    struct kubelet_flags f;
    struct errmsg message;
    kubelet_flags_defaults(&f);
    CU_ASSERT_EQUAL(f.max_pods, 110);
    CU_ASSERT_EQUAL(kubelet_flags_set(&f, S("max-pods"), S("50"), &message), ERR_OK);
    CU_ASSERT_EQUAL(f.max_pods, 50);
    CU_ASSERT_EQUAL(kubelet_flags_set(&f, S("nodeStatusUpdateFrequency"), S("4s"), &message),
                    ERR_OK);
    CU_ASSERT_EQUAL(f.node_status_update_frequency, INT64_C(4000000000));
    CU_ASSERT_EQUAL(kubelet_flags_set(&f, S("no-such-flag"), S("1"), &message), ERR_UNKNOWN);
    CU_ASSERT_EQUAL(kubelet_flags_set(&f, S("max-pods"), S("many"), &message), ERR_VALUE);
}

static void test_backoff(void)
{
    static const int64_t seconds[] = {10, 20, 40, 80, 160, 300, 300};
    struct kubelet k = {0};
    kubelet_flags_defaults(&k.flags);
    for (size_t i = 0; i < ARRAY_COUNT(seconds); i++)
        CU_ASSERT_EQUAL(container_backoff(&k, (uint32_t)i + 1).ns, duration_s(seconds[i]).ns);
}

/* [doc:pod-lifecycle#pod-phase] */
static void test_phase(void)
{
    static const struct {
        enum worker_stage stage;
        bool has_run;
        enum container_step step;
        int exit_code;
        const char *phase;
    } rows[] = {
        {WORKER_SYNCING, false, CONTAINER_WAITING, 0, "Pending"},
        {WORKER_SYNCING, true, CONTAINER_RUNNING, 0, "Running"},
        {WORKER_SYNCING, true, CONTAINER_ENDED, 1, "Running"}, /* waits for its restart */
        {WORKER_TERMINATED, true, CONTAINER_ENDED, 0, "Succeeded"},
        {WORKER_TERMINATED, true, CONTAINER_ENDED, 137, "Failed"},
        {WORKER_TERMINATED, false, CONTAINER_WAITING, 0, "Failed"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct pod_container c = {
            .kind = CONTAINER_MAIN, .step = rows[i].step, .has_run = rows[i].has_run};
        struct termination end = {.exit_code = rows[i].exit_code, .reason = "x"};
        c.ended = rows[i].step == CONTAINER_ENDED ? &end : NULL;
        struct pod_worker w = {.stage = rows[i].stage, .containers = &c, .container_count = 1};
        CU_ASSERT(str_equal(pod_phase(&w), str_from(rows[i].phase)));
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {{"flags", test_flags},
                                  {"back-off", test_backoff},
                                  {"phase", test_phase},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"kubelet", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
