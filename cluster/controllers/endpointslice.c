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
    uint64_t stamp;            /* of the latest plan */
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
    if (!value_is(object_label(slice, S("endpointslice.kubernetes.io/managed-by")), MANAGED_BY))
        return;
    struct str name = value_str(object_label(slice, S("kubernetes.io/service-name")));
    const struct object_key *service =
        object_key_of(resource_get(RESOURCE_services), key->namespace, name);
    service_members_see_slice(state->members, service, key, before, after);
    if (!is_ours) {
        service_members_look_whole(state->members, service);
        controller_enqueue(c, step, service);
    }
    object_key_unref(service);
}

/* ---- the plan ---- */

struct draft {
    const struct object_key *key; /* borrowed, as the slice; NULL: to be created */
    struct value slice;           /* absent: to be created */
    struct value endpoints;       /* owned array; absent: as the slice has them */
    struct value ports;           /* borrowed */
    bool is_changed;
};
/* Either the whole (all pods that have an endpoint are candidates, all slices are reviewed), or
 * only what has changed: the candidates are the changed pods, and of the slices only those that
 * hold a changed pod are reviewed; the others are as they must be. */
struct slice_plan {
    struct sync *sync;
    struct service_members *members;
    size_t max;
    bool is_whole;
    uint64_t wanted, placed; /* stamps of members */
    struct service_member **candidates;
    size_t candidate_count;
    struct draft *drafts;
    size_t draft_count;
};

