/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML with places. libyaml's events become values; scalars are resolved as Kubernetes' YAML reader does (YAML 1.1 as
 * sigs.k8s.io/yaml has it: plain true/yes/on and their kin are booleans, 0x and 0 prefixes are integers, quoted text is
 * always text); keys are always text. Anchors, aliases and merge keys (<<) work.
 *
 * Places: each value that begins in the text is a row (path, line, column), in the order of the text; a path that has no
 * row has the place of the nearest thing around it.
 */
#include "sim/base/base.h"

#include "scenarios/engine/document.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

#define DEPTH_MAX 100
#define VALUES_MAX 50000000 /* aliases may blow a document up */

struct row {
    char *path;
    struct place place;
};
struct places {
    VEC(struct row) rows; /* sorted by path once the document is read */
};
struct anchor {
    char *name;
    struct value value;
};
struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    struct str file;
    struct errmsg *message;
    struct places *places; /* NULL: not wanted (big manifests) */
    struct text path;
    VEC(struct anchor) anchors;
    int depth;
    size_t values;
};

static enum err read_document(struct reader *r, struct value *ret_value);
static enum err read_value(struct reader *r, struct value *ret_value);
static enum err read_mapping(struct reader *r, struct value *ret_value);
static enum err read_sequence(struct reader *r, struct value *ret_value);
static enum err read_alias(struct reader *r, struct value *ret_value);
static enum err next_event(struct reader *r);
static struct value scalar_value(struct str text, bool is_plain);
static void add_place(struct reader *r, yaml_mark_t mark);
static int row_compare(const void *a, const void *b, void *context);

/* Places are kept for documents up to this size: scenarios and manifests written by hand. */
#define PLACES_BYTES_MAX (1u << 20)

enum err documents_load(struct str file, struct documents *ret_documents, struct errmsg *message)
{
    char *bytes = NULL;
    size_t size = 0;
    enum err e = file_read(file, &bytes, &size, message);
    if (e)
        return e;
    e = documents_parse(file, (struct str){bytes, size}, ret_documents, message);
    mem_free(bytes);
    return e;
}

static void places_free(struct places *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->rows.count; i++)
        mem_free(p->rows.items[i].path);
    vec_release(&p->rows);
    mem_free(p);
}

static void reader_release(struct reader *r)
{
    for (size_t i = 0; i < r->anchors.count; i++) {
        mem_free(r->anchors.items[i].name);
        value_drop(r->anchors.items[i].value);
    }
    vec_release(&r->anchors);
    text_release(&r->path);
    yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
}

enum err documents_parse(struct str file, struct str text, struct documents *ret_documents, struct errmsg *message)
{
    struct documents d = {.file = mem_copy_string(file)};
    struct reader r = {.file = file, .message = message};
    size_t capacity = 0;
    CHECK(yaml_parser_initialize(&r.parser));
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.bytes, text.size);
    enum err e = next_event(&r);
    while (!e && r.event.type != YAML_STREAM_END_EVENT) {
        e = next_event(&r);
        if (e || r.event.type != YAML_DOCUMENT_START_EVENT)
            continue;
        r.places = text.size <= PLACES_BYTES_MAX ? mem_new(struct places) : NULL;
        text_clear(&r.path);
        struct document one = {.file = str_from(d.file), .places = r.places};
        e = read_document(&r, &one.root);
        if (r.places && r.places->rows.count)
            sort_stable(r.places->rows.items, r.places->rows.count, sizeof(struct row), row_compare, NULL);
        if (e || value_kind(one.root) == VALUE_NULL) { /* an empty document is none */
            value_drop(one.root);
            places_free(r.places);
            continue;
        }
        if (d.count == capacity) {
            d.items = mem_resize(d.items, struct document, capacity, capacity * 2 + 4);
            capacity = capacity * 2 + 4;
        }
        d.items[d.count++] = one;
    }
    reader_release(&r);
    for (size_t i = 0; i < d.count && !e; i++) {
        if (value_kind(d.items[i].root) != VALUE_OBJECT)
            e = errmsg_set(message, ERR_TYPE, "%.*s:%d:1: expected a mapping", STR_ARG(file),
                           document_place(&d.items[i], S("")).line);
    }
    if (e)
        documents_release(&d);
    else
        *ret_documents = d;
    return e;
}

void documents_release(struct documents *d)
{
    for (size_t i = 0; i < d->count; i++) {
        value_drop(d->items[i].root);
        places_free(d->items[i].places);
    }
    mem_free(d->items);
    mem_free(d->file);
    *d = (struct documents){0};
}

