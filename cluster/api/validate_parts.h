/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of validation share; private to them. A check of a value takes the path to it; a
 * check of a child takes the path of its parent and the child's name.
 */
#ifndef CLUSTER_API_VALIDATE_PARTS_H
#define CLUSTER_API_VALIDATE_PARTS_H

#include "cluster/api/names.h"
#include "cluster/api/schema.h"
#include "cluster/api/status.h"
#include "cluster/api/value.h"

typedef struct field_errors errors_t; /* the first parameter of every check */
typedef const struct field_path *path_t;

void child_error(errors_t *errors, enum field_error_type type, path_t parent, const char *child,
                 struct value value, const char *detail_format, ...) PRINTF_LIKE(6, 7);
/* Unsupported value: supported values: "A", "B". `choices` is "A|B"; empty text is Required. */
void check_choice(errors_t *errors, path_t parent, const char *child, struct value value,
                  const char *choices);
/* The same, but absent and empty are fine. */
void check_optional_choice(errors_t *errors, path_t parent, const char *child, struct value value,
                           const char *choices);
bool check_required(errors_t *errors, path_t parent, const char *child, struct value value);
void check_rule(errors_t *errors, path_t path, struct value text, name_rule_fn rule);
void check_child_rule(errors_t *errors, path_t parent, const char *child, struct value text,
                      name_rule_fn rule);
/* "must be greater than or equal to 0"; absent is fine. */
void check_nonnegative(errors_t *errors, path_t parent, const char *child, struct value number);
void check_port_number(errors_t *errors, path_t parent, const char *child, struct value number);
void check_port_number_or_name(errors_t *errors, path_t parent, const char *child, struct value v);
/* Of users and groups. */
void check_id(errors_t *errors, path_t path, const char *name, struct value id);
void check_labels(errors_t *errors, path_t path, struct value labels);
void check_label_selector(errors_t *errors, path_t path, struct value selector);
void check_immutable(errors_t *errors, path_t parent, const char *child, struct value new,
                     struct value old);
/* True when `value` is one of "A|B". */
bool is_one_of(struct value value, const char *choices);
bool text_is_set(struct value v); /* a string that is not empty */
/* True when an equal text stands before item `index` of `list` under `key` (the item itself when
 * ATOM_NONE). */
#define LIST_COMPARED_MAX 4096
bool is_repeated_before(struct value list, size_t index, atom key);
/* True when the selector (LabelSelector, or a plain map) matches the labels. */
bool selector_matches_labels(struct value selector, struct value labels);
bool text_is_ip(struct str s, bool *ret_is_v6);
bool text_is_cidr(struct str s);
#define IP_TEXT "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
#define CIDR_TEXT "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"

/* ---- areas ---- */

void validate_meta(const struct resource *r, struct value object, errors_t *errors);
void validate_meta_update(const struct resource *r, struct value new, struct value old,
                          errors_t *errors);
/* What only Kubernetes' own kinds are held to. */
void validate_own_finalizers(const struct resource *r, struct value object, errors_t *errors);
/* Required fields and enumerations, from the schema: for kinds without a validator of their own. */
void validate_by_schema(const struct type_schema *t, struct value v, path_t path, errors_t *errors);

void validate_status(const struct resource *r, struct value new, struct value old,
                     errors_t *errors);

void validate_job_status(struct value new, struct value old, path_t status, errors_t *errors);
void validate_pod_status(struct value new, struct value old, path_t status, errors_t *errors);
/* How many indexes "1,3-5" has, each below `completions`; what is wrong with it goes to `why`. */
int64_t count_job_indexes(struct str list, int64_t completions, struct text *why);

typedef void (*validate_fn)(struct value object, errors_t *errors);
typedef void (*validate_update_fn)(struct value new, struct value old, errors_t *errors);

void validate_pod(struct value o, errors_t *errors);
/* When annotations differ, whatever else does. */
void validate_pod_annotations_update(struct value new, struct value old, errors_t *errors);
void validate_pod_update(struct value new, struct value old, errors_t *errors);
void validate_pod_spec(struct value spec, path_t path, errors_t *errors);
void validate_containers(struct value spec, struct value volumes, path_t path, errors_t *errors);
void validate_pod_security(struct value spec, path_t path, errors_t *errors);
void validate_container_security(struct value c, bool has_host_users, path_t path,
                                 errors_t *errors);
/* A resourceFieldRef: of the environment, or of a file of a volume. */
void validate_resource_ref(struct value ref, bool is_of_volume, path_t path, errors_t *errors);
void validate_volumes(struct value spec, path_t path, errors_t *errors);
/* Sources of in-tree plugins, by their key. */
void validate_volume_plugin(atom key, struct value v, path_t path, errors_t *errors);
void validate_pod_os(struct value spec, path_t path, errors_t *errors);
bool resource_name_is_standard(struct str name); /* of any kind: "cpu", "pods", "limits.cpu" */
void validate_resources(struct value resources, path_t path, errors_t *errors);
void validate_scheduling(struct value spec, path_t path,
                         errors_t *errors); /* affinity, tolerations, spreading */
