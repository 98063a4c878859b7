/* SPDX-License-Identifier: Apache-2.0
 *
 * The garbage collector: deletes objects whose owners are gone, and carries out foreground and
 * orphan deletion.
 *
 * It watches every kind that can be deleted and keeps a graph: a node for each object, known by its
 * uid, with edges from owner to dependents. An owner that is only named by its dependents has a
 * virtual node until it is seen, or found absent.
 *
 * One sync is one object (upstream: attemptToDeleteItem, attemptToOrphan):
 *   - its owners are sorted, by live reads, into solid (exist), dangling (absent, or another uid)
 *     and waiting (are being deleted in the foreground);
 *   - a solid owner: the references to dangling and waiting ones are taken out; nothing is deleted;
 *   - a waiting owner and dependents of its own: deleted in the foreground, so that the owner
 *     waits for the whole tree;
 *   - else deleted: in the foreground or orphaning its dependents if its finalizers ask for that,
 *     in the background otherwise;
 *   - an object being deleted in the foreground: its blocking dependents are looked at; when none
 *     is left its finalizer goes;
 *   - an object with the finalizer "orphan": the references to it are taken out of its dependents,
 *     then the finalizer goes.
 *
 * Nothing is deleted on the word of the graph alone: an owner counts as absent only when a live
 * read says so (404, or another uid), as the caches of different kinds are never of one instant.
 *
 * Source: kubernetes.io/docs/concepts/architecture/garbage-collection/; upstream
 * pkg/controller/garbagecollector.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/client/controller.h"
#include "cluster/client/custom_informers.h"
#include "sim/base/hash.h"
#include "sim/base/map.h"
#include "sim/base/vec.h"

#define FOREGROUND "foregroundDeletion"
#define ORPHAN "orphan"
#define OWNERS_MAX 32
#define ABSENT_OWNERS_MAX 500

struct graph_node {
    struct value uid;             /* owned */
    const struct object_key *key; /* owned; of a virtual node: as its dependents name it */
    struct value owners;          /* metadata.ownerReferences; owned */
    bool is_virtual;              /* not seen by an informer */
    bool is_unverified;           /* virtual, and nobody has asked the API server about it */
    bool is_deleting_dependents;  /* being deleted in the foreground */
    bool is_going;                /* being deleted, and nothing for us to do about it */
    VEC(struct graph_node *) dependents;
};

struct garbage_collector {
    struct controller *controller;
    struct index nodes_by_uid, nodes_by_key;
    struct map nodes;         /* by uid; for the release only */
    VEC(struct value) absent; /* uids found absent by a live read, a ring */
    size_t absent_next;
    struct custom_informers *custom;
};

static void *gc_new(struct controller *c, struct step *step);
static void gc_free(void *state);
static enum sync_result gc_sync(struct sync *s);

const struct controller_info garbage_collector_controller = {
    .name = "garbage-collector-controller",
    .account = "generic-garbage-collector",
    .primary = RESOURCE_pods,
    .watches = {{RESOURCE_pods, NULL}},
    .watch_count = 1,
    .sync = gc_sync,
    .workers = 20,
    .qps_factor = 2, /* a deletion takes two requests */
    .new_state = gc_new,
    .free_state = gc_free,
};

static void on_change(void *owner, struct step *step, const struct object_key *key,
                      struct value before, struct value after);

/* ---- life ---- */

static bool has_uid(const void *probe, const void *item)
{
    return value_equal(*(const struct value *)probe, ((const struct graph_node *)item)->uid);
}

static bool has_key(const void *probe, const void *item)
{
    return ((const struct graph_node *)item)->key == probe;
}

static int by_uid(const void *probe, const void *item)
{
    return value_compare(((const struct graph_node *)probe)->uid,
                         ((const struct graph_node *)item)->uid);
}

/* Upstream leaves Events out, and what cannot be listed, watched and deleted. */
static bool is_collected(const struct resource *r)
{
    uint32_t needed = 1u << VERB_LIST | 1u << VERB_WATCH | 1u << VERB_DELETE;
    return r->storage == r && (r->verbs & needed) == needed && r != resource_get(RESOURCE_events);
}

