/* SPDX-License-Identifier: Apache-2.0
 *
 * A document holds the schemas of the kinds of its version and of all that they use. References are
 * written as the real ones are: "#/components/schemas/io.k8s.api.core.v1.PodSpec", inside an allOf
 * where something stands beside them.
 *
 * The names of schemas come from those of the types: core_v1_PodSpec is io.k8s.api.core.v1.PodSpec.
 *
 * DEVIATION: descriptions are left out, and so are the parameters and answers of operations but for
 * what clients look at: the kind of each and the query parameter fieldValidation.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/openapi.h"

#include "cluster/api/json.h"
#include "cluster/api/schema.h"
#include "cluster/apiserver/http/crypto.h"

static const char *const identifiers[TYPE_COUNT] = {
#define TYPE(identifier, ...) [TYPE_##identifier] = #identifier,
#define FIELD(...)
#define END(identifier)
#include "cluster/api/schema/types.def"
#undef TYPE
#undef FIELD
#undef END
};

/* What one document needs. */
struct needs {
    bool types[TYPE_COUNT];
};

static void write_schema(enum schema_type_id id, struct text *out);
static void write_paths(struct str group_version, struct text *out);

/* ---- names ---- */

static enum schema_type_id id_of(const struct type_schema *t)
{
    return (enum schema_type_id)(t - schema_types);
}

static void name_write(enum schema_type_id id, struct text *out)
{
    static const char *const folders[][2] = {
        {"meta", "io.k8s.apimachinery.pkg.apis.meta"},
        {"apiextensions", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions"},
        {"apiregistration", "io.k8s.kube-aggregator.pkg.apis.apiregistration"},
    };
    struct str name, version, rest;
    struct str group = str_cut(str_from(identifiers[id]), '_', &rest);
    version = str_cut(rest, '_', &name);
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        if (str_equal(group, str_from(folders[i][0]))) {
            text_printf(out, "%s.%.*s.%.*s", folders[i][1], STR_ARG(version), STR_ARG(name));
            return;
        }
    }
    text_printf(out, "io.k8s.api.%.*s.%.*s.%.*s", STR_ARG(group), STR_ARG(version), STR_ARG(name));
}

static void reference_write(enum schema_type_id id, struct text *out)
{
    text_add(out, S("{\"$ref\":\"#/components/schemas/"));
    name_write(id, out);
    text_add(out, S("\"}"));
}

/* ---- what is needed ---- */

static void need(struct needs *n, const struct type_schema *t)
{
    if (n->types[id_of(t)])
        return;
    n->types[id_of(t)] = true;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct type_schema *of = schema_type_of(&t->fields[i]);
        if (of)
            need(n, of);
    }
}

static bool is_of(const struct resource *r, struct str group_version)
{
    return str_equal(r->group_version, group_version);
}

static void need_all(struct needs *n, struct str group_version)
{
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (!is_of(r, group_version))
            continue;
        need(n, r->type);
        for (int s = 1; s < SUBRESOURCE_COUNT; s++) {
            if (r->subresources & (1u << s))
                need(n, schema_for_subresource(r, (enum subresource)s));
        }
    }
    need(n, &schema_types[TYPE_meta_v1_Status]);
    need(n, &schema_types[TYPE_meta_v1_ListMeta]);
    need(n, &schema_types[TYPE_meta_v1_DeleteOptions]);
}

/* ---- fields ---- */

/* The scalar itself, without braces; false: it is a reference. */
static bool scalar_write(enum schema_kind kind, struct text *out)
{
    static const char *const texts[] = {
        [SCHEMA_STRING] = "\"type\":\"string\"",
        [SCHEMA_INT32] = "\"type\":\"integer\",\"format\":\"int32\"",
        [SCHEMA_INT64] = "\"type\":\"integer\",\"format\":\"int64\"",
        [SCHEMA_BOOL] = "\"type\":\"boolean\"",
        [SCHEMA_DOUBLE] = "\"type\":\"number\",\"format\":\"double\"",
        [SCHEMA_BYTES] = "\"type\":\"string\",\"format\":\"byte\"",
        [SCHEMA_RAW] = "\"type\":\"object\"",
        [SCHEMA_ANY] = "",
        [SCHEMA_LIST_OF_STRING] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
        [SCHEMA_QUANTITY] = NULL,
        [SCHEMA_INT_OR_STRING] = NULL,
        [SCHEMA_TIME] = NULL,
        [SCHEMA_MICRO_TIME] = NULL,
        [SCHEMA_DURATION] = NULL,
        [SCHEMA_STRUCT] = NULL,
    };
    if (!texts[kind])
        return false;
    text_add(out, str_from(texts[kind]));
    return true;
}

