/* SPDX-License-Identifier: Apache-2.0
 *
 * What an HTTP request asks for: paths, queries, Accept, media types, options and bodies, as tables
 * of request and what is read of it.
 */
#include "cluster/apiserver/http/reader.h"

#include <CUnit/Basic.h>

#include "cluster/api/object.h"
#include "cluster/api/status.h"

/* ---- paths ---- */

static const struct target_case {
    const char *target;
    bool is_url;
    enum target_kind kind;
    const char *group, *version, *namespace, *plural, *name, *subresource;
} target_cases[] = {
    {"/version", true, TARGET_PATH, "", "", "", "", "", ""},
    {"/api/v1", true, TARGET_PATH, "", "", "", "", "", ""},
    {"/apis/apps/v1", true, TARGET_PATH, "", "", "", "", "", ""},
    {"/api/v1/pods", true, TARGET_RESOURCE, "", "v1", "", "pods", "", ""},
    {"/api/v1/namespaces/a/pods/b", true, TARGET_RESOURCE, "", "v1", "a", "pods", "b", ""},
    {"/api/v1/namespaces/a/pods/b/status", true, TARGET_RESOURCE, "", "v1", "a", "pods", "b",
     "status"},
    {"/api/v1/namespaces", true, TARGET_RESOURCE, "", "v1", "", "namespaces", "", ""},
    {"/api/v1/namespaces/a", true, TARGET_RESOURCE, "", "v1", "a", "namespaces", "a", ""},
    {"/api/v1/namespaces/a/finalize", true, TARGET_RESOURCE, "", "v1", "a", "namespaces", "a",
     "finalize"},
    {"/apis/apps/v1/watch/namespaces/a/deployments", true, TARGET_RESOURCE, "apps", "v1", "a",
     "deployments", "", ""},
    {"/api/v1/nodes/n/proxy/metrics/x", true, TARGET_RESOURCE, "", "v1", "", "nodes", "n",
     "proxy/metrics/x"},
    {"/api/v1/nodes/a%2fb", true, TARGET_RESOURCE, "", "v1", "", "nodes", "a", "b"},
    {"/api/v1/nodes/a%25b", true, TARGET_RESOURCE, "", "v1", "", "nodes", "a%b", ""},
    {"/api/v1/nodes/", true, TARGET_RESOURCE, "", "v1", "", "nodes", "", ""},
    {"http://x:1/api/v1/nodes", true, TARGET_RESOURCE, "", "v1", "", "nodes", "", ""},
    {"https://x", true, TARGET_PATH, "", "", "", "", "", ""},
    {"/api/v1//pods", true, TARGET_PATH, "", "", "", "", "", ""},
    {"/api/v1/pods%zz", false, TARGET_PATH, "", "", "", "", "", ""},
    {"", false, TARGET_PATH, "", "", "", "", "", ""},
    {"pods", false, TARGET_PATH, "", "", "", "", "", ""},
};

static void is_text(struct str s, const char *expected)
{
    CU_ASSERT(str_equal(s, str_from(expected)));
}

static void test_paths(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(target_cases); i++) {
        const struct target_case *c = &target_cases[i];
        struct arena arena = {0};
        struct target t;

        bool is_url = target_parse(str_from(c->target), &arena, &t);

        CU_ASSERT_EQUAL(is_url, c->is_url);
        CU_ASSERT_EQUAL(t.kind, c->kind);
        if (is_url && t.kind == TARGET_RESOURCE) {
            is_text(t.group, c->group);
            is_text(t.version, c->version);
            is_text(t.namespace, c->namespace);
            is_text(t.plural, c->plural);
            is_text(t.name, c->name);
            is_text(t.subresource, c->subresource);
        }
        arena_release(&arena);
    }
}

static void test_queries(void)
{
    struct arena arena = {0};
    struct target t;

    CU_ASSERT(target_parse(S("/x?a=1&b=run+in+%28x%29&c&a=2&bad=%zz&d=1;e=2&=f"), &arena, &t));

    is_text(target_option(&t, "a"), "1");
    is_text(target_option(&t, "b"), "run in (x)");
    CU_ASSERT(target_has_option(&t, "c"));
    is_text(target_option(&t, "c"), "");
    CU_ASSERT_FALSE(target_has_option(&t, "bad"));
    CU_ASSERT_FALSE(target_has_option(&t, "d"));
    arena_release(&arena);
}

