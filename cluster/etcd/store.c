/* SPDX-License-Identifier: Apache-2.0
 *
 * The revisioned store. Rules of etcd's API ("KV API guarantees", "Data model"):
 *   - "revision": one counter for the whole store, "incremented each time the key space is
 *     modified"; all changes of one transaction share one. An empty store is at revision 1.
 *   - create_revision, mod_revision and version of a key; a deletion is a version too (a
 *     tombstone, version 0), and the next creation begins with version 1 again.
 *   - Compaction at R drops what is superseded at or before R; a read at a revision < R is
 *     refused, one at R is answered. A watch may begin at R: the changes of R itself are kept,
 *     deletions too.
 *
 * The ring has one slot per revision in [first, revision], at revision & mask. A slot holds its
 * change and the version before it; the rare revision of several keys (a lease that ends) holds an
 * array. Going back in the history of a key follows `before` from slot to slot.
 *
 * References: each slot counts its version and the one before it; the dense array counts the newest
 * version, be it a tombstone; a version counts its key. So a key keeps its id while anything can
 * still find it.
 */
#include "sim/base/base.h"
#include "cluster/etcd/store.h"

#include "cluster/api/request.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"

#define RING_CAPACITY_FIRST 256
#define SNAPSHOT_OVERHEAD_BYTES 4096

struct batch {
    size_t count;
    struct etcd_change changes[];
};
/* Two words a revision and member: there are as many as writes between two compactions. */
struct slot {
    union {
        struct etcd_change change; /* .kv NULL: `many`, or nothing */
        struct {
            const struct etcd_kv *none;
            struct batch *batch;
        } many;
    } of;
};
/* The keys of one resource in one namespace, tombstones included, in order of their names. */
struct space {
    struct str namespace; /* borrowed from `name_copy` */
    char *name_copy;
    struct map keys;
    int64_t live; /* that exist now */
};
struct table {
    const struct etcd_kv **newest; /* by the key's id; NULL: unknown */
    uint32_t capacity;
    struct map spaces;
};
struct store {
    int64_t revision, first, compact_revision;
    int64_t bytes;
    size_t live;
    struct slot *ring;
    size_t capacity;          /* a power of two */
    VEC(struct table) tables; /* by index of the stored resource */
    struct map leases;
};

static struct slot *slot_at(const struct store *s, int64_t revision);
static const struct etcd_kv *before_of(const struct store *s, const struct etcd_kv *kv);

/* ---- versions ---- */

const struct etcd_kv *etcd_kv_ref(const struct etcd_kv *kv)
{
    ((struct etcd_kv *)(uintptr_t)kv)->references++; /* const to all but its counter */
    return kv;
}

void etcd_kv_unref(const struct etcd_kv *kv)
{
    if (!kv)
        return;
    struct etcd_kv *own = (struct etcd_kv *)(uintptr_t)kv;
    CHECK(own->references > 0);
    if (--own->references > 0)
        return;
    value_drop(own->value);
    object_key_unref(own->key);
    mem_free(own);
}

static bool exists(const struct etcd_kv *kv)
{
    return kv && kv->version > 0;
}

/* ---- life ---- */

static int space_compare(const void *probe, const void *item)
{
    const struct space *a = probe, *b = item;
    return object_key_namespace_compare(a->namespace, b->namespace);
}

static int lease_compare(const void *probe, const void *item)
{
    const struct store_lease *a = probe, *b = item;
    return a->id < b->id ? -1 : a->id > b->id;
}

struct store *store_new(void)
{
    struct store *s = mem_new(struct store);
    s->revision = 1;
    s->first = 2;
    s->capacity = RING_CAPACITY_FIRST;
    s->ring = mem_array(struct slot, s->capacity);
    s->leases.compare = lease_compare;
    return s;
}

static struct batch *slot_batch(const struct slot *slot)
{
    return slot->of.change.kv ? NULL : slot->of.many.batch;
}

