/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame that every controller stands in: workers, queue, retry and cache-sync are here, never
 * in a controller. A controller is a constant that says who it is, what wakes it and what it does:
 *
 *     const struct controller_info replicaset_controller = {
 *         .name = "replicaset-controller",
 *         .primary = RESOURCE_replicasets,
 *         .watches = {{RESOURCE_replicasets, controller_wake_itself}, {RESOURCE_pods,
 *         wake_owner_of_pod}},
 *         .sync = replicaset_sync,
 *         .workers = 5,
 *     };
 *
 * One sync is one reconcile of one key. Requests are messages, so a sync that needs their answers
 * goes on in phases:
 *
 *     static enum sync_result replicaset_sync(struct sync *s)
 *     {
 *         switch (s->phase) {
 *         case 0: ... sync_create(s, ...); return sync_wait(s, 1);    frame sends; calls again with
 *         phase 1 when all are answered
 *         case 1: ... look at s->answers ...; return SYNC_DONE;
 *         }
 *     }
 *
 * A crash between two phases loses the sync and nothing else: the next one begins from what is
 * observed.
 * Requests of one phase go out one after another (each when the one before is answered), unless
 * sync_parallel opened a group: those of a group are in flight together, the next begins when the
 * group has been answered.
 *
 * Level-driven: the wake functions map an event to keys and decide nothing. A failed sync is
 * retried with back-off.
 *
 * Source: community/contributors/devel/sig-api-machinery/controllers.md
 */
#ifndef CLUSTER_CLIENT_CONTROLLER_H
#define CLUSTER_CLIENT_CONTROLLER_H

#include "cluster/client/client.h"
#include "cluster/client/informer.h"
#include "cluster/client/recorder.h"
#include "cluster/client/workqueue.h"

#define CONTROLLER_WATCHES_MAX 12

struct controller;
struct sync;

enum sync_result {
    SYNC_DONE,  /* the key's failures are forgiven */
    SYNC_RETRY, /* again, rate-limited; s->error says why */
    SYNC_WAIT,  /* made by sync_wait */
};
/* Maps a change to the keys to look at (controller_enqueue). before or after may be absent. */
typedef void (*wake_fn)(struct controller *c, struct step *step, const struct object_key *key,
                        struct value before, struct value after);

struct controller_info {
    const char *name;         /* as kube-controller-manager has it: "replicaset-controller" */
    const char *account;      /* ServiceAccount of kube-system that it acts as; NULL: the
                                name; empty: none, the client's own identity */
    const char *event_source; /* component of its Events where it is another name; NULL: the name */
    enum resource_known primary;
    struct {
        enum resource_known resource;
        wake_fn wake;                  /* NULL: read only, wakes nobody */
    } watches[CONTROLLER_WATCHES_MAX]; /* up to the first with both fields zero past the start */
    size_t watch_count;
    enum sync_result (*sync)(struct sync *s);
    int workers;
    int qps_factor, burst_factor;            /* of the client's QPS and burst; 0: 1 */
    struct duration retry_first, retry_most; /* of the back-off of a key; 0: 5 ms, 1000 s */
    int retries_max; /* 0: endless; after these the key is dropped until the next event */
    /* Optional state of the whole controller (expectations, zone states): */
    void *(*new_state)(struct controller *c, struct step *step);
    void (*free_state)(void *state);
    /* Optional: a period of the controller itself (node monitor 5 s, pod GC 20 s); runs outside the
     * queue, may send by controller_send. period 0: none. */
    struct duration period;
    void (*tick)(struct controller *c, struct step *step);
};

/* What a controller sees of itself. */
struct controller {
    const struct controller_info *info;
    struct client *client;
    struct informer_factory *informers;
    struct recorder *recorder;
    struct workqueue *queue;
    void *state; /* of new_state */
    const struct controller_flags *flags;
    struct controller_private *private;
};
/* Flags of the real binary that controllers heed; see cluster/controllers/manager.h for the names
 * and defaults. */
struct controller_flags;

struct controller_environment {
    struct client *client;
    struct informer_factory *informers;
    const struct controller_flags *flags; /* may be NULL in tests */
    int workers;                          /* 0: as the info says */
};
struct controller *controller_new(const struct controller_info *info,
                                  const struct controller_environment *e);
void controller_free(struct controller *c);
/* After informer_factory_start, or before: nothing is worked on until all watched caches have
 * synced. */
void controller_start(struct controller *c, struct step *step);
void controller_dump(const struct controller *c, struct text *out);

struct informer *controller_informer(struct controller *c,
                                     enum resource_known resource); /* one of its watches */
