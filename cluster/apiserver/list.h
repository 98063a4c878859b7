/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading: get, list and watch, with the meaning of resourceVersion, limit and continue of
 * Kubernetes' API concepts.
 *
 * Invariant: what a read answers is never older than what it asked for; list.c says where it comes
 * from.
 *
 * Source: kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
#ifndef CLUSTER_APISERVER_LIST_H
#define CLUSTER_APISERVER_LIST_H

#include "cluster/api/value.h"

struct apiserver;
struct call;
struct step;

void get_start(struct call *c, struct step *step);
void list_start(struct call *c, struct step *step);
void watch_start(struct call *c, struct step *step);

/* Goes on with `then` once the cache has reached `version`; after 3 s the call is refused with "Too
 * large resource version". */
void call_wait_for_version(struct call *c, struct step *step, int64_t version,
                           void (*then)(struct call *, struct step *));
void list_cache_moved(struct apiserver *s, struct step *step); /* the cache has a newer revision */
void list_timer_wait(struct apiserver *s, struct step *step);
void list_forget(struct call *c); /* the call ends: it waits no longer */
struct value too_large_version(int64_t wanted, int64_t current);

/* The text of a resourceVersion: absent or empty is -1, else a number; false: malformed. */
bool version_parse(struct value text, int64_t *ret_version);

#endif
