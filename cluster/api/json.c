/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of JSON text: strict RFC 8259, with the answers of Go's encoding/json where that
 * leaves room. Invalid UTF-8 and lone surrogates become U+FFFD; a number without . e E that fits is
 * a 64-bit integer, any other a double; the last of duplicate keys counts. Messages are Go's, since
 * users see them in Kubernetes' answers.
 *
 * Members and items of the containers that are open lie on two stacks; closing a container makes
 * its node at its final size. `data`, `binaryData` and `stringData` of a document hold keys that
 * are data: dicts.
 *
 * Why not a library: see docs/decisions/json.md.
 */
#include "sim/base/base.h"

#include "cluster/api/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cluster/api/utf8.h"
#include "cluster/api/value_heap.h"
#include "sim/base/arena.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"

#define NUMBER_TEXT_SMALL 64

struct frame {
    bool is_array;
    struct str key;
    size_t index;
};
struct parser {
    const char *begin, *at, *end;
    const struct json_limits *limits;
    size_t depth_max;
    VEC(struct value_member) members;
    VEC(struct value) items;
    VEC(struct frame) frames; /* the open containers, each with the place of its current part */
    struct arena keys;        /* keys that had escapes */
    struct text scratch;      /* a string that had escapes */
    enum err code;
    struct errmsg *message;
};
struct key_place {
    struct str text;
    size_t index;
};

static bool parse_value(struct parser *p, struct value *ret_value);
static bool parse_string(struct parser *p, struct str *ret_text, bool *ret_is_scratch);
static bool parse_number(struct parser *p, struct value *ret_value);

/* ---- failing ---- */

static void add_place(struct parser *p, const char *where)
{
    if (p->limits && p->limits->has_bare_messages)
        return;
    size_t line = 1;
    const char *line_begin = p->begin;
    for (const char *c = p->begin; c < where && c < p->end; c++)
        if (*c == '\n') {
            line++;
            line_begin = c + 1;
        }
    errmsg_prefix(p->message, "line %zu, column %zu", line, (size_t)(where - line_begin) + 1);
}

static bool fail(struct parser *p, enum err code, const char *text)
{
    p->code = errmsg_set(p->message, code, "%s", text);
    add_place(p, p->at);
    return false;
}

/* Go's quoteChar. */
static void quote_byte(unsigned char c, struct text *out)
{
    text_add_byte(out, '\'');
    if (c == '\'')
        text_add(out, S("\\'"));
    else if (c == '\\')
        text_add(out, S("\\\\"));
    else if (c == '\n')
        text_add(out, S("\\n"));
    else if (c == '\r')
        text_add(out, S("\\r"));
    else if (c == '\t')
        text_add(out, S("\\t"));
    else if (c < 0x20 || c == 0x7f)
        text_printf(out, "\\x%02x", c);
    else if (c >= 0x80 && c < 0xa1)
        text_printf(out, "\\u%04x", c);
    else
        utf8_add(out, c);
    text_add_byte(out, '\'');
}

static bool fail_here(struct parser *p, const char *context)
{
    if (p->at >= p->end)
        return fail(p, ERR_SYNTAX, "unexpected end of JSON input");
    AUTO(text) struct text t = {0};
    text_add(&t, S("invalid character "));
    quote_byte((unsigned char)*p->at, &t);
    text_printf(&t, " %s", context);
    return fail(p, ERR_SYNTAX, text_c(&t));
}

/* ---- duplicate keys ---- */

static int place_by_text(const void *a, const void *b, void *context)
{
    (void)context;
    const struct key_place *x = a, *y = b;
    return str_compare(x->text, y->text);
}

