/* SPDX-License-Identifier: Apache-2.0
 *
 * client-go's SharedInformerFactory: the controllers of one process share one informer per
 * resource, so that the API server sends each change to the process once.
 */
#include "sim/base/base.h"

#include "cluster/client/informer.h"

#include "sim/base/mem.h"
#include "sim/base/vec.h"

struct informer_factory {
    struct client *client;
    VEC(struct informer *) informers; /* in the order of asking; they start in that order */
    struct informer *by_resource[RESOURCE_KNOWN_COUNT];
};

struct informer_factory *informer_factory_new(struct client *client)
{
    struct informer_factory *f = mem_new(struct informer_factory);
    f->client = client;
    return f;
}

void informer_factory_free(struct informer_factory *f)
{
    if (!f)
        return;
    for (size_t n = 0; n < f->informers.count; n++)
        informer_free(f->informers.items[n]);
    vec_release(&f->informers);
    mem_free(f);
}

struct informer *informer_factory_get(struct informer_factory *f, enum resource_known resource)
{
    if (!f->by_resource[resource]) {
        struct informer_options options = {.resource = resource_get(resource)};
        f->by_resource[resource] = informer_new(f->client, &options);
        vec_push(&f->informers, f->by_resource[resource]);
    }
    return f->by_resource[resource];
}

void informer_factory_start(struct informer_factory *f, struct step *step)
{
    for (size_t n = 0; n < f->informers.count; n++)
        informer_start(f->informers.items[n], step);
}

bool informer_factory_has_synced(const struct informer_factory *f)
{
    for (size_t n = 0; n < f->informers.count; n++)
        if (!informer_has_synced(f->informers.items[n]))
            return false;
    return true;
}
