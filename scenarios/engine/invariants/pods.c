/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants of pods and the nodes they stand on.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"
#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"
#include "sim/base/mem.h"

/* ---- I70, I71 ---- */

static void phase_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_pods) || !is_update(change) || !pod_is_finished(change->before))
        return;
    struct value before = VALUE_GET(change->before, status, phase),
                 after = VALUE_GET(change->after, status, phase);
    (*v->checked)++;
    if (!value_equal(before, after))
        text_printf(v->violation, "phase went from %.*s to %.*s", STR_ARG(value_str(before)),
                    STR_ARG(value_str(after)));
}

const struct invariant invariant_phase_absorbing = {
    .id = "I70",
    .name = "phase-absorbing",
    .help = "a pod that succeeded or failed stays so",
    .changed = phase_changed,
};

static void ready_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_pods) || !value_is_present(change->after) ||
        !pod_is_finished(change->after))
        return;
    /* The pod garbage collector fails pods of lost nodes and leaves their conditions as they were.
     */
    if (!str_starts_with(change->by, S("system:node:")))
        return;
    (*v->checked)++;
    if (condition_is_true(VALUE_GET(change->after, status, conditions), "Ready"))
        text_add(v->violation, S("it has ended and is Ready"));
}

const struct invariant invariant_terminal_not_ready = {
    .id = "I71",
    .name = "terminal-not-ready",
    .help = "a kubelet never reports a pod that has ended as Ready",
    .changed = ready_changed,
};

/* ---- I72 ---- */

static void budget_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_poddisruptionbudgets) || !value_is_present(change->after))
        return;
    (*v->checked)++;
    int64_t allowed = VALUE_INT(change->after, 0, status, disruptionsAllowed);
    if (allowed < 0)
        text_printf(v->violation, "disruptionsAllowed is %" PRId64, allowed);
}

const struct invariant invariant_budget_not_overdrawn = {
    .id = "I72",
    .name = "budget-not-overdrawn",
    .help = "no eviction is granted beyond what a disruption budget allows",
    .changed = budget_changed,
};

/* ---- I80 ---- */

static void binding_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_pods) || !is_update(change))
        return;
    struct value before = VALUE_GET(change->before, spec, nodeName);
    if (value_str(before).size == 0)
        return;
    (*v->checked)++;
    if (!value_equal(before, VALUE_GET(change->after, spec, nodeName)))
        text_printf(v->violation, "it was bound to %.*s and then to %.*s",
                    STR_ARG(value_str(before)), STR_ARG(VALUE_STR(change->after, spec, nodeName)));
}

const struct invariant invariant_bind_once = {
    .id = "I80",
    .name = "bind-once",
    .help = "a pod's nodeName never changes once it is set",
    .changed = binding_changed,
};

/* ---- I81: sums by node, kept change by change ---- */

struct load {
    int64_t cpu_milli, memory_bytes, pods;
};
struct loads { /* by the id of the node's key: nodes are found by name through the interned key */
    struct load *items;
    size_t count;
};

static void *loads_new(struct run *r)
{
    (void)r;
    return mem_new(struct loads);
}

static void loads_free(void *memory)
{
    struct loads *l = memory;
    mem_free(l->items);
    mem_free(l);
}

static bool is_placed(struct value pod)
{
    return value_is_present(pod) && VALUE_STR(pod, spec, nodeName).size > 0 &&
           !pod_is_finished(pod);
}

static struct load *load_add(struct loads *l, const struct object_key *node, struct value pod,
                             int64_t sign)
{
    struct value spec = VALUE_GET(pod, spec);
    if (node->id >= l->count) {
        size_t count = vec_growth(l->count, node->id + 1);
        l->items = mem_resize(l->items, struct load, l->count, count);
        l->count = count;
    }
    struct load *load = &l->items[node->id];
    load->cpu_milli += sign * podspec_request_milli(spec, S("cpu"));
    load->memory_bytes += sign * podspec_request_value(spec, S("memory"));
    load->pods += sign;
    return load;
}

static void commit_judge(struct verdict *v, const struct load *load, struct value node,
                         struct str name)
{
    struct value allocatable = VALUE_GET(node, status, allocatable);
    int64_t cpu = quantity_milli(value_get_key(allocatable, S("cpu")));
    int64_t memory = quantity_value(value_get_key(allocatable, S("memory")));
    int64_t pods = quantity_value(value_get_key(allocatable, S("pods")));
    if (load->cpu_milli > cpu)
        text_printf(v->violation,
                    "node %.*s has %" PRId64 "m of cpu, its pods request %" PRId64 "m",
                    STR_ARG(name), cpu, load->cpu_milli);
    else if (load->memory_bytes > memory)
        text_printf(v->violation, "node %.*s has %" PRId64 " bytes, its pods request %" PRId64,
                    STR_ARG(name), memory, load->memory_bytes);
    else if (load->pods > pods)
        text_printf(v->violation, "node %.*s takes %" PRId64 " pods and has %" PRId64,
                    STR_ARG(name), pods, load->pods);
}

static void commit_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    if (!is_of(change, RESOURCE_pods))
        return;
    bool was = is_placed(change->before), is = is_placed(change->after);
    if (was == is && value_is_same(VALUE_GET(change->before, spec), VALUE_GET(change->after, spec)))
        return;
    const struct resource *nodes = resource_get(RESOURCE_nodes);
    struct str name = VALUE_STR(is ? change->after : change->before, spec, nodeName);
    if (!was && !is)
        return;
    const struct object_key *node = object_key_of(nodes, S(""), name);
    if (was)
        (void)load_add(memory, node, change->before, -1);
    if (is) {
        const struct load *load = load_add(memory, node, change->after, 1);
        struct value object = view_get(v->run->view, node);
        /* Judged as the scheduler binds: a pod created with a nodeName is the kubelet's to refuse.
         */
        bool is_binding = value_is_present(change->before) && !was;
        if (is_binding && value_is_present(object)) {
            (*v->checked)++;
            commit_judge(v, load, object, name);
        }
    }
    object_key_unref(node);
}

