/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that knows libmicrohttpd. An exchange is one request and its answer:
 *
 *     receiving -> (read) -> waiting for the gateway -> answered
 *                                                    -> streaming (a watch)
 *
 * While an exchange waits, its connection is suspended, so that the library does not ask about it;
 * the answer resumes it. A watch is suspended whenever all it has has been sent. The library does
 * not look at suspended connections, so those of watches stand in an epoll set of our own, which
 * tells when the client has gone.
 *
 * Nothing here blocks: a slow reader's watch keeps its lines in memory up to a limit, a slow writer
 * holds one connection and nothing else.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "cluster/apiserver/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/api/json.h"
#include "cluster/api/status.h"
#include "cluster/apiserver/http/answer.h"
#include "cluster/apiserver/http/documents.h"
#include "cluster/apiserver/http/gateway.h"
#include "cluster/apiserver/http/gzip.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"

#define READ_BLOCK 16384
#define EPOLL_EVENTS 64

enum exchange_state { RECEIVING, WAITING, GRANTED, ANSWERED, STREAMING, BROKEN };

/* One connection of a client. */
struct client_connection {
    uint64_t number;
    const struct credential *credential; /* of its certificate */
    bool is_known, is_refused;           /* the certificate has been looked at; it is bad */
    bool is_used;                        /* the gateway knows it */
};

struct exchange {
    struct http_server *server;
    struct client_connection *connection;
    struct MHD_Connection *mhd;
    uint64_t id;
    enum exchange_state state;
    bool is_suspended, is_too_large, has_begun;
    bool is_document; /* the gateway is asked whether it may be read */
    struct text target, body;
    struct arena arena;
    struct reading reading;
    struct answer_shape shape;
    const struct credential *credential;
    /* the answer */
    int code;
    struct text answer;
    struct str content_type;
    struct value warnings;
    int64_t retry_after_s;
    bool has_etag, is_sniffable, accepts_gzip;
    char if_none_match[160];
    /* a watch: answer is what has not been sent, from `sent` on */
    size_t sent;
    bool has_ended, is_watched, is_streaming;
    int fd;
};

struct http_server {
    struct http_server_options options;
    struct gateway_config gateway_config;
    process_id gateway;
    struct MHD_Daemon *daemon;
    int listener, poll;
    uint16_t port;
    char host_text[32];   /* "127.0.0.1:6443" */
    struct map exchanges; /* those the gateway has, by id */
    uint64_t last_id, last_connection, requests;
    size_t waiting, streaming;
    bool has_resumed; /* the library does not count this among what is due */
};

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context);
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd);
static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode why);
static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);
static void on_response(void *owner, uint64_t id, const struct response *r);
static void on_event(void *owner, uint64_t id, const struct watch_event *e);
static void on_bytes(void *owner, uint64_t id, const struct channel_bytes *b);
static enum MHD_Result dispatch(struct exchange *x, const char *method);
static enum MHD_Result answer_send(struct exchange *x);
static void answer_document(struct exchange *x);

static const struct gateway_sink sink = {on_response, on_event, on_bytes};

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct exchange *)a)->id;
    uint64_t y = ((const struct exchange *)b)->id;
    return x < y ? -1 : x > y;
}

/* ---- life ---- */

static bool listen_on(struct http_server *s, bool *ret_busy, struct errmsg *message)
{
    const struct http_server_options *o = &s->options;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(o->port)};
    socklen_t size = sizeof(address);
    int on = 1;
    if (inet_pton(AF_INET, o->address, &address.sin_addr) != 1) {
        (void)errmsg_set(message, ERR_SYNTAX, "%s is no IPv4 address", o->address);
        return false;
    }
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(s->listener, (const struct sockaddr *)(const void *)&address, size) < 0 ||
        listen(s->listener, 1024) < 0 ||
        getsockname(s->listener, (struct sockaddr *)(void *)&address, &size) < 0) {
        *ret_busy = errno == EADDRINUSE;
        (void)errmsg_set(message, ERR_IO, "cannot listen on %s:%u: %s", o->address, o->port,
                         strerror(errno));
        return false;
    }
    s->port = ntohs(address.sin_port);
    snprintf(s->host_text, sizeof(s->host_text), "%s:%u", o->address, s->port);
    return true;
}

static void *option_text(const struct text *t)
{
    return t->bytes;
}

