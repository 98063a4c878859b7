/* SPDX-License-Identifier: Apache-2.0
 *
 * Which pods each Service selects, kept by events so that a sync visits the pods of its Service
 * only. Shared shape of the controllers of Endpoints and EndpointSlices; each has a copy of its own
 * in its state.
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
                                 const struct object_key *key, struct value before,
                                 struct value after);
void service_members_see_pod(struct service_members *m, struct controller *c, struct step *step,
                             const struct object_key *key, struct value before, struct value after);

/* A selected pod, with what endpoints show of it. */
struct service_member {
    const struct object_key *key;
    struct value pod; /* as the cache has it, but for changes that no endpoint shows */
    struct value uid, ip, node_name; /* of the pod; ip and node_name may be absent */
    bool is_ready, is_deleting;
    bool has_endpoint; /* it has an address and has not ended */
    bool is_changed, was_told_ready;
    int64_t ready_change_ns; /* when its readiness changed last, unix; 0: never */
    int64_t trigger_ns;      /* the same, as a sync saw it */
    const struct object_key
        *slice;     /* that holds it, as the cache shows; NULL: none, or not known */
    uint64_t stamp; /* for the user: the plan that has placed it */
};
struct service_pod_cursor {
    struct service_member *member; /* NULL at the end */
    struct map_cursor position;    /* private */
};
/* In the order of keys. */
struct service_pod_cursor service_members_first(struct service_members *m,
                                                const struct object_key *service);
void service_members_next(struct service_pod_cursor *c);
struct service_member *service_members_find(struct service_members *m,
                                            const struct object_key *service,
                                            struct value uid); /* NULL: none */
/* A slice as the cache has it after a change: whom it holds. */
void service_members_see_slice(struct service_members *m, const struct object_key *service,
                               const struct object_key *slice_key, struct value before,
                               struct value after);
void service_member_set_slice(struct service_member *member,
                              const struct object_key *slice_key); /* NULL: none */
size_t service_members_count(struct service_members *m, const struct object_key *service);
struct service_counts {
    size_t endpoints, ready; /* those with an address; of these the ready ones that stay */
};
struct service_counts service_members_counts(struct service_members *m,
                                             const struct object_key *service);

/* What has changed since it was taken last. */
struct service_change {
    struct value uid;
    const struct object_key *key;
    const struct object_key *slice; /* of one that is gone: that held it */
    bool was_ready;                 /* as the timeline has it */
};
struct service_changes {
    struct service_change *items;
    size_t count;
    bool is_whole; /* the items do not say all: look at everything */
};
/* The caller releases it. */
struct service_changes service_members_take_changes(struct service_members *m,
                                                    const struct object_key *service);
void service_changes_release(struct service_changes *changes);
void service_members_look_whole(struct service_members *m,
                                const struct object_key *service); /* next time */
/* A sentence for the timeline about the ready endpoints; false: nothing to tell. is_new: the
 * Service had no endpoints yet. */
bool service_members_tell(struct service_members *m, const struct object_key *service,
                          const struct service_changes *changes, bool is_new, struct text *story);

/* ---- what both kinds of endpoints are made from ---- */

/* Finished pods and those without an address are in no endpoints; deleted ones only where asked
 * for. */
bool pod_has_endpoint(struct value pod, bool include_terminating);
/* The pod's number for a port of the Service; false when the name is none of its ports. */
bool service_target_port(struct value service_port, struct value pod, int64_t *ret_port);
bool service_has_named_ports(struct value service);
bool service_is_headless(struct value service);
/* The hostname an endpoint shows: of a pod whose subdomain is the Service; absent else. */
struct value service_endpoint_hostname(struct value service, struct value pod);
/* The text of endpoints.kubernetes.io/last-change-trigger-time, owned: the Service's creation at
 * its first sync, then the earliest change of readiness among the pods whose last one differs from
 * what the sync before saw; absent when there is none. */
struct value service_trigger_time(struct service_members *m, const struct object_key *service,
                                  struct value service_object,
                                  const struct service_changes *changes);

#endif
