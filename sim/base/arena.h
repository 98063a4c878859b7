/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is given back all at once. `step->scratch` is one of these, emptied after each event:
 * nothing in it may be kept. Zeroed is empty and valid. Blocks are zeroed.
 */
#ifndef SIM_BASE_ARENA_H
#define SIM_BASE_ARENA_H

#include "sim/base/base.h"

struct arena_block;
struct arena {
    struct arena_block *first, *current;
    size_t used;
};

#define arena_new(arena, type) ((type *)arena_allocate((arena), 1, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_allocate((arena), (count), sizeof(type)))
void *arena_allocate(struct arena *a, size_t count, size_t size); /* 16-byte aligned */
struct str arena_str(struct arena *a, struct str s);              /* a NUL-terminated copy */
struct str arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
void arena_clear(struct arena *a); /* keeps the memory for reuse */
void arena_release(struct arena *a);

#endif
