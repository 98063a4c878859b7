/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: probers that sleep show the same as probers that probe all the time.
 *
 * Method: two clusters from one seed, one with the flag eagerProbes, get the same pods and the same
 * faults; each second everything that anybody can see of probes is compared: states, restart
 * counts, conditions with the times of their transitions, endpoints, and each event with its count.
 */
#include "sim/base/base.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "scenarios/wavetank.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#define ERROR_SIZE 2000

static struct wavetank *clusters[2]; /* lazy, eager */

static const char *const pods =
    "apiVersion: v1\n"
    "kind: Service\n"
    "metadata: {name: web}\n"
    "spec: {selector: {app: web}, ports: [{port: 80}]}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {name: web}\n"
    "spec:\n"
    "  replicas: 4\n"
    "  selector: {matchLabels: {app: web}}\n"
    "  template:\n"
    "    metadata: {labels: {app: web}}\n"
    "    spec:\n"
    "      containers:\n"
    "      - name: web\n"
    "        image: nginx:1.27\n"
    "        readinessProbe: {httpGet: {port: 80}, periodSeconds: 3, successThreshold: 2}\n"
    "        livenessProbe: {httpGet: {port: 80}, periodSeconds: 7, initialDelaySeconds: 4}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: ConfigMap\n"
    "metadata: {name: switch}\n"
    "data: {state: \"up\"}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {name: files}\n"
    "spec:\n"
    "  volumes: [{name: d, emptyDir: {}}, {name: s, configMap: {name: switch}}]\n"
    "  containers:\n"
    "  - name: writer\n"
    "    image: busybox:1.36\n"
    "    command: [sh, -c, \"while true; do touch /d/ok; sleep 41; rm /d/ok; sleep 13; done\"]\n"
    "    volumeMounts: [{name: d, mountPath: /d}]\n"
    "  - name: reader\n"
    "    image: busybox:1.36\n"
    "    command: [sleep, \"3600\"]\n"
    "    volumeMounts: [{name: d, mountPath: /d}, {name: s, mountPath: /s}]\n"
    "    readinessProbe: {exec: {command: [test, -f, /d/ok]}, periodSeconds: 2}\n"
    "    livenessProbe: {exec: {command: [grep, -q, up, /s/state]}, periodSeconds: 5}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {name: slow, annotations: {wavetank.dev/start-time: 22s, wavetank.dev/ready-after: "
    "31s}}\n"
    "spec:\n"
    "  containers:\n"
    "  - name: c\n"
    "    image: nginx:1.27\n"
    "    startupProbe: {tcpSocket: {port: 80}, periodSeconds: 5, failureThreshold: 10}\n"
    "    readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4}\n"
    "    livenessProbe: {grpc: {port: 80}, periodSeconds: 6}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {name: short, annotations: {wavetank.dev/run-for: 37s}}\n"
    "spec:\n"
    "  containers:\n"
    "  - name: c\n"
    "    image: nginx:1.27\n"
    "    readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}\n";

static const struct {
    int second;
    const char *operation; /* as in a scenario's step */
} happenings[] = {
    {20, "inject: {name: a, podChaos: {action: pod-failure, mode: one, selector: {labelSelectors: "
         "{app: web}}}}"},
    {44, "heal: {name: a}"},
    {50, "inject: {name: b, podChaos: {action: container-kill, mode: one, selector: "
         "{labelSelectors: {app: web}}}}"},
    {60, "inject: {name: c, processChaos: {action: kill, components: [kubelet@node-0]}}"},
    {75, "inject: {name: d, processChaos: {action: pause, components: [kubelet@node-1]}}"},
    {90, "heal: {name: d}"},
    {95, "apply: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: switch}, data: "
         "{state: down}}}"},
    {150, "apply: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: switch}, data: "
          "{state: up}}}"},
    {160, "inject: {name: e, podChaos: {action: pod-failure, mode: all, selector: "
          "{labelSelectors: {app: web}}}}"},
    {200, "heal: {name: e}"},
    {220, "scale: {ref: {apiVersion: apps/v1, kind: Deployment, name: web}, replicas: 6}"},
};

/* ---- what can be seen ---- */

static void add_states(struct value statuses, struct text *out)
{
    for (size_t i = 0; i < value_count(statuses); i++) {
        struct value s = value_at(statuses, i);
        text_printf(out, "  %.*s ready %d started %d restarts %d ", STR_ARG(VALUE_STR(s, name)),
                    VALUE_BOOL_AT(s, ready), VALUE_BOOL_AT(s, started),
                    (int)VALUE_INT(s, 0, restartCount));
        json_write(VALUE_GET(s, state), out);
        json_write(VALUE_GET(s, lastState), out);
        text_add_byte(out, '\n');
    }
}

