/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `scale`: sets the replicas of a workload through its scale subresource.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

static const struct shape_field fields[] = {
    {"ref", &reference_shape, true, "the workload"},
    {"replicas", &shape_count, true, "how many it shall have"},
    {"expect", &expect_shape, false, "it must be refused, so"},
    {"timeout", &shape_duration, false, "30s when absent"},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    const struct object_key *key = reference_key(r, value_get_key(arguments, S("ref")), message);
    if (!key)
        return OUTCOME_FAILED;
    AUTO(text) struct text what = {0};
    text_printf(&what, "%.*s/%.*s", STR_ARG(key->resource->qualified), STR_ARG(key->name));
    struct user_action *a = user_action_new(USER_SCALE, key);
    a->replicas = value_as_integer(value_get_key(arguments, S("replicas")), 0);
    return act_and_judge(r, a, arguments, text_str(&what), message);
}

const struct step_kind step_scale = {
    .name = "scale",
    .help = "sets the replicas of a workload",
    .example = "scale: {ref: {apiVersion: apps/v1, kind: Deployment, name: web}, replicas: 5}",
    .shape = &shape,
    .run = run_step,
};
