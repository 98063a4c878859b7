/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversations with a container, each on a stream of its own: a process started beside the
 * container's own (Exec), the container's own standard streams (Attach), its log as it grows.
 *
 * Exec. The process is a shell model with a console; it ends the session with its exit code. When
 * the other end goes, the process is not killed: it reads the end of its input, and runs on unheard
 * until it ends by itself (with a terminal: until it is hung up). All die with the container.
 *
 * Attach. Whoever is attached sees what the container's process writes from then on; what is typed
 * goes to its console. With stdinOnce the first to leave ends the input.
 *
 * Invariant: a session is freed in session_end, sessions_close and with the process, and never
 * while its shell runs: what a shell does to other processes (kill) is an event for later.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"
#include "runtime/simulated/timings.h"

#define NEVER INT64_MAX
#define SIGNAL_KILL 9
#define DEBUGGER_PID 30 /* of a container that sees another one's processes */
#define SIGNAL_TERM 15

static void exec_start(struct runtime_node *n, struct session *s);
static void flush(struct runtime_node *n, struct session *s);
static void exec_continue(struct runtime_node *n, struct session *s);

/* ---- life ---- */

static struct session *session_find(struct runtime_node *n, uint32_t id)
{
    for (size_t i = 0; i < n->sessions.count; i++) {
        if (n->sessions.items[i]->id == id)
            return n->sessions.items[i];
    }
    return NULL;
}

static struct session *session_of(struct runtime_node *n, stream_id stream)
{
    for (size_t i = 0; i < n->sessions.count; i++) {
        if (n->sessions.items[i]->stream == stream)
            return n->sessions.items[i];
    }
    return NULL;
}

void node_session_free(struct session *s)
{
    shell_free(s->shell);
    console_release(&s->console);
    text_release(&s->forward);
    text_release(&s->waiting);
    message_unref(&s->request->message);
    mem_free(s);
}

/* Answers, closes and forgets. */
static void session_end(struct runtime_node *n, struct session *s, struct cri_response *own_answer)
{
    step_timer_cancel(n->step, s->timer);
    flush(n, s);
    for (size_t i = 0; i < n->sessions.count; i++) {
        if (n->sessions.items[i] == s) {
            vec_remove(&n->sessions, i);
            break;
        }
    }
    if (s->stream) {
        runtime_answer(n, s->stream, own_answer);
        step_close(n->step, s->stream);
    } else {
        message_unref(&own_answer->message);
    }
    node_session_free(s);
}

static void session_fail(struct runtime_node *n, struct session *s, enum cri_code code,
                         const char *error)
{
    struct cri_response *a = cri_response_new(s->request);
    cri_fail(a, code, "%s", error);
    session_end(n, s, a);
}

static void session_exit(struct runtime_node *n, struct session *s, int exit_code)
{
    struct cri_response *a = cri_response_new(s->request);
    a->exit_code = exit_code;
    session_end(n, s, a);
}

static void timer_at(struct runtime_node *n, struct session *s, struct instant at)
{
    s->timer = step_timer_move(n->step, s->timer, at, runtime_tag(TAG_SESSION, s->id));
}

static struct container *container_of(struct runtime_node *n, const struct session *s)
{
    return runtime_container(n, s->request->container);
}

/* ---- logs ---- */

static void log_send(struct runtime_node *n, struct session *s, const struct container *c)
{
    if (!c->log)
        return;
    uint64_t end = c->log->dropped + c->log->text.size;
    if (s->log_at < c->log->dropped)
        s->log_at = c->log->dropped;
    if (s->log_at == end)
        return;
    struct str all = text_str(&c->log->text);
    channel_send(n->step, s->stream, 0, 1,
                 str_slice(all, (size_t)(s->log_at - c->log->dropped), all.size));
    s->log_at = end;
}

static void log_begin(struct runtime_node *n, struct session *s, struct container *c)
{
    AUTO(text) struct text tail = {0};
    if (c->log) {
        container_log_tail(c, s->request->number, &tail);
        s->log_at = c->log->dropped + c->log->text.size - tail.size;
    }
    log_send(n, s, c);
    if (!s->request->has_more || c->state == CRI_CONTAINER_EXITED)
        session_exit(n, s, 0);
}

void sessions_log_grew(struct runtime_node *n, struct container *c)
{
    for (size_t i = 0; i < n->sessions.count; i++) {
        struct session *s = n->sessions.items[i];
        if (s->request->verb == CRI_FOLLOW_LOG && s->request->container == c->id)
            log_send(n, s, c);
    }
}

