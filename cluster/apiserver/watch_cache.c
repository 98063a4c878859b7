/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch caches (watch_cache.h), as k8s.io/apiserver's cacher: "the API server caches the
 * objects of each resource and the recent changes of them" so that ten thousand watches cost etcd
 * one.
 *
 * Filling: a range of the first resource tells a revision, all others are read at the same one;
 * then one watch of everything goes on from there. When etcd's connection is lost the watch goes on
 * from where it was; when that is compacted, all is listed anew and every watch of a client ends.
 *
 * The ring keeps at least RING_MINIMUM events and those of the last 75 s (the real cache's
 * eventFreshDuration), at most RING_MAXIMUM; what falls out raises the floor, below which a watch
 * answers 410.
 *
 * Custom kinds: the definitions say which there are, so their objects are listed after all others.
 * The cache of a kind whose definition comes later begins empty, but for objects that an earlier
 * definition of the name may have left behind: these are read from etcd.
 *
 * Simplification: the revision of all caches is one number, since one watch feeds them; in the real
 * server each resource has its own and is brought forward by progress notifications. A list
 * therefore never has an older resourceVersion than there.
 */
#include "cluster/apiserver/watch_cache.h"

#include "cluster/apiserver/list.h"
#include "cluster/apiserver/server.h"

#define RING_MINIMUM 100
#define RING_MAXIMUM 102400
#define RING_FRESH_S 75

static void range_send(struct apiserver *s, struct step *step, struct watch_cache *c,
                       int64_t revision);
static bool custom_ranges_send(struct apiserver *s, struct step *step);
static void on_range(struct apiserver *s, struct step *step, const struct etcd_response *r,
                     void *owner);
static void cache_clear(struct watch_cache *c);
static void cache_store(struct watch_cache *c, const struct etcd_kv *kv);
static void cache_remove(struct watch_cache *c, const struct object_key *key);
static struct cache_event *ring_push(struct watch_cache *c, struct instant now);
static int entry_compare(const void *probe, const void *item);

void watch_caches_init(struct apiserver *s)
{
    s->caches.count = resource_count();
    s->caches.items = mem_array(struct watch_cache, s->caches.count);
    for (size_t i = 0; i < s->caches.count; i++) {
        s->caches.items[i].resource = resource_at(i);
        s->caches.items[i].ordered.compare = entry_compare;
    }
}

static void cache_release(struct watch_cache *c)
{
    cache_clear(c);
    mem_free(c->by_id);
    mem_free(c->by_key);
    mem_free(c->ring);
    index_release(&c->by_namespace);
    index_release(&c->by_node);
}

void watch_caches_release(struct apiserver *s)
{
    for (size_t i = 0; i < s->caches.watchers.count; i++)
        if (s->caches.watchers.items[i])
            watcher_remove(s->caches.watchers.items[i], NULL);
    vec_release(&s->caches.watchers);
    vec_release(&s->caches.free_watchers);
    for (size_t i = 0; i < s->caches.count; i++)
        cache_release(&s->caches.items[i]);
    for (size_t i = 0; i < s->caches.custom.count; i++) {
        cache_release(s->caches.custom.items[i]);
        mem_free(s->caches.custom.items[i]);
    }
    vec_release(&s->caches.custom);
    vec_release(&s->caches.custom_index);
    mem_free(s->caches.items);
}

static bool is_stored(const struct resource *r)
{
    return r->storage == r && (r->verbs & (1u << VERB_LIST)) != 0;
}

void watch_caches_connected(struct apiserver *s, struct step *step)
{
    if (s->caches.state == CACHES_WATCHING)
        etcd_link_watch(s, step, s->caches.complete + 1);
    else if (s->caches.ranges_pending == 0)
        watch_caches_relist(s, step);
}

void watch_caches_relist(struct apiserver *s, struct step *step)
{
    if (s->caches.has_listed) {
        step_trace(step, "kube-apiserver", s->flags.name,
                   "etcd: revision %" PRId64
                   " is compacted, every cache is listed again and every watch ends",
                   s->caches.revision);
        for (size_t i = 0; i < s->caches.watchers.count; i++)
            if (s->caches.watchers.items[i])
                watcher_end(s->caches.watchers.items[i], step, VALUE_ABSENT);
    }
    s->caches.state = CACHES_FIRST_RANGE;
    size_t first = 0;
    while (!is_stored(resource_at(first)))
        first++;
    range_send(s, step, &s->caches.items[first], 0);
}

