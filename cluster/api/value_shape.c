/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes: the key list of an object, one for each set of keys, sorted by the keys' bytes, for ever.
 * Real clusters need some hundreds. Adding or removing a key leads from one shape to another; a
 * small direct-mapped cache remembers the way. Past SHAPES_MAX (keys made up by a test or an
 * attacker) and past SHAPE_KEYS_MAX keys there is no shape and the object becomes a dict.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

#include "sim/base/hash.h"
#include "sim/base/mem.h"

#define SHAPES_MAX 16384

static const struct shape *shape_of(const atom *keys, uint32_t count);

void shape_heap_start(void)
{
    value_heap.shape_cap = SHAPES_MAX;
    value_heap.shape_table_mask = 1023;
    value_heap.shape_table = mem_array(uint32_t, 1024);
    const struct shape *empty = shape_of(NULL, 0);
    CHECK(empty && empty->id == 0);
}

/* ---- the table of shapes ---- */

static uint32_t keys_hash(const atom *keys, uint32_t count)
{
    uint64_t h = count;
    for (uint32_t i = 0; i < count; i++)
        h = hash_pair(h, keys[i]);
    return (uint32_t)(h >> 32);
}

static uint32_t *table_slot(const atom *keys, uint32_t count)
{
    uint32_t mask = value_heap.shape_table_mask;
    for (uint32_t i = keys_hash(keys, count) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &value_heap.shape_table[i];
        if (*slot == 0)
            return slot;
        const struct shape *s = value_heap.shapes.items[*slot - 1];
        if (s->count == count &&
            (count == 0 || memcmp(s->keys, keys, count * sizeof(keys[0])) == 0))
            return slot;
    }
}

static void table_grow(void)
{
    uint32_t capacity = (value_heap.shape_table_mask + 1) * 2;
    mem_free(value_heap.shape_table);
    value_heap.shape_table = mem_array(uint32_t, capacity);
    value_heap.shape_table_mask = capacity - 1;
    for (size_t i = 0; i < value_heap.shapes.count; i++) {
        const struct shape *s = value_heap.shapes.items[i];
        *table_slot(s->keys, s->count) = s->id + 1;
    }
}

static struct shape *shape_new(const atom *keys, uint32_t count)
{
    uint32_t index_size = 4;
    while (index_size < 2 * count)
        index_size *= 2;
    struct shape *s = mem_allocate(1, sizeof(*s) + count * sizeof(atom) + index_size);
    s->id = (uint32_t)value_heap.shapes.count;
    s->count = count;
    s->index_mask = index_size - 1;
    uint8_t *index = (uint8_t *)(s->keys + count);
    memset(index, SHAPE_EMPTY, index_size);
    s->content_hash = VALUE_OBJECT;
    for (uint32_t k = 0; k < count; k++) {
        s->keys[k] = keys[k];
        s->content_hash = hash_pair(s->content_hash, value_heap.atoms.items[keys[k]].content_hash);
        uint32_t i = shape_hash(keys[k]) & s->index_mask;
        while (index[i] != SHAPE_EMPTY)
            i = (i + 1) & s->index_mask;
        index[i] = (uint8_t)k;
    }
    return s;
}

static const struct shape *shape_of(const atom *keys, uint32_t count)
{
    uint32_t *slot = table_slot(keys, count);
    if (*slot)
        return value_heap.shapes.items[*slot - 1];
    if (value_heap.shapes.count >= value_heap.shape_cap)
        return NULL;
    struct shape *s = shape_new(keys, count);
    vec_push(&value_heap.shapes, s);
    *slot = s->id + 1;
    if (value_heap.shapes.count * 2 > value_heap.shape_table_mask)
        table_grow();
    return s;
}

/* ---- the ways between them ---- */

static struct transition *transition_at(const struct shape *s, uint32_t key)
{
    uint32_t hash = (s->id * UINT32_C(0x9E3779B1)) ^ (key * UINT32_C(0x85EBCA6B));
    return &value_heap.transitions[(hash >> 12) & value_heap.transition_mask];
}

static const struct shape *with_slowly(const struct shape *s, atom key)
{
    if (s->count >= SHAPE_KEYS_MAX)
        return NULL;
    atom keys[SHAPE_KEYS_MAX];
    struct str text = atom_text(key);
    uint32_t at = 0;
    while (at < s->count && str_compare(atom_text(s->keys[at]), text) < 0)
        at++;
    for (uint32_t i = 0; i < at; i++)
        keys[i] = s->keys[i];
    keys[at] = key;
    for (uint32_t i = at; i < s->count; i++)
        keys[i + 1] = s->keys[i];
    return shape_of(keys, s->count + 1);
}

const struct shape *shape_with(const struct shape *s, atom key)
{
    CHECK(key != ATOM_NONE);
    struct transition *t = transition_at(s, key);
    if (t->from == s->id && t->key == key)
        return t->to;
    const struct shape *to = with_slowly(s, key);
    if (to)
        *t = (struct transition){s->id, key, to};
    return to;
}

static const struct shape *without_slowly(const struct shape *s, atom key)
{
    atom keys[SHAPE_KEYS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->keys[i] != key)
            keys[count++] = s->keys[i];
    CHECK(count + 1 == s->count);
    return shape_of(keys, count);
}

const struct shape *shape_without(const struct shape *s, atom key)
{
    struct transition *t = transition_at(s, key | TRANSITION_REMOVES);
    if (t->from == s->id && t->key == (key | TRANSITION_REMOVES))
        return t->to;
    const struct shape *to = without_slowly(s, key);
    if (to)
        *t = (struct transition){s->id, key | TRANSITION_REMOVES, to};
    return to;
}
