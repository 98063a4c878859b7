/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants of the store, judged from the ghost state of its members and from the order of what is
 * committed.
 */
#include "sim/base/base.h"

#include "cluster/etcd/etcd.h"
#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"
#include "sim/base/mem.h"

#define RECENT_MAX 4096

const struct etcd_member *member_of(const struct run *r, size_t i)
{
    process_id p = cluster_component(r->cluster, COMPONENT_ETCD, i);
    return sim_process_is_running(r->sim, p) ? sim_process_state(r->sim, p) : NULL;
}

/* ---- I5: each member has what was committed, as far as it has come ----
 *
 * A member that lags applies many revisions between two looks (or takes a snapshot), so that a
 * change is judged by what came after it: the key must have that value, a later one, or none if a
 * later change deleted it. A member that begins anew from its disk is judged anew: what it applies
 * again may differ from what it had.
 */

struct recent {
    int64_t revision;
    const struct object_key *key;
    struct value value; /* absent: deleted */
};
struct agreement {
    struct recent recent[RECENT_MAX]; /* the n-th change is at n modulo RECENT_MAX */
    uint64_t count;                   /* of changes so far */
    struct {
        uint64_t next;    /* the first change that it was not compared with */
        int64_t revision; /* as seen last */
    } members[CLUSTER_MEMBERS_MAX];
};

static void *agreement_new(struct run *r)
{
    (void)r;
    return mem_new(struct agreement);
}

static void agreement_free(void *memory)
{
    struct agreement *a = memory;
    for (size_t i = 0; i < RECENT_MAX; i++) {
        object_key_unref(a->recent[i].key);
        value_drop(a->recent[i].value);
    }
    mem_free(a);
}

static void agreement_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    struct agreement *a = memory;
    struct recent *slot = &a->recent[a->count++ % RECENT_MAX];
    (void)v;
    object_key_unref(slot->key);
    value_drop(slot->value);
    *slot =
        (struct recent){change->revision, object_key_ref(change->key), value_keep(change->after)};
}

/* Did a change after the n-th, up to the revision, delete the key? */
static bool was_deleted(const struct agreement *a, uint64_t n, const struct object_key *key,
                        int64_t revision)
{
    for (uint64_t i = n; i < a->count; i++) {
        const struct recent *c = &a->recent[i % RECENT_MAX];
        if (c->revision > revision)
            break;
        if (c->key == key && !value_is_present(c->value))
            return true;
    }
    return false;
}

static bool has_it(const struct agreement *a, uint64_t n, const struct etcd_member *m)
{
    const struct recent *c = &a->recent[n % RECENT_MAX];
    const struct etcd_kv *kv = etcd_member_get(m, c->key);
    int64_t revision = etcd_member_revision(m);
    if (!kv || !value_is_present(kv->value))
        return was_deleted(a, n, c->key, revision);
    if (kv->mod_revision == c->revision)
        return value_equal(kv->value, c->value);
    return kv->mod_revision > c->revision && kv->mod_revision <= revision;
}

static void agreement_looked(struct verdict *v, void *memory)
{
    struct agreement *a = memory;
    uint64_t oldest = a->count > RECENT_MAX ? a->count - RECENT_MAX : 0;
    for (size_t i = 0; i < cluster_component_count(v->run->cluster, COMPONENT_ETCD); i++) {
        const struct etcd_member *m = member_of(v->run, i);
        if (!m)
            continue;
        int64_t revision = etcd_member_revision(m);
        uint64_t n = a->members[i].next;
        if (revision < a->members[i].revision || n < oldest)
            n = oldest;
        for (; n < a->count && a->recent[n % RECENT_MAX].revision <= revision; n++) {
            (*v->checked)++;
            if (has_it(a, n, m))
                continue;
            const struct recent *c = &a->recent[n % RECENT_MAX];
            text_printf(v->violation,
                        "etcd-%zu at revision %" PRId64
                        " has another value of %.*s than was committed at %" PRId64,
                        i, revision, STR_ARG(c->key->name), c->revision);
            return;
        }
        a->members[i].next = n;
        a->members[i].revision = revision;
    }
}

