/* SPDX-License-Identifier: Apache-2.0
 *
 * The kubelet's own look at a pod before it runs: the scheduler may have been stale, or the pod was
 * bound by hand.
 *
 * The operating system first; then, in the order of the real predicates, of which the first that
 * fails gives the reason: room (pods, cpu, memory, ephemeral storage, extended resources against
 * allocatable, counting the pods of this node that are not finished), the node selector and
 * required node affinity, host ports, NoExecute taints. A NoSchedule taint does not refuse: the pod
 * is bound already. A refused pod is Failed with the reason, and its controller makes another.
 *
 * DEVIATION: a critical pod that finds no room is refused as any other; the real kubelet ends pods
 * of lower priority for it (reason Preempting).
 *
 * Upstream: lifecycle/predicate.go. [doc:assign-pod-node]
 */
#include "sim/base/base.h"

#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"
#include "cluster/kubelet/private.h"

/* ---- room ---- */

static bool takes_room(const struct pod_worker *w, const struct pod_worker *other)
{
    return other != w && other->is_admitted && other->stage != WORKER_TERMINATED &&
           !other->was_terminal;
}

/* What a pod asks of a resource that is not kept in the worker: storage, devices. */
static int64_t stated_request(const struct pod_worker *w, const char *resource)
{
    return podspec_request_value(worker_spec(w), str_from(resource));
}

static bool refuse_room(const char *resource, int64_t wanted, int64_t used, int64_t capacity,
                        struct text *message)
{
    if (wanted == 0 || used + wanted <= capacity)
        return false;
    text_printf(message,
                "Node didn't have enough resource: %s, requested: %" PRId64 ", used: %" PRId64
                ", capacity: %" PRId64,
                resource, wanted, used, capacity);
    return true;
}

static bool fits_stated(struct pod_worker *w, const char *name, int64_t capacity,
                        struct text *message)
{
    struct kubelet *k = w->kubelet;
    int64_t wanted = stated_request(w, name), used = 0;
    for (size_t i = 0; wanted > 0 && i < k->workers.count; i++) {
        if (takes_room(w, k->workers.items[i]))
            used += stated_request(k->workers.items[i], name);
    }
    return !refuse_room(name, wanted, used, capacity, message);
}

static bool fits(struct pod_worker *w, const char *resource, int64_t capacity, struct text *message)
{
    struct kubelet *k = w->kubelet;
    bool is_cpu = strcmp(resource, "cpu") == 0, is_pods = strcmp(resource, "pods") == 0;
    int64_t used = 0, wanted = is_pods ? 1 : is_cpu ? w->cpu_milli : w->memory_bytes;
    for (size_t i = 0; wanted > 0 && i < k->workers.count; i++) {
        const struct pod_worker *other = k->workers.items[i];
        if (takes_room(w, other))
            used += is_pods ? 1 : is_cpu ? other->cpu_milli : other->memory_bytes;
    }
    return !refuse_room(resource, wanted, used, capacity, message);
}

static const char *room_refuses(struct pod_worker *w, struct text *message)
{
    struct kubelet *k = w->kubelet;
    const struct kubelet_config *c = k->config;
    if (!fits(w, "pods", k->flags.max_pods, message))
        return "OutOfpods";
    if (!fits(w, "cpu", c->cpu_milli - c->system_reserved_cpu_milli, message))
        return "OutOfcpu";
    if (!fits(w, "memory", c->memory_bytes - c->system_reserved_memory_bytes, message))
        return "OutOfmemory";
    if (c->ephemeral_storage_bytes > 0 &&
        !fits_stated(w, "ephemeral-storage", c->ephemeral_storage_bytes, message))
        return "OutOfephemeral-storage";
    for (size_t i = 0; i < c->resource_count; i++) {
        const struct kubelet_resource *stated = &c->resources[i];
        if (!strchr(stated->name, '/') || !stated->allocatable)
            continue; /* a resource that the node does not have is none of its business */
        AUTO(value) struct value quantity = value_string(str_from(stated->allocatable));
        if (!fits_stated(w, stated->name, quantity_value(quantity), message))
            return stated->out_of;
    }
    return NULL;
}

/* ---- node selector and affinity ---- */

static bool is_among(struct value list, struct value wanted)
{
    for (size_t i = 0; i < value_count(list); i++) {
        if (value_equal(value_at(list, i), wanted))
            return true;
    }
    return false;
}

/* One requirement of a term: In, NotIn, Exists, DoesNotExist, Gt, Lt; what is no number compares
 * with nothing. */
static bool requirement_holds(struct value requirement, struct value found)
{
    struct value op = VALUE_GET(requirement, operator), list = VALUE_GET(requirement, values);
    int64_t have = 0, bound = 0;
    bool is_there = value_is_present(found);
    if (value_is(op, "In"))
        return is_there && is_among(list, found);
    if (value_is(op, "NotIn"))
        return !is_there || !is_among(list, found);
    if (value_is(op, "Exists"))
        return is_there;
    if (value_is(op, "DoesNotExist"))
        return !is_there;
    if (!is_there || !str_to_int64(value_str(found), &have) ||
        !str_to_int64(value_str(value_at(list, 0)), &bound))
        return false;
    return value_is(op, "Gt") ? have > bound : value_is(op, "Lt") && have < bound;
}

