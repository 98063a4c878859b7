/* SPDX-License-Identifier: Apache-2.0
 *
 * What an outside hand does: that each action stands in the journal and the timeline before it
 * acts, and how actions on hosts overlap: a reboot cut short, several processes of a host, a late
 * packet to a host that is up again, an answer of a disk that comes to a process resumed.
 */
#include "tests/unit/sim/fixture.h"

#include <CUnit/Basic.h>

struct world {
    struct sim *sim;
    host_id hosts[2];
    process_id servers[2], client; /* both servers on the first host */
    struct text journal;
};

static const struct puppet_config configs[2] = {{"a:1"}, {"a:2"}};

static void keep_entry(void *owner, const struct journal_entry *entry)
{
    struct world *w = owner;
    if (entry->kind == JOURNAL_ACTION) {
        text_add(&w->journal, entry->text);
        text_add_byte(&w->journal, '\n');
    }
}

static void world_init(struct world *w)
{
    *w = (struct world){.sim = sim_new(&(struct sim_options){.seed = 1})};
    sim_set_journal_sink(w->sim, keep_entry, w);
    w->hosts[0] = sim_host_add(w->sim, &(struct host_options){.name = S("a")});
    w->hosts[1] = sim_host_add(w->sim, &(struct host_options){.name = S("b")});
    static const char *const names[] = {"s1", "s2"};
    for (size_t i = 0; i < 2; i++)
        w->servers[i] = sim_process_add(
            w->sim, &(struct process_options){.name = str_from(names[i]),
                                              .host = w->hosts[0],
                                              .type = &puppet_type,
                                              .config = &configs[i],
                                              .start_delay = duration_ms(10 * (int64_t)i)});
    w->client = sim_process_add(
        w->sim,
        &(struct process_options){.name = S("client"), .host = w->hosts[1], .type = &puppet_type});
    run_for(w->sim, duration_s(1));
}

static void world_release(struct world *w)
{
    sim_free(w->sim);
    text_release(&w->journal);
}

static void do_connect(struct puppet *p, struct step *step, uint64_t which)
{
    p->stream = step_connect(step, sim_address(step->sim, str_from(configs[which].listens)));
}

static void do_listen_twice(struct puppet *p, struct step *step, uint64_t unused)
{
    (void)p;
    (void)unused;
    step_listen(step, sim_address(step->sim, S("a:3")));
    step_listen(step, sim_address(step->sim, S("a:3"))); /* again: nothing */
    step_listen(step, sim_address(step->sim, S("a:4")));
}

static void do_connect_text(struct puppet *p, struct step *step, uint64_t port)
{
    p->stream = step_connect(step, sim_address(step->sim, port == 3 ? S("a:3") : S("a:4")));
}

static void do_send(struct puppet *p, struct step *step, uint64_t number)
{
    step_send(step, p->stream, numbered(number));
}

static void do_sync(struct puppet *p, struct step *step, uint64_t tag)
{
    step_file_sync(step, p->file, tag);
}

static const struct noted *last_note(const struct puppet *p)
{
    CU_ASSERT_FATAL(p != NULL && p->notes.count > 0);
    return &p->notes.items[p->notes.count - 1];
}

static void test_journal(void)
{
    struct world w;
    world_init(&w);
    uint64_t hash = sim_trace_hash(w.sim);
    struct network_rule rule = {.from = {.hosts = w.hosts, .host_count = 1},
                                .to = {.processes = &w.client, .process_count = 1},
                                .delay = duration_ms(1),
                                .loss_percent = 5,
                                .duplicate_percent = 6,
                                .reorder_percent = 7,
                                .bytes_per_second = 8};

    sim_network_rule_remove(w.sim, sim_network_rule_add(w.sim, &rule));
    sim_process_kill(w.sim, w.client);
    sim_process_terminate(w.sim, w.servers[0], duration_s(1));
    sim_process_stop(w.sim, w.servers[1], duration_s(1));
    sim_process_start(w.sim, w.servers[1]);
    sim_process_pause(w.sim, w.servers[0]);
    sim_process_hang(w.sim, w.servers[0]);
    sim_process_resume(w.sim, w.servers[0]);
    sim_streams_reset(w.sim, w.servers[0], 0);
    sim_host_pause(w.sim, w.hosts[0]);
    sim_host_resume(w.sim, w.hosts[0]);
    sim_host_reboot(w.sim, w.hosts[0], duration_s(1));
    sim_host_power_off(w.sim, w.hosts[0]);
    sim_disk_wipe(w.sim, w.hosts[0]);
    sim_host_power_on(w.sim, w.hosts[0]);
    sim_clock_set(w.sim, w.hosts[0], duration_s(1), -5);
    sim_disk_fault_set(w.sim, w.hosts[0], w.servers[0],
                       &(struct disk_fault){.is_full = true, .tears_writes = true});
    struct message_fault fault = {.to = w.client, .nth = 3};
    sim_message_fault_remove(w.sim, sim_message_fault_add(w.sim, &fault));

    CU_ASSERT_STRING_EQUAL(text_c(&w.journal),
                           "network rule 1: impair a -> client delay 1000000ns jitter 0ns loss 5% "
                           "duplicate 6% reorder 7% 8 bytes/s\n"
                           "network rule 1 ends\n"
                           "kill client\n"
                           "terminate s1\n"
                           "stop s2\n"
                           "start s2\n"
                           "pause s1\n"
                           "hang s1\n"
                           "resume s1\n"
                           "reset streams with all peers s1\n"
                           "pause a\n"
                           "resume a\n"
                           "reboot, down for 1000000000ns a\n"
                           "power off a\n"
                           "wipe the disk a\n"
                           "power on a\n"
                           "clock offset 1000000000ns drift -5ppm a\n"
                           "disk: sync 0ns, full, tears writes s1\n"
                           "message fault 1: message number 3 client\n"
                           "message fault 1 ends\n");
    CU_ASSERT_NOT_EQUAL(sim_trace_hash(w.sim), hash);
    world_release(&w);
}