static void *gc_new(struct controller *c, struct step *step)
{
    (void)step;
    struct garbage_collector *g = mem_new(struct garbage_collector);
    g->controller = c;
    g->nodes_by_uid.equal = has_uid;
    g->nodes_by_key.equal = has_key;
    g->nodes.compare = by_uid;
    for (size_t i = 0; i < resource_count(); i++)
        if (is_collected(resource_at(i)))
            informer_handle(informer_factory_get(c->informers, (enum resource_known)i), on_change,
                            g);
    g->custom = custom_informers_new(c->client, c->informers, on_change, g);
    return g;
}

static void node_free(struct graph_node *n)
{
    value_drop(n->uid);
    value_drop(n->owners);
    object_key_unref(n->key);
    vec_release(&n->dependents);
    mem_free(n);
}

static void gc_free(void *state)
{
    struct garbage_collector *g = state;
    custom_informers_free(g->custom);
    for (struct map_cursor c = map_first(&g->nodes); c.item; map_next(&c))
        node_free(c.item);
    map_release(&g->nodes);
    index_release(&g->nodes_by_uid);
    index_release(&g->nodes_by_key);
    for (size_t i = 0; i < g->absent.count; i++)
        value_drop(g->absent.items[i]);
    vec_release(&g->absent);
    mem_free(g);
}

/* ---- the graph ---- */

static struct graph_node *find_uid(struct garbage_collector *g, struct value uid)
{
    return index_get(&g->nodes_by_uid, value_hash(uid), &uid);
}

static struct graph_node *find_key(struct garbage_collector *g, const struct object_key *key)
{
    return index_get(&g->nodes_by_key, key->hash, key);
}

static struct graph_node *node_add(struct garbage_collector *g, struct value uid,
                                   const struct object_key *key)
{
    struct graph_node *n = mem_new(struct graph_node);
    n->uid = value_keep(uid);
    n->key = object_key_ref(key);
    index_put(&g->nodes_by_uid, value_hash(uid), &uid, n);
    index_put(&g->nodes_by_key, key->hash, key, n);
    map_put(&g->nodes, n);
    return n;
}

/* The key that an ownerReference of an object in `namespace` names; owned; NULL for an unknown
 * kind. */
static const struct object_key *owner_key(const struct garbage_collector *g, struct value reference,
                                          struct str namespace)
{
    struct str version = VALUE_STR(reference, apiVersion), kind = VALUE_STR(reference, kind);
    const struct resource *r = resource_find_kind(version, kind);
    if (!r)
        r = custom_informers_find_kind(g->custom, version, kind);
    return r ? object_key_of(r->storage, r->is_namespaced ? namespace : S(""),
                             VALUE_STR(reference, name))
             : NULL;
}

static void link_owners(struct garbage_collector *g, struct step *step, struct graph_node *n)
{
    for (size_t i = 0; i < value_count(n->owners); i++) {
        struct value reference = value_at(n->owners, i);
        struct value uid = VALUE_GET(reference, uid);
        struct graph_node *owner = find_uid(g, uid);
        if (!owner) {
            const struct object_key *key = owner_key(g, reference, n->key->namespace);
            if (!key)
                continue;
            owner = node_add(g, uid, key);
            owner->is_virtual = owner->is_unverified = true;
            object_key_unref(key);
            controller_enqueue(g->controller, step, n->key); /* does that owner exist? */
        }
        vec_push(&owner->dependents, n);
    }
}

static void node_forget(struct garbage_collector *g, struct graph_node *n)
{
    index_remove(&g->nodes_by_uid, value_hash(n->uid), &n->uid);
    if (find_key(g, n->key) == n)
        index_remove(&g->nodes_by_key, n->key->hash, n->key);
    map_remove(&g->nodes, n);
    node_free(n);
}

static void unlink_owners(struct garbage_collector *g, struct step *step, struct graph_node *n)
{
    for (size_t i = 0; i < value_count(n->owners); i++) {
        struct graph_node *owner = find_uid(g, VALUE_GET(value_at(n->owners, i), uid));
        for (size_t j = 0; owner && j < owner->dependents.count; j++) {
            if (owner->dependents.items[j] == n) {
                owner->dependents.items[j] = vec_last(&owner->dependents);
                (void)vec_pop(&owner->dependents);
                break;
            }
        }
        if (owner && owner->is_deleting_dependents)
            controller_enqueue(g->controller, step, owner->key);
        if (owner && owner->is_virtual && owner->dependents.count == 0)
            node_forget(g, owner);
        else if (owner && owner->is_unverified) /* the one that was to ask is gone */
            controller_enqueue(g->controller, step, owner->dependents.items[0]->key);
    }
}

