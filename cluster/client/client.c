/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a component to the API server: what client-go's rest client and its HTTP/2 transport
 * are together.
 *
 * A request first reserves a token (QPS and burst), and leaves when its instant has come and the
 * connection stands. Order is the order of client_send. All requests and watches share one
 * connection, which is opened with the first request and opened again when it was lost; an attempt
 * that fails answers everything that waits with code 0, as a dial error does, and the next attempt
 * is delayed: 100 ms, doubling up to 5 s, plus up to half of it at random.
 *
 * Outcome unknown. When a connection breaks, whatever was sent and not answered has code 0: it may
 * have been done. A request of which nothing has left yet stays in line for the next connection.
 *
 * DEVIATION: client-go dials anew for each request after a failed dial; here attempts are spaced by
 * one back-off per client. The difference shows only while no API server answers.
 *
 * Callbacks may call anything of this library, client_forget of the request at hand included: a
 * call is taken out of the table before its last callback runs, and the table is looked up again
 * after each watch event.
 */
#include "sim/base/base.h"

#include "cluster/client/client.h"

#include "cluster/api/object.h"
#include "cluster/client/token_bucket.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define RECONNECT_FIRST_MS 100
#define RECONNECT_MAX_MS 5000
/* client-go's HTTP/2 pings: 30 s of silence, then 15 s for the answer. */
#define SILENCE_SECONDS 45

struct call {
    uint64_t id;
    struct request *request; /* owned while it waits in line */
    struct instant ready_at; /* its token */
    struct instant deadline;
    response_fn done;
    watch_fn event;
    void *owner;
    uint64_t tag;
    struct call *next; /* in line */
};
struct after_hook {
    void (*after)(void *owner, struct step *step);
    void *owner;
};
/* Requests that wait, in order; their instants never decrease within a lane. */
struct lane {
    struct token_bucket bucket;
    const struct credential *credential; /* owned; NULL: the client's own */
    struct call *first, *last;
};
struct client {
    struct client_options options;
    struct value user_agent;
    VEC(struct lane) lanes;
    uint32_t lane; /* entered */
    stream_id stream;
    bool is_connected;
    uint64_t last_id;
    uint32_t attempts; /* failed in a row */
    struct map calls;  /* sent and not answered, by id */
    struct map lost;   /* being answered with code 0 */
    size_t waiting;    /* requests in line */
    struct client_timer line_timer, reconnect_timer, deadline_timer;
    VEC(struct client_timer *) timers; /* by slot - 1 */
    VEC(struct after_hook) hooks;
    int64_t event_stamp;
};

static void reconnect(void *owner, struct step *step);
static void line_move(void *owner, struct step *step);
static void deadline_check(void *owner, struct step *step);

static int by_id(const void *probe, const void *item)
{
    uint64_t a = ((const struct call *)probe)->id, b = ((const struct call *)item)->id;
    return a < b ? -1 : a > b;
}

/* ---- life ---- */

struct client *client_new(const struct client_options *options)
{
    struct client *c = mem_new(struct client);
    c->options = *options;
    c->options.credential = options->credential ? credential_ref(options->credential) : NULL;
    c->user_agent = value_string(str_from(options->user_agent ? options->user_agent : "wavetank"));
    (void)client_add_lane(c, 1, 1);
    c->calls.compare = by_id;
    c->lost.compare = by_id;
    c->line_timer = (struct client_timer){.fire = line_move, .owner = c};
    c->reconnect_timer = (struct client_timer){.fire = reconnect, .owner = c};
    c->deadline_timer = (struct client_timer){.fire = deadline_check, .owner = c};
    return c;
}

static void call_free(struct call *call)
{
    if (call->request)
        message_unref(&call->request->message);
    mem_free(call);
}

