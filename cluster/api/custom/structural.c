/* SPDX-License-Identifier: Apache-2.0
 *
 * Structural schemas (structural.h): the type is given at each level, nothing of structure stands
 * in allOf, anyOf, oneOf or not, int-or-string in one of its two forms, metadata only with name and
 * generateName.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/{validation,complete}.go.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/structural.h"

#include "cluster/api/custom/definition.h"
#include "cluster/api/custom/pattern.h"
#include "sim/base/sort.h"

enum level { LEVEL_ROOT, LEVEL_ITEM, LEVEL_FIELD };
typedef struct field_errors errors_t;
typedef const struct field_path *path_t;

static void check_invariants(struct value s, enum level level, path_t path, errors_t *errors);
static void check_nested(struct value v, bool skips_any_of, enum level level, path_t path,
                         errors_t *errors);

static void add(errors_t *errors, enum field_error_type type, path_t parent, const char *child,
                struct value value, const char *detail)
{
    struct field_path path = path_child(parent, child);
    field_error_at(errors, type, &path, value, "%s", detail);
}

/* ---- order ---- */

static int error_compare(const void *a, const void *b, void *context)
{
    (void)context;
    const struct field_error *x = a, *y = b;
    AUTO(text) struct text s = {0};
    AUTO(text) struct text t = {0};
    text_printf(&s, "%.*s: %.*s", STR_ARG(text_str(&x->path)), STR_ARG(text_str(&x->body)));
    text_printf(&t, "%.*s: %.*s", STR_ARG(text_str(&y->path)), STR_ARG(text_str(&y->body)));
    return str_compare(text_str(&s), text_str(&t));
}

/* ---- int or string ---- */

static bool is_type_alone(struct value v, const char *type)
{
    return value_count(v) == 1 && VALUE_IS(v, type, type);
}

static bool is_int_or_string(struct value any_of)
{
    return value_count(any_of) == 2 && is_type_alone(value_at(any_of, 0), "integer") &&
           is_type_alone(value_at(any_of, 1), "string");
}

/* ---- value validations ---- */

static void check_list_of_nested(struct value list, bool skips_first, const char *name,
                                 enum level level, path_t path, errors_t *errors)
{
    struct field_path all = path_child(path, name);
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path here = path_index(&all, i);
        check_nested(value_at(list, i), skips_first && i == 0, level, &here, errors);
    }
}

static void check_validations(struct value v, bool skips_any_of, bool skips_all_of,
                              enum level level, path_t path, errors_t *errors)
{
    struct value pattern = VALUE_GET(v, pattern);
    AUTO(text) struct text why = {0};
    if (!skips_any_of)
        check_list_of_nested(VALUE_GET(v, anyOf), false, "anyOf", level, path, errors);
    check_list_of_nested(VALUE_GET(v, allOf), skips_all_of, "allOf", level, path, errors);
    check_list_of_nested(VALUE_GET(v, oneOf), false, "oneOf", level, path, errors);
    if (value_is_present(VALUE_GET(v, not ))) {
        struct field_path here = path_child(path, "not");
        check_nested(VALUE_GET(v, not ), false, level, &here, errors);
    }
    if (value_is_present(pattern) && !pattern_is_valid(value_str(pattern), &why)) {
        struct field_path here = path_child(path, "pattern");
        field_error_at(errors, FIELD_INVALID, &here, pattern,
                       "must be a valid regular expression, but isn't: %s", text_c(&why));
    }
}

/* What may not stand within a junctor. */
static void check_forbidden(struct value v, path_t path, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name, *detail;
    } forbidden[] = {
        {ATOM_type, "type", "must be empty to be structural"},
        {ATOM_additionalProperties, "additionalProperties", "must be undefined to be structural"},
        {ATOM_default, "default", "must be undefined to be structural"},
        {ATOM_title, "title", "must be empty to be structural"},
        {ATOM_description, "description", "must be empty to be structural"},
        {ATOM_nullable, "nullable", "must be false to be structural"},
        {ATOM_x_kubernetes_preserve_unknown_fields, "x-kubernetes-preserve-unknown-fields",
         "must be false to be structural"},
        {ATOM_x_kubernetes_embedded_resource, "x-kubernetes-embedded-resource",
         "must be false to be structural"},
        {ATOM_x_kubernetes_int_or_string, "x-kubernetes-int-or-string",
         "must be false to be structural"},
        {ATOM_x_kubernetes_list_map_keys, "x-kubernetes-list-map-keys",
         "must be empty to be structural"},
        {ATOM_x_kubernetes_list_type, "x-kubernetes-list-type",
         "must be undefined to be structural"},
        {ATOM_x_kubernetes_map_type, "x-kubernetes-map-type", "must be undefined to be structural"},
        {ATOM_x_kubernetes_validations, "x-kubernetes-validations",
         "must be empty to be structural"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(forbidden); i++) {
        struct value part = value_get(v, forbidden[i].key);
        bool is_off = value_kind(part) == VALUE_BOOL && !value_as_bool(part);
        if (value_is_present(part) && !is_off)
            add(errors, FIELD_FORBIDDEN, path, forbidden[i].name, VALUE_ABSENT,
                forbidden[i].detail);
    }
}

