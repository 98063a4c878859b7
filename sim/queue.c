/* SPDX-License-Identifier: Apache-2.0
 *
 * The event queue.
 *
 * An event lives in a slot of one cache line. Most slots hang in a bucket of the wheel: level 0 has
 * 4,096 buckets of 2^16 ns (65 us), level 1 has 4,096 of 2^28 ns (268 ms); what is due later than
 * the window of level 1 waits in the heap `far`. Windows are aligned: level 0 covers exactly the
 * level 1 bucket that holds the current tick. Events of the current tick or before it are in the
 * heap `due`, which alone decides the order; so however coarse the ticks, the order is exact.
 *
 * A heap entry carries its key. It is stale, and skipped, unless its slot still has that very key:
 * ties are unique, so a slot that was dropped, moved or used again cannot match. Bucket lists are
 * linked in both directions, so a drop unlinks at once and leaves nothing behind.
 *
 * A deadline that moves back is only noted in its slot (`deadline`, `deadline_tie`); when the old
 * turn comes, the slot is placed anew. The tie of the new deadline was made when the deadline was
 * set, so the order is the one an eager move would give.
 *
 * The reference queue puts everything into `due`.
 */
#include "sim/queue.h"

#include "sim/base/hash.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define TICK_BITS 16
#define LEVEL_BITS 12
#define BUCKETS (1u << LEVEL_BITS)
#define BUCKET_MASK (BUCKETS - 1)
#define SLOT_BITS 24
#define SLOTS_MAX (1u << SLOT_BITS)
#define HEAP_SLACK 1024 /* stale entries beyond this and the live ones: the heap is swept */

enum place { PLACE_FREE, PLACE_TAKEN, PLACE_HEAP, PLACE_LEVEL_0, PLACE_LEVEL_1 };

struct slot {
    int64_t at;
    uint64_t tie;
    int64_t deadline;
    uint64_t deadline_tie;
    uint64_t argument;
    uint64_t generation;
    uint32_t next, previous; /* of the bucket or the free list; index + 1, 0 is none */
    uint32_t target;
    uint8_t kind;
    uint8_t place;
    uint16_t unused;
};
_Static_assert(sizeof(struct slot) == 64, "a slot is one cache line");

struct entry {
    int64_t at;
    uint64_t order; /* the tie, or its keyed hash */
    uint32_t slot;
    uint32_t unused;
};
struct heap {
    struct entry *items;
    size_t count, capacity;
};

struct level {
    uint32_t heads[BUCKETS];
    uint64_t occupied[BUCKETS / 64];
};

struct queue {
    bool is_reference;
    uint64_t shuffle_key;
    struct slot *slots;
    uint32_t slot_count, slot_capacity, free_slot;
    size_t pending, in_heaps; /* live events; those of them in a heap */
    int64_t tick;             /* the current one: its events are in `due` */
    struct heap due, far;
    struct level levels[2];
};

static uint64_t order_of(const struct queue *q, uint64_t tie)
{
    return q->shuffle_key ? hash_mix(tie ^ q->shuffle_key) : tie;
}

/* ---- the heap ---- */

static bool entry_before(const struct entry *a, const struct entry *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void heap_sift_up(struct heap *h, size_t at, struct entry entry)
{
    while (at > 0) {
        size_t parent = (at - 1) / 4;
        if (!entry_before(&entry, &h->items[parent]))
            break;
        h->items[at] = h->items[parent];
        at = parent;
    }
    h->items[at] = entry;
}

static void heap_sift_down(struct heap *h, size_t at, struct entry entry)
{
    for (;;) {
        size_t first = at * 4 + 1, end = first + 4 < h->count ? first + 4 : h->count;
        if (first >= h->count)
            break;
        size_t least = first;
        for (size_t child = first + 1; child < end; child++)
            if (entry_before(&h->items[child], &h->items[least]))
                least = child;
        if (!entry_before(&h->items[least], &entry))
            break;
        h->items[at] = h->items[least];
        at = least;
    }
    h->items[at] = entry;
}

static bool entry_is_stale(const struct queue *q, const struct entry *entry)
{
    const struct slot *slot = &q->slots[entry->slot];
    return slot->place != PLACE_HEAP || slot->at != entry->at ||
           order_of(q, slot->tie) != entry->order;
}

/* Many moves and drops have left stale entries: keeps the live ones. */
static void heap_sweep(struct queue *q, struct heap *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->count; i++)
        if (!entry_is_stale(q, &h->items[i]))
            h->items[kept++] = h->items[i];
    h->count = kept;
    for (size_t i = kept / 4 + 1; i-- > 0;)
        if (i < kept)
            heap_sift_down(h, i, h->items[i]);
}

