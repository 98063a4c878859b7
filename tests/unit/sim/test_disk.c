/* SPDX-License-Identifier: Apache-2.0
 *
 * Disks against a model: the model keeps what is readable and what is durable as two arrays of
 * numbers. Random appends, truncations, drops, syncs, process deaths and power losses must leave
 * the same numbers.
 */
#include "tests/unit/sim/fixture.h"

#include <CUnit/Basic.h>

#define RECORDS_MAX 4096

struct numbers {
    uint64_t items[RECORDS_MAX];
    size_t count;
};

struct disk_world {
    struct sim *sim;
    host_id host;
    process_id process;
    struct numbers readable, durable;
    uint64_t next_number;
};

/* ---- what the process does ---- */

static void do_append(struct puppet *p, struct step *step, uint64_t number)
{
    step_file_append(step, p->file, numbered(number), 0);
}

static void do_append_and_tell(struct puppet *p, struct step *step, uint64_t number)
{
    step_file_append(step, p->file, numbered(number), number);
}

static void do_sync(struct puppet *p, struct step *step, uint64_t tag)
{
    step_file_sync(step, p->file, tag);
}

static void do_truncate(struct puppet *p, struct step *step, uint64_t from)
{
    step_file_truncate(step, p->file, (size_t)from);
}

static void do_drop_head(struct puppet *p, struct step *step, uint64_t count)
{
    step_file_drop_head(step, p->file, (size_t)count);
}

static const struct numbers *expected;

static void do_compare(struct puppet *p, struct step *step, uint64_t torn)
{
    size_t count = step_file_count(step, p->file);
    CU_ASSERT_EQUAL(count, expected->count + torn);
    for (size_t i = 0; i < count && i < expected->count; i++) {
        bool is_torn = true;
        CU_ASSERT_EQUAL(number_of(step_file_record(step, p->file, i, &is_torn)),
                        expected->items[i]);
        CU_ASSERT_FALSE(is_torn);
    }
    if (torn && count) {
        bool is_torn = false;
        step_file_record(step, p->file, count - 1, &is_torn);
        CU_ASSERT(is_torn);
    }
}

/* ---- the script ---- */

static void disk_world_init(struct disk_world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->sim = sim_new(&(struct sim_options){.seed = seed});
    w->host = sim_host_add(w->sim, &(struct host_options){.name = S("a")});
    w->process = sim_process_add(
        w->sim,
        &(struct process_options){.name = S("writer"), .host = w->host, .type = &puppet_type});
    run_for(w->sim, duration_ms(1));
}

static void compare(struct disk_world *w, uint64_t torn)
{
    expected = &w->readable;
    order(w->sim, w->process, do_compare, torn);
}

static void power_cycle(struct disk_world *w)
{
    sim_host_power_off(w->sim, w->host);
    sim_host_power_on(w->sim, w->host);
    run_for(w->sim, duration_ms(1));
    w->readable = w->durable;
}

static void one_step(struct disk_world *w, struct random_stream *r)
{
    struct numbers *n = &w->readable;
    size_t some = n->count ? (size_t)random_below(r, n->count + 1) : 0;
    switch (random_below(r, 12)) {
    case 0: /* a sync that ends */
        order(w->sim, w->process, do_sync, 1);
        run_for(w->sim, duration_ms(20)); /* the appends before it take their time too */
        w->durable = w->readable;
        break;
    case 1: /* a sync that the power cuts short */
        order(w->sim, w->process, do_sync, 1);
        run_for(w->sim, duration_us((int64_t)random_below(r, 700)));
        power_cycle(w);
        break;
    case 2:
        sim_process_kill(w->sim, w->process);
        run_for(w->sim, duration_s(1));
        break;
    case 3:
        order(w->sim, w->process, do_truncate, some);
        n->count = some;
        break;
    case 4:
        order(w->sim, w->process, do_drop_head, some / 2);
        n->count -= some / 2;
        memmove(n->items, n->items + some / 2, n->count * sizeof(n->items[0]));
        break;
    default:
        for (uint64_t k = 0; k < 3; k++) {
            n->items[n->count++] = ++w->next_number;
            order(w->sim, w->process, do_append, w->next_number);
        }
    }
}

static void test_against_model(void)
{
    struct disk_world *w = mem_new(struct disk_world);
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct random_stream r = random_stream(seed, 6, 0, 0);
        disk_world_init(w, seed);
        for (int i = 0; i < 300; i++) {
            one_step(w, &r);
            compare(w, 0);
        }
        CU_ASSERT(w->next_number > 300);
        sim_free(w->sim);
    }
    mem_free(w);
}

