/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of managedFields, read and written (managedfields/internal/managedfields.go upstream).
 *
 * The order of the list: what was applied before what was updated, then by time, manager, version,
 * subresource. The list is written anew only when something in it changed, so that an object's
 * writes that leave its owners alone share it.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/entries.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/value_heap.h"
#include "sim/base/sort.h"

/* ---- in ---- */

static struct value text_or_absent(struct value v)
{
    return value_str(v).size > 0 ? value_keep(v) : VALUE_ABSENT;
}

static struct managed_entry entry_take(struct value object)
{
    struct value time = value_get(object, ATOM_time);
    return (struct managed_entry){.object = value_keep(object),
                                  .manager = text_or_absent(value_get(object, ATOM_manager)),
                                  .api_version = text_or_absent(value_get(object, ATOM_apiVersion)),
                                  .subresource =
                                      text_or_absent(value_get(object, ATOM_subresource)),
                                  .is_apply = value_is(value_get(object, ATOM_operation), "Apply"),
                                  .time = text_or_absent(time),
                                  .set = value_keep(value_get(object, ATOM_fieldsV1))};
}

void entries_take(struct value list, struct managed_entries *ret_entries)
{
    *ret_entries = (struct managed_entries){0};
    for (size_t i = 0; i < value_count(list); i++)
        vec_push(&ret_entries->items, entry_take(value_at(list, i)));
}

static void entry_release(struct managed_entry *e)
{
    value_drop(e->object);
    value_drop(e->manager);
    value_drop(e->api_version);
    value_drop(e->subresource);
    value_drop(e->time);
    value_drop(e->set);
}

void entries_release(struct managed_entries *e)
{
    for (size_t i = 0; i < e->items.count; i++)
        entry_release(&e->items.items[i]);
    vec_release(&e->items);
}

static bool entry_is_valid(struct value object, size_t i, struct text *why)
{
    struct str type = VALUE_STR(object, fieldsType);
    if (!VALUE_IS(object, "Apply", operation) && !VALUE_IS(object, "Update", operation))
        text_add(why, S("operation must be `Apply` or `Update`"));
    else if (VALUE_STR(object, apiVersion).size == 0)
        text_add(why, S("apiVersion must not be empty"));
    else if (type.size == 0)
        text_printf(why, "missing fieldsType in managed fields entry %zu", i);
    else if (!str_equal(type, S("FieldsV1")))
        text_printf(why, "invalid fieldsType \"%.*s\" in managed fields entry %zu", STR_ARG(type),
                    i);
    else
        return true;
    return false;
}

/* What else a client wrote into an entry is not kept. False: not to be read. */
static bool entry_read(struct value object, size_t i, struct managed_entry *ret_entry,
                       struct text *ret_why)
{
    struct value set;
    AUTO(text) struct text why = {0};
    if (!entry_is_valid(object, i, ret_why))
        return false;
    if (!fields_read(value_get(object, ATOM_fieldsV1), &set, &why)) {
        text_printf(ret_why, "error decoding versioned set: error decoding set: %s", text_c(&why));
        return false;
    }
    *ret_entry = entry_take(object);
    if (value_equal(set, ret_entry->set))
        value_drop(set);
    else
        entry_set(ret_entry, set);
    value_release(&ret_entry->object);
    ret_entry->is_changed = true;
    return true;
}

static int text_order(struct value a, struct value b)
{
    return str_compare(value_str(a), value_str(b));
}

static int identity_order(const void *a, const void *b, void *context)
{
    (void)context;
    const struct managed_entry *x = a, *y = b;
    if (x->is_apply != y->is_apply)
        return x->is_apply ? -1 : 1;
    int order = text_order(x->manager, y->manager);
    if (order == 0)
        order = text_order(x->subresource, y->subresource);
    return order != 0 || x->is_apply ? order : text_order(x->api_version, y->api_version);
}

bool entries_read(struct value list, struct managed_entries *ret_entries, struct text *ret_why)
{
    struct managed_entries *e = ret_entries;
    *e = (struct managed_entries){0};
    for (size_t i = 0; i < value_count(list); i++) {
        struct managed_entry entry;
        if (!entry_read(value_at(list, i), i, &entry, ret_why)) {
            entries_release(e);
            return false;
        }
        vec_push(&e->items, entry);
    }
    sort_stable(e->items.items, e->items.count, sizeof(e->items.items[0]), identity_order, NULL);
    size_t kept = 0;
    for (size_t i = 0; i < e->items.count; i++) { /* the last of equal ones */
        bool is_replaced = i + 1 < e->items.count &&
                           identity_order(&e->items.items[i], &e->items.items[i + 1], NULL) == 0;
        if (is_replaced)
            entry_release(&e->items.items[i]);
        else
            e->items.items[kept++] = e->items.items[i];
    }
    e->items.count = kept;
    return true;
}

/* ---- one entry ---- */

static bool is_like(const struct managed_entry *a, const struct managed_entry *b)
{
    return a->is_apply == b->is_apply && value_equal(a->manager, b->manager) &&
           value_equal(a->subresource, b->subresource) &&
           (a->is_apply || value_equal(a->api_version, b->api_version));
}

