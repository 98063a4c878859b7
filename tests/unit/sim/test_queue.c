/* SPDX-License-Identifier: Apache-2.0
 *
 * The event queue: the wheel, the plain heap and a naive model (a list searched for its least key)
 * get the same random script of pushes, moves, drops and pops and must give the same order.
 */
#include "sim/base/hash.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/queue.h"

#include <CUnit/Basic.h>

#define QUEUES 2

struct pending {
    int64_t at;
    uint64_t tie, argument;
    event_handle handles[QUEUES];
};

struct script {
    struct queue *queues[QUEUES];
    VEC(struct pending) model;
    uint64_t shuffle_key, next_tie, next_argument;
    int64_t now;
    struct random_stream random;
};

static uint64_t order_of(const struct script *s, uint64_t tie)
{
    return s->shuffle_key ? hash_mix(tie ^ s->shuffle_key) : tie;
}

/* Delays of all magnitudes, from the same instant to hours. */
static int64_t random_instant(struct script *s)
{
    static const uint64_t spans[] = {1, 10, 70000, 5000000, 300000000, 20000000000, 9000000000000};
    uint64_t span = spans[random_below(&s->random, ARRAY_COUNT(spans))];
    return s->now + (int64_t)random_below(&s->random, span);
}

static void script_push(struct script *s)
{
    struct pending p = {random_instant(s), s->next_tie++, s->next_argument++, {0}};
    for (size_t q = 0; q < QUEUES; q++) {
        struct event event = {7, 8, p.argument};
        p.handles[q] = queue_push(s->queues[q], (struct instant){p.at}, p.tie, &event);
    }
    vec_push(&s->model, p);
}

static void script_move(struct script *s, size_t i)
{
    struct pending *p = &s->model.items[i];
    p->at = random_instant(s);
    p->tie = s->next_tie++;
    for (size_t q = 0; q < QUEUES; q++)
        CU_ASSERT(queue_move(s->queues[q], p->handles[q], (struct instant){p->at}, p->tie));
}

static void script_drop(struct script *s, size_t i)
{
    for (size_t q = 0; q < QUEUES; q++) {
        CU_ASSERT(queue_drop(s->queues[q], s->model.items[i].handles[q]));
        CU_ASSERT_FALSE(queue_drop(s->queues[q], s->model.items[i].handles[q]));
        CU_ASSERT_FALSE(queue_move(s->queues[q], s->model.items[i].handles[q], INSTANT_NEVER, 1));
    }
    vec_remove(&s->model, i);
}

static size_t model_first(const struct script *s)
{
    size_t first = 0;
    for (size_t i = 1; i < s->model.count; i++) {
        const struct pending *a = &s->model.items[i], *b = &s->model.items[first];
        if (a->at < b->at || (a->at == b->at && order_of(s, a->tie) < order_of(s, b->tie)))
            first = i;
    }
    return first;
}

/* Pops everywhere; now and then the popped event is kept and moved back in, as parked ones are. */
static void script_pop(struct script *s)
{
    size_t first = model_first(s);
    struct pending expected = s->model.items[first];
    bool is_kept = random_below(&s->random, 8) == 0;
    vec_remove(&s->model, first);
    s->now = expected.at;
    if (is_kept)
        expected.tie = s->next_tie++;
    for (size_t q = 0; q < QUEUES; q++) {
        struct popped popped;
        struct instant next = {0};
        CU_ASSERT(queue_next(s->queues[q], &next));
        CU_ASSERT_EQUAL(next.ns, expected.at);
        CU_ASSERT_FATAL(queue_pop(s->queues[q], &popped));
        CU_ASSERT_EQUAL(popped.at.ns, expected.at);
        CU_ASSERT_EQUAL(popped.event.argument, expected.argument);
        CU_ASSERT_EQUAL(popped.handle, expected.handles[q]);
        if (is_kept)
            queue_move(s->queues[q], popped.handle, (struct instant){s->now}, expected.tie);
        else
            CU_ASSERT(queue_drop(s->queues[q], popped.handle));
    }
    if (is_kept)
        vec_push(&s->model, expected);
}

