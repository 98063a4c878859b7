/* SPDX-License-Identifier: Apache-2.0
 *
 * Is an object of its type, in the eyes of server-side apply (typed/validate.go upstream)? This is
 * the check whose words a user sees when an applied configuration has an unknown field, a wrong
 * type or two items with the same keys; they show values as Go's fmt prints them.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/typed.h"

#include "cluster/api/go_text.h"
#include "sim/base/arena.h"

struct validation {
    bool allows_duplicates;
    struct text path;
    struct text errors; /* one a line */
    size_t count;
};

static void check(struct validation *w, const struct fields_type *t, struct value v);

static void refuse(struct validation *w, const struct text *message)
{
    if (w->count++ > 0)
        text_add_byte(&w->errors, '\n');
    if (w->path.size > 0) {
        text_add(&w->errors, text_str(&w->path));
        text_add(&w->errors, S(": "));
    }
    text_add(&w->errors, text_str(message));
}

static void expected(struct validation *w, const char *what, struct value v, bool as_source)
{
    AUTO(text) struct text m = {0};
    text_printf(&m, "expected %s, got &%s{%s", what, as_source ? "value.valueUnstructured" : "",
                as_source ? "Value:" : "");
    if (as_source)
        go_source(v, &m);
    else
        go_text(v, &m);
    text_add_byte(&m, '}');
    refuse(w, &m);
}

/* ---- one place ---- */

static void check_scalar(struct validation *w, enum fields_scalar scalar, struct value v)
{
    enum value_kind kind = value_kind(v);
    bool is_number = kind == VALUE_INTEGER || kind == VALUE_DOUBLE;
    if (kind == VALUE_NONE || kind == VALUE_NULL)
        return;
    switch (scalar) {
    case FIELDS_NUMERIC:
        if (!is_number) {
            AUTO(text) struct text m = {0};
            text_printf(&m, "expected numeric (int or float), got %s", go_type(v));
            refuse(w, &m);
        }
        break;
    case FIELDS_STRING:
        if (kind != VALUE_STRING)
            expected(w, "string", v, true);
        break;
    case FIELDS_BOOLEAN:
        if (kind != VALUE_BOOL)
            expected(w, "boolean", v, false);
        break;
    case FIELDS_UNTYPED:
        if (!is_number && kind != VALUE_STRING && kind != VALUE_BOOL)
            expected(w, "any scalar", v, false);
        break;
    case FIELDS_NO_SCALAR:
        break;
    }
}

static void take_path(void *owner, struct str path)
{
    text_add(owner, path);
}

/* Adds what messages show of an element to the path. */
static void path_add(struct validation *w, struct str element)
{
    AUTO(value) struct value set = fields_add(VALUE_ABSENT, element, value_object());
    fields_each_path(set, take_path, &w->path);
}

static void check_map(struct validation *w, const struct fields_type *t, struct value v)
{
    if (value_kind(v) == VALUE_NULL)
        return;
    if (value_kind(v) != VALUE_OBJECT) {
        expected(w, "map", v, false);
        return;
    }
    for (size_t i = 0; i < value_count(v); i++) {
        struct fields_type member;
        bool is_declared, is_there;
        size_t size = w->path.size;
        text_add_byte(&w->path, '.');
        text_add(&w->path, value_key_at(v, i));
        is_there = t->schema->member(t, value_key_at(v, i), &member, &is_declared);
        if (is_there) {
            check(w, &member, value_member_at(v, i));
        } else {
            AUTO(text) struct text m = {0};
            text_add(&m, S("field not declared in schema"));
            refuse(w, &m);
        }
        w->path.size = size;
        if (!is_there)
            return;
    }
}

static void refuse_item(struct validation *w, const struct fields_type *t,
                        const struct fields_shape *shape, struct value v, size_t i)
{
    AUTO(text) struct text why = {0};
    AUTO(text) struct text m = {0};
    AUTO(text) struct text element = {0};
    (void)fields_item_element(t, shape, value_at(v, i), &element, &why);
    text_printf(&m, "element %zu: %s", i, text_c(&why));
    refuse(w, &m);
}

static void refuse_duplicate(struct validation *w, struct str element)
{
    AUTO(text) struct text m = {0};
    text_add(&m, S("duplicate entries for key "));
    size_t size = w->path.size;
    path_add(w, element);
    text_add(&m, str_slice(text_str(&w->path), size, w->path.size));
    w->path.size = size;
    refuse(w, &m);
}

/* Up to the first item without an element. */
static void check_items(struct validation *w, const struct fields_type *t,
                        const struct fields_shape *shape, const struct fields_type *item,
                        struct value v)
{
    struct arena arena = {0};
    struct fields_items all = fields_items_of(t, shape, v, &arena);
    for (size_t i = 0; i < value_count(v); i++) {
        const struct fields_item *one = &all.items[i];
        if (i >= all.count || one->at != i) {
            refuse_item(w, t, shape, v, i);
            break;
        }
        if (one->is_second && !w->allows_duplicates)
            refuse_duplicate(w, one->element);
        size_t size = w->path.size;
        path_add(w, one->element);
        check(w, item, one->item);
        w->path.size = size;
    }
    arena_release(&arena);
}

static void check_list(struct validation *w, const struct fields_type *t,
                       const struct fields_shape *shape, struct value v)
{
    if (value_kind(v) == VALUE_NULL)
        return;
    if (value_kind(v) != VALUE_ARRAY) {
        expected(w, "list", v, false);
        return;
    }
    struct fields_type item;
    t->schema->item(t, &item);
    if (shape->list != FIELDS_LIST_ATOMIC) {
        check_items(w, t, shape, &item, v);
        return;
    }
    for (size_t i = 0; i < value_count(v); i++) {
        size_t size = w->path.size;
        text_printf(&w->path, "[%zu]", i);
        check(w, &item, value_at(v, i));
        w->path.size = size;
    }
}

static void check(struct validation *w, const struct fields_type *t, struct value v)
{
    struct fields_shape shape;
    t->schema->shape(t, &shape);
    switch (fields_taken_as(&shape, v)) {
    case FIELDS_AS_SCALAR:
        check_scalar(w, shape.scalar, v);
        break;
    case FIELDS_AS_LIST:
        check_list(w, t, &shape, v);
        break;
    case FIELDS_AS_MAP:
        check_map(w, t, v);
        break;
    case FIELDS_AS_NOTHING:
        break;
    }
}

bool fields_validate(struct fields_type t, struct value object, bool allows_duplicates,
                     struct text *ret_why)
{
    struct validation w = {.allows_duplicates = allows_duplicates};
    check(&w, &t, object);
    if (w.count == 1) {
        text_add(ret_why, text_str(&w.errors));
    } else if (w.count > 1) {
        text_add(ret_why, S("errors:"));
        struct str rest = text_str(&w.errors);
        while (rest.size > 0) {
            struct str line = str_cut(rest, '\n', &rest);
            text_printf(ret_why, "\n  %.*s", STR_ARG(line));
        }
    }
    text_release(&w.path);
    text_release(&w.errors);
    return w.count == 0;
}
