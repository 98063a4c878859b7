/* SPDX-License-Identifier: Apache-2.0
 *
 * InterPodAffinity: a pod near to, or far from, the pods that a selector matches, "near" being the
 * same value of a node label (topologyKey).
 *
 * Filter: the node's domain must hold a pod that matches all required affinity terms (or nobody
 * does anywhere, but the pod itself matches: the first of its group), none that a required
 * anti-affinity term matches, and no pod there may have a required anti-affinity term that matches
 * the incoming one. Score: weights of preferred terms, both ways; the required affinity of a pod
 * that is there counts as a preference of weight 1 for the incoming one.
 *
 * Source:
 * kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
 */
#include "sim/base/base.h"

#include "cluster/scheduler/plugins/plugins.h"

#include "cluster/api/object.h"
#include "cluster/api/selector.h"
#include "cluster/scheduler/topology_pairs.h"

#define HARD_AFFINITY_WEIGHT 1

struct affinity_state {
    struct value affinity, anti; /* the pod's own required terms: lists */
    struct topology_pairs affine, against, existing;
    struct topology_pairs scores;
};

static enum fit pre_filter(struct cycle *c);
static enum fit filter(struct cycle *c, const struct node_info *n);
static enum fit pre_score(struct cycle *c);
static int64_t score(struct cycle *c, const struct node_info *n);
static void normalize(struct cycle *c, int64_t *scores, size_t count);

const struct plugin inter_pod_affinity_plugin = {
    .name = "InterPodAffinity",
    .pre_filter = pre_filter,
    .filter = filter,
    .pre_score = pre_score,
    .score = score,
    .normalize = normalize,
    .weight = 2,
    .events = EVENT_NODE_ADD | EVENT_NODE_LABEL | EVENT_POD_ADD | EVENT_POD_DELETE |
              EVENT_UNSCHEDULED_POD,
};

/* ---- terms ---- */

static struct value required_terms(struct value affinity)
{
    return VALUE_GET(affinity, requiredDuringSchedulingIgnoredDuringExecution);
}

static struct value preferred_terms(struct value affinity)
{
    return VALUE_GET(affinity, preferredDuringSchedulingIgnoredDuringExecution);
}

/* Is `namespace` among those the term is about? None named: the namespace of the pod that has the
 * term. */
static bool namespace_matches(struct cycle *c, struct value term, struct str owner,
                              struct str namespace)
{
    struct value names = VALUE_GET(term, namespaces);
    struct value selector = VALUE_GET(term, namespaceSelector);
    if (value_count(names) == 0 && !value_is_present(selector))
        return str_equal(owner, namespace);
    for (size_t i = 0; i < value_count(names); i++)
        if (str_equal(value_str(value_at(names, i)), namespace))
            return true;
    if (!value_is_present(selector))
        return false;
    struct value labels =
        c->namespace_labels ? c->namespace_labels(c->owner, namespace) : VALUE_ABSENT;
    return label_selector_object_matches(selector, labels);
}

/* Does the term of a pod in `owner` match a pod with these labels in `namespace`? */
static bool term_matches(struct cycle *c, struct value term, struct str owner, struct str namespace,
                         struct value labels)
{
    return namespace_matches(c, term, owner, namespace) &&
           label_selector_object_matches(VALUE_GET(term, labelSelector), labels);
}

static bool all_terms_match(struct cycle *c, struct value terms, struct str namespace,
                            struct value labels)
{
    for (size_t i = 0; i < value_count(terms); i++)
        if (!term_matches(c, value_at(terms, i), c->namespace, namespace, labels))
            return false;
    return value_count(terms) > 0;
}

static void count_at(struct topology_pairs *pairs, struct cycle *c, struct value term,
                     const struct node_info *n, int64_t amount)
{
    struct str key = arena_str(c->arena, VALUE_STR(term, topologyKey));
    struct value domain = object_label(n->node, key);
    if (value_is_present(domain))
        *topology_pairs_at(pairs, key, domain) += amount;
}

/* ---- filter ---- */