/* ---- Accept ---- */

#define TABLE ";as=Table;v=v1;g=meta.k8s.io"
#define PROTOBUF "application/vnd.kubernetes.protobuf"
static const struct accept_case {
    const char *header;
    enum accept_what what;
    enum accept_result result;
    enum encoding encoding;
    enum form form;
} accept_cases[] = {
    {"", ACCEPT_OBJECT, ACCEPTED, ENCODING_JSON, FORM_OBJECT},
    {"*/*", ACCEPT_OBJECT, ACCEPTED, ENCODING_JSON, FORM_OBJECT},
    {"*", ACCEPT_OBJECT, ACCEPTED, ENCODING_JSON, FORM_OBJECT},
    {"application/yaml", ACCEPT_OBJECT, ACCEPTED, ENCODING_YAML, FORM_OBJECT},
    {"application/json" TABLE ",application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
     ACCEPT_LIST, ACCEPTED, ENCODING_JSON, FORM_TABLE},
    {"application/json;as=Table;v=v9;g=meta.k8s.io", ACCEPT_LIST, ACCEPT_NO_FORM, 0, 0},
    {"application/json;as=Table;v=v9;g=meta.k8s.io,application/json", ACCEPT_LIST, ACCEPTED,
     ENCODING_JSON, FORM_OBJECT},
    {PROTOBUF ",application/json", ACCEPT_OBJECT, ACCEPTED, ENCODING_PROTOBUF, FORM_OBJECT},
    {PROTOBUF ";stream=watch", ACCEPT_WATCH, ACCEPTED, ENCODING_PROTOBUF, FORM_OBJECT},
    {PROTOBUF TABLE, ACCEPT_LIST, ACCEPT_NO_FORM, 0, 0},
    {PROTOBUF TABLE ",application/json" TABLE, ACCEPT_LIST, ACCEPTED, ENCODING_JSON, FORM_TABLE},
    {PROTOBUF ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io", ACCEPT_WATCH, ACCEPTED,
     ENCODING_PROTOBUF, FORM_PARTIAL},
    /* a wildcard of the subtype is nothing to the router */
    {"application/*", ACCEPT_OBJECT, ACCEPT_NO_TYPE, 0, 0},
    {"application/*, application/yaml;q=0.1", ACCEPT_OBJECT, ACCEPTED, ENCODING_YAML, FORM_OBJECT},
    {"application/xml", ACCEPT_OBJECT, ACCEPT_NO_TYPE, 0, 0},
    {"application/yaml;q=0.5,application/json", ACCEPT_OBJECT, ACCEPTED, ENCODING_JSON,
     FORM_OBJECT},
    {PROTOBUF ";q=0.2,application/yaml;q=0.3,application/json;q=0.1", ACCEPT_LIST, ACCEPTED,
     ENCODING_YAML, FORM_OBJECT},
    /* the quality is no refusal */
    {"application/json;q=0,application/yaml", ACCEPT_OBJECT, ACCEPTED, ENCODING_YAML, FORM_OBJECT},
    {"application/json;q=0", ACCEPT_OBJECT, ACCEPTED, ENCODING_JSON, FORM_OBJECT},
    /* wildcards come last */
    {"*/*,application/yaml", ACCEPT_OBJECT, ACCEPTED, ENCODING_YAML, FORM_OBJECT},
    {"application/yaml", ACCEPT_WATCH, ACCEPT_NO_FORM, 0, 0},
    {"application/yaml;stream=watch", ACCEPT_WATCH, ACCEPT_NO_FORM, 0, 0},
    {"application/json;sv=v1", ACCEPT_OBJECT, ACCEPT_NO_FORM, 0, 0},
    {"application/json;charset=utf-8", ACCEPT_OBJECT, ACCEPTED, ENCODING_JSON, FORM_OBJECT},
    {"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", ACCEPT_LIST, ACCEPTED,
     ENCODING_JSON, FORM_PARTIAL_LIST},
    {"application/json" TABLE, ACCEPT_ERROR, ACCEPT_NO_FORM, 0, 0},
    {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", ACCEPT_AGGREGATED,
     ACCEPTED, ENCODING_JSON, FORM_DISCOVERY},
    {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", ACCEPT_DISCOVERY,
     ACCEPT_NO_FORM, 0, 0},
    {"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
     ACCEPT_AGGREGATED, ACCEPTED, ENCODING_JSON, FORM_OBJECT},
};

