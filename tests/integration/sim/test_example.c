/* SPDX-License-Identifier: Apache-2.0
 *
 * Ping-pong: each fault of the engine acting on a small world, and the whole world run twice, on
 * the wheel and on the heap, with and without an audience, with equal hashes.
 */
#include "sim/base/mem.h"
#include "sim/fault.h"
#include "sim/sim.h"

#include <CUnit/Basic.h>

/* ---- messages ---- */

struct note {
    struct message message;
    uint64_t number;
};

static void note_release(struct message *m)
{
    mem_free(CONTAINER_OF(m, struct note, message));
}

static uint64_t note_digest(const struct message *m)
{
    return ((const struct note *)(const void *)m)->number;
}

static const struct message_type ping_message = {"ping", 1, note_release, note_digest};
static const struct message_type pong_message = {"pong", 2, note_release, note_digest};

static struct message *note_new(const struct message_type *type, uint64_t number)
{
    struct note *n = mem_new(struct note);
    message_init(&n->message, type, 100);
    n->number = number;
    return &n->message;
}

static uint64_t number_of(const struct message *m)
{
    return ((const struct note *)(const void *)m)->number;
}

/* ---- the server: counts, writes, syncs, answers ---- */

struct server {
    uint64_t recovered, torn, served, datagrams, terminated;
    file_id log;
    struct {
        stream_id stream;
        uint64_t number;
    } waiting[256];
    uint64_t first, next; /* of waiting, in order of their syncs */
    enum disk_result last_result;
};

static void *server_start(struct step *step, const void *config)
{
    struct server *s = mem_new(struct server);
    s->log = step_file(step, S("log"));
    for (size_t i = 0; i < step_file_count(step, s->log); i++) {
        bool is_torn;
        step_file_record(step, s->log, i, &is_torn);
        s->recovered += !is_torn;
        s->torn += is_torn;
    }
    step_listen(step, sim_address(step->sim, str_from(config)));
    step_trace(step, "server", sim_process_name(step->sim, step->process),
               "starts with %" PRIu64 " records, %" PRIu64 " torn", s->recovered, s->torn);
    return s;
}

static void server_input(void *state, struct step *step, const struct input *in)
{
    struct server *s = state;
    switch (in->kind) {
    case INPUT_MESSAGE:
        step_file_append(step, s->log, message_ref(in->message), 0);
        step_file_sync(step, s->log, 1);
        s->waiting[s->next % 256].stream = in->stream;
        s->waiting[s->next++ % 256].number = number_of(in->message);
        break;
    case INPUT_DISK_DONE:
        s->last_result = in->disk_result;
        if (in->disk_result == DISK_OK) {
            s->served++;
            step_send(step, s->waiting[s->first % 256].stream,
                      note_new(&pong_message, s->waiting[s->first % 256].number));
        }
        s->first++;
        break;
    case INPUT_DATAGRAM:
        s->datagrams++;
        break;
    case INPUT_TERMINATE:
        s->terminated++;
        step_trace(step, "server", S(""), "ends as asked");
        step_exit(step, 0);
        break;
    case INPUT_TIMER:
    case INPUT_CONNECTED:
    case INPUT_ACCEPTED:
    case INPUT_CLOSED:
    case INPUT_COMMAND:
        break;
    }
}

static void state_release(void *state)
{
    mem_free(state);
}

static void server_dump(const void *state, struct text *out)
{
    text_printf(out, "served %" PRIu64 "\n", ((const struct server *)state)->served);
}

static const struct process_type server_type = {"server", server_start, server_input, state_release,
                                                server_dump};

/* ---- the client: pings every 100 ms, reconnects after a second ---- */

struct client {
    uint64_t sent, answered, connected, closed[4], out_of_order;
    uint64_t last_answer;
    stream_id stream;
    enum close_reason last_reason;
    struct instant closed_at, last_now, answered_at;
    struct wall_time last_wall;
    address_id target;
};
enum { TAG_PING = 1, TAG_RECONNECT };

static void client_connect(struct client *c, struct step *step)
{
    c->stream = step_connect(step, c->target);
    step_stream_silence(step, c->stream, duration_s(5));
}

