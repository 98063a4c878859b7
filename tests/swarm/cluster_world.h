/* SPDX-License-Identifier: Apache-2.0
 *
 * One seed of the cluster swarm: what it draws (a cluster, a load, a storm of faults and
 * operations) and how it is judged when the storm is over. cluster_swarm.c runs many of them.
 *
 * Every draw comes from the seed alone, one draw a full expression, so that a seed means the same
 * with every compiler.
 */
#ifndef TESTS_SWARM_CLUSTER_WORLD_H
#define TESTS_SWARM_CLUSTER_WORLD_H

#include "sim/base/base.h"

#include "scenarios/engine/library.h"
#include "sim/base/hash.h"
#include "sim/base/text.h"
#include "sim/base/vec.h"
#include "sim/fault.h"

#define STORM_KINDS_MAX 32
#define STORM_MEMBERS_MAX 3

struct storm;
/* One kind of fault, load or operation. A run uses each with a weight that it draws: often none, so
 * that kinds are seen without one another too. */
struct storm_kind {
    const char *name;
    void (*act)(struct storm *s, int number);
};

struct storm {
    struct wavetank *w;
    uint64_t seed;
    struct random_stream draws;
    struct text log; /* what was drawn and done */
    int nodes, etcd, apiservers, managers, schedulers, deployments;
    bool tells_lies[STORM_MEMBERS_MAX]; /* this member's disk loses syncs some time: its power stays
                                         */
    bool loses_power[STORM_MEMBERS_MAX];
    VEC(message_fault_id) crash_points;
    VEC(int) deleted_nodes;
    bool is_calm; /* no fault at all: what only faults excuse must not happen either */
    struct calm *calm;
    uint64_t faults[STORM_KINDS_MAX], loads[STORM_KINDS_MAX]; /* how many took effect */
    char error[4096];
};

int draw(struct storm *s, int limit); /* [0, limit) */
bool draw_one_in(struct storm *s, int n);
void note(struct storm *s, const char *format, ...) PRINTF_LIKE(2, 3);
/* One operation of the scenario language; its failure is the storm's business, and noted. */
int act(struct storm *s, const char *format, ...) PRINTF_LIKE(2, 3);
/* Runs for some virtual seconds; false: an invariant has stopped the run. */
bool pass_time(struct storm *s, int64_t milliseconds);

extern const struct storm_kind storm_faults[], storm_loads[], storm_operations[];
extern const size_t storm_fault_count, storm_load_count, storm_operation_count;

bool storm_set_up(struct storm *s); /* the cluster and its load */
void storm_blow(struct storm *s);
/* Calm runs are looked at more strictly, from the set-up on; s->error gets what was found first. */
void calm_begin(struct storm *s);
bool calm_end(struct storm *s);    /* false: something was found */
bool storm_judge(struct storm *s); /* waits for the end of all faults and judges; false: s->error */
void storm_release(struct storm *s);

#endif
