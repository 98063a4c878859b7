/* SPDX-License-Identifier: Apache-2.0
 *
 * Empties namespaces that are being deleted, then takes away the finalizer `kubernetes`, upon which
 * the API server removes the namespace [doc:namespaces#working-with-namespaces]. Nothing is done in
 * the first 5 seconds after the deletion, so that every API server has learned to refuse creations.
 *
 * Deletion is ordered: pods first, and while some are left nothing else (OrderedNamespaceDeletion).
 * Then every other namespaced kind, one after another in the order of the resource table:
 * deletecollection, then a list of what is left. What is left is reported in five conditions; the
 * namespace is looked at again after half of the estimated time (grace of pods, 15 s for
 * finalizers) plus a second, or with the queue's back-off when nothing explains it.
 *
 * Upstream: pkg/controller/namespace, deletion/namespaced_resources_deleter.go (Delete,
 * deleteAllContent, finalizeNamespace), deletion/status_condition_utils.go.
 *
 * DEVIATION: upstream goes through the kinds in Go's random map order; here the order is fixed.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/object.h"
#include "cluster/client/custom_informers.h"
#include "cluster/controllers/pod_state.h"

#define WAIT_SECONDS 5
#define FINALIZER_ESTIMATE_SECONDS 15

static enum sync_result namespace_sync(struct sync *s);
static void wake(struct controller *c, struct step *step, const struct object_key *key,
                 struct value before, struct value after);

const struct controller_info namespace_controller = {
    .name = "namespace-controller",
    .primary = RESOURCE_namespaces,
    .watches = {{RESOURCE_namespaces, wake}, {RESOURCE_customresourcedefinitions, NULL}},
    .watch_count = 2,
    .sync = namespace_sync,
    .workers = 10,
    .retry_first = {INT64_C(5000000)},
    .retry_most = {60 * INT64_C(1000000000)},
    .qps_factor = 20,
    .burst_factor = 100,
};

enum { PHASE_BEGIN, PHASE_ESTIMATED, PHASE_PODS, PHASE_OTHERS, PHASE_REPORTED, PHASE_FINALIZED };
enum { TAG_LIST = 1 << 16 }; /* plus the resource's index */

struct namespace_memory {
    int64_t estimate_seconds;
    bool has_unexplained;
};

static void wake(struct controller *c, struct step *step, const struct object_key *key,
                 struct value before, struct value after)
{
    (void)before;
    if (object_is_deleting(after))
        controller_enqueue_after(c, step, key, duration_s(WAIT_SECONDS));
}

static struct request *collection_request(struct sync *s, enum verb verb, const struct resource *r)
{
    struct request *request = request_new(verb, r);
    request->namespace = value_string(s->key->name);
    if (verb == VERB_DELETE_COLLECTION) {
        struct delete_options *options = request_delete_options(request);
        options->grace_period_seconds = -1;
        options->propagation = PROPAGATION_BACKGROUND;
    }
    return request;
}

static void empty_kind(struct sync *s, const struct resource *r)
{
    sync_send(s, collection_request(s, VERB_DELETE_COLLECTION, r), r->index);
    sync_send(s, collection_request(s, VERB_LIST, r), TAG_LIST + r->index);
}

/* ---- what is left ---- */

static int64_t grace_of_pods(struct sync *s, struct value pods)
{
    int64_t most = 0;
    struct wall_time deleted;
    for (size_t i = 0; i < value_count(pods); i++) {
        struct value pod = value_at(pods, i);
        int64_t grace = VALUE_INT(pod, 0, spec, terminationGracePeriodSeconds);
        if (!pod_is_finished(pod) && grace > most)
            most = grace;
    }
    if (!time_parse(VALUE_GET(s->object, metadata, deletionTimestamp), &deleted))
        return most;
    int64_t elapsed = (s->step->wall.unix_ns - deleted.unix_ns) / 1000000000;
    return most > elapsed ? most - elapsed : 0;
}

struct remains {
    struct text resources, finalizers, unexplained;
    int kinds_unexplained;
};

/* Finalizers of the items of one list, each with its count; few and rarely any. */
static bool count_finalizers(struct value items, struct text *out)
{
    struct value seen = value_object();
    for (size_t i = 0; i < value_count(items); i++) {
        struct value finalizers = VALUE_GET(value_at(items, i), metadata, finalizers);
        for (size_t n = 0; n < value_count(finalizers); n++) {
            struct str name = value_str(value_at(finalizers, n));
            int64_t count = value_as_integer(value_get_key(seen, name), 0);
            seen = value_set_key(seen, name, value_integer(count + 1));
        }
    }
    for (size_t i = 0; i < value_count(seen); i++) {
        if (out->size)
            text_add(out, S(", "));
        text_printf(out, "%.*s in %" PRId64 " resource instances", STR_ARG(value_key_at(seen, i)),
                    value_as_integer(value_member_at(seen, i), 0));
    }
    bool is_any = value_count(seen) > 0;
    value_drop(seen);
    return is_any;
}

