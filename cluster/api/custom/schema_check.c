/* SPDX-License-Identifier: Apache-2.0
 *
 * What a schema of a CustomResourceDefinition may not contain, the x-kubernetes-* extensions that
 * must make sense, the shape of validation rules, and defaults (structural.h).
 *
 * Upstream: apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
 * (ValidateCustomResourceDefinitionOpenAPISchema), pkg/apiserver/schema/defaulting/validation.go.
 */
#include "sim/base/base.h"

#include "cluster/api/cel/rules.h"
#include "cluster/api/custom/definition.h"
#include "cluster/api/custom/prune.h"
#include "cluster/api/custom/structural.h"
#include "cluster/api/custom/validate.h"
#include "cluster/api/validate_parts.h"

/* What holds of a place because of where it stands. */
struct place {
    bool is_root, is_in_meta;
    const char *no_default;     /* why defaults are forbidden; NULL: they are not */
    const char *uncorrelatable; /* the first ancestor that oldSelf cannot be found in */
    bool is_nested;             /* within a junctor: no rules there */
};

static void check_schema(struct value s, struct place place, path_t path, errors_t *errors);

/* ---- forbidden constructs ---- */

static void check_standard(struct value s, struct place place, path_t path, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name, *detail;
    } refused[] = {
        {ATOM_id, "id", "id is not supported"},
        {ATOM_additionalItems, "additionalItems", "additionalItems is not supported"},
        {ATOM_patternProperties, "patternProperties", "patternProperties is not supported"},
        {ATOM_definitions, "definitions", "definitions is not supported"},
        {ATOM_dependencies, "dependencies", "dependencies is not supported"},
        {ATOM_dollar_ref, "$ref", "$ref is not supported"},
    };
    struct value type = VALUE_GET(s, type);
    if (text_is_set(type) && !value_is(type, "null"))
        check_optional_choice(errors, path, "type", type,
                              "array|boolean|integer|number|object|string");
    if (value_is_present(VALUE_GET(s, default)) && place.no_default)
        child_error(errors, FIELD_FORBIDDEN, path, "default", VALUE_ABSENT, "must not be set %s",
                    place.no_default);
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
        if (value_is_present(value_get(s, refused[i].key)))
            child_error(errors, FIELD_FORBIDDEN, path, refused[i].name, VALUE_ABSENT, "%s",
                        refused[i].detail);
    if (value_is(type, "null"))
        child_error(errors, FIELD_FORBIDDEN, path, "type", VALUE_ABSENT,
                    "type cannot be set to null, use nullable as an alternative");
    if (value_kind(VALUE_GET(s, items)) == VALUE_ARRAY)
        child_error(errors, FIELD_FORBIDDEN, path, "items", VALUE_ABSENT,
                    "items must be a schema object and not an array");
    if (place.is_in_meta && schema_flag(s, ATOM_x_kubernetes_embedded_resource))
        child_error(errors, FIELD_FORBIDDEN, path, "x-kubernetes-embedded-resource", VALUE_ABSENT,
                    "must not be used inside of resource meta");
    if (VALUE_BOOL_AT(s, uniqueItems))
        child_error(errors, FIELD_FORBIDDEN, path, "uniqueItems", VALUE_ABSENT,
                    "uniqueItems cannot be set to true since the runtime complexity becomes "
                    "quadratic");
    struct value additional = VALUE_GET(s, additionalProperties);
    bool is_allowed = value_kind(additional) == VALUE_BOOL && value_as_bool(additional);
    if (value_count(VALUE_GET(s, properties)) > 0 && value_is_present(additional) && !is_allowed)
        child_error(errors, FIELD_FORBIDDEN, path, "additionalProperties", VALUE_ABSENT,
                    "additionalProperties and properties are mutual exclusive");
}

/* ---- lists and maps ---- */

/* "must be object if ...": the type that an extension asks for. */
static void check_type_is(struct value s, const char *type, const char *detail, path_t path,
                          errors_t *errors)
{
    struct value has = VALUE_GET(s, type);
    if (!value_is(has, type))
        child_error(errors, text_is_set(has) ? FIELD_INVALID : FIELD_REQUIRED, path, "type", has,
                    "%s", detail);
}

