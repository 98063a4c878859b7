/* SPDX-License-Identifier: Apache-2.0
 *
 * The shell's machine: runs instructions until the script ends or has to wait.
 *
 * Virtual time. Each command costs a little (SHELL_BUILTIN_NS, SHELL_TOOL_NS: fork and exec of a
 * tool); the cost is gathered and paid as a pause when it reaches SHELL_QUANTUM_NS, so that a busy
 * loop takes time instead of hanging the simulation, and quick scripts are one step. A background
 * command (&) is a shell of its own over the same code, run by its parent; a pipeline runs its
 * commands one after the other, each with the whole output of the one before. DEVIATION: a
 * pipeline's first command must end before the next begins; `tail -f x | grep y` shows nothing.
 *
 * Signals: SIGTERM reaches PID 1 only. Without a trap it is ignored; with one, the trap runs when
 * the command in the foreground has ended, or at once while the shell is in `wait`.
 *
 * A command that wants more of its standard input than has come is run again when more is there; a
 * shell that reads its script from there takes a line at a time, so that what it runs can read on.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"

#define SHELL_BUILTIN_NS 20000
#define SHELL_JUMP_NS 1000
#define SHELL_QUANTUM_NS 10000000
#define SHELL_CALLS_MAX 200
#define SHELL_CHILDREN_MAX 32

static void script_forget(struct shell *s);

/* Of a group, a loop or the like; calls remembers which until its end. */
static void group_redirect_begin(struct shell *s, uint32_t command)
{
    (void)shell_redirect(s, &s->code->commands.items[command]);
    vec_push(&s->calls, command);
}

static void group_redirect_end(struct shell *s)
{
    shell_redirect_end(s, &s->code->commands.items[vec_last(&s->calls)]);
    (void)vec_pop(&s->calls);
    s->has_input = false;
}

/* ---- running ---- */

/* The arguments of a function stand in for $1 and so on until it returns. */
static void push_parameters(struct shell *s, char **words, size_t count)
{
    struct shell_list saved = {0};
    for (size_t i = 0; i < s->parameters.count; i++)
        vec_push(&saved.items, s->parameters.items[i]);
    vec_push(&s->saved, saved);
    vec_clear(&s->parameters);
    for (size_t i = 0; i < count; i++)
        shell_add_parameter(s, str_from(words[i]));
}

void shell_return(struct shell *s)
{
    if (s->calls.count == 0 || s->saved.count == 0)
        return;
    s->at = vec_pop(&s->calls);
    struct shell_list saved = vec_pop(&s->saved);
    for (size_t i = 0; i < s->parameters.count; i++)
        mem_free(s->parameters.items[i]);
    vec_clear(&s->parameters);
    for (size_t i = 0; i < saved.items.count; i++)
        vec_push(&s->parameters, saved.items.items[i]);
    vec_release(&saved.items);
}

static bool call_function(struct shell *s, char **words, size_t count)
{
    const char *name = words[0];
    for (size_t i = 0; s->code && i < s->code->instructions.count; i++) {
        const struct shell_instruction *x = &s->code->instructions.items[i];
        if (x->operation != SHELL_FUNCTION)
            continue;
        const struct shell_word *w = &s->code->commands.items[x->a].words.items[0];
        if (!str_equal(text_str(&w->parts.items[0].text), str_from(name)))
            continue;
        if (s->calls.count >= SHELL_CALLS_MAX) {
            shell_write_error(s, "sh: %s: maximum function nesting level exceeded\n", name);
            s->status = 1;
            return true;
        }
        vec_push(&s->calls, s->at);
        push_parameters(s, words, count);
        s->at = (uint32_t)i + 1;
        return true;
    }
    return false;
}

