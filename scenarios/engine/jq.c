/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that knows libjq. Values become jq's own by a walk, not through text. An expression
 * that yields nothing, false, null or an error does not hold.
 *
 * Most expressions compare plain paths with literals; those are compiled into a short list of
 * comparisons and read the value in place. When such a comparison meets a type for which jq has
 * rules of its own (an index into a text, a fraction, an order between types), libjq is asked after
 * all, so that no answer depends on which way was taken.
 */
#include "sim/base/base.h"

#include "scenarios/engine/jq.h"

#include <jq.h>
#include <jv.h>

#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define COMPARISONS_MAX 8
#define PATH_MAX_KEYS 8

enum comparison_operator { EQUAL, NOT_EQUAL };
enum answer { NO, YES, ASK_JQ };

struct comparison {
    atom path[PATH_MAX_KEYS];
    size_t path_count;
    enum comparison_operator operator;
    struct value literal; /* owned */
};

struct jq_filter {
    char *expression;
    struct comparison comparisons[COMPARISONS_MAX];
    size_t comparison_count; /* 0: not simple */
    jq_state *jq;            /* compiled when first needed */
};

static bool parse_simple(struct jq_filter *f, struct str text);
static bool parse_comparison(struct comparison *c, struct str *text);
static bool parse_literal(struct comparison *c, struct str *text);
static enum answer compare(const struct comparison *c, struct value v);
static bool ask_jq(struct jq_filter *f, struct value v);
static jq_state *compile(const char *expression, struct text *why);
static void note_error(void *why, jv message);
static jv jv_of(struct value v);

struct jq_filter *jq_filter_new(struct str expression, struct text *ret_why)
{
    struct jq_filter *f = mem_new(struct jq_filter);
    f->expression = mem_copy_string(expression);
    if (parse_simple(f, expression))
        return f;
    f->jq = compile(f->expression, ret_why);
    if (!f->jq) {
        jq_filter_free(f);
        return NULL;
    }
    return f;
}

void jq_filter_free(struct jq_filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < COMPARISONS_MAX; i++)
        value_drop(f->comparisons[i].literal);
    if (f->jq)
        jq_teardown(&f->jq);
    mem_free(f->expression);
    mem_free(f);
}

bool jq_filter_holds(struct jq_filter *f, struct value v)
{
    for (size_t i = 0; i < f->comparison_count; i++) {
        enum answer a = compare(&f->comparisons[i], v);
        if (a == NO)
            return false;
        if (a == ASK_JQ)
            return ask_jq(f, v);
    }
    return f->comparison_count > 0 || ask_jq(f, v);
}

bool jq_filter_is_simple(const struct jq_filter *f)
{
    return f->comparison_count > 0;
}

bool jq_check(struct str expression, struct text *ret_why)
{
    struct jq_filter *f = jq_filter_new(expression, ret_why);
    bool is_good = f != NULL;
    jq_filter_free(f);
    return is_good;
}

/* ---- plain comparisons ---- */

static void skip_blanks(struct str *text)
{
    while (text->size && (text->bytes[0] == ' ' || text->bytes[0] == '\n'))
        *text = str_slice(*text, 1, text->size);
}

static bool take(struct str *text, struct str word)
{
    skip_blanks(text);
    if (!str_starts_with(*text, word))
        return false;
    *text = str_slice(*text, word.size, text->size);
    return true;
}

/* On false nothing of the comparisons counts. */
static bool parse_simple(struct jq_filter *f, struct str text)
{
    size_t count = 0;
    do {
        if (count == COMPARISONS_MAX || !parse_comparison(&f->comparisons[count], &text))
            return false;
        count++;
    } while (take(&text, S("and ")));
    skip_blanks(&text);
    if (text.size)
        return false;
    f->comparison_count = count;
    return true;
}

static bool is_word_byte(char b, bool is_first)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' ||
           (!is_first && b >= '0' && b <= '9');
}

static bool parse_comparison(struct comparison *c, struct str *text)
{
    while (c->path_count == 0 ? take(text, S(".")) : str_starts_with(*text, S("."))) {
        if (c->path_count > 0)
            *text = str_slice(*text, 1, text->size);
        size_t n = 0;
        while (n < text->size && is_word_byte(text->bytes[n], n == 0))
            n++;
        if (n == 0 || c->path_count == PATH_MAX_KEYS)
            return false;
        c->path[c->path_count++] = atom_of(str_slice(*text, 0, n));
        *text = str_slice(*text, n, text->size);
    }
    if (c->path_count == 0)
        return false;
    if (take(text, S("==")))
        c->operator= EQUAL;
    else if (take(text, S("!=")))
        c->operator= NOT_EQUAL;
    else
        return false;
    return parse_literal(c, text);
}

