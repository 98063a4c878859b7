/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants of addresses and endpoints.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"

#define ENDPOINTS_MAX 1000

/* ---- I52: who owns an address ---- */

struct holder {
    const struct object_key *key; /* owned; NULL: nobody */
    uint64_t hash;
};
struct holders {
    struct index by_address;
    VEC(struct holder *) items;
};

static bool holder_equal(const void *probe, const void *item)
{
    return *(const uint64_t *)probe == ((const struct holder *)item)->hash;
}

static void *holders_new(struct run *r)
{
    struct holders *h = mem_new(struct holders);
    (void)r;
    h->by_address.equal = holder_equal;
    return h;
}

static void holders_free(void *memory)
{
    struct holders *h = memory;
    for (size_t i = 0; i < h->items.count; i++) {
        object_key_unref(h->items.items[i]->key);
        mem_free(h->items.items[i]);
    }
    vec_release(&h->items);
    index_release(&h->by_address);
    mem_free(h);
}

static struct holder *holder_of(struct holders *h, struct value address)
{
    uint64_t hash = value_hash(address);
    struct holder *holder = index_get(&h->by_address, hash, &hash);
    if (!holder) {
        holder = mem_new(struct holder);
        holder->hash = hash;
        vec_push(&h->items, holder);
        index_put(&h->by_address, hash, &hash, holder);
    }
    return holder;
}

static void address_changed(struct verdict *v, struct holders *h, const struct view_change *change,
                            struct value was, struct value is)
{
    if (value_equal(was, is))
        return;
    if (value_str(was).size) {
        struct holder *holder = holder_of(h, was);
        if (holder->key == change->key) {
            object_key_unref(holder->key);
            holder->key = NULL;
        }
    }
    if (value_str(is).size == 0)
        return;
    struct holder *holder = holder_of(h, is);
    (*v->checked)++;
    if (holder->key && holder->key != change->key)
        text_printf(v->violation, "address %.*s belongs to %.*s/%.*s", STR_ARG(value_str(is)),
                    STR_ARG(holder->key->namespace), STR_ARG(holder->key->name));
    object_key_unref(holder->key);
    holder->key = object_key_ref(change->key);
}

static struct value cluster_ip(struct value service)
{
    struct value ip = VALUE_GET(service, spec, clusterIP);
    return value_is(ip, "None") ? VALUE_ABSENT : ip;
}

static void service_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    if (is_of(change, RESOURCE_services))
        address_changed(v, memory, change, cluster_ip(change->before), cluster_ip(change->after));
}

const struct invariant invariant_cluster_ip_unique = {
    .id = "I52",
    .name = "cluster-ip-unique",
    .help = "a cluster IP belongs to one Service",
    .changed = service_changed,
    .memory_new = holders_new,
    .memory_free = holders_free,
};

/* The address of a pod that has not ended; pods on the host's network share the node's. */
static struct value pod_ip(struct value pod)
{
    struct value phase = VALUE_GET(pod, status, phase);
    bool has_own = !value_is(phase, "Succeeded") && !value_is(phase, "Failed") &&
                   !VALUE_BOOL_AT(pod, spec, hostNetwork);
    return has_own ? VALUE_GET(pod, status, podIP) : VALUE_ABSENT;
}

static void pod_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    if (is_of(change, RESOURCE_pods))
        address_changed(v, memory, change, pod_ip(change->before), pod_ip(change->after));
}

const struct invariant invariant_pod_ip_unique = {
    .id = "I52b",
    .name = "pod-ip-unique",
    .help = "a pod IP belongs to one pod that has not ended",
    .changed = pod_changed,
    .memory_new = holders_new,
    .memory_free = holders_free,
};

/* ---- I102, I104 ---- */

static void slice_namespace_changed(struct verdict *v, void *memory,
                                    const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_endpointslices) || !value_is_present(change->after))
        return;
    struct value endpoints = VALUE_GET(change->after, endpoints);
    for (size_t i = 0; i < value_count(endpoints); i++) {
        struct value target = VALUE_GET(value_at(endpoints, i), targetRef);
        if (!VALUE_IS(target, "Pod", kind))
            continue;
        (*v->checked)++;
        if (!str_equal(VALUE_STR(target, namespace), change->key->namespace))
            text_printf(v->violation, "it names pod %.*s/%.*s",
                        STR_ARG(VALUE_STR(target, namespace)), STR_ARG(VALUE_STR(target, name)));
    }
}

const struct invariant invariant_endpoints_in_namespace = {
    .id = "I102",
    .name = "endpoints-in-namespace",
    .help = "an EndpointSlice names pods of its own namespace only",
    .changed = slice_namespace_changed,
};

static void slice_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!is_of(change, RESOURCE_endpointslices) || !value_is_present(change->after))
        return;
    struct value endpoints = VALUE_GET(change->after, endpoints);
    if (value_is_same(endpoints, VALUE_GET(change->before, endpoints)))
        return;
    struct hash_set seen = {0};
    (*v->checked)++;
    if (value_count(endpoints) > ENDPOINTS_MAX)
        text_printf(v->violation, "%zu endpoints", value_count(endpoints));
    for (size_t i = 0; i < value_count(endpoints) && v->violation->size == 0; i++) {
        struct value address = value_at(VALUE_GET(value_at(endpoints, i), addresses), 0);
        if (value_is_present(address) && !hash_set_add(&seen, value_hash(address)))
            text_printf(v->violation, "address %.*s is in it twice", STR_ARG(value_str(address)));
    }
    hash_set_release(&seen);
}

const struct invariant invariant_slices_bounded = {
    .id = "I104",
    .name = "slices-bounded",
    .help = "an EndpointSlice has at most 1000 endpoints and no address twice",
    .changed = slice_changed,
};
