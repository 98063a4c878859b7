/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `heal`: a fault ends.
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"
#include "scenarios/engine/steps.h"

static const struct shape_field fields[] = {
    {"name", &shape_string, true, "of the fault, as inject gave it"}};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    bool healed = fault_heal(r, value_str(value_get_key(arguments, S("name"))), message);
    return healed ? OUTCOME_PASSED : OUTCOME_FAILED;
}

const struct step_kind step_heal = {
    .name = "heal",
    .help = "a fault ends",
    .example = "heal: {name: power}",
    .shape = &shape,
    .run = run_step,
};
