/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of the times that a schedule names, the right one is due, and the next look comes at the
 * next time [doc:cron-jobs#job-creation]. Method: tables; seconds count from an hour's beginning.
 */
#include "sim/base/base.h"

#include "cluster/controllers/cronjob.h"

#include <CUnit/Basic.h>

#define HOUR INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

static struct cron_schedule schedule_of(const char *text)
{
    AUTO(text) struct text why = {0};
    struct cron_schedule schedule;
    CU_ASSERT_TRUE_FATAL(cron_schedule_parse(str_from(text), &schedule, &why));
    return schedule;
}

static void test_due(void)
{
    static const struct {
        const char *schedule;
        int64_t last, deadline, now;
        int64_t due; /* -1: none */
        int64_t missed;
    } rows[] = {
        {"* * * * *", 0, -1, 59, -1, 0},
        {"* * * * *", 0, -1, 60, 60, 0},
        {"* * * * *", 0, -1, 119, 60, 0},
        {"* * * * *", 0, -1, 120, 120, 2},
        {"* * * * *", 0, -1, 6001, 6000, 100},
        {"* * * * *", 0, -1, 6061, 6060, 101},
        {"* * * * *", 0, 200, 6061, 6060, 4}, /* the deadline bounds what is looked at */
        {"*/10 * * * *", 0, 30, 640, -1, 0},  /* passed 40 s ago: older than the deadline */
        {"*/10 * * * *", 0, 60, 640, 600, 0},
        {"@every 90s", 5, -1, 94, -1, 0},
        {"@every 90s", 5, -1, 95, 95, 0},
        {"@every 90s", 5, -1, 500, 455, 5}, /* in step with the first, not with now */
        {"0 0 * * 1-5", 0, -1, 4 * 86400 + 10, 4 * 86400, 2}, /* Monday */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct cron_schedule schedule = schedule_of(rows[i].schedule);
        struct cron_times t = cron_times_of(&schedule, NULL, HOUR + rows[i].last, rows[i].deadline,
                                            HOUR + rows[i].now);
        CU_ASSERT_EQUAL(t.is_due, rows[i].due >= 0);
        CU_ASSERT_FALSE(t.is_invalid);
        CU_ASSERT_EQUAL(t.missed_count, rows[i].missed);
        if (rows[i].due >= 0)
            CU_ASSERT_EQUAL(t.scheduled_s, HOUR + rows[i].due);
    }
    struct cron_schedule never = schedule_of("0 0 31 2 *");
    CU_ASSERT_TRUE(cron_times_of(&never, NULL, HOUR, -1, HOUR).is_invalid);
}

static void test_wait(void)
{
    static const struct {
        const char *schedule;
        int64_t last, now_ms, wait_ms;
    } rows[] = {{"* * * * *", 0, 0, 60100},
                {"* * * * *", 0, 60100, 60000}, /* as it fires: until the next, and 0.1 s */
                {"* * * * *", 60, 60100, 60000},
                {"@every 90s", 5, 6500, 88600},
                {"@hourly", 0, 7200000, 3600100}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct cron_schedule schedule = schedule_of(rows[i].schedule);
        struct wall_time now = {HOUR * 1000000000 + rows[i].now_ms * 1000000};
        CU_ASSERT_EQUAL(cron_wait(&schedule, NULL, HOUR + rows[i].last, now).ns,
                        duration_ms(rows[i].wait_ms).ns);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {{"due", test_due}, {"wait", test_wait}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"cronjob", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
