/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats of strings (format.h).
 *
 * DEVIATION: isbn, creditcard, ssn, the colours and bsonobjectid are taken as they are: no
 * published definition that was looked at uses them.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/format.h"

#include "cluster/api/custom/pattern.h"
#include "cluster/api/names.h"
#include "cluster/api/object.h"
#include "cluster/api/validate_parts.h"

static bool is_ipv4(struct str s)
{
    bool is_v6;
    return text_is_ip(s, &is_v6) && !is_v6;
}

static bool is_ipv6(struct str s)
{
    bool is_v6;
    return text_is_ip(s, &is_v6) && is_v6;
}

static bool is_cidr(struct str s)
{
    struct str length, address = str_cut(s, '/', &length);
    int64_t bits;
    bool is_v6;
    return text_is_ip(address, &is_v6) && str_to_int64(length, &bits) && bits >= 0 &&
           bits <= (is_v6 ? 128 : 32);
}

static bool is_date_time(struct str s)
{
    struct wall_time unused;
    AUTO(value) struct value v = value_string(s);
    return pattern_matches(S("^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}"
                             "(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"),
                           s) &&
           (s.bytes[s.size - 1] != 'Z' || time_parse(v, &unused) || str_find(s, '.') < s.size);
}

static bool is_date(struct str s)
{
    return pattern_matches(S("^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"), s);
}

static bool is_duration(struct str s)
{
    struct duration unused;
    return duration_parse(s, &unused) ||
           pattern_matches(
               S("^[0-9]+ ?(ns|us|ms|s|m|h|d|w|hours?|minutes?|seconds?|days?|weeks?)$"), s);
}

static bool is_byte(struct str s)
{
    return s.size % 4 == 0 && pattern_matches(S("^[A-Za-z0-9+/]*={0,2}$"), s);
}

static bool is_uuid(struct str s)
{
    return pattern_matches(
        S("^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"), s);
}

static bool is_hostname(struct str s)
{
    return s.size <= 255 &&
           pattern_matches(S("^([a-zA-Z0-9\\p{L}]([a-zA-Z0-9\\p{L}-]{0,61}[a-zA-Z0-9\\p{L}])?)"
                             "(\\.[a-zA-Z0-9\\p{L}]([a-zA-Z0-9\\p{L}-]{0,61}[a-zA-Z0-9\\p{L}])?)*"
                             "\\.?$"),
                           s);
}

static bool is_email(struct str s)
{
    return pattern_matches(S("^[^\\s@<>]+@[^\\s@<>]+$"), s);
}

static bool is_mac(struct str s)
{
    return pattern_matches(S("^([0-9a-fA-F]{2}[:-]){5,7}[0-9a-fA-F]{2}$|^([0-9a-fA-F]{4}\\.){2,3}"
                             "[0-9a-fA-F]{4}$"),
                           s);
}

/* Go's url.ParseRequestURI: absolute, or a path. */
static bool is_uri(struct str s)
{
    return pattern_matches(S("^([a-zA-Z][a-zA-Z0-9+.-]*:[^\\s\\x00-\\x1f]+|/[^\\s\\x00-\\x1f]*)$"),
                           s);
}

static bool is_short_name(struct str s)
{
    return name_dns_label(s) == NULL;
}

static bool is_long_name(struct str s)
{
    return name_dns_subdomain(s) == NULL;
}

static bool is_uuid3(struct str s)
{
    return pattern_matches(
        S("^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$"), s);
}

static bool is_uuid4(struct str s)
{
    return pattern_matches(
        S("^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"), s);
}

static bool is_uuid5(struct str s)
{
    return pattern_matches(
        S("^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"), s);
}

static const struct known_format {
    const char *format;
    bool (*holds)(struct str s); /* NULL: anything does */
} known[] = {
    {"ipv4", is_ipv4},
    {"ipv6", is_ipv6},
    {"cidr", is_cidr},
    {"datetime", is_date_time},
    {"date", is_date},
    {"duration", is_duration},
    {"byte", is_byte},
    {"uuid", is_uuid},
    {"uuid3", is_uuid3},
    {"uuid4", is_uuid4},
    {"uuid5", is_uuid5},
    {"hostname", is_hostname},
    {"email", is_email},
    {"mac", is_mac},
    {"uri", is_uri},
    {"k8sshortname", is_short_name},
    {"k8slongname", is_long_name},
    {"password", NULL},
    {"bsonobjectid", NULL},
    {"isbn", NULL},
    {"isbn10", NULL},
    {"isbn13", NULL},
    {"creditcard", NULL},
    {"ssn", NULL},
    {"hexcolor", NULL},
    {"rgbcolor", NULL},
};

/* Hyphens do not count: "date-time" is "datetime". */
static const struct known_format *find(struct str format)
{
    AUTO(text) struct text plain = {0};
    for (size_t i = 0; i < format.size; i++)
        if (format.bytes[i] != '-')
            text_add_byte(&plain, format.bytes[i]);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (str_equal(text_str(&plain), str_from(known[i].format)))
            return &known[i];
    return NULL;
}

bool format_is_known(struct str format)
{
    return find(format) != NULL;
}

bool format_holds(struct str format, struct str s)
{
    const struct known_format *f = find(format);
    return !f || !f->holds || f->holds(s);
}
