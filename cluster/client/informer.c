/* SPDX-License-Identifier: Apache-2.0
 *
 * The reflector and shared informer of client-go (k8s.io/client-go/tools/cache).
 *
 * The loop. List with resourceVersion "0" (any state the server has at hand), replace the copy,
 * then watch from the list's version with bookmarks, each watch for 5 to 10 minutes at random. A
 * watch that ends is opened again from the last version seen; one that ends within a second without
 * an event, or is refused, goes through the back-off. Answer 410 (too old) leads to a list with
 * resourceVersion "", the most recent state. Any other failure of a list or watch: back-off of 0.8
 * s doubling to 30 s, each with up to as much again at random, forgotten after 2 minutes without
 * one; then a list from the version last seen.
 *
 * Invariants: the version never goes back within the life of an informer; per object the handlers
 * hear added, updated..., deleted in this order; after a list or event at version r the copy equals
 * the server's state at r, filtered.
 *
 * A crash of the process loses the copy and the version; the next incarnation lists with "0" and
 * may see an older state than its predecessor did, as real components may.
 *
 * DEVIATION: client-go of 1.36 fills its caches by one watch with sendInitialEvents where the
 * server allows it; this one always lists. The requests differ, the copy and its handlers' calls do
 * not.
 */
#include "sim/base/base.h"

#include "cluster/client/informer.h"

#include "cluster/api/object.h"
#include "cluster/api/status.h"
#include "cluster/client/informer_store.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define WATCH_MIN_SECONDS 300
#define WATCH_SPREAD_SECONDS 300
#define BACKOFF_FIRST_MS 800
#define BACKOFF_MAX_MS 30000
#define BACKOFF_RESET_MINUTES 2
#define SHORT_WATCH_SECONDS 1

enum reflector_state {
    REFLECTOR_STOPPED,
    REFLECTOR_LISTING,
    REFLECTOR_WATCHING,
    REFLECTOR_WAITING
};

struct informer_handler {
    informer_fn changed;
    void *owner;
};
struct informer {
    struct client *client;
    const struct resource *resource;
    struct value namespace, label_selector, field_selector;
    struct duration resync;
    struct informer_store store;
    VEC(struct informer_handler) handlers;
    enum reflector_state state;
    uint64_t request_id; /* of the list or watch under way */
    int64_t version;
    uint32_t list_mark;
    bool has_synced;
    bool is_expired; /* 410 was the answer: the next list asks for the most recent */
    bool watch_next; /* after the back-off: watch rather than list */
    bool watch_is_open;
    bool watch_had_event;
    struct instant watch_opened;
    int64_t backoff_ms;
    struct instant backoff_last;
    struct client_timer retry_timer, resync_timer;
};

static void list_begin(struct informer *i, struct step *step);
static void watch_begin(struct informer *i, struct step *step);
static void on_retry(void *owner, struct step *step);
static void on_resync(void *owner, struct step *step);
static void remove_object(struct informer *i, struct step *step, const struct object_key *key,
                          struct value last);

static struct value text_or_absent(struct str s)
{
    return s.size ? value_string(s) : VALUE_ABSENT;
}

struct informer *informer_new(struct client *client, const struct informer_options *options)
{
    CHECK(options->resource);
    struct informer *i = mem_new(struct informer);
    i->client = client;
    i->resource = options->resource;
    i->namespace = text_or_absent(options->namespace);
    i->label_selector = text_or_absent(options->label_selector);
    i->field_selector = text_or_absent(options->field_selector);
    i->resync = options->resync;
    informer_store_init(&i->store);
    i->retry_timer = (struct client_timer){.fire = on_retry, .owner = i};
    i->resync_timer = (struct client_timer){.fire = on_resync, .owner = i};
    return i;
}

void informer_free(struct informer *i)
{
    if (!i)
        return;
    client_timer_release(i->client, &i->retry_timer);
    client_timer_release(i->client, &i->resync_timer);
    informer_store_release(&i->store);
    vec_release(&i->handlers);
    value_drop(i->namespace);
    value_drop(i->label_selector);
    value_drop(i->field_selector);
    mem_free(i);
}

