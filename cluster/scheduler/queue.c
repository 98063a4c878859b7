/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduling queue of kube-scheduler ("PriorityQueue").
 *
 * A pod is in one of three places, or in flight (its cycle or its binding is under way):
 *   active         a heap by priority (high first), then by when it was put there;
 *   back-off       a heap by when its back-off ends: 1 s * 2^(attempts-1), at most 10 s;
 *   unschedulable  waits for a cluster event that one of the plugins that rejected it cares about.
 *                  What has waited for 5 minutes is tried again; the real one looks every 30 s.
 *
 * Events that arrive while a pod is in its cycle are kept and count when the cycle ends without a
 * node, so that no wake-up is lost.
 *
 * Since 1.33 an idle scheduler takes pods out of the back-off heap early
 * (SchedulerPopFromBackoffQ), but not those whose last try ended in an error; the same is done
 * here.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/ and
 * pkg/scheduler/backend/queue.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/queue.h"

#define UNSCHEDULABLE_WAIT_S 300
#define FLUSH_PERIOD_S 30
#define BACKOFF_SHIFT_MAX 16

typedef bool (*before_fn)(const struct queued_pod *a, const struct queued_pod *b);

static bool active_before(const struct queued_pod *a, const struct queued_pod *b);
static bool backoff_before(const struct queued_pod *a, const struct queued_pod *b);
static void heap_push(struct queued_pod ***items, size_t *count, struct queued_pod *p,
                      before_fn before);
static void heap_remove(struct queued_pod **items, size_t *count, size_t position,
                        before_fn before);
static struct instant oldest_unschedulable(struct scheduling_queue *q);
static void leave_place(struct scheduling_queue *q, struct queued_pod *p);
static void enter_active(struct scheduling_queue *q, struct queued_pod *p);
static void enter_backoff(struct scheduling_queue *q, struct queued_pod *p);
static void enter_waiting(struct scheduling_queue *q, struct queued_pod *p,
                          enum queued_place place);
static struct duration backoff_of(const struct scheduling_queue *q, uint32_t count);
static void wake(struct scheduling_queue *q, struct queued_pod *p, struct instant now);
static bool is_gated(struct value pod);
static bool same_key(const void *probe, const void *item);
static void queued_pod_free(struct queued_pod *p);

/* ---- life ---- */

void scheduling_queue_release(struct scheduling_queue *q)
{
    for (size_t i = 0; i < q->active.count; i++)
        queued_pod_free(q->active.items[i]);
    for (size_t i = 0; i < q->backoff.count; i++)
        queued_pod_free(q->backoff.items[i]);
    for (size_t i = 0; i < q->waiting.count; i++)
        queued_pod_free(q->waiting.items[i]);
    for (size_t i = 0; i < q->flying.count; i++)
        queued_pod_free(q->flying.items[i]);
    vec_release(&q->active);
    vec_release(&q->backoff);
    vec_release(&q->waiting);
    vec_release(&q->flying);
    index_release(&q->pods);
}

/* ---- coming and going ---- */

void scheduling_queue_put(struct scheduling_queue *q, struct cache *cache,
                          const struct object_key *key, struct value pod, struct instant now)
{
    q->pods.equal = same_key;
    struct queued_pod *p = index_get(&q->pods, key->hash, key);
    bool is_new = p == NULL;
    if (is_new) {
        p = mem_new(struct queued_pod);
        p->key = object_key_ref(key);
        p->timestamp = now;
        p->arrival = ++q->arrivals;
        index_put(&q->pods, key->hash, key, p);
    }
    value_drop(p->pod);
    p->pod = value_keep(pod);
    pod_info_free(p->info);
    p->info = pod_info_new(cache, key, pod);
    int64_t priority = p->info->priority;

    if (p->place == QUEUED_IN_FLIGHT && !is_new) {
        p->priority = priority;
        p->events_in_flight |= EVENT_UNSCHEDULED_POD;
        return;
    }
    if (is_new) {
        p->priority = priority;
        if (is_gated(pod))
            enter_waiting(q, p, QUEUED_GATED);
        else
            enter_active(q, p);
        return;
    }
    bool reorder = p->place == QUEUED_ACTIVE && p->priority != priority;
    bool ungated = p->place == QUEUED_GATED && !is_gated(pod);
    if (reorder || ungated)
        leave_place(q, p);
    p->priority = priority;
    if (reorder || ungated)
        enter_active(q, p);
}

void scheduling_queue_remove(struct scheduling_queue *q, const struct object_key *key)
{
    struct queued_pod *p = index_get(&q->pods, key->hash, key);
    if (!p)
        return;
    index_remove(&q->pods, key->hash, key);
    leave_place(q, p);
    queued_pod_free(p);
}

struct queued_pod *scheduling_queue_find(const struct scheduling_queue *q,
                                         const struct object_key *key)
{
    return q->pods.equal ? index_get(&q->pods, key->hash, key) : NULL;
}

