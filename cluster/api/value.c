/* SPDX-License-Identifier: Apache-2.0
 *
 * Values: making them and reading them. The layout of words and nodes is in value_heap.h; the other
 * topics have their own files: value_heap.c (memory, references), value_atom.c, value_shape.c,
 * value_string.c (strings in words), value_write.c (copy on write), value_compare.c, value_share.c
 * (one copy of equal parts), value_pack.c.
 *
 * An object is either a struct (a shape and one word a key) or a dict (pairs of key and value) when
 * its keys are data. Both keep their members in order of the keys' bytes; no caller can tell them
 * apart.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

#include "sim/base/sort.h"

/* {} and [] exist once, for ever. */
static _Alignas(8) struct node empty_object = {REFERENCE_STICKY, 0};
static _Alignas(8) struct node empty_array = {REFERENCE_STICKY, 0};
_Static_assert(sizeof(struct node) == 8 && sizeof(struct list_node) == 8, "heads are one word");

/* ---- making ---- */

struct value value_null(void)
{
    return (struct value){WORD_NULL};
}

struct value value_bool(bool b)
{
    return (struct value){b ? WORD_TRUE : WORD_FALSE};
}

struct value value_integer(int64_t n)
{
    if (n >= INTEGER_MIN_61 && n <= INTEGER_MAX_61)
        return (struct value){(uint64_t)n << 3 | TAG_INTEGER};
    struct number_node *node = node_allocate(sizeof(*node));
    node->head.info = OTHER_INTEGER;
    node->number.integer = n;
    return word_of(node, TAG_OTHER);
}

struct value value_double(double d)
{
    struct number_node *node = node_allocate(sizeof(*node));
    node->head.info = OTHER_DOUBLE;
    node->number.real = d;
    return word_of(node, TAG_OTHER);
}

struct value value_object(void)
{
    value_heap_start();
    return word_of(&empty_object, TAG_STRUCT);
}

struct value value_array(void)
{
    return word_of(&empty_array, TAG_ARRAY);
}

struct value value_from_items(const struct value *items, size_t count)
{
    if (count == 0)
        return value_array();
    CHECK(count < UINT32_MAX);
    struct list_node *n = node_allocate(list_size(count));
    n->head.info = (uint32_t)count;
    memcpy(n->items, items, count * sizeof(items[0]));
    return word_of(n, TAG_ARRAY);
}

/* NULL: they make no struct. */
static const struct shape *members_shape(const struct value_member *members, size_t count)
{
    const struct shape *shape = value_heap.shapes.items[0];
    for (size_t i = 0; i < count && shape; i++) {
        if (members[i].key == ATOM_NONE)
            return NULL;
        if (shape_slot(shape, members[i].key) < 0)
            shape = shape_with(shape, members[i].key);
    }
    return shape;
}

static int member_compare(const void *a, const void *b, void *context)
{
    (void)context;
    const struct value_member *x = a, *y = b;
    return str_compare(x->text, y->text);
}

/* The same key comes again behind it. */
static bool is_replaced(const struct value_member *sorted, size_t count, size_t i)
{
    return i + 1 < count && str_equal(sorted[i].text, sorted[i + 1].text);
}

static struct value dict_from_members(struct value_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (members[i].key != ATOM_NONE)
            members[i].text = atom_text(members[i].key);
    bool is_sorted = true;
    for (size_t i = 1; i < count && is_sorted; i++)
        is_sorted = str_compare(members[i - 1].text, members[i].text) < 0;
    if (!is_sorted)
        sort_stable(members, count, sizeof(members[0]), member_compare, NULL);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        kept += !is_replaced(members, count, i);
    CHECK(kept < OTHER_INTEGER);
    struct list_node *n = node_allocate(list_size(2 * kept));
    n->head.info = OTHER_DICT | (uint32_t)kept;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_replaced(members, count, i)) {
            value_drop(members[i].part);
            continue;
        }
        n->items[at++] = string_key(members[i].text);
        n->items[at++] = members[i].part;
    }
    return word_of(n, TAG_OTHER);
}

struct value value_from_members(struct value_member *members, size_t count, bool as_dict)
{
    if (count == 0)
        return value_object();
    value_heap_start();
    const struct shape *shape = as_dict ? NULL : members_shape(members, count);
    if (!shape)
        return dict_from_members(members, count);
    struct list_node *n = node_allocate(list_size(shape->count));
    n->head.info = shape->id;
    if (shape->count != count)
        memset(n->items, 0, shape->count * sizeof(n->items[0]));
    for (size_t i = 0; i < count; i++) {
        int slot = shape_slot(shape, members[i].key);
        if (shape->count != count)
            value_drop(n->items[slot]);
        n->items[slot] = members[i].part;
    }
    return word_of(n, TAG_STRUCT);
}