static const char *common_name(enum schema_kind kind)
{
    return kind == SCHEMA_QUANTITY        ? "io.k8s.apimachinery.pkg.api.resource.Quantity"
           : kind == SCHEMA_INT_OR_STRING ? "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
           : kind == SCHEMA_TIME          ? "io.k8s.apimachinery.pkg.apis.meta.v1.Time"
           : kind == SCHEMA_MICRO_TIME    ? "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
                                          : "io.k8s.apimachinery.pkg.apis.meta.v1.Duration";
}

static void common_schemas(struct text *out)
{
    text_printf(out, "\"%s\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}",
                common_name(SCHEMA_QUANTITY));
    text_printf(out,
                ",\"%s\":{\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},"
                "{\"type\":\"string\"}]}",
                common_name(SCHEMA_INT_OR_STRING));
    text_printf(out, ",\"%s\":{\"type\":\"string\",\"format\":\"date-time\"}",
                common_name(SCHEMA_TIME));
    text_printf(out, ",\"%s\":{\"type\":\"string\",\"format\":\"date-time\"}",
                common_name(SCHEMA_MICRO_TIME));
    text_printf(out, ",\"%s\":{\"type\":\"string\"}", common_name(SCHEMA_DURATION));
}

/* One element of the field, as a whole schema. */
static void element_write(const struct field_schema *f, struct text *out)
{
    text_add_byte(out, '{');
    if (f->kind == SCHEMA_STRUCT) {
        text_add(out, S("\"allOf\":["));
        reference_write((enum schema_type_id)f->type, out);
        text_add(out, f->flags & SCHEMA_POINTER ? S("]") : S("],\"default\":{}"));
    } else if (!scalar_write((enum schema_kind)f->kind, out)) {
        text_printf(out, "\"allOf\":[{\"$ref\":\"#/components/schemas/%s\"}]",
                    common_name((enum schema_kind)f->kind));
    }
    text_add_byte(out, '}');
}

static void strings_write(const char *list, char separator, struct text *out)
{
    struct str rest = str_from(list);
    bool is_first = true;
    text_add_byte(out, '[');
    while (rest.size > 0) {
        struct str word = str_cut(rest, separator, &rest);
        if (!is_first)
            text_add_byte(out, ',');
        is_first = false;
        json_write_string(word, out);
    }
    text_add_byte(out, ']');
}

static void list_write(const struct field_schema *f, struct text *out)
{
    text_add(out, S("{\"type\":\"array\",\"items\":"));
    element_write(f, out);
    if (f->map_keys) {
        text_add(out, S(",\"x-kubernetes-list-map-keys\":"));
        strings_write(f->map_keys, ',', out);
    }
    text_printf(out, ",\"x-kubernetes-list-type\":\"%s\"",
                f->list == SCHEMA_LIST_MAP   ? "map"
                : f->list == SCHEMA_LIST_SET ? "set"
                                             : "atomic");
}

static void field_write(const struct field_schema *f, struct text *out)
{
    if (f->container == SCHEMA_LIST) {
        list_write(f, out);
    } else if (f->container == SCHEMA_MAP) {
        text_add(out, S("{\"type\":\"object\",\"additionalProperties\":"));
        element_write(f, out);
    } else {
        element_write(f, out);
        out->size--; /* more may follow within the braces */
    }
    char last = out->bytes[out->size - 1];
    const char *comma = last == '{' ? "" : ",";
    bool merges = f->flags & SCHEMA_PATCH_MERGE, retains = f->flags & SCHEMA_PATCH_RETAIN_KEYS;
    if (f->enumeration) {
        text_printf(out, "%s\"enum\":", comma);
        strings_write(f->enumeration, '|', out);
        comma = ",";
    }
    if (merges || retains)
        text_printf(out, "%s\"x-kubernetes-patch-strategy\":\"%s\"", comma,
                    merges && retains ? "merge,retainKeys"
                    : merges          ? "merge"
                                      : "retainKeys");
    if (f->merge_key)
        text_printf(out, ",\"x-kubernetes-patch-merge-key\":\"%s\"", f->merge_key);
    text_add_byte(out, '}');
}