static int place_by_index(const void *a, const void *b, void *context)
{
    (void)context;
    const struct key_place *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static void report(struct parser *p, struct str key)
{
    AUTO(text) struct text path = {0};
    for (size_t i = 0; i + 1 < p->frames.count; i++) {
        const struct frame *f = &p->frames.items[i];
        if (f->is_array) {
            text_printf(&path, "[%zu]", f->index);
            continue;
        }
        if (path.size)
            text_add_byte(&path, '.');
        text_add(&path, f->key);
    }
    if (path.size)
        text_add_byte(&path, '.');
    text_add(&path, key);
    p->limits->duplicate_key(p->limits->owner, text_str(&path));
}

/* Each key that is there more than once, once, in the order of the second appearance. */
static void report_duplicates(struct parser *p, const struct value_member *members, size_t count)
{
    struct key_place *places = mem_array(struct key_place, count);
    for (size_t i = 0; i < count; i++)
        places[i] = (struct key_place){
            members[i].key == ATOM_NONE ? members[i].text : atom_text(members[i].key), i};
    sort_stable(places, count, sizeof(places[0]), place_by_text, NULL);
    size_t found = 0;
    for (size_t i = 1; i < count; i++) {
        bool is_again = str_equal(places[i - 1].text, places[i].text);
        bool is_known = is_again && found && str_equal(places[found - 1].text, places[i].text);
        if (is_again && !is_known)
            places[found++] = places[i];
    }
    sort_stable(places, found, sizeof(places[0]), place_by_index, NULL);
    for (size_t i = 0; i < found; i++)
        report(p, places[i].text);
    mem_free(places);
}

/* ---- containers ---- */

static inline void skip_blanks(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
        p->at++;
}

static inline bool is_at(const struct parser *p, char c)
{
    return p->at < p->end && *p->at == c;
}

static bool enter(struct parser *p, bool is_array)
{
    if (p->frames.count >= p->depth_max)
        return fail(p, ERR_LIMIT, "exceeded max depth");
    vec_push(&p->frames, (struct frame){.is_array = is_array});
    p->at++;
    skip_blanks(p);
    return true;
}

static bool parse_array(struct parser *p, struct value *ret_value)
{
    if (!enter(p, true))
        return false;
    size_t base = p->items.count;
    if (!is_at(p, ']'))
        for (;;) {
            struct value item;
            if (!parse_value(p, &item))
                return false;
            vec_push(&p->items, item);
            vec_last(&p->frames).index++;
            skip_blanks(p);
            if (is_at(p, ']'))
                break;
            if (!is_at(p, ','))
                return fail_here(p, "after array element");
            p->at++;
            skip_blanks(p);
        }
    p->at++;
    *ret_value = value_from_items(p->items.items + base, p->items.count - base);
    p->items.count = base;
    p->frames.count--;
    return true;
}

/* The key and its colon. */
static bool parse_key(struct parser *p, struct value_member *ret_member)
{
    if (!is_at(p, '"'))
        return fail_here(p, "looking for beginning of object key string");
    struct str text;
    bool is_scratch;
    if (!parse_string(p, &text, &is_scratch))
        return false;
    atom key = atom_of_key(text);
    if (key != ATOM_NONE)
        text = atom_text(key);
    else if (is_scratch)
        text = arena_str(&p->keys, text);
    *ret_member = (struct value_member){.key = key, .text = text};
    vec_last(&p->frames).key = text;
    skip_blanks(p);
    if (!is_at(p, ':'))
        return fail_here(p, "after object key");
    p->at++;
    skip_blanks(p);
    return true;
}

/* Keys of this object are data, not fields. */
static bool is_data_object(const struct parser *p)
{
    if (p->frames.count != 2 || p->frames.items[0].is_array)
        return false;
    struct str key = p->frames.items[0].key;
    return str_equal(key, S("data")) || str_equal(key, S("binaryData")) ||
           str_equal(key, S("stringData"));
}

static void close_object(struct parser *p, size_t base, struct value *ret_value)
{
    size_t count = p->members.count - base;
    struct value_member *members = p->members.items + base;
    *ret_value = value_from_members(members, count, is_data_object(p));
    if (UNLIKELY(value_count(*ret_value) != count) && p->limits && p->limits->duplicate_key)
        report_duplicates(p, members, count);
    p->members.count = base;
    p->frames.count--;
}

static bool parse_object(struct parser *p, struct value *ret_value)
{
    if (!enter(p, false))
        return false;
    size_t base = p->members.count;
    if (!is_at(p, '}'))
        for (;;) {
            struct value_member member;
            if (!parse_key(p, &member) || !parse_value(p, &member.part))
                return false;
            vec_push(&p->members, member);
            skip_blanks(p);
            if (is_at(p, '}'))
                break;
            if (!is_at(p, ','))
                return fail_here(p, "after object key:value pair");
            p->at++;
            skip_blanks(p);
        }
    p->at++;
    close_object(p, base, ret_value);
    return true;
}

static bool parse_word(struct parser *p, const char *word, struct value v, struct value *ret_value)
{
    for (const char *w = word; *w; w++, p->at++)
        if (!is_at(p, *w)) {
            char context[48];
            (void)snprintf(context, sizeof(context), "in literal %s (expecting '%c')", word, *w);
            return fail_here(p, context);
        }
    *ret_value = v;
    return true;
}

static bool parse_value(struct parser *p, struct value *ret_value)
{
    char c = p->at < p->end ? *p->at : '\0';
    switch (c) {
    case '{':
        return parse_object(p, ret_value);
    case '[':
        return parse_array(p, ret_value);
    case '"': {
        struct str text;
        bool is_scratch;
        if (!parse_string(p, &text, &is_scratch))
            return false;
        *ret_value = value_string(text);
        return true;
    }
    case 't':
        return parse_word(p, "true", value_bool(true), ret_value);
    case 'f':
        return parse_word(p, "false", value_bool(false), ret_value);
    case 'n':
        return parse_word(p, "null", value_null(), ret_value);
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return parse_number(p, ret_value);
        return fail_here(p, "looking for beginning of value");
    }
}

/* ---- strings ---- */

static inline bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static inline void skip_plain(struct parser *p)
{
    while (p->end - p->at >= 8 && !bytes_special(bytes_load(p->at)))
        p->at += 8;
    while (p->at < p->end && is_plain((unsigned char)*p->at))
        p->at++;
}

static bool parse_hex(struct parser *p, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        char c = p->at < p->end ? *p->at : '\0';
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16)
            return fail_here(p, "in \\u hexadecimal character escape");
        unit = unit << 4 | digit;
    }
    *ret_unit = unit;
    return true;
}

