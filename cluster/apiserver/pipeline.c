/* SPDX-License-Identifier: Apache-2.0
 *
 * The one pipeline that every request takes, however it came in:
 *
 *     authenticate -> (impersonate) -> wait for a seat -> authorize
 *         -> read:   get, list, watch
 *         -> write:  decode -> default -> mutating admission -> strategy -> validate
 *                    -> validating admission -> store (etcd) -> respond
 *
 * This file has the life of a call and the part that all verbs share; reading goes on in list.c,
 * writing in registry.c.
 *
 * A call is refused with a Status; what is refused and would have changed something is told in the
 * trace, so that a person sees why nothing happened. "A request that is not answered within
 * --request-timeout" gets 504, whatever may still become of it.
 */
#include "cluster/apiserver/server.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/connect.h"
#include "cluster/apiserver/impersonation.h"
#include "cluster/apiserver/list.h"
#include "cluster/apiserver/machinery.h"
#include "cluster/apiserver/registry.h"

static bool act_as(struct call *c, struct step *step);
static bool may(struct call *c, struct step *step);
/* False: refused. */
static bool may_read_path(struct call *c, struct step *step);
static struct value path_body(const struct call *c);
static void call_free(struct call *c, struct step *step);

/* ---- the way ---- */

void pipeline_start(struct call *c, struct step *step)
{
    struct apiserver *s = c->server;
    struct connection *k = c->connection;
    c->is_unserved = !custom_resolve(c);
    bool is_lasting = !c->request->credential || c->request->credential->kind != CREDENTIAL_TOKEN;
    if (k && k->user && is_lasting && k->credential == c->request->credential &&
        user_is_valid(k->user, step->wall)) {
        c->user = user_ref(k->user);
    } else {
        c->user = authenticate(s, step, c->request->credential);
        if (!c->user) {
            call_refuse(c, step, status_unauthorized());
            return;
        }
        if (k) {
            user_unref(k->user);
            credential_unref(k->credential);
            k->user = user_ref(c->user);
            k->credential = c->request->credential ? credential_ref(c->request->credential) : NULL;
        }
    }
    if (value_is_present(c->request->impersonate) && !act_as(c, step))
        return;
    fairness_enter(c, step);
}

static bool verb_is_served(const struct request *r)
{
    bool is_of_one = r->verb == VERB_GET || r->verb == VERB_UPDATE || r->verb == VERB_PATCH ||
                     r->verb == VERB_DELETE;
    if (is_of_one && !r->key)
        return false;
    if (r->subresource != SUBRESOURCE_NONE && !(r->resource->subresources & (1u << r->subresource)))
        return false;
    if (r->subresource == SUBRESOURCE_NONE)
        return (r->resource->verbs & (1u << r->verb)) != 0;
    switch (r->subresource) {
    case SUBRESOURCE_STATUS:
    case SUBRESOURCE_SCALE:
    case SUBRESOURCE_RESIZE:
    case SUBRESOURCE_EPHEMERALCONTAINERS:
    case SUBRESOURCE_APPROVAL:
        return r->verb == VERB_GET || r->verb == VERB_UPDATE || r->verb == VERB_PATCH;
    case SUBRESOURCE_FINALIZE:
        return r->verb == VERB_UPDATE;
    case SUBRESOURCE_BINDING:
    case SUBRESOURCE_EVICTION:
    case SUBRESOURCE_TOKEN:
        return r->verb == VERB_CREATE;
    case SUBRESOURCE_LOG:
        return r->verb == VERB_GET;
    case SUBRESOURCE_EXEC:
    case SUBRESOURCE_ATTACH:
    case SUBRESOURCE_PORTFORWARD:
        return r->verb == VERB_GET || r->verb == VERB_CREATE;
    case SUBRESOURCE_PROXY:
        return true;
    case SUBRESOURCE_NONE:
    case SUBRESOURCE_COUNT:
        break;
    }
    return false;
}

/* All requests for a kind that is to go are told so; the registry and validation see to the
 * others. */
