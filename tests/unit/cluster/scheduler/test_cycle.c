/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduling cycle as a pure function: a few nodes and pods go into the cache, one pod is
 * scheduled, and the chosen node or the message is compared with what the documentation (or a
 * recorded real scheduler) says.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "cluster/api/json.h"
#include "cluster/scheduler/cycle.h"

struct world {
    struct cache cache;
    struct arena arena;
    size_t next_start;
    uint64_t drawn; /* what the tie-breaker draws */
};

static uint64_t draw(void *owner, uint64_t limit)
{
    struct world *w = owner;
    return w->drawn % limit;
}

static void world_init(struct world *w)
{
    *w = (struct world){0};
    cache_init(&w->cache);
}

static void world_release(struct world *w)
{
    cache_release(&w->cache);
    arena_release(&w->arena);
}

static struct value parse(const char *text)
{
    struct value v = VALUE_ABSENT;
    struct errmsg message = {0};
    enum err e = json_parse(str_from(text), NULL, &v, &message);
    if (e != ERR_OK)
        printf("%s\n%s\n", message.text, text);
    CU_ASSERT_EQUAL_FATAL(e, ERR_OK);
    return v;
}

static void add_node(struct world *w, const char *name, const char *rest)
{
    AUTO(text) struct text t = {0};
    text_printf(
        &t,
        "{\"metadata\": {\"name\": \"%s\", \"labels\": {\"kubernetes.io/hostname\": \"%s\"%s}}, "
        "\"spec\": {%s},"
        " \"status\": {\"allocatable\": {\"cpu\": \"4\", \"memory\": \"8Gi\", \"pods\": \"10\"}}}",
        name, name, rest[0] == ',' ? rest : "", rest[0] == ',' ? "" : rest);
    struct value node = parse(text_c(&t));
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_nodes), S(""), str_from(name));
    cache_put_node(&w->cache, key, node);
    object_key_unref(key);
    value_drop(node);
}

static struct value pod_make(const char *name, const char *labels, const char *spec)
{
    AUTO(text) struct text t = {0};
    text_printf(&t,
                "{\"metadata\": {\"name\": \"%s\", \"namespace\": \"default\", \"labels\": {%s}}, "
                "\"spec\": {%s}}",
                name, labels, spec);
    return parse(text_c(&t));
}

static void add_pod(struct world *w, const char *name, const char *labels, const char *spec)
{
    struct value pod = pod_make(name, labels, spec);
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_pods), S("default"), str_from(name));
    cache_put_pod(&w->cache, key, pod);
    object_key_unref(key);
    value_drop(pod);
}

/* Schedules; returns the node's name, or the message. Valid until the next call. */
static const char *schedule(struct world *w, const char *labels, const char *spec)
{
    arena_clear(&w->arena);
    struct value pod = pod_make("new", labels, spec);
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_pods), S("default"), S("new"));
    struct pod_info *info = pod_info_new(&w->cache, key, pod);
    struct cycle *c = arena_new(&w->arena, struct cycle);
    c->cache = &w->cache;
    c->arena = &w->arena;
    c->pod = info;
    struct cycle_options options = {.next_start = &w->next_start, .draw = draw, .draw_owner = w};
    uint32_t slot = cycle_run(c, &options);
    const char *result =
        slot == NODE_NONE ? cycle_message(c) : w->cache.nodes.items[slot]->key->name.bytes;
    pod_info_free(info);
    object_key_unref(key);
    value_drop(pod);
    return result;
}

#define CPU(amount)                                                                                \
    "\"containers\": [{\"name\": \"c\", \"image\": \"i\", \"resources\": {\"requests\": "          \
    "{\"cpu\": \"" amount "\"}}}]"

