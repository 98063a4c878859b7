/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `evict`: asks for the eviction of one pod, which its disruption budget may refuse (429).
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

static const struct shape_field fields[] = {
    {"ref", &reference_shape, true, "the pod"},
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
    text_printf(&what, "eviction of pod %.*s/%.*s", STR_ARG(key->namespace), STR_ARG(key->name));
    return act_and_judge(r, user_action_new(USER_EVICT, key), arguments, text_str(&what), message);
}

const struct step_kind step_evict = {
    .name = "evict",
    .help = "evicts one pod through the eviction subresource",
    .example = "evict: {ref: {apiVersion: v1, kind: Pod, name: web-0}}",
    .shape = &shape,
    .run = run_step,
};
