/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster that a scenario asks for, as options: node groups dealt into zones, Node manifests,
 * hosts, latency, flags.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "cluster/api/quantity.h"
#include "scenarios/engine/scenario.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define ZONE_LABEL "topology.kubernetes.io/zone"

struct builder {
    const struct scenario *scenario;
    struct arena arena;
    VEC(struct cluster_node) nodes;
    VEC(struct cluster_host) hosts;
    VEC(struct str) zones;
};

static void add_group(struct builder *b, struct value group);
static enum err add_manifest(struct builder *b, struct str file, struct errmsg *message);
static void add_hosts(struct builder *b, struct value hosts);

static void add_zone(struct builder *b, struct str zone)
{
    for (size_t i = 0; i < b->zones.count; i++) {
        if (str_equal(b->zones.items[i], zone))
            return;
    }
    if (zone.size)
        vec_push(&b->zones, zone);
}

static int replicas(struct value cluster, struct str key)
{
    return (int)value_as_integer(value_get_key(cluster, key), 1);
}

static uint32_t raft_bugs(struct value etcd)
{
    static const char *const names[] = {
#define RAFT_BUG(name, text) #name,
#include "cluster/etcd/raft_bugs.def"
#undef RAFT_BUG
    };
    struct value wanted = value_get_key(etcd, S("raftBugs"));
    uint32_t bits = 0;
    for (size_t i = 0; i < value_count(wanted); i++) {
        for (size_t bug = 0; bug < ARRAY_COUNT(names); bug++)
            bits |= value_is(value_at(wanted, i), names[bug]) ? UINT32_C(1) << bug : 0;
    }
    return bits;
}

bool scenario_needs_sandboxes(const struct scenario *s)
{
    struct value nodes = value_get_key(s->cluster, S("nodes"));
    for (size_t i = 0; i < value_count(nodes); i++) {
        if (value_is(value_get_key(value_at(nodes, i), S("runtime")), "bwrap"))
            return true;
    }
    return false;
}

struct cluster *scenario_cluster(const struct scenario *s, uint64_t seed,
                                 const struct secret *secret, bool tracks_fields,
                                 struct errmsg *message)
{
    struct builder b = {.scenario = s};
    struct value managed_fields = value_get_key(s->cluster, S("managedFields"));
    struct value nodes = value_get_key(s->cluster, S("nodes")),
                 network = value_get_key(s->cluster, S("network"));
    enum err e = ERR_OK;
    AUTO(value) struct value three = value_pack("{count: 3}");
    if (!value_is_present(nodes))
        add_group(&b, three);
    for (size_t i = 0; i < value_count(nodes) && !e; i++) {
        struct value file = value_get_key(value_at(nodes, i), S("file"));
        if (value_is_present(file))
            e = add_manifest(&b, value_str(file), message);
        else
            add_group(&b, value_at(nodes, i));
    }
    add_hosts(&b, value_get_key(s->cluster, S("hosts")));
    struct cluster *c = NULL;
    struct errmsg why;
    if (!e)
        c = cluster_new(
            &(struct cluster_options){
                .seed = seed,
                .secret = secret,
                .is_served = secret != NULL,
                .start = s->start,
                .latency = value_duration(network, S("latency"), (struct duration){0}),
                .jitter = value_duration(network, S("jitter"), (struct duration){0}),
                .etcd_members = replicas(value_get_key(s->cluster, S("etcd")), S("members")),
                .apiservers = replicas(s->cluster, S("apiservers")),
                .controller_managers = replicas(s->cluster, S("controllerManagers")),
                .schedulers = replicas(s->cluster, S("schedulers")),
                .nodes = b.nodes.items,
                .node_count = b.nodes.count,
                .hosts = b.hosts.items,
                .host_count = b.hosts.count,
                .zones = b.zones.items,
                .zone_count = b.zones.count,
                .flags = value_get_key(s->cluster, S("flags")),
                .tracks_fields = value_is_present(managed_fields) ? value_as_bool(managed_fields)
                                                                  : tracks_fields,
                .shuffle_ties = value_as_bool(value_get_key(s->cluster, S("shuffleTies"))),
                .raft_bugs = raft_bugs(value_get_key(s->cluster, S("etcd")))},
            &why);
    if (!e && !c) {
        bool has_nodes = value_count(nodes) > 0;
        (void)place_error(s->document, has_nodes ? S("spec.cluster.nodes") : S("spec.cluster"),
                          ERR_VALUE, message, "%s", why.text);
    }
    vec_release(&b.nodes);
    vec_release(&b.hosts);
    vec_release(&b.zones);
    arena_release(&b.arena);
    return c;
}

