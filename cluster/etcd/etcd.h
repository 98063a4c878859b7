/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd: members with our own Raft, a write-ahead log on the simulated disk, a revisioned store,
 * watch, leases.
 * This header is all that others see: the process type, its options, and the messages of its
 * clients (the API servers) over a stream, many in flight by id.
 *
 * Keys are interned object keys; values are the shared immutable objects, so a store holds
 * pointers. etcd does not look into a value, but for one thing: `stamp` writes the revision into it
 * once, when it is first applied, as an API server does when it decodes.
 *
 * A write is acknowledged when a quorum has it on disk and this member has applied it.
 *
 * Source: etcd.io/docs/v3.6/learning/api/ and learning/api_guarantees/
 */
#ifndef CLUSTER_ETCD_ETCD_H
#define CLUSTER_ETCD_ETCD_H

#include "cluster/api/key.h"
#include "cluster/api/request.h"
#include "cluster/api/value.h"
#include "sim/sim.h"

#define ETCD_MEMBERS_MAX 7

/* One version of one key: immutable, counted, shared by members, watchers and caches. */
struct etcd_kv {
    uint32_t references;
    const struct object_key *key;
    struct value value;                             /* stamped; absent: a deletion */
    int64_t create_revision, mod_revision, version; /* version 0: a deletion */
    int64_t lease;                                  /* 0: none */
    uint32_t size_bytes; /* of the request that wrote it: what the quota counts */
};
const struct etcd_kv *etcd_kv_ref(const struct etcd_kv *kv);
void etcd_kv_unref(const struct etcd_kv *kv);

/* What eyes outside may see of reads and watches; no member learns anything from it. */
enum etcd_observation_kind {
    ETCD_OBSERVED_READ_BEGINS, /* linearisable; .floor is for the observer to fill in */
    ETCD_OBSERVED_READ,        /* is served at .last; .floor as it was filled in */
    /* the revisions .first to .last were sent, .count changes; .is_whole: of all keys */
    ETCD_OBSERVED_WATCH,
};
struct etcd_observation {
    enum etcd_observation_kind kind;
    uint32_t member;
    int64_t floor, first, last;
    stream_id stream;
    uint64_t watch;
    size_t count;
    bool is_whole;
};

/* The configuration of one member; borrowed while the simulation lives. */
struct etcd_config {
    struct str name; /* "etcd-0" */
    uint32_t member, member_count;
    address_id client_address, peer_address;
    address_id peers[ETCD_MEMBERS_MAX];      /* peer addresses by member */
    struct str peer_names[ETCD_MEMBERS_MAX]; /* for traces; may be empty */
    struct duration heartbeat, election;     /* 100 ms, 1000 ms */
    int64_t snapshot_entries;                /* 10,000 */
    int64_t quota_bytes;                     /* 2 GiB */
    /* Consumes the value and returns it with the revision in it (metadata.resourceVersion). */
    struct value (*stamp)(struct value own_value, int64_t revision);
    /* Eyes outside: called once per revision, by the first member that applies it. May be NULL. */
    void (*applied)(void *owner, const struct etcd_kv *kv, const struct etcd_kv *before,
                    struct str by, struct instant now);
    void (*observed)(void *owner, struct etcd_observation *o); /* may be NULL */
    void *owner;
    uint32_t
        /* bits of enum raft_bug (raft.h): textbook mistakes, for tests of the checkers */
        raft_bugs;
};
extern const struct process_type etcd_process;

