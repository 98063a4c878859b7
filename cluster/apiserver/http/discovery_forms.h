/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery documents in the encoding that the client wants: they are written as JSON first.
 *
 *     if (discovery_encode(&reading, writer, &body, &content_type))
 *         ... YAML, protobuf or JSON set out for people ...
 */
#ifndef CLUSTER_APISERVER_HTTP_DISCOVERY_FORMS_H
#define CLUSTER_APISERVER_HTTP_DISCOVERY_FORMS_H

#include "cluster/api/protobuf.h"
#include "cluster/apiserver/http/reader.h"

/* Changes the body and its media type; leaves alone what is no discovery document. */
void discovery_encode(const struct reading *reading, struct protobuf_writer *writer,
                      struct text *body, struct str *content_type);

#endif
