/* SPDX-License-Identifier: Apache-2.0
 *
 * The write-ahead log: what etcd keeps in member/wal and member/snap. See wal.h for the format.
 *
 * Records hold references to the entries, so that writing copies nothing; their size_bytes is what
 * a disk would have written. An entry that replaces another of the same index follows it in the
 * log: reading again ends with the newest.
 *
 * Which records may go: a snapshot at S makes entries up to S unnecessary, so a prefix of records
 * that hold none beyond S is dropped; the marker of S, with the hard state, is written behind them
 * and always stays.
 *
 * DEVIATION: etcd writes a record without a sync when only the commit index has changed; here the
 * commit index travels with the next batch. A member learns it from its leader after a restart in
 * either case.
 */
#include "sim/base/base.h"
#include "cluster/etcd/wal.h"

#include "cluster/api/request.h"
#include "sim/base/mem.h"

#define RECORD_OVERHEAD_BYTES 48

/* ---- records ---- */

static void record_release(struct message *message)
{
    struct wal_record *w = CONTAINER_OF(message, struct wal_record, message);
    for (uint32_t i = 0; i < w->count; i++)
        raft_entry_unref(w->entries[i]);
    mem_free(w);
}

static void snapshot_release(struct message *message)
{
    struct wal_snapshot *w = CONTAINER_OF(message, struct wal_snapshot, message);
    raft_snapshot_unref(w->snapshot);
    mem_free(w);
}

static const struct message_type record_type = {
    .name = "etcd wal record", .kind = MESSAGE_ETCD_FIRST + 4, .release = record_release};
static const struct message_type snapshot_type = {
    .name = "etcd snapshot", .kind = MESSAGE_ETCD_FIRST + 5, .release = snapshot_release};

static struct wal_record *record_new(uint32_t entry_count)
{
    struct wal_record *w =
        mem_allocate(1, sizeof(*w) + (size_t)entry_count * sizeof(struct raft_entry *));
    message_init(&w->message, &record_type, RECORD_OVERHEAD_BYTES);
    return w;
}

struct message *wal_record_new(const struct raft *r, const struct raft_effects *e)
{
    uint32_t count = e->last >= e->first ? (uint32_t)(e->last - e->first + 1) : 0;
    struct wal_record *w = record_new(count);
    w->term = e->term;
    w->vote = e->vote;
    w->commit = e->commit;
    if (e->snapshot) {
        w->snapshot_index = e->snapshot->index;
        w->snapshot_term = e->snapshot->term;
    }
    for (uint32_t i = 0; i < count; i++) {
        w->entries[i] = raft_entry_ref(raft_entry(r, e->first + i));
        w->message.size_bytes += w->entries[i]->size_bytes;
    }
    w->count = count;
    return &w->message;
}

struct message *wal_snapshot_new(struct raft_snapshot *s)
{
    struct wal_snapshot *w = mem_new(struct wal_snapshot);
    message_init(&w->message, &snapshot_type, RECORD_OVERHEAD_BYTES + s->size_bytes);
    w->snapshot = raft_snapshot_ref(s);
    return &w->message;
}

/* ---- reading on start ---- */

void wal_replay_snapshot(struct wal_replay *w, const struct message *record, bool is_damaged)
{
    if (is_damaged)
        return; /* without it, its marker has nothing to point at: seen there */
    const struct wal_snapshot *s = (const void *)record;
    vec_push(&w->snapshots, raft_snapshot_ref(s->snapshot));
}

static void entries_cut(struct wal_replay *w, size_t count)
{
    while (w->entries.count > count)
        raft_entry_unref(vec_pop(&w->entries));
}

static void replay_marker(struct wal_replay *w, uint64_t index, uint64_t term)
{
    struct raft_snapshot *found = NULL;
    for (size_t i = 0; i < w->snapshots.count; i++)
        if (w->snapshots.items[i]->index == index && w->snapshots.items[i]->term == term)
            found = w->snapshots.items[i];
    bool has_entry = w->snapshot && w->snapshot->index == index && w->snapshot->term == term;
    if (w->entries.count > 0 && index >= w->entries.items[0]->index) {
        size_t at = (size_t)(index - w->entries.items[0]->index);
        has_entry = at < w->entries.count && w->entries.items[at]->term == term;
    }
    if (!has_entry)
        entries_cut(w, 0); /* the snapshot of a leader replaced the log */
    if (found || !has_entry) {
        w->snapshot = found;
        w->is_missing = !found; /* fatal unless a later marker has its snapshot */
    }
}

static void replay_entry(struct wal_replay *w, struct raft_entry *e)
{
    if (w->entries.count > 0) {
        uint64_t first = w->entries.items[0]->index;
        if (e->index < first) {
            entries_cut(w, 0);
        } else if (e->index > vec_last(&w->entries)->index + 1) {
            w->damage = "a gap between entries";
            return;
        } else {
            entries_cut(w, (size_t)(e->index - first));
        }
    }
    vec_push(&w->entries, raft_entry_ref(e));
}

