/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a Raft member, private to raft*.c: raft.c has roles, elections and the output of
 * effects, raft_replicate.c the log's way to the others and reads, raft_log.c entries and the log
 * in memory.
 */
#ifndef CLUSTER_ETCD_RAFT_INTERNAL_H
#define CLUSTER_ETCD_RAFT_INTERNAL_H

#include "cluster/etcd/raft.h"

/* How a leader sends to a member. */
enum progress_state {
    PROGRESS_PROBE,     /* one append, then wait: where do the logs agree? */
    PROGRESS_REPLICATE, /* optimistic: many appends in flight */
    PROGRESS_SNAPSHOT,  /* a snapshot is on its way */
};
struct progress {
    uint64_t match; /* the highest entry known to be on its disk */
    uint64_t next;  /* the next one to send */
    uint64_t sent_commit;
    uint64_t snapshot_index;
    enum progress_state state;
    bool is_paused;          /* PROBE: one is in flight */
    bool must_send;          /* even when there is nothing new */
    bool is_active;          /* heard since the last check of the quorum */
    VEC(uint64_t) in_flight; /* last index of each append without an answer */
};

struct pending_read {
    uint64_t id, index, sequence;
    uint32_t from;
    uint32_t acks; /* a bit per member */
};

struct outgoing {
    struct raft_message *message; /* owned */
    bool is_promise;              /* only after what is unsaved has been saved */
};

struct raft {
    struct raft_options options;

    /* hard state, and what of it is on disk */
    uint64_t term;
    uint32_t vote;
    uint64_t commit;
    uint64_t saved_term;
    uint32_t saved_vote;

    enum raft_role role;
    uint32_t leader;
    uint32_t votes, rejections; /* a bit per member */

    /* the log: entries [base + 1, base + entries.count], behind a prefix that ends with (base,
     * base_term) */
    uint64_t base, base_term;
    VEC(struct raft_entry *) entries;
    size_t head;                    /* dead slots in front */
    struct raft_snapshot *snapshot; /* the newest one; NULL: none yet */
    uint64_t applied;

    /* persistence */
    bool is_persisting;
    uint64_t persisting_term, persisting_last;
    uint32_t persisting_vote;
    struct raft_snapshot *persisting_snapshot; /* NULL: none */
    uint64_t persisted;                        /* entries up to here are on disk */
    uint64_t unsaved;               /* entries from here on have not been handed to the disk */
    struct raft_snapshot *received; /* to be saved and restored; NULL: none */

    struct progress members[RAFT_MEMBERS_MAX];
    uint32_t transfer_to;
    VEC(struct outgoing) outbox;
    VEC(struct raft_message *) held; /* until the persist outstanding has ended */
    VEC(struct pending_read)
    reads; /* leader: until a quorum has answered; sequence 0: until a commit */
    uint64_t read_sequence;

    struct instant now;
    struct instant leader_contact;
    struct duration election_timeout;
    struct instant election_at, heartbeat_at, quorum_check_at;
    const char *panic;
    bool has_changed, is_dropped;
    VEC(struct raft_read) reads_done;
};

static inline bool raft_has_bug(const struct raft *r, enum raft_bug bug)
{
    return UNLIKELY(r->options.bugs >> bug & 1);
}
static inline uint32_t raft_quorum(const struct raft *r)
{
    return r->options.member_count / 2 + 1;
}

/* raft_log.c */
struct raft_message *raft_message_new(enum raft_message_kind kind, uint32_t from, uint32_t to,
                                      uint32_t entry_count);
uint64_t raft_log_term(const struct raft *r, uint64_t index); /* 0 when unknown */
void raft_log_append(struct raft *r, struct raft_entry *own_entry);
void raft_log_truncate(struct raft *r, uint64_t from); /* drops entries from `from` on */
void raft_log_drop_before(struct raft *r, uint64_t first);
void raft_log_reset(struct raft *r, uint64_t index, uint64_t term);
/* The largest index <= `index` whose term is <= `term`. */
uint64_t raft_log_find(const struct raft *r, uint64_t index, uint64_t term);

/* raft.c */
void raft_send(struct raft *r,
               struct raft_message *own_message); /* fills in the term unless it is set */
struct raft_message *raft_answer(struct raft *r, enum raft_message_kind kind, uint32_t to);
void raft_send_term_free(struct raft *r, struct raft_message *own_message);

/* raft_replicate.c */
void raft_progress_reset(struct raft *r);
void raft_propose(struct raft *r, struct message *payload);
bool raft_commit_advance(struct raft *r);
void raft_handle_append(struct raft *r, const struct raft_message *m);
void raft_handle_heartbeat(struct raft *r, const struct raft_message *m);
void raft_handle_snapshot(struct raft *r, const struct raft_message *m);
void raft_handle_append_reply(struct raft *r, const struct raft_message *m);
void raft_handle_heartbeat_reply(struct raft *r, const struct raft_message *m);
void raft_send_appends(struct raft *r);
void raft_send_heartbeats(struct raft *r);
void raft_read(struct raft *r, uint64_t id, uint32_t from);
void raft_unreachable(struct raft *r, uint32_t member);

#endif
