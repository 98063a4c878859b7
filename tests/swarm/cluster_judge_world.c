/* SPDX-License-Identifier: Apache-2.0
 *
 * After the storm: every fault ends, people put back what they took away, and then the cluster has
 * time: longer than the longest time-outs in a row (an eviction after 300 s, back-offs and
 * expectations of 300 s). Judged is what is committed:
 *
 *   - every node is Ready, without a taint and schedulable;
 *   - every workload has what it wants (what a quota forbids is not wanted), every Job has ended;
 *   - nothing is stuck in deletion, nobody's owner is gone, endpoints are the ready pods;
 *   - nobody writes any more, but for leases and the kubelets' reports: a controller that goes on
 *     writing is a hot loop (I121);
 *   - what the invariants look at in the end.
 */
#include "tests/swarm/cluster_world.h"

#include <stdio.h>

#include "cluster/api/object.h"
#include "cluster/api/quantity.h"
#include "runtime/simulated/containerd.h"
#include "sim/base/mem.h"

#define STORM_ENDS_S 600
#define SETTLES_S 900
#define QUIET_S 300

#define FAIL(s, ...) (snprintf((s)->error, sizeof((s)->error), __VA_ARGS__), false)

/* ---- who writes when nothing is left to do ---- */

struct writer {
    struct str by;
    const struct resource *resource;
    uint64_t count;
    struct text last;
};
struct writers {
    VEC(struct writer) items;
    int64_t from_ns;
};

static bool is_heartbeat(const struct view_change *c)
{
    const struct resource *r = c->key->resource;
    if (r == resource_get(RESOURCE_leases))
        return true;
    if (str_starts_with(c->key->name, S("masterlease-")))
        return true;
    /* Events end by themselves; who may not create for a quota says so again, with back-off, for
     * ever. */
    if (r == resource_get(RESOURCE_events))
        return !value_is_present(c->after) || str_starts_with(c->key->namespace, S("tenant-"));
    bool is_node = r == resource_get(RESOURCE_nodes) && str_starts_with(c->by, S("system:node:"));
    return is_node && value_equal(VALUE_GET(c->before, spec), VALUE_GET(c->after, spec));
}

static void on_change(void *owner, const struct view_change *c)
{
    struct writers *w = owner;
    if (is_heartbeat(c))
        return;
    for (size_t i = 0; i < w->items.count; i++) {
        if (w->items.items[i].resource == c->key->resource &&
            str_equal(w->items.items[i].by, c->by)) {
            w->items.items[i].count++;
            return;
        }
    }
    struct writer new = {.by = c->by, .resource = c->key->resource, .count = 1};
    object_key_text(c->key, &new.last);
    vec_push(&w->items, new);
}

static bool is_quiet(struct storm *s)
{
    struct writers w = {0};
    struct view *view = wavetank_run(s->w)->view;
    view_listen(view, on_change, &w);
    bool runs = pass_time(s, (int64_t)QUIET_S * 1000);
    view_unlisten(view, on_change, &w);
    AUTO(text) struct text who = {0};
    for (size_t i = 0; i < w.items.count; i++) {
        const struct writer *writer = &w.items.items[i];
        text_printf(&who, "%s%.*s wrote %.*s %" PRIu64 " times (%s)", i ? ", " : "",
                    STR_ARG(writer->by), STR_ARG(writer->resource->qualified), writer->count,
                    text_c(&writer->last));
        text_release(&w.items.items[i].last);
    }
    vec_release(&w.items);
    if (runs && who.size)
        return FAIL(s, "it does not come to rest, in the last %d s: %s", QUIET_S, text_c(&who));
    return runs;
}

/* ---- putting back ---- */

static bool put_back(struct storm *s)
{
    struct run *r = wavetank_run(s->w);
    for (size_t i = 0; i < s->crash_points.count; i++)
        sim_message_fault_remove(r->sim, s->crash_points.items[i]);
    for (int i = 0; i < STORM_ENDS_S / 10 && r->faults.count > 0; i++) {
        if (!pass_time(s, 10000))
            return false;
    }
    if (!pass_time(s, 90000))
        return false;
    for (size_t i = 0; i < s->deleted_nodes.count;
         i++) /* a kubelet registers its node as it starts */
        act(s, "inject: {processChaos: {action: kill, components: ['kubelet@node-%d']}}",
            s->deleted_nodes.items[i]);
    if (s->deleted_nodes.count > 0 && !pass_time(s, 60000))
        return false;
    for (int i = 0; i < s->nodes; i++) {
        if (act(s,
                "patch: {resource: {apiVersion: v1, kind: Node, metadata: {name: node-%d}, spec: "
                "{unschedulable: null}}}",
                i))
            return false;
    }
    return true;
}