static size_t endpoint_count(const struct draft *d)
{
    return value_count(value_is_present(d->endpoints) ? d->endpoints
                                                      : value_get(d->slice, ATOM_endpoints));
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

static bool is_current(struct sync *s, struct value endpoint, const struct service_member *m)
{
    struct value conditions = value_get(endpoint, ATOM_conditions);
    bool publishes_all = VALUE_BOOL_AT(s->object, spec, publishNotReadyAddresses);
    return VALUE_BOOL_AT(conditions, ready) ==
               (publishes_all || (m->is_ready && !m->is_deleting)) &&
           VALUE_BOOL_AT(conditions, serving) == m->is_ready &&
           VALUE_BOOL_AT(conditions, terminating) == m->is_deleting &&
           value_equal(value_at(value_get(endpoint, ATOM_addresses), 0), m->ip) &&
           value_equal(value_get(endpoint, ATOM_nodeName), m->node_name) &&
           value_equal(value_get(endpoint, ATOM_hostname),
                       service_endpoint_hostname(s->object, m->pod));
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

static bool may_stay(const struct slice_plan *p, const struct service_member *m)
{
    if (!m || p->is_whole)
        return m && m->stamp == p->wanted;
    return m->has_endpoint && m->stamp != p->placed;
}

/* Goes through one existing slice: what stays, changed where it has to be. */
static void review(struct slice_plan *p, struct draft *d)
{
    struct value old = value_get(d->slice, ATOM_endpoints);
    d->endpoints = value_array();
    for (size_t i = 0; i < value_count(old); i++) {
        struct value endpoint = value_at(old, i);
        struct value uid = VALUE_GET(endpoint, targetRef, uid);
        struct service_member *m = service_members_find(p->members, p->sync->key, uid);
        bool stays = may_stay(p, m);
        bool is_same = stays && (m->stamp != p->wanted || is_current(p->sync, endpoint, m));
        if (!is_same)
            d->is_changed = true;
        if (!stays)
            continue;
        m->stamp = p->placed;
        service_member_set_slice(m, d->key);
        d->endpoints = value_append(d->endpoints,
                                    is_same ? value_keep(endpoint) : endpoint_of(p->sync, m->pod));
    }
}

static size_t unplaced(const struct slice_plan *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->candidate_count; i++)
        count += p->candidates[i]->stamp == p->wanted;
    return count;
}

static void fill(struct slice_plan *p, struct draft *d)
{
    for (size_t i = 0; i < p->candidate_count && endpoint_count(d) < p->max; i++) {
        struct service_member *m = p->candidates[i];
        if (m->stamp != p->wanted)
            continue;
        m->stamp = p->placed;
        if (!value_is_present(d->endpoints))
            d->endpoints = value_keep(value_get(d->slice, ATOM_endpoints));
        d->endpoints = value_append(d->endpoints, endpoint_of(p->sync, m->pod));
        d->is_changed = true;
    }
}

/* The unchanged slice with the least room in which all the rest fits. */
static struct draft *best_fit(struct slice_plan *p, struct value ports, size_t rest)
{
    struct draft *best = NULL;
    for (size_t i = 0; i < p->draft_count; i++) {
        struct draft *d = &p->drafts[i];
        size_t count = endpoint_count(d);
        if (!value_equal(d->ports, ports) || count == 0 || count > p->max || p->max - count < rest)
            continue;
        if (!best || count > endpoint_count(best))
            best = d;
    }
    return best;
}

/* Places the candidates, which all have these ports, once the slices have been reviewed. */
static void place_all(struct slice_plan *p, struct value ports)
{
    for (size_t i = 0; i < p->draft_count; i++)
        if (p->drafts[i].is_changed && endpoint_count(&p->drafts[i]) > 0 &&
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
    bool is_placeholder = endpoint_count(d) == 0;
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
        if (!value_is_present(empty->slice) || endpoint_count(empty) > 0)
            continue;
        for (size_t n = 0; n < p->draft_count; n++) {
            struct draft *new = &p->drafts[n];
            if (value_is_present(new->slice) || endpoint_count(new) == 0)
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
    bool is_all_empty = service_members_counts(p->members, s->key).endpoints == 0;
    bool has_placeholder = false;
    recycle(p);
    for (size_t i = 0; i < p->draft_count; i++) {
        struct draft *d = &p->drafts[i];
        bool is_empty = endpoint_count(d) == 0;
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
        } else if (d->is_changed || (p->is_whole && has_old_labels(s, d->slice))) {
            write_slice(s, d, trigger);
        }
    }
    struct draft placeholder = {0};
    if (is_all_empty && !has_placeholder)
        write_slice(s, &placeholder, trigger);
}

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
    service_members_look_whole(state->members, s->key);
    struct str why = VALUE_STR(failure->body, message);
    if (failure->code != 0)
        recorder_event(s->controller->recorder, s->step, s->object, "Warning",
                       "FailedToUpdateEndpointSlices",
                       "Error updating Endpoint Slices for Service %.*s: %.*s",
                       STR_ARG(sync_subject(s)), STR_ARG(why));
    return sync_retry_answer(s, failure);
}

/* The whole: all pods that have an endpoint and these ports. */
static void gather(struct slice_plan *p, struct value ports, bool is_by_ports)
{
    struct endpointslice_state *state = p->sync->controller->state;
    p->wanted = ++state->stamp;
    p->placed = ++state->stamp;
    p->candidate_count = 0;
    for (struct service_pod_cursor i = service_members_first(p->members, p->sync->key); i.member;
         service_members_next(&i)) {
        if (!i.member->has_endpoint)
            continue;
        if (is_by_ports) {
            struct value own = ports_of(p->sync->object, i.member->pod);
            bool is_alike = value_equal(own, ports);
            value_drop(own);
            if (!is_alike)
                continue;
        }
        i.member->stamp = p->wanted;
        p->candidates[p->candidate_count++] = i.member;
    }
}

/* The different sets of port numbers among the pods; one unless target ports are named. */
static size_t port_sets(struct slice_plan *p, struct value *sets, size_t max)
{
    bool is_named = service_has_named_ports(p->sync->object);
    size_t count = 0;
    for (struct service_pod_cursor i = service_members_first(p->members, p->sync->key); i.member;
         service_members_next(&i)) {
        if (!i.member->has_endpoint)
            continue;
        struct value ports = ports_of(p->sync->object, i.member->pod);
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

static struct slice_plan plan_new(struct sync *s, const struct service_changes *changes)
{
    struct endpointslice_state *state = s->controller->state;
    struct informer *slices = controller_informer(s->controller, RESOURCE_endpointslices);
    struct slice_plan p = {.sync = s, .members = state->members, .max = 100};
    if (s->controller->flags)
        p.max = (size_t)s->controller->flags->max_endpoints_per_slice;
    size_t pods = service_members_count(p.members, s->key), existing = 0;
    struct str term = sync_subject(s);
    struct informer_cursor i;
    for (i = informer_first_with(slices, state->by_service, term); i.key; informer_next(&i))
        existing++;
    p.is_whole = changes->is_whole || existing == 0 || service_has_named_ports(s->object) ||
                 service_members_counts(p.members, s->key).endpoints == 0;
    p.candidates = arena_array(s->step->scratch, struct service_member *,
                               (p.is_whole ? pods : changes->count) + 1);
    p.drafts =
        arena_array(s->step->scratch, struct draft, existing + pods / p.max + 1 + PORT_SETS_MAX);
    for (i = informer_first_with(slices, state->by_service, term); i.key; informer_next(&i))
        if (!object_is_deleting(i.object))
            p.drafts[p.draft_count++] = (struct draft){
                .key = i.key, .slice = i.object, .ports = value_get(i.object, ATOM_ports)};
    return p;
}

static void review_slice(struct slice_plan *p, const struct object_key *key)
{
    for (size_t i = 0; key && i < p->draft_count; i++)
        if (p->drafts[i].key == key && !value_is_present(p->drafts[i].endpoints))
            review(p, &p->drafts[i]);
}

/* False: the slices are not of one set of ports, so that the whole must be looked at. */
static bool plan_changes(struct slice_plan *p, const struct service_changes *changes)
{
    struct endpointslice_state *state = p->sync->controller->state;
    p->wanted = ++state->stamp;
    p->placed = ++state->stamp;
    for (size_t i = 0; i < changes->count; i++) {
        struct service_member *m =
            service_members_find(p->members, p->sync->key, changes->items[i].uid);
        if (!m || !m->has_endpoint || m->stamp == p->wanted)
            continue;
        m->stamp = p->wanted;
        p->candidates[p->candidate_count++] = m;
    }
    struct value ports = p->drafts[0].ports;
    bool is_alike = true;
    for (size_t i = 1; i < p->draft_count; i++)
        is_alike = is_alike && value_equal(p->drafts[i].ports, ports);
    if (p->candidate_count > 0) {
        struct value own = ports_of(p->sync->object, p->candidates[0]->pod);
        is_alike = is_alike && value_equal(own, ports);
        value_drop(own);
    }
    if (!is_alike)
        return false;
    for (size_t i = 0; i < changes->count; i++)
        review_slice(p, changes->items[i].slice);
    for (size_t i = 0; i < p->candidate_count; i++)
        review_slice(p, p->candidates[i]->slice);
    place_all(p, ports);
    return true;
}

static size_t plan_whole(struct slice_plan *p, struct value *sets)
{
    size_t set_count = port_sets(p, sets, PORT_SETS_MAX);
    for (size_t i = 0; i < set_count; i++) {
        gather(p, sets[i], set_count > 1);
        for (size_t n = 0; n < p->draft_count; n++)
            if (p->drafts[n].key && value_equal(p->drafts[n].ports, sets[i]))
                review(p, &p->drafts[n]);
        place_all(p, sets[i]);
    }
    for (size_t i = 0; i < p->draft_count; i++)
        if (!value_is_present(p->drafts[i].endpoints))
            p->drafts[i].endpoints = value_array(); /* of other ports: nothing of it stays */
    return set_count;
}

/* ---- the loop ---- */

static void tell(struct sync *s, const struct slice_plan *p, const struct service_changes *changes)
{
    AUTO(text) struct text story = {0};
    bool is_new = true;
    for (size_t i = 0; i < p->draft_count; i++)
        is_new = is_new && value_count(value_get(p->drafts[i].slice, ATOM_endpoints)) == 0;
    bool is_told = service_members_tell(p->members, s->key, changes, is_new, &story);
    if (is_told && !VALUE_BOOL_AT(s->object, spec, publishNotReadyAddresses))
        sync_trace(s, "%s", text_c(&story));
}

static void reconcile(struct sync *s, struct service_changes *changes)
{
    struct value sets[PORT_SETS_MAX];
    size_t set_count = 0;
    struct slice_plan p = plan_new(s, changes);
    tell(s, &p, changes);
    if (!p.is_whole && !plan_changes(&p, changes)) {
        changes->is_whole = true;
        p = plan_new(s, changes);
    }
    if (p.is_whole)
        set_count = plan_whole(&p, sets);
    struct value trigger = service_trigger_time(p.members, s->key, s->object, changes);
    write_plan(&p, trigger);
    value_drop(trigger);
    for (size_t i = 0; i < p.draft_count; i++)
        value_drop(p.drafts[i].endpoints);
    for (size_t i = 0; i < set_count; i++)
        value_drop(sets[i]);
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
    struct service_changes changes = service_members_take_changes(state->members, s->key);
    if (changes.count > 0 || changes.is_whole)
        reconcile(s, &changes);
    service_changes_release(&changes);
    return sync_wait(s, 1);
}