static bool wants_work(struct value object)
{
    return object_is_deleting(object) &&
           (object_has_finalizer(object, S(FOREGROUND)) || object_has_finalizer(object, S(ORPHAN)));
}

static void object_gone(struct garbage_collector *g, struct step *step, struct graph_node *n)
{
    unlink_owners(g, step, n);
    value_drop(n->owners);
    n->owners = VALUE_ABSENT;
    for (size_t i = 0; i < n->dependents.count; i++)
        controller_enqueue(g->controller, step, n->dependents.items[i]->key);
    if (n->dependents.count == 0) {
        node_forget(g, n);
        return;
    }
    n->is_virtual = true; /* until its last dependent is gone */
    n->is_deleting_dependents = false;
}

static void on_change(void *owner, struct step *step, const struct object_key *key,
                      struct value before, struct value after)
{
    struct garbage_collector *g = owner;
    if (!value_is_present(after)) {
        struct graph_node *n = find_uid(g, object_uid(before));
        if (n)
            object_gone(g, step, n);
        return;
    }
    struct graph_node *n = find_uid(g, object_uid(after));
    struct value owners = VALUE_GET(after, metadata, ownerReferences);
    bool is_new = !n || n->is_virtual;
    if (!n)
        n = node_add(g, object_uid(after), key);
    if (n->key != key) { /* a virtual node that a dependent named wrongly */
        object_key_unref(n->key);
        n->key = object_key_ref(key);
    }
    if (is_new)
        index_put(&g->nodes_by_key, key->hash, key, n);
    n->is_virtual = n->is_unverified = false;
    n->is_going = object_is_deleting(after) && !wants_work(after);
    if (!value_equal(n->owners, owners)) {
        unlink_owners(g, step, n);
        value_drop(n->owners);
        n->owners = value_keep(owners);
        link_owners(g, step, n);
        if (!is_new)
            controller_enqueue(g->controller, step, key);
    }
    if (!wants_work(after))
        return;
    if (object_has_finalizer(after, S(FOREGROUND)) && !n->is_deleting_dependents) {
        n->is_deleting_dependents = true;
        for (size_t i = 0; i < n->dependents.count; i++)
            controller_enqueue(g->controller, step, n->dependents.items[i]->key);
    }
    controller_enqueue(g->controller, step, key);
}

/* ---- absent owners ---- */

static bool is_known_absent(const struct garbage_collector *g, struct value uid)
{
    for (size_t i = 0; i < g->absent.count; i++)
        if (value_equal(g->absent.items[i], uid))
            return true;
    return false;
}

/* A live read has found no such owner. Only one of its dependents was asked to look (the first that
 * named it): now all are. Upstream feeds its graph the deletion of an owner that it never saw
 * ("virtual delete event"). */
static void remember_absent(struct garbage_collector *g, struct step *step, struct value uid)
{
    struct graph_node *owner = is_known_absent(g, uid) ? NULL : find_uid(g, uid);
    for (size_t i = 0; owner && owner->is_virtual && i < owner->dependents.count; i++)
        controller_enqueue(g->controller, step, owner->dependents.items[i]->key);
    if (owner)
        owner->is_unverified = false;
    if (g->absent.count < ABSENT_OWNERS_MAX) {
        vec_push(&g->absent, value_keep(uid));
        return;
    }
    value_drop(g->absent.items[g->absent_next]);
    g->absent.items[g->absent_next] = value_keep(uid);
    g->absent_next = (g->absent_next + 1) % ABSENT_OWNERS_MAX;
}

/* ---- one object ---- */

enum { PHASE_START, PHASE_READ, PHASE_OWNERS, PHASE_WRITTEN, PHASE_ORPHANED };

struct gc_memory {
    struct value object; /* the live read; by sync_keep */
    uint32_t asked[OWNERS_MAX];
    size_t asked_count;
};

static struct value without(struct value list, struct value unwanted)
{
    struct value kept = value_array();
    for (size_t i = 0; i < value_count(list); i++)
        if (!value_equal(value_at(list, i), unwanted))
            kept = value_append(kept, value_keep(value_at(list, i)));
    return kept;
}

