/* SPDX-License-Identifier: Apache-2.0
 *
 * The assembly of a cluster. Control-plane components stand as a kubeadm cluster with stacked
 * machines would have them, but each on a host of its own, so that faults can tell them apart; what
 * supervises them (the kubelet for static pods, systemd for etcd and the kubelet) shows as the
 * delay after which a component that ended is started again.
 *
 * A node is a host with two processes: its container runtime and its kubelet, which registers the
 * Node itself.
 *
 * What is committed reaches the picture through etcd's observer: the first member that applies a
 * revision reports it.
 */
#include "sim/base/base.h"

#include "cluster/cluster.h"

#include "cluster/api/quantity.h"
#include "cluster/cluster_flags.h"
#include "cluster/network/network.h"
#include "runtime/nfs.h"
#include "runtime/simulated/containerd.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define ETCD_RESTART_MS 1000 /* as a static pod: the kubelet sees the exit within a second */
#define APISERVER_RESTART_MS 2000
#define MANAGER_RESTART_MS 1000
#define SYSTEMD_RESTART_MS 10000 /* kubelet: RestartSec=10 */
#define RUNTIME_RESTART_MS 5000  /* containerd: RestartSec=5 */
#define ETCD_START_MS 100
#define APISERVER_START_MS 200
#define MANAGER_START_MS 500
#define KUBELET_START_MS 200

struct etcd_listener {
    cluster_etcd_fn hear;
    void *owner;
};
struct machine {
    host_id host;
    struct str zone; /* in the arena */
};

struct cluster {
    struct sim *sim;
    struct view *view;
    struct keys *keys;
    struct arena arena; /* configurations: they live as long as the simulation */
    struct component_settings settings;
    VEC(process_id) components[COMPONENT_KIND_COUNT];
    VEC(struct machine) machines;
    VEC(struct etcd_listener) etcd_listeners;
    host_id outside;
    address_id api;
    const struct credential
        *credentials[4];      /* of controller managers, schedulers, proxies, DNS servers */
    struct pod_route *routes; /* to the pods of each node; in the arena */
    size_t node_count;
    address_id *dns; /* in the arena */
    size_t dns_count;
    bool is_served;
};

static void add_hosts_outside(struct cluster *c, const struct cluster_options *o);
static void add_etcd(struct cluster *c, const struct cluster_options *o);
static void add_apiservers(struct cluster *c, const struct cluster_options *o);
static void add_controller_managers(struct cluster *c, const struct cluster_options *o);
static void add_schedulers(struct cluster *c, const struct cluster_options *o);
static void add_network(struct cluster *c, const struct cluster_options *o);
static void add_node_network(struct cluster *c, struct str name, host_id host, size_t index);
static enum err add_node(struct cluster *c, const struct cluster_node *n, size_t index,
                         struct errmsg *message);
static enum err check_options(const struct cluster_options *o, struct errmsg *message);
static enum err read_flags(struct cluster *c, struct value flags, struct errmsg *message);
static void on_applied(void *owner, const struct etcd_kv *kv, const struct etcd_kv *before,
                       struct str by, struct instant now);
static void on_observed(void *owner, struct etcd_observation *o);
static struct value stamp(struct value own_value, int64_t revision);

struct cluster *cluster_new(const struct cluster_options *options, struct errmsg *message)
{
    if (check_options(options, message))
        return NULL;
    struct cluster *c = mem_new(struct cluster);
    if (read_flags(c, options->flags, message)) {
        cluster_free(c);
        return NULL;
    }
    c->sim = sim_new(&(struct sim_options){.seed = options->seed,
                                           .start = options->start,
                                           .latency = options->latency,
                                           .jitter = options->jitter,
                                           .shuffle_ties = options->shuffle_ties});
    c->view = view_new();
    c->is_served = options->is_served;
    struct secret of_seed;
    secret_of_seed(options->seed, &of_seed);
    c->keys = keys_new(options->secret ? options->secret : &of_seed);
    c->api = sim_address(c->sim, S(CLUSTER_API_ADDRESS));
    add_hosts_outside(c, options);
    add_etcd(c, options);
    add_apiservers(c, options);
    add_controller_managers(c, options);
    add_schedulers(c, options);
    add_network(c, options);
    for (size_t i = 0; i < options->node_count; i++) {
        if (add_node(c, &options->nodes[i], i, message)) {
            cluster_free(c);
            return NULL;
        }
    }
    return c;
}

