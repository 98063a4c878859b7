/* SPDX-License-Identifier: Apache-2.0
 *
 * Name rules (apimachinery/pkg/util/validation upstream), written as the small automata that their
 * regular expressions are. Texts keep the oddities of the originals: the double blank before "or"
 * among them.
 *
 * DEVIATION: a name that breaks two rules at once (too long and of wrong characters) is told only
 * the first.
 */
#include "sim/base/base.h"

#include "cluster/api/names.h"

#define SUBDOMAIN_REGEX "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
#define SUBDOMAIN_TEXT                                                                             \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '" SUBDOMAIN_REGEX "')"
#define LABEL_TEXT                                                                                 \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "   \
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "     \
    "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define LABEL_1035_TEXT                                                                            \
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "   \
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123'," \
    " regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
#define NAME_REGEX "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define NAME_PART                                                                                  \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is '" NAME_REGEX "')"
#define QUALIFIED_REST                                                                             \
    " must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "   \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is '" NAME_REGEX "') with an optional DNS subdomain prefix and '/' (e.g. "         \
    "'example.com/MyName')"

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_alphanumeric(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c);
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? */
static bool is_label(struct str s)
{
    if (s.size == 0)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        bool is_inner = i > 0 && i + 1 < s.size;
        char c = s.bytes[i];
        if (!is_lower(c) && !is_digit(c) && !(is_inner && c == '-'))
            return false;
    }
    return true;
}

static bool is_subdomain(struct str s)
{
    for (;;) {
        struct str rest, label = str_cut(s, '.', &rest);
        if (!is_label(label))
            return false;
        if (label.size == s.size)
            return true;
        s = rest;
    }
}

const char *name_dns_subdomain(struct str s)
{
    if (s.size > 253)
        return "must be no more than 253 characters";
    return is_subdomain(s) ? NULL : SUBDOMAIN_TEXT;
}

const char *name_dns_label(struct str s)
{
    if (s.size > 63)
        return "must be no more than 63 characters";
    return is_label(s) ? NULL : LABEL_TEXT;
}

const char *name_dns_1035_label(struct str s)
{
    if (s.size > 63)
        return "must be no more than 63 characters";
    return is_label(s) && is_lower(s.bytes[0]) ? NULL : LABEL_1035_TEXT;
}

const char *name_path_segment(struct str s)
{
    if (str_equal(s, S(".")))
        return "may not be '.'";
    if (str_equal(s, S("..")))
        return "may not be '..'";
    if (str_find(s, '/') < s.size)
        return "may not contain '/'";
    if (str_find(s, '%') < s.size)
        return "may not contain '%'";
    return NULL;
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool is_name(struct str s)
{
    if (s.size == 0)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        bool is_inner = i > 0 && i + 1 < s.size;
        char c = s.bytes[i];
        if (!is_alphanumeric(c) && !(is_inner && (c == '-' || c == '_' || c == '.')))
            return false;
    }
    return true;
}

static const char *qualified(struct str s, const char *too_many_parts, const char *too_long)
{
    struct str name, prefix = str_cut(s, '/', &name);
    if (prefix.size == s.size) {
        name = s;
    } else if (str_find(name, '/') < name.size) {
        return too_many_parts;
    } else if (prefix.size == 0) {
        return "prefix part must be non-empty";
    } else if (prefix.size > 253) {
        return "prefix part must be no more than 253 characters";
    } else if (!is_subdomain(prefix)) {
        return "prefix part " SUBDOMAIN_TEXT;
    }
    if (name.size == 0)
        return "name part must be non-empty";
    if (name.size > 63)
        return too_long;
    return is_name(name) ? NULL : "name part " NAME_PART;
}

const char *name_qualified(struct str s)
{
    return qualified(s, "a qualified name" QUALIFIED_REST,
                     "name part must be no more than 63 characters");
}

const char *name_label_key(struct str s)
{
    return qualified(s, "a valid label key" QUALIFIED_REST,
                     "name part must be no more than 63 bytes");
}

const char *name_label_value(struct str s)
{
    if (s.size > 63)
        return "must be no more than 63 bytes";
    if (s.size == 0 || is_name(s))
        return NULL;
    return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
           "or "
           "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
           "'my_value',  or '12345', regex used for validation is '(" NAME_REGEX ")?')";
}

const char *name_port(struct str s)
{
    bool has_letter = false;
    if (s.size > 15)
        return "must be no more than 15 characters";
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (!is_lower(c) && !is_digit(c) && c != '-')
            return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        has_letter |= is_lower(c);
    }
    if (!has_letter)
        return "must contain at least one letter (a-z)";
    if (str_contains(s, S("--")))
        return "must not contain consecutive hyphens";
    if (s.bytes[0] == '-' || s.bytes[s.size - 1] == '-')
        return "must not begin or end with a hyphen";
    return NULL;
}

const char *name_environment_variable(struct str s)
{
    bool is_printable = s.size > 0;
    for (size_t i = 0; i < s.size; i++)
        is_printable &= s.bytes[i] >= 0x20 && s.bytes[i] <= 0x7e && s.bytes[i] != '=';
    return is_printable ? NULL
                        : "a valid environment variable name must consist only of printable ASCII "
                          "characters other than '='";
}

const char *name_config_key(struct str s)
{
    bool is_good = s.size > 0;
    if (s.size > 253)
        return "must be no more than 253 characters";
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        is_good &= is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
    }
    if (!is_good)
        return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
               "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
               "'[-._a-zA-Z0-9]+')";
    if (str_equal(s, S(".")))
        return "must not be '.'";
    if (str_equal(s, S("..")))
        return "must not be '..'";
    return str_starts_with(s, S("..")) ? "must not start with '..'" : NULL;
}

const char *name_wildcard_domain(struct str s)
{
    if (s.size > 253)
        return "must be no more than 253 characters";
    if (str_starts_with(s, S("*.")) && is_subdomain(str_slice(s, 2, s.size)))
        return NULL;
    return "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
           "which must consist of lower case alphanumeric characters, '-' or '.' and end with an "
           "alphanumeric character (e.g. '*.example.com', regex used for validation is "
           "'\\*\\." SUBDOMAIN_REGEX "')";
}

const char *number_port(int64_t n)
{
    return n >= 1 && n <= 65535 ? NULL : "must be between 1 and 65535, inclusive";
}
