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
    text_add(t, (struct str){&byte, 1});
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(t, format, arguments);
    va_end(arguments);
}

void text_vprintf(struct text *t, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
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

void text_add_int(struct text *t, int64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (n < 0)
        digits[--at] = '-';
    text_add(t, (struct str){digits + at, sizeof(digits) - at});
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
