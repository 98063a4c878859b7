/* SPDX-License-Identifier: Apache-2.0
 *
 * What a member does for its clients: proposals and their answers, reads, watches.
 *
 * Proposals go to the leader, wherever they arrive, and are answered by the member they came to,
 * when it has applied them. While no leader is known they wait. After 5 s and two election timeouts
 * the answer is "request timed out", and the outcome is unknown: the write may still happen.
 *
 * Linearisable reads ("linearizability") ask the leader from which index on they are fresh and wait
 * until this member has applied it. One round is in flight; reads that come meanwhile share the
 * next one (etcd's linearizableReadLoop). Serializable reads are answered at once, from what this
 * member has.
 *
 * Watches are "ordered", "unique", "reliable", "atomic", "resumable": each keeps the next revision
 * to send; after each applied batch it is sent the changes from there on, all those of a revision
 * in one message, from the same ring of history that a watch which begins in the past reads. When
 * no leader is known for three election timeouts, watches end with "no leader": API servers watch
 * with WithRequireLeader.
 */
#include "sim/base/base.h"
#include "cluster/etcd/etcd_internal.h"

#include "sim/base/mem.h"

#define READ_RETRY duration_ms(500) /* readIndexRetryTime */
#define WATCH_CHANGES_MAX 4096      /* in one message; a revision is never cut */

static void send_error(struct etcd_member *m, struct step *step, stream_id stream,
                       const struct etcd_request *r, enum etcd_error error);
static void serve_range(struct etcd_member *m, struct step *step, stream_id stream,
                        const struct etcd_request *r);
static void read_add(struct etcd_member *m, struct step *step, stream_id stream,
                     struct etcd_request *request);
static void watch_add(struct etcd_member *m, struct step *step, stream_id stream,
                      const struct etcd_request *r);
static void watch_cancel(struct etcd_member *m, struct step *step, stream_id stream, uint64_t id);
static struct pending *pending_find(struct etcd_member *m, uint64_t sequence);

/* For checkers: what is done never depends on it. */
static void observe(const struct etcd_member *m, struct etcd_observation *o)
{
    o->member = m->config->member;
    if (m->config->observed)
        m->config->observed(m->config->owner, o);
}

void etcd_serve(struct etcd_member *m, struct step *step, stream_id stream,
                struct etcd_request *request)
{
    switch (request->kind) {
    case ETCD_RANGE:
        if (request->serializable)
            serve_range(m, step, stream, request);
        else
            read_add(m, step, stream, request);
        break;
    case ETCD_WATCH:
        watch_add(m, step, stream, request);
        break;
    case ETCD_WATCH_CANCEL:
        watch_cancel(m, step, stream, request->id);
        break;
    case ETCD_STATUS:
        send_error(m, step, stream, request,
                   m->leader == RAFT_NONE ? ETCD_ERROR_NO_LEADER : ETCD_OK);
        break;
    case ETCD_TXN:
    case ETCD_LEASE_GRANT:
    case ETCD_LEASE_REVOKE:
    case ETCD_LEASE_KEEP_ALIVE:
    case ETCD_COMPACT:
        if (request->message.size_bytes > ETCD_REQUEST_BYTES_MAX)
            send_error(m, step, stream, request, ETCD_ERROR_TOO_LARGE);
        else if (m->pending.count - m->pending_head >= ETCD_GAP_MAX)
            send_error(m, step, stream, request, ETCD_ERROR_TOO_MANY_REQUESTS);
        else
            etcd_propose(m, step, stream, request);
        break;
    }
}

static void send_error(struct etcd_member *m, struct step *step, stream_id stream,
                       const struct etcd_request *r, enum etcd_error error)
{
    struct etcd_response *response = etcd_response_new(m, r->id, r->kind, 0);
    response->error = error;
    step_send(step, stream, &response->message);
}

/* ---- proposals ---- */

/* False: nobody takes it now. A leader that is lost later is found out by time. */
static bool offer(struct etcd_member *m, struct step *step, struct proposal *p)
{
    if (m->leader == RAFT_NONE)
        return false;
    m->is_dropped = false;
    etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_PROPOSE, .payload = &p->message});
    return !m->is_dropped;
}

