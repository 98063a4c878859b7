/* SPDX-License-Identifier: Apache-2.0
 *
 * The Node object: registration, lease, status.
 *
 * "There are two forms of heartbeats: updates to the .status of a Node, and Lease objects within
 * the kube-node-lease namespace." The lease (40 s) is renewed every quarter of it; the status is
 * computed every 10 s and posted when it has changed or 5 minutes have gone by.
 * [doc:nodes#node-heartbeats]
 *
 * Registration creates the Node, tainted not-ready by admission; when one of that name exists, its
 * labels are mended. A Node whose recorded boot id is another than the host's has been rebooted:
 * event Rebooted.
 *
 * DEVIATION: the real kubelet reads its Node from the API server's cache before each computation of
 * the status; here it looks at its own informer, so an idle node costs one lease write in 10 s.
 * DEVIATION: the status is written by an update at the resourceVersion last seen instead of a
 * strategic merge patch.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "cluster/api/quantity.h"
#include "cluster/api/status.h"
#include "runtime/traffic.h"

#define PLEG_THRESHOLD duration_minutes(3)

#define STATUS_TRIES 5 /* upstream: nodeStatusUpdateRetry */

static void send_lease(struct kubelet *k);
static void post_status(struct kubelet *k, struct value node);
static void get_node(struct kubelet *k, response_fn done);

/* There is one beat: the next computation of the status. */
static void status_beat(struct kubelet *k, struct instant at)
{
    k->status_beat_at = at;
    k->status_timer =
        step_timer_move(k->step, k->status_timer, at, kubelet_tag(TAG_NODE_STATUS, 0));
}

/* ---- building the object ---- */

static struct value node_labels(const struct kubelet *k)
{
    const struct kubelet_config *c = k->config;
    struct value labels = value_object();
    struct {
        const char *key, *value;
    } rows[] = {
        {"beta.kubernetes.io/arch", "amd64"},
        {"beta.kubernetes.io/os", "linux"},
        {"kubernetes.io/arch", "amd64"},
        {"kubernetes.io/hostname", c->node},
        {"kubernetes.io/os", "linux"},
        {"node.kubernetes.io/instance-type", c->instance_type},
        {"beta.kubernetes.io/instance-type", c->instance_type},
        {"topology.kubernetes.io/region", c->region},
        {"topology.kubernetes.io/zone", c->zone},
        {"failure-domain.beta.kubernetes.io/region", c->region},
        {"failure-domain.beta.kubernetes.io/zone", c->zone},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        bool is_old_alias = str_starts_with(str_from(rows[i].key), S("failure-domain"));
        if (rows[i].value && !is_old_alias)
            labels =
                value_set_key(labels, str_from(rows[i].key), value_string(str_from(rows[i].value)));
    }
    for (size_t i = 0; i < c->label_count; i++)
        labels = value_set_key(labels, str_from(c->labels[i].key),
                               value_string(str_from(c->labels[i].value)));
    return labels;
}

/* The lists are maps: in the order of names. */
static struct value add_resource(struct value own_list, const char *name, const char *quantity)
{
    if (value_is_present(value_get_key(own_list, str_from(name))))
        return value_set_key(own_list, str_from(name), value_string(str_from(quantity)));
    struct value list = value_object();
    size_t i = 0, count = value_count(own_list);
    for (; i < count && str_compare(value_key_at(own_list, i), str_from(name)) < 0; i++)
        list = value_set_key(list, value_key_at(own_list, i),
                             value_keep(value_member_at(own_list, i)));
    list = value_set_key(list, str_from(name), value_string(str_from(quantity)));
    for (; i < count; i++)
        list = value_set_key(list, value_key_at(own_list, i),
                             value_keep(value_member_at(own_list, i)));
    value_drop(own_list);
    return list;
}

static struct value stated_resources(const struct kubelet *k, bool is_capacity,
                                     struct value own_list)
{
    for (size_t i = 0; i < k->config->resource_count; i++) {
        const struct kubelet_resource *stated = &k->config->resources[i];
        const char *quantity = is_capacity ? stated->capacity : stated->allocatable;
        if (quantity)
            own_list = add_resource(own_list, stated->name, quantity);
    }
    return own_list;
}

