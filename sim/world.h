/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to sim/: what the world consists of. Users see sim.h and fault.h only.
 *
 * The tie of an event is (class, process, n): events of one instant run by class, then by the
 * process that caused them, then in the order in which that process caused them. Process 0 stands
 * for the outside. So an event more or less in one process never reorders the events of two others.
 *
 * Nothing here is ordered by, or hashed from, an address. Streams, hosts and processes are referred
 * to by number; packets and disk requests by pointer, in lists whose order is that of their making.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/fault.h"
#include "sim/queue.h"
#include "sim/sim.h"

enum event_class { CLASS_WORLD, CLASS_COMMAND, CLASS_DISK, CLASS_NETWORK, CLASS_TIMER };
#define TIE_COUNT_BITS 38
#define TIE_PROCESS_BITS 22
#define PROCESSES_MAX (1u << TIE_PROCESS_BITS)

enum event_kind {
    EVENT_TIMER,    /* target process; argument: the tag */
    EVENT_STREAM,   /* argument: the stream end that receives the head packet */
    EVENT_SILENCE,  /* argument: the stream end that has endured enough */
    EVENT_DATAGRAM, /* argument: struct datagram */
    EVENT_DISK,     /* target host: the head request of its disk is done */
    /* Target process; argument: struct disk_request that waited for a paused process. */
    EVENT_DISK_DONE,
    EVENT_COMMAND,   /* target process; argument: the message */
    EVENT_TERMINATE, /* target process */
    EVENT_KILL,      /* target process: the grace is over */
    EVENT_START,     /* target process */
    EVENT_BOOT,      /* target host */
};

/* What random_at is keyed with, beside the streams of the processes. */
enum { PURPOSE_LATENCY = 1, PURPOSE_LOSS, PURPOSE_DATAGRAM, PURPOSE_SHUFFLE, PURPOSE_PROCESS };

/* How many messages of each kind went over a link: the counters of its latency draws. */
struct kind_counter {
    uint32_t kind;
    uint32_t n;
};
struct kind_counters {
    struct kind_counter *items;
    uint16_t count, capacity;
};
uint32_t kind_count(struct kind_counters *counters, uint32_t kind); /* the number before this one */

/* ---- streams ---- */

enum packet_kind {
    PACKET_MESSAGE,
    PACKET_SYN,
    PACKET_SYN_ACK,
    PACKET_ACK,
    PACKET_FIN,
    PACKET_RESET
};
#define PACKET_KIND_BASE 0xFFFF0000u /* message kinds of the packets without a message */
#define HELD INT64_MAX

struct packet {
    struct packet *next;
    struct message *message;
    int64_t arrival; /* HELD: not under way */
    uint64_t tie;
    uint8_t kind;
    uint8_t reason; /* of a reset */
};

enum end_state {
    END_NONE,       /* the server's end before it has accepted */
    END_CONNECTING, /* the client's */
    END_PENDING,    /* the server's kernel has answered; the process does not know yet */
    END_OPEN,
    END_VANISHED, /* its host lost power; the peer does not know */
    END_CLOSED,
};
struct end {
    process_id process;
    host_id host;
    uint32_t next, previous; /* in the host's list of ends; end index + 1 */
    uint8_t state;
    int64_t silence_limit;
    event_handle silence;
};
/* What is under way towards an end: only the head has an event. */
struct direction {
    struct packet *head, *tail;
    event_handle event;
    int64_t last_arrival;
    int64_t blocked_since;
    uint64_t key; /* of its latency draws */
    struct kind_counters counters;
    uint32_t control_count; /* packets without a message */
    bool is_blocked;
    bool is_stalled;  /* its head comes later than the patience of an end: lost again and again */
    bool has_unacked; /* something was sent to a host without power */
};
struct stream {
    uint64_t generation;
    uint32_t index, next_free;
    bool is_used;
    address_id asked, used; /* these differ behind a balancer */
    uint32_t attempts;      /* backends asked */
    struct end ends[2];     /* 0: client, 1: server */
    struct direction toward[2];
};
#define STREAM_CHUNK 256
#define STREAM_INDEX_BITS 24

struct address {
    struct str text;
    address_id id;
    process_id listener; /* 0: nobody */
    host_id host;        /* where it was last listened on, or of the host's name; 0: nowhere */
    uint32_t next_of_listener;
    address_id *backends;
    size_t backend_count;
    size_t turn;
};

struct datagram {
    struct message *message;
    process_id from;
    address_id to;
};

