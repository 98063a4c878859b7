/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs that take time. Such a verb becomes an `operation`, which keeps the request and its stream,
 * and ends by a timer, or (StopContainer) when the container ends, or (ExecSync) when its command
 * does.
 *
 * An operation names its container by number, so that removal under it is harmless.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"

#define NEVER INT64_MAX

/* ---- life ---- */

struct operation *operation_new(struct runtime_node *n, stream_id stream, struct cri_request *r,
                                int64_t base_ms, int64_t spread_ms)
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
                             runtime_tag(TAG_OPERATION, o->id));
    }
    return o;
}

void operation_free(struct operation *o)
{
    message_unref(&o->request->message);
    if (o->response)
        message_unref(&o->response->message);
    shell_free(o->shell);
    text_release(&o->output);
    mem_free(o);
}

void operation_end(struct runtime_node *n, struct operation *o)
{
    for (size_t i = 0; i < n->operations.count; i++) {
        if (n->operations.items[i] == o) {
            vec_remove(&n->operations, i);
            break;
        }
    }
    runtime_answer(n, o->stream, o->response);
    o->response = NULL;
    operation_free(o);
}

void operations_container_ended(struct runtime_node *n, uint32_t container)
{
    for (size_t i = 0; i < n->operations.count;) {
        struct operation *o = n->operations.items[i];
        if (o->request->verb == CRI_STOP_CONTAINER && o->request->container == container) {
            operation_end(n, o);
            i = 0;
        } else if (o->request->verb == CRI_EXEC_SYNC && o->request->container == container) {
            cri_fail(o->response, CRI_UNKNOWN,
                     "failed to exec in container: container is not running");
            operation_end(n, o);
            i = 0;
        } else {
            i++;
        }
    }
}

/* ---- ExecSync ---- */

static void exec_continue(struct runtime_node *n, struct operation *o);
static void exec_unknown(struct runtime_node *n, struct operation *o, struct container *c);

static void exec_go_on(struct runtime_node *n, struct operation *o)
{
    struct container *c = runtime_container(n, o->request->container);
    if (o->shell) {
        exec_continue(n, o);
        return;
    }
    if (!c || c->state != CRI_CONTAINER_RUNNING || o->request->word_count == 0) {
        cri_fail(o->response, CRI_UNKNOWN, "failed to exec in container: container is not running");
        operation_end(n, o);
        return;
    }
    if (o->request->timeout.ns > 0)
        o->deadline = instant_add(n->step->now, o->request->timeout);
    struct str name = str_from(o->request->words[0]);
    bool is_shell =
        c->model->has_shell && (str_ends_with(name, S("sh")) && o->request->word_count >= 3);
    struct shell_host host;
    o->view = (struct container_view){.node = n, .container = c, .capture = &o->output};
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

static void exec_continue(struct runtime_node *n, struct operation *o)
{
    struct container *c = runtime_container(n, o->request->container);
    if (!c || c->state != CRI_CONTAINER_RUNNING) {
        cri_fail(o->response, CRI_UNKNOWN, "failed to exec in container: container is not running");
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
        cri_fail(o->response, CRI_DEADLINE_EXCEEDED, "command timed out: \"%s\" timed out after %s",
                 o->request->words[0], text_c(&timeout));
        text_release(&timeout);
        operation_end(n, o);
        return;
    }
    at = at.ns < o->deadline.ns ? at : o->deadline;
    if (at.ns != NEVER)
        (void)step_timer_set(n->step, at, runtime_tag(TAG_OPERATION, o->id));
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

/* ---- the end ---- */

void operation_due(struct runtime_node *n, uint32_t id)
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
        exec_go_on(n, o);
        return;
    }
    if (o->request->verb == CRI_RUN_POD_SANDBOX)
        sandbox_run_finish(n, o);
    else if (o->request->verb == CRI_STOP_POD_SANDBOX)
        sandbox_stop(n, o->request->sandbox);
    else if (o->request->verb == CRI_PULL_IMAGE)
        pull_finish(n, o);
    else if (o->request->verb == CRI_START_CONTAINER) {
        if (c && c->state == CRI_CONTAINER_CREATED)
            runtime_container_start(n, c, o->response);
        else
            cri_fail(o->response, CRI_NOT_FOUND, "container not found");
    }
    operation_end(n, o);
}