/* The messages of a real scheduler, word for word. */
static void test_messages(void)
{
    struct world w;
    world_init(&w);

    CU_ASSERT_STRING_EQUAL(schedule(&w, "", CPU("1")), "no nodes available to schedule pods");

    add_node(
        &w, "a",
        "\"taints\": [{\"key\": \"dedicated\", \"value\": \"db\", \"effect\": \"NoSchedule\"}]");
    add_node(&w, "b", "");
    add_node(&w, "c", "");
    add_node(&w, "d", "");
    CU_ASSERT_STRING_EQUAL(
        schedule(&w, "", CPU("5")),
        "0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient cpu. "
        "no new claims to deallocate, preemption: 0/4 nodes are available: "
        "4 Preemption is not helpful for scheduling.");
    CU_ASSERT_STRING_EQUAL(schedule(&w, "", CPU("1") ", \"nodeSelector\": {\"disk\": \"ssd\"}"),
                           "0/4 nodes are available: 1 node(s) had untolerated taint(s), "
                           "3 node(s) didn't match Pod's node affinity/selector. "
                           "no new claims to deallocate, preemption: 0/4 nodes are available: "
                           "4 Preemption is not helpful for scheduling.");

    for (int i = 0; i < 3; i++) {
        static const char *const specs[] = {"\"nodeName\": \"b\"," CPU("4"),
                                            "\"nodeName\": \"c\"," CPU("4"),
                                            "\"nodeName\": \"d\"," CPU("4")};
        static const char *const names[] = {"pb", "pc", "pd"};
        add_pod(&w, names[i], "", specs[i]);
    }
    CU_ASSERT_STRING_EQUAL(
        schedule(&w, "", CPU("1")),
        "0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient cpu. "
        "no new claims to deallocate, preemption: 0/4 nodes are available: "
        "3 No preemption victims found for incoming pod, "
        "1 Preemption is not helpful for scheduling.");
    world_release(&w);
}

static void test_filters_choose(void)
{
    struct world w;
    world_init(&w);
    add_node(&w, "a", "\"unschedulable\": true");
    add_node(&w, "b", ", \"disk\": \"ssd\", \"rank\": \"5\"");
    add_node(&w, "c", ", \"disk\": \"hdd\", \"rank\": \"9\"");

    CU_ASSERT_STRING_EQUAL(schedule(&w, "", CPU("1") ", \"nodeSelector\": {\"disk\": \"ssd\"}"),
                           "b");
    CU_ASSERT_STRING_EQUAL(schedule(&w, "",
                                    CPU("1") ", \"affinity\": {\"nodeAffinity\": "
                                             "{\"requiredDuringSchedulingIgnoredDuringExecution\":"
                                             " {\"nodeSelectorTerms\": [{\"matchExpressions\": "
                                             "[{\"key\": \"rank\", \"operator\": \"Gt\","
                                             " \"values\": [\"6\"]}]}]}}}"),
                           "c");
    CU_ASSERT_STRING_EQUAL(
        schedule(&w, "",
                 CPU("1") ", \"affinity\": {\"nodeAffinity\": "
                          "{\"preferredDuringSchedulingIgnoredDuringExecution\":"
                          " [{\"weight\": 10, \"preference\": {\"matchExpressions\": [{\"key\": "
                          "\"disk\","
                          " \"operator\": \"NotIn\", \"values\": [\"ssd\"]}]}}]}}"),
        "c");
    CU_ASSERT_STRING_EQUAL(
        schedule(&w, "",
                 CPU("1") ", \"nodeName\": \"a\", \"tolerations\": [{\"key\": "
                          "\"node.kubernetes.io/unschedulable\","
                          " \"operator\": \"Exists\", \"effect\": \"NoSchedule\"}]"),
        "a");

    /* Host ports: the second pod with the same port cannot share the node. */
    const char *port =
        "\"nodeName\": \"b\", \"containers\": [{\"name\": \"c\", \"image\": \"i\", \"ports\":"
        " [{\"containerPort\": 80, \"hostPort\": 80, \"protocol\": \"TCP\"}]}]";
    add_pod(&w, "holder", "", port);
    CU_ASSERT_STRING_EQUAL(
        schedule(&w, "",
                 "\"containers\": [{\"name\": \"c\", \"image\": \"i\", \"ports\":"
                 " [{\"containerPort\": 80, \"hostPort\": 80, \"protocol\": \"TCP\"}]}]"),
        "c");
    world_release(&w);
}

