/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as the bodies of HTTP answers: objects and lists in Kubernetes' field order, tables,
 * metadata alone, each in JSON, YAML or protobuf; and the events of a watch.
 *
 *     struct answer_shape shape = answer_shape_of(&reading, writer);
 *     struct str type = answer_body(&shape, response->body, wall, &text);
 *     answer_watch_event(&shape, event, wall, &text);    {"type":"ADDED","object":{...}}\n
 */
#ifndef CLUSTER_APISERVER_HTTP_ANSWER_H
#define CLUSTER_APISERVER_HTTP_ANSWER_H

#include "cluster/api/custom/definition.h"
#include "cluster/api/protobuf.h"
#include "cluster/apiserver/http/reader.h"

struct answer_shape {
    const struct resource *resource;
    const struct custom_kind *kind; /* owned; NULL: a built-in one */
    enum subresource subresource;
    struct accepted accepted, accepted_error;
    struct protobuf_writer *writer;
    enum include_object include;
    bool is_pretty, is_raw_error;
    bool has_columns; /* of a watch of tables: they have been sent */
};
/* The API server has said which custom kind this is; keeps a reference. NULL: none. */
void answer_shape_set_kind(struct answer_shape *shape, const struct custom_kind *kind);
void answer_shape_release(struct answer_shape *shape);
struct answer_shape answer_shape_of(const struct reading *reading, struct protobuf_writer *writer);
/* What was written is of the media type returned. */
struct str answer_body(const struct answer_shape *shape, struct value body, struct wall_time now,
                       struct text *out);
void answer_watch_event(struct answer_shape *shape, const struct watch_event *event,
                        struct wall_time now, struct text *out);
/* Compact JSON with line ends and indents, its order kept. */
void answer_indent(struct str json, struct text *out);
struct str answer_watch_type(const struct answer_shape *shape);

#endif
