/* SPDX-License-Identifier: Apache-2.0
 *
 * What the connect subresources of pods, services and nodes are asked for (log, exec, attach,
 * portforward, proxy), and what an API server and a kubelet say to each other about it.
 *
 * A client's request has `connect`. Once the API server has answered it with 200 or 101, the
 * conversation goes on in messages of bytes (sim/channel.h) with the request's id, on the channels
 * below, until one of them is the last. The client gives up by a cancel.
 *
 * To a kubelet an API server opens a stream for each conversation (node_server_address), sends one
 * `node_request` and gets one `node_response`; after a code below 300 bytes follow on the same
 * stream, with id 0. It ends when either side closes it.
 */
#ifndef CLUSTER_API_CONNECT_H
#define CLUSTER_API_CONNECT_H

#include "cluster/api/value.h"
#include "sim/channel.h"

/* As in the WebSocket protocols v4.channel.k8s.io and v5.channel.k8s.io. */
enum connect_channel {
    CHANNEL_STDIN,
    CHANNEL_STDOUT, /* also: a log, the body of a proxied answer */
    CHANNEL_STDERR,
    CHANNEL_ERROR,       /* one Status, as JSON */
    CHANNEL_RESIZE,      /* {"Width":80,"Height":24} */
    CHANNEL_CLOSE = 255, /* the one byte says which channel gets nothing more */
};

struct connect_options {
    struct value container; /* text; absent: the only one */
    /* exec, attach */
    bool has_stdin, has_stdout, has_stderr, has_terminal;
    struct value command; /* array of texts */
    bool is_upgrade;      /* comes as a WebSocket: 101 instead of 200 */
    bool is_spdy;         /* or in a way that API servers pass on: SPDY, WebSockets before v5 */
    /* log; -1 and absent: unset */
    bool follow, previous, timestamps;
    int64_t since_seconds, tail_lines, limit_bytes;
    struct value since_time; /* text, as in the query */
    struct value stream;
    /* portforward: ports as the query has them; proxy: what is asked of the other side */
    struct value ports;
    struct value method, path, content_type; /* the path with its query */
    struct value content;                    /* text: the body */
    struct value subject;                    /* proxy: the name as in the path, "https:web:443" */
};
struct connect_options *connect_options_new(void);
void connect_options_free(struct connect_options *o);
uint64_t connect_options_digest(const struct connect_options *o);

/* A Status as it stands on the error channel: without kind, its fields in Go's order. */
void connect_status_write(struct value status, struct text *out);

/* ---- between an API server and a kubelet ---- */

enum node_verb {
    NODE_LOGS,        /* /containerLogs/{namespace}/{pod}/{container} */
    NODE_EXEC,        /* /exec/... */
    NODE_ATTACH,      /* /attach/... */
    NODE_PORTFORWARD, /* /portForward/{namespace}/{pod} */
    NODE_GET,         /* any other path, in options.path */
};
struct credential;
struct node_request {
    struct message message;
    enum node_verb verb;
    struct value namespace, pod, container;
    struct connect_options *options;     /* owned */
    const struct credential *credential; /* owned; NULL: anonymous */
};
extern const struct message_type node_request_message;
struct node_request *node_request_new(enum node_verb verb);

struct node_response {
    struct message message;
    int code;                           /* of HTTP; 101 for what goes on both ways */
    struct value content_type, content; /* texts; of an answer that is whole */
};
extern const struct message_type node_response_message;
struct node_response *node_response_new(int code, struct str content_type, struct str content);

#endif
