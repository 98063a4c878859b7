/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery of custom kinds (custom_documents.h). The catalogue holds established definitions in
 * the order of group and plural; a group's versions are in Kubernetes' order of versions. A
 * definition that is being deleted loses the verbs that write.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/custom_documents.h"

#include "cluster/api/json.h"
#include "cluster/apiserver/http/discovery_parts.h"

static struct str group_at(const struct custom_catalog *c, size_t i)
{
    return c->items[i]->stored->group;
}

static bool begins_group(const struct custom_catalog *c, size_t i)
{
    return i == 0 || !str_equal(group_at(c, i), group_at(c, i - 1));
}

size_t custom_versions(const struct custom_catalog *c, struct str group, struct str *ret_versions,
                       size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; str_equal(group_at(c, i), group) && k < c->items[i]->kind_count; k++) {
            const struct custom_kind *kind = &c->items[i]->kinds[k];
            struct str version = kind->resource->version;
            size_t at = 0;
            while (at < count && version_priority_compare(ret_versions[at], version) < 0)
                at++;
            bool is_there = at < count && str_equal(ret_versions[at], version);
            if (!kind->is_served || is_there || count == most)
                continue;
            memmove(ret_versions + at + 1, ret_versions + at, (count - at) * sizeof(version));
            ret_versions[at] = version;
            count++;
        }
    }
    return count;
}

/* ---- the old form ---- */

static void group_fields(const struct custom_catalog *c, struct str group, struct text *out)
{
    struct str versions[CUSTOM_VERSIONS_MAX + 1];
    size_t count = custom_versions(c, group, versions, CUSTOM_VERSIONS_MAX);
    text_printf(out, "\"name\":\"%.*s\",\"versions\":[", STR_ARG(group));
    for (size_t i = 0; i < count; i++)
        text_printf(out, "%s{\"groupVersion\":\"%.*s/%.*s\",\"version\":\"%.*s\"}",
                    i > 0 ? "," : "", STR_ARG(group), STR_ARG(versions[i]), STR_ARG(versions[i]));
    text_printf(out, "],\"preferredVersion\":{\"groupVersion\":\"%.*s/%.*s\",\"version\":\"%.*s\"}",
                STR_ARG(group), STR_ARG(versions[0]), STR_ARG(versions[0]));
}

void custom_group_list(const struct custom_catalog *c, struct text *out)
{
    for (size_t i = 0; c && i < c->count; i++) {
        if (!begins_group(c, i))
            continue;
        discovery_separate(out);
        text_add_byte(out, '{');
        group_fields(c, group_at(c, i), out);
        text_add_byte(out, '}');
    }
}

bool custom_group_document(const struct custom_catalog *c, struct str group, struct text *out)
{
    struct str unused[CUSTOM_VERSIONS_MAX + 1];
    if (!c || custom_versions(c, group, unused, CUSTOM_VERSIONS_MAX) == 0)
        return false;
    text_add(out, S("{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\","));
    group_fields(c, group, out);
    text_add(out, S("}\n"));
    return true;
}

/* In upstream's own order. */
static const char *verbs_of(const struct custom_kind *k)
{
    return k->definition->is_terminating
               ? "[\"delete\",\"deletecollection\",\"get\",\"list\",\"watch\"]"
               : "[\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"create\","
                 "\"update\",\"watch\"]";
}

static void resource_rows(const struct custom_kind *k, struct text *out)
{
    const struct resource *r = k->resource;
    const char *namespaced = r->is_namespaced ? "true" : "false";
    discovery_separate(out);
    text_printf(out,
                "{\"name\":\"%.*s\",\"singularName\":\"%.*s\",\"namespaced\":%s,\"kind\":"
                "\"%.*s\",\"verbs\":%s",
                STR_ARG(r->plural), STR_ARG(r->singular), namespaced, STR_ARG(r->kind),
                verbs_of(k));
    discovery_words("shortNames", r->short_names, out);
    discovery_words("categories", r->categories, out);
    discovery_storage_hash(custom_definition_version(k->definition, S(""))->resource, out);
    text_add_byte(out, '}');
    if (k->has_status)
        text_printf(out,
                    ",{\"name\":\"%.*s/status\",\"singularName\":\"\",\"namespaced\":%s,\"kind\":"
                    "\"%.*s\",\"verbs\":[\"get\",\"patch\",\"update\"]}",
                    STR_ARG(r->plural), namespaced, STR_ARG(r->kind));
    if (k->has_scale)
        text_printf(out,
                    ",{\"name\":\"%.*s/scale\",\"singularName\":\"\",\"namespaced\":%s,\"group\":"
                    "\"autoscaling\",\"version\":\"v1\",\"kind\":\"Scale\",\"verbs\":[\"get\","
                    "\"patch\",\"update\"]}",
                    STR_ARG(r->plural), namespaced);
}

