/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: differences are found at the deepest place that differs, and told in few lines. Method:
 * pairs of literals.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/diff.h"

static void test_text(void)
{
    static const struct {
        const char *from, *to, *text;
        size_t count;
    } cases[] = {
        {"{a: 1}", "{a: 1}", "", 0},
        {"{spec: {replicas: 3}}", "{spec: {replicas: 4}}", "spec.replicas: 3 -> 4\n", 1},
        {"{a: x, b: 1}", "{b: 1, c: null}", "a: \"x\" -> (absent)\nc: (absent) -> null\n", 2},
        {"{l: [1, 2, 3]}", "{l: [1, 9, 2, 3]}", "l[1]: (absent) -> 9\n", 1},
        {"{l: [{n: a}, {n: b}]}", "{l: [{n: a}, {n: c}]}", "l[1].n: \"b\" -> \"c\"\n", 1},
        {"{l: [1, 2]}", "{l: []}", "l[0]: 1 -> (absent)\nl[1]: 2 -> (absent)\n", 2},
        {"{a: {}}", "{a: []}", "a: {} -> []\n", 1},
        {"1", "2", "(root): 1 -> 2\n", 1},
        {"{a: 1, b: 1, c: 1, d: 1}", "{a: 2, b: 2, c: 2, d: 2}",
         "a: 1 -> 2\nb: 1 -> 2\n... and 2 more\n", 4},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(value) struct value from = value_pack(cases[i].from);
        AUTO(value) struct value to = value_pack(cases[i].to);
        AUTO(text) struct text t = {0};
        CU_ASSERT(value_diff_text(from, to, 2, &t) == cases[i].count);
        if (strcmp(text_c(&t), cases[i].text) != 0)
            fprintf(stderr, "\n  %s, %s: %s\n", cases[i].from, cases[i].to, text_c(&t));
        CU_ASSERT(strcmp(text_c(&t), cases[i].text) == 0);
    }
}

static CU_TestInfo tests[] = {{"as text", test_text}, CU_TEST_INFO_NULL};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"diff", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
