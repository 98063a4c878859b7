/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the revisioned store answers every question about every revision as a naive history does.
 * Method: small cases by hand, then random writes, deletions, leases, compactions and restores,
 * compared with a list of all revisions after each step.
 */
#include "sim/base/base.h"

#include "cluster/etcd/store.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"

#include <CUnit/Basic.h>
#include <stdio.h>

/* ---- versions by hand ---- */

static const struct etcd_kv *version(const struct store *s, const struct object_key *key,
                                     bool is_put, int64_t lease)
{
    const struct etcd_kv *old = store_get(s, key);
    struct etcd_kv *kv = mem_new(struct etcd_kv);
    kv->references = 1;
    kv->key = object_key_ref(key);
    kv->mod_revision = store_revision(s) + 1;
    kv->create_revision = old ? old->create_revision : kv->mod_revision;
    kv->version = is_put ? (old ? old->version + 1 : 1) : 0;
    kv->lease = is_put ? lease : 0;
    kv->size_bytes = 10;
    kv->value = is_put ? value_integer(kv->mod_revision) : VALUE_ABSENT;
    return kv;
}

static void write(struct store *s, const struct object_key *key, bool is_put, int64_t lease)
{
    const struct etcd_kv *kv = version(s, key, is_put, lease);
    store_commit(s, &kv, 1);
    etcd_kv_unref(kv);
}

static const struct object_key *pod(const char *namespace, const char *name)
{
    return object_key_of(resource_get(RESOURCE_pods), str_from(namespace), str_from(name));
}

/* ---- by hand ---- */

static void test_versions(void)
{
    struct store *s = store_new();
    const struct object_key *key = pod("default", "web");
    CU_ASSERT_EQUAL(store_revision(s), 1);
    CU_ASSERT_PTR_NULL(store_get(s, key));

    write(s, key, true, 0);  /* 2 */
    write(s, key, true, 0);  /* 3 */
    write(s, key, false, 0); /* 4 */
    write(s, key, true, 0);  /* 5 */

    const struct etcd_kv *kv = store_get(s, key);
    CU_ASSERT_EQUAL(kv->create_revision, 5);
    CU_ASSERT_EQUAL(kv->version, 1);
    CU_ASSERT_PTR_NULL(store_get_at(s, key, 1));
    CU_ASSERT_EQUAL(store_get_at(s, key, 2)->version, 1);
    CU_ASSERT_EQUAL(store_get_at(s, key, 3)->version, 2);
    CU_ASSERT_PTR_NULL(store_get_at(s, key, 4));
    store_check(s);
    store_free(s);
    object_key_unref(key);
}

/* etcd's order: "/registry/pods/a-b/..." comes before "/registry/pods/a/...". */
static void test_range(void)
{
    static const char *const places[][2] = {
        {"a", "z"}, {"a", "b"}, {"a-b", "c"}, {"b", "a"}, {"a", "c"}};
    static const char *const expected[] = {"c", "b", "c", "z", "a"};
    struct store *s = store_new();
    const struct object_key *keys[ARRAY_COUNT(places)];
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        keys[i] = pod(places[i][0], places[i][1]);
        write(s, keys[i], true, 0);
    }
    write(s, keys[3], false, 0); /* b/a goes at revision 7 */
    struct kv_list all = {0}, rest = {0}, one = {0};
    struct store_range range = {.resource = resource_get(RESOURCE_pods), .revision = 6};

    CU_ASSERT_EQUAL(store_range(s, &range, &all), 5);
    for (size_t i = 0; i < all.count; i++)
        CU_ASSERT_TRUE(str_equal(all.items[i]->key->name, str_from(expected[i])));
    range.after = all.items[1]->key;
    range.limit = 1;
    CU_ASSERT_EQUAL(store_range(s, &range, &rest), 3);
    CU_ASSERT_EQUAL(rest.count, 1);
    CU_ASSERT_PTR_EQUAL(rest.items[0], all.items[2]);
    range = (struct store_range){
        .resource = resource_get(RESOURCE_pods), .namespace = S("b"), .revision = 7};
    CU_ASSERT_EQUAL(store_range(s, &range, &one), 0);
    range.namespace = S("a");
    range.limit = 2;
    CU_ASSERT_EQUAL(store_range(s, &range, &one), 3);
    CU_ASSERT_EQUAL(one.count, 2);

    vec_release(&all);
    vec_release(&rest);
    vec_release(&one);
    store_free(s);
    for (size_t i = 0; i < ARRAY_COUNT(places); i++)
        object_key_unref(keys[i]);
}

