/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that knows PCRE2 (docs/decisions/pcre2.md). Patterns are compiled when they are
 * used: they are short, and writes of custom objects are few.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_STEPS_MAX 1000000
#define MATCH_DEPTH_MAX 100000
#define REPEAT_MAX 1000

/* What follows stands in Perl's syntax and not in RE2's; 0: nothing such. */
static size_t perl_only(struct str p, size_t i, const char **ret_why)
{
    static const struct {
        const char *text, *why;
    } refused[] = {
        {"(?=", "invalid or unsupported Perl syntax"},
        {"(?!", "invalid or unsupported Perl syntax"},
        {"(?<=", "invalid or unsupported Perl syntax"},
        {"(?<!", "invalid or unsupported Perl syntax"},
        {"(?>", "invalid or unsupported Perl syntax"},
        {"(?#", "invalid or unsupported Perl syntax"},
        {"(?|", "invalid or unsupported Perl syntax"},
        {"(?R", "invalid or unsupported Perl syntax"},
        {"\\Z", "invalid escape sequence"},
        {"\\G", "invalid escape sequence"},
        {"\\K", "invalid escape sequence"},
        {"\\R", "invalid escape sequence"},
        {"\\h", "invalid escape sequence"},
        {"\\k", "invalid escape sequence"},
        {"\\1", "invalid escape sequence"},
        {"\\2", "invalid escape sequence"},
        {"\\3", "invalid escape sequence"},
        {"\\4", "invalid escape sequence"},
        {"\\5", "invalid escape sequence"},
        {"\\6", "invalid escape sequence"},
        {"\\7", "invalid escape sequence"},
        {"\\8", "invalid escape sequence"},
        {"\\9", "invalid escape sequence"},
        {"*+", "invalid nested repetition operator"},
        {"++", "invalid nested repetition operator"},
        {"?+", "invalid nested repetition operator"},
        {"**", "invalid nested repetition operator"},
        {"+*", "invalid nested repetition operator"},
    };
    for (size_t k = 0; k < ARRAY_COUNT(refused); k++) {
        struct str text = str_from(refused[k].text);
        if (str_starts_with(str_slice(p, i, p.size), text)) {
            *ret_why = refused[k].why;
            return text.size;
        }
    }
    return 0;
}

/* "{2,3}" at `open`. */
static struct str repeat_count(struct str p, size_t open)
{
    struct str rest = str_slice(p, open, p.size);
    size_t close = str_find(rest, '}');
    return str_slice(rest, 0, close < rest.size ? close + 1 : close);
}

/* Go counts to 1000. */
static bool is_too_often(struct str p, size_t open)
{
    struct str count = repeat_count(p, open), most;
    if (count.size < 3 || !str_ends_with(count, S("}")))
        return false;
    struct str least = str_cut(str_slice(count, 1, count.size - 1), ',', &most);
    int64_t n;
    return (str_to_int64(least, &n) && n > REPEAT_MAX) ||
           (str_to_int64(most, &n) && n > REPEAT_MAX);
}

static bool is_re2(struct str p, struct text *ret_why)
{
    bool is_in_class = false;
    for (size_t i = 0; i < p.size; i++) {
        const char *why;
        size_t size = is_in_class && p.bytes[i] != '\\' ? 0 : perl_only(p, i, &why);
        if (size > 0) {
            text_printf(ret_why, "error parsing regexp: %s: `%.*s`", why,
                        STR_ARG(str_slice(p, i, i + size)));
            return false;
        }
        if (p.bytes[i] == '{' && !is_in_class && is_too_often(p, i)) {
            text_printf(ret_why, "error parsing regexp: invalid repeat count: `%.*s`",
                        STR_ARG(repeat_count(p, i)));
            return false;
        }
        if (p.bytes[i] == '\\')
            i++;
        else if (p.bytes[i] == '[' && !is_in_class)
            is_in_class = true;
        else if (p.bytes[i] == ']')
            is_in_class = false;
    }
    return true;
}