static void examine(struct sync *s, struct namespace_memory *m, const struct answer *a,
                    struct remains *left)
{
    const struct resource *r = resource_of_index(a->tag - TAG_LIST);
    struct value items = value_get(a->body, ATOM_items);
    if (value_count(items) == 0)
        return;
    if (left->resources.size)
        text_add(&left->resources, S(", "));
    text_printf(&left->resources, "%.*s.%.*s has %zu resource instances", STR_ARG(r->plural),
                STR_ARG(r->group), value_count(items));
    if (count_finalizers(items, &left->finalizers) &&
        m->estimate_seconds < FINALIZER_ESTIMATE_SECONDS) {
        m->estimate_seconds = FINALIZER_ESTIMATE_SECONDS;
    } else if (m->estimate_seconds == 0) {
        left->kinds_unexplained++;
        if (left->unexplained.size)
            text_add(&left->unexplained, S(", "));
        text_printf(
            &left->unexplained,
            "unexpected items still remain in namespace: %.*s for gvr: %.*s/%.*s, Resource=%.*s",
            STR_ARG(s->key->name), STR_ARG(r->group), STR_ARG(r->version), STR_ARG(r->plural));
    }
}

static void remains_release(struct remains *left)
{
    text_release(&left->resources);
    text_release(&left->finalizers);
    text_release(&left->unexplained);
}

/* ---- conditions ---- */

static struct value put_condition(struct sync *s, struct value own_conditions, const char *type,
                                  bool is_bad, const char *reason, struct str message)
{
    struct value old = condition_find(own_conditions, type);
    const char *status = is_bad ? "True" : "False";
    if (VALUE_IS(old, status, status) && VALUE_IS(old, reason, reason) &&
        str_equal(VALUE_STR(old, message), message))
        return own_conditions;
    struct value new =
        value_pack("{type: %s, status: %s, lastTransitionTime: %v, reason: %s, message: %S}", type,
                   status, time_value(s->step->wall), reason, message);
    for (size_t i = 0; i < value_count(own_conditions); i++)
        if (value_is(value_get(value_at(own_conditions, i), ATOM_type), type))
            return value_set_at(own_conditions, i, new);
    return value_append(own_conditions, new);
}

static struct value conditions_of(struct sync *s, struct value namespace,
                                  const struct remains *left)
{
    struct value all = value_keep(VALUE_GET(namespace, status, conditions));
    AUTO(text) struct text t = {0};
    all = put_condition(s, all, "NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
                        S("All resources successfully discovered"));
    all = put_condition(s, all, "NamespaceDeletionGroupVersionParsingFailure", false,
                        "ParsedGroupVersions", S("All legacy kube types successfully parsed"));
    text_printf(&t, "Failed to delete all resource types, %d remaining: %s",
                left->kinds_unexplained, text_c(&left->unexplained));
    bool is_bad = left->kinds_unexplained > 0;
    all = put_condition(
        s, all, "NamespaceDeletionContentFailure", is_bad,
        is_bad ? "ContentDeletionFailed" : "ContentDeleted",
        is_bad ? text_str(&t)
               : S("All content successfully deleted, may be waiting on finalization"));
    text_clear(&t);
    is_bad = left->resources.size > 0;
    text_printf(&t, "Some resources are remaining: %s", text_c(&left->resources));
    all = put_condition(s, all, "NamespaceContentRemaining", is_bad,
                        is_bad ? "SomeResourcesRemain" : "ContentRemoved",
                        is_bad ? text_str(&t) : S("All content successfully removed"));
    text_clear(&t);
    is_bad = left->finalizers.size > 0;
    text_printf(&t, "Some content in the namespace has finalizers remaining: %s",
                text_c(&left->finalizers));
    return put_condition(s, all, "NamespaceFinalizersRemaining", is_bad,
                         is_bad ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
                         is_bad ? text_str(&t) : S("All content-preserving finalizers finished"));
}

/* ---- the steps ---- */

static enum sync_result finalize(struct sync *s)
{
    struct value kept = value_array();
    struct value finalizers = VALUE_GET(s->object, spec, finalizers);
    for (size_t i = 0; i < value_count(finalizers); i++)
        if (!value_is(value_at(finalizers, i), "kubernetes"))
            kept = value_append(kept, value_keep(value_at(finalizers, i)));
    sync_trace(s, "the namespace is empty -> takes its finalizer away");
    struct value namespace = VALUE_REMOVE(value_keep(s->object), metadata, resourceVersion);
    namespace = VALUE_SET(namespace, kept, spec, finalizers);
    sync_send(
        s,
        client_update_request(resource_get(RESOURCE_namespaces), namespace, SUBRESOURCE_FINALIZE),
        0);
    return sync_wait(s, PHASE_FINALIZED);
}

