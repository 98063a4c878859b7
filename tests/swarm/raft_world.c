/* SPDX-License-Identifier: Apache-2.0
 *
 * The world: an ordered list of pending events (messages, deadlines, ends of syncs, faults, client
 * calls), members with a clock of their own rate, and disks that lose what was not synced. What
 * must hold is in raft_check_world.c; here only I10: after the storm there is a leader, and all
 * agree.
 */
#include "sim/base/base.h"
#include "tests/swarm/raft_world_internal.h"

#include "cluster/etcd/wal.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#include <stdarg.h>
#include <stdio.h>

#define STORM_NS INT64_C(30000000000)
#define CALM_NS INT64_C(40000000000)
#define QUIET_NS INT64_C(25000000000) /* nothing is asked in the end */
#define EVENTS_MAX 200000

/* ---- the payload: a number; the state machine: the chain of their hashes ---- */

static void number_release(struct message *m)
{
    mem_free(m);
}
static const struct message_type number_type = {.name = "number", .release = number_release};

static struct message *number_new(uint64_t n)
{
    struct number *p = mem_new(struct number);
    message_init(&p->message, &number_type, 16);
    p->n = n;
    return &p->message;
}

static void trace(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
static void trace(struct world *w, const char *format, ...)
{
    if (!w->options->is_traced)
        return;
    printf("%9.3f ms  ", (double)w->now / 1e6);
    va_list arguments;
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

static uint64_t draw(struct world *w, uint64_t below)
{
    return random_below(&w->random, below);
}

/* ---- pending events: a binary heap by (instant, order) ---- */

static bool event_before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void world_push(struct world *w, struct event e)
{
    e.order = ++w->order;
    vec_push(&w->heap, e);
    size_t i = w->heap.count - 1;
    while (i > 0 && event_before(&w->heap.items[i], &w->heap.items[(i - 1) / 2])) {
        struct event swap = w->heap.items[i];
        w->heap.items[i] = w->heap.items[(i - 1) / 2];
        w->heap.items[(i - 1) / 2] = swap;
        i = (i - 1) / 2;
    }
}

static struct event pop(struct world *w)
{
    struct event first = w->heap.items[0];
    w->heap.items[0] = vec_pop(&w->heap);
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < w->heap.count && event_before(&w->heap.items[child], &w->heap.items[least]))
                least = child;
        if (least == i)
            return first;
        struct event swap = w->heap.items[i];
        w->heap.items[i] = w->heap.items[least];
        w->heap.items[least] = swap;
        i = least;
    }
}

static struct instant local_now(const struct world *w, const struct member *m)
{
    return (struct instant){m->clock_offset + w->now / 1000 * m->clock_permille};
}

static int64_t world_time(const struct member *m, struct instant local)
{
    return ((local.ns - m->clock_offset) / m->clock_permille + 1) * 1000;
}

/* ---- disks ---- */

static void file_append(struct disk_file *f, struct message *own_record)
{
    vec_push(&f->records, own_record);
}

static void file_cut(struct disk_file *f, size_t count)
{
    while (f->records.count > count)
        message_unref(vec_pop(&f->records));
    if (f->durable > count)
        f->durable = count;
    if (f->torn > count)
        f->torn = 0;
}

static void file_power_loss(struct world *w, struct disk_file *f)
{
    size_t unsynced = f->records.count - f->durable;
    if (unsynced == 0)
        return;
    size_t keep = f->durable + (size_t)random_below(&w->fault_random, unsynced + 1);
    bool is_torn = keep < f->records.count && random_below(&w->fault_random, 2) == 0;
    file_cut(f, keep + is_torn);
    if (is_torn) {
        f->torn = keep + 1;
        w->result->torn++;
    }
}

static void begin_persist(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    struct raft_effects *e = &w->effects;
    if (e->snapshot) {
        file_append(&m->snapshots, wal_snapshot_new(e->snapshot));
        m->snapshots.durable = m->snapshots.records.count; /* synced before the log is */
    }
    file_append(&m->log, wal_record_new(m->raft, e));
    m->syncing = m->log.records.count;
    uint64_t extra = draw(w, w->sync_us) + 1;
    if (!w->is_calm && draw(w, 50) == 0)
        extra += draw(w, 2000000);
    world_push(w, (struct event){.at = w->now + (int64_t)extra * 1000,
                                 .kind = EVENT_SYNCED,
                                 .member = who,
                                 .incarnation = m->incarnation});
}

