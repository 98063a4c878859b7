/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries, snapshots and messages of Raft as counted, immutable things, and the log in memory: an
 * array of pointers with dead slots in front that a compaction leaves and a later one squeezes out.
 *
 * An entry is made once, by the leader that proposes it; every log, message and write-ahead record
 * holds a reference. So a write through three members copies nothing.
 */
#include "sim/base/base.h"
#include "cluster/etcd/raft_internal.h"

#include "cluster/api/request.h"
#include "sim/base/mem.h"

#define ENTRY_OVERHEAD_BYTES 24
#define MESSAGE_OVERHEAD_BYTES 64

struct raft_entry *raft_entry_new(uint64_t index, uint64_t term, struct message *payload)
{
    struct raft_entry *e = mem_new(struct raft_entry);
    e->references = 1;
    e->index = index;
    e->term = term;
    e->payload = payload ? message_ref(payload) : NULL;
    e->size_bytes = ENTRY_OVERHEAD_BYTES + (payload ? payload->size_bytes : 0);
    return e;
}

void raft_entry_unref(struct raft_entry *e)
{
    if (!e || --e->references > 0)
        return;
    message_unref(e->payload);
    mem_free(e);
}

struct raft_snapshot *raft_snapshot_new(uint64_t index, uint64_t term, struct message *own_payload)
{
    struct raft_snapshot *s = mem_new(struct raft_snapshot);
    s->references = 1;
    s->index = index;
    s->term = term;
    s->payload = own_payload;
    s->size_bytes = own_payload ? own_payload->size_bytes : 0;
    return s;
}

struct raft_snapshot *raft_snapshot_ref(struct raft_snapshot *s)
{
    s->references++;
    return s;
}

void raft_snapshot_unref(struct raft_snapshot *s)
{
    if (!s || --s->references > 0)
        return;
    message_unref(s->payload);
    mem_free(s);
}

/* ---- messages ---- */

static void message_release(struct message *message)
{
    struct raft_message *m = CONTAINER_OF(message, struct raft_message, message);
    for (uint32_t i = 0; i < m->count; i++)
        raft_entry_unref(m->entries[i]);
    raft_snapshot_unref(m->snapshot);
    message_unref(m->payload);
    mem_free(m);
}

static uint64_t message_digest(const struct message *message)
{
    const struct raft_message *m = (const void *)message;
    uint64_t h = hash_pair((uint64_t)m->kind << 56 ^ m->term << 8 ^ m->log_term, m->index);
    return hash_pair(h ^ m->context, m->commit << 16 ^ (uint64_t)m->count << 1 ^ m->reject);
}

#define TYPE(id, text)                                                                             \
    [id] = {.name = text,                                                                          \
            .kind = MESSAGE_ETCD_FIRST + 8 + id,                                                   \
            .release = message_release,                                                            \
            .digest = message_digest}
const struct message_type raft_message_types[RAFT_MESSAGE_KIND_COUNT] = {
    TYPE(RAFT_APPEND, "raft append"),
    TYPE(RAFT_APPEND_REPLY, "raft append reply"),
    TYPE(RAFT_HEARTBEAT, "raft heartbeat"),
    TYPE(RAFT_HEARTBEAT_REPLY, "raft heartbeat reply"),
    TYPE(RAFT_PRE_VOTE, "raft pre-vote"),
    TYPE(RAFT_PRE_VOTE_REPLY, "raft pre-vote reply"),
    TYPE(RAFT_VOTE, "raft vote"),
    TYPE(RAFT_VOTE_REPLY, "raft vote reply"),
    TYPE(RAFT_SNAPSHOT, "raft snapshot"),
    TYPE(RAFT_PROPOSE, "raft proposal"),
    TYPE(RAFT_READ, "raft read"),
    TYPE(RAFT_READ_REPLY, "raft read reply"),
    TYPE(RAFT_TIMEOUT_NOW, "raft hand-over"),
};
#undef TYPE

const char *raft_message_text(enum raft_message_kind kind)
{
    CHECK(kind < RAFT_MESSAGE_KIND_COUNT);
    return raft_message_types[kind].name;
}

struct raft_message *raft_message_new(enum raft_message_kind kind, uint32_t from, uint32_t to,
                                      uint32_t entry_count)
{
    struct raft_message *m =
        mem_allocate(1, sizeof(*m) + (size_t)entry_count * sizeof(struct raft_entry *));
    message_init(&m->message, &raft_message_types[kind], MESSAGE_OVERHEAD_BYTES);
    m->kind = kind;
    m->from = from;
    m->to = to;
    return m;
}

/* ---- the log ---- */

uint64_t raft_first(const struct raft *r)
{
    return r->base + 1;
}

uint64_t raft_last(const struct raft *r)
{
    return r->base + (r->entries.count - r->head);
}

struct raft_entry *raft_entry(const struct raft *r, uint64_t index)
{
    if (index <= r->base || index > raft_last(r))
        return NULL;
    return r->entries.items[r->head + (size_t)(index - r->base - 1)];
}

bool raft_has_term(const struct raft *r, uint64_t index, uint64_t *ret_term)
{
    if (index == r->base) {
        *ret_term = r->base_term;
        return true;
    }
    const struct raft_entry *e = raft_entry(r, index);
    if (!e)
        return false;
    *ret_term = e->term;
    return true;
}

uint64_t raft_log_term(const struct raft *r, uint64_t index)
{
    uint64_t term = 0;
    (void)raft_has_term(r, index, &term); /* 0 when unknown */
    return term;
}

void raft_log_append(struct raft *r, struct raft_entry *own_entry)
{
    CHECK(own_entry->index == raft_last(r) + 1);
    vec_push(&r->entries, own_entry);
}

void raft_log_truncate(struct raft *r, uint64_t from)
{
    CHECK(from > r->base);
    while (raft_last(r) >= from)
        raft_entry_unref(vec_pop(&r->entries));
    if (r->unsaved > from)
        r->unsaved = from;
    if (r->persisted >= from)
        r->persisted = from - 1;
    if (r->persisting_last >= from)
        r->persisting_last = from - 1;
}

void raft_log_drop_before(struct raft *r, uint64_t first)
{
    if (first <= r->base + 1)
        return;
    CHECK(first <= raft_last(r) + 1);
    uint64_t new_base_term = raft_log_term(r, first - 1);
    size_t count = (size_t)(first - r->base - 1);
    for (size_t i = 0; i < count; i++)
        raft_entry_unref(r->entries.items[r->head + i]);
    r->head += count;
    r->base = first - 1;
    r->base_term = new_base_term;
    if (r->head > 64 && r->head * 2 > r->entries.count) {
        memmove(r->entries.items, r->entries.items + r->head,
                (r->entries.count - r->head) * sizeof(*r->entries.items));
        r->entries.count -= r->head;
        r->head = 0;
    }
}

void raft_log_reset(struct raft *r, uint64_t index, uint64_t term)
{
    for (size_t i = r->head; i < r->entries.count; i++)
        raft_entry_unref(r->entries.items[i]);
    r->entries.count = r->head = 0;
    r->base = index;
    r->base_term = term;
}

uint64_t raft_log_find(const struct raft *r, uint64_t index, uint64_t term)
{
    if (index > raft_last(r))
        index = raft_last(r);
    while (index > r->base && raft_log_term(r, index) > term)
        index--;
    return index;
}
