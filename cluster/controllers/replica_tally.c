/* SPDX-License-Identifier: Apache-2.0
 *
 * Each pod contributes to the tally of its controller's uid: whether it is active, ready,
 * terminating, and its labels. The contribution is remembered by pod, since the last state told of
 * a deleted pod may differ from the one that was counted.
 *
 * Labels. The pods of one owner have few different sets of labels: the template's, and those with
 * the zone of a node added at binding. A tally counts by set, so that its owner matches a selector
 * once per set and not once per pod.
 *
 * Invariant: a tally equals the sum of the contributions of the pods in the cache that name its
 * owner.
 */
#include "sim/base/base.h"

#include "cluster/controllers/replica_tally.h"

#include "cluster/controllers/pod_state.h"
#include "sim/base/hash.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

struct tally {
    struct value uid;
    uint32_t pods;
    VEC(struct replica_counts) sets;
};
struct part {
    const struct object_key *pod;
    struct part *before, *after;
    struct tally *tally;
    size_t set; /* index of its labels in the tally */
    bool is_active, is_ready, is_terminating;
};
struct replica_tally {
    struct index by_uid;
    struct index by_pod;
    struct part *all;
};

static bool is_of_uid(const void *probe, const void *item)
{
    return value_equal(*(const struct value *)probe, ((const struct tally *)item)->uid);
}

static bool is_of_pod(const void *probe, const void *item)
{
    return ((const struct part *)item)->pod == probe;
}

struct replica_tally *replica_tally_new(void)
{
    struct replica_tally *t = mem_new(struct replica_tally);
    t->by_uid.equal = is_of_uid;
    t->by_pod.equal = is_of_pod;
    return t;
}

static struct tally *tally_find(const struct replica_tally *t, struct value uid)
{
    return index_get(&t->by_uid, hash_bytes(value_str(uid)), &uid);
}

static void subtract(struct replica_tally *t, struct part *p)
{
    struct tally *y = p->tally;
    struct replica_counts *set = &y->sets.items[p->set];
    CHECK(set->pods > 0);
    y->pods--;
    set->pods--;
    set->active -= p->is_active;
    set->ready -= p->is_ready;
    set->terminating -= p->is_terminating;
    p->tally = NULL;
    if (y->pods > 0)
        return;
    index_remove(&t->by_uid, hash_bytes(value_str(y->uid)), &y->uid);
    value_drop(y->uid);
    for (size_t i = 0; i < y->sets.count; i++)
        value_drop(y->sets.items[i].labels);
    vec_release(&y->sets);
    mem_free(y);
}

static void part_free(struct replica_tally *t, struct part *p)
{
    if (p->before)
        p->before->after = p->after;
    else
        t->all = p->after;
    if (p->after)
        p->after->before = p->before;
    index_remove(&t->by_pod, p->pod->hash, p->pod);
    object_key_unref(p->pod);
    mem_free(p);
}

void replica_tally_free(struct replica_tally *t)
{
    if (!t)
        return;
    while (t->all) {
        subtract(t, t->all);
        part_free(t, t->all);
    }
    index_release(&t->by_uid);
    index_release(&t->by_pod);
    mem_free(t);
}

static struct part *part_of(struct replica_tally *t, const struct object_key *pod_key)
{
    struct part *p = mem_new(struct part);
    p->pod = object_key_ref(pod_key);
    p->after = t->all;
    if (t->all)
        t->all->before = p;
    t->all = p;
    index_put(&t->by_pod, pod_key->hash, pod_key, p);
    return p;
}

static struct tally *tally_of(struct replica_tally *t, struct value uid)
{
    struct tally *y = tally_find(t, uid);
    if (y)
        return y;
    y = mem_new(struct tally);
    y->uid = value_keep(uid);
    index_put(&t->by_uid, hash_bytes(value_str(uid)), &uid, y);
    return y;
}

/* The place of these labels; an empty place is taken before a new one is made. */
static size_t set_of(struct tally *y, struct value labels)
{
    size_t empty = y->sets.count;
    for (size_t i = 0; i < y->sets.count; i++) {
        const struct replica_counts *set = &y->sets.items[i];
        if (value_is_same(labels, set->labels) || value_equal(labels, set->labels))
            return i;
        if (set->pods == 0)
            empty = i;
    }
    if (empty == y->sets.count)
        vec_push(&y->sets, (struct replica_counts){0});
    value_drop(y->sets.items[empty].labels);
    y->sets.items[empty] = (struct replica_counts){.labels = value_keep(labels)};
    return empty;
}

static void add(struct part *p, struct tally *y, struct value pod)
{
    p->tally = y;
    p->is_active = pod_is_active(pod);
    p->is_ready = p->is_active && pod_is_ready(pod);
    p->is_terminating = pod_is_terminating(pod);
    p->set = set_of(y, object_labels(pod));
    struct replica_counts *set = &y->sets.items[p->set];
    y->pods++;
    set->pods++;
    set->active += p->is_active;
    set->ready += p->is_ready;
    set->terminating += p->is_terminating;
}

bool replica_tally_see(struct replica_tally *t, const struct object_key *pod_key, struct value pod,
                       bool is_owned)
{
    struct part *p = index_get(&t->by_pod, pod_key->hash, pod_key);
    bool is_counted = value_is_present(pod) && is_owned;
    if (!is_counted) {
        if (!p)
            return false;
        subtract(t, p);
        part_free(t, p);
        return true;
    }
    struct value uid = value_get(object_controller_ref(pod), ATOM_uid);
    struct tally *target = tally_of(t, uid);
    bool is_new = !p;
    if (is_new)
        p = part_of(t, pod_key);
    struct part before = *p;
    target->pods++; /* keeps it while the old contribution goes */
    if (p->tally)
        subtract(t, p);
    target->pods--;
    add(p, target, pod);
    return is_new || before.tally != p->tally || before.is_active != p->is_active ||
           before.is_ready != p->is_ready || before.is_terminating != p->is_terminating ||
           before.set != p->set;
}

size_t replica_tally_of(const struct replica_tally *t, struct value owner_uid,
                        const struct replica_counts **ret_sets)
{
    const struct tally *y = tally_find(t, owner_uid);
    *ret_sets = y ? y->sets.items : NULL;
    return y ? y->sets.count : 0;
}
