/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: no random sequence of faults and operations breaks an invariant, and when the faults are
 * over the cluster heals.
 *
 * Method: each seed draws a cluster, a workload and a storm: faults with random kinds, targets and
 * durations, with scaling, rollouts and deletions in between (which may fail: the API may be away).
 * The invariants are on all the time. Then every fault is healed, and within a bound (longer than
 * the longest time-out: evictions 300 s, back-offs 300 s) all nodes must be Ready, each Deployment
 * must have the replicas that it wants, and nothing may be stuck in deletion.
 *
 *     cluster_swarm [--seeds A-B] [--seed N]      --seed prints what it does, and the whole end of
 * the timeline
 *
 * A seed that fails prints the seed, what was drawn, the last 50 lines of the timeline and the
 * command that replays it.
 */
#include "sim/base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/wavetank.h"
#include "sim/base/hash.h"
#include "sim/base/text.h"

#define SEEDS_DEFAULT 200
#define LINES_SHOWN 50
#define DEPLOYMENTS_MAX 3

struct storm {
    struct wavetank *w;
    uint64_t seed;
    struct random_stream draws;
    struct text log; /* what was drawn */
    bool is_verbose;
    int nodes, etcd, apiservers, managers, schedulers, deployments;
    int replicas[DEPLOYMENTS_MAX]; /* as asked last, successfully or not known */
    char error[2048];
};

static int draw(struct storm *s, int limit)
{
    return (int)random_below(&s->draws, (uint64_t)limit);
}

static void note(struct storm *s, const char *format, ...) PRINTF_LIKE(2, 3);
static void note(struct storm *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_printf(&s->log, "  %8.3f  ", (double)wavetank_now_ns(s->w) / 1e9);
    text_vprintf(&s->log, format, arguments);
    text_add_byte(&s->log, '\n');
    va_end(arguments);
}

/* One operation of the scenario language; its failure is the storm's business. */
static int act(struct storm *s, const char *format, ...) PRINTF_LIKE(2, 3);
static int act(struct storm *s, const char *format, ...)
{
    AUTO(text) struct text yaml = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&yaml, format, arguments);
    va_end(arguments);
    int code = wavetank_do(s->w, text_c(&yaml), s->error, sizeof(s->error));
    note(s, "%s%s%s", text_c(&yaml), code ? " -> " : "", code ? s->error : "");
    return code;
}

/* ---- the set-up ---- */

static bool set_up(struct storm *s)
{
    s->nodes = 2 + draw(s, 5);
    s->etcd = draw(s, 3) ? 3 : 1;
    s->apiservers = 1 + draw(s, 2);
    s->managers = 1 + draw(s, 2);
    s->schedulers = 1 + draw(s, 2);
    s->deployments = 1 + draw(s, DEPLOYMENTS_MAX);
    AUTO(text) struct text yaml = {0};
    text_printf(&yaml,
                "{etcd: {members: %d}, apiservers: %d, controllerManagers: %d, schedulers: %d,"
                " nodes: [{count: %d, name: 'node-{i}', zones: [zone-a, zone-b]}], network: "
                "{latency: 500us, jitter: %dus}}",
                s->etcd, s->apiservers, s->managers, s->schedulers, s->nodes, 1 + draw(s, 5000));
    text_printf(&s->log, "  cluster: %s\n", text_c(&yaml));
    s->w = wavetank_new(text_c(&yaml), s->seed, s->error, sizeof(s->error));
    return s->w != NULL;
}

static bool deploy(struct storm *s)
{
    for (int i = 0; i < s->deployments; i++) {
        s->replicas[i] = 1 + draw(s, 5);
        int probe = draw(s, 2);
        if (act(s,
                "create: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: "
                "web-%d, namespace: default},"
                " spec: {replicas: %d, selector: {matchLabels: {app: web-%d}}, template: "
                "{metadata: {labels: {app: web-%d}},"
                " spec: {containers: [{name: web, image: 'nginx:1.27'%s}]}}}}}",
                i, s->replicas[i], i, i,
                probe ? ", readinessProbe: {httpGet: {path: /, port: 80}}" : ""))
            return false;
        if (act(s,
                "create: {resource: {apiVersion: v1, kind: Service, metadata: {name: web-%d, "
                "namespace: default},"
                " spec: {selector: {app: web-%d}, ports: [{port: 80}]}}}",
                i, i))
            return false;
    }
    if (draw(s, 2) && act(s, "create: {resource: {apiVersion: policy/v1, kind: "
                             "PodDisruptionBudget, metadata: {name: web-0,"
                             " namespace: default}, spec: {minAvailable: 1, selector: "
                             "{matchLabels: {app: web-0}}}}}"))
        return false;
    if (draw(s, 2) && act(s, "create: {resource: {apiVersion: batch/v1, kind: Job, metadata: "
                             "{name: work, namespace: default}, spec:"
                             " {completions: 3, parallelism: 2, template: {spec: {restartPolicy: "
                             "Never, containers: [{name: c, image: busybox,"
                             " command: [sh, -c, 'sleep 20']}]}}}}}"))
        return false;
    return wavetank_run_for(s->w, "20s", s->error, sizeof(s->error)) == WAVETANK_OK;
}