const struct invariant invariant_no_overcommit = {
    .id = "I81",
    .name = "no-overcommit",
    .help = "as a pod is bound, the requests of the node's pods fit its allocatable",
    .changed = commit_changed,
    .memory_new = loads_new,
    .memory_free = loads_free,
};

/* ---- I84, I85: evictions by taint ---- */

static bool begins_eviction_by_taint(const struct view_change *change)
{
    if (!is_of(change, RESOURCE_pods) || !is_update(change) || object_is_deleting(change->before) ||
        !object_is_deleting(change->after))
        return false;
    struct value target =
        condition_find(VALUE_GET(change->after, status, conditions), "DisruptionTarget");
    return VALUE_IS(target, "DeletionByTaintManager", reason);
}

static struct value node_of(const struct verdict *v, struct value pod)
{
    return view_get_named(v->run->view, resource_get(RESOURCE_nodes), S(""),
                          VALUE_STR(pod, spec, nodeName));
}

/* The least seconds that a taint is endured: 0 when nothing tolerates it, -1 for ever. */
static int64_t endurance(struct value pod, struct value taint)
{
    struct value tolerations = VALUE_GET(pod, spec, tolerations);
    int64_t least = -1;
    bool is_tolerated = false;
    for (size_t i = 0; i < value_count(tolerations); i++) {
        struct value t = value_at(tolerations, i);
        if (!toleration_matches(t, taint))
            continue;
        is_tolerated = true;
        int64_t seconds = VALUE_INT(t, -1, tolerationSeconds);
        if (seconds >= 0 && (least < 0 || seconds < least))
            least = seconds;
    }
    return is_tolerated ? least : 0;
}

static void early_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!begins_eviction_by_taint(change))
        return;
    struct value taints = VALUE_GET(node_of(v, change->after), spec, taints);
    int64_t now = sim_wall(v->run->sim).unix_ns;
    bool is_due = false, has_taint = false;
    (*v->checked)++;
    for (size_t i = 0; i < value_count(taints); i++) {
        struct value taint = value_at(taints, i);
        struct wall_time added;
        if (!VALUE_IS(taint, "NoExecute", effect))
            continue;
        has_taint = true;
        int64_t seconds = endurance(change->after, taint);
        bool is_timed = time_parse(VALUE_GET(taint, timeAdded), &added);
        /* timeAdded has whole seconds. */
        is_due |= seconds == 0 || !is_timed ||
                  (seconds > 0 && now + 1000000000 >= added.unix_ns + seconds * 1000000000);
    }
    if (has_taint && !is_due)
        text_add(v->violation, S("it was evicted before its tolerationSeconds were over"));
}

const struct invariant invariant_no_early_eviction = {
    .id = "I84",
    .name = "no-early-eviction",
    .help = "no pod is evicted by a taint before its tolerationSeconds are over",
    .changed = early_changed,
};

struct darkness {
    struct instant since; /* all nodes are not Ready; INSTANT_NEVER: some are */
    /* The node controller has taken a NoExecute taint back since: its order to stop gets through.
     * It gives it once; when that is lost, a real cluster evicts, too. */
    bool is_stopped;
};

static size_t no_execute_taints(struct value node)
{
    struct value taints = VALUE_GET(node, spec, taints);
    size_t count = 0;
    for (size_t i = 0; i < value_count(taints); i++)
        count += VALUE_IS(value_at(taints, i), "NoExecute", effect);
    return count;
}

static void *darkness_new(struct run *r)
{
    struct darkness *d = mem_new(struct darkness);
    (void)r;
    d->since = INSTANT_NEVER;
    return d;
}

static void dark_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    struct darkness *d = memory;
    if (is_of(change, RESOURCE_nodes)) {
        bool was = condition_is_true(VALUE_GET(change->before, status, conditions), "Ready");
        bool is = condition_is_true(VALUE_GET(change->after, status, conditions), "Ready");
        if (d->since.ns != INSTANT_NEVER.ns)
            d->is_stopped |= no_execute_taints(change->after) < no_execute_taints(change->before);
        if (is) {
            d->since = INSTANT_NEVER;
            d->is_stopped = false;
        } else if (was) {
            bool some = false;
            struct view_cursor c = view_first(v->run->view, resource_get(RESOURCE_nodes), S(""));
            for (; c.key && !some; view_next(&c))
                some = condition_is_true(VALUE_GET(c.object, status, conditions), "Ready");
            if (!some)
                d->since = change->at;
        }
        return;
    }
    if (!begins_eviction_by_taint(change))
        return;
    (*v->checked)++;
    if (d->since.ns != INSTANT_NEVER.ns && d->is_stopped &&
        instant_before(instant_add(d->since, duration_s(10)), change->at))
        text_add(v->violation,
                 S("it was evicted although no node is Ready: evictions must have stopped"));
}

const struct invariant invariant_no_eviction_when_all_dead = {
    .id = "I85",
    .name = "no-eviction-when-all-dead",
    .help =
        "when no node has been Ready for 10 s and NoExecute taints are taken back, taints evict "
        "nothing",
    .changed = dark_changed,
    .memory_new = darkness_new,
    .memory_free = mem_free,
};
