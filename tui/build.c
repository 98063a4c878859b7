/* SPDX-License-Identifier: Apache-2.0
 *
 * The identity of a build: the version, and a hash of the sources of everything below the terminal,
 * which the Makefile computes (source_id.h).
 */
#include "sim/base/base.h"

#include "tui/build.h"

#include "source_id.h"
#include "tui/commands/commands.h"

const char *build_id(void)
{
    return WAVETANK_VERSION "-" WAVETANK_SOURCE_ID;
}
