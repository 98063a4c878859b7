/* SPDX-License-Identifier: Apache-2.0
 *
 * The safety properties of Raft by their names in the paper, judged from the members' ghost state.
 *
 * They are looked at after each event that has committed something, and compare what is there with
 * what was there at the last look: a leader that comes and goes without a commit in between is seen
 * by the swarm of tests/swarm/raft_swarm.c, which looks after every event of a smaller world. Of
 * logs the last WINDOW entries are remembered, so a look costs as much as has been added.
 *
 * A disk that loses what it said was synced takes every promise away; from then on nothing is
 * judged here.
 *
 * Source: D. Ongaro, J. Ousterhout, "In Search of an Understandable Consensus Algorithm", figure 3.
 */
#include "sim/base/base.h"

#include "cluster/etcd/etcd.h"
#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"
#include "sim/base/mem.h"

#define WINDOW 4096
#define TERMS_MAX 4096
#define NOBODY UINT32_MAX

struct look { /* at one member */
    const struct etcd_member *member;
    uint32_t incarnation;
    struct etcd_raft_state raft;
};

static size_t members(const struct run *r)
{
    return r->has_lying_disk ? 0 : cluster_component_count(r->cluster, COMPONENT_ETCD);
}

static bool look_at(const struct run *r, size_t i, struct look *l)
{
    l->member = member_of(r, i);
    if (!l->member)
        return false;
    l->incarnation =
        sim_process_incarnation(r->sim, cluster_component(r->cluster, COMPONENT_ETCD, i));
    etcd_member_raft(l->member, &l->raft);
    return l->raft.first > 0; /* else it is about to end */
}

static uint64_t term_at(const struct etcd_member *m, uint64_t index)
{
    uint64_t term = 0, identity;
    return etcd_member_entry(m, index, &term, &identity) ? term : 0;
}

/* ---- I1 ---- */

struct elections {
    uint8_t leader_of[TERMS_MAX]; /* by term; member + 1 */
};

static void *elections_new(struct run *r)
{
    (void)r;
    return mem_new(struct elections);
}

static void elections_looked(struct verdict *v, void *memory)
{
    struct elections *e = memory;
    struct look l;
    for (size_t i = 0; i < members(v->run); i++) {
        if (!look_at(v->run, i, &l) || !l.raft.is_leader || l.raft.term >= TERMS_MAX)
            continue;
        uint8_t *leader = &e->leader_of[l.raft.term];
        (*v->checked)++;
        if (*leader && *leader != i + 1)
            text_printf(v->violation, "etcd-%d and etcd-%zu both lead in term %" PRIu64,
                        *leader - 1, i, l.raft.term);
        *leader = (uint8_t)(i + 1);
    }
}

const struct invariant invariant_election_safety = {
    .id = "I1",
    .name = "election-safety",
    .help = "at most one member leads in a term",
    .looked = elections_looked,
    .memory_new = elections_new,
    .memory_free = mem_free,
};

/* ---- I2 ---- */

struct tails {
    struct tail {
        uint32_t incarnation;
        uint64_t term; /* in which it led; 0: it did not */
        uint64_t last, last_term;
    } of[CLUSTER_MEMBERS_MAX];
};

static void *tails_new(struct run *r)
{
    (void)r;
    return mem_new(struct tails);
}

static void tails_looked(struct verdict *v, void *memory)
{
    struct tails *tails = memory;
    struct look l;
    for (size_t i = 0; i < members(v->run); i++) {
        struct tail *t = &tails->of[i];
        if (!look_at(v->run, i, &l) || !l.raft.is_leader) {
            *t = (struct tail){0};
            continue;
        }
        bool is_same = t->incarnation == l.incarnation && t->term == l.raft.term;
        bool is_in_memory = t->last >= l.raft.first;
        *v->checked += is_same;
        if (is_same &&
            (l.raft.last < t->last || (is_in_memory && term_at(l.member, t->last) != t->last_term)))
            text_printf(v->violation,
                        "leader etcd-%zu of term %" PRIu64 " changed its log before entry %" PRIu64,
                        i, l.raft.term, t->last);
        if (v->violation->size)
            return;
        *t = (struct tail){l.incarnation, l.raft.term, l.raft.last, term_at(l.member, l.raft.last)};
    }
}

