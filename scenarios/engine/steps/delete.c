/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `delete`: deletes an object and goes on as soon as the API server has accepted it; `wait`
 * with `for: delete` waits until it is gone.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

static const char *const propagations[] = {"Background", "Foreground", "Orphan", NULL};
static const struct shape propagation_shape = {.kind = SHAPE_ENUM, .choices = propagations};
static const struct shape_field fields[] = {
    {"ref", &reference_shape, true, "the object"},
    {"gracePeriodSeconds", &shape_count, false, "instead of the object's own; 0 forces it"},
    {"propagationPolicy", &propagation_shape, false,
     "what becomes of its dependents; Background when absent"},
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
    struct user_action *a = user_action_new(USER_DELETE, key);
    struct value policy = value_get_key(arguments, S("propagationPolicy"));
    a->grace_seconds = value_as_integer(value_get_key(arguments, S("gracePeriodSeconds")), -1);
    a->propagation = value_is(policy, "Foreground") ? PROPAGATION_FOREGROUND
                     : value_is(policy, "Orphan")   ? PROPAGATION_ORPHAN
                                                    : PROPAGATION_BACKGROUND;
    return act_and_judge(r, a, arguments, text_str(&what), message);
}

const struct step_kind step_delete = {
    .name = "delete",
    .help = "deletes an object; does not wait until it is gone",
    .example = "delete: {ref: {apiVersion: v1, kind: Pod, name: web-0}}",
    .shape = &shape,
    .run = run_step,
};
