/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that become something else: a WebSocket for exec, attach, port-forward or a watch, or
 * SPDY, bare or in the messages of a WebSocket.
 *
 * The library's connection stays suspended from the request on, so that it leaves the socket and
 * the TLS session alone: we answer 101 ourselves, read and write, and give it back to be closed.
 * (The library's own upgrade copies through whatever is left of the memory of the connection's
 * head, which may be eight bytes.) The socket stands in our epoll set. What a client sends becomes
 * commands to the gateway, in the journal like all else; what comes from the gateway is queued
 * within the event of the simulation and written when the set is polled.
 *
 * While somebody types, virtual time must not stand still: for a little while after something was
 * said, until something comes back, the conversation counts among those who wait.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "cluster/apiserver/http/exchange.h"

#include <microhttpd.h>
#include <strings.h>
#include <sys/epoll.h>

#include "cluster/api/connect.h"
#include "cluster/api/json.h"
#include "cluster/apiserver/http/channels.h"
#include "cluster/apiserver/http/spdy_session.h"
#include "cluster/apiserver/http/websocket.h"
#include "sim/base/mem.h"

#define ANSWER_WITHIN duration_ms(500) /* of virtual time: for something to come back */
#define REST_WITHIN duration_ms(20)    /* and then for the rest of it */
#define SILENCES_MAX 4
#define SPDY_COMMAND "v4.channel.k8s.io"
#define SPDY_FORWARD "portforward.k8s.io"
#define GOODBYE_MS 10000 /* of the real one: for the client to close */

struct upgrade {
    struct websocket *socket;  /* NULL: bare SPDY */
    struct spdy_session *spdy; /* NULL: channels, or events */
    struct transport transport;
    struct text head; /* of the answer: what has not been sent */
    enum channel_protocol protocol;
    struct str protocol_name;
    bool is_forward;
    bool has_begun; /* the connection is ours */
    uint32_t epoll_events;
    bool is_cut; /* what it led to is gone */
    bool is_over;
    int64_t closing_since_ms; /* of the server's clock; 0: not closing */
    struct instant waits_until;
    int silences; /* how often in a row nothing came back */
};

static void on_message(void *owner, struct str bytes, bool is_text);

static const struct websocket_events events = {on_message};

/* ---- the handshake ---- */

static bool names_token(struct str header, const char *token)
{
    while (header.size > 0) {
        struct str word = str_trim(str_cut(header, ',', &header));
        if (word.size == strlen(token) && strncasecmp(word.bytes, token, word.size) == 0)
            return true;
    }
    return false;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct text *all = cls;
    (void)kind;
    if (value && strcasecmp(name, "X-Stream-Protocol-Version") == 0)
        text_printf(all, ",%s,", value);
    return MHD_YES;
}

/* Clients of SPDY offer all they know, a header each. */
static bool offers_spdy(const struct exchange *x, struct str name)
{
    AUTO(text) struct text offered = {0};
    AUTO(text) struct text word = {0};
    text_printf(&word, ",%.*s,", STR_ARG(name));
    (void)MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, on_header, &offered);
    return str_contains(text_str(&offered), text_str(&word));
}

/* Who offers nothing that is spoken is taken for one who does not ask for an upgrade, and is told
 * so: nothing begins in the cluster. A watch needs no protocol. */
void upgrade_read(struct exchange *x, struct http_request *h)
{
    if (!names_token(exchange_header(x, "Connection"), "upgrade"))
        return;
    struct str to = exchange_header(x, "Upgrade"), name;
    struct str path = str_slice(h->target, 0, str_find(h->target, '?'));
    struct str offered = exchange_header(x, "Sec-WebSocket-Protocol");
    bool is_forward = str_ends_with(path, S("/portforward"));
    x->wants_websocket =
        names_token(to, "websocket") &&
        channels_negotiate(offered, is_forward ? CHANNELS_FORWARD : CHANNELS_COMMAND, &name) !=
            CHANNELS_NONE;
    x->wants_spdy = names_token(to, "SPDY/3.1") &&
                    offers_spdy(x, is_forward ? S(SPDY_FORWARD) : S(SPDY_COMMAND));
    h->is_websocket = x->wants_websocket;
    h->is_spdy =
        x->wants_spdy || (x->wants_websocket && !names_token(offered, "v5.channel.k8s.io"));
}

