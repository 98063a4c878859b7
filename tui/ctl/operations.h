/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations for `wavetank ctl`: from words of the command line or from files to the text that a
 * session does. Everything is checked here, where the places of mistakes are known; files that are
 * named are read here, so that the text holds all of it.
 */
#ifndef TUI_CTL_OPERATIONS_H
#define TUI_CTL_OPERATIONS_H

#include "sim/base/text.h"

/* "power-off node-1"-like words: KIND KEY=VALUE..., as `inject` wants it. */
enum err operation_inject(char **words, size_t count, struct text *out,
                          struct errmsg *message) MUST_CHECK;
/* A fault of a file ("-": standard input), with or without `inject:` around it. */
enum err operation_inject_file(const char *file, struct text *out,
                               struct errmsg *message) MUST_CHECK;
enum err operation_heal(const char *name, struct text *out, struct errmsg *message) MUST_CHECK;
/* Operations or steps of a file. */
enum err operations_of_file(const char *file, struct text *out, struct errmsg *message) MUST_CHECK;
/* Or of text: "scale: {...}". */
enum err operations_of_text(const char *name, struct str text, struct text *out,
                            struct errmsg *message) MUST_CHECK;

#endif
