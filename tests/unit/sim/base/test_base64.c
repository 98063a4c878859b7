/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/base/base64: the vectors of RFC 4648, and what is none.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "sim/base/base64.h"

static void test_there_and_back(void)
{
    static const struct {
        const char *plain, *standard, *url;
    } rows[] = {{"", "", ""},
                {"f", "Zg==", "Zg"},
                {"fo", "Zm8=", "Zm8"},
                {"foo", "Zm9v", "Zm9v"},
                {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                {"\xfb\xff\xfe", "+//+", "-__-"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text a = {0};
        AUTO(text) struct text b = {0};
        AUTO(text) struct text back = {0};
        base64_add((const uint8_t *)rows[i].plain, strlen(rows[i].plain), &a);
        base64url_add((const uint8_t *)rows[i].plain, strlen(rows[i].plain), &b);
        CU_ASSERT_STRING_EQUAL(text_c(&a), rows[i].standard);
        CU_ASSERT_STRING_EQUAL(text_c(&b), rows[i].url);
        CU_ASSERT(base64_decode(text_str(&a), &back));
        CU_ASSERT_STRING_EQUAL(text_c(&back), rows[i].plain);
        text_clear(&back);
        CU_ASSERT(base64url_decode(text_str(&b), &back));
        CU_ASSERT_STRING_EQUAL(text_c(&back), rows[i].plain);
    }
}

static void test_forms(void)
{
    static const struct {
        const char *text;
        bool is_standard, is_url;
    } rows[] = {{"Zm9v\nYmFy\r\n", true, false}, /* line ends */
                {"Zg\n==\n", true, false},
                {"Zh==", true, false}, /* bits that say nothing */
                {"Zh", true, false},
                {"+//+", true, false},
                {"-__-", false, true},
                {"Z", false, false},
                {"Zg=x", false, false},
                {"Z g=", false, false},
                {"====", false, false},
                {"Zm9v*", false, false}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text out = {0};
        CU_ASSERT(base64_decode(str_from(rows[i].text), &out) == rows[i].is_standard);
        CU_ASSERT(base64url_decode(str_from(rows[i].text), &out) == rows[i].is_url);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"there and back", test_there_and_back}, {"forms", test_forms}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"base64", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
