/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed strings, durations, errors, owned text, arenas, memory, hashes and random numbers,
 * sorting: tables of inputs and answers.
 */
#include "sim/base/arena.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/text.h"
#include "sim/base/vec.h"

#include <CUnit/Basic.h>
#include <stdio.h>

/* ---- strings ---- */

static void test_str_compare(void)
{
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {{"", "", 0},     {"", "a", -1},  {"a", "a", 0},
                 {"a", "ab", -1}, {"b", "ab", 1}, {"\x7f", "\x80", -1}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str a = str_from(cases[i].a), b = str_from(cases[i].b);
        CU_ASSERT_EQUAL(str_compare(a, b), cases[i].order);
        CU_ASSERT_EQUAL(str_compare(b, a), -cases[i].order);
        CU_ASSERT_EQUAL(str_equal(a, b), cases[i].order == 0);
    }
}

static void test_str_parts(void)
{
    static const struct {
        const char *s, *part;
        bool starts, ends, contains;
    } cases[] = {
        {"web-1", "web", true, false, true},   {"web-1", "-1", false, true, true},
        {"web-1", "", true, true, true},       {"", "a", false, false, false},
        {"aab", "ab", false, true, true},      {"abab", "aba", true, false, true},
        {"web", "web-1", false, false, false}, {"aaa", "b", false, false, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str s = str_from(cases[i].s), part = str_from(cases[i].part);
        CU_ASSERT_EQUAL(str_starts_with(s, part), cases[i].starts);
        CU_ASSERT_EQUAL(str_ends_with(s, part), cases[i].ends);
        CU_ASSERT_EQUAL(str_contains(s, part), cases[i].contains);
    }
    struct str rest;
    CU_ASSERT(str_equal(str_cut(S("a/b/c"), '/', &rest), S("a")));
    CU_ASSERT(str_equal(rest, S("b/c")));
    CU_ASSERT(str_equal(str_cut(S("abc"), '/', &rest), S("abc")));
    CU_ASSERT_EQUAL(rest.size, 0);
    CU_ASSERT(str_equal(str_trim(S(" \t a b\r\n")), S("a b")));
    CU_ASSERT_EQUAL(str_trim(S(" \n")).size, 0);
    CU_ASSERT_EQUAL(str_find(S("abc"), 'c'), 2);
    CU_ASSERT_EQUAL(str_find(S("abc"), 'x'), 3);
}

static void test_str_to_int64(void)
{
    static const struct {
        const char *text;
        bool is_valid;
        int64_t value;
    } cases[] = {
        {"0", true, 0},    {"-7", true, -7},
        {"+7", true, 7},   {"9223372036854775807", true, INT64_MAX},
        {"", false, 0},    {"-9223372036854775808", true, INT64_MIN},
        {"-", false, 0},   {"9223372036854775808", false, 0},
        {"12a", false, 0}, {"-9223372036854775809", false, 0},
        {" 1", false, 0},  {"99999999999999999999", false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t value = 0;
        CU_ASSERT_EQUAL(str_to_int64(str_from(cases[i].text), &value), cases[i].is_valid);
        CU_ASSERT_EQUAL(value, cases[i].value);
    }
}

/* ---- durations ---- */

static void test_duration_parse(void)
{
    static const struct {
        const char *text;
        bool is_valid;
        int64_t ns;
    } cases[] = {
        {"0", true, 0},
        {"5s", true, 5000000000},
        {"-5s", true, -5000000000},
        {"+5s", true, 5000000000},
        {"500us", true, 500000},
        {"1.5\xC2\xB5s", true, 1500},
        {"3\xCE\xBCs", true, 3000},
        {"1h2m3.5s", true, 3723500000000},
        {".5s", true, 500000000},
        {"1.s", true, 1000000000},
        {"0.0000000001s", true, 0},
        {"0.3333333333333333333h", true, 1199999999999},
        {"1ns2ns", true, 3},
        {"9223372036854775807ns", true, INT64_MAX},
        {"-9223372036854775808ns", true, INT64_MIN},
        {"9223372036854775808ns", false, 0},
        {"2562048h", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"5", false, 0},
        {"s", false, 0},
        {".s", false, 0},
        {"5x", false, 0},
        {"5 s", false, 0},
        {"1s2", false, 0},
        {"00", false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct duration d = {0};
        CU_ASSERT_EQUAL(duration_parse(str_from(cases[i].text), &d), cases[i].is_valid);
        CU_ASSERT_EQUAL(d.ns, cases[i].ns);
    }
}

static void test_duration_text(void)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {{0, "0s"},
                 {1, "1ns"},
                 {1500, "1.5\xC2\xB5s"},
                 {500000000, "500ms"},
                 {1500000000, "1.5s"},
                 {60000000000, "1m0s"},
                 {90000000000, "1m30s"},
                 {3600000000000, "1h0m0s"},
                 {-3723500000000, "-1h2m3.5s"},
                 {INT64_MIN, "-2562047h47m16.854775808s"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(text) struct text t = {0};
        text_add_duration(&t, (struct duration){cases[i].ns});
        CU_ASSERT_STRING_EQUAL(text_c(&t), cases[i].text);
        struct duration back = {0};
        CU_ASSERT(duration_parse(text_str(&t), &back));
        CU_ASSERT_EQUAL(back.ns, cases[i].ns);
    }
}

static void test_instants(void)
{
    CU_ASSERT_EQUAL(instant_add(INSTANT_NEVER, duration_s(1)).ns, INT64_MAX);
    CU_ASSERT_EQUAL(instant_add((struct instant){5}, duration_ns(-3)).ns, 2);
    CU_ASSERT_EQUAL(instant_since((struct instant){5}, (struct instant){7}).ns, -2);
    CU_ASSERT(instant_before((struct instant){1}, (struct instant){2}));
    CU_ASSERT_FALSE(instant_before((struct instant){2}, (struct instant){2}));
}

/* ---- errors and text ---- */

static void test_errmsg(void)
{
    struct errmsg m;
    CU_ASSERT_EQUAL(errmsg_set(&m, ERR_SYNTAX, "bad %s", "colon"), ERR_SYNTAX);
    errmsg_prefix(&m, "%s:%d", "a.yaml", 3);
    CU_ASSERT_STRING_EQUAL(m.text, "a.yaml:3: bad colon");
    for (int i = 0; i < 1000; i++)
        errmsg_prefix(&m, "step");
    CU_ASSERT_EQUAL(strlen(m.text), ERRMSG_SIZE - 1);
    CU_ASSERT_EQUAL(errmsg_set(NULL, ERR_IO, "unseen"), ERR_IO);
    errmsg_prefix(NULL, "unseen");
    CU_ASSERT_STRING_EQUAL(err_text(ERR_OK), "success");
}

static void test_text(void)
{
    AUTO(text) struct text t = {0};
    CU_ASSERT_STRING_EQUAL(text_c(&t), "");
    text_add_int(&t, INT64_MIN);
    text_add_byte(&t, '|');
    text_add_int(&t, 0);
    text_printf(&t, "|%s|%d", "a rather long piece of text that makes the buffer grow", 42);
    text_add(&t, (struct str){0});
    CU_ASSERT_STRING_EQUAL(text_c(&t), "-9223372036854775808|0|a rather long piece of text that "
                                       "makes the buffer grow|42");
    CU_ASSERT_EQUAL(strlen(text_c(&t)), t.size);
    text_clear(&t);
    CU_ASSERT_STRING_EQUAL(text_c(&t), "");
    text_printf(&t, "%d", 7);
    CU_ASSERT_STRING_EQUAL(text_c(&t), "7");
}

/* The formats that text_vprintf knows itself and those it leaves to the C library give the same. */
static void test_format(void)
{
#define EXPECT_SAME(...)                                                                           \
    do {                                                                                           \
        char expected[256];                                                                        \
        AUTO(text) struct text t = {0};                                                            \
        snprintf(expected, sizeof(expected), __VA_ARGS__);                                         \
        text_printf(&t, __VA_ARGS__);                                                              \
        CU_ASSERT_STRING_EQUAL(text_c(&t), expected);                                              \
        CU_ASSERT_EQUAL(t.size, strlen(expected));                                                 \
    } while (0)
    EXPECT_SAME("%s|%.*s|%.*s|%c|%%", "abc", 2, "xyz", 9, "short", 'c');
    EXPECT_SAME("%d|%i|%u|%x|%ld|%zu", -1, INT32_MIN, UINT32_MAX, 0xabcdefu, INT64_MIN, SIZE_MAX);
    EXPECT_SAME("%03" PRId64 "|%016" PRIx64 "|%02d|%05d|%04u", INT64_C(7), UINT64_C(0xbeef), -3,
                -12, 12345u);
    EXPECT_SAME("%5d|%-5d|%+d|%.3s|%5.1f|%X|%3s", 42, 42, 42, "abcdef", 1.25, 0xabu, "a");
    EXPECT_SAME("%s%s", "", "");
#undef EXPECT_SAME
}

/* ---- memory ---- */

static void test_arena(void)
{
    struct arena a = {0};
    for (int round = 0; round < 3; round++) {
        unsigned char *parts[400];
        for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
            size_t size = i % 50 == 49 ? 300000 : i * 7;
            parts[i] = arena_allocate(&a, size, 1);
            CU_ASSERT_EQUAL((uintptr_t)parts[i] % 16, 0);
            size_t dirty = 0;
            for (size_t k = 0; k < size; k++)
                dirty += parts[i][k] != 0;
            CU_ASSERT_EQUAL(dirty, 0);
            memset(parts[i], (int)i, size);
        }
        for (size_t i = 1; i < ARRAY_COUNT(parts); i++)
            if (i % 50 != 49)
                CU_ASSERT_EQUAL(parts[i][i * 7 - 1], (unsigned char)i);
        arena_clear(&a);
    }
    struct str copy = arena_str(&a, S("abc")), printed = arena_printf(&a, "%d-%s", 5, "x");
    CU_ASSERT_STRING_EQUAL(copy.bytes, "abc");
    CU_ASSERT(str_equal(printed, S("5-x")));
    arena_release(&a);
    CU_ASSERT_PTR_NULL(a.first);
}

static void test_memory_and_vectors(void)
{
    uint32_t *ids = mem_array(uint32_t, 3);
    ids[2] = 9;
    ids = mem_resize(ids, uint32_t, 3, 1000);
    CU_ASSERT_EQUAL(ids[2], 9);
    CU_ASSERT_EQUAL(ids[3] + ids[999], 0);
    mem_free(ids);
    VEC(int) v = {0};
    for (int i = 0; i < 10; i++)
        vec_push(&v, i);
    vec_remove(&v, 0);
    vec_insert(&v, 4, 100);
    CU_ASSERT_EQUAL(v.count, 10);
    CU_ASSERT_EQUAL(v.items[3], 4);
    CU_ASSERT_EQUAL(v.items[4], 100);
    CU_ASSERT_EQUAL(v.items[5], 5);
    CU_ASSERT_EQUAL(vec_pop(&v), 9);
    vec_release(&v);
}

/* ---- hashes and random numbers ---- */

static void test_hash_bytes(void)
{
    /* Goal: each byte and the length matter; the value never changes between machines. */
    char bytes[40];
    VEC(uint64_t) seen = {0};
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        memset(bytes, 0, sizeof(bytes));
        vec_push(&seen, hash_bytes((struct str){bytes, size}));
        for (size_t i = 0; i < size; i++) {
            bytes[i] = 1;
            vec_push(&seen, hash_bytes((struct str){bytes, size}));
            bytes[i] = 0;
        }
    }
    for (size_t i = 0; i < seen.count; i++)
        for (size_t k = 0; k < i; k++)
            if (seen.items[i] == seen.items[k])
                CU_FAIL("two texts with one hash");
    vec_release(&seen);
    CU_ASSERT_EQUAL(hash_mix(0), 0);
    CU_ASSERT_EQUAL(hash_bytes(S("wavetank")), hash_bytes(str_from("wavetank")));
}

static void test_random_streams(void)
{
    struct random_stream a = random_stream(1, 2, 3, 4), same = random_stream(1, 2, 3, 4);
    struct random_stream others[] = {random_stream(0, 2, 3, 4), random_stream(1, 0, 3, 4),
                                     random_stream(1, 2, 0, 4), random_stream(1, 2, 3, 0)};
    uint64_t first = random_next(&a);
    CU_ASSERT_EQUAL(first, random_next(&same));
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        CU_ASSERT_NOT_EQUAL(first, random_next(&others[i]));
    CU_ASSERT_NOT_EQUAL(first, random_next(&a));
    CU_ASSERT_EQUAL(random_at(1, 2, 3, 4, 5), random_at(1, 2, 3, 4, 5));
    CU_ASSERT_NOT_EQUAL(random_at(1, 2, 3, 4, 5), random_at(1, 2, 4, 3, 5));
}

static void test_random_below(void)
{
    static const uint64_t limits[] = {1, 2, 3, 6, 10, 1000};
    struct random_stream r = random_stream(7, 0, 0, 0);
    for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
        uint64_t counts[1000] = {0}, draws = 3000 * limits[i];
        for (uint64_t k = 0; k < draws; k++) {
            uint64_t n = random_below(&r, limits[i]);
            if (n >= limits[i]) {
                CU_FAIL("out of range");
                return;
            }
            counts[n]++;
        }
        for (uint64_t n = 0; n < limits[i]; n++)
            if (counts[n] < 2600 || counts[n] > 3400)
                CU_FAIL("far from uniform");
    }
    /* A limit just above half of the range: about half of the draws are rejected. */
    uint64_t limit = (UINT64_C(1) << 63) + 1, above = 0;
    for (int k = 0; k < 1000; k++) {
        uint64_t n = random_below(&r, limit);
        CU_ASSERT(n < limit);
        above += n >= limit / 2;
    }
    CU_ASSERT(above > 400 && above < 600);
}

