/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of defaults share; private to them. A default_fn takes a tree and returns it with
 * its defaults, the same word when nothing was missing.
 */
#ifndef CLUSTER_API_DEFAULTS_PARTS_H
#define CLUSTER_API_DEFAULTS_PARTS_H

#include "cluster/api/schema.h"
#include "cluster/api/value.h"

typedef struct value (*default_fn)(struct value own_v);

/* One field that gets a constant. A field that is no pointer in Go gets it when it is zero, too. */
struct scalar_default {
    atom key;
    bool is_pointer;
    enum { DEFAULT_TEXT, DEFAULT_NUMBER, DEFAULT_FALSE, DEFAULT_TRUE, DEFAULT_EMPTY } kind;
    const char *text;
    int64_t number;
};
#define TEXT_DEFAULT(key_, text_)                                                                  \
    {                                                                                              \
        .key = ATOM_##key_, .kind = DEFAULT_TEXT, .text = (text_)                                  \
    }
#define TEXT_POINTER(key_, text_)                                                                  \
    {                                                                                              \
        .key = ATOM_##key_, .is_pointer = true, .kind = DEFAULT_TEXT, .text = (text_)              \
    }
#define NUMBER_DEFAULT(key_, number_)                                                              \
    {                                                                                              \
        .key = ATOM_##key_, .kind = DEFAULT_NUMBER, .number = (number_)                            \
    }
#define NUMBER_POINTER(key_, number_)                                                              \
    {                                                                                              \
        .key = ATOM_##key_, .is_pointer = true, .kind = DEFAULT_NUMBER, .number = (number_)        \
    }
#define FALSE_POINTER(key_)                                                                        \
    {                                                                                              \
        .key = ATOM_##key_, .is_pointer = true, .kind = DEFAULT_FALSE                              \
    }
#define TRUE_POINTER(key_)                                                                         \
    {                                                                                              \
        .key = ATOM_##key_, .is_pointer = true, .kind = DEFAULT_TRUE                               \
    }
#define EMPTY_POINTER(key_)                                                                        \
    {                                                                                              \
        .key = ATOM_##key_, .is_pointer = true, .kind = DEFAULT_EMPTY                              \
    } /* {} */

struct value default_scalars(struct value own_v, const struct scalar_default *defaults,
                             size_t count);
#define DEFAULT_SCALARS(own_v, table) default_scalars((own_v), (table), ARRAY_COUNT(table))
/* A member, or each item of a list: nothing when it is not there. */
struct value default_member(struct value own_v, atom key, default_fn fn);
struct value default_items(struct value own_v, atom key, default_fn fn);
/* The member is made when it is not there. */
struct value default_made_member(struct value own_v, atom key, default_fn fn);
struct value default_text(struct value own_v, atom key,
                          const char *text); /* when absent or empty */
/* Absent, null, or empty for what is no pointer. */
static inline bool is_unset(struct value v)
{
    return schema_is_zero(v);
}
static inline bool is_missing(struct value v)
{
    return value_kind(v) == VALUE_NONE || value_kind(v) == VALUE_NULL;
}

struct value default_container_ports(struct value own_v);
struct value default_volume_source(
    struct value own_volume); /* sources that pods and persistent volumes have */
struct value default_pod(struct value own_pod);
struct value default_pod_template(struct value own_template); /* {metadata, spec} */
struct value default_claim_spec(struct value own_spec);

struct value default_deployment(struct value own_object);
struct value default_replica_set(struct value own_object);
struct value default_stateful_set(struct value own_object);
struct value default_daemon_set(struct value own_object);
struct value default_job(struct value own_object);
struct value default_cron_job(struct value own_object);
struct value default_replication_controller(struct value own_object);
struct value default_template_object(struct value own_object); /* PodTemplate */
struct value default_autoscaler(struct value own_object);      /* v2 */
struct value default_autoscaler_v1(struct value own_object);

struct value default_service(struct value own_object);
struct value default_endpoints(struct value own_object);
struct value default_endpoint_slice(struct value own_object);
struct value default_ingress_class(struct value own_object);
struct value default_network_policy(struct value own_object);

struct value default_volume(struct value own_object);
struct value default_claim(struct value own_object);
struct value default_storage_class(struct value own_object);
struct value default_resource_claim(struct value own_object);
struct value default_resource_claim_template(struct value own_object);
struct value default_csi_driver(struct value own_object);

struct value default_namespace(struct value own_object);
struct value default_node(struct value own_object);
struct value default_secret(struct value own_object);
struct value default_limit_range(struct value own_object);
struct value default_priority_class(struct value own_object);
struct value default_role_binding(struct value own_object);
struct value default_webhooks(struct value own_object);
struct value default_mutating_webhooks(struct value own_object);
struct value default_admission_policy(struct value own_object);
struct value default_admission_policy_binding(struct value own_object);
struct value default_definition(struct value own_object);
struct value default_api_service(struct value own_object);
struct value default_flow_schema(struct value own_object);
struct value default_priority_level(struct value own_object);

#endif
