/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of a controller, as upstream's controllers repeat it in each of their Run, worker and
 * handleErr functions: wait until the caches of all that is watched have synced, then let `workers`
 * workers take keys from the queue.
 *
 * A worker is a reconcile under way, not a thread: it holds its key while its requests travel. Keys
 * are taken after all handlers of an input have been called, so that a sync sees everything which
 * that input brought.
 *
 * The requests of a phase form groups. A plain request is a group of one. A parallel group is sent
 * whole. A slow-start group is sent in batches of 1, 2, 4, ...; after a batch in which one failed
 * the rest is not sent and answered with -1. A group begins when the one before has been answered.
 * An answer of code 0 (outcome unknown) counts as a failure.
 *
 * Retrying. SYNC_RETRY puts the key back with the rate limiter's delay; beyond retries_max it is
 * dropped until the next event, as upstream's maxRetries. SYNC_DONE forgives the key's failures.
 *
 * If the process dies between two phases nothing is undone: the next incarnation observes what
 * there is.
 */
#include "sim/base/base.h"

#include "cluster/client/controller.h"

#include "cluster/api/object.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

enum group_kind { GROUP_SINGLE, GROUP_PARALLEL, GROUP_SLOW_START };

struct outgoing {
    struct request *request; /* owned until sent */
    uint32_t group;
    enum group_kind kind;
};
struct sync_private {
    struct sync sync;
    struct sync_private *before, *after; /* among those under way */
    VEC(struct outgoing) requests;
    VEC(struct answer) collected; /* by index of the request */
    VEC(struct answer) shown;     /* of the phase before */
    size_t next;                  /* the first that was not sent */
    size_t in_flight;
    size_t batch;
    uint32_t group;
    enum group_kind kind;
    bool has_failed;
    int next_phase;
    size_t memory_size;
    VEC(struct value) kept; /* by sync_keep */
};
struct controller_private {
    struct sync_private *running;
    uint32_t lane;
    int workers, busy;
    bool is_started, has_synced;
    bool is_stirred; /* something may be ready for a worker */
    size_t watch_count;
    struct informer *watched[CONTROLLER_WATCHES_MAX];
    struct informer *primary; /* one of them; NULL when it is not watched */
    struct wake {
        struct controller *controller;
        wake_fn wake;
    } wakes[CONTROLLER_WATCHES_MAX];
    struct client_timer queue_timer, period_timer;
};

static void pump(void *owner, struct step *step);
static void on_queue_timer(void *owner, struct step *step);
static void on_period(void *owner, struct step *step);
static void run(struct sync_private *p, struct step *step);

/* ---- life ---- */

static void on_change(void *owner, struct step *step, const struct object_key *key,
                      struct value before, struct value after)
{
    const struct wake *w = owner;
    w->wake(w->controller, step, key, before, after);
}

static size_t watch_count(const struct controller_info *info)
{
    if (info->watch_count)
        return info->watch_count;
    size_t n = 0;
    while (n < CONTROLLER_WATCHES_MAX && (info->watches[n].wake || info->watches[n].resource != 0))
        n++;
    return n;
}

/* As kubeadm has it (--use-service-account-credentials): each controller has the rights of its own
 * role. DEVIATION: the account is stated as a certificate would; real controllers ask for a token.
 */
static void act_as_account(struct client *client, uint32_t lane, const struct controller_info *info)
{
    static const struct str groups[] = {{"system:serviceaccounts", 22},
                                        {"system:serviceaccounts:kube-system", 34}};
    AUTO(text) struct text user = {0};
    if (info->account && info->account[0] == 0)
        return; /* as whoever the client is */
    text_printf(&user, "system:serviceaccount:kube-system:%s",
                info->account ? info->account : info->name);
    const struct credential *credential =
        credential_certificate(text_str(&user), groups, ARRAY_COUNT(groups));
    client_lane_credential(client, lane, credential);
    credential_unref(credential);
}

