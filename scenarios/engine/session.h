/* SPDX-License-Identifier: Apache-2.0
 *
 * A session: a cluster that somebody outside works with while it runs, and the journal of what came
 * in. Everything from outside (requests with their credentials, cancels, closes, bytes, operations
 * of `wavetank ctl`) passes through here, is appended to the journal and then acts; so the journal
 * alone gives the session again, event for event.
 *
 *     struct session_plan plan = {.nodes = 5};
 *     struct session *s = session_new(&plan, &(struct session_options){...}, &message);
 *     session_gateway_add(s, gateway_of_an_edge);
 *     session_play(s);        comes up, applies manifests, runs steps, goes on until `live` stops it
 *     session_free(s);
 *
 * A replay is the same session_play, with session_replay before it: what is next comes from the
 * journal instead of from `live`. When the journal has no more, `live` takes over: it may stop the
 * session there (wavetank replay) or go on with it (a data folder).
 *
 * Place in the journal: the run's position (run.h), which counts what the run has done and each
 * turn in which something came in. Within a turn the order of records counts.
 *
 * Nothing here reads a clock, a file or a socket.
 */
#ifndef SCENARIOS_ENGINE_SESSION_H
#define SCENARIOS_ENGINE_SESSION_H

#include "cluster/apiserver/http/gateway.h"
#include "scenarios/engine/run.h"
#include "scenarios/engine/session_plan.h"
#include "sim/recording.h"

#define SESSION_AGE_S 60    /* a cluster without a scenario is so old when it goes live */
#define SESSION_DEPTH_MAX 8 /* operations that wait, one within another */

enum session_phase {
    SESSION_COMING_UP,
    SESSION_APPLYING, /* manifests */
    SESSION_STEPPING, /* steps of the scenario */
    SESSION_SERVING,
};
struct session;
struct session_options {
    void *owner;
    /* Takes bytes of the journal, before what they say acts. False: it cannot, and the session
     * ends. NULL: there is no journal. */
    bool (*write)(void *owner, struct str bytes);
    /* The turn of the world outside (run.h); not while something is replayed. */
    enum run_turn (*live)(void *owner, struct session *s, struct instant next);
    /* While something is replayed: may wait, or stop it. NULL: as fast as it can. */
    enum run_turn (*replaying)(void *owner, struct session *s, struct instant next);
    void (*phase_began)(void *owner, struct session *s); /* may be NULL, as all that follow */
    void (*refused)(void *owner, struct session *s, struct str place, struct str why);
    void (*steps_ended)(void *owner, struct session *s);
    void (*violated)(void *owner, struct session *s); /* run->message says what */
    struct run_options run; /* for who watches; seed, secret, until and turns are the session's */
};
/* Plan and options are borrowed while the session lives; the plan's store takes in the texts of its
 * files. NULL with a message. */
struct session *session_new(struct session_plan *plan, const struct session_options *options,
                            struct errmsg *message);
void session_free(struct session *s);
/* In the same order each time, right after session_new. */
void session_gateway_add(struct session *s, process_id gateway);
/* The second one, for a session whose plan has one and whose edge has not. */
#define SESSION_PLAIN_GATEWAY "gateway-plain"
void session_plain_gateway_add(struct session *s);
/* All that the plan has, for a session without an edge. */
void session_gateways_add(struct session *s);
struct run *session_run(const struct session *s);
enum session_phase session_phase(const struct session *s);
bool session_has_scenario(const struct session *s);

/* Replays these records (the head has been read; borrowed while the session lives) before `live`
 * gets its turn. */
void session_replay(struct session *s, const struct recording_reader *reader);
bool session_is_replaying(const struct session *s);
/* A new journal: its head. Else writing goes on behind a replayed one. */
void session_write_head(struct session *s);

void session_play(struct session *s);

/* ---- during a turn of `live` ---- */

/* Something has come in during this turn. */
bool session_has_acted(const struct session *s);
/* And it was a write, an operation, or bytes on a channel: not the lease of some leader. */
bool session_has_written(const struct session *s);
/* Operations of steps (a YAML list, or one) as `wavetank ctl` has them: journaled, then done one
 * after another, up to the first that fails. Runs the simulation as far as they need, with turns of
 * `live` in between. False: refused or failed; `said` has what there is to say. */
bool session_do(struct session *s, struct str operations, struct text *said);
/* A place in the journal from which a replay can tell that it is right. */
void session_mark(struct session *s);

/* ---- how it went ---- */

/* Why a replay could not go on; empty: it could. */
struct str session_replay_failure(const struct session *s);
uint64_t session_records(const struct session *s);      /* of the journal, replayed ones included */
bool session_reached_end_mark(const struct session *s); /* the last thing replayed was one */

#endif