void wal_replay_record(struct wal_replay *w, const struct message *record, bool is_damaged)
{
    if (is_damaged) {
        w->is_torn = true;
        return;
    }
    if (w->is_torn) {
        w->damage = "a damaged record before a good one";
        return;
    }
    const struct wal_record *r = (const void *)record;
    w->good++;
    w->has_record = true;
    w->term = r->term;
    w->vote = r->vote;
    w->commit = r->commit;
    if (r->snapshot_index)
        replay_marker(w, r->snapshot_index, r->snapshot_term);
    for (uint32_t i = 0; i < r->count; i++)
        replay_entry(w, r->entries[i]);
}

bool wal_replay_end(struct wal_replay *w, struct raft_disk *ret_disk)
{
    uint64_t base = w->snapshot ? w->snapshot->index : 0;
    size_t skip = 0;
    while (skip < w->entries.count && w->entries.items[skip]->index <= base)
        skip++;
    if (!w->damage && skip < w->entries.count && w->entries.items[skip]->index != base + 1)
        w->damage = "entries do not follow the snapshot";
    if (!w->damage && w->is_missing)
        w->damage = "the snapshot that the log goes on from is missing or damaged";
    if (w->damage)
        return false;
    *ret_disk = (struct raft_disk){
        .term = w->term,
        .commit = w->commit,
        .vote = w->has_record ? w->vote : RAFT_NONE,
        .snapshot = w->snapshot,
        .entries = w->entries.items ? w->entries.items + skip : NULL,
        .count = w->entries.count - skip,
    };
    return true;
}

void wal_replay_release(struct wal_replay *w)
{
    entries_cut(w, 0);
    for (size_t i = 0; i < w->snapshots.count; i++)
        raft_snapshot_unref(w->snapshots.items[i]);
    vec_release(&w->entries);
    vec_release(&w->snapshots);
}

/* ---- on a disk of the simulation ---- */

static uint64_t record_last_index(const struct message *record)
{
    const struct wal_record *r = (const void *)record;
    uint64_t last = r->count ? r->entries[r->count - 1]->index : 0;
    return r->snapshot_index > last ? r->snapshot_index : last;
}

bool wal_open(struct wal *w, struct step *step, struct str name, struct wal_replay *replay,
              struct raft_disk *ret_disk)
{
    w->log = step_file(step, arena_printf(step->scratch, "%.*s.wal", STR_ARG(name)));
    w->snapshots = step_file(step, arena_printf(step->scratch, "%.*s.snap", STR_ARG(name)));
    w->snapshot_count = step_file_count(step, w->snapshots);
    for (size_t i = 0; i < w->snapshot_count; i++) {
        bool torn = false;
        const struct message *record = step_file_record(step, w->snapshots, i, &torn);
        wal_replay_snapshot(replay, record, torn);
    }
    size_t count = step_file_count(step, w->log);
    for (size_t i = 0; i < count; i++) {
        bool torn = false;
        const struct message *record = step_file_record(step, w->log, i, &torn);
        wal_replay_record(replay, record, torn);
        if (!torn)
            vec_push(&w->last_index, record_last_index(record));
    }
    if (!wal_replay_end(replay, ret_disk))
        return false;
    if (replay->good < count)
        step_file_truncate(step, w->log, replay->good);
    return true;
}

void wal_release(struct wal *w)
{
    vec_release(&w->last_index);
}

static void append_log(struct wal *w, struct step *step, struct message *own_record)
{
    vec_push(&w->last_index, record_last_index(own_record));
    step_file_append(step, w->log, own_record, 0);
}

static void append_snapshot(struct wal *w, struct step *step, struct raft_snapshot *s)
{
    /* The newest counts only with its marker durable: the one before it stays until the next. */
    if (w->snapshot_count > 1) {
        step_file_drop_head(step, w->snapshots, w->snapshot_count - 1);
        w->snapshot_count = 1;
    }
    step_file_append(step, w->snapshots, wal_snapshot_new(s), 0);
    step_file_sync(step, w->snapshots, 0);
    w->snapshot_count++;
}

void wal_persist(struct wal *w, struct step *step, const struct raft *r,
                 const struct raft_effects *e, uint64_t tag)
{
    if (e->snapshot)
        append_snapshot(w, step, e->snapshot);
    append_log(w, step, wal_record_new(r, e));
    step_file_sync(step, w->log, tag);
}

void wal_checkpoint(struct wal *w, struct step *step, const struct raft *r, struct raft_snapshot *s)
{
    append_snapshot(w, step, s);
    struct raft_effects none = {.first = 1};
    none.commit = raft_commit(r);
    raft_saved_vote(r, &none.term, &none.vote);
    none.snapshot = s;
    append_log(w, step, wal_record_new(r, &none));
    /* What the snapshot before this one covers is not needed any more, whichever of the two
     * survives. */
    size_t drop = 0;
    while (drop + 1 < w->last_index.count && w->last_index.items[drop] < w->droppable)
        drop++;
    if (drop > 0) {
        step_file_drop_head(step, w->log, drop);
        memmove(w->last_index.items, w->last_index.items + drop,
                (w->last_index.count - drop) * sizeof(uint64_t));
        w->last_index.count -= drop;
    }
    w->droppable = s->index;
}