/* A program of the image's own. */
static bool run_tool(struct shell *s, char **words, size_t count, int *ret_status)
{
    AUTO(text) struct text out = {0};
    AUTO(text) struct text error = {0};
    if (!s->host.tool || !s->host.tool(s->host.owner, words, count, &out, &error, ret_status))
        return false;
    if (error.size > 0)
        shell_write_error(s, "%s", text_c(&error));
    if (out.size > 0)
        shell_write(s, text_str(&out));
    return true;
}

/* True when the machine must stop (a pause, a request, for ever). */
static bool run_words(struct shell *s, struct instant now, char **words, size_t count)
{
    int status = 0;
    if (s->code && call_function(s, words, count))
        return false;
    if (!shell_run_command(s, now, words, count, &status) && !run_tool(s, words, count, &status)) {
        shell_write_error(s, "sh: %s: not found\n", words[0]);
        status = 127;
    }
    s->cost_ns += SHELL_BUILTIN_NS;
    if (status == SHELL_FOREVER)
        s->is_blocked = true;
    s->is_reading = status == SHELL_READ;
    if (status == SHELL_AGAIN || status == SHELL_READ) {
        s->pending_words = mem_array(char *, count);
        s->pending_count = count;
        for (size_t i = 0; i < count; i++)
            s->pending_words[i] = mem_copy_string(str_from(words[i]));
    }
    if (status < 0) {
        s->status = 0;
        return true;
    }
    s->status = status;
    return false;
}

/* The command has ended: its redirections are over. */
static void close_open(struct shell *s)
{
    const struct shell_command *c = s->open;
    s->open = NULL;
    if (!c)
        return;
    shell_redirect_end(s, c);
    for (size_t i = 0; i < c->redirections.count; i++) {
        if (c->redirections.items[i].kind == REDIRECT_READ)
            s->has_input = false;
    }
}

static bool run_command(struct shell *s, struct instant now, uint32_t index)
{
    const struct shell_command *c = &s->code->commands.items[index];
    struct shell_words words = {0};
    size_t first = 0;
    for (; first < c->words.count; first++) {
        struct str name;
        if (!shell_assignment_name(&c->words.items[first], &name))
            break;
        AUTO(text) struct text value = {0};
        shell_word_text(s, &c->words.items[first], &value);
        if (first == 0 || first < c->words.count)
            shell_set(s, name, str_slice(text_str(&value), name.size + 1, value.size));
    }
    for (size_t i = first; i < c->words.count; i++)
        shell_expand_word(s, &c->words.items[i], &words);
    bool stop = false;
    if (shell_redirect(s, c)) {
        if (words.items.count == 0) {
            bool has_capture = false;
            for (size_t i = 0; i < first; i++) {
                for (size_t k = 0; k < c->words.items[i].parts.count; k++)
                    has_capture =
                        has_capture || c->words.items[i].parts.items[k].kind == PART_CAPTURE;
            }
            s->status = has_capture ? s->status : 0;
        } else {
            stop = run_words(s, now, words.items.items, words.items.count);
        }
    } else {
        s->status = 1;
    }
    s->open = c;
    if (!s->pending_words && !s->sub)
        close_open(s);
    shell_words_free(words.items.items, words.items.count);
    return stop;
}

static void fork_child(struct shell *s)
{
    if (s->children.count >= SHELL_CHILDREN_MAX) {
        shell_write_error(s, "sh: fork: Resource temporarily unavailable\n");
        s->status = 1;
        return;
    }
    struct shell *child = shell_make(&s->host);
    s->code->references++;
    child->code = s->code;
    child->at = s->at;
    child->is_child = true;
    for (uint32_t i = 0; i < s->variables.count; i++)
        cri_pairs_add(&child->variables, str_from(s->variables.items[i].key),
                      str_from(s->variables.items[i].value));
    for (size_t i = 0; i < s->parameters.count; i++)
        shell_add_parameter(child, str_from(s->parameters.items[i]));
    for (size_t i = 0; i < s->slots.count; i++) {
        struct text slot = {0};
        text_add(&slot, text_str(&s->slots.items[i]));
        vec_push(&child->slots, slot);
    }
    vec_push(&s->children, child);
    s->status = 0;
}

