/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to user.c and drain.c: the user's process and its jobs.
 */
#ifndef SCENARIOS_ENGINE_USER_PRIVATE_H
#define SCENARIOS_ENGINE_USER_PRIVATE_H

#include "cluster/client/client.h"
#include "scenarios/engine/user.h"
#include "sim/base/vec.h"

struct user;
struct job;
typedef void (*job_fn)(struct user *u, struct step *step, struct job *j, const struct response *r);

/* One pod of a drain. */
struct drained_pod {
    const struct object_key *key; /* owned */
    struct value uid;             /* owned */
    enum { POD_TO_EVICT, POD_EVICTED, POD_GONE } state;
};

struct job {
    struct user *user;
    struct user_action *action; /* a reference */
    struct user_result result;
    size_t index; /* in the user's jobs */
    job_fn next;
    int retries;
    VEC(struct drained_pod) pods; /* uids dropped with the job */
    size_t at;                    /* the pod whose request is in flight */
};

struct user {
    struct client *client;
    VEC(struct job *) jobs;  /* in the order of their arrival */
    VEC(struct job *) by_id; /* NULL: posted while the user was down, or in an earlier life */
    size_t begun, done, failed;
};

void job_begin(struct user *u, struct step *step, struct job *j);
void job_send(struct user *u, struct step *step, struct job *j, struct request *own_request,
              job_fn next);
void job_end(struct step *step, struct job *j, int code, struct value body, const char *done);
void job_free(struct job *j);

struct request *eviction_request(const struct object_key *pod);
void drain_begin(struct user *u, struct step *step, struct job *j);
void drain_go_on(struct user *u, struct step *step, struct job *j); /* its timer fired */

#endif
