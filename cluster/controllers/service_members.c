/* SPDX-License-Identifier: Apache-2.0
 *
 * "The set of Pods targeted by a Service is usually determined by a selector that you define"
 * [doc:service]. With many Services and pods in one namespace neither a sync may go through all
 * pods nor a pod event through all Services. So:
 *   - Services are found by the first label of their selector (an index of the informer): a pod
 *     asks once per label;
 *   - each Service has the ordered set of its pods, changed by the pod's events and rebuilt when
 *     the selector changes.
 *
 * Invariant: a set equals { pod in the cache : selector matches its labels }.
 *
 * Upstream: pkg/controller/util/endpoint (GetPodServiceMemberships, GetServicesToUpdateOnPodChange,
 * TriggerTimeTracker), pkg/api/v1/pod FindPort.
 */
#include "sim/base/base.h"

#include "cluster/controllers/service_members.h"

#include "cluster/api/object.h"
#include "cluster/controllers/claim.h"
#include "cluster/controllers/pod_state.h"
#include "sim/base/mem.h"

struct member {
    const struct object_key *key;
    int64_t trigger_ns; /* when its readiness last changed, as a sync saw it */
};
struct member_set {
    const struct object_key *service;
    struct member_set *before, *after;
    struct map pods; /* struct member, ordered by key */
    bool has_been_synced;
};
struct service_members {
    struct index by_service;
    struct member_set *all;
    informer_index by_first_label; /* of Services */
};

static bool is_of_service(const void *probe, const void *item)
{
    return ((const struct member_set *)item)->service == probe;
}

static void terms_first_label(struct value service, informer_emit_fn emit, void *sink)
{
    struct value selector = VALUE_GET(service, spec, selector);
    if (value_count(selector) == 0)
        return;
    AUTO(text) struct text t = {0};
    text_add(&t, value_str(object_namespace(service)));
    text_add_byte(&t, '/');
    text_add(&t, value_key_at(selector, 0));
    text_add_byte(&t, '=');
    text_add(&t, value_str(value_member_at(selector, 0)));
    emit(sink, text_str(&t));
}

struct service_members *service_members_new(struct controller *c)
{
    struct service_members *m = mem_new(struct service_members);
    m->by_service.equal = is_of_service;
    m->by_first_label =
        informer_add_index(controller_informer(c, RESOURCE_services), terms_first_label);
    return m;
}

/* A probe is a member or begins as one: with the pointer to a key. */
static int by_key(const void *probe, const void *item)
{
    const struct member *a = probe, *b = item;
    return object_key_compare(a->key, b->key);
}

static void member_add(struct member_set *set, const struct object_key *key)
{
    struct member *member = mem_new(struct member);
    member->key = object_key_ref(key);
    CHECK(map_put(&set->pods, member) == NULL);
}

static void member_free(struct member *member)
{
    object_key_unref(member->key);
    mem_free(member);
}

static void empty(struct member_set *set)
{
    for (struct map_cursor i = map_first(&set->pods); i.item; map_next(&i))
        member_free(i.item);
    map_release(&set->pods);
    set->pods = (struct map){.compare = by_key};
}

static void set_free(struct service_members *m, struct member_set *set)
{
    if (set->before)
        set->before->after = set->after;
    else
        m->all = set->after;
    if (set->after)
        set->after->before = set->before;
    index_remove(&m->by_service, set->service->hash, set->service);
    empty(set);
    object_key_unref(set->service);
    mem_free(set);
}

void service_members_free(struct service_members *m)
{
    if (!m)
        return;
    while (m->all)
        set_free(m, m->all);
    index_release(&m->by_service);
    mem_free(m);
}

static struct member_set *set_find(const struct service_members *m,
                                   const struct object_key *service)
{
    return index_get(&m->by_service, service->hash, service);
}

