/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: connections between two processes, as TCP gives them.
 *
 * Each direction is a list of packets in order; only its head has an event in the queue, with the
 * tie it got when it was sent. A packet arrives after the latency of the path, never before the one
 * ahead of it.
 *
 * Opening: SYN to the host of the address; its kernel refuses (nobody listens) or answers SYN-ACK;
 * the client is told, ACK and whatever was sent meanwhile follow; the ACK tells the server's
 * process. A host that is down or cut off answers nothing: the client's connect timer decides.
 * DEVIATION: no TLS handshake; real connections take one or two round trips more.
 *
 * Silence: a path that is cut, a paused peer or host, a host without power. Packets under way to a
 * cut path are held, and sent again when it heals, at the instant the retransmission timer would
 * next fire. An end that hears nothing, not even the answers to its pings, is told CLOSE_TIMEOUT
 * after its limit. Pings are free: only silence makes an event, one timer for each end that endures
 * it. A packet that is sent again and again because the path loses it holds up everything behind
 * it, pings and their answers too: an end whose stream stands still that way for its limit, and
 * that hears nothing else, is told the same. DEVIATION: the limit counts from the start of the
 * silence, not from the last ping before it, and a sender does not give up by itself on data that
 * is never acknowledged (real ones do after some 15 minutes): its own keep-alive or its peer's ends
 * the stream long before. There is no flow control.
 *
 * Death of a process closes its ends: what it had sent arrives, then FIN. Power loss leaves its
 * ends "vanished": the peer learns by silence, or by a reset if the host is up again before that.
 *
 * Invariants: a used stream has an end that is open, connecting, or has something to be told; a
 * direction has an event if and only if its head is under way; an id never means another stream.
 */
#include "sim/world.h"

#define KEEPALIVE_NS INT64_C(15000000000)
#define RETRANSMIT_NS INT64_C(200000000)
#define RETRANSMIT_SYN_NS INT64_C(1000000000)
#define CONTROL_BYTES 60
#define BALANCER_PATIENCE duration_s(3)
#define END_BITS (STREAM_INDEX_BITS + 1)

/* ---- streams, ends, packets ---- */

static struct stream *stream_at(const struct sim *sim, uint32_t index)
{
    return &sim->stream_chunks.items[index / STREAM_CHUNK][index % STREAM_CHUNK];
}

static stream_id end_id(const struct stream *s, int side)
{
    return s->generation << END_BITS | (uint64_t)s->index << 1 | (uint64_t)side;
}

/* The stream of which `id` is one end, or NULL when it is gone. */
static struct stream *stream_find(const struct sim *sim, stream_id id)
{
    uint32_t index = (uint32_t)(id & ((1u << END_BITS) - 1)) >> 1;
    if (id == 0 || index >= sim->stream_count)
        return NULL;
    struct stream *s = stream_at(sim, index);
    return s->is_used && s->generation == id >> END_BITS ? s : NULL;
}

static int side_of(stream_id id)
{
    return (int)(id & 1);
}

void stream_prefetch(const struct sim *sim, stream_id id)
{
    uint32_t index = (uint32_t)(id & ((1u << END_BITS) - 1)) >> 1;
    CHECK(index < sim->stream_count);
    const char *s = (const char *)stream_at(sim, index);
    for (size_t at = 0; at < sizeof(struct stream); at += 64)
        __builtin_prefetch(s + at, 1);
}

static struct stream *stream_new(struct sim *sim)
{
    uint32_t index;
    if (sim->free_stream) {
        index = sim->free_stream - 1;
        sim->free_stream = stream_at(sim, index)->next_free;
    } else {
        index = sim->stream_count++;
        CHECK(index < 1u << STREAM_INDEX_BITS);
        if (index % STREAM_CHUNK == 0)
            vec_push(&sim->stream_chunks, mem_array(struct stream, STREAM_CHUNK));
    }
    struct stream *s = stream_at(sim, index);
    *s = (struct stream){.generation = s->generation + 1, .index = index, .is_used = true};
    CHECK(s->generation < UINT64_C(1) << (64 - END_BITS));
    return s;
}

