/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a CustomResourceDefinition may be stored: names, versions, schemas, subresources,
 * columns, selectable fields, conversion, what may not change.
 *
 * Errors of schemas, subresources and columns that are the same in all versions are told of
 * spec.validation, spec.subresources and spec.additionalPrinterColumns: the API server's internal
 * form has them there, and its paths show it.
 *
 * Upstream: apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/definition.h"
#include "cluster/api/custom/structural.h"
#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/utf8.h"
#include "cluster/api/validate_parts.h"

#define SELECTABLE_FIELDS_MAX 8
#define DEPRECATION_WARNING_MAX 256

/* ---- names ---- */

/* "may have mixed case, but should otherwise match: ..." */
static void check_mixed_name(errors_t *errors, path_t names, const char *child, struct value v)
{
    AUTO(text) struct text lower = {0};
    struct str s = value_str(v);
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        text_add_byte(&lower, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    const char *why = s.size > 0 ? name_dns_1035_label(text_str(&lower)) : NULL;
    if (why)
        child_error(errors, FIELD_INVALID, names, child, v,
                    "may have mixed case, but should otherwise match: %s", why);
}

static void check_labels_of(errors_t *errors, path_t names, const char *child, struct value list)
{
    struct field_path all = path_child(names, child);
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path here = path_index(&all, i);
        check_rule(errors, &here, value_at(list, i), name_dns_1035_label);
    }
}

static void check_names(struct value names, path_t path, errors_t *errors)
{
    static const char *const required[] = {"plural", "singular", "kind", "listKind"};
    struct field_path here = path_child(path, "names");
    for (size_t i = 0; i < ARRAY_COUNT(required); i++)
        (void)check_required(errors, &here, required[i],
                             value_get_key(names, str_from(required[i])));
    for (size_t i = 0; i < 2; i++)
        if (text_is_set(value_get_key(names, str_from(required[i]))))
            check_child_rule(errors, &here, required[i],
                             value_get_key(names, str_from(required[i])), name_dns_1035_label);
    check_mixed_name(errors, &here, "kind", VALUE_GET(names, kind));
    check_mixed_name(errors, &here, "listKind", VALUE_GET(names, listKind));
    check_labels_of(errors, &here, "shortNames", VALUE_GET(names, shortNames));
    if (text_is_set(VALUE_GET(names, kind)) &&
        value_equal(VALUE_GET(names, kind), VALUE_GET(names, listKind)))
        child_error(errors, FIELD_INVALID, &here, "listKind", VALUE_GET(names, listKind),
                    "kind and listKind may not be the same");
    check_labels_of(errors, &here, "categories", VALUE_GET(names, categories));
}

static void check_group(struct value group, path_t path, errors_t *errors)
{
    struct str s = value_str(group);
    if (!check_required(errors, path, "group", group))
        return;
    if (name_dns_subdomain(s))
        check_child_rule(errors, path, "group", group, name_dns_subdomain);
    else if (str_find(s, '.') == s.size)
        child_error(errors, FIELD_INVALID, path, "group", group,
                    "should be a domain with at least one dot");
}

/* Groups of Kubernetes itself are a reviewed matter. */
static void check_approval(struct value o, errors_t *errors)
{
    struct str group = VALUE_STR(o, spec, group);
    struct value approval = object_annotation(o, S("api-approved.kubernetes.io"));
    struct str s = value_str(approval);
    bool is_protected = str_equal(group, S("k8s.io")) || str_equal(group, S("kubernetes.io")) ||
                        str_ends_with(group, S(".k8s.io")) ||
                        str_ends_with(group, S(".kubernetes.io"));
    if (!is_protected || str_starts_with(s, S("unapproved")))
        return;
    if (s.size == 0)
        field_error_add(errors, FIELD_REQUIRED,
                        S("metadata.annotations[api-approved.kubernetes.io]"), VALUE_ABSENT,
                        "protected groups must have approval annotation "
                        "\"api-approved.kubernetes.io\", see "
                        "https://github.com/kubernetes/enhancements/pull/1111");
    else if (!str_starts_with(s, S("https://")) && !str_starts_with(s, S("http://")))
        field_error_add(
            errors, FIELD_INVALID, S("metadata.annotations[api-approved.kubernetes.io]"), approval,
            "protected groups must have approval annotation "
            "\"api-approved.kubernetes.io\" with either a URL or a reason starting with "
            "\"unapproved\", see "
            "https://github.com/kubernetes/enhancements/pull/1111");
}

