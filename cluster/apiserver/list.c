/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading (list.h). What resourceVersion means, by "API concepts", "resourceVersion parameter":
 *
 *   get    unset: the newest, from etcd
 *          "0": whatever the cache has
 *          n: the cache, once it has reached n
 *   list   unset: as new as etcd is ("most recent"): etcd tells its revision, the cache is waited
 *          for
 *          "0": whatever the cache has; the limit is not looked at
 *          n: not older than n: the cache, once it has reached n; with a limit and no match:
 *          exactly n
 *          Exact: from etcd's history at n
 *          continue: from etcd's history at the token's revision
 *   watch  unset and "0": the cache's objects as ADDED, then what follows
 *          n: what follows n; 410 when that is forgotten
 *          sendInitialEvents: the objects as ADDED, then a bookmark that says so, then what follows
 *
 * The items of a list say their kind and apiVersion, as stored objects do; on its way out of HTTP a
 * typed list loses both, as a real server's does. To copy each item on each list would buy nothing
 * for the clients of the simulation.
 *
 * What has to wait for the cache does so for 3 s at most. A list of a revision that etcd has
 * compacted answers 410 Expired.
 */
#include "cluster/apiserver/list.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/continue_token.h"
#include "cluster/apiserver/machinery.h"
#include "cluster/apiserver/registry.h"
#include "cluster/apiserver/server.h"

#define WAIT_FOR_VERSION_S 3

/* What one list call needs while it waits. */
struct list_extra {
    struct call_extra extra;
    struct label_selector *labels;
    struct field_selector *fields;
    struct continue_token token;
    bool has_token;
};
static void list_extra_release(struct call_extra *extra);
static bool selectors_parse(struct call *c, struct step *step, struct list_extra *ret_extra);
static void list_from_cache(struct call *c, struct step *step);
static void list_from_etcd(struct call *c, struct step *step, int64_t revision);
static void list_probed(struct call *c, struct step *step, const struct etcd_response *r);
static void probe(struct call *c, struct step *step, call_etcd_fn then);
static void watch_open(struct call *c, struct step *step);

static const struct list_options no_options = {.send_initial_events = -1};

static const struct list_options *options_of(const struct call *c)
{
    return c->request->list ? c->request->list : &no_options;
}

bool version_parse(struct value text, int64_t *ret_version)
{
    struct str s = value_str(text);
    *ret_version = -1;
    if (s.size == 0)
        return true;
    return str_to_int64(s, ret_version) && *ret_version >= 0;
}

struct value too_large_version(int64_t wanted, int64_t current)
{
    AUTO(text) struct text m = {0};
    text_printf(&m, "Timeout: Too large resource version: %" PRId64 ", current: %" PRId64, wanted,
                current);
    return status_make(504, S("Timeout"), text_str(&m),
                       value_pack("{causes: [{reason: ResourceVersionTooLarge, message: \"Too "
                                  "large resource version\"}], "
                                  "retryAfterSeconds: 1}"));
}

static struct value bad_version(struct value text, bool is_watch)
{
    AUTO(text) struct text m = {0};
    struct str s = value_str(text);
    text_printf(&m,
                "%sresourceVersion: Invalid value: \"%.*s\": strconv.ParseUint: parsing \"%.*s\": "
                "invalid syntax",
                is_watch ? "" : "invalid resource version: ", STR_ARG(s), STR_ARG(s));
    return is_watch ? status_make(500, S(""), text_str(&m), VALUE_ABSENT)
                    : status_bad_request(text_str(&m));
}

/* ---- get ---- */

static void get_answer(struct call *c, struct step *step, struct value object)
{
    if (!value_is_present(object)) {
        call_refuse(c, step, status_not_found(c->request->resource, c->key->name));
        return;
    }
    registry_answer_object(c, step, 200, value_keep(object));
}

static void get_from_cache(struct call *c, struct step *step)
{
    const struct etcd_kv *kv = watch_cache_get(c->server, c->key);
    get_answer(c, step, kv ? kv->value : VALUE_ABSENT);
}

static void get_from_etcd(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (!call_etcd_failed(c, step, r))
        get_answer(c, step, r->count > 0 ? r->kvs[0]->value : VALUE_ABSENT);
}

