/* SPDX-License-Identifier: Apache-2.0
 *
 * What a seed of the cluster swarm runs and does: the cluster, the load, and the operations of
 * people that fall into the storm (which may fail: the API may be away).
 */
#include "tests/swarm/cluster_world.h"

#include <stdio.h>

#define DEPLOYMENTS_MAX 3
#define TEMPLATE                                                                                   \
    "template: {metadata: {labels: {app: %s}}, spec: {containers: [{name: c, image: %s}]}}"

static const char *yes(struct storm *s, int one_in, const char *text)
{
    return draw_one_in(s, one_in) ? text : "";
}

/* ---- the cluster ---- */

static void add_flags(struct storm *s, struct text *yaml)
{
    text_add(yaml, S(", flags: {etcd: {heartbeat-interval: 100"));
    if (draw_one_in(s, 3)) /* members that lag take snapshots */
        text_printf(yaml, ", snapshot-count: %d", 50 + draw(s, 1000));
    text_add(yaml, S("}, kube-apiserver: {request-timeout: 60s"));
    if (draw_one_in(s, 3)) /* watches end often */
        text_printf(yaml, ", min-request-timeout: %d", 5 + draw(s, 60));
    if (draw_one_in(s, 3))
        text_printf(yaml, ", etcd-compaction-interval: %ds", 10 + draw(s, 120));
    text_add(yaml, S("}}"));
}

static bool make_cluster(struct storm *s)
{
    s->nodes = 2 + draw(s, 5);
    s->etcd = draw(s, 3) ? 3 : 1;
    s->apiservers = 1 + draw(s, 2);
    s->managers = 1 + draw(s, 2);
    s->schedulers = 1 + draw(s, 2);
    AUTO(text) struct text yaml = {0};
    text_printf(&yaml,
                "{etcd: {members: %d}, apiservers: %d, controllerManagers: %d, schedulers: %d,"
                " nodes: [{count: %d, name: 'node-{i}', zones: [zone-a, zone-b]}], network: "
                "{latency: 500us, jitter: %dus}",
                s->etcd, s->apiservers, s->managers, s->schedulers, s->nodes, 1 + draw(s, 5000));
    add_flags(s, &yaml);
    text_add(&yaml, str_from(yes(s, 2, ", shuffleTies: true")));
    text_add_byte(&yaml, '}');
    text_printf(&s->log, "  cluster: %s\n", text_c(&yaml));
    s->w = wavetank_new(text_c(&yaml), s->seed, s->error, sizeof(s->error));
    return s->w != NULL;
}

/* ---- the load ---- */

static void add_strategy(struct storm *s, struct text *yaml)
{
    switch (draw(s, 5)) {
    case 0:
        text_add(yaml, S(", strategy: {type: Recreate}"));
        break;
    case 1:
        text_add(yaml, S(", strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}"));
        break;
    case 2:
        text_add(yaml, S(", strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"));
        break;
    case 3:
        text_add(yaml, S(", strategy: {rollingUpdate: {maxSurge: '50%', maxUnavailable: '40%'}}"));
        break;
    default:
        break;
    }
    if (draw_one_in(s, 4))
        text_printf(yaml, ", minReadySeconds: %d", 1 + draw(s, 20));
    text_add(yaml, str_from(yes(s, 5, ", progressDeadlineSeconds: 60")));
    text_add(yaml, str_from(yes(s, 5, ", revisionHistoryLimit: 1")));
}

static void add_pod(struct storm *s, struct text *yaml)
{
    text_add(yaml, S("containers: [{name: web, image: 'nginx:1.27'"));
    text_add(yaml, str_from(yes(s, 2, ", readinessProbe: {httpGet: {path: /, port: 80}}")));
    text_add(yaml, str_from(yes(
                       s, 4, ", livenessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 5}")));
    if (draw_one_in(s, 2))
        text_printf(yaml, ", resources: {requests: {cpu: %dm, memory: 16Mi}}", 10 + draw(s, 200));
    bool is_mounted = draw_one_in(s, 3);
    text_add(yaml,
             is_mounted
                 ? S(", volumeMounts: [{name: v, mountPath: /etc/settings}]}], volumes: [{name: v,"
                     " configMap: {name: settings}}]")
                 : S("}]"));
    if (draw_one_in(s, 3))
        text_printf(yaml,
                    ", tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, "
                    "effect: NoExecute,"
                    " tolerationSeconds: %d}]",
                    draw(s, 100));
    if (draw_one_in(s, 3))
        text_printf(yaml, ", terminationGracePeriodSeconds: %d", draw(s, 60));
}

