/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to an answer: refused at once, a document of the server's own, or the gateway's.
 *
 * What comes from the gateway comes within an event of the simulation, so it is only noted; the
 * library asks for it when the connection is resumed.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/exchange.h"

#include <microhttpd.h>

#include "cluster/api/status.h"
#include "cluster/apiserver/http/documents.h"
#include "cluster/apiserver/http/head.h"
#include "cluster/apiserver/http/listener.h"
#include "sim/base/base64.h"
#include "sim/base/mem.h"

#define DISCARDED_MAX ((int64_t)16 * 1024 * 1024)

static bool dispatch(struct exchange *x, const char *method);
static void answer_document(struct exchange *x);
static void answer_text(struct exchange *x, int code, struct str text);
static void on_response(void *owner, uint64_t id, const struct response *r);
static void on_event(void *owner, uint64_t id, const struct watch_event *e);
static void on_bytes(void *owner, uint64_t id, const struct channel_bytes *b);

const struct gateway_sink exchange_sink = {on_response, on_event, on_bytes};

/* The gateway need not answer any more. */
void exchange_forget(struct exchange *x)
{
    struct http_server *s = x->server;
    if (map_remove(&s->exchanges, x) && s->options.sim)
        gateway_cancel(s->options.sim, s->gateway, x->connection->number, x->id);
}

struct str exchange_header(const struct exchange *x, const char *name)
{
    const char *value = MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name);
    return value ? str_from(value) : S("");
}
static enum MHD_Result add_to_head(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    head_add(cls, (struct str){name, name_size}, (struct str){value ? value : "", value_size});
    return MHD_YES;
}

/* The head alone: what is wrong whatever the request is; a body that is announced too large. */
static bool begin(struct exchange *x, const char *method, const char *version)
{
    struct head_refusal refusal;
    struct head head = {
        .method = str_from(method), .target = text_str(&x->target), .version = str_from(version)};
    int64_t announced;
    x->has_begun = true;
    connection_enter(x->connection, PHASE_BODY);
    if (x->is_cut) /* there is a zero byte in it */
        head.target = S("");
    (void)MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, add_to_head, &head);
    if (!head_check(&head, &refusal)) {
        connection_enter(x->connection, PHASE_OPEN);
        answer_text(x, refusal.code, str_from(refusal.text));
        x->is_last = true;
        return exchange_reply(x);
    }
    x->is_too_large =
        str_to_int64(exchange_header(x, "Content-Length"), &announced) && announced > HTTP_BODY_MAX;
    /* Who sends a little too much reads the answer when all of it is sent: to close before that
     * would take the answer away. */
    return !x->is_too_large || announced <= DISCARDED_MAX || dispatch(x, method);
}

bool exchange_go_on(struct exchange *x, const char *method, const char *version, struct str piece)
{
    if (!x->has_begun)
        return begin(x, method, version);
    if (piece.size > 0) {
        x->is_too_large |= x->body.size + piece.size > HTTP_BODY_MAX;
        if (!x->is_too_large)
            text_add(&x->body, piece);
        return true;
    }
    if (x->state == RECEIVING)
        return dispatch(x, method);
    if (x->state == BROKEN || !x->server->options.sim)
        return false;
    if (x->state == GRANTED)
        answer_document(x);
    return exchange_reply(x);
}

/* ---- from a request to an answer, or to the gateway ---- */

static void answer_value(struct exchange *x, int code, struct value body)
{
    struct http_server *s = x->server;
    x->code = code;
    x->content_type = answer_body(&x->shape, body, sim_wall(s->options.sim), &x->answer);
    x->is_sniffable = true;
    x->state = ANSWERED;
}

static void answer_text(struct exchange *x, int code, struct str text)
{
    x->code = code;
    x->content_type = S("text/plain; charset=utf-8");
    text_add(&x->answer, text);
    x->state = ANSWERED;
}

static void answer_refusal(struct exchange *x, struct value own_status)
{
    answer_value(x, status_code(own_status), own_status);
    value_drop(own_status);
}

/* Empty: none. */
static struct str bearer_token(struct str authorization)
{
    struct str token, scheme = str_cut(str_trim(authorization), ' ', &token);
    const char *wanted = "bearer";
    if (scheme.size != strlen(wanted))
        return S("");
    for (size_t i = 0; i < scheme.size; i++)
        if ((scheme.bytes[i] | 0x20) != wanted[i])
            return S("");
    return str_slice(token, 0, str_find(token, ' '));
}

/* Browsers cannot set headers of a WebSocket: their token is among the protocols offered. */
static void websocket_token(const struct exchange *x, struct text *out)
{
    struct str rest = exchange_header(x, "Sec-WebSocket-Protocol"),
               prefix = S("base64url.bearer.authorization.k8s.io.");
    while (rest.size > 0) {
        struct str one = str_trim(str_cut(rest, ',', &rest));
        if (!str_starts_with(one, prefix))
            continue;
        if (!base64url_decode(str_slice(one, prefix.size, one.size), out))
            text_clear(out);
        return;
    }
}