/* A fault_set as bits; `all`: the set was empty, which means everything. */
struct members {
    uint64_t *hosts, *processes;
    size_t host_words, process_words;
    bool all;
};
struct rule {
    network_rule_id id;
    struct network_rule rule; /* its sets are not read after the start */
    struct members from, to;
    int64_t busy_until; /* of the shared bandwidth */
};
struct message_trip {
    message_fault_id id;
    struct message_fault fault;
    uint64_t seen;
};

/* ---- disks ---- */

struct record {
    struct message *message;
    bool is_torn;
};
enum file_change_kind { CHANGE_APPEND, CHANGE_DROP_HEAD, CHANGE_TRUNCATE };
/* Something done to a file that no sync has made durable: enough to undo it. */
struct file_change {
    enum file_change_kind kind;
    size_t count;
    struct record *saved; /* the truncated records */
};
struct file {
    struct str name;
    /* [gone] freed, then [dropped] not durably dropped, then the live ones. */
    VEC(struct record) records;
    size_t gone, dropped;
    VEC(struct file_change) changes;
    /* Absolute numbers: of changes.items[0]; of the last asked sync. */
    uint64_t first_change, sync_mark;
    enum disk_result failure; /* of an append nobody was told about */
};
struct disk_request {
    struct disk_request *next;
    uint64_t tag, mark, tie;
    int64_t done_at;
    process_id process;
    uint32_t incarnation;
    file_id file;
    bool is_sync;
    uint8_t result;
    bool loses;
};
struct disk {
    VEC(struct file) files;
    struct disk_request *head, *tail;
    event_handle event;
    int64_t busy_until;
    struct disk_fault fault;
};

/* ---- hosts and processes ---- */

struct host {
    struct str name, zone;
    host_id id;
    bool is_up, is_paused;
    uint32_t boots;
    int64_t clock_base, clock_base_mono; /* where the current drift began */
    int64_t clock_offset;
    int32_t drift_ppm;
    uint32_t first_end; /* streams; end index + 1 */
    process_id first_process, last_process;
    event_handle boot;
    struct disk disk;
};

enum run_state { PROCESS_DEAD, PROCESS_RUNNING, PROCESS_PAUSED, PROCESS_HUNG };
struct process {
    void *state;
    const struct process_type *type;
    uint64_t event_count; /* the n of its ties */
    uint64_t first_timer; /* event_count when this incarnation began: older timers are void */
    uint64_t trace_hash;
    uint64_t random_key; /* of this incarnation */
    process_id id;
    host_id host;
    uint32_t incarnation;
    uint8_t run_state;
    bool is_host_paused;
    bool has_odd_clock; /* its host's clocks are not simply the simulation's */
    bool is_wanted;     /* its supervisor keeps it running */
    bool is_removed;
    bool start_waits;  /* its start came due while its host was paused */
    uint32_t connects; /* of this incarnation */
    address_id first_listen;
    process_id next_on_host;
    uint32_t *draws; /* one counter a purpose */
    uint32_t draw_count;
    struct kind_counters datagrams;
    event_handle start, kill;
    VEC(event_handle) parked; /* what came while it was paused */
    const void *config;
    struct str name;
    enum restart_policy restart;
    struct duration restart_delay, start_delay;
    struct disk_fault *disk_fault; /* its own; NULL: the host's */
};

struct trace {
    uint64_t whole, events;
    sim_trace_fn sink;
    void *sink_owner;
    struct text line;
    struct text *ring;
    size_t ring_size, ring_count;
};

struct sim {
    struct sim_options options;
    int64_t now;
    uint64_t event_count;
    struct queue *queue;
    uint64_t outside_count; /* the n of process 0 */
    struct arena scratch;
    bool is_in_step, wants_exit;
    int exit_code;
    process_id stepping;

    VEC(struct host *) hosts;        /* [0] is none */
    VEC(struct process *) processes; /* [0] is none */
    VEC(struct address *) addresses; /* [0] is none */
    struct index host_names, process_names, address_texts;

    VEC(struct stream *) stream_chunks;
    uint32_t stream_count, free_stream; /* index + 1 */
    struct packet *free_packets;
    VEC(struct packet *) packet_chunks;
    VEC(struct rule) rules;
    VEC(struct message_trip) trips;
    network_rule_id last_rule;
    message_fault_id last_trip;

    struct trace trace;
    sim_journal_fn journal;
    void *journal_owner;
};

