/* SPDX-License-Identifier: Apache-2.0
 *
 * TaintNodesByCondition: "taints newly created Nodes as NotReady and NoSchedule", so that no pod is
 * placed on a node before the node controller has looked at its conditions.
 */
#include "cluster/apiserver/admission.h"

static void mutate(struct admission *a)
{
    struct value taints = VALUE_GET(a->object, spec, taints);
    for (size_t i = 0; i < value_count(taints); i++)
        if (VALUE_IS(value_at(taints, i), "node.kubernetes.io/not-ready", key) &&
            VALUE_IS(value_at(taints, i), "NoSchedule", effect))
            return;
    struct value taint = value_pack("{key: \"node.kubernetes.io/not-ready\", effect: NoSchedule}");
    a->object = VALUE_SET(a->object, value_append(value_keep(taints), taint), spec, taints);
}

const struct admission_plugin admission_taint_nodes_by_condition = {
    .name = "TaintNodesByCondition",
    .resource = RESOURCE_nodes,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate,
};
