/* SPDX-License-Identifier: Apache-2.0
 *
 * A shell's state: making and freeing it, what its commands use to write, to look at variables and
 * paths, and redirections. What runs it is shell_machine.c.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"

/* ---- life ---- */

struct shell *shell_make(const struct shell_host *host)
{
    struct shell *s = mem_new(struct shell);
    s->host = *host;
    s->wake_at = INSTANT_NEVER;
    text_add(&s->directory, host->directory ? str_from(host->directory) : S("/"));
    return s;
}

struct shell *shell_new_reader(const struct shell_host *host, enum shell_prompt prompt)
{
    struct shell *s = shell_make(host);
    s->reads_script = true;
    s->prompt = prompt;
    return s;
}

struct shell *shell_new_inner(struct shell *outer, struct shell_code *own_code)
{
    struct shell *s = shell_make(&outer->host);
    s->code = own_code;
    s->outer = outer;
    s->reads_script = own_code == NULL;
    s->prompt = own_code ? PROMPT_NONE : outer->prompt;
    text_clear(&s->directory);
    text_add(&s->directory, text_str(&outer->directory));
    for (uint32_t i = 0; i < outer->variables.count; i++)
        cri_pairs_add(&s->variables, str_from(outer->variables.items[i].key),
                      str_from(outer->variables.items[i].value));
    if (outer->has_input) {
        text_add(&s->input, str_slice(text_str(&outer->input), outer->input_at, outer->input.size));
        s->has_input = true;
    }
    return s;
}

struct shell *shell_new(struct shell_code *own_code, const struct shell_host *host)
{
    struct shell *s = shell_make(host);
    s->code = own_code;
    return s;
}

struct shell *shell_new_command(char *const *words, size_t count, const struct shell_host *host)
{
    struct shell *s = shell_make(host);
    s->single = mem_array(char *, count);
    s->single_count = count;
    for (size_t i = 0; i < count; i++)
        s->single[i] = mem_copy_string(str_from(words[i]));
    return s;
}

void shell_add_parameter(struct shell *s, struct str value)
{
    vec_push(&s->parameters, mem_copy_string(value));
}

void shell_words_free(char **words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(words[i]);
    mem_free(words);
}

void shell_list_release(struct shell_list *l)
{
    for (size_t i = 0; i < l->items.count; i++)
        mem_free(l->items.items[i]);
    vec_release(&l->items);
}

void shell_free(struct shell *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->children.count; i++)
        shell_free(s->children.items[i]);
    shell_free(s->trap_shell);
    shell_free(s->sub);
    shell_code_unref(s->code);
    cri_pairs_release(&s->variables);
    shell_words_free(s->parameters.items, s->parameters.count);
    shell_words_free(s->single, s->single_count);
    shell_words_free(s->pending_words, s->pending_count);
    for (size_t i = 0; i < s->slots.count; i++)
        text_release(&s->slots.items[i]);
    for (size_t i = 0; i < s->lists.count; i++)
        shell_list_release(&s->lists.items[i]);
    for (size_t i = 0; i < s->saved.count; i++)
        shell_list_release(&s->saved.items[i]);
    vec_release(&s->saved);
    for (size_t i = 0; i < s->sinks.count; i++)
        text_release(&s->sinks.items[i].text);
    for (size_t i = 0; i < s->case_words.count; i++)
        text_release(&s->case_words.items[i]);
    vec_release(&s->slots);
    vec_release(&s->lists);
    vec_release(&s->sinks);
    vec_release(&s->case_words);
    vec_release(&s->calls);
    vec_release(&s->children);
    text_release(&s->input);
    text_release(&s->trap);
    text_release(&s->directory);
    text_release(&s->live);
    text_release(&s->script);
    if (s->request)
        message_unref(&s->request->message);
    mem_free(s);
}

/* ---- what commands use ---- */

static void error_bytes(struct shell *s, struct str bytes);

/* Past all redirections. */
void shell_output(struct shell *s, struct str bytes, bool is_error)
{
    if (!s->outer)
        s->host.output(s->host.owner, bytes, is_error);
    else if (is_error)
        error_bytes(s->outer, bytes);
    else
        shell_write(s->outer, bytes);
}

static void sink_write(struct shell *s, size_t level, struct str bytes, bool is_error)
{
    if (level == 0) {
        shell_output(s, bytes, is_error);
        return;
    }
    struct shell_sink *sink = &s->sinks.items[level - 1];
    if (sink->kind == SINK_BUFFER) {
        text_add(&sink->text, bytes);
    } else if (sink->kind == SINK_LOG) {
        sink_write(s, level - 1, bytes, sink->is_error);
    } else {
        const char *error = s->host.write(s->host.owner, text_str(&sink->text), bytes, true);
        if (error)
            s->status = 1;
    }
}

void shell_write(struct shell *s, struct str bytes)
{
    sink_write(s, s->sinks.count, bytes, false);
}

static void error_bytes(struct shell *s, struct str bytes)
{
    bool to_output = false, to_nowhere = false;
    for (size_t i = 0; i < s->sinks.count; i++) {
        to_output = to_output || s->sinks.items[i].is_append;
        to_nowhere =
            to_nowhere || (s->sinks.items[i].kind == SINK_LOG && s->sinks.items[i].text.size > 0);
    }
    if (to_output)
        shell_write(s, bytes);
    else if (!to_nowhere)
        shell_output(s, bytes, true);
}

