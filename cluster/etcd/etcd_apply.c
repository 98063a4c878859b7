/* SPDX-License-Identifier: Apache-2.0
 *
 * The state machine: what a committed proposal does to the store, and leases.
 *
 * All members apply the same proposals in the same order and so come to the same result; the first
 * to apply one makes the new versions and leaves them in the proposal, the others check that they
 * would have made the same and share them. Should a member's state differ after all (a checker's
 * mutant, a damaged disk), it makes its own.
 *
 * Leases ("Lease API"): "If a keep-alive is not received within the TTL, the lease expires" and
 * "any key attached to a lease is deleted". Only the leader counts time, on its own monotonic
 * clock; what expires is revoked through the log, all keys of a lease in one revision. A new leader
 * gives every lease its full TTL again, plus an election timeout (etcd's lessor.Promote).
 *
 * DEVIATION: keep-alives travel through the log instead of being answered by the leader alone.
 * Kubernetes' API servers send none. DEVIATION: the space alarm ends by itself when a compaction
 * has made room; in etcd an operator must defragment and disarm it. Space counts the bytes of the
 * versions kept, not pages of a file.
 */
#include "sim/base/base.h"
#include "cluster/etcd/etcd_internal.h"

#include "sim/base/mem.h"

#define LEASE_CHECK_NS INT64_C(500000000) /* etcd looks for expired leases twice a second */
#define LEASE_TTL_MIN_SECONDS 2
#define OBJECT_BYTES 1024 /* assumed when a client does not say how big a value is */

static void apply_txn(struct etcd_member *m, struct step *step, struct proposal *p, uint64_t index,
                      struct etcd_result *result);
static void apply_revoke(struct etcd_member *m, struct step *step, struct proposal *p,
                         uint64_t index, struct etcd_result *result);
static void apply_compact(struct etcd_member *m, struct step *step, int64_t revision,
                          struct etcd_result *result);
static void lease_forget(struct etcd_member *m, int64_t id);
static void lease_start(struct etcd_member *m, struct step *step, int64_t id,
                        struct duration extra);

void etcd_apply(struct etcd_member *m, struct step *step, const struct raft_entry *entry)
{
    CHECK(entry && entry->index == m->applied + 1);
    m->applied = entry->index;
    if (!entry->payload)
        return;
    CHECK(entry->payload->type == &etcd_proposal_message);
    struct proposal *p = CONTAINER_OF(entry->payload, struct proposal, message);
    struct etcd_result result = {.lease = p->request->lease};
    switch (p->request->kind) {
    case ETCD_TXN:
        apply_txn(m, step, p, entry->index, &result);
        break;
    case ETCD_LEASE_GRANT:
        if (!store_lease_grant(m->store, p->request->lease, p->request->ttl_seconds))
            result.error = ETCD_ERROR_LEASE_EXISTS;
        else
            lease_start(m, step, p->request->lease, duration_ns(0));
        break;
    case ETCD_LEASE_REVOKE:
        apply_revoke(m, step, p, entry->index, &result);
        break;
    case ETCD_LEASE_KEEP_ALIVE:
        if (!store_lease(m->store, p->request->lease)) {
            result.error = ETCD_ERROR_LEASE_NOT_FOUND;
            break;
        }
        lease_forget(m, p->request->lease);
        lease_start(m, step, p->request->lease, duration_ns(0));
        break;
    case ETCD_COMPACT:
        apply_compact(m, step, p->request->revision, &result);
        break;
    case ETCD_RANGE:
    case ETCD_WATCH:
    case ETCD_WATCH_CANCEL:
    case ETCD_STATUS:
        CHECK(p->request->kind == ETCD_TXN); /* these are not proposed */
        break;
    }
    etcd_answer(m, step, p, &result);
}

/* ---- writes ---- */

static uint32_t size_of(const struct etcd_request *r)
{
    return r->message.size_bytes +
           (value_is_present(r->value) && r->message.size_bytes < 256 ? OBJECT_BYTES : 0);
}

static const struct etcd_kv *version_new(const struct etcd_member *m, const struct object_key *key,
                                         const struct etcd_request *put, int64_t revision)
{
    const struct etcd_kv *old = store_get(m->store, key);
    struct etcd_kv *kv = mem_new(struct etcd_kv);
    kv->references = 1;
    kv->key = object_key_ref(key);
    kv->create_revision = old ? old->create_revision : revision;
    kv->mod_revision = revision;
    if (put) {
        kv->version = old ? old->version + 1 : 1;
        kv->lease = put->lease;
        kv->size_bytes = size_of(put);
        kv->value = value_keep(put->value);
        if (m->config->stamp)
            kv->value = m->config->stamp(kv->value, revision);
    }
    return kv;
}

