/* SPDX-License-Identifier: Apache-2.0
 *
 * PodTopologySpread: keeps the pods that a selector matches evenly over topology domains (zones,
 * hosts).
 *
 * Filter (whenUnsatisfiable: DoNotSchedule): with the pod there, its domain may hold at most
 * maxSkew more than the emptiest eligible domain. Score (ScheduleAnyway, or the two default
 * constraints when the pod states none: hostname with skew 3 and zone with skew 5, over what a
 * Service, ReplicaSet, ReplicationController or StatefulSet selects).
 *
 * Score of a node = round(sum over constraints of count * ln(domains + 2) + maxSkew - 1), then 100
 * * (max + min - s) / max.
 *
 * DEVIATION: the logarithm is a fixed-point number of 2^-24; Kubernetes uses floating point. They
 * round alike but within 1e-6 of a half.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

#include "cluster/api/object.h"
#include "cluster/api/selector.h"
#include "cluster/scheduler/spread_groups.h"

#define CONSTRAINTS_MAX 16
#define HOSTNAME_LABEL "kubernetes.io/hostname"
#define ZONE_LABEL "topology.kubernetes.io/zone"
#define FIXED_BITS 24

struct constraint {
    const struct topology_key *topology;
    int64_t max_skew, min_domains;
    const struct spread_group *group;
    bool matches_itself;
    bool honors_affinity, honors_taints;
    bool is_hostname;
    int64_t *counts; /* matching pods by domain; COUNT_NONE: no eligible node there */
    int64_t minimum; /* filter: over the domains; 0 when there are too few */
    int64_t weight;  /* score: ln(domains + 2), fixed point */
};
struct spread_state {
    struct constraint hard[CONSTRAINTS_MAX], soft[CONSTRAINTS_MAX];
    size_t hard_count, soft_count;
    bool require_all_keys;
};
#define COUNT_NONE (-1)

static enum fit pre_filter(struct cycle *c);
static enum fit filter(struct cycle *c, const struct node_info *n);
static enum fit pre_score(struct cycle *c);
static int64_t score(struct cycle *c, const struct node_info *n);
static void normalize(struct cycle *c, int64_t *scores, size_t count);

const struct plugin pod_topology_spread_plugin = {
    .name = "PodTopologySpread",
    .pre_filter = pre_filter,
    .filter = filter,
    .pre_score = pre_score,
    .score = score,
    .normalize = normalize,
    .weight = 2,
    .events = EVENT_NODE_ADD | EVENT_NODE_LABEL | EVENT_NODE_TAINT | EVENT_POD_ADD |
              EVENT_POD_DELETE | EVENT_UNSCHEDULED_POD,
};

/* ---- constraints ---- */

static bool group_selects(const struct spread_group *g, struct value labels)
{
    return g->compiled && label_selector_matches(g->compiled, labels);
}

static struct constraint constraint_make(struct cycle *c, struct str key, struct value selector)
{
    struct constraint k = {.topology = cache_topology(c->cache, key),
                           .group = spread_groups_get(c->cache, c->namespace, selector),
                           .honors_affinity = true,
                           .is_hostname = str_equal(key, S(HOSTNAME_LABEL))};
    size_t domains = k.topology->domains.count + 1;
    k.counts = arena_array(c->arena, int64_t, domains);
    for (size_t i = 0; i < domains; i++)
        k.counts[i] = COUNT_NONE;
    return k;
}

static void collect(struct cycle *c, const char *when, struct constraint *out, size_t *count)
{
    struct value list = VALUE_GET(c->spec, topologySpreadConstraints);
    for (size_t i = 0; i < value_count(list) && *count < CONSTRAINTS_MAX; i++) {
        struct value t = value_at(list, i);
        if (!VALUE_IS(t, when, whenUnsatisfiable))
            continue;
        struct constraint *k = &out[(*count)++];
        *k = constraint_make(c, VALUE_STR(t, topologyKey), VALUE_GET(t, labelSelector));
        k->max_skew = VALUE_INT(t, 1, maxSkew);
        k->min_domains = VALUE_INT(t, 1, minDomains);
        k->matches_itself = group_selects(k->group, c->labels);
        k->honors_affinity = !VALUE_IS(t, "Ignore", nodeAffinityPolicy);
        k->honors_taints = VALUE_IS(t, "Honor", nodeTaintsPolicy);
    }
}

static void collect_defaults(struct cycle *c, struct spread_state *s)
{
    struct value selector =
        c->default_selector ? c->default_selector(c->owner, c->pod) : VALUE_ABSENT;
    if (!value_is_present(selector))
        return;
    s->soft[0] = constraint_make(c, S(HOSTNAME_LABEL), selector);
    s->soft[0].max_skew = 3;
    s->soft[1] = constraint_make(c, S(ZONE_LABEL), selector);
    s->soft[1].max_skew = 5;
    s->soft_count = 2;
    value_drop(selector);
}

