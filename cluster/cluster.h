/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts a cluster together from options: hosts, etcd members, API servers behind one balancer
 * address, controller managers, schedulers, nodes with their kubelets; and feeds the picture that
 * eyes outside look at (cluster/view).
 *
 * Each replica of a control-plane component stands on a host of its own (`etcd-0`,
 * `kube-apiserver-1`, ...), so that each can fail apart; replica i stands in the i-th zone, in
 * turn. Processes bear the names that faults use: `etcd-0`, `kube-apiserver-0`,
 * `kube-controller-manager-0`, `kube-scheduler-0`, `kubelet@node-1`.
 *
 *     struct cluster *c = cluster_new(&(struct cluster_options){.seed = 1, ...}, &message);
 *     sim_run_until(cluster_sim(c), instant_add(sim_now(cluster_sim(c)), duration_s(60)));
 *     struct value node = view_get_named(cluster_view(c), resource_get(RESOURCE_nodes), S(""),
 *     S("node-0"));
 */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "cluster/api/request.h"
#include "cluster/keys/keys.h"
#include "cluster/view/view.h"
#include "sim/sim.h"

#define CLUSTER_API_ADDRESS "kubernetes:6443" /* the balancer's */
#define CLUSTER_MEMBERS_MAX 7                 /* replicas of any control-plane component */
#define CLUSTER_NODES_MAX 1000000

enum component_kind {
    COMPONENT_ETCD,
    COMPONENT_APISERVER,
    COMPONENT_CONTROLLER_MANAGER,
    COMPONENT_SCHEDULER,
    COMPONENT_KUBELET,
    COMPONENT_RUNTIME, /* "containerd@node-1" */
    COMPONENT_PROXY,   /* "kube-proxy@node-1" */
    COMPONENT_NETWORK, /* "network@node-1": the kernel's routes and rules */
    COMPONENT_DNS,     /* "coredns-0" */
    COMPONENT_KIND_COUNT
};

/* One node; all values borrowed for the call of cluster_new. */
struct cluster_node {
    struct str name;
    struct str zone;       /* empty: none */
    struct value labels;   /* added to the kubelet's own; absent: none */
    struct value taints;   /* as in Node.spec.taints; absent: none */
    struct value capacity; /* quantities; what is missing has the default */
    struct value
        /* absent: computed by the kubelet; else the Node shows this and the capacity, and nothing
         * more */
        allocatable;
    struct str runtime; /* "simulated" or "bwrap"; empty: simulated */
};
struct cluster_host {
    struct str name;
    const struct str *nfs; /* exported paths */
    size_t nfs_count;
};

struct cluster_options {
    uint64_t seed;
    const struct secret *secret; /* of all keys (cluster/keys); NULL: one made from the seed */
    /* Programs outside use it: kubelets ask for the tokens of pods' volumes, and the API server
     * publishes whom it trusts. */
    bool is_served;
    struct wall_time start;
    struct duration latency, jitter; /* latency 0: the default, 500 us */
    bool shuffle_ties;
    uint32_t raft_bugs; /* bits of enum raft_bug: mistakes that the checkers must find */
    int etcd_members, apiservers, controller_managers, schedulers; /* 0: one */
    const struct cluster_node *nodes;
    size_t node_count;
    const struct cluster_host *hosts;
    size_t host_count;
    const struct str *zones; /* of the control plane, dealt in turn */
    size_t zone_count;
    bool tracks_fields; /* objects have managedFields from their creation on */
    struct value flags; /* {kube-scheduler: {kube-api-qps: 5000}}; checked by cluster_flag_check */
};

struct cluster;
/* NULL with a message when the options contradict themselves. Nothing has run yet. */
struct cluster *cluster_new(const struct cluster_options *options, struct errmsg *message);
void cluster_free(struct cluster *c);

struct sim *cluster_sim(struct cluster *c);
struct view *cluster_view(struct cluster *c);
const struct keys *cluster_keys(const struct cluster *c);
size_t cluster_component_count(const struct cluster *c, enum component_kind kind);
process_id cluster_component(const struct cluster *c, enum component_kind kind, size_t index);
/* A component by its name; false when there is none. */
bool cluster_find_component(const struct cluster *c, struct str name, process_id *ret_process);
/* All names, in the order of kinds and numbers, separated by ", ": for messages. At most `most` of
 * them. */
void cluster_component_names(const struct cluster *c, size_t most, struct text *out);
/* Machines in the order of their making, without `outside`. */
size_t cluster_host_count(const struct cluster *c);
host_id cluster_host_id(const struct cluster *c, size_t index);
struct str cluster_host_zone(const struct cluster *c, size_t index);
host_id cluster_outside(const struct cluster *c); /* the host where users sit */

/* Hears what the store's members show of reads and watches (etcd.h); at most one listener for each
 * owner. */
struct etcd_observation;
typedef void (*cluster_etcd_fn)(void *owner, const struct etcd_observation *o);
void cluster_listen_etcd(struct cluster *c, cluster_etcd_fn listener, void *owner);
void cluster_unlisten_etcd(struct cluster *c, void *owner);

/* Flag i of all, in the order of components; false beyond the last. The name is appended to the
 * text. */
struct cluster_flag {
    const char *component, *help; /* help may be empty */
};
bool cluster_flag_at(size_t i, struct cluster_flag *ret_flag, struct text *ret_name);
/* Is this a flag of a component, with a value of its type? Names are those of the real binaries. */
enum err cluster_flag_check(struct str component, struct str flag, struct value v,
                            struct errmsg *message) MUST_CHECK;

#endif
