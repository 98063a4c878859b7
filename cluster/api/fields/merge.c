/* SPDX-License-Identifier: Apache-2.0
 *
 * An applied configuration merged into an object (typed/merge.go upstream).
 *
 * Leaves are the patch's where it has them. A map keeps what only one side has. A list with keys,
 * or a set, keeps all items; what both have is merged; and the order is the patch's, with items
 * that only the object has left where they stood between the shared ones. An empty list or map in
 * the patch takes nothing away from one that is not empty.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/typed.h"

#include "cluster/api/value_heap.h"
#include "sim/base/arena.h"
#include "sim/base/vec.h"

static struct value merge(const struct fields_type *t, struct value object, struct value patch);

/* ---- maps ---- */

static struct value merge_map(const struct fields_type *t, struct value object, struct value patch)
{
    if (value_kind(patch) != VALUE_OBJECT)
        return value_keep(object);
    if (value_kind(object) != VALUE_OBJECT)
        return value_keep(patch);
    struct value result = value_keep(object);
    for (size_t i = 0; i < value_count(patch); i++) {
        struct str key = value_key_at(patch, i);
        struct value before = value_get_key(object, key), after = value_member_at(patch, i);
        bool is_declared;
        struct fields_type member = fields_member_type(t, key, &is_declared);
        struct value merged = merge(&member, before, after);
        if (value_is_same(merged, before))
            value_drop(merged);
        else
            result = value_set_key(result, key, merged);
    }
    return result;
}

/* ---- lists ---- */

static void sides_meet(struct fields_items *a, struct fields_items *b)
{
    size_t i = 0, k = 0;
    while (i < a->count && k < b->count) {
        struct fields_item *x = a->sorted[i], *y = b->sorted[k];
        int order = str_compare(x->element, y->element);
        if (order == 0) {
            size_t m = i, n = k;
            for (; m < a->count && str_equal(a->sorted[m]->element, x->element); m++)
                a->sorted[m]->other = y;
            for (; n < b->count && str_equal(b->sorted[n]->element, y->element); n++)
                b->sorted[n]->other = x;
            i = m;
            k = n;
        } else {
            i += order < 0;
            k += order > 0;
        }
    }
}

/* The patch's next item that the object has as well; b->count: none. */
static size_t next_shared(const struct fields_items *b, size_t from)
{
    while (from < b->count && !b->items[from].other)
        from++;
    return from;
}

static struct value merge_item(const struct fields_type *item, struct fields_item *its)
{
    its->is_merged = true;
    const struct fields_item *mine = its->other;
    return merge(item, mine && !mine->is_duplicated ? mine->item : VALUE_ABSENT, its->item);
}

static struct value merge_list(const struct fields_type *t, const struct fields_shape *shape,
                               struct value object, struct value patch)
{
    struct arena arena = {0};
    struct fields_type item;
    t->schema->item(t, &item);
    struct fields_items a = fields_items_of(t, shape, object, &arena);
    struct fields_items b = fields_items_of(t, shape, patch, &arena);
    sides_meet(&a, &b);
    VEC(struct value) merged = {0};
    size_t i = 0, k = 0, shared = next_shared(&b, 0);
    while (i < a.count || k < b.count) {
        struct fields_item *mine = i < a.count ? &a.items[i] : NULL;
        struct fields_item *its = k < b.count ? &b.items[k] : NULL;
        if (mine && its && str_equal(mine->element, its->element)) {
            vec_push(&merged, merge_item(&item, its));
            i++;
            k++;
            shared = next_shared(&b, shared + 1);
            continue;
        }
        if (mine && its && mine->other && shared < b.count &&
            !str_equal(b.items[shared].element, mine->element)) {
            i++; /* shared, but not the one whose turn it is */
            continue;
        }
        if (mine && !mine->other) {
            vec_push(&merged, value_keep(mine->item));
            i++;
            continue;
        }
        if (mine && mine->other->is_merged)
            i++;
        if (its) {
            vec_push(&merged, merge_item(&item, its));
            k++;
            if (shared < b.count && str_equal(b.items[shared].element, its->element))
                shared = next_shared(&b, shared + 1);
        }
    }
    arena_release(&arena);
    struct value result = value_from_items(merged.items, merged.count);
    vec_release(&merged);
    if (!value_equal(result, object))
        return result;
    value_drop(result);
    return value_keep(object);
}

/* ---- one place ---- */

static bool is_empty(struct value v, enum value_kind kind)
{
    return value_kind(v) != kind || value_count(v) == 0;
}

static struct value merge_as(enum fields_as as, const struct fields_type *t,
                             const struct fields_shape *shape, struct value object,
                             struct value patch)
{
    bool is_leaf = true;
    if (as == FIELDS_AS_LIST)
        is_leaf = shape->list == FIELDS_LIST_ATOMIC ||
                  (is_empty(object, VALUE_ARRAY) && is_empty(patch, VALUE_ARRAY));
    else if (as == FIELDS_AS_MAP)
        is_leaf = shape->map == FIELDS_MAP_ATOMIC ||
                  (is_empty(object, VALUE_OBJECT) && is_empty(patch, VALUE_OBJECT));
    if (is_leaf)
        return value_keep(patch);
    return as == FIELDS_AS_LIST ? merge_list(t, shape, object, patch) : merge_map(t, object, patch);
}

static struct value merge(const struct fields_type *t, struct value object, struct value patch)
{
    if (!value_is_present(patch) || value_is_same(object, patch))
        return value_keep(object);
    if (!value_is_present(object))
        return value_keep(patch);
    struct fields_shape shape;
    t->schema->shape(t, &shape);
    return merge_as(fields_taken_as(&shape, patch), t, &shape, object, patch);
}

struct value fields_merge(struct fields_type t, struct value object, struct value patch)
{
    return merge(&t, object, patch);
}
