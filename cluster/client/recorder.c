/* SPDX-License-Identifier: Apache-2.0
 *
 * Event broadcaster and correlator of client-go (tools/record for core/v1, tools/events for
 * events.k8s.io/v1).
 *
 * core/v1. Events of one recorder are written one after another. Each is first correlated with the
 * ones before:
 *   - *similar*: same source, object, type and reason within 10 minutes. From the tenth different
 *     message on they become one event `(combined from similar events): <message>`, without
 *     reportingComponent, as upstream's copy has none;
 *   - *the same* event again (message included): no new object but count + 1 and lastTimestamp, by
 *     PATCH;
 *   - *spam*: per source and object a bucket of 25, one more each 300 s; what finds it empty is
 *     dropped. A failed write is tried 12 times, 10 s apart (the first wait is a random part of
 *     it); a refusal is final.
 *
 * events.k8s.io/v1. The key has no note in it. The second occurrence makes a series (PATCH, count
 * 2), further ones are only counted; after 6 minutes without one the final count is written and the
 * series forgotten.
 *
 * What is remembered is bounded as upstream: 4096 of each kind, the least recently used goes first.
 * Keys are kept as 64-bit hashes of their content.
 */
#include "sim/base/base.h"

#include "cluster/client/recorder.h"

#include "cluster/api/object.h"
#include "sim/base/hash.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"

#define MEMOS_MAX 4096
#define SIMILAR_WINDOW_MINUTES 10
#define SIMILAR_MAX 10
#define SPAM_BURST 25
#define SPAM_REFILL_SECONDS 300
#define QUEUE_MAX 1000
#define TRIES_MAX 12
#define RETRY_SECONDS 10
#define SERIES_MINUTES 6

enum memo_kind { MEMO_SIMILAR, MEMO_SAME, MEMO_SPAM, MEMO_SERIES, MEMO_KINDS };

/* A kubelet keeps a dozen for each pod: the kinds share the room of what only one of them needs. */
struct memo {
    uint64_t hash;
    struct memo *newer, *older;
    enum memo_kind kind;
    uint32_t count;      /* SAME and SERIES: occurrences; SIMILAR: messages */
    struct instant last; /* SIMILAR, SERIES: seen; SPAM: level as of */
    union {
        int64_t stamp;     /* SAME and SERIES: of the event's name */
        int64_t tokens_ns; /* SPAM: a token is the refill time in nanoseconds */
        uint64_t message;  /* SIMILAR: the first one */
    } of;
    struct value first; /* SAME: firstTimestamp; SERIES: the event's name */
    uint64_t *messages; /* SIMILAR: up to SIMILAR_MAX, from the second one on */
};
struct memo_list {
    struct memo *newest, *oldest;
    size_t count;
};
/* An event on its way. */
struct pending {
    struct pending *next;
    struct value event; /* the whole object, for a create */
    struct value patch; /* absent: create */
    const struct resource *resource;
    bool is_correlated;
    int tries;
};
struct recorder {
    struct client *client;
    uint32_t lane; /* the one entered when it was made */
    struct value component, host;
    struct index memos;
    struct memo_list lists[MEMO_KINDS];
    struct pending *first, *last;
    size_t queued;
    bool is_sending;
    struct client_timer retry_timer, series_timer;
};

static void send_next(struct recorder *r, struct step *step);
static void on_retry(void *owner, struct step *step);
static void on_series_timer(void *owner, struct step *step);

/* ---- memory ---- */

static bool is_of_hash(const void *probe, const void *item)
{
    return ((const struct memo *)item)->hash == *(const uint64_t *)probe;
}

struct recorder *recorder_new(struct client *client, struct str component, struct str host)
{
    struct recorder *r = mem_new(struct recorder);
    r->client = client;
    r->lane = client_enter_lane(client, 0);
    client_enter_lane(client, r->lane);
    r->component = value_string(component);
    r->host = value_string(host);
    r->memos.equal = is_of_hash;
    r->retry_timer = (struct client_timer){.fire = on_retry, .owner = r};
    r->series_timer = (struct client_timer){.fire = on_series_timer, .owner = r};
    return r;
}