static void *client_start(struct step *step, const void *config)
{
    struct client *c = mem_new(struct client);
    c->target = sim_address(step->sim, str_from(config));
    client_connect(c, step);
    step_timer_set(step, instant_add(step->now, duration_ms(100)), TAG_PING);
    return c;
}

static void client_message(struct client *c, struct step *step, const struct input *in)
{
    uint64_t number = number_of(in->message);
    c->answered++;
    c->answered_at = step->now;
    c->out_of_order += number <= c->last_answer;
    c->last_answer = number;
    step_observe(step, 1, number, 0);
}

static void client_input(void *state, struct step *step, const struct input *in)
{
    struct client *c = state;
    c->last_now = step->now;
    c->last_wall = step->wall;
    switch (in->kind) {
    case INPUT_TIMER:
        if (in->tag == TAG_RECONNECT) {
            client_connect(c, step);
            break;
        }
        step_send(step, c->stream, note_new(&ping_message, ++c->sent));
        struct duration wait = duration_ms(90 + (int64_t)step_random_below(step, 0, 20));
        step_timer_set(step, instant_add(step->now, wait), TAG_PING);
        break;
    case INPUT_CONNECTED:
        c->connected++;
        step_trace(step, "client", sim_process_name(step->sim, step->process), "connected");
        break;
    case INPUT_MESSAGE:
        client_message(c, step, in);
        break;
    case INPUT_CLOSED:
        c->closed[in->reason]++;
        c->last_reason = in->reason;
        c->closed_at = step->now;
        step_trace(step, "client", sim_process_name(step->sim, step->process), "closed, reason %d",
                   (int)in->reason);
        step_timer_set(step, instant_add(step->now, duration_s(1)), TAG_RECONNECT);
        break;
    case INPUT_COMMAND:
        step_send_datagram(step, c->target, message_ref(in->message));
        break;
    case INPUT_ACCEPTED:
    case INPUT_DATAGRAM:
    case INPUT_DISK_DONE:
    case INPUT_TERMINATE:
        break;
    }
}

static const struct process_type client_type = {"client", client_start, client_input, state_release,
                                                NULL};

/* ---- the world ---- */

struct world {
    struct sim *sim;
    host_id a, b;
    process_id server, client;
    struct text lines;
    size_t journalled;
};

static void keep_line(void *owner, struct instant at, struct str line)
{
    struct world *w = owner;
    (void)at;
    text_add(&w->lines, line);
    text_add_byte(&w->lines, '\n');
}

static void count_entry(void *owner, const struct journal_entry *entry)
{
    struct world *w = owner;
    w->journalled++;
    CU_ASSERT((entry->kind == JOURNAL_COMMAND) == (entry->message != NULL));
}

static void world_init(struct world *w, const struct sim_options *options)
{
    *w = (struct world){.sim = sim_new(options)};
    sim_set_trace_sink(w->sim, keep_line, w);
    sim_set_journal_sink(w->sim, count_entry, w);
    w->a = sim_host_add(w->sim, &(struct host_options){.name = S("a"), .zone = S("z1")});
    w->b = sim_host_add(w->sim, &(struct host_options){.name = S("b"), .zone = S("z2")});
    w->server = sim_process_add(
        w->sim, &(struct process_options){
                    .name = S("server"), .host = w->a, .type = &server_type, .config = "a:80"});
    w->client = sim_process_add(w->sim, &(struct process_options){.name = S("client"),
                                                                  .host = w->b,
                                                                  .type = &client_type,
                                                                  .config = "a:80",
                                                                  .start_delay = duration_ms(5)});
}

static void world_release(struct world *w)
{
    sim_free(w->sim);
    text_release(&w->lines);
}

static void run_for(struct world *w, struct duration d)
{
    sim_run_until(w->sim, instant_add(sim_now(w->sim), d));
}

static const struct client *client_of(const struct world *w)
{
    return sim_process_state(w->sim, w->client);
}

static const struct server *server_of(const struct world *w)
{
    return sim_process_state(w->sim, w->server);
}

static const struct sim_options plain = {.seed = 1, .jitter = {100000}};

/* ---- without faults ---- */

