/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes and hosts: supervision, timers, parked inputs, clocks, random streams, the timeline.
 */
#include "tests/unit/sim/fixture.h"

#include <CUnit/Basic.h>

static struct sim *one_process(const struct sim_options *options, enum restart_policy restart,
                               process_id *ret_process)
{
    struct sim *sim = sim_new(options);
    host_id h = sim_host_add(sim, &(struct host_options){.name = S("a")});
    *ret_process = sim_process_add(sim, &(struct process_options){.name = S("p"),
                                                                  .host = h,
                                                                  .type = &puppet_type,
                                                                  .restart = restart,
                                                                  .restart_delay = duration_s(2),
                                                                  .start_delay = duration_s(1)});
    return sim;
}

static const struct sim_options options = {.seed = 1};

/* ---- supervision ---- */

static void do_exit(struct puppet *p, struct step *step, uint64_t code)
{
    (void)p;
    step_exit(step, (int)code);
}

static void test_supervision(void)
{
    static const struct {
        enum restart_policy restart;
        uint32_t incarnation_after_2s;
    } cases[] = {{RESTART_ALWAYS, 2}, {RESTART_NEVER, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        process_id p;
        struct sim *sim = one_process(&options, cases[i].restart, &p);
        CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), 0);
        run_for(sim, duration_s(1));
        CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), 1);
        order(sim, p, do_exit, 1);
        CU_ASSERT_FALSE(sim_process_is_running(sim, p));
        run_for(sim, duration_ms(1999));
        CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), 1);
        run_for(sim, duration_ms(1));
        CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), cases[i].incarnation_after_2s);
        sim_process_remove(sim, p);
        run_for(sim, duration_s(10));
        CU_ASSERT_FALSE(sim_process_is_running(sim, p));
        process_id none;
        CU_ASSERT_FALSE(sim_find_process(sim, S("p"), &none));
        sim_free(sim);
    }
}

static void test_terminate_and_grace(void)
{
    /* The puppet ignores the request: it is killed when the grace is over. */
    process_id p;
    struct sim *sim = one_process(&options, RESTART_ALWAYS, &p);
    run_for(sim, duration_s(1));
    sim_process_terminate(sim, p, duration_s(3));
    run_for(sim, duration_ms(2999));
    CU_ASSERT_EQUAL(count_notes(puppet_of(sim, p), INPUT_TERMINATE), 1);
    run_for(sim, duration_ms(1));
    CU_ASSERT_FALSE(sim_process_is_running(sim, p));
    run_for(sim, duration_s(2));
    CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), 2);
    sim_process_stop(sim, p, duration_s(0));
    run_for(sim, duration_s(10));
    CU_ASSERT_FALSE(sim_process_is_running(sim, p));
    sim_process_start(sim, p);
    run_for(sim, duration_s(0));
    CU_ASSERT(sim_process_is_running(sim, p));
    sim_free(sim);
}

static void test_grace_of_the_dead(void)
{
    /* The end of a grace must not reach the next incarnation. */
    process_id p;
    struct sim *sim = one_process(&options, RESTART_ALWAYS, &p);
    run_for(sim, duration_s(1));
    sim_process_terminate(sim, p, duration_s(5));
    run_for(sim, duration_s(1));
    sim_process_kill(sim, p);
    run_for(sim, duration_s(10));
    CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), 2);
    CU_ASSERT(sim_process_is_running(sim, p));
    sim_free(sim);
}

static void test_start_waits_for_a_paused_host(void)
{
    process_id p;
    struct sim *sim = one_process(&options, RESTART_ALWAYS, &p);
    sim_host_pause(sim, 1);
    run_for(sim, duration_s(5)); /* its start was due after 1 s */
    CU_ASSERT_FALSE(sim_process_is_running(sim, p));
    sim_host_resume(sim, 1);
    run_for(sim, duration_s(0));
    CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), 1);
    sim_host_pause(sim, 1);
    sim_process_kill(sim, p);
    run_for(sim, duration_s(5));
    sim_host_reboot(sim, 1, duration_s(1));
    run_for(sim, duration_ms(1999)); /* the boot, then the start delay */
    CU_ASSERT_FALSE(sim_process_is_running(sim, p));
    run_for(sim, duration_ms(1));
    CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), 2);
    sim_free(sim);
}