/* A watch may begin at the compaction revision, even when that is a deletion; what is readable
 * stays. */
static void test_compaction(void)
{
    struct store *s = store_new();
    const struct object_key *a = pod("default", "a"), *b = pod("default", "b");
    write(s, a, true, 0);  /* 2 */
    write(s, a, true, 0);  /* 3 */
    write(s, b, true, 0);  /* 4 */
    write(s, b, false, 0); /* 5 */
    write(s, a, true, 0);  /* 6 */

    store_compact(s, 5);

    size_t count = 0;
    CU_ASSERT_PTR_NULL(store_changes(s, 4, &count));
    const struct etcd_change *change = store_changes(s, 5, &count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(change);
    CU_ASSERT_EQUAL(change->kv->version, 0);
    CU_ASSERT_EQUAL(store_get_at(s, a, 5)->mod_revision, 3);
    CU_ASSERT_EQUAL(store_bytes(s),
                    40); /* versions 3, 4, 6 and the tombstone's (given a size here) */
    store_check(s);
    store_compact(s, 6);
    CU_ASSERT_EQUAL(store_bytes(s),
                    20); /* version 6, and 3, which a watch from 6 on shows as what was before */
    CU_ASSERT_PTR_EQUAL(store_changes(s, 6, &count)->kv, store_get(s, a));
    store_check(s);
    store_free(s);
    object_key_unref(a);
    object_key_unref(b);
}

/* All keys of a lease go in one revision. */
static void test_lease(void)
{
    struct store *s = store_new();
    const struct object_key *keys[] = {pod("default", "a"), pod("default", "b"),
                                       pod("default", "c")};
    CU_ASSERT_TRUE(store_lease_grant(s, 7, 60));
    CU_ASSERT_FALSE(store_lease_grant(s, 7, 60));
    for (size_t i = 0; i < 3; i++)
        write(s, keys[i], true, 7);
    write(s, keys[1], true, 0); /* detached by a write without the lease */
    write(s, keys[0], true, 0);
    write(s, keys[0], true, 7); /* comes back: counted once */
    struct key_list attached = {0};
    store_lease_keys(s, store_lease(s, 7), &attached);
    CU_ASSERT_EQUAL_FATAL(attached.count, 2);
    CU_ASSERT_PTR_EQUAL(attached.items[0], keys[0]);
    CU_ASSERT_PTR_EQUAL(attached.items[1], keys[2]);
    vec_release(&attached);

    const struct etcd_kv *gone[] = {version(s, keys[0], false, 0), version(s, keys[2], false, 0)};
    store_commit(s, gone, 2);
    store_lease_remove(s, 7);

    size_t count = 0;
    const struct etcd_change *changes = store_changes(s, 8, &count);
    CU_ASSERT_EQUAL_FATAL(count, 2);
    CU_ASSERT_EQUAL(changes[1].before->mod_revision, 4);
    CU_ASSERT_EQUAL(store_key_count(s), 1);
    CU_ASSERT_EQUAL(store_get_at(s, keys[2], 5)->lease, 7);
    store_check(s);
    for (size_t i = 0; i < 2; i++)
        etcd_kv_unref(gone[i]);
    store_free(s);
    for (size_t i = 0; i < 3; i++)
        object_key_unref(keys[i]);
}

/* ---- against a naive history ---- */

#define KEYS 12
struct naive {
    const struct object_key *keys[KEYS];
    VEC(const struct etcd_kv *) history; /* of revision 2 + k; owned */
};

static const struct etcd_kv *naive_get(const struct naive *n, const struct object_key *key,
                                       int64_t revision)
{
    for (int64_t r = revision; r >= 2; r--)
        if (n->history.items[r - 2]->key == key)
            return n->history.items[r - 2]->version ? n->history.items[r - 2] : NULL;
    return NULL;
}

static void compare(const struct store *s, const struct naive *n)
{
    int64_t first = store_compact_revision(s) > 1 ? store_compact_revision(s) : 1;
    for (int64_t r = first; r <= store_revision(s); r++) {
        int64_t live = 0;
        for (size_t k = 0; k < KEYS; k++) {
            CU_ASSERT_PTR_EQUAL(store_get_at(s, n->keys[k], r), naive_get(n, n->keys[k], r));
            live += naive_get(n, n->keys[k], r) != NULL;
        }
        struct kv_list list = {0};
        struct store_range range = {.resource = resource_get(RESOURCE_pods), .revision = r};
        CU_ASSERT_EQUAL(store_range(s, &range, &list), live);
        CU_ASSERT_EQUAL(list.count, (size_t)live);
        for (size_t i = 1; i < list.count; i++)
            CU_ASSERT_TRUE(object_key_compare(list.items[i - 1]->key, list.items[i]->key) < 0);
        vec_release(&list);
    }
    for (int64_t r = first > 2 ? first : 2; r <= store_revision(s); r++) {
        size_t count = 0;
        const struct etcd_change *change = store_changes(s, r, &count);
        CU_ASSERT_EQUAL_FATAL(count, 1);
        CU_ASSERT_PTR_EQUAL(change->kv, n->history.items[r - 2]);
        const struct etcd_kv *before =
            change->before && change->before->version ? change->before : NULL;
        CU_ASSERT_PTR_EQUAL(before, naive_get(n, change->kv->key, r - 1));
    }
}

static void random_run(uint64_t seed)
{
    struct random_stream r = random_stream(seed, 0, 0, 0);
    struct naive n = {0};
    struct store *s = store_new();
    for (uint32_t k = 0; k < KEYS; k++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "k%u", k);
        n.keys[k] = pod(k % 3 == 0 ? "a" : "a-b", name);
    }
    for (int i = 0; i < 120; i++) {
        const struct object_key *key = n.keys[random_below(&r, KEYS)];
        uint64_t what = random_below(&r, 20);
        if (what == 0 && store_revision(s) > store_compact_revision(s)) {
            uint64_t span = (uint64_t)(store_revision(s) - store_compact_revision(s));
            store_compact(s, store_compact_revision(s) + 1 + (int64_t)random_below(&r, span));
        } else if (what == 1) {
            struct message *snapshot = store_snapshot(s);
            uint64_t hash = store_hash(s);
            store_free(s);
            s = store_restore(snapshot);
            CU_ASSERT_EQUAL(store_hash(s), hash);
            message_unref(snapshot);
        } else if (what < 14 || store_get(s, key)) {
            write(s, key, what < 14, 0);
            size_t count = 0;
            vec_push(&n.history, etcd_kv_ref(store_changes(s, store_revision(s), &count)->kv));
        }
        store_check(s);
        compare(s, &n);
    }
    store_free(s);
    for (size_t i = 0; i < n.history.count; i++)
        etcd_kv_unref(n.history.items[i]);
    vec_release(&n.history);
    for (uint32_t k = 0; k < KEYS; k++)
        object_key_unref(n.keys[k]);
}

static void test_random(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        random_run(seed);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"versions", test_versions}, {"range", test_range},   {"compaction", test_compaction},
        {"lease", test_lease},       {"random", test_random}, CU_TEST_INFO_NULL,
    };
    static CU_SuiteInfo suites[] = {{"store", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
