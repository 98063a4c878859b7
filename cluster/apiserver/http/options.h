/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of a request: those of the query, and DeleteOptions of a body.
 */
#ifndef CLUSTER_APISERVER_HTTP_OPTIONS_H
#define CLUSTER_APISERVER_HTTP_OPTIONS_H

#include "cluster/apiserver/http/reader.h"

/* Puts what the query says into the request; false: refused. */
bool options_read(const struct http_request *h, struct reading *r);
/* The options of log, exec and their kin; likewise. */
bool connect_read(const struct http_request *h, struct reading *r);
/* An option that is a number (one that is none is refused: false), a text, or a boolean. */
bool option_int(struct reading *r, const char *name, int64_t *target);
struct value option_text(const struct target *t, const char *name); /* absent: empty or none */
bool option_bool(const struct target *t, const char *name);
/* Puts a DeleteOptions (borrowed) into the request, over what the query said; false: refused. */
bool delete_options_read(struct request *q, struct value body, struct value *ret_refusal);

#endif
