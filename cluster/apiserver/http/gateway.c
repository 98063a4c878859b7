/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection of a client becomes a stream with its first request and ends with it, or when the
 * stream is lost; the next request then begins a new one. Requests of one connection may be many at
 * a time (HTTP/2 would have that; HTTP/1.1 has one).
 *
 * When a stream is lost, each request in flight is answered with code 0, "may or may not have been
 * done", and the edge drops the connection of the real client, as a real API server's death does.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/gateway_private.h"

#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

struct pending {
    uint64_t id;
    bool is_long; /* a watch or a conversation: more follows its answer */
};
struct gateway_connection {
    uint64_t number;
    stream_id stream;
    VEC(struct pending) pending;
};
struct gateway {
    const struct gateway_config *config;
    struct map by_number, by_stream; /* of struct gateway_connection */
};

static void command_release(struct message *m);
static uint64_t command_digest(const struct message *m);
static void *gateway_start(struct step *step, const void *config);
static void gateway_input(void *state, struct step *step, const struct input *input);
static void gateway_release(void *state);

const struct message_type gateway_command_message = {
    "gateway-command", MESSAGE_COMMAND_FIRST + 2, command_release, command_digest};
const struct process_type gateway_process = {
    .kind = "gateway", .start = gateway_start, .input = gateway_input, .release = gateway_release};

process_id gateway_add(struct sim *sim, host_id host, struct str name,
                       const struct gateway_config *config)
{
    return sim_process_add(sim, &(struct process_options){.name = name,
                                                          .host = host,
                                                          .type = &gateway_process,
                                                          .config = config,
                                                          .restart = RESTART_ALWAYS});
}

/* ---- commands ---- */

static void command_release(struct message *m)
{
    struct gateway_command *c = CONTAINER_OF(m, struct gateway_command, message);
    if (c->request)
        message_unref(&c->request->message);
    if (c->bytes)
        message_unref(&c->bytes->message);
    mem_free(c);
}

static uint64_t command_digest(const struct message *m)
{
    const struct gateway_command *c = (const void *)m; /* its first member */
    uint64_t h = hash_pair(hash_pair(c->verb, c->connection), c->id);
    if (c->bytes)
        return hash_pair(h, channel_bytes_message.digest(&c->bytes->message));
    return c->request ? hash_pair(h, request_message.digest(&c->request->message)) : h;
}

static void command_post(struct sim *sim, process_id gateway, struct gateway_command command)
{
    struct gateway_command *c = mem_new(struct gateway_command);
    *c = command;
    message_init(&c->message, &gateway_command_message, 64);
    sim_command(sim, gateway, &c->message);
}

void gateway_send(struct sim *sim, process_id gateway, uint64_t connection, uint64_t id,
                  struct request *own_request)
{
    own_request->id = id;
    command_post(
        sim, gateway,
        (struct gateway_command){
            .verb = GATEWAY_SEND, .connection = connection, .id = id, .request = own_request});
}

void gateway_cancel(struct sim *sim, process_id gateway, uint64_t connection, uint64_t id)
{
    command_post(
        sim, gateway,
        (struct gateway_command){.verb = GATEWAY_CANCEL, .connection = connection, .id = id});
}

void gateway_bytes(struct sim *sim, process_id gateway, uint64_t connection, uint64_t id,
                   uint8_t channel, struct str bytes)
{
    do {
        size_t size = bytes.size < CHANNEL_PIECE ? bytes.size : CHANNEL_PIECE;
        struct str piece = str_slice(bytes, 0, size);
        command_post(sim, gateway,
                     (struct gateway_command){.verb = GATEWAY_BYTES,
                                              .connection = connection,
                                              .id = id,
                                              .bytes = channel_bytes_new(id, channel, piece)});
        bytes = str_slice(bytes, size, bytes.size);
    } while (bytes.size > 0);
}

void gateway_close(struct sim *sim, process_id gateway, uint64_t connection)
{
    command_post(sim, gateway,
                 (struct gateway_command){.verb = GATEWAY_CLOSE, .connection = connection});
}

void gateway_reset(struct sim *sim, process_id gateway)
{
    command_post(sim, gateway, (struct gateway_command){.verb = GATEWAY_RESET});
}