/* Remembers the versions for the members that come later. */
static void remember(struct proposal *p, uint64_t index, const struct etcd_kv *const *kvs,
                     size_t count)
{
    p->applied_index = index;
    p->kv_count = count;
    p->hash = (uint64_t)kvs[0]->mod_revision;
    if (count > 1)
        p->many = mem_array(const struct etcd_kv *, count);
    else
        p->one = etcd_kv_ref(kvs[0]);
    for (size_t i = 0; i < count; i++) {
        p->hash = hash_pair(p->hash, hash_pair(kvs[i]->key->hash, value_hash(kvs[i]->value)));
        if (count > 1)
            p->many[i] = etcd_kv_ref(kvs[i]);
    }
    /* The log holds the request for long. Its value is the version's but for the stamp, and whoever
     * makes the version again stamps it again: one copy is enough. */
    if (value_is_present(p->request->value)) {
        value_drop(p->request->value);
        p->request->value = value_keep(kvs[0]->value);
    }
}

/* Would this member make this version? */
static bool is_same_version(const struct etcd_member *m, const struct etcd_kv *kv,
                            const struct object_key *key, bool is_put)
{
    const struct etcd_kv *old = store_get(m->store, key);
    return kv->key == key && kv->mod_revision == store_revision(m->store) + 1 &&
           kv->version == (is_put ? (old ? old->version + 1 : 1) : 0);
}

/* Makes the versions of the proposal, unless another member has left the same ones in it. */
static void make_versions(struct etcd_member *m, struct proposal *p, uint64_t index,
                          const struct object_key *const *keys, size_t count,
                          const struct etcd_kv **ret_kvs)
{
    bool is_put = p->request->kind == ETCD_TXN && !p->request->is_delete;
    const struct etcd_kv *const *known = p->many ? p->many : &p->one;
    bool is_same = p->applied_index == index && p->kv_count == count;
    for (size_t i = 0; is_same && i < count; i++)
        is_same = is_same_version(m, known[i], keys[i], is_put);
    int64_t revision = store_revision(m->store) + 1;
    for (size_t i = 0; i < count; i++)
        ret_kvs[i] = is_same ? etcd_kv_ref(known[i])
                             : version_new(m, keys[i], is_put ? p->request : NULL, revision);
    if (p->applied_index == 0)
        remember(p, index, ret_kvs, count);
}

static void tell_owner(const struct etcd_member *m, const struct step *step,
                       const struct proposal *p)
{
    size_t count = 0;
    const struct etcd_change *changes = store_changes(m->store, store_revision(m->store), &count);
    for (size_t i = 0; i < count; i++) {
        const struct etcd_kv *before = changes[i].before;
        m->config->applied(m->config->owner, changes[i].kv,
                           before && before->version > 0 ? before : NULL, p->request->by,
                           sim_now(step->sim));
    }
}

/* One revision that changes these keys. The first version is returned, borrowed from the store. */
static const struct etcd_kv *commit(struct etcd_member *m, struct step *step, struct proposal *p,
                                    uint64_t index, const struct object_key *const *keys,
                                    size_t count)
{
    bool is_first = p->applied_index == 0;
    const struct etcd_kv *one = NULL, **kvs = &one;
    if (count > 1)
        kvs = mem_array(const struct etcd_kv *, count);
    make_versions(m, p, index, keys, count, kvs);
    store_commit(m->store, kvs, count);
    step_observe(step, OBSERVE_REVISION, (uint64_t)store_revision(m->store), p->hash);
    if (is_first && m->config->applied)
        tell_owner(m, step, p);
    const struct etcd_kv *first = kvs[0];
    for (size_t i = 0; i < count; i++)
        etcd_kv_unref(kvs[i]); /* the store holds them */
    if (count > 1)
        mem_free(kvs);
    return first;
}

static bool has_space(struct etcd_member *m, struct step *step, uint32_t size)
{
    int64_t quota = m->config->quota_bytes > 0 ? m->config->quota_bytes : ETCD_QUOTA_BYTES;
    bool is_full = store_bytes(m->store) + size > quota;
    if (is_full && !m->has_alarm)
        step_trace(step, "etcd", m->config->name,
                   "space alarm: %" PRId64 " bytes of %" PRId64 " are used", store_bytes(m->store),
                   quota);
    if (!is_full && m->has_alarm)
        step_trace(step, "etcd", m->config->name, "the space alarm is over");
    m->has_alarm = is_full;
    return !is_full;
}

static void apply_txn(struct etcd_member *m, struct step *step, struct proposal *p, uint64_t index,
                      struct etcd_result *result)
{
    const struct etcd_request *r = p->request;
    const struct etcd_kv *current = store_get(m->store, r->key);
    if (r->expected_revision >= 0 &&
        r->expected_revision != (current ? current->mod_revision : 0)) {
        result->kv = current;
        return;
    }
    if (r->is_delete) {
        result->succeeded = true;
        result->kv = current ? commit(m, step, p, index, &r->key, 1) : NULL;
        return;
    }
    if (r->lease && !store_lease(m->store, r->lease)) {
        result->error = ETCD_ERROR_LEASE_NOT_FOUND;
    } else if (!has_space(m, step, size_of(r))) {
        result->error = ETCD_ERROR_NO_SPACE;
    } else {
        result->succeeded = true;
        result->kv = commit(m, step, p, index, &r->key, 1);
    }
}

