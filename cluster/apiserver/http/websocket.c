/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames, masks, fragments, pings and the closing handshake are wslay's business; this file gives
 * it a socket's bytes and takes its messages. It is an edge: nothing here is of the simulation.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "cluster/apiserver/http/websocket.h"

#include <gnutls/crypto.h>
#include <wslay/wslay.h>

#include "cluster/apiserver/http/crypto.h"
#include "sim/base/base64.h"
#include "sim/base/mem.h"

#define SHA1_SIZE 20

struct websocket {
    wslay_event_context_ptr frames;
    const struct websocket_events *events;
    void *owner;
    struct transport *transport; /* NULL: none yet */
    bool is_broken, is_closing, has_ended;
    uint16_t close_code; /* 0: said already, or not to be said */
    struct text close_reason;
};

static ssize_t outcome(struct websocket *w, long n)
{
    if (n > 0)
        return n;
    w->has_ended |= n == TRANSPORT_ENDED;
    wslay_event_set_error(w->frames,
                          n == TRANSPORT_ENDED ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static ssize_t on_receive(wslay_event_context_ptr frames, uint8_t *buffer, size_t size, int flags,
                          void *owner)
{
    struct websocket *w = owner;
    (void)frames;
    (void)flags;
    return outcome(w, transport_receive(w->transport, buffer, size));
}

static ssize_t on_send(wslay_event_context_ptr frames, const uint8_t *bytes, size_t size, int flags,
                       void *owner)
{
    struct websocket *w = owner;
    (void)frames;
    (void)flags;
    return outcome(w, transport_send(w->transport, bytes, size));
}

static void on_message(wslay_event_context_ptr frames,
                       const struct wslay_event_on_msg_recv_arg *message, void *owner)
{
    struct websocket *w = owner;
    (void)frames;
    if (message->opcode == WSLAY_CONNECTION_CLOSE)
        w->is_closing = true;
    else if (!wslay_is_ctrl_frame(message->opcode) && !w->is_closing)
        w->events->message(w->owner, (struct str){(const char *)message->msg, message->msg_length},
                           message->opcode == WSLAY_TEXT_FRAME);
}

struct websocket *websocket_new(const struct websocket_events *events, void *owner)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_receive, .send_callback = on_send, .on_msg_recv_callback = on_message};
    struct websocket *w = mem_new(struct websocket);
    w->events = events;
    w->owner = owner;
    CHECK(wslay_event_context_server_init(&w->frames, &callbacks, w) == 0);
    wslay_event_config_set_max_recv_msg_length(w->frames, WEBSOCKET_MESSAGE_MAX);
    return w;
}

void websocket_free(struct websocket *w)
{
    if (!w)
        return;
    wslay_event_context_free(w->frames);
    text_release(&w->close_reason);
    mem_free(w);
}

void websocket_attach(struct websocket *w, struct transport *transport)
{
    w->transport = transport;
}

void websocket_send(struct websocket *w, struct str bytes, bool is_text)
{
    struct wslay_event_msg message = {.opcode = is_text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME,
                                      .msg = (const uint8_t *)bytes.bytes,
                                      .msg_length = bytes.size};
    if (w->is_broken)
        return;
    (void)wslay_event_queue_msg(w->frames, &message);
    if (wslay_event_get_queued_msg_length(w->frames) > WEBSOCKET_BACKLOG_MAX)
        w->is_broken = true;
}

void websocket_close(struct websocket *w, uint16_t code, struct str reason)
{
    if (w->is_closing)
        return;
    w->is_closing = true;
    w->close_code = code;
    text_add(&w->close_reason, reason);
}

/* The library sends control frames before messages: good-bye is not given to it before all else has
 * been sent. */
static void say_goodbye(struct websocket *w)
{
    if (w->close_code == 0 || wslay_event_get_queued_msg_count(w->frames) > 0)
        return;
    (void)wslay_event_queue_close(w->frames, w->close_code,
                                  (const uint8_t *)text_c(&w->close_reason), w->close_reason.size);
    w->close_code = 0;
}

bool websocket_wants_write(const struct websocket *w)
{
    return w->transport && (wslay_event_want_write(w->frames) || w->close_code != 0);
}

bool websocket_is_closing(const struct websocket *w)
{
    return w->is_closing;
}

bool websocket_step(struct websocket *w)
{
    if (!w->transport)
        return true;
    if (w->is_broken)
        return false;
    bool is_good = wslay_event_recv(w->frames) == 0 && wslay_event_send(w->frames) == 0;
    say_goodbye(w);
    is_good = is_good && wslay_event_send(w->frames) == 0;
    return is_good && !w->has_ended && !w->is_broken &&
           (wslay_event_want_read(w->frames) || wslay_event_want_write(w->frames));
}

bool websocket_accept(struct str key, struct text *out)
{
    AUTO(text) struct text t = {0};
    uint8_t digest[SHA1_SIZE];
    if (key.size < 16 || key.size > 64)
        return false;
    text_printf(&t, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", STR_ARG(key));
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, t.bytes, t.size, digest) < 0)
        return false;
    base64_add(digest, sizeof(digest), out);
    return true;
}
