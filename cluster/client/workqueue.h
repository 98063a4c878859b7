/* SPDX-License-Identifier: Apache-2.0
 *
 * client-go's work queue: keys, each at most once in line and never with two workers at a time; a
 * key added while it is worked on comes again afterwards. Delayed and rate-limited adding (5 ms *
 * 2^n up to 1000 s per key, and 10/s with a burst of 100 overall, whichever is later).
 *
 * The queue has no timer of its own: its owner asks workqueue_next_instant and calls workqueue_tick
 * then.
 *
 *     workqueue_add(q, key);  ...  const struct object_key *key = workqueue_get(q);  ...
 *     workqueue_done(q, key);
 */
#ifndef CLUSTER_CLIENT_WORKQUEUE_H
#define CLUSTER_CLIENT_WORKQUEUE_H

#include "cluster/api/key.h"

struct workqueue;
struct workqueue *workqueue_new(void);
void workqueue_free(struct workqueue *q);
/* Other than 5 ms * 2^n up to 1000 s. */
void workqueue_set_backoff(struct workqueue *q, struct duration first, struct duration most);
void workqueue_add(struct workqueue *q, const struct object_key *key);
void workqueue_add_after(struct workqueue *q, const struct object_key *key, struct instant now,
                         struct duration delay);
void workqueue_add_rate_limited(struct workqueue *q, const struct object_key *key,
                                struct instant now);
void workqueue_forget(struct workqueue *q,
                      const struct object_key *key); /* its failures are forgiven */
uint32_t workqueue_requeues(const struct workqueue *q, const struct object_key *key);
void workqueue_tick(struct workqueue *q, struct instant now); /* moves what is due into the line */
struct instant workqueue_next_instant(
    const struct workqueue *q);                              /* INSTANT_NEVER: nothing delayed */
const struct object_key *workqueue_get(struct workqueue *q); /* owned; NULL: empty */
void workqueue_done(struct workqueue *q, const struct object_key *own_key);
size_t workqueue_length(const struct workqueue *q);

#endif
