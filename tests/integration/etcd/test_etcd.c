/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: etcd members as processes keep the promises of etcd's API through every kind of fault.
 * Method: clients write, read and watch while an outside hand kills, cuts, pauses and powers off by
 * a seed. The hook `applied` writes down the true history, one entry a revision; everything that a
 * client ever saw must agree with it:
 *   - revisions grow by one, versions and create revisions follow the rules (I21, I22);
 *   - an acknowledged write is in the history once, at an instant between its request and its
 *     answer, so the order of revisions is a linearisation; one of unknown outcome at most once
 *     (I20, I6);
 *   - a linearisable read sees at least what was acknowledged before it began, and exactly the
 *     state of its revision (I8, I23);
 *   - watches get every change once, in order, whole revisions, with what was before, over
 *     reconnects to other members (I25-I31). In the end all members have the same state.
 */
#include "sim/base/base.h"

#include "cluster/etcd/etcd.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/fault.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#define CLIENTS_MAX 4
#define KEYS 6

struct truth {
    const struct etcd_kv *kv; /* owned */
    struct instant at;
};
struct operation {
    struct instant began;
    enum etcd_request_kind kind;
    uint64_t number; /* the value of a put */
    int64_t seen;    /* the highest revision anybody had been told when it began */
    bool is_delete;
};
struct world;
struct client {
    struct world *world;
    uint32_t index;
    stream_id stream;
    uint32_t member;                  /* the next one to try */
    VEC(struct operation) operations; /* by id - 1 */
    uint64_t watch_id;
    int64_t watched; /* the last revision that the watch has brought */
    uint64_t answered, unknown, reads, events;
};
struct world {
    struct sim *sim;
    uint32_t count;
    host_id hosts[ETCD_MEMBERS_MAX];
    process_id members[ETCD_MEMBERS_MAX];
    struct etcd_config configs[ETCD_MEMBERS_MAX];
    struct client clients[CLIENTS_MAX];
    uint32_t client_count;
    const struct object_key *keys[KEYS];
    VEC(struct truth) history; /* of revision 2 + k */
    VEC(uint64_t) numbers;     /* put so far, by order of revision */
    int64_t seen;
    uint64_t next_number;
    bool is_quiet;
    bool has_compactions;
    char failure[256];
};

