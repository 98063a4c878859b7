/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes: incarnations, their supervisor, timers and random numbers.
 *
 * A process is started by an event, never by a call: its incarnation grows, its type builds the
 * volatile state, inputs follow. Death frees that state and closes its connections; what it had on
 * a disk stays. Timers of a dead incarnation stay in the queue and are void: the count in a timer's
 * tie tells whether it was set before the present incarnation began.
 *
 * A supervisor (systemd, the runtime) answers a death with a start after `restart_delay`, unless an
 * operator has stopped the process or its policy says never.
 *
 * A paused process takes no inputs: what comes for it is parked, in order, and comes again when it
 * is resumed. To its peers a paused process is silent; a hung one still answers keep-alive pings.
 */
#include "sim/world.h"

/* ---- start ---- */

void process_schedule_start(struct sim *sim, process_id id, struct duration delay)
{
    struct process *p = process_of(sim, id);
    queue_drop(sim->queue, p->start);
    struct event event = {EVENT_START, id, 0};
    p->start = queue_push(sim->queue, instant_add(now_of(sim), delay),
                          tie_next(sim, CLASS_WORLD, id), &event);
}

void process_begin(struct sim *sim, process_id id)
{
    struct process *p = process_of(sim, id);
    p->start = 0;
    if (p->run_state != PROCESS_DEAD || !p->is_wanted || !host_of(sim, p->host)->is_up)
        return;
    p->start_waits = p->is_host_paused;
    if (p->start_waits)
        return;
    p->incarnation++;
    p->first_timer = p->event_count;
    uint64_t component = hash_pair(PURPOSE_PROCESS, hash_bytes(p->name));
    p->random_key = hash_pair(hash_pair(sim->options.seed, component), p->incarnation);
    mem_free(p->draws);
    p->draws = NULL;
    p->draw_count = 0;
    p->connects = 0;
    p->run_state = PROCESS_RUNNING;
    struct step step;
    step_begin(sim, id, &step);
    p->state = p->type->start(&step, p->config);
    step_end(sim, id);
}

/* ---- death ---- */

static void parked_drop(struct sim *sim, struct process *p)
{
    for (size_t i = 0; i < p->parked.count; i++) {
        struct popped parked;
        if (!queue_get(sim->queue, p->parked.items[i], &parked))
            continue;
        if (parked.event.kind == EVENT_COMMAND)
            message_unref((struct message *)(uintptr_t)parked.event.argument);
        else if (parked.event.kind == EVENT_DATAGRAM)
            datagram_free((struct datagram *)(uintptr_t)parked.event.argument);
        else if (parked.event.kind == EVENT_DISK_DONE)
            mem_free((struct disk_request *)(uintptr_t)parked.event.argument);
        queue_drop(sim->queue, p->parked.items[i]);
    }
    vec_release(&p->parked);
}

void process_die(struct sim *sim, process_id id, bool is_silent)
{
    struct process *p = process_of(sim, id);
    queue_drop(sim->queue, p->kill);
    p->kill = 0;
    if (p->run_state == PROCESS_DEAD)
        return;
    p->run_state = PROCESS_DEAD;
    addresses_process_dies(sim, id);
    streams_process_dies(sim, id, is_silent);
    parked_drop(sim, p);
    void *state = p->state;
    p->state = NULL;
    if (state)
        p->type->release(state);
}

void process_supervise(struct sim *sim, process_id id)
{
    struct process *p = process_of(sim, id);
    bool restarts = p->restart == RESTART_ALWAYS && p->is_wanted && host_of(sim, p->host)->is_up;
    if (restarts && p->run_state == PROCESS_DEAD && !p->start)
        process_schedule_start(sim, id, p->restart_delay);
}

void process_release(struct sim *sim, process_id id)
{
    struct process *p = process_of(sim, id);
    parked_drop(sim, p);
    if (p->run_state != PROCESS_DEAD && p->state)
        p->type->release(p->state);
    mem_free(p->draws);
    mem_free(p->datagrams.items);
    mem_free(p->disk_fault);
}

/* ---- stopped processes ---- */

void process_park(struct sim *sim, process_id id, event_handle event)
{
    vec_push(&process_of(sim, id)->parked, event);
}

/* All that was parked becomes an event of this instant, in the order in which it came. */
void process_unpark(struct sim *sim, process_id id)
{
    struct process *p = process_of(sim, id);
    if (p->start_waits && !p->is_host_paused) {
        p->start_waits = false;
        process_schedule_start(sim, id, duration_ns(0));
    }
    if (p->run_state == PROCESS_DEAD || process_is_stopped(p))
        return;
    for (size_t i = 0; i < p->parked.count; i++)
        queue_move(sim->queue, p->parked.items[i], now_of(sim), tie_next(sim, CLASS_WORLD, id));
    vec_release(&p->parked);
}

/* ---- from outside ---- */