static void heap_push(struct queue *q, struct heap *h, uint32_t index)
{
    struct slot *slot = &q->slots[index];
    if (h->count > 2 * q->in_heaps + HEAP_SLACK)
        heap_sweep(q, h);
    if (h->count == h->capacity) {
        size_t grown = vec_growth(h->capacity, 64);
        h->items = mem_resize(h->items, struct entry, h->capacity, grown);
        h->capacity = grown;
    }
    slot->place = PLACE_HEAP;
    q->in_heaps++;
    struct entry entry = {slot->at, order_of(q, slot->tie), index, 0};
    heap_sift_up(h, h->count++, entry);
}

static void heap_pop(struct heap *h)
{
    struct entry last = h->items[--h->count];
    if (h->count)
        heap_sift_down(h, 0, last);
}

/* ---- the wheel ---- */

static int64_t tick_of(int64_t at)
{
    return at >> TICK_BITS;
}

static uint32_t bucket_of(const struct slot *slot)
{
    int64_t tick = tick_of(slot->at);
    return (uint32_t)(slot->place == PLACE_LEVEL_0 ? tick : tick >> LEVEL_BITS) & BUCKET_MASK;
}

static void bucket_link(struct queue *q, uint32_t index, enum place place)
{
    struct slot *slot = &q->slots[index];
    slot->place = (uint8_t)place;
    struct level *level = &q->levels[place == PLACE_LEVEL_1];
    uint32_t bucket = bucket_of(slot);
    slot->previous = 0;
    slot->next = level->heads[bucket];
    if (slot->next)
        q->slots[slot->next - 1].previous = index + 1;
    level->heads[bucket] = index + 1;
    level->occupied[bucket / 64] |= UINT64_C(1) << (bucket % 64);
}

static void bucket_unlink(struct queue *q, uint32_t index)
{
    struct slot *slot = &q->slots[index];
    struct level *level = &q->levels[slot->place == PLACE_LEVEL_1];
    uint32_t bucket = bucket_of(slot);
    if (slot->next)
        q->slots[slot->next - 1].previous = slot->previous;
    if (slot->previous)
        q->slots[slot->previous - 1].next = slot->next;
    else
        level->heads[bucket] = slot->next;
    if (!level->heads[bucket])
        level->occupied[bucket / 64] &= ~(UINT64_C(1) << (bucket % 64));
}

/* Puts a slot where its instant belongs. */
static void place(struct queue *q, uint32_t index)
{
    int64_t tick = tick_of(q->slots[index].at);
    if (q->is_reference || tick <= q->tick)
        heap_push(q, &q->due, index);
    else if (tick >> LEVEL_BITS == q->tick >> LEVEL_BITS)
        bucket_link(q, index, PLACE_LEVEL_0);
    else if (tick >> (2 * LEVEL_BITS) == q->tick >> (2 * LEVEL_BITS))
        bucket_link(q, index, PLACE_LEVEL_1);
    else
        heap_push(q, &q->far, index);
}

/* Takes a slot out of where it is; a heap entry of it becomes stale by the change of place or key.
 */
static void displace(struct queue *q, uint32_t index)
{
    struct slot *slot = &q->slots[index];
    if (slot->place == PLACE_HEAP)
        q->in_heaps--;
    else if (slot->place == PLACE_LEVEL_0 || slot->place == PLACE_LEVEL_1)
        bucket_unlink(q, index);
    slot->place = PLACE_TAKEN;
}

