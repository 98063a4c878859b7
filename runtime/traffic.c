/* SPDX-License-Identifier: Apache-2.0
 *
 * Life of the messages from and to pods, and the text form of IPv4 addresses.
 */
#include "sim/base/base.h"

#include "runtime/traffic.h"

#include "sim/base/mem.h"

#include <stdio.h>

const char *traffic_result_text(enum traffic_result r)
{
    switch (r) {
    case TRAFFIC_OK:
        return "ok";
    case TRAFFIC_REFUSED:
        return "connection refused";
    case TRAFFIC_TIMEOUT:
        return "i/o timeout";
    case TRAFFIC_UNREACHABLE:
        return "no route to host";
    case TRAFFIC_NO_NAME:
        return "no such host";
    case TRAFFIC_RESET:
        return "connection reset by peer";
    }
    check_failed("a result of traffic", __FILE__, __LINE__);
}

static void request_release(struct message *m)
{
    struct traffic_request *r = CONTAINER_OF(m, struct traffic_request, message);
    mem_free(r->host);
    mem_free(r->method);
    mem_free(r->path);
    mem_free(r->namespace);
    mem_free(r);
}

static uint64_t request_digest(const struct message *m)
{
    const struct traffic_request *r = (const struct traffic_request *)(const void *)m;
    uint64_t text = hash_bytes(str_from(r->path ? r->path : (r->host ? r->host : "")));
    return hash_pair(hash_pair(r->id, r->kind), hash_pair(r->ip, hash_pair(r->port, text)));
}

const struct message_type traffic_request_message = {.name = "traffic-request",
                                                     .kind = RUNTIME_MESSAGE_TRAFFIC_REQUEST,
                                                     .release = request_release,
                                                     .digest = request_digest};

struct traffic_request *traffic_request_new(enum traffic_kind kind, uint64_t id)
{
    struct traffic_request *r = mem_new(struct traffic_request);
    message_init(&r->message, &traffic_request_message, 300);
    r->kind = kind;
    r->id = id;
    return r;
}

static void response_release(struct message *m)
{
    struct traffic_response *r = CONTAINER_OF(m, struct traffic_response, message);
    mem_free(r->body);
    mem_free(r);
}

static uint64_t response_digest(const struct message *m)
{
    const struct traffic_response *r = (const struct traffic_response *)(const void *)m;
    return hash_pair(hash_pair(r->id, r->result), (uint64_t)r->status);
}

const struct message_type traffic_response_message = {.name = "traffic-response",
                                                      .kind = RUNTIME_MESSAGE_TRAFFIC_RESPONSE,
                                                      .release = response_release,
                                                      .digest = response_digest};

struct traffic_response *traffic_response_new(uint64_t id, enum traffic_result result)
{
    struct traffic_response *r = mem_new(struct traffic_response);
    message_init(&r->message, &traffic_response_message, 500);
    r->id = id;
    r->result = result;
    return r;
}

address_id traffic_address(struct sim *sim, struct str node)
{
    char buffer[300];
    int size = snprintf(buffer, sizeof(buffer), "%.*s:pods", STR_ARG(node));
    CHECK(size > 0 && (size_t)size < sizeof(buffer));
    return sim_address(sim, (struct str){buffer, (size_t)size});
}

void traffic_ip_text(uint32_t ip, struct text *out)
{
    text_printf(out, "%u.%u.%u.%u", ip >> 24, (ip >> 16) & 255, (ip >> 8) & 255, ip & 255);
}

bool traffic_ip_parse(struct str s, uint32_t *ret_ip)
{
    uint32_t ip = 0;
    for (int i = 0; i < 4; i++) {
        struct str rest = {0};
        int64_t part = 0;
        struct str head = str_cut(s, '.', &rest);
        if (head.size == 0 || head.size > 3 || !str_to_int64(head, &part) || part < 0 || part > 255)
            return false;
        if ((i < 3) != (head.size < s.size))
            return false;
        ip = ip << 8 | (uint32_t)part;
        s = rest;
    }
    *ret_ip = ip;
    return true;
}
