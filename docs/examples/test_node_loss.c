/* SPDX-License-Identifier: Apache-2.0
 *
 * What a team would put into its CI: our Deployment survives the loss of any one node. Build and
 * run:
 *
 *     cc -o test_node_loss test_node_loss.c $(pkg-config --cflags --libs wavetank) -lcunit
 *     ./test_node_loss
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wavetank.h>

static char error[4096];

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != WAVETANK_OK) {                                                               \
            fprintf(stderr, "%s\n", error);                                                        \
            CU_FAIL_FATAL(#call);                                                                  \
        }                                                                                          \
    } while (0)

static const char deployment[] = "apiVersion: apps/v1\n"
                                 "kind: Deployment\n"
                                 "metadata: {name: shop}\n"
                                 "spec:\n"
                                 "  replicas: 3\n"
                                 "  selector: {matchLabels: {app: shop}}\n"
                                 "  template:\n"
                                 "    metadata: {labels: {app: shop}}\n"
                                 "    spec:\n"
                                 "      containers: [{name: shop, image: 'nginx:1.27'}]\n";

static struct wavetank *a_cluster_with_our_deployment(uint64_t seed)
{
    struct wavetank *w =
        wavetank_new("{nodes: [{count: 3, name: 'node-{i}'}]}", seed, error, sizeof(error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    MUST(wavetank_apply(w, deployment, error, sizeof(error)));
    MUST(wavetank_do(w,
                     "assert: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: "
                     "shop}, status: {readyReplicas: 3}}}",
                     error, sizeof(error)));
    return w;
}

/* Whichever node loses its power, three replicas are ready again within seven minutes: 50 s until
 * it is noticed, 300 s of toleration, then the replacement. Two of three serve all the time. */
static void test_any_node_may_die(void)
{
    for (int node = 0; node < 3; node++) {
        struct wavetank *w = a_cluster_with_our_deployment(1);
        char fault[128];
        snprintf(fault, sizeof(fault),
                 "{name: power, nodeChaos: {action: power-off, nodes: [node-%d]}}", node);

        MUST(wavetank_inject(w, fault, error, sizeof(error)));
        MUST(wavetank_run_for(w, "7m", error, sizeof(error)));

        MUST(wavetank_do(w,
                         "assert: {timeout: 1s, resource: {apiVersion: apps/v1, kind: Deployment, "
                         "metadata: {name: shop},"
                         " status: {readyReplicas: 3}}}",
                         error, sizeof(error)));
        CU_ASSERT_EQUAL(wavetank_violation_count(w), 0);
        wavetank_free(w);
    }
}

/* The same seed gives the same run, to the last event. */
static void test_runs_repeat(void)
{
    struct wavetank *a = a_cluster_with_our_deployment(7), *b = a_cluster_with_our_deployment(7);
    CU_ASSERT_EQUAL(wavetank_trace_hash(a), wavetank_trace_hash(b));
    char *json = wavetank_get(a, "apps/v1", "Deployment", "default", "shop");
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"readyReplicas\":3"));
    free(json);
    wavetank_free(a);
    wavetank_free(b);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("shop", NULL, NULL);
    CU_add_test(suite, "any node may die", test_any_node_may_die);
    CU_add_test(suite, "runs repeat", test_runs_repeat);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
