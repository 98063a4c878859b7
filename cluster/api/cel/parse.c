/* SPDX-License-Identifier: Apache-2.0
 *
 * Text to tree: a recursive-descent parser of CEL's grammar. Macros are recognised here.
 *
 *     Expr        = ConditionalOr ["?" ConditionalOr ":" Expr]
 *     ConditionalOr, ConditionalAnd, Relation, Addition, Multiplication, Unary, Member, Primary
 *
 * Source: github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
 */
#include "sim/base/base.h"

#include "cluster/api/cel/cel_private.h"

#include <stdlib.h>

#include "cluster/api/utf8.h"

enum token { TOKEN_END, TOKEN_IDENT, TOKEN_INT, TOKEN_DOUBLE, TOKEN_STRING, TOKEN_SYMBOL };
struct parser {
    struct cel_program *program;
    struct str source;
    size_t at; /* behind the token */
    struct text *why;
    bool has_failed;
    int depth;
    enum token token;
    size_t token_at;
    struct str text; /* of the token */
    struct text string;
};

static struct cel_node *expression(struct parser *p);

void cel_issue(const struct cel_program *p, size_t at, struct text *why, const char *format, ...)
{
    struct str source = text_str(&p->source);
    size_t line = 1, start = 0, column;
    va_list arguments;
    for (size_t i = 0; i < at && i < source.size; i++) {
        if (source.bytes[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    column = at - start;
    struct str rest = str_slice(source, start, source.size);
    struct str shown = str_slice(rest, 0, str_find(rest, '\n'));
    text_printf(why, "%sERROR: <input>:%zu:%zu: ", why->size ? "\n" : "", line, column + 1);
    va_start(arguments, format);
    text_vprintf(why, format, arguments);
    va_end(arguments);
    text_printf(why, "\n | %.*s\n | ", STR_ARG(shown));
    for (size_t i = 0; i < column; i++)
        text_add_byte(why, '.');
    text_add_byte(why, '^');
}

static void PRINTF_LIKE(3, 4) fail(struct parser *p, size_t at, const char *format, ...)
{
    AUTO(text) struct text message = {0};
    va_list arguments;
    if (p->has_failed)
        return;
    p->has_failed = true;
    p->token = TOKEN_END;
    p->at = p->source.size;
    va_start(arguments, format);
    text_vprintf(&message, format, arguments);
    va_end(arguments);
    cel_issue(p->program, at, p->why, "%s", text_c(&message));
}

/* ---- tokens ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(const struct parser *p, size_t ahead)
{
    return p->at + ahead < p->source.size ? p->source.bytes[p->at + ahead] : 0;
}

static void skip_blanks(struct parser *p)
{
    for (;;) {
        char c = peek(p, 0);
        if (c == '/' && peek(p, 1) == '/') {
            while (p->at < p->source.size && peek(p, 0) != '\n')
                p->at++;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            p->at++;
        } else {
            return;
        }
    }
}

static int hex_digit(char c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* `count` digits behind an escape; false: there are none. */
static bool read_code(struct parser *p, size_t count, int base, uint32_t *ret_code)
{
    *ret_code = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = hex_digit(peek(p, 0));
        if (digit < 0 || digit >= base)
            return false;
        *ret_code = *ret_code * (uint32_t)base + (uint32_t)digit;
        p->at++;
    }
    return true;
}

static void read_escape(struct parser *p)
{
    static const char plain[] = "abfnrtv\\\"'`?", meant[] = "\a\b\f\n\r\t\v\\\"'`?";
    char c = peek(p, 0);
    const char *at = c ? strchr(plain, c) : NULL;
    uint32_t code = 0;
    bool is_read;
    if (at) {
        text_add_byte(&p->string, meant[at - plain]);
        p->at++;
        return;
    }
    if (c == 'x' || c == 'X' || c == 'u' || c == 'U') {
        p->at++;
        is_read = read_code(p, c == 'u' ? 4 : c == 'U' ? 8 : 2, 16, &code);
    } else {
        is_read = read_code(p, 3, 8, &code);
    }
    if (!is_read)
        fail(p, p->at, "Syntax error: token recognition error at: '\\%c'", c ? c : ' ');
    else
        utf8_add(&p->string, code);
}

static void read_string(struct parser *p, bool is_raw)
{
    char quote = peek(p, 0);
    bool is_triple = peek(p, 1) == quote && peek(p, 2) == quote;
    size_t closing = is_triple ? 3 : 1;
    text_clear(&p->string);
    p->at += closing;
    for (;;) {
        bool closes = peek(p, 0) == quote;
        if (is_triple)
            closes = closes && peek(p, 1) == quote && peek(p, 2) == quote;
        if (p->at >= p->source.size || (!is_triple && peek(p, 0) == '\n')) {
            fail(p, p->token_at, "Syntax error: token recognition error at: '%.*s'",
                 STR_ARG(str_slice(p->source, p->token_at, p->at)));
            return;
        }
        if (closes)
            break;
        if (peek(p, 0) == '\\' && !is_raw) {
            p->at++;
            read_escape(p);
        } else {
            text_add_byte(&p->string, peek(p, 0));
            p->at++;
        }
    }
    p->at += closing;
    p->token = TOKEN_STRING;
}

static void read_number(struct parser *p)
{
    bool is_hex = peek(p, 0) == '0' && (peek(p, 1) == 'x' || peek(p, 1) == 'X');
    p->token = TOKEN_INT;
    if (is_hex)
        p->at += 2;
    while (is_hex ? hex_digit(peek(p, 0)) >= 0 : is_digit(peek(p, 0)))
        p->at++;
    if (!is_hex && peek(p, 0) == '.' && is_digit(peek(p, 1))) {
        p->token = TOKEN_DOUBLE;
        p->at++;
        while (is_digit(peek(p, 0)))
            p->at++;
    }
    if (!is_hex && (peek(p, 0) == 'e' || peek(p, 0) == 'E')) {
        p->token = TOKEN_DOUBLE;
        p->at += peek(p, 1) == '+' || peek(p, 1) == '-' ? 2 : 1;
        while (is_digit(peek(p, 0)))
            p->at++;
    }
    p->text = str_slice(p->source, p->token_at, p->at);
    if (peek(p, 0) == 'u' || peek(p, 0) == 'U')
        fail(p, p->token_at, "unsigned integers are not supported");
}

static void next(struct parser *p)
{
    static const char *const pairs[] = {"==", "!=", "<=", ">=", "&&", "||"};
    if (p->has_failed)
        return;
    skip_blanks(p);
    p->token_at = p->at;
    char c = peek(p, 0);
    if (p->at >= p->source.size) {
        p->token = TOKEN_END;
        p->text = S("<EOF>");
        return;
    }
    bool is_prefixed = (c == 'r' || c == 'R') && (peek(p, 1) == '"' || peek(p, 1) == '\'');
    if (c == '"' || c == '\'' || is_prefixed) {
        p->at += is_prefixed;
        read_string(p, is_prefixed);
        return;
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(p, 1)))) {
        read_number(p);
        return;
    }
    if (is_letter(c)) {
        while (is_letter(peek(p, 0)) || is_digit(peek(p, 0)))
            p->at++;
        p->token = TOKEN_IDENT;
        p->text = str_slice(p->source, p->token_at, p->at);
        return;
    }
    p->token = TOKEN_SYMBOL;
    p->at++;
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
        if (str_starts_with(str_slice(p->source, p->token_at, p->source.size), str_from(pairs[i])))
            p->at = p->token_at + 2;
    p->text = str_slice(p->source, p->token_at, p->at);
    if (!strchr("=!<>&|+-*/%()[]{}.,:?", c) || (p->text.size == 1 && strchr("=&|", c)))
        fail(p, p->token_at, "Syntax error: token recognition error at: '%c'", c);
}

