/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning and defaulting by a structural schema.
 *
 * Pruning [doc:custom-resource-definitions#field-pruning]: a field stays when `properties` has it,
 * when `additionalProperties` has a schema for it, or when x-kubernetes-preserve-unknown-fields is
 * true where it stands; below a field that is preserved and specified, pruning goes on.
 *
 * Defaulting [doc:custom-resource-definitions#defaulting]: "defaulting happens on the object in the
 * request to the API server using the request version defaults, when reading from etcd using the
 * storage version defaults". A null where the schema does not say nullable is as if it were not
 * there: it gets the default, or goes.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/{pruning,defaulting}.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/prune.h"

#include "cluster/api/custom/definition.h"
#include "cluster/api/decode.h"
#include "cluster/api/status.h"
#include "sim/base/text.h"

/* Paths of what was dropped: by the schema, and from the metadata of embedded resources. */
struct unknown_fields {
    struct value pruned, metadata;
};

static struct value prune(struct value schema, struct value own, bool is_resource,
                          const struct field_path *path, struct unknown_fields *unknown);

static void note(const struct field_path *path, struct unknown_fields *unknown)
{
    if (!unknown)
        return;
    AUTO(text) struct text t = {0};
    field_path_text(path, &t);
    unknown->pruned = value_append(unknown->pruned, value_string(text_str(&t)));
}

struct value metadata_prune(struct value metadata, struct str path, struct value *unknown,
                            struct text *ret_message)
{
    AUTO(value) struct value told = VALUE_ABSENT;
    const struct decode_options all = {.validation = FIELD_VALIDATION_WARN};
    const struct str before = S("unknown field \"");
    struct value typed = decode_bare(&schema_types[TYPE_meta_v1_ObjectMeta], value_keep(metadata),
                                     &all, ret_message, &told);
    for (size_t i = 0; unknown && i < value_count(told); i++) {
        struct str line = value_str(value_at(told, i));
        if (str_starts_with(line, before))
            *unknown = value_append(
                *unknown, value_printf("%.*s.%.*s", STR_ARG(path),
                                       STR_ARG(str_slice(line, before.size, line.size - 1))));
    }
    return typed;
}

/* The metadata of an embedded resource; what is none is left to validation. */
static struct value prune_metadata(struct value own, const struct field_path *path,
                                   struct unknown_fields *unknown)
{
    AUTO(text) struct text message = {0};
    AUTO(text) struct text place = {0};
    field_path_text(path, &place);
    struct value typed =
        metadata_prune(own, text_str(&place), unknown ? &unknown->metadata : NULL, &message);
    if (!value_is_present(typed))
        return own;
    value_drop(own);
    return typed;
}

static bool is_type_field(struct str key)
{
    return str_equal(key, S("apiVersion")) || str_equal(key, S("kind")) ||
           str_equal(key, S("metadata"));
}

static struct value prune_object(struct value schema, struct value own, bool is_resource,
                                 const struct field_path *path, struct unknown_fields *unknown)
{
    bool keeps = schema_preserves_unknown(schema);
    bool has_additional = value_is_present(VALUE_GET(schema, additionalProperties));
    bool is_embedded = schema_flag(schema, ATOM_x_kubernetes_embedded_resource);
    is_resource |= is_embedded;
    for (size_t i = 0; i < value_count(own);) {
        atom key = value_key_atom_at(own, i);
        struct str name = atom_text(key);
        struct field_path here = {path, name, PATH_NAME};
        struct value property = schema_property(schema, name);
        if (is_resource && is_type_field(name)) {
            i++;
            if (is_embedded && key == ATOM_metadata)
                own = value_set(own, key,
                                prune_metadata(value_keep(value_get(own, key)), &here, unknown));
            continue;
        }
        if (!value_is_present(property) && has_additional)
            property = schema_additional(schema);
        else if (!value_is_present(property) && !keeps) {
            note(&here, unknown);
            own = value_set(own, key, VALUE_ABSENT);
            continue;
        }
        i++;
        if (!value_is_present(property) && keeps)
            continue;
        struct value part = value_get(own, key);
        struct value next = prune(property, value_keep(part), false, &here, unknown);
        if (value_is_same(part, next))
            value_drop(next);
        else
            own = value_set(own, key, next);
    }
    return own;
}

/* `schema` absent: nothing of an object is known. */
static struct value prune(struct value schema, struct value own, bool is_resource,
                          const struct field_path *path, struct unknown_fields *unknown)
{
    if (value_kind(own) == VALUE_OBJECT)
        return prune_object(schema, own, is_resource, path, unknown);
    if (value_kind(own) != VALUE_ARRAY)
        return own;
    struct value items = schema_items(schema);
    if (!value_is_present(items) && schema_preserves_unknown(schema))
        return own;
    for (size_t i = 0; i < value_count(own); i++) {
        struct field_path here = path_index(path, i);
        struct value part = value_at(own, i);
        struct value next = prune(items, value_keep(part), false, &here, unknown);
        if (value_is_same(part, next))
            value_drop(next);
        else
            own = value_set_at(own, i, next);
    }
    return own;
}

/* Appends a list of texts in their order. Consumes it. */
static void append_sorted(struct value own_list, struct value *list)
{
    struct value last = VALUE_ABSENT;
    for (size_t n = 0; n < value_count(own_list); n++) {
        struct value next = VALUE_ABSENT;
        for (size_t i = 0; i < value_count(own_list); i++) {
            struct value item = value_at(own_list, i);
            bool is_later =
                !value_is_present(last) || str_compare(value_str(item), value_str(last)) > 0;
            if (is_later &&
                (!value_is_present(next) || str_compare(value_str(item), value_str(next)) < 0))
                next = item;
        }
        if (!value_is_present(next))
            break;
        last = next;
        *list = value_append(*list, value_keep(next));
    }
    value_drop(own_list);
}

struct value schema_prune(struct value schema, struct value own_object, struct value *unknown)
{
    struct unknown_fields fields = {VALUE_ABSENT, VALUE_ABSENT};
    struct value pruned = prune(schema, own_object, true, NULL, unknown ? &fields : NULL);
    if (unknown) {
        append_sorted(fields.pruned, unknown);
        append_sorted(fields.metadata, unknown);
    }
    return pruned;
}

struct value schema_prune_part(struct value schema, struct value own_value)
{
    return prune(schema, own_value, false, NULL, NULL);
}

/* ---- defaults ---- */

static bool is_stray_null(struct value v, struct value schema)
{
    return value_kind(v) == VALUE_NULL && value_is_present(schema) &&
           !schema_flag(schema, ATOM_nullable) && !schema_preserves_unknown(schema);
}

static struct value default_members(struct value schema, struct value own)
{
    struct value properties = VALUE_GET(schema, properties);
    for (size_t i = 0; i < value_count(properties); i++) {
        atom key = value_key_atom_at(properties, i);
        struct value property = value_member_at(properties, i), part = value_get(own, key);
        struct value wanted = VALUE_GET(property, default);
        bool is_missing = !value_is_present(part) || is_stray_null(part, property);
        if (is_missing && value_is_present(wanted))
            own = value_set(own, key, value_keep(wanted));
        else if (is_missing && value_is_present(part))
            own = value_set(own, key, VALUE_ABSENT);
    }
    return own;
}

static struct value default_object(struct value schema, struct value own)
{
    struct value additional = schema_additional(schema);
    own = default_members(schema, own);
    for (size_t i = 0; i < value_count(own);) {
        atom key = value_key_atom_at(own, i);
        struct value property = schema_property(schema, atom_text(key));
        struct value part = value_get(own, key);
        bool is_additional = !value_is_present(property);
        if (is_additional)
            property = additional;
        if (is_additional && is_stray_null(part, property)) {
            own = value_set(own, key, value_keep(VALUE_GET(property, default)));
            i += value_is_present(VALUE_GET(property, default));
            continue;
        }
        i++;
        if (!value_is_present(property))
            continue;
        struct value next = schema_default(property, value_keep(part));
        if (value_is_same(part, next))
            value_drop(next);
        else
            own = value_set(own, key, next);
    }
    return own;
}

struct value schema_default(struct value schema, struct value own)
{
    if (!value_is_present(schema))
        return own;
    if (value_kind(own) == VALUE_OBJECT)
        return default_object(schema, own);
    struct value items = schema_items(schema);
    if (value_kind(own) != VALUE_ARRAY || !value_is_present(items))
        return own;
    for (size_t i = 0; i < value_count(own); i++) {
        struct value part = value_at(own, i), wanted = VALUE_GET(items, default);
        if (is_stray_null(part, items) && value_is_present(wanted)) {
            own = value_set_at(own, i, value_keep(wanted));
            continue;
        }
        struct value next = schema_default(items, value_keep(part));
        if (value_is_same(part, next))
            value_drop(next);
        else
            own = value_set_at(own, i, next);
    }
    return own;
}
