/* SPDX-License-Identifier: Apache-2.0
 *
 * The storm of the cluster swarm: faults of random kinds, targets and durations, and operations in
 * between. Faults stay within what Kubernetes promises to survive, so that every failure is a bug:
 * a disk that loses syncs never loses its power too (etcd promises nothing then).
 */
#include "tests/swarm/cluster_world.h"

#include <stdio.h>

#define NAME_SIZE 64

/* ---- targets ---- */

/* A component by its name, the more interesting ones more often. */
static process_id pick_component(struct storm *s, char *out)
{
    static const enum component_kind kinds[] = {
        COMPONENT_ETCD,
        COMPONENT_ETCD,
        COMPONENT_APISERVER,
        COMPONENT_APISERVER,
        COMPONENT_CONTROLLER_MANAGER,
        COMPONENT_SCHEDULER,
        COMPONENT_KUBELET,
        COMPONENT_KUBELET,
        COMPONENT_RUNTIME,
        COMPONENT_PROXY,
    };
    const struct run *r = wavetank_run(s->w);
    enum component_kind kind = kinds[draw(s, (int)ARRAY_COUNT(kinds))];
    size_t count = cluster_component_count(r->cluster, kind);
    if (count == 0)
        return pick_component(s, out);
    process_id process = cluster_component(r->cluster, kind, (size_t)draw(s, (int)count));
    snprintf(out, NAME_SIZE, "%.*s", STR_ARG(sim_process_name(r->sim, process)));
    return process;
}

static int pick_seconds(struct storm *s)
{
    bool is_short = draw(s, 4) != 0;
    return 1 + draw(s, is_short ? 40 : 500);
}

/* ---- processes ---- */

static void fault_process(struct storm *s, int number)
{
    static const char *const actions[] = {"kill", "stop", "pause", "hang"};
    char name[NAME_SIZE];
    int seconds = pick_seconds(s);
    const char *action = actions[draw(s, 4)];
    (void)pick_component(s, name);
    act(s, "inject: {name: f%d, duration: %ds, processChaos: {action: %s, components: ['%s']}}",
        number, seconds, action, name);
}

/* All API servers, all of etcd, all managers or all schedulers at once. */
static void fault_all_of_a_kind(struct storm *s, int number)
{
    static const char *const actions[] = {"kill", "stop", "pause", "hang"};
    static const char *const names[] = {"etcd", "kube-apiserver", "kube-controller-manager",
                                        "kube-scheduler"};
    int kind = draw(s, 4), counts[] = {s->etcd, s->apiservers, s->managers, s->schedulers};
    int seconds = pick_seconds(s);
    const char *action = actions[draw(s, 4)];
    AUTO(text) struct text list = {0};
    for (int i = 0; i < counts[kind]; i++)
        text_printf(&list, "%s%s-%d", i ? ", " : "", names[kind], i);
    act(s, "inject: {name: f%d, duration: %ds, processChaos: {action: %s, components: [%s]}}",
        number, seconds, action, text_c(&list));
}

/* Longer than it takes until its pods are evicted. */
static void fault_kubelet_gone(struct storm *s, int number)
{
    const char *action = draw_one_in(s, 2) ? "stop" : "pause";
    int seconds = 350 + draw(s, 100);
    act(s,
        "inject: {name: f%d, duration: %ds, processChaos: {action: %s, components: "
        "['kubelet@node-%d']}}",
        number, seconds, action, draw(s, s->nodes));
}

/* ---- machines ---- */

static void fault_node(struct storm *s, int number)
{
    static const char *const actions[] = {"power-off", "reboot", "pause", "disk-full"};
    int seconds = pick_seconds(s);
    const char *action = actions[draw(s, 4)];
    act(s, "inject: {name: f%d, duration: %ds, nodeChaos: {action: %s, nodes: [node-%d]}}", number,
        seconds, action, draw(s, s->nodes));
}

static void fault_control_host(struct storm *s, int number)
{
    static const char *const actions[] = {"power-off", "reboot", "pause", "disk-full"};
    static const char *const names[] = {"etcd", "etcd", "kube-apiserver", "kube-controller-manager",
                                        "kube-scheduler"};
    int kind = draw(s, 5), counts[] = {s->etcd, s->etcd, s->apiservers, s->managers, s->schedulers};
    int which = draw(s, counts[kind]), seconds = pick_seconds(s);
    const char *action = actions[draw(s, 4)];
    bool loses_power =
        str_equal(str_from(action), S("power-off")) || str_equal(str_from(action), S("reboot"));
    if (kind < 2 && loses_power) {
        if (s->tells_lies[which])
            return;
        s->loses_power[which] = true;
    }
    act(s, "inject: {name: f%d, duration: %ds, nodeChaos: {action: %s, nodes: [%s-%d]}}", number,
        seconds, action, names[kind], which);
}

