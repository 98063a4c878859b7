/* SPDX-License-Identifier: Apache-2.0
 *
 * Label selectors. The grammar, the messages and the meaning are those of apimachinery/pkg/labels:
 * "in", "notin", "exists" and "does not exist" beside equality; a label that is missing satisfies
 * != and notin; requirements are kept sorted by key. A compiled requirement has its key as an atom
 * and its values as words, so matching is a lookup and mostly one comparison.
 *
 * Source: kubernetes.io/docs/concepts/overview/working-with-objects/labels/
 */
#include "sim/base/base.h"

#include "cluster/api/selector.h"

#include "cluster/api/names.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

#define TEXT_OPERATORS "in, notin, =, ==, !=, gt, lt"

enum operator{
    OPERATOR_IN,
    OPERATOR_NOT_IN,
    OPERATOR_EQUALS,
    OPERATOR_DOUBLE_EQUALS,
    OPERATOR_NOT_EQUALS,
    OPERATOR_GREATER,
    OPERATOR_LESS,
    OPERATOR_EXISTS,
    OPERATOR_NOT_EXISTS,
};
struct requirement {
    atom key;
    enum operator operator;
    VEC(struct value) values; /* strings, a set sorted by bytes */
    int64_t bound;            /* greater, less */
};
struct label_selector {
    bool is_nothing;
    VEC(struct requirement) requirements;
};

static bool requirement_check(struct requirement *r, struct text *why);

/* ---- building ---- */

static void requirement_release(struct requirement *r)
{
    for (size_t i = 0; i < r->values.count; i++)
        value_drop(r->values.items[i]);
    vec_release(&r->values);
}

static void requirement_add(struct requirement *r, struct value own_value)
{
    size_t at = 0;
    int order = -1;
    while (at < r->values.count && (order = value_compare(r->values.items[at], own_value)) < 0)
        at++;
    if (at < r->values.count && order == 0) {
        value_drop(own_value);
        return;
    }
    vec_insert(&r->values, at, own_value);
}

static int by_key(const void *a, const void *b, void *context)
{
    (void)context;
    const struct requirement *x = a, *y = b;
    return str_compare(atom_text(x->key), atom_text(y->key));
}

static struct label_selector *finish(struct label_selector *s)
{
    sort_stable(s->requirements.items, s->requirements.count, sizeof(s->requirements.items[0]),
                by_key, NULL);
    return s;
}

void label_selector_free(struct label_selector *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->requirements.count; i++)
        requirement_release(&s->requirements.items[i]);
    vec_release(&s->requirements);
    mem_free(s);
}

struct label_selector *label_selector_from_map(struct value labels)
{
    struct label_selector *s = mem_new(struct label_selector);
    for (size_t i = 0; i < value_count(labels); i++) {
        struct requirement r = {.key = value_key_atom_at(labels, i), .operator= OPERATOR_EQUALS };
        requirement_add(&r, value_keep(value_member_at(labels, i)));
        vec_push(&s->requirements, r);
    }
    return finish(s);
}

