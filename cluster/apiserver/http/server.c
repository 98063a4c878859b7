/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of clients, on libmicrohttpd.
 *
 * The library does not look at suspended connections, so those of watches stand in an epoll set of
 * our own, which tells when the client has gone.
 *
 * DEVIATION: a real server also speaks HTTP/2, which client-go asks for by ALPN; libmicrohttpd does
 * not, so "http/1.1" is agreed on and each watch has a connection of its own.
 *
 * Nothing here blocks: a slow reader's watch keeps its lines in memory up to a limit, a slow writer
 * holds one connection and nothing else.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "cluster/apiserver/http/server.h"

#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cluster/apiserver/http/exchange.h"
#include "cluster/apiserver/http/listener.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"

#define EPOLL_EVENTS 64
#define ACCEPTS_PER_POLL 64

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context);
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd);
static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode why);
static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);
static void accept_new(struct http_server *s);
static void hang_up_late(struct http_server *s);

/* By phase: a client that is slower is hung up on. */
static const int64_t phase_ms_max[PHASE_OPEN] = {
    [PHASE_FIRST_HEAD] = HTTP_HEAD_S * 1000,
    [PHASE_NEXT_HEAD] = (HTTP_IDLE_S + HTTP_HEAD_S) * 1000,
    [PHASE_BODY] = HTTP_BODY_S * 1000,
};

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct exchange *)a)->id;
    uint64_t y = ((const struct exchange *)b)->id;
    return x < y ? -1 : x > y;
}

/* ---- life ---- */

static int64_t monotonic_ms(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The library gets connections from us: it would not look at what they say first. */
static bool listen_on(struct http_server *s, bool *ret_busy, struct errmsg *message)
{
    const struct listener_options options = {.address = s->options.address,
                                             .port = s->options.port,
                                             .is_plain = s->options.is_plain,
                                             .quiet_ms_max = HTTP_HEAD_S * 1000};
    struct rlimit files;
    s->listener = listener_new(&options, ret_busy, message);
    s->connections_max = HTTP_CONNECTIONS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
        files.rlim_cur < HTTP_CONNECTIONS_MAX + HTTP_FILES_KEPT)
        s->connections_max =
            files.rlim_cur > 2 * HTTP_FILES_KEPT ? files.rlim_cur - HTTP_FILES_KEPT : 1;
    return s->listener;
}

static void *option_text(const struct text *t)
{
    return t->bytes;
}

static bool daemon_start(struct http_server *s, struct errmsg *message)
{
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
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
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_ARRAY, tls, MHD_OPTION_URI_LOG_CALLBACK,
        on_target, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_HEAD_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        HTTP_IDLE_S, MHD_OPTION_END);
    if (!s->daemon) {
        (void)errmsg_set(message, ERR_IO, "cannot start the HTTPS server");
        return false;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    CHECK(info && s->poll >= 0);
    CHECK(epoll_ctl(s->poll, EPOLL_CTL_ADD, info->listen_fd, &event) == 0);
    CHECK(epoll_ctl(s->poll, EPOLL_CTL_ADD, listener_fd(s->listener), &event) == 0);
    return true;
}

struct http_server *http_server_new(const struct http_server_options *options, bool *ret_busy,
                                    struct errmsg *message)
{
    struct http_server *s = mem_new(struct http_server);
    *ret_busy = false;
    s->options = *options;
    s->exchanges.compare = by_id;
    s->writer = protobuf_writer_new();
    s->poll = -1;
    s->now_ms = monotonic_ms();
    s->tickets = options->is_plain ? NULL : session_tickets_new();
    s->openapi = openapi_new();
    if (!listen_on(s, ret_busy, message) || !daemon_start(s, message)) {
        http_server_free(s);
        return NULL;
    }
    s->gateway_config = (struct gateway_config){options->api, &exchange_sink, s};
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
    upgrades_end(s);
    s->options.sim = NULL; /* what ends from here on tells nobody */
    if (s->daemon) {
        (void)MHD_run(s->daemon);
        MHD_stop_daemon(s->daemon);
    }
    listener_free(s->listener);
    session_tickets_free(s->tickets);
    if (s->poll >= 0)
        close(s->poll);
    map_release(&s->exchanges);
    vec_release(&s->upgrades);
    watch_lines_release(&s->watch_lines);
    protobuf_writer_free(s->writer);
    openapi_free(s->openapi);
    mem_free(s);
}

uint16_t http_server_port(const struct http_server *s)
{
    return listener_port(s->listener);
}

size_t http_server_waiting(const struct http_server *s)
{
    return s->waiting + upgrades_waiting(s);
}

/* ---- polling ---- */

void exchange_suspend(struct exchange *x)
{
    CHECK(!x->is_suspended);
    x->is_suspended = true;
    MHD_suspend_connection(x->mhd);
}

