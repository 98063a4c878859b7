/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `apply`: writes objects as kubectl apply does, client-side or server-side.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"
#include "scenarios/engine/steps/write.h"

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    return write_objects(r, USER_APPLY, arguments, message);
}

const struct step_kind step_apply = {
    .name = "apply",
    .help = "writes objects as kubectl apply does, client-side or server-side",
    .example = "apply: {file: web.yaml}",
    .shape = &write_shape,
    .run = run_step,
};