static struct member_set *set_of(struct service_members *m, const struct object_key *service)
{
    struct member_set *set = set_find(m, service);
    if (set)
        return set;
    set = mem_new(struct member_set);
    set->service = object_key_ref(service);
    set->pods.compare = by_key;
    set->after = m->all;
    if (m->all)
        m->all->before = set;
    m->all = set;
    index_put(&m->by_service, service->hash, service, set);
    return set;
}

void service_members_see_service(struct service_members *m, struct controller *c, struct step *step,
                                 const struct object_key *key, struct value before,
                                 struct value after)
{
    controller_enqueue(c, step, key);
    struct value selector = VALUE_GET(after, spec, selector);
    if (!value_is_present(after)) {
        struct member_set *set = set_find(m, key);
        if (set)
            set_free(m, set);
        return;
    }
    if (value_is_present(before) && value_equal(selector, VALUE_GET(before, spec, selector)))
        return;
    struct member_set *set = set_of(m, key);
    empty(set);
    if (value_count(selector) == 0)
        return;
    struct informer_cursor i =
        informer_first(controller_informer(c, RESOURCE_pods), key->namespace);
    for (; i.key; informer_next(&i))
        if (selector_map_matches(selector, object_labels(i.object)))
            member_add(set, i.key);
}

/* What an endpoint shows of a pod, so that other changes of it wake nobody. */
static bool looks_alike(struct value before, struct value after)
{
    return pod_is_ready(before) == pod_is_ready(after) &&
           object_is_deleting(before) == object_is_deleting(after) &&
           pod_is_finished(before) == pod_is_finished(after) &&
           value_equal(VALUE_GET(before, status, podIP), VALUE_GET(after, status, podIP)) &&
           value_equal(VALUE_GET(before, spec, nodeName), VALUE_GET(after, spec, nodeName)) &&
           value_equal(object_labels(before), object_labels(after));
}

static void place(struct service_members *m, const struct object_key *service,
                  const struct object_key *pod_key, bool is_member)
{
    struct member_set *set = set_of(m, service);
    struct member *present = map_get(&set->pods, &(struct member){.key = pod_key});
    if (is_member && !present) {
        member_add(set, pod_key);
    } else if (!is_member && present) {
        map_remove(&set->pods, present);
        member_free(present);
    }
}

static void visit_services_of(struct service_members *m, struct controller *c, struct step *step,
                              const struct object_key *pod_key, struct value labels,
                              struct value labels_now)
{
    struct informer *services = controller_informer(c, RESOURCE_services);
    AUTO(text) struct text t = {0};
    for (size_t n = 0; n < value_count(labels); n++) {
        text_clear(&t);
        text_add(&t, pod_key->namespace);
        text_add_byte(&t, '/');
        text_add(&t, value_key_at(labels, n));
        text_add_byte(&t, '=');
        text_add(&t, value_str(value_member_at(labels, n)));
        struct informer_cursor i = informer_first_with(services, m->by_first_label, text_str(&t));
        for (; i.key; informer_next(&i)) {
            struct value selector = VALUE_GET(i.object, spec, selector);
            if (!selector_map_matches(selector, labels))
                continue;
            place(m, i.key, pod_key, selector_map_matches(selector, labels_now));
            controller_enqueue(c, step, i.key);
        }
    }
}

void service_members_see_pod(struct service_members *m, struct controller *c, struct step *step,
                             const struct object_key *key, struct value before, struct value after)
{
    if (informer_count(controller_informer(c, RESOURCE_services)) == 0)
        return;
    if (value_is_present(before) && value_is_present(after) && looks_alike(before, after))
        return;
    struct value labels_now = object_labels(after);
    if (value_is_present(before) && !value_equal(object_labels(before), labels_now))
        visit_services_of(m, c, step, key, object_labels(before), labels_now);
    if (value_is_present(after))
        visit_services_of(m, c, step, key, labels_now, labels_now);
}

