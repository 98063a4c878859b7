/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as the bodies of HTTP answers: objects and lists in Kubernetes' field order, tables,
 * metadata alone, YAML; and the lines of a watch.
 *
 *     struct answer_shape shape = answer_shape_of(&reading, request);
 *     answer_body(&shape, response->body, wall, &text);
 *     answer_watch_line(&shape, event, wall, &text);    {"type":"ADDED","object":{...}}\n
 */
#ifndef CLUSTER_APISERVER_HTTP_ANSWER_H
#define CLUSTER_APISERVER_HTTP_ANSWER_H

#include "cluster/apiserver/http/reader.h"

struct answer_shape {
    const struct resource *resource;
    enum subresource subresource;
    struct accepted accepted;
    enum include_object include;
    bool is_pretty;
    bool has_columns; /* of a watch of tables: they have been sent */
};
struct answer_shape answer_shape_of(const struct reading *reading);
void answer_body(const struct answer_shape *shape, struct value body, struct wall_time now,
                 struct text *out);
void answer_watch_line(struct answer_shape *shape, const struct watch_event *event,
                       struct wall_time now, struct text *out);
struct str answer_content_type(const struct answer_shape *shape);

#endif
