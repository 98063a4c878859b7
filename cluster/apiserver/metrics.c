/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting happens on the way of every request, so it is a short walk over the few rows of one
 * resource. Writing sorts: the order in which things were first counted shows nowhere.
 *
 * Verbs are those of Kubernetes' metrics, not of its API: a create is a POST, an apply an APPLY.
 *
 * DEVIATION: these are the families that people look for; a real API server has some hundred more
 * about its parts in Go. Durations are virtual, so they have what network, disks and queues of the
 * simulation cost and no CPU. The help texts are our own.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/metrics.h"

#include "cluster/apiserver/server.h"
#include "sim/base/sort.h"

static const int64_t bounds_ms[METRICS_BUCKETS] = {
    5,    25,   50,   100,  200,  400,   600,   800,   1000,  1250,  1500, 2000,
    3000, 4000, 5000, 6000, 8000, 10000, 15000, 20000, 30000, 45000, 60000};

enum metric_verb {
    METRIC_GET,
    METRIC_LIST,
    METRIC_WATCH,
    METRIC_POST,
    METRIC_PUT,
    METRIC_PATCH,
    METRIC_APPLY,
    METRIC_DELETE,
    METRIC_DELETECOLLECTION,
    METRIC_CONNECT
};
enum scope { SCOPE_NONE, SCOPE_RESOURCE, SCOPE_NAMESPACE, SCOPE_CLUSTER };
enum operation {
    OPERATION_GET,
    OPERATION_LIST,
    OPERATION_CREATE,
    OPERATION_UPDATE,
    OPERATION_DELETE
};

typedef VEC(struct text) lines_vec;

/* ---- counting ---- */

void metrics_release(struct metrics *m)
{
    for (size_t i = 0; i < METRICS_PLACES; i++) {
        for (size_t j = 0; j < m->requests[i].count; j++)
            vec_release(&m->requests[i].items[j].codes);
        vec_release(&m->requests[i]);
        vec_release(&m->etcd[i]);
        vec_release(&m->events[i]);
    }
}

static size_t place_of(const struct resource *r)
{
    return r ? r->index % (METRICS_PLACES - 1) : METRICS_PLACES - 1;
}

static void observe(struct histogram *h, struct duration d)
{
    size_t i = 0;
    while (i < METRICS_BUCKETS && d.ns > bounds_ms[i] * 1000000)
        i++;
    h->buckets[i]++;
    h->count++;
    h->sum_ns += d.ns;
}

static enum metric_verb verb_of(const struct request *q)
{
    if (q->subresource >= SUBRESOURCE_EXEC && q->subresource < SUBRESOURCE_COUNT)
        return METRIC_CONNECT;
    switch (q->verb) {
    case VERB_GET:
        return METRIC_GET;
    case VERB_LIST:
        return METRIC_LIST;
    case VERB_WATCH:
        return METRIC_WATCH;
    case VERB_CREATE:
        return METRIC_POST;
    case VERB_UPDATE:
        return METRIC_PUT;
    case VERB_PATCH:
        return q->patch_type == PATCH_APPLY ? METRIC_APPLY : METRIC_PATCH;
    case VERB_DELETE:
        return METRIC_DELETE;
    case VERB_DELETE_COLLECTION:
        return METRIC_DELETECOLLECTION;
    case VERB_COUNT:
        break;
    }
    return METRIC_GET;
}

/* A create is about one object, though its path names none. */
static enum scope scope_of(const struct request *q)
{
    if (value_is_present(q->path))
        return SCOPE_NONE;
    if (q->key || q->verb == VERB_CREATE)
        return SCOPE_RESOURCE;
    return value_is_present(q->namespace) ? SCOPE_NAMESPACE : SCOPE_CLUSTER;
}

