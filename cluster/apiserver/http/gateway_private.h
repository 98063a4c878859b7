/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gateway's files share: its commands.
 */
#ifndef CLUSTER_APISERVER_HTTP_GATEWAY_PRIVATE_H
#define CLUSTER_APISERVER_HTTP_GATEWAY_PRIVATE_H

#include "cluster/apiserver/http/gateway.h"

enum gateway_verb {
    GATEWAY_SEND,
    GATEWAY_CANCEL,
    GATEWAY_CLOSE,
    GATEWAY_BYTES,
    GATEWAY_RESET,
    GATEWAY_VERB_COUNT
};

struct gateway_command {
    struct message message;
    enum gateway_verb verb;
    uint64_t connection, id;
    struct request *request;     /* a reference; of a send */
    struct channel_bytes *bytes; /* likewise; of bytes on a channel */
};

#endif