static void test_all_processes_of_a_host(void)
{
    struct world w;
    world_init(&w);
    sim_host_power_off(w.sim, w.hosts[0]);
    CU_ASSERT_FALSE(sim_host_is_up(w.sim, w.hosts[0]));
    CU_ASSERT_FALSE(sim_process_is_running(w.sim, w.servers[0]));
    CU_ASSERT_FALSE(sim_process_is_running(w.sim, w.servers[1]));
    CU_ASSERT(sim_process_is_running(w.sim, w.client));
    sim_host_power_on(w.sim, w.hosts[0]);
    run_for(w.sim, duration_ms(10));
    CU_ASSERT(sim_process_is_running(w.sim, w.servers[0]));
    CU_ASSERT(sim_process_is_running(w.sim, w.servers[1]));

    sim_process_remove(w.sim, w.servers[1]); /* the last of the host's list, then one more */
    process_id third = sim_process_add(
        w.sim,
        &(struct process_options){.name = S("s3"), .host = w.hosts[0], .type = &puppet_type});
    sim_process_remove(w.sim, w.servers[0]); /* the first of it */
    sim_host_reboot(w.sim, w.hosts[0], duration_s(1));
    run_for(w.sim, duration_s(2));
    CU_ASSERT(sim_process_is_running(w.sim, third));
    CU_ASSERT_FALSE(sim_process_is_running(w.sim, w.servers[0]));
    CU_ASSERT_FALSE(sim_process_is_running(w.sim, w.servers[1]));
    world_release(&w);
}

static void test_all_addresses_of_a_process(void)
{
    struct world w;
    world_init(&w);
    order(w.sim, w.servers[0], do_listen_twice, 0);
    for (int round = 0; round < 2; round++) {
        for (uint64_t port = 3; port <= 4; port++) {
            order(w.sim, w.client, do_connect_text, port);
            run_for(w.sim, duration_ms(10));
            const struct noted *n = last_note(puppet_of(w.sim, w.client));
            CU_ASSERT_EQUAL(n->kind, round ? INPUT_CLOSED : INPUT_CONNECTED);
            CU_ASSERT(!round || n->reason == CLOSE_REFUSED);
        }
        sim_process_stop(w.sim, w.servers[0], (struct duration){0});
        run_for(w.sim, duration_ms(10));
    }
    world_release(&w);
}

static void test_reboot_cut_short(void)
{
    struct world w;
    world_init(&w);
    sim_host_reboot(w.sim, w.hosts[0], duration_s(10));
    run_for(w.sim, duration_s(1));
    sim_host_power_off(w.sim, w.hosts[0]); /* off means off: the boot is not coming */
    run_for(w.sim, duration_s(60));
    CU_ASSERT_FALSE(sim_host_is_up(w.sim, w.hosts[0]));

    sim_host_power_on(w.sim, w.hosts[0]);
    sim_host_reboot(w.sim, w.hosts[0], duration_s(10));
    run_for(w.sim, duration_s(1));
    sim_host_power_on(w.sim, w.hosts[0]);
    run_for(w.sim, duration_s(1));
    sim_host_power_off(w.sim, w.hosts[0]);
    run_for(w.sim, duration_s(60));
    CU_ASSERT_FALSE(sim_host_is_up(w.sim, w.hosts[0]));
    CU_ASSERT_EQUAL(sim_host_boots(w.sim, w.hosts[0]), 3);
    world_release(&w);
}