static void test_order_and_latency(void)
{
    struct disk_world *w = mem_new(struct disk_world);
    disk_world_init(w, 1);

    order(w->sim, w->process, do_append_and_tell, 5);
    order(w->sim, w->process, do_sync, 6);
    order(w->sim, w->process, do_append_and_tell, 7);
    order(w->sim, w->process, do_sync, 8);
    run_for(w->sim, duration_ms(10));

    static const struct {
        uint64_t tag;
        int64_t at_us;
    } expected_notes[] = {{5, 1005}, {6, 1755}, {7, 1760}, {8, 2510}};
    const struct puppet *p = puppet_of(w->sim, w->process);
    CU_ASSERT_EQUAL_FATAL(p->notes.count, ARRAY_COUNT(expected_notes));
    for (size_t i = 0; i < ARRAY_COUNT(expected_notes); i++) {
        CU_ASSERT_EQUAL(p->notes.items[i].kind, INPUT_DISK_DONE);
        CU_ASSERT_EQUAL(p->notes.items[i].tag, expected_notes[i].tag);
        CU_ASSERT_EQUAL(p->notes.items[i].at.ns, expected_notes[i].at_us * 1000);
    }
    sim_free(w->sim);
    mem_free(w);
}

static void test_faults(void)
{
    struct disk_world *w = mem_new(struct disk_world);
    disk_world_init(w, 1);
    static const struct {
        struct disk_fault fault;
        enum disk_result append, sync, sync_after_untold;
    } cases[] = {
        {{.is_full = true}, DISK_FULL, DISK_OK, DISK_FULL},
        {{.fails = true}, DISK_ERROR, DISK_ERROR, DISK_ERROR},
        {{.sync_latency = {10000}}, DISK_OK, DISK_OK, DISK_OK},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        sim_disk_fault_set(w->sim, w->host, i % 2 ? w->process : 0, &cases[i].fault);
        size_t from = puppet_of(w->sim, w->process)->notes.count;
        order(w->sim, w->process, do_append_and_tell, 100);
        order(w->sim, w->process, do_sync, 1);
        order(w->sim, w->process, do_append, 101);
        order(w->sim, w->process, do_sync, 2);
        run_for(w->sim, duration_ms(50));
        const struct puppet *p = puppet_of(w->sim, w->process);
        CU_ASSERT_EQUAL_FATAL(p->notes.count, from + 3);
        CU_ASSERT_EQUAL(p->notes.items[from].disk_result, cases[i].append);
        CU_ASSERT_EQUAL(p->notes.items[from + 1].disk_result, cases[i].sync);
        CU_ASSERT_EQUAL(p->notes.items[from + 2].disk_result, cases[i].sync_after_untold);
        sim_disk_fault_set(w->sim, w->host, i % 2 ? w->process : 0, &(struct disk_fault){0});
        if (i % 2)
            sim_process_kill(w->sim, w->process);
        run_for(w->sim, duration_s(1));
    }
    /* A process whose own fault has healed has what the host has. */
    sim_disk_fault_set(w->sim, w->host, 0, &(struct disk_fault){.is_full = true});
    sim_disk_fault_set(w->sim, w->host, w->process, &(struct disk_fault){.fails = true});
    order(w->sim, w->process, do_append_and_tell, 1);
    run_for(w->sim, duration_ms(50));
    sim_disk_fault_set(w->sim, w->host, w->process, &(struct disk_fault){0});
    order(w->sim, w->process, do_append_and_tell, 2);
    run_for(w->sim, duration_ms(50));
    const struct puppet *p = puppet_of(w->sim, w->process);
    CU_ASSERT_EQUAL(p->notes.items[p->notes.count - 2].disk_result, DISK_ERROR);
    CU_ASSERT_EQUAL(p->notes.items[p->notes.count - 1].disk_result, DISK_FULL);
    sim_free(w->sim);
    mem_free(w);
}

static void test_torn_and_lying(void)
{
    struct disk_world *w = mem_new(struct disk_world);
    disk_world_init(w, 1);
    order(w->sim, w->process, do_append, 1);
    order(w->sim, w->process, do_sync, 1);
    run_for(w->sim, duration_ms(1));
    w->durable = (struct numbers){{1}, 1};

    sim_disk_fault_set(w->sim, w->host, 0, &(struct disk_fault){.tears_writes = true});
    order(w->sim, w->process, do_append, 2);
    order(w->sim, w->process, do_append, 3);
    power_cycle(w);
    compare(w, 1); /* 1, and a torn 2 */

    order(w->sim, w->process, do_truncate, 1);
    sim_disk_fault_set(w->sim, w->host, 0, &(struct disk_fault){.loses_syncs = true});
    order(w->sim, w->process, do_append, 4);
    order(w->sim, w->process, do_sync, 2);
    run_for(w->sim, duration_ms(1));
    const struct puppet *p = puppet_of(w->sim, w->process);
    CU_ASSERT_EQUAL(p->notes.items[p->notes.count - 1].disk_result, DISK_OK);
    power_cycle(w);
    compare(w, 1); /* neither the truncation nor 4 is there */
    sim_free(w->sim);
    mem_free(w);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"against a model", test_against_model},
        {"order and latency", test_order_and_latency},
        {"faults", test_faults},
        {"torn writes, lying syncs", test_torn_and_lying},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"disk", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
