/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of things that a step can do. A step posts actions to the user's process and waits for
 * what the picture shows; it never reaches into a component.
 *
 *     const struct step_kind step_sleep = {
 *         .name = "sleep", .help = "...", .example = "sleep: 30s", .shape = &shape_duration, .run =
 *         run_step};
 *
 * To add one: docs/howto/add-a-scenario-step.md.
 */
#ifndef SCENARIOS_ENGINE_STEPS_H
#define SCENARIOS_ENGINE_STEPS_H

#include "scenarios/engine/run.h"

struct step_kind {
    const char *name;
    const char *help;
    const char *example; /* one line of YAML */
    const struct shape *shape;
    /* OUTCOME_FAILED with a message. The arguments have the shape. */
    enum outcome (*run)(struct run *r, struct value arguments, struct text *message);
};
extern const struct step_kind *const step_kinds[];
extern const size_t step_kind_count;
const struct step_kind *step_kind_find(struct str name); /* or NULL */
extern const struct shape step_operation_shape;          /* an item of try, catch, finally */

extern const struct step_kind step_apply, step_create, step_update, step_patch, step_delete,
    step_scale, step_evict, step_drain, step_assert, step_error, step_count, step_wait, step_sleep,
    step_say, step_request, step_inject, step_heal;

/* ---- shared by the kinds ---- */

extern const struct shape reference_shape; /* {apiVersion, kind, name, namespace} */
extern const struct shape expect_shape;    /* {code, reason, message} */
extern const struct shape count_shape;

/* "default" unless the arguments say another. Borrowed. */
struct value arguments_namespace(struct value arguments);
const struct object_key *reference_key(const struct run *run, struct value ref,
                                       struct text *message); /* owned; NULL with a message */
void unknown_kind_text(struct str api_version, struct str kind, struct text *out);
/* Carries the action out and compares its result with `expect` of the arguments (absent: it must
 * have been done). */
enum outcome act_and_judge(struct run *r, struct user_action *own_action, struct value arguments,
                           struct str what, struct text *message);
/* A matcher from {resource} or {apiVersion, kind, selector, namespace} and jq. */
void matcher_of_resource(const struct run *run, struct value resource, struct value jq,
                         struct matcher *ret);
void matcher_of_kind(const struct run *run, struct value arguments, struct matcher *ret);
void count_bounds(struct value arguments, int64_t *ret_least, int64_t *ret_most);
void count_text(int64_t least, int64_t most, struct text *out); /* "exactly 3", "at least 1" */
/* Writes through the user: each object of file or resource in turn. */
enum outcome write_objects(struct run *r, enum user_verb verb, struct value arguments,
                           struct text *message);

#endif
