/* SPDX-License-Identifier: Apache-2.0
 *
 * Leader election by a Lease: acquire, renew, lose (lease 15 s, renew deadline 10 s, retry 2 s).
 * Expiry is judged by the instants at which this process saw the record change, on its own
 * monotonic clock, never by the times in the record.
 *
 * Source: k8s.io/client-go/tools/leaderelection.
 */
#ifndef CLUSTER_CLIENT_LEADER_ELECTION_H
#define CLUSTER_CLIENT_LEADER_ELECTION_H

#include "cluster/client/client.h"

struct leader_election;
struct leader_election_options {
    struct str component; /* says "became leader" in an Event; empty: nobody does */
    struct str name;      /* of the Lease in kube-system: "kube-scheduler" */
    struct str identity;  /* the host; "_<uuid>" is added, another at each start */
    struct duration lease_duration, renew_deadline, retry_period; /* 0: the defaults */
    void (*started)(void *owner, struct step *step);              /* we lead */
    void (*stopped)(void *owner, struct step *step); /* we led; real binaries exit now */
    void *owner;
};
struct leader_election *leader_election_new(struct client *client,
                                            const struct leader_election_options *options);
void leader_election_free(struct leader_election *e);
void leader_election_start(struct leader_election *e, struct step *step);
bool leader_election_is_leader(const struct leader_election *e);

#endif