static void warn_of_kind(struct call *c)
{
    const struct request *r = c->request;
    if (c->connection && !r->is_typed && r->resource == resource_get(RESOURCE_endpoints) &&
        (r->verb == VERB_LIST || r->verb == VERB_WATCH || r->verb == VERB_DELETE_COLLECTION))
        call_warn(
            c, value_string(S(
                   "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")));
}

void pipeline_execute(struct call *c, struct step *step)
{
    const struct request *r = c->request;
    if (!r->resource) {
        if (!may_read_path(c, step))
            return;
        if (value_is_present(r->refusal))
            call_refuse(c, step, value_keep(r->refusal));
        else
            call_finish(c, step, 200, path_body(c));
        return;
    }
    if (!may(c, step))
        return;
    if (c->is_unserved) {
        call_finish(c, step, 404, value_is_present(r->target) ? VALUE_ABSENT : status_not_served());
        return;
    }
    if (value_is_present(r->refusal)) {
        call_refuse(c, step, value_keep(r->refusal));
        return;
    }
    if (!verb_is_served(r)) {
        call_refuse(
            c, step,
            status_make(405, S("MethodNotAllowed"),
                        S("the server does not allow this method on the requested resource"),
                        value_object()));
        return;
    }
    if (!c->server->caches.has_listed) {
        call_refuse(c, step, status_too_many_requests(S("storage is (re)initializing"), 1));
        return;
    }
    if (connect_start(c, step))
        return;
    if (r->verb == VERB_CREATE || r->verb == VERB_UPDATE || r->verb == VERB_PATCH) {
        struct value refusal = write_options_refusal(r);
        if (value_is_present(refusal)) {
            call_refuse(c, step, refusal);
            return;
        }
    }
    if (component_status_answer(c, step) || !custom_admit(c, step))
        return;
    warn_of_kind(c);
    switch (r->verb) {
    case VERB_GET:
        registry_get(c, step);
        break;
    case VERB_LIST:
        list_start(c, step);
        break;
    case VERB_WATCH:
        watch_start(c, step);
        break;
    case VERB_CREATE:
        registry_create(c, step);
        break;
    case VERB_UPDATE:
    case VERB_PATCH:
        registry_update(c, step);
        break;
    case VERB_DELETE:
        registry_delete(c, step);
        break;
    case VERB_DELETE_COLLECTION:
        registry_delete_collection(c, step);
        break;
    case VERB_COUNT:
        break;
    }
}

/* Texts of attributes that stand in no longer-lived place. */
struct attribute_texts {
    char small[7][VALUE_SMALL_SIZE];
};

/* Of what is no resource that we know: a path, or a resource that others may have. */
static struct attributes unknown_attributes(const struct request *r, struct attribute_texts *t)
{
    struct value asked = r->asked;
    struct attributes a = {.verb = value_str_in(VALUE_GET(asked, verb), t->small[0])};
    if (!value_is_present(VALUE_GET(asked, verb)))
        a.verb = str_from(verb_text(r->verb));
    a.resource = value_str_in(VALUE_GET(asked, resource), t->small[1]);
    if (a.resource.size == 0) {
        a.path = value_str_in(r->path, t->small[2]);
        return a;
    }
    a.group = value_str_in(VALUE_GET(asked, group), t->small[3]);
    a.subresource = value_str_in(VALUE_GET(asked, subresource), t->small[4]);
    a.namespace = value_str_in(VALUE_GET(asked, namespace), t->small[5]);
    a.name = value_str_in(VALUE_GET(asked, name), t->small[6]);
    return a;
}

/* What only this server knows of what a path names: the text of some; of the rest, which whoever is
 * in front knows, whether the server is ready. */
static struct value path_body(const struct call *c)
{
    AUTO(text) struct text t = {0};
    if (value_is(c->request->path, "/metrics"))
        metrics_write(c->server, &t);
    else if (value_is(c->request->path, "/flagz"))
        flagz_write(c->server, &t);
    else
        return value_bool(apiserver_is_ready(c->server));
    return value_string(text_str(&t));
}

/* False: refused. */
static bool may_read_path(struct call *c, struct step *step)
{
    struct attribute_texts texts = {0};
    AUTO(text) struct text reason = {0};
    struct attributes a = unknown_attributes(c->request, &texts);
    if (authorize_reason(c->server, c->user, &a, &reason))
        return true;
    c->is_unauthorized = true;
    call_refuse(c, step, authorize_forbidden(c->user, &a, text_str(&reason)));
    return false;
}

