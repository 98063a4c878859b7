/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kubelet decides from objects alone: whether a pod fits a node's labels, ports and
 * taints, and whom it evicts first.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include <CUnit/Basic.h>

#include "cluster/api/yaml.h"

static struct value parse(const char *text)
{
    struct value v = VALUE_ABSENT;
    struct errmsg message = {0};
    enum err e = yaml_parse_one(str_from(text), &v, &message);
    CU_ASSERT_EQUAL_FATAL(e, ERR_OK);
    return v;
}

#define AFFINITY(terms)                                                                            \
    "{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "                  \
    "{nodeSelectorTerms: [" terms "]}}}}"

/* "If you specify multiple terms [...] the Pod can be scheduled if one of the specified terms can
 * be satisfied"; expressions of one term are ANDed. [doc:assign-pod-node] */
static void test_node(void)
{
    static const struct {
        const char *spec;
        bool matches;
    } rows[] = {
        {"{}", true},
        {"{nodeSelector: {disk: ssd}}", true},
        {"{nodeSelector: {disk: hdd}}", false},
        {"{nodeSelector: {gpu: \"yes\"}}", false},
        {AFFINITY("{matchExpressions: [{key: disk, operator: In, values: [hdd, ssd]}]}"), true},
        {AFFINITY("{matchExpressions: [{key: disk, operator: NotIn, values: [ssd]}]}"), false},
        {AFFINITY("{matchExpressions: [{key: gpu, operator: NotIn, values: [a]}]}"), true},
        {AFFINITY("{matchExpressions: [{key: disk, operator: Exists}]}"), true},
        {AFFINITY("{matchExpressions: [{key: disk, operator: DoesNotExist}]}"), false},
        {AFFINITY("{matchExpressions: [{key: cores, operator: Gt, values: [\"3\"]}]}"), true},
        {AFFINITY("{matchExpressions: [{key: cores, operator: Gt, values: [\"4\"]}]}"), false},
        {AFFINITY("{matchExpressions: [{key: cores, operator: Lt, values: [\"5\"]}]}"), true},
        {AFFINITY("{matchExpressions: [{key: disk, operator: Lt, values: [\"5\"]}]}"), false},
        {AFFINITY("{matchFields: [{key: metadata.name, operator: In, values: [n]}]}"), true},
        {AFFINITY("{matchFields: [{key: metadata.name, operator: In, values: [m]}]}"), false},
        {AFFINITY("{}"), false},
        {AFFINITY("{matchExpressions: [{key: gpu, operator: Exists}]}, {matchExpressions: [{key: "
                  "disk, operator: Exists}]}"),
         true},
        {AFFINITY("{matchExpressions: [{key: gpu, operator: Exists}, {key: disk, operator: "
                  "Exists}]}"),
         false},
    };
    AUTO(value)
    struct value node = parse("{metadata: {name: n, labels: {disk: ssd, cores: \"4\"}}}");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(value) struct value spec = parse(rows[i].spec);
        CU_ASSERT_EQUAL(admission_matches_node(spec, node), rows[i].matches);
    }
}

static void test_ports(void)
{
    static const struct {
        const char *port;
        bool meets;
    } rows[] = {
        {"{hostPort: 80, protocol: TCP}", true},
        {"{hostPort: 81, protocol: TCP}", false},
        {"{hostPort: 80, protocol: UDP}", false},
        {"{hostPort: 80, protocol: TCP, hostIP: 0.0.0.0}", true},
        {"{hostPort: 80, protocol: TCP, hostIP: 10.0.0.1}", true},
        {"{hostPort: 80, protocol: TCP, hostIP: 10.0.0.2}", false},
        {"{containerPort: 80, protocol: TCP}", false},
    };
    AUTO(value)
    struct value other =
        parse("{containers: [{ports: [{hostPort: 80, protocol: TCP, hostIP: 10.0.0.1}]}]}");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text t = {0};
        text_printf(&t, "{containers: [{name: a}, {ports: [%s]}]}", rows[i].port);
        AUTO(value) struct value spec = parse(text_c(&t));
        CU_ASSERT_EQUAL(admission_ports_meet(spec, other), rows[i].meets);
    }
}

static void test_taints(void)
{
    static const struct {
        const char *tolerations;
        bool tolerates;
    } rows[] = {
        {"[]", false},
        {"[{operator: Exists}]", true},
        {"[{key: a, operator: Exists}]", true},
        {"[{key: a, operator: Equal, value: x}]", true},
        {"[{key: a, value: x}]", true},
        {"[{key: a, value: y}]", false},
        {"[{key: b, operator: Exists}]", false},
        {"[{key: a, operator: Exists, effect: NoSchedule}]", false},
        {"[{key: a, operator: Exists, effect: NoExecute}]", true},
    };
    AUTO(value)
    struct value node = parse("{spec: {taints: [{key: s, effect: NoSchedule}, {key: a, value: x, "
                              "effect: NoExecute}]}}");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text t = {0};
        text_printf(&t, "{tolerations: %s}", rows[i].tolerations);
        AUTO(value) struct value spec = parse(text_c(&t));
        CU_ASSERT_EQUAL(admission_tolerates_node(spec, node), rows[i].tolerates);
    }
}

/* The documented order, in which each row goes before the next. [doc:node-pressure-eviction] */
static void test_eviction_order(void)
{
    static const struct eviction_rank rows[] = {
        {7, 0, 300, 100},   /* exceeds by 200 */
        {3, 0, 150, 100},   /* by 50 */
        {4, 0, 150, 100},   /* the same: the older */
        {9, 100, 5000, 0},  /* a higher priority */
        {1, -10, 100, 100}, /* does not exceed */
        {2, 0, 50, 100},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(rows); j++) {
            int order = eviction_compare(&rows[i], &rows[j]);
            CU_ASSERT_EQUAL(order < 0, i < j);
            CU_ASSERT_EQUAL(order > 0, i > j);
        }
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {{"node selector and affinity", test_node},
                                  {"host ports", test_ports},
                                  {"taints", test_taints},
                                  {"order of eviction", test_eviction_order},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"admission", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
