/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of the registry and of lists: the plan of a deletion, continue tokens, field
 * selectors, the order of keys.
 */
#include "sim/base/base.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/apiserver/continue_token.h"
#include "cluster/apiserver/machinery.h"
#include "cluster/apiserver/registry.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

static struct value parse(const char *json)
{
    struct value v = VALUE_ABSENT;
    struct errmsg m = {0};
    CU_ASSERT_EQUAL_FATAL(json_parse(str_from(json), NULL, &v, &m), ERR_OK);
    return v;
}

#define RUNNING                                                                                    \
    "{\"metadata\":{\"name\":\"a\",\"generation\":1},\"spec\":{\"nodeName\":\"n\","                \
    "\"terminationGracePeriodSeconds\":30},\"status\":{\"phase\":\"Running\"}}"
#define DYING                                                                                      \
    "{\"metadata\":{\"name\":\"a\",\"generation\":2,\"deletionTimestamp\":\"2026-11-23T16:00:"     \
    "30Z\",\"deletionGracePeriodSeconds\":30},\"spec\":{\"nodeName\":\"n\"}}"
#define PLAIN "{\"metadata\":{\"name\":\"a\",\"generation\":3}}"
#define HELD "{\"metadata\":{\"name\":\"a\",\"generation\":3,\"finalizers\":[\"x/y\"]}}"

