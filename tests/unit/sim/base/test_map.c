/* SPDX-License-Identifier: Apache-2.0
 *
 * The ordered map and the hashed index against naive models (a sorted array; a plain array), under
 * random scripts of put, replace, get, remove and iteration; plus the edges of each.
 */
#include "sim/base/hash.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"

#include <CUnit/Basic.h>

struct item {
    uint64_t key;
};

static int by_key(const void *probe, const void *item)
{
    uint64_t a = ((const struct item *)probe)->key, b = ((const struct item *)item)->key;
    return a < b ? -1 : a > b;
}

static bool same_key(const void *probe, const void *item)
{
    return by_key(probe, item) == 0;
}

#define KEYS_MAX 5000

/* The model: for each key the item the map must hold. */
struct model {
    struct item *held[KEYS_MAX];
    size_t count;
};

static void check_whole(const struct map *m, const struct model *model)
{
    CU_ASSERT_EQUAL(m->count, model->count);
    struct map_cursor c = map_first(m);
    for (size_t key = 0; key < KEYS_MAX; key++) {
        if (!model->held[key])
            continue;
        if (c.item != model->held[key]) {
            CU_FAIL("the iteration differs from the model");
            return;
        }
        map_next(&c);
    }
    CU_ASSERT_PTR_NULL(c.item);
}

static void check_bounds(const struct map *m, const struct model *model, uint64_t from)
{
    struct item *expected = NULL;
    for (uint64_t key = from; key < KEYS_MAX && !expected; key++)
        expected = model->held[key];
    CU_ASSERT_PTR_EQUAL(map_at_or_after(m, &(struct item){from}).item, expected);
}

/* Items are freed as soon as the map gives them up: a dangling separator shows under ASan. */
static void run_script(uint64_t seed, uint64_t keys, uint64_t puts_of_ten, size_t steps)
{
    struct map m = {.compare = by_key};
    struct model *model = mem_new(struct model);
    struct random_stream r = random_stream(seed, 1, 0, 0);
    for (size_t step = 0; step < steps; step++) {
        uint64_t key = random_below(&r, keys);
        uint64_t share = step < steps / 2 ? puts_of_ten : 10 - puts_of_ten;
        if (step % 3 == 0) /* rarely enough that several items that were added wait */
            CU_ASSERT_PTR_EQUAL(map_get(&m, &(struct item){key}), model->held[key]);
        if (!model->held[key] && step % 2 == 0) {
            struct item *item = mem_new(struct item);
            item->key = key;
            map_add(&m, item);
            model->held[key] = item;
            CU_ASSERT_EQUAL(m.count, ++model->count);
        } else if (random_below(&r, 10) < share) {
            struct item *item = mem_new(struct item);
            item->key = key;
            struct item *replaced = map_put(&m, item);
            CU_ASSERT_PTR_EQUAL(replaced, model->held[key]);
            model->count += replaced ? 0 : 1;
            model->held[key] = item;
            mem_free(replaced);
        } else {
            struct item *removed = map_remove(&m, &(struct item){key});
            CU_ASSERT_PTR_EQUAL(removed, model->held[key]);
            model->count -= removed ? 1 : 0;
            model->held[key] = NULL;
            mem_free(removed);
        }
        if (step % 97 == 0)
            check_bounds(&m, model, random_below(&r, KEYS_MAX));
        if (step % 1009 == 0)
            check_whole(&m, model);
    }
    check_whole(&m, model);
    map_release(&m);
    for (size_t key = 0; key < KEYS_MAX; key++)
        mem_free(model->held[key]);
    mem_free(model);
}

/* Many wait at once, in no order, among those that are there. */
static void test_added(void)
{
    struct map m = {.compare = by_key};
    struct item items[1000];
    for (size_t i = 0; i < ARRAY_COUNT(items); i++) {
        items[i].key = i * 7 % ARRAY_COUNT(items);
        map_add(&m, &items[i]);
        if (i == 100)
            CU_ASSERT_PTR_EQUAL(map_first(&m).item, &items[0]);
    }
    CU_ASSERT_EQUAL(m.count, ARRAY_COUNT(items));
    CU_ASSERT_PTR_EQUAL(map_remove(&m, &(struct item){7}), &items[1]);
    uint64_t key = 0;
    for (struct map_cursor c = map_first(&m); c.item; map_next(&c), key++) {
        key += key == 7;
        CU_ASSERT_EQUAL(((struct item *)c.item)->key, key);
    }
    CU_ASSERT_EQUAL(key, ARRAY_COUNT(items));
    map_add(&m, &items[1]);
    map_release(&m); /* with one that waits */
    CU_ASSERT_EQUAL(m.count, 0);
}

static void test_map_against_sorted_array(void)
{
    static const struct {
        uint64_t keys, puts_of_ten;
        size_t steps;
    } scripts[] = {{3, 5, 200},     {20, 6, 2000},    {100, 7, 4000},
                   {1000, 8, 8000}, {5000, 9, 40000}, {5000, 6, 30000}};
    for (size_t i = 0; i < ARRAY_COUNT(scripts); i++)
        run_script(i, scripts[i].keys, scripts[i].puts_of_ten, scripts[i].steps);
}

