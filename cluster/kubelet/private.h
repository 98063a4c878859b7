/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of one kubelet, shared by its files. Private to cluster/kubelet.
 *
 *   kubelet.c       the process: inputs, calls to the runtime, pods coming and going
 *   node.c          registration, lease, node status
 *   node_images.c   Node.status.images
 *   pod_worker.c    one state machine per pod: syncing, terminating, terminated
 *   containers.c    image, creation, start, hooks, end, restart back-off of containers
 *   pod_config.c    from a pod's spec to the runtime's configuration: environment, mounts
 *   pod_status.c    from what a worker knows to the pod's status
 *   volumes.c       volumes: fetch, write, FailedMount
 *   prober.c        startup, readiness and liveness probes
 *   admission.c     may this pod run here?
 *   server.c        port 10250: logs, exec and the like for API servers
 *   eviction.c      memory or disk run out: pods are ended
 *
 * Invariants: a worker belongs to one pod uid; at most one call to the runtime that changes a pod
 * is in flight per worker (`calls`); nothing starts before the runtime has said what runs already
 * and the pods have been listed.
 */
#ifndef CLUSTER_KUBELET_PRIVATE_H
#define CLUSTER_KUBELET_PRIVATE_H

#include "cluster/api/object.h"
#include "cluster/client/informer.h"
#include "cluster/client/recorder.h"
#include "cluster/kubelet/kubelet.h"
#include "runtime/cri.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define KUBELET_VERSION "v1.36.2"
#define CONTAINER_BACKOFF_FIRST duration_s(10)
#define VOLUME_SETTLE duration_ms(20) /* the volume manager's reconciler sees and mounts */
#define SYNC_RETRY_BACKOFF duration_s(10)
#define MINIMUM_GRACE_SECONDS 2
#define CONFIGS_KEPT 8

enum kubelet_purpose {
    PURPOSE_CLIENT,
    PURPOSE_PROBES,
    PURPOSE_SYNC
}; /* streams of random numbers */
enum kubelet_tag {
    TAG_LEASE = 1,
    TAG_NODE_STATUS,
    TAG_WORKER,
    TAG_PROBE,
    TAG_RUNTIME,
    TAG_HOOK,
    TAG_EVICTION,
    TAG_SILENCE
};
static inline uint64_t kubelet_tag(enum kubelet_tag kind, uint64_t id)
{
    return (uint64_t)kind << 40 | id;
}

struct kubelet;
struct pod_worker;

enum container_kind { CONTAINER_INIT, CONTAINER_SIDECAR, CONTAINER_MAIN, CONTAINER_EPHEMERAL };
enum container_step {
    CONTAINER_WAITING,  /* nothing in the runtime yet, or ended and to be started again */
    CONTAINER_STARTING, /* calls for its image, creation or start are in flight */
    CONTAINER_RUNNING,
    CONTAINER_STOPPING, /* StopContainer, or the hook before it, is in flight */
    CONTAINER_ENDED,
};
enum probe_type { PROBE_STARTUP, PROBE_READINESS, PROBE_LIVENESS, PROBE_TYPE_COUNT };
enum probe_result { PROBE_UNKNOWN, PROBE_SUCCESS, PROBE_FAILURE };

struct termination { /* a container's last end */
    uint32_t container;
    int exit_code;
    const char *reason; /* NULL: none */
    char *message;      /* owned; NULL: none */
    char *id;           /* owned; NULL: that of `container` in this boot */
    struct wall_time started, finished;
};

struct pod_container {
    enum container_kind kind;
    enum container_step step;
    uint32_t container;                     /* the runtime's number; 0: none */
    uint32_t attempt;                       /* of the last one made: restarts */
    uint32_t start_failures, pull_failures; /* in a row: back-off doubles */
    bool has_run, is_started, is_ready, hook_done, completed;
    bool waits_for_objects;     /* ConfigMaps and Secrets of its environment are being fetched */
    uint64_t hash;              /* of the specification it runs with */
    const char *waiting_reason; /* NULL: ContainerCreating or PodInitializing */
    char *waiting_message;
    char *pull_error;
    struct instant not_before, started_at; /* of a restart or pull */
    struct wall_time started;
    struct termination *ended, *last; /* NULL: none */
    struct prober *probers[PROBE_TYPE_COUNT];
    struct instant pull_began;
};

