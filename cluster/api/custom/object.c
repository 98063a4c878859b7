/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects of custom kinds on their way into the store (object.h).
 *
 * Metadata has the type of every object's; all else has the schema's. An unknown field is dropped;
 * with fieldValidation Strict the request is refused, with Warn its sender is told.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/customresource_handler.go
 * (schemaCoercingDecoder), pkg/registry/customresource/{strategy,validator,etcd}.go.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/object.h"

#include "cluster/api/custom/prune.h"
#include "cluster/api/custom/validate.h"
#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/schema.h"
#include "cluster/api/validate_parts.h"

#define SCALE_DEPTH_MAX 32

/* ---- decoding ---- */

static void refuse(const struct custom_kind *k, struct str why, struct value *ret_status)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s in version \"%.*s\" cannot be handled as a %.*s: %.*s",
                STR_ARG(k->resource->kind), STR_ARG(k->resource->version),
                STR_ARG(k->resource->kind), STR_ARG(why));
    *ret_status = status_bad_request(text_str(&t));
}

static void note(struct value *unknown, struct value own_paths)
{
    for (size_t i = 0; i < value_count(own_paths); i++) {
        struct str path = value_str(value_at(own_paths, i));
        *unknown = value_append(*unknown, value_printf("unknown field \"%.*s\"", STR_ARG(path)));
    }
    value_drop(own_paths);
}

/* False: refused. */
static bool metadata_decode(const struct custom_kind *k, struct value *object,
                            struct value *unknown, struct value *ret_status)
{
    struct value metadata = VALUE_GET(*object, metadata), paths = VALUE_ABSENT;
    if (!value_is_present(metadata))
        return true;
    AUTO(text) struct text message = {0};
    struct value typed = metadata_prune(metadata, S("metadata"), &paths, &message);
    note(unknown, paths);
    if (!value_is_present(typed)) {
        refuse(k, text_str(&message), ret_status);
        return false;
    }
    *object = value_set(*object, ATOM_metadata, typed);
    return true;
}

static void strict_text(struct value unknown, struct text *out)
{
    text_add(out, S("strict decoding error: "));
    for (size_t i = 0; i < value_count(unknown); i++) {
        if (i > 0)
            text_add(out, S(", "));
        text_add(out, value_str(value_at(unknown, i)));
    }
}

struct value custom_decode_patched(const struct custom_kind *k, struct value own_object,
                                   const struct decode_options *options, struct value *ret_status,
                                   struct value *warnings)
{
    AUTO(value) struct value unknown = VALUE_ABSENT;
    struct value paths = VALUE_ABSENT;
    struct value duplicates = options->duplicates;
    for (size_t i = 0; i < value_count(duplicates); i++) {
        AUTO(text) struct text told = {0};
        if (decode_duplicate_text(value_at(duplicates, i), options->validation, &told))
            unknown = value_append(unknown, value_string(text_str(&told)));
    }
    if (!metadata_decode(k, &own_object, &unknown, ret_status)) {
        value_drop(own_object);
        return VALUE_ABSENT;
    }
    /* Another kind is refused by validation. */
    bool is_own = str_equal(VALUE_STR(own_object, kind), k->resource->kind);
    if (is_own)
        own_object = schema_prune(k->schema, own_object, &paths);
    note(&unknown, paths);
    if (value_count(unknown) > 0 && options->validation == FIELD_VALIDATION_STRICT) {
        AUTO(text) struct text why = {0};
        strict_text(unknown, &why);
        refuse(k, text_str(&why), ret_status);
        value_drop(own_object);
        return VALUE_ABSENT;
    }
    if (options->validation == FIELD_VALIDATION_WARN && warnings)
        for (size_t i = 0; i < value_count(unknown); i++)
            *warnings = value_append(*warnings, value_keep(value_at(unknown, i)));
    return is_own ? schema_default(k->schema, own_object) : own_object;
}

struct value custom_decode(const struct custom_kind *k, struct value own_document,
                           const struct decode_options *options, struct value *ret_status,
                           struct value *warnings)
{
    AUTO(text) struct text why = {0};
    struct str version = VALUE_STR(own_document, apiVersion);
    if (value_kind(own_document) != VALUE_OBJECT || VALUE_STR(own_document, kind).size == 0) {
        text_add(&why, S("Object 'Kind' is missing in '"));
        json_write(own_document, &why);
        text_add_byte(&why, '\'');
        refuse(k, text_str(&why), ret_status);
    } else if (!str_equal(version, k->resource->group_version)) {
        text_printf(
            &why,
            "the API version in the data (%.*s) does not match the expected API version (%.*s)",
            STR_ARG(version), STR_ARG(k->resource->group_version));
        *ret_status = status_bad_request(text_str(&why));
    }
    if (why.size > 0) {
        value_drop(own_document);
        return VALUE_ABSENT;
    }
    return custom_decode_patched(k, own_document, options, ret_status, warnings);
}

/* ---- paths of scale ---- */