static struct value resources(const struct kubelet *k, bool is_capacity)
{
    const struct kubelet_config *c = k->config;
    struct value r = value_object();
    if (c->resources_are_whole)
        return stated_resources(k, is_capacity, r);
    int64_t cpu_milli = c->cpu_milli - (is_capacity ? 0 : c->system_reserved_cpu_milli);
    int64_t memory_bytes = c->memory_bytes - (is_capacity ? 0 : c->system_reserved_memory_bytes);
    r = value_set_key(r, S("cpu"), quantity_of_milli(cpu_milli));
    r = value_set_key(r, S("ephemeral-storage"),
                      quantity_of_binary(k->config->ephemeral_storage_bytes));
    r = value_set_key(r, S("hugepages-1Gi"), value_string(S("0")));
    r = value_set_key(r, S("hugepages-2Mi"), value_string(S("0")));
    r = value_set_key(r, S("memory"), quantity_of_binary(memory_bytes));
    r = value_set_key(r, S("pods"), value_printf("%" PRId64, k->flags.max_pods));
    return stated_resources(k, is_capacity, r);
}

/* ---- extended resources that somebody else has advertised in the capacity: the kubelet makes
 * them allocatable, whole ---- */

static bool is_advertised(const struct kubelet *k, struct str name)
{
    for (size_t i = 0; i < k->config->resource_count; i++)
        if (str_equal(name, str_from(k->config->resources[i].name)))
            return false;
    return str_find(name, '/') < name.size;
}

static bool advertised_is_news(const struct kubelet *k, struct value node)
{
    struct value capacity = VALUE_GET(node, status, capacity);
    for (size_t i = 0; i < value_count(capacity); i++) {
        struct str name = value_key_at(capacity, i);
        if (is_advertised(k, name) &&
            !value_equal(value_member_at(capacity, i),
                         value_get_key(VALUE_GET(node, status, allocatable), name)))
            return true;
    }
    return false;
}

static struct value with_advertised(const struct kubelet *k, struct value own_list,
                                    struct value node)
{
    struct value capacity = VALUE_GET(node, status, capacity);
    for (size_t i = 0; i < value_count(capacity); i++) {
        AUTO(text) struct text name = {0}, quantity = {0};
        text_add(&name, value_key_at(capacity, i));
        struct value v = value_member_at(capacity, i);
        text_add(&quantity, value_str(v));
        if (is_advertised(k, text_str(&name)))
            own_list = add_resource(own_list, text_c(&name), text_c(&quantity));
    }
    return own_list;
}

static struct value uuid_of(uint64_t a, uint64_t b)
{
    uint64_t x = hash_pair(a, b), y = hash_mix(x);
    return value_printf("%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(x >> 32),
                        (unsigned)(x >> 16 & 0xffff), (unsigned)(x & 0xfff),
                        (unsigned)(0x8000 | (y >> 50)), y & 0xffffffffffff);
}

static struct value node_info(const struct kubelet *k)
{
    uint64_t machine = hash_bytes(k->node_name);
    return value_pack("{architecture: amd64, bootID: %v, containerRuntimeVersion: "
                      "\"containerd://2.1.4\", kernelVersion: \"6.1.0-18-amd64\", "
                      "kubeProxyVersion: \"\", kubeletVersion: \"" KUBELET_VERSION
                      "\", machineID: %v, operatingSystem: linux, "
                      "osImage: \"Debian GNU/Linux 12 (bookworm)\", systemUUID: %v}",
                      uuid_of(k->boot, machine),
                      value_printf("%016" PRIx64 "%016" PRIx64, machine, hash_mix(machine)),
                      uuid_of(machine, 7));
}

static struct value addresses(const struct kubelet *k)
{
    struct value list = value_array();
    const struct kubelet_config *c = k->config;
    if (c->internal_ip)
        list = value_append(list, value_pack("{address: %s, type: InternalIP}", c->internal_ip));
    if (c->external_ip)
        list = value_append(list, value_pack("{address: %s, type: ExternalIP}", c->external_ip));
    return value_append(list, value_pack("{address: %s, type: Hostname}", c->node));
}

/* ---- conditions ---- */