static bool is_symbol(const struct parser *p, const char *symbol)
{
    return !p->has_failed && p->token == TOKEN_SYMBOL && str_equal(p->text, str_from(symbol));
}

static bool take(struct parser *p, const char *symbol)
{
    if (!is_symbol(p, symbol))
        return false;
    next(p);
    return true;
}

static void expect(struct parser *p, const char *symbol)
{
    if (!take(p, symbol))
        fail(p, p->token_at, "Syntax error: missing '%s' at '%.*s'", symbol, STR_ARG(p->text));
}

/* ---- nodes ---- */

static struct cel_node *node(struct parser *p, enum cel_node_kind kind, size_t at)
{
    struct cel_node *n = arena_new(&p->program->arena, struct cel_node);
    *n = (struct cel_node){.kind = kind, .at = at};
    return n;
}

static struct cel_node *literal(struct parser *p, size_t at, struct value own)
{
    struct cel_node *n = node(p, NODE_LITERAL, at);
    n->literal = own;
    vec_push(&p->program->literals, own);
    return n;
}

/* Expressions up to `closing`, which is taken; `per` of them in a row separated by ':' (maps). */
static void list_read(struct parser *p, const char *closing, bool is_map, struct cel_node *n)
{
    VEC(struct cel_node *) items = {0};
    while (!p->has_failed && !is_symbol(p, closing)) {
        vec_push(&items, expression(p));
        if (is_map) {
            expect(p, ":");
            vec_push(&items, expression(p));
        }
        if (!take(p, ","))
            break;
    }
    expect(p, closing);
    n->arg_count = items.count;
    n->args = arena_array(&p->program->arena, struct cel_node *, items.count + 1);
    if (items.count > 0)
        memcpy(n->args, items.items, items.count * sizeof(*n->args));
    vec_release(&items);
}

