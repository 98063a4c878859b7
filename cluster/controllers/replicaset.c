/* SPDX-License-Identifier: Apache-2.0
 *
 * "A ReplicaSet's purpose is to maintain a stable set of replica Pods running at any given time."
 * It watches ReplicaSets and Pods, owns the pods whose controller reference names it, and writes
 * pods (create, delete, adopt, release) and its own status. The same loop serves
 * ReplicationControllers (replicationcontroller.c), as upstream's adapter does.
 *
 * Obeyed here: it acquires pods without a controller that match its selector; it creates from the
 * template up to `replicas`; it deletes what is above, in a documented order
 * [doc:replicaset#how-it-works, #scaling-a-replicaset].
 *
 * Upstream: syncReplicaSet = replicaset_sync; claimPods = claim_begin, claim_send; manageReplicas =
 * manage; getPodsToDelete = delete_surplus with rank_for_deletion; calculateStatus and
 * updateReplicaSetStatus = status_of and write_status.
 *
 * Phases: 0 observe and claim; 1 the fresh read before an adoption; 2 create or delete; 3 its
 * answers, then status; 4 to 6 the status' answers.
 *
 * If an answer never comes (code 0) the pod may exist: the expectation for it is lowered as for a
 * failure, the key is retried, and by then the cache usually shows it. That is upstream's
 * behaviour, and so is the possible surplus.
 *
 * Invariants checkers hold: no pod is created while an expectation is open; live pods <= replicas +
 * what a stale cache hides.
 */
#include "sim/base/base.h"

#include "cluster/controllers/replicaset.h"

#include "cluster/api/status.h"
#include "cluster/controllers/claim.h"
#include "cluster/controllers/pod_state.h"
#include "sim/base/hash.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

const struct controller_info replicaset_controller = {
    .name = "replicaset-controller",
    .primary = RESOURCE_replicasets,
    .watches = {{RESOURCE_replicasets, controller_wake_itself},
                {RESOURCE_pods, replicaset_wake_for_pod}},
    .watch_count = 2,
    .sync = replicaset_sync,
    .workers = 5,
    .new_state = replicaset_new_state,
    .free_state = replicaset_free_state,
};

#define BURST_REPLICAS 500

enum {
    PHASE_OBSERVE,
    PHASE_CLAIM,
    PHASE_MANAGE,
    PHASE_ANSWERS,
    PHASE_STATUS,
    PHASE_STATUS_READ, /* the fresh copy to try once more with */
    PHASE_STATUS_AGAIN,
};
enum { TAG_OWNER, TAG_ADOPT, TAG_RELEASE, TAG_CREATE, TAG_DELETE, TAG_STATUS };

struct replicaset_state {
    struct expectations *expectations;
    struct replica_tally *tally;
    informer_index pods_by_owner, pods_orphaned, owners_by_controller;
};
/* What a status counts. */
struct replica_status {
    int64_t replicas, fully_labeled, ready, available, terminating;
    struct duration available_in; /* when the next ready pod becomes available; 0: none waits */
};
/* Of one sync, between its phases. */
struct replicaset_memory {
    struct replica_status counted; /* before it acts: the status tells what the sync found */
    int64_t adopted;
    int64_t released;
    int diff; /* active - replicas when acting; 0: nothing was done */
    bool act;
    struct value status; /* as it is written; kept by the sync */
    char failure[256];   /* of a create or delete, for the condition; empty: none */
    bool is_failed;
};

static enum sync_result claim_begin(struct sync *s, struct value rs);
static enum sync_result claim_send(struct sync *s, struct value rs);
static enum sync_result manage(struct sync *s, struct value rs);
static enum sync_result handle_answers(struct sync *s, struct value rs);
static struct replica_status status_of(struct sync *s, struct value rs);
static enum sync_result write_status(struct sync *s, struct value rs);
static enum sync_result after_status(struct sync *s);
static enum sync_result write_status_again(struct sync *s);
static enum sync_result finish(struct sync *s);

/* ---- state ---- */

