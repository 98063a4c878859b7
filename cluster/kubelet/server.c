/* SPDX-License-Identifier: Apache-2.0
 *
 * The kubelet's own server, port 10250 of the node: what API servers ask it on behalf of a user.
 * Logs, exec, attach and port-forward become a conversation with the container runtime, one stream
 * there for one stream here; the kubelet stands in between and passes on. When it dies, so do the
 * conversations (what was started in a container runs on).
 *
 * Logs. Which container of a name is meant, and what is said when there is none, follows from the
 * pod's status. The runtime gives the lines of the log file, "time stream F text"; since,
 * timestamps and limitBytes are the kubelet's to apply. DEVIATION: the lines come from the
 * runtime's process; the real kubelet reads the file, so it needs the runtime for the container's
 * state only.
 *
 * Who may: the client certificate of the API servers. DEVIATION: the real kubelet asks an API
 * server with TokenReview and SubjectAccessReview about anybody; here the groups that any cluster
 * gives everything are known, and all others are refused.
 *
 * Upstream: pkg/kubelet/server/server.go, GetKubeletContainerLogs, validateContainerLogStatus in
 * kubelet_pods.go.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "cluster/api/json.h"
#include "cluster/api/status.h"
#include "sim/base/calendar.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)

struct node_session {
    stream_id client, runtime;    /* runtime 0: none yet */
    struct node_request *request; /* a reference */
    bool is_open;                 /* has been answered */
    /* logs */
    int64_t since_ns; /* lines before are left out; 0: none */
    int64_t left;     /* bytes that may yet be sent; -1: any number */
    struct text partial;
};

static void answer(struct kubelet *k, struct node_session *s, int code, struct str content);
static void session_end(struct kubelet *k, struct node_session *s, bool is_broken);

/* ---- life ---- */

static address_id server_address(struct kubelet *k)
{
    struct str text = arena_printf(k->step->scratch, "%s:10250", k->config->internal_ip);
    return sim_address(k->step->sim, text);
}

void server_start(struct kubelet *k)
{
    if (!k->config->internal_ip)
        return;
    k->server_address = server_address(k);
    step_listen(k->step, k->server_address);
}

static void session_free(struct node_session *s)
{
    message_unref(&s->request->message);
    text_release(&s->partial);
    mem_free(s);
}

void server_release(struct kubelet *k)
{
    for (size_t i = 0; i < k->sessions.count; i++)
        session_free(k->sessions.items[i]);
    vec_release(&k->sessions);
}

/* Closes both sides and forgets. */
static void session_end(struct kubelet *k, struct node_session *s, bool is_broken)
{
    for (size_t i = 0; i < k->sessions.count; i++) {
        if (k->sessions.items[i] == s) {
            vec_remove(&k->sessions, i);
            break;
        }
    }
    if (s->client) {
        if (s->is_open && !is_broken)
            step_send(k->step, s->client, &channel_end_new(0, false)->message);
        step_close(k->step, s->client);
    }
    if (s->runtime)
        step_close(k->step, s->runtime);
    session_free(s);
}

/* The whole answer; the session is over. */
static void answer(struct kubelet *k, struct node_session *s, int code, struct str content)
{
    step_send(k->step, s->client,
              &node_response_new(code, S("text/plain; charset=utf-8"), content)->message);
    session_end(k, s, false);
}

static void open_up(struct kubelet *k, struct node_session *s, int code)
{
    s->is_open = true;
    step_send(k->step, s->client, &node_response_new(code, S("text/plain"), S(""))->message);
}

/* ---- who ---- */

static bool is_known(const struct credential *c)
{
    for (size_t i = 0; c->kind == CREDENTIAL_CERTIFICATE && i < c->group_count; i++) {
        if (str_equal(c->groups[i], S("system:masters")) ||
            str_equal(c->groups[i], S("kubeadm:cluster-admins")))
            return true;
    }
    return false;
}

/* False: refused. */
static bool may(struct kubelet *k, struct node_session *s)
{
    static const char *const subresources[] = {"log", "proxy", "proxy", "proxy", "proxy"};
    const struct credential *c = s->request->credential;
    AUTO(text) struct text why = {0};
    if (!c) {
        answer(k, s, 401, S("Unauthorized"));
        return false;
    }
    if (is_known(c))
        return true;
    text_printf(&why, "Forbidden (user=%.*s, verb=%s, resource=nodes, subresource(s)=[%s])\n",
                STR_ARG(c->user), s->request->verb == NODE_LOGS ? "get" : "create",
                subresources[s->request->verb]);
    answer(k, s, 403, text_str(&why));
    return false;
}

