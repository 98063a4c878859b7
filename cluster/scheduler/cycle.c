/* SPDX-License-Identifier: Apache-2.0
 *
 * One scheduling cycle; see cycle.h and the facts in framework.h.
 *
 * The walk over nodes begins where the last one ended and stops when enough feasible nodes are
 * found: all of them below 100 nodes, a share that falls from 50 % to 5 % above, but at least 100.
 *
 * DEVIATION: the real scheduler checks 16 nodes at a time, so which feasible nodes it finds first
 * varies from run to run; here they are taken in walking order.
 *
 * Source: kubernetes.io/docs/concepts/scheduling-eviction/scheduler-perf-tuning/
 */
#include "sim/base/base.h"

#include "cluster/scheduler/cycle.h"

#include "cluster/api/object.h"
#include "sim/base/sort.h"
#include "sim/base/text.h"

#define FEASIBLE_MIN 100

static bool run_pre_filters(struct cycle *c, const struct plugin **filters, size_t *count);
static bool node_fits(struct cycle *c, const struct node_info *n,
                      const struct plugin *const *filters, size_t count);
static void find_feasible(struct cycle *c, const struct cycle_options *o,
                          const struct plugin *const *filters, size_t filter_count);
static uint32_t choose(struct cycle *c, const struct cycle_options *o);

uint32_t cycle_run(struct cycle *c, const struct cycle_options *options)
{
    c->spec = VALUE_GET(c->pod->pod, spec);
    c->labels = object_labels(c->pod->pod);
    c->namespace = c->pod->key->namespace;
    const struct plugin *filters[PLUGINS_MAX];
    size_t filter_count = 0;
    if (!run_pre_filters(c, filters, &filter_count))
        return NODE_NONE;
    find_feasible(c, options, filters, filter_count);
    if (c->feasible_count == 0)
        return NODE_NONE;
    return c->feasible_count == 1 ? c->feasible[0] : choose(c, options);
}

size_t cycle_feasible_wanted(size_t nodes, int percentage)
{
    if (nodes < FEASIBLE_MIN || percentage >= 100)
        return nodes;
    int64_t share = percentage;
    if (share == 0) {
        share = 50 - (int64_t)nodes / 125;
        share = share < 5 ? 5 : share;
    }
    size_t wanted = nodes * (size_t)share / 100;
    return wanted < FEASIBLE_MIN ? FEASIBLE_MIN : wanted;
}

/* ---- filtering ---- */

/* False when a plugin refuses the pod as such. Fills in the plugins whose filters take part. */
static bool run_pre_filters(struct cycle *c, const struct plugin **filters, size_t *count)
{
    for (size_t i = 0; scheduler_plugins[i]; i++) {
        const struct plugin *p = scheduler_plugins[i];
        enum fit fit = p->pre_filter ? p->pre_filter(c) : FIT;
        if (fit == FIT_NOT || fit == FIT_NEVER) {
            c->rejecting |= 1u << i;
            return false;
        }
        if (fit == FIT && p->filter)
            filters[(*count)++] = p;
    }
    return true;
}

static uint32_t plugin_index(const struct plugin *p)
{
    uint32_t i = 0;
    while (scheduler_plugins[i] != p)
        i++;
    return i;
}

static bool node_fits(struct cycle *c, const struct node_info *n,
                      const struct plugin *const *filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum fit fit = filters[i]->filter(c, n);
        if (fit == FIT)
            continue;
        c->rejecting |= 1u << plugin_index(filters[i]);
        if (fit == FIT_NEVER)
            c->nodes_never++;
        else
            c->nodes_not++;
        return false;
    }
    return true;
}

static void find_feasible(struct cycle *c, const struct cycle_options *o,
                          const struct plugin *const *filters, size_t filter_count)
{
    size_t nodes;
    const uint32_t *order = cache_order(c->cache, &nodes);
    size_t wanted = cycle_feasible_wanted(nodes, o->percentage_of_nodes_to_score);
    uint32_t *feasible = arena_array(c->arena, uint32_t, wanted ? wanted : 1);
    size_t start = nodes ? *o->next_start % nodes : 0, looked = 0;
    for (; looked < nodes && c->feasible_count < wanted; looked++) {
        size_t at = start + looked;
        uint32_t slot = order[at < nodes ? at : at - nodes];
        if (node_fits(c, c->cache->nodes.items[slot], filters, filter_count))
            feasible[c->feasible_count++] = slot;
    }
    c->feasible = feasible;
    *o->next_start = nodes ? (start + looked) % nodes : 0;
}

