/* SPDX-License-Identifier: Apache-2.0
 *
 * The network: which traffic a rule means, the loopback, loss beyond endurance, message faults,
 * silence limits. Three hosts, each with one process that listens; "x hears y" is tried with
 * datagrams.
 */
#include "tests/unit/sim/fixture.h"

#include <CUnit/Basic.h>

enum { A, B, C, A2, COUNT }; /* A2 lives on A's host */

struct net {
    struct sim *sim;
    host_id hosts[3];
    process_id processes[COUNT];
};

static const char *const addresses[COUNT] = {"a:1", "b:1", "c:1", "a:2"};
static const struct puppet_config configs[COUNT] = {{"a:1"}, {"b:1"}, {"c:1"}, {"a:2"}};

static void net_init(struct net *n)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const process_names[COUNT] = {"pa", "pb", "pc", "pa2"};
    n->sim = sim_new(&(struct sim_options){.seed = 1});
    for (size_t i = 0; i < 3; i++)
        n->hosts[i] = sim_host_add(
            n->sim, &(struct host_options){.name = str_from(names[i]), .zone = S("z")});
    for (size_t i = 0; i < COUNT; i++)
        n->processes[i] =
            sim_process_add(n->sim, &(struct process_options){.name = str_from(process_names[i]),
                                                              .host = n->hosts[i % 3],
                                                              .type = &puppet_type,
                                                              .config = &configs[i]});
    run_for(n->sim, duration_s(1));
}

static void do_datagram(struct puppet *p, struct step *step, uint64_t to)
{
    (void)p;
    step_send_datagram(step, sim_address(step->sim, str_from(addresses[to])), numbered(1));
}

static void do_connect(struct puppet *p, struct step *step, uint64_t to)
{
    p->stream = step_connect(step, sim_address(step->sim, str_from(addresses[to])));
}

static void do_send(struct puppet *p, struct step *step, uint64_t number)
{
    step_send(step, p->stream, numbered(number));
}

static stream_id accepted_last(const struct puppet *p)
{
    for (size_t i = p->notes.count; i-- > 0;)
        if (p->notes.items[i].kind == INPUT_ACCEPTED)
            return p->notes.items[i].stream;
    return 0;
}

static void do_answer(struct puppet *p, struct step *step, uint64_t number)
{
    step_send(step, accepted_last(p), numbered(number));
}

static void do_limit(struct puppet *p, struct step *step, uint64_t seconds)
{
    step_stream_silence(step, p->stream ? p->stream : accepted_last(p),
                        duration_s((int64_t)seconds));
}

static bool hears(struct net *n, size_t from, size_t to)
{
    size_t before = count_notes(puppet_of(n->sim, n->processes[to]), INPUT_DATAGRAM);
    order(n->sim, n->processes[from], do_datagram, to);
    run_for(n->sim, duration_ms(20));
    return count_notes(puppet_of(n->sim, n->processes[to]), INPUT_DATAGRAM) > before;
}

/* ---- which traffic a rule means ---- */

static void test_rule_sets(void)
{
    /* Bits of a set: 1 host a, 2 host b, 4 host c, 8 process pa, 16 process pb; 0: everything. */
    static const struct {
        unsigned from, to;
        bool both_ways;
        const char *cut; /* pairs that do not hear each other */
    } cases[] = {
        {1, 0, true, "AB AC BA CA "}, {1, 0, false, "AB AC "},
        {0, 1, false, "BA CA "},      {1, 2, false, "AB "},
        {1, 2, true, "AB BA "},       {3, 0, true, "AC BC CA CB "},
        {3, 4, false, "AC BC "},      {0, 0, false, "AB AC BA BC CA CB "},
        {8, 16, true, "AB BA "},      {7, 7, false, "AB AC BA BC CA CB "},
        {0, 3, true, "AC BC CA CB "},
    };
    static const char letters[] = "ABC";
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct net n;
        net_init(&n);
        AUTO(text) struct text cut = {0};
        struct network_rule rule = {.both_ways = cases[i].both_ways, .is_cut = true};
        host_id hosts[2][3];
        process_id processes[2][2];
        for (size_t end = 0; end < 2; end++) {
            struct fault_set *set = end ? &rule.to : &rule.from;
            unsigned bits = end ? cases[i].to : cases[i].from;
            set->hosts = hosts[end];
            set->processes = processes[end];
            for (unsigned k = 0; k < 3; k++)
                if (bits >> k & 1)
                    hosts[end][set->host_count++] = n.hosts[k];
            for (unsigned k = 0; k < 2; k++)
                if (bits >> (3 + k) & 1)
                    processes[end][set->process_count++] = n.processes[k];
        }
        network_rule_id id = sim_network_rule_add(n.sim, &rule);
        for (size_t from = 0; from < 3; from++)
            for (size_t to = 0; to < 3; to++)
                if (from != to && !hears(&n, from, to))
                    text_printf(&cut, "%c%c ", letters[from], letters[to]);
        CU_ASSERT_STRING_EQUAL(text_c(&cut), cases[i].cut);
        CU_ASSERT(hears(&n, A, A2)); /* no rule reaches the loopback */
        sim_network_rule_remove(n.sim, id);
        sim_network_rule_remove(n.sim, id);
        CU_ASSERT(hears(&n, A, B) && hears(&n, B, C) && hears(&n, C, A));
        sim_free(n.sim);
    }
}

