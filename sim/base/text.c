/* SPDX-License-Identifier: Apache-2.0
 *
 * The owned, growable string. Whatever is added, a NUL follows the last byte, so that text_c()
 * costs nothing; `capacity` counts that NUL.
 */
#include "sim/base/text.h"

#include "sim/base/mem.h"

#include <stdio.h>

static void text_reserve(struct text *t, size_t more)
{
    CHECK(more < SIZE_MAX - t->size - 1);
    size_t wanted = t->size + more + 1;
    if (wanted <= t->capacity)
        return;
    size_t grown = t->capacity < 32 ? 32 : t->capacity + t->capacity / 2;
    if (grown < wanted)
        grown = wanted;
    t->bytes = mem_resize(t->bytes, char, t->capacity, grown);
    t->capacity = grown;
}

void text_add(struct text *t, struct str s)
{
    text_reserve(t, s.size);
    if (s.size)
        memcpy(t->bytes + t->size, s.bytes, s.size);
    t->size += s.size;
    t->bytes[t->size] = 0;
}

void text_add_byte(struct text *t, char byte)
{
    if (UNLIKELY(t->size + 2 > t->capacity))
        text_reserve(t, 1);
    t->bytes[t->size++] = byte;
    t->bytes[t->size] = 0;
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(t, format, arguments);
    va_end(arguments);
}

/* ---- formats ---- */

/* One conversion that text_vprintf does itself: texts and whole numbers, with zeros in front. */
struct conversion {
    char type;      /* s d u x c % */
    bool has_star;  /* .* */
    bool is_long;   /* an argument of 64 bits */
    unsigned width; /* 0N */
};

/* Behind the '%'. Returns the place behind it; NULL: the C library knows it better. */
static const char *conversion_read(const char *at, struct conversion *ret)
{
    *ret = (struct conversion){0};
    if (*at == '0')
        for (at++; *at >= '0' && *at <= '9'; at++)
            ret->width = ret->width * 10 + (unsigned)(*at - '0');
    else if (at[0] == '.' && at[1] == '*') {
        ret->has_star = true;
        at += 2;
    }
    for (; *at == 'l' || *at == 'z' || *at == 'j'; at++)
        ret->is_long = true;
    ret->type = *at == 'i' ? 'd' : *at;
    bool is_number = ret->type == 'd' || ret->type == 'u' || ret->type == 'x';
    bool is_plain = !ret->width && !ret->is_long;
    bool is_known = (is_number && !ret->has_star && ret->width < 20) ||
                    (ret->type == 's' && is_plain) ||
                    ((ret->type == 'c' || ret->type == '%') && is_plain && !ret->has_star);
    return is_known ? at + 1 : NULL;
}

static bool format_is_known(const char *format)
{
    struct conversion c;
    for (const char *at = format; (at = strchr(at, '%'));) {
        at = conversion_read(at + 1, &c);
        if (!at)
            return false;
    }
    return true;
}

static void add_number(struct text *t, uint64_t n, bool is_negative, unsigned base, unsigned width)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);
    while (sizeof(digits) - at + is_negative < width)
        digits[--at] = '0';
    if (is_negative)
        digits[--at] = '-';
    text_add(t, (struct str){digits + at, sizeof(digits) - at});
}

static void add_signed(struct text *t, int64_t n, unsigned width)
{
    add_number(t, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, n < 0, 10, width);
}

/* A string with a precision may end earlier. */
static struct str string_of(const char *s, bool has_limit, int limit)
{
    if (!has_limit || limit < 0)
        return str_from(s);
    const char *end = limit > 0 ? memchr(s, 0, (size_t)limit) : NULL;
    return (struct str){s, end ? (size_t)(end - s) : (size_t)limit};
}

/* vsnprintf costs a microsecond; names, addresses and messages are made of few conversions. */
static void known_vprintf(struct text *t, const char *format, va_list arguments)
{
    for (const char *at = format; *at;) {
        const char *percent = strchr(at, '%');
        size_t plain = percent ? (size_t)(percent - at) : strlen(at);
        text_add(t, (struct str){at, plain});
        if (!percent)
            return;
        struct conversion c;
        at = conversion_read(percent + 1, &c);
        int limit = c.has_star ? va_arg(arguments, int) : 0;
        if (c.type == 's')
            text_add(t, string_of(va_arg(arguments, const char *), c.has_star, limit));
        else if (c.type == 'c')
            text_add_byte(t, (char)va_arg(arguments, int));
        else if (c.type == '%')
            text_add_byte(t, '%');
        else if (c.type == 'd')
            add_signed(t, c.is_long ? va_arg(arguments, int64_t) : va_arg(arguments, int), c.width);
        else
            add_number(t, c.is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned),
                       false, c.type == 'x' ? 16 : 10, c.width);
    }
}

void text_vprintf(struct text *t, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    if (format_is_known(format)) {
        text_reserve(t, 0); /* even an empty text ends with a NUL */
        t->bytes[t->size] = 0;
        known_vprintf(t, format, again);
        va_end(again);
        return;
    }
    size_t room = t->capacity - t->size;
    int wanted = vsnprintf(t->bytes ? t->bytes + t->size : NULL, room, format, arguments);
    CHECK(wanted >= 0);
    if ((size_t)wanted >= room) {
        text_reserve(t, (size_t)wanted);
        vsnprintf(t->bytes + t->size, t->capacity - t->size, format, again);
    }
    va_end(again);
    t->size += (size_t)wanted;
}

/* ---- numbers and durations ---- */

void text_add_int(struct text *t, int64_t n)
{
    add_signed(t, n, 0);
}

/* value / unit with as many digits after the point as it needs. */
static void add_decimal(struct text *t, uint64_t value, uint64_t unit)
{
    text_printf(t, "%" PRIu64, value / unit);
    uint64_t fraction = value % unit;
    if (fraction == 0)
        return;
    text_add_byte(t, '.');
    for (uint64_t scale = unit / 10; fraction; scale /= 10) {
        text_add_byte(t, (char)('0' + fraction / scale));
        fraction %= scale;
    }
}

void text_add_duration(struct text *t, struct duration d)
{
    const uint64_t second = 1000000000;
    uint64_t ns = d.ns < 0 ? 0 - (uint64_t)d.ns : (uint64_t)d.ns;
    if (ns == 0) {
        text_add(t, S("0s"));
        return;
    }
    if (d.ns < 0)
        text_add_byte(t, '-');
    if (ns < 1000) {
        text_printf(t, "%" PRIu64 "ns", ns);
    } else if (ns < 1000000) {
        add_decimal(t, ns, 1000);
        text_add(t, S("\xC2\xB5s"));
    } else if (ns < second) {
        add_decimal(t, ns, 1000000);
        text_add(t, S("ms"));
    } else {
        uint64_t minutes = ns / (60 * second);
        if (minutes >= 60)
            text_printf(t, "%" PRIu64 "h", minutes / 60);
        if (minutes > 0)
            text_printf(t, "%" PRIu64 "m", minutes % 60);
        add_decimal(t, ns % (60 * second), second);
        text_add_byte(t, 's');
    }
}

void text_clear(struct text *t)
{
    t->size = 0;
    if (t->bytes)
        t->bytes[0] = 0;
}

void text_release(struct text *t)
{
    mem_free(t->bytes);
    *t = (struct text){0};
}

const char *text_c(const struct text *t)
{
    return t->size ? t->bytes : "";
}
