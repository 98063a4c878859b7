/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with the head of a request, whatever it asks for: the rules of Go's net/http, which
 * real API servers are built on, where libmicrohttpd is more patient.
 *
 *     struct head head = {.method = S("GET"), .target = S("/api"), .version = S("HTTP/1.1")};
 *     head_add(&head, S("Host"), S("localhost"));      each header in turn
 *     struct head_refusal refusal;
 *     if (!head_check(&head, &refusal))
 *         ... answer with refusal.code and refusal.text, and close ...
 */
#ifndef CLUSTER_APISERVER_HTTP_HEAD_H
#define CLUSTER_APISERVER_HTTP_HEAD_H

#include "sim/base/base.h"

struct head {
    struct str method, target, version;
    /* private to head.c */
    size_t host_count, encoding_count, length_count;
    struct str host, encoding, length, expectation;
    bool has_bad_name, has_bad_value, has_bad_length;
};
struct head_refusal {
    int code;
    const char *text; /* of the body, text/plain */
};
void head_add(struct head *h, struct str name, struct str value);
bool head_check(const struct head *h, struct head_refusal *ret_refusal);

#endif
