/* SPDX-License-Identifier: Apache-2.0
 *
 * Two configurations are equal when nothing that a container is told differs: pods share equal
 * ones.
 */
#include "sim/base/base.h"

#include "runtime/cri.h"

#include "sim/base/mem.h"

#include <CUnit/Basic.h>

enum change {
    CHANGE_NONE,
    CHANGE_NAME,
    CHANGE_IMAGE,
    CHANGE_ATTEMPT,
    CHANGE_COMMAND,
    CHANGE_MORE_WORDS,
    CHANGE_ARGUMENT,
    CHANGE_MOUNT,
    CHANGE_READ_ONLY,
    CHANGE_SUB_PATH,
    CHANGE_PORT,
    CHANGE_VARIABLE,
    CHANGE_FOLDER,
    CHANGE_LIMIT,
    CHANGE_KIND,
    CHANGE_LAST_WORD,
    CHANGE_COUNT
};

static struct cri_container_config *make(enum change c)
{
    struct cri_container_config *config = cri_container_config_new(
        c == CHANGE_NAME ? S("b") : S("a"), c == CHANGE_IMAGE ? S("nginx:1.28") : S("nginx:1.27"));
    config->attempt = c == CHANGE_ATTEMPT;
    cri_container_config_add_command(config, c == CHANGE_COMMAND ? S("bash") : S("sh"));
    if (c == CHANGE_MORE_WORDS)
        cri_container_config_add_command(config, S("-x"));
    cri_container_config_add_argument(config, c == CHANGE_ARGUMENT ? S("2") : S("1"));
    cri_container_config_add_mount(config, S("/d"), c == CHANGE_MOUNT ? S("/v/2") : S("/v/1"),
                                   c == CHANGE_SUB_PATH ? S("sub") : S(""), c == CHANGE_READ_ONLY);
    cri_container_config_add_port(config, c == CHANGE_PORT ? 81 : 80);
    cri_pairs_add(&config->variables, S("KEY"), c == CHANGE_VARIABLE ? S("y") : S("x"));
    if (c == CHANGE_FOLDER)
        config->working_directory = mem_copy_string(S("/srv"));
    config->memory_limit_bytes = c == CHANGE_LIMIT ? 2 : 1;
    config->is_init = c == CHANGE_KIND;
    config->logs_are_message = c == CHANGE_LAST_WORD;
    return config;
}

static void test_equal(void)
{
    for (int i = 0; i < CHANGE_COUNT; i++) {
        for (int j = 0; j < CHANGE_COUNT; j++) {
            struct cri_container_config *a = make((enum change)i), *b = make((enum change)j);
            CU_ASSERT_EQUAL(cri_container_config_equal(a, b), i == j);
            cri_container_config_unref(a);
            cri_container_config_unref(b);
        }
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {{"equal configurations", test_equal}, CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"cri", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
