/* SPDX-License-Identifier: Apache-2.0
 *
 * Admission: the plugins that are on by default, in Kubernetes' order; one file each in admission/.
 *
 * A plugin changes a->object, or refuses by setting a->status (owned; then nothing after it runs).
 * It reads the server's own watch caches and nothing else.
 */
#ifndef CLUSTER_APISERVER_ADMISSION_H
#define CLUSTER_APISERVER_ADMISSION_H

#include "cluster/apiserver/server.h"

enum admission_operation { ADMIT_CREATE, ADMIT_UPDATE, ADMIT_DELETE };

struct admission {
    struct apiserver *server;
    struct step *step;
    enum admission_operation operation;
    const struct resource *resource; /* the row that is stored */
    const struct resource *asked;    /* the row of the request: what messages name */
    enum subresource subresource;
    struct user *user;
    struct str namespace, name; /* name is empty while it is not given */
    struct value
        object;       /* of a create or update; owned while mutating, borrowed while validating */
    struct value old; /* of an update; borrowed */
    struct value account; /* the service account of a new pod when the cache lacks it; borrowed */
    struct value status;  /* the refusal; owned */
    struct value *warnings;
};
struct admission_plugin {
    const char *name;
    int resource;        /* enum resource_known, or ADMIT_EVERY_RESOURCE */
    uint32_t operations; /* bit per enum admission_operation */
    bool sees_subresources;
    void (*mutate)(struct admission *a);
    void (*validate)(struct admission *a);
};
#define ADMIT_EVERY_RESOURCE (-1)
#define ADMIT_ON(operation) (1u << (operation))

/* Runs the mutating chain on c->object (update: c->existing is the old one) and goes on, or
 * refuses. */
void admission_start(struct call *c, struct step *step, enum admission_operation operation,
                     call_fn then);
/* The validating chain; absent: admitted; else the refusal, owned. */
struct value admission_validate(struct call *c, struct step *step,
                                enum admission_operation operation);
void admission_refuse(struct admission *a, struct str why); /* 403 in Kubernetes' form */
/* One more reason, behind ", ". */
void admission_reason(struct text *out, const char *format, ...) PRINTF_LIKE(2, 3);

extern const struct admission_plugin admission_namespace_lifecycle, admission_limit_ranger,
    admission_service_account, admission_node_restriction, admission_taint_nodes_by_condition,
    admission_pod_security, admission_priority, admission_default_toleration_seconds,
    admission_default_storage_class, admission_pvc_protection, admission_pv_protection,
    admission_vac_protection, admission_pvc_resize, admission_runtime_class,
    admission_default_ingress_class, admission_pod_topology_labels, admission_rbac_escalation,
    admission_certificate_approval, admission_certificate_signing,
    admission_certificate_subject_restriction;

/* PodTopologyLabels: the topology labels of the node on a pod that is bound to it. Consumes the
 * pod. */
struct value pod_topology_labels(struct value own_pod, struct value node);

#endif
