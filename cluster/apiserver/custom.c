/* SPDX-License-Identifier: Apache-2.0
 *
 * Which custom kinds this API server serves, and what a request means by them (custom.h).
 *
 * A request for a kind that is no constant row names group, version and plural. It is served when
 * this server's watch cache has the definition, its names are accepted, and the version is served;
 * else the answer is "404 page not found", as of a path that nobody knows. A definition whose spec
 * or accepted names change is another one: the watches of its objects end, and clients come again.
 *
 * A creation within two seconds of the definition's becoming established waits for two seconds, so
 * that other API servers have heard of it as well.
 *
 * DEVIATION: conversion webhooks are not called: a definition with the strategy Webhook serves its
 * stored version, and refuses requests for the others.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/customresource_handler.go.
 */
#include "cluster/apiserver/custom.h"

#include "cluster/api/custom/object.h"
#include "cluster/api/custom/prune.h"
#include "cluster/api/custom/warnings.h"
#include "cluster/api/object.h"
#include "cluster/apiserver/custom_state.h"

#define YOUNG_S 2

static int entry_compare(const void *probe, const void *item)
{
    const struct custom_entry *a = probe, *b = item;
    int order = str_compare(a->group, b->group);
    return order ? order : str_compare(a->plural, b->plural);
}

void custom_init(struct apiserver *s)
{
    s->custom.entries.compare = entry_compare;
}

void custom_release(struct apiserver *s)
{
    for (struct map_cursor c = map_first(&s->custom.entries); c.item; map_next(&c)) {
        struct custom_entry *e = c.item;
        custom_definition_unref(e->definition);
        object_key_unref(e->key);
        mem_free(e);
    }
    map_release(&s->custom.entries);
    vec_release(&s->custom.dirty);
    custom_catalog_unref(s->custom.catalog);
}

/* ---- definitions ---- */

struct custom_entry *custom_entry_find(const struct apiserver *s, struct str group,
                                       struct str plural)
{
    return map_get(&s->custom.entries, &(struct custom_entry){.group = group, .plural = plural});
}

const struct custom_definition *custom_find(const struct apiserver *s, struct str group,
                                            struct str plural)
{
    const struct custom_entry *e = custom_entry_find(s, group, plural);
    return e ? e->definition : NULL;
}

/* A definition's name is its plural and its group. */
static struct custom_entry *entry_of(struct apiserver *s, const struct object_key *key)
{
    struct str group, plural = str_cut(key->name, '.', &group);
    struct custom_entry *e = custom_entry_find(s, group, plural);
    if (e)
        return e;
    e = mem_new(struct custom_entry);
    e->server = s;
    e->key = object_key_ref(key);
    e->plural = str_cut(e->key->name, '.', &e->group);
    map_put(&s->custom.entries, e);
    return e;
}

void custom_mark_dirty(struct custom_entry *e)
{
    if (e->is_dirty)
        return;
    e->is_dirty = true;
    vec_push(&e->server->custom.dirty, e);
}

/* Names that one definition frees may be another's. */
static void mark_group(struct apiserver *s, struct str group)
{
    struct map_cursor c = map_at_or_after(&s->custom.entries,
                                          &(struct custom_entry){.group = group, .plural = S("")});
    for (; c.item && str_equal(((struct custom_entry *)c.item)->group, group); map_next(&c))
        custom_mark_dirty(c.item);
}

static void watches_end(struct apiserver *s, struct step *step, const struct resource *stored)
{
    const struct watch_cache *c = watch_cache_of(s, stored);
    for (size_t i = 0; i < s->caches.watchers.count; i++)
        if (s->caches.watchers.items[i] && s->caches.watchers.items[i]->cache == c)
            watcher_end(s->caches.watchers.items[i], step, VALUE_ABSENT);
}

static bool is_the_same(const struct custom_definition *a, const struct custom_definition *b)
{
    return a && b && value_equal(VALUE_GET(a->object, spec), VALUE_GET(b->object, spec)) &&
           value_equal(VALUE_GET(a->object, status, acceptedNames),
                       VALUE_GET(b->object, status, acceptedNames)) &&
           value_equal(object_uid(a->object), object_uid(b->object));
}

