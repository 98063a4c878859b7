/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: protobuf bodies become what their JSON would, and objects the bytes that a real server
 * writes. Method: messages written by hand, byte by byte, and the JSON expected of them; broken
 * ones are refused; of each kind an object with every field of the schema set goes there and back.
 */
#include "cluster/api/protobuf.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/decode.h"
#include "cluster/api/json.h"
#include "cluster/api/protobuf_parts.h"

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
    CU_ASSERT_STRING_EQUAL(message.text,
                           "no kind \"Nope\" is registered for version \"v1\" in scheme "
                           "\"pkg/api/legacyscheme/scheme.go:30\"");
}

/* ---- writing ---- */

#define HEAD "k8s\0\x0a"
#define TAIL "\x1a\x00\x22\x00"
static const struct {
    const char *json;
    struct str bytes;
} writings[] = {
    /* What kubectl sends for `create namespace`, and what its fields of zero look like. */
    {"{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"pbns\"}}",
     {HEAD "\x0f\x0a\x02v1\x12\x09Namespace\x12\x1c\x0a\x14\x0a\x04pbns\x12\x00\x1a\x00\x22\x00"
           "\x2a\x00\x32\x00\x38\x00\x42\x00\x12\x00\x1a\x02\x0a\x00" TAIL,
      55}},
    /* data {a: b, c: ""}, binaryData {x: "y"} */
    {"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"data\":{\"a\":\"b\",\"c\":\"\"},"
     "\"binaryData\":{\"x\":\"eQ==\"}}",
     {HEAD "\x0f\x0a\x02v1\x12\x09"
           "ConfigMap\x12\x29\x0a\x10\x0a\x00\x12\x00\x1a\x00\x22\x00\x2a\x00\x32\x00\x38\x00\x42"
           "\x00\x12\x06\x0a\x01"
           "a\x12\x01"
           "b\x12\x05\x0a\x01"
           "c\x12\x00\x1a\x06\x0a\x01x\x12\x01y" TAIL,
      68}},
};

static void test_writing(void)
{
    struct protobuf_writer *w = protobuf_writer_new();
    for (size_t i = 0; i < ARRAY_COUNT(writings); i++) {
        AUTO(text) struct text got = {0};
        AUTO(value) struct value v = VALUE_ABSENT;
        CU_ASSERT_EQUAL_FATAL(json_parse(str_from(writings[i].json), NULL, &v, NULL), ERR_OK);
        struct str kind = VALUE_STR(v, kind);

        struct protobuf_head head = {type_of(NULL, S("v1"), kind), S("v1"), kind};
        protobuf_write(w, &head, v, &got);

        CU_ASSERT_EQUAL(got.size, writings[i].bytes.size);
        CU_ASSERT(str_equal(text_str(&got), writings[i].bytes));
        for (size_t j = 0; !str_equal(text_str(&got), writings[i].bytes) && j < got.size; j++)
            printf("%02x ", (unsigned char)got.bytes[j]);
    }
    protobuf_writer_free(w);
}

/* A list {metadata {resourceVersion: 7}, items: [{name: ""}]}; an event {ADDED, {name: n}}. */
static void test_list_and_event(void)
{
    static const struct str list_bytes = {
        HEAD "\x11\x0a\x02v1\x12\x0bServiceList\x12\x0d\x0a\x07\x0a\x00\x12\x01"
             "7\x1a\x00\x12\x02\x0a\x00" TAIL,
        42};
    static const struct str event_bytes = {"\x00\x00\x00\x21\x0a\x05"
                                           "ADDED\x12\x18\x0a\x16" HEAD "\x07\x0a\x02v1\x12\x01X"
                                           "\x12\x03\x0a\x01n" TAIL,
                                           37};
    const struct type_schema *reference = &schema_types[TYPE_core_v1_LocalObjectReference];
    struct protobuf_writer *w = protobuf_writer_new();
    AUTO(text) struct text got = {0};
    AUTO(value)
    struct value list = value_pack("{metadata: {resourceVersion: \"7\"}, items: [{unknown: 1}]}");
    AUTO(value) struct value object = value_pack("{name: n}");

    struct protobuf_head head = {reference, S("v1"), S("ServiceList")};
    protobuf_write_list(w, &head, list, &got);

    CU_ASSERT(str_equal(text_str(&got), list_bytes));

    head.kind = S("X");
    text_clear(&got);
    protobuf_write_event(w, &head, S("ADDED"), object, &got);

    CU_ASSERT(str_equal(text_str(&got), event_bytes));
    protobuf_writer_free(w);
}

/* ---- every field of every kind, there and back ---- */

#define SAMPLE_DEPTH_MAX 12

struct sample {
    const struct type_schema *path[SAMPLE_DEPTH_MAX];
    size_t depth;
    int64_t count; /* so that no two values are the same */
};

static struct value sample_struct(struct sample *s, const struct type_schema *t);

static struct value sample_any(struct sample *s, const struct type_schema *owner,
                               const struct field_schema *f)
{
    if (owner != &schema_types[TYPE_apiextensions_v1_JSONSchemaProps] || f->key == ATOM_default ||
        f->key == ATOM_example || f->key == ATOM_enum)
        return value_pack("{any: [%D, null, {}, \"x\"]}", ++s->count);
    if (f->key == ATOM_additionalItems)
        return value_bool(false);
    if (f->key == ATOM_additionalProperties)
        return value_pack("{type: string}");
    if (f->key == ATOM_dependencies)
        return value_pack(s->count++ % 2 ? "[a, b]" : "{type: integer}");
    return value_pack("[{type: string}, {type: number}]");
}

