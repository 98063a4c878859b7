/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of one simulated container runtime, shared by its files. Private to runtime/simulated.
 *
 *   containerd.c   the process: inputs, requests to pods
 *   verbs.c        the CRI's verbs
 *   operations.c   verbs that take time
 *   sandboxes.c    sandboxes and their addresses
 *   containers.c   start, what is due, end, log, events
 *   images.c       pulls, the registry, what is on the disk
 *   files.c        volumes and what a container sees of them
 *   programs.c     program models; shell*.c: scripts
 *   sessions.c     exec, attach, logs and port-forward: conversations on streams of their own
 *   image_tools.c  programs that an image has beside its server
 *   console.c      what somebody types to a process
 *   faults.c       what can go wrong by order
 *
 * Invariants: a container belongs to a sandbox that is listed; a settled container (running,
 * nothing due) has no timer; containers are in the order of their ids.
 */
#ifndef RUNTIME_SIMULATED_NODE_H
#define RUNTIME_SIMULATED_NODE_H

#include "runtime/image.h"
#include "runtime/simulated/console.h"
#include "runtime/simulated/containerd.h"
#include "runtime/simulated/shell.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/channel.h"

/* Of one container; older lines are dropped, as rotation does. DEVIATION: a real kubelet rotates at
 * containerLogMaxSize, 10 MiB; here less is kept, so that thousands of talkative pods fit. */
#define LOG_BYTES_MAX 65536

struct sandbox {
    uint32_t id, ip;
    bool is_ready;
    struct wall_time created;
    struct cri_sandbox_config *config;
};

struct node_file {
    char *path;    /* below the volume, no leading slash; a folder ends in '/' */
    char *content; /* `size` bytes; NULL: a folder */
    size_t size;
    int64_t modified_s; /* of the Unix epoch; 0: when the image was made */
};
static inline struct str node_file_str(const struct node_file *f)
{
    return (struct str){f->content ? f->content : "", f->content ? f->size : 0};
}
struct volume {
    char *host_path;
    VEC(struct node_file) files;
};

struct container_log {
    struct text text; /* lines as a container log file has them: time, stream, F, line */
    struct text partial;
    uint64_t dropped; /* bytes before the text: lines that were dropped */
};

struct container {
    uint32_t id;
    struct sandbox *sandbox;
    enum cri_container_state state;
    bool is_hung, wants_change, term_sent;
    int exit_code;
    int http_status; /* fault: answers everything with this; 0: normal */
    const char *reason;
    char *text;
    struct wall_time created, started, finished;
    struct instant listens_at; /* a server answers from here on */
    struct instant ready_at;   /* profile: probes succeed from here on */
    struct instant ends_at;    /* the program ends by itself, with end_code */
    struct instant kill_at;    /* SIGKILL of a stop */
    int end_code;
    timer_id timer;
    struct cri_container_config *config;
    const struct image_model *model;
    enum program_kind program;
    struct shell *shell;
    struct container_view *view; /* the script's; NULL without one */
    struct container_log *log;
    struct volume **bound;    /* for each mount: what its subPath showed at the start; NULL: none */
    struct volume *own_files; /* written into the container's own layer; NULL: none */
    int64_t memory_bytes;     /* set by container_memory_set */
    uint64_t request_id;      /* a traffic request of the script is out */
    struct console *console;  /* somebody may type to it; NULL: no stdin and no terminal */
    uint32_t last_pid;        /* of what was started beside it */
    int64_t cpu_milli;
};

struct operation; /* a verb that takes time */
struct session;   /* a conversation on a stream of its own */
struct runtime_node {
    const struct runtime_config *config;
    struct step *step; /* of the input being handled */
    uint64_t boot;
    address_id socket, pods, streaming;
    VEC(stream_id) streams;
    VEC(struct sandbox *) sandboxes;
    VEC(struct container *) containers;
    VEC(struct volume *) volumes;
    VEC(struct cri_image) images;
    VEC(struct operation *) operations;
    VEC(struct session *) sessions; /* in the order of their numbers */
    uint32_t last_sandbox, last_container, last_operation, last_session;
    uint64_t last_request;
    uint32_t cidr_base, cidr_size, cidr_next; /* size 0: none yet */
    file_id image_file;
    bool registry_is_down, is_hung, is_down, memory_reported;
    int64_t memory_used, memory_low; /* low: less available than this is worth an event */
    int64_t pull_bytes_per_s;
    VEC(struct message *) held; /* while hung: requests not looked at; each with its stream */
    VEC(stream_id) held_streams;
};

