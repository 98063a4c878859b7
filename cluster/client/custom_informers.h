/* SPDX-License-Identifier: Apache-2.0
 *
 * What client-go's discovery and dynamic informers give a controller that works on kinds it does not
 * know: the custom kinds that the definitions name, by the informer of customresourcedefinitions,
 * and a copy of the objects of each.
 *
 *     struct custom_informers *k = custom_informers_new(client, factory, on_change, self);
 *     const struct resource *r = custom_informers_find_kind(k, S("example.com/v1"), S("Widget"));
 *     custom_informers_free(k);                                    before its client
 *
 * An informer begins when its definition is established and ends with it; the objects that it had
 * are reported as deleted then.
 */
#ifndef CLUSTER_CLIENT_CUSTOM_INFORMERS_H
#define CLUSTER_CLIENT_CUSTOM_INFORMERS_H

#include "cluster/client/informer.h"

struct custom_informers;
/* `changed` hears of each change of each custom object. */
struct custom_informers *custom_informers_new(struct client *client,
                                              struct informer_factory *factory, informer_fn changed,
                                              void *owner);
void custom_informers_free(struct custom_informers *k);

/* The row of a kind that some definition serves; NULL: none. */
const struct resource *custom_informers_find_kind(const struct custom_informers *k,
                                                  struct str api_version, struct str kind);

/* The copies that there are, in the order of their beginning, with the rows of their keys. */
size_t custom_informers_count(const struct custom_informers *k);
struct informer *custom_informers_at(const struct custom_informers *k, size_t i,
                                     const struct resource **ret_stored);

/* The row by which objects of a definition are asked for: of its preferred version; NULL when it is
 * not established. */
const struct resource *custom_preferred_row(struct value definition);

#endif
