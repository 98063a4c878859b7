/* SPDX-License-Identifier: Apache-2.0
 *
 * Custom kinds: which definitions are refused and how, what is pruned and defaulted, what a schema
 * refuses, the columns of tables, the order of versions, patterns with Go's verdicts.
 *
 * The messages are those of the API server (apiextensions-apiserver and kube-openapi).
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/custom/columns.h"
#include "cluster/api/custom/object.h"
#include "cluster/api/custom/openapi.h"
#include "cluster/api/custom/pattern.h"
#include "cluster/api/custom/prune.h"
#include "cluster/api/custom/slides.h"
#include "cluster/api/custom/validate.h"
#include "cluster/api/defaults.h"
#include "cluster/api/json.h"
#include "cluster/api/validate.h"

static void errors_text(struct field_errors *errors, struct text *out)
{
    for (size_t i = 0; i < errors->count; i++)
        text_printf(out, "%s%s: %s", i > 0 ? "|" : "", text_c(&errors->items[i].path),
                    text_c(&errors->items[i].body));
    field_errors_release(errors);
}

/* `want` has to stand in what was said; NULL: nothing is to be said. */
static void expect(const char *of, const struct text *got, const char *want)
{
    bool is_right = want ? str_contains(text_str(got), str_from(want)) : got->size == 0;
    CU_ASSERT(is_right);
    if (!is_right)
        printf("\n  %s\n  want %s\n  got  %s\n", of, want ? want : "nothing", text_c(got));
}

static void expect_json(const char *of, struct value v, const char *want)
{
    AUTO(text) struct text got = {0};
    AUTO(value) struct value w = value_pack(want);
    AUTO(text) struct text wanted = {0};
    json_write(v, &got);
    json_write(w, &wanted);
    CU_ASSERT_STRING_EQUAL(text_c(&got), text_c(&wanted));
    if (!str_equal(text_str(&got), text_str(&wanted)))
        printf("\n  %s\n  want %s\n  got  %s\n", of, text_c(&wanted), text_c(&got));
}

/* ---- definitions ---- */

static struct value definition_with(struct value own_schema)
{
    struct value d = value_pack(
        "{apiVersion: \"apiextensions.k8s.io/v1\", kind: CustomResourceDefinition, metadata: "
        "{name: \"widgets.example.com\", uid: u1, resourceVersion: \"1\"}, spec: {group: "
        "\"example.com\", scope: Namespaced, names: {plural: widgets, kind: Widget}, versions: "
        "[{name: v1, served: true, storage: true, schema: {openAPIV3Schema: %v}}]}}",
        own_schema);
    return default_object(resource_get(RESOURCE_customresourcedefinitions), d, VALUE_ABSENT);
}

static void definition_errors(struct value d, struct text *out)
{
    struct field_errors errors = {0};
    validate_create(resource_get(RESOURCE_customresourcedefinitions), d, &errors);
    errors_text(&errors, out);
}