struct queued_pod *scheduling_queue_pop(struct scheduling_queue *q)
{
    struct queued_pod *p = NULL;
    if (q->active.count > 0)
        p = q->active.items[0];
    else if (q->backoff.count > 0 && q->backoff.items[0]->error_count == 0)
        p = q->backoff.items[0];
    if (!p)
        return NULL;
    leave_place(q, p);
    p->place = QUEUED_IN_FLIGHT;
    p->events_in_flight = 0;
    p->heap_position = q->flying.count;
    vec_push(&q->flying, p);
    return p;
}

bool scheduling_queue_has_active(const struct scheduling_queue *q)
{
    return q->active.count > 0 || (q->backoff.count > 0 && q->backoff.items[0]->error_count == 0);
}

/* ---- the end of a flight ---- */

void scheduling_queue_done(struct scheduling_queue *q, struct queued_pod *p)
{
    index_remove(&q->pods, p->key->hash, p->key);
    leave_place(q, p);
    queued_pod_free(p);
}

void scheduling_queue_unschedulable(struct scheduling_queue *q, struct queued_pod *p,
                                    uint32_t rejecting, uint32_t wanted_events, struct instant now)
{
    CHECK(p->place == QUEUED_IN_FLIGHT);
    leave_place(q, p);
    p->rejecting = rejecting;
    p->wanted_events = wanted_events;
    p->unschedulable_count++;
    p->error_count = 0;
    p->timestamp = now;
    p->backoff_until = instant_add(now, backoff_of(q, p->unschedulable_count));
    if (p->events_in_flight & (wanted_events | EVENT_UNSCHEDULED_POD))
        enter_backoff(q, p);
    else
        enter_waiting(q, p, QUEUED_UNSCHEDULABLE);
}

void scheduling_queue_failed(struct scheduling_queue *q, struct queued_pod *p, struct instant now)
{
    CHECK(p->place == QUEUED_IN_FLIGHT);
    leave_place(q, p);
    p->error_count++;
    p->timestamp = now;
    p->backoff_until = instant_add(now, backoff_of(q, p->error_count));
    enter_backoff(q, p);
}

/* ---- waking up ---- */

size_t scheduling_queue_move(struct scheduling_queue *q, uint32_t event, struct instant now)
{
    for (size_t i = 0; i < q->flying.count; i++)
        q->flying.items[i]->events_in_flight |= event;
    size_t moved = 0;
    for (size_t i = 0; i < q->waiting.count;) {
        struct queued_pod *p = q->waiting.items[i];
        if (p->place == QUEUED_UNSCHEDULABLE && (p->wanted_events & event)) {
            wake(q, p, now); /* its place in the array is taken by the last one */
            moved++;
        } else {
            i++;
        }
    }
    return moved;
}

bool scheduling_queue_wake_pod(struct scheduling_queue *q, const struct object_key *key,
                               struct instant now)
{
    struct queued_pod *p = scheduling_queue_find(q, key);
    if (!p || p->place != QUEUED_UNSCHEDULABLE)
        return false;
    wake(q, p, now);
    return true;
}

void scheduling_queue_tick(struct scheduling_queue *q, struct instant now)
{
    /* Back-offs are flushed every second; an expiry counts from its whole second on. */
    while (q->backoff.count > 0 && q->backoff.items[0]->backoff_until.ns <= now.ns) {
        struct queued_pod *p = q->backoff.items[0];
        leave_place(q, p);
        enter_active(q, p);
    }
    struct instant oldest = oldest_unschedulable(q);
    if (oldest.ns == INSTANT_NEVER.ns ||
        now.ns < instant_add(oldest, duration_s(UNSCHEDULABLE_WAIT_S)).ns)
        return;
    for (size_t i = 0; i < q->waiting.count;) {
        struct queued_pod *p = q->waiting.items[i];
        if (p->place == QUEUED_UNSCHEDULABLE &&
            now.ns >= instant_add(p->timestamp, duration_s(UNSCHEDULABLE_WAIT_S)).ns)
            wake(q, p, now);
        else
            i++;
    }
}

static struct instant oldest_unschedulable(struct scheduling_queue *q)
{
    if (q->oldest_is_known)
        return q->oldest;
    q->oldest = INSTANT_NEVER;
    q->oldest_is_known = true;
    for (size_t i = 0; i < q->waiting.count; i++) {
        const struct queued_pod *p = q->waiting.items[i];
        if (p->place == QUEUED_UNSCHEDULABLE && instant_before(p->timestamp, q->oldest))
            q->oldest = p->timestamp;
    }
    return q->oldest;
}

struct instant scheduling_queue_next_instant(struct scheduling_queue *q)
{
    struct instant next = INSTANT_NEVER, oldest = oldest_unschedulable(q);
    if (q->backoff.count > 0)
        next = q->backoff.items[0]->backoff_until;
    if (oldest.ns == INSTANT_NEVER.ns)
        return next;
    int64_t period = duration_s(FLUSH_PERIOD_S).ns;
    int64_t due = instant_add(oldest, duration_s(UNSCHEDULABLE_WAIT_S)).ns;
    int64_t flush = (due + period - 1) / period * period;
    return flush < next.ns ? (struct instant){flush} : next;
}

