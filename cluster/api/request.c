/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages between a client and an API server: making them and giving back what they hold.
 *
 * Sizes on the wire are estimates (a header, and a share per object): computing the exact size
 * would cost a serialisation per message. DEVIATION: bandwidth and size limits see these estimates,
 * not the exact JSON or protobuf size, for speed.
 */
#include "sim/base/base.h"

#include "cluster/api/request.h"

#include "cluster/api/custom/definition.h"

#include "cluster/api/object.h"
#include "cluster/api/value_heap.h"
#include "sim/base/hash.h"
#include "sim/base/mem.h"

#define SIZE_HEADERS 200
#define SIZE_OBJECT 1024

static void request_release(struct message *m);
static void response_release(struct message *m);
static void watch_event_release(struct message *m);
static void cancel_release(struct message *m);
static uint64_t request_digest(const struct message *m);
static uint64_t response_digest(const struct message *m);
static uint64_t watch_event_digest(const struct message *m);
static uint64_t cancel_digest(const struct message *m);

const struct message_type request_message = {"request", MESSAGE_REQUEST, request_release,
                                             request_digest};
const struct message_type response_message = {"response", MESSAGE_RESPONSE, response_release,
                                              response_digest};
const struct message_type watch_event_message = {"watch-event", MESSAGE_WATCH_EVENT,
                                                 watch_event_release, watch_event_digest};
const struct message_type cancel_message = {"cancel", MESSAGE_CANCEL, cancel_release,
                                            cancel_digest};

static uint32_t body_size(struct value body)
{
    if (!value_is_present(body))
        return SIZE_HEADERS;
    struct value items = value_get(body, ATOM_items);
    size_t objects = value_kind(items) == VALUE_ARRAY ? value_count(items) + 1 : 1;
    return (uint32_t)(SIZE_HEADERS + SIZE_OBJECT * (objects < 1000000 ? objects : 1000000));
}

/* Which object, in which state: uid and resourceVersion say it. */
static uint64_t body_digest(struct value body)
{
    uint64_t h = value_hash(VALUE_GET(body, metadata, resourceVersion));
    return hash_pair(h, value_hash(object_uid(body)));
}

/* ---- requests ---- */

struct request *request_new(enum verb verb, const struct resource *resource)
{
    CHECK(verb < VERB_COUNT && resource);
    struct request *r = mem_new(struct request);
    message_init(&r->message, &request_message, SIZE_HEADERS);
    r->verb = verb;
    r->resource = resource;
    return r;
}

struct request *request_for_path(struct str path)
{
    struct request *r = mem_new(struct request);
    message_init(&r->message, &request_message, SIZE_HEADERS);
    r->verb = VERB_GET;
    r->path = value_string(path);
    return r;
}

struct request *request_for_key(enum verb verb, const struct object_key *key)
{
    struct request *r = request_new(verb, key->resource);
    r->key = object_key_ref(key);
    return r;
}

struct list_options *request_list_options(struct request *r)
{
    if (!r->list) {
        r->list = mem_new(struct list_options);
        r->list->send_initial_events = -1;
    }
    return r->list;
}

struct delete_options *request_delete_options(struct request *r)
{
    if (!r->deletion) {
        r->deletion = mem_new(struct delete_options);
        r->deletion->grace_period_seconds = -1;
    }
    return r->deletion;
}

struct connect_options *request_connect_options(struct request *r)
{
    if (!r->connect)
        r->connect = connect_options_new();
    return r->connect;
}

static void list_options_release(struct list_options *o)
{
    if (!o)
        return;
    value_drop(o->label_selector);
    value_drop(o->field_selector);
    value_drop(o->resource_version);
    value_drop(o->continue_token);
    mem_free(o);
}

static void delete_options_release(struct delete_options *o)
{
    if (!o)
        return;
    value_drop(o->precondition_uid);
    value_drop(o->precondition_resource_version);
    mem_free(o);
}

static void request_release(struct message *m)
{
    struct request *r = CONTAINER_OF(m, struct request, message);
    object_key_unref(r->key);
    value_drop(r->namespace);
    value_drop(r->path);
    value_drop(r->target);
    value_drop(r->body);
    list_options_release(r->list);
    delete_options_release(r->deletion);
    connect_options_free(r->connect);
    credential_unref(r->credential);
    value_drop(r->user_agent);
    value_drop(r->field_manager);
    value_drop(r->duplicates);
    value_drop(r->patch_refusal);
    value_drop(r->source);
    value_drop(r->impersonate);
    value_drop(r->refusal);
    value_drop(r->asked);
    mem_free(r);
}

static uint64_t request_digest(const struct message *m)
{
    const struct request *r = (const struct request *)m;
    uint64_t h = hash_pair(r->id, (uint64_t)r->verb << 32 | (uint64_t)r->subresource << 24 |
                                      (uint64_t)r->patch_type);
    h = hash_pair(h, r->key ? r->key->hash : value_hash(r->namespace));
    h = hash_pair(h, value_is_present(r->target) ? value_hash(r->target)
                     : r->resource               ? hash_bytes(r->resource->qualified)
                                                 : value_hash(r->path));
    h = r->connect ? hash_pair(h, connect_options_digest(r->connect)) : h;
    return hash_pair(h, body_digest(r->body));
}

