/* SPDX-License-Identifier: Apache-2.0
 *
 * Which pods each Service selects, kept by events so that a sync visits the pods of its Service only. Shared shape of the
 * controllers of Endpoints and EndpointSlices; each has a copy of its own in its state.
 */
#ifndef CLUSTER_CONTROLLERS_SERVICE_MEMBERS_H
#define CLUSTER_CONTROLLERS_SERVICE_MEMBERS_H

#include "cluster/client/controller.h"
#include "sim/base/map.h"

struct service_members;
struct service_members *service_members_new(struct controller *c);
void service_members_free(struct service_members *m);
/* From the handlers of Services and Pods; both wake what changed. */
void service_members_see_service(struct service_members *m, struct controller *c, struct step *step,
                                 const struct object_key *key, struct value before, struct value after);
void service_members_see_pod(struct service_members *m, struct controller *c, struct step *step,
                             const struct object_key *key, struct value before, struct value after);

struct service_pod_cursor {
    const struct object_key *key; /* NULL at the end */
    struct value pod;
    struct map_cursor position; /* private */
    struct informer *pods;
};
/* The selected pods that the cache has, in the order of keys. */
struct service_pod_cursor service_members_first(struct service_members *m, struct controller *c,
                                                const struct object_key *service);
void service_members_next(struct service_pod_cursor *c);

/* ---- what both kinds of endpoints are made from ---- */

/* Finished pods and those without an address are in no endpoints; deleted ones only where asked for. */
bool pod_has_endpoint(struct value pod, bool include_terminating);
/* The pod's number for a port of the Service; false when the name is none of its ports. */
bool service_target_port(struct value service_port, struct value pod, int64_t *ret_port);
bool service_has_named_ports(struct value service);
bool service_is_headless(struct value service);
/* The hostname an endpoint shows: of a pod whose subdomain is the Service; absent else. */
struct value service_endpoint_hostname(struct value service, struct value pod);
/* The text of endpoints.kubernetes.io/last-change-trigger-time, owned: the Service's creation at its first sync, then the
 * earliest change of readiness among the pods whose last one differs from what the sync before saw; absent when there is none. */
struct value service_trigger_time(struct service_members *m, struct controller *c, const struct object_key *service,
                                  struct value service_object);

#endif