/* ---- effects ---- */

static void send(struct world *w, uint32_t from, struct raft_message *own)
{
    check_sent(w, from, own);
    uint32_t to = own->to;
    trace(w, "%u sends %u %s term %" PRIu64 " index %" PRIu64 " count %u commit %" PRIu64 "%s",
          from, to, raft_message_text(own->kind), own->term, own->index, own->count, own->commit,
          own->reject ? " (no)" : "");
    bool is_lost = !w->is_calm && draw(w, 1000) < w->loss;
    if (is_lost) {
        if (own->kind == RAFT_SNAPSHOT || draw(w, 2) == 0)
            world_push(w, (struct event){.at = w->now + (int64_t)draw(w, 1000000000),
                                         .kind = EVENT_UNREACHABLE,
                                         .member = from,
                                         .incarnation = w->members[from].incarnation,
                                         .peer = to});
        message_unref(&own->message);
        return;
    }
    int64_t at = w->now + (int64_t)(draw(w, w->delay_us) + 1) * 1000;
    if (at < w->link_free[from][to])
        at = w->link_free[from][to];
    w->link_free[from][to] = at;
    world_push(w, (struct event){
                      .at = at, .kind = EVENT_MESSAGE, .member = to, .peer = from, .message = own});
    if (!w->is_calm && draw(w, 1000) < w->duplicate) {
        message_ref(&own->message);
        int64_t again = at + (int64_t)draw(w, 3000000000);
        world_push(
            w, (struct event){
                   .at = again, .kind = EVENT_MESSAGE, .member = to, .peer = from, .message = own});
    }
}

static void take_snapshot(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    uint64_t term = 0;
    CHECK(raft_has_term(m->raft, m->applied, &term));
    struct raft_snapshot *s = raft_snapshot_new(m->applied, term, number_new(m->chain));
    struct raft_effects none = {.first = 1, .snapshot = s, .commit = raft_commit(m->raft)};
    raft_saved_vote(m->raft, &none.term, &none.vote);
    file_append(&m->snapshots, wal_snapshot_new(s));
    m->snapshots.durable = m->snapshots.records.count;
    file_append(&m->log, wal_record_new(m->raft, &none));
    m->snapshot_at = m->applied;
    raft_compact(m->raft, s);
}

/* A deadline that moves later costs nothing: its event looks again. */
static void set_timer(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    if (m->timer != 0 && m->timer <= m->deadline)
        return;
    m->timer = m->deadline;
    world_push(w, (struct event){.at = m->deadline,
                                 .kind = EVENT_DEADLINE,
                                 .member = who,
                                 .incarnation = m->incarnation});
}

static void do_effects(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    struct raft_effects *e = &w->effects;
    if (e->panic)
        world_fail(w, "I6 durability: member %u stops: %s", who, e->panic);
    if (e->has_changed)
        trace(w, "%u is %s in term %" PRIu64, who, raft_role_text(raft_role(m->raft)),
              raft_term(m->raft));
    for (size_t i = 0; i < e->messages.count; i++) {
        send(w, who, e->messages.items[i]);
        e->messages.items[i] = NULL;
    }
    if (e->persist)
        begin_persist(w, who);
    if (e->restore) {
        m->applied = e->restore->index;
        m->chain = number_of(e->restore->payload);
        w->result->snapshots_installed++;
        check_restored(w, who);
    }
    for (uint64_t i = e->apply_first; i <= e->apply_last; i++)
        check_applied(w, who, raft_entry(m->raft, i));
    for (size_t i = 0; i < e->reads.count; i++)
        check_read(w, &e->reads.items[i]);
    m->deadline = world_time(m, e->deadline);
    set_timer(w, who);
    raft_effects_clear(e);
    /* Not while the snapshot of a leader is on its way to the disk. */
    if (m->applied >= m->snapshot_at + w->snapshot_every && raft_applied(m->raft) == m->applied)
        take_snapshot(w, who);
}

static void step(struct world *w, uint32_t who, struct raft_input in)
{
    in.now = local_now(w, &w->members[who]);
    raft_step(w->members[who].raft, &in, &w->effects);
    do_effects(w, who);
    check_member(w, who);
}

