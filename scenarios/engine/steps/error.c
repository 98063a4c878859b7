/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `error`: nothing matches. What matches at the start has to stop matching within the time-out
 * (so that it can follow a deletion); from then on, until the time-out has passed, nothing may
 * match.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

static const struct shape_field fields[] = {
    {"resource", &shape_resource, true, "a partial resource"},
    {"jq", &shape_jq, false, "must be true of the same object to match"},
    {"timeout", &shape_duration, false, "how long nothing may match; 30s when absent"},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

static bool matches(void *owner)
{
    return tally_count(owner) > 0;
}

static bool matches_not(void *owner)
{
    return tally_count(owner) == 0;
}

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    struct matcher m;
    matcher_of_resource(r, value_get_key(arguments, S("resource")),
                        value_get_key(arguments, S("jq")), &m);
    struct tally *t = tally_new(r->view, &m);
    struct instant deadline = run_deadline(r, arguments);
    bool went = run_until(r, matches_not, t, deadline);
    bool came = went && run_until(r, matches, t, deadline);
    if (!went || came) {
        text_add(message, went ? S("matched although it must not: ")
                               : S("still matches at the end of the time-out: "));
        matcher_text(tally_matcher(t), message);
    }
    tally_free(t);
    return !went || came ? OUTCOME_FAILED : OUTCOME_PASSED;
}

const struct step_kind step_error = {
    .name = "error",
    .help = "nothing matches a partial resource until the time-out has passed",
    .example =
        "error: {resource: {apiVersion: v1, kind: Pod, metadata: {name: web-0}}, timeout: 10s}",
    .shape = &shape,
    .run = run_step,
};