struct controller *controller_new(const struct controller_info *info,
                                  const struct controller_environment *e)
{
    struct controller *c = mem_new(struct controller);
    struct controller_private *p = c->private = mem_new(struct controller_private);
    c->info = info;
    c->client = e->client;
    c->informers = e->informers;
    c->flags = e->flags;
    p->lane = client_add_lane(e->client, info->qps_factor ? info->qps_factor : 1,
                              info->burst_factor ? info->burst_factor : 1);
    act_as_account(e->client, p->lane, info);
    uint32_t lane = client_enter_lane(e->client, p->lane);
    c->recorder = recorder_new(
        e->client, str_from(info->event_source ? info->event_source : info->name), S(""));
    client_enter_lane(e->client, lane);
    c->queue = workqueue_new();
    if (info->retry_first.ns > 0)
        workqueue_set_backoff(c->queue, info->retry_first, info->retry_most);
    p->workers = e->workers > 0 ? e->workers : info->workers > 0 ? info->workers : 1;
    p->watch_count = watch_count(info);
    for (size_t n = 0; n < p->watch_count; n++) {
        p->watched[n] = informer_factory_get(e->informers, info->watches[n].resource);
        p->wakes[n] = (struct wake){c, info->watches[n].wake};
        if (info->watches[n].resource == info->primary)
            p->primary = p->watched[n];
        if (info->watches[n].wake)
            informer_handle(p->watched[n], on_change, &p->wakes[n]);
    }
    p->queue_timer = (struct client_timer){.fire = on_queue_timer, .owner = c};
    p->period_timer = (struct client_timer){.fire = on_period, .owner = c};
    client_after_input(c->client, pump, c);
    return c;
}

static void answer_release(struct answer *a)
{
    value_drop(a->body);
    object_key_unref(a->key);
}

static void sync_free(struct sync_private *p)
{
    struct controller_private *frame = p->sync.controller->private;
    if (p->before)
        p->before->after = p->after;
    else
        frame->running = p->after;
    if (p->after)
        p->after->before = p->before;
    for (size_t i = p->next; i < p->requests.count; i++)
        if (p->requests.items[i].request)
            message_unref(&p->requests.items[i].request->message);
    for (size_t i = 0; i < p->collected.count; i++)
        answer_release(&p->collected.items[i]);
    for (size_t i = 0; i < p->shown.count; i++)
        answer_release(&p->shown.items[i]);
    vec_release(&p->requests);
    vec_release(&p->collected);
    vec_release(&p->shown);
    value_drop(p->sync.object);
    mem_free(p->sync.memory);
    for (size_t i = 0; i < p->kept.count; i++)
        value_drop(p->kept.items[i]);
    vec_release(&p->kept);
    mem_free(p);
}

void controller_free(struct controller *c)
{
    if (!c)
        return;
    struct controller_private *p = c->private;
    while (p->running) {
        object_key_unref(p->running->sync.key);
        sync_free(p->running);
    }
    client_timer_release(c->client, &p->queue_timer);
    client_timer_release(c->client, &p->period_timer);
    if (c->info->free_state && c->state)
        c->info->free_state(c->state);
    workqueue_free(c->queue);
    recorder_free(c->recorder);
    mem_free(p);
    mem_free(c);
}

void controller_start(struct controller *c, struct step *step)
{
    CHECK(!c->private->is_started);
    c->private->is_started = true;
    c->private->is_stirred = true;
    if (c->info->new_state)
        c->state = c->info->new_state(c, step);
}

struct informer *controller_informer(struct controller *c, enum resource_known resource)
{
    for (size_t n = 0; n < c->private->watch_count; n++)
        if (c->info->watches[n].resource == resource)
            return c->private->watched[n];
    check_failed("a controller reads only what it declares to watch", __FILE__, __LINE__);
}

void controller_dump(const struct controller *c, struct text *out)
{
    text_printf(out, "%s: %zu in line, %d of %d workers busy\n", c->info->name,
                workqueue_length(c->queue), c->private->busy, c->private->workers);
    for (const struct sync_private *p = c->private->running; p; p = p->after) {
        text_add(out, S("  "));
        object_key_text(p->sync.key, out);
        text_printf(out, ": phase %d, %zu of %zu requests sent, %zu in flight\n", p->sync.phase,
                    p->next, p->requests.count, p->in_flight);
    }
}