/* `object` absent: the definition is gone. */
static void entry_set(struct custom_entry *e, struct step *step, struct value object)
{
    struct apiserver *s = e->server;
    const struct custom_definition *old = e->definition;
    e->definition = value_is_present(object) ? custom_definition_new(object) : NULL;
    if (e->definition)
        watch_cache_begin(s, step, e->definition->stored);
    if (!is_the_same(old, e->definition)) {
        if (old)
            watches_end(s, step, old->stored);
        mark_group(s, e->group);
    }
    custom_definition_unref(old);
    custom_catalog_unref(s->custom.catalog);
    s->custom.catalog = NULL;
    custom_mark_dirty(e);
}

void custom_changed(struct apiserver *s, struct step *step, const struct watch_cache *c,
                    const struct cache_event *event)
{
    if (c->resource == resource_get(RESOURCE_customresourcedefinitions)) {
        entry_set(entry_of(s, event->kv->key), step, event->kv->value);
    } else if (resource_is_custom(c->resource)) {
        struct custom_entry *e = custom_entry_find(s, c->resource->group, c->resource->plural);
        if (e && e->definition && object_is_deleting(e->definition->object))
            custom_mark_dirty(e);
    }
}

void custom_listed(struct apiserver *s, struct step *step)
{
    for (struct map_cursor c = map_first(&s->custom.entries); c.item; map_next(&c)) {
        const struct custom_entry *e = c.item;
        if (e->definition && !watch_cache_get(s, e->key))
            entry_set(c.item, step, VALUE_ABSENT);
    }
    for (struct cache_cursor k = watch_cache_of_known(s, RESOURCE_customresourcedefinitions, S(""));
         k.kv; watch_cache_next(&k))
        entry_set(entry_of(s, k.kv->key), step, k.kv->value);
}

void custom_settle(struct apiserver *s, struct step *step)
{
    while (s->custom.dirty.count > 0) {
        struct custom_entry *e = vec_pop(&s->custom.dirty);
        e->is_dirty = false;
        custom_sync(e, step);
    }
}

void custom_timer(struct apiserver *s, struct step *step)
{
    for (struct map_cursor c = map_first(&s->custom.entries); c.item; map_next(&c)) {
        struct custom_entry *e = c.item;
        if (e->wants_retry)
            custom_mark_dirty(e);
        e->wants_retry = false;
    }
    custom_settle(s, step);
}

const struct custom_catalog *custom_catalog_get(struct apiserver *s)
{
    if (!s->custom.catalog) {
        VEC(const struct custom_definition *) items = {0};
        for (struct map_cursor c = map_first(&s->custom.entries); c.item; map_next(&c)) {
            const struct custom_definition *d = ((struct custom_entry *)c.item)->definition;
            if (d && d->is_established && custom_definition_preferred(d))
                vec_push(&items, custom_definition_ref(d));
        }
        s->custom.catalog = custom_catalog_new(items.items, items.count);
        vec_release(&items);
    }
    return custom_catalog_ref(s->custom.catalog);
}

/* ---- requests ---- */

/* What is asked for: by a row, or by what a path says. */
struct asked {
    struct str group, version, plural, name, subresource;
};

/* The version that a request means; NULL: nothing is served there. */
static const struct custom_kind *kind_asked(const struct apiserver *s, const struct asked *a)
{
    const struct custom_definition *d = custom_find(s, a->group, a->plural);
    if (!d)
        return NULL;
    /* A key has no version: which one its client would have found out by discovery. */
    const struct custom_kind *k = a->version.size > 0 ? custom_definition_version(d, a->version)
                                                      : custom_definition_preferred(d);
    return k && custom_kind_is_served(k) ? k : NULL;
}

static bool scope_fits(const struct custom_kind *k, const struct request *r)
{
    bool has_namespace = value_str(r->namespace).size > 0;
    if (!k->resource->is_namespaced)
        return !has_namespace;
    return has_namespace || r->verb == VERB_LIST || r->verb == VERB_WATCH;
}

