/* SPDX-License-Identifier: Apache-2.0
 *
 * Two readers that disagree about where a request ends are an invitation to smuggle one into
 * another: so lengths must be plain digits and agree with each other, the only transfer encoding is
 * "chunked", once, and no byte that ends a line for somebody is part of a value. A request with
 * both a length and an encoding is read by its encoding, as RFC 9112 and Go have it.
 *
 * DEVIATION: what libmicrohttpd itself refuses (a line without a colon, a chunk's size that is
 * no number, a head beyond 64 KiB; a real server takes 1 MiB) is answered with its 400, 413, 414 or
 * 431 and its page, not with Go's line of text; and the text stands in the body only, not beside
 * the code in the status line.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/head.h"

static bool is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (!is_token_byte(s.bytes[i]))
            return false;
    }
    return s.size > 0;
}

static bool has_control(struct str s, bool may_have_blanks)
{
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.bytes[i];
        bool is_blank = c == ' ' || c == '\t';
        if ((c < 0x21 || c == 0x7f) && !(is_blank && may_have_blanks))
            return true;
    }
    return false;
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (s.bytes[i] < '0' || s.bytes[i] > '9')
            return false;
    }
    return s.size > 0;
}

static bool is_named(struct str name, const char *wanted)
{
    struct str w = str_from(wanted);
    if (name.size != w.size)
        return false;
    for (size_t i = 0; i < w.size; i++) {
        char c = name.bytes[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c + 32) : c) != w.bytes[i])
            return false;
    }
    return true;
}

void head_add(struct head *h, struct str name, struct str value)
{
    h->has_bad_name |= !is_token(name);
    h->has_bad_value |= has_control(value, true);
    if (is_named(name, "host")) {
        h->host = value;
        h->host_count++;
    } else if (is_named(name, "transfer-encoding")) {
        h->encoding = value;
        h->encoding_count++;
    } else if (is_named(name, "content-length")) {
        value = str_trim(value);
        h->has_bad_length |=
            !is_digits(value) || (h->length_count > 0 && !str_equal(value, h->length));
        h->length = value;
        h->length_count++;
    } else if (is_named(name, "expect")) {
        h->expectation = value;
    }
}

static bool host_is_well_formed(struct str host)
{
    for (size_t i = 0; i < host.size; i++) {
        char c = host.bytes[i];
        if (!is_token_byte(c) && (c == 0 || !strchr(":[]()@,;=/", c)))
            return false;
    }
    return true;
}

static bool version_is_well_formed(struct str v)
{
    return v.size == 8 && str_starts_with(v, S("HTTP/")) && v.bytes[6] == '.' &&
           is_digits(str_slice(v, 5, 6)) && is_digits(str_slice(v, 7, 8));
}

static bool refuse(struct head_refusal *r, int code, const char *text)
{
    *r = (struct head_refusal){code, text};
    return false;
}

/* A path, with or without a host before it; "*"; of CONNECT a host. */
static bool target_is_well_formed(const struct head *h)
{
    struct str t = h->target;
    return t.size > 0 && !has_control(t, false) &&
           (t.bytes[0] == '/' || str_equal(t, S("*")) || str_equal(h->method, S("CONNECT")) ||
            str_starts_with(t, S("http://")) || str_starts_with(t, S("https://")));
}

bool head_check(const struct head *h, struct head_refusal *ret_refusal)
{
    struct head_refusal *r = ret_refusal;
    bool is_old = str_equal(h->version, S("HTTP/1.0"));
    if (!is_token(h->method) || !target_is_well_formed(h) || !version_is_well_formed(h->version) ||
        h->has_bad_name)
        return refuse(r, 400, "400 Bad Request");
    if (h->version.bytes[5] != '1')
        return refuse(r, 505, "505 HTTP Version Not Supported: unsupported protocol version");
    if (!is_old && h->encoding_count > 0 &&
        (h->encoding_count > 1 || !is_named(h->encoding, "chunked")))
        return refuse(r, 501, "Unsupported transfer encoding");
    if (h->has_bad_length && (is_old || h->encoding_count == 0))
        return refuse(r, 400, "400 Bad Request");
    if (!is_old && h->host_count == 0)
        return refuse(r, 400, "400 Bad Request: missing required Host header");
    if (h->host_count > 1)
        return refuse(r, 400, "400 Bad Request: too many Host headers");
    if (!host_is_well_formed(h->host))
        return refuse(r, 400, "400 Bad Request: malformed Host header");
    if (h->has_bad_value)
        return refuse(r, 400, "400 Bad Request: invalid header value");
    if (h->expectation.size > 0 && !is_named(h->expectation, "100-continue"))
        return refuse(r, 417, "");
    return true;
}
