/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's side of SPDY/3.1, as far as Kubernetes uses it: streams that the client opens with a
 * few headers, bytes on them, pings. What older clients speak for exec and attach, and all of them
 * for port-forward (in the messages of a WebSocket, or on the bare connection).
 *
 *     struct spdy *s = spdy_new(&events, owner);
 *     spdy_receive(s, bytes);                     calls the events; false: no SPDY
 *     spdy_send(s, stream, S("hi"), true);        and its end
 *     ... send spdy_output(s), then text_clear it ...
 *
 * Flow control is not spoken: neither do the clients (they ignore windows).
 *
 * Source: the SPDY Protocol, drafts 3 and 3.1 (chromium.org/spdy).
 */
#ifndef CLUSTER_APISERVER_HTTP_SPDY_H
#define CLUSTER_APISERVER_HTTP_SPDY_H

#include "sim/base/text.h"

#define SPDY_STREAMS_MAX 10000u
#define SPDY_HEADERS_MAX 32u
#define SPDY_FRAME_MAX ((size_t)1 << 20)

struct spdy_header {
    struct str name, value; /* borrowed for the call; names are lower case */
};
struct spdy_events {
    void (*opened)(void *owner, uint32_t stream, const struct spdy_header *headers, size_t count);
    void (*data)(void *owner, uint32_t stream, struct str bytes);
    void (*ended)(void *owner, uint32_t stream); /* the client says no more, or takes it back */
};
struct spdy;
struct spdy *spdy_new(const struct spdy_events *events, void *owner);
void spdy_free(struct spdy *s);
bool spdy_receive(struct spdy *s, struct str bytes);
void spdy_accept(struct spdy *s, uint32_t stream); /* answers an opening */
void spdy_send(struct spdy *s, uint32_t stream, struct str bytes, bool is_last);
struct text *spdy_output(struct spdy *s);
struct str spdy_find(const struct spdy_header *headers, size_t count, const char *name);

#endif