void etcd_propose(struct etcd_member *m, struct step *step, stream_id stream,
                  struct etcd_request *request)
{
    struct instant deadline = instant_add(step->now, etcd_request_timeout(m));
    uint64_t sequence = m->sequence++;
    struct proposal *p = proposal_new(request, m->config->member, m->incarnation, sequence);
    vec_push(&m->pending, (struct pending){.sequence = sequence,
                                           .stream = stream,
                                           .id = request->id,
                                           .kind = request->kind,
                                           .deadline = deadline});
    if (!m->requests_timer)
        m->requests_timer = step_timer_set(step, deadline, TIMER_REQUESTS);
    if (offer(m, step, p)) {
        message_unref(&p->message);
        return;
    }
    struct pending *pending = pending_find(m, sequence);
    CHECK(pending); /* what was not taken is not answered */
    pending->waiting = p;
    m->has_waiting = true;
}

void etcd_propose_waiting(struct etcd_member *m, struct step *step)
{
    if (!m->has_waiting)
        return;
    m->has_waiting = false;
    uint64_t end = m->sequence;
    for (uint64_t s = m->first_sequence; s < end; s++) {
        if (s < m->first_sequence)
            continue; /* answered meanwhile */
        struct pending *pending =
            &m->pending.items[m->pending_head + (size_t)(s - m->first_sequence)];
        struct proposal *p = pending->waiting;
        if (!p)
            continue;
        pending->waiting = NULL;
        if (offer(m, step, p)) {
            message_unref(&p->message);
            continue;
        }
        m->pending.items[m->pending_head + (size_t)(s - m->first_sequence)].waiting = p;
        m->has_waiting = true;
    }
}

static struct pending *pending_find(struct etcd_member *m, uint64_t sequence)
{
    if (sequence < m->first_sequence || sequence >= m->sequence)
        return NULL;
    struct pending *p = &m->pending.items[m->pending_head + (size_t)(sequence - m->first_sequence)];
    return p->sequence ? p : NULL;
}

static void pending_done(struct etcd_member *m, struct pending *p)
{
    if (p->waiting)
        message_unref(&p->waiting->message);
    *p = (struct pending){0};
    while (m->pending_head < m->pending.count && m->pending.items[m->pending_head].sequence == 0) {
        m->pending_head++;
        m->first_sequence++;
    }
    if (m->pending_head == m->pending.count) {
        m->pending_head = m->pending.count = 0;
    } else if (m->pending_head > 1024 && m->pending_head * 2 > m->pending.count) {
        m->pending.count -= m->pending_head;
        memmove(m->pending.items, m->pending.items + m->pending_head,
                m->pending.count * sizeof(*m->pending.items));
        m->pending_head = 0;
    }
}

void etcd_answer(struct etcd_member *m, struct step *step, const struct proposal *p,
                 const struct etcd_result *result)
{
    if (p->member != m->config->member || p->incarnation != m->incarnation)
        return;
    struct pending *pending = pending_find(m, p->sequence);
    if (!pending)
        return;
    if (pending->stream) {
        struct etcd_response *response = etcd_response_new(m, pending->id, pending->kind, 1);
        response->error = result->error;
        response->succeeded = result->succeeded;
        response->lease = result->lease;
        if (result->kv) {
            response->kvs[0] = etcd_kv_ref(result->kv);
            response->count = 1;
            response->message.size_bytes += result->kv->size_bytes;
        }
        step_send(step, pending->stream, &response->message);
    }
    pending_done(m, pending);
}

static void expire_reads(struct etcd_member *m, struct step *step)
{
    size_t late = 0;
    while (late < m->reads_next.count &&
           !instant_before(step->now, m->reads_next.items[late].deadline))
        late++;
    for (size_t i = 0; i < late; i++) {
        struct read *read = &m->reads_next.items[i];
        send_error(m, step, read->stream, read->request, ETCD_ERROR_TIMEOUT);
        message_unref(&read->request->message);
    }
    m->reads_next.count -= late;
    if (late > 0)
        memmove(m->reads_next.items, m->reads_next.items + late,
                m->reads_next.count * sizeof(*m->reads_next.items));
    if (m->reading.count > 0 && !instant_before(step->now, m->reading.items[0].deadline))
        etcd_reads_fail(m, step, ETCD_ERROR_TIMEOUT);
}