static struct end *end_at(const struct sim *sim, uint32_t link)
{
    return &stream_at(sim, (link - 1) >> 1)->ends[(link - 1) & 1];
}

static void end_link(struct sim *sim, struct stream *s, int side)
{
    struct end *end = &s->ends[side];
    struct host *host = host_of(sim, end->host);
    uint32_t link = (s->index << 1 | (uint32_t)side) + 1;
    end->previous = 0;
    end->next = host->first_end;
    if (end->next)
        end_at(sim, end->next)->previous = link;
    host->first_end = link;
}

static void end_unlink(struct sim *sim, struct end *end)
{
    if (!end->host)
        return;
    if (end->next)
        end_at(sim, end->next)->previous = end->previous;
    if (end->previous)
        end_at(sim, end->previous)->next = end->next;
    else
        host_of(sim, end->host)->first_end = end->next;
    end->host = 0;
    end->next = end->previous = 0;
}

static struct packet *packet_new(struct sim *sim, enum packet_kind kind, struct message *message)
{
    enum { CHUNK = 128 };
    if (!sim->free_packets) {
        struct packet *chunk = mem_array(struct packet, CHUNK);
        vec_push(&sim->packet_chunks, chunk);
        for (size_t i = 0; i < CHUNK; i++) {
            chunk[i].next = sim->free_packets;
            sim->free_packets = &chunk[i];
        }
    }
    struct packet *p = sim->free_packets;
    sim->free_packets = p->next;
    *p = (struct packet){.message = message, .arrival = HELD, .kind = (uint8_t)kind};
    return p;
}

/* Gives the packet back; its message stays the caller's. */
static void packet_free(struct sim *sim, struct packet *p)
{
    p->next = sim->free_packets;
    sim->free_packets = p;
}

static void direction_drop(struct sim *sim, struct direction *d)
{
    queue_drop(sim->queue, d->event);
    d->event = 0;
    d->is_stalled = false;
    while (d->head) {
        struct packet *p = d->head;
        d->head = p->next;
        message_unref(p->message);
        packet_free(sim, p);
    }
    d->tail = NULL;
}

static void stream_free(struct sim *sim, struct stream *s)
{
    for (int side = 0; side < 2; side++) {
        direction_drop(sim, &s->toward[side]);
        mem_free(s->toward[side].counters.items);
        s->toward[side].counters = (struct kind_counters){0};
        queue_drop(sim->queue, s->ends[side].silence);
        end_unlink(sim, &s->ends[side]);
    }
    s->is_used = false;
    s->next_free = sim->free_stream;
    sim->free_stream = s->index + 1;
}

/* ---- sending ---- */

static void silence_update(struct sim *sim, struct stream *s, int side);

/* Lets the head travel, if it may. */
static void direction_start(struct sim *sim, struct stream *s, int side)
{
    struct direction *d = &s->toward[side];
    if (!d->head || d->event || d->head->arrival == HELD)
        return;
    struct event event = {EVENT_STREAM, s->ends[side].process, end_id(s, side)};
    struct instant at = {d->head->arrival};
    if (at.ns < sim->now)
        at = now_of(sim); /* it came behind one that a stopped process has only now taken */
    d->event = queue_push(sim->queue, at, d->head->tie, &event);
    int64_t wait = at.ns - sim->now;
    if (UNLIKELY(wait > s->ends[0].silence_limit || wait > s->ends[1].silence_limit)) {
        d->is_stalled = true;
        silence_update(sim, s, 0);
        silence_update(sim, s, 1);
    }
}

