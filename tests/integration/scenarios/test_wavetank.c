/* SPDX-License-Identifier: Apache-2.0
 *
 * The installed C interface on a whole cluster: bring up, apply, wait, look, fault, heal; and equal
 * runs for equal seeds.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/wavetank.h"

static const char deployment[] = "apiVersion: apps/v1\n"
                                 "kind: Deployment\n"
                                 "metadata: {name: web}\n"
                                 "spec:\n"
                                 "  replicas: 2\n"
                                 "  selector: {matchLabels: {app: web}}\n"
                                 "  template:\n"
                                 "    metadata: {labels: {app: web}}\n"
                                 "    spec: {containers: [{name: web, image: \"nginx:1.25\"}]}\n";
static const char ready[] = "assert: {timeout: 60s, resource: {apiVersion: apps/v1, kind: "
                            "Deployment, metadata: {name: web}, "
                            "status: {readyReplicas: 2}}}";

/* A Deployment becomes ready, is seen as JSON, and an expectation that does not hold says what is
 * missing. */
static void test_deployment(void)
{
    char error[2048];
    struct wavetank *w = wavetank_new("{nodes: [{count: 2}]}", 1, error, sizeof(error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);

    CU_ASSERT_EQUAL(wavetank_apply(w, deployment, error, sizeof(error)), WAVETANK_OK);
    CU_ASSERT_EQUAL(wavetank_do(w, ready, error, sizeof(error)), WAVETANK_OK);
    char *json = wavetank_get(w, "apps/v1", "Deployment", "default", "web");

    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"readyReplicas\":2"));
    CU_ASSERT_PTR_NULL(wavetank_get(w, "apps/v1", "Deployment", "default", "absent"));
    CU_ASSERT_EQUAL(
        wavetank_do(w,
                    "assert: {timeout: 1s, resource: {apiVersion: apps/v1, kind: Deployment, "
                    "metadata: {name: web}, status: {readyReplicas: 3}}}",
                    error, sizeof(error)),
        WAVETANK_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "- status.readyReplicas: 3"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "+ status.readyReplicas: 2"));
    CU_ASSERT_EQUAL(wavetank_violation_count(w), 0);
    free(json);
    wavetank_free(w);
}

/* A node without power becomes NotReady within the grace period, and Ready again after the heal. */
static void test_fault(void)
{
    char error[2048];
    struct wavetank *w = wavetank_new("{nodes: [{count: 2}]}", 1, error, sizeof(error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);

    CU_ASSERT_EQUAL(wavetank_inject(w, "{name: p, nodeChaos: {action: power-off, nodes: [node-1]}}",
                                    error, sizeof(error)),
                    WAVETANK_OK);
    int64_t began = wavetank_now_ns(w);
    int unknown = wavetank_do(
        w,
        "assert: {timeout: 70s, resource: {apiVersion: v1, kind: Node, metadata: {name: node-1}}, "
        "jq: '.status.conditions | any(.type == \"Ready\" and .status == \"Unknown\")'}",
        error, sizeof(error));
    int64_t seconds = (wavetank_now_ns(w) - began) / 1000000000;

    CU_ASSERT_EQUAL(unknown, WAVETANK_OK);
    CU_ASSERT(seconds >= 40 && seconds <= 56);
    CU_ASSERT_EQUAL(wavetank_heal(w, "p", error, sizeof(error)), WAVETANK_OK);
    CU_ASSERT_EQUAL(
        wavetank_do(w,
                    "assert: {timeout: 60s, resource: {apiVersion: v1, kind: Node, metadata: "
                    "{name: node-1}}, "
                    "jq: '.status.conditions | any(.type == \"Ready\" and .status == \"True\")'}",
                    error, sizeof(error)),
        WAVETANK_OK);
    CU_ASSERT_EQUAL(wavetank_heal(w, "p", error, sizeof(error)), WAVETANK_FAILED);
    wavetank_free(w);
}

static uint64_t hash_of(uint64_t seed)
{
    char error[2048];
    struct wavetank *w = wavetank_new("{nodes: [{count: 2}]}", seed, error, sizeof(error));
    (void)wavetank_apply(w, deployment, error, sizeof(error));
    (void)wavetank_run_for(w, "30s", error, sizeof(error));
    uint64_t hash = wavetank_trace_hash(w);
    wavetank_free(w);
    return hash;
}

/* Equal seeds give equal runs, in one process one after another; another seed gives another. */
static void test_determinism(void)
{
    uint64_t first = hash_of(7);

    CU_ASSERT_EQUAL(hash_of(7), first);
    CU_ASSERT_NOT_EQUAL(hash_of(8), first);
}

/* Wrong texts are refused with the place and the nearest known word. */
static void test_bad_input(void)
{
    char error[2048];
    CU_ASSERT_PTR_NULL(wavetank_new("{nodez: []}", 1, error, sizeof(error)));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "did you mean \"nodes\"?"));
    struct wavetank *w = wavetank_new(NULL, 1, error, sizeof(error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    CU_ASSERT_EQUAL(wavetank_do(w, "aply: {}", error, sizeof(error)), WAVETANK_BAD_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "did you mean \"apply\"?"));
    CU_ASSERT_EQUAL(wavetank_run_for(w, "soon", error, sizeof(error)), WAVETANK_BAD_INPUT);
    wavetank_free(w);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"deployment", test_deployment},
                                  {"fault", test_fault},
                                  {"determinism", test_determinism},
                                  {"bad input", test_bad_input},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"wavetank", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}
