/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames are either data (stream, flags, length) or control (version, type, flags, length). The
 * headers of a stream are a count and pairs of length-prefixed texts, compressed by one zlib stream
 * for each direction that begins with a dictionary both sides know.
 *
 * Invariant: `input` holds the beginning of one frame that has not wholly come.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/spdy.h"

#include <zlib.h>

#include "sim/base/mem.h"

#define VERSION 3
#define HEADER_SIZE 8
#define FLAG_FIN 1
#define INFLATED_MAX ((size_t)64 * 1024)

enum frame_type {
    SYN_STREAM = 1,
    SYN_REPLY = 2,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    HEADERS = 8,
    WINDOW_UPDATE = 9
};

struct spdy {
    const struct spdy_events *events;
    void *owner;
    struct text input, output;
    z_stream reader, writer;
    struct text dictionary;
    uint32_t streams;
    bool is_broken;
};

/* ---- the dictionary: words with their lengths in front, then a text ---- */

static const char *const words[] = {"options",
                                    "head",
                                    "post",
                                    "put",
                                    "delete",
                                    "trace",
                                    "accept",
                                    "accept-charset",
                                    "accept-encoding",
                                    "accept-language",
                                    "accept-ranges",
                                    "age",
                                    "allow",
                                    "authorization",
                                    "cache-control",
                                    "connection",
                                    "content-base",
                                    "content-encoding",
                                    "content-language",
                                    "content-length",
                                    "content-location",
                                    "content-md5",
                                    "content-range",
                                    "content-type",
                                    "date",
                                    "etag",
                                    "expect",
                                    "expires",
                                    "from",
                                    "host",
                                    "if-match",
                                    "if-modified-since",
                                    "if-none-match",
                                    "if-range",
                                    "if-unmodified-since",
                                    "last-modified",
                                    "location",
                                    "max-forwards",
                                    "pragma",
                                    "proxy-authenticate",
                                    "proxy-authorization",
                                    "range",
                                    "referer",
                                    "retry-after",
                                    "server",
                                    "te",
                                    "trailer",
                                    "transfer-encoding",
                                    "upgrade",
                                    "user-agent",
                                    "vary",
                                    "via",
                                    "warning",
                                    "www-authenticate",
                                    "method",
                                    "get",
                                    "status",
                                    "200 OK",
                                    "version",
                                    "HTTP/1.1",
                                    "url",
                                    "public",
                                    "set-cookie",
                                    "keep-alive",
                                    "origin"};
static const char tail[] =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, "
    "Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch"
    "charset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

static void add_number(struct text *out, uint32_t n, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        text_add_byte(out, (char)(unsigned char)(n >> (8 * i) & 255));
}

static uint32_t number_at(struct str s, size_t at, int bytes)
{
    uint32_t n = 0;
    for (int i = 0; i < bytes; i++)
        n = n << 8 | (uint32_t)(unsigned char)s.bytes[at + (size_t)i];
    return n;
}

static void dictionary_make(struct text *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        struct str w = str_from(words[i]);
        add_number(out, (uint32_t)w.size, 4);
        text_add(out, w);
    }
    text_add(out, S(""));
    text_add(out, str_from(tail));
}

/* ---- life ---- */

struct spdy *spdy_new(const struct spdy_events *events, void *owner)
{
    struct spdy *s = mem_new(struct spdy);
    s->events = events;
    s->owner = owner;
    dictionary_make(&s->dictionary);
    CHECK(inflateInit(&s->reader) == Z_OK);
    CHECK(deflateInit(&s->writer, Z_BEST_COMPRESSION) == Z_OK);
    CHECK(deflateSetDictionary(&s->writer, (const Bytef *)s->dictionary.bytes,
                               (uInt)s->dictionary.size) == Z_OK);
    return s;
}

void spdy_free(struct spdy *s)
{
    if (!s)
        return;
    (void)inflateEnd(&s->reader);
    (void)deflateEnd(&s->writer);
    text_release(&s->input);
    text_release(&s->output);
    text_release(&s->dictionary);
    mem_free(s);
}

struct text *spdy_output(struct spdy *s)
{
    return &s->output;
}

struct str spdy_find(const struct spdy_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(headers[i].name, str_from(name)))
            return headers[i].value;
    }
    return S("");
}

/* ---- headers ---- */

/* False: they are damaged, or too many. */
static bool headers_inflate(struct spdy *s, struct str block, struct text *out)
{
    unsigned char buffer[4096];
    AUTO(text) struct text copy = {0};
    text_add(&copy, block);
    s->reader.next_in = (Bytef *)copy.bytes;
    s->reader.avail_in = (uInt)copy.size;
    while (s->reader.avail_in > 0 && out->size <= INFLATED_MAX) {
        s->reader.next_out = buffer;
        s->reader.avail_out = sizeof(buffer);
        int result = inflate(&s->reader, Z_SYNC_FLUSH);
        if (result == Z_NEED_DICT)
            result = inflateSetDictionary(&s->reader, (const Bytef *)s->dictionary.bytes,
                                          (uInt)s->dictionary.size);
        else
            text_add(out, (struct str){(const char *)buffer, sizeof(buffer) - s->reader.avail_out});
        if (result != Z_OK)
            return false;
    }
    return out->size <= INFLATED_MAX;
}

static void headers_deflate(struct spdy *s, struct str block, struct text *out)
{
    unsigned char buffer[4096];
    AUTO(text) struct text copy = {0};
    text_add(&copy, block);
    s->writer.next_in = (Bytef *)copy.bytes;
    s->writer.avail_in = (uInt)copy.size;
    do {
        s->writer.next_out = buffer;
        s->writer.avail_out = sizeof(buffer);
        CHECK(deflate(&s->writer, Z_SYNC_FLUSH) != Z_STREAM_ERROR);
        text_add(out, (struct str){(const char *)buffer, sizeof(buffer) - s->writer.avail_out});
    } while (s->writer.avail_out == 0);
}