/* ---- timers ---- */

static void do_set_timer(struct puppet *p, struct step *step, uint64_t seconds)
{
    p->timer = step_timer_set(step, instant_add(step->now, duration_s((int64_t)seconds)), 7);
}

static void do_move_timer(struct puppet *p, struct step *step, uint64_t seconds)
{
    p->timer =
        step_timer_move(step, p->timer, instant_add(step->now, duration_s((int64_t)seconds)), 7);
}

static void do_cancel_timer(struct puppet *p, struct step *step, uint64_t unused)
{
    (void)unused;
    step_timer_cancel(step, p->timer);
}

static void test_timers(void)
{
    process_id p;
    struct sim *sim = one_process(&options, RESTART_ALWAYS, &p);
    run_for(sim, duration_s(1));

    order(sim, p, do_set_timer, 10);
    order(sim, p, do_move_timer, 20);
    run_for(sim, duration_s(15));
    CU_ASSERT_EQUAL(count_notes(puppet_of(sim, p), INPUT_TIMER), 0);
    order(sim, p, do_move_timer, 1);
    run_for(sim, duration_s(1));
    CU_ASSERT_EQUAL(count_notes(puppet_of(sim, p), INPUT_TIMER), 1);
    CU_ASSERT_EQUAL(puppet_of(sim, p)->notes.items[0].at.ns, duration_s(17).ns);
    CU_ASSERT_EQUAL(puppet_of(sim, p)->notes.items[0].tag, 7);
    order(sim, p, do_move_timer, 1); /* has fired: a new one */
    run_for(sim, duration_s(1));
    CU_ASSERT_EQUAL(count_notes(puppet_of(sim, p), INPUT_TIMER), 2);
    order(sim, p, do_set_timer, 1);
    order(sim, p, do_cancel_timer, 0);
    order(sim, p, do_cancel_timer, 0);
    run_for(sim, duration_s(5));
    CU_ASSERT_EQUAL(count_notes(puppet_of(sim, p), INPUT_TIMER), 2);

    order(sim, p, do_set_timer, 5); /* a timer dies with its incarnation */
    sim_process_kill(sim, p);
    run_for(sim, duration_s(10));
    CU_ASSERT_EQUAL(count_notes(puppet_of(sim, p), INPUT_TIMER), 0);

    order(sim, p, do_set_timer, 2); /* due while paused: late, once; the cancelled one never */
    sim_process_pause(sim, p);
    run_for(sim, duration_s(5));
    sim_process_resume(sim, p);
    struct instant resumed = sim_now(sim);
    run_for(sim, duration_s(5));
    CU_ASSERT_EQUAL_FATAL(count_notes(puppet_of(sim, p), INPUT_TIMER), 1);
    CU_ASSERT_EQUAL(puppet_of(sim, p)->notes.items[0].at.ns, resumed.ns);
    sim_free(sim);
}

static void test_parked_order(void)
{
    /* Goal: a cancel that comes first among parked inputs still reaches a timer parked behind it.
     */
    process_id p;
    struct sim *sim = one_process(&options, RESTART_ALWAYS, &p);
    run_for(sim, duration_s(1));
    order(sim, p, do_set_timer, 2);
    sim_process_pause(sim, p);
    run_for(sim, duration_s(1));
    order(sim, p, do_cancel_timer, 0);
    run_for(sim, duration_s(5));
    sim_process_resume(sim, p);
    run_for(sim, duration_s(5));
    CU_ASSERT_EQUAL(count_notes(puppet_of(sim, p), INPUT_TIMER), 0);

    order(sim, p, do_set_timer, 1); /* the other way round: the timer was first */
    sim_process_pause(sim, p);
    run_for(sim, duration_s(2));
    order(sim, p, do_cancel_timer, 0);
    sim_process_resume(sim, p);
    run_for(sim, duration_s(5));
    CU_ASSERT_EQUAL(count_notes(puppet_of(sim, p), INPUT_TIMER), 1);
    sim_process_pause(sim, p);
    order(sim, p, do_cancel_timer, 0);
    sim_process_kill(sim, p); /* what is parked dies with it */
    run_for(sim, duration_s(5));
    CU_ASSERT_EQUAL(sim_process_incarnation(sim, p), 2);
    sim_free(sim);
}

