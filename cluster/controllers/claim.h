/* SPDX-License-Identifier: Apache-2.0
 *
 * Ownership of children: who matches a selector, who is adopted, who is released. A child belongs
 * to one controller at most; an orphan that matches is adopted after a live look at the owner, a
 * child that no longer matches is released.
 *
 * Upstream: pkg/controller/controller_ref_manager.go.
 */
#ifndef CLUSTER_CONTROLLERS_CLAIM_H
#define CLUSTER_CONTROLLERS_CLAIM_H

#include "cluster/api/object.h"
#include "cluster/client/controller.h"

/* A LabelSelector object on labels: absent matches nothing, empty matches everything. */
bool selector_matches(struct value selector, struct value labels);
/* A plain map (Service, ReplicationController): absent or empty matches nothing. */
bool selector_map_matches(struct value map, struct value labels);

/* The merge patch that makes `owner` the controller of a child, or takes it away; both guarded by
 * the child's uid. */
struct request *claim_adopt_request(const struct object_key *child_key, struct value child,
                                    const struct resource *owner_resource, struct value owner);
struct request *claim_release_request(const struct object_key *child_key, struct value child,
                                      struct value owner);

#endif