void get_start(struct call *c, struct step *step)
{
    bool has_cache = c->server->caches.state == CACHES_WATCHING &&
                     !(c->kind && watch_cache_of(c->server, c->resource)->is_filling);
    int64_t version;
    if (!version_parse(options_of(c)->resource_version, &version)) {
        call_refuse(c, step, bad_version(options_of(c)->resource_version, false));
    } else if (version < 0 || !has_cache) {
        struct etcd_request *r = etcd_request_new(ETCD_RANGE);
        r->key = object_key_ref(c->key);
        call_etcd(c, step, r, get_from_etcd);
    } else {
        call_wait_for_version(c, step, version, get_from_cache);
    }
}

/* ---- list ---- */

void list_start(struct call *c, struct step *step)
{
    const struct list_options *o = options_of(c);
    if (o->send_initial_events >= 0) {
        struct field_errors errors = {0};
        field_error_add(&errors, FIELD_FORBIDDEN, S("sendInitialEvents"), VALUE_ABSENT,
                        "sendInitialEvents is forbidden for list");
        call_refuse(c, step, status_options_invalid("ListOptions", &errors));
        field_errors_release(&errors);
        return;
    }
    struct list_extra *x = mem_new(struct list_extra);
    x->extra.release = list_extra_release;
    c->extra = &x->extra;
    if (!selectors_parse(c, step, x))
        return;
    struct str token = value_str(o->continue_token);
    int64_t version;
    if (!version_parse(o->resource_version, &version)) {
        call_refuse(c, step, bad_version(o->resource_version, false));
        return;
    }
    if (o->version_match != VERSION_MATCH_UNSET && version < 0) {
        struct field_errors errors = {0};
        field_error_add(&errors, FIELD_FORBIDDEN, S("resourceVersionMatch"), VALUE_ABSENT,
                        "resourceVersionMatch is forbidden unless resourceVersion is provided");
        call_refuse(c, step, status_options_invalid("ListOptions", &errors));
        field_errors_release(&errors);
        return;
    }
    if (token.size > 0) {
        AUTO(text) struct text m = {0};
        if (version > 0)
            text_add(&m, S("specifying resource version is not allowed when using continue"));
        else if (continue_token_read(token, &x->token, &m))
            x->has_token = true;
        if (m.size > 0) {
            call_refuse(c, step, status_bad_request(text_str(&m)));
            return;
        }
        list_from_etcd(c, step, x->token.revision > 0 ? x->token.revision : 0);
        return;
    }
    if (version < 0)
        probe(c, step, list_probed);
    else if (o->version_match == VERSION_MATCH_EXACT ||
             (o->version_match == VERSION_MATCH_UNSET && o->limit > 0 && version > 0))
        list_from_etcd(c, step, version);
    else
        call_wait_for_version(c, step, version, list_from_cache);
}

/* Asks etcd, by quorum, for its revision. */
static void probe(struct call *c, struct step *step, call_etcd_fn then)
{
    struct etcd_request *r = etcd_request_new(ETCD_RANGE);
    r->key = object_key_of(resource_get(RESOURCE_componentstatuses), S(""), S("compact_rev_key"));
    call_etcd(c, step, r, then);
}

static void list_probed(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (!call_etcd_failed(c, step, r))
        call_wait_for_version(c, step, r->revision, list_from_cache);
}

/* Ends the call with a list object. */
static void list_answer(struct call *c, struct step *step, struct value own_items, int64_t revision,
                        struct str continue_token, int64_t remaining)
{
    const struct resource *asked = c->request->resource;
    AUTO(text) struct text digits = {0};
    text_add_int(&digits, revision);
    struct value metadata = value_pack("{resourceVersion: %S}", text_str(&digits));
    if (continue_token.size > 0) {
        metadata = value_set(metadata, ATOM_continue, value_string(continue_token));
        if (remaining > 0)
            metadata = value_set(metadata, ATOM_remainingItemCount, value_integer(remaining));
    }
    call_finish(c, step, 200,
                value_pack("{kind: %S, apiVersion: %S, metadata: %v, items: %v}", asked->list_kind,
                           asked->group_version, metadata, own_items));
}

static struct value shown(const struct call *c, struct value object)
{
    return registry_show(c, value_keep(object));
}

