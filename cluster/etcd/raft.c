/* SPDX-License-Identifier: Apache-2.0
 *
 * Raft: roles, elections, and the way out of effects.
 *
 * The rules obeyed, with the words of the paper (figure 2 and section 5):
 *   - "Reply false if term < currentTerm"; "If RPC request or response contains term T >
 *     currentTerm: set currentTerm = T, convert to follower".
 *   - "If votedFor is null or candidateId, and candidate's log is at least as up-to-date as
 *     receiver's log, grant vote."
 *   - "(Updated on stable storage before responding to RPCs)": currentTerm, votedFor, log[].
 *   - Only "log entries from the leader's current term are committed by counting replicas" (5.4.2).
 *
 * And what etcd adds, from the thesis: pre-vote (9.6), so that a member that comes back does not
 * disturb; check-quorum (6.2), so that a leader without a quorum steps down; the leader's lease on
 * votes (4.2.3); ReadIndex (6.4); leadership transfer (3.10); "the leader can write to its disk in
 * parallel with replicating to the followers and them writing to their disks" (10.2.1).
 *
 * There are no ticks: each role has its deadlines, and the driver sets one timer to the earliest. A
 * follower's deadline moves with each message of its leader, which costs a store, since timers move
 * lazily.
 *
 * Effects leave by one door, raft_flush, at the end of each step: closed while a persist is
 * outstanding; else it hands out messages, the next batch to write, and entries to apply. A
 * leader's messages go at once; promises, and everything of a member that does not lead, wait for
 * the write.
 *
 * DEVIATION: etcd may apply a committed entry while its own write of it is outstanding; here a
 * member applies only what its own disk has, so its revision never goes back over a crash. The
 * difference is one fsync, and only on a follower that learns of a commit together with the entry.
 * DEVIATION: members are fixed at start (etcd's initial-cluster); no learners, no joint consensus.
 */
#include "sim/base/base.h"
#include "cluster/etcd/raft_internal.h"

#include "sim/base/mem.h"

static void become_follower(struct raft *r, uint64_t term, uint32_t leader);
static void become_leader(struct raft *r);
static void campaign(struct raft *r, bool is_pre, bool force);
static void count_vote(struct raft *r, uint32_t from, bool is_granted);
static void handle_message(struct raft *r, const struct raft_message *m);
static void handle_deadline(struct raft *r);
static void handle_persisted(struct raft *r, struct raft_effects *e);
static void handle_propose(struct raft *r, struct message *payload);
static void handle_transfer(struct raft *r, uint32_t to);
static void begin_persist(struct raft *r, struct raft_effects *e);
static void flush(struct raft *r, struct raft_effects *e);

const char *raft_role_text(enum raft_role role)
{
    switch (role) {
    case RAFT_FOLLOWER:
        return "follower";
    case RAFT_PRE_CANDIDATE:
        return "pre-candidate";
    case RAFT_CANDIDATE:
        return "candidate";
    case RAFT_LEADER:
        return "leader";
    }
    return "";
}

const char *raft_bug_text(enum raft_bug bug)
{
    static const char *const texts[] = {
#define RAFT_BUG(name, text) text,
#include "cluster/etcd/raft_bugs.def"
#undef RAFT_BUG
    };
    CHECK(bug < RAFT_BUG_COUNT);
    return texts[bug];
}

/* ---- life ---- */

/* 5.2: "election timeouts are chosen randomly from a fixed interval", here [1, 2) election
 * timeouts. */
static void draw_election_timeout(struct raft *r)
{
    uint64_t election = (uint64_t)r->options.election.ns;
    uint64_t extra = random_below(&r->options.random, election);
    r->election_timeout = duration_ns((int64_t)(election + extra));
    r->election_at = instant_add(r->now, r->election_timeout);
}

