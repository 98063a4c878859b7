/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoders of single values, with the texts of the Go packages behind them: resource.Quantity,
 * time.Parse, time.ParseDuration, encoding/base64, intstr.
 */
#include "sim/base/base.h"

#include "cluster/api/decode_scalar.h"

#include "cluster/api/quantity.h"
#include "sim/base/calendar.h"

static struct value decode_quantity(struct value v, struct text *error);
static struct value decode_time(struct value v, bool has_fraction, struct text *error);
static struct value decode_bytes(struct value v, struct text *error);

struct value decode_scalar(enum schema_kind kind, struct value v, struct text *error)
{
    enum value_kind have = value_kind(v);
    switch (kind) {
    case SCHEMA_QUANTITY:
        return decode_quantity(v, error);
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return decode_time(v, kind == SCHEMA_MICRO_TIME, error);
    case SCHEMA_BYTES:
        return decode_bytes(v, error);
    case SCHEMA_INT_OR_STRING:
        if (have == VALUE_STRING)
            return value_keep(v);
        if (have != VALUE_INTEGER || value_as_integer(v, 0) != (int32_t)value_as_integer(v, 0)) {
            text_printf(error, "json: cannot unmarshal %s", json_kind_text(v));
            if (have == VALUE_INTEGER || have == VALUE_DOUBLE) {
                text_add_byte(error, ' ');
                schema_write_json(NULL, v, error);
            }
            text_add(error, S(" into Go value of type int32"));
            return VALUE_ABSENT;
        }
        return value_keep(v);
    case SCHEMA_DURATION: {
        struct duration ignored;
        if (have != VALUE_STRING)
            text_printf(error, "json: cannot unmarshal %s into Go value of type string",
                        json_kind_text(v));
        else if (!duration_parse(value_str(v), &ignored))
            text_printf(error, "time: invalid duration \"%.*s\"", STR_ARG(value_str(v)));
        return error->size ? VALUE_ABSENT : value_keep(v);
    }
    case SCHEMA_STRING:
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_BOOL:
    case SCHEMA_DOUBLE:
    case SCHEMA_RAW:
    case SCHEMA_ANY:
    case SCHEMA_STRUCT:
    case SCHEMA_LIST_OF_STRING:
        break;
    }
    return value_keep(v);
}

const char *json_kind_text(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        return "null";
    case VALUE_BOOL:
        return "bool";
    case VALUE_INTEGER:
    case VALUE_DOUBLE:
        return "number";
    case VALUE_STRING:
        return "string";
    case VALUE_ARRAY:
        return "array";
    case VALUE_OBJECT:
        return "object";
    }
    return "null";
}

void go_type_text(const struct field_schema *f, struct text *out)
{
    static const char *const names[] = {
        [SCHEMA_STRING] = "string",
        [SCHEMA_INT32] = "int32",
        [SCHEMA_INT64] = "int64",
        [SCHEMA_BOOL] = "bool",
        [SCHEMA_DOUBLE] = "float64",
        [SCHEMA_BYTES] = "[]uint8",
        [SCHEMA_QUANTITY] = "resource.Quantity",
        [SCHEMA_INT_OR_STRING] = "intstr.IntOrString",
        [SCHEMA_TIME] = "v1.Time",
        [SCHEMA_MICRO_TIME] = "v1.MicroTime",
        [SCHEMA_DURATION] = "v1.Duration",
        [SCHEMA_RAW] = "runtime.RawExtension",
        [SCHEMA_ANY] = "v1.JSON",
        [SCHEMA_LIST_OF_STRING] = "[]string",
    };
    const struct type_schema *t = schema_type_of(f);
    if (t != NULL)
        text_printf(out, "%s.%s", t->version, t->name);
    else
        text_add(out, str_from(names[f->kind]));
}

/* True for what is plainly canonical already, which most quantities are: a whole number that its
 * suffix's next step does not divide. */
static bool is_plainly_canonical(struct str s)
{
    size_t digits = 0;
    int64_t n = 0;
    while (digits < s.size && digits < 15 && s.bytes[digits] >= '0' && s.bytes[digits] <= '9')
        n = n * 10 + (s.bytes[digits++] - '0');
    if (digits == 0 || s.bytes[0] == '0')
        return s.size == 1 && digits == 1;
    size_t rest = s.size - digits;
    if (rest == 0 || (rest == 1 && s.bytes[digits] == 'm'))
        return n % 1000 != 0;
    if (digits > 6) /* may be beyond what a quantity holds */
        return false;
    if (rest == 1)
        return strchr("kMGT", s.bytes[digits]) != NULL && n % 1000 != 0;
    return rest == 2 && s.bytes[digits + 1] == 'i' && strchr("KMGT", s.bytes[digits]) != NULL &&
           n % 1024 != 0;
}

static struct value decode_quantity(struct value v, struct text *error)
{
    if (is_plainly_canonical(value_str(v)))
        return value_keep(v);
    AUTO(text) struct text written = {0}, canonical = {0};
    enum value_kind kind = value_kind(v);
    if (kind == VALUE_STRING)
        text_add(&written, value_str(v));
    else
        schema_write_json(NULL, v, &written);
    if (!quantity_canonical(text_str(&written), &canonical)) {
        text_add(error, S("quantities must match the regular expression "
                          "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"));
        return VALUE_ABSENT;
    }
    if (kind == VALUE_STRING && str_equal(text_str(&written), text_str(&canonical)))
        return value_keep(v);
    return value_string(text_str(&canonical));
}

/* ---- times: RFC 3339 ---- */