static void open_channels(struct exchange *x)
{
    struct upgrade *u = x->upgrade;
    const struct target *t = &x->reading.target;
    AUTO(text) struct text first = {0};
    if (u->protocol == CHANNELS_EVENTS || u->protocol == CHANNELS_TUNNEL)
        return;
    if (!u->is_forward) { /* an empty message says that all is set up */
        bool has_stdout =
            target_has_option(t, "stdout") && !str_equal(target_option(t, "stdout"), S("false"));
        bool has_stderr =
            target_has_option(t, "stderr") && !str_equal(target_option(t, "stderr"), S("false"));
        channels_encode(u->protocol,
                        has_stdout   ? CHANNEL_STDOUT
                        : has_stderr ? CHANNEL_STDERR
                                     : CHANNEL_ERROR,
                        S(""), &first);
        websocket_send(u->socket, text_str(&first), channels_are_text(u->protocol));
        return;
    }
    int64_t port = 0;
    (void)str_to_int64(target_option(t, "ports"), &port);
    const char bytes[2] = {(char)(port & 255), (char)(port >> 8 & 255)};
    for (uint8_t channel = 0; channel < 2; channel++) { /* data and errors of the port */
        text_clear(&first);
        channels_encode(u->protocol, channel, (struct str){bytes, 2}, &first);
        websocket_send(u->socket, text_str(&first), channels_are_text(u->protocol));
    }
}

static void wait_for_answer(struct exchange *x, struct duration most)
{
    struct http_server *s = x->server;
    struct instant until = instant_add(sim_now(s->options.sim), most);
    x->upgrade->waits_until = until;
    if (instant_before(s->said_until, until))
        s->said_until = until;
}

/* One that only reads, such as tar, is not waited for after each piece: a file of some megabytes
 * would take minutes of virtual time. */
void upgrade_said(struct exchange *x)
{
    const struct sim *sim = x->server->options.sim;
    struct upgrade *u = x->upgrade;
    if (!sim || !u)
        return;
    if (u->waits_until.ns > 0 && !instant_before(sim_now(sim), u->waits_until))
        u->silences++;
    wait_for_answer(x, u->silences < SILENCES_MAX ? ANSWER_WITHIN : REST_WITHIN);
}

/* It is over on the client's side: what comes of it is waited for again. */
void upgrade_said_last(struct exchange *x)
{
    x->upgrade->silences = 0;
    wait_for_answer(x, ANSWER_WITHIN);
}

/* Something has come back. */
static void heard(struct exchange *x, bool is_last)
{
    struct upgrade *u = x->upgrade;
    x->server->has_resumed = true; /* there is something to write */
    struct instant rest = instant_add(sim_now(x->server->options.sim), REST_WITHIN);
    u->silences = 0;
    if (is_last)
        u->waits_until = (struct instant){0};
    else if (instant_before(rest, u->waits_until))
        u->waits_until = rest;
}

static void upgrade_new(struct exchange *x, enum channel_protocol protocol, struct str name)
{
    struct upgrade *u = mem_new(struct upgrade);
    u->protocol = protocol;
    u->protocol_name = name;
    u->is_forward = x->subresource == SUBRESOURCE_PORTFORWARD;
    x->upgrade = u;
    x->server->has_resumed = true;
    vec_push(&x->server->upgrades, x);
    if (x->subresource != SUBRESOURCE_NONE && protocol != CHANNELS_TUNNEL)
        upgrade_said(x);
}

static bool begin_spdy(struct exchange *x)
{
    bool is_forward = x->subresource == SUBRESOURCE_PORTFORWARD;
    if (x->subresource == SUBRESOURCE_NONE)
        return false;
    upgrade_new(x, is_forward ? CHANNELS_TUNNEL : CHANNELS_V4,
                is_forward ? S(SPDY_FORWARD) : S(SPDY_COMMAND));
    x->upgrade->spdy = spdy_session_new(x, is_forward);
    return true;
}