static void test_ping_pong(void)
{
    struct world w;
    world_init(&w, &plain);

    run_for(&w, duration_s(10));

    const struct client *c = client_of(&w);
    CU_ASSERT(c->answered > 90 && c->answered < 105);
    CU_ASSERT(c->sent - c->answered <= 1);
    CU_ASSERT_EQUAL(c->connected, 1);
    CU_ASSERT_EQUAL(c->out_of_order, 0);
    CU_ASSERT_STRING_EQUAL(text_c(&w.lines),
                           "[0.000] server server: starts with 0 records, 0 torn\n"
                           "[0.006] client client: connected\n");
    AUTO(text) struct text dump = {0};
    sim_dump(w.sim, S("server"), &dump);
    CU_ASSERT(str_starts_with(text_str(&dump), S("served ")));
    world_release(&w);
}

/* ---- processes ---- */

static void test_kill_tells_the_peer_at_once(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(2));
    uint64_t served = server_of(&w)->served;

    sim_process_kill(w.sim, w.server);

    CU_ASSERT_PTR_NULL(server_of(&w));
    run_for(&w, duration_ms(2));
    CU_ASSERT_EQUAL(client_of(&w)->last_reason, CLOSE_BY_PEER);
    CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_BY_PEER], 1);
    run_for(&w, duration_s(3));
    CU_ASSERT_EQUAL(sim_process_incarnation(w.sim, w.server), 2);
    CU_ASSERT(server_of(&w)->recovered >= served); /* the page cache outlives the process */
    CU_ASSERT_EQUAL(client_of(&w)->connected, 2);
    world_release(&w);
}

static void test_stop_refuses_and_start_serves(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(1));

    sim_process_stop(w.sim, w.server, duration_s(2));
    run_for(&w, duration_s(5));

    CU_ASSERT_FALSE(sim_process_is_running(w.sim, w.server));
    CU_ASSERT(client_of(&w)->closed[CLOSE_REFUSED] >= 3);
    CU_ASSERT(str_contains(text_str(&w.lines), S("server: ends as asked")));
    sim_process_start(w.sim, w.server);
    run_for(&w, duration_s(2));
    CU_ASSERT_EQUAL(client_of(&w)->connected, 2);
    world_release(&w);
}

static void test_pause_is_silence_and_hang_is_not(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(1));
    uint64_t answered = client_of(&w)->answered;

    sim_process_pause(w.sim, w.server); /* shorter than the client's patience of 5 s */
    run_for(&w, duration_s(4));
    CU_ASSERT_EQUAL(client_of(&w)->answered, answered);
    sim_process_resume(w.sim, w.server);
    run_for(&w, duration_s(1));
    CU_ASSERT(client_of(&w)->answered >= answered + 45);
    CU_ASSERT_EQUAL(client_of(&w)->out_of_order, 0);
    CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_TIMEOUT], 0);

    sim_process_hang(w.sim, w.server); /* pings are answered: no time-out */
    run_for(&w, duration_s(20));
    CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_TIMEOUT], 0);
    sim_process_resume(w.sim, w.server);
    run_for(&w, duration_s(1));

    sim_process_pause(w.sim, w.server);
    struct instant paused_at = sim_now(w.sim);
    run_for(&w, duration_s(6));
    CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_TIMEOUT], 1);
    CU_ASSERT_EQUAL(instant_since(client_of(&w)->closed_at, paused_at).ns, duration_s(5).ns);
    world_release(&w);
}

/* ---- the network ---- */

static void test_partition_holds_and_heals(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(1));
    uint64_t answered = client_of(&w)->answered;
    struct network_rule cut = {
        .from = {.hosts = &w.a, .host_count = 1}, .both_ways = true, .is_cut = true};

    network_rule_id rule = sim_network_rule_add(w.sim, &cut);
    run_for(&w, duration_ms(3100));
    CU_ASSERT(client_of(&w)->answered <= answered + 1);
    sim_network_rule_remove(w.sim, rule);
    run_for(&w, duration_s(3)); /* sent again after 0.2 + 0.4 + 0.8 + 1.6 + 3.2 s: at 6.2 s */
    CU_ASSERT(client_of(&w)->answered <= answered + 1);
    run_for(&w, duration_ms(500));

    CU_ASSERT(client_of(&w)->answered >= answered + 50);
    CU_ASSERT_EQUAL(client_of(&w)->out_of_order, 0);
    CU_ASSERT_EQUAL(client_of(&w)->connected, 1);
    world_release(&w);
}

