/* SPDX-License-Identifier: Apache-2.0
 *
 * Server-side apply (merge.Updater.Apply and managedfields/internal upstream).
 *
 * The configuration is merged into the object; the applier then owns exactly what the configuration
 * has. What it owned before and has given up goes from the object, unless somebody else owns it
 * too. A field that others own and that would change is a conflict; when forced, they lose it. A
 * configuration with the values that are there conflicts with nobody: the field has two owners.
 *
 * An apply that changes nothing leaves the object and the applier's time as they are.
 *
 * Objects without managedFields get an entry "before-first-apply" for all that they have.
 *
 * From client-side apply: kubectl's conflicts do not count for fields that have the value of its
 * annotation last-applied-configuration, and while that annotation is there, kubectl's apply keeps
 * it as the configuration is.
 */
#include "sim/base/base.h"

#include "cluster/api/fields/entries.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/status.h"
#include "sim/base/arena.h"
#include "sim/base/sort.h"

#define LAST_APPLIED S("kubectl.kubernetes.io/last-applied-configuration")
#define ANNOTATIONS_MAX (256 * 1024)

/* ---- refusals ---- */

static void refuse(struct value *ret_status, int code, const char *reason, const struct text *m)
{
    *ret_status = status_make(code, str_from(reason), text_str(m), VALUE_ABSENT);
    if (code == 500)
        *ret_status = value_set(*ret_status, ATOM_reason, VALUE_ABSENT);
}

/* As Go prints a GroupVersionKind: "apps/v1, Kind=Deployment", "/v1, Kind=Pod". */
static void kind_text(struct str api_version, struct str kind, struct text *out)
{
    bool has_group = str_find(api_version, '/') < api_version.size;
    text_printf(out, "%s%.*s, Kind=%.*s", has_group ? "" : "/", STR_ARG(api_version),
                STR_ARG(kind));
}

static void object_text(struct value object, struct text *out)
{
    struct str namespace = VALUE_STR(object, metadata, namespace);
    struct str name = VALUE_STR(object, metadata, name);
    text_printf(out, "(%.*s/%.*s; ", STR_ARG(namespace), STR_ARG(name));
    kind_text(VALUE_STR(object, apiVersion), VALUE_STR(object, kind), out);
    text_add(out, S(")"));
}

/* False: refused. */
static bool configuration_check(const struct managed_scope *s, const struct managed_apply *a,
                                struct value *ret_status)
{
    struct value c = a->configuration;
    AUTO(text) struct text m = {0};
    AUTO(text) struct text why = {0};
    struct str version = VALUE_STR(c, apiVersion), kind = VALUE_STR(c, kind);
    if (!str_equal(version, s->api_version) || !str_equal(kind, s->kind)) {
        text_add(&m, S("invalid object type: "));
        kind_text(version, kind, &m);
        refuse(ret_status, 400, "BadRequest", &m);
        return false;
    }
    if (value_kind(VALUE_GET(c, metadata, managedFields)) == VALUE_ARRAY) {
        text_add(&m, S("metadata.managedFields must be nil"));
        refuse(ret_status, 400, "BadRequest", &m);
        return false;
    }
    if (fields_validate(s->type, c, false, &why))
        return true;
    text_add(&m, S("failed to create typed patch object "));
    object_text(c, &m);
    text_printf(&m, ": %s", text_c(&why));
    refuse(ret_status, 500, "", &m);
    return false;
}

/* ---- conflicts ---- */

struct conflict {
    size_t at; /* of the entry */
    struct str identifier;
    struct value fields; /* owned */
};
struct conflicts {
    VEC(struct conflict) items;
    struct arena arena;
};

static void conflicts_release(struct conflicts *c)
{
    for (size_t i = 0; i < c->items.count; i++)
        value_drop(c->items.items[i].fields);
    vec_release(&c->items);
    arena_release(&c->arena);
}