bool upgrade_begin(struct exchange *x)
{
    struct str name = S(""), offered = exchange_header(x, "Sec-WebSocket-Protocol");
    bool is_forward = x->subresource == SUBRESOURCE_PORTFORWARD;
    enum channel_protocol protocol = CHANNELS_EVENTS;
    AUTO(text) struct text accept = {0};
    if (!x->wants_websocket)
        return begin_spdy(x);
    if (!websocket_accept(exchange_header(x, "Sec-WebSocket-Key"), &accept))
        return false;
    if (x->subresource != SUBRESOURCE_NONE)
        protocol =
            channels_negotiate(offered, is_forward ? CHANNELS_FORWARD : CHANNELS_COMMAND, &name);
    if (protocol == CHANNELS_NONE)
        return false;
    upgrade_new(x, protocol, name);
    x->upgrade->socket = websocket_new(&events, x);
    if (protocol == CHANNELS_TUNNEL)
        x->upgrade->spdy = spdy_session_new(x, true);
    open_channels(x);
    return true;
}

/* ---- the socket ---- */

static bool wants_write(const struct upgrade *u)
{
    if (u->head.size > 0)
        return true;
    if (u->socket)
        return websocket_wants_write(u->socket) ||
               (u->spdy && spdy_session_output(u->spdy)->size > 0);
    return spdy_session_output(u->spdy)->size > 0 || spdy_session_is_over(u->spdy);
}

static void interest_set(struct exchange *x)
{
    struct upgrade *u = x->upgrade;
    uint32_t wanted = EPOLLIN | (wants_write(u) ? (uint32_t)EPOLLOUT : 0);
    struct epoll_event event = {.events = wanted, .data.ptr = x};
    if (wanted == u->epoll_events)
        return;
    (void)epoll_ctl(x->server->poll, u->epoll_events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                    u->transport.fd, &event);
    u->epoll_events = wanted;
}

/* Gives the connection back, to be closed. */
static void give_back(struct exchange *x)
{
    struct upgrade *u = x->upgrade;
    u->is_over = true;
    if (u->epoll_events)
        (void)epoll_ctl(x->server->poll, EPOLL_CTL_DEL, u->transport.fd, NULL);
    u->epoll_events = 0;
    exchange_forget(x);
    x->state = BROKEN;
    exchange_resume(x);
}

/* Takes the connection over and answers. */
static void take_over(struct exchange *x)
{
    struct upgrade *u = x->upgrade;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    u->has_begun = true;
    u->transport.fd = info->connect_fd;
    info = x->server->options.is_plain
               ? NULL
               : MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    u->transport.tls = info ? info->tls_session : NULL;
    text_printf(&u->head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\n",
                u->socket ? "websocket" : "SPDY/3.1");
    text_add(&u->head, S("Connection: Upgrade\r\n"));
    if (u->socket) {
        text_add(&u->head, S("Sec-WebSocket-Accept: "));
        (void)websocket_accept(exchange_header(x, "Sec-WebSocket-Key"), &u->head);
        text_add(&u->head, S("\r\n"));
        websocket_attach(u->socket, &u->transport);
    }
    if (u->protocol_name.size > 0)
        text_printf(&u->head, "%s: %.*s\r\n",
                    u->socket ? "Sec-WebSocket-Protocol" : "X-Stream-Protocol-Version",
                    STR_ARG(u->protocol_name));
    text_add(&u->head, S("\r\n"));
}

/* Sends the beginning of a text and takes it off; false: the connection has ended. */
static bool send_some(struct upgrade *u, struct text *t)
{
    size_t sent = 0;
    long n = 1;
    while (sent < t->size && n > 0) {
        n = transport_send(&u->transport, t->bytes + sent, t->size - sent);
        sent += n > 0 ? (size_t)n : 0;
    }
    struct text rest = {0};
    text_add(&rest, str_slice(text_str(t), sent, t->size));
    text_release(t);
    *t = rest;
    return n != TRANSPORT_ENDED;
}

