/* SPDX-License-Identifier: Apache-2.0
 *
 * What an object counts against a ResourceQuota: the same sums for the admission that refuses and
 * for the controller that counts anew. Amounts are objects of quantities by quota name: {"pods":
 * "1", "requests.cpu": "100m"}.
 *
 * Source: kubernetes.io/docs/concepts/policy/resource-quotas/
 */
#ifndef CLUSTER_API_QUOTA_H
#define CLUSTER_API_QUOTA_H

#include "cluster/api/resource.h"
#include "cluster/api/value.h"

/* Do the quota's scopes (spec.scopes, spec.scopeSelector) take in the object? Scoped quotas take in
 * pods only. */
bool quota_scopes_match(struct value quota, const struct resource *resource, struct value object);
/* `used` with what the object uses of everything it can be counted by; consumes `own_used`. */
struct value quota_add_usage(struct value own_used, const struct resource *resource,
                             struct value object);
/* The part of `used` that `hard` names, "0" for what is not used; owned. */
struct value quota_mask(struct value used, struct value hard);

#endif
