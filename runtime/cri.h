/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs a container: the verbs of the Container Runtime Interface as messages, and their
 * structs.
 *
 * The kubelet connects to the runtime's socket on its own host (cri_address) and sends
 * `cri_request`s; each is answered by one `cri_response` with the same id, in any order. Between
 * them come `cri_event`s: the container event stream (GetContainerEvents). Several kubelets' worth
 * of streams may be open, as after a kubelet restart; events go to all of them.
 *
 * The structs hold plain C strings and no Kubernetes values: this layer sits below the cluster.
 * Configurations are immutable and counted; the runtime keeps a reference to what it was given and
 * gives it back in statuses, which is how a restarted kubelet learns what runs.
 *
 *     struct cri_request *r = cri_request_new(CRI_RUN_POD_SANDBOX, ++last_id);
 *     r->sandbox_config = cri_sandbox_config_new(S("default"), S("web-1"), S("6f1c..."), 0);
 *     step_send(step, stream, &r->message);
 *
 * Beyond the real interface: CRI_WRITE_VOLUME (the kubelet writes files below its own directory;
 * the node's file tree lives with the runtime) and CRI_PROBE (a connection from the node to a pod's
 * address).
 *
 * Source: kubernetes/cri-api, pkg/apis/runtime/v1/api.proto.
 */
#ifndef RUNTIME_CRI_H
#define RUNTIME_CRI_H

#include "sim/sim.h"

enum {
    RUNTIME_MESSAGE_REQUEST = 48, /* message kinds 48..79 are the runtime's */
    RUNTIME_MESSAGE_RESPONSE,
    RUNTIME_MESSAGE_EVENT,
    RUNTIME_MESSAGE_TRAFFIC_REQUEST,
    RUNTIME_MESSAGE_TRAFFIC_RESPONSE,
    RUNTIME_MESSAGE_IMAGE_RECORD,
    RUNTIME_MESSAGE_FAULT,
};

/* The socket of the runtime on a host: "<host>:containerd.sock". */
address_id cri_address(struct sim *sim, struct str host);
/* Its streaming server: "<host>:containerd.stream". Each conversation (CRI_EXEC, CRI_ATTACH,
 * CRI_FOLLOW_LOG, CRI_FORWARD) is a stream of its own: one request; bytes on channels, as
 * sim/channel.h has them; one response, which ends it. Channels 0 to 2 are the standard ones, 4 is
 * the size of the typist's window. */
address_id cri_stream_address(struct sim *sim, struct str host);

/* ---- configurations: immutable once sent, counted ---- */

struct cri_pair {
    char *key, *value;
};
struct cri_pairs { /* owned strings */
    struct cri_pair *items;
    uint32_t count, capacity;
};
void cri_pairs_add(struct cri_pairs *p, struct str key, struct str value);
void cri_pairs_set(struct cri_pairs *p, struct str key,
                   struct str value);                                 /* replaces an equal key */
const char *cri_pairs_get(const struct cri_pairs *p, struct str key); /* NULL: none */
void cri_pairs_release(struct cri_pairs *p);

struct cri_sandbox_config {
    uint32_t references;
    uint32_t attempt;
    char *namespace, *name, *uid, *hostname;
    bool host_network;
    struct cri_pairs annotations; /* the profile: keys under wavetank.dev/ */
};
struct cri_sandbox_config *cri_sandbox_config_new(struct str namespace, struct str name,
                                                  struct str uid, uint32_t attempt);
struct cri_sandbox_config *cri_sandbox_config_ref(struct cri_sandbox_config *c);
void cri_sandbox_config_unref(struct cri_sandbox_config *c);

struct cri_mount {
    char *container_path;
    char *host_path; /* a volume written by CRI_WRITE_VOLUME, or a path of the node */
    char *
        /* NULL: none; a single file or folder of the volume, bound as it is at creation */
        sub_path;
    bool is_read_only;
};
/* Variables that many containers share (the service variables of a namespace). */
struct cri_environment {
    uint32_t references;
    struct cri_pairs variables;
};
struct cri_environment *cri_environment_new(void);
struct cri_environment *cri_environment_ref(struct cri_environment *e);
void cri_environment_unref(struct cri_environment *e);

