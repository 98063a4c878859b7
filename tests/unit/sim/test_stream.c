/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: the exact instants of opening and closing, who is told what, and, under random faults,
 * that what arrives is a prefix of what was sent, in order and never twice.
 */
#include "tests/unit/sim/fixture.h"

#include <CUnit/Basic.h>

struct pair {
    struct sim *sim;
    host_id hosts[2];
    process_id client, server;
};

static const struct puppet_config listening = {"b:1"};

static void pair_init(struct pair *p, const struct sim_options *options)
{
    p->sim = sim_new(options);
    p->hosts[0] = sim_host_add(p->sim, &(struct host_options){.name = S("a")});
    p->hosts[1] = sim_host_add(p->sim, &(struct host_options){.name = S("b")});
    p->client = sim_process_add(
        p->sim,
        &(struct process_options){.name = S("client"), .host = p->hosts[0], .type = &puppet_type});
    p->server = sim_process_add(p->sim, &(struct process_options){.name = S("server"),
                                                                  .host = p->hosts[1],
                                                                  .type = &puppet_type,
                                                                  .config = &listening});
    run_for(p->sim, duration_ms(1));
}

static const char *const targets[] = {"b:1", "b:2", "nowhere:1"};

static void do_connect(struct puppet *p, struct step *step, uint64_t target)
{
    p->stream = step_connect(step, sim_address(step->sim, str_from(targets[target])));
}

static void do_send(struct puppet *p, struct step *step, uint64_t number)
{
    step_send(step, p->stream, numbered(number));
}

static void do_close(struct puppet *p, struct step *step, uint64_t unused)
{
    (void)unused;
    step_close(step, p->stream);
}

static void check_note(const struct noted *n, enum input_kind kind, int64_t at_us, uint64_t number)
{
    CU_ASSERT_EQUAL(n->kind, kind);
    CU_ASSERT_EQUAL(n->at.ns, at_us * 1000);
    CU_ASSERT_EQUAL(n->number, number);
}

static void test_opening_takes_round_trips(void)
{
    struct pair p;
    pair_init(&p, &(struct sim_options){.seed = 1}); /* 500 us one way, no jitter */

    order(p.sim, p.client, do_connect, 0);
    order(p.sim, p.client, do_send, 7);
    order(p.sim, p.client, do_send, 8);
    run_for(p.sim, duration_ms(10));

    const struct puppet *client = puppet_of(p.sim, p.client), *server = puppet_of(p.sim, p.server);
    CU_ASSERT_EQUAL_FATAL(client->notes.count, 1);
    CU_ASSERT_EQUAL_FATAL(server->notes.count, 3);
    check_note(&client->notes.items[0], INPUT_CONNECTED, 2000, 0);
    check_note(&server->notes.items[0], INPUT_ACCEPTED, 2500, 0);
    check_note(&server->notes.items[1], INPUT_MESSAGE, 2500, 7);
    check_note(&server->notes.items[2], INPUT_MESSAGE, 2500, 8);
    CU_ASSERT_EQUAL(server->notes.items[1].peer, p.client);
    CU_ASSERT_EQUAL(client->notes.items[0].peer, p.server);

    order(p.sim, p.server, do_send, 9);
    order(p.sim, p.server, do_close, 0);
    order(p.sim, p.server, do_send, 10); /* dropped */
    run_for(p.sim, duration_ms(10));
    CU_ASSERT_EQUAL_FATAL(client->notes.count, 3);
    check_note(&client->notes.items[1], INPUT_MESSAGE, 11500, 9);
    check_note(&client->notes.items[2], INPUT_CLOSED, 11500, 0);
    CU_ASSERT_EQUAL(client->notes.items[2].reason, CLOSE_BY_PEER);
    CU_ASSERT_EQUAL(server->notes.count, 3); /* who closes is told nothing */
    order(p.sim, p.client, do_send, 11);     /* a stream that is gone: dropped */
    sim_free(p.sim);
}

