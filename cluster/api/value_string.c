/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings inside words. Up to 7 bytes live in the word itself; so do longer ones that are a
 * timestamp of metav1.Time ("2026-11-23T10:00:00Z"), of metav1.MicroTime
 * ("2026-11-23T10:00:00.123456Z"), or a decimal number (a resourceVersion). That is an encoding of
 * a string, used only where formatting gives back the same bytes, and always used then, so equal
 * strings compare equal by word. All else is a node.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

#include <stdarg.h>

#define DECIMAL_DIGITS_MAX 17

/* ---- packing ---- */

/* Absent when the string is none of these. */
static struct value pack(struct str s)
{
    char last = s.bytes[s.size - 1];
    int64_t n;
    if (s.size <= DECIMAL_DIGITS_MAX) {
        if (s.bytes[0] < '1' || s.bytes[0] > '9' || (n = digits_parse(s.bytes, s.size)) < 0)
            return VALUE_ABSENT;
        return word_of_packed(PACKED_DECIMAL, n);
    }
    if (s.size == TIME_TEXT_SIZE && last == 'Z' && time_text_parse(s.bytes, &n))
        return word_of_packed(PACKED_SECONDS, n);
    if (s.size == MICRO_TIME_TEXT_SIZE && last == 'Z' && s.bytes[19] == '.') {
        int64_t micro = digits_parse(s.bytes + 20, 6);
        if (micro >= 0 && time_text_parse(s.bytes, &n))
            return word_of_packed(PACKED_MICROSECONDS, n * 1000000 + micro);
    }
    return VALUE_ABSENT;
}

static struct str unpack(struct value v, char small[VALUE_SMALL_SIZE])
{
    int64_t n = word_packed(v);
    if (word_packed_sort(v) == PACKED_DECIMAL) {
        size_t at = VALUE_SMALL_SIZE;
        for (; n; n /= 10)
            small[--at] = (char)('0' + n % 10);
        return (struct str){small + at, VALUE_SMALL_SIZE - at};
    }
    if (word_packed_sort(v) == PACKED_SECONDS) {
        time_text_write(n, small);
        small[TIME_TEXT_SIZE - 1] = 'Z';
        return (struct str){small, TIME_TEXT_SIZE};
    }
    int64_t seconds = (n >= 0 ? n : n - 999999) / 1000000;
    time_text_write(seconds, small);
    small[19] = '.';
    digits_write(small + 20, n - seconds * 1000000, 6);
    small[MICRO_TIME_TEXT_SIZE - 1] = 'Z';
    return (struct str){small, MICRO_TIME_TEXT_SIZE};
}

/* ---- making and reading ---- */

bool string_is_clean(const char *bytes, size_t size)
{
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t x = bytes_load(bytes + i);
        if (bytes_special(x) | bytes_like(x, '<') | bytes_like(x, '>') | bytes_like(x, '&') |
            bytes_like(x, 0x7f))
            return false;
    }
    for (; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= 0x7f)
            return false;
    }
    return true;
}

struct value string_node_new(struct str s)
{
    CHECK(s.size < STRING_SIZE_MASK);
    struct string_node *n = node_allocate(sizeof(*n) + s.size);
    n->head.info = (uint32_t)s.size | (string_is_clean(s.bytes, s.size) ? STRING_CLEAN : 0);
    memcpy(n->bytes, s.bytes, s.size);
    return word_of(n, TAG_STRING);
}

static struct value string_inline(struct str s)
{
    uint64_t word = 0;
    if (s.size)
        memcpy((char *)&word + 1, s.bytes, s.size);
    unsigned clean = string_is_clean(s.bytes, s.size) ? INLINE_CLEAN : 0;
    return (struct value){word | clean | (uint64_t)s.size << 3 | TAG_INLINE};
}

struct value string_key(struct str s)
{
    return s.size <= INLINE_STRING_MAX ? string_inline(s) : string_node_new(s);
}

struct value value_string(struct str s)
{
    if (s.size <= INLINE_STRING_MAX)
        return string_inline(s);
    if (s.size <= MICRO_TIME_TEXT_SIZE && s.bytes[0] >= '0' && s.bytes[0] <= '9') {
        struct value v = pack(s);
        if (value_is_present(v))
            return v;
    }
    return string_node_new(s);
}

struct value value_decimal(int64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
    } while (rest /= 10);
    if (n < 0)
        digits[--at] = '-';
    return value_string((struct str){digits + at, sizeof(digits) - at});
}

struct value value_printf(const char *format, ...)
{
    AUTO(text) struct text t = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&t, format, arguments);
    va_end(arguments);
    return value_string(text_str(&t));
}

struct str value_str_in(struct value v, char small[VALUE_SMALL_SIZE])
{
    enum word_tag tag = word_tag(v);
    if (tag == TAG_STRING) {
        const struct string_node *n = word_string(v);
        return (struct str){n->bytes, n->head.info & STRING_SIZE_MASK};
    }
    if (tag == TAG_INLINE) {
        memcpy(small, &v.word, sizeof(v.word));
        return (struct str){small + 1, v.word >> 3 & 7};
    }
    return tag == TAG_PACKED ? unpack(v, small) : (struct str){"", 0};
}

bool value_is(struct value v, const char *string)
{
    enum word_tag tag = word_tag(v);
    size_t size = strlen(string);
    if (tag == TAG_INLINE)
        return (v.word >> 3 & 7) == size && memcmp((const char *)&v.word + 1, string, size) == 0;
    if (tag == TAG_STRING) {
        const struct string_node *n = word_string(v);
        return (n->head.info & STRING_SIZE_MASK) == size && memcmp(n->bytes, string, size) == 0;
    }
    return tag == TAG_PACKED && str_equal(value_str(v), (struct str){string, size});
}
