/* SPDX-License-Identifier: Apache-2.0
 *
 * A CustomResourceDefinition as an API server uses it: for each of its versions the row of the
 * kind, its schema, columns, scale paths, warnings. Immutable and counted: requests that began
 * under one state of a definition end under it, and answers carry the kind to whoever writes them
 * out.
 *
 *     struct custom_definition *d = custom_definition_new(object);
 *     const struct custom_kind *k = custom_definition_version(d, S("v1"));
 *     if (k && custom_kind_is_served(k))
 *         ... k->resource, k->schema ...
 *     custom_definition_unref(d);
 *
 * Source: kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 */
#ifndef CLUSTER_API_CUSTOM_DEFINITION_H
#define CLUSTER_API_CUSTOM_DEFINITION_H

#include "cluster/api/resource.h"
#include "cluster/api/value.h"

#define CUSTOM_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

/* One of additionalPrinterColumns; texts live as long as the definition. */
struct custom_column {
    struct str name, type, format, description, path;
    int priority;
};

struct custom_definition;
struct custom_kind {
    const struct custom_definition *definition;
    const struct resource *resource; /* the row of this version */
    struct value version;            /* spec.versions[i]; borrowed from the definition */
    struct value schema;             /* its openAPIV3Schema; absent: none */
    bool is_served, is_stored, has_status, has_scale;
    const struct custom_column *columns; /* without Name, which is always the first */
    size_t column_count;
    struct value warning; /* of a deprecated version, owned; absent: none */
};
struct custom_definition {
    uint32_t references;
    struct value object;
    const struct resource *stored; /* the row of keys: group, plural, scope */
    struct custom_kind *kinds;     /* in the order of spec.versions */
    size_t kind_count;
    char **texts; /* what columns borrow */
    size_t text_count;
    struct custom_column *columns;
    bool are_names_accepted, is_established, is_terminating;
    bool converts_by_webhook;
};

/* From the object as it is stored: defaulted and valid. */
struct custom_definition *custom_definition_new(struct value object);
const struct custom_definition *custom_definition_ref(const struct custom_definition *d);
void custom_definition_unref(const struct custom_definition *d); /* NULL is fine */
const struct custom_kind *custom_kind_ref(const struct custom_kind *k);
void custom_kind_unref(const struct custom_kind *k); /* NULL is fine */

/* NULL when the definition has no such version; "": the version that is stored. */
const struct custom_kind *custom_definition_version(const struct custom_definition *d,
                                                    struct str version);
/* Requests are served once the names are accepted or the definition is established. */
bool custom_kind_is_served(const struct custom_kind *k);
/* The preferred one of the versions that are served; NULL: none is. */
const struct custom_kind *custom_definition_preferred(const struct custom_definition *d);

/* Kubernetes' order of versions: v2, v1, v1beta2, v1beta1, v1alpha1, then others by name. Below 0
 * when `a` comes first. */
int version_priority_compare(struct str a, struct str b);

/* ---- what one API server serves: counted, immutable ---- */

struct custom_catalog {
    uint32_t references;
    const struct custom_definition **items; /* owned references, by group and plural */
    size_t count;
};
/* Takes the references of the definitions. */
struct custom_catalog *custom_catalog_new(const struct custom_definition *const *own_items,
                                          size_t count);
const struct custom_catalog *custom_catalog_ref(const struct custom_catalog *c);
void custom_catalog_unref(const struct custom_catalog *c);

/* ---- parts of a schema ---- */

/* Schemas are the values of JSONSchemaProps themselves. */
struct value schema_property(struct value schema, struct str name); /* absent when not there */
struct value schema_items(struct value schema);                     /* the schema of items */
/* The schema of additionalProperties; absent also when it is a bool. */
struct value schema_additional(struct value schema);
bool schema_flag(struct value schema, atom key);
bool schema_preserves_unknown(struct value schema);

#endif
