/* SPDX-License-Identifier: Apache-2.0
 *
 * network@<node>: the node's kernel as far as pods' traffic goes.
 *
 * A request goes through up to three stages: its host name is asked of the DNS servers; a Service's
 * address and port become those of one endpoint, chosen at random among the rule's (a rule without
 * endpoints refuses); a pod's address is routed to the runtime of the node whose pod range it lies
 * in. What is no Service and no pod has no route.
 *
 * A stage that hears nothing asks again after 1, 3 and 7 s, as TCP does with its first packet and a
 * resolver with its question, and gives up after 15 s. Answers go back to whoever asked, with his
 * id.
 *
 * Invariant: each pending request has one timer and is answered exactly once.
 */
#include "sim/base/base.h"

#include "cluster/network/network.h"

#include "runtime/traffic.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define PURPOSE_ENDPOINT 0
#define TRIES_MAX 4
#define PENDING_MAX 100000
static const int64_t wait_s[TRIES_MAX] = {1, 2, 4, 8};

struct pending {
    uint64_t id;                     /* ours, on the way out */
    struct traffic_request *request; /* as it came; a reference */
    stream_id stream;                /* it came on; 0: a datagram */
    uint32_t ip;                     /* where it goes: the pod, or 0 while the name is asked */
    uint16_t port;
    int tries;
    timer_id timer;
};

struct node_network {
    const struct node_network_config *config;
    struct service_rules *rules; /* a reference; NULL: none yet */
    VEC(struct pending) pending; /* in the order of their ids */
    uint64_t last_id;
    size_t dns_turn;
};

static void take_request(struct node_network *n, struct step *step, const struct input *in);
static void go_on(struct node_network *n, struct step *step, struct pending *p);
static void send_out(struct node_network *n, struct step *step, struct pending *p);
static void take_answer(struct node_network *n, struct step *step,
                        const struct traffic_response *r);
static void answer(struct node_network *n, struct step *step, struct pending *p,
                   enum traffic_result result, const struct traffic_response *from);

/* ---- life ---- */

static void *network_start(struct step *step, const void *config)
{
    struct node_network *n = mem_new(struct node_network);
    n->config = config;
    step_listen(step, n->config->address);
    return n;
}

static void network_release(void *state)
{
    struct node_network *n = state;
    for (size_t i = 0; i < n->pending.count; i++)
        message_unref(&n->pending.items[i].request->message);
    vec_release(&n->pending);
    if (n->rules)
        message_unref(&n->rules->message);
    mem_free(n);
}

