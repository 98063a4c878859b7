/* SPDX-License-Identifier: Apache-2.0
 *
 * How two versions of an object differ, as three sets of fields (typed/compare.go upstream).
 *
 * A leaf is a scalar, an atomic list or map, or a list or map that is empty on both sides. A place
 * that only one side has counts itself, leaf or not; a map that both have counts only through what
 * is below it. Items of lists with keys meet by their keys wherever they stand; items that come
 * twice are one leaf.
 *
 * A struct of Go always has the fields that are written even when they are zero, so a container
 * whose resources nobody named has resources {}; values leave them out, the walk puts them back.
 *
 * Most writes change little of an object: what is the same word is not looked at, and a list whose
 * items stand where they stood needs no elements.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/typed.h"

#include "cluster/api/value_heap.h"
#include "sim/base/arena.h"

static struct fields_change compare(const struct fields_type *t, struct value old,
                                    struct value new);

void fields_change_release(struct fields_change *c)
{
    value_release(&c->added);
    value_release(&c->modified);
    value_release(&c->removed);
}

/* ---- what changed below goes into what changed here ---- */

struct changes {
    struct fields_builder added, modified, removed;
};

static void add_element(struct changes *c, struct str element, struct fields_change below)
{
    fields_build(&c->added, element, below.added);
    fields_build(&c->modified, element, below.modified);
    fields_build(&c->removed, element, below.removed);
}

static void add_field(struct changes *c, atom key, struct fields_change below)
{
    fields_build_field(&c->added, key, below.added);
    fields_build_field(&c->modified, key, below.modified);
    fields_build_field(&c->removed, key, below.removed);
}

static void add_key(struct changes *c, struct str key, struct fields_change below)
{
    fields_build_key(&c->added, key, below.added);
    fields_build_key(&c->modified, key, below.modified);
    fields_build_key(&c->removed, key, below.removed);
}

static struct fields_change leaf(struct value old, struct value new)
{
    if (!value_is_present(old))
        return (struct fields_change){.added = value_object()};
    if (!value_is_present(new))
        return (struct fields_change){.removed = value_object()};
    if (!value_equal(old, new))
        return (struct fields_change){.modified = value_object()};
    return (struct fields_change){0};
}

/* ---- maps and structs ---- */

/* The member as Go has it: its zero where it is always written, absent where it is left out. */
static struct value as_written(const struct fields_known *f, struct value object,
                               struct value member)
{
    if (!value_is_present(member))
        return f->presence == FIELDS_ALWAYS && value_kind(object) == VALUE_OBJECT ? f->zero
                                                                                  : VALUE_ABSENT;
    bool is_left_out = f->presence == FIELDS_UNLESS_ZERO  ? schema_is_zero(member)
                       : f->presence == FIELDS_UNLESS_NIL ? value_kind(member) == VALUE_NULL
                                                          : false;
    return is_left_out ? VALUE_ABSENT : member;
}

static void compare_field(const struct fields_known *f, atom key, struct value old,
                          struct value new, struct changes *c)
{
    if (!value_is_same(old, new))
        add_field(c, key, compare(&f->type, old, new));
}

/* A key of a map, or of whatever has no fields. */
static void compare_key(const struct fields_type *t, struct str key, struct value old,
                        struct value new, struct changes *c)
{
    bool is_declared;
    struct fields_type member = fields_member_type(t, key, &is_declared);
    add_key(c, key, compare(&member, old, new));
}

/* The atom of the object's i-th key. */
static atom key_atom(struct value object, size_t i)
{
    return word_tag(object) == TAG_STRUCT ? value_key_atom_at(object, i)
                                          : atom_of(value_key_at(object, i));
}

/* Fields that are always written and that neither side's value names: new or gone with their
 * parent. */
static void compare_zeros(const struct fields_type *t, struct value old, struct value new,
                          struct changes *c)
{
    bool has_old = value_kind(old) == VALUE_OBJECT, has_new = value_kind(new) == VALUE_OBJECT;
    if (!t->schema->always || has_old == has_new)
        return;
    atom key;
    struct value zero;
    for (size_t i = 0; t->schema->always(t, i, &key, &zero); i++) {
        struct fields_known f;
        if (!value_is_present(value_get(old, key)) && !value_is_present(value_get(new, key)) &&
            t->schema->known(t, key, &f))
            compare_field(&f, key, has_old ? f.zero : VALUE_ABSENT, has_new ? f.zero : VALUE_ABSENT,
                          c);
    }
}