void metrics_request(struct metrics *m, const struct call *c, int code, struct instant now)
{
    const struct request *q = c->request;
    const struct resource *r = value_is_present(q->path) ? NULL : q->resource;
    const struct request_row wanted = {.resource = r,
                                       .verb = (uint8_t)verb_of(q),
                                       .subresource = (uint8_t)q->subresource,
                                       .scope = (uint8_t)scope_of(q),
                                       .is_dry_run = q->dry_run};
    size_t place = place_of(r), i = 0, j = 0;
    for (; i < m->requests[place].count; i++) {
        const struct request_row *x = &m->requests[place].items[i];
        if (x->resource == r && x->verb == wanted.verb && x->subresource == wanted.subresource &&
            x->scope == wanted.scope && x->is_dry_run == wanted.is_dry_run)
            break;
    }
    if (i == m->requests[place].count)
        vec_push(&m->requests[place], wanted);
    struct request_row *row = &m->requests[place].items[i];
    while (j < row->codes.count && row->codes.items[j].code != code)
        j++;
    if (j == row->codes.count)
        vec_push(&row->codes, (struct code_count){code, 0});
    row->codes.items[j].count++;
    struct instant began = {c->deadline.ns - c->server->flags.request_timeout.ns};
    if (q->verb != VERB_WATCH) /* which goes on */
        observe(&row->durations, instant_since(now, began));
}

void metrics_etcd(struct metrics *m, const struct etcd_request *q, bool has_failed,
                  struct duration taken)
{
    const struct resource *r = q->key ? q->key->resource : q->resource;
    enum operation operation = q->kind == ETCD_RANGE ? (q->key ? OPERATION_GET : OPERATION_LIST)
                               : q->is_delete        ? OPERATION_DELETE
                               : q->expected_revision == 0 ? OPERATION_CREATE
                                                           : OPERATION_UPDATE;
    if (!r || (q->kind != ETCD_RANGE && q->kind != ETCD_TXN))
        return;
    size_t place = place_of(r), i = 0;
    while (i < m->etcd[place].count && (m->etcd[place].items[i].resource != r ||
                                        m->etcd[place].items[i].operation != operation))
        i++;
    if (i == m->etcd[place].count)
        vec_push(&m->etcd[place], (struct etcd_row){r, (uint8_t)operation, 0, {0}});
    observe(&m->etcd[place].items[i].durations, taken);
    m->etcd[place].items[i].errors += has_failed;
}

static struct event_row *event_row(struct metrics *m, const struct resource *r)
{
    size_t place = place_of(r), i = 0;
    while (i < m->events[place].count && m->events[place].items[i].resource != r)
        i++;
    if (i == m->events[place].count)
        vec_push(&m->events[place], (struct event_row){r, 0, 0});
    return &m->events[place].items[i];
}

void metrics_event_sent(struct metrics *m, const struct resource *r)
{
    event_row(m, r)->sent++;
}

void metrics_event_received(struct metrics *m, const struct resource *r)
{
    event_row(m, r)->received++;
}

/* ---- writing ---- */

static void family(const char *name, const char *type, const char *help, struct text *out)
{
    text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int by_text(const void *a, const void *b, void *context)
{
    (void)context;
    return str_compare(text_str(a), text_str(b));
}

/* Sorts the lines, adds them to the text and forgets them. */
static void lines_end(lines_vec *lines, struct text *out)
{
    sort_stable(lines->items, lines->count, sizeof(lines->items[0]), by_text, NULL);
    for (size_t i = 0; i < lines->count; i++) {
        text_add(out, text_str(&lines->items[i]));
        text_release(&lines->items[i]);
    }
    vec_release(lines);
}

static struct text *line_add(lines_vec *lines)
{
    vec_push(lines, (struct text){0});
    return &vec_last(lines);
}

static void seconds(int64_t ns, struct text *out)
{
    text_printf(out, "%" PRId64, ns / 1000000000);
    int64_t rest = ns % 1000000000;
    if (rest == 0)
        return;
    text_printf(out, ".%09" PRId64, rest);
    while (out->bytes[out->size - 1] == '0')
        out->size--;
}

/* One line of text with all of a histogram, so that it stays in one piece when sorted. */
static void histogram_write(const struct histogram *h, const char *name, struct str labels,
                            struct text *out)
{
    uint64_t sum = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        sum += h->buckets[i];
        text_printf(out, "%s_bucket{%.*s,le=\"", name, STR_ARG(labels));
        if (i < METRICS_BUCKETS)
            seconds(bounds_ms[i] * 1000000, out);
        else
            text_add(out, S("+Inf"));
        text_printf(out, "\"} %" PRIu64 "\n", sum);
    }
    text_printf(out, "%s_sum{%.*s} ", name, STR_ARG(labels));
    seconds(h->sum_ns, out);
    text_printf(out, "\n%s_count{%.*s} %" PRIu64 "\n", name, STR_ARG(labels), h->count);
}

