/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks, borrowed strings, durations in Go's notation, and the errors a user can make.
 *
 * Durations follow Go's time.ParseDuration: an optional sign, then one or more decimal numbers,
 * each with an optional fraction and a unit (ns, us, ms, s, m, h; both Unicode micro signs count as
 * us). "0" alone needs no unit. Fractions are computed in integers: digits below a nanosecond are
 * cut.
 */
#include "sim/base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 wide;

NORETURN void check_failed(const char *condition, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
    abort();
}

/* ---- borrowed strings ---- */

struct str str_from(const char *c_string)
{
    return (struct str){c_string, c_string ? strlen(c_string) : 0};
}

bool str_equal(struct str a, struct str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

int str_compare(struct str a, struct str b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.bytes, b.bytes, common) : 0;
    if (order)
        return order < 0 ? -1 : 1;
    return a.size < b.size ? -1 : a.size > b.size;
}

bool str_starts_with(struct str s, struct str prefix)
{
    return s.size >= prefix.size && str_equal(str_slice(s, 0, prefix.size), prefix);
}

bool str_ends_with(struct str s, struct str suffix)
{
    return s.size >= suffix.size && str_equal(str_slice(s, s.size - suffix.size, s.size), suffix);
}

bool str_contains(struct str s, struct str part)
{
    if (part.size == 0)
        return true;
    for (size_t i = 0; i + part.size <= s.size; i++) {
        const char *hit = memchr(s.bytes + i, part.bytes[0], s.size - part.size - i + 1);
        if (!hit)
            return false;
        i = (size_t)(hit - s.bytes);
        if (memcmp(hit, part.bytes, part.size) == 0)
            return true;
    }
    return false;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    CHECK(from <= to);
    CHECK(to <= s.size);
    return (struct str){s.bytes ? s.bytes + from : s.bytes, to - from};
}

size_t str_find(struct str s, char byte)
{
    const char *hit = s.size ? memchr(s.bytes, byte, s.size) : NULL;
    return hit ? (size_t)(hit - s.bytes) : s.size;
}

struct str str_cut(struct str s, char byte, struct str *rest)
{
    size_t at = str_find(s, byte);
    *rest = at < s.size ? str_slice(s, at + 1, s.size) : str_slice(s, s.size, s.size);
    return str_slice(s, 0, at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct str str_trim(struct str s)
{
    size_t from = 0, to = s.size;
    while (from < to && is_blank(s.bytes[from]))
        from++;
    while (to > from && is_blank(s.bytes[to - 1]))
        to--;
    return str_slice(s, from, to);
}

bool str_to_int64(struct str s, int64_t *ret_value)
{
    bool is_negative = s.size > 0 && s.bytes[0] == '-';
    size_t i = is_negative || (s.size > 0 && s.bytes[0] == '+') ? 1 : 0;
    uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;
    if (i == s.size)
        return false;
    for (; i < s.size; i++) {
        if (!is_digit(s.bytes[i]))
            return false;
        uint64_t digit = (uint64_t)(s.bytes[i] - '0');
        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (!is_negative)
        *ret_value = (int64_t)value;
    else
        *ret_value = value == limit ? INT64_MIN : -(int64_t)value;
    return true;
}

/* ---- durations ---- */

static const struct unit {
    const char *name;
    uint64_t ns;
} units[] = {
    {"ns", 1},       {"us", 1000},      {"\xC2\xB5s", 1000}, {"\xCE\xBCs", 1000},
    {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
};

static const struct unit *unit_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(units); i++)
        if (str_equal(name, str_from(units[i].name)))
            return &units[i];
    return NULL;
}

/* One "12.5ms" at *at; adds it to *total. */
static bool duration_part(struct str s, size_t *at, uint64_t *total)
{
    const uint64_t limit = (uint64_t)INT64_MAX + 1;
    uint64_t whole = 0, fraction = 0, scale = 1;
    size_t i = *at, digits = 0;
    for (; i < s.size && is_digit(s.bytes[i]); i++, digits++) {
        if (whole > limit / 10)
            return false;
        whole = whole * 10 + (uint64_t)(s.bytes[i] - '0');
    }
    if (i < s.size && s.bytes[i] == '.') {
        for (i++; i < s.size && is_digit(s.bytes[i]); i++, digits++) {
            if (scale >= 1000000000000000000u)
                continue; /* far below a nanosecond */
            fraction = fraction * 10 + (uint64_t)(s.bytes[i] - '0');
            scale *= 10;
        }
    }
    size_t name_at = i;
    while (i < s.size && s.bytes[i] != '.' && !is_digit(s.bytes[i]))
        i++;
    const struct unit *unit = unit_find(str_slice(s, name_at, i));
    if (digits == 0 || !unit || whole > limit / unit->ns)
        return false;
    uint64_t part = whole * unit->ns + (uint64_t)((wide)fraction * unit->ns / scale);
    if (part > limit || *total > limit - part)
        return false;
    *total += part;
    *at = i;
    return true;
}

bool duration_parse(struct str s, struct duration *ret_duration)
{
    bool is_negative = s.size > 0 && s.bytes[0] == '-';
    size_t at = is_negative || (s.size > 0 && s.bytes[0] == '+') ? 1 : 0;
    uint64_t total = 0;
    if (at == s.size)
        return false;
    if (s.size - at == 1 && s.bytes[at] == '0') {
        *ret_duration = (struct duration){0};
        return true;
    }
    while (at < s.size)
        if (!duration_part(s, &at, &total))
            return false;
    if (total > (uint64_t)INT64_MAX) {
        if (!is_negative)
            return false;
        ret_duration->ns = INT64_MIN;
        return true;
    }
    ret_duration->ns = is_negative ? -(int64_t)total : (int64_t)total;
    return true;
}

/* ---- errors a user can make ---- */

const char *err_text(enum err code)
{
    static const char *const texts[] = {
#define ERR(name, text) [ERR_##name] = text,
#include "sim/base/err.def"
#undef ERR
    };
    _Static_assert(ARRAY_COUNT(texts) == ERR_COUNT, "each code has its text");
    CHECK((size_t)code < ARRAY_COUNT(texts));
    return texts[code];
}

enum err errmsg_set(struct errmsg *message, enum err code, const char *format, ...)
{
    if (!message)
        return code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message->text, sizeof(message->text), format, arguments);
    va_end(arguments);
    return code;
}

void errmsg_prefix(struct errmsg *message, const char *format, ...)
{
    if (!message)
        return;
    struct errmsg old = *message;
    va_list arguments;
    va_start(arguments, format);
    int printed = vsnprintf(message->text, sizeof(message->text), format, arguments);
    va_end(arguments);
    size_t at = printed < 0 ? 0 : (size_t)printed;
    if (at >= sizeof(message->text) - 1)
        return;
    const char *separator = ": ";
    for (; *separator && at < sizeof(message->text) - 1; separator++)
        message->text[at++] = *separator;
    for (const char *c = old.text; *c && at < sizeof(message->text) - 1; c++)
        message->text[at++] = *c;
    message->text[at] = 0;
}