/* ---- sorting ---- */

struct card {
    uint32_t value, dealt;
    char padding[5];
};

static int by_value(const void *a, const void *b, void *context)
{
    (*(size_t *)context)++;
    uint32_t x = ((const struct card *)a)->value, y = ((const struct card *)b)->value;
    return x < y ? -1 : x > y;
}

static void test_sort_stable(void)
{
    struct random_stream r = random_stream(3, 0, 0, 0);
    for (size_t count = 0; count < 300; count += count < 40 ? 1 : 37) {
        struct card *cards = mem_array(struct card, count);
        for (size_t i = 0; i < count; i++)
            cards[i] = (struct card){(uint32_t)random_below(&r, 1 + count / 3), (uint32_t)i, {0}};
        size_t comparisons = 0;
        sort_stable(cards, count, sizeof(*cards), by_value, &comparisons);
        for (size_t i = 1; i < count; i++) {
            CU_ASSERT(cards[i - 1].value <= cards[i].value);
            if (cards[i - 1].value == cards[i].value)
                CU_ASSERT(cards[i - 1].dealt < cards[i].dealt);
        }
        CU_ASSERT(comparisons <= count * 14);
        mem_free(cards);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"compare strings", test_str_compare},
        {"parts of strings", test_str_parts},
        {"string to integer", test_str_to_int64},
        {"parse durations", test_duration_parse},
        {"durations as text", test_duration_text},
        {"instants", test_instants},
        {"error messages", test_errmsg},
        {"text", test_text},
        {"format", test_format},
        {"arena", test_arena},
        {"memory and vectors", test_memory_and_vectors},
        {"hash of bytes", test_hash_bytes},
        {"random streams", test_random_streams},
        {"bounded random numbers", test_random_below},
        {"stable sort", test_sort_stable},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"base", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
