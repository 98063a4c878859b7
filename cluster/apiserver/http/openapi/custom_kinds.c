/* SPDX-License-Identifier: Apache-2.0
 *
 * A generation is a hash of the definitions and their versions: two API servers that serve the same
 * have the same documents, and a change of one definition is another generation.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/openapi/custom_kinds.h"

#include "cluster/api/custom/openapi.h"
#include "cluster/api/object.h"
#include "sim/base/hash.h"

static size_t count(void *owner)
{
    const struct openapi_custom *c = owner;
    return resource_count() + c->items.count;
}

static const struct resource *at(void *owner, size_t index)
{
    const struct openapi_custom *c = owner;
    return index < resource_count() ? resource_at(index)
                                    : c->items.items[index - resource_count()]->resource;
}

static void schema(void *owner, const struct resource *r, const char *references, struct text *out)
{
    const struct openapi_custom *c = owner;
    for (size_t i = 0; i < c->items.count; i++) {
        if (c->items.items[i]->resource != r)
            continue;
        custom_kind_openapi(c->items.items[i], references, out);
        return;
    }
    CHECK(false); /* nobody else's resource has no type */
}

void openapi_custom_init(struct openapi_custom *c, const struct custom_catalog *catalog)
{
    *c = (struct openapi_custom){.kinds = {.owner = c, .count = count, .at = at, .schema = schema}};
    for (size_t i = 0; catalog && i < catalog->count; i++) {
        const struct custom_definition *d = catalog->items[i];
        uint64_t version = (uint64_t)object_version(d->object);
        uint64_t hash = hash_pair(value_hash(object_uid(d->object)), version);
        c->kinds.generation = hash_pair(c->kinds.generation, hash);
        for (size_t j = 0; j < d->kind_count; j++) {
            if (custom_kind_is_served(&d->kinds[j]))
                vec_push(&c->items, &d->kinds[j]);
        }
    }
}

void openapi_custom_release(struct openapi_custom *c)
{
    vec_release(&c->items);
}
