/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: OpenAPI documents that clients can use. Method: each document is parsed as JSON, every
 * reference in it is followed, and a few places are compared with what a real server says; every
 * kind and every field has a description; entity tags, hashes and encodings.
 */
#include "cluster/apiserver/http/openapi/openapi.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/json.h"
#include "cluster/apiserver/http/openapi/page.h"

static struct value document(struct openapi *o, const char *path)
{
    struct openapi_answer a;
    struct value v = VALUE_ABSENT;
    CU_ASSERT_FATAL(openapi_find(o, &openapi_built_in, str_from(path), S(""), S(""), &a));
    CU_ASSERT_EQUAL(a.code, 200);
    CU_ASSERT_FATAL(json_parse(a.body, NULL, &v, NULL) == ERR_OK);
    return v;
}

/* ---- references ---- */

static size_t references;

/* Every "$ref" names a definition of the document. */
static void follow(struct value v, struct value definitions, const char *prefix)
{
    for (size_t i = 0; i < value_count(v); i++) {
        struct value part = value_kind(v) == VALUE_ARRAY ? value_at(v, i) : value_member_at(v, i);
        if (value_kind(v) == VALUE_OBJECT && str_equal(value_key_at(v, i), S("$ref")) &&
            value_kind(part) == VALUE_STRING) {
            struct str name = value_str(part);
            CU_ASSERT(str_starts_with(name, str_from(prefix)));
            name = str_slice(name, strlen(prefix), name.size);
            CU_ASSERT(value_is_present(value_get_key(definitions, name)));
            references++;
        }
        follow(part, definitions, prefix);
    }
}

static void test_references(void)
{
    struct openapi *o = openapi_new();
    AUTO(value) struct value index = document(o, "v3");
    AUTO(value) struct value v2 = document(o, "v2");
    struct value paths = value_get_key(index, S("paths"));
    CU_ASSERT_EQUAL(value_count(paths), 47); /* as a real server lists */
    for (size_t i = 0; i < value_count(paths); i++) {
        AUTO(text) struct text path = {0};
        text_printf(&path, "v3/%.*s", STR_ARG(value_key_at(paths, i)));
        AUTO(value) struct value d = document(o, text_c(&path));
        references = 0;
        follow(d, value_get_key(value_get_key(d, S("components")), S("schemas")),
               "#/components/schemas/");
        CU_ASSERT(references > 0 || str_starts_with(text_str(&path), S("v3/.")) ||
                  str_starts_with(text_str(&path), S("v3/openid")));
    }
    references = 0;
    follow(v2, value_get_key(v2, S("definitions")), "#/definitions/");
    CU_ASSERT(references > 1000);
    openapi_free(o);
}

/* ---- places ---- */

static const struct place {
    const char *document, *path; /* of keys, by '|' */
    const char *json;
} places[] = {
    {"v3/api/v1", "components|schemas|io.k8s.api.core.v1.ContainerPort|properties|protocol|default",
     "\"TCP\""},
    {"v3/api/v1", "components|schemas|io.k8s.api.core.v1.ContainerPort|properties|protocol|enum",
     "[\"SCTP\",\"TCP\",\"UDP\"]"},
    {"v3/api/v1", "components|schemas|io.k8s.api.core.v1.ContainerPort|required",
     "[\"containerPort\"]"},
    {"v3/api/v1",
     "components|schemas|io.k8s.api.core.v1.Container|properties|ports|x-kubernetes-list-map-keys",
     "[\"containerPort\",\"protocol\"]"},
    {"v3/api/v1",
     "components|schemas|io.k8s.api.core.v1.PodSpec|properties|volumes|x-kubernetes-patch-strategy",
     "\"merge,retainKeys\""},
    {"v3/api/v1", "components|schemas|io.k8s.api.core.v1.PodSpec|properties|containers|items",
     "{\"$ref\":\"#/components/schemas/io.k8s.api.core.v1.Container\"}"},
    {"v3/api/v1", "components|schemas|io.k8s.api.core.v1.Pod|properties|spec|default", "{}"},
    {"v3/api/v1", "components|schemas|io.k8s.api.core.v1.Pod|x-kubernetes-group-version-kind",
     "[{\"group\":\"\",\"kind\":\"Pod\",\"version\":\"v1\"}]"},
    {"v3/api/v1",
     "paths|/api/v1/namespaces/{namespace}/pods/{name}/eviction|post|x-kubernetes-group-version-"
     "kind",
     "{\"group\":\"policy\",\"kind\":\"Eviction\",\"version\":\"v1\"}"},
    {"v3/apis/rbac.authorization.k8s.io/v1",
     "paths|/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}|get|operationId",
     "\"readRbacAuthorizationV1ClusterRole\""},
    {"v3/apis/rbac.authorization.k8s.io/v1",
     "paths|/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}|get|tags",
     "[\"rbacAuthorization_v1\"]"},
    {"v3/apis/apps/v1", "paths|/apis/apps/v1/watch/deployments|get|operationId",
     "\"watchAppsV1DeploymentListForAllNamespaces\""},
    {"v3/version", "paths|/version/|get|operationId", "\"getCodeVersion\""},
    {"v2", "definitions|io.k8s.api.core.v1.ServicePort|properties|targetPort|$ref",
     "\"#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString\""},
    {"v2", "definitions|io.k8s.apimachinery.pkg.api.resource.Quantity|type", "\"string\""},
    {"v2", "paths|/api/v1/namespaces/{namespace}/pods/{name}|patch|consumes",
     "[\"application/apply-patch+yaml\",\"application/json-patch+json\","
     "\"application/merge-patch+json\",\"application/strategic-merge-patch+json\"]"},
};

