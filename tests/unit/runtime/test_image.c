/* SPDX-License-Identifier: Apache-2.0
 *
 * Image references: the grammar and Docker Hub's defaults, by a table; and what the registry
 * answers.
 */
#include "sim/base/base.h"

#include "runtime/image.h"

#include <CUnit/Basic.h>

static void test_normalise(void)
{
    static const struct {
        const char *written, *normalised; /* NULL: invalid */
    } rows[] = {
        {"nginx", "docker.io/library/nginx:latest"},
        {"nginx:1.25", "docker.io/library/nginx:1.25"},
        {"grafana/grafana", "docker.io/grafana/grafana:latest"},
        {"docker.io/nginx", "docker.io/library/nginx:latest"},
        {"registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"},
        {"localhost:5000/a/b:x", "localhost:5000/a/b:x"},
        {"localhost/a", "localhost/a:latest"},
        {"a/b_c__d-e.f", "docker.io/a/b_c__d-e.f:latest"},
        {"nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "docker.io/library/"
         "nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        {"nginx 1.23.2-alpine", NULL},
        {"", NULL},
        {"Nginx", NULL},
        {"nginx:", NULL},
        {"nginx:-x", NULL},
        {"nginx@sha256:12", NULL},
        {"a..b", NULL},
        {"a/", NULL},
        {"a___b", NULL},
        {"-a", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct text out = {0};
        bool ok = image_normalise(str_from(rows[i].written), &out);
        CU_ASSERT_EQUAL(ok, rows[i].normalised != NULL);
        if (ok && rows[i].normalised)
            CU_ASSERT_STRING_EQUAL(text_c(&out), rows[i].normalised);
        text_release(&out);
    }
}

static void test_registry(void)
{
    struct text error = {0};
    CU_ASSERT_EQUAL(registry_look_up(S("docker.io/library/nginx:1")), REGISTRY_OK);
    CU_ASSERT_EQUAL(registry_look_up(S("docker.io/library/does-not-exist:1")),
                    REGISTRY_NO_REPOSITORY);
    CU_ASSERT_EQUAL(registry_look_up(S("docker.io/library/nginx:no-such-tag")), REGISTRY_NO_TAG);
    CU_ASSERT_EQUAL(registry_look_up(S("registry.invalid/a:1")), REGISTRY_NO_HOST);

    registry_error_text(S("docker.io/library/nginx:no-such-tag"), REGISTRY_NO_TAG, false, &error);

    CU_ASSERT_STRING_EQUAL(text_c(&error),
                           "failed to pull and unpack image "
                           "\"docker.io/library/nginx:no-such-tag\": failed to resolve "
                           "reference \"docker.io/library/nginx:no-such-tag\": "
                           "docker.io/library/nginx:no-such-tag: not found");
    text_release(&error);
}

static void test_models(void)
{
    CU_ASSERT_EQUAL(image_model_of(S("docker.io/library/nginx:1.25"))->program, PROGRAM_NGINX);
    CU_ASSERT_EQUAL(image_model_of(S("docker.io/library/ghost:0.9"))->ports[0], 2368);
    CU_ASSERT_EQUAL(image_model_of(S("registry.k8s.io/pause:3.10"))->program, PROGRAM_SLEEP);
    CU_ASSERT_EQUAL(image_model_of(S("example.com/shop/mynginx:1"))->program, PROGRAM_DEFAULT);
    CU_ASSERT(image_size_bytes(S("docker.io/library/nginx:1.25-alpine")) <
              image_size_bytes(S("docker.io/library/nginx:1.25")));
}

int main(void)
{
    static CU_TestInfo tests[] = {{"references", test_normalise},
                                  {"registry", test_registry},
                                  {"models", test_models},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"image", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