/* False: it has shown a certificate or a token that is none. */
static bool credential_find(struct exchange *x)
{
    struct client_connection *c = x->connection;
    if (x->server->options.is_plain) {
        c->is_known = true; /* no certificate, hence no name */
    } else if (!c->is_known) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        c->is_known = true;
        c->is_refused = !info || !session_credential(info->tls_session, &c->credential);
    }
    AUTO(text) struct text of_websocket = {0};
    struct str token = bearer_token(exchange_header(x, "Authorization"));
    if (token.size == 0) {
        websocket_token(x, &of_websocket);
        token = text_str(&of_websocket);
    }
    if (c->credential && token.size > 0) { /* whichever is good counts */
        struct credential both = *c->credential;
        both.token = token;
        x->credential = credential_copy(&both);
    } else if (c->credential) {
        x->credential = credential_ref(c->credential);
    } else if (token.size > 0) {
        x->credential = credential_token(token);
    }
    return !c->is_refused || x->credential;
}

static struct value too_large(void)
{
    AUTO(text) struct text m = {0};
    text_printf(&m, "Request entity too large: limit is %d", HTTP_BODY_MAX);
    return status_make(413, S("RequestEntityTooLarge"), text_str(&m), value_object());
}

/* Documents that are routes as resources are; the others do not look at the method. */
static bool is_for_get(struct str path)
{
    return str_equal(path, S("/version")) || str_equal(path, S("/api")) ||
           str_equal(path, S("/apis")) || str_starts_with(path, S("/api/")) ||
           str_starts_with(path, S("/apis/"));
}

static void answer_document(struct exchange *x)
{
    struct http_server *s = x->server;
    struct document_facts facts = {
        .address = listener_name(s->listener),
        .now = sim_now(s->options.sim),
        .wall = sim_wall(s->options.sim),
        .catalog = x->catalog,
        .served = x->served,
        .keys = s->options.keys,
        .accept = exchange_header(x, "Accept"),
        .openapi = s->openapi,
        .writer = s->writer,
    };
    struct document *d = &x->document;
    if (!document_find(&x->reading, &facts, d)) {
        answer_text(x, 404, S("404 page not found\n"));
        return;
    }
    if (!x->reading.is_get && is_for_get(x->reading.target.path)) {
        answer_refusal(x, method_refusal());
        return;
    }
    x->code = d->code;
    x->content_type = d->content_type;
    x->is_sniffable =
        d->is_sniffable || !str_starts_with(d->content_type, S("text/plain; charset"));
    x->answer = d->body;
    d->body = (struct text){0};
    x->state = ANSWERED;
}

static void send_to_gateway(struct exchange *x)
{
    struct http_server *s = x->server;
    struct request *q = x->reading.request;
    x->reading.request = NULL;
    x->follows = q->connect && q->connect->follow;
    x->subresource = q->subresource;
    if (x->wants_websocket || x->wants_spdy)
        x->sent_request = (struct request *)(void *)message_ref(&q->message);
    if (x->credential)
        q->credential = credential_ref(x->credential);
    x->connection->is_used = true;
    x->state = WAITING;
    s->waiting++;
    map_put(&s->exchanges, x);
    gateway_send(s->options.sim, s->gateway, x->connection->number, x->id, q);
    exchange_suspend(x);
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct value *impersonate = cls;
    (void)kind;
    *impersonate = impersonation_add(*impersonate, str_from(name), str_from(value ? value : ""));
    return MHD_YES;
}

static bool dispatch(struct exchange *x, const char *method)
{
    struct http_server *s = x->server;
    struct str etag = exchange_header(x, "If-None-Match");
    struct str since = exchange_header(x, "If-Modified-Since");
    struct http_request h = {
        .method = str_from(method),
        .target = text_str(&x->target),
        .accept = exchange_header(x, "Accept"),
        .content_type = exchange_header(x, "Content-Type"),
        .user_agent = exchange_header(x, "User-Agent"),
        .body = text_str(&x->body),
    };
    if (!s->options.sim)
        return false;
    connection_enter(x->connection, PHASE_OPEN);
    upgrade_read(x, &h);
    x->accepts_gzip = accepts_gzip(exchange_header(x, "Accept-Encoding"));
    if (etag.size < sizeof(x->if_none_match))
        memcpy(x->if_none_match, etag.bytes, etag.size);
    if (since.size < sizeof(x->if_modified_since))
        memcpy(x->if_modified_since, since.bytes, since.size);
    if (x->is_too_large || !credential_find(x)) {
        http_read_accept(&h, &x->arena, &x->reading);
        x->shape = answer_shape_of(&x->reading, s->writer);
        answer_refusal(x, x->is_too_large ? too_large() : status_unauthorized());
        return exchange_reply(x);
    }
    AUTO(value) struct value impersonate = VALUE_ABSENT;
    (void)MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, on_header, &impersonate);
    h.impersonate = impersonate;
    http_read(&h, &x->arena, &x->reading);
    x->shape = answer_shape_of(&x->reading, s->writer);
    if (x->reading.is_malformed) {
        answer_value(x, status_code(x->reading.refusal), x->reading.refusal);
        return exchange_reply(x);
    }
    reading_defer(&h, &x->reading);
    x->is_document = !x->reading.request->resource;
    send_to_gateway(x);
    return true;
}

