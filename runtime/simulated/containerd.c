/* SPDX-License-Identifier: Apache-2.0
 *
 * The container runtime of a node: verbs of the CRI over streams, containers in virtual time.
 *
 * A verb that takes time becomes an `operation`, which keeps the request and ends by a timer (or,
 * for StopContainer, when the container ends). Statuses and lists are answered at once. After each
 * start and end of a container every open stream hears an event (the container event stream that
 * the kubelet's evented PLEG listens to).
 *
 * What survives. Containers are state of this process: a kubelet may come and go. The end of the
 * process stands for the end of the host: containers are gone, the boot id is another, pulled
 * images are read back from the disk. DEVIATION: a restart of containerd alone would leave
 * containers running (their shims); here it is a reboot.
 *
 * Invariants: at most one operation per container changes its state at a time, since the kubelet
 * waits for each answer; an operation names its container by number, so that removal under it is
 * harmless.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"
#include "runtime/simulated/timings.h"

#include <stdio.h>

#define NEVER INT64_MAX

enum { PURPOSE_BOOT, PURPOSE_TIMING };

struct operation {
    uint32_t id;
    stream_id stream;
    struct cri_request *request; /* a reference */
    struct cri_response *response;
    struct shell *shell; /* ExecSync */
    struct container_view view;
    struct text output;
    struct instant deadline;
};

struct image_record {
    struct message message;
    char *reference;
    int64_t size_bytes;
};

enum tag_kind { TAG_OPERATION = 1, TAG_CONTAINER };
static uint64_t tag_of(enum tag_kind kind, uint32_t id)
{
    return (uint64_t)kind << 32 | id;
}

static void handle_request(struct runtime_node *n, stream_id stream, struct cri_request *r);

/* ---- the disk: images ---- */

static void image_record_release(struct message *m)
{
    struct image_record *r = CONTAINER_OF(m, struct image_record, message);
    mem_free(r->reference);
    mem_free(r);
}
static uint64_t image_record_digest(const struct message *m)
{
    return hash_bytes(str_from(((const struct image_record *)(const void *)m)->reference));
}
static const struct message_type image_record_message = {.name = "image-record",
                                                         .kind = RUNTIME_MESSAGE_IMAGE_RECORD,
                                                         .release = image_record_release,
                                                         .digest = image_record_digest};

static struct cri_image *image_find(struct runtime_node *n, struct str reference)
{
    for (size_t i = 0; i < n->images.count; i++) {
        if (str_equal(str_from(n->images.items[i].reference), reference))
            return &n->images.items[i];
    }
    return NULL;
}

static bool image_is_present(struct runtime_node *n, struct str reference)
{
    if (image_find(n, reference))
        return true;
    return n->config->images_preloaded && registry_look_up(reference) == REGISTRY_OK;
}

static void image_add(struct runtime_node *n, struct str reference, bool write)
{
    if (image_find(n, reference))
        return;
    struct cri_image image = {mem_copy_string(reference), image_size_bytes(reference)};
    vec_push(&n->images, image);
    if (!write)
        return;
    struct image_record *r = mem_new(struct image_record);
    message_init(&r->message, &image_record_message, 4096);
    r->reference = mem_copy_string(reference);
    r->size_bytes = image.size_bytes;
    step_file_append(n->step, n->image_file, &r->message, 0);
    step_file_sync(n->step, n->image_file, 0);
}

static void images_read(struct runtime_node *n)
{
    size_t count = step_file_count(n->step, n->image_file);
    for (size_t i = 0; i < count; i++) {
        bool torn = false;
        struct message *m = step_file_record(n->step, n->image_file, i, &torn);
        if (!m || torn)
            continue;
        const struct image_record *r = (const struct image_record *)(const void *)m;
        if (r->size_bytes >= 0)
            image_add(n, str_from(r->reference), false);
    }
}

/* ---- look-ups ---- */

struct container *runtime_container(struct runtime_node *n, uint32_t id)
{
    for (size_t i = 0; i < n->containers.count; i++) {
        if (n->containers.items[i]->id == id)
            return n->containers.items[i];
    }
    return NULL;
}

static struct sandbox *find_sandbox(struct runtime_node *n, uint32_t id)
{
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        if (n->sandboxes.items[i]->id == id)
            return n->sandboxes.items[i];
    }
    return NULL;
}

/* ---- addresses of pods: host-local IPAM, round robin, the first address is the bridge's ---- */

static void set_cidr(struct runtime_node *n, struct str cidr)
{
    struct str bits_text = {0};
    struct str address = str_cut(cidr, '/', &bits_text);
    uint32_t base = 0;
    int64_t bits = 0;
    if (!traffic_ip_parse(address, &base) || !str_to_int64(bits_text, &bits) || bits < 8 ||
        bits > 30)
        return;
    n->cidr_base = base;
    n->cidr_size = UINT32_C(1) << (32 - bits);
    n->cidr_next = n->cidr_next < 2 || n->cidr_next >= n->cidr_size - 1 ? 2 : n->cidr_next;
}

static bool ip_is_used(const struct runtime_node *n, uint32_t ip)
{
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        if (n->sandboxes.items[i]->ip == ip)
            return true;
    }
    return false;
}

