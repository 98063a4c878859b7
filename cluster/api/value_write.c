/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing a value: copy on write. Each function consumes the tree and the new part and returns the
 * new tree. A node that nobody else holds and no cache knows is changed in place; any other is
 * copied, its children shared. A path is walked from the root down: copying a parent makes its
 * children shared, so what hangs below a shared ancestor is copied too, and never changed under
 * somebody's eyes.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

static struct value struct_set(struct value object, atom key, struct value part);
static struct value dict_set(struct value object, struct str key, struct value part);

/* Absent and null grow into what is put into them. */
static struct value as_object(struct value v)
{
    if (v.word == 0 || v.word == WORD_NULL)
        return value_object();
    CHECK(value_kind(v) == VALUE_OBJECT);
    return v;
}

static struct value as_array(struct value v)
{
    if (v.word == 0 || v.word == WORD_NULL)
        return value_array();
    CHECK(word_tag(v) == TAG_ARRAY);
    return v;
}

struct value value_set(struct value object, atom key, struct value part)
{
    if (!value_is_present(part) && value_kind(object) != VALUE_OBJECT)
        return object;
    object = as_object(object);
    if (word_tag(object) == TAG_STRUCT)
        return struct_set(object, key, part);
    return dict_set(object, atom_text(key), part);
}

static struct value struct_to_dict(struct value object)
{
    size_t count = value_count(object);
    struct list_node *n = node_allocate(list_size(2 * count));
    n->head.info = OTHER_DICT | (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        n->items[2 * i] = string_key(value_key_at(object, i));
        n->items[2 * i + 1] = value_keep(value_member_at(object, i));
    }
    value_drop(object);
    return word_of(n, TAG_OTHER);
}

struct value value_set_key(struct value object, struct str key, struct value part)
{
    if (!value_is_present(part) && value_kind(object) != VALUE_OBJECT)
        return object;
    object = as_object(object);
    if (word_tag(object) == TAG_STRUCT) {
        atom a = value_is_present(part) ? atom_of_key(key) : atom_find(key);
        if (a != ATOM_NONE)
            return struct_set(object, a, part);
        if (!value_is_present(part))
            return object;
        object = struct_to_dict(object);
    }
    return dict_set(object, key, part);
}

/* ---- structs ---- */

/* The object with another shape: the first `same` words, then without `skip_old` (0 or 1) old word,
 * with `skip_new` (0 or 1) new word that is not set. Consumes. */
static struct value struct_reshape(struct value object, const struct shape *to, size_t same,
                                   size_t skip_old, size_t skip_new)
{
    struct list_node *old = word_list(object);
    size_t old_count = list_words(object);
    struct list_node *n = node_allocate(list_size(to->count));
    n->head.info = to->id;
    memcpy(n->items, old->items, same * sizeof(n->items[0]));
    memcpy(n->items + same + skip_new, old->items + same + skip_old,
           (old_count - same - skip_old) * sizeof(n->items[0]));
    if (node_is_sole(object)) {
        if (skip_old)
            value_drop(old->items[same]);
        node_free(old, list_size(old_count));
        return word_of(n, TAG_STRUCT);
    }
    for (size_t i = 0; i < to->count; i++)
        if (!skip_new || i != same)
            value_keep(n->items[i]);
    value_drop(object);
    return word_of(n, TAG_STRUCT);
}

static struct value struct_add(struct value object, atom key, struct value part)
{
    const struct shape *to = shape_with(node_shape(word_node(object)), key);
    if (!to)
        return dict_set(struct_to_dict(object), atom_text(key), part);
    size_t slot = (size_t)shape_slot(to, key);
    object = struct_reshape(object, to, slot, 0, 1);
    word_list(object)->items[slot] = part;
    return object;
}

static struct value struct_remove(struct value object, atom key, size_t slot)
{
    const struct shape *from = node_shape(word_node(object));
    if (from->count == 1) {
        value_drop(object);
        return value_object();
    }
    const struct shape *to = shape_without(from, key);
    if (!to)
        return dict_set(struct_to_dict(object), atom_text(key), VALUE_ABSENT);
    return struct_reshape(object, to, slot, 1, 0);
}

static struct value struct_set(struct value object, atom key, struct value part)
{
    int slot = shape_slot(node_shape(word_node(object)), key);
    if (slot < 0)
        return value_is_present(part) ? struct_add(object, key, part) : object;
    if (!value_is_present(part))
        return struct_remove(object, key, (size_t)slot);
    struct value *old = &word_list(object)->items[slot];
    if (value_is_same(*old, part)) {
        value_drop(part);
        return object;
    }
    object = list_own(object);
    old = &word_list(object)->items[slot];
    value_drop(*old);
    *old = part;
    return object;
}

/* ---- dicts and arrays: lists with a stretch of words replaced ---- */

