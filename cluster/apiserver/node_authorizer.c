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
 * What the pods of the node name, and what follows from that, is looked up in node_graph.c.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/node/; the rules and reasons are those of
 * plugin/pkg/auth/authorizer/node and bootstrappolicy.NodeRules.
 */
#include "cluster/apiserver/authorizer.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/server.h"

#define READ "get list watch"
#define WRITE "create update patch"

/* What holds for every node and object: the rest is decided by name. */
static const struct {
    const char *group, *resource, *subresource, *verbs;
} rules[] = {
    {"authentication.k8s.io", "tokenreviews", "", "create"},
    {"authorization.k8s.io", "subjectaccessreviews", "", "create"},
    {"authorization.k8s.io", "localsubjectaccessreviews", "", "create"},
    {"", "services", "", READ},
    {"", "nodes", "", WRITE},
    {"", "nodes", "status", "update patch"},
    {"", "events", "", WRITE},
    {"events.k8s.io", "events", "", WRITE},
    {"", "pods", "", "create delete"},
    {"", "pods", "status", "update patch"},
    {"", "pods", "eviction", "create"},
    {"", "endpoints", "", "get"},
    {"certificates.k8s.io", "certificatesigningrequests", "", "create get list watch"},
    {"storage.k8s.io", "csidrivers", "", READ},
    {"node.k8s.io", "runtimeclasses", "", READ},
    {"resource.k8s.io", "resourceslices", "", "create"},
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

static bool of(const struct attributes *a, const char *group, const char *resource)
{
    return is(a->group, group, a->resource, resource);
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

static bool no(struct text *reason, const char *format, ...) PRINTF_LIKE(2, 3);
static bool no(struct text *reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (reason)
        text_vprintf(reason, format, arguments);
    va_end(arguments);
    return false;
}

static bool reaches(struct apiserver *s, const char *node, const struct attributes *a,
                    enum graph_kind kind, struct text *reason)
{
    if (a->name.size == 0)
        return no(reason, "No Object name found");
    return node_graph_reaches(s, node, kind, a->namespace, a->name) ||
           no(reason, "no relationship found between node '%s' and this object", node);
}

static bool may_read_object(struct apiserver *s, const char *node, const struct attributes *a,
                            enum graph_kind kind, struct text *reason)
{
    if (!has_word(READ, a->verb))
        return no(reason, "can only read resources of this type");
    if (a->subresource.size > 0)
        return no(reason, "cannot read subresource");
    if (a->namespace.size == 0)
        return no(reason, "can only read namespaced object of this type");
    return reaches(s, node, a, kind, reason);
}

static bool may_get(struct apiserver *s, const char *node, const struct attributes *a,
                    enum graph_kind kind, struct text *reason)
{
    if (!str_equal(a->verb, S("get")))
        return no(reason, "can only get individual resources of this type");
    if (a->subresource.size > 0)
        return no(reason, "cannot get subresource");
    return reaches(s, node, a, kind, reason);
}

static bool may_account(struct apiserver *s, const char *node, const struct attributes *a,
                        struct text *reason)
{
    if (str_equal(a->verb, S("get")) && a->subresource.size == 0)
        return may_read_object(s, node, a, GRAPH_SERVICE_ACCOUNT, reason);
    if (!str_equal(a->verb, S("create")) || a->name.size == 0)
        return no(reason, "can only create tokens for individual service accounts");
    if (!str_equal(a->subresource, S("token")))
        return no(reason, "can only create token subresource of serviceaccount");
    return reaches(s, node, a, GRAPH_SERVICE_ACCOUNT, reason);
}

static bool may_lease(const char *node, const struct attributes *a, struct text *reason)
{
    if (!has_word("get create update patch delete", a->verb))
        return no(reason, "can only get, create, update, patch, or delete a node lease");
    if (!str_equal(a->namespace, S("kube-node-lease")))
        return no(reason, "can only access leases in the \"kube-node-lease\" system namespace");
    return str_equal(a->verb, S("create")) || str_equal(a->name, str_from(node)) ||
           no(reason, "can only access node lease with the same name as the requesting node");
}

static bool may_csi_node(const char *node, const struct attributes *a, struct text *reason)
{
    if (!has_word("get create update patch delete", a->verb))
        return no(reason, "can only get, create, update, patch, or delete a CSINode");
    if (a->subresource.size > 0)
        return no(reason, "cannot authorize CSINode subresources");
    return str_equal(a->verb, S("create")) || str_equal(a->name, str_from(node)) ||
           no(reason, "can only access CSINode with the same name as the requesting node");
}

static bool may_slice(struct apiserver *s, const char *node, const struct attributes *a,
                      struct text *reason)
{
    if (a->subresource.size > 0)
        return no(reason, "cannot authorize ResourceSlice subresources");
    if (str_equal(a->verb, S("create")))
        return true;
    if (has_word("list watch deletecollection", a->verb))
        return selects_node(a->field_selector, "spec.nodeName", node) ||
               no(reason, "can only list/watch/deletecollection resourceslices with nodeName "
                          "field selector");
    struct value slice = watch_cache_find(s, RESOURCE_resourceslices, S(""), a->name);
    return VALUE_IS(slice, node, spec, nodeName) ||
           no(reason, "no relationship found between node '%s' and this object", node);
}

static bool may_read_node(const char *node, const struct attributes *a, struct text *reason)
{
    if (str_equal(a->name, str_from(node)))
        return true;
    if (a->name.size == 0)
        return no(reason, "node '%s' cannot read all nodes, only its own Node object", node);
    return no(reason, "node '%s' cannot read '%.*s', only its own Node object", node,
              STR_ARG(a->name));
}

static bool may_read_pod(struct apiserver *s, const char *node, const struct attributes *a,
                         struct text *reason)
{
    bool is_get = str_equal(a->verb, S("get"));
    if (!is_get && selects_node(a->field_selector, "spec.nodeName", node))
        return true;
    if (!is_get && a->name.size == 0)
        return no(reason, "can only list/watch pods with spec.nodeName field selector");
    if (a->name.size == 0)
        return no(reason, "No Object name found");
    struct value pod = watch_cache_find(s, RESOURCE_pods, a->namespace, a->name);
    return VALUE_IS(pod, node, spec, nodeName) ||
           no(reason, "no relationship found between node '%s' and this object", node);
}

static bool may_attachment(struct apiserver *s, const char *node, const struct attributes *a,
                           struct text *reason)
{
    if (!str_equal(a->verb, S("get")))
        return no(reason, "can only get individual resources of this type");
    if (a->subresource.size > 0)
        return no(reason, "cannot get subresource");
    struct value found = watch_cache_find(s, RESOURCE_volumeattachments, S(""), a->name);
    return VALUE_IS(found, node, spec, nodeName) ||
           no(reason, "no relationship found between node '%s' and this object", node);
}

static bool may_claim(struct apiserver *s, const char *node, const struct attributes *a,
                      struct text *reason)
{
    if (!str_equal(a->subresource, S("status")))
        return may_get(s, node, a, GRAPH_CLAIM, reason);
    if (!has_word("update patch", a->verb))
        return no(reason, "can only get/update/patch this type");
    return reaches(s, node, a, GRAPH_CLAIM, reason);
}

bool node_may(struct apiserver *s, const char *node, const struct attributes *a,
              struct text *reason)
{
    bool is_read = a->subresource.size == 0 && has_word(READ, a->verb);
    if (a->path.size > 0)
        return false;
    if (of(a, "", "secrets"))
        return may_read_object(s, node, a, GRAPH_SECRET, reason);
    if (of(a, "", "configmaps"))
        return may_read_object(s, node, a, GRAPH_CONFIG_MAP, reason);
    if (of(a, "", "persistentvolumeclaims"))
        return may_claim(s, node, a, reason);
    if (of(a, "", "persistentvolumes"))
        return may_get(s, node, a, GRAPH_VOLUME, reason);
    if (of(a, "resource.k8s.io", "resourceclaims"))
        return may_get(s, node, a, GRAPH_RESOURCE_CLAIM, reason);
    if (of(a, "storage.k8s.io", "volumeattachments"))
        return may_attachment(s, node, a, reason);
    if (of(a, "", "serviceaccounts"))
        return may_account(s, node, a, reason);
    if (of(a, "coordination.k8s.io", "leases"))
        return may_lease(node, a, reason);
    if (of(a, "storage.k8s.io", "csinodes"))
        return may_csi_node(node, a, reason);
    if (of(a, "resource.k8s.io", "resourceslices"))
        return may_slice(s, node, a, reason);
    if (of(a, "", "nodes") && is_read)
        return may_read_node(node, a, reason);
    if (of(a, "", "pods") && is_read)
        return may_read_pod(s, node, a, reason);
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
