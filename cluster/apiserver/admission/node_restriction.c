/* SPDX-License-Identifier: Apache-2.0
 *
 * NodeRestriction: "limits the Node and Pod objects a kubelet can modify": its own Node (and not
 * that node's taints, owners, or labels of Kubernetes' own but those that describe a machine), the
 * status of pods bound to it (and not their labels), mirror pods that it makes for itself, the
 * eviction of its pods; tokens for its pods alone, with an audience that the pod names; its own
 * Lease and CSINode; certificate requests for itself.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction;
 * plugin/pkg/admission/noderestriction, pkg/api/pod (HasAPIObjectReference).
 */
#include "sim/base/base.h"

#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"
#include "cluster/keys/authority.h"
#include "sim/base/base64.h"

#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"

static void refuse(struct admission *a, const char *format, ...) PRINTF_LIKE(2, 3);
static void refuse(struct admission *a, const char *format, ...)
{
    AUTO(text) struct text why = {0};
    va_list arguments;
    if (value_is_present(a->status))
        return;
    va_start(arguments, format);
    text_vprintf(&why, format, arguments);
    va_end(arguments);
    admission_refuse(a, text_str(&why));
}

static bool is_own(struct admission *a, struct str name)
{
    return str_equal(name, str_from(a->user->node));
}

/* ---- mirror pods ---- */

static const char *volume_reference(struct value volume)
{
    static const struct {
        const char *field, *what;
    } rows[] = {{"configMap", "configmaps (via configmap volumes)"},
                {"secret", "secrets (via secret volumes)"},
                {"csi", "csidrivers (via CSI volumes)"},
                {"glusterfs", "endpoints (via glusterFS volumes)"},
                {"persistentVolumeClaim", "persistentvolumeclaims"},
                {"ephemeral", "persistentvolumeclaims (via ephemeral volumes)"},
                {"azureFile", "secrets (via azureFile volumes)"}},
      sources[] = {{"configMap", "configmaps (via projected volumes)"},
                   {"secret", "secrets (via projected volumes)"},
                   {"serviceAccountToken", "serviceaccounts (via projected volumes)"},
                   {"clusterTrustBundle", "clustertrustbundles"},
                   {"podCertificate", "podcertificates"}};
    struct value list = VALUE_GET(volume, projected, sources);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (value_is_present(value_get_key(volume, str_from(rows[i].field))))
            return rows[i].what;
    for (size_t i = 0; i < value_count(list); i++)
        for (size_t j = 0; j < ARRAY_COUNT(sources); j++)
            if (value_is_present(value_get_key(value_at(list, i), str_from(sources[j].field))))
                return sources[j].what;
    return NULL;
}

static bool environment_refers(struct value spec, atom from, atom key)
{
    static const atom lists[] = {ATOM_containers, ATOM_initContainers, ATOM_ephemeralContainers};
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        struct value containers = value_get(spec, lists[l]);
        for (size_t i = 0; i < value_count(containers); i++) {
            struct value c = value_at(containers, i), all = VALUE_GET(c, envFrom),
                         env = VALUE_GET(c, env);
            for (size_t j = 0; j < value_count(all); j++)
                if (value_is_present(value_get(value_at(all, j), from)))
                    return true;
            for (size_t j = 0; j < value_count(env); j++)
                if (value_is_present(value_get(VALUE_GET(value_at(env, j), valueFrom), key)))
                    return true;
        }
    }
    return false;
}

/* What of the API a pod refers to; NULL: nothing. */
static const char *api_reference(struct value spec)
{
    struct value volumes = VALUE_GET(spec, volumes);
    const char *what = NULL;
    if (VALUE_STR(spec, serviceAccountName).size > 0)
        return "serviceaccounts";
    if (value_count(VALUE_GET(spec, imagePullSecrets)) > 0 ||
        environment_refers(spec, ATOM_secretRef, ATOM_secretKeyRef))
        return "secrets";
    if (environment_refers(spec, ATOM_configMapRef, ATOM_configMapKeyRef))
        return "configmaps";
    if (value_count(VALUE_GET(spec, resourceClaims)) > 0)
        return "resourceclaims";
    for (size_t i = 0; i < value_count(volumes) && !what; i++)
        what = volume_reference(value_at(volumes, i));
    return what;
}