static bool daemon_start(struct http_server *s, struct errmsg *message)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    AUTO(text) struct text trust = {0};
    AUTO(text) struct text priorities = {0};
    text_add(&trust, s->options.authority);
    text_add(&priorities, S("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"));
    /* The library keeps none of these texts. */
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, option_text(&s->options.identity->key)},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, option_text(&s->options.identity->certificate)},
        {MHD_OPTION_HTTPS_MEM_TRUST, 0, option_text(&trust)},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, option_text(&priorities)},
        {MHD_OPTION_END, 0, NULL}};
    if (s->options.is_plain)
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    else
        flags |= MHD_USE_TLS;
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, s->listener,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_CONNECTION_LIMIT,
        HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_HEAD_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, HTTP_IDLE_S, MHD_OPTION_END);
    if (!s->daemon) {
        (void)errmsg_set(message, ERR_IO, "cannot start the HTTPS server");
        return false;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    CHECK(info && s->poll >= 0);
    CHECK(epoll_ctl(s->poll, EPOLL_CTL_ADD, info->listen_fd, &event) == 0);
    return true;
}

struct http_server *http_server_new(const struct http_server_options *options, bool *ret_busy,
                                    struct errmsg *message)
{
    struct http_server *s = mem_new(struct http_server);
    *ret_busy = false;
    s->options = *options;
    s->exchanges.compare = by_id;
    s->listener = s->poll = -1;
    if (!listen_on(s, ret_busy, message) || !daemon_start(s, message)) {
        http_server_free(s);
        return NULL;
    }
    s->gateway_config = (struct gateway_config){options->api, &sink, s};
    struct str name = options->gateway_name.size ? options->gateway_name : S(GATEWAY_NAME);
    s->gateway = gateway_add(options->sim, options->host, name, &s->gateway_config);
    return s;
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    /* Suspended connections must be resumed before the daemon may end. */
    for (struct map_cursor at = map_first(&s->exchanges); at.item; map_next(&at)) {
        struct exchange *x = at.item;
        x->state = BROKEN;
        if (x->is_suspended)
            MHD_resume_connection(x->mhd);
        x->is_suspended = false;
    }
    s->options.sim = NULL; /* what ends from here on tells nobody */
    if (s->daemon) {
        (void)MHD_run(s->daemon);
        MHD_stop_daemon(s->daemon);
    } else if (s->listener >= 0) {
        close(s->listener);
    }
    if (s->poll >= 0)
        close(s->poll);
    map_release(&s->exchanges);
    mem_free(s);
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

size_t http_server_waiting(const struct http_server *s)
{
    return s->waiting;
}

/* ---- polling ---- */

static void suspend(struct exchange *x)
{
    CHECK(!x->is_suspended);
    x->is_suspended = true;
    MHD_suspend_connection(x->mhd);
}

static void resume(struct exchange *x)
{
    if (!x->is_suspended)
        return;
    x->is_suspended = false;
    x->server->has_resumed = true;
    MHD_resume_connection(x->mhd);
}

static void unwatch(struct exchange *x)
{
    if (x->is_watched)
        (void)epoll_ctl(x->server->poll, EPOLL_CTL_DEL, x->fd, NULL);
    x->is_watched = false;
}

void http_server_wake_on(struct http_server *s, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    CHECK(epoll_ctl(s->poll, EPOLL_CTL_ADD, fd, &event) == 0);
}

int http_server_fd(const struct http_server *s)
{
    return s->poll;
}

process_id http_server_gateway(const struct http_server *s)
{
    return s->gateway;
}

int http_server_due_ms(const struct http_server *s, int most_ms)
{
    MHD_UNSIGNED_LONG_LONG library_ms;
    if (s->has_resumed)
        return 0;
    return MHD_get_timeout(s->daemon, &library_ms) == MHD_YES &&
                   library_ms < (MHD_UNSIGNED_LONG_LONG)most_ms
               ? (int)library_ms
               : most_ms;
}

void http_server_poll(struct http_server *s, int timeout_ms)
{
    struct epoll_event events[EPOLL_EVENTS];
    timeout_ms = http_server_due_ms(s, timeout_ms);
    s->has_resumed = false;
    int count = epoll_wait(s->poll, events, EPOLL_EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct exchange *x = events[i].data.ptr;
        if (!x)
            continue;
        unwatch(x); /* the client of this watch has gone */
        if (x->state == STREAMING)
            x->state = BROKEN;
        resume(x);
    }
    (void)MHD_run(s->daemon);
}

/* ---- connections and exchanges ---- */

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        int on = 1;
        if (info)
            (void)setsockopt(info->connect_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct client_connection *c = mem_new(struct client_connection);
        c->number = ++s->last_connection;
        *socket_context = c;
        return;
    }
    struct client_connection *c = *socket_context;
    if (c->is_used && s->options.sim)
        gateway_close(s->options.sim, s->gateway, c->number);
    credential_unref(c->credential);
    mem_free(c);
    *socket_context = NULL;
}

