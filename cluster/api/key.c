/* SPDX-License-Identifier: Apache-2.0
 *
 * Object keys: one copy per identity, found by the hash of its content. Ids are dense per stored
 * resource, so that stores and caches are arrays; the id of a key that is gone is given out again.
 * Ids depend on history: no order and no output may come from them.
 */
#include "sim/base/base.h"

#include "cluster/api/key.h"

#include "cluster/api/object.h"
#include "sim/base/hash.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

struct id_pool {
    uint32_t next;
    VEC(uint32_t) free;
};

static bool key_equal(const void *probe, const void *item);

/* Part of the process-wide heap, as atoms are. */
static struct {
    struct index keys;
    VEC(struct id_pool) pools; /* by index of the stored resource */
} key_heap = {.keys = {.equal = key_equal}};

static bool key_equal(const void *probe, const void *item)
{
    const struct object_key *a = probe, *b = item;
    return a->resource == b->resource && str_equal(a->name, b->name) &&
           str_equal(a->namespace, b->namespace);
}

static struct id_pool *pool_of(const struct resource *resource)
{
    while (key_heap.pools.count <= resource->index)
        vec_push(&key_heap.pools, (struct id_pool){0});
    return &key_heap.pools.items[resource->index];
}

static uint32_t id_take(const struct resource *resource)
{
    struct id_pool *pool = pool_of(resource);
    return pool->free.count ? vec_pop(&pool->free) : pool->next++;
}

static struct object_key *key_new(const struct object_key *probe)
{
    size_t namespace_size = probe->namespace.size, name_size = probe->name.size;
    char *block = mem_allocate(1, sizeof(struct object_key) + namespace_size + name_size + 2);
    char *namespace = block + sizeof(struct object_key), *name = namespace + namespace_size + 1;
    if (namespace_size)
        memcpy(namespace, probe->namespace.bytes, namespace_size);
    if (name_size)
        memcpy(name, probe->name.bytes, name_size);
    struct object_key *k = (struct object_key *)(void *)block;
    *k = (struct object_key){
        .resource = probe->resource,
        .namespace = {namespace, namespace_size},
        .name = {name, name_size},
        .hash = probe->hash,
        .id = id_take(probe->resource),
        .references = 1,
    };
    return k;
}

const struct object_key *object_key_of(const struct resource *resource, struct str namespace,
                                       struct str name)
{
    CHECK(resource && resource->storage);
    struct object_key probe = {
        .resource = resource->storage,
        .namespace = resource->storage->is_namespaced ? namespace : S(""),
        .name = name,
    };
    uint64_t type =
        hash_pair(hash_bytes(probe.resource->group), hash_bytes(probe.resource->plural));
    probe.hash = hash_pair(hash_pair(type, hash_bytes(probe.namespace)), hash_bytes(name));
    struct object_key *k = index_get(&key_heap.keys, probe.hash, &probe);
    if (k) {
        k->references++;
        CHECK(k->references != 0);
        return k;
    }
    k = key_new(&probe);
    void *replaced = index_put(&key_heap.keys, k->hash, k, k);
    CHECK(!replaced);
    return k;
}

const struct object_key *object_key_of_object(const struct resource *resource, struct value object)
{
    return object_key_of(resource, value_str(object_namespace(object)),
                         value_str(object_name(object)));
}

/* The key is const to all but its counter. */
static struct object_key *key_counter(const struct object_key *k)
{
    return (struct object_key *)(uintptr_t)k;
}

const struct object_key *object_key_ref(const struct object_key *k)
{
    CHECK(k->references > 0 && k->references < UINT32_MAX);
    key_counter(k)->references++;
    return k;
}

void object_key_unref(const struct object_key *k)
{
    if (!k)
        return;
    CHECK(k->references > 0);
    if (--key_counter(k)->references > 0)
        return;
    void *removed = index_remove(&key_heap.keys, k->hash, k);
    CHECK(removed == k);
    vec_push(&pool_of(k->resource)->free, k->id);
    mem_free(key_counter(k));
}

int object_key_namespace_compare(struct str a, struct str b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.bytes, b.bytes, common) : 0;
    if (order || a.size == b.size)
        return order;
    /* The key goes on with '/', which comes after '-' and '.'. */
    if (a.size < b.size)
        return '/' < (unsigned char)b.bytes[common] ? -1 : 1;
    return '/' < (unsigned char)a.bytes[common] ? 1 : -1;
}

int object_key_compare(const void *a, const void *b)
{
    const struct object_key *x = a, *y = b;
    if (x == y)
        return 0;
    int order = 0;
    if (x->resource != y->resource) {
        order = str_compare(x->resource->group, y->resource->group);
        order = order ? order : str_compare(x->resource->plural, y->resource->plural);
    }
    order = order ? order : object_key_namespace_compare(x->namespace, y->namespace);
    return order ? order : str_compare(x->name, y->name);
}

void object_key_text(const struct object_key *k, struct text *out)
{
    if (k->namespace.size) {
        text_add(out, k->namespace);
        text_add_byte(out, '/');
    }
    text_add(out, k->name);
}
