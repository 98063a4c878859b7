/* SPDX-License-Identifier: Apache-2.0
 *
 * The kubelet of one node: registers its Node, keeps its Lease and status, runs the pods bound to
 * it through the container runtime of the same host (runtime/cri.h) and reports what it sees. One
 * process type:
 *
 *     static const struct kubelet_config config = {.node = "node-1", .cpu_milli = 4000,
 *     .memory_bytes = 16LL << 30, ...};
 *     sim_process_add(sim, &(struct process_options){.name = S("kubelet@node-1"), .host = h,
 *                            .type = &kubelet_process, .config = &config, .restart =
 *                            RESTART_ALWAYS});
 */
#ifndef CLUSTER_KUBELET_KUBELET_H
#define CLUSTER_KUBELET_KUBELET_H

#include "cluster/client/client.h"
#include "sim/base/text.h"
#include "sim/sim.h"

/* Flags by the real names of KubeletConfiguration; 0: the default of the table in flags.def. */
struct kubelet_flags {
#define KUBELET_FLAG(name, text, value, help) int64_t name;
#include "cluster/kubelet/flags.def"
#undef KUBELET_FLAG
};
void kubelet_flags_defaults(struct kubelet_flags *f);
/* By the name as in the real configuration ("maxPods") or flag ("max-pods"); durations in Go's
 * notation. */
struct kubelet_flag_info {
    const char *name, *help; /* as in KubeletConfiguration */
    int64_t default_value;
};
extern const struct kubelet_flag_info kubelet_flag_table[];
extern const size_t kubelet_flag_count;
/* In the command line's way: "maxPods" is "max-pods". */
void kubelet_flag_text(const struct kubelet_flag_info *flag, struct text *out);
enum err kubelet_flags_set(struct kubelet_flags *f, struct str name, struct str value,
                           struct errmsg *message) MUST_CHECK;

struct kubelet_pair {
    const char *key, *value;
};
/* A resource as a manifest or an administrator states it; canonical quantities. */
struct kubelet_resource {
    const char *name, *capacity, *allocatable; /* NULL: not in that list */
    const char *out_of;                        /* "OutOf<name>": the reason of a refusal */
};
struct kubelet_taint {
    const char *key, *value, *effect;
};
struct kubelet_config {
    const char *node;
    const char *internal_ip, *external_ip;     /* external may be NULL */
    const char *pod_cidr;                      /* NULL: as Node.spec.podCIDR says */
    const char *provider_id;                   /* NULL: none */
    const char *zone, *region, *instance_type; /* NULL: no label */
    int64_t cpu_milli, memory_bytes, ephemeral_storage_bytes;
    int64_t system_reserved_cpu_milli, system_reserved_memory_bytes;
    /* Stated resources, by name: beside what is measured, or all that the Node shows. */
    const struct kubelet_resource *resources;
    size_t resource_count;
    bool resources_are_whole;
    const struct kubelet_pair *labels;
    size_t label_count;
    const struct kubelet_taint *taints; /* --register-with-taints */
    size_t taint_count;
    address_id server;                   /* the API server's (balancer's) address */
    const struct credential *credential; /* NULL: certificate system:node:<node> */
    const struct kubelet_flags *flags;   /* NULL: the defaults */
    bool asks_for_tokens;                /* of service accounts, for the volumes of pods */
};
extern const struct process_type kubelet_process;

/* A command from whoever fills the disk of the machine or silences its runtime. The real kubelet
 * asks for free space every 10 s and for the runtime's status every 5 s; this one does so only when
 * there may be something to see. */
struct message *kubelet_look_new(void);

#endif
