/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `request`: an HTTP request from a pod, a node or from outside.
 *
 * DEVIATION: the network of Services and DNS is not part of this build; the step fails and says so.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

static const struct shape_field from_fields[] = {
    {"pod", &shape_string, false, "from inside this pod"},
    {"node", &shape_string, false, "from this node"},
    {"namespace", &shape_string, false, "of the pod"},
};
static bool is_source(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_add(expected, S("outside, {pod: NAME} or {node: NAME}"));
    if (value_kind(v) == VALUE_STRING)
        return value_is(v, "outside");
    if (value_kind(v) != VALUE_OBJECT)
        return false;
    for (size_t i = 0; i < value_count(v); i++) {
        bool is_known = false;
        for (size_t j = 0; j < ARRAY_COUNT(from_fields); j++)
            is_known |= str_equal(value_key_at(v, i), str_from(from_fields[j].name));
        if (!is_known || value_kind(value_member_at(v, i)) != VALUE_STRING)
            return false;
    }
    return value_is_present(value_get_key(v, S("pod"))) !=
           value_is_present(value_get_key(v, S("node")));
}
static const struct shape from_shape = {.kind = SHAPE_ANY, .holds = is_source};
static const struct shape_field expect_fields[] = {
    {"status", &shape_integer, false, "the HTTP status"},
    {"body", &shape_string, false, "a part of the body"},
    {"error", &shape_string, false, "no answer: refused, timeout, unreachable, no-name"},
};
static const struct shape answer_shape = {
    .kind = SHAPE_OBJECT, .fields = expect_fields, .field_count = ARRAY_COUNT(expect_fields)};
static const struct shape_field fields[] = {
    {"from", &from_shape, true, "a pod, a node or outside"},
    {"to", &shape_string, true, "the URL"},
    {"expect", &answer_shape, false, "what must be answered; status 200 when absent"},
    {"timeout", &shape_duration, false, "30s when absent"},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    (void)r;
    text_printf(message, "request to %.*s: not available: this build has no pod network",
                STR_ARG(value_str(value_get_key(arguments, S("to")))));
    return OUTCOME_FAILED;
}

const struct step_kind step_request = {
    .name = "request",
    .help = "sends an HTTP request and judges the answer",
    .example = "request: {from: {pod: client}, to: \"http://web.default/\", expect: {status: 200}, "
               "timeout: 5s}",
    .shape = &shape,
    .run = run_step,
};