void cluster_free(struct cluster *c)
{
    if (!c)
        return;
    if (c->sim)
        sim_free(c->sim);
    view_free(c->view);
    keys_free(c->keys);
    for (size_t i = 0; i < ARRAY_COUNT(c->credentials); i++)
        credential_unref(c->credentials[i]);
    for (size_t i = 0; i < COMPONENT_KIND_COUNT; i++)
        vec_release(&c->components[i]);
    vec_release(&c->machines);
    vec_release(&c->etcd_listeners);
    arena_release(&c->arena);
    mem_free(c);
}

const struct keys *cluster_keys(const struct cluster *c)
{
    return c->keys;
}

struct sim *cluster_sim(struct cluster *c)
{
    return c->sim;
}

struct view *cluster_view(struct cluster *c)
{
    return c->view;
}

size_t cluster_host_count(const struct cluster *c)
{
    return c->machines.count;
}

host_id cluster_host_id(const struct cluster *c, size_t index)
{
    CHECK(index < c->machines.count);
    return c->machines.items[index].host;
}

struct str cluster_host_zone(const struct cluster *c, size_t index)
{
    CHECK(index < c->machines.count);
    return c->machines.items[index].zone;
}

host_id cluster_outside(const struct cluster *c)
{
    return c->outside;
}

size_t cluster_component_count(const struct cluster *c, enum component_kind kind)
{
    return c->components[kind].count;
}

process_id cluster_component(const struct cluster *c, enum component_kind kind, size_t index)
{
    CHECK(index < c->components[kind].count);
    return c->components[kind].items[index];
}

bool cluster_find_component(const struct cluster *c, struct str name, process_id *ret_process)
{
    return !str_equal(name, S("user")) && sim_find_process(c->sim, name, ret_process);
}

void cluster_component_names(const struct cluster *c, size_t most, struct text *out)
{
    size_t shown = 0;
    for (size_t kind = 0; kind < COMPONENT_KIND_COUNT; kind++) {
        for (size_t i = 0; i < c->components[kind].count && shown < most; i++, shown++) {
            text_add(out, shown ? S(", ") : S(""));
            text_add(out, sim_process_name(c->sim, c->components[kind].items[i]));
        }
    }
    if (shown == most)
        text_add(out, S(", ..."));
}

/* ---- options ---- */

static enum err check_options(const struct cluster_options *o, struct errmsg *message)
{
    const struct {
        const char *what;
        int count;
    } counts[] = {{"etcd.members", o->etcd_members},
                  {"apiservers", o->apiservers},
                  {"controllerManagers", o->controller_managers},
                  {"schedulers", o->schedulers}};
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        if (counts[i].count < 0 || counts[i].count > CLUSTER_MEMBERS_MAX)
            return errmsg_set(message, ERR_LIMIT, "%s: expected 1 to %d, found %d", counts[i].what,
                              CLUSTER_MEMBERS_MAX, counts[i].count);
    }
    if (o->node_count > CLUSTER_NODES_MAX)
        return errmsg_set(message, ERR_LIMIT, "nodes: at most %d", CLUSTER_NODES_MAX);
    return ERR_OK;
}

static enum err read_flags(struct cluster *c, struct value flags, struct errmsg *message)
{
    struct component_settings *s = &c->settings;
    s->etcd.heartbeat = duration_ms(100);
    s->etcd.election = duration_ms(1000);
    s->etcd.snapshot_entries = 10000;
    s->etcd.quota_bytes = INT64_C(2) << 30;
    s->apiserver.service_cidr = S("10.96.0.0/12");
    kubelet_flags_defaults(&s->kubelet);
    controller_flags_init(&s->controllers);
    s->controllers.root_ca = S("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    for (size_t i = 0; i < value_count(flags); i++) {
        struct value of = value_member_at(flags, i);
        for (size_t j = 0; j < value_count(of); j++) {
            enum err e = settings_set(s, &c->arena, value_key_at(flags, i), value_key_at(of, j),
                                      value_member_at(of, j), message);
            if (e)
                return e;
        }
    }
    return ERR_OK;
}