/* "node-{i}" with the number in place of {i}. */
static struct str numbered(struct builder *b, struct str pattern, size_t i)
{
    for (size_t at = 0; at + 3 <= pattern.size; at++) {
        if (str_equal(str_slice(pattern, at, at + 3), S("{i}")))
            return arena_printf(&b->arena, "%.*s%zu%.*s", STR_ARG(str_slice(pattern, 0, at)), i,
                                STR_ARG(str_slice(pattern, at + 3, pattern.size)));
    }
    return arena_str(&b->arena, pattern);
}

static void add_group(struct builder *b, struct value group)
{
    struct value pattern = value_get_key(group, S("name")),
                 zones = value_get_key(group, S("zones"));
    size_t count = (size_t)value_as_integer(value_get_key(group, S("count")), 1);
    for (size_t i = 0; i < count; i++) {
        struct cluster_node n = {
            .name = numbered(b, value_is_present(pattern) ? value_str(pattern) : S("node-{i}"), i),
            .labels = VALUE_GET(group, labels),
            .taints = VALUE_GET(group, taints),
            .capacity = VALUE_GET(group, capacity),
            .runtime = arena_str(&b->arena, value_str(value_get_key(group, S("runtime")))),
        };
        if (value_count(zones) > 0)
            n.zone = arena_str(&b->arena, value_str(value_at(zones, i % value_count(zones))));
        add_zone(b, n.zone);
        vec_push(&b->nodes, n);
    }
}

static enum err check_quantities(const struct document *d, struct value list, const char *path,
                                 struct errmsg *message)
{
    for (size_t i = 0; i < value_count(list); i++) {
        struct value v = value_member_at(list, i);
        bool is_number = value_kind(v) == VALUE_INTEGER;
        if (is_number || (value_kind(v) == VALUE_STRING && !quantity_check(value_str(v))))
            continue;
        AUTO(text) struct text at = {0};
        text_printf(&at, "%s.%.*s", path, STR_ARG(value_key_at(list, i)));
        return place_error(d, text_str(&at), ERR_VALUE, message,
                           "expected a quantity such as 4, 500m or 8Gi");
    }
    return ERR_OK;
}

static enum err add_manifest(struct builder *b, struct str file, struct errmsg *message)
{
    const struct manifest *m = scenario_manifest(b->scenario, file);
    for (size_t i = 0; i < m->documents.count; i++) {
        struct value node = m->documents.items[i].root;
        if (!VALUE_IS(node, "Node", kind))
            return place_error(&m->documents.items[i], S(""), ERR_VALUE, message,
                               "expected an object of kind Node");
        struct value capacity = VALUE_GET(node, status, capacity),
                     allocatable = VALUE_GET(node, status, allocatable);
        enum err e = check_quantities(&m->documents.items[i], capacity, "status.capacity", message);
        e = e ? e
              : check_quantities(&m->documents.items[i], allocatable, "status.allocatable",
                                 message);
        if (e)
            return e;
        /* Of two lists one may be left out: the API server takes the other for it. */
        struct cluster_node n = {
            .name = arena_str(&b->arena, value_str(object_name(node))),
            .labels = object_labels(node),
            .taints = VALUE_GET(node, spec, taints),
            .capacity = value_is_present(capacity) ? capacity : allocatable,
            .allocatable = value_is_present(allocatable) ? allocatable : capacity,
            .zone = arena_str(&b->arena, value_str(object_label(node, S(ZONE_LABEL)))),
        };
        if (n.name.size == 0)
            return place_error(&m->documents.items[i], S("metadata"), ERR_MISSING, message,
                               "the node has no name");
        add_zone(b, n.zone);
        vec_push(&b->nodes, n);
    }
    return ERR_OK;
}

static void add_hosts(struct builder *b, struct value hosts)
{
    for (size_t i = 0; i < value_count(hosts); i++) {
        struct value nfs = value_get_key(value_at(hosts, i), S("nfs"));
        struct str *paths = arena_array(&b->arena, struct str, value_count(nfs));
        for (size_t j = 0; j < value_count(nfs); j++)
            paths[j] = arena_str(&b->arena, value_str(value_at(nfs, j)));
        struct str name =
            arena_str(&b->arena, value_str(value_get_key(value_at(hosts, i), S("name"))));
        vec_push(&b->hosts, (struct cluster_host){name, paths, value_count(nfs)});
    }
}
