/* SPDX-License-Identifier: Apache-2.0
 *
 * What an API server counts of itself, and shows at /metrics in Prometheus' text form: requests and
 * how long they took, watches, seats, what was asked of etcd, how much is stored. All of it is
 * about the simulation: durations are virtual ones.
 *
 *     metrics_request(&s->metrics, call, code, step->now);
 *     metrics_write(s, &text);
 *
 * Source: kubernetes.io/docs/reference/instrumentation/metrics/
 */
#ifndef CLUSTER_APISERVER_METRICS_H
#define CLUSTER_APISERVER_METRICS_H

#include "cluster/api/request.h"
#include "cluster/etcd/etcd.h"
#include "sim/base/vec.h"

#define METRICS_BUCKETS 23 /* of durations; the last is open */
#define METRICS_PLACES 128

struct histogram {
    uint64_t count, buckets[METRICS_BUCKETS + 1];
    int64_t sum_ns;
};
/* Requests of one sort; those of each code are counted apart. */
struct request_row {
    const struct resource *resource; /* NULL: a path */
    uint8_t verb, subresource, scope;
    bool is_dry_run;
    VEC(struct code_count {
        int code;
        uint64_t count;
    })
    codes;
    struct histogram durations;
};
struct etcd_row {
    const struct resource *resource;
    uint8_t operation;
    uint64_t errors;
    struct histogram durations;
};
struct event_row {
    const struct resource *resource;
    uint64_t sent, received;
};
struct metrics {
    struct wall_time started;
    /* Each in the place of its resource's index. */
    VEC(struct request_row) requests[METRICS_PLACES];
    VEC(struct etcd_row) etcd[METRICS_PLACES];
    VEC(struct event_row) events[METRICS_PLACES];
};
struct apiserver;
struct call;
void metrics_release(struct metrics *m);
/* A call of a client has been answered. */
void metrics_request(struct metrics *m, const struct call *c, int code, struct instant now);
void metrics_etcd(struct metrics *m, const struct etcd_request *q, bool has_failed,
                  struct duration taken);
/* An event has been sent to a watch; one has come from etcd. */
void metrics_event_sent(struct metrics *m, const struct resource *r);
void metrics_event_received(struct metrics *m, const struct resource *r);
void metrics_write(const struct apiserver *s, struct text *out);

#endif