void *replicaset_new_state(struct controller *c, struct step *step)
{
    (void)step;
    struct replicaset_state *state = mem_new(struct replicaset_state);
    struct informer *pods = controller_informer(c, RESOURCE_pods);
    state->expectations = expectations_new();
    state->tally = replica_tally_new();
    state->pods_by_owner = informer_add_index(pods, informer_terms_controller_uid);
    state->pods_orphaned = informer_add_index(pods, informer_terms_orphan);
    state->owners_by_controller =
        informer_add_index(controller_informer(c, c->info->primary), informer_terms_controller_uid);
    return state;
}

void replicaset_free_state(void *pointer)
{
    struct replicaset_state *state = pointer;
    expectations_free(state->expectations);
    replica_tally_free(state->tally);
    mem_free(state);
}

static struct replicaset_state *state_of(struct controller *c)
{
    return c->state;
}

static bool owner_matches(const struct controller *c, struct value owner, struct value labels)
{
    struct value selector = VALUE_GET(owner, spec, selector);
    return c->info->primary == RESOURCE_replicationcontrollers
               ? selector_map_matches(selector, labels)
               : selector_matches(selector, labels);
}

/* ---- waking up ---- */

static bool is_controlled_by_our_kind(const struct controller *c, struct value pod)
{
    struct value reference = object_controller_ref(pod);
    return str_equal(VALUE_STR(reference, kind), resource_get(c->info->primary)->kind);
}

/* A pod without controller wakes every one that might adopt it. */
static void wake_adopters(struct controller *c, struct step *step, struct value pod)
{
    struct str namespace = value_str(object_namespace(pod));
    struct informer *owners = controller_informer(c, c->info->primary);
    for (struct informer_cursor i = informer_first(owners, namespace); i.key; informer_next(&i))
        if (owner_matches(c, i.object, object_labels(pod)))
            controller_enqueue(c, step, i.key);
}

static void observe_expectations(struct controller *c, const struct object_key *owner,
                                 const struct object_key *pod_key, struct value before,
                                 struct value after)
{
    struct expectations *e = state_of(c)->expectations;
    bool is_going = !value_is_present(after) || object_is_deleting(after);
    if (is_going)
        expectations_deletion_of_observed(e, owner, pod_key);
    else if (!value_is_present(before))
        expectations_creation_observed(e, owner);
}

void replicaset_wake_for_pod(struct controller *c, struct step *step, const struct object_key *key,
                             struct value before, struct value after)
{
    struct value pod = value_is_present(after) ? after : before;
    bool is_owned = is_controlled_by_our_kind(c, pod);
    bool has_changed = replica_tally_see(state_of(c)->tally, key, after, is_owned);
    if (value_is_present(before) && value_is_present(after) &&
        !value_equal(object_controller_ref(before), object_controller_ref(after))) {
        controller_wake_owner(c, step, key, before, VALUE_ABSENT);
        has_changed = true;
    }
    if (value_is_present(before) && value_is_present(after) &&
        !value_equal(object_labels(before), object_labels(after)))
        has_changed = true;
    if (is_owned) {
        const struct object_key *owner = controller_owner_key(c, pod, object_controller_ref(pod));
        if (!owner)
            return;
        observe_expectations(c, owner, key, before, after);
        /* The status follows from the counts alone, unless readiness must last for a while. */
        struct value rs = informer_get(controller_informer(c, c->info->primary), owner);
        if (has_changed || VALUE_INT(rs, 0, spec, minReadySeconds) > 0)
            controller_enqueue(c, step, owner);
        object_key_unref(owner);
    } else if (value_is_present(after) && !value_is_present(object_controller_ref(after)) &&
               !object_is_deleting(after)) {
        if (!value_is_present(before) ||
            !value_equal(object_labels(before), object_labels(after)) || has_changed)
            wake_adopters(c, step, after);
    }
}

/* ---- the loop ---- */

enum sync_result replicaset_sync(struct sync *s)
{
    struct controller *c = s->controller;
    struct value rs = s->object;
    if (!value_is_present(rs)) {
        expectations_forget(state_of(c)->expectations, s->key);
        return SYNC_DONE;
    }
    switch (s->phase) {
    case PHASE_OBSERVE:
        return claim_begin(s, rs);
    case PHASE_CLAIM:
        return claim_send(s, rs);
    case PHASE_MANAGE:
        return manage(s, rs);
    case PHASE_ANSWERS:
        return handle_answers(s, rs);
    case PHASE_STATUS:
        return after_status(s);
    case PHASE_STATUS_READ:
        return write_status_again(s);
    default:
        return finish(s);
    }
}