static void check_nested(struct value v, bool skips_any_of, enum level level, path_t path,
                         errors_t *errors)
{
    struct value properties = VALUE_GET(v, properties), items = schema_items(v);
    struct field_path list = path_child(path, "properties");
    check_validations(v, skips_any_of, false, level, path, errors);
    if (value_is_present(items)) {
        struct field_path here = path_child(path, "items");
        check_nested(items, false, level, &here, errors);
    }
    for (size_t i = 0; i < value_count(properties); i++) {
        struct field_path here = path_key(&list, value_key_at(properties, i));
        check_nested(value_member_at(properties, i), false, LEVEL_FIELD, &here, errors);
    }
    check_forbidden(v, path, errors);
    if (value_is_present(value_get_key(properties, S("metadata")))) {
        struct field_path here = path_key(&list, S("metadata"));
        field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                       "must not be specified in a nested context");
    }
}

/* ---- metadata, kind, apiVersion ---- */

static bool has_only_names(struct value metadata)
{
    struct value properties = VALUE_GET(metadata, properties);
    for (size_t i = 0; i < value_count(properties); i++) {
        struct str key = value_key_at(properties, i);
        if (!str_equal(key, S("name")) && !str_equal(key, S("generateName")))
            return false;
    }
    for (size_t i = 0; i < value_count(metadata); i++) {
        atom key = value_key_atom_at(metadata, i);
        if (key != ATOM_type && key != ATOM_properties && key != ATOM_default)
            return false;
    }
    return true;
}

static void check_resource_fields(struct value s, bool checks_types, enum level level, path_t path,
                                  errors_t *errors)
{
    static const char *const texts[] = {"kind", "apiVersion"};
    struct field_path list = path_child(path, "properties");
    for (size_t i = 0; i < ARRAY_COUNT(texts) && checks_types; i++) {
        struct value p = schema_property(s, str_from(texts[i]));
        struct field_path here = path_key(&list, str_from(texts[i]));
        if (value_is_present(p) && !VALUE_IS(p, "string", type))
            add(errors, FIELD_INVALID, &here, "type", VALUE_GET(p, type), "must be string");
    }
    struct value metadata = schema_property(s, S("metadata"));
    struct field_path here = path_key(&list, S("metadata"));
    if (!value_is_present(metadata))
        return;
    if (checks_types && !VALUE_IS(metadata, "object", type))
        add(errors, FIELD_INVALID, &here, "type", VALUE_GET(metadata, type), "must be object");
    if (level == LEVEL_ROOT && !has_only_names(metadata))
        field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                       "must not specify anything other than name and generateName, but metadata "
                       "is implicitly specified");
}

/* ---- the walk ---- */

static void check_type_given(struct value s, enum level level, path_t path, errors_t *errors)
{
    static const char *const details[] = {
        [LEVEL_ROOT] = "must not be empty at the root",
        [LEVEL_ITEM] = "must not be empty for specified array items",
        [LEVEL_FIELD] = "must not be empty for specified object fields"};
    static const char embedded[] = "must be object if x-kubernetes-embedded-resource is true";
    struct value type = VALUE_GET(s, type);
    bool is_empty = value_str(type).size == 0;
    if (schema_flag(s, ATOM_x_kubernetes_embedded_resource) && !value_is(type, "object"))
        add(errors, is_empty ? FIELD_REQUIRED : FIELD_INVALID, path, "type", type, embedded);
    else if (is_empty && !schema_flag(s, ATOM_x_kubernetes_int_or_string) &&
             !schema_preserves_unknown(s))
        add(errors, FIELD_REQUIRED, path, "type", VALUE_ABSENT, details[level]);
    if (level == LEVEL_ROOT && !is_empty && !value_is(type, "object"))
        add(errors, FIELD_INVALID, path, "type", type, "must be object at the root");
}

static void check_extensions(struct value s, path_t path, errors_t *errors)
{
    static const char detail[] = "must be false if x-kubernetes-int-or-string is true";
    if (!schema_flag(s, ATOM_x_kubernetes_int_or_string))
        return;
    if (schema_preserves_unknown(s))
        add(errors, FIELD_INVALID, path, "x-kubernetes-preserve-unknown-fields", value_bool(true),
            detail);
    if (schema_flag(s, ATOM_x_kubernetes_embedded_resource))
        add(errors, FIELD_INVALID, path, "x-kubernetes-embedded-resource", value_bool(true),
            detail);
}