static int at_least_one(int n)
{
    return n > 0 ? n : 1;
}

static host_id add_machine(struct cluster *c, struct str name, struct str zone)
{
    struct machine m = {.zone = arena_str(&c->arena, zone)};
    m.host = sim_host_add(
        c->sim, &(struct host_options){.name = arena_str(&c->arena, name), .zone = m.zone});
    vec_push(&c->machines, m);
    return m.host;
}

/* A host for replica i of the control plane. */
static host_id control_host(struct cluster *c, const struct cluster_options *o, struct str name,
                            int i)
{
    struct str zone = o->zone_count ? o->zones[(size_t)i % o->zone_count] : S("");
    return add_machine(c, name, zone);
}

static void add_component(struct cluster *c, enum component_kind kind,
                          const struct process_options *options)
{
    process_id p = sim_process_add(c->sim, options);
    vec_push(&c->components[kind], p);
}

static void add_hosts_outside(struct cluster *c, const struct cluster_options *o)
{
    c->outside = sim_host_add(c->sim, &(struct host_options){.name = S("outside")});
    for (size_t i = 0; i < o->host_count; i++) {
        const struct cluster_host *h = &o->hosts[i];
        host_id host = add_machine(c, h->name, S(""));
        if (h->nfs_count == 0)
            continue;
        struct nfs_config *config = arena_new(&c->arena, struct nfs_config);
        const char **exports = arena_array(&c->arena, const char *, h->nfs_count);
        for (size_t j = 0; j < h->nfs_count; j++)
            exports[j] = arena_str(&c->arena, h->nfs[j]).bytes;
        *config = (struct nfs_config){arena_str(&c->arena, h->name).bytes, exports, h->nfs_count};
        sim_process_add(c->sim, &(struct process_options){
                                    .name = arena_printf(&c->arena, "nfs@%s", config->host),
                                    .host = host,
                                    .type = &nfs_process,
                                    .config = config,
                                    .restart = RESTART_ALWAYS,
                                    .restart_delay = duration_ms(SYSTEMD_RESTART_MS)});
    }
}

/* ---- the control plane ---- */

static void add_etcd(struct cluster *c, const struct cluster_options *o)
{
    int count = at_least_one(o->etcd_members);
    struct etcd_config shared = c->settings.etcd;
    shared.member_count = (uint32_t)count;
    shared.raft_bugs = o->raft_bugs;
    shared.stamp = stamp;
    shared.applied = on_applied;
    shared.observed = on_observed;
    shared.owner = c;
    for (int i = 0; i < count; i++) {
        shared.peers[i] = sim_address(c->sim, arena_printf(&c->arena, "etcd-%d:2380", i));
        shared.peer_names[i] = arena_printf(&c->arena, "etcd-%d", i);
    }
    for (int i = 0; i < count; i++) {
        struct etcd_config *config = arena_new(&c->arena, struct etcd_config);
        *config = shared;
        config->name = arena_printf(&c->arena, "etcd-%d", i);
        config->member = (uint32_t)i;
        config->client_address = sim_address(c->sim, arena_printf(&c->arena, "etcd-%d:2379", i));
        config->peer_address = shared.peers[i];
        add_component(c, COMPONENT_ETCD,
                      &(struct process_options){.name = config->name,
                                                .host = control_host(c, o, config->name, i),
                                                .type = &etcd_process,
                                                .config = config,
                                                .restart = RESTART_ALWAYS,
                                                .restart_delay = duration_ms(ETCD_RESTART_MS),
                                                .start_delay = duration_ms(ETCD_START_MS)});
    }
}

