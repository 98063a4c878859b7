/* SPDX-License-Identifier: Apache-2.0
 *
 * The hashed index: open addressing with linear probing. A removal shifts the followers of its
 * cluster back, so there are no tombstones and a lookup ends at the first empty slot. It has no
 * iterator.
 */
#include "sim/base/map.h"

#include "sim/base/mem.h"

struct index_slot {
    uint64_t hash;
    void *item; /* NULL: empty */
};

/* The slot that holds the item, or the empty slot where it belongs. */
static size_t index_find(const struct index *x, uint64_t hash, const void *probe)
{
    size_t mask = x->capacity - 1;
    size_t at = (size_t)hash & mask;
    while (x->slots[at].item && !(x->slots[at].hash == hash && x->equal(probe, x->slots[at].item)))
        at = (at + 1) & mask;
    return at;
}

static void index_grow(struct index *x)
{
    struct index_slot *old = x->slots;
    size_t old_capacity = x->capacity;
    x->capacity = old_capacity ? old_capacity * 2 : 8;
    x->slots = mem_array(struct index_slot, x->capacity);
    for (size_t i = 0; i < old_capacity; i++) {
        if (!old[i].item)
            continue;
        size_t at = (size_t)old[i].hash & (x->capacity - 1);
        while (x->slots[at].item)
            at = (at + 1) & (x->capacity - 1);
        x->slots[at] = old[i];
    }
    mem_free(old);
}

void *index_get(const struct index *x, uint64_t hash, const void *probe)
{
    return x->capacity ? x->slots[index_find(x, hash, probe)].item : NULL;
}

void *index_put(struct index *x, uint64_t hash, const void *probe, void *item)
{
    CHECK(item != NULL);
    if ((x->count + 1) * 4 > x->capacity * 3)
        index_grow(x);
    struct index_slot *slot = &x->slots[index_find(x, hash, probe)];
    void *replaced = slot->item;
    *slot = (struct index_slot){hash, item};
    x->count += replaced ? 0 : 1;
    return replaced;
}

void *index_remove(struct index *x, uint64_t hash, const void *probe)
{
    if (x->capacity == 0)
        return NULL;
    size_t mask = x->capacity - 1;
    size_t hole = index_find(x, hash, probe);
    void *removed = x->slots[hole].item;
    if (!removed)
        return NULL;
    for (size_t at = (hole + 1) & mask; x->slots[at].item; at = (at + 1) & mask) {
        size_t home = (size_t)x->slots[at].hash & mask;
        /* It may move into the hole unless its home lies behind the hole. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            x->slots[hole] = x->slots[at];
            hole = at;
        }
    }
    x->slots[hole] = (struct index_slot){0};
    x->count--;
    return removed;
}

void index_release(struct index *x)
{
    mem_free(x->slots);
    x->slots = NULL;
    x->count = x->capacity = 0;
}
