/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket, and connections until their first bytes say what they are: TLS, which is
 * handed on; HTTP without TLS, which is told so; anything else, which is closed. A connection that
 * says nothing costs its socket and a few dozen bytes, and for HTTP_HEAD_S only.
 *
 *     struct listener *l = listener_new(&options, &is_busy, &message);
 *     ... wait until listener_fd(l) can be read, for listener_due_ms(l, most, now) at most ...
 *     while ((fd = listener_next(l, now, room, &peer)) >= 0)
 *         ... ours to close ...
 */
#ifndef CLUSTER_APISERVER_HTTP_LISTENER_H
#define CLUSTER_APISERVER_HTTP_LISTENER_H

#include <sys/socket.h>

#include "sim/base/base.h"

struct listener_options {
    const char *address; /* IPv4, or IPv6 with or without brackets */
    uint16_t port;       /* 0: any */
    bool is_plain;       /* without TLS: everything is handed on at once */
    int64_t quiet_ms_max;
};
struct listener_peer {
    struct sockaddr_storage address;
    socklen_t size;
};
struct listener;
/* NULL with a message; *ret_busy: the port is somebody else's. */
struct listener *listener_new(const struct listener_options *options, bool *ret_busy,
                              struct errmsg *message);
void listener_free(struct listener *l);
uint16_t listener_port(const struct listener *l);
/* How clients are told to reach it: "127.0.0.1:6443", "[::1]:6443". */
struct str listener_name(const struct listener *l);
/* Readable when listener_next has something to do. */
int listener_fd(const struct listener *l);
/* The next connection that speaks as it should, without blocking; -1: none is there. At most `room`
 * may be open in all, those that have said nothing included: the others are closed at once. */
int listener_next(struct listener *l, int64_t now_ms, size_t room, struct listener_peer *ret_peer);
/* How long until somebody has been quiet for too long: at most `most_ms`. */
int listener_due_ms(const struct listener *l, int most_ms, int64_t now_ms);

#endif
