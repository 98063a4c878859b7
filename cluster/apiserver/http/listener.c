/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets stand in an epoll set of their own, the listening one and the quiet ones; quiet ones
 * are edge-triggered, since peeking at a part of the first five bytes takes nothing away.
 *
 * Out of file descriptors: one is kept in reserve; it is given up to accept whoever is next and to
 * close that connection at once, so that clients are refused instead of left to wait, and the
 * listening socket does not stay readable for ever.
 *
 * What a Go server does is the model: it reads the head of a TLS record; when that head is the
 * beginning of an HTTP request, it answers in HTTP/1.0 that this is the wrong port; when it is
 * neither, it closes.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "cluster/apiserver/http/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sim/base/mem.h"

#define BACKLOG 4096
#define EVENTS_MAX 64
#define RECORD_HEAD_SIZE 5
#define DRAIN_MAX 65536
#define KEEPALIVE_IDLE_S 180

struct quiet {
    int fd;
    int64_t since_ms;
    struct listener_peer peer;
    struct quiet *before, *after; /* in the order of their coming */
};
struct listener {
    struct listener_options options;
    int fd, poll, reserve;
    uint16_t port;
    char name[80];
    struct quiet *first, *last;
    size_t quiet_count;
    struct epoll_event events[EVENTS_MAX]; /* reported, not looked at yet */
    int event_count, event_next;
};

enum speech { SPEECH_NONE, SPEECH_TLS, SPEECH_HTTP, SPEECH_OTHER };

static bool open_socket(struct listener *l);
static bool address_parse(const struct listener_options *o, struct listener_peer *ret_address);
static int accept_next(struct listener *l, int64_t now_ms, size_t room,
                       struct listener_peer *ret_peer);
static enum speech listen_to(int fd);
static void say_wrong_port(int fd);

/* ---- life ---- */

struct listener *listener_new(const struct listener_options *options, bool *ret_busy,
                              struct errmsg *message)
{
    struct listener *l = mem_new(struct listener);
    *ret_busy = false;
    l->options = *options;
    l->fd = l->poll = l->reserve = -1;
    if (open_socket(l))
        return l;
    *ret_busy = errno == EADDRINUSE;
    if (errno == EINVAL)
        (void)errmsg_set(message, ERR_SYNTAX, "%s is no IP address", options->address);
    else
        (void)errmsg_set(message, ERR_IO, "cannot listen on %s:%u: %s", options->address,
                         options->port, strerror(errno));
    listener_free(l);
    return NULL;
}

static bool open_socket(struct listener *l)
{
    struct listener_peer at = {.size = 0};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    struct sockaddr *address = (struct sockaddr *)(void *)&at.address;
    int on = 1;
    errno = EINVAL;
    if (!address_parse(&l->options, &at))
        return false;
    bool is_six = at.address.ss_family == AF_INET6;
    l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    l->poll = epoll_create1(EPOLL_CLOEXEC);
    l->fd = socket(at.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->poll < 0 || l->fd < 0 ||
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(l->fd, address, at.size) < 0 || listen(l->fd, BACKLOG) < 0 ||
        getsockname(l->fd, address, &at.size) < 0 ||
        epoll_ctl(l->poll, EPOLL_CTL_ADD, l->fd, &event) < 0)
        return false;
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *four = (const void *)&at.address;
    const struct sockaddr_in6 *six = (const void *)&at.address;
    l->port = ntohs(is_six ? six->sin6_port : four->sin_port);
    (void)inet_ntop(at.address.ss_family,
                    is_six ? (const void *)&six->sin6_addr : (const void *)&four->sin_addr, text,
                    sizeof(text));
    snprintf(l->name, sizeof(l->name), is_six ? "[%s]:%u" : "%s:%u", text, l->port);
    return true;
}

static bool address_parse(const struct listener_options *o, struct listener_peer *ret_address)
{
    char text[INET6_ADDRSTRLEN + 2];
    struct str s = str_from(o->address);
    if (s.size >= 2 && s.bytes[0] == '[' && str_ends_with(s, S("]")))
        s = str_slice(s, 1, s.size - 1);
    if (s.size >= sizeof(text))
        return false;
    memcpy(text, s.bytes, s.size);
    text[s.size] = 0;
    struct sockaddr_in *four = (void *)&ret_address->address;
    struct sockaddr_in6 *six = (void *)&ret_address->address;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(o->port);
        ret_address->size = sizeof(*four);
    } else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(o->port);
        ret_address->size = sizeof(*six);
    }
    return ret_address->size > 0;
}

static void close_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* The socket is the caller's. */
static void quiet_free(struct listener *l, struct quiet *q)
{
    if (q->before)
        q->before->after = q->after;
    else
        l->first = q->after;
    if (q->after)
        q->after->before = q->before;
    else
        l->last = q->before;
    for (int i = l->event_next; i < l->event_count; i++) {
        if (l->events[i].data.ptr == q) /* reported, and gone before its turn */
            l->events[i].events = 0;
    }
    l->quiet_count--;
    mem_free(q);
}