static void test_partition_beyond_patience(void)
{
    static const bool both_ways[] = {true, false};
    for (size_t i = 0; i < ARRAY_COUNT(both_ways); i++) {
        struct world w;
        world_init(&w, &plain);
        run_for(&w, duration_s(1));
        struct network_rule cut = {.from = {.hosts = &w.a, .host_count = 1},
                                   .to = {.hosts = &w.b, .host_count = 1},
                                   .both_ways = both_ways[i],
                                   .is_cut = true};

        network_rule_id rule = sim_network_rule_add(w.sim, &cut);
        run_for(&w, duration_s(60));

        /* 5 s of silence, a second, then connects that time out after 30 s each. */
        CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_TIMEOUT], 2);
        CU_ASSERT_EQUAL(client_of(&w)->connected, 1);
        sim_network_rule_remove(w.sim, rule);
        run_for(&w, duration_s(70));
        CU_ASSERT_EQUAL(client_of(&w)->connected, 2);
        world_release(&w);
    }
}

static void test_loss_is_delay_on_streams(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(1));
    struct network_rule loss = {.loss_percent = 30};

    sim_network_rule_add(w.sim, &loss);
    run_for(&w, duration_s(20));
    for (uint64_t i = 0; i < 1000; i++)
        sim_command(w.sim, w.client, note_new(&ping_message, i));
    run_for(&w, duration_s(1));

    CU_ASSERT_EQUAL(client_of(&w)->out_of_order, 0);
    CU_ASSERT(client_of(&w)->answered > 120);
    CU_ASSERT(server_of(&w)->datagrams > 600 && server_of(&w)->datagrams < 800);
    world_release(&w);
}

static void test_delay_and_bandwidth(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(1));

    struct network_rule slow = {.delay = duration_s(1)};
    network_rule_id rule = sim_network_rule_add(w.sim, &slow);
    run_for(&w, duration_ms(1900));
    uint64_t answered = client_of(&w)->answered;
    run_for(&w, duration_ms(400));
    CU_ASSERT(client_of(&w)->answered > answered); /* a round trip takes 2 s */
    sim_network_rule_remove(w.sim, rule);
    run_for(&w, duration_s(5));
    answered = client_of(&w)->answered;

    struct network_rule narrow = {.bytes_per_second = 500,
                                  .from = {.hosts = &w.b, .host_count = 1}};
    sim_network_rule_add(w.sim, &narrow);
    run_for(&w, duration_s(20)); /* 100 bytes a ping: five a second of the ten that are sent */
    CU_ASSERT(client_of(&w)->answered - answered >= 95);
    CU_ASSERT(client_of(&w)->answered - answered <= 102);
    world_release(&w);
}

static void test_duplicates_and_message_faults(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(1));
    struct network_rule twice = {.duplicate_percent = 100, .reorder_percent = 50};
    sim_network_rule_add(w.sim, &twice);
    for (uint64_t i = 0; i < 10; i++)
        sim_command(w.sim, w.client, note_new(&ping_message, i));
    run_for(&w, duration_ms(50));
    CU_ASSERT_EQUAL(server_of(&w)->datagrams, 20);
    CU_ASSERT_EQUAL(w.journalled, 11);

    static const struct {
        enum message_action action;
        enum close_reason reason;
        uint64_t more_served;
    } cases[] = {{MESSAGE_RESET_BEFORE, CLOSE_RESET, 1},
                 {MESSAGE_RESET_AFTER, CLOSE_RESET, 2},
                 {MESSAGE_KILL_RECEIVER_BEFORE, CLOSE_BY_PEER, 1},
                 {MESSAGE_KILL_RECEIVER_AFTER, CLOSE_BY_PEER, 2}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        run_for(&w, duration_s(3));
        struct message_fault fault = {
            .to = w.server, .type = "ping", .nth = 2, .action = cases[i].action};
        uint64_t closed = client_of(&w)->closed[cases[i].reason];
        message_fault_id id = sim_message_fault_add(w.sim, &fault);
        CU_ASSERT_FALSE(sim_message_fault_has_acted(w.sim, id));
        run_for(&w, duration_ms(400));
        CU_ASSERT(sim_message_fault_has_acted(w.sim, id));
        CU_ASSERT_EQUAL(client_of(&w)->closed[cases[i].reason], closed + 1);
    }
    run_for(&w, duration_s(3));
    sim_streams_reset(w.sim, w.client, 0);
    run_for(&w, duration_s(3));
    CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_RESET], 3);
    world_release(&w);
}