static void fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
static void fail(struct world *w, const char *format, ...)
{
    if (w->failure[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(w->failure, sizeof(w->failure), format, arguments);
    va_end(arguments);
}

/* ---- the true history ---- */

static const struct etcd_kv *true_state(const struct world *w, const struct object_key *key,
                                        int64_t revision)
{
    for (int64_t r = revision; r >= 2; r--) {
        const struct etcd_kv *kv = w->history.items[r - 2].kv;
        if (kv->key == key)
            return kv->version ? kv : NULL;
    }
    return NULL;
}

static void applied(void *owner, const struct etcd_kv *kv, const struct etcd_kv *before,
                    struct str by, struct instant now)
{
    struct world *w = owner;
    int64_t revision = (int64_t)w->history.count + 2;
    const struct etcd_kv *old = true_state(w, kv->key, revision - 1);
    CU_ASSERT_TRUE(str_equal(by, S("tester")));
    if (kv->mod_revision != revision)
        fail(w, "I21: revision %" PRId64 " follows %" PRId64, kv->mod_revision, revision - 1);
    if (before != old)
        fail(w, "I31: revision %" PRId64 " has a wrong predecessor", revision);
    if (kv->version && (kv->version != (old ? old->version + 1 : 1) ||
                        kv->create_revision != (old ? old->create_revision : revision)))
        fail(w, "I22: revision %" PRId64 " has version %" PRId64, revision, kv->version);
    if (!kv->version && !old)
        fail(w, "I22: revision %" PRId64 " deletes what is not there", revision);
    for (size_t i = 0; kv->version && i < w->history.count; i++)
        if (w->history.items[i].kv->version &&
            value_equal(w->history.items[i].kv->value, kv->value))
            fail(w, "I20: one put made revisions %zu and %" PRId64, i + 2, revision);
    vec_push(&w->history, (struct truth){etcd_kv_ref(kv), now});
}

/* ---- a client ---- */

static void client_connect(struct client *c, struct step *step)
{
    struct world *w = c->world;
    c->member = (c->member + 1) % w->count;
    c->stream = step_connect(step, w->configs[c->member].client_address);
    step_stream_silence(step, c->stream, duration_s(3));
    struct etcd_request *watch = etcd_request_new(ETCD_WATCH);
    watch->revision = c->watched + 1;
    vec_push(&c->operations, (struct operation){.kind = ETCD_WATCH});
    watch->id = c->watch_id = c->operations.count;
    step_send(step, c->stream, &watch->message);
}

static void client_operate(struct client *c, struct step *step)
{
    struct world *w = c->world;
    uint64_t what = step_random_below(step, 1, 20);
    struct etcd_request *r = etcd_request_new(what < 12 ? ETCD_TXN : ETCD_RANGE);
    struct operation o = {.began = sim_now(w->sim), .kind = r->kind, .seen = w->seen};
    if (w->has_compactions && what == 19 && w->seen > 20) {
        r->kind = o.kind = ETCD_COMPACT;
        r->revision = w->seen - 10;
    } else if (r->kind == ETCD_TXN) {
        const struct object_key *key = w->keys[step_random_below(step, 1, KEYS)];
        const struct etcd_kv *known = true_state(w, key, w->seen);
        r->key = object_key_ref(key);
        r->expected_revision = what < 3 ? -1 : known ? known->mod_revision : 0;
        r->is_delete = o.is_delete = what >= 9;
        o.number = ++w->next_number;
        if (!r->is_delete)
            r->value = value_integer((int64_t)o.number);
    } else if (what < 17) {
        r->resource = w->keys[0]->resource;
        r->serializable = what == 16;
        r->limit = what == 15 ? 2 : 0;
    } else {
        r->key = object_key_ref(w->keys[step_random_below(step, 1, KEYS)]);
    }
    r->by = S("tester");
    if (r->serializable)
        o.seen = 0;
    vec_push(&c->operations, o);
    r->id = c->operations.count;
    step_send(step, c->stream, &r->message);
}

static void check_write(struct world *w, const struct operation *o, const struct etcd_response *r)
{
    const struct etcd_kv *kv = r->count ? r->kvs[0] : NULL;
    if (!r->succeeded) {
        if (kv && true_state(w, kv->key, r->revision) != kv)
            fail(w, "I20: a failed comparison was answered with what was not there");
        return;
    }
    if (!kv)
        return; /* nothing to delete */
    int64_t revision = kv->mod_revision;
    if (revision < 2 || (size_t)(revision - 2) >= w->history.count ||
        w->history.items[revision - 2].kv != kv) {
        fail(w, "I6: acknowledged revision %" PRId64 " is not in the history", revision);
        return;
    }
    if (!o->is_delete && value_as_integer(kv->value, 0) != (int64_t)o->number)
        fail(w, "I20: revision %" PRId64 " is another client's", revision);
    struct instant at = w->history.items[revision - 2].at;
    if (instant_before(at, o->began) || revision <= o->seen)
        fail(w, "I20: revision %" PRId64 " happened before it was asked for", revision);
}

static void check_read(struct world *w, const struct operation *o, const struct etcd_response *r)
{
    if (r->revision < o->seen)
        fail(w, "I8: a read saw revision %" PRId64 ", though %" PRId64 " was known before",
             r->revision, o->seen);
    for (size_t i = 0; i < r->count; i++) {
        if (true_state(w, r->kvs[i]->key, r->revision) != r->kvs[i])
            fail(w, "I23: a read at %" PRId64 " saw another version", r->revision);
        if (i > 0 && object_key_compare(r->kvs[i - 1]->key, r->kvs[i]->key) >= 0)
            fail(w, "a list is out of order");
    }
    int64_t live = 0;
    for (size_t i = 0; i < KEYS; i++)
        live += true_state(w, w->keys[i], r->revision) != NULL;
    bool is_list = r->total > 1;
    if (is_list && r->total != live)
        fail(w, "I23: a list at %" PRId64 " has %" PRId64 " of %" PRId64 " keys", r->revision,
             r->total, live);
}

static void client_response(struct client *c, const struct etcd_response *r)
{
    struct world *w = c->world;
    const struct operation *o = &c->operations.items[r->id - 1];
    if (r->error != ETCD_OK) {
        c->unknown++;
        return;
    }
    c->answered++;
    if (o->kind == ETCD_TXN)
        check_write(w, o, r);
    if (o->kind == ETCD_RANGE) {
        c->reads++;
        check_read(w, o, r);
    }
    if (r->revision > w->seen)
        w->seen = r->revision;
}

static void client_watch(struct client *c, struct step *step, const struct etcd_watch_response *r)
{
    struct world *w = c->world;
    if (r->id != c->watch_id)
        return;
    for (size_t i = 0; i < r->count; i++) {
        const struct etcd_kv *kv = r->changes[i].kv;
        c->events++;
        if (kv->mod_revision != c->watched + 1)
            fail(w, "I25, I26, I28: client %u got revision %" PRId64 " after %" PRId64, c->index,
                 kv->mod_revision, c->watched);
        if (w->history.items[kv->mod_revision - 2].kv != kv)
            fail(w, "I24: a watch brought what is not in the history");
        if (r->changes[i].before != true_state(w, kv->key, kv->mod_revision - 1))
            fail(w, "I31: a wrong predecessor at %" PRId64, kv->mod_revision);
        c->watched = kv->mod_revision;
    }
    if (!r->canceled && r->revision > c->watched)
        fail(w, "I30: progress %" PRId64 " overtook the events, at %" PRId64, r->revision,
             c->watched);
    if (!r->canceled)
        return;
    if (r->error == ETCD_ERROR_COMPACTED)
        c->watched = r->compact_revision - 1; /* relisted, in spirit */
    step_close(step, c->stream);
    c->stream = 0;
}

static void *client_start(struct step *step, const void *config)
{
    struct client *c = (struct client *)(uintptr_t)config;
    client_connect(c, step);
    (void)step_timer_set(step, instant_add(step->now, duration_ms(1500)), 1);
    return c;
}

static void client_input(void *state, struct step *step, const struct input *in)
{
    struct client *c = state;
    if (in->kind == INPUT_MESSAGE && in->stream == c->stream) {
        if (in->message->type == &etcd_response_message)
            client_response(c, (const struct etcd_response *)(void *)in->message);
        else
            client_watch(c, step, (const struct etcd_watch_response *)(void *)in->message);
    } else if (in->kind == INPUT_CLOSED && in->stream == c->stream) {
        c->stream = 0;
    } else if (in->kind == INPUT_TIMER) {
        if (!c->stream)
            client_connect(c, step);
        if (!c->world->is_quiet)
            client_operate(c, step);
        uint64_t gap = 2 + step_random_below(step, 0, 60);
        (void)step_timer_set(step, instant_add(step->now, duration_ms((int64_t)gap)), 1);
    }
}

static void client_release(void *state)
{
    (void)state; /* the world's */
}

static const struct process_type client_type = {
    .kind = "client", .start = client_start, .input = client_input, .release = client_release};

/* ---- a world ---- */

static void member_add(struct world *w, uint32_t i)
{
    static const char *const names[] = {"etcd-0", "etcd-1", "etcd-2", "etcd-3", "etcd-4"};
    w->hosts[i] = sim_host_add(w->sim, &(struct host_options){.name = str_from(names[i])});
    char text[32];
    struct etcd_config *c = &w->configs[i];
    *c = (struct etcd_config){.name = str_from(names[i]),
                              .member = i,
                              .member_count = w->count,
                              .snapshot_entries = 100,
                              .applied = applied,
                              .owner = w};
    for (uint32_t k = 0; k < w->count; k++) {
        (void)snprintf(text, sizeof(text), "etcd-%u:2380", k);
        c->peers[k] = sim_address(w->sim, str_from(text));
    }
    c->peer_address = c->peers[i];
    (void)snprintf(text, sizeof(text), "etcd-%u:2379", i);
    c->client_address = sim_address(w->sim, str_from(text));
    w->members[i] =
        sim_process_add(w->sim, &(struct process_options){.name = c->name,
                                                          .host = w->hosts[i],
                                                          .type = &etcd_process,
                                                          .config = c,
                                                          .restart = RESTART_ALWAYS,
                                                          .restart_delay = duration_ms(300)});
}

static void world_init(struct world *w, uint64_t seed, uint32_t count, uint32_t clients,
                       bool shuffles)
{
    *w = (struct world){.count = count, .client_count = clients, .seen = 1};
    w->sim = sim_new(&(struct sim_options){.seed = seed,
                                           .latency = duration_us(500),
                                           .jitter = duration_us(200),
                                           .shuffle_ties = shuffles});
    for (uint32_t i = 0; i < KEYS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "k%u", i);
        w->keys[i] = object_key_of(resource_get(RESOURCE_configmaps), i < 3 ? S("a") : S("a-b"),
                                   str_from(name));
    }
    for (uint32_t i = 0; i < count; i++)
        member_add(w, i);
    host_id host = sim_host_add(w->sim, &(struct host_options){.name = S("clients")});
    for (uint32_t i = 0; i < clients; i++) {
        static const char *const names[] = {"client-0", "client-1", "client-2", "client-3"};
        w->clients[i] = (struct client){.world = w, .index = i, .member = i, .watched = 1};
        (void)sim_process_add(w->sim, &(struct process_options){.name = str_from(names[i]),
                                                                .host = host,
                                                                .type = &client_type,
                                                                .config = &w->clients[i],
                                                                .start_delay = duration_ms(10)});
    }
}

static void world_release(struct world *w)
{
    sim_free(w->sim);
    for (size_t i = 0; i < w->history.count; i++)
        etcd_kv_unref(w->history.items[i].kv);
    vec_release(&w->history);
    vec_release(&w->numbers);
    for (uint32_t i = 0; i < KEYS; i++)
        object_key_unref(w->keys[i]);
    for (uint32_t i = 0; i < CLIENTS_MAX; i++)
        vec_release(&w->clients[i].operations);
}

static void run_for(struct world *w, struct duration d)
{
    sim_run_until(w->sim, instant_add(sim_now(w->sim), d));
}

static void run_quiet(struct world *w)
{
    run_for(w, duration_s(15));
    w->is_quiet = true;
    run_for(w, duration_s(10));
}

static const struct etcd_member *member_state(const struct world *w, uint32_t i)
{
    return sim_process_state(w->sim, w->members[i]);
}

static void expect_agreement(struct world *w, uint64_t seed)
{
    int64_t revision = (int64_t)w->history.count + 1;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct etcd_member *m = member_state(w, i);
        if (etcd_member_revision(m) != revision)
            fail(w, "in the end member %u is at revision %" PRId64 " of %" PRId64, i,
                 etcd_member_revision(m), revision);
        hash = i == 0 ? etcd_member_hash(m) : hash;
        if (etcd_member_hash(m) != hash)
            fail(w, "I5: in the end member %u has another state", i);
    }
    for (uint32_t i = 0; i < w->client_count; i++)
        if (w->clients[i].watched != revision)
            fail(w, "I28: in the end the watch of client %u is at %" PRId64 " of %" PRId64, i,
                 w->clients[i].watched, revision);
    if (w->failure[0])
        printf("\n    seed %" PRIu64 ", %u members: %s\n", seed, w->count, w->failure);
    CU_ASSERT_EQUAL(w->failure[0], '\0');
}

