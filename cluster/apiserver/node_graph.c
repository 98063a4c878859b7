/* SPDX-License-Identifier: Apache-2.0
 *
 * The node authorizer's graph: which secrets, configmaps, claims, volumes and service accounts the
 * pods of a node name.
 *
 * A real server keeps every edge of that graph. Here only the pods of each node are kept, which a
 * pod's binding and its end change and nothing else; the edges are looked up when a node asks for
 * an object, in the specs of its pods (a hundred or so) of that namespace. A mirror pod counts for
 * nothing: its node made it and could have named whatever it likes.
 *
 * Edges: pod -> secrets (env, envFrom, volumes, projected sources, imagePullSecrets, CSI), config
 * maps, claims (ephemeral ones too), resource claims, its service account; claim -> volume ->
 * the secrets of its driver.
 *
 * Upstream: plugin/pkg/auth/authorizer/node/{graph,graph_populator}.go, pkg/api/pod (visitors).
 */
#include "cluster/apiserver/authorizer.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/server.h"
#include "sim/base/hash.h"

#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"

struct node_pods {
    struct node_pods *next;
    char *name;
    VEC(const struct object_key *) pods; /* owned references */
};

static bool has_name(const void *probe, const void *item)
{
    const struct str *name = probe;
    return str_equal(*name, str_from(((const struct node_pods *)item)->name));
}

static struct node_pods *node_find(struct apiserver *s, struct str name, bool make)
{
    struct authorizer *a = &s->authorizer;
    a->nodes.equal = has_name;
    uint64_t hash = hash_bytes(name);
    struct node_pods *n = index_get(&a->nodes, hash, &name);
    if (n || !make)
        return n;
    n = mem_new(struct node_pods);
    n->name = mem_copy_string(name);
    n->next = a->node_first;
    a->node_first = n;
    struct str own = str_from(n->name);
    index_put(&a->nodes, hash, &own, n);
    return n;
}

void node_graph_release(struct apiserver *s)
{
    struct authorizer *a = &s->authorizer;
    while (a->node_first) {
        struct node_pods *n = a->node_first;
        a->node_first = n->next;
        for (size_t i = 0; i < n->pods.count; i++)
            object_key_unref(n->pods.items[i]);
        vec_release(&n->pods);
        mem_free(n->name);
        mem_free(n);
    }
    index_release(&a->nodes);
}

void node_graph_pod(struct apiserver *s, const struct object_key *key, struct value before,
                    struct value after)
{
    struct value old = VALUE_GET(before, spec, nodeName), new = VALUE_GET(after, spec, nodeName);
    if (value_is_same(old, new) || value_equal(old, new))
        return;
    if (value_str(old).size > 0) {
        struct node_pods *n = node_find(s, value_str(old), false);
        for (size_t i = 0; n && i < n->pods.count; i++) {
            if (n->pods.items[i] != key)
                continue;
            object_key_unref(n->pods.items[i]);
            n->pods.items[i] = n->pods.items[--n->pods.count];
            break;
        }
    }
    if (value_str(new).size > 0) {
        struct node_pods *n = node_find(s, value_str(new), true);
        vec_push(&n->pods, object_key_ref(key));
    }
}

/* ---- what a pod names ---- */

static bool is_named(struct value reference, atom field, struct str name)
{
    return str_equal(value_str(value_get(reference, field)), name);
}

static bool environment_names(struct value container, bool is_secret, struct str name)
{
    struct value from = VALUE_GET(container, envFrom), env = VALUE_GET(container, env);
    for (size_t i = 0; i < value_count(from); i++) {
        struct value f = value_at(from, i);
        if (is_named(is_secret ? VALUE_GET(f, secretRef) : VALUE_GET(f, configMapRef), ATOM_name,
                     name))
            return true;
    }
    for (size_t i = 0; i < value_count(env); i++) {
        struct value f = VALUE_GET(value_at(env, i), valueFrom);
        if (is_named(is_secret ? VALUE_GET(f, secretKeyRef) : VALUE_GET(f, configMapKeyRef),
                     ATOM_name, name))
            return true;
    }
    return false;
}

static bool volume_names_secret(struct value v, struct str name)
{
    static const atom drivers[] = {ATOM_azureFile, ATOM_cephfs, ATOM_cinder,  ATOM_flexVolume,
                                   ATOM_iscsi,     ATOM_rbd,    ATOM_scaleIO, ATOM_storageos};
    struct value sources = VALUE_GET(v, projected, sources);
    if (is_named(VALUE_GET(v, secret), ATOM_secretName, name) ||
        is_named(VALUE_GET(v, azureFile), ATOM_secretName, name) ||
        is_named(VALUE_GET(v, csi, nodePublishSecretRef), ATOM_name, name))
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(drivers); i++)
        if (is_named(value_get(value_get(v, drivers[i]), ATOM_secretRef), ATOM_name, name))
            return true;
    for (size_t i = 0; i < value_count(sources); i++)
        if (is_named(VALUE_GET(value_at(sources, i), secret), ATOM_name, name))
            return true;
    return false;
}

static bool volume_names_map(struct value v, struct str name)
{
    struct value sources = VALUE_GET(v, projected, sources);
    if (is_named(VALUE_GET(v, configMap), ATOM_name, name))
        return true;
    for (size_t i = 0; i < value_count(sources); i++)
        if (is_named(VALUE_GET(value_at(sources, i), configMap), ATOM_name, name))
            return true;
    return false;
}