/* ---- the process ---- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct gateway_connection *)a)->number;
    uint64_t y = ((const struct gateway_connection *)b)->number;
    return x < y ? -1 : x > y;
}

static int by_stream(const void *a, const void *b)
{
    uint64_t x = ((const struct gateway_connection *)a)->stream;
    uint64_t y = ((const struct gateway_connection *)b)->stream;
    return x < y ? -1 : x > y;
}

static void *gateway_start(struct step *step, const void *config)
{
    (void)step;
    struct gateway *g = mem_new(struct gateway);
    g->config = config;
    g->by_number.compare = by_number;
    g->by_stream.compare = by_stream;
    return g;
}

static void connection_free(struct gateway_connection *c)
{
    vec_release(&c->pending);
    mem_free(c);
}

static void gateway_release(void *state)
{
    struct gateway *g = state;
    for (struct map_cursor at = map_first(&g->by_number); at.item; map_next(&at))
        connection_free(at.item);
    map_release(&g->by_number);
    map_release(&g->by_stream);
    mem_free(g);
}

static void answer(const struct gateway *g, uint64_t id, const struct response *r)
{
    if (g->config->sink)
        g->config->sink->response(g->config->owner, id, r);
}

static void drop(struct gateway *g, struct gateway_connection *c)
{
    map_remove(&g->by_number, c);
    map_remove(&g->by_stream, c);
    connection_free(c);
}

static void pending_remove(struct gateway_connection *c, uint64_t id)
{
    for (size_t i = 0; i < c->pending.count; i++) {
        if (c->pending.items[i].id == id) {
            vec_remove(&c->pending, i);
            return;
        }
    }
}

static void send(struct gateway *g, struct step *step, const struct gateway_command *command)
{
    struct gateway_connection probe = {.number = command->connection};
    struct gateway_connection *c = map_get(&g->by_number, &probe);
    if (!c) {
        c = mem_new(struct gateway_connection);
        c->number = command->connection;
        c->stream = step_connect(step, g->config->server);
        map_put(&g->by_number, c);
        map_put(&g->by_stream, c);
    }
    vec_push(&c->pending, (struct pending){command->id, command->request->verb == VERB_WATCH ||
                                                           command->request->connect != NULL});
    step_send(step, c->stream, message_ref(&command->request->message));
}

static void drop_all(struct gateway *g, struct step *step)
{
    struct map_cursor first;
    while ((first = map_first(&g->by_number)).item) {
        struct gateway_connection *c = first.item;
        step_close(step, c->stream);
        drop(g, c);
    }
}

static void on_command(struct gateway *g, struct step *step, const struct gateway_command *command)
{
    if (command->verb == GATEWAY_RESET) {
        drop_all(g, step);
        return;
    }
    if (command->verb == GATEWAY_SEND) {
        send(g, step, command);
        return;
    }
    struct gateway_connection probe = {.number = command->connection};
    struct gateway_connection *c = map_get(&g->by_number, &probe);
    if (!c)
        return;
    if (command->verb == GATEWAY_BYTES) {
        step_send(step, c->stream, message_ref(&command->bytes->message));
    } else if (command->verb == GATEWAY_CANCEL) {
        pending_remove(c, command->id);
        step_send(step, c->stream, &cancel_new(command->id)->message);
    } else {
        step_close(step, c->stream);
        drop(g, c);
    }
}

static void on_message(struct gateway *g, struct gateway_connection *c, const struct message *m)
{
    if (m->type == &response_message) {
        const struct response *r = (const void *)m; /* its first member */
        for (size_t i = 0; i < c->pending.count; i++) {
            if (c->pending.items[i].id != r->id)
                continue;
            if (!c->pending.items[i].is_long || (!response_ok(r) && r->code != 101))
                vec_remove(&c->pending, i);
            answer(g, r->id, r);
            return;
        }
    } else if (m->type == &watch_event_message) {
        const struct watch_event *e = (const void *)m;
        if (e->type == WATCH_END)
            pending_remove(c, e->id);
        if (g->config->sink)
            g->config->sink->event(g->config->owner, e->id, e);
    } else if (m->type == &channel_bytes_message) {
        const struct channel_bytes *b = (const void *)m;
        if (b->is_last)
            pending_remove(c, b->id);
        if (g->config->sink)
            g->config->sink->bytes(g->config->owner, b->id, b);
    }
    /* An API server sends nothing else; what a fault might put here is nobody's. */
}

static void on_closed(struct gateway *g, struct gateway_connection *c)
{
    for (size_t i = 0; i < c->pending.count; i++) {
        struct response *lost = response_new(c->pending.items[i].id, 0, VALUE_ABSENT);
        answer(g, lost->id, lost);
        message_unref(&lost->message);
    }
    drop(g, c);
}

static void gateway_input(void *state, struct step *step, const struct input *input)
{
    struct gateway *g = state;
    if (input->kind == INPUT_COMMAND) {
        CHECK(input->message->type == &gateway_command_message);
        on_command(g, step, (const void *)input->message);
        return;
    }
    if (input->kind != INPUT_MESSAGE && input->kind != INPUT_CLOSED)
        return;
    struct gateway_connection probe = {.stream = input->stream};
    struct gateway_connection *c = map_get(&g->by_stream, &probe);
    if (!c)
        return;
    if (input->kind == INPUT_MESSAGE)
        on_message(g, c, input->message);
    else
        on_closed(g, c);
}