/* The first occupied bucket after `bucket`, or BUCKETS. */
static uint32_t level_next(const struct level *level, uint32_t bucket)
{
    uint32_t from = bucket + 1;
    if (from >= BUCKETS)
        return BUCKETS;
    uint64_t bits = level->occupied[from / 64] & (UINT64_MAX << (from % 64));
    for (uint32_t word = from / 64;;) {
        if (bits)
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
        if (++word == BUCKETS / 64)
            return BUCKETS;
        bits = level->occupied[word];
    }
}

static void level_drain(struct queue *q, struct level *level, uint32_t bucket)
{
    uint32_t index = level->heads[bucket];
    level->heads[bucket] = 0;
    level->occupied[bucket / 64] &= ~(UINT64_C(1) << (bucket % 64));
    while (index) {
        uint32_t next = q->slots[index - 1].next;
        if (next)
            __builtin_prefetch(&q->slots[next - 1], 1);
        place(q, index - 1);
        index = next;
    }
}

/* Moves the tick to the next one that has events and brings them into `due`. False: nothing is
 * left. */
static bool wheel_advance(struct queue *q)
{
    uint32_t bucket = level_next(&q->levels[0], (uint32_t)q->tick & BUCKET_MASK);
    if (bucket < BUCKETS) {
        q->tick = (q->tick & ~(int64_t)BUCKET_MASK) | bucket;
        level_drain(q, &q->levels[0], bucket);
        return true;
    }
    int64_t outer = q->tick >> LEVEL_BITS;
    bucket = level_next(&q->levels[1], (uint32_t)outer & BUCKET_MASK);
    if (bucket < BUCKETS) {
        q->tick = ((outer & ~(int64_t)BUCKET_MASK) | bucket) << LEVEL_BITS;
        level_drain(q, &q->levels[1], bucket);
        return true;
    }
    while (q->far.count && entry_is_stale(q, &q->far.items[0]))
        heap_pop(&q->far);
    if (!q->far.count)
        return false;
    int64_t window = tick_of(q->far.items[0].at) >> (2 * LEVEL_BITS);
    q->tick = window << (2 * LEVEL_BITS);
    while (q->far.count && tick_of(q->far.items[0].at) >> (2 * LEVEL_BITS) == window) {
        struct entry entry = q->far.items[0];
        heap_pop(&q->far);
        if (entry_is_stale(q, &entry))
            continue;
        q->in_heaps--;
        place(q, entry.slot);
    }
    return true;
}

/* ---- the interface ---- */

struct queue *queue_new(bool is_reference, uint64_t shuffle_key)
{
    struct queue *q = mem_new(struct queue);
    q->is_reference = is_reference;
    q->shuffle_key = shuffle_key;
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    mem_free(q->slots);
    mem_free(q->due.items);
    mem_free(q->far.items);
    mem_free(q);
}

static uint32_t slot_take(struct queue *q)
{
    if (q->free_slot) {
        uint32_t index = q->free_slot - 1;
        q->free_slot = q->slots[index].next;
        return index;
    }
    if (q->slot_count == q->slot_capacity) {
        uint32_t grown = (uint32_t)vec_growth(q->slot_capacity, 256);
        q->slots = mem_resize(q->slots, struct slot, q->slot_capacity, grown);
        q->slot_capacity = grown;
    }
    CHECK(q->slot_count < SLOTS_MAX);
    return q->slot_count++;
}

static event_handle handle_of(const struct queue *q, uint32_t index)
{
    return q->slots[index].generation << SLOT_BITS | index;
}

/* The slot of a handle, or NULL when its event is gone. */
static struct slot *slot_find(const struct queue *q, event_handle handle)
{
    uint32_t index = (uint32_t)(handle & (SLOTS_MAX - 1));
    if (handle == 0 || index >= q->slot_count)
        return NULL;
    struct slot *slot = &q->slots[index];
    return slot->generation == handle >> SLOT_BITS && slot->place != PLACE_FREE ? slot : NULL;
}

event_handle queue_push(struct queue *q, struct instant at, uint64_t tie, const struct event *event)
{
    CHECK(at.ns >= 0);
    CHECK(event->kind <= UINT8_MAX);
    uint32_t index = slot_take(q);
    struct slot *slot = &q->slots[index];
    slot->at = slot->deadline = at.ns;
    slot->tie = slot->deadline_tie = tie;
    slot->argument = event->argument;
    slot->target = event->target;
    slot->kind = (uint8_t)event->kind;
    slot->generation++;
    CHECK(slot->generation < UINT64_C(1) << (64 - SLOT_BITS));
    q->pending++;
    place(q, index);
    return handle_of(q, index);
}