void client_free(struct client *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->lanes.count; i++) {
        for (struct call *call = c->lanes.items[i].first, *next; call; call = next) {
            next = call->next;
            call_free(call);
        }
        if (c->lanes.items[i].credential)
            credential_unref(c->lanes.items[i].credential);
    }
    vec_release(&c->lanes);
    for (struct map_cursor at = map_first(&c->calls); at.item; map_next(&at))
        call_free(at.item);
    map_release(&c->calls);
    map_release(&c->lost);
    if (c->options.credential)
        credential_unref(c->options.credential);
    value_drop(c->user_agent);
    vec_release(&c->timers);
    vec_release(&c->hooks);
    mem_free(c);
}

/* ---- timers ---- */

static uint64_t timer_tag(const struct client *c, uint32_t slot)
{
    return CLIENT_TAG_BIT | (uint64_t)c->options.number << 32 | slot;
}

void client_timer_set(struct client *c, struct step *step, struct client_timer *t,
                      struct instant at)
{
    CHECK(t->fire);
    if (t->slot == 0) {
        for (uint32_t i = 0; i < c->timers.count && t->slot == 0; i++)
            if (!c->timers.items[i])
                t->slot = i + 1;
        if (t->slot == 0) {
            vec_push(&c->timers, NULL);
            t->slot = (uint32_t)c->timers.count;
        }
        c->timers.items[t->slot - 1] = t;
    }
    if (t->timer && t->at.ns == at.ns)
        return;
    t->timer = step_timer_move(step, t->timer, at, timer_tag(c, t->slot));
    t->at = at;
}

void client_timer_cancel(struct client *c, struct step *step, struct client_timer *t)
{
    (void)c;
    if (t->timer)
        step_timer_cancel(step, t->timer);
    t->timer = 0;
}

void client_timer_release(struct client *c, struct client_timer *t)
{
    if (t->slot)
        c->timers.items[t->slot - 1] = NULL;
    t->slot = 0;
    t->timer = 0;
}

static bool timer_fire(struct client *c, struct step *step, const struct input *input)
{
    uint64_t slot = input->tag & UINT32_MAX;
    if (!(input->tag & CLIENT_TAG_BIT) || (input->tag & ~CLIENT_TAG_BIT) >> 32 != c->options.number)
        return false;
    if (slot == 0 || slot > c->timers.count)
        return true;
    struct client_timer *t = c->timers.items[slot - 1];
    if (!t || t->timer != input->timer)
        return true; /* of a part that is gone */
    t->timer = 0;
    t->fire(t->owner, step);
    return true;
}

void client_after_input(struct client *c, void (*after)(void *owner, struct step *step),
                        void *owner)
{
    vec_push(&c->hooks, (struct after_hook){after, owner});
}

uint64_t client_random_below(struct client *c, struct step *step, uint64_t limit)
{
    return step_random_below(step, c->options.random_purpose, limit);
}

int64_t client_event_stamp(struct client *c, const struct step *step)
{
    int64_t now = step->wall.unix_ns;
    c->event_stamp = now > c->event_stamp ? now : c->event_stamp + 1;
    return c->event_stamp;
}

/* ---- sending ---- */

/* The request is neither in line nor in the table when its answer is delivered. */
static void call_answer(struct call *own_call, struct step *step, const struct response *response)
{
    if (own_call->done)
        own_call->done(own_call->owner, step, response, own_call->tag);
    call_free(own_call);
}

static void call_answer_unknown(struct call *own_call, struct step *step)
{
    struct response *nothing = response_new(own_call->id, 0, VALUE_ABSENT);
    call_answer(own_call, step, nothing);
    message_unref(&nothing->message);
}

static void connect_if_needed(struct client *c, struct step *step)
{
    if (c->stream || c->reconnect_timer.timer || c->waiting == 0)
        return;
    c->stream = step_connect(step, c->options.server);
    step_stream_silence(step, c->stream, duration_s(SILENCE_SECONDS));
}

static void reconnect(void *owner, struct step *step)
{
    connect_if_needed(owner, step);
}