static void meet_existing(struct cycle *c, struct affinity_state *s, const struct node_info *n)
{
    for (size_t i = 0; n->required_anti_pods > 0 && i < n->pods.count; i++) {
        const struct pod_info *p = n->pods.items[i];
        if (!p->has_required_anti)
            continue;
        struct value terms = required_terms(VALUE_GET(p->pod, spec, affinity, podAntiAffinity));
        for (size_t j = 0; j < value_count(terms); j++)
            if (term_matches(c, value_at(terms, j), p->key->namespace, c->namespace, c->labels))
                count_at(&s->existing, c, value_at(terms, j), n, 1);
    }
}

static void meet_incoming(struct cycle *c, struct affinity_state *s, const struct node_info *n)
{
    for (size_t i = 0; i < n->pods.count; i++) {
        const struct pod_info *p = n->pods.items[i];
        struct value labels = object_labels(p->pod);
        if (all_terms_match(c, s->affinity, p->key->namespace, labels))
            for (size_t j = 0; j < value_count(s->affinity); j++)
                count_at(&s->affine, c, value_at(s->affinity, j), n, 1);
        for (size_t j = 0; j < value_count(s->anti); j++)
            if (term_matches(c, value_at(s->anti, j), c->namespace, p->key->namespace, labels))
                count_at(&s->against, c, value_at(s->anti, j), n, 1);
    }
}

static enum fit pre_filter(struct cycle *c)
{
    struct value affinity = VALUE_GET(c->spec, affinity);
    struct value wanted = required_terms(VALUE_GET(affinity, podAffinity));
    struct value anti = required_terms(VALUE_GET(affinity, podAntiAffinity));
    bool has_own = value_count(wanted) > 0 || value_count(anti) > 0;
    if (!has_own && c->cache->required_anti_pods == 0)
        return FIT_SKIP;
    struct affinity_state *s = arena_new(c->arena, struct affinity_state);
    s->affinity = wanted;
    s->anti = anti;
    s->affine.arena = s->against.arena = s->existing.arena = c->arena;
    size_t nodes;
    const uint32_t *order = cache_order(c->cache, &nodes);
    for (size_t i = 0; i < nodes; i++) {
        const struct node_info *n = c->cache->nodes.items[order[i]];
        meet_existing(c, s, n);
        if (has_own)
            meet_incoming(c, s, n);
    }
    c->affinity = s;
    return FIT;
}

static bool affinity_holds(struct cycle *c, const struct node_info *n)
{
    const struct affinity_state *s = c->affinity;
    bool found = true;
    for (size_t i = 0; i < value_count(s->affinity); i++) {
        struct str key = VALUE_STR(value_at(s->affinity, i), topologyKey);
        struct value domain = object_label(n->node, key);
        if (!value_is_present(domain))
            return false;
        const int64_t *count = topology_pairs_find(&s->affine, key, domain);
        found = found && count && *count > 0;
    }
    if (found)
        return true;
    /* The first of a group of pods that want to be together. */
    return s->affine.count == 0 && all_terms_match(c, s->affinity, c->namespace, c->labels);
}

static bool anti_affinity_holds(const struct affinity_state *s, const struct node_info *n)
{
    for (size_t i = 0; s->against.count > 0 && i < value_count(s->anti); i++) {
        struct str key = VALUE_STR(value_at(s->anti, i), topologyKey);
        struct value domain = object_label(n->node, key);
        const int64_t *count =
            value_is_present(domain) ? topology_pairs_find(&s->against, key, domain) : NULL;
        if (count && *count > 0)
            return false;
    }
    return true;
}

static bool existing_agree(const struct affinity_state *s, const struct node_info *n)
{
    for (size_t i = 0; i < s->existing.count; i++)
        if (value_equal(object_label(n->node, s->existing.items[i].key),
                        s->existing.items[i].value))
            return false;
    return true;
}

static enum fit filter(struct cycle *c, const struct node_info *n)
{
    if (!affinity_holds(c, n)) {
        cycle_reject(c, "node(s) didn't match pod affinity rules");
        return FIT_NEVER;
    }
    if (!anti_affinity_holds(c->affinity, n)) {
        cycle_reject(c, "node(s) didn't match pod anti-affinity rules");
        return FIT_NOT;
    }
    if (!existing_agree(c->affinity, n)) {
        cycle_reject(c, "node(s) didn't satisfy existing pods anti-affinity rules");
        return FIT_NOT;
    }
    return FIT;
}