static void list_from_cache(struct call *c, struct step *step)
{
    const struct list_options *o = options_of(c);
    struct list_extra *x = (struct list_extra *)(void *)c->extra;
    struct watch_cache *cache = watch_cache_of(c->server, c->resource);
    struct str namespace = value_str(c->request->namespace), name;
    int64_t version, left = o->limit;
    (void)version_parse(o->resource_version, &version);
    if (left <= 0 || version == 0)
        left = INT64_MAX;
    struct value items = value_array();
    if (field_selector_requires(x->fields, "metadata.name", &name) &&
        (namespace.size > 0 || !c->resource->is_namespaced)) {
        struct value object =
            watch_cache_find_in(cache, namespace, name);
        if (value_is_present(object) && watcher_selects(x->labels, x->fields, c->resource, object))
            items = value_append(items, shown(c, object));
        list_answer(c, step, items, c->server->caches.revision, S(""), 0);
        return;
    }
    AUTO(text) struct text token = {0};
    int64_t remaining = 0;
    const struct object_key *last = NULL;
    for (struct cache_cursor k = watch_cache_first(cache, namespace); k.kv; watch_cache_next(&k)) {
        if (!watcher_selects(x->labels, x->fields, c->resource, k.kv->value))
            continue;
        if (left > 0) {
            left--;
            last = k.kv->key;
            items = value_append(items, shown(c, k.kv->value));
            continue;
        }
        if (token.size == 0)
            continue_token_write(c->server->caches.revision,
                                 namespace.size > 0 ? S("") : last->namespace, last->name, &token);
        if (x->labels || x->fields)
            break; /* how many more would match is not counted */
        remaining++;
    }
    list_answer(c, step, items, c->server->caches.revision, text_str(&token), remaining);
}

static void list_ranged(struct call *c, struct step *step, const struct etcd_response *r)
{
    const struct list_options *o = options_of(c);
    struct list_extra *x = (struct list_extra *)(void *)c->extra;
    struct str namespace = value_str(c->request->namespace);
    if (r && r->error == ETCD_ERROR_COMPACTED) {
        if (!x->has_token) {
            call_refuse(c, step,
                        status_expired(S("The resourceVersion for the provided list is too old.")));
            return;
        }
        AUTO(text) struct text token = {0};
        continue_token_write(-1, namespace.size > 0 ? S("") : text_str(&x->token.after_namespace),
                             text_str(&x->token.after_name), &token);
        struct value status =
            status_expired(S("The provided continue parameter is too old to display a consistent "
                             "list result. You can start a new list without "
                             "the continue parameter, or use the continue token in this response "
                             "to retrieve the remainder of the results. "
                             "Continuing with the provided token results in an inconsistent list - "
                             "objects that were created, modified, or "
                             "deleted between the time the first chunk was returned and now may "
                             "show up in the list."));
        call_refuse(c, step, VALUE_SET(status, value_string(text_str(&token)), metadata, continue));
        return;
    }
    if (r && r->error == ETCD_ERROR_FUTURE_REVISION) {
        int64_t version;
        (void)version_parse(o->resource_version, &version);
        call_refuse(c, step, too_large_version(version, r->revision));
        return;
    }
    if (call_etcd_failed(c, step, r))
        return;
    int64_t revision = x->has_token && x->token.revision > 0 ? x->token.revision : r->revision,
            version, left = o->limit;
    (void)version_parse(o->resource_version, &version);
    if (version > 0)
        revision = version;
    if (left <= 0)
        left = INT64_MAX;
    struct value items = value_array();
    AUTO(text) struct text token = {0};
    const struct object_key *last = NULL;
    int64_t remaining = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct etcd_kv *kv = r->kvs[i];
        if (x->has_token && cache_key_compare(kv->key->namespace, kv->key->name,
                                              x->token.after_namespace.size > 0
                                                  ? text_str(&x->token.after_namespace)
                                                  : namespace,
                                              text_str(&x->token.after_name)) <= 0)
            continue;
        if (!watcher_selects(x->labels, x->fields, c->resource, kv->value))
            continue;
        if (left > 0) {
            left--;
            last = kv->key;
            items = value_append(items, shown(c, kv->value));
            continue;
        }
        if (token.size == 0)
            continue_token_write(revision, namespace.size > 0 ? S("") : last->namespace, last->name,
                                 &token);
        if (x->labels || x->fields)
            break;
        remaining++;
    }
    list_answer(c, step, items, revision, text_str(&token), remaining);
}

