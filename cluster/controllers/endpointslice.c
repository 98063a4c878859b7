/* SPDX-License-Identifier: Apache-2.0
 *
 * "The control plane automatically creates EndpointSlices for any Kubernetes Service that has a
 * selector specified. These EndpointSlices include references to all the Pods that match the
 * Service selector" [doc:endpoint-slices]. At most 100 endpoints a slice.
 *
 * A pod that is being deleted stays in its slice, not ready but (while it is) serving and
 * terminating, until it is gone. A Service without pods has one slice with no endpoints and no
 * ports.
 *
 * Reconciling: endpoints that are in a slice stay there and are changed in place; those gone are
 * taken out; new ones fill slices that change anyhow, then the fullest unchanged one in which all
 * of them fit, then new slices. A slice that would be deleted is reused when one is to be created.
 * So few slices change per sync.
 *
 * Not started while the cache does not show our own last writes of this Service (upstream's
 * tracker): a slice made twice would stay twice.
 *
 * Upstream: pkg/controller/endpointslice, staging/src/k8s.io/endpointslice/reconciler.go.
 *
 * DEVIATION: IPv4 slices only (no second slice for a dual-stack Service), no topology hints;
 * endpoints of a slice are in the order of pod names within one sync where upstream's order is that
 * of a Go map.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/controllers/manager.h"
#include "cluster/controllers/pod_state.h"
#include "cluster/controllers/service_members.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define MANAGED_BY "endpointslice-controller.k8s.io"
#define TRIGGER_TIME "endpoints.kubernetes.io/last-change-trigger-time"

static enum sync_result endpointslice_sync(struct sync *s);
static void wake_for_service(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after);
static void wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after);
static void wake_for_slice(struct controller *c, struct step *step, const struct object_key *key,
                           struct value before, struct value after);
static void *new_state(struct controller *c, struct step *step);
static void free_state(void *state);

const struct controller_info endpointslice_controller = {
    .name = "endpointslice-controller",
    .event_source = "endpoint-slice-controller",
    .primary = RESOURCE_services,
    .watches = {{RESOURCE_services, wake_for_service},
                {RESOURCE_pods, wake_for_pod},
                {RESOURCE_endpointslices, wake_for_slice},
                {RESOURCE_nodes, NULL}},
    .watch_count = 4,
    .sync = endpointslice_sync,
    .workers = 5,
    .retry_first = {INT64_C(1000000000)},
    .retry_most = {1000 * INT64_C(1000000000)},
    .retries_max = 15,
    .new_state = new_state,
    .free_state = free_state,
};

/* A write of ours that the cache has not shown. */
struct awaited {
    const struct object_key *slice, *service;
    int64_t version; /* of the write; INT64_MAX: its deletion */
};
struct endpointslice_state {
    struct service_members *members;
    informer_index by_service; /* of slices: "namespace/service" */
    VEC(struct awaited) awaited;
};

enum { TAG_CREATE, TAG_UPDATE, TAG_DELETE };

/* ---- waking up ---- */

static void terms_service(struct value slice, informer_emit_fn emit, void *sink)
{
    struct str service = value_str(object_label(slice, S("kubernetes.io/service-name")));
    if (service.size == 0 ||
        !value_is(object_label(slice, S("endpointslice.kubernetes.io/managed-by")), MANAGED_BY))
        return;
    struct str namespace = value_str(object_namespace(slice));
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(service));
    emit(sink, text_str(&t));
}

static void *new_state(struct controller *c, struct step *step)
{
    (void)step;
    struct endpointslice_state *state = mem_new(struct endpointslice_state);
    state->members = service_members_new(c);
    state->by_service =
        informer_add_index(controller_informer(c, RESOURCE_endpointslices), terms_service);
    return state;
}

static void awaited_remove(struct endpointslice_state *state, size_t i)
{
    object_key_unref(state->awaited.items[i].slice);
    object_key_unref(state->awaited.items[i].service);
    vec_remove(&state->awaited, i);
}

static void free_state(void *pointer)
{
    struct endpointslice_state *state = pointer;
    while (state->awaited.count)
        awaited_remove(state, state->awaited.count - 1);
    vec_release(&state->awaited);
    service_members_free(state->members);
    mem_free(state);
}

static void wake_for_service(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after)
{
    service_members_see_service(((struct endpointslice_state *)c->state)->members, c, step, key,
                                before, after);
}

static void wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                         struct value before, struct value after)
{
    service_members_see_pod(((struct endpointslice_state *)c->state)->members, c, step, key, before,
                            after);
}