static void slot_release(struct slot *slot)
{
    struct batch *batch = slot_batch(slot);
    if (!batch) {
        etcd_kv_unref(slot->of.change.kv);
        etcd_kv_unref(slot->of.change.before);
    }
    for (size_t i = 0; batch && i < batch->count; i++) {
        etcd_kv_unref(batch->changes[i].kv);
        etcd_kv_unref(batch->changes[i].before);
    }
    mem_free(batch);
    *slot = (struct slot){0};
}

static void table_release(struct table *t)
{
    for (struct map_cursor c = map_first(&t->spaces); c.item; map_next(&c)) {
        struct space *space = c.item;
        map_release(&space->keys);
        mem_free(space->name_copy);
        mem_free(space);
    }
    map_release(&t->spaces);
    for (uint32_t i = 0; i < t->capacity; i++)
        etcd_kv_unref(t->newest[i]);
    mem_free(t->newest);
}

static void lease_free(struct store_lease *lease)
{
    for (size_t i = 0; i < lease->attached.count; i++)
        object_key_unref(lease->attached.items[i]);
    vec_release(&lease->attached);
    mem_free(lease);
}

void store_free(struct store *s)
{
    if (!s)
        return;
    for (int64_t r = s->first; r <= s->revision; r++)
        slot_release(slot_at(s, r));
    mem_free(s->ring);
    for (size_t i = 0; i < s->tables.count; i++)
        table_release(&s->tables.items[i]);
    vec_release(&s->tables);
    for (struct map_cursor c = map_first(&s->leases); c.item; map_next(&c))
        lease_free(c.item);
    map_release(&s->leases);
    mem_free(s);
}

/* ---- reading ---- */

int64_t store_revision(const struct store *s)
{
    return s->revision;
}

int64_t store_compact_revision(const struct store *s)
{
    return s->compact_revision;
}

int64_t store_bytes(const struct store *s)
{
    return s->bytes;
}

size_t store_key_count(const struct store *s)
{
    return s->live;
}

size_t store_history_count(const struct store *s)
{
    return (size_t)(s->revision - s->first + 1);
}

static const struct table *table_find(const struct store *s, const struct resource *resource)
{
    uint32_t index = resource->storage->index;
    return index < s->tables.count ? &s->tables.items[index] : NULL;
}

/* The newest version, a tombstone included. */
static const struct etcd_kv *newest_of(const struct store *s, const struct object_key *key)
{
    const struct table *t = table_find(s, key->resource);
    return t && key->id < t->capacity ? t->newest[key->id] : NULL;
}

const struct etcd_kv *store_get(const struct store *s, const struct object_key *key)
{
    const struct etcd_kv *kv = newest_of(s, key);
    return exists(kv) ? kv : NULL;
}

static const struct etcd_kv *go_back(const struct store *s, const struct etcd_kv *kv,
                                     int64_t revision)
{
    while (kv && kv->mod_revision > revision)
        kv = before_of(s, kv);
    return exists(kv) ? kv : NULL;
}

const struct etcd_kv *store_get_at(const struct store *s, const struct object_key *key,
                                   int64_t revision)
{
    CHECK(revision >= s->compact_revision && revision <= s->revision);
    return go_back(s, newest_of(s, key), revision);
}

/* One namespace; false when the limit was reached and counting the rest is not needed. */
static int64_t range_space(const struct store *s, const struct space *space,
                           const struct store_range *range, struct kv_list *out)
{
    bool is_newest = range->revision >= s->revision;
    bool starts_here = range->after &&
                       object_key_namespace_compare(range->after->namespace, space->namespace) == 0;
    struct map_cursor c =
        starts_here ? map_at_or_after(&space->keys, range->after) : map_first(&space->keys);
    int64_t total = 0;
    for (; c.item; map_next(&c)) {
        const struct object_key *key = c.item;
        if (key == range->after)
            continue;
        bool is_full = range->limit > 0 && (int64_t)out->count >= range->limit;
        if (is_full && is_newest && !starts_here)
            return space->live;
        const struct etcd_kv *kv = go_back(s, newest_of(s, key), range->revision);
        if (!kv)
            continue;
        total++;
        if (!is_full)
            vec_push(out, kv);
    }
    return total;
}