struct container_view { /* who looks: the owner of a shell_host */
    struct runtime_node *node;
    struct container *container;
    struct text *capture;    /* ExecSync: output goes here instead of the log */
    struct session *session; /* Exec: to it */
    char ip[16];             /* of the pod, as text */
};

/* Streams of random numbers; kinds of timers. */
enum { PURPOSE_BOOT, PURPOSE_TIMING };
enum tag_kind { TAG_OPERATION = 1, TAG_CONTAINER, TAG_UP, TAG_SESSION, TAG_SIGNAL };
static inline uint64_t runtime_tag(enum tag_kind kind, uint32_t id)
{
    return (uint64_t)kind << 32 | id;
}

/* verbs.c */
void runtime_handle_request(struct runtime_node *n, stream_id stream, struct cri_request *r);
void runtime_answer(struct runtime_node *n, stream_id stream, struct cri_response *own_response);
void cri_fail(struct cri_response *r, enum cri_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* operations.c */
struct operation {
    uint32_t id;
    stream_id stream;
    struct cri_request *request; /* a reference */
    struct cri_response *response;
    struct shell *shell; /* ExecSync */
    struct container_view view;
    struct text output;
    struct instant deadline;
};
/* Ends after base_ms and up to spread_ms more; base_ms below 0: by operation_end only. */
struct operation *operation_new(struct runtime_node *n, stream_id stream, struct cri_request *r,
                                int64_t base_ms, int64_t spread_ms);
void operation_free(struct operation *o);
void operation_end(struct runtime_node *n, struct operation *o); /* answers and frees */
void operation_due(struct runtime_node *n, uint32_t id);         /* its timer */
void operations_container_ended(struct runtime_node *n, uint32_t container);

/* sessions.c */
struct session {
    uint32_t id;
    stream_id stream;            /* 0: the other end has gone */
    struct cri_request *request; /* a reference */
    struct shell *shell;         /* Exec: the process; NULL before its start */
    struct container_view view;
    struct console console;
    uint32_t pid;
    int signal;          /* is delivered with the timer; 0: none */
    uint64_t request_id; /* a traffic request of the process is out */
    uint64_t log_at;     /* of the log: what has been sent */
    struct text forward; /* what has come and is no whole HTTP request yet */
    struct text waiting; /* written by the process, sent when it pauses */
    bool waiting_is_error;
    timer_id timer;
};
void session_begin(struct runtime_node *n, stream_id stream, struct cri_request *r);
void session_bytes(struct runtime_node *n, stream_id stream, const struct channel_bytes *b);
bool session_closed(struct runtime_node *n, stream_id stream); /* false: not one of theirs */
void session_due(struct runtime_node *n, uint32_t id);         /* its timer */
bool session_answer(struct runtime_node *n, const struct traffic_response *r); /* likewise */
void node_session_free(struct session *s);
void sessions_close(struct runtime_node *n); /* the service has ended */
void sessions_container_ended(struct runtime_node *n, struct container *c);
void sessions_log_grew(struct runtime_node *n, struct container *c);
/* What the container's own process writes. */
void sessions_output(struct runtime_node *n, struct container *c, struct str bytes, bool is_error);
void session_output(struct session *s, struct runtime_node *n, struct str bytes, bool is_error);
void container_processes(struct runtime_node *n, struct container *c, struct text *out);
const char *container_kill(struct runtime_node *n, struct container *c, int64_t pid, int signal);

/* sandboxes.c */
struct sandbox *sandbox_find(struct runtime_node *n, uint32_t id);
void sandbox_set_range(struct runtime_node *n, struct str cidr);
void sandbox_run_begin(struct runtime_node *n, stream_id stream, struct cri_request *r);
void sandbox_run_finish(struct runtime_node *n, struct operation *o);
void sandbox_stop(struct runtime_node *n, uint32_t id);
void sandbox_remove(struct runtime_node *n, uint32_t id);
void sandbox_list(struct runtime_node *n, struct cri_response *a);

/* images.c */
bool image_is_present(struct runtime_node *n, struct str reference);
void images_read(struct runtime_node *n); /* from the disk */
void pull_begin(struct runtime_node *n, stream_id stream, struct cri_request *r);
void pull_finish(struct runtime_node *n, struct operation *o);
void image_answer(struct runtime_node *n, const struct cri_request *r, struct cri_response *a);
/* Something to remember over a reboot: one record, synced. */
void runtime_record_append(struct runtime_node *n, file_id file, struct str reference,
                           int64_t size_bytes, uint32_t record_bytes);

/* containers.c */
struct container *runtime_container(struct runtime_node *n, uint32_t id);
void runtime_container_start(struct runtime_node *n, struct container *c, struct cri_response *r);
void runtime_container_stop(struct runtime_node *n, struct container *c,
                            struct duration grace); /* 0: SIGKILL at once */
void runtime_container_remove(struct runtime_node *n, uint32_t id);
void runtime_container_free(struct container *c);
void container_arm(struct runtime_node *n,
                   struct container *c);                 /* sets the timer to what is due next */
void container_due(struct runtime_node *n, uint32_t id); /* its timer */
void container_end(struct runtime_node *n, struct container *c, int exit_code, const char *reason);
struct cri_container_status container_status_of(const struct container *c); /* with references */
void container_event(struct runtime_node *n, struct container *c,
                     enum cri_event_type type); /* to all streams */
void container_changed(struct runtime_node *n,
                       struct container *c); /* a probe's outcome may be another */
void pod_changed(struct runtime_node *n,
                 struct sandbox *s); /* likewise for all containers of the pod */
void container_memory_set(struct runtime_node *n, struct container *c, int64_t bytes);
/* Limits of the container and of the node: whoever is beyond is killed, maybe `c` itself. */
void container_memory_check(struct runtime_node *n, struct container *c);
void container_log_add(struct runtime_node *n, struct container *c, struct str bytes,
                       bool is_error);
void container_log_tail(const struct container *c, int64_t lines,
                        struct text *out); /* lines < 0: all */

/* faults.c */
void runtime_go_down(struct runtime_node *n,
                     int64_t for_ns); /* 0: it is up again; -1: until told */
void runtime_handle_fault(struct runtime_node *n, const struct runtime_fault *f);

/* programs.c */
/* Chooses and starts the program; NULL, or the text of a start error. */
char *program_start(struct runtime_node *n, struct container *c);
void program_step(struct runtime_node *n, struct container *c);      /* something of its is due */
void program_terminate(struct runtime_node *n, struct container *c); /* SIGTERM */
void program_interrupt(struct runtime_node *n, struct container *c); /* Ctrl-C at its terminal */
void program_answer(struct runtime_node *n, struct container *c, const struct traffic_response *r);
/* Sends what the shell wants to say from the pod. The request's id; 0: there is no network, and the
 * shell has its answer. */
uint64_t program_request(struct runtime_node *n, const struct container *c, struct shell *shell);
bool program_listens(const struct runtime_node *n, const struct container *c, uint16_t port);
/* Status 0: nobody answers (time-out). */
int program_http(struct runtime_node *n, struct container *c, uint16_t port, struct str path,
                 struct text *body);
/* The profile of the pod: "wavetank.dev/<key>.<container>", then "wavetank.dev/<key>"; NULL: none.
 * */
const char *program_profile(const struct container *c, const char *key);
/* The readiness that a profile delays. */
bool program_is_ready(const struct runtime_node *n, const struct container *c);
void container_shell_host(struct container_view *view, struct shell_host *out);
enum shell_prompt container_prompt(const struct container *c, struct str shell);
bool program_is_shell(struct str name); /* without its path */
/* "1 nginx: master process": its command line. */
void program_command_line(const struct container *c, struct text *out);

/* image_tools.c */
bool image_tool_is_there(const struct container *c, struct str name);
bool image_tool_run(struct runtime_node *n, struct container *c, char **words, size_t count,
                    struct text *out, struct text *error, int *ret_status);

/* files.c: paths are absolute within the container. */
struct volume *runtime_volume(struct runtime_node *n, struct str host_path, bool make);
void runtime_volume_write(struct volume *v, const struct cri_pairs *files, bool is_empty_dir);
void runtime_volumes_remove(struct runtime_node *n, struct str below);
enum file_kind container_file_kind(struct runtime_node *n, struct container *c, struct str path);
bool container_file_read(struct runtime_node *n, struct container *c, struct str path,
                         struct text *out);
const char *container_file_write(struct runtime_node *n, struct container *c, struct str path,
                                 struct str content, bool append);
const char *container_folder_make(struct runtime_node *n, struct container *c, struct str path);
int64_t container_file_modified(struct runtime_node *n, struct container *c, struct str path);
const char *container_file_remove(struct runtime_node *n, struct container *c, struct str path);
void container_file_list(struct runtime_node *n, struct container *c, struct str path,
                         struct text *out);
void container_files_bind(struct runtime_node *n, struct container *c); /* at the start */
void container_files_release(struct container *c);

#endif
