/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of custom kinds: the columns that the definition adds to the name, each a JSONPath.
 *
 *     struct value v = json_path_first(S(".status.conditions[?(@.type==\"Ready\")].status"), o);
 *     custom_cells_print(kind, object, &cells);
 */
#ifndef CLUSTER_API_CUSTOM_COLUMNS_H
#define CLUSTER_API_CUSTOM_COLUMNS_H

#include "cluster/api/custom/definition.h"
#include "cluster/api/printers/printers.h"

/* The first value that the path finds; absent: none, or the path is none. Borrowed. */
struct value json_path_first(struct str path, struct value object);

void custom_cells_print(const struct custom_kind *k, struct value object, struct cells *c);
/* The elements of columnDefinitions, separated by commas. */
void custom_columns_write(const struct custom_kind *k, struct text *out);

#endif
