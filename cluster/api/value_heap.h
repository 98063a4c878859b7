/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the value_*.c files, json.c, yaml.c and fields/: how a word and a node look, atoms, shapes and
 * the heap of nodes. Everybody else uses value.h.
 *
 * A word's low three bits say what it is:
 *
 *     0 special   0 absent, 8 null, 16 false, 24 true
 *     1 integer   61 bits, signed
 *     2 inline    a string of up to 7 bytes: length in bits 3-5, bit 6 "needs no escaping", bytes
 *     1..7
 *     3 packed    a string that formatting gives back byte for byte: RFC 3339 seconds or
 *                 microseconds, a decimal number; the sort in bits 3-4, the number above
 *     4 string    -> node: length, "needs no escaping", bytes
 *     5 array     -> node: count, words
 *     6 struct    -> node: shape, one word per key of the shape
 *     7 other     -> node: a dict (pairs of key word and value word, sorted by key), a boxed
 *     integer,
 *                 a double
 *
 * Bit 2 set means "points to a node". The encoding is canonical: equal strings and equal numbers
 * have either the same word or pointers to nodes of the same sort; {} and [] have one word each.
 */
#ifndef CLUSTER_API_VALUE_HEAP_H
#define CLUSTER_API_VALUE_HEAP_H

#include "cluster/api/value.h"
#include "sim/base/vec.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "inline strings are laid out for little-endian machines"
#endif

/* ---- words ---- */

enum word_tag {
    TAG_SPECIAL,
    TAG_INTEGER,
    TAG_INLINE,
    TAG_PACKED,
    TAG_STRING,
    TAG_ARRAY,
    TAG_STRUCT,
    TAG_OTHER
};
enum { WORD_NULL = 8, WORD_FALSE = 16, WORD_TRUE = 24, WORD_POINTER = 4, WORD_TAG_MASK = 7 };

#define INLINE_STRING_MAX 7
#define INLINE_CLEAN 64u
#define INTEGER_MAX_61 ((INT64_C(1) << 60) - 1)
#define INTEGER_MIN_61 (-(INT64_C(1) << 60))

enum packed_sort { PACKED_SECONDS, PACKED_MICROSECONDS, PACKED_DECIMAL };

static inline enum word_tag word_tag(struct value v)
{
    return (enum word_tag)(v.word & WORD_TAG_MASK);
}
static inline bool word_is_pointer(struct value v)
{
    return (v.word & WORD_POINTER) != 0;
}
static inline int64_t word_integer(struct value v)
{
    return (int64_t)v.word >> 3;
}
static inline enum packed_sort word_packed_sort(struct value v)
{
    return (enum packed_sort)(v.word >> 3 & 3);
}
static inline int64_t word_packed(struct value v)
{
    return (int64_t)v.word >> 5;
}

/* ---- nodes ---- */

/* The count of references sticks at REFERENCE_STICKY: such a node lives for ever. The canonical bit
 * marks a node that the cons cache knows. */
#define REFERENCE_CANONICAL 0x80000000u
#define REFERENCE_MASK 0x7fffffffu
#define REFERENCE_STICKY 0x40000000u

struct node {
    uint32_t references;
    uint32_t info; /* string: length and STRING_CLEAN; array: count; struct: shape; other: OTHER_*
                      and a count */
};
struct string_node {
    struct node head;
    char bytes[];
};
struct list_node {
    struct node head;
    struct value items[];
};
struct number_node {
    struct node head;
    union {
        int64_t integer;
        double real;
    } number;
};
#define STRING_CLEAN 0x80000000u
#define STRING_SIZE_MASK 0x7fffffffu
#define OTHER_SORT_MASK 0xc0000000u
#define OTHER_DICT 0u
#define OTHER_INTEGER 0x40000000u
#define OTHER_DOUBLE 0x80000000u

static inline struct node *word_node(struct value v)
{
    return (struct node *)(uintptr_t)(v.word & ~(uint64_t)WORD_TAG_MASK);
}
static inline struct string_node *word_string(struct value v)
{
    return (struct string_node *)(void *)word_node(v);
}
static inline struct list_node *word_list(struct value v)
{
    return (struct list_node *)(void *)word_node(v);
}
static inline struct number_node *word_number(struct value v)
{
    return (struct number_node *)(void *)word_node(v);
}
static inline struct value word_of(const void *node, enum word_tag tag)
{
    return (struct value){(uint64_t)(uintptr_t)node | tag};
}
static inline bool word_is_dict(struct value v)
{
    return word_tag(v) == TAG_OTHER && (word_node(v)->info & OTHER_SORT_MASK) == OTHER_DICT;
}
/* Nobody else has it and no cache knows it: it may be changed in place. */
static inline bool node_is_sole(struct value v)
{
    return word_node(v)->references == 1;
}

