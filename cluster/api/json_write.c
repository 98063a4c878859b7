/* SPDX-License-Identifier: Apache-2.0
 *
 * Values to JSON text, byte for byte as Go's encoding/json writes an unstructured object: members
 * sorted by the bytes of their keys; < > & and U+2028, U+2029 escaped; invalid UTF-8 as \ufffd;
 * doubles in the shortest form that reads back, with an exponent below 1e-6 and from 1e21 on.
 *
 * Most strings need no escape: a bit that was set when the string was made says so. Keys are kept
 * quoted.
 */
#include "sim/base/base.h"

#include "cluster/api/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cluster/api/utf8.h"
#include "cluster/api/value_heap.h"

#define DOUBLE_DIGITS_MAX 17

/* ---- strings ---- */

static void write_escape(unsigned char c, struct text *out)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        text_add(out, S("\\\""));
        break;
    case '\\':
        text_add(out, S("\\\\"));
        break;
    case '\b':
        text_add(out, S("\\b"));
        break;
    case '\f':
        text_add(out, S("\\f"));
        break;
    case '\n':
        text_add(out, S("\\n"));
        break;
    case '\r':
        text_add(out, S("\\r"));
        break;
    case '\t':
        text_add(out, S("\\t"));
        break;
    default:
        text_add(out, S("\\u00"));
        text_add_byte(out, hex[c >> 4]);
        text_add_byte(out, hex[c & 15]);
        break;
    }
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&';
}

void json_write_string(struct str s, struct text *out)
{
    text_add_byte(out, '"');
    size_t from = 0, at = 0;
    while (at < s.size) {
        unsigned char c = (unsigned char)s.bytes[at];
        uint32_t rune = c;
        size_t size = 1;
        if (c < 0x80) {
            if (!needs_escape(c)) {
                at++;
                continue;
            }
        } else {
            size = utf8_decode(str_slice(s, at, s.size), &rune);
            bool is_invalid = rune == UTF8_REPLACEMENT && size == 1;
            if (!is_invalid && rune != 0x2028 && rune != 0x2029) {
                at += size;
                continue;
            }
        }
        text_add(out, str_slice(s, from, at));
        if (c < 0x80)
            write_escape(c, out);
        else
            text_add(out, rune == 0x2028   ? S("\\u2028")
                          : rune == 0x2029 ? S("\\u2029")
                                           : S("\\ufffd"));
        at += size;
        from = at;
    }
    text_add(out, str_slice(s, from, s.size));
    text_add_byte(out, '"');
}

static void write_clean(struct str s, struct text *out)
{
    text_add_byte(out, '"');
    text_add(out, s);
    text_add_byte(out, '"');
}

static void write_string(struct value v, struct text *out)
{
    enum word_tag tag = word_tag(v);
    bool is_clean = tag == TAG_PACKED || (tag == TAG_INLINE && (v.word & INLINE_CLEAN)) ||
                    (tag == TAG_STRING && (word_node(v)->info & STRING_CLEAN));
    if (is_clean)
        write_clean(value_str(v), out);
    else
        json_write_string(value_str(v), out);
}

/* ---- numbers ---- */

/* "-1.25e+01" without exponent: -12.5; zeros fill up to the point. */
static void write_plain(const char *scientific, struct text *out)
{
    char digits[DOUBLE_DIGITS_MAX + 1];
    size_t count = 0;
    if (*scientific == '-')
        text_add_byte(out, *scientific++);
    for (; *scientific != 'e'; scientific++)
        if (*scientific != '.')
            digits[count++] = *scientific;
    long point = strtol(scientific + 1, NULL, 10) + 1; /* digits before the point */
    if (point <= 0)
        text_add(out, S("0."));
    for (long i = point; i < 0; i++)
        text_add_byte(out, '0');
    for (size_t i = 0; i < count || (long)i < point; i++) {
        if ((long)i == point && i > 0)
            text_add_byte(out, '.');
        text_add_byte(out, i < count ? digits[i] : '0');
    }
}