struct cri_container_config {
    uint32_t references;
    uint32_t attempt; /* restart count */
    uint64_t hash;    /* of the specification; a change restarts the container */
    char *name, *image;
    char **command; /* the image's entry point when empty */
    char **arguments;
    char *working_directory;
    char *termination_message_path; /* NULL: /dev/termination-log */
    char *target; /* a container of the pod whose processes it sees; NULL: its own */
    uint16_t command_count, argument_count, mount_count, port_count;
    bool is_init;
    bool has_stdin, stdin_once, has_terminal;
    bool logs_are_message; /* of an end with an error that wrote none */
    struct cri_mount *mounts;
    uint16_t *ports; /* declared TCP ports: what the default model listens on */
    struct cri_pairs variables;
    struct cri_environment *environment;         /* may be NULL; `variables` win */
    int64_t cpu_limit_milli, memory_limit_bytes; /* 0: none */
    int oom_score_adj; /* whom the kernel ends first when the node has no memory left */
};
struct cri_container_config *cri_container_config_new(struct str name, struct str image);
struct cri_container_config *cri_container_config_ref(struct cri_container_config *c);
void cri_container_config_unref(struct cri_container_config *c);
bool cri_container_config_equal(const struct cri_container_config *a,
                                const struct cri_container_config *b);
void cri_container_config_add_command(struct cri_container_config *c, struct str word);
void cri_container_config_add_argument(struct cri_container_config *c, struct str word);
void cri_container_config_add_mount(struct cri_container_config *c, struct str container_path,
                                    struct str host_path, struct str sub_path, bool is_read_only);
void cri_container_config_add_port(struct cri_container_config *c, uint16_t port);

/* Files that the kubelet puts into a volume directory of the node; replaces what the volume had. */
struct cri_volume {
    char *host_path;
    bool is_empty_dir;      /* made when missing, never emptied */
    struct cri_pairs files; /* path below the volume, content */
};

/* ---- statuses ---- */

enum cri_container_state {
    CRI_CONTAINER_CREATED,
    CRI_CONTAINER_RUNNING,
    CRI_CONTAINER_EXITED,
    CRI_CONTAINER_UNKNOWN
};
struct cri_container_status {
    uint32_t container, sandbox;
    enum cri_container_state state;
    int exit_code;
    const char *reason; /* "Completed", "Error", "OOMKilled", "StartError"; a constant */
    char *text;         /* of an end: the termination message; NULL: none; owned */
    struct wall_time created, started, finished;
    int64_t memory_bytes;                /* in use */
    struct cri_container_config *config; /* a reference */
};
struct cri_sandbox_status {
    uint32_t sandbox;
    bool is_ready;
    uint32_t ip; /* 0: host network */
    struct wall_time created;
    struct cri_sandbox_config *config; /* a reference */
};
struct cri_image {
    char *reference; /* "docker.io/library/nginx:1.25" */
    int64_t size_bytes;
};
void cri_container_status_release(struct cri_container_status *s);

/* "containerd://" ids are 64 hexadecimal digits: a hash of the node's boot and the container's
 * number. */
void cri_id_text(uint64_t boot, uint32_t container, struct text *out);

/* ---- messages ---- */

enum cri_verb {
    CRI_STATUS, /* number: CRI_EVENT_MEMORY when less memory is available on the node */
    CRI_UPDATE_RUNTIME_CONFIG, /* text: the pod CIDR */
    CRI_RUN_POD_SANDBOX,
    CRI_STOP_POD_SANDBOX,
    CRI_REMOVE_POD_SANDBOX,
    CRI_POD_SANDBOX_STATUS,
    CRI_LIST_POD_SANDBOX,
    CRI_CREATE_CONTAINER,
    CRI_START_CONTAINER,
    CRI_STOP_CONTAINER, /* timeout: grace before SIGKILL */
    CRI_REMOVE_CONTAINER,
    CRI_LIST_CONTAINERS, /* sandbox 0: all; with memory_available_bytes of the node */
    CRI_CONTAINER_STATUS,
    CRI_CONTAINER_STATS, /* container 0: the whole node */
    CRI_EXEC_SYNC,
    CRI_READ_LOG, /* number: tail lines, -1 all */
    CRI_PULL_IMAGE,
    CRI_LIST_IMAGES,
    CRI_IMAGE_STATUS,
    CRI_REMOVE_IMAGE,
    CRI_WRITE_VOLUME,
    CRI_REMOVE_VOLUMES, /* text: every volume below this path */
    CRI_PROBE,
    CRI_EXEC,       /* streaming: words, has_stdin, has_terminal */
    CRI_ATTACH,     /* streaming: has_stdin */
    CRI_FOLLOW_LOG, /* streaming: number: tail lines, -1 all; has_more: what comes later too */
    CRI_FORWARD,    /* streaming: sandbox, port; what is sent and received is TCP's */
    CRI_VERB_COUNT
};

