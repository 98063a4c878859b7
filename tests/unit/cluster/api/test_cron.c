/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: schedules are read as cron reads them and name the right next time, also where clocks
 * change [doc:cron-jobs#schedule-syntax]. Method: tables; what is refused gives the text that users
 * see.
 */
#include "sim/base/base.h"

#include "cluster/api/cron.h"

#include <CUnit/Basic.h>

static int64_t at(int64_t year, int month, int day, int hour, int minute, int second)
{
    return civil_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

static void test_next(void)
{
    /* All from Thursday, 1 January 2026, 00:00:30 UTC. */
    static const struct {
        const char *schedule;
        int64_t year;
        int month, day, hour, minute, second;
    } rows[] = {
        {"* * * * *", 2026, 1, 1, 0, 1, 0},
        {"*/15 * * * *", 2026, 1, 1, 0, 15, 0},
        {"5/20 * * * *", 2026, 1, 1, 0, 5, 0},
        {"0 3 * * *", 2026, 1, 1, 3, 0, 0},
        {"30 9-17/4 * * MON-FRI", 2026, 1, 1, 9, 30, 0},
        {"0 0 * * sun,2", 2026, 1, 4, 0, 0, 0},
        {"0 0 13 * 5", 2026, 1, 2, 0, 0, 0}, /* either day suffices */
        {"0 0 13 * *", 2026, 1, 13, 0, 0, 0},
        {"0 0 */2 * 1", 2026, 1, 3, 0, 0, 0}, /* a step is a restriction: either suffices */
        {"59 23 31 DEC ?", 2026, 12, 31, 23, 59, 0},
        {"0 0 29 2 *", 2028, 2, 29, 0, 0, 0},
        {"  1\t2 3  4 *  ", 2026, 4, 3, 2, 1, 0},
        {"@hourly", 2026, 1, 1, 1, 0, 0},
        {"@daily", 2026, 1, 2, 0, 0, 0},
        {"@midnight", 2026, 1, 2, 0, 0, 0},
        {"@weekly", 2026, 1, 4, 0, 0, 0},
        {"@monthly", 2026, 2, 1, 0, 0, 0},
        {"@yearly", 2027, 1, 1, 0, 0, 0},
        {"@annually", 2027, 1, 1, 0, 0, 0},
        {"@every 90s", 2026, 1, 1, 0, 2, 0},
        {"@every 1h30m0.5s", 2026, 1, 1, 1, 30, 30},
        {"@every 10ms", 2026, 1, 1, 0, 0, 31},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text why = {0};
        struct cron_schedule schedule;
        int64_t next = 0;
        CU_ASSERT_TRUE(cron_schedule_parse(str_from(rows[i].schedule), &schedule, &why));
        CU_ASSERT_TRUE(cron_schedule_next(&schedule, NULL, at(2026, 1, 1, 0, 0, 30), &next));
        CU_ASSERT_EQUAL(next, at(rows[i].year, rows[i].month, rows[i].day, rows[i].hour,
                                 rows[i].minute, rows[i].second));
    }
}

static void test_never(void)
{
    AUTO(text) struct text why = {0};
    struct cron_schedule schedule;
    int64_t next;
    CU_ASSERT_TRUE(cron_schedule_parse(S("0 0 31 2 *"), &schedule, &why));
    CU_ASSERT_FALSE(cron_schedule_next(&schedule, NULL, at(2026, 1, 1, 0, 0, 0), &next));
}

static void test_zones(void)
{
    static const struct {
        const char *zone, *schedule;
        int64_t from, expected;
    } rows[] = {
        /* 01:30 in Oslo is 00:30 UTC in winter. */
        {"Europe/Oslo", "30 1 * * *", 1767225600, 1767225600 + 1800},
        {"Asia/Kolkata", "0 12 * * *", 1767225600, 1767225600 + 6 * 3600 + 1800},
        {"Etc/GMT+5", "0 0 * * *", 1767225600, 1767225600 + 5 * 3600},
        /* 29 March 2026: 02:30 is left out in Berlin; the next is on the 30th, at 00:30 UTC. */
        {"Europe/Berlin", "30 2 * * *", 1774744200, 1774830600},
        /* 1 November 2026: 01:30 comes twice in New York, at 05:30 and 06:30 UTC. */
        {"America/New_York", "30 1 * * *", 1793511000, 1793511000 + 3600},
        {"Australia/Sydney", "0 8 * * *", 1767225600, 1767225600 + 21 * 3600},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text why = {0};
        struct cron_schedule schedule;
        int64_t next = 0;
        const struct time_zone *zone = time_zone_find(str_from(rows[i].zone));
        CU_ASSERT_PTR_NOT_NULL_FATAL(zone);
        CU_ASSERT_TRUE(cron_schedule_parse(str_from(rows[i].schedule), &schedule, &why));
        CU_ASSERT_TRUE(cron_schedule_next(&schedule, zone, rows[i].from, &next));
        CU_ASSERT_EQUAL(next, rows[i].expected);
    }
    CU_ASSERT_PTR_NULL(time_zone_find(S("Mars/Phobos")));
}

static void test_refused(void)
{
    static const struct {
        const char *schedule, *why;
    } rows[] = {
        {"", "empty spec string"},
        {"x", "expected exactly 5 fields, found 1: [x]"},
        {"* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"},
        {"60 * * * *", "end of range (60) above maximum (59): 60"},
        {"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
        {"* 5-3 * * *", "beginning of range (5) beyond end of range (3): 5-3"},
        {"*/0 * * * *", "step of range should be a positive number: */0"},
        {"1-2-3 * * * *", "too many hyphens: 1-2-3"},
        {"1/2/3 * * * *", "too many slashes: 1/2/3"},
        {"* * * FOO *",
         "failed to parse int from FOO: strconv.Atoi: parsing \"FOO\": invalid syntax"},
        {"* * * * 7", "end of range (7) above maximum (6): 7"},
        {"@often", "unrecognized descriptor: @often"},
        {"@every soon", "failed to parse duration @every soon: time: invalid duration \"soon\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text why = {0};
        struct cron_schedule schedule;
        CU_ASSERT_FALSE(cron_schedule_parse(str_from(rows[i].schedule), &schedule, &why));
        CU_ASSERT_STRING_EQUAL(text_c(&why), rows[i].why);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {{"next", test_next},
                           {"never", test_never},
                           {"zones", test_zones},
                           {"refused", test_refused},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"cron", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