/* ---- output ---- */

static void flush(struct runtime_node *n, struct session *s)
{
    if (s->waiting.size > 0 && s->stream)
        channel_send(n->step, s->stream, 0, s->waiting_is_error ? 2 : 1, text_str(&s->waiting));
    text_clear(&s->waiting);
}

void session_output(struct session *s, struct runtime_node *n, struct str bytes, bool is_error)
{
    is_error = is_error && !s->console.has_terminal;
    if (!s->stream)
        return;
    if (is_error != s->waiting_is_error || s->waiting.size > CHANNEL_PIECE)
        flush(n, s);
    s->waiting_is_error = is_error;
    console_show(&s->console, bytes, &s->waiting);
}

void sessions_output(struct runtime_node *n, struct container *c, struct str bytes, bool is_error)
{
    for (size_t i = 0; i < n->sessions.count; i++) {
        struct session *s = n->sessions.items[i];
        if (s->request->verb == CRI_ATTACH && s->request->container == c->id && s->stream &&
            bytes.size > 0)
            channel_send(n->step, s->stream, 0, is_error && !c->config->has_terminal ? 2 : 1,
                         bytes);
    }
}

/* ---- exec ---- */

/* A script in the container's own files, or what a shell is told to run. */
static struct shell *shell_for_words(struct session *s, struct runtime_node *n, struct container *c,
                                     const struct shell_host *host, struct text *error)
{
    struct cri_request *r = s->request;
    size_t at = 1;
    while (at < r->word_count && r->words[at][0] == '-' &&
           !str_contains(str_from(r->words[at]), S("c")))
        at++;
    if (at >= r->word_count)
        return shell_new_reader(host, s->console.has_terminal
                                          ? container_prompt(c, str_from(r->words[0]))
                                          : PROMPT_NONE);
    AUTO(text) struct text script = {0};
    bool has_command = r->words[at][0] == '-';
    if (has_command && at + 1 < r->word_count)
        text_add(&script, str_from(r->words[++at]));
    else if (!container_file_read(n, c, str_from(r->words[at]), &script)) {
        text_printf(error, "sh: 0: cannot open %s: No such file\n", r->words[at]);
        return NULL;
    }
    struct shell_code *code = shell_compile(text_str(&script), error);
    struct shell *shell = code ? shell_new(code, host) : NULL;
    for (size_t i = has_command ? at + 1 : at; shell && i < r->word_count; i++)
        shell_add_parameter(shell, str_from(r->words[i]));
    return shell;
}

/* No such program: the words of runc, as containerd passes them on. */
static void exec_not_found(struct runtime_node *n, struct session *s)
{
    const char *name = s->request->word_count > 0 ? s->request->words[0] : "";
    AUTO(text) struct text id = {0};
    struct cri_response *a = cri_response_new(s->request);
    bool has_path = str_find(str_from(name), '/') < strlen(name);
    cri_id_text(hash_pair(n->boot, s->id), s->request->container, &id);
    cri_fail(a, CRI_UNKNOWN,
             "failed to exec in container: failed to start exec \"%s\": OCI runtime exec failed: "
             "exec failed: unable to start container process: exec: \"%s\": %s%s%s",
             text_c(&id), name, has_path ? "stat " : "", has_path ? name : "",
             has_path ? ": no such file or directory: unknown"
                      : "executable file not found in $PATH: unknown");
    session_end(n, s, a);
}

static bool has_program(const struct container *c, struct str name)
{
    struct str base = shell_base_name(name);
    if (!c->model->has_shell)
        return false;
    if (image_is_busybox(str_from(c->config->image)) && str_equal(base, S("bash")))
        return false;
    return program_is_shell(base) || shell_knows_tool(base) || image_tool_is_there(c, base);
}