static void test_map_in_order_and_backwards(void)
{
    /* Goal: long runs of one direction, filled and emptied from each end. */
    for (int direction = 0; direction < 4; direction++) {
        struct map m = {.compare = by_key};
        struct item *items = mem_array(struct item, KEYS_MAX);
        struct model *model = mem_new(struct model);
        for (size_t i = 0; i < KEYS_MAX; i++) {
            size_t key = direction & 1 ? KEYS_MAX - 1 - i : i;
            items[key].key = key;
            CU_ASSERT_PTR_NULL(map_put(&m, &items[key]));
            model->held[key] = &items[key];
            model->count++;
        }
        check_whole(&m, model);
        for (size_t i = 0; i < KEYS_MAX; i++) {
            size_t key = direction & 2 ? KEYS_MAX - 1 - i : i;
            CU_ASSERT_PTR_EQUAL(map_remove(&m, &items[key]), &items[key]);
            model->held[key] = NULL;
            model->count--;
            if (i % 501 == 0)
                check_whole(&m, model);
        }
        CU_ASSERT_PTR_NULL(m.root);
        mem_free(items);
        mem_free(model);
    }
}

static void test_map_random_in_directed_out(void)
{
    /* Goal: inner nodes of all degrees of fullness even out with a fuller neighbour on either side.
     */
    enum { KEYS = 60000 };
    struct item *items = mem_array(struct item, KEYS);
    for (int direction = 0; direction < 2; direction++) {
        struct map m = {.compare = by_key};
        struct random_stream r = random_stream((uint64_t)direction, 8, 0, 0);
        for (size_t i = 0; i < KEYS; i++) { /* a random permutation */
            items[i].key = i;
            size_t other = (size_t)random_below(&r, i + 1);
            items[i].key = items[other].key;
            items[other].key = i;
        }
        for (size_t i = 0; i < KEYS; i++)
            CU_ASSERT_PTR_NULL(map_put(&m, &items[i]));
        for (size_t i = 0; i < KEYS; i++) {
            size_t key = direction ? KEYS - 1 - i : i;
            struct item *removed = map_remove(&m, &(struct item){key});
            CU_ASSERT(removed && removed->key == key);
            size_t there = (size_t)random_below(&r, KEYS);
            bool is_held = direction ? there < key : there > key;
            CU_ASSERT_EQUAL(map_get(&m, &(struct item){there}) != NULL, is_held);
        }
        CU_ASSERT_EQUAL(m.count, 0);
    }
    mem_free(items);
}

static void test_map_empty(void)
{
    struct map m = {.compare = by_key};
    struct item one = {1};

    CU_ASSERT_PTR_NULL(map_get(&m, &one));
    CU_ASSERT_PTR_NULL(map_remove(&m, &one));
    CU_ASSERT_PTR_NULL(map_first(&m).item);
    CU_ASSERT_PTR_NULL(map_at_or_after(&m, &one).item);
    map_release(&m);
    map_put(&m, &one);
    CU_ASSERT_PTR_EQUAL(map_get(&m, &one), &one);
    map_release(&m);
    CU_ASSERT_EQUAL(m.count, 0);
}

static void test_index_against_array(void)
{
    /* Few distinct low bits make long clusters, so that the shifting removal is exercised. */
    static const uint64_t masks[] = {UINT64_MAX, 7, 0};
    for (size_t i = 0; i < ARRAY_COUNT(masks); i++) {
        uint64_t keys = masks[i] == UINT64_MAX ? KEYS_MAX : 60;
        struct index x = {.equal = same_key};
        struct item *items = mem_array(struct item, KEYS_MAX);
        bool *held = mem_array(bool, KEYS_MAX);
        struct random_stream r = random_stream(i, 2, 0, 0);
        for (size_t step = 0; step < 30000; step++) {
            size_t key = (size_t)random_below(&r, keys);
            uint64_t hash = hash_mix(key) & masks[i];
            items[key].key = key;
            void *expected = held[key] ? &items[key] : NULL;
            CU_ASSERT_PTR_EQUAL(index_get(&x, hash, &items[key]), expected);
            if (random_below(&r, 5) < 3) {
                CU_ASSERT_PTR_EQUAL(index_put(&x, hash, &items[key], &items[key]), expected);
                held[key] = true;
            } else {
                CU_ASSERT_PTR_EQUAL(index_remove(&x, hash, &items[key]), expected);
                held[key] = false;
            }
        }
        size_t count = 0;
        for (size_t key = 0; key < keys; key++)
            count += held[key];
        CU_ASSERT_EQUAL(x.count, count);
        index_release(&x);
        CU_ASSERT_PTR_NULL(index_get(&x, 0, &items[0]));
        mem_free(items);
        mem_free(held);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"added", test_added},
        {"map against a sorted array", test_map_against_sorted_array},
        {"map in order and backwards", test_map_in_order_and_backwards},
        {"map at random in, in order out", test_map_random_in_directed_out},
        {"empty map", test_map_empty},
        {"index against an array", test_index_against_array},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"map", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