/* ---- which ---- */

static struct pod_worker *worker_named(struct kubelet *k, const struct node_request *r)
{
    for (size_t i = k->workers.count; i > 0; i--) {
        struct pod_worker *w = k->workers.items[i - 1];
        if (str_equal(w->key->namespace, value_str(r->namespace)) &&
            str_equal(w->key->name, value_str(r->pod)))
            return w;
    }
    return NULL;
}

/* The index; container_count: none of that name. */
static size_t container_named(const struct pod_worker *w, struct value name)
{
    size_t i = 0;
    while (i < w->container_count &&
           !value_equal(VALUE_GET(worker_container_spec(w, i), name), name))
        i++;
    return i;
}

static struct value status_named(struct value status, struct value name)
{
    const struct value lists[] = {VALUE_GET(status, containerStatuses),
                                  VALUE_GET(status, initContainerStatuses),
                                  VALUE_GET(status, ephemeralContainerStatuses)};
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        for (size_t i = 0; i < value_count(lists[l]); i++) {
            struct value s = value_at(lists[l], i);
            if (value_equal(VALUE_GET(s, name), name))
                return s;
        }
    }
    return VALUE_ABSENT;
}

static uint32_t number_of(const struct termination *t)
{
    return t && !t->id ? t->container : 0;
}

static void waiting_text(struct value status, struct text *out)
{
    struct str reason = VALUE_STR(status, state, waiting, reason);
    if (str_equal(reason, S("ErrImagePull")))
        text_add(out, S("image can't be pulled"));
    else if (str_equal(reason, S("ImagePullBackOff")))
        text_add(out, S("trying and failing to pull image"));
    else
        text_add(out, reason);
}

/* The runtime's number of the container whose log is meant; 0 and no error: of a container that the
 * runtime does not have any more. False: *error says why there is no log. */
static bool log_container(const struct pod_worker *w, size_t i, bool previous, uint32_t *ret_number,
                          struct text *error)
{
    const struct pod_container *c = &w->containers[i];
    AUTO(value) struct value status = pod_status(w);
    char small[VALUE_SMALL_SIZE];
    struct str name = worker_container_name(w, i, small), pod = w->key->name;
    struct value s = status_named(status, VALUE_GET(worker_container_spec(w, i), name));
    struct value last = VALUE_GET(s, lastState, terminated);
    bool is_waiting = value_is_present(VALUE_GET(s, state, waiting));
    bool is_running = value_is_present(VALUE_GET(s, state, running));
    *ret_number = 0;
    if (!value_is_present(s)) {
        text_printf(error, "container \"%.*s\" in pod \"%.*s\" is not available", STR_ARG(name),
                    STR_ARG(pod));
    } else if (previous && VALUE_STR(last, containerID).size == 0) {
        text_printf(error, "previous terminated container \"%.*s\" in pod \"%.*s\" not found",
                    STR_ARG(name), STR_ARG(pod));
    } else if (previous) {
        *ret_number = number_of(is_waiting && c->ended ? c->ended : c->last);
    } else if (is_running) {
        *ret_number = c->container;
    } else if (value_is_present(VALUE_GET(s, state, terminated)) || value_is_present(last)) {
        *ret_number = number_of(c->ended ? c->ended : c->last);
    } else {
        text_printf(error,
                    "container \"%.*s\" in pod \"%.*s\" is waiting to start: ", STR_ARG(name),
                    STR_ARG(pod));
        waiting_text(s, error);
    }
    return error->size == 0;
}

/* ---- beginning ---- */

static void converse(struct kubelet *k, struct node_session *s, struct cri_request *own_request)
{
    s->runtime = step_connect(k->step, cri_stream_address(k->step->sim, k->node_name));
    step_send(k->step, s->runtime, &own_request->message);
}

