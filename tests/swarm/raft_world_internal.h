/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of the little world of Raft members, private to raft_world.c (what happens) and
 * raft_check_world.c (what must hold).
 */
#ifndef TESTS_SWARM_RAFT_WORLD_INTERNAL_H
#define TESTS_SWARM_RAFT_WORLD_INTERNAL_H

#include "cluster/etcd/raft.h"
#include "sim/base/hash.h"
#include "sim/base/vec.h"
#include "tests/swarm/raft_world.h"

#define TERMS_MAX 4096

/* The payload of an entry. */
struct number {
    struct message message;
    uint64_t n;
};

enum event_kind {
    EVENT_MESSAGE,
    EVENT_DEADLINE,
    EVENT_SYNCED,
    EVENT_RESTART,
    EVENT_RESUME,
    EVENT_UNREACHABLE,
    EVENT_PROPOSE,
    EVENT_READ,
    EVENT_FAULT,
    EVENT_TRANSFER,
    EVENT_FALL, /* of a new leader */
};
struct event {
    int64_t at;
    uint64_t order;
    enum event_kind kind;
    uint32_t member;
    uint64_t incarnation; /* of the member: an older one ignores it */
    struct raft_message *message;
    uint32_t peer;
};

struct disk_file {
    VEC(struct message *) records;
    size_t durable; /* records that a power loss keeps */
    size_t torn;    /* index + 1 of a damaged one; 0: none */
};

struct member {
    struct raft *raft;
    uint64_t incarnation;
    bool is_up, is_paused;
    int64_t clock_offset, clock_permille; /* local = offset + now * permille / 1000 */
    struct disk_file log, snapshots;
    size_t syncing;
    VEC(struct event) kept; /* what came in while paused */
    uint64_t applied, chain;
    VEC(struct raft_entry *) shadow; /* as of the last check; references */
    uint64_t shadow_base;
    uint64_t max_term;    /* told to anybody */
    uint64_t last_commit; /* in this incarnation */
    uint64_t last_lead;   /* the term in which it led after the last event; 0: it did not */
    enum raft_role last_role;
    uint64_t last_role_term, last_role_end;
    bool is_cut_off;
    uint64_t cut_off_term;
    uint64_t snapshot_at;
    int64_t deadline,
        timer; /* wanted, and when the earliest pending event for it comes (0: none) */
};

struct log_fact {
    uint64_t term, payload, previous_term;
};
struct chain_fact {
    uint64_t term, chain; /* of the committed entry, the state after it */
    uint64_t
        known_in; /* term of the first member that applied it: it is in all later leaders' logs */
};
struct read_fact {
    uint64_t id, at_least;
    bool is_done;
};

struct world {
    const struct raft_world_options *options;
    struct raft_world_result *result;
    struct random_stream random, fault_random;
    uint32_t count;
    struct member members[RAFT_MEMBERS_MAX];
    bool cut[RAFT_MEMBERS_MAX][RAFT_MEMBERS_MAX];
    int64_t link_free[RAFT_MEMBERS_MAX][RAFT_MEMBERS_MAX];
    VEC(struct event) heap;
    uint64_t order;
    int64_t now;
    bool is_calm;
    bool is_churn; /* leaders fall as soon as they stand: figure 8 of the paper needs that */
    /* what this seed drew */
    uint64_t delay_us, sync_us, loss, duplicate, fault_every_ms, propose_every_us, read_every_ms;
    uint64_t snapshot_every, catch_up, bytes_max;
    /* facts for the checkers */
    uint32_t leader_of[TERMS_MAX];
    uint32_t vote_of[RAFT_MEMBERS_MAX][TERMS_MAX];
    VEC(struct log_fact) * facts; /* by index */
    size_t fact_count;
    VEC(struct chain_fact) committed; /* by index - 1 */
    VEC(struct read_fact) reads;
    uint64_t acknowledged; /* the highest index that a client may have seen */
    uint64_t proposals;
    struct raft_effects effects;
};

/* raft_world.c */
void world_push(struct world *w, struct event e);

/* raft_check_world.c */
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t number_of(const struct message *m);
void check_member(struct world *w, uint32_t who); /* after each of its steps */
void check_sent(struct world *w, uint32_t who, const struct raft_message *x);
void check_applied(struct world *w, uint32_t who, const struct raft_entry *e);
void check_restored(struct world *w, uint32_t who);
void check_read(struct world *w, const struct raft_read *read);

#endif
