/* SPDX-License-Identifier: Apache-2.0
 *
 * kube-apiserver: one process that answers API requests, keeps everything in etcd and a watch cache
 * per resource in front of it. It is stateless but for its caches: a crash loses the requests in
 * flight.
 *
 *     struct apiserver_config config = {.name = S("apiserver-0"), .address = a, .etcd = members,
 *     .etcd_count = 3,
 *                                       .service_cidr = S("10.96.0.0/12")};
 *     sim_process_add(sim, &(struct process_options){.name = S("apiserver-0"), .host = h,
 *                                                    .type = &apiserver_process, .config =
 *                                                    &config});
 *
 * What speaks to it sends `struct request` over a stream to `address` (cluster/api/request.h).
 *
 * At start it waits until each of its watch caches has listed from etcd, then (post-start hooks,
 * through its own write path as system:apiserver, group system:masters; an object that is there
 * stays as it is):
 *   - namespaces default, kube-system, kube-public, kube-node-lease;
 *   - ClusterRoles, ClusterRoleBindings, Roles and RoleBindings of the bootstrap policy;
 *   - PriorityClasses system-cluster-critical and system-node-critical;
 *   - ServiceCIDR kubernetes, Service default/kubernetes (first address of the range, port 443
 *   "https"), its
 *     Endpoints and EndpointSlice, kept by the lease endpoint reconciler;
 *   - FlowSchemas and PriorityLevelConfigurations of the mandatory and suggested configuration;
 *   - its identity Lease apiserver-<hash> in kube-system.
 * It is ready (apiserver_is_ready) when the caches have listed and the hooks have run once.
 *
 * Source: kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ and
 * kubernetes.io/docs/reference/access-authn-authz/
 */
#ifndef CLUSTER_APISERVER_APISERVER_H
#define CLUSTER_APISERVER_APISERVER_H

#include "cluster/api/value.h"
#include "cluster/keys/keys.h"
#include "sim/sim.h"

#define APISERVER_ETCD_MAX 7

/* A row of --token-auth-file: token, user, uid, groups. */
struct apiserver_token {
    struct str token, user, uid;
    const struct str *groups;
    size_t group_count;
};

/* The flags of one server; borrowed while the simulation lives. Zero means the default in brackets.
 * */
struct apiserver_config {
    struct str name;    /* "apiserver-0": also the host's name in its identity Lease */
    address_id address; /* where it listens */
    struct str
        /* --advertise-address: an IP in the Endpoints of Service kubernetes ["192.168.0.10"] */
        advertise_address;
    uint16_t secure_port; /* [6443] */
    address_id
        etcd[APISERVER_ETCD_MAX]; /* client addresses of the members, in order of preference */
    size_t etcd_count;
    struct str service_cidr;                  /* ["10.96.0.0/12"] */
    uint16_t node_port_first, node_port_last; /* --service-node-port-range [30000-32767] */
    const struct keys *keys; /* [those of seed 0] */
    const struct apiserver_token *tokens;
    size_t token_count;
    int max_requests_inflight;          /* [400] */
    int max_mutating_requests_inflight; /* [200] */
    struct duration request_timeout;    /* [60 s] */
    struct duration
        min_request_timeout;   /* of watches: each lasts a random time in [x, 2x) [30 min] */
    struct duration event_ttl; /* [1 h] */
    struct duration
        /* CPU time of a request, taken one after the other by the seats in flight [0] */
        service_time;
    struct duration compaction_interval; /* --etcd-compaction-interval [5 min] */
    /* What only people and aggregated servers look at: ConfigMaps of kube-system that say whom the
     * server trusts, APIServices, conditions of FlowSchemas. */
    bool publishes_trust;
    bool allow_all;                      /* --authorization-mode=AlwaysAllow instead of Node,RBAC */
    bool tracks_fields;                  /* objects have managedFields from their creation on */
    bool no_bootstrap;                   /* no post-start hooks: for tests of the bare server */
};
extern const struct process_type apiserver_process;
/* For etcd_config.stamp: the object with the revision as its metadata.resourceVersion. */
struct value apiserver_stamp(struct value own_object, int64_t revision);

/* ---- for checkers and eyes outside: sim_process_state of an API server ---- */

struct apiserver;
bool apiserver_is_ready(const struct apiserver *s); /* as /readyz */
/* The revision up to which its caches are fresh. */
int64_t apiserver_version(const struct apiserver *s);

#endif