struct managed_entry *entries_find(struct managed_entries *e, const struct managed_entry *like)
{
    for (size_t i = 0; i < e->items.count; i++)
        if (is_like(&e->items.items[i], like))
            return &e->items.items[i];
    return NULL;
}

struct managed_entry *entries_get(struct managed_entries *e, const struct managed_entry *like)
{
    struct managed_entry *found = entries_find(e, like);
    if (found) {
        if (!value_equal(found->api_version, like->api_version)) {
            value_drop(found->api_version);
            found->api_version = value_keep(like->api_version);
            found->is_changed = true;
        }
        return found;
    }
    vec_push(&e->items, (struct managed_entry){.manager = value_keep(like->manager),
                                               .api_version = value_keep(like->api_version),
                                               .subresource = value_keep(like->subresource),
                                               .is_apply = like->is_apply,
                                               .is_changed = true});
    return &vec_last(&e->items);
}

void entries_drop_empty(struct managed_entries *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->items.count; i++) {
        if (value_is_present(e->items.items[i].set))
            e->items.items[kept++] = e->items.items[i];
        else
            entry_release(&e->items.items[i]);
    }
    e->items.count = kept;
}

void entry_set(struct managed_entry *entry, struct value own_set)
{
    if (value_is_same(entry->set, own_set)) {
        value_drop(own_set);
        return;
    }
    value_drop(entry->set);
    entry->set = own_set;
    entry->is_changed = true;
}

void entry_time(struct managed_entry *entry, struct value time)
{
    if (value_is_same(entry->time, time) || value_equal(entry->time, time))
        return;
    value_drop(entry->time);
    entry->time = value_keep(time);
    entry->is_changed = true;
}

void entry_identifier(const struct managed_entry *entry, struct text *out)
{
    const struct {
        struct str name;
        struct value v;
    } parts[] = {{S("manager"), entry->manager},
                 {S("operation"), VALUE_ABSENT},
                 {S("apiVersion"), entry->is_apply ? VALUE_ABSENT : entry->api_version},
                 {S("subresource"), entry->subresource}};
    bool is_first = true;
    text_add_byte(out, '{');
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        if (i != 1 && !value_is_present(parts[i].v))
            continue;
        text_printf(out, "%s\"%.*s\":", is_first ? "" : ",", STR_ARG(parts[i].name));
        if (i == 1)
            text_add(out, entry->is_apply ? S("\"Apply\"") : S("\"Update\""));
        else
            json_write(parts[i].v, out);
        is_first = false;
    }
    text_add_byte(out, '}');
}

/* ---- out ---- */

static int64_t seconds_of(const struct managed_entry *e)
{
    struct wall_time t;
    return value_is_present(e->time) && time_parse(e->time, &t) ? t.unix_ns / duration_s(1).ns : 0;
}

static int entry_order(const void *a, const void *b, void *context)
{
    (void)context;
    const struct managed_entry *x = a, *y = b;
    if (x->is_apply != y->is_apply)
        return x->is_apply ? -1 : 1;
    int64_t s = seconds_of(x), t = seconds_of(y);
    if (s != t)
        return s < t ? -1 : 1;
    int order = text_order(x->manager, y->manager);
    if (order == 0)
        order = text_order(x->api_version, y->api_version);
    return order != 0 ? order : text_order(x->subresource, y->subresource);
}

/* Written as the fields stand in Go, the set as it is. Owned. */
static struct value entry_object(const struct managed_entry *e)
{
    if (!e->is_changed)
        return value_keep(e->object);
    struct value o = value_is_present(e->object) ? value_keep(e->object) : value_object();
    o = value_set(o, ATOM_manager, value_keep(e->manager));
    o = value_set(o, ATOM_operation, value_string(e->is_apply ? S("Apply") : S("Update")));
    o = value_set(o, ATOM_apiVersion, value_keep(e->api_version));
    o = value_set(o, ATOM_time, value_keep(e->time));
    o = value_set(o, ATOM_fieldsType, value_string(S("FieldsV1")));
    o = value_set(o, ATOM_fieldsV1, value_keep(e->set));
    /* Objects of one template have the same entries but for their times. */
    return value_canonical(value_set(o, ATOM_subresource, value_keep(e->subresource)));
}

struct value entries_write(struct managed_entries *e, struct value before)
{
    entries_drop_empty(e);
    bool is_changed = e->items.count != value_count(before), is_sorted = true;
    for (size_t i = 0; i < e->items.count; i++) {
        is_changed |= e->items.items[i].is_changed;
        is_sorted &= i == 0 || entry_order(&e->items.items[i - 1], &e->items.items[i], NULL) < 0;
    }
    if (!is_changed && is_sorted)
        return value_keep(before);
    if (e->items.count == 0)
        return VALUE_ABSENT;
    if (!is_sorted)
        sort_stable(e->items.items, e->items.count, sizeof(e->items.items[0]), entry_order, NULL);
    VEC(struct value) objects = {0};
    for (size_t i = 0; i < e->items.count; i++)
        vec_push(&objects, entry_object(&e->items.items[i]));
    struct value list = value_from_items(objects.items, objects.count);
    vec_release(&objects);
    if (!value_equal(list, before))
        return list;
    value_drop(list);
    return value_keep(before);
}

