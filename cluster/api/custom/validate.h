/* SPDX-License-Identifier: Apache-2.0
 *
 * Values against a structural schema: the validations of OpenAPI v3 (types, ranges, lengths,
 * patterns, formats, enumerations, required members, allOf and its kin), lists that are sets or
 * maps, embedded resources, and CEL rules.
 *
 *     schema_validate(kind->schema, object, old, false, &errors);
 *
 * Ratcheting: what was wrong before and has not changed is not held against an update.
 *
 * Source: kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 * #validation; messages of kube-openapi's validate.
 */
#ifndef CLUSTER_API_CUSTOM_VALIDATE_H
#define CLUSTER_API_CUSTOM_VALIDATE_H

#include "cluster/api/status.h"

/* A whole object, of which only the status may have changed when it `is_status`; `old` absent: a
 * creation. */
void schema_validate(struct value schema, struct value object, struct value old, bool is_status,
                     struct field_errors *errors);
/* What comes after that: embedded resources, lists that are sets or maps, rules, unless errors so
 * far keep those from being asked. */
void schema_validate_further(struct value schema, struct value object, struct value old,
                             bool is_status, struct field_errors *errors);
/* A part, such as a default, at `path`. */
void schema_validate_value(struct value schema, struct value v, const struct field_path *path,
                           struct field_errors *errors);

#endif
