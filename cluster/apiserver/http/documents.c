/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery in its two forms, from the table of resources. The old one: a list of groups (/apis), a
 * document a group (/apis/apps) and a document a version (/apis/apps/v1), in which subresources
 * stand as "deployments/scale". The aggregated one: all of it at once, at /api and /apis, for
 * clients that accept APIGroupDiscoveryList; subresources hang below their resource.
 *
 * Within one version resources are in the order of the table, which is that of a real server (by
 * plural); groups likewise.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/documents.h"

#include "cluster/api/json.h"
#include "cluster/apiserver/http/crypto.h"
#include "cluster/apiserver/http/custom_documents.h"
#include "cluster/apiserver/http/discovery_forms.h"
#include "cluster/apiserver/http/discovery_parts.h"
#include "cluster/apiserver/http/health.h"
#include "cluster/apiserver/http/openapi/custom_kinds.h"
#include "sim/base/calendar.h"

static void statusz_document(const struct document_facts *facts, struct text *out);
static void version_document(struct text *out);
static void api_versions(const struct document_facts *facts, struct text *out);
static void group_list(const struct custom_catalog *catalog, struct text *out);
static bool group_document(struct str group, struct text *out);
static bool resource_list(struct str group, struct str version, struct text *out);
static void aggregated(bool is_core, const struct custom_catalog *catalog, struct text *out);

static const struct str json_type = {"application/json", 16};
static const struct str text_type = {"text/plain; charset=utf-8", 25};

void document_release(struct document *d)
{
    text_release(&d->body);
    text_release(&d->etag);
    text_release(&d->location);
}

/* "/apis/apps/v1" -> "apps", "v1"; "/api/v1" -> "", "v1". */
static bool discovery_document(struct str path, const struct custom_catalog *catalog,
                               struct text *out)
{
    if (str_starts_with(path, S("/api/"))) {
        struct str version = str_slice(path, 5, path.size);
        return resource_list(S(""), version, out);
    }
    if (!str_starts_with(path, S("/apis/")))
        return false;
    struct str version, group = str_cut(str_slice(path, 6, path.size), '/', &version);
    if (group.size == 0)
        return false;
    if (version.size > 0)
        return resource_list(group, version, out) ||
               custom_resource_list(catalog, group, version, out);
    return group_document(group, out) || custom_group_document(catalog, group, out);
}