static void memo_unlink(struct recorder *r, struct memo *m)
{
    struct memo_list *list = &r->lists[m->kind];
    if (m->newer)
        m->newer->older = m->older;
    else
        list->newest = m->older;
    if (m->older)
        m->older->newer = m->newer;
    else
        list->oldest = m->newer;
    m->newer = m->older = NULL;
}

static void memo_link_newest(struct recorder *r, struct memo *m)
{
    struct memo_list *list = &r->lists[m->kind];
    m->older = list->newest;
    if (list->newest)
        list->newest->newer = m;
    else
        list->oldest = m;
    list->newest = m;
}

static void memo_forget(struct recorder *r, struct memo *m)
{
    memo_unlink(r, m);
    r->lists[m->kind].count--;
    index_remove(&r->memos, m->hash, &m->hash);
    value_drop(m->first);
    mem_free(m->messages);
    mem_free(m);
}

/* The memo of this key, made when there is none, and the most recently used from here on. */
static struct memo *memo_of(struct recorder *r, enum memo_kind kind, uint64_t key)
{
    uint64_t hash = hash_pair(key, (uint64_t)kind);
    struct memo *m = index_get(&r->memos, hash, &hash);
    if (m) {
        memo_unlink(r, m);
        memo_link_newest(r, m);
        return m;
    }
    m = mem_new(struct memo);
    m->hash = hash;
    m->kind = kind;
    index_put(&r->memos, hash, &hash, m);
    memo_link_newest(r, m);
    if (++r->lists[kind].count > MEMOS_MAX)
        memo_forget(r, r->lists[kind].oldest);
    return m;
}

static void pending_free(struct pending *p)
{
    value_drop(p->event);
    value_drop(p->patch);
    mem_free(p);
}

void recorder_free(struct recorder *r)
{
    if (!r)
        return;
    client_timer_release(r->client, &r->retry_timer);
    client_timer_release(r->client, &r->series_timer);
    for (int kind = 0; kind < MEMO_KINDS; kind++)
        while (r->lists[kind].newest)
            memo_forget(r, r->lists[kind].newest);
    index_release(&r->memos);
    while (r->first) {
        struct pending *p = r->first;
        r->first = p->next;
        pending_free(p);
    }
    value_drop(r->component);
    value_drop(r->host);
    mem_free(r);
}

/* ---- correlation, core/v1 ---- */

static uint64_t hash_text(uint64_t so_far, struct value v)
{
    return hash_pair(so_far, hash_bytes(value_str(v)));
}

static uint64_t object_hash(struct value event)
{
    struct value o = value_get(event, ATOM_involvedObject);
    uint64_t h = hash_text(1, value_get(o, ATOM_kind));
    h = hash_text(h, value_get(o, ATOM_namespace));
    h = hash_text(h, value_get(o, ATOM_name));
    h = hash_text(h, value_get(o, ATOM_fieldPath));
    h = hash_text(h, value_get(o, ATOM_uid));
    return hash_text(h, value_get(o, ATOM_apiVersion));
}

/* Counts this message among its like; true when there are too many of them. */
static bool is_one_of_too_many(struct memo *similar, uint64_t message, struct instant now)
{
    struct duration since = instant_since(now, similar->last);
    if (similar->count == 0 || since.ns > duration_minutes(SIMILAR_WINDOW_MINUTES).ns)
        similar->count = 0;
    similar->last = now;
    bool is_known = similar->count > 0 && similar->of.message == message;
    for (uint32_t i = 1; i < similar->count && !is_known; i++)
        is_known = similar->messages[i] == message;
    if (!is_known) {
        if (similar->count == 0)
            similar->of.message = message;
        else if (!similar->messages)
            similar->messages = mem_array(uint64_t, SIMILAR_MAX);
        if (similar->count > 0)
            similar->messages[similar->count] = message;
        similar->count++;
    }
    if (similar->count < SIMILAR_MAX)
        return false;
    similar->count--; /* as upstream takes one out, so that the set stays small */
    return true;
}

