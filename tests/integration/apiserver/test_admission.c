/* SPDX-License-Identifier: Apache-2.0
 *
 * Admission and namespaces through the whole server: what the plugins fill in and what they refuse,
 * in Kubernetes' words.
 */
#include "sim/base/base.h"

#include "tests/integration/apiserver/world.h"

#define CORE "{\"apiVersion\":\"v1\",\"kind\":"
#define POD(name, spec)                                                                            \
    CORE "\"Pod\",\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec                            \
         "\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}"

static void start(struct world *w)
{
    world_start(w, &(struct world_options){.bare = true});
    expect_ok(ask(w, create_of(RESOURCE_namespaces, NULL,
                               CORE "\"Namespace\",\"metadata\":{\"name\":\"ns\"}}")),
              201);
    expect_ok(ask(w, create_of(RESOURCE_serviceaccounts, "ns",
                               CORE "\"ServiceAccount\",\"metadata\":{\"name\":\"default\"}}")),
              201);
    world_run(w, 50);
}

/* A LimitRange gives defaults, says so in an annotation, and bounds. */
static void test_limit_range(void)
{
    struct world w;
    start(&w);
    expect_ok(
        ask(&w,
            create_of(RESOURCE_limitranges, "ns",
                      CORE "\"LimitRange\",\"metadata\":{\"name\":\"lr\"},\"spec\":{\"limits\":[{"
                           "\"type\":\"Container\",\"default\":{\"cpu\":\"500m\"},"
                           "\"defaultRequest\":{\"cpu\":\"100m\"},\"max\":{\"cpu\":\"1\"}}]}}")),
        201);
    world_run(&w, 50);

    const struct response *r = ask(&w, create_of(RESOURCE_pods, "ns", POD("a", "")));
    expect_ok(r, 201);
    struct value container = value_at(VALUE_GET(r->body, spec, containers), 0);
    CU_ASSERT_TRUE(
        value_is(value_get_key(VALUE_GET(container, resources, limits), S("cpu")), "500m"));
    CU_ASSERT_TRUE(
        value_is(value_get_key(VALUE_GET(container, resources, requests), S("cpu")), "100m"));
    CU_ASSERT_TRUE(
        value_is(object_annotation(r->body, S("kubernetes.io/limit-ranger")),
                 "LimitRanger plugin set: cpu request for container c; cpu limit for container c"));
    expect_refusal(ask(&w, create_of(RESOURCE_pods, "ns",
                                     CORE "\"Pod\",\"metadata\":{\"name\":\"b\"},\"spec\":{"
                                          "\"containers\":[{\"name\":\"c\",\"image\":\"x\","
                                          "\"resources\":{\"limits\":{\"cpu\":\"2\"}}}]}}")),
                   403, "Forbidden",
                   "pods \"b\" is forbidden: maximum cpu usage per Container is 1, but limit is 2");

    world_end(&w);
}

/* Priority classes, service accounts, runtime classes that are not there. */
static void test_missing_things(void)
{
    struct world w;
    start(&w);
    expect_refusal(
        ask(&w, create_of(RESOURCE_pods, "ns", POD("a", "\"priorityClassName\":\"x\","))), 403,
        "Forbidden", "pods \"a\" is forbidden: no PriorityClass with name x was found");
    expect_refusal(
        ask(&w, create_of(RESOURCE_pods, "ns", POD("a", "\"serviceAccountName\":\"sa\","))), 403,
        "Forbidden",
        "pods \"a\" is forbidden: error looking up service account ns/sa: serviceaccount \"sa\" "
        "not found");
    expect_refusal(ask(&w, create_of(RESOURCE_pods, "ns", POD("a", "\"runtimeClassName\":\"x\","))),
                   403, "Forbidden",
                   "pods \"a\" is forbidden: pod rejected: RuntimeClass \"x\" not found");
    expect_ok(ask(&w, create_of(RESOURCE_priorityclasses, NULL,
                                "{\"apiVersion\":\"scheduling.k8s.io/"
                                "v1\",\"kind\":\"PriorityClass\",\"metadata\":{\"name\":\"high\"},"
                                "\"value\":1000,\"globalDefault\":true}")),
              201);
    world_run(&w, 50);
    const struct response *r = ask(&w, create_of(RESOURCE_pods, "ns", POD("a", "")));
    expect_ok(r, 201);
    CU_ASSERT_EQUAL(VALUE_INT(r->body, 0, spec, priority), 1000);
    CU_ASSERT_TRUE(VALUE_IS(r->body, "high", spec, priorityClassName));
    world_end(&w);
}

