/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the streams of a SPDY connection and the gateway's conversations: an exec or attach is
 * one conversation with a stream for each standard stream; a port-forward has one for each
 * connection that is forwarded. Private to the HTTP server.
 */
#ifndef CLUSTER_APISERVER_HTTP_SPDY_SESSION_H
#define CLUSTER_APISERVER_HTTP_SPDY_SESSION_H

#include "cluster/apiserver/http/exchange.h"

struct spdy_session;
struct spdy_session *spdy_session_new(struct exchange *x, bool is_forward);
void spdy_session_free(struct spdy_session *g);
/* From the client; false: it does not speak SPDY. */
bool spdy_session_receive(struct spdy_session *g, struct str bytes);
/* For the client; the caller clears what it has sent. */
struct text *spdy_session_output(struct spdy_session *g);
/* All has been said. */
bool spdy_session_is_over(const struct spdy_session *g);
/* From the gateway: of the connection's own conversation, and of a forwarded connection's (false:
 * the id is none of these). */
void spdy_session_bytes(struct spdy_session *g, const struct channel_bytes *b);
bool spdy_session_forwarded(struct spdy_session *g, uint64_t id, const struct response *r,
                            const struct channel_bytes *b);

#endif