/* Nobody here knows what the path names. */
static bool is_unknown(const struct request *r)
{
    return r->resource == resource_placeholder();
}

/* A part of what a path names, while the step lasts. */
static struct str target_text(const struct request *r, struct step *step, atom part)
{
    return arena_str(step->scratch, value_str(value_get(r->target, part)));
}

/* Of a path that names no kind that is served. */
static struct attributes target_attributes(const struct request *r, struct step *step)
{
    return (struct attributes){.verb = str_from(verb_text(r->verb)),
                               .group = target_text(r, step, ATOM_group),
                               .resource = target_text(r, step, ATOM_resource),
                               .subresource = target_text(r, step, ATOM_subresource),
                               .name = target_text(r, step, ATOM_name)};
}

static struct attributes attributes_of(const struct request *r)
{
    struct attributes a = {.verb = str_from(verb_text(r->verb)),
                           .group = r->resource->group,
                           .resource = r->resource->plural,
                           .subresource = str_from(subresource_text(r->subresource))};
    if (r->key) {
        a.namespace = r->key->namespace;
        if (r->verb != VERB_CREATE || r->subresource != SUBRESOURCE_NONE)
            a.name = r->key->name;
    }
    if (r->list)
        a.field_selector = r->list->field_selector;
    return a;
}

/* False: refused. */
static bool may(struct call *c, struct step *step)
{
    const struct request *r = c->request;
    if (c->is_internal || authorize_quickly(c->server, c->user, r))
        return true;
    struct attributes a = is_unknown(r) ? target_attributes(r, step) : attributes_of(r);
    char small[VALUE_SMALL_SIZE] = {0};
    if (!r->key && r->resource->is_namespaced)
        a.namespace = value_str_in(r->namespace, small);
    /* "fieldSelector=metadata.name=x" is a request for x alone. */
    struct str rest = value_str(a.field_selector), prefix = S("metadata.name=");
    while (!r->key && rest.size > 0) {
        struct str term = str_cut(rest, ',', &rest);
        if (str_starts_with(term, prefix))
            a.name = arena_str(step->scratch, str_slice(term, prefix.size, term.size));
    }
    AUTO(text) struct text reason = {0};
    if (authorize_reason(c->server, c->user, &a, &reason))
        return true;
    c->is_unauthorized = true;
    call_refuse(c, step, authorize_forbidden(c->user, &a, text_str(&reason)));
    return false;
}

bool call_may_create(struct call *c, struct step *step)
{
    if (c->is_internal)
        return true;
    struct attributes a = attributes_of(c->request);
    a.verb = S("create");
    AUTO(text) struct text reason = {0};
    if (authorize_reason(c->server, c->user, &a, &reason))
        return true;
    /* Of a stream upstream says why and nothing else, which is often nothing. */
    bool is_stream = c->request->subresource >= SUBRESOURCE_LOG;
    call_refuse(c, step,
                is_stream ? status_forbidden(c->request->resource, a.name, text_str(&reason))
                          : authorize_forbidden(c->user, &a, text_str(&reason)));
    return false;
}

/* False: refused. */
static bool act_as(struct call *c, struct step *step)
{
    struct attribute_texts texts = {0};
    struct attributes asked = !c->request->resource    ? unknown_attributes(c->request, &texts)
                              : is_unknown(c->request) ? target_attributes(c->request, step)
                                                       : attributes_of(c->request);
    struct value status = VALUE_ABSENT;
    if (c->request->resource && !c->request->key && c->request->resource->is_namespaced)
        asked.namespace = value_str_in(c->request->namespace, texts.small[0]);
    struct user *other = impersonate(c->server, c->user, c->request->impersonate, &asked, &status);
    if (!other) {
        c->is_unauthorized = status_code(status) == 403;
        call_refuse(c, step, status);
        return false;
    }
    user_unref(c->user);
    c->user = other;
    return true;
}

/* ---- the life of a call ---- */