static void exec_start(struct runtime_node *n, struct session *s)
{
    struct container *c = container_of(n, s);
    struct shell_host host;
    AUTO(text) struct text error = {0};
    if (!c || c->state != CRI_CONTAINER_RUNNING) {
        session_fail(n, s, CRI_UNKNOWN, "failed to exec in container: container is not running");
        return;
    }
    struct str name = s->request->word_count > 0 ? str_from(s->request->words[0]) : S("");
    if (!has_program(c, name)) {
        exec_not_found(n, s);
        return;
    }
    s->view = (struct container_view){.node = n, .container = c, .session = s};
    c->last_pid += 6; /* numbers in between are of what has ended */
    s->pid = c->last_pid + 1;
    container_shell_host(&s->view, &host);
    if (program_is_shell(shell_base_name(name)))
        s->shell = shell_for_words(s, n, c, &host, &error);
    else
        s->shell = shell_new_command(s->request->words, s->request->word_count, &host);
    if (!s->shell) {
        session_output(s, n, text_str(&error), true);
        session_exit(n, s, 2);
        return;
    }
    exec_continue(n, s);
}

static void exec_continue(struct runtime_node *n, struct session *s)
{
    struct container *c = container_of(n, s);
    enum shell_state state = SHELL_BLOCKED;
    if (!c)
        return;
    for (int i = 0; i < 1000 && !c->is_hung && s->request_id == 0; i++) {
        state = shell_run(s->shell, n->step->now);
        if (state != SHELL_REQUESTS)
            break;
        s->request_id = program_request(n, c, s->shell);
    }
    flush(n, s);
    if (state == SHELL_EXITED) {
        session_exit(n, s, shell_exit_code(s->shell));
        return;
    }
    if (state == SHELL_SLEEPS)
        timer_at(n, s, shell_wake_at(s->shell));
    uint32_t id = s->id;
    container_memory_check(n, c);
    if (!session_find(n, id))
        return;
    CHECK(s->shell != NULL);
}

bool session_answer(struct runtime_node *n, const struct traffic_response *r)
{
    for (size_t i = 0; i < n->sessions.count; i++) {
        struct session *s = n->sessions.items[i];
        if (s->request_id != r->id || !s->shell)
            continue;
        s->request_id = 0;
        shell_answer(s->shell, r);
        exec_continue(n, s);
        return true;
    }
    return false;
}

/* Somebody has typed to the process of an exec. */
static void exec_typed(struct runtime_node *n, struct session *s)
{
    if (!s->shell)
        return;
    if (s->console.interrupts > 0) {
        s->console.interrupts = 0;
        s->request_id = 0;
        shell_interrupt(s->shell);
    }
    exec_continue(n, s);
}

/* ---- processes ---- */

/* Whose processes a debugging container sees; itself when it has no target. */
static struct container *process_space(struct runtime_node *n, struct container *c)
{
    for (size_t i = 0; c->config->target && i < n->containers.count; i++) {
        struct container *other = n->containers.items[i];
        if (other->sandbox == c->sandbox && other->state == CRI_CONTAINER_RUNNING &&
            strcmp(other->config->name, c->config->target) == 0)
            return other;
    }
    return c;
}

static void add_sessions(struct runtime_node *n, const struct container *c, struct text *out)
{
    for (size_t i = 0; i < n->sessions.count; i++) {
        const struct session *s = n->sessions.items[i];
        if (!s->shell || s->request->container != c->id)
            continue;
        text_printf(out, "%u", s->pid);
        for (uint32_t w = 0; w < s->request->word_count; w++)
            text_printf(out, " %s", s->request->words[w]);
        text_add_byte(out, '\n');
    }
}

void container_processes(struct runtime_node *n, struct container *c, struct text *out)
{
    const struct container *space = process_space(n, c);
    text_add(out, S("1 "));
    program_command_line(space, out);
    text_add_byte(out, '\n');
    add_sessions(n, space, out);
    if (space == c)
        return;
    text_printf(out, "%d ", DEBUGGER_PID);
    program_command_line(c, out);
    text_add_byte(out, '\n');
    add_sessions(n, c, out);
}

const char *container_kill(struct runtime_node *n, struct container *c, int64_t pid, int signal)
{
    c = process_space(n, c);
    if (pid == 1) { /* which gets only signals that it has a handler for */
        if (signal != SIGNAL_KILL)
            (void)step_timer_set(n->step, n->step->now, runtime_tag(TAG_SIGNAL, c->id));
        return NULL;
    }
    for (size_t i = 0; i < n->sessions.count; i++) {
        struct session *s = n->sessions.items[i];
        if (!s->shell || s->request->container != c->id || s->pid != pid)
            continue;
        s->signal = signal;
        timer_at(n, s, n->step->now);
        return NULL;
    }
    return "No such process";
}

