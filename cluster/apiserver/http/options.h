/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of a request: those of the query, and DeleteOptions of a body.
 */
#ifndef CLUSTER_APISERVER_HTTP_OPTIONS_H
#define CLUSTER_APISERVER_HTTP_OPTIONS_H

#include "cluster/apiserver/http/reader.h"

/* Puts what the query says into the request; false: refused. */
bool options_read(const struct http_request *h, struct reading *r);
/* Puts a DeleteOptions (borrowed) into the request, over what the query said; false: refused. */
bool delete_options_read(struct request *q, struct value body, struct value *ret_refusal);

#endif
