/* SPDX-License-Identifier: Apache-2.0
 *
 * "A Deployment's revision is created when its Pod template is changed" [doc:deployment#rollover].
 * Each revision is one ReplicaSet whose template equals the Deployment's of that time but for the
 * label pod-template-hash. The one that equals the present template is *new*; going back to an
 * older template makes its ReplicaSet new again, with the next number, and its former number goes
 * into the annotation revision-history.
 *
 * Upstream: getNewReplicaSet, SetNewReplicaSetAnnotations, FindNewReplicaSet, cleanupDeployment,
 * ComputeHash.
 *
 * DEVIATION: the value of pod-template-hash differs from upstream's, which hashes a Go-specific
 * dump of its structs; it is as deterministic: FNV-1a of a canonical walk over the template, digits
 * mapped to the same alphabet.
 */
#include "sim/base/base.h"

#include "cluster/controllers/deployment.h"

#include "cluster/api/object.h"
#include "sim/base/sort.h"

#define HASH_LABEL "pod-template-hash"
#define ANNOTATION "deployment.kubernetes.io/"
#define HISTORY_CHARACTERS_MAX 2000

/* ---- hash ---- */

static uint32_t fnv(uint32_t hash, struct str bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ (uint8_t)bytes.bytes[i]) * UINT32_C(16777619);
    return hash;
}

static uint32_t fnv_number(uint32_t hash, uint64_t n)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(n >> (8 * i) & 0xff);
    return fnv(hash, (struct str){bytes, sizeof(bytes)});
}

/* Kind and size precede the content, so that different trees give different byte sequences. */
static uint32_t fnv_value(uint32_t hash, struct value v)
{
    hash = fnv_number(hash, (uint64_t)value_kind(v) << 32 | (uint64_t)value_count(v));
    switch (value_kind(v)) {
    case VALUE_NONE:
    case VALUE_NULL:
        return hash;
    case VALUE_BOOL:
        return fnv_number(hash, value_as_bool(v));
    case VALUE_INTEGER:
        return fnv_number(hash, (uint64_t)value_as_integer(v, 0));
    case VALUE_DOUBLE:
        return fnv_number(hash, value_hash(v));
    case VALUE_STRING:
        return fnv(fnv_number(hash, value_str(v).size), value_str(v));
    case VALUE_ARRAY:
        for (size_t i = 0; i < value_count(v); i++)
            hash = fnv_value(hash, value_at(v, i));
        return hash;
    case VALUE_OBJECT:
        for (size_t i = 0; i < value_count(v); i++)
            hash = fnv_value(fnv(hash, value_key_at(v, i)), value_member_at(v, i));
        return hash;
    }
    return hash;
}

struct value pod_template_hash(struct value template, int64_t collision_count)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    uint32_t hash = fnv_value(UINT32_C(2166136261), template);
    if (collision_count > 0)
        hash = fnv_number(hash, (uint64_t)collision_count);
    char digits[10];
    size_t first = sizeof(digits);
    do {
        digits[--first] = (char)('0' + hash % 10);
        hash /= 10;
    } while (hash > 0);
    for (size_t i = first; i < sizeof(digits); i++)
        digits[i] = alphabet[(size_t)digits[i] % (sizeof(alphabet) - 1)];
    return value_string((struct str){digits + first, sizeof(digits) - first});
}

/* ---- observing ---- */

static bool is_template_equal(struct value rs, struct value deployment)
{
    struct value ours = VALUE_GET(deployment, spec, template),
                 theirs = VALUE_GET(rs, spec, template);
    if (!value_equal(value_get(ours, ATOM_spec), value_get(theirs, ATOM_spec)))
        return false;
    struct value a =
        value_set_key(value_keep(VALUE_GET(ours, metadata, labels)), S(HASH_LABEL), VALUE_ABSENT);
    struct value b =
        value_set_key(value_keep(VALUE_GET(theirs, metadata, labels)), S(HASH_LABEL), VALUE_ABSENT);
    bool is_equal = value_equal(a, b) && value_equal(VALUE_GET(ours, metadata, annotations),
                                                     VALUE_GET(theirs, metadata, annotations));
    value_drop(a);
    value_drop(b);
    return is_equal;
}

static int64_t annotation_number(struct value object, struct str key, int64_t otherwise)
{
    int64_t n;
    return str_to_int64(value_str(object_annotation(object, key)), &n) ? n : otherwise;
}

