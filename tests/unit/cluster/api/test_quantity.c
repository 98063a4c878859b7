/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: quantities are read, rounded and printed as resource.Quantity does. Method: tables of
 * texts.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/quantity.h"

static const struct {
    const char *written, *canonical; /* NULL: refused */
} canonical_forms[] = {
    {"0", "0"},
    {"1", "1"},
    {"1000m", "1"},
    {"0.5", "500m"},
    {"100m", "100m"},
    {"1024Mi", "1Gi"},
    {"1.5Gi", "1536Mi"},
    {"1.5", "1500m"},
    {"1000", "1k"},
    {"1000000", "1M"},
    {"12345678", "12345678"},
    {"1536Ki", "1536Ki"},
    {"512Mi", "512Mi"},
    {"1023", "1023"},
    {"1Ki", "1Ki"},
    {"0.5Ki", "512"},
    {"0.1Ki", "102400m"},
    {"0.0001Ki", "102400u"},
    {"1e3", "1e3"},
    {"1000e0", "1e3"},
    {"12e6", "12e6"},
    {"1E", "1E"},
    {"1Ei", "1Ei"},
    {"8Ei", "9223372036854775807"},
    {"7Ei", "7Ei"},
    {"-8Ei", "-9223372036854775807"},
    {"1n", "1n"},
    {"0.9n", "1n"},
    {"0.1n", "1n"},
    {"1.0000000001", "1000000001n"},
    {"-0.1n", "-1n"},
    {"-1", "-1"},
    {"-1.5Gi", "-1536Mi"},
    {"+5", "+5"},
    {"05", "05"},
    {"00", "0"},
    {"5.", "5."},
    {".5", "500m"},
    {"0.001", "1m"},
    {"1.500", "1.500"},
    {"1.000", "1"},
    {"18446744073709551616", "18446744073709551616"},
    {"1e21", "1e21"},
    {"1000E", "1e21"},
    {"1e-3", "1e-3"},
    {"1e-20", "1e-9"},
    {"100000000000000000000k", "100e21"},
    {"Mi", "0"},
    {"1.1i", NULL},
    {"", NULL},
    {"1Zi", NULL},
    {"x", NULL},
    {"1 Gi", NULL},
    {" 1Gi ", "1Gi"},
    {"1e", NULL},
    {"1.2.3", NULL},
    {"--1", NULL},
    {"1mm", NULL},
    {"1K", NULL},
    {"1ki", NULL},
    {"1e+3", "1e+3"},
    {"0x10", NULL},
    {"9223372036854775807", "9223372036854775807"},
    {"9223372036854775808", "9223372036854775808"},
};

static void test_canonical(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(canonical_forms); i++) {
        AUTO(text) struct text t = {0};
        bool is_good = quantity_canonical(str_from(canonical_forms[i].written), &t);
        bool is_right = canonical_forms[i].canonical
                            ? is_good && strcmp(text_c(&t), canonical_forms[i].canonical) == 0
                            : !is_good;
        if (!is_right)
            fprintf(stderr, "\n  '%s': got '%s', expected '%s'\n", canonical_forms[i].written,
                    text_c(&t),
                    canonical_forms[i].canonical ? canonical_forms[i].canonical : "an error");
        CU_ASSERT(is_right);
        CU_ASSERT(is_good == (quantity_check(str_from(canonical_forms[i].written)) == NULL));
    }
}

static void test_integers(void)
{
    static const struct {
        const char *text;
        int64_t milli, value;
    } cases[] = {
        {"0", 0, 0},
        {"1", 1000, 1},
        {"1500m", 1500, 2},
        {"100m", 100, 1},
        {"0.1m", 1, 1},
        {"-100m", -100, -1},
        {"-1.5", -1500, -2},
        {"1Gi", INT64_C(1073741824000), 1073741824},
        {"64Mi", INT64_C(67108864000), 67108864},
        {"1Ei", INT64_MAX, INT64_C(1) << 60},
        {"1e30", INT64_MAX, INT64_MAX},
        {"-1e30", INT64_MIN, INT64_MIN},
        {"9223372036854775807", INT64_MAX, INT64_MAX},
        {"12345678901234567m", INT64_C(12345678901234567), INT64_C(12345678901235)},
        {"garbage", 0, 0},
        {"2k", 2000000, 2000},
        {"999999999999m", INT64_C(999999999999), INT64_C(1000000000)},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(value) struct value v = value_string(str_from(cases[i].text));
        if (quantity_milli(v) != cases[i].milli || quantity_value(v) != cases[i].value)
            fprintf(stderr, "\n  '%s': milli %" PRId64 " value %" PRId64 "\n", cases[i].text,
                    quantity_milli(v), quantity_value(v));
        CU_ASSERT(quantity_milli(v) == cases[i].milli);
        CU_ASSERT(quantity_value(v) == cases[i].value);
    }
    CU_ASSERT(quantity_milli(VALUE_ABSENT) == 0 && quantity_milli(value_integer(2)) == 2000);
    AUTO(value) struct value half = value_double(0.5);
    CU_ASSERT(quantity_milli(half) == 500);
}

static void test_arithmetic(void)
{
    static const struct {
        const char *a, *b, *sum, *difference;
        int order;
    } cases[] = {
        {"1", "1", "2", "0", 0},
        {"100m", "900m", "1", "-800m", -1},
        {"1Gi", "512Mi", "1536Mi", "512Mi", 1},
        {"0", "1Gi", "1Gi", "-1Gi", -1},
        {"1Gi", "1", "1073741825", "1073741823", 1},
        {"1Gi", "100m", "1073741824100m", "1073741823900m", 1},
        {"-1", "1", "0", "-2", -1},
        {"1000m", "1", "2", "0", 0},
        {"1k", "1Ki", "2024", "-24", -1},
        {"1Ki", "0", "1Ki", "1Ki", 1},
        {"9223372036854775807", "1", "9223372036854775808", "9223372036854775806", 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(value) struct value a = value_string(str_from(cases[i].a));
        AUTO(value) struct value b = value_string(str_from(cases[i].b));
        AUTO(value) struct value sum = quantity_sum(a, b);
        AUTO(value) struct value difference = quantity_difference(a, b);
        if (!value_is(sum, cases[i].sum) || !value_is(difference, cases[i].difference))
            fprintf(stderr, "\n  %s, %s: sum %.*s difference %.*s\n", cases[i].a, cases[i].b,
                    STR_ARG(value_str(sum)), STR_ARG(value_str(difference)));
        CU_ASSERT(value_is(sum, cases[i].sum));
        CU_ASSERT(value_is(difference, cases[i].difference));
        CU_ASSERT(quantity_compare(a, b) == cases[i].order &&
                  quantity_compare(b, a) == -cases[i].order);
    }
    AUTO(value) struct value a = quantity_of_milli(1500);
    AUTO(value) struct value b = quantity_of_binary(1073741824);
    AUTO(value) struct value c = quantity_of_binary(1000);
    CU_ASSERT(value_is(a, "1500m") && value_is(b, "1Gi") && value_is(c, "1k"));
}

static CU_TestInfo tests[] = {
    {"canonical forms", test_canonical},
    {"milli and whole units", test_integers},
    {"sums, differences, order", test_arithmetic},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"quantity", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