static void test_failed_connects(void)
{
    static const struct {
        uint64_t target;
        bool is_down;
        enum close_reason reason;
        int64_t after_us;
    } cases[] = {
        {1, false, CLOSE_REFUSED, 1000},
        {0, true, CLOSE_TIMEOUT, 30000000},
        {2, false, CLOSE_TIMEOUT, 30000000},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pair p;
        pair_init(&p, &(struct sim_options){.seed = 1});
        if (cases[i].is_down)
            sim_host_power_off(p.sim, p.hosts[1]);
        order(p.sim, p.client, do_connect, cases[i].target);
        order(p.sim, p.client, do_send, 1);
        run_for(p.sim, duration_s(40));
        const struct puppet *client = puppet_of(p.sim, p.client);
        CU_ASSERT_EQUAL_FATAL(client->notes.count, 1);
        check_note(&client->notes.items[0], INPUT_CLOSED, 1000 + cases[i].after_us, 0);
        CU_ASSERT_EQUAL(client->notes.items[0].reason, cases[i].reason);
        sim_free(p.sim);
    }
}

static void test_closing_early(void)
{
    /* Goal: a client that gives up at any moment of the opening leaves nothing behind, and the
     * server is told of a connection if and only if it is told of its end. */
    for (int64_t us = 0; us < 3000; us += 250) {
        struct pair p;
        pair_init(&p, &(struct sim_options){.seed = 1});
        order(p.sim, p.client, do_connect, 0);
        order(p.sim, p.client, do_send, 1);
        run_for(p.sim, duration_us(us));
        order(p.sim, p.client, do_close, 0);
        run_for(p.sim, duration_s(60));
        const struct puppet *server = puppet_of(p.sim, p.server);
        CU_ASSERT_EQUAL(count_notes(server, INPUT_ACCEPTED), us >= 1000);
        CU_ASSERT_EQUAL(count_notes(server, INPUT_MESSAGE), us >= 1000);
        CU_ASSERT_EQUAL(count_notes(server, INPUT_CLOSED), us >= 1000);
        struct instant next;
        CU_ASSERT_FALSE(sim_next_event(p.sim, &next));
        sim_free(p.sim);
    }
}

static void test_death_during_opening(void)
{
    for (int64_t us = 0; us < 3000; us += 250) {
        struct pair p;
        pair_init(&p, &(struct sim_options){.seed = 1});
        order(p.sim, p.client, do_connect, 0);
        run_for(p.sim, duration_us(us));
        sim_process_stop(p.sim, p.server, (struct duration){0});
        run_for(p.sim, duration_s(60));
        const struct puppet *client = puppet_of(p.sim, p.client);
        CU_ASSERT_EQUAL(count_notes(client, INPUT_CLOSED), 1);
        CU_ASSERT_EQUAL(count_notes(client, INPUT_CONNECTED), us >= 500);
        sim_free(p.sim);
    }
}

/* ---- prefix and order under random faults ---- */

static uint64_t check_prefix(const struct puppet *server, uint64_t *ret_streams)
{
    uint64_t messages = 0, last = 0;
    stream_id stream = 0;
    for (size_t i = 0; i < server->notes.count; i++) {
        const struct noted *n = &server->notes.items[i];
        if (n->kind == INPUT_ACCEPTED) {
            stream = n->stream;
            last = 0;
            (*ret_streams)++;
        } else if (n->kind == INPUT_MESSAGE && n->stream == stream) {
            /* The numbers of each stream begin at 1 and have no gap. */
            CU_ASSERT_EQUAL(n->number, last + 1);
            last = n->number;
            messages++;
        }
    }
    return messages;
}

