/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a CEL expression, and as a schema of a definition: no crash, no leak; an expression
 * that compiles runs to an end.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/cel/cel.h"
#include "cluster/api/custom/prune.h"
#include "cluster/api/custom/structural.h"
#include "cluster/api/custom/validate.h"
#include "cluster/api/json.h"
#include "cluster/api/value_heap.h"

static const char *const seeds[] = {
    "self.min <= self.max && self.name.startsWith('a') ? self.tags.all(t, t.size() > 1) : false",
    "has(self.labels.app) || self.labels['tier'] in ['a', \"b\"] && !(1.5e3 < 0x1f)",
    "self.parts.map(p, p.size > 1, p.name).exists_one(n, n.matches('^[a-z]+$'))",
    "cel.bind(x, self.?name.orValue('z'), '%s %d'.format([x, 1])).split(',').join('-') == ''",
    "quantity('1Gi').isGreaterThan(quantity('1M')) || duration('1h') + duration('2m') > "
    "duration('3s')",
    "{\"type\":\"object\",\"required\":[\"spec\"],\"properties\":{\"spec\":{\"type\":\"object\","
    "\"x-kubernetes-preserve-unknown-fields\":true,\"properties\":{\"a\":{\"type\":\"array\","
    "\"items\":{\"type\":\"string\",\"pattern\":\"^a+$\",\"default\":\"a\"}},\"b\":{\"anyOf\":"
    "[{\"required\":[\"c\"]},{\"maxProperties\":2}],\"type\":\"object\"}},"
    "\"x-kubernetes-validations\":[{\"rule\":\"self.a.size() > 1\"}]}}}"};

static void run_expression(struct str source)
{
    AUTO(value)
    struct value schema = value_pack(
        "{type: object, properties: {min: {type: integer}, max: {type: integer}, name: {type: "
        "string}, tags: {type: array, items: {type: string}}, labels: {type: object, "
        "additionalProperties: {type: string}}, parts: {type: array, items: {type: object, "
        "properties: {name: {type: string}, size: {type: integer}}}}}}");
    AUTO(value)
    struct value self = value_pack("{min: 1, max: 2, name: ab, tags: [a, bc], labels: {app: x}, "
                                   "parts: [{name: p, size: 2}]}");
    AUTO(text) struct text why = {0};
    const struct cel_environment e = {.schema = schema, .is_resource = true};
    struct cel_program *p = cel_compile(source, &e, &why);
    CHECK((p == NULL) == (why.size > 0));
    if (!p)
        return;
    struct cel_result r;
    cel_evaluate(p, &(struct cel_bindings){.self = self}, &r);
    CHECK(r.has_failed == (r.error.size > 0));
    cel_result_release(&r);
    cel_free(p);
}

static void run_schema(struct str text)
{
    AUTO(value) struct value schema = VALUE_ABSENT;
    struct field_errors errors = {0};
    if (json_parse(text, NULL, &schema, NULL) != ERR_OK || value_kind(schema) != VALUE_OBJECT)
        return;
    structural_check(schema, NULL, &errors);
    schema_check(schema, NULL, &errors);
    AUTO(value) struct value object = schema_prune(schema, value_keep(schema), NULL);
    object = schema_default(schema, object);
    schema_validate(schema, object, VALUE_ABSENT, false, &errors);
    schema_validate_further(schema, object, VALUE_ABSENT, false, &errors);
    field_errors_release(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    uint64_t nodes = value_heap_stats().nodes;
    run_expression(s);
    run_schema(s);
    uint64_t after = value_heap_stats().nodes;
    static bool is_warm; /* templates of value_pack stay */
    CHECK(!is_warm || after == nodes);
    is_warm = true;
    return 0;
}

FUZZ_MAIN(seeds)