void shell_write_error(struct shell *s, const char *format, ...)
{
    struct text t = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&t, format, arguments);
    va_end(arguments);
    error_bytes(s, text_str(&t));
    text_release(&t);
}

void shell_set(struct shell *s, struct str name, struct str value)
{
    cri_pairs_set(&s->variables, name, value);
}

const char *shell_get(struct shell *s, struct str name)
{
    const char *value = cri_pairs_get(&s->variables, name);
    return value ? value : s->host.variable(s->host.owner, name);
}

bool shell_match(struct str pattern, struct str text)
{
    if (pattern.size == 0)
        return text.size == 0;
    char c = pattern.bytes[0];
    struct str rest = str_slice(pattern, 1, pattern.size);
    if (c == '*') {
        for (size_t i = 0; i <= text.size; i++) {
            if (shell_match(rest, str_slice(text, i, text.size)))
                return true;
        }
        return false;
    }
    if (text.size == 0)
        return false;
    struct str text_rest = str_slice(text, 1, text.size);
    size_t close = str_find(rest, ']');
    if (c == '[' && close < rest.size && close > 0) {
        bool negate = rest.bytes[0] == '!', found = false;
        for (size_t i = negate ? 1 : 0; i < close; i++) {
            bool is_range = i + 2 < close && rest.bytes[i + 1] == '-';
            char to = is_range ? rest.bytes[i + 2] : rest.bytes[i];
            found = found || (text.bytes[0] >= rest.bytes[i] && text.bytes[0] <= to);
            i += is_range ? 2 : 0;
        }
        return found != negate && shell_match(str_slice(rest, close + 1, rest.size), text_rest);
    }
    return (c == '?' || c == text.bytes[0]) && shell_match(rest, text_rest);
}

struct str shell_path(struct shell *s, struct str path, struct text *buffer)
{
    AUTO(text) struct text whole = {0};
    bool is_folder = str_ends_with(path, S("/"));
    if (!str_starts_with(path, S("/")))
        text_printf(&whole, "%s/", text_c(&s->directory));
    text_add(&whole, path);
    struct str rest = text_str(&whole);
    text_clear(buffer);
    while (rest.size > 0) {
        struct str part = str_cut(rest, '/', &rest);
        if (part.size == 0 || str_equal(part, S(".")))
            continue;
        if (str_equal(part, S(".."))) {
            size_t end = buffer->size;
            while (end > 0 && buffer->bytes[end - 1] != '/')
                end--;
            AUTO(text) struct text kept = {0};
            text_add(&kept, str_slice(text_str(buffer), 0, end > 0 ? end - 1 : 0));
            text_clear(buffer);
            text_add(buffer, text_str(&kept));
            continue;
        }
        text_add_byte(buffer, '/');
        text_add(buffer, part);
    }
    if (buffer->size == 0 || is_folder)
        text_add_byte(buffer, '/');
    return text_str(buffer);
}

/* ---- redirections ---- */

void shell_sink_push(struct shell *s, enum sink_kind kind)
{
    struct shell_sink sink = {.kind = kind};
    vec_push(&s->sinks, sink);
}

void shell_sink_pop(struct shell *s)
{
    CHECK(s->sinks.count > 0);
    text_release(&vec_last(&s->sinks).text);
    (void)vec_pop(&s->sinks);
}

/* False when a file cannot be opened; sinks are pushed either way, as many as redirections that
 * have one. */
bool shell_redirect(struct shell *s, const struct shell_command *c)
{
    bool ok = true;
    for (size_t i = 0; i < c->redirections.count; i++) {
        const struct shell_redirection *r = &c->redirections.items[i];
        AUTO(text) struct text word = {0};
        AUTO(text) struct text path = {0};
        shell_word_text(s, &r->word, &word);
        (void)shell_path(s, text_str(&word), &path);
        if (r->kind == REDIRECT_READ) {
            text_clear(&s->input);
            s->has_input = s->host.read(s->host.owner, text_str(&path), &s->input);
            s->input_at = 0;
            if (!s->has_input) {
                shell_write_error(s, "sh: can't open %s: no such file\n", text_c(&word));
                ok = false;
            }
            continue;
        }
        bool to_file = r->kind == REDIRECT_WRITE || r->kind == REDIRECT_APPEND;
        if (to_file) {
            const char *error =
                s->host.write(s->host.owner, text_str(&path), S(""), r->kind == REDIRECT_APPEND);
            if (error) {
                shell_write_error(s, "sh: can't create %s: %s\n", text_c(&word), error);
                ok = false;
            }
        }
        shell_sink_push(s, to_file ? SINK_FILE : SINK_LOG);
        struct shell_sink *sink = &vec_last(&s->sinks);
        if (to_file || r->kind == REDIRECT_ERROR_WRITE)
            text_add(&sink->text, text_str(&path));
        sink->is_append = r->kind == REDIRECT_ERROR_TO_OUT;
        sink->is_error = r->kind == REDIRECT_OUT_TO_ERROR;
    }
    return ok;
}

void shell_redirect_end(struct shell *s, const struct shell_command *c)
{
    for (size_t i = 0; i < c->redirections.count; i++) {
        if (c->redirections.items[i].kind != REDIRECT_READ)
            shell_sink_pop(s);
    }
}
