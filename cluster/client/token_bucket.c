/* SPDX-License-Identifier: Apache-2.0
 *
 * client-go limits its requests with a token bucket (k8s.io/client-go/util/flowcontrol over
 * golang.org/x/time/rate). The original counts tokens in floating point; here one token is
 * `period_ns` units and each nanosecond adds `tokens_per_period` units, so that nothing is ever
 * rounded but the instant of a reservation, which is rounded up to a whole nanosecond. A
 * reservation takes its token at once, even from an empty bucket: the level turns negative and says
 * how far the line reaches into the future.
 *
 * Invariant: level <= burst * period_ns.
 */
#include "sim/base/base.h"

#include "cluster/client/token_bucket.h"

struct token_bucket token_bucket(int64_t tokens_per_period, struct duration period, int64_t burst)
{
    CHECK(tokens_per_period >= 0 && period.ns > 0 && burst >= 0);
    return (struct token_bucket){.tokens_per_period = tokens_per_period,
                                 .period_ns = period.ns,
                                 .burst = burst,
                                 .level = burst * period.ns};
}

static void refill(struct token_bucket *b, struct instant now)
{
    if (now.ns <= b->updated.ns)
        return;
    int64_t full = b->burst * b->period_ns;
    int64_t elapsed_ns = now.ns - b->updated.ns;
    int64_t missing = full - b->level;
    /* Compared before multiplying: a long idle stretch must not overflow. */
    if (elapsed_ns > missing / b->tokens_per_period)
        b->level = full;
    else
        b->level += elapsed_ns * b->tokens_per_period;
    b->updated = now;
    CHECK(b->level <= full);
}

struct instant token_bucket_reserve(struct token_bucket *b, struct instant now)
{
    if (b->tokens_per_period == 0)
        return now;
    refill(b, now);
    b->level -= b->period_ns;
    if (b->level >= 0)
        return now;
    int64_t wait_ns = (-b->level + b->tokens_per_period - 1) / b->tokens_per_period;
    return instant_add(now, duration_ns(wait_ns));
}

bool token_bucket_try(struct token_bucket *b, struct instant now)
{
    if (b->tokens_per_period == 0)
        return true;
    refill(b, now);
    if (b->level < b->period_ns)
        return false;
    b->level -= b->period_ns;
    return true;
}
