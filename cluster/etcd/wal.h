/* SPDX-License-Identifier: Apache-2.0
 *
 * The write-ahead log of a member, and its snapshots: two files of records on the simulated disk.
 *
 *   "wal"   what Raft asked to persist, in order: hard state, entries, and markers of snapshots
 *   "snap"  snapshots; the last two are kept: the newest counts only once its marker is in "wal"
 *
 * Each batch is one record and one sync. On start the log is read again: a torn tail is cut off,
 * since nothing in it was ever acknowledged; a damaged record before a good one means that
 * acknowledged data may be lost, and the member must not start.
 *
 *     struct wal_replay replay = {0};
 *     wal_replay_files(&replay, step, name);    or wal_replay_snapshot/_record for other records
 *     if (wal_replay_end(&replay, &disk))
 *         ... raft_new(&options, &disk, ...)
 */
#ifndef CLUSTER_ETCD_WAL_H
#define CLUSTER_ETCD_WAL_H

#include "cluster/etcd/raft.h"

/* ---- records ---- */

struct wal_record {
    struct message message;
    uint64_t term, commit;
    uint32_t vote;
    uint64_t snapshot_index, snapshot_term; /* a marker: 0 for none */
    uint32_t count;
    struct raft_entry *entries[]; /* owned */
};
struct wal_snapshot {
    struct message message;
    struct raft_snapshot *snapshot; /* owned */
};
struct message *wal_record_new(const struct raft *r, const struct raft_effects *e);
struct message *wal_snapshot_new(struct raft_snapshot *s); /* takes a reference of its own */

/* ---- reading on start ---- */

struct wal_replay {
    VEC(struct raft_snapshot *) snapshots; /* owned */
    VEC(struct raft_entry *) entries;      /* owned */
    uint64_t term, commit;
    uint32_t vote;
    struct raft_snapshot *snapshot; /* borrowed: the one whose marker came last */
    bool has_record, is_missing;
    size_t good;        /* records before the first damaged one */
    bool is_torn;       /* there is a damaged one */
    const char *damage; /* why the member must not start; NULL: it may */
};
void wal_replay_snapshot(struct wal_replay *w, const struct message *record, bool is_damaged);
void wal_replay_record(struct wal_replay *w, const struct message *record, bool is_damaged);
/* False: damaged, see .damage. The disk borrows from the replay. */
bool wal_replay_end(struct wal_replay *w, struct raft_disk *ret_disk) MUST_CHECK;
void wal_replay_release(struct wal_replay *w);

/* ---- on a disk of the simulation ---- */

struct wal {
    file_id log, snapshots;
    size_t snapshot_count;
    uint64_t droppable;       /* entries up to here are in the last but one snapshot */
    VEC(uint64_t) last_index; /* of each record: the highest entry in it */
};
/* Reads both files, cuts off a torn tail. */
bool wal_open(struct wal *w, struct step *step, struct str name, struct wal_replay *replay,
              struct raft_disk *ret_disk) MUST_CHECK;
void wal_release(struct wal *w);
/* Writes what the effects ask for and syncs; INPUT_DISK_DONE with `tag` when it is durable. */
void wal_persist(struct wal *w, struct step *step, const struct raft *r,
                 const struct raft_effects *e, uint64_t tag);
/* A snapshot of this member's own state: written without waiting; older records go with the next
 * one. */
void wal_checkpoint(struct wal *w, struct step *step, const struct raft *r,
                    struct raft_snapshot *s);

#endif