static struct value condition(struct kubelet *k, struct value before, const char *type,
                              bool is_true, const char *reason, const char *message)
{
    struct value old = condition_find(before, type);
    struct value now = time_value(k->step->wall);
    bool same = value_is_present(old) && VALUE_IS(old, is_true ? "True" : "False", status);
    struct value since = same ? value_keep(VALUE_GET(old, lastTransitionTime)) : value_keep(now);
    return value_pack("{lastHeartbeatTime: %v, lastTransitionTime: %v, message: %s, reason: %s, "
                      "status: %s, type: %s}",
                      now, since, message, reason, is_true ? "True" : "False", type);
}

/* The container events (PLEG) are missed after three minutes, the runtime after half of one. The
 * text is another with each beat of the status, not with each look at it. */
static const char *runtime_down_text(const struct kubelet *k)
{
    struct duration silent = instant_since(k->beat_seen, k->runtime_silent_since);
    if (silent.ns < PLEG_THRESHOLD.ns)
        return "container runtime is down";
    AUTO(text) struct text elapsed = {0};
    text_add_duration(&elapsed, duration_ms(silent.ns / 1000000));
    return arena_printf(k->step->scratch,
                        "[container runtime is down, PLEG is not healthy: pleg was last seen "
                        "active %s ago; threshold is 3m0s]",
                        text_c(&elapsed))
        .bytes;
}

static const char *why_not_ready(const struct kubelet *k)
{
    if (k->runtime_is_silent)
        return runtime_down_text(k);
    if (!k->runtime_is_up && !k->runtime_was_up)
        return k->runtime_lost_at.ns != INT64_MAX
                   ? "container runtime is down"
                   : "container runtime status check may not have completed yet";
    if (!k->network_is_ready)
        return "container runtime network not ready: NetworkReady=false "
               "reason:NetworkPluginNotReady message:Network plugin returns "
               "error: cni plugin not initialized";
    if (!k->registered) /* the Node is created so; the first status, a moment later, is ready */
        return "CSINode is not yet initialized";
    return NULL;
}

struct value node_conditions(struct kubelet *k, struct value before)
{
    const char *why = why_not_ready(k);
    bool memory = k->memory_pressure, disk = k->disk_pressure;
    struct value list = value_array();
    list = value_append(
        list, condition(k, before, "MemoryPressure", memory,
                        memory ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
                        memory ? "kubelet has insufficient memory available"
                               : "kubelet has sufficient memory available"));
    list = value_append(
        list, condition(k, before, "DiskPressure", disk,
                        disk ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
                        disk ? "kubelet has disk pressure" : "kubelet has no disk pressure"));
    list = value_append(list, condition(k, before, "PIDPressure", false, "KubeletHasSufficientPID",
                                        "kubelet has sufficient PID available"));
    list = value_append(list, condition(k, before, "Ready", why == NULL,
                                        why ? "KubeletNotReady" : "KubeletReady",
                                        why ? why : "kubelet is posting ready status"));
    for (size_t i = 0; i < value_count(before);
         i++) { /* conditions of others: NetworkUnavailable */
        struct value c = value_at(before, i);
        struct str type = VALUE_STR(c, type);
        bool own = str_equal(type, S("MemoryPressure")) || str_equal(type, S("DiskPressure")) ||
                   str_equal(type, S("PIDPressure")) || str_equal(type, S("Ready"));
        if (!own)
            list = value_append(list, value_keep(c));
    }
    return list;
}

struct value node_status(struct kubelet *k, struct value node, struct value conditions)
{
    struct value allocatable = with_advertised(k, resources(k, false), node);
    struct value capacity = with_advertised(k, resources(k, true), node);
    struct value images = value_is_present(k->images) ? value_keep(k->images) : VALUE_ABSENT;
    return value_pack("{addresses: %v, allocatable: %v, capacity: %v, conditions: %v, "
                      "daemonEndpoints: {kubeletEndpoint: {Port: 10250}}, "
                      "features: {supplementalGroupsPolicy: true}, images: %v, nodeInfo: %v, "
                      "runtimeHandlers: [{features: {recursiveReadOnlyMounts: true, "
                      "userNamespaces: true}, name: \"\"}, {features: {recursiveReadOnlyMounts: "
                      "true, userNamespaces: true}, name: runc}]}",
                      addresses(k), allocatable, capacity, conditions, images, node_info(k));
}

/* ---- the command to look ---- */