static bool spam_passes(struct recorder *r, uint64_t object, struct instant now)
{
    struct memo *m = memo_of(r, MEMO_SPAM, object);
    int64_t token_ns = duration_s(SPAM_REFILL_SECONDS).ns;
    if (m->count == 0) {
        m->count = 1;
        m->of.tokens_ns = SPAM_BURST * token_ns;
    } else {
        m->of.tokens_ns += instant_since(now, m->last).ns;
        if (m->of.tokens_ns > SPAM_BURST * token_ns)
            m->of.tokens_ns = SPAM_BURST * token_ns;
    }
    m->last = now;
    if (m->of.tokens_ns < token_ns)
        return false;
    m->of.tokens_ns -= token_ns;
    return true;
}

static struct value event_name(struct str object, int64_t stamp)
{
    return value_printf("%.*s.%016" PRIx64, STR_ARG(object), (uint64_t)stamp);
}

static void make_patch(struct pending *p, const struct memo *same)
{
    struct str object = VALUE_STR(p->event, involvedObject, name);
    p->event = VALUE_SET(p->event, event_name(object, same->of.stamp), metadata, name);
    p->event = VALUE_SET(p->event, value_keep(same->first), firstTimestamp);
    p->event = VALUE_SET(p->event, value_integer(same->count), count);
    p->patch = value_pack("{count: %d, lastTimestamp: %v, message: %v}", (int)same->count,
                          value_keep(value_get(p->event, ATOM_lastTimestamp)),
                          value_keep(value_get(p->event, ATOM_message)));
}

/* False: the event is dropped as spam. */
static bool correlate(struct recorder *r, struct step *step, struct pending *p)
{
    p->is_correlated = true;
    uint64_t object = object_hash(p->event);
    uint64_t alike = hash_text(object, value_get(p->event, ATOM_type));
    alike = hash_text(alike, value_get(p->event, ATOM_reason));
    uint64_t message = hash_text(2, value_get(p->event, ATOM_message));
    uint64_t key = hash_pair(alike, message);
    if (is_one_of_too_many(memo_of(r, MEMO_SIMILAR, alike), message, step->now)) {
        key = alike;
        struct str text = VALUE_STR(p->event, message);
        struct value combined = value_printf("(combined from similar events): %.*s", STR_ARG(text));
        p->event = VALUE_SET(p->event, combined, message);
        p->event = VALUE_SET(p->event, value_string(S("")), reportingComponent);
    }
    struct memo *same = memo_of(r, MEMO_SAME, key);
    if (same->count++ == 0) {
        same->of.stamp = client_event_stamp(r->client, step);
        same->first = value_keep(value_get(p->event, ATOM_firstTimestamp));
        struct str name = VALUE_STR(p->event, involvedObject, name);
        p->event = VALUE_SET(p->event, event_name(name, same->of.stamp), metadata, name);
    } else {
        make_patch(p, same);
    }
    return spam_passes(r, object, step->now);
}

/* ---- sending ---- */

static void enqueue(struct recorder *r, struct step *step, struct pending own_pending)
{
    if (r->queued >= QUEUE_MAX) {
        value_drop(own_pending.event);
        value_drop(own_pending.patch);
        return;
    }
    struct pending *p = mem_new(struct pending);
    *p = own_pending;
    if (r->last)
        r->last->next = p;
    else
        r->first = p;
    r->last = p;
    r->queued++;
    send_next(r, step);
}

static void pop(struct recorder *r)
{
    struct pending *p = r->first;
    r->first = p->next;
    if (!r->first)
        r->last = NULL;
    r->queued--;
    pending_free(p);
}

