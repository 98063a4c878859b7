/* SPDX-License-Identifier: Apache-2.0
 *
 * The shell's compiler: one pass of recursive descent over the text, straight to instructions.
 *
 * A command substitution is compiled in front of the command it is a word of: its instructions
 * capture their output into a slot, which the word then names. Loops keep the places of their
 * breaks to be filled in at the end. Limits: nesting SHELL_DEPTH_MAX. What the subset lacks
 * (arrays, [[, here-documents with expansion of fields, select, coproc) is a syntax error, said as
 * the real one says it.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"

#define SHELL_DEPTH_MAX 64
#define BREAKS_MAX 32

struct loop {
    struct loop *outer;
    uint32_t continue_at;
    uint32_t breaks[BREAKS_MAX];
    uint32_t break_count;
};
struct parser {
    struct str text;
    size_t at;
    struct shell_code *code;
    struct text *error;
    struct loop *loop;
    int depth;
    bool failed;
};

static void parse_list(struct parser *p, const char *const *ends);
static void parse_command(struct parser *p);
static bool parse_word(struct parser *p, struct shell_word *word);

static void fail(struct parser *p, const char *near)
{
    if (!p->failed && p->error)
        text_printf(p->error, "sh: syntax error: unexpected %s\n", near);
    p->failed = true;
}

static uint32_t emit(struct parser *p, enum shell_operation operation, uint32_t a, uint32_t b)
{
    struct shell_instruction i = {operation, a, b};
    vec_push(&p->code->instructions, i);
    return (uint32_t)p->code->instructions.count - 1;
}
static uint32_t here(const struct parser *p)
{
    return (uint32_t)p->code->instructions.count;
}
static void patch_a(struct parser *p, uint32_t at)
{
    p->code->instructions.items[at].a = here(p);
}
static void patch_b(struct parser *p, uint32_t at)
{
    p->code->instructions.items[at].b = here(p);
}
static uint32_t command_new(struct parser *p)
{
    struct shell_command c = {0};
    vec_push(&p->code->commands, c);
    return (uint32_t)p->code->commands.count - 1;
}

/* Puts an instruction in front of those compiled since `before`; their targets move by one. */
static void insert(struct parser *p, uint32_t before, struct shell_instruction instruction)
{
    vec_insert(&p->code->instructions, before, instruction);
    for (uint32_t i = before + 1; i < here(p); i++) {
        struct shell_instruction *x = &p->code->instructions.items[i];
        enum shell_operation o = x->operation;
        if ((o == SHELL_JUMP || o == SHELL_JUMP_FALSE || o == SHELL_JUMP_TRUE || o == SHELL_FORK) &&
            x->a >= before)
            x->a++;
        if ((o == SHELL_FOR_NEXT || o == SHELL_CASE_MATCH || o == SHELL_FUNCTION) && x->b >= before)
            x->b++;
    }
    for (struct loop *l = p->loop; l; l = l->outer) {
        for (uint32_t i = 0; i < l->break_count; i++)
            l->breaks[i] += l->breaks[i] >= before;
    }
}

/* ---- characters ---- */

static char peek_at(const struct parser *p, size_t offset)
{
    return p->at + offset < p->text.size ? p->text.bytes[p->at + offset] : '\0';
}
static char peek(const struct parser *p)
{
    return peek_at(p, 0);
}
static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_name(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9');
}
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}
static bool ends_word(char c)
{
    return c == '\0' || c == '\n' || is_blank(c) || c == ';' || c == '&' || c == '|' || c == '<' ||
           c == '>' || c == '(' || c == ')';
}

static void skip_blanks(struct parser *p)
{
    for (;;) {
        if (is_blank(peek(p)))
            p->at++;
        else if (peek(p) == '\\' && peek_at(p, 1) == '\n')
            p->at += 2;
        else if (peek(p) == '#' && (p->at == 0 || ends_word(p->text.bytes[p->at - 1])))
            while (peek(p) != '\0' && peek(p) != '\n')
                p->at++;
        else
            return;
    }
}
static void skip_lines(struct parser *p)
{
    skip_blanks(p);
    while (peek(p) == '\n' || peek(p) == ';') {
        if (peek(p) == ';' && peek_at(p, 1) == ';')
            return;
        p->at++;
        skip_blanks(p);
    }
}

