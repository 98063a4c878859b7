/* SPDX-License-Identifier: Apache-2.0
 *
 * Reflector and informer: a local, ordered copy of the objects of one resource (and selector), kept
 * by list and watch, with handlers that hear of each change. Objects are the shared immutable
 * values.
 *
 * The copy may be old: that is the point. It never goes back: a resourceVersion once seen is the
 * floor of the next list (client-go lists with resourceVersion "0" first, then from where it was;
 * after 410 with "").
 *
 *     struct informer *pods = informer_new(client, &(struct informer_options){.resource =
 *     resource_get(RESOURCE_pods)});
 *     informer_handle(pods, on_pod_change, self);
 *     informer_start(pods, step);
 *     struct value pod = informer_get(pods, key);              borrowed until the next input
 *     for (struct informer_cursor c = informer_first(pods, S("default")); c.key; informer_next(&c))
 *     ...
 *
 * Source: k8s.io/client-go/tools/cache.
 */
#ifndef CLUSTER_CLIENT_INFORMER_H
#define CLUSTER_CLIENT_INFORMER_H

#include "cluster/client/client.h"
#include "sim/base/map.h"

struct informer;
struct informer_options {
    const struct resource *resource;
    struct str namespace;      /* empty: all */
    struct str label_selector; /* empty: everything; copied */
    struct str field_selector; /* "spec.nodeName=node-1"; copied */
    struct duration resync;    /* handlers hear (v, v) of every object this often; 0: never */
};
struct informer *informer_new(struct client *client, const struct informer_options *options);
void informer_free(struct informer *i); /* before its client */
void informer_start(struct informer *i, struct step *step);
/* Watches no longer; handlers hear that every object is gone. Then it may be freed, while its client
 * lives on. */
void informer_stop(struct informer *i, struct step *step);
bool informer_has_synced(
    const struct informer *i); /* the first list is in, and its handlers have heard */

/* Handlers are added before the start. before absent: added; after absent: deleted; both: updated
 * (or re-synced when the same). Borrowed. */
typedef void (*informer_fn)(void *owner, struct step *step, const struct object_key *key,
                            struct value before, struct value after);
void informer_handle(struct informer *i, informer_fn changed, void *owner);

struct value informer_get(const struct informer *i,
                          const struct object_key *key); /* absent when not there */
struct value informer_get_named(const struct informer *i, struct str namespace, struct str name);
size_t informer_count(const struct informer *i);
int64_t informer_version(const struct informer *i); /* last resourceVersion seen */

/* In the order of keys; namespace empty: all. No change in between. */
struct informer_cursor {
    const struct object_key *key; /* NULL at the end */
    struct value object;
    struct map_cursor position; /* private to informer.c */
    struct str namespace;
};
struct informer_cursor informer_first(const struct informer *i, struct str namespace);
void informer_next(struct informer_cursor *c);

/* Secondary index, as client-go's indexers: `terms` calls `emit` once for each term of an object.
 * Declared before the start.
 * Iterates over the objects that have a term, in the order of keys. Ready ones: controller uid and
 * node name. */
typedef void (*informer_emit_fn)(void *sink, struct str term);
typedef void (*informer_terms_fn)(struct value object, informer_emit_fn emit, void *sink);
typedef uint32_t informer_index;
informer_index informer_add_index(
    struct informer *i, informer_terms_fn terms); /* the same function twice: the same index */
struct informer_cursor informer_first_with(const struct informer *i, informer_index index,
                                           struct str term);
void informer_terms_controller_uid(struct value object, informer_emit_fn emit, void *sink);
void informer_terms_node_name(struct value object, informer_emit_fn emit, void *sink);
void informer_terms_orphan(struct value object, informer_emit_fn emit,
                           void *sink); /* the namespace, of those without controller */

/* One informer per resource and process, shared by its users. */
struct informer_factory;
struct informer_factory *informer_factory_new(struct client *client);
void informer_factory_free(struct informer_factory *f);
struct informer *informer_factory_get(struct informer_factory *f, enum resource_known resource);
void informer_factory_start(struct informer_factory *f,
                            struct step *step); /* those not started yet */
bool informer_factory_has_synced(const struct informer_factory *f);

#endif