static void test_places(void)
{
    struct openapi *o = openapi_new();
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        AUTO(value) struct value d = document(o, places[i].document);
        AUTO(text) struct text got = {0};
        struct value v = d;
        struct str rest = str_from(places[i].path);
        while (rest.size > 0)
            v = value_get_key(v, str_cut(rest, '|', &rest));

        json_write(v, &got);

        CU_ASSERT_STRING_EQUAL(text_c(&got), places[i].json);
        if (!str_equal(text_str(&got), str_from(places[i].json)))
            printf("\n%s: %s\n", places[i].path, text_c(&got));
    }
    openapi_free(o);
}

/* ---- descriptions ---- */

static void check_described(const struct type_schema *t, bool *seen)
{
    if (seen[t - schema_types])
        return;
    seen[t - schema_types] = true;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct field_schema *f = &t->fields[i];
        CU_ASSERT(description_of(t, f->key).size > 0);
        if (description_of(t, f->key).size == 0)
            printf("\n%s.%.*s has no description\n", t->name, STR_ARG(atom_text(f->key)));
        if (f->kind == SCHEMA_STRUCT)
            check_described(schema_type_of(f), seen);
    }
}

static void test_descriptions(void)
{
    static bool seen[TYPE_COUNT];
    static const enum schema_type_id others[] = {
        TYPE_meta_v1_Status,         TYPE_meta_v1_DeleteOptions,
        TYPE_meta_v1_WatchEvent,     TYPE_autoscaling_v1_Scale,
        TYPE_policy_v1_Eviction,     TYPE_authentication_v1_TokenRequest,
        TYPE_meta_v1_APIResourceList};
    for (size_t i = 0; i < resource_count(); i++) {
        CU_ASSERT(description_of(resource_at(i)->type, ATOM_NONE).size > 0);
        check_described(resource_at(i)->type, seen);
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        check_described(&schema_types[others[i]], seen);
}

/* ---- hashes and encodings ---- */

static void test_answers(void)
{
    struct openapi *o = openapi_new();
    struct openapi_answer a;
    char etag[129] = {0};
    const struct str path = S("v3/apis/batch/v1");

    CU_ASSERT(openapi_find(o, &openapi_built_in, path, S(""), S("*/*"), &a));
    CU_ASSERT_EQUAL(a.etag.size, 128);
    CU_ASSERT_FALSE(a.is_immutable);
    memcpy(etag, a.etag.bytes, a.etag.size);

    CU_ASSERT(openapi_find(o, &openapi_built_in, path, str_from(etag), S(""), &a));
    CU_ASSERT(a.code == 200 && a.is_immutable);

    CU_ASSERT(openapi_find(o, &openapi_built_in, path, S("ABC"), S(""), &a));
    CU_ASSERT_EQUAL(a.code, 301);
    CU_ASSERT(str_starts_with(text_str(&a.location), S("/openapi/v3/apis/batch/v1?hash=")));
    CU_ASSERT(str_ends_with(text_str(&a.location), str_from(etag)));
    text_release(&a.location);

    CU_ASSERT(openapi_find(o, &openapi_built_in, path, S(""),
                           S("application/com.github.proto-openapi.spec.v3@v1.0+protobuf"), &a));
    CU_ASSERT(
        str_equal(a.content_type, S("application/com.github.proto-openapi.spec.v3.v1.0+protobuf")));
    CU_ASSERT(str_starts_with(a.body, S("\x0a\x05"
                                        "3.0.0\x12\x12\x0a\x0aKubernetes\x32\x04"
                                        "1.36")));

    CU_ASSERT(openapi_find(o, &openapi_built_in, path, S(""), S("text/html"), &a));
    CU_ASSERT_EQUAL(a.code, 406);
    CU_ASSERT_FALSE(openapi_find(o, &openapi_built_in, S("v3/apis/nope/v1"), S(""), S(""), &a));
    CU_ASSERT_FALSE(openapi_find(o, &openapi_built_in, S("v4"), S(""), S(""), &a));
    openapi_free(o);
}

/* ---- a custom kind ---- */

static const struct resource widget = {.group = {"example.com", 11},
                                       .version = {"v1", 2},
                                       .kind = {"Widget", 6},
                                       .plural = {"widgets", 7},
                                       .singular = {"widget", 6},
                                       .list_kind = {"WidgetList", 10},
                                       .group_version = {"example.com/v1", 14},
                                       .short_names = "",
                                       .categories = "",
                                       .is_namespaced = true,
                                       .verbs = (1u << VERB_GET) | (1u << VERB_LIST) |
                                                (1u << VERB_WATCH) | (1u << VERB_PATCH)};

static size_t widget_count(void *owner)
{
    (void)owner;
    return 1;
}

static const struct resource *widget_at(void *owner, size_t index)
{
    (void)owner;
    CU_ASSERT_EQUAL(index, 0);
    return &widget;
}

static void widget_schema(void *owner, const struct resource *r, const char *prefix,
                          struct text *out)
{
    (void)owner;
    (void)r;
    text_printf(out,
                "{\"type\":\"object\",\"properties\":{\"metadata\":{\"$ref\":\"%s"
                "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta\"}}}",
                prefix);
}

static void test_custom_kind(void)
{
    const struct openapi_kinds kinds = {
        .count = widget_count, .at = widget_at, .schema = widget_schema, .generation = 7};
    struct openapi *o = openapi_new();
    struct openapi_answer a;
    AUTO(value) struct value v = VALUE_ABSENT;

    CU_ASSERT_FATAL(
        openapi_find(o, &kinds, S("v3/apis/example.com/v1"), S(""), S("application/json"), &a));

    CU_ASSERT_FATAL(json_parse(a.body, NULL, &v, NULL) == ERR_OK);
    struct value schemas = value_get_key(value_get_key(v, S("components")), S("schemas"));
    CU_ASSERT(value_is_present(value_get_key(schemas, S("com.example.v1.Widget"))));
    CU_ASSERT(value_is_present(value_get_key(schemas, S("com.example.v1.WidgetList"))));
    follow(v, schemas, "#/components/schemas/");
    CU_ASSERT(value_is_present(
        value_get_key(value_get_key(v, S("paths")),
                      S("/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"))));
    /* and after them the built-in ones again */
    CU_ASSERT(openapi_find(o, &openapi_built_in, S("v3/api/v1"), S(""), S(""), &a));
    CU_ASSERT_FALSE(
        openapi_find(o, &openapi_built_in, S("v3/apis/example.com/v1"), S(""), S(""), &a));
    CU_ASSERT_FALSE(openapi_find(o, &openapi_built_in, S("v3/apis/example.com"), S(""), S(""), &a));
    openapi_free(o);
}

static CU_TestInfo tests[] = {{"references", test_references},     {"places", test_places},
                              {"descriptions", test_descriptions}, {"answers", test_answers},
                              {"a custom kind", test_custom_kind}, CU_TEST_INFO_NULL};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"openapi", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