static void add_apiservers(struct cluster *c, const struct cluster_options *o)
{
    int count = at_least_one(o->apiservers), members = at_least_one(o->etcd_members);
    address_id backends[CLUSTER_MEMBERS_MAX];
    for (int i = 0; i < count; i++) {
        struct apiserver_config *config = arena_new(&c->arena, struct apiserver_config);
        *config = c->settings.apiserver;
        config->name = arena_printf(&c->arena, "kube-apiserver-%d", i);
        config->keys = c->keys;
        config->publishes_trust = c->is_served;
        config->tracks_fields = o->tracks_fields;
        config->address = backends[i] =
            sim_address(c->sim, arena_printf(&c->arena, "kube-apiserver-%d:6443", i));
        config->advertise_address = arena_printf(&c->arena, "192.168.0.%d", 10 + i);
        config->etcd_count = (size_t)members;
        /* Each prefers another member, as stacked control planes prefer their own. */
        for (int j = 0; j < members; j++)
            config->etcd[j] =
                sim_address(c->sim, arena_printf(&c->arena, "etcd-%d:2379", (i + j) % members));
        add_component(c, COMPONENT_APISERVER,
                      &(struct process_options){.name = config->name,
                                                .host = control_host(c, o, config->name, i),
                                                .type = &apiserver_process,
                                                .config = config,
                                                .restart = RESTART_ALWAYS,
                                                .restart_delay = duration_ms(APISERVER_RESTART_MS),
                                                .start_delay = duration_ms(APISERVER_START_MS)});
    }
    sim_balancer_add(c->sim, c->api, backends, (size_t)count);
}

static void add_controller_managers(struct cluster *c, const struct cluster_options *o)
{
    c->settings.controllers.keys = c->keys;
    c->settings.controllers.root_ca = authority_certificate(c->keys->authority);
    c->credentials[0] = credential_certificate(S("system:kube-controller-manager"), NULL, 0);
    for (int i = 0; i < at_least_one(o->controller_managers); i++) {
        struct controller_manager_config *config =
            arena_new(&c->arena, struct controller_manager_config);
        struct str name = arena_printf(&c->arena, "kube-controller-manager-%d", i);
        config->server = c->api;
        config->flags = &c->settings.controllers;
        config->credential = c->credentials[0];
        config->identity = name;
        add_component(c, COMPONENT_CONTROLLER_MANAGER,
                      &(struct process_options){.name = name,
                                                .host = control_host(c, o, name, i),
                                                .type = &controller_manager_process,
                                                .config = config,
                                                .restart = RESTART_ALWAYS,
                                                .restart_delay = duration_ms(MANAGER_RESTART_MS),
                                                .start_delay = duration_ms(MANAGER_START_MS)});
    }
}

static void add_schedulers(struct cluster *c, const struct cluster_options *o)
{
    c->credentials[1] = credential_certificate(S("system:kube-scheduler"), NULL, 0);
    for (int i = 0; i < at_least_one(o->schedulers); i++) {
        struct scheduler_config *config = arena_new(&c->arena, struct scheduler_config);
        config->name = arena_printf(&c->arena, "kube-scheduler-%d", i);
        config->identity = config->name;
        config->server = c->api;
        config->credential = c->credentials[1];
        config->flags = c->settings.scheduler;
        add_component(c, COMPONENT_SCHEDULER,
                      &(struct process_options){.name = config->name,
                                                .host = control_host(c, o, config->name, i),
                                                .type = &scheduler_process,
                                                .config = config,
                                                .restart = RESTART_ALWAYS,
                                                .restart_delay = duration_ms(MANAGER_RESTART_MS),
                                                .start_delay = duration_ms(MANAGER_START_MS)});
    }
}

/* ---- the pod network ---- */

static struct str node_address(struct cluster *c, size_t index)
{
    return arena_printf(&c->arena, "10.0.%zu.%zu", 1 + index / 250, 1 + index % 250);
}

#define POD_RANGE_BITS 24
#define POD_RANGES_SMALL 0x0AF40000u /* 10.244.0.0/16: 256 nodes */
#define POD_RANGES_LARGE 0x20000000u /* 32.0.0.0/3: more */

static uint32_t pod_range(const struct cluster *c, size_t index)
{
    uint32_t base = c->node_count <= 256 ? POD_RANGES_SMALL : POD_RANGES_LARGE;
    return base + ((uint32_t)index << (32 - POD_RANGE_BITS));
}

/* DEVIATION: the ranges are dealt when the cluster is put together and the kubelet registers with
 * its own; a real controller manager (nodeipam) assigns them a moment after the registration. */
static const char *pod_range_text(struct cluster *c, size_t index)
{
    AUTO(text) struct text t = {0};
    traffic_ip_text(pod_range(c, index), &t);
    text_printf(&t, "/%d", POD_RANGE_BITS);
    return arena_str(&c->arena, text_str(&t)).bytes;
}