/* What a deletion does, by kind, state, grace and policy. */
static void test_deletion(void)
{
    static const struct {
        enum resource_known resource;
        const char *object;
        int64_t grace;
        enum propagation propagation;
        enum deletion_step plan;
        int64_t grace_after, generation_after; /* -1: nothing is written */
        const char *finalizer;
    } rows[] = {
        {RESOURCE_pods, RUNNING, -1, PROPAGATION_DEFAULT, DELETE_MARK, 30, 2, NULL},
        {RESOURCE_pods, RUNNING, 5, PROPAGATION_DEFAULT, DELETE_MARK, 5, 2, NULL},
        {RESOURCE_pods, RUNNING, 0, PROPAGATION_DEFAULT, DELETE_MARK_NOW, 0, 2, NULL},
        {RESOURCE_pods,
         "{\"metadata\":{\"name\":\"a\",\"generation\":1},\"spec\":{"
         "\"terminationGracePeriodSeconds\":30}}",
         -1, PROPAGATION_DEFAULT, DELETE_MARK_NOW, 0, 2, NULL},
        {RESOURCE_pods, DYING, -1, PROPAGATION_DEFAULT, DELETE_PENDING, -1, -1, NULL},
        {RESOURCE_pods, DYING, 60, PROPAGATION_DEFAULT, DELETE_PENDING, -1, -1, NULL},
        {RESOURCE_pods, DYING, 10, PROPAGATION_DEFAULT, DELETE_MARK, 10, 2, NULL},
        {RESOURCE_pods, DYING, 0, PROPAGATION_DEFAULT, DELETE_MARK_NOW, 0, 2, NULL},
        {RESOURCE_configmaps, PLAIN, -1, PROPAGATION_DEFAULT, DELETE_NOW, -1, -1, NULL},
        {RESOURCE_configmaps, PLAIN, -1, PROPAGATION_FOREGROUND, DELETE_MARK, 0, 4,
         "foregroundDeletion"},
        {RESOURCE_configmaps, PLAIN, -1, PROPAGATION_ORPHAN, DELETE_MARK, 0, 4, "orphan"},
        {RESOURCE_configmaps, HELD, -1, PROPAGATION_BACKGROUND, DELETE_MARK, 0, 4, "x/y"},
        {RESOURCE_jobs, PLAIN, -1, PROPAGATION_DEFAULT, DELETE_MARK, 0, 4, "orphan"},
        {RESOURCE_jobs, PLAIN, -1, PROPAGATION_BACKGROUND, DELETE_NOW, -1, -1, NULL},
        {RESOURCE_events, PLAIN, -1, PROPAGATION_FOREGROUND, DELETE_NOW, -1, -1, NULL},
        {RESOURCE_namespaces,
         "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"finalizers\":[\"kubernetes\"]}}", -1,
         PROPAGATION_DEFAULT, DELETE_MARK, -1, 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct value object = parse(rows[i].object), next;
        const struct deletion_request d = {
            rows[i].grace, rows[i].propagation, {INT64_C(1790000000) * 1000000000}};
        enum deletion_step plan = deletion_plan(resource_get(rows[i].resource), object, &d, &next);
        CU_ASSERT_EQUAL(plan, rows[i].plan);
        if (plan != rows[i].plan)
            printf("  row %zu: %d\n", i, (int)plan);
        CU_ASSERT_EQUAL(value_is_present(next), plan == DELETE_MARK || plan == DELETE_MARK_NOW);
        if (value_is_present(next)) {
            CU_ASSERT_TRUE(object_is_deleting(next));
            CU_ASSERT_EQUAL(VALUE_INT(next, -1, metadata, deletionGracePeriodSeconds),
                            rows[i].grace_after);
            CU_ASSERT_EQUAL(object_generation(next), rows[i].generation_after);
        }
        if (rows[i].finalizer)
            CU_ASSERT_TRUE(object_has_finalizer(next, str_from(rows[i].finalizer)));
        value_drop(object);
        value_drop(next);
    }
}

/* Less grace moves the deletion forward from where it was. */
static void test_shorter_grace(void)
{
    struct value object = parse(DYING), next;
    const struct deletion_request d = {10, PROPAGATION_DEFAULT, {INT64_C(1790000000) * 1000000000}};
    CU_ASSERT_EQUAL(deletion_plan(resource_get(RESOURCE_pods), object, &d, &next), DELETE_MARK);
    CU_ASSERT_TRUE(VALUE_IS(next, "2026-11-23T16:00:10Z", metadata, deletionTimestamp));
    value_drop(object);
    value_drop(next);
}

/* A real server's token, both ways; what is none is refused. */
static void test_continue_tokens(void)
{
    AUTO(text) struct text t = {0};
    continue_token_write(4792, S(""), S("cluster-admin"), &t);
    CU_ASSERT_STRING_EQUAL(
        text_c(&t),
        "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NDc5Miwic3RhcnQiOiIvY2x1c3Rlci1hZG1pblx1MDAwMCJ9");
    struct continue_token token = {0};
    AUTO(text) struct text why = {0};
    CU_ASSERT_TRUE(continue_token_read(text_str(&t), &token, &why));
    CU_ASSERT_EQUAL(token.revision, 4792);
    CU_ASSERT_STRING_EQUAL(text_c(&token.after_name), "cluster-admin");
    continue_token_release(&token);
    text_clear(&t);
    continue_token_write(-1, S("kube-system"), S("coredns"), &t);
    CU_ASSERT_TRUE(continue_token_read(text_str(&t), &token, &why));
    CU_ASSERT_EQUAL(token.revision, -1);
    CU_ASSERT_STRING_EQUAL(text_c(&token.after_namespace), "kube-system");
    CU_ASSERT_STRING_EQUAL(text_c(&token.after_name), "coredns");
    continue_token_release(&token);
    CU_ASSERT_FALSE(continue_token_read(S("!!!"), &token, &why));
    CU_ASSERT_STRING_EQUAL(text_c(&why), "invalid continue token: continue key is not valid: "
                                         "illegal base64 data at input byte 0");
    text_clear(&why);
    CU_ASSERT_FALSE(continue_token_read(S("abc"), &token, &why));
    CU_ASSERT_STRING_EQUAL(text_c(&why),
                           "invalid continue token: continue key is not valid: invalid character "
                           "'i' looking for beginning of value");
    text_clear(&why);
    CU_ASSERT_FALSE(continue_token_read(S("e30"), &token, &why)); /* {} */
    CU_ASSERT_STRING_EQUAL(text_c(&why),
                           "invalid continue token: continue key is not valid: server does not "
                           "recognize this encoded version \"\"");
}

/* Terms of equality and inequality, escapes, values that are no texts, unknown paths. */
static void test_field_selectors(void)
{
    static const struct {
        const char *selector;
        bool matches;
    } rows[] = {{"spec.nodeName=n1", true},
                {"spec.nodeName==n1", true},
                {"spec.nodeName!=n1", false},
                {"spec.nodeName=", false},
                {"status.phase=", true},
                {"status.phase!=Running", true},
                {"spec.hostNetwork=true", true},
                {"metadata.name=a\\,b", true},
                {"metadata.name=a\\,b,spec.nodeName=n2", false}};
    struct value pod = parse(
        "{\"metadata\":{\"name\":\"a,b\"},\"spec\":{\"nodeName\":\"n1\",\"hostNetwork\":true}}");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct value status = VALUE_ABSENT;
        struct field_selector *f =
            field_selector_new(resource_get(RESOURCE_pods), str_from(rows[i].selector), &status);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        CU_ASSERT_EQUAL(field_selector_matches(f, pod), rows[i].matches);
        if (field_selector_matches(f, pod) != rows[i].matches)
            printf("  %s\n", rows[i].selector);
        field_selector_free(f);
    }
    value_drop(pod);
    struct value status = VALUE_ABSENT;
    CU_ASSERT_PTR_NULL(field_selector_new(resource_get(RESOURCE_pods), S("spec.bogus=x"), &status));
    CU_ASSERT_TRUE(VALUE_IS(status, "field label not supported: spec.bogus", message));
    value_drop(status);
}