/* ---- life of members ---- */

static void start(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    struct wal_replay replay = {0};
    struct raft_disk disk;
    for (size_t i = 0; i < m->snapshots.records.count; i++)
        wal_replay_snapshot(&replay, m->snapshots.records.items[i], false);
    for (size_t i = 0; i < m->log.records.count; i++)
        wal_replay_record(&replay, m->log.records.items[i], m->log.torn == i + 1);
    if (!wal_replay_end(&replay, &disk)) {
        world_fail(w, "I6 durability: member %u cannot start: %s", who, replay.damage);
        wal_replay_release(&replay);
        return;
    }
    file_cut(&m->log, replay.good);
    m->incarnation++;
    m->is_up = true;
    m->applied = disk.snapshot ? disk.snapshot->index : 0;
    m->chain = disk.snapshot ? number_of(disk.snapshot->payload) : 0;
    m->snapshot_at = m->applied;
    m->last_commit = m->last_lead = 0;
    m->timer = 0;
    m->last_role = RAFT_FOLLOWER;
    struct raft_options options = {
        .self = who,
        .member_count = w->count,
        .election = duration_ms(1000),
        .heartbeat = duration_ms(100),
        .message_bytes_max = (uint32_t)w->bytes_max,
        .in_flight_max = 24,
        .catch_up_entries = w->catch_up,
        .random = random_stream(w->options->seed, who, m->incarnation, 1),
        .bugs = w->options->bugs,
    };
    if (disk.term < m->max_term)
        world_fail(w, "I7 monotone: member %u starts in term %" PRIu64 " after %" PRIu64, who,
                   disk.term, m->max_term);
    trace(w, "%u starts: term %" PRIu64 ", %zu entries", who, disk.term, disk.count);
    m->raft = raft_new(&options, &disk, local_now(w, m), &w->effects);
    do_effects(w, who);
    check_member(w, who);
    wal_replay_release(&replay);
}

static void stop(struct world *w, uint32_t who, bool is_power_loss)
{
    struct member *m = &w->members[who];
    trace(w, "%u %s", who, is_power_loss ? "loses power" : "crashes");
    raft_free(m->raft);
    m->raft = NULL;
    m->is_up = m->is_paused = false;
    m->is_cut_off = false;
    m->incarnation++;
    for (size_t i = 0; i < m->kept.count; i++)
        message_unref(m->kept.items[i].message ? &m->kept.items[i].message->message : NULL);
    m->kept.count = 0;
    if (is_power_loss) {
        file_power_loss(w, &m->log);
        w->result->power_losses++;
    } else {
        w->result->crashes++;
    }
}

/* ---- faults ---- */

static void heal_links(struct world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        w->members[i].is_cut_off = false;
        for (uint32_t j = 0; j < w->count; j++)
            w->cut[i][j] = false;
    }
}

static void cut_off(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    for (uint32_t i = 0; i < w->count; i++)
        w->cut[i][who] = w->cut[who][i] = i != who;
    if (w->count == 1 || !m->is_up)
        return;
    w->result->cut_off++;
    /* A campaign that a quorum has agreed to may still end: only followers and leaders count. */
    if (raft_role(m->raft) == RAFT_FOLLOWER || raft_role(m->raft) == RAFT_LEADER) {
        m->is_cut_off = true;
        m->cut_off_term = raft_term(m->raft);
    }
}

/* Two groups that do not hear each other. */
static void split(struct world *w)
{
    uint64_t groups = random_below(&w->fault_random, 1u << w->count);
    trace(w, "the members split: %" PRIx64, groups);
    heal_links(w);
    for (uint32_t i = 0; i < w->count; i++)
        for (uint32_t j = 0; j < w->count; j++)
            w->cut[i][j] = (groups >> i & 1) != (groups >> j & 1);
}

static uint32_t pick_victim(struct world *w)
{
    uint32_t who = (uint32_t)random_below(&w->fault_random, w->count);
    if (!w->is_churn || random_below(&w->fault_random, 3) == 0)
        return who;
    for (uint32_t i = 0; i < w->count; i++)
        if (w->members[i].is_up && raft_role(w->members[i].raft) == RAFT_LEADER)
            who = i;
    return who;
}

