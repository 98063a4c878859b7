/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each kind gets the values that the API server fills in, and an object that has them passes
 * as the very same word. Method: small objects and what they become; sums over pods.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/defaults.h"
#include "cluster/api/json.h"
#include "cluster/api/podspec.h"
#include "cluster/api/strategy.h"
#include "cluster/api/value_heap.h"

static void expect(const char *what, struct value got, struct value wanted)
{
    bool is_same = value_equal(got, wanted);
    if (!is_same) {
        AUTO(text) struct text a = {0}, b = {0};
        json_write(got, &a);
        json_write(wanted, &b);
        fprintf(stderr, "\n  %s:\n   got    %s\n   wanted %s\n", what, text_c(&a), text_c(&b));
    }
    CU_ASSERT(is_same);
}

#define CONTAINER_DEFAULTS                                                                         \
    "terminationMessagePath: \"/dev/termination-log\", terminationMessagePolicy: File"
#define SPEC_DEFAULTS                                                                              \
    "dnsPolicy: ClusterFirst, restartPolicy: Always, terminationGracePeriodSeconds: 30,"           \
    " schedulerName: \"default-scheduler\", securityContext: {}"
#define TEMPLATE "template: {spec: {" SPEC_DEFAULTS "}}"

static const struct {
    enum resource_known resource;
    const char *before, *after;
} cases[] = {
    {RESOURCE_pods,
     "{spec: {containers: [{name: a, image: nginx}, {name: b, image: \"nginx:1.2\"}]}}",
     "{spec: {enableServiceLinks: true, " SPEC_DEFAULTS ", containers: [{name: a, image: nginx,"
     " imagePullPolicy: Always, " CONTAINER_DEFAULTS "}, {name: b, image: \"nginx:1.2\","
     " imagePullPolicy: IfNotPresent, " CONTAINER_DEFAULTS "}]}}"},
    {RESOURCE_pods,
     "{spec: {hostNetwork: true, serviceAccountName: sa, volumes: [{name: v}, {name: w, configMap: "
     "{name:"
     " c}}], containers: [{name: a, image: \"r:5000/x@sha256:00\", ports: [{containerPort: 80}],"
     " resources: {limits: {cpu: \"1\", memory: 1Gi}, requests: {cpu: 500m}}, livenessProbe: "
     "{httpGet:"
     " {port: 80}}}]}}",
     "{spec: {hostNetwork: true, enableServiceLinks: true, serviceAccountName: sa, serviceAccount: "
     "sa, " SPEC_DEFAULTS
     ", volumes: [{name: v, emptyDir: {}}, {name: w, configMap: {name: c, defaultMode:"
     " 420}}], containers: [{name: a, image: \"r:5000/x@sha256:00\", imagePullPolicy: "
     "IfNotPresent, " CONTAINER_DEFAULTS
     ", ports: [{containerPort: 80, protocol: TCP, hostPort: 80}], resources:"
     " {limits: {cpu: \"1\", memory: 1Gi}, requests: {cpu: 500m, memory: 1Gi}}, livenessProbe: "
     "{httpGet:"
     " {port: 80, path: \"/\", scheme: HTTP}, timeoutSeconds: 1, periodSeconds: 10, "
     "successThreshold: 1,"
     " failureThreshold: 3}}]}}"},
    {RESOURCE_deployments, "{spec: {}}",
     "{spec: {replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: {type:"
     " RollingUpdate, rollingUpdate: {maxUnavailable: \"25%\", maxSurge: \"25%\"}}, " TEMPLATE
     "}}"},
    {RESOURCE_deployments, "{spec: {replicas: 0, strategy: {type: Recreate}}}",
     "{spec: {replicas: 0, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: {type:"
     " Recreate}, " TEMPLATE "}}"},
    {RESOURCE_statefulsets, "{spec: {}}",
     "{spec: {replicas: 1, revisionHistoryLimit: 10, podManagementPolicy: OrderedReady, "
     "updateStrategy:"
     " {type: RollingUpdate, rollingUpdate: {partition: 0}}, persistentVolumeClaimRetentionPolicy:"
     " {whenDeleted: Retain, whenScaled: Retain}, " TEMPLATE "}}"},
    {RESOURCE_daemonsets, "{spec: {}}",
     "{metadata: {annotations: {deprecated.daemonset.template.generation: \"0\"}}, spec: "
     "{revisionHistoryLimit: 10, updateStrategy: {type: RollingUpdate, rollingUpdate:"
     " {maxUnavailable: 1, maxSurge: 0}}, " TEMPLATE "}}"},
    {RESOURCE_jobs, "{spec: {template: {metadata: {labels: {a: b}}}}}",
     "{metadata: {labels: {a: b}}, spec: {completions: 1, parallelism: 1, backoffLimit: 6,"
     " completionMode: NonIndexed, suspend: false, manualSelector: false, podReplacementPolicy:"
     " TerminatingOrFailed, template: {metadata: {labels: {a: b}}, spec: {" SPEC_DEFAULTS "}}}}"},
    {RESOURCE_cronjobs, "{spec: {}}",
     "{spec: {concurrencyPolicy: Allow, suspend: false, successfulJobsHistoryLimit: 3,"
     " failedJobsHistoryLimit: 1, jobTemplate: {spec: {" TEMPLATE "}}}}"},
    {RESOURCE_services, "{spec: {ports: [{port: 80}], sessionAffinity: ClientIP}}",
     "{spec: {type: ClusterIP, sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP:"
     " {timeoutSeconds: 10800}}, internalTrafficPolicy: Cluster, ports: [{port: 80, targetPort: 80,"
     " protocol: TCP}]}}"},
    {RESOURCE_services, "{spec: {type: LoadBalancer, ports: [{port: 80, targetPort: http}]}}",
     "{spec: {type: LoadBalancer, sessionAffinity: None, internalTrafficPolicy: Cluster,"
     " externalTrafficPolicy: Cluster, allocateLoadBalancerNodePorts: true, ports: [{port: 80,"
     " targetPort: http, protocol: TCP}]}}"},
    {RESOURCE_networkpolicies, "{spec: {egress: [{ports: [{port: 53}]}]}}",
     "{spec: {egress: [{ports: [{port: 53, protocol: TCP}]}], policyTypes: [Ingress, Egress]}}"},
    {RESOURCE_endpointslices, "{ports: [{port: 80}]}",
     "{ports: [{name: \"\", port: 80, protocol: TCP}]}"},
    {RESOURCE_namespaces, "{metadata: {name: n, labels: {a: b}}}",
     "{metadata: {name: n, labels: {a: b, \"kubernetes.io/metadata.name\": n}}, status: {phase: "
     "Active}}"},
    {RESOURCE_nodes, "{status: {capacity: {cpu: \"4\"}}}",
     "{status: {capacity: {cpu: \"4\"}, allocatable: {cpu: \"4\"}}}"},
    {RESOURCE_secrets, "{stringData: {p: w, q: \"abc\"}}",
     "{data: {p: \"dw==\", q: \"YWJj\"}, type: Opaque}"},
    {RESOURCE_limitranges,
     "{spec: {limits: [{type: Container, max: {cpu: \"2\"}, min: {memory: 1Mi}}]}}",
     "{spec: {limits: [{type: Container, max: {cpu: \"2\"}, min: {memory: 1Mi}, default: {cpu: "
     "\"2\"},"
     " defaultRequest: {cpu: \"2\", memory: 1Mi}}]}}"},
    {RESOURCE_persistentvolumeclaims, "{spec: {}}",
     "{spec: {volumeMode: Filesystem}, status: {phase: Pending}}"},
    {RESOURCE_rolebindings, "{subjects: [{kind: User, name: a}, {kind: ServiceAccount, name: b}]}",
     "{roleRef: {apiGroup: \"rbac.authorization.k8s.io\"}, subjects: [{kind: User, name: a, "
     "apiGroup:"
     " \"rbac.authorization.k8s.io\"}, {kind: ServiceAccount, name: b}]}"},
    {RESOURCE_horizontalpodautoscalers, "{spec: {maxReplicas: 3, behavior: {scaleDown: {}}}}",
     "{spec: {maxReplicas: 3, minReplicas: 1, metrics: [{type: Resource, resource: {name: cpu, "
     "target:"
     " {type: Utilization, averageUtilization: 80}}}], behavior: {scaleUp: {selectPolicy: Max,"
     " stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 4, periodSeconds: 15}, {type:"
     " Percent, value: 100, periodSeconds: 15}]}, scaleDown: {selectPolicy: Max, policies: [{type:"
     " Percent, value: 100, periodSeconds: 15}]}}}}"},
    {RESOURCE_customresourcedefinitions, "{spec: {names: {kind: Widget, plural: widgets}}}",
     "{spec: {names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}, "
     "conversion:"
     " {strategy: None}}}"},
};