struct raft *raft_new(const struct raft_options *options, const struct raft_disk *disk,
                      struct instant now, struct raft_effects *e)
{
    CHECK(options->member_count >= 1 && options->member_count <= RAFT_MEMBERS_MAX);
    CHECK(options->self < options->member_count);
    CHECK(options->election.ns > options->heartbeat.ns && options->heartbeat.ns > 0);
    struct raft *r = mem_new(struct raft);
    r->options = *options;
    if (!r->options.message_bytes_max)
        r->options.message_bytes_max = 1u << 20;
    if (!r->options.in_flight_max)
        r->options.in_flight_max = 512;
    r->now = now;
    r->leader_contact = (struct instant){INT64_MIN / 2};
    r->term = r->saved_term = disk->term;
    r->vote = r->saved_vote = disk->vote;
    r->leader = r->transfer_to = RAFT_NONE;
    if (disk->snapshot) {
        r->snapshot = raft_snapshot_ref(disk->snapshot);
        r->base = r->applied = disk->snapshot->index;
        r->base_term = disk->snapshot->term;
    }
    for (size_t i = 0; i < disk->count; i++)
        raft_log_append(r, raft_entry_ref(disk->entries[i]));
    r->commit = disk->commit > r->base ? disk->commit : r->base;
    if (r->commit > raft_last(r))
        r->commit = raft_last(r);
    /* What was found may have been written but not synced by an earlier incarnation: nothing is
     * promised before a sync has ended. */
    r->persisted = r->base;
    r->unsaved = raft_last(r) + 1;
    raft_progress_reset(r);
    draw_election_timeout(r);
    r->has_changed = true;
    e->apply_first = 1;
    begin_persist(r, e);
    flush(r, e);
    return r;
}

void raft_free(struct raft *r)
{
    if (!r)
        return;
    raft_log_reset(r, 0, 0);
    vec_release(&r->entries);
    raft_snapshot_unref(r->snapshot);
    raft_snapshot_unref(r->received);
    raft_snapshot_unref(r->persisting_snapshot);
    for (size_t i = 0; i < r->outbox.count; i++)
        message_unref(&r->outbox.items[i].message->message);
    for (size_t i = 0; i < r->held.count; i++)
        message_unref(&r->held.items[i]->message);
    vec_release(&r->outbox);
    vec_release(&r->held);
    vec_release(&r->reads);
    vec_release(&r->reads_done);
    for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++)
        vec_release(&r->members[i].in_flight);
    mem_free(r);
}

void raft_effects_clear(struct raft_effects *e)
{
    for (size_t i = 0; i < e->messages.count; i++)
        message_unref(e->messages.items[i] ? &e->messages.items[i]->message : NULL);
    raft_snapshot_unref(e->restore);
    e->messages.count = e->reads.count = 0;
    e->persist = e->has_changed = e->is_dropped = false;
    e->snapshot = e->restore = NULL;
    e->first = e->apply_first = 1;
    e->last = e->apply_last = 0;
    e->panic = NULL;
}

void raft_effects_release(struct raft_effects *e)
{
    raft_effects_clear(e);
    vec_release(&e->messages);
    vec_release(&e->reads);
}

void raft_step(struct raft *r, const struct raft_input *in, struct raft_effects *e)
{
    e->first = e->apply_first = 1;
    if (in->now.ns > r->now.ns)
        r->now = in->now;
    switch (in->kind) {
    case RAFT_INPUT_MESSAGE:
        handle_message(r, in->message);
        break;
    case RAFT_INPUT_DEADLINE:
        handle_deadline(r);
        break;
    case RAFT_INPUT_PROPOSE:
        handle_propose(r, in->payload);
        break;
    case RAFT_INPUT_PERSISTED:
        handle_persisted(r, e);
        break;
    case RAFT_INPUT_READ:
        raft_read(r, in->read_id, r->options.self);
        break;
    case RAFT_INPUT_TRANSFER:
        handle_transfer(r, in->member);
        break;
    case RAFT_INPUT_UNREACHABLE:
        raft_unreachable(r, in->member);
        break;
    }
    flush(r, e);
}

void raft_compact(struct raft *r, struct raft_snapshot *own_snapshot)
{
    CHECK(own_snapshot->index <= r->applied);
    raft_snapshot_unref(r->snapshot);
    r->snapshot = own_snapshot;
    if (own_snapshot->index > r->options.catch_up_entries)
        raft_log_drop_before(r, own_snapshot->index - r->options.catch_up_entries + 1);
}

/* ---- messages out ---- */

void raft_send_term_free(struct raft *r, struct raft_message *own_message)
{
    vec_push(&r->outbox, (struct outgoing){own_message, false});
}