static bool has_all_keys(const struct constraint *list, size_t count, uint32_t slot)
{
    for (size_t i = 0; i < count; i++)
        if (topology_domain(list[i].topology, slot) == 0)
            return false;
    return true;
}

/* May the pods of this node count for the constraint? */
static bool node_counts(struct cycle *c, const struct constraint *k, const struct node_info *n,
                        bool plain_affinity)
{
    if (k->honors_affinity && !plain_affinity && !node_matches_affinity(c->spec, n->node))
        return false;
    if (k->honors_taints && n->hard_taints > 0) {
        struct value tolerations = VALUE_GET(c->spec, tolerations);
        for (uint32_t i = 0; i < n->taint_count; i++)
            if (n->taints[i].effect != TAINT_PREFER_NO_SCHEDULE &&
                !pod_tolerates(tolerations, &n->taints[i]))
                return false;
    }
    return true;
}

static bool has_plain_affinity(const struct cycle *c)
{
    return value_count(VALUE_GET(c->spec, nodeSelector)) == 0 &&
           !value_is_present(VALUE_GET(c->spec, affinity, nodeAffinity));
}

/* ---- filter ---- */

static void find_minimum(struct constraint *k)
{
    int64_t domains = 0, minimum = INT64_MAX;
    for (size_t i = 1; i <= k->topology->domains.count; i++) {
        if (k->counts[i] == COUNT_NONE)
            continue;
        domains++;
        minimum = k->counts[i] < minimum ? k->counts[i] : minimum;
    }
    k->minimum = domains == 0 || domains < k->min_domains ? 0 : minimum;
}

static enum fit pre_filter(struct cycle *c)
{
    if (value_count(VALUE_GET(c->spec, topologySpreadConstraints)) == 0)
        return FIT_SKIP;
    struct spread_state *s = arena_new(c->arena, struct spread_state);
    collect(c, "DoNotSchedule", s->hard, &s->hard_count);
    c->spread = s;
    if (s->hard_count == 0)
        return FIT_SKIP;
    size_t nodes;
    const uint32_t *order = cache_order(c->cache, &nodes);
    bool plain = has_plain_affinity(c);
    for (size_t i = 0; i < nodes; i++) {
        if (!has_all_keys(s->hard, s->hard_count, order[i]))
            continue;
        for (size_t j = 0; j < s->hard_count; j++) {
            if (!node_counts(c, &s->hard[j], c->cache->nodes.items[order[i]], plain))
                continue;
            int64_t *count = &s->hard[j].counts[topology_domain(s->hard[j].topology, order[i])];
            *count =
                (*count == COUNT_NONE ? 0 : *count) + spread_group_at(s->hard[j].group, order[i]);
        }
    }
    for (size_t j = 0; j < s->hard_count; j++)
        find_minimum(&s->hard[j]);
    return FIT;
}

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    const struct spread_state *s = c->spread;
    for (size_t i = 0; i < s->hard_count; i++) {
        const struct constraint *k = &s->hard[i];
        uint32_t domain = topology_domain(k->topology, n->slot);
        if (domain == 0) {
            cycle_reject(
                c, "node(s) didn't match pod topology spread constraints (missing required label)");
            return FIT_NEVER;
        }
        int64_t there =
            (k->counts[domain] == COUNT_NONE ? 0 : k->counts[domain]) + (k->matches_itself ? 1 : 0);
        if (there - k->minimum > k->max_skew) {
            cycle_reject(c, "node(s) didn't match pod topology spread constraints");
            return FIT_NOT;
        }
    }
    return FIT;
}

/* ---- score ---- */

/* ln(n) for n >= 1, in units of 2^-FIXED_BITS: log2 bit by bit, then times ln 2. */
static int64_t logarithm(uint64_t n)
{
    int whole = 63 - __builtin_clzll(n);
    uint64_t x = whole <= 31 ? n << (31 - whole) : n >> (whole - 31); /* [1, 2) in 2^-31 */
    uint64_t bits = (uint64_t)whole;
    for (int i = 0; i < 32; i++) {
        x = x * x >> 31;
        bits <<= 1;
        if (x >> 32) {
            x >>= 1;
            bits |= 1;
        }
    }
    /* bits is log2(n) in 2^-32; ln 2 in 2^-32 is 2977044472. */
    return (int64_t)(((bits >> 8) * UINT64_C(2977044472)) >> 32);
}

static bool is_ignored(const struct spread_state *s, uint32_t slot)
{
    return s->require_all_keys && !has_all_keys(s->soft, s->soft_count, slot);
}

