/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants of evictions: those that people ask for are paid for from a budget, and nodes are
 * tainted no faster than the rate of their zone.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "cluster/api/selector.h"
#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"

/* ---- I72 ---- */

static bool is_marked(struct value pod)
{
    struct value target = condition_find(VALUE_GET(pod, status, conditions), "DisruptionTarget");
    return VALUE_IS(target, "EvictionByEvictionAPI", reason);
}

static void evicted_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_pods) || !is_update(change) || is_marked(change->before) ||
        !is_marked(change->after))
        return;
    /* What is not ready may go for nothing. */
    if (!condition_is_true(VALUE_GET(change->before, status, conditions), "Ready") ||
        object_is_deleting(change->before))
        return;
    const struct resource *budgets = resource_get(RESOURCE_poddisruptionbudgets);
    struct view_cursor c = view_first(v->run->view, budgets, change->key->namespace);
    for (; c.key; view_next(&c)) {
        struct label_selector *selector =
            label_selector_from_object(VALUE_GET(c.object, spec, selector), NULL);
        bool is_selected =
            selector && label_selector_matches(selector, object_labels(change->before));
        label_selector_free(selector);
        if (!is_selected)
            continue;
        (*v->checked)++;
        if (!value_is_present(
                value_get_key(VALUE_GET(c.object, status, disruptedPods), change->key->name)))
            text_printf(v->violation, "it is evicted and budget %.*s has not paid for it",
                        STR_ARG(c.key->name));
    }
}

const struct invariant invariant_eviction_is_paid = {
    .id = "I72b",
    .name = "eviction-is-paid",
    .help = "a ready pod is evicted only after its disruption budget has paid for it",
    .changed = evicted_changed,
};

/* ---- I85 ----
 *
 * One node of a zone in 10 s. A write may be late, so two may come close together; three may not.
 * Another leader begins with a limiter of its own.
 */

#define TAINTED_TOGETHER 2
#define WINDOW_S 10

struct zone_pace {
    uint64_t name, leader;               /* hashes */
    struct instant at[TAINTED_TOGETHER]; /* the last ones */
    size_t count;
};
struct paces {
    VEC(struct zone_pace) zones;
};

static void *paces_new(struct run *r)
{
    (void)r;
    return mem_new(struct paces);
}

static void paces_free(void *memory)
{
    struct paces *p = memory;
    vec_release(&p->zones);
    mem_free(p);
}

static bool has_eviction_taint(struct value node)
{
    struct value taints = VALUE_GET(node, spec, taints);
    for (size_t i = 0; i < value_count(taints); i++) {
        struct value t = value_at(taints, i);
        if (VALUE_IS(t, "NoExecute", effect) &&
            (VALUE_IS(t, "node.kubernetes.io/unreachable", key) ||
             VALUE_IS(t, "node.kubernetes.io/not-ready", key)))
            return true;
    }
    return false;
}

static uint64_t leader_of(const struct verdict *v)
{
    struct value lease = view_get_named(v->run->view, resource_get(RESOURCE_leases),
                                        S("kube-system"), S("kube-controller-manager"));
    uint64_t holder = value_hash(VALUE_GET(lease, spec, holderIdentity));
    return hash_pair(holder, value_hash(VALUE_GET(lease, spec, acquireTime)));
}

static struct zone_pace *pace_of(struct paces *p, uint64_t name)
{
    for (size_t i = 0; i < p->zones.count; i++) {
        if (p->zones.items[i].name == name)
            return &p->zones.items[i];
    }
    vec_push(&p->zones, (struct zone_pace){.name = name});
    return &vec_last(&p->zones);
}

static void tainted_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    if (!is_of(change, RESOURCE_nodes) || !is_update(change) ||
        has_eviction_taint(change->before) || !has_eviction_taint(change->after) ||
        !str_ends_with(change->by, S(":node-controller")))
        return;
    struct value flags = value_get_key(value_get_key(v->run->scenario->cluster, S("flags")),
                                       S("kube-controller-manager"));
    if (value_is_present(value_get_key(flags, S("node-eviction-rate"))))
        return;
    struct zone_pace *zone =
        pace_of(memory, value_hash(object_label(change->after, S("topology.kubernetes.io/zone"))));
    uint64_t leader = leader_of(v);
    if (zone->leader != leader)
        zone->count = 0;
    zone->leader = leader;
    (*v->checked)++;
    if (zone->count >= TAINTED_TOGETHER &&
        instant_since(change->at, zone->at[0]).ns < duration_s(WINDOW_S).ns)
        text_printf(v->violation,
                    "it is the third node of its zone that is tainted for eviction within %d s",
                    WINDOW_S);
    zone->at[0] = zone->at[1];
    zone->at[1] = change->at;
    zone->count++;
}

const struct invariant invariant_eviction_rate = {
    .id = "I85b",
    .name = "eviction-rate",
    .help = "no three nodes of a zone are tainted for eviction within 10 s",
    .changed = tainted_changed,
    .memory_new = paces_new,
    .memory_free = paces_free,
};