/* ---- tests ---- */

static void test_first_election_and_writes(void)
{
    static const uint32_t counts[] = {1, 3, 5};
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        struct world w;
        world_init(&w, 1, counts[i], 2, false);

        run_quiet(&w);

        expect_agreement(&w, 1);
        CU_ASSERT_TRUE(w.history.count > 200);
        CU_ASSERT_TRUE(w.clients[0].reads > 20);
        uint32_t leaders = 0;
        for (uint32_t k = 0; k < w.count; k++)
            leaders += etcd_member_is_leader(member_state(&w, k));
        CU_ASSERT_EQUAL(leaders, 1);
        world_release(&w);
    }
}

static void random_fault(struct world *w, struct random_stream *r)
{
    uint32_t who = (uint32_t)random_below(r, w->count), other = (uint32_t)random_below(r, w->count);
    struct duration length = duration_ms((int64_t)random_below(r, 6000) + 1);
    uint64_t what = random_below(r, 8);
    network_rule_id rule = 0;
    struct network_rule cut = {.from = {.hosts = &w->hosts[who], .host_count = 1}, .is_cut = true};
    switch (what) {
    case 0:
        sim_process_kill(w->sim, w->members[who]);
        break;
    case 1:
        sim_disk_fault_set(w->sim, w->hosts[who], 0, &(struct disk_fault){.tears_writes = true});
        sim_host_power_off(w->sim, w->hosts[who]);
        run_for(w, length);
        sim_host_power_on(w->sim, w->hosts[who]);
        break;
    case 2:
        for (uint32_t i = 0; i < w->count; i++)
            sim_host_power_off(w->sim, w->hosts[i]);
        run_for(w, length);
        for (uint32_t i = 0; i < w->count; i++)
            sim_host_power_on(w->sim, w->hosts[i]);
        break;
    case 3:
        sim_process_pause(w->sim, w->members[who]);
        run_for(w, length);
        sim_process_resume(w->sim, w->members[who]);
        break;
    case 4:
        cut.both_ways = random_below(r, 3) > 0;
        if (random_below(r, 2) == 0) /* from its peers only: clients still reach it */
            cut.to = (struct fault_set){.hosts = w->hosts, .host_count = w->count};
        rule = sim_network_rule_add(w->sim, &cut);
        run_for(w, length);
        sim_network_rule_remove(w->sim, rule);
        break;
    case 5:
        sim_streams_reset(w->sim, w->members[who], who == other ? 0 : w->members[other]);
        break;
    case 6:
        sim_disk_fault_set(w->sim, w->hosts[who], 0,
                           &(struct disk_fault){.sync_latency = duration_ms(300)});
        run_for(w, length);
        sim_disk_fault_set(w->sim, w->hosts[who], 0, &(struct disk_fault){0});
        break;
    default:
        sim_process_terminate(w->sim, w->members[who], duration_s(5));
        break;
    }
    run_for(w, duration_ms((int64_t)random_below(r, 3000)));
}