/* Which domains the feasible nodes have, and how many: that many weigh. */
static void weigh(struct cycle *c, struct spread_state *s)
{
    uint64_t domains[CONSTRAINTS_MAX] = {0}, scored = 0;
    for (size_t i = 0; i < c->feasible_count; i++) {
        if (is_ignored(s, c->feasible[i]))
            continue;
        scored++;
        for (size_t j = 0; j < s->soft_count; j++) {
            uint32_t domain =
                s->soft[j].is_hostname ? 0 : topology_domain(s->soft[j].topology, c->feasible[i]);
            if (domain == 0 || s->soft[j].counts[domain] != COUNT_NONE)
                continue;
            s->soft[j].counts[domain] = 0;
            domains[j]++;
        }
    }
    for (size_t j = 0; j < s->soft_count; j++)
        s->soft[j].weight = logarithm((s->soft[j].is_hostname ? scored : domains[j]) + 2);
}

/* Every node counts: two arrays side by side. This is the default spreading of a pod without node
 * affinity, that is of nearly all, and runs over all nodes for each. */
static void count_all_nodes(struct constraint *k)
{
    size_t slots = k->group->slots < k->topology->domain_of.count ? k->group->slots
                                                                  : k->topology->domain_of.count;
    const uint32_t *there = k->group->counts, *domains = k->topology->domain_of.items;
    for (size_t slot = 0; slot < slots; slot++)
        if (there[slot] && domains[slot] && k->counts[domains[slot]] != COUNT_NONE)
            k->counts[domains[slot]] += there[slot];
}

/* Hosts are counted when they are scored; wider domains here, over all nodes. */
static void count_domains(struct cycle *c, struct spread_state *s, struct constraint *k)
{
    size_t nodes;
    const uint32_t *order = cache_order(c->cache, &nodes);
    bool plain = has_plain_affinity(c);
    if (!s->require_all_keys && !k->honors_taints && (plain || !k->honors_affinity)) {
        count_all_nodes(k);
        return;
    }
    for (size_t i = 0; i < nodes; i++) {
        uint32_t there = spread_group_at(k->group, order[i]);
        uint32_t domain = there ? topology_domain(k->topology, order[i]) : 0;
        if (domain == 0 || k->counts[domain] == COUNT_NONE || is_ignored(s, order[i]))
            continue;
        if (node_counts(c, k, c->cache->nodes.items[order[i]], plain))
            k->counts[domain] += there;
    }
}

static enum fit pre_score(struct cycle *c)
{
    struct spread_state *s = arena_new(c->arena, struct spread_state);
    s->require_all_keys = value_count(VALUE_GET(c->spec, topologySpreadConstraints)) > 0;
    if (s->require_all_keys)
        collect(c, "ScheduleAnyway", s->soft, &s->soft_count);
    else
        collect_defaults(c, s);
    c->spread = s;
    if (s->soft_count == 0)
        return FIT_SKIP;
    weigh(c, s);
    for (size_t j = 0; j < s->soft_count; j++)
        if (!s->soft[j].is_hostname)
            count_domains(c, s, &s->soft[j]);
    return FIT;
}

#define SCORE_IGNORED INT64_MIN

static int64_t score(struct cycle *c, const struct node_info *n)
{
    const struct spread_state *s = c->spread;
    if (is_ignored(s, n->slot))
        return SCORE_IGNORED;
    int64_t sum = 0;
    for (size_t j = 0; j < s->soft_count; j++) {
        const struct constraint *k = &s->soft[j];
        uint32_t domain = topology_domain(k->topology, n->slot);
        if (domain == 0)
            continue;
        int64_t count = k->is_hostname ? spread_group_at(k->group, n->slot) : k->counts[domain];
        sum += count * k->weight + ((k->max_skew - 1) << FIXED_BITS);
    }
    return (sum + (INT64_C(1) << (FIXED_BITS - 1))) >> FIXED_BITS;
}

static void normalize(struct cycle *c, int64_t *scores, size_t count)
{
    MAYBE(c->pod);
    int64_t lowest = INT64_MAX, highest = 0;
    for (size_t i = 0; i < count; i++) {
        if (scores[i] == SCORE_IGNORED)
            continue;
        lowest = scores[i] < lowest ? scores[i] : lowest;
        highest = scores[i] > highest ? scores[i] : highest;
    }
    for (size_t i = 0; i < count; i++) {
        if (scores[i] == SCORE_IGNORED)
            scores[i] = 0;
        else if (highest == 0)
            scores[i] = SCHEDULER_SCORE_MAX;
        else
            scores[i] = SCHEDULER_SCORE_MAX * (highest + lowest - scores[i]) / highest;
    }
}
