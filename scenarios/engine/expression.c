/* SPDX-License-Identifier: Apache-2.0
 *
 * A small part of jq, read into a tree of terms and evaluated on values in place. libjq needs tens
 * of milliseconds to compile an expression and a copy of the whole object to evaluate it; a tally
 * evaluates one for each change of an object.
 *
 * Precedence as in jq, from the loosest: | // or and comparison path. An absent value is jq's null.
 *
 * Invariant: evaluation either gives what jq 1.6 gives or is undecided.
 */
#include "sim/base/base.h"

#include "scenarios/engine/expression.h"

#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define TERM_DEPTH_MAX 32
#define EXACT_INTEGER_MAX (INT64_C(1) << 53) /* jq's numbers are doubles */

enum term_kind {
    TERM_INPUT,
    TERM_LITERAL,
    TERM_FIELD, /* left, name */
    TERM_INDEX, /* left, number */
    TERM_PIPE,  /* left | right */
    TERM_ELSE,  /* left // right */
    TERM_OR,
    TERM_AND,
    TERM_EQUAL,
    TERM_NOT_EQUAL,
    TERM_LESS,
    TERM_LESS_EQUAL,
    TERM_GREATER,
    TERM_GREATER_EQUAL,
    TERM_NOT,
    TERM_LENGTH,
    TERM_HAS, /* name */
    TERM_ANY, /* left: the condition */
    TERM_ALL,
};

struct term {
    enum term_kind kind;
    size_t left, right; /* indices */
    atom name;
    size_t number;
    struct value literal; /* owned */
};

struct expression {
    VEC(struct term) terms;
    size_t root;
};

/* ---- reading ---- */

struct reader {
    struct expression *e;
    struct str rest;
    unsigned depth;
};

static bool read_pipe(struct reader *r, size_t *ret_term);

static size_t add(struct reader *r, struct term t)
{
    vec_push(&r->e->terms, t);
    return r->e->terms.count - 1;
}

static void skip_blanks(struct reader *r)
{
    while (r->rest.size && strchr(" \t\n\r", r->rest.bytes[0]) && r->rest.bytes[0])
        r->rest = str_slice(r->rest, 1, r->rest.size);
}

/* Takes a sign if no byte of `not_before` follows it. */
static bool take(struct reader *r, const char *sign, const char *not_before)
{
    skip_blanks(r);
    struct str s = str_from(sign);
    if (!str_starts_with(r->rest, s))
        return false;
    if (r->rest.size > s.size && r->rest.bytes[s.size] && strchr(not_before, r->rest.bytes[s.size]))
        return false;
    r->rest = str_slice(r->rest, s.size, r->rest.size);
    return true;
}

static bool is_word_byte(char b, bool is_first)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' ||
           (!is_first && b >= '0' && b <= '9');
}

/* Empty: none begins here. */
static struct str word_at(struct str s)
{
    size_t n = 0;
    while (n < s.size && is_word_byte(s.bytes[n], n == 0))
        n++;
    return str_slice(s, 0, n);
}

static bool take_word(struct reader *r, const char *word)
{
    skip_blanks(r);
    struct str s = word_at(r->rest);
    if (!str_equal(s, str_from(word)))
        return false;
    r->rest = str_slice(r->rest, s.size, r->rest.size);
    return true;
}

/* A text in quotes without escapes. */
static bool read_text(struct reader *r, struct str *ret_text)
{
    if (!take(r, "\"", ""))
        return false;
    size_t end = str_find(r->rest, '"');
    *ret_text = str_slice(r->rest, 0, end);
    if (end == r->rest.size || str_find(*ret_text, '\\') != ret_text->size)
        return false;
    r->rest = str_slice(r->rest, end + 1, r->rest.size);
    return true;
}

static bool read_number(struct reader *r, int64_t *ret_number)
{
    size_t n = 0;
    while (n < r->rest.size && r->rest.bytes[n] >= '0' && r->rest.bytes[n] <= '9')
        n++;
    /* 1.5 and 1e3 are left to jq. */
    bool goes_on =
        n < r->rest.size && (r->rest.bytes[n] == '.' || is_word_byte(r->rest.bytes[n], true));
    if (n == 0 || n > 15 || goes_on || !str_to_int64(str_slice(r->rest, 0, n), ret_number))
        return false;
    r->rest = str_slice(r->rest, n, r->rest.size);
    return true;
}