/* ---- what is compared ---- */

struct value managed_strip(struct value own_set)
{
    struct value metadata = value_get(own_set, atom_field(ATOM_metadata));
    if (!value_is_present(metadata) &&
        !value_is_present(value_get(own_set, atom_field(ATOM_apiVersion))) &&
        !value_is_present(value_get(own_set, atom_field(ATOM_kind))))
        return own_set;
    struct value doomed = value_pack(
        "{\"f:apiVersion\": {}, \"f:kind\": {}, \"f:metadata\": {\".\": {}, \"f:name\": {}, "
        "\"f:namespace\": {}, \"f:creationTimestamp\": {}, \"f:selfLink\": {}, \"f:uid\": {}, "
        "\"f:clusterName\": {}, \"f:generation\": {}, \"f:managedFields\": {}, "
        "\"f:resourceVersion\": {}}}");
    struct value rest = fields_difference(own_set, doomed);
    value_drop(doomed);
    value_drop(own_set);
    return rest;
}

/* The part of a set that lies below the fields of a pattern; "*" stands for any item. */
static struct value within(struct value set, struct value pattern)
{
    if (value_count(pattern) == 0)
        return value_keep(set);
    struct fields_builder b = {.is_itself = false};
    for (size_t i = 0; i < value_count(set); i++) {
        struct str element = value_key_at(set, i);
        struct value p = value_get_key(pattern, element);
        if (!value_is_present(p) && !str_equal(element, S(".")))
            p = value_get_key(pattern, S("*"));
        if (!value_is_present(p))
            continue;
        struct value child = within(value_member_at(set, i), p);
        if (fields_is_itself(value_member_at(set, i)))
            child = fields_add_itself(child);
        fields_build(&b, element, child);
    }
    return fields_built(&b);
}

struct value managed_filter(const struct managed_scope *s, struct str api_version,
                            struct value own_set)
{
    if (!value_is_present(s->reset) || !value_is_present(own_set) ||
        (s->type_may_change && !str_equal(api_version, s->api_version)))
        return own_set;
    struct value rest =
        s->keeps_only ? within(own_set, s->reset) : fields_difference_deep(own_set, s->reset);
    value_drop(own_set);
    return rest;
}

void entries_reconcile(const struct managed_scope *s, struct value live, struct managed_entries *e)
{
    for (size_t i = 0; s->type_may_change && i < e->items.count; i++) {
        struct managed_entry *m = &e->items.items[i];
        struct fields_type type = s->type;
        struct value shown = VALUE_ABSENT;
        struct str version = value_str(m->api_version);
        if (!str_equal(version, s->api_version) &&
            (!s->convert || !s->convert(s->owner, value_keep(live), version, &shown, &type)))
            continue;
        value_drop(shown);
        entry_set(m, fields_reconcile(type, m->set));
    }
}

static void version_compare(struct managed_comparison *c, struct managed_version *v)
{
    const struct managed_scope *s = c->scope;
    struct fields_type type = s->type;
    AUTO(value) struct value old = value_keep(c->old);
    AUTO(value) struct value new = value_keep(c->new);
    struct str version = value_str(v->api_version);
    if (!str_equal(version, s->api_version)) {
        struct value a, b;
        if (!s->convert || !s->convert(s->owner, value_keep(old), version, &a, &type))
            return;
        CHECK(s->convert(s->owner, value_keep(new), version, &b, &type));
        value_drop(old);
        value_drop(new);
        old = a;
        new = b;
    }
    v->is_there = true;
    v->change = fields_compare(type, old, new);
    v->change.added = managed_filter(s, version, v->change.added);
    v->change.modified = managed_filter(s, version, v->change.modified);
    v->change.removed = managed_filter(s, version, v->change.removed);
    v->changed = fields_union(v->change.modified, v->change.added);
}

const struct managed_version *managed_compare(struct managed_comparison *c,
                                              struct value api_version)
{
    for (size_t i = 0; i < c->versions.count; i++) {
        struct managed_version *v = &c->versions.items[i];
        if (value_equal(v->api_version, api_version))
            return v;
    }
    vec_push(&c->versions, (struct managed_version){.api_version = value_keep(api_version)});
    struct managed_version *v = &vec_last(&c->versions);
    version_compare(c, v);
    if (v->is_there)
        return v;
    value_drop(v->api_version);
    c->versions.count--;
    return NULL;
}

void managed_comparison_release(struct managed_comparison *c)
{
    for (size_t i = 0; i < c->versions.count; i++) {
        struct managed_version *v = &c->versions.items[i];
        value_drop(v->api_version);
        fields_change_release(&v->change);
        value_drop(v->changed);
    }
    vec_release(&c->versions);
}