static void check_owner(struct admission *a, struct value owner)
{
    const char *node = a->user->node;
    struct value own = watch_cache_find(a->server, RESOURCE_nodes, S(""), str_from(node)),
                 uid = VALUE_GET(own, metadata, uid);
    if (!VALUE_IS(owner, "v1", apiVersion) || !VALUE_IS(owner, "Node", kind) ||
        !VALUE_IS(owner, node, name))
        refuse(a, "node \"%s\" can only create pods with an owner reference set to itself", node);
    else if (!VALUE_BOOL_AT(owner, controller))
        refuse(a,
               "node \"%s\" can only create pods with a controller owner reference set to itself",
               node);
    else if (VALUE_BOOL_AT(owner, blockOwnerDeletion))
        refuse(a, "node \"%s\" must not set blockOwnerDeletion on an owner reference", node);
    else if (!value_is_present(own))
        a->status = status_not_found(resource_get(RESOURCE_nodes), str_from(node));
    else if (!value_equal(VALUE_GET(owner, uid), uid))
        refuse(a, "node %s UID mismatch: expected %.*s got %.*s", node,
               STR_ARG(VALUE_STR(owner, uid)), STR_ARG(value_str(uid)));
}

static void on_pod_create(struct admission *a)
{
    const char *node = a->user->node;
    struct value owners = VALUE_GET(a->object, metadata, ownerReferences);
    if (!value_is_present(object_annotation(a->object, S(MIRROR_ANNOTATION))))
        refuse(a,
               "pod does not have \"" MIRROR_ANNOTATION
               "\" annotation, node \"%s\" can only create mirror pods",
               node);
    else if (!VALUE_IS(a->object, node, spec, nodeName))
        refuse(a, "node \"%s\" can only create pods with spec.nodeName set to itself", node);
    else if (value_count(owners) > 1)
        refuse(a, "node \"%s\" can only create pods with a single owner reference set to itself",
               node);
    else if (value_count(owners) == 0)
        refuse(a, "node \"%s\" can only create pods with an owner reference set to itself", node);
    else
        check_owner(a, value_at(owners, 0));
    const char *what = api_reference(VALUE_GET(a->object, spec));
    if (what)
        refuse(a, "node \"%s\" can not create pods that reference %s", node, what);
}

/* ---- pods ---- */

/* The pod is there and bound to the node; else refused with these words. */
static void check_pod_is_own(struct admission *a, const char *format)
{
    struct value pod = watch_cache_find(a->server, RESOURCE_pods, a->namespace, a->name);
    if (!value_is_present(pod))
        a->status = status_not_found(resource_get(RESOURCE_pods), a->name);
    else if (!VALUE_IS(pod, a->user->node, spec, nodeName))
        refuse(a, "node %s%s%s %s", a->subresource == SUBRESOURCE_EVICTION ? "" : "\"",
               a->user->node, a->subresource == SUBRESOURCE_EVICTION ? "" : "\"", format);
}

static void on_pod_status(struct admission *a)
{
    const char *node = a->user->node;
    struct value old_claims = VALUE_GET(a->old, status, resourceClaimStatuses),
                 claims = VALUE_GET(a->object, status, resourceClaimStatuses);
    if (!VALUE_IS(a->old, node, spec, nodeName))
        refuse(a,
               "node \"%s\" can only update pod status for pods with spec.nodeName set to itself",
               node);
    else if (!value_equal(VALUE_GET(a->old, metadata, labels),
                          VALUE_GET(a->object, metadata, labels)))
        refuse(a, "node \"%s\" cannot update labels through pod status", node);
    else if (!value_equal(old_claims, claims))
        refuse(a, "node \"%s\" cannot update resource claim statues", node);
}

static void on_pod(struct admission *a)
{
    if (a->subresource == SUBRESOURCE_STATUS)
        on_pod_status(a);
    else if (a->subresource == SUBRESOURCE_EVICTION)
        check_pod_is_own(a, "can only evict pods with spec.nodeName set to itself");
    else if (a->subresource != SUBRESOURCE_NONE)
        refuse(a, "unexpected pod subresource \"%s\", only 'status' and 'eviction' are allowed",
               subresource_text(a->subresource));
    else if (a->operation == ADMIT_CREATE)
        on_pod_create(a);
    else if (a->operation == ADMIT_DELETE)
        check_pod_is_own(a, "can only delete pods with spec.nodeName set to itself");
    else
        refuse(a,
               "unexpected operation \"UPDATE\", node \"%s\" can only create and delete mirror "
               "pods",
               a->user->node);
}

