/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduler's cache of nodes and of the pods on them; see cache.h.
 *
 * A pod may be seen before its node, or outlive it in the cache: such a slot has pods but no Node
 * object, is never walked and is freed with its last pod.
 *
 * Invariants: a pod is in exactly one node's list, at `position`; `requested` is the sum over that
 * list; a slot in `order` has a Node object.
 *
 * Source: pkg/scheduler/backend/cache (facts: the walking order, what counts as requested).
 */
#include "sim/base/base.h"

#include "cluster/scheduler/cache.h"

#include "cluster/api/object.h"
#include "cluster/api/quantity.h"
#include "cluster/scheduler/spread_groups.h"
#include "sim/base/hash.h"

static bool node_has_key(const void *probe, const void *item);
static bool pod_has_key(const void *probe, const void *item);
static bool image_has_name(const void *probe, const void *item);
static struct node_info *node_slot(struct cache *c, const struct object_key *key,
                                   uint32_t *ret_slot);
static void node_decode(struct cache *c, struct node_info *n);
static void node_forget(struct cache *c, struct node_info *n);
static void node_free_if_empty(struct cache *c, uint32_t slot);
static void node_add_amounts(struct node_info *n, const struct pod_info *p, int sign);
static void attach(struct cache *c, struct pod_info *p, uint32_t slot);
static void detach(struct cache *c, struct pod_info *p);
static void topology_place(struct topology_key *t, const struct node_info *n);
static void topology_free(struct topology_key *t);

void cache_init(struct cache *c)
{
    *c = (struct cache){0};
    c->node_index.equal = node_has_key;
    c->pod_index.equal = pod_has_key;
    c->image_index.equal = image_has_name;
    c->groups = spread_groups_new();
}

void cache_release(struct cache *c)
{
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct node_info *n = c->nodes.items[i];
        if (!n)
            continue;
        for (size_t j = 0; j < n->pods.count; j++)
            pod_info_free(n->pods.items[j]);
        node_forget(c, n);
        mem_free(n->requested.extra);
        vec_release(&n->pods);
        vec_release(&n->images);
        object_key_unref(n->key);
        mem_free(n);
    }
    vec_release(&c->nodes);
    vec_release(&c->free_slots);
    vec_release(&c->order);
    for (size_t i = 0; i < c->resource_names.count; i++)
        value_drop(c->resource_names.items[i]);
    vec_release(&c->resource_names);
    for (size_t i = 0; i < c->images.count; i++) {
        value_drop(c->images.items[i]->name);
        mem_free(c->images.items[i]);
    }
    vec_release(&c->images);
    for (size_t i = 0; i < c->topologies.count; i++)
        topology_free(c->topologies.items[i]);
    vec_release(&c->topologies);
    index_release(&c->node_index);
    index_release(&c->pod_index);
    index_release(&c->image_index);
    spread_groups_free(c->groups);
}

/* ---- nodes ---- */

void cache_put_node(struct cache *c, const struct object_key *key, struct value node)
{
    uint32_t slot;
    struct node_info *n = node_slot(c, key, &slot);
    bool is_new = !value_is_present(n->node);
    struct value before = n->node, zone = n->zone;
    n->node = VALUE_ABSENT;
    if (is_new)
        n->order = ++c->additions;
    /* A heartbeat changes conditions only: nothing that is decoded here (taints point into the
     * Node). */
    bool is_same =
        !is_new && n->taint_count == 0 &&
        value_is_same(VALUE_GET(before, spec), VALUE_GET(node, spec)) &&
        value_is_same(VALUE_GET(before, metadata, labels), VALUE_GET(node, metadata, labels)) &&
        value_is_same(VALUE_GET(before, status, allocatable),
                      VALUE_GET(node, status, allocatable)) &&
        value_is_same(VALUE_GET(before, status, images), VALUE_GET(node, status, images));
    if (!is_same) {
        n->zone = VALUE_ABSENT;
        node_forget(c, n);
    }
    n->node = value_keep(node);
    if (!is_same) {
        node_decode(c, n);
        for (size_t i = 0; i < c->topologies.count; i++)
            topology_place(c->topologies.items[i], n);
        if (is_new || !value_equal(zone, n->zone))
            c->order_is_stale = true;
        value_drop(zone);
    }
    value_drop(before);
}

void cache_remove_node(struct cache *c, const struct object_key *key)
{
    uint32_t slot = cache_find_node(c, key->name);
    if (slot == NODE_NONE)
        return;
    node_forget(c, c->nodes.items[slot]);
    /* Pods may still be there: they are in no domain. */
    for (size_t i = 0; i < c->topologies.count; i++)
        if (slot < c->topologies.items[i]->domain_of.count)
            c->topologies.items[i]->domain_of.items[slot] = 0;
    c->order_is_stale = true;
    node_free_if_empty(c, slot);
}