static void test_balancer_passes_over_the_dead(void)
{
    struct world w;
    world_init(&w, &plain);
    host_id third = sim_host_add(w.sim, &(struct host_options){.name = S("c")});
    sim_process_add(
        w.sim, &(struct process_options){
                   .name = S("server-2"), .host = third, .type = &server_type, .config = "c:80"});
    address_id backends[] = {sim_address(w.sim, S("a:80")), sim_address(w.sim, S("c:80"))};
    sim_balancer_add(w.sim, sim_address(w.sim, S("front:80")), backends, 2);
    process_id client = sim_process_add(
        w.sim, &(struct process_options){
                   .name = S("client-2"), .host = w.b, .type = &client_type, .config = "front:80"});
    run_for(&w, duration_s(2));
    const struct client *c = sim_process_state(w.sim, client);
    CU_ASSERT_EQUAL(c->connected, 1);
    sim_process_stop(w.sim, w.server, (struct duration){0}); /* refused: the other one */
    run_for(&w, duration_s(2));
    CU_ASSERT_EQUAL(c->connected, 2);
    CU_ASSERT_EQUAL(c->closed[CLOSE_REFUSED], 0);
    sim_host_power_off(w.sim, w.a);
    sim_process_kill(w.sim, client); /* the turn is the dead host's: silent for 3 s */
    run_for(&w, duration_s(5));
    c = sim_process_state(w.sim, client);
    CU_ASSERT_EQUAL(c->connected, 1);
    CU_ASSERT_EQUAL(c->closed[CLOSE_TIMEOUT], 0);
    world_release(&w);
}

/* ---- hosts, disks, clocks ---- */

static void test_power_loss_is_silence(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(2));
    uint64_t served = server_of(&w)->served;

    struct instant off_at = sim_now(w.sim);
    sim_host_power_off(w.sim, w.a);
    run_for(&w, duration_ms(4900));
    CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_BY_PEER], 0);
    run_for(&w, duration_ms(200));
    CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_TIMEOUT], 1);
    CU_ASSERT_EQUAL(instant_since(client_of(&w)->closed_at, off_at).ns, duration_s(5).ns);
    sim_host_power_on(w.sim, w.a);
    run_for(&w, duration_s(3));

    CU_ASSERT_EQUAL(sim_host_boots(w.sim, w.a), 2);
    CU_ASSERT_EQUAL(server_of(&w)->recovered, served);
    CU_ASSERT_EQUAL(client_of(&w)->connected, 2);

    sim_host_reboot(w.sim, w.a, duration_s(1)); /* back before the patience ends: reset */
    run_for(&w, duration_s(4));
    CU_ASSERT_EQUAL(client_of(&w)->closed[CLOSE_RESET], 1);
    sim_host_pause(w.sim, w.a);
    run_for(&w, duration_s(3));
    uint64_t answered = client_of(&w)->answered;
    sim_host_resume(w.sim, w.a);
    run_for(&w, duration_s(4));
    CU_ASSERT(client_of(&w)->answered > answered + 30);
    world_release(&w);
}

