/* SPDX-License-Identifier: Apache-2.0
 *
 * Log, exec and their kin: the API server looks up the pod and its node, says what can be said
 * without them, and then stands between the client and the node's kubelet (port 10250), to which it
 * shows its own client certificate. pods/proxy and services/proxy go to the pod's address instead.
 *
 * A log is answered when the kubelet has answered. A client that comes as a WebSocket is answered
 * with 101 first, as the real server's translator does it, and hears of everything that goes wrong
 * after that on the error channel. When a kubelet's connection is lost in the middle of a command
 * the real translator sees its streams end and no error, and reports success; so does this one.
 *
 * DEVIATION: the API server's connection to a kubelet is new for each conversation; the real one
 * keeps connections for logs.
 *
 * Upstream: pkg/registry/core/pod/rest/{log,subresources}.go, pod/strategy.go (LogLocation,
 * streamLocation), apiserver/pkg/util/proxy/streamtranslator.go, core/service/storage and
 * core/node/strategy.go (ResourceLocation).
 */
#include "sim/base/base.h"

#include "cluster/apiserver/connect.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/apiserver/registry.h"
#include "runtime/traffic.h"

/* ---- life ---- */

struct tunnel *tunnel_new(struct call *c, enum tunnel_kind kind)
{
    struct tunnel *t = mem_new(struct tunnel);
    t->kind = kind;
    t->connection = c->connection;
    t->id = c->request->id;
    t->name = value_string(c->key->name);
    vec_push(&c->server->tunnels, t);
    return t;
}

static void tunnel_free(struct tunnel *t)
{
    text_release(&t->host);
    text_release(&t->url);
    value_drop(t->name);
    mem_free(t);
}

static void tunnel_close(struct apiserver *s, struct step *step, struct tunnel *t)
{
    for (size_t i = 0; i < s->tunnels.count; i++) {
        if (s->tunnels.items[i] == t) {
            vec_remove(&s->tunnels, i);
            break;
        }
    }
    if (t->stream)
        step_close(step, t->stream);
    tunnel_free(t);
}

void connect_release(struct apiserver *s)
{
    for (size_t i = 0; i < s->tunnels.count; i++)
        tunnel_free(s->tunnels.items[i]);
    vec_release(&s->tunnels);
}

/* ---- to the client ---- */

void tunnel_respond(struct step *step, struct tunnel *t, int code, struct value own_body,
                    struct str content_type)
{
    struct response *r = response_new(t->id, code, own_body);
    if (content_type.size > 0)
        r->content_type = value_string(content_type);
    t->is_answered = true;
    step_send(step, t->connection->stream, &r->message);
}

static void end(struct apiserver *s, struct step *step, struct tunnel *t, bool is_broken)
{
    step_send(step, t->connection->stream, &channel_end_new(t->id, is_broken)->message);
    tunnel_close(s, step, t);
}

static void refuse(struct apiserver *s, struct step *step, struct tunnel *t,
                   struct value own_status)
{
    tunnel_respond(step, t, status_code(own_status), own_status, S(""));
    tunnel_close(s, step, t);
}

/* The last word of a command's conversation. */
static void send_status(struct step *step, struct tunnel *t, struct value own_status)
{
    AUTO(text) struct text json = {0};
    connect_status_write(own_status, &json);
    value_drop(own_status);
    t->has_status = true;
    channel_send(step, t->connection->stream, t->id, CHANNEL_ERROR, text_str(&json));
}

static struct value success(void)
{
    return value_pack("{metadata: {}, status: Success}");
}

/* A whole answer of the other side, passed on. */
static void pass(struct apiserver *s, struct step *step, struct tunnel *t, int code,
                 struct str content_type, struct str content)
{
    tunnel_respond(step, t, code, VALUE_ABSENT, content_type);
    channel_send(step, t->connection->stream, t->id, CHANNEL_STDOUT, content);
    end(s, step, t, false);
}

/* ---- what goes wrong on the way ---- */

static void dial_error(const struct tunnel *t, enum close_reason reason, struct text *out)
{
    if (reason == CLOSE_REFUSED)
        text_printf(out, "dial tcp %s: connect: connection refused", text_c(&t->host));
    else if (reason == CLOSE_TIMEOUT && !t->is_connected)
        text_printf(out, "dial tcp %s: i/o timeout", text_c(&t->host));
    else if (reason == CLOSE_TIMEOUT)
        text_printf(out, "read tcp %s: i/o timeout", text_c(&t->host));
    else if (reason == CLOSE_RESET)
        text_printf(out, "read tcp %s: read: connection reset by peer", text_c(&t->host));
    else
        text_add(out, S("EOF"));
}

