/* SPDX-License-Identifier: Apache-2.0
 *
 * The kubelet's own look at a pod before it runs: the scheduler may have been stale, or the pod was
 * bound by hand.
 *
 * The node selector and required node affinity on names and labels, then room: pods, cpu, memory,
 * extended resources against allocatable, counting the pods of this node that are not finished. A refused pod is
 * Failed with the reason, and its controller makes another.
 *
 * Upstream: lifecycle/predicate.go. [doc:assign-pod-node]
 */
#include "sim/base/base.h"

#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"
#include "cluster/kubelet/private.h"

static bool matches_selector(const struct pod_worker *w, struct value labels)
{
    struct value selector = VALUE_GET(w->pod, spec, nodeSelector);
    for (size_t i = 0; i < value_count(selector); i++) {
        if (!value_equal(value_get_key(labels, value_key_at(selector, i)),
                         value_member_at(selector, i)))
            return false;
    }
    return true;
}

/* What a pod asks of a resource that only a manifest knows (devices). */
static int64_t stated_request(const struct pod_worker *w, const char *resource)
{
    return podspec_request_value(worker_spec(w), str_from(resource));
}

static bool fits_stated(struct pod_worker *w, const struct kubelet_resource *stated,
                        struct text *message)
{
    struct kubelet *k = w->kubelet;
    int64_t wanted = stated_request(w, stated->name), used = 0, capacity = 0;
    if (wanted == 0 || !stated->allocatable)
        return true; /* a resource that the node does not have is none of its business */
    AUTO(value) struct value quantity = value_string(str_from(stated->allocatable));
    capacity = quantity_value(quantity);
    for (size_t i = 0; i < k->workers.count; i++) {
        const struct pod_worker *other = k->workers.items[i];
        if (other != w && other->is_admitted && other->stage != WORKER_TERMINATED &&
            !other->was_terminal)
            used += stated_request(other, stated->name);
    }
    if (used + wanted <= capacity)
        return true;
    text_printf(message,
                "Node didn't have enough resource: %s, requested: %" PRId64 ", used: %" PRId64
                ", capacity: %" PRId64,
                stated->name, wanted, used, capacity);
    return false;
}

static bool fits(struct pod_worker *w, const char *resource, int64_t capacity, struct text *message)
{
    struct kubelet *k = w->kubelet;
    bool is_cpu = strcmp(resource, "cpu") == 0, is_pods = strcmp(resource, "pods") == 0;
    int64_t used = 0, wanted = is_pods ? 1 : is_cpu ? w->cpu_milli : w->memory_bytes;
    for (size_t i = 0; i < k->workers.count; i++) {
        const struct pod_worker *other = k->workers.items[i];
        if (other == w || !other->is_admitted || other->stage == WORKER_TERMINATED ||
            other->was_terminal)
            continue;
        used += is_pods ? 1 : is_cpu ? other->cpu_milli : other->memory_bytes;
    }
    if (wanted == 0 || used + wanted <= capacity)
        return true;
    text_printf(message,
                "Node didn't have enough resource: %s, requested: %" PRId64 ", used: %" PRId64
                ", capacity: %" PRId64,
                resource, wanted, used, capacity);
    return false;
}

const char *admission_refuses(struct pod_worker *w, struct text *ret_message)
{
    struct kubelet *k = w->kubelet;
    const struct kubelet_config *c = k->config;
    struct value node = informer_get_named(k->node, S(""), k->node_name);
    if (value_is_present(node) && !matches_selector(w, object_labels(node))) {
        text_add(
            ret_message,
            S("Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"));
        return "NodeAffinity";
    }
    if (!fits(w, "pods", k->flags.max_pods, ret_message))
        return "OutOfpods";
    if (!fits(w, "cpu", c->cpu_milli - c->system_reserved_cpu_milli, ret_message))
        return "OutOfcpu";
    if (!fits(w, "memory", c->memory_bytes - c->system_reserved_memory_bytes, ret_message))
        return "OutOfmemory";
    for (size_t i = 0; i < c->resource_count; i++) {
        bool is_extended = strchr(c->resources[i].name, '/') != NULL;
        if (is_extended && !fits_stated(w, &c->resources[i], ret_message))
            return c->resources[i].out_of;
    }
    return NULL;
}
