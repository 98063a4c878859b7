/* SPDX-License-Identifier: Apache-2.0
 *
 * Those who watch. An event is offered only to the watchers whom it may concern: each stands in
 * exactly one bucket of its cache: by the one object it asks for (metadata.name), by the node (pods
 * of spec.nodeName, as each kubelet asks), by its namespace, or among all. Five thousand kubelets
 * therefore cost an event nothing but one look-up.
 *
 * What a watcher sees is a function of (matched before, matches after): added, modified, or
 * deleted; an object that leaves the selector is reported as deleted with its old content at the
 * new resourceVersion.
 *
 * Bookmarks: about once a minute to those who allow them, and before a watch ends by its time. All
 * wait for the same minute, so the list in order of waiting is also the list in order of instants,
 * and one timer serves it.
 *
 * DEVIATION: a slow watcher is never cut off. The simulated network has no back-pressure towards
 * the sender; a stream that stalls is delayed and in the end reset instead.
 */
#include "cluster/apiserver/watch_cache.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/machinery.h"
#include "cluster/apiserver/server.h"

#define BOOKMARK_EVERY_S 60
#define BOOKMARK_BEFORE_END_S 2

static struct watch_bucket *bucket_of(struct watch_cache *c, const struct watcher *w);
static void bucket_offer(struct watch_bucket *b, struct step *step, struct cache_event *e);
static void send_object(struct watcher *w, struct step *step, enum watch_event_type type,
                        struct value object);
static void bookmark_link(struct watcher *w, struct step *step);
static void bookmark_unlink(struct watcher *w);
static void bookmark_timer_arm(struct apiserver *s, struct step *step);

struct watcher *watcher_add(struct apiserver *s, struct step *step, const struct watcher *prototype,
                            struct duration timeout)
{
    struct watcher *w = mem_new(struct watcher);
    *w = *prototype;
    w->server = s;
    if (s->caches.free_watchers.count > 0) {
        w->slot = vec_pop(&s->caches.free_watchers);
        s->caches.watchers.items[w->slot] = w;
    } else {
        w->slot = (uint32_t)s->caches.watchers.count;
        vec_push(&s->caches.watchers, w);
    }
    s->caches.watcher_count++;
    struct watch_bucket *b = bucket_of(w->cache, w);
    w->bucket = b;
    w->previous = b->last;
    if (b->last)
        b->last->next = w;
    else
        b->first = w;
    b->last = w;
    w->connection_next = w->connection->watchers;
    w->connection_link = &w->connection->watchers;
    if (w->connection_next)
        w->connection_next->connection_link = &w->connection_next;
    w->connection->watchers = w;
    w->timeout_at = instant_add(step->now, timeout);
    struct instant at = w->timeout_at;
    if (w->allows_bookmarks && timeout.ns > duration_s(BOOKMARK_BEFORE_END_S).ns)
        at.ns -= duration_s(BOOKMARK_BEFORE_END_S).ns; /* the last bookmark */
    w->timeout_timer = step_timer_set(step, at, TIMER_TAG(TIMER_WATCH_TIMEOUT, w->slot));
    if (w->allows_bookmarks)
        bookmark_link(w, step);
    return w;
}

void watcher_remove(struct watcher *w, struct step *step)
{
    struct apiserver *s = w->server;
    *(w->previous ? &w->previous->next : &w->bucket->first) = w->next;
    *(w->next ? &w->next->previous : &w->bucket->last) = w->previous;
    *w->connection_link = w->connection_next;
    if (w->connection_next)
        w->connection_next->connection_link = w->connection_link;
    bookmark_unlink(w);
    if (step)
        step_timer_cancel(step, w->timeout_timer);
    s->caches.watchers.items[w->slot] = NULL;
    vec_push(&s->caches.free_watchers, w->slot);
    s->caches.watcher_count--;
    struct watch_bucket *b = w->bucket;
    if (!b->first && b != &w->cache->all) {
        struct str text = {b->text, b->text_size};
        if (w->key)
            w->cache->by_key[w->key->id] = NULL;
        else if (index_get(&w->cache->by_node, hash_bytes(text), &text) == b)
            index_remove(&w->cache->by_node, hash_bytes(text), &text);
        else
            index_remove(&w->cache->by_namespace, hash_bytes(text), &text);
        mem_free(b->text);
        mem_free(b);
    }
    object_key_unref(w->key);
    custom_kind_unref(w->kind);
    mem_free(w->namespace);
    label_selector_free(w->labels);
    field_selector_free(w->fields);
    mem_free(w);
}

struct watcher *watcher_find(struct connection *c, uint64_t id)
{
    for (struct watcher *w = c->watchers; w; w = w->connection_next)
        if (w->id == id)
            return w;
    return NULL;
}

