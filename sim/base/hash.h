/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes and random numbers: pure functions, the same on every machine.
 *
 * Random numbers come from keyed counter streams: a stream is a key and a counter, so a new
 * consumer never shifts another's draws (docs/engine.md). `random_at` has no state at all.
 *
 *     struct random_stream r = random_stream(seed, component, incarnation, PURPOSE_BACKOFF);
 *     uint64_t n = random_below(&r, 6);
 */
#ifndef SIM_BASE_HASH_H
#define SIM_BASE_HASH_H

#include "sim/base/base.h"

/* A bijection that spreads every bit (the finaliser of splitmix64). */
static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBu;
    x ^= x >> 31;
    return x;
}
static inline uint64_t hash_pair(uint64_t a, uint64_t b)
{
    return hash_mix(a * 0x9E3779B97F4A7C15u ^ (b + 0x632BE59BD9B4E019u));
}
uint64_t hash_bytes(struct str s);

struct random_stream {
    uint64_t key;
    uint64_t counter;
};
struct random_stream random_stream(uint64_t seed, uint64_t component, uint64_t incarnation,
                                   uint64_t purpose);
static inline uint64_t random_next(struct random_stream *r)
{
    r->counter++;
    return hash_mix(r->key + 0x9E3779B97F4A7C15u * r->counter);
}
uint64_t random_below(struct random_stream *r, uint64_t limit); /* [0, limit), without bias */
/* Draw n of the stream that (purpose, a, b) names: no state at all. */
uint64_t random_at(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b, uint64_t n);

#endif
