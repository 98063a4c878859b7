/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of CEL and of Kubernetes' libraries, one row an overload: strings and lists,
 * conversions, regular expressions, times, quantities, optionals, sets.
 *
 * Strings are counted in runes, as CEL counts them.
 *
 * Source: github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions and
 * kubernetes.io/docs/reference/using-api/cel/#kubernetes-cel-libraries
 */
#include "sim/base/base.h"

#include "cluster/api/cel/cel_private.h"

#include "cluster/api/custom/pattern.h"
#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/quantity.h"
#include "cluster/api/utf8.h"

typedef struct cel_run run_t;
typedef const struct cel_value *args_t;
#define FUNCTION(name) static struct cel_value name(run_t *r, args_t a)

static struct str text_of(struct cel_value v, char small[VALUE_SMALL_SIZE])
{
    return value_str_in(v.v, small);
}
#define TEXT(v) text_of((v), (char[VALUE_SMALL_SIZE]){0})

/* ---- runes ---- */

/* The byte at which rune n begins; s.size beyond the last. */
static size_t byte_at(struct str s, int64_t n)
{
    size_t i = 0;
    uint32_t rune;
    for (; n > 0 && i < s.size; n--)
        i += utf8_decode(str_slice(s, i, s.size), &rune);
    return i;
}

static int64_t index_from(struct str s, struct str part, int64_t from, bool is_last)
{
    int64_t found = -1, at = 0;
    uint32_t rune;
    for (size_t i = 0; i <= s.size; at++) {
        if (at >= from && str_starts_with(str_slice(s, i, s.size), part)) {
            found = at;
            if (!is_last)
                return found;
        }
        if (i == s.size)
            break;
        i += utf8_decode(str_slice(s, i, s.size), &rune);
    }
    return found;
}

/* ---- strings ---- */