/* ---- from the gateway: within an event of the simulation, so only noted ---- */

static void on_response(void *owner, uint64_t id, const struct response *r)
{
    struct http_server *s = owner;
    struct exchange *x = map_get(&s->exchanges, &(struct exchange){.id = id});
    if (!x) {
        (void)upgrades_forwarded(s, id, r, NULL);
        return;
    }
    if (x->state == UPGRADED) {
        map_remove(&s->exchanges, x);
        upgrade_lost(x);
        return;
    }
    if (x->state == STREAMING) { /* the connection of a watch is lost */
        map_remove(&s->exchanges, x);
        if (x->is_log)
            x->state = BROKEN;
        x->has_ended = true;
        exchange_resume(x);
        return;
    }
    CHECK(x->state == WAITING);
    s->waiting--;
    bool is_bytes = value_is_present(r->content_type); /* they follow */
    bool is_watch =
        (r->code == 200 && !value_is_present(r->body) && !x->is_document) || r->code == 101;
    answer_shape_set_kind(&x->shape, r->kind);
    custom_catalog_unref(x->catalog);
    x->catalog = custom_catalog_ref(r->catalog);
    if (is_bytes) {
        x->state = STREAMING;
        x->is_log = x->is_sniffable = true;
        x->code = r->code;
        x->content_type = arena_str(&x->arena, value_str(r->content_type));
        x->counts_as_waiting = !x->follows;
        s->waiting += x->counts_as_waiting;
        exchange_resume(x);
        return;
    }
    if (is_watch && (x->wants_websocket || x->wants_spdy) && upgrade_begin(x)) {
        x->state = UPGRADED; /* and stays suspended: the library is out of it */
        return;
    }
    if (r->code == 101) { /* forgotten with the exchange: not within an event */
        answer_text(x, 400, S("unable to upgrade: none of the protocols offered is spoken\n"));
        exchange_resume(x);
        return;
    }
    if (r->code == 0) {
        x->state = BROKEN; /* as a real API server's death: the connection ends */
    } else if (x->is_document && r->code == 200) {
        x->served = value_keep(r->body);
        x->state = GRANTED; /* the document is made outside of the event */
    } else if (is_watch) {
        x->state = STREAMING;
        x->code = 200;
        x->content_type = answer_watch_type(&x->shape);
        x->warnings = value_keep(r->warnings);
        x->is_sniffable = true;
    } else if (r->code == 404 && !value_is_present(r->body)) {
        answer_text(x, 404, S("404 page not found\n"));
    } else {
        x->warnings = value_keep(r->warnings);
        x->retry_after_s = r->retry_after.ns / 1000000000;
        answer_value(x, r->code, r->body);
        x->is_sniffable = !r->is_unauthorized;
    }
    if (!is_watch)
        map_remove(&s->exchanges, x);
    exchange_resume(x);
}

static void on_event(void *owner, uint64_t id, const struct watch_event *e)
{
    struct http_server *s = owner;
    struct exchange *x = map_get(&s->exchanges, &(struct exchange){.id = id});
    if (x && x->state == UPGRADED)
        upgrade_event(x, e);
    if (!x || x->state != STREAMING)
        return;
    if (e->type == WATCH_END) {
        map_remove(&s->exchanges, x);
        x->has_ended = true;
    } else {
        watch_lines_write(&s->watch_lines, &x->shape, e, sim_wall(s->options.sim), &x->answer);
        if (x->answer.size - x->sent > HTTP_WATCH_BACKLOG_MAX)
            x->state = BROKEN;
    }
    exchange_resume(x);
}

static void on_bytes(void *owner, uint64_t id, const struct channel_bytes *b)
{
    struct http_server *s = owner;
    struct exchange *x = map_get(&s->exchanges, &(struct exchange){.id = id});
    if (!x)
        (void)upgrades_forwarded(s, id, NULL, b);
    if (x && x->state == UPGRADED)
        upgrade_bytes(x, b);
    if (!x || x->state != STREAMING)
        return;
    text_add(&x->answer, channel_str(b));
    if (b->is_last) {
        map_remove(&s->exchanges, x);
        x->has_ended = true;
        s->waiting -= x->counts_as_waiting;
        x->counts_as_waiting = false;
    }
    if (b->is_broken || x->answer.size - x->sent > HTTP_WATCH_BACKLOG_MAX)
        x->state = BROKEN;
    exchange_resume(x);
}
