/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: field sets obey the algebra of sets, come in as FieldsV1 and go out in the order of
 * elements. Method: a table of pairs with their union, intersection and differences; the same laws
 * for random sets; texts read and written.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

#include "cluster/api/value_heap.h"
#include "sim/base/hash.h"
#include "tests/unit/cluster/api/fields/fixture.h"

static const struct {
    const char *name, *a, *b, *both, *common, *rest, *deep;
} pairs[] = {
    {"apart", "{'f:a':{}}", "{'f:b':{}}", "{'f:a':{},'f:b':{}}", "", "{'f:a':{}}", "{'f:a':{}}"},
    {"the same", "{'f:a':{'f:b':{}}}", "{'f:a':{'f:b':{}}}", "{'f:a':{'f:b':{}}}",
     "{'f:a':{'f:b':{}}}", "", ""},
    {"empty on the right", "{'f:a':{}}", "", "{'f:a':{}}", "", "{'f:a':{}}", "{'f:a':{}}"},
    {"empty on the left", "", "{'f:a':{}}", "{'f:a':{}}", "", "", ""},
    {"a parent and its part", "{'f:a':{}}", "{'f:a':{'f:b':{}}}", "{'f:a':{'.':{},'f:b':{}}}", "",
     "{'f:a':{}}", "{'f:a':{}}"},
    {"a part and its parent", "{'f:a':{'f:b':{}}}", "{'f:a':{}}", "{'f:a':{'.':{},'f:b':{}}}", "",
     "{'f:a':{'f:b':{}}}", ""},
    {"itself and parts", "{'f:a':{'.':{},'f:b':{},'f:c':{}}}", "{'f:a':{'.':{},'f:b':{}}}",
     "{'f:a':{'.':{},'f:b':{},'f:c':{}}}", "{'f:a':{'.':{},'f:b':{}}}", "{'f:a':{'f:c':{}}}", ""},
    {"only itself is left", "{'f:a':{'.':{},'f:b':{}}}", "{'f:a':{'f:b':{}}}",
     "{'f:a':{'.':{},'f:b':{}}}", "{'f:a':{'f:b':{}}}", "{'f:a':{}}", "{'f:a':{}}"},
    {"items", "{'f:p':{'k:{\\'n\\':1}':{'.':{},'f:n':{}},'k:{\\'n\\':2}':{}}}",
     "{'f:p':{'k:{\\'n\\':2}':{}}}",
     "{'f:p':{'k:{\\'n\\':1}':{'.':{},'f:n':{}},'k:{\\'n\\':2}':{}}}",
     "{'f:p':{'k:{\\'n\\':2}':{}}}", "{'f:p':{'k:{\\'n\\':1}':{'.':{},'f:n':{}}}}",
     "{'f:p':{'k:{\\'n\\':1}':{'.':{},'f:n':{}}}}"},
};