void controller_enqueue(struct controller *c, struct step *step, const struct object_key *key);
void controller_enqueue_after(struct controller *c, struct step *step, const struct object_key *key,
                              struct duration delay);
/* A request outside any sync (ticks); `done` may be NULL. */
void controller_send(struct controller *c, struct step *step, struct request *own_request,
                     response_fn done, void *owner, uint64_t tag);
/* Wakes for the common cases. */
void controller_wake_itself(struct controller *c, struct step *step, const struct object_key *key,
                            struct value before, struct value after);
void controller_wake_owner(
    struct controller *c, struct step *step, const struct object_key *key, struct value before,
    struct value after); /* the controller reference's key, if of kind info->primary */
/* The key of the primary object that `reference` (a controller reference of `child`) names, when
 * the cache has it with that uid; owned; NULL else. */
const struct object_key *controller_owner_key(struct controller *c, struct value child,
                                              struct value reference);

/* ---- one reconcile ---- */

struct answer {
    int code;          /* 0: outcome unknown */
    struct value body; /* the object, or the Status; held by the frame until the next call */
    uint32_t tag;      /* what sync_send was given */
    const struct object_key
        *key; /* the request's; NULL where it had none (generateName); held as the body is */
};
struct sync {
    struct controller *controller;
    struct step *step;
    const struct object_key *key;
    struct value
        /* the primary object as the cache had it when the sync began; absent: gone. Held by the
         * frame */
        object;
    int phase;
    void *memory;                 /* the controller's own, between phases; see sync_memory */
    const struct answer *answers; /* of the phase before, in the order of sending */
    size_t answer_count;
    char error[256]; /* for the trace, when SYNC_RETRY */
    struct sync_private *private;
};
/* Zeroed memory that lives until this sync ends; the same block on each call (size fixed by the
 * first). */
void *sync_memory(struct sync *s, size_t size);
/* Keeps a value (one more reference) until this sync ends; returns it. */
struct value sync_keep(struct sync *s, struct value v);
/* Adds a request to what the phase sends. */
void sync_send(struct sync *s, struct request *own_request, uint32_t tag);
void sync_create(struct sync *s, enum resource_known r, struct value own_object, uint32_t tag);
void sync_update(struct sync *s, enum resource_known r, struct value own_object, uint32_t tag);
void sync_update_status(struct sync *s, enum resource_known r, struct value own_object,
                        uint32_t tag);
void sync_patch(struct sync *s, const struct object_key *k, enum patch_type type,
                struct value own_patch, uint32_t tag);
void sync_delete(struct sync *s, const struct object_key *k, struct value uid,
                 uint32_t tag); /* uid: precondition; may be absent */
void sync_parallel(
    struct sync
        *s); /* what follows, up to the next sync_parallel or the end, is in flight together */
/* "Slow start": what follows goes in parallel batches of 1, 2, 4, ...; after a batch with a failure
 * the rest is not sent
 * (their answers have code -1). */
void sync_slow_start(struct sync *s);
enum sync_result sync_wait(struct sync *s, int next_phase);
enum sync_result sync_retry(struct sync *s, const char *format, ...) PRINTF_LIKE(2, 3);
enum sync_result sync_retry_answer(struct sync *s,
                                   const struct answer *a); /* takes the Status' message */
static inline bool answer_ok(const struct answer *a)
{
    return a->code >= 200 && a->code < 300;
}
/* A timeline line of this controller about this key. */
#define sync_trace(s, ...)                                                                         \
    step_trace((s)->step, (s)->controller->info->name, sync_subject(s), __VA_ARGS__)
struct str sync_subject(
    const struct sync *s); /* "namespace/name" of the key, in the step's scratch */

/* ---- expectations: creations and deletions of children that the cache has not shown yet ---- */

struct expectations;
struct expectations *expectations_new(void);
void expectations_free(struct expectations *e);
/* Fulfilled, or older than 5 minutes. */
bool expectations_satisfied(struct expectations *e, const struct object_key *owner,
                            struct instant now);
void expectations_expect(struct expectations *e, const struct object_key *owner, int creations,
                         int deletions, struct instant now);
void expectations_creation_observed(struct expectations *e, const struct object_key *owner);
void expectations_forget(struct expectations *e, const struct object_key *owner);
/* Deletions by name of the child: seen once each, whoever deleted it (upstream's
 * UIDTrackingControllerExpectations). */
void expectations_expect_deletion_of(struct expectations *e, const struct object_key *owner,
                                     const struct object_key *child, struct instant now);
void expectations_deletion_of_observed(struct expectations *e, const struct object_key *owner,
                                       const struct object_key *child);
bool expectations_awaits_deletion_of(const struct expectations *e, const struct object_key *owner,
                                     const struct object_key *child);

#endif