/* ---- judging ---- */

static struct view_cursor all_of(const struct storm *s, enum resource_known resource)
{
    return view_first(wavetank_run(s->w)->view, resource_get(resource), S(""));
}

static bool nodes_are_well(struct storm *s)
{
    int count = 0;
    for (struct view_cursor c = all_of(s, RESOURCE_nodes); c.key; view_next(&c), count++) {
        if (!condition_is_true(VALUE_GET(c.object, status, conditions), "Ready"))
            return FAIL(s, "node %.*s is not Ready", STR_ARG(c.key->name));
        struct value taints = VALUE_GET(c.object, spec, taints);
        if (value_count(taints) > 0)
            return FAIL(s, "node %.*s has the taint %.*s", STR_ARG(c.key->name),
                        STR_ARG(VALUE_STR(value_at(taints, 0), key)));
    }
    return count == s->nodes || FAIL(s, "%d nodes of %d", count, s->nodes);
}

/* How many pods a quota lets a namespace have; -1: no bound. */
static int64_t pods_allowed(const struct storm *s, struct str namespace)
{
    struct view_cursor c =
        view_first(wavetank_run(s->w)->view, resource_get(RESOURCE_resourcequotas), namespace);
    return c.key ? quantity_value(VALUE_GET(c.object, spec, hard, pods)) : -1;
}

static bool sets_are_complete(struct storm *s, enum resource_known resource)
{
    for (struct view_cursor c = all_of(s, resource); c.key; view_next(&c)) {
        int64_t wanted = VALUE_INT(c.object, 1, spec, replicas),
                allowed = pods_allowed(s, c.key->namespace);
        int64_t have = VALUE_INT(c.object, 0, status, replicas),
                ready = VALUE_INT(c.object, 0, status, readyReplicas);
        if (allowed >= 0 && allowed < wanted) {
            /* A quota that was lowered takes no pod away. */
            if (have < allowed || have > wanted || ready != have)
                return FAIL(s,
                            "%.*s %.*s has %" PRId64 " pods, %" PRId64
                            " ready, the quota allows %" PRId64,
                            STR_ARG(c.key->resource->qualified), STR_ARG(c.key->name), have, ready,
                            allowed);
            continue;
        }
        bool is_complete = have == wanted && ready == wanted;
        if (resource == RESOURCE_deployments)
            is_complete = is_complete &&
                          VALUE_INT(c.object, 0, status, updatedReplicas) == wanted &&
                          VALUE_INT(c.object, 0, status, availableReplicas) == wanted;
        int64_t observed = VALUE_INT(c.object, 0, status, observedGeneration);
        if (!is_complete || observed != object_generation(c.object))
            return FAIL(s,
                        "%.*s %.*s wants %" PRId64 " pods, has %" PRId64 ", %" PRId64
                        " ready, observed generation %" PRId64 " of %" PRId64,
                        STR_ARG(c.key->resource->qualified), STR_ARG(c.key->name), wanted, have,
                        ready, observed, object_generation(c.object));
    }
    return true;
}

static bool jobs_have_ended(struct storm *s)
{
    for (struct view_cursor c = all_of(s, RESOURCE_jobs); c.key; view_next(&c)) {
        struct value conditions = VALUE_GET(c.object, status, conditions);
        if (!condition_is_true(conditions, "Complete") && !condition_is_true(conditions, "Failed"))
            return FAIL(s, "Job %.*s has not ended", STR_ARG(c.key->name));
        if (VALUE_INT(c.object, 0, status, active) > 0)
            return FAIL(s, "Job %.*s has ended and has active pods", STR_ARG(c.key->name));
    }
    return true;
}

static bool has_uid(const struct storm *s, struct value reference, struct str namespace)
{
    const struct resource *r =
        resource_find_kind(VALUE_STR(reference, apiVersion), VALUE_STR(reference, kind));
    if (!r)
        return true; /* a kind that nobody knows: nothing can be said */
    struct value owner =
        view_get_named(wavetank_run(s->w)->view, r->storage, r->is_namespaced ? namespace : S(""),
                       VALUE_STR(reference, name));
    return value_is_present(owner) && value_equal(object_uid(owner), VALUE_GET(reference, uid));
}