static void begin_log(struct kubelet *k, struct node_session *s, struct pod_worker *w)
{
    const struct connect_options *o = s->request->options;
    struct str pod = value_str(s->request->pod), name = value_str(s->request->container);
    AUTO(text) struct text error = {0};
    uint32_t number = 0;
    if (!w) {
        text_printf(&error, "pod \"%.*s\" does not exist", STR_ARG(pod));
        answer(k, s, 404, text_str(&error));
        return;
    }
    size_t i = container_named(w, s->request->container);
    if (i == w->container_count) {
        text_printf(&error, "container \"%.*s\" not found in pod \"%.*s\"", STR_ARG(name),
                    STR_ARG(pod));
        answer(k, s, 404, text_str(&error));
        return;
    }
    if (!log_container(w, i, o->previous, &number, &error)) {
        answer(k, s, 400, text_str(&error));
        return;
    }
    struct wall_time since = {0};
    s->left = o->limit_bytes;
    if (o->since_seconds >= 0)
        s->since_ns = k->step->wall.unix_ns - o->since_seconds * 1000000000;
    else if (value_is_present(o->since_time) && time_parse(o->since_time, &since))
        s->since_ns = since.unix_ns;
    if (number == 0) { /* by now the answer has begun, so it is a part of it */
        struct value status = status_named(VALUE_GET(w->pod, status), s->request->container);
        struct value id = o->previous ? VALUE_GET(status, lastState, terminated, containerID)
                                      : VALUE_GET(status, containerID);
        text_printf(&error, "unable to retrieve container logs for %.*s", STR_ARG(value_str(id)));
        open_up(k, s, 200);
        channel_send(k->step, s->client, 0, CHANNEL_STDOUT, text_str(&error));
        session_end(k, s, false);
        return;
    }
    struct cri_request *r = kubelet_request(k, CRI_FOLLOW_LOG);
    r->container = number;
    r->number = o->tail_lines;
    r->has_more = o->follow;
    converse(k, s, r);
}

static void begin_command(struct kubelet *k, struct node_session *s, struct pod_worker *w)
{
    const struct connect_options *o = s->request->options;
    struct str name = value_str(s->request->container);
    if (!o->has_stdin && !o->has_stdout && !o->has_stderr) {
        answer(k, s, 400, S("you must specify at least 1 of stdin, stdout, stderr"));
        return;
    }
    if (!w) {
        answer(k, s, 404, S("pod does not exist"));
        return;
    }
    size_t i = container_named(w, s->request->container);
    bool is_there = i < w->container_count && (w->containers[i].step == CONTAINER_RUNNING ||
                                               w->containers[i].step == CONTAINER_STOPPING);
    if (!is_there) {
        AUTO(text) struct text error = {0};
        text_printf(&error, "container not found (\"%.*s\")", STR_ARG(name));
        answer(k, s, 500, text_str(&error));
        return;
    }
    struct cri_request *r =
        kubelet_request(k, s->request->verb == NODE_EXEC ? CRI_EXEC : CRI_ATTACH);
    r->container = w->containers[i].container;
    r->has_stdin = o->has_stdin;
    r->has_terminal = o->has_terminal;
    for (size_t n = 0; n < value_count(o->command); n++)
        cri_request_add_word(r, value_str(value_at(o->command, n)));
    converse(k, s, r);
}

static void begin_forward(struct kubelet *k, struct node_session *s, struct pod_worker *w)
{
    int64_t port = 0;
    if (!w) {
        answer(k, s, 404, S("pod does not exist"));
        return;
    }
    if (!value_is_present(s->request->options->ports)) { /* the ports come one by one later */
        open_up(k, s, 101);
        return;
    }
    if (!str_to_int64(value_str(s->request->options->ports), &port) || port < 1 || port > 65535) {
        answer(k, s, 400, S("unable to parse port"));
        return;
    }
    struct cri_request *r = kubelet_request(k, CRI_FORWARD);
    r->sandbox = w->sandbox;
    r->port = (uint16_t)port;
    converse(k, s, r);
}

/* ---- paths ---- */

static void answer_pods(struct kubelet *k, struct node_session *s)
{
    AUTO(text) struct text body = {0};
    struct value items = value_array();
    for (size_t i = 0; i < k->workers.count; i++)
        items = value_append(items, value_keep(k->workers.items[i]->pod));
    AUTO(value)
    struct value list =
        value_pack("{kind: PodList, apiVersion: v1, metadata: {}, items: %v}", items);
    json_write(list, &body);
    text_add_byte(&body, '\n');
    step_send(k->step, s->client,
              &node_response_new(200, S("application/json"), text_str(&body))->message);
    session_end(k, s, false);
}

