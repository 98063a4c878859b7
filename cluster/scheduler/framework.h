/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduling framework: what a plugin is, and what one scheduling cycle carries.
 *
 * A plugin is a constant: its name, the extension points it takes part in, its weight, and which
 * cluster events may make a pod that it rejected schedulable. Its functions are pure: they read the
 * cycle and a node.
 *
 *     const struct plugin node_name_plugin = {
 *         .name = "NodeName", .filter = filter, .events = EVENT_NODE_ADD};
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/
 */
#ifndef CLUSTER_SCHEDULER_FRAMEWORK_H
#define CLUSTER_SCHEDULER_FRAMEWORK_H

#include "cluster/scheduler/cache.h"
#include "sim/base/arena.h"

#define SCHEDULER_SCORE_MAX 100
#define PLUGINS_MAX 24

/* Cluster events that may make a rejected pod schedulable; bits. */
enum cluster_event {
    EVENT_NODE_ADD = 1 << 0,
    EVENT_NODE_ALLOCATABLE = 1 << 1,
    EVENT_NODE_LABEL = 1 << 2,
    EVENT_NODE_TAINT = 1 << 3,      /* also spec.unschedulable */
    EVENT_POD_ADD = 1 << 4,         /* a bound pod came, or its labels changed */
    EVENT_POD_DELETE = 1 << 5,      /* a bound pod went or ended */
    EVENT_UNSCHEDULED_POD = 1 << 6, /* the pod itself changed */
};

enum fit {
    FIT,
    FIT_SKIP, /* pre-filter, pre-score: nothing to do for this pod; the later points are left out */
    FIT_NOT,  /* unschedulable; taking pods away might help */
    FIT_NEVER, /* unschedulable, and no preemption cures it */
};

struct cycle;

struct plugin {
    const char *name;
    enum fit (*pre_filter)(
        struct cycle *c); /* FIT_NOT / FIT_NEVER with cycle_refuse: the whole cycle ends */
    enum fit (*filter)(struct cycle *c, const struct node_info *n); /* says why by cycle_reject */
    enum fit (*pre_score)(struct cycle *c);
    int64_t (*score)(struct cycle *c, const struct node_info *n);
    /* Over the scores of all feasible nodes, in place; NULL: they are 0..100 already. */
    void (*normalize)(struct cycle *c, int64_t *scores, size_t count);
    int weight;
    uint32_t events;
};
extern const struct plugin *const scheduler_plugins[]; /* in running order; ends in NULL */

/* One reason with how many nodes gave it. */
struct reason {
    const char *text; /* a constant, or in the cycle's arena */
    uint32_t nodes;
};
#define REASONS_MAX 64

struct spread_state;
struct affinity_state;
struct image_state;

struct cycle {
    struct cache *cache;
    struct arena *arena;
    const struct pod_info *pod;
    struct value spec; /* borrowed */
    struct str namespace;
    struct value labels; /* of the pod */
    /* Feasible nodes in the order found; set from pre-score on. */
    const uint32_t *feasible;
    size_t feasible_count;
    /* Why not. */
    struct reason reasons[REASONS_MAX];
    size_t reason_count;
    uint32_t rejecting;              /* bit per plugin index */
    const char *refusal;             /* of a pre-filter: the whole message */
    uint32_t nodes_not, nodes_never; /* how many nodes preemption might help, and cannot */
    /* Plugins' own, in the arena. */
    struct spread_state *spread;
    struct affinity_state *affinity;
    struct image_state *images;
    /* Of other kinds than pods and nodes, by the informers of `owner`: */
    struct value (*default_selector)(void *owner,
                                     const struct pod_info *p); /* owned LabelSelector, or absent */
    struct value (*namespace_labels)(void *owner, struct str namespace); /* borrowed */
    void *owner;
};

/* Says why the node at hand does not fit. `reason` must outlive the cycle: a constant or
 * cycle->arena. */
void cycle_reject(struct cycle *c, const char *reason);
void cycle_refuse(struct cycle *c, const char *message); /* a pre-filter's */

/* Reversed: 100 for the lowest. Scales the highest to 100. All 0 when the highest is 0 (reversed:
 * 100). */
void scores_normalize(int64_t *scores, size_t count, bool reversed);

/* Does a toleration of the pod tolerate the taint? */
bool pod_tolerates(struct value tolerations, const struct taint *t);
/* nodeSelector and required node affinity (OR of terms, AND of expressions). */
bool node_matches_affinity(struct value spec, struct value node);
bool node_selector_term_matches(struct value term, struct value node);

#endif
