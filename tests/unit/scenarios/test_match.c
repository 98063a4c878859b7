/* SPDX-License-Identifier: Apache-2.0
 *
 * Partial resources, jq expressions, tallies over the picture, and the patch of kubectl apply.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>

#include "cluster/api/json.h"
#include "scenarios/engine/match.h"
#include "scenarios/engine/user.h"

static struct value parse(const char *json)
{
    struct value v = VALUE_ABSENT;
    struct errmsg message;
    if (json_parse(str_from(json), NULL, &v, &message))
        printf("\n%s: %s\n", json, message.text);
    return v;
}

static const struct {
    const char *partial, *actual;
    bool matches;
} partials[] = {
    {"{}", "{\"a\": 1}", true},
    {"{\"a\": 1}", "{\"a\": 1, \"b\": 2}", true},
    {"{\"a\": 2}", "{\"a\": 1}", false},
    {"{\"a\": {\"b\": \"x\"}}", "{\"a\": {\"b\": \"x\", \"c\": 1}}", true},
    {"{\"a\": {\"b\": \"x\"}}", "{\"a\": \"x\"}", false},
    {"{\"a\": [1, 2]}", "{\"a\": [1, 2]}", true},
    {"{\"a\": [1]}", "{\"a\": [1, 2]}", false},
    {"{\"a\": [{\"b\": 1}]}", "{\"a\": [{\"b\": 1, \"c\": 2}]}", true},
    {"{\"a\": null}", "{\"b\": 1}", true},
    {"{\"a\": null}", "{\"a\": 1}", false},
    {"{\"a\": \"1\"}", "{\"a\": 1}", false},
};

static void test_partial(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(partials); i++) {
        AUTO(value)
        struct value partial = parse(partials[i].partial), actual = parse(partials[i].actual);
        AUTO(text) struct text difference = {0};
        partial_difference(partial, actual, &difference);
        CU_ASSERT_EQUAL(partial_matches(partial, actual), partials[i].matches);
        CU_ASSERT_EQUAL(difference.size == 0, partials[i].matches);
    }
}

static void test_difference(void)
{
    AUTO(value)
    struct value partial = parse("{\"status\": {\"readyReplicas\": 3, \"replicas\": 3}}");
    AUTO(value)
    struct value actual = parse("{\"status\": {\"readyReplicas\": 2, \"replicas\": 3}}");
    AUTO(text) struct text difference = {0};

    partial_difference(partial, actual, &difference);

    CU_ASSERT_STRING_EQUAL(text_c(&difference),
                           "- status.readyReplicas: 3\n+ status.readyReplicas: 2\n");
}

static const struct {
    const char *expression;
    bool is_simple, holds;
} expressions[] = {
    {".status.phase == \"Running\"", true, true},
    {".status.phase != \"Running\"", true, false},
    {".status.n == 3 and .status.ready == true", true, true},
    {".status.n == 3 and .status.ready == false", true, false},
    {".absent.path == \"x\"", true, false},
    {".absent.path != \"x\"", true, true},
    {".status.phase.deeper == \"x\"", true, false},
    {".status.n >= 3", true, true},
    {".status.n > 3", true, false},
    {".status.n < \"3\" and .absent < 0", true, true},
    {".status.phase > \"Run\"", true, true},
    {"(.status.n == 3)", true, true},
    {".status.list | any(. == \"b\")", true, true},
    {".status.list | all(. == \"b\")", true, false},
    {".status.list | any(.x == \"b\")", true, false}, /* an error */
    {".absent | any(. == 1)", true, false},           /* an error */
    {".absent // [] | any", true, false},
    {".absent // [] | all", true, true},
    {".absent // .status.ready", true, true},
    {".status.list | length > 2", true, false},
    {".status.list | length == 2 and false", true, false},
    {".status.list[1] == \"b\" or .status.n == 4", true, true},
    {".status[\"phase\"] == \"Running\"", true, true},
    {".status.list[7] == null", true, true},
    {".status.ready | not", true, false},
    {".status | has(\"n\")", true, true},
    {".status | has(\"m\")", true, false},
    {".status.half > 0", true, true},
    {".status.list == [\"a\", \"b\"]", false, true},
    {".status.list == .status.list", true, true},
    {"(.status.n != 3) or (.absent == null and (.status.list // [] | any(. == \"a\")))", true,
     true},
    {"true or .status.phase.x", true, true},
    {".status.n == 3.0", false, true},
    {"[.status.list[] | select(. == \"a\")] | length == 1", false, true},
    {".absent", true, false},
};

/* The short way and libjq agree: each expression is asked as it is and wrapped, which only libjq
 * understands. */