/* An empty term matches no node. */
static bool term_matches(struct value term, struct value node)
{
    struct value labels = VALUE_GET(term, matchExpressions), fields = VALUE_GET(term, matchFields);
    if (value_count(labels) + value_count(fields) == 0)
        return false;
    for (size_t i = 0; i < value_count(labels); i++) {
        struct value r = value_at(labels, i);
        if (!requirement_holds(r, object_label(node, VALUE_STR(r, key))))
            return false;
    }
    for (size_t i = 0; i < value_count(fields); i++) {
        struct value r = value_at(fields, i);
        if (!VALUE_IS(r, "metadata.name", key) || !requirement_holds(r, object_name(node)))
            return false;
    }
    return true;
}

bool admission_matches_node(struct value pod_spec, struct value node)
{
    struct value selector = VALUE_GET(pod_spec, nodeSelector), labels = object_labels(node);
    for (size_t i = 0; i < value_count(selector); i++) {
        if (!value_equal(value_get_key(labels, value_key_at(selector, i)),
                         value_member_at(selector, i)))
            return false;
    }
    struct value required =
        VALUE_GET(pod_spec, affinity, nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution);
    if (!value_is_present(required))
        return true;
    struct value terms = VALUE_GET(required, nodeSelectorTerms);
    for (size_t i = 0; i < value_count(terms); i++) {
        if (term_matches(value_at(terms, i), node))
            return true;
    }
    return false;
}

/* ---- host ports ---- */

/* "" and 0.0.0.0 are every address. */
static bool addresses_meet(struct str a, struct str b)
{
    bool all_a = a.size == 0 || str_equal(a, S("0.0.0.0")),
         all_b = b.size == 0 || str_equal(b, S("0.0.0.0"));
    return all_a || all_b || str_equal(a, b);
}

static bool port_is_used(struct value port, struct value containers)
{
    struct str protocol = VALUE_STR(port, protocol), address = VALUE_STR(port, hostIP);
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value ports = VALUE_GET(value_at(containers, i), ports);
        for (size_t p = 0; p < value_count(ports); p++) {
            struct value other = value_at(ports, p);
            if (VALUE_INT(other, 0, hostPort) == VALUE_INT(port, 0, hostPort) &&
                str_equal(VALUE_STR(other, protocol), protocol) &&
                addresses_meet(VALUE_STR(other, hostIP), address))
                return true;
        }
    }
    return false;
}

bool admission_ports_meet(struct value pod_spec, struct value other_spec)
{
    struct value containers = VALUE_GET(pod_spec, containers);
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value ports = VALUE_GET(value_at(containers, i), ports);
        for (size_t p = 0; p < value_count(ports); p++) {
            if (VALUE_INT(value_at(ports, p), 0, hostPort) > 0 &&
                port_is_used(value_at(ports, p), VALUE_GET(other_spec, containers)))
                return true;
        }
    }
    return false;
}

static bool has_host_ports(struct value pod_spec)
{
    struct value containers = VALUE_GET(pod_spec, containers);
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value ports = VALUE_GET(value_at(containers, i), ports);
        for (size_t p = 0; p < value_count(ports); p++) {
            if (VALUE_INT(value_at(ports, p), 0, hostPort) > 0)
                return true;
        }
    }
    return false;
}

static bool host_ports_are_taken(const struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    if (!has_host_ports(worker_spec(w)))
        return false;
    for (size_t i = 0; i < k->workers.count; i++) {
        if (takes_room(w, k->workers.items[i]) &&
            admission_ports_meet(worker_spec(w), worker_spec(k->workers.items[i])))
            return true;
    }
    return false;
}

/* ---- taints ---- */

bool admission_tolerates(struct value tolerations, struct value taint)
{
    for (size_t i = 0; i < value_count(tolerations); i++)
        if (toleration_matches(value_at(tolerations, i), taint))
            return true;
    return false;
}

bool admission_tolerates_node(struct value pod_spec, struct value node)
{
    struct value taints = VALUE_GET(node, spec, taints);
    for (size_t i = 0; i < value_count(taints); i++) {
        struct value taint = value_at(taints, i);
        if (VALUE_IS(taint, "NoExecute", effect) &&
            !admission_tolerates(VALUE_GET(pod_spec, tolerations), taint))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static const char *predicate_fails(const char *name, const char *why, struct text *message)
{
    text_printf(message, "Predicate %s failed: %s", name, why);
    return name;
}

const char *admission_refuses(struct pod_worker *w, struct text *ret_message)
{
    struct kubelet *k = w->kubelet;
    struct value node = informer_get_named(k->node, S(""), k->node_name);
    struct value spec = worker_spec(w);
    struct str os = VALUE_STR(spec, os, name);
    if (os.size > 0 && !str_equal(os, S("linux"))) {
        text_add(ret_message, S("Failed to admit pod as the OS field doesn't match node OS"));
        return "PodOSNotSupported";
    }
    if (eviction_refuses(k, w->pod, ret_message))
        return "Evicted";
    const char *reason = room_refuses(w, ret_message);
    if (reason || !value_is_present(node))
        return reason;
    if (!admission_matches_node(spec, node))
        return predicate_fails("NodeAffinity", "node(s) didn't match Pod's node affinity/selector",
                               ret_message);
    if (host_ports_are_taken(w))
        return predicate_fails(
            "NodePorts", "node(s) didn't have free ports for the requested pod ports", ret_message);
    if (!admission_tolerates_node(spec, node))
        return predicate_fails("TaintToleration", "node(s) had taints that the pod didn't tolerate",
                               ret_message);
    return NULL;
}