/* Words [at, at + removed) make room for `added` unset ones. Consumes; the removed words are
 * dropped. The head's info stays. */
static struct value list_splice(struct value list, size_t at, size_t removed, size_t added)
{
    size_t words = list_words(list), total = words - removed + added;
    struct list_node *old = word_list(list);
    bool is_sole = node_is_sole(list);
    if (is_sole) {
        for (size_t i = 0; i < removed; i++)
            value_drop(old->items[at + i]);
        if (node_room(list_size(words)) == node_room(list_size(total))) {
            memmove(old->items + at + added, old->items + at + removed,
                    (words - at - removed) * sizeof(old->items[0]));
            return list;
        }
    }
    struct list_node *n = node_allocate(list_size(total));
    n->head.info = old->head.info;
    memcpy(n->items, old->items, at * sizeof(n->items[0]));
    memcpy(n->items + at + added, old->items + at + removed,
           (words - at - removed) * sizeof(n->items[0]));
    if (is_sole) {
        node_free(old, list_size(words));
    } else {
        for (size_t i = 0; i < total; i++)
            if (i < at || i >= at + added)
                value_keep(n->items[i]);
        value_drop(list);
    }
    return word_of(n, word_tag(list));
}

static struct value dict_set(struct value object, struct str key, struct value part)
{
    bool is_found;
    size_t at = dict_find(word_list(object), key, &is_found);
    uint32_t count = word_node(object)->info;
    if (!value_is_present(part)) {
        if (!is_found)
            return object;
        if (count == 1) {
            value_drop(object);
            return value_object();
        }
        object = list_splice(object, 2 * at, 2, 0);
        word_node(object)->info = count - 1;
        return object;
    }
    if (is_found) {
        object = list_own(object);
        struct value *old = &word_list(object)->items[2 * at + 1];
        value_drop(*old);
        *old = part;
        return object;
    }
    CHECK(count + 1 < OTHER_INTEGER);
    struct value key_word = string_key(key); /* first: the key may lie in the object */
    object = list_splice(object, 2 * at, 0, 2);
    word_node(object)->info = count + 1;
    word_list(object)->items[2 * at] = key_word;
    word_list(object)->items[2 * at + 1] = part;
    return object;
}

struct value value_insert_at(struct value array, size_t i, struct value item)
{
    array = as_array(array);
    uint32_t count = word_node(array)->info;
    CHECK(i <= count && count + 1 < UINT32_MAX && value_is_present(item));
    array = list_splice(array, i, 0, 1);
    word_node(array)->info = count + 1;
    word_list(array)->items[i] = item;
    return array;
}

struct value value_append(struct value array, struct value item)
{
    return value_insert_at(array, value_count(array), item);
}

struct value value_remove_at(struct value array, size_t i)
{
    CHECK(i < value_count(array) && word_tag(array) == TAG_ARRAY);
    uint32_t count = word_node(array)->info;
    if (count == 1) {
        value_drop(array);
        return value_array();
    }
    array = list_splice(array, i, 1, 0);
    word_node(array)->info = count - 1;
    return array;
}

struct value value_set_at(struct value array, size_t i, struct value item)
{
    CHECK(word_tag(array) == TAG_ARRAY && i < value_count(array) && value_is_present(item));
    struct value *old = &word_list(array)->items[i];
    if (value_is_same(*old, item)) {
        value_drop(item);
        return array;
    }
    array = list_own(array);
    old = &word_list(array)->items[i];
    value_drop(*old);
    *old = item;
    return array;
}

/* ---- paths ---- */

struct value *member_slot(struct value object, atom key)
{
    if (word_tag(object) == TAG_STRUCT) {
        int slot = shape_slot(node_shape(word_node(object)), key);
        return slot < 0 ? NULL : &word_list(object)->items[slot];
    }
    bool is_found;
    size_t at = dict_find(word_list(object), atom_text(key), &is_found);
    return is_found ? &word_list(object)->items[2 * at + 1] : NULL;
}

static struct value set_path(struct value v, struct value part, const atom *path, size_t count)
{
    if (count == 1)
        return value_set(v, path[0], part);
    v = as_object(v);
    if (!member_slot(v, path[0]))
        return value_set(v, path[0], set_path(VALUE_ABSENT, part, path + 1, count - 1));
    v = list_own(v);
    struct value *slot = member_slot(v, path[0]);
    struct value child = *slot;
    *slot = value_null();
    child = set_path(child, part, path + 1, count - 1);
    *slot = child; /* the same node: only the child's side was touched */
    return v;
}

struct value value_set_path(struct value v, struct value part, const atom *path, size_t count)
{
    CHECK(count > 0);
    struct value current = value_path(v, path, count);
    if (value_is_same(current, part)) {
        value_drop(part);
        return v;
    }
    return set_path(v, part, path, count);
}