/* ---- parts of a version; each also stands at the top when all versions have the same ---- */

/* Only "object", and only fields that keep their meaning when the status is looked at alone. */
static void check_root_with_status(struct value schema, path_t path, errors_t *errors)
{
    static const atom allowed[] = {ATOM_description,
                                   ATOM_type,
                                   ATOM_format,
                                   ATOM_title,
                                   ATOM_maximum,
                                   ATOM_exclusiveMaximum,
                                   ATOM_minimum,
                                   ATOM_exclusiveMinimum,
                                   ATOM_maxLength,
                                   ATOM_minLength,
                                   ATOM_pattern,
                                   ATOM_maxItems,
                                   ATOM_minItems,
                                   ATOM_uniqueItems,
                                   ATOM_multipleOf,
                                   ATOM_required,
                                   ATOM_items,
                                   ATOM_properties,
                                   ATOM_externalDocs,
                                   ATOM_example,
                                   ATOM_x_kubernetes_preserve_unknown_fields,
                                   ATOM_x_kubernetes_validations};
    for (size_t i = 0; i < value_count(schema); i++) {
        bool is_allowed = false;
        for (size_t k = 0; k < ARRAY_COUNT(allowed); k++)
            is_allowed |= value_key_atom_at(schema, i) == allowed[k];
        if (is_allowed)
            continue;
        field_error_at(errors, FIELD_INVALID, path, schema,
                       "only [Description Type Format Title Maximum ExclusiveMaximum Minimum "
                       "ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems "
                       "MultipleOf Required Items Properties ExternalDocs Example "
                       "XPreserveUnknownFields XValidations] fields are allowed at the root of the "
                       "schema if the status subresource is enabled");
        return;
    }
}

static void check_version_schema(struct value schema, bool has_status, path_t path,
                                 errors_t *errors)
{
    struct field_path here = path_child(path, "openAPIV3Schema");
    struct value type = VALUE_GET(schema, type);
    size_t before;
    if (!value_is_present(schema))
        return;
    if (has_status && text_is_set(type) && !value_is(type, "object"))
        child_error(errors, FIELD_INVALID, &here, "type", type,
                    "only \"object\" is allowed as the type at the root of the schema if the "
                    "status subresource is enabled");
    else if (has_status)
        check_root_with_status(schema, &here, errors);
    if (schema_flag(schema, ATOM_nullable))
        child_error(errors, FIELD_FORBIDDEN, &here, "nullable", VALUE_ABSENT,
                    "nullable cannot be true at the root");
    before = errors->count;
    structural_check(schema, &here, errors);
    if (errors->count == before)
        schema_check_defaults(schema, &here, errors);
    schema_check(schema, &here, errors);
}

static void check_scale_path(struct value scale, const char *name, const char *under, path_t path,
                             errors_t *errors)
{
    struct value v = value_get_key(scale, str_from(name));
    struct str s = value_str(v);
    AUTO(text) struct text child = {0};
    text_printf(&child, "scale.%s", name);
    bool is_label = strcmp(name, "labelSelectorPath") == 0;
    bool is_under =
        str_starts_with(s, str_from(under)) || (is_label && str_starts_with(s, S(".spec.")));
    if (s.size == 0) {
        if (!is_label)
            child_error(errors, FIELD_REQUIRED, path, text_c(&child), VALUE_ABSENT, NO_DETAIL);
    } else if (s.bytes[0] != '.') {
        child_error(errors, FIELD_INVALID, path, text_c(&child), v,
                    "must be a simple json path starting with .");
    } else if (!is_under) {
        child_error(errors, FIELD_INVALID, path, text_c(&child), v,
                    "should be a json path under %s",
                    is_label                       ? "either .spec or .status"
                    : strcmp(under, ".spec.") == 0 ? ".spec"
                                                   : ".status");
    }
}

