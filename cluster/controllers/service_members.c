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
 *   - of each pod its record keeps what endpoints show, so that a sync reads no objects; and which
 *     pods have changed since the last sync is known, so that it need not look at the others.
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
#include "sim/base/vec.h"

struct member_set {
    const struct object_key *service;
    struct member_set *before, *after;
    struct map members; /* struct service_member, ordered by key */
    struct index by_uid;
    VEC(struct service_change) changes;
    bool is_whole;
    bool has_been_synced;
    struct service_counts counts, told;
    bool has_told;
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

static int by_key(const void *a, const void *b)
{
    return object_key_compare(((const struct service_member *)a)->key,
                              ((const struct service_member *)b)->key);
}

static bool has_uid(const void *probe, const void *item)
{
    return value_equal(*(const struct value *)probe, ((const struct service_member *)item)->uid);
}

static void member_free(struct service_member *member)
{
    object_key_unref(member->key);
    object_key_unref(member->slice);
    value_drop(member->pod);
    mem_free(member);
}

static void change_release(struct service_change *change)
{
    object_key_unref(change->key);
    object_key_unref(change->slice);
    value_drop(change->uid);
}

static void empty(struct member_set *set)
{
    for (struct map_cursor i = map_first(&set->members); i.item; map_next(&i))
        member_free(i.item);
    map_release(&set->members);
    index_release(&set->by_uid);
    for (size_t i = 0; i < set->changes.count; i++)
        change_release(&set->changes.items[i]);
    vec_clear(&set->changes);
    set->members = (struct map){.compare = by_key};
    set->by_uid = (struct index){.equal = has_uid};
    set->counts = (struct service_counts){0};
    set->is_whole = true;
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
    vec_release(&set->changes);
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
    empty(set);
    set->after = m->all;
    if (m->all)
        m->all->before = set;
    m->all = set;
    index_put(&m->by_service, service->hash, service, set);
    return set;
}

/* ---- records ---- */

/* What the record adds to the counts, or takes from them. */
static void count(struct member_set *set, const struct service_member *member, bool adds)
{
    if (!member->has_endpoint)
        return;
    size_t is_ready = member->is_ready && !member->is_deleting;
    set->counts.endpoints = adds ? set->counts.endpoints + 1 : set->counts.endpoints - 1;
    set->counts.ready = adds ? set->counts.ready + is_ready : set->counts.ready - is_ready;
}

static void note_change(struct member_set *set, struct service_member *member, bool is_gone)
{
    if (member->is_changed && !is_gone)
        return;
    member->is_changed = true;
    vec_push(&set->changes,
             (struct service_change){.uid = value_keep(member->uid),
                                     .key = object_key_ref(member->key),
                                     .slice = member->slice ? object_key_ref(member->slice) : NULL,
                                     .was_ready = member->was_told_ready});
}

static void read_facts(struct service_member *member, struct value pod)
{
    struct wall_time t;
    struct value ready = condition_find(VALUE_GET(pod, status, conditions), "Ready");
    value_drop(member->pod);
    member->pod = value_keep(pod);
    member->uid = object_uid(pod);
    member->ip = VALUE_GET(pod, status, podIP);
    member->node_name = VALUE_GET(pod, spec, nodeName);
    member->is_ready = pod_is_ready(pod);
    member->is_deleting = object_is_deleting(pod);
    member->has_endpoint = pod_has_endpoint(pod, true);
    member->ready_change_ns =
        time_parse(value_get(ready, ATOM_lastTransitionTime), &t) ? t.unix_ns : 0;
}

static void take_out(struct member_set *set, struct service_member *member)
{
    count(set, member, false);
    note_change(set, member, true);
    map_remove(&set->members, member);
    index_remove(&set->by_uid, value_hash(member->uid), &member->uid);
    member_free(member);
}

/* The pod as it is; absent, or not selected: it is no member (any more). */
static void place(struct member_set *set, const struct object_key *key, struct value pod,
                  bool is_member)
{
    struct service_member *member = map_get(&set->members, &(struct service_member){.key = key});
    if (member && (!is_member || !value_equal(member->uid, object_uid(pod)))) {
        take_out(set, member);
        member = NULL;
    }
    if (!is_member)
        return;
    if (!member) {
        member = mem_new(struct service_member);
        member->key = object_key_ref(key);
        read_facts(member, pod);
        map_put(&set->members, member);
        index_put(&set->by_uid, value_hash(member->uid), &member->uid, member);
    } else {
        count(set, member, false);
        read_facts(member, pod);
    }
    count(set, member, true);
    note_change(set, member, false);
}

/* ---- events ---- */

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
    struct member_set *set = set_of(m, key);
    set->is_whole = true;
    if (value_is_present(before) && value_equal(selector, VALUE_GET(before, spec, selector)))
        return;
    empty(set);
    if (value_count(selector) == 0)
        return;
    struct informer_cursor i =
        informer_first(controller_informer(c, RESOURCE_pods), key->namespace);
    for (; i.key; informer_next(&i))
        if (selector_map_matches(selector, object_labels(i.object)))
            place(set, i.key, i.object, true);
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

static void visit_services_of(struct service_members *m, struct controller *c, struct step *step,
                              const struct object_key *pod_key, struct value labels,
                              struct value pod_now)
{
    struct value labels_now = object_labels(pod_now);
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
            place(set_of(m, i.key), pod_key, pod_now, selector_map_matches(selector, labels_now));
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
        visit_services_of(m, c, step, key, object_labels(before), after);
    if (value_is_present(after))
        visit_services_of(m, c, step, key, labels_now, after);
}

/* ---- looking ---- */

struct service_pod_cursor service_members_first(struct service_members *m,
                                                const struct object_key *service)
{
    struct member_set *set = set_find(m, service);
    struct service_pod_cursor cursor = {0};
    if (set)
        cursor.position = map_first(&set->members);
    cursor.member = cursor.position.item;
    return cursor;
}

void service_members_next(struct service_pod_cursor *c)
{
    map_next(&c->position);
    c->member = c->position.item;
}

struct service_member *service_members_find(struct service_members *m,
                                            const struct object_key *service, struct value uid)
{
    struct member_set *set = set_find(m, service);
    return set ? index_get(&set->by_uid, value_hash(uid), &uid) : NULL;
}

void service_member_set_slice(struct service_member *member, const struct object_key *slice_key)
{
    if (member->slice == slice_key)
        return;
    object_key_unref(member->slice);
    member->slice = slice_key ? object_key_ref(slice_key) : NULL;
}

/* One that two slices hold is put right by a look at the whole. */
void service_members_see_slice(struct service_members *m, const struct object_key *service,
                               const struct object_key *slice_key, struct value before,
                               struct value after)
{
    if (!set_find(m, service))
        return;
    struct value old = value_get(before, ATOM_endpoints), new = value_get(after, ATOM_endpoints);
    for (size_t i = 0; i < value_count(old); i++) {
        struct value uid = VALUE_GET(value_at(old, i), targetRef, uid);
        struct service_member *member = service_members_find(m, service, uid);
        if (member && member->slice == slice_key)
            service_member_set_slice(member, NULL);
    }
    for (size_t i = 0; i < value_count(new); i++) {
        struct value uid = VALUE_GET(value_at(new, i), targetRef, uid);
        struct service_member *member = service_members_find(m, service, uid);
        if (member && member->slice)
            service_members_look_whole(m, service);
        if (member)
            service_member_set_slice(member, slice_key);
    }
}

size_t service_members_count(struct service_members *m, const struct object_key *service)
{
    struct member_set *set = set_find(m, service);
    return set ? set->members.count : 0;
}

struct service_counts service_members_counts(struct service_members *m,
                                             const struct object_key *service)
{
    struct member_set *set = set_find(m, service);
    return set ? set->counts : (struct service_counts){0};
}

void service_members_look_whole(struct service_members *m, const struct object_key *service)
{
    struct member_set *set = set_find(m, service);
    if (set)
        set->is_whole = true;
}

struct service_changes service_members_take_changes(struct service_members *m,
                                                    const struct object_key *service)
{
    struct member_set *set = set_of(m, service);
    struct service_changes taken = {
        .items = set->changes.items, .count = set->changes.count, .is_whole = set->is_whole};
    memset(&set->changes, 0, sizeof(set->changes));
    set->is_whole = false;
    for (size_t i = 0; i < taken.count; i++) {
        struct service_member *member = service_members_find(m, service, taken.items[i].uid);
        if (member)
            member->is_changed = false;
    }
    return taken;
}

void service_changes_release(struct service_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        change_release(&changes->items[i]);
    mem_free(changes->items);
    *changes = (struct service_changes){0};
}

/* ---- the story of a Service ---- */

static bool serves(const struct service_member *member)
{
    return member && member->has_endpoint && member->is_ready && !member->is_deleting;
}

static const char *what_became_of(const struct service_change *change,
                                  const struct service_member *member)
{
    if (serves(member) == change->was_ready)
        return NULL;
    return serves(member)        ? "is ready"
           : !member             ? "is gone"
           : member->is_deleting ? "is being deleted"
                                 : "is not ready any more";
}

bool service_members_tell(struct service_members *m, const struct object_key *service,
                          const struct service_changes *changes, bool is_new, struct text *story)
{
    struct member_set *set = set_of(m, service);
    size_t causes = 0;
    AUTO(text) struct text cause = {0};
    for (size_t i = 0; i < changes->count; i++) {
        const struct service_change *change = &changes->items[i];
        struct service_member *member = service_members_find(m, service, change->uid);
        const char *what = what_became_of(change, member);
        if (member)
            member->was_told_ready = serves(member);
        if (what && causes++ == 0)
            text_printf(&cause, "%.*s %s", STR_ARG(change->key->name), what);
    }
    bool is_worth_it = set->has_told ? causes > 0 || set->counts.ready != set->told.ready
                                     : is_new && set->counts.endpoints > 0;
    set->told = set->counts;
    set->has_told = true;
    if (!is_worth_it)
        return false;
    text_printf(story, "%zu of %zu endpoints ready", set->counts.ready, set->counts.endpoints);
    if (causes > 0)
        text_printf(story, " (%s", text_c(&cause));
    if (causes > 1)
        text_printf(story, ", and %zu more", causes - 1);
    if (causes > 0)
        text_add_byte(story, ')');
    return true;
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

struct value service_trigger_time(struct service_members *m, const struct object_key *service,
                                  struct value service_object,
                                  const struct service_changes *changes)
{
    struct member_set *set = set_of(m, service);
    struct wall_time earliest = {0};
    for (size_t i = 0; i < changes->count; i++) {
        struct service_member *member = service_members_find(m, service, changes->items[i].uid);
        if (!member || member->ready_change_ns == 0)
            continue;
        int64_t at = member->ready_change_ns;
        if (at > member->trigger_ns && (earliest.unix_ns == 0 || at < earliest.unix_ns))
            earliest.unix_ns = at;
        member->trigger_ns = at;
    }
    if (!set->has_been_synced) {
        set->has_been_synced = true;
        return value_keep(VALUE_GET(service_object, metadata, creationTimestamp));
    }
    return earliest.unix_ns ? time_value(earliest) : VALUE_ABSENT;
}