void informer_handle(struct informer *i, informer_fn changed, void *owner)
{
    CHECK(i->state == REFLECTOR_STOPPED && !i->has_synced);
    vec_push(&i->handlers, (struct informer_handler){changed, owner});
}

void informer_start(struct informer *i, struct step *step)
{
    if (i->state != REFLECTOR_STOPPED)
        return;
    list_begin(i, step);
    if (i->resync.ns > 0)
        client_timer_set(i->client, step, &i->resync_timer, instant_add(step->now, i->resync));
}

void informer_stop(struct informer *i, struct step *step)
{
    if (i->request_id)
        client_forget(i->client, step, i->request_id);
    i->request_id = 0;
    client_timer_cancel(i->client, step, &i->retry_timer);
    client_timer_cancel(i->client, step, &i->resync_timer);
    i->state = REFLECTOR_STOPPED;
    for (struct map_cursor c = map_first(&i->store.items); c.item; c = map_first(&i->store.items)) {
        const struct stored_item *item = c.item;
        const struct object_key *key = object_key_ref(item->key);
        remove_object(i, step, key, VALUE_ABSENT);
        object_key_unref(key);
    }
}

bool informer_has_synced(const struct informer *i)
{
    return i->has_synced;
}

/* ---- handlers ---- */

static void notify(struct informer *i, struct step *step, const struct object_key *key,
                   struct value before, struct value after)
{
    for (size_t n = 0; n < i->handlers.count; n++)
        i->handlers.items[n].changed(i->handlers.items[n].owner, step, key, before, after);
}

static void on_resync(void *owner, struct step *step)
{
    struct informer *i = owner;
    for (struct map_cursor c = map_first(&i->store.items); c.item; map_next(&c)) {
        const struct stored_item *item = c.item;
        notify(i, step, item->key, item->object, item->object);
    }
    client_timer_set(i->client, step, &i->resync_timer, instant_add(step->now, i->resync));
}

/* Items of a list come without kind and apiVersion; whoever reads the copy relies on them. */
static struct value with_kind(const struct informer *i, struct value own_object)
{
    if (value_is_present(value_get(own_object, ATOM_kind)))
        return own_object;
    own_object = value_set(own_object, ATOM_kind, value_string(i->resource->kind));
    return value_set(own_object, ATOM_apiVersion, value_string(i->resource->group_version));
}

static void put_object(struct informer *i, struct step *step, struct value object, bool from_list)
{
    const struct object_key *key = object_key_of_object(i->resource->storage, object);
    struct value before;
    struct stored_item *item =
        informer_store_put(&i->store, key, with_kind(i, value_keep(object)), &before);
    item->mark = i->list_mark;
    bool is_news =
        !value_is_present(before) || !from_list || object_version(before) != object_version(object);
    if (is_news) {
        struct value after = value_keep(item->object);
        notify(i, step, key, before, after);
        value_drop(after);
    }
    value_drop(before);
    object_key_unref(key);
}

/* `last` is the state in which the server deleted it; absent when only its absence was noticed. */
static void remove_object(struct informer *i, struct step *step, const struct object_key *key,
                          struct value last)
{
    struct value object;
    if (!informer_store_remove(&i->store, key, &object))
        return;
    notify(i, step, key, value_is_present(last) ? last : object, VALUE_ABSENT);
    value_drop(object);
    object_key_unref(key);
}

/* ---- waiting ---- */

static void retry_later(struct informer *i, struct step *step, bool watch_next)
{
    struct duration quiet = instant_since(step->now, i->backoff_last);
    if (i->backoff_ms == 0 || quiet.ns > duration_minutes(BACKOFF_RESET_MINUTES).ns)
        i->backoff_ms = BACKOFF_FIRST_MS;
    int64_t spread = (int64_t)client_random_below(i->client, step, (uint64_t)i->backoff_ms * 1000);
    struct duration wait = duration_us(i->backoff_ms * 1000 + spread);
    i->backoff_ms = i->backoff_ms * 2 < BACKOFF_MAX_MS ? i->backoff_ms * 2 : BACKOFF_MAX_MS;
    i->backoff_last = step->now;
    i->state = REFLECTOR_WAITING;
    i->watch_next = watch_next;
    client_timer_set(i->client, step, &i->retry_timer, instant_add(step->now, wait));
}