/* Our own write, seen: whoever waited for it goes on. A change by somebody else: it is put right.
 */
static void wake_for_slice(struct controller *c, struct step *step, const struct object_key *key,
                           struct value before, struct value after)
{
    struct endpointslice_state *state = c->state;
    int64_t version = value_is_present(after) ? object_version(after) : INT64_MAX;
    bool is_ours = false;
    for (size_t i = state->awaited.count; i-- > 0;) {
        struct awaited *a = &state->awaited.items[i];
        if (a->slice != key || version < a->version)
            continue;
        is_ours = version == a->version;
        controller_enqueue(c, step, a->service);
        awaited_remove(state, i);
    }
    struct value slice = value_is_present(after) ? after : before;
    if (is_ours ||
        !value_is(object_label(slice, S("endpointslice.kubernetes.io/managed-by")), MANAGED_BY))
        return;
    struct str name = value_str(object_label(slice, S("kubernetes.io/service-name")));
    const struct object_key *service =
        object_key_of(resource_get(RESOURCE_services), key->namespace, name);
    controller_enqueue(c, step, service);
    object_key_unref(service);
}

/* ---- the plan ---- */

struct wanted {
    struct value pod; /* borrowed */
    struct value uid;
    bool is_placed;
};
struct draft {
    struct value slice;     /* borrowed; absent: to be created */
    struct value endpoints; /* owned array */
    struct value ports;     /* borrowed */
    bool is_changed;
};
struct slice_plan {
    struct sync *sync;
    size_t max;
    struct wanted *wanted;
    size_t wanted_count;
    struct index by_uid;
    struct draft *drafts;
    size_t draft_count;
};

static bool is_of_uid(const void *probe, const void *item)
{
    return value_equal(*(const struct value *)probe, ((const struct wanted *)item)->uid);
}

static struct value endpoint_of(struct sync *s, struct value pod)
{
    struct value node_name = VALUE_GET(pod, spec, nodeName);
    struct informer *nodes = controller_informer(s->controller, RESOURCE_nodes);
    struct value node = informer_get_named(nodes, S(""), value_str(node_name));
    bool is_ready = pod_is_ready(pod), is_deleting = object_is_deleting(pod);
    bool publishes_all = VALUE_BOOL_AT(s->object, spec, publishNotReadyAddresses);
    return value_pack("{addresses: [%v], conditions: {ready: %b, serving: %b, terminating: %b}, "
                      "hostname: %v, nodeName: %v, "
                      "targetRef: {kind: Pod, namespace: %v, name: %v, uid: %v}, zone: %v}",
                      value_keep(VALUE_GET(pod, status, podIP)),
                      publishes_all || (is_ready && !is_deleting), is_ready, is_deleting,
                      value_keep(service_endpoint_hostname(s->object, pod)), value_keep(node_name),
                      value_keep(object_namespace(pod)), value_keep(object_name(pod)),
                      value_keep(object_uid(pod)),
                      value_keep(object_label(node, S("topology.kubernetes.io/zone"))));
}

static bool is_current(struct sync *s, struct value endpoint, struct value pod)
{
    struct value conditions = value_get(endpoint, ATOM_conditions);
    bool is_ready = pod_is_ready(pod), is_deleting = object_is_deleting(pod);
    bool publishes_all = VALUE_BOOL_AT(s->object, spec, publishNotReadyAddresses);
    return VALUE_BOOL_AT(conditions, ready) == (publishes_all || (is_ready && !is_deleting)) &&
           VALUE_BOOL_AT(conditions, serving) == is_ready &&
           VALUE_BOOL_AT(conditions, terminating) == is_deleting &&
           value_equal(value_at(value_get(endpoint, ATOM_addresses), 0),
                       VALUE_GET(pod, status, podIP)) &&
           value_equal(value_get(endpoint, ATOM_nodeName), VALUE_GET(pod, spec, nodeName)) &&
           value_equal(value_get(endpoint, ATOM_hostname),
                       service_endpoint_hostname(s->object, pod));
}

static struct value ports_of(struct value service, struct value pod)
{
    struct value ports = VALUE_GET(service, spec, ports), all = value_array();
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value port = value_at(ports, i);
        int64_t number;
        if (!service_target_port(port, pod, &number))
            continue;
        struct str name = VALUE_STR(port, name);
        all = value_append(all, value_pack("{name: %S, port: %D, protocol: %v, appProtocol: %v}",
                                           name, number, value_keep(value_get(port, ATOM_protocol)),
                                           value_keep(value_get(port, ATOM_appProtocol))));
    }
    return all;
}