uint32_t cache_find_node(const struct cache *c, struct str name)
{
    if (name.size == 0)
        return NODE_NONE;
    const struct object_key *key = object_key_of(resource_get(RESOURCE_nodes), S(""), name);
    const struct node_info *n = index_get(&c->node_index, key->hash, key);
    object_key_unref(key);
    return n ? n->slot : NODE_NONE;
}

/* Zones in the order of their first node, one node of each in turn, nodes of a zone in the order of
 * addition. */
static void build_order(struct cache *c)
{
    typedef VEC(uint32_t) slots;
    VEC(struct node_info *) sorted = {0};
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct node_info *n = c->nodes.items[i];
        if (n && value_is_present(n->node))
            vec_push(&sorted, n);
    }
    /* Slots are reused: order of addition, by insertion into what is nearly sorted. */
    for (size_t i = 1; i < sorted.count; i++) {
        struct node_info *n = sorted.items[i];
        size_t j = i;
        for (; j > 0 && sorted.items[j - 1]->order > n->order; j--)
            sorted.items[j] = sorted.items[j - 1];
        sorted.items[j] = n;
    }
    VEC(struct value) zones = {0};
    VEC(slots) members = {0};
    for (size_t i = 0; i < sorted.count; i++) {
        size_t z = 0;
        while (z < zones.count && !value_equal(zones.items[z], sorted.items[i]->zone))
            z++;
        if (z == zones.count) {
            vec_push(&zones, sorted.items[i]->zone);
            vec_push(&members, (slots){0});
        }
        vec_push(&members.items[z], sorted.items[i]->slot);
    }
    vec_clear(&c->order);
    for (size_t round = 0; c->order.count < sorted.count; round++)
        for (size_t z = 0; z < zones.count; z++)
            if (round < members.items[z].count)
                vec_push(&c->order, members.items[z].items[round]);
    for (size_t z = 0; z < members.count; z++)
        vec_release(&members.items[z]);
    vec_release(&members);
    vec_release(&zones);
    vec_release(&sorted);
    c->order_is_stale = false;
}

const uint32_t *cache_order(struct cache *c, size_t *ret_count)
{
    if (c->order_is_stale)
        build_order(c);
    *ret_count = c->order.count;
    return c->order.items;
}

static struct node_info *node_slot(struct cache *c, const struct object_key *key,
                                   uint32_t *ret_slot)
{
    struct node_info *n = index_get(&c->node_index, key->hash, key);
    if (!n) {
        uint32_t slot;
        if (c->free_slots.count > 0) {
            slot = vec_pop(&c->free_slots);
        } else {
            slot = (uint32_t)c->nodes.count;
            vec_push(&c->nodes, NULL);
        }
        n = mem_new(struct node_info);
        n->slot = slot;
        n->key = object_key_ref(key);
        c->nodes.items[slot] = n;
        index_put(&c->node_index, key->hash, key, n);
    }
    *ret_slot = n->slot;
    return n;
}

static void node_free_if_empty(struct cache *c, uint32_t slot)
{
    struct node_info *n = c->nodes.items[slot];
    if (value_is_present(n->node) || n->pods.count > 0)
        return;
    index_remove(&c->node_index, n->key->hash, n->key);
    object_key_unref(n->key);
    mem_free(n->requested.extra);
    vec_release(&n->pods);
    vec_release(&n->images);
    mem_free(n);
    c->nodes.items[slot] = NULL;
    vec_push(&c->free_slots, slot);
    spread_groups_slot_freed(c->groups, slot);
}

static void decode_taints(struct node_info *n)
{
    struct value taints = VALUE_GET(n->node, spec, taints);
    n->taint_count = (uint32_t)value_count(taints);
    n->taints = n->taint_count ? mem_array(struct taint, n->taint_count) : NULL;
    for (uint32_t i = 0; i < n->taint_count; i++) {
        struct value t = value_at(taints, i);
        struct value effect = VALUE_GET(t, effect);
        n->taints[i].key = VALUE_GET(t, key);
        n->taints[i].value = VALUE_GET(t, value);
        n->taints[i].effect = value_is(effect, "NoExecute")    ? TAINT_NO_EXECUTE
                              : value_is(effect, "NoSchedule") ? TAINT_NO_SCHEDULE
                                                               : TAINT_PREFER_NO_SCHEDULE;
        if (n->taints[i].effect != TAINT_PREFER_NO_SCHEDULE)
            n->hard_taints++;
    }
}