static void check_subresources(struct value subresources, path_t path, errors_t *errors)
{
    struct value scale = VALUE_GET(subresources, scale);
    if (!value_is_present(scale))
        return;
    check_scale_path(scale, "specReplicasPath", ".spec.", path, errors);
    check_scale_path(scale, "statusReplicasPath", ".status.", path, errors);
    check_scale_path(scale, "labelSelectorPath", ".status.", path, errors);
}

static void check_columns(struct value columns, path_t path, errors_t *errors)
{
    static const char types[] = "boolean|date|integer|number|string";
    static const char formats[] = "byte|date|date-time|double|float|int32|int64|password";
    static const char types_text[] = "must be one of boolean,date,integer,number,string";
    static const char formats_text[] =
        "must be one of byte,date,date-time,double,float,int32,int64,password";
    for (size_t i = 0; i < value_count(columns); i++) {
        struct field_path here = path_index(path, i);
        struct value c = value_at(columns, i), type = VALUE_GET(c, type);
        struct value format = VALUE_GET(c, format), json_path = VALUE_GET(c, jsonPath);
        (void)check_required(errors, &here, "name", VALUE_GET(c, name));
        if (!text_is_set(type))
            child_error(errors, FIELD_REQUIRED, &here, "type", VALUE_ABSENT, types_text);
        else if (!is_one_of(type, types))
            child_error(errors, FIELD_INVALID, &here, "type", type, types_text);
        if (text_is_set(format) && !is_one_of(format, formats))
            child_error(errors, FIELD_INVALID, &here, "format", format, formats_text);
        if (!text_is_set(json_path))
            child_error(errors, FIELD_REQUIRED, &here, "JSONPath", VALUE_ABSENT, NO_DETAIL);
        else if (!str_starts_with(value_str(json_path), S(".")))
            child_error(errors, FIELD_INVALID, &here, "JSONPath", json_path,
                        "must be a simple json path starting with .");
    }
}

/* The schema that a path of plain names leads to; absent: none. */
static struct value schema_at(struct value schema, struct str path)
{
    path = str_slice(path, 1, path.size);
    while (path.size > 0 && value_is_present(schema)) {
        struct str name = str_cut(path, '.', &path);
        struct value property = schema_property(schema, name);
        schema = value_is_present(property) ? property : schema_additional(schema);
    }
    return schema;
}

static void check_selectable(struct value fields, struct value schema, path_t path,
                             errors_t *errors)
{
    struct field_path list = path_child(path, "selectableFields");
    for (size_t i = 0; i < value_count(fields); i++) {
        struct field_path here = path_index(&list, i);
        struct value v = VALUE_GET(value_at(fields, i), jsonPath);
        struct str s = value_str(v);
        struct value found = str_starts_with(s, S(".")) ? schema_at(schema, s) : VALUE_ABSENT;
        if (s.size == 0) {
            child_error(errors, FIELD_REQUIRED, &here, "jsonPath", VALUE_ABSENT, NO_DETAIL);
            continue;
        }
        if (!value_is_present(found)) {
            child_error(errors, FIELD_INVALID, &here, "jsonPath", v,
                        "is an invalid path: does not refer to a valid field");
            continue;
        }
        if (str_starts_with(s, S(".metadata")))
            child_error(errors, FIELD_INVALID, &here, "jsonPath", v,
                        "must not point to fields in metadata");
        if (!is_one_of(VALUE_GET(found, type), "string|boolean|integer"))
            child_error(errors, FIELD_INVALID, &here, "jsonPath", v,
                        "must point to a field of type string, boolean or integer. Enum string "
                        "fields and strings with formats are allowed.");
        if (is_repeated_before(fields, i, ATOM_jsonPath))
            child_error(errors, FIELD_DUPLICATE, &here, "jsonPath", v, NO_DETAIL);
    }
    if (value_count(fields) > SELECTABLE_FIELDS_MAX)
        field_error_at(errors, FIELD_TOO_MANY, &list, value_integer((int64_t)value_count(fields)),
                       "must have at most %d items", SELECTABLE_FIELDS_MAX);
}

