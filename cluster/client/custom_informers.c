/* SPDX-License-Identifier: Apache-2.0
 *
 * Informers that come and go with their definitions (custom_informers.h).
 *
 * Simplification: upstream's users look at discovery every thirty seconds; here the definitions are
 * watched, which is what upstream's discovery shows a moment later.
 */
#include "sim/base/base.h"

#include "cluster/client/custom_informers.h"

#include "cluster/api/custom/definition.h"
#include "cluster/api/object.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

struct custom_informer {
    const struct resource *stored;
    struct informer *informer;
};
struct custom_informers {
    struct client *client;
    struct informer *definitions;
    informer_fn changed;
    void *owner;
    VEC(struct custom_informer) items; /* in the order of their beginning */
};

static void on_definition(void *owner, struct step *step, const struct object_key *key,
                          struct value before, struct value after);

struct custom_informers *custom_informers_new(struct client *client,
                                              struct informer_factory *factory, informer_fn changed,
                                              void *owner)
{
    struct custom_informers *k = mem_new(struct custom_informers);
    k->client = client;
    k->changed = changed;
    k->owner = owner;
    k->definitions = informer_factory_get(factory, RESOURCE_customresourcedefinitions);
    informer_handle(k->definitions, on_definition, k);
    return k;
}

void custom_informers_free(struct custom_informers *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->items.count; i++)
        informer_free(k->items.items[i].informer);
    vec_release(&k->items);
    mem_free(k);
}

const struct resource *custom_preferred_row(struct value object)
{
    if (!condition_is_true(VALUE_GET(object, status, conditions), "Established"))
        return NULL;
    struct custom_definition *d = custom_definition_new(object);
    const struct custom_kind *best = custom_definition_preferred(d);
    const struct resource *r = best ? best->resource : NULL;
    custom_definition_unref(d);
    return r;
}

const struct resource *custom_informers_find_kind(const struct custom_informers *k,
                                                  struct str api_version, struct str kind)
{
    const struct resource *found = NULL;
    struct informer_cursor c = informer_first(k->definitions, S(""));
    for (; c.key && !found; informer_next(&c)) {
        struct value spec = VALUE_GET(c.object, spec);
        if (!str_starts_with(api_version, VALUE_STR(spec, group)) ||
            !str_equal(VALUE_STR(spec, names, kind), kind))
            continue;
        struct custom_definition *d = custom_definition_new(c.object);
        for (size_t i = 0; i < d->kind_count; i++)
            if (str_equal(d->kinds[i].resource->group_version, api_version))
                found = d->kinds[i].resource;
        custom_definition_unref(d);
    }
    return found;
}

size_t custom_informers_count(const struct custom_informers *k)
{
    return k->items.count;
}

struct informer *custom_informers_at(const struct custom_informers *k, size_t i,
                                     const struct resource **ret_stored)
{
    *ret_stored = k->items.items[i].stored;
    return k->items.items[i].informer;
}

static void end(struct custom_informers *k, struct step *step, const struct resource *stored)
{
    for (size_t i = 0; i < k->items.count; i++) {
        if (k->items.items[i].stored != stored)
            continue;
        struct informer *informer = k->items.items[i].informer;
        vec_remove(&k->items, i);
        informer_stop(informer, step);
        informer_free(informer);
        return;
    }
}

static void begin(struct custom_informers *k, struct step *step, const struct resource *row)
{
    for (size_t i = 0; i < k->items.count; i++)
        if (k->items.items[i].stored == row->storage)
            return;
    struct informer *informer =
        informer_new(k->client, &(struct informer_options){.resource = row});
    informer_handle(informer, k->changed, k->owner);
    vec_push(&k->items, (struct custom_informer){row->storage, informer});
    informer_start(informer, step);
}

static void on_definition(void *owner, struct step *step, const struct object_key *key,
                          struct value before, struct value after)
{
    struct custom_informers *k = owner;
    (void)key;
    const struct resource *was = value_is_present(before) ? custom_preferred_row(before) : NULL;
    const struct resource *is = value_is_present(after) ? custom_preferred_row(after) : NULL;
    if (was && (!is || is->storage != was->storage))
        end(k, step, was->storage);
    if (is)
        begin(k, step, is);
}