static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *s = cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct exchange *x = mem_new(struct exchange);
    x->server = s;
    x->mhd = mhd;
    x->connection = info->socket_context;
    x->id = ++s->last_id;
    x->fd = -1;
    text_add(&x->target, str_from(target));
    return x;
}

/* The gateway need not answer any more. */
static void forget(struct exchange *x)
{
    struct http_server *s = x->server;
    if (map_remove(&s->exchanges, x) && s->options.sim)
        gateway_cancel(s->options.sim, s->gateway, x->connection->number, x->id);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode why)
{
    (void)cls;
    (void)mhd;
    (void)why;
    struct exchange *x = *context;
    if (!x)
        return;
    forget(x);
    x->server->waiting -= x->state == WAITING;
    x->server->streaming -= x->is_streaming;
    unwatch(x);
    reading_release(&x->reading);
    value_drop(x->warnings);
    credential_unref(x->credential);
    text_release(&x->target);
    text_release(&x->body);
    text_release(&x->answer);
    arena_release(&x->arena);
    mem_free(x);
    *context = NULL;
}

static struct str header(const struct exchange *x, const char *name)
{
    const char *value = MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name);
    return value ? str_from(value) : S("");
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    struct exchange *x = *context;
    if (!x->has_begun) {
        int64_t announced;
        x->has_begun = true;
        x->is_too_large =
            str_to_int64(header(x, "Content-Length"), &announced) && announced > HTTP_BODY_MAX;
        return x->is_too_large ? dispatch(x, method) : MHD_YES;
    }
    if (*upload_size > 0) {
        x->is_too_large |= x->body.size + *upload_size > HTTP_BODY_MAX;
        if (!x->is_too_large)
            text_add(&x->body, (struct str){upload, *upload_size});
        *upload_size = 0;
        return MHD_YES;
    }
    if (x->state == RECEIVING)
        return dispatch(x, method);
    if (x->state == BROKEN || !x->server->options.sim)
        return MHD_NO;
    if (x->state == GRANTED)
        answer_document(x);
    return answer_send(x);
}

/* ---- from a request to an answer, or to the gateway ---- */

static void answer_value(struct exchange *x, int code, struct value body)
{
    struct http_server *s = x->server;
    x->code = code;
    x->content_type = answer_content_type(&x->shape);
    answer_body(&x->shape, body, sim_wall(s->options.sim), &x->answer);
    x->is_sniffable = code != 403;
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
    if (c->credential) {
        x->credential = credential_ref(c->credential);
        return true;
    }
    struct str token, scheme = str_cut(header(x, "Authorization"), ' ', &token);
    token = str_trim(token);
    if (token.size > 0 && (str_equal(scheme, S("Bearer")) || str_equal(scheme, S("bearer"))))
        x->credential = credential_token(token);
    return !c->is_refused || x->credential;
}

static struct value too_large(void)
{
    AUTO(text) struct text m = {0};
    text_printf(&m, "Request entity too large: limit is %d", HTTP_BODY_MAX);
    return status_make(413, S("RequestEntityTooLarge"), text_str(&m), value_object());
}

static void answer_document(struct exchange *x)
{
    struct http_server *s = x->server;
    struct document_facts facts = {
        .address = str_from(s->host_text),
        .is_ready = s->options.is_ready(s->options.owner),
        .now = sim_now(s->options.sim),
        .requests = s->requests,
        .watches = s->streaming,
    };
    struct document d = {0};
    if (!document_find(&x->reading, &facts, &d)) {
        answer_text(x, 404, S("404 page not found\n"));
    } else {
        x->code = d.code;
        x->content_type = d.content_type;
        x->has_etag = d.has_etag;
        x->is_sniffable = !str_starts_with(d.content_type, S("text/plain; charset"));
        text_add(&x->answer, text_str(&d.body));
        x->state = ANSWERED;
    }
    document_release(&d);
}