static void check_deprecation(struct value version, path_t path, errors_t *errors)
{
    struct value v = VALUE_GET(version, deprecationWarning);
    if (!value_is_present(v))
        return;
    if (!VALUE_BOOL_AT(version, deprecated))
        child_error(errors, FIELD_INVALID, path, "deprecationWarning", v,
                    "can only be set for deprecated versions");
    if (value_str(v).size > DEPRECATION_WARNING_MAX)
        child_error(errors, FIELD_INVALID, path, "deprecationWarning", v,
                    "must be <= %d characters long", DEPRECATION_WARNING_MAX);
    if (value_str(v).size == 0)
        child_error(errors, FIELD_INVALID, path, "deprecationWarning", v,
                    "must not be an empty string");
}

/* ---- versions ---- */

/* All versions have the same there, and it is there. */
static bool is_the_same(struct value versions, atom part)
{
    struct value first = value_get(value_at(versions, 0), part);
    for (size_t i = 0; i < value_count(versions); i++)
        if (!value_equal(value_get(value_at(versions, i), part), first))
            return false;
    return value_is_present(first);
}

struct sameness {
    bool schema, subresources, columns;
};

static bool has_status(struct value version)
{
    return value_is_present(VALUE_GET(version, subresources, status));
}

static void check_version(struct value v, const struct sameness *same, path_t path,
                          errors_t *errors)
{
    struct field_path schema = path_child(path, "schema");
    struct field_path subresources = path_child(path, "subresources");
    struct field_path columns = path_child(path, "additionalPrinterColumns");
    check_child_rule(errors, path, "name", VALUE_GET(v, name), name_dns_1035_label);
    check_deprecation(v, path, errors);
    if (!same->schema)
        check_version_schema(VALUE_GET(v, schema, openAPIV3Schema), has_status(v), &schema, errors);
    if (!same->subresources)
        check_subresources(VALUE_GET(v, subresources), &subresources, errors);
    if (!same->columns)
        check_columns(VALUE_GET(v, additionalPrinterColumns), &columns, errors);
    check_selectable(VALUE_GET(v, selectableFields), VALUE_GET(v, schema, openAPIV3Schema), path,
                     errors);
}

/* ---- versions as the API server's own form of them, which has no names for JSON ----
 *
 * DEVIATION: a schema that the versions do not share is shown with the names of the API: the whole
 * of the internal form, with its sixty zeros a level, is nothing that anybody reads. */

static void show_text(struct text *out, const char *name, struct value v, bool is_pointer)
{
    text_printf(out, "\"%s\":", name);
    if (value_is_present(v))
        json_write(v, out);
    else
        text_add(out, is_pointer ? S("null") : S("\"\""));
}

static void show_subresources(struct value subresources, struct text *out)
{
    struct value scale = VALUE_GET(subresources, scale);
    bool has_status = value_is_present(VALUE_GET(subresources, status));
    text_printf(out, "{\"Status\":%s,\"Scale\":", has_status ? "{}" : "null");
    if (value_is_present(scale)) {
        text_add_byte(out, '{');
        show_text(out, "SpecReplicasPath", VALUE_GET(scale, specReplicasPath), false);
        text_add_byte(out, ',');
        show_text(out, "StatusReplicasPath", VALUE_GET(scale, statusReplicasPath), false);
        text_add_byte(out, ',');
        show_text(out, "LabelSelectorPath", VALUE_GET(scale, labelSelectorPath), true);
        text_add_byte(out, '}');
    } else {
        text_add(out, S("null"));
    }
    text_add_byte(out, '}');
}