FUNCTION(string_size)
{
    (void)r;
    return cel_int(utf8_count(TEXT(a[0])));
}
FUNCTION(starts_with)
{
    (void)r;
    return cel_bool(str_starts_with(TEXT(a[0]), TEXT(a[1])));
}
FUNCTION(ends_with)
{
    (void)r;
    return cel_bool(str_ends_with(TEXT(a[0]), TEXT(a[1])));
}
FUNCTION(contains)
{
    (void)r;
    return cel_bool(str_contains(TEXT(a[0]), TEXT(a[1])));
}
FUNCTION(matches)
{
    AUTO(text) struct text why = {0};
    if (!pattern_is_valid(TEXT(a[1]), &why))
        return cel_error(r, "%s", text_c(&why));
    return cel_bool(pattern_matches(TEXT(a[1]), TEXT(a[0])));
}
FUNCTION(char_at)
{
    struct str s = TEXT(a[0]);
    if (a[1].ns < 0 || a[1].ns > utf8_count(s))
        return cel_error(r, "index out of range: %" PRId64, a[1].ns);
    size_t from = byte_at(s, a[1].ns);
    return cel_string(r, str_slice(s, from, byte_at(s, a[1].ns + 1)));
}
FUNCTION(string_index)
{
    (void)r;
    return cel_int(index_from(TEXT(a[0]), TEXT(a[1]), 0, false));
}
FUNCTION(string_index_from)
{
    (void)r;
    return cel_int(index_from(TEXT(a[0]), TEXT(a[1]), a[2].ns, false));
}
FUNCTION(string_last_index)
{
    (void)r;
    return cel_int(index_from(TEXT(a[0]), TEXT(a[1]), 0, true));
}
static struct cel_value change_case(run_t *r, struct str s, char first, char last, int shift)
{
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        text_add_byte(&t, c >= first && c <= last ? (char)(c + shift) : c);
    }
    return cel_string(r, text_str(&t));
}
FUNCTION(lower)
{
    return change_case(r, TEXT(a[0]), 'A', 'Z', 'a' - 'A');
}
FUNCTION(upper)
{
    return change_case(r, TEXT(a[0]), 'a', 'z', 'A' - 'a');
}
FUNCTION(trim)
{
    return cel_string(r, str_trim(TEXT(a[0])));
}
static struct cel_value replaced(run_t *r, struct str s, struct str old, struct str new,
                                 int64_t most)
{
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < s.size;) {
        if (most != 0 && old.size > 0 && str_starts_with(str_slice(s, i, s.size), old)) {
            text_add(&t, new);
            i += old.size;
            most--;
        } else {
            text_add_byte(&t, s.bytes[i++]);
        }
    }
    return cel_string(r, text_str(&t));
}
FUNCTION(replace)
{
    return replaced(r, TEXT(a[0]), TEXT(a[1]), TEXT(a[2]), -1);
}
FUNCTION(replace_some)
{
    return replaced(r, TEXT(a[0]), TEXT(a[1]), TEXT(a[2]), a[3].ns);
}
FUNCTION(split)
{
    struct str s = TEXT(a[0]), by = TEXT(a[1]);
    struct value list = value_array();
    size_t from = 0;
    for (size_t i = 0; i < s.size && by.size > 0;) {
        if (!str_starts_with(str_slice(s, i, s.size), by)) {
            i++;
            continue;
        }
        list = value_append(list, value_string(str_slice(s, from, i)));
        i += by.size;
        from = i;
    }
    for (size_t i = 0; by.size == 0 && i < s.size;) {
        uint32_t rune;
        size_t size = utf8_decode(str_slice(s, i, s.size), &rune);
        list = value_append(list, value_string(str_slice(s, i, i + size)));
        i += size;
    }
    if (by.size > 0)
        list = value_append(list, value_string(str_slice(s, from, s.size)));
    return cel_keep(r, list);
}
static struct cel_value joined(run_t *r, struct value list, struct str by)
{
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < value_count(list); i++) {
        if (value_kind(value_at(list, i)) != VALUE_STRING)
            return cel_error(r, "no such overload");
        if (i > 0)
            text_add(&t, by);
        text_add(&t, value_str(value_at(list, i)));
    }
    return cel_string(r, text_str(&t));
}
FUNCTION(join)
{
    return joined(r, a[0].v, S(""));
}
FUNCTION(join_by)
{
    return joined(r, a[0].v, TEXT(a[1]));
}
static struct cel_value sliced(run_t *r, struct str s, int64_t from, int64_t to)
{
    int64_t count = utf8_count(s);
    if (from < 0 || from > count)
        return cel_error(r, "index out of range: %" PRId64, from);
    if (to < from || to > count)
        return cel_error(r, "index out of range: %" PRId64, to);
    return cel_string(r, str_slice(s, byte_at(s, from), byte_at(s, to)));
}
FUNCTION(substring_from)
{
    return sliced(r, TEXT(a[0]), a[1].ns, utf8_count(TEXT(a[0])));
}
FUNCTION(substring)
{
    return sliced(r, TEXT(a[0]), a[1].ns, a[2].ns);
}
FUNCTION(find)
{
    size_t start, end;
    struct str s = TEXT(a[0]);
    if (!pattern_find(TEXT(a[1]), s, 0, &start, &end))
        return cel_string(r, S(""));
    return cel_string(r, str_slice(s, start, end));
}
FUNCTION(find_all)
{
    size_t start, end, from = 0;
    struct str s = TEXT(a[0]);
    struct value list = value_array();
    while (from <= s.size && pattern_find(TEXT(a[1]), s, from, &start, &end)) {
        list = value_append(list, value_string(str_slice(s, start, end)));
        from = end > start ? end : end + 1;
    }
    return cel_keep(r, list);
}
/* What %s and its kin show. */
static void show(run_t *r, struct cel_value v, struct text *out)
{
    struct value json = cel_to_json(r, v);
    if (value_kind(json) == VALUE_STRING)
        text_add(out, value_str(json));
    else
        json_write(json, out);
}
FUNCTION(format)
{
    AUTO(text) struct text t = {0};
    struct str s = TEXT(a[0]);
    size_t used = 0;
    for (size_t i = 0; i < s.size; i++) {
        char next = i + 1 < s.size ? s.bytes[i + 1] : 0;
        if (s.bytes[i] != '%') {
            text_add_byte(&t, s.bytes[i]);
        } else if (next == '%') {
            text_add_byte(&t, '%');
            i++;
        } else if (next == 's' || next == 'd') {
            if (used >= value_count(a[1].v))
                return cel_error(r, "index %zu out of range", used);
            show(r, cel_from(r, value_at(a[1].v, used++), NULL), &t);
            i++;
        } else {
            return cel_error(r,
                             "could not parse formatting clause: unrecognized formatting clause "
                             "\"%c\"",
                             next ? next : ' ');
        }
    }
    return cel_string(r, text_str(&t));
}