const struct invariant invariant_leader_append_only = {
    .id = "I2",
    .name = "leader-append-only",
    .help = "a leader never overwrites or deletes entries of its log",
    .looked = tails_looked,
    .memory_new = tails_new,
    .memory_free = mem_free,
};

/* ---- I3: by induction, as the paper proves it: for each index and term ever seen the entry and
 * the term of the one before are always the same ---- */

struct fact {
    uint64_t index, term, identity, previous_term;
};
struct facts {
    struct fact of[WINDOW]; /* the newest seen of each index, by index modulo WINDOW */
    struct {
        uint32_t incarnation;
        uint64_t index, term; /* the last entry that was compared */
    } seen[CLUSTER_MEMBERS_MAX];
};

static void *facts_new(struct run *r)
{
    (void)r;
    return mem_new(struct facts);
}

static void compare_entry(struct verdict *v, struct facts *facts, size_t i, const struct look *l,
                          uint64_t index)
{
    struct fact now = {.index = index}, *known = &facts->of[index % WINDOW];
    if (!etcd_member_entry(l->member, index, &now.term, &now.identity))
        return;
    now.previous_term = term_at(l->member, index - 1);
    if (known->index == index && known->term == now.term) {
        (*v->checked)++;
        bool is_previous_known = known->previous_term && now.previous_term;
        if (known->identity != now.identity ||
            (is_previous_known && known->previous_term != now.previous_term))
            text_printf(v->violation,
                        "etcd-%zu has another entry %" PRIu64 " of term %" PRIu64
                        " than was seen before",
                        i, index, now.term);
    }
    if (known->index < index || (known->index == index && known->term <= now.term))
        *known = now;
}

static void facts_looked(struct verdict *v, void *memory)
{
    struct facts *facts = memory;
    struct look l;
    for (size_t i = 0; i < members(v->run); i++) {
        if (!look_at(v->run, i, &l))
            continue;
        bool is_extended = facts->seen[i].incarnation == l.incarnation &&
                           facts->seen[i].index <= l.raft.last &&
                           term_at(l.member, facts->seen[i].index) == facts->seen[i].term;
        uint64_t from = is_extended ? facts->seen[i].index + 1 : l.raft.first;
        if (from + WINDOW <= l.raft.last)
            from = l.raft.last - WINDOW + 1;
        for (uint64_t index = from; index <= l.raft.last && !v->violation->size; index++)
            compare_entry(v, facts, i, &l, index);
        facts->seen[i].incarnation = l.incarnation;
        facts->seen[i].index = l.raft.last;
        facts->seen[i].term = term_at(l.member, l.raft.last);
    }
}

const struct invariant invariant_log_matching = {
    .id = "I3",
    .name = "log-matching",
    .help =
        "entries of two logs with the same index and term are the same, and so is what precedes",
    .looked = facts_looked,
    .memory_new = facts_new,
    .memory_free = mem_free,
};

/* ---- I4 ---- */

struct commits {
    struct {
        uint64_t index, term, known_in; /* known_in: the term of the member that showed it */
    } of[WINDOW];
    uint64_t newest;
    uint64_t judged[CLUSTER_MEMBERS_MAX]; /* the last term in which it led and was judged */
};

static void *commits_new(struct run *r)
{
    (void)r;
    return mem_new(struct commits);
}