/* ---- the storm ---- */

static const char *component(struct storm *s, char *out, size_t size)
{
    switch (draw(s, 6)) {
    case 0:
        snprintf(out, size, "etcd-%d", draw(s, s->etcd));
        break;
    case 1:
        snprintf(out, size, "kube-apiserver-%d", draw(s, s->apiservers));
        break;
    case 2:
        snprintf(out, size, "kube-controller-manager-%d", draw(s, s->managers));
        break;
    case 3:
        snprintf(out, size, "kube-scheduler-%d", draw(s, s->schedulers));
        break;
    case 4:
        snprintf(out, size, "containerd@node-%d", draw(s, s->nodes));
        break;
    default:
        snprintf(out, size, "kubelet@node-%d", draw(s, s->nodes));
        break;
    }
    return out;
}

static void fault(struct storm *s, int number)
{
    static const char *const process_actions[] = {"kill", "stop", "pause", "hang"};
    static const char *const node_actions[] = {"power-off", "reboot", "pause", "disk-full"};
    static const char *const disk_faults[] = {"full", "fsync-lost", "torn-write"};
    char name[64], other[64];
    int seconds = 1 + draw(s, draw(s, 4) ? 40 : 500);
    switch (draw(s, 8)) {
    case 0:
    case 1: {
        const char *action = process_actions[draw(s, 4)];
        act(s, "inject: {name: f%d, duration: %ds, processChaos: {action: %s, components: ['%s']}}",
            number, seconds, action, component(s, name, sizeof(name)));
        break;
    }
    case 2: {
        const char *action = node_actions[draw(s, 4)];
        act(s, "inject: {name: f%d, duration: %ds, nodeChaos: {action: %s, nodes: [node-%d]}}",
            number, seconds, action, draw(s, s->nodes));
        break;
    }
    case 3: {
        static const char *const directions[] = {"to", "from", "both"};
        const char *direction = directions[draw(s, 3)];
        (void)component(s, name, sizeof(name));
        act(s,
            "inject: {name: f%d, duration: %ds, networkChaos: {action: partition, direction: %s, "
            "selector: {components: ['%s']},"
            " target: {components: ['%s']}}}",
            number, seconds, direction, name, component(s, other, sizeof(other)));
        break;
    }
    case 4: {
        int latency = 1 + draw(s, 2000), jitter = draw(s, 500);
        act(s,
            "inject: {name: f%d, duration: %ds, networkChaos: {action: delay, direction: both, "
            "selector: {components: ['%s']},"
            " delay: {latency: %dms, jitter: %dms}}}",
            number, seconds, component(s, name, sizeof(name)), latency, jitter);
        break;
    }
    case 5: {
        int percent = 1 + draw(s, 60);
        act(s,
            "inject: {name: f%d, duration: %ds, networkChaos: {action: loss, direction: both, "
            "selector: {components: ['%s']},"
            " loss: {percent: %d}}}",
            number, seconds, component(s, name, sizeof(name)), percent);
        break;
    }
    case 6: {
        int member = draw(s, s->etcd);
        const char *kind = disk_faults[draw(s, 3)];
        act(s,
            "inject: {name: f%d, duration: %ds, ioChaos: {action: fault, fault: %s, components: "
            "[etcd-%d]}}",
            number, seconds, kind, member);
        break;
    }
    default:
        act(s,
            "inject: {name: f%d, podChaos: {action: pod-kill, mode: one, selector: "
            "{labelSelectors: {app: web-%d}}}}",
            number, draw(s, s->deployments));
        break;
    }
}

static void operation(struct storm *s, int number)
{
    int i = draw(s, s->deployments);
    switch (draw(s, 3)) {
    case 0: {
        int wanted = draw(s, 7);
        int code = act(
            s, "scale: {ref: {apiVersion: apps/v1, kind: Deployment, name: web-%d}, replicas: %d}",
            i, wanted);
        if (code == WAVETANK_OK)
            s->replicas[i] = wanted;
        break;
    }
    case 1:
        act(s,
            "patch: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web-%d}, "
            "spec: {template: {metadata:"
            " {annotations: {change: 'n%d'}}}}}}",
            i, number);
        break;
    default:
        act(s, "drain: {node: node-%d, timeout: 20s}", draw(s, s->nodes));
        break;
    }
}