static void compare_map(const struct fields_type *t, struct value old, struct value new,
                        struct changes *c)
{
    size_t i = 0, k = 0, m = value_count(old), n = value_count(new);
    if (value_kind(old) != VALUE_OBJECT)
        m = 0;
    if (value_kind(new) != VALUE_OBJECT)
        n = 0;
    while (i < m || k < n) {
        int order = i >= m   ? 1
                    : k >= n ? -1
                             : str_compare(value_key_at(old, i), value_key_at(new, k));
        struct value before = order <= 0 ? value_member_at(old, i) : VALUE_ABSENT;
        struct value after = order >= 0 ? value_member_at(new, k) : VALUE_ABSENT;
        struct value holder = order <= 0 ? old : new;
        size_t at = order <= 0 ? i : k;
        i += order <= 0;
        k += order >= 0;
        if (value_is_same(before, after))
            continue;
        struct fields_known f;
        atom key = t->schema->known ? key_atom(holder, at) : ATOM_NONE;
        if (key != ATOM_NONE && t->schema->known(t, key, &f))
            compare_field(&f, key, as_written(&f, old, before), as_written(&f, new, after), c);
        else
            compare_key(t, value_key_at(holder, at), before, after, c);
    }
    compare_zeros(t, old, new, c);
}

/* ---- lists whose items have elements ---- */

#define STILL_MAX 64 /* each changed item is held against all others */

static bool has_same_keys(const struct fields_shape *shape, struct value a, struct value b)
{
    if (shape->list == FIELDS_LIST_SET)
        return value_equal(a, b);
    struct str rest = shape->keys;
    while (rest.size > 0) {
        struct str key = str_cut(rest, ',', &rest);
        struct value x = value_get_key(a, key), y = value_get_key(b, key);
        if (!value_is_same(x, y) && !value_equal(x, y))
            return false;
    }
    return true;
}

/* Does each item stand where it stood, and none of those that changed come twice? */
static bool stands_still(const struct fields_shape *shape, struct value old, struct value new)
{
    size_t count = value_count(new);
    if (value_count(old) != count || count > STILL_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct value item = value_at(new, i);
        if (value_is_same(value_at(old, i), item))
            continue;
        if (!has_same_keys(shape, value_at(old, i), item))
            return false;
        for (size_t k = 0; k < count; k++)
            if (k != i && has_same_keys(shape, value_at(new, k), item))
                return false;
    }
    return true;
}

static void compare_still(const struct fields_type *t, const struct fields_shape *shape,
                          const struct fields_type *item, struct value old, struct value new,
                          struct changes *c)
{
    AUTO(text) struct text element = {0};
    AUTO(text) struct text why = {0};
    for (size_t i = 0; i < value_count(new); i++) {
        struct value before = value_at(old, i), after = value_at(new, i);
        if (value_is_same(before, after))
            continue;
        struct fields_change below = compare(item, before, after);
        if (fields_item_element(t, shape, after, &element, &why))
            add_element(c, text_str(&element), below);
        else
            fields_change_release(&below);
    }
}

static size_t run_length(struct fields_item *const *items, size_t count)
{
    size_t length = count > 0;
    while (length > 0 && length < count && items[length]->is_second)
        length++;
    return length;
}

static bool runs_are_equal(struct fields_item *const *a, struct fields_item *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!value_equal(a[i]->item, b[i]->item))
            return false;
    return true;
}

/* The items of one element: m before, n after. */
static void compare_run(const struct fields_type *item, struct fields_item *const *old, size_t m,
                        struct fields_item *const *new, size_t n, struct changes *c)
{
    struct str element = m > 0 ? old[0]->element : new[0]->element;
    struct fields_change below = {0};
    if (m > 1 && n > 1) {
        if (m != n || !runs_are_equal(old, new, m))
            below.modified = fields_add_itself(below.modified);
    } else {
        if (m == 1 || n == 1)
            below = compare(item, m == 1 ? old[0]->item : VALUE_ABSENT,
                            n == 1 ? new[0]->item : VALUE_ABSENT);
        if (m > 1)
            below.removed = fields_add_itself(below.removed);
        if (n > 1)
            below.added = fields_add_itself(below.added);
    }
    add_element(c, element, below);
}

