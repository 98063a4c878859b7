/* SPDX-License-Identifier: Apache-2.0
 *
 * The continue token of a chunked list: where it goes on and at which revision. The text is that of
 * Kubernetes: base64
 * (URL alphabet, no padding) of {"v":"meta.k8s.io/v1","rv":4792,"start":"/cluster-admin\u0000"}.
 */
#ifndef CLUSTER_APISERVER_CONTINUE_TOKEN_H
#define CLUSTER_APISERVER_CONTINUE_TOKEN_H

#include "sim/base/base.h"
#include "sim/base/text.h"

struct continue_token {
    int64_t revision;                        /* -1: a list that goes on at the newest revision */
    struct text after_namespace, after_name; /* the last key that was returned; owned */
};
void continue_token_write(int64_t revision, struct str namespace, struct str name,
                          struct text *out);
/* False and a message ("continue key is not valid: ...") when it is none. */
bool continue_token_read(struct str token, struct continue_token *ret_token,
                         struct text *ret_message);
void continue_token_release(struct continue_token *t);

#endif
