/* SPDX-License-Identifier: Apache-2.0
 *
 * Plain scalars, resolved as go-yaml v2 does and then taken through JSON as sigs.k8s.io/yaml does:
 * YAML 1.1 booleans, numbers in base 2, 8, 10 and 16 with underscores, floats that become integers
 * when they are whole; what looks like a time stays a string.
 *
 * Source: yaml.org/type/ and kubectl's behaviour.
 */
#include "sim/base/base.h"

#include "cluster/api/yaml_scalar.h"

#include "cluster/api/json.h"
#include "sim/base/text.h"

static bool is_one_of(struct str s, const char *const *words)
{
    char first = s.size ? s.bytes[0] : '\0';
    for (; *words; words++)
        if (**words == first && str_equal(s, str_from(*words)))
            return true;
    return false;
}

/* ---- numbers ---- */

static int digit_of(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* strconv.ParseInt and ParseUint with base 0: the magnitude. */
static bool parse_magnitude(struct str s, uint64_t *ret_magnitude)
{
    unsigned base = 10;
    if (s.size > 1 && s.bytes[0] == '0') {
        char c = s.bytes[1];
        base = c == 'x' || c == 'X' ? 16 : c == 'b' || c == 'B' ? 2 : 8;
        s = str_slice(s, is_digit(c) ? 1 : 2, s.size);
        if (base == 8 && !is_digit(c) && c != 'o' && c != 'O')
            return false;
    }
    uint64_t n = 0;
    for (size_t i = 0; i < s.size; i++) {
        unsigned digit = (unsigned)digit_of(s.bytes[i]);
        if (digit >= base || n > (UINT64_MAX - digit) / base)
            return false;
        n = n * base + digit;
    }
    *ret_magnitude = n;
    return s.size > 0;
}

static bool parse_integer(struct str s, struct value *ret_value)
{
    bool is_signed = s.size && (s.bytes[0] == '-' || s.bytes[0] == '+');
    bool is_negative = is_signed && s.bytes[0] == '-';
    uint64_t magnitude;
    if (!parse_magnitude(str_slice(s, is_signed, s.size), &magnitude))
        return false;
    if (is_negative && magnitude <= (uint64_t)INT64_MAX + 1) {
        *ret_value = value_integer((int64_t)(0 - magnitude));
    } else if (!is_negative && magnitude <= INT64_MAX) {
        *ret_value = value_integer((int64_t)magnitude);
    } else if (is_signed) {
        return false;
    } else {
        *ret_value = value_double((double)magnitude);
    }
    return true;
}

static size_t skip_digits(struct str s, size_t at)
{
    while (at < s.size && is_digit(s.bytes[at]))
        at++;
    return at;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(struct str s)
{
    size_t at = s.size && (s.bytes[0] == '-' || s.bytes[0] == '+');
    size_t whole = skip_digits(s, at), from = whole;
    bool has_whole = whole > at;
    at = whole;
    if (at < s.size && s.bytes[at] == '.') {
        from = at + 1;
        at = skip_digits(s, from);
    }
    if (!has_whole && at == from)
        return false;
    if (at < s.size && (s.bytes[at] == 'e' || s.bytes[at] == 'E')) {
        at++;
        at += at < s.size && (s.bytes[at] == '-' || s.bytes[at] == '+');
        from = at;
        at = skip_digits(s, at);
        if (at == from)
            return false;
    }
    return at == s.size;
}

/* A float that JSON writes without a fraction comes back as an integer. */
static bool parse_float(struct str s, struct value *ret_value)
{
    AUTO(text) struct text json = {0};
    struct str rest = s;
    if (rest.bytes[0] == '+' || rest.bytes[0] == '-') {
        if (rest.bytes[0] == '-')
            text_add_byte(&json, '-');
        rest = str_slice(rest, 1, rest.size);
    }
    while (rest.size > 1 && rest.bytes[0] == '0' && is_digit(rest.bytes[1]))
        rest = str_slice(rest, 1, rest.size);
    if (rest.bytes[0] == '.')
        text_add_byte(&json, '0');
    for (size_t i = 0; i < rest.size; i++) {
        text_add_byte(&json, rest.bytes[i]);
        if (rest.bytes[i] == '.' && (i + 1 == rest.size || !is_digit(rest.bytes[i + 1])))
            text_add_byte(&json, '0');
    }
    struct value v;
    if (json_parse(text_str(&json), NULL, &v, NULL) != ERR_OK)
        return false;
    if (value_kind(v) == VALUE_DOUBLE) {
        text_clear(&json);
        json_write_double(value_as_double(v, 0), &json);
        value_drop(v);
        if (json_parse(text_str(&json), NULL, &v, NULL) != ERR_OK)
            return false;
    }
    *ret_value = v;
    return true;
}

static bool parse_number(struct str s, struct value *ret_value)
{
    AUTO(text) struct text plain = {0};
    for (size_t i = 0; i < s.size; i++)
        if (s.bytes[i] != '_')
            text_add_byte(&plain, s.bytes[i]);
    struct str p = text_str(&plain);
    return parse_integer(p, ret_value) || (is_float(p) && parse_float(p, ret_value));
}

/* ---- the rest ---- */

bool yaml_scalar_value(struct str plain, struct value *ret_value)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                      "True", "TRUE", "on",  "On",  "ON",  NULL};
    static const char *const no[] = {"n",     "N",     "no",  "No",  "NO",  "false",
                                     "False", "FALSE", "off", "Off", "OFF", NULL};
    static const char *const infinite[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",
                                           ".INF",  "+.inf", "+.Inf", "+.INF", "-.inf",
                                           "-.Inf", "-.INF", NULL};
    char first = plain.size ? plain.bytes[0] : '\0';
    if (plain.size <= 5 && is_one_of(plain, nulls))
        *ret_value = value_null();
    else if (plain.size <= 5 && is_one_of(plain, yes))
        *ret_value = value_bool(true);
    else if (plain.size <= 5 && is_one_of(plain, no))
        *ret_value = value_bool(false);
    else if (plain.size <= 5 && is_one_of(plain, infinite))
        return false;
    else if (!(is_digit(first) || first == '-' || first == '+' || first == '.') ||
             !parse_number(plain, ret_value))
        *ret_value = value_string(plain);
    return true;
}

