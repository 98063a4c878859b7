/* SPDX-License-Identifier: Apache-2.0
 *
 * A user compares a refusal word by word: the Status that answers a bad request must be the one of
 * a real API server, with its code, reason, message, details and causes. The requests go through
 * the whole server, from outside (not typed), one after another; refusals.def is the table.
 */
#include "sim/base/base.h"

#include "tests/integration/apiserver/world.h"

#define X43 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X129 X43 X43 X43

enum who { ADMIN, MALLORY, ANONYMOUS };

struct refusal {
    const char *what;
    enum verb verb;
    enum resource_known resource;
    const char *namespace, *name;
    enum subresource subresource;
    enum patch_type patch;
    enum who who;
    bool is_strict, force, initial_events;
    const char *manager, *labels, *fields, *version;
    const char *body;
    int code;
    const char *reason, *message, *details;
};

static const struct refusal refusals[] = {
#include "tests/integration/apiserver/refusals.def"
};

static struct value text_or_absent(const char *s)
{
    return s ? value_string(str_from(s)) : VALUE_ABSENT;
}

static struct request *request_of(const struct refusal *x)
{
    const char *namespace = x->namespace ? x->namespace : "";
    struct request *r = x->name ? on_key(x->verb, x->resource, namespace, x->name)
                                : request_new(x->verb, resource_get(x->resource));
    if (!x->name)
        r->namespace = text_or_absent(x->namespace);
    r->subresource = x->subresource;
    r->patch_type = x->patch;
    r->field_validation = x->is_strict ? FIELD_VALIDATION_STRICT : FIELD_VALIDATION_WARN;
    r->force = x->force;
    r->field_manager = text_or_absent(x->manager);
    if (x->body)
        r->body = parse(x->body);
    if (x->verb == VERB_LIST || x->verb == VERB_WATCH) {
        struct list_options *l = request_list_options(r);
        l->label_selector = text_or_absent(x->labels);
        l->field_selector = text_or_absent(x->fields);
        l->resource_version = text_or_absent(x->version);
        l->allow_bookmarks = x->initial_events;
        l->send_initial_events = x->initial_events ? 1 : -1;
    }
    return r;
}

static void expect_details(const struct refusal *x, struct value status)
{
    struct value got = VALUE_GET(status, details);
    struct value want = x->details ? parse(x->details) : VALUE_ABSENT;
    if (!value_equal(got, want)) {
        AUTO(text) struct text t = {0};
        json_write(got, &t);
        printf("\n  %s: details are %s\n", x->what, text_c(&t));
        CU_FAIL("other details");
    }
    value_drop(want);
}

/* What the requests of the table find. */
static void put_objects(struct world *w)
{
    static const struct {
        enum resource_known resource;
        const char *namespace, *body;
    } objects[] = {
        {RESOURCE_serviceaccounts, "default",
         "{\"apiVersion\": \"v1\", \"kind\": \"ServiceAccount\", \"metadata\": {\"name\": "
         "\"default\"}}"},
        {RESOURCE_nodes, NULL,
         "{\"apiVersion\": \"v1\", \"kind\": \"Node\", \"metadata\": {\"name\": \"fake-0\"}}"},
        {RESOURCE_configmaps, "default",
         "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": "
         "\"settings\"}}"},
        {RESOURCE_configmaps, "default",
         "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"notes\"}}"},
        {RESOURCE_configmaps, "default",
         "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"frozen\"},"
         " \"immutable\": true, \"data\": {\"a\": \"1\"}}"},
        {RESOURCE_rolebindings, "default",
         "{\"apiVersion\": \"rbac.authorization.k8s.io/v1\", \"kind\": \"RoleBinding\", "
         "\"metadata\": "
         "{\"name\": \"viewers\"}, \"roleRef\": {\"apiGroup\": \"rbac.authorization.k8s.io\", "
         "\"kind\": "
         "\"ClusterRole\", \"name\": \"view\"}, \"subjects\": []}"},
        {RESOURCE_deployments, "default",
         "{\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"metadata\": {\"name\": "
         "\"web\"}, "
         "\"spec\": {\"replicas\": 0, \"selector\": {\"matchLabels\": {\"a\": \"b\"}}, "
         "\"template\": "
         "{\"metadata\": {\"labels\": {\"a\": \"b\"}}, \"spec\": {\"containers\": [{\"name\": "
         "\"c\", "
         "\"image\": \"x\"}]}}}}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(objects); i++)
        expect_ok(ask(w, create_of(objects[i].resource, objects[i].namespace, objects[i].body)),
                  201);
}

static void test_refusals(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    put_objects(&w);
    struct str group = S("system:authenticated");
    struct credential *nobody = mem_new(struct credential);
    *nobody = (struct credential){.references = 1, .kind = CREDENTIAL_ANONYMOUS};
    const struct credential *people[] = {[ADMIN] = credential_ref(w.admin),
                                         [MALLORY] =
                                             credential_certificate(S("mallory"), &group, 1),
                                         [ANONYMOUS] = nobody};

    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
        const struct refusal *x = &refusals[i];
        w.who = people[x->who];
        const struct response *r = ask(&w, request_of(x));
        if (r->code != x->code)
            printf("\n  %s:", x->what);
        expect_refusal(r, x->code, x->reason, x->message);
        CU_ASSERT_TRUE(VALUE_IS(r->body, "Failure", status));
        expect_details(x, r->body);
    }

    for (size_t i = 0; i < ARRAY_COUNT(people); i++)
        credential_unref(people[i]);
    world_end(&w);
}

/* A dry run shows the address of the range itself, since it takes none. */
static void test_dry_run_of_a_service(void)
{
    struct world w;
    world_start(&w, &(struct world_options){0});
    struct request *r =
        create_of(RESOURCE_services, "default",
                  "{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": "
                  "{\"name\": \"front\"}, \"spec\": {\"ports\": [{\"port\": 80}]}}");
    r->dry_run = true;

    const struct response *answer = ask(&w, r);

    expect_ok(answer, 201);
    CU_ASSERT_TRUE(VALUE_IS(answer->body, "10.96.0.0", spec, clusterIP));
    world_end(&w);
}

int main(void)
{
    CU_TestInfo tests[] = {{"refusals are those of a real API server", test_refusals},
                           {"a dry run of a Service", test_dry_run_of_a_service},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"refusals", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