/* Names are looked up as the kubelet reports them; a name without tag means :latest. */
static void decode_images(struct cache *c, struct node_info *n)
{
    struct value images = VALUE_GET(n->node, status, images);
    for (size_t i = 0; i < value_count(images); i++) {
        struct value image = value_at(images, i);
        struct value names = VALUE_GET(image, names);
        for (size_t j = 0; j < value_count(names); j++) {
            uint32_t id = cache_image(c, value_str(value_at(names, j)));
            c->images.items[id]->size_bytes = VALUE_INT(image, 0, sizeBytes);
            c->images.items[id]->nodes++;
            vec_push(&n->images, id);
        }
    }
}

static void node_decode(struct cache *c, struct node_info *n)
{
    struct value allocatable = VALUE_GET(n->node, status, allocatable);
    for (size_t i = 0; i < value_count(allocatable); i++) {
        struct str name = value_key_at(allocatable, i);
        struct value amount = value_member_at(allocatable, i);
        if (str_equal(name, S("pods")))
            n->pods_allocatable = quantity_value(amount);
        else
            amounts_add(c, &n->allocatable, name, amount, 1);
    }
    n->is_unschedulable = VALUE_BOOL_AT(n->node, spec, unschedulable);
    decode_taints(n);
    decode_images(c, n);
    struct str region = value_str(object_label(n->node, S("topology.kubernetes.io/region")));
    struct str zone = value_str(object_label(n->node, S("topology.kubernetes.io/zone")));
    n->zone = value_printf("%.*s:%.*s", STR_ARG(region), STR_ARG(zone));
}

/* Drops what node_decode made, and the Node. */
static void node_forget(struct cache *c, struct node_info *n)
{
    for (size_t i = 0; i < n->images.count; i++)
        c->images.items[n->images.items[i]]->nodes--;
    vec_clear(&n->images);
    mem_free(n->taints);
    n->taints = NULL;
    n->taint_count = n->hard_taints = 0;
    mem_free(n->allocatable.extra);
    n->allocatable = (struct amounts){0};
    n->pods_allocatable = 0;
    value_drop(n->zone);
    n->zone = VALUE_ABSENT;
    value_drop(n->node);
    n->node = VALUE_ABSENT;
}

/* ---- pods ---- */

void cache_add_pod(struct cache *c, struct pod_info *own_pod, uint32_t slot)
{
    CHECK(!index_get(&c->pod_index, own_pod->key->hash, own_pod->key));
    index_put(&c->pod_index, own_pod->key->hash, own_pod->key, own_pod);
    attach(c, own_pod, slot);
}

void cache_put_pod(struct cache *c, const struct object_key *key, struct value pod)
{
    if (pod_is_finished(pod)) {
        cache_remove_pod(c, key);
        return;
    }
    struct pod_info *p = index_get(&c->pod_index, key->hash, key);
    bool same_shape =
        p && value_is_same(VALUE_GET(p->pod, spec), VALUE_GET(pod, spec)) &&
        value_is_same(VALUE_GET(p->pod, metadata, labels), VALUE_GET(pod, metadata, labels)) &&
        p->is_deleting == object_is_deleting(pod);
    if (same_shape) { /* a status update */
        value_drop(p->pod);
        p->pod = value_keep(pod);
        p->is_assumed = false;
        return;
    }
    if (p)
        cache_remove_pod(c, key);
    const struct object_key *node =
        object_key_of(resource_get(RESOURCE_nodes), S(""), VALUE_STR(pod, spec, nodeName));
    uint32_t slot;
    node_slot(c, node, &slot);
    object_key_unref(node);
    cache_add_pod(c, pod_info_new(c, key, pod), slot);
}

void cache_remove_pod(struct cache *c, const struct object_key *key)
{
    struct pod_info *p = index_remove(&c->pod_index, key->hash, key);
    if (!p)
        return;
    uint32_t slot = p->node;
    detach(c, p);
    pod_info_free(p);
    node_free_if_empty(c, slot);
}

struct pod_info *cache_find_pod(const struct cache *c, const struct object_key *key)
{
    return index_get(&c->pod_index, key->hash, key);
}

static void attach(struct cache *c, struct pod_info *p, uint32_t slot)
{
    struct node_info *n = c->nodes.items[slot];
    p->node = slot;
    p->position = (uint32_t)n->pods.count;
    vec_push(&n->pods, p);
    node_add_amounts(n, p, 1);
    n->affinity_pods += p->has_affinity_terms;
    n->required_anti_pods += p->has_required_anti;
    c->affinity_pods += p->has_affinity_terms;
    c->required_anti_pods += p->has_required_anti;
    n->host_ports += p->port_count;
    spread_groups_count(c->groups, p, slot, 1);
}