static bool ip_take(struct runtime_node *n, uint32_t *ret_ip)
{
    for (uint32_t tries = 0; n->cidr_size > 0 && tries < n->cidr_size; tries++) {
        uint32_t ip = n->cidr_base + n->cidr_next;
        n->cidr_next = n->cidr_next + 1 >= n->cidr_size - 1 ? 2 : n->cidr_next + 1;
        if (!ip_is_used(n, ip)) {
            *ret_ip = ip;
            return true;
        }
    }
    return false;
}

/* ---- logs ---- */

static void log_timestamp(struct runtime_node *n, struct text *out)
{
    int64_t ns = n->step->wall.unix_ns;
    int64_t seconds = ns / 1000000000;
    int64_t days = seconds / 86400, rest = seconds % 86400;
    /* Civil date of a day number (days since 1970-01-01), by eras of 400 years. */
    int64_t z = days + 719468, era = z / 146097, day_of_era = z % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153, month = shifted < 10 ? shifted + 3 : shifted - 9;
    text_printf(out,
                "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64
                ".%09" PRId64 "Z",
                year_of_era + era * 400 + (month <= 2), month,
                day_of_year - (153 * shifted + 2) / 5 + 1, rest / 3600, rest / 60 % 60, rest % 60,
                ns % 1000000000);
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
    if (c->log->text.size > LOG_BYTES_MAX) { /* drop the older half, at a line's end */
        struct str all = text_str(&c->log->text);
        struct str tail = str_slice(all, all.size / 2, all.size);
        tail = str_slice(tail, str_find(tail, '\n') + 1, tail.size);
        struct text kept = {0};
        text_add(&kept, tail);
        text_release(&c->log->text);
        c->log->text = kept;
    }
}

static void log_tail(const struct container *c, int64_t lines, struct text *out)
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

/* ---- events and answers ---- */

static struct cri_container_status status_of(const struct container *c)
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
                                         .config = cri_container_config_ref(c->config)};
}

static void broadcast(struct runtime_node *n, struct cri_event *e)
{
    e->at = n->step->now;
    for (size_t i = 0; i < n->streams.count; i++)
        step_send(n->step, n->streams.items[i], message_ref(&e->message));
    message_unref(&e->message);
}

static void container_event(struct runtime_node *n, struct container *c, enum cri_event_type type)
{
    struct cri_event *e = cri_event_new(type);
    if (type == CRI_EVENT_CHANGED)
        e->status = (struct cri_container_status){.container = c->id, .sandbox = c->sandbox->id};
    else
        e->status = status_of(c);
    broadcast(n, e);
}

static void answer(struct runtime_node *n, stream_id stream, struct cri_response *own_response)
{
    step_send(n->step, stream, &own_response->message);
}

static void fail(struct cri_response *r, enum cri_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);
static void fail(struct cri_response *r, enum cri_code code, const char *format, ...)
{
    struct text t = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&t, format, arguments);
    va_end(arguments);
    r->code = code;
    mem_free(r->error);
    r->error = mem_copy_string(text_str(&t));
    text_release(&t);
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

/* ---- containers ---- */

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
        c->timer =
            step_timer_move(n->step, c->timer, (struct instant){at}, tag_of(TAG_CONTAINER, c->id));
    else
        step_timer_cancel(n->step, c->timer);
}

static void end_stop_operations(struct runtime_node *n, uint32_t container);

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
    c->memory_bytes = 0;
    shell_free(c->shell);
    c->shell = NULL;
    mem_free(c->view);
    c->view = NULL;
    if (c->log && c->log->partial.size > 0)
        container_log_add(n, c, S("\n"), false);
    c->wants_change = false;
    container_event(n, c, CRI_EVENT_STOPPED);
    pod_changed(n, c->sandbox);
    end_stop_operations(n, c->id);
}

static void container_timer(struct runtime_node *n, uint32_t id)
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

static void container_free(struct container *c)
{
    shell_free(c->shell);
    mem_free(c->view);
    if (c->log) {
        text_release(&c->log->text);
        text_release(&c->log->partial);
        mem_free(c->log);
    }
    container_files_release(c);
    mem_free(c->text);
    cri_container_config_unref(c->config);
    mem_free(c);
}

static void container_start(struct runtime_node *n, struct container *c, struct cri_response *r)
{
    char *error = program_start(n, c);
    c->started = n->step->wall;
    c->kill_at = INSTANT_NEVER;
    if (error) {
        c->state = CRI_CONTAINER_EXITED;
        c->exit_code = 128;
        c->reason = "StartError";
        c->text = error;
        c->finished = n->step->wall;
        fail(r, CRI_UNKNOWN, "%s", error);
        return;
    }
    c->state = CRI_CONTAINER_RUNNING;
    container_event(n, c, CRI_EVENT_STARTED);
    pod_changed(n, c->sandbox);
    if (c->config->memory_limit_bytes > 0 && c->memory_bytes > c->config->memory_limit_bytes) {
        container_end(n, c, 137, "OOMKilled");
        return;
    }
    program_step(n, c);
    if (c->state == CRI_CONTAINER_RUNNING)
        container_arm(n, c);
}

/* Grace 0 and less: SIGKILL at once. */
static void container_stop(struct runtime_node *n, struct container *c, struct duration grace)
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

/* ---- operations ---- */