/* One or two digits, then `after` ('\0': nothing is needed). */
static bool skip_short(struct str s, size_t *at, char after)
{
    size_t from = *at;
    *at = skip_digits(s, from);
    if (*at == from || *at - from > 2)
        return false;
    if (!after)
        return true;
    return *at < s.size && s.bytes[(*at)++] == after;
}

/* 2006-1-2, 2006-1-2T15:4:5.9Z07:00, 2006-1-2 15:4:5.9 */
static bool is_timestamp(struct str s)
{
    size_t at = skip_digits(s, 0);
    if (at != 4 || at >= s.size || s.bytes[at++] != '-' || !skip_short(s, &at, '-') ||
        !skip_short(s, &at, '\0'))
        return false;
    if (at == s.size)
        return true;
    char separator = s.bytes[at++];
    if (separator != 'T' && separator != 't' && separator != ' ')
        return false;
    if (!skip_short(s, &at, ':') || !skip_short(s, &at, ':') || !skip_short(s, &at, '\0'))
        return false;
    if (at < s.size && s.bytes[at] == '.')
        at = skip_digits(s, at + 1);
    if (separator == ' ')
        return at == s.size;
    if (at < s.size && s.bytes[at] == 'Z')
        return at + 1 == s.size;
    return at + 6 == s.size && (s.bytes[at] == '+' || s.bytes[at] == '-') && s.bytes[at + 3] == ':';
}

/* 10:30, 1:02:03.5: numbers in base 60 for other readers. */
static bool is_base_60(struct str s)
{
    size_t at = s.size && (s.bytes[0] == '-' || s.bytes[0] == '+');
    size_t from = at;
    while (at < s.size && (is_digit(s.bytes[at]) || (at > from && s.bytes[at] == '_')))
        at++;
    size_t groups = 0;
    while (at > from && at < s.size && s.bytes[at] == ':') {
        at++;
        if (!skip_short(s, &at, '\0'))
            return false;
        groups++;
    }
    if (groups && at < s.size && s.bytes[at] == '.')
        for (at++; at < s.size && (is_digit(s.bytes[at]) || s.bytes[at] == '_');)
            at++;
    return groups > 0 && at == s.size;
}

bool yaml_scalar_needs_quotes(struct str s)
{
    struct value v;
    if (!yaml_scalar_value(s, &v))
        return true;
    bool is_string = value_kind(v) == VALUE_STRING;
    value_drop(v);
    return !is_string || str_equal(s, S("<<")) || is_timestamp(s) || is_base_60(s);
}
