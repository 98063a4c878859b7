/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch caches: one per stored resource, all fed by one etcd watch. Each holds the newest
 * objects (by key and in etcd's order), the recent events, and those who watch.
 *
 *     const struct etcd_kv *kv = watch_cache_get(s, key);                                 borrowed
 *     until the next input
 *     struct value ns = watch_cache_find(s, RESOURCE_namespaces, S(""), S("default"));
 *     for (struct cache_cursor c = watch_cache_first(cache, S("default")); c.kv;
 *     watch_cache_next(&c)) ...
 *
 * Invariants: an object in the cache has the revision of its last event; `floor` is the newest
 * revision from which a watch can no longer start; every event above it is in the ring, in the
 * order of revisions.
 */
#ifndef CLUSTER_APISERVER_WATCH_CACHE_H
#define CLUSTER_APISERVER_WATCH_CACHE_H

#include "cluster/api/request.h"
#include "cluster/api/selector.h"
#include "cluster/etcd/etcd.h"
#include "sim/base/map.h"
#include "sim/base/vec.h"

struct apiserver;
struct connection;
struct watcher;

struct cache_entry {
    const struct object_key *key; /* kv's */
    const struct etcd_kv *kv;     /* owned */
};
struct cache_event {
    const struct etcd_kv *kv, *before; /* owned; before may be NULL */
    struct value gone; /* the old object at the new resourceVersion; made when first asked for */
    struct instant at;
};
/* Watchers that one kind of event concerns, in order of arrival. */
struct watch_bucket {
    struct watcher *first, *last;
    char *text; /* what it is found by */
    size_t text_size;
};
struct watch_cache {
    const struct resource *resource;
    struct cache_entry **by_id;
    size_t by_id_count;
    struct map ordered; /* of entries */
    struct cache_event *ring;
    size_t ring_first, ring_count, ring_capacity; /* a power of two */
    int64_t floor;
    struct watch_bucket all;
    struct index by_namespace, by_node; /* of buckets, by text */
    struct watch_bucket **by_key;       /* by dense key id */
    size_t by_key_count;
    bool is_filling; /* of a custom kind: what was there before its definition is being read */
};
enum caches_state {
    CACHES_FIRST_RANGE,
    CACHES_RANGES,
    CACHES_CUSTOM_RANGES,
    CACHES_WATCHING
};
struct watch_caches {
    struct watch_cache *items; /* by resource index; those that are not stored are empty */
    size_t count;
    VEC(struct watch_cache *) custom;       /* of custom kinds, in order of their making */
    VEC(struct watch_cache *) custom_index; /* the same, found by resource index */
    enum caches_state state;
    size_t ranges_pending;
    int64_t revision; /* of the newest change that has been applied */
    int64_t complete; /* everything up to it has been: where a new watch goes on */
    bool has_listed;
    uint64_t rbac_generation;       /* changes with each event of an RBAC object */
    VEC(struct watcher *) watchers; /* slots */
    VEC(uint32_t) free_watchers;
    size_t watcher_count;
    struct watcher *bookmark_first, *bookmark_last; /* by the instant of the next bookmark */
    timer_id bookmark_timer;
};

struct watcher {
    struct apiserver *server;
    struct connection *connection;
    struct watcher *connection_next, **connection_link;
    struct watcher *next, *previous; /* in its bucket */
    struct watch_bucket *bucket;
    struct watcher *bookmark_next, *bookmark_previous;
    struct instant bookmark_at;
    struct watch_cache *cache;
    const struct resource *asked; /* in this version */
    const struct custom_kind *kind; /* owned; NULL: a built-in one */
    stream_id stream;
    uint64_t id; /* of the request */
    uint32_t slot;
    timer_id timeout_timer;
    struct instant timeout_at;
    const struct object_key *key;  /* owned; metadata.name is asked for */
    char *namespace;               /* owned; NULL: all */
    struct label_selector *labels; /* owned; NULL: everything */
    struct field_selector *fields; /* likewise */
    int64_t from;                  /* events up to it are not sent */
    bool allows_bookmarks, has_bookmark_entry;
};

void watch_caches_init(struct apiserver *s);
void watch_caches_release(struct apiserver *s);
void watch_caches_connected(struct apiserver *s, struct step *step); /* etcd is there (again) */
void watch_caches_apply(struct apiserver *s, struct step *step,
                        const struct etcd_watch_response *w);
void watch_caches_relist(struct apiserver *s, struct step *step);

struct watch_cache *watch_cache_of(struct apiserver *s, const struct resource *r);
/* A definition names this stored row: from here on there is a cache of it. */
void watch_cache_begin(struct apiserver *s, struct step *step, const struct resource *stored);
const struct etcd_kv *watch_cache_get(const struct apiserver *s,
                                      const struct object_key *key); /* NULL: not there */
struct value watch_cache_find(struct apiserver *s, enum resource_known r, struct str namespace,
                              struct str name);

struct value watch_cache_find_in(const struct watch_cache *c, struct str namespace,
                                 struct str name);

struct cache_cursor {
    const struct etcd_kv *kv; /* NULL at the end */
    struct map_cursor position;
    struct str namespace; /* empty: all */
};
struct cache_cursor watch_cache_first(const struct watch_cache *c, struct str namespace);
void watch_cache_next(struct cache_cursor *c);
struct cache_cursor watch_cache_of_known(struct apiserver *s, enum resource_known r,
                                         struct str namespace);
/* The order of etcd's keys, where "ns/name" is one text: a-b/x comes before a/x. */
int cache_key_compare(struct str a_namespace, struct str a_name, struct str b_namespace,
                      struct str b_name);

/* ---- watchers (watcher.c) ---- */

/* Takes over key, namespace and selectors from `prototype`; starts with the ring's events after
 * `from`. */
struct watcher *watcher_add(struct apiserver *s, struct step *step, const struct watcher *prototype,
                            struct duration timeout);
/* All matching objects as ADDED, in order, up to the cache's revision. */
void watcher_send_initial(struct watcher *w, struct step *step);
void watcher_send_recent(struct watcher *w, struct step *step);
void watcher_send_bookmark(struct watcher *w, struct step *step, bool ends_initial_events);
void watcher_end(struct watcher *w, struct step *step,
                 struct value own_error); /* tells the client; error absent: none */
void watcher_remove(struct watcher *w,
                    struct step *step); /* tells nobody; step may be NULL when all dies */
struct watcher *watcher_find(struct connection *c, uint64_t id);
void watchers_notify(struct apiserver *s, struct step *step, struct watch_cache *c,
                     struct cache_event *e);
void watchers_timer_bookmarks(struct apiserver *s, struct step *step);
void watchers_timer_timeout(struct apiserver *s, struct step *step, uint32_t slot);
bool watcher_selects(const struct label_selector *labels, const struct field_selector *fields,
                     const struct resource *r, struct value object);

#endif
