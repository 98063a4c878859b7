/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTPS server in front of the API servers: an edge. Single-threaded and polled: whoever paces
 * the virtual clock calls http_server_poll between stretches of the simulation.
 *
 *     struct http_server *s = http_server_new(&options, &message);
 *     for (;;) {
 *         ... run the simulation up to where it should be ...
 *         while (http_server_waiting(s) > 0 && sim_run_one(sim)) { }     answer whoever waits
 *         http_server_poll(s, 10);
 *     }
 *
 * Limits: a body of 3 MiB (413), a head of HTTP_HEAD_MAX, HTTP_CONNECTIONS_MAX connections, a watch
 * that is HTTP_WATCH_BACKLOG_MAX behind is ended, a connection idle for HTTP_IDLE_S is closed.
 */
#ifndef CLUSTER_APISERVER_HTTP_SERVER_H
#define CLUSTER_APISERVER_HTTP_SERVER_H

#include "cluster/apiserver/http/crypto.h"
#include "sim/sim.h"

#define HTTP_BODY_MAX (3 * 1024 * 1024)
#define HTTP_HEAD_MAX ((size_t)64 * 1024)
#define HTTP_CONNECTIONS_MAX 20000u
#define HTTP_WATCH_BACKLOG_MAX ((size_t)64 * 1024 * 1024)
#define HTTP_IDLE_S 90
#define HTTP_HEAD_S 32       /* for TLS and a request's head, as a real server */
#define HTTP_BODY_S 60       /* for its body: the time-out of requests */
#define HTTP_FILES_KEPT 128u /* file descriptors that are not for connections */

/* UIDs of the flow schema and priority level that a request falls under; empty: not told. */
struct http_flow {
    struct str schema_uid, level_uid;
};
struct http_server_options {
    struct sim *sim;
    host_id host;        /* where the gateway stands */
    address_id api;      /* the balancer of the API servers */
    const char *address; /* to listen on: IPv4 or IPv6 */
    uint16_t port;       /* 0: any */
    const struct identity *identity;
    struct str authority;    /* PEM of who signs client certificates */
    const struct keys *keys; /* for /openid/v1/jwks; NULL: not served */
    struct http_flow (*flow)(void *owner, const struct credential *credential);
    void *owner;
    bool is_plain;           /* HTTP without TLS: whoever can connect is anonymous or has a token */
    struct str gateway_name; /* of the gateway's process; empty: GATEWAY_NAME */
};
struct http_server;
/* NULL with a message; *ret_busy: the port is somebody else's. */
struct http_server *http_server_new(const struct http_server_options *options, bool *ret_busy,
                                    struct errmsg *message);
void http_server_free(struct http_server *s);
uint16_t http_server_port(const struct http_server *s);
/* Requests that wait for the simulation; open watches are not counted. */
size_t http_server_waiting(const struct http_server *s);
/* Waits for the network for at most so long, and serves. */
void http_server_poll(struct http_server *s, int timeout_ms);
/* A file that ends the waiting when it can be read; it must be pollable and stay open. */
void http_server_wake_on(struct http_server *s, int fd);
/* What wakes this one, for the waiting of another. */
int http_server_fd(const struct http_server *s);
/* How long this one may be left alone: at most `most_ms`. */
int http_server_due_ms(const struct http_server *s, int most_ms);
process_id http_server_gateway(const struct http_server *s);

#endif