static struct value sample_element(struct sample *s, const struct type_schema *owner,
                                   const struct field_schema *f)
{
    int64_t n = ++s->count;
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_STRING:
        return value_printf("string %" PRId64 " \u00e9", n);
    case SCHEMA_INT32:
        return value_integer(n % 2 ? n : -n);
    case SCHEMA_INT64:
        return value_integer(n % 2 ? INT64_MAX - n : INT64_MIN + n);
    case SCHEMA_BOOL:
        return value_bool(true);
    case SCHEMA_DOUBLE:
        return value_double((double)n + 0.25);
    case SCHEMA_BYTES:
        return value_string(n % 3 == 0 ? S("AAECAw==") : n % 3 == 1 ? S("/+8=") : S("eQpo"));
    case SCHEMA_QUANTITY:
        return value_printf("%" PRId64 "Mi", n);
    case SCHEMA_INT_OR_STRING:
        return n % 2 ? value_integer(n) : value_printf("%" PRId64 "%%", n);
    case SCHEMA_TIME:
        return value_printf("20%02" PRId64 "-11-23T10:00:00Z", n % 100);
    case SCHEMA_MICRO_TIME:
        return value_printf("20%02" PRId64 "-11-23T10:00:00.%06" PRId64 "Z", n % 100, n);
    case SCHEMA_DURATION:
        return value_printf("%" PRId64 "ms", n % 1000);
    case SCHEMA_RAW:
        if (owner == &schema_types[TYPE_apiextensions_v1_CustomResourceSubresources])
            return value_object();
        return value_pack("{raw: %D, \"f:x\": {}}", n);
    case SCHEMA_ANY:
        return sample_any(s, owner, f);
    case SCHEMA_STRUCT:
        return sample_struct(s, schema_type_of(f));
    case SCHEMA_LIST_OF_STRING:
        return value_pack("[a, \"\", b]");
    }
    return VALUE_ABSENT;
}

/* An object with every field of its type, but for kind and apiVersion where protobuf has them in
 * the envelope; a type within itself ends there. */
static struct value sample_struct(struct sample *s, const struct type_schema *t)
{
    struct value v = value_object();
    for (size_t i = 0; i < s->depth; i++) {
        if (s->path[i] == t)
            return v;
    }
    CU_ASSERT_FATAL(s->depth < SAMPLE_DEPTH_MAX);
    s->path[s->depth++] = t;
    for (uint32_t i = protobuf_has_type_meta(t) ? 2 : 0; i < t->count; i++) {
        const struct field_schema *f = &t->fields[i];
        struct value part = sample_element(s, t, f);
        if (f->container == SCHEMA_LIST) {
            part = value_append(value_append(value_array(), part), sample_element(s, t, f));
        } else if (f->container == SCHEMA_MAP) {
            part = value_set_key(value_object(), S("key/two"), part);
            part = value_set_key(part, S("a"), sample_element(s, t, f));
        }
        v = value_set(v, f->key, part);
    }
    s->depth--;
    return v;
}

static void round_trip(const struct type_schema *t, struct str api_version, struct str kind,
                       struct protobuf_writer *w, protobuf_type_fn find, void *owner)
{
    AUTO(text) struct text bytes = {0};
    AUTO(text) struct text error = {0};
    AUTO(value) struct value back = VALUE_ABSENT;
    struct decode_options options = {.validation = FIELD_VALIDATION_STRICT};
    struct errmsg message = {{0}};
    struct sample s = {.count = (int64_t)kind.size};
    struct value sample = sample_struct(&s, t);
    sample = value_set(sample, ATOM_kind, value_string(kind));
    sample = value_set(sample, ATOM_apiVersion, value_string(api_version));
    AUTO(value) struct value object = decode_bare(t, sample, &options, &error, NULL);
    CU_ASSERT_FATAL(value_is_present(object));

    struct protobuf_head head = {t, api_version, kind};
    protobuf_write(w, &head, object, &bytes);

    struct value read = VALUE_ABSENT;
    CU_ASSERT_FATAL(protobuf_parse(text_str(&bytes), find, owner, &read, &message));
    back = decode_bare(t, read, &options, &error, NULL);
    CU_ASSERT(value_equal(back, object));
    if (!value_equal(back, object))
        printf("\n%.*s is not what it was: %s\n", STR_ARG(kind), text_c(&error));
}

static const struct type_schema *type_given(void *owner, struct str api_version, struct str kind)
{
    (void)api_version;
    (void)kind;
    return owner ? &schema_types[*(const enum schema_type_id *)owner] : NULL;
}

static void test_every_kind(void)
{
    static const enum schema_type_id others[] = {TYPE_autoscaling_v1_Scale, TYPE_policy_v1_Eviction,
                                                 TYPE_authentication_v1_TokenRequest,
                                                 TYPE_meta_v1_Status, TYPE_meta_v1_DeleteOptions};
    struct protobuf_writer *w = protobuf_writer_new();
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        round_trip(r->type, r->group_version, r->kind, w, type_of, NULL);
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        enum schema_type_id id = others[i];
        round_trip(&schema_types[id], S("x/v1"), str_from(schema_types[id].name), w, type_given,
                   &id);
    }
    protobuf_writer_free(w);
}

static CU_TestInfo tests[] = {{"messages", test_messages},
                              {"broken ones", test_broken},
                              {"writing", test_writing},
                              {"lists and events", test_list_and_event},
                              {"every field of every kind", test_every_kind},
                              CU_TEST_INFO_NULL};

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