static struct revision revision_of(const struct object_key *key, struct value rs)
{
    struct value status = value_get(rs, ATOM_status);
    int64_t replicas = VALUE_INT(rs, 1, spec, replicas);
    return (struct revision){.key = key,
                             .rs = rs,
                             .replicas = replicas,
                             .target = replicas,
                             .actual = VALUE_INT(status, 0, replicas),
                             .ready = VALUE_INT(status, 0, readyReplicas),
                             .available = VALUE_INT(status, 0, availableReplicas),
                             .terminating = VALUE_INT(status, 0, terminatingReplicas),
                             .max_replicas =
                                 annotation_number(rs, S(ANNOTATION "max-replicas"), 0)};
}

static int by_creation(const void *a, const void *b, void *context)
{
    (void)context;
    const struct revision *x = a, *y = b;
    int order = value_compare(VALUE_GET(x->rs, metadata, creationTimestamp),
                              VALUE_GET(y->rs, metadata, creationTimestamp));
    return order ? order : object_key_compare(x->key, y->key);
}

static void resolve_bounds(struct rollout *r)
{
    struct value strategy = VALUE_GET(r->deployment, spec, strategy);
    r->is_rolling = !VALUE_IS(strategy, "Recreate", type);
    if (!r->is_rolling || r->replicas == 0)
        return;
    r->max_surge = int_or_percent(VALUE_GET(strategy, rollingUpdate, maxSurge), r->replicas, true);
    r->max_unavailable =
        int_or_percent(VALUE_GET(strategy, rollingUpdate, maxUnavailable), r->replicas, false);
    if (r->max_surge == 0 && r->max_unavailable == 0)
        r->max_unavailable = 1; /* or nothing could ever move */
    if (r->max_unavailable > r->replicas)
        r->max_unavailable = r->replicas;
}

struct rollout rollout_observe(struct sync *s)
{
    struct informer *sets = controller_informer(s->controller, RESOURCE_replicasets);
    informer_index by_owner = informer_add_index(sets, informer_terms_controller_uid);
    struct str uid = value_str(object_uid(s->object));
    struct rollout r = {
        .sync = s, .deployment = s->object, .replicas = VALUE_INT(s->object, 1, spec, replicas)};
    size_t count = 0;
    for (struct informer_cursor i = informer_first_with(sets, by_owner, uid); i.key;
         informer_next(&i))
        count++;
    r.all = arena_array(s->step->scratch, struct revision, count + 1);
    for (struct informer_cursor i = informer_first_with(sets, by_owner, uid); i.key;
         informer_next(&i))
        r.all[r.count++] = revision_of(i.key, i.object);
    sort_stable(r.all, r.count, sizeof(r.all[0]), by_creation, NULL);
    for (r.new = 0; r.new < r.count; r.new ++)
        if (is_template_equal(r.all[r.new].rs, r.deployment))
            break;
    resolve_bounds(&r);
    return r;
}

/* ---- annotations ---- */

int64_t rollout_next_revision(const struct rollout *r)
{
    int64_t most = 0;
    for (size_t i = 0; i < r->count; i++) {
        int64_t n = annotation_number(r->all[i].rs, S(ANNOTATION "revision"), 0);
        if (i != r->new &&n > most)
            most = n;
    }
    return most + 1;
}

static bool is_copied(struct str key)
{
    static const char *const kept_back[] = {"kubectl.kubernetes.io/last-applied-configuration",
                                            ANNOTATION "revision",
                                            ANNOTATION "revision-history",
                                            ANNOTATION "desired-replicas",
                                            ANNOTATION "max-replicas",
                                            "deprecated.deployment.rollback.to"};
    for (size_t i = 0; i < ARRAY_COUNT(kept_back); i++)
        if (str_equal(key, str_from(kept_back[i])))
            return false;
    return true;
}

static struct value with_history(struct value own_annotations, struct str old_revision)
{
    struct str history =
        value_str(value_get_key(own_annotations, S(ANNOTATION "revision-history")));
    while (history.size + old_revision.size + 1 > HISTORY_CHARACTERS_MAX) {
        struct str rest;
        (void)str_cut(history, ',', &rest); /* the oldest goes */
        history = rest;
    }
    struct value new = history.size
                           ? value_printf("%.*s,%.*s", STR_ARG(history), STR_ARG(old_revision))
                           : value_string(old_revision);
    return value_set_key(own_annotations, S(ANNOTATION "revision-history"), new);
}

/* The annotations of the new ReplicaSet: the Deployment's own, but for some, and the bookkeeping.
 */