void sim_process_kill(struct sim *sim, process_id id)
{
    outside_action(sim, id, 0, "kill");
    process_die(sim, id, false);
    process_supervise(sim, id);
}

static void terminate(struct sim *sim, process_id id, struct duration grace)
{
    struct process *p = process_of(sim, id);
    if (p->run_state == PROCESS_DEAD)
        return;
    struct event ask = {EVENT_TERMINATE, id, 0}, end = {EVENT_KILL, id, 0};
    queue_push(sim->queue, now_of(sim), tie_next(sim, CLASS_WORLD, 0), &ask);
    queue_drop(sim->queue, p->kill);
    p->kill = queue_push(sim->queue, instant_add(now_of(sim), grace), tie_next(sim, CLASS_WORLD, 0),
                         &end);
}

void sim_process_terminate(struct sim *sim, process_id id, struct duration grace)
{
    outside_action(sim, id, 0, "terminate");
    terminate(sim, id, grace);
}

void sim_process_stop(struct sim *sim, process_id id, struct duration grace)
{
    struct process *p = process_of(sim, id);
    outside_action(sim, id, 0, "stop");
    p->is_wanted = false;
    queue_drop(sim->queue, p->start);
    p->start = 0;
    if (grace.ns > 0)
        terminate(sim, id, grace);
    else
        process_die(sim, id, false);
}

void sim_process_start(struct sim *sim, process_id id)
{
    struct process *p = process_of(sim, id);
    outside_action(sim, id, 0, "start");
    CHECK(!p->is_removed);
    p->is_wanted = true;
    if (p->run_state == PROCESS_DEAD && !p->start && host_of(sim, p->host)->is_up)
        process_schedule_start(sim, id, duration_ns(0));
}

static void set_run_state(struct sim *sim, process_id id, enum run_state state)
{
    struct process *p = process_of(sim, id);
    if (p->run_state == PROCESS_DEAD)
        return;
    p->run_state = (uint8_t)state;
    streams_refresh_host(sim, p->host);
    process_unpark(sim, id);
}

void sim_process_pause(struct sim *sim, process_id id)
{
    outside_action(sim, id, 0, "pause");
    set_run_state(sim, id, PROCESS_PAUSED);
}

void sim_process_hang(struct sim *sim, process_id id)
{
    outside_action(sim, id, 0, "hang");
    set_run_state(sim, id, PROCESS_HUNG);
}

void sim_process_resume(struct sim *sim, process_id id)
{
    outside_action(sim, id, 0, "resume");
    set_run_state(sim, id, PROCESS_RUNNING);
}

/* ---- timers ---- */

static struct instant timer_instant(struct step *step, struct instant at)
{
    const struct host *host = host_of(step->sim, process_of(step->sim, step->process)->host);
    struct instant due = host_from_monotonic(host, at);
    return due.ns < step->sim->now ? now_of(step->sim) : due;
}

timer_id step_timer_set(struct step *step, struct instant at, uint64_t tag)
{
    struct event event = {EVENT_TIMER, step->process, tag};
    return queue_push(step->sim->queue, timer_instant(step, at),
                      tie_next(step->sim, CLASS_TIMER, step->process), &event);
}

timer_id step_timer_move(struct step *step, timer_id timer, struct instant at, uint64_t tag)
{
    struct popped old;
    struct queue *queue = step->sim->queue;
    if (!queue_get(queue, timer, &old))
        return step_timer_set(step, at, tag);
    CHECK(old.event.target == step->process);
    if (old.event.argument != tag) {
        queue_drop(queue, timer);
        return step_timer_set(step, at, tag);
    }
    queue_move(queue, timer, timer_instant(step, at),
               tie_next(step->sim, CLASS_TIMER, step->process));
    return timer;
}

void step_timer_cancel(struct step *step, timer_id timer)
{
    queue_drop(step->sim->queue, timer);
}

/* ---- random numbers ---- */

static struct random_stream draw_stream(struct step *step, uint32_t purpose)
{
    struct process *p = process_of(step->sim, step->process);
    CHECK(purpose < SIM_PURPOSES_MAX);
    if (purpose >= p->draw_count) {
        p->draws = mem_resize(p->draws, uint32_t, p->draw_count, purpose + 1);
        p->draw_count = purpose + 1;
    }
    return (struct random_stream){hash_pair(p->random_key, purpose), p->draws[purpose]};
}

uint64_t step_random(struct step *step, uint32_t purpose)
{
    struct random_stream r = draw_stream(step, purpose);
    uint64_t n = random_next(&r);
    process_of(step->sim, step->process)->draws[purpose] = (uint32_t)r.counter;
    return n;
}

uint64_t step_random_below(struct step *step, uint32_t purpose, uint64_t limit)
{
    struct random_stream r = draw_stream(step, purpose);
    uint64_t n = random_below(&r, limit);
    process_of(step->sim, step->process)->draws[purpose] = (uint32_t)r.counter;
    return n;
}
