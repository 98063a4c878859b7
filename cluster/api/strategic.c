/* SPDX-License-Identifier: Apache-2.0
 *
 * Strategic merge patch, walked along the schema (apimachinery/pkg/util/strategicpatch upstream).
 *
 * - A struct merges field by field; null removes. `$patch: replace` makes the patch the new value,
 * `$patch: delete` empties it; `$retainKeys` names the keys that may stay.
 * - A list with the strategy merge is a map by its merge key, or a set when its items are plain:
 * items are merged, added, or removed by `$patch: delete`. An item `$patch: replace` alone makes
 * the rest of the patch the list.
 * - `$setElementOrder/<list>` orders what the patch knows; items that only the server has keep
 * their place among those in the server's order. `$deleteFromPrimitiveList/<list>` removes plain
 * items.
 * - Any other list, and any value, is replaced; maps of plain values merge key by key.
 */
#include "sim/base/base.h"

#include "cluster/api/strategic.h"

#include "cluster/api/go_text.h"

#define DIRECTIVE_PATCH S("$patch")
#define DIRECTIVE_RETAIN S("$retainKeys")
#define DIRECTIVE_ORDER S("$setElementOrder/")
#define DIRECTIVE_DELETE S("$deleteFromPrimitiveList/")

static struct value merge_struct(const struct type_schema *t, struct value own, struct value patch,
                                 struct text *error);
static struct value merge_field(const struct field_schema *f, struct value own, struct value patch,
                                struct value part, struct str name, struct text *error);
static struct value merge_list(const struct field_schema *f, struct value own, struct value part,
                               struct text *error);
static struct value merge_set(struct value own, struct value part);
static struct value order_list(struct value own, struct value original, struct value order,
                               const char *merge_key);
static struct value remove_items(struct value own, struct value doomed);
static struct value without_directives(struct value part);
static struct value merge_plain(struct value own, struct value part, struct text *error);

struct value strategic_merge(const struct type_schema *type, struct value own_original,
                             struct value patch, struct text *error)
{
    CHECK(value_kind(patch) == VALUE_OBJECT);
    struct value merged = merge_struct(type, own_original, patch, error);
    if (error->size == 0)
        return merged;
    value_drop(merged);
    return VALUE_ABSENT;
}

static const struct str malformed[] = {
    {"invalid JSON document", 21},
    {"invalid patch format of primitive list", 38},
    {"invalid patch format of retainKeys", 34},
    {"invalid patch format of setElementOrder list", 44},
    {"strategic merge patch format is not supported", 45},
};
#define BAD_RETAIN malformed[2]

bool strategic_is_malformed(struct str error)
{
    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++)
        if (str_equal(error, malformed[i]))
            return true;
    return false;
}

bool strategic_is_silent(struct str error)
{
    return str_equal(error, S("lists of lists are not supported")) ||
           str_equal(error, S("patch content doesn't match retainKeys list"));
}

static void bad_directive(struct value directive, struct value patch, struct text *error)
{
    text_add(error, S("unknown patch type: "));
    go_text(directive, error);
    text_add(error, S(" in map: "));
    go_text(patch, error);
}

/* ---- structs ---- */

/* Is each field of the patch among the retained keys? */
static bool retains_all(struct value keys, struct value patch)
{
    if (value_kind(keys) != VALUE_ARRAY)
        return false;
    for (size_t i = 0; i < value_count(patch); i++) {
        struct str name = value_key_at(patch, i);
        if (value_kind(value_member_at(patch, i)) == VALUE_NULL ||
            str_starts_with(name, DIRECTIVE_DELETE) || str_starts_with(name, DIRECTIVE_ORDER) ||
            str_equal(name, DIRECTIVE_RETAIN))
            continue;
        AUTO(value) struct value key = value_string(name);
        if (!value_has_item(keys, key))
            return false;
    }
    return true;
}