void watcher_end(struct watcher *w, struct step *step, struct value own_error)
{
    if (value_is_present(own_error))
        step_send(step, w->stream, &watch_event_new(w->id, WATCH_ERROR, own_error)->message);
    step_send(step, w->stream, &watch_event_new(w->id, WATCH_END, VALUE_ABSENT)->message);
    watcher_remove(w, step);
}

bool watcher_selects(const struct label_selector *labels, const struct field_selector *fields,
                     const struct resource *r, struct value object)
{
    (void)r;
    return (!labels || label_selector_matches(labels, object_labels(object))) &&
           (!fields || field_selector_matches(fields, object));
}

static bool selects(const struct watcher *w, struct value object)
{
    return value_is_present(object) &&
           watcher_selects(w->labels, w->fields, w->cache->resource, object);
}

void watcher_send_initial(struct watcher *w, struct step *step)
{
    struct str namespace = w->namespace ? str_from(w->namespace) : S("");
    w->from = w->server->caches.revision;
    if (w->key) {
        const struct etcd_kv *kv = watch_cache_get(w->server, w->key);
        if (kv && selects(w, kv->value))
            send_object(w, step, WATCH_ADDED, kv->value);
        return;
    }
    for (struct cache_cursor c = watch_cache_first(w->cache, namespace); c.kv; watch_cache_next(&c))
        if (selects(w, c.kv->value))
            send_object(w, step, WATCH_ADDED, c.kv->value);
}

static void offer(struct watcher *w, struct step *step, struct cache_event *e)
{
    struct value before = e->before ? e->before->value : VALUE_ABSENT;
    if (w->from >= e->kv->mod_revision)
        return;
    bool matches = selects(w, e->kv->value);
    bool matched = value_is_present(before) && selects(w, before);
    if (matches) {
        send_object(w, step, matched ? WATCH_MODIFIED : WATCH_ADDED, e->kv->value);
    } else if (matched) {
        if (!value_is_present(e->gone))
            e->gone = object_with_version(value_keep(before), e->kv->mod_revision);
        send_object(w, step, WATCH_DELETED, e->gone);
    }
}

void watcher_send_recent(struct watcher *w, struct step *step)
{
    struct watch_cache *c = w->cache;
    size_t low = 0, high = c->ring_count; /* the first event beyond w->from */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c->ring[(c->ring_first + middle) & (c->ring_capacity - 1)].kv->mod_revision <= w->from)
            low = middle + 1;
        else
            high = middle;
    }
    struct str namespace = w->namespace ? str_from(w->namespace) : S("");
    for (size_t i = low; i < c->ring_count; i++) {
        struct cache_event *e = &c->ring[(c->ring_first + i) & (c->ring_capacity - 1)];
        if (w->key ? e->kv->key == w->key
                   : namespace.size == 0 || str_equal(e->kv->key->namespace, namespace))
            offer(w, step, e);
    }
}

void watchers_notify(struct apiserver *s, struct step *step, struct watch_cache *c,
                     struct cache_event *e)
{
    (void)s;
    const struct object_key *key = e->kv->key;
    bucket_offer(&c->all, step, e);
    if (key->id < c->by_key_count && c->by_key[key->id])
        bucket_offer(c->by_key[key->id], step, e);
    if (c->by_namespace.count > 0)
        bucket_offer(index_get(&c->by_namespace, hash_bytes(key->namespace), &key->namespace), step,
                     e);
    if (c->by_node.count > 0) {
        struct value newer = VALUE_GET(e->kv->value, spec, nodeName);
        struct value older = e->before ? VALUE_GET(e->before->value, spec, nodeName) : VALUE_ABSENT;
        struct str node = value_str(newer), node_before = value_str(older);
        bucket_offer(index_get(&c->by_node, hash_bytes(node), &node), step, e);
        if (!value_is_same(newer, older) && !str_equal(node, node_before))
            bucket_offer(index_get(&c->by_node, hash_bytes(node_before), &node_before), step, e);
    }
}

/* ---- bookmarks and time-outs ---- */

void watcher_send_bookmark(struct watcher *w, struct step *step, bool ends_initial_events)
{
    AUTO(text) struct text digits = {0};
    text_add_int(&digits, w->server->caches.revision);
    struct value metadata = value_pack("{resourceVersion: %S}", text_str(&digits));
    if (ends_initial_events)
        metadata = VALUE_SET(
            metadata,
            value_set_key(value_object(), S("k8s.io/initial-events-end"), value_string(S("true"))),
            annotations);
    struct value object = value_pack("{kind: %S, apiVersion: %S, metadata: %v}", w->asked->kind,
                                     w->asked->group_version, metadata);
    step_send(step, w->stream, &watch_event_new(w->id, WATCH_BOOKMARK, object)->message);
}

