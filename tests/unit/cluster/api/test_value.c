/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: values mean what value.h says: strings survive any encoding, changing one copy never
 * changes another, every node is given back, and the two caches change nothing but speed. Method:
 * tables of strings and small trees; the count of live nodes before and after.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "cluster/api/json.h"
#include "cluster/api/value_heap.h"

#define L(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void expect_json(struct value v, const char *expected)
{
    AUTO(text) struct text t = {0};
    json_write(v, &t);
    if (!str_equal(text_str(&t), str_from(expected)))
        fprintf(stderr, "\n  got      %s\n  expected %s\n", text_c(&t), expected);
    CU_ASSERT(str_equal(text_str(&t), str_from(expected)));
}

/* Every string comes back byte for byte, whatever it looks like. */
static void test_strings(void)
{
    static const struct str cases[] = {
        L(""),
        L("a"),
        L("1234567"),
        L("seven77"),
        L("12345678"),
        L("01234567"),
        L("12345678901234567"),
        L("123456789012345678"),
        L("99999999999999999"),
        L("2026-11-23T10:00:00Z"),
        L("2026-02-29T10:00:00Z"),
        L("2024-02-29T23:59:59Z"),
        L("0000-01-01T00:00:00Z"),
        L("9999-12-31T23:59:59Z"),
        L("1969-12-31T23:59:59Z"),
        L("2026-11-23T10:00:00.000000Z"),
        L("2026-11-23T10:00:00.123456Z"),
        L("0000-01-01T00:00:00.000001Z"),
        L("1969-12-31T23:59:59.999999Z"),
        L("9999-12-31T23:59:59.999999Z"),
        L("2026-11-23T24:00:00Z"),
        L("2026-11-23t10:00:00Z"),
        L("2026-11-23T10:00:60Z"),
        L("2026-13-23T10:00:00Z"),
        L("a\0b"),
        L("\0"),
        L("registry.k8s.io/pause:3.10"),
        L("0.5"),
        L("-12345678"),
        L("12345678a"),
        L("<b>\"\\\n"),
    };
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        for (size_t j = 0; j < ARRAY_COUNT(cases); j++) {
            struct value a = value_string(cases[i]), b = value_string(cases[j]);
            CU_ASSERT(value_kind(a) == VALUE_STRING);
            CU_ASSERT(str_equal(value_str(a), cases[i]));
            CU_ASSERT(value_equal(a, b) == (i == j));
            CU_ASSERT((value_hash(a) == value_hash(b)) == (i == j));
            int order = str_compare(cases[i], cases[j]), mine = value_compare(a, b);
            CU_ASSERT((order > 0) == (mine > 0) && (order < 0) == (mine < 0));
            value_drop(a);
            value_drop(b);
        }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_numbers(void)
{
    static const int64_t cases[] = {0,
                                    1,
                                    -1,
                                    INTEGER_MAX_61,
                                    INTEGER_MAX_61 + 1,
                                    INTEGER_MIN_61,
                                    INTEGER_MIN_61 - 1,
                                    INT64_MAX,
                                    INT64_MIN};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(value) struct value v = value_integer(cases[i]);
        AUTO(value) struct value same = value_integer(cases[i]);
        CU_ASSERT(value_kind(v) == VALUE_INTEGER);
        CU_ASSERT(value_as_integer(v, 7) == cases[i]);
        CU_ASSERT(value_equal(v, same));
    }
    CU_ASSERT(value_as_integer(value_null(), 7) == 7);
}

static void test_pack(void)
{
    AUTO(value)
    struct value v =
        value_pack("{b: %d, a: [1, two, \"three 3\", %v], c: {d: %S, gone: %v}, e: true, f: null, "
                   "g: {}, h: [], i: -5, %s: %b, j: %D}",
                   4, VALUE_ABSENT, S("text with more bytes"), VALUE_ABSENT, "key/x", 1, INT64_MIN);

    expect_json(v, "{\"a\":[1,\"two\",\"three 3\"],\"b\":4,\"c\":{\"d\":\"text with more "
                   "bytes\"},\"e\":true,\"f\":null,"
                   "\"g\":{},\"h\":[],\"i\":-5,\"j\":-9223372036854775808,\"key/x\":true}");
    CU_ASSERT(!value_is_present(VALUE_GET(v, metadata, name)));
    CU_ASSERT(value_as_integer(value_get_key(v, S("b")), 0) == 4);
}