static void test_faults(void)
{
    static const uint32_t counts[] = {3, 3, 5, 1};
    uint64_t unknown = 0, events = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct world w;
        struct random_stream r = random_stream(seed, 77, 0, 0);
        world_init(&w, seed, counts[seed % ARRAY_COUNT(counts)], 3, seed % 5 == 0);
        w.has_compactions = seed % 3 == 0;

        run_for(&w, duration_s(3));
        for (int i = 0; i < 10 && !w.failure[0]; i++)
            random_fault(&w, &r);
        run_quiet(&w);

        expect_agreement(&w, seed);
        for (uint32_t i = 0; i < w.client_count; i++) {
            unknown += w.clients[i].unknown;
            events += w.clients[i].events;
        }
        world_release(&w);
    }
    CU_ASSERT_TRUE(unknown > 0); /* the faults were felt */
    CU_ASSERT_TRUE(events > 1000);
}

/* The same seed gives the same trace; with ties in another order the promises hold as well. */
static void test_repeatable(void)
{
    uint64_t hashes[3];
    for (int i = 0; i < 3; i++) {
        struct world w;
        struct random_stream r = random_stream(9, 77, 0, 0);
        world_init(&w, 9, 3, 3, i == 2);
        for (int k = 0; k < 5; k++)
            random_fault(&w, &r);
        run_quiet(&w);
        expect_agreement(&w, 9);
        hashes[i] = sim_trace_hash(w.sim);
        world_release(&w);
    }
    CU_ASSERT_EQUAL(hashes[0], hashes[1]);
}