static void test_accept(void)
{
    struct accepted a;
    for (size_t i = 0; i < ARRAY_COUNT(accept_cases); i++) {
        const struct accept_case *c = &accept_cases[i];

        enum accept_result result = accept_negotiate(str_from(c->header), c->what, false, &a);

        CU_ASSERT_EQUAL(result, c->result);
        if (result == ACCEPTED) {
            CU_ASSERT_EQUAL(a.encoding, c->encoding);
            CU_ASSERT_EQUAL(a.form, c->form);
        }
    }
    /* of a custom resource protobuf has the metadata and nothing else */
    CU_ASSERT_EQUAL(accept_negotiate(S(PROTOBUF), ACCEPT_OBJECT, true, &a), ACCEPT_NO_FORM);
    CU_ASSERT_EQUAL(accept_negotiate(S(PROTOBUF ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io"),
                                     ACCEPT_OBJECT, true, &a),
                    ACCEPTED);
    CU_ASSERT(accepts_gzip(S("deflate, gzip;q=1.0")));
    CU_ASSERT_FALSE(accepts_gzip(S("gzip;q=0")));
    CU_ASSERT_FALSE(accepts_gzip(S("identity")));
}

/* ---- requests ---- */

#define PODS "/api/v1/namespaces/default/pods"
static const struct read_case {
    const char *method, *target, *type, *body;
    int code; /* of the refusal; 0: none */
    enum verb verb;
    const char *message; /* part of it */
} read_cases[] = {
    {"GET", PODS, "", "", 0, VERB_LIST, ""},
    {"GET", PODS "/a", "", "", 0, VERB_GET, ""},
    {"GET", PODS "?watch=true", "", "", 0, VERB_WATCH, ""},
    {"GET", PODS "?watch=0", "", "", 0, VERB_LIST, ""},
    {"GET", "/api/v1/watch/pods", "", "", 0, VERB_WATCH, ""},
    {"POST", PODS, "", "{}", 0, VERB_CREATE, ""},
    {"PUT", PODS "/a", "application/yaml", "a: b", 0, VERB_UPDATE, ""},
    {"PATCH", PODS "/a", "application/merge-patch+json", "{}", 0, VERB_PATCH, ""},
    {"DELETE", PODS "/a", "", "", 0, VERB_DELETE, ""},
    {"DELETE", PODS, "", "", 0, VERB_DELETE_COLLECTION, ""},
    {"POST", PODS "/a/binding", "", "{}", 0, VERB_CREATE, ""},
    {"POST", PODS "/a", "", "{}", 405, VERB_COUNT, "does not allow this method"},
    {"PUT", PODS, "", "{}", 405, VERB_COUNT, "does not allow this method"},
    {"HEAD", PODS, "", "", 405, VERB_COUNT, "does not allow this method"},
    {"GET", "/api/v1/namespaces/default/nopes", "", "", 404, VERB_COUNT,
     "the server could not find the requested resource"},
    {"GET", "/api/v1/namespaces/default/configmaps/a/status", "", "", 404, VERB_COUNT,
     "the server could not find"},
    {"GET", "/api/v1/namespaces/default/nodes", "", "", 404, VERB_COUNT, "could not find"},
    {"POST", PODS, "text/plain", "a", 415, VERB_COUNT, "unknown format - accepted media types"},
    {"PATCH", PODS "/a", "application/json", "{}", 415, VERB_COUNT, "415: Unsupported Media Type"},
    {"POST", PODS, "", "{\"a\":", 400, VERB_COUNT,
     "couldn't get version/kind; json parse error: unexpected end of JSON input ({\"a\":)"},
    {"POST", PODS, "", "", 400, VERB_COUNT, "unexpected end of JSON input (<empty>)"},
    {"GET", PODS "?limit=abc", "", "", 400, VERB_COUNT,
     "strconv.ParseInt: parsing \"abc\": invalid syntax"},
    {"POST", PODS "?fieldValidation=Bogus", "", "{}", 422, VERB_COUNT,
     "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Bogus\": "
     "supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""},
    {"GET", PODS "?resourceVersionMatch=Bogus", "", "", 422, VERB_COUNT,
     "supported values: \"Exact\", \"NotOlderThan\", \"\""},
    {"DELETE", PODS "/a", "", "{\"propagationPolicy\":\"Bogus\"}", 422, VERB_COUNT,
     "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""},
    {"POST", PODS "?dryRun=None", "", "{}", 422, VERB_COUNT, "dryRun: Unsupported value"},
    {"POST", PODS, "application/vnd.kubernetes.protobuf", "junk", 400, VERB_COUNT, "protobuf"},
};

static void test_requests(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(read_cases); i++) {
        const struct read_case *c = &read_cases[i];
        struct arena arena = {0};
        struct reading r;
        const struct http_request h = {.method = str_from(c->method),
                                       .target = str_from(c->target),
                                       .content_type = str_from(c->type),
                                       .body = str_from(c->body)};

        http_read(&h, &arena, &r);

        CU_ASSERT_EQUAL(status_code(r.refusal), c->code);
        CU_ASSERT(str_contains(VALUE_STR(r.refusal, message), str_from(c->message)));
        bool is_malformed = r.is_malformed;
        reading_defer(&h, &r);
        CU_ASSERT_PTR_NOT_NULL_FATAL(r.request);
        CU_ASSERT_EQUAL(status_code(r.request->refusal), c->code);
        CU_ASSERT_FALSE(value_is_present(r.refusal));
        if (c->code == 0)
            CU_ASSERT_EQUAL(r.request->verb, c->verb);
        CU_ASSERT(r.request->resource || value_is_present(r.request->asked) || is_malformed);
        reading_release(&r);
        arena_release(&arena);
    }
}

/* A group that is no constant row may be that of a custom kind: the API server is asked. */
static void test_unknown_group(void)
{
    struct arena arena = {0};
    struct reading r;

    http_read(&(struct http_request){.method = S("GET"), .target = S("/apis/nope.io/v1/x")}, &arena,
              &r);

    CU_ASSERT_PTR_NOT_NULL_FATAL(r.request);
    CU_ASSERT(r.request->resource == resource_placeholder());
    CU_ASSERT(VALUE_IS(r.request->target, "nope.io", group));
    CU_ASSERT(VALUE_IS(r.request->target, "x", resource));
    reading_release(&r);
    arena_release(&arena);
}

static void test_options(void)
{
    struct arena arena = {0};
    struct reading r;
    const struct http_request h = {
        .method = S("GET"),
        .target = S(PODS "?labelSelector=a%3Db&fieldSelector=x%3Dy&limit=5&continue=t&"
                         "resourceVersion=7&resourceVersionMatch=NotOlderThan&timeoutSeconds=3&"
                         "allowWatchBookmarks&sendInitialEvents=true&watch=1")};

    http_read(&h, &arena, &r);

    CU_ASSERT_PTR_NOT_NULL_FATAL(r.request);
    const struct list_options *o = r.request->list;
    CU_ASSERT(value_is(o->label_selector, "a=b"));
    CU_ASSERT(value_is(o->field_selector, "x=y"));
    CU_ASSERT_EQUAL(o->limit, 5);
    CU_ASSERT(value_is(o->continue_token, "t"));
    CU_ASSERT(value_is(o->resource_version, "7"));
    CU_ASSERT_EQUAL(o->version_match, VERSION_MATCH_NOT_OLDER_THAN);
    CU_ASSERT_EQUAL(o->timeout.ns, duration_s(3).ns);
    CU_ASSERT(o->allow_bookmarks);
    CU_ASSERT_EQUAL(o->send_initial_events, 1);
    reading_release(&r);
    arena_release(&arena);
}

/* Who writes, when nobody says so: the first part of the user agent. */
static void test_manager(void)
{
    is_text(manager_of(S("kubectl/v1.36.2 (linux/amd64)")), "kubectl");
    is_text(manager_of(S("")), "unknown");
}

int main(void)
{
    CU_TestInfo tests[] = {{"paths", test_paths},
                           {"queries", test_queries},
                           {"Accept", test_accept},
                           {"requests and refusals", test_requests},
                           {"a group that is not served", test_unknown_group},
                           {"options of lists", test_options},
                           {"field manager", test_manager},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{.pName = "HTTP requests", .pTests = tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