static void fall(struct world *w, uint32_t who)
{
    if (w->is_calm)
        return;
    stop(w, who, true);
    uint64_t length_ms = random_below(&w->fault_random, 1500) + 1;
    world_push(w, (struct event){.at = w->now + (int64_t)length_ms * 1000000,
                                 .kind = EVENT_RESTART,
                                 .member = who,
                                 .incarnation = w->members[who].incarnation});
}

static void fault(struct world *w)
{
    struct random_stream *f = &w->fault_random;
    uint32_t who = pick_victim(w);
    struct member *m = &w->members[who];
    uint64_t length = random_below(f, w->is_churn ? 1000 : 4000) + 1;
    uint64_t what = random_below(f, 10);
    world_push(w,
               (struct event){.at = w->now +
                                    (int64_t)(random_below(f, 2 * w->fault_every_ms) + 1) * 1000000,
                              .kind = EVENT_FAULT});
    if (what < 4) {
        if (!m->is_up)
            return;
        bool all = what == 3 && random_below(f, 3) == 0; /* the lights go out for everybody */
        for (uint32_t i = 0; i < w->count; i++) {
            if ((i != who && !all) || !w->members[i].is_up)
                continue;
            stop(w, i, all || what >= 1);
            world_push(w, (struct event){.at = w->now + (int64_t)length * 1000000,
                                         .kind = EVENT_RESTART,
                                         .member = i,
                                         .incarnation = w->members[i].incarnation});
        }
    } else if (what == 4) {
        if (!m->is_up || m->is_paused)
            return;
        trace(w, "%u pauses", who);
        m->is_paused = true;
        world_push(w, (struct event){.at = w->now + (int64_t)length * 1000000,
                                     .kind = EVENT_RESUME,
                                     .member = who,
                                     .incarnation = m->incarnation});
    } else if (what == 5 || what == 6) {
        trace(w, "%u is cut off", who);
        cut_off(w, who);
    } else if (what == 7 && random_below(f, 2) == 0) {
        split(w);
    } else if (what == 7) {
        uint32_t other = (uint32_t)random_below(f, w->count);
        w->cut[who][other] = who != other;
    } else if (what == 8) {
        world_push(w, (struct event){.at = w->now,
                                     .kind = EVENT_TRANSFER,
                                     .member = who,
                                     .peer = (uint32_t)random_below(f, w->count)});
    } else {
        trace(w, "the links heal");
        heal_links(w);
    }
}

/* ---- events ---- */

static void client_read(struct world *w, uint32_t who)
{
    uint64_t id = w->reads.count + 1;
    vec_push(&w->reads, (struct read_fact){.id = id, .at_least = w->acknowledged});
    step(w, who, (struct raft_input){.kind = RAFT_INPUT_READ, .read_id = id});
}

static void client_propose(struct world *w, uint32_t who)
{
    uint64_t burst = draw(w, 4) == 0 ? draw(w, 12) : 1;
    for (uint64_t i = 0; i < burst; i++) {
        struct message *payload = number_new(++w->proposals);
        step(w, who, (struct raft_input){.kind = RAFT_INPUT_PROPOSE, .payload = payload});
        message_unref(payload);
    }
}

static void synced(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    if (m->log.durable < m->syncing)
        m->log.durable = m->syncing;
    step(w, who, (struct raft_input){.kind = RAFT_INPUT_PERSISTED});
    trace(w, "%u synced: last %" PRIu64 " commit %" PRIu64, who, raft_last(m->raft),
          raft_commit(m->raft));
}

static void resume(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    m->is_paused = false;
    for (size_t i = 0; i < m->kept.count; i++) {
        struct event e = m->kept.items[i];
        e.at = w->now;
        world_push(w, e);
    }
    m->kept.count = 0;
}