/* Of every kind: nothing is stuck in deletion, and no owner is gone (unless all are, which is an
 * orphan to be collected, or one of several). */
static bool nothing_is_left_over(struct storm *s)
{
    const struct view *view = wavetank_run(s->w)->view;
    for (size_t k = 0; k < view_stored_count(view); k++) {
        const struct resource *r = view_stored_at(view, k);
        if (r->storage != r || r == resource_get(RESOURCE_events))
            continue;
        for (struct view_cursor c = view_first(wavetank_run(s->w)->view, r, S("")); c.key;
             view_next(&c)) {
            struct value namespace =
                view_get_named(wavetank_run(s->w)->view, resource_get(RESOURCE_namespaces), S(""),
                               c.key->namespace);
            bool is_internal = str_starts_with(c.key->name, S("masterlease-"));
            if (c.key->namespace.size > 0 && !value_is_present(namespace) && !is_internal)
                return FAIL(s, "%.*s %.*s is left of namespace %.*s", STR_ARG(r->qualified),
                            STR_ARG(c.key->name), STR_ARG(c.key->namespace));
            bool is_held = object_has_finalizer(c.object, S("example.com/hold"));
            if (object_is_deleting(c.object) && !is_held)
                return FAIL(s, "%.*s %.*s is stuck in deletion", STR_ARG(r->qualified),
                            STR_ARG(c.key->name));
            struct value owners = VALUE_GET(c.object, metadata, ownerReferences);
            for (size_t i = 0; i < value_count(owners) && !is_held; i++) {
                if (!has_uid(s, value_at(owners, i), c.key->namespace))
                    return FAIL(s, "%.*s %.*s: its owner %.*s is gone", STR_ARG(r->qualified),
                                STR_ARG(c.key->name),
                                STR_ARG(VALUE_STR(value_at(owners, i), name)));
            }
        }
    }
    return true;
}

static bool pods_are_well(struct storm *s)
{
    for (struct view_cursor c = all_of(s, RESOURCE_pods); c.key; view_next(&c)) {
        struct str phase = VALUE_STR(c.object, status, phase);
        if (str_equal(phase, S("Pending")) || phase.size == 0)
            return FAIL(s, "pod %.*s is pending on \"%.*s\"", STR_ARG(c.key->name),
                        STR_ARG(VALUE_STR(c.object, spec, nodeName)));
        struct value node = view_get_named(wavetank_run(s->w)->view, resource_get(RESOURCE_nodes),
                                           S(""), VALUE_STR(c.object, spec, nodeName));
        if (str_equal(phase, S("Running")) && !value_is_present(node))
            return FAIL(s, "pod %.*s runs on a node that is gone", STR_ARG(c.key->name));
    }
    return true;
}

static bool has_pod(const struct storm *s, struct str uid, struct str node)
{
    for (struct view_cursor c = all_of(s, RESOURCE_pods); c.key; view_next(&c)) {
        if (str_equal(value_str(object_uid(c.object)), uid))
            return str_equal(VALUE_STR(c.object, spec, nodeName), node);
    }
    return false;
}

/* The ghost: no machine runs a pod that the API does not know there, and none lacks one that is
 * said to run. */
static bool machines_run_what_is_said(struct storm *s)
{
    const struct run *r = wavetank_run(s->w);
    size_t running = 0, said = 0;
    for (size_t i = 0; i < cluster_component_count(r->cluster, COMPONENT_RUNTIME); i++) {
        process_id process = cluster_component(r->cluster, COMPONENT_RUNTIME, i);
        struct str node = sim_host_name(r->sim, sim_process_host(r->sim, process));
        const void *runtime = sim_process_state(r->sim, process);
        for (size_t k = 0; containerd_pod_uid(runtime, k); k++, running++) {
            const char *uid = containerd_pod_uid(runtime, k);
            if (!has_pod(s, str_from(uid), node))
                return FAIL(s, "%.*s still runs pod %s, which is gone", STR_ARG(node), uid);
        }
    }
    for (struct view_cursor c = all_of(s, RESOURCE_pods); c.key; view_next(&c))
        said += VALUE_IS(c.object, "Running", status, phase);
    return running == said || FAIL(s, "%zu pods run, %zu are said to run", running, said);
}

