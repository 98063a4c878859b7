/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the HTTP server: what server.c (connections), exchange.c (from a request to an answer)
 * and reply.c (sending) share. These three are the only files that know libmicrohttpd.
 *
 * An exchange is one request and its answer:
 *
 *     receiving -> (read) -> waiting for the gateway -> answered
 *                                                    -> streaming (a watch)
 *
 * While an exchange waits, its connection is suspended, so that the library does not ask about it;
 * the answer resumes it. A watch is suspended whenever all it has has been sent.
 */
#ifndef CLUSTER_APISERVER_HTTP_EXCHANGE_H
#define CLUSTER_APISERVER_HTTP_EXCHANGE_H

#include "cluster/apiserver/http/answer.h"
#include "cluster/apiserver/http/documents.h"
#include "cluster/apiserver/http/gateway.h"
#include "cluster/apiserver/http/reader.h"
#include "cluster/apiserver/http/server.h"
#include "cluster/apiserver/http/watch_lines.h"
#include "sim/base/map.h"
#include "sim/base/text.h"
#include "sim/base/vec.h"

struct MHD_Connection;
struct MHD_Daemon;

enum exchange_state { RECEIVING, WAITING, GRANTED, ANSWERED, STREAMING, UPGRADED, BROKEN };

/* What a connection does, as far as there is a limit to how long. */
enum connection_phase {
    PHASE_FIRST_HEAD, /* TLS and the head of the first request */
    PHASE_NEXT_HEAD,  /* idle, then the head of the next one */
    PHASE_BODY,
    PHASE_OPEN /* no limit of ours: answered, or streaming */
};
#define PHASE_COUNT (PHASE_OPEN + 1)

/* One connection of a client. */
struct client_connection {
    struct http_server *server;
    int fd;
    enum connection_phase phase;
    int64_t since_ms;                         /* in this phase */
    struct client_connection *before, *after; /* in this phase, in the order of `since_ms` */
    uint64_t number;
    struct exchange *exchange;           /* on it; NULL: none */
    const struct credential *credential; /* of its certificate */
    bool is_known, is_refused;           /* the certificate has been looked at; it is bad */
    bool is_used;                        /* the gateway knows it */
};

struct exchange {
    struct http_server *server;
    struct client_connection *connection;
    struct MHD_Connection *mhd;
    uint64_t id;
    enum exchange_state state;
    bool is_suspended, is_too_large, has_begun;
    bool is_cut;            /* the target goes on behind a zero byte */
    bool is_last;           /* of its connection, and said before anybody knows who asks */
    bool is_document;       /* the gateway is asked whether it may be read */
    const char *raw_target; /* where it stands with the library; not to be read */
    struct text target, body;
    struct arena arena;
    struct reading reading;
    struct answer_shape shape;
    const struct credential *credential;
    /* the answer */
    int code;
    struct text answer;
    struct str content_type;
    struct value warnings;
    int64_t retry_after_s;
    bool is_sniffable, accepts_gzip;
    struct document document; /* what it says of caching; its body is the answer */
    char if_none_match[160], if_modified_since[32];
    /* a watch: answer is what has not been sent, from `sent` on */
    size_t sent;
    bool has_ended, is_watched, is_streaming;
    const struct custom_catalog *catalog; /* of a document; owned */
    struct value served; /* what the API server itself says of it; absent: nothing */
    bool is_log;         /* bytes stream; without `follow` the client waits */
    bool follows, counts_as_waiting;
    /* an upgrade: upgrade.c */
    struct upgrade *upgrade;
    bool wants_websocket, wants_spdy;
    enum subresource subresource;
    struct request *sent_request; /* a reference; of an upgrade */
    int fd;
};

struct http_server {
    struct http_server_options options;
    struct gateway_config gateway_config;
    process_id gateway;
    struct protobuf_writer *writer;
    struct watch_lines watch_lines;
    struct openapi *openapi;
    struct MHD_Daemon *daemon;
    struct listener *listener;
    struct session_tickets *tickets;
    int poll;
    int64_t now_ms; /* of a clock that never goes back: when polled last */
    size_t connections, connections_max;
    struct phase_queue {
        struct client_connection *first, *last;
    } phases[PHASE_COUNT];
    struct map exchanges; /* those the gateway has, by id */
    uint64_t last_id, last_connection;
    size_t waiting, streaming;
    VEC(struct exchange *) upgrades; /* connections that speak something else now */
    struct instant said_until;       /* until then one of them may wait for an answer */
    bool has_resumed;                /* the library does not count this among what is due */
};

/* ---- server.c ---- */

void connection_enter(struct client_connection *c, enum connection_phase phase);
/* The library leaves the connection alone until it is resumed. */
void exchange_suspend(struct exchange *x);
void exchange_resume(struct exchange *x);

/* ---- exchange.c ---- */

extern const struct gateway_sink exchange_sink;
/* The head of a request has come, a piece of its body, its end, or an answer to send. False: the
 * connection is to be closed. */
bool exchange_go_on(struct exchange *x, const char *method, const char *version, struct str piece);
/* The gateway need not answer any more. */
void exchange_forget(struct exchange *x);
/* A header of the request; empty when it is not there. */
struct str exchange_header(const struct exchange *x, const char *name);

/* ---- upgrade.c ---- */

/* What the head says of an upgrade. */
void upgrade_read(struct exchange *x, struct http_request *h);
/* The gateway agrees; false: the client's protocols are not spoken. */
bool upgrade_begin(struct exchange *x);
void upgrade_bytes(struct exchange *x, const struct channel_bytes *b);
void upgrade_event(struct exchange *x, const struct watch_event *e);
/* The API server is gone: the connection is cut. */
void upgrade_lost(struct exchange *x);
/* Something can be read or written. */
void upgrade_step(struct exchange *x);
void upgrade_free(struct exchange *x);
void upgrades_end(struct http_server *s); /* cuts all */
/* Those whose time is over, and what waits to be written. */
void upgrades_tend(struct http_server *s);
/* Something was said to a conversation of this connection: virtual time shall go on. */
void upgrade_said(struct exchange *x);
void upgrade_said_last(struct exchange *x); /* what it leads to is waited for */
/* Of a forwarded connection, which has no exchange of its own; false: nobody's. */
bool upgrades_forwarded(struct http_server *s, uint64_t id, const struct response *r,
                        const struct channel_bytes *b);
/* Conversations to which somebody has just said something and that have not answered. */
size_t upgrades_waiting(const struct http_server *s);

/* ---- reply.c ---- */

/* Sends what is answered, or begins to stream. False: the connection is to be closed. */
bool exchange_reply(struct exchange *x);
void exchange_unwatch(struct exchange *x);

#endif