static void handle_member_event(struct world *w, struct event *e)
{
    struct member *m = &w->members[e->member];
    bool is_of_old = e->incarnation != 0 && e->incarnation != m->incarnation;
    if (e->kind == EVENT_RESTART) {
        if (!is_of_old && !m->is_up)
            start(w, e->member);
        return;
    }
    if (!m->is_up || is_of_old)
        return;
    if (e->kind == EVENT_RESUME) {
        resume(w, e->member);
        return;
    }
    if (m->is_paused) {
        if (e->kind == EVENT_PROPOSE || e->kind == EVENT_READ)
            return;
        vec_push(&m->kept, *e);
        e->message = NULL;
        return;
    }
    switch (e->kind) {
    case EVENT_MESSAGE:
        step(w, e->member, (struct raft_input){.kind = RAFT_INPUT_MESSAGE, .message = e->message});
        break;
    case EVENT_DEADLINE:
        m->timer = 0;
        if (w->now < m->deadline)
            set_timer(w, e->member);
        else
            step(w, e->member, (struct raft_input){.kind = RAFT_INPUT_DEADLINE});
        break;
    case EVENT_SYNCED:
        synced(w, e->member);
        break;
    case EVENT_UNREACHABLE:
        step(w, e->member, (struct raft_input){.kind = RAFT_INPUT_UNREACHABLE, .member = e->peer});
        break;
    case EVENT_PROPOSE:
        client_propose(w, e->member);
        break;
    case EVENT_READ:
        client_read(w, e->member);
        break;
    case EVENT_TRANSFER:
        step(w, e->member, (struct raft_input){.kind = RAFT_INPUT_TRANSFER, .member = e->peer});
        break;
    case EVENT_FALL:
        fall(w, e->member);
        break;
    case EVENT_RESTART:
    case EVENT_RESUME:
    case EVENT_FAULT:
        break;
    }
}

static void handle_event(struct world *w, struct event *e)
{
    if (e->kind == EVENT_FAULT) {
        if (!w->is_calm)
            fault(w);
        return;
    }
    if (e->kind == EVENT_MESSAGE && w->cut[e->peer][e->member]) {
        if (e->message->kind == RAFT_SNAPSHOT)
            world_push(w, (struct event){.at = w->now + 500000000,
                                         .kind = EVENT_UNREACHABLE,
                                         .member = e->peer,
                                         .incarnation = w->members[e->peer].incarnation,
                                         .peer = e->member});
        message_unref(&e->message->message);
        return;
    }
    if (e->kind == EVENT_MESSAGE && e->message->kind == RAFT_SNAPSHOT &&
        !w->members[e->member].is_up)
        world_push(w, (struct event){.at = w->now,
                                     .kind = EVENT_UNREACHABLE,
                                     .member = e->peer,
                                     .incarnation = w->members[e->peer].incarnation,
                                     .peer = e->member});
    bool is_of_client = e->kind == EVENT_PROPOSE || e->kind == EVENT_READ;
    if (is_of_client && w->now > STORM_NS + CALM_NS - QUIET_NS)
        return;
    if (is_of_client) {
        uint64_t gap = e->kind == EVENT_PROPOSE ? draw(w, 2 * w->propose_every_us)
                                                : draw(w, 2000 * w->read_every_ms);
        world_push(w, (struct event){.at = w->now + (int64_t)(gap + 1) * 1000,
                                     .kind = e->kind,
                                     .member = (uint32_t)draw(w, w->count)});
    }
    handle_member_event(w, e);
    if (e->kind == EVENT_MESSAGE && e->message)
        message_unref(&e->message->message);
}

static void begin_calm(struct world *w)
{
    trace(w, "calm");
    w->is_calm = true;
    heal_links(w);
    for (uint32_t i = 0; i < w->count; i++) {
        if (!w->members[i].is_up)
            start(w, i);
        else if (w->members[i].is_paused)
            resume(w, i);
        w->members[i].clock_offset += w->now / 1000 * (w->members[i].clock_permille - 1000);
        w->members[i].clock_permille = 1000;
    }
}

static void judge(struct world *w)
{
    uint32_t leaders = 0;
    for (uint32_t i = 0; i < w->count; i++)
        leaders += raft_role(w->members[i].raft) == RAFT_LEADER;
    if (leaders != 1)
        world_fail(w, "I10 after the storm: %u leaders", leaders);
    for (uint32_t i = 0; i < w->count; i++)
        if (w->members[i].applied < w->acknowledged)
            world_fail(w,
                       "I6 durability: in the end member %u has %" PRIu64 " of %" PRIu64
                       " acknowledged entries",
                       i, w->members[i].applied, w->acknowledged);
    if (w->result->commits == 0)
        world_fail(w, "I10 after the storm: nothing was committed");
}