/* ".spec.size" as atoms; 0: no such path. */
static size_t path_atoms(struct value text, atom out[SCALE_DEPTH_MAX])
{
    struct str rest = value_str(text);
    size_t count = 0;
    if (!str_starts_with(rest, S(".")))
        return 0;
    rest = str_slice(rest, 1, rest.size);
    while (rest.size > 0 && count < SCALE_DEPTH_MAX)
        out[count++] = atom_of(str_cut(rest, '.', &rest));
    return rest.size > 0 ? 0 : count;
}

static struct value at_path(struct value object, struct value path)
{
    atom atoms[SCALE_DEPTH_MAX];
    size_t count = path_atoms(path, atoms);
    return count > 0 ? value_path(object, atoms, count) : VALUE_ABSENT;
}

/* ---- validation ---- */

static void check_type(const struct custom_kind *k, struct value object,
                       struct field_errors *errors)
{
    if (!VALUE_IS(object, k->resource->kind.bytes, kind))
        field_error_add(errors, FIELD_INVALID, S("kind"), VALUE_GET(object, kind), "must be %.*s",
                        STR_ARG(k->resource->kind));
    if (!VALUE_IS(object, k->resource->group_version.bytes, apiVersion))
        field_error_add(errors, FIELD_INVALID, S("apiVersion"), VALUE_GET(object, apiVersion),
                        "must be %.*s", STR_ARG(k->resource->group_version));
}

/* What a scale subresource shows has to be what it is shown as. */
static void check_replicas(struct value path, struct value object, struct field_errors *errors)
{
    struct value v = at_path(object, path);
    AUTO(value) struct value zero = value_integer(0);
    if (!value_is_present(v))
        return;
    if (value_kind(v) != VALUE_INTEGER) {
        AUTO(text) struct text shown = {0};
        if (value_kind(v) == VALUE_STRING)
            text_add(&shown, value_str(v));
        else
            json_write(v, &shown);
        const char *type = value_kind(v) == VALUE_STRING   ? "string"
                           : value_kind(v) == VALUE_BOOL   ? "bool"
                           : value_kind(v) == VALUE_DOUBLE ? "float64"
                           : value_kind(v) == VALUE_OBJECT ? "map[string]interface {}"
                           : value_kind(v) == VALUE_ARRAY  ? "[]interface {}"
                                                           : "<nil>";
        field_error_add(errors, FIELD_INVALID, value_str(path), zero,
                        "%.*s accessor error: %s is of the type %s, expected int64",
                        STR_ARG(value_str(path)), text_c(&shown), type);
    } else if (value_as_integer(v, 0) < 0) {
        field_error_add(errors, FIELD_INVALID, value_str(path), v,
                        "should be a non-negative integer");
    } else if (value_as_integer(v, 0) > INT32_MAX) {
        field_error_add(errors, FIELD_INVALID, value_str(path), v,
                        "should be less than or equal to %d", INT32_MAX);
    }
}

void custom_validate(const struct custom_kind *k, struct value object, struct value old,
                     bool is_status, struct field_errors *errors)
{
    struct value scale = VALUE_GET(k->version, subresources, scale);
    check_type(k, object, errors);
    if (errors->count > 0)
        return;
    if (value_is_present(old))
        validate_meta_update(k->resource, object, old, errors);
    else
        validate_meta(k->resource, object, errors);
    schema_validate(k->schema, object, old, is_status, errors);
    if (!is_status)
        check_replicas(VALUE_GET(scale, specReplicasPath), object, errors);
    check_replicas(VALUE_GET(scale, statusReplicasPath), object, errors);
    schema_validate_further(k->schema, object, old, is_status, errors);
}

/* ---- scale ---- */

struct value custom_scale(const struct custom_kind *k, struct value object)
{
    struct value paths = VALUE_GET(k->version, subresources, scale);
    int64_t wanted = value_as_integer(at_path(object, VALUE_GET(paths, specReplicasPath)), 0);
    int64_t have = value_as_integer(at_path(object, VALUE_GET(paths, statusReplicasPath)), 0);
    struct str selector = value_str(at_path(object, VALUE_GET(paths, labelSelectorPath)));
    struct value metadata = value_pack(
        "{name: %v, namespace: %v, uid: %v, resourceVersion: %v, creationTimestamp: %v}",
        value_keep(object_name(object)), value_keep(object_namespace(object)),
        value_keep(object_uid(object)), value_keep(VALUE_GET(object, metadata, resourceVersion)),
        value_keep(VALUE_GET(object, metadata, creationTimestamp)));
    struct value status = value_pack("{replicas: %D}", have);
    if (selector.size > 0)
        status = value_set(status, ATOM_selector, value_string(selector));
    return value_pack("{kind: Scale, apiVersion: \"autoscaling/v1\", metadata: %v, spec: "
                      "{replicas: %D}, status: %v}",
                      metadata, wanted, status);
}

struct value custom_scale_set(const struct custom_kind *k, struct value own_object,
                              int64_t replicas)
{
    atom atoms[SCALE_DEPTH_MAX];
    size_t count = path_atoms(VALUE_GET(k->version, subresources, scale, specReplicasPath), atoms);
    return count > 0 ? value_set_path(own_object, value_integer(replicas), atoms, count)
                     : own_object;
}