void validate_node_selector_terms(struct value selector, path_t path, errors_t *errors);
/* labels, annotations and spec of a template. */
void validate_pod_template(struct value template_value, path_t path, errors_t *errors);

void validate_deployment(struct value o, errors_t *errors);
void validate_replica_set(struct value o, errors_t *errors);
void validate_stateful_set(struct value o, errors_t *errors);
void validate_daemon_set(struct value o, errors_t *errors);
void validate_replication_controller(struct value o, errors_t *errors);
void validate_template_object(struct value o, errors_t *errors);
void validate_selector_update(struct value new, struct value old, errors_t *errors);
void validate_stateful_set_update(struct value new, struct value old, errors_t *errors);
void validate_controller_revision(struct value o, errors_t *errors);
void validate_controller_revision_update(struct value new, struct value old, errors_t *errors);
void validate_job(struct value o, errors_t *errors);
void validate_job_policies(struct value spec, path_t path, errors_t *errors);
void validate_job_update(struct value new, struct value old, errors_t *errors);
void validate_cron_job(struct value o, errors_t *errors);
void validate_autoscaler(struct value o, errors_t *errors);
void validate_disruption_budget(struct value o, errors_t *errors);

void validate_webhooks(struct value o, errors_t *errors);
void validate_validating_policy(struct value o, errors_t *errors);
void validate_validating_policy_binding(struct value o, errors_t *errors);
void validate_mutating_policy(struct value o, errors_t *errors);
void validate_mutating_policy_binding(struct value o, errors_t *errors);

void validate_flow_schema(struct value o, errors_t *errors);
void validate_priority_level(struct value o, errors_t *errors);

void validate_api_service(struct value o, errors_t *errors);
void validate_service_cidr(struct value o, errors_t *errors);
void validate_service_cidr_update(struct value new, struct value old, errors_t *errors);
void validate_ip_address(struct value o, errors_t *errors);
void validate_ip_address_update(struct value new, struct value old, errors_t *errors);

void validate_service(struct value o, errors_t *errors);
void validate_service_update(struct value new, struct value old, errors_t *errors);
void validate_endpoints(struct value o, errors_t *errors);
void validate_endpoint_slice(struct value o, errors_t *errors);
void validate_endpoint_slice_update(struct value new, struct value old, errors_t *errors);
void validate_ingress(struct value o, errors_t *errors);
void validate_ingress_class(struct value o, errors_t *errors);
void validate_ingress_class_update(struct value new, struct value old, errors_t *errors);
void validate_network_policy(struct value o, errors_t *errors);

void validate_config_map(struct value o, errors_t *errors);
void validate_config_map_update(struct value new, struct value old, errors_t *errors);
void validate_secret(struct value o, errors_t *errors);
void validate_secret_update(struct value new, struct value old, errors_t *errors);
void validate_node(struct value o, errors_t *errors);
void validate_node_update(struct value new, struct value old, errors_t *errors);
void validate_event(struct value o, errors_t *errors);
void validate_quota(struct value o, errors_t *errors);
void validate_quota_update(struct value new, struct value old, errors_t *errors);
void validate_limit_range(struct value o, errors_t *errors);
void validate_priority_class(struct value o, errors_t *errors);
void validate_priority_class_update(struct value new, struct value old, errors_t *errors);
void validate_lease(struct value o, errors_t *errors);
void validate_certificate_request(struct value o, errors_t *errors);
void validate_role(struct value o, errors_t *errors);
void validate_cluster_role(struct value o, errors_t *errors);
void validate_role_binding(struct value o, errors_t *errors);
void validate_cluster_role_binding(struct value o, errors_t *errors);
void validate_role_binding_update(struct value new, struct value old, errors_t *errors);
void validate_definition(struct value o, errors_t *errors);
void validate_definition_update(struct value new, struct value old, errors_t *errors);
void validate_runtime_class(struct value o, errors_t *errors);
void validate_runtime_class_update(struct value new, struct value old, errors_t *errors);

void validate_volume(struct value o, errors_t *errors);
void validate_volume_update(struct value new, struct value old, errors_t *errors);
void validate_claim(struct value o, errors_t *errors);
void validate_claim_spec(struct value spec, path_t path, errors_t *errors);
void validate_claim_update(struct value new, struct value old, errors_t *errors);
void validate_storage_class(struct value o, errors_t *errors);
void validate_storage_class_update(struct value new, struct value old, errors_t *errors);
void validate_csi_driver(struct value o, errors_t *errors);
void validate_csi_driver_update(struct value new, struct value old, errors_t *errors);
void validate_csi_node(struct value o, errors_t *errors);
void validate_attachment(struct value o, errors_t *errors);
void validate_attachment_update(struct value new, struct value old, errors_t *errors);
void validate_storage_capacity(struct value o, errors_t *errors);
void validate_storage_capacity_update(struct value new, struct value old, errors_t *errors);
void validate_attributes_class(struct value o, errors_t *errors);
void validate_attributes_class_update(struct value new, struct value old, errors_t *errors);

#endif
