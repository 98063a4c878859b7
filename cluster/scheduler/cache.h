/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduler's cache: each node with what is left on it, each pod that is bound or assumed to a
 * node.
 *
 * Nodes live in slots, so that the hot loops of a scheduling cycle walk arrays; a slot is reused
 * after its node is gone. The order in which a cycle walks them is the real one's: zones in turn,
 * one node of each at a time.
 *
 * Assumed pods: the scheduler counts a pod on its node from the moment it decides, before the API
 * server has confirmed; a failed binding takes it back.
 */
#ifndef CLUSTER_SCHEDULER_CACHE_H
#define CLUSTER_SCHEDULER_CACHE_H

#include "cluster/api/key.h"
#include "cluster/api/value.h"
#include "sim/base/map.h"
#include "sim/base/vec.h"

/* Amounts: CPU in milli, the others in whole units (bytes, devices). */
struct amounts {
    int64_t cpu, memory, ephemeral;
    /* Extended resources, hugepages, devices: by dense id of the name. */
    struct amount_extra {
        uint32_t resource;
        int64_t amount;
    } * extra;
    uint32_t extra_count;
};

struct host_port {
    int32_t port;
    char protocol;   /* 'T', 'U', 'S' */
    struct value ip; /* owned; absent: 0.0.0.0 */
};

/* One pod, decoded once. */
struct pod_info {
    const struct object_key *key; /* owned */
    struct value pod;             /* owned */
    struct amounts requests;
    int64_t cpu_scored, memory_scored; /* with 100m and 200Mi for containers that ask for nothing */
    int64_t priority;
    uint32_t node; /* slot; NODE_NONE */
    bool is_assumed;
    bool has_affinity_terms; /* any pod (anti-)affinity */
    bool has_required_anti;  /* required anti-affinity: looked at for every incoming pod */
    bool is_deleting;
    struct host_port *ports;
    uint32_t port_count;
    uint32_t position; /* in its node's list */
};

#define NODE_NONE UINT32_MAX

struct taint {
    struct value key, value; /* borrowed from the node */
    enum { TAINT_NO_SCHEDULE, TAINT_PREFER_NO_SCHEDULE, TAINT_NO_EXECUTE } effect;
};

struct node_info {
    const struct object_key *key; /* owned */
    struct value node; /* owned; absent: not yet or no longer known, but there are pods */
    uint32_t slot;
    struct amounts allocatable, requested;
    int64_t cpu_scored, memory_scored;
    int64_t pods_allocatable;
    VEC(struct pod_info *) pods;
    uint32_t affinity_pods, required_anti_pods; /* counts among pods */
    struct taint *taints;
    uint32_t taint_count;
    uint32_t hard_taints; /* NoSchedule or NoExecute */
    bool is_unschedulable;
    uint32_t host_ports;  /* how many ports its pods hold */
    struct value zone;    /* owned: "region:zone" */
    VEC(uint32_t) images; /* dense ids of image names on the node */
    uint64_t order;       /* of addition */
};

/* An image: its size and on how many nodes it is. */
struct image_info {
    struct value name; /* owned */
    uint32_t id;
    int64_t size_bytes;
    uint32_t nodes;
};

/* A node label that somebody spreads or groups by, with a dense number for each of its values, so
 * that loops over nodes compare integers. */
struct topology_key {
    struct str key;            /* bytes owned */
    VEC(struct value) domains; /* label values by number - 1; owned */
    VEC(uint32_t) domain_of;   /* by slot; 0: the node lacks the label */
    struct index domain_index;
};

struct cache {
    VEC(struct node_info *) nodes; /* by slot */
    VEC(uint32_t) free_slots;
    VEC(uint32_t) order; /* slots of the known nodes, in walking order */
    bool order_is_stale;
    uint64_t additions;
    struct index node_index, pod_index; /* by key */
    VEC(struct value) resource_names;   /* dense ids of extended resources */
    VEC(struct image_info *) images;    /* by id */
    struct index image_index;
    VEC(struct topology_key *) topologies;
    uint32_t required_anti_pods, affinity_pods; /* in the whole cluster */
    /* Counts of matching pods per node for the selectors that spreading asks about; see
     * spread_groups.h. */
    struct spread_groups *groups;
};

void cache_init(struct cache *c);
void cache_release(struct cache *c);

/* Decodes a pod; owned by the caller until cache_add_pod takes it. */
struct pod_info *pod_info_new(struct cache *c, const struct object_key *key, struct value pod);
void pod_info_free(struct pod_info *p);

void cache_put_node(struct cache *c, const struct object_key *key, struct value node);
void cache_remove_node(struct cache *c, const struct object_key *key);
uint32_t cache_find_node(const struct cache *c, struct str name); /* NODE_NONE */
/* Slots in walking order; valid until the next change of nodes. */
const uint32_t *cache_order(struct cache *c, size_t *ret_count);

/* The pod is on the node it names (or, assumed, on `slot`). Takes it. */
void cache_add_pod(struct cache *c, struct pod_info *own_pod, uint32_t slot);
void cache_put_pod(struct cache *c, const struct object_key *key,
                   struct value pod); /* bound: added or updated */
void cache_remove_pod(struct cache *c, const struct object_key *key);
struct pod_info *cache_find_pod(const struct cache *c, const struct object_key *key);

uint32_t cache_resource(struct cache *c, struct str name); /* dense id of an extended resource */
uint32_t cache_image(struct cache *c, struct str name);    /* dense id of an image name */
/* Made and filled when new; valid while the cache lives. */
const struct topology_key *cache_topology(struct cache *c, struct str key);
static inline uint32_t topology_domain(const struct topology_key *t, uint32_t slot)
{
    return slot < t->domain_of.count ? t->domain_of.items[slot] : 0;
}

int64_t amounts_extra(const struct amounts *a, uint32_t resource); /* 0 when not there */
void amounts_add_extra(struct amounts *a, uint32_t resource, int64_t amount);
/* Adds sign * a quantity of the resource with this name (not "pods"). */
void amounts_add(struct cache *c, struct amounts *a, struct str name, struct value quantity,
                 int sign);

#endif