static size_t add_literal(struct reader *r, struct value own_literal)
{
    return add(r, (struct term){.kind = TERM_LITERAL, .literal = own_literal});
}

static bool read_word(struct reader *r, size_t *ret_term)
{
    static const struct {
        const char *word;
        enum term_kind kind;
    } functions[] = {{"any", TERM_ANY},
                     {"all", TERM_ALL},
                     {"length", TERM_LENGTH},
                     {"not", TERM_NOT},
                     {"has", TERM_HAS}};
    bool is_yes = take_word(r, "true");
    if (is_yes || take_word(r, "false")) {
        *ret_term = add_literal(r, value_bool(is_yes));
        return true;
    }
    if (take_word(r, "null")) {
        *ret_term = add_literal(r, value_null());
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
        struct term t = {.kind = functions[i].kind};
        if (!take_word(r, functions[i].word))
            continue;
        struct str name;
        if (t.kind == TERM_HAS) {
            if (!take(r, "(", "") || !read_text(r, &name) || !take(r, ")", ""))
                return false;
            t.name = atom_of(name);
        } else if (t.kind == TERM_ANY || t.kind == TERM_ALL) {
            if (!take(r, "(", ""))
                t.left = add(r, (struct term){.kind = TERM_INPUT});
            else if (!read_pipe(r, &t.left) || !take(r, ")", ""))
                return false;
        }
        *ret_term = add(r, t);
        return true;
    }
    return false;
}

/* Behind a dot: a name or a text. */
static bool read_field(struct reader *r, size_t from, size_t *ret_term)
{
    struct str name = word_at(r->rest);
    if (name.size)
        r->rest = str_slice(r->rest, name.size, r->rest.size);
    else if (!str_starts_with(r->rest, S("\"")) || !read_text(r, &name))
        return false;
    *ret_term = add(r, (struct term){.kind = TERM_FIELD, .left = from, .name = atom_of(name)});
    return true;
}

static bool read_index(struct reader *r, size_t from, size_t *ret_term)
{
    struct str name;
    int64_t number;
    skip_blanks(r);
    struct term t = {.kind = TERM_FIELD, .left = from};
    if (str_starts_with(r->rest, S("\""))) {
        if (!read_text(r, &name))
            return false;
        t.name = atom_of(name);
    } else {
        if (!read_number(r, &number))
            return false;
        t.kind = TERM_INDEX;
        t.number = (size_t)number;
    }
    *ret_term = add(r, t);
    return take(r, "]", "");
}

static bool read_start(struct reader *r, size_t *ret_term)
{
    struct str text;
    int64_t number;
    skip_blanks(r);
    if (take(r, "(", ""))
        return read_pipe(r, ret_term) && take(r, ")", "");
    if (take(r, ".", ".")) {
        *ret_term = add(r, (struct term){.kind = TERM_INPUT});
        bool is_field =
            r->rest.size && (is_word_byte(r->rest.bytes[0], true) || r->rest.bytes[0] == '"');
        return !is_field || read_field(r, *ret_term, ret_term);
    }
    if (take(r, "[", "")) { /* only the empty one */
        *ret_term = add_literal(r, value_array());
        return take(r, "]", "");
    }
    if (str_starts_with(r->rest, S("\""))) {
        if (!read_text(r, &text))
            return false;
        *ret_term = add_literal(r, value_string(text));
        return true;
    }
    if (read_number(r, &number)) {
        *ret_term = add_literal(r, value_integer(number));
        return true;
    }
    return read_word(r, ret_term);
}

static bool read_path(struct reader *r, size_t *ret_term)
{
    if (!read_start(r, ret_term))
        return false;
    for (;;) {
        if (str_starts_with(r->rest, S("["))) {
            r->rest = str_slice(r->rest, 1, r->rest.size);
            if (!read_index(r, *ret_term, ret_term))
                return false;
        } else if (str_starts_with(r->rest, S("."))) {
            r->rest = str_slice(r->rest, 1, r->rest.size);
            if (!read_field(r, *ret_term, ret_term))
                return false;
        } else {
            return true;
        }
    }
}

