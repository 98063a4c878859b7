/* SPDX-License-Identifier: Apache-2.0
 *
 * kube-apiserver as a process of the simulation: start, inputs, timers, and what eyes outside may
 * ask.
 *
 * Life: connect to etcd, fill the watch caches, listen, run the post-start hooks (bootstrap.c), be
 * ready. A client's connection carries any number of requests and watches by id; when it goes, its
 * calls are abandoned (what was sent to etcd is done all the same) and its watches end. On SIGTERM
 * the server ends its watches and exits.
 *
 * Everything here is volatile. A restarted server knows what etcd knows.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/apiserver.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/bootstrap.h"
#include "cluster/apiserver/connect.h"
#include "cluster/apiserver/list.h"
#include "cluster/apiserver/machinery.h"
#include "cluster/apiserver/registry.h"
#include "cluster/apiserver/server.h"

static void *server_start(struct step *step, const void *config);
static void server_input(void *state, struct step *step, const struct input *in);
static void server_release(void *state);
static void server_dump(const void *state, struct text *out);

const struct process_type apiserver_process = {
    .kind = "kube-apiserver",
    .start = server_start,
    .input = server_input,
    .release = server_release,
    .dump = server_dump,
};

static bool has_stream(const void *probe, const void *item)
{
    return ((const struct connection *)item)->stream == *(const stream_id *)probe;
}

static void flags_fill(struct apiserver_config *f)
{
    if (f->advertise_address.size == 0)
        f->advertise_address = S("192.168.0.10");
    if (f->service_cidr.size == 0)
        f->service_cidr = S("10.96.0.0/12");
    f->secure_port = f->secure_port ? f->secure_port : 6443;
    f->node_port_first = f->node_port_first ? f->node_port_first : 30000;
    f->node_port_last = f->node_port_last ? f->node_port_last : 32767;
    f->max_requests_inflight = f->max_requests_inflight ? f->max_requests_inflight : 400;
    f->max_mutating_requests_inflight =
        f->max_mutating_requests_inflight ? f->max_mutating_requests_inflight : 200;
    f->request_timeout = f->request_timeout.ns ? f->request_timeout : duration_s(60);
    f->min_request_timeout =
        f->min_request_timeout.ns ? f->min_request_timeout : duration_minutes(30);
    f->event_ttl = f->event_ttl.ns ? f->event_ttl : duration_minutes(60);
    f->compaction_interval =
        f->compaction_interval.ns ? f->compaction_interval : duration_minutes(5);
}

static void *server_start(struct step *step, const void *config)
{
    struct apiserver *s = mem_new(struct apiserver);
    s->config = config;
    s->metrics.started = step->wall;
    s->flags = *s->config;
    flags_fill(&s->flags);
    s->connections.equal = has_stream;
    if (!s->flags.keys) {
        struct secret secret;
        secret_of_seed(0, &secret);
        s->flags.keys = s->own_keys = keys_new(&secret);
    }
    authorizer_init(s);
    fairness_init(s);
    watch_caches_init(s);
    custom_init(s);
    etcd_link_start(s, step);
    return s;
}

void apiserver_caches_listed(struct apiserver *s, struct step *step)
{
    node_graph_release(s);
    for (struct cache_cursor c = watch_cache_of_known(s, RESOURCE_pods, S("")); c.kv;
         watch_cache_next(&c))
        node_graph_pod(s, c.kv->key, VALUE_ABSENT, c.kv->value);
    if (s->is_listening)
        return;
    s->is_listening = true;
    step_listen(step, s->flags.address);
    bootstrap_start(s, step);
}

void apiserver_became_ready(struct apiserver *s, struct step *step)
{
    s->is_ready = true;
    step_trace(step, "kube-apiserver", s->flags.name, "ready at revision %" PRId64,
               s->caches.revision);
}

void apiserver_cache_changed(struct apiserver *s, struct step *step, struct watch_cache *c,
                             struct cache_event *e)
{
    enum resource_known r = (enum resource_known)c->resource->index;
    metrics_event_received(&s->metrics, c->resource);
    if (r == RESOURCE_clusterroles || r == RESOURCE_clusterrolebindings || r == RESOURCE_roles ||
        r == RESOURCE_rolebindings)
        s->caches.rbac_generation++;
    if (r == RESOURCE_customresourcedefinitions || resource_is_custom(c->resource))
        custom_changed(s, step, c, e);
    if (r == RESOURCE_pods)
        node_graph_pod(s, e->kv->key, e->before ? e->before->value : VALUE_ABSENT, e->kv->value);
}

/* ---- inputs ---- */

static void connection_close(struct apiserver *s, struct step *step, struct connection *k)
{
    while (k->calls)
        call_abandon(k->calls, step);
    while (k->watchers)
        watcher_remove(k->watchers, step);
    connect_leave(step, k);
    index_remove(&s->connections, hash_mix(k->stream), &k->stream);
    *(k->previous ? &k->previous->next : &s->connection_first) = k->next;
    if (k->next)
        k->next->previous = k->previous;
    user_unref(k->user);
    credential_unref(k->credential);
    mem_free(k);
}

static void on_request(struct apiserver *s, struct step *step, struct connection *k,
                       struct request *r)
{
    struct call *c = call_new(s, step, (struct request *)(void *)message_ref(&r->message));
    c->connection = k;
    c->connection_next = k->calls;
    c->connection_link = &k->calls;
    if (c->connection_next)
        c->connection_next->connection_link = &c->connection_next;
    k->calls = c;
    pipeline_start(c, step);
}