static void etag_write(struct str body, struct text *out)
{
    uint8_t digest[SHA512_SIZE];
    digest_sha512(body, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        text_printf(out, "%02X", digest[i]);
}

static bool openapi_document(const struct reading *reading, struct str path,
                             const struct document_facts *facts, struct document *d)
{
    struct openapi_answer a;
    struct openapi_custom custom;
    openapi_custom_init(&custom, facts->catalog);
    bool is_there = openapi_find(facts->openapi, &custom.kinds, str_slice(path, 9, path.size),
                                 target_option(&reading->target, "hash"), facts->accept, &a);
    openapi_custom_release(&custom);
    if (!is_there)
        return false;
    bool is_index = str_equal(path, S("/openapi/v3"));
    bool is_v2 = str_equal(path, S("/openapi/v2"));
    int64_t now_ns = facts->wall.unix_ns;
    d->code = a.code;
    d->content_type = is_index ? text_type : a.content_type;
    d->varies = !is_index;
    d->is_compressed = is_v2;
    d->is_sniffable = true;
    /* the index is new whenever it is asked for, and has no tag */
    d->modified_s = floor_divide(is_index ? now_ns : now_ns - facts->now.ns, 1000000000);
    d->expires = a.is_immutable;
    if (a.is_immutable)
        d->cache_control = S("public, immutable");
    text_add(&d->body, a.body);
    if (!is_index)
        text_add(&d->etag, a.etag);
    d->location = a.location;
    return true;
}

bool document_find(const struct reading *reading, const struct document_facts *facts,
                   struct document *ret_document)
{
    struct document *d = ret_document;
    struct str path = reading->target.path;
    if (path.size > 1 && str_ends_with(path, S("/")))
        path.size--;
    d->code = 200;
    d->content_type = json_type;
    d->cache_control = S("no-cache, private");
    bool is_aggregated = reading->accepted.form == FORM_DISCOVERY;
    bool is_api = str_equal(path, S("/api"));
    if (is_aggregated && (is_api || str_equal(path, S("/apis")))) {
        d->content_type = S("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
        d->cache_control = S("public");
        d->varies = true;
        aggregated(is_api, facts->catalog, &d->body);
        etag_write(text_str(&d->body), &d->etag);
        discovery_encode(reading, facts->writer, &d->body, &d->content_type);
    } else if (openid_document(path, facts, d)) {
        return true;
    } else if (str_equal(path, S("/version"))) {
        version_document(&d->body);
    } else if (str_equal(path, S("/statusz"))) {
        d->content_type = text_type;
        d->is_sniffable = true;
        statusz_document(facts, &d->body);
    } else if (is_api) {
        api_versions(facts, &d->body);
        discovery_encode(reading, facts->writer, &d->body, &d->content_type);
    } else if (str_equal(path, S("/apis"))) {
        group_list(facts->catalog, &d->body);
        discovery_encode(reading, facts->writer, &d->body, &d->content_type);
    } else if (str_equal(path, S("/"))) {
        paths_document(facts->catalog, &d->body);
    } else if (str_equal(path, S("/flagz"))) {
        d->content_type = text_type;
        d->is_sniffable = true;
        text_add(&d->body, value_str(facts->served));
    } else if (str_equal(path, S("/metrics"))) {
        d->content_type = S("text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
        text_add(&d->body, value_str(facts->served));
    } else if (str_starts_with(path, S("/openapi/"))) {
        return openapi_document(reading, path, facts, d);
    } else if (health_document(path, &reading->target, value_as_bool(facts->served), &d->code,
                               &d->body)) {
        d->content_type = text_type;
    } else {
        if (!discovery_document(path, facts->catalog, &d->body))
            return false;
        discovery_encode(reading, facts->writer, &d->body, &d->content_type);
    }
    return true;
}

/* ---- statusz ---- */

/* For people: when the server was started, and what it is. */
static void statusz_document(const struct document_facts *facts, struct text *out)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t up_s = facts->now.ns / 1000000000;
    struct civil_time t =
        civil_time_of(floor_divide(facts->wall.unix_ns - facts->now.ns, 1000000000));
    text_printf(out,
                "\napiserver statusz\nWarning: This endpoint is not meant to be machine parseable, "
                "has no formatting compatibility guarantees and is for debugging purposes only.\n\n"
                "Started:  %.3s %.3s %2d %02d:%02d:%02d UTC %04" PRId64 "\n",
                days + 3 * t.weekday, months + 3 * (t.month - 1), t.day, t.hour, t.minute, t.second,
                t.year);
    text_printf(out, "Up:  %" PRId64 " hr %02d min %02d sec\n", up_s / 3600, (int)(up_s / 60 % 60),
                (int)(up_s % 60));
    text_add(out, S("Go version:  go1.26.10\nBinary version:  1.36.2\nEmulation version:  1.36\n"
                    "Paths:  /flagz /healthz /livez /metrics /readyz /statusz /version\n"));
}

/* ---- version ---- */

static void version_document(struct text *out)
{
    static const char *const fields[][2] = {
        {"major", "1"},
        {"minor", "36"},
        {"emulationMajor", "1"},
        {"emulationMinor", "36"},
        {"minCompatibilityMajor", "1"},
        {"minCompatibilityMinor", "35"},
        {"gitVersion", "v1.36.2"},
        {"gitCommit", "86b5e46426ba828f49195af21c56f7c6674b48f7"},
        {"gitTreeState", "clean"},
        {"buildDate", "2026-06-01T00:00:00Z"},
        {"goVersion", "go1.26.10"},
        {"compiler", "gc"},
        {"platform", "linux/amd64"},
    };
    text_add(out, S("{\n"));
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        text_printf(out, "  \"%s\": \"%s\"%s\n", fields[i][0], fields[i][1],
                    i + 1 < ARRAY_COUNT(fields) ? "," : "");
    text_add_byte(out, '}');
}

/* ---- the old form ---- */

static void api_versions(const struct document_facts *facts, struct text *out)
{
    text_printf(out,
                "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":"
                "[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"%.*s\"}]}\n",
                STR_ARG(facts->address));
}

/* The row begins a group that no earlier row has. */
static bool begins_group(size_t index)
{
    const struct resource *r = resource_at(index);
    for (size_t i = 0; i < index; i++) {
        if (str_equal(resource_at(i)->group, r->group))
            return false;
    }
    return true;
}

static bool begins_version(size_t index)
{
    const struct resource *r = resource_at(index);
    for (size_t i = 0; i < index; i++) {
        if (str_equal(resource_at(i)->group_version, r->group_version))
            return false;
    }
    return true;
}

/* name, versions, preferredVersion */
static void group_fields(struct str group, struct text *out)
{
    struct str preferred = S("");
    text_printf(out, "\"name\":\"%.*s\",\"versions\":[", STR_ARG(group));
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (!str_equal(r->group, group) || !begins_version(i))
            continue;
        discovery_separate(out);
        text_printf(out, "{\"groupVersion\":\"%.*s\",\"version\":\"%.*s\"}",
                    STR_ARG(r->group_version), STR_ARG(r->version));
        if (preferred.size == 0)
            preferred = r->version;
    }
    text_printf(out, "],\"preferredVersion\":{\"groupVersion\":\"%.*s/%.*s\",\"version\":\"%.*s\"}",
                STR_ARG(group), STR_ARG(preferred), STR_ARG(preferred));
}

static void group_list(const struct custom_catalog *catalog, struct text *out)
{
    text_add(out, S("{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":["));
    for (size_t i = 0; i < resource_count(); i++) {
        struct str group = resource_at(i)->group;
        if (group.size == 0 || !begins_group(i))
            continue;
        discovery_separate(out);
        text_add_byte(out, '{');
        group_fields(group, out);
        text_add_byte(out, '}');
    }
    custom_group_list(catalog, out);
    text_add(out, S("]}\n"));
}

static bool group_is_served(struct str group)
{
    for (size_t i = 0; i < resource_count(); i++) {
        if (str_equal(resource_at(i)->group, group))
            return true;
    }
    return false;
}

static bool group_document(struct str group, struct text *out)
{
    if (!group_is_served(group))
        return false;
    text_add(out, S("{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\","));
    group_fields(group, out);
    text_add(out, S("}\n"));
    return true;
}

/* Sorted by name, as served. */
static void verbs(const struct resource *r, struct text *out)
{
    static const enum verb order[] = {VERB_CREATE, VERB_DELETE, VERB_DELETE_COLLECTION,
                                      VERB_GET,    VERB_LIST,   VERB_PATCH,
                                      VERB_UPDATE, VERB_WATCH};
    text_add(out, S("\"verbs\":["));
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        if (!(r->verbs & (1u << order[i])))
            continue;
        discovery_separate(out);
        text_printf(out, "\"%s\"", verb_text(order[i]));
    }
    text_add_byte(out, ']');
}

/* What a subresource takes and gives. */
struct shape {
    struct str group, version, kind; /* group and version empty: those of the resource */
    const char *verbs;               /* as JSON */
};
#define OWN_VERBS "\"get\",\"patch\",\"update\""
#define STREAM_VERBS "\"create\",\"get\""

static struct shape subresource_shape(const struct resource *r, enum subresource s)
{
    switch (s) {
    case SUBRESOURCE_SCALE:
        return (struct shape){S("autoscaling"), S("v1"), S("Scale"), OWN_VERBS};
    case SUBRESOURCE_BINDING:
        return (struct shape){S(""), S(""), S("Binding"), "\"create\""};
    case SUBRESOURCE_EVICTION:
        return (struct shape){S("policy"), S("v1"), S("Eviction"), "\"create\""};
    case SUBRESOURCE_TOKEN:
        return (struct shape){S("authentication.k8s.io"), S("v1"), S("TokenRequest"), "\"create\""};
    case SUBRESOURCE_FINALIZE:
        return (struct shape){S(""), S(""), r->kind, "\"update\""};
    case SUBRESOURCE_LOG:
        return (struct shape){S(""), S(""), r->kind, "\"get\""};
    case SUBRESOURCE_EXEC:
        return (struct shape){S(""), S(""), S("PodExecOptions"), STREAM_VERBS};
    case SUBRESOURCE_ATTACH:
        return (struct shape){S(""), S(""), S("PodAttachOptions"), STREAM_VERBS};
    case SUBRESOURCE_PORTFORWARD:
        return (struct shape){S(""), S(""), S("PodPortForwardOptions"), STREAM_VERBS};
    case SUBRESOURCE_PROXY: {
        struct str kind = str_equal(r->kind, S("Pod"))    ? S("PodProxyOptions")
                          : str_equal(r->kind, S("Node")) ? S("NodeProxyOptions")
                                                          : S("ServiceProxyOptions");
        return (struct shape){S(""), S(""), kind,
                              "\"create\",\"delete\",\"get\",\"patch\",\"update\""};
    }
    case SUBRESOURCE_NONE:
    case SUBRESOURCE_STATUS:
    case SUBRESOURCE_APPROVAL:
    case SUBRESOURCE_RESIZE:
    case SUBRESOURCE_EPHEMERALCONTAINERS:
    case SUBRESOURCE_COUNT:
        break;
    }
    return (struct shape){S(""), S(""), r->kind, OWN_VERBS};
}

/* Subresources by name. */
static const enum subresource by_name[] = {SUBRESOURCE_APPROVAL,    SUBRESOURCE_ATTACH,
                                           SUBRESOURCE_BINDING,     SUBRESOURCE_EPHEMERALCONTAINERS,
                                           SUBRESOURCE_EVICTION,    SUBRESOURCE_EXEC,
                                           SUBRESOURCE_FINALIZE,    SUBRESOURCE_LOG,
                                           SUBRESOURCE_PORTFORWARD, SUBRESOURCE_PROXY,
                                           SUBRESOURCE_RESIZE,      SUBRESOURCE_SCALE,
                                           SUBRESOURCE_STATUS,      SUBRESOURCE_TOKEN};
_Static_assert(ARRAY_COUNT(by_name) == SUBRESOURCE_COUNT - 1, "every subresource once");

static void subresource_rows(const struct resource *r, struct text *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(by_name); i++) {
        enum subresource s = by_name[i];
        if (!(r->subresources & (1u << s)))
            continue;
        struct shape shape = subresource_shape(r, s);
        text_printf(out, ",{\"name\":\"%.*s/%s\",\"singularName\":\"\",\"namespaced\":%s",
                    STR_ARG(r->plural), subresource_text(s), r->is_namespaced ? "true" : "false");
        if (shape.group.size > 0)
            text_printf(out, ",\"group\":\"%.*s\",\"version\":\"%.*s\"", STR_ARG(shape.group),
                        STR_ARG(shape.version));
        text_printf(out, ",\"kind\":\"%.*s\",\"verbs\":[%s]}", STR_ARG(shape.kind), shape.verbs);
    }
}

static bool resource_list(struct str group, struct str version, struct text *out)
{
    bool is_there = false;
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (!str_equal(r->group, group) || !str_equal(r->version, version))
            continue;
        if (!is_there)
            text_printf(out,
                        "{\"kind\":\"APIResourceList\",%s\"groupVersion\":\"%.*s\","
                        "\"resources\":[",
                        group.size > 0 ? "\"apiVersion\":\"v1\"," : "", STR_ARG(r->group_version));
        is_there = true;
        discovery_separate(out);
        text_printf(out,
                    "{\"name\":\"%.*s\",\"singularName\":\"%.*s\",\"namespaced\":%s,"
                    "\"kind\":\"%.*s\",",
                    STR_ARG(r->plural), STR_ARG(r->singular), r->is_namespaced ? "true" : "false",
                    STR_ARG(r->kind));
        verbs(r, out);
        discovery_words("shortNames", r->short_names, out);
        discovery_words("categories", r->categories, out);
        if (r->verbs & (1u << VERB_WATCH)) /* which is to say: it is stored */
            discovery_storage_hash(r->storage, out);
        text_add_byte(out, '}');
        subresource_rows(r, out);
    }
    if (is_there)
        text_add(out, S("]}\n"));
    return is_there;
}

/* ---- the aggregated form ---- */

static void aggregated_resource(const struct resource *r, struct text *out)
{
    discovery_separate(out);
    text_printf(out, "{\"resource\":\"%.*s\",", STR_ARG(r->plural));
    discovery_response_kind(S(""), S(""), r->kind, out);
    text_printf(out, ",\"scope\":\"%s\",\"singularResource\":\"%.*s\",",
                r->is_namespaced ? "Namespaced" : "Cluster", STR_ARG(r->singular));
    verbs(r, out);
    discovery_words("shortNames", r->short_names, out);
    discovery_words("categories", r->categories, out);
    if (r->subresources != 0) {
        text_add(out, S(",\"subresources\":["));
        for (size_t i = 0; i < ARRAY_COUNT(by_name); i++) {
            if (!(r->subresources & (1u << by_name[i])))
                continue;
            struct shape shape = subresource_shape(r, by_name[i]);
            discovery_separate(out);
            text_printf(out, "{\"subresource\":\"%s\",", subresource_text(by_name[i]));
            discovery_response_kind(shape.group, shape.version, shape.kind, out);
            text_printf(out, ",\"verbs\":[%s]}", shape.verbs);
        }
        text_add_byte(out, ']');
    }
    text_add_byte(out, '}');
}

static void aggregated_version(const struct resource *first, struct text *out)
{
    discovery_separate(out);
    text_printf(out, "{\"version\":\"%.*s\",\"resources\":[", STR_ARG(first->version));
    for (size_t i = 0; i < resource_count(); i++) {
        if (str_equal(resource_at(i)->group_version, first->group_version))
            aggregated_resource(resource_at(i), out);
    }
    text_add(out, S("],\"freshness\":\"Current\"}"));
}

static void aggregated(bool is_core, const struct custom_catalog *catalog, struct text *out)
{
    text_add(out, S("{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/"
                    "v2\",\"metadata\":{},\"items\":["));
    for (size_t i = 0; i < resource_count(); i++) {
        struct str group = resource_at(i)->group;
        if ((group.size == 0) != is_core || !begins_group(i))
            continue;
        discovery_separate(out);
        text_add(out, S("{\"metadata\":{"));
        if (!is_core)
            text_printf(out, "\"name\":\"%.*s\"", STR_ARG(group));
        text_add(out, S("},\"versions\":["));
        for (size_t j = 0; j < resource_count(); j++) {
            if (str_equal(resource_at(j)->group, group) && begins_version(j))
                aggregated_version(resource_at(j), out);
        }
        text_add(out, S("]}"));
    }
    if (!is_core)
        custom_aggregated(catalog, out);
    text_add(out, S("]}\n"));
}

/* ---- metrics ---- */