/* An interactive shell has a handler for SIGTERM that does nothing. */
static bool signal_ends(const struct session *s)
{
    bool is_interactive = s->console.has_terminal && s->request->word_count == 1;
    return s->signal == SIGNAL_KILL || s->signal == 1 ||
           (s->signal == SIGNAL_TERM && !is_interactive);
}

/* ---- TCP of a port-forward, as far as servers of HTTP understand it ---- */

static void forward_answer(struct runtime_node *n, struct session *s, struct container *c,
                           struct str head)
{
    AUTO(text) struct text body = {0};
    AUTO(text) struct text out = {0};
    struct str path, method = str_cut(head, ' ', &path);
    path = str_slice(path, 0, str_find(path, ' '));
    int status = program_http(n, c, s->request->port, path, &body);
    if (status == 0)
        return; /* it hangs */
    bool is_html = str_starts_with(text_str(&body), S("<"));
    text_printf(&out,
                "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: "
                "keep-alive\r\n\r\n",
                status,
                status == 200   ? "OK"
                : status == 404 ? "Not Found"
                : status == 403 ? "Forbidden"
                : status == 503 ? "Service Unavailable"
                                : "",
                is_html ? "text/html" : "text/plain; charset=utf-8", body.size);
    if (!str_equal(method, S("HEAD")))
        text_add(&out, text_str(&body));
    channel_send(n->step, s->stream, 0, 1, text_str(&out));
}

static struct container *forward_target(struct runtime_node *n, const struct session *s)
{
    for (size_t i = 0; i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->sandbox->id == s->request->sandbox && program_listens(n, c, s->request->port))
            return c;
    }
    return NULL;
}

static void forward_begin(struct runtime_node *n, struct session *s)
{
    const struct sandbox *sandbox = sandbox_find(n, s->request->sandbox);
    if (sandbox && sandbox->is_ready && forward_target(n, s))
        return;
    struct cri_response *a = cri_response_new(s->request);
    AUTO(text) struct text netns = {0};
    uint64_t h = hash_pair(n->boot, s->request->sandbox);
    text_printf(&netns, "/var/run/netns/cni-%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(h >> 32),
                (unsigned)(h >> 16) & 0xffff, (unsigned)h & 0xffff, (unsigned)(h >> 8) & 0xffff,
                hash_mix(h) >> 16);
    if (!sandbox || !sandbox->is_ready)
        cri_fail(a, CRI_NOT_FOUND, "sandbox container is not running");
    else
        cri_fail(a, CRI_UNKNOWN,
                 "failed to execute portforward in network namespace \"%s\": failed to connect to "
                 "localhost:%d inside namespace \"%s\", IPv4: dial tcp4 127.0.0.1:%d: connect: "
                 "connection refused IPv6 dial tcp6 [::1]:%d: connect: connection refused ",
                 text_c(&netns), s->request->port, text_c(&netns), s->request->port,
                 s->request->port);
    session_end(n, s, a);
}

static void forward_bytes(struct runtime_node *n, struct session *s, struct str bytes)
{
    text_add(&s->forward, bytes);
    for (;;) {
        struct str all = text_str(&s->forward);
        size_t end = 0;
        while (end + 4 <= all.size && memcmp(all.bytes + end, "\r\n\r\n", 4) != 0)
            end++;
        if (end + 4 > all.size)
            break;
        struct container *c = forward_target(n, s);
        if (!c) {
            session_exit(n, s, 0); /* it has gone: connection reset */
            return;
        }
        forward_answer(n, s, c, str_slice(all, 0, end));
        struct text rest = {0};
        text_add(&rest, str_slice(all, end + 4, all.size));
        text_release(&s->forward);
        s->forward = rest;
    }
    if (s->forward.size > LOG_BYTES_MAX)
        session_exit(n, s, 0);
}

/* ---- what comes ---- */

void session_begin(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct session *s = mem_new(struct session);
    s->id = ++n->last_session;
    s->stream = stream;
    message_ref(&r->message);
    s->request = r;
    vec_push(&n->sessions, s);
    s->console.has_terminal = r->has_terminal;
    if (!r->has_stdin && !r->has_terminal)
        console_end(&s->console);
    struct container *c = container_of(n, s);
    if (r->verb == CRI_FORWARD) {
        forward_begin(n, s);
    } else if (!c) {
        session_fail(n, s, CRI_NOT_FOUND,
                     "an error occurred when try to find container: not found");
    } else if (r->verb == CRI_FOLLOW_LOG) {
        log_begin(n, s, c);
    } else if (c->state != CRI_CONTAINER_RUNNING) {
        session_fail(n, s, CRI_UNKNOWN, "container is not running");
    } else if (r->verb == CRI_EXEC) {
        timer_at(n, s, instant_add(n->step->now, duration_ms(TIMING_EXEC_MS)));
    }
}

