/* SPDX-License-Identifier: Apache-2.0
 *
 * The ordered map: a B+tree of item pointers.
 *
 * A leaf holds items in order and knows its right neighbour. An inner node holds children and, for
 * each, the lowest item below it. That item is always a live one of the map (never a copy of a key,
 * since only the caller's comparator knows what a key is), so each change refreshes the lowest
 * items on its path. A map of a few items is a single root leaf that grows with need: 4, 8, 16, 32
 * slots.
 *
 * Invariants: all leaves are equally deep; slots beyond `count` are not read; children[i]'s lowest
 * item is lows[i]; a node that gets under a quarter full by a removal is merged with, or filled
 * from, a neighbour under the same parent. Appending in order leaves full leaves behind.
 *
 * Items that were added (not put) wait in an array until somebody looks. Many maps are filled with
 * a hundred thousand items long before their order is asked for, if it ever is (a replica
 * that serves no list), and items that come in sorted find their leaf in the processor's cache.
 */
#include "sim/base/map.h"

#include "sim/base/mem.h"
#include "sim/base/sort.h"

#define LEAF_MIN 4 /* slots of the smallest root leaf */
#define FANOUT 32
#define UNDERFULL (FANOUT / 4)
#define DEPTH_MAX 24

struct map_node {
    uint16_t count;
    uint16_t capacity;
    bool is_leaf;
    struct map_node *next; /* leaf: the right neighbour */
    void *lows[];          /* leaf: the items; inner: the lowest item of each child */
    /* inner: FANOUT lows are followed by FANOUT children */
};

static struct map_node **children(struct map_node *inner)
{
    return (struct map_node **)(void *)(inner->lows + FANOUT);
}

static struct map_node *node_new(bool is_leaf, size_t capacity)
{
    size_t slots = is_leaf ? capacity : 2 * FANOUT;
    struct map_node *node = mem_allocate(1, sizeof(*node) + slots * sizeof(void *));
    node->is_leaf = is_leaf;
    node->capacity = (uint16_t)capacity;
    return node;
}

struct map_added {
    size_t count, capacity;
    void *items[];
};
#define ADDED_MIN 8
#define ADDED_KEPT 64 /* an array of up to so many stays for the next ones */

struct path {
    struct map_node *nodes[DEPTH_MAX];
    size_t slots[DEPTH_MAX]; /* which child was taken; in the leaf: the position */
    size_t depth;            /* index of the leaf */
    bool found;
};

