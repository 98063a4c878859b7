/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: JSON text is read and written as Kubernetes' codec does it. Method: tables of texts with
 * what they read as, or the message they are refused with.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/json.h"
#include "cluster/api/value_heap.h"

#define L(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void test_round_trip(void)
{
    static const struct {
        struct str text, written;
    } cases[] = {
        {L("null"), L("null")},
        {L(" true "), L("true")},
        {L("[]"), L("[]")},
        {L("{}"), L("{}")},
        {L("{\"b\":1,\"a\":2}"), L("{\"a\":2,\"b\":1}")},
        {L("9223372036854775807"), L("9223372036854775807")},
        {L("-9223372036854775808"), L("-9223372036854775808")},
        {L("9223372036854775808"), L("9223372036854776000")},
        {L("-12.5"), L("-12.5")},
        {L("0.00012"), L("0.00012")},
        {L("120.0"), L("120")},
        {L("123456789012345678901234567890"), L("1.2345678901234568e+29")},
        {L("1.0"), L("1")},
        {L("-0"), L("0")},
        {L("0.1"), L("0.1")},
        {L("1e3"), L("1000")},
        {L("1e21"), L("1e+21")},
        {L("1e20"), L("100000000000000000000")},
        {L("0.000001"), L("0.000001")},
        {L("0.0000001"), L("1e-7")},
        {L("1.5e-10"), L("1.5e-10")},
        {L("5e-324"), L("5e-324")},
        {L("1.7976931348623157e308"), L("1.7976931348623157e+308")},
        {L("0.30000000000000004"), L("0.30000000000000004")},
        {L("100.25"), L("100.25")},
        {L("\"<a&b>\""), L("\"\\u003ca\\u0026b\\u003e\"")},
        {L("\"\\u2028\\u2029\""), L("\"\\u2028\\u2029\"")},
        {L("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), L("\"\\\"\\\\/\\b\\f\\n\\r\\t\"")},
        {L("\"\\u0000\\u001f\x7f\""), L("\"\\u0000\\u001f\x7f\"")},
        {L("\"\\u00e9\""), L("\"\xc3\xa9\"")},
        {L("\"\\ud83d\\ude00\""), L("\"\xf0\x9f\x98\x80\"")},
        {L("\"\\ud83d\""), L("\"\xef\xbf\xbd\"")},
        {L("\"\\ud83d\\ud83d\\ude00\""), L("\"\xef\xbf\xbd\xf0\x9f\x98\x80\"")},
        {L("\"\\ude00x\""), L("\"\xef\xbf\xbdx\"")},
        {L("\"a\xff\xc0\xaf\""), L("\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")},
        {L("{\"a\":{\"x\":1},\"a\":2}"), L("{\"a\":2}")},
        {L("{\"\":0}"), L("{\"\":0}")},
        {L("{\"k:{\\\"ip\\\":\\\"10.0.0.1\\\"}\":{},\".\":{},\"f:ip\":{}}"),
         L("{\".\":{},\"f:ip\":{},\"k:{\\\"ip\\\":\\\"10.0.0.1\\\"}\":{}}")},
        {L("{\"data\":{\"b\":\"2\",\"a\":\"1\",\"b\":\"3\"}}"),
         L("{\"data\":{\"a\":\"1\",\"b\":\"3\"}}")},
    };
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct errmsg message = {{0}};
        struct value v = VALUE_ABSENT, again = VALUE_ABSENT;
        AUTO(text) struct text t = {0};
        CU_ASSERT(json_parse(cases[i].text, NULL, &v, &message) == ERR_OK);
        json_write(v, &t);
        if (!str_equal(text_str(&t), cases[i].written))
            fprintf(stderr, "\n  %.*s: got %s (%s)\n", STR_ARG(cases[i].text), text_c(&t),
                    message.text);
        CU_ASSERT(str_equal(text_str(&t), cases[i].written));
        CU_ASSERT(json_parse(text_str(&t), NULL, &again, NULL) == ERR_OK);
        AUTO(text) struct text u = {0};
        json_write(again, &u);
        CU_ASSERT(str_equal(text_str(&t), text_str(&u)));
        value_drop(v);
        value_drop(again);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_errors(void)
{
    static const struct {
        struct str text;
        const char *message;
    } cases[] = {
        {L(""), "line 1, column 1: unexpected end of JSON input"},
        {L("{\"a\":1,}"),
         "line 1, column 8: invalid character '}' looking for beginning of object key string"},
        {L("{\n  \"a\" 1}"), "line 2, column 7: invalid character '1' after object key"},
        {L("{\"a\":\n x}"),
         "line 2, column 2: invalid character 'x' looking for beginning of value"},
        {L("{\"a\":1 \"b\":2}"),
         "line 1, column 8: invalid character '\"' after object key:value pair"},
        {L("[1,]"), "line 1, column 4: invalid character ']' looking for beginning of value"},
        {L("[1 2]"), "line 1, column 4: invalid character '2' after array element"},
        {L("[\"a\n\"]"), "line 1, column 4: invalid character '\\n' in string literal"},
        {L("\"\\x\""), "line 1, column 3: invalid character 'x' in string escape code"},
        {L("\"\\u12g4\""),
         "line 1, column 6: invalid character 'g' in \\u hexadecimal character escape"},
        {L("tru "), "line 1, column 4: invalid character ' ' in literal true (expecting 'e')"},
        {L("nul"), "line 1, column 4: unexpected end of JSON input"},
        {L("01"), "line 1, column 2: invalid character '1' after top-level value"},
        {L("-x"), "line 1, column 2: invalid character 'x' in numeric literal"},
        {L("1.x"),
         "line 1, column 3: invalid character 'x' after decimal point in numeric literal"},
        {L("1ex"), "line 1, column 3: invalid character 'x' in exponent of numeric literal"},
        {L("{} {}"), "line 1, column 4: invalid character '{' after top-level value"},
        {L("[1e400]"),
         "line 1, column 2: json: cannot unmarshal number 1e400 into Go value of type float64"},
        {L("[\"long enough for a node\", {\"key\": [1, \"another long text\""),
         "line 1, column 59: unexpected end of JSON input"},
        {L("'a'"), "line 1, column 1: invalid character '\\'' looking for beginning of value"},
        {L("\xc3\xa9"),
         "line 1, column 1: invalid character '\xc3\x83' looking for beginning of value"},
    };
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct errmsg message = {{0}};
        struct value v = VALUE_ABSENT;
        CU_ASSERT(json_parse(cases[i].text, NULL, &v, &message) != ERR_OK);
        if (strcmp(message.text, cases[i].message) != 0)
            fprintf(stderr, "\n  %.*s: got '%s'\n", STR_ARG(cases[i].text), message.text);
        CU_ASSERT(strcmp(message.text, cases[i].message) == 0);
        struct errmsg bare;
        struct json_limits limits = {.has_bare_messages = true};
        CU_ASSERT(json_parse(cases[i].text, &limits, &v, &bare) != ERR_OK);
        CU_ASSERT(strcmp(bare.text, strstr(cases[i].message, ": ") + 2) == 0);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void note(void *owner, struct str path)
{
    struct text *t = owner;
    text_add(t, path);
    text_add_byte(t, ';');
}

static void test_duplicates(void)
{
    AUTO(text) struct text found = {0};
    struct json_limits limits = {.duplicate_key = note, .owner = &found};
    struct value v = VALUE_ABSENT;
    struct str text = S("{\"spec\":{\"containers\":[{},{\"name\":1,\"z\":0,\"name\":2,\"name\":3,"
                        "\"a\":1,\"z\":1}]},"
                        "\"data\":{\"q\":1,\"p\":1,\"p\":1,\"q\":2},\"spec\":{\"x\":null}}");
    CU_ASSERT(json_parse(text, &limits, &v, NULL) == ERR_OK);
    CU_ASSERT(strcmp(text_c(&found),
                     "spec.containers[1].name;spec.containers[1].z;data.p;data.q;spec;") == 0);
    value_drop(v);
}

static void test_limits(void)
{
    AUTO(text) struct text deep = {0};
    for (int i = 0; i < 1001; i++)
        text_add_byte(&deep, '[');
    for (int i = 0; i < 1001; i++)
        text_add_byte(&deep, ']');
    struct value v = VALUE_ABSENT;
    struct errmsg message;
    CU_ASSERT(json_parse(text_str(&deep), NULL, &v, &message) == ERR_LIMIT);
    CU_ASSERT(strcmp(message.text, "line 1, column 1001: exceeded max depth") == 0);
    CU_ASSERT(json_parse(str_slice(text_str(&deep), 1, 2001), NULL, &v, &message) == ERR_OK);
    value_drop(v);
    struct json_limits limits = {.size_max = 10};
    CU_ASSERT(json_parse(S("[1,2,3,4,5,6]"), &limits, &v, &message) == ERR_LIMIT);
}

static void test_pretty(void)
{
    AUTO(value) struct value v = value_pack("{a: [1, {b: x}], c: {}, d: [], e: null}");
    AUTO(text) struct text t = {0};
    json_write_pretty(v, 4, &t);
    CU_ASSERT(
        strcmp(
            text_c(&t),
            "{\n    \"a\": [\n        1,\n        {\n            \"b\": \"x\"\n        }\n    ],\n"
            "    \"c\": {},\n    \"d\": [],\n    \"e\": null\n}") == 0);
}

static CU_TestInfo tests[] = {
    {"reading and writing", test_round_trip},
    {"refusals with line, column and Go's words", test_errors},
    {"duplicate keys with their paths", test_duplicates},
    {"limits", test_limits},
    {"indented", test_pretty},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"json", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
