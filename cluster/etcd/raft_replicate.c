/* SPDX-License-Identifier: Apache-2.0
 *
 * Raft: how entries reach the other members, how they are committed, and ReadIndex.
 *
 * A leader knows of each member: `match`, the highest entry on its disk, and `next`, what to send.
 * It probes with one append at a time until the logs agree, then replicates with many in flight,
 * and sends a snapshot to a member that wants entries which are gone. Appends are made when effects
 * leave, so what came in meanwhile travels in one message.
 *
 * "If there exists an N such that N > commitIndex, a majority of matchIndex[i] >= N, and
 * log[N].term == currentTerm: set commitIndex = N" (figure 2). A leader's own entries count once
 * they are on its disk.
 *
 * Reads (thesis 6.4): the leader notes its commit index once it has committed an entry of its term,
 * "issues a new round of heartbeats and waits for their acknowledgments from a majority", then the
 * index may be read as soon as it is applied.
 */
#include "sim/base/base.h"
#include "cluster/etcd/raft_internal.h"

#include "sim/base/mem.h"

static void release_reads(struct raft *r);

void raft_progress_reset(struct raft *r)
{
    for (uint32_t i = 0; i < r->options.member_count; i++) {
        struct progress *p = &r->members[i];
        p->match = p->sent_commit = p->snapshot_index = 0;
        p->next = raft_last(r) + 1;
        p->state = PROGRESS_PROBE;
        p->is_paused = p->must_send = p->is_active = false;
        p->in_flight.count = 0;
    }
}

void raft_propose(struct raft *r, struct message *payload)
{
    CHECK(r->role == RAFT_LEADER);
    raft_log_append(r, raft_entry_new(raft_last(r) + 1, r->term, payload));
}

/* ---- commit ---- */

static uint64_t quorum_match(const struct raft *r)
{
    uint64_t sorted[RAFT_MEMBERS_MAX];
    uint32_t n = r->options.member_count;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t match = r->members[i].match;
        if (i == r->options.self)
            match = raft_has_bug(r, RAFT_BUG_COUNT_UNSAVED) ? raft_last(r) : r->persisted;
        uint32_t k = i;
        for (; k > 0 && sorted[k - 1] < match; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = match;
    }
    return sorted[raft_quorum(r) - 1];
}

bool raft_commit_advance(struct raft *r)
{
    uint64_t index = quorum_match(r);
    if (index <= r->commit)
        return false;
    /* 5.4.2: an older entry that a majority has may still be overwritten; it commits with one of
     * this term. */
    if (raft_log_term(r, index) != r->term && !raft_has_bug(r, RAFT_BUG_COMMIT_OLD_TERM))
        return false;
    r->commit = index;
    release_reads(r);
    return true;
}

/* ---- leader: sending ---- */

static bool send_snapshot(struct raft *r, uint32_t to)
{
    struct progress *p = &r->members[to];
    if (!p->is_active || !r->snapshot)
        return false;
    struct raft_message *m = raft_answer(r, RAFT_SNAPSHOT, to);
    m->snapshot = raft_snapshot_ref(r->snapshot);
    m->message.size_bytes += r->snapshot->size_bytes;
    p->state = PROGRESS_SNAPSHOT;
    p->snapshot_index = r->snapshot->index;
    p->in_flight.count = 0;
    raft_send(r, m);
    return true;
}

/* How many entries from `next` on fit into one append. */
static uint32_t entries_that_fit(const struct raft *r, uint64_t next)
{
    uint64_t bytes = 0;
    uint32_t count = 0;
    for (uint64_t i = next; i <= raft_last(r); i++) {
        bytes += raft_entry(r, i)->size_bytes;
        if (count > 0 && bytes > r->options.message_bytes_max)
            break;
        count++;
    }
    return count;
}

