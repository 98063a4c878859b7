/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: metadata, owners, conditions and times read as ObjectMeta says; keys are one per identity
 * and their ids come back; messages give back all that they hold. Method: small literals, the
 * counts of live nodes.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "cluster/api/object.h"
#include "cluster/api/request.h"
#include "cluster/api/value_heap.h"

static void test_metadata(void)
{
    AUTO(value)
    struct value pod = value_pack("{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: "
                                  "default, uid: u1, resourceVersion: \"42\", generation: 3, "
                                  "labels: {app: web}, annotations: {a.b/c: d}, finalizers: [x/y], "
                                  "ownerReferences: [{uid: other}, {uid: r1, controller: "
                                  "true}]}, status: {conditions: [{type: Ready, status: "
                                  "\"False\"}, {type: PodScheduled, status: \"True\"}]}}");
    CU_ASSERT(value_is(object_name(pod), "web-1") && value_is(object_namespace(pod), "default"));
    CU_ASSERT(object_version(pod) == 42 && object_generation(pod) == 3);
    CU_ASSERT(object_version(value_null()) == 0 && object_generation(value_null()) == 0);
    CU_ASSERT(value_is(object_label(pod, S("app")), "web"));
    CU_ASSERT(!value_is_present(object_label(pod, S("never heard of"))));
    CU_ASSERT(value_is(object_annotation(pod, S("a.b/c")), "d"));
    CU_ASSERT(!object_is_deleting(pod));
    CU_ASSERT(object_has_finalizer(pod, S("x/y")) && !object_has_finalizer(pod, S("x")));
    struct value conditions = VALUE_GET(pod, status, conditions);
    CU_ASSERT(condition_is_true(conditions, "PodScheduled") &&
              !condition_is_true(conditions, "Ready"));
    CU_ASSERT(!value_is_present(condition_find(conditions, "Gone")));

    AUTO(value) struct value owner = value_pack("{metadata: {name: web, uid: r1}}");
    AUTO(value) struct value stranger = value_pack("{metadata: {name: web, uid: other}}");
    CU_ASSERT(object_is_controlled_by(pod, owner) && !object_is_controlled_by(pod, stranger));
    AUTO(value)
    struct value reference = owner_reference_make(resource_get(RESOURCE_replicasets), owner);
    CU_ASSERT(VALUE_IS(reference, "apps/v1", apiVersion) &&
              VALUE_IS(reference, "ReplicaSet", kind));
    CU_ASSERT(VALUE_IS(reference, "r1", uid) && VALUE_BOOL_AT(reference, controller));
}