static void test_jq(void)
{
    AUTO(value)
    struct value v = parse("{\"status\": {\"phase\": \"Running\", \"n\": 3, \"ready\": true, "
                           "\"half\": 0.5, \"list\": [\"a\", \"b\"]}}");
    for (size_t i = 0; i < ARRAY_COUNT(expressions); i++) {
        AUTO(text) struct text wrapped = {0};
        text_printf(&wrapped, "first(%s)", expressions[i].expression);
        struct jq_filter *plain = jq_filter_new(str_from(expressions[i].expression), NULL);
        struct jq_filter *full = jq_filter_new(text_str(&wrapped), NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(plain);
        CU_ASSERT_PTR_NOT_NULL_FATAL(full);
        CU_ASSERT(!jq_filter_is_simple(full));
        CU_ASSERT_EQUAL(jq_filter_is_simple(plain), expressions[i].is_simple);
        CU_ASSERT_EQUAL(jq_filter_holds(plain, v), expressions[i].holds);
        CU_ASSERT_EQUAL(jq_filter_holds(full, v), expressions[i].holds);
        jq_filter_free(plain);
        jq_filter_free(full);
    }
    AUTO(text) struct text why = {0};
    CU_ASSERT(!jq_check(S(".a ==="), &why));
    CU_ASSERT(why.size > 0);
}

static void change(struct view *view, int64_t revision, const char *name, const char *before,
                   const char *after)
{
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_pods), S("default"), str_from(name));
    AUTO(value)
    struct value was = before ? parse(before) : VALUE_ABSENT,
                 is = after ? parse(after) : VALUE_ABSENT;
    view_apply(view,
               &(struct view_change){
                   .revision = revision, .key = key, .before = was, .after = is, .by = S("test")});
    object_key_unref(key);
}

/* A tally follows additions, changes both ways and deletions, and sees what was there before it. */
static void test_tally(void)
{
    static const char running[] = "{\"status\": {\"phase\": \"Running\"}}",
                      pending[] = "{\"status\": {\"phase\": \"Pending\"}}";
    struct view *view = view_new();
    change(view, 1, "a", NULL, running);
    struct matcher m = {.resource = resource_get(RESOURCE_pods),
                        .namespace = value_string(S("default"))};
    m.filter = jq_filter_new(S(".status.phase == \"Running\""), NULL);
    struct tally *t = tally_new(view, &m);

    CU_ASSERT_EQUAL(tally_count(t), 1);
    change(view, 2, "b", NULL, pending);
    CU_ASSERT_EQUAL(tally_count(t), 1);
    change(view, 3, "b", pending, running);
    CU_ASSERT_EQUAL(tally_count(t), 2);
    change(view, 4, "a", running, pending);
    CU_ASSERT_EQUAL(tally_count(t), 1);
    change(view, 5, "b", running, NULL);
    CU_ASSERT_EQUAL(tally_count(t), 0);
    CU_ASSERT_EQUAL(view_count(view, resource_get(RESOURCE_pods)), 1);
    CU_ASSERT_EQUAL(view_revision(view), 5);
    tally_free(t);
    view_free(view);
}

static const struct {
    const char *original, *modified, *current, *patch;
} patches[] = {
    {"null", "{\"spec\": {\"replicas\": 3}}", "{\"spec\": {\"replicas\": 2}}",
     "{\"spec\":{\"replicas\":3}}"},
    {"null", "{\"spec\": {\"replicas\": 3}}", "{\"spec\": {\"replicas\": 3, \"paused\": true}}",
     "{}"},
    {"{\"spec\": {\"paused\": true}}", "{\"spec\": {\"replicas\": 3}}",
     "{\"spec\": {\"replicas\": 3, \"paused\": true}}", "{\"spec\":{\"paused\":null}}"},
    {"null",
     "{\"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"a\", \"image\": "
     "\"n:2\"}]}}}}",
     "{\"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"a\", \"image\": "
     "\"n:1\"}, {\"name\": \"s\", \"image\": \"x\"}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/"
     "containers\":[{\"name\":\"a\"}],\"containers\":[{\"image\":\"n:2\",\"name\":\"a\"}]}}}}"},
    {"{\"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"a\"}, {\"name\": "
     "\"b\"}]}}}}",
     "{\"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"a\"}]}}}}",
     "{\"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"a\"}, {\"name\": "
     "\"b\"}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/"
     "containers\":[{\"name\":\"a\"}],\"containers\":[{\"$patch\":\"delete\",\"name\":\"b\"}]}}}}"},
};

/* What kubectl apply sends for a Deployment. */
static void test_apply_patch(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(patches); i++) {
        AUTO(value)
        struct value original = parse(patches[i].original), modified = parse(patches[i].modified);
        AUTO(value) struct value current = parse(patches[i].current);
        AUTO(value)
        struct value patch =
            apply_patch(resource_get(RESOURCE_deployments)->type, original, modified, current);
        AUTO(text) struct text json = {0};
        json_write(patch, &json);
        CU_ASSERT_STRING_EQUAL(text_c(&json), patches[i].patch);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"partial", test_partial}, {"difference", test_difference},   {"jq", test_jq},
        {"tally", test_tally},     {"apply patch", test_apply_patch}, CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"match", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}
