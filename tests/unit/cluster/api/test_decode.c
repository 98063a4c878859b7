/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: documents become typed values as Go's decoder makes them, with its words for what is wrong;
 * what is written again has Kubernetes' order of fields. Method: tables of kinds, documents and
 * results; the deck's broken manifests with the answers of a real strict decoder.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/decode.h"
#include "cluster/api/value_heap.h"

static const struct resource *kind(const char *version, const char *name)
{
    const struct resource *r = resource_find_kind(str_from(version), str_from(name));
    CU_ASSERT_FATAL(r != NULL);
    return r;
}

static void expect(const char *what, struct str got, const char *expected)
{
    bool is_same = str_equal(got, str_from(expected));
    if (!is_same)
        fprintf(stderr, "\n  %s:\n   got    %.*s\n   wanted %s\n", what, STR_ARG(got), expected);
    CU_ASSERT(is_same);
}

/* Decodes strictly; the message, or "ok" and the JSON. */
static void check(const char *version, const char *name, const char *document, const char *expected)
{
    struct decode_options o = {.validation = FIELD_VALIDATION_STRICT};
    struct value status = VALUE_ABSENT;
    const struct resource *r = kind(version, name);
    AUTO(text) struct text got = {0};
    struct value v = decode_object(r, value_pack(document), &o, &status, NULL);
    if (value_is_present(v))
        schema_write_json(r->type, v, &got);
    else
        text_add(&got, VALUE_STR(status, message));
    expect(document, text_str(&got), expected);
    value_drop(v);
    value_drop(status);
}

