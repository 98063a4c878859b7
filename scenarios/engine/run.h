/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of a scenario: the cluster, the steps one after another, the checks that hold at every
 * instant, the invariants, and what is known at the end. Nothing here reads a clock on the wall or
 * prints: reports do.
 *
 *     struct run *r = run_new(scenario, &(struct run_options){.seed = 7}, &message);
 *     enum outcome o = run_execute(r);
 *     ... r->steps, r->message, invariants_violations(r->invariants) ...
 *     run_free(r);
 */
#ifndef SCENARIOS_ENGINE_RUN_H
#define SCENARIOS_ENGINE_RUN_H

#include "cluster/cluster.h"
#include "scenarios/engine/match.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/user.h"
#include "scenarios/engine/visitor.h"
#include "sim/base/vec.h"

enum outcome { OUTCOME_PASSED, OUTCOME_FAILED, OUTCOME_SKIPPED };
const char *outcome_text(enum outcome o); /* "passed" */

struct run;
/* What may happen before the run goes on. */
enum run_turn {
    TURN_GO,    /* on with it */
    TURN_ACTED, /* something has come in: look again what is next */
    TURN_STOP,  /* the run is ended from outside */
};
struct run_options {
    bool has_seed;
    uint64_t seed;
    const struct secret *secret; /* of the cluster's keys; NULL: one made from the seed */
    bool tracks_fields; /* objects have managedFields, unless the scenario says they have not */
    struct instant until; /* zero: as the scenario says */
    /* Called about every so many events, with the instant: progress, dashboards. Returns false to
     * stop the run. */
    bool (*progress)(void *owner, const struct run *run);
    /* Called at the begin (outcome SKIPPED, end instant 0) and the end of each step, and for each
     * `say`. */
    void (*step_begun)(void *owner, const struct run *run, size_t step);
    void (*step_ended)(void *owner, const struct run *run, size_t step);
    void (*said)(void *owner, const struct run *run, struct str text);
    void *owner;
    /* Asked before each thing that the run does (an event, the end of a fault, a deadline), with
     * its instant: may wait, move the clock up to there, and act on the simulation. NULL: as fast
     * as the machine can. */
    enum run_turn (*turn)(void *turn_owner, struct run *run, struct instant next);
    void *turn_owner;
};
struct step_result {
    struct value name; /* borrowed from the scenario; absent: none */
    enum outcome outcome;
    struct instant begun, ended;
    struct text message;
};
/* A check of `always` or `never`, from the end of step `after` on. */
struct standing_check {
    struct str name;
    bool is_never;
    int after;           /* index of the step; -1: from the start */
    struct tally *tally; /* NULL until then */
    struct value spec;   /* borrowed */
    int64_t least, most; /* how many must match */
    uint64_t evaluations;
};
struct active_fault; /* faults.h */
struct invariants;   /* invariants.h */
struct timeline;     /* timeline.h */

struct run {
    const struct scenario *scenario;
    struct run_options options;
    struct cluster *cluster;
    struct sim *sim;
    struct view *view;
    process_id user;
    struct user_config user_config;
    uint64_t last_action; /* id of the last action posted to the user */
    process_id visitor;
    struct visitor_config visitor_config;
    uint64_t last_visit; /* id of the last request of a step */
    uint64_t seed;
    VEC(struct step_result) steps;
    VEC(struct standing_check) checks;
    VEC(struct active_fault *) faults;
    struct invariants *invariants;
    enum outcome outcome;
    struct text message; /* why it failed: the first reason */
    bool
        has_lying_disk; /* some disk has lost what it said was synced: the store promises nothing */
    bool is_unjudged;   /* checks and invariants are not looked at */
    bool is_stopped;    /* a check or an invariant failed, or progress said so */
    bool has_own_until; /* the end was asked for from outside: steps that it cuts short are skipped,
                           not failed */
    uint64_t seen_changes;
    uint64_t fault_count; /* names of unnamed ones */
    /* Where the run is: counts what it has done and each time that something came in. Two runs of
     * one history are at the same place exactly when this is the same. */
    uint64_t position;
    struct instant acting_since; /* INSTANT_NEVER: no action of the user is under way */
};

struct run *run_new(const struct scenario *s, const struct run_options *options,
                    struct errmsg *message);
void run_free(struct run *r);
enum outcome run_execute(struct run *r);
/* The parts of it, for who drives a run otherwise. */
void run_begin(struct run *r);    /* before anything else: checks that hold from the start */
void run_all_steps(struct run *r);
void run_bring_up(struct run *r); /* until the cluster is up, or a minute has passed */
void run_finish(struct run *r);   /* what invariants look at in the end */

/* ---- for steps ---- */

/* Runs until `done` answers true (asked after each event) or the deadline has passed; false:
 * deadline or stopped. */
bool run_until(struct run *r, bool (*done)(void *owner), void *owner, struct instant deadline);
void run_for(struct run *r, struct duration d);
struct instant run_deadline(
    const struct run *r,
    struct value arguments); /* now + timeout of the arguments, or the default */
/* Posts an action of the user and waits for its result; NULL with a message when it did not come in
 * time. */
const struct user_result *run_action(struct run *r, struct user_action *own_action,
                                     struct instant deadline, struct text *message);
/* The last lines of the timeline that concern a name, indented, into a message. */
void run_explain(const struct run *r, struct str name, struct text *out);
void run_fail(struct run *r, const char *format, ...)
    PRINTF_LIKE(2, 3); /* fails and stops the run: checks, invariants */

/* Counts of pods for the report. */
struct pod_counts {
    size_t total, running, pending, unscheduled, succeeded, failed;
};
struct pod_counts run_pods(const struct run *r);

#endif