static void add_network(struct cluster *c, const struct cluster_options *o)
{
    static const struct str masters[] = {{"system:masters", 14}};
    c->credentials[2] = credential_certificate(S("system:kube-proxy"), NULL, 0);
    /* DEVIATION: coredns acts as an administrator; a real one has a ServiceAccount and a role of
     * its installation's. */
    c->credentials[3] = credential_certificate(S("system:coredns"), masters, 1);
    c->node_count = o->node_count;
    c->routes = arena_array(&c->arena, struct pod_route, o->node_count);
    for (size_t i = 0; i < o->node_count; i++)
        c->routes[i] = (struct pod_route){pod_range(c, i), UINT32_MAX << (32 - POD_RANGE_BITS),
                                          traffic_address(c->sim, o->nodes[i].name)};
    c->dns_count = 1;
    c->dns = arena_array(&c->arena, address_id, c->dns_count);
    c->dns[0] = sim_address(c->sim, S("coredns-0:53"));
    struct dns_config *config = arena_new(&c->arena, struct dns_config);
    *config = (struct dns_config){
        .server = c->api, .address = c->dns[0], .credential = c->credentials[3]};
    add_component(c, COMPONENT_DNS,
                  &(struct process_options){.name = S("coredns-0"),
                                            .host = control_host(c, o, S("coredns-0"), 0),
                                            .type = &dns_process,
                                            .config = config,
                                            .restart = RESTART_ALWAYS,
                                            .restart_delay = duration_ms(MANAGER_RESTART_MS),
                                            .start_delay = duration_ms(MANAGER_START_MS)});
}

static void add_node_network(struct cluster *c, struct str name, host_id host, size_t index)
{
    struct node_network_config *network = arena_new(&c->arena, struct node_network_config);
    *network = (struct node_network_config){.node = name,
                                            .address = node_network_address(c->sim, name),
                                            .routes = c->routes,
                                            .route_count = c->node_count,
                                            .dns = c->dns,
                                            .dns_count = c->dns_count};
    (void)traffic_ip_parse(node_address(c, index), &network->node_ip);
    add_component(
        c, COMPONENT_NETWORK,
        &(struct process_options){.name = arena_printf(&c->arena, "network@%.*s", STR_ARG(name)),
                                  .host = host,
                                  .type = &node_network_process,
                                  .config = network,
                                  .restart = RESTART_ALWAYS});
    struct kube_proxy_config *proxy = arena_new(&c->arena, struct kube_proxy_config);
    *proxy = (struct kube_proxy_config){.node = name,
                                        .server = c->api,
                                        .network = network->address,
                                        .credential = c->credentials[2],
                                        .min_sync_period = duration_s(1)};
    add_component(
        c, COMPONENT_PROXY,
        &(struct process_options){.name = arena_printf(&c->arena, "kube-proxy@%.*s", STR_ARG(name)),
                                  .host = host,
                                  .type = &kube_proxy_process,
                                  .config = proxy,
                                  .restart = RESTART_ALWAYS,
                                  .restart_delay = duration_ms(SYSTEMD_RESTART_MS),
                                  .start_delay = duration_ms(KUBELET_START_MS)});
}

/* ---- nodes ---- */

static const char *arena_text(struct cluster *c, struct value v)
{
    return arena_str(&c->arena, value_str(v)).bytes;
}

static void read_labels_and_taints(struct cluster *c, const struct cluster_node *n,
                                   struct kubelet_config *config)
{
    size_t count = value_count(n->labels);
    struct kubelet_pair *labels = arena_array(&c->arena, struct kubelet_pair, count);
    for (size_t i = 0; i < count; i++) {
        struct str key = arena_str(&c->arena, value_key_at(n->labels, i));
        labels[i] = (struct kubelet_pair){key.bytes, arena_text(c, value_member_at(n->labels, i))};
    }
    config->labels = labels;
    config->label_count = count;
    count = value_count(n->taints);
    struct kubelet_taint *taints = arena_array(&c->arena, struct kubelet_taint, count);
    for (size_t i = 0; i < count; i++) {
        struct value t = value_at(n->taints, i);
        taints[i] = (struct kubelet_taint){arena_text(c, VALUE_GET(t, key)),
                                           arena_text(c, VALUE_GET(t, value)),
                                           arena_text(c, VALUE_GET(t, effect))};
    }
    config->taints = taints;
    config->taint_count = count;
}