void raft_send(struct raft *r, struct raft_message *own_message)
{
    if (own_message->term == 0)
        own_message->term = r->term;
    bool is_promise =
        own_message->kind == RAFT_APPEND_REPLY || own_message->kind == RAFT_VOTE_REPLY;
    vec_push(&r->outbox, (struct outgoing){own_message, is_promise});
}

struct raft_message *raft_answer(struct raft *r, enum raft_message_kind kind, uint32_t to)
{
    return raft_message_new(kind, r->options.self, to, 0);
}

/* ---- roles ---- */

static void reset(struct raft *r, uint64_t term)
{
    CHECK(term >= r->term);
    if (term != r->term) {
        r->term = term;
        r->vote = RAFT_NONE;
    }
    r->leader = r->transfer_to = RAFT_NONE;
    r->votes = r->rejections = 0;
    r->reads.count = 0;
    raft_progress_reset(r);
    draw_election_timeout(r);
    r->has_changed = true;
}

static void become_follower(struct raft *r, uint64_t term, uint32_t leader)
{
    reset(r, term);
    r->role = RAFT_FOLLOWER;
    r->leader = leader;
}

static void become_leader(struct raft *r)
{
    reset(r, r->term);
    r->role = RAFT_LEADER;
    r->leader = r->options.self;
    r->heartbeat_at = instant_add(r->now, r->options.heartbeat);
    r->quorum_check_at = instant_add(r->now, r->options.election);
    r->leader_contact = r->now;
    /* Thesis 6.4: a leader "commits a blank no-op entry at the beginning of its term". */
    raft_propose(r, NULL);
}

/* Thesis 9.6: "a candidate only increments its term if it first learns from a majority of the
 * cluster that they would be willing to grant the candidate their votes". */
static void campaign(struct raft *r, bool is_pre, bool force)
{
    uint64_t term = r->term + 1;
    if (is_pre) {
        r->role = RAFT_PRE_CANDIDATE;
        r->leader = RAFT_NONE;
        r->votes = r->rejections = 0;
        draw_election_timeout(r);
        r->has_changed = true;
    } else {
        reset(r, term);
        r->role = RAFT_CANDIDATE;
        r->vote = r->options.self;
    }
    for (uint32_t i = 0; i < r->options.member_count; i++) {
        if (i == r->options.self)
            continue;
        struct raft_message *m = raft_answer(r, is_pre ? RAFT_PRE_VOTE : RAFT_VOTE, i);
        m->term = term;
        m->index = raft_last(r);
        m->log_term = raft_log_term(r, m->index);
        m->force = force;
        raft_send(r, m);
    }
    /* A real vote for itself counts when it is on disk: handle_persisted. */
    if (is_pre || raft_has_bug(r, RAFT_BUG_VOTE_NOT_SAVED))
        count_vote(r, r->options.self, true);
}

static void count_vote(struct raft *r, uint32_t from, bool is_granted)
{
    if ((r->votes | r->rejections) >> from & 1)
        return;
    if (is_granted)
        r->votes |= 1u << from;
    else
        r->rejections |= 1u << from;
    if ((uint32_t)__builtin_popcount(r->votes) >= raft_quorum(r)) {
        if (r->role == RAFT_PRE_CANDIDATE)
            campaign(r, false, false);
        else
            become_leader(r);
    } else if ((uint32_t)__builtin_popcount(r->rejections) >= raft_quorum(r)) {
        become_follower(r, r->term, RAFT_NONE);
    }
}

/* ---- messages in ---- */

/* Thesis 4.2.3: "if a server receives a RequestVote request within the minimum election timeout of
 * hearing from a current leader, it does not update its term or grant its vote". */
static bool is_in_lease(const struct raft *r)
{
    if (r->role == RAFT_LEADER)
        return true;
    return r->leader != RAFT_NONE &&
           instant_before(r->now, instant_add(r->leader_contact, r->options.election));
}