#define PARTS "spec.validation.openAPIV3Schema.properties"
static const struct {
    const char *schema, *error;
} schema_cases[] = {
    {"{type: object}", NULL},
    {"{type: object, properties: {spec: {type: object, properties: {a: {type: string}}}}}", NULL},
    {"{}", "spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root"},
    {"{type: array}",
     "spec.validation.openAPIV3Schema.type: Invalid value: \"array\": must be object at the root"},
    {"{type: object, properties: {a: {}}}",
     PARTS "[a].type: Required value: must not be empty for specified object fields"},
    {"{type: object, properties: {a: {type: array}}}",
     PARTS "[a].items: Required value: must be specified"},
    {"{type: object, properties: {a: {type: array, items: {}}}}",
     PARTS "[a].items.type: Required value: must not be empty for specified array items"},
    {"{type: object, properties: {a: {type: strong}}}",
     PARTS "[a].type: Unsupported value: \"strong\": supported values: \"array\", \"boolean\", "
           "\"integer\", \"number\", \"object\", \"string\""},
    {"{type: object, properties: {a: {\"x-kubernetes-int-or-string\": true}}}", NULL},
    {"{type: object, properties: {a: {\"x-kubernetes-preserve-unknown-fields\": true}}}", NULL},
    {"{type: object, properties: {a: {type: object, properties: {b: {type: string}}, "
     "additionalProperties: {type: string}}}}",
     "additionalProperties and properties are mutual exclusive"},
    {"{type: object, properties: {a: {type: object, additionalProperties: false}}}", NULL},
    {"{type: object, properties: {a: {type: array, items: {type: string}, uniqueItems: true}}}",
     PARTS "[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime "
           "complexity becomes quadratic"},
    {"{type: object, properties: {a: {type: string, anyOf: [{type: string}]}}}",
     PARTS "[a].anyOf[0].type: Forbidden: must be empty to be structural"},
    {"{type: object, properties: {a: {type: string, not: {minLength: 1}}}}", NULL},
    {"{type: object, properties: {a: {type: object}}, anyOf: [{properties: {a: {properties: {c: "
     "{minLength: 2}}}}}]}",
     PARTS "[a].properties[c]: Required value: because it is defined in spec.validation."
           "openAPIV3Schema.anyOf[0].properties[a].properties[c]"},
    {"{type: object, properties: {metadata: {type: object, properties: {labels: {type: object}}}}}",
     "must not specify anything other than name and generateName, but metadata is implicitly "
     "specified"},
    {"{type: object, properties: {metadata: {type: object, properties: {name: {type: string, "
     "pattern: \"^a\"}}}}}",
     NULL},
    {"{type: object, properties: {a: {type: array, \"x-kubernetes-list-type\": map, items: {type: "
     "object, properties: {b: {type: string}}}}}}",
     PARTS "[a].x-kubernetes-list-map-keys: Required value: must not be empty if "
           "x-kubernetes-list-type is map"},
    {"{type: object, properties: {a: {type: array, \"x-kubernetes-list-type\": map, "
     "\"x-kubernetes-list-map-keys\": [c], items: {type: object, properties: {b: {type: "
     "string}}}}}}",
     "entries must all be names of item properties"},
    {"{type: object, properties: {a: {type: array, \"x-kubernetes-list-type\": map, "
     "\"x-kubernetes-list-map-keys\": [b], items: {type: object, properties: {b: {type: "
     "string}}}}}}",
     "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required "
     "property"},
    {"{type: object, properties: {a: {type: array, \"x-kubernetes-list-type\": bag, items: {type: "
     "string}}}}",
     PARTS "[a].x-kubernetes-list-type: Unsupported value: \"bag\": supported values: \"atomic\", "
           "\"set\", \"map\""},
    {"{type: object, properties: {a: {type: object, \"x-kubernetes-map-type\": odd}}}",
     "Unsupported value: \"odd\": supported values: \"atomic\", \"granular\""},
    {"{type: object, properties: {a: {type: string, default: 5}}}", PARTS "[a].default: Invalid"},
    {"{type: object, properties: {a: {type: object, default: {b: x, c: y}, properties: {b: {type: "
     "string}}}}}",
     PARTS "[a].default: Invalid value"},
    {"{type: object, properties: {a: {type: string, default: x}}}", NULL},
    {"{type: object, properties: {a: {type: string, pattern: \"(\"}}}",
     "error parsing regexp: missing closing ): `(`"},
    {"{type: object, properties: {a: {type: string, \"$ref\": \"#/b\"}}}",
     PARTS "[a].$ref: Forbidden: $ref is not supported"},
    {"{type: object, properties: {a: {type: object, \"x-kubernetes-embedded-resource\": true}}}",
     "must not be empty if x-kubernetes-embedded-resource is true without "
     "x-kubernetes-preserve-unknown-fields"},
};
static void test_schemas(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(schema_cases); i++) {
        AUTO(value) struct value d = definition_with(value_pack(schema_cases[i].schema));
        AUTO(text) struct text got = {0};

        definition_errors(d, &got);

        expect(schema_cases[i].schema, &got, schema_cases[i].error);
    }
}