/* ---- places ---- */

static void wake(struct scheduling_queue *q, struct queued_pod *p, struct instant now)
{
    leave_place(q, p);
    if (p->backoff_until.ns > now.ns)
        enter_backoff(q, p);
    else
        enter_active(q, p);
}

static void enter_active(struct scheduling_queue *q, struct queued_pod *p)
{
    p->place = QUEUED_ACTIVE;
    vec_reserve(&q->active, q->active.count + 1);
    heap_push(&q->active.items, &q->active.count, p, active_before);
}

static void enter_backoff(struct scheduling_queue *q, struct queued_pod *p)
{
    p->place = QUEUED_BACKOFF;
    vec_reserve(&q->backoff, q->backoff.count + 1);
    heap_push(&q->backoff.items, &q->backoff.count, p, backoff_before);
}

static void enter_waiting(struct scheduling_queue *q, struct queued_pod *p, enum queued_place place)
{
    p->place = place;
    p->heap_position = q->waiting.count;
    vec_push(&q->waiting, p);
    if (place == QUEUED_UNSCHEDULABLE && instant_before(p->timestamp, q->oldest))
        q->oldest = p->timestamp;
}

static void leave_place(struct scheduling_queue *q, struct queued_pod *p)
{
    struct queued_pod **items = NULL;
    size_t *count = NULL;
    switch (p->place) {
    case QUEUED_ACTIVE:
        heap_remove(q->active.items, &q->active.count, p->heap_position, active_before);
        return;
    case QUEUED_BACKOFF:
        heap_remove(q->backoff.items, &q->backoff.count, p->heap_position, backoff_before);
        return;
    case QUEUED_UNSCHEDULABLE:
    case QUEUED_GATED:
        items = q->waiting.items;
        count = &q->waiting.count;
        if (p->timestamp.ns == q->oldest.ns)
            q->oldest_is_known = false;
        break;
    case QUEUED_IN_FLIGHT:
        items = q->flying.items;
        count = &q->flying.count;
        break;
    }
    CHECK(items && items[p->heap_position] == p);
    items[p->heap_position] = items[--*count];
    items[p->heap_position]->heap_position = p->heap_position;
}

static struct duration backoff_of(const struct scheduling_queue *q, uint32_t count)
{
    uint32_t shift = count > BACKOFF_SHIFT_MAX ? BACKOFF_SHIFT_MAX : count - 1;
    int64_t ns = q->initial_backoff.ns << shift;
    return (struct duration){ns > q->max_backoff.ns ? q->max_backoff.ns : ns};
}

/* ---- heaps ---- */

static bool active_before(const struct queued_pod *a, const struct queued_pod *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->timestamp.ns != b->timestamp.ns)
        return a->timestamp.ns < b->timestamp.ns;
    return a->arrival < b->arrival;
}

static bool backoff_before(const struct queued_pod *a, const struct queued_pod *b)
{
    if (a->backoff_until.ns != b->backoff_until.ns)
        return a->backoff_until.ns < b->backoff_until.ns;
    return a->arrival < b->arrival;
}

static void heap_up(struct queued_pod **items, size_t i, before_fn before)
{
    struct queued_pod *p = items[i];
    for (; i > 0 && before(p, items[(i - 1) / 2]); i = (i - 1) / 2) {
        items[i] = items[(i - 1) / 2];
        items[i]->heap_position = i;
    }
    items[i] = p;
    p->heap_position = i;
}

static void heap_down(struct queued_pod **items, size_t count, size_t i, before_fn before)
{
    struct queued_pod *p = items[i];
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && before(items[child + 1], items[child]))
            child++;
        if (!before(items[child], p))
            break;
        items[i] = items[child];
        items[i]->heap_position = i;
    }
    items[i] = p;
    p->heap_position = i;
}

/* The caller has reserved room for one more. */
static void heap_push(struct queued_pod ***items, size_t *count, struct queued_pod *p,
                      before_fn before)
{
    (*items)[*count] = p;
    heap_up(*items, (*count)++, before);
}

static void heap_remove(struct queued_pod **items, size_t *count, size_t position, before_fn before)
{
    struct queued_pod *last = items[--*count];
    if (position == *count)
        return;
    items[position] = last;
    last->heap_position = position;
    heap_up(items, position, before);
    heap_down(items, *count, last->heap_position, before);
}

/* ---- helpers ---- */

static bool is_gated(struct value pod)
{
    return value_count(VALUE_GET(pod, spec, schedulingGates)) > 0;
}

static bool same_key(const void *probe, const void *item)
{
    return ((const struct queued_pod *)item)->key == probe;
}

static void queued_pod_free(struct queued_pod *p)
{
    pod_info_free(p->info);
    value_drop(p->pod);
    object_key_unref(p->key);
    mem_free(p);
}
