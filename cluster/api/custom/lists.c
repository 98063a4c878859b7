/* SPDX-License-Identifier: Apache-2.0
 *
 * x-kubernetes-list-type set and map, x-kubernetes-embedded-resource (lists.h).
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/{listtype,objectmeta}.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/lists.h"

#include "cluster/api/custom/definition.h"

typedef void (*part_fn)(struct value schema, struct value v, const struct field_path *path,
                        struct field_errors *errors);

/* `each` for all parts of v that the schema describes. */
static void for_parts(struct value schema, struct value v, const struct field_path *path,
                      struct field_errors *errors, part_fn each)
{
    struct value items = schema_items(schema), additional = schema_additional(schema);
    if (value_kind(v) == VALUE_ARRAY) {
        for (size_t i = 0; value_is_present(items) && i < value_count(v); i++) {
            struct field_path here = path_index(path, i);
            each(items, value_at(v, i), &here, errors);
        }
        return;
    }
    for (size_t i = 0; value_kind(v) == VALUE_OBJECT && i < value_count(v); i++) {
        struct str key = value_key_at(v, i);
        struct value property = schema_property(schema, key);
        bool is_key = !value_is_present(property);
        struct field_path here = {path, key, is_key ? PATH_KEY : PATH_NAME};
        if (is_key)
            property = additional;
        if (value_is_present(property))
            each(property, value_member_at(v, i), &here, errors);
    }
}

/* The keys of an item of a map, with the defaults of its schema; owned. */
static struct value keys_of(struct value schema, struct value item)
{
    struct value names = VALUE_GET(schema, x_kubernetes_list_map_keys), keys = value_object();
    for (size_t i = 0; i < value_count(names); i++) {
        struct str name = value_str(value_at(names, i));
        struct value v = value_get_key(item, name);
        if (!value_is_present(v))
            v = VALUE_GET(schema_property(schema_items(schema), name), default);
        if (value_is_present(v))
            keys = value_set_key(keys, name, value_keep(v));
    }
    return keys;
}

static void check_same(struct value schema, struct value list, bool is_map,
                       const struct field_path *path, struct field_errors *errors)
{
    AUTO(value) struct value seen = value_array();
    AUTO(value) struct value told = value_array();
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path here = path_index(path, i);
        AUTO(value)
        struct value own =
            is_map ? keys_of(schema, value_at(list, i)) : value_keep(value_at(list, i));
        if (!value_has_item(seen, own)) {
            seen = value_append(seen, value_keep(own));
        } else if (!value_has_item(told, own)) {
            told = value_append(told, value_keep(own));
            field_error_at(errors, FIELD_DUPLICATE, &here, own, NO_DETAIL);
        }
    }
}

void check_list_keys(struct value schema, struct value v, const struct field_path *path,
                     struct field_errors *errors)
{
    bool is_map = VALUE_IS(schema, "map", x_kubernetes_list_type);
    if (value_kind(v) == VALUE_ARRAY && (is_map || VALUE_IS(schema, "set", x_kubernetes_list_type)))
        check_same(schema, v, is_map, path, errors);
    for_parts(schema, v, path, errors, check_list_keys);
}

struct value list_counterpart(struct value schema, struct value old_list, struct value item)
{
    if (value_kind(old_list) != VALUE_ARRAY || !VALUE_IS(schema, "map", x_kubernetes_list_type))
        return VALUE_ABSENT;
    AUTO(value) struct value wanted = keys_of(schema, item);
    for (size_t i = 0; i < value_count(old_list); i++) {
        AUTO(value) struct value own = keys_of(schema, value_at(old_list, i));
        if (value_equal(own, wanted))
            return value_at(old_list, i);
    }
    return VALUE_ABSENT;
}

static void check_type_field(struct value v, const char *name, const struct field_path *path,
                             struct field_errors *errors)
{
    struct field_path here = path_child(path, name);
    if (value_str(value_get_key(v, str_from(name))).size == 0)
        field_error_at(errors, FIELD_REQUIRED, &here, VALUE_ABSENT, "must not be empty");
}

void check_embedded(struct value schema, struct value v, const struct field_path *path,
                    struct field_errors *errors)
{
    if (schema_flag(schema, ATOM_x_kubernetes_embedded_resource) && value_kind(v) == VALUE_OBJECT) {
        check_type_field(v, "apiVersion", path, errors);
        check_type_field(v, "kind", path, errors);
    }
    for_parts(schema, v, path, errors, check_embedded);
}
