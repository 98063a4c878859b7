/* SPDX-License-Identifier: Apache-2.0
 *
 * PodTopologySpread: keeps the pods that a selector matches evenly over topology domains (zones, hosts).
 *
 * Filter (whenUnsatisfiable: DoNotSchedule): with the pod there, its domain may hold at most maxSkew more than the emptiest
 * eligible domain. Score (ScheduleAnyway, or the two default constraints when the pod states none: hostname with skew 3 and
 * zone with skew 5, over what a Service, ReplicaSet, ReplicationController or StatefulSet selects).
 *
 * Score of a node = round(sum over constraints of count * ln(domains + 2) + maxSkew - 1), then 100 * (max + min - s) / max.
 *
 * DEVIATION: the logarithm is a fixed-point number of 2^-24; Kubernetes uses floating point. They round alike but within 1e-6 of
 * a half.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

#include "cluster/api/object.h"
#include "cluster/api/selector.h"
#include "cluster/scheduler/spread_groups.h"
#include "cluster/scheduler/topology_pairs.h"

#define CONSTRAINTS_MAX 16
#define HOSTNAME_LABEL "kubernetes.io/hostname"
#define ZONE_LABEL "topology.kubernetes.io/zone"
#define FIXED_BITS 24

struct constraint {
    struct str key;
    int64_t max_skew, min_domains;
    const struct spread_group *group;
    bool matches_itself;
    bool honors_affinity, honors_taints;
    int64_t minimum; /* filter: over the domains; 0 when there are too few */
    int64_t weight;  /* score: ln(domains + 2), fixed point */
    bool is_hostname;
};
struct spread_state {
    struct constraint hard[CONSTRAINTS_MAX], soft[CONSTRAINTS_MAX];
    size_t hard_count, soft_count;
    bool require_all_keys;
    struct topology_pairs pairs; /* matching pods by domain */
};

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
    .events = EVENT_NODE_ADD | EVENT_NODE_LABEL | EVENT_NODE_TAINT | EVENT_POD_ADD | EVENT_POD_DELETE |
              EVENT_UNSCHEDULED_POD,
};

/* ---- constraints ---- */

static bool group_selects(const struct spread_group *g, struct value labels)
{
    return g->compiled && label_selector_matches(g->compiled, labels);
}

static void collect(struct cycle *c, const char *when, struct constraint *out, size_t *count)
{
    struct value list = VALUE_GET(c->spec, topologySpreadConstraints);
    for (size_t i = 0; i < value_count(list) && *count < CONSTRAINTS_MAX; i++) {
        struct value t = value_at(list, i);
        if (!VALUE_IS(t, when, whenUnsatisfiable))
            continue;
        struct constraint *k = &out[(*count)++];
        *k = (struct constraint){.key = arena_str(c->arena, VALUE_STR(t, topologyKey)),
                                 .max_skew = VALUE_INT(t, 1, maxSkew),
                                 .min_domains = VALUE_INT(t, 1, minDomains)};
        k->group = spread_groups_get(c->cache, c->namespace, VALUE_GET(t, labelSelector));
        k->matches_itself = group_selects(k->group, c->labels);
        k->honors_affinity = !VALUE_IS(t, "Ignore", nodeAffinityPolicy);
        k->honors_taints = VALUE_IS(t, "Honor", nodeTaintsPolicy);
        k->is_hostname = str_equal(k->key, S(HOSTNAME_LABEL));
    }
}

static void collect_defaults(struct cycle *c, struct spread_state *s)
{
    struct value selector = c->default_selector ? c->default_selector(c->owner, c->pod) : VALUE_ABSENT;
    if (!value_is_present(selector))
        return;
    const struct spread_group *group = spread_groups_get(c->cache, c->namespace, selector);
    value_drop(selector);
    s->soft[0] = (struct constraint){.key = S(HOSTNAME_LABEL), .max_skew = 3, .group = group,
                                     .honors_affinity = true, .is_hostname = true};
    s->soft[1] = (struct constraint){.key = S(ZONE_LABEL), .max_skew = 5, .group = group, .honors_affinity = true};
    s->soft_count = 2;
}

static bool has_all_keys(const struct constraint *list, size_t count, struct value node)
{
    for (size_t i = 0; i < count; i++)
        if (!value_is_present(object_label(node, list[i].key)))
            return false;
    return true;
}