static void deadline_check(void *owner, struct step *step)
{
    struct client *c = owner;
    struct instant next = INSTANT_NEVER;
    struct map_cursor at = map_first(&c->calls);
    while (at.item) {
        struct call *call = at.item;
        if (call->deadline.ns > step->now.ns) {
            if (call->deadline.ns < next.ns)
                next = call->deadline;
            map_next(&at);
            continue;
        }
        map_remove(&c->calls, call);
        struct cancel *cancel = cancel_new(call->id);
        step_send(step, c->stream, &cancel->message);
        struct call after = {.id = call->id};
        call_answer_unknown(call, step);
        at = map_at_or_after(&c->calls, &after);
    }
    if (next.ns != INSTANT_NEVER.ns)
        client_timer_set(c, step, &c->deadline_timer, next);
}

static void call_dispatch(struct client *c, struct step *step, struct call *call)
{
    struct request *request = call->request;
    call->request = NULL;
    step_send(step, c->stream, &request->message);
    call->deadline = INSTANT_NEVER;
    if (c->options.request_timeout.ns > 0 && !call->event) {
        call->deadline = instant_add(step->now, c->options.request_timeout);
        if (!c->deadline_timer.timer)
            client_timer_set(c, step, &c->deadline_timer, call->deadline);
    }
    map_put(&c->calls, call);
}

/* Behind all that are ready no later. */
static void lane_put(struct lane *lane, struct call *own_call)
{
    struct call *before = NULL;
    if (lane->last && lane->last->ready_at.ns <= own_call->ready_at.ns)
        before = lane->last;
    for (struct call *call = lane->first; !before && call; call = call->next) {
        if (call->ready_at.ns > own_call->ready_at.ns)
            break;
        if (!call->next || call->next->ready_at.ns > own_call->ready_at.ns)
            before = call;
    }
    own_call->next = before ? before->next : lane->first;
    *(before ? &before->next : &lane->first) = own_call;
    if (lane->last == before)
        lane->last = own_call;
}

static struct call *lane_pop(struct client *c, struct lane *lane)
{
    struct call *call = lane->first;
    lane->first = call->next;
    if (!lane->first)
        lane->last = NULL;
    c->waiting--;
    return call;
}

static void line_move(void *owner, struct step *step)
{
    struct client *c = owner;
    connect_if_needed(c, step);
    if (!c->is_connected)
        return;
    struct instant next = INSTANT_NEVER;
    for (size_t i = 0; i < c->lanes.count && c->waiting > 0; i++) {
        struct lane *lane = &c->lanes.items[i];
        while (lane->first && lane->first->ready_at.ns <= step->now.ns)
            call_dispatch(c, step, lane_pop(c, lane));
        if (lane->first && lane->first->ready_at.ns < next.ns)
            next = lane->first->ready_at;
    }
    if (next.ns != INSTANT_NEVER.ns)
        client_timer_set(c, step, &c->line_timer, next);
}

uint32_t client_add_lane(struct client *c, int qps_factor, int burst_factor)
{
    struct token_bucket bucket = token_bucket((int64_t)c->options.qps * qps_factor, duration_s(1),
                                              (int64_t)c->options.burst * burst_factor);
    vec_push(&c->lanes, (struct lane){.bucket = bucket});
    return (uint32_t)c->lanes.count - 1;
}

uint32_t client_enter_lane(struct client *c, uint32_t lane)
{
    CHECK(lane < c->lanes.count);
    uint32_t before = c->lane;
    c->lane = lane;
    return before;
}

void client_lane_credential(struct client *c, uint32_t lane, const struct credential *credential)
{
    CHECK(lane < c->lanes.count && !c->lanes.items[lane].credential);
    c->lanes.items[lane].credential = credential_ref(credential);
}