static int by_identifier(const void *a, const void *b, void *context)
{
    (void)context;
    const struct conflict *x = a, *y = b;
    int order = str_compare(x->identifier, y->identifier);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static size_t conflicts_count(const struct conflicts *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->items.count; i++)
        count += fields_count(c->items.items[i].fields);
    return count;
}

/* As Go's %q of a plain name. */
static void manager_text(const struct managed_entry *e, struct text *out)
{
    json_write(value_is_present(e->manager) ? e->manager : value_string(S("")), out);
    if (value_is_present(e->subresource)) {
        text_add(out, S(" with subresource "));
        json_write(e->subresource, out);
    }
    if (!e->is_apply) {
        struct str version = value_str(e->api_version);
        text_printf(out, " using %.*s", STR_ARG(version));
    }
}

struct telling {
    struct text *message;
    struct value causes;
    struct str manager;
    bool is_single;
};

static void tell_path(void *owner, struct str path)
{
    struct telling *t = owner;
    if (t->is_single)
        text_printf(t->message, ": %.*s", STR_ARG(path));
    else
        text_printf(t->message, "\n- %.*s", STR_ARG(path));
    struct value text = value_printf("conflict with %.*s", STR_ARG(t->manager));
    t->causes =
        value_append(t->causes, value_pack("{reason: FieldManagerConflict, message: %v, field: %S}",
                                           text, path));
}

static struct value conflicts_status(const struct conflicts *c, const struct managed_entries *e)
{
    size_t count = conflicts_count(c);
    AUTO(text) struct text m = {0};
    struct telling t = {.message = &m, .causes = value_array(), .is_single = count == 1};
    text_printf(&m, "Apply failed with %zu conflict%s: ", count, count == 1 ? "" : "s");
    bool is_first = true;
    for (size_t i = 0; i < c->items.count; i++) {
        AUTO(text) struct text manager = {0};
        if (!value_is_present(c->items.items[i].fields))
            continue;
        manager_text(&e->items.items[c->items.items[i].at], &manager);
        t.manager = text_str(&manager);
        text_printf(&m, "%s%s with %s%s", is_first ? "" : "\n",
                    count == 1 ? "conflict" : "conflicts", text_c(&manager), count == 1 ? "" : ":");
        fields_each_path(c->items.items[i].fields, tell_path, &t);
        is_first = false;
    }
    return status_make(409, S("Conflict"), text_str(&m), value_pack("{causes: %v}", t.causes));
}

/* ---- versions ---- */

/* The object in a version, and that version's type; false: there is none. */
static bool convert(const struct managed_scope *s, struct value own_object, struct value to,
                    struct value *ret_object, struct fields_type *ret_type)
{
    struct str version = value_str(to);
    bool is_there = str_equal(VALUE_STR(own_object, apiVersion), version);
    if (is_there && str_equal(version, s->api_version)) {
        *ret_object = own_object;
        *ret_type = s->type;
        return true;
    }
    if (s->convert)
        return s->convert(s->owner, own_object, version, ret_object, ret_type);
    value_drop(own_object);
    return false;
}

/* ---- what was given up goes ---- */

/* Puts back what `pruned` lacks and somebody still owns, in one version. Consumes pruned. */
static struct value add_back_owned(const struct managed_scope *s, struct value merged,
                                   struct value own_pruned, struct value version,
                                   struct value managed)
{
    struct fields_type type;
    struct value whole, part;
    if (!convert(s, value_keep(merged), version, &whole, &type))
        return own_pruned;
    CHECK(convert(s, own_pruned, version, &part, &type));
    AUTO(value) struct value all = fields_of(type, whole);
    AUTO(value) struct value left = fields_of(type, part);
    AUTO(value) struct value named = fields_with_named(type, all);
    AUTO(value) struct value named_left = fields_with_named(type, left);
    AUTO(value) struct value named_managed = fields_with_named(type, managed);
    AUTO(value) struct value kept = fields_union(named_left, named_managed);
    AUTO(value) struct value doomed = fields_difference(named, kept);
    struct value result = fields_remove(type, whole, doomed);
    value_drop(whole);
    value_drop(part);
    return result;
}

