/* SPDX-License-Identifier: Apache-2.0
 *
 * Raft as a pure step function: state and one input (with its instant) give a new state and
 * effects. It knows neither clock, network nor disk: whoever drives it sends the messages, writes
 * to the disk, and calls back.
 *
 * What a driver may rely on:
 *   - At most one persist is outstanding. Nothing else leaves while it is: what is proposed or
 *     received meanwhile goes out with the next batch (etcd's Ready loop).
 *   - The messages of a step that also persists are those of a leader, which may go out in
 *     parallel with its own write; everything that promises something (a vote, an acknowledgement)
 *     follows after RAFT_INPUT_PERSISTED.
 *   - Entries to apply are committed, on this member's disk, in order, and each is handed out once.
 *
 *     struct raft_effects e = {0};
 *     struct raft *r = raft_new(&options, &disk, now, &e);
 *     for (;;) {
 *         do what e says; raft_effects_clear(&e);
 *         struct raft_input in = {.kind = RAFT_INPUT_MESSAGE, .now = now, .message = m};
 *         raft_step(r, &in, &e);
 *     }
 *
 * Source: D. Ongaro, J. Ousterhout, "In Search of an Understandable Consensus Algorithm" (the
 * paper); D. Ongaro, "Consensus: Bridging Theory and Practice" (the thesis).
 */
#ifndef CLUSTER_ETCD_RAFT_H
#define CLUSTER_ETCD_RAFT_H

#include "sim/base/base.h"
#include "sim/base/hash.h"
#include "sim/base/vec.h"
#include "sim/sim.h" /* struct message only: the payload of an entry is one */

#define RAFT_MEMBERS_MAX 7
#define RAFT_NONE UINT32_MAX

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };
const char *raft_role_text(enum raft_role role);

/* ---- entries: immutable, counted, shared by logs, messages and write-ahead logs ---- */

struct raft_entry {
    uint32_t references;
    uint32_t size_bytes;
    uint64_t index, term;
    struct message *payload; /* owned; NULL: the first entry of a new leader */
};
struct raft_entry *raft_entry_new(uint64_t index, uint64_t term,
                                  struct message *payload); /* references it */
static inline struct raft_entry *raft_entry_ref(struct raft_entry *e)
{
    e->references++;
    return e;
}
void raft_entry_unref(struct raft_entry *e);

/* The state machine as of an index; the payload is the driver's. */
struct raft_snapshot {
    uint32_t references;
    uint32_t size_bytes;
    uint64_t index, term;
    struct message *payload; /* owned */
};
struct raft_snapshot *raft_snapshot_new(uint64_t index, uint64_t term, struct message *own_payload);
struct raft_snapshot *raft_snapshot_ref(struct raft_snapshot *s);
void raft_snapshot_unref(struct raft_snapshot *s);

/* ---- messages between members ---- */

enum raft_message_kind {
    RAFT_APPEND,
    RAFT_APPEND_REPLY,
    RAFT_HEARTBEAT,
    RAFT_HEARTBEAT_REPLY,
    RAFT_PRE_VOTE,
    RAFT_PRE_VOTE_REPLY,
    RAFT_VOTE,
    RAFT_VOTE_REPLY,
    RAFT_SNAPSHOT,
    RAFT_PROPOSE, /* forwarded to the leader; term 0 */
    RAFT_READ,    /* likewise */
    RAFT_READ_REPLY,
    RAFT_TIMEOUT_NOW,
    RAFT_MESSAGE_KIND_COUNT
};
struct raft_message {
    struct message message;
    enum raft_message_kind kind;
    uint32_t from, to;
    uint64_t term;
    uint64_t index,
        log_term; /* of the entry before; of the last one (votes); what a reply speaks of */
    uint64_t commit;
    uint64_t hint;    /* rejected append: where the logs may agree */
    uint64_t context; /* reads: which one a heartbeat confirms, or the reader's id */
    bool reject;
    bool force;                     /* a vote asked for by a leader that hands over */
    struct raft_snapshot *snapshot; /* owned; SNAPSHOT */
    struct message *payload;        /* owned; PROPOSE */
    uint32_t count;
    struct raft_entry *entries[]; /* owned */
};
extern const struct message_type raft_message_types[RAFT_MESSAGE_KIND_COUNT];
const char *raft_message_text(enum raft_message_kind kind);

/* ---- options, inputs, effects ---- */

