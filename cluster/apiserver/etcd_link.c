/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection to etcd (etcd_link.h).
 *
 * An operation's id is its slot in the low 24 bits and a generation above, so that a late answer to
 * a forgotten operation is recognised. A connection that is refused or dies before it was accepted
 * has delivered nothing: everything on it is sent again elsewhere. One that dies later leaves
 * writes with an unknown outcome; they are answered with NULL.
 *
 * Members are tried in turn, at once for the first round, then with a delay of 1 s * 1.6^n, at most
 * 3 s (the etcd client's back-off), so that a server whose member has died goes on within a round
 * trip.
 *
 * The watch ends with its connection. It is set up again by watch_cache.c at the revision it had
 * reached.
 */
#include "cluster/apiserver/etcd_link.h"

#include "cluster/apiserver/server.h"

#define SLOT_BITS 24
#define CONNECT_DELAY_FIRST_MS 1000
#define KEEP_ALIVE_S 40 /* keep-alive after 30 s, answered within 10 s */
#define CONNECT_DELAY_MAX_MS 3000

static void connect_to(struct apiserver *s, struct step *step, size_t member);
static void on_closed(struct apiserver *s, struct step *step);
static void on_response(struct apiserver *s, struct step *step, const struct etcd_response *r);
static void on_watch(struct apiserver *s, struct step *step, const struct etcd_watch_response *w);

void etcd_link_start(struct apiserver *s, struct step *step)
{
    CHECK(s->flags.etcd_count > 0 && s->flags.etcd_count <= APISERVER_ETCD_MAX);
    connect_to(s, step, 0);
}

void etcd_link_release(struct apiserver *s)
{
    struct etcd_link *l = &s->etcd;
    for (size_t i = 0; i < l->operations.count; i++)
        if (l->operations.items[i].request)
            message_unref(&l->operations.items[i].request->message);
    vec_release(&l->operations);
    vec_release(&l->free_operations);
}

static struct etcd_operation *operation_of(struct etcd_link *l, uint64_t id)
{
    size_t slot = (size_t)(id & ((1u << SLOT_BITS) - 1));
    if (id == 0 || slot >= l->operations.count || l->operations.items[slot].id != id)
        return NULL;
    return &l->operations.items[slot];
}

static struct etcd_operation *operation_add(struct etcd_link *l)
{
    size_t slot;
    if (l->free_operations.count > 0) {
        slot = vec_pop(&l->free_operations);
    } else {
        slot = l->operations.count;
        vec_push(&l->operations, (struct etcd_operation){0});
    }
    CHECK(slot < (1u << SLOT_BITS));
    l->generation++;
    l->in_flight++;
    l->operations.items[slot].id = ((uint64_t)l->generation << SLOT_BITS) | slot;
    return &l->operations.items[slot];
}

static void operation_remove(struct etcd_link *l, struct etcd_operation *o)
{
    uint32_t slot = (uint32_t)(o - l->operations.items);
    if (o->request)
        message_unref(&o->request->message);
    *o = (struct etcd_operation){0};
    l->in_flight--;
    vec_push(&l->free_operations, slot);
}

uint64_t etcd_link_send(struct apiserver *s, struct step *step, struct etcd_request *own_request,
                        etcd_answer_fn done, void *owner)
{
    struct etcd_link *l = &s->etcd;
    struct etcd_operation *o = operation_add(l);
    own_request->id = o->id;
    o->request = own_request;
    o->done = done;
    o->owner = owner;
    o->asked = step->now;
    if (l->stream != 0) {
        o->is_sent = true;
        step_send(step, l->stream, message_ref(&own_request->message));
    }
    return o->id;
}

void etcd_link_forget(struct apiserver *s, uint64_t operation)
{
    struct etcd_operation *o = operation_of(&s->etcd, operation);
    if (!o)
        return;
    if (!o->is_sent)
        operation_remove(&s->etcd, o);
    else
        o->done = NULL;
}

void etcd_link_watch(struct apiserver *s, struct step *step, int64_t revision)
{
    struct etcd_link *l = &s->etcd;
    if (l->stream == 0)
        return; /* comes again with the connection */
    struct etcd_request *r = etcd_request_new(ETCD_WATCH);
    l->generation++;
    l->watch_id = ((uint64_t)l->generation << SLOT_BITS) | ((1u << SLOT_BITS) - 1);
    r->id = l->watch_id;
    r->revision = revision;
    step_send(step, l->stream, &r->message);
}

bool etcd_link_input(struct apiserver *s, struct step *step, const struct input *in)
{
    struct etcd_link *l = &s->etcd;
    if (in->stream == 0 || in->stream != l->stream)
        return false;
    if (in->kind == INPUT_CLOSED) {
        on_closed(s, step);
    } else if (in->kind == INPUT_CONNECTED) {
        l->is_connected = true;
        l->failures = 0;
        if (l->was_lost)
            step_trace(step, "kube-apiserver", s->flags.name, "etcd: connected to member %d",
                       (int)l->member);
        l->was_lost = false;
        watch_caches_connected(s, step);
    } else if (in->kind == INPUT_MESSAGE) {
        if (in->message->type == &etcd_response_message)
            on_response(s, step, (const struct etcd_response *)in->message);
        else if (in->message->type == &etcd_watch_message)
            on_watch(s, step, (const struct etcd_watch_response *)in->message);
    }
    return true;
}

void etcd_link_timer(struct apiserver *s, struct step *step)
{
    s->etcd.timer = 0;
    if (s->etcd.stream == 0)
        connect_to(s, step, s->etcd.member);
}

/* ---- helpers ---- */

static void connect_to(struct apiserver *s, struct step *step, size_t member)
{
    struct etcd_link *l = &s->etcd;
    l->member = member;
    l->is_connected = false;
    l->stream = step_connect(step, s->flags.etcd[member]);
    step_stream_silence(step, l->stream, duration_s(KEEP_ALIVE_S));
    for (size_t i = 0; i < l->operations.count; i++) {
        struct etcd_operation *o = &l->operations.items[i];
        if (o->id != 0) {
            o->is_sent = true;
            step_send(step, l->stream, message_ref(&o->request->message));
        }
    }
}

static bool is_read(const struct etcd_request *r)
{
    return r->kind == ETCD_RANGE || r->kind == ETCD_STATUS;
}

static void on_closed(struct apiserver *s, struct step *step)
{
    struct etcd_link *l = &s->etcd;
    bool was_connected = l->is_connected;
    l->stream = 0;
    l->is_connected = false;
    l->watch_id = 0;
    l->failures++;
    if (was_connected && !l->was_lost)
        step_trace(step, "kube-apiserver", s->flags.name, "etcd: connection to member %d is lost",
                   (int)l->member);
    l->was_lost = true;
    l->member = (l->member + 1) % s->flags.etcd_count;

    /* Answering may send new operations, and they may take any slot: only those of before are
     * looked at. */
    VEC(uint64_t) lost = {0};
    for (size_t i = 0; i < l->operations.count; i++) {
        struct etcd_operation *o = &l->operations.items[i];
        if (o->id == 0)
            continue;
        if (was_connected && o->is_sent && !is_read(o->request))
            vec_push(&lost, o->id);
        o->is_sent = false;
    }
    for (size_t i = 0; i < lost.count; i++) {
        struct etcd_operation *o = operation_of(l, lost.items[i]);
        if (!o)
            continue; /* forgotten by the answer to another one */
        etcd_answer_fn done = o->done;
        void *owner = o->owner;
        operation_remove(l, o);
        if (done)
            done(s, step, NULL, owner);
    }
    vec_release(&lost);

    int round = l->failures / (int)s->flags.etcd_count;
    if (round == 0) {
        connect_to(s, step, l->member);
        return;
    }
    int64_t delay_ms = CONNECT_DELAY_FIRST_MS;
    for (int i = 1; i < round && delay_ms < CONNECT_DELAY_MAX_MS; i++)
        delay_ms = delay_ms * 8 / 5;
    if (delay_ms > CONNECT_DELAY_MAX_MS)
        delay_ms = CONNECT_DELAY_MAX_MS;
    l->timer = step_timer_set(step, instant_add(step->now, duration_ms(delay_ms)),
                              TIMER_TAG(TIMER_ETCD_CONNECT, 0));
}

static void on_response(struct apiserver *s, struct step *step, const struct etcd_response *r)
{
    struct etcd_operation *o = operation_of(&s->etcd, r->id);
    if (!o)
        return;
    etcd_answer_fn done = o->done;
    void *owner = o->owner;
    metrics_etcd(&s->metrics, o->request, r->error != ETCD_OK, instant_since(step->now, o->asked));
    operation_remove(&s->etcd, o);
    if (done)
        done(s, step, r, owner);
}

static void on_watch(struct apiserver *s, struct step *step, const struct etcd_watch_response *w)
{
    if (w->id != s->etcd.watch_id)
        return;
    if (!w->canceled) {
        if (w->count > 0)
            s->etcd.leaderless = 0;
        watch_caches_apply(s, step, w);
        return;
    }
    s->etcd.watch_id = 0;
    if (w->error == ETCD_ERROR_COMPACTED) {
        watch_caches_relist(s, step);
        return;
    }
    step_trace(step, "kube-apiserver", s->flags.name, "etcd: member %d ended the watch",
               (int)s->etcd.member);
    etcd_link_leave_member(s, step);
}

/* If none has a leader, they accept and turn away at once: that counts as a failure to connect. */
void etcd_link_leave_member(struct apiserver *s, struct step *step)
{
    stream_id stream = s->etcd.stream;
    if (stream == 0)
        return;
    s->etcd.failures = s->etcd.leaderless++;
    on_closed(s, step);
    step_close(step, stream);
}
