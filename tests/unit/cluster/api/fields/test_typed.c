/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: walks along the schema see objects as server-side apply does: lists by their keys, atomic
 * things as one, fields that Go always writes.
 * Method: tables of objects of built-in kinds (and of none) with the sets and objects expected.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

#include "cluster/api/fields/typed.h"
#include "cluster/api/value_heap.h"
#include "tests/unit/cluster/api/fields/fixture.h"

static struct fields_type type_of(const char *kind)
{
    if (*kind == '\0')
        return fields_type_deduced();
    const struct resource *r = resource_find_kind(S("v1"), str_from(kind));
    if (!r)
        r = resource_find_kind(S("apps/v1"), str_from(kind));
    CHECK(r != NULL);
    return fields_type_of(r->type);
}

static const struct {
    const char *name, *kind, *old, *new, *added, *modified, *removed;
} comparisons[] = {
    {"nothing", "ConfigMap", "{'data':{'a':'1'}}", "{'data':{'a':'1'}}", "", "", ""},
    {"keys of a map", "ConfigMap", "{'data':{'a':'1','b':'2'}}", "{'data':{'a':'9','c':'3'}}",
     "{'f:data':{'f:c':{}}}", "{'f:data':{'f:a':{}}}", "{'f:data':{'f:b':{}}}"},
    {"a new map is itself and its keys", "ConfigMap", "{}", "{'data':{'a':'1'}}",
     "{'f:data':{'.':{},'f:a':{}}}", "", ""},
    {"an atomic struct is one", "Service", "{'spec':{'selector':{'a':'1'}}}",
     "{'spec':{'selector':{'a':'1','b':'2'}}}", "", "{'f:spec':{'f:selector':{}}}", ""},
    {"items by their keys, with defaults", "Service", "{'spec':{'ports':[{'port':80}]}}",
     "{'spec':{'ports':[{'port':80,'protocol':'TCP','name':'w'},{'port':443}]}}",
     "{'f:spec':{'f:ports':{'k:{\\'port\\':443,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:port':{},"
     "'f:targetPort':{}},'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'f:name':{},'f:protocol':{}}"
     "}"
     "}}",
     "", ""},
    {"their order does not count", "Pod", "{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}",
     "{'spec':{'containers':[{'name':'b'},{'name':'a','image':'x'}]}}",
     "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'a\\'}':{'f:image':{}}}}}", "", ""},
    {"an item changes where it stands", "Pod",
     "{'spec':{'containers':[{'name':'a','image':'x'},{'name':'b'}]}}",
     "{'spec':{'containers':[{'name':'a','image':'y'},{'name':'b'}]}}", "",
     "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'a\\'}':{'f:image':{}}}}}", ""},
    {"what comes twice is one leaf", "Pod",
     "{'spec':{'containers':[{'name':'c','env':[{'name':'A','value':'1'}]}]}}",
     "{'spec':{'containers':[{'name':'c','env':[{'name':'A','value':'1'},{'name':'A','value':"
     "'2'}]}]}}",
     "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'c\\'}':{'f:env':{'k:{\\'name\\':\\'A\\'}':{}}}}}"
     "}",
     "",
     "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'c\\'}':{'f:env':{'k:{\\'name\\':\\'A\\'}':{'.':"
     "{},'f:name':{},'f:value':{}}}}}}}"},
    {"a container has resources", "Pod", "{}", "{'spec':{'containers':[{'name':'a'}]}}",
     "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'a\\'}':{'.':{},'f:name':{},'f:resources':{}}}}}",
     "", ""},
    {"and {} is what it had", "Pod", "{'spec':{'containers':[{'name':'a'}]}}",
     "{'spec':{'containers':[{'name':'a','resources':{}}]}}", "", "", ""},
    {"a set", "Pod", "{'metadata':{'finalizers':['a','b']}}",
     "{'metadata':{'finalizers':['c','b']}}", "{'f:metadata':{'f:finalizers':{'v:\\'c\\'':{}}}}",
     "", "{'f:metadata':{'f:finalizers':{'v:\\'a\\'':{}}}}"},
    {"zero is left out", "Deployment", "{'status':{'replicas':1}}", "{'status':{'replicas':0}}", "",
     "", "{'f:status':{'f:replicas':{}}}"},
    {"without a schema lists are one", "", "{'a':{'l':[1],'x':1}}", "{'a':{'l':[1,2],'y':1}}",
     "{'f:a':{'f:y':{}}}", "{'f:a':{'f:l':{}}}", "{'f:a':{'f:x':{}}}"},
    {"a scalar becomes a map", "", "{'a':1}", "{'a':{'b':2}}", "{'f:a':{'f:b':{}}}", "{'f:a':{}}",
     ""},
};

