/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what the API server refuses is refused, in its words, and what it accepts is accepted.
 * Method: tables of objects (given their defaults first, as in the pipeline) with the message of
 * the Status.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/defaults.h"
#include "cluster/api/validate.h"
#include "cluster/api/value_heap.h"

#define SUBDOMAIN                                                                                  \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', "                                                                                        \
    "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "   \
    "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define POD "metadata: {name: p, namespace: d}"
#define GOOD_SPEC "spec: {containers: [{name: c, image: x}]}"
#define DEPLOYMENT(spec)                                                                           \
    "{metadata: {name: m, namespace: d}, spec: {selector: {matchLabels: {app: x}}, template: "     \
    "{metadata: "                                                                                  \
    "{labels: {app: x}}, " GOOD_SPEC "}" spec "}}"

static void expect(const char *what, struct str got, const char *expected)
{
    bool is_same = str_equal(got, str_from(expected));
    if (!is_same)
        fprintf(stderr, "\n  %s:\n   got    %.*s\n   wanted %s\n", what, STR_ARG(got), expected);
    CU_ASSERT(is_same);
}

static void expect_errors(const char *what, const struct resource *r, struct value object,
                          struct field_errors *errors, const char *expected)
{
    struct value status = VALUE_ABSENT;
    if (errors->count > 0)
        status = status_invalid(r, VALUE_STR(object, metadata, name), errors);
    expect(what, errors->count ? VALUE_STR(status, message) : S("ok"), expected);
    field_errors_release(errors);
    value_drop(status);
}