static bool read_comparison(struct reader *r, size_t *ret_term)
{
    static const struct {
        const char *sign, *not_before;
        enum term_kind kind;
    } signs[] = {{"==", "", TERM_EQUAL},      {"!=", "", TERM_NOT_EQUAL},
                 {"<=", "", TERM_LESS_EQUAL}, {">=", "", TERM_GREATER_EQUAL},
                 {"<", "", TERM_LESS},        {">", "", TERM_GREATER}};
    if (!read_path(r, ret_term))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(signs); i++) {
        struct term t = {.kind = signs[i].kind, .left = *ret_term};
        if (!take(r, signs[i].sign, signs[i].not_before))
            continue;
        if (!read_path(r, &t.right))
            return false;
        *ret_term = add(r, t);
        return true;
    }
    return true;
}

static bool read_and(struct reader *r, size_t *ret_term)
{
    if (!read_comparison(r, ret_term))
        return false;
    while (take_word(r, "and")) {
        struct term t = {.kind = TERM_AND, .left = *ret_term};
        if (!read_comparison(r, &t.right))
            return false;
        *ret_term = add(r, t);
    }
    return true;
}

static bool read_or(struct reader *r, size_t *ret_term)
{
    if (!read_and(r, ret_term))
        return false;
    while (take_word(r, "or")) {
        struct term t = {.kind = TERM_OR, .left = *ret_term};
        if (!read_and(r, &t.right))
            return false;
        *ret_term = add(r, t);
    }
    return true;
}

static bool read_else(struct reader *r, size_t *ret_term)
{
    if (!read_or(r, ret_term))
        return false;
    if (!take(r, "//", "="))
        return true;
    struct term t = {.kind = TERM_ELSE, .left = *ret_term};
    if (++r->depth > TERM_DEPTH_MAX || !read_else(r, &t.right))
        return false;
    r->depth--;
    *ret_term = add(r, t);
    return true;
}

static bool read_pipe(struct reader *r, size_t *ret_term)
{
    if (++r->depth > TERM_DEPTH_MAX || !read_else(r, ret_term))
        return false;
    while (take(r, "|", "=")) {
        struct term t = {.kind = TERM_PIPE, .left = *ret_term};
        if (!read_else(r, &t.right))
            return false;
        *ret_term = add(r, t);
    }
    r->depth--;
    return true;
}

struct expression *expression_new(struct str text)
{
    struct expression *e = mem_new(struct expression);
    struct reader r = {.e = e, .rest = text};
    bool is_read = read_pipe(&r, &e->root);
    skip_blanks(&r);
    if (is_read && r.rest.size == 0)
        return e;
    expression_free(e);
    return NULL;
}

void expression_free(struct expression *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->terms.count; i++)
        value_drop(e->terms.items[i].literal);
    vec_release(&e->terms);
    mem_free(e);
}

/* ---- evaluating: false is undecided ---- */

static bool evaluate(const struct expression *e, size_t term, struct value input,
                     struct value *ret);

static bool is_null(struct value v)
{
    return !value_is_present(v) || value_kind(v) == VALUE_NULL;
}

static bool is_true(struct value v)
{
    return !is_null(v) && !(value_kind(v) == VALUE_BOOL && !value_as_bool(v));
}

static bool field_of(struct value v, const struct term *t, struct value *ret)
{
    if (!is_null(v) && value_kind(v) != VALUE_OBJECT)
        return false;
    *ret = value_get(v, t->name);
    return true;
}

static bool item_of(struct value v, const struct term *t, struct value *ret)
{
    if (!is_null(v) && value_kind(v) != VALUE_ARRAY)
        return false;
    *ret = value_at(v, t->number);
    return true;
}

/* jq's order of types: null, false, true, numbers, strings; -1: jq has more to say. */
static int rank_of(struct value v)
{
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        return 0;
    case VALUE_BOOL:
        return value_as_bool(v) ? 2 : 1;
    case VALUE_INTEGER: {
        int64_t n = value_as_integer(v, 0);
        return n > -EXACT_INTEGER_MAX && n < EXACT_INTEGER_MAX ? 3 : -1;
    }
    case VALUE_STRING:
        return 4;
    case VALUE_DOUBLE:
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        break;
    }
    return -1;
}

