/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: strategic merge patches follow the schema's patch strategies, merge keys and directives.
 * Method: a table of objects, patches and results; what a patch does not touch stays the same word.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/json.h"
#include "cluster/api/strategic.h"
#include "cluster/api/value_heap.h"

static const struct {
    const char *name;
    enum resource_known resource;
    const char *before, *patch, *after; /* no result: the message */
} cases[] = {
    {"a list is a map by its key", RESOURCE_pods,
     "{spec: {containers: [{name: a, image: x, args: [\"1\"]}, {name: b, image: y}]}}",
     "{spec: {containers: [{name: b, image: z}, {name: c, image: w}]}}",
     "{spec: {containers: [{name: a, image: x, args: [\"1\"]}, {name: b, image: z}, {name: c, "
     "image: w}]}}"},
    {"an item is deleted", RESOURCE_pods, "{spec: {containers: [{name: a}, {name: b}]}}",
     "{spec: {containers: [{name: a, $patch: delete}]}}", "{spec: {containers: [{name: b}]}}"},
    {"a list is replaced", RESOURCE_pods, "{spec: {containers: [{name: a}, {name: b}]}}",
     "{spec: {containers: [{$patch: replace}, {name: z, image: i}]}}",
     "{spec: {containers: [{name: z, image: i}]}}"},
    {"plain lists are replaced", RESOURCE_pods, "{spec: {containers: [{name: a, args: [x, y]}]}}",
     "{spec: {containers: [{name: a, args: [z]}]}}",
     "{spec: {containers: [{name: a, args: [z]}]}}"},
    {"sets are united", RESOURCE_pods, "{metadata: {finalizers: [a, b]}}",
     "{metadata: {finalizers: [b, c]}}", "{metadata: {finalizers: [a, b, c]}}"},
    {"items of sets are removed", RESOURCE_pods, "{metadata: {finalizers: [a, b]}}",
     "{metadata: {\"$deleteFromPrimitiveList/finalizers\": [a]}}", "{metadata: {finalizers: [b]}}"},
    {"null removes", RESOURCE_configmaps, "{data: {a: \"1\", b: \"2\"}}",
     "{data: {a: null, c: \"3\"}}", "{data: {b: \"2\", c: \"3\"}}"},
    {"a struct is replaced", RESOURCE_deployments,
     "{spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}}",
     "{spec: {strategy: {$patch: replace, type: Recreate}}}",
     "{spec: {strategy: {type: Recreate}}}"},
    {"keys are retained", RESOURCE_deployments,
     "{spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}}",
     "{spec: {strategy: {$retainKeys: [type], type: Recreate}}}",
     "{spec: {strategy: {type: Recreate}}}"},
    {"the order is the patch's, the server's own items keep their place", RESOURCE_pods,
     "{spec: {containers: [{name: a}, {name: s}, {name: b}, {name: t}]}}",
     "{spec: {\"$setElementOrder/containers\": [{name: b}, {name: a}, {name: n}], containers: "
     "[{name: n}]}}",
     "{spec: {containers: [{name: s}, {name: b}, {name: a}, {name: n}, {name: t}]}}"},
    {"conditions merge by type", RESOURCE_nodes,
     "{status: {conditions: [{type: Ready, status: \"True\"}, {type: DiskPressure, status: "
     "\"False\"}]}}",
     "{status: {conditions: [{type: Ready, status: Unknown}]}}",
     "{status: {conditions: [{type: Ready, status: Unknown}, {type: DiskPressure, status: "
     "\"False\"}]}}"},
    {"ports merge by containerPort", RESOURCE_pods,
     "{spec: {containers: [{name: a, ports: [{containerPort: 80, name: x}]}]}}",
     "{spec: {containers: [{name: a, ports: [{containerPort: 80, name: y}]}]}}",
     "{spec: {containers: [{name: a, ports: [{containerPort: 80, name: y}]}]}}"},
    {"a merge key is asked for", RESOURCE_pods, "{spec: {containers: [{name: a}]}}",
     "{spec: {containers: [{image: z}]}}",
     "map: map[image:z] does not contain declared merge key: name"},
};

static void test_patches(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct resource *r = resource_get(cases[i].resource);
        AUTO(text) struct text error = {0}, got = {0}, wanted = {0};
        AUTO(value) struct value patch = value_pack(cases[i].patch);
        struct value result = strategic_merge(r->type, value_pack(cases[i].before), patch, &error);
        if (cases[i].after[0] == '{') {
            AUTO(value) struct value after = value_pack(cases[i].after);
            json_write(result, &got);
            json_write(after, &wanted);
        } else {
            CU_ASSERT(!value_is_present(result));
            text_add(&got, text_str(&error));
            text_add(&wanted, str_from(cases[i].after));
        }
        bool is_same = str_equal(text_str(&got), text_str(&wanted));
        if (!is_same)
            fprintf(stderr, "\n  %s:\n   got    %s\n   wanted %s\n", cases[i].name, text_c(&got),
                    text_c(&wanted));
        CU_ASSERT(is_same);
        value_drop(result);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_sharing(void)
{
    const struct resource *r = resource_get(RESOURCE_pods);
    AUTO(text) struct text error = {0};
    AUTO(value) struct value pod = value_pack(
        "{metadata: {name: p}, spec: {containers: [{name: a}]}, status: {phase: Pending}}");
    AUTO(value) struct value patch = value_pack("{status: {phase: Running}}");
    AUTO(value) struct value next = strategic_merge(r->type, value_keep(pod), patch, &error);
    CU_ASSERT(VALUE_IS(next, "Running", status, phase));
    CU_ASSERT(VALUE_IS(pod, "Pending", status, phase));
    CU_ASSERT(value_is_same(value_get(next, ATOM_spec), value_get(pod, ATOM_spec)));
    AUTO(value) struct value same = value_pack("{status: {phase: Running}}");
    AUTO(value) struct value again = strategic_merge(r->type, value_keep(next), same, &error);
    CU_ASSERT(value_is_same(again, next));
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("strategic", NULL, NULL);
    CU_add_test(s, "patches", test_patches);
    CU_add_test(s, "sharing", test_sharing);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
