/* SPDX-License-Identifier: Apache-2.0
 *
 * The shell's integer arithmetic: $((...)) and expr. Precedence climbs over a table of levels, from
 * || to *; what is no number is a variable, an unset one is 0. Overflow wraps, as in the shells of
 * Linux.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"

struct arithmetic {
    struct shell *shell;
    struct str text;
    size_t at;
    bool ok;
    int depth;
};
static int64_t arithmetic_level(struct arithmetic *a, int level);

static char arithmetic_peek(struct arithmetic *a)
{
    while (a->at < a->text.size && (a->text.bytes[a->at] == ' ' || a->text.bytes[a->at] == '\t'))
        a->at++;
    return a->at < a->text.size ? a->text.bytes[a->at] : '\0';
}

static int64_t arithmetic_primary(struct arithmetic *a)
{
    char c = arithmetic_peek(a);
    if (++a->depth > 64)
        a->ok = false;
    if (!a->ok)
        return 0;
    if (c == '(') {
        a->at++;
        int64_t n = arithmetic_level(a, 0);
        if (arithmetic_peek(a) == ')')
            a->at++;
        else
            a->ok = false;
        a->depth--;
        return n;
    }
    if (c == '-' || c == '!') {
        a->at++;
        int64_t n = arithmetic_primary(a);
        a->depth--;
        return c == '!' ? n == 0 : (int64_t)(0 - (uint64_t)n);
    }
    a->at += c == '$' ? 1 : 0;
    size_t from = a->at;
    while (a->at < a->text.size && ((a->text.bytes[a->at] >= '0' && a->text.bytes[a->at] <= '9') ||
                                    a->text.bytes[a->at] == '_' ||
                                    (a->text.bytes[a->at] >= 'a' && a->text.bytes[a->at] <= 'z') ||
                                    (a->text.bytes[a->at] >= 'A' && a->text.bytes[a->at] <= 'Z')))
        a->at++;
    struct str word = str_slice(a->text, from, a->at);
    int64_t n = 0;
    a->depth--;
    if (word.size == 0)
        a->ok = false;
    else if (!str_to_int64(word, &n)) {
        const char *value = shell_get(a->shell, word);
        if (value && !str_to_int64(str_trim(str_from(value)), &n))
            n = 0;
    }
    return n;
}

static const char *const operators[][5] = {{"||", NULL},       {"&&", NULL},
                                           {"==", "!=", NULL}, {"<=", ">=", "<", ">", NULL},
                                           {"+", "-", NULL},   {"*", "/", "%", NULL}};

static int64_t arithmetic_apply(struct arithmetic *a, const char *o, int64_t x, int64_t y)
{
    if (o[0] == '|')
        return x != 0 || y != 0;
    if (o[0] == '&')
        return x != 0 && y != 0;
    if (o[0] == '=')
        return x == y;
    if (o[0] == '!')
        return x != y;
    if (o[0] == '<')
        return o[1] ? x <= y : x < y;
    if (o[0] == '>')
        return o[1] ? x >= y : x > y;
    if (o[0] == '+')
        return (int64_t)((uint64_t)x + (uint64_t)y);
    if (o[0] == '-')
        return (int64_t)((uint64_t)x - (uint64_t)y);
    if (o[0] == '*')
        return (int64_t)((uint64_t)x * (uint64_t)y);
    if (y == 0 || (x == INT64_MIN && y == -1)) {
        a->ok = false;
        return 0;
    }
    return o[0] == '/' ? x / y : x % y;
}

static int64_t arithmetic_level(struct arithmetic *a, int level)
{
    if (level == (int)ARRAY_COUNT(operators))
        return arithmetic_primary(a);
    int64_t n = arithmetic_level(a, level + 1);
    while (a->ok) {
        (void)arithmetic_peek(a);
        struct str rest = str_slice(a->text, a->at, a->text.size);
        const char *found = NULL;
        for (size_t i = 0; operators[level][i] && !found; i++) {
            if (str_starts_with(rest, str_from(operators[level][i])))
                found = operators[level][i];
        }
        if (!found)
            break;
        a->at += strlen(found);
        n = arithmetic_apply(a, found, n, arithmetic_level(a, level + 1));
    }
    return n;
}

int64_t shell_arithmetic(struct shell *s, struct str expression, bool *ret_ok)
{
    struct arithmetic a = {.shell = s, .text = expression, .ok = true};
    int64_t n = arithmetic_level(&a, 0);
    *ret_ok = a.ok && arithmetic_peek(&a) == '\0';
    return *ret_ok ? n : 0;
}