enum etcd_request_kind {
    /* serialisable or linearisable read of a key, or of a resource (and namespace), at a revision
     * */
    ETCD_RANGE,
    ETCD_TXN,   /* if mod_revision of key == expected then put or delete, else get */
    /* All changes from .revision on (0: from the newest + 1); answered by watch messages only, the
     * first at once (progress); sent again with the id of a watch: asks for progress. */
    ETCD_WATCH,
    ETCD_WATCH_CANCEL,
    ETCD_LEASE_GRANT,
    ETCD_LEASE_REVOKE,
    ETCD_LEASE_KEEP_ALIVE,
    ETCD_COMPACT,
    ETCD_STATUS,
};
struct etcd_request {
    struct message message;
    uint64_t id;
    enum etcd_request_kind kind;
    const struct object_key *key; /* owned; RANGE of one key, TXN */
    const struct resource *
        /* RANGE: all keys of this stored resource; NULL: by key. WATCH: NULL: everything */
        resource;
    struct value namespace;         /* RANGE: only these; absent: all */
    int64_t revision;               /* RANGE: 0 newest; WATCH: first revision wanted; COMPACT */
    bool serializable;              /* RANGE: may be old, needs no quorum */
    int64_t limit;                  /* RANGE of a resource */
    const struct object_key *after; /* owned; RANGE goes on after this key */
    int64_t expected_revision;      /* TXN: mod_revision; 0: must not exist; -1: anything */
    bool is_delete;                 /* TXN */
    struct value value;             /* TXN put */
    int64_t lease, ttl_seconds;     /* TXN put; LEASE_* */
    struct str by; /* who asked; NUL-terminated, lives as long as the simulation (interned) */
};
enum etcd_error {
    ETCD_OK,
    ETCD_ERROR_COMPACTED, /* revision is older than the compaction; .compact_revision */
    ETCD_ERROR_FUTURE_REVISION,
    ETCD_ERROR_NO_LEADER,         /* "etcdserver: no leader" */
    ETCD_ERROR_LEADER_CHANGED,    /* "etcdserver: leader changed" */
    ETCD_ERROR_TIMEOUT,           /* "etcdserver: request timed out": the outcome is unknown */
    ETCD_ERROR_TOO_MANY_REQUESTS, /* "etcdserver: too many requests" */
    ETCD_ERROR_NO_SPACE,          /* "etcdserver: mvcc: database space exceeded" */
    ETCD_ERROR_LEASE_NOT_FOUND,
    ETCD_ERROR_LEASE_EXISTS,
    ETCD_ERROR_TOO_LARGE, /* "etcdserver: request is too large": more than 1.5 MiB */
};
const char *etcd_error_text(enum etcd_error e);
struct etcd_response {
    struct message message;
    uint64_t id;
    enum etcd_request_kind kind;
    enum etcd_error error;
    int64_t
        /* of the header: the member's newest when it was answered; TXN: the write's own */
        revision;
    int64_t compact_revision;
    bool succeeded; /* TXN: the comparison held */
    /* owned; RANGE: in key order; TXN: the one put, the tombstone of a deletion (none when there
     * was nothing to delete), or the current one when the comparison failed (count 0: the key does
     * not exist)
     * */
    const struct etcd_kv **kvs;
    size_t count;
    int64_t total; /* RANGE: without the limit */
    int64_t lease;
};
/* Changes of one applied batch, in the order of revisions. A connection may break inside such a
 * batch. */
struct etcd_watch_response {
    struct message message;
    uint64_t id;
    int64_t revision; /* everything up to it has been sent (progress) */
    bool canceled;    /* nothing more comes for this id */
    enum etcd_error
        /* why: COMPACTED, NO_LEADER (the member lost its quorum: watch elsewhere, from revision +
         * 1) */
        error;
    int64_t compact_revision;
    struct etcd_change {
        const struct etcd_kv *kv, *before; /* owned; before NULL: created */
    } * changes;
    size_t count;
};
extern const struct message_type etcd_request_message, etcd_response_message, etcd_watch_message;
struct etcd_request *etcd_request_new(enum etcd_request_kind kind);

/* ---- for checkers and eyes outside ---- */

/* A member's newest state, read from the ghost: NULL/absent when not there. */
struct etcd_member; /* sim_process_state of an etcd process */
int64_t etcd_member_revision(const struct etcd_member *m);
const struct etcd_kv *etcd_member_get(const struct etcd_member *m, const struct object_key *key);
bool etcd_member_is_leader(const struct etcd_member *m);
uint64_t etcd_member_hash(const struct etcd_member *m); /* equal at equal revisions */
int64_t etcd_member_compact_revision(const struct etcd_member *m);
/* As of a revision that is not compacted; NULL: the key did not exist. */
const struct etcd_kv *etcd_member_get_at(const struct etcd_member *m, const struct object_key *key,
                                         int64_t revision);
struct etcd_raft_state {
    uint64_t term, commit, first, last; /* of the log in memory */
    uint64_t saved_term;                /* with the vote: what is on the disk for certain */
    uint32_t saved_vote;                /* UINT32_MAX: nobody */
    bool is_leader, is_saving;          /* saving: the saved ones may be on their way only */
};
void etcd_member_raft(const struct etcd_member *m, struct etcd_raft_state *ret_state);
/* An entry of the log; the identity is equal if and only if the content is. False: not in memory.
 * */
bool etcd_member_entry(const struct etcd_member *m, uint64_t index, uint64_t *ret_term,
                       uint64_t *ret_identity);

#endif