/* ---- shapes: one per set of keys, for ever ---- */

#define SHAPE_KEYS_MAX 200 /* positions are bytes; longer objects are dicts */
struct shape {
    uint32_t id, count;
    uint32_t index_mask;
    uint64_t content_hash; /* of the keys, as value_hash has it */
    atom keys[]; /* sorted by their bytes; behind them index_mask + 1 bytes of positions, 255 empty
                  */
};
#define SHAPE_EMPTY 255
static inline const uint8_t *shape_index(const struct shape *s)
{
    return (const uint8_t *)(s->keys + s->count);
}
static inline uint32_t shape_hash(atom key)
{
    return (key * UINT32_C(0x9E3779B1)) >> 15;
}
/* The position of a key, or -1. */
static inline int shape_slot(const struct shape *s, atom key)
{
    const uint8_t *index = shape_index(s);
    for (uint32_t i = shape_hash(key) & s->index_mask;; i = (i + 1) & s->index_mask) {
        if (index[i] == SHAPE_EMPTY)
            return -1;
        if (s->keys[index[i]] == key)
            return index[i];
    }
}
/* NULL when there are too many keys or shapes: the object becomes a dict. */
const struct shape *shape_with(const struct shape *s, atom key);
const struct shape *shape_without(const struct shape *s, atom key); /* the key is in s */
void shape_heap_start(void);

/* ---- atoms ---- */

struct atom_entry {
    const char *text;   /* NUL-terminated */
    const char *quoted; /* "text": as JSON has it */
    uint32_t size, quoted_size;
    uint32_t hash;         /* private to the table */
    uint64_t content_hash; /* as value_hash has it */
};
atom atom_find(struct str text); /* ATOM_NONE when not interned */
/* For keys that come from outside: ATOM_NONE for one that looks like data or when there are too
 * many. */
atom atom_of_key(struct str text);
void atom_heap_start(void);

/* ---- the heap ---- */

struct transition {
    uint32_t from;
    uint32_t key; /* TRANSITION_REMOVES set: without the key */
    const struct shape *to;
};
#define TRANSITION_REMOVES 0x80000000u
#define TRANSITIONS 4096
#define CONS_SETS 16384
#define HEAP_CLASSES 96

struct value_member {
    atom key; /* ATOM_NONE: the text counts */
    struct str text;
    struct value part;
};

struct value_heap {
    bool is_started;
    VEC(struct atom_entry) atoms;
    uint32_t *atom_table; /* open addressing: atom, 0 is free */
    uint32_t atom_table_mask;
    VEC(atom) field_atoms; /* by atom: the one with "f:" in front; ATOM_NONE: not made yet */
    VEC(const struct shape *) shapes;
    uint32_t *shape_table; /* open addressing: id + 1 */
    uint32_t shape_table_mask;
    uint32_t shape_cap;
    uint32_t transition_mask; /* 0 in tests: a cache of one */
    struct transition transitions[TRANSITIONS];
    uint32_t cons_mask;
    struct value cons[CONS_SETS][2];
    void *free_blocks[HEAP_CLASSES];
    char *chunk;
    size_t chunk_left;
    VEC(struct value) dead;              /* work list of value_drop */
    VEC(struct value_member) members;    /* scratch of value_pack */
    struct pack_program **pack_programs; /* open addressing: templates of value_pack, for ever */
    uint32_t pack_mask, pack_count;
    uint64_t pack_node_count, pack_byte_count; /* of their constants */
    uint64_t node_count, byte_count;
};
extern struct value_heap value_heap;
void value_heap_start_now(void);
static inline void value_heap_start(void)
{
    if (UNLIKELY(!value_heap.is_started))
        value_heap_start_now();
}
static inline const struct shape *node_shape(const struct node *n)
{
    return value_heap.shapes.items[n->info];
}

void *node_allocate(size_t size); /* one reference, the rest is not set */
void node_free(void *node, size_t size);
size_t node_room(size_t size); /* what an allocation of that size really holds */

