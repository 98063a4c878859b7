/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold in the little world of Raft members, looked at after every event. By the numbers
 * of the catalogue of invariants: I1 election safety, I2 leader append-only, I3 log matching, I4
 * leader completeness, I5 state machine safety, I6 durability of what was acknowledged, I7 term,
 * vote and commit monotone across restarts, I8 freshness of ReadIndex, I11 no inflation of terms by
 * a member that is cut off. Log matching is checked by induction: for each (index, term) ever seen,
 * the payload and the term of the entry before must always be the same.
 */
#include "sim/base/base.h"
#include "tests/swarm/raft_world_internal.h"

#include "sim/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void world_fail(struct world *w, const char *format, ...)
{
    if (w->result->has_failed)
        return;
    w->result->has_failed = true;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(w->result->failure, sizeof(w->result->failure), format, arguments);
    va_end(arguments);
}

uint64_t number_of(const struct message *m)
{
    return m ? ((const struct number *)(const void *)m)->n : 0;
}

/* ---- checkers ---- */

static void check_entry(struct world *w, uint32_t who, const struct raft_entry *e,
                        uint64_t previous_term)
{
    if (e->index >= w->fact_count) {
        w->facts = mem_reallocate(w->facts, w->fact_count, e->index * 2 + 64, sizeof(*w->facts));
        w->fact_count = (size_t)(e->index * 2 + 64);
    }
    uint64_t payload = number_of(e->payload);
    for (size_t i = 0; i < w->facts[e->index].count; i++) {
        const struct log_fact *f = &w->facts[e->index].items[i];
        if (f->term != e->term)
            continue;
        if (f->payload != payload || f->previous_term != previous_term)
            world_fail(w,
                       "I3 log matching: member %u has another entry %" PRIu64 " of term %" PRIu64,
                       who, e->index, e->term);
        return;
    }
    vec_push(&w->facts[e->index], (struct log_fact){e->term, payload, previous_term});
}

/* Follows the changes of a member's log since the last look. */
static void check_log(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    const struct raft *r = m->raft;
    uint64_t last = raft_last(r), first = raft_first(r);
    uint64_t same = last;
    while (same >= first) {
        if (same > m->shadow_base && same <= m->shadow_base + m->shadow.count &&
            m->shadow.items[same - m->shadow_base - 1] == raft_entry(r, same))
            break;
        same--;
    }
    while (m->shadow.count > 0 && m->shadow_base + m->shadow.count > same)
        raft_entry_unref(vec_pop(&m->shadow));
    if (m->shadow.count == 0)
        m->shadow_base = same;
    for (uint64_t i = same + 1; i <= last; i++) {
        struct raft_entry *e = raft_entry(r, i);
        uint64_t previous_term = 0;
        if (raft_has_term(r, i - 1, &previous_term))
            check_entry(w, who, e, previous_term);
        vec_push(&m->shadow, raft_entry_ref(e));
    }
}

static void check_leader(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    const struct raft *r = m->raft;
    uint64_t term = raft_term(r);
    bool is_new = m->last_role != RAFT_LEADER || m->last_role_term != term;
    if (term < TERMS_MAX) {
        if (w->leader_of[term] != RAFT_NONE && w->leader_of[term] != who)
            world_fail(w, "I1 election safety: members %u and %u lead in term %" PRIu64,
                       w->leader_of[term], who, term);
        w->leader_of[term] = who;
    }
    if (!is_new && (raft_last(r) < m->last_role_end))
        world_fail(w, "I2 leader append-only: member %u shortened its log in term %" PRIu64, who,
                   term);
    m->last_role_end = raft_last(r);
    if (!is_new)
        return;
    w->result->elections++;
    if (w->is_churn && !w->is_calm && random_below(&w->fault_random, 4) > 0) {
        int64_t later = (int64_t)random_below(&w->fault_random, w->delay_us * 5 + 1) * 1000;
        world_push(w, (struct event){.at = w->now + later,
                                     .kind = EVENT_FALL,
                                     .member = who,
                                     .incarnation = m->incarnation});
    }
    for (size_t i = 0; i < w->committed.count; i++) {
        uint64_t at = 0;
        if (w->committed.items[i].known_in >= term)
            continue;
        bool is_known = raft_has_term(r, i + 1, &at);
        if (i + 1 > raft_last(r) ||
            (is_known && i + 1 >= raft_first(r) && at != w->committed.items[i].term)) {
            world_fail(w,
                       "I4 leader completeness: leader %u of term %" PRIu64
                       " lacks committed entry %zu",
                       who, term, i + 1);
            return;
        }
    }
}

