/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of exec opens a stream for each of error, stdin, stdout, stderr and resize; what comes
 * before a stream is there waits for it. The end is a Status on the error stream, as JSON.
 *
 * A client of port-forward opens, for each connection that somebody makes to it, a stream for
 * errors and one for data, both with the port and a number of their own. Then a conversation of its
 * own begins: a request like the first one, with the port.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/spdy_session.h"

#include "cluster/api/connect.h"
#include "cluster/apiserver/http/spdy.h"
#include "sim/base/mem.h"

enum role { ROLE_ERROR, ROLE_STDIN, ROLE_STDOUT, ROLE_STDERR, ROLE_RESIZE, ROLE_COUNT };
static const char *const role_names[ROLE_COUNT] = {"error", "stdin", "stdout", "stderr", "resize"};

struct forward {
    uint64_t id;           /* of the conversation; 0: not begun */
    uint32_t errors, data; /* streams; 0: not opened */
    char request[24];      /* the client's number */
    bool has_error;
};
struct spdy_session {
    struct exchange *exchange;
    struct spdy *spdy;
    bool is_forward, has_ended;
    /* a command */
    uint32_t streams[ROLE_COUNT];
    bool is_expected[ROLE_COUNT];
    struct text early[ROLE_COUNT];
    /* a port-forward */
    VEC(struct forward) forwards;
};

static void on_opened(void *owner, uint32_t stream, const struct spdy_header *headers,
                      size_t count);
static void on_data(void *owner, uint32_t stream, struct str bytes);
static void on_ended(void *owner, uint32_t stream);

static const struct spdy_events events = {on_opened, on_data, on_ended};

struct spdy_session *spdy_session_new(struct exchange *x, bool is_forward)
{
    struct spdy_session *g = mem_new(struct spdy_session);
    const struct connect_options *o = x->sent_request->connect;
    g->exchange = x;
    g->is_forward = is_forward;
    g->spdy = spdy_new(&events, g);
    g->is_expected[ROLE_ERROR] = true;
    g->is_expected[ROLE_STDOUT] = o->has_stdout;
    g->is_expected[ROLE_STDERR] = o->has_stderr;
    return g;
}

void spdy_session_free(struct spdy_session *g)
{
    if (!g)
        return;
    for (int i = 0; i < ROLE_COUNT; i++)
        text_release(&g->early[i]);
    vec_release(&g->forwards);
    spdy_free(g->spdy);
    mem_free(g);
}

bool spdy_session_receive(struct spdy_session *g, struct str bytes)
{
    return spdy_receive(g->spdy, bytes);
}

struct text *spdy_session_output(struct spdy_session *g)
{
    return spdy_output(g->spdy);
}

bool spdy_session_is_over(const struct spdy_session *g)
{
    if (!g->has_ended)
        return false;
    for (int i = 0; i < ROLE_COUNT && !g->is_forward; i++) {
        if (g->is_expected[i] && g->streams[i] == 0)
            return false;
    }
    return true;
}

static void to_gateway(struct spdy_session *g, uint64_t id, uint8_t channel, struct str bytes)
{
    struct http_server *s = g->exchange->server;
    if (s->options.sim)
        gateway_bytes(s->options.sim, s->gateway, g->exchange->connection->number, id, channel,
                      bytes);
    upgrade_said(g->exchange);
    if (channel == CHANNEL_CLOSE && s->options.sim)
        upgrade_said_last(g->exchange);
}

/* ---- a command ---- */

static void command_opened(struct spdy_session *g, uint32_t stream, struct str type)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (!str_equal(type, str_from(role_names[i])) || g->streams[i] != 0)
            continue;
        g->streams[i] = stream;
        bool is_end = g->has_ended && i != ROLE_STDIN && i != ROLE_RESIZE;
        if (g->early[i].size > 0 || is_end)
            spdy_send(g->spdy, stream, text_str(&g->early[i]), is_end);
        text_clear(&g->early[i]);
    }
}

void spdy_session_bytes(struct spdy_session *g, const struct channel_bytes *b)
{
    if (b->is_last) {
        g->has_ended = true;
        for (int i = 0; i < ROLE_COUNT && !g->is_forward; i++) {
            if (g->streams[i] != 0)
                spdy_send(g->spdy, g->streams[i], S(""), true);
        }
        return;
    }
    int role = b->channel == CHANNEL_STDOUT   ? ROLE_STDOUT
               : b->channel == CHANNEL_STDERR ? ROLE_STDERR
                                              : ROLE_ERROR;
    if (g->is_forward)
        return;
    if (g->streams[role] != 0)
        spdy_send(g->spdy, g->streams[role], channel_str(b), false);
    else
        text_add(&g->early[role], channel_str(b));
}

/* ---- a port-forward ---- */

static struct forward *forward_of_stream(struct spdy_session *g, uint32_t stream)
{
    for (size_t i = 0; i < g->forwards.count; i++) {
        if (g->forwards.items[i].data == stream || g->forwards.items[i].errors == stream)
            return &g->forwards.items[i];
    }
    return NULL;
}

