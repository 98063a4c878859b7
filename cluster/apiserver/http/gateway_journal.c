/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway's commands as a journal keeps them: everything that a request holds, so that posting
 * it again in a replay does the same to the byte.
 *
 * A field that is missing here would be missing in every replay. Hence the assertions on sizes:
 * whoever adds a field to a request, its options or a credential meets them and comes here.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/gateway_private.h"

#include "cluster/api/value_binary.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

_Static_assert(sizeof(struct request) == 208, "put the new field of a request into the journal");
_Static_assert(sizeof(struct list_options) == 64, "put the new list option into the journal");
_Static_assert(sizeof(struct delete_options) == 32, "put the new delete option into the journal");
_Static_assert(sizeof(struct credential) == 104, "put the new field of a credential into it");

_Static_assert(sizeof(struct connect_options) == 120, "put the new connect option into it");

#define GROUPS_MAX 4096

/* ---- writing ---- */

static void write_credential(const struct credential *c, struct text *out)
{
    pack_number(out, c != NULL);
    if (!c)
        return;
    pack_number(out, c->kind);
    pack_text(out, c->user);
    pack_text(out, c->uid);
    pack_text(out, c->id);
    pack_signed(out, c->not_before_s);
    pack_signed(out, c->not_after_s);
    pack_text(out, c->token);
    pack_number(out, c->group_count);
    for (size_t i = 0; i < c->group_count; i++)
        pack_text(out, c->groups[i]);
}

static void write_list_options(const struct list_options *o, struct text *out)
{
    pack_number(out, o != NULL);
    if (!o)
        return;
    value_binary_write(o->label_selector, out);
    value_binary_write(o->field_selector, out);
    value_binary_write(o->resource_version, out);
    pack_number(out, o->version_match);
    pack_signed(out, o->limit);
    value_binary_write(o->continue_token, out);
    pack_signed(out, o->timeout.ns);
    pack_number(out, o->allow_bookmarks);
    pack_signed(out, o->send_initial_events);
}

static void write_delete_options(const struct delete_options *o, struct text *out)
{
    pack_number(out, o != NULL);
    if (!o)
        return;
    pack_signed(out, o->grace_period_seconds);
    pack_number(out, o->propagation);
    value_binary_write(o->precondition_uid, out);
    value_binary_write(o->precondition_resource_version, out);
}

static void write_connect_options(const struct connect_options *o, struct text *out)
{
    pack_number(out, o != NULL);
    if (!o)
        return;
    const bool flags[] = {o->has_stdin,  o->has_stdout, o->has_stderr, o->has_terminal,
                          o->is_upgrade, o->is_spdy,    o->follow,     o->previous,
                          o->timestamps};
    const struct value parts[] = {o->container, o->command, o->since_time,   o->stream,
                                  o->ports,     o->method,  o->path,         o->content_type,
                                  o->content,   o->subject};
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
        pack_number(out, flags[i]);
    pack_signed(out, o->since_seconds);
    pack_signed(out, o->tail_lines);
    pack_signed(out, o->limit_bytes);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        value_binary_write(parts[i], out);
}

static void write_resource(const struct resource *r, struct text *out)
{
    pack_text(out, r ? r->group : S(""));
    pack_text(out, r ? r->version : S(""));
    pack_text(out, r ? r->plural : S(""));
}

static void write_request(const struct request *r, struct text *out)
{
    pack_number(out, r->verb);
    write_resource(r->resource, out);
    value_binary_write(r->path, out);
    value_binary_write(r->target, out);
    pack_number(out, r->subresource);
    pack_number(out, r->key != NULL);
    if (r->key) {
        write_resource(r->key->resource, out);
        pack_text(out, r->key->namespace);
        pack_text(out, r->key->name);
    }
    value_binary_write(r->namespace, out);
    value_binary_write(r->body, out);
    pack_number(out, r->patch_type);
    write_list_options(r->list, out);
    write_delete_options(r->deletion, out);
    write_connect_options(r->connect, out);
    write_credential(r->credential, out);
    value_binary_write(r->user_agent, out);
    value_binary_write(r->field_manager, out);
    value_binary_write(r->duplicates, out);
    value_binary_write(r->patch_refusal, out);
    value_binary_write(r->source, out);
    value_binary_write(r->impersonate, out);
    value_binary_write(r->refusal, out);
    value_binary_write(r->asked, out);
    pack_number(out, r->field_validation);
    pack_number(out, r->dry_run);
    pack_number(out, r->force);
    pack_number(out, r->is_typed);
    pack_number(out, r->message.size_bytes);
    pack_number(out, r->body_bytes);
}