static void stamp(struct client *c, struct request *r)
{
    r->id = ++c->last_id;
    const struct credential *lane = c->lanes.items[c->lane].credential;
    const struct credential *credential = lane ? lane : c->options.credential;
    if (!r->credential && credential)
        r->credential = credential_ref(credential);
    if (!value_is_present(r->user_agent))
        r->user_agent = value_keep(c->user_agent);
    if (!value_is_present(r->field_manager) && r->verb != VERB_GET && r->verb != VERB_LIST &&
        r->verb != VERB_WATCH)
        r->field_manager = value_keep(c->user_agent);
}

static uint64_t enqueue(struct client *c, struct step *step, struct request *own_request,
                        struct call call)
{
    stamp(c, own_request);
    struct call *own_call = mem_new(struct call);
    *own_call = call;
    own_call->id = own_request->id;
    own_call->request = own_request;
    struct lane *lane = &c->lanes.items[c->lane];
    /* Watches are not rate limited: they go before what waits for its turn. */
    own_call->ready_at =
        own_call->event ? step->now : token_bucket_reserve(&lane->bucket, step->now);
    lane_put(lane, own_call);
    c->waiting++;
    uint64_t id = own_request->id;
    line_move(c, step);
    return id;
}

uint64_t client_send(struct client *c, struct step *step, struct request *own_request,
                     response_fn done, void *owner, uint64_t tag)
{
    CHECK(own_request->verb != VERB_WATCH);
    return enqueue(c, step, own_request, (struct call){.done = done, .owner = owner, .tag = tag});
}

uint64_t client_watch(struct client *c, struct step *step, struct request *own_request,
                      response_fn opened, watch_fn event, void *owner, uint64_t tag)
{
    CHECK(own_request->verb == VERB_WATCH && event);
    return enqueue(c, step, own_request,
                   (struct call){.done = opened, .event = event, .owner = owner, .tag = tag});
}

/* The one of this id, taken out of its line; NULL when it is not in line. */
static struct call *take_waiting(struct client *c, uint64_t id)
{
    for (size_t i = 0; i < c->lanes.count; i++) {
        struct lane *lane = &c->lanes.items[i];
        struct call *before = NULL, *call = lane->first;
        for (; call && call->id != id; call = call->next)
            before = call;
        if (!call)
            continue;
        if (before)
            before->next = call->next;
        else
            lane->first = call->next;
        if (lane->last == call)
            lane->last = before;
        c->waiting--;
        return call;
    }
    return NULL;
}

void client_forget(struct client *c, struct step *step, uint64_t id)
{
    struct call *call = take_waiting(c, id);
    if (!call)
        call = map_remove(&c->lost, &(struct call){.id = id});
    if (call) {
        call_free(call);
        return;
    }
    call = map_remove(&c->calls, &(struct call){.id = id});
    if (!call)
        return;
    call_free(call);
    struct cancel *cancel = cancel_new(id);
    step_send(step, c->stream, &cancel->message);
}

/* ---- the connection ---- */

static void attempt_failed(struct client *c, struct step *step)
{
    int64_t wait_ms = RECONNECT_FIRST_MS << (c->attempts < 6 ? c->attempts : 6);
    wait_ms = wait_ms < RECONNECT_MAX_MS ? wait_ms : RECONNECT_MAX_MS;
    wait_ms += (int64_t)client_random_below(c, step, (uint64_t)wait_ms / 2 + 1);
    c->attempts++;
    client_timer_set(c, step, &c->reconnect_timer, instant_add(step->now, duration_ms(wait_ms)));
    for (size_t i = 0; i < c->lanes.count; i++)
        while (c->lanes.items[i].first)
            map_put(&c->lost, lane_pop(c, &c->lanes.items[i]));
}

