/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduling queue: active pods (priority, then time of arrival), pods in back-off, and
 * unschedulable ones that wait for an event that their rejecting plugins care about (or for 5
 * minutes).
 *
 *     scheduling_queue_put(&queue, &cache, key, pod, now);
 *     struct queued_pod *p = scheduling_queue_pop(&queue);      its place is then QUEUED_IN_FLIGHT
 *     ... scheduling_queue_unschedulable(&queue, p, rejecting, events, now);
 *     scheduling_queue_move(&queue, EVENT_NODE_ADD, now);       who waits for it may try again
 *
 * Invariants: a pod is in one place; an event that comes while a pod is in flight is not lost on
 * it.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/#queuesort
 */
#ifndef CLUSTER_SCHEDULER_QUEUE_H
#define CLUSTER_SCHEDULER_QUEUE_H

#include "cluster/scheduler/cache.h"
#include "cluster/scheduler/framework.h"

enum queued_place {
    QUEUED_ACTIVE,
    QUEUED_BACKOFF,
    QUEUED_UNSCHEDULABLE,
    QUEUED_GATED,
    QUEUED_IN_FLIGHT
};

struct queued_pod {
    const struct object_key *key; /* owned */
    struct value pod;             /* owned */
    struct pod_info *info;        /* owned; decoded once, made anew when the pod changes */
    int64_t priority;
    struct instant timestamp; /* when it was (last) put in the queue */
    uint64_t arrival;         /* breaks ties */
    struct instant backoff_until;
    uint32_t unschedulable_count, error_count;
    uint32_t rejecting;     /* bit per plugin of the last cycle */
    uint32_t wanted_events; /* the cluster events that those plugins care about */
    enum queued_place place;
    size_t heap_position;      /* in its place's array */
    uint32_t events_in_flight; /* cluster events seen while it was in its cycle */
};

struct scheduling_queue {
    VEC(struct queued_pod *) active, backoff; /* heaps */
    VEC(struct queued_pod *) waiting; /* unschedulable and gated, in no order that matters */
    VEC(struct queued_pod *) flying;  /* in their cycle or binding */
    struct index pods;
    uint64_t arrivals;
    struct duration initial_backoff, max_backoff;
    /* The least timestamp of the unschedulable pods, once asked for: thousands may wait. */
    struct instant oldest;
    bool oldest_is_known;
};

void scheduling_queue_release(struct scheduling_queue *q);
/* A pod without a node has come or changed; `cache` decodes it. */
void scheduling_queue_put(struct scheduling_queue *q, struct cache *cache,
                          const struct object_key *key, struct value pod, struct instant now);
void scheduling_queue_remove(struct scheduling_queue *q, const struct object_key *key);
struct queued_pod *scheduling_queue_find(const struct scheduling_queue *q,
                                         const struct object_key *key);
bool scheduling_queue_has_active(
    const struct scheduling_queue *q); /* would scheduling_queue_pop give one */
/* The queue keeps owning it, in flight, until one of the three ends below; NULL: none active. */
struct queued_pod *scheduling_queue_pop(struct scheduling_queue *q);
void scheduling_queue_done(struct scheduling_queue *q, struct queued_pod *p); /* bound: forgotten */
void scheduling_queue_unschedulable(struct scheduling_queue *q, struct queued_pod *p,
                                    uint32_t rejecting, uint32_t wanted_events, struct instant now);
void scheduling_queue_failed(struct scheduling_queue *q, struct queued_pod *p,
                             struct instant now); /* an error */
/* A cluster event: pods that wait for it go to back-off or active. Returns how many moved. */
size_t scheduling_queue_move(struct scheduling_queue *q, uint32_t event, struct instant now);
bool scheduling_queue_wake_pod(struct scheduling_queue *q, const struct object_key *key,
                               struct instant now);
void scheduling_queue_tick(struct scheduling_queue *q,
                           struct instant now); /* back-offs over; leftovers of 5 min */
struct instant scheduling_queue_next_instant(
    struct scheduling_queue *q); /* INSTANT_NEVER: none waits */

#endif