static void test_late_packet_is_answered(void)
{
    /* The host is up again before its peer has noticed: what the peer sends is answered by a reset.
     */
    struct world w;
    world_init(&w);
    order(w.sim, w.client, do_connect, 0);
    run_for(w.sim, duration_s(1));
    sim_host_reboot(w.sim, w.hosts[0], duration_s(1));
    run_for(w.sim, duration_s(3));
    CU_ASSERT_EQUAL(count_notes(puppet_of(w.sim, w.client), INPUT_CLOSED), 0);
    struct instant sent = sim_now(w.sim);
    order(w.sim, w.client, do_send, 1);
    order(w.sim, w.client, do_send, 2);
    run_for(w.sim, duration_ms(2));
    const struct noted *n = last_note(puppet_of(w.sim, w.client));
    CU_ASSERT_EQUAL(n->kind, INPUT_CLOSED);
    CU_ASSERT_EQUAL(n->reason, CLOSE_RESET);
    CU_ASSERT_EQUAL(instant_since(n->at, sent).ns, 1000000);
    CU_ASSERT_EQUAL(count_notes(puppet_of(w.sim, w.servers[0]), INPUT_MESSAGE), 0);
    world_release(&w);
}

static void test_reset_with_one_peer(void)
{
    struct world w;
    world_init(&w);
    order(w.sim, w.client, do_connect, 0);
    order(w.sim, w.client, do_connect, 1);
    run_for(w.sim, duration_s(1));
    sim_streams_reset(w.sim, w.client, w.servers[1]);
    run_for(w.sim, duration_s(1));
    CU_ASSERT_EQUAL(count_notes(puppet_of(w.sim, w.client), INPUT_CLOSED), 1);
    CU_ASSERT_EQUAL(count_notes(puppet_of(w.sim, w.servers[0]), INPUT_CLOSED), 0);
    CU_ASSERT_EQUAL(count_notes(puppet_of(w.sim, w.servers[1]), INPUT_CLOSED), 1);
    world_release(&w);
}

static void test_disk_answers_after_resume(void)
{
    struct world w;
    world_init(&w);
    order(w.sim, w.servers[0], do_sync, 5);
    order(w.sim, w.servers[1], do_sync, 6);
    sim_process_pause(w.sim, w.servers[0]);
    run_for(w.sim, duration_s(1));
    CU_ASSERT_EQUAL(puppet_of(w.sim, w.servers[0])->notes.count, 0);
    CU_ASSERT_EQUAL(last_note(puppet_of(w.sim, w.servers[1]))->tag, 6);
    sim_process_resume(w.sim, w.servers[0]);
    run_for(w.sim, duration_s(0));
    CU_ASSERT_EQUAL(last_note(puppet_of(w.sim, w.servers[0]))->tag, 5);

    order(w.sim, w.servers[0], do_sync, 7); /* an answer to a dead incarnation goes nowhere */
    sim_process_kill(w.sim, w.servers[0]);
    run_for(w.sim, duration_s(1));
    CU_ASSERT_EQUAL(puppet_of(w.sim, w.servers[0])->notes.count, 0);
    world_release(&w);
}

static void test_names(void)
{
    struct world w;
    world_init(&w);
    host_id h = 0;
    CU_ASSERT(sim_find_host(w.sim, S("b"), &h));
    CU_ASSERT_EQUAL(h, w.hosts[1]);
    CU_ASSERT_FALSE(sim_find_host(w.sim, S("c"), &h));
    CU_ASSERT(str_equal(sim_host_name(w.sim, h), S("b")));
    CU_ASSERT_EQUAL(sim_host_count(w.sim), 2);
    CU_ASSERT_EQUAL(sim_process_count(w.sim), 3);
    CU_ASSERT_EQUAL(sim_process_host(w.sim, w.servers[1]), w.hosts[0]);
    static const struct {
        const char *name, *dump;
    } dumps[] = {{"x", "no process is called x\n"}, {"s1", "puppet has no dump\n"}};
    for (size_t i = 0; i < ARRAY_COUNT(dumps); i++) {
        AUTO(text) struct text out = {0};
        sim_dump(w.sim, str_from(dumps[i].name), &out);
        CU_ASSERT_STRING_EQUAL(text_c(&out), dumps[i].dump);
    }
    world_release(&w);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"journal", test_journal},
        {"all processes of a host", test_all_processes_of_a_host},
        {"all addresses of a process", test_all_addresses_of_a_process},
        {"a reboot cut short", test_reboot_cut_short},
        {"a late packet is answered", test_late_packet_is_answered},
        {"reset with one peer", test_reset_with_one_peer},
        {"a disk answers after the resume", test_disk_answers_after_resume},
        {"names", test_names},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"fault", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