/* Members that are equally far are equal in everything, not only in what changed lately. */
static void agreement_ended(struct verdict *v, void *memory)
{
    size_t count = cluster_component_count(v->run->cluster, COMPONENT_ETCD);
    (void)memory;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            const struct etcd_member *a = member_of(v->run, i), *b = member_of(v->run, j);
            if (!a || !b || etcd_member_revision(a) != etcd_member_revision(b))
                continue;
            (*v->checked)++;
            if (etcd_member_hash(a) != etcd_member_hash(b))
                text_printf(v->violation, "etcd-%zu and etcd-%zu differ at revision %" PRId64, i, j,
                            etcd_member_revision(a));
        }
    }
}

const struct invariant invariant_state_machine_safety = {
    .id = "I5",
    .name = "state-machine-safety",
    .help = "members that have applied a revision agree on what it wrote",
    .changed = agreement_changed,
    .looked = agreement_looked,
    .ended = agreement_ended,
    .memory_new = agreement_new,
    .memory_free = agreement_free,
};

/* ---- I6: what was committed is still there at the end ---- */

static void durability_ended(struct verdict *v, void *memory)
{
    (void)memory;
    for (size_t i = 0; i < cluster_component_count(v->run->cluster, COMPONENT_ETCD); i++) {
        const struct etcd_member *m = member_of(v->run, i);
        if (!m || etcd_member_revision(m) < view_revision(v->run->view))
            continue;
        for (size_t k = 0; k < view_stored_count(v->run->view); k++) {
            const struct resource *r = view_stored_at(v->run->view, k);
            if (r->storage != r)
                continue;
            for (struct view_cursor c = view_first(v->run->view, r, S("")); c.key; view_next(&c)) {
                const struct etcd_kv *kv = etcd_member_get(m, c.key);
                (*v->checked)++;
                if (kv && kv->mod_revision >= c.revision)
                    continue;
                text_printf(v->violation, "etcd-%zu has lost %.*s %.*s of revision %" PRId64, i,
                            STR_ARG(r->qualified), STR_ARG(c.key->name), c.revision);
                return;
            }
        }
    }
}

const struct invariant invariant_durability = {
    .id = "I6",
    .name = "durability",
    .help = "every committed write is in each member that has come as far, at the end",
    .ended = durability_ended,
};

/* ---- I21, I22: revisions and versions ---- */

struct last_revision {
    int64_t revision;
};

static void *last_revision_new(struct run *r)
{
    (void)r;
    return mem_new(struct last_revision);
}

static void revision_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    struct last_revision *last = memory;
    (*v->checked)++;
    /* The keys that hung on a lease go with one write. */
    bool is_same_write = change->revision == last->revision && !value_is_present(change->after);
    if (last->revision && change->revision != last->revision + 1 && !is_same_write)
        text_printf(v->violation, "revision %" PRId64 " follows %" PRId64, change->revision,
                    last->revision);
    last->revision = change->revision;
}

const struct invariant invariant_revision_by_one = {
    .id = "I21",
    .name = "revision-by-one",
    .help = "the store's revision grows by one with each write",
    .changed = revision_changed,
    .memory_new = last_revision_new,
    .memory_free = mem_free,
};

static void version_changed(struct verdict *v, void *memory, const struct view_change *change)
{
    (void)memory;
    if (!value_is_present(change->after) || change->version == 0)
        return;
    (*v->checked)++;
    bool is_new = !value_is_present(change->before);
    if (is_new && (change->version != 1 || change->create_revision != change->revision))
        text_printf(v->violation, "a new key has version %" PRId64 " and create revision %" PRId64,
                    change->version, change->create_revision);
    else if (!is_new && change->version != change->before_version + 1)
        text_printf(v->violation, "version %" PRId64 " follows %" PRId64, change->version,
                    change->before_version);
}

const struct invariant invariant_version_rules = {
    .id = "I22",
    .name = "version-rules",
    .help = "a key's version starts at 1 and grows by one; its create revision stays",
    .changed = version_changed,
};