static inline size_t list_size(size_t words)
{
    return sizeof(struct list_node) + words * sizeof(struct value);
}
/* Words behind the head of an array, struct or dict. */
static inline size_t list_words(struct value v)
{
    const struct node *n = word_node(v);
    if (word_tag(v) == TAG_ARRAY)
        return n->info;
    return word_tag(v) == TAG_STRUCT ? node_shape(n)->count : 2 * (size_t)n->info;
}
static inline bool word_is_list(struct value v)
{
    return word_tag(v) == TAG_ARRAY || word_tag(v) == TAG_STRUCT || word_is_dict(v);
}
/* The same list, changeable: itself when nobody else has it, else a copy. Consumes. */
struct value list_own(struct value list);

/* Where a key's value stands in its object; NULL when missing. */
struct value *member_slot(struct value object, atom key);

void cons_forget(struct value canonical); /* it is about to be freed */

/* ---- eight bytes at a time: a high bit in the place of each byte that is meant (and perhaps of
 * later ones) ---- */

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (uint64_t)(unsigned char)(c))
static inline uint64_t bytes_load(const char *bytes)
{
    uint64_t x;
    memcpy(&x, bytes, sizeof(x));
    return x;
}
static inline uint64_t bytes_below(uint64_t x, unsigned char limit) /* limit <= 128 */
{
    return (x - EACH_BYTE(limit)) & ~x & EACH_BYTE(0x80);
}
static inline uint64_t bytes_like(uint64_t x, char c)
{
    return bytes_below(x ^ EACH_BYTE(c), 1);
}
/* Control characters, the quote, the backslash and all that is not ASCII. */
static inline uint64_t bytes_special(uint64_t x)
{
    return (x & EACH_BYTE(0x80)) | bytes_below(x, 0x20) | bytes_like(x, '"') | bytes_like(x, '\\');
}

/* ---- strings ---- */

struct value string_key(struct str s); /* a dict's key: inline or node, never packed */
struct value string_node_new(struct str s);
bool string_is_clean(const char *bytes, size_t size); /* JSON needs no escapes for it */
/* Bytes of a dict's key, in place. */
static inline struct str key_word_str(const struct value *key)
{
    if (word_tag(*key) == TAG_INLINE)
        return (struct str){(const char *)key + 1, key->word >> 3 & 7};
    const struct string_node *n = word_string(*key);
    return (struct str){n->bytes, n->head.info & STRING_SIZE_MASK};
}

/* Where the key is in a dict, or would be. */
size_t dict_find(const struct list_node *dict, struct str key, bool *ret_found);

/* A string's bytes inside the node that holds the word: valid while that node is. Empty for packed
 * strings. */
static inline struct str string_in_place(const struct value *v)
{
    return word_tag(*v) == TAG_INLINE || word_tag(*v) == TAG_STRING ? key_word_str(v)
                                                                    : (struct str){"", 0};
}
static inline struct value word_of_packed(enum packed_sort sort, int64_t number)
{
    return (struct value){(uint64_t)number << 5 | (uint64_t)sort << 3 | TAG_PACKED};
}

/* ---- times (value_time.c) ---- */

#define TIME_TEXT_SIZE 20                              /* 2006-01-02T15:04:05Z */
#define MICRO_TIME_TEXT_SIZE 27                        /* 2006-01-02T15:04:05.000000Z */
int64_t digits_parse(const char *bytes, size_t count); /* -1: not only digits */
void digits_write(char *out, int64_t n, size_t count); /* with leading zeros */
/* The first 19 bytes, without the zone: seconds since 1970. */
bool time_text_parse(const char *bytes, int64_t *ret_seconds);
void time_text_write(int64_t seconds, char out[TIME_TEXT_SIZE - 1]);

/* ---- building ---- */

/* An object of members in any order; the last of equal keys counts. Consumes the parts. */
struct value value_from_members(struct value_member *members, size_t count, bool as_dict);
/* An array of words, consumed. */
struct value value_from_items(const struct value *items, size_t count);

/* ---- for tests and benches ---- */

struct value_heap_stats {
    uint64_t nodes, bytes; /* live, but for those that live for ever */
    size_t atoms, shapes;
};
struct value_heap_stats value_heap_stats(void);
/* Sizes of the two caches, powers of two; nothing but memory and speed may depend on them. */
void value_heap_set_caches(uint32_t transitions, uint32_t cons_sets);

#endif