/* What is put over a good definition. */
static const struct {
    const char *change, *error;
} definition_cases[] = {
    {"{}", NULL},
    {"{metadata: {name: \"x.example.com\"}}",
     "metadata.name: Invalid value: \"x.example.com\": must be spec.names.plural+\".\"+spec.group"},
    {"{spec: {group: example}, metadata: {name: \"widgets.example\"}}",
     "spec.group: Invalid value: \"example\": should be a domain with at least one dot"},
    {"{spec: {scope: Nowhere}}",
     "spec.scope: Unsupported value: \"Nowhere\": supported values: \"Cluster\", \"Namespaced\""},
    {"{spec: {names: {kind: WidgetList, listKind: WidgetList}}}",
     "spec.names.listKind: Invalid value: \"WidgetList\": kind and listKind may not be the same"},
    {"{spec: {preserveUnknownFields: true}}",
     "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-"
     "preserve-unknown-fields to true in spec.versions[*].schema instead"},
    {"{spec: {versions: [{name: v1, served: true, storage: false, schema: {openAPIV3Schema: {type: "
     "object}}}]}}",
     "spec.versions: Invalid value: [{\"Name\":\"v1\",\"Served\":true,\"Storage\":false,"
     "\"Deprecated\":false,\"DeprecationWarning\":null,\"Schema\":null,\"Subresources\":null,"
     "\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}]: must have exactly one version "
     "marked as storage version"},
    {"{spec: {versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: "
     "object}}}, {name: v1, served: true, storage: false, schema: {openAPIV3Schema: {type: "
     "object}}}]}}",
     "must contain unique version names"},
    {"{spec: {versions: [{name: v1, served: true, storage: true}]}}",
     "spec.versions[0].schema.openAPIV3Schema: Required value"},
    {"{spec: {versions: [{name: V1, served: true, storage: true, schema: {openAPIV3Schema: {type: "
     "object}}}]}}",
     "spec.versions[0].name: Invalid value: \"V1\""},
    {"{spec: {versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: "
     "object}}, subresources: {scale: {specReplicasPath: \".status.n\", statusReplicasPath: "
     "\".status.n\"}}}]}}",
     "spec.subresources.scale.specReplicasPath: Invalid value: \".status.n\": should be a json "
     "path under .spec"},
    {"{spec: {versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: "
     "object}}, additionalPrinterColumns: [{name: A, type: text, jsonPath: \".a\"}]}]}}",
     "spec.additionalPrinterColumns[0].type: Invalid value: \"text\": must be one of "
     "boolean,date,integer,number,string"},
    {"{spec: {versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: "
     "object}}, additionalPrinterColumns: [{name: A, type: string, jsonPath: \"a\"}]}]}}",
     "spec.additionalPrinterColumns[0].JSONPath: Invalid value: \"a\": must be a simple json path "
     "starting with ."},
    {"{spec: {conversion: {strategy: Webhook}}}", "spec.conversion.webhookClientConfig: Required"},
    {"{spec: {conversion: {strategy: Magic}}}",
     "spec.conversion.strategy: Unsupported value: \"Magic\": supported values: \"None\", "
     "\"Webhook\""},
};
static struct value merge(struct value own_base, struct value change)
{
    if (value_kind(change) != VALUE_OBJECT) {
        value_drop(own_base);
        return value_keep(change);
    }
    for (size_t i = 0; i < value_count(change); i++) {
        struct str key = value_key_at(change, i);
        struct value part = value_keep(value_get_key(own_base, key));
        own_base = value_set_key(own_base, key, merge(part, value_member_at(change, i)));
    }
    return own_base;
}
static void test_definitions(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(definition_cases); i++) {
        AUTO(value) struct value change = value_pack(definition_cases[i].change);
        AUTO(value)
        struct value d = merge(definition_with(value_pack("{type: object}")), change);
        AUTO(text) struct text got = {0};

        definition_errors(d, &got);

        expect(definition_cases[i].change, &got, definition_cases[i].error);
    }
}