static bool take_digits(struct str *s, size_t count, int *ret_number)
{
    int n = 0;
    if (s->size < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (s->bytes[i] < '0' || s->bytes[i] > '9')
            return false;
        n = n * 10 + (s->bytes[i] - '0');
    }
    *s = str_slice(*s, count, s->size);
    *ret_number = n;
    return true;
}

static bool take_zone(struct str *s)
{
    int hours = 0, minutes = 0;
    if (s->size > 0 && s->bytes[0] == 'Z') {
        *s = str_slice(*s, 1, s->size);
        return true;
    }
    struct str rest = s->size ? str_slice(*s, 1, s->size) : *s;
    if (s->size != 6 || (s->bytes[0] != '+' && s->bytes[0] != '-') || rest.bytes[2] != ':' ||
        !take_digits(&rest, 2, &hours))
        return false;
    rest = str_slice(rest, 1, rest.size);
    if (!take_digits(&rest, 2, &minutes) || hours > 24 || minutes > 60)
        return false;
    *s = rest;
    return true;
}

/* Walks the layout; on failure `*ret_element` is what could not be parsed, or NULL and *ret_range
 * what is out of range. */
static bool scan_time(struct str *s, bool is_strictly_micro, const char **ret_element,
                      const char **ret_range)
{
    static const struct {
        const char *element, *name;
        int size, low, high;
        char after;
    } parts[] = {{"2006", "year", 4, 0, 9999, '-'}, {"01", "month", 2, 1, 12, '-'},
                 {"02", "day", 2, 1, 31, 'T'},      {"15", "hour", 2, 0, 23, ':'},
                 {"04", "minute", 2, 0, 59, ':'},   {"05", "second", 2, 0, 59, 0}};
    static const char *const separators[] = {"-", "-", "T", ":", ":"};
    int numbers[6] = {0};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        *ret_element = parts[i].element;
        if (!take_digits(s, (size_t)parts[i].size, &numbers[i]))
            return false;
        *ret_element = NULL;
        *ret_range = parts[i].name;
        if (numbers[i] < parts[i].low || numbers[i] > parts[i].high)
            return false;
        if (parts[i].after == 0)
            break;
        *ret_element = separators[i];
        if (s->size == 0 || s->bytes[0] != parts[i].after)
            return false;
        *s = str_slice(*s, 1, s->size);
    }
    *ret_element = NULL;
    *ret_range = "day";
    if (numbers[2] > days_in_month(numbers[0], numbers[1]))
        return false;
    size_t digits = 0;
    if (s->size > 1 && s->bytes[0] == '.') {
        while (1 + digits < s->size && s->bytes[1 + digits] >= '0' && s->bytes[1 + digits] <= '9')
            digits++;
        *s = str_slice(*s, 1 + digits, s->size);
    }
    *ret_element = is_strictly_micro ? ".000000" : "Z07:00";
    if (is_strictly_micro && digits != 6)
        return false;
    *ret_element = "Z07:00";
    return take_zone(s);
}

static struct value decode_time(struct value v, bool has_fraction, struct text *error)
{
    if (value_kind(v) != VALUE_STRING) {
        text_printf(error, "json: cannot unmarshal %s into Go value of type string",
                    json_kind_text(v));
        return VALUE_ABSENT;
    }
    struct str all = value_str(v), rest = all;
    const char *element = NULL, *range = NULL;
    bool is_time = scan_time(&rest, has_fraction, &element, &range);
    if (is_time && rest.size > 0) {
        text_printf(error, "parsing time \"%.*s\": extra text: \"%.*s\"", STR_ARG(all),
                    STR_ARG(rest));
    } else if (!is_time && element != NULL) {
        text_printf(error,
                    "parsing time \"%.*s\" as \"2006-01-02T15:04:05%sZ07:00\": cannot parse "
                    "\"%.*s\" as \"%s\"",
                    STR_ARG(all), has_fraction ? ".000000" : "", STR_ARG(rest), element);
    } else if (!is_time) {
        text_printf(error, "parsing time \"%.*s\": %s out of range", STR_ARG(all), range);
    }
    if (error->size > 0)
        return VALUE_ABSENT;
    /* Time keeps whole seconds. DEVIATION: another zone than UTC is kept as written. */
    size_t point = str_find(all, '.');
    if (has_fraction || point == all.size || !str_ends_with(all, S("Z")))
        return value_keep(v);
    return value_printf("%.*sZ", (int)point, all.bytes);
}

/* ---- base64, as Go's StdEncoding: padded, line ends ignored ---- */

static bool is_base64_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* The place of the first wrong byte, or -1. */
static int64_t base64_fault(struct str s)
{
    size_t in_group = 0, i = 0;
    for (; i < s.size; i++) {
        char c = s.bytes[i];
        if (c == '\n' || c == '\r')
            continue;
        if (c != '=') {
            if (!is_base64_digit(c))
                return (int64_t)i;
            in_group = (in_group + 1) % 4;
            continue;
        }
        if (in_group < 2)
            return (int64_t)i;
        size_t next = i + 1;
        while (next < s.size && (s.bytes[next] == '\n' || s.bytes[next] == '\r'))
            next++;
        if (in_group == 2) {
            if (next == s.size)
                return (int64_t)s.size;
            if (s.bytes[next] != '=')
                return (int64_t)next - 1;
            next++;
            while (next < s.size && (s.bytes[next] == '\n' || s.bytes[next] == '\r'))
                next++;
        }
        return next < s.size ? (int64_t)next : -1;
    }
    return in_group ? (int64_t)(s.size - in_group) : -1;
}

static struct value decode_bytes(struct value v, struct text *error)
{
    int64_t fault = base64_fault(value_str(v));
    if (fault < 0)
        return value_keep(v);
    text_printf(error, "illegal base64 data at input byte %" PRId64, fault);
    return VALUE_ABSENT;
}
