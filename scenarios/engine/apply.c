/* SPDX-License-Identifier: Apache-2.0
 *
 * The patch that `kubectl apply` sends: three-way. What differs between the current object and the
 * wanted one is set; what was applied last and is no longer wanted is deleted; what others wrote
 * stays. Lists with a patch merge key are merged item by item, with `$setElementOrder/<list>`
 * naming the wanted order and `$patch: delete` for items that go; all other lists are replaced as a
 * whole. A type without schema (a custom resource) has no merge keys: then the result is a plain
 * JSON merge patch.
 *
 * DEVIATION: `$retainKeys` is not sent: union types (strategy, volumes) whose member changes are
 * then merged by the server, which refuses two members at once, instead of switching over.
 *
 * Source: kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/ "How apply
 * calculates differences"
 */
#include "sim/base/base.h"

#include "scenarios/engine/user.h"

#include "cluster/api/schema.h"

static struct value patch_member(const struct field_schema *f, struct value original,
                                 struct value modified, struct value current);
static struct value patch_merge_list(struct value patch, struct str name,
                                     const struct field_schema *f, struct value original,
                                     struct value modified, struct value current);
static struct value merge_items(const struct field_schema *f, atom merge_key, struct value original,
                                struct value modified, struct value current);
static struct value item_with(struct value list, atom merge_key, struct value wanted);

static const struct field_schema *schema_field_of(const struct type_schema *type, atom key)
{
    return type ? schema_field(type, key) : NULL;
}

static bool is_merge_list(const struct field_schema *f)
{
    return f && f->container == SCHEMA_LIST && (f->flags & SCHEMA_PATCH_MERGE);
}

struct value apply_patch(const struct type_schema *type, struct value original,
                         struct value modified, struct value current)
{
    struct value patch = value_object();
    for (size_t i = 0; i < value_count(modified); i++) {
        atom key = value_key_atom_at(modified, i);
        const struct field_schema *f = schema_field_of(type, key);
        struct value wanted = value_member_at(modified, i), now = value_get(current, key);
        if (value_equal(wanted, now) || value_kind(wanted) == VALUE_NULL)
            continue;
        if (is_merge_list(f) && value_kind(wanted) == VALUE_ARRAY && value_kind(now) == VALUE_ARRAY)
            patch = patch_merge_list(patch, value_key_at(modified, i), f, value_get(original, key),
                                     wanted, now);
        else {
            struct value member = patch_member(f, value_get(original, key), wanted, now);
            if (value_is_present(member))
                patch = value_set(patch, key, member);
        }
    }
    for (size_t i = 0; i < value_count(original); i++) {
        atom key = value_key_atom_at(original, i);
        if (!value_is_present(value_get(modified, key)) &&
            value_is_present(value_get(current, key)))
            patch = value_set(patch, key, value_null());
    }
    return patch;
}

/* Absent when nothing of it changes. */
static struct value patch_member(const struct field_schema *f, struct value original,
                                 struct value modified, struct value current)
{
    bool is_list = f && f->container == SCHEMA_LIST;
    if (value_kind(modified) != VALUE_OBJECT || value_kind(current) != VALUE_OBJECT || is_list)
        return value_keep(modified);
    const struct type_schema *type = f && f->container == SCHEMA_NONE ? schema_type_of(f) : NULL;
    struct value patch = apply_patch(type, original, modified, current);
    if (value_count(patch) > 0)
        return patch;
    value_drop(patch);
    return VALUE_ABSENT;
}

static struct value patch_merge_list(struct value patch, struct str name,
                                     const struct field_schema *f, struct value original,
                                     struct value modified, struct value current)
{
    AUTO(text) struct text order_key = {0};
    text_printf(&order_key, "$setElementOrder/%.*s", STR_ARG(name));
    if (!f->merge_key || !*f->merge_key) { /* a set of scalars */
        struct value items = value_array();
        for (size_t i = 0; i < value_count(modified); i++) {
            bool is_there = false;
            for (size_t j = 0; j < value_count(current); j++)
                is_there |= value_equal(value_at(modified, i), value_at(current, j));
            if (!is_there)
                items = value_append(items, value_keep(value_at(modified, i)));
        }
        if (value_count(items) == 0) {
            value_drop(items);
            return patch;
        }
        patch = value_set_key(patch, text_str(&order_key), value_keep(modified));
        return value_set_key(patch, name, items);
    }
    atom merge_key = atom_of(str_from(f->merge_key));
    struct value items = merge_items(f, merge_key, original, modified, current);
    if (value_count(items) == 0) {
        value_drop(items);
        return patch;
    }
    struct value order = value_array();
    for (size_t i = 0; i < value_count(modified); i++) {
        struct value key = value_get(value_at(modified, i), merge_key);
        order = value_append(order, value_set(value_object(), merge_key, value_keep(key)));
    }
    patch = value_set_key(patch, text_str(&order_key), order);
    return value_set_key(patch, name, items);
}

static struct value merge_items(const struct field_schema *f, atom merge_key, struct value original,
                                struct value modified, struct value current)
{
    struct value items = value_array();
    const struct type_schema *type = schema_type_of(f);
    for (size_t i = 0; i < value_count(modified); i++) {
        struct value wanted = value_at(modified, i), key = value_get(wanted, merge_key);
        struct value now = item_with(current, merge_key, key);
        if (!value_is_present(now)) {
            items = value_append(items, value_keep(wanted));
            continue;
        }
        struct value change = apply_patch(type, item_with(original, merge_key, key), wanted, now);
        if (value_count(change) > 0)
            items = value_append(items, value_set(change, merge_key, value_keep(key)));
        else
            value_drop(change);
    }
    for (size_t i = 0; i < value_count(original); i++) {
        struct value key = value_get(value_at(original, i), merge_key);
        if (value_is_present(item_with(modified, merge_key, key)) ||
            !value_is_present(item_with(current, merge_key, key)))
            continue;
        struct value gone = value_set_key(value_object(), S("$patch"), value_string(S("delete")));
        items = value_append(items, value_set(gone, merge_key, value_keep(key)));
    }
    return items;
}

static struct value item_with(struct value list, atom merge_key, struct value wanted)
{
    for (size_t i = 0; i < value_count(list); i++) {
        if (value_equal(value_get(value_at(list, i), merge_key), wanted))
            return value_at(list, i);
    }
    return VALUE_ABSENT;
}