/* The bare word at this place, without taking it. */
static struct str peek_word(struct parser *p)
{
    skip_blanks(p);
    size_t end = p->at;
    while (end < p->text.size && !ends_word(p->text.bytes[end]))
        end++;
    return str_slice(p->text, p->at, end);
}
static bool at_word(struct parser *p, const char *word)
{
    return str_equal(peek_word(p), str_from(word));
}
static bool take_word(struct parser *p, const char *word)
{
    if (!at_word(p, word))
        return false;
    p->at += strlen(word);
    return true;
}
static void expect_word(struct parser *p, const char *word)
{
    skip_lines(p);
    if (!take_word(p, word))
        fail(p, peek(p) == '\0' ? "end of file" : "word");
}

/* ---- words ---- */

static struct shell_part *part_new(struct shell_word *w, enum shell_part_kind kind, bool quoted)
{
    struct shell_part part = {.kind = kind, .is_quoted = quoted};
    vec_push(&w->parts, part);
    return &vec_last(&w->parts);
}
static void add_byte(struct shell_word *w, char c, bool quoted)
{
    struct shell_part *last = w->parts.count ? &vec_last(&w->parts) : NULL;
    if (!last || last->kind != PART_TEXT || last->is_quoted != quoted)
        last = part_new(w, PART_TEXT, quoted);
    text_add_byte(&last->text, c);
}

/* $( ... ): instructions in front, a slot in the word. */
static void parse_capture(struct parser *p, struct shell_word *w, bool quoted)
{
    static const char *const ends[] = {")", NULL};
    uint32_t slot = p->code->slot_count++;
    (void)emit(p, SHELL_CAPTURE_BEGIN, 0, 0);
    parse_list(p, ends);
    if (peek(p) != ')')
        fail(p, "end of file (expecting \")\")");
    p->at++;
    (void)emit(p, SHELL_CAPTURE_END, slot, 0);
    part_new(w, PART_CAPTURE, quoted)->slot = slot;
}

static void parse_backticks(struct parser *p, struct shell_word *w, bool quoted)
{
    size_t end = p->at;
    while (end < p->text.size && p->text.bytes[end] != '`')
        end++;
    struct parser inner = *p;
    inner.text = str_slice(p->text, p->at, end);
    inner.at = 0;
    uint32_t slot = p->code->slot_count++;
    (void)emit(p, SHELL_CAPTURE_BEGIN, 0, 0);
    static const char *const ends[] = {NULL};
    parse_list(&inner, ends);
    p->failed = p->failed || inner.failed || end == p->text.size;
    (void)emit(p, SHELL_CAPTURE_END, slot, 0);
    part_new(w, PART_CAPTURE, quoted)->slot = slot;
    p->at = end + 1;
}

static void parse_braced(struct parser *p, struct shell_word *w, bool quoted)
{
    bool is_length = peek(p) == '#' && is_name_start(peek_at(p, 1));
    p->at += is_length ? 1 : 0;
    size_t from = p->at;
    while (is_name(peek(p)) || peek(p) == '?' || peek(p) == '@' ||
           (peek(p) == '#' && p->at == from))
        p->at++;
    struct shell_part *part = part_new(w, is_length ? PART_LENGTH : PART_VARIABLE, quoted);
    text_add(&part->text, str_slice(p->text, from, p->at));
    if (peek(p) == ':')
        p->at++;
    if (peek(p) == '-' || peek(p) == '=' || peek(p) == '+') {
        part->kind = peek(p) == '+' ? PART_ALTERNATIVE : PART_DEFAULT;
        p->at++;
        while (peek(p) != '}' && peek(p) != '\0') {
            if (peek(p) != '"')
                text_add_byte(&part->fallback, peek(p));
            p->at++;
        }
    }
    if (peek(p) != '}')
        fail(p, "substitution");
    p->at++;
}