/* First slot whose low is not before the probe; *ret_equal tells whether it is equal. */
static size_t lower_bound(const struct map *m, const struct map_node *node, const void *probe,
                          bool *ret_equal)
{
    size_t low = 0, high = node->count;
    *ret_equal = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = m->compare(probe, node->lows[middle]);
        if (order == 0) {
            *ret_equal = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static size_t child_slot(const struct map *m, const struct map_node *inner, const void *probe)
{
    bool is_equal;
    size_t slot = lower_bound(m, inner, probe, &is_equal);
    return is_equal || slot == 0 ? slot : slot - 1;
}

static void descend(const struct map *m, const void *probe, struct path *path)
{
    struct map_node *node = m->root;
    path->depth = 0;
    while (!node->is_leaf) {
        CHECK(path->depth + 1 < DEPTH_MAX);
        size_t slot = child_slot(m, node, probe);
        path->nodes[path->depth] = node;
        path->slots[path->depth++] = slot;
        node = children(node)[slot];
    }
    path->nodes[path->depth] = node;
    path->slots[path->depth] = lower_bound(m, node, probe, &path->found);
}

static int compare_added(const void *a, const void *b, void *map)
{
    return ((const struct map *)map)->compare(*(void *const *)a, *(void *const *)b);
}

static void put_added(struct map *m)
{
    struct map_added *added = m->added;
    m->added = NULL; /* what follows looks */
    sort_stable(added->items, added->count, sizeof(added->items[0]), compare_added, m);
    m->count -= added->count;
    for (size_t i = 0; i < added->count; i++)
        CHECK(!map_put(m, added->items[i]));
    added->count = 0;
    if (added->capacity <= ADDED_KEPT)
        m->added = added;
    else
        mem_free(added);
}

/* To look is to put what was added: no change that anybody could tell. */
static inline void settle(const struct map *m)
{
    if (UNLIKELY(m->added && m->added->count > 0))
        put_added((struct map *)(uintptr_t)m);
}

void map_add(struct map *m, void *item)
{
    CHECK(item != NULL && m->compare != NULL);
    struct map_added *added = m->added;
    if (!added || added->count == added->capacity) {
        size_t capacity = added ? added->capacity + added->capacity / 2 : ADDED_MIN;
        added = mem_reallocate(added, 1, 1, sizeof(*added) + capacity * sizeof(void *));
        if (!m->added)
            added->count = 0;
        added->capacity = capacity;
        m->added = added;
    }
    added->items[added->count++] = item;
    m->count++;
}

/* The lowest items along the path, after the leaf has changed. */
static void refresh_lows(struct path *path)
{
    for (size_t level = path->depth; level-- > 0;) {
        struct map_node *inner = path->nodes[level];
        inner->lows[path->slots[level]] = children(inner)[path->slots[level]]->lows[0];
    }
}

void *map_get(const struct map *m, const void *probe)
{
    settle(m);
    const struct map_node *node = m->root;
    if (!node)
        return NULL;
    while (!node->is_leaf) {
        size_t slot = child_slot(m, node, probe);
        node = ((struct map_node *const *)(const void *)(node->lows + FANOUT))[slot];
    }
    bool is_equal;
    size_t slot = lower_bound(m, node, probe, &is_equal);
    return is_equal ? node->lows[slot] : NULL;
}

/* ---- insertion ---- */

static void slot_insert(struct map_node *node, size_t at, void *low, struct map_node *child)
{
    CHECK(node->count < node->capacity);
    size_t behind = node->count - at;
    memmove(&node->lows[at + 1], &node->lows[at], behind * sizeof(void *));
    node->lows[at] = low;
    if (!node->is_leaf) {
        memmove(&children(node)[at + 1], &children(node)[at], behind * sizeof(void *));
        children(node)[at] = child;
    }
    node->count++;
}

static void slot_remove(struct map_node *node, size_t at)
{
    size_t behind = (size_t)node->count - at - 1;
    memmove(&node->lows[at], &node->lows[at + 1], behind * sizeof(void *));
    if (!node->is_leaf)
        memmove(&children(node)[at], &children(node)[at + 1], behind * sizeof(void *));
    node->count--;
}

/* Appends slots [from, to) of `source` at position `at` of `target`. Does not shrink the source. */
static void slots_copy(struct map_node *target, size_t at, struct map_node *source, size_t from,
                       size_t to)
{
    memcpy(&target->lows[at], &source->lows[from], (to - from) * sizeof(void *));
    if (!source->is_leaf)
        memcpy(&children(target)[at], &children(source)[from], (to - from) * sizeof(void *));
}

/* Moves the slots from `keep` on into a new right neighbour. */
static struct map_node *node_split(struct map_node *node, size_t keep)
{
    struct map_node *right = node_new(node->is_leaf, FANOUT);
    slots_copy(right, 0, node, keep, node->count);
    right->count = (uint16_t)(node->count - keep);
    node->count = (uint16_t)keep;
    if (node->is_leaf) {
        right->next = node->next;
        node->next = right;
    }
    return right;
}

static void root_raise(struct map *m, struct map_node *right)
{
    struct map_node *left = m->root;
    struct map_node *root = node_new(false, FANOUT);
    slot_insert(root, 0, left->lows[0], left);
    slot_insert(root, 1, right->lows[0], right);
    m->root = root;
}

/* Puts the item at the end of the path, splitting upwards as needed; shortens the path to the node
 * that took the last of it, so that the lows above that one can be refreshed. */
static void insert_at(struct map *m, struct path *path, void *item)
{
    struct map_node *child = NULL;
    void *low = item;
    size_t at = path->slots[path->depth];
    for (size_t level = path->depth;; level--) {
        struct map_node *node = path->nodes[level];
        if (node->count < FANOUT) {
            slot_insert(node, at, low, child);
            path->depth = level;
            break;
        }
        bool is_append = node->is_leaf && !node->next && at == node->count;
        struct map_node *right = node_split(node, is_append ? FANOUT : FANOUT / 2);
        if (at > node->count || is_append)
            slot_insert(right, at - node->count, low, child);
        else
            slot_insert(node, at, low, child);
        if (level == 0) {
            root_raise(m, right);
            path->depth = 0;
            break;
        }
        path->nodes[level - 1]->lows[path->slots[level - 1]] = node->lows[0];
        low = right->lows[0];
        child = right;
        at = path->slots[level - 1] + 1;
    }
}

/* The root leaf is full but small: a bigger one. */
static void leaf_grow(struct map *m, struct path *path)
{
    struct map_node *leaf = path->nodes[0];
    CHECK(leaf == m->root);
    size_t slots = (size_t)leaf->capacity * 2;
    leaf = mem_reallocate(leaf, 1, 1, sizeof(*leaf) + slots * sizeof(void *));
    leaf->capacity = (uint16_t)slots;
    m->root = leaf;
    path->nodes[0] = leaf;
}

void *map_put(struct map *m, void *item)
{
    CHECK(item != NULL);
    CHECK(m->compare != NULL);
    settle(m);
    if (!m->root)
        m->root = node_new(true, LEAF_MIN);
    struct path path;
    descend(m, item, &path);
    struct map_node *leaf = path.nodes[path.depth];
    size_t at = path.slots[path.depth];
    if (path.found) {
        void *replaced = leaf->lows[at];
        leaf->lows[at] = item;
        refresh_lows(&path);
        return replaced;
    }
    m->count++;
    if (leaf->count == leaf->capacity && leaf->capacity < FANOUT)
        leaf_grow(m, &path);
    insert_at(m, &path, item);
    refresh_lows(&path);
    return NULL;
}

/* ---- removal ---- */

/* Child `slot` of `inner` is underfull: merges it with a neighbour or evens the two out. */
static void child_fill(struct map_node *inner, size_t slot)
{
    if (inner->count < 2)
        return;
    size_t left_slot = slot > 0 ? slot - 1 : slot;
    struct map_node *left = children(inner)[left_slot], *right = children(inner)[left_slot + 1];
    size_t total = (size_t)left->count + right->count;
    if (total <= FANOUT) {
        slots_copy(left, left->count, right, 0, right->count);
        left->count = (uint16_t)total;
        left->next = right->next;
        mem_free(right);
        slot_remove(inner, left_slot + 1);
    } else if (left->count < right->count) {
        size_t moved = total / 2 - left->count;
        slots_copy(left, left->count, right, 0, moved);
        size_t stay = right->count - moved;
        memmove(&right->lows[0], &right->lows[moved], stay * sizeof(void *));
        if (!right->is_leaf)
            memmove(&children(right)[0], &children(right)[moved], stay * sizeof(void *));
        left->count = (uint16_t)(total / 2);
        right->count = (uint16_t)stay;
        inner->lows[left_slot + 1] = right->lows[0];
    } else {
        size_t keep = total - total / 2, moved = left->count - keep;
        memmove(&right->lows[moved], &right->lows[0], right->count * sizeof(void *));
        if (!right->is_leaf)
            memmove(&children(right)[moved], &children(right)[0], right->count * sizeof(void *));
        slots_copy(right, 0, left, keep, left->count);
        left->count = (uint16_t)keep;
        right->count = (uint16_t)(total / 2);
        inner->lows[left_slot + 1] = right->lows[0];
    }
    if (left->count)
        inner->lows[left_slot] = left->lows[0];
}

void *map_remove(struct map *m, const void *probe)
{
    settle(m);
    if (!m->root)
        return NULL;
    struct path path;
    descend(m, probe, &path);
    if (!path.found)
        return NULL;
    struct map_node *leaf = path.nodes[path.depth];
    void *removed = leaf->lows[path.slots[path.depth]];
    slot_remove(leaf, path.slots[path.depth]);
    m->count--;
    for (size_t level = path.depth; level-- > 0;) {
        struct map_node *inner = path.nodes[level];
        size_t slot = path.slots[level];
        struct map_node *child = children(inner)[slot];
        if (child->count)
            inner->lows[slot] = child->lows[0];
        if (child->count < UNDERFULL)
            child_fill(inner, slot);
    }
    while (!m->root->is_leaf && m->root->count == 1) {
        struct map_node *old = m->root;
        m->root = children(old)[0];
        mem_free(old);
    }
    if (m->count == 0)
        map_release(m);
    return removed;
}

/* ---- iteration ---- */

static struct map_cursor cursor_at(struct map_node *leaf, size_t position)
{
    if (leaf && position == leaf->count) {
        leaf = leaf->next;
        position = 0;
    }
    if (!leaf || leaf->count == 0)
        return (struct map_cursor){0};
    return (struct map_cursor){leaf->lows[position], leaf, position};
}

struct map_cursor map_first(const struct map *m)
{
    settle(m);
    struct map_node *node = m->root;
    while (node && !node->is_leaf)
        node = children(node)[0];
    return cursor_at(node, 0);
}

struct map_cursor map_at_or_after(const struct map *m, const void *probe)
{
    settle(m);
    if (!m->root)
        return (struct map_cursor){0};
    struct path path;
    descend(m, probe, &path);
    return cursor_at(path.nodes[path.depth], path.slots[path.depth]);
}

void map_next(struct map_cursor *c)
{
    CHECK(c->item != NULL);
    *c = cursor_at(c->node, c->position + 1);
}

static void node_free(struct map_node *node)
{
    if (!node->is_leaf)
        for (size_t i = 0; i < node->count; i++)
            node_free(children(node)[i]); /* as deep as the tree: at most DEPTH_MAX */
    mem_free(node);
}

void map_release(struct map *m)
{
    if (m->root)
        node_free(m->root);
    mem_free(m->added);
    m->added = NULL;
    m->root = NULL;
    m->count = 0;
}