/* Changing one holder's tree never changes another's. */
static void test_copy_on_write(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct value a =
        value_pack("{metadata: {name: web-1234567, labels: {app: web}}, spec: {nodeName: "
                   "node-1234567}, status: {conditions: [{type: Ready, status: False}]}}");
    struct value b = VALUE_SET(value_keep(a), value_string(S("a new node name")), spec, nodeName);
    struct value c = VALUE_SET(value_keep(b), value_string(S("x")), metadata, annotations, key);
    struct value d = VALUE_REMOVE(value_keep(c), metadata, labels);
    struct value condition = value_set(value_keep(value_at(VALUE_GET(d, status, conditions), 0)),
                                       ATOM_status, value_string(S("True")));
    struct value conditions =
        value_set_at(value_keep(VALUE_GET(d, status, conditions)), 0, condition);
    struct value e = VALUE_SET(value_keep(d), conditions, status, conditions);
    struct value f = VALUE_REMOVE(value_keep(e), spec, to);

    const char *tail = "\"status\":{\"conditions\":[{\"status\":\"False\",\"type\":\"Ready\"}]}}";
    AUTO(text) struct text t = {0};
    text_printf(&t,
                "{\"metadata\":{\"labels\":{\"app\":\"web\"},\"name\":\"web-1234567\"},\"spec\":{"
                "\"nodeName\":\"node-1234567\"},%s",
                tail);
    expect_json(a, text_c(&t));
    text_clear(&t);
    text_printf(&t,
                "{\"metadata\":{\"labels\":{\"app\":\"web\"},\"name\":\"web-1234567\"},\"spec\":{"
                "\"nodeName\":\"a new node name\"},%s",
                tail);
    expect_json(b, text_c(&t));
    expect_json(
        VALUE_GET(c, metadata),
        "{\"annotations\":{\"key\":\"x\"},\"labels\":{\"app\":\"web\"},\"name\":\"web-1234567\"}");
    expect_json(VALUE_GET(d, metadata),
                "{\"annotations\":{\"key\":\"x\"},\"name\":\"web-1234567\"}");
    expect_json(VALUE_GET(d, status),
                "{\"conditions\":[{\"status\":\"False\",\"type\":\"Ready\"}]}");
    expect_json(VALUE_GET(e, status),
                "{\"conditions\":[{\"status\":\"True\",\"type\":\"Ready\"}]}");
    CU_ASSERT(value_is_same(e, f));
    CU_ASSERT(value_is_same(VALUE_GET(a, metadata, labels), VALUE_GET(c, metadata, labels)));

    struct value all[] = {a, b, c, d, e, f};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        value_drop(all[i]);
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

/* A sole owner's chain of changes happens in place. */
static void test_in_place(void)
{
    struct value v = value_pack("{status: {phase: Pending, count: 1}}");
    struct value inner = VALUE_GET(v, status);
    v = VALUE_SET(v, value_string(S("Running")), status, phase);
    CU_ASSERT(value_is_same(VALUE_GET(v, status), inner));
    CU_ASSERT(VALUE_IS(v, "Running", status, phase));
    value_drop(v);
}

static void test_arrays(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct value a = VALUE_ABSENT;
    for (int i = 0; i < 1000; i++)
        a = value_append(a, value_printf("item number %d", i));
    struct value b = value_insert_at(value_keep(a), 500, value_integer(-1));
    struct value c = value_remove_at(value_keep(b), 0);
    CU_ASSERT(value_count(a) == 1000 && value_count(b) == 1001 && value_count(c) == 1000);
    CU_ASSERT(value_is(value_at(a, 500), "item number 500") &&
              value_is(value_at(b, 501), "item number 500"));
    CU_ASSERT(value_as_integer(value_at(b, 500), 0) == -1 &&
              value_as_integer(value_at(c, 499), 0) == -1);
    CU_ASSERT(!value_is_present(value_at(a, 1000)));
    while (value_count(c))
        c = value_remove_at(c, value_count(c) / 2);
    CU_ASSERT(value_is_same(c, value_array()));
    value_drop(a);
    value_drop(b);
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

/* Objects with keys that are data are dicts, and nobody can tell. */
static void test_dicts(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct value v = value_object(), same = value_object();
    for (int i = 0; i < 300; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "k:%03d", 299 - i);
        v = value_set_key(v, str_from(key), value_integer(i));
        (void)snprintf(key, sizeof(key), "k:%03d", i);
        same = value_set_key(same, str_from(key), value_integer(299 - i));
    }
    CU_ASSERT(value_count(v) == 300 && value_equal(v, same) && value_hash(v) == value_hash(same));
    for (size_t i = 1; i < value_count(v); i++)
        CU_ASSERT(str_compare(value_key_at(v, i - 1), value_key_at(v, i)) < 0);
    CU_ASSERT(value_as_integer(value_get_key(v, S("k:007")), 0) == 292);

    /* The same members as struct and as dict. */
    struct value plain = value_pack("{metadata: {}, spec: 1}");
    struct value mixed = value_set_key(value_set_key(value_keep(plain), S("k:x"), value_null()),
                                       S("k:x"), VALUE_ABSENT);
    CU_ASSERT(value_equal(plain, mixed) && value_equal(mixed, plain) &&
              value_hash(plain) == value_hash(mixed) && value_compare(plain, mixed) == 0);
    CU_ASSERT(value_as_integer(value_get(mixed, ATOM_spec), 0) == 1);
    mixed = value_set(mixed, ATOM_status, value_bool(true));
    CU_ASSERT(value_as_bool(value_get(mixed, ATOM_status)) && !value_equal(plain, mixed));
    mixed =
        value_set(value_set(value_set(mixed, ATOM_status, VALUE_ABSENT), ATOM_spec, VALUE_ABSENT),
                  ATOM_metadata, VALUE_ABSENT);
    CU_ASSERT(value_is_same(mixed, value_object()));
    value_drop(plain);
    value_drop(v);
    value_drop(same);
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static struct value many_changes(void)
{
    struct value v = value_object();
    for (int round = 0; round < 50; round++) {
        struct value conditions = VALUE_ABSENT;
        for (int i = 0; i < 4; i++)
            conditions = value_append(
                conditions,
                value_pack("{type: %s, status: %s, reason: %v}", i % 2 ? "Ready" : "Other",
                           round % 3 ? "True" : "False", value_printf("SomeLongReason%d", i % 3)));
        conditions = value_canonical(conditions);
        char key[16];
        (void)snprintf(key, sizeof(key), "key%d", round % 20);
        struct value old = value_keep(v);
        v = value_set_key(v, str_from(key), conditions);
        if (round % 7 == 0)
            v = value_set_key(v, S("key3"), VALUE_ABSENT);
        v = value_share(v, old);
        value_drop(old);
    }
    return v;
}

/* Caches of one entry give what big caches give. */
static void test_caches(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct value big = many_changes();
    value_heap_set_caches(1, 1);
    struct value small = many_changes();
    value_heap_set_caches(TRANSITIONS, CONS_SETS);
    CU_ASSERT(value_equal(big, small) && value_hash(big) == value_hash(small));
    value_drop(big);
    value_drop(small);
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_canonical(void)
{
    struct value a = value_canonical(value_pack("[{type: Ready, reason: KubeletIsReady}]"));
    struct value b = value_canonical(value_pack("[{type: Ready, reason: KubeletIsReady}]"));
    CU_ASSERT(value_is_same(a, b));
    struct value c = value_append(value_keep(a), value_null());
    CU_ASSERT(value_count(a) == 1 && value_count(c) == 2);
    value_drop(b);
    a = value_append(a, value_null());
    CU_ASSERT(value_equal(a, c));
    value_drop(a);
    value_drop(c);
}

static void test_share(void)
{
    const char *text = "{metadata: {labels: {app: webserver}, name: some-long-name}, spec: "
                       "{containers: [{image: some-image-name}]}}";
    struct value old = value_pack(text), new = value_pack(text);
    new = value_share(new, old);
    CU_ASSERT(value_is_same(new, old));
    value_drop(new);
    new = VALUE_SET(value_pack(text), value_integer(2), spec, replicas);
    new = value_share(new, old);
    CU_ASSERT(!value_is_same(new, old) &&
              value_is_same(VALUE_GET(new, metadata), VALUE_GET(old, metadata)));
    CU_ASSERT(value_is_same(VALUE_GET(new, spec, containers), VALUE_GET(old, spec, containers)));
    value_drop(new);
    value_drop(old);
}

/* A very deep tree is freed without a deep stack. */
static void test_deep(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct value v = value_array();
    for (int i = 0; i < 300000; i++)
        v = value_append(value_array(), v);
    value_drop(v);
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_sticky(void)
{
    static struct value v; /* static: it is never freed, and that is no leak */
    v = value_string(S("a string that lives for ever"));
    value_keep_n(v, REFERENCE_STICKY);
    for (int i = 0; i < 3; i++)
        value_drop(v);
    CU_ASSERT(value_is(v, "a string that lives for ever"));
    value_keep_n(v, UINT32_MAX);
    CU_ASSERT(value_is(v, "a string that lives for ever"));
}

static CU_TestInfo tests[] = {
    {"strings come back byte for byte", test_strings},
    {"integers keep 64 bits", test_numbers},
    {"literals", test_pack},
    {"copy on write", test_copy_on_write},
    {"a sole owner changes in place", test_in_place},
    {"arrays", test_arrays},
    {"dicts are objects", test_dicts},
    {"caches of one entry change nothing", test_caches},
    {"canonical parts are one", test_canonical},
    {"equal parts are shared", test_share},
    {"deep trees", test_deep},
    {"counts stick", test_sticky},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"value", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
