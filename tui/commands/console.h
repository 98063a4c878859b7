/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person sees of a run on the terminal while it goes on: steps, narration, the timeline in
 * plain words, progress.
 */
#ifndef TUI_COMMANDS_CONSOLE_H
#define TUI_COMMANDS_CONSOLE_H

#include "scenarios/engine/report.h"

struct console;
struct console *console_new(bool is_verbose);
void console_free(struct console *c);
void console_options(struct console *c, struct run_options *options); /* asks to be told of steps */
void console_begin(struct console *c, const struct run *r);
void console_line(struct console *c, struct instant at, struct str line);
/* "PASS node-loss ..." with what was measured, and why it failed. */
void console_result(const struct run *r, const struct measures *m, struct text *out);

#endif