/* When a packet that leaves at `departure` arrives. One lost beyond endurance becomes a reset. */
static void packet_fly(struct sim *sim, struct stream *s, int side, struct packet *p,
                       int64_t departure)
{
    struct direction *d = &s->toward[side];
    const struct end *from = &s->ends[!side], *to = &s->ends[side];
    struct flight flight = {.from = {from->host, from->process},
                            .to = {to->host, to->process},
                            .key = d->key,
                            .kind =
                                p->message ? p->message->type->kind : PACKET_KIND_BASE + p->kind,
                            .size_bytes = p->message ? p->message->size_bytes : CONTROL_BYTES,
                            .is_stream = true};
    flight.n = p->message ? kind_count(&d->counters, flight.kind) : d->control_count++;
    int64_t latency = network_latency(sim, &flight);
    if (UNLIKELY(latency == HELD)) {
        message_unref(p->message);
        p->message = NULL;
        p->kind = PACKET_RESET;
        p->reason = CLOSE_RESET;
        latency = retransmission_after(0, INT64_C(924000000000), RETRANSMIT_NS);
    }
    p->arrival = departure + latency;
    if (p->arrival < d->last_arrival)
        p->arrival = d->last_arrival;
    d->last_arrival = p->arrival;
}

/* What a client sends before it is connected waits for that. */
static bool packet_waits(const struct stream *s, int side, const struct packet *p)
{
    return side == 1 && s->ends[0].state == END_CONNECTING && p->kind == PACKET_MESSAGE;
}

static void packet_append(struct sim *sim, struct stream *s, int side, struct packet *p)
{
    struct direction *d = &s->toward[side];
    p->tie = tie_next(sim, CLASS_NETWORK, s->ends[!side].process);
    if (d->tail)
        d->tail->next = p;
    else
        d->head = p;
    d->tail = p;
    if (d->is_blocked || packet_waits(s, side, p))
        return;
    packet_fly(sim, s, side, p, sim->now);
    direction_start(sim, s, side);
}

/* SYN and ACK go before what the client has sent meanwhile. */
static void packet_prepend(struct sim *sim, struct stream *s, struct packet *p)
{
    struct direction *d = &s->toward[1];
    CHECK(!d->event);
    p->tie = tie_next(sim, CLASS_NETWORK, s->ends[0].process);
    p->next = d->head;
    d->head = p;
    if (!d->tail)
        d->tail = p;
    if (d->is_blocked)
        return;
    packet_fly(sim, s, 1, p, sim->now);
    direction_start(sim, s, 1);
}

static void packet_send(struct sim *sim, struct stream *s, int side, enum packet_kind kind,
                        enum close_reason reason)
{
    struct packet *p = packet_new(sim, kind, NULL);
    p->reason = (uint8_t)reason;
    packet_append(sim, s, side, p);
}

/* ---- silence ---- */

static bool path_is_blocked(const struct sim *sim, const struct stream *s, int side)
{
    const struct end *from = &s->ends[!side], *to = &s->ends[side];
    if (!to->host || !from->host)
        return false;
    const struct host *host = host_of(sim, to->host);
    if (host->is_paused || (!host->is_up && to->state != END_VANISHED))
        return true;
    return UNLIKELY(sim->rules.count) &&
           network_is_cut(sim, (struct path_end){from->host, from->process},
                          (struct path_end){to->host, to->process});
}

static bool end_hears_nothing(const struct sim *sim, const struct stream *s, int side)
{
    const struct end *peer = &s->ends[!side];
    if (s->toward[side].is_blocked || peer->state == END_VANISHED)
        return true;
    if (s->toward[side].is_stalled || s->toward[!side].is_stalled)
        return true;
    if (peer->state == END_CLOSED || !peer->process)
        return false;
    const struct process *p = process_of(sim, peer->process);
    return p->run_state == PROCESS_PAUSED || p->is_host_paused;
}