/* ---- claiming ---- */

static struct replicaset_memory *memory_of(struct sync *s)
{
    return sync_memory(s, sizeof(struct replicaset_memory));
}

static struct informer_cursor owned_pods(struct sync *s, struct value rs)
{
    return informer_first_with(controller_informer(s->controller, RESOURCE_pods),
                               state_of(s->controller)->pods_by_owner, value_str(object_uid(rs)));
}

static struct informer_cursor orphans(struct sync *s)
{
    return informer_first_with(controller_informer(s->controller, RESOURCE_pods),
                               state_of(s->controller)->pods_orphaned, s->key->namespace);
}

static bool has_orphan_to_adopt(struct sync *s, struct value rs)
{
    for (struct informer_cursor i = orphans(s); i.key; informer_next(&i))
        if (!object_is_deleting(i.object) &&
            owner_matches(s->controller, rs, object_labels(i.object)))
            return true;
    return false;
}

static bool has_to_release(struct sync *s, struct value rs)
{
    const struct replica_counts *sets;
    size_t count = replica_tally_of(state_of(s->controller)->tally, object_uid(rs), &sets);
    for (size_t i = 0; i < count; i++)
        if (sets[i].pods > 0 && !owner_matches(s->controller, rs, sets[i].labels))
            return true;
    return false;
}

static int64_t count_active(struct sync *s, struct value rs)
{
    const struct replica_counts *sets;
    size_t count = replica_tally_of(state_of(s->controller)->tally, object_uid(rs), &sets);
    int64_t active = 0;
    for (size_t i = 0; i < count; i++)
        active += sets[i].active;
    return active;
}

static enum sync_result claim_begin(struct sync *s, struct value rs)
{
    struct replicaset_memory *m = memory_of(s);
    m->act = expectations_satisfied(state_of(s->controller)->expectations, s->key, s->step->now);
    if (object_is_deleting(rs))
        return manage(s, rs);
    if (has_orphan_to_adopt(s, rs)) {
        sync_send(s, request_for_key(VERB_GET, s->key), TAG_OWNER);
        return sync_wait(s, PHASE_CLAIM);
    }
    return has_to_release(s, rs) ? claim_send(s, rs) : manage(s, rs);
}

static enum sync_result claim_send(struct sync *s, struct value rs)
{
    struct replicaset_memory *m = memory_of(s);
    if (s->answer_count == 1) {
        const struct answer *fresh = &s->answers[0];
        if (!answer_ok(fresh))
            return sync_retry_answer(s, fresh);
        if (!value_equal(object_uid(fresh->body), object_uid(rs)) ||
            object_is_deleting(fresh->body))
            return sync_retry(s, "cannot adopt: it is being deleted or is another by now");
        for (struct informer_cursor i = orphans(s); i.key; informer_next(&i)) {
            if (object_is_deleting(i.object) ||
                !owner_matches(s->controller, rs, object_labels(i.object)))
                continue;
            m->adopted += pod_is_active(i.object);
            sync_trace(s, "pod %.*s matches and has no controller -> adopts it",
                       STR_ARG(i.key->name));
            sync_send(s,
                      claim_adopt_request(i.key, i.object,
                                          resource_get(s->controller->info->primary), rs),
                      TAG_ADOPT);
        }
    }
    for (struct informer_cursor i = owned_pods(s, rs); i.key; informer_next(&i)) {
        if (owner_matches(s->controller, rs, object_labels(i.object)))
            continue;
        m->released += pod_is_active(i.object);
        sync_trace(s, "pod %.*s no longer matches -> releases it", STR_ARG(i.key->name));
        sync_send(s, claim_release_request(i.key, i.object, rs), TAG_RELEASE);
    }
    return sync_wait(s, PHASE_MANAGE);
}

static const struct answer *first_failure(const struct sync *s)
{
    for (size_t i = 0; i < s->answer_count; i++)
        if (!answer_ok(&s->answers[i]) && s->answers[i].code != 404 &&
            s->answers[i].tag != TAG_OWNER)
            return &s->answers[i];
    return NULL;
}

/* ---- planning ---- */

