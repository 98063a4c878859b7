/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages between etcd and its clients, and proposals. Each is one allocation with its lists
 * behind it; what they hold are references to versions, so that a list of a hundred thousand keys
 * copies pointers only.
 */
#include "sim/base/base.h"
#include "cluster/etcd/etcd_internal.h"

#include "sim/base/mem.h"

#define HEADER_BYTES 64

const char *etcd_error_text(enum etcd_error e)
{
    switch (e) {
    case ETCD_OK:
        return "";
    case ETCD_ERROR_COMPACTED:
        return "etcdserver: mvcc: required revision has been compacted";
    case ETCD_ERROR_FUTURE_REVISION:
        return "etcdserver: mvcc: required revision is a future revision";
    case ETCD_ERROR_NO_LEADER:
        return "etcdserver: no leader";
    case ETCD_ERROR_LEADER_CHANGED:
        return "etcdserver: leader changed";
    case ETCD_ERROR_TIMEOUT:
        return "etcdserver: request timed out";
    case ETCD_ERROR_TOO_MANY_REQUESTS:
        return "etcdserver: too many requests";
    case ETCD_ERROR_NO_SPACE:
        return "etcdserver: mvcc: database space exceeded";
    case ETCD_ERROR_LEASE_NOT_FOUND:
        return "etcdserver: requested lease not found";
    case ETCD_ERROR_LEASE_EXISTS:
        return "etcdserver: lease already exists";
    case ETCD_ERROR_TOO_LARGE:
        return "etcdserver: request is too large";
    }
    return "";
}

/* ---- requests ---- */

static void request_release(struct message *message)
{
    struct etcd_request *r = CONTAINER_OF(message, struct etcd_request, message);
    object_key_unref(r->key);
    object_key_unref(r->after);
    value_drop(r->namespace);
    value_drop(r->value);
    mem_free(r);
}

static uint64_t request_digest(const struct message *message)
{
    const struct etcd_request *r = (const void *)message;
    uint64_t h = hash_pair((uint64_t)r->kind << 8 | r->is_delete, r->id);
    h = hash_pair(h, r->key ? r->key->hash : 0);
    return hash_pair(h, (uint64_t)(r->revision ^ r->expected_revision));
}

const struct message_type etcd_request_message = {.name = "etcd request",
                                                  .kind = MESSAGE_ETCD_FIRST,
                                                  .release = request_release,
                                                  .digest = request_digest};

struct etcd_request *etcd_request_new(enum etcd_request_kind kind)
{
    struct etcd_request *r = mem_new(struct etcd_request);
    message_init(&r->message, &etcd_request_message, HEADER_BYTES);
    r->kind = kind;
    return r;
}

/* ---- responses ---- */

static void response_release(struct message *message)
{
    struct etcd_response *r = CONTAINER_OF(message, struct etcd_response, message);
    for (size_t i = 0; i < r->count; i++)
        etcd_kv_unref(r->kvs[i]);
    mem_free(r);
}

static uint64_t response_digest(const struct message *message)
{
    const struct etcd_response *r = (const void *)message;
    uint64_t h = hash_pair((uint64_t)r->kind << 8 | (uint64_t)r->error << 1 | r->succeeded, r->id);
    return hash_pair(hash_pair(h, (uint64_t)r->revision), r->count);
}

const struct message_type etcd_response_message = {.name = "etcd response",
                                                   .kind = MESSAGE_ETCD_FIRST + 1,
                                                   .release = response_release,
                                                   .digest = response_digest};

struct etcd_response *etcd_response_new(const struct etcd_member *m, uint64_t id,
                                        enum etcd_request_kind kind, size_t kv_count)
{
    struct etcd_response *r = mem_allocate(1, sizeof(*r) + kv_count * sizeof(struct etcd_kv *));
    message_init(&r->message, &etcd_response_message, HEADER_BYTES);
    r->id = id;
    r->kind = kind;
    r->revision = store_revision(m->store);
    r->compact_revision = store_compact_revision(m->store);
    r->kvs = (const struct etcd_kv **)(void *)(r + 1);
    return r;
}

static void watch_release(struct message *message)
{
    struct etcd_watch_response *r = CONTAINER_OF(message, struct etcd_watch_response, message);
    for (size_t i = 0; i < r->count; i++) {
        etcd_kv_unref(r->changes[i].kv);
        etcd_kv_unref(r->changes[i].before);
    }
    mem_free(r);
}

static uint64_t watch_digest(const struct message *message)
{
    const struct etcd_watch_response *r = (const void *)message;
    return hash_pair(hash_pair(r->id, (uint64_t)r->revision), r->count << 1 | r->canceled);
}

const struct message_type etcd_watch_message = {.name = "etcd watch",
                                                .kind = MESSAGE_ETCD_FIRST + 2,
                                                .release = watch_release,
                                                .digest = watch_digest};

struct etcd_watch_response *etcd_watch_response_new(uint64_t id, int64_t revision,
                                                    size_t change_capacity)
{
    struct etcd_watch_response *r =
        mem_allocate(1, sizeof(*r) + change_capacity * sizeof(struct etcd_change));
    message_init(&r->message, &etcd_watch_message, HEADER_BYTES);
    r->id = id;
    r->revision = revision;
    r->changes = (struct etcd_change *)(void *)(r + 1);
    return r;
}

/* ---- proposals ---- */

static void proposal_release(struct message *message)
{
    struct proposal *p = CONTAINER_OF(message, struct proposal, message);
    message_unref(&p->request->message);
    etcd_kv_unref(p->one);
    for (size_t i = 0; p->many && i < p->kv_count; i++)
        etcd_kv_unref(p->many[i]);
    mem_free(p->many);
    mem_free(p);
}

const struct message_type etcd_proposal_message = {
    .name = "etcd proposal", .kind = MESSAGE_ETCD_FIRST + 3, .release = proposal_release};

struct proposal *proposal_new(struct etcd_request *request, uint32_t member, uint64_t incarnation,
                              uint64_t sequence)
{
    struct proposal *p = mem_new(struct proposal);
    message_init(&p->message, &etcd_proposal_message, request->message.size_bytes);
    (void)message_ref(&request->message); /* the one in p->request */
    p->request = request;
    p->member = member;
    p->incarnation = incarnation;
    p->sequence = sequence;
    return p;
}