/* ---- waking up ---- */

void controller_enqueue(struct controller *c, struct step *step, const struct object_key *key)
{
    (void)step;
    workqueue_add(c->queue, key);
    c->private->is_stirred = true;
}

void controller_enqueue_after(struct controller *c, struct step *step, const struct object_key *key,
                              struct duration delay)
{
    workqueue_add_after(c->queue, key, step->now, delay);
    c->private->is_stirred = true;
}

void controller_send(struct controller *c, struct step *step, struct request *own_request,
                     response_fn done, void *owner, uint64_t tag)
{
    uint32_t lane = client_enter_lane(c->client, c->private->lane);
    client_send(c->client, step, own_request, done, owner, tag);
    client_enter_lane(c->client, lane);
}

void controller_wake_itself(struct controller *c, struct step *step, const struct object_key *key,
                            struct value before, struct value after)
{
    (void)before;
    (void)after;
    controller_enqueue(c, step, key);
}

static void wake_owner_in(struct controller *c, struct step *step, struct value object)
{
    struct value reference = object_controller_ref(object);
    const struct object_key *owner = controller_owner_key(c, object, reference);
    if (!owner)
        return;
    controller_enqueue(c, step, owner);
    object_key_unref(owner);
}

const struct object_key *controller_owner_key(struct controller *c, struct value child,
                                              struct value reference)
{
    const struct resource *r = resource_get(c->info->primary);
    if (!value_is_present(reference) || !str_equal(VALUE_STR(reference, kind), r->kind))
        return NULL;
    struct str group_version = VALUE_STR(reference, apiVersion);
    struct str group = str_find(group_version, '/') < group_version.size
                           ? str_slice(group_version, 0, str_find(group_version, '/'))
                           : S("");
    if (!str_equal(group, r->group))
        return NULL;
    struct str namespace = r->is_namespaced ? value_str(object_namespace(child)) : S("");
    const struct object_key *key = object_key_of(r->storage, namespace, VALUE_STR(reference, name));
    struct value owner = informer_get(controller_informer(c, c->info->primary), key);
    if (value_is_present(owner) && value_equal(object_uid(owner), value_get(reference, ATOM_uid)))
        return key;
    object_key_unref(key);
    return NULL;
}

void controller_wake_owner(struct controller *c, struct step *step, const struct object_key *key,
                           struct value before, struct value after)
{
    (void)key;
    if (value_is_present(before) && value_is_present(after) &&
        !value_equal(object_controller_ref(before), object_controller_ref(after)))
        wake_owner_in(c, step, before);
    wake_owner_in(c, step, value_is_present(after) ? after : before);
}

/* ---- workers ---- */

static void on_queue_timer(void *owner, struct step *step)
{
    struct controller *c = owner;
    (void)step;
    c->private->is_stirred = true; /* the pump runs at the end of this input */
}

static void on_period(void *owner, struct step *step)
{
    struct controller *c = owner;
    client_timer_set(c->client, step, &c->private->period_timer,
                     instant_add(step->now, c->info->period));
    c->info->tick(c, step);
}

static bool caches_have_synced(struct controller *c, struct step *step)
{
    struct controller_private *p = c->private;
    if (p->has_synced)
        return true;
    for (size_t n = 0; n < p->watch_count; n++)
        if (!informer_has_synced(p->watched[n]))
            return false;
    p->has_synced = true;
    p->is_stirred = true;
    if (c->info->tick)
        on_period(c, step);
    return true;
}

static void pump(void *owner, struct step *step)
{
    struct controller *c = owner;
    struct controller_private *p = c->private;
    if (!p->is_started || !caches_have_synced(c, step) || !p->is_stirred)
        return;
    p->is_stirred = false;
    workqueue_tick(c->queue, step->now);
    while (p->busy < p->workers) {
        const struct object_key *key = workqueue_get(c->queue);
        if (!key)
            break;
        struct sync_private *sync = mem_new(struct sync_private);
        sync->sync = (struct sync){.controller = c, .key = key, .private = sync};
        if (p->primary && key->resource == resource_get(c->info->primary)->storage)
            sync->sync.object = value_keep(informer_get(p->primary, key));
        sync->after = p->running;
        if (p->running)
            p->running->before = sync;
        p->running = sync;
        p->busy++;
        run(sync, step);
    }
    struct instant next = workqueue_next_instant(c->queue);
    if (next.ns != INSTANT_NEVER.ns)
        client_timer_set(c->client, step, &p->queue_timer, next);
}