struct replica_plan plan_replicas(int64_t replicas, int64_t active)
{
    struct replica_plan plan = {0};
    int64_t missing = replicas - active;
    if (missing > 0)
        plan.create_count = (int)(missing < BURST_REPLICAS ? missing : BURST_REPLICAS);
    else
        plan.delete_count = (int)(-missing < BURST_REPLICAS ? -missing : BURST_REPLICAS);
    return plan;
}

/* Instants are compared by whole powers of two of their age, so that equal-sized groups of old pods
 * are thinned evenly. */
static int by_age(int64_t a_ns, int64_t b_ns, const struct deletion_candidate *a,
                  const struct deletion_candidate *b, struct wall_time now)
{
    if (a_ns == b_ns)
        return 0;
    if (a_ns == 0 || b_ns == 0)
        return a_ns == 0 ? -1 : 1;
    int rank_a = now.unix_ns <= a_ns ? -1 : 63 - __builtin_clzll((uint64_t)(now.unix_ns - a_ns));
    int rank_b = now.unix_ns <= b_ns ? -1 : 63 - __builtin_clzll((uint64_t)(now.unix_ns - b_ns));
    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    return value_compare(a->uid, b->uid);
}

static int by_number(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

int rank_for_deletion(const void *pointer_a, const void *pointer_b, void *context)
{
    const struct deletion_candidate *a = pointer_a, *b = pointer_b;
    const struct wall_time *now = context;
    int order;
    if (a->is_assigned != b->is_assigned) /* not assigned to a node first */
        return a->is_assigned ? 1 : -1;
    if ((order = by_number(a->phase, b->phase))) /* Pending, Unknown, Running */
        return order;
    if (a->is_ready != b->is_ready) /* not ready first */
        return a->is_ready ? 1 : -1;
    if ((order = by_number(a->deletion_cost, b->deletion_cost))) /* lower cost first */
        return order;
    if ((order = by_number(b->related_on_node,
                           a->related_on_node))) /* more of its like on the node first */
        return order;
    if (a->is_ready && (order = by_age(a->ready_since_ns, b->ready_since_ns, a, b,
                                       *now))) /* ready for less time first */
        return order;
    if ((order = by_number(b->restarts, a->restarts))) /* more restarts first */
        return order;
    if ((order = by_age(a->created_ns, b->created_ns, a, b, *now))) /* younger first */
        return order;
    return object_key_compare(a->key, b->key);
}

/* ---- acting ---- */

static struct value pod_from_template(struct sync *s, struct value owner)
{
    struct value template = VALUE_GET(owner, spec, template);
    struct value metadata = value_get(template, ATOM_metadata);
    struct value pod = value_pack(
        "{kind: Pod, apiVersion: v1, metadata: {generateName: %v, namespace: %v, labels: %v, "
        "annotations: %v, finalizers: %v, "
        "ownerReferences: [%v]}, spec: %v}",
        value_printf("%.*s-", STR_ARG(s->key->name)), value_keep(object_namespace(owner)),
        value_keep(value_get(metadata, ATOM_labels)),
        value_keep(value_get(metadata, ATOM_annotations)),
        value_keep(value_get(metadata, ATOM_finalizers)),
        owner_reference_make(resource_get(s->controller->info->primary), owner),
        value_keep(value_get(template, ATOM_spec)));
    return pod;
}

static void create_missing(struct sync *s, struct value rs, int count)
{
    struct value pod = pod_from_template(s, rs);
    expectations_expect(state_of(s->controller)->expectations, s->key, count, 0, s->step->now);
    sync_slow_start(s);
    for (int i = 0; i < count; i++)
        sync_create(s, RESOURCE_pods, value_keep(pod), TAG_CREATE);
    value_drop(pod);
}

static struct deletion_candidate candidate_of(const struct informer_cursor *i)
{
    struct value status = value_get(i->object, ATOM_status);
    struct value phase = value_get(status, ATOM_phase);
    struct deletion_candidate d = {.key = i->key, .pod = i->object, .uid = object_uid(i->object)};
    struct wall_time t;
    d.is_assigned = VALUE_STR(i->object, spec, nodeName).size > 0;
    d.phase = value_is(phase, "Running") ? 2 : value_is(phase, "Unknown") ? 1 : 0;
    d.is_ready = pod_is_ready(i->object);
    struct value cost =
        object_annotation(i->object, S("controller.kubernetes.io/pod-deletion-cost"));
    (void)str_to_int64(value_str(cost), &d.deletion_cost); /* malformed counts as 0 */
    d.ready_since_ns = pod_ready_since(i->object, &t) ? t.unix_ns : 0;
    d.restarts = pod_restarts(i->object);
    d.created_ns =
        time_parse(VALUE_GET(i->object, metadata, creationTimestamp), &t) ? t.unix_ns : 0;
    return d;
}

struct node_count {
    struct value node;
    int64_t count;
};
static bool is_of_node(const void *probe, const void *item)
{
    return value_equal(*(const struct value *)probe, ((const struct node_count *)item)->node);
}

static void count_on_nodes(struct sync *s, struct index *by_node, struct value uid)
{
    struct informer *pods = controller_informer(s->controller, RESOURCE_pods);
    struct informer_cursor i =
        informer_first_with(pods, state_of(s->controller)->pods_by_owner, value_str(uid));
    for (; i.key; informer_next(&i)) {
        struct value node = VALUE_GET(i.object, spec, nodeName);
        if (!value_is_present(node) || !pod_is_active(i.object))
            continue;
        uint64_t hash = hash_bytes(value_str(node));
        struct node_count *n = index_get(by_node, hash, &node);
        if (!n) {
            n = arena_new(s->step->scratch, struct node_count);
            n->node = node;
            index_put(by_node, hash, &node, n);
        }
        n->count++;
    }
}

/* Pods of all owners that share this one's controller (the ReplicaSets of one Deployment) count as
 * related. */
static void count_related(struct sync *s, struct value rs, struct index *by_node)
{
    struct value controller = object_controller_ref(rs);
    if (!value_is_present(controller)) {
        count_on_nodes(s, by_node, object_uid(rs));
        return;
    }
    struct informer *owners = controller_informer(s->controller, s->controller->info->primary);
    struct informer_cursor i =
        informer_first_with(owners, state_of(s->controller)->owners_by_controller,
                            value_str(value_get(controller, ATOM_uid)));
    for (; i.key; informer_next(&i))
        count_on_nodes(s, by_node, object_uid(i.object));
}

static void delete_surplus(struct sync *s, struct value rs, int count)
{
    VEC(struct deletion_candidate) pods = {0};
    struct index by_node = {.equal = is_of_node};
    count_related(s, rs, &by_node);
    for (struct informer_cursor i = owned_pods(s, rs); i.key; informer_next(&i)) {
        if (!pod_is_active(i.object) || !owner_matches(s->controller, rs, object_labels(i.object)))
            continue;
        struct deletion_candidate d = candidate_of(&i);
        struct value node = VALUE_GET(i.object, spec, nodeName);
        const struct node_count *n =
            value_is_present(node) ? index_get(&by_node, hash_bytes(value_str(node)), &node) : NULL;
        d.related_on_node = n ? n->count : 0;
        vec_push(&pods, d);
    }
    index_release(&by_node);
    sort_stable(pods.items, pods.count, sizeof(pods.items[0]), rank_for_deletion, &s->step->wall);
    sync_parallel(s);
    for (size_t n = 0; n < pods.count && n < (size_t)count; n++) {
        expectations_expect_deletion_of(state_of(s->controller)->expectations, s->key,
                                        pods.items[n].key, s->step->now);
        sync_delete(s, pods.items[n].key, VALUE_ABSENT, TAG_DELETE);
    }
    vec_release(&pods);
}

static enum sync_result manage(struct sync *s, struct value rs)
{
    struct replicaset_memory *m = memory_of(s);
    const struct answer *failure = first_failure(s);
    if (failure)
        return sync_retry_answer(s, failure);
    m->counted = status_of(s, rs);
    int64_t replicas = VALUE_INT(rs, 1, spec, replicas);
    int64_t active = count_active(s, rs) + m->adopted - m->released;
    if (!m->act || object_is_deleting(rs) || active == replicas)
        return write_status(s, rs);
    struct replica_plan plan = plan_replicas(replicas, active);
    m->diff = plan.delete_count - plan.create_count;
    if (plan.create_count > 0) {
        sync_trace(s, "%d of %d pods exist -> creates %d", (int)active, (int)replicas,
                   plan.create_count);
        create_missing(s, rs, plan.create_count);
    } else {
        sync_trace(s, "%d pods exist, %d are wanted -> deletes %d", (int)active, (int)replicas,
                   plan.delete_count);
        delete_surplus(s, rs, plan.delete_count);
    }
    return sync_wait(s, PHASE_ANSWERS);
}

/* ---- answers ---- */

static void note_failure(struct replicaset_memory *m, const struct answer *a)
{
    struct str why = VALUE_STR(a->body, message);
    if (why.size == 0)
        why = S("the API server did not answer");
    if (!m->is_failed) {
        size_t size = why.size < sizeof(m->failure) - 1 ? why.size : sizeof(m->failure) - 1;
        memcpy(m->failure, why.bytes, size);
    }
    m->is_failed = true;
}

static void created_or_not(struct sync *s, struct value rs, const struct answer *a)
{
    struct replicaset_memory *m = memory_of(s);
    if (answer_ok(a)) {
        recorder_event(s->controller->recorder, s->step, rs, "Normal", "SuccessfulCreate",
                       "Created pod: %.*s", STR_ARG(value_str(object_name(a->body))));
        return;
    }
    expectations_creation_observed(state_of(s->controller)->expectations, s->key);
    if (a->code < 0 || status_has_cause(a->body, "NamespaceTerminating"))
        return; /* never sent, or hopeless: no event, no retry */
    note_failure(m, a);
    struct str why = VALUE_STR(a->body, message);
    if (a->code != 0)
        recorder_event(s->controller->recorder, s->step, rs, "Warning", "FailedCreate",
                       "Error creating: %.*s", STR_ARG(why));
}

static void deleted_or_not(struct sync *s, struct value rs, const struct answer *a)
{
    if (answer_ok(a)) {
        recorder_event(s->controller->recorder, s->step, rs, "Normal", "SuccessfulDelete",
                       "Deleted pod: %.*s", STR_ARG(a->key->name));
        return;
    }
    expectations_deletion_of_observed(state_of(s->controller)->expectations, s->key, a->key);
    if (a->code == 404)
        return; /* gone already */
    note_failure(memory_of(s), a);
    struct str why = VALUE_STR(a->body, message);
    if (a->code != 0)
        recorder_event(s->controller->recorder, s->step, rs, "Warning", "FailedDelete",
                       "Error deleting: %.*s", STR_ARG(why));
}

static enum sync_result handle_answers(struct sync *s, struct value rs)
{
    for (size_t i = 0; i < s->answer_count; i++) {
        if (s->answers[i].tag == TAG_CREATE)
            created_or_not(s, rs, &s->answers[i]);
        else
            deleted_or_not(s, rs, &s->answers[i]);
    }
    return write_status(s, rs);
}

/* ---- status ---- */

static void count_each(struct sync *s, struct value rs, struct replica_status *status)
{
    struct value template_labels = VALUE_GET(rs, spec, template, metadata, labels);
    int64_t min_ready_seconds = VALUE_INT(rs, 0, spec, minReadySeconds);
    for (struct informer_cursor i = owned_pods(s, rs); i.key; informer_next(&i)) {
        if (!owner_matches(s->controller, rs, object_labels(i.object)))
            continue;
        status->terminating += pod_is_terminating(i.object);
        if (!pod_is_active(i.object))
            continue;
        status->replicas++;
        status->ready += pod_is_ready(i.object);
        status->available += pod_is_available(i.object, min_ready_seconds, s->step->wall);
        status->fully_labeled += value_count(template_labels) == 0 ||
                                 selector_map_matches(template_labels, object_labels(i.object));
        struct duration wait;
        if (pod_available_in(i.object, min_ready_seconds, s->step->wall, &wait) &&
            (status->available_in.ns == 0 || wait.ns < status->available_in.ns))
            status->available_in = wait;
    }
}

static struct replica_status status_of(struct sync *s, struct value rs)
{
    struct replica_status status = {0};
    if (VALUE_INT(rs, 0, spec, minReadySeconds) > 0) {
        count_each(s, rs, &status); /* how long each has been ready matters */
        return status;
    }
    struct value template_labels = VALUE_GET(rs, spec, template, metadata, labels);
    const struct replica_counts *sets;
    size_t count = replica_tally_of(state_of(s->controller)->tally, object_uid(rs), &sets);
    for (size_t i = 0; i < count; i++) {
        if (sets[i].pods == 0 || !owner_matches(s->controller, rs, sets[i].labels))
            continue;
        bool is_labeled = value_count(template_labels) == 0 ||
                          selector_map_matches(template_labels, sets[i].labels);
        status.replicas += sets[i].active;
        status.fully_labeled += is_labeled ? sets[i].active : 0;
        status.ready += sets[i].ready;
        status.terminating += sets[i].terminating;
    }
    status.available = status.ready;
    return status;
}

/* ReplicaFailure is set with the first failure and removed when it works again. */
static struct value conditions_of(struct sync *s, struct value rs)
{
    const struct replicaset_memory *m = memory_of(s);
    struct value old = VALUE_GET(rs, status, conditions);
    bool has_failure = value_is_present(condition_find(old, "ReplicaFailure"));
    if (m->is_failed == has_failure)
        return value_keep(old);
    struct value new = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(old); i++)
        if (!VALUE_IS(value_at(old, i), "ReplicaFailure", type))
            new = value_append(new, value_keep(value_at(old, i)));
    if (m->is_failed)
        new = value_append(
            new, value_pack(
                     "{type: ReplicaFailure, status: \"True\", lastTransitionTime: %v, reason: %s, "
                     "message: %s}",
                     time_value(s->step->wall), m->diff < 0 ? "FailedCreate" : "FailedDelete",
                     m->failure));
    return new;
}

