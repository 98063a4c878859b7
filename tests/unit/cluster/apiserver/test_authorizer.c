/* SPDX-License-Identifier: Apache-2.0
 *
 * RBAC rules and the node authorizer as pure functions, table by table.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/authorizer.h"
#include "cluster/apiserver/bootstrap.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

/* A rule covers what its verbs, groups, resources and names say, and nothing else. */
static void test_rules(void)
{
    static const struct {
        const char *rule, *verb, *group, *resource, *subresource, *name;
        bool covers;
    } rows[] = {
        {"\"\"/pods get,list", "get", "", "pods", "", "a", true},
        {"\"\"/pods get,list", "watch", "", "pods", "", "", false},
        {"\"\"/pods get", "get", "apps", "pods", "", "a", false},
        {"\"\"/pods get", "get", "", "pods", "log", "a", false},
        {"\"\"/pods,pods/log get", "get", "", "pods", "log", "a", true},
        {"*/*/scale get,update", "update", "apps", "deployments", "scale", "web", true},
        {"*/*/scale get,update", "update", "apps", "deployments", "", "web", false},
        {"*/* *", "delete", "batch", "jobs", "status", "j", true},
        {"\"\"/configmaps[cm1,cm2] get", "get", "", "configmaps", "", "cm2", true},
        {"\"\"/configmaps[cm1,cm2] get", "get", "", "configmaps", "", "cm3", false},
        {"\"\"/configmaps[cm1] list", "list", "", "configmaps", "", "", false},
        {"apps,extensions/replicasets get", "get", "extensions", "replicasets", "", "r", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct value rules = policy_rules(str_from(rows[i].rule));
        struct attributes a = {.verb = str_from(rows[i].verb),
                               .group = str_from(rows[i].group),
                               .resource = str_from(rows[i].resource),
                               .subresource = str_from(rows[i].subresource),
                               .name = str_from(rows[i].name)};
        CU_ASSERT_EQUAL_FATAL(value_count(rules), 1);
        CU_ASSERT_EQUAL(rule_covers(value_at(rules, 0), &a), rows[i].covers);
        if (rule_covers(value_at(rules, 0), &a) != rows[i].covers)
            printf("  row %zu\n", i);
        value_drop(rules);
    }
}

/* Paths: exact, and a star at the end. */
static void test_paths(void)
{
    static const struct {
        const char *path;
        bool covers;
    } rows[] = {{"/healthz", true}, {"/livez/ping", true}, {"/livezz", false}, {"/metrics", false}};
    struct value rules = policy_rules(S("url:/healthz,/livez/* get ; \"\"/pods get"));
    CU_ASSERT_EQUAL(value_count(rules), 2);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct attributes a = {.verb = S("get"), .path = str_from(rows[i].path)};
        CU_ASSERT_EQUAL(rule_covers(value_at(rules, 0), &a), rows[i].covers);
        CU_ASSERT_FALSE(rule_covers(value_at(rules, 1), &a));
    }
    value_drop(rules);
}

/* What node n1 may do, where no pod has a say. */
static void test_node(void)
{
    static const struct {
        const char *verb, *group, *resource, *subresource, *namespace, *name, *fields;
        bool may;
    } rows[] = {
        {"get", "", "nodes", "", "", "n1", "", true},
        {"get", "", "nodes", "", "", "n2", "", false},
        {"watch", "", "nodes", "", "", "n1", "metadata.name=n1", true},
        {"list", "", "nodes", "", "", "", "", false},
        {"patch", "", "nodes", "status", "", "n1", "", true},
        {"list", "", "pods", "", "", "", "spec.nodeName=n1", true},
        {"list", "", "pods", "", "", "", "spec.nodeName=n2", false},
        {"list", "", "pods", "", "", "", "", false},
        {"patch", "", "pods", "status", "default", "web", "", true},
        {"update", "", "pods", "", "default", "web", "", false},
        {"list", "", "secrets", "", "default", "", "", false},
        {"delete", "", "secrets", "", "default", "s", "", false},
        {"update", "coordination.k8s.io", "leases", "", "kube-node-lease", "n1", "", true},
        {"update", "coordination.k8s.io", "leases", "", "kube-node-lease", "n2", "", false},
        {"update", "coordination.k8s.io", "leases", "", "kube-system", "n1", "", false},
        {"create", "", "events", "", "default", "", "", true},
        {"list", "apps", "deployments", "", "default", "", "", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct value fields = value_string(str_from(rows[i].fields));
        struct attributes a = {.verb = str_from(rows[i].verb),
                               .group = str_from(rows[i].group),
                               .resource = str_from(rows[i].resource),
                               .subresource = str_from(rows[i].subresource),
                               .namespace = str_from(rows[i].namespace),
                               .name = str_from(rows[i].name),
                               .field_selector = fields};
        CU_ASSERT_EQUAL(node_may(NULL, "n1", &a, NULL), rows[i].may);
        if (node_may(NULL, "n1", &a, NULL) != rows[i].may)
            printf("  row %zu\n", i);
        value_drop(fields);
    }
}

/* The sentence of a refusal. */
static void test_refusal(void)
{
    char name[] = "alice";
    struct user alice = {.name = name, .name_size = strlen(name)};
    struct attributes a = {
        .verb = S("get"), .resource = S("pods"), .subresource = S("log"), .namespace = S("ns")};
    AUTO(text) struct text t = {0};
    authorize_refusal(&alice, &a, S(""), &t);
    CU_ASSERT_STRING_EQUAL(text_c(&t), "User \"alice\" cannot get resource \"pods/log\" in API "
                                       "group \"\" in the namespace \"ns\"");
    text_clear(&t);
    a = (struct attributes){.verb = S("get"), .path = S("/metrics")};
    authorize_refusal(&alice, &a, S(""), &t);
    CU_ASSERT_STRING_EQUAL(text_c(&t), "User \"alice\" cannot get path \"/metrics\"");
    text_clear(&t);
    a = (struct attributes){.verb = S("get"), .path = S("/<b>&\"")};
    authorize_refusal(&alice, &a, S("a reason"), &t);
    CU_ASSERT_STRING_EQUAL(text_c(&t), "User \"alice\" cannot get path "
                                       "\"/&lt;b&gt;&amp;\\\"\": a reason");
}

int main(void)
{
    static CU_TestInfo tests[] = {{"rules", test_rules},
                                  {"paths", test_paths},
                                  {"node", test_node},
                                  {"refusal", test_refusal},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"authorizer", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