static bool is_emptied(const struct resource *r)
{
    uint32_t verbs = 1u << VERB_DELETE_COLLECTION | 1u << VERB_LIST;
    return r->is_namespaced && r->storage == r && (r->verbs & verbs) == verbs &&
           r != resource_get(RESOURCE_pods);
}

static enum sync_result empty_others(struct sync *s)
{
    for (size_t i = 0; i < resource_count(); i++)
        if (is_emptied(resource_at(i)))
            empty_kind(s, resource_at(i));
    struct informer *definitions =
        controller_informer(s->controller, RESOURCE_customresourcedefinitions);
    for (struct informer_cursor c = informer_first(definitions, S("")); c.key; informer_next(&c)) {
        const struct resource *r = custom_preferred_row(c.object);
        if (r && r->is_namespaced)
            empty_kind(s, r);
    }
    return sync_wait(s, PHASE_OTHERS);
}

/* After a pass: report what is left; when nothing is, go on with the next. */
static enum sync_result after_pass(struct sync *s, bool was_pods)
{
    struct namespace_memory *m = sync_memory(s, sizeof(*m));
    struct remains left = {0};
    enum sync_result result;
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct answer *a = &s->answers[i];
        if (!answer_ok(a) && a->code != 404 && a->code != 405) {
            remains_release(&left);
            return sync_retry_answer(s, a);
        }
        if (answer_ok(a) && a->tag >= TAG_LIST)
            examine(s, m, a, &left);
    }
    m->has_unexplained = left.kinds_unexplained > 0;
    struct value conditions = conditions_of(s, s->object, &left);
    bool is_empty = left.resources.size == 0;
    if (is_empty && was_pods) {
        value_drop(conditions);
        result = empty_others(s);
    } else if (value_equal(conditions, VALUE_GET(s->object, status, conditions))) {
        value_drop(conditions);
        result = is_empty ? finalize(s) : sync_wait(s, PHASE_REPORTED);
    } else {
        if (!is_empty)
            sync_trace(s, "content remains: %s", text_c(&left.resources));
        struct value namespace = VALUE_REMOVE(value_keep(s->object), metadata, resourceVersion);
        sync_update_status(s, RESOURCE_namespaces,
                           VALUE_SET(namespace, conditions, status, conditions), is_empty);
        result = sync_wait(s, PHASE_REPORTED);
    }
    remains_release(&left);
    return result;
}

static enum sync_result reported(struct sync *s)
{
    struct namespace_memory *m = sync_memory(s, sizeof(*m));
    if (s->answer_count > 0 && !answer_ok(&s->answers[0]))
        return s->answers[0].code == 404 ? SYNC_DONE : sync_retry_answer(s, &s->answers[0]);
    if (s->answer_count > 0 && s->answers[0].tag == 1)
        return finalize(s);
    if (m->has_unexplained)
        return sync_retry(s, "content of the namespace is left");
    controller_enqueue_after(s->controller, s->step, s->key,
                             duration_s(m->estimate_seconds / 2 + 1));
    return SYNC_DONE;
}

static enum sync_result namespace_sync(struct sync *s)
{
    struct namespace_memory *m = sync_memory(s, sizeof(*m));
    const struct resource *pods = resource_get(RESOURCE_pods);
    const struct answer *a = s->answer_count ? &s->answers[0] : NULL;
    switch (s->phase) {
    case PHASE_BEGIN:
        if (!object_is_deleting(s->object) ||
            value_count(VALUE_GET(s->object, spec, finalizers)) == 0)
            return SYNC_DONE;
        sync_send(s, collection_request(s, VERB_LIST, pods), TAG_LIST + pods->index);
        return sync_wait(s, PHASE_ESTIMATED);
    case PHASE_ESTIMATED:
        if (!answer_ok(a))
            return sync_retry_answer(s, a);
        m->estimate_seconds = grace_of_pods(s, value_get(a->body, ATOM_items));
        sync_trace(s, "the namespace is being deleted -> deletes its %d pods first",
                   (int)value_count(value_get(a->body, ATOM_items)));
        empty_kind(s, pods);
        return sync_wait(s, PHASE_PODS);
    case PHASE_PODS:
        return after_pass(s, true);
    case PHASE_OTHERS:
        return after_pass(s, false);
    case PHASE_REPORTED:
        return reported(s);
    default:
        return answer_ok(a) || a->code == 404 ? SYNC_DONE : sync_retry_answer(s, a);
    }
}