enum worker_stage {
    WORKER_SYNCING,
    WORKER_TERMINATING, /* containers are being stopped */
    WORKER_TERMINATED,  /* nothing runs; the final status goes out, then the object */
};

struct pod_worker {
    struct kubelet *kubelet;
    uint32_t number;
    const struct object_key *key;
    struct value pod; /* as last seen, from the watch or the answer to a status write */
    struct value uid;
    enum worker_stage stage;
    bool is_admitted, is_gone, has_final_status, delete_sent, status_in_flight, status_dirty,
        mounts_ready, is_stopping_sandbox;
    bool sandbox_is_up, sandbox_pending, waits_for_pull, is_adopted, was_terminal, deadline_seen;
    bool status_stale; /* a container is another: the status goes out when no call is in flight */
    bool status_news;  /* the status goes out with the next sync */
    bool end_is_told;  /* the status says that the pod is being stopped */
    uint8_t calls;     /* to the runtime, in flight */
    uint8_t mount_failures;
    uint64_t mounted; /* of volumes, a bit each */
    uint32_t sandbox, sandbox_attempt, ip;
    int64_t grace_seconds;
    int64_t cpu_milli, memory_bytes; /* requests */
    const char
        *reason; /* of a pod that the kubelet itself ended: "Evicted", "OutOfcpu"; NULL: none */
    char *message;
    struct wall_time start_time;
    struct instant refresh_at; /* of volumes whose objects have changed; INSTANT_NEVER: none */
    struct instant wake_at, mount_began, mount_retry_at, kill_began;
    VEC(struct pod_token *) tokens; /* tokens.c */
    struct instant look_at;         /* while a container is held back: the next sync that says so */
    timer_id timer;
    /* Init containers first, as in the spec, from main_end on the ephemeral ones, which are added
     * while the pod runs. */
    struct pod_container *containers;
    uint16_t container_count, init_count, main_end;
};

struct pod_token;
enum object_state { OBJECT_FETCHING, OBJECT_PRESENT, OBJECT_MISSING };
struct watched_object {
    enum resource_known resource;
    char *namespace, *name;
    struct informer *informer;
    struct kubelet *kubelet;
};

/* The CA bundle of a namespace, which every service account's volume needs; read once. */
struct root_ca {
    char *namespace;
    enum object_state state;
    bool in_flight;
};
struct nfs_server { /* one answer of a server, kept for a while */
    char *server, *path;
    stream_id stream;
    const char *error; /* mount.nfs' words; NULL: mounted */
    bool has_answered;
};

typedef void (*cri_fn)(struct kubelet *k, struct pod_worker *w, size_t container,
                       const struct cri_response *r);
struct cri_call {
    uint64_t id;
    cri_fn done;
    uint32_t worker;    /* 0: none */
    uint32_t container; /* index, or a prober's id */
    bool counts;        /* in worker->calls */
};

struct kubelet {
    const struct kubelet_config *config;
    struct kubelet_flags flags;
    struct str node_name;
    struct step *step;      /* of the input being handled */
    struct wall_time began; /* this incarnation */
    struct client *client;
    struct recorder *recorder;
    struct informer *pods, *node, *services;
    stream_id runtime;
    bool runtime_is_up, runtime_has_listed, registered, registering, lease_in_flight, lease_known,
        is_ready, status_in_flight;
    int status_tries; /* of one beat */
    bool network_is_ready, cidr_sent, pull_in_flight, started_event, memory_pressure, disk_pressure;
    bool is_asking_runtime, runtime_is_silent;
    bool runtime_was_up; /* and is away: workers are made anew when it is back */
    struct instant runtime_silent_since,
        beat_seen;           /* the last beat of the status while it is silent */
    bool eviction_looks;     /* asks the runtime what is used */
    uint32_t evicted_worker; /* whose end is waited for; 0: nobody's */
    struct instant started, evicted_at, disk_pressure_until, status_beat_at;
    bool images_are_news; /* they go out with the next computation of the status */
    struct instant runtime_lost_at, memory_pressure_until, status_posted_at, lease_renewed_at;
    timer_id status_timer, lease_timer, eviction_timer;
    uint64_t boot;
    uint64_t last_call;
    uint32_t last_worker, last_prober;
    VEC(struct cri_call) calls;
    VEC(struct pod_worker *) workers; /* in the order of their numbers */
    VEC(struct prober *) probers;
    VEC(struct node_session *) sessions; /* on the kubelet's server */
    address_id server_address;
    VEC(struct watched_object *) objects;
    VEC(struct root_ca *) roots;
    VEC(struct nfs_server *) nfs;
    VEC(struct cri_sandbox_status)
    found; /* what ran before this incarnation, until adopted or killed */
    VEC(struct cri_container_status) found_containers;
    struct value lease, node_object;                    /* as last answered */
    struct value conditions;                            /* of the node, as last computed */
    struct value images;                                /* Node.status.images; absent: none */
    struct value root_user;                             /* containerStatuses[].user of most */
    struct cri_container_config *configs[CONFIGS_KEPT]; /* pods of one template share theirs */
    uint8_t config_next;
    struct cri_environment *environment; /* service variables of the namespace last asked for */
    char *environment_namespace;
    int64_t environment_version;
    uint32_t lease_failures;
};

