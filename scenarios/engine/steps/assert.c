/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `assert`: an object becomes what a partial resource says, within the time-out. A failure
 * shows what is missing from the object that comes nearest, and what the timeline said about it
 * last.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "scenarios/engine/steps.h"

static const struct shape_field fields[] = {
    {"resource", &shape_resource, true,
     "a partial resource; without metadata.name any object of the kind may match"},
    {"jq", &shape_jq, false, "must be true of the same object"},
    {"timeout", &shape_duration, false, "30s when absent"},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

static bool has_matched(void *owner)
{
    return tally_count(owner) > 0;
}

static void explain(const struct run *r, const struct matcher *m, struct value arguments,
                    struct text *message)
{
    text_add(message, S("no match within the time-out for "));
    matcher_text(m, message);
    struct value nearest = VALUE_ABSENT;
    for (struct view_cursor c =
             view_first(r->view, matcher_resource(m, r->view), value_str(m->namespace));
         c.key; view_next(&c)) {
        bool is_named = !value_is_present(m->name) || str_equal(value_str(m->name), c.key->name);
        if (is_named && !value_is_present(nearest))
            nearest = c.object;
    }
    if (!value_is_present(nearest)) {
        text_add(message, S("\n      there is no such object"));
        return;
    }
    AUTO(text) struct text difference = {0};
    partial_difference(m->partial, nearest, &difference);
    text_printf(message, "\n      %.*s:", STR_ARG(value_str(object_name(nearest))));
    struct str rest = text_str(&difference);
    while (rest.size) {
        struct str line = str_cut(rest, '\n', &rest);
        text_printf(message, "\n      %.*s", STR_ARG(line));
    }
    if (!difference.size)
        text_printf(message, "\n      jq is not true: %.*s",
                    STR_ARG(value_str(value_get_key(arguments, S("jq")))));
    run_explain(r, value_str(object_name(nearest)), message);
}

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    struct matcher m;
    matcher_of_resource(r, value_get_key(arguments, S("resource")),
                        value_get_key(arguments, S("jq")), &m);
    struct tally *t = tally_new(r->view, &m);
    bool matched = run_until(r, has_matched, t, run_deadline(r, arguments));
    if (!matched)
        explain(r, tally_matcher(t), arguments, message);
    tally_free(t);
    return matched ? OUTCOME_PASSED : OUTCOME_FAILED;
}

const struct step_kind step_assert = {
    .name = "assert",
    .help = "an object becomes what a partial resource says, within the time-out",
    .example = "assert: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, "
               "status: {readyReplicas: 3}}}",
    .shape = &shape,
    .run = run_step,
};