/* ---- responses ---- */

struct response *response_new(uint64_t id, int code, struct value own_body)
{
    struct response *r = mem_new(struct response);
    message_init(&r->message, &response_message, body_size(own_body));
    r->id = id;
    r->code = code;
    r->body = own_body;
    return r;
}

static void response_release(struct message *m)
{
    struct response *r = CONTAINER_OF(m, struct response, message);
    value_drop(r->body);
    value_drop(r->warnings);
    value_drop(r->content_type);
    custom_kind_unref(r->kind);
    custom_catalog_unref(r->catalog);
    mem_free(r);
}

static uint64_t response_digest(const struct message *m)
{
    const struct response *r = (const struct response *)m;
    return hash_pair(hash_pair(r->id, (uint64_t)r->code), body_digest(r->body));
}

/* Of a Status; bytes inside the body. */
static struct str status_text(struct value status, atom key)
{
    if (!value_is(value_get(status, ATOM_kind), "Status"))
        return S("");
    const struct value *slot = member_slot(status, key);
    return slot ? string_in_place(slot) : S("");
}

struct str response_reason(const struct response *r)
{
    return status_text(r->body, ATOM_reason);
}

struct str response_message_text(const struct response *r)
{
    return status_text(r->body, ATOM_message);
}

/* ---- events of a watch ---- */

struct watch_event *watch_event_new(uint64_t id, enum watch_event_type type,
                                    struct value own_object)
{
    struct watch_event *e = mem_new(struct watch_event);
    message_init(&e->message, &watch_event_message, body_size(own_object));
    e->id = id;
    e->type = type;
    e->object = own_object;
    return e;
}

static void watch_event_release(struct message *m)
{
    struct watch_event *e = CONTAINER_OF(m, struct watch_event, message);
    value_drop(e->object);
    mem_free(e);
}

static uint64_t watch_event_digest(const struct message *m)
{
    const struct watch_event *e = (const struct watch_event *)m;
    return hash_pair(hash_pair(e->id, (uint64_t)e->type), body_digest(e->object));
}

/* ---- cancelling ---- */

struct cancel *cancel_new(uint64_t id)
{
    struct cancel *c = mem_new(struct cancel);
    message_init(&c->message, &cancel_message, SIZE_HEADERS);
    c->id = id;
    return c;
}

static void cancel_release(struct message *m)
{
    mem_free(CONTAINER_OF(m, struct cancel, message));
}

static uint64_t cancel_digest(const struct message *m)
{
    const struct cancel *c = (const struct cancel *)m;
    return hash_mix(c->id);
}

/* ---- credentials: one block each ---- */

/* Room for `size` more bytes behind the struct. */
static struct credential *credential_new(size_t groups, size_t bytes, struct str **ret_groups,
                                         char **ret_bytes)
{
    size_t head = sizeof(struct credential) + groups * sizeof(struct str);
    char *block = mem_allocate(1, head + bytes);
    struct credential *c = (struct credential *)(void *)block;
    *ret_groups = (struct str *)(void *)(block + sizeof(struct credential));
    *ret_bytes = block + head;
    c->references = 1;
    return c;
}

static struct str copy_into(char **bytes, struct str s)
{
    char *at = *bytes;
    if (s.size)
        memcpy(at, s.bytes, s.size);
    *bytes += s.size + 1;
    return (struct str){at, s.size};
}

const struct credential *credential_copy(const struct credential *facts)
{
    size_t size = facts->user.size + facts->uid.size + facts->id.size + facts->token.size + 4;
    for (size_t i = 0; i < facts->group_count; i++)
        size += facts->groups[i].size + 1;
    struct str *own_groups;
    char *bytes;
    struct credential *c = credential_new(facts->group_count, size, &own_groups, &bytes);
    c->kind = facts->kind;
    c->user = copy_into(&bytes, facts->user);
    c->uid = copy_into(&bytes, facts->uid);
    c->id = copy_into(&bytes, facts->id);
    c->token = copy_into(&bytes, facts->token);
    for (size_t i = 0; i < facts->group_count; i++)
        own_groups[i] = copy_into(&bytes, facts->groups[i]);
    c->groups = own_groups;
    c->group_count = facts->group_count;
    c->not_before_s = facts->not_before_s;
    c->not_after_s = facts->not_after_s;
    return c;
}

const struct credential *credential_certificate(struct str user, const struct str *groups,
                                                size_t group_count)
{
    return credential_copy(&(struct credential){.kind = CREDENTIAL_CERTIFICATE,
                                                .user = user,
                                                .groups = groups,
                                                .group_count = group_count});
}

const struct credential *credential_token(struct str token)
{
    return credential_copy(&(struct credential){.kind = CREDENTIAL_TOKEN, .token = token});
}

static struct credential *credential_counter(const struct credential *c)
{
    return (struct credential *)(uintptr_t)c;
}

const struct credential *credential_ref(const struct credential *c)
{
    if (c)
        credential_counter(c)->references++;
    return c;
}

void credential_unref(const struct credential *c)
{
    if (!c)
        return;
    CHECK(c->references > 0);
    if (--credential_counter(c)->references == 0)
        mem_free(credential_counter(c));
}
