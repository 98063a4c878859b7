/* SPDX-License-Identifier: Apache-2.0
 *
 * The edge of the program: the clock on the wall, what the process used, files, the terminal.
 * Nothing below knows it.
 */
#ifndef TUI_EDGE_H
#define TUI_EDGE_H

#include "sim/base/text.h"

int64_t edge_wall_us(void);       /* counts from anywhere */
int64_t edge_wall_clock_ns(void); /* since 1970 */
/* Who listens on the port, as "wavetank (process 123)"; false: not to be found out. */
bool edge_port_holder(uint16_t port, struct text *out);
int64_t edge_cpu_us(void);
int64_t edge_peak_rss_bytes(void);
bool edge_is_terminal(void);  /* standard output */
bool edge_wants_colour(void); /* a terminal, and NO_COLOR is not set */
enum err edge_write_file(const char *file, struct str text, struct errmsg *message) MUST_CHECK;
/* Does the file say that it is a Scenario? */
bool edge_is_scenario(const char *file);
/* The manifests that an argument names, as kubectl takes them: itself, or the *.yaml, *.yml and
 * *.json of a folder, sorted. Calls `found` for each. */
enum err edge_list_manifests(const char *path, void (*found)(void *owner, const char *file),
                             void *owner, struct errmsg *message) MUST_CHECK;
/* The scenario files that an argument names: itself, or the *.yaml and *.yml of a folder, sorted,
 * without those of other kinds. Calls `found` for each. */
enum err edge_list_scenarios(const char *path, void (*found)(void *owner, const char *file),
                             void *owner, struct errmsg *message) MUST_CHECK;

#endif
