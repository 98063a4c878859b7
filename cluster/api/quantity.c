/* SPDX-License-Identifier: Apache-2.0
 *
 * resource.Quantity, exactly: a decimal number of any size that Kubernetes meets, in nano units,
 * never a float.
 *
 * A number is kept as limbs in base 10^9, the lowest of which is the fraction: what is finer than
 * nano is rounded away from zero when read, as Kubernetes does. The canonical form has no fraction
 * and the largest suffix; binary quantities that are not whole or are below 1024 are shown in
 * decimal. Two habits of the original are kept: a text that looks canonical is given back as it was
 * written ("+5", "05"), and a binary quantity is capped at 2^63-1 when read.
 *
 * DEVIATION: numbers of more than 99 digits are refused, sums stop there; the original holds any,
 * at the cost of unbounded memory.
 *
 * Source: kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ and
 * apimachinery/pkg/api/resource.
 */
#include "sim/base/base.h"

#include "cluster/api/quantity.h"

#include "cluster/api/json.h"

#define BASE 1000000000u
#define BASE_DIGITS 9
#define LIMBS 12      /* the fraction and 99 digits */
#define WORK_LIMBS 26 /* while reading */
#define DIGITS_MAX 108
#define EXPONENT_MAX 200
#define FAST_DIGITS 18 /* what Kubernetes' 64-bit way takes */
#define FAST_BINARY_DIGITS 15

#define ERROR_FORMAT                                                                               \
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
#define ERROR_NUMERIC "unable to parse numeric part of quantity"
#define ERROR_SUFFIX "unable to parse quantity's suffix"

enum format { FORMAT_DECIMAL, FORMAT_BINARY, FORMAT_EXPONENT };

struct number {
    uint32_t limbs[WORK_LIMBS]; /* little end first; [0] holds the nano units below one */
    bool is_negative;
    enum format format;
    bool is_as_written; /* the text is its own canonical form */
};
struct parts {
    struct str num, denom, suffix;
    bool is_negative;
    bool has_digits; /* of its own, zeros included */
};

/* ---- arithmetic on magnitudes ---- */

static bool is_zero(const struct number *n)
{
    for (size_t i = 0; i < WORK_LIMBS; i++)
        if (n->limbs[i])
            return false;
    return true;
}

static int compare_magnitudes(const struct number *a, const struct number *b)
{
    for (size_t i = WORK_LIMBS; i-- > 0;)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}

/* n = n * factor + add; the carry that does not fit. */
static uint32_t multiply(struct number *n, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    for (size_t i = 0; i < WORK_LIMBS; i++) {
        carry += (uint64_t)n->limbs[i] * factor;
        n->limbs[i] = (uint32_t)(carry % BASE);
        carry /= BASE;
    }
    return (uint32_t)carry;
}

