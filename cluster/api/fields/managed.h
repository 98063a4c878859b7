/* SPDX-License-Identifier: Apache-2.0
 *
 * metadata.managedFields: who owns which field of an object. An entry is one manager's fields in
 * one version of the kind:
 *
 *     {manager: kubectl, operation: Apply, apiVersion: apps/v1, time: ..., fieldsType: FieldsV1,
 *      fieldsV1: {"f:spec": {"f:replicas": {}}}}
 *
 * An entry is known by its manager, operation, subresource and, for updates, its version.
 *
 *     next = managed_update(&scope, live, next, S("kube-scheduler"), now);
 *
 * Source: kubernetes.io/docs/reference/using-api/server-side-apply/
 */
#ifndef CLUSTER_API_FIELDS_MANAGED_H
#define CLUSTER_API_FIELDS_MANAGED_H

#include "cluster/api/fields/typed.h"

#define MANAGED_UPDATERS_MAX 10
#define MANAGED_NAME_MAX 128

/* Through which endpoint an object is written. */
struct managed_scope {
    struct fields_type type; /* of the object in its version */
    struct str api_version, kind;
    struct str subresource; /* empty: the object itself */
    struct value reset;     /* borrowed: fields that the endpoint does not change; absent: none */
    bool keeps_only;        /* the endpoint changes nothing but the fields below `reset` */
    /* Types may have changed since the entries were written: those of a CustomResourceDefinition.
     * */
    bool type_may_change;
    /* The object (which says its version) in a version of its kind, and that version's type;
     * consumes it in any case. False: there is no such version. NULL: there is only one. */
    bool (*convert)(void *owner, struct value own_object, struct str api_version,
                    struct value *ret_object, struct fields_type *ret_type);
    void *owner;
};

/* After a create (live is {} then), update or patch: the new object with managedFields as they are
 * now. What the new object says of its managedFields itself counts on the object's own endpoint. */
struct value managed_update(const struct managed_scope *s, struct value live, struct value own_new,
                            struct str manager, struct value now);

/* An applied configuration. `live` is {apiVersion, kind} when there is no object yet. */
struct managed_apply {
    struct value live, configuration; /* borrowed */
    struct str manager;
    struct value now;
    bool is_forced;
};
/* The object with the configuration merged into it and its managedFields, owned, not yet decoded or
 * defaulted. Absent: refused with *ret_status. */
struct value managed_apply(const struct managed_scope *s, const struct managed_apply *a,
                           struct value *ret_status);

/* When the objects differ in nothing but the times of their managedFields, the new one with the old
 * ones' times; else the new one. */
struct value managed_ignore_times(struct value own_new, struct value old);

/* Are the entries of the form that a server takes? If not, why. */
bool managed_are_valid(struct value entries, struct text *ret_why);

/* ---- the scale subresource ----
 *
 * Its managers are those of the parent's replicas, seen as spec.replicas of autoscaling/v1. `path`
 * is where the parent has its replicas, as names; `parent_version` the version of who writes. */
struct value managed_scale_of(struct value parent_entries, const char *const *path, size_t count);
struct value managed_of_scale(struct value parent_entries, struct value scale_entries,
                              struct str parent_version, const char *const *path, size_t count);

#endif
