/* SPDX-License-Identifier: Apache-2.0
 *
 * What the walks have in common: which element of a set an item of a list is, and what a value is
 * taken for when its type leaves a choice (typed/helpers.go upstream).
 *
 * "The key fields of an item that are left out take their defaults": a port without a protocol is
 * k:{"containerPort":80,"protocol":"TCP"}. A key without a default that is left out is left out of
 * the element too; an item without any key is no item of such a list.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/typed.h"

#include "cluster/api/json.h"
#include "sim/base/arena.h"
#include "sim/base/sort.h"

enum fields_as fields_taken_as(const struct fields_shape *shape, struct value v)
{
    switch (value_kind(v)) {
    case VALUE_BOOL:
    case VALUE_INTEGER:
    case VALUE_DOUBLE:
    case VALUE_STRING:
        if (shape->scalar != FIELDS_NO_SCALAR)
            return FIELDS_AS_SCALAR;
        break;
    case VALUE_ARRAY:
        if (shape->list != FIELDS_NO_LIST)
            return FIELDS_AS_LIST;
        break;
    case VALUE_OBJECT:
    case VALUE_NONE:
    case VALUE_NULL:
        break;
    }
    if (shape->map != FIELDS_NO_MAP)
        return FIELDS_AS_MAP;
    if (shape->scalar != FIELDS_NO_SCALAR)
        return FIELDS_AS_SCALAR;
    return shape->list != FIELDS_NO_LIST ? FIELDS_AS_LIST : FIELDS_AS_NOTHING;
}

struct fields_type fields_member_type(const struct fields_type *t, struct str key,
                                      bool *ret_is_declared)
{
    struct fields_type member;
    if (t->schema->member(t, key, &member, ret_is_declared))
        return member;
    *ret_is_declared = false;
    return fields_type_deduced();
}

/* The keys of a list, sorted by name as elements have them, one at a time. */
static bool next_key(struct str keys, struct str after, struct str *ret_key)
{
    bool is_found = false;
    while (keys.size > 0) {
        struct str key = str_cut(keys, ',', &keys);
        if (str_compare(key, after) > 0 && (!is_found || str_compare(key, *ret_key) < 0)) {
            *ret_key = key;
            is_found = true;
        }
    }
    return is_found;
}

static bool keyed_element(const struct fields_type *list, const struct fields_shape *shape,
                          struct value item, struct text *out, struct text *why)
{
    if (value_kind(item) != VALUE_OBJECT) {
        text_add(why, value_kind(item) == VALUE_NULL
                          ? S("associative list with keys may not have a null element")
                          : S("associative list with keys may not have non-map elements"));
        return false;
    }
    size_t count = 0;
    struct str key = {"", 0};
    text_add(out, S("k:{"));
    while (next_key(shape->keys, key, &key)) {
        struct value v = value_keep(value_get_key(item, key));
        if (!value_is_present(v))
            v = list->schema->key_default(list, key);
        if (!value_is_present(v))
            continue;
        if (count++ > 0)
            text_add_byte(out, ',');
        json_write_string(key, out);
        text_add_byte(out, ':');
        json_write(v, out);
        value_drop(v);
    }
    text_add_byte(out, '}');
    if (count > 0)
        return true;
    text_add(why, S("associative list with keys has an element that omits all key fields ["));
    struct str rest = shape->keys;
    for (size_t i = 0; rest.size > 0; i++) {
        struct str name = str_cut(rest, ',', &rest);
        text_printf(why, "%s\"%.*s\"", i > 0 ? " " : "", STR_ARG(name));
    }
    text_add(why, S("] (and doesn't have default values for any key fields)"));
    return false;
}

bool fields_item_element(const struct fields_type *list, const struct fields_shape *shape,
                         struct value item, struct text *ret_element, struct text *ret_why)
{
    text_clear(ret_element);
    if (shape->list == FIELDS_LIST_MAP)
        return keyed_element(list, shape, item, ret_element, ret_why);
    switch (value_kind(item)) {
    case VALUE_OBJECT:
        text_add(ret_why, S("associative list without keys has an element that's a map type"));
        return false;
    case VALUE_ARRAY:
        text_add(ret_why, S("not supported: associative list with lists as elements"));
        return false;
    case VALUE_NONE:
    case VALUE_NULL:
        text_add(ret_why,
                 S("associative list without keys has an element that's an explicit null"));
        return false;
    case VALUE_BOOL:
    case VALUE_INTEGER:
    case VALUE_DOUBLE:
    case VALUE_STRING:
        text_add(ret_element, S("v:"));
        json_write(item, ret_element);
        return true;
    }
    return false;
}

static int by_element(const void *a, const void *b, void *context)
{
    (void)context;
    const struct fields_item *x = *(struct fields_item *const *)a;
    const struct fields_item *y = *(struct fields_item *const *)b;
    int order = str_compare(x->element, y->element);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

struct fields_items fields_items_of(const struct fields_type *list,
                                    const struct fields_shape *shape, struct value v,
                                    struct arena *arena)
{
    AUTO(text) struct text element = {0};
    AUTO(text) struct text why = {0};
    size_t most = value_kind(v) == VALUE_ARRAY ? value_count(v) : 0;
    struct fields_items s = {.items = arena_array(arena, struct fields_item, most + 1),
                             .sorted = arena_array(arena, struct fields_item *, most + 1)};
    for (size_t i = 0; i < most; i++) {
        if (!fields_item_element(list, shape, value_at(v, i), &element, &why))
            continue;
        s.items[s.count] = (struct fields_item){
            .element = arena_str(arena, text_str(&element)), .item = value_at(v, i), .at = i};
        s.sorted[s.count] = &s.items[s.count];
        s.count++;
    }
    sort_stable(s.sorted, s.count, sizeof(s.sorted[0]), by_element, NULL);
    for (size_t i = 1; i < s.count; i++)
        if (str_equal(s.sorted[i]->element, s.sorted[i - 1]->element))
            s.sorted[i]->is_second = s.sorted[i]->is_duplicated = s.sorted[i - 1]->is_duplicated =
                true;
    return s;
}