struct call *call_new(struct apiserver *s, struct step *step, struct request *own_request)
{
    struct call *c = mem_new(struct call);
    c->server = s;
    c->request = own_request;
    c->resource = own_request->resource ? own_request->resource->storage : NULL;
    c->key = own_request->key ? object_key_ref(own_request->key) : NULL;
    c->deadline = instant_add(step->now, s->flags.request_timeout);
    if (s->free_slots.count > 0) {
        c->slot = vec_pop(&s->free_slots);
        s->slots.items[c->slot] = c;
    } else {
        c->slot = (uint32_t)s->slots.count;
        vec_push(&s->slots, c);
    }
    c->previous = s->last;
    *(s->last ? &s->last->next : &s->first) = c;
    s->last = c;
    s->call_count++;
    if (s->deadline_timer == 0)
        s->deadline_timer = step_timer_set(step, c->deadline, TIMER_TAG(TIMER_CALL_DEADLINES, 0));
    return c;
}

void call_own(struct apiserver *s, struct step *step, struct request *own_request,
              void (*answered)(struct call *, struct step *, int, struct value), void *owner)
{
    own_request->is_typed = true;
    if (!value_is_present(own_request->user_agent))
        own_request->user_agent = value_string(S("kube-apiserver"));
    struct call *c = call_new(s, step, own_request);
    c->answered = answered;
    c->answered_owner = owner;
    c->user = user_ref(s->authorizer.own);
    c->is_internal = true;
    c->is_unserved = !custom_resolve(c);
    pipeline_execute(c, step);
}

void call_sub(struct call *parent, struct step *step, struct request *own_request,
              void (*answered)(struct call *, struct step *, int, struct value))
{
    CHECK(parent->child == NULL);
    own_request->is_typed = true;
    own_request->user_agent = value_keep(parent->request->user_agent);
    struct call *c = call_new(parent->server, step, own_request);
    c->deadline = parent->deadline;
    c->is_internal = true;
    c->answered = answered;
    c->parent = parent;
    parent->child = c;
    c->user = user_ref(parent->user);
    c->is_unserved = !custom_resolve(c);
    pipeline_execute(c, step);
}

static int retry_after(struct value status)
{
    return (int)VALUE_INT(status, 0, details, retryAfterSeconds);
}

void call_finish(struct call *c, struct step *step, int code, struct value own_body)
{
    if (c->connection) {
        metrics_request(&c->server->metrics, c, code, step->now);
        struct response *r = response_new(c->request->id, code, own_body);
        r->warnings = c->warnings;
        r->kind = custom_kind_ref(c->kind);
        if (value_is_present(c->request->path) && code == 200)
            r->catalog = custom_catalog_get(c->server);
        c->warnings = VALUE_ABSENT;
        r->is_unauthorized = c->is_unauthorized;
        if (code >= 400)
            r->retry_after = duration_s(retry_after(own_body));
        step_send(step, c->connection->stream, &r->message);
        call_free(c, step);
        return;
    }
    struct call *parent = c->parent;
    void (*answered)(struct call *, struct step *, int, struct value) = c->answered;
    if (parent) {
        parent->child = NULL;
        c->parent = NULL;
        call_free(c, step);
        answered(parent, step, code, own_body);
    } else {
        if (answered)
            answered(c, step, code, own_body);
        call_free(c, step);
    }
    value_drop(own_body);
}

/* A component that wrote from an old copy: everyday, and it says itself what it does about it. */
static bool is_everyday(const struct call *c, int code, struct value status)
{
    return code == 409 &&
           (c->is_internal || (c->user && str_starts_with(user_name(c->user), S("system:")) &&
                               str_contains(VALUE_STR(status, message), S("has been modified"))));
}