static void add_pod(struct value pod, struct text *out)
{
    text_printf(out, "%.*s %.*s\n", STR_ARG(VALUE_STR(pod, metadata, name)),
                STR_ARG(VALUE_STR(pod, status, phase)));
    add_states(VALUE_GET(pod, status, containerStatuses), out);
    struct value conditions = VALUE_GET(pod, status, conditions);
    for (size_t i = 0; i < value_count(conditions); i++) {
        struct value c = value_at(conditions, i);
        text_printf(out, "  %.*s %.*s since %.*s\n", STR_ARG(VALUE_STR(c, type)),
                    STR_ARG(VALUE_STR(c, status)), STR_ARG(VALUE_STR(c, lastTransitionTime)));
    }
}

static void add_event(struct value event, struct text *out)
{
    if (VALUE_IS(event, "kubelet", source, component))
        text_printf(out, "%.*s %.*s x%d %.*s\n", STR_ARG(VALUE_STR(event, involvedObject, name)),
                    STR_ARG(VALUE_STR(event, reason)), (int)VALUE_INT(event, 0, count),
                    STR_ARG(VALUE_STR(event, message)));
}

static void add_endpoints(struct value endpoints, struct text *out)
{
    text_printf(out, "%.*s ", STR_ARG(VALUE_STR(endpoints, metadata, name)));
    json_write(VALUE_GET(endpoints, subsets), out);
    text_add_byte(out, '\n');
}

static void add_all(const struct wavetank *w, const char *kind,
                    void (*add)(struct value object, struct text *out), struct text *out)
{
    char *json = wavetank_list(w, "v1", kind, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    AUTO(value) struct value list = VALUE_ABSENT;
    struct errmsg message = {0};
    CU_ASSERT_EQUAL_FATAL(json_parse(str_from(json), NULL, &list, &message), ERR_OK);
    for (size_t i = 0; i < value_count(list); i++)
        add(value_at(list, i), out);
    free(json);
}

static void observe(const struct wavetank *w, struct text *out)
{
    add_all(w, "Pod", add_pod, out);
    add_all(w, "Event", add_event, out);
    add_all(w, "Endpoints", add_endpoints, out);
}

/* ---- the test ---- */

static void make_clusters(void)
{
    static const char *const options[2] = {
        "{nodes: [{count: 2}]}",
        "{nodes: [{count: 2}], flags: {kubelet: {eagerProbes: true}}}",
    };
    for (int i = 0; i < 2; i++) {
        char error[ERROR_SIZE] = "";
        clusters[i] = wavetank_new(options[i], 7, error, sizeof(error));
        if (!clusters[i])
            printf("%s\n", error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(clusters[i]);
        CU_ASSERT_EQUAL_FATAL(wavetank_apply(clusters[i], pods, error, sizeof(error)), 0);
    }
}

static void act(int second)
{
    for (size_t h = 0; h < ARRAY_COUNT(happenings); h++) {
        for (int i = 0; i < 2 && happenings[h].second == second; i++) {
            char error[ERROR_SIZE] = "";
            int result = wavetank_do(clusters[i], happenings[h].operation, error, sizeof(error));
            if (result != 0)
                printf("%s\n", error);
            CU_ASSERT_EQUAL_FATAL(result, 0);
        }
    }
}

static void test_lazy_is_eager(void)
{
    make_clusters();
    size_t unhealthy = 0;

    for (int second = 1; second <= 300; second++) {
        struct text seen[2] = {{0}, {0}};
        act(second);
        for (int i = 0; i < 2; i++) {
            char error[ERROR_SIZE] = "", instant[40];
            snprintf(instant, sizeof(instant), "%dms", 20000 + second * 1000 + 431);
            CU_ASSERT_EQUAL_FATAL(wavetank_run_until(clusters[i], instant, error, sizeof(error)),
                                  0);
            observe(clusters[i], &seen[i]);
        }
        bool same = str_equal(text_str(&seen[0]), text_str(&seen[1]));
        if (!same)
            printf("at second %d\n---- lazy\n%s---- eager\n%s", second, text_c(&seen[0]),
                   text_c(&seen[1]));
        CU_ASSERT_FATAL(same);
        unhealthy += str_contains(text_str(&seen[0]), S("Unhealthy"));
        text_release(&seen[0]);
        text_release(&seen[1]);
    }

    CU_ASSERT(unhealthy > 200); /* something was there to be seen */
    for (int i = 0; i < 2; i++)
        wavetank_free(clusters[i]);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"lazy probes are eager ones", test_lazy_is_eager},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"probes", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