/* Keys are ordered as etcd's texts are: "a-b/x" before "a/x". */
static void test_key_order(void)
{
    CU_ASSERT_TRUE(cache_key_compare(S("a-b"), S("x"), S("a"), S("x")) < 0);
    CU_ASSERT_TRUE(cache_key_compare(S("a"), S("x"), S("a-b"), S("x")) > 0);
    CU_ASSERT_TRUE(cache_key_compare(S("a"), S("x"), S("a"), S("y")) < 0);
    CU_ASSERT_TRUE(cache_key_compare(S("a"), S("z"), S("a0"), S("a")) < 0);
    CU_ASSERT_EQUAL(cache_key_compare(S(""), S("n"), S(""), S("n")), 0);
}

/* Events and autoscalers keep their content through the other version. */
static void test_versions(void)
{
    const struct resource *events = resource_get(RESOURCE_events),
                          *newer = resource_get(RESOURCE_events_events);
    struct value event = parse("{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"message\":\"m\","
                               "\"involvedObject\":{\"kind\":\"Pod\"},\"count\":2}");
    struct value shown = version_convert(value_keep(event), events, newer);
    CU_ASSERT_TRUE(VALUE_IS(shown, "m", note));
    CU_ASSERT_TRUE(VALUE_IS(shown, "events.k8s.io/v1", apiVersion));
    CU_ASSERT_FALSE(value_is_present(VALUE_GET(shown, involvedObject)));
    struct value back = version_convert(shown, newer, events);
    CU_ASSERT_TRUE(value_equal(back, event));
    value_drop(back);
    value_drop(event);
    const struct resource *v2 = resource_get(RESOURCE_horizontalpodautoscalers),
                          *v1 = resource_get(RESOURCE_horizontalpodautoscalers_v1);
    struct value hpa = parse("{\"apiVersion\":\"autoscaling/"
                             "v1\",\"kind\":\"HorizontalPodAutoscaler\",\"spec\":{\"maxReplicas\":"
                             "3,\"targetCPUUtilizationPercentage\":80}}");
    struct value stored = version_convert(value_keep(hpa), v1, v2);
    CU_ASSERT_EQUAL(VALUE_INT(value_at(VALUE_GET(stored, spec, metrics), 0), 0, resource, target,
                              averageUtilization),
                    80);
    back = version_convert(stored, v2, v1);
    CU_ASSERT_TRUE(value_equal(back, hpa));
    value_drop(back);
    value_drop(hpa);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"deletion", test_deletion},
                                  {"shorter grace", test_shorter_grace},
                                  {"continue tokens", test_continue_tokens},
                                  {"field selectors", test_field_selectors},
                                  {"key order", test_key_order},
                                  {"versions", test_versions},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"registry", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
