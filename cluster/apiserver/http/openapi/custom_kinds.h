/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of OpenAPI documents when there are custom ones: those of the tables, then those that an
 * API server serves beyond.
 *
 *     struct openapi_custom c;
 *     openapi_custom_init(&c, catalog);
 *     openapi_find(o, &c.kinds, ...);
 *     openapi_custom_release(&c);
 */
#ifndef CLUSTER_APISERVER_HTTP_OPENAPI_CUSTOM_KINDS_H
#define CLUSTER_APISERVER_HTTP_OPENAPI_CUSTOM_KINDS_H

#include "cluster/api/custom/definition.h"
#include "cluster/apiserver/http/openapi/openapi.h"
#include "sim/base/vec.h"

struct openapi_custom {
    struct openapi_kinds kinds;
    VEC(const struct custom_kind *) items; /* borrowed from the catalog */
};
/* `catalog` is borrowed; NULL: none. Stays where it is: `kinds` points into it. */
void openapi_custom_init(struct openapi_custom *c, const struct custom_catalog *catalog);
void openapi_custom_release(struct openapi_custom *c);

#endif
