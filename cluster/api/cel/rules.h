/* SPDX-License-Identifier: Apache-2.0
 *
 * x-kubernetes-validations: CEL rules of a structural schema, checked when the definition is written
 * and run when an object is.
 *
 *     rules_check(schema, object, old, &errors);
 *
 * Source: kubernetes.io/docs/reference/using-api/cel/ and
 * kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 * #validation-rules
 */
#ifndef CLUSTER_API_CEL_RULES_H
#define CLUSTER_API_CEL_RULES_H

#include "cluster/api/status.h"

bool schema_has_rules(struct value schema);
/* `old` absent: a creation; transition rules are left out then. */
void rules_check(struct value schema, struct value object, struct value old,
                 struct field_errors *errors);
/* The rules of one schema node, as they stand in a definition, at its path. `uncorrelatable`: the
 * path of the ancestor within which oldSelf cannot be found; NULL: it can. */
void rules_compile(struct value schema, bool is_root, const struct field_path *path,
                   const char *uncorrelatable, struct field_errors *errors);

#endif
