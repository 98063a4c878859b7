/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages of the connect subresources: making them and giving back what they hold.
 */
#include "sim/base/base.h"

#include "cluster/api/connect.h"

#include "cluster/api/json.h"
#include "cluster/api/request.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"

#define SIZE_HEADERS 300

struct connect_options *connect_options_new(void)
{
    struct connect_options *o = mem_new(struct connect_options);
    o->since_seconds = o->tail_lines = o->limit_bytes = -1;
    return o;
}

void connect_options_free(struct connect_options *o)
{
    if (!o)
        return;
    const struct value held[] = {o->container, o->command, o->since_time,   o->stream,  o->ports,
                                 o->method,    o->path,    o->content_type, o->content, o->subject};
    for (size_t i = 0; i < ARRAY_COUNT(held); i++)
        value_drop(held[i]);
    mem_free(o);
}

uint64_t connect_options_digest(const struct connect_options *o)
{
    if (!o)
        return 0;
    const bool flags[] = {o->has_stdin,    o->has_stdout, o->has_stderr,
                          o->has_terminal, o->is_upgrade, o->is_spdy,
                          o->follow,       o->previous,   o->timestamps};
    const struct value parts[] = {o->container, o->command, o->since_time, o->stream,
                                  o->ports,     o->method,  o->path,       o->content_type,
                                  o->content,   o->subject};
    uint64_t h = 1;
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
        h = h << 1 | flags[i];
    h = hash_pair(h, (uint64_t)o->since_seconds);
    h = hash_pair(h, hash_pair((uint64_t)o->tail_lines, (uint64_t)o->limit_bytes));
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        h = hash_pair(h, value_hash(parts[i]));
    return h;
}

/* ---- the error channel ---- */

static void member(struct text *out, const char *name, struct value v)
{
    if (!value_is_present(v))
        return;
    text_printf(out, "%s\"%s\":", out->bytes[out->size - 1] == '{' ? "" : ",", name);
    json_write(v, out);
}

void connect_status_write(struct value status, struct text *out)
{
    struct value causes = VALUE_GET(status, details, causes);
    text_add(out, S("{\"metadata\":{}"));
    member(out, "status", VALUE_GET(status, status));
    member(out, "message", VALUE_GET(status, message));
    member(out, "reason", VALUE_GET(status, reason));
    if (value_count(causes) > 0) {
        text_add(out, S(",\"details\":{\"causes\":["));
        for (size_t i = 0; i < value_count(causes); i++) {
            text_add(out, i > 0 ? S(",{") : S("{"));
            member(out, "reason", VALUE_GET(value_at(causes, i), reason));
            member(out, "message", VALUE_GET(value_at(causes, i), message));
            text_add_byte(out, '}');
        }
        text_add(out, S("]}"));
    }
    member(out, "code", VALUE_GET(status, code));
    text_add_byte(out, '}');
}

/* ---- to a kubelet ---- */

static void node_request_release(struct message *m)
{
    struct node_request *r = CONTAINER_OF(m, struct node_request, message);
    value_drop(r->namespace);
    value_drop(r->pod);
    value_drop(r->container);
    connect_options_free(r->options);
    credential_unref(r->credential);
    mem_free(r);
}

static uint64_t node_request_digest(const struct message *m)
{
    const struct node_request *r = (const void *)m; /* its first member */
    uint64_t h = hash_pair(value_hash(r->namespace), value_hash(r->pod));
    return hash_pair(hash_pair(h, value_hash(r->container)),
                     hash_pair(r->verb, connect_options_digest(r->options)));
}

const struct message_type node_request_message = {"node-request", MESSAGE_NODE_REQUEST,
                                                  node_request_release, node_request_digest};

struct node_request *node_request_new(enum node_verb verb)
{
    struct node_request *r = mem_new(struct node_request);
    message_init(&r->message, &node_request_message, SIZE_HEADERS);
    r->verb = verb;
    r->options = connect_options_new();
    return r;
}

static void node_response_release(struct message *m)
{
    struct node_response *r = CONTAINER_OF(m, struct node_response, message);
    value_drop(r->content_type);
    value_drop(r->content);
    mem_free(r);
}

static uint64_t node_response_digest(const struct message *m)
{
    const struct node_response *r = (const void *)m;
    return hash_pair((uint64_t)r->code, value_hash(r->content));
}

const struct message_type node_response_message = {"node-response", MESSAGE_NODE_RESPONSE,
                                                   node_response_release, node_response_digest};

struct node_response *node_response_new(int code, struct str content_type, struct str content)
{
    struct node_response *r = mem_new(struct node_response);
    message_init(&r->message, &node_response_message, (uint32_t)(SIZE_HEADERS + content.size));
    r->code = code;
    r->content_type = value_string(content_type);
    r->content = value_string(content);
    return r;
}