static struct operation *operation_new(struct runtime_node *n, stream_id stream,
                                       struct cri_request *r, int64_t base_ms, int64_t spread_ms)
{
    struct operation *o = mem_new(struct operation);
    o->id = ++n->last_operation;
    o->stream = stream;
    message_ref(&r->message);
    o->request = r;
    o->response = cri_response_new(r);
    o->deadline = INSTANT_NEVER;
    vec_push(&n->operations, o);
    if (base_ms >= 0) {
        int64_t ns = base_ms * 1000000;
        if (spread_ms > 0)
            ns +=
                (int64_t)step_random_below(n->step, PURPOSE_TIMING, (uint64_t)spread_ms * 1000000);
        (void)step_timer_set(n->step, instant_add(n->step->now, duration_ns(ns)),
                             tag_of(TAG_OPERATION, o->id));
    }
    return o;
}

static void operation_free(struct operation *o)
{
    message_unref(&o->request->message);
    if (o->response)
        message_unref(&o->response->message);
    shell_free(o->shell);
    text_release(&o->output);
    mem_free(o);
}

static void operation_end(struct runtime_node *n, struct operation *o)
{
    for (size_t i = 0; i < n->operations.count; i++) {
        if (n->operations.items[i] == o) {
            vec_remove(&n->operations, i);
            break;
        }
    }
    answer(n, o->stream, o->response);
    o->response = NULL;
    operation_free(o);
}

static void end_stop_operations(struct runtime_node *n, uint32_t container)
{
    for (size_t i = 0; i < n->operations.count;) {
        struct operation *o = n->operations.items[i];
        if (o->request->verb == CRI_STOP_CONTAINER && o->request->container == container) {
            operation_end(n, o);
            i = 0;
        } else if (o->request->verb == CRI_EXEC_SYNC && o->request->container == container) {
            fail(o->response, CRI_UNKNOWN, "failed to exec in container: container is not running");
            operation_end(n, o);
            i = 0;
        } else {
            i++;
        }
    }
}

static void finish_run_sandbox(struct runtime_node *n, struct operation *o)
{
    struct sandbox *s = find_sandbox(n, o->response->sandbox);
    if (!s) {
        fail(o->response, CRI_NOT_FOUND, "sandbox is gone");
        return;
    }
    if (!s->config->host_network && !ip_take(n, &s->ip)) {
        if (n->cidr_size == 0)
            fail(o->response, CRI_UNKNOWN,
                 "rpc error: code = Unknown desc = failed to setup network for sandbox: no network "
                 "config found in /etc/cni/net.d");
        else
            fail(o->response, CRI_UNKNOWN,
                 "rpc error: code = Unknown desc = failed to setup network for sandbox: plugin "
                 "type=\"ptp\" failed (add): failed "
                 "to allocate for range 0: no IP addresses available in range set");
        for (size_t i = 0; i < n->sandboxes.count; i++) {
            if (n->sandboxes.items[i] == s)
                vec_remove(&n->sandboxes, i);
        }
        cri_sandbox_config_unref(s->config);
        mem_free(s);
        return;
    }
    s->is_ready = true;
    s->created = n->step->wall;
    o->response->ip = s->ip;
}

static void exec_continue(struct runtime_node *n, struct operation *o)
{
    struct container *c = runtime_container(n, o->request->container);
    if (!c || c->state != CRI_CONTAINER_RUNNING) {
        fail(o->response, CRI_UNKNOWN, "failed to exec in container: container is not running");
        operation_end(n, o);
        return;
    }
    enum shell_state state = c->is_hung ? SHELL_BLOCKED : shell_run(o->shell, n->step->now);
    if (state == SHELL_REQUESTS) {
        struct traffic_request *r = shell_request(o->shell);
        r->id = ++n->last_request;
        r->source_ip = c->sandbox->ip;
        r->reply_to = n->pods;
        struct traffic_response *none =
            traffic_response_new(r->id, r->ip ? TRAFFIC_UNREACHABLE : TRAFFIC_NO_NAME);
        message_unref(&r->message);
        shell_answer(o->shell, none);
        message_unref(&none->message);
        state = shell_run(o->shell, n->step->now);
    }
    if (state == SHELL_EXITED) {
        o->response->exit_code = shell_exit_code(o->shell);
        o->response->is_steady = !shell_read_clock(o->shell) && program_is_ready(n, c);
        o->response->output = mem_copy_string(text_str(&o->output));
        operation_end(n, o);
        return;
    }
    struct instant at = state == SHELL_SLEEPS ? shell_wake_at(o->shell) : INSTANT_NEVER;
    if (o->deadline.ns <= n->step->now.ns) {
        struct text timeout = {0};
        text_add_duration(&timeout, o->request->timeout);
        fail(o->response, CRI_DEADLINE_EXCEEDED, "command timed out: \"%s\" timed out after %s",
             o->request->words[0], text_c(&timeout));
        text_release(&timeout);
        operation_end(n, o);
        return;
    }
    at = at.ns < o->deadline.ns ? at : o->deadline;
    if (at.ns != NEVER)
        (void)step_timer_set(n->step, at, tag_of(TAG_OPERATION, o->id));
}

/* A command that no shell model knows: it succeeds when the program of the container answers. */
static void exec_unknown(struct runtime_node *n, struct operation *o, struct container *c)
{
    bool is_up = program_is_ready(n, c) &&
                 (c->listens_at.ns == NEVER || c->listens_at.ns <= n->step->now.ns);
    o->response->exit_code = is_up ? 0 : 1;
    o->response->is_steady = true;
    if (o->request->wants_change) {
        c->wants_change = true;
        container_arm(n, c);
    }
    operation_end(n, o);
}