static void test_comparisons(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(comparisons); i++) {
        AUTO(value) struct value old = literal(comparisons[i].old);
        AUTO(value) struct value new = literal(comparisons[i].new);
        struct fields_type t = type_of(comparisons[i].kind);
        struct fields_change c = fields_compare(t, old, new);
        CU_ASSERT(shows(comparisons[i].name, c.added, comparisons[i].added));
        CU_ASSERT(shows(comparisons[i].name, c.modified, comparisons[i].modified));
        CU_ASSERT(shows(comparisons[i].name, c.removed, comparisons[i].removed));
        fields_change_release(&c);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

/* More items than are held against each other one by one: the same result. */
static void test_many_items(void)
{
    AUTO(value) struct value few = value_array();
    AUTO(value) struct value many = value_array();
    for (int i = 0; i < 200; i++) {
        struct value item = value_pack("{name: %v, value: \"1\"}", value_printf("E%03d", i));
        few = value_append(few, value_keep(item));
        many =
            value_append(many, i == 77 ? value_set(item, ATOM_value, value_string(S("2"))) : item);
    }
    AUTO(value)
    struct value old = value_pack("{spec: {containers: [{name: c, env: %v}]}}", value_keep(few));
    AUTO(value)
    struct value new = value_pack("{spec: {containers: [{name: c, env: %v}]}}", value_keep(many));
    struct fields_change c = fields_compare(type_of("Pod"), old, new);
    CU_ASSERT(!value_is_present(c.added) && !value_is_present(c.removed));
    CU_ASSERT(shows("many", c.modified,
                    "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'c\\'}':{'f:env':{'k:{\\'name\\':"
                    "\\'E077\\'}':{'f:value':{}}}}}}}"));
    fields_change_release(&c);
}

static const struct {
    const char *kind, *object, *set;
} sets[] = {
    {"ConfigMap", "{'kind':'ConfigMap','data':{'a':'1'},'binaryData':{},'immutable':null}",
     "{'f:kind':{},'f:data':{'f:a':{}},'f:binaryData':{},'f:immutable':{}}"},
    {"Pod", "{'spec':{'containers':[{'name':'a','args':['x'],'ports':[{'containerPort':80}]}]}}",
     "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'a\\'}':{'.':{},'f:args':{},'f:name':{},'f:ports'"
     ":{'k:{\\'containerPort\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:containerPort':{}}}}}}}"},
    {"", "{'a':{'b':[{'c':1}],'d':{}}}", "{'f:a':{'.':{},'f:b':{},'f:d':{}}}"},
};

static void test_sets(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(sets); i++) {
        AUTO(value) struct value object = literal(sets[i].object);
        AUTO(value) struct value set = fields_of(type_of(sets[i].kind), object);
        CU_ASSERT(shows(sets[i].object, set, sets[i].set));
    }
}

static const struct {
    const char *name, *kind, *object, *patch, *merged;
} merges[] = {
    {"leaves", "ConfigMap", "{'data':{'a':'1','b':'2'}}", "{'data':{'a':'9'}}",
     "{'data':{'a':'9','b':'2'}}"},
    {"{} takes nothing away", "ConfigMap", "{'data':{'a':'1'}}", "{'data':{}}",
     "{'data':{'a':'1'}}"},
    {"null neither", "ConfigMap", "{'data':{'a':'1'}}", "{'data':null}", "{'data':{'a':'1'}}"},
    {"an atomic map is replaced", "Service", "{'spec':{'selector':{'a':'1'}}}",
     "{'spec':{'selector':{'b':'2'}}}", "{'spec':{'selector':{'b':'2'}}}"},
    {"items merge by key", "Service",
     "{'spec':{'ports':[{'port':80,'protocol':'TCP','nodePort':30000},{'port':81}]}}",
     "{'spec':{'ports':[{'port':80,'name':'w'}]}}",
     "{'spec':{'ports':[{'port':80,'protocol':'TCP','nodePort':30000,'name':'w'},{'port':81}]}}"},
    {"in the order of the patch", "Pod",
     "{'spec':{'containers':[{'name':'a'},{'name':'x'},{'name':'b'},{'name':'y'}]}}",
     "{'spec':{'containers':[{'name':'b'},{'name':'n'},{'name':'a'}]}}",
     "{'spec':{'containers':[{'name':'x'},{'name':'b'},{'name':'y'},{'name':'n'},{'name':'a'}]}}"},
    {"sets unite", "Pod", "{'metadata':{'finalizers':['a']}}", "{'metadata':{'finalizers':['b']}}",
     "{'metadata':{'finalizers':['a','b']}}"},
    {"plain lists are replaced", "Pod", "{'spec':{'containers':[{'name':'a','args':['x']}]}}",
     "{'spec':{'containers':[{'name':'a','args':['y','z']}]}}",
     "{'spec':{'containers':[{'name':'a','args':['y','z']}]}}"},
    {"another kind of value wins", "", "{'a':{'b':1}}", "{'a':3}", "{'a':3}"},
};

