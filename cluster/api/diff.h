/* SPDX-License-Identifier: Apache-2.0
 *
 * What differs between two values, for people: one line a difference, in order of the paths.
 * Identical parts cost one comparison.
 *
 *     spec.replicas: 3 -> 4
 *     metadata.labels.app: "web" -> (absent)
 *     status.conditions[1]: (absent) -> {"status":"True","type":"Ready"}
 */
#ifndef CLUSTER_API_DIFF_H
#define CLUSTER_API_DIFF_H

#include "cluster/api/value.h"

/* Called for each place where the two differ and cannot both be descended into; absent: not there.
 * False ends it. */
typedef bool (*diff_visit_fn)(void *owner, struct str path, struct value from, struct value to);
void value_diff(struct value from, struct value to, diff_visit_fn visit, void *owner);

/* At most `lines_max` lines, then "... and N more"; each value at most DIFF_VALUE_SIZE_MAX bytes
 * long. Nothing when equal. Returns the number of differences. */
#define DIFF_VALUE_SIZE_MAX 200
size_t value_diff_text(struct value from, struct value to, size_t lines_max, struct text *out);

#endif
