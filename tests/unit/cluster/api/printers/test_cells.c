/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the cells of tables say what kubectl shows. Method: tables of durations, and of objects
 * with the JSON of their cells.
 */
#include "cluster/api/printers/printers.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/json.h"

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

static void test_durations(void)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {-5, "<invalid>"},
        {-1, "0s"},
        {0, "0s"},
        {119, "119s"},
        {120, "2m"},
        {125, "2m5s"},
        {599, "9m59s"},
        {600, "10m"},
        {3 * HOUR - 1, "179m"},
        {3 * HOUR, "3h"},
        {8 * HOUR - 60, "7h59m"},
        {8 * HOUR, "8h"},
        {48 * HOUR, "2d"},
        {50 * HOUR, "2d2h"},
        {8 * DAY, "8d"},
        {729 * DAY, "729d"},
        {730 * DAY, "2y"},
        {740 * DAY, "2y10d"},
        {3000 * DAY, "8y"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(text) struct text t = {0};

        human_duration(cases[i].seconds * 1000000000, &t);

        CU_ASSERT_STRING_EQUAL(text_c(&t), cases[i].text);
    }
}

static const struct {
    enum resource_known resource;
    const char *object;
    const char *cells;
} objects[] = {
    {RESOURCE_pods,
     "{\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},"
     "\"spec\":{\"containers\":[{\"name\":\"c\"}],\"nodeName\":\"n\"},"
     "\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"10.0.0.1\"}],"
     "\"containerStatuses\":[{\"name\":\"c\",\"ready\":false,\"restartCount\":2,"
     "\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}},"
     "\"lastState\":{\"terminated\":{\"finishedAt\":\"2026-01-01T00:00:20Z\"}}}]}}",
     "\"p\",\"0/1\",\"CrashLoopBackOff\",\"2 (10s ago)\",\"30s\",\"10.0.0.1\",\"n\",\"<none>\","
     "\"<none>\""},
    {RESOURCE_pods,
     "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\"}],"
     "\"initContainers\":[{\"name\":\"a\"},{\"name\":\"b\"}]},\"status\":{\"phase\":\"Pending\","
     "\"initContainerStatuses\":[{\"name\":\"a\",\"state\":{\"terminated\":{\"exitCode\":0}}},"
     "{\"name\":\"b\",\"state\":{\"running\":{}}}]}}",
     "\"p\",\"0/1\",\"Init:1/2\",\"0\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\",\"<none>\""},
    {RESOURCE_pods,
     "{\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},"
     "\"spec\":{\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":\"Running\"}}",
     "\"p\",\"0/1\",\"Terminating\",\"0\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\","
     "\"<none>\""},
    {RESOURCE_services,
     "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"LoadBalancer\",\"clusterIPs\":"
     "[\"10.96.0.7\"],\"ports\":[{\"port\":80,\"nodePort\":30001,\"protocol\":\"TCP\"},"
     "{\"port\":53,\"protocol\":\"UDP\"}],\"selector\":{\"b\":\"2\",\"a\":\"1\"}}}",
     "\"s\",\"LoadBalancer\",\"10.96.0.7\",\"\\u003cpending\\u003e\",\"80:30001/TCP,53/UDP\","
     "\"\\u003cunknown\\u003e\",\"a=1,b=2\""},
    {RESOURCE_clusterroles,
     "{\"metadata\":{\"name\":\"r\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"}}",
     "\"r\",\"2026-01-01T00:00:00Z\""},
};

static void test_objects(void)
{
    struct wall_time now = {INT64_C(1767225630) * 1000000000}; /* 2026-01-01T00:00:30Z */
    for (size_t i = 0; i < ARRAY_COUNT(objects); i++) {
        AUTO(text) struct text got = {0};
        AUTO(text) struct text wanted_text = {0};
        AUTO(value) struct value object = VALUE_ABSENT;
        AUTO(value) struct value wanted = VALUE_ABSENT;
        AUTO(value) struct value cells = VALUE_ABSENT;
        struct cells c = {.out = &got, .now = now};
        CU_ASSERT_EQUAL_FATAL(json_parse(str_from(objects[i].object), NULL, &object, NULL), ERR_OK);

        text_add_byte(&got, '[');
        cells_print(resource_get(objects[i].resource), object, &c);
        text_add_byte(&got, ']');

        text_printf(&wanted_text, "[%s]", objects[i].cells);
        CU_ASSERT_EQUAL(json_parse(text_str(&wanted_text), NULL, &wanted, NULL), ERR_OK);
        CU_ASSERT_EQUAL(json_parse(text_str(&got), NULL, &cells, NULL), ERR_OK);
        if (!value_equal(cells, wanted))
            printf("\ngot    %s\nwanted %s\n", text_c(&got), text_c(&wanted_text));
        CU_ASSERT(value_equal(cells, wanted));
    }
}

static CU_TestInfo tests[] = {
    {"durations", test_durations}, {"objects", test_objects}, CU_TEST_INFO_NULL};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"cells", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