static struct value plain_500(struct str message)
{
    return value_pack(
        "{kind: Status, apiVersion: v1, metadata: {}, status: Failure, message: %S, code: 500}",
        message);
}

static void on_closed(struct apiserver *s, struct step *step, struct tunnel *t,
                      enum close_reason reason)
{
    AUTO(text) struct text why = {0};
    AUTO(text) struct text message = {0};
    t->stream = 0;
    dial_error(t, reason, &why);
    bool is_dial = t->kind == TUNNEL_FORWARD || t->is_direct;
    if (is_dial && !t->is_answered) {
        text_printf(&message, "error dialing backend: %s", text_c(&why));
        refuse(s, step, t, plain_500(text_str(&message)));
    } else if (t->kind == TUNNEL_COMMAND) {
        text_printf(&message, "error sending request: Post \"%s\": %s", text_c(&t->url),
                    text_c(&why));
        if (!t->has_status && !t->is_direct)
            send_status(step, t,
                        t->is_connected ? success() : status_internal_error(text_str(&message)));
        end(s, step, t, false);
    } else if (t->is_answered) {
        end(s, step, t, true);
    } else if (t->kind == TUNNEL_POD) {
        text_printf(&message, "error trying to reach service: %s", text_c(&why));
        refuse(s, step, t, status_service_unavailable(text_str(&message)));
    } else if (t->kind == TUNNEL_NODE) {
        text_printf(&message, "error trying to reach service: %s", text_c(&why));
        refuse(s, step, t, status_service_unavailable(text_str(&message)));
    } else {
        text_printf(&message, "Get \"%s\": %s", text_c(&t->url), text_c(&why));
        refuse(s, step, t, plain_500(text_str(&message)));
    }
}

/* ---- from the other side ---- */

static struct value log_refusal(const struct node_response *r, const struct tunnel *t)
{
    struct str text = value_str(r->content);
    if (r->code == 400)
        return status_bad_request(text);
    if (r->code == 500)
        return status_internal_error(text);
    struct str name = value_str(t->name);
    AUTO(text) struct text message = {0};
    text_printf(&message, "%s ( pods/log %.*s)",
                r->code == 404   ? "the server could not find the requested resource"
                : r->code == 401 ? "the server has asked for the client to provide credentials"
                : r->code == 403 ? "the server does not allow access to the requested resource"
                                 : "unknown",
                STR_ARG(name));
    return status_make(r->code,
                       r->code == 404   ? S("NotFound")
                       : r->code == 401 ? S("Unauthorized")
                       : r->code == 403 ? S("Forbidden")
                                        : S("Unknown"),
                       text_str(&message), value_pack("{name: %S, kind: \"pods/log\"}", name));
}

static void on_answer(struct apiserver *s, struct step *step, struct tunnel *t,
                      const struct node_response *r)
{
    if (t->kind == TUNNEL_NODE) {
        pass(s, step, t, r->code, value_str(r->content_type), value_str(r->content));
    } else if (t->kind == TUNNEL_LOG && r->code < 300) {
        tunnel_respond(step, t, 200, VALUE_ABSENT, S("text/plain"));
    } else if ((t->kind == TUNNEL_FORWARD || t->is_direct) && r->code < 300) {
        tunnel_respond(step, t, 101, VALUE_ABSENT, S(""));
    } else if (t->kind == TUNNEL_FORWARD || t->is_direct) { /* as the kubelet said it */
        pass(s, step, t, r->code, value_str(r->content_type), value_str(r->content));
    } else if (t->kind == TUNNEL_LOG) {
        refuse(s, step, t, log_refusal(r, t));
    } else if (r->code >= 300) {
        AUTO(text) struct text message = {0};
        text_printf(&message, "unable to upgrade connection: %.*s",
                    STR_ARG(str_trim(value_str(r->content))));
        send_status(step, t, status_internal_error(text_str(&message)));
        end(s, step, t, false);
    }
}