/* Behind "\u". A high surrogate takes a low one with it; alone it is U+FFFD. */
static bool parse_unicode_escape(struct parser *p)
{
    uint32_t unit = 0, low = 0;
    if (!parse_hex(p, &unit))
        return false;
    if (unit >= 0xd800 && unit < 0xdc00 && p->end - p->at >= 6 && p->at[0] == '\\' &&
        p->at[1] == 'u') {
        const char *back = p->at;
        p->at += 2;
        if (!parse_hex(p, &low))
            return false;
        if (low >= 0xdc00 && low < 0xe000)
            unit = 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
        else
            p->at = back;
    }
    utf8_add(&p->scratch, unit);
    return true;
}

static bool parse_escape(struct parser *p)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    p->at++;
    if (is_at(p, 'u')) {
        p->at++;
        return parse_unicode_escape(p);
    }
    const char *name = p->at < p->end && *p->at ? strchr(names, *p->at) : NULL;
    if (!name)
        return fail_here(p, "in string escape code");
    text_add_byte(&p->scratch, bytes[name - names]);
    p->at++;
    return true;
}

/* One string, the quotes around it; *ret_text is in the input, or in p->scratch until the next one.
 */
static bool parse_string(struct parser *p, struct str *ret_text, bool *ret_is_scratch)
{
    const char *from = ++p->at;
    skip_plain(p);
    *ret_text = (struct str){from, (size_t)(p->at - from)};
    *ret_is_scratch = false;
    if (is_at(p, '"')) {
        p->at++;
        return true;
    }
    *ret_is_scratch = true;
    text_clear(&p->scratch);
    text_add(&p->scratch, *ret_text);
    while (!is_at(p, '"')) {
        if (p->at >= p->end || (unsigned char)*p->at < 0x20)
            return fail_here(p, "in string literal");
        if (*p->at == '\\') {
            if (!parse_escape(p))
                return false;
            continue;
        }
        from = p->at;
        skip_plain(p);
        text_add(&p->scratch, (struct str){from, (size_t)(p->at - from)});
        if (p->at < p->end && (unsigned char)*p->at >= 0x80) {
            uint32_t rune;
            p->at += utf8_decode((struct str){p->at, (size_t)(p->end - p->at)}, &rune);
            utf8_add(&p->scratch, rune);
        }
    }
    p->at++;
    *ret_text = text_str(&p->scratch);
    return true;
}