static struct forward *forward_of_request(struct spdy_session *g, struct str request)
{
    struct forward f = {0};
    if (request.size >= sizeof(f.request))
        request.size = sizeof(f.request) - 1;
    memcpy(f.request, request.bytes, request.size);
    for (size_t i = 0; i < g->forwards.count; i++) {
        if (strcmp(g->forwards.items[i].request, f.request) == 0)
            return &g->forwards.items[i];
    }
    vec_push(&g->forwards, f);
    return &vec_last(&g->forwards);
}

static void forward_begin(struct spdy_session *g, struct forward *f, struct str port)
{
    struct exchange *x = g->exchange;
    struct http_server *s = x->server;
    const struct request *first = x->sent_request;
    if (!s->options.sim)
        return;
    struct request *q = request_for_key(first->verb, first->key);
    q->resource = first->resource;
    q->subresource = first->subresource;
    q->namespace = value_keep(first->namespace);
    q->user_agent = value_keep(first->user_agent);
    q->impersonate = value_keep(first->impersonate);
    q->credential = first->credential ? credential_ref(first->credential) : NULL;
    struct connect_options *o = request_connect_options(q);
    o->is_upgrade = true;
    o->ports = value_string(port);
    f->id = ++s->last_id;
    gateway_send(s->options.sim, s->gateway, x->connection->number, f->id, q);
    upgrade_said(x);
}

static void forward_opened(struct spdy_session *g, uint32_t stream,
                           const struct spdy_header *headers, size_t count)
{
    struct str type = spdy_find(headers, count, "streamtype");
    struct forward *f = forward_of_request(g, spdy_find(headers, count, "requestid"));
    if (str_equal(type, S("error"))) {
        f->errors = stream;
    } else if (str_equal(type, S("data")) && f->id == 0) {
        f->data = stream;
        forward_begin(g, f, spdy_find(headers, count, "port"));
    }
}

static void forward_remove(struct spdy_session *g, struct forward *f)
{
    vec_remove(&g->forwards, (size_t)(f - g->forwards.items));
}

/* What goes wrong is one message on the stream for errors. */
static void forward_error(struct spdy_session *g, struct forward *f, struct str text)
{
    if (f->errors != 0 && !f->has_error)
        spdy_send(g->spdy, f->errors, text, true);
    f->has_error = true;
}

bool spdy_session_forwarded(struct spdy_session *g, uint64_t id, const struct response *r,
                            const struct channel_bytes *b)
{
    struct forward *f = NULL;
    for (size_t i = 0; i < g->forwards.count && !f; i++) {
        if (g->forwards.items[i].id == id)
            f = &g->forwards.items[i];
    }
    if (!f)
        return false;
    bool is_refused = r && r->code != 101, is_last = b && b->is_last;
    if (is_refused)
        forward_error(g, f, response_message_text(r));
    else if (b && !is_last && b->channel == CHANNEL_ERROR)
        forward_error(g, f, channel_str(b));
    else if (b && !is_last && f->data != 0)
        spdy_send(g->spdy, f->data, channel_str(b), false);
    if (is_refused || is_last) {
        if (f->data != 0)
            spdy_send(g->spdy, f->data, S(""), true);
        forward_error(g, f, S(""));
        forward_remove(g, f);
    }
    return true;
}

static void forward_ended(struct spdy_session *g, struct forward *f, uint32_t stream)
{
    struct exchange *x = g->exchange;
    if (f->data != stream)
        return; /* clients close the stream for errors at once: they never write there */
    if (f->id != 0 && x->server->options.sim)
        gateway_cancel(x->server->options.sim, x->server->gateway, x->connection->number, f->id);
    spdy_send(g->spdy, f->data, S(""), true);
    forward_error(g, f, S(""));
    forward_remove(g, f);
}

/* ---- from the client ---- */

static void on_opened(void *owner, uint32_t stream, const struct spdy_header *headers, size_t count)
{
    struct spdy_session *g = owner;
    spdy_accept(g->spdy, stream);
    if (g->is_forward)
        forward_opened(g, stream, headers, count);
    else
        command_opened(g, stream, spdy_find(headers, count, "streamtype"));
}

static void on_data(void *owner, uint32_t stream, struct str bytes)
{
    struct spdy_session *g = owner;
    struct forward *f = g->is_forward ? forward_of_stream(g, stream) : NULL;
    if (f && f->data == stream && f->id != 0)
        to_gateway(g, f->id, CHANNEL_STDIN, bytes);
    else if (!g->is_forward && stream == g->streams[ROLE_STDIN])
        to_gateway(g, g->exchange->id, CHANNEL_STDIN, bytes);
    else if (!g->is_forward && stream == g->streams[ROLE_RESIZE])
        to_gateway(g, g->exchange->id, CHANNEL_RESIZE, bytes);
}

static void on_ended(void *owner, uint32_t stream)
{
    struct spdy_session *g = owner;
    struct forward *f = g->is_forward ? forward_of_stream(g, stream) : NULL;
    if (f)
        forward_ended(g, f, stream);
    else if (!g->is_forward && stream == g->streams[ROLE_STDIN])
        to_gateway(g, g->exchange->id, CHANNEL_CLOSE, (struct str){"\0", 1});
}