void gateway_command_write(const struct message *command, struct text *out)
{
    CHECK(command->type == &gateway_command_message);
    const struct gateway_command *c = (const void *)command; /* its first member */
    pack_number(out, c->verb);
    pack_number(out, c->connection);
    pack_number(out, c->id);
    if (c->verb == GATEWAY_SEND)
        write_request(c->request, out);
    if (c->verb == GATEWAY_BYTES) {
        pack_number(out, c->bytes->channel);
        pack_text(out, channel_str(c->bytes));
    }
}

bool gateway_command_writes(const struct message *command)
{
    CHECK(command->type == &gateway_command_message);
    const struct gateway_command *c = (const void *)command;
    if (c->verb != GATEWAY_SEND)
        return c->verb == GATEWAY_BYTES;
    const struct request *r = c->request;
    bool is_upkeep = !r->resource || r->resource == resource_get(RESOURCE_leases) ||
                     r->resource->storage == resource_get(RESOURCE_events)->storage;
    return !is_upkeep && r->verb != VERB_GET && r->verb != VERB_LIST && r->verb != VERB_WATCH;
}

/* ---- reading ---- */

static const struct credential *read_credential(struct unpack *u)
{
    if (!unpack_bool(u))
        return NULL;
    VEC(struct str) groups = {0};
    struct credential facts = {.kind = CREDENTIAL_ANONYMOUS};
    uint64_t kind = unpack_below(u, CREDENTIAL_TOKEN + 1);
    facts.kind = kind == CREDENTIAL_TOKEN ? CREDENTIAL_TOKEN : CREDENTIAL_CERTIFICATE;
    facts.user = unpack_text(u);
    facts.uid = unpack_text(u);
    facts.id = unpack_text(u);
    facts.not_before_s = unpack_signed(u);
    facts.not_after_s = unpack_signed(u);
    facts.token = unpack_text(u);
    uint64_t count = unpack_below(u, GROUPS_MAX);
    for (uint64_t i = 0; i < count && !u->is_bad; i++)
        vec_push(&groups, unpack_text(u));
    facts.groups = groups.items;
    facts.group_count = groups.count;
    u->is_bad |= kind == CREDENTIAL_ANONYMOUS; /* that is none at all */
    const struct credential *c = u->is_bad ? NULL : credential_copy(&facts);
    vec_release(&groups);
    return c;
}

static void read_list_options(struct unpack *u, struct request *r)
{
    if (!unpack_bool(u))
        return;
    struct list_options *o = request_list_options(r);
    o->label_selector = value_binary_read(u);
    o->field_selector = value_binary_read(u);
    o->resource_version = value_binary_read(u);
    o->version_match = (enum version_match)unpack_below(u, VERSION_MATCH_NOT_OLDER_THAN + 1);
    o->limit = unpack_signed(u);
    o->continue_token = value_binary_read(u);
    o->timeout = duration_ns(unpack_signed(u));
    o->allow_bookmarks = unpack_bool(u);
    o->send_initial_events = (int)unpack_signed(u);
}

static void read_delete_options(struct unpack *u, struct request *r)
{
    if (!unpack_bool(u))
        return;
    struct delete_options *o = request_delete_options(r);
    o->grace_period_seconds = unpack_signed(u);
    o->propagation = (enum propagation)unpack_below(u, PROPAGATION_ORPHAN + 1);
    o->precondition_uid = value_binary_read(u);
    o->precondition_resource_version = value_binary_read(u);
}

static void read_connect_options(struct unpack *u, struct request *r)
{
    if (!unpack_bool(u))
        return;
    struct connect_options *o = request_connect_options(r);
    bool *const flags[] = {&o->has_stdin,  &o->has_stdout, &o->has_stderr, &o->has_terminal,
                           &o->is_upgrade, &o->is_spdy,    &o->follow,     &o->previous,
                           &o->timestamps};
    struct value *const parts[] = {&o->container,    &o->command, &o->since_time, &o->stream,
                                   &o->ports,        &o->method,  &o->path,
                                   &o->content_type, &o->content, &o->subject};
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
        *flags[i] = unpack_bool(u);
    o->since_seconds = unpack_signed(u);
    o->tail_lines = unpack_signed(u);
    o->limit_bytes = unpack_signed(u);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        *parts[i] = value_binary_read(u);
}

