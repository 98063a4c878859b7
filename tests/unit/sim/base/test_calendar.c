/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: dates and instants are each other's inverse, before 1970 too. Method: known dates, and a
 * walk over 250 years in steps that meet every hour and every day of the year.
 */
#include "sim/base/base.h"

#include "sim/base/calendar.h"

#include <CUnit/Basic.h>

static int64_t at(int64_t year, int month, int day, int hour, int minute, int second)
{
    return civil_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

static void test_round_trip(void)
{
    for (int64_t s = -3000000000; s < 5000000000; s += 86399 * 37) {
        struct civil_time t = civil_time_of(s);
        CU_ASSERT_EQUAL(at(t.year, t.month, t.day, t.hour, t.minute, t.second), s);
    }
}

static void test_known(void)
{
    CU_ASSERT_EQUAL(at(1970, 1, 1, 0, 0, 0), 0);
    CU_ASSERT_EQUAL(at(2026, 1, 1, 0, 0, 0), 1767225600);
    CU_ASSERT_EQUAL(civil_time_of(at(2026, 1, 1, 0, 0, 0)).weekday, 4); /* a Thursday */
    CU_ASSERT_EQUAL(civil_time_of(at(1969, 12, 28, 23, 0, 0)).weekday, 0);
    CU_ASSERT_EQUAL(days_in_month(2000, 2), 29);
    CU_ASSERT_EQUAL(days_in_month(2100, 2), 28);
    CU_ASSERT_EQUAL(days_in_month(2024, 2), 29);
    CU_ASSERT_EQUAL(days_in_month(2026, 12), 31);
}

static void test_floor(void)
{
    CU_ASSERT_EQUAL(floor_divide(7, 4), 1);
    CU_ASSERT_EQUAL(floor_divide(-1, 4), -1);
    CU_ASSERT_EQUAL(floor_divide(-4, 4), -1);
    CU_ASSERT_EQUAL(floor_divide(-5, 4), -2);
    CU_ASSERT_EQUAL(floor_divide(0, 4), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {{"there and back", test_round_trip},
                           {"known dates", test_known},
                           {"floor", test_floor},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"calendar", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