/* ---- nodes ---- */

static bool is_in_domain(struct str key, const char *domain)
{
    size_t slash = str_find(key, '/');
    struct str prefix = str_slice(key, 0, slash), wanted = str_from(domain);
    return slash < key.size && (str_equal(prefix, wanted) ||
                                (prefix.size > wanted.size && str_ends_with(prefix, wanted) &&
                                 prefix.bytes[prefix.size - wanted.size - 1] == '.'));
}

/* A label of Kubernetes' own that no kubelet may set. */
static bool label_is_forbidden(struct str key)
{
    static const char *const of_kubelets[] = {"kubernetes.io/hostname",
                                              "topology.kubernetes.io/zone",
                                              "topology.kubernetes.io/region",
                                              "failure-domain.beta.kubernetes.io/zone",
                                              "beta.kubernetes.io/instance-type",
                                              "failure-domain.beta.kubernetes.io/region",
                                              "kubernetes.io/os",
                                              "node.kubernetes.io/instance-type",
                                              "kubernetes.io/arch",
                                              "beta.kubernetes.io/os",
                                              "beta.kubernetes.io/arch"};
    if (is_in_domain(key, "node-restriction.kubernetes.io"))
        return true;
    if ((!is_in_domain(key, "kubernetes.io") && !is_in_domain(key, "k8s.io")) ||
        is_in_domain(key, "kubelet.kubernetes.io") || is_in_domain(key, "node.kubernetes.io"))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(of_kubelets); i++)
        if (str_equal(key, str_from(of_kubelets[i])))
            return false;
    return true;
}

/* Appends the forbidden labels of `a` that `b` does not have with the same value, but those that
 * stand there already. */
static void labels_differ(struct value a, struct value b, bool only_missing, struct text *out)
{
    for (size_t i = 0; i < value_count(a); i++) {
        struct str key = value_key_at(a, i);
        struct value other = value_get_key(b, key);
        bool differs =
            only_missing ? !value_is_present(other) : !value_equal(value_member_at(a, i), other);
        if (differs && label_is_forbidden(key))
            text_printf(out, "%s%.*s", out->size > 0 ? ", " : "", STR_ARG(key));
    }
}

static void on_node(struct admission *a)
{
    const char *node = a->user->node;
    AUTO(text) struct text forbidden = {0};
    struct value new = VALUE_GET(a->object, metadata, labels),
                 old = VALUE_GET(a->old, metadata, labels);
    if (!is_own(a, a->name)) {
        refuse(a, "node \"%s\" is not allowed to modify node \"%.*s\"", node, STR_ARG(a->name));
        return;
    }
    if (a->operation == ADMIT_DELETE)
        return;
    if (!value_is_same(new, old)) {
        labels_differ(new, old, false, &forbidden);
        labels_differ(old, new, true, &forbidden);
    }
    if (a->operation == ADMIT_CREATE && forbidden.size > 0)
        refuse(a, "node \"%s\" is not allowed to set the following labels: %s", node,
               text_c(&forbidden));
    if (a->operation != ADMIT_UPDATE)
        return;
    if (!value_equal(VALUE_GET(a->object, spec, taints), VALUE_GET(a->old, spec, taints)))
        refuse(a, "node \"%s\" is not allowed to modify taints", node);
    else if (!value_equal(VALUE_GET(a->object, metadata, ownerReferences),
                          VALUE_GET(a->old, metadata, ownerReferences)))
        refuse(a, "node \"%s\" is not allowed to modify ownerReferences", node);
    else if (forbidden.size > 0)
        refuse(a, "is not allowed to modify labels: %s", text_c(&forbidden));
}

/* ---- tokens ---- */

static bool pod_names_audience(struct value pod, struct str audience)
{
    struct value volumes = VALUE_GET(pod, spec, volumes);
    for (size_t i = 0; i < value_count(volumes); i++) {
        struct value sources = VALUE_GET(value_at(volumes, i), projected, sources);
        for (size_t j = 0; j < value_count(sources); j++) {
            struct value token = VALUE_GET(value_at(sources, j), serviceAccountToken);
            if (!value_is_present(token))
                continue;
            struct str own = VALUE_STR(token, audience);
            if (str_equal(own, audience) || (own.size == 0 && str_equal(audience, api_audience())))
                return true;
        }
    }
    return false;
}