/* kubelet.c */
void kubelet_cri(struct kubelet *k, struct pod_worker *w, size_t container,
                 struct cri_request *own_request, cri_fn done);
/* A call that does not hold the worker back (probes, clean-up). */
void kubelet_cri_free(struct kubelet *k, struct pod_worker *w, size_t container,
                      struct cri_request *own_request, cri_fn done);
struct cri_request *kubelet_request(struct kubelet *k, enum cri_verb verb);
struct pod_worker *kubelet_worker(struct kubelet *k, uint32_t number);
struct pod_worker *kubelet_worker_of(struct kubelet *k, const struct object_key *key);
void kubelet_worker_forget(struct kubelet *k, struct pod_worker *w);
/* A ConfigMap or Secret; begins to watch it. `ret_value` is borrowed until the next input. */
enum object_state kubelet_object(struct kubelet *k, enum resource_known resource,
                                 struct str namespace, struct str name, struct value *ret_value);
void kubelet_event(struct kubelet *k, const struct pod_worker *w, const char *type,
                   const char *reason, const char *format, ...) PRINTF_LIKE(5, 6);
void kubelet_container_event(struct kubelet *k, const struct pod_worker *w, size_t container,
                             const char *type, const char *reason, const char *format, ...)
    PRINTF_LIKE(6, 7);
void kubelet_pull_done(struct kubelet *k);
#define kubelet_trace(k, w, ...)                                                                   \
    step_trace((k)->step, "kubelet", worker_subject((k), (w)), __VA_ARGS__)
struct str worker_subject(struct kubelet *k, const struct pod_worker *w);

/* server.c */
void server_start(struct kubelet *k);
void server_release(struct kubelet *k);
bool server_input(struct kubelet *k, const struct input *in); /* false: not the server's */

/* node.c */
void node_start(struct kubelet *k);
void node_register(struct kubelet *k);
void node_lease_tick(struct kubelet *k);
void node_status_tick(struct kubelet *k);
void node_event(struct kubelet *k, const char *type, const char *reason, const char *message);
void node_status_changed(struct kubelet *k); /* compute and post at once */
void node_object_changed(struct kubelet *k, struct value node);
struct value node_conditions(struct kubelet *k, struct value before); /* owned */
struct value node_status(struct kubelet *k, struct value node, /* absent: there is none yet */
                         struct value conditions /* consumed */);

void node_images_changed(struct kubelet *k);
/* node_images.c */
void node_images_ask(struct kubelet *k);
struct value node_images_list(struct cri_image *images,
                              uint32_t count); /* sorts them; owned, absent when none */

/* pod_worker.c */
struct pod_worker *worker_new(struct kubelet *k, const struct object_key *key, struct value pod);
void worker_free(struct pod_worker *w);
void worker_update(struct pod_worker *w, struct value pod);
void worker_removed(struct pod_worker *w); /* the object is gone */
void worker_sync(struct pod_worker *w);
void worker_wake_at(struct pod_worker *w, struct instant at);
void worker_timer(struct pod_worker *w);
void worker_adopt(struct pod_worker *w); /* what the runtime runs of this pod already */
/* The kubelet ends the pod itself: phase Failed with this reason. */
void worker_fail(struct pod_worker *w, const char *reason, const char *format, ...)
    PRINTF_LIKE(3, 4);
