/* SPDX-License-Identifier: Apache-2.0
 *
 * The connect subresources: log, exec, attach and portforward of pods, proxy of pods, services and
 * nodes. A call that may go on becomes a tunnel: a client's conversation on one side, a stream to a
 * kubelet or a pod on the other.
 */
#ifndef CLUSTER_APISERVER_CONNECT_H
#define CLUSTER_APISERVER_CONNECT_H

#include "cluster/apiserver/server.h"

/* ---- between connect.c and connect_target.c ---- */

enum tunnel_kind { TUNNEL_LOG, TUNNEL_COMMAND, TUNNEL_FORWARD, TUNNEL_NODE, TUNNEL_POD };

struct tunnel {
    enum tunnel_kind kind;
    struct connection *connection;
    uint64_t id;      /* of the client's request */
    stream_id stream; /* to the other side */
    struct text host; /* "10.0.1.1:10250" */
    struct text url;
    struct value name; /* of the pod, text */
    bool is_connected, is_answered, has_status;
    bool is_direct; /* a command whose client the kubelet answers itself: nothing is translated */
};
struct tunnel *tunnel_new(struct call *c, enum tunnel_kind kind);
void tunnel_respond(struct step *step, struct tunnel *t, int code, struct value own_body,
                    struct str content_type);

/* ---- for the server ---- */

bool connect_start(struct call *c, struct step *step); /* false: another subresource */
/* False: the input is not a tunnel's. */
bool connect_input(struct apiserver *s, struct step *step, const struct input *in);
/* From a client: bytes on a channel, giving up, leaving. */
void connect_bytes(struct step *step, struct connection *k, const struct channel_bytes *b);
bool connect_cancel(struct step *step, struct connection *k, uint64_t id);
void connect_leave(struct step *step, struct connection *k);
void connect_release(struct apiserver *s);

#endif