void etcd_requests_expire(struct etcd_member *m, struct step *step)
{
    while (m->pending.count > 0) {
        struct pending *p = &m->pending.items[m->pending_head];
        if (instant_before(step->now, p->deadline))
            break;
        if (p->stream) {
            struct etcd_response *response = etcd_response_new(m, p->id, p->kind, 0);
            response->error = ETCD_ERROR_TIMEOUT;
            step_send(step, p->stream, &response->message);
        }
        pending_done(m, p);
    }
    expire_reads(m, step);
    struct instant next = INSTANT_NEVER;
    if (m->pending.count > 0)
        next = m->pending.items[m->pending_head].deadline;
    if (m->reading.count > 0 && instant_before(m->reading.items[0].deadline, next))
        next = m->reading.items[0].deadline;
    if (m->reads_next.count > 0 && instant_before(m->reads_next.items[0].deadline, next))
        next = m->reads_next.items[0].deadline;
    if (next.ns != INSTANT_NEVER.ns)
        m->requests_timer = step_timer_set(step, next, TIMER_REQUESTS);
}

/* ---- reads ---- */

static void reads_begin(struct etcd_member *m, struct step *step)
{
    if (m->read_id != 0 || m->reads_next.count == 0)
        return;
    m->read_id =
        hash_pair(m->incarnation, ++m->read_count) | 1; /* unique over members and incarnations */
    m->read_index = 0;
    for (size_t i = 0; i < m->reads_next.count; i++)
        vec_push(&m->reading, m->reads_next.items[i]);
    m->reads_next.count = 0;
    m->read_timer =
        step_timer_move(step, m->read_timer, instant_add(step->now, READ_RETRY), TIMER_READ);
    etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_READ, .read_id = m->read_id});
}

static void read_add(struct etcd_member *m, struct step *step, stream_id stream,
                     struct etcd_request *request)
{
    (void)message_ref(&request->message); /* the one in the read */
    struct instant deadline = instant_add(step->now, etcd_request_timeout(m));
    struct etcd_observation o = {.kind = ETCD_OBSERVED_READ_BEGINS};
    observe(m, &o);
    vec_push(&m->reads_next, (struct read){request, stream, deadline, o.floor});
    if (!m->requests_timer)
        m->requests_timer = step_timer_set(step, deadline, TIMER_REQUESTS);
    reads_begin(m, step);
}

void etcd_read_ready(struct etcd_member *m, struct step *step, const struct raft_read *read)
{
    if (read->id != m->read_id || m->read_id == 0 || m->read_index != 0)
        return;
    m->read_index = read->index ? read->index : 1;
    step_timer_cancel(step, m->read_timer);
    m->read_timer = 0;
}

void etcd_reads_serve(struct etcd_member *m, struct step *step)
{
    if (m->read_id == 0 || m->read_index == 0 || m->applied < m->read_index)
        return;
    m->read_id = m->read_index = 0;
    for (size_t i = 0; i < m->reading.count; i++) {
        struct etcd_observation o = {.kind = ETCD_OBSERVED_READ,
                                     .floor = m->reading.items[i].floor,
                                     .last = store_revision(m->store)};
        observe(m, &o);
        serve_range(m, step, m->reading.items[i].stream, m->reading.items[i].request);
        message_unref(&m->reading.items[i].request->message);
    }
    m->reading.count = 0;
    reads_begin(m, step);
}

void etcd_reads_retry(struct etcd_member *m, struct step *step)
{
    if (m->read_id == 0 || m->read_index != 0)
        return;
    m->read_timer = step_timer_set(step, instant_add(step->now, READ_RETRY), TIMER_READ);
    etcd_drive(m, step, (struct raft_input){.kind = RAFT_INPUT_READ, .read_id = m->read_id});
}

