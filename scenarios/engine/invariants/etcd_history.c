/* SPDX-License-Identifier: Apache-2.0
 *
 * What etcd promises of its history: reads, writes and watches. The order in which revisions were
 * committed is the witness of serializability, so no search is needed: a write must have seen the
 * version that the order says was newest, a linearisable read must show at least what had been
 * applied anywhere when it began, a read of the past just what was there, and a watch each revision
 * once, in order, with all its changes.
 *
 * After a disk has lost what it said was synced nothing of this is promised.
 *
 * Source: etcd.io/docs/v3.6/learning/api_guarantees/
 */
#include "sim/base/base.h"

#include "cluster/etcd/etcd.h"
#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"

#define RECENT_MAX 256
#define COUNTS_MAX 65536

/* ---- I8 ---- */

struct reads {
    struct run *run;
    uint64_t count;
    bool has_stale;
    struct etcd_observation stale;
};

static void reads_heard(void *owner, const struct etcd_observation *o)
{
    struct reads *r = owner;
    if (o->kind != ETCD_OBSERVED_READ)
        return;
    r->count++;
    if (o->last >= o->floor || r->has_stale)
        return;
    r->has_stale = true;
    r->stale = *o;
}

static void *reads_new(struct run *r)
{
    struct reads *reads = mem_new(struct reads);
    reads->run = r;
    cluster_listen_etcd(r->cluster, reads_heard, reads);
    return reads;
}

static void reads_free(void *memory)
{
    struct reads *r = memory;
    cluster_unlisten_etcd(r->run->cluster, r);
    mem_free(r);
}

static void reads_looked(struct verdict *v, void *memory)
{
    struct reads *r = memory;
    *v->checked = r->count;
    if (r->has_stale && !v->run->has_lying_disk)
        text_printf(v->violation,
                    "etcd-%u answered a read at revision %" PRId64 ", yet %" PRId64
                    " had been applied when it began",
                    r->stale.member, r->stale.last, r->stale.floor);
}

const struct invariant invariant_read_freshness = {
    .id = "I8",
    .name = "read-freshness",
    .help = "a linearisable read shows all that was applied before it began",
    .looked = reads_looked,
    .ended = reads_looked,
    .memory_new = reads_new,
    .memory_free = reads_free,
};

/* ---- I20 ---- */

struct newest {
    struct newest_of {
        int64_t *revision; /* by key id, which is dense within a resource; 0: no such key */
        size_t count;
    } * of; /* by resource index; of custom kinds too: only looked up */
    size_t count;
};

static void *newest_new(struct run *r)
{
    (void)r;
    struct newest *n = mem_new(struct newest);
    n->count = resource_count();
    n->of = mem_array(struct newest_of, n->count);
    return n;
}

static void newest_free(void *memory)
{
    struct newest *n = memory;
    for (size_t i = 0; i < n->count; i++)
        mem_free(n->of[i].revision);
    mem_free(n->of);
    mem_free(n);
}

static void newest_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    struct newest *all = memory;
    uint32_t index = change->key->resource->index;
    if (index >= all->count) {
        all->of = mem_resize(all->of, struct newest_of, all->count, (size_t)index + 1);
        all->count = (size_t)index + 1;
    }
    struct newest_of *n = &all->of[index];
    uint32_t id = change->key->id;
    if (id >= n->count) {
        size_t count = id + id / 2 + 64;
        n->revision = mem_resize(n->revision, int64_t, n->count, count);
        n->count = count;
    }
    int64_t seen = change->before_version > 0 ? change->before_revision : 0;
    (*v->checked)++;
    if (seen != n->revision[id] && !v->run->has_lying_disk)
        text_printf(v->violation,
                    "revision %" PRId64 " was made of revision %" PRId64
                    " of the key, yet its newest was %" PRId64,
                    change->revision, seen, n->revision[id]);
    n->revision[id] = value_is_present(change->after) ? change->revision : 0;
}

const struct invariant invariant_commit_order = {
    .id = "I20",
    .name = "commit-order",
    .help = "each write follows the newest version of its key: writes are serializable",
    .changed = newest_changed,
    .memory_new = newest_new,
    .memory_free = newest_free,
};

/* ---- I23 ---- */

struct past {
    struct {
        int64_t revision;
        const struct object_key *key;
        bool is_gone;
    } recent[RECENT_MAX]; /* by revision modulo RECENT_MAX */
    int64_t newest, judged;
};

static void *past_new(struct run *r)
{
    (void)r;
    return mem_new(struct past);
}

static void past_free(void *memory)
{
    struct past *p = memory;
    for (size_t i = 0; i < RECENT_MAX; i++)
        object_key_unref(p->recent[i].key);
    mem_free(p);
}

static void past_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    struct past *p = memory;
    size_t slot = (size_t)(change->revision % RECENT_MAX);
    (void)v;
    object_key_unref(p->recent[slot].key);
    p->recent[slot].revision = change->revision;
    p->recent[slot].key = object_key_ref(change->key);
    p->recent[slot].is_gone = !value_is_present(change->after);
    p->newest = change->revision;
}