static struct value retain_keys(struct value own, struct value keys)
{
    struct value kept = value_object();
    for (size_t i = 0; i < value_count(keys); i++) {
        struct str key = value_str(value_at(keys, i));
        struct value have = value_get_key(own, key);
        if (value_is_present(have))
            kept = value_set_key(kept, key, value_keep(have));
    }
    value_drop(own);
    return kept;
}

static struct value merge_struct(const struct type_schema *t, struct value own, struct value patch,
                                 struct text *error)
{
    struct value directive = value_get_key(patch, DIRECTIVE_PATCH);
    if (value_is(directive, "replace") || value_is(directive, "delete")) {
        value_drop(own);
        return value_is(directive, "replace") ? without_directives(patch) : value_object();
    }
    if (value_is_present(directive)) {
        bad_directive(directive, patch, error);
        return own;
    }
    struct value retained = value_get_key(patch, DIRECTIVE_RETAIN);
    if (value_is_present(retained)) {
        if (!retains_all(retained, patch)) {
            text_add(error, BAD_RETAIN);
            return own;
        }
        own = retain_keys(own, retained);
    }
    if (value_kind(own) != VALUE_OBJECT) {
        value_drop(own);
        own = value_object();
    }
    for (size_t i = 0; i < value_count(patch); i++) {
        struct str name = value_key_at(patch, i);
        struct value part = value_member_at(patch, i);
        bool is_order = str_starts_with(name, DIRECTIVE_ORDER);
        bool is_delete = str_starts_with(name, DIRECTIVE_DELETE);
        if (is_order || is_delete) {
            struct str list =
                str_slice(name, is_order ? DIRECTIVE_ORDER.size : DIRECTIVE_DELETE.size, name.size);
            if (value_is_present(value_get_key(patch, list)))
                continue; /* together with the list, below */
            name = list;
            part = VALUE_ABSENT;
        } else if (str_starts_with(name, S("$"))) {
            continue;
        }
        own = merge_field(t ? schema_field(t, atom_of(name)) : NULL, own, patch, part, name, error);
    }
    return own;
}

static struct value directive_for(struct value patch, struct str directive, struct str list)
{
    AUTO(text) struct text key = {0};
    text_add(&key, directive);
    text_add(&key, list);
    return value_get_key(patch, text_str(&key));
}

static struct value key_of(struct value item, const char *merge_key);
static size_t find_item(struct value list, struct value wanted, const char *merge_key);

/* The items of the patch's list must stand in the order that it asks for. */
static bool order_is_good(struct value order, struct value part, const char *merge_key,
                          struct text *error)
{
    if (!value_is_present(order))
        return true;
    if (value_kind(order) != VALUE_ARRAY) {
        text_printf(error, "expected a []interface {}, but received a %s", go_type(order));
        return false;
    }
    size_t last = 0;
    for (size_t i = 0; i < value_count(part); i++) {
        struct value item = value_at(part, i);
        if (value_is_present(value_get_key(item, DIRECTIVE_PATCH)))
            continue;
        size_t at = find_item(order, key_of(item, merge_key), merge_key);
        if (at < value_count(order) && at >= last) {
            last = at;
            continue;
        }
        text_add(error, S("The order in patch list:\n"));
        go_text(part, error);
        text_add(error, S("\n doesn't match $setElementOrder list:\n"));
        go_text(order, error);
        text_add_byte(error, '\n');
        return false;
    }
    return true;
}

