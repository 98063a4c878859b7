/* SPDX-License-Identifier: Apache-2.0
 *
 * "A ReplicaSet is linked to its Pods via the Pods' metadata.ownerReferences field ... If there is
 * a Pod that has no OwnerReference or the OwnerReference is not a Controller and it matches a
 * ReplicaSet's selector, it will be immediately acquired" [doc:replicaset#how-it-works]. The same
 * holds of a Deployment and its ReplicaSets, a Job and its pods.
 *
 * An adopting controller first reads itself afresh: it must be the same object (uid) and not be
 * deleted, or a stale cache could hand children to a dying owner. Both patches carry the child's
 * uid, so that a namesake made meanwhile is left alone.
 */
#include "sim/base/base.h"

#include "cluster/controllers/claim.h"

#include "cluster/api/selector.h"

static bool has_all(struct value map, struct value labels)
{
    for (size_t i = 0; i < value_count(map); i++)
        if (!value_equal(value_get(labels, value_key_atom_at(map, i)), value_member_at(map, i)))
            return false;
    return true;
}

bool selector_matches(struct value selector, struct value labels)
{
    return label_selector_object_matches(selector, labels);
}

bool selector_map_matches(struct value map, struct value labels)
{
    return value_count(map) > 0 && has_all(map, labels);
}

struct request *claim_adopt_request(const struct object_key *child_key, struct value child,
                                    const struct resource *owner_resource, struct value owner)
{
    struct value reference = owner_reference_make(owner_resource, owner);
    struct value patch = value_pack("{metadata: {ownerReferences: [%v], uid: %v}}", reference,
                                    value_keep(object_uid(child)));
    return client_patch_request(child_key, PATCH_STRATEGIC, patch, SUBRESOURCE_NONE);
}

struct request *claim_release_request(const struct object_key *child_key, struct value child,
                                      struct value owner)
{
    struct value patch =
        value_pack("{metadata: {ownerReferences: [{\"$patch\": delete, uid: %v}], uid: %v}}",
                   value_keep(object_uid(owner)), value_keep(object_uid(child)));
    return client_patch_request(child_key, PATCH_STRATEGIC, patch, SUBRESOURCE_NONE);
}
