/* SPDX-License-Identifier: Apache-2.0
 *
 * Partial resources and tallies. A partial resource is compared as Chainsaw does: maps by subset,
 * lists by place and length, scalars by equality; quantities and times are texts like any other.
 *
 * Invariant of a tally: its count is the number of keys marked as held, and a key is marked if and
 * only if the matcher holds for the object that the picture shows.
 */
#include "sim/base/base.h"

#include "scenarios/engine/match.h"

#include "cluster/api/object.h"
#include "sim/base/mem.h"

struct tally {
    struct view *view;
    struct matcher matcher;
    uint8_t *held; /* by key id */
    size_t held_count;
    size_t count;
    uint64_t changes;
};

static void difference_at(struct text *path, struct value partial, struct value actual,
                          struct text *out);
static void difference_members(struct text *path, struct value partial, struct value actual,
                               struct text *out);
static void difference_line(struct str path, char mark, struct value v, struct text *out);
static void scalar_text(struct value v, struct text *out);
static void tally_changed(void *owner, const struct view_change *change);
static void tally_mark(struct tally *t, const struct object_key *key, bool holds);

bool partial_matches(struct value partial, struct value actual)
{
    if (value_is_same(partial, actual))
        return true;
    if (value_kind(partial) == VALUE_OBJECT) {
        if (value_kind(actual) != VALUE_OBJECT)
            return false;
        for (size_t i = 0; i < value_count(partial); i++) {
            struct value part = value_get(actual, value_key_atom_at(partial, i));
            if (!partial_matches(value_member_at(partial, i), part))
                return false;
        }
        return true;
    }
    if (value_kind(partial) == VALUE_ARRAY) {
        if (value_kind(actual) != VALUE_ARRAY || value_count(partial) != value_count(actual))
            return false;
        for (size_t i = 0; i < value_count(partial); i++) {
            if (!partial_matches(value_at(partial, i), value_at(actual, i)))
                return false;
        }
        return true;
    }
    /* `key: null` wants the key to be absent. */
    if (value_kind(partial) == VALUE_NULL)
        return !value_is_present(actual) || value_kind(actual) == VALUE_NULL;
    return value_equal(partial, actual);
}

void partial_difference(struct value partial, struct value actual, struct text *out)
{
    AUTO(text) struct text path = {0};
    difference_at(&path, partial, actual, out);
}

static void difference_at(struct text *path, struct value partial, struct value actual,
                          struct text *out)
{
    if (partial_matches(partial, actual))
        return;
    enum value_kind kind = value_kind(partial);
    bool is_nested = kind == VALUE_OBJECT ||
                     (kind == VALUE_ARRAY && value_count(partial) == value_count(actual));
    if (is_nested && value_kind(actual) == kind) {
        difference_members(path, partial, actual, out);
        return;
    }
    difference_line(text_str(path), '-', partial, out);
    difference_line(text_str(path), '+', actual, out);
}

static void difference_members(struct text *path, struct value partial, struct value actual,
                               struct text *out)
{
    for (size_t i = 0; i < value_count(partial); i++) {
        size_t length = path->size;
        if (value_kind(partial) == VALUE_ARRAY) {
            text_printf(path, "[%zu]", i);
            difference_at(path, value_at(partial, i), value_at(actual, i), out);
        } else {
            struct str key = value_key_at(partial, i);
            text_printf(path, "%s%.*s", length ? "." : "", STR_ARG(key));
            difference_at(path, value_member_at(partial, i), value_get_key(actual, key), out);
        }
        path->size = length;
    }
}

static void difference_line(struct str path, char mark, struct value v, struct text *out)
{
    text_printf(out, "%c %.*s: ", mark, STR_ARG(path));
    scalar_text(v, out);
    text_add_byte(out, '\n');
}

/* Short and for people; nested things in flow style. */
static void scalar_text(struct value v, struct text *out)
{
    switch (value_kind(v)) {
    case VALUE_NONE:
        text_add(out, S("(absent)"));
        break;
    case VALUE_NULL:
        text_add(out, S("null"));
        break;
    case VALUE_BOOL:
        text_add(out, value_as_bool(v) ? S("true") : S("false"));
        break;
    case VALUE_INTEGER:
        text_add_int(out, value_as_integer(v, 0));
        break;
    case VALUE_DOUBLE:
        text_printf(out, "%g", value_as_double(v, 0));
        break;
    case VALUE_STRING:
        text_printf(out, "\"%.*s\"", STR_ARG(value_str(v)));
        break;
    case VALUE_ARRAY:
        text_add_byte(out, '[');
        for (size_t i = 0; i < value_count(v); i++) {
            text_add(out, i ? S(", ") : S(""));
            scalar_text(value_at(v, i), out);
        }
        text_add_byte(out, ']');
        break;
    case VALUE_OBJECT:
        text_add_byte(out, '{');
        for (size_t i = 0; i < value_count(v); i++) {
            text_printf(out, "%s%.*s: ", i ? ", " : "", STR_ARG(value_key_at(v, i)));
            scalar_text(value_member_at(v, i), out);
        }
        text_add_byte(out, '}');
        break;
    }
}

