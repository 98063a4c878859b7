/* SPDX-License-Identifier: Apache-2.0
 *
 * Running counts of the pods of each owner, moved by each pod event, so that a sync need not visit
 * hundreds of pods to learn that one became ready. What the counts cannot say (which pod to delete)
 * is still read from the cache.
 */
#ifndef CLUSTER_CONTROLLERS_REPLICA_TALLY_H
#define CLUSTER_CONTROLLERS_REPLICA_TALLY_H

#include "cluster/api/object.h"

/* Of the owner's pods that have exactly these labels: few sets, as a template gives one and the
 * nodes' zones multiply it. */
struct replica_counts {
    struct value labels;                       /* borrowed */
    uint32_t pods, active, ready, terminating; /* ready: of the active ones */
};
struct replica_tally;
struct replica_tally *replica_tally_new(void);
void replica_tally_free(struct replica_tally *t);
/* The pod as the cache has it after a change; absent: gone. `is_owned`: its controller is of the
 * tally's kind. True when anything changed that the counts show. */
bool replica_tally_see(struct replica_tally *t, const struct object_key *pod_key, struct value pod,
                       bool is_owned);
/* The sets of one owner's pods, until the next change; some may be empty. */
size_t replica_tally_of(const struct replica_tally *t, struct value owner_uid,
                        const struct replica_counts **ret_sets);

#endif