/* Goes through one existing slice: what stays, changed where it has to be. */
static void review(struct slice_plan *p, struct draft *d)
{
    struct value old = value_get(d->slice, ATOM_endpoints);
    d->endpoints = value_array();
    for (size_t i = 0; i < value_count(old); i++) {
        struct value endpoint = value_at(old, i);
        struct value uid = VALUE_GET(endpoint, targetRef, uid);
        struct wanted *w = index_get(&p->by_uid, hash_bytes(value_str(uid)), &uid);
        bool stays = w && !w->is_placed;
        bool is_same = stays && is_current(p->sync, endpoint, w->pod);
        if (!is_same)
            d->is_changed = true;
        if (!stays)
            continue;
        w->is_placed = true;
        d->endpoints = value_append(d->endpoints,
                                    is_same ? value_keep(endpoint) : endpoint_of(p->sync, w->pod));
    }
}

static size_t unplaced(const struct slice_plan *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->wanted_count; i++)
        count += !p->wanted[i].is_placed;
    return count;
}

static void fill(struct slice_plan *p, struct draft *d)
{
    for (size_t i = 0; i < p->wanted_count && value_count(d->endpoints) < p->max; i++) {
        if (p->wanted[i].is_placed)
            continue;
        p->wanted[i].is_placed = true;
        d->endpoints = value_append(d->endpoints, endpoint_of(p->sync, p->wanted[i].pod));
        d->is_changed = true;
    }
}

/* The unchanged slice with the least room in which all the rest fits. */
static struct draft *best_fit(struct slice_plan *p, struct value ports, size_t rest)
{
    struct draft *best = NULL;
    for (size_t i = 0; i < p->draft_count; i++) {
        struct draft *d = &p->drafts[i];
        size_t count = value_count(d->endpoints);
        if (!value_equal(d->ports, ports) || count == 0 || p->max - count < rest)
            continue;
        if (!best || count > value_count(best->endpoints))
            best = d;
    }
    return best;
}

/* Places the wanted pods, which all have these ports. */
static void place_all(struct slice_plan *p, struct value ports)
{
    for (size_t i = 0; i < p->draft_count; i++)
        if (value_is_present(p->drafts[i].slice) && value_equal(p->drafts[i].ports, ports))
            review(p, &p->drafts[i]);
    for (size_t i = 0; i < p->draft_count; i++)
        if (p->drafts[i].is_changed && value_count(p->drafts[i].endpoints) > 0 &&
            value_equal(p->drafts[i].ports, ports))
            fill(p, &p->drafts[i]);
    for (size_t rest = unplaced(p); rest > 0; rest = unplaced(p)) {
        struct draft *d = rest < p->max ? best_fit(p, ports, rest) : NULL;
        if (!d) {
            d = &p->drafts[p->draft_count++];
            *d = (struct draft){.endpoints = value_array(), .ports = ports, .is_changed = true};
        }
        fill(p, d);
    }
}

/* ---- writing ---- */

static struct value labels_of(struct value service, struct str name)
{
    struct value labels = value_keep(object_labels(service));
    if (!value_is_present(labels))
        labels = value_object();
    labels = value_set_key(labels, S("kubernetes.io/service-name"), value_string(name));
    labels = value_set_key(labels, S("endpointslice.kubernetes.io/managed-by"),
                           value_string(S(MANAGED_BY)));
    if (service_is_headless(service))
        labels = value_set_key(labels, S("service.kubernetes.io/headless"), value_string(S("")));
    return labels;
}

static struct value with_trigger(struct value own_annotations, struct value trigger)
{
    if (!value_is_present(own_annotations))
        own_annotations = value_object();
    own_annotations = value_set_key(own_annotations, S(TRIGGER_TIME), value_keep(trigger));
    if (value_count(own_annotations) > 0)
        return own_annotations;
    value_drop(own_annotations);
    return VALUE_ABSENT;
}

static struct value or_null(struct value array)
{
    return value_count(array) ? value_keep(array) : value_null();
}

