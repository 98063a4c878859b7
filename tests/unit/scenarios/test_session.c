/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions and their journals, without a network or a clock on the wall. Goal: what came in from
 * outside is all that a replay needs. Method: a script acts as the world outside at certain
 * instants (requests, a watch, cancels, closes, faults, steps that wait while other things come
 * in); the journal it leaves is replayed whole, cut, damaged and continued, and the hashes are
 * compared.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "cluster/api/object.h"
#include "scenarios/engine/session.h"
#include "sim/base/mem.h"

/* ---- the world outside ---- */

struct world {
    struct text journal; /* what has been written */
    size_t room;         /* for so many bytes of it; 0: no limit */
    process_id gateway;
    size_t next; /* of the script */
    const struct act *script;
    size_t script_count;
    bool is_replay; /* the session ends where the journal does */
    struct instant end;
    uint64_t trace, inputs, events;
    struct text failure;
    size_t depth_seen, answers;
    bool has_failed_do, has_stopped;
};
struct act {
    int64_t at_ms;
    void (*act)(struct world *w, struct session *s);
};

static void on_response(void *owner, uint64_t id, const struct response *r)
{
    struct world *w = owner;
    (void)id;
    w->answers += r->code != 0;
}
static void on_event(void *owner, uint64_t id, const struct watch_event *e)
{
    (void)owner;
    (void)id;
    (void)e;
}
static void on_bytes(void *owner, uint64_t id, const struct channel_bytes *b)
{
    (void)owner;
    (void)id;
    (void)b;
}
static const struct gateway_sink sink = {on_response, on_event, on_bytes};

static bool write_journal(void *owner, struct str bytes)
{
    struct world *w = owner;
    if (w->room && w->journal.size + bytes.size > w->room)
        return false;
    text_add(&w->journal, bytes);
    return true;
}

/* What is due of the script, then on with the simulation. */
static enum run_turn live(void *owner, struct session *s, struct instant next)
{
    struct world *w = owner;
    struct sim *sim = session_run(s)->sim;
    if (w->is_replay)
        return TURN_STOP;
    if (session_phase(s) < SESSION_STEPPING)
        return TURN_GO;
    struct instant until = w->end;
    if (w->next < w->script_count)
        until = (struct instant){duration_ms(w->script[w->next].at_ms).ns};
    if (!instant_before(until, next))
        return TURN_GO;
    if (instant_before(sim_now(sim), until))
        sim_run_until(sim, until);
    w->has_stopped |= w->next == w->script_count;
    if (w->has_stopped)
        return TURN_STOP;
    w->script[w->next++].act(w, s); /* may come back here, for the next one */
    return w->has_stopped ? TURN_STOP : TURN_GO;
}

/* ---- what the script can do ---- */