/* Least allocated wins; equal ones are drawn. */
static void test_scores(void)
{
    struct world w;
    world_init(&w);
    add_node(&w, "a", "");
    add_node(&w, "b", "");
    add_node(&w, "c", "");
    add_pod(&w, "p", "", "\"nodeName\": \"a\"," CPU("3"));

    w.drawn = 0;
    const char *first = schedule(&w, "", CPU("1"));
    w.drawn = 1;
    w.next_start = 0;
    const char *second = schedule(&w, "", CPU("1"));

    CU_ASSERT_STRING_NOT_EQUAL(first, "a");
    CU_ASSERT_STRING_NOT_EQUAL(second, "a");
    world_release(&w);
}

static const char spread[] =
    CPU("1") ", \"topologySpreadConstraints\": [{\"maxSkew\": 1, \"topologyKey\": \"zone\", "
             "\"whenUnsatisfiable\":"
             " \"DoNotSchedule\", \"labelSelector\": {\"matchLabels\": {\"app\": \"web\"}}}]";

static void test_topology_spread(void)
{
    struct world w;
    world_init(&w);
    add_node(&w, "a", ", \"zone\": \"z1\"");
    add_node(&w, "b", ", \"zone\": \"z1\"");
    add_node(&w, "c", ", \"zone\": \"z2\"");
    add_pod(&w, "p1", "\"app\": \"web\"", "\"nodeName\": \"a\"," CPU("1"));

    CU_ASSERT_STRING_EQUAL(schedule(&w, "\"app\": \"web\"", spread), "c");

    /* z2 is full: the skew would be 2. */
    add_pod(&w, "p2", "\"app\": \"db\"", "\"nodeName\": \"c\"," CPU("4"));
    CU_ASSERT_STRING_EQUAL(schedule(&w, "\"app\": \"web\"", spread),
                           "0/3 nodes are available: 1 Insufficient cpu, "
                           "2 node(s) didn't match pod topology spread constraints. "
                           "no new claims to deallocate, preemption: 0/3 nodes are available: "
                           "3 No preemption victims found for incoming pod.");
    world_release(&w);
}

#define TERM "{\"labelSelector\": {\"matchLabels\": {\"app\": \"web\"}}, \"topologyKey\": \"zone\"}"

static void test_inter_pod_affinity(void)
{
    struct world w;
    world_init(&w);
    add_node(&w, "a", ", \"zone\": \"z1\"");
    add_node(&w, "b", ", \"zone\": \"z2\"");
    static const char near[] =
        CPU("1") ", \"affinity\": {\"podAffinity\": "
                 "{\"requiredDuringSchedulingIgnoredDuringExecution\": [" TERM "]}}";
    static const char far[] =
        CPU("1") ", \"affinity\": {\"podAntiAffinity\": "
                 "{\"requiredDuringSchedulingIgnoredDuringExecution\": [" TERM "]}}";

    /* Nobody matches anywhere: only the first of the group may go. */
    CU_ASSERT_STRING_EQUAL(schedule(&w, "\"app\": \"db\"", near),
                           "0/2 nodes are available: 2 node(s) didn't match pod affinity rules. "
                           "no new claims to deallocate, preemption: 0/2 nodes are available: "
                           "2 Preemption is not helpful for scheduling.");
    CU_ASSERT_PTR_NULL(strstr(schedule(&w, "\"app\": \"web\"", near), "available"));

    add_pod(&w, "p", "\"app\": \"web\"", "\"nodeName\": \"b\"," CPU("1"));
    CU_ASSERT_STRING_EQUAL(schedule(&w, "\"app\": \"db\"", near), "b");
    CU_ASSERT_STRING_EQUAL(schedule(&w, "\"app\": \"db\"", far), "a");

    /* The one that is there does not want the incoming one. */
    world_release(&w);
    world_init(&w);
    add_node(&w, "a", ", \"zone\": \"z1\"");
    static const char hermit[] = "\"nodeName\": \"a\"," CPU(
        "1") ", \"affinity\": {\"podAntiAffinity\": "
             "{\"requiredDuringSchedulingIgnoredDuringExecution\": [" TERM "]}}";
    add_pod(&w, "hermit", "", hermit);
    CU_ASSERT_PTR_NOT_NULL(strstr(schedule(&w, "\"app\": \"web\"", CPU("1")),
                                  "1 node(s) didn't satisfy existing pods anti-affinity rules"));
    CU_ASSERT_STRING_EQUAL(schedule(&w, "\"app\": \"db\"", CPU("1")), "a");
    world_release(&w);
}