static void test_bridge(void)
{
    /* Goal: a and c reach b and not one another; removing one of two rules leaves the other. */
    struct net n;
    net_init(&n);
    struct network_rule cut = {.from = {.hosts = &n.hosts[A], .host_count = 1},
                               .to = {.hosts = &n.hosts[C], .host_count = 1},
                               .both_ways = true,
                               .is_cut = true};
    network_rule_id first = sim_network_rule_add(n.sim, &cut);
    network_rule_id second = sim_network_rule_add(n.sim, &cut);
    CU_ASSERT(hears(&n, A, B) && hears(&n, B, C) && hears(&n, C, B));
    CU_ASSERT_FALSE(hears(&n, A, C) || hears(&n, C, A));
    sim_network_rule_remove(n.sim, first);
    CU_ASSERT_FALSE(hears(&n, A, C));
    sim_network_rule_remove(n.sim, second);
    CU_ASSERT(hears(&n, A, C));
    sim_free(n.sim);
}

static void test_loopback_is_fast(void)
{
    struct net n;
    net_init(&n);
    struct instant before = sim_now(n.sim);
    order(n.sim, n.processes[A], do_datagram, A2);
    run_for(n.sim, duration_ms(1));
    const struct puppet *p = puppet_of(n.sim, n.processes[A2]);
    CU_ASSERT_EQUAL_FATAL(p->notes.count, 1);
    int64_t ns = instant_since(p->notes.items[0].at, before).ns;
    CU_ASSERT(ns >= 20000 && ns <= 25000);
    sim_free(n.sim);
}

/* ---- streams under rules ---- */

static void test_loss_beyond_endurance(void)
{
    struct net n;
    net_init(&n);
    order(n.sim, n.processes[A], do_connect, B);
    run_for(n.sim, duration_s(1));
    order(n.sim, n.processes[A], do_limit, 20000); /* more patient than TCP */
    order(n.sim, n.processes[B], do_limit, 20000);
    sim_network_rule_add(n.sim, &(struct network_rule){.loss_percent = 99});
    for (uint64_t i = 0; i < 20; i++)
        order(n.sim, n.processes[A], do_send, i);
    run_for(n.sim, duration_s(20000));

    const struct puppet *a = puppet_of(n.sim, n.processes[A]),
                        *b = puppet_of(n.sim, n.processes[B]);
    CU_ASSERT_EQUAL_FATAL(count_notes(a, INPUT_CLOSED), 1);
    CU_ASSERT_EQUAL_FATAL(count_notes(b, INPUT_CLOSED), 1);
    CU_ASSERT_EQUAL(a->notes.items[a->notes.count - 1].reason, CLOSE_RESET);
    CU_ASSERT_EQUAL(b->notes.items[b->notes.count - 1].reason, CLOSE_RESET);
    CU_ASSERT(count_notes(b, INPUT_MESSAGE) < 20);
    sim_free(n.sim);
}