static void parse_dollar(struct parser *p, struct shell_word *w, bool quoted)
{
    p->at++;
    char c = peek(p);
    if (c == '(' && peek_at(p, 1) == '(') {
        p->at += 2;
        struct shell_part *part = part_new(w, PART_ARITHMETIC, quoted);
        for (int depth = 0; peek(p) != '\0'; p->at++) {
            if (depth == 0 && peek(p) == ')' && peek_at(p, 1) == ')')
                break;
            depth += peek(p) == '(' ? 1 : peek(p) == ')' ? -1 : 0;
            text_add_byte(&part->text, peek(p));
        }
        p->at += 2;
    } else if (c == '(') {
        p->at++;
        parse_capture(p, w, quoted);
    } else if (c == '{') {
        p->at++;
        parse_braced(p, w, quoted);
    } else if (is_name_start(c)) {
        struct shell_part *part = part_new(w, PART_VARIABLE, quoted);
        while (is_name(peek(p)))
            text_add_byte(&part->text, p->text.bytes[p->at++]);
    } else if (c == '?' || c == '#' || c == '@' || c == '*' || c == '$' || c == '!' ||
               (c >= '0' && c <= '9')) {
        text_add_byte(&part_new(w, PART_VARIABLE, quoted)->text, c);
        p->at++;
    } else {
        add_byte(w, '$', quoted);
    }
}

static void parse_double_quotes(struct parser *p, struct shell_word *w)
{
    p->at++;
    (void)part_new(w, PART_TEXT, true);
    while (peek(p) != '"') {
        char c = peek(p);
        if (c == '\0') {
            fail(p, "end of file (expecting '\"')");
            return;
        }
        if (c == '$') {
            parse_dollar(p, w, true);
        } else if (c == '`') {
            p->at++;
            parse_backticks(p, w, true);
        } else if (c == '\\' && strchr("\"\\$`\n", peek_at(p, 1))) {
            if (peek_at(p, 1) != '\n')
                add_byte(w, peek_at(p, 1), true);
            p->at += 2;
        } else {
            add_byte(w, c, true);
            p->at++;
        }
    }
    p->at++;
}

/* False when no word begins here. */
static bool parse_word(struct parser *p, struct shell_word *w)
{
    skip_blanks(p);
    size_t from = p->at;
    while (!ends_word(peek(p)) && !p->failed) {
        char c = peek(p);
        if (c == '\'') {
            w->is_quoted = true;
            (void)part_new(w, PART_TEXT, true);
            for (p->at++; peek(p) != '\'' && peek(p) != '\0'; p->at++)
                add_byte(w, peek(p), true);
            if (peek(p) == '\0')
                fail(p, "end of file (expecting \"'\")");
            p->at++;
        } else if (c == '"') {
            w->is_quoted = true;
            parse_double_quotes(p, w);
        } else if (c == '$') {
            parse_dollar(p, w, false);
        } else if (c == '`') {
            p->at++;
            parse_backticks(p, w, false);
        } else if (c == '\\') {
            if (peek_at(p, 1) != '\n')
                add_byte(w, peek_at(p, 1), true);
            p->at += 2;
        } else {
            add_byte(w, c, false);
            p->at++;
        }
    }
    return p->at > from;
}

static void add_redirection(struct parser *p, uint32_t command, enum shell_redirection_kind kind,
                            bool with_word)
{
    struct shell_redirection r = {.kind = kind};
    if (with_word && !parse_word(p, &r.word))
        fail(p, "newline");
    vec_push(&p->code->commands.items[command].redirections, r);
}

/* True when a redirection was taken. */
static bool parse_redirection(struct parser *p, uint32_t command)
{
    skip_blanks(p);
    char c = peek(p), d = peek_at(p, 1);
    if (c == '2' && d == '>' && peek_at(p, 2) == '&' && peek_at(p, 3) == '1') {
        p->at += 4;
        add_redirection(p, command, REDIRECT_ERROR_TO_OUT, false);
    } else if (c == '2' && d == '>') {
        p->at += peek_at(p, 2) == '>' ? 3 : 2;
        add_redirection(p, command, REDIRECT_ERROR_WRITE, true);
    } else if ((c == '>' && d == '&' && peek_at(p, 2) == '2') ||
               (c == '1' && d == '>' && peek_at(p, 2) == '&' && peek_at(p, 3) == '2')) {
        p->at += c == '1' ? 4 : 3;
        add_redirection(p, command, REDIRECT_OUT_TO_ERROR, false);
    } else if (c == '&' && d == '>') {
        p->at += 2;
        add_redirection(p, command, REDIRECT_ERROR_TO_OUT, false);
        add_redirection(p, command, REDIRECT_WRITE, true);
    } else if (c == '>' || (c == '1' && d == '>')) {
        p->at += c == '1' ? 2 : 1;
        bool append = peek(p) == '>';
        p->at += append ? 1 : 0;
        add_redirection(p, command, append ? REDIRECT_APPEND : REDIRECT_WRITE, true);
    } else if (c == '<' && d != '<') {
        p->at++;
        add_redirection(p, command, REDIRECT_READ, true);
    } else {
        return false;
    }
    return true;
}