static void subresource_set(struct call *c, struct str text)
{
    uint32_t has = c->kind->resource->subresources;
    if (str_equal(text, S("status")) && (has & (1u << SUBRESOURCE_STATUS)))
        c->request->subresource = SUBRESOURCE_STATUS;
    else if (str_equal(text, S("scale")) && (has & (1u << SUBRESOURCE_SCALE)))
        c->request->subresource = SUBRESOURCE_SCALE;
    else
        c->has_unknown_subresource = text.size > 0;
}

/* The key of what a path names; of a creation, its body names it. */
static void key_set(struct call *c, struct str name)
{
    struct request *r = c->request;
    struct str namespace = value_str(r->namespace);
    struct str own = VALUE_STR(r->body, metadata, namespace);
    struct str own_name = VALUE_STR(r->body, metadata, name); /* outlives the block below */
    bool is_create = r->verb == VERB_CREATE && name.size == 0;
    if (is_create)
        name = own_name;
    if (name.size == 0 || (is_create && own.size > 0 && c->kind->resource->is_namespaced &&
                           !str_equal(own, namespace)))
        return; /* the registry refuses the latter */
    r->key = object_key_of(c->kind->resource, namespace, name);
    c->key = object_key_ref(r->key);
}

/* Who could not read the body did not know what it should have been. */
static void refusal_name(struct request *r)
{
    const struct str begin = S("the object provided is unrecognized (must be of type ");
    struct str message = VALUE_STR(r->refusal, message);
    if (!str_starts_with(message, begin) || message.size == begin.size ||
        message.bytes[begin.size] != ')')
        return;
    struct str kind = r->subresource == SUBRESOURCE_SCALE ? S("Scale") : r->resource->kind;
    struct value named = value_printf("%.*s%.*s%.*s", STR_ARG(begin), STR_ARG(kind),
                                      STR_ARG(str_slice(message, begin.size, message.size)));
    r->refusal = VALUE_SET(r->refusal, named, message);
}

bool custom_resolve(struct call *c)
{
    struct request *r = c->request;
    bool has_target = value_is_present(r->target);
    if (!has_target && (!r->resource || !resource_is_custom(r->resource)))
        return true;
    struct asked a = {.group = VALUE_STR(r->target, group),
                      .version = VALUE_STR(r->target, version),
                      .plural = VALUE_STR(r->target, resource),
                      .name = VALUE_STR(r->target, name),
                      .subresource = VALUE_STR(r->target, subresource)};
    if (!has_target) {
        a.group = r->resource->group;
        a.version = r->resource->version;
        a.plural = r->resource->plural;
    }
    const struct custom_kind *k = kind_asked(c->server, &a);
    if (!k)
        return false;
    if (has_target ? !scope_fits(k, r) : r->resource->storage != k->resource->storage)
        return false;
    c->kind = custom_kind_ref(k);
    c->resource = k->resource->storage;
    r->resource = k->resource;
    if (has_target) {
        subresource_set(c, a.subresource);
        refusal_name(r);
        if (r->verb != VERB_WATCH && r->verb != VERB_LIST && !r->key)
            key_set(c, a.name);
    }
    return true;
}

static struct value not_allowed_while_terminating(const struct resource *r)
{
    return status_make(405, S("MethodNotAllowed"),
                       S("create not allowed while custom resource definition is terminating"),
                       value_pack("{group: %S, kind: %S}", r->group, r->plural));
}

/* How long a creation waits. */
static struct duration wait_of_creation(const struct call *c, struct step *step)
{
    struct wall_time since;
    struct value conditions = VALUE_GET(c->kind->definition->object, status, conditions);
    struct value established = condition_find(conditions, "Established");
    if (!time_parse(VALUE_GET(established, lastTransitionTime), &since) ||
        step->wall.unix_ns - since.unix_ns >= duration_s(YOUNG_S).ns)
        return duration_ns(0);
    return duration_s(YOUNG_S);
}

