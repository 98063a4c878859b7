/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of writes: what controllers write, field by field, in which order, with which events.
 * The expected sequences are those of a real 1.36.2 control plane, as far as they do not hang on
 * the speed of its parts; names are replaced by the order in which they appear, times are left out.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "cluster/api/object.h"
#include "cluster/view/view.h"
#include "scenarios/engine/run.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define HEAD                                                                                       \
    "apiVersion: wavetank.dev/v1alpha1\nkind: Scenario\nmetadata: {name: writes}\nspec:\n"         \
    "  cluster: {nodes: [{count: 2, name: \"node-{i}\"}]}\n  steps:\n  - name: only\n    try:\n"   \
    "    - sleep: 10s\n"

struct known_name {
    struct str name;
    char label[24];
};
struct witness {
    const char *kinds; /* " Deployment ReplicaSet ": whose writes are noted */
    const char *only;  /* a part that a noted line must have; NULL: any */
    struct text lines;
    VEC(struct known_name) names;
    size_t replicasets, pods;
};

/* ---- one change as a line ---- */

static bool is_of_time(struct str key)
{
    return str_ends_with(key, S("Time")) || str_ends_with(key, S("Timestamp"));
}

static void add_list(struct value list, struct text *out)
{
    text_add_byte(out, '[');
    for (size_t i = 0; i < value_count(list); i++) {
        struct value item = value_at(list, i);
        struct str type = VALUE_STR(item, type), key = VALUE_STR(item, key);
        if (i > 0)
            text_add_byte(out, ' ');
        if (type.size > 0)
            text_printf(out, "%.*s=%.*s/%.*s", STR_ARG(type), STR_ARG(VALUE_STR(item, status)),
                        STR_ARG(VALUE_STR(item, reason)));
        else if (key.size > 0)
            text_printf(out, "%.*s:%.*s", STR_ARG(key), STR_ARG(VALUE_STR(item, effect)));
        else if (value_kind(item) == VALUE_STRING && value_str(item).size != 36) /* not a uid */
            text_printf(out, "%.*s", STR_ARG(value_str(item)));
        else
            text_add_byte(out, '*');
    }
    text_add_byte(out, ']');
}

static void add_leaf(struct value v, struct text *out)
{
    if (value_kind(v) == VALUE_ARRAY)
        add_list(v, out);
    else if (value_kind(v) == VALUE_INTEGER)
        text_printf(out, "%" PRId64, value_as_integer(v, 0));
    else if (value_kind(v) == VALUE_BOOL)
        text_add(out, value_as_bool(v) ? S("true") : S("false"));
    else
        text_printf(out, "%.*s", STR_ARG(value_str(v)));
}

static struct value member(struct value object, struct str key)
{
    return value_kind(object) == VALUE_OBJECT ? value_get_key(object, key) : VALUE_ABSENT;
}

/* " status.replicas=4" for each member that differs; " status.replicas=" where it is gone. */
static void add_difference(struct value before, struct value after, const char *path,
                           struct text *out)
{
    for (int pass = 0; pass < 2; pass++) {
        struct value walked = pass == 0 ? after : before, other = pass == 0 ? before : after;
        size_t count = value_kind(walked) == VALUE_OBJECT ? value_count(walked) : 0;
        for (size_t i = 0; i < count; i++) {
            struct str key = value_key_at(walked, i);
            struct value here = value_member_at(walked, i), there = member(other, key);
            if (value_equal(here, there) || (pass == 1 && value_is_present(there)) ||
                str_equal(key, S("resourceVersion")) || is_of_time(key))
                continue;
            AUTO(text) struct text longer = {0};
            text_printf(&longer, "%s%s%.*s", path, path[0] ? "." : "", STR_ARG(key));
            if (value_kind(here) == VALUE_OBJECT) {
                add_difference(pass == 0 ? there : here, pass == 0 ? here : VALUE_ABSENT,
                               text_c(&longer), out);
                continue;
            }
            text_printf(out, " %s=", text_c(&longer));
            if (pass == 0)
                add_leaf(here, out);
        }
    }
}