static void test_wrong_types(void)
{
    static const struct {
        const char *version, *kind, *document, *expected;
    } cases[] = {
        {"apps/v1", "Deployment", "{spec: {replicas: \"3\"}}",
         "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal "
         "string "
         "into Go struct field DeploymentSpec.spec.replicas of type int32"},
        {"v1", "Pod", "{spec: {containers: x}}",
         "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal string into Go "
         "struct "
         "field PodSpec.spec.containers of type []v1.Container"},
        {"v1", "Pod", "{spec: {containers: [{name: 5}]}}",
         "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal number into Go "
         "struct "
         "field Container.spec.containers.name of type string"},
        {"v1", "Pod", "{spec: {containers: [{command: [5, x]}]}}",
         "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal number into Go "
         "struct field Container.spec.containers.command of type string"},
        {"v1", "ConfigMap", "{data: {a: true}}",
         "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal "
         "bool into "
         "Go struct field ConfigMap.data of type string"},
        {"apps/v1", "Deployment", "{spec: {replicas: 3000000000}}",
         "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal "
         "number "
         "3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32"},
        {"v1", "Secret", "{data: {a: \"plain!\"}}",
         "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input "
         "byte 5"},
        {"v1", "Pod", "{spec: {containers: [{resources: {requests: {cpu: abc}}}]}}",
         "Pod in version \"v1\" cannot be handled as a Pod: quantities must match the regular "
         "expression "
         "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {"v1", "Pod", "{apiVersion: v2, kind: Pod}",
         "Pod in version \"v2\" cannot be handled as a Pod: no kind \"Pod\" is registered for "
         "version "
         "\"v2\" in scheme \"pkg/api/legacyscheme/scheme.go:30\""},
        {"v1", "Pod", "{apiVersion: \"apps/v1\", kind: Deployment}",
         "the API version in the data (apps/v1) does not match the expected API version (v1)"},
        {"v1", "Event", "{lastTimestamp: \"yesterday\"}",
         "Event in version \"v1\" cannot be handled as a Event: parsing time \"yesterday\" as "
         "\"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\""},
        {"v1", "Event", "{lastTimestamp: \"2026-02-30T00:00:00Z\"}",
         "Event in version \"v1\" cannot be handled as a Event: parsing time "
         "\"2026-02-30T00:00:00Z\": day "
         "out of range"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        check(cases[i].version, cases[i].kind, cases[i].document, cases[i].expected);
}

/* The manifests of the deck, cut down to their mistakes. */
static void test_unknown_fields(void)
{
    static const struct {
        const char *version, *kind, *document, *expected;
    } cases[] = {
        {"apps/v1", "Deployment",
         "{spec: {selector: {matchLabels: {app: nginx}}, template: {metadata: {labels: {app: "
         "nginx}}},"
         " spec: {containers: [{bogus: 1}]}, volumes: []}}",
         "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: "
         "unknown "
         "field \"spec.spec\", unknown field \"spec.volumes\""},
        {"apps/v1", "Deployment", "{spec: {template: {spec: {ports: [{containerPort: 80}]}}}}",
         "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: "
         "unknown "
         "field \"spec.template.spec.ports\""},
        {"networking.k8s.io/v1", "Ingress",
         "{spec: {rules: [{host: a}, {host: b, tls: [{hosts: [b]}]}], secretName: x}}",
         "Ingress in version \"v1\" cannot be handled as a Ingress: strict decoding error: unknown "
         "field "
         "\"spec.rules[1].tls\", unknown field \"spec.secretName\""},
        {"v1", "Pod", "{bogus: 1}",
         "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field "
         "\"bogus\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        check(cases[i].version, cases[i].kind, cases[i].document, cases[i].expected);
}

static void test_warn_and_ignore(void)
{
    struct value document = value_pack("{data: {a: b}, extra: {x: 1}, metadata: {nam: y}}");
    struct value duplicates = value_pack("[\"data.a\"]"), status, warnings = VALUE_ABSENT;
    struct decode_options o = {.validation = FIELD_VALIDATION_WARN, .duplicates = duplicates};
    const struct resource *r = kind("v1", "ConfigMap");

    struct value v = decode(r->type, value_keep(document), &o, &status, &warnings);
    CU_ASSERT(value_count(v) == 1); /* data: the metadata that remains is empty */
    CU_ASSERT(value_count(warnings) == 3);
    CU_ASSERT(value_is(value_at(warnings, 0), "duplicate field \"data.a\""));
    CU_ASSERT(value_is(value_at(warnings, 1), "unknown field \"extra\""));
    CU_ASSERT(value_is(value_at(warnings, 2), "unknown field \"metadata.nam\""));
    value_drop(v);
    value_drop(warnings);

    /* With the text at hand they are told in its order. */
    warnings = VALUE_ABSENT;
    o.source = value_string(S("{\"extra\": {\"x\": 1}, \"data\": {\"a\": \"}\", \"a\": \"b\"}, "
                              "\"metadata\": {\"nam\": \"y\"}}"));
    v = decode(r->type, value_keep(document), &o, &status, &warnings);
    CU_ASSERT(value_is(value_at(warnings, 0), "unknown field \"extra\""));
    CU_ASSERT(value_is(value_at(warnings, 1), "duplicate field \"data.a\""));
    CU_ASSERT(value_is(value_at(warnings, 2), "unknown field \"metadata.nam\""));
    value_drop(v);
    value_drop(warnings);

    warnings = VALUE_ABSENT;
    value_release(&o.source);
    o.validation = FIELD_VALIDATION_IGNORE;
    v = decode(r->type, document, &o, &status, &warnings);
    CU_ASSERT(value_is_present(v) && !value_is_present(warnings));
    value_drop(v);
    value_drop(duplicates);
}

static void test_canonical_form(void)
{
    static const struct {
        const char *version, *kind, *document, *expected;
    } cases[] = {
        /* Order of fields, zeros left out, zeros that are always written. */
        {"v1", "Pod",
         "{spec: {nodeName: \"\", restartPolicy: Never, hostNetwork: false, containers: [{image: "
         "x, name: "
         "c, command: [], resources: {limits: {memory: \"1024Mi\", cpu: \"1000m\"}}}]}, metadata: "
         "{labels: "
         "{b: \"1\", a: \"2\"}, name: p, annotations: null}}",
         "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":"
         "\"2\",\"b\":"
         "\"1\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"resources\":{"
         "\"limits\":{"
         "\"cpu\":\"1\",\"memory\":\"1Gi\"}}}],\"restartPolicy\":\"Never\"},\"status\":{}}"},
        /* A pointer to zero stays, a zero is dropped. */
        {"apps/v1", "Deployment", "{spec: {replicas: 0, minReadySeconds: 0, paused: false}}",
         "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/"
         "v1\",\"metadata\":{},\"spec\":{\"replicas\":0,"
         "\"selector\":null,\"template\":{\"metadata\":{},\"spec\":{\"containers\":null}},"
         "\"strategy\":{}},"
         "\"status\":{}}"},
        /* Numbers are quantities, too. */
        {"v1", "ResourceQuota", "{spec: {hard: {pods: 2, cpu: \"0.5\"}}}",
         "{\"kind\":\"ResourceQuota\",\"apiVersion\":\"v1\",\"metadata\":{},\"spec\":{\"hard\":{"
         "\"cpu\":"
         "\"500m\",\"pods\":\"2\"}},\"status\":{}}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        check(cases[i].version, cases[i].kind, cases[i].document, cases[i].expected);
}

/* What is in canonical form passes as the very same word, and no node is left behind by any of it.
 */
static void test_sharing(void)
{
    struct decode_options o = {.validation = FIELD_VALIDATION_STRICT};
    struct value status;
    uint64_t nodes = value_heap_stats().nodes;
    struct value pod =
        value_pack("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: "
                   "[{name: c, image: x, resources: {limits: {cpu: \"1\"}}}]}}");
    struct value v = decode_object(kind("v1", "Pod"), value_keep(pod), &o, &status, NULL);
    CU_ASSERT(value_is_same(v, pod));
    value_drop(v);
    value_drop(pod);
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_tables(void)
{
    const struct resource *pods = resource_get(RESOURCE_pods);
    CU_ASSERT(resource_find(S(""), S("v1"), S("pods")) == pods);
    CU_ASSERT(resource_find(S("apps"), S("v1"), S("pods")) == NULL);
    CU_ASSERT(resource_get(RESOURCE_events_events)->storage == resource_get(RESOURCE_events));
    CU_ASSERT(pods->verbs & (1u << VERB_WATCH));
    CU_ASSERT(!(resource_get(RESOURCE_namespaces)->verbs & (1u << VERB_DELETE_COLLECTION)));
    CU_ASSERT(pods->subresources & (1u << SUBRESOURCE_EVICTION));
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        CU_ASSERT(r->index == i);
        CU_ASSERT(schema_field(r->type, ATOM_kind) != NULL);
    }
    /* Every field of every type is found, and is the one that is declared. */
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        for (uint32_t i = 0; i < schema_types[t].count; i++) {
            const struct field_schema *f = &schema_types[t].fields[i];
            CU_ASSERT(schema_field(&schema_types[t], f->key) == f);
        }
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("decode", NULL, NULL);
    CU_add_test(s, "tables", test_tables);
    CU_add_test(s, "wrong types", test_wrong_types);
    CU_add_test(s, "unknown fields", test_unknown_fields);
    CU_add_test(s, "warn and ignore", test_warn_and_ignore);
    CU_add_test(s, "canonical form", test_canonical_form);
    CU_add_test(s, "sharing", test_sharing);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