static struct value new_annotations(const struct rollout *r, struct value old)
{
    struct value all = value_is_present(old) ? value_keep(old) : value_object();
    struct value ours = VALUE_GET(r->deployment, metadata, annotations);
    for (size_t i = 0; i < value_count(ours); i++)
        if (is_copied(value_key_at(ours, i)))
            all = value_set_key(all, value_key_at(ours, i), value_keep(value_member_at(ours, i)));
    struct str old_text = value_str(value_get_key(old, S(ANNOTATION "revision")));
    int64_t old_revision, next = rollout_next_revision(r);
    bool has_revision = str_to_int64(old_text, &old_revision);
    if (has_revision && old_revision >= next)
        return all;
    if (has_revision)
        all = with_history(all, old_text);
    return value_set_key(all, S(ANNOTATION "revision"), value_printf("%" PRId64, next));
}

static struct value with_sizes(const struct rollout *r, struct value own_annotations)
{
    if (!value_is_present(own_annotations))
        own_annotations = value_object();
    own_annotations = value_set_key(own_annotations, S(ANNOTATION "desired-replicas"),
                                    value_printf("%" PRId64, r->replicas));
    return value_set_key(own_annotations, S(ANNOTATION "max-replicas"),
                         value_printf("%" PRId64, r->replicas + r->max_surge));
}

bool rollout_needs_annotations(const struct rollout *r, const struct revision *v)
{
    return annotation_number(v->rs, S(ANNOTATION "desired-replicas"), -1) != r->replicas ||
           annotation_number(v->rs, S(ANNOTATION "max-replicas"), -1) != r->replicas + r->max_surge;
}

bool rollout_is_scaling(const struct rollout *r)
{
    for (size_t i = 0; i < r->count; i++) {
        int64_t desired = annotation_number(r->all[i].rs, S(ANNOTATION "desired-replicas"), -1);
        if (r->all[i].replicas > 0 && desired >= 0 && desired != r->replicas)
            return true;
    }
    return false;
}

/* ---- writing ---- */

static bool sync_new_annotations(struct rollout *r, uint32_t tag)
{
    const struct revision *v = &r->all[r->new];
    struct value old = VALUE_GET(v->rs, metadata, annotations);
    struct value new = new_annotations(r, old);
    int64_t min_ready_seconds = VALUE_INT(r->deployment, 0, spec, minReadySeconds);
    bool is_late = min_ready_seconds != VALUE_INT(v->rs, 0, spec, minReadySeconds);
    if (!is_late && value_equal(new, old)) {
        value_drop(new);
        return false;
    }
    struct value rs = VALUE_SET(value_keep(v->rs), new, metadata, annotations);
    if (is_late)
        rs = VALUE_SET(rs, min_ready_seconds ? value_integer(min_ready_seconds) : VALUE_ABSENT,
                       spec, minReadySeconds);
    sync_trace(r->sync, "ReplicaSet %.*s has the present template -> updates its annotations",
               STR_ARG(v->key->name));
    sync_update(r->sync, RESOURCE_replicasets, rs, tag);
    return true;
}

static bool sync_own_revision(struct rollout *r, uint32_t tag)
{
    const struct revision *v = &r->all[r->new];
    struct value revision = object_annotation(v->rs, S(ANNOTATION "revision"));
    struct value conditions = VALUE_GET(r->deployment, status, conditions);
    bool is_late =
        !value_equal(object_annotation(r->deployment, S(ANNOTATION "revision")), revision);
    bool is_found = deployment_has_deadline(r->deployment) &&
                    !value_is_present(condition_find(conditions, "Progressing"));
    if (!is_late && !is_found)
        return false;
    struct value d = value_keep(r->deployment);
    if (is_late) {
        struct value annotations = value_keep(VALUE_GET(d, metadata, annotations));
        if (!value_is_present(annotations))
            annotations = value_object();
        d = VALUE_SET(d, value_set_key(annotations, S(ANNOTATION "revision"), value_keep(revision)),
                      metadata, annotations);
    }
    if (is_found) {
        struct str message = arena_printf(r->sync->step->scratch, "Found new replica set \"%.*s\"",
                                          STR_ARG(v->key->name));
        d = VALUE_SET(d,
                      deployment_set_condition(value_keep(conditions), r->sync->step, "Progressing",
                                               "True", "FoundNewReplicaSet", message),
                      status, conditions);
    }
    sync_update_status(r->sync, RESOURCE_deployments, d, tag);
    return true;
}

bool rollout_sync_revision(struct rollout *r, uint32_t tag)
{
    return rollout_has_new(r) && (sync_new_annotations(r, tag) || sync_own_revision(r, tag));
}