static void test_merges(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(merges); i++) {
        AUTO(value) struct value object = literal(merges[i].object);
        AUTO(value) struct value patch = literal(merges[i].patch);
        struct fields_type t = type_of(merges[i].kind);
        AUTO(value) struct value merged = fields_merge(t, object, patch);
        CU_ASSERT(shows(merges[i].name, merged, merges[i].merged));
        AUTO(value) struct value again = fields_merge(t, merged, patch);
        CU_ASSERT(value_equal(again, merged));
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static const struct {
    const char *kind, *object, *set, *rest;
} removals[] = {
    {"ConfigMap", "{'data':{'a':'1','b':'2'}}", "{'f:data':{'f:a':{}}}", "{'data':{'b':'2'}}"},
    {"ConfigMap", "{'data':{'a':'1'},'kind':'x'}", "{'f:data':{'f:a':{}}}",
     "{'data':null,'kind':'x'}"},
    {"Pod", "{'spec':{'containers':[{'name':'a','image':'x'},{'name':'b'}]}}",
     "{'f:spec':{'f:containers':{'k:{\\'name\\':\\'a\\'}':{'f:image':{}},'k:{\\'name\\':\\'b\\'}':{"
     "}}}}",
     "{'spec':{'containers':[{'name':'a'}]}}"},
    {"Service", "{'spec':{'selector':{'a':'1'},'type':'x'}}",
     "{'f:spec':{'f:selector':{'f:a':{}}}}", "{'spec':{'selector':null,'type':'x'}}"},
};

static void test_removals(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(removals); i++) {
        AUTO(value) struct value object = literal(removals[i].object);
        AUTO(value) struct value set = literal(removals[i].set);
        AUTO(value) struct value rest = fields_remove(type_of(removals[i].kind), object, set);
        CU_ASSERT(shows(removals[i].object, rest, removals[i].rest));
    }
}

static const struct {
    const char *kind, *object, *why; /* "": it is of its type */
} validations[] = {
    {"ConfigMap", "{'data':{'a':'1'}}", ""},
    {"ConfigMap", "{'data':{'a':1}}",
     ".data.a: expected string, got &value.valueUnstructured{Value:1}"},
    {"ConfigMap", "{'immutable':'x'}", ".immutable: expected boolean, got &{x}"},
    {"ConfigMap", "{'data':['x']}", ".data: expected map, got &{[x]}"},
    {"ConfigMap", "{'nosuch':1}", ".nosuch: field not declared in schema"},
    {"Deployment", "{'spec':{'replicas':'3'}}",
     ".spec.replicas: expected numeric (int or float), got string"},
    {"Pod", "{'spec':{'containers':{'name':'a'}}}",
     ".spec.containers: expected list, got &{map[name:a]}"},
    {"Pod", "{'spec':{'containers':[{'name':'a'},{'name':'a'}]}}",
     ".spec.containers: duplicate entries for key [name=\"a\"]"},
    {"Pod", "{'spec':{'containers':[{'image':'a'}]}}",
     ".spec.containers: element 0: associative list with keys has an element that omits all key "
     "fields [\"name\"] (and doesn't have default values for any key fields)"},
    {"Pod", "{'spec':{'containers':[{'name':'a','image':1,'tty':3}]}}",
     "errors:\n  .spec.containers[name=\"a\"].image: expected string, got "
     "&value.valueUnstructured{Value:1}\n  .spec.containers[name=\"a\"].tty: expected boolean, got "
     "&{3}"},
    {"Pod", "{'spec':{'containers':[{'name':'a','args':[1]}]}}",
     ".spec.containers[name=\"a\"].args[0]: expected string, got "
     "&value.valueUnstructured{Value:1}"},
};

static void test_validations(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(validations); i++) {
        AUTO(value) struct value object = literal(validations[i].object);
        AUTO(text) struct text why = {0};
        bool is_valid = fields_validate(type_of(validations[i].kind), object, false, &why);
        CU_ASSERT(is_valid == (validations[i].why[0] == '\0'));
        CU_ASSERT_STRING_EQUAL(text_c(&why), validations[i].why);
        if (strcmp(text_c(&why), validations[i].why) != 0)
            fprintf(stderr, "\n  got    %s\n  wanted %s\n", text_c(&why), validations[i].why);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("typed walks", NULL, NULL);
    CU_add_test(s, "comparisons", test_comparisons);
    CU_add_test(s, "many items", test_many_items);
    CU_add_test(s, "sets", test_sets);
    CU_add_test(s, "merges", test_merges);
    CU_add_test(s, "removals", test_removals);
    CU_add_test(s, "validations", test_validations);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
