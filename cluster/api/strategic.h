/* SPDX-License-Identifier: Apache-2.0
 *
 * Strategic merge patch: a merge patch that knows which lists are sets or maps, by the patch
 * strategies and merge keys of the schema. Directives: $patch (replace, delete, merge),
 * $retainKeys, $setElementOrder/<list>, $deleteFromPrimitiveList/<list>.
 *
 *     struct value next = strategic_merge(resource->type, value_keep(object), patch, &error);
 *
 * Source: kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/ and
 * the community page on strategic merge patch.
 */
#ifndef CLUSTER_API_STRATEGIC_H
#define CLUSTER_API_STRATEGIC_H

#include "cluster/api/schema.h"
#include "cluster/api/value.h"

/* Owned; absent when the patch is malformed, and then `error` says why in the API server's words.
 * What the patch does not change stays the same word. */
struct value strategic_merge(const struct type_schema *type, struct value own_original,
                             struct value patch, struct text *error);
/* Of an error: is it the client's (400)? Is it told to nobody (422)? Else it is a plain one (500),
 * as upstream has it. */
bool strategic_is_malformed(struct str error);
bool strategic_is_silent(struct str error);

#endif
