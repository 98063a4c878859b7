/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes and random numbers: pure functions, the same on every machine.
 *
 * Random numbers come from keyed counter streams: a stream is a key and a counter, so a new consumer
 * never shifts another's draws (simulation.md 4.3). `random_at` has no state at all.
 *
 *     struct random_stream r = random_stream(seed, component, incarnation, PURPOSE_BACKOFF);
 *     uint64_t n = random_below(&r, 6);
 */
#ifndef SIM_BASE_HASH_H
#define SIM_BASE_HASH_H

#include "sim/base/base.h"

uint64_t hash_mix(uint64_t x); /* a bijection that spreads every bit */
static inline uint64_t hash_pair(uint64_t a, uint64_t b) { return hash_mix(a * 0x9E3779B97F4A7C15u ^ (b + 0x632BE59BD9B4E019u)); }
uint64_t hash_bytes(struct str s);

struct random_stream {
    uint64_t key;
    uint64_t counter;
};
struct random_stream random_stream(uint64_t seed, uint64_t component, uint64_t incarnation, uint64_t purpose);
uint64_t random_next(struct random_stream *r);
uint64_t random_below(struct random_stream *r, uint64_t limit); /* [0, limit), without bias */
uint64_t random_at(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b, uint64_t n);

#endif