/* What a quantity says, or the default when absent. */
static int64_t capacity(struct value v, bool is_milli, int64_t otherwise)
{
    if (!value_is_present(v))
        return otherwise;
    return is_milli ? quantity_milli(v) : quantity_value(v);
}

static const char *canonical(struct cluster *c, struct value list, struct str name)
{
    struct value v = value_get_key(list, name);
    AUTO(text) struct text written = {0};
    AUTO(text) struct text t = {0};
    if (!value_is_present(v))
        return NULL;
    if (value_kind(v) == VALUE_INTEGER)
        text_add_int(&written, value_as_integer(v, 0));
    else
        text_add(&written, value_str(v));
    return quantity_canonical(text_str(&written), &t) ? arena_str(&c->arena, text_str(&t)).bytes
                                                      : NULL;
}

/* A manifest that states what is allocatable is kept as it is; else the kubelet measures the usual
 * resources and shows the others (devices) beside them. */
static void read_stated(struct cluster *c, const struct cluster_node *n,
                        struct kubelet_config *config)
{
    static const char *const measured[] = {"cpu", "ephemeral-storage", "memory", "pods"};
    bool is_whole = value_is_present(n->allocatable);
    const struct value lists[] = {n->capacity, n->allocatable};
    size_t most = value_count(n->capacity) + value_count(n->allocatable);
    struct kubelet_resource *stated = arena_array(&c->arena, struct kubelet_resource, most);
    for (size_t i = 0; i < most; i++) {
        bool is_second = i >= value_count(n->capacity);
        struct str name =
            value_key_at(lists[is_second], is_second ? i - value_count(n->capacity) : i);
        bool is_known = is_second && value_is_present(value_get_key(n->capacity, name));
        for (size_t k = 0; k < ARRAY_COUNT(measured) && !is_whole; k++)
            is_known |= str_equal(name, str_from(measured[k]));
        if (is_known)
            continue;
        const char *amount = canonical(c, n->capacity, name);
        stated[config->resource_count++] = (struct kubelet_resource){
            .name = arena_str(&c->arena, name).bytes,
            .capacity = amount,
            .allocatable = is_whole ? canonical(c, n->allocatable, name) : amount,
            .out_of = arena_printf(&c->arena, "OutOf%.*s", STR_ARG(name)).bytes};
    }
    config->resources = stated;
    config->resources_are_whole = is_whole;
}

static void read_capacity(struct cluster *c, const struct cluster_node *n,
                          struct kubelet_config *config)
{
    struct value cpu = value_get_key(n->capacity, S("cpu")),
                 memory = value_get_key(n->capacity, S("memory"));
    struct value pods =
        VALUE_GET(value_is_present(n->allocatable) ? n->allocatable : n->capacity, pods);
    config->cpu_milli = capacity(cpu, true, 4000);
    config->memory_bytes = capacity(memory, false, INT64_C(8) << 30);
    config->ephemeral_storage_bytes =
        capacity(value_get_key(n->capacity, S("ephemeral-storage")), false, INT64_C(50) << 30);
    struct value allocatable_cpu = value_get_key(n->allocatable, S("cpu"));
    struct value allocatable_memory = value_get_key(n->allocatable, S("memory"));
    if (value_is_present(allocatable_cpu) && quantity_milli(allocatable_cpu) < config->cpu_milli)
        config->system_reserved_cpu_milli = config->cpu_milli - quantity_milli(allocatable_cpu);
    bool is_memory_given = value_is_present(allocatable_memory);
    if (is_memory_given && quantity_value(allocatable_memory) < config->memory_bytes)
        config->system_reserved_memory_bytes =
            config->memory_bytes - quantity_value(allocatable_memory);
    struct kubelet_flags *flags = arena_new(&c->arena, struct kubelet_flags);
    *flags = c->settings.kubelet;
    if (value_is_present(pods))
        flags->max_pods = quantity_value(pods);
    if (value_is_present(
            n->allocatable)) /* it is kept to the byte: no threshold is taken from it */
        flags->eviction_hard_memory_available = 0;
    config->flags = flags;
    read_stated(c, n, config);
}