static void test_loss_is_a_multiple_of_timeouts(void)
{
    /* 200 ms, then twice that, and so on: with half of the packets lost, each number of losses
     * occurs. */
    struct net n;
    net_init(&n);
    order(n.sim, n.processes[A], do_connect, B);
    run_for(n.sim, duration_s(1));
    sim_network_rule_add(n.sim, &(struct network_rule){.loss_percent = 50});
    size_t seen[4] = {0};
    for (uint64_t i = 0; i < 100; i++) {
        struct instant sent = sim_now(n.sim);
        order(n.sim, n.processes[A], do_send, i);
        run_for(n.sim, duration_s(2000));
        const struct puppet *b = puppet_of(n.sim, n.processes[B]);
        const struct noted *last = &b->notes.items[b->notes.count - 1];
        CU_ASSERT_EQUAL_FATAL(last->kind, INPUT_MESSAGE);
        int64_t timeouts = (instant_since(last->at, sent).ns - 500000) / 200000000;
        CU_ASSERT_EQUAL(instant_since(last->at, sent).ns, timeouts * 200000000 + 500000);
        CU_ASSERT_EQUAL(timeouts & (timeouts + 1), 0); /* 0, 1, 3, 7, ... */
        if (timeouts <= 7)
            seen[timeouts == 7 ? 3 : timeouts == 3 ? 2 : timeouts]++;
    }
    CU_ASSERT(seen[0] > 35 && seen[1] > 15 && seen[2] > 5 && seen[3] > 0);
    sim_free(n.sim);
}

static void test_silence_limits_of_each_end(void)
{
    /* Goal: each end has its own limit; changing one while it endures begins anew. */
    struct net n;
    net_init(&n);
    order(n.sim, n.processes[A], do_connect, B);
    run_for(n.sim, duration_s(1));
    order(n.sim, n.processes[A], do_limit, 10);
    sim_network_rule_add(n.sim, &(struct network_rule){.is_cut = true});
    run_for(n.sim, duration_s(4));
    order(n.sim, n.processes[A], do_limit, 8);
    run_for(n.sim, duration_s(60));

    const struct puppet *a = puppet_of(n.sim, n.processes[A]),
                        *b = puppet_of(n.sim, n.processes[B]);
    CU_ASSERT_EQUAL(a->notes.items[a->notes.count - 1].at.ns, duration_s(2 + 12).ns);
    CU_ASSERT_EQUAL(b->notes.items[b->notes.count - 1].at.ns, duration_s(2 + 45).ns);
    CU_ASSERT_EQUAL(b->notes.items[b->notes.count - 1].reason, CLOSE_TIMEOUT);
    sim_free(n.sim);
}

static void test_one_way_cut_ends_both(void)
{
    /* b hears nothing of a; b's end tells a through the way that is open. */
    struct net n;
    net_init(&n);
    order(n.sim, n.processes[A], do_connect, B);
    run_for(n.sim, duration_s(1));
    struct network_rule cut = {.from = {.hosts = &n.hosts[A], .host_count = 1}, .is_cut = true};
    sim_network_rule_add(n.sim, &cut);
    run_for(n.sim, duration_s(46));
    const struct puppet *a = puppet_of(n.sim, n.processes[A]),
                        *b = puppet_of(n.sim, n.processes[B]);
    CU_ASSERT_EQUAL_FATAL(count_notes(a, INPUT_CLOSED), 1);
    CU_ASSERT_EQUAL_FATAL(count_notes(b, INPUT_CLOSED), 1);
    CU_ASSERT_EQUAL(b->notes.items[b->notes.count - 1].reason, CLOSE_TIMEOUT);
    CU_ASSERT_EQUAL(a->notes.items[a->notes.count - 1].reason, CLOSE_BY_PEER);
    CU_ASSERT_EQUAL(a->notes.items[a->notes.count - 1].at.ns, duration_s(47).ns + 500000);
    sim_free(n.sim);
}