static void settle(struct service_pod_cursor *c)
{
    for (; c->position.item; map_next(&c->position)) {
        const struct member *member = c->position.item;
        c->key = member->key;
        c->pod = informer_get(c->pods, c->key);
        if (value_is_present(c->pod))
            return;
    }
    c->key = NULL;
}

struct service_pod_cursor service_members_first(struct service_members *m, struct controller *c,
                                                const struct object_key *service)
{
    struct member_set *set = set_find(m, service);
    struct service_pod_cursor cursor = {.pods = controller_informer(c, RESOURCE_pods)};
    if (set)
        cursor.position = map_first(&set->pods);
    settle(&cursor);
    return cursor;
}

void service_members_next(struct service_pod_cursor *c)
{
    map_next(&c->position);
    settle(c);
}

/* ---- what both kinds of endpoints are made from ---- */

bool pod_has_endpoint(struct value pod, bool include_terminating)
{
    return !pod_is_finished(pod) && VALUE_STR(pod, status, podIP).size > 0 &&
           (include_terminating || !object_is_deleting(pod));
}

static bool find_named_port(struct value containers, struct value name, struct value protocol,
                            int64_t *ret_port)
{
    for (size_t i = 0; i < value_count(containers); i++) {
        struct value ports = value_get(value_at(containers, i), ATOM_ports);
        for (size_t n = 0; n < value_count(ports); n++) {
            struct value port = value_at(ports, n);
            if (!value_equal(value_get(port, ATOM_name), name) ||
                !value_equal(value_get(port, ATOM_protocol), protocol))
                continue;
            *ret_port = VALUE_INT(port, 0, containerPort);
            return true;
        }
    }
    return false;
}

bool service_target_port(struct value service_port, struct value pod, int64_t *ret_port)
{
    struct value target = value_get(service_port, ATOM_targetPort);
    if (value_kind(target) == VALUE_STRING)
        return find_named_port(VALUE_GET(pod, spec, containers), target,
                               value_get(service_port, ATOM_protocol), ret_port);
    *ret_port = value_as_integer(target, 0);
    if (*ret_port == 0)
        *ret_port = VALUE_INT(service_port, 0, port);
    return true;
}

bool service_has_named_ports(struct value service)
{
    struct value ports = VALUE_GET(service, spec, ports);
    for (size_t i = 0; i < value_count(ports); i++)
        if (value_kind(value_get(value_at(ports, i), ATOM_targetPort)) == VALUE_STRING)
            return true;
    return false;
}

bool service_is_headless(struct value service)
{
    return VALUE_IS(service, "None", spec, clusterIP);
}

struct value service_endpoint_hostname(struct value service, struct value pod)
{
    struct value hostname = VALUE_GET(pod, spec, hostname);
    bool is_shown = value_str(hostname).size > 0 &&
                    value_equal(VALUE_GET(pod, spec, subdomain), object_name(service));
    return is_shown ? hostname : VALUE_ABSENT;
}

struct value service_trigger_time(struct service_members *m, struct controller *c,
                                  const struct object_key *service, struct value service_object)
{
    struct member_set *set = set_of(m, service);
    struct wall_time earliest = {0}, t;
    for (struct service_pod_cursor i = service_members_first(m, c, service); i.key;
         service_members_next(&i)) {
        struct member *member = i.position.item;
        struct value ready = condition_find(VALUE_GET(i.pod, status, conditions), "Ready");
        if (!time_parse(value_get(ready, ATOM_lastTransitionTime), &t))
            continue;
        if (t.unix_ns > member->trigger_ns &&
            (earliest.unix_ns == 0 || t.unix_ns < earliest.unix_ns))
            earliest = t;
        member->trigger_ns = t.unix_ns;
    }
    if (!set->has_been_synced) {
        set->has_been_synced = true;
        return value_keep(VALUE_GET(service_object, metadata, creationTimestamp));
    }
    return earliest.unix_ns ? time_value(earliest) : VALUE_ABSENT;
}
