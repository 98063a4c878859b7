/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes and keyed counter streams. A draw is the finaliser of splitmix64 over key + counter times
 * the golden ratio: about a nanosecond, no state to save but a number, and any draw can be computed
 * alone. Bytes are read in a fixed order, so a hash is the same on machines of either endianness.
 */
#include "sim/base/hash.h"

__extension__ typedef unsigned __int128 wide;

#define GOLDEN_RATIO 0x9E3779B97F4A7C15u

static uint64_t load_64(const unsigned char *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
           (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
           (uint64_t)b[7] << 56;
}

static uint64_t load_32(const unsigned char *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24;
}

uint64_t hash_bytes(struct str s)
{
    const unsigned char *bytes = (const unsigned char *)s.bytes;
    uint64_t hash = GOLDEN_RATIO ^ (uint64_t)s.size * 0x632BE59BD9B4E019u;
    size_t at = 0;
    for (; at + 8 <= s.size; at += 8) {
        hash = (hash ^ load_64(bytes + at)) * 0xFF51AFD7ED558CCDu;
        hash ^= hash >> 32;
    }
    uint64_t tail = 0;
    if (s.size - at >= 4) { /* two halves that may overlap: the same bits are set twice */
        tail = load_32(bytes + at) | load_32(bytes + s.size - 4) << (8 * (s.size - at - 4));
    } else {
        for (size_t i = at; i < s.size; i++)
            tail |= (uint64_t)bytes[i] << (8 * (i - at));
    }
    return hash_mix(hash ^ tail * 0xC4CEB9FE1A85EC53u);
}

struct random_stream random_stream(uint64_t seed, uint64_t component, uint64_t incarnation,
                                   uint64_t purpose)
{
    uint64_t owner = hash_pair(hash_pair(seed, component), incarnation);
    return (struct random_stream){hash_pair(owner, purpose), 0};
}

/* Multiply-shift: the high half of draw * limit. Draws whose low half falls into the incomplete
 * last stripe are drawn again, which removes the bias. */
uint64_t random_below(struct random_stream *r, uint64_t limit)
{
    CHECK(limit > 0);
    wide product = (wide)random_next(r) * limit;
    if ((uint64_t)product < limit) {
        uint64_t threshold = (0 - limit) % limit;
        while ((uint64_t)product < threshold)
            product = (wide)random_next(r) * limit;
    }
    return (uint64_t)(product >> 64);
}

uint64_t random_at(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b, uint64_t n)
{
    uint64_t key = hash_pair(hash_pair(hash_pair(seed, purpose), a), b);
    return hash_mix(key + GOLDEN_RATIO * (n + 1));
}
