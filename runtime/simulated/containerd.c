/* SPDX-License-Identifier: Apache-2.0
 *
 * The container runtime of a node as a process: verbs of the CRI over streams, requests to pods,
 * faults. Its parts: verbs.c, operations.c (verbs that take time), sandboxes.c, containers.c,
 * images.c, files.c, programs.c, shell*.c, faults.c.
 *
 * What survives. Containers are state of this process: a kubelet may come and go. The end of the
 * process stands for the end of the host: containers are gone, the boot id is another, pulled
 * images are read back from the disk. DEVIATION: a restart of containerd alone would leave
 * containers running (their shims); here it is a reboot.
 *
 * Invariant: at most one operation per container changes its state at a time, since the kubelet
 * waits for each answer.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"
#include "runtime/simulated/timings.h"

/* ---- requests to pods ---- */

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
    if (session_answer(n, r))
        return;
    for (size_t i = 0; i < n->containers.count; i++) {
        struct container *c = n->containers.items[i];
        if (c->request_id == r->id && c->state == CRI_CONTAINER_RUNNING) {
            program_answer(n, c, r);
            return;
        }
    }
}

/* SIGTERM or the like from within the container. */
static void container_signalled(struct runtime_node *n, uint32_t id)
{
    struct container *c = runtime_container(n, id);
    if (c && c->state == CRI_CONTAINER_RUNNING)
        program_terminate(n, c);
}

/* ---- the process ---- */

/* host-local IPAM keeps the last address it gave on the disk and goes on behind it after a reboot,
 * so that a pod of before and a pod of after do not share one. DEVIATION: only the number of boots
 * is kept, and each boot begins elsewhere in the range: no write per pod. */
static void count_boot(struct runtime_node *n)
{
    file_id file = step_file(n->step, S("containerd/boots"));
    size_t boots = step_file_count(n->step, file);
    runtime_record_append(n, file, S("boot"), 0, 64);
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
    n->streaming = cri_stream_address(step->sim, node);
    n->pull_bytes_per_s =
        n->config->pull_bytes_per_s ? n->config->pull_bytes_per_s : TIMING_PULL_BYTES_PER_S;
    n->image_file = step_file(step, S("containerd/images"));
    images_read(n);
    if (n->config->pod_cidr)
        sandbox_set_range(n, str_from(n->config->pod_cidr));
    count_boot(n);
    step_listen(step, n->socket);
    step_listen(step, n->pods);
    step_listen(step, n->streaming);
    return n;
}

static bool is_conversation(const struct cri_request *r)
{
    return r->verb == CRI_EXEC || r->verb == CRI_ATTACH || r->verb == CRI_FOLLOW_LOG ||
           r->verb == CRI_FORWARD;
}

static void handle_message(struct runtime_node *n, const struct input *in)
{
    struct message *m = in->message;
    if (m->type == &channel_bytes_message) {
        session_bytes(n, in->stream, CONTAINER_OF(m, struct channel_bytes, message));
        return;
    }
    if (m->type == &cri_request_message && n->is_down)
        return; /* it came in just before the end */
    if (m->type == &cri_request_message && n->is_hung) {
        vec_push(&n->held, message_ref(m));
        vec_push(&n->held_streams, in->stream);
    } else if (m->type == &cri_request_message &&
               is_conversation(CONTAINER_OF(m, struct cri_request, message))) {
        session_begin(n, in->stream, CONTAINER_OF(m, struct cri_request, message));
    } else if (m->type == &cri_request_message) {
        runtime_handle_request(n, in->stream, CONTAINER_OF(m, struct cri_request, message));
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
        runtime_handle_fault(n, CONTAINER_OF(m, struct runtime_fault, message));
    }
}

static void input(void *state, struct step *step, const struct input *in)
{
    struct runtime_node *n = state;
    n->step = step;
    switch (in->kind) {
    case INPUT_TIMER:
        if (in->tag >> 32 == TAG_UP)
            runtime_go_down(n, 0);
        else if (in->tag >> 32 == TAG_OPERATION)
            operation_due(n, (uint32_t)in->tag);
        else if (in->tag >> 32 == TAG_SESSION)
            session_due(n, (uint32_t)in->tag);
        else if (in->tag >> 32 == TAG_SIGNAL)
            container_signalled(n, (uint32_t)in->tag);
        else
            container_due(n, (uint32_t)in->tag);
        break;
    case INPUT_ACCEPTED:
        if ((in->address == n->socket || in->address == n->streaming) && n->is_down)
            step_close(step, in->stream);
        else if (in->address == n->socket)
            vec_push(&n->streams, in->stream);
        break;
    case INPUT_MESSAGE:
    case INPUT_DATAGRAM:
    case INPUT_COMMAND:
        handle_message(n, in);
        break;
    case INPUT_CLOSED:
        if (session_closed(n, in->stream))
            break;
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
    for (size_t i = 0; i < n->sessions.count; i++)
        node_session_free(n->sessions.items[i]);
    for (size_t i = 0; i < n->containers.count; i++)
        runtime_container_free(n->containers.items[i]);
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
    vec_release(&n->sessions);
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
