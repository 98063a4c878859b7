/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `patch`: patches one object with the part of it that is given (JSON merge patch).
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"
#include "scenarios/engine/steps/write.h"

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    return write_objects(r, USER_PATCH, arguments, message);
}

const struct step_kind step_patch = {
    .name = "patch",
    .help = "patches one object with the part of it that is given (JSON merge patch)",
    .example = "patch: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, "
               "spec: {replicas: 2}}}",
    .shape = &write_shape,
    .run = run_step,
};