static void send_append(struct raft *r, uint32_t to, uint32_t count)
{
    struct progress *p = &r->members[to];
    struct raft_message *m = raft_message_new(RAFT_APPEND, r->options.self, to, count);
    m->index = p->next - 1;
    m->log_term = raft_log_term(r, m->index);
    m->commit = p->sent_commit = r->commit;
    for (uint32_t i = 0; i < count; i++) {
        m->entries[i] = raft_entry_ref(raft_entry(r, p->next + i));
        m->message.size_bytes += m->entries[i]->size_bytes;
    }
    m->count = count;
    if (p->state == PROGRESS_PROBE) {
        p->is_paused = true;
    } else if (count > 0) {
        p->next += count;
        vec_push(&p->in_flight, p->next - 1);
    }
    p->must_send = false;
    raft_send(r, m);
}

static void send_appends_to(struct raft *r, uint32_t to)
{
    struct progress *p = &r->members[to];
    for (;;) {
        bool is_full =
            p->state == PROGRESS_REPLICATE && p->in_flight.count >= r->options.in_flight_max;
        if (p->state == PROGRESS_SNAPSHOT || (p->state == PROGRESS_PROBE && p->is_paused))
            return;
        if (p->next <= r->base) {
            (void)send_snapshot(r, to); /* a member that is silent gets none until it speaks */
            return;
        }
        uint32_t count = is_full ? 0 : entries_that_fit(r, p->next);
        if (count == 0 && !p->must_send && (is_full || r->commit <= p->sent_commit))
            return;
        send_append(r, to, count);
        if (p->state == PROGRESS_PROBE || count == 0)
            return;
    }
}

void raft_send_appends(struct raft *r)
{
    for (uint32_t i = 0; i < r->options.member_count; i++)
        if (i != r->options.self)
            send_appends_to(r, i);
}

void raft_send_heartbeats(struct raft *r)
{
    for (uint32_t i = 0; i < r->options.member_count; i++) {
        if (i == r->options.self)
            continue;
        struct raft_message *m = raft_answer(r, RAFT_HEARTBEAT, i);
        /* Not beyond what the member is known to have: its log may disagree behind that. */
        m->commit = r->members[i].match < r->commit ? r->members[i].match : r->commit;
        m->context = r->read_sequence;
        raft_send(r, m);
    }
}

/* ---- leader: answers ---- */

static void become_probe(struct progress *p)
{
    if (p->state == PROGRESS_SNAPSHOT && p->snapshot_index > p->match)
        p->next = p->match + 1 > p->snapshot_index + 1 ? p->match + 1 : p->snapshot_index + 1;
    else
        p->next = p->match + 1;
    p->state = PROGRESS_PROBE;
    p->is_paused = false;
    p->in_flight.count = 0;
}

static void handle_rejection(struct raft *r, struct progress *p, const struct raft_message *m)
{
    uint64_t agreed = m->hint;
    if (m->log_term > 0)
        agreed = raft_log_find(r, m->hint, m->log_term);
    if (p->state == PROGRESS_REPLICATE) {
        if (m->index <= p->match)
            return; /* an old answer */
        become_probe(p);
    } else if (p->state == PROGRESS_PROBE) {
        if (p->next - 1 != m->index)
            return;
        uint64_t next = m->index < agreed + 1 ? m->index : agreed + 1;
        if (next <= p->match)
            return; /* it denies what it has acknowledged: no storm of questions */
        p->next = next;
        p->is_paused = false;
    } else {
        return;
    }
    p->must_send = true;
}

static void free_in_flight(struct progress *p, uint64_t up_to)
{
    size_t done = 0;
    while (done < p->in_flight.count && p->in_flight.items[done] <= up_to)
        done++;
    if (done == 0)
        return;
    p->in_flight.count -= done;
    memmove(p->in_flight.items, p->in_flight.items + done, p->in_flight.count * sizeof(uint64_t));
}