void watchers_timer_bookmarks(struct apiserver *s, struct step *step)
{
    s->caches.bookmark_timer = 0;
    while (s->caches.bookmark_first && s->caches.bookmark_first->bookmark_at.ns <= step->now.ns) {
        struct watcher *w = s->caches.bookmark_first;
        watcher_send_bookmark(w, step, false);
        bookmark_unlink(w);
        bookmark_link(w, step);
    }
    bookmark_timer_arm(s, step);
}

void watchers_timer_timeout(struct apiserver *s, struct step *step, uint32_t slot)
{
    struct watcher *w = slot < s->caches.watchers.count ? s->caches.watchers.items[slot] : NULL;
    if (!w)
        return;
    if (w->timeout_at.ns <= step->now.ns) {
        watcher_end(w, step, VALUE_ABSENT);
    } else if (w->timeout_at.ns - step->now.ns <= duration_s(BOOKMARK_BEFORE_END_S).ns) {
        watcher_send_bookmark(w, step, false);
        w->timeout_timer =
            step_timer_set(step, w->timeout_at, TIMER_TAG(TIMER_WATCH_TIMEOUT, w->slot));
    }
}

static void bookmark_link(struct watcher *w, struct step *step)
{
    struct watch_caches *all = &w->server->caches;
    w->bookmark_at = instant_add(step->now, duration_s(BOOKMARK_EVERY_S));
    w->bookmark_previous = all->bookmark_last;
    w->bookmark_next = NULL;
    *(all->bookmark_last ? &all->bookmark_last->bookmark_next : &all->bookmark_first) = w;
    all->bookmark_last = w;
    w->has_bookmark_entry = true;
    if (all->bookmark_timer == 0)
        bookmark_timer_arm(w->server, step);
}

static void bookmark_unlink(struct watcher *w)
{
    struct watch_caches *all = &w->server->caches;
    if (!w->has_bookmark_entry)
        return;
    *(w->bookmark_previous ? &w->bookmark_previous->bookmark_next : &all->bookmark_first) =
        w->bookmark_next;
    *(w->bookmark_next ? &w->bookmark_next->bookmark_previous : &all->bookmark_last) =
        w->bookmark_previous;
    w->has_bookmark_entry = false;
}

static void bookmark_timer_arm(struct apiserver *s, struct step *step)
{
    if (s->caches.bookmark_first && s->caches.bookmark_timer == 0)
        s->caches.bookmark_timer = step_timer_set(step, s->caches.bookmark_first->bookmark_at,
                                                  TIMER_TAG(TIMER_BOOKMARKS, 0));
}

/* ---- buckets ---- */

static bool bucket_has_text(const void *probe, const void *item)
{
    const struct watch_bucket *b = item;
    return str_equal(*(const struct str *)probe, (struct str){b->text, b->text_size});
}

static struct watch_bucket *bucket_by_text(struct index *x, struct str text)
{
    x->equal = bucket_has_text;
    struct watch_bucket *b = index_get(x, hash_bytes(text), &text);
    if (!b) {
        b = mem_new(struct watch_bucket);
        b->text = mem_copy_string(text);
        b->text_size = text.size;
        struct str own = {b->text, b->text_size};
        index_put(x, hash_bytes(own), &own, b);
    }
    return b;
}

static struct watch_bucket *bucket_of(struct watch_cache *c, const struct watcher *w)
{
    struct str node;
    if (w->key) {
        if (w->key->id >= c->by_key_count) {
            size_t wanted = vec_growth(c->by_key_count, (size_t)w->key->id + 1);
            c->by_key = mem_resize(c->by_key, struct watch_bucket *, c->by_key_count, wanted);
            c->by_key_count = wanted;
        }
        if (!c->by_key[w->key->id])
            c->by_key[w->key->id] = mem_new(struct watch_bucket);
        return c->by_key[w->key->id];
    }
    if (!w->namespace && field_selector_requires(w->fields, "spec.nodeName", &node))
        return bucket_by_text(&c->by_node, node);
    if (w->namespace)
        return bucket_by_text(&c->by_namespace, str_from(w->namespace));
    return &c->all;
}

static void bucket_offer(struct watch_bucket *b, struct step *step, struct cache_event *e)
{
    for (struct watcher *w = b ? b->first : NULL; w; w = w->next)
        offer(w, step, e);
}

static void send_object(struct watcher *w, struct step *step, enum watch_event_type type,
                        struct value object)
{
    struct value shown = value_keep(object);
    if (w->kind)
        shown = custom_show(w->kind, shown);
    else if (w->asked != w->cache->resource)
        shown = version_convert(shown, w->cache->resource, w->asked);
    metrics_event_sent(&w->server->metrics, w->asked);
    step_send(step, w->stream, &watch_event_new(w->id, type, shown)->message);
}