static void on_written(void *owner, struct step *step, const struct response *response,
                       uint64_t tag)
{
    (void)tag;
    struct recorder *r = owner;
    struct pending *p = r->first;
    r->is_sending = false;
    if (response->code == 404 && value_is_present(p->patch)) {
        value_drop(p->patch); /* it has expired meanwhile: written anew */
        p->patch = VALUE_ABSENT;
        send_next(r, step);
        return;
    }
    bool is_worth_retry = response->code == 0 || response->code == 429 || response->code >= 500;
    if (is_worth_retry && ++p->tries < TRIES_MAX) {
        struct duration wait = duration_s(RETRY_SECONDS);
        if (p->tries == 1)
            wait = duration_ms((int64_t)client_random_below(r->client, step, RETRY_SECONDS * 1000));
        client_timer_set(r->client, step, &r->retry_timer, instant_add(step->now, wait));
        return;
    }
    pop(r);
    send_next(r, step);
}

static void on_retry(void *owner, struct step *step)
{
    send_next(owner, step);
}

static void send_next(struct recorder *r, struct step *step)
{
    while (r->first && !r->is_sending && !r->retry_timer.timer) {
        struct pending *p = r->first;
        if (!p->is_correlated && !correlate(r, step, p)) {
            pop(r);
            continue;
        }
        struct request *request;
        if (value_is_present(p->patch)) {
            const struct object_key *key = object_key_of_object(p->resource->storage, p->event);
            request =
                client_patch_request(key, PATCH_STRATEGIC, value_keep(p->patch), SUBRESOURCE_NONE);
            request->resource = p->resource;
            object_key_unref(key);
        } else {
            request = client_create_request(p->resource, value_keep(p->event));
        }
        r->is_sending = true;
        uint32_t lane = client_enter_lane(r->client, r->lane);
        client_send(r->client, step, request, on_written, r, 0);
        client_enter_lane(r->client, lane);
    }
}

/* ---- making events ---- */

static struct value reference_to(struct value object, struct str field_path)
{
    return value_pack("{kind: %v, namespace: %v, name: %v, uid: %v, apiVersion: %v, "
                      "resourceVersion: %v, fieldPath: %v}",
                      value_keep(value_get(object, ATOM_kind)),
                      value_keep(object_namespace(object)), value_keep(object_name(object)),
                      value_keep(object_uid(object)),
                      value_keep(value_get(object, ATOM_apiVersion)),
                      value_keep(VALUE_GET(object, metadata, resourceVersion)),
                      field_path.size ? value_string(field_path) : VALUE_ABSENT);
}

static struct value namespace_of_event(struct value object)
{
    struct value namespace = object_namespace(object);
    return value_str(namespace).size ? value_keep(namespace) : value_string(S("default"));
}

static void record(struct recorder *r, struct step *step, struct value object,
                   struct str field_path, const char *type, const char *reason, struct str message)
{
    struct value now = time_value(step->wall);
    struct value host = value_str(r->host).size ? value_keep(r->host) : VALUE_ABSENT;
    struct value event =
        value_pack("{kind: Event, apiVersion: v1, metadata: {namespace: %v}, involvedObject: %v, "
                   "reason: %s, message: %S, "
                   "source: {component: %v, host: %v}, firstTimestamp: %v, lastTimestamp: %v, "
                   "count: 1, type: %s, "
                   "reportingComponent: %v, reportingInstance: %v}",
                   namespace_of_event(object), reference_to(object, field_path), reason, message,
                   value_keep(r->component), host, value_keep(now), now, type,
                   value_keep(r->component), value_keep(r->host));
    enqueue(r, step, (struct pending){.event = event, .resource = resource_get(RESOURCE_events)});
}

void recorder_event(struct recorder *r, struct step *step, struct value object, const char *type,
                    const char *reason, const char *format, ...)
{
    AUTO(text) struct text message = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&message, format, arguments);
    va_end(arguments);
    record(r, step, object, S(""), type, reason, text_str(&message));
}

void recorder_event_at(struct recorder *r, struct step *step, struct value object,
                       struct str field_path, const char *type, const char *reason,
                       const char *format, ...)
{
    AUTO(text) struct text message = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&message, format, arguments);
    va_end(arguments);
    record(r, step, object, field_path, type, reason, text_str(&message));
}

