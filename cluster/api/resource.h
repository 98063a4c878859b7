/* SPDX-License-Identifier: Apache-2.0
 *
 * The resources that the API serves: one row per group, version and plural, from the table in
 * schema/.
 *
 * Rows of one stored kind (autoscaling/v1 and v2 horizontalpodautoscalers; core and events.k8s.io
 * events) share `storage`: the row whose version is stored. Well-known rows have constants:
 *
 *     const struct resource *pods = resource_get(RESOURCE_pods);
 *     const struct resource *r = resource_find(S("apps"), S("v1"), S("deployments"));
 *
 * Source: kubernetes.io/docs/reference/using-api/ and the served discovery of 1.36.
 */
#ifndef CLUSTER_API_RESOURCE_H
#define CLUSTER_API_RESOURCE_H

#include "sim/base/base.h"

enum verb {
    VERB_GET,
    VERB_LIST,
    VERB_WATCH,
    VERB_CREATE,
    VERB_UPDATE,
    VERB_PATCH,
    VERB_DELETE,
    VERB_DELETE_COLLECTION,
    VERB_COUNT
};
const char *verb_text(enum verb v); /* "get" ... "deletecollection" */

/* RESOURCE(identifier, ...): the identifier is the plural; where rows share a plural, the one that
 * is not stored has its group in front or its version behind (events_events,
 * horizontalpodautoscalers_v1).
 * */
enum resource_known {
#define RESOURCE(identifier, ...) RESOURCE_##identifier,
#include "cluster/api/resources.def"
#undef RESOURCE
    RESOURCE_KNOWN_COUNT
};

enum subresource {
    SUBRESOURCE_NONE,
    SUBRESOURCE_STATUS,
    SUBRESOURCE_SCALE,
    SUBRESOURCE_BINDING,
    SUBRESOURCE_EVICTION,
    SUBRESOURCE_FINALIZE,
    SUBRESOURCE_TOKEN,
    SUBRESOURCE_APPROVAL,
    SUBRESOURCE_RESIZE,
    SUBRESOURCE_EPHEMERALCONTAINERS,
    SUBRESOURCE_LOG,
    SUBRESOURCE_EXEC,
    SUBRESOURCE_ATTACH,
    SUBRESOURCE_PORTFORWARD,
    SUBRESOURCE_PROXY,
    SUBRESOURCE_COUNT
};
const char *subresource_text(enum subresource s); /* "" for none */

struct type_schema; /* cluster/api/schema.h */

struct resource {
    uint32_t index; /* dense; position in the table */
    struct str group, version, kind, plural, singular, list_kind;
    struct str group_version; /* as apiVersion has it: "apps/v1", "v1" */
    struct str qualified;     /* as messages have it: "deployments.apps", "pods" */
    const char *short_names;  /* comma-separated, "" when none */
    const char *categories;
    bool is_namespaced;
    uint32_t verbs;                 /* bit per enum verb */
    uint32_t subresources;          /* bit per enum subresource */
    const struct resource *storage; /* the row that is stored; itself for most */
    const struct type_schema *type; /* NULL: of a custom kind */
    uint32_t strategy;           /* bit per enum resource_strategy */
    const char *field_selectors; /* comma-separated paths that a field selector may name */
};

/* How the registry of a kind treats its objects. */
enum resource_strategy {
    STRATEGY_PUT_CREATES = 1,       /* PUT of a missing object creates it */
    STRATEGY_PUT_UNCONDITIONAL = 2, /* PUT may leave resourceVersion out */
    STRATEGY_GENERATION = 4,        /* metadata.generation is 1 on create and counts changes */
    STRATEGY_ORPHAN_BY_DEFAULT = 8, /* DELETE without a policy orphans dependents */
    STRATEGY_NO_GC = 16             /* propagation policies are not looked at */
};

const struct resource *resource_get(enum resource_known r);
size_t resource_count(void); /* of the constant rows */
const struct resource *resource_at(size_t index);
const struct resource *resource_find(struct str group, struct str version,
                                     struct str plural);                            /* or NULL */
const struct resource *resource_find_kind(struct str api_version, struct str kind); /* or NULL */

/* ---- rows of custom kinds: interned by their content, for ever, as atoms are ----
 *
 * A row of a custom kind says what a CustomResourceDefinition names; whether it is served is
 * another question, which each API server answers from what it has stored
 * (cluster/api/custom/definition.h). Keys point to the stored row, which is the same for all
 * versions: group, plural and scope, as in etcd's keys; its version and kind are empty. Indexes of
 * custom rows lie beyond the constant ones and depend on what ran before in this process: no order
 * and no output may come from them. */
struct resource_names {
    struct str group, version, plural, singular, kind, list_kind;
    struct str short_names, categories, field_selectors; /* comma-separated */
    bool is_namespaced;
    uint32_t subresources;
};
const struct resource *resource_custom(const struct resource_names *names);
const struct resource *resource_custom_stored(struct str group, struct str plural,
                                              bool is_namespaced);
/* The row of a request that names what is no constant row; the API server finds the right one. */
const struct resource *resource_placeholder(void);
/* A version of a group that no constant row has: a definition may name it. */
bool resource_may_be_custom(struct str api_version);
/* A row by its index, of custom kinds too: for tags that stay within one process. */
const struct resource *resource_of_index(uint32_t index);
static inline bool resource_is_custom(const struct resource *r)
{
    return r->index >= RESOURCE_KNOWN_COUNT;
}

#endif