static void write_slice(struct sync *s, const struct draft *d, struct value trigger)
{
    struct value labels = labels_of(s->object, s->key->name);
    bool is_placeholder = value_count(d->endpoints) == 0;
    struct value ports = is_placeholder ? value_null() : or_null(d->ports);
    if (value_is_present(d->slice)) {
        struct value slice = VALUE_SET(value_keep(d->slice), or_null(d->endpoints), endpoints);
        slice = VALUE_SET(slice, ports, ports);
        slice = VALUE_SET(slice, labels, metadata, labels);
        slice = VALUE_SET(
            slice, with_trigger(value_keep(VALUE_GET(slice, metadata, annotations)), trigger),
            metadata, annotations);
        sync_update(s, RESOURCE_endpointslices, slice, TAG_UPDATE);
        return;
    }
    struct value slice = value_pack(
        "{kind: EndpointSlice, apiVersion: \"discovery.k8s.io/v1\", metadata: {generateName: %v, "
        "namespace: %S, labels: %v, "
        "annotations: %v, ownerReferences: [%v]}, addressType: IPv4, endpoints: %v, ports: %v}",
        value_printf("%.*s-", STR_ARG(s->key->name)), s->key->namespace, labels,
        with_trigger(VALUE_ABSENT, trigger),
        owner_reference_make(resource_get(RESOURCE_services), s->object), or_null(d->endpoints),
        ports);
    sync_create(s, RESOURCE_endpointslices, slice, TAG_CREATE);
}

static bool has_old_labels(struct sync *s, struct value slice)
{
    struct value labels = labels_of(s->object, s->key->name);
    bool is_old = !value_equal(labels, object_labels(slice));
    value_drop(labels);
    return is_old;
}

/* What is to be created takes the place of what is to be deleted, as far as that goes. */
static void recycle(struct slice_plan *p)
{
    for (size_t i = 0; i < p->draft_count; i++) {
        struct draft *empty = &p->drafts[i];
        if (!value_is_present(empty->slice) || value_count(empty->endpoints) > 0)
            continue;
        for (size_t n = 0; n < p->draft_count; n++) {
            struct draft *new = &p->drafts[n];
            if (value_is_present(new->slice) || value_count(new->endpoints) == 0)
                continue;
            new->slice = empty->slice;
            empty->slice = VALUE_ABSENT;
            break;
        }
    }
}

static void write_plan(struct slice_plan *p, struct value trigger)
{
    struct sync *s = p->sync;
    bool is_all_empty = p->wanted_count == 0, has_placeholder = false;
    recycle(p);
    for (size_t i = 0; i < p->draft_count; i++) {
        struct draft *d = &p->drafts[i];
        bool is_empty = value_count(d->endpoints) == 0;
        if (is_empty && !value_is_present(d->slice))
            continue;
        if (is_empty && is_all_empty && !has_placeholder) {
            has_placeholder = true;
            if (value_count(value_get(d->slice, ATOM_endpoints)) > 0 || has_old_labels(s, d->slice))
                write_slice(s, d, trigger);
        } else if (is_empty) {
            const struct object_key *key =
                object_key_of_object(resource_get(RESOURCE_endpointslices), d->slice);
            sync_delete(s, key, VALUE_ABSENT, TAG_DELETE);
            object_key_unref(key);
        } else if (d->is_changed || has_old_labels(s, d->slice)) {
            write_slice(s, d, trigger);
        }
    }
    struct draft placeholder = {0};
    if (is_all_empty && !has_placeholder)
        write_slice(s, &placeholder, trigger);
}

/* ---- the loop ---- */

static bool is_awaiting(const struct endpointslice_state *state, const struct object_key *service)
{
    for (size_t i = 0; i < state->awaited.count; i++)
        if (state->awaited.items[i].service == service)
            return true;
    return false;
}

static enum sync_result after_writing(struct sync *s)
{
    struct endpointslice_state *state = s->controller->state;
    struct informer *slices = controller_informer(s->controller, RESOURCE_endpointslices);
    const struct answer *failure = NULL;
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct answer *a = &s->answers[i];
        if (!answer_ok(a)) {
            failure = a->tag == TAG_DELETE && a->code == 404 ? failure : a;
            continue;
        }
        const struct object_key *key =
            a->tag == TAG_CREATE
                ? object_key_of_object(resource_get(RESOURCE_endpointslices), a->body)
                : object_key_ref(a->key);
        struct value present = informer_get(slices, key);
        bool is_shown = a->tag == TAG_DELETE ? !value_is_present(present)
                                             : object_version(present) >= object_version(a->body);
        if (is_shown)
            object_key_unref(key);
        else
            vec_push(&state->awaited,
                     (struct awaited){key, object_key_ref(s->key),
                                      a->tag == TAG_DELETE ? INT64_MAX : object_version(a->body)});
    }
    if (!failure)
        return SYNC_DONE;
    struct str why = VALUE_STR(failure->body, message);
    if (failure->code != 0)
        recorder_event(s->controller->recorder, s->step, s->object, "Warning",
                       "FailedToUpdateEndpointSlices",
                       "Error updating Endpoint Slices for Service %.*s: %.*s",
                       STR_ARG(sync_subject(s)), STR_ARG(why));
    return sync_retry_answer(s, failure);
}