void listener_free(struct listener *l)
{
    if (!l)
        return;
    while (l->first) {
        close(l->first->fd);
        quiet_free(l, l->first);
    }
    close_open(l->fd);
    close_open(l->poll);
    close_open(l->reserve);
    mem_free(l);
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

struct str listener_name(const struct listener *l)
{
    return str_from(l->name);
}

int listener_fd(const struct listener *l)
{
    return l->poll;
}

/* ---- who comes ---- */

static void expire(struct listener *l, int64_t now_ms)
{
    while (l->first && now_ms - l->first->since_ms >= l->options.quiet_ms_max) {
        close(l->first->fd);
        quiet_free(l, l->first);
    }
}

int listener_due_ms(const struct listener *l, int most_ms, int64_t now_ms)
{
    if (l->event_next < l->event_count)
        return 0;
    if (!l->first)
        return most_ms;
    int64_t left = l->first->since_ms + l->options.quiet_ms_max - now_ms;
    return left < 0 ? 0 : left < most_ms ? (int)left : most_ms;
}

/* A quiet one has said something, or has gone. -1: nothing to hand on. */
static int hear(struct listener *l, struct quiet *q, struct listener_peer *ret_peer)
{
    int fd = q->fd;
    enum speech speech = listen_to(fd);
    if (speech == SPEECH_NONE)
        return -1;
    *ret_peer = q->peer;
    (void)epoll_ctl(l->poll, EPOLL_CTL_DEL, fd, NULL);
    quiet_free(l, q);
    if (speech == SPEECH_TLS)
        return fd;
    if (speech == SPEECH_HTTP)
        say_wrong_port(fd);
    close(fd);
    return -1;
}

int listener_next(struct listener *l, int64_t now_ms, size_t room, struct listener_peer *ret_peer)
{
    expire(l, now_ms);
    for (;;) {
        if (l->event_next == l->event_count) {
            l->event_next = l->event_count = 0;
            int count = epoll_wait(l->poll, l->events, EVENTS_MAX, 0);
            if (count <= 0)
                return -1;
            l->event_count = count;
        }
        struct epoll_event *e = &l->events[l->event_next];
        int fd = -1;
        if (e->events == 0) {
            l->event_next++;
        } else if (e->data.ptr) {
            l->event_next++;
            fd = hear(l, e->data.ptr, ret_peer);
        } else {
            size_t left = room > l->quiet_count ? room - l->quiet_count : 0;
            fd = accept_next(l, now_ms, left, ret_peer);
            l->event_next += fd < 0; /* else there may be more */
        }
        if (fd >= 0)
            return fd;
    }
}

/* Accepts until somebody can be handed on at once or nobody is left. */
static int accept_next(struct listener *l, int64_t now_ms, size_t room,
                       struct listener_peer *ret_peer)
{
    for (;;) {
        struct listener_peer peer = {.size = sizeof(peer.address)};
        struct sockaddr *address = (struct sockaddr *)(void *)&peer.address;
        int fd = accept4(l->fd, address, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE) && l->reserve >= 0) {
            close(l->reserve);
            close_open(accept4(l->fd, NULL, NULL, SOCK_CLOEXEC));
            l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
            continue;
        }
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return -1;
        if (room == 0) {
            close(fd);
            continue;
        }
        int on = 1, idle_s = KEEPALIVE_IDLE_S;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
        if (l->options.is_plain || listen_to(fd) == SPEECH_TLS) {
            *ret_peer = peer;
            return fd;
        }
        struct quiet *q = mem_new(struct quiet);
        *q = (struct quiet){.fd = fd, .since_ms = now_ms, .peer = peer, .before = l->last};
        *(l->last ? &l->last->after : &l->first) = q;
        l->last = q;
        l->quiet_count++;
        room--;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = q};
        if (epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &event) < 0) {
            close(fd);
            quiet_free(l, q);
        }
    }
}

/* ---- what they say ---- */

static bool is_http(const char head[RECORD_HEAD_SIZE])
{
    static const char methods[][RECORD_HEAD_SIZE + 1] = {"GET /", "HEAD ", "POST ", "PUT /",
                                                         "OPTIO"};
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        if (memcmp(head, methods[i], RECORD_HEAD_SIZE) == 0)
            return true;
    }
    return false;
}

static enum speech listen_to(int fd)
{
    char head[RECORD_HEAD_SIZE];
    ssize_t size = recv(fd, head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? SPEECH_NONE : SPEECH_OTHER;
    if (size == 0)
        return SPEECH_OTHER;
    /* A record of the handshake or an alert, of a version below 16. */
    bool is_tls =
        (head[0] == 0x16 || head[0] == 0x15) && (size < 2 || (unsigned char)head[1] < 0x10);
    if (size < RECORD_HEAD_SIZE) {
        bool is_letter = head[0] >= 'A' && head[0] <= 'Z';
        return is_tls || is_letter ? SPEECH_NONE : SPEECH_OTHER;
    }
    return is_tls ? SPEECH_TLS : is_http(head) ? SPEECH_HTTP : SPEECH_OTHER;
}

/* What has come is read first: closing over unread bytes would take the answer away, too. */
static void say_wrong_port(int fd)
{
    static const char answer[] = "HTTP/1.0 400 Bad Request\r\n\r\n"
                                 "Client sent an HTTP request to an HTTPS server.\n";
    char block[4096];
    for (size_t size = 0; size < DRAIN_MAX; size += sizeof(block)) {
        if (recv(fd, block, sizeof(block), MSG_DONTWAIT) <= 0)
            break;
    }
    (void)send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
}