/* One revision of the past in one member for each look: over a run that is every kind of both. */
static void past_looked(struct verdict *v, void *memory)
{
    struct past *p = memory;
    size_t count = cluster_component_count(v->run->cluster, COMPONENT_ETCD);
    if (p->newest == p->judged || v->run->has_lying_disk)
        return;
    p->judged = p->newest;
    uint64_t hash = hash_mix((uint64_t)p->newest);
    size_t i = (size_t)(hash % count);
    int64_t revision = p->newest - (int64_t)(hash >> 32) % RECENT_MAX;
    const struct etcd_member *m = member_of(v->run, i);
    size_t slot = (size_t)((revision + RECENT_MAX) % RECENT_MAX);
    if (!m || revision < 2 || p->recent[slot].revision != revision ||
        etcd_member_revision(m) < revision || etcd_member_compact_revision(m) >= revision)
        return;
    const struct etcd_kv *then = etcd_member_get_at(m, p->recent[slot].key, revision);
    const struct etcd_kv *before = etcd_member_get_at(m, p->recent[slot].key, revision - 1);
    (*v->checked)++;
    bool is_right = p->recent[slot].is_gone ? !then : then && then->mod_revision == revision;
    if (!is_right || (before && before->mod_revision >= revision))
        text_printf(v->violation, "etcd-%zu reads %.*s at revision %" PRId64 " as it never was", i,
                    STR_ARG(p->recent[slot].key->name), revision);
}

const struct invariant invariant_reads_of_the_past = {
    .id = "I23",
    .name = "reads-of-the-past",
    .help = "a read at a revision shows the state of that revision",
    .changed = past_changed,
    .looked = past_looked,
    .memory_new = past_new,
    .memory_free = past_free,
};

/* ---- I28 ---- */

struct sent {
    uint32_t member;
    stream_id stream;
    uint64_t watch;
    int64_t last;
};
struct watches {
    struct run *run;
    VEC(struct sent) sent;
    uint8_t changes[COUNTS_MAX]; /* of each revision, by revision modulo COUNTS_MAX; 255: or more */
    int64_t newest;
    uint64_t count;
    struct text violation;
};

static struct sent *sent_of(struct watches *w, const struct etcd_observation *o)
{
    for (size_t i = w->sent.count; i-- > 0;) {
        struct sent *s = &w->sent.items[i];
        if (s->member == o->member && s->stream == o->stream && s->watch == o->watch)
            return s;
    }
    /* A member has a handful at a time; those of connections that are gone are at the front. */
    if (w->sent.count >= 64)
        vec_remove(&w->sent, 0);
    vec_push(&w->sent, (struct sent){o->member, o->stream, o->watch, o->first - 1});
    return &vec_last(&w->sent);
}

static bool count_expected(const struct watches *w, int64_t first, int64_t last, size_t *ret_count)
{
    *ret_count = 0;
    if (first < 2 || last > w->newest || w->newest - first >= COUNTS_MAX)
        return false;
    for (int64_t r = first; r <= last; r++) {
        if (w->changes[r % COUNTS_MAX] == UINT8_MAX)
            return false;
        *ret_count += w->changes[r % COUNTS_MAX];
    }
    return true;
}

static void watches_heard(void *owner, const struct etcd_observation *o)
{
    struct watches *w = owner;
    size_t expected;
    if (o->kind != ETCD_OBSERVED_WATCH)
        return;
    struct sent *s = sent_of(w, o);
    w->count++;
    if (w->violation.size == 0 && s->last + 1 != o->first)
        text_printf(&w->violation,
                    "etcd-%u sent a watch revision %" PRId64 " after revision %" PRId64, o->member,
                    o->first, s->last);
    else if (w->violation.size == 0 && o->is_whole && o->last >= o->first &&
             count_expected(w, o->first, o->last, &expected) && expected != o->count)
        text_printf(&w->violation,
                    "etcd-%u sent a watch %zu changes of the revisions %" PRId64 " to %" PRId64
                    ", which made %zu",
                    o->member, o->count, o->first, o->last, expected);
    s->last = o->last;
}

static void *watches_new(struct run *r)
{
    struct watches *w = mem_new(struct watches);
    w->run = r;
    cluster_listen_etcd(r->cluster, watches_heard, w);
    return w;
}

static void watches_free(void *memory)
{
    struct watches *w = memory;
    cluster_unlisten_etcd(w->run->cluster, w);
    vec_release(&w->sent);
    text_release(&w->violation);
    mem_free(w);
}

static void watches_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    struct watches *w = memory;
    uint8_t *n = &w->changes[change->revision % COUNTS_MAX];
    (void)v;
    *n = change->revision != w->newest ? 1 : *n == UINT8_MAX ? UINT8_MAX : (uint8_t)(*n + 1);
    w->newest = change->revision;
}

static void watches_looked(struct verdict *v, void *memory)
{
    struct watches *w = memory;
    *v->checked = w->count;
    if (w->violation.size && !v->run->has_lying_disk)
        text_add(v->violation, text_str(&w->violation));
}

const struct invariant invariant_watch_reliable = {
    .id = "I28",
    .name = "watch-reliable",
    .help = "a watch is sent each revision once, in order, with all its changes",
    .changed = watches_changed,
    .looked = watches_looked,
    .ended = watches_looked,
    .memory_new = watches_new,
    .memory_free = watches_free,
};
