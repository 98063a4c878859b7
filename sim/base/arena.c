/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of blocks, filled from the front. Clearing goes back to the first block and keeps them
 * all; so an arena that is cleared after every event stops asking the heap for memory after a
 * while.
 *
 * Invariant: the blocks before `current` are full or were too small for what came next; `used`
 * counts bytes of `current` only.
 */
#include "sim/base/arena.h"

#include "sim/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define ARENA_BLOCK_MIN 4096
#define ARENA_BLOCK_MAX (256 * 1024)
#define ARENA_ALIGNMENT 16

struct arena_block {
    struct arena_block *next;
    size_t size; /* of bytes[] */
    _Alignas(ARENA_ALIGNMENT) unsigned char bytes[];
};

/* Makes `current` a block with room for `size` bytes. */
static void arena_advance(struct arena *a, size_t size)
{
    struct arena_block *next = a->current ? a->current->next : a->first;
    if (!next || next->size < size) {
        size_t wanted = a->current ? a->current->size * 2 : ARENA_BLOCK_MIN;
        if (wanted > ARENA_BLOCK_MAX)
            wanted = ARENA_BLOCK_MAX;
        if (wanted < size)
            wanted = size;
        struct arena_block *block = mem_allocate(1, sizeof(*block) + wanted);
        block->size = wanted;
        block->next = next;
        if (a->current)
            a->current->next = block;
        else
            a->first = block;
        next = block;
    }
    a->current = next;
    a->used = 0;
}

void *arena_allocate(struct arena *a, size_t count, size_t size)
{
    CHECK(size == 0 || count <= (SIZE_MAX / 2) / size);
    size_t wanted = (count * size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    if (!a->current || a->current->size - a->used < wanted)
        arena_advance(a, wanted);
    void *result = a->current->bytes + a->used;
    a->used += wanted;
    if (wanted)
        memset(result, 0, wanted);
    return result;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *copy = arena_array(a, char, s.size + 1);
    if (s.size)
        memcpy(copy, s.bytes, s.size);
    return (struct str){copy, s.size};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    CHECK(size >= 0);
    char *bytes = arena_array(a, char, (size_t)size + 1);
    vsnprintf(bytes, (size_t)size + 1, format, again);
    va_end(again);
    va_end(arguments);
    return (struct str){bytes, (size_t)size};
}

void arena_clear(struct arena *a)
{
    a->current = a->first;
    a->used = 0;
}

void arena_release(struct arena *a)
{
    for (struct arena_block *block = a->first; block;) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
    *a = (struct arena){0};
}