static void look_release(struct message *m)
{
    mem_free(m);
}

static const struct message_type look_message = {
    .name = "look", .kind = RUNTIME_MESSAGE_FAULT, .release = look_release};

struct message *kubelet_look_new(void)
{
    struct message *m = mem_new(struct message);
    message_init(m, &look_message, sizeof(*m));
    return m;
}

/* ---- events ---- */

/* The kubelet names its node by name in the place of the uid, as it does before it knows it. */
void node_event(struct kubelet *k, const char *type, const char *reason, const char *message)
{
    AUTO(value)
    struct value about = value_pack("{apiVersion: v1, kind: Node, metadata: {name: %s, uid: %s}}",
                                    k->config->node, k->config->node);
    recorder_event(k->recorder, k->step, about, type, reason, "%s", message);
}

static void status_is_now(struct kubelet *k, const char *reason)
{
    AUTO(text) struct text message = {0};
    text_printf(&message, "Node %s status is now: %s", k->config->node, reason);
    node_event(k, "Normal", reason, text_c(&message));
}

static void condition_events(struct kubelet *k, struct value before, struct value after)
{
    static const struct {
        const char *type, *when_true, *when_false;
    } rows[] = {
        {"MemoryPressure", "NodeHasInsufficientMemory", "NodeHasSufficientMemory"},
        {"DiskPressure", "NodeHasDiskPressure", "NodeHasNoDiskPressure"},
        {"PIDPressure", "NodeHasInsufficientPID", "NodeHasSufficientPID"},
        {"Ready", "NodeReady", "NodeNotReady"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct value old = condition_find(before, rows[i].type);
        bool is_true = condition_is_true(after, rows[i].type);
        bool is_first = !value_is_present(old);
        if (is_first ? i == 3 && !is_true : condition_is_true(before, rows[i].type) == is_true)
            continue;
        status_is_now(k, is_true ? rows[i].when_true : rows[i].when_false);
    }
}

/* ---- registration ---- */

static struct value new_node(struct kubelet *k)
{
    AUTO(value) struct value none = VALUE_ABSENT;
    struct value taints = VALUE_ABSENT;
    for (size_t i = 0; i < k->config->taint_count; i++) {
        const struct kubelet_taint *t = &k->config->taints[i];
        struct value taint = value_pack("{effect: %s, key: %s}", t->effect, t->key);
        if (t->value && t->value[0])
            taint = value_set(taint, ATOM_value, value_string(str_from(t->value)));
        taints = value_append(taints, taint);
    }
    struct value spec = value_object();
    if (k->config->pod_cidr)
        spec =
            value_pack("{podCIDR: %s, podCIDRs: [%s]}", k->config->pod_cidr, k->config->pod_cidr);
    if (k->config->provider_id)
        spec = value_set(spec, ATOM_providerID, value_string(str_from(k->config->provider_id)));
    if (value_is_present(taints))
        spec = value_set(spec, ATOM_taints, taints);
    value_drop(k->conditions);
    k->conditions = node_conditions(k, none);
    k->is_ready = condition_is_true(k->conditions, "Ready");
    return value_pack("{apiVersion: v1, kind: Node, metadata: {name: %s, labels: %v, annotations: "
                      "{\"volumes.kubernetes.io/controller-managed-attach-detach\": \"true\"}}, "
                      "spec: %v, status: %v}",
                      k->config->node, node_labels(k), spec,
                      node_status(k, none, value_keep(k->conditions)));
}

static void registered(struct kubelet *k, struct value node)
{
    k->registered = true;
    k->registering = false;
    value_drop(k->node_object);
    k->node_object = value_keep(node);
    if (!k->started_event) {
        k->started_event = true;
        node_event(k, "Normal", "Starting", "Starting kubelet.");
        condition_events(k, VALUE_ABSENT, k->conditions);
        node_event(k, "Normal", "NodeAllocatableEnforced",
                   "Updated Node Allocatable limit across pods");
    }
    informer_start(k->node, k->step);
    informer_start(k->services, k->step);
    informer_start(k->pods, k->step);
    send_lease(k);
    status_beat(k, instant_add(k->step->now, duration_ms(300)));
}

static void on_existing(void *owner, struct step *step, const struct response *r, uint64_t tag);

static void get_node(struct kubelet *k, response_fn done)
{
    const struct object_key *key = object_key_of(resource_get(RESOURCE_nodes), S(""), k->node_name);
    (void)client_send(k->client, k->step, request_for_key(VERB_GET, key), done, k, 0);
    object_key_unref(key);
}

static void on_registered(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)tag;
    (void)step;
    if (response_ok(r)) {
        step_trace(k->step, "kubelet", k->node_name, "registered node");
        registered(k, r->body);
    } else if (r->code == 409) {
        get_node(k, on_existing);
    } else {
        k->registering = false;
        status_beat(k, instant_add(k->step->now, duration_s(1)));
    }
}

