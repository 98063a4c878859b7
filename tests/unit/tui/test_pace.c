/* SPDX-License-Identifier: Apache-2.0
 *
 * The pace of virtual time. Goal: each speed keeps its promise, jumps of the clock on the wall and
 * work that takes too long are cut, virtual time never goes back, max rests when nothing happens.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "tui/serve/pace.h"

#define SECOND 1000000 /* of the wall, in microseconds */

static struct instant at_s(int64_t s)
{
    return (struct instant){duration_s(s).ns};
}

static struct pace pace_of(const char *speed, int64_t now_s)
{
    struct pace p = {.mode = PACE_FACTOR, .factor = 1};
    CU_ASSERT(pace_parse(&p, str_from(speed)));
    pace_begin(&p, at_s(now_s), 0);
    return p;
}

static void test_parse(void)
{
    static const struct {
        const char *text;
        bool is_good;
        enum pace_mode mode;
        int64_t factor;
    } rows[] = {{"1", true, PACE_FACTOR, 1},    {"60x", true, PACE_FACTOR, 60},
                {"max", true, PACE_MAX, 7},     {"paused", true, PACE_PAUSED, 7},
                {"0", false, PACE_FACTOR, 7},   {"-1", false, PACE_FACTOR, 7},
                {"1.5", false, PACE_FACTOR, 7}, {"1000001", false, PACE_FACTOR, 7},
                {"", false, PACE_FACTOR, 7},    {"fast", false, PACE_FACTOR, 7}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct pace p = {.mode = PACE_FACTOR, .factor = 7};
        CU_ASSERT_EQUAL(pace_parse(&p, str_from(rows[i].text)), rows[i].is_good);
        if (!rows[i].is_good)
            continue;
        CU_ASSERT_EQUAL(p.mode, rows[i].mode);
        CU_ASSERT_EQUAL(p.factor, rows[i].factor);
    }
}

static void test_factor(void)
{
    struct pace p = pace_of("60", 100);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(100), SECOND).ns, at_s(160).ns);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(160), 2 * SECOND).ns, at_s(220).ns);
    /* 120 s of virtual time are two seconds of the wall. */
    CU_ASSERT_EQUAL(pace_rest_ms(&p, at_s(220), at_s(340), 5000), 2001);
    CU_ASSERT_EQUAL(pace_rest_ms(&p, at_s(220), at_s(340), 1000), 1000);
    CU_ASSERT_EQUAL(pace_rest_ms(&p, at_s(220), INSTANT_NEVER, 1000), 1000);
}

/* The laptop slept for a day; a debugger held the program; the clock went back. */
static void test_jumps(void)
{
    struct pace p = pace_of("1", 0);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(0), INT64_C(86400) * SECOND).ns, at_s(2).ns);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(2), INT64_C(86401) * SECOND).ns, at_s(3).ns);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(3), 5 * SECOND).ns, at_s(3).ns);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(3), 6 * SECOND).ns, at_s(4).ns);
}

/* The machine is too slow: what it is behind stays within a bound. */
static void test_lag(void)
{
    struct pace p = pace_of("1000", 0);
    for (int64_t i = 1; i <= 100; i++) {
        struct instant limit = pace_look(&p, at_s(i), i * SECOND);
        CU_ASSERT(limit.ns - at_s(i).ns <= duration_us(PACE_LAG_US).ns * 1000);
    }
}

/* Somebody waited for an answer that took virtual time: a little ahead it stands, far ahead it goes
 * on from there. */
static void test_lead(void)
{
    struct pace p = pace_of("1", 0);
    struct instant little = (struct instant){duration_ms(500).ns};
    CU_ASSERT_EQUAL(pace_look(&p, little, SECOND / 4).ns, duration_ms(250).ns);
    CU_ASSERT_EQUAL(pace_look(&p, little, SECOND).ns, at_s(1).ns);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(40), 2 * SECOND).ns, at_s(40).ns);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(40), 3 * SECOND).ns, at_s(41).ns);
}

static void test_paused(void)
{
    struct pace p = pace_of("paused", 10);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(10), 100 * SECOND).ns, at_s(10).ns);
    CU_ASSERT_EQUAL(pace_rest_ms(&p, at_s(10), at_s(11), 1000), 1000);
    pace_resume(&p);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(10), 101 * SECOND).ns, at_s(11).ns);
    pace_pause(&p);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(11), 200 * SECOND).ns, at_s(11).ns);
}

static void test_goal(void)
{
    struct pace p = pace_of("60", 10);
    pace_goal_set(&p, at_s(500), UINT64_MAX);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(10), SECOND).ns, at_s(500).ns);
    CU_ASSERT_EQUAL(pace_rest_ms(&p, at_s(10), at_s(400), 1000), 0);
    CU_ASSERT(!pace_goal_reached(&p, at_s(499), 5));
    CU_ASSERT(pace_goal_reached(&p, at_s(500), 5));
    CU_ASSERT(!pace_goal_reached(&p, at_s(500), 5));
    CU_ASSERT_EQUAL(p.mode, PACE_PAUSED);
    pace_goal_set(&p, INSTANT_NEVER, 7);
    CU_ASSERT(pace_look(&p, at_s(500), SECOND).ns < INSTANT_NEVER.ns);
    CU_ASSERT(!pace_goal_reached(&p, at_s(600), 6));
    CU_ASSERT(pace_goal_reached(&p, at_s(600), 7));
    pace_resume(&p);
    CU_ASSERT_EQUAL(p.mode, PACE_FACTOR);
    CU_ASSERT_EQUAL(p.factor, 60);
}

/* Ten minutes after the last change, or an hour after the last write, it follows the wall. */
static void test_max(void)
{
    struct pace p = pace_of("max", 0);
    CU_ASSERT(pace_look(&p, at_s(0), 0).ns > at_s(1000000).ns);
    CU_ASSERT_EQUAL(pace_rest_ms(&p, at_s(0), at_s(400), 1000), 0);
    CU_ASSERT(!pace_is_settled(&p, at_s(599)));
    CU_ASSERT(pace_is_settled(&p, at_s(600)));
    CU_ASSERT_EQUAL(pace_look(&p, at_s(600), SECOND).ns, at_s(600).ns);
    CU_ASSERT_EQUAL(pace_look(&p, at_s(600), 2 * SECOND).ns, at_s(601).ns);
    CU_ASSERT_EQUAL(pace_rest_ms(&p, at_s(601), at_s(602), 5000), 1001);

    for (int64_t s = 600; s < 3600; s += 60) /* something every minute, but nobody asked for it */
        pace_changed(&p, at_s(s));
    CU_ASSERT(!pace_is_settled(&p, at_s(3599)));
    CU_ASSERT(pace_is_settled(&p, at_s(3600)));
    pace_written(&p, at_s(3600));
    CU_ASSERT(!pace_is_settled(&p, at_s(3601)));
    p.is_busy = true; /* a step waits for it */
    CU_ASSERT(!pace_is_settled(&p, at_s(100000)));
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"speeds as text", test_parse},
        {"a factor", test_factor},
        {"jumps of the wall", test_jumps},
        {"a slow machine", test_lag},
        {"ahead for an answer", test_lead},
        {"paused", test_paused},
        {"goals", test_goal},
        {"max", test_max},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"pace", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
