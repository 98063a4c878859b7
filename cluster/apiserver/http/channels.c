/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of channel protocols, and their two encodings.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/channels.h"
#include "sim/base/base64.h"

static const struct {
    const char *name;
    enum channel_protocol protocol;
    bool commands, forwards;
} protocols[] = {
    {"v5.channel.k8s.io", CHANNELS_V5, true, false},
    {"v4.channel.k8s.io", CHANNELS_V4, true, true},
    {"v4.base64.channel.k8s.io", CHANNELS_V4_BASE64, true, true},
    {"channel.k8s.io", CHANNELS_V1, true, false},
    {"base64.channel.k8s.io", CHANNELS_V1_BASE64, true, false},
    {"SPDY/3.1+portforward.k8s.io", CHANNELS_TUNNEL, false, true},
};

enum channel_protocol channels_negotiate(struct str offered, enum channels_use use,
                                         struct str *ret_name)
{
    *ret_name = S("");
    if (str_trim(offered).size == 0)
        return use == CHANNELS_COMMAND ? CHANNELS_V1 : CHANNELS_V4;
    while (offered.size > 0) {
        struct str name = str_trim(str_cut(offered, ',', &offered));
        for (size_t i = 0; i < ARRAY_COUNT(protocols); i++) {
            bool fits = use == CHANNELS_COMMAND ? protocols[i].commands : protocols[i].forwards;
            if (!fits || !str_equal(name, str_from(protocols[i].name)))
                continue;
            *ret_name = str_from(protocols[i].name);
            return protocols[i].protocol;
        }
    }
    return CHANNELS_NONE;
}

/* ---- messages ---- */

static bool is_base64(enum channel_protocol p)
{
    return p == CHANNELS_V1_BASE64 || p == CHANNELS_V4_BASE64;
}

void channels_encode(enum channel_protocol p, uint8_t channel, struct str bytes, struct text *out)
{
    if (p == CHANNELS_TUNNEL || p == CHANNELS_EVENTS) {
        text_add(out, bytes);
    } else if (is_base64(p)) {
        text_add_byte(out, (char)('0' + channel));
        base64_add((const uint8_t *)bytes.bytes, bytes.size, out);
    } else {
        text_add_byte(out, (char)channel);
        text_add(out, bytes);
    }
}

bool channels_decode(enum channel_protocol p, struct str message, uint8_t *ret_channel,
                     struct text *out)
{
    *ret_channel = 0;
    if (p == CHANNELS_TUNNEL) {
        text_add(out, message);
        return true;
    }
    if (p == CHANNELS_NONE || p == CHANNELS_EVENTS || message.size == 0)
        return false;
    struct str rest = str_slice(message, 1, message.size);
    if (!is_base64(p)) {
        *ret_channel = (uint8_t)(unsigned char)message.bytes[0];
        text_add(out, rest);
        return true;
    }
    if (!is_digit(message.bytes[0]))
        return false;
    *ret_channel = (uint8_t)(message.bytes[0] - '0');
    return rest.size % 4 == 0 && base64_decode(rest, out);
}
