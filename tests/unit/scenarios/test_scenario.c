/* SPDX-License-Identifier: Apache-2.0
 *
 * Scenario files: what is right loads, each kind of mistake is refused with its place and what was
 * expected.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>

#include "scenarios/engine/scenario.h"

#define HEAD "apiVersion: wavetank.dev/v1alpha1\nkind: Scenario\nmetadata: {name: x}\nspec:\n"

struct mistake {
    const char *text;
    const char *place;    /* how the message begins */
    const char *expected; /* what it contains */
};
static const struct mistake mistakes[] = {
    {HEAD "  clutser: {}\n", "x.yaml:5:3: spec.clutser: ", "did you mean \"cluster\"?"},
    {HEAD "  cluster:\n    apiservers: two\n",
     "x.yaml:6:5: spec.cluster.apiservers: ", "expected a whole number, found \"two\""},
    {HEAD "  cluster: {apiservers: 9}\n",
     "x.yaml:5:13: spec.cluster.apiservers: ", "expected 1 to 7"},
    {HEAD "  until: soon\n", "x.yaml:5:3: spec.until: ", "expected a duration such as"},
    {HEAD "  steps:\n  - try:\n    - sleep: 5 minutes\n",
     "x.yaml:7:7: spec.steps[0].try[0].sleep: ", "expected a duration"},
    {HEAD "  steps:\n  - try:\n    - aply: {}\n",
     "x.yaml:7:7: spec.steps[0].try[0].aply: ", "did you mean \"apply\"?"},
    {HEAD "  steps:\n  - name: a\n", "x.yaml:6:5: spec.steps[0]: ", "\"try\" is missing"},
    {HEAD "  steps:\n  - try:\n    - apply: {file: none.yaml}\n",
     "x.yaml:7:15: spec.steps[0].try[0].apply.file: ", "cannot read none.yaml"},
    {HEAD "  steps:\n  - try:\n    - inject: {nodeChaos: {action: power-of, nodes: [a]}}\n",
     "x.yaml:7:28: spec.steps[0].try[0].inject.nodeChaos.action: ", "did you mean \"power-off\"?"},
    {HEAD "  steps:\n  - try:\n    - count: {apiVersion: v1, kind: Pod}\n",
     "x.yaml:7:7: ", "either equals, or atLeast"},
    {HEAD "  steps:\n  - try:\n    - count: {apiVersion: v1, kind: Pod, equals: 1, selector: 'a in "
          "b'}\n",
     "x.yaml:7:53: ", "unable to parse requirement"},
    {HEAD "  steps:\n  - try:\n    - count: {apiVersion: v1, kind: Pod, equals: 1, jq: '.a ==='}\n",
     "x.yaml:7:53: ", "syntax error"},
    {HEAD "  steps:\n  - try:\n    - assert: {resource: {apiVersion: v1, kind: Pood}}\n",
     "x.yaml:7:16: ", "no matches for kind \"Pood\""},
    {HEAD "  cluster: {flags: {kube-scheduler: {kube-api-qpz: 1}}}\n",
     "x.yaml:5:38: ", "unknown flag --kube-api-qpz"},
    {HEAD "  cluster: {flags: {kubelet: {max-podz: 1}}}\n", "x.yaml:5:31: ", "max-podz"},
    {HEAD
     "  always:\n  - {name: a, after: nothing, count: {apiVersion: v1, kind: Pod, atLeast: 1}}\n",
     "x.yaml:6:15: spec.always[0].after: ", "no step has the name \"nothing\""},
    {"apiVersion: v2\nkind: Scenario\nmetadata: {name: x}\nspec: {}\n",
     "x.yaml:1:1: apiVersion: ", "wavetank.dev/v1alpha1"},
    {"a: [\n", "x.yaml:", ""},
    {HEAD "  cluster: {nodes: [{capacity: {cpu: lots}}]}\n",
     "x.yaml:5:33: spec.cluster.nodes[0].capacity.cpu: ", "expected a quantity"},
    {HEAD "  cluster: {nodes: [{count: 2, name: same}]}\n",
     "x.yaml:5:32: spec.cluster.nodes[0].name: ", "{i} in the name"},
    {HEAD "  cluster: {nodes: [{count: -1}]}\n", "x.yaml:5:22: ", "a number of at least 0"},
    {HEAD "  cluster: {nodes: [{taints: [{key: a}]}]}\n", "x.yaml:5:31: ", "\"effect\" is missing"},
    {HEAD "  cluster: {flags: {kubelet: {max-podz: 1}}}\n",
     "x.yaml:5:31: ", "did you mean --max-pods?"},
    {HEAD "  cluster: {flags: {kubelet: {max-pods: many}}}\n",
     "x.yaml:5:31: ", "expected a number of at least 0"},
    {HEAD "  cluster: {flags: {kube-controller-manager: {kube-api-qpz: 1}}}\n",
     "x.yaml:5:47: ", "did you mean --kube-api-qps?"},
    {HEAD "  cluster: {flags: {kube-apiserver: {event-ttl: 5}}}\n",
     "x.yaml:5:38: ", "expected a duration"},
    {HEAD "  cluster: {flags: {kube-prox: {a: 1}}}\n", "x.yaml:5:33: ", "unknown component"},
    {HEAD "  start: yesterday\n", "x.yaml:5:3: spec.start: ", "expected a time"},
    {HEAD "  seed: -1\n", "x.yaml:5:3: spec.seed: ", "at least 0"},
    {HEAD "  steps:\n  - try:\n    - sleep: 1s\n      say: two\n",
     "x.yaml:7:7: spec.steps[0].try[0]: ", "exactly one key, found 2"},
    {HEAD "  steps:\n  - try:\n    - apply: {}\n", "x.yaml:7:7: ", "either file or resource"},
    {HEAD "  steps:\n  - try:\n    - apply: {resource: {}, expect: {error: timeout, code: 1}}\n",
     "x.yaml:7:29: ", "either error, or code"},
    {HEAD "  steps:\n  - try:\n    - apply: {resource: {}, expect: {error: tiemout}}\n",
     "x.yaml:7:38: ", "did you mean \"timeout\"?"},
    {HEAD "  steps:\n  - try:\n    - scale: {ref: {apiVersion: v1, kind: Pod, name: a}}\n",
     "x.yaml:7:7: ", "\"replicas\" is missing"},
    {HEAD "  steps:\n  - try:\n    - wait: {ref: {apiVersion: v1, kind: Pod, name: a}, for: "
          "ready}\n",
     "x.yaml:7:57: ", "condition=TYPE"},
    {HEAD "  steps:\n  - try:\n    - count: {apiVersion: v1, kind: Pod, equals: 1, atLeast: 1}\n",
     "x.yaml:7:7: ", "either equals, or atLeast"},
    {HEAD "  steps:\n  - try:\n    - request: {from: inside, to: \"http://a/\"}\n",
     "x.yaml:7:17: ", "outside, {pod: NAME} or {node: NAME}"},
    {HEAD "  steps:\n  - try:\n    - inject: {name: a}\n", "x.yaml:7:7: ", "exactly one fault"},
    {HEAD "  steps:\n  - try:\n    - inject: {networkChaos: {action: loss, selector: {}}}\n",
     "x.yaml:7:16: ", "\"loss\" with the settings"},
    {HEAD "  steps:\n  - try:\n    - inject: {networkChaos: {action: loss, selector: {}, loss: "
          "{percent: 101}}}\n",
     "x.yaml:7:66: ", "0 to 100"},
    {HEAD "  steps:\n  - try:\n    - inject: {ioChaos: {action: latency, components: [etcd-0]}}\n",
     "x.yaml:7:16: ", "\"delay\" with the action latency"},
    {HEAD "  steps:\n  - try:\n    - inject: {timeChaos: {nodes: [a]}}\n",
     "x.yaml:7:16: ", "timeOffset and/or drift"},
    {HEAD "  steps:\n  - try:\n    - inject: {podChaos: {action: pod-kill, mode: fixed, selector: "
          "{}}}\n",
     "x.yaml:7:16: ", "a number with this mode"},
    {HEAD "  steps:\n  - try:\n    - inject: {podChaos: {action: pod-kil, selector: {}}}\n",
     "x.yaml:7:27: ", "did you mean \"pod-kill\"?"},
    {HEAD "  steps:\n  - try:\n    - heal: {}\n", "x.yaml:7:7: ", "\"name\" is missing"},
    {HEAD "  never:\n  - {name: a}\n", "x.yaml:6:5: ", "either count or assert"},
    {HEAD "  seed: 1\n  seed: 2\n", "x.yaml:6:3: ", "stands here twice"},
};

