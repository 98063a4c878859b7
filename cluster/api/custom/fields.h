/* SPDX-License-Identifier: Apache-2.0
 *
 * A custom kind's structural schema as server-side apply asks for types
 * (cluster/api/fields/type.h).
 */
#ifndef CLUSTER_API_CUSTOM_FIELDS_H
#define CLUSTER_API_CUSTOM_FIELDS_H

#include "cluster/api/custom/definition.h"
#include "cluster/api/fields/type.h"

/* Of a whole object; valid as long as the kind is. */
struct fields_type custom_fields_type(const struct custom_kind *k);

#endif
