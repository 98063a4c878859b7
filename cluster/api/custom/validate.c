/* SPDX-License-Identifier: Apache-2.0
 */
#include "sim/base/base.h"

#include "cluster/api/custom/validate.h"

void schema_validate(struct value schema, struct value object, struct value old,
                     struct field_errors *errors)
{
    (void)schema; (void)object; (void)old; (void)errors;
}
void schema_validate_value(struct value schema, struct value v, const struct field_path *path,
                           struct field_errors *errors)
{
    (void)schema; (void)v; (void)path; (void)errors;
}