/* Simplification: the range is read whole and cut here, since selectors and the count of what
 * remains need it whole; a real server reads chunks of the limit's size, with the same result. */
static void list_from_etcd(struct call *c, struct step *step, int64_t revision)
{
    struct etcd_request *r = etcd_request_new(ETCD_RANGE);
    r->resource = c->resource;
    r->namespace = value_keep(c->request->namespace);
    r->revision = revision;
    call_etcd(c, step, r, list_ranged);
}

static void list_extra_release(struct call_extra *extra)
{
    struct list_extra *x = (struct list_extra *)(void *)extra;
    label_selector_free(x->labels);
    field_selector_free(x->fields);
    continue_token_release(&x->token);
    mem_free(x);
}

/* False: refused. */
static bool selectors_parse(struct call *c, struct step *step, struct list_extra *x)
{
    const struct list_options *o = options_of(c);
    struct str labels = value_str(o->label_selector), fields = value_str(o->field_selector);
    struct value status = VALUE_ABSENT;
    if (labels.size > 0) {
        AUTO(text) struct text message = {0};
        x->labels = label_selector_parse(labels, &message);
        if (!x->labels)
            status = status_bad_request(text_str(&message));
    }
    if (!value_is_present(status) && fields.size > 0)
        x->fields = field_selector_new(c->request->resource, fields, &status);
    if (!value_is_present(status))
        return true;
    call_refuse(c, step, status);
    return false;
}

/* ---- watch ---- */

static void watch_probed(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (!call_etcd_failed(c, step, r))
        call_wait_for_version(c, step, r->revision, watch_open);
}