static struct value merge_field(const struct field_schema *f, struct value own, struct value patch,
                                struct value part, struct str name, struct text *error)
{
    struct value old = value_get_key(own, name);
    if (value_kind(part) == VALUE_NULL)
        return value_is_present(old) ? value_set_key(own, name, VALUE_ABSENT) : own;
    struct value new;
    const struct type_schema *nested = f ? schema_type_of(f) : NULL;
    bool is_merged_list =
        f != NULL && f->container == SCHEMA_LIST && (f->flags & SCHEMA_PATCH_MERGE);
    /* What is no list is taken over as it is, for the decoder to refuse. */
    if (value_kind(part) != VALUE_ARRAY && value_kind(part) != VALUE_NONE)
        is_merged_list = false;
    if (value_kind(old) != VALUE_ARRAY && value_kind(old) != VALUE_NONE)
        is_merged_list = false;
    if (is_merged_list) {
        struct value doomed = directive_for(patch, DIRECTIVE_DELETE, name);
        struct value order = directive_for(patch, DIRECTIVE_ORDER, name);
        if (!order_is_good(order, part, f->merge_key, error))
            return own;
        new = value_keep(old);
        if (value_is_present(doomed))
            new = remove_items(new, doomed);
        if (value_is_present(part))
            new = nested ? merge_list(f, new, part, error) : merge_set(new, part);
        if (value_is_present(order))
            new = order_list(new, old, order, f->merge_key);
    } else if (!value_is_present(part)) {
        return own;
    } else if (value_kind(part) == VALUE_OBJECT && nested != NULL && f->container == SCHEMA_NONE) {
        new = merge_struct(nested, value_keep(old), part, error);
    } else if (value_kind(part) == VALUE_OBJECT) {
        new = merge_plain(value_keep(old), part, error);
    } else {
        new = without_directives(part);
    }
    if (value_is_same(new, old)) {
        value_drop(new);
        return own;
    }
    if (value_equal(new, old)) { /* keep sharing what is equal */
        value_drop(new);
        return own;
    }
    return value_set_key(own, name, new);
}

/* Maps, and objects that no schema describes. */
static struct value merge_plain(struct value own, struct value part, struct text *error)
{
    if (VALUE_OBJECT != value_kind(own)) {
        value_drop(own);
        return without_directives(part);
    }
    struct value directive = value_get_key(part, DIRECTIVE_PATCH);
    if (value_is(directive, "replace") || value_is(directive, "delete")) {
        value_drop(own);
        return value_is(directive, "replace") ? without_directives(part) : value_object();
    }
    if (value_is_present(directive)) {
        bad_directive(directive, part, error);
        return own;
    }
    for (size_t i = 0; i < value_count(part); i++) {
        struct str key = value_key_at(part, i);
        struct value v = value_member_at(part, i), old = value_get_key(own, key);
        if (str_equal(key, DIRECTIVE_RETAIN))
            continue;
        if (value_kind(v) == VALUE_NULL)
            own = value_set_key(own, key, VALUE_ABSENT);
        else if (value_kind(v) == VALUE_OBJECT)
            own = value_set_key(own, key, merge_plain(value_keep(old), v, error));
        else
            own = value_set_key(own, key, value_keep(v));
    }
    return own;
}

/* A value that is taken over whole: no nulls, no directives in it. */
static struct value without_directives(struct value part)
{
    struct value result = value_keep(part);
    if (value_kind(part) == VALUE_ARRAY) {
        for (size_t i = 0; i < value_count(part); i++) {
            struct value old = value_at(part, i), new = without_directives(old);
            if (value_is_same(old, new))
                value_drop(new);
            else
                result = value_set_at(result, i, new);
        }
    }
    for (size_t i = 0; value_kind(part) == VALUE_OBJECT && i < value_count(part); i++) {
        struct str key = value_key_at(part, i);
        struct value old = value_member_at(part, i);
        bool is_directive = str_equal(key, DIRECTIVE_PATCH) || str_equal(key, DIRECTIVE_RETAIN) ||
                            str_starts_with(key, DIRECTIVE_ORDER) ||
                            str_starts_with(key, DIRECTIVE_DELETE);
        if (is_directive || value_kind(old) == VALUE_NULL) {
            result = value_set_key(result, key, VALUE_ABSENT);
            continue;
        }
        struct value new = without_directives(old);
        if (value_is_same(old, new))
            value_drop(new);
        else
            result = value_set_key(result, key, new);
    }
    return result;
}

/* ---- lists ---- */

/* The index of the item with this merge key (or that is equal, without one), or the count. */
static size_t find_item(struct value list, struct value wanted, const char *merge_key)
{
    size_t count = value_count(list);
    for (size_t i = 0; i < count; i++) {
        struct value item = value_at(list, i);
        if (value_equal(merge_key ? value_get_key(item, str_from(merge_key)) : item, wanted))
            return i;
    }
    return count;
}

