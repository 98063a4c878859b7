/* SPDX-License-Identifier: Apache-2.0
 *
 * A load instead of steps: all pods of a file are created as fast as the API server takes them; the
 * run ends when each pod runs, has ended, or was found to be unschedulable.
 */
#ifndef SCENARIOS_ENGINE_LOAD_H
#define SCENARIOS_ENGINE_LOAD_H

#include "scenarios/engine/run.h"

#define LOAD_SECONDS_MAX 86400

/* A scenario of these nodes and no steps. */
struct scenario *load_scenario(struct str nodes_file, struct errmsg *message);
enum outcome run_load(struct run *r, const struct documents *pods);

#endif