/* The restricted level refuses a plain pod with all its reasons. */
static void test_pod_security(void)
{
    struct world w;
    start(&w);
    expect_ok(ask(&w, patch_of(RESOURCE_namespaces, "", "ns",
                               "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/"
                               "enforce\":\"restricted\"}}}")),
              200);
    world_run(&w, 50);
    expect_refusal(ask(&w, create_of(RESOURCE_pods, "ns", POD("a", ""))), 403, "Forbidden",
                   "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": "
                   "allowPrivilegeEscalation != false (container \"c\" must set "
                   "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities "
                   "(container \"c\" must set "
                   "securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or "
                   "container \"c\" must set "
                   "securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" "
                   "must set securityContext.seccompProfile.type to "
                   "\"RuntimeDefault\" or \"Localhost\")");
    world_end(&w);
}

static void expect_warning(const struct response *r, size_t index, const char *text)
{
    CU_ASSERT(str_equal(value_str(value_at(r->warnings, index)), str_from(text)));
}

/* A level that there is not is refused; one that rises over a pod warns of it. */
static void test_pod_security_of_namespaces(void)
{
    struct world w;
    start(&w);
    expect_refusal(
        ask(&w, patch_of(RESOURCE_namespaces, "", "ns",
                         "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/"
                         "warn\":\"foo\"}}}")),
        422, "Invalid",
        "Namespace \"ns\" is invalid: metadata.labels[pod-security.kubernetes.io/warn]: Invalid "
        "value: \"foo\": must be one of privileged, baseline, restricted");
    expect_ok(ask(&w, create_of(RESOURCE_pods, "ns", POD("a", ""))), 201);
    world_run(&w, 50);
    const struct response *r = ask(&w, patch_of(RESOURCE_namespaces, "", "ns",
                                                "{\"metadata\":{\"labels\":{\"pod-security."
                                                "kubernetes.io/enforce\":\"restricted\"}}}"));
    expect_ok(r, 200);
    expect_warning(r, 0,
                   "existing pods in namespace \"ns\" violate the new PodSecurity enforce level "
                   "\"restricted:latest\"");
    expect_warning(r, 1,
                   "a: allowPrivilegeEscalation != false, unrestricted capabilities, "
                   "runAsNonRoot != true, seccompProfile");
    world_end(&w);
}

/* A namespace terminates: nothing new in it, and it goes when its finalizer is taken off. */
static void test_namespace(void)
{
    struct world w;
    start(&w);
    const struct response *r = ask(&w, on_key(VERB_GET, RESOURCE_namespaces, "", "ns"));
    CU_ASSERT_TRUE(value_is(object_label(r->body, S("kubernetes.io/metadata.name")), "ns"));
    r = ask(&w, on_key(VERB_DELETE, RESOURCE_namespaces, "", "ns"));
    expect_ok(r, 200);
    CU_ASSERT_TRUE(VALUE_IS(r->body, "Terminating", status, phase));
    world_run(&w, 50);
    expect_refusal(ask(&w, create_of(RESOURCE_configmaps, "ns",
                                     CORE "\"ConfigMap\",\"metadata\":{\"name\":\"x\"}}")),
                   403, "Forbidden",
                   "configmaps \"x\" is forbidden: unable to create new content in namespace ns "
                   "because it is being terminated");
    struct request *f = on_key(VERB_UPDATE, RESOURCE_namespaces, "", "ns");
    f->subresource = SUBRESOURCE_FINALIZE;
    f->body = VALUE_REMOVE(value_keep(r->body), spec, finalizers);
    expect_ok(ask(&w, f), 200);
    expect_refusal(ask(&w, on_key(VERB_GET, RESOURCE_namespaces, "", "ns")), 404, "NotFound",
                   "namespaces \"ns\" not found");
    world_end(&w);
}

/* Volumes: the default class, finalizers against deletion while in use, no growth of what is not
 * bound. */
static void test_storage(void)
{
    struct world w;
    start(&w);
    expect_ok(ask(&w, create_of(RESOURCE_storageclasses, NULL,
                                "{\"apiVersion\":\"storage.k8s.io/"
                                "v1\",\"kind\":\"StorageClass\",\"metadata\":{\"name\":\"sc\","
                                "\"annotations\":{\"storageclass.kubernetes.io/"
                                "is-default-class\":\"true\"}},\"provisioner\":\"x/y\"}")),
              201);
    world_run(&w, 50);
    const struct response *r =
        ask(&w, create_of(RESOURCE_persistentvolumeclaims, "ns",
                          CORE "\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"p\"},\"spec\":{"
                               "\"accessModes\":[\"ReadWriteOnce\"],"
                               "\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}"));
    expect_ok(r, 201);
    CU_ASSERT_TRUE(VALUE_IS(r->body, "sc", spec, storageClassName));
    CU_ASSERT_TRUE(object_has_finalizer(r->body, S("kubernetes.io/pvc-protection")));
    world_end(&w);
}