/* ---- lists and maps ---- */

FUNCTION(count)
{
    (void)r;
    return cel_int((int64_t)value_count(a[0].v));
}
static struct cel_value item(run_t *r, struct cel_value list, size_t i)
{
    return cel_from(r, value_at(list.v, i), NULL);
}
FUNCTION(is_sorted)
{
    int order;
    for (size_t i = 1; i < value_count(a[0].v); i++) {
        if (!cel_compare(item(r, a[0], i - 1), item(r, a[0], i), &order))
            return cel_error(r, "no such overload");
        if (order > 0)
            return cel_bool(false);
    }
    return cel_bool(true);
}
static struct cel_value extreme(run_t *r, struct cel_value list, int sign, const char *name)
{
    int order;
    if (value_count(list.v) == 0)
        return cel_error(r, "%s called on empty list", name);
    struct cel_value best = item(r, list, 0);
    for (size_t i = 1; i < value_count(list.v); i++) {
        struct cel_value v = item(r, list, i);
        if (!cel_compare(v, best, &order))
            return cel_error(r, "no such overload");
        best = order * sign > 0 ? v : best;
    }
    return best;
}
FUNCTION(list_min)
{
    return extreme(r, a[0], -1, "min");
}
FUNCTION(list_max)
{
    return extreme(r, a[0], 1, "max");
}
FUNCTION(list_sum)
{
    int64_t whole = 0;
    double broken = 0;
    bool is_whole = true;
    for (size_t i = 0; i < value_count(a[0].v); i++) {
        struct cel_value v = item(r, a[0], i);
        if (v.kind == CEL_INT && __builtin_add_overflow(whole, v.ns, &whole))
            return cel_error(r, "integer overflow");
        is_whole &= v.kind == CEL_INT;
        broken += v.kind == CEL_INT ? (double)v.ns : v.number;
    }
    return is_whole ? cel_int(whole) : cel_double(broken);
}
static int64_t list_find(run_t *r, struct cel_value list, struct cel_value wanted, bool is_last)
{
    int64_t found = -1;
    for (size_t i = 0; i < value_count(list.v); i++)
        if (cel_equal(item(r, list, i), wanted) && (found < 0 || is_last))
            found = (int64_t)i;
    return found;
}
FUNCTION(list_index)
{
    return cel_int(list_find(r, a[0], a[1], false));
}
FUNCTION(list_last_index)
{
    return cel_int(list_find(r, a[0], a[1], true));
}
static bool has_all(struct value of, struct value these)
{
    for (size_t i = 0; i < value_count(these); i++)
        if (!value_has_item(of, value_at(these, i)))
            return false;
    return true;
}
FUNCTION(sets_contains)
{
    (void)r;
    return cel_bool(has_all(a[0].v, a[1].v));
}
FUNCTION(sets_equivalent)
{
    (void)r;
    return cel_bool(has_all(a[0].v, a[1].v) && has_all(a[1].v, a[0].v));
}
FUNCTION(sets_intersects)
{
    (void)r;
    for (size_t i = 0; i < value_count(a[1].v); i++)
        if (value_has_item(a[0].v, value_at(a[1].v, i)))
            return cel_bool(true);
    return cel_bool(false);
}

/* ---- conversions ---- */

