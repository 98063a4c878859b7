/* SPDX-License-Identifier: Apache-2.0
 *
 * The water: a deterministic discrete-event simulation of hosts, processes, a network and disks
 * under one virtual clock. It knows nothing of what the processes do.
 *
 * Everything that happens is an event; events run in one total order: (instant, class, process,
 * n-th event of that process). A run is a pure function of the build, the set-up, the seed and the
 * journal.
 *
 * A process is a step function: its state and one input give a new state and effects (send, set a
 * timer, write to a disk, trace). An input never calls into another process: what one process does
 * to another travels as an event. A process' volatile state dies with it; what it wrote to a disk
 * stays.
 *
 *     static void ping_input(void *state, struct step *step, const struct input *in) { ... }
 *     static const struct process_type ping = {"ping", ping_start, ping_input, ...};
 *
 *     struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
 *     host_id h = sim_host_add(sim, &(struct host_options){.name = S("a")});
 *     sim_process_add(sim, &(struct process_options){.name = S("ping"), .host = h, .type = &ping});
 *     sim_run_until(sim, instant_add(sim_now(sim), duration_s(60)));
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "sim/base/arena.h"
#include "sim/base/base.h"
#include "sim/base/hash.h"
#include "sim/base/text.h"

struct sim;
typedef uint32_t host_id; /* 0 is none, here and below */
typedef uint32_t process_id;
typedef uint32_t address_id; /* an interned "host:port" text */
typedef uint64_t stream_id;  /* with a generation; never reused within a run; 0 is none */
typedef uint64_t timer_id;   /* likewise */

#define STREAM_SILENCE_DEFAULT duration_s(45) /* idle 30 s, then a ping unanswered for 15 s */
#define STREAM_CONNECT_TIMEOUT duration_s(30)
#define DISK_SYNC_LATENCY duration_us(750)
#define SIM_PURPOSES_MAX 64

/* ---- messages: immutable, reference-counted, one allocation ---- */

struct message;
struct message_type {
    const char *name;
    /* Small, unique: keys the random latency of its messages, so that a message of one kind never
     * shifts another kind's. */
    uint32_t kind;
    /* Frees what the payload holds, then the message itself. */
    void (*release)(struct message *message);
    /* Of the content, for the trace; NULL: only the type counts. */
    uint64_t (*digest)(const struct message *message);
};
/* The head of every message; the payload follows in the struct that embeds it as its first member.
 */
struct message {
    const struct message_type *type;
    uint32_t references;
    uint32_t size_bytes; /* on the wire: bandwidth and limits count it */
};
static inline void message_init(struct message *m, const struct message_type *type,
                                uint32_t size_bytes)
{
    *m = (struct message){type, 1, size_bytes};
}
static inline struct message *message_ref(struct message *m)
{
    m->references++;
    return m;
}
static inline void message_unref(struct message *m)
{
    if (m && --m->references == 0)
        m->type->release(m);
}

/* ---- processes ---- */

enum input_kind {
    INPUT_TIMER,     /* .tag, .timer */
    INPUT_CONNECTED, /* .stream: our connect was accepted */
    INPUT_ACCEPTED,  /* .stream, .peer: somebody connected to an address we listen on (.address) */
    INPUT_MESSAGE,   /* .stream, .message */
    /* .stream, .reason: gone, nothing more comes; also the answer to a connect that failed. */
    INPUT_CLOSED,
    INPUT_DATAGRAM,  /* .message, .peer, .address */
    INPUT_DISK_DONE, /* .tag, .disk_result: an append or sync has ended */
    INPUT_TERMINATE, /* please end (SIGTERM): answer with step_exit within the grace */
    INPUT_COMMAND,   /* .message: from outside the simulation, as the journal has it */
};
enum close_reason {
    CLOSE_BY_PEER, /* FIN or RST of a peer that lives or whose process died */
    CLOSE_REFUSED, /* nobody listens there */
    CLOSE_TIMEOUT, /* silence: host down or partition */
    CLOSE_RESET,   /* reset in between (fault, loss beyond endurance) */
};
enum disk_result { DISK_OK, DISK_FULL, DISK_ERROR };

struct input {
    enum input_kind kind;
    uint64_t tag; /* what the process gave when it set the timer or asked the disk */
    timer_id timer;
    stream_id stream;
    address_id address;
    process_id peer;
    enum close_reason reason;
    enum disk_result disk_result;
    struct message *message; /* borrowed for the call; message_ref to keep */
};

struct step;
struct process_type {
    const char *kind; /* stable word for traces: "store" */
    /* Begins an incarnation: builds the volatile state from the configuration and the disk. */
    void *(*start)(struct step *step, const void *config);
    void (*input)(void *state, struct step *step, const struct input *input);
    void (*release)(void *state); /* frees memory; has no effects: the process is dead */
    void (*dump)(const void *state, struct text *out); /* for people; may be NULL */
};