/* False: refused. */
static bool watch_options_check(struct call *c, struct step *step, const struct list_options *o)
{
    struct field_errors errors = {0};
    if (o->send_initial_events >= 0 && o->version_match != VERSION_MATCH_NOT_OLDER_THAN)
        field_error_add(&errors, FIELD_FORBIDDEN, S("resourceVersionMatch"), VALUE_ABSENT,
                        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    else if (o->send_initial_events < 0 && o->version_match != VERSION_MATCH_UNSET)
        field_error_add(
            &errors, FIELD_FORBIDDEN, S("resourceVersionMatch"), VALUE_ABSENT,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    bool is_fine = errors.count == 0;
    if (!is_fine)
        call_refuse(c, step, status_options_invalid("ListOptions", &errors));
    field_errors_release(&errors);
    return is_fine;
}

/* While everything is listed anew, a watch would miss what happened before its cache is there, and
 * a list could have a revision of one state and the items of another. False: refused. */
static bool caches_are_whole(struct call *c, struct step *step)
{
    if (c->server->caches.state == CACHES_WATCHING)
        return true;
    call_refuse(c, step, status_too_many_requests(S("storage is (re)initializing"), 1));
    return false;
}

void watch_start(struct call *c, struct step *step)
{
    const struct list_options *o = options_of(c);
    int64_t version;
    if (!watch_options_check(c, step, o))
        return;
    struct list_extra *x = mem_new(struct list_extra);
    x->extra.release = list_extra_release;
    c->extra = &x->extra;
    if (!selectors_parse(c, step, x))
        return;
    if (!version_parse(o->resource_version, &version))
        call_refuse(c, step, bad_version(o->resource_version, true));
    else if (o->send_initial_events == 1 && version < 0)
        probe(c, step, watch_probed);
    else if (o->send_initial_events == 1)
        call_wait_for_version(c, step, version, watch_open);
    else if (caches_are_whole(c, step))
        watch_open(c, step);
}

static void watch_refuse_old(struct call *c, struct step *step, int64_t version, int64_t floor)
{
    AUTO(text) struct text m = {0};
    text_printf(&m, "too old resource version: %" PRId64 " (%" PRId64 ")", version, floor);
    step_trace(step, "kube-apiserver", c->resource->qualified, "watch refused: 410 Expired: %s",
               text_c(&m));
    struct value error = status_expired(text_str(&m));
    stream_id stream = c->connection->stream;
    uint64_t id = c->request->id;
    call_finish(c, step, 200, VALUE_ABSENT);
    step_send(step, stream, &watch_event_new(id, WATCH_ERROR, error)->message);
    step_send(step, stream, &watch_event_new(id, WATCH_END, VALUE_ABSENT)->message);
}

static void watch_open(struct call *c, struct step *step)
{
    const struct list_options *o = options_of(c);
    struct apiserver *s = c->server;
    struct list_extra *x = (struct list_extra *)(void *)c->extra;
    struct watch_cache *cache = watch_cache_of(s, c->resource);
    int64_t version;
    (void)version_parse(o->resource_version, &version);
    CHECK(c->connection != NULL);
    bool wants_initial = version <= 0 ? o->send_initial_events != 0 : o->send_initial_events == 1;
    /* "sendInitialEvents" is on by itself for a watch from nowhere that allows bookmarks. */
    bool ends_with_bookmark = wants_initial && o->allow_bookmarks;
    if (!wants_initial && version > 0 && version < cache->floor) {
        watch_refuse_old(c, step, version, cache->floor);
        return;
    }
    struct str namespace = value_str(c->request->namespace), name;
    struct watcher prototype = {.connection = c->connection,
                                .cache = cache,
                                .asked = c->request->resource,
                                .kind = custom_kind_ref(c->kind),
                                .stream = c->connection->stream,
                                .id = c->request->id,
                                .labels = x->labels,
                                .fields = x->fields,
                                .allows_bookmarks = o->allow_bookmarks,
                                .from = version > 0 ? version : s->caches.revision};
    if (field_selector_requires(x->fields, "metadata.name", &name) &&
        (namespace.size > 0 || !c->resource->is_namespaced))
        prototype.key = object_key_of(c->resource, namespace, name);
    if (namespace.size > 0 && c->resource->is_namespaced)
        prototype.namespace = mem_copy_string(namespace);
    x->labels = NULL;
    x->fields = NULL;
    struct duration timeout = o->timeout;
    if (timeout.ns <= 0) {
        uint64_t minimum = (uint64_t)s->flags.min_request_timeout.ns;
        timeout = duration_ns(
            (int64_t)(minimum + step_random_below(step, RANDOM_WATCH_TIMEOUT, minimum)));
    }
    call_finish(c, step, 200, VALUE_ABSENT);
    struct watcher *w = watcher_add(s, step, &prototype, timeout);
    if (wants_initial) {
        watcher_send_initial(w, step);
        if (ends_with_bookmark)
            watcher_send_bookmark(w, step, true);
    } else {
        watcher_send_recent(w, step);
    }
}

/* ---- waiting for the cache ---- */

void call_wait_for_version(struct call *c, struct step *step, int64_t version, call_fn then)
{
    struct apiserver *s = c->server;
    if (!caches_are_whole(c, step))
        return;
    if (s->caches.revision >= version) {
        then(c, step);
        return;
    }
    c->wait_version = version;
    c->wait_until = instant_add(step->now, duration_s(WAIT_FOR_VERSION_S));
    c->then = then;
    struct call **link = &s->waiting;
    while (*link)
        link = &(*link)->wait_next;
    *link = c;
    if (s->wait_timer == 0)
        s->wait_timer = step_timer_set(step, c->wait_until, TIMER_TAG(TIMER_CACHE_WAIT, 0));
}

void list_cache_moved(struct apiserver *s, struct step *step)
{
    struct call **link = &s->waiting;
    while (*link) {
        struct call *c = *link;
        if (c->wait_version > s->caches.revision) {
            link = &c->wait_next;
            continue;
        }
        *link = c->wait_next;
        c->wait_next = NULL;
        c->wait_version = 0;
        c->then(c, step);
    }
}

void list_timer_wait(struct apiserver *s, struct step *step)
{
    s->wait_timer = 0;
    while (s->waiting && s->waiting->wait_until.ns <= step->now.ns) {
        struct call *c = s->waiting;
        s->waiting = c->wait_next;
        c->wait_next = NULL;
        call_refuse(c, step, too_large_version(c->wait_version, s->caches.revision));
    }
    if (s->waiting)
        s->wait_timer =
            step_timer_set(step, s->waiting->wait_until, TIMER_TAG(TIMER_CACHE_WAIT, 0));
}

void list_forget(struct call *c)
{
    for (struct call **link = &c->server->waiting; *link; link = &(*link)->wait_next) {
        if (*link == c) {
            *link = c->wait_next;
            c->wait_next = NULL;
            return;
        }
    }
}