int64_t store_range(const struct store *s, const struct store_range *range, struct kv_list *out)
{
    CHECK(range->revision >= s->compact_revision && range->revision <= s->revision);
    const struct table *t = table_find(s, range->resource);
    if (!t)
        return 0;
    int64_t total = 0;
    struct space probe = {.namespace = range->after ? range->after->namespace : range->namespace};
    if (range->namespace.bytes) {
        probe.namespace = range->namespace;
        const struct space *space = map_get(&t->spaces, &probe);
        return space ? range_space(s, space, range, out) : 0;
    }
    struct map_cursor c =
        range->after ? map_at_or_after(&t->spaces, &probe) : map_first(&t->spaces);
    for (; c.item; map_next(&c))
        total += range_space(s, c.item, range, out);
    return total;
}

static struct slot *slot_at(const struct store *s, int64_t revision)
{
    return &s->ring[(uint64_t)revision & (s->capacity - 1)];
}

const struct etcd_change *store_changes(const struct store *s, int64_t revision, size_t *ret_count)
{
    if (revision < s->first || revision > s->revision)
        return NULL;
    const struct slot *slot = slot_at(s, revision);
    const struct batch *batch = slot_batch(slot);
    *ret_count = batch ? batch->count : 1;
    return batch ? batch->changes : &slot->of.change;
}

static const struct etcd_kv *before_of(const struct store *s, const struct etcd_kv *kv)
{
    size_t count = 0;
    const struct etcd_change *changes = store_changes(s, kv->mod_revision, &count);
    for (size_t i = 0; i < count; i++)
        if (changes[i].kv == kv)
            return changes[i].before;
    return NULL; /* compacted */
}

/* ---- writing ---- */

static struct table *table_of(struct store *s, const struct resource *resource)
{
    uint32_t index = resource->storage->index;
    while (s->tables.count <= index)
        vec_push(&s->tables, (struct table){.spaces = {.compare = space_compare}});
    return &s->tables.items[index];
}

static struct space *space_of(struct table *t, struct str namespace)
{
    struct space probe = {.namespace = namespace};
    struct space *space = map_get(&t->spaces, &probe);
    if (space)
        return space;
    space = mem_new(struct space);
    space->name_copy = mem_copy_string(namespace);
    space->namespace = (struct str){space->name_copy, namespace.size};
    space->keys.compare = object_key_compare;
    (void)map_put(&t->spaces, space); /* there was none */
    return space;
}

/* Most keys with a lease are Events: thousands on one lease, read once, when it ends. So a key is
 * only noted here; whether it still hangs on the lease, its newest version says when the lease's
 * keys are asked for. */
static void lease_attach(struct store *s, int64_t id, const struct object_key *key)
{
    struct store_lease *lease = map_get(&s->leases, &(struct store_lease){.id = id});
    if (lease)
        vec_push(&lease->attached, object_key_ref(key));
}

/* Makes `kv` the newest of its key and says what was before. */
static struct etcd_change key_write(struct store *s, const struct etcd_kv *kv)
{
    const struct object_key *key = kv->key;
    struct table *t = table_of(s, key->resource);
    if (key->id >= t->capacity) {
        uint32_t wanted = t->capacity ? t->capacity * 2 : 16;
        while (wanted <= key->id)
            wanted *= 2;
        t->newest = mem_resize(t->newest, const struct etcd_kv *, t->capacity, wanted);
        t->capacity = wanted;
    }
    const struct etcd_kv *old = t->newest[key->id];
    bool is_there = exists(kv), was_there = exists(old);
    CHECK(is_there || was_there);
    CHECK(kv->version == (is_there ? (was_there ? old->version + 1 : 1) : 0));
    if (is_there != was_there) {
        struct space *space = space_of(t, key->namespace);
        if (!old)
            map_add(&space->keys, (void *)(uintptr_t)key); /* unknown until here */
        space->live += is_there ? 1 : -1;
        s->live += is_there ? 1 : (size_t)-1;
    }
    if (kv->lease && (!was_there || old->lease != kv->lease))
        lease_attach(s, kv->lease, key);
    t->newest[key->id] = etcd_kv_ref(kv);
    s->bytes += kv->size_bytes;
    return (struct etcd_change){etcd_kv_ref(kv), old}; /* the array's reference goes to the slot */
}

