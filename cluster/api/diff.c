/* SPDX-License-Identifier: Apache-2.0
 *
 * Differences of two values. Objects are compared member by member. Arrays are compared item by
 * item from both ends: what is equal at the front and at the back is skipped, so an item put in or
 * taken out shows as one difference.
 */
#include "sim/base/base.h"

#include "cluster/api/diff.h"

#include "cluster/api/json.h"

struct differ {
    struct text path;
    diff_visit_fn visit;
    void *owner;
};

static bool compare(struct differ *d, struct value from, struct value to);

static bool compare_member(struct differ *d, struct str key, struct value from, struct value to)
{
    size_t size = d->path.size;
    if (size)
        text_add_byte(&d->path, '.');
    text_add(&d->path, key);
    bool goes_on = compare(d, from, to);
    d->path.size = size;
    return goes_on;
}

/* Both in order of their keys, merged. */
static bool compare_objects(struct differ *d, struct value from, struct value to)
{
    size_t i = 0, j = 0, from_count = value_count(from), to_count = value_count(to);
    bool goes_on = true;
    while (goes_on && (i < from_count || j < to_count)) {
        int order = i == from_count ? 1
                    : j == to_count ? -1
                                    : str_compare(value_key_at(from, i), value_key_at(to, j));
        struct str key = order <= 0 ? value_key_at(from, i) : value_key_at(to, j);
        goes_on = compare_member(d, key, order <= 0 ? value_member_at(from, i) : VALUE_ABSENT,
                                 order >= 0 ? value_member_at(to, j) : VALUE_ABSENT);
        i += order <= 0;
        j += order >= 0;
    }
    return goes_on;
}

static bool compare_item(struct differ *d, size_t index, struct value from, struct value to)
{
    size_t size = d->path.size;
    text_printf(&d->path, "[%zu]", index);
    bool goes_on = compare(d, from, to);
    d->path.size = size;
    return goes_on;
}

static bool compare_arrays(struct differ *d, struct value from, struct value to)
{
    size_t from_count = value_count(from), to_count = value_count(to), front = 0;
    while (front < from_count && front < to_count &&
           value_equal(value_at(from, front), value_at(to, front)))
        front++;
    while (from_count > front && to_count > front &&
           value_equal(value_at(from, from_count - 1), value_at(to, to_count - 1))) {
        from_count--;
        to_count--;
    }
    bool goes_on = true;
    for (size_t i = front; goes_on && (i < from_count || i < to_count); i++)
        goes_on = compare_item(d, i, i < from_count ? value_at(from, i) : VALUE_ABSENT,
                               i < to_count ? value_at(to, i) : VALUE_ABSENT);
    return goes_on;
}

static bool compare(struct differ *d, struct value from, struct value to)
{
    if (value_is_same(from, to))
        return true;
    enum value_kind kind = value_kind(from);
    if (kind == value_kind(to) && kind == VALUE_OBJECT)
        return compare_objects(d, from, to);
    if (kind == value_kind(to) && kind == VALUE_ARRAY)
        return compare_arrays(d, from, to);
    return value_equal(from, to) || d->visit(d->owner, text_str(&d->path), from, to);
}

void value_diff(struct value from, struct value to, diff_visit_fn visit, void *owner)
{
    struct differ d = {.visit = visit, .owner = owner};
    (void)compare(&d, from, to); /* whether the visitor ended it is its own affair */
    text_release(&d.path);
}

/* ---- as text ---- */

struct printer {
    struct text *out;
    size_t count, lines_max;
};

static void print_value(struct value v, struct text *out)
{
    AUTO(text) struct text json = {0};
    if (!value_is_present(v)) {
        text_add(out, S("(absent)"));
        return;
    }
    json_write(v, &json);
    size_t size = json.size;
    if (size > DIFF_VALUE_SIZE_MAX) {
        /* Not in the middle of a rune. */
        for (size = DIFF_VALUE_SIZE_MAX - 3; size && (json.bytes[size] & 0xc0) == 0x80;)
            size--;
    }
    text_add(out, str_slice(text_str(&json), 0, size));
    if (size < json.size)
        text_add(out, S("..."));
}

static bool print_difference(void *owner, struct str path, struct value from, struct value to)
{
    struct printer *p = owner;
    if (p->count++ >= p->lines_max)
        return true;
    text_add(p->out, path.size ? path : S("(root)"));
    text_add(p->out, S(": "));
    print_value(from, p->out);
    text_add(p->out, S(" -> "));
    print_value(to, p->out);
    text_add_byte(p->out, '\n');
    return true;
}

size_t value_diff_text(struct value from, struct value to, size_t lines_max, struct text *out)
{
    struct printer p = {.out = out, .lines_max = lines_max};
    value_diff(from, to, print_difference, &p);
    if (p.count > lines_max)
        text_printf(out, "... and %zu more\n", p.count - lines_max);
    return p.count;
}