/* Puts back what the applier did not own before. Consumes pruned. */
static struct value add_back_dangling(struct fields_type type, struct value merged,
                                      struct value own_pruned, struct value last)
{
    AUTO(value) struct value left = fields_of(type, own_pruned);
    AUTO(value) struct value all = fields_of(type, merged);
    AUTO(value) struct value named_left = fields_with_named(type, left);
    AUTO(value) struct value named = fields_with_named(type, all);
    AUTO(value) struct value named_last = fields_with_named(type, last);
    AUTO(value) struct value gone = fields_difference(named, named_left);
    AUTO(value) struct value doomed = fields_intersection(gone, named_last);
    value_drop(own_pruned);
    return fields_remove(type, merged, doomed);
}

/* The fields that managers own in one version, united. Owned. */
static struct value managed_in(const struct managed_entries *e, struct value version)
{
    struct value all = VALUE_ABSENT;
    for (size_t i = 0; i < e->items.count; i++) {
        const struct managed_entry *m = &e->items.items[i];
        if (!value_equal(m->api_version, version))
            continue;
        struct value both = fields_union(all, m->set);
        value_drop(all);
        all = both;
    }
    return all;
}

/* `last` is what the applier owned before, in its version. Consumes merged. */
static struct value prune(const struct managed_scope *s, struct value own_merged,
                          const struct managed_entries *e, struct value last,
                          struct value last_version)
{
    struct fields_type type;
    struct value merged, result;
    if (!value_is_present(last))
        return own_merged;
    if (!convert(s, value_keep(own_merged), last_version, &merged, &type))
        return own_merged;
    value_drop(own_merged);
    AUTO(value) struct value doomed = fields_with_named(type, last);
    struct value pruned = fields_remove(type, merged, doomed);
    AUTO(value) struct value seen = value_array();
    for (size_t i = 0; i <= e->items.count; i++) { /* the applier's last version first */
        struct value version = i == 0 ? last_version : e->items.items[i - 1].api_version;
        if (value_has_item(seen, version))
            continue;
        seen = value_append(seen, value_keep(version));
        AUTO(value) struct value managed = managed_in(e, version);
        if (value_is_present(managed))
            pruned = add_back_owned(s, merged, pruned, version, managed);
    }
    CHECK(convert(s, pruned, last_version, &pruned, &type));
    pruned = add_back_dangling(type, merged, pruned, last);
    AUTO(value) struct value own_version = value_string(s->api_version);
    CHECK(convert(s, pruned, own_version, &result, &type));
    value_drop(merged);
    return result;
}

/* ---- apply ---- */

/* What others own of the change. */
static void conflicts_find(struct managed_entries *e, const struct managed_entry *applier,
                           struct managed_comparison *c, struct conflicts *ret)
{
    for (size_t i = 0; i < e->items.count; i++) {
        struct managed_entry *m = &e->items.items[i];
        if (m == applier)
            continue;
        const struct managed_version *v = managed_compare(c, m->api_version);
        if (!v) {
            entry_set(m, VALUE_ABSENT);
            continue;
        }
        struct value fields = fields_intersection(m->set, v->changed);
        if (!value_is_present(fields))
            continue;
        AUTO(text) struct text identifier = {0};
        entry_identifier(m, &identifier);
        vec_push(&ret->items,
                 (struct conflict){.at = i,
                                   .identifier = arena_str(&ret->arena, text_str(&identifier)),
                                   .fields = fields});
    }
    sort_stable(ret->items.items, ret->items.count, sizeof(ret->items.items[0]), by_identifier,
                NULL);
}