static void apply_compact(struct etcd_member *m, struct step *step, int64_t revision,
                          struct etcd_result *result)
{
    if (revision <= store_compact_revision(m->store)) {
        result->error = ETCD_ERROR_COMPACTED;
    } else if (revision > store_revision(m->store)) {
        result->error = ETCD_ERROR_FUTURE_REVISION;
    } else {
        store_compact(m->store, revision);
        step_trace(step, "etcd", m->config->name, "compacted up to revision %" PRId64, revision);
    }
}

/* ---- leases ---- */

static void lease_forget(struct etcd_member *m, int64_t id)
{
    for (size_t i = 0; i < m->leases.count; i++) {
        if (m->leases.items[i].id == id) {
            vec_remove(&m->leases, i);
            return;
        }
    }
}

static void apply_revoke(struct etcd_member *m, struct step *step, struct proposal *p,
                         uint64_t index, struct etcd_result *result)
{
    const struct store_lease *lease = store_lease(m->store, p->request->lease);
    lease_forget(m, p->request->lease);
    if (!lease) {
        result->error = ETCD_ERROR_LEASE_NOT_FOUND;
        return;
    }
    struct key_list keys = {0};
    store_lease_keys(m->store, lease, &keys);
    for (size_t i = 0; i < keys.count; i++)
        (void)object_key_ref(keys.items[i]);
    if (keys.count > 0)
        (void)commit(m, step, p, index, keys.items, keys.count); /* the answer has no versions */
    if (keys.count > 0) /* one that was renewed under another id ends unnoticed */
        step_trace(step, "etcd", m->config->name,
                   "ended lease %" PRId64 " and its %" PRIu64 " keys", p->request->lease,
                   (uint64_t)keys.count);
    store_lease_remove(m->store, p->request->lease);
    for (size_t i = 0; i < keys.count; i++)
        object_key_unref(keys.items[i]);
    vec_release(&keys);
}

/* Looks again when the first of them can have expired; nearly always there is an earlier look
 * already. */
static void look_at(struct etcd_member *m, struct step *step, struct instant at)
{
    at.ns = (at.ns + LEASE_CHECK_NS - 1) / LEASE_CHECK_NS * LEASE_CHECK_NS;
    if (m->leases_timer && !instant_before(at, m->lease_check))
        return;
    m->lease_check = at;
    m->leases_timer = step_timer_move(step, m->leases_timer, at, TIMER_LEASES);
}

static void lease_start(struct etcd_member *m, struct step *step, int64_t id, struct duration extra)
{
    if (m->role != RAFT_LEADER)
        return;
    int64_t ttl = store_lease(m->store, id)->ttl_seconds;
    struct duration whole = duration_s(ttl > LEASE_TTL_MIN_SECONDS ? ttl : LEASE_TTL_MIN_SECONDS);
    struct instant at = instant_add(instant_add(step->now, whole), extra);
    vec_push(&m->leases, (struct lease_expiry){.id = id, .at = at});
    look_at(m, step, at);
}

void etcd_leases_promote(struct etcd_member *m, struct step *step)
{
    vec_clear(&m->leases);
    for (struct map_cursor c = map_first(store_leases(m->store)); c.item; map_next(&c))
        lease_start(m, step, ((const struct store_lease *)c.item)->id, etcd_election_timeout(m));
}

void etcd_leases_demote(struct etcd_member *m, struct step *step)
{
    vec_clear(&m->leases);
    step_timer_cancel(step, m->leases_timer);
    m->leases_timer = 0;
}

void etcd_leases_expire(struct etcd_member *m, struct step *step)
{
    if (m->role != RAFT_LEADER)
        return;
    VEC(int64_t) expired = {0};
    for (size_t i = 0; i < m->leases.count; i++) {
        struct lease_expiry *e = &m->leases.items[i];
        if (instant_before(step->now, e->at))
            continue;
        vec_push(&expired, e->id);
        e->at = instant_add(step->now, duration_s(3)); /* again, should the proposal be lost */
    }
    for (size_t i = 0; i < m->leases.count; i++)
        look_at(m, step, m->leases.items[i].at);
    for (size_t i = 0; i < expired.count; i++) {
        struct etcd_request *r = etcd_request_new(ETCD_LEASE_REVOKE);
        r->lease = expired.items[i];
        r->by = S("etcd");
        etcd_propose(m, step, 0, r);
        message_unref(&r->message);
    }
    vec_release(&expired);
}