static void on_closed(struct client *c, struct step *step)
{
    CHECK(c->lost.count == 0);
    bool was_connected = c->is_connected;
    c->lost = c->calls;
    c->calls = (struct map){.compare = by_id};
    c->stream = 0;
    c->is_connected = false;
    client_timer_cancel(c, step, &c->line_timer);
    if (!was_connected)
        attempt_failed(c, step);
    /* One at a time: a callback may forget another of them. */
    struct call *call;
    while ((call = map_first(&c->lost).item)) {
        map_remove(&c->lost, call);
        call_answer_unknown(call, step);
    }
    connect_if_needed(c, step);
}

static void on_watch_event(struct client *c, struct step *step, const struct watch_event *e)
{
    struct call *call = map_get(&c->calls, &(struct call){.id = e->id});
    if (!call || !call->event)
        return;
    if (e->type != WATCH_END) {
        call->event(call->owner, step, e, call->tag);
        return;
    }
    map_remove(&c->calls, call);
    call->event(call->owner, step, e, call->tag);
    call_free(call);
}

static void on_response(struct client *c, struct step *step, const struct response *r)
{
    struct call *call = map_get(&c->calls, &(struct call){.id = r->id});
    if (!call)
        return;
    if (call->event && response_ok(r)) {
        if (call->done)
            call->done(call->owner, step, r, call->tag);
        return;
    }
    map_remove(&c->calls, call);
    call_answer(call, step, r);
}

static void on_message(struct client *c, struct step *step, const struct message *m)
{
    if (m->type == &response_message)
        on_response(c, step, (const struct response *)m);
    else if (m->type == &watch_event_message)
        on_watch_event(c, step, (const struct watch_event *)m);
    /* An API server sends nothing else; what a fault might put here is nobody's. */
}

static bool handle(struct client *c, struct step *step, const struct input *input)
{
    if (input->kind == INPUT_TIMER)
        return timer_fire(c, step, input);
    if (c->stream == 0 || input->stream != c->stream)
        return false;
    if (input->kind == INPUT_CONNECTED) {
        c->is_connected = true;
        c->attempts = 0;
        line_move(c, step);
    } else if (input->kind == INPUT_MESSAGE) {
        on_message(c, step, input->message);
    } else if (input->kind == INPUT_CLOSED) {
        on_closed(c, step);
    } else {
        return false;
    }
    return true;
}

bool client_input(struct client *c, struct step *step, const struct input *input)
{
    if (!handle(c, step, input))
        return false;
    for (size_t i = 0; i < c->hooks.count; i++)
        c->hooks.items[i].after(c->hooks.items[i].owner, step);
    return true;
}

/* ---- requests that every writer needs ---- */

static struct request *body_request(enum verb verb, const struct resource *r,
                                    struct value own_object)
{
    struct request *request;
    if (value_is_present(object_name(own_object))) {
        const struct object_key *key = object_key_of_object(r->storage, own_object);
        request = request_for_key(verb, key);
        object_key_unref(key);
        request->resource = r;
    } else {
        CHECK(verb == VERB_CREATE);
        request = request_new(verb, r);
        request->namespace = value_keep(object_namespace(own_object));
    }
    request->body = own_object;
    request->is_typed = true;
    return request;
}

struct request *client_create_request(const struct resource *r, struct value own_object)
{
    return body_request(VERB_CREATE, r, own_object);
}

struct request *client_update_request(const struct resource *r, struct value own_object,
                                      enum subresource subresource)
{
    struct request *request = body_request(VERB_UPDATE, r, own_object);
    request->subresource = subresource;
    return request;
}

struct request *client_patch_request(const struct object_key *k, enum patch_type type,
                                     struct value own_patch, enum subresource subresource)
{
    struct request *request = request_for_key(VERB_PATCH, k);
    request->patch_type = type;
    request->body = own_patch;
    request->subresource = subresource;
    request->is_typed = true;
    return request;
}

struct request *client_delete_request(const struct object_key *k, struct value uid_precondition)
{
    struct request *request = request_for_key(VERB_DELETE, k);
    if (value_is_present(uid_precondition))
        request_delete_options(request)->precondition_uid = value_keep(uid_precondition);
    return request;
}
