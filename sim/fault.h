/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults of the water: what an outside hand does to the network, processes, hosts, disks and
 * clocks. Each call acts at the current instant, between two events (never from within a process'
 * input), and is appended to the journal first. Three rules make them faithful: a connection is a
 * stream, so loss on it shows as delay and then as a reset; a process' death closes its connections
 * at once while a host's death is silence; what was not synced is lost with the power, not with the
 * process.
 *
 *     host_id minority[] = {first_member};
 *     struct network_rule cut = {.from = {.hosts = minority, .host_count = 1},
 *                                .both_ways = true,
 *                                .is_cut = true};
 *     network_rule_id partition = sim_network_rule_add(sim, &cut);
 *     sim_run_until(sim, ...);
 *     sim_network_rule_remove(sim, partition);
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "sim/sim.h"

/* ---- network ---- */

/* Which ends a rule means: any of the hosts, or any of the processes. Zeroed means everything. */
struct fault_set {
    const host_id *hosts;
    size_t host_count;
    const process_id *processes;
    size_t process_count;
};

/* What happens to traffic from a member of `from` to a member of `to` that is not both on one host.
 * Rules add up. Between a set and "everything", traffic inside the set itself is left alone. */
struct network_rule {
    struct fault_set from, to;
    bool both_ways;
    bool is_cut;                /* nothing passes: held and sent again after the heal */
    struct duration delay;      /* added to the latency */
    struct duration jitter;     /* added, uniform in [0, jitter] */
    uint32_t loss_percent;      /* streams: sent again after 200 ms, 400 ms, ...; datagrams: gone */
    uint32_t duplicate_percent; /* datagrams */
    uint32_t reorder_percent;   /* datagrams: held back by up to 10 ms */
    uint64_t bytes_per_second;  /* shared by all that the rule matches; 0: no limit */
};
typedef uint32_t network_rule_id; /* 0 is none; never reused */
network_rule_id sim_network_rule_add(struct sim *sim, const struct network_rule *rule);
void sim_network_rule_remove(struct sim *sim, network_rule_id rule); /* gone already: nothing */

/* Every stream between the two processes is reset at both ends. `b` 0: with anybody. */
void sim_streams_reset(struct sim *sim, process_id a, process_id b);

/* Acts on the nth message (1 is the next) of a kind that reaches `to` from `from`; for crash
 * points. */
enum message_action {
    MESSAGE_RESET_BEFORE, /* the stream is reset instead of the delivery */
    MESSAGE_RESET_AFTER,  /* delivered, then reset */
    MESSAGE_KILL_RECEIVER_BEFORE,
    MESSAGE_KILL_RECEIVER_AFTER,
    MESSAGE_KILL_SENDER_BEFORE, /* the message is lost with its sender */
    MESSAGE_KILL_SENDER_AFTER,  /* delivered, then the sender dies */
};
struct message_fault {
    process_id from, to; /* 0: any */
    const char *type;    /* name of the message type; NULL: any */
    uint64_t nth;
    enum message_action action;
};
typedef uint32_t message_fault_id;
message_fault_id sim_message_fault_add(struct sim *sim, const struct message_fault *fault);
void sim_message_fault_remove(struct sim *sim, message_fault_id fault); /* acted or gone: nothing */
bool sim_message_fault_has_acted(const struct sim *sim, message_fault_id fault);

/* ---- processes ---- */

/* SIGKILL; the supervisor may restart it. */
void sim_process_kill(struct sim *sim, process_id process);
/* SIGTERM; killed when it has not ended after the grace; the supervisor may restart it. */
void sim_process_terminate(struct sim *sim, process_id process, struct duration grace);
/* As an operator stops a service: SIGTERM, SIGKILL after the grace (0: at once), no restart. */
void sim_process_stop(struct sim *sim, process_id process, struct duration grace);
void sim_process_start(struct sim *sim, process_id process); /* after a stop; running: nothing */
/* SIGSTOP: answers no keep-alive either. */
void sim_process_pause(struct sim *sim, process_id process);
/* Deadlock: keep-alive is answered, nothing else. */
void sim_process_hang(struct sim *sim, process_id process);
void sim_process_resume(struct sim *sim, process_id process); /* after a pause or hang */

/* ---- hosts ---- */

/* Silence: no FIN; un-synced records are lost. */
void sim_host_power_off(struct sim *sim, host_id host);
/* Boots: processes start after their delay. */
void sim_host_power_on(struct sim *sim, host_id host);
void sim_host_reboot(struct sim *sim, host_id host, struct duration down);
/* A virtual machine stands still; its kernel is silent. */
void sim_host_pause(struct sim *sim, host_id host);
void sim_host_resume(struct sim *sim, host_id host);

/* Sets the wall clock to the true time plus the offset; from here on wall and monotonic clock run
 * with the drift (rate error, parts per million). 0 and 0: right again, as after NTP has stepped
 * it. */
void sim_clock_set(struct sim *sim, host_id host, struct duration offset, int32_t drift_ppm);

/* ---- disks ---- */

struct disk_fault {               /* zeroed: a healthy disk */
    struct duration sync_latency; /* 0: DISK_SYNC_LATENCY */
    bool is_full;                 /* appends are refused */
    bool fails;                   /* appends and syncs answer DISK_ERROR */
    bool loses_syncs;             /* a sync answers, yet makes nothing durable */
    bool tears_writes;            /* at power loss the first lost record stays, torn */
};
/* `process` 0: for the whole host; else for that process only, before what the host has; a healthy
 * one gives the process back to what the host has. */
void sim_disk_fault_set(struct sim *sim, host_id host, process_id process,
                        const struct disk_fault *fault);
/* False: no such record. */
bool sim_disk_corrupt(struct sim *sim, host_id host, struct str file, size_t index);
/* A new, empty disk; the host must be off or its processes stopped. */
void sim_disk_wipe(struct sim *sim, host_id host);

#endif