static struct value key_of(struct value item, const char *merge_key)
{
    return merge_key ? value_get_key(item, str_from(merge_key)) : item;
}

static struct value merge_list(const struct field_schema *f, struct value own, struct value part,
                               struct text *error)
{
    const struct type_schema *t = schema_type_of(f);
    bool replaces = false;
    for (size_t i = 0; i < value_count(part); i++)
        replaces |= value_is(value_get_key(value_at(part, i), DIRECTIVE_PATCH), "replace");
    if (replaces) {
        value_drop(own);
        own = value_array();
    } else if (!value_is_present(own)) {
        own = value_array();
    }
    for (size_t i = 0; i < value_count(part); i++) {
        struct value item = value_at(part, i), directive = value_get_key(item, DIRECTIVE_PATCH);
        struct value key = key_of(item, f->merge_key);
        if (value_is(directive, "replace") && value_count(item) == 1)
            continue;
        if (!value_is_present(key)) {
            text_add(error, S("map: "));
            go_text(item, error);
            text_printf(error, " does not contain declared merge key: %s",
                        f->merge_key ? f->merge_key : "");
            return own;
        }
        size_t at = find_item(own, key, f->merge_key);
        if (value_is_present(directive) && !value_is(directive, "delete") &&
            !value_is(directive, "replace")) {
            if (value_is(directive, "merge"))
                text_add(error, S("merging lists cannot yet be specified in the patch"));
            else
                bad_directive(directive, item, error);
            return own;
        }
        if (value_is(directive, "delete")) {
            for (; at < value_count(own); at = find_item(own, key, f->merge_key))
                own = value_remove_at(own, at);
        } else if (at == value_count(own)) {
            own = value_append(own, without_directives(item));
        } else {
            struct value old = value_at(own, at),
                         new = merge_struct(t, value_keep(old), item, error);
            if (value_is_same(old, new))
                value_drop(new);
            else
                own = value_set_at(own, at, new);
        }
    }
    return own;
}

static struct value merge_set(struct value own, struct value part)
{
    for (size_t i = 0; i < value_count(part); i++) {
        struct value item = value_at(part, i);
        if (find_item(own, item, NULL) == value_count(own))
            own = value_append(own, value_keep(item));
    }
    return own;
}

static struct value remove_items(struct value own, struct value doomed)
{
    for (size_t i = 0; i < value_count(doomed); i++) {
        struct value item = value_at(doomed, i);
        for (size_t at = find_item(own, item, NULL); at < value_count(own);
             at = find_item(own, item, NULL))
            own = value_remove_at(own, at);
    }
    return own;
}

static struct value order_list(struct value own, struct value original, struct value order,
                               const char *merge_key)
{
    struct value known = value_array(), others = value_array(), result = value_array();
    for (size_t i = 0; i < value_count(order); i++) {
        size_t at = find_item(own, key_of(value_at(order, i), merge_key), merge_key);
        if (at < value_count(own))
            known = value_append(known, value_keep(value_at(own, at)));
    }
    for (size_t i = 0; i < value_count(own); i++) {
        struct value key = key_of(value_at(own, i), merge_key);
        if (find_item(order, key, merge_key) == value_count(order))
            others = value_append(others, value_keep(value_at(own, i)));
    }
    size_t i = 0, k = 0, count = value_count(original);
    while (i < value_count(others) || k < value_count(known)) {
        bool takes_other = k >= value_count(known);
        if (i < value_count(others) && !takes_other) {
            size_t a = find_item(original, key_of(value_at(others, i), merge_key), merge_key);
            size_t b = find_item(original, key_of(value_at(known, k), merge_key), merge_key);
            takes_other = a < count && b < count && a < b;
        }
        if (takes_other)
            result = value_append(result, value_keep(value_at(others, i++)));
        else
            result = value_append(result, value_keep(value_at(known, k++)));
    }
    value_drop(own);
    value_drop(known);
    value_drop(others);
    return result;
}
