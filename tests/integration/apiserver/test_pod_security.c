/* SPDX-License-Identifier: Apache-2.0
 *
 * Pod Security through the whole server: who is refused, who is warned, and what a namespace hears
 * when its policy changes. Each check by itself is in tests/unit/cluster/apiserver.
 */
#include "sim/base/base.h"

#include "tests/integration/apiserver/world.h"

#define CORE "{\"apiVersion\":\"v1\",\"kind\":"
#define POD(name, metadata, container)                                                             \
    CORE "\"Pod\",\"metadata\":{" metadata "\"name\":\"" name "\"},\"spec\":{\"containers\":[{"    \
         "\"name\":\"c\",\"image\":\"x\"" container "}]}}"
#define PRIVILEGED ",\"securityContext\":{\"privileged\":true}"
#define IS_PRIVILEGED "privileged (container \"c\" must not set securityContext.privileged=true)"

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

static const struct response *label(struct world *w, const char *key, const char *level)
{
    AUTO(text) struct text patch = {0};
    text_printf(&patch, "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/%s\":\"%s\"}}}",
                key, level);
    const struct response *r = ask(w, patch_of(RESOURCE_namespaces, "", "ns", text_c(&patch)));
    world_run(w, 50);
    return r;
}

static void expect_warnings(const struct response *r, size_t count, const char *const *texts)
{
    CU_ASSERT_EQUAL(value_count(r->warnings), count);
    for (size_t i = 0; i < value_count(r->warnings) || i < count; i++) {
        struct str got = value_str(value_at(r->warnings, i));
        if (i < count && str_equal(got, str_from(texts[i])))
            continue;
        printf("\n  got  %.*s\n  want %s\n", STR_ARG(got), i < count ? texts[i] : "");
        CU_FAIL("another warning");
    }
}

