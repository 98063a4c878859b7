/* SPDX-License-Identifier: Apache-2.0
 *
 * What the journal of a session says, record by record (sim/recording.h has their form):
 *
 *     head      the plan: build, scenario and manifests with the texts of all files, seed, secret
 *     gateway   position, instant, which gateway, the command (gateway_journal.c)
 *     do        position, instant, the operations as text
 *     mark      position, instant, count of events, hash of the timeline, hash of all inputs
 *     end       likewise; the session ended here in order
 *     resume    position, instant; another session goes on from here: all clients have gone
 *
 * The speed at which the virtual clock followed the one on the wall is not in it: it decides when
 * something comes in, and that is what position and instant say.
 *
 * A replay that does not come to a record's place, or to a mark's hashes, has parted from what was
 * recorded: another build, or a bug. It ends there and says so.
 */
#include "sim/base/base.h"

#include "scenarios/engine/session_private.h"

#include "sim/base/mem.h"
#include "sim/base/pack.h"

#include <stdarg.h>

#define FILES_MAX 100000
#define PLAN_SIZE 216

enum record_kind {
    RECORD_HEAD = 1,
    RECORD_GATEWAY,
    RECORD_DO,
    RECORD_MARK,
    RECORD_END,
    RECORD_RESUME,
};

/* ---- the plan ---- */

/* What is not in the head is not in a replay: whoever adds something to a plan comes here. */
_Static_assert(sizeof(struct session_plan) == PLAN_SIZE, "put it into the head as well");

void session_plan_release(struct session_plan *plan)
{
    text_release(&plan->build);
    text_release(&plan->scenario);
    text_release(&plan->definitions);
    for (size_t i = 0; i < plan->manifests.count; i++)
        mem_free(plan->manifests.items[i]);
    vec_release(&plan->manifests);
    file_store_release(&plan->files);
}

void session_plan_write(const struct session_plan *plan, struct text *out)
{
    pack_text(out, text_str(&plan->build));
    pack_text(out, text_str(&plan->scenario));
    pack_text(out, text_str(&plan->definitions));
    pack_signed(out, plan->nodes);
    pack_signed(out, plan->apiservers);
    pack_signed(out, plan->etcd_members);
    pack_number(out, plan->has_seed);
    pack_number(out, plan->seed);
    pack_text(out, (struct str){(const char *)plan->secret.bytes, SECRET_SIZE});
    pack_signed(out, plan->start_unix_ns);
    pack_signed(out, plan->gateways);
    pack_number(out, plan->manifests.count);
    for (size_t i = 0; i < plan->manifests.count; i++)
        pack_text(out, str_from(plan->manifests.items[i]));
    pack_number(out, plan->files.count);
    for (size_t i = 0; i < plan->files.count; i++) {
        pack_text(out, str_from(plan->files.items[i].name));
        pack_text(out, text_str(&plan->files.items[i].text));
    }
}

struct str session_plan_build(struct str written)
{
    struct unpack u = {written, false};
    return unpack_text(&u);
}

enum err session_plan_read(struct str written, struct session_plan *ret_plan,
                           struct errmsg *message)
{
    struct unpack u = {written, false};
    struct session_plan *plan = ret_plan;
    *plan = (struct session_plan){0};
    text_add(&plan->build, unpack_text(&u));
    text_add(&plan->scenario, unpack_text(&u));
    text_add(&plan->definitions, unpack_text(&u));
    plan->nodes = unpack_signed(&u);
    plan->apiservers = unpack_signed(&u);
    plan->etcd_members = unpack_signed(&u);
    plan->has_seed = unpack_bool(&u);
    plan->seed = unpack_number(&u);
    struct str secret = unpack_text(&u);
    u.is_bad |= secret.size != SECRET_SIZE;
    if (!u.is_bad)
        memcpy(plan->secret.bytes, secret.bytes, SECRET_SIZE);
    plan->start_unix_ns = unpack_signed(&u);
    plan->gateways = unpack_signed(&u);
    uint64_t count = unpack_below(&u, FILES_MAX);
    for (uint64_t i = 0; i < count && !u.is_bad; i++)
        vec_push(&plan->manifests, mem_copy_string(unpack_text(&u)));
    count = unpack_below(&u, FILES_MAX);
    for (uint64_t i = 0; i < count && !u.is_bad; i++) {
        struct str name = unpack_text(&u);
        file_store_add(&plan->files, name, unpack_text(&u));
    }
    plan->files.is_closed = true;
    if (!u.is_bad && u.rest.size == 0 && plan->gateways >= 0 &&
        plan->gateways <= SESSION_GATEWAYS_MAX)
        return ERR_OK;
    session_plan_release(plan);
    return errmsg_set(message, ERR_SYNTAX, "the head of the journal is not what was written");
}