static bool pod_names_object(struct value spec, bool is_secret, struct str name)
{
    static const atom lists[] = {ATOM_containers, ATOM_initContainers, ATOM_ephemeralContainers};
    struct value volumes = VALUE_GET(spec, volumes), pull = VALUE_GET(spec, imagePullSecrets);
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        struct value containers = value_get(spec, lists[l]);
        for (size_t i = 0; i < value_count(containers); i++)
            if (environment_names(value_at(containers, i), is_secret, name))
                return true;
    }
    for (size_t i = 0; i < value_count(volumes); i++)
        if (is_secret ? volume_names_secret(value_at(volumes, i), name)
                      : volume_names_map(value_at(volumes, i), name))
            return true;
    for (size_t i = 0; is_secret && i < value_count(pull); i++)
        if (is_named(value_at(pull, i), ATOM_name, name))
            return true;
    return false;
}

/* A claim by its name, or the one that an ephemeral volume makes: "<pod>-<volume>". */
static bool pod_names_claim(struct value pod, struct str name)
{
    struct value volumes = VALUE_GET(pod, spec, volumes);
    struct str pod_name = VALUE_STR(pod, metadata, name);
    for (size_t i = 0; i < value_count(volumes); i++) {
        struct value v = value_at(volumes, i);
        if (is_named(VALUE_GET(v, persistentVolumeClaim), ATOM_claimName, name))
            return true;
        struct str own = VALUE_STR(v, name);
        if (value_is_present(VALUE_GET(v, ephemeral)) &&
            name.size == pod_name.size + 1 + own.size && str_starts_with(name, pod_name) &&
            name.bytes[pod_name.size] == '-' && str_ends_with(name, own))
            return true;
    }
    return false;
}

static bool pod_names_resource_claim(struct value pod, struct str name)
{
    struct value claims = VALUE_GET(pod, spec, resourceClaims),
                 made = VALUE_GET(pod, status, resourceClaimStatuses);
    for (size_t i = 0; i < value_count(claims); i++)
        if (is_named(value_at(claims, i), ATOM_resourceClaimName, name))
            return true;
    for (size_t i = 0; i < value_count(made); i++)
        if (is_named(value_at(made, i), ATOM_resourceClaimName, name))
            return true;
    return false;
}

static bool pod_reaches(struct value pod, enum graph_kind kind, struct str name)
{
    struct value spec = value_get(pod, ATOM_spec);
    switch (kind) {
    case GRAPH_SECRET:
        return pod_names_object(spec, true, name);
    case GRAPH_CONFIG_MAP:
        return pod_names_object(spec, false, name);
    case GRAPH_SERVICE_ACCOUNT:
        return is_named(spec, ATOM_serviceAccountName, name);
    case GRAPH_CLAIM:
        return pod_names_claim(pod, name);
    case GRAPH_RESOURCE_CLAIM:
        return pod_names_resource_claim(pod, name);
    case GRAPH_VOLUME:
        break;
    }
    return false;
}

/* ---- through claims to volumes, and to the secrets of volumes ---- */

static bool volume_needs_secret(struct value volume, struct str namespace, struct str name)
{
    static const atom references[] = {ATOM_nodePublishSecretRef, ATOM_nodeStageSecretRef,
                                      ATOM_nodeExpandSecretRef, ATOM_controllerExpandSecretRef,
                                      ATOM_controllerPublishSecretRef};
    struct value csi = VALUE_GET(volume, spec, csi);
    for (size_t i = 0; i < ARRAY_COUNT(references); i++) {
        struct value r = value_get(csi, references[i]);
        if (is_named(r, ATOM_name, name) && is_named(r, ATOM_namespace, namespace))
            return true;
    }
    return false;
}

/* Is there a volume, bound to a claim that the pods of the node name, that is the one (or needs the
 * secret)? */
static bool volumes_reach(struct apiserver *s, const char *node, enum graph_kind kind,
                          struct str namespace, struct str name)
{
    for (struct cache_cursor c = watch_cache_of_known(s, RESOURCE_persistentvolumes, S("")); c.kv;
         watch_cache_next(&c)) {
        struct value claim = VALUE_GET(c.kv->value, spec, claimRef);
        bool is_it = kind == GRAPH_VOLUME ? str_equal(c.kv->key->name, name)
                                          : volume_needs_secret(c.kv->value, namespace, name);
        if (is_it && node_graph_reaches(s, node, GRAPH_CLAIM, VALUE_STR(claim, namespace),
                                        VALUE_STR(claim, name)))
            return true;
    }
    return false;
}

bool node_graph_reaches(struct apiserver *s, const char *node, enum graph_kind kind,
                        struct str namespace, struct str name)
{
    const struct node_pods *n = node_find(s, str_from(node), false);
    if (name.size == 0)
        return false;
    for (size_t i = 0; n && i < n->pods.count; i++) {
        const struct object_key *key = n->pods.items[i];
        const struct etcd_kv *pod = watch_cache_get(s, key);
        if (!pod || !str_equal(key->namespace, namespace) ||
            value_is_present(object_annotation(pod->value, S(MIRROR_ANNOTATION))))
            continue;
        if (pod_reaches(pod->value, kind, name))
            return true;
    }
    return (kind == GRAPH_VOLUME || kind == GRAPH_SECRET) &&
           volumes_reach(s, node, kind, namespace, name);
}
