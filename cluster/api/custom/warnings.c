/* SPDX-License-Identifier: Apache-2.0
 *
 * Warnings (warnings.h). A schema is walked as upstream walks it, with properties in the order of
 * their names; each format is told once.
 *
 * Upstream: apiextensions-apiserver/pkg/registry/customresourcedefinition/strategy.go,
 * pkg/registry/customresource/{strategy,validator}.go.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/warnings.h"

#include "cluster/api/custom/definition.h"
#include "cluster/api/custom/format.h"
#include "cluster/api/object.h"

/* ---- formats ---- */

static bool is_recognized(struct str type, struct str format)
{
    if (type.size == 0 || str_equal(type, S("string")))
        return format_is_known(format);
    if (str_equal(type, S("integer")))
        return str_equal(format, S("int32")) || str_equal(format, S("int64"));
    return str_equal(type, S("number")) &&
           (str_equal(format, S("float")) || str_equal(format, S("double")));
}

static struct value formats_add(struct value own_formats, struct value schema)
{
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    struct value formats = own_formats, format = VALUE_GET(schema, format);
    if (value_kind(schema) != VALUE_OBJECT)
        return formats;
    if (VALUE_STR(schema, format).size > 0 &&
        !is_recognized(VALUE_STR(schema, type), value_str(format)) &&
        !value_has_item(formats, format))
        formats = value_append(formats, value_keep(format));
    formats = formats_add(formats, schema_items(schema));
    for (size_t n = 0; n < ARRAY_COUNT(lists); n++) {
        struct value list = value_get_key(schema, str_from(lists[n]));
        for (size_t i = 0; i < value_count(list); i++)
            formats = formats_add(formats, value_at(list, i));
    }
    formats = formats_add(formats, VALUE_GET(schema, not ));
    struct value properties = VALUE_GET(schema, properties);
    for (size_t i = 0; i < value_count(properties); i++)
        formats = formats_add(formats, value_member_at(properties, i));
    return formats_add(formats, schema_additional(schema));
}

/* Those that nothing checks, each once; owned. */
static struct value unrecognized_formats(struct value definition)
{
    struct value versions = VALUE_GET(definition, spec, versions), formats = value_array();
    for (size_t i = 0; i < value_count(versions); i++)
        formats = formats_add(formats, VALUE_GET(value_at(versions, i), schema, openAPIV3Schema));
    return formats;
}

struct value definition_warnings(struct value new, struct value old, struct value own_warnings)
{
    struct value warnings = own_warnings;
    AUTO(value) struct value formats = unrecognized_formats(new);
    AUTO(value) struct value before = unrecognized_formats(old);
    for (size_t i = 0; i < value_count(formats); i++) {
        struct str format = value_str(value_at(formats, i));
        if (!value_has_item(before, value_at(formats, i)))
            warnings = value_append(warnings,
                                    value_printf("unrecognized format \"%.*s\"", STR_ARG(format)));
    }
    return warnings;
}

/* ---- finalizers ---- */

static bool is_standard(struct str name)
{
    return str_equal(name, S("orphan")) || str_equal(name, S("foregroundDeletion")) ||
           str_equal(name, S("kubernetes"));
}

struct value finalizer_warnings(struct value new, struct value old, struct value own_warnings)
{
    struct value warnings = own_warnings, names = VALUE_GET(new, metadata, finalizers);
    struct value before = VALUE_GET(old, metadata, finalizers);
    for (size_t i = 0; i < value_count(names); i++) {
        struct str name = value_str(value_at(names, i));
        bool has_path = str_find(name, '/') < name.size, has_dot = str_find(name, '.') < name.size;
        if (has_path || is_standard(name) || value_has_item(before, value_at(names, i)))
            continue;
        warnings = value_append(
            warnings,
            value_printf("metadata.finalizers: \"%.*s\": prefer a domain-qualified finalizer name "
                         "%sto avoid accidental conflicts with other finalizer writers",
                         STR_ARG(name), has_dot ? "including a path (/) " : ""));
    }
    return warnings;
}
