/* SPDX-License-Identifier: Apache-2.0
 *
 * Running counts of the pods of each owner, moved by each pod event, so that a sync need not visit hundreds of pods to
 * learn that one became ready. What the counts cannot say (which pod to delete) is still read from the cache.
 */
#ifndef CLUSTER_CONTROLLERS_REPLICA_TALLY_H
#define CLUSTER_CONTROLLERS_REPLICA_TALLY_H

#include "cluster/api/object.h"

struct replica_counts {
    int64_t active, ready, terminating; /* ready: of the active ones */
    bool has_one_label_set;             /* all of them have equal labels: `labels` */
    struct value labels;                /* borrowed; absent when there are none */
};
struct replica_tally;
struct replica_tally *replica_tally_new(void);
void replica_tally_free(struct replica_tally *t);
/* The pod as the cache has it after a change; absent: gone. `is_owned`: its controller is of the tally's kind. True when
 * anything changed that the counts show. */
bool replica_tally_see(struct replica_tally *t, const struct object_key *pod_key, struct value pod, bool is_owned);
struct replica_counts replica_tally_of(const struct replica_tally *t, struct value owner_uid);

#endif
