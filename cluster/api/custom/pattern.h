/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions as Go reads them (RE2's syntax).
 *
 *     AUTO(text) struct text why = {0};
 *     if (!pattern_is_valid(S("^[a-z]+$"), &why))
 *         ... "error parsing regexp: ..." ...
 *     if (!pattern_matches(pattern, name)) ...                anywhere, unless it is anchored
 */
#ifndef CLUSTER_API_CUSTOM_PATTERN_H
#define CLUSTER_API_CUSTOM_PATTERN_H

#include "sim/base/text.h"

bool pattern_is_valid(struct str pattern, struct text *ret_why); /* ret_why: Go's message */
/* False also for a pattern that is not valid. */
bool pattern_matches(struct str pattern, struct str subject);
/* The first match from `from` on. */
bool pattern_find(struct str pattern, struct str subject, size_t from, size_t *ret_start,
                  size_t *ret_end);

#endif
