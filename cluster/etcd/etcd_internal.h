/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a member, private to etcd*.c: etcd.c is the process (Raft, disk, peers, timers),
 * etcd_apply.c the state machine, etcd_serve.c requests, reads and watches.
 */
#ifndef CLUSTER_ETCD_ETCD_INTERNAL_H
#define CLUSTER_ETCD_ETCD_INTERNAL_H

#include "cluster/etcd/etcd.h"
#include "cluster/etcd/raft.h"
#include "cluster/etcd/store.h"
#include "cluster/etcd/wal.h"

/* Limits of etcd, with their names there. */
#define ETCD_REQUEST_BYTES_MAX (3 * 512 * 1024) /* --max-request-bytes */
#define ETCD_GAP_MAX 5000                       /* maxGapBetweenApplyAndCommitIndex */
#define ETCD_IN_FLIGHT_MAX 512                  /* maxInflightMsgs */
#define ETCD_APPEND_BYTES_MAX (1u << 20)        /* maxSizePerMsg: 1 MiB */
#define ETCD_CATCH_UP_ENTRIES 5000              /* SnapshotCatchUpEntries */
#define ETCD_SNAPSHOT_ENTRIES 10000             /* --snapshot-count */
#define ETCD_QUOTA_BYTES (INT64_C(2) << 30)     /* --quota-backend-bytes */

enum {
    TIMER_RAFT = 1,
    TIMER_PEERS,
    TIMER_REQUESTS,
    TIMER_READ,
    TIMER_LEASES,
    TIMER_NO_LEADER,
    TIMER_EXIT
};
enum { DISK_PERSIST = 1 };
enum { PURPOSE_INCARNATION, PURPOSE_RAFT };
enum { OBSERVE_REVISION = 0x65746364 };

/* What goes through the log: a request and where its answer is awaited. The result is remembered by
 * the first member that applies it: all others come to the same and share its versions. */
struct proposal {
    struct message message;
    struct etcd_request *request; /* owned */
    uint32_t member;
    uint64_t incarnation, sequence;
    /* the result, once applied somewhere */
    uint64_t applied_index;
    const struct etcd_kv *one;   /* owned; the usual case: one key */
    const struct etcd_kv **many; /* owned */
    size_t kv_count;
    uint64_t hash;
};
extern const struct message_type etcd_proposal_message;
struct proposal *proposal_new(struct etcd_request *request, uint32_t member, uint64_t incarnation,
                              uint64_t sequence);

struct etcd_result {
    enum etcd_error error;
    bool succeeded;
    const struct etcd_kv *kv; /* borrowed */
    int64_t lease;
};

struct pending {
    uint64_t sequence; /* 0: answered */
    stream_id stream;
    uint64_t id;
    enum etcd_request_kind kind;
    struct instant deadline;
    struct proposal *waiting; /* owned; not proposed yet: no leader is known */
};
struct read {
    struct etcd_request *request; /* owned */
    stream_id stream;
    struct instant deadline;
    int64_t floor; /* the observer's */
};
struct watch {
    stream_id stream;
    uint64_t id;
    int64_t next; /* the first revision not sent yet */
    const struct resource *resource;
};
struct lease_expiry {
    int64_t id;
    struct instant at;
};
struct peer {
    stream_id stream; /* ours, for sending; 0: none */
    bool is_connected;
};

struct etcd_member {
    const struct etcd_config *config;
    struct raft *raft;
    struct raft_effects effects;
    struct wal wal;
    struct store *store;
    uint64_t applied, snapshot_index;
    uint64_t incarnation;
    struct peer peers[ETCD_MEMBERS_MAX];
    timer_id raft_timer, peers_timer, requests_timer, read_timer, leases_timer, no_leader_timer;

    /* as last traced */
    enum raft_role role;
    uint32_t leader;
    uint64_t term;
    bool has_alarm, is_leaving, is_stopped;
    bool is_dropped; /* the last proposal: the leader hands over */

    uint64_t sequence; /* of proposals; of pending.items[k] it is first_sequence + k */
    uint64_t first_sequence;
    VEC(struct pending) pending; /* in order; a prefix that is answered is dropped */
    size_t pending_head;
    bool has_waiting;

    uint64_t read_count;
    uint64_t read_id;                     /* of the round in flight; 0: none */
    uint64_t read_index;                  /* what it must have applied; 0: not known yet */
    VEC(struct read) reading, reads_next; /* this round's, the next round's */

    VEC(struct watch) watches;
    VEC(struct lease_expiry) leases; /* leader only */
    struct instant lease_check;      /* when the timer looks at them */
};

/* etcd.c */
void etcd_drive(struct etcd_member *m, struct step *step, struct raft_input in);
struct duration etcd_election_timeout(const struct etcd_member *m);
struct duration etcd_request_timeout(const struct etcd_member *m);

/* etcd_apply.c */
void etcd_apply(struct etcd_member *m, struct step *step, const struct raft_entry *entry);
void etcd_leases_promote(struct etcd_member *m,
                         struct step *step); /* this member leads from now on */
void etcd_leases_demote(struct etcd_member *m, struct step *step);
void etcd_leases_expire(struct etcd_member *m, struct step *step);

/* etcd_serve.c */
void etcd_serve(struct etcd_member *m, struct step *step, stream_id stream,
                struct etcd_request *request);
void etcd_propose(struct etcd_member *m, struct step *step, stream_id stream,
                  struct etcd_request *request);
void etcd_propose_waiting(struct etcd_member *m, struct step *step);
void etcd_answer(struct etcd_member *m, struct step *step, const struct proposal *p,
                 const struct etcd_result *result);
void etcd_requests_expire(struct etcd_member *m, struct step *step);
void etcd_read_ready(struct etcd_member *m, struct step *step, const struct raft_read *read);
void etcd_reads_serve(struct etcd_member *m, struct step *step);
void etcd_reads_retry(struct etcd_member *m, struct step *step);
void etcd_reads_fail(struct etcd_member *m, struct step *step, enum etcd_error error);
void etcd_watches_notify(struct etcd_member *m, struct step *step);
void etcd_watches_close(struct etcd_member *m, stream_id stream);
void etcd_watches_cancel(struct etcd_member *m, struct step *step, enum etcd_error error);
void etcd_serve_release(struct etcd_member *m);

/* etcd_messages.c */
struct etcd_response *etcd_response_new(const struct etcd_member *m, uint64_t id,
                                        enum etcd_request_kind kind, size_t kv_count);
struct etcd_watch_response *etcd_watch_response_new(uint64_t id, int64_t revision,
                                                    size_t change_capacity);

#endif
