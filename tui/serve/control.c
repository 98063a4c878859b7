/* SPDX-License-Identifier: Apache-2.0
 *
 * The control socket's connections. None of them may block: what a client has not sent or taken yet
 * waits. An operation may run the simulation for long, and the socket is polled meanwhile; so a
 * connection is known by its number and looked up again after each call that could have ended it.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "tui/serve/control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cluster/api/json.h"
#include "sim/base/mem.h"
#include "tui/serve/serving.h"

#define CONNECTIONS_MAX 64
#define EVENTS 16

struct connection {
    uint64_t number;
    int fd;
    struct text in, out;
    size_t sent;
    bool is_busy; /* its verb runs, or waits for the clock */
    bool waits_for_goal;
};
struct control {
    struct serving *serving;
    int listener, poll;
    struct text path, link; /* link: in the run folder, when the socket is elsewhere */
    struct connection *items[CONNECTIONS_MAX];
    size_t count;
    uint64_t last_number;
    size_t busy;
};

/* ---- sockets ---- */

/* Addresses of sockets have 107 bytes: longer paths go by way of the folder's file descriptor. */
static bool address_of(const char *path, int *ret_folder, struct sockaddr_un *ret_address)
{
    struct str name = str_from(path);
    *ret_folder = -1;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (name.size < sizeof(ret_address->sun_path)) {
        memcpy(ret_address->sun_path, path, name.size);
        return true;
    }
    size_t slash = name.size;
    while (slash > 0 && name.bytes[slash - 1] != '/')
        slash--;
    AUTO(text) struct text folder = {0};
    text_add(&folder, slash ? str_slice(name, 0, slash) : S("."));
    *ret_folder = open(text_c(&folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
    int size = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/%s",
                        *ret_folder, path + slash);
    errno = *ret_folder < 0 ? errno : ENAMETOOLONG;
    return *ret_folder >= 0 && size > 0 && (size_t)size < sizeof(ret_address->sun_path);
}

int control_socket(const char *path, bool listens)
{
    struct sockaddr_un address;
    int folder = -1;
    int type = SOCK_STREAM | SOCK_CLOEXEC | (listens ? SOCK_NONBLOCK : 0);
    bool is_ok = address_of(path, &folder, &address);
    int fd = is_ok ? socket(AF_UNIX, type, 0) : -1;
    const struct sockaddr *a = (const struct sockaddr *)(const void *)&address;
    if (fd >= 0 && listens) {
        mode_t mask = umask(0177); /* nobody else, from its first moment on */
        is_ok = bind(fd, a, sizeof(address)) == 0 && listen(fd, 128) == 0;
        umask(mask);
    } else if (fd >= 0) {
        is_ok = connect(fd, a, sizeof(address)) == 0;
    }
    int why = errno;
    if (folder >= 0)
        close(folder);
    if (fd >= 0 && !is_ok) {
        close(fd);
        fd = -1;
    }
    errno = why;
    return fd;
}

bool control_peer_is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* ---- life ---- */

static bool watch(const struct control *c, int fd, uint64_t number, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = number};
    return epoll_ctl(c->poll, EPOLL_CTL_ADD, fd, &e) == 0 ||
           epoll_ctl(c->poll, EPOLL_CTL_MOD, fd, &e) == 0;
}

/* A socket that nobody listens at is left over from a program that was killed. */
static void remove_stale(const char *path)
{
    int fd = control_socket(path, false);
    if (fd >= 0)
        close(fd);
    else if (errno == ECONNREFUSED || errno == ENOENT)
        (void)unlink(path);
}

/* Links to this socket under other names: of programs that were killed. */
static void remove_links(const char *folder, const char *target)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {
        AUTO(text) struct text path = {0};
        char to[PATH_MAX];
        text_printf(&path, "%s/%s", folder, entry->d_name);
        ssize_t size = readlink(text_c(&path), to, sizeof(to) - 1);
        if (size > 0 && str_equal((struct str){to, (size_t)size}, str_from(target)))
            (void)unlink(text_c(&path));
    }
    if (d)
        closedir(d);
}

static bool listen_at(struct control *c, struct errmsg *message)
{
    remove_stale(text_c(&c->path));
    c->listener = control_socket(text_c(&c->path), true);
    c->poll = epoll_create1(EPOLL_CLOEXEC);
    if (c->listener >= 0 && c->poll >= 0 && watch(c, c->listener, 0, EPOLLIN))
        return true;
    (void)errmsg_set(message, ERR_IO, "control socket %s: %s", text_c(&c->path), strerror(errno));
    return false;
}

struct control *control_new(struct serving *v, const char *folder, const char *name,
                            struct errmsg *message)
{
    AUTO(text) struct text run = {0};
    if (run_folder(true, &run, message))
        return NULL;
    struct control *c = mem_new(struct control);
    c->serving = v;
    c->listener = c->poll = -1;
    text_printf(&c->path, "%s/%s%s", folder ? folder : text_c(&run), folder ? "ctl" : name,
                ".sock");
    if (!listen_at(c, message)) {
        text_clear(&c->path);
        control_free(c);
        return NULL;
    }
    char *whole = folder ? realpath(text_c(&c->path), NULL) : NULL;
    if (whole) {
        text_printf(&c->link, "%s/%s.sock", text_c(&run), name);
        remove_links(text_c(&run), whole);
        remove_stale(text_c(&c->link));
        if (symlink(whole, text_c(&c->link)) != 0)
            text_clear(&c->link); /* then ctl needs --data-dir */
    }
    free(whole);
    return c;
}

