/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of the steps that write objects.
 */
#ifndef SCENARIOS_ENGINE_STEPS_WRITE_H
#define SCENARIOS_ENGINE_STEPS_WRITE_H

#include "scenarios/engine/shape.h"

extern const struct shape write_shape;

#endif
