/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of an API server, shared by its files and by nobody else. Each part has its own
 * header; this one has what ties them together: the server, a connection, a call.
 *
 * A call is one request on its way through the pipeline (pipeline.c). It is a small state machine:
 * a function that has to wait (for etcd, for a seat, for the cache) names the function that goes
 * on, and returns. A call ends by call_finish, once; it dies with the process, with its client (who
 * cancels or is gone) or with its time (60 s).
 */
#ifndef CLUSTER_APISERVER_SERVER_H
#define CLUSTER_APISERVER_SERVER_H

#include "cluster/api/request.h"
#include "cluster/api/status.h"
#include "cluster/apiserver/apiserver.h"
#include "cluster/apiserver/authorizer.h"
#include "cluster/apiserver/custom.h"
#include "cluster/apiserver/etcd_link.h"
#include "cluster/apiserver/fairness.h"
#include "cluster/apiserver/metrics.h"
#include "cluster/apiserver/watch_cache.h"
#include "cluster/etcd/etcd.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

/* Purposes of the process' random streams. */
enum apiserver_random {
    RANDOM_UID,
    RANDOM_NAME,
    RANDOM_WATCH_TIMEOUT,
    RANDOM_CLUSTER_IP,
    RANDOM_NODE_PORT,
    RANDOM_TOKEN_VOLUME,
    RANDOM_LEASE,
    RANDOM_TOKEN,
    RANDOM_PROXY,
};

/* Timer tags: what in the low byte, whose in the rest. */
enum apiserver_timer {
    TIMER_CALL_DEADLINES = 1,
    TIMER_BOOKMARKS,
    TIMER_WATCH_TIMEOUT, /* rest: slot of the watcher */
    TIMER_ETCD_CONNECT,
    TIMER_SERVICE_TIME, /* rest: slot of the call */
    TIMER_CACHE_WAIT,
    TIMER_ENDPOINTS,
    TIMER_IDENTITY,
    TIMER_COMPACTION,
    TIMER_HOOKS,
    TIMER_CUSTOM_CREATE, /* rest: slot of the call */
    TIMER_CUSTOM_RETRY,
};
#define TIMER_TAG(what, rest) (((uint64_t)(rest) << 8) | (uint64_t)(what))

struct call;
typedef void (*call_fn)(struct call *call, struct step *step);
typedef void (*call_etcd_fn)(struct call *call, struct step *step,
                             const struct etcd_response *response);

/* One client's stream. */
struct connection {
    struct connection *next, *previous;
    struct apiserver *server;
    stream_id stream;
    process_id peer;
    struct call *calls;       /* those of this stream */
    struct watcher *watchers; /* likewise */
    const struct credential
        *credential; /* of the last request: who it is need not be found out again */
    struct user *user;
};

struct call {
    struct apiserver *server;
    struct call *next, *previous;                    /* of all, in order of arrival */
    struct call *connection_next, **connection_link; /* of the connection */
    struct connection *connection;                   /* NULL: the server's own */
    struct call *parent, *child;                     /* a call that is a step of another one */
    bool is_internal; /* may do anything: whoever asked has been asked */
    bool is_unauthorized; /* refused by the authorizer */
    /* Of the server's own calls; `body` is borrowed. A step of another call answers that one. */
    void (*answered)(struct call *call, struct step *step, int code, struct value body);
    void *answered_owner;

    struct request *request;
    struct user *user;
    struct instant deadline;
    uint32_t slot;

    const struct resource *resource; /* the row that is stored */
    const struct custom_kind *kind;  /* owned; NULL: a built-in one */
    bool has_unknown_subresource, has_waited; /* of custom kinds */
    bool is_unserved;                         /* nobody knows such a kind here */
    timer_id wait_timer;
    const struct object_key *key;    /* NULL while unnamed */
    struct value body;               /* of an update, decoded */
    struct value object;             /* what is going to be written */
    struct value warnings;           /* array; absent: none */
    const struct etcd_kv *existing;  /* what the write starts from; NULL: nothing there */
    bool existing_is_current;        /* read from etcd, not from the cache */
    const struct etcd_kv *looked_up; /* by admission: the service account of a new pod */
    int tries;
    int64_t lease; /* of the write */

