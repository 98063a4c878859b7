/* SPDX-License-Identifier: Apache-2.0
 *
 * The older form of EndpointSlices: one Endpoints object per Service, of the same name, with ready
 * and not ready addresses sorted by IP. A pod leaves it as soon as it is being deleted. At most
 * 1000 addresses; more are cut off and the annotation endpoints.kubernetes.io/over-capacity says
 * "truncated" [doc:service#over-capacity-endpoints].
 *
 * A Service that goes takes its Endpoints with it; one without a selector is left to its author.
 *
 * Upstream: pkg/controller/endpoint/endpoints_controller.go, pkg/controller/endpoint
 * (RepackSubsets).
 *
 * DEVIATION: beyond 1000 addresses upstream keeps a share of the not ready ones; here the ready
 * ones come first, in order of IP.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/controllers/pod_state.h"
#include "cluster/controllers/service_members.h"
#include "sim/base/hash.h"
#include "sim/base/sort.h"

#define TRIGGER_TIME "endpoints.kubernetes.io/last-change-trigger-time"
#define OVER_CAPACITY "endpoints.kubernetes.io/over-capacity"
#define ADDRESSES_MAX 1000
#define PORT_SETS_MAX 32

static enum sync_result endpoints_sync(struct sync *s);
static void wake_for_service(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after);
static void wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after);
static void wake_namesake(struct controller *c, struct step *step, const struct object_key *key,
                          struct value before, struct value after);
static void *new_state(struct controller *c, struct step *step);
static void free_state(void *state);

const struct controller_info endpoints_controller = {
    .name = "endpoints-controller",
    .account = "endpoint-controller",
    .event_source = "endpoint-controller",
    .primary = RESOURCE_services,
    .watches = {{RESOURCE_services, wake_for_service},
                {RESOURCE_pods, wake_for_pod},
                {RESOURCE_endpoints, wake_namesake}},
    .watch_count = 3,
    .sync = endpoints_sync,
    .workers = 5,
    .retries_max = 15,
    .new_state = new_state,
    .free_state = free_state,
};

static void *new_state(struct controller *c, struct step *step)
{
    (void)step;
    return service_members_new(c);
}

static void free_state(void *state)
{
    service_members_free(state);
}

static void wake_for_service(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after)
{
    service_members_see_service(c->state, c, step, key, before, after);
}

static void wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after)
{
    service_members_see_pod(c->state, c, step, key, before, after);
}

/* Only a deletion: it is made again. */
static void wake_namesake(struct controller *c, struct step *step, const struct object_key *key,
                          struct value before, struct value after)
{
    (void)before;
    if (value_is_present(after))
        return;
    const struct object_key *service =
        object_key_of(resource_get(RESOURCE_services), key->namespace, key->name);
    service_members_look_whole(c->state, service);
    controller_enqueue(c, step, service);
    object_key_unref(service);
}

/* ---- addresses ---- */

struct address {
    struct value pod, uid, ip; /* borrowed */
    bool is_ready;
    struct value ports; /* borrowed from the list of sets */
};

static int by_ip(const void *a, const void *b, void *context)
{
    (void)context;
    const struct address *x = a, *y = b;
    int order = value_compare(x->ip, y->ip);
    return order ? order : value_compare(x->uid, y->uid);
}

/* Addresses as they stand, so that those that stay need not be made again. */
struct present_address {
    struct value uid, address;
};
static bool is_of_uid(const void *probe, const void *item)
{
    return value_equal(*(const struct value *)probe, ((const struct present_address *)item)->uid);
}

static void remember(struct sync *s, struct index *by_uid, struct value addresses)
{
    for (size_t i = 0; i < value_count(addresses); i++) {
        struct present_address *p = arena_new(s->step->scratch, struct present_address);
        p->address = value_at(addresses, i);
        p->uid = VALUE_GET(p->address, targetRef, uid);
        index_put(by_uid, hash_bytes(value_str(p->uid)), &p->uid, p);
    }
}

static struct value address_value(struct sync *s, const struct index *present,
                                  const struct address *a)
{
    struct value node = VALUE_GET(a->pod, spec, nodeName),
                 hostname = service_endpoint_hostname(s->object, a->pod);
    const struct present_address *p = index_get(present, hash_bytes(value_str(a->uid)), &a->uid);
    if (p && value_equal(value_get(p->address, ATOM_ip), a->ip) &&
        value_equal(value_get(p->address, ATOM_nodeName), node) &&
        value_equal(value_get(p->address, ATOM_hostname), hostname))
        return value_keep(p->address);
    return value_pack("{ip: %v, hostname: %v, nodeName: %v, targetRef: {kind: Pod, namespace: %v, "
                      "name: %v, uid: %v}}",
                      value_keep(a->ip), value_keep(hostname), value_keep(node),
                      value_keep(object_namespace(a->pod)), value_keep(object_name(a->pod)),
                      value_keep(a->uid));
}