static void check_parts(struct value s, enum level level, path_t path, errors_t *errors)
{
    struct value items = schema_items(s), properties = VALUE_GET(s, properties);
    struct value additional = VALUE_GET(s, additionalProperties);
    struct field_path list = path_child(path, "properties");
    if (VALUE_IS(s, "array", type) && !value_is_present(VALUE_GET(s, items)))
        add(errors, FIELD_REQUIRED, path, "items", VALUE_ABSENT, "must be specified");
    if (value_is_present(items)) {
        struct field_path here = path_child(path, "items");
        check_invariants(items, LEVEL_ITEM, &here, errors);
    }
    for (size_t i = 0; i < value_count(properties); i++) {
        struct field_path here = path_key(&list, value_key_at(properties, i));
        check_invariants(value_member_at(properties, i), LEVEL_FIELD, &here, errors);
    }
    if (!value_is_present(additional))
        return;
    struct field_path here = path_child(path, "additionalProperties");
    if (level == LEVEL_ROOT)
        field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                       "must not be used at the root");
    if (value_kind(additional) == VALUE_OBJECT)
        check_invariants(additional, LEVEL_FIELD, &here, errors);
    if (schema_flag(s, ATOM_x_kubernetes_embedded_resource))
        field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                       "must not be used if x-kubernetes-embedded-resource is set");
}

static void check_invariants(struct value s, enum level level, path_t path, errors_t *errors)
{
    bool is_embedded = schema_flag(s, ATOM_x_kubernetes_embedded_resource);
    struct value all_of = VALUE_GET(s, allOf);
    bool is_int_or_string_any = is_int_or_string(VALUE_GET(s, anyOf));
    bool is_int_or_string_all =
        value_count(all_of) > 0 && is_int_or_string(VALUE_GET(value_at(all_of, 0), anyOf));
    check_parts(s, level, path, errors);
    check_extensions(s, path, errors);
    check_validations(s, is_int_or_string_any, is_int_or_string_all, level, path, errors);
    check_type_given(s, level, path, errors);
    check_resource_fields(s, level == LEVEL_ROOT || is_embedded, level, path, errors);
    if (is_embedded && !schema_preserves_unknown(s) && value_count(VALUE_GET(s, properties)) == 0)
        add(errors, FIELD_REQUIRED, path, "properties", VALUE_ABSENT,
            "must not be empty if x-kubernetes-embedded-resource is true without "
            "x-kubernetes-preserve-unknown-fields");
}

/* ---- completeness: what a junctor speaks of is specified outside of it as well ---- */

static void check_complete(struct value v, struct value s, path_t s_path, path_t v_path,
                           errors_t *errors);

static void require_specified(path_t s_path, path_t v_path, errors_t *errors)
{
    AUTO(text) struct text where = {0};
    field_path_text(v_path, &where);
    field_error_at(errors, FIELD_REQUIRED, s_path, VALUE_ABSENT, "because it is defined in %s",
                   text_c(&where));
}

/* `v` stands within a junctor. */
static void check_nested_complete(struct value v, struct value s, path_t s_path, path_t v_path,
                                  errors_t *errors)
{
    struct value properties = VALUE_GET(v, properties), items = schema_items(v);
    if (!value_is_present(s)) {
        require_specified(s_path, v_path, errors);
        return;
    }
    check_complete(v, s, s_path, v_path, errors);
    if (value_is_present(items)) {
        struct field_path s_here = path_child(s_path, "items"),
                          v_here = path_child(v_path, "items");
        check_nested_complete(items, schema_items(s), &s_here, &v_here, errors);
    }
    struct field_path s_list = path_child(s_path, "properties"),
                      v_list = path_child(v_path, "properties");
    for (size_t i = 0; i < value_count(properties); i++) {
        struct str key = value_key_at(properties, i);
        struct field_path s_here = path_key(&s_list, key), v_here = path_key(&v_list, key);
        check_nested_complete(value_member_at(properties, i), schema_property(s, key), &s_here,
                              &v_here, errors);
    }
}

static void check_complete(struct value v, struct value s, path_t s_path, path_t v_path,
                           errors_t *errors)
{
    static const char *const names[] = {"allOf", "anyOf", "oneOf"};
    if (value_is_present(VALUE_GET(v, not ))) {
        struct field_path here = path_child(v_path, "not");
        check_nested_complete(VALUE_GET(v, not ), s, s_path, &here, errors);
    }
    for (size_t n = 0; n < ARRAY_COUNT(names); n++) {
        struct value list = value_get_key(v, str_from(names[n]));
        struct field_path all = path_child(v_path, names[n]);
        for (size_t i = 0; i < value_count(list); i++) {
            struct field_path here = path_index(&all, i);
            check_nested_complete(value_at(list, i), s, s_path, &here, errors);
        }
    }
}

void structural_check(struct value schema, const struct field_path *path,
                      struct field_errors *errors)
{
    size_t before = errors->count;
    check_invariants(schema, LEVEL_ROOT, path, errors);
    check_complete(schema, schema, path, path, errors);
    if (errors->count > before)
        sort_stable(errors->items + before, errors->count - before, sizeof(*errors->items),
                    error_compare, NULL);
}
