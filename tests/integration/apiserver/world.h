/* SPDX-License-Identifier: Apache-2.0
 *
 * A small world for tests of the API server: etcd members, servers, and clients that do what the
 * test says: a command carries a request, the client sends it, and keeps every answer and event for
 * the test to look at.
 */
#ifndef TESTS_INTEGRATION_APISERVER_WORLD_H
#define TESTS_INTEGRATION_APISERVER_WORLD_H

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/request.h"
#include "cluster/apiserver/apiserver.h"
#include "cluster/etcd/etcd.h"
#include "sim/fault.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/sim.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#define WORLD_SERVERS_MAX 2
#define WORLD_MEMBERS_MAX 3

struct client_config {
    address_id server;
};
struct client_state {
    const struct client_config *config;
    stream_id stream;
    VEC(struct response *) responses;
    VEC(struct watch_event *) events;
};

static void *client_start(struct step *step, const void *config)
{
    struct client_state *s = mem_new(struct client_state);
    s->config = config;
    s->stream = step_connect(step, s->config->server);
    return s;
}

static void client_input(void *state, struct step *step, const struct input *in)
{
    struct client_state *s = state;
    if (in->kind == INPUT_COMMAND)
        step_send(step, s->stream, message_ref(in->message));
    else if (in->kind == INPUT_CLOSED)
        s->stream = step_connect(step, s->config->server);
    else if (in->kind == INPUT_MESSAGE && in->message->type == &response_message)
        vec_push(&s->responses, (struct response *)(void *)message_ref(in->message));
    else if (in->kind == INPUT_MESSAGE && in->message->type == &watch_event_message)
        vec_push(&s->events, (struct watch_event *)(void *)message_ref(in->message));
}

static void client_release(void *state)
{
    struct client_state *s = state;
    for (size_t i = 0; i < s->responses.count; i++)
        message_unref(&s->responses.items[i]->message);
    for (size_t i = 0; i < s->events.count; i++)
        message_unref(&s->events.items[i]->message);
    vec_release(&s->responses);
    vec_release(&s->events);
    mem_free(s);
}

static const struct process_type client_process = {
    .kind = "client", .start = client_start, .input = client_input, .release = client_release};

struct world {
    struct sim *sim;
    size_t server_count;
    struct etcd_config etcd[WORLD_MEMBERS_MAX];
    struct apiserver_config servers[WORLD_SERVERS_MAX];
    struct client_config client_config[WORLD_SERVERS_MAX];
    process_id etcd_process[WORLD_MEMBERS_MAX], server_process[WORLD_SERVERS_MAX],
        clients[WORLD_SERVERS_MAX];
    const struct credential *admin, *who; /* who: of the next requests; NULL: the admin */
    uint64_t next_id;
};
struct world_options {
    size_t members, servers; /* 0: one */
    bool bare;               /* no bootstrap, everything allowed */
    struct apiserver_config flags;
};

static void world_run(struct world *w, int64_t ms)
{
    sim_run_until(w->sim, instant_add(sim_now(w->sim), duration_ms(ms)));
}

UNUSED static const struct apiserver *world_server(struct world *w, size_t i)
{
    return sim_process_state(w->sim, w->server_process[i]);
}

static struct client_state *world_client(struct world *w, size_t i)
{
    union {
        const void *state;
        struct client_state *client;
    } u = {.state = sim_process_state(w->sim, w->clients[i])};
    return u.client;
}

static void world_start(struct world *w, const struct world_options *o)
{
    *w = (struct world){.server_count = o->servers ? o->servers : 1};
    w->sim = sim_new(&(struct sim_options){.seed = 7, .start = {INT64_C(1790000000) * 1000000000}});
    size_t members = o->members ? o->members : 1;
    address_id clients[WORLD_MEMBERS_MAX], peers[WORLD_MEMBERS_MAX];
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < members; i++) {
        text_clear(&t);
        text_printf(&t, "etcd-%zu:2379", i);
        clients[i] = sim_address(w->sim, text_str(&t));
        text_printf(&t, "p");
        peers[i] = sim_address(w->sim, text_str(&t));
    }
    static const char *const names[] = {"etcd-0", "etcd-1", "etcd-2"};
    static const char *const server_names[] = {"apiserver-0", "apiserver-1"};
    static const char *const client_names[] = {"client-0", "client-1"};
    for (size_t i = 0; i < members; i++) {
        w->etcd[i] = (struct etcd_config){.name = str_from(names[i]),
                                          .member = (uint32_t)i,
                                          .member_count = (uint32_t)members,
                                          .client_address = clients[i],
                                          .peer_address = peers[i],
                                          .heartbeat = duration_ms(100),
                                          .election = duration_ms(1000),
                                          .snapshot_entries = 10000,
                                          .quota_bytes = INT64_C(1) << 31,
                                          .stamp = apiserver_stamp};
        memcpy(w->etcd[i].peers, peers, sizeof(peers));
        host_id h = sim_host_add(w->sim, &(struct host_options){.name = str_from(names[i])});
        w->etcd_process[i] =
            sim_process_add(w->sim, &(struct process_options){.name = str_from(names[i]),
                                                              .host = h,
                                                              .type = &etcd_process,
                                                              .config = &w->etcd[i],
                                                              .restart_delay = duration_s(1)});
    }
    for (size_t i = 0; i < w->server_count; i++) {
        text_clear(&t);
        text_printf(&t, "%s:6443", server_names[i]);
        w->servers[i] = o->flags;
        w->servers[i].name = str_from(server_names[i]);
        w->servers[i].address = sim_address(w->sim, text_str(&t));
        w->servers[i].advertise_address = i == 0 ? S("192.168.0.10") : S("192.168.0.11");
        w->servers[i].no_bootstrap = w->servers[i].allow_all = o->bare;
        for (size_t m = 0; m < members; m++)
            w->servers[i].etcd[m] = clients[(m + i) % members];
        w->servers[i].etcd_count = members;
        host_id h = sim_host_add(w->sim, &(struct host_options){.name = str_from(server_names[i])});
        w->server_process[i] =
            sim_process_add(w->sim, &(struct process_options){.name = str_from(server_names[i]),
                                                              .host = h,
                                                              .type = &apiserver_process,
                                                              .config = &w->servers[i],
                                                              .restart_delay = duration_s(1)});
        w->client_config[i].server = w->servers[i].address;
        h = sim_host_add(w->sim, &(struct host_options){.name = str_from(client_names[i])});
        w->clients[i] =
            sim_process_add(w->sim, &(struct process_options){.name = str_from(client_names[i]),
                                                              .host = h,
                                                              .type = &client_process,
                                                              .config = &w->client_config[i],
                                                              .start_delay = duration_s(5)});
    }
    struct str masters = S("system:masters");
    w->admin = credential_certificate(S("kubernetes-admin"), &masters, 1);
    world_run(w, 8000);
}

