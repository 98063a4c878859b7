/* SPDX-License-Identifier: Apache-2.0
 *
 * Structural schemas as OpenAPI (openapi.h). Version 2 cannot say nullable, oneOf, anyOf, not, nor
 * int-or-string: what says so loses its type or its junctors, and what preserves unknown fields
 * loses its properties, as old clients would refuse the unknown ones.
 *
 * Upstream: apiextensions-apiserver/pkg/controller/openapi/builder, schema/kubeopenapi.go.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/openapi.h"

#include "cluster/api/json.h"

static struct value convert(struct value own_schema, bool is_v2);

static struct value convert_member(struct value own, atom key, bool is_v2)
{
    struct value part = value_get(own, key);
    if (value_kind(part) != VALUE_OBJECT)
        return own;
    return value_set(own, key, convert(value_keep(part), is_v2));
}

static struct value convert_properties(struct value own, bool is_v2)
{
    struct value properties = value_keep(VALUE_GET(own, properties));
    for (size_t i = 0; i < value_count(properties); i++) {
        atom key = value_key_atom_at(properties, i);
        struct value next = convert(value_keep(value_member_at(properties, i)), is_v2);
        properties = value_set(properties, key, next);
    }
    return value_is_present(properties) ? value_set(own, ATOM_properties, properties) : own;
}

static struct value convert(struct value own, bool is_v2)
{
    static const atom unknown_to_v2[] = {ATOM_oneOf, ATOM_anyOf, ATOM_allOf, ATOM_not};
    own = convert_member(own, ATOM_items, is_v2);
    own = convert_member(own, ATOM_additionalProperties, is_v2);
    own = convert_properties(own, is_v2);
    if (!is_v2)
        return own;
    for (size_t i = 0; i < ARRAY_COUNT(unknown_to_v2); i++)
        own = value_set(own, unknown_to_v2[i], VALUE_ABSENT);
    if (schema_flag(own, ATOM_nullable)) {
        own = value_set(own, ATOM_type, VALUE_ABSENT);
        own = value_set(own, ATOM_nullable, VALUE_ABSENT);
        own = value_set(own, ATOM_items, VALUE_ABSENT);
        own = value_set(own, ATOM_properties, VALUE_ABSENT);
    }
    if (schema_preserves_unknown(own)) {
        own = value_set(own, ATOM_items, VALUE_ABSENT);
        own = value_set(own, ATOM_properties, VALUE_ABSENT);
    }
    return own;
}

static struct value with_type_fields(const struct custom_kind *k, struct value own,
                                     const char *references)
{
    bool is_v3 = strcmp(references, "#/definitions/") != 0;
    struct value reference =
        value_printf("%sio.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", references);
    struct value metadata =
        is_v3 ? value_pack("{allOf: [{\"$ref\": %v}], description: \"Standard object metadata.\"}",
                           reference)
              : value_pack("{\"$ref\": %v, description: \"Standard object metadata.\"}", reference);
    own = VALUE_SET(own,
                    value_pack("{type: string, description: \"Version of the schema of this "
                               "object.\"}"),
                    properties, apiVersion);
    own = VALUE_SET(own, value_pack("{type: string, description: \"Kind of this object.\"}"),
                    properties, kind);
    own = VALUE_SET(own, metadata, properties, metadata);
    own = VALUE_SET(own, value_string(S("object")), type);
    return value_set_key(own, S("x-kubernetes-group-version-kind"),
                         value_pack("[{group: %S, kind: %S, version: %S}]", k->resource->group,
                                    k->resource->kind, k->resource->version));
}

void custom_kind_openapi(const struct custom_kind *k, const char *references, struct text *out)
{
    bool is_v2 = strcmp(references, "#/definitions/") == 0;
    struct value schema = value_is_present(k->schema) ? value_keep(k->schema) : value_object();
    bool is_open = is_v2 && schema_preserves_unknown(schema);
    schema = convert(schema, is_v2);
    if (!is_open)
        schema = with_type_fields(k, schema, references);
    else
        schema =
            value_set_key(schema, S("x-kubernetes-group-version-kind"),
                          value_pack("[{group: %S, kind: %S, version: %S}]", k->resource->group,
                                     k->resource->kind, k->resource->version));
    json_write(schema, out);
    value_drop(schema);
}
