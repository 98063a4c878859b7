/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenAPI from the schema table: version 3, an index at /openapi/v3 and one document for each group
 * and version, and version 2, all in one at /openapi/v2; each as JSON and as protobuf. What clients
 * read of them: the fields of kinds (explain, client-side validation), how lists are merged
 * (patches), and whether dry runs and fieldValidation are known.
 *
 *     struct openapi *o = openapi_new();
 *     struct openapi_answer a;
 *     if (openapi_find(o, &openapi_built_in, S("v3/apis/apps/v1"), hash, accept, &a))
 *         ... a.body, a.content_type, a.etag ...
 *
 * Documents are written when they are first asked for, and kept.
 *
 * Source: kubernetes.io/docs/concepts/overview/kubernetes-api/ ("OpenAPI interface definition").
 */
#ifndef CLUSTER_APISERVER_HTTP_OPENAPI_OPENAPI_H
#define CLUSTER_APISERVER_HTTP_OPENAPI_OPENAPI_H

#include "cluster/api/resource.h"
#include "sim/base/text.h"

/* The resources there are: those of the tables, and custom ones, which have no type there. */
struct openapi_kinds {
    void *owner;
    size_t (*count)(void *owner);
    const struct resource *(*at)(void *owner, size_t index);
    /* Of a custom resource: its schema, one JSON object with everything that stands in a definition
     * (type, properties with apiVersion, kind and metadata, x-kubernetes-group-version-kind). A
     * reference to a type of the tables begins with `references`: "#/definitions/" or
     * "#/components/schemas/". */
    void (*schema)(void *owner, const struct resource *r, const char *references, struct text *out);
    uint64_t generation; /* another one whenever these would say something else */
};
extern const struct openapi_kinds openapi_built_in;

struct openapi;
struct openapi *openapi_new(void);
void openapi_free(struct openapi *o);

struct openapi_answer {
    int code;                /* 200; 301 to `location`; 406 */
    struct str content_type; /* these texts live until the next call */
    struct str body;
    struct str etag;      /* without quotes */
    struct text location; /* owned */
    bool is_immutable;    /* it was asked for by its hash */
};
/* `path` is what follows "/openapi/". False: there is no such document. */
bool openapi_find(struct openapi *o, const struct openapi_kinds *kinds, struct str path,
                  struct str hash, struct str accept, struct openapi_answer *ret_answer);

#endif