static void one_fault(struct pair *p, struct random_stream *r, network_rule_id *rule)
{
    static const struct duration pauses[] = {{10000000}, {1000000000}, {20000000000}};
    struct duration pause = pauses[random_below(r, ARRAY_COUNT(pauses))];
    switch (random_below(r, 6)) {
    case 0:
        sim_process_pause(p->sim, p->server);
        run_for(p->sim, pause);
        sim_process_resume(p->sim, p->server);
        break;
    case 1:
        sim_host_pause(p->sim, p->hosts[random_below(r, 2)]);
        run_for(p->sim, pause);
        sim_host_resume(p->sim, p->hosts[0]);
        sim_host_resume(p->sim, p->hosts[1]);
        break;
    case 2:
        sim_streams_reset(p->sim, p->client, p->server);
        break;
    default:
        sim_network_rule_remove(p->sim, *rule);
        struct network_rule next = {.from = {.hosts = p->hosts, .host_count = 1},
                                    .both_ways = random_below(r, 2) == 0,
                                    .is_cut = random_below(r, 3) == 0,
                                    .loss_percent = (uint32_t)random_below(r, 60),
                                    .jitter = duration_ms(5)};
        *rule = sim_network_rule_add(p->sim, &next);
    }
}

static void test_prefix_in_order(void)
{
    uint64_t all_messages = 0, all_streams = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct pair p;
        struct random_stream r = random_stream(seed, 5, 0, 0);
        network_rule_id rule = 0;
        uint64_t streams = 0, number = 0;
        pair_init(&p, &(struct sim_options){
                          .seed = seed, .jitter = duration_us(300), .shuffle_ties = seed % 2 == 1});
        for (int i = 0; i < 60; i++) {
            if (i % 15 == 0) {
                order(p.sim, p.client, do_close, 0);
                run_for(p.sim, duration_s(200)); /* whatever was under way */
                order(p.sim, p.client, do_connect, 0);
                number = 0;
            }
            order(p.sim, p.client, do_send, ++number);
            order(p.sim, p.client, do_send, ++number);
            if (random_below(&r, 4) == 0)
                one_fault(&p, &r, &rule);
            run_for(p.sim, duration_ms((int64_t)random_below(&r, 50)));
        }
        sim_network_rule_remove(p.sim, rule);
        run_for(p.sim, duration_s(400));
        uint64_t messages = check_prefix(puppet_of(p.sim, p.server), &streams);
        CU_ASSERT(messages <= 120);
        CU_ASSERT(streams <= 4);
        all_messages += messages;
        all_streams += streams;
        sim_free(p.sim);
    }
    CU_ASSERT(all_messages > 60 * 40);
    CU_ASSERT(all_streams > 60 * 2);
}

/* ---- draws ---- */

static void do_send_second(struct puppet *p, struct step *step, uint64_t number)
{
    step_send(step, p->stream, numbered_of(&numbered_types[1], number));
}

static int64_t arrival_of_seven(bool sends_another_kind, uint64_t seed)
{
    struct pair p;
    pair_init(&p, &(struct sim_options){.seed = seed, .jitter = duration_us(400)});
    order(p.sim, p.client, do_connect, 0);
    run_for(p.sim, duration_s(1));
    if (sends_another_kind)
        order(p.sim, p.client, do_send_second, 3);
    run_for(p.sim, duration_s(1));
    order(p.sim, p.client, do_send, 7);
    run_for(p.sim, duration_s(1));
    const struct puppet *server = puppet_of(p.sim, p.server);
    int64_t at = server->notes.items[server->notes.count - 1].at.ns;
    sim_free(p.sim);
    return at;
}

static void test_one_kind_shifts_no_other(void)
{
    /* Goal: a message more of one kind leaves the latency of another kind as it was. */
    int64_t distinct = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        int64_t at = arrival_of_seven(false, seed);
        CU_ASSERT_EQUAL(at, arrival_of_seven(true, seed));
        CU_ASSERT(at >= 2001500000 && at <= 2001900000);
        distinct += at != arrival_of_seven(false, seed + 1);
    }
    CU_ASSERT(distinct > 15);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"opening takes round trips", test_opening_takes_round_trips},
        {"failed connects", test_failed_connects},
        {"closing early", test_closing_early},
        {"death during opening", test_death_during_opening},
        {"prefix, in order", test_prefix_in_order},
        {"one kind shifts no other", test_one_kind_shifts_no_other},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"stream", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