static bool is_refused(struct call *c, struct step *step)
{
    const struct custom_kind *k = c->kind;
    struct request *r = c->request;
    if (value_is_present(k->warning))
        call_warn(c, value_keep(k->warning));
    if (c->has_unknown_subresource) {
        call_refuse(c, step, status_not_found(r->resource, c->key ? c->key->name : S("")));
        return true;
    }
    if (r->verb == VERB_PATCH && r->patch_type == PATCH_STRATEGIC) {
        call_refuse(c, step,
                    status_make(415, S("UnsupportedMediaType"),
                                S("the body of the request was in an unknown format - accepted "
                                  "media types include: application/json-patch+json, "
                                  "application/merge-patch+json, application/apply-patch+yaml"),
                                VALUE_ABSENT));
        return true;
    }
    if (k->definition->converts_by_webhook && !k->is_stored) {
        AUTO(text) struct text m = {0};
        text_printf(&m,
                    "conversion webhook for %.*s, Kind=%.*s failed: the simulation does not call "
                    "conversion webhooks; the stored version is served",
                    STR_ARG(k->resource->group_version), STR_ARG(k->resource->kind));
        call_refuse(c, step, status_internal_error(text_str(&m)));
        return true;
    }
    bool needs_cache =
        r->verb == VERB_LIST || r->verb == VERB_WATCH || r->verb == VERB_DELETE_COLLECTION;
    if (needs_cache && watch_cache_of(c->server, c->resource)->is_filling) {
        call_refuse(c, step, status_too_many_requests(S("storage is (re)initializing"), 1));
        return true;
    }
    if (r->verb == VERB_CREATE && k->definition->is_terminating) {
        call_refuse(c, step, not_allowed_while_terminating(r->resource));
        return true;
    }
    return false;
}

bool custom_admit(struct call *c, struct step *step)
{
    if (!c->kind || c->has_waited)
        return true;
    if (is_refused(c, step))
        return false;
    if (c->request->verb != VERB_CREATE || c->request->subresource != SUBRESOURCE_NONE)
        return true;
    struct duration wait = wait_of_creation(c, step);
    if (wait.ns == 0)
        return true;
    c->has_waited = true;
    c->wait_timer =
        step_timer_set(step, instant_add(step->now, wait), TIMER_TAG(TIMER_CUSTOM_CREATE, c->slot));
    return false;
}

void custom_timer_create(struct apiserver *s, struct step *step, uint32_t slot)
{
    struct call *c = slot < s->slots.count ? s->slots.items[slot] : NULL;
    if (!c || c->wait_timer == 0)
        return;
    c->wait_timer = 0;
    pipeline_execute(c, step);
}

/* ---- objects ---- */

static struct value version_set(struct value own_object, const struct resource *r)
{
    if (VALUE_IS(own_object, r->group_version.bytes, apiVersion))
        return own_object;
    return value_set(own_object, ATOM_apiVersion, value_string(r->group_version));
}

struct value custom_show(const struct custom_kind *k, struct value own_object)
{
    own_object = version_set(own_object, k->resource);
    own_object = schema_prune(k->schema, own_object, NULL);
    return schema_default(k->schema, own_object);
}

struct value custom_store(const struct custom_kind *k, struct value own_object)
{
    return version_set(own_object, custom_definition_version(k->definition, S(""))->resource);
}

/* A custom object is validated as the version that was asked for shows it. */
void custom_check_object(const struct call *c, struct value old, struct field_errors *errors)
{
    AUTO(value) struct value new = custom_show(c->kind, value_keep(c->object));
    AUTO(value)
    struct value before =
        value_is_present(old) ? custom_show(c->kind, value_keep(old)) : VALUE_ABSENT;
    custom_validate(c->kind, new, before, c->request->subresource == SUBRESOURCE_STATUS, errors);
}

void custom_warn(struct call *c, struct value old)
{
    if (c->kind)
        c->warnings = finalizer_warnings(c->object, old, c->warnings);
    else if (c->resource == resource_get(RESOURCE_customresourcedefinitions))
        c->warnings = definition_warnings(c->object, old, c->warnings);
}