/* ---- writing ---- */

static void add(struct session *s, enum record_kind kind)
{
    recording_add(&s->writer, (uint8_t)kind, text_str(&s->scratch), &s->unwritten);
    s->records++;
}

/* Each record but the head says where it belongs. */
static struct text *record_begin(struct session *s)
{
    text_clear(&s->scratch);
    pack_number(&s->scratch, s->run->position);
    pack_signed(&s->scratch, sim_now(s->run->sim).ns);
    return &s->scratch;
}

void session_write_head(struct session *s)
{
    text_clear(&s->unwritten);
    recording_begin(&s->writer, &s->unwritten);
    text_clear(&s->scratch);
    session_plan_write(s->plan, &s->scratch);
    add(s, RECORD_HEAD);
    if (s->options.write)
        (void)s->options.write(s->options.owner,
                               text_str(&s->unwritten)); /* the next one says so */
    text_clear(&s->unwritten);
}

void session_record_gateway(struct session *s, size_t index, const struct message *command)
{
    if (!s->options.write)
        return;
    struct text *t = record_begin(s);
    pack_number(t, index);
    gateway_command_write(command, t);
    add(s, RECORD_GATEWAY);
}

void session_record_do(struct session *s, struct str operations)
{
    if (!s->options.write)
        return;
    pack_text(record_begin(s), operations);
    add(s, RECORD_DO);
}

static void record_mark(struct session *s, enum record_kind kind)
{
    if (!s->options.write)
        return;
    struct text *t = record_begin(s);
    pack_number(t, sim_event_count(s->run->sim));
    pack_number(t, sim_trace_hash(s->run->sim));
    pack_number(t, sim_event_hash(s->run->sim));
    add(s, kind);
}

void session_mark(struct session *s)
{
    record_mark(s, RECORD_MARK);
}

void session_record_end(struct session *s)
{
    record_mark(s, RECORD_END);
}

/* The clients of the session before have gone with its program. */
static void resume(struct session *s)
{
    for (size_t i = 0; i < s->gateway_count; i++)
        gateway_reset(s->run->sim, s->gateways[i]);
}

enum run_turn session_resume(struct session *s)
{
    s->is_resuming = false;
    if (s->options.write) {
        (void)record_begin(s);
        add(s, RECORD_RESUME);
    }
    s->replay.is_active = true; /* the resets follow from the record: they have none of their own */
    resume(s);
    s->replay.is_active = false;
    return TURN_ACTED;
}

/* ---- replaying ---- */

static void part(struct session *s, const char *format, ...) PRINTF_LIKE(2, 3);
static void part(struct session *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&s->failure, format, arguments);
    va_end(arguments);
    s->replay.is_active = false;
}

static void replay_next(struct session *s)
{
    struct replay *p = &s->replay;
    p->is_active = recording_next(&p->reader, &p->record);
    s->records += p->is_active;
    if (p->is_active) {
        p->rest = (struct unpack){p->record.content, false};
        p->position = unpack_number(&p->rest);
        p->at = (struct instant){unpack_signed(&p->rest)};
        return;
    }
    if (p->reader.state == RECORDING_DAMAGED)
        part(s, "damaged at byte %zu: record %" PRIu64 " is not what was written", p->reader.good,
             p->reader.records + 1);
    s->writer = recording_continue(&p->reader);
    s->is_resuming = s->failure.size == 0;
}

