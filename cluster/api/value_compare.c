/* SPDX-License-Identifier: Apache-2.0
 *
 * Equality, order and hash of values, by content alone: a struct and a dict with the same members
 * are equal, and no number of an atom, shape or address takes part.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

#include "sim/base/hash.h"

static bool equal_structs(const struct list_node *a, const struct list_node *b)
{
    if (a->head.info != b->head.info)
        return false;
    size_t count = node_shape(&a->head)->count;
    for (size_t i = 0; i < count; i++)
        if (!value_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

static bool equal_objects(struct value a, struct value b)
{
    if (word_tag(a) == TAG_STRUCT && word_tag(b) == TAG_STRUCT)
        return equal_structs(word_list(a), word_list(b));
    size_t count = value_count(a);
    if (count != value_count(b))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!str_equal(value_key_at(a, i), value_key_at(b, i)) ||
            !value_equal(value_member_at(a, i), value_member_at(b, i)))
            return false;
    return true;
}

static bool equal_arrays(const struct list_node *a, const struct list_node *b)
{
    if (a->head.info != b->head.info)
        return false;
    for (size_t i = 0; i < a->head.info; i++)
        if (!value_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

bool value_equal(struct value a, struct value b)
{
    if (value_is_same(a, b))
        return true;
    /* What fits into a word has one word. */
    if (!word_is_pointer(a) || !word_is_pointer(b))
        return false;
    if (word_tag(a) == TAG_STRING && word_tag(b) == TAG_STRING) {
        const struct string_node *x = word_string(a), *y = word_string(b);
        return x->head.info == y->head.info &&
               memcmp(x->bytes, y->bytes, x->head.info & STRING_SIZE_MASK) == 0;
    }
    enum value_kind kind = value_kind(a);
    if (kind != value_kind(b))
        return false;
    switch (kind) {
    case VALUE_ARRAY:
        return equal_arrays(word_list(a), word_list(b));
    case VALUE_OBJECT:
        return equal_objects(a, b);
    case VALUE_INTEGER:
    case VALUE_DOUBLE:
        return value_compare(a, b) == 0;
    case VALUE_NONE:
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_STRING:
        break;
    }
    return false;
}

static int compare_counts(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_lists(struct value a, struct value b, enum value_kind kind)
{
    size_t count_a = value_count(a), count_b = value_count(b);
    for (size_t i = 0; i < count_a && i < count_b; i++) {
        int order = 0;
        if (kind == VALUE_OBJECT) {
            order = str_compare(value_key_at(a, i), value_key_at(b, i));
            if (order == 0)
                order = value_compare(value_member_at(a, i), value_member_at(b, i));
        } else {
            order = value_compare(value_at(a, i), value_at(b, i));
        }
        if (order)
            return order;
    }
    return compare_counts(count_a, count_b);
}

int value_compare(struct value a, struct value b)
{
    if (value_is_same(a, b))
        return 0;
    enum value_kind kind = value_kind(a), other = value_kind(b);
    if (kind != other)
        return kind < other ? -1 : 1;
    switch (kind) {
    case VALUE_NONE:
    case VALUE_NULL:
        return 0;
    case VALUE_BOOL:
        return value_as_bool(a) - value_as_bool(b);
    case VALUE_INTEGER: {
        int64_t x = value_as_integer(a, 0), y = value_as_integer(b, 0);
        return (x > y) - (x < y);
    }
    case VALUE_DOUBLE: {
        double x = value_as_double(a, 0), y = value_as_double(b, 0);
        return (x > y) - (x < y);
    }
    case VALUE_STRING:
        return str_compare(value_str(a), value_str(b));
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        break;
    }
    return compare_lists(a, b, kind);
}

/* Words: what fits into a word has one word, which its content alone decides. */
static inline uint64_t part_hash(struct value v)
{
    return word_is_pointer(v) ? value_hash(v) : hash_mix(v.word);
}

/* First all keys (a shape knows that hash), then all parts. */
static uint64_t struct_hash(struct value v)
{
    const struct list_node *n = word_list(v);
    const struct shape *shape = node_shape(&n->head);
    uint64_t h = shape->content_hash;
    for (uint32_t i = 0; i < shape->count; i++)
        h = hash_pair(h, part_hash(n->items[i]));
    return h;
}

static uint64_t dict_hash(struct value v)
{
    const struct list_node *n = word_list(v);
    uint64_t h = VALUE_OBJECT;
    for (uint32_t i = 0; i < n->head.info; i++)
        h = hash_pair(h, hash_bytes(key_word_str(&n->items[2 * i])));
    for (uint32_t i = 0; i < n->head.info; i++)
        h = hash_pair(h, part_hash(n->items[2 * i + 1]));
    return h;
}

static uint64_t array_hash(struct value v)
{
    const struct list_node *n = word_list(v);
    uint64_t h = VALUE_ARRAY;
    for (uint32_t i = 0; i < n->head.info; i++)
        h = hash_pair(h, part_hash(n->items[i]));
    return h;
}

uint64_t value_hash(struct value v)
{
    if (word_tag(v) == TAG_STRUCT)
        return struct_hash(v);
    if (!word_is_pointer(v))
        return hash_mix(v.word);
    if (word_tag(v) == TAG_STRING)
        return hash_pair(VALUE_STRING, hash_bytes(string_in_place(&v)));
    if (word_tag(v) == TAG_ARRAY)
        return array_hash(v);
    if (word_is_dict(v))
        return dict_hash(v);
    uint64_t bits;
    memcpy(&bits, &word_number(v)->number, sizeof(bits));
    return hash_pair(value_kind(v), bits);
}

bool value_has_item(struct value array, struct value item)
{
    for (size_t i = 0; i < value_count(array); i++)
        if (value_equal(value_at(array, i), item))
            return true;
    return false;
}

bool value_has_string(struct value array, const char *string)
{
    for (size_t i = 0; i < value_count(array); i++)
        if (value_is(value_at(array, i), string))
            return true;
    return false;
}
