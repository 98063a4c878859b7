/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of definitions are those of Go's packages and types: core_v1_PodSpec is
 * io.k8s.api.core.v1.PodSpec. Those of custom kinds turn their group around:
 * io.cert-manager.v1.Certificate.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/openapi/page.h"

static const char *const identifiers[TYPE_COUNT] = {
#define TYPE(identifier, ...) [TYPE_##identifier] = #identifier,
#define FIELD(...)
#define END(identifier)
#include "cluster/api/schema/types.def"
#undef TYPE
#undef FIELD
#undef END
};

void definition_name(const struct type_schema *t, struct text *out)
{
    static const char *const folders[][2] = {
        {"meta", "io.k8s.apimachinery.pkg.apis.meta"},
        {"apiextensions", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions"},
        {"apiregistration", "io.k8s.kube-aggregator.pkg.apis.apiregistration"},
    };
    struct str name, version, rest;
    struct str group = str_cut(str_from(identifiers[t - schema_types]), '_', &rest);
    version = str_cut(rest, '_', &name);
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        if (str_equal(group, str_from(folders[i][0]))) {
            text_printf(out, "%s.%.*s.%.*s", folders[i][1], STR_ARG(version), STR_ARG(name));
            return;
        }
    }
    text_printf(out, "io.k8s.api.%.*s.%.*s.%.*s", STR_ARG(group), STR_ARG(version), STR_ARG(name));
}

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."
#define EXTENSIONS "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."

const char *common_name(enum common c)
{
    static const char *const names[COMMON_COUNT] = {
        [COMMON_QUANTITY] = "io.k8s.apimachinery.pkg.api.resource.Quantity",
        [COMMON_INT_OR_STRING] = "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        [COMMON_TIME] = META "Time",
        [COMMON_MICRO_TIME] = META "MicroTime",
        [COMMON_DURATION] = META "Duration",
        [COMMON_FIELDS] = META "FieldsV1",
        [COMMON_RAW_EXTENSION] = "io.k8s.apimachinery.pkg.runtime.RawExtension",
        [COMMON_PATCH] = META "Patch",
        [COMMON_JSON] = EXTENSIONS "JSON",
        [COMMON_SCHEMA_OR_BOOL] = EXTENSIONS "JSONSchemaPropsOrBool",
        [COMMON_SCHEMA_OR_ARRAY] = EXTENSIONS "JSONSchemaPropsOrArray",
        [COMMON_SCHEMA_OR_STRINGS] = EXTENSIONS "JSONSchemaPropsOrStringArray",
        [COMMON_SUBRESOURCE_STATUS] = EXTENSIONS "CustomResourceSubresourceStatus",
        [COMMON_VERSION_INFO] = "io.k8s.apimachinery.pkg.version.Info",
    };
    return names[c];
}

static void reference_begin(struct page *p)
{
    page_key(p, "$ref");
    page_put(p, p->is_v3 ? "\"#/components/schemas/" : "\"#/definitions/");
}

void page_reference(struct page *p, const struct type_schema *t)
{
    p->types[t - schema_types] = true;
    reference_begin(p);
    definition_name(t, p->out);
    text_add_byte(p->out, '"');
}

void page_common(struct page *p, enum common c)
{
    p->commons[c] = true;
    reference_begin(p);
    page_put(p, common_name(c));
    text_add_byte(p->out, '"');
}

/* "cert-manager.io" -> "io.cert-manager" */
static void group_turned(struct str group, struct text *out)
{
    for (size_t end = group.size; end > 0;) {
        size_t from = end;
        while (from > 0 && group.bytes[from - 1] != '.')
            from--;
        text_add(out, str_slice(group, from, end));
        text_add_byte(out, '.');
        end = from > 0 ? from - 1 : 0;
    }
}

void kind_definition_name(const struct resource *r, bool is_list, struct text *out)
{
    struct str kind = is_list ? r->list_kind : r->kind;
    if (!r->type) {
        group_turned(r->group, out);
        text_printf(out, "%.*s.%.*s", STR_ARG(r->version), STR_ARG(kind));
        return;
    }
    definition_name(r->type, out);
    if (!is_list)
        return;
    while (out->bytes[out->size - 1] != '.')
        out->size--;
    text_add(out, kind);
}

void page_kind_reference(struct page *p, const struct resource *r, bool is_list)
{
    if (r->type)
        p->types[r->type - schema_types] = true;
    reference_begin(p);
    kind_definition_name(r, is_list, p->out);
    text_add_byte(p->out, '"');
}