static void fault_quorum_power(struct storm *s, int number)
{
    AUTO(text) struct text list = {0};
    int seconds = pick_seconds(s);
    for (int i = 0; i < s->etcd; i++) {
        if (s->tells_lies[i])
            return;
        text_printf(&list, "%setcd-%d", i ? ", " : "", i);
    }
    for (int i = 0; i < s->etcd; i++)
        s->loses_power[i] = true;
    act(s, "inject: {name: f%d, duration: %ds, nodeChaos: {action: power-off, nodes: [%s]}}",
        number, seconds, text_c(&list));
}

static void fault_disk(struct storm *s, int number)
{
    static const char *const kinds[] = {"full", "fsync-lost", "torn-write"};
    int member = draw(s, s->etcd), kind = draw(s, 3), seconds = pick_seconds(s);
    if (kind == 1) {
        if (s->loses_power[member])
            return;
        s->tells_lies[member] = true;
    }
    act(s,
        "inject: {name: f%d, duration: %ds, ioChaos: {action: fault, fault: %s, components: "
        "[etcd-%d]}}",
        number, seconds, kinds[kind], member);
}

static void fault_slow_disk(struct storm *s, int number)
{
    int member = draw(s, s->etcd), seconds = pick_seconds(s);
    int delay = 10 + draw(s, draw_one_in(s, 3) ? 8000 : 300);
    act(s,
        "inject: {name: f%d, duration: %ds, ioChaos: {action: latency, delay: %dms, components: "
        "[etcd-%d]}}",
        number, seconds, delay, member);
}

/* ---- the network ---- */

static const char *pick_direction(struct storm *s)
{
    static const char *const directions[] = {"to", "from", "both"};
    return directions[draw(s, 3)];
}

static void fault_partition(struct storm *s, int number)
{
    char from[NAME_SIZE], to[NAME_SIZE];
    const char *direction = pick_direction(s);
    int seconds = pick_seconds(s);
    (void)pick_component(s, from);
    (void)pick_component(s, to);
    act(s,
        "inject: {name: f%d, duration: %ds, networkChaos: {action: partition, direction: %s, "
        "selector: {components: ['%s']},"
        " target: {components: ['%s']}}}",
        number, seconds, direction, from, to);
}

static void fault_isolate(struct storm *s, int number)
{
    char name[NAME_SIZE];
    const char *direction = pick_direction(s);
    int seconds = pick_seconds(s);
    (void)pick_component(s, name);
    act(s,
        "inject: {name: f%d, duration: %ds, networkChaos: {action: partition, direction: %s, "
        "selector: {components:"
        " ['%s']}}}",
        number, seconds, direction, name);
}

static void fault_zone(struct storm *s, int number)
{
    const char *direction = pick_direction(s), *zone = draw_one_in(s, 2) ? "zone-a" : "zone-b";
    int seconds = pick_seconds(s);
    act(s,
        "inject: {name: f%d, duration: %ds, networkChaos: {action: partition, direction: %s, "
        "selector: {zones: [%s]}}}",
        number, seconds, direction, zone);
}

static void fault_delay(struct storm *s, int number)
{
    char name[NAME_SIZE];
    int latency = 1 + draw(s, 2000), jitter = draw(s, 500), seconds = pick_seconds(s);
    (void)pick_component(s, name);
    act(s,
        "inject: {name: f%d, duration: %ds, networkChaos: {action: delay, direction: both, "
        "selector: {components: ['%s']},"
        " delay: {latency: %dms, jitter: %dms}}}",
        number, seconds, name, latency, jitter);
}

static void fault_packets(struct storm *s, int number)
{
    static const char *const actions[] = {"loss", "loss", "duplicate", "reorder"};
    char name[NAME_SIZE];
    const char *action = actions[draw(s, 4)];
    int percent = 1 + draw(s, 60), seconds = pick_seconds(s);
    (void)pick_component(s, name);
    act(s,
        "inject: {name: f%d, duration: %ds, networkChaos: {action: %s, direction: both, selector: "
        "{components: ['%s']},"
        " %s: {percent: %d}}}",
        number, seconds, action, name, action, percent);
}

static void fault_bandwidth(struct storm *s, int number)
{
    char name[NAME_SIZE];
    int seconds = pick_seconds(s), rate = 2000 + draw(s, 200000);
    (void)pick_component(s, name);
    act(s,
        "inject: {name: f%d, duration: %ds, networkChaos: {action: bandwidth, selector: "
        "{components: ['%s']}, bandwidth:"
        " {bytesPerSecond: %d}}}",
        number, seconds, name, rate);
}

/* Every stream of a component is reset, or those between two. */
static void fault_reset(struct storm *s, int number)
{
    char a[NAME_SIZE], b[NAME_SIZE];
    process_id from = pick_component(s, a), to = pick_component(s, b);
    bool is_pair = draw_one_in(s, 2);
    (void)number;
    note(s, "reset the streams of %s with %s", a, is_pair ? b : "everybody");
    sim_streams_reset(wavetank_run(s->w)->sim, from, is_pair ? to : 0);
}

