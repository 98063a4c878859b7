/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps. `struct map` is ordered (a B+tree) and may be iterated; `struct index` is hashed and has no
 * iterator, since the order of a hash table must never reach behaviour.
 *
 * An ordered map holds pointers to items; the caller's comparator orders them and looks them up
 * (a probe is an item, or whatever the comparator accepts as its first argument). Zeroed plus a
 * comparator is empty and valid; a map of a few items is one small allocation.
 *
 *     static int by_name(const void *probe, const void *item);
 *     struct map names = {.compare = by_name};
 *     map_put(&names, entry);                replaces an equal item, returns that or NULL
 *     map_add(&names, entry);                when there is surely no equal item: put off until
 *                                            somebody looks
 *     for (struct map_cursor c = map_first(&names); c.item; map_next(&c))
 *         use(c.item);
 *     struct entry *e = map_get(&names, &probe);
 */
#ifndef SIM_BASE_MAP_H
#define SIM_BASE_MAP_H

#include "sim/base/base.h"

typedef int (*map_compare_fn)(const void *probe, const void *item);

struct map_node;
struct map {
    map_compare_fn compare;
    struct map_node *root;
    size_t count;            /* of all items */
    struct map_added *added; /* private to map.c */
};
struct map_cursor {
    void *item;            /* NULL at the end */
    struct map_node *node; /* private to map.c */
    size_t position;
};

void *map_get(const struct map *m, const void *probe);
void *map_put(struct map *m, void *item);
void map_add(struct map *m, void *item);
void *map_remove(struct map *m, const void *probe); /* the removed item, or NULL */
struct map_cursor map_first(const struct map *m);
struct map_cursor map_at_or_after(const struct map *m, const void *probe);
void map_next(struct map_cursor *c); /* no change of the map in between */
void map_release(struct map *m);     /* the items stay the caller's */

/* Hashed: from a 64-bit hash and an equality to a pointer. `equal(probe, item)`. */
typedef bool (*index_equal_fn)(const void *probe, const void *item);
struct index_slot;
struct index {
    index_equal_fn equal;
    struct index_slot *slots;
    size_t count, capacity;
};
void *index_get(const struct index *x, uint64_t hash, const void *probe);
/* Replaced or NULL. */
void *index_put(struct index *x, uint64_t hash, const void *probe, void *item);
void *index_remove(struct index *x, uint64_t hash, const void *probe);
void index_release(struct index *x);

#endif