static void test_times(void)
{
    static const struct {
        const char *text;
        bool is_time;
        int64_t seconds, ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", true, 0, 0},
        {"2026-11-23T10:00:00Z", true, 1795428000, 0},
        {"2026-11-23T11:30:00+01:30", true, 1795428000, 0},
        {"2026-11-23T10:00:00.25Z", true, 1795428000, 250000000},
        {"2026-11-23T10:00:00.123456Z", true, 1795428000, 123456000},
        {"1969-12-31T23:59:59.999999Z", true, -1, 999999000},
        {"2024-02-29T00:00:00Z", true, 1709164800, 0},
        {"2023-02-29T00:00:00Z", false, 0, 0},
        {"2026-11-23T10:00:00", false, 0, 0},
        {"2026-11-23T10:00:00.Z", false, 0, 0},
        {"2026-11-23", false, 0, 0},
        {"", false, 0, 0},
        {"9999-12-31T23:59:59Z", false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(value) struct value v = value_string(str_from(cases[i].text));
        struct wall_time t = {0};
        CU_ASSERT(time_parse(v, &t) == cases[i].is_time);
        if (cases[i].is_time)
            CU_ASSERT(t.unix_ns == cases[i].seconds * 1000000000 + cases[i].ns);
    }
    AUTO(value) struct value whole = time_value((struct wall_time){1795428000999999999});
    AUTO(value) struct value micro = micro_time_value((struct wall_time){1795428000999999999});
    AUTO(value) struct value before = time_value((struct wall_time){-1});
    CU_ASSERT(value_is(whole, "2026-11-23T10:00:00Z"));
    CU_ASSERT(value_is(micro, "2026-11-23T10:00:00.999999Z"));
    CU_ASSERT(value_is(before, "1969-12-31T23:59:59Z"));
    AUTO(value) struct value written = value_string(S("2026-11-23T10:00:00Z"));
    CU_ASSERT(value_equal(whole, written));
}

static uint64_t next_number(void *owner)
{
    uint64_t *n = owner;
    return *n += UINT64_C(0x9E3779B97F4A7C15);
}

static void test_suffix(void)
{
    uint64_t state = 1;
    char a[NAME_SUFFIX_SIZE], b[NAME_SUFFIX_SIZE];
    name_suffix(next_number, &state, a);
    name_suffix(next_number, &state, b);
    CU_ASSERT(memcmp(a, b, NAME_SUFFIX_SIZE) != 0);
    for (size_t i = 0; i < NAME_SUFFIX_SIZE; i++)
        CU_ASSERT(strchr("bcdfghjklmnpqrstvwxz2456789", a[i]) != NULL);
}

static void test_keys(void)
{
    const struct resource *pods = resource_get(RESOURCE_pods);
    const struct object_key *a = object_key_of(pods, S("default"), S("a"));
    const struct object_key *b = object_key_of(pods, S("default"), S("b"));
    const struct object_key *same = object_key_of(pods, S("default"), S("a"));
    CU_ASSERT(a == same && a != b && a->id != b->id);
    CU_ASSERT(object_key_compare(a, b) < 0 && object_key_compare(b, a) > 0 &&
              object_key_compare(a, a) == 0);
    AUTO(text) struct text t = {0};
    object_key_text(a, &t);
    CU_ASSERT(strcmp(text_c(&t), "default/a") == 0 && strcmp(a->name.bytes, "a") == 0);

    const struct object_key *node =
        object_key_of(resource_get(RESOURCE_nodes), S("ignored"), S("n"));
    CU_ASSERT(node->namespace.size == 0);
    /* Rows that share their storage share their keys. */
    const struct object_key *v1 =
        object_key_of(resource_get(RESOURCE_horizontalpodautoscalers_v1), S("d"), S("h"));
    const struct object_key *v2 =
        object_key_of(resource_get(RESOURCE_horizontalpodautoscalers), S("d"), S("h"));
    CU_ASSERT(v1 == v2);

    uint32_t id = b->id;
    object_key_unref(b);
    b = object_key_of(pods, S("default"), S("c"));
    CU_ASSERT(b->id == id);
    const struct object_key *all[] = {a, same, b, node, v1, v2};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        object_key_unref(all[i]);
    object_key_unref(NULL);
}

static void test_messages(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    const struct object_key *key = object_key_of(resource_get(RESOURCE_pods), S("default"), S("a"));
    struct request *r = request_for_key(VERB_UPDATE, key);
    r->body = value_pack("{metadata: {name: a-long-name, resourceVersion: \"12\"}}");
    request_list_options(r)->label_selector = value_string(S("a-label=a-long-value"));
    request_delete_options(r)->precondition_uid = value_string(S("a-long-uid-of-something"));
    CU_ASSERT(r->list->send_initial_events == -1 && r->deletion->grace_period_seconds == -1);
    struct str groups[] = {{"system:masters", 14}, {"g", 1}};
    r->credential = credential_certificate(S("admin"), groups, 2);
    CU_ASSERT(str_equal(r->credential->groups[1], S("g")) &&
              str_equal(r->credential->user, S("admin")));
    uint64_t digest = request_message.digest(&r->message);
    r->verb = VERB_PATCH;
    CU_ASSERT(request_message.digest(&r->message) != digest);
    message_unref(&r->message);
    object_key_unref(key);

    struct response *s = response_new(
        7, 409,
        value_pack("{kind: Status, reason: Conflict, message: \"the object has been modified\"}"));
    CU_ASSERT(!response_ok(s) && str_equal(response_reason(s), S("Conflict")));
    CU_ASSERT(str_equal(response_message_text(s), S("the object has been modified")));
    message_unref(&s->message);
    s = response_new(7, 200, value_pack("{kind: Pod, reason: Evicted}"));
    CU_ASSERT(response_ok(s) && response_reason(s).size == 0);
    message_unref(&s->message);
    struct watch_event *e =
        watch_event_new(7, WATCH_ADDED, value_pack("{metadata: {name: a-long-name}}"));
    message_unref(&e->message);
    struct cancel *c = cancel_new(7);
    message_unref(&c->message);
    const struct credential *token = credential_token(S("secret"));
    CU_ASSERT(str_equal(credential_ref(token)->token, S("secret")));
    credential_unref(token);
    credential_unref(token);
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

/* [doc:taint-and-toleration] */
static void test_tolerations(void)
{
    static const struct {
        const char *toleration;
        bool matches; /* the taint a=x:NoExecute */
    } rows[] = {
        {"{key: a, value: x, effect: NoExecute}", true},
        {"{key: a, operator: Equal, value: x}", true},
        {"{key: a, operator: Exists}", true},
        {"{operator: Exists}", true},
        {"{key: a, value: y}", false},
        {"{key: b, operator: Exists}", false},
        {"{key: a, operator: Exists, effect: NoSchedule}", false},
    };
    AUTO(value) struct value taint = value_pack("{key: a, value: x, effect: NoExecute}");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(value) struct value t = value_pack(rows[i].toleration);
        CU_ASSERT_EQUAL(toleration_matches(t, taint), rows[i].matches);
    }
}

static void test_int_or_percent(void)
{
    static const struct {
        const char *text; /* NULL: the number 3 */
        int64_t total, up, down;
    } rows[] = {{NULL, 10, 3, 3},  {"25%", 10, 3, 2}, {"25%", 8, 2, 2},
                {"0%", 10, 0, 0}, {"3", 10, 0, 0},   {"x%", 10, 0, 0}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(value)
        struct value v = rows[i].text ? value_string(str_from(rows[i].text)) : value_integer(3);
        CU_ASSERT_EQUAL(int_or_percent(v, rows[i].total, true), rows[i].up);
        CU_ASSERT_EQUAL(int_or_percent(v, rows[i].total, false), rows[i].down);
    }
    CU_ASSERT_EQUAL(int_or_percent(VALUE_ABSENT, 10, true), 0);
}

static CU_TestInfo tests[] = {
    {"metadata, owners, conditions", test_metadata},
    {"tolerations", test_tolerations},
    {"a number or a percentage", test_int_or_percent},
    {"times", test_times},
    {"random suffixes", test_suffix},
    {"keys", test_keys},
    {"messages", test_messages},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_initialize_registry();
    CU_SuiteInfo suites[] = {{"object", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
