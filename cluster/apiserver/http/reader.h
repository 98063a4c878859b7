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
    struct str accept, accept_encoding, content_type, user_agent, authorization, impersonate_user,
        if_none_match;
    struct str body;
};

enum include_object { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT };
struct reading {
    struct target target;
    struct accepted accepted, accepted_error; /* what of an error: never a form */
    bool is_raw_error; /* no encoding of an error is accepted: it is told in JSON all the same */
    enum include_object include; /* in the rows of a table */
    bool is_pretty;
    struct request *request; /* owned; NULL: refused, or a document */
    struct value refusal;    /* owned Status; absent: none */
};
/* Only in what an error is told, for who is not read any further. */
void http_read_accept(const struct http_request *h, struct arena *arena,
                      struct reading *ret_reading);
void http_read(const struct http_request *h, struct arena *arena, struct reading *ret_reading);
void reading_release(struct reading *r);

/* The field manager of a client that names none: its user agent up to the slash. */
struct str manager_of(struct str user_agent);

#endif
