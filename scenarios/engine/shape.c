/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict checker of scenario files. It stops at the first mistake, in the order of the shape's
 * fields for what is missing and in the order of keys for what is wrong, so that a message never
 * depends on how the text was laid out.
 *
 * A message names the place as compilers do (file:line:column), the path of the key, what stands
 * there and what was expected; an unknown name is answered with the nearest known one, since most
 * mistakes are slips of typing.
 */
#include "sim/base/base.h"

#include "scenarios/engine/shape.h"

#include "cluster/api/object.h"
#include "cluster/api/resource.h"
#include "cluster/api/selector.h"
#include "scenarios/engine/jq.h"
#include "sim/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define SHAPE_DEPTH_MAX 64

struct check {
    const struct document *document;
    struct text path;
    struct errmsg *message;
    int depth;
};

static enum err check(struct check *c, const struct shape *shape, struct value v);
static enum err check_object(struct check *c, const struct shape *shape, struct value v);
static enum err check_unknown_key(struct check *c, const struct shape *shape, struct str key);
static enum err check_one_of(struct check *c, const struct shape *shape, struct value v);
static enum err check_items(struct check *c, const struct shape *shape, struct value v);
static enum err check_scalar(struct check *c, const struct shape *shape, struct value v);
static enum err check_enum(struct check *c, const struct shape *shape, struct value v);
static enum err check_resource(struct check *c, struct value v);
static enum err check_holds(struct check *c, const struct shape *shape, struct value v);
static enum err wrong_type(struct check *c, struct value v, const char *expected);
static bool find_field(const struct shape *shape, struct str key, struct shape_field *ret_field);
static size_t path_push(struct check *c, struct str key);

static bool is_not_negative(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_add(expected, S("a number of at least 0"));
    return value_as_integer(v, -1) >= 0;
}

const struct shape shape_any = {.kind = SHAPE_ANY};
const struct shape shape_string = {.kind = SHAPE_STRING};
const struct shape shape_integer = {.kind = SHAPE_INTEGER};
const struct shape shape_count = {.kind = SHAPE_INTEGER, .holds = is_not_negative};
const struct shape shape_bool = {.kind = SHAPE_BOOL};
const struct shape shape_duration = {.kind = SHAPE_DURATION};
const struct shape shape_time = {.kind = SHAPE_TIME};
const struct shape shape_scalar = {.kind = SHAPE_SCALAR};
const struct shape shape_strings = {.kind = SHAPE_LIST, .item = &shape_string};
const struct shape shape_labels = {.kind = SHAPE_MAP, .item = &shape_string};
const struct shape shape_resource = {.kind = SHAPE_RESOURCE};
const struct shape shape_jq = {.kind = SHAPE_JQ};
const struct shape shape_selector = {.kind = SHAPE_SELECTOR};

enum err shape_check(const struct shape *shape, struct value v, const struct document *d,
                     struct str path, struct errmsg *message)
{
    struct check c = {.document = d, .message = message};
    text_add(&c.path, path);
    enum err e = check(&c, shape, v);
    text_release(&c.path);
    return e;
}