static void send(struct world *w, struct session *s, uint64_t connection, uint64_t id,
                 struct request *q)
{
    static const struct str groups[] = {{"system:masters", 14}};
    q->credential = credential_certificate(S("admin"), groups, 1);
    gateway_send(session_run(s)->sim, w->gateway, connection, id, q);
}
static void act_list(struct world *w, struct session *s)
{
    send(w, s, 1, 1, request_new(VERB_LIST, resource_get(RESOURCE_pods)));
    send(w, s, 2, 2, request_new(VERB_LIST, resource_get(RESOURCE_nodes)));
}
static void act_watch(struct world *w, struct session *s)
{
    struct request *q = request_new(VERB_WATCH, resource_get(RESOURCE_pods));
    request_list_options(q)->send_initial_events = -1;
    send(w, s, 1, 3, q);
}
static void act_create(struct world *w, struct session *s)
{
    struct request *q = request_new(VERB_CREATE, resource_get(RESOURCE_configmaps));
    q->namespace = value_string(S("default"));
    q->body = value_pack("{apiVersion: v1, kind: ConfigMap, metadata: {generateName: \"c-\"}, "
                         "data: {key: \"value\"}}");
    send(w, s, 2, 4, q);
    gateway_cancel(session_run(s)->sim, w->gateway, 2, 4);
}
static void act_close(struct world *w, struct session *s)
{
    gateway_close(session_run(s)->sim, w->gateway, 1);
}
static void act_mark(struct world *w, struct session *s)
{
    (void)w;
    session_mark(s);
}
static void operate(struct world *w, struct session *s, const char *operations)
{
    AUTO(text) struct text said = {0};
    w->has_failed_do |= !session_do(s, str_from(operations), &said);
}
static void act_fault(struct world *w, struct session *s)
{
    operate(w, s,
            "inject: {name: power, nodeChaos: {action: power-off, nodes: [node-1]},"
            " duration: 100s}");
}
static void act_heal(struct world *w, struct session *s)
{
    operate(w, s, "heal: {name: power}");
}
static void act_apply(struct world *w, struct session *s)
{
    operate(w, s,
            "apply: {resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, "
            "spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: "
            "{labels: {app: web}}, spec: {containers: [{name: web, image: nginx}]}}}}}");
}
/* While it waits, what the script has next comes in. */
static void act_wait(struct world *w, struct session *s)
{
    size_t before = w->next;
    operate(w, s,
            "wait: {ref: {apiVersion: apps/v1, kind: Deployment, name: web}, "
            "for: condition=Available, timeout: 2m}\n---\nsleep: 20s\n");
    w->depth_seen += w->next > before;
}

static const struct act script[] = {
    {61000, act_list},   {61000, act_watch},  {61001, act_apply},   {61002, act_wait},
    {61003, act_create}, {62500, act_wait},   {70000, act_fault},   {70000, act_mark},
    {75000, act_close},  {90000, act_list},   {120000, act_heal},   {120001, act_mark},
    {120001, act_watch}, {120002, act_fault}, {121000, act_create},
};

/* ---- sessions ---- */