FUNCTION(same)
{
    (void)r;
    return a[0];
}
FUNCTION(double_to_int)
{
    if (!(a[0].number < 9.2e18 && a[0].number > -9.2e18))
        return cel_error(r, "integer overflow");
    return cel_int((int64_t)a[0].number);
}
FUNCTION(string_to_int)
{
    int64_t n;
    struct str s = TEXT(a[0]);
    if (!str_to_int64(s, &n))
        return cel_error(r, "strconv.ParseInt: parsing \"%.*s\": invalid syntax", STR_ARG(s));
    return cel_int(n);
}
FUNCTION(time_to_int)
{
    (void)r;
    return cel_int(a[0].ns / 1000000000);
}
FUNCTION(int_to_double)
{
    (void)r;
    return cel_double((double)a[0].ns);
}
FUNCTION(string_to_double)
{
    AUTO(value) struct value v = VALUE_ABSENT;
    struct str s = TEXT(a[0]);
    if (json_parse(s, NULL, &v, NULL) != ERR_OK ||
        (value_kind(v) != VALUE_INTEGER && value_kind(v) != VALUE_DOUBLE))
        return cel_error(r, "strconv.ParseFloat: parsing \"%.*s\": invalid syntax", STR_ARG(s));
    return value_kind(v) == VALUE_INTEGER ? cel_double((double)value_as_integer(v, 0))
                                          : cel_double(value_as_double(v, 0));
}
FUNCTION(to_string)
{
    AUTO(text) struct text t = {0};
    show(r, a[0], &t);
    return cel_string(r, text_str(&t));
}
FUNCTION(to_duration)
{
    struct duration d;
    struct str s = TEXT(a[0]);
    if (!duration_parse(s, &d))
        return cel_error(r, "time: invalid duration \"%.*s\"", STR_ARG(s));
    return (struct cel_value){.kind = CEL_DURATION, .ns = d.ns};
}
FUNCTION(to_timestamp)
{
    struct wall_time t;
    if (!time_parse(a[0].v, &t))
        return cel_error(r, "invalid timestamp \"%.*s\"", STR_ARG(TEXT(a[0])));
    return (struct cel_value){.kind = CEL_TIMESTAMP, .ns = t.unix_ns};
}
FUNCTION(duration_hours)
{
    (void)r;
    return cel_int(a[0].ns / 3600000000000);
}
FUNCTION(duration_minutes_of)
{
    (void)r;
    return cel_int(a[0].ns / 60000000000);
}
FUNCTION(duration_seconds)
{
    (void)r;
    return cel_int(a[0].ns / 1000000000);
}
FUNCTION(duration_milliseconds)
{
    (void)r;
    return cel_int(a[0].ns / 1000000);
}

/* ---- quantities: kept as their canonical text ---- */

FUNCTION(is_quantity)
{
    (void)r;
    return cel_bool(quantity_check(TEXT(a[0])) == NULL);
}
FUNCTION(to_quantity)
{
    AUTO(text) struct text canonical = {0};
    if (!quantity_canonical(TEXT(a[0]), &canonical))
        return cel_error(r, "%s", quantity_check(TEXT(a[0])));
    struct cel_value kept = cel_string(r, text_str(&canonical));
    kept.kind = CEL_QUANTITY;
    return kept;
}
FUNCTION(quantity_order)
{
    (void)r;
    return cel_int(quantity_compare(a[0].v, a[1].v));
}
FUNCTION(quantity_is_greater)
{
    (void)r;
    return cel_bool(quantity_compare(a[0].v, a[1].v) > 0);
}
FUNCTION(quantity_is_less)
{
    (void)r;
    return cel_bool(quantity_compare(a[0].v, a[1].v) < 0);
}
FUNCTION(quantity_sign)
{
    AUTO(value) struct value zero = value_string(S("0"));
    (void)r;
    return cel_int(quantity_compare(a[0].v, zero));
}
FUNCTION(quantity_as_int)
{
    (void)r;
    return cel_int(quantity_value(a[0].v));
}

/* ---- optionals ---- */

