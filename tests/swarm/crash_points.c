/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: wherever the controller manager or its connection dies within an operation, the cluster
 * comes to the same end.
 *
 * Method: no random numbers. Each operation is done once for each crash point: the n-th request
 * that the manager sends or the n-th answer that it gets, for n from 1 on, where the stream is
 * reset or the manager killed, before or after the message. That covers the four points of a
 * write: not sent, sent and not committed, committed and not answered, answered and not processed.
 * Then the cluster is judged as after a storm of the swarm.
 *
 *     crash_points [--points N]
 */
#include "tests/swarm/cluster_world.h"

#include <stdio.h>

#define POINTS_DEFAULT 16
#define NODES 2

#define REF "ref: {apiVersion: apps/v1, kind: Deployment, name: web}"
#define POD "{metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: 'nginx:1.27'}]}}"

static const char *const operations[] = {
    "scale: {" REF ", replicas: 5}",
    "scale: {" REF ", replicas: 1}",
    "patch: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: "
    "{template: {metadata: {annotations:"
    " {a: b}}}}}}",
    "delete: {" REF "}",
    "delete: {" REF ", propagationPolicy: Foreground}",
    "delete: {" REF ", propagationPolicy: Orphan}",
    "drain: {node: node-0, timeout: 20s}",
    "create: {resource: {apiVersion: batch/v1, kind: Job, metadata: {name: work}, spec: "
    "{completions: 2, parallelism: 2,"
    " template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [sh, "
    "-c, 'sleep 5']}]}}}}}",
    "delete: {ref: {apiVersion: v1, kind: Namespace, name: rooms}}",
};
static const struct point {
    const char *name, *type;
    bool is_sent; /* by the manager */
    enum message_action action;
} points[] = {
    {"reset before its request arrives", "request", true, MESSAGE_RESET_BEFORE},
    {"reset after its request has arrived", "request", true, MESSAGE_RESET_AFTER},
    {"killed before its request arrives", "request", true, MESSAGE_KILL_SENDER_BEFORE},
    {"killed after its request has arrived", "request", true, MESSAGE_KILL_SENDER_AFTER},
    {"killed before an answer", "response", false, MESSAGE_KILL_RECEIVER_BEFORE},
    {"killed after an answer", "response", false, MESSAGE_KILL_RECEIVER_AFTER},
};

static bool set_up(struct storm *s)
{
    s->nodes = NODES;
    s->w = wavetank_new("{nodes: [{count: 2, name: 'node-{i}'}]}", 1, s->error, sizeof(s->error));
    return s->w &&
           !act(s, "create: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: "
                   "web}, spec: {replicas: 3,"
                   " selector: {matchLabels: {app: web}}, template: " POD "}}}") &&
           !act(s, "create: {resource: {apiVersion: v1, kind: Service, metadata: {name: web}, "
                   "spec: {selector: {app: web},"
                   " ports: [{port: 80}]}}}") &&
           !act(s,
                "create: {resource: {apiVersion: v1, kind: Namespace, metadata: {name: rooms}}}") &&
           !act(s, "create: {resource: {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: "
                   "set, namespace: rooms}, spec:"
                   " {replicas: 2, selector: {matchLabels: {app: web}}, template: " POD "}}}") &&
           pass_time(s, 15000);
}

/* Is the end as it should be? `ret_reached`: there are so many messages. */
static bool try_point(const char *operation, const struct point *p, uint64_t nth, bool *ret_reached)
{
    struct storm s = {0};
    bool passed = set_up(&s);
    *ret_reached = false;
    if (passed) {
        const struct run *r = wavetank_run(s.w);
        process_id manager = cluster_component(r->cluster, COMPONENT_CONTROLLER_MANAGER, 0);
        struct message_fault f = {.type = p->type, .nth = nth, .action = p->action};
        *(p->is_sent ? &f.from : &f.to) = manager;
        message_fault_id id = sim_message_fault_add(r->sim, &f);
        (void)act(&s, "%s", operation);
        (void)pass_time(&s, 20000);
        *ret_reached = sim_message_fault_has_acted(r->sim, id);
        vec_push(&s.crash_points, id);
        passed = wavetank_violation_count(s.w) == 0 && storm_judge(&s);
    }
    if (!passed)
        printf("%s\n  %s, n = %" PRIu64 ": %s\n", operation, p->name, nth, s.error);
    storm_release(&s);
    return passed;
}

int main(int count, char **arguments)
{
    int64_t limit = POINTS_DEFAULT, tried = 0, reached = 0, failures = 0;
    if (count > 1 && (count != 3 || strcmp(arguments[1], "--points") != 0 ||
                      !str_to_int64(str_from(arguments[2]), &limit))) {
        fprintf(stderr, "usage: %s [--points N]\n", arguments[0]);
        return 2;
    }
    for (size_t o = 0; o < ARRAY_COUNT(operations); o++) {
        for (size_t p = 0; p < ARRAY_COUNT(points); p++) {
            bool is_reached = true;
            for (int64_t n = 1; n <= limit && is_reached; n++) {
                failures += !try_point(operations[o], &points[p], (uint64_t)n, &is_reached);
                tried++;
                reached += is_reached;
            }
        }
    }
    printf("%" PRId64 " crash points, %" PRId64 " reached, %" PRId64 " failed\n", tried, reached,
           failures);
    return failures > 0 || reached == 0;
}
