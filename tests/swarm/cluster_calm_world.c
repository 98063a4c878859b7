/* SPDX-License-Identifier: Apache-2.0
 *
 * What must not happen where no fault excuses it. Controllers may make a pod too many after a crash
 * or an answer that was lost, nodes may be thought dead behind a partition; without any of these,
 * never:
 *
 *   - a ReplicaSet, ReplicationController or Job has more live pods than it may (I62): whoever
 *     counts before its cache shows what it made is found here;
 *   - a node that was Ready stops being so (I90), a pod is evicted by a taint;
 *   - the leader of a component changes.
 */
#include "tests/swarm/cluster_world.h"

#include <stdio.h>

#include "cluster/api/object.h"
#include "sim/base/mem.h"

#define OLD_SPEC_S 5 /* a controller may go by the spec before for so long */

struct wanted {
    uint64_t uid;
    int64_t now, before;
    struct instant changed;
};
struct calm {
    struct view *view;
    struct text found;
    VEC(struct wanted) sets;
};

static bool is(const struct view_change *c, enum resource_known resource)
{
    return c->key->resource == resource_get(resource);
}

static bool lives(struct value pod)
{
    struct value phase = VALUE_GET(pod, status, phase);
    return !object_is_deleting(pod) && !value_is(phase, "Succeeded") && !value_is(phase, "Failed");
}

static struct wanted *wanted_by(struct calm *calm, struct value owner_uid)
{
    uint64_t uid = value_hash(owner_uid);
    for (size_t i = 0; i < calm->sets.count; i++) {
        if (calm->sets.items[i].uid == uid)
            return &calm->sets.items[i];
    }
    vec_push(&calm->sets, (struct wanted){.uid = uid});
    return &vec_last(&calm->sets);
}

static void set_changed(struct calm *calm, const struct view_change *c)
{
    if (!value_is_present(c->after))
        return;
    int64_t count = is(c, RESOURCE_jobs) ? VALUE_INT(c->after, 1, spec, parallelism)
                                         : VALUE_INT(c->after, 1, spec, replicas);
    struct wanted *w = wanted_by(calm, object_uid(c->after));
    if (w->now == count)
        return;
    w->before = w->now;
    w->now = count;
    w->changed = c->at;
}

static void pod_changed(struct calm *calm, const struct view_change *c)
{
    struct value target =
        condition_find(VALUE_GET(c->after, status, conditions), "DisruptionTarget");
    if (VALUE_IS(target, "DeletionByTaintManager", reason))
        text_printf(&calm->found, "pod %.*s is evicted by a taint", STR_ARG(c->key->name));
    struct value owner = object_controller_ref(c->after);
    if (value_is_present(c->before) || !value_is_present(owner))
        return;
    int64_t count = 0;
    struct view_cursor p = view_first(calm->view, resource_get(RESOURCE_pods), c->key->namespace);
    for (; p.key; view_next(&p))
        count += lives(p.object) && value_equal(VALUE_GET(object_controller_ref(p.object), uid),
                                                VALUE_GET(owner, uid));
    const struct wanted *w = wanted_by(calm, VALUE_GET(owner, uid));
    bool is_recent = instant_since(c->at, w->changed).ns < duration_s(OLD_SPEC_S).ns;
    int64_t allowed = is_recent && w->before > w->now ? w->before : w->now;
    if (count > allowed)
        text_printf(&calm->found,
                    "pod %.*s is made by %.*s, which has %" PRId64 " pods then and wants %" PRId64,
                    STR_ARG(c->key->name), STR_ARG(VALUE_STR(owner, name)), count, allowed);
}

static void on_change(void *owner, const struct view_change *c)
{
    struct calm *calm = owner;
    if (calm->found.size)
        return;
    if (is(c, RESOURCE_replicasets) || is(c, RESOURCE_replicationcontrollers) ||
        is(c, RESOURCE_jobs))
        set_changed(calm, c);
    else if (is(c, RESOURCE_pods))
        pod_changed(calm, c);
    else if (is(c, RESOURCE_nodes) && value_is_present(c->after) &&
             condition_is_true(VALUE_GET(c->before, status, conditions), "Ready") &&
             !condition_is_true(VALUE_GET(c->after, status, conditions), "Ready"))
        text_printf(&calm->found, "node %.*s is Ready no more", STR_ARG(c->key->name));
    else if (is(c, RESOURCE_leases) && VALUE_INT(c->before, 0, spec, leaseTransitions) <
                                           VALUE_INT(c->after, 0, spec, leaseTransitions))
        text_printf(&calm->found, "another one leads: %.*s", STR_ARG(c->key->name));
}

void calm_begin(struct storm *s)
{
    s->calm = mem_new(struct calm);
    s->calm->view = wavetank_run(s->w)->view;
    view_listen(s->calm->view, on_change, s->calm);
}

bool calm_end(struct storm *s)
{
    struct calm *calm = s->calm;
    if (!calm)
        return true;
    s->calm = NULL;
    view_unlisten(calm->view, on_change, calm);
    bool is_fine = calm->found.size == 0;
    if (!is_fine)
        snprintf(s->error, sizeof(s->error), "%s", text_c(&calm->found));
    vec_release(&calm->sets);
    text_release(&calm->found);
    mem_free(calm);
    return is_fine;
}