static void handle_vote(struct raft *r, const struct raft_message *m)
{
    bool is_pre = m->kind == RAFT_PRE_VOTE;
    bool can_vote = r->vote == m->from || (r->vote == RAFT_NONE && r->leader == RAFT_NONE) ||
                    (is_pre && m->term > r->term);
    /* 5.4.1: "If the logs have last entries with different terms, then the log with the later term
     * is more up-to-date. If the logs end with the same term, then whichever log is longer is more
     * up-to-date." */
    uint64_t last = raft_last(r), last_term = raft_log_term(r, last);
    bool is_up_to_date = m->log_term > last_term || (m->log_term == last_term && m->index >= last);
    if (raft_has_bug(r, RAFT_BUG_VOTE_STALE_LOG))
        is_up_to_date = true;
    struct raft_message *answer =
        raft_answer(r, is_pre ? RAFT_PRE_VOTE_REPLY : RAFT_VOTE_REPLY, m->from);
    answer->reject = !can_vote || !is_up_to_date;
    answer->term = answer->reject ? r->term : m->term;
    if (!answer->reject && !is_pre) {
        r->vote = m->from;
        r->election_at = instant_add(r->now, r->election_timeout);
    }
    raft_send(r, answer);
}

/* False: the message goes no further. */
static bool settle_terms(struct raft *r, const struct raft_message *m)
{
    bool is_vote = m->kind == RAFT_VOTE || m->kind == RAFT_PRE_VOTE;
    bool is_of_leader =
        m->kind == RAFT_APPEND || m->kind == RAFT_HEARTBEAT || m->kind == RAFT_SNAPSHOT;
    if (m->term > r->term) {
        if (is_vote && !m->force && is_in_lease(r) && !raft_has_bug(r, RAFT_BUG_NO_PRE_VOTE))
            return false;
        bool is_future = m->kind == RAFT_PRE_VOTE || (m->kind == RAFT_PRE_VOTE_REPLY && !m->reject);
        if (!is_future)
            become_follower(r, m->term, is_of_leader ? m->from : RAFT_NONE);
        return true;
    }
    if (m->term < r->term) {
        /* An old leader learns of the newer term; so does a pre-candidate. */
        if (is_of_leader)
            raft_send(r, raft_answer(r, RAFT_APPEND_REPLY, m->from));
        else if (m->kind == RAFT_PRE_VOTE) {
            struct raft_message *answer = raft_answer(r, RAFT_PRE_VOTE_REPLY, m->from);
            answer->reject = true;
            raft_send(r, answer);
        }
        return false;
    }
    return true;
}

/* A message of this term's leader: hear it. False: two leaders in one term, which cannot be. */
static bool hear_leader(struct raft *r, const struct raft_message *m)
{
    if (r->role == RAFT_LEADER)
        return false;
    if (r->role != RAFT_FOLLOWER || r->leader != m->from)
        become_follower(r, m->term, m->from);
    r->leader_contact = r->now;
    r->election_at = instant_add(r->now, r->election_timeout);
    return true;
}

static void handle_to_leader(struct raft *r, const struct raft_message *m)
{
    if (m->kind == RAFT_PROPOSE) {
        handle_propose(r, m->payload);
        r->is_dropped = false; /* the member that forwarded it finds out by time */
    } else {
        raft_read(r, m->context, m->from);
    }
}

static void handle_message(struct raft *r, const struct raft_message *m)
{
    CHECK(m->to == r->options.self && m->from < r->options.member_count && m->from != m->to);
    if (m->kind == RAFT_PROPOSE || m->kind == RAFT_READ) {
        if (r->role == RAFT_LEADER)
            handle_to_leader(r, m);
        return;
    }
    if (!settle_terms(r, m))
        return;
    switch (m->kind) {
    case RAFT_VOTE:
    case RAFT_PRE_VOTE:
        handle_vote(r, m);
        break;
    case RAFT_VOTE_REPLY:
        if (r->role == RAFT_CANDIDATE)
            count_vote(r, m->from, !m->reject);
        break;
    case RAFT_PRE_VOTE_REPLY:
        if (r->role == RAFT_PRE_CANDIDATE)
            count_vote(r, m->from, !m->reject);
        break;
    case RAFT_APPEND:
        if (hear_leader(r, m))
            raft_handle_append(r, m);
        break;
    case RAFT_HEARTBEAT:
        if (hear_leader(r, m))
            raft_handle_heartbeat(r, m);
        break;
    case RAFT_SNAPSHOT:
        if (hear_leader(r, m))
            raft_handle_snapshot(r, m);
        break;
    case RAFT_APPEND_REPLY:
        if (r->role == RAFT_LEADER)
            raft_handle_append_reply(r, m);
        break;
    case RAFT_HEARTBEAT_REPLY:
        if (r->role == RAFT_LEADER)
            raft_handle_heartbeat_reply(r, m);
        break;
    case RAFT_READ_REPLY:
        if (r->role == RAFT_FOLLOWER)
            vec_push(&r->reads_done, (struct raft_read){m->context, m->index});
        break;
    case RAFT_TIMEOUT_NOW:
        if (r->role == RAFT_FOLLOWER)
            campaign(r, false, true);
        break;
    case RAFT_PROPOSE:
    case RAFT_READ:
    case RAFT_MESSAGE_KIND_COUNT:
        break;
    }
}

