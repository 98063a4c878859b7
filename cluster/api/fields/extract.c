/* SPDX-License-Identifier: Apache-2.0
 *
 * Which fields an object has, an object without some of them, and the names on the way to a field
 * (typed/tofieldset.go, typed/remove.go and Set.EnsureNamedFieldsAreMembers upstream).
 *
 * What an object has are its leaves and the items of its lists; a struct on the way to a leaf is
 * not among them, but a key of a map is, since somebody chose it, and so is what is null or {}.
 *
 * Taking a field out takes all that is below it. A list or map that is emptied becomes null, which
 * a typed object cannot tell from absent. What is inside an atomic list or map cannot be taken out
 * alone: the whole goes.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/typed.h"

#include "cluster/api/value_heap.h"
#include "sim/base/arena.h"
#include "sim/base/vec.h"

/* ---- which fields an object has ---- */

static struct value set_of(const struct fields_type *t, struct value v);

static struct value set_of_map(const struct fields_type *t, struct value v)
{
    struct fields_builder b = {0};
    for (size_t i = 0; value_kind(v) == VALUE_OBJECT && i < value_count(v); i++) {
        struct str key = value_key_at(v, i);
        struct value part = value_member_at(v, i);
        bool is_declared;
        struct fields_type member = fields_member_type(t, key, &is_declared);
        struct value child = set_of(&member, part);
        bool is_empty = value_kind(part) == VALUE_NULL ||
                        (value_kind(part) == VALUE_OBJECT && value_count(part) == 0);
        if (is_empty || !is_declared)
            child = fields_add_itself(child);
        fields_build_key(&b, key, child);
    }
    return fields_built(&b);
}

static struct value set_of_list(const struct fields_type *t, const struct fields_shape *shape,
                                struct value v)
{
    struct fields_builder b = {0};
    struct arena arena = {0};
    struct fields_type item;
    t->schema->item(t, &item);
    struct fields_items all = fields_items_of(t, shape, v, &arena);
    for (size_t i = 0; i < all.count; i++) {
        const struct fields_item *one = all.sorted[i];
        struct value child = one->is_duplicated ? VALUE_ABSENT : set_of(&item, one->item);
        if (!one->is_second)
            fields_build(&b, one->element, fields_add_itself(child));
    }
    arena_release(&arena);
    return fields_built(&b);
}

static struct value set_of(const struct fields_type *t, struct value v)
{
    struct fields_shape shape;
    t->schema->shape(t, &shape);
    switch (fields_taken_as(&shape, v)) {
    case FIELDS_AS_SCALAR:
        return value_object();
    case FIELDS_AS_LIST:
        return shape.list == FIELDS_LIST_ATOMIC ? value_object() : set_of_list(t, &shape, v);
    case FIELDS_AS_MAP:
        return shape.map == FIELDS_MAP_ATOMIC ? value_object() : set_of_map(t, v);
    case FIELDS_AS_NOTHING:
        break;
    }
    return VALUE_ABSENT;
}

struct value fields_of(struct fields_type t, struct value object)
{
    struct value set = set_of(&t, object);
    if (!value_is_present(set) || value_count(set) > 0)
        return set;
    value_drop(set); /* nobody owns an object as a whole */
    return VALUE_ABSENT;
}

/* ---- an object without some ---- */

static struct value remove_from(const struct fields_type *t, struct value v, struct value set);

static struct value remove_from_list(const struct fields_type *t, const struct fields_shape *shape,
                                     struct value v, struct value set)
{
    if (value_count(v) == 0 || shape->list == FIELDS_LIST_ATOMIC)
        return value_null();
    VEC(struct value) kept = {0};
    struct fields_type item;
    AUTO(text) struct text element = {0};
    AUTO(text) struct text why = {0};
    t->schema->item(t, &item);
    for (size_t i = 0; i < value_count(v); i++) {
        struct value part = value_at(v, i), child = VALUE_ABSENT;
        if (fields_item_element(t, shape, part, &element, &why))
            child = fields_child(set, text_str(&element));
        if (fields_is_itself(child))
            continue;
        vec_push(&kept,
                 fields_has_parts(child) ? remove_from(&item, part, child) : value_keep(part));
    }
    struct value result = kept.count > 0 ? value_from_items(kept.items, kept.count) : value_null();
    vec_release(&kept);
    return result;
}

