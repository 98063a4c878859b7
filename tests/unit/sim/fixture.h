/* SPDX-License-Identifier: Apache-2.0
 *
 * A process for tests of the engine: it does nothing by itself. A test drives it with closures:
 * whatever function it posts as a command runs as that process' step; every input is noted.
 */
#ifndef TESTS_UNIT_SIM_FIXTURE_H
#define TESTS_UNIT_SIM_FIXTURE_H

#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/fault.h"
#include "sim/sim.h"

/* ---- a message with a number ---- */

struct numbered {
    struct message message;
    uint64_t number;
};

static inline void numbered_release(struct message *m)
{
    mem_free(CONTAINER_OF(m, struct numbered, message));
}

static inline uint64_t numbered_digest(const struct message *m)
{
    return ((const struct numbered *)(const void *)m)->number;
}

static const struct message_type numbered_types[] = {
    {"first", 1, numbered_release, numbered_digest},
    {"second", 2, numbered_release, numbered_digest},
};

static inline struct message *numbered_of(const struct message_type *type, uint64_t number)
{
    struct numbered *n = mem_new(struct numbered);
    message_init(&n->message, type, 100);
    n->number = number;
    return &n->message;
}

static inline struct message *numbered(uint64_t number)
{
    return numbered_of(&numbered_types[0], number);
}

static inline uint64_t number_of(const struct message *m)
{
    return ((const struct numbered *)(const void *)m)->number;
}

/* ---- a command that runs a function within the process ---- */

struct puppet;
typedef void (*puppet_fn)(struct puppet *p, struct step *step, uint64_t argument);
struct order {
    struct message message;
    puppet_fn run;
    uint64_t argument;
};

static inline void order_release(struct message *m)
{
    mem_free(CONTAINER_OF(m, struct order, message));
}
static const struct message_type order_type = {"order", 3, order_release, NULL};

/* ---- the process ---- */

struct noted {
    enum input_kind kind;
    struct instant at;
    stream_id stream;
    uint64_t tag, number;
    enum close_reason reason;
    enum disk_result disk_result;
    process_id peer;
};

struct puppet {
    VEC(struct noted) notes;
    stream_id stream; /* the last one that was connected, accepted or opened */
    timer_id timer;
    file_id file;
    bool exits_on_terminate;
};

struct puppet_config {
    const char *listens; /* an address, or NULL */
};

static inline void *puppet_start(struct step *step, const void *config)
{
    const struct puppet_config *c = config;
    struct puppet *p = mem_new(struct puppet);
    if (c && c->listens)
        step_listen(step, sim_address(step->sim, str_from(c->listens)));
    p->file = step_file(step, S("file"));
    step_observe(step, 1, 0, 0);
    return p;
}

static inline void puppet_input(void *state, struct step *step, const struct input *in)
{
    struct puppet *p = state;
    if (in->kind == INPUT_COMMAND && in->message->type == &order_type) {
        const struct order *o = (const struct order *)(const void *)in->message;
        o->run(p, step, o->argument);
        return;
    }
    if (in->kind == INPUT_CONNECTED || in->kind == INPUT_ACCEPTED)
        p->stream = in->stream;
    vec_push(&p->notes, (struct noted){.kind = in->kind,
                                       .at = step->now,
                                       .stream = in->stream,
                                       .tag = in->tag,
                                       .number = in->message ? number_of(in->message) : 0,
                                       .reason = in->reason,
                                       .disk_result = in->disk_result,
                                       .peer = in->peer});
    if (in->kind == INPUT_MESSAGE)
        step_observe(step, 2, number_of(in->message), in->peer);
}

static inline void puppet_release(void *state)
{
    struct puppet *p = state;
    vec_release(&p->notes);
    mem_free(p);
}

static const struct process_type puppet_type = {"puppet", puppet_start, puppet_input,
                                                puppet_release, NULL};

/* Runs a function within the process, at this instant. */
static inline void order(struct sim *sim, process_id process, puppet_fn run, uint64_t argument)
{
    struct order *o = mem_new(struct order);
    message_init(&o->message, &order_type, 0);
    o->run = run;
    o->argument = argument;
    sim_command(sim, process, &o->message);
    sim_run_until(sim, sim_now(sim));
}

static inline const struct puppet *puppet_of(const struct sim *sim, process_id process)
{
    return sim_process_state(sim, process);
}

static inline size_t count_notes(const struct puppet *p, enum input_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < p->notes.count; i++)
        count += p->notes.items[i].kind == kind;
    return count;
}

static inline void run_for(struct sim *sim, struct duration d)
{
    sim_run_until(sim, instant_add(sim_now(sim), d));
}

#endif