static void finish(struct sync_private *p, enum sync_result result)
{
    struct sync *s = &p->sync;
    struct controller *c = s->controller;
    int retries_max = c->info->retries_max;
    bool again = result == SYNC_RETRY;
    if (again && retries_max > 0 && workqueue_requeues(c->queue, s->key) >= (uint32_t)retries_max) {
        sync_trace(s, "gives up after %d retries: %s", retries_max, s->error);
        again = false;
    }
    if (again)
        workqueue_add_rate_limited(c->queue, s->key, s->step->now);
    else
        workqueue_forget(c->queue, s->key);
    workqueue_done(c->queue, s->key);
    c->private->busy--;
    c->private->is_stirred = true;
    sync_free(p);
}

/* ---- requests of a phase ---- */

static void on_answer(void *owner, struct step *step, const struct response *r, uint64_t tag);

static size_t batch_size(struct sync_private *p)
{
    const struct outgoing *first = &p->requests.items[p->next];
    size_t rest = 0;
    while (p->next + rest < p->requests.count &&
           p->requests.items[p->next + rest].group == first->group)
        rest++;
    switch (first->kind) {
    case GROUP_SINGLE:
        return 1;
    case GROUP_PARALLEL:
        return rest;
    case GROUP_SLOW_START:
        if (p->has_failed) {
            for (; rest > 0; rest--)
                p->collected.items[p->next++].code = -1;
            return 0;
        }
        p->batch = p->batch ? p->batch * 2 : 1;
        return p->batch < rest ? p->batch : rest;
    }
    return 0;
}

/* Sends what may go; true when every request has its answer. */
static bool advance(struct sync_private *p, struct step *step)
{
    struct controller *c = p->sync.controller;
    while (p->in_flight == 0) {
        if (p->next == p->requests.count)
            return true;
        uint32_t group = p->requests.items[p->next].group;
        bool is_new_group = p->next == 0 || p->requests.items[p->next - 1].group != group;
        if (is_new_group) {
            p->batch = 0;
            p->has_failed = false;
        }
        size_t skipped_from = p->next;
        size_t count = batch_size(p);
        for (size_t i = skipped_from; count == 0 && i < p->next; i++) {
            message_unref(&p->requests.items[i].request->message);
            p->requests.items[i].request = NULL;
        }
        p->in_flight = count;
        for (size_t i = 0; i < count; i++) {
            struct outgoing *o = &p->requests.items[p->next];
            struct request *request = o->request;
            o->request = NULL;
            controller_send(c, step, request, on_answer, p, p->next++);
        }
    }
    return false;
}

static void on_answer(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct sync_private *p = owner;
    struct answer *a = &p->collected.items[tag];
    a->code = r->code;
    a->body = value_keep(r->body);
    if (!answer_ok(a))
        p->has_failed = true;
    CHECK(p->in_flight > 0);
    p->in_flight--;
    if (p->in_flight == 0 && advance(p, step)) {
        p->sync.phase = p->next_phase;
        run(p, step);
    }
}

static void show_answers(struct sync_private *p)
{
    for (size_t i = 0; i < p->shown.count; i++)
        answer_release(&p->shown.items[i]);
    vec_clear(&p->shown);
    for (size_t i = 0; i < p->collected.count; i++)
        vec_push(&p->shown, p->collected.items[i]);
    vec_clear(&p->collected);
    vec_clear(&p->requests);
    p->next = 0;
    p->group = 0;
    p->kind = GROUP_SINGLE;
    p->sync.answers = p->shown.items;
    p->sync.answer_count = p->shown.count;
}

