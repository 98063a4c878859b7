/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as YAML: no crash, no leak; each document written and read again is equal; each JSON
 * text is YAML too.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/json.h"
#include "cluster/api/value_heap.h"
#include "cluster/api/yaml.h"

static const char *const seeds[] = {
    ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {app: web, tier: 'x'}\nspec:\n  "
    "containers:\n  - name: a\n    args: [\"-c\", yes, 0777]\n"),
    "a: &x {b: 1}\nc:\n  <<: *x\n  d: *x\n---\n- |\n  text\n  more\n- >-\n  folded\n  text\n",
    "- 0x1f\n- .5\n- 1e3\n- ~\n- 2026-11-23T10:00:00Z\n- 10:30\n- !!str 5\n- ''\n",
    "{\"a\": [1, \"b\", {\"c\": null}]}",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct yaml_stream s = {0};
    struct errmsg message;
    if (yaml_parse((struct str){(const char *)data, size}, NULL, &s, &message) == ERR_OK) {
        for (size_t i = 0; i < s.count; i++) {
            AUTO(text) struct text t = {0};
            size_t line, column;
            struct value again = VALUE_ABSENT;
            yaml_write(s.items[i].value, &t);
            CHECK(yaml_parse_one(text_str(&t), &again, &message) == ERR_OK);
            AUTO(text) struct text a = {0};
            AUTO(text) struct text b = {0};
            json_write(s.items[i].value, &a);
            json_write(again, &b);
            CHECK(str_contains(text_str(&a), S("-0")) || str_equal(text_str(&a), text_str(&b)));
            CHECK(yaml_place(&s.items[i], S(""), &line, &column) && line == s.items[i].line);
            value_drop(again);
        }
        yaml_stream_release(&s);
    }
    CHECK(value_heap_stats().nodes == nodes);
    return 0;
}

FUZZ_MAIN(seeds)