static bool selects(struct value service, struct value pod)
{
    struct value selector = VALUE_GET(service, spec, selector);
    for (size_t i = 0; i < value_count(selector); i++) {
        if (!value_equal(object_label(pod, value_key_at(selector, i)),
                         value_member_at(selector, i)))
            return false;
    }
    return value_count(selector) > 0;
}

/* I100: as many ready endpoints as ready pods. */
static bool endpoints_are_ready_pods(struct storm *s)
{
    struct view *view = wavetank_run(s->w)->view;
    for (struct view_cursor c = all_of(s, RESOURCE_services); c.key; view_next(&c)) {
        size_t pods = 0, endpoints = 0;
        if (value_count(VALUE_GET(c.object, spec, selector)) == 0)
            continue;
        for (struct view_cursor p = view_first(view, resource_get(RESOURCE_pods), c.key->namespace);
             p.key; view_next(&p)) {
            bool is_ready = condition_is_true(VALUE_GET(p.object, status, conditions), "Ready");
            pods += is_ready && selects(c.object, p.object);
        }
        struct view_cursor e =
            view_first(view, resource_get(RESOURCE_endpointslices), c.key->namespace);
        for (; e.key; view_next(&e)) {
            if (!value_is(object_label(e.object, S("kubernetes.io/service-name")),
                          c.key->name.bytes))
                continue;
            struct value list = VALUE_GET(e.object, endpoints);
            for (size_t i = 0; i < value_count(list); i++)
                endpoints += VALUE_BOOL_AT(value_at(list, i), conditions, ready);
        }
        if (pods != endpoints)
            return FAIL(s, "Service %.*s has %zu ready endpoints, its pods are %zu",
                        STR_ARG(c.key->name), endpoints, pods);
    }
    return true;
}

static bool budgets_are_right(struct storm *s)
{
    for (struct view_cursor c = all_of(s, RESOURCE_poddisruptionbudgets); c.key; view_next(&c)) {
        int64_t healthy = 0;
        struct value selector = VALUE_GET(c.object, spec, selector, matchLabels);
        struct view_cursor p =
            view_first(wavetank_run(s->w)->view, resource_get(RESOURCE_pods), c.key->namespace);
        for (; p.key; view_next(&p)) {
            bool is_ready = condition_is_true(VALUE_GET(p.object, status, conditions), "Ready");
            struct value wanted = value_member_at(selector, 0);
            healthy +=
                is_ready && value_equal(object_label(p.object, value_key_at(selector, 0)), wanted);
        }
        if (VALUE_INT(c.object, 0, status, currentHealthy) != healthy)
            return FAIL(s, "budget %.*s counts %" PRId64 " healthy pods, there are %" PRId64,
                        STR_ARG(c.key->name), VALUE_INT(c.object, 0, status, currentHealthy),
                        healthy);
    }
    return true;
}

static bool quotas_are_right(struct storm *s)
{
    for (struct view_cursor c = all_of(s, RESOURCE_resourcequotas); c.key; view_next(&c)) {
        int64_t pods = 0, used = quantity_value(VALUE_GET(c.object, status, used, pods));
        struct view_cursor p =
            view_first(wavetank_run(s->w)->view, resource_get(RESOURCE_pods), c.key->namespace);
        for (; p.key; view_next(&p)) {
            struct value phase = VALUE_GET(p.object, status, phase);
            pods += !value_is(phase, "Succeeded") && !value_is(phase, "Failed");
        }
        if (used != pods)
            return FAIL(s, "quota %.*s/%.*s counts %" PRId64 " pods, there are %" PRId64,
                        STR_ARG(c.key->namespace), STR_ARG(c.key->name), used, pods);
    }
    return true;
}

bool storm_judge(struct storm *s)
{
    if (!put_back(s) || !pass_time(s, (int64_t)SETTLES_S * 1000))
        return false;
    if (!nodes_are_well(s) || !pods_are_well(s) || !sets_are_complete(s, RESOURCE_deployments) ||
        !sets_are_complete(s, RESOURCE_replicasets) ||
        !sets_are_complete(s, RESOURCE_replicationcontrollers) || !jobs_have_ended(s) ||
        !nothing_is_left_over(s) || !endpoints_are_ready_pods(s) || !budgets_are_right(s) ||
        !quotas_are_right(s) || !machines_run_what_is_said(s) || !is_quiet(s))
        return false;
    struct run *r = wavetank_run(s->w);
    run_finish(r);
    return r->outcome == OUTCOME_PASSED || FAIL(s, "%s", text_c(&r->message));
}