static void answer_metrics(struct kubelet *k, struct node_session *s)
{
    AUTO(text) struct text body = {0};
    size_t running = 0;
    for (size_t i = 0; i < k->workers.count; i++) {
        for (size_t c = 0; c < k->workers.items[i]->container_count; c++)
            running += k->workers.items[i]->containers[c].step == CONTAINER_RUNNING;
    }
    text_printf(&body,
                "# HELP kubelet_running_containers [ALPHA] Number of containers currently running\n"
                "# TYPE kubelet_running_containers gauge\n"
                "kubelet_running_containers{container_state=\"running\"} %zu\n"
                "# HELP kubelet_running_pods [ALPHA] Number of pods that have a running pod "
                "sandbox\n# TYPE kubelet_running_pods gauge\nkubelet_running_pods %zu\n",
                running, k->workers.count);
    answer(k, s, 200, text_str(&body));
}

static void begin_path(struct kubelet *k, struct node_session *s)
{
    struct str query, path = str_cut(value_str(s->request->options->path), '?', &query);
    while (path.size > 1 && path.bytes[path.size - 1] == '/')
        path = str_slice(path, 0, path.size - 1);
    bool is_get = !value_is_present(s->request->options->method) ||
                  value_is(s->request->options->method, "GET");
    if (!is_get)
        answer(k, s, 405, S("Method Not Allowed"));
    else if (str_equal(path, S("/healthz")) || str_equal(path, S("/healthz/ping")) ||
             str_equal(path, S("/healthz/log")) || str_equal(path, S("/healthz/syncloop")))
        answer(k, s, 200, S("ok"));
    else if (str_equal(path, S("/pods")) || str_equal(path, S("/runningpods")))
        answer_pods(k, s);
    else if (str_equal(path, S("/metrics")))
        answer_metrics(k, s);
    else
        answer(k, s, 404, S("404 page not found\n"));
}

/* ---- the log's lines ---- */

/* True: the limit is reached. */
static bool log_line(struct kubelet *k, struct node_session *s, struct str line, struct text *out)
{
    struct str stream, tag, rest, time = str_cut(line, ' ', &rest);
    stream = str_cut(rest, ' ', &rest);
    tag = str_cut(rest, ' ', &rest);
    (void)tag;
    struct value wanted = s->request->options->stream;
    struct wall_time at = {0};
    (void)k;
    if (s->since_ns > 0) {
        AUTO(value) struct value text = value_string(time);
        if (time_parse(text, &at) && at.unix_ns < s->since_ns)
            return false;
    }
    if (value_is_present(wanted) && !value_is(wanted, "All") &&
        str_equal(stream, S("stdout")) != value_is(wanted, "Stdout"))
        return false;
    size_t before = out->size;
    if (s->request->options->timestamps)
        text_printf(out, "%.*s ", STR_ARG(time));
    text_printf(out, "%.*s\n", STR_ARG(rest));
    if (s->left < 0)
        return false;
    int64_t size = (int64_t)(out->size - before);
    if (size >= s->left) {
        out->size = before + (size_t)s->left;
        return true;
    }
    s->left -= size;
    return false;
}

static void log_bytes(struct kubelet *k, struct node_session *s, struct str bytes)
{
    AUTO(text) struct text out = {0};
    bool is_full = false;
    text_add(&s->partial, bytes);
    struct str rest = text_str(&s->partial);
    while (!is_full && str_find(rest, '\n') < rest.size) {
        struct str line = str_cut(rest, '\n', &rest);
        is_full = log_line(k, s, line, &out);
    }
    struct text kept = {0};
    if (rest.size < LINE_MAX_BYTES)
        text_add(&kept, rest);
    text_release(&s->partial);
    s->partial = kept;
    if (out.size > 0)
        channel_send(k->step, s->client, 0, CHANNEL_STDOUT, text_str(&out));
    if (is_full)
        session_end(k, s, false);
}

/* ---- in between ---- */

