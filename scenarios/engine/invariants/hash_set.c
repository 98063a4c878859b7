/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of 64-bit hashes by open addressing: no iteration, no removal.
 */
#include "sim/base/base.h"

#include "scenarios/engine/invariants/table.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"

static size_t slot_of(const struct hash_set *s, uint64_t hash)
{
    size_t i = (size_t)hash_mix(hash) & (s->capacity - 1);
    while (s->slots[i] && s->slots[i] != hash)
        i = (i + 1) & (s->capacity - 1);
    return i;
}

bool hash_set_add(struct hash_set *s, uint64_t hash)
{
    hash = hash ? hash : 1;
    if (s->count * 2 >= s->capacity) {
        struct hash_set grown = {.capacity = s->capacity ? s->capacity * 2 : 64, .count = s->count};
        grown.slots = mem_array(uint64_t, grown.capacity);
        for (size_t i = 0; i < s->capacity; i++) {
            if (s->slots[i])
                grown.slots[slot_of(&grown, s->slots[i])] = s->slots[i];
        }
        mem_free(s->slots);
        *s = grown;
    }
    size_t i = slot_of(s, hash);
    if (s->slots[i])
        return false;
    s->slots[i] = hash;
    s->count++;
    return true;
}

void hash_set_release(struct hash_set *s)
{
    mem_free(s->slots);
    *s = (struct hash_set){0};
}