static void capture_end(struct shell *s, uint32_t slot)
{
    while (s->slots.count <= slot) {
        struct text empty = {0};
        vec_push(&s->slots, empty);
    }
    struct str out = text_str(&vec_last(&s->sinks).text);
    while (out.size > 0 && out.bytes[out.size - 1] == '\n')
        out.size--;
    text_clear(&s->slots.items[slot]);
    text_add(&s->slots.items[slot], out);
    shell_sink_pop(s);
}

static void pipe_next(struct shell *s, bool captures)
{
    text_clear(&s->input);
    text_add(&s->input, text_str(&vec_last(&s->sinks).text));
    s->input_at = 0;
    s->has_input = true;
    shell_sink_pop(s);
    if (captures)
        shell_sink_push(s, SINK_BUFFER);
}

static void for_begin(struct shell *s, const struct shell_command *c)
{
    struct shell_words words = {0};
    struct shell_list list = {0};
    for (size_t i = 0; i < c->words.count; i++)
        shell_expand_word(s, &c->words.items[i], &words);
    for (size_t i = 0; i < words.items.count; i++)
        vec_push(&list.items, words.items.items[i]);
    vec_release(&words.items);
    vec_push(&s->lists, list);
}

static void for_next(struct shell *s, const struct shell_instruction *x)
{
    struct shell_list *list = &vec_last(&s->lists);
    if (list->next >= list->items.count) {
        s->at = x->b;
        return;
    }
    AUTO(text) struct text name = {0};
    shell_word_text(s, &s->code->commands.items[x->a].words.items[0], &name);
    shell_set(s, text_str(&name), str_from(list->items.items[list->next++]));
}

static void for_end(struct shell *s)
{
    shell_list_release(&vec_last(&s->lists));
    (void)vec_pop(&s->lists);
}

static void case_begin(struct shell *s, const struct shell_command *c)
{
    struct text word = {0};
    shell_word_text(s, &c->words.items[0], &word);
    if (s->case_words.count == 0) {
        vec_push(&s->case_words, word);
    } else {
        text_release(&s->case_words.items[0]);
        s->case_words.items[0] = word;
    }
    s->status = 0;
}

static bool case_matches(struct shell *s, const struct shell_command *patterns)
{
    bool found = false;
    for (size_t i = 0; i < patterns->words.count && !found; i++) {
        AUTO(text) struct text pattern = {0};
        shell_word_text(s, &patterns->words.items[i], &pattern);
        found = shell_match(text_str(&pattern), text_str(&vec_last(&s->case_words)));
    }
    return found;
}

/* An endless loop of nothing takes time too. */
static void jump(struct shell *s, uint32_t to)
{
    s->at = to;
    s->cost_ns += SHELL_JUMP_NS;
}

/* ---- a script that is read line by line ---- */

static void script_forget(struct shell *s)
{
    shell_code_unref(s->code);
    s->code = NULL;
    s->at = 0;
    s->has_prompted = false;
    text_clear(&s->script);
}

static void script_over(struct shell *s)
{
    s->has_exited = !s->reads_script;
    if (s->reads_script)
        script_forget(s);
}

static void prompt_show(struct shell *s)
{
    AUTO(text) struct text prompt = {0};
    struct str home = S("/root"), at = text_str(&s->directory);
    bool is_home =
        str_starts_with(at, home) && (at.size == home.size || at.bytes[home.size] == '/');
    struct str shown = is_home ? str_slice(at, home.size, at.size) : at;
    if (s->prompt == PROMPT_NONE || s->has_prompted)
        return;
    s->has_prompted = true;
    if (s->script.size > 0)
        text_add(&prompt, S("> "));
    else if (s->prompt == PROMPT_ASH)
        text_printf(&prompt, "%s%.*s # ", is_home ? "~" : "", STR_ARG(shown));
    else if (s->prompt == PROMPT_BASH)
        text_printf(&prompt, "root@%s:%s%.*s# ", s->host.hostname, is_home ? "~" : "",
                    STR_ARG(shown));
    else
        text_add(&prompt, S("# "));
    shell_output(s, text_str(&prompt), true);
}