static void finish_exec(struct runtime_node *n, struct operation *o)
{
    struct container *c = runtime_container(n, o->request->container);
    if (o->shell) {
        exec_continue(n, o);
        return;
    }
    if (!c || c->state != CRI_CONTAINER_RUNNING || o->request->word_count == 0) {
        fail(o->response, CRI_UNKNOWN, "failed to exec in container: container is not running");
        operation_end(n, o);
        return;
    }
    if (o->request->timeout.ns > 0)
        o->deadline = instant_add(n->step->now, o->request->timeout);
    struct str name = str_from(o->request->words[0]);
    bool is_shell =
        c->model->has_shell && (str_ends_with(name, S("sh")) && o->request->word_count >= 3);
    struct shell_host host;
    o->view = (struct container_view){n, c, &o->output};
    container_shell_host(&o->view, &host);
    if (is_shell) {
        struct shell_code *code = shell_compile(str_from(o->request->words[2]), &o->output);
        if (!code) {
            o->response->exit_code = 2;
            o->response->output = mem_copy_string(text_str(&o->output));
            operation_end(n, o);
            return;
        }
        o->shell = shell_new(code, &host);
    } else if (c->model->has_shell && shell_knows_command(name)) {
        o->shell = shell_new_command(o->request->words, o->request->word_count, &host);
    } else {
        exec_unknown(n, o, c);
        return;
    }
    if (o->request->wants_change) {
        c->wants_change = true;
        container_arm(n, c);
    }
    exec_continue(n, o);
}

static void finish_pull(struct runtime_node *n, struct operation *o)
{
    struct str reference = str_from(o->request->text);
    enum registry_answer result = registry_look_up(reference);
    if (result != REGISTRY_OK || n->registry_is_down) {
        AUTO(text) struct text error = {0};
        registry_error_text(reference, result, n->registry_is_down, &error);
        fail(o->response,
             result == REGISTRY_NO_TAG && !n->registry_is_down ? CRI_NOT_FOUND : CRI_UNKNOWN, "%s",
             text_c(&error));
        return;
    }
    image_add(n, reference, true);
    AUTO(text) struct text digest = {0};
    image_digest_text(reference, &digest);
    o->response->output = mem_copy_string(text_str(&digest));
    o->response->size_bytes = image_size_bytes(reference);
}

static void remove_sandbox(struct runtime_node *n, uint32_t id)
{
    for (size_t i = n->containers.count; i > 0; i--) {
        struct container *c = n->containers.items[i - 1];
        if (c->sandbox->id != id)
            continue;
        if (c->state == CRI_CONTAINER_RUNNING)
            container_end(n, c, 137, NULL);
        vec_remove(&n->containers, i - 1);
        container_free(c);
    }
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        struct sandbox *s = n->sandboxes.items[i];
        if (s->id == id) {
            vec_remove(&n->sandboxes, i);
            cri_sandbox_config_unref(s->config);
            mem_free(s);
            return;
        }
    }
}

static void stop_sandbox(struct runtime_node *n, uint32_t id)
{
    struct sandbox *s = find_sandbox(n, id);
    for (size_t i = 0; s && i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->sandbox == s && c->state == CRI_CONTAINER_RUNNING)
            container_end(n, c, 137, NULL);
    }
    if (s) {
        s->is_ready = false;
        s->ip = 0;
    }
}

static void finish_operation(struct runtime_node *n, uint32_t id)
{
    struct operation *o = NULL;
    for (size_t i = 0; i < n->operations.count && !o; i++) {
        if (n->operations.items[i]->id == id)
            o = n->operations.items[i];
    }
    if (!o || n->is_hung)
        return;
    struct container *c = runtime_container(n, o->response->container);
    if (o->request->verb == CRI_EXEC_SYNC) {
        finish_exec(n, o);
        return;
    }
    if (o->request->verb == CRI_RUN_POD_SANDBOX)
        finish_run_sandbox(n, o);
    else if (o->request->verb == CRI_STOP_POD_SANDBOX)
        stop_sandbox(n, o->request->sandbox);
    else if (o->request->verb == CRI_PULL_IMAGE)
        finish_pull(n, o);
    else if (o->request->verb == CRI_START_CONTAINER) {
        if (c && c->state == CRI_CONTAINER_CREATED)
            container_start(n, c, o->response);
        else
            fail(o->response, CRI_NOT_FOUND, "container not found");
    }
    operation_end(n, o);
}

/* ---- verbs ---- */

static void verb_run_sandbox(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct sandbox *s = mem_new(struct sandbox);
    s->id = ++n->last_sandbox;
    s->config = cri_sandbox_config_ref(r->sandbox_config);
    s->created = n->step->wall;
    vec_push(&n->sandboxes, s);
    struct operation *o =
        operation_new(n, stream, r, TIMING_SANDBOX_RUN_MS, TIMING_SANDBOX_RUN_SPREAD_MS);
    o->response->sandbox = s->id;
}

