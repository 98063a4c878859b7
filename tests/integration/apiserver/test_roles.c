/* SPDX-License-Identifier: Apache-2.0
 *
 * Random roles and bindings, random requests: three ways to know the answer must agree, for every
 * seed: what a SelfSubjectAccessReview says, what the request itself gets, and what the rules of a
 * SelfSubjectRulesReview say when somebody else reads them (the short matcher below).
 */
#include "sim/base/base.h"

#include "tests/integration/apiserver/world.h"

#include "cluster/api/status.h"
#include "sim/base/hash.h"

#define SEEDS 12
#define ROLES 8
#define BINDINGS 12
#define REQUESTS 60

static const char *const users[] = {"ann", "bob", "cat"};
static const char *const groups[] = {"dev", "ops"};
static const char *const namespaces[] = {"one", "two"};
static const char *const names[] = {"a", "b"};
static const struct {
    enum resource_known resource;
    const char *group, *plural;
    bool is_namespaced;
} kinds[] = {{RESOURCE_pods, "", "pods", true},
             {RESOURCE_configmaps, "", "configmaps", true},
             {RESOURCE_deployments, "apps", "deployments", true},
             {RESOURCE_nodes, "", "nodes", false}};
static const struct {
    enum verb verb;
    const char *text;
} verbs[] = {
    {VERB_GET, "get"}, {VERB_LIST, "list"}, {VERB_DELETE, "delete"}, {VERB_PATCH, "patch"}};

#define PICK(random, list) (list)[random_below((random), ARRAY_COUNT(list))]

static void create(struct world *w, enum resource_known resource, const char *namespace,
                   const struct text *json)
{
    struct request *r = request_new(VERB_CREATE, resource_get(resource));
    r->body = parse(text_c(json));
    if (namespace)
        r->namespace = value_string(str_from(namespace));
    expect_ok(ask(w, r), 201);
}

static void add_rule(struct random_stream *random, struct text *out)
{
    const char *verb = random_below(random, 8) == 0 ? "*" : PICK(random, verbs).text;
    size_t kind = random_below(random, ARRAY_COUNT(kinds));
    bool all_groups = random_below(random, 6) == 0, all = random_below(random, 8) == 0;
    text_printf(out, "{\"verbs\":[\"%s\",\"%s\"],\"apiGroups\":[\"%s\"],\"resources\":[\"%s\"]",
                verb, PICK(random, verbs).text, all_groups ? "*" : kinds[kind].group,
                all ? "*" : kinds[kind].plural);
    if (random_below(random, 3) == 0)
        text_printf(out, ",\"resourceNames\":[\"%s\"]", PICK(random, names));
    text_add_byte(out, '}');
}

/* Of the whole cluster, or of a namespace (not NULL). */
static void add_role(struct world *w, struct random_stream *random, const char *namespace, int i)
{
    AUTO(text) struct text t = {0};
    size_t rules = 1 + random_below(random, 3);
    text_printf(&t,
                "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"%s\",\"metadata\":{"
                "\"name\":\"r%d\"},\"rules\":[",
                namespace ? "Role" : "ClusterRole", i);
    for (size_t r = 0; r < rules; r++) {
        if (r > 0)
            text_add_byte(&t, ',');
        add_rule(random, &t);
    }
    text_add(&t, S("]}"));
    create(w, namespace ? RESOURCE_roles : RESOURCE_clusterroles, namespace, &t);
}

static void add_binding(struct world *w, struct random_stream *random, int i)
{
    AUTO(text) struct text t = {0};
    const char *namespace = random_below(random, 3) == 0 ? NULL : PICK(random, namespaces);
    bool to_cluster_role = !namespace || random_below(random, 2) == 0;
    bool is_group = random_below(random, 3) == 0;
    /* One role in nine is not there. */
    text_printf(&t,
                "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"%s\",\"metadata\":{"
                "\"name\":\"b%d\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","
                "\"kind\":\"%s\",\"name\":\"r%u\"},\"subjects\":[{\"apiGroup\":"
                "\"rbac.authorization.k8s.io\",\"kind\":\"%s\",\"name\":\"%s\"}]}",
                namespace ? "RoleBinding" : "ClusterRoleBinding", i,
                to_cluster_role ? "ClusterRole" : "Role", (unsigned)random_below(random, ROLES + 1),
                is_group ? "Group" : "User", is_group ? PICK(random, groups) : PICK(random, users));
    create(w, namespace ? RESOURCE_rolebindings : RESOURCE_clusterrolebindings, namespace, &t);
}

static void populate(struct world *w, struct random_stream *random)
{
    for (size_t i = 0; i < ARRAY_COUNT(namespaces); i++) {
        AUTO(text) struct text t = {0};
        text_printf(&t,
                    "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"}}",
                    namespaces[i]);
        create(w, RESOURCE_namespaces, NULL, &t);
        for (int r = 0; r < ROLES; r++)
            add_role(w, random, namespaces[i], r);
    }
    for (int r = 0; r < ROLES; r++)
        add_role(w, random, NULL, r);
    for (int b = 0; b < BINDINGS; b++)
        add_binding(w, random, b);
    world_run(w, 200);
}

/* ---- three answers ---- */