/* The end of what is typed. */
static void script_end(struct shell *s, const char *error)
{
    if (s->script.size > 0)
        shell_write_error(s, "%s", error);
    else if (s->prompt == PROMPT_BASH)
        shell_output(s, S("exit\n"), true);
    else if (s->prompt == PROMPT_DASH)
        shell_output(s, S("\n"), true);
    s->status = s->script.size > 0 ? 2 : s->status;
    s->has_exited = true;
}

/* Takes lines until they are a command; false: more must come first. */
static bool script_next(struct shell *s)
{
    AUTO(text) struct text error = {0};
    for (;;) {
        prompt_show(s);
        size_t had = s->script.size;
        bool has_ended = !s->host.take || s->host.take(s->host.owner, true, &s->script);
        if (s->script.size == had) {
            s->is_reading = !has_ended;
            if (has_ended)
                script_end(s, text_c(&error));
            return has_ended;
        }
        text_clear(&error);
        s->code = shell_compile(text_str(&s->script), &error);
        s->at = 0;
        if (s->code)
            return true;
        s->has_prompted = false;
        if (str_contains(text_str(&error), S("end of file")))
            continue;
        shell_write_error(s, "%s", text_c(&error));
        s->status = 2;
        text_clear(&s->script);
        if (s->prompt == PROMPT_NONE)
            s->has_exited = true;
        if (s->has_exited)
            return true;
    }
}

/* ---- the machine ---- */

/* One instruction; true when the machine must stop. */
static bool run_instruction(struct shell *s, struct instant now)
{
    const struct shell_instruction x = s->code->instructions.items[s->at++];
    const struct shell_command *c =
        x.a < s->code->commands.count ? &s->code->commands.items[x.a] : NULL;
    switch (x.operation) {
    case SHELL_COMMAND:
        return run_command(s, now, x.a);
    case SHELL_JUMP:
        jump(s, x.a);
        break;
    case SHELL_JUMP_FALSE:
        s->at = s->status != 0 ? x.a : s->at;
        break;
    case SHELL_JUMP_TRUE:
        s->at = s->status == 0 ? x.a : s->at;
        break;
    case SHELL_NOT:
        s->status = s->status == 0;
        break;
    case SHELL_STATUS:
        s->status = (int)x.a;
        break;
    case SHELL_FOR_BEGIN:
        for_begin(s, c);
        break;
    case SHELL_FOR_NEXT:
        for_next(s, &x);
        break;
    case SHELL_FOR_END:
        for_end(s);
        break;
    case SHELL_CASE_BEGIN:
        case_begin(s, c);
        break;
    case SHELL_CASE_MATCH:
        s->at = case_matches(s, c) ? s->at : x.b;
        break;
    case SHELL_CAPTURE_BEGIN:
        shell_sink_push(s, SINK_BUFFER);
        break;
    case SHELL_CAPTURE_END:
        capture_end(s, x.a);
        break;
    case SHELL_PIPE_NEXT:
        pipe_next(s, x.a != 0);
        break;
    case SHELL_PIPE_END:
        s->has_input = false;
        break;
    case SHELL_REDIRECT_BEGIN:
        group_redirect_begin(s, x.a);
        break;
    case SHELL_REDIRECT_END:
        group_redirect_end(s);
        break;
    case SHELL_FORK:
        fork_child(s);
        s->at = x.a;
        break;
    case SHELL_FUNCTION:
        s->at = x.b;
        s->status = 0;
        break;
    case SHELL_RETURN:
        shell_return(s);
        break;
    case SHELL_END:
        script_over(s);
        return true;
    }
    return false;
}