void rollout_create_new(struct rollout *r, uint32_t tag)
{
    struct value d = r->deployment;
    struct value hash =
        pod_template_hash(VALUE_GET(d, spec, template), VALUE_INT(d, 0, status, collisionCount));
    struct value template = value_keep(VALUE_GET(d, spec, template));
    struct value labels = value_set_key(value_keep(VALUE_GET(template, metadata, labels)),
                                        S(HASH_LABEL), value_keep(hash));
    template = VALUE_SET(template, value_keep(labels), metadata, labels);
    struct value match = value_keep(VALUE_GET(d, spec, selector, matchLabels));
    if (!value_is_present(match))
        match = value_object();
    match = value_set_key(match, S(HASH_LABEL), value_keep(hash));
    struct value selector = VALUE_SET(value_keep(VALUE_GET(d, spec, selector)), match, matchLabels);
    int64_t size = plan_new_size(r);
    int64_t min_ready_seconds = VALUE_INT(d, 0, spec, minReadySeconds);
    struct str name = r->sync->key->name, hash_text = value_str(hash);
    struct value rs = value_pack(
        "{kind: ReplicaSet, apiVersion: \"apps/v1\", metadata: {name: %v, namespace: %v, labels: "
        "%v, annotations: %v, "
        "ownerReferences: [%v]}, spec: {replicas: %D, minReadySeconds: %v, selector: %v, template: "
        "%v}}",
        value_printf("%.*s-%.*s", STR_ARG(name), STR_ARG(hash_text)),
        value_keep(object_namespace(d)), labels, with_sizes(r, new_annotations(r, VALUE_ABSENT)),
        owner_reference_make(resource_get(RESOURCE_deployments), d), size,
        min_ready_seconds ? value_integer(min_ready_seconds) : VALUE_ABSENT, selector, template);
    sync_trace(r->sync, "no ReplicaSet has the present template -> creates %.*s with %d replicas",
               STR_ARG(value_str(object_name(rs))), (int)size);
    sync_create(r->sync, RESOURCE_replicasets, rs, tag);
    value_drop(hash);
}

void rollout_scale(struct rollout *r, const struct revision *v, int64_t size)
{
    struct value rs = VALUE_SET(value_keep(v->rs), value_integer(size), spec, replicas);
    rs = VALUE_SET(rs, with_sizes(r, value_keep(VALUE_GET(rs, metadata, annotations))), metadata,
                   annotations);
    if (size != v->replicas)
        sync_trace(r->sync, "scales %s ReplicaSet %.*s from %d to %d",
                   v == &r->all[r->new] ? "new" : "old", STR_ARG(v->key->name), (int)v->replicas,
                   (int)size);
    sync_update(r->sync, RESOURCE_replicasets, rs, (uint32_t)v->replicas);
}

/* "You can set .spec.revisionHistoryLimit field in a Deployment to specify how many old ReplicaSets
 * for this Deployment you want to retain" [doc:deployment#clean-up-policy]. */
static int by_revision(const void *a, const void *b, void *context)
{
    const struct revision *x = a, *y = b;
    int64_t n = annotation_number(x->rs, S(ANNOTATION "revision"), 0);
    int64_t m = annotation_number(y->rs, S(ANNOTATION "revision"), 0);
    return n != m ? (n < m ? -1 : 1) : by_creation(a, b, context);
}

bool rollout_clean_history(struct rollout *r, uint32_t tag)
{
    struct value limit = VALUE_GET(r->deployment, spec, revisionHistoryLimit);
    if (!value_is_present(limit) || value_as_integer(limit, 0) == INT32_MAX)
        return false;
    struct revision *old = arena_array(r->sync->step->scratch, struct revision, r->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        if (i != r->new && !object_is_deleting(r->all[i].rs))
            old[count++] = r->all[i];
    sort_stable(old, count, sizeof(old[0]), by_revision, NULL);
    bool is_any = false;
    for (size_t i = 0; i + (size_t)value_as_integer(limit, 0) < count; i++) {
        int64_t observed = VALUE_INT(old[i].rs, 0, status, observedGeneration);
        if (old[i].actual != 0 || old[i].replicas != 0 || object_generation(old[i].rs) > observed)
            continue;
        sync_trace(r->sync, "%d old ReplicaSets are kept -> deletes %.*s",
                   (int)value_as_integer(limit, 0), STR_ARG(old[i].key->name));
        sync_delete(r->sync, old[i].key, VALUE_ABSENT, tag);
        is_any = true;
    }
    return is_any;
}