/* ---- types ---- */

static void kind_write(const struct resource *r, struct str kind, struct text *out)
{
    text_printf(out, "{\"group\":\"%.*s\",\"kind\":\"%.*s\",\"version\":\"%.*s\"}",
                STR_ARG(r->group), STR_ARG(kind), STR_ARG(r->version));
}

/* The kinds that a type is: one, for most. */
static void kinds_write(const struct type_schema *t, struct text *out)
{
    for (size_t i = 0; i < resource_count(); i++) {
        if (resource_at(i)->type != t)
            continue;
        text_add(out, S(",\"x-kubernetes-group-version-kind\":["));
        kind_write(resource_at(i), resource_at(i)->kind, out);
        text_add_byte(out, ']');
        return;
    }
}

static void write_schema(enum schema_type_id id, struct text *out)
{
    const struct type_schema *t = &schema_types[id];
    bool is_first = true;
    text_add_byte(out, '"');
    name_write(id, out);
    text_add(out, S("\":{\"type\":\"object\",\"properties\":{"));
    for (uint32_t i = 0; i < t->count; i++) {
        if (i > 0)
            text_add_byte(out, ',');
        json_write_string(atom_text(t->fields[i].key), out);
        text_add_byte(out, ':');
        field_write(&t->fields[i], out);
    }
    text_add_byte(out, '}');
    for (uint32_t i = 0; i < t->count; i++) {
        if (!(t->fields[i].flags & SCHEMA_REQUIRED))
            continue;
        text_add(out, is_first ? S(",\"required\":[") : S(","));
        is_first = false;
        json_write_string(atom_text(t->fields[i].key), out);
    }
    if (!is_first)
        text_add_byte(out, ']');
    if (t->flags & SCHEMA_ATOMIC)
        text_add(out, S(",\"x-kubernetes-map-type\":\"atomic\""));
    kinds_write(t, out);
    text_add_byte(out, '}');
}

static void write_list_schema(const struct resource *r, struct text *out)
{
    struct text name = {0};
    name_write(id_of(r->type), &name);
    while (name.size > 0 && name.bytes[name.size - 1] != '.')
        name.size--;
    text_printf(out, ",\"%.*s%.*s\":{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{",
                STR_ARG(text_str(&name)), STR_ARG(r->list_kind));
    text_add(out, S("\"apiVersion\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"},"
                    "\"metadata\":{\"allOf\":["));
    reference_write(TYPE_meta_v1_ListMeta, out);
    text_add(out, S("],\"default\":{}},\"items\":{\"type\":\"array\",\"items\":{\"allOf\":["));
    reference_write(id_of(r->type), out);
    text_add(out, S("],\"default\":{}}}},\"x-kubernetes-group-version-kind\":["));
    kind_write(r, r->list_kind, out);
    text_add(out, S("]}"));
    text_release(&name);
}

/* ---- paths ---- */

static const char field_validation[] =
    "{\"name\":\"fieldValidation\",\"in\":\"query\",\"schema\":{\"type\":\"string\","
    "\"uniqueItems\":true}}";

static void operation(const struct resource *r, const char *method, const char *action,
                      bool is_write, struct text *out)
{
    char last = out->bytes[out->size - 1];
    text_printf(out, "%s\"%s\":{\"x-kubernetes-action\":\"%s\",", last == '{' ? "" : ",", method,
                action);
    if (is_write)
        text_printf(out, "\"parameters\":[%s],", field_validation);
    text_add(out, S("\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{"
                    "\"application/json\":{\"schema\":"));
    reference_write(id_of(r->type), out);
    text_add(out, S("}}}},\"x-kubernetes-group-version-kind\":"));
    kind_write(r, r->kind, out);
    text_add_byte(out, '}');
}