static void request_labels(const struct request_row *r, int code, struct text *out)
{
    static const char *const verbs[] = {
        "GET",    "LIST", "WATCH", "POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION",
        "CONNECT"};
    static const char *const scopes[] = {"", "resource", "namespace", "cluster"};
    struct str none = S("");
    text_add(out, S("component=\"apiserver\""));
    text_printf(out, ",dry_run=\"%s\"", r->is_dry_run ? "All" : "");
    text_printf(out, ",group=\"%.*s\",resource=\"%.*s\",scope=\"%s\",subresource=\"%s\"",
                STR_ARG(r->resource ? r->resource->group : none),
                STR_ARG(r->resource ? r->resource->plural : none), scopes[r->scope],
                subresource_text((enum subresource)r->subresource));
    text_printf(out, ",verb=\"%s\",version=\"%.*s\"", verbs[r->verb],
                STR_ARG(r->resource ? r->resource->version : none));
    if (code == 0)
        return;
    AUTO(text) struct text all = {0};
    text_printf(&all, "code=\"%d\",%s", code, text_c(out));
    text_clear(out);
    text_add(out, text_str(&all));
}

static void requests_write(const struct metrics *m, struct text *out)
{
    lines_vec totals = {0}, durations = {0};
    for (size_t i = 0; i < METRICS_PLACES; i++) {
        for (size_t j = 0; j < m->requests[i].count; j++) {
            const struct request_row *r = &m->requests[i].items[j];
            AUTO(text) struct text labels = {0};
            for (size_t k = 0; k < r->codes.count; k++) {
                AUTO(text) struct text with_code = {0};
                request_labels(r, r->codes.items[k].code, &with_code);
                text_printf(line_add(&totals), "apiserver_request_total{%s} %" PRIu64 "\n",
                            text_c(&with_code), r->codes.items[k].count);
            }
            request_labels(r, 0, &labels);
            if (r->durations.count > 0)
                histogram_write(&r->durations, "apiserver_request_duration_seconds",
                                text_str(&labels), line_add(&durations));
        }
    }
    family("apiserver_request_duration_seconds", "histogram",
           "[STABLE] How long requests took, in seconds.", out);
    lines_end(&durations, out);
    family("apiserver_request_total", "counter", "[STABLE] How many requests were answered.", out);
    lines_end(&totals, out);
}

static void etcd_write(const struct metrics *m, struct text *out)
{
    static const char *const operations[] = {"get", "list", "create", "update", "delete"};
    lines_vec durations = {0}, totals = {0}, errors = {0};
    for (size_t i = 0; i < METRICS_PLACES; i++) {
        for (size_t j = 0; j < m->etcd[i].count; j++) {
            const struct etcd_row *r = &m->etcd[i].items[j];
            AUTO(text) struct text labels = {0};
            text_printf(&labels, "group=\"%.*s\",operation=\"%s\",resource=\"%.*s\"",
                        STR_ARG(r->resource->group), operations[r->operation],
                        STR_ARG(r->resource->plural));
            histogram_write(&r->durations, "etcd_request_duration_seconds", text_str(&labels),
                            line_add(&durations));
            text_printf(line_add(&totals), "etcd_requests_total{%s} %" PRIu64 "\n", text_c(&labels),
                        r->durations.count);
            if (r->errors > 0)
                text_printf(line_add(&errors), "etcd_request_errors_total{%s} %" PRIu64 "\n",
                            text_c(&labels), r->errors);
        }
    }
    family("etcd_request_duration_seconds", "histogram",
           "[ALPHA] How long etcd took to answer, in seconds.", out);
    lines_end(&durations, out);
    if (errors.count > 0)
        family("etcd_request_errors_total", "counter", "[ALPHA] How many requests to etcd failed.",
               out);
    lines_end(&errors, out);
    family("etcd_requests_total", "counter", "[ALPHA] How many requests etcd answered.", out);
    lines_end(&totals, out);
}

