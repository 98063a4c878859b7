/* SPDX-License-Identifier: Apache-2.0
 *
 * x-kubernetes-validations (rules.h).
 */
#include "sim/base/base.h"

#include "cluster/api/cel/rules.h"

#include "cluster/api/custom/definition.h"

bool schema_has_rules(struct value schema)
{
    if (value_count(VALUE_GET(schema, x_kubernetes_validations)) > 0)
        return true;
    struct value properties = VALUE_GET(schema, properties);
    for (size_t i = 0; i < value_count(properties); i++)
        if (schema_has_rules(value_member_at(properties, i)))
            return true;
    struct value items = schema_items(schema), additional = schema_additional(schema);
    return (value_is_present(items) && schema_has_rules(items)) ||
           (value_is_present(additional) && schema_has_rules(additional));
}

void rules_check(struct value schema, struct value object, struct value old,
                 struct field_errors *errors)
{
    (void)schema; (void)object; (void)old; (void)errors;
}

void rules_compile(struct value schema, const struct field_path *path, const char *uncorrelatable,
                   struct field_errors *errors)
{
    (void)schema; (void)path; (void)uncorrelatable; (void)errors;
}