static void others_lose(struct managed_entries *e, const struct managed_entry *applier,
                        struct managed_comparison *c)
{
    for (size_t i = 0; i < e->items.count; i++) {
        struct managed_entry *m = &e->items.items[i];
        const struct managed_version *v = m == applier ? NULL : managed_compare(c, m->api_version);
        if (!v)
            continue;
        struct value rest = fields_difference(m->set, v->changed);
        entry_set(m, fields_difference(rest, v->change.removed));
        value_drop(rest);
    }
}

/* The fields of kubectl's last client-side configuration that the object still has so. */
static struct value last_applied_fields(const struct managed_scope *s, struct value live)
{
    struct errmsg message;
    AUTO(value) struct value last = VALUE_ABSENT;
    AUTO(text) struct text why = {0};
    struct value annotation = value_get_key(VALUE_GET(live, metadata, annotations), LAST_APPLIED);
    if (json_parse(value_str(annotation), NULL, &last, &message) != ERR_OK ||
        !str_equal(VALUE_STR(last, apiVersion), s->api_version) ||
        !fields_validate(s->type, last, false, &why))
        return VALUE_ABSENT;
    struct fields_change c = fields_compare(s->type, last, live);
    AUTO(value) struct value all = fields_of(s->type, last);
    AUTO(value) struct value unmodified = fields_difference(all, c.modified);
    AUTO(value) struct value present = fields_difference(unmodified, c.added);
    struct value same = fields_difference(present, c.removed);
    fields_change_release(&c);
    return same;
}

/* Takes away the conflicts that are allowed; true: none is left. */
static bool conflicts_allow(struct conflicts *c, struct value allowed)
{
    bool is_clear = true;
    for (size_t i = 0; i < c->items.count; i++) {
        struct value *fields = &c->items.items[i].fields;
        struct value rest = fields_difference(*fields, allowed);
        value_drop(*fields);
        *fields = rest;
        is_clear &= !value_is_present(rest);
    }
    return is_clear;
}

static bool has_last_applied(struct value object)
{
    struct value annotations = VALUE_GET(object, metadata, annotations);
    return value_str(value_get_key(annotations, LAST_APPLIED)).size > 0;
}

/* The annotation as kubectl's client-side apply would have left it. */
static struct value keep_last_applied(struct value own_object, struct value configuration)
{
    AUTO(text) struct text t = {0};
    struct value c = value_keep(configuration);
    struct value own = VALUE_GET(c, metadata, annotations);
    if (value_is_present(value_get_key(own, LAST_APPLIED)))
        c = VALUE_SET(c, value_set_key(value_keep(own), LAST_APPLIED, VALUE_ABSENT), metadata,
                      annotations);
    json_write(c, &t);
    text_add_byte(&t, '\n');
    value_drop(c);
    struct value all = value_keep(VALUE_GET(own_object, metadata, annotations));
    size_t size = LAST_APPLIED.size + t.size;
    for (size_t i = 0; i < value_count(all); i++)
        if (!str_equal(value_key_at(all, i), LAST_APPLIED))
            size += value_key_at(all, i).size + value_str(value_member_at(all, i)).size;
    all = value_set_key(all, LAST_APPLIED,
                        size <= ANNOTATIONS_MAX ? value_string(text_str(&t)) : VALUE_ABSENT);
    return VALUE_SET(own_object, all, metadata, annotations);
}

/* The entries that an apply starts from; false: refused. */
static bool start_entries(const struct managed_scope *s, const struct managed_apply *a,
                          struct managed_entries *ret_entries, struct value *ret_status)
{
    struct value own = VALUE_GET(a->live, metadata, managedFields);
    AUTO(text) struct text why = {0};
    if (value_count(own) > 0 && !managed_are_valid(own, &why)) {
        AUTO(text) struct text m = {0};
        text_printf(&m, "failed to decode managed fields: %s", text_c(&why));
        refuse(ret_status, 500, "", &m);
        return false;
    }
    if (value_count(own) > 0) {
        entries_take(own, ret_entries);
        entries_reconcile(s, a->live, ret_entries);
        return true;
    }
    struct value empty = value_pack("{apiVersion: %S, kind: %S}", s->api_version, s->kind);
    struct value tracked =
        managed_update(s, empty, value_keep(a->live), S("before-first-apply"), a->now);
    entries_take(VALUE_GET(tracked, metadata, managedFields), ret_entries);
    value_drop(tracked);
    value_drop(empty);
    return true;
}

