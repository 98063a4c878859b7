/* SPDX-License-Identifier: Apache-2.0
 *
 * What plugins share: reasons, normalisation, tolerations, node affinity; and the table of plugins,
 * in the order of the real default profile. The plugins about volumes (VolumeRestrictions,
 * NodeVolumeLimits, VolumeBinding, VolumeZone), dynamic resources and preemption have no row.
 *
 * DEVIATION: a pod that needs a volume of those plugins is scheduled as if they agreed; the kubelet
 * refuses what it cannot mount.
 * DEVIATION: no pod is preempted: one that only a victim's place could help stays Pending, and its
 * message says that no victims were found.
 *
 * Source: kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins
 */
#include "sim/base/base.h"

#include "cluster/scheduler/framework.h"

#include "cluster/api/object.h"
#include "cluster/scheduler/plugins/plugins.h"

const struct plugin *const scheduler_plugins[] = {
    &node_unschedulable_plugin,
    &node_name_plugin,
    &taint_toleration_plugin,
    &node_affinity_plugin,
    &node_ports_plugin,
    &node_resources_fit_plugin,
    &pod_topology_spread_plugin,
    &inter_pod_affinity_plugin,
    &balanced_allocation_plugin,
    &image_locality_plugin,
    NULL,
};

void cycle_reject(struct cycle *c, const char *reason)
{
    for (size_t i = 0; i < c->reason_count; i++) {
        if (c->reasons[i].text == reason || strcmp(c->reasons[i].text, reason) == 0) {
            c->reasons[i].nodes++;
            return;
        }
    }
    CHECK(c->reason_count < REASONS_MAX);
    c->reasons[c->reason_count++] = (struct reason){reason, 1};
}

void cycle_refuse(struct cycle *c, const char *message)
{
    c->refusal = message;
}

void scores_normalize(int64_t *scores, size_t count, bool reversed)
{
    int64_t highest = 0;
    for (size_t i = 0; i < count; i++)
        if (scores[i] > highest)
            highest = scores[i];
    for (size_t i = 0; i < count; i++) {
        int64_t scaled = highest == 0 ? 0 : scores[i] * SCHEDULER_SCORE_MAX / highest;
        scores[i] = reversed ? SCHEDULER_SCORE_MAX - scaled : scaled;
    }
}

/* ---- tolerations ---- */

/* toleration_matches (object.h) over a decoded taint. */
static bool taint_is_tolerated_by(struct value toleration, const struct taint *t)
{
    static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute"};
    struct str effect = VALUE_STR(toleration, effect);
    if (effect.size > 0 && !str_equal(effect, str_from(effects[t->effect])))
        return false;
    struct str key = VALUE_STR(toleration, key);
    if (key.size > 0 && !str_equal(key, value_str(t->key)))
        return false;
    if (VALUE_IS(toleration, "Exists", operator))
        return true;
    return str_equal(VALUE_STR(toleration, value), value_str(t->value));
}

bool pod_tolerates(struct value tolerations, const struct taint *t)
{
    for (size_t i = 0; i < value_count(tolerations); i++)
        if (taint_is_tolerated_by(value_at(tolerations, i), t))
            return true;
    return false;
}

/* ---- node affinity ---- */

static bool expression_matches(struct value expression, struct value actual)
{
    struct str operator= VALUE_STR(expression, operator);
    struct value values = VALUE_GET(expression, values);
    bool present = value_is_present(actual);
    if (str_equal(operator, S("In")))
        return present && value_has_item(values, actual);
    if (str_equal(operator, S("NotIn")))
        return !present || !value_has_item(values, actual);
    if (str_equal(operator, S("Exists")))
        return present;
    if (str_equal(operator, S("DoesNotExist")))
        return !present;
    int64_t left, right;
    if (!present || !str_to_int64(value_str(actual), &left) ||
        !str_to_int64(value_str(value_at(values, 0)), &right))
        return false;
    if (str_equal(operator, S("Gt")))
        return left > right;
    return str_equal(operator, S("Lt")) && left < right;
}

bool node_selector_term_matches(struct value term, struct value node)
{
    struct value expressions = VALUE_GET(term, matchExpressions);
    struct value fields = VALUE_GET(term, matchFields);
    if (value_count(expressions) == 0 && value_count(fields) == 0)
        return false; /* "A null or empty node selector term matches no objects" */
    for (size_t i = 0; i < value_count(expressions); i++) {
        struct value e = value_at(expressions, i);
        if (!expression_matches(e, object_label(node, VALUE_STR(e, key))))
            return false;
    }
    for (size_t i = 0; i < value_count(fields); i++) {
        struct value f = value_at(fields, i);
        if (!VALUE_IS(f, "metadata.name", key) || !expression_matches(f, object_name(node)))
            return false;
    }
    return true;
}

bool node_matches_affinity(struct value spec, struct value node)
{
    struct value wanted = VALUE_GET(spec, nodeSelector);
    for (size_t i = 0; i < value_count(wanted); i++)
        if (!value_equal(object_label(node, value_key_at(wanted, i)), value_member_at(wanted, i)))
            return false;
    struct value required =
        VALUE_GET(spec, affinity, nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution);
    if (!value_is_present(required))
        return true;
    struct value terms = VALUE_GET(required, nodeSelectorTerms);
    for (size_t i = 0; i < value_count(terms); i++)
        if (node_selector_term_matches(value_at(terms, i), node))
            return true;
    return false;
}
