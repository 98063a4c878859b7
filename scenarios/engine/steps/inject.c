/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `inject`: a fault begins. It stays until it is healed or its duration is over.
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"
#include "scenarios/engine/steps.h"

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    return fault_inject(r, arguments, message) ? OUTCOME_PASSED : OUTCOME_FAILED;
}

const struct step_kind step_inject = {
    .name = "inject",
    .help = "a fault begins; it stays until healed or for its duration",
    .example =
        "inject: {name: power, nodeChaos: {action: power-off, nodes: [node-1]}, duration: 10m}",
    .shape = &inject_shape,
    .run = run_step,
};
