/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of clients, on libmicrohttpd.
 *
 * The library does not look at suspended connections, so those of watches stand in an epoll set of
 * our own, which tells when the client has gone.
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

#include "cluster/apiserver/http/exchange.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"

#define EPOLL_EVENTS 64

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context);
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd);
static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode why);
static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);

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
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        HTTP_HEAD_MAX, MHD_OPTION_CONNECTION_TIMEOUT, HTTP_IDLE_S, MHD_OPTION_END);
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
    s->writer = protobuf_writer_new();
    s->listener = s->poll = -1;
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
    protobuf_writer_free(s->writer);
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
        exchange_unwatch(x); /* the client of this watch has gone */
        if (x->state == STREAMING)
            x->state = BROKEN;
        exchange_resume(x);
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

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode why)
{
    (void)cls;
    (void)mhd;
    (void)why;
    struct exchange *x = *context;
    if (!x)
        return;
    exchange_forget(x);
    x->server->waiting -= x->state == WAITING;
    x->server->streaming -= x->is_streaming;
    exchange_unwatch(x);
    reading_release(&x->reading);
    value_drop(x->warnings);
    answer_shape_release(&x->shape);
    custom_catalog_unref(x->catalog);
    credential_unref(x->credential);
    text_release(&x->target);
    text_release(&x->body);
    text_release(&x->answer);
    arena_release(&x->arena);
    mem_free(x);
    *context = NULL;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    struct str piece = {upload, *upload_size};
    *upload_size = 0;
    return exchange_go_on(*context, method, piece) ? MHD_YES : MHD_NO;
}
