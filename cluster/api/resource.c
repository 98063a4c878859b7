/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of served resources. The rows come from resources.def, which schema/generate.py writes
 * from the served discovery of 1.36; what is here gives them addresses and finds them. A lookup
 * walks the rows: there are about seventy, sizes differ, and only the entrance of the API server
 * looks by name.
 *
 * Rows of custom kinds are made when they are first asked for and stay; equal names give the same
 * row, found by the hash of its content.
 */
#include "sim/base/base.h"

#include "cluster/api/resource.h"

#include "cluster/api/schema.h"
#include "sim/base/hash.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

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

/* ---- rows of custom kinds ---- */

#define NAME_FIELDS_COUNT 9

static bool row_is_equal(const void *probe, const void *item);

/* Part of the process-wide heap, as atoms are. */
static struct {
    struct index rows;
    VEC(const struct resource *) all; /* by index */
} custom_heap = {.rows = {.equal = row_is_equal}};

static void names_list(const struct resource_names *n, struct str out[NAME_FIELDS_COUNT])
{
    const struct str all[NAME_FIELDS_COUNT] = {
        n->group,     n->version,     n->plural,     n->singular,       n->kind,
        n->list_kind, n->short_names, n->categories, n->field_selectors};
    memcpy(out, all, sizeof(all));
}

static bool row_is_equal(const void *probe, const void *item)
{
    const struct resource_names *n = probe;
    const struct resource *r = item;
    return r->is_namespaced == n->is_namespaced && r->subresources == n->subresources &&
           str_equal(r->plural, n->plural) && str_equal(r->group, n->group) &&
           str_equal(r->version, n->version) && str_equal(r->singular, n->singular) &&
           str_equal(r->kind, n->kind) && str_equal(r->list_kind, n->list_kind) &&
           str_equal(str_from(r->short_names), n->short_names) &&
           str_equal(str_from(r->categories), n->categories) &&
           str_equal(str_from(r->field_selectors), n->field_selectors);
}

static struct str copied(struct str s)
{
    return (struct str){mem_copy_string(s), s.size};
}

/* "a/b" or "a.b"; "b" alone when a is empty. */
static struct str joined(struct str a, char separator, struct str b)
{
    if (a.size == 0)
        return copied(b);
    char *out = mem_allocate(1, a.size + b.size + 2);
    memcpy(out, a.bytes, a.size);
    out[a.size] = separator;
    if (b.size > 0)
        memcpy(out + a.size + 1, b.bytes, b.size);
    out[a.size + 1 + b.size] = 0;
    return (struct str){out, a.size + 1 + b.size};
}

#define VERBS_ALL ((1u << VERB_COUNT) - 1)

const struct resource *resource_custom(const struct resource_names *n)
{
    struct str list[NAME_FIELDS_COUNT];
    names_list(n, list);
    uint64_t hash = hash_pair(n->is_namespaced, n->subresources);
    for (size_t i = 0; i < NAME_FIELDS_COUNT; i++)
        hash = hash_pair(hash, hash_bytes(list[i]));
    struct resource *r = index_get(&custom_heap.rows, hash, n);
    if (r)
        return r;
    r = mem_new(struct resource);
    *r = (struct resource){.index = RESOURCE_KNOWN_COUNT + (uint32_t)custom_heap.all.count,
                           .group = copied(n->group),
                           .version = copied(n->version),
                           .plural = copied(n->plural),
                           .singular = copied(n->singular),
                           .kind = copied(n->kind),
                           .list_kind = copied(n->list_kind),
                           .group_version = joined(n->group, '/', n->version),
                           .qualified = joined(n->plural, '.', n->group),
                           .short_names = mem_copy_string(n->short_names),
                           .categories = mem_copy_string(n->categories),
                           .field_selectors = mem_copy_string(n->field_selectors),
                           .is_namespaced = n->is_namespaced,
                           .verbs = VERBS_ALL,
                           .subresources = n->subresources,
                           .strategy = STRATEGY_GENERATION};
    vec_push(&custom_heap.all, r);
    r->storage = n->kind.size > 0 ? resource_custom_stored(n->group, n->plural, n->is_namespaced)
                                  : r;
    void *replaced = index_put(&custom_heap.rows, hash, n, r);
    CHECK(!replaced);
    return r;
}

bool resource_may_be_custom(struct str api_version)
{
    struct str version, group = str_cut(api_version, '/', &version);
    for (size_t i = 0; i < RESOURCE_KNOWN_COUNT; i++)
        if (str_equal(resources[i].group, group))
            return false;
    return version.size > 0 && str_find(group, '.') < group.size;
}

const struct resource *resource_of_index(uint32_t index)
{
    if (index < RESOURCE_KNOWN_COUNT)
        return &resources[index];
    CHECK(index - RESOURCE_KNOWN_COUNT < custom_heap.all.count);
    return custom_heap.all.items[index - RESOURCE_KNOWN_COUNT];
}

const struct resource *resource_placeholder(void)
{
    static const struct resource placeholder = {.index = UINT32_MAX,
                                                .group = STR(""),
                                                .version = STR(""),
                                                .kind = STR(""),
                                                .plural = STR(""),
                                                .singular = STR(""),
                                                .list_kind = STR(""),
                                                .group_version = STR(""),
                                                .qualified = STR(""),
                                                .short_names = "",
                                                .categories = "",
                                                .field_selectors = "",
                                                .is_namespaced = true,
                                                .verbs = VERBS_ALL,
                                                .storage = &placeholder};
    return &placeholder;
}

const struct resource *resource_custom_stored(struct str group, struct str plural,
                                              bool is_namespaced)
{
    return resource_custom(&(struct resource_names){.group = group,
                                                    .version = S(""),
                                                    .plural = plural,
                                                    .singular = S(""),
                                                    .kind = S(""),
                                                    .list_kind = S(""),
                                                    .short_names = S(""),
                                                    .categories = S(""),
                                                    .field_selectors = S(""),
                                                    .is_namespaced = is_namespaced});
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
