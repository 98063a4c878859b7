/* SPDX-License-Identifier: Apache-2.0
 *
 * Every controller of kube-controller-manager, for the table in manager.c.
 */
#ifndef CLUSTER_CONTROLLERS_ALL_H
#define CLUSTER_CONTROLLERS_ALL_H

#include "cluster/client/controller.h"

extern const struct controller_info replicaset_controller;
extern const struct controller_info replicationcontroller_controller;
extern const struct controller_info deployment_controller;
extern const struct controller_info node_lifecycle_controller;
extern const struct controller_info taint_eviction_controller;
extern const struct controller_info pod_gc_controller;
extern const struct controller_info garbage_collector_controller;
extern const struct controller_info resource_quota_controller;
extern const struct controller_info disruption_controller;
extern const struct controller_info serviceaccount_controller;
extern const struct controller_info root_ca_publisher_controller;
extern const struct controller_info clusterrole_aggregation_controller;
extern const struct controller_info namespace_controller;
extern const struct controller_info endpoints_controller;
extern const struct controller_info job_controller;
extern const struct controller_info cronjob_controller;
extern const struct controller_info ttl_controller;
extern const struct controller_info ttl_after_finished_controller;
extern const struct controller_info endpointslice_controller;
extern const struct controller_info serviceaccount_token_controller;
extern const struct controller_info certificate_approving_controller;
extern const struct controller_info certificate_signing_controller;
extern const struct controller_info certificate_cleaning_controller;

#endif