/* The command that waited for input is run again; false: it waits on. */
static bool read_again(struct shell *s, struct instant now)
{
    char **words = s->pending_words;
    size_t count = s->pending_count;
    int status = 0;
    s->is_reading = false;
    if (!words)
        return true; /* the shell itself waited */
    (void)shell_run_command(s, now, words, count, &status);
    if (status == SHELL_READ) {
        s->is_reading = true;
        return false;
    }
    shell_words_free(words, count);
    s->pending_words = NULL;
    s->pending_count = 0;
    text_clear(&s->live);
    s->status = status < 0 ? 0 : status;
    close_open(s);
    return true;
}

/* The shell in the foreground; false: it has not ended. */
static bool run_sub(struct shell *s, struct instant now)
{
    if (shell_run(s->sub, now) != SHELL_EXITED)
        return false;
    s->status = shell_exit_code(s->sub);
    shell_free(s->sub);
    s->sub = NULL;
    close_open(s);
    return true;
}

static void run_alone(struct shell *s, struct instant now)
{
    while (!s->has_exited && !s->is_blocked && !s->request) {
        if (s->wake_at.ns > now.ns && s->wake_at.ns != INT64_MAX)
            return;
        s->wake_at = INSTANT_NEVER;
        if (s->cost_ns >= SHELL_QUANTUM_NS) {
            s->wake_at = instant_add(now, duration_ns(s->cost_ns));
            s->cost_ns = 0;
            return;
        }
        if ((s->sub && !run_sub(s, now)) || (s->is_reading && !read_again(s, now)))
            return;
        if (s->reads_script && !s->code) {
            if (!script_next(s))
                return;
        } else if (s->code) {
            (void)run_instruction(s, now);
        } else if (s->at == 0) {
            s->at = 1;
            (void)run_words(s, now, s->single, s->single_count);
        } else {
            s->has_exited = true;
        }
        if (s->waits_for_children)
            return;
    }
}

static void run_trap(struct shell *s, struct instant now)
{
    if (!s->term_pending || s->trap_shell)
        return;
    bool in_foreground =
        s->wake_at.ns != INT64_MAX && s->wake_at.ns > now.ns && !s->waits_for_children;
    if (in_foreground || (s->is_blocked && !s->waits_for_children))
        return;
    AUTO(text) struct text error = {0};
    struct shell_code *code = shell_compile(text_str(&s->trap), &error);
    s->term_pending = false;
    if (!code)
        return;
    s->trap_shell = shell_new(code, &s->host);
    for (uint32_t i = 0; i < s->variables.count; i++)
        shell_set(s->trap_shell, str_from(s->variables.items[i].key),
                  str_from(s->variables.items[i].value));
    bool has_exit = str_contains(text_str(&s->trap), S("exit"));
    run_alone(s->trap_shell, now);
    if (has_exit) {
        s->has_exited = true;
        s->status = s->trap_shell->status;
    } else {
        s->waits_for_children = false;
    }
    shell_free(s->trap_shell);
    s->trap_shell = NULL;
}

static void run_children(struct shell *s, struct instant now)
{
    for (size_t i = 0; i < s->children.count;) {
        struct shell *child = s->children.items[i];
        (void)shell_run(child, now);
        if (child->has_exited) {
            shell_free(child);
            vec_remove(&s->children, i);
        } else {
            i++;
        }
    }
    if (s->waits_for_children && s->children.count == 0) {
        s->waits_for_children = false;
        s->status = 0;
    }
}

static bool has_request(const struct shell *s)
{
    if (s->request && !s->request_is_out)
        return true;
    for (size_t i = 0; i < s->children.count; i++) {
        if (has_request(s->children.items[i]))
            return true;
    }
    return s->sub && has_request(s->sub);
}

static bool is_reading(const struct shell *s)
{
    return s->is_reading || (s->sub && is_reading(s->sub));
}