/* A crash point: the n-th message of a kind, and what happens then. */
static void fault_message(struct storm *s, int number)
{
    static const char *const types[] = {
        "request",       "request",    "response",     "watch-event",
        "etcd response", "etcd watch", "etcd request", NULL};
    static const char *const actions[] = {
        "resets the stream before it", "resets the stream after it", "kills the receiver before it",
        "kills the receiver after it", "kills the sender before it", "kills the sender after it"};
    char name[NAME_SIZE];
    struct message_fault f = {0};
    (void)number;
    process_id process = pick_component(s, name);
    bool is_sender = draw_one_in(s, 2);
    if (is_sender)
        f.from = process;
    else
        f.to = process;
    f.type = types[draw(s, (int)ARRAY_COUNT(types))];
    f.nth = 1 + (uint64_t)draw(s, 40);
    int action = draw(s, (int)ARRAY_COUNT(actions));
    f.action = (enum message_action)action;
    note(s, "the %dth %s %s %s %s", (int)f.nth, f.type ? f.type : "message",
         is_sender ? "from" : "to", name, actions[action]);
    vec_push(&s->crash_points, sim_message_fault_add(wavetank_run(s->w)->sim, &f));
}

/* ---- clocks ---- */

/* Of nodes, etcd and API servers. What evicts judges by the clock of its own machine: there it
 * would evict early by the true clock, as a real one does. */
static void fault_clock(struct storm *s, int number)
{
    static const char *const names[] = {"kube-apiserver", "etcd", "node"};
    int kind = draw(s, 3), counts[] = {s->apiservers, s->etcd, s->nodes};
    int which = draw(s, counts[kind]), seconds = pick_seconds(s), offset = draw(s, 1200) - 600,
        drift = draw(s, 40001) - 20000;
    if (draw_one_in(s, 2))
        act(s, "inject: {name: f%d, duration: %ds, timeChaos: {timeOffset: %ds, nodes: [%s-%d]}}",
            number, seconds, offset, names[kind], which);
    else
        act(s, "inject: {name: f%d, duration: %ds, timeChaos: {drift: %d, nodes: [%s-%d]}}", number,
            seconds, drift, names[kind], which);
}

/* ---- pods ---- */

static void fault_pod(struct storm *s, int number)
{
    static const char *const actions[] = {"pod-kill", "pod-kill", "container-kill", "pod-failure"};
    const char *action = actions[draw(s, 4)], *mode = draw_one_in(s, 3) ? "all" : "one";
    int i = draw(s, s->deployments), seconds = pick_seconds(s);
    act(s,
        "inject: {name: f%d, duration: %ds, podChaos: {action: %s, mode: %s, selector: "
        "{labelSelectors: {app: web-%d}}}}",
        number, seconds, action, mode, i);
}

const struct storm_kind storm_faults[] = {
    {"process", fault_process},
    {"all of a kind", fault_all_of_a_kind},
    {"kubelet gone", fault_kubelet_gone},
    {"node", fault_node},
    {"control host", fault_control_host},
    {"quorum power", fault_quorum_power},
    {"disk", fault_disk},
    {"slow disk", fault_slow_disk},
    {"partition", fault_partition},
    {"isolate", fault_isolate},
    {"zone", fault_zone},
    {"delay", fault_delay},
    {"packets", fault_packets},
    {"bandwidth", fault_bandwidth},
    {"reset", fault_reset},
    {"message", fault_message},
    {"clock", fault_clock},
    {"pod", fault_pod},
};
const size_t storm_fault_count = ARRAY_COUNT(storm_faults);

/* ---- the storm ---- */

/* Weights of a run: a third of the kinds have none. */
static int draw_weights(struct storm *s, int *weights, size_t count)
{
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_off = draw_one_in(s, 3);
        weights[i] = is_off ? 0 : 1 + draw(s, 10);
        sum += weights[i];
    }
    return sum;
}

static size_t pick_kind(struct storm *s, const int *weights, int sum)
{
    int at = draw(s, sum);
    size_t i = 0;
    while (at >= weights[i])
        at -= weights[i++];
    return i;
}

void storm_blow(struct storm *s)
{
    int faults[STORM_KINDS_MAX], operations[STORM_KINDS_MAX];
    int fault_sum = draw_weights(s, faults, storm_fault_count);
    int operation_sum = draw_weights(s, operations, storm_operation_count);
    int count = 2 + draw(s, 9);
    for (int i = 0; i < count; i++) {
        bool is_fault = draw(s, 5) < 3 && !s->is_calm;
        if (is_fault && fault_sum > 0) {
            size_t kind = pick_kind(s, faults, fault_sum);
            storm_faults[kind].act(s, i);
            s->faults[kind]++;
        } else if (!is_fault && operation_sum > 0) {
            storm_operations[pick_kind(s, operations, operation_sum)].act(s, i);
        }
        bool is_short = draw(s, 3) != 0;
        if (!pass_time(s, 1 + draw(s, is_short ? 5000 : 60000)))
            return;
    }
}