/* ---- scoring ---- */

static uint32_t choose(struct cycle *c, const struct cycle_options *o)
{
    int64_t *totals = arena_array(c->arena, int64_t, c->feasible_count);
    int64_t *scores = arena_array(c->arena, int64_t, c->feasible_count);
    for (size_t i = 0; scheduler_plugins[i]; i++) {
        const struct plugin *p = scheduler_plugins[i];
        if (!p->score || (p->pre_score && p->pre_score(c) == FIT_SKIP))
            continue;
        for (size_t j = 0; j < c->feasible_count; j++)
            scores[j] = p->score(c, c->cache->nodes.items[c->feasible[j]]);
        if (p->normalize)
            p->normalize(c, scores, c->feasible_count);
        for (size_t j = 0; j < c->feasible_count; j++)
            totals[j] += scores[j] * p->weight;
    }
    int64_t best = totals[0];
    uint64_t ties = 0;
    for (size_t j = 0; j < c->feasible_count; j++) {
        if (totals[j] > best)
            ties = 0;
        best = totals[j] > best ? totals[j] : best;
        ties += totals[j] == best;
    }
    uint64_t pick = ties > 1 ? o->draw(o->draw_owner, ties) : 0;
    size_t chosen = c->feasible_count;
    for (size_t j = 0; j < c->feasible_count && chosen == c->feasible_count; j++)
        if (totals[j] == best && pick-- == 0)
            chosen = j;
    CHECK(chosen < c->feasible_count);
    return c->feasible[chosen];
}

/* ---- why not ---- */

static int by_text(const void *a, const void *b, void *context)
{
    (void)context;
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the post-filter of the real one says when it finds no victim. */
static void add_preemption(struct cycle *c, struct text *t, size_t nodes)
{
    if (VALUE_IS(c->spec, "Never", preemptionPolicy)) {
        text_add(t, S(" preemption: not eligible due to preemptionPolicy=Never."));
        return;
    }
    text_printf(t, " no new claims to deallocate, preemption: 0/%zu nodes are available:", nodes);
    if (c->nodes_not > 0)
        text_printf(t, " %u No preemption victims found for incoming pod%s", c->nodes_not,
                    c->nodes_never > 0 ? "," : ".");
    if (c->nodes_never > 0)
        text_printf(t, " %u Preemption is not helpful for scheduling.", c->nodes_never);
}

const char *cycle_message(struct cycle *c)
{
    size_t nodes;
    cache_order(c->cache, &nodes);
    if (nodes == 0)
        return "no nodes available to schedule pods";
    AUTO(text) struct text t = {0};
    text_printf(&t, "0/%zu nodes are available: ", nodes);
    if (c->refusal) {
        text_printf(&t, "%s. not found", c->refusal);
        return arena_str(c->arena, text_str(&t)).bytes;
    }
    const char **lines = arena_array(c->arena, const char *, c->reason_count + 1);
    for (size_t i = 0; i < c->reason_count; i++)
        lines[i] = arena_printf(c->arena, "%u %s", c->reasons[i].nodes, c->reasons[i].text).bytes;
    sort_stable(lines, c->reason_count, sizeof(*lines), by_text, NULL);
    for (size_t i = 0; i < c->reason_count; i++)
        text_printf(&t, "%s%s", i ? ", " : "", lines[i]);
    text_add(&t, S("."));
    add_preemption(c, &t, nodes);
    return arena_str(c->arena, text_str(&t)).bytes;
}

uint32_t cycle_wanted_events(const struct cycle *c)
{
    uint32_t events = 0;
    for (uint32_t i = 0; scheduler_plugins[i]; i++)
        if (c->rejecting & (1u << i))
            events |= scheduler_plugins[i]->events;
    return events ? events : EVENT_NODE_ADD; /* no nodes at all */
}
