/* SPDX-License-Identifier: Apache-2.0
 *
 * The pending events in their total order: by instant, then by tie. Ties are unique for ever; who
 * makes them is said in world.h.
 *
 * Two structures stand behind this interface and give the same order: a timing wheel beside small
 * heaps, and one plain 4-ary heap as the reference for tests. With a shuffle key, events of one
 * instant come in the order of a keyed hash of their ties instead.
 *
 *     struct queue *q = queue_new(false, 0);
 *     event_handle h = queue_push(q, at, tie, &(struct event){.kind = 1});
 *     queue_move(q, h, later, another_tie);
 *     while (queue_pop(q, &popped)) {
 *         queue_drop(q, popped.handle);      or keep it and queue_move() it back in
 *         ...
 *     }
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "sim/base/base.h"

struct queue;
typedef uint64_t event_handle; /* slot and generation; 0 is none; never reused */

struct event {
    uint32_t kind; /* below 256 */
    uint32_t target;
    uint64_t argument;
};

struct popped {
    struct instant at;
    uint64_t tie;
    struct event event;
    event_handle handle;
};

struct queue *queue_new(bool is_reference, uint64_t shuffle_key);
void queue_free(struct queue *q);

event_handle queue_push(struct queue *q, struct instant at, uint64_t tie,
                        const struct event *event);
/* Gives the event another place in the order, its own new tie included: one that moves back costs
 * only a note, and the entry is pushed again when its old turn comes. False: no such event. */
bool queue_move(struct queue *q, event_handle handle, struct instant at, uint64_t tie);
/* Forgets the event, pending or popped. False: no such event. */
bool queue_drop(struct queue *q, event_handle handle);
/* The event, pending or popped, and the place it has been given. False: no such event. */
bool queue_get(const struct queue *q, event_handle handle, struct popped *ret_event);

/* Takes the first event out of the order. Its handle stays valid until dropped or moved back in. */
bool queue_pop(struct queue *q, struct popped *ret_popped);
/* Probably the next event; for prefetching only. False: no guess. */
bool queue_hint(const struct queue *q, struct event *ret_event);
bool queue_next(struct queue *q, struct instant *ret_at); /* false: none pending */
size_t queue_count(const struct queue *q);                /* pending ones */

/* The event after `previous` (0: the first) in no meaningful order: for re-timing and releasing
 * them all. 0 after the last. */
event_handle queue_each(const struct queue *q, event_handle previous);

#endif
