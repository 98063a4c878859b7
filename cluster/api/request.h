/* SPDX-License-Identifier: Apache-2.0
 *
 * What travels between a client and an API server: requests, responses, watch events. HTTP is only
 * another way for a request to arrive; nothing behind the pipeline's entrance knows.
 *
 * Many requests share one stream, as on an HTTP/2 connection: a request has an id that is unique on
 * its stream, the response carries it back, and so does each event of a watch. A watch is answered
 * by a response of code 200 without body, then by watch events, then, when the server ends it, by a
 * watch_event of type WATCH_END.
 *
 * Source: kubernetes.io/docs/reference/using-api/api-concepts/
 */
#ifndef CLUSTER_API_REQUEST_H
#define CLUSTER_API_REQUEST_H

#include "cluster/api/connect.h"
#include "cluster/api/key.h"
#include "cluster/api/resource.h"
#include "cluster/api/value.h"
#include "sim/sim.h"

/* Who a client says it is: a client certificate, a bearer token, or nobody. Counted, immutable. A
 * certificate's signature is checked where it is shown (the TLS edge), its validity by the API
 * server, whose clock is the cluster's. */
struct credential {
    uint32_t references;
    enum { CREDENTIAL_ANONYMOUS, CREDENTIAL_CERTIFICATE, CREDENTIAL_TOKEN } kind;
    struct str user;          /* certificate: common name */
    const struct str *groups; /* certificate: organisations */
    size_t group_count;
    struct str uid, id;                /* certificate: "X509SHA256=<digest>"; both may be empty */
    int64_t not_before_s, not_after_s; /* certificate: Unix; 0 and 0: for ever */
    struct str token;
};
const struct credential *credential_copy(const struct credential *facts);
const struct credential *credential_certificate(struct str user, const struct str *groups,
                                                size_t group_count);
const struct credential *credential_token(struct str token);
const struct credential *credential_ref(const struct credential *c);
void credential_unref(const struct credential *c);

enum patch_type { PATCH_NONE, PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };
enum field_validation { FIELD_VALIDATION_WARN, FIELD_VALIDATION_IGNORE, FIELD_VALIDATION_STRICT };
enum propagation {
    PROPAGATION_DEFAULT,
    PROPAGATION_BACKGROUND,
    PROPAGATION_FOREGROUND,
    PROPAGATION_ORPHAN
};
enum version_match { VERSION_MATCH_UNSET, VERSION_MATCH_EXACT, VERSION_MATCH_NOT_OLDER_THAN };

/* Options of list, watch and deletecollection; NULL pointer in a request: all defaults. */
struct list_options {
    struct value label_selector; /* text as in the query; absent: everything */
    struct value field_selector;
    struct value resource_version; /* text, since "0" and "" differ; absent: unset */
    enum version_match version_match;
    int64_t limit;
    struct value continue_token;
    struct duration timeout; /* watch; 0: the server's choice */
    bool allow_bookmarks;
    int send_initial_events; /* -1 unset, 0, 1 */
};
/* Options of delete and deletecollection. */
struct delete_options {
    int64_t grace_period_seconds; /* -1: unset */
    enum propagation propagation;
    struct value precondition_uid, precondition_resource_version;
};