static void run_script(uint64_t seed, uint64_t shuffle_key, size_t steps, size_t pending_max)
{
    struct script s = {.shuffle_key = shuffle_key, .random = random_stream(seed, 0, 0, 0)};
    for (size_t q = 0; q < QUEUES; q++)
        s.queues[q] = queue_new(q == 1, shuffle_key);
    for (size_t step = 0; step < steps || s.model.count; step++) {
        uint64_t dice = random_below(&s.random, 100);
        size_t any = s.model.count ? (size_t)random_below(&s.random, s.model.count) : 0;
        if (step < steps && (s.model.count == 0 || (dice < 40 && s.model.count < pending_max)))
            script_push(&s);
        else if (dice < 55 && step < steps)
            script_move(&s, any);
        else if (dice < 62)
            script_drop(&s, any);
        else
            script_pop(&s);
        for (size_t q = 0; q < QUEUES; q++)
            CU_ASSERT_EQUAL(queue_count(s.queues[q]), s.model.count);
    }
    for (size_t q = 0; q < QUEUES; q++) {
        struct popped popped;
        CU_ASSERT_FALSE(queue_pop(s.queues[q], &popped));
        CU_ASSERT_EQUAL(queue_each(s.queues[q], 0), 0);
        queue_free(s.queues[q]);
    }
    vec_release(&s.model);
}

static void test_against_model(void)
{
    static const struct {
        uint64_t shuffle_key;
        size_t steps, pending_max;
    } scripts[] = {
        {0, 3000, 3}, {0, 6000, 40}, {0, 20000, 300}, {12345, 6000, 40}, {9, 10000, 200}};
    for (size_t i = 0; i < ARRAY_COUNT(scripts); i++)
        run_script(i, scripts[i].shuffle_key, scripts[i].steps, scripts[i].pending_max);
}

static void test_ties(void)
{
    /* Goal: simultaneous events come by tie, whatever the order of pushing; a moved deadline counts
     * with the tie it got when it was moved. */
    for (int reference = 0; reference < 2; reference++) {
        struct queue *q = queue_new(reference, 0);
        struct instant at = {1000000000};
        event_handle moved = 0;
        for (uint64_t tie = 5; tie-- > 0;) {
            struct event event = {1, 0, tie};
            event_handle h = queue_push(q, at, tie, &event);
            moved = tie == 1 ? h : moved;
        }
        queue_move(q, moved, at, 3000);
        static const uint64_t expected[] = {0, 2, 3, 4, 1};
        struct popped popped;
        for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
            CU_ASSERT_FATAL(queue_pop(q, &popped));
            CU_ASSERT_EQUAL(popped.event.argument, expected[i]);
            queue_drop(q, popped.handle);
        }
        queue_free(q);
    }
}

static void test_rearmed_timers_leave_nothing_behind(void)
{
    /* Goal: a watchdog that is moved again and again stays one event. */
    for (int reference = 0; reference < 2; reference++) {
        struct queue *q = queue_new(reference, 0);
        struct event event = {1, 0, 0};
        uint64_t tie = 0;
        event_handle watchdog = queue_push(q, (struct instant){1000}, tie++, &event);
        for (int64_t at = 1; at < 100000; at++)
            queue_move(q, watchdog, (struct instant){1000 + at}, tie++);
        CU_ASSERT_EQUAL(queue_count(q), 1);
        struct popped popped;
        CU_ASSERT(queue_pop(q, &popped));
        CU_ASSERT_EQUAL(popped.at.ns, 100999);
        CU_ASSERT_FALSE(queue_pop(q, &popped));
        queue_free(q);
    }
}

static void test_dropped_events_leave_nothing_behind(void)
{
    /* Goal: the heap is swept of what was dropped, and the order of what stays is kept. */
    for (int reference = 0; reference < 2; reference++) {
        struct queue *q = queue_new(reference, 0);
        struct random_stream r = random_stream(4, 0, 0, 0);
        struct event event = {1, 0, 0};
        uint64_t tie = 0;
        for (int i = 0; i < 20000; i++) {
            struct instant at = {(int64_t)random_below(&r, 1000)};
            event_handle h = queue_push(q, at, tie++, &event);
            if (i % 50)
                queue_drop(q, h);
        }
        CU_ASSERT_EQUAL(queue_count(q), 400);
        struct popped popped, last = {0};
        for (int i = 0; i < 400; i++) {
            CU_ASSERT_FATAL(queue_pop(q, &popped));
            CU_ASSERT(popped.at.ns > last.at.ns ||
                      (popped.at.ns == last.at.ns && popped.tie >= last.tie));
            last = popped;
            queue_drop(q, popped.handle);
        }
        CU_ASSERT_FALSE(queue_pop(q, &popped));
        queue_free(q);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"wheel and heap against a model", test_against_model},
        {"ties", test_ties},
        {"dropped events", test_dropped_events_leave_nothing_behind},
        {"re-armed timers", test_rearmed_timers_leave_nothing_behind},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"queue", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