static void test_mistakes(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(mistakes); i++) {
        struct errmsg message = {{0}};
        struct scenario *s = scenario_parse(S("x.yaml"), str_from(mistakes[i].text), &message);
        struct str text = str_from(message.text);
        bool is_right = !s && str_starts_with(text, str_from(mistakes[i].place)) &&
                        str_contains(text, str_from(mistakes[i].expected));
        if (!is_right)
            printf("\n%s-> %s\n   expected %s ... %s\n", mistakes[i].text, message.text,
                   mistakes[i].place, mistakes[i].expected);
        CU_ASSERT(is_right);
        scenario_free(s);
    }
}

/* Every key of the contract in one file. */
static const char everything[] = HEAD
    "  description: all\n  seed: 3\n  start: \"2026-02-01T00:00:00Z\"\n  until: 15m\n"
    "  cluster:\n    etcd: {members: 3}\n    apiservers: 2\n    controllerManagers: 2\n    "
    "schedulers: 2\n"
    "    nodes:\n    - {count: 5, name: \"node-{i}\", zones: [a, b], labels: {disk: ssd}, taints: "
    "[], runtime: simulated,\n"
    "       capacity: {cpu: \"4\", memory: 8Gi, pods: \"110\", ephemeral-storage: 50Gi}}\n"
    "    hosts: [{name: nas.domain.lan, nfs: [/export/content]}]\n"
    "    network: {latency: 500us, jitter: 100us}\n"
    "    flags: {kube-controller-manager: {kube-api-qps: 5000}, kube-scheduler: {kube-api-burst: "
    "5000}, kubelet: {max-pods: 110}}\n"
    "  steps:\n  - name: deploy\n    at: 0s\n    try:\n"
    "    - apply: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}, expect: "
    "{code: 422, reason: Invalid, message: x}}\n"
    "    - delete: {ref: {apiVersion: v1, kind: Pod, name: a}}\n"
    "    - scale: {ref: {apiVersion: apps/v1, kind: Deployment, name: a}, replicas: 2}\n"
    "    - drain: {node: node-1}\n"
    "    - assert: {timeout: 60s, resource: {apiVersion: v1, kind: Pod}, jq: '.status.conditions | "
    "any(.type == \"Available\")'}\n"
    "    - error: {resource: {apiVersion: v1, kind: Pod}, timeout: 10s}\n"
    "    - count: {apiVersion: v1, kind: Pod, selector: app=web, jq: '.status.phase == "
    "\"Running\"', equals: 3}\n"
    "    - wait: {ref: {apiVersion: apps/v1, kind: Deployment, name: web}, for: "
    "condition=Available, timeout: 2m}\n"
    "    - sleep: 30s\n    - say: Now.\n"
    "    - request: {from: {pod: client}, to: \"http://web.default/\", expect: {status: 200}, "
    "timeout: 5s}\n"
    "    - inject: {name: power, nodeChaos: {action: power-off, nodes: [node-1]}, duration: 10m}\n"
    "    - inject: {networkChaos: {action: delay, direction: both, selector: {zones: [a]}, target: "
    "{components: [etcd-0]}, delay: {latency: 1s}}}\n"
    "    - inject: {ioChaos: {action: latency, delay: 1s, components: [etcd-0]}}\n"
    "    - inject: {timeChaos: {timeOffset: -5m, nodes: [node-1]}}\n"
    "    - inject: {podChaos: {action: pod-kill, mode: fixed, value: 1, selector: {labelSelectors: "
    "{app: web}}}}\n"
    "    - heal: {name: power}\n    catch: []\n    finally: []\n"
    "  always:\n  - {name: r, after: deploy, count: {apiVersion: v1, kind: Pod, atLeast: 1}}\n  "
    "never: []\n"
    "  invariants: {disable: [I41]}\n";

static void test_everything(void)
{
    struct errmsg message = {{0}};
    struct scenario *s = scenario_parse(S("x.yaml"), str_from(everything), &message);

    if (!s)
        printf("\n%s\n", message.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(s->seed, 3);
    CU_ASSERT_EQUAL(s->until.ns, duration_minutes(15).ns);
    CU_ASSERT_EQUAL(value_count(s->steps), 1);
    struct cluster *c = scenario_cluster(s, 1, NULL, false, &message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(cluster_component_count(c, COMPONENT_KUBELET), 5);
    CU_ASSERT_EQUAL(cluster_component_count(c, COMPONENT_ETCD), 3);
    process_id p;
    CU_ASSERT(cluster_find_component(c, S("kubelet@node-4"), &p));
    CU_ASSERT(!cluster_find_component(c, S("kubelet@node-5"), &p));
    cluster_free(c);
    scenario_free(s);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"mistakes", test_mistakes}, {"everything", test_everything}, CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"scenario", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}
