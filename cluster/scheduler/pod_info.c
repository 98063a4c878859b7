/* SPDX-License-Identifier: Apache-2.0
 *
 * A pod as the scheduler needs it: decoded once, so that the loops over nodes read integers.
 *
 * For scoring alone, a container that asks for no CPU or memory counts as 100m and 200Mi, so that
 * such pods spread too.
 */
#include "sim/base/base.h"

#include "cluster/scheduler/cache.h"

#include "cluster/api/object.h"
#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"

#define CPU_SCORED_MILLI 100
#define MEMORY_SCORED_BYTES (INT64_C(200) << 20)

static void decode_requests(struct cache *c, struct pod_info *p, struct value spec);
static void decode_affinity(struct pod_info *p, struct value spec);
static void decode_ports(struct pod_info *p, struct value spec);

struct pod_info *pod_info_new(struct cache *c, const struct object_key *key, struct value pod)
{
    struct pod_info *p = mem_new(struct pod_info);
    struct value spec = VALUE_GET(pod, spec);
    p->key = object_key_ref(key);
    p->pod = value_keep(pod);
    p->node = NODE_NONE;
    p->priority = VALUE_INT(spec, 0, priority);
    p->is_deleting = object_is_deleting(pod);
    decode_requests(c, p, spec);
    decode_affinity(p, spec);
    decode_ports(p, spec);
    return p;
}

void pod_info_free(struct pod_info *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->port_count; i++)
        value_drop(p->ports[i].ip);
    mem_free(p->ports);
    mem_free(p->requests.extra);
    value_drop(p->pod);
    object_key_unref(p->key);
    mem_free(p);
}

static int64_t amount_or(struct value container, struct str name, int64_t otherwise)
{
    struct value quantity = value_get_key(VALUE_GET(container, resources, requests), name);
    if (!value_is_present(quantity))
        return otherwise;
    return str_equal(name, S("cpu")) ? quantity_milli(quantity) : quantity_value(quantity);
}

/* Like podspec_request, but a container that states nothing counts `otherwise`. */
static int64_t scored_request(struct value spec, struct str name, int64_t otherwise)
{
    int64_t running = 0, sidecars = 0, peak = 0;
    struct value containers = VALUE_GET(spec, containers), inits = VALUE_GET(spec, initContainers);
    for (size_t i = 0; i < value_count(containers); i++)
        running += amount_or(value_at(containers, i), name, otherwise);
    for (size_t i = 0; i < value_count(inits); i++) {
        int64_t amount = amount_or(value_at(inits, i), name, otherwise);
        if (container_is_sidecar(value_at(inits, i)))
            sidecars += amount;
        else if (sidecars + amount > peak)
            peak = sidecars + amount;
    }
    int64_t total = running + sidecars > peak ? running + sidecars : peak;
    struct value stated = value_get_key(VALUE_GET(spec, resources, requests), name);
    struct value overhead = value_get_key(VALUE_GET(spec, overhead), name);
    bool is_cpu = str_equal(name, S("cpu"));
    if (value_is_present(stated))
        total = is_cpu ? quantity_milli(stated) : quantity_value(stated);
    return total + (is_cpu ? quantity_milli(overhead) : quantity_value(overhead));
}

static void decode_requests(struct cache *c, struct pod_info *p, struct value spec)
{
    p->requests.cpu = podspec_request_milli(spec, S("cpu"));
    p->requests.memory = podspec_request_value(spec, S("memory"));
    p->requests.ephemeral = podspec_request_value(spec, S("ephemeral-storage"));
    p->cpu_scored = scored_request(spec, S("cpu"), CPU_SCORED_MILLI);
    p->memory_scored = scored_request(spec, S("memory"), MEMORY_SCORED_BYTES);
    struct value names = podspec_resource_names(spec);
    for (size_t i = 0; i < value_count(names); i++) {
        struct str name = value_str(value_at(names, i));
        if (str_equal(name, S("cpu")) || str_equal(name, S("memory")) ||
            str_equal(name, S("ephemeral-storage")))
            continue;
        int64_t amount = podspec_request_value(spec, name);
        if (amount > 0)
            amounts_add_extra(&p->requests, cache_resource(c, name), amount);
    }
    value_drop(names);
}

static void decode_affinity(struct pod_info *p, struct value spec)
{
    struct value affinity = VALUE_GET(spec, affinity);
    struct value anti = VALUE_GET(affinity, podAntiAffinity);
    p->has_affinity_terms =
        value_is_present(VALUE_GET(affinity, podAffinity)) || value_is_present(anti);
    p->has_required_anti =
        value_count(VALUE_GET(anti, requiredDuringSchedulingIgnoredDuringExecution)) > 0;
}

static void decode_ports(struct pod_info *p, struct value spec)
{
    VEC(struct host_port) ports = {0};
    struct value containers = VALUE_GET(spec, containers);
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value list = VALUE_GET(value_at(containers, i), ports);
        for (size_t j = 0; j < value_count(list); j++) {
            struct value port = value_at(list, j);
            int64_t number = VALUE_INT(port, 0, hostPort);
            if (number <= 0)
                continue;
            struct str protocol = VALUE_STR(port, protocol);
            struct value ip = VALUE_GET(port, hostIP);
            if (value_is(ip, "0.0.0.0") || value_is(ip, ""))
                ip = VALUE_ABSENT;
            vec_push(&ports, (struct host_port){.port = (int32_t)number,
                                                .protocol = protocol.size ? protocol.bytes[0] : 'T',
                                                .ip = value_keep(ip)});
        }
    }
    p->ports = ports.items;
    p->port_count = (uint32_t)ports.count;
}

/* ---- amounts ---- */

void amounts_add(struct cache *c, struct amounts *a, struct str name, struct value quantity,
                 int sign)
{
    if (str_equal(name, S("cpu")))
        a->cpu += sign * quantity_milli(quantity);
    else if (str_equal(name, S("memory")))
        a->memory += sign * quantity_value(quantity);
    else if (str_equal(name, S("ephemeral-storage")))
        a->ephemeral += sign * quantity_value(quantity);
    else
        amounts_add_extra(a, cache_resource(c, name), sign * quantity_value(quantity));
}

int64_t amounts_extra(const struct amounts *a, uint32_t resource)
{
    for (uint32_t i = 0; i < a->extra_count; i++)
        if (a->extra[i].resource == resource)
            return a->extra[i].amount;
    return 0;
}

void amounts_add_extra(struct amounts *a, uint32_t resource, int64_t amount)
{
    for (uint32_t i = 0; i < a->extra_count; i++) {
        if (a->extra[i].resource == resource) {
            a->extra[i].amount += amount;
            return;
        }
    }
    a->extra = mem_resize(a->extra, struct amount_extra, a->extra_count, a->extra_count + 1);
    a->extra[a->extra_count++] = (struct amount_extra){resource, amount};
}