/* n = n / divisor; the rest. */
static uint32_t divide(struct number *n, uint32_t divisor)
{
    uint64_t rest = 0;
    for (size_t i = WORK_LIMBS; i-- > 0;) {
        rest = rest * BASE + n->limbs[i];
        n->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

/* Stops at the largest number that can be read. */
static void add_magnitude(struct number *a, const struct number *b)
{
    uint32_t carry = 0;
    for (size_t i = 0; i < WORK_LIMBS; i++) {
        uint32_t sum = a->limbs[i] + b->limbs[i] + carry;
        carry = sum >= BASE;
        a->limbs[i] = carry ? sum - BASE : sum;
    }
    if (a->limbs[LIMBS] == 0)
        return;
    a->limbs[LIMBS] = 0;
    for (size_t i = 0; i < LIMBS; i++)
        a->limbs[i] = BASE - 1;
}

/* a >= b */
static void subtract_magnitude(struct number *a, const struct number *b)
{
    uint32_t borrow = 0;
    for (size_t i = 0; i < WORK_LIMBS; i++) {
        uint32_t take = b->limbs[i] + borrow;
        borrow = a->limbs[i] < take;
        a->limbs[i] = a->limbs[i] + (borrow ? BASE : 0) - take;
    }
    CHECK(borrow == 0);
}

static void set_units(struct number *n, uint64_t units)
{
    for (size_t i = 1; i < 4; i++, units /= BASE)
        n->limbs[i] = (uint32_t)(units % BASE);
}

/* ---- reading ---- */

static struct str take_digits(struct str s, size_t *at)
{
    size_t from = *at;
    while (*at < s.size && is_digit(s.bytes[*at]))
        ++*at;
    return str_slice(s, from, *at);
}

/* As lenient as the original's scanner; NULL or the error. */
static const char *split(struct str s, struct parts *p)
{
    size_t at = 0;
    p->is_negative = s.bytes[0] == '-';
    at += s.bytes[0] == '-' || s.bytes[0] == '+';
    size_t from = at;
    while (at < s.size && s.bytes[at] == '0')
        at++;
    p->has_digits = at > from;
    p->num = take_digits(s, &at);
    if (at < s.size && s.bytes[at] == '.') {
        at++;
        p->denom = take_digits(s, &at);
    }
    p->has_digits = p->has_digits || p->num.size || p->denom.size;
    from = at;
    while (at < s.size && strchr("eEinumkKMGTP", s.bytes[at]) && s.bytes[at])
        at++;
    if (at < s.size && (s.bytes[at] == '-' || s.bytes[at] == '+'))
        at++;
    (void)take_digits(s, &at);
    p->suffix = str_slice(s, from, at);
    return at == s.size ? NULL : ERROR_FORMAT;
}

static bool suffix_meaning(struct str s, enum format *ret_format, int64_t *ret_exponent)
{
    static const struct {
        const char *text;
        enum format format;
        int exponent;
    } suffixes[] = {
        {"", FORMAT_DECIMAL, 0},   {"n", FORMAT_DECIMAL, -9}, {"u", FORMAT_DECIMAL, -6},
        {"m", FORMAT_DECIMAL, -3}, {"k", FORMAT_DECIMAL, 3},  {"M", FORMAT_DECIMAL, 6},
        {"G", FORMAT_DECIMAL, 9},  {"T", FORMAT_DECIMAL, 12}, {"P", FORMAT_DECIMAL, 15},
        {"E", FORMAT_DECIMAL, 18}, {"Ki", FORMAT_BINARY, 10}, {"Mi", FORMAT_BINARY, 20},
        {"Gi", FORMAT_BINARY, 30}, {"Ti", FORMAT_BINARY, 40}, {"Pi", FORMAT_BINARY, 50},
        {"Ei", FORMAT_BINARY, 60},
    };
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++)
        if (str_equal(s, str_from(suffixes[i].text))) {
            *ret_format = suffixes[i].format;
            *ret_exponent = suffixes[i].exponent;
            return true;
        }
    if (s.size < 2 || (s.bytes[0] != 'e' && s.bytes[0] != 'E'))
        return false;
    *ret_format = FORMAT_EXPONENT;
    struct str digits = str_slice(s, s.bytes[1] == '+' ? 2 : 1, s.size);
    return digits.size && (s.bytes[1] != '+' || is_digit(digits.bytes[0])) &&
           str_to_int64(digits, ret_exponent);
}

/* n * 10^power, rounded away from zero; false when too large. */
static bool scale(struct number *n, int64_t power)
{
    if (is_zero(n))
        return true;
    if (power > EXPONENT_MAX)
        return false;
    for (; power > 0; power--)
        if (multiply(n, 10, 0))
            return false;
    bool is_inexact = false;
    for (; power < 0 && !is_zero(n); power++)
        is_inexact = divide(n, 10) > 0 || is_inexact;
    if (is_inexact)
        multiply(n, 1, 1);
    for (size_t i = LIMBS; i < WORK_LIMBS; i++)
        if (n->limbs[i])
            return false;
    return true;
}

static void add_digits(struct number *n, struct str digits)
{
    for (size_t i = 0; i < digits.size; i++)
        multiply(n, 10, (uint32_t)(digits.bytes[i] - '0'));
}

/* Would the original take its 64-bit way and keep the text? */
static bool is_as_written(const struct parts *p, enum format format, int64_t exponent)
{
    size_t num_size = p->num.size ? p->num.size : 1, digits = num_size + p->denom.size;
    if (format == FORMAT_BINARY) {
        int64_t left = FAST_BINARY_DIGITS - (int64_t)num_size - exponent * 3 / 10 - 1;
        int64_t whole;
        return p->denom.size == 0 && left >= 0 && str_to_int64(p->num, &whole) && (whole & 7) != 0;
    }
    int64_t total = exponent - (int64_t)p->denom.size;
    if (digits > FAST_DIGITS || total < -BASE_DIGITS || total % 3 != 0 || p->num.size == 0)
        return false;
    size_t zeros = 0;
    for (size_t i = 0; i < digits && i < 3; i++) {
        size_t from_end =
            i < p->denom.size ? p->denom.size - 1 - i : num_size - 1 - (i - p->denom.size);
        char c = i < p->denom.size ? p->denom.bytes[from_end] : p->num.bytes[from_end];
        zeros += c == '0';
    }
    return zeros < 3;
}

/* The original's way through big decimals needs a digit; its 64-bit way takes "Mi" for zero. */
static bool is_slow(const struct parts *p, enum format format, int64_t exponent)
{
    int64_t num = p->num.size ? (int64_t)p->num.size : 1;
    if (format == FORMAT_BINARY)
        return p->denom.size || FAST_BINARY_DIGITS - num - exponent * 3 / 10 - 1 < 0;
    return num + (int64_t)p->denom.size > FAST_DIGITS ||
           exponent - (int64_t)p->denom.size < -BASE_DIGITS;
}

static const char *parse(struct str s, struct number *n)
{
    *n = (struct number){0};
    if (s.size == 0)
        return ERROR_FORMAT;
    struct parts p = {0};
    const char *error = split(s, &p);
    if (error)
        return error;
    int64_t exponent;
    if (!suffix_meaning(p.suffix, &n->format, &exponent))
        return ERROR_SUFFIX;
    if (!p.has_digits && is_slow(&p, n->format, exponent))
        return ERROR_NUMERIC;
    if (p.num.size + p.denom.size > DIGITS_MAX)
        return ERROR_NUMERIC;
    add_digits(n, p.num);
    add_digits(n, p.denom);
    bool is_binary = n->format == FORMAT_BINARY;
    for (int64_t bits = is_binary ? exponent : 0; bits > 0; bits -= 10)
        multiply(n, 1024, 0);
    if (!scale(n, (is_binary ? 0 : exponent) - (int64_t)p.denom.size + BASE_DIGITS))
        return ERROR_NUMERIC;
    struct number limit = {0}, one = {0};
    set_units(&limit, INT64_MAX);
    set_units(&one, 1);
    if (is_binary && compare_magnitudes(n, &limit) > 0)
        memcpy(n->limbs, limit.limbs, sizeof(limit.limbs));
    n->is_as_written = is_as_written(&p, n->format, exponent);
    if (is_binary && compare_magnitudes(n, &one) < 0)
        n->format = FORMAT_DECIMAL;
    n->is_negative = p.is_negative && !is_zero(n);
    return NULL;
}

static struct number number_of(struct value v)
{
    struct number n = {0};
    enum value_kind kind = value_kind(v);
    if (kind == VALUE_STRING) {
        if (parse(value_str(v), &n))
            n = (struct number){0};
    } else if (kind == VALUE_INTEGER) {
        int64_t i = value_as_integer(v, 0);
        set_units(&n, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
        n.is_negative = i < 0;
    } else if (kind == VALUE_DOUBLE) {
        AUTO(text) struct text t = {0};
        json_write_double(value_as_double(v, 0), &t);
        if (parse(text_str(&t), &n))
            n = (struct number){0};
    }
    return n;
}

/* ---- the canonical form ---- */

static void write_magnitude(const struct number *n, struct text *out)
{
    size_t top = WORK_LIMBS - 1;
    while (top > 0 && n->limbs[top] == 0)
        top--;
    text_printf(out, "%" PRIu32, n->limbs[top]);
    while (top-- > 0)
        text_printf(out, "%09" PRIu32, n->limbs[top]);
}

static bool divides(const struct number *n, uint32_t divisor)
{
    struct number copy = *n;
    return divide(&copy, divisor) == 0;
}

static void write_binary(struct number *n, struct text *out)
{
    static const char *const suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    size_t exponent = 0;
    memmove(n->limbs, n->limbs + 1,
            (WORK_LIMBS - 1) * sizeof(n->limbs[0])); /* whole units: the fraction is zero */
    n->limbs[WORK_LIMBS - 1] = 0;
    while (exponent + 1 < ARRAY_COUNT(suffixes) && divides(n, 1024)) {
        divide(n, 1024);
        exponent++;
    }
    write_magnitude(n, out);
    text_add(out, str_from(suffixes[exponent]));
}

static void write_decimal(struct number *n, enum format format, struct text *out)
{
    static const char *const suffixes[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
    int exponent = -BASE_DIGITS;
    while (divides(n, 1000)) {
        divide(n, 1000);
        exponent += 3;
    }
    write_magnitude(n, out);
    size_t index = (size_t)(exponent + BASE_DIGITS) / 3;
    if (format == FORMAT_DECIMAL && index < ARRAY_COUNT(suffixes))
        text_add(out, str_from(suffixes[index]));
    else if (exponent)
        text_printf(out, "e%d", exponent);
}

static void write_canonical(struct number *n, struct text *out)
{
    if (is_zero(n)) {
        text_add_byte(out, '0');
        return;
    }
    if (n->is_negative)
        text_add_byte(out, '-');
    enum format format = n->format;
    if (format == FORMAT_BINARY) {
        struct number least = {0};
        set_units(&least, 1024);
        if (n->limbs[0] == 0 && compare_magnitudes(n, &least) >= 0) {
            write_binary(n, out);
            return;
        }
        format = FORMAT_DECIMAL;
    }
    write_decimal(n, format, out);
}

const char *quantity_check(struct str written)
{
    struct number n;
    return parse(str_trim(written), &n);
}

bool quantity_canonical(struct str written, struct text *out)
{
    struct number n;
    struct str s = str_trim(written);
    if (parse(s, &n))
        return false;
    if (n.is_as_written)
        text_add(out, s);
    else
        write_canonical(&n, out);
    return true;
}

static struct value canonical_value(struct number *n)
{
    AUTO(text) struct text t = {0};
    write_canonical(n, &t);
    return value_string(text_str(&t));
}

/* ---- integers ---- */

/* n / 10^(9 - digits) as an integer, rounded away from zero, within int64. */
static int64_t integer_of(struct number n, int fraction_digits)
{
    uint32_t unit = BASE;
    for (int i = 0; i < fraction_digits; i++)
        unit /= 10;
    if (divide(&n, unit))
        multiply(&n, 1, 1);
    uint64_t magnitude = 0;
    for (size_t i = WORK_LIMBS; i-- > 0;) {
        if (magnitude > (INT64_MAX - n.limbs[i]) / (uint64_t)BASE)
            return n.is_negative ? INT64_MIN : INT64_MAX;
        magnitude = magnitude * BASE + n.limbs[i];
    }
    return n.is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
}

/* The common forms, without limbs: absent, or up to 12 digits and "", m, Ki, Mi, Gi. */
static bool quick(struct value v, int64_t per_unit, int64_t *ret_value)
{
    if (!value_is_present(v)) { /* most pods ask for two of the resources that are looked for */
        *ret_value = 0;
        return true;
    }
    struct str s = value_str(v);
    size_t at = 0;
    int64_t n = 0;
    while (at < s.size && at < 12 && is_digit(s.bytes[at]))
        n = n * 10 + (s.bytes[at++] - '0');
    if (at == 0)
        return false;
    size_t rest = s.size - at;
    if (rest == 1 && s.bytes[at] == 'm') {
        *ret_value = per_unit == 1000 ? n : n / 1000 + (n % 1000 != 0);
        return true;
    }
    int bits = 0;
    if (rest == 2 && s.bytes[at + 1] == 'i')
        bits = s.bytes[at] == 'K' ? 10 : s.bytes[at] == 'M' ? 20 : s.bytes[at] == 'G' ? 30 : 0;
    if ((rest != 0 && bits == 0) || n >= (INT64_MAX >> bits) / per_unit)
        return false;
    *ret_value = n * ((int64_t)1 << bits) * per_unit;
    return true;
}

int64_t quantity_milli(struct value v)
{
    int64_t n;
    return quick(v, 1000, &n) ? n : integer_of(number_of(v), 3);
}

int64_t quantity_value(struct value v)
{
    int64_t n;
    return quick(v, 1, &n) ? n : integer_of(number_of(v), 0);
}

/* ---- comparing and adding ---- */

int quantity_compare(struct value a, struct value b)
{
    if (value_is_same(a, b))
        return 0;
    struct number x = number_of(a), y = number_of(b);
    if (x.is_negative != y.is_negative)
        return x.is_negative ? -1 : 1;
    int order = compare_magnitudes(&x, &y);
    return x.is_negative ? -order : order;
}

static struct value sum(struct number a, struct number b)
{
    if (is_zero(&a))
        a.format = b.format;
    if (a.is_negative == b.is_negative) {
        add_magnitude(&a, &b);
        return canonical_value(&a);
    }
    if (compare_magnitudes(&a, &b) >= 0) {
        subtract_magnitude(&a, &b);
        return canonical_value(&a);
    }
    b.format = a.format;
    subtract_magnitude(&b, &a);
    return canonical_value(&b);
}

struct value quantity_sum(struct value a, struct value b)
{
    return sum(number_of(a), number_of(b));
}

struct value quantity_difference(struct value a, struct value b)
{
    struct number y = number_of(b);
    y.is_negative = !y.is_negative;
    return sum(number_of(a), y);
}

struct value quantity_of_milli(int64_t milli)
{
    struct number n = {.is_negative = milli < 0};
    uint64_t magnitude = milli < 0 ? 0 - (uint64_t)milli : (uint64_t)milli;
    set_units(&n, magnitude / 1000);
    n.limbs[0] = (uint32_t)(magnitude % 1000) * (BASE / 1000);
    return canonical_value(&n);
}

struct value quantity_of_binary(int64_t bytes)
{
    struct number n = {.is_negative = bytes < 0, .format = FORMAT_BINARY};
    set_units(&n, bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes);
    return canonical_value(&n);
}