static bool is_macro(struct str name, size_t args)
{
    bool takes_two = str_equal(name, S("all")) || str_equal(name, S("exists")) ||
                     str_equal(name, S("exists_one")) || str_equal(name, S("existsOne")) ||
                     str_equal(name, S("filter"));
    return (takes_two && args == 2) || (str_equal(name, S("map")) && (args == 2 || args == 3));
}

static bool is_of(const struct cel_node *n, const char *ident)
{
    return n->kind == NODE_IDENT && str_equal(n->name, str_from(ident));
}

/* a.name(args): a macro, cel.bind, or a call. */
static struct cel_node *member_call(struct parser *p, struct cel_node *n)
{
    if (is_macro(n->name, n->arg_count)) {
        if (n->args[0]->kind != NODE_IDENT) {
            fail(p, n->args[0]->at, "argument must be a simple name");
            return n;
        }
        n->kind = NODE_MACRO;
        n->variable = n->args[0]->name;
        n->b = n->args[1];
        n->c = n->arg_count == 3 ? n->args[2] : NULL;
        if (str_equal(n->name, S("existsOne")))
            n->name = S("exists_one");
    } else if (is_of(n->a, "cel") && str_equal(n->name, S("bind")) && n->arg_count == 3) {
        if (n->args[0]->kind != NODE_IDENT) {
            fail(p, n->args[0]->at, "cel.bind() variable names must be simple identifiers");
            return n;
        }
        n->kind = NODE_BIND;
        n->variable = n->args[0]->name;
        n->a = n->args[1];
        n->b = n->args[2];
    } else if (n->a->kind == NODE_IDENT &&
               (is_of(n->a, "optional") || is_of(n->a, "sets") || is_of(n->a, "math"))) {
        AUTO(text) struct text whole = {0};
        text_printf(&whole, "%.*s.%.*s", STR_ARG(n->a->name), STR_ARG(n->name));
        n->name = arena_str(&p->program->arena, text_str(&whole));
        n->a = NULL;
    }
    return n;
}