static void silence_set(struct sim *sim, struct stream *s, int side, struct duration limit)
{
    struct end *end = &s->ends[side];
    queue_drop(sim->queue, end->silence);
    struct event event = {EVENT_SILENCE, 0, end_id(s, side)};
    end->silence = queue_push(sim->queue, instant_add(now_of(sim), limit),
                              tie_next(sim, CLASS_NETWORK, end->process), &event);
}

/* Starts or ends the timer of an end that endures silence. */
static void silence_update(struct sim *sim, struct stream *s, int side)
{
    struct end *end = &s->ends[side];
    if (end->state != END_OPEN)
        return;
    bool is_silent = end_hears_nothing(sim, s, side);
    if (is_silent && !end->silence) {
        silence_set(sim, s, side, (struct duration){end->silence_limit});
    } else if (!is_silent && end->silence) {
        queue_drop(sim->queue, end->silence);
        end->silence = 0;
    }
}

/* Something has arrived at an end that endures silence: it waits anew, if it still has reason to.
 */
static void silence_hears(struct sim *sim, struct stream *s, int side)
{
    silence_update(sim, s, 0);
    silence_update(sim, s, 1);
    if (s->ends[side].state == END_OPEN && s->ends[side].silence)
        silence_set(sim, s, side, (struct duration){s->ends[side].silence_limit});
}

static void direction_block(struct sim *sim, struct direction *d)
{
    d->is_blocked = true;
    d->blocked_since = sim->now;
    queue_drop(sim->queue, d->event);
    d->event = 0;
    d->is_stalled = false;
    for (struct packet *p = d->head; p; p = p->next)
        p->arrival = HELD;
    d->last_arrival = sim->now;
}

/* What was held is sent again when the sender's retransmission timer next fires. */
static void direction_unblock(struct sim *sim, struct stream *s, int side)
{
    struct direction *d = &s->toward[side];
    d->is_blocked = false;
    if (s->ends[!side].state == END_VANISHED && d->head && d->head->kind != PACKET_RESET)
        direction_drop(sim, d); /* nobody is left to send it again */
    bool is_syn = d->head && d->head->kind == PACKET_SYN;
    int64_t departure = retransmission_after(d->blocked_since, sim->now,
                                             is_syn ? RETRANSMIT_SYN_NS : RETRANSMIT_NS);
    for (struct packet *p = d->head; p && !packet_waits(s, side, p); p = p->next)
        packet_fly(sim, s, side, p, departure);
    direction_start(sim, s, side);
}

static void stream_refresh(struct sim *sim, struct stream *s)
{
    for (int side = 0; side < 2; side++) {
        struct direction *d = &s->toward[side];
        bool is_blocked = path_is_blocked(sim, s, side);
        if (is_blocked && !d->is_blocked)
            direction_block(sim, d);
        else if (!is_blocked && d->is_blocked)
            direction_unblock(sim, s, side);
    }
    silence_update(sim, s, 0);
    silence_update(sim, s, 1);
}

/* ---- closing ---- */

/* This end is gone. The peer gets what was sent, then the packet that says so. */
static void end_close(struct sim *sim, struct stream *s, int side, enum packet_kind kind,
                      enum close_reason reason)
{
    struct end *end = &s->ends[side], *peer = &s->ends[!side];
    enum end_state before = end->state;
    direction_drop(sim, &s->toward[side]);
    queue_drop(sim->queue, end->silence);
    end->silence = 0;
    bool peer_knows = peer->state == END_OPEN || peer->state == END_CONNECTING ||
                      (peer->state == END_PENDING && before == END_OPEN);
    end->state = END_CLOSED;
    if (!peer_knows) {
        stream_free(sim, s);
        return;
    }
    packet_send(sim, s, !side, kind, reason);
}

