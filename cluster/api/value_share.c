/* SPDX-License-Identifier: Apache-2.0
 *
 * One copy of equal parts. Neither function changes the content of anything.
 *
 * value_share lays a new tree beside an old one (its predecessor, or a sibling of the same owner)
 * and takes the old one's nodes wherever both are equal: after a parse this finds again what copy
 * on write would have shared.
 *
 * value_canonical goes through a small lossy two-way cache, from the leaves up: for conditions,
 * label maps and owner references, which many objects have in common. The cache holds no
 * references: a node that it knows carries a bit, and takes itself out when freed. A node with the
 * bit is never changed in place.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

#include "sim/base/hash.h"

#define CANONICAL_DEPTH_MAX 8

/* ---- share ---- */

static void share_members(struct value new, struct value old)
{
    struct list_node *n = word_list(new);
    bool is_same_shape = word_tag(new) == TAG_STRUCT && word_tag(old) == TAG_STRUCT &&
                         n->head.info == word_node(old)->info;
    size_t count = value_count(new);
    for (size_t i = 0; i < count; i++) {
        size_t at = word_tag(new) == TAG_STRUCT ? i : 2 * i + 1;
        if (!word_is_pointer(n->items[at]))
            continue;
        struct value peer =
            is_same_shape ? word_list(old)->items[i] : value_get_key(old, value_key_at(new, i));
        n->items[at] = value_share(n->items[at], peer);
    }
}

static void share_items(struct value new, struct value old)
{
    struct list_node *n = word_list(new);
    for (size_t i = 0; i < n->head.info; i++)
        if (word_is_pointer(n->items[i]))
            n->items[i] = value_share(n->items[i], value_at(old, i));
}

/* Their children are words already shared: equal only if the same. */
static bool lists_are_same(struct value a, struct value b)
{
    size_t words = list_words(a);
    if (word_tag(a) != word_tag(b) || word_node(a)->info != word_node(b)->info)
        return false;
    if (word_is_dict(a))
        return value_equal(a, b);
    return memcmp(word_list(a)->items, word_list(b)->items, words * sizeof(struct value)) == 0;
}

struct value value_share(struct value own_new, struct value old)
{
    if (value_is_same(own_new, old) || !word_is_pointer(own_new) || !word_is_pointer(old))
        return own_new;
    bool is_equal;
    if (!word_is_list(own_new) || !node_is_sole(own_new)) {
        is_equal = value_equal(own_new, old);
    } else if (value_kind(own_new) != value_kind(old)) {
        return own_new;
    } else {
        if (word_tag(own_new) == TAG_ARRAY)
            share_items(own_new, old);
        else
            share_members(own_new, old);
        is_equal = lists_are_same(own_new, old);
    }
    if (!is_equal)
        return own_new;
    value_drop(own_new);
    return value_keep(old);
}

/* ---- canonical ---- */

static uint64_t words_hash(struct value v)
{
    if (word_tag(v) == TAG_STRING)
        return hash_bytes(value_str(v));
    size_t words = list_words(v);
    uint64_t h = hash_pair(word_tag(v), word_node(v)->info);
    for (size_t i = 0; i < words; i++)
        h = hash_pair(h, word_list(v)->items[i].word);
    return h;
}

static bool words_equal(struct value a, struct value b)
{
    if (word_tag(a) != word_tag(b) || word_node(a)->info != word_node(b)->info)
        return false;
    if (word_tag(a) == TAG_STRING)
        return str_equal(value_str(a), value_str(b));
    return memcmp(word_list(a)->items, word_list(b)->items, list_words(a) * sizeof(struct value)) ==
           0;
}

static struct value *cons_set(struct value v)
{
    return value_heap.cons[words_hash(v) & value_heap.cons_mask];
}

void cons_forget(struct value canonical)
{
    struct value *set = cons_set(canonical);
    for (size_t way = 0; way < 2; way++)
        if (value_is_same(set[way], canonical)) {
            set[way] = VALUE_ABSENT;
            return;
        }
}

static struct value cons(struct value own_v)
{
    struct value *set = cons_set(own_v);
    for (size_t way = 0; way < 2; way++)
        if (value_is_present(set[way]) && words_equal(set[way], own_v)) {
            struct value found = value_keep(set[way]);
            value_drop(own_v);
            return found;
        }
    if (value_is_present(set[1]))
        word_node(set[1])->references &= ~REFERENCE_CANONICAL;
    set[1] = set[0];
    set[0] = own_v;
    word_node(own_v)->references |= REFERENCE_CANONICAL;
    return own_v;
}

static struct value canonical(struct value own_v, unsigned depth)
{
    if (!word_is_pointer(own_v))
        return own_v;
    uint32_t references = word_node(own_v)->references;
    bool is_string = word_tag(own_v) == TAG_STRING;
    if (references & (REFERENCE_CANONICAL | REFERENCE_STICKY) ||
        (!is_string && !word_is_list(own_v)))
        return own_v;
    if (is_string)
        return cons(own_v);
    if (depth == 0)
        return own_v;
    size_t words = list_words(own_v);
    for (size_t i = 0; i < words; i++) {
        struct value child = word_list(own_v)->items[i];
        if (!word_is_pointer(child))
            continue;
        if (node_is_sole(own_v)) {
            word_list(own_v)->items[i] = value_null();
            child = canonical(child, depth - 1);
            word_list(own_v)->items[i] = child;
            continue;
        }
        struct value better = canonical(value_keep(child), depth - 1);
        if (!value_is_same(better, child))
            own_v = list_own(own_v);
        value_drop(word_list(own_v)->items[i]);
        word_list(own_v)->items[i] = better;
    }
    return cons(own_v);
}

struct value value_canonical(struct value own_v)
{
    value_heap_start();
    return canonical(own_v, CANONICAL_DEPTH_MAX);
}
