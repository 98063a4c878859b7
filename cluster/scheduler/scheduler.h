/* SPDX-License-Identifier: Apache-2.0
 *
 * kube-scheduler: decides on which node a pod runs, and says so by a Binding.
 *
 * One process, several may run; one leads (Lease kube-system/kube-scheduler). It reads pods and
 * nodes through informers, keeps its own cache of what each node has left, and writes through the
 * API only.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/ and scheduling-framework/
 */
#ifndef CLUSTER_SCHEDULER_SCHEDULER_H
#define CLUSTER_SCHEDULER_SCHEDULER_H

#include "cluster/api/request.h"
#include "sim/sim.h"

/* Flags of the real binary that this one heeds; 0 stands for the default in parentheses. */
struct scheduler_flags {
    int kube_api_qps;   /* 50 */
    int kube_api_burst; /* 100 */
    bool leader_elect_off;
    int percentage_of_nodes_to_score;                     /* 0: adaptive */
    struct duration pod_initial_backoff, pod_max_backoff; /* 1 s, 10 s */
    /* How long one scheduling cycle keeps the scheduler busy. The real one's depends on the
     * machine. */
    struct duration cycle_time; /* 300 us */
};

struct scheduler_config {
    struct str name;     /* of the process: "kube-scheduler-0" */
    struct str identity; /* in the Lease and in events' reportingInstance: the host's name */
    address_id server;
    const struct credential *credential;
    struct scheduler_flags flags;
};
extern const struct process_type scheduler_process;

#endif
