/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an informer's copy equals the server's objects, whatever happens to lists, watches and
 * connections, and never goes back. Method: a small process plays the API server: it has config
 * maps with versions, answers lists and watches, and on command changes an object, ends watches,
 * answers 410, closes the connection, or answers a list from the past. A second process holds the
 * informer; its handler checks the order of each object's life. After each disturbance the copy is
 * compared.
 */
#include "sim/base/base.h"

#include "cluster/client/informer.h"

#include "cluster/api/object.h"
#include "cluster/api/status.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#include <CUnit/Basic.h>

#define OBJECTS 8

/* ---- the server ---- */

struct server {
    int64_t version;
    int64_t object_version[OBJECTS]; /* 0: not there */
    int64_t floor;                   /* watches from below are answered 410 */
    stream_id stream;
    uint64_t watch; /* id; 0: none */
    int lists, watches;
    bool is_lagging; /* the next list is answered as of version 1 and empty */
};
struct peers {
    address_id address;
    struct server *server; /* outlives incarnations: looked at by the tests */
    struct watcher *watcher;
};
struct watcher {
    struct client *client;
    struct informer *informer;
    bool is_there[OBJECTS];
    int64_t highest;
    int errors, events;
};

static struct value object_of(int n, int64_t version)
{
    return value_pack("{kind: ConfigMap, apiVersion: v1, metadata: {name: %v, namespace: default, "
                      "resourceVersion: %v}}",
                      value_printf("c%d", n), value_printf("%" PRId64, version));
}

static void *server_start(struct step *step, const void *config)
{
    const struct peers *peers = config;
    step_listen(step, peers->address);
    return peers->server;
}

static void reply(struct step *step, struct server *s, uint64_t id, int code, struct value body)
{
    step_send(step, s->stream, &response_new(id, code, body)->message);
}

static void tell(struct step *step, struct server *s, enum watch_event_type type,
                 struct value object)
{
    if (s->watch)
        step_send(step, s->stream, &watch_event_new(s->watch, type, object)->message);
    else
        value_drop(object);
}

static void answer_list(struct step *step, struct server *s, const struct request *r)
{
    struct value items = value_array();
    s->lists++;
    for (int n = 0; n < OBJECTS && !s->is_lagging; n++)
        if (s->object_version[n])
            items = value_append(items, object_of(n, s->object_version[n]));
    int64_t version = s->is_lagging ? 1 : s->version;
    s->is_lagging = false;
    reply(step, s, r->id, 200,
          value_pack(
              "{kind: ConfigMapList, apiVersion: v1, metadata: {resourceVersion: %v}, items: %v}",
              value_printf("%" PRId64, version), items));
}

static void answer_watch(struct step *step, struct server *s, const struct request *r)
{
    int64_t from = 0;
    s->watches++;
    if (!str_to_int64(value_str(r->list->resource_version), &from) || from < s->floor) {
        reply(step, s, r->id, 410, status_expired(S("too old resource version")));
        return;
    }
    s->watch = r->id;
    reply(step, s, r->id, 200, VALUE_ABSENT);
    for (int n = 0; n < OBJECTS; n++)
        if (s->object_version[n] > from)
            tell(step, s, WATCH_MODIFIED, object_of(n, s->object_version[n]));
}

struct order {
    struct message message;
    int object; /* < 0: one of the disturbances */
    bool is_deletion;
};
enum { END_WATCH = -1, CLOSE = -2, COMPACT = -3, LAG = -4 };

static void order_release(struct message *m)
{
    mem_free(m);
}
static const struct message_type order_message = {
    .name = "order", .kind = MESSAGE_COMMAND_FIRST, .release = order_release};

