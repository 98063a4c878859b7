/* SPDX-License-Identifier: Apache-2.0
 *
 * One definition in one API server; shared by custom.c (what is served) and custom_controllers.c
 * (its conditions). An entry stays when its definition goes: it may come again.
 */
#ifndef CLUSTER_APISERVER_CUSTOM_STATE_H
#define CLUSTER_APISERVER_CUSTOM_STATE_H

#include "cluster/apiserver/server.h"

struct custom_entry {
    struct apiserver *server;
    const struct object_key *key;               /* of the definition */
    struct str group, plural;                   /* inside the key's name */
    const struct custom_definition *definition; /* NULL: there is none */
    int64_t written;  /* the revision of our own last write, which the cache has yet to show */
    size_t deletions; /* of its objects, in flight */
    bool is_dirty, is_busy; /* a write of the status is in flight */
    bool wants_retry;
};

struct custom_entry *custom_entry_find(const struct apiserver *s, struct str group,
                                       struct str plural);
void custom_mark_dirty(struct custom_entry *e);
/* Brings the status of a definition on by one step, when there is one to take. */
void custom_sync(struct custom_entry *e, struct step *step);

#endif