static enum sync_result drop_finalizer(struct sync *s, struct value object, const char *finalizer)
{
    struct value name = value_string(str_from(finalizer));
    struct value patch = value_pack("{metadata: {resourceVersion: %v, finalizers: %v}}",
                                    value_keep(VALUE_GET(object, metadata, resourceVersion)),
                                    without(VALUE_GET(object, metadata, finalizers), name));
    value_drop(name);
    sync_patch(s, s->key, PATCH_MERGE, patch, 0);
    return sync_wait(s, PHASE_WRITTEN);
}

/* Foreground: waits for the dependents that block; upstream: processDeletingDependentsItem. */
static enum sync_result delete_dependents(struct sync *s, struct graph_node *n, struct value object)
{
    size_t blocking = 0;
    for (size_t i = 0; i < n->dependents.count; i++) {
        struct graph_node *d = n->dependents.items[i];
        for (size_t j = 0; j < value_count(d->owners); j++) {
            struct value reference = value_at(d->owners, j);
            if (!value_equal(VALUE_GET(reference, uid), n->uid) ||
                !VALUE_BOOL_AT(reference, blockOwnerDeletion))
                continue;
            blocking++;
            if (!d->is_deleting_dependents)
                controller_enqueue(s->controller, s->step, d->key);
        }
    }
    if (blocking > 0)
        return SYNC_DONE;
    return drop_finalizer(s, object, FOREGROUND);
}

/* Takes the references to this object out of its dependents. */
static enum sync_result orphan_dependents(struct sync *s, struct graph_node *n)
{
    sync_parallel(s);
    for (size_t i = 0; i < n->dependents.count; i++) {
        struct graph_node *d = n->dependents.items[i];
        struct value kept = value_array();
        for (size_t j = 0; j < value_count(d->owners); j++)
            if (!value_equal(VALUE_GET(value_at(d->owners, j), uid), n->uid))
                kept = value_append(kept, value_keep(value_at(d->owners, j)));
        struct value patch =
            value_pack("{metadata: {uid: %v, ownerReferences: %v}}", value_keep(d->uid), kept);
        sync_patch(s, d->key, PATCH_MERGE, patch, 0);
    }
    sync_trace(s, "orphans its %zu dependents", n->dependents.count);
    return sync_wait(s, PHASE_ORPHANED);
}

/* Asks for each owner that is not known to be absent. */
static enum sync_result ask_owners(struct sync *s, struct gc_memory *m, struct value owners)
{
    struct garbage_collector *g = s->controller->state;
    m->asked_count = 0;
    sync_parallel(s);
    for (uint32_t i = 0; i < value_count(owners) && i < OWNERS_MAX; i++) {
        struct value reference = value_at(owners, i);
        const struct object_key *key = owner_key(g, reference, s->key->namespace);
        if (!key || is_known_absent(g, VALUE_GET(reference, uid))) {
            object_key_unref(key);
            continue;
        }
        sync_send(s, request_for_key(VERB_GET, key), i);
        m->asked[m->asked_count++] = i;
        object_key_unref(key);
    }
    return sync_wait(s, PHASE_OWNERS);
}

static enum sync_result ask_live(struct sync *s)
{
    struct graph_node *n = find_key(s->controller->state, s->key);
    if (!n || n->is_virtual ||
        n->is_going) /* "being deleted" is one-way: its end wakes its dependents */
        return SYNC_DONE;
    sync_send(s, request_for_key(VERB_GET, s->key), 0);
    return sync_wait(s, PHASE_READ);
}

/* The live object decides which way it goes. */
static enum sync_result sort_live(struct sync *s, struct gc_memory *m)
{
    struct graph_node *n = find_key(s->controller->state, s->key);
    if (s->answers[0].code != 404 && !answer_ok(&s->answers[0]))
        return sync_retry_answer(s, &s->answers[0]);
    struct value object = s->answers[0].body;
    /* Another object of that name: the one in the graph is gone, and its informer will say so. */
    if (!answer_ok(&s->answers[0]) || !n || !value_equal(object_uid(object), n->uid))
        return SYNC_DONE;
    m->object = sync_keep(s, object);
    if (object_is_deleting(object) && object_has_finalizer(object, S(ORPHAN)))
        return orphan_dependents(s, n);
    if (object_is_deleting(object) && object_has_finalizer(object, S(FOREGROUND)))
        return delete_dependents(s, n, object);
    if (value_count(VALUE_GET(object, metadata, ownerReferences)) == 0)
        return SYNC_DONE;
    return ask_owners(s, m, VALUE_GET(object, metadata, ownerReferences));
}