static void verb_create_container(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct sandbox *s = find_sandbox(n, r->sandbox);
    AUTO(text) struct text image = {0};
    if (!s || !s->is_ready || !image_normalise(str_from(r->container_config->image), &image)) {
        struct cri_response *no = cri_response_new(r);
        fail(no, CRI_NOT_FOUND, "failed to find sandbox id: not found");
        answer(n, stream, no);
        return;
    }
    struct container *c = mem_new(struct container);
    c->id = ++n->last_container;
    c->sandbox = s;
    c->state = CRI_CONTAINER_CREATED;
    c->created = n->step->wall;
    c->config = cri_container_config_ref(r->container_config);
    c->model = image_model_of(text_str(&image));
    c->ends_at = c->kill_at = c->listens_at = INSTANT_NEVER;
    vec_push(&n->containers, c);
    struct operation *o =
        operation_new(n, stream, r, TIMING_CONTAINER_CREATE_MS, TIMING_CONTAINER_CREATE_SPREAD_MS);
    o->response->container = c->id;
}

static void verb_stop_container(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct container *c = runtime_container(n, r->container);
    if (!c || c->state != CRI_CONTAINER_RUNNING) {
        if (c && c->state == CRI_CONTAINER_CREATED) {
            c->state = CRI_CONTAINER_EXITED;
            c->exit_code = 137;
            c->reason = "Error";
            c->finished = n->step->wall;
        }
        answer(n, stream, cri_response_new(r));
        return;
    }
    (void)operation_new(n, stream, r, -1, 0);
    container_stop(n, c, r->timeout);
}

static void verb_pull(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct str reference = str_from(r->text);
    if (n->registry_is_down) {
        (void)operation_new(n, stream, r, TIMING_PULL_DIAL_TIMEOUT_MS, 0);
        return;
    }
    if (registry_look_up(reference) != REGISTRY_OK) {
        (void)operation_new(n, stream, r, TIMING_PULL_FAIL_MS, TIMING_PULL_RESOLVE_SPREAD_MS);
        return;
    }
    int64_t resolve = TIMING_PULL_RESOLVE_MS;
    if (!image_is_present(n, reference)) {
        int64_t bytes = image_size_bytes(reference);
        resolve +=
            bytes / (n->pull_bytes_per_s / 1000) + bytes / (TIMING_UNPACK_BYTES_PER_S / 1000);
    }
    (void)operation_new(n, stream, r, resolve, TIMING_PULL_RESOLVE_SPREAD_MS);
}

static void list_sandboxes(struct runtime_node *n, struct cri_response *a)
{
    a->sandboxes = mem_array(struct cri_sandbox_status, n->sandboxes.count + 1);
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        const struct sandbox *s = n->sandboxes.items[i];
        a->sandboxes[a->sandbox_count++] =
            (struct cri_sandbox_status){.sandbox = s->id,
                                        .is_ready = s->is_ready,
                                        .ip = s->ip,
                                        .created = s->created,
                                        .config = cri_sandbox_config_ref(s->config)};
    }
}

static void list_containers(struct runtime_node *n, const struct cri_request *r,
                            struct cri_response *a)
{
    a->containers = mem_array(struct cri_container_status, n->containers.count + 1);
    for (size_t i = 0; i < n->containers.count; i++) {
        const struct container *c = n->containers.items[i];
        bool wanted = r->verb == CRI_CONTAINER_STATUS
                          ? c->id == r->container
                          : r->sandbox == 0 || c->sandbox->id == r->sandbox;
        if (wanted)
            a->containers[a->container_count++] = status_of(c);
    }
    if (r->verb == CRI_CONTAINER_STATUS && a->container_count == 0)
        fail(a, CRI_NOT_FOUND, "an error occurred when try to find container: not found");
}

static void verb_stats(struct runtime_node *n, const struct cri_request *r, struct cri_response *a)
{
    for (size_t i = 0; i < n->containers.count; i++) {
        const struct container *c = n->containers.items[i];
        if (c->state != CRI_CONTAINER_RUNNING || (r->container != 0 && c->id != r->container))
            continue;
        a->memory_bytes += c->memory_bytes;
        a->cpu_milli += c->cpu_milli;
    }
    a->memory_available_bytes = n->config->memory_bytes - a->memory_bytes;
}

static void probe_answer(struct runtime_node *n, struct container *c, const struct cri_request *r,
                         struct cri_response *a)
{
    AUTO(text) struct text body = {0};
    AUTO(text) struct text out = {0};
    struct container *target = NULL;
    for (size_t i = 0; i < n->containers.count && !target; i++) {
        struct container *other = n->containers.items[i];
        if (other->sandbox == c->sandbox && program_listens(n, other, r->port))
            target = other;
    }
    AUTO(text) struct text ip = {0};
    traffic_ip_text(c->sandbox->ip, &ip);
    if (!target) {
        if (r->probe_kind == CRI_PROBE_HTTP)
            text_printf(&out, "Get \"http://%s:%d%s\": ", text_c(&ip), r->port,
                        r->text ? r->text : "/");
        text_printf(&out, "dial tcp %s:%d: connect: connection refused", text_c(&ip), r->port);
        if (r->probe_kind == CRI_PROBE_GRPC) {
            text_clear(&out);
            text_printf(
                &out,
                "timeout: failed to connect service \"%s:%d\" within 1s: context deadline exceeded",
                text_c(&ip), r->port);
        }
    } else if (r->probe_kind == CRI_PROBE_TCP) {
        a->is_success = program_is_ready(n, target) ||
                        target->is_hung; /* the kernel accepts for a hung program */
        if (!a->is_success)
            text_printf(&out, "dial tcp %s:%d: connect: connection refused", text_c(&ip), r->port);
    } else {
        a->exit_code = program_http(n, target, r->port, str_from(r->text ? r->text : "/"), &body);
        a->is_success = a->exit_code >= 200 && a->exit_code < 400;
        if (a->exit_code == 0)
            text_printf(&out,
                        "Get \"http://%s:%d%s\": context deadline exceeded (Client.Timeout "
                        "exceeded while awaiting headers)",
                        text_c(&ip), r->port, r->text ? r->text : "/");
        else if (!a->is_success && r->probe_kind == CRI_PROBE_GRPC)
            text_add(&out, S("service unhealthy (responded with \"NOT_SERVING\")"));
        else if (!a->is_success)
            text_printf(&out, "HTTP probe failed with statuscode: %d", a->exit_code);
    }
    a->output = mem_copy_string(text_str(&out));
}