/* A Node of this name exists: labels that the kubelet owns are mended with the first status. */
static void on_existing(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)tag;
    (void)step;
    if (!response_ok(r)) {
        k->registering = false;
        status_beat(k, instant_add(k->step->now, duration_s(1)));
        return;
    }
    AUTO(value) struct value info = node_info(k);
    struct str before = VALUE_STR(r->body, status, nodeInfo, bootID);
    if (before.size > 0 &&
        !value_equal(VALUE_GET(r->body, status, nodeInfo, bootID), VALUE_GET(info, bootID))) {
        AUTO(text) struct text message = {0};
        text_printf(&message, "Node %s has been rebooted, boot id: %.*s", k->config->node,
                    STR_ARG(VALUE_STR(info, bootID)));
        node_event(k, "Warning", "Rebooted", text_c(&message));
    }
    value_drop(k->conditions);
    k->conditions = value_keep(VALUE_GET(r->body, status, conditions));
    step_trace(k->step, "kubelet", k->node_name, "takes over the node that exists");
    registered(k, r->body);
}

void node_register(struct kubelet *k)
{
    if (k->registered || k->registering)
        return;
    k->registering = true;
    (void)client_send(k->client, k->step,
                      client_create_request(resource_get(RESOURCE_nodes), new_node(k)),
                      on_registered, k, 0);
}

void node_start(struct kubelet *k)
{
    /* Register even when the runtime is silent, to say that the node is not ready. */
    status_beat(k, instant_add(k->step->now, duration_s(5)));
    if (step_disk_is_full(k->step))
        eviction_notice(k);
}

/* ---- lease ---- */

static void on_lease(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)step;
    (void)tag;
    k->lease_in_flight = false;
    if (response_ok(r)) {
        value_drop(k->lease);
        k->lease = value_keep(r->body);
        k->lease_known = true;
        k->lease_failures = 0;
        return;
    }
    k->lease_failures++;
    step_trace(k->step, "kubelet", k->node_name, "node lease renewal failed: %s",
               r->code == 0     ? "no answer from the API server"
               : r->code == 409 ? "it was changed by somebody else"
                                : "refused");
    if (r->code == 409 || r->code == 404) {
        value_drop(k->lease);
        k->lease = VALUE_ABSENT;
        k->lease_known = false;
        if (k->lease_failures <= 5)
            send_lease(k);
    }
}

static void on_lease_owner(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)step;
    (void)tag;
    k->lease_in_flight = false;
    if (!response_ok(r)) /* no Node, no lease: the garbage collector would take it at once */
        return;
    struct value lease = value_pack(
        "{apiVersion: \"coordination.k8s.io/v1\", kind: Lease, metadata: {name: %s, namespace: "
        "\"kube-node-lease\", ownerReferences: "
        "[{apiVersion: v1, kind: Node, name: %s, uid: %v}]}, spec: {holderIdentity: %s, "
        "leaseDurationSeconds: %D, renewTime: %v}}",
        k->config->node, k->config->node, value_keep(object_uid(r->body)), k->config->node,
        k->flags.node_lease_duration_seconds, micro_time_value(k->step->wall));
    k->lease_in_flight = true;
    (void)client_send(k->client, k->step,
                      client_create_request(resource_get(RESOURCE_leases), lease), on_lease, k, 0);
}

static void on_lease_read(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)step;
    (void)tag;
    k->lease_in_flight = false;
    if (response_ok(r)) {
        value_drop(k->lease);
        k->lease = value_keep(r->body);
        k->lease_known = true;
        send_lease(k);
    } else if (r->code == 404 && k->registered) {
        k->lease_in_flight = true;
        get_node(k, on_lease_owner);
    }
}

