/* SPDX-License-Identifier: Apache-2.0
 *
 * The user: kubectl's stand-in on a host outside the cluster. Steps that write post an action to it
 * as a command (stamped and journaled); it carries the action out with real requests through the
 * API servers' balancer and keeps the result, which the harness reads from outside.
 *
 *     struct user_action *a = user_action_for(USER_APPLY, resource, S("default"), own_object);
 *     a->id = ++last_id;
 *     user_post(sim, user, a);
 *     ... run until user_result(sim, user, last_id) is there and is_done ...
 */
#ifndef SCENARIOS_ENGINE_USER_H
#define SCENARIOS_ENGINE_USER_H

#include "cluster/api/request.h"
#include "sim/sim.h"

enum user_verb {
    USER_APPLY, /* client-side apply, or server-side when asked */
    USER_CREATE,
    USER_UPDATE, /* kubectl replace */
    USER_PATCH,  /* JSON merge patch of what the object holds */
    USER_DELETE,
    USER_SCALE,
    USER_EVICT,
    USER_DRAIN, /* cordon, then evict every pod, again every 5 s, until they are gone */
    USER_VERB_COUNT
};
const char *user_verb_text(enum user_verb verb);

struct user_action {
    struct message message;
    uint64_t id; /* 1, 2, ... in the order of posting */
    enum user_verb verb;
    const struct object_key *key; /* owned; NULL: a create by generateName */
    const struct resource *resource;
    struct value object;    /* owned; apply, create, update, patch */
    struct value namespace; /* owned; of a create without key */
    bool is_server_side;
    bool is_forced;             /* server-side: take over fields; drain: unmanaged pods too */
    struct value field_manager; /* owned; absent: kubectl's */
    bool is_bulk; /* one of many: leaves no line in the timeline, and its result keeps a Status only
                   */
    int64_t replicas;
    int64_t grace_seconds; /* -1: the object's own */
    enum propagation propagation;
};
extern const struct message_type user_action_message;
struct user_action *user_action_new(enum user_verb verb, const struct object_key *own_key);
struct user_action *user_action_for(enum user_verb verb, const struct resource *resource,
                                    struct str default_namespace,
                                    struct value own_object); /* key from the object's metadata */

struct user_result {
    uint64_t id;
    bool is_done;
    int code;          /* HTTP; 0: the connection was lost, the outcome is unknown */
    struct value body; /* the object, or the Status */
    const char
        *done; /* what kubectl prints behind the name: "created", "configured", "unchanged", ... */
    struct text error; /* what stopped a drain, in words */
};

struct user_config {
    address_id server;
};
extern const struct process_type user_process;
/* Posts the action; takes it. At most USER_CONCURRENT_MAX are carried out at a time, the others
 * wait in line. */
#define USER_CONCURRENT_MAX 64
void user_post(struct sim *sim, process_id user, struct user_action *own_action);
uint64_t user_done_count(const struct sim *sim, process_id user);
uint64_t user_failed_count(const struct sim *sim,
                           process_id user); /* of the done: those that were refused */
/* NULL while the user's process has not begun it; borrowed until the next event. */
const struct user_result *user_result(const struct sim *sim, process_id user, uint64_t id);

/* The patch of a client-side apply: three-way, strategic where the type is known. `original` is
 * what was applied last (absent: nothing), `modified` what is wanted, `current` what is there.
 * Owned; {} when nothing changes. */
struct type_schema;
struct value apply_patch(const struct type_schema *type, struct value original,
                         struct value modified, struct value current);

#endif