/* The served kind of a definition in this version; NULL: none. */
static const struct custom_kind *kind_of(const struct custom_definition *d, struct str group,
                                         struct str version)
{
    if (!str_equal(d->stored->group, group))
        return NULL;
    const struct custom_kind *k = custom_definition_version(d, version);
    return k && k->is_served ? k : NULL;
}

bool custom_resource_list(const struct custom_catalog *c, struct str group, struct str version,
                          struct text *out)
{
    bool is_there = false;
    for (size_t i = 0; c && version.size > 0 && i < c->count; i++) {
        const struct custom_kind *k = kind_of(c->items[i], group, version);
        if (!k)
            continue;
        if (!is_there)
            text_printf(out,
                        "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":"
                        "\"%.*s\",\"resources\":[",
                        STR_ARG(k->resource->group_version));
        is_there = true;
        resource_rows(k, out);
    }
    if (is_there)
        text_add(out, S("]}\n"));
    return is_there;
}

/* ---- the aggregated form ---- */

static void aggregated_kind(const struct custom_kind *k, struct text *out)
{
    const struct resource *r = k->resource;
    discovery_separate(out);
    text_printf(out, "{\"resource\":\"%.*s\",", STR_ARG(r->plural));
    discovery_response_kind(r->group, r->version, r->kind, out);
    text_printf(out, ",\"scope\":\"%s\",\"singularResource\":\"%.*s\",\"verbs\":%s",
                r->is_namespaced ? "Namespaced" : "Cluster", STR_ARG(r->singular), verbs_of(k));
    discovery_words("shortNames", r->short_names, out);
    discovery_words("categories", r->categories, out);
    if (k->has_status || k->has_scale)
        text_add(out, S(",\"subresources\":["));
    if (k->has_status) {
        text_add(out, S("{\"subresource\":\"status\","));
        discovery_response_kind(r->group, r->version, r->kind, out);
        text_add(out, S(",\"verbs\":[\"get\",\"patch\",\"update\"]}"));
    }
    if (k->has_scale) {
        discovery_separate(out);
        text_add(out, S("{\"subresource\":\"scale\",\"responseKind\":{\"group\":\"autoscaling\","
                        "\"version\":\"v1\",\"kind\":\"Scale\"},\"verbs\":[\"get\",\"patch\","
                        "\"update\"]}"));
    }
    text_add(out, k->has_status || k->has_scale ? S("]}") : S("}"));
}

static void aggregated_group(const struct custom_catalog *c, struct str group, struct text *out)
{
    struct str versions[CUSTOM_VERSIONS_MAX + 1];
    size_t count = custom_versions(c, group, versions, CUSTOM_VERSIONS_MAX);
    discovery_separate(out);
    text_printf(out, "{\"metadata\":{\"name\":\"%.*s\"},\"versions\":[", STR_ARG(group));
    for (size_t v = 0; v < count; v++) {
        discovery_separate(out);
        text_printf(out, "{\"version\":\"%.*s\",\"resources\":[", STR_ARG(versions[v]));
        for (size_t i = 0; i < c->count; i++) {
            const struct custom_kind *k = kind_of(c->items[i], group, versions[v]);
            if (k)
                aggregated_kind(k, out);
        }
        text_add(out, S("],\"freshness\":\"Current\"}"));
    }
    text_add(out, S("]}"));
}

void custom_aggregated(const struct custom_catalog *c, struct text *out)
{
    for (size_t i = 0; c && i < c->count; i++)
        if (begins_group(c, i))
            aggregated_group(c, group_at(c, i), out);
}