void etcd_reads_fail(struct etcd_member *m, struct step *step, enum etcd_error error)
{
    if (m->read_id == 0)
        return;
    m->read_id = m->read_index = 0;
    step_timer_cancel(step, m->read_timer);
    m->read_timer = 0;
    for (size_t i = 0; i < m->reading.count; i++) {
        send_error(m, step, m->reading.items[i].stream, m->reading.items[i].request, error);
        message_unref(&m->reading.items[i].request->message);
    }
    m->reading.count = 0;
    reads_begin(m, step);
}

static void range_of_one(const struct etcd_member *m, const struct etcd_request *r,
                         int64_t revision, struct kv_list *out)
{
    const struct etcd_kv *kv = store_get_at(m->store, r->key, revision);
    if (kv)
        vec_push(out, kv);
}

static void serve_range(struct etcd_member *m, struct step *step, stream_id stream,
                        const struct etcd_request *r)
{
    int64_t revision = r->revision > 0 ? r->revision : store_revision(m->store);
    if (revision > store_revision(m->store)) {
        send_error(m, step, stream, r, ETCD_ERROR_FUTURE_REVISION);
        return;
    }
    if (revision < store_compact_revision(m->store)) {
        send_error(m, step, stream, r, ETCD_ERROR_COMPACTED);
        return;
    }
    struct kv_list found = {0};
    int64_t total;
    char small[VALUE_SMALL_SIZE] = {0};
    if (r->resource) {
        struct store_range range = {
            .resource = r->resource, .after = r->after, .limit = r->limit, .revision = revision};
        if (value_is_present(r->namespace))
            range.namespace = value_str_in(r->namespace, small);
        total = store_range(m->store, &range, &found);
    } else {
        CHECK(r->key);
        range_of_one(m, r, revision, &found);
        total = (int64_t)found.count;
    }
    struct etcd_response *response = etcd_response_new(m, r->id, r->kind, found.count);
    response->total = total;
    uint64_t bytes = response->message.size_bytes;
    for (size_t i = 0; i < found.count; i++) {
        response->kvs[i] = etcd_kv_ref(found.items[i]);
        bytes += found.items[i]->size_bytes;
    }
    response->count = found.count;
    response->message.size_bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    vec_release(&found);
    step_send(step, stream, &response->message);
}

/* ---- watches ---- */

static void send_canceled(struct etcd_member *m, struct step *step, stream_id stream, uint64_t id,
                          int64_t revision, enum etcd_error error)
{
    struct etcd_watch_response *w = etcd_watch_response_new(id, revision, 0);
    w->canceled = true;
    w->error = error;
    w->compact_revision = store_compact_revision(m->store);
    step_send(step, stream, &w->message);
}

/* How many changes the watch has in [watch->next, *ret_last], where whole revisions fit. */
static size_t count_changes(const struct etcd_member *m, const struct watch *watch,
                            int64_t *ret_last)
{
    size_t total = 0;
    int64_t revision = watch->next;
    for (; revision <= store_revision(m->store) && total < WATCH_CHANGES_MAX; revision++) {
        size_t count = 0;
        const struct etcd_change *changes = store_changes(m->store, revision, &count);
        for (size_t i = 0; i < count; i++)
            total += !watch->resource || changes[i].kv->key->resource == watch->resource;
    }
    *ret_last = revision - 1;
    return total;
}

static void watch_send(struct etcd_member *m, struct step *step, struct watch *watch)
{
    int64_t last = 0;
    size_t total = count_changes(m, watch, &last);
    struct etcd_watch_response *w = etcd_watch_response_new(watch->id, last, total);
    uint64_t bytes = w->message.size_bytes;
    for (int64_t revision = watch->next; revision <= last; revision++) {
        size_t count = 0;
        const struct etcd_change *changes = store_changes(m->store, revision, &count);
        for (size_t i = 0; i < count; i++) {
            const struct etcd_kv *before = changes[i].before;
            if (watch->resource && changes[i].kv->key->resource != watch->resource)
                continue;
            before = before && before->version > 0 ? etcd_kv_ref(before) : NULL;
            w->changes[w->count++] = (struct etcd_change){etcd_kv_ref(changes[i].kv), before};
            bytes += changes[i].kv->size_bytes;
        }
    }
    CHECK(w->count == total);
    w->message.size_bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    w->compact_revision = store_compact_revision(m->store);
    struct etcd_observation o = {.kind = ETCD_OBSERVED_WATCH,
                                 .first = watch->next,
                                 .last = last,
                                 .stream = watch->stream,
                                 .watch = watch->id,
                                 .count = w->count,
                                 .is_whole = !watch->resource};
    observe(m, &o);
    watch->next = last + 1;
    step_send(step, watch->stream, &w->message);
}