FUNCTION(optional_of)
{
    return cel_some(r, a[0]);
}
FUNCTION(optional_none)
{
    (void)r;
    (void)a;
    return cel_none();
}
FUNCTION(has_value)
{
    (void)r;
    return cel_bool(a[0].held != NULL);
}
FUNCTION(optional_value)
{
    return a[0].held ? cel_unwrap(a[0]) : cel_error(r, "optional.none() dereference");
}
FUNCTION(or_value)
{
    (void)r;
    return a[0].held ? cel_unwrap(a[0]) : a[1];
}
FUNCTION(optional_or)
{
    (void)r;
    return a[0].held ? a[0] : a[1];
}

#define MEMBER(name, call, result, ...)                                                            \
    {                                                                                              \
        name, true, {__VA_ARGS__}, sizeof((enum cel_kind[]){__VA_ARGS__}) / sizeof(enum cel_kind), \
            result, CEL_DYN, call                                                                  \
    }
#define GLOBAL(name, call, result, ...)                                                            \
    {                                                                                              \
        name, false, {__VA_ARGS__},                                                                \
            sizeof((enum cel_kind[]){__VA_ARGS__}) / sizeof(enum cel_kind), result, CEL_DYN, call  \
    }
#define TEXTS(name, call, ...)                                                                     \
    {                                                                                              \
        name, true, {__VA_ARGS__}, sizeof((enum cel_kind[]){__VA_ARGS__}) / sizeof(enum cel_kind), \
            CEL_LIST, CEL_STRING, call                                                             \
    }