/* What client-go makes of the kubelet's word, and the translator of that. */
static struct value status_translated(struct str json)
{
    AUTO(value) struct value status = VALUE_ABSENT;
    if (json_parse(json, NULL, &status, NULL) != ERR_OK)
        return status_internal_error(json);
    if (VALUE_IS(status, "Success", status))
        return success();
    if (!VALUE_IS(status, "NonZeroExitCode", reason))
        return status_internal_error(VALUE_STR(status, message));
    struct str code =
        value_str(VALUE_GET(value_at(VALUE_GET(status, details, causes), 0), message));
    AUTO(text) struct text message = {0};
    text_printf(&message,
                "command terminated with non-zero exit code: command terminated with exit code "
                "%.*s",
                STR_ARG(code));
    return value_pack("{metadata: {}, status: Failure, message: %S, reason: NonZeroExitCode, "
                      "details: {causes: [{reason: ExitCode, message: %S}]}}",
                      text_str(&message), code);
}

static void on_bytes(struct apiserver *s, struct step *step, struct tunnel *t,
                     const struct channel_bytes *b)
{
    if (b->is_last) {
        if (t->kind == TUNNEL_COMMAND && !t->has_status && !t->is_direct)
            send_status(step, t, success());
        end(s, step, t, b->is_broken && t->kind != TUNNEL_COMMAND);
    } else if (b->channel == CHANNEL_ERROR && t->kind == TUNNEL_COMMAND && !t->is_direct) {
        send_status(step, t, status_translated(channel_str(b)));
    } else {
        channel_send(step, t->connection->stream, t->id, b->channel, channel_str(b));
    }
}

static const char *http_content_type(struct str body)
{
    return str_starts_with(str_trim(body), S("<")) ? "text/html" : "text/plain; charset=utf-8";
}

static void on_traffic(struct apiserver *s, struct step *step, struct tunnel *t,
                       const struct traffic_response *r)
{
    AUTO(text) struct text message = {0};
    struct str body = str_from(r->body ? r->body : "");
    if (r->result == TRAFFIC_OK) {
        pass(s, step, t, r->status ? r->status : 200, str_from(http_content_type(body)), body);
        return;
    }
    text_printf(&message, "error trying to reach service: dial tcp %s: %s", text_c(&t->host),
                r->result == TRAFFIC_REFUSED       ? "connect: connection refused"
                : r->result == TRAFFIC_UNREACHABLE ? "connect: no route to host"
                                                   : "i/o timeout");
    refuse(s, step, t, status_service_unavailable(text_str(&message)));
}

bool connect_input(struct apiserver *s, struct step *step, const struct input *in)
{
    struct tunnel *t = NULL;
    for (size_t i = 0; in->stream && i < s->tunnels.count && !t; i++) {
        if (s->tunnels.items[i]->stream == in->stream)
            t = s->tunnels.items[i];
    }
    if (!t)
        return false;
    if (in->kind == INPUT_CONNECTED)
        t->is_connected = true;
    else if (in->kind == INPUT_CLOSED)
        on_closed(s, step, t, in->reason);
    else if (in->kind == INPUT_MESSAGE && in->message->type == &node_response_message)
        on_answer(s, step, t, (const struct node_response *)in->message);
    else if (in->kind == INPUT_MESSAGE && in->message->type == &channel_bytes_message)
        on_bytes(s, step, t, (const struct channel_bytes *)in->message);
    else if (in->kind == INPUT_MESSAGE && in->message->type == &traffic_response_message)
        on_traffic(s, step, t, (const struct traffic_response *)in->message);
    return true;
}

/* ---- from the client ---- */

static struct tunnel *tunnel_of(const struct connection *k, const struct apiserver *s, uint64_t id)
{
    for (size_t i = 0; i < s->tunnels.count; i++) {
        if (s->tunnels.items[i]->connection == k && s->tunnels.items[i]->id == id)
            return s->tunnels.items[i];
    }
    return NULL;
}

void connect_bytes(struct step *step, struct connection *k, const struct channel_bytes *b)
{
    struct tunnel *t = tunnel_of(k, k->server, b->id);
    if (t && t->stream && (t->kind == TUNNEL_COMMAND || t->kind == TUNNEL_FORWARD))
        channel_send(step, t->stream, 0, b->channel, channel_str(b));
}

bool connect_cancel(struct step *step, struct connection *k, uint64_t id)
{
    struct tunnel *t = tunnel_of(k, k->server, id);
    if (t)
        tunnel_close(k->server, step, t);
    return t != NULL;
}

void connect_leave(struct step *step, struct connection *k)
{
    struct apiserver *s = k->server;
    for (size_t i = 0; i < s->tunnels.count;) {
        if (s->tunnels.items[i]->connection == k)
            tunnel_close(s, step, s->tunnels.items[i]);
        else
            i++;
    }
}