static void verb_probe(struct runtime_node *n, struct cri_request *r, struct cri_response *a)
{
    struct container *c = runtime_container(n, r->container);
    if (!c || c->state != CRI_CONTAINER_RUNNING) {
        fail(a, CRI_NOT_FOUND, "container not found");
        return;
    }
    probe_answer(n, c, r, a);
    a->is_steady = true;
    if (r->wants_change) {
        c->wants_change = true;
        container_arm(n, c);
    }
}

static void verb_image(struct runtime_node *n, const struct cri_request *r, struct cri_response *a)
{
    if (r->verb == CRI_LIST_IMAGES) {
        a->images = mem_array(struct cri_image, n->images.count + 1);
        for (size_t i = 0; i < n->images.count; i++)
            a->images[a->image_count++] =
                (struct cri_image){mem_copy_string(str_from(n->images.items[i].reference)),
                                   n->images.items[i].size_bytes};
        return;
    }
    struct str reference = str_from(r->text);
    a->is_present = image_is_present(n, reference);
    if (r->verb == CRI_IMAGE_STATUS && a->is_present) {
        AUTO(text) struct text digest = {0};
        image_digest_text(reference, &digest);
        a->output = mem_copy_string(text_str(&digest));
        a->size_bytes = image_size_bytes(reference);
        image_add(n, reference, false);
    }
    for (size_t i = 0; r->verb == CRI_REMOVE_IMAGE && i < n->images.count; i++) {
        if (str_equal(str_from(n->images.items[i].reference), reference)) {
            mem_free(n->images.items[i].reference);
            vec_remove(&n->images, i);
            break;
        }
    }
}

static void verb_remove_container(struct runtime_node *n, uint32_t id)
{
    for (size_t i = 0; i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->id != id)
            continue;
        if (c->state == CRI_CONTAINER_RUNNING)
            container_end(n, c, 137, NULL);
        vec_remove(&n->containers, i);
        container_free(c);
        return;
    }
}

static void verb_write_volume(struct runtime_node *n, const struct cri_request *r)
{
    struct volume *v = runtime_volume(n, str_from(r->volume->host_path), true);
    runtime_volume_write(v, &r->volume->files, r->volume->is_empty_dir);
}

/* Verbs that are answered at once. */
static void handle_quick(struct runtime_node *n, struct cri_request *r, struct cri_response *a)
{
    struct container *c = runtime_container(n, r->container);
    AUTO(text) struct text out = {0};
    switch (r->verb) {
    case CRI_STATUS:
        a->boot = n->boot;
        break;
    case CRI_UPDATE_RUNTIME_CONFIG:
        set_cidr(n, str_from(r->text));
        break;
    case CRI_REMOVE_POD_SANDBOX:
        remove_sandbox(n, r->sandbox);
        break;
    case CRI_POD_SANDBOX_STATUS:
    case CRI_LIST_POD_SANDBOX:
        list_sandboxes(n, a);
        break;
    case CRI_REMOVE_CONTAINER:
        verb_remove_container(n, r->container);
        break;
    case CRI_LIST_CONTAINERS:
    case CRI_CONTAINER_STATUS:
        list_containers(n, r, a);
        break;
    case CRI_CONTAINER_STATS:
        verb_stats(n, r, a);
        break;
    case CRI_READ_LOG:
        if (c)
            log_tail(c, r->number, &out);
        else
            fail(a, CRI_NOT_FOUND, "container not found");
        a->output = mem_copy_string(text_str(&out));
        break;
    case CRI_LIST_IMAGES:
    case CRI_IMAGE_STATUS:
    case CRI_REMOVE_IMAGE:
        verb_image(n, r, a);
        break;
    case CRI_WRITE_VOLUME:
        verb_write_volume(n, r);
        break;
    case CRI_REMOVE_VOLUMES:
        runtime_volumes_remove(n, str_from(r->text));
        break;
    case CRI_PROBE:
        verb_probe(n, r, a);
        break;
    case CRI_RUN_POD_SANDBOX:
    case CRI_STOP_POD_SANDBOX:
    case CRI_CREATE_CONTAINER:
    case CRI_START_CONTAINER:
    case CRI_STOP_CONTAINER:
    case CRI_EXEC_SYNC:
    case CRI_PULL_IMAGE:
    case CRI_VERB_COUNT:
        check_failed("a verb that is answered at once", __FILE__, __LINE__);
    }
}

