/* SPDX-License-Identifier: Apache-2.0
 *
 * From an HTTP request to a `struct request`: verb, resource, options, body. Whatever can be said
 * without the cluster is said here: unknown paths and resources, media types, options that are no
 * numbers, bodies that are no JSON.
 *
 *     struct http_request h = {.method = S("GET"), .target = S("/api/v1/pods?limit=500"), ...};
 *     struct reading reading;
 *     http_read(&h, &arena, &reading);
 *     if (value_is_present(reading.refusal)) ... a Status with its code ...
 *     else if (reading.request)              ... to the gateway ...
 *     else                                   ... a document: reading.target.path ...
 *
 * Everything in a reading but `request` and `refusal` (which are owned) lives as long as the arena.
 */
#ifndef CLUSTER_APISERVER_HTTP_READER_H
#define CLUSTER_APISERVER_HTTP_READER_H

#include "cluster/api/request.h"
#include "cluster/apiserver/http/accept.h"
#include "cluster/apiserver/http/target.h"

/* Borrowed; what a request does not have is empty. */
struct http_request {
    struct str method, target;
    struct str accept, content_type, user_agent, authorization, if_none_match;
    struct value impersonate; /* impersonation_add */
    struct str body;
    bool is_websocket, is_spdy; /* asks for an upgrade to it */
};

enum include_object { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT };
struct reading {
    struct target target;
    struct accepted accepted, accepted_error; /* what of an error: never a form */
    bool is_raw_error; /* no encoding of an error is accepted: it is told in JSON all the same */
    enum include_object include; /* in the rows of a table */
    bool is_pretty;
    struct request *request; /* owned; NULL: refused, or a document */
    struct value refusal;    /* owned Status; absent: none. A request that was begun is kept. */
    bool is_malformed;       /* the target is no URL: nobody is asked who may */
    bool is_get;             /* the method */
};
/* Only in what an error is told, for who is not read any further. */
void http_read_accept(const struct http_request *h, struct arena *arena,
                      struct reading *ret_reading);
void http_read(const struct http_request *h, struct arena *arena, struct reading *ret_reading);
struct value method_refusal(void); /* owned: 405 */
/* A reading without a request gets one: a path's, which carries the refusal and says what was asked
 * for, so that it is refused behind the pipeline's entrance, to those who may ask. */
void reading_defer(const struct http_request *h, struct reading *r);
void reading_release(struct reading *r);

/* A header of a request, which may be one of impersonation ("Impersonate-Group: dev"); consumes the
 * value so far and returns the next one. */
struct value impersonation_add(struct value own_impersonate, struct str name, struct str value);

/* The field manager of a client that names none: its user agent up to the slash. */
struct str manager_of(struct str user_agent);

#endif