static bool compare(enum term_kind kind, struct value a, struct value b, struct value *ret)
{
    int rank_a = rank_of(a), rank_b = rank_of(b);
    if (rank_a < 0 || rank_b < 0)
        return false;
    int order = (rank_a > rank_b) - (rank_a < rank_b);
    if (order == 0 && rank_a >= 3)
        order = value_compare(a, b);
    bool holds = kind == TERM_EQUAL        ? order == 0
                 : kind == TERM_NOT_EQUAL  ? order != 0
                 : kind == TERM_LESS       ? order < 0
                 : kind == TERM_LESS_EQUAL ? order <= 0
                 : kind == TERM_GREATER    ? order > 0
                                           : order >= 0;
    *ret = value_bool(holds);
    return true;
}

/* any and all end at the first item that decides. */
static bool quantify(const struct expression *e, const struct term *t, struct value list,
                     struct value *ret)
{
    if (value_kind(list) != VALUE_ARRAY)
        return false;
    bool wanted = t->kind == TERM_ANY, found = false;
    for (size_t i = 0; i < value_count(list) && !found; i++) {
        struct value item;
        if (!evaluate(e, t->left, value_at(list, i), &item))
            return false;
        found = is_true(item) == wanted;
    }
    *ret = value_bool(found == wanted);
    return true;
}

static bool length_of(struct value v, struct value *ret)
{
    if (!is_null(v) && value_kind(v) != VALUE_ARRAY && value_kind(v) != VALUE_OBJECT)
        return false;
    *ret = value_integer((int64_t)value_count(v));
    return true;
}

static bool has_key(struct value v, atom name, struct value *ret)
{
    if (value_kind(v) != VALUE_OBJECT)
        return false;
    *ret = value_bool(value_is_present(value_get(v, name)));
    return true;
}

static bool evaluate(const struct expression *e, size_t term, struct value input, struct value *ret)
{
    const struct term *t = &e->terms.items[term];
    struct value left, right;
    switch (t->kind) {
    case TERM_INPUT:
        *ret = input;
        return true;
    case TERM_LITERAL:
        *ret = t->literal;
        return true;
    case TERM_FIELD:
        return evaluate(e, t->left, input, &left) && field_of(left, t, ret);
    case TERM_INDEX:
        return evaluate(e, t->left, input, &left) && item_of(left, t, ret);
    case TERM_PIPE:
        return evaluate(e, t->left, input, &left) && evaluate(e, t->right, left, ret);
    case TERM_ELSE:
        if (!evaluate(e, t->left, input, ret))
            return false;
        return is_true(*ret) || evaluate(e, t->right, input, ret);
    case TERM_OR:
    case TERM_AND:
        if (!evaluate(e, t->left, input, &left))
            return false;
        if (is_true(left) != (t->kind == TERM_OR) && !evaluate(e, t->right, input, &left))
            return false;
        *ret = value_bool(is_true(left));
        return true;
    case TERM_EQUAL:
    case TERM_NOT_EQUAL:
    case TERM_LESS:
    case TERM_LESS_EQUAL:
    case TERM_GREATER:
    case TERM_GREATER_EQUAL:
        return evaluate(e, t->left, input, &left) && evaluate(e, t->right, input, &right) &&
               compare(t->kind, left, right, ret);
    case TERM_NOT:
        *ret = value_bool(!is_true(input));
        return true;
    case TERM_LENGTH:
        return length_of(input, ret);
    case TERM_HAS:
        return has_key(input, t->name, ret);
    case TERM_ANY:
    case TERM_ALL:
        return quantify(e, t, input, ret);
    }
    return false;
}

enum expression_answer expression_holds(const struct expression *e, struct value input)
{
    struct value result;
    if (!evaluate(e, e->root, input, &result))
        return EXPRESSION_UNDECIDED;
    return is_true(result) ? EXPRESSION_HOLDS : EXPRESSION_FAILS;
}