static void show_columns(struct value columns, struct text *out)
{
    text_add_byte(out, '[');
    for (size_t i = 0; i < value_count(columns); i++) {
        struct value c = value_at(columns, i);
        text_add(out, i > 0 ? S(",{") : S("{"));
        show_text(out, "Name", VALUE_GET(c, name), false);
        text_add_byte(out, ',');
        show_text(out, "Type", VALUE_GET(c, type), false);
        text_add_byte(out, ',');
        show_text(out, "Format", VALUE_GET(c, format), false);
        text_add_byte(out, ',');
        show_text(out, "Description", VALUE_GET(c, description), false);
        text_printf(out, ",\"Priority\":%d,", (int)VALUE_INT(c, 0, priority));
        show_text(out, "JSONPath", VALUE_GET(c, jsonPath), false);
        text_add_byte(out, '}');
    }
    text_add_byte(out, ']');
}

static void show_fields(struct value fields, struct text *out)
{
    text_add_byte(out, '[');
    for (size_t i = 0; i < value_count(fields); i++) {
        text_add(out, i > 0 ? S(",{") : S("{"));
        show_text(out, "JSONPath", VALUE_GET(value_at(fields, i), jsonPath), false);
        text_add_byte(out, '}');
    }
    text_add_byte(out, ']');
}

/* A part, unless it is not there or stands at the top. */
static void show_part(struct text *out, const char *name, struct value part, bool is_at_top,
                      void (*show)(struct value part, struct text *out))
{
    text_printf(out, ",\"%s\":", name);
    if (value_is_present(part) && !is_at_top)
        show(part, out);
    else
        text_add(out, S("null"));
}

static void show_schema(struct value schema, struct text *out)
{
    text_add(out, S("{\"OpenAPIV3Schema\":"));
    json_write(VALUE_GET(schema, openAPIV3Schema), out);
    text_add_byte(out, '}');
}

static void show_version(struct value v, const struct sameness *same, struct text *out)
{
    text_add_byte(out, '{');
    show_text(out, "Name", VALUE_GET(v, name), false);
    text_printf(out, ",\"Served\":%s,\"Storage\":%s,\"Deprecated\":%s,",
                VALUE_BOOL_AT(v, served) ? "true" : "false",
                VALUE_BOOL_AT(v, storage) ? "true" : "false",
                VALUE_BOOL_AT(v, deprecated) ? "true" : "false");
    show_text(out, "DeprecationWarning", VALUE_GET(v, deprecationWarning), true);
    show_part(out, "Schema", VALUE_GET(v, schema), same->schema, show_schema);
    show_part(out, "Subresources", VALUE_GET(v, subresources), same->subresources,
              show_subresources);
    show_part(out, "AdditionalPrinterColumns", VALUE_GET(v, additionalPrinterColumns),
              same->columns, show_columns);
    show_part(out, "SelectableFields", VALUE_GET(v, selectableFields), false, show_fields);
    text_add_byte(out, '}');
}

static void versions_error(struct value versions, const struct sameness *same, path_t path,
                           const char *why, errors_t *errors)
{
    AUTO(text) struct text shown = {0};
    text_add_byte(&shown, '[');
    for (size_t i = 0; i < value_count(versions); i++) {
        if (i > 0)
            text_add_byte(&shown, ',');
        show_version(value_at(versions, i), same, &shown);
    }
    text_add_byte(&shown, ']');
    field_error_shown(errors, FIELD_INVALID, path, text_str(&shown), why);
}

/* ---- all versions ---- */

