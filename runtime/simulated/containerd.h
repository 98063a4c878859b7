/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated container runtime of one node: a process "containerd@<node>" that answers the verbs
 * of runtime/cri.h and runs program models in virtual time. Containers live in it: they survive a
 * crash of the kubelet and die with the host. Pulled images are on the host's disk and survive.
 *
 *     static const struct runtime_config config = {.node = "node-1", .memory_bytes = 8LL << 30,
 *     ...};
 *     sim_process_add(sim, &(struct process_options){.name = S("containerd@node-1"), .host = h,
 *                            .type = &containerd_process, .config = &config, .restart =
 *                            RESTART_ALWAYS});
 */
#ifndef RUNTIME_SIMULATED_CONTAINERD_H
#define RUNTIME_SIMULATED_CONTAINERD_H

#include "runtime/cri.h"
#include "runtime/traffic.h"

struct runtime_config {
    const char *node;
    const char *pod_cidr;     /* "10.244.1.0/24"; NULL: until CRI_UPDATE_RUNTIME_CONFIG */
    int64_t memory_bytes;     /* of the node */
    int64_t pull_bytes_per_s; /* 0: 50 MiB/s */
    address_id network;       /* where requests out of pods go; 0: nowhere */
    bool images_preloaded;    /* every image of the registry is already there */
};
extern const struct process_type containerd_process;

/* For checkers: uids of the pods whose sandbox is up, one after another from index 0; NULL behind
 * the last. `state` is sim_process_state of the process. */
const char *containerd_pod_uid(const void *state, size_t index);

#endif