static void check_audience(struct admission *a, struct value pod)
{
    struct value audiences = VALUE_GET(a->object, spec, audiences), one = value_at(audiences, 0);
    if (value_count(audiences) > 1) {
        refuse(a, "node may only request 0 or 1 audiences");
        return;
    }
    if (pod_names_audience(pod, value_str(one)))
        return;
    struct attributes asked = {.verb = S("request-serviceaccounts-token-audience"),
                               .namespace = a->namespace,
                               .resource = value_str(one),
                               .name = a->name};
    if (!authorize(a->server, a->user, &asked))
        refuse(a,
               "audience \"%.*s\" not found in pod spec volume, %s is not authorized to request "
               "tokens for this audience",
               STR_ARG(value_str(one)), a->user->name);
}

static void on_token(struct admission *a)
{
    struct value reference = VALUE_GET(a->object, spec, boundObjectRef),
                 uid = VALUE_GET(reference, uid), name = VALUE_GET(reference, name);
    if (!VALUE_IS(reference, "v1", apiVersion) || !VALUE_IS(reference, "Pod", kind) ||
        value_str(name).size == 0) {
        refuse(a, "node requested token not bound to a pod");
        return;
    }
    if (value_str(uid).size == 0) {
        refuse(a, "node requested token with a pod binding without a uid");
        return;
    }
    struct value pod = watch_cache_find(a->server, RESOURCE_pods, a->namespace, value_str(name));
    if (!value_is_present(pod))
        a->status = status_not_found(resource_get(RESOURCE_pods), value_str(name));
    else if (!value_equal(uid, VALUE_GET(pod, metadata, uid)))
        refuse(a,
               "the UID in the bound object reference (%.*s) does not match the UID in record. "
               "The object might have been deleted and then recreated",
               STR_ARG(value_str(uid)));
    else if (!VALUE_IS(pod, a->user->node, spec, nodeName))
        refuse(a, "node requested token bound to a pod scheduled on a different node");
    else
        check_audience(a, pod);
}

/* ---- the rest ---- */

static void on_lease(struct admission *a)
{
    if (!str_equal(a->namespace, S("kube-node-lease")))
        refuse(a, "can only access leases in the \"kube-node-lease\" system namespace");
    else if (!is_own(a, a->name))
        refuse(a, "can only access node lease with the same name as the requesting node");
}

static void on_signing_request(struct admission *a)
{
    AUTO(text) struct text pem = {0};
    AUTO(text) struct text wanted = {0};
    struct signing_request q;
    struct errmsg message;
    if (a->operation != ADMIT_CREATE ||
        (!VALUE_IS(a->object, "kubernetes.io/kubelet-serving", spec, signerName) &&
         !VALUE_IS(a->object, "kubernetes.io/kube-apiserver-client-kubelet", spec, signerName)))
        return;
    (void)base64_decode(VALUE_STR(a->object, spec, request), &pem);
    if (signing_request_parse(text_str(&pem), &q, &message)) {
        refuse(a, "unable to parse csr: %s", message.text);
        return;
    }
    text_printf(&wanted, "system:node:%s", a->user->node);
    if (!str_equal(text_str(&q.common_name), text_str(&wanted)))
        refuse(a, "can only create a node CSR with CN=%s", text_c(&wanted));
    signing_request_release(&q);
}

static void on_slice(struct admission *a)
{
    struct value slice = a->object;
    if (a->operation == ADMIT_DELETE)
        slice = watch_cache_find(a->server, RESOURCE_resourceslices, S(""), a->name);
    if (a->operation != ADMIT_UPDATE && !VALUE_IS(slice, a->user->node, spec, nodeName))
        refuse(a, "can only %s ResourceSlice with the same NodeName as the requesting node",
               a->operation == ADMIT_CREATE ? "create" : "delete");
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
        on_lease(a);
        break;
    case RESOURCE_serviceaccounts:
        if (a->operation == ADMIT_CREATE && a->subresource == SUBRESOURCE_TOKEN)
            on_token(a);
        break;
    case RESOURCE_persistentvolumeclaims:
        if (a->subresource != SUBRESOURCE_STATUS)
            refuse(a, "may only update PVC status");
        break;
    case RESOURCE_csinodes:
        if (!is_own(a, a->name))
            refuse(a, "can only access CSINode with the same name as the requesting node");
        break;
    case RESOURCE_certificatesigningrequests:
        on_signing_request(a);
        break;
    case RESOURCE_resourceslices:
        on_slice(a);
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