static struct pending *find(struct node_network *n, uint64_t id)
{
    size_t low = 0, high = n->pending.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (n->pending.items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n->pending.count && n->pending.items[low].id == id ? &n->pending.items[low] : NULL;
}

static void take_message(struct node_network *n, struct step *step, const struct input *in)
{
    if (in->message->type == &service_rules_message) {
        if (n->rules)
            message_unref(&n->rules->message);
        n->rules = (struct service_rules *)message_ref(in->message);
    } else if (in->message->type == &traffic_request_message) {
        take_request(n, step, in);
    } else if (in->message->type == &traffic_response_message) {
        take_answer(n, step, (const struct traffic_response *)in->message);
    }
}

static void network_input(void *state, struct step *step, const struct input *in)
{
    struct node_network *n = state;
    switch (in->kind) {
    case INPUT_MESSAGE:
    case INPUT_DATAGRAM:
        take_message(n, step, in);
        break;
    case INPUT_TIMER: {
        struct pending *p = find(n, in->tag);
        if (p && ++p->tries < TRIES_MAX)
            send_out(n, step, p);
        else if (p)
            answer(n, step, p, TRAFFIC_TIMEOUT, NULL);
        break;
    }
    case INPUT_CLOSED:
        for (size_t i = 0; i < n->pending.count; i++)
            if (n->pending.items[i].stream == in->stream)
                n->pending.items[i].stream = 0; /* nobody waits any more */
        break;
    case INPUT_TERMINATE:
        step_exit(step, 0);
        break;
    case INPUT_CONNECTED:
    case INPUT_ACCEPTED:
    case INPUT_DISK_DONE:
    case INPUT_COMMAND:
        break;
    }
}

static void network_dump(const void *state, struct text *out)
{
    const struct node_network *n = state;
    text_printf(out, "%u rules, %zu requests under way\n", n->rules ? n->rules->count : 0,
                n->pending.count);
    for (uint32_t i = 0; n->rules && i < n->rules->count; i++) {
        const struct service_rule *r = &n->rules->rules[i];
        traffic_ip_text(r->ip, out);
        text_printf(out, ":%u ->", r->port);
        for (uint32_t j = 0; j < r->endpoint_count; j++) {
            text_add_byte(out, ' ');
            traffic_ip_text(r->endpoints[j].ip, out);
            text_printf(out, ":%u", r->endpoints[j].port);
        }
        text_add_byte(out, '\n');
    }
}

const struct process_type node_network_process = {
    .kind = "network",
    .start = network_start,
    .input = network_input,
    .release = network_release,
    .dump = network_dump,
};

/* ---- the stages ---- */

static void take_request(struct node_network *n, struct step *step, const struct input *in)
{
    if (n->pending.count >= PENDING_MAX)
        return; /* the asker hears nothing, as from a full backlog */
    struct pending p = {.id = ++n->last_id,
                        .request = (struct traffic_request *)message_ref(in->message),
                        .stream = in->kind == INPUT_MESSAGE ? in->stream : 0};
    p.ip = p.request->ip;
    p.port = p.request->port;
    if (p.ip == 0 && p.request->kind != TRAFFIC_DNS && p.request->host)
        (void)traffic_ip_parse(str_from(p.request->host), &p.ip); /* a name stays 0 */
    vec_push(&n->pending, p);
    go_on(n, step, &vec_last(&n->pending));
}

static const struct service_rule *find_rule(const struct node_network *n, uint32_t ip,
                                            uint16_t port)
{
    bool own = ip == n->config->node_ip;
    for (uint32_t i = 0; n->rules && i < n->rules->count; i++) {
        const struct service_rule *r = &n->rules->rules[i];
        if (r->port == port && r->protocol == 'T' && (r->ip == ip || (r->ip == 0 && own)))
            return r;
    }
    return NULL;
}

/* False: nobody stands behind the Service. */
static bool choose_endpoint(struct step *step, struct pending *p, const struct service_rule *rule)
{
    uint64_t usable = 0;
    for (uint32_t i = 0; i < rule->endpoint_count; i++)
        usable += !rule->local_only || rule->endpoints[i].is_local;
    if (usable == 0)
        return false;
    uint64_t pick = step_random_below(step, PURPOSE_ENDPOINT, usable);
    for (uint32_t i = 0; i < rule->endpoint_count; i++) {
        if (rule->local_only && !rule->endpoints[i].is_local)
            continue;
        if (pick-- == 0) {
            p->ip = rule->endpoints[i].ip;
            p->port = rule->endpoints[i].port;
            return true;
        }
    }
    return false;
}

static const struct pod_route *find_route(const struct node_network *n, uint32_t ip)
{
    size_t low = 0, high = n->config->route_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (n->config->routes[middle].base <= ip)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct pod_route *r = &n->config->routes[low - 1];
    return (ip & r->mask) == r->base ? r : NULL;
}

static void go_on(struct node_network *n, struct step *step, struct pending *p)
{
    if (p->ip != 0) {
        const struct service_rule *rule = find_rule(n, p->ip, p->port);
        if (rule && !choose_endpoint(step, p, rule)) {
            answer(n, step, p, TRAFFIC_REFUSED, NULL);
            return;
        }
        bool is_self = p->ip == n->config->node_ip; /* no rule for this port: nobody listens */
        if (is_self && !rule) {
            answer(n, step, p, TRAFFIC_REFUSED, NULL);
            return;
        }
        if (!find_route(n, p->ip)) {
            answer(n, step, p, TRAFFIC_UNREACHABLE, NULL);
            return;
        }
    } else if (n->config->dns_count == 0 || !p->request->host) {
        answer(n, step, p, TRAFFIC_NO_NAME, NULL);
        return;
    }
    p->tries = 0;
    send_out(n, step, p);
}

static char *copy(const char *s)
{
    return s ? mem_copy_string(str_from(s)) : NULL;
}

static void send_out(struct node_network *n, struct step *step, struct pending *p)
{
    bool asks_name = p->ip == 0;
    struct traffic_request *r =
        traffic_request_new(asks_name ? TRAFFIC_DNS : p->request->kind, p->id);
    r->source_ip = p->request->source_ip ? p->request->source_ip : n->config->node_ip;
    r->ip = p->ip;
    r->port = p->port;
    r->reply_to = n->config->address;
    r->host = copy(p->request->host);
    r->method = copy(p->request->method);
    r->path = copy(p->request->path);
    r->namespace = copy(p->request->namespace);
    address_id to = asks_name ? n->config->dns[n->dns_turn++ % n->config->dns_count]
                              : find_route(n, p->ip)->runtime;
    step_send_datagram(step, to, &r->message);
    p->timer = step_timer_set(step, instant_add(step->now, duration_s(wait_s[p->tries])), p->id);
}

/* ---- the way back ---- */

static void take_answer(struct node_network *n, struct step *step, const struct traffic_response *r)
{
    struct pending *p = find(n, r->id);
    if (!p)
        return; /* too late, or asked twice */
    step_timer_cancel(step, p->timer);
    p->timer = 0;
    bool was_name = p->ip == 0;
    if (!was_name || p->request->kind == TRAFFIC_DNS || r->result != TRAFFIC_OK) {
        answer(n, step, p, r->result, r);
        return;
    }
    struct str rest, first = str_cut(str_from(r->body ? r->body : ""), '\n', &rest);
    if (!traffic_ip_parse(first, &p->ip) || p->ip == 0) {
        answer(n, step, p, TRAFFIC_NO_NAME, NULL);
        return;
    }
    go_on(n, step, p);
}

static void answer(struct node_network *n, struct step *step, struct pending *p,
                   enum traffic_result result, const struct traffic_response *from)
{
    struct traffic_response *a = traffic_response_new(p->request->id, result);
    if (from) {
        a->status = from->status;
        a->body = copy(from->body);
        a->from_ip = from->from_ip;
    }
    if (p->stream)
        step_send(step, p->stream, &a->message);
    else if (p->request->reply_to)
        step_send_datagram(step, p->request->reply_to, &a->message);
    else
        message_unref(&a->message);
    step_timer_cancel(step, p->timer);
    message_unref(&p->request->message);
    vec_remove(&n->pending, (size_t)(p - n->pending.items));
}
