/* SPDX-License-Identifier: Apache-2.0
 *
 * client-go's work queue (k8s.io/client-go/util/workqueue), the heart of every controller.
 *
 * Rules. A key is *dirty* from being added until a worker takes it, and *processing* until that
 * worker is done. It is in line exactly when dirty and not processing: added twice it is worked on
 * once, added while processing it goes in line again when the worker is done. So no two workers
 * ever hold one key.
 *
 * Delays. A key waits at most once: added again with another delay, the earlier instant counts. The
 * rate limiter is the controllers' default: per key 5 ms * 2^failures up to 1000 s, and a bucket of
 * 10 a second with a burst of 100 over all keys; the longer of both. A key's failures are counted
 * until workqueue_forget.
 *
 * An entry exists while any of this holds of its key, so a queue at rest owns nothing.
 */
#include "sim/base/base.h"

#include "cluster/client/workqueue.h"

#include "cluster/client/token_bucket.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"

#define BACKOFF_FIRST_NS INT64_C(5000000)
#define BACKOFF_MAX_NS (INT64_C(1000) * 1000000000)
#define BUCKET_PER_SECOND 10
#define BUCKET_BURST 100

struct entry {
    const struct object_key *key;
    struct entry *next;           /* in line */
    struct entry *before, *after; /* among all entries, for freeing */
    struct instant at;            /* while waiting */
    uint64_t sequence;            /* orders those that wait for the same instant */
    uint32_t failures;
    bool is_dirty, is_processing, is_waiting;
};
struct workqueue {
    struct index entries;       /* by key */
    struct map waiting;         /* by (at, sequence) */
    struct entry *first, *last; /* the line */
    struct entry *all;
    size_t length;
    uint64_t sequence;
    struct token_bucket bucket;
    struct duration backoff_first, backoff_most;
};

static bool is_of_key(const void *probe, const void *item)
{
    return ((const struct entry *)item)->key == probe;
}

static int by_instant(const void *probe, const void *item)
{
    const struct entry *a = probe, *b = item;
    if (a->at.ns != b->at.ns)
        return a->at.ns < b->at.ns ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

struct workqueue *workqueue_new(void)
{
    struct workqueue *q = mem_new(struct workqueue);
    q->entries.equal = is_of_key;
    q->waiting.compare = by_instant;
    q->bucket = token_bucket(BUCKET_PER_SECOND, duration_s(1), BUCKET_BURST);
    workqueue_set_backoff(q, duration_ns(BACKOFF_FIRST_NS), duration_ns(BACKOFF_MAX_NS));
    return q;
}

static struct entry *entry_find(const struct workqueue *q, const struct object_key *key)
{
    return index_get(&q->entries, key->hash, key);
}

static struct entry *entry_of(struct workqueue *q, const struct object_key *key)
{
    struct entry *e = entry_find(q, key);
    if (!e) {
        e = mem_new(struct entry);
        e->key = object_key_ref(key);
        e->after = q->all;
        if (q->all)
            q->all->before = e;
        q->all = e;
        index_put(&q->entries, key->hash, key, e);
    }
    return e;
}

static void entry_free(struct workqueue *q, struct entry *e)
{
    if (e->before)
        e->before->after = e->after;
    else
        q->all = e->after;
    if (e->after)
        e->after->before = e->before;
    object_key_unref(e->key);
    mem_free(e);
}

static void drop_if_idle(struct workqueue *q, struct entry *e)
{
    if (e->is_dirty || e->is_processing || e->is_waiting || e->failures > 0)
        return;
    index_remove(&q->entries, e->key->hash, e->key);
    entry_free(q, e);
}

static void line_up(struct workqueue *q, struct entry *e)
{
    e->next = NULL;
    if (q->last)
        q->last->next = e;
    else
        q->first = e;
    q->last = e;
    q->length++;
}

void workqueue_free(struct workqueue *q)
{
    if (!q)
        return;
    while (q->all)
        entry_free(q, q->all);
    map_release(&q->waiting);
    index_release(&q->entries);
    mem_free(q);
}

void workqueue_add(struct workqueue *q, const struct object_key *key)
{
    struct entry *e = entry_of(q, key);
    if (e->is_dirty)
        return;
    e->is_dirty = true;
    if (!e->is_processing)
        line_up(q, e);
}

void workqueue_add_after(struct workqueue *q, const struct object_key *key, struct instant now,
                         struct duration delay)
{
    if (delay.ns <= 0) {
        workqueue_add(q, key);
        return;
    }
    struct entry *e = entry_of(q, key);
    struct instant at = instant_add(now, delay);
    if (e->is_waiting) {
        if (e->at.ns <= at.ns)
            return;
        map_remove(&q->waiting, e);
    }
    e->is_waiting = true;
    e->at = at;
    e->sequence = ++q->sequence;
    map_put(&q->waiting, e);
}

void workqueue_set_backoff(struct workqueue *q, struct duration first, struct duration most)
{
    CHECK(first.ns > 0 && most.ns >= first.ns);
    q->backoff_first = first;
    q->backoff_most = most;
}

static struct duration backoff_of(const struct workqueue *q, uint32_t failures)
{
    int64_t left = q->backoff_most.ns / q->backoff_first.ns; /* the limit, in units of the first */
    if (failures >= 62 || (INT64_C(1) << failures) > left)
        return q->backoff_most;
    return duration_ns(q->backoff_first.ns << failures);
}

void workqueue_add_rate_limited(struct workqueue *q, const struct object_key *key,
                                struct instant now)
{
    struct entry *e = entry_of(q, key);
    struct duration own = backoff_of(q, e->failures);
    struct duration overall = instant_since(token_bucket_reserve(&q->bucket, now), now);
    e->failures++;
    workqueue_add_after(q, key, now, own.ns > overall.ns ? own : overall);
}

void workqueue_forget(struct workqueue *q, const struct object_key *key)
{
    struct entry *e = entry_find(q, key);
    if (!e)
        return;
    e->failures = 0;
    drop_if_idle(q, e);
}

uint32_t workqueue_requeues(const struct workqueue *q, const struct object_key *key)
{
    const struct entry *e = entry_find(q, key);
    return e ? e->failures : 0;
}

void workqueue_tick(struct workqueue *q, struct instant now)
{
    for (;;) {
        struct entry *e = map_first(&q->waiting).item;
        if (!e || e->at.ns > now.ns)
            return;
        map_remove(&q->waiting, e);
        e->is_waiting = false;
        workqueue_add(q, e->key);
    }
}

struct instant workqueue_next_instant(const struct workqueue *q)
{
    const struct entry *e = map_first(&q->waiting).item;
    return e ? e->at : INSTANT_NEVER;
}

const struct object_key *workqueue_get(struct workqueue *q)
{
    struct entry *e = q->first;
    if (!e)
        return NULL;
    q->first = e->next;
    if (!q->first)
        q->last = NULL;
    q->length--;
    CHECK(e->is_dirty && !e->is_processing);
    e->is_dirty = false;
    e->is_processing = true;
    return object_key_ref(e->key);
}

void workqueue_done(struct workqueue *q, const struct object_key *own_key)
{
    struct entry *e = entry_find(q, own_key);
    CHECK(e && e->is_processing);
    e->is_processing = false;
    if (e->is_dirty)
        line_up(q, e);
    else
        drop_if_idle(q, e);
    object_key_unref(own_key);
}

size_t workqueue_length(const struct workqueue *q)
{
    return q->length;
}
