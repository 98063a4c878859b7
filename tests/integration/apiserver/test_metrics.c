/* SPDX-License-Identifier: Apache-2.0
 *
 * What an API server counts of itself: the rows of /metrics after requests of known number, and
 * that two worlds of the same history show the same text.
 */
#include "sim/base/base.h"

#include "tests/integration/apiserver/world.h"

static struct value read_path(struct world *w, const char *path)
{
    const struct response *r = ask(w, request_for_path(str_from(path)));
    CU_ASSERT_EQUAL_FATAL(r->code, 200);
    CU_ASSERT_TRUE_FATAL(value_kind(r->body) == VALUE_STRING);
    return r->body;
}

static void expect_line(struct str text, const char *line)
{
    AUTO(text) struct text wanted = {0};
    text_printf(&wanted, "\n%s\n", line);
    if (str_contains(text, text_str(&wanted)))
        return;
    printf("\n  no line %s\n", line);
    CU_FAIL("a line is missing");
}

/* Three namespaces, the last created twice; a read that finds and one that does not; a list; a
 * patch that stays dry. */
static void some_requests(struct world *w)
{
    static const char *const names[] = {"one", "two", "three"};
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        text_clear(&t);
        text_printf(&t,
                    "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"}}",
                    names[i]);
        expect_ok(ask(w, create_of(RESOURCE_namespaces, NULL, text_c(&t))), 201);
    }
    expect_ok(ask(w, create_of(RESOURCE_namespaces, NULL, text_c(&t))), 409);
    expect_ok(ask(w, on_key(VERB_GET, RESOURCE_namespaces, "", "one")), 200);
    expect_ok(ask(w, on_key(VERB_GET, RESOURCE_namespaces, "", "four")), 404);
    expect_ok(ask(w, request_new(VERB_LIST, resource_get(RESOURCE_namespaces))), 200);
    struct request *r =
        patch_of(RESOURCE_namespaces, "", "two", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");
    r->dry_run = true;
    expect_ok(ask(w, r), 200);
}

#define NAMESPACES(code, dry_run, scope, verb)                                                     \
    "apiserver_request_total{code=\"" code "\",component=\"apiserver\",dry_run=\"" dry_run         \
    "\",group=\"\",resource=\"namespaces\",scope=\"" scope "\",subresource=\"\",verb=\"" verb      \
    "\",version=\"v1\"} "

static void test_rows(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    some_requests(&w);
    struct str text = value_str(read_path(&w, "/metrics"));
    expect_line(text, NAMESPACES("201", "", "resource", "POST") "3");
    expect_line(text, NAMESPACES("409", "", "resource", "POST") "1");
    expect_line(text, NAMESPACES("200", "", "resource", "GET") "1");
    expect_line(text, NAMESPACES("404", "", "resource", "GET") "1");
    expect_line(text, NAMESPACES("200", "", "cluster", "LIST") "1");
    expect_line(text, NAMESPACES("200", "All", "resource", "PATCH") "1");
    expect_line(text, "apiserver_storage_objects{resource=\"namespaces\"} 3");
    expect_line(text, "apiserver_resource_objects{group=\"\",resource=\"namespaces\"} 3");
    /* The fourth create is refused by etcd's answer: it was asked too. The dry patch was not. */
    expect_line(text, "etcd_requests_total{group=\"\",operation=\"create\","
                      "resource=\"namespaces\"} 4");
    CU_ASSERT_FALSE(str_contains(text, S("operation=\"update\"")));
    world_end(&w);
}

static void test_same_history_same_text(void)
{
    struct world a, b;
    world_start(&a, &(struct world_options){.bare = true});
    world_start(&b, &(struct world_options){.bare = true});
    some_requests(&a);
    some_requests(&b);
    CU_ASSERT_TRUE(
        str_equal(value_str(read_path(&a, "/metrics")), value_str(read_path(&b, "/metrics"))));
    world_end(&a);
    world_end(&b);
}

static void test_flags(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.bare = true});
    struct str text = value_str(read_path(&w, "/flagz"));
    expect_line(text, "advertise-address 192.168.0.10");
    expect_line(text, "authorization-mode [AlwaysAllow]");
    expect_line(text, "service-node-port-range 30000-32767");
    world_end(&w);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"rows", test_rows},
                                  {"same history, same text", test_same_history_same_text},
                                  {"flags", test_flags},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"what a server counts", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
