/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of server-side tables: what `kubectl get` shows of each kind. The cells are computed
 * by whoever prints; this is what stands above them.
 *
 *     size_t count;
 *     const struct column *columns = columns_of(resource, &count);
 */
#ifndef CLUSTER_API_COLUMNS_H
#define CLUSTER_API_COLUMNS_H

#include "cluster/api/resource.h"

struct column {
    struct str kind;   /* whose table */
    struct str name;   /* "Ready"; clients print it in capitals */
    struct str type;   /* of OpenAPI: "string", "integer", "boolean" */
    struct str format; /* "name" for the first; else empty mostly */
    int priority;      /* 1: in wide output only */
};

/* Never empty: a kind without columns of its own has Name and Created At. */
const struct column *columns_of(const struct resource *r, size_t *ret_count);
/* What it shows, for people. */
struct str column_description(const struct column *c);

#endif