static void end_vanish(struct sim *sim, struct stream *s, int side)
{
    struct end *end = &s->ends[side], *peer = &s->ends[!side];
    enum end_state before = end->state;
    direction_drop(sim, &s->toward[side]);
    queue_drop(sim->queue, end->silence);
    end->silence = 0;
    s->toward[side].blocked_since = sim->now;
    end->state = END_VANISHED;
    bool peer_knows = peer->state == END_OPEN || peer->state == END_CONNECTING ||
                      (peer->state == END_PENDING && before == END_OPEN);
    if (peer_knows)
        silence_update(sim, s, !side);
    else
        stream_free(sim, s);
}

static void tell_closed(struct sim *sim, process_id process, stream_id id, enum close_reason reason)
{
    struct input in = {.kind = INPUT_CLOSED, .stream = id, .reason = reason};
    if (process && process_of(sim, process)->run_state != PROCESS_DEAD)
        process_input(sim, process, &in);
}

void stream_reset_now(struct sim *sim, stream_id id)
{
    struct stream *s = stream_find(sim, id);
    if (!s)
        return;
    process_id process = s->ends[side_of(id)].process;
    end_close(sim, s, side_of(id), PACKET_RESET, CLOSE_RESET);
    tell_closed(sim, process, id, CLOSE_RESET);
}

/* ---- opening ---- */

/* Asks the next backend (or the address itself). False: all have been asked. */
static bool connect_try(struct sim *sim, struct stream *s)
{
    const struct address *asked = address_of(sim, s->asked);
    size_t choices = asked->backend_count ? asked->backend_count : 1;
    if (s->attempts == choices)
        return false;
    s->attempts++;
    s->used = address_backend(sim, s->asked);
    end_unlink(sim, &s->ends[1]);
    s->ends[1].host = address_host(sim, s->used);
    s->ends[1].process = address_of(sim, s->used)->listener;
    s->ends[1].state = END_NONE;
    struct duration patience = STREAM_CONNECT_TIMEOUT;
    if (s->attempts < choices)
        patience = BALANCER_PATIENCE;
    silence_set(sim, s, 0, patience);
    struct direction *d = &s->toward[1];
    direction_drop(sim, &s->toward[0]); /* an answer that came too late */
    queue_drop(sim->queue, d->event);
    d->event = 0;
    if (d->head && d->head->kind == PACKET_SYN) { /* the one that was never answered */
        struct packet *old = d->head;
        d->head = old->next;
        if (!d->head)
            d->tail = NULL;
        packet_free(sim, old);
    }
    if (!s->ends[1].host)
        return true; /* nobody's address: silence */
    end_link(sim, s, 1);
    for (int side = 0; side < 2; side++) {
        s->toward[side].is_blocked = path_is_blocked(sim, s, side);
        s->toward[side].blocked_since = sim->now;
    }
    packet_prepend(sim, s, packet_new(sim, PACKET_SYN, NULL));
    return true;
}

stream_id step_connect(struct step *step, address_id address)
{
    struct sim *sim = step->sim;
    struct process *p = process_of(sim, step->process);
    struct stream *s = stream_new(sim);
    s->asked = address;
    s->ends[0].process = step->process;
    s->ends[0].host = p->host;
    s->ends[0].state = END_CONNECTING;
    s->ends[0].silence_limit = s->ends[1].silence_limit = STREAM_SILENCE_DEFAULT.ns;
    end_link(sim, s, 0);
    uint64_t key = hash_pair(hash_pair(p->random_key, PURPOSE_LATENCY), p->connects++);
    s->toward[0].key = hash_pair(key, 0);
    s->toward[1].key = hash_pair(key, 1);
    CHECK(connect_try(sim, s));
    return end_id(s, 0);
}

/* At the server's host: its kernel answers. */
static void syn_arrives(struct sim *sim, struct stream *s)
{
    struct end *end = &s->ends[1];
    process_id listener = address_of(sim, s->used)->listener;
    if (!listener || process_of(sim, listener)->host != end->host) {
        packet_send(sim, s, 0, PACKET_RESET, CLOSE_REFUSED);
        return;
    }
    end->process = listener;
    end->state = END_PENDING;
    packet_send(sim, s, 0, PACKET_SYN_ACK, CLOSE_BY_PEER);
}