static struct value remove_from_map(const struct fields_type *t, const struct fields_shape *shape,
                                    struct value v, struct value set)
{
    if (value_count(v) == 0 || shape->map == FIELDS_MAP_ATOMIC)
        return value_null();
    struct value kept = value_keep(v);
    AUTO(text) struct text element = {0};
    for (size_t i = 0; i < value_count(v); i++) {
        struct str key = value_key_at(v, i);
        struct value part = value_member_at(v, i);
        text_clear(&element);
        text_add(&element, S("f:"));
        text_add(&element, key);
        struct value child = fields_child(set, text_str(&element));
        if (!value_is_present(child))
            continue;
        bool is_declared;
        struct fields_type member = fields_member_type(t, key, &is_declared);
        kept = value_set_key(
            kept, key, fields_is_itself(child) ? VALUE_ABSENT : remove_from(&member, part, child));
    }
    if (value_count(kept) > 0)
        return kept;
    value_drop(kept);
    return value_null();
}

static struct value remove_from(const struct fields_type *t, struct value v, struct value set)
{
    struct fields_shape shape;
    t->schema->shape(t, &shape);
    switch (fields_taken_as(&shape, v)) {
    case FIELDS_AS_LIST:
        return value_kind(v) == VALUE_ARRAY ? remove_from_list(t, &shape, v, set) : value_null();
    case FIELDS_AS_MAP:
        return value_kind(v) == VALUE_OBJECT ? remove_from_map(t, &shape, v, set) : value_null();
    case FIELDS_AS_SCALAR:
    case FIELDS_AS_NOTHING:
        break;
    }
    return value_keep(v);
}

struct value fields_remove(struct fields_type t, struct value object, struct value set)
{
    return value_is_present(set) ? remove_from(&t, object, set) : value_keep(object);
}

/* ---- the names on the way ---- */

static struct value with_named(const struct fields_type *t, bool has_type, struct value set)
{
    struct value result = value_keep(set);
    struct fields_shape shape = {0};
    if (has_type)
        t->schema->shape(t, &shape);
    for (size_t i = 0; i < value_count(set); i++) {
        struct str element = value_key_at(set, i);
        struct value child = value_member_at(set, i);
        if (!fields_has_parts(child))
            continue;
        bool is_field = element.bytes[0] == 'f', is_declared = false, knows = false;
        struct fields_type below = {0};
        if (is_field && shape.map != FIELDS_NO_MAP) {
            knows = true;
            below = fields_member_type(t, str_slice(element, 2, element.size), &is_declared);
        } else if (element.bytes[0] == 'k' && shape.list != FIELDS_NO_LIST) {
            knows = true;
            t->schema->item(t, &below);
        }
        struct value named = with_named(&below, knows, child);
        if (is_declared)
            named = fields_add_itself(named);
        result = value_set_key(result, element, named);
    }
    return result;
}

struct value fields_with_named(struct fields_type t, struct value set)
{
    return with_named(&t, true, set);
}

/* ---- types that have changed ---- */

static struct value reconcile(const struct fields_type *t, struct value child)
{
    struct fields_shape shape;
    if (!fields_has_parts(child))
        return value_keep(child);
    t->schema->shape(t, &shape);
    bool is_deduced = shape.scalar != FIELDS_NO_SCALAR && shape.map != FIELDS_NO_MAP;
    if (is_deduced)
        return value_keep(child);
    if (shape.list == FIELDS_LIST_ATOMIC || shape.map == FIELDS_MAP_ATOMIC)
        return value_object();
    struct value result = value_keep(child);
    for (size_t i = 0; i < value_count(child); i++) {
        struct str element = value_key_at(child, i);
        struct value part = value_member_at(child, i);
        struct fields_type below;
        bool is_declared;
        if (shape.list != FIELDS_NO_LIST)
            t->schema->item(t, &below);
        else if (element.bytes[0] != 'f' ||
                 !t->schema->member(t, str_slice(element, 2, element.size), &below, &is_declared))
            continue;
        struct value now = reconcile(&below, part);
        if (value_is_same(now, part))
            value_drop(now);
        else
            result = value_set_key(result, element, now);
    }
    return result;
}

struct value fields_reconcile(struct fields_type t, struct value set)
{
    return value_is_present(set) ? reconcile(&t, set) : VALUE_ABSENT;
}
