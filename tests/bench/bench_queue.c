/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast the engine is: the event queue alone (wheel and reference heap, 100,000 pending, delays
 * as a cluster has them), and whole events: messages between processes and their timers. CPU time,
 * not wall time. The one measure that counts is printed first: pop and push a second at 100,000
 * pending.
 */
#include "sim/base/mem.h"
#include "sim/queue.h"
#include "sim/sim.h"

#include <stdio.h>
#include <time.h>

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* ---- the queue ---- */

/* Network latencies, disk syncs, and periods of seconds to minutes. */
static int64_t delay_of(struct random_stream *r)
{
    uint64_t dice = random_next(r);
    switch (dice % 8) {
    case 0:
    case 1:
    case 2:
        return 500000 + (int64_t)(dice >> 40) % 200000;
    case 3:
        return 750000;
    case 4:
    case 5:
        return INT64_C(10000000000) + (int64_t)(dice >> 34) % 100000000;
    case 6:
        return INT64_C(1000000000) + (int64_t)(dice >> 34) % 500000000;
    default:
        return INT64_C(60000000000) + (int64_t)(dice >> 30) % 1000000000;
    }
}

static double hold(bool is_reference, size_t pending, size_t rounds)
{
    struct queue *q = queue_new(is_reference, 0);
    struct random_stream r = random_stream(1, 2, 3, 4);
    uint64_t tie = 0;
    struct event event = {1, 2, 3};
    for (size_t i = 0; i < pending; i++)
        queue_push(q, (struct instant){delay_of(&r)}, tie++, &event);
    double before = 0;
    for (size_t i = 0; i < 2 * rounds; i++) {
        struct popped popped;
        if (i == rounds)
            before = cpu_seconds();
        CHECK(queue_pop(q, &popped));
        queue_drop(q, popped.handle);
        struct instant at = instant_add(popped.at, duration_ns(delay_of(&r)));
        queue_push(q, at, tie++, &popped.event);
    }
    double seconds = cpu_seconds() - before;
    queue_free(q);
    return (double)rounds / seconds;
}

/* ---- whole events ---- */

static void note_release(struct message *m)
{
    mem_free(m);
}
static const struct message_type note_type = {"note", 1, note_release, NULL};

struct peer {
    address_id mine, other;
    bool is_caller;
};

static void *peer_start(struct step *step, const void *config)
{
    const struct peer *p = config;
    if (p->is_caller) {
        stream_id s = step_connect(step, p->other);
        struct message *m = mem_new(struct message);
        message_init(m, &note_type, 100);
        step_send(step, s, m);
        step_timer_set(step, instant_add(step->now, duration_s(10)), 1);
    } else {
        step_listen(step, p->mine);
    }
    return NULL;
}

static void peer_input(void *state, struct step *step, const struct input *in)
{
    (void)state;
    if (in->kind == INPUT_MESSAGE)
        step_send(step, in->stream, message_ref(in->message));
    else if (in->kind == INPUT_TIMER)
        step_timer_set(step, instant_add(step->now, duration_s(10)), 1);
}

static void peer_release(void *state)
{
    (void)state;
}
static const struct process_type peer_type = {"peer", peer_start, peer_input, peer_release, NULL};

static void dispatch(size_t pairs, uint64_t events)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1, .jitter = {100000}});
    struct peer *peers = mem_array(struct peer, 2 * pairs);
    for (size_t i = 0; i < 2 * pairs; i++) {
        AUTO(text) struct text name = {0};
        text_printf(&name, "p%zu", i);
        host_id h = sim_host_add(sim, &(struct host_options){.name = text_str(&name)});
        peers[i].is_caller = i % 2 == 1;
        text_printf(&name, ":1");
        peers[i].mine = sim_address(sim, text_str(&name));
        peers[i].other = i ? peers[i - 1].mine : 0;
        sim_process_add(sim, &(struct process_options){.name = text_str(&name),
                                                       .host = h,
                                                       .type = &peer_type,
                                                       .config = &peers[i],
                                                       .start_delay = duration_us((int64_t)i)});
    }
    while (sim_event_count(sim) < events / 4)
        sim_run_one(sim);
    double before = cpu_seconds();
    uint64_t from = sim_event_count(sim);
    while (sim_event_count(sim) < from + events)
        sim_run_one(sim);
    double seconds = cpu_seconds() - before;
    printf("messages of %6zu pairs: %.1f ns/event\n", pairs, seconds * 1e9 / (double)events);
    sim_free(sim);
    mem_free(peers);
}

int main(void)
{
    printf("wheel, 100,000 pending: %.2f million pop+push/s\n", hold(false, 100000, 3000000) / 1e6);
    printf("heap,  100,000 pending: %.2f million pop+push/s\n", hold(true, 100000, 1000000) / 1e6);
    printf("wheel,   1,000 pending: %.2f million pop+push/s\n", hold(false, 1000, 3000000) / 1e6);
    dispatch(10, 3000000);
    dispatch(1000, 3000000);
    dispatch(50000, 3000000);
    return 0;
}