static void load_deployment(struct storm *s, int number)
{
    (void)number;
    if (s->deployments == DEPLOYMENTS_MAX)
        return;
    int i = s->deployments++;
    AUTO(text) struct text strategy = {0};
    AUTO(text) struct text pod = {0};
    add_strategy(s, &strategy);
    add_pod(s, &pod);
    int replicas = 1 + draw(s, 5);
    act(s,
        "create: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web-%d, "
        "namespace: default},"
        " spec: {replicas: %d%s, selector: {matchLabels: {app: web-%d}}, template: {metadata: "
        "{labels: {app: web-%d}},"
        " spec: {%s}}}}}",
        i, replicas, text_c(&strategy), i, i, text_c(&pod));
    act(s,
        "create: {resource: {apiVersion: v1, kind: Service, metadata: {name: web-%d, namespace: "
        "default},"
        " spec: {selector: {app: web-%d}, ports: [{port: 80}]}}}",
        i, i);
}

static void load_budget(struct storm *s, int number)
{
    const char *bound = draw_one_in(s, 2) ? "minAvailable: 1" : "maxUnavailable: 1";
    int deployment = draw(s, s->deployments);
    act(s,
        "create: {resource: {apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: "
        "budget-%d,"
        " namespace: default}, spec: {%s, selector: {matchLabels: {app: web-%d}}}}}",
        number, bound, deployment);
}

static void load_job(struct storm *s, int number)
{
    /* Some of its pods fail: at even seconds, or on the first node. */
    static const char *const commands[] = {"sleep 20", "sleep 5; exit 1",
                                           "sleep 15; test $HOSTNAME = x", "true"};
    const char *command = commands[draw(s, 4)], *policy = draw_one_in(s, 3) ? "OnFailure" : "Never";
    int completions = 1 + draw(s, 4), parallelism = 1 + draw(s, 3), limit = draw(s, 4);
    const char *ttl = yes(s, 3, ", ttlSecondsAfterFinished: 30");
    const char *deadline = yes(s, 4, ", activeDeadlineSeconds: 90");
    act(s,
        "create: {resource: {apiVersion: batch/v1, kind: Job, metadata: {name: work-%d, namespace: "
        "default}, spec:"
        " {completions: %d, parallelism: %d, backoffLimit: %d%s%s, template: {spec: "
        "{restartPolicy: %s, containers:"
        " [{name: c, image: busybox, command: [sh, -c, '%s']}]}}}}}",
        number, completions, parallelism, limit, ttl, deadline, policy, command);
}

/* As many pods as the quota lets in, never more; two more are wanted. */
static void load_quota(struct storm *s, int number)
{
    int limit = 1 + draw(s, 3);
    act(s, "create: {resource: {apiVersion: v1, kind: Namespace, metadata: {name: tenant-%d}}}",
        number);
    act(s,
        "create: {resource: {apiVersion: v1, kind: ResourceQuota, metadata: {name: tight, "
        "namespace: tenant-%d}, spec:"
        " {hard: {pods: '%d', configmaps: '5'}}}}",
        number, limit);
    (void)pass_time(s, 2000);
    act(s,
        "create: {resource: {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: many, "
        "namespace: tenant-%d}, spec:"
        " {replicas: %d, selector: {matchLabels: {app: many}}, " TEMPLATE "}}}",
        number, limit + 2, "many", "'nginx:1.27'");
}

static void load_replicaset(struct storm *s, int number)
{
    int replicas = 1 + draw(s, 3);
    act(s,
        "create: {resource: {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: set-%d, "
        "namespace: default}, spec:"
        " {replicas: %d, selector: {matchLabels: {app: set-%d}}, template: {metadata: {labels: "
        "{app: set-%d}}, spec:"
        " {containers: [{name: c, image: 'nginx:1.27'}]}}}}}",
        number, replicas, number, number);
}

static void load_controller(struct storm *s, int number)
{
    act(s,
        "create: {resource: {apiVersion: v1, kind: ReplicationController, metadata: {name: old-%d, "
        "namespace: default},"
        " spec: {replicas: 2, selector: {app: old-%d}, template: {metadata: {labels: {app: "
        "old-%d}}, spec: {containers:"
        " [{name: c, image: 'nginx:1.27'}]}}}}}",
        number, number, number);
}

static void load_cron(struct storm *s, int number)
{
    act(s,
        "create: {resource: {apiVersion: batch/v1, kind: CronJob, metadata: {name: yearly-%d, "
        "namespace: default}, spec:"
        " {schedule: '0 0 1 1 *', concurrencyPolicy: Forbid, jobTemplate: {spec: {template: {spec: "
        "{restartPolicy: Never,"
        " containers: [{name: c, image: busybox, command: ['true']}]}}}}}}}",
        number);
}

