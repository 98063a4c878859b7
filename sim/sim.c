/* SPDX-License-Identifier: Apache-2.0
 *
 * The world and its clock: making and freeing it, running events one at a time, giving inputs to
 * processes, commands from outside.
 *
 * One event runs at a time, to its end. A process' input may only leave effects: messages, timers,
 * disk requests; whatever they lead to is another event. `is_in_step` guards that: what belongs
 * outside of events (faults, set-up, running) is refused within one, and effects are refused
 * outside.
 */
#include "sim/world.h"

#include <stdarg.h>

/* ---- names ---- */

static bool host_has_name(const void *probe, const void *item)
{
    return str_equal(*(const struct str *)probe, ((const struct host *)item)->name);
}

static bool process_has_name(const void *probe, const void *item)
{
    return str_equal(*(const struct str *)probe, ((const struct process *)item)->name);
}

static bool address_has_text(const void *probe, const void *item)
{
    return str_equal(*(const struct str *)probe, ((const struct address *)item)->text);
}

static struct str str_keep(struct str s)
{
    return (struct str){mem_copy_string(s), s.size};
}

static void str_drop(struct str s)
{
    union {
        const char *kept;
        char *own;
    } bytes = {s.bytes};
    mem_free(bytes.own);
}

/* ---- life ---- */

struct sim *sim_new(const struct sim_options *options)
{
    struct sim *sim = mem_new(struct sim);
    sim->options = *options;
    if (sim->options.latency.ns == 0)
        sim->options.latency = duration_us(500);
    CHECK(sim->options.latency.ns > 0);
    CHECK(sim->options.jitter.ns >= 0);
    uint64_t shuffle = 0;
    if (options->shuffle_ties)
        shuffle = random_at(options->seed, PURPOSE_SHUFFLE, 0, 0, 0) | 1;
    sim->queue = queue_new(options->reference_queue, shuffle);
    sim->host_names.equal = host_has_name;
    sim->process_names.equal = process_has_name;
    sim->address_texts.equal = address_has_text;
    vec_push(&sim->hosts, NULL);
    vec_push(&sim->processes, NULL);
    vec_push(&sim->addresses, NULL);
    return sim;
}

/* What pending events own. */
static void events_release(struct sim *sim)
{
    struct popped pending;
    for (event_handle h = queue_each(sim->queue, 0); h; h = queue_each(sim->queue, h)) {
        CHECK(queue_get(sim->queue, h, &pending));
        if (pending.event.kind == EVENT_DATAGRAM)
            datagram_free((struct datagram *)(uintptr_t)pending.event.argument);
        else if (pending.event.kind == EVENT_COMMAND)
            message_unref((struct message *)(uintptr_t)pending.event.argument);
        else if (pending.event.kind == EVENT_DISK_DONE)
            mem_free((struct disk_request *)(uintptr_t)pending.event.argument);
    }
    queue_free(sim->queue);
}

void sim_free(struct sim *sim)
{
    if (!sim)
        return;
    CHECK(!sim->is_in_step);
    for (size_t i = 1; i < sim->processes.count; i++) {
        struct process *p = sim->processes.items[i];
        process_release(sim, (process_id)i);
        str_drop(p->name);
        mem_free(p);
    }
    events_release(sim);
    streams_release(sim);
    network_release(sim);
    for (size_t i = 1; i < sim->hosts.count; i++) {
        struct host *h = sim->hosts.items[i];
        disk_release(&h->disk);
        str_drop(h->name);
        str_drop(h->zone);
        mem_free(h);
    }
    for (size_t i = 1; i < sim->addresses.count; i++) {
        str_drop(sim->addresses.items[i]->text);
        mem_free(sim->addresses.items[i]->backends);
        mem_free(sim->addresses.items[i]);
    }
    trace_release(&sim->trace);
    index_release(&sim->host_names);
    index_release(&sim->process_names);
    index_release(&sim->address_texts);
    vec_release(&sim->hosts);
    vec_release(&sim->processes);
    vec_release(&sim->addresses);
    arena_release(&sim->scratch);
    mem_free(sim);
}

host_id sim_host_add(struct sim *sim, const struct host_options *options)
{
    uint64_t hash = hash_bytes(options->name);
    CHECK(!index_get(&sim->host_names, hash, &options->name));
    struct host *h = mem_new(struct host);
    h->name = str_keep(options->name);
    h->zone = str_keep(options->zone);
    h->is_up = true;
    h->boots = 1;
    h->id = (host_id)sim->hosts.count;
    vec_push(&sim->hosts, h);
    index_put(&sim->host_names, hash, &h->name, h);
    return h->id;
}