/* ---- matchers ---- */

bool matcher_holds(const struct matcher *m, const struct object_key *key, struct value object)
{
    if (!value_is_present(object))
        return false;
    if (value_is_present(m->namespace) && !str_equal(value_str(m->namespace), key->namespace))
        return false;
    if (value_is_present(m->name) && !str_equal(value_str(m->name), key->name))
        return false;
    if (m->selector && !label_selector_matches(m->selector, object_labels(object)))
        return false;
    if (value_is_present(m->partial) && !partial_matches(m->partial, object))
        return false;
    return !m->filter || jq_filter_holds(m->filter, object);
}

void matcher_release(struct matcher *m)
{
    value_drop(m->api_version);
    value_drop(m->kind);
    value_drop(m->namespace);
    value_drop(m->name);
    value_drop(m->partial);
    label_selector_free(m->selector);
    jq_filter_free(m->filter);
    *m = (struct matcher){0};
}

const struct resource *matcher_resource(const struct matcher *m, const struct view *view)
{
    const struct resource *r = m->resource;
    if (!r)
        r = view_find_kind(view, value_str(m->api_version), value_str(m->kind));
    return r ? r : resource_placeholder();
}

/* Is the change about an object of the matcher's kind? */
static bool concerns(const struct matcher *m, const struct view_change *change)
{
    const struct resource *changed = change->key->resource;
    if (m->resource)
        return changed == m->resource->storage;
    struct value object = value_is_present(change->after) ? change->after : change->before;
    struct str unused, group = str_cut(value_str(m->api_version), '/', &unused);
    return str_equal(changed->group, group) &&
           value_equal(VALUE_GET(object, kind), m->kind);
}

void matcher_text(const struct matcher *m, struct text *out)
{
    text_add(out, m->resource ? m->resource->kind : value_str(m->kind));
    if (value_is_present(m->name)) {
        text_add_byte(out, ' ');
        if (value_is_present(m->namespace))
            text_printf(out, "%.*s/", STR_ARG(value_str(m->namespace)));
        text_add(out, value_str(m->name));
        return;
    }
    text_add(out, S("s"));
    if (m->selector) {
        text_add_byte(out, ' ');
        label_selector_text(m->selector, out);
    }
    if (value_is_present(m->namespace))
        text_printf(out, " in %.*s", STR_ARG(value_str(m->namespace)));
}

/* ---- tallies ---- */

struct tally *tally_new(struct view *view, struct matcher *own_matcher)
{
    struct tally *t = mem_new(struct tally);
    *t = (struct tally){.view = view, .matcher = *own_matcher};
    *own_matcher = (struct matcher){0};
    struct str namespace = value_str(t->matcher.namespace);
    for (struct view_cursor c = view_first(view, matcher_resource(&t->matcher, view), namespace);
         c.key; view_next(&c))
        tally_mark(t, c.key, matcher_holds(&t->matcher, c.key, c.object));
    view_listen(view, tally_changed, t);
    return t;
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    view_unlisten(t->view, tally_changed, t);
    matcher_release(&t->matcher);
    mem_free(t->held);
    mem_free(t);
}

size_t tally_count(const struct tally *t)
{
    return t->count;
}

uint64_t tally_changes(const struct tally *t)
{
    return t->changes;
}

const struct matcher *tally_matcher(const struct tally *t)
{
    return &t->matcher;
}

static void tally_changed(void *owner, const struct view_change *change)
{
    struct tally *t = owner;
    if (!concerns(&t->matcher, change))
        return;
    t->changes++;
    tally_mark(t, change->key, matcher_holds(&t->matcher, change->key, change->after));
}

static void tally_mark(struct tally *t, const struct object_key *key, bool holds)
{
    if (key->id >= t->held_count) {
        if (!holds)
            return;
        size_t count = t->held_count + t->held_count / 2 > key->id
                           ? t->held_count + t->held_count / 2
                           : key->id + 64;
        t->held = mem_resize(t->held, uint8_t, t->held_count, count);
        t->held_count = count;
    }
    if (t->held[key->id] == holds)
        return;
    t->held[key->id] = holds;
    t->count = holds ? t->count + 1 : t->count - 1;
}