/* Watches by resource and scope, and other calls that go on for long. */
static void longrunning_write(const struct apiserver *s, struct text *out)
{
    lines_vec lines = {0}, folded = {0};
    for (const struct connection *k = s->connection_first; k; k = k->next) {
        for (const struct watcher *w = k->watchers; w; w = w->connection_next)
            text_printf(line_add(&lines),
                        "component=\"apiserver\",group=\"%.*s\",resource=\"%.*s\",scope=\"%s\","
                        "subresource=\"\",verb=\"WATCH\",version=\"%.*s\"",
                        STR_ARG(w->asked->group), STR_ARG(w->asked->plural),
                        w->key         ? "resource"
                        : w->namespace ? "namespace"
                                       : "cluster",
                        STR_ARG(w->asked->version));
    }
    sort_stable(lines.items, lines.count, sizeof(lines.items[0]), by_text, NULL);
    for (size_t i = 0, end; i < lines.count; i = end) {
        for (end = i + 1;
             end < lines.count && by_text(&lines.items[i], &lines.items[end], NULL) == 0;)
            end++;
        text_printf(line_add(&folded), "apiserver_longrunning_requests{%s} %zu\n",
                    text_c(&lines.items[i]), end - i);
    }
    for (size_t i = 0; i < lines.count; i++)
        text_release(&lines.items[i]);
    vec_release(&lines);
    family("apiserver_longrunning_requests", "gauge", "[STABLE] Open watches.", out);
    lines_end(&folded, out);
}

static bool is_mutating(const struct request *q)
{
    return q->verb != VERB_GET && q->verb != VERB_LIST && q->verb != VERB_WATCH;
}

static void inflight_write(const struct apiserver *s, struct text *out)
{
    size_t running[2] = {0}, waiting[2] = {0};
    for (const struct call *c = s->first; c; c = c->next) {
        running[is_mutating(c->request)] += c->has_seat;
        waiting[is_mutating(c->request)] += c->is_queued;
    }
    family("apiserver_current_inflight_requests", "gauge",
           "[STABLE] Requests that are being worked on.", out);
    text_printf(out,
                "apiserver_current_inflight_requests{request_kind=\"mutating\"} %zu\n"
                "apiserver_current_inflight_requests{request_kind=\"readOnly\"} %zu\n",
                running[1], running[0]);
    family("apiserver_current_inqueue_requests", "gauge", "[ALPHA] Requests that wait for a seat.",
           out);
    text_printf(out,
                "apiserver_current_inqueue_requests{request_kind=\"mutating\"} %zu\n"
                "apiserver_current_inqueue_requests{request_kind=\"readOnly\"} %zu\n",
                waiting[1], waiting[0]);
    family("apiserver_flowcontrol_current_executing_seats", "gauge",
           "[BETA] Seats of each priority level that are taken.", out);
    static const char *const levels[LEVEL_COUNT] = {
        [LEVEL_EXEMPT] = "exempt",
        [LEVEL_NODE_HIGH] = "node-high",
        [LEVEL_SYSTEM] = "system",
        [LEVEL_LEADER_ELECTION] = "leader-election",
        [LEVEL_WORKLOAD_HIGH] = "workload-high",
        [LEVEL_WORKLOAD_LOW] = "workload-low",
        [LEVEL_GLOBAL_DEFAULT] = "global-default",
    };
    lines_vec seats = {0};
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        text_printf(line_add(&seats),
                    "apiserver_flowcontrol_current_executing_seats{priority_level=\"%s\"} %" PRIu32
                    "\n",
                    levels[i], s->fairness.levels[i].in_use);
    lines_end(&seats, out);
}

/* ---- what is stored and watched ---- */