/* Whoever adds a field, here or in the options: http/gateway_journal.c, or replays lose it. */
struct request {
    struct message message;
    uint64_t id;
    enum verb verb;
    const struct resource *resource; /* the row asked for: group and version count; NULL: a path */
    /* Of a GET of no resource ("/version"): answered by 200 to who may, with a text or with whether
     * the server is ready. */
    struct value path;
    /* With the row resource_placeholder: what a path of HTTP names, {group, version, resource, name,
     * subresource}, with its namespace in `namespace`. Whether there is such a custom kind, and
     * which row it has, the API server finds out. Absent: `resource` says it. */
    struct value target;
    enum subresource subresource;
    const struct object_key
        *key; /* owned; NULL for list, watch, deletecollection and a create by generateName */
    struct value namespace; /* list, watch, create without key; absent: all namespaces */
    struct value
        body; /* create, update, patch; a Binding, Eviction, Scale for those subresources */
    enum patch_type patch_type;
    struct list_options *list;           /* owned; may be NULL */
    struct delete_options *deletion;     /* owned; may be NULL */
    struct connect_options *connect;     /* owned; of log, exec, attach, portforward, proxy */
    const struct credential *credential; /* owned; NULL: anonymous */
    struct value user_agent;             /* "kube-scheduler/v1.36.2 ..." */
    struct value field_manager;
    struct value impersonate; /* {user, uid, groups: [], extra: {key: []}}; absent: nobody */
    /* Whatever is wrong with a request is told to those who may make it, and to nobody else. */
    struct value refusal; /* a Status; absent: well-formed */
    struct value asked;   /* of a path: {verb, group, resource, subresource, namespace, name} */
    /* Of a body that has fields twice, or more than one that is unknown: the paths of the former
     * (an array; of YAML instead one array of the lines that say it), and the text, in whose order
     * they are told. */
    struct value duplicates, source;
    /* Of a patch that is no JSON: a Status, for when the object is there; absent: well-formed. */
    struct value patch_refusal;
    enum field_validation field_validation;
    uint32_t body_bytes; /* as they came over HTTP; 0: of a component inside */
    bool dry_run;
    bool force; /* server-side apply */
    /* A value built by the client library of a component needs no decoding: its names and types are
     * known good. Everything from outside (YAML, HTTP) leaves this false and is decoded strictly.
     */
    bool is_typed;
};
extern const struct message_type request_message;
struct request *request_new(enum verb verb, const struct resource *resource);
struct request *request_for_key(enum verb verb,
                                const struct object_key *key); /* takes a reference of its own */
struct request *request_for_path(struct str path);
struct list_options *request_list_options(struct request *r); /* makes them when NULL */
struct delete_options *request_delete_options(struct request *r);
struct connect_options *request_connect_options(struct request *r);

struct custom_kind;
struct custom_catalog;
struct response {
    struct message message;
    uint64_t id;
    int code;                    /* HTTP status: 200, 201, 404, ... */
    struct value body;           /* object, list or Status */
    struct value warnings;       /* array of texts; absent: none */
    struct duration retry_after; /* 0: none */
    bool is_unauthorized;        /* 403 by the authorizer, not by admission */
    /* Of a custom kind: the version as it is served, for who writes the answer out; owned. */
    const struct custom_kind *kind;
    /* Of a path: the custom kinds that this server serves; owned, may be NULL. */
    const struct custom_catalog *catalog;
    struct value content_type; /* text; of bytes that follow (cluster/api/connect.h) */
};
extern const struct message_type response_message;
struct response *response_new(uint64_t id, int code, struct value own_body);
static inline bool response_ok(const struct response *r)
{
    return r->code >= 200 && r->code < 300;
}
struct str response_reason(
    const struct response *r); /* of a Status: "Conflict", "NotFound"; empty else */
struct str response_message_text(const struct response *r); /* of a Status */

enum watch_event_type {
    WATCH_ADDED,
    WATCH_MODIFIED,
    WATCH_DELETED,
    WATCH_BOOKMARK,
    WATCH_ERROR,
    WATCH_END
};
struct watch_event {
    struct message message;
    uint64_t id; /* of the watch request */
    enum watch_event_type type;
    struct value
        /* the object; a bookmark's with resourceVersion only; a Status for an error; absent for the
         * end */
        object;
};
extern const struct message_type watch_event_message;
struct watch_event *watch_event_new(uint64_t id, enum watch_event_type type,
                                    struct value own_object);

/* A client gives up on a request or ends a watch. */
struct cancel {
    struct message message;
    uint64_t id;
};
extern const struct message_type cancel_message;
struct cancel *cancel_new(uint64_t id);

/* Kinds of messages, for message_type.kind: unique over the whole program. */
enum message_kind {
    MESSAGE_REQUEST = 1,
    MESSAGE_RESPONSE,
    MESSAGE_WATCH_EVENT,
    MESSAGE_CANCEL,
    MESSAGE_NODE_REQUEST,
    MESSAGE_NODE_RESPONSE,
    MESSAGE_ETCD_FIRST = 16,    /* cluster/etcd: 16..47 */
    MESSAGE_RUNTIME_FIRST = 48, /* runtime: 48..79 */
    MESSAGE_NETWORK_FIRST = 80, /* cluster/network and pod traffic: 80..111 */
    MESSAGE_COMMAND_FIRST = 112 /* scenarios: 112..127 */
};

#endif