static void check_versions(struct value versions, const struct sameness *same, path_t path,
                           errors_t *errors)
{
    struct field_path list = path_child(path, "versions");
    size_t stored = 0;
    bool are_unique = true;
    for (size_t i = 0; i < value_count(versions); i++) {
        struct field_path here = path_index(&list, i), schema = path_child(&here, "schema");
        if (!value_is_present(VALUE_GET(value_at(versions, i), schema, openAPIV3Schema)))
            child_error(errors, FIELD_REQUIRED, &schema, "openAPIV3Schema", VALUE_ABSENT,
                        NO_DETAIL);
    }
    for (size_t i = 0; i < value_count(versions); i++) {
        struct field_path here = path_index(&list, i);
        stored += VALUE_BOOL_AT(value_at(versions, i), storage);
        are_unique &= !is_repeated_before(versions, i, ATOM_name);
        check_version(value_at(versions, i), same, &here, errors);
    }
    if (!are_unique)
        versions_error(versions, same, &list, "must contain unique version names", errors);
    if (stored != 1)
        versions_error(versions, same, &list,
                       "must have exactly one version marked as storage version", errors);
}

static void check_common(struct value versions, const struct sameness *same, path_t path,
                         errors_t *errors)
{
    struct value first = value_at(versions, 0);
    struct field_path validation = path_child(path, "validation");
    struct field_path subresources = path_child(path, "subresources");
    struct field_path columns = path_child(path, "additionalPrinterColumns");
    bool any_status = false;
    for (size_t i = 0; i < value_count(versions); i++)
        any_status |= has_status(value_at(versions, i));
    if (same->schema)
        check_version_schema(VALUE_GET(first, schema, openAPIV3Schema), any_status, &validation,
                             errors);
    if (same->subresources)
        check_subresources(VALUE_GET(first, subresources), &subresources, errors);
    if (same->columns)
        check_columns(VALUE_GET(first, additionalPrinterColumns), &columns, errors);
}

/* ---- conversion ---- */

static void check_review_versions(struct value versions, path_t path, errors_t *errors)
{
    struct field_path list = path_child(path, "conversionReviewVersions");
    bool is_known = false;
    if (value_count(versions) == 0)
        field_error_at(errors, FIELD_REQUIRED, &list, VALUE_ABSENT, NO_DETAIL);
    for (size_t i = 0; i < value_count(versions); i++) {
        struct field_path here = path_index(&list, i);
        struct value v = value_at(versions, i);
        if (is_repeated_before(versions, i, ATOM_NONE))
            field_error_at(errors, FIELD_INVALID, &here, v, "duplicate version");
        else
            check_rule(errors, &here, v, name_dns_1035_label);
        is_known |= value_is(v, "v1") || value_is(v, "v1beta1");
    }
    if (value_count(versions) > 0 && !is_known)
        field_error_at(errors, FIELD_INVALID, &list, versions,
                       "must include at least one of v1, v1beta1");
}

static void check_conversion(struct value conversion, path_t path, errors_t *errors)
{
    struct field_path here = path_child(path, "conversion");
    struct value webhook = VALUE_GET(conversion, webhook);
    struct value config = VALUE_GET(webhook, clientConfig);
    check_choice(errors, &here, "strategy", VALUE_GET(conversion, strategy), "None|Webhook");
    if (!VALUE_IS(conversion, "Webhook", strategy)) {
        if (value_is_present(config))
            child_error(errors, FIELD_FORBIDDEN, &here, "webhookClientConfig", VALUE_ABSENT,
                        "should not be set when strategy is not set to Webhook");
        if (value_count(VALUE_GET(webhook, conversionReviewVersions)) > 0)
            child_error(errors, FIELD_FORBIDDEN, &here, "conversionReviewVersions", VALUE_ABSENT,
                        "should not be set when strategy is not set to Webhook");
        return;
    }
    if (!value_is_present(config))
        child_error(errors, FIELD_REQUIRED, &here, "webhookClientConfig", VALUE_ABSENT,
                    "required when strategy is set to Webhook");
    else if (value_is_present(VALUE_GET(config, url)) ==
             value_is_present(VALUE_GET(config, service)))
        child_error(errors, FIELD_REQUIRED, &here, "webhookClientConfig", VALUE_ABSENT,
                    "exactly one of url or service is required");
    check_review_versions(VALUE_GET(webhook, conversionReviewVersions), &here, errors);
}

