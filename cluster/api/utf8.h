/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 as Go decodes it: a byte that begins no valid sequence is one U+FFFD.
 */
#ifndef CLUSTER_API_UTF8_H
#define CLUSTER_API_UTF8_H

#include "sim/base/text.h"

#define UTF8_REPLACEMENT 0xfffdu

/* The first rune of s, which is not empty; returns its size. Invalid: U+FFFD and 1. */
size_t utf8_decode(struct str s, uint32_t *ret_rune);
int64_t utf8_count(struct str s); /* of runes; each invalid byte is one */
void utf8_add(struct text *out, uint32_t rune); /* surrogates and what is beyond Unicode: U+FFFD */

#endif