static void ring_grow(struct store *s)
{
    size_t capacity = s->capacity * 2;
    struct slot *ring = mem_array(struct slot, capacity);
    for (int64_t r = s->first; r <= s->revision; r++)
        ring[(uint64_t)r & (capacity - 1)] = *slot_at(s, r);
    mem_free(s->ring);
    s->ring = ring;
    s->capacity = capacity;
}

void store_commit(struct store *s, const struct etcd_kv *const *kvs, size_t count)
{
    CHECK(count > 0);
    if (store_history_count(s) == s->capacity)
        ring_grow(s);
    s->revision++;
    struct slot *slot = slot_at(s, s->revision);
    if (count == 1) {
        CHECK(kvs[0]->mod_revision == s->revision);
        slot->of.change = key_write(s, kvs[0]);
        return;
    }
    struct batch *batch = mem_allocate(1, sizeof(*batch) + count * sizeof(struct etcd_change));
    batch->count = count;
    for (size_t i = 0; i < count; i++) {
        CHECK(kvs[i]->mod_revision == s->revision);
        batch->changes[i] = key_write(s, kvs[i]);
    }
    slot->of.many.batch = batch;
}

/* The revision of `change` is going: so is what it superseded, and a deletion that nothing
 * followed. */
static void forget(struct store *s, const struct etcd_change *change)
{
    if (change->before)
        s->bytes -= change->before->size_bytes;
    if (exists(change->kv))
        return;
    const struct object_key *key = change->kv->key;
    struct table *t = table_of(s, key->resource);
    if (t->newest[key->id] != change->kv)
        return;
    struct space *space = space_of(t, key->namespace);
    void *removed = map_remove(&space->keys, key);
    CHECK(removed == key);
    s->bytes -= change->kv->size_bytes;
    t->newest[key->id] = NULL;
    etcd_kv_unref(change->kv);
}

void store_compact(struct store *s, int64_t revision)
{
    CHECK(revision <= s->revision && revision > s->compact_revision);
    s->compact_revision = revision;
    for (; s->first < revision; s->first++) {
        size_t count = 0;
        const struct etcd_change *changes = store_changes(s, s->first, &count);
        for (size_t i = 0; i < count; i++)
            forget(s, &changes[i]);
        slot_release(slot_at(s, s->first));
    }
}

/* ---- leases ---- */

bool store_lease_grant(struct store *s, int64_t id, int64_t ttl_seconds)
{
    if (store_lease(s, id))
        return false;
    struct store_lease *lease = mem_new(struct store_lease);
    *lease = (struct store_lease){.id = id, .ttl_seconds = ttl_seconds};
    (void)map_put(&s->leases, lease); /* there was none */
    return true;
}

const struct store_lease *store_lease(const struct store *s, int64_t id)
{
    return map_get(&s->leases, &(struct store_lease){.id = id});
}

const struct map *store_leases(const struct store *s)
{
    return &s->leases;
}

static int compare_keys(const void *a, const void *b, void *context)
{
    (void)context;
    return object_key_compare(*(const struct object_key *const *)a,
                              *(const struct object_key *const *)b);
}