static void load_pod(struct storm *s, int number)
{
    const char *finalizers = yes(s, 4, ", finalizers: [example.com/hold]");
    bool ends = draw_one_in(s, 3);
    act(s,
        "create: {resource: {apiVersion: v1, kind: Pod, metadata: {name: bare-%d, namespace: "
        "default%s}, spec:"
        " {restartPolicy: %s, containers: [{name: c, image: busybox, command: [sh, -c, 'sleep "
        "%s']}]}}}",
        number, finalizers, ends ? "Never" : "Always", ends ? "60" : "1000000");
}

static void load_namespace(struct storm *s, int number)
{
    act(s, "create: {resource: {apiVersion: v1, kind: Namespace, metadata: {name: doomed-%d}}}",
        number);
    act(s,
        "create: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, "
        "namespace: doomed-%d}, spec:"
        " {replicas: 2, selector: {matchLabels: {app: web}}, " TEMPLATE "}}}",
        number, "web", "'nginx:1.27'");
}

const struct storm_kind storm_loads[] = {
    {"deployment", load_deployment},
    {"budget", load_budget},
    {"job", load_job},
    {"quota", load_quota},
    {"replicaset", load_replicaset},
    {"controller", load_controller},
    {"cron", load_cron},
    {"pod", load_pod},
    {"namespace", load_namespace},
};
const size_t storm_load_count = ARRAY_COUNT(storm_loads);

bool storm_set_up(struct storm *s)
{
    if (!make_cluster(s))
        return false;
    act(s, "create: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, "
           "namespace: default},"
           " data: {mode: calm}}}");
    s->is_calm = draw_one_in(s, 8);
    if (s->is_calm) {
        note(s, "calm: no faults");
        calm_begin(s);
    }
    load_deployment(s, 0);
    int count = 1 + draw(s, 5);
    for (int i = 0; i < count; i++) {
        size_t kind = (size_t)draw(s, (int)storm_load_count);
        storm_loads[kind].act(s, i);
        s->loads[kind]++;
    }
    return pass_time(s, 20000);
}

/* ---- operations ---- */

static void operation_scale(struct storm *s, int number)
{
    int i = draw(s, s->deployments), wanted = draw(s, 7);
    (void)number;
    act(s, "scale: {ref: {apiVersion: apps/v1, kind: Deployment, name: web-%d}, replicas: %d}", i,
        wanted);
}

static void operation_roll_out(struct storm *s, int number)
{
    int i = draw(s, s->deployments);
    int change = draw_one_in(s, 3) ? 0 : number; /* 0: perhaps back to an older revision */
    act(s,
        "patch: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web-%d}, spec: "
        "{template: {metadata:"
        " {annotations: {change: 'n%d'}}}}}}",
        i, change);
}

/* A change that restarts every container's pod by another way than an annotation. */
static void operation_change_pod(struct storm *s, int number)
{
    int i = draw(s, s->deployments);
    act(s,
        "patch: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web-%d}, spec: "
        "{template: {spec:"
        " {containers: [{name: web, image: 'nginx:1.27', env: [{name: TURN, value: 'x%d'}]}]}}}}}",
        i, number);
}

static void operation_drain(struct storm *s, int number)
{
    (void)number;
    int node = draw(s, s->nodes);
    bool is_forced = draw_one_in(s, 2);
    act(s, "drain: {node: node-%d, timeout: 20s, force: %s}", node, is_forced ? "true" : "false");
}

static void operation_settings(struct storm *s, int number)
{
    act(s,
        "patch: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: "
        "{mode: 'm%d'}}}",
        number);
}

static void operation_delete_deployment(struct storm *s, int number)
{
    static const char *const policies[] = {"Background", "Foreground", "Orphan"};
    (void)number;
    int i = draw(s, s->deployments);
    act(s,
        "delete: {ref: {apiVersion: apps/v1, kind: Deployment, name: web-%d}, propagationPolicy: "
        "%s}",
        i, policies[draw(s, 3)]);
}

static void operation_delete_set(struct storm *s, int number)
{
    static const char *const policies[] = {"Background", "Foreground", "Orphan"};
    (void)number;
    int i = draw(s, 5);
    act(s,
        "delete: {ref: {apiVersion: apps/v1, kind: ReplicaSet, name: set-%d}, propagationPolicy: "
        "%s}",
        i, policies[draw(s, 3)]);
}