static bool parse_literal(struct comparison *c, struct str *text)
{
    skip_blanks(text);
    size_t n = 0;
    if (text->size && text->bytes[0] == '"') {
        struct str rest = str_slice(*text, 1, text->size);
        n = str_find(rest, '"');
        struct str content = str_slice(rest, 0, n);
        if (n == rest.size || str_find(content, '\\') != content.size)
            return false;
        value_drop(c->literal);
        c->literal = value_string(content);
        *text = str_slice(rest, n + 1, rest.size);
        return true;
    }
    while (n < text->size && text->bytes[n] != ' ' && text->bytes[n] != '\n')
        n++;
    struct str word = str_slice(*text, 0, n);
    int64_t number;
    if (str_equal(word, S("true")) || str_equal(word, S("false")))
        c->literal = value_bool(word.size == 4);
    else if (word.size < 16 && str_to_int64(word, &number))
        c->literal = value_integer(number);
    else
        return false;
    *text = str_slice(*text, n, text->size);
    return true;
}

static enum answer compare(const struct comparison *c, struct value v)
{
    for (size_t i = 0; i < c->path_count; i++) {
        enum value_kind kind = value_kind(v);
        if (kind != VALUE_OBJECT && kind != VALUE_NONE && kind != VALUE_NULL)
            return ASK_JQ;
        v = value_get(v, c->path[i]);
    }
    if (value_kind(v) == VALUE_DOUBLE)
        return ASK_JQ;
    return value_equal(v, c->literal) == (c->operator== EQUAL) ? YES : NO;
}

/* ---- libjq ---- */

static bool ask_jq(struct jq_filter *f, struct value v)
{
    if (!f->jq) {
        f->jq = compile(f->expression, NULL);
        CHECK(f->jq);
    }
    jq_start(f->jq, jv_of(v), 0);
    jv result = jq_next(f->jq);
    bool holds = false;
    if (jv_is_valid(result)) {
        jv_kind kind = jv_get_kind(result);
        holds = kind != JV_KIND_NULL && kind != JV_KIND_FALSE;
    }
    jv_free(result);
    return holds;
}

static jq_state *compile(const char *expression, struct text *why)
{
    jq_state *jq = jq_init();
    CHECK(jq);
    jq_set_error_cb(jq, note_error, why);
    bool compiled = jq_compile(jq, expression) != 0;
    jq_set_error_cb(jq, note_error, NULL);
    if (!compiled) {
        jq_teardown(&jq);
        return NULL;
    }
    return jq;
}

static void note_error(void *why, jv message)
{
    jv line = jq_format_error(message);
    if (why && ((struct text *)why)->size == 0) {
        struct str text = {jv_string_value(line), (size_t)jv_string_length_bytes(jv_copy(line))};
        struct str rest;
        text_add(why, str_cut(text, '\n', &rest));
    }
    jv_free(line);
}

static jv jv_string_of(struct str s)
{
    CHECK(s.size < INT32_MAX);
    return jv_string_sized(s.bytes, (int)s.size);
}

static jv jv_of(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        return jv_null();
    case VALUE_BOOL:
        return value_as_bool(v) ? jv_true() : jv_false();
    case VALUE_INTEGER:
        return jv_number((double)value_as_integer(v, 0));
    case VALUE_DOUBLE:
        return jv_number(value_as_double(v, 0));
    case VALUE_STRING:
        return jv_string_of(value_str(v));
    case VALUE_ARRAY: {
        jv array = jv_array();
        for (size_t i = 0; i < value_count(v); i++)
            array = jv_array_append(array, jv_of(value_at(v, i)));
        return array;
    }
    case VALUE_OBJECT: {
        jv object = jv_object();
        for (size_t i = 0; i < value_count(v); i++)
            object = jv_object_set(object, jv_string_of(value_key_at(v, i)),
                                   jv_of(value_member_at(v, i)));
        return object;
    }
    }
    return jv_null();
}
