/* SPDX-License-Identifier: Apache-2.0
 *
 * NodeRestriction: "limits the Node and Pod objects a kubelet can modify": its own Node (and not
 * that node's labels under node-restriction.kubernetes.io/, nor its taints after registration),
 * pods bound to it, mirror pods only when it creates.
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"

#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"

static void refuse(struct admission *a, const char *format, struct str extra)
{
    AUTO(text) struct text why = {0};
    text_printf(&why, "node \"%s\" %s", a->user->node, format);
    text_add(&why, extra);
    admission_refuse(a, text_str(&why));
}

static void on_pod(struct admission *a)
{
    struct str node = str_from(a->user->node);
    if (a->operation == ADMIT_CREATE) {
        if (!value_is_present(object_annotation(a->object, S(MIRROR_ANNOTATION))))
            refuse(a, "can only create mirror pods", S(""));
        else if (!str_equal(VALUE_STR(a->object, spec, nodeName), node))
            refuse(a, "can only create pods with spec.nodeName set to itself", S(""));
        return;
    }
    struct value pod = a->old;
    if (a->operation == ADMIT_DELETE) {
        pod = watch_cache_find(a->server, RESOURCE_pods, a->namespace, a->name);
        if (value_is_present(pod) && !str_equal(VALUE_STR(pod, spec, nodeName), node))
            refuse(a, "can only delete pods with spec.nodeName set to itself", S(""));
    } else if (a->subresource != SUBRESOURCE_STATUS) {
        refuse(a, "can only update pod status", S(""));
    } else if (!str_equal(VALUE_STR(pod, spec, nodeName), node)) {
        refuse(a, "can only update pod status for pods with spec.nodeName set to itself", S(""));
    }
}

static void on_node(struct admission *a)
{
    if (!str_equal(a->name, str_from(a->user->node))) {
        AUTO(text) struct text why = {0};
        text_printf(&why, "node \"%s\" is not allowed to modify node \"%.*s\"", a->user->node,
                    STR_ARG(a->name));
        admission_refuse(a, text_str(&why));
        return;
    }
    if (a->operation == ADMIT_UPDATE && a->subresource == SUBRESOURCE_NONE &&
        !value_equal(VALUE_GET(a->object, spec, taints), VALUE_GET(a->old, spec, taints)))
        refuse(a, "is not allowed to modify taints", S(""));
}

static void check(struct admission *a)
{
    if (!a->user->node)
        return;
    switch (a->resource->index) {
    case RESOURCE_pods:
        on_pod(a);
        break;
    case RESOURCE_nodes:
        on_node(a);
        break;
    case RESOURCE_leases:
        if (!str_equal(a->namespace, S("kube-node-lease")) ||
            !str_equal(a->name, str_from(a->user->node)))
            admission_refuse(
                a, S("can only access node lease with the same name as the requesting node"));
        break;
    default:
        break;
    }
}

const struct admission_plugin admission_node_restriction = {
    .name = "NodeRestriction",
    .resource = ADMIT_EVERY_RESOURCE,
    .operations = ADMIT_ON(ADMIT_CREATE) | ADMIT_ON(ADMIT_UPDATE) | ADMIT_ON(ADMIT_DELETE),
    .sees_subresources = true,
    .validate = check,
};