static void objects_of(const struct watch_cache *c, lines_vec *objects, lines_vec *old_objects,
                       lines_vec *versions, int64_t revision)
{
    const struct resource *r = c->resource;
    if (!r)
        return;
    text_printf(line_add(objects),
                "apiserver_resource_objects{group=\"%.*s\",resource=\"%.*s\"} %zu\n",
                STR_ARG(r->group), STR_ARG(r->plural), c->ordered.count);
    text_printf(line_add(old_objects), "apiserver_storage_objects{resource=\"%.*s\"} %zu\n",
                STR_ARG(r->qualified), c->ordered.count);
    text_printf(line_add(versions),
                "apiserver_watch_cache_resource_version{group=\"%.*s\",resource=\"%.*s\"} %" PRId64
                "\n",
                STR_ARG(r->group), STR_ARG(r->plural), revision);
}

static void stored_write(const struct apiserver *s, struct text *out)
{
    lines_vec objects = {0}, old_objects = {0}, versions = {0};
    const struct watch_caches *caches = &s->caches;
    for (size_t i = 0; i < caches->count; i++)
        objects_of(&caches->items[i], &objects, &old_objects, &versions, caches->revision);
    for (size_t i = 0; i < caches->custom.count; i++)
        objects_of(caches->custom.items[i], &objects, &old_objects, &versions, caches->revision);
    family("apiserver_resource_objects", "gauge", "[ALPHA] Objects that are stored.", out);
    lines_end(&objects, out);
    family("apiserver_storage_objects", "gauge",
           "[STABLE] (Deprecated since 1.34.0) Objects that are stored.", out);
    lines_end(&old_objects, out);
    family("apiserver_watch_cache_resource_version", "gauge",
           "[ALPHA] How far the watch cache has come.", out);
    lines_end(&versions, out);
}

static void events_write(const struct metrics *m, struct text *out)
{
    lines_vec sent = {0}, received = {0};
    for (size_t i = 0; i < METRICS_PLACES; i++) {
        for (size_t j = 0; j < m->events[i].count; j++) {
            const struct event_row *e = &m->events[i].items[j];
            if (e->sent > 0)
                text_printf(line_add(&sent),
                            "apiserver_watch_events_total{group=\"%.*s\",resource=\"%.*s\","
                            "version=\"%.*s\"} %" PRIu64 "\n",
                            STR_ARG(e->resource->group), STR_ARG(e->resource->plural),
                            STR_ARG(e->resource->version), e->sent);
            if (e->received > 0)
                text_printf(line_add(&received),
                            "apiserver_watch_cache_events_received_total{group=\"%.*s\","
                            "resource=\"%.*s\"} %" PRIu64 "\n",
                            STR_ARG(e->resource->group), STR_ARG(e->resource->plural), e->received);
        }
    }
    family("apiserver_watch_cache_events_received_total", "counter",
           "[ALPHA] Changes that came from etcd.", out);
    lines_end(&received, out);
    family("apiserver_watch_events_total", "counter", "[BETA] Events that were sent to watches.",
           out);
    lines_end(&sent, out);
}

void metrics_write(const struct apiserver *s, struct text *out)
{
    inflight_write(s, out);
    longrunning_write(s, out);
    requests_write(&s->metrics, out);
    stored_write(s, out);
    events_write(&s->metrics, out);
    etcd_write(&s->metrics, out);
    family("go_info", "gauge", "What Go the server says it is made with.", out);
    text_add(out, S("go_info{version=\"go1.26.10\"} 1\n"));
    family("kubernetes_build_info", "gauge", "[BETA] What version the server is.", out);
    text_add(out, S("kubernetes_build_info{build_date=\"2026-06-01T00:00:00Z\",compiler=\"gc\","
                    "git_commit=\"86b5e46426ba828f49195af21c56f7c6674b48f7\",git_tree_state="
                    "\"clean\",git_version=\"v1.36.2\",go_version=\"go1.26.10\",major=\"1\",minor="
                    "\"36\",platform=\"linux/amd64\"} 1\n"));
    family("process_start_time_seconds", "gauge", "When the server was started, since 1970.", out);
    text_add(out, S("process_start_time_seconds "));
    seconds(s->metrics.started.unix_ns, out);
    text_add_byte(out, '\n');
}