void worker_kill(struct pod_worker *w, int64_t grace_seconds);
void worker_status_changed(struct pod_worker *w);
bool worker_restarts(const struct pod_worker *w, const struct pod_container *c, int exit_code);
static inline struct value worker_spec(const struct pod_worker *w)
{
    return VALUE_GET(w->pod, spec);
}
struct value worker_container_spec(const struct pod_worker *w, size_t i);
struct str worker_container_name(const struct pod_worker *w, size_t i,
                                 char small[VALUE_SMALL_SIZE]);

/* containers.c */
/* Begins what is next for this container; true when something is in flight now. */
bool container_advance(struct pod_worker *w, size_t i);
void container_stop(struct pod_worker *w, size_t i, int64_t grace_seconds, const char *why);
void container_ended(struct pod_worker *w, size_t i, const struct cri_container_status *s);
void container_adopt(struct pod_worker *w, size_t i, const struct cri_container_status *s);
void container_release(struct pod_container *c);
void container_hook_slept(struct kubelet *k, uint64_t id);
void termination_free(struct termination **t);
int container_exit_code(const struct pod_container *c); /* of the last end; 0: none */
struct duration container_backoff(const struct kubelet *k, uint32_t failures);
uint32_t container_next_attempt(const struct pod_container *c); /* of the next one made */
uint64_t container_spec_hash(struct value container);

/* pod_config.c */
/* NULL and a reason ("CreateContainerConfigError") with a message when something is missing. */
struct cri_container_config *pod_container_config(struct pod_worker *w, size_t i,
                                                  const char **ret_reason,
                                                  struct text *ret_message);
struct cri_sandbox_config *pod_sandbox_config(struct pod_worker *w);
/* A field of the downward API: "metadata.name", "metadata.labels['app']", "status.podIP"; false
 * when unknown. */
bool pod_field(const struct pod_worker *w, struct str path, struct text *out);
bool pod_resource_field(const struct pod_worker *w, struct value container, struct str resource,
                        struct value divisor, struct text *out);

/* pod_status.c */
struct value pod_status(const struct pod_worker *w); /* owned */
struct str pod_phase(const struct pod_worker *w);

/* volumes.c */
/* True when all are mounted; else events and a retry have been seen to. */
bool volumes_mount(struct pod_worker *w);
void volumes_refresh(struct pod_worker *w); /* contents of ConfigMaps and Secrets again */
/* True when the input was an NFS server's. */
bool volumes_input(struct kubelet *k, const struct input *in);
void volumes_release(struct kubelet *k);
/* A volume of a service account whose files nobody can tell apart: in a run. */
bool volume_is_service_account(const struct kubelet *k, struct value volume);
/* The token of a source of a projected volume, or what there is of it. */
enum object_state token_take(struct pod_worker *w, struct value source, struct text *out,
                             struct text *error);
void tokens_release(struct pod_worker *w);
void volume_path(const struct pod_worker *w, struct value volume, struct text *out);

/* prober.c */
void probers_start(struct pod_worker *w, size_t i);
void probers_stop(struct pod_worker *w, size_t i);
uint16_t container_port(struct value container, struct value port); /* a number or a name */
void prober_timer(struct kubelet *k, uint32_t id);
void probers_changed(struct kubelet *k, uint32_t container,
                     struct instant at); /* the runtime: outcomes may differ */

/* admission.c */
/* NULL: admitted; else the reason ("OutOfcpu"), with a message. */
const char *admission_refuses(struct pod_worker *w, struct text *ret_message);
/* The predicates that need no more than the objects. */
bool admission_matches_node(struct value pod_spec,
                            struct value node); /* selector and required affinity */
bool admission_ports_meet(struct value pod_spec,
                          struct value other_spec); /* host ports that cannot be had twice */
bool admission_tolerates(struct value tolerations, struct value taint);
bool admission_tolerates_node(struct value pod_spec, struct value node); /* of NoExecute taints */

/* eviction.c */
struct eviction_rank {
    uint32_t worker;
    int64_t priority, usage, request;
};
int eviction_compare(const struct eviction_rank *a,
                     const struct eviction_rank *b); /* less than 0: a goes first */
bool eviction_is_critical(struct value pod_spec);
void eviction_runtime_lost(struct kubelet *k);
void eviction_notice(struct kubelet *k); /* something may have run out */
void eviction_tick(struct kubelet *k);
void eviction_system_oom(struct kubelet *k, const struct cri_container_status *victim);
/* True when the pressure keeps this pod off the node. */
bool eviction_refuses(const struct kubelet *k, struct value pod, struct text *message);

#endif