static void on_retry(void *owner, struct step *step)
{
    struct informer *i = owner;
    if (i->watch_next)
        watch_begin(i, step);
    else
        list_begin(i, step);
}

static void relist_most_recent(struct informer *i, struct step *step)
{
    i->is_expired = true;
    list_begin(i, step);
}

/* ---- list ---- */

static void replace_all(struct informer *i, struct step *step, struct value list)
{
    struct value items = value_get(list, ATOM_items);
    i->list_mark++;
    for (size_t n = 0; n < value_count(items); n++)
        put_object(i, step, value_at(items, n), true);
    VEC(const struct object_key *) gone = {0};
    for (struct map_cursor c = map_first(&i->store.items); c.item; map_next(&c)) {
        const struct stored_item *item = c.item;
        if (item->mark != i->list_mark)
            vec_push(&gone, object_key_ref(item->key));
    }
    for (size_t n = 0; n < gone.count; n++) {
        remove_object(i, step, gone.items[n], VALUE_ABSENT);
        object_key_unref(gone.items[n]);
    }
    vec_release(&gone);
}

static void on_list(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    (void)tag;
    struct informer *i = owner;
    i->request_id = 0;
    if (r->code == 410 && !i->is_expired) {
        relist_most_recent(i, step);
        return;
    }
    int64_t version = object_version(r->body);
    /* A list older than what was seen would take the copy back in time. */
    if (!response_ok(r) || version < i->version) {
        retry_later(i, step, false);
        return;
    }
    i->is_expired = false;
    i->version = version;
    replace_all(i, step, r->body);
    i->has_synced = true;
    watch_begin(i, step);
}

static struct request *request_of(const struct informer *i, enum verb verb)
{
    struct request *r = request_new(verb, i->resource);
    struct list_options *options = request_list_options(r);
    r->namespace = value_keep(i->namespace);
    options->label_selector = value_keep(i->label_selector);
    options->field_selector = value_keep(i->field_selector);
    return r;
}

static void list_begin(struct informer *i, struct step *step)
{
    struct request *r = request_of(i, VERB_LIST);
    r->list->resource_version =
        i->is_expired ? value_string(S("")) : value_printf("%" PRId64, i->version);
    i->state = REFLECTOR_LISTING;
    i->request_id = client_send(i->client, step, r, on_list, i, 0);
}

/* ---- watch ---- */

static void watch_over(struct informer *i, struct step *step)
{
    i->request_id = 0;
    bool was_short =
        instant_since(step->now, i->watch_opened).ns < duration_s(SHORT_WATCH_SECONDS).ns;
    if (!i->watch_is_open || (was_short && !i->watch_had_event))
        retry_later(i, step, i->watch_is_open);
    else
        watch_begin(i, step);
}

static void on_watch_opened(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    (void)tag;
    struct informer *i = owner;
    if (response_ok(r)) {
        i->watch_is_open = true;
        i->watch_had_event = false;
        i->watch_opened = step->now;
    } else if (r->code == 410) {
        i->request_id = 0;
        relist_most_recent(i, step);
    } else if (r->code == 0 && !i->watch_is_open) {
        i->request_id = 0;
        retry_later(i, step, true);
    } else {
        watch_over(i, step);
    }
}

static void on_change(struct informer *i, struct step *step, const struct watch_event *e)
{
    int64_t version = object_version(e->object);
    if (version <= i->version)
        return; /* seen: a watch never takes the copy back */
    i->version = version;
    if (e->type == WATCH_DELETED) {
        const struct object_key *key = object_key_of_object(i->resource->storage, e->object);
        remove_object(i, step, key, e->object);
        object_key_unref(key);
    } else {
        put_object(i, step, e->object, false);
    }
}