/* ---- leases ---- */

struct lease_world {
    struct world world;
    stream_id stream;
    struct instant granted;
    VEC(struct truth) ended; /* the deletions */
};

static void lease_applied(void *owner, const struct etcd_kv *kv, const struct etcd_kv *before,
                          struct str by, struct instant now)
{
    struct lease_world *l = owner;
    (void)by;
    if (kv->version)
        return;
    CU_ASSERT_TRUE(before && before->lease == 7);
    vec_push(&l->ended, (struct truth){etcd_kv_ref(kv), now});
}

static void *lease_client_start(struct step *step, const void *config)
{
    (void)step_timer_set(step, instant_add(step->now, duration_s(4)), 1);
    return (void *)(uintptr_t)config;
}

static void lease_client_input(void *state, struct step *step, const struct input *in)
{
    struct lease_world *l = state;
    if (in->kind == INPUT_TIMER) {
        l->stream = step_connect(step, l->world.configs[0].client_address);
        struct etcd_request *r = etcd_request_new(ETCD_LEASE_GRANT);
        r->lease = 7;
        r->ttl_seconds = 5;
        step_send(step, l->stream, &r->message);
        for (uint32_t i = 0; i < 3; i++) {
            struct etcd_request *put = etcd_request_new(ETCD_TXN);
            put->id = i + 1;
            put->key = object_key_ref(l->world.keys[i]);
            put->expected_revision = -1;
            put->lease = 7;
            put->value = value_integer(i);
            step_send(step, l->stream, &put->message);
        }
    } else if (in->kind == INPUT_MESSAGE && l->granted.ns == 0) {
        l->granted = sim_now(step->sim);
    }
}

