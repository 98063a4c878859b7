/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads for benchmarks: the namespaces of the pods first, then, when their ServiceAccounts are
 * there, the pods, all posted at once; the user carries out a bounded number of them at a time.
 */
#include "sim/base/base.h"

#include "scenarios/engine/load.h"

#include "cluster/api/object.h"
#include "sim/base/mem.h"

struct progress {
    struct run *run;
    struct value namespaces; /* of the pods: keys of an object; each must have its ServiceAccount
                                "default" */
    size_t all, settled;     /* pods; kept change by change */
    uint64_t actions;
};

/* It runs, has ended, or no node takes it. */
static bool is_settled(struct value pod)
{
    struct value phase = VALUE_GET(pod, status, phase);
    if (!value_is_present(pod))
        return false;
    if (value_str(phase).size && !value_is(phase, "Pending"))
        return true;
    struct value scheduled = condition_find(VALUE_GET(pod, status, conditions), "PodScheduled");
    return VALUE_STR(pod, spec, nodeName).size == 0 && VALUE_IS(scheduled, "False", status);
}

static void on_change(void *owner, const struct view_change *change)
{
    struct progress *p = owner;
    if (change->key->resource != resource_get(RESOURCE_pods))
        return;
    p->all += value_is_present(change->after);
    p->all -= value_is_present(change->before);
    p->settled += is_settled(change->after);
    p->settled -= is_settled(change->before);
}

static void create(struct run *r, struct value own_object)
{
    const struct resource *resource =
        resource_find_kind(VALUE_STR(own_object, apiVersion), VALUE_STR(own_object, kind));
    CHECK(resource);
    struct user_action *a = user_action_for(USER_CREATE, resource, S("default"), own_object);
    a->is_bulk = true;
    a->id = ++r->last_action;
    user_post(r->sim, r->user, a);
}

/* Returns the names as keys of an object, owned. */
static struct value create_namespaces(struct run *r, const struct documents *pods)
{
    struct value seen = value_object();
    for (size_t i = 0; i < pods->count; i++) {
        struct value name = object_namespace(pods->items[i].root);
        if (value_str(name).size == 0 || value_is(name, "default") ||
            value_is_present(value_get_key(seen, value_str(name))))
            continue;
        seen = value_set_key(seen, value_str(name), value_bool(true));
        create(r, value_pack("{apiVersion: v1, kind: Namespace, metadata: {name: %v}}",
                             value_keep(name)));
    }
    return seen;
}

static bool have_accounts(void *owner)
{
    const struct progress *p = owner;
    const struct resource *accounts = resource_get(RESOURCE_serviceaccounts);
    for (size_t i = 0; i < value_count(p->namespaces); i++) {
        if (!value_is_present(view_get_named(p->run->view, accounts, value_key_at(p->namespaces, i),
                                             S("default"))))
            return false;
    }
    return true;
}

static bool has_settled(void *owner)
{
    const struct progress *p = owner;
    if (user_done_count(p->run->sim, p->run->user) < p->actions)
        return false;
    return p->settled >= p->all;
}

enum outcome run_load(struct run *r, const struct documents *pods)
{
    struct progress p = {.run = r};
    struct instant deadline = instant_add(sim_now(r->sim), duration_s(LOAD_SECONDS_MAX));
    run_bring_up(r);
    p.namespaces = create_namespaces(r, pods);
    if (!run_until(r, have_accounts, &p, deadline))
        run_fail(r, "the namespaces did not get their ServiceAccounts");
    view_listen(r->view, on_change, &p);
    for (size_t i = 0; i < pods->count; i++)
        create(r, value_keep(pods->items[i].root));
    p.actions = r->last_action;
    if (!run_until(r, has_settled, &p, deadline) && !r->is_stopped)
        run_fail(r, "not every pod was scheduled or found unschedulable by the end: %zu of %zu",
                 p.settled, p.all);
    uint64_t refused = user_failed_count(r->sim, r->user);
    if (refused)
        run_fail(r, "%" PRIu64 " of %" PRIu64 " writes were refused", refused, p.actions);
    if (!r->is_stopped)
        run_finish(r);
    value_drop(p.namespaces);
    view_unlisten(r->view, on_change, &p);
    return r->outcome;
}

struct scenario *load_scenario(struct str nodes_file, struct errmsg *message)
{
    AUTO(text) struct text text = {0};
    text_printf(&text,
                "apiVersion: " SCENARIO_API_VERSION
                "\nkind: Scenario\nmetadata: {name: load}\nspec:\n  cluster:\n"
                "    nodes: [{file: \"%.*s\"}]\n"
                "    flags:\n"
                "      kube-scheduler: {kube-api-qps: 5000, kube-api-burst: 5000}\n"
                "      kube-controller-manager: {kube-api-qps: 5000, kube-api-burst: 5000}\n",
                STR_ARG(nodes_file));
    return scenario_parse(S("load"), text_str(&text), message);
}