process_id sim_process_add(struct sim *sim, const struct process_options *options)
{
    uint64_t hash = hash_bytes(options->name);
    CHECK(!index_get(&sim->process_names, hash, &options->name));
    CHECK(sim->processes.count < PROCESSES_MAX);
    struct host *host = host_of(sim, options->host);
    struct process *p = mem_new(struct process);
    process_id id = (process_id)sim->processes.count;
    p->name = str_keep(options->name);
    p->id = id;
    p->host = options->host;
    p->is_host_paused = host->is_paused;
    p->has_odd_clock = host->clock_base || host->clock_offset || host->drift_ppm;
    p->type = options->type;
    p->config = options->config;
    p->restart = options->restart;
    p->restart_delay = options->restart_delay;
    if (p->restart_delay.ns == 0)
        p->restart_delay = RESTART_DELAY_DEFAULT;
    p->start_delay = options->start_delay;
    p->is_wanted = true;
    vec_push(&sim->processes, p);
    index_put(&sim->process_names, hash, &p->name, p);
    if (host->last_process)
        process_of(sim, host->last_process)->next_on_host = id;
    else
        host->first_process = id;
    host->last_process = id;
    if (host->is_up)
        process_schedule_start(sim, id, p->start_delay);
    return id;
}

void sim_process_remove(struct sim *sim, process_id id)
{
    struct process *p = process_of(sim, id);
    CHECK(!sim->is_in_step);
    if (p->is_removed)
        return;
    p->is_wanted = false;
    p->is_removed = true;
    process_die(sim, id, false);
    queue_drop(sim->queue, p->start);
    index_remove(&sim->process_names, hash_bytes(p->name), &p->name);
    struct host *host = host_of(sim, p->host);
    process_id previous = 0;
    for (process_id at = host->first_process; at != id; at = process_of(sim, at)->next_on_host)
        previous = at;
    if (previous)
        process_of(sim, previous)->next_on_host = p->next_on_host;
    else
        host->first_process = p->next_on_host;
    if (host->last_process == id)
        host->last_process = previous;
}

address_id sim_address(struct sim *sim, struct str text)
{
    uint64_t hash = hash_bytes(text);
    struct address *a = index_get(&sim->address_texts, hash, &text);
    if (!a) {
        a = mem_new(struct address);
        a->text = str_keep(text);
        a->id = (address_id)sim->addresses.count;
        vec_push(&sim->addresses, a);
        index_put(&sim->address_texts, hash, &a->text, a);
    }
    return a->id;
}

/* ---- giving inputs ---- */

void step_begin(struct sim *sim, process_id id, struct step *step)
{
    CHECK(!sim->is_in_step);
    const struct process *p = process_of(sim, id);
    sim->is_in_step = true;
    sim->wants_exit = false;
    sim->stepping = id;
    *step = (struct step){.sim = sim,
                          .process = id,
                          .now = now_of(sim),
                          .wall = sim_wall(sim),
                          .scratch = &sim->scratch};
    if (UNLIKELY(p->has_odd_clock)) {
        step->now = host_monotonic(sim, host_of(sim, p->host));
        step->wall = host_wall(sim, host_of(sim, p->host));
    }
}

void step_end(struct sim *sim, process_id id)
{
    sim->is_in_step = false;
    sim->stepping = 0;
    arena_clear(&sim->scratch);
    if (UNLIKELY(sim->wants_exit)) {
        sim->wants_exit = false;
        process_die(sim, id, false);
        process_supervise(sim, id);
    }
}

/* The chain of everything that was delivered. */
static void absorb_input(struct sim *sim, process_id id, const struct input *in)
{
    uint64_t what = (uint64_t)in->kind << 32 | id;
    if (in->message) {
        const struct message_type *type = in->message->type;
        what = hash_pair(what, type->digest ? type->digest(in->message) ^ type->kind : type->kind);
    } else {
        what = hash_pair(what, in->tag) ^ (uint64_t)in->reason << 8 ^ (uint64_t)in->disk_result;
    }
    sim->trace.events = hash_pair(sim->trace.events ^ (uint64_t)sim->now, what);
}