static void test_defaults_of_definitions(void)
{
    AUTO(value) struct value d = definition_with(value_pack("{type: object}"));

    expect_json("names", VALUE_GET(d, spec, names),
                "{plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}");
    expect_json("conversion", VALUE_GET(d, spec, conversion), "{strategy: None}");
}

static void test_slides(void)
{
    size_t count = definitions_count(S("slides"));
    CU_ASSERT_EQUAL(count, 11);
    CU_ASSERT_EQUAL(definitions_count(S("none")), 0);
    for (size_t i = 0; i < count; i++) {
        AUTO(value)
        struct value d = default_object(resource_get(RESOURCE_customresourcedefinitions),
                                        definitions_at(S("slides"), i), VALUE_ABSENT);
        AUTO(text) struct text got = {0};
        d = VALUE_SET(d, value_string(S("u")), metadata, uid);

        definition_errors(d, &got);

        expect(value_str(VALUE_GET(d, metadata, name)).bytes, &got, NULL);
    }
}

/* ---- objects ---- */

static const char widget_schema[] =
    "{type: object, required: [spec], properties: {spec: {type: object, required: [size], "
    "properties: {size: {type: integer, minimum: 1, maximum: 10}, color: {type: string, enum: "
    "[red, blue], default: red}, name: {type: string, pattern: \"^[a-z]+$\", maxLength: 5}, "
    "tags: {type: array, \"x-kubernetes-list-type\": set, maxItems: 3, items: {type: string}}, "
    "ports: {type: array, \"x-kubernetes-list-type\": map, \"x-kubernetes-list-map-keys\": "
    "[port, protocol], items: {type: object, required: [port], properties: {port: {type: "
    "integer}, protocol: {type: string, default: TCP}}}}, "
    "ratio: {type: number, multipleOf: 2}, maybe: {type: string, nullable: true}, "
    "never: {type: string}, any: {type: object, \"x-kubernetes-preserve-unknown-fields\": true, "
    "properties: {in: {type: object, properties: {a: {type: string}}}}}, "
    "port: {\"x-kubernetes-int-or-string\": true}, labels: {type: object, additionalProperties: "
    "{type: string}}, at: {type: string, format: \"date-time\"}, "
    "part: {type: object, \"x-kubernetes-embedded-resource\": true, "
    "\"x-kubernetes-preserve-unknown-fields\": true}, "
    "one: {type: object, properties: {x: {type: integer}, y: {type: integer}}, "
    "oneOf: [{required: [x]}, {required: [y]}]}}}, status: {type: object, properties: {phase: "
    "{type: string, enum: [Up, Down]}, left: {type: "
    "integer, maximum: 3}}}}}";

