/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a schema one that a CustomResourceDefinition may have: structural, without what is forbidden,
 * with x-kubernetes-* that make sense, with defaults that are valid.
 *
 *     structural_validate(schema, &path, &errors);
 *
 * Source: kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 * #specifying-a-structural-schema
 */
#ifndef CLUSTER_API_CUSTOM_STRUCTURAL_H
#define CLUSTER_API_CUSTOM_STRUCTURAL_H

#include "cluster/api/status.h"

/* The invariants of structural schemas, sorted by their text as upstream sorts them. */
void structural_check(struct value schema, const struct field_path *path,
                      struct field_errors *errors);
/* Forbidden constructs, list types, validation rules. */
void schema_check(struct value schema, const struct field_path *path, struct field_errors *errors);
/* Defaults by the schema they stand in. */
void schema_check_defaults(struct value schema, const struct field_path *path,
                           struct field_errors *errors);

#endif
