/* SPDX-License-Identifier: Apache-2.0
 *
 * What values cost: nanoseconds of CPU per operation on hot objects, parsing and writing in MB/s,
 * bytes of a settled pod. Built by `make bench`; the clock is the only thing read from outside.
 */
#include "sim/base/base.h"

#include <stdio.h>
#include <time.h>

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/selector.h"
#include "cluster/api/value_heap.h"
#include "sim/base/mem.h"

#define PODS 500
#define ROUNDS 400

/* A pod as a ReplicaSet's template makes it, with two entries of managedFields left to `settle`. */
static const char pod_template[] =
    "{apiVersion: v1, kind: Pod, metadata: {name: placeholder, namespace: default, generateName: "
    "web-5755f7cc66-, labels: {app: web, "
    "pod-template-hash: 5755f7cc66, tier: frontend}, annotations: {example.com/owner: "
    "some-team-name}, creationTimestamp: "
    "\"2026-11-23T10:00:00Z\", uid: \"00000000-0000-0000-0000-000000000000\", resourceVersion: "
    "\"1\", ownerReferences: [{apiVersion: "
    "apps/v1, kind: ReplicaSet, name: web-5755f7cc66, uid: "
    "\"7a3a2c1e-0000-4000-8000-000000000001\", controller: true, "
    "blockOwnerDeletion: true}], managedFields: [{manager: kube-controller-manager, operation: "
    "Update, apiVersion: v1, time: "
    "\"2026-11-23T10:00:00Z\", fieldsType: FieldsV1, fieldsV1: {\"f:metadata\": "
    "{\"f:generateName\": {}, \"f:labels\": {\".\": {}, "
    "\"f:app\": {}, \"f:pod-template-hash\": {}}, \"f:ownerReferences\": {\".\": {}}}, \"f:spec\": "
    "{\"f:containers\": {\"f:image\": {}, "
    "\"f:name\": {}, \"f:resources\": {\"f:requests\": {\"f:cpu\": {}, \"f:memory\": {}}}}, "
    "\"f:dnsPolicy\": {}, "
    "\"f:enableServiceLinks\": {}, \"f:restartPolicy\": {}, \"f:schedulerName\": {}}}}]}, spec: "
    "{containers: [{name: web, image: "
    "\"registry.example.com/shop/web:1.27.3\", imagePullPolicy: IfNotPresent, ports: "
    "[{containerPort: 8080, protocol: TCP, name: http}], "
    "resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}, "
    "terminationMessagePath: /dev/termination-log, "
    "terminationMessagePolicy: File, readinessProbe: {httpGet: {path: /healthz, port: 8080, "
    "scheme: HTTP}, periodSeconds: 10, "
    "timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3}, volumeMounts: [{name: "
    "kube-api-access-abcde, readOnly: true, "
    "mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]}], dnsPolicy: ClusterFirst, "
    "enableServiceLinks: true, "
    "preemptionPolicy: PreemptLowerPriority, priority: 0, restartPolicy: Always, schedulerName: "
    "default-scheduler, securityContext: {}, "
    "serviceAccount: default, serviceAccountName: default, terminationGracePeriodSeconds: 30, "
    "tolerations: [{key: "
    "node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}, "
    "{key: "
    "node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: "
    "300}], volumes: [{name: "
    "kube-api-access-abcde, projected: {defaultMode: 420, sources: [{serviceAccountToken: "
    "{expirationSeconds: 3607, path: token}}, "
    "{configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}}, {downwardAPI: "
    "{items: [{path: namespace, fieldRef: "
    "{apiVersion: v1, fieldPath: metadata.namespace}}]}}]}}]}, status: {phase: Pending, qosClass: "
    "Burstable}}";

static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void report(const char *what, double ns, double count)
{
    printf("%-44s %9.1f ns\n", what, ns / count);
}

static struct value condition(const char *type, const char *status)
{
    return value_pack("{type: %s, status: %s, observedGeneration: 1, lastProbeTime: null, "
                      "lastTransitionTime: \"2026-11-23T10:00:07Z\"}",
                      type, status);
}

/* Create, bind, start, run: copy on write from the template, as the components do it. */
static struct value settle(struct value pod_of_template, size_t i)
{
    struct value p = value_keep(pod_of_template);
    p = VALUE_SET(p, value_printf("web-5755f7cc66-%05zu", i), metadata, name);
    p = VALUE_SET(p, value_printf("%08zx-1111-4222-8333-444444444444", i), metadata, uid);
    p = VALUE_SET(p, value_printf("%zu", 100000 + 4 * i), metadata, resourceVersion);
    p = VALUE_SET(p, value_printf("node-%04zu.example.internal", i % 1000), spec, nodeName);
    struct value conditions = VALUE_ABSENT;
    static const char *const types[] = {"PodReadyToStartContainers", "Initialized", "Ready",
                                        "ContainersReady", "PodScheduled"};
    for (size_t t = 0; t < ARRAY_COUNT(types); t++)
        conditions = value_append(conditions, condition(types[t], "True"));
    p = VALUE_SET(p, value_canonical(conditions), status, conditions);
    p = VALUE_SET(p, value_string(S("Running")), status, phase);
    p = VALUE_SET(p, value_string(S("2026-11-23T10:00:07Z")), status, startTime);
    struct value ip = value_printf("10.%zu.%zu.%zu", i >> 16 & 255, i >> 8 & 255, i & 255);
    struct value host = value_printf("192.168.%zu.%zu", i >> 8 & 255, i & 255);
    p = VALUE_SET(p, value_pack("[{ip: %v}]", value_keep(ip)), status, podIPs);
    p = VALUE_SET(p, ip, status, podIP);
    p = VALUE_SET(p, value_pack("[{ip: %v}]", value_keep(host)), status, hostIPs);
    p = VALUE_SET(p, host, status, hostIP);
    struct value status = value_pack(
        "[{name: web, ready: true, started: true, restartCount: 0, image: "
        "\"registry.example.com/shop/web:1.27.3\", imageID: %v, "
        "containerID: %v, lastState: {}, state: {running: {startedAt: \"2026-11-23T10:00:06Z\"}}}]",
        value_keep(VALUE_GET(value_at(VALUE_GET(p, spec, containers), 0), image)),
        value_printf("containerd://%064zx", i));
    return VALUE_SET(p, status, status, containerStatuses);
}

