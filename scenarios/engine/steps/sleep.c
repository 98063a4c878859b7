/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `sleep`: lets virtual time pass.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    struct duration d = {0};
    (void)message;
    if (value_kind(arguments) == VALUE_STRING)
        CHECK(duration_parse(value_str(arguments), &d));
    run_for(r, d);
    return OUTCOME_PASSED;
}

const struct step_kind step_sleep = {
    .name = "sleep",
    .help = "lets virtual time pass",
    .example = "sleep: 30s",
    .shape = &shape_duration,
    .run = run_step,
};
