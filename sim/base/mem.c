/* SPDX-License-Identifier: Apache-2.0
 *
 * Heap memory: zeroed, overflow-checked, and never NULL. The only file that calls the C library's
 * allocator, so that limits and accounting have one place.
 */
#include "sim/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

NORETURN static void out_of_memory(size_t count, size_t size)
{
    fprintf(stderr, "out of memory: %zu items of %zu bytes\n", count, size);
    abort();
}

void *mem_allocate(size_t count, size_t size)
{
    void *pointer = calloc(count ? count : 1, size ? size : 1);
    if (!pointer)
        out_of_memory(count, size);
    return pointer;
}

void *mem_reallocate(void *pointer, size_t old_count, size_t new_count, size_t size)
{
    if (size && new_count > SIZE_MAX / size)
        out_of_memory(new_count, size);
    if (!pointer)
        return mem_allocate(new_count, size);
    size_t bytes = new_count * size;
    char *moved = realloc(pointer, bytes ? bytes : 1);
    if (!moved)
        out_of_memory(new_count, size);
    if (new_count > old_count)
        memset(moved + old_count * size, 0, (new_count - old_count) * size);
    return moved;
}

void mem_free(void *pointer)
{
    free(pointer);
}

char *mem_copy_string(struct str s)
{
    CHECK(s.size < SIZE_MAX);
    char *copy = mem_allocate(s.size + 1, 1);
    if (s.size)
        memcpy(copy, s.bytes, s.size);
    return copy;
}
