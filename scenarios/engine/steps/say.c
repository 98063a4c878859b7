/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `say`: a sentence of the narration.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    (void)message;
    if (r->options.said)
        r->options.said(r->options.owner, r, value_str(arguments));
    return OUTCOME_PASSED;
}

const struct step_kind step_say = {
    .name = "say",
    .help = "tells the reader what comes",
    .example = "say: Now the power of node-1 goes.",
    .shape = &shape_string,
    .run = run_step,
};