/* PCRE2's mistakes in Go's words. */
static void why_text(struct str p, int code, size_t offset, struct text *out)
{
    struct str from = p;
    const char *why = NULL;
    if (code == PCRE2_ERROR_MISSING_SQUARE_BRACKET) {
        size_t open = str_find(p, '[');
        from = str_slice(p, open < p.size ? open : 0, p.size);
        why = "missing closing ]";
    } else if (code == PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS) {
        why = "missing closing )";
    } else if (code == PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS) {
        why = "unexpected )";
    } else if (code == PCRE2_ERROR_QUANTIFIER_INVALID) {
        from = str_slice(p, offset, offset + 1);
        why = "missing argument to repetition operator";
    } else if (code == PCRE2_ERROR_END_BACKSLASH) {
        from = S("");
        why = "trailing backslash at end of expression";
    } else if (code == PCRE2_ERROR_CLASS_RANGE_ORDER) {
        from = str_slice(p, offset >= 2 ? offset - 2 : 0, offset + 1);
        why = "invalid character class range";
    } else if (code == PCRE2_ERROR_QUANTIFIER_OUT_OF_ORDER ||
               code == PCRE2_ERROR_QUANTIFIER_TOO_BIG) {
        size_t open = offset;
        while (open > 0 && p.bytes[open] != '{')
            open--;
        from = repeat_count(p, open);
        why = "invalid repeat count";
    } else if (code == PCRE2_ERROR_ESCAPE_INVALID_IN_CLASS || code == PCRE2_ERROR_UNKNOWN_ESCAPE) {
        from = str_slice(p, offset > 0 ? offset - 1 : 0, offset + 1);
        why = "invalid escape sequence";
    }
    text_add(out, S("error parsing regexp: "));
    if (why) {
        text_printf(out, "%s: `%.*s`", why, STR_ARG(from));
        return;
    }
    PCRE2_UCHAR message[128] = {0};
    (void)pcre2_get_error_message(code, message, sizeof(message));
    text_printf(out, "%s: `%.*s`", (const char *)message, STR_ARG(p));
}

/* NULL: not valid; then the message, when `ret_why` is there. */
static pcre2_code *compile(struct str pattern, struct text *ret_why)
{
    AUTO(text) struct text ignored = {0};
    struct text *why = ret_why ? ret_why : &ignored;
    int code;
    PCRE2_SIZE offset;
    if (!is_re2(pattern, why))
        return NULL;
    pcre2_code *p =
        pcre2_compile((PCRE2_SPTR)(pattern.size ? pattern.bytes : ""), pattern.size,
                      PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UCP, &code, &offset, NULL);
    if (!p)
        why_text(pattern, code, offset, why);
    return p;
}

bool pattern_is_valid(struct str pattern, struct text *ret_why)
{
    pcre2_code *p = compile(pattern, ret_why);
    pcre2_code_free(p);
    return p != NULL;
}

bool pattern_find(struct str pattern, struct str subject, size_t from, size_t *ret_start,
                  size_t *ret_end)
{
    pcre2_code *p = compile(pattern, NULL);
    if (!p)
        return false;
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(p, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    CHECK(match && limits);
    pcre2_set_match_limit(limits, MATCH_STEPS_MAX);
    pcre2_set_depth_limit(limits, MATCH_DEPTH_MAX);
    bool found = pcre2_match(p, (PCRE2_SPTR)(subject.size ? subject.bytes : ""), subject.size, from,
                             0, match, limits) > 0;
    if (found) {
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(match);
        *ret_start = place[0];
        *ret_end = place[1];
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(match);
    pcre2_code_free(p);
    return found;
}

bool pattern_matches(struct str pattern, struct str subject)
{
    size_t start, end;
    return pattern_find(pattern, subject, 0, &start, &end);
}