static void handle_propose(struct raft *r, struct message *payload)
{
    if (r->role == RAFT_LEADER && r->transfer_to == RAFT_NONE) {
        raft_propose(r, payload);
    } else if (r->role == RAFT_FOLLOWER && r->leader != RAFT_NONE) {
        struct raft_message *m = raft_answer(r, RAFT_PROPOSE, r->leader);
        m->payload = message_ref(payload);
        m->message.size_bytes += payload->size_bytes;
        raft_send_term_free(r, m);
    } else {
        r->is_dropped = true;
    }
}

static void handle_transfer(struct raft *r, uint32_t to)
{
    if (r->role != RAFT_LEADER || to == r->options.self || to >= r->options.member_count)
        return;
    r->transfer_to = to;
    r->quorum_check_at = instant_add(r->now, r->options.election);
    if (r->members[to].match == raft_last(r))
        raft_send(r, raft_answer(r, RAFT_TIMEOUT_NOW, to));
    else
        r->members[to].must_send = true;
}

/* ---- deadlines ---- */

static void check_quorum(struct raft *r)
{
    uint32_t active = 1;
    for (uint32_t i = 0; i < r->options.member_count; i++) {
        if (i != r->options.self && r->members[i].is_active)
            active++;
        r->members[i].is_active = false;
    }
    r->transfer_to = RAFT_NONE; /* not done within an election timeout: given up */
    r->quorum_check_at = instant_add(r->now, r->options.election);
    if (active < raft_quorum(r))
        become_follower(r, r->term, RAFT_NONE);
    else
        r->leader_contact = r->now;
}

static void handle_deadline(struct raft *r)
{
    if (r->role != RAFT_LEADER) {
        if (!instant_before(r->now, r->election_at))
            campaign(r, !raft_has_bug(r, RAFT_BUG_NO_PRE_VOTE), false);
        return;
    }
    if (!instant_before(r->now, r->quorum_check_at))
        check_quorum(r);
    if (r->role == RAFT_LEADER && !instant_before(r->now, r->heartbeat_at)) {
        raft_send_heartbeats(r);
        r->heartbeat_at = instant_add(r->now, r->options.heartbeat);
    }
}

/* ---- the disk ---- */

static void handle_persisted(struct raft *r, struct raft_effects *e)
{
    CHECK(r->is_persisting);
    r->is_persisting = false;
    r->saved_term = r->persisting_term;
    r->saved_vote = r->persisting_vote;
    if (r->persisting_last > r->persisted)
        r->persisted = r->persisting_last;
    for (size_t i = 0; i < r->held.count; i++)
        vec_push(&e->messages, r->held.items[i]);
    r->held.count = 0;
    e->restore = r->persisting_snapshot;
    r->persisting_snapshot = NULL;
    if (r->role == RAFT_CANDIDATE && r->saved_term == r->term && r->saved_vote == r->options.self)
        count_vote(r, r->options.self, true);
    if (r->role == RAFT_LEADER)
        (void)raft_commit_advance(r);
}

static bool has_unsaved(const struct raft *r)
{
    bool has_vote = r->term != r->saved_term || r->vote != r->saved_vote;
    if (raft_has_bug(r, RAFT_BUG_VOTE_NOT_SAVED))
        has_vote = false;
    return has_vote || r->unsaved <= raft_last(r) || r->received;
}

static void begin_persist(struct raft *r, struct raft_effects *e)
{
    r->is_persisting = true;
    r->persisting_term = raft_has_bug(r, RAFT_BUG_VOTE_NOT_SAVED) ? r->saved_term : r->term;
    r->persisting_vote = raft_has_bug(r, RAFT_BUG_VOTE_NOT_SAVED) ? r->saved_vote : r->vote;
    r->persisting_last = raft_last(r);
    r->persisting_snapshot = r->received;
    r->received = NULL;
    e->persist = true;
    e->term = r->persisting_term;
    e->vote = r->persisting_vote;
    e->commit = r->commit;
    e->first = r->unsaved;
    e->last = raft_last(r);
    e->snapshot = r->persisting_snapshot;
    r->unsaved = raft_last(r) + 1;
}

