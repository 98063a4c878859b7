/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire form of protobuf, written from the end towards the front: a message stands behind its
 * length, which is known when the message has been written, so the last field comes first.
 *
 *     size_t since = wire_mark(&w);
 *     wire_put_bytes_field(&w, 1, S("web"));
 *     wire_put_length(&w, since);
 *     wire_put_tag(&w, 3, WIRE_BYTES);        {3: {1: "web"}}
 *     wire_take(&w, &out);
 */
#ifndef CLUSTER_API_WIRE_H
#define CLUSTER_API_WIRE_H

#include "sim/base/text.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* Zeroed is empty. What is written stands from `at` to `capacity`. */
struct wire_buffer {
    char *bytes;
    size_t capacity, at;
};
void wire_grow(struct wire_buffer *w, size_t size);
void wire_release(struct wire_buffer *w);
/* Appends what has been written to the text and empties the buffer. */
void wire_take(struct wire_buffer *w, struct text *out);

static inline void wire_put(struct wire_buffer *w, const void *bytes, size_t size)
{
    if (UNLIKELY(w->at < size))
        wire_grow(w, size);
    w->at -= size;
    if (size > 0)
        memcpy(w->bytes + w->at, bytes, size);
}

static inline void wire_put_byte(struct wire_buffer *w, uint8_t byte)
{
    if (UNLIKELY(w->at == 0))
        wire_grow(w, 1);
    w->bytes[--w->at] = (char)byte;
}

static inline void wire_put_varint(struct wire_buffer *w, uint64_t n)
{
    uint8_t digits[10];
    size_t size = 0;
    if (LIKELY(n < 0x80)) {
        wire_put_byte(w, (uint8_t)n);
        return;
    }
    for (; n >= 0x80; n >>= 7)
        digits[size++] = (uint8_t)(n | 0x80);
    digits[size++] = (uint8_t)n;
    wire_put(w, digits, size);
}

static inline void wire_put_tag(struct wire_buffer *w, unsigned number, enum wire_type type)
{
    wire_put_varint(w, (uint64_t)number << 3 | type);
}

static inline size_t wire_mark(const struct wire_buffer *w)
{
    return w->capacity - w->at;
}

/* The length of all that has been written since. */
static inline void wire_put_length(struct wire_buffer *w, size_t since)
{
    wire_put_varint(w, wire_mark(w) - since);
}

static inline void wire_put_bytes_field(struct wire_buffer *w, unsigned number, struct str s)
{
    wire_put(w, s.bytes, s.size);
    wire_put_varint(w, s.size);
    wire_put_tag(w, number, WIRE_BYTES);
}

static inline void wire_put_varint_field(struct wire_buffer *w, unsigned number, uint64_t n)
{
    wire_put_varint(w, n);
    wire_put_tag(w, number, WIRE_VARINT);
}

static inline void wire_put_double(struct wire_buffer *w, double d)
{
    uint64_t bits;
    uint8_t bytes[8];
    memcpy(&bits, &d, sizeof(bits));
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(bits >> (8 * i));
    wire_put(w, bytes, sizeof(bytes));
}

#endif