static void know(struct witness *w, const char *kind, struct str name)
{
    for (size_t i = 0; i < w->names.count; i++)
        if (str_equal(w->names.items[i].name, name))
            return;
    struct known_name k = {.name = {mem_copy_string(name), name.size}};
    bool is_pod = strcmp(kind, "Pod") == 0;
    snprintf(k.label, sizeof(k.label), "%s%zu", is_pod ? "pod" : "rs",
             is_pod ? ++w->pods : ++w->replicasets);
    vec_push(&w->names, k);
}

/* The longest known name that the text begins with: a pod's begins with its ReplicaSet's. */
static const struct known_name *known_at(const struct witness *w, struct str text)
{
    const struct known_name *longest = NULL;
    for (size_t i = 0; i < w->names.count; i++)
        if (str_starts_with(text, w->names.items[i].name) &&
            (!longest || w->names.items[i].name.size > longest->name.size))
            longest = &w->names.items[i];
    return longest;
}

static void note(struct witness *w, struct str line)
{
    AUTO(text) struct text masked = {0};
    for (size_t at = 0; at < line.size;) {
        const struct known_name *k = known_at(w, str_slice(line, at, line.size));
        if (k)
            text_printf(&masked, "%s", k->label);
        else
            text_add_byte(&masked, line.bytes[at]);
        at += k ? k->name.size : 1;
    }
    if (!w->only || str_contains(text_str(&masked), str_from(w->only)))
        text_printf(&w->lines, "%s\n", text_c(&masked));
}

static void on_change(void *owner, const struct view_change *c)
{
    struct witness *w = owner;
    struct str kind = c->key->resource->kind;
    if (!str_equal(c->key->namespace, S("default")) && !str_equal(kind, S("Node")))
        return;
    if (str_equal(kind, S("Pod")) || str_equal(kind, S("ReplicaSet")))
        know(w, str_equal(kind, S("Pod")) ? "Pod" : "ReplicaSet", c->key->name);
    AUTO(text) struct text wanted = {0}, line = {0};
    text_printf(&wanted, " %.*s ", STR_ARG(kind));
    if (!str_contains(str_from(w->kinds), text_str(&wanted)))
        return;
    if (str_equal(kind, S("Event"))) {
        text_printf(&line, "! %.*s: %.*s", STR_ARG(VALUE_STR(c->after, reason)),
                    STR_ARG(VALUE_STR(c->after, message)));
        note(w, text_str(&line));
        return;
    }
    bool is_new = !value_is_present(c->before), is_gone = !value_is_present(c->after);
    text_printf(&line, "%c %.*s %.*s",
                is_new    ? '+'
                : is_gone ? '-'
                          : '~',
                STR_ARG(kind), STR_ARG(c->key->name));
    bool has_begun =
        !is_new && !is_gone && !object_is_deleting(c->before) && object_is_deleting(c->after);
    if (has_begun)
        text_add(&line, S(" deleted"));
    if (!is_new && !is_gone)
        add_difference(c->before, c->after, "", &line);
    note(w, text_str(&line));
}

/* ---- runs ---- */

struct expected {
    const char *steps, *kinds, *only;
    const char *after; /* noted from the line after the one with this text; NULL: all */
    const char *lines;
};

static struct str lines_after(struct str lines, const char *after)
{
    while (after && lines.size > 0)
        if (str_contains(str_cut(lines, '\n', &lines), str_from(after)))
            break;
    return lines;
}

