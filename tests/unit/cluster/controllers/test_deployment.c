/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the numbers of a Deployment. Method: the rolling update of 4 replicas (25 %/25 %) recorded
 * from Kubernetes 1.36 is played step by step: new 1, old 3, new 2, first new pod ready, old 2, new
 * 3, old 1, new 4, ready, old 0. And proportional scaling.
 */
#include "sim/base/base.h"

#include "cluster/controllers/deployment.h"

#include <CUnit/Basic.h>

enum { OLD, NEW };

static struct rollout rolling(struct revision *all, int64_t replicas, int64_t surge,
                              int64_t unavailable)
{
    return (struct rollout){.all = all,
                            .count = 2,
                            .new = NEW,
                            .replicas = replicas,
                            .max_surge = surge,
                            .max_unavailable = unavailable,
                            .is_rolling = true};
}

static void resize(struct revision *v, int64_t replicas)
{
    v->replicas = v->target = replicas;
}

/* One step of the plan, applied as if the API server had done it at once; available pods above the
 * size go. */
static bool step(struct rollout *r)
{
    bool is_any = plan_rolling(r);
    for (size_t i = 0; i < r->count; i++) {
        r->all[i].replicas = r->all[i].target;
        if (r->all[i].available > r->all[i].replicas)
            r->all[i].available = r->all[i].replicas;
    }
    return is_any;
}

/* [doc:deployment#rolling-update-deployment] */
static void test_rolling_update_as_recorded(void)
{
    struct revision all[2] = {{.available = 4}};
    struct rollout r = rolling(all, 4, 1, 1);
    resize(&all[OLD], 4);
    static const struct {
        int64_t new_available, old, new;
    } rows[] = {{0, 4, 1}, {0, 3, 1}, {0, 3, 2}, {1, 2, 2},
                {1, 2, 3}, {2, 1, 3}, {2, 1, 4}, {3, 0, 4}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        all[NEW].available = rows[i].new_available;
        CU_ASSERT_TRUE(step(&r));
        CU_ASSERT_EQUAL(all[OLD].replicas, rows[i].old);
        CU_ASSERT_EQUAL(all[NEW].replicas, rows[i].new);
    }
    all[NEW].available = 4;
    CU_ASSERT_FALSE(step(&r));
}

/* maxUnavailable 0: never fewer available than wanted. */
static void test_no_unavailable(void)
{
    struct revision all[2] = {{.available = 3}};
    struct rollout r = rolling(all, 3, 1, 0);
    resize(&all[OLD], 3);

    CU_ASSERT_TRUE(step(&r));
    CU_ASSERT_EQUAL(all[NEW].replicas, 1);
    CU_ASSERT_FALSE(step(&r)); /* waits for the new pod */
    all[NEW].available = 1;
    CU_ASSERT_TRUE(step(&r));
    CU_ASSERT_EQUAL(all[OLD].replicas, 2);
}

/* Old pods that are not available go first. */
static void test_unhealthy_first(void)
{
    struct revision all[3] = {{.available = 3}, {.available = 0}, {.available = 0}};
    struct rollout r = rolling(all, 3, 1, 1);
    r.count = 3;
    r.new = 2;
    resize(&all[0], 3);
    resize(&all[1], 1);
    resize(&all[2], 0);

    CU_ASSERT_TRUE(plan_rolling(&r));
    CU_ASSERT_EQUAL(all[0].target, 2);
    CU_ASSERT_EQUAL(all[1].target, 0);
}

int main(void)
{
    CU_TestInfo tests[] = {{"rolling update as recorded", test_rolling_update_as_recorded},
                           {"no unavailable", test_no_unavailable},
                           {"unhealthy first", test_unhealthy_first},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"deployment", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
