/* SPDX-License-Identifier: Apache-2.0
 *
 * One API client of one process, as client-go's rest client is: a connection to the API server's
 * address that is kept open and re-opened with back-off, requests in flight by id, a token bucket
 * (QPS and burst).
 *
 * A process hands each of its inputs to client_input first; what the client does not recognise is
 * the process' own.
 * Timer tags with the top bit set (CLIENT_TAG_BIT) belong to this library.
 *
 *     struct request *r = request_for_key(VERB_GET, key);
 *     client_send(client, step, r, on_node, self, tag);
 *     static void on_node(void *owner, struct step *step, const struct response *r, uint64_t tag) {
 *     ... }
 *
 * Outcome unknown. When the connection is lost, each request in flight is answered with a response
 * of code 0 without body: it may or may not have been done.
 *
 * Source: k8s.io/client-go/rest; kubernetes.io/docs/reference/using-api/
 */
#ifndef CLUSTER_CLIENT_CLIENT_H
#define CLUSTER_CLIENT_CLIENT_H

#include "cluster/api/request.h"
#include "sim/sim.h"

struct client;
#define CLIENT_TAG_BIT (UINT64_C(1) << 63)

struct client_options {
    address_id server;                   /* normally the balancer's address */
    const struct credential *credential; /* a reference is taken */
    const char *user_agent;              /* "kube-scheduler"; also the field manager */
    int qps, burst;                      /* of client-go's token bucket; qps 0: no limit */
    struct duration request_timeout;     /* 0: none but the server's (60 s) */
    uint32_t random_purpose;             /* the stream of random numbers for its back-offs */
    uint32_t number;                     /* tells the clients of one process apart: 0, 1, ... */
};
struct client *client_new(const struct client_options *options);
void client_free(struct client *c);

/* True when the input was the client's (its stream, its timers); callbacks have run by then. */
bool client_input(struct client *c, struct step *step, const struct input *input);

typedef void (*response_fn)(void *owner, struct step *step, const struct response *response,
                            uint64_t tag);
/* Takes the request; stamps id, credential, user agent and field manager (when absent). Queues it
 * while the bucket is empty or the connection is down. `done` may be NULL: nobody cares. Returns
 * the request's id. */
uint64_t client_send(struct client *c, struct step *step, struct request *own_request,
                     response_fn done, void *owner, uint64_t tag);
void client_forget(struct client *c, struct step *step,
                   uint64_t id); /* no callback any more; a watch ends */

typedef void (*watch_fn)(void *owner, struct step *step, const struct watch_event *event,
                         uint64_t tag);
/* A watch: `opened` gets the response (code 200, or what refused it, or 0 when the connection broke
 * later: the watch is over then); `event` gets each event, WATCH_END included. */
uint64_t client_watch(struct client *c, struct step *step, struct request *own_request,
                      response_fn opened, watch_fn event, void *owner, uint64_t tag);

/* Lanes: client sets of one process that share the connection but not the token bucket, as the
 * controllers of a real kube-controller-manager do: each has the client's QPS and burst for itself.
 * Lane 0 is there from the start. What is sent goes through the lane entered last. */
uint32_t client_add_lane(struct client *c, int qps_factor, int burst_factor);
uint32_t client_enter_lane(struct client *c, uint32_t lane); /* returns the one before */
/* Requests of the lane speak for somebody else than the client; a reference is taken. */
void client_lane_credential(struct client *c, uint32_t lane, const struct credential *credential);

/* ---- for the other parts of this library ---- */

/* A timer whose firing is recognised by client_input. Zeroed plus `fire` and `owner` is unset and
 * valid. */
struct client_timer {
    void (*fire)(void *owner, struct step *step);
    void *owner;
    timer_id timer;
    struct instant at; /* INSTANT_NEVER or zero while `timer` is 0 */
    uint32_t slot;     /* private to client.c; 0: none yet */
};
void client_timer_set(struct client *c, struct step *step, struct client_timer *t,
                      struct instant at);
void client_timer_cancel(struct client *c, struct step *step, struct client_timer *t);
void client_timer_release(struct client *c,
                          struct client_timer *t); /* without effects: the process ends */

/* Called at the end of each input that was the client's, in the order of registering: by then every
 * handler of that input has been called. */
void client_after_input(struct client *c, void (*after)(void *owner, struct step *step),
                        void *owner);
uint64_t client_random_below(struct client *c, struct step *step, uint64_t limit);
/* Nanoseconds of the wall clock for the name of an Event: never the same twice. */
int64_t client_event_stamp(struct client *c, const struct step *step);

/* Client-side helpers that every writer needs. */
struct request *client_create_request(
    const struct resource *r, struct value own_object); /* key from its metadata; is_typed */
struct request *client_update_request(const struct resource *r, struct value own_object,
                                      enum subresource subresource);
struct request *client_patch_request(const struct object_key *k, enum patch_type type,
                                     struct value own_patch, enum subresource subresource);
struct request *client_delete_request(const struct object_key *k,
                                      struct value uid_precondition /* borrowed; may be absent */);

#endif