enum shell_state shell_run(struct shell *s, struct instant now)
{
    for (int round = 0; round < 4; round++) {
        run_trap(s, now);
        if (!s->waits_for_children)
            run_alone(s, now);
        run_children(s, now);
        if (s->has_exited)
            return SHELL_EXITED;
        if (s->waits_for_children || s->request || s->is_blocked || s->is_reading || s->sub ||
            s->wake_at.ns != INT64_MAX)
            break;
    }
    if (has_request(s))
        return SHELL_REQUESTS;
    if (shell_wake_at(s).ns != INT64_MAX)
        return SHELL_SLEEPS; /* also when it reads: what it has cost is paid first */
    return is_reading(s) ? SHELL_READS : SHELL_BLOCKED;
}

struct instant shell_wake_at(const struct shell *s)
{
    struct instant at =
        s->is_blocked || s->waits_for_children || s->request ? INSTANT_NEVER : s->wake_at;
    if (s->sub) {
        struct instant inner = shell_wake_at(s->sub);
        at = inner.ns < at.ns ? inner : at;
    }
    for (size_t i = 0; i < s->children.count; i++) {
        struct instant other = shell_wake_at(s->children.items[i]);
        at = other.ns < at.ns ? other : at;
    }
    return at;
}

int shell_exit_code(const struct shell *s)
{
    return s->status & 255;
}

/* The shell that waits for an answer: this one or a child of its. */
static struct shell *asker(struct shell *s, bool is_out)
{
    if (s->request && s->request_is_out == is_out)
        return s;
    for (size_t i = 0; i < s->children.count; i++) {
        struct shell *found = asker(s->children.items[i], is_out);
        if (found)
            return found;
    }
    return s->sub ? asker(s->sub, is_out) : NULL;
}

struct traffic_request *shell_request(struct shell *s)
{
    struct shell *a = asker(s, false);
    CHECK(a != NULL);
    a->request_is_out = true;
    message_ref(&a->request->message);
    return a->request;
}

void shell_answer(struct shell *s, const struct traffic_response *response)
{
    struct shell *a = asker(s, true);
    if (!a)
        return;
    message_unref(&a->request->message);
    a->request = NULL;
    a->request_is_out = false;
    char **words = a->pending_words;
    size_t count = a->pending_count;
    a->pending_words = NULL;
    a->pending_count = 0;
    a->status = shell_finish_request(a, words, count, response);
    shell_words_free(words, count);
    close_open(a);
}

bool shell_terminate(struct shell *s)
{
    if (!s->has_trap)
        return false;
    s->term_pending = true;
    return true;
}

/* Whatever the foreground was about is over. */
static void foreground_drop(struct shell *s)
{
    shell_free(s->sub);
    s->sub = NULL;
    if (s->request)
        message_unref(&s->request->message);
    s->request = NULL;
    shell_words_free(s->pending_words, s->pending_count);
    s->pending_words = NULL;
    s->pending_count = 0;
    s->open = NULL;
    while (s->sinks.count > 0)
        shell_sink_pop(s);
    while (s->lists.count > 0)
        for_end(s);
    while (s->saved.count > 0 && s->calls.count > 0)
        shell_return(s);
    vec_clear(&s->calls);
    text_clear(&s->live);
    s->wake_at = INSTANT_NEVER;
    s->cost_ns = 0;
    s->is_blocked = s->is_reading = s->waits_for_children = s->has_input = s->request_is_out =
        false;
}

void shell_interrupt(struct shell *s)
{
    if (s->sub && s->sub->prompt != PROMPT_NONE) {
        shell_interrupt(s->sub);
        return;
    }
    foreground_drop(s);
    s->status = 130;
    if (s->prompt == PROMPT_NONE)
        s->has_exited = true;
    else
        script_forget(s);
}

bool shell_is_interactive(const struct shell *s)
{
    return s->prompt != PROMPT_NONE;
}

bool shell_read_clock(const struct shell *s)
{
    return s->read_clock;
}
