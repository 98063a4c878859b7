/* SPDX-License-Identifier: Apache-2.0
 *
 * A growable array of any type. Zeroed is empty and valid.
 *
 *     VEC(uint32_t) ids = {0};
 *     vec_push(&ids, 7);
 *     for (size_t i = 0; i < ids.count; i++)
 *         use(ids.items[i]);
 *     vec_release(&ids);
 */
#ifndef SIM_BASE_VEC_H
#define SIM_BASE_VEC_H

#include "sim/base/mem.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

#define vec_reserve(v, wanted)                                                                     \
    ((wanted) <= (v)->capacity                                                                     \
         ? (void)0                                                                                 \
         : ((v)->items = mem_reallocate((v)->items, (v)->capacity,                                 \
                                        vec_growth((v)->capacity, (wanted)), sizeof(*(v)->items)), \
            (v)->capacity = vec_growth((v)->capacity, (wanted)), (void)0))

#define vec_push(v, ...)                                                                           \
    (vec_reserve((v), (v)->count + 1), (void)((v)->items[(v)->count++] = (__VA_ARGS__)))
#define vec_pop(v) ((v)->items[--(v)->count])
#define vec_last(v) ((v)->items[(v)->count - 1])
#define vec_clear(v) ((void)((v)->count = 0))
#define vec_release(v)                                                                             \
    (mem_free((v)->items), (v)->items = NULL, (v)->count = 0, (void)((v)->capacity = 0))
/* Takes item i out; the order of the others stays. */
#define vec_remove(v, i)                                                                           \
    (memmove(&(v)->items[i], &(v)->items[(i) + 1], ((v)->count - (i)-1) * sizeof(*(v)->items)),    \
     (void)(v)->count--)
/* Makes room at i and puts the item there. */
#define vec_insert(v, i, ...)                                                                      \
    (vec_reserve((v), (v)->count + 1),                                                             \
     memmove(&(v)->items[(i) + 1], &(v)->items[i], ((v)->count - (i)) * sizeof(*(v)->items)),      \
     (v)->count++, (void)((v)->items[i] = (__VA_ARGS__)))

static inline size_t vec_growth(size_t capacity, size_t wanted)
{
    size_t grown = capacity < 4 ? 4 : capacity + capacity / 2;
    return grown < wanted ? wanted : grown;
}

#endif