static bool expression_operator(struct value name, enum operator* ret_operator)
{
    static const struct {
        const char *name;
        enum operator operator;
    } names[] = {{"In", OPERATOR_IN},
                 {"NotIn", OPERATOR_NOT_IN},
                 {"Exists", OPERATOR_EXISTS},
                 {"DoesNotExist", OPERATOR_NOT_EXISTS}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (value_is(name, names[i].name)) {
            *ret_operator = names[i].operator;
            return true;
        }
    return false;
}

static bool add_expression(struct label_selector *s, struct value expression, struct text *why)
{
    struct requirement r = {.key = atom_of(VALUE_STR(expression, key))};
    struct value name = value_get(expression, ATOM_operator);
    if (!expression_operator(name, &r.operator)) {
        text_printf(why, "\"%.*s\" is not a valid label selector operator",
                    STR_ARG(value_str(name)));
        return false;
    }
    struct value values = value_get(expression, ATOM_values);
    for (size_t i = 0; i < value_count(values); i++)
        requirement_add(&r, value_keep(value_at(values, i)));
    if (!requirement_check(&r, why)) {
        requirement_release(&r);
        return false;
    }
    vec_push(&s->requirements, r);
    return true;
}

static bool add_object(struct label_selector *s, struct value selector, struct text *why)
{
    struct value labels = value_get(selector, ATOM_matchLabels);
    for (size_t i = 0; i < value_count(labels); i++) {
        struct requirement r = {.key = value_key_atom_at(labels, i), .operator= OPERATOR_EQUALS };
        requirement_add(&r, value_keep(value_member_at(labels, i)));
        if (!requirement_check(&r, why)) {
            requirement_release(&r);
            return false;
        }
        vec_push(&s->requirements, r);
    }
    struct value expressions = value_get(selector, ATOM_matchExpressions);
    for (size_t i = 0; i < value_count(expressions); i++)
        if (!add_expression(s, value_at(expressions, i), why))
            return false;
    return true;
}

struct label_selector *label_selector_from_object(struct value selector, struct text *ret_why)
{
    AUTO(text) struct text unused = {0};
    struct label_selector *s = mem_new(struct label_selector);
    s->is_nothing = value_kind(selector) != VALUE_OBJECT;
    if (s->is_nothing || add_object(s, selector, ret_why ? ret_why : &unused))
        return finish(s);
    label_selector_free(s);
    return NULL;
}

/* ---- matching ---- */

static bool has_value(const struct requirement *r, struct value label)
{
    for (size_t i = 0; i < r->values.count; i++)
        if (value_is_same(r->values.items[i], label))
            return true;
    for (size_t i = 0; i < r->values.count; i++)
        if (value_equal(r->values.items[i], label))
            return true;
    return false;
}

static bool requirement_matches(const struct requirement *r, struct value labels)
{
    struct value label = value_get(labels, r->key);
    bool is_there = value_is_present(label);
    int64_t n;
    switch (r->operator) {
    case OPERATOR_IN:
    case OPERATOR_EQUALS:
    case OPERATOR_DOUBLE_EQUALS:
        return is_there && has_value(r, label);
    case OPERATOR_NOT_IN:
    case OPERATOR_NOT_EQUALS:
        return !is_there || !has_value(r, label);
    case OPERATOR_EXISTS:
        return is_there;
    case OPERATOR_NOT_EXISTS:
        return !is_there;
    case OPERATOR_GREATER:
        return is_there && str_to_int64(value_str(label), &n) && n > r->bound;
    case OPERATOR_LESS:
        return is_there && str_to_int64(value_str(label), &n) && n < r->bound;
    }
    return false;
}

bool label_selector_matches(const struct label_selector *s, struct value labels)
{
    if (s->is_nothing)
        return false;
    for (size_t i = 0; i < s->requirements.count; i++)
        if (!requirement_matches(&s->requirements.items[i], labels))
            return false;
    return true;
}

bool label_selector_object_matches(struct value selector, struct value labels)
{
    if (value_kind(selector) != VALUE_OBJECT)
        return false;
    struct value wanted = value_get(selector, ATOM_matchLabels);
    for (size_t i = 0; i < value_count(wanted); i++)
        if (!value_equal(value_get_key(labels, value_key_at(wanted, i)),
                         value_member_at(wanted, i)))
            return false;
    if (value_count(value_get(selector, ATOM_matchExpressions)) == 0)
        return true;
    struct label_selector *s = label_selector_from_object(selector, NULL);
    bool matches = s && label_selector_matches(s, labels);
    label_selector_free(s);
    return matches;
}

/* ---- printing ---- */

static void requirement_text(const struct requirement *r, struct text *out)
{
    static const char *const signs[] = {
        [OPERATOR_IN] = " in (",         [OPERATOR_NOT_IN] = " notin (", [OPERATOR_EQUALS] = "=",
        [OPERATOR_DOUBLE_EQUALS] = "==", [OPERATOR_NOT_EQUALS] = "!=",   [OPERATOR_GREATER] = ">",
        [OPERATOR_LESS] = "<",           [OPERATOR_EXISTS] = "",         [OPERATOR_NOT_EXISTS] = "",
    };
    if (r->operator== OPERATOR_NOT_EXISTS)
        text_add_byte(out, '!');
    text_add(out, atom_text(r->key));
    text_add(out, str_from(signs[r->operator]));
    for (size_t i = 0; i < r->values.count; i++) {
        if (i)
            text_add_byte(out, ',');
        text_add(out, value_str(r->values.items[i]));
    }
    if (r->operator== OPERATOR_IN || r->operator== OPERATOR_NOT_IN)
        text_add_byte(out, ')');
}

void label_selector_text(const struct label_selector *s, struct text *out)
{
    for (size_t i = 0; i < s->requirements.count; i++) {
        if (i)
            text_add_byte(out, ',');
        requirement_text(&s->requirements.items[i], out);
    }
}

/* ---- checking ---- */

static void complain(struct text *all, size_t *count, const char *path, struct str bad,
                     const char *why)
{
    if ((*count)++)
        text_add(all, S(", "));
    text_printf(all, "%s: Invalid value: \"%.*s\": %s", path, STR_ARG(bad), why);
}

static void check_values(struct requirement *r, struct text *all, size_t *count)
{
    size_t values = r->values.count;
    const char *why = NULL;
    bool is_set = r->operator== OPERATOR_IN || r->operator== OPERATOR_NOT_IN;
    bool is_existence = r->operator== OPERATOR_EXISTS || r->operator== OPERATOR_NOT_EXISTS;
    if (is_set && values == 0)
        why = "for 'in', 'notin' operators, values set can't be empty";
    else if (is_existence && values > 0)
        why = "values set must be empty for exists and does not exist";
    if (!why)
        return;
    if ((*count)++)
        text_add(all, S(", "));
    text_add(all, S("values: Invalid value: ["));
    for (size_t i = 0; i < values; i++)
        text_printf(all, "%s\"%.*s\"", i ? "," : "", STR_ARG(value_str(r->values.items[i])));
    text_printf(all, "]: %s", why);
}

/* NewRequirement: several faults are printed as Go prints an aggregate. */
static bool requirement_check(struct requirement *r, struct text *why)
{
    AUTO(text) struct text all = {0};
    size_t count = 0;
    struct str key = atom_text(r->key);
    const char *broken = name_label_key(key);
    if (broken)
        complain(&all, &count, "key", key, broken);
    check_values(r, &all, &count);
    for (size_t i = 0; i < r->values.count; i++) {
        struct value v = r->values.items[i];
        AUTO(text) struct text path = {0};
        text_printf(&path, "values[%zu]", i);
        bool is_bound = r->operator== OPERATOR_GREATER || r->operator== OPERATOR_LESS;
        if (is_bound && !str_to_int64(value_str(v), &r->bound))
            complain(&all, &count, text_c(&path), value_str(v),
                     "for 'Gt', 'Lt' operators, the value must be an integer");
        text_printf(&path, "[%.*s]", STR_ARG(key));
        broken = name_label_value(value_str(v));
        if (broken)
            complain(&all, &count, text_c(&path), value_str(v), broken);
    }
    if (count > 1)
        text_printf(why, "[%s]", text_c(&all));
    else
        text_add(why, text_str(&all));
    return count == 0;
}

/* ---- reading: tokens ---- */

enum token {
    TOKEN_ERROR,
    TOKEN_END,
    TOKEN_IDENTIFIER,
    TOKEN_COMMA,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_NOT,
    TOKEN_IN,
    TOKEN_NOT_IN,
    TOKEN_EQUALS,
    TOKEN_DOUBLE_EQUALS,
    TOKEN_NOT_EQUALS,
    TOKEN_GREATER,
    TOKEN_LESS,
};
struct parser {
    struct str text;
    size_t at;
    struct text *why;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
    return c == '=' || c == '!' || c == '(' || c == ')' || c == ',' || c == '>' || c == '<';
}

static enum token special_token(struct str s, size_t *size)
{
    bool is_double = s.size > 1 && s.bytes[1] == '=';
    *size = 1;
    switch (s.bytes[0]) {
    case '=':
        *size = is_double ? 2 : 1;
        return is_double ? TOKEN_DOUBLE_EQUALS : TOKEN_EQUALS;
    case '!':
        *size = is_double ? 2 : 1;
        return is_double ? TOKEN_NOT_EQUALS : TOKEN_NOT;
    case '(':
        return TOKEN_OPEN;
    case ')':
        return TOKEN_CLOSE;
    case ',':
        return TOKEN_COMMA;
    case '>':
        return TOKEN_GREATER;
    default:
        return TOKEN_LESS;
    }
}

/* The next token; words "in" and "notin" are operators only where one may stand. */
static enum token peek(const struct parser *p, bool is_operator_place, struct str *ret_literal,
                       size_t *ret_next)
{
    size_t at = p->at;
    while (at < p->text.size && is_blank(p->text.bytes[at]))
        at++;
    size_t from = at;
    enum token token = TOKEN_IDENTIFIER;
    if (at == p->text.size || p->text.bytes[at] == '\0') {
        token = TOKEN_END;
    } else if (is_special(p->text.bytes[at])) {
        size_t size;
        token = special_token(str_slice(p->text, at, p->text.size), &size);
        at += size;
    } else {
        while (at < p->text.size && p->text.bytes[at] && !is_special(p->text.bytes[at]) &&
               !is_blank(p->text.bytes[at]))
            at++;
    }
    *ret_literal = str_slice(p->text, from, at);
    *ret_next = at;
    if (token == TOKEN_IDENTIFIER && is_operator_place) {
        token = str_equal(*ret_literal, S("in"))      ? TOKEN_IN
                : str_equal(*ret_literal, S("notin")) ? TOKEN_NOT_IN
                                                      : TOKEN_IDENTIFIER;
    }
    return token;
}

static enum token take(struct parser *p, bool is_operator_place, struct str *ret_literal)
{
    size_t next;
    enum token token = peek(p, is_operator_place, ret_literal, &next);
    p->at = next;
    return token;
}

static enum token look(const struct parser *p, struct str *ret_literal)
{
    size_t next;
    return peek(p, false, ret_literal, &next);
}

static bool refuse(struct parser *p, struct str found, const char *expected)
{
    text_printf(p->why, "found '%.*s'%s", STR_ARG(found), expected);
    return false;
}

/* ---- reading: the grammar ---- */

static bool parse_key(struct parser *p, struct requirement *r, bool *ret_is_complete)
{
    struct str literal, next;
    bool is_not = false;
    enum token token = take(p, false, &literal);
    if (token == TOKEN_NOT) {
        is_not = true;
        token = take(p, false, &literal);
    }
    if (token != TOKEN_IDENTIFIER)
        return refuse(p, literal, ", expected: identifier");
    const char *broken = name_label_key(literal);
    if (broken) {
        text_printf(p->why, "<nil>: Invalid value: \"%.*s\": %s", STR_ARG(literal), broken);
        return false;
    }
    r->key = atom_of(literal);
    token = look(p, &next);
    r->operator= is_not ? OPERATOR_NOT_EXISTS : OPERATOR_EXISTS;
    *ret_is_complete = is_not || token == TOKEN_END || token == TOKEN_COMMA;
    return true;
}

static bool parse_operator(struct parser *p, struct requirement *r)
{
    struct str literal;
    switch (take(p, true, &literal)) {
    case TOKEN_IN:
        r->operator= OPERATOR_IN;
        return true;
    case TOKEN_NOT_IN:
        r->operator= OPERATOR_NOT_IN;
        return true;
    case TOKEN_EQUALS:
        r->operator= OPERATOR_EQUALS;
        return true;
    case TOKEN_DOUBLE_EQUALS:
        r->operator= OPERATOR_DOUBLE_EQUALS;
        return true;
    case TOKEN_NOT_EQUALS:
        r->operator= OPERATOR_NOT_EQUALS;
        return true;
    case TOKEN_GREATER:
        r->operator= OPERATOR_GREATER;
        return true;
    case TOKEN_LESS:
        r->operator= OPERATOR_LESS;
        return true;
    case TOKEN_ERROR:
    case TOKEN_END:
    case TOKEN_IDENTIFIER:
    case TOKEN_COMMA:
    case TOKEN_OPEN:
    case TOKEN_CLOSE:
    case TOKEN_NOT:
        break;
    }
    return refuse(p, literal, ", expected: " TEXT_OPERATORS);
}

static bool parse_exact(struct parser *p, struct requirement *r)
{
    struct str literal;
    enum token token = look(p, &literal);
    if (token == TOKEN_END || token == TOKEN_COMMA) {
        requirement_add(r, value_string(S("")));
        return true;
    }
    if (take(p, false, &literal) != TOKEN_IDENTIFIER)
        return refuse(p, literal, ", expected: identifier");
    requirement_add(r, value_string(literal));
    return true;
}

/* What stands between the parentheses; empty items are empty texts. Stops before the closing one.
 */
static bool parse_items(struct parser *p, struct requirement *r)
{
    for (;;) {
        struct str literal, next;
        enum token token = take(p, false, &literal), following;
        if (token == TOKEN_IDENTIFIER) {
            requirement_add(r, value_string(literal));
            following = look(p, &next);
            if (following == TOKEN_CLOSE)
                return true;
            if (following != TOKEN_COMMA)
                return refuse(p, next, ", expected: ',' or ')'");
        } else if (token == TOKEN_COMMA) {
            if (r->values.count == 0)
                requirement_add(r, value_string(S("")));
            following = look(p, &next);
            if (following == TOKEN_CLOSE || following == TOKEN_COMMA)
                requirement_add(r, value_string(S("")));
            if (following == TOKEN_CLOSE)
                return true;
            if (following == TOKEN_COMMA)
                (void)take(p, false, &literal);
        } else {
            return refuse(p, literal, ", expected: ',', or identifier");
        }
    }
}

static bool parse_set(struct parser *p, struct requirement *r)
{
    struct str literal;
    if (take(p, false, &literal) != TOKEN_OPEN)
        return refuse(p, literal, " expected: '('");
    enum token token = look(p, &literal);
    if (token == TOKEN_IDENTIFIER || token == TOKEN_COMMA) {
        if (!parse_items(p, r))
            return false;
    } else if (token != TOKEN_CLOSE) {
        return refuse(p, literal, ", expected: ',', ')' or identifier");
    }
    return take(p, false, &literal) == TOKEN_CLOSE || refuse(p, literal, ", expected: ')'");
}

static bool parse_requirement(struct parser *p, struct requirement *r)
{
    bool is_complete = false;
    if (!parse_key(p, r, &is_complete))
        return false;
    if (!is_complete) {
        if (!parse_operator(p, r))
            return false;
        bool is_set = r->operator== OPERATOR_IN || r->operator== OPERATOR_NOT_IN;
        if (!(is_set ? parse_set(p, r) : parse_exact(p, r)))
            return false;
    }
    return requirement_check(r, p->why);
}

static bool parse(struct parser *p, struct label_selector *s)
{
    for (;;) {
        struct str literal, next;
        enum token token = look(p, &literal);
        if (token == TOKEN_END)
            return true;
        if (token != TOKEN_IDENTIFIER && token != TOKEN_NOT)
            return refuse(p, literal, ", expected: !, identifier, or 'end of string'");
        struct requirement r = {0};
        struct text *why = p->why;
        AUTO(text) struct text inner = {0};
        p->why = &inner;
        bool is_good = parse_requirement(p, &r);
        p->why = why;
        if (!is_good) {
            requirement_release(&r);
            text_printf(why, "unable to parse requirement: %s", text_c(&inner));
            return false;
        }
        vec_push(&s->requirements, r);
        token = take(p, false, &literal);
        if (token == TOKEN_END)
            return true;
        if (token != TOKEN_COMMA)
            return refuse(p, literal, ", expected: ',' or 'end of string'");
        token = look(p, &next);
        if (token != TOKEN_IDENTIFIER && token != TOKEN_NOT)
            return refuse(p, next, ", expected: identifier after ','");
    }
}

struct label_selector *label_selector_parse(struct str text, struct text *ret_why)
{
    AUTO(text) struct text unused = {0};
    struct parser p = {.text = text, .why = ret_why ? ret_why : &unused};
    struct label_selector *s = mem_new(struct label_selector);
    if (parse(&p, s))
        return finish(s);
    label_selector_free(s);
    return NULL;
}
