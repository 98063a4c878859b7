/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel protocols that run over a WebSocket: how bytes on a numbered channel become a
 * message, and back. In the plain ones a message's first byte is the channel; in the base64 ones it
 * is the channel's digit, and the rest is base64.
 *
 *     enum channel_protocol p = channels_negotiate(S("v5.channel.k8s.io"), CHANNELS_COMMAND, &name);
 *     channels_encode(p, 1, S("hi"), &message);               "\x01hi"
 *     if (channels_decode(p, text_str(&message), &channel, &bytes)) ...
 *
 * Source: apimachinery/pkg/util/remotecommand, streaming/pkg/httpstream/wsstream.
 */
#ifndef CLUSTER_APISERVER_HTTP_CHANNELS_H
#define CLUSTER_APISERVER_HTTP_CHANNELS_H

#include "sim/base/text.h"

enum channel_protocol {
    CHANNELS_NONE,      /* nothing that was offered is spoken */
    CHANNELS_V1,        /* channel.k8s.io, or nothing was offered: errors are plain text */
    CHANNELS_V1_BASE64, /* base64.channel.k8s.io */
    CHANNELS_V4,        /* v4.channel.k8s.io: errors are a Status */
    CHANNELS_V4_BASE64, /* v4.base64.channel.k8s.io */
    CHANNELS_V5,        /* v5.channel.k8s.io: and channel 255 closes another */
    CHANNELS_TUNNEL,    /* SPDY/3.1+portforward.k8s.io: SPDY's bytes, without channels */
    CHANNELS_EVENTS,    /* a watch: each message is an event */
};
enum channels_use { CHANNELS_COMMAND, CHANNELS_FORWARD };
/* The first of those offered (Sec-WebSocket-Protocol) that is spoken; *ret_name empty: none is
 * named in the answer. */
enum channel_protocol channels_negotiate(struct str offered, enum channels_use use,
                                         struct str *ret_name);
static inline bool channels_are_text(enum channel_protocol p)
{
    return p == CHANNELS_V1_BASE64 || p == CHANNELS_V4_BASE64 || p == CHANNELS_EVENTS;
}
void channels_encode(enum channel_protocol p, uint8_t channel, struct str bytes, struct text *out);
/* False: no message of this protocol. */
bool channels_decode(enum channel_protocol p, struct str message, uint8_t *ret_channel,
                     struct text *out);

#endif