static void on_watch_event(void *owner, struct step *step, const struct watch_event *e,
                           uint64_t tag)
{
    (void)tag;
    struct informer *i = owner;
    i->watch_had_event = true;
    switch (e->type) {
    case WATCH_ADDED:
    case WATCH_MODIFIED:
    case WATCH_DELETED:
        on_change(i, step, e);
        return;
    case WATCH_BOOKMARK:
        if (object_version(e->object) > i->version)
            i->version = object_version(e->object);
        return;
    case WATCH_ERROR:
        client_forget(i->client, step, i->request_id);
        i->request_id = 0;
        if (status_code(e->object) == 410)
            relist_most_recent(i, step);
        else
            retry_later(i, step, false);
        return;
    case WATCH_END:
        watch_over(i, step);
        return;
    }
}

static void watch_begin(struct informer *i, struct step *step)
{
    struct request *r = request_of(i, VERB_WATCH);
    int64_t spread = (int64_t)client_random_below(i->client, step, WATCH_SPREAD_SECONDS);
    r->list->resource_version = value_printf("%" PRId64, i->version);
    r->list->allow_bookmarks = true;
    r->list->send_initial_events = -1;
    r->list->timeout = duration_s(WATCH_MIN_SECONDS + spread);
    i->state = REFLECTOR_WATCHING;
    i->watch_is_open = false;
    i->request_id = client_watch(i->client, step, r, on_watch_opened, on_watch_event, i, 0);
}

/* ---- reading ---- */

struct value informer_get(const struct informer *i, const struct object_key *key)
{
    const struct stored_item *item = informer_store_find(&i->store, key);
    return item ? item->object : VALUE_ABSENT;
}

struct value informer_get_named(const struct informer *i, struct str namespace, struct str name)
{
    struct object_key key = {
        .resource = i->resource->storage, .namespace = namespace, .name = name};
    const struct stored_item *item = map_get(&i->store.items, &(struct stored_item){.key = &key});
    return item ? item->object : VALUE_ABSENT;
}

size_t informer_count(const struct informer *i)
{
    return i->store.items.count;
}

int64_t informer_version(const struct informer *i)
{
    return i->version;
}

static void cursor_settle(struct informer_cursor *c)
{
    const struct stored_item *item = c->position.item;
    bool is_inside =
        item && (c->namespace.size == 0 || str_equal(item->key->namespace, c->namespace));
    c->key = is_inside ? item->key : NULL;
    c->object = is_inside ? item->object : VALUE_ABSENT;
}

struct informer_cursor informer_first(const struct informer *i, struct str namespace)
{
    struct informer_cursor c = {.namespace = namespace};
    if (namespace.size == 0) {
        c.position = map_first(&i->store.items);
    } else {
        struct object_key key = {
            .resource = i->resource->storage, .namespace = namespace, .name = S("")};
        c.position = map_at_or_after(&i->store.items, &(struct stored_item){.key = &key});
    }
    cursor_settle(&c);
    return c;
}

void informer_next(struct informer_cursor *c)
{
    map_next(&c->position);
    cursor_settle(c);
}

informer_index informer_add_index(struct informer *i, informer_terms_fn terms)
{
    for (uint32_t n = 0; n < i->store.indexes.count; n++)
        if (i->store.indexes.items[n].terms == terms)
            return n;
    CHECK(informer_count(i) == 0);
    informer_store_add_index(&i->store, terms);
    return (informer_index)i->store.indexes.count - 1;
}

struct informer_cursor informer_first_with(const struct informer *i, informer_index index,
                                           struct str term)
{
    struct informer_cursor c = {0};
    const struct map *items = informer_store_with(&i->store, index, term);
    if (items)
        c.position = map_first(items);
    cursor_settle(&c);
    return c;
}

void informer_terms_controller_uid(struct value object, informer_emit_fn emit, void *sink)
{
    struct value reference = object_controller_ref(object);
    if (value_is_present(reference))
        emit(sink, VALUE_STR(reference, uid));
}

void informer_terms_node_name(struct value object, informer_emit_fn emit, void *sink)
{
    struct str node = VALUE_STR(object, spec, nodeName);
    if (node.size)
        emit(sink, node);
}

void informer_terms_orphan(struct value object, informer_emit_fn emit, void *sink)
{
    if (!value_is_present(object_controller_ref(object)))
        emit(sink, value_str(object_namespace(object)));
}
