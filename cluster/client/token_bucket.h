/* SPDX-License-Identifier: Apache-2.0
 *
 * A token bucket in exact integers, with the semantics of client-go's flow control: it starts full,
 * refills evenly, and a reservation may be for the future (the level goes below zero), so that
 * waiting is first come, first served.
 *
 *     struct token_bucket b = token_bucket(20, duration_s(1), 30);      20 a second, burst 30
 *     struct instant at = token_bucket_reserve(&b, now);                 when the caller may go
 */
#ifndef CLUSTER_CLIENT_TOKEN_BUCKET_H
#define CLUSTER_CLIENT_TOKEN_BUCKET_H

#include "sim/base/base.h"

struct token_bucket {
    int64_t tokens_per_period; /* 0: no limit */
    int64_t period_ns;
    int64_t burst;
    int64_t level; /* one token is period_ns units; one nanosecond adds tokens_per_period units */
    struct instant updated;
};
struct token_bucket token_bucket(int64_t tokens_per_period, struct duration period, int64_t burst);
struct instant token_bucket_reserve(struct token_bucket *b,
                                    struct instant now);           /* always succeeds */
bool token_bucket_try(struct token_bucket *b, struct instant now); /* only if one is there */

#endif
