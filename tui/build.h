/* SPDX-License-Identifier: Apache-2.0
 *
 * Which build this is: two programs of the same sources have the same identity, whatever compiler
 * and options made them, and give the same runs.
 */
#ifndef TUI_BUILD_H
#define TUI_BUILD_H

const char *build_id(void); /* "0.1.0-5c1d..." */

#endif