void session_replay(struct session *s, const struct recording_reader *reader)
{
    s->replay.reader = *reader;
    s->records = reader->records;
    replay_next(s);
}

bool session_is_replaying(const struct session *s)
{
    return s->replay.is_active;
}

static void check_mark(struct session *s, struct unpack *u)
{
    struct sim *sim = s->run->sim;
    uint64_t events = unpack_number(u), trace = unpack_number(u), inputs = unpack_number(u);
    if (u->is_bad)
        return;
    if (events != sim_event_count(sim) || trace != sim_trace_hash(sim) ||
        inputs != sim_event_hash(sim))
        part(s,
             "parted from what was recorded before %" PRId64 ".%03" PRId64 " s: %" PRIu64
             " events and trace %016" PRIx64 ", recorded were %" PRIu64 " and %016" PRIx64,
             sim_now(sim).ns / 1000000000, sim_now(sim).ns / 1000000 % 1000, sim_event_count(sim),
             sim_trace_hash(sim), events, trace);
}

/* What a record says, at its place. */
static void record_act(struct session *s, enum record_kind kind, struct unpack *u)
{
    u->is_bad |= kind <= RECORD_HEAD || kind > RECORD_RESUME;
    switch (u->is_bad ? RECORD_HEAD : kind) {
    case RECORD_GATEWAY: {
        uint64_t index = unpack_below(u, s->gateway_count);
        u->is_bad = u->is_bad || !gateway_command_post(s->run->sim, s->gateways[index], u->rest);
        break;
    }
    case RECORD_DO: {
        struct str operations = unpack_text(u);
        AUTO(text) struct text said = {0};
        if (!u->is_bad) {
            replay_next(s);
            (void)session_operate(s, operations,
                                  &said); /* it has failed when it was recorded, or not */
        }
        return;
    }
    case RECORD_MARK:
    case RECORD_END:
        check_mark(s, u);
        break;
    case RECORD_RESUME:
        resume(s);
        break;
    case RECORD_HEAD:
        u->is_bad = true;
        break;
    }
    if (u->is_bad)
        part(s, "record %" PRIu64 " of the journal makes no sense", s->replay.reader.records);
    else if (s->failure.size == 0)
        replay_next(s);
}

/* The clock, up to the instant of a record; false: something was due before. */
static bool clock_follow(struct session *s, struct instant at, struct instant next)
{
    struct sim *sim = s->run->sim;
    if (instant_before(sim_now(sim), at)) {
        if (!instant_before(at, next))
            return false;
        sim_run_until(sim, at);
    }
    return sim_now(sim).ns == at.ns;
}

enum run_turn session_replay_turn(struct session *s, struct instant next)
{
    while (session_is_replaying(s)) {
        struct unpack u = s->replay.rest;
        uint64_t position = s->replay.position;
        struct instant at = s->replay.at;
        bool is_here = !u.is_bad && position == s->run->position;
        if (s->options.replaying &&
            s->options.replaying(s->options.owner, s, is_here ? at : next) == TURN_STOP)
            return TURN_STOP;
        if (!u.is_bad && position > s->run->position)
            return TURN_GO;
        uint8_t kind = s->replay.record.kind;
        s->replay.has_ended = kind == RECORD_END;
        if (u.is_bad || !is_here || !clock_follow(s, at, next))
            part(s, "record %" PRIu64 " of the journal does not belong here",
                 s->replay.reader.records);
        else
            record_act(s, (enum record_kind)kind, &u);
        if (s->failure.size)
            return TURN_STOP;
        if (kind == RECORD_RESUME)
            return TURN_ACTED; /* what is next has changed, as when it was written */
    }
    return TURN_GO;
}

struct str session_replay_failure(const struct session *s)
{
    return text_str(&s->failure);
}

uint64_t session_records(const struct session *s)
{
    return s->records;
}

bool session_reached_end_mark(const struct session *s)
{
    return s->replay.has_ended;
}