void call_refuse(struct call *c, struct step *step, struct value own_status)
{
    int code = status_code(own_status);
    if (c->request->verb >= VERB_CREATE && !is_everyday(c, code, own_status)) {
        AUTO(text) struct text subject = {0};
        text_printf(&subject, "%.*s", STR_ARG(c->request->resource->qualified));
        if (c->key) {
            text_add_byte(&subject, ' ');
            object_key_text(c->key, &subject);
        }
        struct str reason = VALUE_STR(own_status, reason);
        struct str message = VALUE_STR(own_status, message);
        struct str by = c->user ? user_name(c->user) : S("nobody");
        step_trace(step, "kube-apiserver", text_str(&subject), "%s by %.*s refused: %d %.*s: %.*s",
                   verb_text(c->request->verb), STR_ARG(by), code, STR_ARG(reason),
                   STR_ARG(message));
    }
    call_finish(c, step, code, own_status);
}

void call_abandon(struct call *c, struct step *step)
{
    call_free(c, step);
}

void call_warn(struct call *c, struct value own_text)
{
    c->warnings = value_append(c->warnings, own_text);
}

void call_release(struct call *c)
{
    if (c->extra)
        c->extra->release(c->extra);
    service_allocation_free(c);
    message_unref(&c->request->message);
    user_unref(c->user);
    object_key_unref(c->key);
    custom_kind_unref(c->kind);
    value_drop(c->body);
    value_drop(c->object);
    value_drop(c->warnings);
    etcd_kv_unref(c->existing);
    etcd_kv_unref(c->looked_up);
    mem_free(c);
}

static void call_free(struct call *c, struct step *step)
{
    struct apiserver *s = c->server;
    if (c->etcd_operation) {
        etcd_link_forget(s, c->etcd_operation);
        service_allocation_free(c); /* it may yet be written */
    }
    service_release_reservations(c, step);
    if (c->wait_timer)
        step_timer_cancel(step, c->wait_timer);
    if (c->wait_version > 0)
        list_forget(c);
    if (c->parent)
        c->parent->child = NULL;
    if (c->child) {
        c->child->parent = NULL;
        c->child->answered = NULL;
    }
    *(c->previous ? &c->previous->next : &s->first) = c->next;
    *(c->next ? &c->next->previous : &s->last) = c->previous;
    if (c->connection_link) {
        *c->connection_link = c->connection_next;
        if (c->connection_next)
            c->connection_next->connection_link = c->connection_link;
    }
    s->slots.items[c->slot] = NULL;
    vec_push(&s->free_slots, c->slot);
    s->call_count--;
    fairness_leave(c, step);
    call_release(c);
}

void calls_expire(struct apiserver *s, struct step *step)
{
    s->deadline_timer = 0;
    while (s->first && s->first->deadline.ns <= step->now.ns)
        call_refuse(
            s->first, step,
            status_timeout(
                S("request did not complete within requested timeout - context deadline exceeded"),
                0));
    if (s->first && s->deadline_timer == 0)
        s->deadline_timer =
            step_timer_set(step, s->first->deadline, TIMER_TAG(TIMER_CALL_DEADLINES, 0));
}

/* ---- etcd ---- */

static void on_etcd_answer(struct apiserver *s, struct step *step, const struct etcd_response *r,
                           void *owner)
{
    (void)s;
    struct call *c = owner;
    c->etcd_operation = 0;
    c->etcd_then(c, step, r);
}

int64_t lease_id(struct step *step)
{
    return (int64_t)(step_random(step, RANDOM_LEASE) >> 1) | 1;
}

void call_etcd(struct call *c, struct step *step, struct etcd_request *own_request,
               call_etcd_fn then)
{
    CHECK(c->etcd_operation == 0);
    c->etcd_then = then;
    own_request->by = user_by(c->user);
    c->etcd_operation = etcd_link_send(c->server, step, own_request, on_etcd_answer, c);
}

bool call_etcd_failed(struct call *c, struct step *step, const struct etcd_response *r)
{
    if (r && r->error == ETCD_OK)
        return false;
    if (r && r->error == ETCD_ERROR_COMPACTED) {
        call_refuse(c, step,
                    status_expired(S("The resourceVersion for the provided watch is too old.")));
        return true;
    }
    struct str why = r ? str_from(etcd_error_text(r->error))
                       : S("rpc error: code = Unavailable desc = error reading from server: EOF");
    call_refuse(
        c, step,
        value_pack(
            "{kind: Status, apiVersion: v1, metadata: {}, status: Failure, message: %S, code: 500}",
            why));
    return true;
}