/* ---- events.k8s.io/v1 ---- */

static struct value series_patch(const struct memo *m, struct step *step)
{
    return value_pack("{series: {count: %d, lastObservedTime: %v}}", (int)m->count,
                      micro_time_value(step->wall));
}

static void series_write(struct recorder *r, struct step *step, struct memo *m)
{
    struct value name = value_get(m->first, ATOM_name),
                 namespace = value_get(m->first, ATOM_namespace);
    struct value event = value_pack("{metadata: {name: %v, namespace: %v}}", value_keep(name),
                                    value_keep(namespace));
    enqueue(r, step,
            (struct pending){.event = event,
                             .patch = series_patch(m, step),
                             .resource = resource_get(RESOURCE_events_events),
                             .is_correlated = true});
}

static void on_series_timer(void *owner, struct step *step)
{
    struct recorder *r = owner;
    struct memo_list *list = &r->lists[MEMO_SERIES];
    struct duration limit = duration_minutes(SERIES_MINUTES);
    while (list->oldest && instant_since(step->now, list->oldest->last).ns >= limit.ns) {
        if (list->oldest->count > 2)
            series_write(r, step, list->oldest);
        memo_forget(r, list->oldest);
    }
    if (list->oldest)
        client_timer_set(r->client, step, &r->series_timer, instant_add(list->oldest->last, limit));
}

static void record_v1(struct recorder *r, struct step *step, struct value regarding,
                      struct value related, const char *type, const char *reason,
                      const char *action, struct str note)
{
    struct value involved = reference_to(regarding, S(""));
    AUTO(value) struct value identity = VALUE_REMOVE(value_keep(involved), resourceVersion);
    uint64_t key = value_hash(identity);
    key = hash_pair(key, hash_bytes(str_from(type)));
    key = hash_pair(key, hash_bytes(str_from(reason)));
    key = hash_pair(key, hash_bytes(str_from(action)));
    struct memo *m = memo_of(r, MEMO_SERIES, key);
    m->last = step->now;
    if (++m->count > 1) {
        value_drop(involved);
        if (m->count == 2)
            series_write(r, step, m);
        return;
    }
    m->of.stamp = client_event_stamp(r->client, step);
    struct value name = event_name(value_str(object_name(regarding)), m->of.stamp);
    struct value namespace = namespace_of_event(regarding);
    m->first = value_pack("{name: %v, namespace: %v}", value_keep(name), value_keep(namespace));
    struct str component = value_str(r->component), host = value_str(r->host);
    struct value event = value_pack(
        "{kind: Event, apiVersion: \"events.k8s.io/v1\", metadata: {name: %v, namespace: %v}, "
        "eventTime: %v, "
        "reportingController: %v, reportingInstance: %v, action: %s, reason: %s, regarding: %v, "
        "related: %v, note: %S, "
        "type: %s}",
        name, namespace, micro_time_value(step->wall), value_keep(r->component),
        value_printf("%.*s-%.*s", STR_ARG(component), STR_ARG(host)), action, reason, involved,
        value_is_present(related) ? reference_to(related, S("")) : VALUE_ABSENT, note, type);
    enqueue(r, step,
            (struct pending){.event = event,
                             .resource = resource_get(RESOURCE_events_events),
                             .is_correlated = true});
    if (!r->series_timer.timer)
        client_timer_set(r->client, step, &r->series_timer,
                         instant_add(step->now, duration_minutes(SERIES_MINUTES)));
}

void recorder_event_v1(struct recorder *r, struct step *step, struct value regarding,
                       struct value related, const char *type, const char *reason,
                       const char *action, const char *format, ...)
{
    AUTO(text) struct text note = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&note, format, arguments);
    va_end(arguments);
    if (note.size > 1024)
        note.size = 1024;
    record_v1(r, step, regarding, related, type, reason, action, text_str(&note));
}