    uint64_t etcd_operation; /* in flight; 0: none */
    call_etcd_fn etcd_then;
    call_fn then;         /* goes on when the cache or a seat is there */
    int64_t wait_version; /* of the cache, see list.c */
    struct instant wait_until;
    struct call *wait_next;
    enum priority_level level;
    bool has_seat, is_queued;
    bool removes_next; /* of a deletion: the mark is written, the removal follows */
    timer_id service_timer;
    struct allocation *allocation; /* of a service; service.c */
    uint8_t operation;             /* enum admission_operation */
    call_fn admitted;              /* goes on after the mutating chain */
    struct call_extra *extra;      /* what one kind of call needs beyond, with its own release */
};
/* Embedded as the first member of what a registry keeps for the time of a call. */
struct call_extra {
    void (*release)(struct call_extra *extra);
};

struct event_lease {
    int64_t id;
    struct instant granted;
    int64_t ttl_seconds;
    int64_t objects;
};

struct apiserver {
    struct metrics metrics;
    const struct apiserver_config *config;
    struct apiserver_config flags; /* with the defaults filled in */
    struct etcd_link etcd;
    struct watch_caches caches;
    struct custom_kinds custom;
    struct authorizer authorizer;
    struct token_cache tokens;
    struct modes_worked modes_worked;
    struct keys *own_keys; /* when the configuration has none */
    struct fairness fairness;

    struct index connections; /* by stream */
    struct connection *connection_first;
    struct call *first, *last; /* in order of arrival, so of deadlines */
    size_t call_count;
    VEC(struct call *) slots;
    VEC(uint32_t) free_slots;
    timer_id deadline_timer;
    struct call *waiting; /* for the cache, in order */
    timer_id wait_timer;

    VEC(struct tunnel *) tunnels; /* connect.c */
    struct hooks *hooks;          /* bootstrap.c */
    struct event_lease event_lease;
    bool is_listening, is_ready;
    int64_t compact_next; /* the revision of one interval ago */
};

struct call *call_new(struct apiserver *s, struct step *step, struct request *own_request);
/* The server's own write, as system:apiserver; `answered` hears how it went. */
void call_own(struct apiserver *s, struct step *step, struct request *own_request,
              void (*answered)(struct call *, struct step *, int code, struct value body),
              void *owner);
/* A step of `parent` by its user, without asking again whether it may; `answered` gets the parent,
 * unless that has ended. */
void call_sub(struct call *parent, struct step *step, struct request *own_request,
              void (*answered)(struct call *parent, struct step *step, int code,
                               struct value body));
void call_finish(struct call *c, struct step *step, int code, struct value own_body);
void call_refuse(struct call *c, struct step *step,
                 struct value own_status);            /* the code is in it */
void call_abandon(struct call *c, struct step *step); /* no answer: the client is gone */
void call_warn(struct call *c, struct value own_text);
/* Sends to etcd and goes on with `then`; when etcd is away the answer is NULL: outcome unknown. */
void call_etcd(struct call *c, struct step *step, struct etcd_request *own_request,
               call_etcd_fn then);
/* Answers for a failed operation; true when it did. */
bool call_etcd_failed(struct call *c, struct step *step, const struct etcd_response *r);
int64_t lease_id(struct step *step); /* the client chooses: nobody's so far, in all likelihood */
/* Whether who may write the object may also create it, as a PUT or an apply of a missing one does.
 * False: refused. */
bool call_may_create(struct call *c, struct step *step);
void pipeline_start(struct call *c, struct step *step);
void pipeline_execute(struct call *c, struct step *step); /* it has a seat */
void calls_expire(struct apiserver *s, struct step *step);
void call_release(struct call *c); /* memory only */

/* What /flagz says. */
void flagz_write(const struct apiserver *s, struct text *out);

/* From the caches. */
void apiserver_caches_listed(struct apiserver *s, struct step *step);
void apiserver_cache_changed(struct apiserver *s, struct step *step, struct watch_cache *c,
                             struct cache_event *e);
void apiserver_became_ready(struct apiserver *s, struct step *step);

#endif