static void test_disk_faults(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(2));

    struct disk_fault slow = {.sync_latency = duration_ms(400)};
    sim_disk_fault_set(w.sim, w.a, 0, &slow);
    uint64_t served = server_of(&w)->served;
    run_for(&w, duration_s(4));
    CU_ASSERT(server_of(&w)->served - served <= 10);

    struct disk_fault lying = {.loses_syncs = true, .tears_writes = true};
    sim_disk_fault_set(w.sim, w.a, 0, &(struct disk_fault){0});
    sim_process_kill(w.sim, w.server);
    run_for(&w, duration_s(20));
    sim_disk_fault_set(w.sim, w.a, w.server, &lying);
    run_for(&w, duration_s(2));
    uint64_t recovered = server_of(&w)->recovered;
    CU_ASSERT(server_of(&w)->served > 10);
    served = server_of(&w)->served;
    sim_host_power_off(w.sim, w.a);
    sim_disk_fault_set(w.sim, w.a, w.server, &(struct disk_fault){0});
    sim_host_power_on(w.sim, w.a);
    run_for(&w, duration_s(3));
    CU_ASSERT(server_of(&w)->recovered < recovered + served);
    CU_ASSERT_EQUAL(server_of(&w)->torn, 1);

    sim_disk_fault_set(w.sim, w.a, 0, &(struct disk_fault){.is_full = true});
    CU_ASSERT(sim_disk_corrupt(w.sim, w.a, S("log"), 0));
    CU_ASSERT_FALSE(sim_disk_corrupt(w.sim, w.a, S("nothing"), 0));
    sim_disk_fault_set(w.sim, w.a, w.server, &(struct disk_fault){.is_full = true});
    served = server_of(&w)->served;
    run_for(&w, duration_s(2));
    CU_ASSERT(server_of(&w)->served <= served + 1);
    CU_ASSERT_EQUAL(server_of(&w)->last_result, DISK_FULL);
    sim_process_stop(w.sim, w.server, (struct duration){0});
    sim_disk_wipe(w.sim, w.a);
    sim_process_start(w.sim, w.server);
    run_for(&w, duration_s(1));
    CU_ASSERT_EQUAL(server_of(&w)->recovered, 0);
    world_release(&w);
}

struct note_instant {
    int64_t instant, wall;
};

/* Runs until the client gets an input. */
static struct note_instant next_input_of(struct world *w)
{
    int64_t before = client_of(w)->last_now.ns;
    while (client_of(w)->last_now.ns == before)
        CU_ASSERT_FATAL(sim_run_one(w->sim));
    return (struct note_instant){sim_now(w->sim).ns, client_of(w)->last_wall.unix_ns};
}

static void test_clocks(void)
{
    struct world w;
    world_init(&w, &(struct sim_options){.seed = 1, .start = {1000000000000}});
    run_for(&w, duration_s(10));
    uint64_t sent = client_of(&w)->sent;

    sim_clock_set(w.sim, w.b, duration_s(3600), 1000000); /* twice as fast */
    run_for(&w, duration_s(10));

    CU_ASSERT(client_of(&w)->sent - sent > 190 && client_of(&w)->sent - sent < 210);
    int64_t mono = client_of(&w)->last_now.ns;
    CU_ASSERT(mono > duration_ms(29700).ns && mono <= duration_s(30).ns);
    CU_ASSERT_EQUAL(client_of(&w)->last_wall.unix_ns, 1000000000000 + mono + duration_s(3600).ns);
    sent = client_of(&w)->sent;
    sim_clock_set(w.sim, w.b, duration_s(0), -500000);
    run_for(&w, duration_s(10));
    CU_ASSERT(client_of(&w)->sent - sent > 45 && client_of(&w)->sent - sent < 55);
    sim_clock_set(w.sim, w.b, duration_s(0), 0); /* the wall is right again */
    struct note_instant at = next_input_of(&w);
    CU_ASSERT_EQUAL(at.wall, 1000000000000 + at.instant);
    world_release(&w);
}

/* ---- determinism ---- */

struct outcome {
    uint64_t trace, events, server, count;
};

static void faults_at_random(struct world *w, uint64_t seed)
{
    struct random_stream r = random_stream(seed, 99, 0, 0);
    network_rule_id rule = 0;
    for (int i = 0; i < 60; i++) {
        run_for(w, duration_ms(1 + (int64_t)random_below(&r, 2000)));
        process_id p = random_below(&r, 2) ? w->server : w->client;
        host_id h = sim_process_host(w->sim, p);
        switch (random_below(&r, 10)) {
        case 0:
            sim_process_kill(w->sim, p);
            break;
        case 1:
            sim_process_terminate(w->sim, p, duration_ms(200));
            break;
        case 2:
            sim_process_pause(w->sim, p);
            break;
        case 3:
            sim_process_resume(w->sim, p);
            break;
        case 4:
            sim_host_reboot(w->sim, h, duration_ms(1500));
            break;
        case 5:
            sim_host_pause(w->sim, h);
            break;
        case 6:
            sim_host_resume(w->sim, h);
            break;
        case 7:
            sim_clock_set(w->sim, h, duration_ms(7), 200 * (int32_t)random_below(&r, 9));
            break;
        case 8:
            sim_command(w->sim, w->client, note_new(&ping_message, 5));
            break;
        default:
            sim_network_rule_remove(w->sim, rule);
            struct network_rule next = {.from = {.processes = &w->server, .process_count = 1},
                                        .both_ways = random_below(&r, 2) == 0,
                                        .is_cut = i % 3 == 0,
                                        .loss_percent = 20,
                                        .jitter = duration_ms(30)};
            rule = sim_network_rule_add(w->sim, &next);
        }
    }
}