/* How an exec or attach ended, as the runtime's streaming server writes it. */
static void send_status(struct kubelet *k, struct node_session *s, const struct cri_response *r)
{
    AUTO(text) struct text json = {0};
    struct value status;
    if (r->code != CRI_OK) {
        const char *what = r->verb == CRI_EXEC ? "error executing command in container"
                                               : "error attaching to container";
        AUTO(text) struct text error = {0};
        text_printf(&error, "%s: %s", what, r->error);
        status = status_internal_error(text_str(&error));
    } else if (r->exit_code != 0) {
        AUTO(text) struct text code = {0};
        text_add_int(&code, r->exit_code);
        status = value_pack(
            "{metadata: {}, status: Failure, message: %S, reason: NonZeroExitCode, details: "
            "{causes: [{reason: ExitCode, message: %S}]}}",
            arena_printf(k->step->scratch,
                         "command terminated with non-zero exit code: exit status %d",
                         r->exit_code),
            text_str(&code));
    } else {
        status = value_pack("{metadata: {}, status: Success}");
    }
    connect_status_write(status, &json);
    value_drop(status);
    channel_send(k->step, s->client, 0, CHANNEL_ERROR, text_str(&json));
}

/* As the runtime's streaming server writes it. */
static void send_forward_error(struct kubelet *k, struct node_session *s,
                               const struct cri_response *r)
{
    AUTO(text) struct text message = {0};
    text_printf(&message, "error forwarding port %.*s to pod ",
                STR_ARG(value_str(s->request->options->ports)));
    cri_id_text(k->boot, r->sandbox, &message);
    text_printf(&message, ", uid : %s", r->error);
    channel_send(k->step, s->client, 0, CHANNEL_ERROR, text_str(&message));
}

static void from_runtime(struct kubelet *k, struct node_session *s, const struct input *in)
{
    if (in->kind == INPUT_CONNECTED) {
        open_up(k, s, s->request->verb == NODE_LOGS ? 200 : 101);
    } else if (in->kind == INPUT_CLOSED) {
        s->runtime = 0;
        if (s->is_open)
            session_end(k, s, true);
        else
            answer(k, s, s->request->verb == NODE_LOGS ? 400 : 500,
                   S("rpc error: code = Unavailable desc = connection error: desc = \"transport: "
                     "Error while dialing: dial unix /run/containerd/containerd.sock: connect: "
                     "connection refused\""));
    } else if (in->message->type == &channel_bytes_message) {
        const struct channel_bytes *b = CONTAINER_OF(in->message, struct channel_bytes, message);
        if (s->request->verb == NODE_LOGS)
            log_bytes(k, s, channel_str(b));
        else
            channel_send(k->step, s->client, 0, b->channel, channel_str(b));
    } else if (in->message->type == &cri_response_message) {
        const struct cri_response *r = CONTAINER_OF(in->message, struct cri_response, message);
        if (s->request->verb == NODE_EXEC || s->request->verb == NODE_ATTACH)
            send_status(k, s, r);
        else if (s->request->verb == NODE_PORTFORWARD && r->code != CRI_OK)
            send_forward_error(k, s, r);
        session_end(k, s, false);
    }
}

static void begin(struct kubelet *k, stream_id client, struct message *m)
{
    struct node_session *s = mem_new(struct node_session);
    s->client = client;
    s->request = CONTAINER_OF(message_ref(m), struct node_request, message);
    s->left = -1;
    vec_push(&k->sessions, s);
    if (!may(k, s))
        return;
    struct pod_worker *w = worker_named(k, s->request);
    switch (s->request->verb) {
    case NODE_LOGS:
        begin_log(k, s, w);
        break;
    case NODE_EXEC:
    case NODE_ATTACH:
        begin_command(k, s, w);
        break;
    case NODE_PORTFORWARD:
        begin_forward(k, s, w);
        break;
    case NODE_GET:
        begin_path(k, s);
        break;
    }
}

bool server_input(struct kubelet *k, const struct input *in)
{
    if (in->kind == INPUT_ACCEPTED)
        return in->address == k->server_address;
    if (in->kind == INPUT_MESSAGE && in->message->type == &node_request_message) {
        begin(k, in->stream, in->message);
        return true;
    }
    for (size_t i = 0; in->stream && i < k->sessions.count; i++) {
        struct node_session *s = k->sessions.items[i];
        if (s->runtime == in->stream) {
            from_runtime(k, s, in);
            return true;
        }
        if (s->client != in->stream)
            continue;
        if (in->kind == INPUT_CLOSED) {
            s->client = 0;
            session_end(k, s, true);
        } else if (in->kind == INPUT_MESSAGE && in->message->type == &channel_bytes_message &&
                   s->runtime) {
            const struct channel_bytes *b =
                CONTAINER_OF(in->message, struct channel_bytes, message);
            channel_send(k->step, s->runtime, 0, b->channel, channel_str(b));
        }
        return true;
    }
    return false;
}
