/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of served resources. The rows come from resources.def, which schema/generate.py writes
 * from the served discovery of 1.36; what is here gives them addresses and finds them. A lookup
 * walks the rows: there are about seventy, sizes differ, and only the entrance of the API server
 * looks by name.
 */
#include "sim/base/base.h"

#include "cluster/api/resource.h"

#include "cluster/api/schema.h"

#define STR(literal)                                                                               \
    {                                                                                              \
        "" literal "", sizeof(literal) - 1                                                         \
    }
#define VERB_BIT(v) (1u << VERB_##v)
#define SUBRESOURCE_BIT(s) (1u << SUBRESOURCE_##s)

static const struct resource resources[RESOURCE_KNOWN_COUNT] = {
#define RESOURCE(identifier, group_, version_, group_version_, kind_, plural_, qualified_,         \
                 singular_, list_kind_, short_names_, categories_, is_namespaced_, verbs_,         \
                 subresources_, storage_, type_, strategy_, selectors_)                            \
    [RESOURCE_##identifier] = {.index = RESOURCE_##identifier,                                     \
                               .group = STR(group_),                                               \
                               .version = STR(version_),                                           \
                               .kind = STR(kind_),                                                 \
                               .plural = STR(plural_),                                             \
                               .singular = STR(singular_),                                         \
                               .list_kind = STR(list_kind_),                                       \
                               .group_version = STR(group_version_),                               \
                               .qualified = STR(qualified_),                                       \
                               .short_names = (short_names_),                                      \
                               .categories = (categories_),                                        \
                               .is_namespaced = (is_namespaced_),                                  \
                               .verbs = (verbs_),                                                  \
                               .subresources = (subresources_),                                    \
                               .storage = &resources[RESOURCE_##storage_],                         \
                               .type = &schema_types[TYPE_##type_],                                \
                               .strategy = (strategy_),                                            \
                               .field_selectors = (selectors_)},
#include "cluster/api/resources.def"
#undef RESOURCE
};

const struct resource *resource_get(enum resource_known r)
{
    CHECK(r < RESOURCE_KNOWN_COUNT);
    return &resources[r];
}

size_t resource_count(void)
{
    return RESOURCE_KNOWN_COUNT;
}

const struct resource *resource_at(size_t index)
{
    CHECK(index < RESOURCE_KNOWN_COUNT);
    return &resources[index];
}

const struct resource *resource_find(struct str group, struct str version, struct str plural)
{
    for (size_t i = 0; i < RESOURCE_KNOWN_COUNT; i++) {
        const struct resource *r = &resources[i];
        if (str_equal(r->plural, plural) && str_equal(r->group, group) &&
            str_equal(r->version, version))
            return r;
    }
    return NULL;
}

const struct resource *resource_find_kind(struct str api_version, struct str kind)
{
    for (size_t i = 0; i < RESOURCE_KNOWN_COUNT; i++) {
        const struct resource *r = &resources[i];
        if (str_equal(r->kind, kind) && str_equal(r->group_version, api_version))
            return r;
    }
    return NULL;
}

const char *verb_text(enum verb v)
{
    static const char *const texts[VERB_COUNT] = {
        [VERB_GET] = "get",       [VERB_LIST] = "list",
        [VERB_WATCH] = "watch",   [VERB_CREATE] = "create",
        [VERB_UPDATE] = "update", [VERB_PATCH] = "patch",
        [VERB_DELETE] = "delete", [VERB_DELETE_COLLECTION] = "deletecollection",
    };
    CHECK(v < VERB_COUNT);
    return texts[v];
}

const char *subresource_text(enum subresource s)
{
    static const char *const texts[SUBRESOURCE_COUNT] = {
        [SUBRESOURCE_NONE] = "",
        [SUBRESOURCE_STATUS] = "status",
        [SUBRESOURCE_SCALE] = "scale",
        [SUBRESOURCE_BINDING] = "binding",
        [SUBRESOURCE_EVICTION] = "eviction",
        [SUBRESOURCE_FINALIZE] = "finalize",
        [SUBRESOURCE_TOKEN] = "token",
        [SUBRESOURCE_APPROVAL] = "approval",
        [SUBRESOURCE_RESIZE] = "resize",
        [SUBRESOURCE_EPHEMERALCONTAINERS] = "ephemeralcontainers",
        [SUBRESOURCE_LOG] = "log",
        [SUBRESOURCE_EXEC] = "exec",
        [SUBRESOURCE_ATTACH] = "attach",
        [SUBRESOURCE_PORTFORWARD] = "portforward",
        [SUBRESOURCE_PROXY] = "proxy",
    };
    CHECK(s < SUBRESOURCE_COUNT);
    return texts[s];
}
