/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of value nodes: process-wide, as malloc's is. It influences memory and speed, never
 * results.
 *
 * Nodes are small and many (some 30 for a pod), so they come from large chunks by size class:
 * multiples of 8 bytes up to 512, then four classes a doubling, then plain blocks. A freed node
 * goes to its class' list. Builds for AddressSanitizer take each node from malloc, so that a use
 * after free is seen; -DVALUE_MALLOC does the same for valgrind. Either way the same trees result.
 *
 * Life: a node counts its references. The count sticks at 2^30 (that node then lives for ever)
 * rather than wrap. When it falls to zero the node's children are dropped through an explicit work
 * list: a tree of any depth is freed without recursion.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

#include "sim/base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_IS_MALLOC 1
#elif defined(VALUE_MALLOC)
#define HEAP_IS_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_IS_MALLOC 1
#endif
#endif
#ifndef HEAP_IS_MALLOC
#define HEAP_IS_MALLOC 0
#endif

#define SMALL_SIZE_MAX 512
#define CLASS_SIZE_MAX ((size_t)32 * 1024)
#define CHUNK_SIZE ((size_t)1024 * 1024)

struct value_heap value_heap;

static size_t class_of(size_t room);
static void destroy(struct value v);

void value_heap_start_now(void)
{
    value_heap.is_started = true;
    value_heap.transition_mask = TRANSITIONS - 1;
    value_heap.cons_mask = CONS_SETS - 1;
    atom_heap_start();
    shape_heap_start();
}

void value_heap_set_caches(uint32_t transitions, uint32_t cons_sets)
{
    value_heap_start();
    CHECK(transitions >= 1 && transitions <= TRANSITIONS && (transitions & (transitions - 1)) == 0);
    CHECK(cons_sets >= 1 && cons_sets <= CONS_SETS && (cons_sets & (cons_sets - 1)) == 0);
    for (size_t set = 0; set < CONS_SETS; set++)
        for (size_t way = 0; way < 2; way++) {
            struct value v = value_heap.cons[set][way];
            if (value_is_present(v))
                word_node(v)->references &= ~REFERENCE_CANONICAL;
            value_heap.cons[set][way] = VALUE_ABSENT;
        }
    value_heap.transition_mask = transitions - 1;
    value_heap.cons_mask = cons_sets - 1;
}

struct value_heap_stats value_heap_stats(void)
{
    value_heap_start();
    return (struct value_heap_stats){
        .nodes = value_heap.node_count - value_heap.pack_node_count,
        .bytes = value_heap.byte_count - value_heap.pack_byte_count,
        .atoms = value_heap.atoms.count,
        .shapes = value_heap.shapes.count,
    };
}

/* ---- blocks ---- */

static size_t top_bit(size_t n)
{
    size_t bit = 0;
    while (n >>= 1)
        bit++;
    return bit;
}

size_t node_room(size_t size)
{
    if (size <= SMALL_SIZE_MAX)
        return (size + 7) & ~(size_t)7;
    size_t step = (size_t)1 << (top_bit(size - 1) - 2);
    return (size + step - 1) & ~(step - 1);
}

static size_t class_of(size_t room)
{
    if (room <= SMALL_SIZE_MAX)
        return room / 8;
    size_t top = top_bit(room - 1);
    return SMALL_SIZE_MAX / 8 + (top - 9) * 4 + ((room - ((size_t)1 << top)) >> (top - 2));
}

static void *block_from_chunk(size_t room)
{
    if (value_heap.chunk_left < room) {
        value_heap.chunk = mem_array(char, CHUNK_SIZE);
        value_heap.chunk_left = CHUNK_SIZE;
    }
    void *block = value_heap.chunk;
    value_heap.chunk += room;
    value_heap.chunk_left -= room;
    return block;
}

void *node_allocate(size_t size)
{
    size_t room = node_room(size);
    value_heap.node_count++;
    value_heap.byte_count += room;
    struct node *n;
    if (HEAP_IS_MALLOC || room > CLASS_SIZE_MAX) {
        n = mem_allocate(1, room);
    } else {
        void **list = &value_heap.free_blocks[class_of(room)];
        n = *list;
        if (n)
            memcpy(list, n, sizeof(*list));
        else
            n = block_from_chunk(room);
    }
    n->references = 1;
    return n;
}

void node_free(void *node, size_t size)
{
    size_t room = node_room(size);
    CHECK(value_heap.node_count > 0 && value_heap.byte_count >= room);
    value_heap.node_count--;
    value_heap.byte_count -= room;
    if (HEAP_IS_MALLOC || room > CLASS_SIZE_MAX) {
        mem_free(node);
        return;
    }
    void **list = &value_heap.free_blocks[class_of(room)];
    memcpy(node, list, sizeof(*list));
    *list = node;
}

/* ---- references ---- */

struct value value_keep(struct value v)
{
    if (word_is_pointer(v)) {
        struct node *n = word_node(v);
        if ((n->references & REFERENCE_MASK) < REFERENCE_STICKY)
            n->references++;
    }
    return v;
}

struct value value_keep_n(struct value v, uint32_t n)
{
    if (word_is_pointer(v)) {
        struct node *node = word_node(v);
        uint32_t count = node->references & REFERENCE_MASK;
        if (count < REFERENCE_STICKY)
            node->references = (node->references & REFERENCE_CANONICAL) |
                               (n >= REFERENCE_STICKY - count ? REFERENCE_STICKY : count + n);
    }
    return v;
}

/* One reference less; true when it was the last. */
static inline bool reference_ends(struct value v)
{
    struct node *n = word_node(v);
    uint32_t count = n->references & REFERENCE_MASK;
    if (count >= REFERENCE_STICKY)
        return false;
    CHECK(count > 0);
    n->references--;
    return count == 1;
}

void value_drop(struct value v)
{
    if (word_is_pointer(v) && reference_ends(v))
        destroy(v);
}

void value_release(struct value *v)
{
    value_drop(*v);
    *v = VALUE_ABSENT;
}

static void destroy_list(struct value v)
{
    size_t words = list_words(v);
    struct list_node *list = word_list(v);
    for (size_t i = 0; i < words; i++)
        if (word_is_pointer(list->items[i]) && reference_ends(list->items[i]))
            vec_push(&value_heap.dead, list->items[i]);
    node_free(list, list_size(words));
}

static void destroy_one(struct value v)
{
    struct node *n = word_node(v);
    if (n->references & REFERENCE_CANONICAL)
        cons_forget(v);
    if (word_tag(v) == TAG_STRING)
        node_free(n, sizeof(struct string_node) + (n->info & STRING_SIZE_MASK));
    else if (word_is_list(v))
        destroy_list(v);
    else
        node_free(n, sizeof(struct number_node));
}

static void destroy(struct value v)
{
    destroy_one(v);
    while (value_heap.dead.count)
        destroy_one(vec_pop(&value_heap.dead));
}

struct value list_own(struct value list)
{
    if (node_is_sole(list))
        return list;
    size_t words = list_words(list);
    const struct list_node *old = word_list(list);
    struct list_node *copy = node_allocate(list_size(words));
    copy->head.info = old->head.info;
    for (size_t i = 0; i < words; i++)
        copy->items[i] = value_keep(old->items[i]);
    value_drop(list);
    return word_of(copy, word_tag(list));
}
