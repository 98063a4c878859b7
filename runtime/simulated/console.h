/* SPDX-License-Identifier: Apache-2.0
 *
 * The standard input of a process that somebody may type to: a plain stream, or a terminal with its
 * line discipline.
 *
 *     struct console c = {.has_terminal = true};
 *     console_feed(&c, S("ls\r"), &echo);          what to show the typist
 *     if (c.interrupts > 0) ...                    Ctrl-C: the caller's to deliver, then 0 again
 *     end = console_take(&c, true, &line);         "ls\n"; true: the end of the input
 */
#ifndef RUNTIME_SIMULATED_CONSOLE_H
#define RUNTIME_SIMULATED_CONSOLE_H

#include "sim/base/text.h"
#include "sim/base/vec.h"

#define CONSOLE_LINE_MAX ((size_t)4096)     /* as Linux' terminals have it */
#define CONSOLE_INPUT_MAX ((size_t)256 << 20) /* not taken yet: what is beyond is dropped */
#define CONSOLE_HISTORY_MAX ((size_t)100)

struct console {
    struct text input; /* for the program, not taken yet */
    bool has_ended;    /* nothing more comes */
    bool has_terminal;
    bool has_end_mark; /* of a terminal: Ctrl-D, the end of what is read now */
    uint32_t interrupts;
    struct text line; /* being typed */
    size_t cursor;
    VEC(char *) history;
    size_t history_at; /* history.count: the line that is being typed */
    uint8_t escape;    /* of a key's sequence: how much has come */
    int width; /* of the typist's window; 0: not known */
};
void console_feed(struct console *c, struct str bytes, struct text *echo);
/* {"Width":80,"Height":24} */
void console_resize(struct console *c, struct str json);
/* Nobody types any more. */
void console_end(struct console *c);
/* Moves what is there, or its first line, to `out`; true: the end of the input, nothing was
 * there. */
bool console_take(struct console *c, bool one_line, struct text *out);
/* What a program writes as it shows: a terminal begins each line at its left. */
void console_show(const struct console *c, struct str bytes, struct text *out);
void console_release(struct console *c);

#endif