/* Textbook mistakes, switched on by tests to show that the checkers find them. */
enum raft_bug {
#define RAFT_BUG(name, text) RAFT_BUG_##name,
#include "cluster/etcd/raft_bugs.def"
#undef RAFT_BUG
    RAFT_BUG_COUNT
};
const char *raft_bug_text(enum raft_bug bug);

struct raft_options {
    uint32_t self, member_count;
    struct duration election, heartbeat;
    uint32_t message_bytes_max; /* entries in one append; 0: 1 MiB */
    uint32_t in_flight_max;     /* appends to one member without an answer; 0: 512 */
    uint64_t catch_up_entries;  /* kept behind a snapshot for slow members; etcd: 5,000 */
    struct random_stream random;
    uint32_t bugs; /* a bit for each enum raft_bug */
};

/* What a member finds on its disk. Entries follow the snapshot without a gap. */
struct raft_disk {
    uint64_t term, commit;
    uint32_t vote;                  /* RAFT_NONE: for nobody */
    struct raft_snapshot *snapshot; /* borrowed; NULL: none */
    struct raft_entry **entries;    /* borrowed */
    size_t count;
};

enum raft_input_kind {
    RAFT_INPUT_MESSAGE,
    RAFT_INPUT_DEADLINE,    /* effects.deadline has come (or not: then nothing happens) */
    RAFT_INPUT_PROPOSE,     /* .payload */
    RAFT_INPUT_PERSISTED,   /* what the last effects asked for is on disk */
    RAFT_INPUT_READ,        /* .read_id: from which index on is a read linearisable? */
    RAFT_INPUT_TRANSFER,    /* leader: hand over to .member */
    RAFT_INPUT_UNREACHABLE, /* messages to .member may have been lost */
};
struct raft_input {
    enum raft_input_kind kind;
    struct instant now;
    const struct raft_message *message; /* borrowed */
    struct message *payload;            /* borrowed; referenced when kept */
    uint64_t read_id;                   /* unique over members and incarnations */
    uint32_t member;
};

struct raft_read {
    uint64_t id, index; /* a read is fresh once this index is applied */
};
struct raft_effects {
    VEC(struct raft_message *) messages; /* owned; to send in this order */
    bool persist; /* write the following and sync, then RAFT_INPUT_PERSISTED */
    uint64_t term, commit;
    uint32_t vote;
    uint64_t first, last;           /* entries to append; none when first > last */
    struct raft_snapshot *snapshot; /* borrowed; to write before the entries; NULL: none */
    struct raft_snapshot
        *restore; /* owned; the state machine becomes this, before what is applied */
    uint64_t apply_first, apply_last; /* to apply; none when first > last */
    VEC(struct raft_read) reads;
    bool has_changed;        /* role, term or leader */
    bool is_dropped;         /* the proposal went nowhere: no leader known, or it hands over */
    struct instant deadline; /* when RAFT_INPUT_DEADLINE is due, by the clock of .now */
    const char *panic;       /* this member's state contradicts its leader's: it must stop */
};
void raft_effects_clear(struct raft_effects *e); /* keeps memory */
void raft_effects_release(struct raft_effects *e);

/* ---- life and verbs ---- */

struct raft;
struct raft *raft_new(const struct raft_options *options, const struct raft_disk *disk,
                      struct instant now, struct raft_effects *e);
void raft_free(struct raft *r);
void raft_step(struct raft *r, const struct raft_input *in, struct raft_effects *e);
/* The driver has written a snapshot of what is applied: entries behind it may go. */
void raft_compact(struct raft *r, struct raft_snapshot *own_snapshot);

/* ---- looking ---- */

enum raft_role raft_role(const struct raft *r);
uint64_t raft_term(const struct raft *r);
void raft_saved_vote(const struct raft *r, uint64_t *ret_term,
                     uint32_t *ret_vote);   /* as last given to the disk */
bool raft_is_saving(const struct raft *r);   /* something is on its way to the disk */
uint32_t raft_leader(const struct raft *r); /* RAFT_NONE: unknown */
uint64_t raft_commit(const struct raft *r);
uint64_t raft_applied(const struct raft *r);
uint64_t raft_first(const struct raft *r); /* index of the first entry in memory */
uint64_t raft_last(const struct raft *r);
struct raft_entry *raft_entry(const struct raft *r,
                              uint64_t index); /* borrowed; NULL when not in memory */
bool raft_has_term(const struct raft *r, uint64_t index, uint64_t *ret_term);
uint32_t raft_successor(const struct raft *r); /* leader: the member that has most of the log */
/* Checks the invariants between the fields. */
void raft_check(const struct raft *r);

#endif
