/* SPDX-License-Identifier: Apache-2.0
 *
 * What the session's files share.
 */
#ifndef SCENARIOS_ENGINE_SESSION_PRIVATE_H
#define SCENARIOS_ENGINE_SESSION_PRIVATE_H

#include "scenarios/engine/session.h"
#include "sim/base/pack.h"

struct replay {
    struct recording_reader reader;
    struct record record; /* the next one, taken apart: */
    uint64_t position;
    struct instant at;
    struct unpack rest; /* what follows these */
    bool is_active;
    bool has_ended; /* the last record was an end mark */
};
struct session {
    struct session_plan *plan;
    struct session_options options;
    struct scenario *scenario;
    struct value cluster; /* of the scenario, where the plan adds to it */
    struct run *run;
    process_id gateways[SESSION_GATEWAYS_MAX];
    size_t gateway_count;
    struct gateway_config gateway_config; /* of those without an edge */
    VEC(struct documents) manifests;
    enum session_phase phase;
    bool has_acted, has_written; /* something came in during this turn; it wrote */
    bool is_stopped;
    bool has_lost; /* something could not be written to the journal; nothing behind it may be */
    bool is_resuming; /* a replayed session goes on: its first own turn says so */
    size_t depth;     /* of operations that wait */
    /* the journal */
    struct recording_writer writer;
    struct text unwritten, scratch;
    uint64_t records;
    struct replay replay;
    struct text failure;
};

/* The next records, when this is their place. TURN_GO with no replay active any more: it is over. */
enum run_turn session_replay_turn(struct session *s, struct instant next);
/* session_do without a record. */
bool session_operate(struct session *s, struct str operations, struct text *said);
enum run_turn session_resume(struct session *s);
void session_record_gateway(struct session *s, size_t index, const struct message *command);
void session_record_do(struct session *s, struct str operations);
void session_record_end(struct session *s);

#endif