static struct cel_node *global_call(struct parser *p, struct cel_node *n)
{
    if (!str_equal(n->name, S("has")))
        return n;
    if (n->arg_count != 1 || n->args[0]->kind != NODE_SELECT) {
        fail(p, n->at, "invalid argument to has() macro");
        return n;
    }
    n->args[0]->kind = NODE_HAS;
    return n->args[0];
}

static struct value number_literal(struct parser *p)
{
    int64_t n = 0;
    if (p->token == TOKEN_DOUBLE)
        return value_double(strtod(p->text.bytes, NULL)); /* ends at what is no digit */
    if (p->text.size > 2 && (p->text.bytes[1] == 'x' || p->text.bytes[1] == 'X')) {
        for (size_t i = 2; i < p->text.size; i++)
            n = (int64_t)((uint64_t)n * 16 + (uint64_t)hex_digit(p->text.bytes[i]));
    } else if (!str_to_int64(p->text, &n)) {
        fail(p, p->token_at, "Syntax error: invalid int literal");
    }
    return value_integer(n);
}

static struct cel_node *word(struct parser *p)
{
    size_t at = p->token_at;
    struct str name = p->text;
    next(p);
    if (str_equal(name, S("true")) || str_equal(name, S("false")))
        return literal(p, at, value_bool(name.bytes[0] == 't'));
    if (str_equal(name, S("null")))
        return literal(p, at, value_null());
    bool is_call = is_symbol(p, "(");
    struct cel_node *n = node(p, is_call ? NODE_CALL : NODE_IDENT, at);
    n->name = name;
    if (!is_call)
        return n;
    next(p);
    list_read(p, ")", false, n);
    return p->has_failed ? n : global_call(p, n);
}

static struct cel_node *primary(struct parser *p)
{
    size_t at = p->token_at;
    struct cel_node *n;
    if (p->token == TOKEN_STRING && !p->has_failed) {
        n = literal(p, at, value_string(text_str(&p->string)));
        next(p);
        return n;
    }
    if ((p->token == TOKEN_INT || p->token == TOKEN_DOUBLE) && !p->has_failed) {
        n = literal(p, at, number_literal(p));
        next(p);
        return n;
    }
    if (p->token == TOKEN_IDENT && !p->has_failed)
        return word(p);
    if (take(p, "(")) {
        n = expression(p);
        expect(p, ")");
        return n;
    }
    if (is_symbol(p, "[") || is_symbol(p, "{")) {
        bool is_map = is_symbol(p, "{");
        n = node(p, is_map ? NODE_MAP : NODE_LIST, at);
        next(p);
        list_read(p, is_map ? "}" : "]", is_map, n);
        return n;
    }
    fail(p, at,
         "Syntax error: mismatched input '%.*s' expecting {'[', '{', '(', '.', '-', '!', "
         "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
         STR_ARG(p->text));
    return node(p, NODE_LIST, at);
}

static struct cel_node *selected(struct parser *p, struct cel_node *of, size_t at)
{
    bool is_optional = take(p, "?");
    struct cel_node *n = node(p, is_optional ? NODE_OPT_SELECT : NODE_SELECT, at);
    n->a = of;
    n->name = p->text;
    if (p->token != TOKEN_IDENT)
        fail(p, p->token_at, "Syntax error: no viable alternative at input '.%.*s'",
             STR_ARG(p->text));
    next(p);
    if (!is_symbol(p, "("))
        return n;
    n->at = p->token_at;
    n->kind = NODE_CALL;
    next(p);
    list_read(p, ")", false, n);
    return p->has_failed ? n : member_call(p, n);
}

/* A chain is as deep a tree as it is long. */
static void limit(struct parser *p, size_t length)
{
    if (length > CEL_CHAIN_MAX)
        fail(p, p->token_at, "expression recursion limit exceeded: %d", CEL_CHAIN_MAX);
}

