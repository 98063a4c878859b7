/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts of matching pods per node, by group; see spread_groups.h. The real scheduler counts anew
 * in each cycle; the numbers are the same, since both count the pods of the cache.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/spread_groups.h"

#include "cluster/api/object.h"
#include "cluster/api/selector.h"
#include "sim/base/hash.h"

#define GROUPS_PER_NAMESPACE_MAX 1024

struct namespace_groups {
    struct value namespace; /* owned */
    VEC(struct spread_group *) groups;
};
struct spread_groups {
    struct index by_namespace;
    VEC(struct namespace_groups *) namespaces;
    uint64_t clock;
};

static bool has_namespace(const void *probe, const void *item);
static struct namespace_groups *namespace_find(struct spread_groups *g, struct str namespace,
                                               bool make);
static void group_free(struct spread_group *group);
static void group_add(struct spread_group *group, const struct pod_info *p, uint32_t slot,
                      int sign);

struct spread_groups *spread_groups_new(void)
{
    struct spread_groups *g = mem_new(struct spread_groups);
    g->by_namespace.equal = has_namespace;
    return g;
}

void spread_groups_free(struct spread_groups *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->namespaces.count; i++) {
        struct namespace_groups *n = g->namespaces.items[i];
        for (size_t j = 0; j < n->groups.count; j++)
            group_free(n->groups.items[j]);
        vec_release(&n->groups);
        value_drop(n->namespace);
        mem_free(n);
    }
    vec_release(&g->namespaces);
    index_release(&g->by_namespace);
    mem_free(g);
}

const struct spread_group *spread_groups_get(struct cache *c, struct str namespace,
                                             struct value selector)
{
    struct spread_groups *g = c->groups;
    struct namespace_groups *n = namespace_find(g, namespace, true);
    size_t oldest = 0;
    for (size_t i = 0; i < n->groups.count; i++) {
        struct spread_group *group = n->groups.items[i];
        if (value_is_same(group->selector, selector) || value_equal(group->selector, selector)) {
            group->asked = ++g->clock;
            return group;
        }
        if (group->asked < n->groups.items[oldest]->asked)
            oldest = i;
    }
    if (n->groups.count == GROUPS_PER_NAMESPACE_MAX) {
        group_free(n->groups.items[oldest]);
        vec_remove(&n->groups, oldest);
    }
    struct spread_group *group = mem_new(struct spread_group);
    group->selector = value_keep(selector);
    group->compiled = label_selector_from_object(selector, NULL);
    group->asked = ++g->clock;
    vec_push(&n->groups, group);
    for (size_t slot = 0; slot < c->nodes.count; slot++) {
        const struct node_info *node = c->nodes.items[slot];
        for (size_t i = 0; node && i < node->pods.count; i++)
            if (str_equal(node->pods.items[i]->key->namespace, namespace))
                group_add(group, node->pods.items[i], (uint32_t)slot, 1);
    }
    return group;
}

void spread_groups_count(struct spread_groups *g, const struct pod_info *p, uint32_t slot, int sign)
{
    struct namespace_groups *n = namespace_find(g, p->key->namespace, false);
    for (size_t i = 0; n && i < n->groups.count; i++)
        group_add(n->groups.items[i], p, slot, sign);
}

void spread_groups_slot_freed(struct spread_groups *g, uint32_t slot)
{
    for (size_t i = 0; i < g->namespaces.count; i++)
        for (size_t j = 0; j < g->namespaces.items[i]->groups.count; j++)
            CHECK(spread_group_at(g->namespaces.items[i]->groups.items[j], slot) == 0);
}

static void group_add(struct spread_group *group, const struct pod_info *p, uint32_t slot, int sign)
{
    if (p->is_deleting || !group->compiled ||
        !label_selector_matches(group->compiled, object_labels(p->pod)))
        return;
    if (slot >= group->slots) {
        size_t grown = slot + slot / 2 + 16;
        group->counts = mem_resize(group->counts, uint32_t, group->slots, grown);
        group->slots = grown;
    }
    CHECK(sign > 0 || group->counts[slot] > 0);
    group->counts[slot] += (uint32_t)sign;
}

static struct namespace_groups *namespace_find(struct spread_groups *g, struct str namespace,
                                               bool make)
{
    uint64_t hash = hash_bytes(namespace);
    struct namespace_groups *n = index_get(&g->by_namespace, hash, &namespace);
    if (n || !make)
        return n;
    n = mem_new(struct namespace_groups);
    n->namespace = value_string(namespace);
    vec_push(&g->namespaces, n);
    index_put(&g->by_namespace, hash, &namespace, n);
    return n;
}

static bool has_namespace(const void *probe, const void *item)
{
    const struct namespace_groups *n = item;
    return str_equal(*(const struct str *)probe, value_str(n->namespace));
}

static void group_free(struct spread_group *group)
{
    label_selector_free(group->compiled);
    value_drop(group->selector);
    mem_free(group->counts);
    mem_free(group);
}
