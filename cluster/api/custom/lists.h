/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists that are sets or maps, and embedded resources: what a structural schema asks for beyond
 * OpenAPI's own validations.
 */
#ifndef CLUSTER_API_CUSTOM_LISTS_H
#define CLUSTER_API_CUSTOM_LISTS_H

#include "cluster/api/status.h"

/* Items of a set are different, items of a map have different keys. */
void check_list_keys(struct value schema, struct value v, const struct field_path *path,
                     struct field_errors *errors);
/* An embedded resource says its apiVersion and kind. */
void check_embedded(struct value schema, struct value v, const struct field_path *path,
                    struct field_errors *errors);
/* The item of an old list that is the same one as `item`, by the keys of a map; absent: none. */
struct value list_counterpart(struct value schema, struct value old_list, struct value item);

#endif