/* What a process gets along with each input; valid for the call only. */
struct step {
    struct sim *sim;
    process_id process;
    struct instant now;    /* the host's monotonic clock */
    struct wall_time wall; /* the host's clock on the wall; may be skewed */
    struct arena *scratch; /* emptied after the call */
};

/* -- effects -- */

/* One-shot timer at an instant of the process' monotonic clock (at once if past). */
timer_id step_timer_set(struct step *step, struct instant at, uint64_t tag);
/* Moves a pending timer; cheap when it moves later. A timer that has fired or is none: sets a new
 * one. */
timer_id step_timer_move(struct step *step, timer_id timer, struct instant at, uint64_t tag);
void step_timer_cancel(struct step *step, timer_id timer); /* none or fired: nothing */

/* Streams and datagrams; until the process ends. */
void step_listen(struct step *step, address_id address);
/* Begins to connect; the answer is INPUT_CONNECTED or INPUT_CLOSED. Messages may be sent at once.
 */
stream_id step_connect(struct step *step, address_id address);
/* In order, once or never: what is lost shows as delay, then as INPUT_CLOSED. Takes the message. A
 * closed stream drops it. */
void step_send(struct step *step, stream_id stream, struct message *own_message);
/* The peer gets what was sent, then INPUT_CLOSED; we get nothing. */
void step_close(struct step *step, stream_id stream);
/* How long this end endures silence before INPUT_CLOSED with CLOSE_TIMEOUT (keep-alive pings, free
 * of charge while the peer answers). Default: STREAM_SILENCE_DEFAULT. */
void step_stream_silence(struct step *step, stream_id stream, struct duration limit);
void step_send_datagram(struct step *step, address_id to, struct message *own_message);

/* Random numbers of this process; one independent stream per purpose (0..SIM_PURPOSES_MAX-1). */
uint64_t step_random(struct step *step, uint32_t purpose);
uint64_t step_random_below(struct step *step, uint32_t purpose, uint64_t limit);

/* The process ends after this input; its supervisor may restart it. */
void step_exit(struct step *step, int code);

/* The timeline: one line of what `who` saw or decided about `subject`, with the reason in it, for
 * people and golden tests. The hash chain absorbs format and arguments; the text is only made when
 * somebody reads it. Formats: %s %.*s %d %u %" PRId64 " %" PRIu64 " %c %%. */