void raft_handle_append_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = &r->members[m->from];
    p->is_active = true;
    if (m->reject) {
        handle_rejection(r, p, m);
        return;
    }
    if (m->index > p->match) {
        p->match = m->index;
        if (p->next <= p->match)
            p->next = p->match + 1;
        if (p->state == PROGRESS_PROBE) {
            p->state = PROGRESS_REPLICATE;
            p->is_paused = false;
        } else if (p->state == PROGRESS_SNAPSHOT && p->match >= p->snapshot_index) {
            p->state = PROGRESS_REPLICATE;
        } else if (p->state == PROGRESS_REPLICATE) {
            free_in_flight(p, p->match);
        }
        (void)raft_commit_advance(r);
    } else if (p->state == PROGRESS_PROBE) {
        p->state = PROGRESS_REPLICATE;
        p->is_paused = false;
        p->next = p->match + 1;
    }
    if (m->from == r->transfer_to && p->match == raft_last(r))
        raft_send(r, raft_answer(r, RAFT_TIMEOUT_NOW, m->from));
}

void raft_handle_heartbeat_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = &r->members[m->from];
    p->is_active = true;
    p->is_paused = false;
    /* The snapshot has arrived, though the answer to it was lost: find out by probing. (etcd's
     * transport reports it.) */
    if (p->state == PROGRESS_SNAPSHOT && m->index >= p->snapshot_index)
        become_probe(p);
    if (p->match < raft_last(r) || p->state == PROGRESS_PROBE)
        p->must_send = true;
    for (size_t i = 0; i < r->reads.count; i++) {
        struct pending_read *read = &r->reads.items[i];
        if (read->sequence != 0 && read->sequence <= m->context)
            read->acks |= 1u << m->from;
    }
    release_reads(r);
}

void raft_unreachable(struct raft *r, uint32_t member)
{
    if (r->role != RAFT_LEADER || member == r->options.self)
        return;
    struct progress *p = &r->members[member];
    bool was_snapshot = p->state == PROGRESS_SNAPSHOT;
    if (was_snapshot)
        p->snapshot_index = 0; /* it was not received: begin where the member was */
    if (p->state != PROGRESS_PROBE)
        become_probe(p);
    p->is_paused |= was_snapshot; /* but only when the member is heard again */
}

/* ---- followers ---- */

static void commit_to(struct raft *r, uint64_t commit)
{
    if (commit > raft_last(r)) {
        r->panic =
            "the leader has committed entries that this member has acknowledged and does not have";
        return;
    }
    if (commit > r->commit)
        r->commit = commit;
}

/* "If an existing entry conflicts with a new one (same index but different terms), delete the
 * existing entry and all that follow it. Append any new entries not already in the log." */
static void take_entries(struct raft *r, const struct raft_message *m)
{
    if (raft_has_bug(r, RAFT_BUG_TRUNCATE_ALWAYS) && m->index + 1 > r->commit &&
        m->index < raft_last(r))
        raft_log_truncate(r, m->index + 1);
    for (uint32_t i = 0; i < m->count; i++) {
        struct raft_entry *entry = m->entries[i];
        if (entry->index <= raft_last(r)) {
            if (entry->index <= r->base || raft_log_term(r, entry->index) == entry->term)
                continue;
            if (entry->index <= r->commit) {
                r->panic = "the leader contradicts an entry that this member knows as committed";
                return;
            }
            raft_log_truncate(r, entry->index);
        }
        raft_log_append(r, raft_entry_ref(entry));
    }
}

void raft_handle_append(struct raft *r, const struct raft_message *m)
{
    struct raft_message *answer = raft_answer(r, RAFT_APPEND_REPLY, m->from);
    uint64_t term;
    if (m->index < r->commit && !raft_has_bug(r, RAFT_BUG_APPEND_UNCHECKED)) {
        answer->index = r->commit;
    } else if (m->index <= raft_last(r) && raft_has_term(r, m->index, &term) &&
               (term == m->log_term || raft_has_bug(r, RAFT_BUG_APPEND_UNCHECKED))) {
        take_entries(r, m);
        uint64_t last_new = m->index + m->count;
        if (!r->panic)
            commit_to(r, m->commit < last_new ? m->commit : last_new);
        answer->index = last_new;
    } else {
        /* "Reply false if log doesn't contain an entry at prevLogIndex whose term matches
         * prevLogTerm", with the place where the logs may agree (5.3: "the follower can include the
         * term of the conflicting entry"). */
        answer->reject = true;
        answer->index = m->index;
        answer->hint = raft_log_find(r, m->index, m->log_term);
        answer->log_term = raft_log_term(r, answer->hint);
    }
    raft_send(r, answer);
}