/* At the client: connected. ACK, then what waited. */
static void syn_ack_arrives(struct sim *sim, struct stream *s)
{
    struct end *end = &s->ends[0];
    queue_drop(sim->queue, end->silence);
    end->silence = 0;
    end->state = END_OPEN;
    struct packet *first_waiting = s->toward[1].head;
    packet_prepend(sim, s, packet_new(sim, PACKET_ACK, NULL));
    if (!s->toward[1].is_blocked)
        for (struct packet *p = first_waiting; p; p = p->next)
            packet_fly(sim, s, 1, p, sim->now);
    silence_update(sim, s, 0);
    struct input in = {.kind = INPUT_CONNECTED,
                       .stream = end_id(s, 0),
                       .address = s->asked,
                       .peer = s->ends[1].process};
    process_input(sim, end->process, &in);
}

static void ack_arrives(struct sim *sim, struct stream *s)
{
    struct end *end = &s->ends[1];
    if (end->state != END_PENDING)
        return; /* its process has died meanwhile: the client is being told */
    end->state = END_OPEN;
    silence_update(sim, s, 1);
    struct input in = {.kind = INPUT_ACCEPTED,
                       .stream = end_id(s, 1),
                       .address = s->used,
                       .peer = s->ends[0].process};
    process_input(sim, end->process, &in);
}

/* ---- arrivals ---- */

static void message_arrives(struct sim *sim, struct stream *s, int side, struct message *message)
{
    process_id from = s->ends[!side].process, to = s->ends[side].process;
    stream_id id = end_id(s, side);
    CHECK(s->ends[side].state == END_OPEN);
    if (UNLIKELY(sim->trips.count) && trips_act(sim, id, from, to, message, false)) {
        message_unref(message);
        return;
    }
    struct input in = {.kind = INPUT_MESSAGE, .stream = id, .peer = from, .message = message};
    process_input(sim, to, &in);
    if (UNLIKELY(sim->trips.count))
        trips_act(sim, id, from, to, message, true);
    message_unref(message);
}

static void end_arrives(struct sim *sim, struct stream *s, int side, enum close_reason reason)
{
    struct end *end = &s->ends[side];
    process_id process = end->process;
    stream_id id = end_id(s, side);
    if (end->state == END_CONNECTING && reason == CLOSE_REFUSED && connect_try(sim, s))
        return;
    bool tells = end->state == END_OPEN || end->state == END_CONNECTING;
    end_close(sim, s, side, PACKET_RESET, CLOSE_RESET);
    if (tells)
        tell_closed(sim, process, id, reason);
}

void stream_deliver(struct sim *sim, const struct popped *popped)
{
    stream_id id = popped->event.argument;
    struct stream *s = stream_find(sim, id);
    CHECK(s != NULL);
    int side = side_of(id);
    struct direction *d = &s->toward[side];
    struct packet *p = d->head;
    process_id process = s->ends[side].process;
    CHECK(p && d->event == popped->handle);
    if (p->kind != PACKET_SYN && process && process_is_stopped(process_of(sim, process))) {
        process_park(sim, process, popped->handle);
        return;
    }
    queue_drop(sim->queue, popped->handle);
    d->event = 0;
    d->head = p->next;
    if (!d->head)
        d->tail = NULL;
    struct packet arrived = *p;
    packet_free(sim, p);
    d->is_stalled = false;
    direction_start(sim, s, side);
    if (UNLIKELY(s->ends[0].silence || s->ends[1].silence))
        silence_hears(sim, s, side);
    switch ((enum packet_kind)arrived.kind) {
    case PACKET_MESSAGE:
        message_arrives(sim, s, side, arrived.message);
        break;
    case PACKET_SYN:
        syn_arrives(sim, s);
        break;
    case PACKET_SYN_ACK:
        syn_ack_arrives(sim, s);
        break;
    case PACKET_ACK:
        ack_arrives(sim, s);
        break;
    case PACKET_FIN:
    case PACKET_RESET:
        end_arrives(sim, s, side, (enum close_reason)arrived.reason);
        break;
    }
}

