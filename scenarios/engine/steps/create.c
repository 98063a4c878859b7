/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `create`: creates objects as kubectl create does.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"
#include "scenarios/engine/steps/write.h"

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    return write_objects(r, USER_CREATE, arguments, message);
}

const struct step_kind step_create = {
    .name = "create",
    .help = "creates objects as kubectl create does",
    .example = "create: {file: web.yaml}",
    .shape = &write_shape,
    .run = run_step,
};