static enum err add_node(struct cluster *c, const struct cluster_node *n, size_t index,
                         struct errmsg *message)
{
    host_id existing;
    struct str name = arena_str(&c->arena, n->name);
    if (sim_find_host(c->sim, name, &existing))
        return errmsg_set(message, ERR_VALUE, "two machines have the name \"%.*s\"", STR_ARG(name));
    if (n->runtime.size && !str_equal(n->runtime, S("simulated")))
        return errmsg_set(message, ERR_UNSUPPORTED,
                          "node \"%.*s\": runtime \"%.*s\" is not part of this build",
                          STR_ARG(name), STR_ARG(n->runtime));
    struct str zone = arena_str(&c->arena, n->zone);
    host_id host = add_machine(c, name, zone);
    struct kubelet_config *config = arena_new(&c->arena, struct kubelet_config);
    config->node = name.bytes;
    config->internal_ip = node_address(c, index).bytes;
    config->zone = zone.size ? zone.bytes : NULL;
    config->server = c->api;
    config->asks_for_tokens = c->is_served;
    config->pod_cidr = pod_range_text(c, index);
    read_labels_and_taints(c, n, config);
    read_capacity(c, n, config);

    struct runtime_config *runtime = arena_new(&c->arena, struct runtime_config);
    runtime->node = name.bytes;
    runtime->memory_bytes = config->memory_bytes;
    runtime->pod_cidr = config->pod_cidr;
    runtime->network = node_network_address(c->sim, name);
    add_component(
        c, COMPONENT_RUNTIME,
        &(struct process_options){.name = arena_printf(&c->arena, "containerd@%s", name.bytes),
                                  .host = host,
                                  .type = &containerd_process,
                                  .config = runtime,
                                  .restart = RESTART_ALWAYS,
                                  .restart_delay = duration_ms(RUNTIME_RESTART_MS)});
    add_component(
        c, COMPONENT_KUBELET,
        &(struct process_options){.name = arena_printf(&c->arena, "kubelet@%s", name.bytes),
                                  .host = host,
                                  .type = &kubelet_process,
                                  .config = config,
                                  .restart = RESTART_ALWAYS,
                                  .restart_delay = duration_ms(SYSTEMD_RESTART_MS),
                                  .start_delay = duration_ms(KUBELET_START_MS)});
    add_node_network(c, name, host, index);
    return ERR_OK;
}

/* ---- what is committed ---- */

static struct value stamp(struct value own_value, int64_t revision)
{
    return VALUE_SET(own_value, value_decimal(revision), metadata, resourceVersion);
}

static void on_applied(void *owner, const struct etcd_kv *kv, const struct etcd_kv *before,
                       struct str by, struct instant now)
{
    struct cluster *c = owner;
    view_apply(c->view, &(struct view_change){.revision = kv->mod_revision,
                                              .at = now,
                                              .key = kv->key,
                                              .before = before ? before->value : VALUE_ABSENT,
                                              .after = kv->value,
                                              .by = by,
                                              .create_revision = kv->create_revision,
                                              .version = kv->version,
                                              .before_revision = before ? before->mod_revision : 0,
                                              .before_version = before ? before->version : 0});
}

/* ---- what is read and watched ---- */

void cluster_listen_etcd(struct cluster *c, cluster_etcd_fn listener, void *owner)
{
    vec_push(&c->etcd_listeners, (struct etcd_listener){listener, owner});
}

void cluster_unlisten_etcd(struct cluster *c, void *owner)
{
    for (size_t i = c->etcd_listeners.count; i-- > 0;)
        if (c->etcd_listeners.items[i].owner == owner)
            vec_remove(&c->etcd_listeners, i);
}

static void on_observed(void *owner, struct etcd_observation *o)
{
    struct cluster *c = owner;
    if (o->kind == ETCD_OBSERVED_READ_BEGINS)
        o->floor = view_revision(c->view);
    for (size_t i = 0; i < c->etcd_listeners.count; i++)
        c->etcd_listeners.items[i].hear(c->etcd_listeners.items[i].owner, o);
}
