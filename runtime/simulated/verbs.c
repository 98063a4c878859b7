/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs of the CRI: which are answered at once and how; which begin an operation.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"
#include "runtime/simulated/timings.h"

static void create_container(struct runtime_node *n, stream_id stream, struct cri_request *r);
static void stop_container(struct runtime_node *n, stream_id stream, struct cri_request *r);
static void handle_quick(struct runtime_node *n, struct cri_request *r, struct cri_response *a);

void runtime_answer(struct runtime_node *n, stream_id stream, struct cri_response *own_response)
{
    step_send(n->step, stream, &own_response->message);
}

void cri_fail(struct cri_response *r, enum cri_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);
void cri_fail(struct cri_response *r, enum cri_code code, const char *format, ...)
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

void runtime_handle_request(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    if (r->verb == CRI_RUN_POD_SANDBOX)
        sandbox_run_begin(n, stream, r);
    else if (r->verb == CRI_STOP_POD_SANDBOX)
        (void)operation_new(n, stream, r, TIMING_SANDBOX_STOP_MS, 0);
    else if (r->verb == CRI_CREATE_CONTAINER)
        create_container(n, stream, r);
    else if (r->verb == CRI_START_CONTAINER)
        (void)operation_new(n, stream, r, TIMING_CONTAINER_START_MS,
                            TIMING_CONTAINER_START_SPREAD_MS);
    else if (r->verb == CRI_STOP_CONTAINER)
        stop_container(n, stream, r);
    else if (r->verb == CRI_EXEC_SYNC)
        (void)operation_new(n, stream, r, TIMING_EXEC_MS, 0);
    else if (r->verb == CRI_PULL_IMAGE)
        pull_begin(n, stream, r);
    else {
        struct cri_response *a = cri_response_new(r);
        handle_quick(n, r, a);
        runtime_answer(n, stream, a);
    }
}

/* ---- containers ---- */

static void create_container(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct sandbox *s = sandbox_find(n, r->sandbox);
    AUTO(text) struct text image = {0};
    if (!s || !s->is_ready || !image_normalise(str_from(r->container_config->image), &image)) {
        struct cri_response *no = cri_response_new(r);
        cri_fail(no, CRI_NOT_FOUND, "failed to find sandbox id: not found");
        runtime_answer(n, stream, no);
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

static void stop_container(struct runtime_node *n, stream_id stream, struct cri_request *r)
{
    struct container *c = runtime_container(n, r->container);
    if (!c || c->state != CRI_CONTAINER_RUNNING) {
        if (c && c->state == CRI_CONTAINER_CREATED) {
            c->state = CRI_CONTAINER_EXITED;
            c->exit_code = 137;
            c->reason = "Error";
            c->finished = n->step->wall;
        }
        runtime_answer(n, stream, cri_response_new(r));
        return;
    }
    (void)operation_new(n, stream, r, -1, 0);
    runtime_container_stop(n, c, r->timeout);
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
            a->containers[a->container_count++] = container_status_of(c);
    }
    a->memory_available_bytes = n->config->memory_bytes - n->memory_used;
    if (r->verb == CRI_CONTAINER_STATUS && a->container_count == 0)
        cri_fail(a, CRI_NOT_FOUND, "an error occurred when try to find container: not found");
}

static void stats(struct runtime_node *n, const struct cri_request *r, struct cri_response *a)
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

/* ---- probes: a connection from the node to a pod's address ---- */

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

static void probe(struct runtime_node *n, struct cri_request *r, struct cri_response *a)
{
    struct container *c = runtime_container(n, r->container);
    if (!c || c->state != CRI_CONTAINER_RUNNING) {
        cri_fail(a, CRI_NOT_FOUND, "container not found");
        return;
    }
    probe_answer(n, c, r, a);
    a->is_steady = true;
    if (r->wants_change) {
        c->wants_change = true;
        container_arm(n, c);
    }
}

/* ---- the rest ---- */

static void write_volume(struct runtime_node *n, const struct cri_request *r)
{
    struct volume *v = runtime_volume(n, str_from(r->volume->host_path), true);
    runtime_volume_write(v, &r->volume->files, r->volume->is_empty_dir);
    for (size_t i = 0; i < n->containers.count; i++) { /* whose probes may read it */
        struct container *c = n->containers.items[i];
        for (uint16_t m = 0; c->wants_change && m < c->config->mount_count; m++) {
            if (strcmp(c->config->mounts[m].host_path, r->volume->host_path) == 0)
                container_changed(n, c);
        }
    }
}

/* Verbs that are answered at once. */
static void handle_quick(struct runtime_node *n, struct cri_request *r, struct cri_response *a)
{
    struct container *c = runtime_container(n, r->container);
    AUTO(text) struct text out = {0};
    switch (r->verb) {
    case CRI_STATUS:
        a->boot = n->boot;
        n->memory_low = r->number;
        break;
    case CRI_UPDATE_RUNTIME_CONFIG:
        sandbox_set_range(n, str_from(r->text));
        break;
    case CRI_REMOVE_POD_SANDBOX:
        sandbox_remove(n, r->sandbox);
        break;
    case CRI_POD_SANDBOX_STATUS:
    case CRI_LIST_POD_SANDBOX:
        sandbox_list(n, a);
        break;
    case CRI_REMOVE_CONTAINER:
        runtime_container_remove(n, r->container);
        break;
    case CRI_LIST_CONTAINERS:
    case CRI_CONTAINER_STATUS:
        list_containers(n, r, a);
        break;
    case CRI_CONTAINER_STATS:
        stats(n, r, a);
        break;
    case CRI_READ_LOG:
        if (c)
            container_log_tail(c, r->number, &out);
        else
            cri_fail(a, CRI_NOT_FOUND, "container not found");
        a->output = mem_copy_string(text_str(&out));
        break;
    case CRI_LIST_IMAGES:
    case CRI_IMAGE_STATUS:
    case CRI_REMOVE_IMAGE:
        image_answer(n, r, a);
        break;
    case CRI_WRITE_VOLUME:
        write_volume(n, r);
        break;
    case CRI_REMOVE_VOLUMES:
        runtime_volumes_remove(n, str_from(r->text));
        break;
    case CRI_PROBE:
        probe(n, r, a);
        break;
    case CRI_RUN_POD_SANDBOX:
    case CRI_STOP_POD_SANDBOX:
    case CRI_CREATE_CONTAINER:
    case CRI_START_CONTAINER:
    case CRI_STOP_CONTAINER:
    case CRI_EXEC_SYNC:
    case CRI_PULL_IMAGE:
    case CRI_EXEC:
    case CRI_ATTACH:
    case CRI_FOLLOW_LOG:
    case CRI_FORWARD:
    case CRI_VERB_COUNT:
        check_failed("a verb that is answered at once", __FILE__, __LINE__);
    }
}