static void watch_catch_up(struct etcd_member *m, struct step *step, struct watch *watch)
{
    while (watch->next <= store_revision(m->store))
        watch_send(m, step, watch);
}

static void watch_add(struct etcd_member *m, struct step *step, stream_id stream,
                      const struct etcd_request *r)
{
    for (size_t i = 0; i < m->watches.count; i++) {
        struct watch *watch = &m->watches.items[i];
        if (watch->stream != stream || watch->id != r->id)
            continue;
        struct etcd_watch_response *progress = etcd_watch_response_new(r->id, watch->next - 1, 0);
        step_send(step, stream, &progress->message);
        return;
    }
    int64_t next = r->revision > 0 ? r->revision : store_revision(m->store) + 1;
    if (m->leader == RAFT_NONE) {
        send_canceled(m, step, stream, r->id, next - 1, ETCD_ERROR_NO_LEADER);
        return;
    }
    if (next < store_compact_revision(m->store)) {
        send_canceled(m, step, stream, r->id, next - 1, ETCD_ERROR_COMPACTED);
        return;
    }
    struct watch watch = {stream, r->id, next, r->resource ? r->resource->storage : NULL};
    if (next > store_revision(m->store)) {
        struct etcd_watch_response *progress =
            etcd_watch_response_new(r->id, store_revision(m->store), 0);
        step_send(step, stream, &progress->message);
    }
    watch_catch_up(m, step, &watch);
    vec_push(&m->watches, watch);
}

void etcd_watches_notify(struct etcd_member *m, struct step *step)
{
    for (size_t i = 0; i < m->watches.count; i++) {
        struct watch *watch = &m->watches.items[i];
        if (watch->next >= store_compact_revision(m->store)) {
            watch_catch_up(m, step, watch);
            continue;
        }
        send_canceled(m, step, watch->stream, watch->id, watch->next - 1, ETCD_ERROR_COMPACTED);
        vec_remove(&m->watches, i);
        i--;
    }
}

void etcd_watches_close(struct etcd_member *m, stream_id stream)
{
    for (size_t i = m->watches.count; i-- > 0;)
        if (m->watches.items[i].stream == stream)
            vec_remove(&m->watches, i);
}

static void watch_cancel(struct etcd_member *m, struct step *step, stream_id stream, uint64_t id)
{
    for (size_t i = 0; i < m->watches.count; i++) {
        struct watch *watch = &m->watches.items[i];
        if (watch->stream != stream || watch->id != id)
            continue;
        send_canceled(m, step, stream, id, watch->next - 1, ETCD_OK);
        vec_remove(&m->watches, i);
        return;
    }
}

void etcd_watches_cancel(struct etcd_member *m, struct step *step, enum etcd_error error)
{
    if (m->watches.count > 0)
        step_trace(step, "etcd", m->config->name,
                   "has no leader for too long: ends %" PRIu64 " watches",
                   (uint64_t)m->watches.count);
    for (size_t i = 0; i < m->watches.count; i++) {
        const struct watch *watch = &m->watches.items[i];
        send_canceled(m, step, watch->stream, watch->id, watch->next - 1, error);
    }
    m->watches.count = 0;
}

void etcd_serve_release(struct etcd_member *m)
{
    for (size_t i = m->pending_head; i < m->pending.count; i++)
        if (m->pending.items[i].waiting)
            message_unref(&m->pending.items[i].waiting->message);
    for (size_t i = 0; i < m->reading.count; i++)
        message_unref(&m->reading.items[i].request->message);
    for (size_t i = 0; i < m->reads_next.count; i++)
        message_unref(&m->reads_next.items[i].request->message);
    vec_release(&m->pending);
    vec_release(&m->reading);
    vec_release(&m->reads_next);
    vec_release(&m->watches);
}