static struct cel_node *member(struct parser *p)
{
    struct cel_node *n = primary(p);
    for (size_t length = 0; !p->has_failed; length++) {
        size_t at = p->token_at;
        limit(p, length);
        if (take(p, ".")) {
            n = selected(p, n, at);
        } else if (take(p, "[")) {
            struct cel_node *index = node(p, take(p, "?") ? NODE_OPT_INDEX : NODE_INDEX, at);
            index->a = n;
            index->b = expression(p);
            expect(p, "]");
            n = index;
        } else {
            break;
        }
    }
    return n;
}

static struct cel_node *unary(struct parser *p)
{
    size_t at = p->token_at;
    bool is_not = is_symbol(p, "!");
    if (!is_not && !is_symbol(p, "-"))
        return member(p);
    if (++p->depth > CEL_DEPTH_MAX)
        fail(p, at, "expression recursion limit exceeded: %d", CEL_DEPTH_MAX);
    next(p);
    struct cel_node *inner = p->has_failed ? NULL : unary(p);
    p->depth--;
    struct cel_node *n = node(p, is_not ? NODE_NOT : NODE_NEGATE, at);
    n->a = inner;
    if (inner && !is_not && inner->kind == NODE_LITERAL) {
        if (value_kind(inner->literal) == VALUE_INTEGER)
            return literal(p, at, value_integer(-value_as_integer(inner->literal, 0)));
        if (value_kind(inner->literal) == VALUE_DOUBLE)
            return literal(p, at, value_double(-value_as_double(inner->literal, 0)));
    }
    return n;
}

/* Operators by how strongly they bind, weakest first. */
static const char *const levels[][8] = {{"||", NULL},
                                        {"&&", NULL},
                                        {"==", "!=", "<=", ">=", "<", ">", "in", NULL},
                                        {"+", "-", NULL},
                                        {"*", "/", "%", NULL}};

static const char *operator_of(const struct parser *p, size_t level)
{
    for (size_t i = 0; !p->has_failed && levels[level][i]; i++) {
        bool is_word = is_letter(levels[level][i][0]);
        if (p->token == (is_word ? TOKEN_IDENT : TOKEN_SYMBOL) &&
            str_equal(p->text, str_from(levels[level][i])))
            return levels[level][i];
    }
    return NULL;
}

static struct cel_node *binary(struct parser *p, size_t level)
{
    if (level == ARRAY_COUNT(levels))
        return unary(p);
    struct cel_node *left = binary(p, level + 1);
    size_t length = 0;
    for (const char *op = operator_of(p, level); op; op = operator_of(p, level)) {
        limit(p, length++);
        struct cel_node *n = node(p,
                                  level == 0   ? NODE_OR
                                  : level == 1 ? NODE_AND
                                               : NODE_BINARY,
                                  p->token_at);
        next(p);
        n->name = str_from(op);
        n->a = left;
        n->b = binary(p, level + 1);
        left = n;
    }
    return left;
}

static struct cel_node *expression(struct parser *p)
{
    if (++p->depth > CEL_DEPTH_MAX) {
        fail(p, p->token_at, "expression recursion limit exceeded: %d", CEL_DEPTH_MAX);
        p->depth--;
        return node(p, NODE_LIST, p->token_at);
    }
    struct cel_node *n = binary(p, 0);
    size_t at = p->token_at;
    if (take(p, "?")) {
        struct cel_node *conditional = node(p, NODE_CONDITIONAL, at);
        conditional->a = n;
        conditional->b = binary(p, 0);
        expect(p, ":");
        conditional->c = expression(p);
        n = conditional;
    }
    p->depth--;
    return n;
}

struct cel_node *cel_parse(struct cel_program *program, struct text *why)
{
    struct parser p = {.program = program, .source = text_str(&program->source), .why = why};
    next(&p);
    struct cel_node *n = expression(&p);
    if (!p.has_failed && p.token != TOKEN_END)
        fail(&p, p.token_at, "Syntax error: extraneous input '%.*s' expecting <EOF>",
             STR_ARG(p.text));
    text_release(&p.string);
    return p.has_failed ? NULL : n;
}