/* ---- commands ---- */

static const char *const reserved[] = {"then", "else", "elif", "fi", "do",
                                       "done", "esac", "}",    NULL};

static bool at_end(struct parser *p, const char *const *ends)
{
    skip_blanks(p);
    if (peek(p) == '\0' || p->failed)
        return true;
    for (size_t i = 0; ends[i]; i++) {
        if (ends[i][0] == ')' || ends[i][0] == ';') {
            if (peek(p) == ends[i][0] && (ends[i][1] == '\0' || peek_at(p, 1) == ends[i][1]))
                return true;
        } else if (at_word(p, ends[i])) {
            return true;
        }
    }
    return false;
}

static void parse_simple(struct parser *p)
{
    uint32_t command = command_new(p);
    bool any = false;
    while (!p->failed) {
        if (parse_redirection(p, command)) {
            any = true;
            continue;
        }
        struct shell_word w = {0};
        if (!parse_word(p, &w))
            break;
        any = true;
        vec_push(&p->code->commands.items[command].words, w);
    }
    if (!any)
        fail(p, peek(p) == '\0' ? "end of file" : "\";\"");
    (void)emit(p, SHELL_COMMAND, command, 0);
}

static void parse_if(struct parser *p)
{
    static const char *const then_ends[] = {"then", NULL};
    static const char *const body_ends[] = {"elif", "else", "fi", NULL};
    static const char *const else_ends[] = {"fi", NULL};
    parse_list(p, then_ends);
    expect_word(p, "then");
    uint32_t skip = emit(p, SHELL_JUMP_FALSE, 0, 0);
    parse_list(p, body_ends);
    uint32_t out = emit(p, SHELL_JUMP, 0, 0);
    patch_a(p, skip);
    if (take_word(p, "elif")) {
        parse_if(p);
    } else if (take_word(p, "else")) {
        parse_list(p, else_ends);
        expect_word(p, "fi");
    } else {
        (void)emit(p, SHELL_STATUS, 0, 0);
        expect_word(p, "fi");
    }
    patch_a(p, out);
}

static void loop_end(struct parser *p, struct loop *l)
{
    for (uint32_t i = 0; i < l->break_count; i++)
        patch_a(p, l->breaks[i]);
    p->loop = l->outer;
}

static void parse_while(struct parser *p, bool until)
{
    static const char *const do_ends[] = {"do", NULL};
    static const char *const done_ends[] = {"done", NULL};
    struct loop l = {.outer = p->loop, .continue_at = here(p)};
    p->loop = &l;
    parse_list(p, do_ends);
    expect_word(p, "do");
    uint32_t out = emit(p, until ? SHELL_JUMP_TRUE : SHELL_JUMP_FALSE, 0, 0);
    parse_list(p, done_ends);
    expect_word(p, "done");
    (void)emit(p, SHELL_JUMP, l.continue_at, 0);
    patch_a(p, out);
    (void)emit(p, SHELL_STATUS, 0, 0);
    loop_end(p, &l);
}

static void parse_for(struct parser *p)
{
    static const char *const done_ends[] = {"done", NULL};
    uint32_t variable = command_new(p), list = command_new(p);
    struct shell_word name = {0};
    if (!parse_word(p, &name))
        fail(p, "newline");
    vec_push(&p->code->commands.items[variable].words, name);
    skip_lines(p);
    if (take_word(p, "in")) {
        for (;;) {
            struct shell_word w = {0};
            if (!parse_word(p, &w))
                break;
            vec_push(&p->code->commands.items[list].words, w);
        }
    }
    expect_word(p, "do");
    (void)emit(p, SHELL_FOR_BEGIN, list, 0);
    struct loop l = {.outer = p->loop, .continue_at = here(p)};
    p->loop = &l;
    uint32_t next = emit(p, SHELL_FOR_NEXT, variable, 0);
    parse_list(p, done_ends);
    expect_word(p, "done");
    (void)emit(p, SHELL_JUMP, l.continue_at, 0);
    patch_b(p, next);
    loop_end(p, &l);
    (void)emit(p, SHELL_FOR_END, 0, 0);
}

