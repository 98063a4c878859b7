/* SPDX-License-Identifier: Apache-2.0
 *
 * Which lists of a custom object are sets or maps, what is atomic, what has a name: read from the
 * extensions of its structural schema (schemaconv/smd upstream).
 *
 * - x-kubernetes-list-type set and map, with x-kubernetes-list-map-keys; atomic by default.
 * - x-kubernetes-map-type atomic makes an object one; granular by default.
 * - A property has a name of its own; what additionalProperties describe has not, and what
 *   x-kubernetes-preserve-unknown-fields lets in has no schema either.
 * - apiVersion, kind and metadata are there whatever the schema says, at the root and in embedded
 *   resources.
 *
 * A place is the word of a node of the schema, which the definition holds.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/fields.h"

static const struct fields_schema structural_schema;

/* A node of the schema; the kind's root is told from the others. */
static struct fields_type place(const struct custom_kind *root, struct value schema)
{
    if (value_kind(schema) != VALUE_OBJECT)
        return fields_type_deduced();
    return (struct fields_type){.schema = &structural_schema, .at = root, .part = schema.word};
}

static struct value schema_of(const struct fields_type *t)
{
    return (struct value){t->part};
}

static bool has_flag(struct value schema, const char *extension)
{
    return value_as_bool(value_get_key(schema, str_from(extension)));
}

static bool has_text(struct value schema, const char *extension, const char *text)
{
    return value_is(value_get_key(schema, str_from(extension)), text);
}

/* "a,b" of the keys of a list map: atoms live for ever, and so does the text of one. */
static struct str keys_of(struct value schema)
{
    struct value keys = value_get_key(schema, S("x-kubernetes-list-map-keys"));
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < value_count(keys); i++) {
        if (i > 0)
            text_add_byte(&t, ',');
        text_add(&t, value_str(value_at(keys, i)));
    }
    return atom_text(atom_of(text_str(&t)));
}

static void list_shape(struct value schema, struct fields_shape *ret)
{
    if (has_text(schema, "x-kubernetes-list-type", "map")) {
        ret->list = FIELDS_LIST_MAP;
        ret->keys = keys_of(schema);
    } else {
        bool is_set = has_text(schema, "x-kubernetes-list-type", "set");
        ret->list = is_set ? FIELDS_LIST_SET : FIELDS_LIST_ATOMIC;
    }
}

static void structural_shape(const struct fields_type *t, struct fields_shape *ret_shape)
{
    struct value schema = schema_of(t);
    struct str type = VALUE_STR(schema, type);
    *ret_shape = (struct fields_shape){0};
    if (has_flag(schema, "x-kubernetes-int-or-string")) {
        ret_shape->scalar = FIELDS_UNTYPED;
    } else if (str_equal(type, S("string"))) {
        ret_shape->scalar = FIELDS_STRING;
    } else if (str_equal(type, S("integer")) || str_equal(type, S("number"))) {
        ret_shape->scalar = FIELDS_NUMERIC;
    } else if (str_equal(type, S("boolean"))) {
        ret_shape->scalar = FIELDS_BOOLEAN;
    } else if (str_equal(type, S("array"))) {
        list_shape(schema, ret_shape);
    } else if (str_equal(type, S("object")) || t->at != NULL) {
        bool is_atomic = has_text(schema, "x-kubernetes-map-type", "atomic");
        ret_shape->map = is_atomic ? FIELDS_MAP_ATOMIC : FIELDS_MAP_GRANULAR;
    } else { /* without a type: anything */
        ret_shape->scalar = FIELDS_UNTYPED;
        ret_shape->list = FIELDS_LIST_ATOMIC;
        ret_shape->map = FIELDS_MAP_GRANULAR;
    }
}

static bool structural_member(const struct fields_type *t, struct str key,
                              struct fields_type *ret_type, bool *ret_is_declared)
{
    struct value schema = schema_of(t), property = schema_property(schema, key);
    bool is_resource = t->at != NULL || has_flag(schema, "x-kubernetes-embedded-resource");
    struct fields_type metadata = fields_type_of(&schema_types[TYPE_meta_v1_ObjectMeta]);
    *ret_is_declared = true;
    if (is_resource && str_equal(key, S("metadata"))) {
        *ret_type = metadata;
        return true;
    }
    if (is_resource && (str_equal(key, S("apiVersion")) || str_equal(key, S("kind")))) {
        bool is_declared;
        return metadata.schema->member(&metadata, S("name"), ret_type, &is_declared);
    }
    if (value_is_present(property)) {
        *ret_type = place(NULL, property);
        return true;
    }
    *ret_is_declared = false;
    *ret_type = place(NULL, schema_additional(schema));
    bool has_any = value_as_bool(value_get(schema, ATOM_additionalProperties)) ||
                   value_is_present(schema_additional(schema));
    return has_any || schema_preserves_unknown(schema) || VALUE_STR(schema, type).size == 0;
}

static void structural_item(const struct fields_type *t, struct fields_type *ret_type)
{
    *ret_type = place(NULL, schema_items(schema_of(t)));
}

static struct value structural_key_default(const struct fields_type *t, struct str key)
{
    struct value property = schema_property(schema_items(schema_of(t)), key);
    return value_keep(value_get_key(property, S("default")));
}

static const struct fields_schema structural_schema = {.shape = structural_shape,
                                                       .member = structural_member,
                                                       .item = structural_item,
                                                       .key_default = structural_key_default};

struct fields_type custom_fields_type(const struct custom_kind *k)
{
    return place(k, k->schema);
}