static void test_stalled_stream_ends(void)
{
    /* Goal: what is held up longer than an end's patience ends the stream, unless that end hears
     * something else; what is held up less long does not. b answers nothing, or sends every 5 s;
     * its patience is 45 s. */
    static const struct {
        int64_t delay_s;
        bool b_talks;
        int64_t a_closed_s; /* after the send; 0: never */
    } cases[] = {{60, false, 10}, {60, true, 45}, {9, false, 0}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct net n;
        net_init(&n);
        order(n.sim, n.processes[A], do_connect, B);
        run_for(n.sim, duration_s(1));
        order(n.sim, n.processes[A], do_limit, 10);
        struct network_rule slow = {.from = {.hosts = &n.hosts[A], .host_count = 1},
                                    .delay = duration_s(cases[i].delay_s)};
        sim_network_rule_add(n.sim, &slow);
        order(n.sim, n.processes[A], do_send, 1);
        for (int second = 0; second < 100; second += 5) {
            const struct puppet *b = puppet_of(n.sim, n.processes[B]);
            run_for(n.sim, duration_s(5));
            if (cases[i].b_talks && count_notes(b, INPUT_CLOSED) == 0)
                order(n.sim, n.processes[B], do_answer, 7);
        }

        const struct puppet *a = puppet_of(n.sim, n.processes[A]);
        CU_ASSERT_EQUAL_FATAL(count_notes(a, INPUT_CLOSED), cases[i].a_closed_s ? 1 : 0);
        int64_t closed_at = 0;
        for (size_t k = 0; k < a->notes.count; k++)
            closed_at =
                a->notes.items[k].kind == INPUT_CLOSED ? a->notes.items[k].at.ns : closed_at;
        CU_ASSERT_EQUAL(closed_at / 1000000000, cases[i].a_closed_s ? 2 + cases[i].a_closed_s : 0);
        sim_free(n.sim);
    }
}

/* ---- message faults ---- */

static void test_message_faults(void)
{
    static const struct {
        enum message_action action;
        bool a_lives, b_lives;
        size_t delivered, a_closed, b_closed;
    } cases[] = {
        {MESSAGE_RESET_BEFORE, true, true, 1, 1, 1},
        {MESSAGE_RESET_AFTER, true, true, 2, 1, 1},
        {MESSAGE_KILL_RECEIVER_BEFORE, true, false, 0, 1, 0},
        {MESSAGE_KILL_RECEIVER_AFTER, true, false, 0, 1, 0},
        {MESSAGE_KILL_SENDER_BEFORE, false, true, 1, 0, 1},
        {MESSAGE_KILL_SENDER_AFTER, false, true, 2, 0, 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct net n;
        net_init(&n);
        order(n.sim, n.processes[A], do_connect, B);
        struct message_fault fault = {.from = n.processes[A],
                                      .to = n.processes[B],
                                      .type = "first",
                                      .nth = 2,
                                      .action = cases[i].action};
        message_fault_id other_type = sim_message_fault_add(
            n.sim, &(struct message_fault){.type = "second", .nth = 1, .action = fault.action});
        message_fault_id removed = sim_message_fault_add(n.sim, &fault);
        sim_message_fault_remove(n.sim, removed);
        sim_message_fault_remove(n.sim, removed);
        message_fault_id id = sim_message_fault_add(n.sim, &fault);
        order(n.sim, n.processes[A], do_send, 1);
        order(n.sim, n.processes[A], do_send, 2);
        run_for(n.sim, duration_ms(10));

        CU_ASSERT(sim_message_fault_has_acted(n.sim, id));
        CU_ASSERT_FALSE(sim_message_fault_has_acted(n.sim, other_type));
        const struct puppet *a = puppet_of(n.sim, n.processes[A]);
        const struct puppet *b = puppet_of(n.sim, n.processes[B]);
        CU_ASSERT_EQUAL(a != NULL, cases[i].a_lives);
        CU_ASSERT_EQUAL(b != NULL, cases[i].b_lives);
        CU_ASSERT_EQUAL(b ? count_notes(b, INPUT_MESSAGE) : 0, cases[i].delivered);
        CU_ASSERT_EQUAL(a ? count_notes(a, INPUT_CLOSED) : 0, cases[i].a_closed);
        CU_ASSERT_EQUAL(b ? count_notes(b, INPUT_CLOSED) : 0, cases[i].b_closed);
        sim_free(n.sim);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"sets of a rule", test_rule_sets},
        {"bridge", test_bridge},
        {"loopback", test_loopback_is_fast},
        {"loss beyond endurance", test_loss_beyond_endurance},
        {"loss is a multiple of time-outs", test_loss_is_a_multiple_of_timeouts},
        {"silence limits of each end", test_silence_limits_of_each_end},
        {"a one-way cut ends both", test_one_way_cut_ends_both},
        {"a stream that stands still ends", test_stalled_stream_ends},
        {"message faults", test_message_faults},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"network", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