static void run(struct sync_private *p, struct step *step)
{
    struct sync *s = &p->sync;
    for (;;) {
        s->step = step;
        show_answers(p);
        enum sync_result result = s->controller->info->sync(s);
        if (result != SYNC_WAIT) {
            CHECK(p->requests.count == 0);
            finish(p, result);
            return;
        }
        if (!advance(p, step))
            return;
        s->phase = p->next_phase;
    }
}

/* ---- what a sync calls ---- */

struct value sync_keep(struct sync *s, struct value v)
{
    vec_push(&s->private->kept, value_keep(v));
    return v;
}

void *sync_memory(struct sync *s, size_t size)
{
    struct sync_private *p = s->private;
    if (!s->memory) {
        s->memory = mem_allocate(1, size);
        p->memory_size = size;
    }
    CHECK(p->memory_size == size);
    return s->memory;
}

void sync_send(struct sync *s, struct request *own_request, uint32_t tag)
{
    struct sync_private *p = s->private;
    if (p->kind == GROUP_SINGLE)
        p->group++;
    vec_push(&p->requests, (struct outgoing){own_request, p->group, p->kind});
    const struct object_key *key = own_request->key ? object_key_ref(own_request->key) : NULL;
    vec_push(&p->collected, (struct answer){.tag = tag, .key = key});
}

void sync_create(struct sync *s, enum resource_known r, struct value own_object, uint32_t tag)
{
    sync_send(s, client_create_request(resource_get(r), own_object), tag);
}

void sync_update(struct sync *s, enum resource_known r, struct value own_object, uint32_t tag)
{
    sync_send(s, client_update_request(resource_get(r), own_object, SUBRESOURCE_NONE), tag);
}

void sync_update_status(struct sync *s, enum resource_known r, struct value own_object,
                        uint32_t tag)
{
    sync_send(s, client_update_request(resource_get(r), own_object, SUBRESOURCE_STATUS), tag);
}

void sync_patch(struct sync *s, const struct object_key *k, enum patch_type type,
                struct value own_patch, uint32_t tag)
{
    sync_send(s, client_patch_request(k, type, own_patch, SUBRESOURCE_NONE), tag);
}

void sync_delete(struct sync *s, const struct object_key *k, struct value uid, uint32_t tag)
{
    sync_send(s, client_delete_request(k, uid), tag);
}

void sync_parallel(struct sync *s)
{
    s->private->kind = GROUP_PARALLEL;
    s->private->group++;
}

void sync_slow_start(struct sync *s)
{
    s->private->kind = GROUP_SLOW_START;
    s->private->group++;
}

enum sync_result sync_wait(struct sync *s, int next_phase)
{
    s->private->next_phase = next_phase;
    return SYNC_WAIT;
}

static void set_error(struct sync *s, struct str text)
{
    size_t size = text.size < sizeof(s->error) - 1 ? text.size : sizeof(s->error) - 1;
    memcpy(s->error, text.bytes, size);
    s->error[size] = '\0';
}

enum sync_result sync_retry(struct sync *s, const char *format, ...)
{
    AUTO(text) struct text t = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&t, format, arguments);
    va_end(arguments);
    set_error(s, text_str(&t));
    sync_trace(s, "will be retried: %s", s->error);
    return SYNC_RETRY;
}

enum sync_result sync_retry_answer(struct sync *s, const struct answer *a)
{
    struct str message = VALUE_STR(a->body, message);
    if (a->code == 409 && VALUE_IS(a->body, "Conflict", reason)) {
        set_error(s, message);
        sync_trace(s, "its copy was old (conflict): tries again");
        return SYNC_RETRY;
    }
    if (a->code == 0)
        message = S("no answer from the API server");
    else if (message.size == 0)
        message = S("the API server refused");
    return sync_retry(s, "%.*s", STR_ARG(message));
}

struct str sync_subject(const struct sync *s)
{
    if (s->key->namespace.size == 0)
        return s->key->name;
    return arena_printf(s->step->scratch, "%.*s/%.*s", STR_ARG(s->key->namespace),
                        STR_ARG(s->key->name));
}
