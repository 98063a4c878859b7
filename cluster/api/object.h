/* SPDX-License-Identifier: Apache-2.0
 *
 * What all objects have in common: metadata, owner references, labels, conditions, times; and a few
 * questions about pods that several components ask alike.
 *
 * Reading borrows: a result is valid while the object is held. An absent part is absent or 0, so no
 * question needs a check before it.
 *
 *     if (object_is_deleting(pod) || pod_is_finished(pod))
 *         return;
 *     struct value ready = condition_find(VALUE_GET(pod, status, conditions), "Ready");
 *
 * Source: kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
 */
#ifndef CLUSTER_API_OBJECT_H
#define CLUSTER_API_OBJECT_H

#include "cluster/api/key.h"
#include "cluster/api/resource.h"
#include "cluster/api/value.h"

/* Borrowed words; take value_str() of them for the bytes. */
struct value object_name(struct value o);
struct value object_namespace(struct value o);
struct value object_uid(struct value o);
struct value object_labels(struct value o);
struct value object_label(struct value o, struct str key);
struct value object_annotation(struct value o, struct str key);
int64_t object_version(struct value o);    /* resourceVersion as a number; 0 when absent */
int64_t object_generation(struct value o); /* 0 when absent */
bool object_is_deleting(struct value o);   /* deletionTimestamp is set */
bool object_has_finalizer(struct value o, struct str finalizer);

struct value object_controller_ref(
    struct value o); /* the owner reference with controller: true; absent when none */
bool object_is_controlled_by(struct value o, struct value owner); /* by uid */
/* An ownerReference with controller and blockOwnerDeletion true. */
struct value owner_reference_make(const struct resource *r, struct value owner);

/* Conditions: status.conditions of workloads, pods, nodes. */
struct value condition_find(struct value conditions, const char *type); /* absent when none */
bool condition_is_true(struct value conditions, const char *type);

/* Pods: phase Succeeded or Failed; no phase follows. */
bool pod_is_finished(struct value pod);
/* Does a toleration of a pod match a taint of a node? */
bool toleration_matches(struct value toleration, struct value taint);

/* IntOrString: a number, or "25%" of the total, rounded up or down; 0 for anything else. */
int64_t int_or_percent(struct value v, int64_t total, bool round_up);
/* A number of a status that Go leaves out when it is 0. */
struct value count_or_absent(int64_t n);

/* metav1.Time: whole seconds, UTC; MicroTime: microseconds. */
struct value time_value(struct wall_time t);
struct value micro_time_value(struct wall_time t);
bool time_parse(struct value v, struct wall_time *ret_time); /* both forms */

/* The random suffix of generated names: 5 characters of bcdfghjklmnpqrstvwxz2456789, from the
 * caller's stream. */
#define NAME_SUFFIX_SIZE 5
void name_suffix(uint64_t (*next)(void *owner), void *owner, char out[NAME_SUFFIX_SIZE]);

#endif
