/* SPDX-License-Identifier: Apache-2.0
 *
 * The packing of journals. A number takes one to ten bytes, the lowest seven bits first; the top
 * bit of a byte says that there is more.
 */
#include "sim/base/base.h"

#include "sim/base/pack.h"

#define BITS 7
#define BYTES_MAX 10 /* of a number of 64 bits */

void pack_number(struct text *out, uint64_t n)
{
    char bytes[BYTES_MAX];
    size_t size = 0;
    for (; n >= 0x80; n >>= BITS)
        bytes[size++] = (char)((n & 0x7f) | 0x80);
    bytes[size++] = (char)n;
    text_add(out, (struct str){bytes, size});
}

void pack_signed(struct text *out, int64_t n)
{
    uint64_t doubled = (uint64_t)n << 1;
    pack_number(out, n < 0 ? ~doubled : doubled);
}

void pack_text(struct text *out, struct str s)
{
    pack_number(out, s.size);
    text_add(out, s);
}

static uint64_t bad(struct unpack *u)
{
    u->is_bad = true;
    u->rest = S("");
    return 0;
}

uint64_t unpack_number(struct unpack *u)
{
    uint64_t n = 0;
    for (size_t i = 0; i < BYTES_MAX && i < u->rest.size; i++) {
        uint8_t byte = (uint8_t)u->rest.bytes[i];
        if (i == BYTES_MAX - 1 && byte > 1)
            break; /* beyond 64 bits */
        n |= (uint64_t)(byte & 0x7f) << (BITS * i);
        if (byte < 0x80) {
            u->rest = str_slice(u->rest, i + 1, u->rest.size);
            return n;
        }
    }
    return bad(u);
}

uint64_t unpack_below(struct unpack *u, uint64_t limit)
{
    uint64_t n = unpack_number(u);
    return n < limit ? n : bad(u);
}

int64_t unpack_signed(struct unpack *u)
{
    uint64_t n = unpack_number(u);
    return (int64_t)(n & 1 ? ~(n >> 1) : n >> 1);
}

bool unpack_bool(struct unpack *u)
{
    return unpack_below(u, 2) == 1;
}

struct str unpack_text(struct unpack *u)
{
    uint64_t size = unpack_number(u);
    if (u->is_bad || size > u->rest.size) {
        (void)bad(u);
        return S("");
    }
    struct str s = str_slice(u->rest, 0, (size_t)size);
    u->rest = str_slice(u->rest, (size_t)size, u->rest.size);
    return s;
}
