/* SPDX-License-Identifier: Apache-2.0
 *
 * What a pod's spec adds up to: requests, limits, quality of service. The scheduler, the kubelet,
 * quotas and the API server all count the same way.
 *
 * A pod requests, per resource, the larger of the sum over its containers and sidecars, and the
 * peak while its init containers run one by one (each beside the sidecars started before it); plus
 * its overhead. Where the pod itself states resources (cpu, memory, hugepages), those count instead
 * of the containers'.
 *
 * Source:
 * kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
#ifndef CLUSTER_API_PODSPEC_H
#define CLUSTER_API_PODSPEC_H

#include "cluster/api/value.h"

/* `spec` is a pod's .spec; `name` is "cpu", "memory", "nvidia.com/gpu" ... */
int64_t podspec_request_milli(struct value spec, struct str name); /* cpu */
int64_t podspec_request_value(struct value spec, struct str name); /* whole units: bytes, pieces */
int64_t podspec_limit_milli(struct value spec, struct str name);
int64_t podspec_limit_value(struct value spec, struct str name);
/* The names of everything that the pod requests or limits, sorted, appended to an owned array of
 * texts. */
struct value podspec_resource_names(struct value spec);
/* What the containers alone request: an owned quantity; absent when none states it. */
struct value podspec_container_request(struct value spec, struct str name);

/* "Guaranteed", "Burstable" or "BestEffort". Source: .../pod-qos/ */
struct str podspec_qos_class(struct value spec);

/* True when the reference has no tag or digest, or the tag "latest"; false when it is no valid
 * reference. */
bool image_is_latest(struct str image);
bool container_is_sidecar(struct value init_container); /* restartPolicy: Always */

#endif