static void send_to_gateway(struct exchange *x)
{
    struct http_server *s = x->server;
    struct request *q = x->reading.request;
    x->reading.request = NULL;
    if (x->credential)
        q->credential = credential_ref(x->credential);
    x->connection->is_used = true;
    x->state = WAITING;
    s->waiting++;
    map_put(&s->exchanges, x);
    gateway_send(s->options.sim, s->gateway, x->connection->number, x->id, q);
    suspend(x);
}

static enum MHD_Result dispatch(struct exchange *x, const char *method)
{
    struct http_server *s = x->server;
    struct str etag = header(x, "If-None-Match");
    struct http_request h = {
        .method = str_from(method),
        .target = text_str(&x->target),
        .accept = header(x, "Accept"),
        .content_type = header(x, "Content-Type"),
        .user_agent = header(x, "User-Agent"),
        .impersonate_user = header(x, "Impersonate-User"),
        .body = text_str(&x->body),
    };
    if (!s->options.sim)
        return MHD_NO;
    s->requests++;
    x->accepts_gzip = accepts_gzip(header(x, "Accept-Encoding"));
    if (etag.size < sizeof(x->if_none_match))
        memcpy(x->if_none_match, etag.bytes, etag.size);
    if (x->is_too_large) {
        answer_refusal(x, too_large());
        return answer_send(x);
    }
    if (!credential_find(x)) {
        answer_refusal(x, status_unauthorized());
        return answer_send(x);
    }
    http_read(&h, &x->arena, &x->reading);
    x->shape = answer_shape_of(&x->reading);
    if (value_is_present(x->reading.refusal)) {
        answer_value(x, status_code(x->reading.refusal), x->reading.refusal);
    } else if (x->reading.is_bare_404) {
        answer_text(x, 404, S("404 page not found\n"));
    } else if (x->reading.request) {
        send_to_gateway(x);
        return MHD_YES;
    } else {
        x->reading.request = request_for_path(x->reading.target.path);
        x->reading.request->user_agent = value_string(h.user_agent);
        if (h.impersonate_user.size > 0)
            x->reading.request->impersonate_user = value_string(h.impersonate_user);
        x->is_document = true;
        send_to_gateway(x);
        return MHD_YES;
    }
    return answer_send(x);
}

/* ---- from the gateway: within an event of the simulation, so only noted ---- */

static void on_response(void *owner, uint64_t id, const struct response *r)
{
    struct http_server *s = owner;
    struct exchange *x = map_get(&s->exchanges, &(struct exchange){.id = id});
    if (!x)
        return;
    if (x->state == STREAMING) { /* the connection of a watch is lost */
        map_remove(&s->exchanges, x);
        x->has_ended = true;
        resume(x);
        return;
    }
    CHECK(x->state == WAITING);
    s->waiting--;
    bool is_watch = r->code == 200 && !value_is_present(r->body) && !x->is_document;
    if (r->code == 0) {
        x->state = BROKEN; /* as a real API server's death: the connection ends */
    } else if (x->is_document && r->code == 200) {
        x->state = GRANTED; /* the document is made outside of the event */
    } else if (is_watch) {
        x->state = STREAMING;
        x->code = 200;
        x->content_type = answer_content_type(&x->shape);
        x->is_sniffable = true;
    } else {
        x->warnings = value_keep(r->warnings);
        x->retry_after_s = r->retry_after.ns / 1000000000;
        answer_value(x, r->code, r->body);
    }
    if (!is_watch)
        map_remove(&s->exchanges, x);
    resume(x);
}

static void on_event(void *owner, uint64_t id, const struct watch_event *e)
{
    struct http_server *s = owner;
    struct exchange *x = map_get(&s->exchanges, &(struct exchange){.id = id});
    if (!x || x->state != STREAMING)
        return;
    if (e->type == WATCH_END) {
        map_remove(&s->exchanges, x);
        x->has_ended = true;
    } else {
        answer_watch_line(&x->shape, e, sim_wall(s->options.sim), &x->answer);
        if (x->answer.size - x->sent > HTTP_WATCH_BACKLOG_MAX)
            x->state = BROKEN;
    }
    resume(x);
}

static void on_bytes(void *owner, uint64_t id, const struct channel_bytes *b)
{
    struct http_server *s = owner;
    struct exchange *x = map_get(&s->exchanges, &(struct exchange){.id = id});
    if (!x || x->state != STREAMING)
        return;
    text_add(&x->answer, channel_str(b));
    if (b->is_last) {
        map_remove(&s->exchanges, x);
        x->has_ended = true;
    }
    if (b->is_broken || x->answer.size - x->sent > HTTP_WATCH_BACKLOG_MAX)
        x->state = BROKEN;
    resume(x);
}

