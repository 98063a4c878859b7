/* SPDX-License-Identifier: Apache-2.0
 *
 * Values against a structural schema: the validations of OpenAPI v3 (types, ranges, lengths,
 * patterns, formats, enumerations, required members, allOf and its kin), lists that are sets or
 * maps, embedded resources, and CEL rules.
 *
 *     schema_validate(kind->schema, object, old, &errors);
 *
 * Ratcheting: what was wrong before and has not changed is not held against an update.
 *
 * Source: kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 * #validation; messages of kube-openapi's validate.
 */
#ifndef CLUSTER_API_CUSTOM_VALIDATE_H
#define CLUSTER_API_CUSTOM_VALIDATE_H

#include "cluster/api/status.h"

/* A whole object; `old` absent: a creation. */
void schema_validate(struct value schema, struct value object, struct value old,
                     struct field_errors *errors);
/* A part, such as a default, at `path`. */
void schema_validate_value(struct value schema, struct value v, const struct field_path *path,
                           struct field_errors *errors);

#endif
