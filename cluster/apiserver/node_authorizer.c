/* SPDX-License-Identifier: Apache-2.0
 *
 * The node authorizer: what a kubelet (system:node:<name> in system:nodes) may do.
 *
 * "Read operations: services, endpoints, nodes, pods, secrets, configmaps, persistent volume claims
 * and persistent volumes related to pods bound to the kubelet's node. Write operations: nodes and
 * node status, pods and pod status, events. Auth-related operations: certificate signing requests,
 * token and access reviews." Since 1.34 a node reads its own Node only, and lists only the pods
 * bound to it. What it may write is narrowed further by admission (NodeRestriction).
 *
 * DEVIATION: which secrets, configmaps, claims and volumes are used by the node's pods is not
 * followed; a node may read any of them by name, though it cannot list them all. The graph of these
 * relations would cost every pod write.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/node/
 */
#include "cluster/apiserver/authorizer.h"

#define READ "get list watch"
#define WRITE "create update patch"

static const struct {
    const char *group, *resource, *subresource, *verbs;
} rules[] = {
    {"authentication.k8s.io", "tokenreviews", "", "create"},
    {"authorization.k8s.io", "subjectaccessreviews", "", "create"},
    {"authorization.k8s.io", "localsubjectaccessreviews", "", "create"},
    {"", "services", "", READ},
    {"", "nodes", "", "create update patch"},
    {"", "nodes", "status", "update patch"},
    {"", "events", "", WRITE},
    {"events.k8s.io", "events", "", WRITE},
    {"", "pods", "", "create delete get"},
    {"", "pods", "status", "update patch"},
    {"", "pods", "eviction", "create"},
    {"", "endpoints", "", "get"},
    {"", "persistentvolumeclaims", "", "get"},
    {"", "persistentvolumeclaims", "status", "get update patch"},
    {"", "persistentvolumes", "", "get"},
    {"", "serviceaccounts", "", "get"},
    {"", "serviceaccounts", "token", "create"},
    {"certificates.k8s.io", "certificatesigningrequests", "", "create get list watch"},
    {"storage.k8s.io", "volumeattachments", "", "get"},
    {"storage.k8s.io", "csidrivers", "", READ},
    {"node.k8s.io", "runtimeclasses", "", READ},
    {"resource.k8s.io", "resourceclaims", "", "get"},
    {"resource.k8s.io", "resourceslices", "",
     "create get list watch update patch delete deletecollection"},
};

static bool has_word(const char *words, struct str word)
{
    struct str rest = str_from(words);
    while (rest.size > 0)
        if (str_equal(str_cut(rest, ' ', &rest), word))
            return true;
    return false;
}

static bool is(struct str group, const char *wanted_group, struct str resource,
               const char *wanted_resource)
{
    return str_equal(group, str_from(wanted_group)) &&
           str_equal(resource, str_from(wanted_resource));
}

/* "spec.nodeName=<node>" among the terms. */
static bool selects_node(struct value selector, const char *path, const char *node)
{
    struct str rest = value_str(selector);
    while (rest.size > 0) {
        struct str value, key = str_cut(str_cut(rest, ',', &rest), '=', &value);
        if (value.size > 0 && value.bytes[0] == '=')
            value = str_slice(value, 1, value.size);
        if (str_equal(key, str_from(path)) && str_equal(value, str_from(node)))
            return true;
    }
    return false;
}

bool node_may(const char *node, const struct attributes *a)
{
    if (a->path.size > 0)
        return false;
    bool is_own_name = str_equal(a->name, str_from(node));
    if (is(a->group, "coordination.k8s.io", a->resource, "leases"))
        return str_equal(a->namespace, S("kube-node-lease")) &&
               has_word("create get update patch delete", a->verb) &&
               (is_own_name || str_equal(a->verb, S("create")));
    if (is(a->group, "storage.k8s.io", a->resource, "csinodes"))
        return has_word("create get update patch delete", a->verb) &&
               (is_own_name || str_equal(a->verb, S("create")));
    if (is(a->group, "", a->resource, "nodes") && a->subresource.size == 0 &&
        has_word(READ, a->verb))
        return is_own_name || selects_node(a->field_selector, "metadata.name", node);
    if (is(a->group, "", a->resource, "pods") && a->subresource.size == 0 &&
        has_word("list watch", a->verb))
        return selects_node(a->field_selector, "spec.nodeName", node);
    if (is(a->group, "", a->resource, "secrets") || is(a->group, "", a->resource, "configmaps"))
        return a->subresource.size == 0 && a->namespace.size > 0 && a->name.size > 0 &&
               has_word(READ, a->verb);
    return node_may_any(a);
}

bool node_may_any(const struct attributes *a)
{
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++)
        if (is(a->group, rules[i].group, a->resource, rules[i].resource) &&
            str_equal(a->subresource, str_from(rules[i].subresource)) &&
            has_word(rules[i].verbs, a->verb))
            return true;
    return false;
}