static void range_send(struct apiserver *s, struct step *step, struct watch_cache *c,
                       int64_t revision)
{
    struct etcd_request *r = etcd_request_new(ETCD_RANGE);
    r->resource = c->resource;
    r->revision = revision;
    s->caches.ranges_pending++;
    etcd_link_send(s, step, r, on_range, c);
}

static void on_range(struct apiserver *s, struct step *step, const struct etcd_response *r,
                     void *owner)
{
    struct watch_cache *c = owner;
    struct watch_caches *all = &s->caches;
    CHECK(all->ranges_pending > 0);
    all->ranges_pending--;
    /* No leader yet, or compacted in between: from the start, in a while. */
    if (!r || r->error != ETCD_OK) {
        if (all->ranges_pending == 0)
            step_timer_set(step, instant_add(step->now, duration_ms(500)),
                           TIMER_TAG(TIMER_CACHE_WAIT, 1));
        all->state = CACHES_FIRST_RANGE;
        if (r && (r->error == ETCD_ERROR_TIMEOUT || r->error == ETCD_ERROR_NO_LEADER))
            etcd_link_leave_member(
                s, step); /* cut off from the others: one that is not is to be found */
        return;
    }
    cache_clear(c);
    for (size_t i = 0; i < r->count; i++)
        cache_store(c, etcd_kv_ref(r->kvs[i]));
    if (all->state == CACHES_FIRST_RANGE) {
        if (all->ranges_pending > 0)
            return; /* stragglers of a try that failed */
        all->state = CACHES_RANGES;
        all->revision = all->complete = r->revision;
        c->floor = all->revision;
        for (size_t i = c->resource->index + 1; i < all->count; i++)
            if (is_stored(resource_at(i)))
                range_send(s, step, &all->items[i], all->revision);
    }
    c->floor = all->revision;
    if (all->ranges_pending > 0)
        return;
    if (all->state == CACHES_RANGES && custom_ranges_send(s, step))
        return;
    all->state = CACHES_WATCHING;
    all->has_listed = true;
    all->rbac_generation++;
    etcd_link_watch(s, step, all->revision + 1);
    custom_listed(s, step);
    custom_settle(s, step);
    apiserver_caches_listed(s, step);
}

/* A connection may have broken within the changes of one revision: those that came before come
 * again. */
static bool is_known(const struct apiserver *s, const struct etcd_kv *kv)
{
    if (kv->mod_revision > s->caches.revision)
        return false;
    if (kv->mod_revision < s->caches.revision)
        return true;
    if (!is_stored(kv->key->resource))
        return true;
    const struct etcd_kv *cached = watch_cache_get(s, kv->key);
    return cached ? cached->mod_revision >= kv->mod_revision : !value_is_present(kv->value);
}

void watch_caches_apply(struct apiserver *s, struct step *step, const struct etcd_watch_response *w)
{
    if (s->caches.state != CACHES_WATCHING)
        return;
    for (size_t i = 0; i < w->count; i++) {
        const struct etcd_kv *kv = w->changes[i].kv;
        const struct resource *r = kv->key->resource;
        if (is_known(s, kv))
            continue;
        s->caches.revision = kv->mod_revision;
        if (!is_stored(r))
            continue;
        struct watch_cache *c = watch_cache_of(s, r);
        struct cache_event *e = ring_push(c, step->now);
        e->kv = etcd_kv_ref(kv);
        const struct etcd_kv *before = watch_cache_get(s, kv->key);
        e->before = before ? etcd_kv_ref(before) : NULL;
        if (value_is_present(kv->value))
            cache_store(c, etcd_kv_ref(kv));
        else
            cache_remove(c, kv->key);
        apiserver_cache_changed(s, step, c, e);
        watchers_notify(s, step, c, e);
    }
    if (w->revision > s->caches.revision)
        s->caches.revision = w->revision;
    if (w->revision > s->caches.complete)
        s->caches.complete = w->revision;
    custom_settle(s, step);
    list_cache_moved(s, step);
}

/* ---- caches of custom kinds ---- */

static struct watch_cache *custom_cache(const struct watch_caches *all, const struct resource *r)
{
    size_t at = r->index - all->count;
    return at < all->custom_index.count ? all->custom_index.items[at] : NULL;
}

static struct watch_cache *custom_cache_make(struct watch_caches *all, const struct resource *r)
{
    struct watch_cache *c = custom_cache(all, r);
    if (c)
        return c;
    c = mem_new(struct watch_cache);
    c->resource = r;
    c->ordered.compare = entry_compare;
    c->floor = all->revision;
    while (all->custom_index.count <= r->index - all->count)
        vec_push(&all->custom_index, NULL);
    all->custom_index.items[r->index - all->count] = c;
    vec_push(&all->custom, c);
    return c;
}