static inline struct host *host_of(const struct sim *sim, host_id id)
{
    CHECK(id > 0 && id < sim->hosts.count);
    return sim->hosts.items[id];
}
static inline struct process *process_of(const struct sim *sim, process_id id)
{
    CHECK(id > 0 && id < sim->processes.count);
    return sim->processes.items[id];
}
static inline struct address *address_of(const struct sim *sim, address_id id)
{
    CHECK(id > 0 && id < sim->addresses.count);
    return sim->addresses.items[id];
}
static inline struct instant now_of(const struct sim *sim)
{
    return (struct instant){sim->now};
}
/* The tie of the next event that a process (0: the outside) causes. */
static inline uint64_t tie_next(struct sim *sim, enum event_class class, process_id process)
{
    uint64_t n = process ? process_of(sim, process)->event_count++ : sim->outside_count++;
    CHECK(n < UINT64_C(1) << TIE_COUNT_BITS);
    return (uint64_t) class << (TIE_PROCESS_BITS + TIE_COUNT_BITS) |
           (uint64_t)process << TIE_COUNT_BITS | n;
}
static inline uint64_t tie_count(uint64_t tie)
{
    return tie & ((UINT64_C(1) << TIE_COUNT_BITS) - 1);
}

/* sim.c: gives one input to a process that runs. */
void process_input(struct sim *sim, process_id process, const struct input *input);
void step_begin(struct sim *sim, process_id process, struct step *step);
void step_end(struct sim *sim, process_id process);
/* Outside actions: not within a step; journalled and traced. */
void outside_action(struct sim *sim, process_id process, host_id host, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* trace.c */
void trace_outside(struct sim *sim, const char *who, struct str subject, const char *format, ...)
    PRINTF_LIKE(4, 5);
void trace_release(struct trace *trace);

/* host.c */
struct instant host_monotonic(const struct sim *sim, const struct host *host);
struct wall_time host_wall(const struct sim *sim, const struct host *host);
struct instant host_from_monotonic(const struct host *host, struct instant mono);
void host_boot(struct sim *sim, host_id id);

/* process.c */
/* Paused or hung, or on a paused host. */
static inline bool process_is_stopped(const struct process *p)
{
    return p->run_state == PROCESS_PAUSED || p->run_state == PROCESS_HUNG || p->is_host_paused;
}
void process_park(struct sim *sim, process_id id, event_handle event);
void process_unpark(struct sim *sim, process_id id);
void process_schedule_start(struct sim *sim, process_id id, struct duration delay);
void process_begin(struct sim *sim, process_id id); /* EVENT_START */
/* Ends the incarnation. With silence: the host has lost power, nobody is told. */
void process_die(struct sim *sim, process_id id, bool is_silent);
void process_supervise(struct sim *sim, process_id id); /* after a death: the supervisor's answer */
void process_release(struct sim *sim, process_id id);

/* stream.c, network.c, address.c */
/* Acts on message faults that stand before (or after) this delivery; true: the message is gone. */
bool trips_act(struct sim *sim, stream_id stream, process_id from, process_id to,
               const struct message *message, bool is_after);
void stream_reset_now(struct sim *sim, stream_id stream); /* the end of that id is told at once */
void stream_deliver(struct sim *sim, const struct popped *popped);
void stream_prefetch(const struct sim *sim, stream_id id); /* it is about to be delivered to */
void stream_silence(struct sim *sim, const struct popped *popped);
void streams_process_dies(struct sim *sim, process_id id, bool is_silent);
/* Something that decides silence changed. */
void streams_refresh_host(struct sim *sim, host_id host);
void streams_refresh_all(struct sim *sim);
void streams_host_boots(struct sim *sim, host_id host);
void streams_release(struct sim *sim);
void datagram_deliver(struct sim *sim, const struct popped *popped);
void datagram_free(struct datagram *d);
void addresses_process_dies(struct sim *sim, process_id id);
struct path_end {
    host_id host;
    process_id process;
};
bool network_is_cut(const struct sim *sim, struct path_end from, struct path_end to);
/* Latency of one packet, draws included; HELD: lost beyond endurance. `is_stream`: loss is delay.
 */
struct flight {
    struct path_end from, to;
    uint64_t key; /* of the link's draws */
    uint32_t kind, n;
    uint32_t size_bytes;
    bool is_stream;
};
int64_t network_latency(struct sim *sim, const struct flight *flight);
bool flight_duplicates(const struct sim *sim, const struct flight *flight);
int64_t retransmission_after(int64_t sent, int64_t until, int64_t timeout);
void network_release(struct sim *sim);
/* The address that stands behind `front`, the next in turn; itself when it is no balancer. */
address_id address_backend(struct sim *sim, address_id front);
host_id address_host(struct sim *sim, address_id id);

/* disk.c */
void disk_done(struct sim *sim, host_id host);
void disk_done_late(struct sim *sim, const struct popped *popped);
void disk_power_loss(struct sim *sim, host_id host);
void disk_release(struct disk *disk);

#endif