static void test_defaults(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct resource *r = resource_get(cases[i].resource);
        struct value got = default_object(r, value_pack(cases[i].before), VALUE_ABSENT);
        struct value wanted = value_pack(cases[i].after);
        expect(cases[i].before, got, wanted);

        struct value again = default_object(r, value_keep(got), VALUE_ABSENT);
        CU_ASSERT(value_is_same(again, got));

        value_drop(again);
        value_drop(got);
        value_drop(wanted);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static void test_images(void)
{
    static const struct {
        const char *image;
        bool is_latest;
    } images[] = {{"nginx", true},
                  {"nginx:latest", true},
                  {"nginx:1.23", false},
                  {"reg.example.com:5000/a/b", true},
                  {"reg.example.com:5000/a/b:v1", false},
                  {"nginx@sha256:0123", false},
                  {"nginx:latest@sha256:0123", true},
                  {"nginx 1.23.2-alpine", false},
                  {"Nginx", false}};
    for (size_t i = 0; i < ARRAY_COUNT(images); i++)
        CU_ASSERT(image_is_latest(str_from(images[i].image)) == images[i].is_latest);
}

static void test_sums(void)
{
    static const struct {
        const char *spec;
        int64_t cpu_milli, memory;
        const char *qos;
    } pods[] = {
        {"{containers: [{name: a}]}", 0, 0, "BestEffort"},
        {"{containers: [{resources: {requests: {cpu: 100m, memory: 1Ki}}}, {resources: {requests: "
         "{cpu:"
         " \"1\"}}}]}",
         1100, 1024, "Burstable"},
        {"{containers: [{resources: {requests: {cpu: \"1\", memory: 1Ki}, limits: {cpu: \"1\", "
         "memory:"
         " 1Ki}}}]}",
         1000, 1024, "Guaranteed"},
        /* An init container's peak; a sidecar counts with both. */
        {"{initContainers: [{resources: {requests: {cpu: \"2\"}}}], containers: [{resources: "
         "{requests:"
         " {cpu: \"1\"}}}]}",
         2000, 0, "Burstable"},
        {"{initContainers: [{restartPolicy: Always, resources: {requests: {cpu: 500m}}}, "
         "{resources:"
         " {requests: {cpu: \"1\"}}}], containers: [{resources: {requests: {cpu: 800m}}}]}",
         1500, 0, "Burstable"},
        {"{overhead: {cpu: 250m}, containers: [{resources: {requests: {cpu: 100m}}}]}", 350, 0,
         "Burstable"},
        /* The pod's own word counts instead of its containers'. */
        {"{resources: {requests: {cpu: \"3\"}}, containers: [{resources: {requests: {cpu: "
         "\"1\"}}}]}",
         3000, 0, "Burstable"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(pods); i++) {
        AUTO(value) struct value spec = value_pack(pods[i].spec);
        CU_ASSERT(podspec_request_milli(spec, S("cpu")) == pods[i].cpu_milli);
        CU_ASSERT(podspec_request_value(spec, S("memory")) == pods[i].memory);
        CU_ASSERT(str_equal(podspec_qos_class(spec), str_from(pods[i].qos)));
    }
}

/* Strategies: the status is the server's on create, the generation counts what it should. */
static void test_strategies(void)
{
    const struct resource *deployments = resource_get(RESOURCE_deployments);
    AUTO(value)
    struct value created = strategy_prepare_create(
        deployments,
        value_pack("{metadata: {name: d}, spec: {replicas: 1}, status: {replicas: 7}}"));
    AUTO(value)
    struct value wanted = value_pack("{metadata: {name: d, generation: 1}, spec: {replicas: 1}}");
    expect("create", created, wanted);

    AUTO(value)
    struct value scaled = strategy_prepare_update(
        deployments, VALUE_SET(value_keep(created), value_integer(2), spec, replicas), created);
    CU_ASSERT(VALUE_INT(scaled, 0, metadata, generation) == 2);
    AUTO(value)
    struct value labelled = strategy_prepare_update(
        deployments, VALUE_SET(value_keep(created), value_string(S("x")), metadata, labels, app),
        created);
    CU_ASSERT(VALUE_INT(labelled, 0, metadata, generation) == 1);
    AUTO(value)
    struct value annotated = strategy_prepare_update(
        deployments,
        VALUE_SET(value_keep(created), value_string(S("x")), metadata, annotations, app), created);
    CU_ASSERT(VALUE_INT(annotated, 0, metadata, generation) == 2);

    AUTO(value)
    struct value status = strategy_prepare_status_update(
        deployments,
        value_pack("{metadata: {name: d}, spec: {replicas: 9}, status: {replicas: 1}}"), created);
    CU_ASSERT(value_is_same(value_get(status, ATOM_spec), value_get(created, ATOM_spec)));
    CU_ASSERT(VALUE_INT(status, 0, status, replicas) == 1);
    CU_ASSERT(VALUE_INT(status, 0, metadata, generation) == 1);

    AUTO(value)
    struct value job =
        strategy_prepare_create(resource_get(RESOURCE_jobs),
                                value_pack("{metadata: {name: j, uid: u1}, spec: {template: {}}}"));
    CU_ASSERT(value_is(value_get_key(VALUE_GET(job, spec, selector, matchLabels),
                                     S("batch.kubernetes.io/controller-uid")),
                       "u1"));
    CU_ASSERT(value_is(value_get_key(VALUE_GET(job, metadata, labels), S("job-name")), "j"));

    AUTO(value)
    struct value nameless =
        strategy_prepare_create(resource_get(RESOURCE_customresourcedefinitions),
                                value_pack("{spec: {versions: [{storage: true}]}}"));
    AUTO(value) struct value stored = value_pack("[\"\"]");
    expect("a version without a name", VALUE_GET(nameless, status, storedVersions), stored);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("defaults", NULL, NULL);
    CU_add_test(s, "defaults", test_defaults);
    CU_add_test(s, "images", test_images);
    CU_add_test(s, "sums", test_sums);
    CU_add_test(s, "strategies", test_strategies);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