static void compare_items(const struct fields_type *t, const struct fields_shape *shape,
                          struct value old, struct value new, struct changes *c)
{
    struct fields_type item;
    t->schema->item(t, &item);
    if (value_kind(old) == VALUE_ARRAY && value_kind(new) == VALUE_ARRAY &&
        stands_still(shape, old, new)) {
        compare_still(t, shape, &item, old, new, c);
        return;
    }
    struct arena arena = {0};
    struct fields_items a = fields_items_of(t, shape, old, &arena);
    struct fields_items b = fields_items_of(t, shape, new, &arena);
    for (size_t i = 0, k = 0; i < a.count || k < b.count;) {
        int order = i >= a.count   ? 1
                    : k >= b.count ? -1
                                   : str_compare(a.sorted[i]->element, b.sorted[k]->element);
        size_t before = order <= 0 ? run_length(a.sorted + i, a.count - i) : 0;
        size_t after = order >= 0 ? run_length(b.sorted + k, b.count - k) : 0;
        compare_run(&item, a.sorted + i, before, b.sorted + k, after, c);
        i += before;
        k += after;
    }
    arena_release(&arena);
}

/* ---- one place ---- */

static bool is_empty_list(struct value v)
{
    return value_kind(v) != VALUE_ARRAY || value_count(v) == 0;
}

static bool is_empty_map(struct value v)
{
    return value_kind(v) != VALUE_OBJECT || value_count(v) == 0;
}

/* Is the map empty in Go's eyes? Fields that are always written are there. */
static bool is_bare(const struct fields_type *t, struct value v)
{
    atom key;
    struct value zero;
    if (!is_empty_map(v))
        return false;
    if (value_kind(v) != VALUE_OBJECT || !t->schema->always ||
        !t->schema->always(t, 0, &key, &zero))
        return true;
    value_drop(zero);
    return false;
}

static bool is_leaf(enum fields_as as, const struct fields_type *t,
                    const struct fields_shape *shape, struct value old, struct value new)
{
    switch (as) {
    case FIELDS_AS_LIST:
        return shape->list == FIELDS_LIST_ATOMIC || (is_empty_list(old) && is_empty_list(new));
    case FIELDS_AS_MAP:
        return shape->map == FIELDS_MAP_ATOMIC || (is_bare(t, old) && is_bare(t, new));
    case FIELDS_AS_SCALAR:
    case FIELDS_AS_NOTHING:
        break;
    }
    return true;
}

static struct fields_change compare_as(enum fields_as as, const struct fields_type *t,
                                       const struct fields_shape *shape, struct value old,
                                       struct value new)
{
    if (is_leaf(as, t, shape, old, new))
        return leaf(old, new);
    struct changes c = {.added.is_itself = !value_is_present(old),
                        .removed.is_itself = !value_is_present(new)};
    if (as == FIELDS_AS_LIST)
        compare_items(t, shape, old, new, &c);
    else
        compare_map(t, old, new, &c);
    return (struct fields_change){.added = fields_built(&c.added),
                                  .modified = fields_built(&c.modified),
                                  .removed = fields_built(&c.removed)};
}

/* What was one sort of thing and is another: both count. Consumes. */
static struct fields_change both_of(struct fields_change a, struct fields_change b)
{
    struct fields_change c = {.added = fields_union(a.added, b.added),
                              .modified = fields_union(a.modified, b.modified),
                              .removed = fields_union(a.removed, b.removed)};
    fields_change_release(&a);
    fields_change_release(&b);
    return c;
}

static struct fields_change compare(const struct fields_type *t, struct value old, struct value new)
{
    if (value_is_same(old, new))
        return (struct fields_change){0};
    struct fields_shape shape;
    t->schema->shape(t, &shape);
    if (!value_is_present(new))
        return compare_as(fields_taken_as(&shape, old), t, &shape, old, new);
    enum fields_as a = fields_taken_as(&shape, old), b = fields_taken_as(&shape, new);
    struct fields_change c = compare_as(b, t, &shape, old, new);
    if (value_is_present(old) && a != b)
        c = both_of(compare_as(a, t, &shape, old, new), c);
    return c;
}

/* Nobody owns the object as a whole. */
static struct value without_itself(struct value own_set)
{
    if (!fields_is_itself(own_set))
        return own_set;
    if (fields_has_parts(own_set))
        return value_set(own_set, ATOM_itself, VALUE_ABSENT);
    value_drop(own_set);
    return VALUE_ABSENT;
}

struct fields_change fields_compare(struct fields_type t, struct value old, struct value new)
{
    struct fields_change c = compare(&t, old, new);
    c.added = without_itself(c.added);
    c.modified = without_itself(c.modified);
    c.removed = without_itself(c.removed);
    return c;
}