/* ---- random numbers ---- */

static uint64_t drawn;

static void do_draw(struct puppet *p, struct step *step, uint64_t purpose)
{
    (void)p;
    drawn = step_random(step, (uint32_t)purpose);
}

static uint64_t draw(struct sim *sim, process_id p, uint64_t purpose)
{
    order(sim, p, do_draw, purpose);
    return drawn;
}

static void test_random_streams(void)
{
    process_id p;
    struct sim *sim = one_process(&options, RESTART_ALWAYS, &p);
    run_for(sim, duration_s(1));
    uint64_t first = draw(sim, p, 0), second = draw(sim, p, 0);
    sim_free(sim);

    sim = one_process(&options, RESTART_ALWAYS, &p); /* other purposes in between shift nothing */
    sim_process_add(sim,
                    &(struct process_options){.name = S("q"), .host = 1, .type = &puppet_type});
    run_for(sim, duration_s(1));
    CU_ASSERT_NOT_EQUAL(draw(sim, p, 1), first);
    CU_ASSERT_EQUAL(draw(sim, p, 0), first);
    CU_ASSERT_NOT_EQUAL(draw(sim, p, 63), second);
    CU_ASSERT_EQUAL(draw(sim, p, 0), second);
    sim_process_kill(sim, p);
    run_for(sim, duration_s(2));
    CU_ASSERT_NOT_EQUAL(draw(sim, p, 0), first); /* another incarnation, other numbers */
    sim_free(sim);
}

/* ---- the timeline ---- */

struct kept {
    struct text text;
};

static void keep(void *owner, struct instant at, struct str line)
{
    (void)at;
    text_add(&((struct kept *)owner)->text, line);
    text_add_byte(&((struct kept *)owner)->text, '\n');
}

static void do_trace(struct puppet *p, struct step *step, uint64_t variant)
{
    (void)p;
    const char *name = variant == 1 ? "x" : "web";
    int count = variant == 2 ? 3 : 2;
    int64_t big = variant == 3 ? INT64_MIN : INT64_MAX;
    uint64_t size = variant == 4 ? 0 : UINT64_MAX;
    struct str cut = variant == 5 ? S("ab") : (struct str){"abc", 2 + (variant == 6)};
    char c = variant == 7 ? '-' : '+';
    step_trace(step, "who", variant == 8 ? S("") : S("default/web"),
               "%s %d of %" PRId64 ", %" PRIu64 " %u %.*s %c 100%%", name, count, big, size, 7u,
               STR_ARG(cut), c);
}

static uint64_t traced(uint64_t variant, bool has_sink, bool has_ring, struct text *out)
{
    process_id p;
    struct kept kept = {0};
    struct sim *sim = one_process(&options, RESTART_ALWAYS, &p);
    if (has_sink)
        sim_set_trace_sink(sim, keep, &kept);
    if (has_ring)
        sim_keep_last_lines(sim, 2);
    run_for(sim, duration_ms(12350));
    order(sim, p, do_trace, variant);
    if (out)
        text_add(out, text_str(&kept.text));
    uint64_t hash = sim_trace_hash(sim);
    CU_ASSERT_NOT_EQUAL(sim_component_hash(sim, p), hash_pair(0, 0));
    text_release(&kept.text);
    sim_free(sim);
    return hash;
}