static void world_end(struct world *w)
{
    credential_unref(w->admin);
    sim_free(w->sim);
}

static struct value parse(const char *json)
{
    struct value v = VALUE_ABSENT;
    struct errmsg m = {0};
    CU_ASSERT_EQUAL_FATAL(json_parse(str_from(json), NULL, &v, &m), ERR_OK);
    return v;
}

/* Sends without waiting; the id says which answer is its own. */
UNUSED static uint64_t send_to(struct world *w, size_t server, struct request *own_request)
{
    const struct credential *who = w->who ? w->who : w->admin;
    own_request->id = ++w->next_id;
    own_request->credential = credential_ref(who);
    own_request->user_agent = value_string(S("test"));
    sim_command(w->sim, w->clients[server], &own_request->message);
    return w->next_id;
}

UNUSED static const struct response *answer_to(struct world *w, size_t server, uint64_t id)
{
    struct client_state *c = world_client(w, server);
    for (size_t i = 0; c && i < c->responses.count; i++)
        if (c->responses.items[i]->id == id)
            return c->responses.items[i];
    return NULL;
}

/* The answer, borrowed until the world ends; aborts the test when there is none within 70 s. */
static const struct response *ask_server(struct world *w, size_t server,
                                         struct request *own_request)
{
    uint64_t id = send_to(w, server, own_request);
    const struct response *r = NULL;
    for (int i = 0; i < 7000 && !(r = answer_to(w, server, id)); i++)
        world_run(w, 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    return r;
}
UNUSED static const struct response *ask(struct world *w, struct request *own_request)
{
    return ask_server(w, 0, own_request);
}

UNUSED static struct request *create_of(enum resource_known resource, const char *namespace,
                                        const char *json)
{
    struct request *r = request_new(VERB_CREATE, resource_get(resource));
    r->body = parse(json);
    if (namespace)
        r->namespace = value_string(str_from(namespace));
    return r;
}
UNUSED static struct request *on_key(enum verb verb, enum resource_known resource,
                                     const char *namespace, const char *name)
{
    const struct object_key *k =
        object_key_of(resource_get(resource), str_from(namespace), str_from(name));
    struct request *r = request_for_key(verb, k);
    object_key_unref(k);
    return r;
}
UNUSED static struct request *update_of(enum resource_known resource, const char *namespace,
                                        const char *name, struct value own_body)
{
    struct request *r = on_key(VERB_UPDATE, resource, namespace, name);
    r->body = own_body;
    return r;
}
UNUSED static struct request *patch_of(enum resource_known resource, const char *namespace,
                                       const char *name, const char *json)
{
    struct request *r = on_key(VERB_PATCH, resource, namespace, name);
    r->patch_type = PATCH_MERGE;
    r->body = parse(json);
    return r;
}

UNUSED static void expect_refusal(const struct response *r, int code, const char *reason,
                                  const char *message)
{
    CU_ASSERT_EQUAL(r->code, code);
    struct str m = response_message_text(r), why = response_reason(r);
    if (!str_equal(m, str_from(message)) || !str_equal(why, str_from(reason))) {
        printf("\n  got  %d %.*s: %.*s\n  want %d %s: %s\n", r->code, STR_ARG(why), STR_ARG(m),
               code, reason, message);
        CU_FAIL("another refusal");
    }
}

UNUSED static void expect_ok(const struct response *r, int code)
{
    CU_ASSERT_EQUAL(r->code, code);
    if (r->code != code) {
        AUTO(text) struct text t = {0};
        json_write(r->body, &t);
        printf("\n  %s\n", text_c(&t));
    }
}

#endif
