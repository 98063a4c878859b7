/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: protobuf bodies become what their JSON would. Method: messages written by hand, byte by
 * byte, and the JSON expected of them; broken ones are refused.
 */
#include "cluster/api/protobuf.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/json.h"

static const struct type_schema *type_of(void *owner, struct str api_version, struct str kind)
{
    (void)owner;
    const struct resource *r = resource_find_kind(api_version, kind);
    return r ? r->type : NULL;
}

/* The envelope of a kind of "v1" around a message of less than 128 bytes. */
static void envelope(const char *kind, struct str message, struct text *out)
{
    struct str name = str_from(kind);
    text_add(out, (struct str){"k8s\0", 4});
    text_add_byte(out, 0x0a);
    text_add_byte(out, (char)(6 + name.size));
    text_add(out, S("\x0a\x02v1\x12"));
    text_add_byte(out, (char)name.size);
    text_add(out, name);
    text_add_byte(out, 0x12);
    text_add_byte(out, (char)message.size);
    text_add(out, message);
}

static const struct {
    const char *kind;
    struct str message;
    const char *json;
} cases[] = {
    /* metadata {name: c}, data {a: b} */
    {"ConfigMap",
     {"\x0a\x03\x0a\x01"
      "c"
      "\x12\x06\x0a\x01"
      "a"
      "\x12\x01"
      "b",
      13},
     "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"c\"},"
     "\"data\":{\"a\":\"b\"}}"},
    /* data {x: bytes "y"}, type Opaque */
    {"Secret",
     {"\x12\x06\x0a\x01"
      "x"
      "\x12\x01"
      "y"
      "\x1a\x06"
      "Opaque",
      16},
     "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"data\":{\"x\":\"eQ==\"},\"type\":\"Opaque\"}"},
    /* spec {volumes: [{name: v, volumeSource {emptyDir {}}}], containers: [{name: c}]} */
    {"Pod",
     {"\x12\x0e\x0a\x07\x0a\x01"
      "v"
      "\x12\x02\x12\x00"
      "\x12\x03\x0a\x01"
      "c",
      16},
     "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"volumes\":[{\"name\":\"v\","
     "\"emptyDir\":{}}],\"containers\":[{\"name\":\"c\"}]}}"},
    /* spec {ports: [{port: 80, targetPort {type: 1, strVal: w}}]}; an unknown field 99 */
    {"Service",
     {"\x12\x0b\x0a\x09\x18\x50\x22\x05\x08\x01\x1a\x01"
      "w"
      "\x9a\x06\x01"
      "z",
      17},
     "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"spec\":{\"ports\":[{\"port\":80,"
     "\"targetPort\":\"w\"}]}}"},
};

static void test_messages(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(text) struct text bytes = {0};
        AUTO(text) struct text shown = {0};
        AUTO(value) struct value wanted = VALUE_ABSENT;
        AUTO(value) struct value got = VALUE_ABSENT;
        struct errmsg message = {{0}};
        CU_ASSERT_EQUAL_FATAL(json_parse(str_from(cases[i].json), NULL, &wanted, NULL), ERR_OK);
        envelope(cases[i].kind, cases[i].message, &bytes);

        CU_ASSERT(protobuf_parse(text_str(&bytes), type_of, NULL, &got, &message));

        json_write(got, &shown);
        if (!value_equal(got, wanted))
            printf("\ngot    %s %s\nwanted %s\n", text_c(&shown), message.text, cases[i].json);
        CU_ASSERT(value_equal(got, wanted));
    }
}

/* A message cut anywhere is refused or read; a wrong kind is refused. */
static void test_broken(void)
{
    AUTO(text) struct text bytes = {0};
    struct value got = VALUE_ABSENT;
    struct errmsg message = {{0}};
    envelope("Pod", cases[2].message, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        got = VALUE_ABSENT;
        bool is_read =
            protobuf_parse((struct str){bytes.bytes, size}, type_of, NULL, &got, &message);
        CU_ASSERT_EQUAL(is_read, value_is_present(got));
        CU_ASSERT(is_read || message.text[0] != 0);
        value_drop(got);
    }
    AUTO(text) struct text unknown = {0};
    envelope("Nope", S(""), &unknown);
    CU_ASSERT_FALSE(protobuf_parse(text_str(&unknown), type_of, NULL, &got, &message));
    CU_ASSERT_STRING_EQUAL(message.text, "no kind \"Nope\" is registered for version \"v1\"");
}

static CU_TestInfo tests[] = {
    {"messages", test_messages}, {"broken ones", test_broken}, CU_TEST_INFO_NULL};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"protobuf", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
