/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes as text of 64 letters, RFC 4648: the standard form with padding, and the form for URLs and
 * file names without.
 */
#ifndef SIM_BASE_BASE64_H
#define SIM_BASE_BASE64_H

#include "sim/base/text.h"

void base64_add(const uint8_t *bytes, size_t size, struct text *out);
void base64url_add(const uint8_t *bytes, size_t size, struct text *out);
/* False: not of that form; `out` then has what stood before the fault. Standard text may lack its
 * padding and have line ends, as Go reads it; text for URLs has one form for one content, so that
 * nobody makes a second token of one. */
bool base64_decode(struct str s, struct text *out);
bool base64url_decode(struct str s, struct text *out);

#endif