/* Bare SPDY: reads and writes what can be; false: it is over. */
static bool spdy_step(struct upgrade *u)
{
    char buffer[16384];
    long n;
    while ((n = transport_receive(&u->transport, buffer, sizeof(buffer))) > 0) {
        if (!spdy_session_receive(u->spdy, (struct str){buffer, (size_t)n}))
            return false;
    }
    struct text *out = spdy_session_output(u->spdy);
    if (n == TRANSPORT_ENDED || !send_some(u, out))
        return false;
    bool is_done = out->size == 0 && spdy_session_is_over(u->spdy);
    return !is_done && out->size <= WEBSOCKET_BACKLOG_MAX;
}

/* SPDY in a WebSocket: what it has to say becomes messages. */
static void tunnel_flush(struct upgrade *u)
{
    struct text *out = spdy_session_output(u->spdy);
    for (size_t at = 0; at < out->size; at += CHANNEL_PIECE)
        websocket_send(u->socket,
                       str_slice(text_str(out), at,
                                 at + CHANNEL_PIECE < out->size ? at + CHANNEL_PIECE : out->size),
                       false);
    text_clear(out);
}

void upgrade_step(struct exchange *x)
{
    struct upgrade *u = x->upgrade;
    if (u->is_over || !u->has_begun)
        return;
    if (u->head.size > 0 && !send_some(u, &u->head)) {
        give_back(x);
        return;
    }
    if (u->head.size > 0) {
        interest_set(x);
        return;
    }
    if (u->socket && u->spdy)
        tunnel_flush(u);
    if (u->socket ? !websocket_step(u->socket) : !spdy_step(u)) {
        give_back(x);
        return;
    }
    if (u->socket && u->spdy) /* what has come may have been answered */
        tunnel_flush(u);
    if (u->socket && websocket_is_closing(u->socket) && u->closing_since_ms == 0) {
        u->closing_since_ms = x->server->now_ms;
        exchange_forget(x); /* who says good-bye hears nothing more */
    }
    interest_set(x);
}

void upgrade_free(struct exchange *x)
{
    struct upgrade *u = x->upgrade;
    if (!u)
        return;
    struct http_server *s = x->server;
    for (size_t i = 0; i < s->upgrades.count; i++) {
        if (s->upgrades.items[i] == x) {
            vec_remove(&s->upgrades, i);
            break;
        }
    }
    if (u->epoll_events)
        (void)epoll_ctl(s->poll, EPOLL_CTL_DEL, u->transport.fd, NULL);
    websocket_free(u->socket);
    spdy_session_free(u->spdy);
    text_release(&u->head);
    mem_free(u);
    x->upgrade = NULL;
}

void upgrades_tend(struct http_server *s)
{
    for (size_t i = 0; i < s->upgrades.count; i++) {
        struct exchange *x = s->upgrades.items[i];
        struct upgrade *u = x->upgrade;
        if (u->is_over)
            continue;
        if (!u->has_begun)
            take_over(x);
        if (u->is_cut) {
            give_back(x);
            continue;
        }
        if (wants_write(u))
            upgrade_step(x);
        if (!u->is_over && u->closing_since_ms &&
            x->server->now_ms - u->closing_since_ms > GOODBYE_MS)
            give_back(x);
    }
}

void upgrades_end(struct http_server *s)
{
    for (size_t i = 0; i < s->upgrades.count; i++) {
        if (!s->upgrades.items[i]->upgrade->is_over)
            give_back(s->upgrades.items[i]);
    }
}

size_t upgrades_waiting(const struct http_server *s)
{
    size_t count = 0;
    struct instant now = sim_now(s->options.sim);
    if (!instant_before(now, s->said_until))
        return 0; /* asked for after each event, so mostly without a look at all of them */
    for (size_t i = 0; i < s->upgrades.count; i++)
        count += instant_before(now, s->upgrades.items[i]->upgrade->waits_until);
    return count;
}

/* ---- from the client ---- */