void stream_silence(struct sim *sim, const struct popped *popped)
{
    stream_id id = popped->event.argument;
    struct stream *s = stream_find(sim, id);
    CHECK(s != NULL);
    struct end *end = &s->ends[side_of(id)];
    process_id process = end->process;
    if (process_is_stopped(process_of(sim, process))) {
        process_park(sim, process, popped->handle);
        return;
    }
    queue_drop(sim->queue, popped->handle);
    end->silence = 0;
    if (end->state == END_CONNECTING && connect_try(sim, s))
        return;
    end_close(sim, s, side_of(id), PACKET_FIN, CLOSE_BY_PEER);
    tell_closed(sim, process, id, CLOSE_TIMEOUT);
}

/* ---- what processes ask for ---- */

/* The stream if `id` is an end of the process that asks. */
static struct stream *own_stream(struct step *step, stream_id id)
{
    struct stream *s = stream_find(step->sim, id);
    if (!s)
        return NULL;
    const struct end *end = &s->ends[side_of(id)];
    CHECK(end->process == step->process);
    return end->state == END_OPEN || end->state == END_CONNECTING ? s : NULL;
}

/* Towards a host that has lost power. If it is up again, its kernel answers with a reset, a round
 * trip from now; else the sender keeps trying. */
static void send_into_silence(struct sim *sim, struct stream *s, int to)
{
    s->toward[to].has_unacked = true;
    struct direction *back = &s->toward[!to];
    if (s->ends[to].state != END_VANISHED || s->toward[to].is_blocked || back->is_blocked ||
        !host_of(sim, s->ends[to].host)->is_up)
        return;
    int64_t back_again = sim->now + 2 * sim->options.latency.ns;
    if (back->head && back->head->arrival <= back_again)
        return; /* one is on its way */
    direction_drop(sim, back);
    back->last_arrival = back_again;
    packet_send(sim, s, !to, PACKET_RESET, CLOSE_RESET);
}

void step_send(struct step *step, stream_id id, struct message *own_message)
{
    struct stream *s = own_stream(step, id);
    int to = !side_of(id);
    if (!s || s->ends[to].state == END_CLOSED || s->ends[to].state == END_VANISHED) {
        if (s)
            send_into_silence(step->sim, s, to);
        message_unref(own_message);
        return;
    }
    packet_append(step->sim, s, to, packet_new(step->sim, PACKET_MESSAGE, own_message));
}

void step_close(struct step *step, stream_id id)
{
    struct stream *s = own_stream(step, id);
    if (s)
        end_close(step->sim, s, side_of(id), PACKET_FIN, CLOSE_BY_PEER);
}

void step_stream_silence(struct step *step, stream_id id, struct duration limit)
{
    struct stream *s = own_stream(step, id);
    CHECK(limit.ns > 0);
    if (!s)
        return;
    struct end *end = &s->ends[side_of(id)];
    end->silence_limit = limit.ns;
    if (end->silence && end->state == END_OPEN)
        silence_set(step->sim, s, side_of(id), limit);
}

/* ---- what happens to hosts and processes ---- */

/* The ends on a host now, since acting on one may remove another. Released by the caller. */
struct end_list {
    stream_id *items;
    size_t count, capacity;
};

static struct end_list ends_of_host(struct sim *sim, host_id host, process_id process)
{
    struct end_list list = {0};
    for (uint32_t link = host_of(sim, host)->first_end; link; link = end_at(sim, link)->next)
        if (!process || end_at(sim, link)->process == process)
            vec_push(&list, end_id(stream_at(sim, (link - 1) >> 1), (link - 1) & 1));
    return list;
}