/* While everything is listed: the kinds that the definitions name. False: there are none. */
static bool custom_ranges_send(struct apiserver *s, struct step *step)
{
    for (size_t i = 0; i < s->caches.custom.count; i++)
        cache_clear(s->caches.custom.items[i]);
    s->caches.state = CACHES_CUSTOM_RANGES;
    for (struct cache_cursor k =
             watch_cache_of_known(s, RESOURCE_customresourcedefinitions, S(""));
         k.kv; watch_cache_next(&k)) {
        struct value spec = VALUE_GET(k.kv->value, spec);
        const struct resource *stored =
            resource_custom_stored(VALUE_STR(spec, group), VALUE_STR(spec, names, plural),
                                   VALUE_IS(spec, "Namespaced", scope));
        range_send(s, step, custom_cache_make(&s->caches, stored), s->caches.revision);
    }
    return s->caches.ranges_pending > 0;
}

static bool has_recent(const struct watch_cache *c, const struct object_key *key)
{
    for (size_t i = 0; i < c->ring_count; i++)
        if (c->ring[(c->ring_first + i) & (c->ring_capacity - 1)].kv->key == key)
            return true;
    return false;
}

/* What was there before: but not what has changed while it was read. */
static void on_late_range(struct apiserver *s, struct step *step, const struct etcd_response *r,
                          void *owner)
{
    struct watch_cache *c = owner;
    if (!r || r->error != ETCD_OK) {
        c->is_filling = false;
        if (s->caches.state == CACHES_WATCHING)
            watch_cache_begin(s, step, c->resource); /* again */
        return;
    }
    c->is_filling = false;
    for (size_t i = 0; i < r->count; i++)
        if (!watch_cache_get(s, r->kvs[i]->key) && !has_recent(c, r->kvs[i]->key))
            cache_store(c, etcd_kv_ref(r->kvs[i]));
}

void watch_cache_begin(struct apiserver *s, struct step *step, const struct resource *stored)
{
    struct watch_cache *c = custom_cache(&s->caches, stored);
    if (s->caches.state != CACHES_WATCHING || (c && c->ordered.count + c->ring_count > 0))
        return;
    if (c && c->is_filling)
        return;
    c = custom_cache_make(&s->caches, stored);
    c->is_filling = true;
    struct etcd_request *r = etcd_request_new(ETCD_RANGE);
    r->resource = stored;
    etcd_link_send(s, step, r, on_late_range, c);
}

struct watch_cache *watch_cache_of(struct apiserver *s, const struct resource *r)
{
    return resource_is_custom(r) ? custom_cache_make(&s->caches, r->storage)
                                 : &s->caches.items[r->storage->index];
}

const struct etcd_kv *watch_cache_get(const struct apiserver *s, const struct object_key *key)
{
    const struct watch_cache *c = resource_is_custom(key->resource)
                                      ? custom_cache(&s->caches, key->resource)
                                      : &s->caches.items[key->resource->index];
    if (!c || key->id >= c->by_id_count || !c->by_id[key->id])
        return NULL;
    return c->by_id[key->id]->kv;
}

struct value watch_cache_find(struct apiserver *s, enum resource_known r, struct str namespace,
                              struct str name)
{
    return watch_cache_find_in(watch_cache_of(s, resource_get(r)), namespace, name);
}

struct value watch_cache_find_in(const struct watch_cache *c, struct str namespace,
                                 struct str name)
{
    struct object_key key = {.namespace = namespace, .name = name};
    const struct cache_entry probe = {.key = &key};
    const struct cache_entry *e = map_get(&c->ordered, &probe);
    return e ? e->kv->value : VALUE_ABSENT;
}

int cache_key_compare(struct str a_namespace, struct str a_name, struct str b_namespace,
                      struct str b_name)
{
    size_t common = a_namespace.size < b_namespace.size ? a_namespace.size : b_namespace.size;
    int order = common ? memcmp(a_namespace.bytes, b_namespace.bytes, common) : 0;
    if (order != 0)
        return order;
    if (a_namespace.size == b_namespace.size)
        return str_compare(a_name, b_name);
    if (a_namespace.size < b_namespace.size)
        return '/' < b_namespace.bytes[common] ? -1 : 1;
    return a_namespace.bytes[common] < '/' ? -1 : 1;
}

static int entry_compare(const void *probe, const void *item)
{
    const struct object_key *a = ((const struct cache_entry *)probe)->key,
                            *b = ((const struct cache_entry *)item)->key;
    return cache_key_compare(a->namespace, a->name, b->namespace, b->name);
}

