/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of channel protocols, and their two encodings.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/channels.h"

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

/* ---- base64 ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_add(struct str s, struct text *out)
{
    for (size_t i = 0; i < s.size; i += 3) {
        unsigned n = (unsigned)(unsigned char)s.bytes[i] << 16;
        size_t left = s.size - i;
        if (left > 1)
            n |= (unsigned)(unsigned char)s.bytes[i + 1] << 8;
        if (left > 2)
            n |= (unsigned)(unsigned char)s.bytes[i + 2];
        text_add_byte(out, digits[n >> 18 & 63]);
        text_add_byte(out, digits[n >> 12 & 63]);
        text_add_byte(out, left > 1 ? digits[n >> 6 & 63] : '=');
        text_add_byte(out, left > 2 ? digits[n & 63] : '=');
    }
}

static bool base64_read(struct str s, struct text *out)
{
    unsigned n = 0;
    int have = 0;
    if (s.size % 4 != 0)
        return false;
    while (s.size > 0 && s.bytes[s.size - 1] == '=')
        s.size--;
    for (size_t i = 0; i < s.size; i++) {
        size_t digit = str_find(
            S("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"), s.bytes[i]);
        if (digit == 64)
            return false;
        n = n << 6 | (unsigned)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            text_add_byte(out, (char)(unsigned char)(n >> have & 255));
        }
    }
    return true;
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
        base64_add(bytes, out);
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
    return base64_read(rest, out);
}
