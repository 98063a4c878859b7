/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure middle of the node lifecycle controller: zone states with their eviction rates, and the
 * taints that conditions ask for. Tables against the documented rules.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "cluster/api/json.h"
#include "cluster/controllers/node_taints.h"
#include "cluster/controllers/zone_states.h"

static const struct zone_rules rules = {550, 100, 10, 50};

/* [doc:nodes#rate-limits-on-eviction] */
static void test_zone_states(void)
{
    static const struct {
        int64_t ready, not_ready;
        enum zone_state state;
        int64_t rate_milli;
    } rows[] = {
        {5, 0, ZONE_NORMAL, 100},
        {4, 1, ZONE_NORMAL, 100},
        {0, 1, ZONE_FULL_DISRUPTION, 100},
        {0, 9, ZONE_FULL_DISRUPTION, 100},
        {1, 2, ZONE_NORMAL, 100}, /* two nodes are too few for a partial disruption */
        {2, 3, ZONE_PARTIAL_DISRUPTION, 0},
        {3, 3, ZONE_NORMAL, 100},
        {45, 55, ZONE_PARTIAL_DISRUPTION, 10},
        {46, 54, ZONE_NORMAL, 100},
        {20, 30, ZONE_PARTIAL_DISRUPTION, 0},
        {20, 31, ZONE_PARTIAL_DISRUPTION, 10},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        enum zone_state state = zone_state_of(rows[i].ready, rows[i].not_ready, &rules);
        CU_ASSERT_EQUAL(state, rows[i].state);
        CU_ASSERT_EQUAL(zone_rate_milli(state, rows[i].ready + rows[i].not_ready, &rules),
                        rows[i].rate_milli);
    }
}

static void expect_taints(const char *node_text, const char *expected)
{
    struct value node = VALUE_ABSENT;
    CU_ASSERT_EQUAL_FATAL(json_parse(str_from(node_text), NULL, &node, NULL), ERR_OK);
    struct value taints = node_taints_of_conditions(node, (struct wall_time){0});
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < value_count(taints); i++) {
        struct value taint = value_at(taints, i);
        struct str key = VALUE_STR(taint, key), effect = VALUE_STR(taint, effect);
        text_printf(&t, "%s%.*s:%.*s", i ? " " : "", STR_ARG(key), STR_ARG(effect));
    }
    CU_ASSERT_STRING_EQUAL(text_c(&t), expected);
    value_drop(taints);
    value_drop(node);
}

/* [doc:taint-and-toleration] */
static void test_taints_of_conditions(void)
{
    expect_taints("{\"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\"}]}}",
                  "");
    expect_taints("{\"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": \"False\"}]}}",
                  "node.kubernetes.io/not-ready:NoSchedule");
    expect_taints(
        "{\"spec\": {\"taints\": [{\"key\": \"node.kubernetes.io/not-ready\", \"effect\": "
        "\"NoSchedule\"},"
        " {\"key\": \"mine\", \"effect\": \"NoSchedule\"}]},"
        " \"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": \"Unknown\"}]}}",
        "mine:NoSchedule node.kubernetes.io/unreachable:NoSchedule");
    expect_taints("{\"spec\": {\"unschedulable\": true}, \"status\": {\"conditions\": [{\"type\": "
                  "\"Ready\", \"status\":"
                  " \"True\"}, {\"type\": \"MemoryPressure\", \"status\": \"True\"}]}}",
                  "node.kubernetes.io/memory-pressure:NoSchedule "
                  "node.kubernetes.io/unschedulable:NoSchedule");
    /* NoExecute taints are another queue's business. */
    expect_taints("{\"spec\": {\"taints\": [{\"key\": \"node.kubernetes.io/unreachable\", "
                  "\"effect\": \"NoExecute\"}]},"
                  " \"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\"}]}}",
                  "node.kubernetes.io/unreachable:NoExecute");
}

static void test_swap(void)
{
    struct value node = VALUE_ABSENT;
    static const char text[] =
        "{\"spec\": {\"taints\": [{\"key\": \"node.kubernetes.io/not-ready\", \"effect\": "
        "\"NoExecute\"},"
        " {\"key\": \"node.kubernetes.io/not-ready\", \"effect\": \"NoSchedule\"}]}}";
    CU_ASSERT_EQUAL_FATAL(json_parse(str_from(text), NULL, &node, NULL), ERR_OK);

    struct value taints = node_taints_swap(node, "NoExecute", TAINT_UNREACHABLE, TAINT_NOT_READY,
                                           (struct wall_time){0});
    struct value again = VALUE_SET(value_keep(node), value_keep(taints), spec, taints);

    CU_ASSERT_EQUAL(value_count(taints), 2);
    CU_ASSERT_TRUE(node_has_taint(again, TAINT_UNREACHABLE, "NoExecute"));
    CU_ASSERT_FALSE(node_has_taint(again, TAINT_NOT_READY, "NoExecute"));
    CU_ASSERT_TRUE(node_has_taint(again, TAINT_NOT_READY, "NoSchedule"));
    value_drop(taints);
    taints = node_taints_swap(again, "NoExecute", TAINT_UNREACHABLE, NULL, (struct wall_time){0});
    CU_ASSERT_EQUAL(value_count(taints), 2); /* it is there already */
    value_drop(taints);
    value_drop(again);
    value_drop(node);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"zone states and rates", test_zone_states},
        {"taints of conditions", test_taints_of_conditions},
        {"swapping taints", test_swap},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {
        {"node taints", NULL, NULL, NULL, NULL, (CU_TestInfo *)(uintptr_t)tests},
        CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
