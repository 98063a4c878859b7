/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a label selector and a field selector: no crash; a selector printed and read again
 * prints the same and matches the same labels.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/selector.h"
#include "cluster/api/value_heap.h"

static const char *const seeds[] = {"app=web,tier!=back,!canary", "a in (b,c),d notin (,e),f",
                                    "x>5,y<6,example.com/k==v",
                                    "metadata.name=web\\,1,status.phase!=Running"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    AUTO(value)
    struct value labels = value_pack("{app: web, a: b, f: \"\", x: \"7\", example.com/k: v}");
    uint64_t nodes = value_heap_stats().nodes;
    AUTO(text) struct text why = {0};
    struct label_selector *selector = label_selector_parse(s, &why);
    CHECK((selector == NULL) == (why.size > 0));
    AUTO(text) struct text first = {0};
    if (selector)
        label_selector_text(selector, &first);
    /* As in Kubernetes, a set of one empty text prints as "()", which does not read back. */
    if (selector && !str_contains(text_str(&first), S("()"))) {
        AUTO(text) struct text second = {0};
        struct label_selector *again = label_selector_parse(text_str(&first), NULL);
        CHECK(again);
        label_selector_text(again, &second);
        CHECK(str_equal(text_str(&first), text_str(&second)));
        CHECK(label_selector_matches(selector, labels) == label_selector_matches(again, labels));
        label_selector_free(again);
    }
    label_selector_free(selector);
    struct field_terms terms;
    text_clear(&why);
    if (field_terms_parse(s, &terms, &why) == ERR_OK)
        field_terms_release(&terms);
    else
        CHECK(why.size > 0);
    CHECK(value_heap_stats().nodes == nodes);
    return 0;
}

FUZZ_MAIN(seeds)
