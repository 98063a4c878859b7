/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "cluster/api/value_heap.h"
#include "cluster/apiserver/http/watch_lines.h"

static struct value an_object(const char *name)
{
    return value_pack("{kind: ConfigMap, apiVersion: v1, metadata: {name: %S, creationTimestamp: "
                      "\"2026-11-26T00:00:00Z\"}, data: {a: b}}",
                      str_from(name));
}

/* Whatever has been written before, by whoever, a line is what it would be alone: of each form,
 * each type of event, each object, at each moment, more of them than are kept. */
static void lines_are_as_without_memory(void)
{
    static const enum form forms[] = {FORM_OBJECT, FORM_TABLE, FORM_PARTIAL};
    static const enum watch_event_type types[] = {WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED};
    struct watch_lines lines = {.next = 0};
    struct value objects[9];
    for (size_t i = 0; i < ARRAY_COUNT(objects); i++)
        objects[i] = an_object(i % 2 ? "odd" : "even");
    for (size_t n = 0; n < 2000; n++) {
        size_t draw = n * 7919 / 3;
        AUTO(text) struct text kept = {0};
        AUTO(text) struct text alone = {0};
        struct answer_shape shape = {.resource = resource_get(RESOURCE_configmaps),
                                     .accepted.form = forms[draw % ARRAY_COUNT(forms)],
                                     .has_columns = draw / 3 % 2};
        struct answer_shape same = shape;
        struct watch_event *e =
            watch_event_new(1, types[draw / 5 % ARRAY_COUNT(types)],
                            value_keep(objects[draw / 11 % ARRAY_COUNT(objects)]));
        struct wall_time now = {INT64_C(1795651200000000000) +
                                (int64_t)(draw / 13 % 3) * 60000000000};

        watch_lines_write(&lines, &shape, e, now, &kept);
        answer_watch_event(&same, e, now, &alone);

        CU_ASSERT(str_equal(text_str(&kept), text_str(&alone)));
        CU_ASSERT_EQUAL(shape.has_columns, same.has_columns);
        message_unref(&e->message);
    }
    for (size_t i = 0; i < ARRAY_COUNT(objects); i++)
        value_drop(objects[i]);
    watch_lines_release(&lines);
    for (size_t i = 0; i < WATCH_LINES_MAX; i++)
        CU_ASSERT_FALSE(value_is_present(lines.lines[i].object));
}

int main(void)
{
    CU_TestInfo tests[] = {{"lines are as without memory", lines_are_as_without_memory},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"watch lines", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