void json_write_double(double d, struct text *out)
{
    CHECK(isfinite(d));
    /* The front end must leave LC_NUMERIC alone. */
    CHECK(localeconv()->decimal_point[0] == '.');
    char buffer[32];
    int digits = 0;
    do {
        (void)snprintf(buffer, sizeof(buffer), "%.*e", digits, d);
    } while (++digits < DOUBLE_DIGITS_MAX &&
             (strtod(buffer, NULL) < d || strtod(buffer, NULL) > d));
    double magnitude = fabs(d);
    if (magnitude > 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
        /* "1e-07" is "1e-7" in Go; positive exponents have two digits in both. */
        struct str s = str_from(buffer);
        size_t e = str_find(s, 'e');
        text_add(out, str_slice(s, 0, e + 2));
        size_t exponent = e + 2;
        if (buffer[e + 1] == '-' && buffer[exponent] == '0' && s.size - exponent == 2)
            exponent++;
        text_add(out, str_slice(s, exponent, s.size));
        return;
    }
    write_plain(buffer, out);
}

/* ---- trees ---- */

struct writer {
    struct text *out;
    unsigned indent; /* 0: compact */
    unsigned depth;
};

static void write_value(struct writer *w, struct value v);

static void write_line_end(struct writer *w)
{
    if (w->indent == 0)
        return;
    text_add_byte(w->out, '\n');
    for (unsigned i = 0; i < w->depth * w->indent; i++)
        text_add_byte(w->out, ' ');
}

static void write_array(struct writer *w, struct value v)
{
    size_t count = value_count(v);
    text_add_byte(w->out, '[');
    w->depth++;
    for (size_t i = 0; i < count; i++) {
        if (i)
            text_add_byte(w->out, ',');
        write_line_end(w);
        write_value(w, word_list(v)->items[i]);
    }
    w->depth--;
    if (count)
        write_line_end(w);
    text_add_byte(w->out, ']');
}

static void write_key(struct writer *w, struct value v, size_t i)
{
    if (word_tag(v) == TAG_STRUCT) {
        const struct atom_entry *e = &value_heap.atoms.items[node_shape(word_node(v))->keys[i]];
        text_add(w->out, (struct str){e->quoted, e->quoted_size});
    } else {
        json_write_string(value_key_at(v, i), w->out);
        text_add_byte(w->out, ':');
    }
    if (w->indent)
        text_add_byte(w->out, ' ');
}

static void write_object(struct writer *w, struct value v)
{
    size_t count = value_count(v);
    text_add_byte(w->out, '{');
    w->depth++;
    for (size_t i = 0; i < count; i++) {
        if (i)
            text_add_byte(w->out, ',');
        write_line_end(w);
        write_key(w, v, i);
        write_value(w, word_list(v)->items[word_tag(v) == TAG_STRUCT ? i : 2 * i + 1]);
    }
    w->depth--;
    if (count)
        write_line_end(w);
    text_add_byte(w->out, '}');
}

static void write_value(struct writer *w, struct value v)
{
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        text_add(w->out, S("null"));
        break;
    case VALUE_BOOL:
        text_add(w->out, value_as_bool(v) ? S("true") : S("false"));
        break;
    case VALUE_INTEGER:
        text_add_int(w->out, value_as_integer(v, 0));
        break;
    case VALUE_DOUBLE:
        json_write_double(value_as_double(v, 0), w->out);
        break;
    case VALUE_STRING:
        write_string(v, w->out);
        break;
    case VALUE_ARRAY:
        write_array(w, v);
        break;
    case VALUE_OBJECT:
        write_object(w, v);
        break;
    }
}

void json_write(struct value v, struct text *out)
{
    write_value(&(struct writer){.out = out}, v);
}

void json_write_pretty(struct value v, unsigned indent, struct text *out)
{
    write_value(&(struct writer){.out = out, .indent = indent}, v);
}