enum err place_error(const struct document *d, struct str path, enum err code,
                     struct errmsg *message, const char *format, ...)
{
    char what[ERRMSG_SIZE / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    struct place p = document_place(d, path);
    return errmsg_set(message, code, "%.*s:%d:%d: %.*s%s%s", STR_ARG(d->file), p.line, p.column,
                      STR_ARG(path), path.size ? ": " : "", what);
}

static enum err check(struct check *c, const struct shape *shape, struct value v)
{
    if (c->depth >= SHAPE_DEPTH_MAX)
        return place_error(c->document, text_str(&c->path), ERR_LIMIT, c->message,
                           "nested too deeply");
    c->depth++;
    enum err e = ERR_OK;
    switch (shape->kind) {
    case SHAPE_ANY:
        break;
    case SHAPE_OBJECT:
        e = check_object(c, shape, v);
        break;
    case SHAPE_ONE_OF:
        e = check_one_of(c, shape, v);
        break;
    case SHAPE_LIST:
    case SHAPE_MAP:
        e = check_items(c, shape, v);
        break;
    case SHAPE_RESOURCE:
        e = check_resource(c, v);
        break;
    case SHAPE_ENUM:
        e = check_enum(c, shape, v);
        break;
    case SHAPE_STRING:
    case SHAPE_INTEGER:
    case SHAPE_BOOL:
    case SHAPE_DURATION:
    case SHAPE_TIME:
    case SHAPE_SCALAR:
    case SHAPE_JQ:
    case SHAPE_SELECTOR:
        e = check_scalar(c, shape, v);
        break;
    }
    c->depth--;
    return e ? e : check_holds(c, shape, v);
}

static enum err check_object(struct check *c, const struct shape *shape, struct value v)
{
    if (value_kind(v) != VALUE_OBJECT)
        return wrong_type(c, v, "a mapping");
    for (size_t i = 0; i < value_count(v); i++) {
        struct str key = value_key_at(v, i);
        struct shape_field field;
        if (!find_field(shape, key, &field))
            return check_unknown_key(c, shape, key);
        size_t length = path_push(c, key);
        enum err e = check(c, field.shape, value_member_at(v, i));
        if (e)
            return e;
        c->path.size = length;
    }
    struct shape_field f;
    for (size_t i = 0; shape_field_at(shape, i, &f); i++) {
        if (f.required && !value_is_present(value_get_key(v, str_from(f.name))))
            return place_error(c->document, text_str(&c->path), ERR_MISSING, c->message,
                               "\"%s\" is missing: %s", f.name, f.help);
    }
    return ERR_OK;
}

static enum err check_unknown_key(struct check *c, const struct shape *shape, struct str key)
{
    const char *names[128];
    struct shape_field f;
    size_t count = 0;
    for (; count < ARRAY_COUNT(names) && shape_field_at(shape, count, &f); count++)
        names[count] = f.name;
    AUTO(text) struct text known = {0};
    for (size_t i = 0; i < count && known.size < 300; i++)
        text_printf(&known, "%s%s", i ? ", " : "", names[i]);
    const char *near = nearest_word(key, names, count);
    path_push(c, key);
    return place_error(c->document, text_str(&c->path), ERR_UNKNOWN, c->message,
                       "unknown key \"%.*s\"; %s%s%sexpected: %s", STR_ARG(key),
                       near ? "did you mean \"" : "", near ? near : "", near ? "\"? " : "",
                       text_c(&known));
}

static enum err check_one_of(struct check *c, const struct shape *shape, struct value v)
{
    if (value_kind(v) != VALUE_OBJECT)
        return wrong_type(c, v, "a mapping with one key");
    enum err e = check_object(c, shape, v);
    if (e)
        return e;
    if (value_count(v) != 1)
        return place_error(c->document, text_str(&c->path), ERR_VALUE, c->message,
                           "expected exactly one key, found %zu", value_count(v));
    return ERR_OK;
}

static enum err check_items(struct check *c, const struct shape *shape, struct value v)
{
    bool is_list = shape->kind == SHAPE_LIST;
    if (value_kind(v) != (is_list ? VALUE_ARRAY : VALUE_OBJECT))
        return wrong_type(c, v, is_list ? "a list" : "a mapping");
    for (size_t i = 0; i < value_count(v); i++) {
        size_t length = c->path.size;
        if (is_list)
            text_printf(&c->path, "[%zu]", i);
        else
            length = path_push(c, value_key_at(v, i));
        enum err e = check(c, shape->item, is_list ? value_at(v, i) : value_member_at(v, i));
        if (e)
            return e;
        c->path.size = length;
    }
    return ERR_OK;
}

static enum err check_scalar(struct check *c, const struct shape *shape, struct value v)
{
    enum value_kind kind = value_kind(v);
    struct str s = value_str(v);
    struct duration d;
    struct wall_time t;
    AUTO(text) struct text why = {0};