static void flush_messages(struct raft *r, struct raft_effects *e)
{
    bool is_leading = r->role == RAFT_LEADER;
    for (size_t i = 0; i < r->outbox.count; i++) {
        struct outgoing *o = &r->outbox.items[i];
        bool must_wait = e->persist && (!is_leading || o->is_promise);
        if (raft_has_bug(r, RAFT_BUG_ACK_UNSAVED))
            must_wait = false;
        if (must_wait)
            vec_push(&r->held, o->message);
        else
            vec_push(&e->messages, o->message);
    }
    r->outbox.count = 0;
}

static void flush(struct raft *r, struct raft_effects *e)
{
    if (!r->is_persisting) {
        if (r->role == RAFT_LEADER) {
            if (raft_has_bug(r, RAFT_BUG_COUNT_UNSAVED))
                (void)raft_commit_advance(r);
            raft_send_appends(r);
        }
        uint64_t ready = r->commit < r->persisted ? r->commit : r->persisted;
        if (raft_has_bug(r, RAFT_BUG_COUNT_UNSAVED))
            ready = r->commit;
        if (!r->received && ready > r->applied) {
            e->apply_first = r->applied + 1;
            e->apply_last = r->applied = ready;
        }
        if (has_unsaved(r))
            begin_persist(r, e);
        flush_messages(r, e);
    }
    for (size_t i = 0; i < r->reads_done.count; i++)
        vec_push(&e->reads, r->reads_done.items[i]);
    r->reads_done.count = 0;
    e->has_changed |= r->has_changed;
    e->is_dropped |= r->is_dropped;
    r->has_changed = r->is_dropped = false;
    e->panic = r->panic;
    e->deadline = r->election_at;
    if (r->role == RAFT_LEADER)
        e->deadline = instant_before(r->heartbeat_at, r->quorum_check_at) ? r->heartbeat_at
                                                                          : r->quorum_check_at;
}

/* ---- looking ---- */

enum raft_role raft_role(const struct raft *r)
{
    return r->role;
}

uint64_t raft_term(const struct raft *r)
{
    return r->term;
}

bool raft_is_saving(const struct raft *r)
{
    return r->is_persisting;
}

void raft_saved_vote(const struct raft *r, uint64_t *ret_term, uint32_t *ret_vote)
{
    *ret_term = r->is_persisting ? r->persisting_term : r->saved_term;
    *ret_vote = r->is_persisting ? r->persisting_vote : r->saved_vote;
}

uint32_t raft_leader(const struct raft *r)
{
    return r->leader;
}

uint64_t raft_commit(const struct raft *r)
{
    return r->commit;
}

uint64_t raft_applied(const struct raft *r)
{
    return r->applied;
}

uint32_t raft_successor(const struct raft *r)
{
    uint32_t best = r->options.self == 0 && r->options.member_count > 1 ? 1 : 0;
    for (uint32_t i = 0; i < r->options.member_count; i++)
        if (i != r->options.self && r->members[i].match > r->members[best].match)
            best = i;
    return best;
}

void raft_check(const struct raft *r)
{
    uint64_t last = raft_last(r);
    CHECK(r->base <= r->applied && r->applied <= r->commit && r->commit <= last);
    CHECK(r->persisted <= last && r->persisted < r->unsaved && r->unsaved <= last + 1);
    CHECK(r->saved_term <= r->term);
    CHECK(r->role != RAFT_LEADER || (r->leader == r->options.self && r->term > 0));
    CHECK(r->role != RAFT_CANDIDATE || r->vote == r->options.self);
    CHECK(!r->received || r->role != RAFT_LEADER);
    CHECK(r->is_persisting || r->held.count == 0);
    if (r->role != RAFT_LEADER)
        return;
    for (uint32_t i = 0; i < r->options.member_count; i++) {
        const struct progress *p = &r->members[i];
        CHECK(i == r->options.self || (p->match < p->next && p->next <= last + 1));
    }
}