static void draw_world(struct world *w)
{
    static const uint32_t counts[] = {3, 3, 3, 5, 5, 1, 2, 4};
    w->count = counts[draw(w, ARRAY_COUNT(counts))];
    static const uint64_t delays_us[] = {500, 5000, 50000, 400000};
    w->delay_us = delays_us[draw(w, ARRAY_COUNT(delays_us))];
    static const uint64_t syncs_us[] = {200, 2000, 20000, 200000};
    w->sync_us = syncs_us[draw(w, ARRAY_COUNT(syncs_us))];
    w->loss = draw(w, 3) == 0 ? 0 : draw(w, 200);
    w->duplicate = draw(w, 2) == 0 ? 0 : draw(w, 100);
    w->fault_every_ms = 200 + draw(w, 3000);
    w->propose_every_us = 20000 + w->delay_us / 2 + draw(w, 400000);
    w->read_every_ms = 50 + draw(w, 800);
    w->snapshot_every = 5 + draw(w, 200);
    w->catch_up = draw(w, 20);
    w->bytes_max = draw(w, 2) == 0 ? 400 : 100000;
    w->is_churn = draw(w, 4) == 0;
    if (w->is_churn) {
        w->count = 5;
        w->delay_us = 20000 + draw(w, 200000);
        w->fault_every_ms = 500 + draw(w, 3000);
        w->propose_every_us = 500000;
        w->sync_us = 2000;
        w->bytes_max = 1;
    }
}

static void release(struct world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        struct member *m = &w->members[i];
        raft_free(m->raft);
        file_cut(&m->log, 0);
        file_cut(&m->snapshots, 0);
        vec_release(&m->log.records);
        vec_release(&m->snapshots.records);
        for (size_t k = 0; k < m->shadow.count; k++)
            raft_entry_unref(m->shadow.items[k]);
        vec_release(&m->shadow);
        for (size_t k = 0; k < m->kept.count; k++)
            message_unref(m->kept.items[k].message ? &m->kept.items[k].message->message : NULL);
        vec_release(&m->kept);
    }
    for (size_t i = 0; i < w->heap.count; i++)
        message_unref(w->heap.items[i].message ? &w->heap.items[i].message->message : NULL);
    vec_release(&w->heap);
    for (size_t i = 0; i < w->fact_count; i++)
        vec_release(&w->facts[i]);
    mem_free(w->facts);
    vec_release(&w->committed);
    vec_release(&w->reads);
    raft_effects_release(&w->effects);
    mem_free(w);
}

void raft_world_run(const struct raft_world_options *options, struct raft_world_result *ret_result)
{
    struct world *w = mem_new(struct world);
    *ret_result = (struct raft_world_result){0};
    w->options = options;
    w->result = ret_result;
    w->random = random_stream(options->seed, 0, 0, 0);
    w->fault_random = random_stream(options->seed, 1, 0, 0);
    memset(w->leader_of, 0xff, sizeof(w->leader_of));
    memset(w->vote_of, 0xff, sizeof(w->vote_of));
    draw_world(w);
    for (uint32_t i = 0; i < w->count; i++) {
        w->members[i].clock_offset = (int64_t)draw(w, 1000000000);
        w->members[i].clock_permille = (int64_t)(900 + draw(w, 201));
        w->members[i].max_term = 0;
        start(w, i);
    }
    world_push(w, (struct event){.at = 1, .kind = EVENT_PROPOSE});
    world_push(w, (struct event){.at = 2, .kind = EVENT_READ});
    world_push(w, (struct event){.at = (int64_t)w->fault_every_ms * 1000000, .kind = EVENT_FAULT});
    while (!ret_result->has_failed && ret_result->events < EVENTS_MAX &&
           w->now < STORM_NS + CALM_NS) {
        struct event e = pop(w);
        w->now = e.at;
        ret_result->events++;
        ret_result->hash = hash_pair(ret_result->hash, (uint64_t)e.at ^ (uint64_t)e.kind << 56 ^
                                                           (uint64_t)e.member << 60);
        if (!w->is_calm && w->now >= STORM_NS)
            begin_calm(w);
        handle_event(w, &e);
    }
    if (!ret_result->has_failed)
        judge(w);
    release(w);
}