    if (shape->kind == SHAPE_STRING)
        return kind == VALUE_STRING ? ERR_OK : wrong_type(c, v, "a text");
    if (shape->kind == SHAPE_INTEGER)
        return kind == VALUE_INTEGER ? ERR_OK : wrong_type(c, v, "a whole number");
    if (shape->kind == SHAPE_BOOL)
        return kind == VALUE_BOOL ? ERR_OK : wrong_type(c, v, "true or false");
    if (shape->kind == SHAPE_SCALAR)
        return kind == VALUE_STRING || kind == VALUE_INTEGER || kind == VALUE_BOOL
                   ? ERR_OK
                   : wrong_type(c, v, "a text, a whole number, true or false");
    if (shape->kind == SHAPE_DURATION) {
        if (kind == VALUE_INTEGER && value_as_integer(v, -1) == 0)
            return ERR_OK;
        if (kind != VALUE_STRING || !duration_parse(s, &d))
            return wrong_type(c, v, "a duration such as 500us, 30s, 5m or 1h30m");
        return ERR_OK;
    }
    if (shape->kind == SHAPE_TIME)
        return kind == VALUE_STRING && time_parse(v, &t)
                   ? ERR_OK
                   : wrong_type(c, v, "a time such as \"2026-01-01T00:00:00Z\"");
    if (kind != VALUE_STRING)
        return wrong_type(c, v, shape->kind == SHAPE_JQ ? "a jq expression" : "a label selector");
    bool holds;
    if (shape->kind == SHAPE_JQ)
        holds = jq_check(s, &why);
    else {
        struct label_selector *selector = label_selector_parse(s, &why);
        holds = selector != NULL;
        label_selector_free(selector);
    }
    if (!holds)
        return place_error(c->document, text_str(&c->path), ERR_SYNTAX, c->message, "%s",
                           text_c(&why));
    return ERR_OK;
}

static enum err check_enum(struct check *c, const struct shape *shape, struct value v)
{
    AUTO(text) struct text expected = {0};
    size_t count = 0;
    struct str s = value_str(v);
    for (; shape->choices[count]; count++) {
        if (value_kind(v) == VALUE_STRING && str_equal(s, str_from(shape->choices[count])))
            return ERR_OK;
        text_printf(&expected, "%s%s", count ? ", " : "one of ", shape->choices[count]);
    }
    const char *near = nearest_word(s, shape->choices, count);
    if (near)
        text_printf(&expected, " (did you mean \"%s\"?)", near);
    return wrong_type(c, v, text_c(&expected));
}

static enum err check_resource(struct check *c, struct value v)
{
    if (value_kind(v) != VALUE_OBJECT)
        return wrong_type(c, v, "an object with apiVersion and kind");
    struct value api_version = VALUE_GET(v, apiVersion), kind = VALUE_GET(v, kind);
    if (value_kind(api_version) != VALUE_STRING || value_kind(kind) != VALUE_STRING)
        return place_error(c->document, text_str(&c->path), ERR_MISSING, c->message,
                           "expected an object with apiVersion and kind");
    if (!resource_find_kind(value_str(api_version), value_str(kind)) &&
        !resource_may_be_custom(value_str(api_version)))
        return place_error(c->document, text_str(&c->path), ERR_UNKNOWN, c->message,
                           "no matches for kind \"%.*s\" in version \"%.*s\"",
                           STR_ARG(value_str(kind)), STR_ARG(value_str(api_version)));
    return ERR_OK;
}

static enum err check_holds(struct check *c, const struct shape *shape, struct value v)
{
    AUTO(text) struct text expected = {0};
    AUTO(text) struct text at = {0};
    if (!shape->holds || shape->holds(v, &expected, &at))
        return ERR_OK;
    if (at.size)
        path_push(c, text_str(&at));
    return place_error(c->document, text_str(&c->path), ERR_VALUE, c->message, "expected %s",
                       text_c(&expected));
}

static enum err wrong_type(struct check *c, struct value v, const char *expected)
{
    AUTO(text) struct text found = {0};
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        text_add(&found, S("nothing"));
        break;
    case VALUE_BOOL:
        text_add(&found, value_as_bool(v) ? S("true") : S("false"));
        break;
    case VALUE_INTEGER:
        text_add_int(&found, value_as_integer(v, 0));
        break;
    case VALUE_DOUBLE:
        text_add(&found, S("a fraction"));
        break;
    case VALUE_STRING:
        text_printf(&found, "\"%.*s\"", STR_ARG(value_str(v)));
        break;
    case VALUE_ARRAY:
        text_add(&found, S("a list"));
        break;
    case VALUE_OBJECT:
        text_add(&found, S("a mapping"));
        break;
    }
    return place_error(c->document, text_str(&c->path), ERR_TYPE, c->message,
                       "expected %s, found %s", expected, text_c(&found));
}

bool shape_field_at(const struct shape *shape, size_t i, struct shape_field *ret_field)
{
    for (; shape; shape = shape->more) {
        if (i < shape->field_count) {
            *ret_field = shape->fields[i];
            return true;
        }
        i -= shape->field_count;
        if (shape->row)
            return shape->row(i, ret_field);
    }
    return false;
}

static bool find_field(const struct shape *shape, struct str key, struct shape_field *ret_field)
{
    for (size_t i = 0; shape_field_at(shape, i, ret_field); i++) {
        if (str_equal(key, str_from(ret_field->name)))
            return true;
    }
    return false;
}

/* Returns the length to go back to. */
static size_t path_push(struct check *c, struct str key)
{
    size_t length = c->path.size;
    if (length)
        text_add_byte(&c->path, '.');
    text_add(&c->path, key);
    return length;
}

/* Levenshtein's distance, two rows. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[2][64] = {{0}};
    if (a.size >= 63 || b.size >= 63)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        const size_t *above = rows[(i - 1) % 2];
        size_t *row = rows[i % 2];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t best = above[j - 1] + ((a.bytes[i - 1] | 0x20) != (b.bytes[j - 1] | 0x20));
            best = above[j] + 1 < best ? above[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return rows[a.size % 2][b.size];
}

const char *nearest_word(struct str word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t best_distance = word.size / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, str_from(candidates[i]));
        if (d < best_distance && d < word.size) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}

struct duration value_duration(struct value object, struct str key, struct duration otherwise)
{
    struct value v = value_get_key(object, key);
    struct duration d = otherwise;
    if (value_kind(v) == VALUE_INTEGER)
        return (struct duration){0};
    if (value_is_present(v))
        CHECK(duration_parse(value_str(v), &d));
    return d;
}
