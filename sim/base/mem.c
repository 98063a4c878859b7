/* SPDX-License-Identifier: Apache-2.0
 *
 * Heap memory: zeroed, overflow-checked, and never NULL. The only file that calls the C library's
 * allocator, so that limits and accounting have one place.
 *
 * Messages, requests, log entries and index slots are small, many and short-lived: a write makes
 * some forty of them, and a million pods keep a few dozen each. Blocks of up to SMALL_MAX bytes
 * therefore come from chunks by size, in steps of eight bytes, and go back to the list of their
 * size; a word in front of each says which. Larger ones are the C library's, with the same word,
 * zero, in front. Chunks are kept until the process ends. The state is one for the process, as
 * malloc's is: it has a part in memory and speed only.
 *
 * Builds for AddressSanitizer take every block from malloc, so that each use after free is seen;
 * -DMEM_MALLOC does the same for valgrind.
 */
#include "sim/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_IS_MALLOC 1
#elif defined(MEM_MALLOC)
#define HEAP_IS_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_IS_MALLOC 1
#endif
#endif
#ifndef HEAP_IS_MALLOC
#define HEAP_IS_MALLOC 0
#endif

#define SMALL_MAX 1024
#define CHUNK_SIZE ((size_t)256 * 1024)
#define LARGE_HEAD 16 /* keeps the alignment of malloc; its last word is the block's */

/* Before each block that we hand out: its room in bytes when small, else 0. */
struct block_head {
    uint64_t room;
};
struct free_block {
    struct free_block *next;
};

static struct {
    struct free_block *free_blocks[SMALL_MAX / 8 + 1]; /* by room / 8 */
    char *chunk;
    size_t chunk_left;
} heap;

NORETURN static void out_of_memory(size_t count, size_t size)
{
    fprintf(stderr, "out of memory: %zu items of %zu bytes\n", count, size);
    abort();
}

static struct block_head *head_of(void *pointer)
{
    return (struct block_head *)pointer - 1;
}

/* Fresh from the C library and never used: zero already. */
static void *small_from_chunk(size_t room)
{
    size_t wanted = sizeof(struct block_head) + room;
    if (heap.chunk_left < wanted) {
        heap.chunk = calloc(1, CHUNK_SIZE);
        if (!heap.chunk)
            out_of_memory(1, CHUNK_SIZE);
        heap.chunk_left = CHUNK_SIZE;
    }
    struct block_head *head = (void *)heap.chunk;
    heap.chunk += wanted;
    heap.chunk_left -= wanted;
    head->room = room;
    return head + 1;
}

static void *small_allocate(size_t bytes)
{
    size_t room = (bytes + 7) & ~(size_t)7;
    struct free_block *block = heap.free_blocks[room / 8];
    if (!block)
        return small_from_chunk(room);
    heap.free_blocks[room / 8] = block->next;
    memset(block, 0, room);
    return block;
}

static void *large_allocate(size_t bytes)
{
    if (bytes > SIZE_MAX - LARGE_HEAD)
        out_of_memory(1, bytes);
    char *base = calloc(1, LARGE_HEAD + bytes);
    if (!base)
        out_of_memory(1, bytes);
    return base + LARGE_HEAD;
}

void *mem_allocate(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(count, size);
    if (bytes == 0)
        bytes = 1;
    if (!HEAP_IS_MALLOC)
        return LIKELY(bytes <= SMALL_MAX) ? small_allocate(bytes) : large_allocate(bytes);
    void *pointer = calloc(1, bytes);
    if (!pointer)
        out_of_memory(count, size);
    return pointer;
}

/* Grown in place when it can be. */
static void *block_resize(void *pointer, size_t bytes)
{
    if (HEAP_IS_MALLOC)
        return realloc(pointer, bytes);
    size_t room = head_of(pointer)->room;
    if (room == 0 && bytes > SMALL_MAX && bytes <= SIZE_MAX - LARGE_HEAD) {
        char *base = realloc((char *)pointer - LARGE_HEAD, LARGE_HEAD + bytes);
        return base ? base + LARGE_HEAD : NULL;
    }
    if (bytes <= room)
        return pointer;
    void *moved = mem_allocate(bytes, 1);
    memcpy(moved, pointer, room ? room : bytes); /* a large one gets small: it had more */
    mem_free(pointer);
    return moved;
}

void *mem_reallocate(void *pointer, size_t old_count, size_t new_count, size_t size)
{
    if (size && new_count > SIZE_MAX / size)
        out_of_memory(new_count, size);
    if (!pointer)
        return mem_allocate(new_count, size);
    size_t bytes = new_count * size;
    char *moved = block_resize(pointer, bytes ? bytes : 1);
    if (!moved)
        out_of_memory(new_count, size);
    if (new_count > old_count)
        memset(moved + old_count * size, 0, (new_count - old_count) * size);
    return moved;
}

void mem_free(void *pointer)
{
    if (HEAP_IS_MALLOC) {
        free(pointer);
        return;
    }
    if (!pointer)
        return;
    size_t room = head_of(pointer)->room;
    if (room == 0) {
        free((char *)pointer - LARGE_HEAD);
        return;
    }
    CHECK(room <= SMALL_MAX);
    struct free_block *block = pointer;
    block->next = heap.free_blocks[room / 8];
    heap.free_blocks[room / 8] = block;
}

char *mem_copy_string(struct str s)
{
    CHECK(s.size < SIZE_MAX);
    char *copy = mem_allocate(s.size + 1, 1);
    if (s.size)
        memcpy(copy, s.bytes, s.size);
    return copy;
}