/* The kubelets' watches: a pod is told to its node alone, one secret to who asks for it. */
static void test_narrow_watches(void)
{
    struct world w;
    start(&w);
    struct request *q = request_new(VERB_WATCH, resource_get(RESOURCE_pods));
    request_list_options(q)->field_selector = value_string(S("spec.nodeName=n1"));
    uint64_t n1 = send_to(&w, 0, q);
    q = request_new(VERB_WATCH, resource_get(RESOURCE_pods));
    request_list_options(q)->field_selector = value_string(S("spec.nodeName=n2"));
    uint64_t n2 = send_to(&w, 0, q);
    q = request_new(VERB_WATCH, resource_get(RESOURCE_secrets));
    q->namespace = value_string(S("ns"));
    request_list_options(q)->field_selector = value_string(S("metadata.name=s"));
    uint64_t secret = send_to(&w, 0, q);
    expect_ok(ask(&w, create_of(RESOURCE_pods, "ns", POD("a", ""))), 201);
    expect_ok(ask(&w, create_of(RESOURCE_secrets, "ns",
                                CORE "\"Secret\",\"metadata\":{\"name\":\"other\"}}")),
              201);
    expect_ok(ask(&w, create_of(RESOURCE_secrets, "ns",
                                CORE "\"Secret\",\"metadata\":{\"name\":\"s\"}}")),
              201);
    struct request *b = on_key(VERB_CREATE, RESOURCE_pods, "ns", "a");
    b->subresource = SUBRESOURCE_BINDING;
    b->body = parse(CORE "\"Binding\",\"metadata\":{\"name\":\"a\"},\"target\":{\"kind\":\"Node\","
                         "\"name\":\"n1\"}}");
    expect_ok(ask(&w, b), 201);
    world_run(&w, 50);
    size_t of_n1 = 0, of_n2 = 0, of_secret = 0;
    struct client_state *c = world_client(&w, 0);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct watch_event *e = c->events.items[i];
        of_n1 += e->id == n1;
        of_n2 += e->id == n2;
        of_secret += e->id == secret;
        if (e->id == n1)
            CU_ASSERT_EQUAL(e->type, WATCH_ADDED);
        if (e->id == secret)
            CU_ASSERT_TRUE(VALUE_IS(e->object, "s", metadata, name));
    }
    CU_ASSERT_EQUAL(of_n1, 1);
    CU_ASSERT_EQUAL(of_n2, 0);
    CU_ASSERT_EQUAL(of_secret, 1);
    world_end(&w);
}

/* Events end by themselves after an hour; a PUT of a Lease creates it. */
static void test_events_and_leases(void)
{
    struct world w;
    start(&w);
    expect_ok(
        ask(&w,
            create_of(RESOURCE_events, "ns",
                      CORE
                      "\"Event\",\"metadata\":{\"name\":\"e\",\"namespace\":\"ns\"},"
                      "\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"ns\",\"name\":\"a\"},"
                      "\"reason\":\"R\",\"message\":\"m\",\"type\":\"Normal\"}")),
        201);
    expect_ok(ask(&w, update_of(RESOURCE_leases, "ns", "l",
                                parse("{\"apiVersion\":\"coordination.k8s.io/"
                                      "v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"l\","
                                      "\"namespace\":\"ns\"},\"spec\":{}}"))),
              201);
    world_run(&w, 3500 * 1000);
    expect_ok(ask(&w, on_key(VERB_GET, RESOURCE_events, "ns", "e")), 200);
    world_run(&w, 300 * 1000);
    expect_refusal(ask(&w, on_key(VERB_GET, RESOURCE_events, "ns", "e")), 404, "NotFound",
                   "events \"e\" not found");
    world_end(&w);
}

/* With a service time the server is slow, in order, and refuses what does not fit into the line. */
static void test_overload(void)
{
    struct world w;
    world_start(&w, &(struct world_options){.flags = {.service_time = duration_ms(20),
                                                      .max_requests_inflight = 8,
                                                      .max_mutating_requests_inflight = 4}});
    world_run(&w, 20000);
    const struct credential *alice = credential_certificate(S("alice"), NULL, 0);
    w.who = alice;
    uint64_t ids[8000];
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
        ids[i] = send_to(&w, 0, on_key(VERB_GET, RESOURCE_configmaps, "default", "x"));
    world_run(&w, 1000);
    size_t refused = 0, answered = 0;
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        const struct response *r = answer_to(&w, 0, ids[i]);
        refused += r && r->code == 429;
        answered += r && r->code == 403;
    }
    CU_ASSERT_TRUE(refused > 1000);
    CU_ASSERT_TRUE(answered > 20 && answered < 60);
    w.who = NULL; /* the administrator is exempt */
    expect_ok(ask(&w, on_key(VERB_GET, RESOURCE_namespaces, "", "default")), 200);
    credential_unref(alice);
    world_end(&w);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"limit range", test_limit_range},
                                  {"missing things", test_missing_things},
                                  {"pod security", test_pod_security},
                                  {"pod security of namespaces", test_pod_security_of_namespaces},
                                  {"namespace", test_namespace},
                                  {"storage", test_storage},
                                  {"narrow watches", test_narrow_watches},
                                  {"events and leases", test_events_and_leases},
                                  {"overload", test_overload},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"admission", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