/* NULL: none was written, or there is none of this name (then it is bad). */
static const struct resource *read_resource(struct unpack *u)
{
    struct str group = unpack_text(u), version = unpack_text(u), plural = unpack_text(u);
    if (plural.size == 0)
        return NULL;
    const struct resource *r = resource_find(group, version, plural);
    u->is_bad |= !r;
    return r;
}

static void read_key(struct unpack *u, struct request *r)
{
    if (!unpack_bool(u))
        return;
    const struct resource *resource = read_resource(u);
    struct str namespace = unpack_text(u), name = unpack_text(u);
    u->is_bad |= !resource;
    if (!u->is_bad)
        r->key = object_key_of(resource, namespace, name);
}

/* Owned; also when it is bad. */
static struct request *read_request(struct unpack *u)
{
    enum verb verb = (enum verb)unpack_below(u, VERB_COUNT);
    const struct resource *resource = read_resource(u);
    struct request *r = resource ? request_new(verb, resource) : request_for_path(S(""));
    value_drop(r->path);
    r->verb = verb;
    r->path = value_binary_read(u);
    r->target = value_binary_read(u);
    if (value_is_present(r->target))
        r->resource = resource_placeholder();
    r->subresource = (enum subresource)unpack_below(u, SUBRESOURCE_COUNT);
    read_key(u, r);
    r->namespace = value_binary_read(u);
    r->body = value_binary_read(u);
    r->patch_type = (enum patch_type)unpack_below(u, PATCH_APPLY + 1);
    read_list_options(u, r);
    read_delete_options(u, r);
    read_connect_options(u, r);
    r->credential = read_credential(u);
    r->user_agent = value_binary_read(u);
    r->field_manager = value_binary_read(u);
    r->duplicates = value_binary_read(u);
    r->patch_refusal = value_binary_read(u);
    r->source = value_binary_read(u);
    r->impersonate = value_binary_read(u);
    r->refusal = value_binary_read(u);
    r->asked = value_binary_read(u);
    r->field_validation = (enum field_validation)unpack_below(u, FIELD_VALIDATION_STRICT + 1);
    r->dry_run = unpack_bool(u);
    r->force = unpack_bool(u);
    r->is_typed = unpack_bool(u);
    r->message.size_bytes = (uint32_t)unpack_below(u, UINT32_MAX);
    r->body_bytes = (uint32_t)unpack_below(u, UINT32_MAX);
    u->is_bad |= !r->resource && !value_is_present(r->path);
    return r;
}

bool gateway_command_post(struct sim *sim, process_id gateway, struct str written)
{
    struct unpack u = {written, false};
    enum gateway_verb verb = (enum gateway_verb)unpack_below(&u, GATEWAY_VERB_COUNT);
    uint64_t connection = unpack_number(&u), id = unpack_number(&u);
    struct request *request = verb == GATEWAY_SEND && !u.is_bad ? read_request(&u) : NULL;
    bool has_bytes = verb == GATEWAY_BYTES && !u.is_bad;
    uint8_t channel = has_bytes ? (uint8_t)unpack_below(&u, UINT8_MAX + 1) : 0;
    struct str bytes = has_bytes ? unpack_text(&u) : S("");
    u.is_bad |= bytes.size > CHANNEL_PIECE;
    if (u.is_bad || u.rest.size > 0) {
        if (request)
            message_unref(&request->message);
        return false;
    }
    switch (verb) {
    case GATEWAY_SEND:
        gateway_send(sim, gateway, connection, id, request);
        break;
    case GATEWAY_CANCEL:
        gateway_cancel(sim, gateway, connection, id);
        break;
    case GATEWAY_CLOSE:
        gateway_close(sim, gateway, connection);
        break;
    case GATEWAY_BYTES:
        gateway_bytes(sim, gateway, connection, id, channel, bytes);
        break;
    case GATEWAY_RESET:
        gateway_reset(sim, gateway);
        break;
    case GATEWAY_VERB_COUNT:
        return false;
    }
    return true;
}