void raft_handle_heartbeat(struct raft *r, const struct raft_message *m)
{
    commit_to(r, m->commit);
    struct raft_message *answer = raft_answer(r, RAFT_HEARTBEAT_REPLY, m->from);
    answer->context = m->context;
    answer->index = r->commit;
    raft_send(r, answer);
}

void raft_handle_snapshot(struct raft *r, const struct raft_message *m)
{
    struct raft_snapshot *s = m->snapshot;
    struct raft_message *answer = raft_answer(r, RAFT_APPEND_REPLY, m->from);
    uint64_t term;
    if (s->index > r->commit && raft_has_term(r, s->index, &term) && term == s->term) {
        r->commit = s->index; /* all of it is here already */
    } else if (s->index > r->commit) {
        raft_log_reset(r, s->index, s->term);
        r->commit = r->applied = r->persisted = s->index;
        r->unsaved = s->index + 1;
        r->persisting_last = 0;
        raft_snapshot_unref(r->received);
        r->received = raft_snapshot_ref(s);
        raft_snapshot_unref(r->snapshot);
        r->snapshot = raft_snapshot_ref(s);
    }
    answer->index = r->commit;
    raft_send(r, answer);
}

/* ---- reads ---- */

static bool is_term_committed(const struct raft *r)
{
    return raft_log_term(r, r->commit) == r->term || raft_has_bug(r, RAFT_BUG_READ_EARLY);
}

void raft_read(struct raft *r, uint64_t id, uint32_t from)
{
    if (r->role != RAFT_LEADER) {
        if (r->leader == RAFT_NONE || r->role != RAFT_FOLLOWER)
            return; /* the reader asks again */
        struct raft_message *m = raft_answer(r, RAFT_READ, r->leader);
        m->context = id;
        raft_send_term_free(r, m);
        return;
    }
    vec_push(&r->reads,
             (struct pending_read){.id = id, .from = from, .acks = 1u << r->options.self});
    release_reads(r);
}

static void start_read(struct raft *r, struct pending_read *read)
{
    read->index = r->commit;
    read->sequence = ++r->read_sequence;
    if (r->options.member_count > 1)
        raft_send_heartbeats(r);
}

static void finish_read(struct raft *r, const struct pending_read *read)
{
    if (read->from == r->options.self) {
        vec_push(&r->reads_done, (struct raft_read){read->id, read->index});
        return;
    }
    struct raft_message *m = raft_answer(r, RAFT_READ_REPLY, read->from);
    m->context = read->id;
    m->index = read->index;
    raft_send(r, m);
}

/* Starts those that waited for a commit of this term; answers those that a quorum has confirmed, in
 * order. */
static void release_reads(struct raft *r)
{
    if (r->reads.count == 0 || !is_term_committed(r))
        return;
    for (size_t i = 0; i < r->reads.count; i++)
        if (r->reads.items[i].sequence == 0)
            start_read(r, &r->reads.items[i]);
    size_t done = 0;
    for (; done < r->reads.count; done++) {
        const struct pending_read *read = &r->reads.items[done];
        if ((uint32_t)__builtin_popcount(read->acks) < raft_quorum(r) &&
            !raft_has_bug(r, RAFT_BUG_READ_ALONE))
            break;
        finish_read(r, read);
    }
    if (done == 0)
        return;
    r->reads.count -= done;
    memmove(r->reads.items, r->reads.items + done, r->reads.count * sizeof(*r->reads.items));
}