static struct value ports_of(struct value service, struct value pod)
{
    struct value ports = VALUE_GET(service, spec, ports), all = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value port = value_at(ports, i);
        int64_t number;
        if (!service_target_port(port, pod, &number))
            continue;
        struct value name = value_get(port, ATOM_name);
        all = value_append(all, value_pack("{name: %v, port: %D, protocol: %v, appProtocol: %v}",
                                           value_str(name).size ? value_keep(name) : VALUE_ABSENT,
                                           number, value_keep(value_get(port, ATOM_protocol)),
                                           value_keep(value_get(port, ATOM_appProtocol))));
    }
    return all;
}

struct gathering {
    struct address *items;
    size_t count;
    struct value sets[PORT_SETS_MAX];
    size_t set_count;
};

/* Interns the set of ports; beyond the maximum the pod goes with the first set. */
static struct value port_set(struct gathering *g, struct value own_ports)
{
    for (size_t i = 0; i < g->set_count; i++)
        if (value_equal(g->sets[i], own_ports)) {
            value_drop(own_ports);
            return g->sets[i];
        }
    if (g->set_count == PORT_SETS_MAX) {
        value_drop(own_ports);
        return g->sets[0];
    }
    return g->sets[g->set_count++] = own_ports;
}

static struct gathering gather(struct sync *s)
{
    struct gathering g = {0};
    struct service_members *members = s->controller->state;
    bool is_named = service_has_named_ports(s->object);
    bool publishes_all = VALUE_BOOL_AT(s->object, spec, publishNotReadyAddresses);
    g.items =
        arena_array(s->step->scratch, struct address, service_members_count(members, s->key) + 1);
    for (struct service_pod_cursor i = service_members_first(members, s->key); i.member;
         service_members_next(&i)) {
        const struct service_member *m = i.member;
        if (!m->has_endpoint || (m->is_deleting && !publishes_all))
            continue;
        struct value ports =
            g.set_count > 0 && !is_named ? g.sets[0] : port_set(&g, ports_of(s->object, m->pod));
        g.items[g.count++] = (struct address){.pod = m->pod,
                                              .uid = m->uid,
                                              .ip = m->ip,
                                              .is_ready = publishes_all || m->is_ready,
                                              .ports = ports};
    }
    sort_stable(g.items, g.count, sizeof(g.items[0]), by_ip, NULL);
    return g;
}

static struct value subsets_of(struct sync *s, struct value present, bool *ret_is_cut)
{
    struct gathering g = gather(s);
    struct index by_uid = {.equal = is_of_uid};
    struct value old = value_get(present, ATOM_subsets), subsets = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(old); i++) {
        remember(s, &by_uid, value_get(value_at(old, i), ATOM_addresses));
        remember(s, &by_uid, value_get(value_at(old, i), ATOM_notReadyAddresses));
    }
    size_t room = ADDRESSES_MAX;
    for (size_t n = 0; n < g.set_count; n++) {
        struct value lists[2] = {VALUE_ABSENT, VALUE_ABSENT};
        for (int ready = 1; ready >= 0; ready--)
            for (size_t i = 0; i < g.count && room > 0; i++) {
                if (g.items[i].is_ready != ready || !value_is_same(g.items[i].ports, g.sets[n]))
                    continue;
                lists[ready] = value_append(lists[ready], address_value(s, &by_uid, &g.items[i]));
                room--;
            }
        if (value_is_present(lists[0]) || value_is_present(lists[1]))
            subsets = value_append(subsets,
                                   value_pack("{addresses: %v, notReadyAddresses: %v, ports: %v}",
                                              lists[1], lists[0], value_keep(g.sets[n])));
        value_drop(g.sets[n]);
    }
    index_release(&by_uid);
    *ret_is_cut = g.count > ADDRESSES_MAX;
    return subsets;
}

/* ---- the loop ---- */

static struct value labels_of(struct value service)
{
    struct value labels = value_keep(object_labels(service));
    if (!value_is_present(labels))
        labels = value_object();
    labels = value_set_key(labels, S("endpoints.kubernetes.io/managed-by"),
                           value_string(S("endpoint-controller")));
    if (service_is_headless(service))
        labels = value_set_key(labels, S("service.kubernetes.io/headless"), value_string(S("")));
    return labels;
}

