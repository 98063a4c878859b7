/* SPDX-License-Identifier: Apache-2.0
 *
 * value_pack: a literal of a value in C, relaxed JSON with holes for arguments. The template is
 * part of the program: a mistake in it is a bug and aborts. A %v that is absent leaves its key (or
 * item) out.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

#include <stdarg.h>

#define PACK_DEPTH_MAX 64

struct packer {
    const char *at;
    va_list arguments;
    unsigned depth;
};

static struct value pack_value(struct packer *p);

static void skip_blanks(struct packer *p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t')
        p->at++;
}

static bool skip(struct packer *p, char byte)
{
    skip_blanks(p);
    if (*p->at != byte)
        return false;
    p->at++;
    return true;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '/' || c == '$' || c == '+';
}

/* A quoted text (without escapes: a template needs none) or a word. */
static struct str pack_text(struct packer *p)
{
    bool is_quoted = *p->at == '"';
    const char *from = p->at += is_quoted;
    while (is_quoted ? *p->at != '"' && *p->at != '\0' : is_word_byte(*p->at))
        CHECK(*p->at++ != '\\');
    struct str s = {from, (size_t)(p->at - from)};
    if (is_quoted) {
        CHECK(*p->at == '"');
        p->at++;
    } else {
        CHECK(s.size > 0);
    }
    return s;
}

static struct str pack_key(struct packer *p)
{
    skip_blanks(p);
    if (*p->at != '%')
        return pack_text(p);
    char sort = p->at[1];
    p->at += 2;
    CHECK(sort == 's' || sort == 'S');
    return sort == 's' ? str_from(va_arg(p->arguments, const char *))
                       : va_arg(p->arguments, struct str);
}

static struct value pack_argument(struct packer *p)
{
    char sort = *++p->at;
    p->at++;
    switch (sort) {
    case 's':
        return value_string(str_from(va_arg(p->arguments, const char *)));
    case 'S':
        return value_string(va_arg(p->arguments, struct str));
    case 'd':
        return value_integer(va_arg(p->arguments, int));
    case 'D':
        return value_integer(va_arg(p->arguments, int64_t));
    case 'b':
        return value_bool(va_arg(p->arguments, int));
    case 'v':
        return va_arg(p->arguments, struct value);
    default:
        check_failed("a hole is one of %s %S %d %D %b %v", __FILE__, __LINE__);
    }
}

static struct value pack_object(struct packer *p)
{
    size_t base = value_heap.members.count;
    while (!skip(p, '}')) {
        struct str key = pack_key(p);
        CHECK(skip(p, ':'));
        struct value part = pack_value(p);
        if (value_is_present(part))
            vec_push(&value_heap.members, (struct value_member){atom_of_key(key), key, part});
        if (!skip(p, ',')) {
            CHECK(skip(p, '}'));
            break;
        }
    }
    struct value object = value_object();
    if (value_heap.members.count > base)
        object = value_from_members(value_heap.members.items + base,
                                    value_heap.members.count - base, false);
    value_heap.members.count = base;
    return object;
}

static struct value pack_array(struct packer *p)
{
    struct value array = value_array();
    while (!skip(p, ']')) {
        struct value item = pack_value(p);
        if (value_is_present(item))
            array = value_append(array, item);
        if (!skip(p, ',')) {
            CHECK(skip(p, ']'));
            break;
        }
    }
    return array;
}

static struct value pack_value(struct packer *p)
{
    CHECK(++p->depth <= PACK_DEPTH_MAX);
    struct value v;
    skip_blanks(p);
    if (*p->at == '%') {
        v = pack_argument(p);
    } else if (skip(p, '{')) {
        v = pack_object(p);
    } else if (skip(p, '[')) {
        v = pack_array(p);
    } else {
        bool is_quoted = *p->at == '"';
        struct str s = pack_text(p);
        int64_t n;
        if (is_quoted)
            v = value_string(s);
        else if (str_equal(s, S("null")))
            v = value_null();
        else if (str_equal(s, S("true")) || str_equal(s, S("false")))
            v = value_bool(s.bytes[0] == 't');
        else
            v = str_to_int64(s, &n) ? value_integer(n) : value_string(s);
    }
    p->depth--;
    return v;
}

struct value value_pack(const char *template_text, ...)
{
    value_heap_start();
    struct packer p = {.at = template_text};
    va_start(p.arguments, template_text);
    struct value v = pack_value(&p);
    va_end(p.arguments);
    skip_blanks(&p);
    CHECK(*p.at == '\0');
    return v;
}
