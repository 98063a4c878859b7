/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `drain`: cordons a node and evicts its pods until none is left, as kubectl drain does.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

static const struct shape_field fields[] = {
    {"node", &shape_string, true, "its name"},
    {"force", &shape_bool, false, "pods without a controller too"},
    {"expect", &expect_shape, false, "it must be refused, so"},
    {"timeout", &shape_duration, false, "30s when absent"},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    struct str node = value_str(value_get_key(arguments, S("node")));
    struct user_action *a =
        user_action_new(USER_DRAIN, object_key_of(resource_get(RESOURCE_nodes), S(""), node));
    a->is_forced = value_as_bool(value_get_key(arguments, S("force")));
    AUTO(text) struct text what = {0};
    text_printf(&what, "unable to drain node \"%.*s\"", STR_ARG(node));
    return act_and_judge(r, a, arguments, text_str(&what), message);
}

const struct step_kind step_drain = {
    .name = "drain",
    .help = "cordons a node and evicts its pods, again every 5 s while a budget refuses",
    .example = "drain: {node: node-1, timeout: 5m}",
    .shape = &shape,
    .run = run_step,
};
