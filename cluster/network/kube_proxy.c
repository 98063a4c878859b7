/* SPDX-License-Identifier: Apache-2.0
 *
 * kube-proxy: turns Services and EndpointSlices into the rules of its node.
 *
 * A change marks the rules as stale; they are written at once if the last writing is a second old
 * (minSyncPeriod), else when it is. What a Service's address leads to: the slices' ready endpoints;
 * if there are none, those that still serve while they terminate.
 *
 * DEVIATION: rules are rebuilt whole; the traffic policy Local is kept for node ports only, and
 * session affinity not at all.
 *
 * Source: kubernetes.io/docs/reference/networking/virtual-ips/
 */
#include "sim/base/base.h"

#include "cluster/network/network.h"

#include "cluster/api/object.h"
#include "cluster/client/informer.h"
#include "runtime/traffic.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

#define TAG_SYNC 1
#define SERVICE_LABEL "kubernetes.io/service-name"

struct kube_proxy {
    const struct kube_proxy_config *config;
    struct client *client;
    struct informer_factory *informers;
    struct informer *services, *slices;
    informer_index by_service;
    struct instant last_sync;
    bool has_synced;
    timer_id timer; /* the next writing; 0: nothing is stale */
};

static void sync_rules(struct kube_proxy *p, struct step *step);

/* Indexed by "namespace/service". */
static void service_terms(struct value slice, informer_emit_fn emit, void *sink)
{
    struct str service = value_str(object_label(slice, S(SERVICE_LABEL)));
    struct str namespace = value_str(object_namespace(slice));
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(service));
    if (service.size > 0)
        emit(sink, text_str(&t));
}

static void on_change(void *owner, struct step *step, const struct object_key *key,
                      struct value before, struct value after)
{
    struct kube_proxy *p = owner;
    MAYBE(key && value_is_present(before) && value_is_present(after));
    if (p->timer)
        return;
    struct instant due =
        p->has_synced ? instant_add(p->last_sync, p->config->min_sync_period) : step->now;
    p->timer = step_timer_set(step, due, TAG_SYNC);
}

/* ---- life ---- */

static void *proxy_start(struct step *step, const void *config)
{
    struct kube_proxy *p = mem_new(struct kube_proxy);
    p->config = config;
    p->client = client_new(&(struct client_options){.server = p->config->server,
                                                    .credential = p->config->credential,
                                                    .user_agent = "kube-proxy",
                                                    .qps = 5,
                                                    .burst = 10});
    p->informers = informer_factory_new(p->client);
    p->services = informer_factory_get(p->informers, RESOURCE_services);
    p->slices = informer_factory_get(p->informers, RESOURCE_endpointslices);
    p->by_service = informer_add_index(p->slices, service_terms);
    informer_handle(p->services, on_change, p);
    informer_handle(p->slices, on_change, p);
    informer_factory_start(p->informers, step);
    return p;
}

static void proxy_release(void *state)
{
    struct kube_proxy *p = state;
    informer_factory_free(p->informers);
    client_free(p->client);
    mem_free(p);
}

static void proxy_input(void *state, struct step *step, const struct input *in)
{
    struct kube_proxy *p = state;
    if (in->kind == INPUT_TERMINATE) {
        step_exit(step, 0);
        return;
    }
    if (client_input(p->client, step, in) || in->kind != INPUT_TIMER)
        return;
    p->timer = 0;
    if (informer_factory_has_synced(p->informers))
        sync_rules(p, step);
    else
        p->timer = step_timer_set(step, instant_add(step->now, duration_ms(100)), TAG_SYNC);
}

const struct process_type kube_proxy_process = {
    .kind = "kube-proxy",
    .start = proxy_start,
    .input = proxy_input,
    .release = proxy_release,
};

/* ---- building the rules ---- */

typedef VEC(struct service_rule) rule_list;
typedef VEC(struct service_endpoint) endpoint_list;

/* The number of the slice's port with the name of the service's n-th; 0: none. A slice has the
 * ports in the order of the service, where its controller made it, so it is looked for there first.
 */
static uint16_t slice_port(struct value slice, struct value service_ports, size_t n)
{
    struct value ports = VALUE_GET(slice, ports);
    struct str wanted = VALUE_STR(value_at(service_ports, n), name);
    size_t count = value_count(ports);
    for (size_t i = 0; i < count; i++) {
        struct value port = value_at(ports, (n + i) % count);
        if (str_equal(VALUE_STR(port, name), wanted))
            return (uint16_t)VALUE_INT(port, 0, port);
    }
    return 0;
}