void step_trace(struct step *step, const char *who, struct str subject, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* Adds a fact to the hash chain without a line: kind is a stable number, a and b its content. */
void step_observe(struct step *step, uint32_t kind, uint64_t a, uint64_t b);

/* -- disks: files of records on the process' host -- */

typedef uint32_t file_id; /* an interned file name of one host's disk */
file_id step_file(struct step *step, struct str name);
/* Appends a record (a message; its size_bytes counts). Volatile until a sync has ended. The order
 * of appends and syncs of one host is kept. Answered by INPUT_DISK_DONE with `tag` when `tag` is
 * not 0. */
void step_file_append(struct step *step, file_id file, struct message *own_record, uint64_t tag);
void step_file_sync(struct step *step, file_id file, uint64_t tag);
/* Drops records [0, count) or those from `from` on; durable with the next sync. */
void step_file_drop_head(struct step *step, file_id file, size_t count);
void step_file_truncate(struct step *step, file_id file, size_t from);
/* Reading is immediate (start-up code reads its own files). A record may be torn: size cut, payload
 * unusable. */
size_t step_file_count(struct step *step, file_id file);
/* As statfs would tell: no room on the host's disk for this process. */
bool step_disk_is_full(const struct step *step);
/* Borrowed. */
struct message *step_file_record(struct step *step, file_id file, size_t index, bool *ret_torn);

/* ---- the world, from outside: set-up, running, looking ---- */

struct sim_options {
    uint64_t seed;
    struct wall_time start;  /* the wall clock at instant 0 */
    struct duration latency; /* one way between two hosts; default 500 us */
    struct duration jitter;  /* added, uniform in [0, jitter] */
    bool shuffle_ties;       /* permutes simultaneous events by seed */
    bool reference_queue;    /* plain heap instead of the wheel: same order, for tests */
};
struct sim *sim_new(const struct sim_options *options);
void sim_free(struct sim *sim);

struct host_options {
    struct str name;
    struct str zone;
};
host_id sim_host_add(struct sim *sim, const struct host_options *options);

#define RESTART_DELAY_DEFAULT duration_ms(100) /* systemd's */
enum restart_policy { RESTART_ALWAYS, RESTART_NEVER };
struct process_options {
    struct str name; /* unique */
    host_id host;
    const struct process_type *type;
    const void *config;            /* borrowed while the simulation lives */
    enum restart_policy restart;   /* what its supervisor does after an exit or a crash */
    struct duration restart_delay; /* default: RESTART_DELAY_DEFAULT */
    struct duration start_delay;   /* after the host has booted */
};
/* Starts by an event. */
process_id sim_process_add(struct sim *sim, const struct process_options *options);
void sim_process_remove(struct sim *sim, process_id process);

/* Interns a "host:port". Until somebody has listened on it, it belongs to the host of that name:
 * there a connect is refused; an address of no host is silent. */
address_id sim_address(struct sim *sim, struct str text);
/* `front` is an address behind which several stand: a connection goes to the next backend, in turn,
 * that accepts. */
void sim_balancer_add(struct sim *sim, address_id front, const address_id *backends, size_t count);

struct instant sim_now(const struct sim *sim);
struct wall_time sim_wall(const struct sim *sim);
uint64_t sim_event_count(const struct sim *sim);
bool sim_next_event(const struct sim *sim, struct instant *ret_at); /* false: none pending */
bool sim_run_one(struct sim *sim);                                  /* false: none pending */
/* Events at `until` included; now = until after it. */
void sim_run_until(struct sim *sim, struct instant until);

/* From outside: stamped, appended to the journal, then an event at the current instant. */
void sim_command(struct sim *sim, process_id process, struct message *own_message);

/* ---- the journal: what came from outside ---- */

enum journal_kind { JOURNAL_COMMAND, JOURNAL_ACTION };
struct journal_entry {
    enum journal_kind kind;
    struct instant at;
    uint64_t event_count; /* events that had run before it */
    process_id process;   /* of a command */
    const struct message *message;
    struct str text; /* of an action: "power off a" */
};
typedef void (*sim_journal_fn)(void *owner, const struct journal_entry *entry);
/* Called before the thing acts; the entry is borrowed for the call. NULL: none. */
void sim_set_journal_sink(struct sim *sim, sim_journal_fn sink, void *owner);

/* ---- the timeline ---- */

/* A line "[12.350] who subject: text", borrowed for the call. NULL: none. */
typedef void (*sim_trace_fn)(void *owner, struct instant at, struct str line);
void sim_set_trace_sink(struct sim *sim, sim_trace_fn sink, void *owner);
/* Keeps the last `lines` lines (0: none), for reports of failures. */
void sim_keep_last_lines(struct sim *sim, size_t lines);
/* Oldest first, each with its line end. */
void sim_add_last_lines(const struct sim *sim, struct text *out);
/* A line from outside the processes: a scenario's step, a checker's finding. */
void sim_trace(struct sim *sim, const char *who, struct str subject, const char *format, ...)
    PRINTF_LIKE(4, 5);
uint64_t sim_trace_hash(const struct sim *sim); /* of all lines and observations so far */
uint64_t sim_component_hash(const struct sim *sim, process_id process); /* of one process' */
/* Of every input that was delivered, with its digest. */
uint64_t sim_event_hash(const struct sim *sim);

/* ---- branches: what if ---- */

/* Runs `run` in a forked copy of this whole program and waits; what it puts into `report` comes
 * back. False: the child could not be made, or it died. */
typedef void (*sim_branch_fn)(struct sim *sim, void *context, struct text *report);
bool sim_branch(struct sim *sim, sim_branch_fn run, void *context, struct text *ret_report);

/* ---- looking ---- */

bool sim_find_host(const struct sim *sim, struct str name, host_id *ret_host);
bool sim_find_process(const struct sim *sim, struct str name, process_id *ret_process);
struct str sim_host_name(const struct sim *sim, host_id host);
struct str sim_process_name(const struct sim *sim, process_id process);
host_id sim_process_host(const struct sim *sim, process_id process);
uint32_t sim_process_incarnation(const struct sim *sim, process_id process); /* 0: never started */
size_t sim_host_count(const struct sim *sim);    /* ids are 1..count; 0 is none */
size_t sim_process_count(const struct sim *sim); /* likewise; removed ones included */
/* 1 after it was added; tells boots apart. */
uint32_t sim_host_boots(const struct sim *sim, host_id host);
bool sim_process_is_running(const struct sim *sim, process_id process);
bool sim_host_is_up(const struct sim *sim, host_id host);
/* The volatile state, for checkers and eyes outside; NULL when dead. No process may call it. */
const void *sim_process_state(const struct sim *sim, process_id process);
void sim_dump(const struct sim *sim, struct str process_name, struct text *out);

#endif
