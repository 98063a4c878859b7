/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: kinds beyond the everyday ones are refused in the API server's words.
 * Method: a table of objects (given their defaults first) with all their field errors.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/defaults.h"
#include "cluster/api/validate.h"
#include "cluster/api/value_heap.h"

#define NAMED "metadata: {name: x, namespace: d}"
#define BOXED(rest) "{" NAMED ", spec: {containers: [{name: a, image: b}], " rest "}}"
#define CLUSTER "metadata: {name: x}"
#define TARGET "maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: web}"
#define RULE "{operations: [CREATE], apiGroups: [\"\"], apiVersions: [v1], resources: [pods]}"
#define HOOK                                                                                       \
    "name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {service: "      \
    "{name: s, namespace: n}}"
#define BY_HAND "manualSelector: true, selector: {matchLabels: {a: b}}"
#define JOB_POD                                                                                    \
    "template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Never, containers: [{name: a, "  \
    "image: b}]}}"
#define MATCH "matchConstraints: {resourceRules: [" RULE "]}"

static const struct row {
    enum resource_known resource;
    const char *object, *expected;
} rows[] = {
    /* Pod: operating systems, resources of the whole pod, sources of in-tree plugins */
    {RESOURCE_pods, BOXED("os: {name: plan9}"),
     "spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\""},
    {RESOURCE_pods, BOXED("os: {name: linux}, securityContext: {windowsOptions: {}}"),
     "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux "
     "pod"},
    {RESOURCE_pods,
     BOXED("os: {name: windows}, hostPID: true, securityContext: {fsGroup: 1, runAsUser: 2}, "
           "initContainers: [{name: i, image: b, securityContext: {privileged: true}}]"),
     "spec.hostPID: Forbidden: cannot be set for a windows pod; "
     "spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod; "
     "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod; "
     "spec.initContainers[0].securityContext.privileged: Forbidden: cannot be set for a windows "
     "pod"},
    {RESOURCE_pods,
     "{" NAMED
     ", spec: {resources: {requests: {cpu: \"1\"}, limits: {cpu: \"1\"}}, containers: [{name: a, "
     "image: b, resources: {requests: {cpu: \"2\"}, limits: {cpu: \"2\"}}}]}}",
     "spec.resources.requests[cpu]: Invalid value: \"1\": must be greater than or equal to "
     "aggregate container requests of 2; "
     "spec.resources.containers[0][cpu].limits: Invalid value: \"2\": must be less than or equal "
     "to pod limits of 1"},
    {RESOURCE_pods,
     BOXED("volumes: [{name: a, fc: {}}, {name: b, flocker: {datasetName: a/b}}, {name: c, "
           "gcePersistentDisk: {pdName: p, partition: 256}}, {name: d, flexVolume: {driver: a/b, "
           "options: {k8s.io/x: y}}}, {name: e, iscsi: {targetPortal: p, iqn: x, lun: 0}}]"),
     "spec.volumes[0].fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but "
     "not both; "
     "spec.volumes[1].flocker.datasetName: Invalid value: \"a/b\": must not contain '/'; "
     "spec.volumes[2].gcePersistentDisk.partition: Invalid value: 256: must be between 1 and 255, "
     "inclusive; "
     "spec.volumes[3].flexVolume.options[k8s.io/x]: Invalid value: \"k8s.io/x\": kubernetes.io "
     "and k8s.io namespaces are reserved; "
     "spec.volumes[4].iscsi.iqn: Invalid value: \"x\": must be valid format starting with iqn, "
     "eui, or naa"},
    {RESOURCE_pods,
     "{metadata: {name: x, namespace: d, annotations: {kubernetes.io/config.mirror: m, "
     "controller.kubernetes.io/pod-deletion-cost: \"08\"}}, spec: {containers: [{name: a, image: "
     "b, "
     "restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]}]}}",
     "metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"m\": must set "
     "spec.nodeName if mirror pod annotation is set; "
     "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"08\": "
     "must "
     "be a 32bit integer; "
     "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart "
     "rules are used"},
    {RESOURCE_podtemplates,
     "{" NAMED
     ", template: {metadata: {labels: {a: \"b c\"}}, spec: {containers: [{name: a, image: "
     "b}]}}}",
     "template.labels: Invalid value: \"b c\": a valid label must be an empty string or consist of "
     "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
     "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
     "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
    /* Event, CronJob, Ingress, RoleBinding */
    {RESOURCE_events,
     "{" NAMED ", eventTime: \"2024-01-01T00:00:00.000000Z\", involvedObject: {namespace: e}, "
     "reason: r, action: a}",
     "reportingComponent: Required value; reportingInstance: Required value"},
    {RESOURCE_events,
     "{" NAMED ", eventTime: \"2024-01-01T00:00:00.000000Z\", involvedObject: {kind: Node}, "
     "reason: r, action: a, reportingComponent: c, reportingInstance: i}",
     "involvedObject.namespace: Invalid value: \"\": does not match event.namespace"},
    {RESOURCE_cronjobs,
     "{" NAMED ", spec: {schedule: \"* * * * *\", jobTemplate: {spec: {manualSelector: true, "
     "template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}}}",
     "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", "
     "\"false\""},
    {RESOURCE_ingresses,
     "{metadata: {name: x, namespace: d, annotations: {kubernetes.io/ingress.class: a}}, spec: "
     "{ingressClassName: b, rules: [{http: {paths: [{pathType: Exact, path: /a/.., backend: "
     "{service: {name: s, port: {number: 1}}}}]}}]}}",
     "spec.rules[0].http.paths[0].path: Invalid value: \"/a/..\": cannot end with '/..'; "
     "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match "
     "`ingressClassName` when both are specified"},
    {RESOURCE_rolebindings,
     "{" NAMED ", roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}, subjects: "
     "[{kind: ServiceAccount, name: s, namespace: d, apiGroup: g}]}",
     "subjects[0].apiGroup: Unsupported value: \"g\": supported values: \"\""},
    /* ResourceQuota */
    {RESOURCE_resourcequotas,
     "{" NAMED ", spec: {hard: {pods: \"1\", cpu: \"2\"}, scopes: [BestEffort]}}",
     "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource"},
    {RESOURCE_resourcequotas,
     "{" NAMED ", spec: {hard: {pods: \"1\"}, scopes: [BestEffort, NotBestEffort]}}",
     "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes"},
    {RESOURCE_resourcequotas, "{" NAMED ", spec: {scopes: [Some]}}",
     "spec.scopes: Invalid value: [\"Some\"]: unsupported scope"},
    {RESOURCE_resourcequotas,
     "{" NAMED
     ", spec: {scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In}]}}}",
     "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when "
     "`operator` is 'In' or 'NotIn' for scope selector"},
    /* LimitRange */
    {RESOURCE_limitranges,
     "{" NAMED ", spec: {limits: [{type: Foo}, {type: Container, maxLimitRequestRatio: {cpu: "
     "\"500m\"}}]}}",
     "spec.limits[0].type: Invalid value: \"Foo\": must be a standard limit type or fully "
     "qualified; "
     "spec.limits[1].maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than "
     "1"},
    {RESOURCE_limitranges,
     "{" NAMED ", spec: {limits: [{type: Container, min: {cpu: \"1\"}, max: {cpu: \"2\"}, "
     "maxLimitRequestRatio: {cpu: \"3\"}}]}}",
     "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"3\": ratio 3 is greater than "
     "max/min = 2.000000"},
    /* Service */
    {RESOURCE_services,
     "{" NAMED ", spec: {ports: [{port: 80}], clusterIP: foo, ipFamilies: [IPv4, IPv4, X]}}",
     "spec.ipFamilies[1]: Duplicate value: \"IPv4\"; "
     "spec.ipFamilies[2]: Unsupported value: \"X\": supported values: \"IPv4\", \"IPv6\"; "
     "spec.clusterIPs[0]: Invalid value: \"foo\": must be a valid IP address, (e.g. 10.9.8.7 or "
     "2001:db8::ffff)"},
    {RESOURCE_services,
     "{" NAMED ", spec: {ports: [{port: 80}], clusterIP: \"10.96.0.9\", clusterIPs: "
     "[\"10.96.0.8\"], ipFamilies: [IPv6]}}",
     "spec.clusterIPs: Invalid value: [\"10.96.0.8\"]: first value must match `clusterIP`; "
     "spec.clusterIPs[0]: Invalid value: \"10.96.0.8\": expected an IPv6 value as indicated by "
     "`ipFamilies[0]`"},
    {RESOURCE_services,
     "{" NAMED ", spec: {ports: [{port: 10250}], type: LoadBalancer, loadBalancerSourceRanges: "
     "[x], externalIPs: [\"127.0.0.1\"]}}",
     "spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used "
     "by kubelet; "
     "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range "
     "(127.0.0.0/8, ::1/128); "
     "spec.loadBalancerSourceRanges[0]: Invalid value: \"x\": must be a valid CIDR value, (e.g. "
     "10.9.8.0/24 or 2001:db8::/64)"},
    /* Job */
    {RESOURCE_jobs,
     "{" NAMED ", spec: {" BY_HAND ", podFailurePolicy: {rules: [{action: FailJob, onExitCodes: "
     "{operator: In, containerName: z, values: [0, 5, 2]}}, {action: FailIndex}]}, " JOB_POD "}}",
     "spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: \"z\": must be one "
     "of the container or initContainer names in the pod template; "
     "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for "
     "the In operator; "
     "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [0,5,2]: must be ordered; "
     "spec.podFailurePolicy.rules[1].action: Invalid value: \"FailIndex\": requires the "
     "backoffLimitPerIndex to be set; "
     "spec.podFailurePolicy.rules[1]: Invalid value: specifying one of OnExitCodes and "
     "OnPodConditions is required"},
    {RESOURCE_jobs,
     "{" NAMED ", spec: {" BY_HAND ", completionMode: Indexed, completions: 3, successPolicy: "
     "{rules: [{succeededIndexes: \"1,x\"}, {succeededIndexes: \"0-1\", succeededCount: 3}, "
     "{}]}, " JOB_POD "}}",
     "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"1,x\": error parsing "
     "succeededIndexes: cannot convert string to integer for index: \"x\"; "
     "spec.successPolicy.rules[1].succeededCount: Invalid value: 3: must be less than or equal to "
     "2 (the number of indexes in the specified succeededIndexes field); "
     "spec.successPolicy.rules[2]: Required value: at least one of succeededCount or "
     "succeededIndexes must be specified"},
    {RESOURCE_jobs,
     "{" NAMED ", spec: {" BY_HAND ", maxFailedIndexes: 5, completionMode: Indexed, completions: "
     "3, " JOB_POD "}}",
     "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified; "
     "spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions"},
    /* Pod: security, devices, files of a downward volume */
    {RESOURCE_pods,
     "{" NAMED ", spec: {hostUsers: false, hostPID: true, securityContext: {sysctls: [{name: "
     "A.b}], seccompProfile: {type: Localhost}}, containers: [{name: a, image: b, "
     "securityContext: {appArmorProfile: {type: Localhost, localhostProfile: \" x\"}}}]}}",
     "spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: \" x\": "
     "must not be padded with whitespace; "
     "spec.HostPID: Forbidden: when `hostUsers` is false; "
     "spec.securityContext.sysctls[0].name: Invalid value: \"A.b\": must have at most 253 "
     "characters and match regex "
     "([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?; "
     "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when "
     "seccomp type is Localhost"},
    {RESOURCE_pods,
     "{" NAMED ", spec: {volumes: [{name: v, emptyDir: {}}], containers: [{name: a, image: b, "
     "volumeMounts: [{name: v, mountPath: /x, mountPropagation: Bidirectional}], volumeDevices: "
     "[{name: v, devicePath: /x}]}]}}",
     "spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount "
     "propagation is available only to privileged containers; "
     "spec.containers[0].volumeDevices[0].name: Invalid value: \"v\": can only use volume source "
     "type of PersistentVolumeClaim or Ephemeral for block mode; "
     "spec.containers[0].volumeDevices[0].name: Invalid value: \"v\": must not already exist in "
     "volumeMounts; "
     "spec.containers[0].volumeDevices[0].devicePath: Invalid value: \"/x\": must not already "
     "exist as a path in volumeMounts; "
     "spec.containers[0].volumeMounts[0].name: Invalid value: \"v\": must not already exist in "
     "volumeDevices; "
     "spec.containers[0].volumeMounts[0].mountPath: Invalid value: \"/x\": must not already exist "
     "as a path in volumeDevices"},
    {RESOURCE_pods,
     "{" NAMED ", spec: {volumes: [{name: v, downwardAPI: {items: [{path: ../a, fieldRef: "
     "{apiVersion: v1, fieldPath: spec.nodeName}}, {path: b}]}}], containers: [{name: a, image: "
     "b, env: [{name: X, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: "
     "\"1Mi\"}}}]}]}}",
     "spec.volumes[0].downwarAPI.path: Invalid value: \"../a\": must not start with '..'; "
     "spec.volumes[0].downwarAPI.fieldRef.fieldPath: Unsupported value: \"spec.nodeName\": "
     "supported values: \"metadata.annotations\", \"metadata.labels\", \"metadata.name\", "
     "\"metadata.namespace\", \"metadata.uid\"; "
     "spec.volumes[0].downwarAPI: Required value: one of fieldRef and resourceFieldRef is "
     "required; "
     "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "
     "\"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource"},
    /* PersistentVolumeClaim */
    {RESOURCE_persistentvolumeclaims,
     "{" NAMED ", spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, "
     "dataSource: {kind: Pod, name: \"\"}}}",
     "spec.dataSource.name: Required value; "
     "spec.dataSource: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing "
     "the default apiGroup"},
    /* HorizontalPodAutoscaler */
    {RESOURCE_horizontalpodautoscalers, "{" NAMED ", spec: {" TARGET "}}", ""},
    {RESOURCE_horizontalpodautoscalers,
     "{" NAMED ", spec: {minReplicas: 4, maxReplicas: 3, scaleTargetRef: {kind: \"\", name: a/b}}}",
     "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`; "
     "spec.scaleTargetRef.kind: Required value; "
     "spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'"},
    {RESOURCE_horizontalpodautoscalers,
     "{" NAMED ", spec: {" TARGET ", metrics: [{type: Resource, pods: {metric: {name: m}, target: "
     "{type: AverageValue, averageValue: \"5\"}}}]}}",
     "spec.metrics[0].resource: Required value: must populate information for the given metric "
     "source"},
    {RESOURCE_horizontalpodautoscalers,
     "{" NAMED ", spec: {" TARGET ", metrics: [{type: Resource, resource: {name: cpu, target: "
     "{type: Utilization}}}]}}",
     "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target "
     "raw value or a target utilization"},
    {RESOURCE_horizontalpodautoscalers,
     "{" NAMED ", spec: {" TARGET ", behavior: {scaleDown: {stabilizationWindowSeconds: 4000, "
     "selectPolicy: Any, policies: [{type: Pods, value: 0, periodSeconds: 2000}]}}}}",
     "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 4000: must be less than "
     "or "
     "equal to 3600; "
     "spec.behavior.scaleDown.selectPolicy: Unsupported value: \"Any\": supported values: "
     "\"Disabled\", \"Max\", \"Min\"; "
     "spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero; "
     "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 2000: must be less than or "
     "equal to 1800"},
    /* webhooks */
    {RESOURCE_validatingwebhookconfigurations, "{" CLUSTER ", webhooks: [{" HOOK "}]}", ""},
    {RESOURCE_validatingwebhookconfigurations, "{" CLUSTER ", webhooks: [{name: a.b}]}",
     "webhooks[0].name: Invalid value: \"a.b\": should be a domain with at least three segments "
     "separated by dots; "
     "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun; "
     "webhooks[0].clientConfig: Required value: exactly one of url or service is required; "
     "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"},
    {RESOURCE_mutatingwebhookconfigurations,
     "{" CLUSTER ", webhooks: [{" HOOK ", timeoutSeconds: 31, reinvocationPolicy: Now, rules: "
     "[{operations: [\"*\", CREATE], apiGroups: [\"\"], apiVersions: [v1], resources: [\"*\", "
     "pods]}]}, {" HOOK "}]}",
     "webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is present, must "
     "not specify other operations; "
     "webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\"]: if '*' is present, must not "
     "specify other resources without subresources; "
     "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 "
     "seconds; "
     "webhooks[0].reinvocationPolicy: Unsupported value: \"Now\": supported values: \"IfNeeded\", "
     "\"Never\"; "
     "webhooks[1].name: Duplicate value: \"a.b.c\""},
    {RESOURCE_validatingadmissionpolicies, "{" CLUSTER ", spec: {" MATCH "}}",
     "spec.validations: Required value: validations or auditAnnotations must contain at least one "
     "item; spec.auditAnnotations: Required value: validations or auditAnnotations must contain at "
     "least one item"},
    {RESOURCE_validatingadmissionpolicies,
     "{" CLUSTER ", spec: {" MATCH ", validations: [{expression: \"true\", reason: Nope}]}}",
     "spec.validations[0].reason: Unsupported value: \"Nope\": supported values: \"Forbidden\", "
     "\"Invalid\", \"RequestEntityTooLarge\", \"Unauthorized\""},
    {RESOURCE_validatingadmissionpolicybindings,
     "{" CLUSTER ", spec: {policyName: p, validationActions: [Deny, Warn]}}",
     "spec.validationActions: Invalid value: [\"Deny\",\"Warn\"]: must not contain both Deny and "
     "Warn (repeating the same validation failure information in the API response and headers "
     "serves no purpose)"},
    {RESOURCE_mutatingadmissionpolicies,
     "{" CLUSTER ", spec: {" MATCH ", reinvocationPolicy: Never, mutations: [{patchType: "
     "JSONPatch}]}}",
     "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch"},
    /* priority and fairness */
    {RESOURCE_flowschemas,
     "{" CLUSTER ", spec: {matchingPrecedence: 1, priorityLevelConfiguration: {name: l}, rules: "
     "[{subjects: [{kind: User}], resourceRules: [{verbs: [get], apiGroups: [\"\"], resources: "
     "[pods]}]}]}}",
     "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have "
     "matchingPrecedence 1; "
     "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is "
     "'User'; "
     "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not "
     "cluster scoped must supply at least one namespace"},
    {RESOURCE_prioritylevelconfigurations,
     "{" CLUSTER ", spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {queues: "
     "2, handSize: 3, queueLengthLimit: 1}}}}}",
     "spec.limited.limitResponse.queuing.handSize: Invalid value: 3: should not be greater than "
     "queues (2)"},
    {RESOURCE_prioritylevelconfigurations, "{" CLUSTER ", spec: {type: Exempt}}",
     "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"},
    /* storage */
    {RESOURCE_csidrivers, "{" CLUSTER ", spec: {fsGroupPolicy: Maybe}}",
     "spec.fsGroupPolicy: Unsupported value: \"Maybe\": supported values: \"File\", \"None\", "
     "\"ReadWriteOnceWithFSType\""},
    {RESOURCE_csinodes,
     "{" CLUSTER ", spec: {drivers: [{name: d, nodeID: i}, {name: d, nodeID: \"\"}]}}",
     "spec.drivers[1].nodeID: Required value; spec.drivers[1].name: Duplicate value: \"d\""},
    {RESOURCE_volumeattachments, "{" CLUSTER ", spec: {attacher: a, nodeName: n, source: {}}}",
     "spec.source: Required value: must specify exactly one of inlineVolumeSpec and "
     "persistentVolumeName"},
    {RESOURCE_volumeattributesclasses, "{" CLUSTER ", driverName: d}",
     "parameters: Required value: must contain at least one key/value pair"},
    /* registered things */
    {RESOURCE_apiservices,
     "{" CLUSTER ", spec: {group: g.io, version: v1, groupPriorityMinimum: 0, versionPriority: "
     "2000}}",
     "metadata.name: Invalid value: \"x\": must be `spec.version+\".\"+spec.group`: \"v1.g.io\"; "
     "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000; "
     "spec.versionPriority: Invalid value: 2000: must be positive and less than 1000"},
    {RESOURCE_servicecidrs, "{" CLUSTER ", spec: {cidrs: [\"10.0.0.0/24\", \"10.1.0.0/24\"]}}",
     "spec.cidrs: Invalid value: [\"10.0.0.0/24\",\"10.1.0.0/24\"]: may specify no more than one "
     "IP "
     "for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"},
    {RESOURCE_ipaddresses, "{metadata: {name: \"10.0.0.1\"}, spec: {}}",
     "spec.parentRef: Required value"},
};

static void errors_text(const struct field_errors *errors, struct text *out)
{
    AUTO(value) struct value status = status_invalid(resource_get(RESOURCE_pods), S("x"), errors);
    struct value causes = VALUE_GET(status, details, causes);
    for (size_t i = 0; i < value_count(causes); i++) {
        struct value c = value_at(causes, i);
        text_printf(out, "%s%.*s: %.*s", i > 0 ? "; " : "", STR_ARG(VALUE_STR(c, field)),
                    STR_ARG(VALUE_STR(c, message)));
    }
}

static void test_rows(void)
{
    uint64_t nodes = value_heap_stats().nodes;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct resource *r = resource_get(rows[i].resource);
        struct field_errors errors = {0};
        AUTO(text) struct text got = {0};
        struct value o = default_object(r, value_pack(rows[i].object), VALUE_ABSENT);

        validate_create(r, o, &errors);

        if (errors.count > 0)
            errors_text(&errors, &got);
        bool is_same = str_equal(text_str(&got), str_from(rows[i].expected));
        if (!is_same)
            fprintf(stderr, "\n  %s:\n   got    %s\n   wanted %s\n", rows[i].object, text_c(&got),
                    rows[i].expected);
        CU_ASSERT(is_same);
        field_errors_release(&errors);
        value_drop(o);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

#define OLD "metadata: {name: x, namespace: d, uid: u, resourceVersion: \"1\"}"
#define RUNNING(name) "{name: " name ", state: {running: {}}}"
#define ENDED(name, code) "{name: " name ", state: {terminated: {exitCode: " code "}}}"
#define POD_OF(policy, statuses)                                                                   \
    "{" OLD ", spec: {restartPolicy: " policy                                                      \
    ", containers: [{name: a}, {name: b, restartPolicy: "                                          \
    "OnFailure}, {name: c, restartPolicy: Never, restartPolicyRules: [{action: Restart, "          \
    "exitCodes: {operator: In, values: [42]}}]}]}, status: {containerStatuses: [" statuses "]}}"
#define QUALIFIED                                                                                  \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "  \
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define SUBDOMAIN                                                                                  \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is "                                                                           \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

static const struct {
    enum resource_known resource;
    const char *new, *old, *expected;
} statuses[] = {
    {RESOURCE_deployments, "{" OLD ", status: {replicas: 2, readyReplicas: 2}}", "{" OLD "}", ""},
    {RESOURCE_deployments,
     "{" OLD ", status: {replicas: 1, readyReplicas: 2, unavailableReplicas: -1}}",
     "{" OLD ", status: {collisionCount: 2}}",
     "status.unavailableReplicas: Invalid value: -1: must be greater than or equal to 0; "
     "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas; "
     "status.collisionCount: Invalid value: 0: cannot be decremented"},
    {RESOURCE_statefulsets, "{" OLD ", status: {replicas: 3, availableReplicas: 1}}", "{" OLD "}",
     "status.availableReplicas: Invalid value: 1: cannot be greater than "
     "status.readyReplicas"},
    {RESOURCE_namespaces, "{" OLD ", status: {phase: Terminating}}",
     "{" OLD ", status: {phase: Active}}",
     "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if "
     "`deletionTimestamp` is empty"},
    {RESOURCE_services,
     "{" OLD ", spec: {type: ClusterIP}, status: {loadBalancer: {ingress: [{ip: "
     "\"1.2.3.4\"}]}}}",
     "{" OLD ", spec: {type: ClusterIP}}",
     "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is "
     "'LoadBalancer'"},
    /* Jobs */
    {RESOURCE_jobs,
     "{" OLD ", spec: {completions: 2}, status: {active: 1, ready: 2, failedIndexes: \"1\", "
     "conditions: [{type: Complete, status: \"True\"}]}}",
     "{" OLD ", spec: {completions: 2}, status: {failed: 1}}",
     "status.completionTime: Required value: completionTime is required for Complete jobs; "
     "status.conditions: Invalid value: cannot set Complete=True condition without the "
     "SuccessCriteriaMet=true condition; "
     "status.active: Invalid value: 1: active>0 is invalid for finished job; "
     "status.startTime: Required value: startTime is required for finished job; "
     "status.failedIndexes: Invalid value: \"1\": cannot set non-null failedIndexes when "
     "backoffLimitPerIndex is null; "
     "status.ready: Invalid value: 2: cannot set more ready pods than active; "
     "status.failed: Invalid value: 0: cannot decrease the failed counter"},
    {RESOURCE_jobs,
     "{" OLD ", spec: {completions: 9, completionMode: Indexed, backoffLimitPerIndex: 1}, "
     "status: {completedIndexes: \"0,2-4\", failedIndexes: \"1,4-5,\"}}",
     "{" OLD ", spec: {completions: 9}}",
     "status.failedIndexes: Invalid value: \"1,4-5,\": error parsing failedIndexes: cannot "
     "convert string to integer for index: \"\"; "
     "status.failedIndexes: Invalid value: \"1,4-5,\": failedIndexes and completedIndexes "
     "overlap at index: 4"},
    {RESOURCE_jobs,
     "{" OLD ", spec: {}, status: {startTime: \"2024-01-01T00:00:05Z\", completionTime: "
     "\"2024-01-01T00:00:04Z\", uncountedTerminatedPods: {succeeded: [a, \"\"], failed: [a]}, "
     "conditions: [{type: SuccessCriteriaMet, status: \"True\"}, {type: Complete, status: "
     "\"True\"}]}}",
     "{" OLD ", status: {startTime: \"2024-01-01T00:00:00Z\"}}",
     "status.uncountedTerminatedPods.succeeded[1]: Invalid value: \"\": must not be empty; "
     "status.uncountedTerminatedPods.failed[0]: Duplicate value: \"a\"; "
     "status.completionTime: Invalid value: \"2024-01-01T00:00:04Z\": must be equal to or "
     "after `startTime`; "
     "status.uncountedTerminatedPods: Invalid value: {\"Succeeded\":[\"a\",\"\"],\"Failed\":"
     "[\"a\"]}: must be empty for finished job; "
     "status.startTime: Invalid value: \"2024-01-01T00:00:05Z\": field is immutable for "
     "unsuspended job once set"},
    {RESOURCE_jobs, "{" OLD ", status: {failed: 1}}",
     "{" OLD ", status: {conditions: [{type: Failed, status: \"True\"}, {type: FailureTarget, "
     "status: \"True\"}]}}",
     "status.conditions: Invalid value: cannot disable the terminal Failed=True condition; "
     "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True "
     "condition"},
    /* Pods */
    {RESOURCE_pods, POD_OF("OnFailure", RUNNING("a") ", " RUNNING("b")),
     POD_OF("OnFailure", ENDED("a", "0") ", " ENDED("b", "1")),
     "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated "
     "state"},
    {RESOURCE_pods, POD_OF("Never", RUNNING("a") ", " RUNNING("b") ", " RUNNING("c")),
     POD_OF("Never", ENDED("a", "7") ", " ENDED("b", "1") ", " ENDED("c", "42")),
     "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated "
     "state"},
    {RESOURCE_pods, POD_OF("Always", RUNNING("a")), POD_OF("Always", ENDED("a", "0")), ""},
    {RESOURCE_pods,
     "{" OLD ", spec: {nodeName: n}, status: {nominatedNodeName: N_, conditions: [{type: "
     "\"a b\", status: \"True\"}], hostIP: \"1.2.3.4\", hostIPs: [{ip: \"1.2.3.5\"}], podIPs: "
     "[{ip: x}, {ip: \"1.1.1.1\"}]}}",
     "{" OLD ", spec: {nodeName: n}}",
     "metadata.conditions[0].Type: Invalid value: \"a b\": " QUALIFIED "; "
     "status.nominatedNodeName: Invalid value: \"N_\": " SUBDOMAIN "; "
     "status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a "
     "node; "
     "status.podIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or "
     "2001:db8::ffff); "
     "status.podIPs: Invalid value: [{\"ip\":\"x\"},{\"ip\":\"1.1.1.1\"}]: may specify no "
     "more than one IP for each IP family; "
     "status.hostIPs[0].ip: Invalid value: \"1.2.3.5\": must be equal to `hostIP`"},
};
#undef OLD

static void test_status(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        struct field_errors errors = {0};
        AUTO(text) struct text got = {0};
        AUTO(value) struct value new = value_pack(statuses[i].new);
        AUTO(value) struct value old = value_pack(statuses[i].old);

        validate_status_update(resource_get(statuses[i].resource), new, old, &errors);

        if (errors.count > 0)
            errors_text(&errors, &got);
        if (!str_equal(text_str(&got), str_from(statuses[i].expected)))
            fprintf(stderr, "\n  %s:\n   got    %s\n", statuses[i].new, text_c(&got));
        CU_ASSERT(str_equal(text_str(&got), str_from(statuses[i].expected)));
        field_errors_release(&errors);
    }
}

static void test_resize(void)
{
#define BOX(cpu) "{name: a, image: b, resources: {requests: {cpu: " cpu ", ephemeral-storage: 1}}}"
#define POD(spec) "{metadata: {name: x, namespace: d}, spec: {" spec "}}"
    static const struct {
        const char *new, *old, *expected;
    } resizes[] = {
        {POD("containers: [" BOX("2") "]"), POD("containers: [" BOX("1") "]"), ""},
        {POD("containers: [" BOX("2") ", {name: c, image: b}]"), POD("containers: [" BOX("1") "]"),
         "spec.containers: Forbidden: containers may not be added or removed on resize"},
        {POD("containers: [{name: c, image: b}]"), POD("containers: [" BOX("1") "]"),
         "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on "
         "resize"},
        {POD("containers: [{name: a, image: b}]"),
         POD("containers: [{name: a, image: b, resources: {requests: {cpu: 1}}}]"),
         "spec: Invalid value: \"\": Pod QOS Class may not change as a result of resizing; "
         "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"},
        {POD("containers: [{name: a, image: c, resources: {requests: {cpu: 1, ephemeral-storage: "
             "2}}}]"),
         POD("containers: [" BOX("1") "]"),
         "spec: Forbidden: only cpu and memory resources are mutable"},
        {POD("containers: [" BOX("1") "], subdomain: d"), POD("containers: [" BOX("1") "]"),
         "spec: Forbidden: only cpu and memory resources are mutable"},
        {POD("os: {name: windows}, containers: [" BOX("2") "]"),
         POD("os: {name: windows}, containers: [" BOX("1") "]"),
         ": Forbidden: windows pods cannot be resized"},
        {POD("containers: [{name: c, image: b}], initContainers: [{name: a, image: b, "
             "resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}], resources: "
             "{limits: {cpu: 2}, requests: {cpu: 1}}}]"),
         POD("containers: [{name: c, image: b}], initContainers: [{name: a, image: b, "
             "resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}], resources: "
             "{limits: {cpu: 1}, requests: {cpu: 1}}}]"),
         "spec.initContainers[0]: Forbidden: non-sidecar init containers with a resize policy of "
         "RestartContainer cannot be resized"},
        {POD("containers: [{name: c, image: b}], resources: {limits: {memory: 1Gi}}"),
         POD("containers: [{name: c, image: b}], resources: {limits: {memory: 1Gi, cpu: 1}, "
             "requests: {cpu: 1}}"),
         "spec: Invalid value: \"\": Pod QOS Class may not change as a result of resizing; "
         "spec.resources.requests: Forbidden: pod-level resource requests cannot be removed; "
         "spec.resources.limits: Forbidden: pod-level resource limits cannot be removed"},
    };
#undef BOX
#undef POD
    const struct resource *r = resource_get(RESOURCE_pods);
    for (size_t i = 0; i < ARRAY_COUNT(resizes); i++) {
        struct field_errors errors = {0};
        AUTO(text) struct text got = {0};
        AUTO(value)
        struct value new = default_object(r, value_pack(resizes[i].new), VALUE_ABSENT);
        AUTO(value)
        struct value old = default_object(r, value_pack(resizes[i].old), VALUE_ABSENT);

        validate_pod_resize(new, old, &errors);

        if (errors.count > 0)
            errors_text(&errors, &got);
        if (!str_equal(text_str(&got), str_from(resizes[i].expected)))
            fprintf(stderr, "\n  %s:\n   got    %s\n", resizes[i].new, text_c(&got));
        CU_ASSERT(str_equal(text_str(&got), str_from(resizes[i].expected)));
        field_errors_release(&errors);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("validate kinds", NULL, NULL);
    CU_add_test(s, "create", test_rows);
    CU_add_test(s, "status", test_status);
    CU_add_test(s, "resize", test_resize);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