/* Adds the endpoints of the n-th port: the ready ones, or those that serve while they terminate. */
static void add_endpoints(struct kube_proxy *p, struct str term, struct value service_ports,
                          size_t n, bool terminating, endpoint_list *out)
{
    for (struct informer_cursor c = informer_first_with(p->slices, p->by_service, term); c.key;
         informer_next(&c)) {
        uint16_t port = slice_port(c.object, service_ports, n);
        struct value endpoints = VALUE_GET(c.object, endpoints);
        for (size_t i = 0; port && i < value_count(endpoints); i++) {
            struct value e = value_at(endpoints, i);
            struct value ready = VALUE_GET(e, conditions, ready);
            bool usable = terminating ? VALUE_BOOL_AT(e, conditions, serving) &&
                                            VALUE_BOOL_AT(e, conditions, terminating)
                                      : !value_is_present(ready) || value_as_bool(ready);
            struct service_endpoint endpoint = {
                .port = port, .is_local = str_equal(VALUE_STR(e, nodeName), p->config->node)};
            if (usable &&
                traffic_ip_parse(value_str(value_at(VALUE_GET(e, addresses), 0)), &endpoint.ip))
                vec_push(out, endpoint);
        }
    }
}

static void add_rule(rule_list *rules, uint32_t ip, int64_t port, char protocol, bool local_only,
                     const endpoint_list *e)
{
    struct service_rule r = {.ip = ip,
                             .port = (uint16_t)port,
                             .protocol = protocol,
                             .local_only = local_only,
                             .endpoint_count = (uint32_t)e->count};
    r.endpoints = mem_array(struct service_endpoint, e->count ? e->count : 1);
    if (e->count)
        memcpy(r.endpoints, e->items, e->count * sizeof(*r.endpoints));
    vec_push(rules, r);
}

static void add_service(struct kube_proxy *p, rule_list *rules, const struct informer_cursor *c)
{
    struct value spec = VALUE_GET(c->object, spec), ports = VALUE_GET(spec, ports);
    uint32_t ip = 0;
    if (!traffic_ip_parse(VALUE_STR(spec, clusterIP), &ip))
        return; /* headless, or an external name */
    AUTO(text) struct text term = {0};
    text_printf(&term, "%.*s/%.*s", STR_ARG(c->key->namespace), STR_ARG(c->key->name));
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value port = value_at(ports, i);
        endpoint_list endpoints = {0};
        add_endpoints(p, text_str(&term), ports, i, false, &endpoints);
        if (endpoints.count == 0)
            add_endpoints(p, text_str(&term), ports, i, true, &endpoints);
        struct str protocol = VALUE_STR(port, protocol);
        char letter = protocol.size ? protocol.bytes[0] : 'T';
        add_rule(rules, ip, VALUE_INT(port, 0, port), letter, false, &endpoints);
        if (VALUE_INT(port, 0, nodePort) > 0)
            add_rule(rules, 0, VALUE_INT(port, 0, nodePort), letter,
                     VALUE_IS(spec, "Local", externalTrafficPolicy), &endpoints);
        vec_release(&endpoints);
    }
}

static int by_address(const void *a, const void *b, void *context)
{
    (void)context;
    const struct service_rule *x = a, *y = b;
    if (x->ip != y->ip)
        return x->ip < y->ip ? -1 : 1;
    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    return x->protocol - y->protocol;
}

static void sync_rules(struct kube_proxy *p, struct step *step)
{
    rule_list rules = {0};
    for (struct informer_cursor c = informer_first(p->services, S("")); c.key; informer_next(&c))
        add_service(p, &rules, &c);
    sort_stable(rules.items, rules.count, sizeof(*rules.items), by_address, NULL);
    struct service_rules *message = service_rules_new();
    message->rules = rules.items;
    message->count = (uint32_t)rules.count;
    for (size_t i = 0; i < rules.count; i++)
        message->endpoint_count += rules.items[i].endpoint_count;
    step_observe(step, service_rules_message.kind, message->count,
                 service_rules_message.digest(&message->message));
    step_send_datagram(step, p->config->network, &message->message);
    p->has_synced = true;
    p->last_sync = step->now;
}
