/* SPDX-License-Identifier: Apache-2.0
 *
 * "All existing Pods are killed before new ones are created when .spec.strategy.type==Recreate"
 * [doc:deployment#recreate-deployment]: old ReplicaSets go to 0, their pods must be gone (not
 * merely terminating), then the new one appears at full size.
 *
 * Upstream: rolloutRecreate, scaleDownOldReplicaSetsForRecreate, oldPodsRunning.
 */
#include "sim/base/base.h"

#include "cluster/controllers/deployment.h"

#include "cluster/api/object.h"
#include "cluster/controllers/pod_state.h"

bool plan_recreate_down(struct rollout *r)
{
    bool is_any = false;
    for (size_t i = 0; i < r->count; i++) {
        if (i == r->new || r->all[i].replicas == 0)
            continue;
        r->all[i].target = 0;
        is_any = true;
    }
    return is_any;
}

bool recreate_must_wait(const struct rollout *r)
{
    struct informer *pods = controller_informer(r->sync->controller, RESOURCE_pods);
    informer_index by_owner = informer_add_index(pods, informer_terms_controller_uid);
    for (size_t i = 0; i < r->count; i++) {
        if (i == r->new)
            continue;
        if (r->all[i].actual > 0)
            return true;
        struct str uid = value_str(object_uid(r->all[i].rs));
        for (struct informer_cursor p = informer_first_with(pods, by_owner, uid); p.key;
             informer_next(&p))
            if (!pod_is_finished(p.object))
                return true;
    }
    return false;
}