static struct cache_cursor cursor_at(struct map_cursor position, struct str namespace)
{
    const struct cache_entry *e = position.item;
    if (!e || (namespace.size > 0 && !str_equal(e->key->namespace, namespace)))
        return (struct cache_cursor){0};
    return (struct cache_cursor){.kv = e->kv, .position = position, .namespace = namespace};
}

struct cache_cursor watch_cache_first(const struct watch_cache *c, struct str namespace)
{
    if (namespace.size == 0)
        return cursor_at(map_first(&c->ordered), namespace);
    struct object_key key = {.namespace = namespace, .name = S("")};
    const struct cache_entry probe = {.key = &key};
    return cursor_at(map_at_or_after(&c->ordered, &probe), namespace);
}

void watch_cache_next(struct cache_cursor *c)
{
    map_next(&c->position);
    *c = cursor_at(c->position, c->namespace);
}

struct cache_cursor watch_cache_of_known(struct apiserver *s, enum resource_known r,
                                         struct str namespace)
{
    return watch_cache_first(watch_cache_of(s, resource_get(r)), namespace);
}

/* ---- storage ---- */

/* Takes the reference. */
static void cache_store(struct watch_cache *c, const struct etcd_kv *kv)
{
    uint32_t id = kv->key->id;
    if (id >= c->by_id_count) {
        size_t wanted = vec_growth(c->by_id_count, (size_t)id + 1);
        c->by_id = mem_resize(c->by_id, struct cache_entry *, c->by_id_count, wanted);
        c->by_id_count = wanted;
    }
    struct cache_entry *e = c->by_id[id];
    if (e) {
        etcd_kv_unref(e->kv);
        e->kv = kv;
        e->key = kv->key;
        return;
    }
    e = mem_new(struct cache_entry);
    *e = (struct cache_entry){.key = kv->key, .kv = kv};
    c->by_id[id] = e;
    map_add(&c->ordered, e);
}

static void cache_remove(struct watch_cache *c, const struct object_key *key)
{
    if (key->id >= c->by_id_count || !c->by_id[key->id])
        return;
    struct cache_entry *e = c->by_id[key->id];
    c->by_id[key->id] = NULL;
    map_remove(&c->ordered, e);
    etcd_kv_unref(e->kv);
    mem_free(e);
}

static void event_release(struct cache_event *e)
{
    etcd_kv_unref(e->kv);
    etcd_kv_unref(e->before);
    value_drop(e->gone);
    *e = (struct cache_event){0};
}

static void cache_clear(struct watch_cache *c)
{
    for (size_t i = 0; i < c->by_id_count; i++) {
        if (!c->by_id[i])
            continue;
        etcd_kv_unref(c->by_id[i]->kv);
        mem_free(c->by_id[i]);
        c->by_id[i] = NULL;
    }
    map_release(&c->ordered);
    c->ordered = (struct map){.compare = entry_compare};
    for (size_t i = 0; i < c->ring_count; i++)
        event_release(&c->ring[(c->ring_first + i) & (c->ring_capacity - 1)]);
    c->ring_first = c->ring_count = 0;
}

static void ring_drop_first(struct watch_cache *c)
{
    struct cache_event *e = &c->ring[c->ring_first];
    c->floor = e->kv->mod_revision;
    event_release(e);
    c->ring_first = (c->ring_first + 1) & (c->ring_capacity - 1);
    c->ring_count--;
}

/* Room for one more event at the end; the caller fills it. */
static struct cache_event *ring_push(struct watch_cache *c, struct instant now)
{
    while (c->ring_count >= RING_MINIMUM &&
           (c->ring_count >= RING_MAXIMUM ||
            c->ring[c->ring_first].at.ns < now.ns - duration_s(RING_FRESH_S).ns))
        ring_drop_first(c);
    if (c->ring_count == c->ring_capacity) {
        size_t capacity = c->ring_capacity ? c->ring_capacity * 2 : 16;
        struct cache_event *ring = mem_array(struct cache_event, capacity);
        for (size_t i = 0; i < c->ring_count; i++)
            ring[i] = c->ring[(c->ring_first + i) & (c->ring_capacity - 1)];
        mem_free(c->ring);
        c->ring = ring;
        c->ring_first = 0;
        c->ring_capacity = capacity;
    }
    struct cache_event *e = &c->ring[(c->ring_first + c->ring_count++) & (c->ring_capacity - 1)];
    *e = (struct cache_event){.at = now};
    return e;
}