static const struct row *row_find(const struct places *p, struct str path)
{
    size_t low = 0, high = p->rows.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(str_from(p->rows.items[middle].path), path);
        if (order == 0)
            return &p->rows.items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct place document_place(const struct document *d, struct str path)
{
    while (d->places) {
        const struct row *row = row_find(d->places, path);
        if (row)
            return row->place;
        if (path.size == 0)
            break;
        size_t n = path.size - 1;
        while (n > 0 && path.bytes[n] != '.' && path.bytes[n] != '[')
            n--;
        path = str_slice(path, 0, n);
    }
    return (struct place){1, 1};
}

static int row_compare(const void *a, const void *b, void *context)
{
    (void)context;
    return str_compare(str_from(((const struct row *)a)->path), str_from(((const struct row *)b)->path));
}

/* ---- reading ---- */

static enum err fail(struct reader *r, yaml_mark_t mark, const char *what)
{
    return errmsg_set(r->message, ERR_SYNTAX, "%.*s:%zu:%zu: %s", STR_ARG(r->file), mark.line + 1, mark.column + 1, what);
}

static enum err next_event(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return ERR_OK;
    AUTO(text) struct text what = {0};
    text_printf(&what, "%s%s%s", r->parser.context ? r->parser.context : "", r->parser.context ? ": " : "",
                r->parser.problem ? r->parser.problem : "malformed YAML");
    return fail(r, r->parser.problem_mark, text_c(&what));
}

/* After DOCUMENT-START; ends at DOCUMENT-END. */
static enum err read_document(struct reader *r, struct value *ret_value)
{
    enum err e = next_event(r);
    e = e ? e : read_value(r, ret_value);
    return e ? e : next_event(r);
}

static enum err read_value(struct reader *r, struct value *ret_value)
{
    yaml_mark_t mark = r->event.start_mark;
    const char *anchor = NULL;
    enum err e = ERR_OK;
    if (r->depth >= DEPTH_MAX || ++r->values > VALUES_MAX)
        return fail(r, mark, "nested too deeply or too big");
    r->depth++;
    if (r->event.type == YAML_SCALAR_EVENT)
        anchor = (const char *)r->event.data.scalar.anchor;
    else if (r->event.type == YAML_MAPPING_START_EVENT)
        anchor = (const char *)r->event.data.mapping_start.anchor;
    else if (r->event.type == YAML_SEQUENCE_START_EVENT)
        anchor = (const char *)r->event.data.sequence_start.anchor;
    char *name = anchor ? mem_copy_string(str_from(anchor)) : NULL;
    if (r->path.size == 0)
        add_place(r, mark);
    if (r->event.type == YAML_SCALAR_EVENT) {
        struct str text = {(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
        *ret_value = scalar_value(text, r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
    } else if (r->event.type == YAML_MAPPING_START_EVENT)
        e = read_mapping(r, ret_value);
    else if (r->event.type == YAML_SEQUENCE_START_EVENT)
        e = read_sequence(r, ret_value);
    else
        e = read_alias(r, ret_value);
    r->depth--;
    if (!e && name)
        vec_push(&r->anchors, (struct anchor){name, value_keep(*ret_value)});
    else
        mem_free(name);
    return e;
}

static enum err read_alias(struct reader *r, struct value *ret_value)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    for (size_t i = r->anchors.count; i > 0 && r->event.type == YAML_ALIAS_EVENT; i--) {
        if (strcmp(r->anchors.items[i - 1].name, name) == 0) {
            *ret_value = value_keep(r->anchors.items[i - 1].value);
            return ERR_OK;
        }
    }
    return fail(r, r->event.start_mark, "unknown anchor");
}

/* What a merge key brings in does not win over what stands in the mapping. */
static struct value merge(struct value own_into, struct value from)
{
    for (size_t i = 0; i < value_count(from); i++) {
        atom key = value_key_atom_at(from, i);
        if (!value_is_present(value_get(own_into, key)))
            own_into = value_set(own_into, key, value_keep(value_member_at(from, i)));
    }
    return own_into;
}

static enum err read_mapping(struct reader *r, struct value *ret_value)
{
    struct value object = value_object();
    size_t length = r->path.size;
    enum err e = next_event(r);
    while (!e && r->event.type != YAML_MAPPING_END_EVENT) {
        yaml_mark_t mark = r->event.start_mark;
        if (r->event.type != YAML_SCALAR_EVENT) {
            e = fail(r, mark, "expected a text as key");
            break;
        }
        AUTO(text) struct text key = {0};
        text_add(&key, (struct str){(const char *)r->event.data.scalar.value, r->event.data.scalar.length});
        bool is_merge = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && str_equal(text_str(&key), S("<<"));
        if (value_is_present(value_get_key(object, text_str(&key)))) {
            AUTO(text) struct text what = {0};
            text_printf(&what, "key \"%s\" is already set", text_c(&key));
            e = fail(r, mark, text_c(&what));
            break;
        }
        text_printf(&r->path, "%s%s", length ? "." : "", text_c(&key));
        add_place(r, mark);
        struct value part = VALUE_ABSENT;
        e = next_event(r);
        e = e ? e : read_value(r, &part);
        r->path.size = length;
        if (!e && is_merge) {
            object = merge(object, part);
            value_drop(part);
        } else if (!e)
            object = value_set_key(object, text_str(&key), part);
        e = e ? e : next_event(r);
    }
    if (e)
        value_drop(object);
    else
        *ret_value = object;
    return e;
}

static enum err read_sequence(struct reader *r, struct value *ret_value)
{
    struct value array = value_array();
    size_t length = r->path.size, n = 0;
    enum err e = next_event(r);
    while (!e && r->event.type != YAML_SEQUENCE_END_EVENT) {
        struct value item = VALUE_ABSENT;
        text_printf(&r->path, "[%zu]", n++);
        add_place(r, r->event.start_mark);
        e = read_value(r, &item);
        r->path.size = length;
        if (!e) {
            array = value_append(array, item);
            e = next_event(r);
        }
    }
    if (e)
        value_drop(array);
    else
        *ret_value = array;
    return e;
}

static void add_place(struct reader *r, yaml_mark_t mark)
{
    if (!r->places)
        return;
    struct row row = {.place = {(int)mark.line + 1, (int)mark.column + 1}};
    row.path = mem_copy_string(text_str(&r->path));
    vec_push(&r->places->rows, row);
}

/* ---- scalars ---- */

static bool is_one_of(struct str s, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (str_equal(s, str_from(words[i])))
            return true;
    }
    return false;
}

static bool is_integer(struct str s, int64_t *ret_number)
{
    if (str_to_int64(s, ret_number))
        return s.bytes[0] != '0' || s.size == 1;
    return false;
}

/* 0x1F, 0o17, 017, 0b101. */
static bool is_based_integer(struct str s, int64_t *ret_number)
{
    int base = 8;
    size_t from = 1;
    if (s.size < 2 || s.size > 24 || s.bytes[0] != '0')
        return false;
    if (s.bytes[1] == 'x' || s.bytes[1] == 'o' || s.bytes[1] == 'b') {
        base = s.bytes[1] == 'x' ? 16 : s.bytes[1] == 'o' ? 8 : 2;
        from = 2;
    }
    char digits[32] = {0};
    memcpy(digits, s.bytes + from, s.size - from);
    char *end;
    errno = 0;
    long long number = strtoll(digits, &end, base);
    *ret_number = number;
    return s.size > from && *end == 0 && errno == 0 && digits[0] != '-' && digits[0] != '+';
}

static bool is_fraction(struct str s, double *ret_number)
{
    char digits[64] = {0};
    bool has_digit = false;
    if (s.size == 0 || s.size >= sizeof(digits))
        return false;
    for (size_t i = 0; i < s.size; i++) {
        char b = s.bytes[i];
        has_digit |= b >= '0' && b <= '9';
        if (!(b >= '0' && b <= '9') && b != '.' && b != '-' && b != '+' && b != 'e' && b != 'E')
            return false;
    }
    memcpy(digits, s.bytes, s.size);
    char *end;
    *ret_number = strtod(digits, &end);
    return has_digit && *end == 0 && s.bytes[0] != 'e' && s.bytes[0] != 'E';
}

static struct value scalar_value(struct str s, bool is_plain)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};
    int64_t number;
    double fraction;
    if (!is_plain)
        return value_string(s);
    if (is_one_of(s, nulls))
        return value_null();
    if (is_one_of(s, trues))
        return value_bool(true);
    if (is_one_of(s, falses))
        return value_bool(false);
    if (is_integer(s, &number) || is_based_integer(s, &number))
        return value_integer(number);
    if (is_fraction(s, &fraction))
        return value_double(fraction);
    return value_string(s);
}