static struct outcome run_outcome(struct sim_options options, uint64_t seed, bool is_quiet)
{
    struct world w;
    options.seed = seed;
    world_init(&w, &options);
    if (is_quiet)
        sim_set_trace_sink(w.sim, NULL, NULL);
    faults_at_random(&w, seed);
    struct outcome o = {sim_trace_hash(w.sim), sim_event_hash(w.sim),
                        sim_component_hash(w.sim, w.server), sim_event_count(w.sim)};
    world_release(&w);
    return o;
}

static void test_same_run_same_hash(void)
{
    struct sim_options options = plain;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct outcome wheel, again, heap;
        options.shuffle_ties = seed % 4 == 0;
        options.reference_queue = false;
        wheel = run_outcome(options, seed, false);
        again = run_outcome(options, seed, true);
        options.reference_queue = true;
        heap = run_outcome(options, seed, false);
        CU_ASSERT_EQUAL(wheel.trace, again.trace);
        CU_ASSERT_EQUAL(wheel.events, again.events);
        CU_ASSERT_EQUAL(wheel.trace, heap.trace);
        CU_ASSERT_EQUAL(wheel.events, heap.events);
        CU_ASSERT_EQUAL(wheel.server, heap.server);
        CU_ASSERT_EQUAL(wheel.count, heap.count);
        struct outcome other = run_outcome(options, seed + 1000, true);
        CU_ASSERT_NOT_EQUAL(wheel.trace, other.trace);
    }
}

static void branch_run(struct sim *sim, void *context, struct text *report)
{
    sim_process_kill(sim, *(process_id *)context);
    sim_run_until(sim, instant_add(sim_now(sim), duration_s(5)));
    text_printf(report, "%u", sim_process_incarnation(sim, *(process_id *)context));
}

static void test_branches(void)
{
    struct world w;
    world_init(&w, &plain);
    run_for(&w, duration_s(1));
    AUTO(text) struct text report = {0};
    sim_keep_last_lines(w.sim, 3);

    CU_ASSERT(sim_branch(w.sim, branch_run, &w.server, &report));

    CU_ASSERT_STRING_EQUAL(text_c(&report), "2");
    CU_ASSERT_EQUAL(sim_process_incarnation(w.sim, w.server), 1);
    sim_process_kill(w.sim, w.server);
    run_for(&w, duration_s(5));
    AUTO(text) struct text lines = {0};
    sim_add_last_lines(w.sim, &lines);
    CU_ASSERT(str_starts_with(text_str(&lines), S("[1.000] client client: closed, reason 0\n"
                                                  "[1.100] server server: starts with")));
    world_release(&w);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"ping-pong", test_ping_pong},
        {"kill tells the peer at once", test_kill_tells_the_peer_at_once},
        {"stop refuses, start serves", test_stop_refuses_and_start_serves},
        {"pause is silence, hang is not", test_pause_is_silence_and_hang_is_not},
        {"partition holds and heals", test_partition_holds_and_heals},
        {"partition beyond patience", test_partition_beyond_patience},
        {"loss is delay on streams", test_loss_is_delay_on_streams},
        {"delay and bandwidth", test_delay_and_bandwidth},
        {"duplicates and message faults", test_duplicates_and_message_faults},
        {"balancer passes over the dead", test_balancer_passes_over_the_dead},
        {"power loss is silence", test_power_loss_is_silence},
        {"disk faults", test_disk_faults},
        {"clocks", test_clocks},
        {"same run, same hash", test_same_run_same_hash},
        {"branches", test_branches},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"engine", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