static void detach(struct cache *c, struct pod_info *p)
{
    struct node_info *n = c->nodes.items[p->node];
    CHECK(n->pods.items[p->position] == p);
    spread_groups_count(c->groups, p, p->node, -1);
    n->host_ports -= p->port_count;
    c->required_anti_pods -= p->has_required_anti;
    c->affinity_pods -= p->has_affinity_terms;
    n->required_anti_pods -= p->has_required_anti;
    n->affinity_pods -= p->has_affinity_terms;
    node_add_amounts(n, p, -1);
    struct pod_info *last = vec_pop(&n->pods);
    if (last != p) {
        n->pods.items[p->position] = last;
        last->position = p->position;
    }
    p->node = NODE_NONE;
}

static void node_add_amounts(struct node_info *n, const struct pod_info *p, int sign)
{
    n->requested.cpu += sign * p->requests.cpu;
    n->requested.memory += sign * p->requests.memory;
    n->requested.ephemeral += sign * p->requests.ephemeral;
    n->cpu_scored += sign * p->cpu_scored;
    n->memory_scored += sign * p->memory_scored;
    for (uint32_t i = 0; i < p->requests.extra_count; i++)
        amounts_add_extra(&n->requested, p->requests.extra[i].resource,
                          sign * p->requests.extra[i].amount);
}

/* ---- dense ids ---- */

uint32_t cache_resource(struct cache *c, struct str name)
{
    for (uint32_t i = 0; i < c->resource_names.count; i++)
        if (str_equal(value_str(c->resource_names.items[i]), name))
            return i;
    vec_push(&c->resource_names, value_string(name));
    return (uint32_t)c->resource_names.count - 1;
}

uint32_t cache_image(struct cache *c, struct str name)
{
    struct image_info probe = {.name = value_string(name)};
    uint64_t hash = hash_bytes(name);
    struct image_info *image = index_get(&c->image_index, hash, &probe);
    if (image) {
        value_drop(probe.name);
        return image->id;
    }
    image = mem_new(struct image_info);
    *image = (struct image_info){.name = probe.name, .id = (uint32_t)c->images.count};
    vec_push(&c->images, image);
    index_put(&c->image_index, hash, image, image);
    return image->id;
}

/* ---- topologies ---- */

struct domain_probe {
    struct topology_key *topology;
    struct value value;
};

/* Items of the index are numbers, kept as pointers. */
static bool domain_has_value(const void *probe, const void *item)
{
    const struct domain_probe *p = probe;
    return value_equal(p->value, p->topology->domains.items[(uintptr_t)item - 1]);
}

static void topology_place(struct topology_key *t, const struct node_info *n)
{
    while (t->domain_of.count <= n->slot)
        vec_push(&t->domain_of, 0);
    struct value value = object_label(n->node, t->key);
    if (!value_is_present(value)) {
        t->domain_of.items[n->slot] = 0;
        return;
    }
    struct domain_probe probe = {t, value};
    uint64_t hash = value_hash(value);
    uintptr_t number = (uintptr_t)index_get(&t->domain_index, hash, &probe);
    if (number == 0) {
        vec_push(&t->domains, value_keep(value));
        number = t->domains.count;
        index_put(&t->domain_index, hash, &probe, (void *)number);
    }
    t->domain_of.items[n->slot] = (uint32_t)number;
}

const struct topology_key *cache_topology(struct cache *c, struct str key)
{
    for (size_t i = 0; i < c->topologies.count; i++)
        if (str_equal(c->topologies.items[i]->key, key))
            return c->topologies.items[i];
    struct topology_key *t = mem_new(struct topology_key);
    t->key = (struct str){mem_copy_string(key), key.size};
    t->domain_index.equal = domain_has_value;
    vec_push(&c->topologies, t);
    for (size_t i = 0; i < c->nodes.count; i++)
        if (c->nodes.items[i] && value_is_present(c->nodes.items[i]->node))
            topology_place(t, c->nodes.items[i]);
    return t;
}

static void topology_free(struct topology_key *t)
{
    for (size_t i = 0; i < t->domains.count; i++)
        value_drop(t->domains.items[i]);
    vec_release(&t->domains);
    vec_release(&t->domain_of);
    index_release(&t->domain_index);
    mem_free((void *)(uintptr_t)t->key.bytes);
    mem_free(t);
}

static bool node_has_key(const void *probe, const void *item)
{
    return ((const struct node_info *)item)->key == probe;
}

static bool pod_has_key(const void *probe, const void *item)
{
    return ((const struct pod_info *)item)->key == probe;
}

static bool image_has_name(const void *probe, const void *item)
{
    return value_equal(((const struct image_info *)probe)->name,
                       ((const struct image_info *)item)->name);
}
