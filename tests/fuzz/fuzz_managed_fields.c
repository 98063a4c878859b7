/* SPDX-License-Identifier: Apache-2.0
 *
 * Any JSON as a Deployment that a client sends, with managedFields of its own making, over a stored
 * one, and the same as a configuration to be applied: no crash, no leak; what is stored then can be
 * read, is sorted, and reads as what was written; a set that can be read is its own canonical form.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/fields/managed.h"
#include "cluster/api/json.h"
#include "cluster/api/value_heap.h"

static const char *const seeds[] = {
    "{\"metadata\":{\"managedFields\":[{\"manager\":\"a\",\"operation\":\"Update\",\"apiVersion\":"
    "\"apps/v1\",\"time\":\"2026-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:"
    "spec\":{\"f:replicas\":{}}}}]},\"spec\":{\"replicas\":3}}",
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"template\":{\"spec\":{"
    "\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":81,"
    "\"protocol\":\"UDP\"}]},{\"name\":\"b\",\"env\":[{\"name\":\"X\",\"value\":\"1\"}]}]}}}}",
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"labels\":{\"a\":\"b\"},"
    "\"finalizers\":[\"x/y\",\"z\"],\"managedFields\":[{}]},\"spec\":null}",
    "{\"metadata\":{\"managedFields\":[{\"manager\":\"a\",\"operation\":\"Apply\",\"apiVersion\":"
    "\"v9\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"k:{\\\"a\\\":1}\":{},\"v:3\":{\".\":{}},"
    "\"i:0\":{\"q:x\":1}}}]}}",
};

static void check_entries(struct value object)
{
    struct value entries = VALUE_GET(object, metadata, managedFields);
    AUTO(text) struct text why = {0};
    CHECK(managed_are_valid(entries, &why));
    for (size_t i = 0; i < value_count(entries); i++) {
        struct value set = VALUE_GET(value_at(entries, i), fieldsV1), read, again;
        AUTO(text) struct text json = {0};
        CHECK(fields_read(set, &read, &why));
        CHECK(value_equal(read, set));
        fields_write_json(set, &json);
        CHECK(json_parse(text_str(&json), NULL, &again, NULL) == ERR_OK);
        CHECK(value_equal(again, set));
        value_drop(read);
        value_drop(again);
    }
}

static void write_it(const struct managed_scope *s, struct value live, struct value sent)
{
    AUTO(value) struct value now = value_string(S("2026-01-01T00:00:09Z"));
    struct value next = managed_update(s, live, value_keep(sent), S("fuzz"), now);
    check_entries(next);
    const struct managed_apply forced = {.live = next,
                                         .configuration = sent,
                                         .manager = S("kubectl"),
                                         .now = now,
                                         .is_forced = true};
    struct managed_apply asked = forced;
    asked.is_forced = false;
    struct value status = VALUE_ABSENT;
    struct value applied = managed_apply(s, &forced, &status);
    if (value_is_present(applied))
        check_entries(applied);
    else
        CHECK(value_is_present(status));
    value_release(&applied);
    value_release(&status);
    asked.live = live;
    applied = managed_apply(s, &asked, &status);
    CHECK(value_is_present(applied) != value_is_present(status));
    value_drop(applied);
    value_drop(status);
    value_drop(next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct value sent = VALUE_ABSENT;
    const struct resource *r = resource_find(S("apps"), S("v1"), S("deployments"));
    const struct managed_scope scope = {
        .type = fields_type_of(r->type), .api_version = r->group_version, .kind = r->kind};
    if (json_parse((struct str){(const char *)data, size}, NULL, &sent, NULL) == ERR_OK &&
        value_kind(sent) == VALUE_OBJECT &&
        (!value_is_present(value_get(sent, ATOM_metadata)) ||
         value_kind(value_get(sent, ATOM_metadata)) == VALUE_OBJECT)) {
        struct value live = value_pack(
            "{apiVersion: \"apps/v1\", kind: Deployment, metadata: {name: x, uid: u, labels: {a: "
            "\"1\"}, managedFields: [{manager: m, operation: Update, apiVersion: \"apps/v1\", "
            "fieldsType: FieldsV1, fieldsV1: {\"f:metadata\": {\"f:labels\": {\".\": {}, \"f:a\": "
            "{}}}}}]}, spec: {replicas: 1}}");
        write_it(&scope, live, sent);
        AUTO(value) struct value nothing = value_object();
        write_it(&scope, nothing, sent);
        value_drop(live);
    }
    value_drop(sent);
    CHECK(value_heap_stats().nodes == nodes);
    return 0;
}

FUZZ_MAIN(seeds)