static void play(struct world *w, struct session_plan *plan, const struct recording_reader *replay)
{
    struct errmsg message;
    struct session *s =
        session_new(plan,
                    &(struct session_options){
                        .owner = w, .write = w->is_replay ? NULL : write_journal, .live = live},
                    &message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    struct run *r = session_run(s);
    struct gateway_config config = {sim_address(r->sim, S(CLUSTER_API_ADDRESS)),
                                    w->is_replay ? NULL : &sink, w};
    w->gateway = gateway_add(r->sim, cluster_outside(r->cluster), S(GATEWAY_NAME), &config);
    session_gateway_add(s, w->gateway);
    if (replay)
        session_replay(s, replay);
    else
        session_write_head(s);
    session_play(s);
    w->trace = sim_trace_hash(r->sim);
    w->inputs = sim_event_hash(r->sim);
    w->events = sim_event_count(r->sim);
    text_clear(&w->failure);
    text_add(&w->failure, session_replay_failure(s));
    session_free(s);
}

static void plan_make(struct session_plan *plan)
{
    plan->nodes = 3;
    plan->has_seed = true;
    plan->seed = 7;
    plan->gateways = 1;
    memcpy(plan->secret.bytes, "0123456789abcdef0123456789abcdef", SECRET_SIZE);
}

static void record(struct world *w)
{
    struct session_plan plan = {0};
    plan_make(&plan);
    *w = (struct world){
        .script = script, .script_count = ARRAY_COUNT(script), .end = {duration_s(400).ns}};
    play(w, &plan, NULL);
    session_plan_release(&plan);
}

/* Replays the journal; `onward`: goes on with it as that world does. */
static void replay(struct str journal, struct world *onward, struct world *ret)
{
    struct recording_reader reader;
    struct record head;
    struct session_plan plan;
    CU_ASSERT_EQUAL_FATAL(recording_open(&reader, journal, NULL), ERR_OK);
    CU_ASSERT_FATAL(recording_next(&reader, &head));
    CU_ASSERT_EQUAL_FATAL(session_plan_read(head.content, &plan, NULL), ERR_OK);
    if (onward)
        *ret = *onward;
    else
        *ret = (struct world){.is_replay = true};
    play(ret, &plan, &reader);
    session_plan_release(&plan);
}

static void world_release(struct world *w)
{
    text_release(&w->journal);
    text_release(&w->failure);
}

static void test_replay(void)
{
    struct world first, second, again;
    record(&first);
    CU_ASSERT_EQUAL(first.next, ARRAY_COUNT(script));
    CU_ASSERT(first.depth_seen > 0);
    CU_ASSERT(first.answers >= 4);
    CU_ASSERT(!first.has_failed_do);

    replay(text_str(&first.journal), NULL, &second);
    CU_ASSERT_EQUAL(second.failure.size, 0);
    CU_ASSERT_EQUAL(second.trace, first.trace);
    CU_ASSERT_EQUAL(second.inputs, first.inputs);
    CU_ASSERT_EQUAL(second.events, first.events);

    record(&again); /* the script has no chance in it either */
    CU_ASSERT(str_equal(text_str(&again.journal), text_str(&first.journal)));
    world_release(&first);
    world_release(&second);
    world_release(&again);
}

/* Cut anywhere: the replay ends with the last whole record and has not parted. */
static void test_torn(void)
{
    struct world first;
    record(&first);
    for (size_t left = first.journal.size - 1; left > first.journal.size / 2;
         left -= 1 + first.journal.size / 9) {
        struct world cut;
        replay(str_slice(text_str(&first.journal), 0, left), NULL, &cut);
        CU_ASSERT_EQUAL(cut.failure.size, 0);
        CU_ASSERT_NOT_EQUAL(cut.events, 0);
        world_release(&cut);
    }
    world_release(&first);
}

/* A record left out, with checks that fit: the replay says that it parted. */
static void test_parted(void)
{
    struct world first, second;
    record(&first);
    AUTO(text) struct text other = {0};
    struct recording_reader reader;
    struct recording_writer writer;
    struct record r;
    CU_ASSERT_EQUAL_FATAL(recording_open(&reader, text_str(&first.journal), NULL), ERR_OK);
    recording_begin(&writer, &other);
    for (size_t i = 0; recording_next(&reader, &r); i++) {
        if (i != 4)
            recording_add(&writer, r.kind, r.content, &other);
    }
    replay(text_str(&other), NULL, &second);
    CU_ASSERT(second.failure.size > 0);
    world_release(&first);
    world_release(&second);
}

/* A session that is replayed and goes on, twice, is one journal in the end. */
static void test_going_on(void)
{
    struct world worlds[3], whole;
    record(&worlds[0]);
    for (size_t i = 1; i < ARRAY_COUNT(worlds); i++) {
        static const struct act more[] = {{0, act_list}, {0, act_create}};
        struct act acts[ARRAY_COUNT(more)];
        for (size_t k = 0; k < ARRAY_COUNT(more); k++)
            acts[k] = (struct act){400000 + (int64_t)i * 50000 + (int64_t)k, more[k].act};
        struct world onward = {.script = acts,
                               .script_count = ARRAY_COUNT(acts),
                               .end = {duration_s(440 + 50 * (int64_t)i).ns}};
        text_add(&onward.journal, text_str(&worlds[i - 1].journal));
        AUTO(text) struct text journal = {0};
        text_add(&journal, text_str(&worlds[i - 1].journal));
        replay(text_str(&journal), &onward, &worlds[i]);
        CU_ASSERT_EQUAL(worlds[i].failure.size, 0);
        CU_ASSERT(worlds[i].answers > 0);
        CU_ASSERT(worlds[i].journal.size > worlds[i - 1].journal.size);
    }
    replay(text_str(&worlds[2].journal), NULL, &whole);
    CU_ASSERT_EQUAL(whole.failure.size, 0);
    CU_ASSERT_EQUAL(whole.trace, worlds[2].trace);
    CU_ASSERT_EQUAL(whole.inputs, worlds[2].inputs);
    for (size_t i = 0; i < ARRAY_COUNT(worlds); i++)
        world_release(&worlds[i]);
    world_release(&whole);
}

/* It ends while operations wait, one within another; what goes on waits on. */
static void act_sleep(struct world *w, struct session *s)
{
    operate(w, s, "sleep: 1h");
}
static void test_end_within(void)
{
    static const struct act acts[] = {{61000, act_sleep}, {62000, act_sleep}, {63000, act_list}};
    struct session_plan plan = {0};
    struct world first = {
        .script = acts, .script_count = ARRAY_COUNT(acts), .end = {duration_s(70).ns}};
    struct world second, third, onward = {.end = {duration_s(9000).ns}};
    plan_make(&plan);
    play(&first, &plan, NULL);
    session_plan_release(&plan);

    replay(text_str(&first.journal), NULL, &second);
    CU_ASSERT_EQUAL(second.failure.size, 0);
    CU_ASSERT_EQUAL(second.trace, first.trace);
    CU_ASSERT_EQUAL(second.events, first.events);

    text_add(&onward.journal, text_str(&first.journal));
    replay(text_str(&first.journal), &onward, &third);
    CU_ASSERT_EQUAL(third.failure.size, 0);
    world_release(&second);
    replay(text_str(&third.journal), NULL, &second);
    CU_ASSERT_EQUAL(second.failure.size, 0);
    CU_ASSERT_EQUAL(second.trace, third.trace);
    world_release(&first);
    world_release(&second);
    world_release(&third);
}

/* The disk is full: what could not be written has not acted. */
static void test_full(void)
{
    struct world whole, second;
    record(&whole);
    for (size_t room = whole.journal.size / 2; room < whole.journal.size;
         room += 1 + whole.journal.size / 10) {
        struct session_plan plan = {0};
        struct world w = {.script = script,
                          .script_count = ARRAY_COUNT(script),
                          .end = {duration_s(400).ns},
                          .room = room};
        plan_make(&plan);
        play(&w, &plan, NULL);
        session_plan_release(&plan);
        CU_ASSERT(w.next < ARRAY_COUNT(script) || w.events < whole.events);
        replay(text_str(&w.journal), NULL, &second);
        CU_ASSERT_EQUAL(second.failure.size, 0);
        CU_ASSERT(second.events <= w.events);
        world_release(&second);
        world_release(&w);
    }
    world_release(&whole);
}

static void test_plan(void)
{
    struct session_plan plan = {0}, again;
    AUTO(text) struct text written = {0};
    plan_make(&plan);
    text_add(&plan.build, S("some build"));
    text_add(&plan.scenario, S("a/b.yaml"));
    text_add(&plan.definitions, S("slides"));
    vec_push(&plan.manifests, mem_copy_string(S("web.yaml")));
    file_store_add(&plan.files, S("web.yaml"), S("apiVersion: v1\n"));
    session_plan_write(&plan, &written);

    CU_ASSERT_EQUAL_FATAL(session_plan_read(text_str(&written), &again, NULL), ERR_OK);
    CU_ASSERT(str_equal(text_str(&again.build), S("some build")));
    CU_ASSERT(str_equal(text_str(&again.scenario), S("a/b.yaml")));
    CU_ASSERT(str_equal(text_str(&again.definitions), S("slides")));
    CU_ASSERT_EQUAL(again.seed, 7);
    CU_ASSERT_EQUAL(again.manifests.count, 1);
    CU_ASSERT(again.files.is_closed && again.files.count == 1);
    CU_ASSERT_EQUAL(memcmp(again.secret.bytes, plan.secret.bytes, SECRET_SIZE), 0);
    session_plan_release(&again);
    for (size_t size = 0; size < written.size; size++)
        CU_ASSERT_NOT_EQUAL(session_plan_read(str_slice(text_str(&written), 0, size), &again, NULL),
                            ERR_OK);
    session_plan_release(&plan);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a replay is the session again", test_replay},
        {"a torn journal", test_torn},
        {"a journal that tells something else", test_parted},
        {"a session goes on", test_going_on},
        {"an end while operations wait", test_end_within},
        {"a full disk", test_full},
        {"the plan", test_plan},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"session", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