static void parse_case(struct parser *p)
{
    static const char *const ends[] = {";;", "esac", NULL};
    uint32_t word = command_new(p), outs[BREAKS_MAX], out_count = 0;
    struct shell_word w = {0};
    (void)parse_word(p, &w);
    vec_push(&p->code->commands.items[word].words, w);
    expect_word(p, "in");
    (void)emit(p, SHELL_CASE_BEGIN, word, 0);
    for (skip_lines(p); !p->failed && !at_word(p, "esac") && peek(p) != '\0'; skip_lines(p)) {
        uint32_t patterns = command_new(p);
        p->at += peek(p) == '(' ? 1 : 0;
        do {
            p->at += peek(p) == '|' ? 1 : 0;
            struct shell_word pattern = {0};
            (void)parse_word(p, &pattern);
            vec_push(&p->code->commands.items[patterns].words, pattern);
            skip_blanks(p);
        } while (peek(p) == '|');
        if (peek(p) != ')')
            fail(p, "word (expecting \")\")");
        p->at++;
        uint32_t miss = emit(p, SHELL_CASE_MATCH, patterns, 0);
        parse_list(p, ends);
        if (peek(p) == ';' && peek_at(p, 1) == ';')
            p->at += 2;
        if (out_count < BREAKS_MAX)
            outs[out_count++] = emit(p, SHELL_JUMP, 0, 0);
        else
            fail(p, "too many cases");
        patch_b(p, miss);
    }
    expect_word(p, "esac");
    for (uint32_t i = 0; i < out_count; i++)
        patch_a(p, outs[i]);
}

static void parse_function(struct parser *p, struct str name)
{
    uint32_t command = command_new(p);
    struct shell_word w = {0};
    text_add(&part_new(&w, PART_TEXT, true)->text, name);
    vec_push(&p->code->commands.items[command].words, w);
    p->at += name.size + 2;
    skip_lines(p);
    uint32_t define = emit(p, SHELL_FUNCTION, command, 0);
    struct loop *outer = p->loop;
    p->loop = NULL;
    parse_command(p);
    p->loop = outer;
    (void)emit(p, SHELL_RETURN, 0, 0);
    patch_b(p, define);
}

static bool parse_break(struct parser *p)
{
    bool is_break = at_word(p, "break");
    if ((!is_break && !at_word(p, "continue")) || !p->loop)
        return false;
    p->at += is_break ? 5 : 8;
    uint32_t at = emit(p, SHELL_JUMP, p->loop->continue_at, 0);
    if (is_break && p->loop->break_count < BREAKS_MAX)
        p->loop->breaks[p->loop->break_count++] = at;
    return true;
}

static bool parse_compound(struct parser *p)
{
    static const char *const brace_ends[] = {"}", NULL};
    static const char *const paren_ends[] = {")", NULL};
    if (take_word(p, "if"))
        parse_if(p);
    else if (take_word(p, "while"))
        parse_while(p, false);
    else if (take_word(p, "until"))
        parse_while(p, true);
    else if (take_word(p, "for"))
        parse_for(p);
    else if (take_word(p, "case"))
        parse_case(p);
    else if (take_word(p, "{")) {
        parse_list(p, brace_ends);
        expect_word(p, "}");
    } else if (peek(p) == '(') {
        p->at++;
        parse_list(p, paren_ends);
        if (peek(p) != ')')
            fail(p, "end of file (expecting \")\")");
        p->at++;
    } else {
        return false;
    }
    return true;
}

static void parse_command(struct parser *p)
{
    skip_blanks(p);
    if (++p->depth > SHELL_DEPTH_MAX)
        fail(p, "nesting");
    uint32_t before = here(p);
    struct str word = peek_word(p);
    for (size_t i = 0; reserved[i]; i++) {
        if (str_equal(word, str_from(reserved[i])))
            fail(p, "word");
    }
    if (p->failed || parse_break(p)) {
        p->depth--;
        return;
    }
    if (p->at + word.size + 1 < p->text.size && word.size > 0 && is_name_start(word.bytes[0]) &&
        p->text.bytes[p->at + word.size] == '(' && p->text.bytes[p->at + word.size + 1] == ')') {
        parse_function(p, word);
    } else if (parse_compound(p)) {
        skip_blanks(p);
        uint32_t redirect = command_new(p);
        while (parse_redirection(p, redirect))
            skip_blanks(p);
        if (p->code->commands.items[redirect].redirections.count > 0 && !p->failed) {
            struct shell_instruction begin = {SHELL_REDIRECT_BEGIN, redirect, 0};
            insert(p, before, begin);
            (void)emit(p, SHELL_REDIRECT_END, 0, 0);
        }
    } else {
        parse_simple(p);
    }
    p->depth--;
}

