/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests from and to pods. A request is one message and its answer another; the bytes of TCP are
 * not modelled.
 *
 * Into a pod: whoever routes (the pod network) sends a traffic_request to the runtime of the pod's
 * node, at traffic_address(node), as a datagram or on a stream; the runtime finds the pod by `ip`,
 * asks the program model, and answers the same way (a datagram goes to `reply_to`). Nobody listens
 * on the port: TRAFFIC_REFUSED.
 *
 * Out of a pod: a program (wget, nslookup, curl, nc in a script) makes a traffic_request with
 * `host` as the program wrote it; the runtime sends it to its `network` address
 * (runtime_config.network), and goes on when the answer with the same id comes. Without a network,
 * nothing but the pod itself can be reached.
 */
#ifndef RUNTIME_TRAFFIC_H
#define RUNTIME_TRAFFIC_H

#include "runtime/cri.h"

enum traffic_kind {
    TRAFFIC_CONNECT, /* TCP: does anybody listen? */
    TRAFFIC_HTTP,
    TRAFFIC_DNS, /* host is the name; the answer's addresses in `body`, one a line */
};
enum traffic_result {
    TRAFFIC_OK,
    TRAFFIC_REFUSED,     /* connection refused */
    TRAFFIC_TIMEOUT,     /* silence */
    TRAFFIC_UNREACHABLE, /* no route to host */
    TRAFFIC_NO_NAME,     /* the name does not exist */
    TRAFFIC_RESET,       /* connection reset by peer */
};
const char *traffic_result_text(enum traffic_result r);

struct traffic_request {
    struct message message;
    uint64_t id; /* the asker's */
    enum traffic_kind kind;
    uint32_t source_ip; /* 0: not a pod */
    uint32_t ip;        /* 0: `host` is yet to be resolved */
    uint16_t port;
    address_id reply_to; /* of a datagram */
    char *host;          /* owned; may be NULL */
    char *method;        /* owned; NULL: GET */
    char *path;          /* owned; NULL: "/" */
    char *namespace;     /* of the pod that asks, for its DNS search list; owned; may be NULL */
};
extern const struct message_type traffic_request_message;
struct traffic_request *traffic_request_new(enum traffic_kind kind, uint64_t id);

struct traffic_response {
    struct message message;
    uint64_t id;
    enum traffic_result result;
    int status;       /* HTTP */
    char *body;       /* owned; may be NULL */
    uint32_t from_ip; /* who answered */
};
extern const struct message_type traffic_response_message;
struct traffic_response *traffic_response_new(uint64_t id, enum traffic_result result);

/* "<node>:pods": where requests for the pods of a node go. */
address_id traffic_address(struct sim *sim, struct str node);

void traffic_ip_text(uint32_t ip, struct text *out);
bool traffic_ip_parse(struct str s, uint32_t *ret_ip);

#endif
