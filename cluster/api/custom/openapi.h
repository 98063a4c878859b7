/* SPDX-License-Identifier: Apache-2.0
 *
 * The schema of a custom kind as OpenAPI documents show it: the definition's own, with apiVersion,
 * kind and metadata put in.
 *
 *     custom_kind_openapi(kind, "#/components/schemas/", &out);
 */
#ifndef CLUSTER_API_CUSTOM_OPENAPI_H
#define CLUSTER_API_CUSTOM_OPENAPI_H

#include "cluster/api/custom/definition.h"
#include "sim/base/text.h"

/* `references`: how references to other types begin; "#/definitions/" also says that it is version
 * 2, which has no oneOf and its kin. */
void custom_kind_openapi(const struct custom_kind *k, const char *references, struct text *out);

#endif