/* What is enforced refuses pods, and warns who makes workloads; a version is named. */
static void test_enforce(void)
{
    struct world w;
    start(&w);
    expect_ok(label(&w, "enforce", "baseline"), 200);
    expect_ok(label(&w, "enforce-version", "v1.20"), 200);
    expect_refusal(
        ask(&w, create_of(RESOURCE_pods, "ns", POD("a", "", PRIVILEGED))), 403, "Forbidden",
        "pods \"a\" is forbidden: violates PodSecurity \"baseline:v1.20\": " IS_PRIVILEGED);
    static const char *const warning[] = {
        "would violate PodSecurity \"baseline:v1.20\": " IS_PRIVILEGED};
    const struct response *r = ask(
        &w, create_of(RESOURCE_deployments, "ns",
                      "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
                      "\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{"
                      "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":"
                      "\"c\",\"image\":\"x\"" PRIVILEGED "}]}}}}"));
    expect_ok(r, 201);
    expect_warnings(r, 1, warning);
    /* Who says privileged for warn hears nothing. */
    expect_ok(label(&w, "warn", "privileged"), 200);
    r = ask(&w,
            patch_of(RESOURCE_deployments, "ns", "d", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}"));
    expect_ok(r, 200);
    expect_warnings(r, 0, NULL);
    world_end(&w);
}

/* warn admits, and its own version counts. */
static void test_warn(void)
{
    struct world w;
    start(&w);
    expect_ok(label(&w, "warn", "restricted"), 200);
    expect_ok(label(&w, "warn-version", "v1.7"), 200);
    static const char *const warning[] = {
        "would violate PodSecurity \"restricted:v1.7\": runAsNonRoot != true (pod or container "
        "\"c\" must set securityContext.runAsNonRoot=true)"};
    const struct response *r = ask(&w, create_of(RESOURCE_pods, "ns", POD("a", "", "")));
    expect_ok(r, 201);
    expect_warnings(r, 1, warning);
    world_end(&w);
}

/* Of a pod that is there only new images and new containers are looked at. */
static void test_updates(void)
{
    struct world w;
    start(&w);
    expect_ok(ask(&w, create_of(RESOURCE_pods, "ns", POD("a", "", PRIVILEGED))), 201);
    expect_ok(ask(&w, create_of(RESOURCE_pods, "ns", POD("b", "", ""))), 201);
    world_run(&w, 50);
    expect_ok(label(&w, "enforce", "baseline"), 200);
    expect_ok(
        ask(&w, patch_of(RESOURCE_pods, "ns", "a", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}")),
        200);
    struct request *image =
        patch_of(RESOURCE_pods, "ns", "a",
                 "[{\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"y\"}]");
    image->patch_type = PATCH_JSON;
    expect_refusal(
        ask(&w, image), 403, "Forbidden",
        "pods \"a\" is forbidden: violates PodSecurity \"baseline:latest\": " IS_PRIVILEGED);
    struct request *debug = patch_of(
        RESOURCE_pods, "ns", "b",
        "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"e\",\"image\":\"x\"" PRIVILEGED "}]}}");
    debug->subresource = SUBRESOURCE_EPHEMERALCONTAINERS;
    expect_refusal(ask(&w, debug), 403, "Forbidden",
                   "pods \"b\" is forbidden: violates PodSecurity \"baseline:latest\": privileged "
                   "(container \"e\" must not set securityContext.privileged=true)");
    world_end(&w);
}

/* Pods with the same reasons share a line; lines are in order. A laxer policy says nothing. */
static void test_existing_pods(void)
{
    struct world w;
    start(&w);
    expect_ok(ask(&w, create_of(RESOURCE_pods, "ns", POD("c", "", PRIVILEGED))), 201);
    expect_ok(ask(&w, create_of(RESOURCE_pods, "ns", POD("b", "", PRIVILEGED))), 201);
    expect_ok(ask(&w, create_of(RESOURCE_pods, "ns", POD("d", "", PRIVILEGED))), 201);
    expect_ok(ask(&w, create_of(RESOURCE_pods, "ns",
                                POD("a", "",
                                    ",\"securityContext\":{\"procMount\":\"Default\","
                                    "\"capabilities\":{\"add\":[\"ALL\"]}}"))),
              201);
    world_run(&w, 50);
    static const char *const baseline[] = {
        "existing pods in namespace \"ns\" violate the new PodSecurity enforce level "
        "\"baseline:latest\"",
        "a: non-default capabilities", "b (and 2 other pods): privileged"};
    expect_warnings(label(&w, "enforce", "baseline"), 3, baseline);
    expect_warnings(label(&w, "enforce", "baseline"), 0, NULL);
    static const char *const old[] = {
        "existing pods in namespace \"ns\" violate the new PodSecurity enforce level "
        "\"baseline:v1.0\"",
        "a: non-default capabilities", "b (and 2 other pods): privileged"};
    expect_warnings(label(&w, "enforce-version", "v1.0"), 3, old);
    expect_warnings(label(&w, "enforce", "privileged"), 0, NULL);
    world_end(&w);
}

/* Each label that cannot be read is told of. */
static void test_labels(void)
{
    struct world w;
    start(&w);
    expect_refusal(label(&w, "enforce-version", "v1.036"), 422, "Invalid",
                   "Namespace \"ns\" is invalid: metadata.labels[pod-security.kubernetes.io/"
                   "enforce-version]: Invalid value: \"v1.036\": must be \"latest\" or \"v1.x\"");
    expect_refusal(
        ask(&w, patch_of(RESOURCE_namespaces, "", "ns",
                         "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/warn-version\":"
                         "\"1.2\",\"pod-security.kubernetes.io/audit\":\"x\"}}}")),
        422, "Invalid",
        "Namespace \"ns\" is invalid: [metadata.labels[pod-security.kubernetes.io/audit]: Invalid "
        "value: \"x\": must be one of privileged, baseline, restricted, "
        "metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"1.2\": must be "
        "\"latest\" or \"v1.x\"]");
    expect_ok(label(&w, "audit-version", "v1.99"), 200);
    world_end(&w);
}

/* A profile that is an annotation becomes the field; both are refused. */
static void test_apparmor(void)
{
    struct world w;
    start(&w);
#define ANNOTATED(name, profile)                                                                   \
    POD(name,                                                                                      \
        "\"annotations\":{\"container.apparmor.security.beta.kubernetes.io/c\":\"" profile "\"},", \
        "")
    static const char *const deprecated[] = {
        "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since "
        "v1.30; use the \"appArmorProfile\" field instead"};
    const struct response *r =
        ask(&w, create_of(RESOURCE_pods, "ns", ANNOTATED("a", "localhost/x")));
    expect_ok(r, 201);
    expect_warnings(r, 1, deprecated);
    struct value profile = VALUE_GET(value_at(VALUE_GET(r->body, spec, containers), 0),
                                     securityContext, appArmorProfile);
    CU_ASSERT_TRUE(VALUE_IS(profile, "Localhost", type));
    CU_ASSERT_TRUE(VALUE_IS(profile, "x", localhostProfile));
    expect_ok(label(&w, "enforce", "baseline"), 200);
    expect_refusal(ask(&w, create_of(RESOURCE_pods, "ns", ANNOTATED("b", "unconfined"))), 403,
                   "Forbidden",
                   "pods \"b\" is forbidden: violates PodSecurity \"baseline:latest\": forbidden "
                   "AppArmor profiles (container \"c\" and annotation must not set AppArmor "
                   "profile type to \"Unconfined\", "
                   "\"container.apparmor.security.beta.kubernetes.io/c=\"unconfined\"\")");
    world_end(&w);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"enforce", test_enforce}, {"warn", test_warn},
                                  {"updates", test_updates}, {"existing pods", test_existing_pods},
                                  {"labels", test_labels},   {"AppArmor", test_apparmor},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"pod security", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