static void check_set_items(struct value items, path_t path, errors_t *errors)
{
    static const char detail[] = "must be atomic as item of a list with x-kubernetes-list-type=set";
    struct field_path here = path_child(path, "items");
    struct value list = VALUE_GET(items, x_kubernetes_list_type);
    if (VALUE_IS(items, "array", type) && value_is_present(list) && !value_is(list, "atomic"))
        child_error(errors, FIELD_INVALID, &here, "x-kubernetes-list-type", list, detail);
    if (VALUE_IS(items, "object", type) && !VALUE_IS(items, "atomic", x_kubernetes_map_type))
        child_error(errors, FIELD_INVALID, &here, "x-kubernetes-map-type", list, detail);
}

static void check_map_keys(struct value s, struct value items, path_t path, errors_t *errors)
{
    struct value keys = VALUE_GET(s, x_kubernetes_list_map_keys);
    struct value required = VALUE_GET(items, required);
    struct field_path items_path = path_child(path, "items");
    struct field_path list = path_child(&items_path, "properties");
    for (size_t i = 0; i < value_count(keys); i++) {
        struct str key = value_str(value_at(keys, i));
        struct value p = schema_property(items, key);
        struct field_path here = path_key(&list, key);
        if (!value_is_present(p))
            child_error(errors, FIELD_INVALID, path, "x-kubernetes-list-map-keys", keys,
                        "entries must all be names of item properties");
        else if (VALUE_IS(p, "array", type) || VALUE_IS(p, "object", type))
            child_error(errors, FIELD_INVALID, &here, "type", VALUE_GET(items, type),
                        "must be a scalar type if parent array's x-kubernetes-list-type is map");
        if (is_repeated_before(keys, i, ATOM_NONE))
            child_error(errors, FIELD_INVALID, path, "x-kubernetes-list-map-keys", keys,
                        "must not contain duplicate entries");
    }
    for (size_t i = 0; i < value_count(keys); i++) {
        struct value p = schema_property(items, value_str(value_at(keys, i)));
        struct field_path here = path_key(&list, value_str(value_at(keys, i)));
        if (!value_is_present(p))
            continue;
        if (!value_has_item(required, value_at(keys, i)) &&
            !value_is_present(VALUE_GET(p, default)))
            child_error(errors, FIELD_REQUIRED, &here, "default", VALUE_ABSENT,
                        "this property is in x-kubernetes-list-map-keys, so it must have a default "
                        "or be a required property");
        if (schema_flag(p, ATOM_nullable))
            child_error(errors, FIELD_FORBIDDEN, &here, "nullable", VALUE_ABSENT,
                        "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
    }
}

static void check_map_list(struct value s, path_t path, errors_t *errors)
{
    struct value items = VALUE_GET(s, items);
    struct field_path here = path_child(path, "items");
    if (value_count(VALUE_GET(s, x_kubernetes_list_map_keys)) == 0)
        child_error(errors, FIELD_REQUIRED, path, "x-kubernetes-list-map-keys", VALUE_ABSENT,
                    "must not be empty if x-kubernetes-list-type is map");
    if (!value_is_present(items))
        child_error(errors, FIELD_REQUIRED, path, "items", VALUE_ABSENT,
                    "must have a schema if x-kubernetes-list-type is map");
    else if (value_kind(items) != VALUE_OBJECT)
        child_error(errors, FIELD_INVALID, path, "items", items,
                    "must only have a single schema if x-kubernetes-list-type is map");
    else if (!VALUE_IS(items, "object", type))
        child_error(errors, FIELD_INVALID, &here, "type", VALUE_GET(items, type),
                    "must be object if parent array's x-kubernetes-list-type is map");
    else
        check_map_keys(s, items, path, errors);
}

static void check_extensions(struct value s, path_t path, errors_t *errors)
{
    struct value preserves = VALUE_GET(s, x_kubernetes_preserve_unknown_fields);
    struct value map_type = VALUE_GET(s, x_kubernetes_map_type);
    struct value list_type = VALUE_GET(s, x_kubernetes_list_type);
    struct value keys = VALUE_GET(s, x_kubernetes_list_map_keys);
    struct value items = schema_items(s);
    if (value_kind(preserves) == VALUE_BOOL && !value_as_bool(preserves))
        child_error(errors, FIELD_INVALID, path, "x-kubernetes-preserve-unknown-fields", preserves,
                    "must be true or undefined");
    if (value_is_present(map_type))
        check_type_is(s, "object", "must be object if x-kubernetes-map-type is specified", path,
                      errors);
    check_optional_choice(errors, path, "x-kubernetes-map-type", map_type, "atomic|granular");
    if (value_is_present(list_type))
        check_type_is(s, "array", "must be array if x-kubernetes-list-type is specified", path,
                      errors);
    if (VALUE_IS(s, "array", type) && value_is(list_type, "set") && value_is_present(items))
        check_set_items(items, path, errors);
    check_optional_choice(errors, path, "x-kubernetes-list-type", list_type, "atomic|set|map");
    if (value_count(keys) > 0 && !value_is(list_type, "map"))
        child_error(errors, value_is_present(list_type) ? FIELD_INVALID : FIELD_REQUIRED, path,
                    "x-kubernetes-list-type", list_type,
                    "must be map if x-kubernetes-list-map-keys is non-empty");
    if (value_is(list_type, "map"))
        check_map_list(s, path, errors);
    if ((value_is(list_type, "map") || value_is(list_type, "set")) &&
        schema_flag(items, ATOM_nullable)) {
        struct field_path here = path_child(path, "items");
        child_error(errors, FIELD_FORBIDDEN, &here, "nullable", VALUE_ABSENT,
                    "cannot be nullable when x-kubernetes-list-type is %.*s",
                    STR_ARG(value_str(list_type)));
    }
}

/* ---- validation rules: their shape; what they say is compiled elsewhere ---- */

static bool has_line_break(struct str s)
{
    return str_find(s, '\n') < s.size || str_find(s, '\r') < s.size;
}

static void check_rule_shape(struct value rule, path_t here, errors_t *errors)
{
    struct str text = str_trim(VALUE_STR(rule, rule));
    struct str given = VALUE_STR(rule, message), message = str_trim(given);
    struct str expression = VALUE_STR(rule, messageExpression);
    struct str field = VALUE_STR(rule, fieldPath);
    if (text.size == 0)
        child_error(errors, FIELD_REQUIRED, here, "rule", VALUE_ABSENT, "rule is not specified");
    else if (given.size > 0 && message.size == 0)
        child_error(errors, FIELD_INVALID, here, "message", VALUE_GET(rule, message),
                    "message must be non-empty if specified");
    else if (has_line_break(message))
        child_error(errors, FIELD_INVALID, here, "message", VALUE_GET(rule, message),
                    "message must not contain line breaks");
    else if (has_line_break(text) && message.size == 0)
        child_error(errors, FIELD_REQUIRED, here, "message", VALUE_ABSENT,
                    "message must be specified if rule contains line breaks");
    if (expression.size > 0 && str_trim(expression).size == 0)
        child_error(errors, FIELD_REQUIRED, here, "messageExpression", VALUE_ABSENT,
                    "messageExpression must be non-empty if specified");
    check_optional_choice(errors, here, "reason", VALUE_GET(rule, reason),
                          "FieldValueDuplicate|FieldValueForbidden|FieldValueInvalid|"
                          "FieldValueRequired");
    if (field.size > 0 && str_trim(field).size == 0)
        child_error(errors, FIELD_INVALID, here, "fieldPath", VALUE_GET(rule, fieldPath),
                    "fieldPath must be non-empty if specified");
    if (has_line_break(field))
        child_error(errors, FIELD_INVALID, here, "fieldPath", VALUE_GET(rule, fieldPath),
                    "fieldPath must not contain line breaks");
}

static void check_rules(struct value s, struct place place, size_t before, path_t path,
                        errors_t *errors)
{
    struct value rules = VALUE_GET(s, x_kubernetes_validations);
    struct field_path list = path_child(path, "x-kubernetes-validations");
    for (size_t i = 0; i < value_count(rules); i++) {
        struct field_path here = path_index(&list, i);
        check_rule_shape(value_at(rules, i), &here, errors);
    }
    if (value_count(rules) > 0 && errors->count == before && !place.is_nested)
        rules_compile(s, place.is_root, path, place.uncorrelatable, errors);
}

/* ---- the walk ---- */

static void check_list(struct value list, const char *name, struct place place, path_t path,
                       errors_t *errors)
{
    struct field_path all = path_child(path, name);
    place.is_root = false;
    place.is_nested = true;
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path here = path_index(&all, i);
        check_schema(value_at(list, i), place, &here, errors);
    }
}

