/* SPDX-License-Identifier: Apache-2.0
 *
 * What printers of all kinds share: the JSON of a cell, ages, labels, selectors, shortened lists.
 *
 * A kind without a printer of its own shows its name and the instant of its creation.
 */
#include "sim/base/base.h"

#include "cluster/api/printers/printers.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/selector.h"

#define SECOND INT64_C(1000000000)
#define MORE_SHOWN 3

static print_fn printer_of(const struct resource *r)
{
    const struct printer *const tables[] = {cluster_printers, workload_printers, network_printers,
                                            storage_printers, policy_printers};
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        for (const struct printer *p = tables[i]; p->kind; p++) {
            if (str_equal(r->kind, str_from(p->kind)))
                return p->print;
        }
    }
    return NULL;
}

void cells_print(const struct resource *r, struct value object, struct cells *c)
{
    print_fn print = printer_of(r);
    c->count = 0;
    if (print) {
        print(object, c);
        return;
    }
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, metadata, creationTimestamp), "");
}

static void begin(struct cells *c)
{
    if (c->count++ > 0)
        text_add_byte(c->out, ',');
}

void cell_text(struct cells *c, struct str s)
{
    begin(c);
    json_write_string(s, c->out);
}

void cell_value(struct cells *c, struct value v, const char *otherwise)
{
    struct str s = value_str(v);
    cell_text(c, s.size > 0 ? s : str_from(otherwise));
}

void cell_int(struct cells *c, int64_t n)
{
    begin(c);
    text_add_int(c->out, n);
}

void cell_bool(struct cells *c, bool b)
{
    begin(c);
    text_add(c->out, b ? S("true") : S("false"));
}

void cell_name(struct cells *c, struct value object)
{
    cell_value(c, object_name(object), "");
}

/* ---- ages ---- */

static void two(struct text *out, int64_t big, const char *big_unit, int64_t small,
                const char *small_unit)
{
    text_printf(out, "%" PRId64 "%s", big, big_unit);
    if (small > 0)
        text_printf(out, "%" PRId64 "%s", small, small_unit);
}

void human_duration(int64_t nanoseconds, struct text *out)
{
    int64_t seconds = nanoseconds / SECOND;
    int64_t minutes = seconds / 60;
    int64_t hours = minutes / 60;
    int64_t days = hours / 24;
    if (seconds < -1)
        text_add(out, S("<invalid>"));
    else if (seconds < 0)
        text_add(out, S("0s"));
    else if (seconds < 120)
        text_printf(out, "%" PRId64 "s", seconds);
    else if (minutes < 10)
        two(out, minutes, "m", seconds % 60, "s");
    else if (minutes < 180)
        text_printf(out, "%" PRId64 "m", minutes);
    else if (hours < 8)
        two(out, hours, "h", minutes % 60, "m");
    else if (hours < 48)
        text_printf(out, "%" PRId64 "h", hours);
    else if (hours < 192)
        two(out, days, "d", hours % 24, "h");
    else if (days < 730)
        text_printf(out, "%" PRId64 "d", days);
    else if (days < 8 * 365)
        two(out, days / 365, "y", days % 365, "d");
    else
        text_printf(out, "%" PRId64 "y", days / 365);
}

void age_text(struct wall_time now, struct value time, struct text *out)
{
    struct wall_time then;
    if (value_str(time).size == 0 || !time_parse(time, &then))
        text_add(out, S("<unknown>"));
    else
        human_duration(now.unix_ns - then.unix_ns, out);
}

void cell_age(struct cells *c, struct value time)
{
    AUTO(text) struct text t = {0};
    age_text(c->now, time, &t);
    cell_text(c, text_str(&t));
}

void cell_created(struct cells *c, struct value object)
{
    cell_age(c, VALUE_GET(object, metadata, creationTimestamp));
}

/* ---- lists ---- */

void join(struct text *out, struct str s)
{
    if (out->size > 0)
        text_add_byte(out, ',');
    text_add(out, s);
}

void labels_text(struct value labels, const char *otherwise, struct text *out)
{
    for (size_t i = 0; i < value_count(labels); i++) {
        join(out, value_key_at(labels, i));
        text_add_byte(out, '=');
        text_add(out, value_str(value_member_at(labels, i)));
    }
    if (value_count(labels) == 0)
        text_add(out, str_from(otherwise));
}

void selector_text(struct value selector, const char *otherwise, struct text *out)
{
    struct label_selector *s = label_selector_from_object(selector, NULL);
    size_t before = out->size;
    if (s)
        label_selector_text(s, out);
    else
        text_add(out, S("<error>"));
    if (out->size == before)
        text_add(out, str_from(otherwise));
    label_selector_free(s);
}

void cell_containers(struct cells *c, struct value pod_spec)
{
    struct value containers = VALUE_GET(pod_spec, containers);
    AUTO(text) struct text names = {0};
    AUTO(text) struct text images = {0};
    for (size_t i = 0; i < value_count(containers); i++) {
        join(&names, VALUE_STR(value_at(containers, i), name));
        join(&images, VALUE_STR(value_at(containers, i), image));
    }
    cell_text(c, text_str(&names));
    cell_text(c, text_str(&images));
}

void more_add(struct more *m, struct str s)
{
    if (m->count++ < MORE_SHOWN)
        join(&m->text, s);
}

void cell_more(struct cells *c, struct more *m, size_t total, const char *otherwise)
{
    if (m->count == 0)
        text_add(&m->text, str_from(otherwise));
    else if (total > MORE_SHOWN)
        text_printf(&m->text, " + %zu more...", total - MORE_SHOWN);
    cell_text(c, text_str(&m->text));
    text_release(&m->text);
}