static bool serves(const struct resource *r, enum verb v)
{
    return r->verbs & (1u << v);
}

static void path_of_one(const struct resource *r, struct str prefix, struct text *out)
{
    text_printf(out, ",\"%.*s/%.*s/{name}\":{", STR_ARG(prefix), STR_ARG(r->plural));
    if (serves(r, VERB_GET))
        operation(r, "get", "get", false, out);
    if (serves(r, VERB_UPDATE))
        operation(r, "put", "put", true, out);
    if (serves(r, VERB_DELETE))
        operation(r, "delete", "delete", false, out);
    if (serves(r, VERB_PATCH))
        operation(r, "patch", "patch", true, out);
    text_add_byte(out, '}');
}

static void write_paths(struct str group_version, struct text *out)
{
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (!is_of(r, group_version))
            continue;
        AUTO(text) struct text prefix = {0};
        text_printf(&prefix, "/%s/%.*s%s", r->group.size > 0 ? "apis" : "api",
                    STR_ARG(r->group_version), r->is_namespaced ? "/namespaces/{namespace}" : "");
        char last = out->bytes[out->size - 1];
        text_printf(out, "%s\"%.*s/%.*s\":{", last == '{' ? "" : ",", STR_ARG(text_str(&prefix)),
                    STR_ARG(r->plural));
        if (serves(r, VERB_LIST))
            operation(r, "get", "list", false, out);
        if (serves(r, VERB_CREATE))
            operation(r, "post", "post", true, out);
        text_add_byte(out, '}');
        path_of_one(r, text_str(&prefix), out);
    }
}

/* ---- documents ---- */

static void document_write(struct str group_version, struct text *out)
{
    struct needs n = {{false}};
    need_all(&n, group_version);
    text_add(out, S("{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":"
                    "\"v1.36.2\"},\"paths\":{"));
    write_paths(group_version, out);
    text_add(out, S("},\"components\":{\"schemas\":{"));
    common_schemas(out);
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (!n.types[i])
            continue;
        text_add_byte(out, ',');
        write_schema((enum schema_type_id)i, out);
    }
    for (size_t i = 0; i < resource_count(); i++) {
        if (is_of(resource_at(i), group_version) && resource_at(i)->list_kind.size > 0)
            write_list_schema(resource_at(i), out);
    }
    text_add(out, S("}}}\n"));
}

bool openapi_document(struct str path, struct text *out)
{
    struct str group_version = str_starts_with(path, S("apis/"))  ? str_slice(path, 5, path.size)
                               : str_starts_with(path, S("api/")) ? str_slice(path, 4, path.size)
                                                                  : S("");
    bool has_group = str_find(group_version, '/') < group_version.size;
    if (has_group != str_starts_with(path, S("apis/")))
        return false;
    for (size_t i = 0; i < resource_count(); i++) {
        if (is_of(resource_at(i), group_version)) {
            document_write(group_version, out);
            return true;
        }
    }
    return false;
}

/* The hash of a document's content: a client that has it need not read it again. */
static void hash_write(struct str group_version, struct text *out)
{
    AUTO(text) struct text document = {0};
    uint8_t digest[SHA512_SIZE];
    document_write(group_version, &document);
    digest_sha512(text_str(&document), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        text_printf(out, "%02X", digest[i]);
}

void openapi_index(struct text *out)
{
    text_add(out, S("{\"paths\":{"));
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        bool is_new = true;
        for (size_t j = 0; j < i; j++)
            is_new &= !is_of(resource_at(j), r->group_version);
        if (!is_new)
            continue;
        const char *root = r->group.size > 0 ? "apis" : "api";
        char last = out->bytes[out->size - 1];
        text_printf(out, "%s\"%s/%.*s\":{\"serverRelativeURL\":\"/openapi/v3/%s/%.*s?hash=",
                    last == '{' ? "" : ",", root, STR_ARG(r->group_version), root,
                    STR_ARG(r->group_version));
        hash_write(r->group_version, out);
        text_add(out, S("\"}"));
    }
    text_add(out, S("}}\n"));
}