static void test_timeline(void)
{
    AUTO(text) struct text line = {0};
    uint64_t plain = traced(0, true, false, &line);

    CU_ASSERT_STRING_EQUAL(text_c(&line), "[12.350] who default/web: web 2 of 9223372036854775807, "
                                          "18446744073709551615 7 ab + 100%\n");
    CU_ASSERT_EQUAL(traced(0, false, false, NULL), plain);
    CU_ASSERT_EQUAL(traced(0, false, true, NULL), plain);
    CU_ASSERT_EQUAL(traced(5, false, false, NULL), plain); /* the same text from elsewhere */
    for (uint64_t variant = 1; variant <= 8; variant++)
        if (variant != 5)
            CU_ASSERT_NOT_EQUAL(traced(variant, false, false, NULL), plain);
}

static void test_ring(void)
{
    process_id p;
    struct sim *sim = one_process(&options, RESTART_ALWAYS, &p);
    sim_keep_last_lines(sim, 2);
    AUTO(text) struct text lines = {0};
    sim_add_last_lines(sim, &lines);
    CU_ASSERT_STRING_EQUAL(text_c(&lines), "");
    for (int i = 0; i < 5; i++)
        sim_trace(sim, "step", S("x"), "%d", i);
    sim_add_last_lines(sim, &lines);
    CU_ASSERT_STRING_EQUAL(text_c(&lines), "[0.000] step x: 3\n[0.000] step x: 4\n");
    sim_free(sim);
}

/* ---- scale ---- */

static void do_connect_to_first(struct puppet *p, struct step *step, uint64_t unused)
{
    (void)unused;
    p->stream = step_connect(step, sim_address(step->sim, S("host-0:1")));
}

static void test_many_hosts(void)
{
    /* Goal: thousands of hosts, each with a process and a connection to one server; then a power
     * loss of half of them costs no more than its own streams. */
    enum { HOSTS = 3000 };
    static const struct puppet_config listening = {"host-0:1"};
    struct sim *sim = sim_new(&options);
    process_id processes[HOSTS];
    for (size_t i = 0; i < HOSTS; i++) {
        AUTO(text) struct text name = {0};
        text_printf(&name, "host-%zu", i);
        host_id h = sim_host_add(sim, &(struct host_options){.name = text_str(&name)});
        processes[i] =
            sim_process_add(sim, &(struct process_options){.name = text_str(&name),
                                                           .host = h,
                                                           .type = &puppet_type,
                                                           .config = i ? NULL : &listening});
    }
    run_for(sim, duration_s(1));
    const struct puppet *server = puppet_of(sim, processes[0]);
    for (size_t i = 1; i < HOSTS; i++) {
        order(sim, processes[i], do_set_timer, 1000);
        order(sim, processes[i], do_connect_to_first, 0);
    }
    run_for(sim, duration_s(1));
    CU_ASSERT_EQUAL(count_notes(server, INPUT_ACCEPTED), HOSTS - 1);
    for (size_t i = 1; i < HOSTS; i += 2)
        sim_host_power_off(sim, sim_process_host(sim, processes[i]));
    run_for(sim, duration_s(2000));
    size_t fired = 0;
    for (size_t i = 1; i < HOSTS; i++)
        fired += sim_process_is_running(sim, processes[i]) &&
                 count_notes(puppet_of(sim, processes[i]), INPUT_TIMER) == 1;
    CU_ASSERT_EQUAL(fired, HOSTS / 2 - 1);
    CU_ASSERT_EQUAL(count_notes(server, INPUT_CLOSED), HOSTS / 2);
    sim_free(sim);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"supervision", test_supervision},
        {"terminate and grace", test_terminate_and_grace},
        {"grace of the dead", test_grace_of_the_dead},
        {"a start waits for a paused host", test_start_waits_for_a_paused_host},
        {"timers", test_timers},
        {"parked inputs keep their order", test_parked_order},
        {"random streams", test_random_streams},
        {"timeline", test_timeline},
        {"last lines", test_ring},
        {"many hosts", test_many_hosts},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"process", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
