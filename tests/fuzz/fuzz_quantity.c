/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a quantity: the canonical form is a quantity, equal to what was written, and its own
 * canonical form; adding and subtracting it gives the number back.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/quantity.h"

static const char *const seeds[] = {
    "1500m", "1.5Gi", "-12e6",    "0.000000001", "9223372036854775807",
    "8Ei",   "1e-9",  "+05.500k", "100E"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    AUTO(text) struct text canonical = {0};
    if (!quantity_canonical(s, &canonical)) {
        CHECK(quantity_check(s) != NULL);
        return 0;
    }
    AUTO(text) struct text again = {0};
    CHECK(quantity_canonical(text_str(&canonical), &again));
    CHECK(str_equal(text_str(&canonical), text_str(&again)));
    AUTO(value) struct value a = value_string(str_trim(s));
    AUTO(value) struct value b = value_string(text_str(&canonical));
    AUTO(value) struct value one = value_string(S("1234567890123n"));
    CHECK(quantity_compare(a, b) == 0 && quantity_milli(a) == quantity_milli(b) &&
          quantity_value(a) == quantity_value(b));
    AUTO(value) struct value sum = quantity_sum(a, one);
    AUTO(value) struct value back = quantity_difference(sum, one);
    /* Near the largest number sums stop. */
    if (canonical.size < 90)
        CHECK(quantity_compare(back, a) == 0 && quantity_compare(sum, a) > 0);
    return 0;
}

FUZZ_MAIN(seeds)