static void judge_leader(struct verdict *v, const struct commits *c, size_t i, const struct look *l)
{
    uint64_t oldest = c->newest > WINDOW ? c->newest - WINDOW + 1 : 1;
    for (uint64_t index = oldest; index <= c->newest; index++) {
        uint64_t slot = index % WINDOW;
        if (c->of[slot].index != index || c->of[slot].known_in >= l->raft.term)
            continue;
        (*v->checked)++;
        bool is_other = index >= l->raft.first && term_at(l->member, index) != c->of[slot].term;
        if (index <= l->raft.last && !is_other)
            continue;
        text_printf(v->violation,
                    "etcd-%zu leads in term %" PRIu64 " without the committed entry %" PRIu64
                    " of term %" PRIu64,
                    i, l->raft.term, index, c->of[slot].term);
        return;
    }
}

static void commits_looked(struct verdict *v, void *memory)
{
    struct commits *c = memory;
    struct look l;
    for (size_t i = 0; i < members(v->run) && !v->violation->size; i++) {
        if (!look_at(v->run, i, &l))
            continue;
        if (l.raft.is_leader && c->judged[i] != l.raft.term) {
            c->judged[i] = l.raft.term;
            judge_leader(v, c, i, &l);
        }
        uint64_t from = c->newest + 1;
        if (from + WINDOW <= l.raft.commit)
            from = l.raft.commit - WINDOW + 1;
        for (uint64_t index = from; index <= l.raft.commit; index++) {
            uint64_t term = term_at(l.member, index);
            if (term) {
                c->of[index % WINDOW].index = index;
                c->of[index % WINDOW].term = term;
                c->of[index % WINDOW].known_in = l.raft.term;
            }
            c->newest = index;
        }
    }
}

const struct invariant invariant_leader_completeness = {
    .id = "I4",
    .name = "leader-completeness",
    .help = "what was committed is in the log of every later leader",
    .looked = commits_looked,
    .memory_new = commits_new,
    .memory_free = mem_free,
};

/* ---- I7 ---- */

struct promises {
    struct promise {
        uint32_t incarnation, vote;
        uint64_t term, commit;
    } of[CLUSTER_MEMBERS_MAX];
};

static void *promises_new(struct run *r)
{
    struct promises *promises = mem_new(struct promises);
    (void)r;
    for (size_t i = 0; i < CLUSTER_MEMBERS_MAX; i++)
        promises->of[i].vote = NOBODY;
    return promises;
}

static void promises_looked(struct verdict *v, void *memory)
{
    struct promises *promises = memory;
    struct look l;
    for (size_t i = 0; i < members(v->run); i++) {
        struct promise *p = &promises->of[i];
        if (!look_at(v->run, i, &l))
            continue;
        (*v->checked)++;
        if (l.raft.term < p->term)
            text_printf(v->violation, "the term of etcd-%zu went back from %" PRIu64 " to %" PRIu64,
                        i, p->term, l.raft.term);
        else if (l.raft.saved_term == p->term && p->vote != NOBODY && l.raft.saved_vote != p->vote)
            text_printf(v->violation, "etcd-%zu voted twice in term %" PRIu64, i, p->term);
        else if (p->incarnation == l.incarnation && l.raft.commit < p->commit)
            text_printf(v->violation,
                        "the commit index of etcd-%zu went back from %" PRIu64 " to %" PRIu64, i,
                        p->commit, l.raft.commit);
        if (v->violation->size)
            return;
        p->incarnation = l.incarnation;
        p->commit = l.raft.commit;
        if (l.raft.is_saving) /* not on the disk for certain: the power may take it */
            continue;
        p->vote = l.raft.saved_term == l.raft.term ? l.raft.saved_vote : NOBODY;
        p->term = l.raft.term;
    }
}

const struct invariant invariant_promises_kept = {
    .id = "I7",
    .name = "promises-kept",
    .help = "terms never go back, no member votes twice in a term, whatever restarts",
    .looked = promises_looked,
    .memory_new = promises_new,
    .memory_free = mem_free,
};