void process_input(struct sim *sim, process_id id, const struct input *input)
{
    struct process *p = process_of(sim, id);
    CHECK(p->run_state != PROCESS_DEAD);
    struct step step;
    absorb_input(sim, id, input);
    step_begin(sim, id, &step);
    p->type->input(p->state, &step, input);
    step_end(sim, id);
}

void step_exit(struct step *step, int code)
{
    CHECK(step->sim->stepping == step->process);
    step->sim->wants_exit = true;
    step->sim->exit_code = code;
}

/* ---- running ---- */

/* Events of a process that are void when it has died, and wait while it is stopped. */
static void run_process_event(struct sim *sim, const struct popped *popped)
{
    process_id id = popped->event.target;
    struct process *p = process_of(sim, id);
    bool is_timer = popped->event.kind == EVENT_TIMER;
    if (p->run_state != PROCESS_DEAD && process_is_stopped(p)) {
        if (!is_timer || tie_count(popped->tie) >= p->first_timer)
            process_park(sim, id, popped->handle);
        else
            queue_drop(sim->queue, popped->handle);
        return;
    }
    queue_drop(sim->queue, popped->handle);
    struct input in = {.tag = popped->event.argument, .timer = popped->handle};
    if (is_timer) {
        if (p->run_state != PROCESS_DEAD && tie_count(popped->tie) >= p->first_timer)
            process_input(sim, id, &in);
        return;
    }
    struct message *message = NULL;
    in = (struct input){.kind = INPUT_TERMINATE};
    if (popped->event.kind == EVENT_COMMAND) {
        message = (struct message *)(uintptr_t)popped->event.argument;
        in = (struct input){.kind = INPUT_COMMAND, .message = message};
    }
    if (p->run_state != PROCESS_DEAD)
        process_input(sim, id, &in);
    message_unref(message);
}

static void run_event(struct sim *sim, const struct popped *popped)
{
    switch ((enum event_kind)popped->event.kind) {
    case EVENT_TIMER:
    case EVENT_COMMAND:
    case EVENT_TERMINATE:
        run_process_event(sim, popped);
        return;
    case EVENT_STREAM:
        stream_deliver(sim, popped);
        return;
    case EVENT_SILENCE:
        stream_silence(sim, popped);
        return;
    case EVENT_DATAGRAM:
        datagram_deliver(sim, popped);
        return;
    case EVENT_DISK_DONE:
        disk_done_late(sim, popped);
        return;
    case EVENT_DISK:
    case EVENT_KILL:
    case EVENT_START:
    case EVENT_BOOT:
        break;
    }
    queue_drop(sim->queue, popped->handle);
    uint32_t target = popped->event.target;
    if (popped->event.kind == EVENT_DISK) {
        disk_done(sim, target);
    } else if (popped->event.kind == EVENT_KILL) {
        process_die(sim, target, false);
        process_supervise(sim, target);
    } else if (popped->event.kind == EVENT_START) {
        process_begin(sim, target);
    } else {
        host_boot(sim, target);
    }
}

/* In a big world most events find nothing of theirs in the cache: what the next one needs is asked
 * for while this one runs. Only a hint: it changes no result. */
static void prefetch_next(const struct sim *sim)
{
    struct event next;
    if (!queue_hint(sim->queue, &next))
        return;
    if (next.kind == EVENT_STREAM)
        stream_prefetch(sim, next.argument);
    if (next.kind != EVENT_DISK && next.target && next.target < sim->processes.count)
        __builtin_prefetch(sim->processes.items[next.target], 1);
}

bool sim_run_one(struct sim *sim)
{
    struct popped popped;
    CHECK(!sim->is_in_step);
    if (!queue_pop(sim->queue, &popped))
        return false;
    CHECK(popped.at.ns >= sim->now);
    sim->now = popped.at.ns;
    sim->event_count++;
    prefetch_next(sim);
    run_event(sim, &popped);
    return true;
}

void sim_run_until(struct sim *sim, struct instant until)
{
    struct instant next;
    while (queue_next(sim->queue, &next) && next.ns <= until.ns)
        sim_run_one(sim);
    if (until.ns > sim->now)
        sim->now = until.ns;
}

/* ---- from outside ---- */

static void journal_append(struct sim *sim, const struct journal_entry *entry)
{
    if (sim->journal)
        sim->journal(sim->journal_owner, entry);
}