/* A text with its length in front; false: it does not fit. */
static bool text_at(struct str s, size_t *at, struct str *ret_text)
{
    if (*at + 4 > s.size)
        return false;
    uint32_t size = number_at(s, *at, 4);
    if (size > s.size - *at - 4)
        return false;
    *ret_text = str_slice(s, *at + 4, *at + 4 + size);
    *at += 4 + (size_t)size;
    return true;
}

static bool headers_read(struct str s, struct spdy_header *headers, size_t *ret_count)
{
    size_t at = 4;
    if (s.size < 4)
        return false;
    uint32_t count = number_at(s, 0, 4);
    if (count > SPDY_HEADERS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!text_at(s, &at, &headers[i].name) || !text_at(s, &at, &headers[i].value))
            return false;
    }
    *ret_count = count;
    return true;
}

/* ---- sending ---- */

static void control(struct spdy *s, enum frame_type type, unsigned flags, struct str payload)
{
    add_number(&s->output, 0x8000u | VERSION, 2);
    add_number(&s->output, type, 2);
    add_number(&s->output, flags, 1);
    add_number(&s->output, (uint32_t)payload.size, 3);
    text_add(&s->output, payload);
}

void spdy_accept(struct spdy *s, uint32_t stream)
{
    AUTO(text) struct text payload = {0};
    add_number(&payload, stream, 4);
    headers_deflate(s, (struct str){"\0\0\0\0", 4}, &payload); /* none */
    control(s, SYN_REPLY, 0, text_str(&payload));
}

void spdy_send(struct spdy *s, uint32_t stream, struct str bytes, bool is_last)
{
    do {
        size_t size = bytes.size < 65536 ? bytes.size : 65536;
        bool is_end = is_last && size == bytes.size;
        add_number(&s->output, stream, 4);
        add_number(&s->output, is_end ? FLAG_FIN : 0, 1);
        add_number(&s->output, (uint32_t)size, 3);
        text_add(&s->output, str_slice(bytes, 0, size));
        bytes = str_slice(bytes, size, bytes.size);
    } while (bytes.size > 0);
}

/* ---- receiving ---- */

static bool on_syn_stream(struct spdy *s, unsigned flags, struct str payload)
{
    struct spdy_header headers[SPDY_HEADERS_MAX];
    AUTO(text) struct text block = {0};
    size_t count = 0;
    if (payload.size < 10 || ++s->streams > SPDY_STREAMS_MAX)
        return false;
    uint32_t stream = number_at(payload, 0, 4) & 0x7fffffffu;
    if (!headers_inflate(s, str_slice(payload, 10, payload.size), &block) ||
        !headers_read(text_str(&block), headers, &count))
        return false;
    s->events->opened(s->owner, stream, headers, count);
    if (flags & FLAG_FIN)
        s->events->ended(s->owner, stream);
    return true;
}

/* The rest of a known stream's headers: nobody reads them, but the compression goes on. */
static bool on_headers(struct spdy *s, struct str payload)
{
    AUTO(text) struct text block = {0};
    return payload.size >= 4 && headers_inflate(s, str_slice(payload, 4, payload.size), &block);
}

static bool on_control(struct spdy *s, struct str frame)
{
    unsigned version = number_at(frame, 0, 2) & 0x7fffu, flags = number_at(frame, 4, 1);
    struct str payload = str_slice(frame, HEADER_SIZE, frame.size);
    if (version != VERSION)
        return false;
    switch ((enum frame_type)number_at(frame, 2, 2)) {
    case SYN_STREAM:
        return on_syn_stream(s, flags, payload);
    case SYN_REPLY:
    case HEADERS:
        return on_headers(s, payload);
    case RST_STREAM:
        if (payload.size >= 4)
            s->events->ended(s->owner, number_at(payload, 0, 4) & 0x7fffffffu);
        return payload.size >= 4;
    case PING:
        if (payload.size == 4 && (number_at(payload, 0, 4) & 1))
            control(s, PING, 0, payload); /* the client's own: odd */
        return payload.size == 4;
    case SETTINGS:
    case GOAWAY:
    case WINDOW_UPDATE:
        break;
    }
    return true; /* what is not known is passed over */
}

static void on_data(struct spdy *s, struct str frame)
{
    uint32_t stream = number_at(frame, 0, 4);
    if (frame.size > HEADER_SIZE)
        s->events->data(s->owner, stream, str_slice(frame, HEADER_SIZE, frame.size));
    if (number_at(frame, 4, 1) & FLAG_FIN)
        s->events->ended(s->owner, stream);
}

bool spdy_receive(struct spdy *s, struct str bytes)
{
    if (s->is_broken)
        return false;
    text_add(&s->input, bytes);
    size_t at = 0;
    struct str all = text_str(&s->input);
    while (!s->is_broken && all.size - at >= HEADER_SIZE) {
        size_t size = HEADER_SIZE + (size_t)number_at(all, at + 5, 3);
        if (size > SPDY_FRAME_MAX) {
            s->is_broken = true;
            break;
        }
        if (all.size - at < size)
            break;
        struct str frame = str_slice(all, at, at + size);
        if ((unsigned char)frame.bytes[0] & 0x80)
            s->is_broken = !on_control(s, frame);
        else
            on_data(s, frame);
        at += size;
    }
    struct text rest = {0};
    text_add(&rest, str_slice(all, at, all.size));
    text_release(&s->input);
    s->input = rest;
    return !s->is_broken;
}