static void on_message(void *owner, struct str bytes, bool is_text)
{
    struct exchange *x = owner;
    struct upgrade *u = x->upgrade;
    struct http_server *s = x->server;
    AUTO(text) struct text content = {0};
    uint8_t channel;
    (void)is_text;
    if (!s->options.sim || u->protocol == CHANNELS_EVENTS)
        return; /* nobody listens */
    if (u->spdy) {
        if (!spdy_session_receive(u->spdy, bytes))
            websocket_close(u->socket, 1002, S("this is no SPDY"));
        return;
    }
    if (!channels_decode(u->protocol, bytes, &channel, &content)) {
        websocket_close(u->socket, 1003, S("no message of the channel protocol"));
        return;
    }
    bool is_known = channel == CHANNEL_STDIN || (channel == CHANNEL_RESIZE && !u->is_forward) ||
                    (channel == CHANNEL_CLOSE && u->protocol == CHANNELS_V5);
    if (!is_known)
        return;
    gateway_bytes(s->options.sim, s->gateway, x->connection->number, x->id, channel,
                  text_str(&content));
    upgrade_said(x);
    if (channel == CHANNEL_CLOSE)
        upgrade_said_last(x);
}

/* ---- from the gateway ---- */

/* Before v4 an error is a sentence, and success nothing. */
static void plain_error(struct str json, struct text *out)
{
    AUTO(value) struct value status = VALUE_ABSENT;
    if (json_parse(json, NULL, &status, NULL) == ERR_OK && !VALUE_IS(status, "Success", status))
        text_add(out, VALUE_STR(status, message));
}

void upgrade_bytes(struct exchange *x, const struct channel_bytes *b)
{
    struct upgrade *u = x->upgrade;
    AUTO(text) struct text message = {0};
    AUTO(text) struct text error = {0};
    struct str bytes = channel_str(b);
    uint8_t channel = b->channel;
    heard(x, b->is_last);
    if (u->spdy)
        spdy_session_bytes(u->spdy, b);
    if (u->spdy && !u->is_forward) {
        if (b->is_last)
            map_remove(&x->server->exchanges, x);
        return;
    }
    if (b->is_last) {
        map_remove(&x->server->exchanges, x);
        if (b->is_broken || !u->socket)
            upgrade_lost(x);
        else
            websocket_close(u->socket, 1000, S(""));
        return;
    }
    if (u->spdy)
        return;
    if (u->is_forward)
        channel = channel == CHANNEL_ERROR ? 1 : 0;
    bool is_plain = u->protocol == CHANNELS_V1 || u->protocol == CHANNELS_V1_BASE64;
    if (!u->is_forward && channel == CHANNEL_ERROR && is_plain) {
        plain_error(bytes, &error);
        bytes = text_str(&error);
        if (bytes.size == 0)
            return;
    }
    channels_encode(u->protocol, channel, bytes, &message);
    websocket_send(u->socket, text_str(&message), channels_are_text(u->protocol));
}

bool upgrades_forwarded(struct http_server *s, uint64_t id, const struct response *r,
                        const struct channel_bytes *b)
{
    for (size_t i = 0; i < s->upgrades.count; i++) {
        struct upgrade *u = s->upgrades.items[i]->upgrade;
        if (!u->spdy || !u->is_forward || !spdy_session_forwarded(u->spdy, id, r, b))
            continue;
        heard(s->upgrades.items[i], false);
        return true;
    }
    return false;
}

void upgrade_event(struct exchange *x, const struct watch_event *e)
{
    AUTO(text) struct text line = {0};
    if (e->type == WATCH_END) {
        map_remove(&x->server->exchanges, x);
        websocket_close(x->upgrade->socket, 1000, S(""));
        return;
    }
    heard(x, false);
    watch_lines_write(&x->server->watch_lines, &x->shape, e, sim_wall(x->server->options.sim),
                      &line);
    struct str bytes = text_str(&line);
    bool is_binary =
        str_starts_with(answer_watch_type(&x->shape), S("application/vnd.kubernetes.protobuf"));
    if (is_binary) /* a message says how long it is: without the length in front */
        bytes = str_slice(bytes, bytes.size < 4 ? bytes.size : 4, bytes.size);
    else if (str_ends_with(bytes, S("\n")))
        bytes.size--;
    websocket_send(x->upgrade->socket, bytes, !is_binary);
}

void upgrade_lost(struct exchange *x)
{
    /* Within an event: the connection is cut when the set is polled. */
    x->upgrade->is_cut = true;
    x->server->has_resumed = true;
    x->upgrade->waits_until = (struct instant){0};
}