/* ---- reading ---- */

enum value_kind value_kind(struct value v)
{
    switch (word_tag(v)) {
    case TAG_SPECIAL:
        return v.word == 0 ? VALUE_NONE : v.word == WORD_NULL ? VALUE_NULL : VALUE_BOOL;
    case TAG_INTEGER:
        return VALUE_INTEGER;
    case TAG_INLINE:
    case TAG_PACKED:
    case TAG_STRING:
        return VALUE_STRING;
    case TAG_ARRAY:
        return VALUE_ARRAY;
    case TAG_STRUCT:
        return VALUE_OBJECT;
    case TAG_OTHER:
        break;
    }
    uint32_t sort = word_node(v)->info & OTHER_SORT_MASK;
    return sort == OTHER_DICT ? VALUE_OBJECT : sort == OTHER_INTEGER ? VALUE_INTEGER : VALUE_DOUBLE;
}

size_t dict_find(const struct list_node *dict, struct str key, bool *ret_found)
{
    size_t low = 0, high = dict->head.info;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(key_word_str(&dict->items[2 * middle]), key);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static struct value dict_get(struct value dict, struct str key)
{
    const struct list_node *n = word_list(dict);
    bool is_found;
    size_t at = dict_find(n, key, &is_found);
    return is_found ? n->items[2 * at + 1] : VALUE_ABSENT;
}

struct value value_get(struct value object, atom key)
{
    if (LIKELY(word_tag(object) == TAG_STRUCT)) {
        const struct list_node *n = word_list(object);
        int slot = shape_slot(node_shape(&n->head), key);
        return slot < 0 ? VALUE_ABSENT : n->items[slot];
    }
    return word_is_dict(object) ? dict_get(object, atom_text(key)) : VALUE_ABSENT;
}

struct value value_get_key(struct value object, struct str key)
{
    if (word_tag(object) == TAG_STRUCT) {
        atom a = atom_find(key);
        return a == ATOM_NONE ? VALUE_ABSENT : value_get(object, a);
    }
    return word_is_dict(object) ? dict_get(object, key) : VALUE_ABSENT;
}

struct value value_path(struct value v, const atom *path, size_t count)
{
    for (size_t i = 0; i < count; i++)
        v = value_get(v, path[i]);
    return v;
}

size_t value_count(struct value v)
{
    if (!word_is_list(v))
        return 0;
    return word_tag(v) == TAG_OTHER ? word_node(v)->info : list_words(v);
}

struct value value_at(struct value array, size_t i)
{
    if (word_tag(array) != TAG_ARRAY || i >= word_node(array)->info)
        return VALUE_ABSENT;
    return word_list(array)->items[i];
}

struct value value_member_at(struct value object, size_t i)
{
    if (value_kind(object) != VALUE_OBJECT || i >= value_count(object))
        return VALUE_ABSENT;
    return word_list(object)->items[word_tag(object) == TAG_STRUCT ? i : 2 * i + 1];
}

struct str value_key_at(struct value object, size_t i)
{
    CHECK(value_kind(object) == VALUE_OBJECT && i < value_count(object));
    if (word_tag(object) == TAG_STRUCT)
        return atom_text(node_shape(word_node(object))->keys[i]);
    return key_word_str(&word_list(object)->items[2 * i]);
}

atom value_key_atom_at(struct value object, size_t i)
{
    CHECK(value_kind(object) == VALUE_OBJECT && i < value_count(object));
    if (word_tag(object) == TAG_STRUCT)
        return node_shape(word_node(object))->keys[i];
    return atom_of(value_key_at(object, i));
}

bool value_as_bool(struct value v)
{
    return v.word == WORD_TRUE;
}

int64_t value_as_integer(struct value v, int64_t otherwise)
{
    if (word_tag(v) == TAG_INTEGER)
        return word_integer(v);
    return value_kind(v) == VALUE_INTEGER ? word_number(v)->number.integer : otherwise;
}

double value_as_double(struct value v, double otherwise)
{
    enum value_kind kind = value_kind(v);
    if (kind == VALUE_DOUBLE)
        return word_number(v)->number.real;
    return kind == VALUE_INTEGER ? (double)value_as_integer(v, 0) : otherwise;
}