static void parse_pipeline(struct parser *p)
{
    bool negate = take_word(p, "!");
    uint32_t before = here(p);
    parse_command(p);
    skip_blanks(p);
    if (peek(p) == '|' && peek_at(p, 1) != '|' && !p->failed) {
        struct shell_instruction begin = {SHELL_CAPTURE_BEGIN, 0, 0};
        insert(p, before, begin);
        while (peek(p) == '|' && peek_at(p, 1) != '|' && !p->failed) {
            p->at++;
            skip_lines(p);
            uint32_t next = emit(p, SHELL_PIPE_NEXT, 0, 0);
            parse_command(p);
            skip_blanks(p);
            p->code->instructions.items[next].a = peek(p) == '|' && peek_at(p, 1) != '|';
        }
        (void)emit(p, SHELL_PIPE_END, 0, 0);
    }
    if (negate)
        (void)emit(p, SHELL_NOT, 0, 0);
}

/* True when it ended with &: what follows may begin at once. */
static bool parse_and_or(struct parser *p)
{
    uint32_t before = here(p);
    parse_pipeline(p);
    skip_blanks(p);
    while (!p->failed &&
           ((peek(p) == '&' && peek_at(p, 1) == '&') || (peek(p) == '|' && peek_at(p, 1) == '|'))) {
        bool is_and = peek(p) == '&';
        p->at += 2;
        skip_lines(p);
        uint32_t skip = emit(p, is_and ? SHELL_JUMP_FALSE : SHELL_JUMP_TRUE, 0, 0);
        parse_pipeline(p);
        patch_a(p, skip);
        skip_blanks(p);
    }
    if (peek(p) == '&' && peek_at(p, 1) != '>' && !p->failed) {
        p->at++;
        struct shell_instruction fork = {SHELL_FORK, 0, 0};
        insert(p, before, fork);
        (void)emit(p, SHELL_END, 0, 0);
        patch_a(p, before);
        return true;
    }
    return false;
}

static void parse_list(struct parser *p, const char *const *ends)
{
    skip_lines(p);
    while (!at_end(p, ends)) {
        bool in_background = parse_and_or(p);
        skip_blanks(p);
        if (p->failed || at_end(p, ends))
            break;
        if (peek(p) != ';' && peek(p) != '\n' && !in_background) {
            fail(p, peek(p) == ')' ? "\")\"" : "word");
            break;
        }
        skip_lines(p);
    }
}

struct shell_code *shell_compile(struct str script, struct text *error)
{
    static const char *const ends[] = {NULL};
    struct parser p = {.text = script, .error = error, .code = mem_new(struct shell_code)};
    p.code->references = 1;
    parse_list(&p, ends);
    if (!p.failed && p.at < script.size)
        fail(&p, "word");
    (void)emit(&p, SHELL_END, 0, 0);
    if (!p.failed)
        return p.code;
    shell_code_unref(p.code);
    return NULL;
}

static void word_release(struct shell_word *w)
{
    for (size_t i = 0; i < w->parts.count; i++) {
        text_release(&w->parts.items[i].text);
        text_release(&w->parts.items[i].fallback);
    }
    vec_release(&w->parts);
}

void shell_code_unref(struct shell_code *c)
{
    if (!c || --c->references > 0)
        return;
    for (size_t i = 0; i < c->commands.count; i++) {
        struct shell_command *command = &c->commands.items[i];
        for (size_t k = 0; k < command->words.count; k++)
            word_release(&command->words.items[k]);
        for (size_t k = 0; k < command->redirections.count; k++)
            word_release(&command->redirections.items[k].word);
        vec_release(&command->words);
        vec_release(&command->redirections);
    }
    vec_release(&c->commands);
    vec_release(&c->instructions);
    mem_free(c);
}
