/* SPDX-License-Identifier: Apache-2.0
 *
 * PodTopologyLabels: "topology.kubernetes.io/{zone,region} labels of the node are copied to the
 * pod" that is bound to it, so that workloads can learn by the downward API where they run. Here
 * for a pod that is created with a node; the binding subresource calls the same function.
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"

static const char *const topology_labels[] = {"topology.kubernetes.io/zone",
                                              "topology.kubernetes.io/region"};

struct value pod_topology_labels(struct value own_pod, struct value node)
{
    struct value labels = value_keep(object_labels(own_pod));
    bool has_changed = false;
    for (size_t i = 0; i < ARRAY_COUNT(topology_labels); i++) {
        struct str key = str_from(topology_labels[i]);
        struct value of_node = object_label(node, key);
        if (!value_is_present(of_node) || value_equal(value_get_key(labels, key), of_node))
            continue;
        labels = value_set_key(value_is_present(labels) ? labels : value_object(), key,
                               value_keep(of_node));
        has_changed = true;
    }
    if (has_changed)
        return VALUE_SET(own_pod, value_canonical(labels), metadata, labels);
    value_drop(labels);
    return own_pod;
}

static void mutate(struct admission *a)
{
    struct str name = VALUE_STR(a->object, spec, nodeName);
    if (name.size > 0)
        a->object = pod_topology_labels(a->object,
                                        watch_cache_find(a->server, RESOURCE_nodes, S(""), name));
}

const struct admission_plugin admission_pod_topology_labels = {
    .name = "PodTopologyLabels",
    .resource = RESOURCE_pods,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate,
};
