/* SPDX-License-Identifier: Apache-2.0
 *
 * A stable merge sort. The comparator must be total up to true equality: end it in a name or an id.
 *
 *     sort_stable(items, count, sizeof(items[0]), by_age, context);
 */
#ifndef SIM_BASE_SORT_H
#define SIM_BASE_SORT_H

#include "sim/base/base.h"

typedef int (*sort_compare_fn)(const void *a, const void *b, void *context);
void sort_stable(void *items, size_t count, size_t size, sort_compare_fn compare, void *context);
int sort_by_bytes(const void *a, const void *b, void *unused); /* of `struct str` */

#endif