static const struct custom_kind *widget_new(struct custom_definition **ret_definition)
{
    AUTO(value) struct value d = definition_with(value_pack(widget_schema));
    d = VALUE_SET(d,
                  value_pack("{conditions: [{type: NamesAccepted, status: \"True\"}, {type: "
                             "Established, status: \"True\"}]}"),
                  status);
    *ret_definition = custom_definition_new(d);
    const struct custom_kind *k = custom_definition_version(*ret_definition, S("v1"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    CU_ASSERT(custom_kind_is_served(k));
    return k;
}

static struct value widget_with(struct value own_spec)
{
    return value_pack("{apiVersion: \"example.com/v1\", kind: Widget, metadata: {name: w, "
                      "namespace: default}, spec: %v}",
                      own_spec);
}

static const struct {
    const char *spec, *pruned; /* as it is stored */
} decode_cases[] = {
    {"{size: 1}", "{size: 1, color: red}"},
    {"{size: 1, color: blue, extra: 1}", "{size: 1, color: blue}"},
    {"{size: 1, ports: [{port: 80, x: 1}]}",
     "{size: 1, color: red, ports: [{port: 80, protocol: TCP}]}"},
    {"{size: 1, any: {what: {ever: [1]}, in: {a: b, c: d}}}",
     "{size: 1, color: red, any: {what: {ever: [1]}, in: {a: b}}}"},
    {"{size: 1, labels: {a: b}, port: http}", "{size: 1, color: red, labels: {a: b}, port: http}"},
    {"{size: 1, color: null, maybe: null}", "{size: 1, color: red, maybe: null}"},
    {"{size: 1, part: {apiVersion: v1, kind: Pod, metadata: {name: p, odd: 1}, spec: {a: 1}}}",
     "{size: 1, color: red, part: {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {a: "
     "1}}}"},
};
static void test_pruning_and_defaults(void)
{
    struct custom_definition *d;
    const struct custom_kind *k = widget_new(&d);
    for (size_t i = 0; i < ARRAY_COUNT(decode_cases); i++) {
        const struct decode_options options = {.validation = FIELD_VALIDATION_IGNORE};
        struct value status = VALUE_ABSENT;

        AUTO(value)
        struct value o = custom_decode(k, widget_with(value_pack(decode_cases[i].spec)), &options,
                                       &status, NULL);

        CU_ASSERT_FATAL(value_is_present(o));
        expect_json(decode_cases[i].spec, VALUE_GET(o, spec), decode_cases[i].pruned);
    }
    custom_definition_unref(d);
}

static void test_unknown_fields(void)
{
    struct custom_definition *d;
    const struct custom_kind *k = widget_new(&d);
    const struct decode_options options = {.validation = FIELD_VALIDATION_STRICT};
    struct value status = VALUE_ABSENT;
    AUTO(text) struct text got = {0};

    AUTO(value)
    struct value o =
        custom_decode(k,
                      widget_with(value_pack(
                          "{size: 1, b: 1, ports: [{port: 1, z: 1}], part: {metadata: {q: 1}}}")),
                      &options, &status, NULL);

    CU_ASSERT_FALSE(value_is_present(o));
    text_add(&got, VALUE_STR(status, message));
    expect("strict", &got,
           "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown "
           "field \"spec.b\", unknown field \"spec.ports[0].z\", unknown field "
           "\"spec.part.metadata.q\"");
    value_drop(status);
    custom_definition_unref(d);
}

static const struct {
    const char *spec, *error;
} object_cases[] = {
    {"{size: 1}", NULL},
    {"{}", "spec.size: Required value"},
    {"{size: 0}",
     "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"},
    {"{size: 11}",
     "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"},
    {"{size: x}",
     "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\""},
    {"{size: 1, color: green}",
     "spec.color: Unsupported value: \"green\": supported values: \"red\", \"blue\""},
    {"{size: 1, name: \"A1\"}",
     "spec.name: Invalid value: \"A1\": spec.name in body should match '^[a-z]+$'"},
    {"{size: 1, name: abcdef}", "spec.name: Too long: may not be more than 5 bytes"},
    {"{size: 1, tags: [a, b, a]}", "spec.tags[2]: Duplicate value: \"a\""},
    {"{size: 1, tags: [a, b, c, d]}", "spec.tags: Too many: 4: must have at most 3 items"},
    {"{size: 1, ports: [{port: 1, protocol: TCP}, {port: 1, protocol: TCP}]}",
     "spec.ports[1]: Duplicate value: {\"port\":1,\"protocol\":\"TCP\"}"},
    {"{size: 1, ports: [{port: 1, protocol: TCP}, {port: 1, protocol: UDP}]}", NULL},
    {"{size: 1, ratio: 3}",
     "spec.ratio: Invalid value: 3: spec.ratio in body should be a multiple of 2"},
    {"{size: 1, maybe: null}", NULL},
    {"{size: 1, never: null}",
     "spec.never: Invalid value: \"null\": spec.never in body must be of type string: \"null\""},
    {"{size: 1, port: 80}", NULL},
    {"{size: 1, port: true}",
     "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: "
     "\"boolean\""},
    {"{size: 1, at: today}", "spec.at: Invalid value: \"today\": spec.at in body must be of type "
                             "date-time: \"today\""},
    {"{size: 1, labels: {a: 1}}",
     "spec.labels.a: Invalid value: \"integer\": spec.labels.a in body "
     "must be of type string: \"integer\""},
    {"{size: 1, part: {kind: Pod}}", "spec.part.apiVersion: Required value: must not be empty"},
    {"{size: 1, one: {x: 1}}", NULL},
    {"{size: 1, one: {x: 1, y: 1}}",
     "<nil>: Invalid value: \"\": \"spec.one\" must validate one and only one schema (oneOf). "
     "Found 2 valid alternatives"},
};
static void test_validation(void)
{
    struct custom_definition *d;
    const struct custom_kind *k = widget_new(&d);
    for (size_t i = 0; i < ARRAY_COUNT(object_cases); i++) {
        AUTO(value) struct value o = widget_with(value_pack(object_cases[i].spec));
        AUTO(text) struct text got = {0};
        struct field_errors errors = {0};

        custom_validate(k, o, VALUE_ABSENT, false, &errors);

        errors_text(&errors, &got);
        expect(object_cases[i].spec, &got, object_cases[i].error);
    }
    custom_definition_unref(d);
}

/* What was wrong before and has not been touched may stay. */
static void test_ratcheting(void)
{
    struct custom_definition *d;
    const struct custom_kind *k = widget_new(&d);
    AUTO(value) struct value old = widget_with(value_pack("{size: 1, color: green, ratio: 1}"));
    AUTO(value) struct value same = widget_with(value_pack("{size: 2, color: green, ratio: 1}"));
    AUTO(value) struct value worse = widget_with(value_pack("{size: 20, color: green}"));
    AUTO(text) struct text got = {0};
    struct field_errors errors = {0};
    old = VALUE_SET(old, value_string(S("1")), metadata, resourceVersion);
    same = VALUE_SET(same, value_string(S("1")), metadata, resourceVersion);
    worse = VALUE_SET(worse, value_string(S("1")), metadata, resourceVersion);

    custom_validate(k, same, old, false, &errors);
    errors_text(&errors, &got);
    expect("untouched", &got, NULL);

    errors = (struct field_errors){0};
    custom_validate(k, worse, old, false, &errors);
    errors_text(&errors, &got);
    expect("touched", &got, "spec.size: Invalid value: 20");
    CU_ASSERT_FALSE(str_contains(text_str(&got), S("color")));
    custom_definition_unref(d);
}

/* A write of the status does not look at the rest. */
static void test_status(void)
{
    struct custom_definition *d;
    const struct custom_kind *k = widget_new(&d);
    AUTO(value) struct value old = widget_with(value_pack("{size: 1}"));
    AUTO(value) struct value new = widget_with(value_pack("{size: 99}"));
    AUTO(text) struct text got = {0};
    struct field_errors errors = {0};
    old = VALUE_SET(old, value_string(S("1")), metadata, resourceVersion);
    new = VALUE_SET(new, value_string(S("1")), metadata, resourceVersion);
    new = VALUE_SET(new, value_pack("{phase: Sideways, left: 4}"), status);

    custom_validate(k, new, old, true, &errors);

    errors_text(&errors, &got);
    CU_ASSERT_STRING_EQUAL(
        text_c(&got),
        "status.left: Invalid value: 4: left in body should be less than or equal to 3|status."
        "phase: Unsupported value: \"Sideways\": supported values: \"Up\", \"Down\"");
    custom_definition_unref(d);
}

/* ---- columns ---- */

static void test_json_path(void)
{
    static const struct {
        const char *path, *want; /* want NULL: nothing is found */
    } cases[] = {
        {".spec.n", "3"},
        {".spec.list[0]", "\"a\""},
        {".spec.list[-1]", "\"c\""},
        {".spec.list[*]", "\"a\""},
        {".spec.conditions[?(@.type==\"Ready\")].status", "\"True\""},
        {".spec.conditions[?(@.type=='Gone')].status", NULL},
        {".spec.conditions[?(@.n>1)].type", "\"Other\""},
        {".spec['n']", "3"},
        {".spec.a\\.b", "7"},
        {".spec.none.more", NULL},
    };
    AUTO(value)
    struct value o = value_pack(
        "{spec: {n: 3, list: [a, b, c], \"a.b\": 7, conditions: [{type: Ready, status: \"True\", "
        "n: 1}, {type: Other, status: \"False\", n: 2}]}}");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value v = json_path_first(str_from(cases[i].path), o);
        AUTO(text) struct text got = {0};
        if (value_is_present(v))
            json_write(v, &got);
        expect(cases[i].path, &got, cases[i].want);
    }
}

static void test_cells(void)
{
    AUTO(value) struct value d = definition_with(value_pack("{type: object}"));
    AUTO(value)
    struct value columns = value_pack(
        "[{name: S, type: string, jsonPath: \".s\"}, {name: L, type: string, jsonPath: \".l\"}, "
        "{name: I, type: integer, jsonPath: \".i\"}, {name: W, type: integer, jsonPath: \".s\"}, "
        "{name: B, type: boolean, jsonPath: \".b\"}, {name: D, type: date, jsonPath: \".d\"}, "
        "{name: E, type: date, jsonPath: \".e\"}, {name: F, type: date, jsonPath: \".s\"}, "
        "{name: N, type: string, jsonPath: \".n\"}, {name: M, type: string, jsonPath: \".m\"}]");
    struct value version = value_keep(value_at(VALUE_GET(d, spec, versions), 0));
    version = value_set(version, ATOM_additionalPrinterColumns, value_keep(columns));
    d = VALUE_SET(d, value_append(VALUE_ABSENT, version), spec, versions);
    AUTO(value)
    struct value o = value_pack(
        "{metadata: {name: w}, s: x, l: [1, a], i: 3, b: true, d: \"1970-01-01T00:00:00Z\", e: "
        "\"\", n: null}");
    struct custom_definition *definition = custom_definition_new(d);
    AUTO(text) struct text out = {0};
    struct cells cells = {.out = &out, .now = {INT64_C(90) * 1000000000}};

    custom_cells_print(custom_definition_version(definition, S("v1")), o, &cells);

    CU_ASSERT_STRING_EQUAL(text_c(&out), "\"w\",\"x\",\"[1,\\\"a\\\"]\",3,null,true,\"90s\","
                                         "\"\\u003cunknown\\u003e\",\"\\u003cinvalid\\u003e\","
                                         "\"\\u003cno value\\u003e\",null");
    custom_definition_unref(definition);
}

/* ---- versions, patterns ---- */

static void test_version_order(void)
{
    static const char *const order[] = {"v10",     "v2",        "v1",        "v11beta2", "v10beta3",
                                        "v3beta1", "v12alpha1", "v11alpha2", "foo1",     "foo10"};
    for (size_t i = 0; i + 1 < ARRAY_COUNT(order); i++) {
        CU_ASSERT(version_priority_compare(str_from(order[i]), str_from(order[i + 1])) < 0);
        CU_ASSERT(version_priority_compare(str_from(order[i + 1]), str_from(order[i])) > 0);
    }
}

static void test_patterns(void)
{
    static const struct {
        const char *pattern, *subject;
        bool matches;
    } matching[] = {
        {"^[a-z]+$", "abc", true},
        {"^[a-z]+$", "abc\n", false},
        {"b", "abc", true},
        {"^a.c$", "a\nc", false},
        {"^\\d{2,3}$", "12", true},
        {"^\\d+$", "\xd9\xa1", false},
        {"^\\w+$", "\xc3\xa9", false},
        {"^.$", "\xc3\xa9", true},
        {"(?i)^ABC$", "abc", true},
        {"^(?P<x>a)b$", "ab", true},
        {"^\\p{L}+$", "\xc3\xa9", true},
        {"^[[:alpha:]]+$", "ab", true},
        {"^a|b$", "xb", true},
        {"^\\Qa.b\\E$", "a.b", true},
    };
    static const struct {
        const char *pattern, *why;
    } refused[] = {
        {"(", "error parsing regexp: missing closing ): `(`"},
        {"a)", "error parsing regexp: unexpected ): `a)`"},
        {"[a", "error parsing regexp: missing closing ]: `[a`"},
        {"*a", "error parsing regexp: missing argument to repetition operator: `*`"},
        {"a**", "error parsing regexp: invalid nested repetition operator: `**`"},
        {"a\\", "error parsing regexp: trailing backslash at end of expression: ``"},
        {"(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
        {"(a)\\1", "error parsing regexp: invalid escape sequence: `\\1`"},
        {"[b-a]", "error parsing regexp: invalid character class range: `b-a`"},
        {"a{2,1}", "error parsing regexp: invalid repeat count: `{2,1}`"},
        {"a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(matching); i++) {
        AUTO(text) struct text why = {0};
        CU_ASSERT(pattern_is_valid(str_from(matching[i].pattern), &why));
        bool got = pattern_matches(str_from(matching[i].pattern), str_from(matching[i].subject));
        CU_ASSERT_EQUAL(got, matching[i].matches);
        if (got != matching[i].matches)
            printf("\n  %s on %s\n", matching[i].pattern, matching[i].subject);
    }
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        AUTO(text) struct text why = {0};
        CU_ASSERT_FALSE(pattern_is_valid(str_from(refused[i].pattern), &why));
        expect(refused[i].pattern, &why, refused[i].why);
    }
}

/* ---- OpenAPI, scale ---- */

static void test_openapi(void)
{
    struct custom_definition *d;
    const struct custom_kind *k = widget_new(&d);
    for (int v3 = 0; v3 < 2; v3++) {
        const char *references = v3 ? "#/components/schemas/" : "#/definitions/";
        AUTO(text) struct text out = {0};
        AUTO(value) struct value v = VALUE_ABSENT;

        custom_kind_openapi(k, references, &out);

        CU_ASSERT_FATAL(json_parse(text_str(&out), NULL, &v, NULL) == ERR_OK);
        expect_json("its kind", value_get_key(v, S("x-kubernetes-group-version-kind")),
                    "[{group: \"example.com\", kind: Widget, version: v1}]");
        CU_ASSERT(VALUE_IS(v, "string", properties, apiVersion, type));
        struct value size = schema_property(VALUE_GET(v, properties, spec), S("size"));
        CU_ASSERT(VALUE_IS(size, "integer", type));
        CU_ASSERT_EQUAL(str_contains(text_str(&out), S("oneOf")), v3 == 1);
        CU_ASSERT_EQUAL(str_contains(text_str(&out), S("nullable")), v3 == 1);
    }
    custom_definition_unref(d);
}

int main(void)
{
    CU_TestInfo tests[] = {{"schemas", test_schemas},
                           {"definitions", test_definitions},
                           {"defaults of definitions", test_defaults_of_definitions},
                           {"the kinds of the slides", test_slides},
                           {"pruning and defaults", test_pruning_and_defaults},
                           {"unknown fields", test_unknown_fields},
                           {"validation", test_validation},
                           {"ratcheting", test_ratcheting},
                           {"status", test_status},
                           {"paths of columns", test_json_path},
                           {"cells", test_cells},
                           {"order of versions", test_version_order},
                           {"patterns", test_patterns},
                           {"OpenAPI", test_openapi},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"custom", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed > 0;
}