static bool is_same(struct fields_type t, struct value a, struct value b)
{
    if (value_equal(a, b))
        return true;
    struct fields_change c = fields_compare(t, a, b);
    bool is_empty =
        !value_is_present(c.added) && !value_is_present(c.modified) && !value_is_present(c.removed);
    fields_change_release(&c);
    return is_empty;
}

/* The object with the entries; or absent, and the status. */
static struct value apply(const struct managed_scope *s, const struct managed_apply *a,
                          struct managed_entries *e, struct value *ret_status)
{
    const struct managed_entry like = {
        .manager = value_string(a->manager.size > 0 ? a->manager : S("unknown")),
        .api_version = value_string(s->api_version),
        .subresource = s->subresource.size > 0 ? value_string(s->subresource) : VALUE_ABSENT,
        .is_apply = true};
    const struct managed_entry *before = entries_find(e, &like);
    AUTO(value) struct value last = before ? value_keep(before->set) : VALUE_ABSENT;
    AUTO(value) struct value last_version = before ? value_keep(before->api_version) : VALUE_ABSENT;
    struct managed_entry *applier = entries_get(e, &like);
    value_drop(like.manager);
    value_drop(like.api_version);
    value_drop(like.subresource);
    struct value set = fields_of(s->type, a->configuration);
    set = managed_filter(s, s->api_version, set);
    if (value_equal(set, applier->set)) {
        value_drop(set);
        set = value_keep(applier->set);
    }
    entry_set(applier, set);
    struct value merged = fields_merge(s->type, a->live, a->configuration);
    merged = prune(s, merged, e, last, last_version);
    struct managed_comparison c = {.scope = s, .old = a->live, .new = merged};
    struct conflicts conflicts = {.arena = {0}};
    conflicts_find(e, applier, &c, &conflicts);
    bool may = a->is_forced || conflicts.items.count == 0;
    if (!may && str_equal(a->manager, S("kubectl"))) {
        AUTO(value) struct value allowed = last_applied_fields(s, a->live);
        may = conflicts_allow(&conflicts, allowed);
    }
    if (may) {
        others_lose(e, applier, &c);
        struct value stripped = managed_strip(value_keep(applier->set));
        entry_set(applier, stripped);
        if (!is_same(s->type, a->live, merged)) {
            entry_time(applier, a->now);
        } else {
            value_drop(merged);
            merged = value_keep(a->live);
        }
    } else {
        *ret_status = conflicts_status(&conflicts, e);
        value_release(&merged);
    }
    conflicts_release(&conflicts);
    managed_comparison_release(&c);
    return merged;
}

struct value managed_apply(const struct managed_scope *s, const struct managed_apply *a,
                           struct value *ret_status)
{
    struct managed_entries entries;
    if (!configuration_check(s, a, ret_status) || !start_entries(s, a, &entries, ret_status))
        return VALUE_ABSENT;
    struct value next = apply(s, a, &entries, ret_status);
    if (value_is_present(next)) {
        struct value own = VALUE_GET(a->live, metadata, managedFields);
        struct value list = entries_write(&entries, own);
        next = VALUE_SET(next, list, metadata, managedFields);
        if (str_equal(a->manager, S("kubectl")) && has_last_applied(next))
            next = keep_last_applied(next, a->configuration);
    }
    entries_release(&entries);
    return next;
}