/* ---- numbers ---- */

static inline bool is_digit_at(const struct parser *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static void skip_digits(struct parser *p)
{
    while (is_digit_at(p))
        p->at++;
}

static bool number_double(struct parser *p, struct str text, struct value *ret_value)
{
    char small[NUMBER_TEXT_SMALL];
    char *copy = text.size < sizeof(small) ? small : mem_array(char, text.size + 1);
    memcpy(copy, text.bytes, text.size);
    copy[text.size] = '\0';
    double d = strtod(copy, NULL);
    if (copy != small)
        mem_free(copy);
    if (!isfinite(d)) {
        p->code = errmsg_set(p->message, ERR_VALUE,
                             "json: cannot unmarshal number %.*s into Go value of type float64",
                             (int)(text.size < 100 ? text.size : 100), text.bytes);
        add_place(p, text.bytes);
        return false;
    }
    *ret_value = value_double(d);
    return true;
}

static bool parse_number(struct parser *p, struct value *ret_value)
{
    const char *from = p->at;
    bool is_integer = true;
    if (is_at(p, '-'))
        p->at++;
    if (is_at(p, '0'))
        p->at++;
    else if (is_digit_at(p))
        skip_digits(p);
    else
        return fail_here(p, "in numeric literal");
    if (is_at(p, '.')) {
        p->at++;
        is_integer = false;
        if (!is_digit_at(p))
            return fail_here(p, "after decimal point in numeric literal");
        skip_digits(p);
    }
    if (is_at(p, 'e') || is_at(p, 'E')) {
        p->at++;
        is_integer = false;
        if (is_at(p, '+') || is_at(p, '-'))
            p->at++;
        if (!is_digit_at(p))
            return fail_here(p, "in exponent of numeric literal");
        skip_digits(p);
    }
    struct str text = {from, (size_t)(p->at - from)};
    int64_t n;
    if (is_integer && str_to_int64(text, &n)) {
        *ret_value = value_integer(n);
        return true;
    }
    return number_double(p, text, ret_value);
}

/* ---- the document ---- */

static bool parse_document(struct parser *p, struct value *ret_value)
{
    skip_blanks(p);
    if (!parse_value(p, ret_value))
        return false;
    skip_blanks(p);
    if (p->at == p->end)
        return true;
    value_drop(*ret_value);
    return fail_here(p, "after top-level value");
}

enum err json_parse(struct str text, const struct json_limits *limits, struct value *ret_value,
                    struct errmsg *message)
{
    struct errmsg own;
    struct parser p = {.begin = text.bytes, .at = text.bytes, .end = text.bytes + text.size};
    p.limits = limits;
    p.message = message ? message : &own;
    p.depth_max = limits && limits->depth_max ? limits->depth_max : JSON_DEPTH_MAX;
    size_t size_max = limits && limits->size_max ? limits->size_max : JSON_SIZE_MAX;
    if (text.size > size_max)
        return errmsg_set(message, ERR_LIMIT, "the document has %zu bytes; the limit is %zu",
                          text.size, size_max);
    value_heap_start();
    struct value v;
    if (parse_document(&p, &v)) {
        *ret_value = v;
    } else {
        for (size_t i = 0; i < p.members.count; i++)
            value_drop(p.members.items[i].part);
        for (size_t i = 0; i < p.items.count; i++)
            value_drop(p.items.items[i]);
    }
    vec_release(&p.members);
    vec_release(&p.items);
    vec_release(&p.frames);
    arena_release(&p.keys);
    text_release(&p.scratch);
    return p.code;
}