static void connection_free(struct connection *x)
{
    close(x->fd);
    text_release(&x->in);
    text_release(&x->out);
    mem_free(x);
}

void control_free(struct control *c)
{
    if (!c)
        return;
    while (c->count > 0)
        connection_free(c->items[--c->count]);
    if (c->listener >= 0)
        close(c->listener);
    if (c->poll >= 0)
        close(c->poll);
    if (c->path.size)
        (void)unlink(text_c(&c->path));
    if (c->link.size)
        (void)unlink(text_c(&c->link));
    text_release(&c->path);
    text_release(&c->link);
    mem_free(c);
}

int control_fd(const struct control *c)
{
    return c->poll;
}

bool control_is_busy(const struct control *c)
{
    return c && c->busy > 0;
}

/* ---- connections ---- */

static struct connection *find(const struct control *c, uint64_t number)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i]->number == number)
            return c->items[i];
    }
    return NULL;
}

static void drop(struct control *c, struct connection *x)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i] == x) {
            c->items[i] = c->items[--c->count];
            break;
        }
    }
    connection_free(x);
}

/* Makes room: the oldest that has asked for nothing yet goes. */
static void drop_oldest(struct control *c)
{
    struct connection *oldest = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct connection *x = c->items[i];
        if (!x->is_busy && (!oldest || x->number < oldest->number))
            oldest = x;
    }
    if (oldest)
        drop(c, oldest);
}

static void accept_all(struct control *c)
{
    int fd;
    while ((fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (c->count == CONNECTIONS_MAX)
            drop_oldest(c);
        if (c->count == CONNECTIONS_MAX || !control_peer_is_ours(fd)) {
            close(fd);
            continue;
        }
        struct connection *x = mem_new(struct connection);
        x->fd = fd;
        x->number = ++c->last_number;
        c->items[c->count++] = x;
        (void)watch(c, fd, x->number, EPOLLIN);
    }
    if (errno == EMFILE || errno == ENFILE)
        drop_oldest(c); /* the next turn finds a file for it */
}

/* What the client takes; the connection ends with the last byte. */
static void send_out(struct control *c, struct connection *x)
{
    while (x->sent < x->out.size) {
        ssize_t n = send(x->fd, x->out.bytes + x->sent, x->out.size - x->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            (void)watch(c, x->fd, x->number, EPOLLOUT);
            return;
        }
        if (n < 0 && errno != EINTR)
            break;
        x->sent += n > 0 ? (size_t)n : 0;
    }
    drop(c, x);
}

static void answer(struct control *c, struct connection *x, struct str line)
{
    text_add(&x->out, line);
    text_add_byte(&x->out, '\n');
    send_out(c, x);
}

static void act(struct control *c, struct connection *x)
{
    struct value request = VALUE_ABSENT;
    struct errmsg message = {{0}};
    AUTO(text) struct text line = {0};
    uint64_t number = x->number;
    struct str in = text_str(&x->in);
    if (json_parse(str_slice(in, 0, str_find(in, '\n')),
                   &(struct json_limits){.size_max = CONTROL_LINE_MAX, .depth_max = 200}, &request,
                   &message)) {
        answer(c, x, S("{\"status\":2,\"error\":\"no line of JSON\"}"));
        return;
    }
    x->is_busy = true;
    c->busy++;
    bool is_answered = verb_answer(c->serving, request, &line);
    c->busy--;
    value_drop(request);
    x = find(c, number);
    if (!x)
        return;
    x->is_busy = !is_answered;
    x->waits_for_goal = !is_answered;
    if (is_answered)
        answer(c, x, text_str(&line));
}

static void read_in(struct control *c, struct connection *x)
{
    char block[65536];
    ssize_t n;
    while ((n = recv(x->fd, block, sizeof(block), 0)) > 0) {
        if (!x->is_busy)
            text_add(&x->in, (struct str){block, (size_t)n});
        if (x->in.size > CONTROL_LINE_MAX)
            break;
    }
    bool is_gone = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
    bool is_line = str_find(text_str(&x->in), '\n') < x->in.size;
    if (is_line && !x->is_busy)
        act(c, x);
    else if (is_gone || x->in.size > CONTROL_LINE_MAX)
        drop(c, x); /* what it has begun goes on */
}

void control_poll(struct control *c)
{
    struct epoll_event events[EVENTS];
    int count = c ? epoll_wait(c->poll, events, EVENTS, 0) : 0;
    for (int i = 0; i < count; i++) {
        struct connection *x = find(c, events[i].data.u64);
        if (events[i].data.u64 == 0)
            accept_all(c);
        else if (x && x->out.size)
            send_out(c, x);
        else if (x)
            read_in(c, x);
    }
}

void control_goal_reached(struct control *c)
{
    for (size_t i = c ? c->count : 0; i-- > 0;) {
        struct connection *x = c->items[i];
        if (!x->waits_for_goal)
            continue;
        AUTO(text) struct text line = {0};
        x->waits_for_goal = false;
        verb_goal_answer(c->serving, &line);
        answer(c, x, text_str(&line));
    }
}
