/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: YAML is read and written as kubectl does it. Method: tables of texts and the JSON they
 * stand for; places; limits.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/json.h"
#include "cluster/api/value_heap.h"
#include "cluster/api/yaml.h"

static void test_reading(void)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}"},
        {"a: yes\nb: No\nc: on\nd: off\ne: \"yes\"\nf: True\ng: n\n",
         "{\"a\":true,\"b\":false,\"c\":true,\"d\":false,\"e\":\"yes\",\"f\":true,\"g\":false}"},
        {"- 0777\n- 0x1f\n- 0b101\n- 1_000\n- -5\n- +5\n- 08\n- 0o17", "[511,31,5,1000,-5,5,8,15]"},
        {"- 9223372036854775807\n- -9223372036854775808\n- 18446744073709551615\n",
         "[9223372036854775807,-9223372036854775808,18446744073709552000]"},
        {"- 1.5\n- 1.0\n- 1e3\n- .5\n- 1.\n- 1e-7\n- 1.2.3\n- 1e\n- '-'\n",
         "[1.5,1,1000,0.5,1,1e-7,\"1.2.3\",\"1e\",\"-\"]"},
        {"- ~\n- null\n-\n- Null\n- nULL\n- ''\n", "[null,null,null,null,\"nULL\",\"\"]"},
        {"- 2026-11-23T10:00:00Z\n- 2026-11-23\n- 10:30\n- 1.36.2\n- 100m\n- 1Gi\n",
         "[\"2026-11-23T10:00:00Z\",\"2026-11-23\",\"10:30\",\"1.36.2\",\"100m\",\"1Gi\"]"},
        {"1: a\nyes: b\n1.5: c\n", "{\"1\":\"a\",\"1.5\":\"c\",\"true\":\"b\"}"},
        {"a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\ne: *x\n",
         "{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":1,\"c\":3},\"e\":{\"b\":1,\"c\":2}}"},
        {"x: &x {a: 1}\nw: &y {a: 2, b: 2}\nz:\n  c: 3\n  <<: [*x, *y]\n",
         "{\"w\":{\"a\":2,\"b\":2},\"x\":{\"a\":1},\"z\":{\"a\":1,\"b\":2,\"c\":3}}"},
        {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}"},
        {"a: !!str 5\nb: !!int \"5\"\nc: ! 5\nd: !custom 5\n",
         "{\"a\":\"5\",\"b\":5,\"c\":\"5\",\"d\":5}"},
        {"{\"json\": [true, null, {\"a\": \"\\u00e9\"}]}",
         "{\"json\":[true,null,{\"a\":\"\xc3\xa9\"}]}"},
        {"a: 1\na: 2\n", "{\"a\":2}"},
        {"", NULL},
        {"# nothing\n", NULL},
        {"---\n---\n", NULL},
    };
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct yaml_stream s = {0};
        struct errmsg message = {{0}};
        CU_ASSERT(yaml_parse(str_from(cases[i].yaml), NULL, &s, &message) == ERR_OK);
        CU_ASSERT(s.count == (cases[i].json != NULL));
        AUTO(text) struct text t = {0};
        if (s.count)
            json_write(s.items[0].value, &t);
        if (cases[i].json && strcmp(text_c(&t), cases[i].json) != 0)
            fprintf(stderr, "\n  %s got %s (%s)\n", cases[i].yaml, text_c(&t), message.text);
        CU_ASSERT(!cases[i].json || strcmp(text_c(&t), cases[i].json) == 0);
        yaml_stream_release(&s);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_streams_and_places(void)
{
    struct str text = S("# first\na:\n  b: [1, {c: 2}]\n---\n---\nlist:\n- name: x\n- name: y\n  "
                        "with.dot/s: 1\n...\n");
    struct yaml_stream s = {0};
    CU_ASSERT_FATAL(yaml_parse(text, NULL, &s, NULL) == ERR_OK);
    CU_ASSERT(s.count == 2 && s.items[0].line == 2 && s.items[1].line == 6);
    static const struct {
        size_t document;
        const char *path;
        bool is_found;
        size_t line, column;
    } cases[] = {
        {0, "", true, 2, 1},
        {0, "a.b", true, 3, 3},
        {0, "a.b[1].c", true, 3, 11},
        {0, "a.b[1]", true, 3, 10},
        {1, "list[1].name", true, 8, 3},
        {1, "list[1].with.dot/s", true, 9, 3},
        {1, "list[1].gone.x", false, 8, 3},
        {1, "list[7]", false, 6, 1},
        {1, "lis", false, 6, 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t line = 0, column = 0;
        bool is_found =
            yaml_place(&s.items[cases[i].document], str_from(cases[i].path), &line, &column);
        if (line != cases[i].line || column != cases[i].column)
            fprintf(stderr, "\n  %s: %zu:%zu\n", cases[i].path, line, column);
        CU_ASSERT(is_found == cases[i].is_found && line == cases[i].line &&
                  column == cases[i].column);
    }
    yaml_stream_release(&s);
}

static void test_errors(void)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"a: [1, 2\nb: 3", "line 2, column 2: did not find expected ',' or ']'"},
        {"a: b: c", "line 1, column 5: mapping values are not allowed in this context"},
        {"a: *gone", "line 1, column 4: unknown anchor 'gone' referenced"},
        {"a: .inf", "line 1, column 4: json: unsupported value: infinity or NaN"},
        {"? [a]\n: b",
         "line 1, column 5: unsupported map key: a key is text, a number or a boolean"},
        {"a:\n  <<: 5",
         "line 2, column 3: map merge requires map or sequence of maps as the value"},
        {"\ta: 1", "line 1, column 1: found character that cannot start any token"},
    };
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct yaml_stream s = {0};
        struct errmsg message = {{0}};
        CU_ASSERT(yaml_parse(str_from(cases[i].yaml), NULL, &s, &message) != ERR_OK);
        if (strcmp(message.text, cases[i].message) != 0)
            fprintf(stderr, "\n  %s: %s\n", cases[i].yaml, message.text);
        CU_ASSERT(strcmp(message.text, cases[i].message) == 0);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