static struct value annotations_of(struct value present, struct value trigger, bool is_cut)
{
    struct value all = value_keep(VALUE_GET(present, metadata, annotations));
    if (!value_is_present(all))
        all = value_object();
    all = value_set_key(all, S(TRIGGER_TIME), value_keep(trigger));
    all =
        value_set_key(all, S(OVER_CAPACITY), is_cut ? value_string(S("truncated")) : VALUE_ABSENT);
    if (value_count(all) > 0)
        return all;
    value_drop(all);
    return VALUE_ABSENT;
}

/* About the Endpoints, not the Service; upstream names the Service only for a creation. */
static void tell_failure(struct sync *s, bool is_new, struct str why)
{
    struct str namespace = s->key->namespace, name = s->key->name;
    struct value endpoints = value_pack(
        "{apiVersion: v1, kind: Endpoints, metadata: {name: %S, namespace: %S}}", name, namespace);
    if (is_new)
        recorder_event(s->controller->recorder, s->step, endpoints, "Warning",
                       "FailedToCreateEndpoint",
                       "Failed to create endpoint for service %.*s/%.*s: %.*s", STR_ARG(namespace),
                       STR_ARG(name), STR_ARG(why));
    else
        recorder_event(s->controller->recorder, s->step, endpoints, "Warning",
                       "FailedToUpdateEndpoint", "Failed to update endpoint %.*s/%.*s: %.*s",
                       STR_ARG(namespace), STR_ARG(name), STR_ARG(why));
    value_drop(endpoints);
}

static enum sync_result after_writing(struct sync *s)
{
    const struct answer *a = &s->answers[0];
    if (answer_ok(a) || a->code == 404)
        return SYNC_DONE;
    service_members_look_whole(s->controller->state, s->key);
    bool is_new = a->tag == 1;
    if (is_new && a->code == 403)
        return SYNC_DONE; /* the namespace is being deleted */
    struct str why = VALUE_STR(a->body, message);
    if (a->code != 0 && value_is_present(s->object))
        tell_failure(s, is_new, why);
    return sync_retry_answer(s, a);
}

static enum sync_result delete_namesake(struct sync *s)
{
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_endpoints), s->key->namespace, s->key->name);
    sync_delete(s, key, VALUE_ABSENT, 0);
    object_key_unref(key);
    return sync_wait(s, 1);
}

static enum sync_result endpoints_sync(struct sync *s)
{
    if (s->phase == 1)
        return after_writing(s);
    struct informer *all = controller_informer(s->controller, RESOURCE_endpoints);
    struct value present = informer_get_named(all, s->key->namespace, s->key->name);
    if (!value_is_present(s->object))
        return value_is_present(present) ? delete_namesake(s) : SYNC_DONE;
    if (object_is_deleting(s->object) || value_count(VALUE_GET(s->object, spec, selector)) == 0 ||
        VALUE_IS(s->object, "ExternalName", spec, type))
        return SYNC_DONE;
    struct service_changes changes = service_members_take_changes(s->controller->state, s->key);
    bool is_still = changes.count == 0 && !changes.is_whole;
    struct value trigger =
        is_still ? VALUE_ABSENT
                 : service_trigger_time(s->controller->state, s->key, s->object, &changes);
    service_changes_release(&changes);
    if (is_still)
        return SYNC_DONE;
    bool is_cut;
    struct value subsets = subsets_of(s, present, &is_cut);
    struct value labels = labels_of(s->object);
    struct value annotations = annotations_of(present, trigger, is_cut);
    value_drop(trigger);
    bool is_same = value_is_present(present) &&
                   value_equal(subsets, value_get(present, ATOM_subsets)) &&
                   value_equal(labels, object_labels(present));
    if (is_same) {
        value_drop(subsets);
        value_drop(labels);
        value_drop(annotations);
        return SYNC_DONE;
    }
    if (!value_is_present(present)) {
        sync_create(
            s, RESOURCE_endpoints,
            value_pack(
                "{kind: Endpoints, apiVersion: v1, metadata: {name: %S, namespace: %S, labels: %v, "
                "annotations: %v}, subsets: %v}",
                s->key->name, s->key->namespace, labels, annotations, subsets),
            1);
    } else {
        struct value new = VALUE_SET(value_keep(present), subsets, subsets);
        new = VALUE_SET(new, labels, metadata, labels);
        sync_update(s, RESOURCE_endpoints, VALUE_SET(new, annotations, metadata, annotations), 0);
    }
    return sync_wait(s, 1);
}