const struct cel_function cel_functions[] = {
    GLOBAL("size", string_size, CEL_INT, CEL_STRING),
    GLOBAL("size", count, CEL_INT, CEL_LIST),
    GLOBAL("size", count, CEL_INT, CEL_MAP),
    MEMBER("size", string_size, CEL_INT, CEL_STRING),
    MEMBER("size", count, CEL_INT, CEL_LIST),
    MEMBER("size", count, CEL_INT, CEL_MAP),
    MEMBER("startsWith", starts_with, CEL_BOOL, CEL_STRING, CEL_STRING),
    MEMBER("endsWith", ends_with, CEL_BOOL, CEL_STRING, CEL_STRING),
    MEMBER("contains", contains, CEL_BOOL, CEL_STRING, CEL_STRING),
    MEMBER("matches", matches, CEL_BOOL, CEL_STRING, CEL_STRING),
    GLOBAL("matches", matches, CEL_BOOL, CEL_STRING, CEL_STRING),
    MEMBER("charAt", char_at, CEL_STRING, CEL_STRING, CEL_INT),
    MEMBER("indexOf", string_index, CEL_INT, CEL_STRING, CEL_STRING),
    MEMBER("indexOf", string_index_from, CEL_INT, CEL_STRING, CEL_STRING, CEL_INT),
    MEMBER("indexOf", list_index, CEL_INT, CEL_LIST, CEL_DYN),
    MEMBER("lastIndexOf", string_last_index, CEL_INT, CEL_STRING, CEL_STRING),
    MEMBER("lastIndexOf", list_last_index, CEL_INT, CEL_LIST, CEL_DYN),
    MEMBER("lowerAscii", lower, CEL_STRING, CEL_STRING),
    MEMBER("upperAscii", upper, CEL_STRING, CEL_STRING),
    MEMBER("trim", trim, CEL_STRING, CEL_STRING),
    MEMBER("replace", replace, CEL_STRING, CEL_STRING, CEL_STRING, CEL_STRING),
    MEMBER("replace", replace_some, CEL_STRING, CEL_STRING, CEL_STRING, CEL_STRING, CEL_INT),
    TEXTS("split", split, CEL_STRING, CEL_STRING),
    MEMBER("join", join, CEL_STRING, CEL_LIST),
    MEMBER("join", join_by, CEL_STRING, CEL_LIST, CEL_STRING),
    MEMBER("substring", substring_from, CEL_STRING, CEL_STRING, CEL_INT),
    MEMBER("substring", substring, CEL_STRING, CEL_STRING, CEL_INT, CEL_INT),
    MEMBER("find", find, CEL_STRING, CEL_STRING, CEL_STRING),
    TEXTS("findAll", find_all, CEL_STRING, CEL_STRING),
    MEMBER("format", format, CEL_STRING, CEL_STRING, CEL_LIST),
    MEMBER("isSorted", is_sorted, CEL_BOOL, CEL_LIST),
    MEMBER("min", list_min, CEL_DYN, CEL_LIST),
    MEMBER("max", list_max, CEL_DYN, CEL_LIST),
    MEMBER("sum", list_sum, CEL_DYN, CEL_LIST),
    GLOBAL("sets.contains", sets_contains, CEL_BOOL, CEL_LIST, CEL_LIST),
    GLOBAL("sets.equivalent", sets_equivalent, CEL_BOOL, CEL_LIST, CEL_LIST),
    GLOBAL("sets.intersects", sets_intersects, CEL_BOOL, CEL_LIST, CEL_LIST),
    GLOBAL("int", same, CEL_INT, CEL_INT),
    GLOBAL("int", double_to_int, CEL_INT, CEL_DOUBLE),
    GLOBAL("int", string_to_int, CEL_INT, CEL_STRING),
    GLOBAL("int", time_to_int, CEL_INT, CEL_TIMESTAMP),
    GLOBAL("double", same, CEL_DOUBLE, CEL_DOUBLE),
    GLOBAL("double", int_to_double, CEL_DOUBLE, CEL_INT),
    GLOBAL("double", string_to_double, CEL_DOUBLE, CEL_STRING),
    GLOBAL("string", to_string, CEL_STRING, CEL_DYN),
    GLOBAL("dyn", same, CEL_DYN, CEL_DYN),
    GLOBAL("duration", to_duration, CEL_DURATION, CEL_STRING),
    GLOBAL("duration", same, CEL_DURATION, CEL_DURATION),
    GLOBAL("timestamp", to_timestamp, CEL_TIMESTAMP, CEL_STRING),
    GLOBAL("timestamp", same, CEL_TIMESTAMP, CEL_TIMESTAMP),
    MEMBER("getHours", duration_hours, CEL_INT, CEL_DURATION),
    MEMBER("getMinutes", duration_minutes_of, CEL_INT, CEL_DURATION),
    MEMBER("getSeconds", duration_seconds, CEL_INT, CEL_DURATION),
    MEMBER("getMilliseconds", duration_milliseconds, CEL_INT, CEL_DURATION),
    GLOBAL("isQuantity", is_quantity, CEL_BOOL, CEL_STRING),
    GLOBAL("quantity", to_quantity, CEL_QUANTITY, CEL_STRING),
    MEMBER("compareTo", quantity_order, CEL_INT, CEL_QUANTITY, CEL_QUANTITY),
    MEMBER("isGreaterThan", quantity_is_greater, CEL_BOOL, CEL_QUANTITY, CEL_QUANTITY),
    MEMBER("isLessThan", quantity_is_less, CEL_BOOL, CEL_QUANTITY, CEL_QUANTITY),
    MEMBER("sign", quantity_sign, CEL_INT, CEL_QUANTITY),
    MEMBER("asInteger", quantity_as_int, CEL_INT, CEL_QUANTITY),
    GLOBAL("optional.of", optional_of, CEL_OPTIONAL, CEL_DYN),
    {"optional.none", false, {CEL_DYN}, 0, CEL_OPTIONAL, CEL_DYN, optional_none},
    MEMBER("hasValue", has_value, CEL_BOOL, CEL_OPTIONAL),
    MEMBER("value", optional_value, CEL_DYN, CEL_OPTIONAL),
    MEMBER("orValue", or_value, CEL_DYN, CEL_OPTIONAL, CEL_DYN),
    MEMBER("or", optional_or, CEL_OPTIONAL, CEL_OPTIONAL, CEL_OPTIONAL),
};
const size_t cel_function_count = ARRAY_COUNT(cel_functions);