bool queue_move(struct queue *q, event_handle handle, struct instant at, uint64_t tie)
{
    struct slot *slot = slot_find(q, handle);
    if (!slot)
        return false;
    slot->deadline = at.ns;
    slot->deadline_tie = tie;
    bool is_pending = slot->place != PLACE_TAKEN;
    if (is_pending &&
        (at.ns > slot->at || (at.ns == slot->at && order_of(q, tie) >= order_of(q, slot->tie))))
        return true;
    uint32_t index = (uint32_t)(handle & (SLOTS_MAX - 1));
    if (!is_pending)
        q->pending++;
    displace(q, index);
    slot->at = at.ns;
    slot->tie = tie;
    place(q, index);
    return true;
}

bool queue_drop(struct queue *q, event_handle handle)
{
    struct slot *slot = slot_find(q, handle);
    if (!slot)
        return false;
    uint32_t index = (uint32_t)(handle & (SLOTS_MAX - 1));
    if (slot->place != PLACE_TAKEN)
        q->pending--;
    displace(q, index);
    slot->place = PLACE_FREE;
    slot->next = q->free_slot;
    q->free_slot = index + 1;
    return true;
}

bool queue_get(const struct queue *q, event_handle handle, struct popped *ret_event)
{
    const struct slot *slot = slot_find(q, handle);
    if (!slot)
        return false;
    *ret_event = (struct popped){.at = {slot->deadline},
                                 .tie = slot->deadline_tie,
                                 .event = {slot->kind, slot->target, slot->argument},
                                 .handle = handle};
    return true;
}

event_handle queue_each(const struct queue *q, event_handle previous)
{
    uint32_t index = previous ? (uint32_t)(previous & (SLOTS_MAX - 1)) + 1 : 0;
    while (index < q->slot_count && q->slots[index].place == PLACE_FREE)
        index++;
    return index < q->slot_count ? handle_of(q, index) : 0;
}

/* Brings the first live event to the top of `due`. */
static bool settle_top(struct queue *q)
{
    for (;;) {
        if (!q->due.count) {
            if (q->is_reference || !wheel_advance(q))
                return false;
            continue;
        }
        const struct entry *top = &q->due.items[0];
        if (entry_is_stale(q, top)) {
            heap_pop(&q->due);
            continue;
        }
        struct slot *slot = &q->slots[top->slot];
        if (slot->deadline == slot->at && slot->deadline_tie == slot->tie)
            return true;
        uint32_t index = top->slot;
        heap_pop(&q->due);
        displace(q, index);
        slot->at = slot->deadline;
        slot->tie = slot->deadline_tie;
        place(q, index);
    }
}

bool queue_pop(struct queue *q, struct popped *ret_popped)
{
    if (!settle_top(q))
        return false;
    uint32_t index = q->due.items[0].slot;
    heap_pop(&q->due);
    displace(q, index);
    q->pending--;
    const struct slot *slot = &q->slots[index];
    *ret_popped = (struct popped){.at = {slot->at},
                                  .tie = slot->tie,
                                  .event = {slot->kind, slot->target, slot->argument},
                                  .handle = handle_of(q, index)};
    return true;
}

bool queue_hint(const struct queue *q, struct event *ret_event)
{
    if (!q->due.count)
        return false;
    const struct slot *slot = &q->slots[q->due.items[0].slot];
    for (size_t i = 1; i < 5 && i < q->due.count; i++)
        __builtin_prefetch(&q->slots[q->due.items[i].slot], 1);
    *ret_event = (struct event){slot->kind, slot->target, slot->argument};
    return slot->place == PLACE_HEAP;
}

bool queue_next(struct queue *q, struct instant *ret_at)
{
    if (!settle_top(q))
        return false;
    ret_at->ns = q->due.items[0].at;
    return true;
}

size_t queue_count(const struct queue *q)
{
    return q->pending;
}
