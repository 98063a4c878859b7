/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a container: start, what is due next, signals, end, log; and the events that tell the
 * kubelet.
 *
 * After each start and end every open stream hears an event (the container event stream that the
 * kubelet's evented PLEG listens to). A prober that sleeps on a container (`wants_change`) gets one
 * CRI_EVENT_CHANGED when an outcome may be another.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"
#include "runtime/simulated/timings.h"
#include "sim/base/calendar.h"

#define MESSAGE_BYTES 4096
#define MESSAGE_LOG_BYTES 2048
#define MESSAGE_LOG_LINES 80

#define NEVER INT64_MAX

struct container *runtime_container(struct runtime_node *n, uint32_t id)
{
    for (size_t i = 0; i < n->containers.count; i++) {
        if (n->containers.items[i]->id == id)
            return n->containers.items[i];
    }
    return NULL;
}

/* ---- logs ---- */

static void log_timestamp(struct runtime_node *n, struct text *out)
{
    int64_t ns = n->step->wall.unix_ns;
    struct civil_time t = civil_time_of(floor_divide(ns, 1000000000));
    text_printf(out, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%09" PRId64 "Z", t.year, t.month,
                t.day, t.hour, t.minute, t.second, ns % 1000000000);
}

void container_log_add(struct runtime_node *n, struct container *c, struct str bytes, bool is_error)
{
    if (!c->log)
        c->log = mem_new(struct container_log);
    for (;;) {
        size_t end = str_find(bytes, '\n');
        text_add(&c->log->partial, str_slice(bytes, 0, end));
        if (end == bytes.size)
            break;
        log_timestamp(n, &c->log->text);
        text_printf(&c->log->text, " %s F %.*s\n", is_error ? "stderr" : "stdout",
                    STR_ARG(text_str(&c->log->partial)));
        text_clear(&c->log->partial);
        bytes = str_slice(bytes, end + 1, bytes.size);
    }
    sessions_log_grew(n, c);
    if (c->log->text.size > LOG_BYTES_MAX) { /* drop the older half, at a line's end */
        struct str all = text_str(&c->log->text);
        struct str tail = str_slice(all, all.size / 2, all.size);
        tail = str_slice(tail, str_find(tail, '\n') + 1, tail.size);
        struct text kept = {0};
        c->log->dropped += all.size - tail.size;
        text_add(&kept, tail);
        text_release(&c->log->text);
        c->log->text = kept;
    }
}

void container_log_tail(const struct container *c, int64_t lines, struct text *out)
{
    if (!c->log)
        return;
    struct str all = text_str(&c->log->text);
    size_t from = all.size;
    for (int64_t seen = 0; from > 0; from--) {
        if (all.bytes[from - 1] == '\n' && lines >= 0 && seen++ == lines)
            break;
    }
    text_add(out, str_slice(all, from, all.size));
}

/* ---- events ---- */

struct cri_container_status container_status_of(const struct container *c)
{
    return (struct cri_container_status){.container = c->id,
                                         .sandbox = c->sandbox->id,
                                         .state = c->state,
                                         .exit_code = c->exit_code,
                                         .reason = c->reason,
                                         .text =
                                             c->text ? mem_copy_string(str_from(c->text)) : NULL,
                                         .created = c->created,
                                         .started = c->started,
                                         .finished = c->finished,
                                         .memory_bytes = c->memory_bytes,
                                         .config = cri_container_config_ref(c->config)};
}

static void broadcast(struct runtime_node *n, struct cri_event *e)
{
    e->at = n->step->now;
    for (size_t i = 0; i < n->streams.count; i++)
        step_send(n->step, n->streams.items[i], message_ref(&e->message));
    message_unref(&e->message);
}

void container_event(struct runtime_node *n, struct container *c, enum cri_event_type type)
{
    struct cri_event *e = cri_event_new(type);
    if (type == CRI_EVENT_CHANGED)
        e->status = (struct cri_container_status){.container = c->id, .sandbox = c->sandbox->id};
    else
        e->status = container_status_of(c);
    broadcast(n, e);
}

void container_changed(struct runtime_node *n, struct container *c)
{
    if (!c->wants_change)
        return;
    c->wants_change = false;
    container_event(n, c, CRI_EVENT_CHANGED);
    container_arm(n, c);
}

void pod_changed(struct runtime_node *n, struct sandbox *s)
{
    for (size_t i = 0; i < n->containers.count; i++) {
        if (n->containers.items[i]->sandbox == s)
            container_changed(n, n->containers.items[i]);
    }
}

/* ---- life ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What is due next: the end of the program, SIGKILL, the script's next instruction, and, when a
 * prober sleeps on it, the instant at which the server begins to answer. */
void container_arm(struct runtime_node *n, struct container *c)
{
    if (c->state != CRI_CONTAINER_RUNNING)
        return;
    int64_t now = n->step->now.ns;
    int64_t at = earlier(c->ends_at.ns, c->kill_at.ns);
    if (c->program == PROGRAM_SCRIPT && !c->is_hung && c->request_id == 0)
        at = earlier(at, shell_wake_at(c->shell).ns);
    if (c->wants_change && c->listens_at.ns > now)
        at = earlier(at, c->listens_at.ns);
    if (c->wants_change && c->ready_at.ns > now)
        at = earlier(at, c->ready_at.ns);
    if (at != NEVER)
        c->timer = step_timer_move(n->step, c->timer, (struct instant){at},
                                   runtime_tag(TAG_CONTAINER, c->id));
    else
        step_timer_cancel(n->step, c->timer);
}

/* The last lines of the log without times and streams, as much as fits. */
static void log_message(const struct container *c, struct text *out)
{
    AUTO(text) struct text lines = {0};
    AUTO(text) struct text plain = {0};
    container_log_tail(c, MESSAGE_LOG_LINES, &lines);
    struct str rest = text_str(&lines);
    while (rest.size > 0) {
        struct str after = {0};
        struct str line = str_cut(rest, '\n', &after);
        for (int column = 0; column < 3; column++) { /* time, stream, F */
            struct str behind = {0};
            (void)str_cut(line, ' ', &behind);
            line = behind;
        }
        text_printf(&plain, "%.*s\n", STR_ARG(line));
        rest = after;
    }
    struct str all = text_str(&plain);
    size_t from = all.size > MESSAGE_LOG_BYTES ? all.size - MESSAGE_LOG_BYTES : 0;
    text_add(out, str_slice(all, from, all.size));
}

/* What the container left as its last word; NULL: nothing. */
static char *last_word(struct runtime_node *n, struct container *c)
{
    AUTO(text) struct text message = {0};
    const char *path = c->config->termination_message_path;
    if (c->own_files || path)
        (void)container_file_read(n, c, str_from(path ? path : "/dev/termination-log"), &message);
    if (message.size == 0 && c->exit_code != 0 && c->config->logs_are_message)
        log_message(c, &message);
    struct str s = text_str(&message);
    return s.size > 0
               ? mem_copy_string(str_slice(s, 0, s.size < MESSAGE_BYTES ? s.size : MESSAGE_BYTES))
               : NULL;
}

void container_end(struct runtime_node *n, struct container *c, int exit_code, const char *reason)
{
    CHECK(c->state == CRI_CONTAINER_RUNNING);
    step_timer_cancel(n->step, c->timer);
    c->state = CRI_CONTAINER_EXITED;
    c->exit_code = exit_code;
    c->reason = reason ? reason : exit_code == 0 ? "Completed" : "Error";
    c->finished = n->step->wall;
    c->kill_at = INSTANT_NEVER;
    c->request_id = 0;
    container_memory_set(n, c, 0);
    shell_free(c->shell);
    c->shell = NULL;
    mem_free(c->view);
    c->view = NULL;
    if (c->log && c->log->partial.size > 0)
        container_log_add(n, c, S("\n"), false);
    c->text = last_word(n, c);
    c->wants_change = false;
    container_event(n, c, CRI_EVENT_STOPPED);
    pod_changed(n, c->sandbox);
    operations_container_ended(n, c->id);
    sessions_container_ended(n, c);
}

void container_due(struct runtime_node *n, uint32_t id)
{
    struct container *c = runtime_container(n, id);
    if (!c || c->state != CRI_CONTAINER_RUNNING)
        return;
    if (c->kill_at.ns <= n->step->now.ns) {
        container_end(n, c, 137, NULL);
        return;
    }
    program_step(n, c);
    if (c->state == CRI_CONTAINER_RUNNING)
        container_arm(n, c);
}

void runtime_container_free(struct container *c)
{
    shell_free(c->shell);
    mem_free(c->view);
    if (c->log) {
        text_release(&c->log->text);
        text_release(&c->log->partial);
        mem_free(c->log);
    }
    container_files_release(c);
    if (c->console)
        console_release(c->console);
    mem_free(c->console);
    mem_free(c->text);
    cri_container_config_unref(c->config);
    mem_free(c);
}

void runtime_container_remove(struct runtime_node *n, uint32_t id)
{
    for (size_t i = 0; i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->id != id)
            continue;
        if (c->state == CRI_CONTAINER_RUNNING)
            container_end(n, c, 137, NULL);
        vec_remove(&n->containers, i);
        runtime_container_free(c);
        return;
    }
}

