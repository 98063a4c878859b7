/* SPDX-License-Identifier: Apache-2.0
 *
 * The picture of the cluster: per stored resource an ordered map of entries and a dense array of
 * the same entries by the key's id. Most changes are updates of what is there: they go through the
 * array and touch no tree.
 *
 * Invariants: an entry is in the map if and only if it is in the array; an entry's value is
 * present; the revision of each entry is at most that of its resource, which is at most that of the
 * picture.
 *
 * Kinds that are no constant rows get a shelf with their first object, in the order of group and
 * plural.
 */
#include "sim/base/base.h"

#include "cluster/view/view.h"

#include "cluster/api/custom/definition.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

struct probe {
    struct str namespace, name;
};

struct entry {
    struct probe probe; /* first: an entry is a probe for itself; the bytes are the key's */
    const struct object_key *key; /* owned */
    struct value object;          /* owned */
    int64_t revision;
};

struct shelf { /* of one stored resource */
    const struct resource *resource;
    struct map entries;
    struct entry **by_id;
    size_t by_id_count;
    int64_t revision;
};

struct listener {
    view_fn changed;
    void *owner;
};

struct view {
    struct shelf *shelves; /* by resource index */
    size_t shelf_count;
    VEC(struct shelf *) custom; /* of custom kinds, by group and plural */
    int64_t revision;
    uint64_t change_count;
    VEC(struct listener) listeners;
};

static int entry_compare(const void *probe, const void *item);
static struct shelf *shelf_of(const struct view *v, const struct resource *r);
static struct shelf *shelf_make(struct view *v, const struct resource *stored);
static struct entry *shelf_entry(const struct shelf *s, const struct object_key *key);
static void shelf_add(struct shelf *s, const struct view_change *change);
static void shelf_remove(struct shelf *s, struct entry *e);
static void cursor_fill(struct view_cursor *c);

struct view *view_new(void)
{
    struct view *v = mem_new(struct view);
    v->shelf_count = resource_count();
    v->shelves = mem_array(struct shelf, v->shelf_count);
    for (size_t i = 0; i < v->shelf_count; i++) {
        v->shelves[i].resource = resource_at(i);
        v->shelves[i].entries.compare = entry_compare;
    }
    return v;
}

static void shelf_release(struct shelf *s)
{
    for (struct map_cursor c = map_first(&s->entries); c.item; map_next(&c)) {
        struct entry *e = c.item;
        value_drop(e->object);
        object_key_unref(e->key);
        mem_free(e);
    }
    map_release(&s->entries);
    mem_free(s->by_id);
}

void view_free(struct view *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->shelf_count; i++)
        shelf_release(&v->shelves[i]);
    for (size_t i = 0; i < v->custom.count; i++) {
        shelf_release(v->custom.items[i]);
        mem_free(v->custom.items[i]);
    }
    vec_release(&v->custom);
    mem_free(v->shelves);
    vec_release(&v->listeners);
    mem_free(v);
}

void view_apply(struct view *v, const struct view_change *change)
{
    /* One write may delete several keys: those that hung on a lease. */
    CHECK(change->revision > v->revision ||
          (change->revision == v->revision && !value_is_present(change->after)));
    struct shelf *s = shelf_make(v, change->key->resource);
    struct entry *e = shelf_entry(s, change->key);

    v->revision = change->revision;
    v->change_count++;
    s->revision = change->revision;
    if (!e && value_is_present(change->after))
        shelf_add(s, change);
    else if (e && value_is_present(change->after)) {
        value_drop(e->object);
        e->object = value_keep(change->after);
        e->revision = change->revision;
    }
    /* `before` is held by the change: the entry may go first. */
    else if (e)
        shelf_remove(s, e);
    for (size_t i = 0; i < v->listeners.count; i++)
        v->listeners.items[i].changed(v->listeners.items[i].owner, change);
}

void view_listen(struct view *v, view_fn changed, void *owner)
{
    vec_push(&v->listeners, (struct listener){changed, owner});
}

void view_unlisten(struct view *v, view_fn changed, void *owner)
{
    for (size_t i = 0; i < v->listeners.count; i++) {
        if (v->listeners.items[i].changed == changed && v->listeners.items[i].owner == owner) {
            vec_remove(&v->listeners, i);
            return;
        }
    }
}

int64_t view_revision(const struct view *v)
{
    return v->revision;
}

uint64_t view_change_count(const struct view *v)
{
    return v->change_count;
}

int64_t view_resource_revision(const struct view *v, const struct resource *r)
{
    return shelf_of(v, r)->revision;
}

size_t view_count(const struct view *v, const struct resource *r)
{
    return shelf_of(v, r)->entries.count;
}