static void gather(struct slice_plan *p, struct value ports, bool is_by_ports)
{
    struct sync *s = p->sync;
    struct endpointslice_state *state = s->controller->state;
    p->wanted_count = 0;
    for (struct service_pod_cursor i = service_members_first(state->members, s->controller, s->key);
         i.key; service_members_next(&i)) {
        if (!pod_has_endpoint(i.pod, true))
            continue;
        if (is_by_ports) {
            struct value own = ports_of(s->object, i.pod);
            bool is_alike = value_equal(own, ports);
            value_drop(own);
            if (!is_alike)
                continue;
        }
        struct wanted *w = &p->wanted[p->wanted_count++];
        *w = (struct wanted){.pod = i.pod, .uid = object_uid(i.pod)};
        index_put(&p->by_uid, hash_bytes(value_str(w->uid)), &w->uid, w);
    }
}

/* The different sets of port numbers among the pods; one unless target ports are named. */
static size_t port_sets(struct slice_plan *p, struct value *sets, size_t max)
{
    struct sync *s = p->sync;
    struct endpointslice_state *state = s->controller->state;
    bool is_named = service_has_named_ports(s->object);
    size_t count = 0;
    for (struct service_pod_cursor i = service_members_first(state->members, s->controller, s->key);
         i.key; service_members_next(&i)) {
        if (!pod_has_endpoint(i.pod, true))
            continue;
        struct value ports = ports_of(s->object, i.pod);
        size_t n = 0;
        while (n < count && !value_equal(sets[n], ports))
            n++;
        if (n == count && count < max)
            sets[count++] = ports;
        else
            value_drop(ports);
        if (!is_named)
            break;
    }
    return count;
}

#define PORT_SETS_MAX 32

static struct slice_plan plan_new(struct sync *s)
{
    struct endpointslice_state *state = s->controller->state;
    struct informer *slices = controller_informer(s->controller, RESOURCE_endpointslices);
    struct slice_plan p = {.sync = s, .max = 100, .by_uid = {.equal = is_of_uid}};
    if (s->controller->flags)
        p.max = (size_t)s->controller->flags->max_endpoints_per_slice;
    size_t pods = 0, existing = 0;
    for (struct service_pod_cursor i = service_members_first(state->members, s->controller, s->key);
         i.key; service_members_next(&i))
        pods++;
    struct str term = sync_subject(s);
    struct informer_cursor i;
    for (i = informer_first_with(slices, state->by_service, term); i.key; informer_next(&i))
        existing++;
    p.wanted = arena_array(s->step->scratch, struct wanted, pods + 1);
    p.drafts =
        arena_array(s->step->scratch, struct draft, existing + pods / p.max + 1 + PORT_SETS_MAX);
    for (i = informer_first_with(slices, state->by_service, term); i.key; informer_next(&i))
        if (!object_is_deleting(i.object))
            p.drafts[p.draft_count++] =
                (struct draft){.slice = i.object, .ports = value_get(i.object, ATOM_ports)};
    return p;
}

static enum sync_result endpointslice_sync(struct sync *s)
{
    struct endpointslice_state *state = s->controller->state;
    if (s->phase == 1)
        return after_writing(s);
    struct value selector = VALUE_GET(s->object, spec, selector);
    if (!value_is_present(s->object) || object_is_deleting(s->object) ||
        value_count(selector) == 0 || VALUE_IS(s->object, "ExternalName", spec, type))
        return SYNC_DONE;
    if (is_awaiting(state, s->key))
        return SYNC_DONE; /* woken again when the cache shows our last write */
    struct slice_plan p = plan_new(s);
    struct value sets[PORT_SETS_MAX];
    size_t set_count = port_sets(&p, sets, PORT_SETS_MAX), placed = 0;
    for (size_t i = 0; i < set_count; i++) {
        gather(&p, sets[i], set_count > 1);
        place_all(&p, sets[i]);
        placed += p.wanted_count;
        index_release(&p.by_uid);
    }
    p.wanted_count = placed;
    struct value trigger = service_trigger_time(state->members, s->controller, s->key, s->object);
    write_plan(&p, trigger);
    value_drop(trigger);
    for (size_t i = 0; i < p.draft_count; i++)
        value_drop(p.drafts[i].endpoints);
    for (size_t i = 0; i < set_count; i++)
        value_drop(sets[i]);
    return sync_wait(s, 1);
}
