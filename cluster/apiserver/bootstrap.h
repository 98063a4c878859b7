/* SPDX-License-Identifier: Apache-2.0
 *
 * What an API server does by itself: the post-start hooks that create a fresh cluster's objects,
 * the lease endpoint reconciler of Service kubernetes, the identity lease, the compaction of etcd.
 */
#ifndef CLUSTER_APISERVER_BOOTSTRAP_H
#define CLUSTER_APISERVER_BOOTSTRAP_H

#include "cluster/apiserver/server.h"

void bootstrap_start(struct apiserver *s, struct step *step);
void bootstrap_timer(struct apiserver *s, struct step *step, enum apiserver_timer timer);
void bootstrap_stop(struct apiserver *s, struct step *step); /* SIGTERM: out of the endpoints */
void bootstrap_release(struct apiserver *s);

/* The rules of a row of bootstrap_policy.def; an owned array. */
struct value policy_rules(struct str content);
/* A role or binding with what it lacks of the expected one (owned); equal when it lacks nothing. */
struct value policy_reconcile(struct value existing, struct value expected);

#endif