static struct value status_value(struct sync *s, struct value rs,
                                 const struct replica_status *status)
{
    bool is_replicaset = s->controller->info->primary == RESOURCE_replicasets;
    return value_pack(
        "{replicas: %D, fullyLabeledReplicas: %v, readyReplicas: %v, availableReplicas: %v, "
        "terminatingReplicas: %v, observedGeneration: %v, conditions: %v}",
        status->replicas, count_or_absent(status->fully_labeled), count_or_absent(status->ready),
        count_or_absent(status->available),
        is_replicaset ? value_integer(status->terminating) : VALUE_ABSENT,
        count_or_absent(object_generation(rs)), conditions_of(s, rs));
}

static enum sync_result conclude(struct sync *s)
{
    const struct replicaset_memory *m = memory_of(s);
    return m->is_failed ? sync_retry(s, "%s", m->failure) : SYNC_DONE;
}

static enum sync_result write_status(struct sync *s, struct value rs)
{
    struct replica_status status = memory_of(s)->counted;
    struct value new = status_value(s, rs, &status);
    if (status.available_in.ns > 0)
        controller_enqueue_after(s->controller, s->step, s->key, status.available_in);
    if (value_equal(new, value_get(rs, ATOM_status))) {
        value_drop(new);
        return conclude(s);
    }
    sync_trace(s, "status: %d pods, %d ready, %d available, %d terminating", (int)status.replicas,
               (int)status.ready, (int)status.available, (int)status.terminating);
    memory_of(s)->status = sync_keep(s, new);
    sync_update_status(s, s->controller->info->primary, VALUE_SET(value_keep(rs), new, status),
                       TAG_STATUS);
    return sync_wait(s, PHASE_STATUS);
}

/* Whatever the reason, once more in place with a fresh copy (upstream: statusUpdateRetries). */
static enum sync_result after_status(struct sync *s)
{
    if (answer_ok(&s->answers[0]))
        return conclude(s);
    sync_send(s, request_for_key(VERB_GET, s->key), TAG_OWNER);
    return sync_wait(s, PHASE_STATUS_READ);
}

static enum sync_result write_status_again(struct sync *s)
{
    const struct answer *fresh = &s->answers[0];
    if (!answer_ok(fresh))
        return fresh->code == 404 ? SYNC_DONE : sync_retry_answer(s, fresh);
    sync_update_status(s, s->controller->info->primary,
                       VALUE_SET(value_keep(fresh->body), value_keep(memory_of(s)->status), status),
                       TAG_STATUS);
    return sync_wait(s, PHASE_STATUS_AGAIN);
}

static enum sync_result finish(struct sync *s)
{
    if (!answer_ok(&s->answers[0]) && s->answers[0].code != 404)
        return sync_retry_answer(s, &s->answers[0]);
    return conclude(s);
}