static void send_lease(struct kubelet *k)
{
    if (k->lease_in_flight)
        return;
    k->lease_in_flight = true;
    k->lease_renewed_at = k->step->now;
    if (!k->lease_known) {
        const struct object_key *key =
            object_key_of(resource_get(RESOURCE_leases), S("kube-node-lease"), k->node_name);
        (void)client_send(k->client, k->step, request_for_key(VERB_GET, key), on_lease_read, k, 0);
        object_key_unref(key);
    } else {
        struct value lease =
            VALUE_SET(value_keep(k->lease), micro_time_value(k->step->wall), spec, renewTime);
        (void)client_send(
            k->client, k->step,
            client_update_request(resource_get(RESOURCE_leases), lease, SUBRESOURCE_NONE), on_lease,
            k, 0);
    }
    struct duration period = duration_s(k->flags.node_lease_duration_seconds / 4);
    k->lease_timer = step_timer_move(k->step, k->lease_timer, instant_add(k->step->now, period),
                                     kubelet_tag(TAG_LEASE, 0));
}

void node_lease_tick(struct kubelet *k)
{
    struct duration period = duration_s(k->flags.node_lease_duration_seconds / 4);
    if (instant_since(k->step->now, k->lease_renewed_at).ns < period.ns)
        return;               /* an extra renewal has moved the beat */
    if (k->lease_in_flight) { /* no answer yet: the next beat tries again */
        k->lease_renewed_at = k->step->now;
        k->lease_timer = step_timer_move(k->step, k->lease_timer, instant_add(k->step->now, period),
                                         kubelet_tag(TAG_LEASE, 0));
        return;
    }
    send_lease(k);
}

/* ---- status ---- */

static void on_node_read(void *owner, struct step *step, const struct response *r, uint64_t tag);

static void on_status(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)step;
    (void)tag;
    k->status_in_flight = false;
    if (response_ok(r)) {
        value_drop(k->node_object);
        k->node_object = value_keep(r->body);
        k->status_posted_at = k->step->now;
        node_status_changed(k); /* what became another meanwhile */
        return;
    }
    k->status_posted_at = (struct instant){0};
    if (r->code == 409 && k->status_tries < STATUS_TRIES) {
        k->status_in_flight = true;
        get_node(k, on_node_read);
        return;
    }
    /* Whatever it was, the next beat tries again. A Node that was deleted does not come back by
     * that: only the start of a kubelet registers. */
    status_beat(k, instant_add(k->step->now, duration_ns(k->flags.node_status_update_frequency)));
}

/* Somebody else wrote the node: once more, on what is there. */
static void on_node_read(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)step;
    (void)tag;
    k->status_in_flight = false;
    if (!response_ok(r)) {
        status_beat(k,
                    instant_add(k->step->now, duration_ns(k->flags.node_status_update_frequency)));
        return;
    }
    value_drop(k->node_object);
    k->node_object = value_keep(r->body);
    post_status(k, k->node_object);
}

static void post_status(struct kubelet *k, struct value node)
{
    struct value before = VALUE_GET(node, status, conditions);
    struct value conditions = node_conditions(k, before);
    condition_events(k, k->conditions, conditions);
    bool is_ready = condition_is_true(conditions, "Ready");
    if (is_ready != k->is_ready)
        step_trace(k->step, "kubelet", k->node_name, "node is %s: %s",
                   is_ready ? "ready" : "not ready",
                   is_ready ? "runtime and network are up" : why_not_ready(k));
    k->is_ready = is_ready;
    struct instant next_beat =
        instant_add(k->step->now, duration_ns(k->flags.node_status_update_frequency));
    if (!is_ready && next_beat.ns < k->status_beat_at.ns)
        status_beat(k, next_beat); /* the text may be another then */
    value_drop(k->conditions);
    k->conditions = value_keep(conditions);
    AUTO(value) struct value status = node_status(k, node, conditions);
    struct value merged = VALUE_GET(node, status);
    merged = value_kind(merged) == VALUE_OBJECT ? value_keep(merged) : value_object();
    for (size_t i = 0; i < value_count(status); i++)
        merged =
            value_set(merged, value_key_atom_at(status, i), value_keep(value_member_at(status, i)));
    struct value next = value_set(value_keep(node), ATOM_status, merged);
    k->status_in_flight = true;
    k->status_tries++;
    k->images_are_news = false;
    (void)client_send(k->client, k->step,
                      client_update_request(resource_get(RESOURCE_nodes), next, SUBRESOURCE_STATUS),
                      on_status, k, 0);
}

