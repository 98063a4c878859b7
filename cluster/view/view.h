/* SPDX-License-Identifier: Apache-2.0
 *
 * A read-only, versioned picture of the cluster for eyes outside it: what is committed in etcd, in
 * the order of revisions. Assertions, invariants, dashboards and reports look here and never into a
 * component.
 *
 * The picture is fed by the first etcd member that applies a revision; it shares the values, so it
 * costs a pointer an object. Objects of one resource are ordered by namespace and name.
 *
 *     const struct resource *pods = resource_get(RESOURCE_pods);
 *     for (struct view_cursor c = view_first(view, pods, S("default")); c.key; view_next(&c))
 *         use(c.object);
 *     view_listen(view, on_change, self);      hears each change once, after the picture shows it
 */
#ifndef CLUSTER_VIEW_VIEW_H
#define CLUSTER_VIEW_VIEW_H

#include "cluster/api/key.h"
#include "cluster/api/value.h"
#include "sim/base/map.h"

struct view;
struct view_change {
    int64_t revision;
    struct instant at;
    const struct object_key *key;
    struct value before; /* absent: added */
    struct value after;  /* absent: deleted */
    struct str by;       /* who wrote it: lives as long as the simulation */
    /* As etcd has them; 0 where the maker of the change does not know. */
    int64_t create_revision, version, before_revision, before_version;
};
typedef void (*view_fn)(void *owner, const struct view_change *change);

struct view *view_new(void);
void view_free(struct view *v);
/* Takes in one change; revisions grow, but for deletions of one write. Called by the observer of
 * etcd. */
void view_apply(struct view *v, const struct view_change *change);
/* Listeners are called in the order of their registration. */
void view_listen(struct view *v, view_fn changed, void *owner);
void view_unlisten(struct view *v, view_fn changed, void *owner);

int64_t view_revision(const struct view *v); /* the newest; 0: nothing yet */
uint64_t view_change_count(const struct view *v);
/* The revision of the last change of any object of this resource. */
int64_t view_resource_revision(const struct view *v, const struct resource *r);
size_t view_count(const struct view *v, const struct resource *r);
/* The row of a kind: a constant one, or what an established definition names. NULL: no such kind. */
const struct resource *view_find_kind(const struct view *v, struct str api_version,
                                      struct str kind);
/* All rows that may have objects: the constant ones, then those of custom kinds that had some. */
size_t view_stored_count(const struct view *v);
const struct resource *view_stored_at(const struct view *v, size_t i);
struct value view_get(const struct view *v,
                      const struct object_key *key); /* borrowed until the next change; absent */
struct value view_get_named(const struct view *v, const struct resource *r, struct str namespace,
                            struct str name);

/* No change in between. Namespace empty: all. */
struct view_cursor {
    const struct object_key *key; /* NULL at the end */
    struct value object;
    int64_t revision;
    struct map_cursor position; /* private to view.c */
    struct str namespace;
};
struct view_cursor view_first(const struct view *v, const struct resource *r, struct str namespace);
void view_next(struct view_cursor *c);

#endif