static void attach_typed(struct runtime_node *n, struct session *s, struct str bytes)
{
    struct container *c = container_of(n, s);
    AUTO(text) struct text echo = {0};
    if (!c || !c->console || c->state != CRI_CONTAINER_RUNNING || !s->request->has_stdin)
        return;
    console_feed(c->console, bytes, &echo);
    if (echo.size > 0) {
        container_log_add(n, c, text_str(&echo), false);
        sessions_output(n, c, text_str(&echo), false);
    }
    if (c->console->interrupts > 0) {
        c->console->interrupts = 0;
        if (c->shell && c->program == PROGRAM_SCRIPT)
            program_interrupt(n, c);
    }
    program_step(n, c);
}

static void input_end(struct runtime_node *n, struct session *s)
{
    struct container *c = container_of(n, s);
    if (s->request->verb == CRI_EXEC) {
        console_end(&s->console);
        exec_typed(n, s);
    } else if (s->request->verb == CRI_ATTACH && s->request->has_stdin && c && c->console &&
               c->config->stdin_once && c->state == CRI_CONTAINER_RUNNING) {
        console_end(c->console);
        program_step(n, c);
    }
}

void session_bytes(struct runtime_node *n, stream_id stream, const struct channel_bytes *b)
{
    struct session *s = session_of(n, stream);
    AUTO(text) struct text echo = {0};
    if (!s)
        return;
    struct container *c = container_of(n, s);
    if (b->channel == 4) {
        console_resize(s->request->verb == CRI_ATTACH && c && c->console ? c->console : &s->console,
                       channel_str(b));
    } else if (b->channel == 255) {
        if (b->size == 1 && b->bytes[0] == 0)
            input_end(n, s);
    } else if (b->channel != 0) {
        return; /* nobody reads it */
    } else if (s->request->verb == CRI_FORWARD) {
        forward_bytes(n, s, channel_str(b));
    } else if (s->request->verb == CRI_ATTACH) {
        attach_typed(n, s, channel_str(b));
    } else if (s->request->verb == CRI_EXEC && s->request->has_stdin) {
        console_feed(&s->console, channel_str(b), &echo);
        if (echo.size > 0)
            channel_send(n->step, s->stream, 0, 1, text_str(&echo));
        exec_typed(n, s);
    }
}

bool session_closed(struct runtime_node *n, stream_id stream)
{
    struct session *s = session_of(n, stream);
    if (!s)
        return false;
    s->stream = 0;
    if (s->request->verb == CRI_EXEC && s->shell && !s->console.has_terminal)
        input_end(n, s); /* the process runs on unheard */
    else if (s->request->verb == CRI_ATTACH) {
        uint32_t id = s->id;
        input_end(n, s);
        if (session_find(n, id))
            session_exit(n, s, 0);
    } else {
        session_exit(n, s, 0); /* with a terminal: hung up */
    }
    return true;
}

void sessions_close(struct runtime_node *n)
{
    while (n->sessions.count > 0) {
        struct session *s = vec_pop(&n->sessions);
        if (s->stream)
            step_close(n->step, s->stream);
        step_timer_cancel(n->step, s->timer);
        node_session_free(s);
    }
}

void session_due(struct runtime_node *n, uint32_t id)
{
    struct session *s = session_find(n, id);
    if (!s)
        return;
    if (s->signal != 0 && signal_ends(s)) {
        session_exit(n, s, 128 + s->signal);
        return;
    }
    s->signal = 0;
    if (s->request->verb == CRI_EXEC && !s->shell)
        exec_start(n, s);
    else if (s->shell)
        exec_continue(n, s);
}

void sessions_container_ended(struct runtime_node *n, struct container *c)
{
    for (size_t i = 0; i < n->sessions.count;) {
        struct session *s = n->sessions.items[i];
        if (s->request->container != c->id || s->request->verb == CRI_FORWARD) {
            i++;
            continue;
        }
        if (s->request->verb == CRI_FOLLOW_LOG)
            log_send(n, s, c);
        session_exit(n, s, s->request->verb == CRI_EXEC ? 128 + SIGNAL_KILL : 0);
    }
}