struct value view_get(const struct view *v, const struct object_key *key)
{
    const struct entry *e = shelf_entry(shelf_of(v, key->resource), key);
    return e ? e->object : VALUE_ABSENT;
}

struct value view_get_named(const struct view *v, const struct resource *r, struct str namespace,
                            struct str name)
{
    const struct entry *e = map_get(&shelf_of(v, r)->entries, &(struct probe){namespace, name});
    return e ? e->object : VALUE_ABSENT;
}

struct view_cursor view_first(const struct view *v, const struct resource *r, struct str namespace)
{
    struct view_cursor c = {.namespace = namespace};
    c.position = map_at_or_after(&shelf_of(v, r)->entries, &(struct probe){namespace, S("")});
    cursor_fill(&c);
    return c;
}

void view_next(struct view_cursor *c)
{
    map_next(&c->position);
    cursor_fill(c);
}

static void cursor_fill(struct view_cursor *c)
{
    const struct entry *e = c->position.item;
    if (e && c->namespace.size && !str_equal(e->key->namespace, c->namespace))
        e = NULL;
    c->key = e ? e->key : NULL;
    c->object = e ? e->object : VALUE_ABSENT;
    c->revision = e ? e->revision : 0;
}

static int entry_compare(const void *probe, const void *item)
{
    const struct probe *p = probe;
    const struct entry *e = item;
    int order = str_compare(p->namespace, e->probe.namespace);
    return order ? order : str_compare(p->name, e->probe.name);
}

static struct shelf *shelf_of(const struct view *v, const struct resource *r)
{
    static const struct shelf none = {.entries = {.compare = entry_compare}}; /* no objects */
    const struct resource *stored = r->storage;
    if (stored->index < v->shelf_count)
        return &v->shelves[stored->index];
    for (size_t i = 0; i < v->custom.count; i++)
        if (v->custom.items[i]->resource == stored)
            return v->custom.items[i];
    return (struct shelf *)(uintptr_t)&none; /* readers find nothing; shelf_make makes one */
}

static struct shelf *shelf_make(struct view *v, const struct resource *stored)
{
    struct shelf *s = shelf_of(v, stored);
    if (s->resource)
        return s;
    size_t at = 0;
    for (; at < v->custom.count; at++) {
        const struct resource *r = v->custom.items[at]->resource;
        int order = str_compare(r->group, stored->group);
        if ((order ? order : str_compare(r->plural, stored->plural)) > 0)
            break;
    }
    s = mem_new(struct shelf);
    s->resource = stored;
    s->entries.compare = entry_compare;
    vec_insert(&v->custom, at, s);
    return s;
}

const struct resource *view_find_kind(const struct view *v, struct str api_version,
                                      struct str kind)
{
    const struct resource *found = resource_find_kind(api_version, kind);
    struct view_cursor c =
        view_first(v, resource_get(RESOURCE_customresourcedefinitions), S(""));
    for (; c.key && !found; view_next(&c)) {
        struct value spec = VALUE_GET(c.object, spec);
        if (!str_starts_with(api_version, VALUE_STR(spec, group)))
            continue;
        struct custom_definition *d = custom_definition_new(c.object);
        for (size_t i = 0; i < d->kind_count && d->is_established; i++)
            if (d->kinds[i].is_served && str_equal(d->kinds[i].resource->kind, kind) &&
                str_equal(d->kinds[i].resource->group_version, api_version))
                found = d->kinds[i].resource;
        custom_definition_unref(d);
    }
    return found;
}

size_t view_stored_count(const struct view *v)
{
    return v->shelf_count + v->custom.count;
}

const struct resource *view_stored_at(const struct view *v, size_t i)
{
    return i < v->shelf_count ? v->shelves[i].resource
                              : v->custom.items[i - v->shelf_count]->resource;
}

static struct entry *shelf_entry(const struct shelf *s, const struct object_key *key)
{
    return key->id < s->by_id_count ? s->by_id[key->id] : NULL;
}

static void shelf_add(struct shelf *s, const struct view_change *change)
{
    struct entry *e = mem_new(struct entry);
    *e = (struct entry){{change->key->namespace, change->key->name},
                        object_key_ref(change->key),
                        value_keep(change->after),
                        change->revision};
    if (e->key->id >= s->by_id_count) {
        size_t count = vec_growth(s->by_id_count, e->key->id + 1);
        s->by_id = mem_resize(s->by_id, struct entry *, s->by_id_count, count);
        s->by_id_count = count;
    }
    s->by_id[e->key->id] = e;
    map_add(&s->entries, e);
}

static void shelf_remove(struct shelf *s, struct entry *e)
{
    s->by_id[e->key->id] = NULL;
    CHECK(map_remove(&s->entries, e) == e);
    value_drop(e->object);
    object_key_unref(e->key);
    mem_free(e);
}