/* percentageOfNodesToScore 0: 50 - n/125, at least 5 %, at least 100 nodes.
 * [doc:scheduler-perf-tuning] */
static void test_feasible_wanted(void)
{
    static const struct {
        size_t nodes;
        int percentage;
        size_t wanted;
    } rows[] = {{5, 0, 5},      {99, 0, 99},    {100, 0, 100},   {1000, 0, 420},
                {5000, 0, 500}, {6000, 0, 300}, {1000, 30, 300}, {1000, 100, 1000}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        CU_ASSERT_EQUAL(cycle_feasible_wanted(rows[i].nodes, rows[i].percentage), rows[i].wanted);
}

/* Zones in turn, one node of each. */
static void test_walking_order(void)
{
    struct world w;
    world_init(&w);
    static const struct {
        const char *name, *zone;
    } rows[] = {{"a1", ", \"topology.kubernetes.io/zone\": \"a\""},
                {"a2", ", \"topology.kubernetes.io/zone\": \"a\""},
                {"a3", ", \"topology.kubernetes.io/zone\": \"a\""},
                {"b1", ", \"topology.kubernetes.io/zone\": \"b\""}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        add_node(&w, rows[i].name, rows[i].zone);
    static const char *const expected[] = {"a1", "b1", "a2", "a3"};
    size_t count;
    const uint32_t *order = cache_order(&w.cache, &count);
    CU_ASSERT_EQUAL_FATAL(count, 4);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_STRING_EQUAL(w.cache.nodes.items[order[i]]->key->name.bytes, expected[i]);
    world_release(&w);
}

/* What comes and goes leaves nothing behind in the sums. */
static void test_sums_return_to_zero(void)
{
    struct world w;
    world_init(&w);
    add_node(&w, "a", "");
    for (int round = 0; round < 3; round++) {
        add_pod(&w, "p", "", "\"nodeName\": \"a\"," CPU("1"));
        CU_ASSERT_EQUAL(w.cache.nodes.items[0]->requested.cpu, 1000);
        const struct object_key *key =
            object_key_of(resource_get(RESOURCE_pods), S("default"), S("p"));
        cache_remove_pod(&w.cache, key);
        object_key_unref(key);
        CU_ASSERT_EQUAL(w.cache.nodes.items[0]->requested.cpu, 0);
        CU_ASSERT_EQUAL(w.cache.nodes.items[0]->pods.count, 0);
    }
    world_release(&w);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"messages of a real scheduler", test_messages},
        {"filters choose", test_filters_choose},
        {"least allocated wins", test_scores},
        {"topology spread", test_topology_spread},
        {"inter-pod affinity", test_inter_pod_affinity},
        {"how many feasible nodes are enough", test_feasible_wanted},
        {"walking order", test_walking_order},
        {"sums return to zero", test_sums_return_to_zero},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {
        {"scheduling cycle", NULL, NULL, NULL, NULL, (CU_TestInfo *)(uintptr_t)tests},
        CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
