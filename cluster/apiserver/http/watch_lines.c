/* SPDX-License-Identifier: Apache-2.0
 *
 * A real server calls it its caching object: the events of one write reach all watches one after
 * the other, so a handful of lines is enough to find nearly all of them. A line is the same when
 * the object is the same value (values never change), in the same form, at the same moment (the
 * ages in tables). The oldest line makes room.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/watch_lines.h"

static bool is_same_form(const struct answer_shape *a, const struct answer_shape *b)
{
    return a->resource == b->resource && a->kind == b->kind && a->subresource == b->subresource &&
           a->accepted.encoding == b->accepted.encoding && a->accepted.form == b->accepted.form &&
           a->accepted.is_beta == b->accepted.is_beta &&
           a->accepted.is_pretty == b->accepted.is_pretty && a->include == b->include &&
           a->is_pretty == b->is_pretty && a->has_columns == b->has_columns;
}

static void line_clear(struct watch_line *l)
{
    value_release(&l->object);
    answer_shape_release(&l->shape);
    text_clear(&l->text);
}

void watch_lines_write(struct watch_lines *lines, struct answer_shape *shape,
                       const struct watch_event *event, struct wall_time now, struct text *out)
{
    for (size_t i = 0; i < WATCH_LINES_MAX; i++) {
        const struct watch_line *l = &lines->lines[i];
        if (value_is_present(l->object) && value_is_same(l->object, event->object) &&
            l->type == event->type && is_same_form(&l->shape, shape) &&
            (shape->accepted.form != FORM_TABLE || l->now.unix_ns == now.unix_ns)) {
            shape->has_columns = l->has_columns;
            text_add(out, text_str(&l->text));
            return;
        }
    }
    struct watch_line *l = &lines->lines[lines->next];
    size_t begin = out->size;
    struct answer_shape before = *shape;
    answer_watch_event(shape, event, now, out);
    if (out->size - begin > WATCH_LINE_SIZE_MAX || !value_is_present(event->object))
        return;
    lines->next = (lines->next + 1) % WATCH_LINES_MAX;
    line_clear(l);
    before.kind = NULL;
    l->shape = before;
    answer_shape_set_kind(&l->shape, shape->kind);
    l->type = event->type;
    l->object = value_keep(event->object);
    l->has_columns = shape->has_columns;
    l->now = now;
    text_add(&l->text, str_slice(text_str(out), begin, out->size));
}

void watch_lines_release(struct watch_lines *lines)
{
    for (size_t i = 0; i < WATCH_LINES_MAX; i++) {
        line_clear(&lines->lines[i]);
        text_release(&lines->lines[i].text);
    }
}