static void handle_request(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    if (r->verb == CRI_RUN_POD_SANDBOX)
        verb_run_sandbox(n, stream, r);
    else if (r->verb == CRI_STOP_POD_SANDBOX)
        (void)operation_new(n, stream, r, TIMING_SANDBOX_STOP_MS, 0);
    else if (r->verb == CRI_CREATE_CONTAINER)
        verb_create_container(n, stream, r);
    else if (r->verb == CRI_START_CONTAINER)
        (void)operation_new(n, stream, r, TIMING_CONTAINER_START_MS,
                            TIMING_CONTAINER_START_SPREAD_MS);
    else if (r->verb == CRI_STOP_CONTAINER)
        verb_stop_container(n, stream, r);
    else if (r->verb == CRI_EXEC_SYNC)
        (void)operation_new(n, stream, r, TIMING_EXEC_MS, 0);
    else if (r->verb == CRI_PULL_IMAGE)
        verb_pull(n, stream, r);
    else {
        struct cri_response *a = cri_response_new(r);
        handle_quick(n, r, a);
        answer(n, stream, a);
    }
}

/* ---- traffic ---- */

static struct traffic_response *handle_traffic(struct runtime_node *n,
                                               const struct traffic_request *r)
{
    AUTO(text) struct text body = {0};
    bool found = false;
    for (size_t i = 0; i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        found = found || (c->sandbox->ip == r->ip && c->sandbox->is_ready);
        if (c->sandbox->ip != r->ip || !c->sandbox->is_ready || !program_listens(n, c, r->port))
            continue;
        if (r->kind != TRAFFIC_HTTP)
            return traffic_response_new(r->id, TRAFFIC_OK);
        int status = program_http(n, c, r->port, str_from(r->path ? r->path : "/"), &body);
        struct traffic_response *a =
            traffic_response_new(r->id, status == 0 ? TRAFFIC_TIMEOUT : TRAFFIC_OK);
        a->status = status;
        a->body = mem_copy_string(text_str(&body));
        a->from_ip = r->ip;
        return a;
    }
    return traffic_response_new(r->id, found ? TRAFFIC_REFUSED : TRAFFIC_UNREACHABLE);
}

static void handle_traffic_answer(struct runtime_node *n, const struct traffic_response *r)
{
    for (size_t i = 0; i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->request_id == r->id && c->state == CRI_CONTAINER_RUNNING) {
            program_answer(n, c, r);
            return;
        }
    }
}

/* ---- faults ---- */

static bool fault_names(const struct runtime_fault *f, const struct container *c)
{
    const struct cri_sandbox_config *s = c->sandbox->config;
    return f->pod && str_equal(str_from(f->pod), str_from(s->name)) &&
           (!f->namespace || str_equal(str_from(f->namespace), str_from(s->namespace))) &&
           (!f->container || str_equal(str_from(f->container), str_from(c->config->name)));
}

static void fault_container(struct runtime_node *n, const struct runtime_fault *f,
                            struct container *c)
{
    if (f->kind == RUNTIME_FAULT_KILL_CONTAINER) {
        container_end(n, c, (int)f->number, NULL);
        return;
    }
    if (f->kind == RUNTIME_FAULT_PROGRAM_HANG)
        c->is_hung = f->number != 0;
    if (f->kind == RUNTIME_FAULT_HTTP_STATUS)
        c->http_status = (int)f->number;
    if (f->kind == RUNTIME_FAULT_MEMORY) {
        c->memory_bytes = f->number;
        if (c->config->memory_limit_bytes > 0 && c->memory_bytes > c->config->memory_limit_bytes) {
            container_end(n, c, 137, "OOMKilled");
            return;
        }
        container_event(n, c, CRI_EVENT_MEMORY);
    }
    pod_changed(n, c->sandbox);
    container_arm(n, c);
}

static void handle_fault(struct runtime_node *n, const struct runtime_fault *f)
{
    if (f->kind == RUNTIME_FAULT_REGISTRY_DOWN)
        n->registry_is_down = f->number != 0;
    if (f->kind == RUNTIME_FAULT_REGISTRY_SLOW)
        n->pull_bytes_per_s = f->number >= 1000 ? f->number : TIMING_PULL_BYTES_PER_S;
    if (f->kind == RUNTIME_FAULT_HANG) {
        n->is_hung = f->number != 0;
        for (size_t i = 0; !n->is_hung && i < n->held.count; i++) {
            handle_request(n, n->held_streams.items[i],
                           CONTAINER_OF(n->held.items[i], struct cri_request, message));
            message_unref(n->held.items[i]);
        }
        if (!n->is_hung) {
            vec_clear(&n->held);
            vec_clear(&n->held_streams);
            for (size_t i = 0; i < n->operations.count; i++)
                (void)step_timer_set(n->step, n->step->now,
                                     tag_of(TAG_OPERATION, n->operations.items[i]->id));
        }
    }
    for (size_t i = 0; f->pod && i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->state == CRI_CONTAINER_RUNNING && fault_names(f, c))
            fault_container(n, f, c);
    }
}

/* ---- the process ---- */

/* host-local IPAM keeps the last address it gave on the disk and goes on behind it after a reboot,
 * so that a pod of before and a pod of after do not share one. DEVIATION: only the number of boots
 * is kept, and each boot begins elsewhere in the range: no write per pod. */
