/* SPDX-License-Identifier: Apache-2.0
 *
 * Taints of the node controller; see node_taints.h.
 *
 * "The node controller automatically taints a Node when certain conditions are true": Ready False
 * -> not-ready, Ready Unknown -> unreachable, a pressure condition True -> its taint,
 * spec.unschedulable -> unschedulable. [doc:taint-and-toleration]
 */
#include "sim/base/base.h"

#include "cluster/controllers/node_taints.h"

#include "cluster/api/object.h"

static const struct {
    const char *condition, *status, *taint;
} condition_taints[] = {
    {"Ready", "False", TAINT_NOT_READY},
    {"Ready", "Unknown", TAINT_UNREACHABLE},
    {"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
    {"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
    {"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
    {"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
};
#define UNSCHEDULABLE_TAINT "node.kubernetes.io/unschedulable"

static bool is_taint(struct value taint, const char *key, const char *effect)
{
    return VALUE_IS(taint, key, key) && VALUE_IS(taint, effect, effect);
}

bool node_has_taint(struct value node, const char *key, const char *effect)
{
    struct value taints = VALUE_GET(node, spec, taints);
    for (size_t i = 0; i < value_count(taints); i++)
        if (is_taint(value_at(taints, i), key, effect))
            return true;
    return false;
}

static struct value taint_make(const char *key, const char *effect, struct wall_time now)
{
    struct value taint = value_pack("{key: %s, effect: %s}", key, effect);
    return VALUE_SET(taint, time_value(now), timeAdded);
}

struct value node_taints_swap(struct value node, const char *effect, const char *added,
                              const char *removed, struct wall_time now)
{
    struct value before = VALUE_GET(node, spec, taints), after = value_array();
    bool has_added = false;
    for (size_t i = 0; i < value_count(before); i++) {
        struct value taint = value_at(before, i);
        if (removed && is_taint(taint, removed, effect))
            continue;
        has_added = has_added || (added && is_taint(taint, added, effect));
        after = value_append(after, value_keep(taint));
    }
    if (added && !has_added)
        after = value_append(after, taint_make(added, effect, now));
    return after;
}

static bool is_asked_for(struct value node, const char *key)
{
    struct value conditions = VALUE_GET(node, status, conditions);
    for (size_t i = 0; i < ARRAY_COUNT(condition_taints); i++) {
        struct value condition = condition_find(conditions, condition_taints[i].condition);
        if (strcmp(condition_taints[i].taint, key) == 0 &&
            VALUE_IS(condition, condition_taints[i].status, status))
            return true;
    }
    return strcmp(key, UNSCHEDULABLE_TAINT) == 0 && VALUE_BOOL_AT(node, spec, unschedulable);
}

/* The constant of the table when the node controller owns this NoSchedule taint; NULL else. */
static const char *own_taint(struct value taint)
{
    if (!VALUE_IS(taint, "NoSchedule", effect))
        return NULL;
    for (size_t i = 0; i < ARRAY_COUNT(condition_taints); i++)
        if (VALUE_IS(taint, condition_taints[i].taint, key))
            return condition_taints[i].taint;
    return VALUE_IS(taint, UNSCHEDULABLE_TAINT, key) ? UNSCHEDULABLE_TAINT : NULL;
}

struct value node_taints_of_conditions(struct value node, struct wall_time now)
{
    struct value before = VALUE_GET(node, spec, taints), after = value_array();
    bool changed = false;
    for (size_t i = 0; i < value_count(before); i++) {
        const char *own = own_taint(value_at(before, i));
        if (own && !is_asked_for(node, own))
            changed = true;
        else
            after = value_append(after, value_keep(value_at(before, i)));
    }
    for (size_t i = 0; i <= ARRAY_COUNT(condition_taints); i++) {
        const char *key =
            i < ARRAY_COUNT(condition_taints) ? condition_taints[i].taint : UNSCHEDULABLE_TAINT;
        if (is_asked_for(node, key) && !node_has_taint(node, key, "NoSchedule")) {
            after = value_append(after, taint_make(key, "NoSchedule", now));
            changed = true;
        }
    }
    if (changed)
        return after;
    value_drop(after);
    return value_keep(before);
}