static struct value touch(struct value own_pod, size_t i)
{
    struct value conditions = value_keep(VALUE_GET(own_pod, status, conditions));
    struct value one =
        value_set(value_keep(value_at(conditions, 2)), ATOM_status, value_bool(i & 1));
    conditions = value_set_at(conditions, 2, one);
    own_pod = VALUE_SET(own_pod, conditions, status, conditions);
    char version[24];
    int size = snprintf(version, sizeof(version), "%zu", 100000000 + i);
    return VALUE_SET(own_pod, value_string((struct str){version, (size_t)size}), metadata,
                     resourceVersion);
}

static void bench_reading(struct value *pods)
{
    double from = now_ns();
    for (size_t r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < PODS; i++)
            sink += VALUE_GET(pods[i], spec, nodeName).word;
    report("spec.nodeName, two steps", now_ns() - from, ROUNDS * PODS);
    struct value spec = VALUE_GET(pods[0], spec);
    from = now_ns();
    for (size_t r = 0; r < ROUNDS * PODS; r++)
        sink += value_get(spec, r & 1 ? ATOM_nodeName : ATOM_containers).word;
    report("one field", now_ns() - from, ROUNDS * PODS);
    struct label_selector *s = label_selector_parse(S("app=web,tier in (frontend,backend)"), NULL);
    from = now_ns();
    for (size_t r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < PODS; i++)
            sink += label_selector_matches(s, object_labels(pods[i]));
    report("labels and a selector of two terms", now_ns() - from, ROUNDS * PODS);
    label_selector_free(s);
    from = now_ns();
    for (size_t r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < PODS; i++)
            value_drop(value_keep(pods[i]));
    report("keep and drop", now_ns() - from, ROUNDS * PODS);
}

static void bench_writing(struct value *pods)
{
    double from = now_ns();
    for (size_t r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < PODS; i++) {
            struct value old = value_keep(pods[i]);
            pods[i] = touch(pods[i], r * PODS + i);
            value_drop(old);
        }
    report("change a condition and the version, shared", now_ns() - from, ROUNDS * PODS);
    from = now_ns();
    for (size_t r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < PODS; i++)
            pods[i] = touch(pods[i], r * PODS + i);
    report("the same, sole owner", now_ns() - from, ROUNDS * PODS);
    from = now_ns();
    for (size_t i = 0; i < PODS * 20; i++)
        value_drop(condition("Ready", "True"));
    report("value_pack of a condition", now_ns() - from, PODS * 20);
}

static void bench_text(struct value pod)
{
    AUTO(text) struct text json = {0};
    json_write(pod, &json);
    double bytes = (double)json.size * 2000;
    double from = now_ns();
    for (size_t i = 0; i < 2000; i++) {
        struct value v;
        CHECK(json_parse(text_str(&json), NULL, &v, NULL) == ERR_OK);
        value_drop(v);
    }
    printf("%-44s %9.0f MB/s\n", "parse and free", bytes * 1e3 / (now_ns() - from));
    AUTO(text) struct text again = {0};
    from = now_ns();
    for (size_t i = 0; i < 2000; i++) {
        text_clear(&again);
        json_write(pod, &again);
    }
    printf("%-44s %9.0f MB/s\n", "write", bytes * 1e3 / (now_ns() - from));
    printf("%-44s %9zu B\n", "JSON of a settled pod", json.size);
}

int main(void)
{
    struct value template = value_pack(pod_template);
    uint64_t before = value_heap_stats().bytes;
    struct value *pods = mem_array(struct value, PODS);
    double from = now_ns();
    for (size_t i = 0; i < PODS; i++)
        pods[i] = settle(template, i);
    report("settle a pod from its template", now_ns() - from, PODS);
    printf("%-44s %9" PRIu64 " B\n", "a settled pod in memory",
           (value_heap_stats().bytes - before) / PODS);
    bench_reading(pods);
    bench_writing(pods);
    bench_text(pods[0]);
    for (size_t i = 0; i < PODS; i++)
        value_drop(pods[i]);
    mem_free(pods);
    value_drop(template);
    return 0;
}