static struct place with_uncorrelatable(struct place place, path_t path, struct text *name)
{
    if (place.uncorrelatable)
        return place;
    field_path_text(path, name);
    place.uncorrelatable = text_c(name);
    return place;
}

static void check_properties(struct value s, struct place place, path_t path, errors_t *errors)
{
    static const char *const meta[] = {"metadata", "kind", "apiVersion"};
    static const char *const top[] = {"in top-level metadata", "in top-level kind",
                                      "in top-level apiVersion"};
    struct value properties = VALUE_GET(s, properties);
    struct field_path list = path_child(path, "properties");
    AUTO(text) struct text name = {0};
    bool is_resource = place.is_root || schema_flag(s, ATOM_x_kubernetes_embedded_resource);
    bool is_root = place.is_root;
    place.is_root = false;
    if (VALUE_IS(s, "atomic", x_kubernetes_map_type))
        place = with_uncorrelatable(place, path, &name);
    for (size_t i = 0; i < value_count(properties); i++) {
        struct str key = value_key_at(properties, i);
        struct field_path here = path_key(&list, key);
        struct place inside = place;
        for (size_t m = 0; m < ARRAY_COUNT(meta) && is_resource; m++) {
            if (!str_equal(key, str_from(meta[m])))
                continue;
            inside.is_in_meta = true;
            inside.no_default = is_root ? top[m] : inside.no_default;
        }
        check_schema(value_member_at(properties, i), inside, &here, errors);
    }
}