/* The billion laughs: refused by count, quickly and without memory. */
static void test_limits(void)
{
    AUTO(text) struct text t = {0};
    text_add(&t, S("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"));
    for (int i = 1; i < 10; i++) {
        text_printf(&t, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            text_printf(&t, "%s*a%d", j ? "," : "", i - 1);
        text_add(&t, S("]\n"));
    }
    struct yaml_stream s = {0};
    struct errmsg message;
    CU_ASSERT(yaml_parse(text_str(&t), NULL, &s, &message) == ERR_LIMIT);
    text_clear(&t);
    for (int i = 0; i < 501; i++)
        text_add_byte(&t, '[');
    for (int i = 0; i < 501; i++)
        text_add_byte(&t, ']');
    CU_ASSERT(yaml_parse(text_str(&t), NULL, &s, &message) == ERR_LIMIT);
}

static void note(void *owner, struct str path, struct str key, size_t line, size_t column)
{
    text_printf(owner, "%.*s (%.*s):%zu:%zu;", STR_ARG(path), STR_ARG(key), line, column);
}

static void test_duplicates(void)
{
    AUTO(text) struct text found = {0};
    struct yaml_limits limits = {.duplicate_key = note, .owner = &found};
    struct yaml_stream s = {0};
    CU_ASSERT(yaml_parse(S("a:\n- b: 1\n- b.x: 1\n  c: 2\n  b.x: 3\na: 1\n"), &limits, &s, NULL) ==
              ERR_OK);
    CU_ASSERT(strcmp(text_c(&found), "a[1].b.x (b.x):5:3;a (a):6:1;") == 0);
    yaml_stream_release(&s);
}

static void test_writing(void)
{
    AUTO(value)
    struct value v =
        value_pack("{name: web, empty: {}, none: [], n: null, list: [{a: 1, b: [x, %s]}, [1]], "
                   "strings: [%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, \"\"]}",
                   "two words", "yes", "5", "2026-11-23T10:00:00Z", "10:30", "a: b", "# no",
                   "line\nline\n", "-", "{x}", "1.5Gi");
    AUTO(text) struct text t = {0};
    yaml_write(v, &t);
    const char *expected = "empty: {}\n"
                           "list:\n"
                           "- a: 1\n"
                           "  b:\n"
                           "  - x\n"
                           "  - two words\n"
                           "- - 1\n"
                           "\"n\": null\n"
                           "name: web\n"
                           "none: []\n"
                           "strings:\n"
                           "- \"yes\"\n"
                           "- \"5\"\n"
                           "- \"2026-11-23T10:00:00Z\"\n"
                           "- \"10:30\"\n"
                           "- 'a: b'\n"
                           "- '# no'\n"
                           "- |\n"
                           "  line\n"
                           "  line\n"
                           "- '-'\n"
                           "- '{x}'\n"
                           "- 1.5Gi\n"
                           "- \"\"\n";
    if (strcmp(text_c(&t), expected) != 0)
        fprintf(stderr, "\n%s\n", text_c(&t));
    CU_ASSERT(strcmp(text_c(&t), expected) == 0);
    struct value again = VALUE_ABSENT;
    CU_ASSERT(yaml_parse_one(text_str(&t), &again, NULL) == ERR_OK);
    CU_ASSERT(value_equal(v, again));
    value_drop(again);
}

/* Keys stand in go-yaml's order: numbers by value, letters last. */
static void test_key_order(void)
{
    AUTO(value) struct value v = value_object();
    static const char *const keys[] = {"a10", "a2",  "a",   "A",   "a.b",
                                       "aB",  "a_b", "a1b", "a01", "b"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        v = value_set_key(v, str_from(keys[i]), value_integer(1));
    AUTO(text) struct text t = {0};
    yaml_write(v, &t);
    CU_ASSERT(strcmp(text_c(&t), "A: 1\na: 1\na.b: 1\na_b: 1\na1b: 1\na01: 1\na2: 1\na10: 1\n"
                                 "aB: 1\nb: 1\n") == 0);
}

static CU_TestInfo tests[] = {
    {"reading", test_reading},
    {"streams and places", test_streams_and_places},
    {"errors", test_errors},
    {"limits", test_limits},
    {"duplicate keys", test_duplicates},
    {"writing", test_writing},
    {"order of keys", test_key_order},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"yaml", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