static void test_pairs(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        AUTO(value) struct value a = literal(pairs[i].a);
        AUTO(value) struct value b = literal(pairs[i].b);
        AUTO(value) struct value both = fields_union(a, b);
        AUTO(value) struct value common = fields_intersection(a, b);
        AUTO(value) struct value rest = fields_difference(a, b);
        AUTO(value) struct value deep = fields_difference_deep(a, b);
        CU_ASSERT(shows(pairs[i].name, both, pairs[i].both));
        CU_ASSERT(shows(pairs[i].name, common, pairs[i].common));
        CU_ASSERT(shows(pairs[i].name, rest, pairs[i].rest));
        CU_ASSERT(shows(pairs[i].name, deep, pairs[i].deep));
        CU_ASSERT(fields_meet(a, b) == value_is_present(common));
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

/* ---- random sets ---- */

static uint64_t draw(uint64_t *state)
{
    *state = hash_pair(*state, 0x5eed);
    return *state >> 33;
}

/* Up to `wide` parts a level; many of them test the way of large sets. */
static struct value random_child(uint64_t *state, unsigned depth, unsigned wide)
{
    struct fields_builder b = {.is_itself = draw(state) % 2 == 0};
    for (unsigned i = 0; depth > 0 && i < wide; i++) {
        if (draw(state) % 3 != 0)
            continue;
        AUTO(text) struct text element = {0};
        text_printf(&element, draw(state) % 4 == 0 ? "k:{\"n\":%u}" : "f:m%u", i);
        struct value child = random_child(state, depth - 1, 3);
        if (value_is_present(child))
            fields_build(&b, text_str(&element), child);
    }
    return fields_built(&b);
}

static struct value random_set(uint64_t *state)
{
    struct value set = random_child(state, 3, draw(state) % 4 == 0 ? 60 : 5);
    struct value root = fields_add(VALUE_ABSENT, S("f:root"), set);
    return root;
}

static void test_laws(void)
{
    uint64_t state = 1;
    for (int round = 0; round < 300; round++) {
        AUTO(value) struct value a = random_set(&state);
        AUTO(value) struct value b = random_set(&state);
        AUTO(value) struct value both = fields_union(a, b);
        AUTO(value) struct value mirrored = fields_union(b, a);
        AUTO(value) struct value common = fields_intersection(a, b);
        AUTO(value) struct value rest = fields_difference(a, b);
        AUTO(value) struct value whole = fields_union(rest, common);
        AUTO(value) struct value others = fields_difference(both, a);
        AUTO(value) struct value nothing = fields_intersection(rest, b);
        CU_ASSERT(value_equal(both, mirrored));
        CU_ASSERT(value_equal(whole, a));
        CU_ASSERT(!value_is_present(nothing));
        CU_ASSERT(fields_count(both) == fields_count(a) + fields_count(others));
        CU_ASSERT(fields_count(a) == fields_count(rest) + fields_count(common));
        AUTO(value) struct value read = VALUE_ABSENT;
        AUTO(text) struct text why = {0};
        CU_ASSERT(fields_read(a, &read, &why));
        CU_ASSERT(value_equal(read, a));
    }
}

/* ---- texts ---- */

static void add_path(void *owner, struct str path)
{
    text_printf(owner, "%.*s ", STR_ARG(path));
}

static void test_paths(void)
{
    AUTO(value)
    struct value set = literal(
        "{'f:a':{'.':{},'f:z':{}},'f:ports':{'k:{\\'port\\':443,\\'protocol\\':\\'TCP\\'}':{'.':{}"
        ",'f:name':{}},'k:{\\'port\\':80}':{}},'f:s':{'v:\\'x\\'':{}},'f:m':{},'f:i':{'i:3':{}}}");
    AUTO(text) struct text paths = {0};
    AUTO(text) struct text json = {0};
    fields_each_path(set, add_path, &paths);
    CU_ASSERT_STRING_EQUAL(text_c(&paths),
                           ".a .m .a.z .i[3] .ports[port=80] .ports[port=443,protocol=\"TCP\"] "
                           ".ports[port=443,protocol=\"TCP\"].name .s[=\"x\"] ");
    fields_write_json(set, &json);
    CU_ASSERT_STRING_EQUAL(
        text_c(&json),
        "{\"f:a\":{\".\":{},\"f:z\":{}},\"f:i\":{\"i:3\":{}},\"f:m\":{},\"f:ports\":{"
        "\"k:{\\\"port\\\":80}\":{},\"k:{\\\"port\\\":443,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{"
        "},\"f:name\":{}}},\"f:s\":{\"v:\\\"x\\\"\":{}}}");
    CU_ASSERT(fields_count(set) == 8);
}

static const struct {
    const char *sent, *read; /* NULL: refused */
} texts[] = {
    {"{'f:a':{}}", "{'f:a':{}}"},
    {"{'f:a':null}", "{'f:a':{}}"},
    {"{'f:a':{'.':{}}}", "{'f:a':{}}"},
    {"{'f:a':{'q:later':{'f:b':{}}}}", "{'f:a':{}}"},
    {"{'q:later':3}", ""},
    {"{'k:{\\'b\\': 1, \\'a\\': 2}':{}}", "{'k:{\\'a\\':2,\\'b\\':1}':{}}"},
    {"{'v:1':{},'v: 1':{'f:b':{}}}", "{'v:1':{'.':{},'f:b':{}}}"},
    {"{}", ""},
    {"{'f:a':3}", NULL},
    {"{'fa':{}}", NULL},
    {"{'f':{}}", NULL},
    {"{'k:3':{}}", NULL},
    {"{'k:{':{}}", NULL},
    {"{'v:':{}}", NULL},
    {"{'i:x':{}}", NULL},
    {"[]", NULL},
};

static void test_reading(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(value) struct value sent = literal(texts[i].sent);
        AUTO(value) struct value read = VALUE_ABSENT;
        AUTO(text) struct text why = {0};
        bool is_read = fields_read(sent, &read, &why);
        CU_ASSERT(is_read == (texts[i].read != NULL));
        CU_ASSERT(is_read ? shows(texts[i].sent, read, texts[i].read) : why.size > 0);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("field sets", NULL, NULL);
    CU_add_test(s, "pairs", test_pairs);
    CU_add_test(s, "laws", test_laws);
    CU_add_test(s, "paths", test_paths);
    CU_add_test(s, "reading", test_reading);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