static void storm_blows(struct storm *s)
{
    int count = 2 + draw(s, 7);
    for (int i = 0; i < count; i++) {
        if (draw(s, 3))
            fault(s, i);
        else
            operation(s, i);
        char pause[32];
        snprintf(pause, sizeof(pause), "%dms", 1 + draw(s, draw(s, 3) ? 5000 : 90000));
        if (wavetank_run_for(s->w, pause, s->error, sizeof(s->error)))
            return;
    }
}

/* ---- after it ---- */

static bool heals(struct storm *s)
{
    /* The longest fault lasts 540 s; then evictions, back-offs and the relists of everybody. */
    if (wavetank_run_for(s->w, "560s", s->error, sizeof(s->error)))
        return false;
    for (int i = 0; i < s->nodes; i++)
        if (act(s,
                "patch: {resource: {apiVersion: v1, kind: Node, metadata: {name: node-%d}, spec: "
                "{unschedulable: null}}}",
                i))
            return false;
    if (wavetank_run_for(s->w, "900s", s->error, sizeof(s->error)))
        return false;
    if (act(s,
            "count: {apiVersion: v1, kind: Node, jq: '.status.conditions | any(.type == \"Ready\" "
            "and .status == \"True\")',"
            " equals: %d, timeout: 1s}",
            s->nodes))
        return false;
    for (int i = 0; i < s->deployments; i++)
        if (act(s,
                "assert: {timeout: 1s, resource: {apiVersion: apps/v1, kind: Deployment, metadata: "
                "{name: web-%d}}, jq:"
                " '.spec.replicas == (.status.readyReplicas // 0) and .spec.replicas == "
                "(.status.updatedReplicas // 0) and"
                " .spec.replicas == (.status.replicas // 0)'}",
                i))
            return false;
    return !act(s, "count: {apiVersion: v1, kind: Pod, jq: '.metadata.deletionTimestamp != null', "
                   "equals: 0, timeout: 1s}");
}

static void show_failure(struct storm *s, const char *program)
{
    printf("seed %" PRIu64 " fails: %s\n", s->seed, s->error);
    printf("%s", text_c(&s->log));
    char *lines = s->w ? wavetank_timeline(s->w) : NULL;
    if (lines) {
        size_t size = strlen(lines), wanted = s->is_verbose ? 1000 : LINES_SHOWN;
        size_t from = size;
        for (size_t seen = 0; from > 0 && seen <= wanted; from--)
            seen += lines[from - 1] == '\n';
        printf("  the last lines of the timeline:\n%s\n", lines + from);
        free(lines);
    }
    printf("replay: %s --seed %" PRIu64 "\n", program, s->seed);
}

static bool run_seed(uint64_t seed, bool is_verbose, const char *program, uint64_t *hash)
{
    struct storm s = {
        .seed = seed, .draws = random_stream(seed, 0, 0, 1), .is_verbose = is_verbose};
    bool passed = set_up(&s) && deploy(&s);
    if (passed) {
        storm_blows(&s);
        passed = wavetank_violation_count(s.w) == 0 && heals(&s);
    }
    if (passed && wavetank_violation_count(s.w) > 0)
        passed = false;
    if (!passed)
        show_failure(&s, program);
    else if (is_verbose)
        printf("%s", text_c(&s.log));
    *hash = s.w ? hash_pair(*hash, wavetank_trace_hash(s.w)) : 0;
    wavetank_free(s.w);
    text_release(&s.log);
    return passed;
}

int main(int count, char **arguments)
{
    int64_t first = 1, last = SEEDS_DEFAULT;
    bool is_verbose = false;
    for (int i = 1; i + 1 < count; i += 2) {
        struct str rest, from = str_cut(str_from(arguments[i + 1]), '-', &rest);
        bool ok = str_to_int64(from, &first);
        last = first;
        is_verbose = strcmp(arguments[i], "--seed") == 0;
        if (strcmp(arguments[i], "--seeds") == 0)
            ok = ok && str_to_int64(rest, &last);
        if (!ok) {
            fprintf(stderr, "usage: %s [--seeds A-B] [--seed N]\n", arguments[0]);
            return 2;
        }
    }
    int failures = 0;
    uint64_t hash = 0;
    for (int64_t seed = first; seed <= last; seed++)
        failures += !run_seed((uint64_t)seed, is_verbose, arguments[0], &hash);
    printf("%" PRId64 " seeds, %d failed, traces %016" PRIx64 "\n", last - first + 1, failures,
           hash);
    return failures > 0;
}