enum cri_code {
    CRI_OK,
    CRI_UNKNOWN,
    CRI_INVALID_ARGUMENT,
    CRI_DEADLINE_EXCEEDED,
    CRI_NOT_FOUND,
    CRI_UNAVAILABLE
};

enum cri_probe_kind { CRI_PROBE_HTTP, CRI_PROBE_TCP, CRI_PROBE_GRPC };

struct cri_request {
    struct message message;
    uint64_t id;
    enum cri_verb verb;
    uint32_t sandbox, container;
    struct cri_sandbox_config *sandbox_config;     /* owned reference */
    struct cri_container_config *container_config; /* owned reference */
    struct cri_volume *volume;                     /* owned */
    char *text;   /* owned: image, path, CIDR; probe: the HTTP path or gRPC service */
    char **words; /* owned: ExecSync */
    uint32_t word_count;
    struct duration timeout;
    int64_t number;
    bool has_stdin, has_terminal, has_more; /* streaming */
    uint16_t port;                          /* probe, forward */
    enum cri_probe_kind probe_kind;
    /* Exec and probe: when the outcome is steady, send one CRI_EVENT_CHANGED as soon as it may be
     * another. */
    bool wants_change;
};
extern const struct message_type cri_request_message;
struct cri_request *cri_request_new(enum cri_verb verb, uint64_t id);
void cri_request_add_word(struct cri_request *r, struct str word);

struct cri_response {
    struct message message;
    uint64_t id;
    enum cri_verb verb;
    enum cri_code code;
    char *error; /* owned; the text behind "desc = " */
    uint32_t sandbox, container, ip;
    uint64_t boot;      /* CRI_STATUS: the number behind the boot id */
    int exit_code;      /* exec; probe: HTTP status, 0: none */
    bool is_success;    /* probe */
    bool is_steady;     /* exec, probe: the same outcome until something happens in the pod */
    bool is_present;    /* image status */
    char *output;       /* owned: exec's output, a probe's failure text, the log, an image's id */
    int64_t size_bytes; /* image */
    int64_t cpu_milli, memory_bytes, memory_available_bytes; /* stats */
    struct cri_sandbox_status *sandboxes;                    /* owned */
    struct cri_container_status *containers;
    struct cri_image *images;
    uint32_t sandbox_count, container_count, image_count;
};
extern const struct message_type cri_response_message;
struct cri_response *cri_response_new(const struct cri_request *request);

enum cri_event_type {
    CRI_EVENT_STARTED,
    CRI_EVENT_STOPPED,
    CRI_EVENT_CHANGED,
    CRI_EVENT_MEMORY,
    CRI_EVENT_OOM /* the kernel kills this container: the node has no memory left */
};
struct cri_event {
    struct message message;
    enum cri_event_type type;
    struct cri_container_status status; /* CHANGED: only the ids */
    struct instant at;
};
extern const struct message_type cri_event_message;
struct cri_event *cri_event_new(enum cri_event_type type);

/* ---- faults, as a command to the runtime's process ---- */

enum runtime_fault_kind {
    RUNTIME_FAULT_REGISTRY_DOWN, /* number 1: on, 0: off */
    RUNTIME_FAULT_REGISTRY_SLOW, /* number: bandwidth in bytes/s, 0: normal */
    RUNTIME_FAULT_HANG,          /* number 1: no verb is answered any more, 0: goes on */
    /* its service is dead, containers run on; number: for so many ns, -1: until 0 */
    RUNTIME_FAULT_DOWN,
    RUNTIME_FAULT_KILL_CONTAINER, /* pod, container; number: exit code */
    RUNTIME_FAULT_PROGRAM_HANG,   /* pod, container: answers nothing; number 0: goes on */
    RUNTIME_FAULT_MEMORY,         /* pod, container; number: bytes in use from now on */
    /* pod, container; number: every request is answered with this, 0: normal */
    RUNTIME_FAULT_HTTP_STATUS,
};
struct runtime_fault {
    struct message message;
    enum runtime_fault_kind kind;
    char *namespace, *pod, *container; /* owned; container NULL: all of the pod */
    int64_t number;
};
extern const struct message_type runtime_fault_message;
struct runtime_fault *runtime_fault_new(enum runtime_fault_kind kind, struct str namespace,
                                        struct str pod, struct str container, int64_t number);

#endif
