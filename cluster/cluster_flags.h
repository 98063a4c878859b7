/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to cluster*.c: the flags of the components, by the real binaries' names, and where each
 * goes.
 */
#ifndef CLUSTER_CLUSTER_FLAGS_H
#define CLUSTER_CLUSTER_FLAGS_H

#include "cluster/apiserver/apiserver.h"
#include "cluster/controllers/manager.h"
#include "cluster/etcd/etcd.h"
#include "cluster/kubelet/kubelet.h"
#include "cluster/scheduler/scheduler.h"

struct component_settings {
    struct etcd_config etcd;
    struct apiserver_config apiserver;
    struct controller_flags controllers;
    struct scheduler_flags scheduler;
    struct kubelet_flags kubelet;
};
/* Sets one flag; texts are copied into the arena. */
enum err settings_set(struct component_settings *s, struct arena *arena, struct str component,
                      struct str flag, struct value v, struct errmsg *message) MUST_CHECK;

#endif