static void on_cancel(struct step *step, struct connection *k, uint64_t id)
{
    struct watcher *w = watcher_find(k, id);
    if (w) {
        watcher_remove(w, step);
        return;
    }
    if (connect_cancel(step, k, id))
        return;
    for (struct call *c = k->calls; c; c = c->connection_next) {
        if (c->request->id == id) {
            call_abandon(c, step);
            return;
        }
    }
}

static void on_timer(struct apiserver *s, struct step *step, uint64_t tag)
{
    uint32_t rest = (uint32_t)(tag >> 8);
    switch ((enum apiserver_timer)(tag & 255)) {
    case TIMER_CALL_DEADLINES:
        calls_expire(s, step);
        break;
    case TIMER_BOOKMARKS:
        watchers_timer_bookmarks(s, step);
        break;
    case TIMER_WATCH_TIMEOUT:
        watchers_timer_timeout(s, step, rest);
        break;
    case TIMER_ETCD_CONNECT:
        etcd_link_timer(s, step);
        break;
    case TIMER_SERVICE_TIME:
        fairness_service_done(s, step, rest);
        break;
    case TIMER_CACHE_WAIT:
        if (rest == 0)
            list_timer_wait(s, step);
        else if (s->caches.state != CACHES_WATCHING && s->caches.ranges_pending == 0)
            watch_caches_relist(s, step);
        break;
    case TIMER_CUSTOM_CREATE:
        custom_timer_create(s, step, rest);
        break;
    case TIMER_CUSTOM_RETRY:
        custom_timer(s, step);
        break;
    case TIMER_ENDPOINTS:
    case TIMER_IDENTITY:
    case TIMER_COMPACTION:
    case TIMER_HOOKS:
        bootstrap_timer(s, step, (enum apiserver_timer)(tag & 255));
        break;
    }
}

static void server_input(void *state, struct step *step, const struct input *in)
{
    struct apiserver *s = state;
    if (in->kind == INPUT_TIMER) {
        on_timer(s, step, in->tag);
        return;
    }
    if (etcd_link_input(s, step, in) || connect_input(s, step, in))
        return;
    struct connection *k =
        in->stream ? index_get(&s->connections, hash_mix(in->stream), &in->stream) : NULL;
    switch (in->kind) {
    case INPUT_ACCEPTED:
        k = mem_new(struct connection);
        k->server = s;
        k->stream = in->stream;
        k->peer = in->peer;
        index_put(&s->connections, hash_mix(k->stream), &k->stream, k);
        k->next = s->connection_first;
        if (k->next)
            k->next->previous = k;
        s->connection_first = k;
        break;
    case INPUT_MESSAGE:
        if (k && in->message->type == &request_message)
            on_request(s, step, k, (struct request *)in->message);
        else if (k && in->message->type == &cancel_message)
            on_cancel(step, k, ((const struct cancel *)in->message)->id);
        else if (k && in->message->type == &channel_bytes_message)
            connect_bytes(step, k, (const struct channel_bytes *)in->message);
        break;
    case INPUT_CLOSED:
        if (k)
            connection_close(s, step, k);
        break;
    case INPUT_TERMINATE:
        bootstrap_stop(s, step);
        for (size_t i = 0; i < s->caches.watchers.count; i++)
            if (s->caches.watchers.items[i])
                watcher_end(s->caches.watchers.items[i], step, VALUE_ABSENT);
        step_exit(step, 0);
        break;
    case INPUT_TIMER:
    case INPUT_CONNECTED:
    case INPUT_DATAGRAM:
    case INPUT_DISK_DONE:
    case INPUT_COMMAND:
        break;
    }
}

static void server_release(void *state)
{
    struct apiserver *s = state;
    while (s->first) {
        struct call *c = s->first;
        s->first = c->next;
        call_release(c);
    }
    vec_release(&s->slots);
    vec_release(&s->free_slots);
    watch_caches_release(s);
    metrics_release(&s->metrics);
    custom_release(s);
    while (s->connection_first) {
        struct connection *k = s->connection_first;
        s->connection_first = k->next;
        user_unref(k->user);
        credential_unref(k->credential);
        mem_free(k);
    }
    index_release(&s->connections);
    connect_release(s);
    bootstrap_release(s);
    authorizer_release(s);
    token_cache_release(&s->tokens);
    modes_worked_release(&s->modes_worked);
    keys_free(s->own_keys);
    etcd_link_release(s);
    mem_free(s);
}

/* ---- for eyes outside ---- */

bool apiserver_is_ready(const struct apiserver *s)
{
    return s->is_ready && s->etcd.is_connected && s->caches.state == CACHES_WATCHING;
}

int64_t apiserver_version(const struct apiserver *s)
{
    return s->caches.revision;
}

struct value apiserver_stamp(struct value own_object, int64_t revision)
{
    return object_with_version(own_object, revision);
}

static void server_dump(const void *state, struct text *out)
{
    const struct apiserver *s = state;
    text_printf(out,
                "kube-apiserver %.*s: %s, revision %" PRId64
                ", etcd member %zu %s, %zu requests, %zu watches\n",
                STR_ARG(s->flags.name), apiserver_is_ready(s) ? "ready" : "not ready",
                s->caches.revision, s->etcd.member, s->etcd.is_connected ? "connected" : "away",
                s->call_count, s->caches.watcher_count);
    for (size_t i = 0; i < s->caches.count; i++)
        if (s->caches.items[i].ordered.count > 0)
            text_printf(out, "  %.*s: %zu objects, %zu recent events\n",
                        STR_ARG(s->caches.items[i].resource->qualified),
                        s->caches.items[i].ordered.count, s->caches.items[i].ring_count);
}