/* ---- sending ---- */

static ssize_t watch_read(void *cls, uint64_t position, char *buffer, size_t size)
{
    (void)position;
    struct exchange *x = cls;
    size_t left = x->answer.size - x->sent;
    if (x->state == BROKEN)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (left == 0) {
        if (x->has_ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        suspend(x);
        return 0;
    }
    size = size < left ? size : left;
    memcpy(buffer, x->answer.bytes + x->sent, size);
    x->sent += size;
    if (x->sent == x->answer.size) {
        text_clear(&x->answer);
        x->sent = 0;
    }
    return (ssize_t)size;
}

static struct MHD_Response *watch_response(struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLHUP | EPOLLERR, .data.ptr = x};
    x->fd = info->connect_fd;
    x->is_watched = epoll_ctl(x->server->poll, EPOLL_CTL_ADD, x->fd, &event) == 0;
    x->server->streaming++;
    x->is_streaming = true;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, READ_BLOCK, watch_read, x, NULL);
}

static void add(struct MHD_Response *r, const char *name, struct str value)
{
    AUTO(text) struct text t = {0};
    text_add(&t, value);
    (void)MHD_add_response_header(r, name, text_c(&t));
}

static void etag_text(struct str body, struct text *out)
{
    uint8_t digest[SHA512_SIZE];
    digest_sha512(body, digest);
    text_add_byte(out, '"');
    for (size_t i = 0; i < sizeof(digest); i++)
        text_printf(out, "%02X", digest[i]);
    text_add_byte(out, '"');
}

static void add_warnings(const struct exchange *x, struct MHD_Response *r)
{
    for (size_t i = 0; i < value_count(x->warnings); i++) {
        AUTO(text) struct text line = {0};
        text_add(&line, S("299 - "));
        json_write_string(value_str(value_at(x->warnings, i)), &line);
        add(r, "Warning", text_str(&line));
    }
}

static void add_headers(struct exchange *x, struct MHD_Response *r)
{
    AUTO(text) struct text audit = {0};
    struct http_flow flow = x->server->options.flow(x->server->options.owner, x->credential);
    random_uuid(&audit);
    add(r, "Audit-Id", text_str(&audit));
    add(r, "Cache-Control", x->has_etag ? S("public") : S("no-cache, private"));
    add(r, "Content-Type", x->content_type);
    if (!x->is_sniffable)
        add(r, "X-Content-Type-Options", S("nosniff"));
    if (flow.schema_uid.size > 0)
        add(r, "X-Kubernetes-Pf-Flowschema-Uid", flow.schema_uid);
    if (flow.level_uid.size > 0)
        add(r, "X-Kubernetes-Pf-Prioritylevel-Uid", flow.level_uid);
    if (x->has_etag)
        add(r, "Vary", S("Accept"));
    if (x->retry_after_s > 0) {
        AUTO(text) struct text seconds = {0};
        text_add_int(&seconds, x->retry_after_s);
        add(r, "Retry-After", text_str(&seconds));
    }
    add_warnings(x, r);
}

static enum MHD_Result answer_send(struct exchange *x)
{
    if (!x->server->options.sim)
        return MHD_NO;
    AUTO(text) struct text etag = {0};
    bool is_gzip = false;
    struct MHD_Response *r;
    if (x->state == STREAMING) {
        r = watch_response(x);
    } else {
        if (x->has_etag)
            etag_text(text_str(&x->answer), &etag);
        if (x->has_etag && str_equal(str_from(x->if_none_match), text_str(&etag))) {
            x->code = 304;
            text_clear(&x->answer);
        }
        is_gzip = x->accepts_gzip && x->answer.size > GZIP_FROM_BYTES && gzip(&x->answer);
        r = MHD_create_response_from_buffer(x->answer.size, x->answer.bytes,
                                            MHD_RESPMEM_PERSISTENT);
    }
    if (!r)
        return MHD_NO;
    add_headers(x, r);
    if (etag.size > 0)
        add(r, "Etag", text_str(&etag));
    if (is_gzip) {
        add(r, "Content-Encoding", S("gzip"));
        if (!x->has_etag)
            add(r, "Vary", S("Accept-Encoding"));
    }
    enum MHD_Result result = MHD_queue_response(x->mhd, (unsigned)x->code, r);
    MHD_destroy_response(r);
    return result;
}
