/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: JSON patches and merge patches do what RFC 6902 and RFC 7386 say, and complain as the API
 * server does. Method: tables of documents, patches and results.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/json.h"
#include "cluster/api/patch.h"
#include "cluster/api/value_heap.h"

static struct value parse(const char *text)
{
    struct value v = VALUE_ABSENT;
    CU_ASSERT(json_parse(str_from(text), NULL, &v, NULL) == ERR_OK);
    return v;
}

static void expect(const char *what, struct value v, const char *expected)
{
    AUTO(text) struct text t = {0};
    json_write(v, &t);
    if (strcmp(text_c(&t), expected) != 0)
        fprintf(stderr, "\n  %s: got %s\n", what, text_c(&t));
    CU_ASSERT(strcmp(text_c(&t), expected) == 0);
}

static const struct {
    const char *document, *patch, *result; /* a result that is no JSON is the message */
    int code;
} json_patches[] = {
    {"{\"a\":1}", "[]", "{\"a\":1}", 0},
    {"{\"a\":1}",
     "[{\"op\":\"add\",\"path\":\"/b\",\"value\":[1]},{\"op\":\"add\",\"path\":\"/b/"
     "-\",\"value\":2},{\"op\":\"add\",\"path\":\"/b/0\",\"value\":0}]",
     "{\"a\":1,\"b\":[0,1,2]}", 0},
    {"{\"a/b\":{\"~\":1}}", "[{\"op\":\"replace\",\"path\":\"/a~1b/~0\",\"value\":2}]",
     "{\"a/b\":{\"~\":2}}", 0},
    {"{\"a\":{\"b\":{\"c\":[1,2,3]}}}",
     "[{\"op\":\"remove\",\"path\":\"/a/b/c/1\"},{\"op\":\"remove\",\"path\":\"/a/b/c/-1\"}]",
     "{\"a\":{\"b\":{\"c\":[1]}}}", 0},
    {"{\"a\":{\"x\":1},\"b\":{}}",
     "[{\"op\":\"move\",\"from\":\"/a/x\",\"path\":\"/b/y\"},{\"op\":\"copy\",\"from\":\"/"
     "b\",\"path\":\"/c\"}]",
     "{\"a\":{},\"b\":{\"y\":1},\"c\":{\"y\":1}}", 0},
    {"{\"a\":[{\"x\":1}]}",
     "[{\"op\":\"test\",\"path\":\"/a/0\",\"value\":{\"x\":1}},{\"op\":\"test\",\"path\":\"/"
     "gone\",\"value\":null},{\"op\":\"add\",\"path\":\"/ok\",\"value\":null}]",
     "{\"a\":[{\"x\":1}],\"ok\":null}", 0},
    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]",
     "testing value /a failed: test failed", 422},
    {"{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]",
     "error in remove for path: '/a': Unable to remove nonexistent key: a: missing value", 422},
    {"{}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]",
     "replace operation does not apply: doc is missing key: /a: missing value", 422},
    {"{}", "[{\"op\":\"replace\",\"path\":\"/a/b\",\"value\":1}]",
     "replace operation does not apply: doc is missing path: /a/b: missing value", 422},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]",
     "add operation does not apply: doc is missing path: \"/a/b\": missing value", 422},
    {"{\"a\":[]}", "[{\"op\":\"add\",\"path\":\"/a/5\",\"value\":1}]",
     "error in add for path: '/a/5': Unable to access invalid index: 5: invalid index "
     "referenced",
     422},
    {"{\"a\":[]}", "[{\"op\":\"add\",\"path\":\"/a/x\",\"value\":1}]",
     "error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: "
     "parsing \"x\": invalid syntax",
     422},
    {"{}", "[{\"op\":\"frob\",\"path\":\"/a\"}]", "Unexpected kind: frob", 422},
    {"{}", "[{\"path\":\"/a\"}]", "Unexpected kind: unknown", 422},
    {"{}", "[{\"op\":\"add\",\"value\":1}]", "add operation failed to decode path: missing value",
     422},
    {"{}", "[{\"op\":\"move\",\"path\":\"/a\"}]",
     "move operation failed to decode from: operation, missing from field: missing value", 422},
    {"{}", "{\"op\":\"add\"}",
     "error decoding patch: json: cannot unmarshal object into Go value of type "
     "[]handlers.jsonPatchOp",
     400},
    {"{}", "[1]",
     "error decoding patch: json: cannot unmarshal number into Go value of type "
     "handlers.jsonPatchOp",
     400},
    {"{}", "[{\"op\":1}]",
     "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op "
     "of type string",
     400},
};

static void test_json_patch(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(json_patches); i++) {
        struct value document = parse(json_patches[i].document),
                     patch = parse(json_patches[i].patch), next = VALUE_ABSENT;
        AUTO(text) struct text why = {0};
        enum patch_result result = json_patch_apply(value_keep(document), patch, &next, &why);
        CU_ASSERT((int)result == json_patches[i].code);
        if (result == PATCH_APPLIED)
            expect(json_patches[i].patch, next, json_patches[i].result);
        else if (strcmp(text_c(&why), json_patches[i].result) != 0)
            fprintf(stderr, "\n  %s: %s\n", json_patches[i].patch, text_c(&why));
        CU_ASSERT(result == PATCH_APPLIED || strcmp(text_c(&why), json_patches[i].result) == 0);
        expect("the original", document, json_patches[i].document);
        value_drop(document);
        value_drop(patch);
        value_drop(next);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_merge_patch(void)
{
    /* The examples of RFC 7386, appendix A. */
    static const struct {
        const char *document, *patch, *result;
    } cases[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value document = parse(cases[i].document), patch = parse(cases[i].patch);
        struct value next = merge_patch_apply(value_keep(document), patch);
        expect(cases[i].patch, next, cases[i].result);
        struct value made = merge_patch_make(document, next);
        struct value again = merge_patch_apply(value_keep(document), made);
        CU_ASSERT(value_equal(next, again));
        value_drop(document);
        value_drop(patch);
        value_drop(next);
        value_drop(made);
        value_drop(again);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static CU_TestInfo tests[] = {
    {"JSON patch", test_json_patch},
    {"merge patch", test_merge_patch},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"patch", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