void store_lease_keys(const struct store *s, const struct store_lease *lease, struct key_list *out)
{
    size_t first = out->count;
    for (size_t i = 0; i < lease->attached.count; i++) {
        const struct etcd_kv *kv = store_get(s, lease->attached.items[i]);
        if (kv && kv->lease == lease->id)
            vec_push(out, kv->key);
    }
    sort_stable(out->items + first, out->count - first, sizeof(out->items[0]), compare_keys, NULL);
    size_t kept = first;
    for (size_t i = first; i < out->count; i++) /* one may have come back to the lease */
        if (kept == first || out->items[kept - 1] != out->items[i])
            out->items[kept++] = out->items[i];
    out->count = kept;
}

void store_lease_remove(struct store *s, int64_t id)
{
    struct store_lease *lease = map_remove(&s->leases, &(struct store_lease){.id = id});
    CHECK(lease);
    lease_free(lease);
}

/* ---- snapshots ---- */

struct lease_copy {
    int64_t id, ttl_seconds;
};
struct store_copy {
    struct message message;
    int64_t revision, compact_revision, first, bytes;
    struct kv_list newest;           /* owned, tombstones included */
    VEC(struct etcd_change) changes; /* owned, of [first, revision], in order */
    VEC(struct lease_copy) leases;
};

static void copy_release(struct message *message)
{
    struct store_copy *copy = CONTAINER_OF(message, struct store_copy, message);
    for (size_t i = 0; i < copy->newest.count; i++)
        etcd_kv_unref(copy->newest.items[i]);
    for (size_t i = 0; i < copy->changes.count; i++) {
        etcd_kv_unref(copy->changes.items[i].kv);
        etcd_kv_unref(copy->changes.items[i].before);
    }
    vec_release(&copy->newest);
    vec_release(&copy->changes);
    vec_release(&copy->leases);
    mem_free(copy);
}

static const struct message_type copy_type = {
    .name = "etcd store snapshot", .kind = MESSAGE_ETCD_FIRST + 6, .release = copy_release};

struct message *store_snapshot(const struct store *s)
{
    struct store_copy *copy = mem_new(struct store_copy);
    uint32_t size = s->bytes < INT32_MAX ? (uint32_t)s->bytes : INT32_MAX;
    message_init(&copy->message, &copy_type, SNAPSHOT_OVERHEAD_BYTES + size);
    copy->revision = s->revision;
    copy->compact_revision = s->compact_revision;
    copy->first = s->first;
    copy->bytes = s->bytes;
    vec_reserve(&copy->newest, s->live + 1);
    for (size_t i = 0; i < s->tables.count; i++)
        for (uint32_t k = 0; k < s->tables.items[i].capacity; k++)
            if (s->tables.items[i].newest[k])
                vec_push(&copy->newest, etcd_kv_ref(s->tables.items[i].newest[k]));
    vec_reserve(&copy->changes, store_history_count(s) + 1);
    for (int64_t r = s->first; r <= s->revision; r++) {
        size_t count = 0;
        const struct etcd_change *changes = store_changes(s, r, &count);
        for (size_t i = 0; i < count; i++) {
            struct etcd_change own = {etcd_kv_ref(changes[i].kv), changes[i].before};
            if (own.before)
                (void)etcd_kv_ref(own.before);
            vec_push(&copy->changes, own);
        }
    }
    for (struct map_cursor c = map_first(&s->leases); c.item; map_next(&c)) {
        const struct store_lease *lease = c.item;
        vec_push(&copy->leases, (struct lease_copy){lease->id, lease->ttl_seconds});
    }
    return &copy->message;
}

static void restore_newest(struct store *s, const struct etcd_kv *kv)
{
    struct table *t = table_of(s, kv->key->resource);
    if (kv->key->id >= t->capacity) {
        uint32_t wanted = t->capacity ? t->capacity * 2 : 16;
        while (wanted <= kv->key->id)
            wanted *= 2;
        t->newest = mem_resize(t->newest, const struct etcd_kv *, t->capacity, wanted);
        t->capacity = wanted;
    }
    struct space *space = space_of(t, kv->key->namespace);
    map_add(&space->keys, (void *)(uintptr_t)kv->key); /* the store was empty */
    t->newest[kv->key->id] = etcd_kv_ref(kv);
    space->live += exists(kv);
    s->live += exists(kv);
    if (kv->lease)
        lease_attach(s, kv->lease, kv->key);
}