static const struct {
    enum resource_known resource;
    const char *object, *expected;
} creates[] = {
    {RESOURCE_pods, "{" POD ", " GOOD_SPEC "}", "ok"},
    {RESOURCE_pods, "{metadata: {name: Bad_Name, namespace: d}, " GOOD_SPEC "}",
     "Pod \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\": " SUBDOMAIN},
    {RESOURCE_pods, "{" POD "}", "Pod \"p\" is invalid: spec.containers: Required value"},
    {RESOURCE_pods,
     "{" POD
     ", spec: {containers: [{name: c, image: x, ports: [{containerPort: 70000}]}, {name: c, image:"
     " \"\"}]}}",
     "Pod \"p\" is invalid: [spec.containers[0].ports[0].containerPort: Invalid value: 70000: must "
     "be "
     "between 1 and 65535, inclusive, spec.containers[1].image: Required value, "
     "spec.containers[1].name: "
     "Duplicate value: \"c\"]"},
    {RESOURCE_pods,
     "{" POD
     ", spec: {containers: [{name: c, image: x, resources: {requests: {cpu: \"2\"}, limits: {cpu:"
     " \"1\"}}}]}}",
     "Pod \"p\" is invalid: spec.containers[0].resources.requests: Invalid value: \"2\": must be "
     "less than "
     "or equal to cpu limit of 1"},
    {RESOURCE_pods,
     "{" POD
     ", spec: {containers: [{name: c, image: \" x\", volumeMounts: [{name: config, mountPath:"
     " \"/a\"}]}]}}",
     "Pod \"p\" is invalid: [spec.containers[0].volumeMounts[0].name: Not found: \"config\", "
     "spec.containers[0].image: Invalid value: \" x\": must not have leading or trailing "
     "whitespace]"},
    {RESOURCE_pods,
     "{" POD
     ", spec: {restartPolicy: X, tolerations: [{operator: Equal, value: v}], containers: [{name: c,"
     " image: x, livenessProbe: {}}]}}",
     "Pod \"p\" is invalid: [spec.containers[0].livenessProbe: Required value: must specify a "
     "handler "
     "type, spec.restartPolicy: Unsupported value: \"X\": supported values: \"Always\", \"Never\", "
     "\"OnFailure\", spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be "
     "Exists when "
     "`key` is empty, which means \"match all values and all keys\"]"},
    {RESOURCE_pods,
     "{" POD
     ", spec: {nodeName: n, schedulingGates: [{name: a}], containers: [{name: c, image: x}]}}",
     "Pod \"p\" is invalid: spec.nodeName: Forbidden: cannot be set until all schedulingGates have "
     "been "
     "cleared"},
    {RESOURCE_configmaps, "{metadata: {name: bl, namespace: d, labels: {\"a b\": c}}}",
     "ConfigMap \"bl\" is invalid: metadata.labels: Invalid value: \"a b\": name part must consist "
     "of "
     "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
     "character "
     "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
     "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
    {RESOURCE_configmaps, "{metadata: {namespace: d}}",
     "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required"},
    {RESOURCE_secrets,
     "{metadata: {name: s, namespace: d}, type: \"kubernetes.io/tls\", data: {\"tls.crt\": \"\"}}",
     "Secret \"s\" is invalid: data[tls.key]: Required value"},
    {RESOURCE_deployments, DEPLOYMENT(""), "ok"},
    {RESOURCE_deployments, DEPLOYMENT(", replicas: -1"),
     "Deployment.apps \"m\" is invalid: spec.replicas: Invalid value: -1: must be greater than or "
     "equal to 0"},
    {RESOURCE_deployments,
     DEPLOYMENT(", strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: \"0%\"}}"),
     "Deployment.apps \"m\" is invalid: spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "
     "\"0%\": "
     "may not be 0 when `maxSurge` is 0"},
    {RESOURCE_deployments, DEPLOYMENT(", progressDeadlineSeconds: 10, minReadySeconds: 10"),
     "Deployment.apps \"m\" is invalid: spec.progressDeadlineSeconds: Invalid value: 10: must be "
     "greater "
     "than minReadySeconds"},
    {RESOURCE_deployments,
     "{metadata: {name: m, namespace: d}, spec: {selector: {matchLabels: {app: x}}, template: "
     "{metadata:"
     " {labels: {app: other}}, " GOOD_SPEC "}}}",
     "Deployment.apps \"m\" is invalid: spec.template.metadata.labels: Invalid value: "
     "{\"app\":\"other\"}: "
     "`selector` does not match template `labels`"},
    {RESOURCE_services, "{metadata: {name: s, namespace: d}, spec: {}}",
     "Service \"s\" is invalid: spec.ports: Required value"},
    {RESOURCE_services,
     "{metadata: {name: s, namespace: d}, spec: {ports: [{port: 80}, {port: 81, nodePort: "
     "30000}]}}",
     "Service \"s\" is invalid: [spec.ports[0].name: Required value, spec.ports[1].name: Required "
     "value, "
     "spec.ports[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP']"},
    {RESOURCE_ingresses,
     "{metadata: {name: i, namespace: d}, spec: {rules: [{host: a, http: {paths: [{backend:"
     " {service: {name: s}}}]}}]}}",
     "Ingress.networking.k8s.io \"i\" is invalid: [spec.rules[0].http.paths[0].pathType: Required "
     "value: "
     "pathType must be specified, spec.rules[0].http.paths[0].backend: Required value: port name "
     "or number "
     "is required]"},
    {RESOURCE_cronjobs,
     "{metadata: {name: c, namespace: d}, spec: {schedule: \"x y\", jobTemplate: {spec: {template: "
     "{spec:"
     " {restartPolicy: Never, containers: [{name: c, image: x}]}}}}}}",
     "CronJob.batch \"c\" is invalid: spec.schedule: Invalid value: \"x y\": expected exactly 5 "
     "fields, "
     "found 2: [x y]"},
    {RESOURCE_cronjobs,
     "{metadata: {name: c, namespace: d}, spec: {schedule: \"*/5 0-6 1,15 * 1-5\", jobTemplate: "
     "{spec:"
     " {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}}}}}",
     "ok"},
    {RESOURCE_poddisruptionbudgets,
     "{metadata: {name: ep, namespace: d}, spec: {minAvailable: 1, maxUnavailable: 1, selector: "
     "{}}}",
     "PodDisruptionBudget.policy \"ep\" is invalid: spec: Invalid value: "
     "{\"MinAvailable\":1,\"Selector\":{},"
     "\"MaxUnavailable\":1,\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable "
     "cannot be "
     "both set"},
    {RESOURCE_roles, "{metadata: {name: r, namespace: d}, rules: [{verbs: [get]}]}",
     "Role.rbac.authorization.k8s.io \"r\" is invalid: [rules[0].apiGroups: Required value: "
     "resource rules "
     "must supply at least one api group, rules[0].resources: Required value: resource rules must "
     "supply at "
     "least one resource]"},
    {RESOURCE_priorityclasses, "{metadata: {name: p}, value: 1000000001}",
     "PriorityClass.scheduling.k8s.io \"p\" is invalid: value: Forbidden: maximum allowed value of "
     "a user "
     "defined priority is 1000000000"},
    {RESOURCE_limitranges,
     "{metadata: {name: l, namespace: d}, spec: {limits: [{type: Container, default: {cpu: \"2\"}, "
     "max: {cpu:"
     " \"1\"}, defaultRequest: {cpu: \"1\"}}]}}",
     "LimitRange \"l\" is invalid: spec.limits[0].default[cpu]: Invalid value: \"2\": default "
     "value 2 is "
     "greater than max value 1"},
    {RESOURCE_persistentvolumeclaims, "{metadata: {name: c, namespace: d}, spec: {}}",
     "PersistentVolumeClaim \"c\" is invalid: [spec.accessModes: Required value: at least 1 access "
     "mode is "
     "required, spec.resources[storage]: Required value]"},
    {RESOURCE_namespaces, "{metadata: {name: \"a.b\"}}",
     "Namespace \"a.b\" is invalid: metadata.name: Invalid value: \"a.b\": a lowercase RFC 1123 "
     "label must "
     "consist of lower case alphanumeric characters or '-', and must start and end with an "
     "alphanumeric "
     "character (e.g. 'my-name',  or '123-abc', regex used for validation is "
     "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"},
    {RESOURCE_leases, "{metadata: {name: l, namespace: d}, spec: {leaseDurationSeconds: 0}}",
     "Lease.coordination.k8s.io \"l\" is invalid: spec.leaseDurationSeconds: Invalid value: 0: "
     "must be "
     "greater than 0"},
};

static void test_create(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(creates); i++) {
        const struct resource *r = resource_get(creates[i].resource);
        struct field_errors errors = {0};
        struct value o = default_object(r, value_pack(creates[i].object), VALUE_ABSENT);
        validate_create(r, o, &errors);
        expect_errors(creates[i].object, r, o, &errors, creates[i].expected);
        value_drop(o);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

/* What of the metadata every kind keeps. */
#define META "metadata: {name: x, namespace: d, uid: u}"

static const struct {
    enum resource_known resource;
    const char *old, *new, *expected;
} updates[] = {
    {RESOURCE_configmaps, "{" META ", immutable: true, data: {a: \"1\"}}",
     "{" META ", immutable: true, data: {a: \"2\"}}",
     "ConfigMap \"x\" is invalid: data: Forbidden: field is immutable when `immutable` is set"},
    {RESOURCE_configmaps, "{" META "}", "{metadata: {name: x, namespace: d, uid: zz}}",
     "ConfigMap \"x\" is invalid: metadata.uid: Invalid value: \"zz\": field is immutable"},
    {RESOURCE_configmaps, "{metadata: {name: x, namespace: d, uid: u, deletionTimestamp: t}}",
     "{metadata: {name: x, namespace: d, uid: u, deletionTimestamp: t, finalizers: [\"a/b\"]}}",
     "ConfigMap \"x\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added "
     "if the "
     "object is being deleted, found new finalizers []string{\"a/b\"}"},
    {RESOURCE_deployments,
     "{" META
     ", spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, " GOOD_SPEC
     "}}}",
     "{" META
     ", spec: {selector: {matchLabels: {a: c}}, template: {metadata: {labels: {a: c}}, " GOOD_SPEC
     "}}}",
     "Deployment.apps \"x\" is invalid: spec.selector: Invalid value: "
     "{\"matchLabels\":{\"a\":\"c\"}}: "
     "field is immutable"},
    {RESOURCE_rolebindings, "{" META ", roleRef: {kind: ClusterRole, name: view}}",
     "{" META ", roleRef: {kind: ClusterRole, name: edit}}",
     "RoleBinding.rbac.authorization.k8s.io \"x\" is invalid: roleRef: Invalid value: "
     "{\"APIGroup\":"
     "\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"edit\"}: cannot change "
     "roleRef"},
    {RESOURCE_nodes, "{metadata: {name: x, uid: u}, spec: {}}",
     "{metadata: {name: x, uid: u}, spec: {taints: [{key: a, effect: Nope}]}}",
     "Node \"x\" is invalid: metadata.taints[0].effect: Unsupported value: \"Nope\": supported "
     "values: "
     "\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\""},
    /* A pod may get another image and more tolerations, nothing else. */
    {RESOURCE_pods, "{" META ", " GOOD_SPEC "}",
     "{" META ", spec: {containers: [{name: c, image: x2, imagePullPolicy: Always}], tolerations: "
     "[{operator: Exists}]}}",
     "ok"},
    {RESOURCE_pods, "{" META ", " GOOD_SPEC "}",
     "{" META ", spec: {containers: [{name: c, image: x}], terminationGracePeriodSeconds: 5}}",
     "Pod \"x\" is invalid: spec: Forbidden: pod updates may not change fields other than "
     "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
     "`spec.tolerations` (only additions to existing tolerations),"
     "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
     "negative)"},
    {RESOURCE_pods,
     "{" META
     ", spec: {schedulingGates: [{name: a}, {name: b}], containers: [{name: c, image: x}]}}",
     "{" META ", spec: {schedulingGates: [{name: b}], nodeSelector: {z: \"1\"}, containers: "
     "[{name: c, image: x}]}}",
     "ok"},
    {RESOURCE_services,
     "{" META ", spec: {clusterIP: \"10.0.0.1\", clusterIPs: [\"10.0.0.1\"], ports: [{port: 80}]}}",
     "{" META ", spec: {clusterIP: \"10.0.0.2\", clusterIPs: [\"10.0.0.2\"], ports: [{port: 80}]}}",
     "Service \"x\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change "
     "once set"},
};

static void test_update(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(updates); i++) {
        const struct resource *r = resource_get(updates[i].resource);
        struct field_errors errors = {0};
        struct value old = default_object(r, value_pack(updates[i].old), VALUE_ABSENT);
        struct value new = default_object(r, value_pack(updates[i].new), VALUE_ABSENT);
        validate_update(r, new, old, &errors);
        expect_errors(updates[i].new, r, new, &errors, updates[i].expected);
        value_drop(old);
        value_drop(new);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

/* The node's taint error has two causes and is said once. */
static void test_causes(void)
{
    struct field_errors errors = {0};
    AUTO(value) struct value v = value_string(S("Nope"));
    field_error_add(&errors, FIELD_INVALID, S("a.b"), v, "bad \"%d\"", 1);
    field_error_add(&errors, FIELD_INVALID, S("a.b"), v, "bad \"%d\"", 1);
    field_error_add(&errors, FIELD_REQUIRED, S("c"), VALUE_ABSENT, NO_DETAIL);
    AUTO(value)
    struct value status = status_invalid(resource_get(RESOURCE_deployments), S("d"), &errors);
    expect("causes", VALUE_STR(status, message),
           "Deployment.apps \"d\" is invalid: [a.b: Invalid value: \"Nope\": bad \"1\", c: "
           "Required value]");
    CU_ASSERT(value_count(VALUE_GET(status, details, causes)) == 3);
    CU_ASSERT(status_code(status) == 422);
    CU_ASSERT(VALUE_IS(status, "Deployment", details, kind));
    CU_ASSERT(
        VALUE_IS(value_at(VALUE_GET(status, details, causes), 2), "FieldValueRequired", reason));
    field_errors_release(&errors);
}

static void test_statuses(void)
{
    const struct resource *r = resource_get(RESOURCE_deployments);
    const struct {
        struct value status;
        int code;
        const char *reason, *message;
    } statuses[] = {
        {status_not_found(r, S("x")), 404, "NotFound", "deployments.apps \"x\" not found"},
        {status_already_exists(r, S("x")), 409, "AlreadyExists",
         "deployments.apps \"x\" already exists"},
        {status_conflict(r, S("x"), S("")), 409, "Conflict",
         "Operation cannot be fulfilled on deployments.apps \"x\": the object has been modified; "
         "please "
         "apply your changes to the latest version and try again"},
        {status_forbidden(r, S(""), S("no")), 403, "Forbidden",
         "deployments.apps is forbidden: no"},
        {status_forbidden(NULL, S(""), S("no")), 403, "Forbidden", "forbidden: no"},
        {status_unauthorized(), 401, "Unauthorized", "Unauthorized"},
        {status_internal_error(S("boom")), 500, "InternalError", "Internal error occurred: boom"},
        {status_method_not_allowed(r, "create"), 405, "MethodNotAllowed",
         "create is not supported on resources of kind \"deployments.apps\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        CU_ASSERT(status_code(statuses[i].status) == statuses[i].code);
        CU_ASSERT(VALUE_IS(statuses[i].status, statuses[i].reason, reason));
        expect(statuses[i].reason, VALUE_STR(statuses[i].status, message), statuses[i].message);
        value_drop(statuses[i].status);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("validate", NULL, NULL);
    CU_add_test(s, "create", test_create);
    CU_add_test(s, "update", test_update);
    CU_add_test(s, "causes", test_causes);
    CU_add_test(s, "statuses", test_statuses);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