static const struct process_type lease_client_type = {.kind = "lease client",
                                                      .start = lease_client_start,
                                                      .input = lease_client_input,
                                                      .release = client_release};

/* I32, I33: no lease ends before its time, though leaders change; all its keys go in one revision.
 */
static void test_leases(void)
{
    for (int kills = 0; kills < 3; kills++) {
        struct lease_world l = {0};
        struct world *w = &l.world;
        world_init(w, 11, 3, 0, false);
        for (uint32_t i = 0; i < 3; i++) {
            w->configs[i].applied = lease_applied;
            w->configs[i].owner = &l;
        }
        host_id host = sim_host_add(w->sim, &(struct host_options){.name = S("c")});
        (void)sim_process_add(
            w->sim, &(struct process_options){
                        .name = S("c"), .host = host, .type = &lease_client_type, .config = &l});
        run_for(w, duration_s(7));
        for (int k = 0; k < kills; k++) {
            for (uint32_t i = 0; i < 3; i++)
                if (etcd_member_is_leader(member_state(w, i)))
                    sim_process_kill(w->sim, w->members[i]);
            run_for(w, duration_s(3));
        }
        run_for(w, duration_s(20));

        CU_ASSERT_EQUAL_FATAL(l.ended.count, 3);
        for (size_t i = 0; i < 3; i++) {
            CU_ASSERT_FALSE(
                instant_before(l.ended.items[i].at, instant_add(l.granted, duration_s(5))));
            CU_ASSERT_EQUAL(l.ended.items[i].kv->mod_revision, l.ended.items[0].kv->mod_revision);
            etcd_kv_unref(l.ended.items[i].kv);
        }
        struct duration most = duration_ms(6000 + 6000 * kills);
        CU_ASSERT_TRUE(instant_before(l.ended.items[0].at, instant_add(l.granted, most)));
        vec_release(&l.ended);
        world_release(w);
    }
}

/* A cluster at rest must cost little: heartbeats and nothing else. */
static void test_idle_cost(void)
{
    struct world w;
    world_init(&w, 5, 3, 0, false);
    run_for(&w, duration_s(10));
    uint64_t before = sim_event_count(w.sim);

    run_for(&w, duration_s(100));

    uint64_t per_second = (sim_event_count(w.sim) - before) / 100;
    CU_ASSERT_TRUE(per_second > 0 && per_second <= 55);
    world_release(&w);
}

/* A damaged record in the middle of the log: the member must refuse to start. */
static void test_damaged_log(void)
{
    struct world w;
    world_init(&w, 3, 3, 2, false);
    run_for(&w, duration_s(5));
    sim_process_stop(w.sim, w.members[1], duration_ns(0));
    bool is_damaged = sim_disk_corrupt(w.sim, w.hosts[1], S("etcd-1.wal"), 2);
    CU_ASSERT_TRUE(is_damaged);

    sim_process_start(w.sim, w.members[1]);
    run_for(&w, duration_s(3));

    CU_ASSERT_TRUE(etcd_member_revision(member_state(&w, 1)) <= 1);
    CU_ASSERT_TRUE(w.history.count > 50);
    CU_ASSERT_EQUAL(w.failure[0], '\0');
    world_release(&w);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"first election and writes", test_first_election_and_writes},
        {"faults", test_faults},
        {"repeatable", test_repeatable},
        {"leases", test_leases},
        {"idle cost", test_idle_cost},
        {"damaged log", test_damaged_log},
        CU_TEST_INFO_NULL,
    };
    static CU_SuiteInfo suites[] = {{"etcd", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
