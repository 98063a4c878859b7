/* SPDX-License-Identifier: Apache-2.0
 *
 * A WebSocket of a client, on a socket that does not block: the one file that knows wslay.
 *
 *     struct websocket *w = websocket_new(&events, owner);
 *     websocket_send(w, text_str(&message), false);         kept until there is a socket
 *     websocket_attach(w, &transport);                      borrowed from then on
 *     for (;;) { ... epoll: websocket_wants_write(w) ... websocket_step(w); }
 *
 * Limits: a message of WEBSOCKET_MESSAGE_MAX from the client (1009), WEBSOCKET_BACKLOG_MAX of what
 * it does not read (the connection is cut).
 */
#ifndef CLUSTER_APISERVER_HTTP_WEBSOCKET_H
#define CLUSTER_APISERVER_HTTP_WEBSOCKET_H

#include "cluster/apiserver/http/transport.h"
#include "sim/base/text.h"

#define WEBSOCKET_MESSAGE_MAX ((size_t)4 * 1024 * 1024)
#define WEBSOCKET_BACKLOG_MAX ((size_t)64 * 1024 * 1024)

struct websocket_events {
    /* A whole message; control frames are seen to here. */
    void (*message)(void *owner, struct str bytes, bool is_text);
};
struct websocket;
struct websocket *websocket_new(const struct websocket_events *events, void *owner);
void websocket_free(struct websocket *w);
void websocket_attach(struct websocket *w, struct transport *transport);
void websocket_send(struct websocket *w, struct str bytes, bool is_text);
/* Sends what is waiting, then says good-bye; the client is waited for. */
void websocket_close(struct websocket *w, uint16_t code, struct str reason);
bool websocket_wants_write(const struct websocket *w);
bool websocket_is_closing(const struct websocket *w);
/* Reads and writes what can be; false: it is over, the socket may be closed. */
bool websocket_step(struct websocket *w);
/* The answer to a client's Sec-WebSocket-Key; false: it is none. */
bool websocket_accept(struct str key, struct text *out);

#endif