/* Same conditions but for their times. */
static bool conditions_changed(struct kubelet *k, struct value before)
{
    AUTO(value) struct value now = node_conditions(k, before);
    for (size_t i = 0; i < value_count(now); i++) {
        struct value c = value_at(now, i);
        struct str type = VALUE_STR(c, type);
        char name[64];
        if (type.size >= sizeof(name))
            continue;
        memcpy(name, type.bytes, type.size);
        name[type.size] = '\0';
        struct value old = condition_find(before, name);
        if (!value_is_present(old) || !value_equal(VALUE_GET(old, status), VALUE_GET(c, status)) ||
            !value_equal(VALUE_GET(old, reason), VALUE_GET(c, reason)) ||
            !value_equal(VALUE_GET(old, message), VALUE_GET(c, message)))
            return true;
    }
    return false;
}

static struct value newest_node(const struct kubelet *k)
{
    struct value seen = informer_get_named(k->node, S(""), k->node_name);
    return value_is_present(seen) && object_version(seen) > object_version(k->node_object)
               ? seen
               : k->node_object;
}

void node_status_changed(struct kubelet *k)
{
    if (!k->registered || k->status_in_flight)
        return;
    struct value node = newest_node(k);
    struct str boot = VALUE_STR(node, status, nodeInfo, bootID);
    AUTO(value) struct value info = node_info(k);
    bool is_due = instant_since(k->step->now, k->status_posted_at).ns >=
                  k->flags.node_status_report_frequency;
    if (is_due || conditions_changed(k, VALUE_GET(node, status, conditions)) ||
        !str_equal(boot, VALUE_STR(info, bootID)) || k->images_are_news ||
        advertised_is_news(k, node)) {
        k->status_tries = 0;
        post_status(k, node);
    }
}

static void look_at_next_beat(struct kubelet *k)
{
    int64_t period = k->flags.node_status_update_frequency;
    int64_t n = instant_since(k->step->now, k->started).ns / period + 1;
    struct instant next = instant_add(k->started, duration_ns(n * period));
    if (next.ns < k->status_beat_at.ns)
        status_beat(k, next);
}

void node_images_changed(struct kubelet *k)
{
    if (!k->registered)
        return; /* the new Node will have them */
    k->images_are_news = true;
    look_at_next_beat(k);
}

/* One beat at a time: computing without posting is invisible, so the beat sleeps until a post is
 * due. Changes in between call node_status_changed. */
void node_status_tick(struct kubelet *k)
{
    if (!k->registered) {
        node_register(k);
        return;
    }
    k->beat_seen = k->step->now;
    node_status_changed(k);
    struct instant next = instant_add(k->status_posted_at.ns ? k->status_posted_at : k->step->now,
                                      duration_ns(k->flags.node_status_report_frequency));
    if (!k->is_ready || next.ns <= k->step->now.ns)
        next = instant_add(k->step->now, duration_ns(k->flags.node_status_update_frequency));
    status_beat(k, next);
}

void node_object_changed(struct kubelet *k, struct value node)
{
    if (!value_is_present(node)) { /* deleted by somebody: the real kubelet does not come back by
                                      itself until restarted */
        return;
    }
    struct str cidr = VALUE_STR(node, spec, podCIDR);
    if (cidr.size > 0 && !k->cidr_sent && k->runtime != 0) {
        struct cri_request *r = kubelet_request(k, CRI_UPDATE_RUNTIME_CONFIG);
        r->text = mem_copy_string(cidr);
        kubelet_cri(k, NULL, 0, r, NULL);
        k->cidr_sent = k->network_is_ready = true;
    }
    if (object_version(node) > object_version(k->node_object) &&
        conditions_changed(k, VALUE_GET(node, status, conditions)))
        node_status_changed(k);
    else if (advertised_is_news(k, node))
        look_at_next_beat(k);
}