static void operation_delete_job(struct storm *s, int number)
{
    (void)number;
    act(s, "delete: {ref: {apiVersion: batch/v1, kind: Job, name: work-%d}}", draw(s, 5));
}

static void operation_delete_namespace(struct storm *s, int number)
{
    (void)number;
    int i = draw(s, 5);
    const char *name = draw_one_in(s, 3) ? "tenant" : "doomed";
    act(s, "delete: {ref: {apiVersion: v1, kind: Namespace, name: %s-%d}}", name, i);
}

static void operation_delete_node(struct storm *s, int number)
{
    (void)number;
    int node = draw(s, s->nodes);
    if (act(s, "delete: {ref: {apiVersion: v1, kind: Node, name: node-%d}, gracePeriodSeconds: 0}",
            node) == WAVETANK_FAILED &&
        strstr(s->error, "not found"))
        return;
    vec_push(&s->deleted_nodes, node); /* or perhaps not: the answer may have been lost */
}

/* A pod of a Deployment by its place among them: absent when there are fewer. */
static bool pick_pod(struct storm *s, char *out, size_t size)
{
    struct view *view = wavetank_run(s->w)->view;
    int wanted = draw(s, 6), seen = 0;
    struct view_cursor c = view_first(view, resource_get(RESOURCE_pods), S("default"));
    for (; c.key; view_next(&c)) {
        if (seen++ != wanted)
            continue;
        snprintf(out, size, "%.*s", STR_ARG(c.key->name));
        return true;
    }
    return false;
}

static void operation_delete_pod(struct storm *s, int number)
{
    char name[256];
    (void)number;
    if (pick_pod(s, name, sizeof(name)))
        act(s, "delete: {ref: {apiVersion: v1, kind: Pod, name: %s}%s}", name,
            yes(s, 3, ", gracePeriodSeconds: 0"));
}

static void operation_evict(struct storm *s, int number)
{
    char name[256];
    (void)number;
    if (pick_pod(s, name, sizeof(name)))
        act(s, "evict: {ref: {apiVersion: v1, kind: Pod, name: %s}}", name);
}

/* One after another, as a drain does: a budget that lets one go must stop the next. */
static void operation_evict_more(struct storm *s, int number)
{
    int count = 2 + draw(s, 4);
    for (int i = 0; i < count; i++)
        operation_evict(s, number);
}

/* Its ReplicaSet must let go of it and make another one. */
static void operation_relabel_pod(struct storm *s, int number)
{
    char name[256];
    if (pick_pod(s, name, sizeof(name)))
        act(s,
            "patch: {resource: {apiVersion: v1, kind: Pod, metadata: {name: %s, labels: {app: "
            "stray-%d}}}}",
            name, number);
}

/* Another object of the same name: whoever acts for the old one must notice. */
static void operation_make_anew(struct storm *s, int number)
{
    int i = draw(s, 5);
    bool is_job = draw_one_in(s, 2);
    (void)number;
    if (is_job) {
        act(s, "delete: {ref: {apiVersion: batch/v1, kind: Job, name: work-%d}}", i);
        load_job(s, i);
    } else {
        act(s, "delete: {ref: {apiVersion: v1, kind: Pod, name: bare-%d}, gracePeriodSeconds: 0}",
            i);
        load_pod(s, i);
    }
}

static void operation_quota(struct storm *s, int number)
{
    (void)number;
    int tenant = draw(s, 5), limit = 1 + draw(s, 5);
    act(s,
        "patch: {resource: {apiVersion: v1, kind: ResourceQuota, metadata: {name: tight, "
        "namespace: tenant-%d}, spec: {hard:"
        " {pods: '%d'}}}}",
        tenant, limit);
}

static void operation_load(struct storm *s, int number)
{
    int kind = draw(s, (int)storm_load_count);
    storm_loads[kind].act(s, 100 + number);
    s->loads[kind]++;
}

const struct storm_kind storm_operations[] = {
    {"scale", operation_scale},
    {"roll out", operation_roll_out},
    {"change the pod", operation_change_pod},
    {"drain", operation_drain},
    {"settings", operation_settings},
    {"delete Deployment", operation_delete_deployment},
    {"delete ReplicaSet", operation_delete_set},
    {"delete Job", operation_delete_job},
    {"delete Namespace", operation_delete_namespace},
    {"delete Node", operation_delete_node},
    {"delete Pod", operation_delete_pod},
    {"evict", operation_evict},
    {"evict more", operation_evict_more},
    {"relabel Pod", operation_relabel_pod},
    {"make anew", operation_make_anew},
    {"quota", operation_quota},
    {"load", operation_load},
};
const size_t storm_operation_count = ARRAY_COUNT(storm_operations);
