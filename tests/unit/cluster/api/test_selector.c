/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: selectors mean and complain as Kubernetes' do. Method: tables of texts, of objects, and of
 * labels.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/selector.h"
#include "cluster/api/value_heap.h"

static void test_matching(void)
{
    static const struct {
        const char *selector;
        bool matches;
    } cases[] = {
        {"", true},
        {"app=web", true},
        {"app==web", true},
        {"app!=web", false},
        {"app=api", false},
        {"app=web,tier=front", true},
        {"app=web,tier=back", false},
        {"app", true},
        {"!app", false},
        {"gone", false},
        {"!gone", true},
        {"gone!=x", true},
        {"gone=", false},
        {"empty=", true},
        {"empty", true},
        {"app in (web,api)", true},
        {"app in (api)", false},
        {"app notin (api)", true},
        {"app notin (web, api)", false},
        {"gone notin (a)", true},
        {"empty in ()x", false},
        {"empty in (,a)", true},
        {"version>3", true},
        {"version<3", false},
        {"app>3", false},
        {" app = web , !gone ", true},
        {"in=web", false},
        {"notin", false},
        {"a.b/c=d-e_f.g", true},
    };
    AUTO(value)
    struct value labels =
        value_pack("{app: web, tier: front, empty: \"\", version: \"12\", a.b/c: d-e_f.g}");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(text) struct text why = {0};
        struct label_selector *s = label_selector_parse(str_from(cases[i].selector), &why);
        bool matches = s && label_selector_matches(s, labels);
        if (matches != cases[i].matches)
            fprintf(stderr, "\n  '%s': %d %s\n", cases[i].selector, matches, text_c(&why));
        CU_ASSERT(matches == cases[i].matches);
        label_selector_free(s);
    }
}

static void test_printing(void)
{
    static const struct {
        const char *selector, *text;
    } cases[] = {
        {"", ""},
        {"b=c,a", "a,b=c"},
        {"x in (c,a,b),!y,z!=1", "x in (a,b,c),!y,z!=1"},
        {"a==b", "a==b"},
        {"a notin (q)", "a notin (q)"},
        {"a>1,b<2", "a>1,b<2"},
        {"a=", "a="},
        {"x in (,)", "x in ()"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct label_selector *s = label_selector_parse(str_from(cases[i].selector), NULL);
        CU_ASSERT_FATAL(s != NULL);
        AUTO(text) struct text t = {0};
        label_selector_text(s, &t);
        CU_ASSERT(strcmp(text_c(&t), cases[i].text) == 0);
        label_selector_free(s);
    }
}

static void test_messages(void)
{
    static const struct {
        const char *selector, *why;
    } cases[] = {
        {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
        {"a in (b", "unable to parse requirement: found '', expected: ',' or ')'"},
        {"a in b", "unable to parse requirement: found 'b' expected: '('"},
        {"a in ()", "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' "
                    "operators, values set can't be empty"},
        {"a,", "found '', expected: identifier after ','"},
        {"a=b c", "found 'c', expected: ',' or 'end of string'"},
        {"=b", "found '=', expected: !, identifier, or 'end of string'"},
        {"!=b", "found '!=', expected: !, identifier, or 'end of string'"},
        {"!a=b", "found '=', expected: ',' or 'end of string'"},
        {"a=(", "unable to parse requirement: found '(', expected: identifier"},
        {"a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' "
                "operators, the value must be an integer"},
        {"a in (b,=)", "unable to parse requirement: found '=', expected: ',', or identifier"},
        {"a in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"},
    };
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(text) struct text why = {0};
        struct label_selector *s = label_selector_parse(str_from(cases[i].selector), &why);
        CU_ASSERT(s == NULL);
        if (strcmp(text_c(&why), cases[i].why) != 0)
            fprintf(stderr, "\n  '%s': %s\n", cases[i].selector, text_c(&why));
        CU_ASSERT(strcmp(text_c(&why), cases[i].why) == 0);
        label_selector_free(s);
    }
    AUTO(text) struct text why = {0};
    CU_ASSERT(label_selector_parse(S("-a=b"), &why) == NULL);
    CU_ASSERT(str_starts_with(
        text_str(&why),
        S("unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of")));
    text_clear(&why);
    CU_ASSERT(label_selector_parse(S("a=-b"), &why) == NULL);
    CU_ASSERT(str_starts_with(text_str(&why), S("unable to parse requirement: values[0][a]: "
                                                "Invalid value: \"-b\": a valid label must be")));
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_objects(void)
{
    static const struct {
        const char *object;
        bool is_valid, matches;
    } cases[] = {
        {"{}", true, true},
        {"{matchLabels: {app: web}}", true, true},
        {"{matchLabels: {app: api}}", true, false},
        {"{matchExpressions: [{key: app, operator: In, values: [api, web]}]}", true, true},
        {"{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}", true, false},
        {"{matchExpressions: [{key: gone, operator: NotIn, values: [web]}]}", true, true},
        {"{matchExpressions: [{key: app, operator: Exists}], matchLabels: {app: web}}", true, true},
        {"{matchExpressions: [{key: app, operator: DoesNotExist}]}", true, false},
        {"{matchExpressions: [{key: app, operator: Like}]}", false, false},
        {"{matchExpressions: [{key: app, operator: In}]}", false, false},
        {"null", true, false},
    };
    AUTO(value) struct value labels = value_pack("{app: web}");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(value) struct value object = value_pack(cases[i].object);
        struct label_selector *s = label_selector_from_object(object, NULL);
        CU_ASSERT((s != NULL) == cases[i].is_valid);
        CU_ASSERT((s && label_selector_matches(s, labels)) == cases[i].matches);
        CU_ASSERT(label_selector_object_matches(object, labels) == cases[i].matches);
        label_selector_free(s);
    }
}

static void test_fields(void)
{
    struct field_terms terms;
    AUTO(text) struct text why = {0};
    CU_ASSERT_FATAL(field_terms_parse(S("spec.nodeName!=n\\,1\\=\\\\,metadata.name==web,,a="),
                                      &terms, &why) == ERR_OK);
    CU_ASSERT(terms.count == 3);
    CU_ASSERT(value_is(terms.items[0].path, "a") && value_is(terms.items[0].value, ""));
    CU_ASSERT(value_is(terms.items[1].path, "metadata.name") &&
              value_is(terms.items[1].value, "web") && !terms.items[1].is_not);
    CU_ASSERT(value_is(terms.items[2].path, "spec.nodeName") &&
              value_is(terms.items[2].value, "n,1=\\") && terms.items[2].is_not);
    field_terms_release(&terms);
    CU_ASSERT(field_terms_parse(S("a"), &terms, &why) == ERR_SYNTAX);
    CU_ASSERT(strcmp(text_c(&why), "invalid selector: 'a'; can't understand 'a'") == 0);
    text_clear(&why);
    CU_ASSERT(field_terms_parse(S("a=b\\x"), &terms, &why) == ERR_SYNTAX);
    CU_ASSERT(strcmp(text_c(&why), "invalid field selector: invalid escape sequence: \\x") == 0);
}

static CU_TestInfo tests[] = {
    {"matching", test_matching},     {"printing", test_printing},      {"messages", test_messages},
    {"LabelSelector", test_objects}, {"field selectors", test_fields}, CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"selector", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