void streams_process_dies(struct sim *sim, process_id id, bool is_silent)
{
    struct end_list list = ends_of_host(sim, process_of(sim, id)->host, id);
    for (size_t i = list.count; i-- > 0;) { /* the oldest first */
        struct stream *s = stream_find(sim, list.items[i]);
        int side = side_of(list.items[i]);
        if (!s || s->ends[side].state == END_NONE || s->ends[side].state >= END_VANISHED)
            continue;
        if (is_silent)
            end_vanish(sim, s, side);
        else
            end_close(sim, s, side, PACKET_FIN, CLOSE_BY_PEER);
    }
    vec_release(&list);
}

void streams_refresh_host(struct sim *sim, host_id host)
{
    struct end_list list = ends_of_host(sim, host, 0);
    for (size_t i = list.count; i-- > 0;) {
        struct stream *s = stream_find(sim, list.items[i]);
        if (s)
            stream_refresh(sim, s);
    }
    vec_release(&list);
}

void streams_refresh_all(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->stream_count; i++)
        if (stream_at(sim, i)->is_used)
            stream_refresh(sim, stream_at(sim, i));
}

/* Peers that still believe in a connection learn better: their next retransmission or keep-alive
 * probe is answered by a reset. */
void streams_host_boots(struct sim *sim, host_id host)
{
    struct end_list list = ends_of_host(sim, host, 0);
    for (size_t i = list.count; i-- > 0;) {
        struct stream *s = stream_find(sim, list.items[i]);
        int side = side_of(list.items[i]);
        if (!s || s->ends[side].state != END_VANISHED)
            continue;
        struct direction *d = &s->toward[!side];
        int64_t since = s->toward[side].blocked_since;
        int64_t probe = since + ((sim->now - since) / KEEPALIVE_NS + 1) * KEEPALIVE_NS;
        if (s->toward[side].has_unacked)
            probe = retransmission_after(since, sim->now, RETRANSMIT_NS);
        int64_t answered = probe + 2 * sim->options.latency.ns;
        if (answered > d->last_arrival)
            d->last_arrival = answered;
        packet_send(sim, s, !side, PACKET_RESET, CLOSE_RESET);
    }
    vec_release(&list);
}

void sim_streams_reset(struct sim *sim, process_id a, process_id b)
{
    outside_action(sim, a, 0, "reset streams with %s", b ? "one peer" : "all peers");
    struct end_list list = ends_of_host(sim, process_of(sim, a)->host, a);
    for (size_t i = list.count; i-- > 0;) {
        struct stream *s = stream_find(sim, list.items[i]);
        int side = side_of(list.items[i]);
        if (!s || s->ends[side].state != END_OPEN || s->ends[!side].state != END_OPEN ||
            (b && s->ends[!side].process != b))
            continue;
        for (int told = 0; told < 2; told++) {
            direction_drop(sim, &s->toward[told]);
            packet_send(sim, s, told, PACKET_RESET, CLOSE_RESET);
        }
    }
    vec_release(&list);
}

void streams_release(struct sim *sim)
{
    /* The queue is gone already: only memory is given back. */
    for (uint32_t i = 0; i < sim->stream_count; i++) {
        struct stream *s = stream_at(sim, i);
        for (int side = 0; s->is_used && side < 2; side++) {
            for (struct packet *p = s->toward[side].head; p; p = p->next)
                message_unref(p->message);
            mem_free(s->toward[side].counters.items);
        }
    }
    for (size_t i = 0; i < sim->stream_chunks.count; i++)
        mem_free(sim->stream_chunks.items[i]);
    for (size_t i = 0; i < sim->packet_chunks.count; i++)
        mem_free(sim->packet_chunks.items[i]);
    vec_release(&sim->stream_chunks);
    vec_release(&sim->packet_chunks);
}