struct question {
    size_t kind, verb;
    const char *namespace, *name; /* NULL: all; none */
};

static bool ask_review(struct world *w, const struct question *q)
{
    struct request *r = request_new(VERB_CREATE, resource_get(RESOURCE_selfsubjectaccessreviews));
    AUTO(text) struct text t = {0};
    text_printf(
        &t,
        "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\","
        "\"spec\":{\"resourceAttributes\":{\"verb\":\"%s\",\"group\":\"%s\",\"resource\":\"%s\","
        "\"namespace\":\"%s\",\"name\":\"%s\"}}}",
        verbs[q->verb].text, kinds[q->kind].group, kinds[q->kind].plural,
        q->namespace ? q->namespace : "", q->name ? q->name : "");
    r->body = parse(text_c(&t));
    const struct response *a = ask(w, r);
    expect_ok(a, 201);
    return VALUE_BOOL_AT(a->body, status, allowed);
}

static bool ask_itself(struct world *w, const struct question *q)
{
    struct request *r;
    if (verbs[q->verb].verb == VERB_LIST) {
        r = request_new(VERB_LIST, resource_get(kinds[q->kind].resource));
        if (q->namespace)
            r->namespace = value_string(str_from(q->namespace));
    } else {
        r = on_key(verbs[q->verb].verb, kinds[q->kind].resource, q->namespace ? q->namespace : "",
                   q->name);
    }
    if (verbs[q->verb].verb == VERB_PATCH) {
        r->patch_type = PATCH_MERGE;
        r->body = parse("{\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
    }
    const struct response *a = ask(w, r);
    CU_ASSERT(a->code == 403 || a->code == 404 || a->code == 200);
    return a->code != 403;
}

static bool has(struct value list, const char *text)
{
    for (size_t i = 0; i < value_count(list); i++)
        if (value_is(value_at(list, i), text) || value_is(value_at(list, i), "*"))
            return true;
    return false;
}

/* As a reader of the answer would: `rules` hold in the namespace that was asked about. */
static bool rules_say(struct value rules, const struct question *q)
{
    for (size_t i = 0; i < value_count(rules); i++) {
        struct value r = value_at(rules, i), only = VALUE_GET(r, resourceNames);
        bool is_named = value_count(only) == 0;
        for (size_t n = 0; n < value_count(only); n++)
            is_named |= q->name && value_is(value_at(only, n), q->name);
        if (is_named && has(VALUE_GET(r, verbs), verbs[q->verb].text) &&
            has(VALUE_GET(r, apiGroups), kinds[q->kind].group) &&
            has(VALUE_GET(r, resources), kinds[q->kind].plural))
            return true;
    }
    return false;
}

static bool ask_rules(struct world *w, const struct question *q)
{
    struct request *r = request_new(VERB_CREATE, resource_get(RESOURCE_selfsubjectrulesreviews));
    AUTO(text) struct text t = {0};
    text_printf(&t,
                "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectRulesReview\","
                "\"spec\":{\"namespace\":\"%s\"}}",
                q->namespace ? q->namespace : "nowhere");
    r->body = parse(text_c(&t));
    const struct response *a = ask(w, r);
    expect_ok(a, 201);
    return rules_say(VALUE_GET(a->body, status, resourceRules), q);
}

static void one_seed(uint64_t seed, size_t *allowed)
{
    struct world w;
    struct random_stream random = random_stream(seed, 1, 1, 1);
    world_start(&w, &(struct world_options){0});
    populate(&w, &random);
    for (int i = 0; i < REQUESTS; i++) {
        struct question q = {.kind = random_below(&random, ARRAY_COUNT(kinds))};
        q.verb = random_below(&random, ARRAY_COUNT(verbs));
        struct str own[2] = {str_from(PICK(&random, groups)), S("")};
        const char *user = PICK(&random, users);
        bool is_list = verbs[q.verb].verb == VERB_LIST;
        if (kinds[q.kind].is_namespaced && !(is_list && random_below(&random, 3) == 0))
            q.namespace = PICK(&random, namespaces);
        if (!is_list)
            q.name = PICK(&random, names);
        const struct credential *who =
            credential_certificate(str_from(user), own, random_below(&random, 2));
        w.who = who;
        bool review = ask_review(&w, &q), rules = ask_rules(&w, &q), itself = ask_itself(&w, &q);
        w.who = NULL;
        credential_unref(who);
        if (review != itself || rules != itself) {
            printf("\n  seed %" PRIu64 " request %d: %s %s %s %s/%s: review %d, rules %d, itself "
                   "%d\n",
                   seed, i, user, verbs[q.verb].text, kinds[q.kind].plural,
                   q.namespace ? q.namespace : "", q.name ? q.name : "", review, rules, itself);
            CU_FAIL("the answers differ");
        }
        *allowed += itself;
    }
    world_end(&w);
}

static void test_answers_agree(void)
{
    size_t allowed = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        one_seed(seed, &allowed);
    /* Both answers must come up often, or the test says nothing. */
    CU_ASSERT(allowed > SEEDS * REQUESTS / 10);
    CU_ASSERT(allowed < SEEDS * REQUESTS * 9 / 10);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"three answers agree", test_answers_agree}, CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"random roles", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