static void check_schema(struct value s, struct place place, path_t path, errors_t *errors)
{
    size_t before = errors->count;
    struct value items = schema_items(s), additional = schema_additional(s);
    struct place inside = place;
    AUTO(text) struct text name = {0};
    check_standard(s, place, path, errors);
    inside.is_root = false;
    if (value_is_present(additional)) {
        struct field_path here = path_child(path, "additionalProperties");
        struct place within = inside;
        if (place.is_in_meta)
            within.no_default = "inside additionalProperties applying to object metadata";
        check_schema(additional, within, &here, errors);
    }
    check_properties(s, place, path, errors);
    if (value_is_present(VALUE_GET(s, not ))) {
        struct field_path here = path_child(path, "not");
        struct place within = inside;
        within.is_nested = true;
        check_schema(VALUE_GET(s, not ), within, &here, errors);
    }
    check_list(VALUE_GET(s, allOf), "allOf", inside, path, errors);
    check_list(VALUE_GET(s, oneOf), "oneOf", inside, path, errors);
    check_list(VALUE_GET(s, anyOf), "anyOf", inside, path, errors);
    if (value_is_present(items)) {
        struct field_path here = path_child(path, "items");
        struct place within = inside;
        if (!VALUE_IS(s, "map", x_kubernetes_list_type))
            within = with_uncorrelatable(within, path, &name);
        check_schema(items, within, &here, errors);
    }
    check_extensions(s, path, errors);
    check_rules(s, place, before, path, errors);
}

void schema_check(struct value schema, const struct field_path *path, struct field_errors *errors)
{
    check_schema(schema, (struct place){.is_root = true}, path, errors);
}

/* ---- defaults ---- */

static void check_default(struct value s, path_t path, errors_t *errors)
{
    struct value v = VALUE_GET(s, default);
    if (!value_is_present(v))
        return;
    struct field_path here = path_child(path, "default");
    AUTO(value) struct value pruned = schema_prune_part(s, value_keep(v));
    if (!value_equal(pruned, v))
        field_error_at(errors, FIELD_INVALID, &here, v, "must not have unknown fields");
    else
        schema_validate_value(s, v, &here, errors);
}

void schema_check_defaults(struct value s, const struct field_path *path,
                           struct field_errors *errors)
{
    struct value properties = VALUE_GET(s, properties);
    struct value items = schema_items(s), additional = schema_additional(s);
    struct field_path list = path_child(path, "properties");
    check_default(s, path, errors);
    for (size_t i = 0; i < value_count(properties); i++) {
        struct field_path here = path_key(&list, value_key_at(properties, i));
        schema_check_defaults(value_member_at(properties, i), &here, errors);
    }
    if (value_is_present(items)) {
        struct field_path here = path_child(path, "items");
        schema_check_defaults(items, &here, errors);
    }
    if (value_is_present(additional)) {
        struct field_path here = path_child(path, "additionalProperties");
        schema_check_defaults(additional, &here, errors);
    }
}