void sim_set_journal_sink(struct sim *sim, sim_journal_fn sink, void *owner)
{
    sim->journal = sink;
    sim->journal_owner = owner;
}

void sim_command(struct sim *sim, process_id process, struct message *own_message)
{
    CHECK(!sim->is_in_step);
    process_of(sim, process);
    journal_append(sim, &(struct journal_entry){.kind = JOURNAL_COMMAND,
                                                .at = now_of(sim),
                                                .event_count = sim->event_count,
                                                .process = process,
                                                .message = own_message});
    struct event event = {EVENT_COMMAND, process, (uintptr_t)own_message};
    queue_push(sim->queue, now_of(sim), tie_next(sim, CLASS_COMMAND, 0), &event);
}

void outside_action(struct sim *sim, process_id process, host_id host, const char *format, ...)
{
    CHECK(!sim->is_in_step);
    AUTO(text) struct text text = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&text, format, arguments);
    va_end(arguments);
    struct str subject = process ? process_of(sim, process)->name : S("");
    if (!process && host)
        subject = host_of(sim, host)->name;
    struct str what = text_str(&text);
    trace_outside(sim, "fault", subject, "%.*s", STR_ARG(what));
    if (subject.size) {
        text_add_byte(&text, ' ');
        text_add(&text, subject);
    }
    journal_append(sim, &(struct journal_entry){.kind = JOURNAL_ACTION,
                                                .at = now_of(sim),
                                                .event_count = sim->event_count,
                                                .process = process,
                                                .text = text_str(&text)});
}

/* ---- looking ---- */

struct instant sim_now(const struct sim *sim)
{
    return now_of(sim);
}

struct wall_time sim_wall(const struct sim *sim)
{
    return (struct wall_time){sim->options.start.unix_ns + sim->now};
}

uint64_t sim_event_count(const struct sim *sim)
{
    return sim->event_count;
}

bool sim_next_event(const struct sim *sim, struct instant *ret_at)
{
    return queue_next(sim->queue, ret_at);
}

bool sim_find_host(const struct sim *sim, struct str name, host_id *ret_host)
{
    const struct host *h = index_get(&sim->host_names, hash_bytes(name), &name);
    if (h)
        *ret_host = h->id;
    return h != NULL;
}

bool sim_find_process(const struct sim *sim, struct str name, process_id *ret_process)
{
    const struct process *p = index_get(&sim->process_names, hash_bytes(name), &name);
    if (p)
        *ret_process = p->id;
    return p != NULL;
}

struct str sim_host_name(const struct sim *sim, host_id host)
{
    return host_of(sim, host)->name;
}

uint32_t sim_host_boots(const struct sim *sim, host_id host)
{
    return host_of(sim, host)->boots;
}

struct str sim_process_name(const struct sim *sim, process_id process)
{
    return process_of(sim, process)->name;
}

host_id sim_process_host(const struct sim *sim, process_id process)
{
    return process_of(sim, process)->host;
}

uint32_t sim_process_incarnation(const struct sim *sim, process_id process)
{
    return process_of(sim, process)->incarnation;
}

size_t sim_host_count(const struct sim *sim)
{
    return sim->hosts.count - 1;
}

size_t sim_process_count(const struct sim *sim)
{
    return sim->processes.count - 1;
}

bool sim_process_is_running(const struct sim *sim, process_id process)
{
    return process_of(sim, process)->run_state != PROCESS_DEAD;
}

bool sim_host_is_up(const struct sim *sim, host_id host)
{
    return host_of(sim, host)->is_up;
}

const void *sim_process_state(const struct sim *sim, process_id process)
{
    CHECK(!sim->is_in_step);
    const struct process *p = process_of(sim, process);
    return p->run_state != PROCESS_DEAD ? p->state : NULL;
}

void sim_dump(const struct sim *sim, struct str process_name, struct text *out)
{
    process_id id;
    if (!sim_find_process(sim, process_name, &id)) {
        text_printf(out, "no process is called %.*s\n", STR_ARG(process_name));
        return;
    }
    const struct process *p = process_of(sim, id);
    if (p->run_state == PROCESS_DEAD)
        text_printf(out, "%.*s does not run\n", STR_ARG(process_name));
    else if (p->type->dump)
        p->type->dump(p->state, out);
    else
        text_printf(out, "%s has no dump\n", p->type->kind);
}
