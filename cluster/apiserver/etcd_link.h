/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's connection to etcd: one member at a time, the next one after a loss, many requests
 * in flight by id.
 *
 * A request is answered once: by etcd, or by NULL when the connection broke under it and nobody
 * knows what became of it.
 * What cannot have arrived, and reads, are sent again to the next member instead.
 *
 * DEVIATION: the real client spreads its requests over all members by turns; here one member serves
 * all of them until it is lost, as with a single --etcd-servers entry, so that "the API server's
 * member" is something a scenario can name.
 */
#ifndef CLUSTER_APISERVER_ETCD_LINK_H
#define CLUSTER_APISERVER_ETCD_LINK_H

#include "cluster/etcd/etcd.h"
#include "sim/base/vec.h"

struct apiserver;
typedef void (*etcd_answer_fn)(struct apiserver *s, struct step *step,
                               const struct etcd_response *response, void *owner);

struct etcd_operation {
    uint64_t id;                  /* 0: free */
    struct etcd_request *request; /* owned: to be sent again */
    etcd_answer_fn done;          /* NULL: nobody cares any more */
    void *owner;
    bool is_sent;
    struct instant asked;
};
struct etcd_link {
    stream_id stream; /* 0: none */
    bool is_connected;
    size_t member;  /* index of the configured address */
    int failures;   /* since the last success */
    int leaderless; /* members in a row that ended the watch for want of a leader */
    bool was_lost;
    timer_id timer;
    VEC(struct etcd_operation) operations;
    VEC(uint32_t) free_operations;
    uint32_t generation;
    size_t in_flight;
    uint64_t watch_id;
};

void etcd_link_start(struct apiserver *s, struct step *step);
void etcd_link_release(struct apiserver *s);
uint64_t etcd_link_send(struct apiserver *s, struct step *step, struct etcd_request *own_request,
                        etcd_answer_fn done, void *owner);
void etcd_link_forget(struct apiserver *s, uint64_t operation);
/* Changes of everything from a revision on; they go to watch_caches_apply. */
void etcd_link_watch(struct apiserver *s, struct step *step, int64_t revision);
/* True when the input was the link's. */
bool etcd_link_input(struct apiserver *s, struct step *step, const struct input *in);
void etcd_link_timer(struct apiserver *s, struct step *step);
/* The member is of no use (it has lost its leader, or is cut off): goes on with the next. */
void etcd_link_leave_member(struct apiserver *s, struct step *step);

#endif