void exchange_resume(struct exchange *x)
{
    if (!x->is_suspended)
        return;
    x->is_suspended = false;
    x->server->has_resumed = true;
    MHD_resume_connection(x->mhd);
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
    most_ms = listener_due_ms(s->listener, most_ms, s->now_ms);
    for (enum connection_phase p = 0; p < PHASE_OPEN; p++) {
        const struct client_connection *first = s->phases[p].first;
        int64_t left = first ? first->since_ms + phase_ms_max[p] - s->now_ms : most_ms;
        most_ms = left < 0 ? 0 : left < most_ms ? (int)left : most_ms;
    }
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
        if (x && x->upgrade)
            upgrade_step(x);
        if (!x || x->upgrade)
            continue;
        exchange_unwatch(x); /* the client of this watch has gone */
        if (x->state == STREAMING)
            x->state = BROKEN;
        exchange_resume(x);
    }
    s->now_ms = monotonic_ms();
    accept_new(s);
    hang_up_late(s);
    upgrades_tend(s);
    (void)MHD_run(s->daemon);
}

/* Some at a time, so that those who are here already are not kept waiting. */
static void accept_new(struct http_server *s)
{
    struct listener_peer peer;
    for (int i = 0; i < ACCEPTS_PER_POLL; i++) {
        size_t room = s->connections < s->connections_max ? s->connections_max - s->connections : 0;
        int fd = listener_next(s->listener, s->now_ms, room, &peer);
        if (fd < 0)
            return;
        /* Closes it when it fails. */
        (void)MHD_add_connection(s->daemon, fd, (const struct sockaddr *)(void *)&peer.address,
                                 peer.size);
    }
    s->has_resumed = true; /* there may be more: come back at once */
}

/* ---- phases of a connection ---- */

static void connection_remove(struct client_connection *c)
{
    struct phase_queue *q = &c->server->phases[c->phase];
    *(c->before ? &c->before->after : &q->first) = c->after;
    *(c->after ? &c->after->before : &q->last) = c->before;
}

static void connection_add(struct client_connection *c, enum connection_phase phase)
{
    struct phase_queue *q = &c->server->phases[phase];
    c->phase = phase;
    c->since_ms = c->server->now_ms;
    c->before = q->last;
    c->after = NULL;
    *(q->last ? &q->last->after : &q->first) = c;
    q->last = c;
}

void connection_enter(struct client_connection *c, enum connection_phase phase)
{
    connection_remove(c);
    connection_add(c, phase);
}

/* The library sees the end of what the client sends, and closes. */
static void hang_up_late(struct http_server *s)
{
    for (enum connection_phase p = 0; p < PHASE_OPEN; p++) {
        struct client_connection *c;
        while ((c = s->phases[p].first) && s->now_ms - c->since_ms >= phase_ms_max[p]) {
            (void)shutdown(c->fd, SHUT_RDWR);
            connection_enter(c, PHASE_OPEN);
        }
    }
}

/* ---- connections and exchanges ---- */

static void exchange_free(struct exchange *x)
{
    x->connection->exchange = NULL;
    exchange_forget(x);
    x->server->waiting -= x->state == WAITING || x->counts_as_waiting;
    upgrade_free(x);
    if (x->sent_request)
        message_unref(&x->sent_request->message);
    x->server->streaming -= x->is_streaming;
    exchange_unwatch(x);
    reading_release(&x->reading);
    document_release(&x->document);
    value_drop(x->warnings);
    answer_shape_release(&x->shape);
    custom_catalog_unref(x->catalog);
    value_drop(x->served);
    credential_unref(x->credential);
    text_release(&x->target);
    text_release(&x->body);
    text_release(&x->answer);
    arena_release(&x->arena);
    mem_free(x);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct client_connection *c = mem_new(struct client_connection);
        CHECK(info);
        c->fd = info->connect_fd;
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (!s->options.is_plain && info)
            session_tickets_offer(s->tickets, info->tls_session);
        c->server = s;
        c->number = ++s->last_connection;
        c->phase = PHASE_OPEN;
        s->connections++;
        connection_add(c, PHASE_FIRST_HEAD);
        *socket_context = c;
        return;
    }
    struct client_connection *c = *socket_context;
    if (c->exchange) /* the library had no room for its head, and tells nobody */
        exchange_free(c->exchange);
    if (c->is_used && s->options.sim)
        gateway_close(s->options.sim, s->gateway, c->number);
    s->connections--;
    connection_remove(c);
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
    x->connection->exchange = x;
    x->raw_target = target;
    text_add(&x->target, str_from(target));
    size_t options = 0;
    for (size_t i = 0; i < x->target.size; i++)
        options += target[i] == '&';
    if (options >= TARGET_OPTIONS_MAX) /* the library would run out of room, and say nothing */
        (void)shutdown(x->connection->fd, SHUT_RDWR);
    return x;
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
    struct client_connection *c = x->connection;
    *context = NULL;
    exchange_free(x);
    connection_enter(c, PHASE_NEXT_HEAD);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    (void)cls;
    (void)mhd;
    (void)url;
    struct exchange *x = *context;
    struct str piece = {upload, *upload_size};
    /* Both are pieces of the line that the library has cut: "GET", target, version. */
    if (!x->has_begun && version > x->raw_target)
        x->is_cut = (size_t)(version - x->raw_target) > x->target.size + 1;
    *upload_size = 0;
    return exchange_go_on(x, method, version, piece) ? MHD_YES : MHD_NO;
}