/* ---- score ---- */

static void add_incoming_terms(struct cycle *c, struct affinity_state *s, struct value terms,
                               int64_t sign, const struct pod_info *p, const struct node_info *n)
{
    for (size_t i = 0; i < value_count(terms); i++) {
        struct value term = VALUE_GET(value_at(terms, i), podAffinityTerm);
        if (term_matches(c, term, c->namespace, p->key->namespace, object_labels(p->pod)))
            count_at(&s->scores, c, term, n, sign * VALUE_INT(value_at(terms, i), 0, weight));
    }
}

static void add_existing_terms(struct cycle *c, struct affinity_state *s, const struct pod_info *p,
                               const struct node_info *n)
{
    struct value affinity = VALUE_GET(p->pod, spec, affinity);
    struct value hard = required_terms(VALUE_GET(affinity, podAffinity));
    for (size_t i = 0; i < value_count(hard); i++)
        if (term_matches(c, value_at(hard, i), p->key->namespace, c->namespace, c->labels))
            count_at(&s->scores, c, value_at(hard, i), n, HARD_AFFINITY_WEIGHT);
    for (int against = 0; against < 2; against++) {
        struct value soft = preferred_terms(against ? VALUE_GET(affinity, podAntiAffinity)
                                                    : VALUE_GET(affinity, podAffinity));
        for (size_t i = 0; i < value_count(soft); i++) {
            struct value term = VALUE_GET(value_at(soft, i), podAffinityTerm);
            int64_t weight = VALUE_INT(value_at(soft, i), 0, weight);
            if (term_matches(c, term, p->key->namespace, c->namespace, c->labels))
                count_at(&s->scores, c, term, n, against ? -weight : weight);
        }
    }
}

static enum fit pre_score(struct cycle *c)
{
    struct value affinity = VALUE_GET(c->spec, affinity);
    struct value towards = preferred_terms(VALUE_GET(affinity, podAffinity));
    struct value away = preferred_terms(VALUE_GET(affinity, podAntiAffinity));
    bool has_own = value_count(towards) > 0 || value_count(away) > 0;
    if (!has_own && c->cache->affinity_pods == 0)
        return FIT_SKIP;
    struct affinity_state *s = arena_new(c->arena, struct affinity_state);
    s->scores.arena = c->arena;
    size_t nodes;
    const uint32_t *order = cache_order(c->cache, &nodes);
    for (size_t i = 0; i < nodes; i++) {
        const struct node_info *n = c->cache->nodes.items[order[i]];
        if (!has_own && n->affinity_pods == 0)
            continue;
        for (size_t j = 0; j < n->pods.count; j++) {
            const struct pod_info *p = n->pods.items[j];
            add_incoming_terms(c, s, towards, 1, p, n);
            add_incoming_terms(c, s, away, -1, p, n);
            if (p->has_affinity_terms)
                add_existing_terms(c, s, p, n);
        }
    }
    c->affinity = s;
    return s->scores.count > 0 ? FIT : FIT_SKIP;
}

static int64_t score(struct cycle *c, const struct node_info *n)
{
    const struct topology_pairs *scores = &c->affinity->scores;
    int64_t sum = 0;
    for (size_t i = 0; i < scores->count; i++)
        if (value_equal(object_label(n->node, scores->items[i].key), scores->items[i].value))
            sum += scores->items[i].number;
    return sum;
}

static void normalize(struct cycle *c, int64_t *scores, size_t count)
{
    MAYBE(c->pod);
    int64_t lowest = INT64_MAX, highest = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        lowest = scores[i] < lowest ? scores[i] : lowest;
        highest = scores[i] > highest ? scores[i] : highest;
    }
    for (size_t i = 0; i < count; i++)
        scores[i] =
            highest == lowest ? 0 : SCHEDULER_SCORE_MAX * (scores[i] - lowest) / (highest - lowest);
}