static void expect_writes(const struct expected *x)
{
    AUTO(text) struct text source = {0};
    text_printf(&source, HEAD "%s", x->steps);
    struct errmsg message = {{0}};
    struct scenario *s = scenario_parse(S("writes.yaml"), text_str(&source), &message);
    if (!s)
        printf("\n%s\n", message.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    struct run *r = run_new(s, &(struct run_options){.has_seed = true, .seed = 1}, &message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    struct witness w = {.kinds = x->kinds, .only = x->only};
    view_listen(r->view, on_change, &w);

    CU_ASSERT_EQUAL(run_execute(r), OUTCOME_PASSED);

    struct str lines = lines_after(text_str(&w.lines), x->after);
    if (!str_equal(lines, str_from(x->lines))) {
        printf("\n--- got\n%.*s--- want\n%s", STR_ARG(lines), x->lines);
        CU_FAIL("other writes");
    }
    for (size_t i = 0; i < w.names.count; i++)
        mem_free((void *)(uintptr_t)w.names.items[i].name.bytes);
    vec_release(&w.names);
    text_release(&w.lines);
    run_free(r);
    scenario_free(s);
}

#define DEPLOYMENT(replicas)                                                                       \
    "    - apply: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, "      \
    "spec: {replicas: " replicas ", selector: {matchLabels: {app: web}}, template: "               \
    "{metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: \"pause:1\"}]}}}}}\n"
#define NEW_IMAGE                                                                                  \
    "    - patch: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, "      \
    "spec: {template: {spec: {containers: [{name: c, image: \"pause:2\"}]}}}}}\n"

/* The first statuses of a ReplicaSet and its Deployment. */
static void test_first_statuses(void)
{
    expect_writes(&(struct expected){
        .steps = DEPLOYMENT("2") "    - sleep: 100ms\n",
        .kinds = " Deployment ReplicaSet ",
        .lines =
            "+ Deployment web\n"
            "+ ReplicaSet rs1\n"
            "~ Deployment web metadata.annotations.deployment.kubernetes.io/revision=1 "
            "status.conditions=[Progressing=True/NewReplicaSetCreated]\n"
            "~ Deployment web status.conditions=[Progressing=True/NewReplicaSetCreated "
            "Available=False/MinimumReplicasUnavailable] status.observedGeneration=1 "
            "status.terminatingReplicas=0 status.unavailableReplicas=2\n"
            "~ ReplicaSet rs1 status.observedGeneration=1 status.replicas=0 "
            "status.terminatingReplicas=0\n"
            "~ ReplicaSet rs1 status.fullyLabeledReplicas=2 status.replicas=2\n"
            "~ Deployment web "
            "status.conditions=[Available=False/MinimumReplicasUnavailable "
            "Progressing=True/ReplicaSetUpdated] status.replicas=2 status.updatedReplicas=2\n"});
}

/* 25 % / 25 % of four: the new one grows and the old one shrinks in these steps. */
static void test_rolling_update(void)
{
    expect_writes(&(struct expected){
        .steps = DEPLOYMENT("4") "    - sleep: 10s\n" NEW_IMAGE "    - sleep: 30s\n",
        .kinds = " Event ",
        .only = "ScalingReplicaSet",
        .lines = "! ScalingReplicaSet: Scaled up replica set rs1 from 0 to 4\n"
                 "! ScalingReplicaSet: Scaled up replica set rs2 from 0 to 1\n"
                 "! ScalingReplicaSet: Scaled down replica set rs1 from 4 to 3\n"
                 "! ScalingReplicaSet: Scaled up replica set rs2 from 1 to 2\n"
                 "! ScalingReplicaSet: Scaled down replica set rs1 from 3 to 2\n"
                 "! ScalingReplicaSet: Scaled up replica set rs2 from 2 to 3\n"
                 "! ScalingReplicaSet: Scaled down replica set rs1 from 2 to 1\n"
                 "! ScalingReplicaSet: Scaled up replica set rs2 from 3 to 4\n"
                 "! ScalingReplicaSet: Scaled down replica set rs1 from 1 to 0\n"});
}

#define JOB(name, annotations, spec)                                                               \
    "    - create: {resource: {apiVersion: batch/v1, kind: Job, metadata: {name: " name            \
    "}, spec: {" spec "template: {metadata: {annotations: {" annotations                           \
    "}}, spec: {restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{name: c, "   \
    "image: x}]}}}}}\n"

/* A failure is counted in three writes; the reason is told in FailureTarget, then in Failed. */
static void test_job_fails(void)
{
    expect_writes(&(struct expected){
        .steps = JOB("fail", "wavetank.dev/run-for: 1s, wavetank.dev/exit-code: \"1\"",
                     "backoffLimit: 0, ") "    - sleep: 10s\n",
        .kinds = " Job ",
        .lines = "+ Job fail\n"
                 "~ Job fail status.active=1 status.ready=0 status.terminating=0\n"
                 "~ Job fail status.conditions=[FailureTarget=True/BackoffLimitExceeded] "
                 "status.uncountedTerminatedPods.failed=[*] status.active=\n"
                 "~ Job fail status.conditions=[FailureTarget=True/BackoffLimitExceeded "
                 "Failed=True/BackoffLimitExceeded] status.failed=1 "
                 "status.uncountedTerminatedPods.failed=\n"});
}

/* Pods of a suspended Job lose their finalizer first: they are not counted. */
static void test_job_suspended(void)
{
    expect_writes(&(struct expected){
        .steps = JOB(
            "susp", "",
            "") "    - sleep: 5s\n"
                "    - patch: {resource: {apiVersion: batch/v1, kind: Job, metadata: {name: susp}, "
                "spec: {suspend: true}}}\n    - sleep: 5s\n",
        .kinds = " Job ",
        .lines = "+ Job susp\n"
                 "~ Job susp status.active=1 status.ready=0 status.terminating=0\n"
                 "~ Job susp status.ready=1\n"
                 "~ Job susp metadata.generation=2 spec.suspend=true\n"
                 "~ Job susp status.conditions=[Suspended=True/JobSuspended] status.ready=0 "
                 "status.terminating=1 status.active=\n"
                 "~ Job susp status.terminating=0\n"});
}

/* At its deadline a Job counts the pod that still runs as failed, and is Failed once it is gone. */
static void test_job_deadline(void)
{
    expect_writes(&(struct expected){
        .steps = JOB("dl", "", "activeDeadlineSeconds: 5, ") "    - sleep: 10s\n",
        .kinds = " Job ",
        .lines = "+ Job dl\n"
                 "~ Job dl status.active=1 status.ready=0 status.terminating=0\n"
                 "~ Job dl status.ready=1\n"
                 "~ Job dl status.conditions=[FailureTarget=True/DeadlineExceeded] "
                 "status.ready=0 status.terminating=1 status.uncountedTerminatedPods.failed=[*] "
                 "status.active=\n"
                 "~ Job dl status.failed=1 status.uncountedTerminatedPods.failed=\n"
                 "~ Job dl status.terminating=0\n"
                 "~ Job dl status.conditions=[FailureTarget=True/DeadlineExceeded "
                 "Failed=True/DeadlineExceeded]\n"});
}

/* An index that is to be tried again keeps its failed pod uncounted, and its turn, until the
 * replacement exists. */
static void test_job_per_index(void)
{
    expect_writes(&(struct expected){
        .steps = JOB("idx", "wavetank.dev/run-for: 1s, wavetank.dev/exit-code: \"1\"",
                     "completions: 2, parallelism: 1, completionMode: Indexed, "
                     "backoffLimitPerIndex: 1, ") "    - sleep: 50s\n",
        .kinds = " Job ",
        .lines = "+ Job idx\n"
                 "~ Job idx status.active=1 status.failedIndexes= status.ready=0 "
                 "status.terminating=0\n"
                 "~ Job idx status.active=\n"
                 "~ Job idx status.active=1\n"
                 "~ Job idx status.uncountedTerminatedPods.failed=[*]\n"
                 "~ Job idx status.failed=1 status.uncountedTerminatedPods.failed=\n"
                 "~ Job idx status.ready=1\n"
                 "~ Job idx status.failedIndexes=0 status.ready=0 "
                 "status.uncountedTerminatedPods.failed=[*]\n"
                 "~ Job idx status.failed=2 status.uncountedTerminatedPods.failed=\n"
                 "~ Job idx status.ready=1\n"
                 "~ Job idx status.ready=0 status.active=\n"
                 "~ Job idx status.active=1\n"
                 "~ Job idx status.ready=1 status.uncountedTerminatedPods.failed=[*]\n"
                 "~ Job idx status.failed=3 status.uncountedTerminatedPods.failed=\n"
                 "~ Job idx status.conditions=[FailureTarget=True/FailedIndexes] "
                 "status.failedIndexes=0,1 status.ready=0 "
                 "status.uncountedTerminatedPods.failed=[*] status.active=\n"
                 "~ Job idx status.conditions=[FailureTarget=True/FailedIndexes "
                 "Failed=True/FailedIndexes] status.failed=4 "
                 "status.uncountedTerminatedPods.failed=\n"});
}

/* A success of an indexed Job needs no list of uids; what still runs then is let go uncounted. */
static void test_job_success_policy(void)
{
    expect_writes(&(struct expected){
        .steps =
            "    - create: {resource: {apiVersion: batch/v1, kind: Job, metadata: {name: few}, "
            "spec: "
            "{completions: 2, parallelism: 2, completionMode: Indexed, successPolicy: {rules: "
            "[{succeededIndexes: \"0\"}]}, template: {spec: {restartPolicy: Never, "
            "terminationGracePeriodSeconds: 1, containers: [{name: c, image: busybox, command: "
            "[sh, -c, \"sleep $((1 + 60 * $JOB_COMPLETION_INDEX))\"]}]}}}}}\n    - sleep: 15s\n",
        .kinds = " Job ",
        .lines = "+ Job few\n"
                 "~ Job few status.active=2 status.ready=0 status.terminating=0\n"
                 "~ Job few status.ready=2\n"
                 "~ Job few status.completedIndexes=0 "
                 "status.conditions=[SuccessCriteriaMet=True/SuccessPolicy] status.ready=0 "
                 "status.succeeded=1 status.terminating=1 status.active=\n"
                 "~ Job few status.terminating=0\n"
                 "~ Job few status.conditions=[SuccessCriteriaMet=True/SuccessPolicy "
                 "Complete=True/SuccessPolicy]\n"});
}

/* A node falls silent: conditions, then the taint that keeps pods away, then the one that drives
 * them away. */
static void test_node_taints(void)
{
    expect_writes(&(struct expected){
        .steps = "    - inject: {name: p, nodeChaos: {action: power-off, nodes: [node-1]}}\n"
                 "    - sleep: 70s\n",
        .kinds = " Node ",
        .only = "~ Node node-1",
        .after = "Ready=True/KubeletReady",
        .lines = "~ Node node-1 spec.taints=\n"
                 "~ Node node-1 metadata.annotations.node.alpha.kubernetes.io/ttl=0\n"
                 "~ Node node-1 status.conditions=[MemoryPressure=Unknown/NodeStatusUnknown "
                 "DiskPressure=Unknown/NodeStatusUnknown PIDPressure=Unknown/NodeStatusUnknown "
                 "Ready=Unknown/NodeStatusUnknown]\n"
                 "~ Node node-1 spec.taints=[node.kubernetes.io/unreachable:NoSchedule]\n"
                 "~ Node node-1 spec.taints=[node.kubernetes.io/unreachable:NoSchedule "
                 "node.kubernetes.io/unreachable:NoExecute]\n"});
}

/* The pods of that node: not ready at once, marked and deleted when their toleration has run
 * out. */
static void test_node_pods(void)
{
    expect_writes(&(struct expected){
        .steps =
            "    - create: {resource: {apiVersion: v1, kind: Pod, metadata: {name: bare}, spec: "
            "{nodeName: node-1, tolerations: [{key: node.kubernetes.io/unreachable, operator: "
            "Exists, effect: NoExecute, tolerationSeconds: 30}], containers: [{name: c, image: "
            "x}]}}}\n    - sleep: 10s\n"
            "    - inject: {name: p, nodeChaos: {action: power-off, nodes: [node-1]}}\n"
            "    - sleep: 100s\n",
        .kinds = " Pod Event ",
        .after = "status.phase=Running",
        .lines = "~ Pod pod1 status.conditions=[PodReadyToStartContainers=True/ "
                 "Initialized=True/ Ready=False/ ContainersReady=True/ PodScheduled=True/]\n"
                 "! NodeNotReady: Node node-1 status is now: NodeNotReady\n"
                 "! NodeNotReady: Node is not ready\n"
                 "! TaintManagerEviction: Marking for deletion Pod default/pod1\n"
                 "~ Pod pod1 status.conditions=[PodReadyToStartContainers=True/ "
                 "Initialized=True/ Ready=False/ ContainersReady=True/ PodScheduled=True/ "
                 "DisruptionTarget=True/DeletionByTaintManager]\n"
                 "~ Pod pod1 deleted metadata.deletionGracePeriodSeconds=30 "
                 "metadata.generation=2\n"});
}

/* In the foreground owners wait for what they own. */
static void test_foreground_deletion(void)
{
    expect_writes(&(struct expected){
        .steps = DEPLOYMENT(
            "1") "    - sleep: 5s\n"
                 "    - delete: {ref: {apiVersion: apps/v1, kind: Deployment, name: web}, "
                 "propagationPolicy: Foreground}\n    - sleep: 40s\n",
        .kinds = " Deployment ReplicaSet ",
        .after = "Available=True/MinimumReplicasAvailable Progressing",
        .lines = "~ Deployment web deleted metadata.deletionGracePeriodSeconds=0 "
                 "metadata.finalizers=[foregroundDeletion] metadata.generation=2\n"
                 "~ Deployment web status.observedGeneration=2\n"
                 "~ ReplicaSet rs1 deleted metadata.deletionGracePeriodSeconds=0 "
                 "metadata.finalizers=[foregroundDeletion] metadata.generation=2\n"
                 "~ ReplicaSet rs1 status.observedGeneration=2\n"
                 "~ ReplicaSet rs1 status.replicas=0 status.terminatingReplicas=1 "
                 "status.availableReplicas= status.fullyLabeledReplicas= status.readyReplicas=\n"
                 "~ Deployment web status.conditions=[Progressing=True/NewReplicaSetAvailable "
                 "Available=False/MinimumReplicasUnavailable] status.terminatingReplicas=1 "
                 "status.unavailableReplicas=1 status.availableReplicas= status.readyReplicas= "
                 "status.replicas= status.updatedReplicas=\n"
                 "~ ReplicaSet rs1 status.terminatingReplicas=0\n"
                 "~ Deployment web status.terminatingReplicas=0\n"
                 "- ReplicaSet rs1\n"
                 "~ Deployment web status.unavailableReplicas=\n"
                 "- Deployment web\n"});
}

int main(void)
{
    CU_TestInfo tests[] = {{"first statuses", test_first_statuses},
                           {"rolling update", test_rolling_update},
                           {"a Job fails", test_job_fails},
                           {"a Job is suspended", test_job_suspended},
                           {"a Job meets its deadline", test_job_deadline},
                           {"a Job is tried again index by index", test_job_per_index},
                           {"a Job succeeds early", test_job_success_policy},
                           {"taints of a silent node", test_node_taints},
                           {"pods of a silent node", test_node_pods},
                           {"deletion in the foreground", test_foreground_deletion},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"writes", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