/* May the pods of this node count for the constraint? */
static bool node_counts(struct cycle *c, const struct constraint *k, const struct node_info *n, bool plain_affinity)
{
    if (k->honors_affinity && !plain_affinity && !node_matches_affinity(c->spec, n->node))
        return false;
    if (k->honors_taints && n->hard_taints > 0) {
        struct value tolerations = VALUE_GET(c->spec, tolerations);
        for (uint32_t i = 0; i < n->taint_count; i++)
            if (n->taints[i].effect != TAINT_PREFER_NO_SCHEDULE && !pod_tolerates(tolerations, &n->taints[i]))
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

static enum fit pre_filter(struct cycle *c)
{
    if (value_count(VALUE_GET(c->spec, topologySpreadConstraints)) == 0)
        return FIT_SKIP;
    struct spread_state *s = arena_new(c->arena, struct spread_state);
    s->pairs.arena = c->arena;
    collect(c, "DoNotSchedule", s->hard, &s->hard_count);
    c->spread = s;
    if (s->hard_count == 0)
        return FIT_SKIP;
    size_t nodes;
    const uint32_t *order = cache_order(c->cache, &nodes);
    bool plain = has_plain_affinity(c);
    for (size_t i = 0; i < nodes; i++) {
        const struct node_info *n = c->cache->nodes.items[order[i]];
        if (!has_all_keys(s->hard, s->hard_count, n->node))
            continue;
        for (size_t j = 0; j < s->hard_count; j++)
            if (node_counts(c, &s->hard[j], n, plain))
                *topology_pairs_at(&s->pairs, s->hard[j].key, object_label(n->node, s->hard[j].key)) +=
                    spread_group_at(s->hard[j].group, order[i]);
    }
    for (size_t j = 0; j < s->hard_count; j++) {
        int64_t domains = 0, minimum = INT64_MAX;
        for (size_t i = 0; i < s->pairs.count; i++) {
            if (!str_equal(s->pairs.items[i].key, s->hard[j].key))
                continue;
            domains++;
            if (s->pairs.items[i].number < minimum)
                minimum = s->pairs.items[i].number;
        }
        s->hard[j].minimum = domains == 0 || domains < s->hard[j].min_domains ? 0 : minimum;
    }
    return FIT;
}

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    const struct spread_state *s = c->spread;
    for (size_t i = 0; i < s->hard_count; i++) {
        const struct constraint *k = &s->hard[i];
        struct value domain = object_label(n->node, k->key);
        if (!value_is_present(domain)) {
            cycle_reject(c, "node(s) didn't match pod topology spread constraints (missing required label)");
            return FIT_NEVER;
        }
        const int64_t *count = topology_pairs_find(&s->pairs, k->key, domain);
        int64_t there = (count ? *count : 0) + (k->matches_itself ? 1 : 0);
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

static bool is_ignored(const struct spread_state *s, const struct node_info *n)
{
    return s->require_all_keys && !has_all_keys(s->soft, s->soft_count, n->node);
}

static void weigh(struct cycle *c, struct spread_state *s)
{
    uint64_t scored = 0;
    for (size_t i = 0; i < c->feasible_count; i++) {
        const struct node_info *n = c->cache->nodes.items[c->feasible[i]];
        if (is_ignored(s, n))
            continue;
        scored++;
        for (size_t j = 0; j < s->soft_count; j++) {
            struct value domain = s->soft[j].is_hostname ? VALUE_ABSENT : object_label(n->node, s->soft[j].key);
            if (value_is_present(domain))
                *topology_pairs_at(&s->pairs, s->soft[j].key, domain) += 0;
        }
    }
    for (size_t j = 0; j < s->soft_count; j++) {
        uint64_t domains = s->soft[j].is_hostname ? scored : 0;
        for (size_t i = 0; i < s->pairs.count && !s->soft[j].is_hostname; i++)
            domains += str_equal(s->pairs.items[i].key, s->soft[j].key);
        s->soft[j].weight = logarithm(domains + 2);
    }
}

static enum fit pre_score(struct cycle *c)
{
    struct spread_state *s = arena_new(c->arena, struct spread_state);
    s->pairs.arena = c->arena;
    s->require_all_keys = value_count(VALUE_GET(c->spec, topologySpreadConstraints)) > 0;
    if (s->require_all_keys)
        collect(c, "ScheduleAnyway", s->soft, &s->soft_count);
    else
        collect_defaults(c, s);
    c->spread = s;
    if (s->soft_count == 0)
        return FIT_SKIP;
    weigh(c, s);
    if (s->pairs.count == 0) /* hostname only: counted at each node */
        return FIT;
    size_t nodes;
    const uint32_t *order = cache_order(c->cache, &nodes);
    bool plain = has_plain_affinity(c);
    for (size_t i = 0; i < nodes; i++) {
        const struct node_info *n = c->cache->nodes.items[order[i]];
        if (is_ignored(s, n))
            continue;
        for (size_t j = 0; j < s->soft_count; j++) {
            uint32_t there = s->soft[j].is_hostname ? 0 : spread_group_at(s->soft[j].group, order[i]);
            if (there == 0 || !node_counts(c, &s->soft[j], n, plain))
                continue;
            int64_t *count = topology_pairs_find(&s->pairs, s->soft[j].key, object_label(n->node, s->soft[j].key));
            if (count)
                *count += there;
        }
    }
    return FIT;
}

#define SCORE_IGNORED INT64_MIN

static int64_t score(struct cycle *c, const struct node_info *n)
{
    const struct spread_state *s = c->spread;
    if (is_ignored(s, n))
        return SCORE_IGNORED;
    int64_t sum = 0;
    for (size_t j = 0; j < s->soft_count; j++) {
        const struct constraint *k = &s->soft[j];
        struct value domain = object_label(n->node, k->key);
        if (!value_is_present(domain))
            continue;
        const int64_t *counted = k->is_hostname ? NULL : topology_pairs_find(&s->pairs, k->key, domain);
        int64_t count = k->is_hostname ? spread_group_at(k->group, n->slot) : counted ? *counted : 0;
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
