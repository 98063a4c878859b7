/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `update`: replaces objects as kubectl replace does.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"
#include "scenarios/engine/steps/write.h"

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    return write_objects(r, USER_UPDATE, arguments, message);
}

const struct step_kind step_update = {
    .name = "update",
    .help = "replaces objects as kubectl replace does",
    .example = "update: {file: web.yaml}",
    .shape = &write_shape,
    .run = run_step,
};
