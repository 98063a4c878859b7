/* SPDX-License-Identifier: Apache-2.0
 *
 * Custom kinds in one API server: which definitions it knows (from its own watch cache of
 * customresourcedefinitions, so that servers may differ for a while), what a request means by
 * them, and the controllers that every API server runs for them: naming, establishing, the cleanup
 * after a deletion.
 *
 *     if (!custom_resolve(c))
 *         ... such a kind is not served: 404 once it is known who asks ...
 *     const struct custom_kind *k = c->kind;      NULL: a built-in kind
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/customresource_handler.go and pkg/controller.
 */
#ifndef CLUSTER_APISERVER_CUSTOM_H
#define CLUSTER_APISERVER_CUSTOM_H

#include "cluster/api/custom/definition.h"
#include "sim/base/map.h"
#include "sim/base/vec.h"
#include "sim/sim.h"

struct apiserver;
struct cache_event;
struct call;
struct field_errors;
struct watch_cache;

struct custom_entry; /* one definition; custom.c */
struct custom_kinds {
    struct map entries;                   /* by group and plural */
    const struct custom_catalog *catalog; /* of the moment; NULL: to be made anew */
    VEC(struct custom_entry *) dirty;     /* to be looked at when all changes have been heard */
};

void custom_init(struct apiserver *s);
void custom_release(struct apiserver *s);
/* Everything has been listed (anew). */
void custom_listed(struct apiserver *s, struct step *step);
/* A change of a definition or of a custom object; `custom_settle` acts on it. */
void custom_changed(struct apiserver *s, struct step *step, const struct watch_cache *c,
                    const struct cache_event *e);
void custom_settle(struct apiserver *s, struct step *step);
void custom_timer(struct apiserver *s, struct step *step);

/* The definition of a group and plural; NULL: this server knows none. Borrowed until the next
 * input. */
const struct custom_definition *custom_find(const struct apiserver *s, struct str group,
                                            struct str plural);
/* What is served at this moment, for discovery: a new reference. */
const struct custom_catalog *custom_catalog_get(struct apiserver *s);

/* Fills in the row, kind and key of a request for a custom kind; true also for built-in kinds.
 * False: nothing is served there. */
bool custom_resolve(struct call *c);
/* What only custom kinds refuse, and a creation's wait behind a young definition. False: the call
 * has ended or goes on later. */
bool custom_admit(struct call *c, struct step *step);
void custom_timer_create(struct apiserver *s, struct step *step, uint32_t slot);

/* An object as the asked version shows it: apiVersion, unknown fields pruned, defaults. Consumes.
 */
struct value custom_show(const struct custom_kind *k, struct value own_object);
/* c->object, of a custom kind, against its schema; `old` absent: a creation. */
void custom_check_object(const struct call *c, struct value old, struct field_errors *errors);
/* What the writer of a definition or of a custom object, c->object, is warned of. */
void custom_warn(struct call *c, struct value old);
/* An object as it is stored: in the version that is. Consumes. */
struct value custom_store(const struct custom_kind *k, struct value own_object);

#endif