void check_member(struct world *w, uint32_t who)
{
    struct member *m = &w->members[who];
    if (!m->raft)
        return;
    raft_check(m->raft);
    check_log(w, who);
    if (raft_role(m->raft) == RAFT_LEADER)
        check_leader(w, who);
    m->last_role = raft_role(m->raft);
    m->last_role_term = raft_term(m->raft);
    if (raft_commit(m->raft) < m->last_commit)
        world_fail(w, "I7 monotone: member %u took its commit index back", who);
    uint64_t commit_term = 0;
    bool is_leading = raft_role(m->raft) == RAFT_LEADER && m->last_lead == raft_term(m->raft);
    if (is_leading && raft_commit(m->raft) > m->last_commit &&
        raft_has_term(m->raft, raft_commit(m->raft), &commit_term) &&
        commit_term != raft_term(m->raft))
        world_fail(w, "5.4.2: leader %u of term %" PRIu64 " commits an entry of term %" PRIu64, who,
                   raft_term(m->raft), commit_term);
    m->last_lead = raft_role(m->raft) == RAFT_LEADER ? raft_term(m->raft) : 0;
    m->last_commit = raft_commit(m->raft);
    if (m->is_cut_off && raft_term(m->raft) != m->cut_off_term)
        world_fail(w,
                   "I11 term inflation: member %u is cut off and went from term %" PRIu64
                   " to %" PRIu64,
                   who, m->cut_off_term, raft_term(m->raft));
}

void check_sent(struct world *w, uint32_t who, const struct raft_message *x)
{
    struct member *m = &w->members[who];
    if (x->kind == RAFT_PROPOSE || x->kind == RAFT_READ || x->kind == RAFT_PRE_VOTE ||
        x->kind == RAFT_PRE_VOTE_REPLY)
        return;
    if (x->term > m->max_term)
        m->max_term = x->term;
    bool is_vote = (x->kind == RAFT_VOTE_REPLY && !x->reject) || x->kind == RAFT_VOTE;
    if (!is_vote || x->term >= TERMS_MAX)
        return;
    uint32_t candidate = x->kind == RAFT_VOTE ? who : x->to;
    uint32_t *vote = &w->vote_of[who][x->term];
    if (*vote != RAFT_NONE && *vote != candidate)
        world_fail(w, "I7 one vote a term: member %u voted for %u and %u in term %" PRIu64, who,
                   *vote, candidate, x->term);
    *vote = candidate;
}

void check_applied(struct world *w, uint32_t who, const struct raft_entry *e)
{
    struct member *m = &w->members[who];
    CHECK(e->index == m->applied + 1);
    m->applied = e->index;
    m->chain = hash_pair(m->chain, number_of(e->payload));
    if (e->index == w->committed.count + 1) {
        vec_push(&w->committed, (struct chain_fact){e->term, m->chain, raft_term(m->raft)});
        w->result->commits++;
    } else if (w->committed.items[e->index - 1].chain != m->chain ||
               w->committed.items[e->index - 1].term != e->term) {
        world_fail(w, "I5 state machine safety: member %u applied another entry %" PRIu64, who,
                   e->index);
    }
    if (e->index > w->acknowledged)
        w->acknowledged = e->index;
}

void check_read(struct world *w, const struct raft_read *read)
{
    for (size_t i = 0; i < w->reads.count; i++) {
        struct read_fact *f = &w->reads.items[i];
        if (f->id != read->id || f->is_done)
            continue;
        f->is_done = true;
        w->result->reads++;
        if (read->index < f->at_least)
            world_fail(w,
                       "I8 freshness: a read may see %" PRIu64 " though %" PRIu64
                       " was acknowledged before it",
                       read->index, f->at_least);
    }
}

void check_restored(struct world *w, uint32_t who)
{
    const struct member *m = &w->members[who];
    if (m->applied <= w->committed.count && w->committed.items[m->applied - 1].chain != m->chain)
        world_fail(w, "I5 state machine safety: snapshot %" PRIu64 " of member %u differs",
                   m->applied, who);
}