static void obey(struct step *step, struct server *s, const struct order *o)
{
    if (o->object >= 0) {
        s->version++;
        enum watch_event_type type = o->is_deletion                 ? WATCH_DELETED
                                     : s->object_version[o->object] ? WATCH_MODIFIED
                                                                    : WATCH_ADDED;
        s->object_version[o->object] = o->is_deletion ? 0 : s->version;
        tell(step, s, type, object_of(o->object, s->version));
    } else if (o->object == END_WATCH) {
        tell(step, s, WATCH_END, VALUE_ABSENT);
        s->watch = 0;
    } else if (o->object == CLOSE || o->object == COMPACT) {
        if (o->object == COMPACT)
            s->floor = s->version + 1; /* nothing before the next change can be watched from */
        step_close(step, s->stream);
        s->stream = 0;
        s->watch = 0;
    } else {
        s->is_lagging = true;
    }
}

static void server_input(void *state, struct step *step, const struct input *input)
{
    struct server *s = state;
    if (input->kind == INPUT_ACCEPTED) {
        s->stream = input->stream;
    } else if (input->kind == INPUT_COMMAND) {
        obey(step, s, (const struct order *)input->message);
    } else if (input->kind == INPUT_MESSAGE && input->message->type == &request_message) {
        const struct request *r = (const struct request *)input->message;
        if (r->verb == VERB_LIST)
            answer_list(step, s, r);
        else
            answer_watch(step, s, r);
    }
}

static void server_release(void *state)
{
    (void)state;
}
static const struct process_type server_process = {
    .kind = "server", .start = server_start, .input = server_input, .release = server_release};

/* ---- the holder of the informer ---- */

static void on_change(void *owner, struct step *step, const struct object_key *key,
                      struct value before, struct value after)
{
    struct watcher *w = owner;
    (void)step;
    int n = key->name.bytes[1] - '0';
    w->events++;
    w->errors += value_is_present(before) != w->is_there[n]; /* added, updated..., deleted */
    w->is_there[n] = value_is_present(after);
    w->errors += value_is_present(before) && value_is_present(after) &&
                 object_version(after) < object_version(before);
    w->errors += informer_version(w->informer) < w->highest;
    w->highest = informer_version(w->informer);
}

static void *watcher_start(struct step *step, const void *config)
{
    const struct peers *peers = config;
    struct watcher *w = peers->watcher;
    w->client =
        client_new(&(struct client_options){.server = peers->address, .user_agent = "test"});
    w->informer = informer_new(
        w->client, &(struct informer_options){.resource = resource_get(RESOURCE_configmaps)});
    informer_handle(w->informer, on_change, w);
    informer_start(w->informer, step);
    return w;
}

static void watcher_input(void *state, struct step *step, const struct input *input)
{
    struct watcher *w = state;
    (void)client_input(w->client, step, input);
}

static void watcher_release(void *state)
{
    struct watcher *w = state;
    informer_free(w->informer);
    client_free(w->client);
}
static const struct process_type watcher_process = {
    .kind = "watcher", .start = watcher_start, .input = watcher_input, .release = watcher_release};

/* ---- a world of both ---- */

struct world {
    struct sim *sim;
    struct server server;
    struct watcher watcher;
    struct peers peers;
    process_id server_process;
};

static void world_init(struct world *w)
{
    *w = (struct world){.sim = sim_new(&(struct sim_options){.seed = 7})};
    w->peers = (struct peers){sim_address(w->sim, S("api:6443")), &w->server, &w->watcher};
    w->server.version = 10;
    host_id a = sim_host_add(w->sim, &(struct host_options){.name = S("a")});
    host_id b = sim_host_add(w->sim, &(struct host_options){.name = S("b")});
    w->server_process = sim_process_add(
        w->sim, &(struct process_options){
                    .name = S("server"), .host = a, .type = &server_process, .config = &w->peers});
    sim_process_add(w->sim, &(struct process_options){.name = S("watcher"),
                                                      .host = b,
                                                      .type = &watcher_process,
                                                      .config = &w->peers,
                                                      .start_delay = duration_ms(100)});
}