/* ---- the whole ---- */

static void check_stored_versions(struct value o, errors_t *errors)
{
    struct value stored = VALUE_GET(o, status, storedVersions);
    struct value versions = VALUE_GET(o, spec, versions);
    struct field_path status = path_child(NULL, "status");
    struct field_path list = path_child(&status, "storedVersions");
    for (size_t i = 0; i < value_count(stored); i++) {
        struct value v = value_at(stored, i);
        struct field_path here = path_index(&list, i);
        bool is_there = false;
        for (size_t k = 0; k < value_count(versions); k++)
            is_there |= value_equal(VALUE_GET(value_at(versions, k), name), v);
        struct str s = value_str(v);
        if (!is_there)
            field_error_at(errors, FIELD_INVALID, &here, v,
                           "missing from spec.versions; %.*s was previously a storage version, and "
                           "must remain in spec.versions until a storage migration ensures no data "
                           "remains persisted in %.*s and removes %.*s from status.storedVersions",
                           STR_ARG(s), STR_ARG(s), STR_ARG(s));
    }
}

void validate_definition(struct value o, errors_t *errors)
{
    struct value spec = VALUE_GET(o, spec), versions = VALUE_GET(spec, versions);
    struct value preserves = VALUE_GET(spec, preserveUnknownFields);
    struct field_path path = path_child(NULL, "spec");
    const struct sameness same = {is_the_same(versions, ATOM_schema),
                                  is_the_same(versions, ATOM_subresources),
                                  is_the_same(versions, ATOM_additionalPrinterColumns)};
    AUTO(text) struct text wanted = {0};
    text_printf(&wanted, "%.*s.%.*s", STR_ARG(VALUE_STR(spec, names, plural)),
                STR_ARG(VALUE_STR(spec, group)));
    if (!str_equal(text_str(&wanted), VALUE_STR(o, metadata, name)))
        field_error_add(errors, FIELD_INVALID, S("metadata.name"), VALUE_GET(o, metadata, name),
                        "must be spec.names.plural+\".\"+spec.group");
    check_group(VALUE_GET(spec, group), &path, errors);
    check_choice(errors, &path, "scope", VALUE_GET(spec, scope), "Cluster|Namespaced");
    check_versions(versions, &same, &path, errors);
    check_names(VALUE_GET(spec, names), &path, errors);
    check_common(versions, &same, &path, errors);
    check_conversion(VALUE_GET(spec, conversion), &path, errors);
    check_stored_versions(o, errors);
    check_approval(o, errors);
    if (value_as_bool(preserves))
        child_error(errors, FIELD_INVALID, &path, "preserveUnknownFields", preserves,
                    "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
                    "spec.versions[*].schema instead");
}

void validate_definition_update(struct value new, struct value old, errors_t *errors)
{
    struct field_path path = path_child(NULL, "spec"), names = path_child(&path, "names");
    if (condition_is_true(VALUE_GET(old, status, conditions), "Established")) {
        check_immutable(errors, &path, "scope", VALUE_GET(new, spec, scope),
                        VALUE_GET(old, spec, scope));
        check_immutable(errors, &names, "kind", VALUE_GET(new, spec, names, kind),
                        VALUE_GET(old, spec, names, kind));
    }
    check_immutable(errors, &path, "group", VALUE_GET(new, spec, group),
                    VALUE_GET(old, spec, group));
    check_immutable(errors, &names, "plural", VALUE_GET(new, spec, names, plural),
                    VALUE_GET(old, spec, names, plural));
}
