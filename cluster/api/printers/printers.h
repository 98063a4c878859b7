/* SPDX-License-Identifier: Apache-2.0
 *
 * The cells of server-side tables: what `kubectl get` shows of an object. The columns above them
 * are in cluster/api/columns.h; a printer writes one cell for each of its kind's columns, in their
 * order, wide ones included.
 *
 *     struct cells cells = {.out = &text, .now = wall};
 *     cells_print(resource, object, &cells);            "web-1","1/1","Running","0","5s",...
 *
 * To add a kind: one function in the file of its group, one line in that file's table.
 *
 * Source: kubernetes.io/docs/reference/using-api/api-concepts/ ("Receiving resources as Tables").
 */
#ifndef CLUSTER_API_PRINTERS_PRINTERS_H
#define CLUSTER_API_PRINTERS_PRINTERS_H

#include "cluster/api/resource.h"
#include "cluster/api/value.h"

struct cells {
    struct text *out; /* JSON, separated by commas */
    struct wall_time now;
    size_t count;
};
typedef void (*print_fn)(struct value object, struct cells *c);

void cells_print(const struct resource *r, struct value object, struct cells *c);

/* ---- for printers ---- */

struct printer {
    const char *kind;
    print_fn print;
};
extern const struct printer cluster_printers[], workload_printers[], network_printers[],
    storage_printers[], policy_printers[]; /* each ends with a kind of NULL */

void cell_text(struct cells *c, struct str s);
void cell_value(struct cells *c, struct value v,
                const char *otherwise); /* a string; empty: the other */
void cell_int(struct cells *c, int64_t n);
void cell_bool(struct cells *c, bool b);
void cell_age(struct cells *c, struct value time); /* of an instant, as "5m" */
void cell_name(struct cells *c, struct value object);
void cell_created(struct cells *c, struct value object); /* the age of the object */
/* "3d4h"; what the age column says of so long a time. */
void human_duration(int64_t nanoseconds, struct text *out);
/* "<unknown>" for none. */
void age_text(struct wall_time now, struct value time, struct text *out);
void labels_text(struct value labels, const char *otherwise, struct text *out);
void selector_text(struct value selector, const char *otherwise, struct text *out);
/* A path of strings, one for each item of an array, joined by ','. */
void cell_containers(struct cells *c, struct value pod_spec); /* two cells: names, images */
void join(struct text *out, struct str s); /* a comma in front unless it is the first */
/* The first three of a list and " + N more...". */
struct more {
    struct text text;
    size_t count;
};
void more_add(struct more *m, struct str s);
void cell_more(struct cells *c, struct more *m, size_t total, const char *otherwise); /* releases */

#endif
