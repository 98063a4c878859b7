/* SPDX-License-Identifier: Apache-2.0
 *
 * kube-controller-manager as a simulated process: flags, leader election, one connection, shared
 * informers, and the explicit table of controllers (manager.c).
 *
 *     struct controller_flags flags;
 *     controller_flags_init(&flags);
 *     controller_flags_set(&flags, S("kube-api-qps"), S("5000"), &message);
 *     struct controller_manager_config config = {.server = balancer, .flags = &flags, .identity =
 *     S("cp-0"), ...};
 *     sim_process_add(sim, &(struct process_options){.type = &controller_manager_process, .config =
 *     &config, ...});
 */
#ifndef CLUSTER_CONTROLLERS_MANAGER_H
#define CLUSTER_CONTROLLERS_MANAGER_H

#include "cluster/api/request.h"
#include "cluster/keys/keys.h"
#include "sim/sim.h"

enum controller_flag_type { FLAG_INTEGER, FLAG_BOOLEAN, FLAG_DURATION, FLAG_MILLI };
struct controller_flags {
#define FLAG(field, name, type, default, help) int64_t field;
#include "cluster/controllers/flags.def"
#undef FLAG
    struct str root_ca; /* no flag of ours: the certificate's text for kube-root-ca.crt */
    const struct keys *keys; /* likewise: --cluster-signing-key-file and its kin */
};
struct controller_flag_info {
    const char *name;
    enum controller_flag_type type;
    int64_t default_value;
    const char *help;
    size_t offset; /* of the int64_t in struct controller_flags */
};
extern const struct controller_flag_info controller_flag_table[];
extern const size_t controller_flag_count;
void controller_flags_init(struct controller_flags *flags); /* the defaults */
enum err controller_flags_set(struct controller_flags *flags, struct str name, struct str value,
                              struct errmsg *message) MUST_CHECK;

/* Borrowed while the simulation lives, as any process' configuration. */
struct controller_manager_config {
    address_id server;
    const struct controller_flags *flags;
    const struct credential *credential; /* user system:kube-controller-manager */
    struct str identity;                 /* of the lease's holder: the host */
};
extern const struct process_type controller_manager_process;

#endif
