/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a controller waits exactly until its cache has shown what it asked for, or 5 minutes.
 * Method: scripts of calls.
 */
#include "sim/base/base.h"

#include "cluster/client/controller.h"

#include <CUnit/Basic.h>

static struct instant at_s(int64_t s)
{
    return (struct instant){duration_s(s).ns};
}

static const struct object_key *key(enum resource_known r, const char *name)
{
    return object_key_of(resource_get(r), S("default"), str_from(name));
}

static void test_creations(void)
{
    struct expectations *e = expectations_new();
    const struct object_key *rs = key(RESOURCE_replicasets, "web");

    CU_ASSERT_TRUE(expectations_satisfied(e, rs, at_s(0)));
    expectations_expect(e, rs, 2, 0, at_s(0));
    expectations_creation_observed(e, rs);
    CU_ASSERT_FALSE(expectations_satisfied(e, rs, at_s(1)));
    expectations_creation_observed(e, rs);
    CU_ASSERT_TRUE(expectations_satisfied(e, rs, at_s(1)));

    expectations_free(e);
    object_key_unref(rs);
}

/* The same child seen twice (being deleted, then gone) counts once; a stranger does not count. */
static void test_deletions_by_child(void)
{
    struct expectations *e = expectations_new();
    const struct object_key *rs = key(RESOURCE_replicasets, "web"), *a = key(RESOURCE_pods, "a"),
                            *b = key(RESOURCE_pods, "b"), *other = key(RESOURCE_pods, "other");
    expectations_expect_deletion_of(e, rs, a, at_s(0));
    expectations_expect_deletion_of(e, rs, b, at_s(0));

    expectations_deletion_of_observed(e, rs, a);
    expectations_deletion_of_observed(e, rs, a);
    expectations_deletion_of_observed(e, rs, other);
    CU_ASSERT_FALSE(expectations_satisfied(e, rs, at_s(1)));
    CU_ASSERT_FALSE(expectations_awaits_deletion_of(e, rs, a));
    CU_ASSERT_TRUE(expectations_awaits_deletion_of(e, rs, b));
    expectations_deletion_of_observed(e, rs, b);
    CU_ASSERT_TRUE(expectations_satisfied(e, rs, at_s(1)));

    expectations_free(e);
    object_key_unref(rs);
    object_key_unref(a);
    object_key_unref(b);
    object_key_unref(other);
}

static void test_expiry(void)
{
    struct expectations *e = expectations_new();
    const struct object_key *rs = key(RESOURCE_replicasets, "web");
    expectations_expect(e, rs, 1, 0, at_s(0));

    CU_ASSERT_FALSE(expectations_satisfied(e, rs, at_s(300)));
    CU_ASSERT_TRUE(expectations_satisfied(e, rs, at_s(301)));

    expectations_free(e);
    object_key_unref(rs);
}

int main(void)
{
    CU_TestInfo tests[] = {{"creations", test_creations},
                           {"deletions by child", test_deletions_by_child},
                           {"expiry", test_expiry},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"expectations", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
