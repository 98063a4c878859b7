/* SPDX-License-Identifier: Apache-2.0
 *
 * The run behind a handle of the library (scenarios/wavetank.h), for code of this tree that looks
 * deeper than the library's users can: the swarm.
 */
#ifndef SCENARIOS_ENGINE_LIBRARY_H
#define SCENARIOS_ENGINE_LIBRARY_H

#include "scenarios/engine/run.h"
#include "scenarios/wavetank.h"

struct run *wavetank_run(struct wavetank *w); /* while the handle lives */

#endif
