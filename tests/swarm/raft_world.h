/* SPDX-License-Identifier: Apache-2.0
 *
 * A little world of Raft members for the swarm: random schedules of messages, disks and faults on
 * Raft and its write-ahead log alone, with every safety rule checked after every event.
 *
 * One seed is one world: how many members, how slow the links and disks, which faults and how
 * often. A run has a stormy part and a calm one, in which all must agree in the end.
 */
#ifndef TESTS_SWARM_RAFT_WORLD_H
#define TESTS_SWARM_RAFT_WORLD_H

#include "cluster/etcd/raft.h"
#include "sim/base/text.h"

struct raft_world_options {
    uint64_t seed;
    uint32_t bugs;  /* bits of enum raft_bug */
    bool is_traced; /* one line per event, on standard output */
};
struct raft_world_result {
    bool has_failed;
    char failure[256];
    uint64_t events, elections, commits, reads, crashes, power_losses, snapshots_installed, torn,
        cut_off;
    uint64_t hash; /* of everything that happened */
};
void raft_world_run(const struct raft_world_options *options, struct raft_world_result *ret_result);

#endif