/* ---- memory ---- */

void container_memory_set(struct runtime_node *n, struct container *c, int64_t bytes)
{
    n->memory_used += bytes - c->memory_bytes;
    c->memory_bytes = bytes;
}

/* Whom the kernel ends when nothing is left: memory in use counts as thousandths of the node's,
 * with the container's own adjustment on top. */
static struct container *oom_victim(const struct runtime_node *n)
{
    struct container *victim = NULL;
    int64_t worst = INT64_MIN;
    for (size_t i = 0; i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        int64_t score =
            c->memory_bytes / (n->config->memory_bytes / 1000 + 1) + c->config->oom_score_adj;
        if (c->state == CRI_CONTAINER_RUNNING && c->memory_bytes > 0 && score > worst) {
            victim = c;
            worst = score;
        }
    }
    return victim;
}

void container_memory_check(struct runtime_node *n, struct container *c)
{
    int64_t limit = c->config->memory_limit_bytes;
    if (c->state == CRI_CONTAINER_RUNNING && limit > 0 && c->memory_bytes > limit)
        container_end(n, c, 137, "OOMKilled");
    while (n->config->memory_bytes > 0 && n->memory_used > n->config->memory_bytes) {
        struct container *victim = oom_victim(n);
        if (!victim)
            break;
        step_trace(n->step, "kernel", str_from(n->config->node),
                   "out of memory: kills container %s of %s/%s", victim->config->name,
                   victim->sandbox->config->namespace, victim->sandbox->config->name);
        container_event(n, victim, CRI_EVENT_OOM);
        container_end(n, victim, 137, "OOMKilled");
    }
    bool is_low = n->config->memory_bytes - n->memory_used < n->memory_low;
    if (is_low && !n->memory_reported)
        container_event(n, c, CRI_EVENT_MEMORY);
    n->memory_reported = is_low;
}