static void count_boot(struct runtime_node *n)
{
    file_id file = step_file(n->step, S("containerd/boots"));
    size_t boots = step_file_count(n->step, file);
    struct image_record *r = mem_new(struct image_record);
    message_init(&r->message, &image_record_message, 64);
    r->reference = mem_copy_string(S("boot"));
    step_file_append(n->step, file, &r->message, 0);
    step_file_sync(n->step, file, 0);
    if (n->cidr_size > 4)
        n->cidr_next = 2 + (uint32_t)(boots * 127 % (n->cidr_size - 3));
}

static void *start(struct step *step, const void *config)
{
    struct runtime_node *n = mem_new(struct runtime_node);
    n->config = config;
    n->step = step;
    struct str node = str_from(n->config->node);
    n->boot = step_random(step, PURPOSE_BOOT);
    n->socket = cri_address(step->sim, node);
    n->pods = traffic_address(step->sim, node);
    n->pull_bytes_per_s =
        n->config->pull_bytes_per_s ? n->config->pull_bytes_per_s : TIMING_PULL_BYTES_PER_S;
    n->image_file = step_file(step, S("containerd/images"));
    images_read(n);
    if (n->config->pod_cidr)
        set_cidr(n, str_from(n->config->pod_cidr));
    count_boot(n);
    step_listen(step, n->socket);
    step_listen(step, n->pods);
    return n;
}

static void handle_message(struct runtime_node *n, const struct input *in)
{
    struct message *m = in->message;
    if (m->type == &cri_request_message && n->is_hung) {
        vec_push(&n->held, message_ref(m));
        vec_push(&n->held_streams, in->stream);
    } else if (m->type == &cri_request_message) {
        handle_request(n, in->stream, CONTAINER_OF(m, struct cri_request, message));
    } else if (m->type == &traffic_request_message) {
        const struct traffic_request *r = CONTAINER_OF(m, struct traffic_request, message);
        struct traffic_response *a = handle_traffic(n, r);
        if (in->kind == INPUT_DATAGRAM)
            step_send_datagram(n->step, r->reply_to, &a->message);
        else
            step_send(n->step, in->stream, &a->message);
    } else if (m->type == &traffic_response_message) {
        handle_traffic_answer(n, CONTAINER_OF(m, struct traffic_response, message));
    } else if (m->type == &runtime_fault_message) {
        handle_fault(n, CONTAINER_OF(m, struct runtime_fault, message));
    }
}

static void input(void *state, struct step *step, const struct input *in)
{
    struct runtime_node *n = state;
    n->step = step;
    switch (in->kind) {
    case INPUT_TIMER:
        if (in->tag >> 32 == TAG_OPERATION)
            finish_operation(n, (uint32_t)in->tag);
        else
            container_timer(n, (uint32_t)in->tag);
        break;
    case INPUT_ACCEPTED:
        if (in->address == n->socket)
            vec_push(&n->streams, in->stream);
        break;
    case INPUT_MESSAGE:
    case INPUT_DATAGRAM:
    case INPUT_COMMAND:
        handle_message(n, in);
        break;
    case INPUT_CLOSED:
        for (size_t i = 0; i < n->streams.count; i++) {
            if (n->streams.items[i] == in->stream) {
                vec_remove(&n->streams, i);
                break;
            }
        }
        break;
    case INPUT_TERMINATE:
        step_exit(step, 0);
        break;
    case INPUT_CONNECTED:
    case INPUT_DISK_DONE:
        break;
    }
}

static void release(void *state)
{
    struct runtime_node *n = state;
    for (size_t i = 0; i < n->operations.count; i++)
        operation_free(n->operations.items[i]);
    for (size_t i = 0; i < n->containers.count; i++)
        container_free(n->containers.items[i]);
    for (size_t i = 0; i < n->sandboxes.count; i++) {
        cri_sandbox_config_unref(n->sandboxes.items[i]->config);
        mem_free(n->sandboxes.items[i]);
    }
    runtime_volumes_remove(n, S(""));
    for (size_t i = 0; i < n->images.count; i++)
        mem_free(n->images.items[i].reference);
    for (size_t i = 0; i < n->held.count; i++)
        message_unref(n->held.items[i]);
    vec_release(&n->held);
    vec_release(&n->held_streams);
    vec_release(&n->operations);
    vec_release(&n->containers);
    vec_release(&n->sandboxes);
    vec_release(&n->volumes);
    vec_release(&n->images);
    vec_release(&n->streams);
    mem_free(n);
}

static void dump(const void *state, struct text *out)
{
    static const char *const states[] = {"created", "running", "exited", "unknown"};
    const struct runtime_node *n = state;
    text_printf(out, "containerd: %zu sandboxes, %zu containers, %zu images\n", n->sandboxes.count,
                n->containers.count, n->images.count);
    for (size_t i = 0; i < n->containers.count; i++) {
        const struct container *c = n->containers.items[i];
        text_printf(out, "  %s/%s %s: %s, exit code %d, attempt %u\n",
                    c->sandbox->config->namespace, c->sandbox->config->name, c->config->name,
                    states[c->state], c->exit_code, c->config->attempt);
    }
}

const struct process_type containerd_process = {
    .kind = "containerd", .start = start, .input = input, .release = release, .dump = dump};