struct store *store_restore(const struct message *snapshot)
{
    const struct store_copy *copy = (const void *)snapshot;
    struct store *s = store_new();
    s->revision = copy->first - 1;
    s->first = copy->first;
    s->compact_revision = copy->compact_revision;
    s->bytes = copy->bytes;
    for (size_t i = 0; i < copy->leases.count; i++)
        (void)store_lease_grant(s, copy->leases.items[i].id,
                                copy->leases.items[i].ttl_seconds); /* all differ */
    for (size_t i = 0; i < copy->newest.count; i++)
        restore_newest(s, copy->newest.items[i]);
    for (size_t i = 0; i < copy->changes.count;) {
        const struct etcd_change *from = &copy->changes.items[i];
        size_t count = 1;
        while (i + count < copy->changes.count &&
               from[count].kv->mod_revision == from->kv->mod_revision)
            count++;
        if (store_history_count(s) == s->capacity)
            ring_grow(s);
        s->revision++;
        struct batch *batch = mem_allocate(1, sizeof(*batch) + count * sizeof(struct etcd_change));
        batch->count = count;
        for (size_t k = 0; k < count; k++) {
            batch->changes[k] = (struct etcd_change){etcd_kv_ref(from[k].kv), from[k].before};
            if (from[k].before)
                (void)etcd_kv_ref(from[k].before);
        }
        struct slot *slot = slot_at(s, s->revision);
        slot->of.many.batch = batch;
        if (count == 1) {
            slot->of.change = batch->changes[0];
            mem_free(batch);
        }
        i += count;
    }
    CHECK(s->revision == copy->revision);
    return s;
}

uint64_t store_hash(const struct store *s)
{
    uint64_t hash = hash_pair((uint64_t)s->revision, (uint64_t)s->compact_revision);
    for (size_t i = 0; i < s->tables.count; i++) {
        for (uint32_t k = 0; k < s->tables.items[i].capacity; k++) {
            const struct etcd_kv *kv = s->tables.items[i].newest[k];
            if (exists(kv)) /* a sum: the order of ids must not count */
                hash += hash_pair(kv->key->hash,
                                  hash_pair((uint64_t)kv->mod_revision, (uint64_t)kv->version));
        }
    }
    return hash;
}

void store_check(const struct store *s)
{
    size_t live = 0;
    for (size_t i = 0; i < s->tables.count; i++) {
        const struct table *t = &s->tables.items[i];
        size_t known = 0, indexed = 0;
        for (uint32_t k = 0; k < t->capacity; k++) {
            const struct etcd_kv *kv = t->newest[k];
            if (!kv)
                continue;
            known++;
            live += exists(kv);
            CHECK(kv->key->id == k && kv->mod_revision <= s->revision);
            CHECK(exists(kv) || kv->mod_revision >= s->first);
            CHECK(!exists(kv) || kv->create_revision <= kv->mod_revision);
        }
        for (struct map_cursor c = map_first(&t->spaces); c.item; map_next(&c))
            indexed += ((const struct space *)c.item)->keys.count;
        CHECK(known == indexed);
    }
    CHECK(live == s->live);
    CHECK(s->first <= s->revision + 1 && s->bytes >= 0);
    for (int64_t r = s->first; r <= s->revision; r++) {
        size_t count = 0;
        const struct etcd_change *changes = store_changes(s, r, &count);
        for (size_t k = 0; k < count; k++) {
            CHECK(changes[k].kv->mod_revision == r);
            CHECK(!changes[k].before || changes[k].before->mod_revision < r);
        }
    }
}