static void run(struct world *w, int64_t seconds)
{
    sim_run_until(w->sim, instant_add(sim_now(w->sim), duration_s(seconds)));
}

static void order(struct world *w, int object, bool is_deletion)
{
    struct order *o = mem_new(struct order);
    message_init(&o->message, &order_message, 1);
    o->object = object;
    o->is_deletion = is_deletion;
    sim_command(w->sim, w->server_process, &o->message);
}

static void expect_equal(struct world *w)
{
    size_t count = 0;
    for (int n = 0; n < OBJECTS; n++) {
        char name[] = {'c', (char)('0' + n), '\0'};
        struct value v = informer_get_named(w->watcher.informer, S("default"), str_from(name));
        CU_ASSERT_EQUAL(object_version(v), w->server.object_version[n]);
        count += w->server.object_version[n] != 0;
    }
    CU_ASSERT_EQUAL(informer_count(w->watcher.informer), count);
    CU_ASSERT_EQUAL(w->watcher.errors, 0);
}

static void test_list_then_watch(void)
{
    struct world w;
    world_init(&w);
    order(&w, 0, false);
    order(&w, 1, false);
    run(&w, 1);
    CU_ASSERT_TRUE(informer_has_synced(w.watcher.informer));
    expect_equal(&w);
    order(&w, 1, true);
    order(&w, 2, false);
    order(&w, 0, false);
    run(&w, 1);
    expect_equal(&w);
    CU_ASSERT_EQUAL(w.server.lists, 1);
    CU_ASSERT_EQUAL(w.watcher.events, 5);
    sim_free(w.sim);
}

/* A watch that ends is opened again from where it was: no second list. */
static void test_watch_ends(void)
{
    struct world w;
    world_init(&w);
    order(&w, 0, false);
    run(&w, 3);
    order(&w, END_WATCH, false);
    order(&w, 3, false);
    run(&w, 3);
    expect_equal(&w);
    CU_ASSERT_EQUAL(w.server.lists, 1);
    CU_ASSERT_EQUAL(w.server.watches, 2);
    sim_free(w.sim);
}

static void test_reconnect(void)
{
    struct world w;
    world_init(&w);
    order(&w, 0, false);
    run(&w, 3);
    order(&w, CLOSE, false);
    order(&w, 0, false);
    order(&w, 4, false);
    run(&w, 60);
    expect_equal(&w);
    CU_ASSERT_EQUAL(w.server.lists, 1);
    sim_free(w.sim);
}

/* 410: a new list; what went meanwhile is told as a deletion. */
static void test_too_old(void)
{
    struct world w;
    world_init(&w);
    order(&w, 0, false);
    order(&w, 1, false);
    run(&w, 3);
    order(&w, COMPACT, false);
    order(&w, 1, true);
    order(&w, 5, false);
    run(&w, 60);
    expect_equal(&w);
    CU_ASSERT_EQUAL(w.server.lists, 2);
    CU_ASSERT_FALSE(w.watcher.is_there[1]);
    sim_free(w.sim);
}

/* A list from the past (another server, which lags) is not taken; it is asked for again. */
static void test_no_time_travel(void)
{
    struct world w;
    world_init(&w);
    order(&w, 0, false);
    run(&w, 3);
    order(&w, LAG, false);
    order(&w, COMPACT, false);
    order(&w, 6, false);
    run(&w, 1);
    CU_ASSERT_TRUE(w.watcher.is_there[0]);
    run(&w, 60);
    expect_equal(&w);
    CU_ASSERT_EQUAL(w.server.lists, 3);
    sim_free(w.sim);
}

int main(void)
{
    CU_TestInfo tests[] = {{"list, then watch", test_list_then_watch},
                           {"watch ends", test_watch_ends},
                           {"reconnect", test_reconnect},
                           {"too old", test_too_old},
                           {"no time travel", test_no_time_travel},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"informer", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
