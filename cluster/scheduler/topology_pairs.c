/* SPDX-License-Identifier: Apache-2.0
 *
 * A small hash table in an arena; see topology_pairs.h.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/topology_pairs.h"

#include "sim/base/hash.h"

static size_t place_of(const struct topology_pairs *p, struct str key, struct value value)
{
    size_t mask = p->slot_count - 1;
    size_t i = (size_t)hash_pair(hash_bytes(key), hash_bytes(value_str(value))) & mask;
    for (; p->slots[i] != 0; i = (i + 1) & mask) {
        const struct topology_pair *item = &p->items[p->slots[i] - 1];
        if (value_equal(item->value, value) && str_equal(item->key, key))
            break;
    }
    return i;
}

static void grow(struct topology_pairs *p)
{
    size_t capacity = p->capacity ? 2 * p->capacity : 16;
    struct topology_pair *items = arena_array(p->arena, struct topology_pair, capacity);
    if (p->count > 0)
        memcpy(items, p->items, p->count * sizeof(*items));
    p->items = items;
    p->capacity = capacity;
    p->slot_count = 2 * capacity;
    p->slots = arena_array(p->arena, uint32_t, p->slot_count);
    for (size_t i = 0; i < p->count; i++)
        p->slots[place_of(p, items[i].key, items[i].value)] = (uint32_t)i + 1;
}

int64_t *topology_pairs_at(struct topology_pairs *p, struct str key, struct value value)
{
    if (p->count == p->capacity)
        grow(p);
    size_t place = place_of(p, key, value);
    if (p->slots[place] == 0) {
        p->items[p->count] = (struct topology_pair){.key = key, .value = value};
        p->slots[place] = (uint32_t)++p->count;
    }
    return &p->items[p->slots[place] - 1].number;
}

int64_t *topology_pairs_find(const struct topology_pairs *p, struct str key, struct value value)
{
    if (p->count == 0)
        return NULL;
    size_t place = place_of(p, key, value);
    return p->slots[place] ? &p->items[p->slots[place] - 1].number : NULL;
}
