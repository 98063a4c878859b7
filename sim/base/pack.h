/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers and texts packed into bytes, the same on every machine: numbers in groups of seven bits
 * (small ones are short), texts with their size in front. A reader never reads beyond its end: the
 * first thing that is not there makes it bad for good, and everything after is 0 or empty.
 *
 *     pack_number(&out, 42);
 *     pack_text(&out, S("default"));
 *     ...
 *     struct unpack u = {text_str(&out), false};
 *     uint64_t n = unpack_number(&u);
 *     struct str s = unpack_text(&u);          borrowed from the bytes
 *     if (u.is_bad || u.rest.size > 0) ... damaged ...
 */
#ifndef SIM_BASE_PACK_H
#define SIM_BASE_PACK_H

#include "sim/base/text.h"

void pack_number(struct text *out, uint64_t n);
void pack_signed(struct text *out, int64_t n); /* small ones of either sign are short */
void pack_text(struct text *out, struct str s);

struct unpack {
    struct str rest;
    bool is_bad;
};
uint64_t unpack_number(struct unpack *u);
/* Below the limit; another one is bad. */
uint64_t unpack_below(struct unpack *u, uint64_t limit);
int64_t unpack_signed(struct unpack *u);
bool unpack_bool(struct unpack *u);
struct str unpack_text(struct unpack *u);

#endif