enum owner_state { OWNER_SOLID, OWNER_DANGLING, OWNER_WAITING };

static enum owner_state judge_owner(struct sync *s, struct gc_memory *m, struct value reference,
                                    uint32_t index)
{
    struct garbage_collector *g = s->controller->state;
    struct value uid = VALUE_GET(reference, uid);
    for (size_t i = 0; i < m->asked_count; i++) {
        if (m->asked[i] != index)
            continue;
        const struct answer *a = &s->answers[i];
        if (a->code == 404 || (answer_ok(a) && !value_equal(object_uid(a->body), uid))) {
            remember_absent(g, s->step, uid);
            return OWNER_DANGLING;
        }
        bool waits = answer_ok(a) && object_is_deleting(a->body) &&
                     object_has_finalizer(a->body, S(FOREGROUND));
        return waits ? OWNER_WAITING : OWNER_SOLID;
    }
    return is_known_absent(g, uid) ? OWNER_DANGLING : OWNER_SOLID;
}

static enum sync_result delete_object(struct sync *s, struct value object,
                                      enum propagation propagation)
{
    struct request *r = client_delete_request(s->key, object_uid(object));
    request_delete_options(r)->propagation = propagation;
    sync_send(s, r, 0);
    return sync_wait(s, PHASE_WRITTEN);
}

static enum sync_result judge(struct sync *s, struct gc_memory *m)
{
    struct graph_node *n = find_key(s->controller->state, s->key);
    if (!n)
        return SYNC_DONE;
    for (size_t i = 0; i < m->asked_count; i++) /* an owner that cannot be read: nothing is known */
        if (s->answers[i].code != 404 && !answer_ok(&s->answers[i]))
            return sync_retry_answer(s, &s->answers[i]);
    struct value owners = VALUE_GET(m->object, metadata, ownerReferences), solid = value_array();
    size_t dangling = 0, waiting = 0;
    for (uint32_t i = 0; i < value_count(owners); i++) {
        switch (judge_owner(s, m, value_at(owners, i), i)) {
        case OWNER_SOLID:
            solid = value_append(solid, value_keep(value_at(owners, i)));
            break;
        case OWNER_DANGLING:
            dangling++;
            break;
        case OWNER_WAITING:
            waiting++;
            break;
        }
    }
    if (value_count(solid) > 0) {
        if (dangling + waiting == 0) {
            value_drop(solid);
            return SYNC_DONE;
        }
        sync_patch(s, s->key, PATCH_MERGE,
                   value_pack("{metadata: {resourceVersion: %v, ownerReferences: %v}}",
                              value_keep(VALUE_GET(m->object, metadata, resourceVersion)), solid),
                   0);
        return sync_wait(s, PHASE_WRITTEN);
    }
    value_drop(solid);
    sync_trace(s, waiting ? "its owner waits for it to go: deletes it"
                          : "its owner does not exist any more: deletes it");
    if (waiting > 0 && n->dependents.count > 0)
        return delete_object(s, m->object, PROPAGATION_FOREGROUND);
    return delete_object(s, m->object,
                         object_has_finalizer(m->object, S(ORPHAN))       ? PROPAGATION_ORPHAN
                         : object_has_finalizer(m->object, S(FOREGROUND)) ? PROPAGATION_FOREGROUND
                                                                          : PROPAGATION_BACKGROUND);
}

static enum sync_result gc_sync(struct sync *s)
{
    struct gc_memory *m = sync_memory(s, sizeof(*m));
    switch (s->phase) {
    case PHASE_START:
        return ask_live(s);
    case PHASE_READ:
        return sort_live(s, m);
    case PHASE_OWNERS:
        return judge(s, m);
    case PHASE_ORPHANED:
        for (size_t i = 0; i < s->answer_count; i++)
            if (!answer_ok(&s->answers[i]) && s->answers[i].code != 404 &&
                s->answers[i].code != 422)
                return sync_retry_answer(s, &s->answers[i]);
        return drop_finalizer(s, m->object, ORPHAN);
    default:
        if (!answer_ok(&s->answers[0]) && s->answers[0].code != 404)
            return sync_retry_answer(s, &s->answers[0]);
        return SYNC_DONE;
    }
}
