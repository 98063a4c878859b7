/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the timeline that processes write with step_trace.
 */
#ifndef SCENARIOS_ENGINE_TIMELINE_H
#define SCENARIOS_ENGINE_TIMELINE_H

#include "sim/sim.h"

/* The last lines that contain `name`, at most `most`, oldest first, each after `indent`. */
void timeline_last_lines(const struct sim *sim, struct str name, size_t most, struct str indent,
                         struct text *out);

#endif