void runtime_container_start(struct runtime_node *n, struct container *c, struct cri_response *r)
{
    char *error = program_start(n, c);
    c->started = n->step->wall;
    c->kill_at = INSTANT_NEVER;
    if (error) {
        c->state = CRI_CONTAINER_EXITED;
        c->exit_code = 128;
        c->reason = "StartError";
        c->text = error;
        container_memory_set(n, c, 0);
        c->finished = n->step->wall;
        cri_fail(r, CRI_UNKNOWN, "%s", error);
        return;
    }
    c->state = CRI_CONTAINER_RUNNING;
    container_event(n, c, CRI_EVENT_STARTED);
    pod_changed(n, c->sandbox);
    container_memory_check(n, c);
    if (c->state != CRI_CONTAINER_RUNNING)
        return;
    program_step(n, c);
    if (c->state == CRI_CONTAINER_RUNNING)
        container_arm(n, c);
}

/* Grace 0 and less: SIGKILL at once. */
void runtime_container_stop(struct runtime_node *n, struct container *c, struct duration grace)
{
    struct instant kill =
        instant_add(n->step->now, grace.ns > 0 ? grace : duration_ms(TIMING_KILL_MS));
    if (kill.ns < c->kill_at.ns)
        c->kill_at = kill;
    container_arm(n, c);
    if (grace.ns > 0 && !c->term_sent) {
        c->term_sent = true;
        program_terminate(n, c);
    }
}
