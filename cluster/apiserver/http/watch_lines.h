/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of watches that were written a moment ago. An event goes to each watch of its resource, and
 * those that want it in the same form get the same bytes: they are made once.
 *
 *     struct watch_lines lines = {0};
 *     watch_lines_write(&lines, &shape, event, now, &out);      as answer_watch_event does
 *     watch_lines_release(&lines);
 */
#ifndef CLUSTER_APISERVER_HTTP_WATCH_LINES_H
#define CLUSTER_APISERVER_HTTP_WATCH_LINES_H

#include "cluster/apiserver/http/answer.h"

#define WATCH_LINES_MAX 16
#define WATCH_LINE_SIZE_MAX ((size_t)256 * 1024) /* a longer one is not kept */

struct watch_lines {
    struct watch_line {
        enum watch_event_type type;
        struct value object;       /* owned; absent: free */
        struct answer_shape shape; /* as it was before; nothing in it is owned but the kind */
        bool has_columns;          /* as they were after */
        struct wall_time now;
        struct text text;
    } lines[WATCH_LINES_MAX];
    size_t next;
};
void watch_lines_write(struct watch_lines *lines, struct answer_shape *shape,
                       const struct watch_event *event, struct wall_time now, struct text *out);
void watch_lines_release(struct watch_lines *lines);

#endif
