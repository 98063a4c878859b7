/* SPDX-License-Identifier: Apache-2.0
 *
 * Definitions: what a type's fields are. They are the same in both versions of OpenAPI but for
 * this: version 3 puts a reference into an allOf, since nothing may stand beside a reference there,
 * and it says what a field is when it is left out.
 *
 * A page gets those that its paths refer to and all that these need, sorted by name.
 *
 * DEVIATION: descriptions are short sentences of our own; those of Kubernetes are long and belong
 * to it. The kinds of DeleteOptions and WatchEvent are those of the versions that are served; a
 * real server also names versions that it can only read.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/openapi/page.h"

#include "cluster/api/json.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

/* ---- kinds ---- */

static void kind_item(struct page *p, struct str group, struct str kind, struct str version)
{
    page_item(p);
    text_add_byte(p->out, '{');
    page_string(p, "group", group);
    page_string(p, "kind", kind);
    page_string(p, "version", version);
    text_add_byte(p->out, '}');
}

#define KIND_EXTENSION "x-kubernetes-group-version-kind"

static bool begins_version(const struct page *p, size_t index)
{
    const struct resource *r = p->kinds->at(p->kinds->owner, index);
    for (size_t i = 0; i < index; i++) {
        if (str_equal(p->kinds->at(p->kinds->owner, i)->group_version, r->group_version))
            return false;
    }
    return true;
}

/* Messages that every version has. */
static void kinds_of_all_versions(struct page *p, struct str kind)
{
    page_key(p, KIND_EXTENSION);
    text_add_byte(p->out, '[');
    for (size_t i = 0; i < p->kinds->count(p->kinds->owner); i++) {
        const struct resource *r = p->kinds->at(p->kinds->owner, i);
        if (page_has(p, r) && begins_version(p, i))
            kind_item(p, r->group, kind, r->version);
    }
    text_add_byte(p->out, ']');
}

static void kinds_write(struct page *p, const struct type_schema *t)
{
    static const struct {
        enum schema_type_id type;
        struct str group;
    } others[] = {
        {TYPE_autoscaling_v1_Scale, {"autoscaling", 11}},
        {TYPE_policy_v1_Eviction, {"policy", 6}},
        {TYPE_authentication_v1_TokenRequest, {"authentication.k8s.io", 21}},
        {TYPE_meta_v1_Status, {"", 0}},
        {TYPE_meta_v1_APIGroup, {"", 0}},
        {TYPE_meta_v1_APIGroupList, {"", 0}},
        {TYPE_meta_v1_APIResourceList, {"", 0}},
        {TYPE_meta_v1_APIVersions, {"", 0}},
    };
    struct str group = {0};
    bool is_kind = false;
    if (t == &schema_types[TYPE_meta_v1_DeleteOptions] ||
        t == &schema_types[TYPE_meta_v1_WatchEvent]) {
        kinds_of_all_versions(p, str_from(t->name));
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(others) && !is_kind; i++) {
        is_kind = t == &schema_types[others[i].type];
        group = others[i].group;
    }
    for (size_t i = 0; i < resource_count() && !is_kind; i++) {
        is_kind = resource_at(i)->type == t;
        group = resource_at(i)->group;
    }
    if (!is_kind)
        return;
    page_key(p, KIND_EXTENSION);
    text_add_byte(p->out, '[');
    kind_item(p, group, str_from(t->name), str_from(t->version));
    text_add_byte(p->out, ']');
}

/* ---- fields ---- */

static enum common common_of(const struct type_schema *owner, const struct field_schema *f)
{
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_QUANTITY:
        return COMMON_QUANTITY;
    case SCHEMA_INT_OR_STRING:
        return COMMON_INT_OR_STRING;
    case SCHEMA_TIME:
        return COMMON_TIME;
    case SCHEMA_MICRO_TIME:
        return COMMON_MICRO_TIME;
    case SCHEMA_DURATION:
        return COMMON_DURATION;
    case SCHEMA_RAW:
        return f->key == ATOM_fieldsV1 ? COMMON_FIELDS
               : owner == &schema_types[TYPE_apiextensions_v1_CustomResourceSubresources]
                   ? COMMON_SUBRESOURCE_STATUS
                   : COMMON_RAW_EXTENSION;
    case SCHEMA_ANY:
        return f->key == ATOM_items ? COMMON_SCHEMA_OR_ARRAY
               : f->key == ATOM_additionalItems || f->key == ATOM_additionalProperties
                   ? COMMON_SCHEMA_OR_BOOL
               : f->key == ATOM_dependencies ? COMMON_SCHEMA_OR_STRINGS
                                             : COMMON_JSON;
    case SCHEMA_STRING:
    case SCHEMA_INT32:
    case SCHEMA_INT64:
    case SCHEMA_BOOL:
    case SCHEMA_DOUBLE:
    case SCHEMA_BYTES:
    case SCHEMA_STRUCT:
    case SCHEMA_LIST_OF_STRING:
        break;
    }
    return COMMON_COUNT;
}

/* Type and format; false: it is a reference. */
static bool scalar_write(struct page *p, const struct field_schema *f)
{
    static const char *const texts[][2] = {
        [SCHEMA_STRING] = {"string", ""},       [SCHEMA_INT32] = {"integer", "int32"},
        [SCHEMA_INT64] = {"integer", "int64"},  [SCHEMA_BOOL] = {"boolean", ""},
        [SCHEMA_DOUBLE] = {"number", "double"}, [SCHEMA_BYTES] = {"string", "byte"},
    };
    if (f->kind == SCHEMA_LIST_OF_STRING) {
        page_string(p, "type", S("array"));
        page_key(p, "items");
        page_put(p, "{\"type\":\"string\"}");
        return true;
    }
    if (f->kind > SCHEMA_BYTES)
        return false;
    page_string(p, "type", str_from(texts[f->kind][0]));
    if (texts[f->kind][1][0])
        page_string(p, "format", str_from(texts[f->kind][1]));
    return true;
}

static void reference_write(struct page *p, const struct type_schema *owner,
                            const struct field_schema *f)
{
    if (f->kind == SCHEMA_STRUCT)
        page_reference(p, schema_type_of(f));
    else
        page_common(p, common_of(owner, f));
}

static void element_write(struct page *p, const struct type_schema *owner,
                          const struct field_schema *f)
{
    text_add_byte(p->out, '{');
    if (!scalar_write(p, f))
        reference_write(p, owner, f);
    text_add_byte(p->out, '}');
}

/* What the field is when nothing is said: version 3 alone has it. */
static void default_write(struct page *p, const struct field_schema *f)
{
    bool is_always = !(f->flags & SCHEMA_POINTER) && (f->flags & SCHEMA_ALWAYS);
    if (!p->is_v3)
        return;
    if (f->kind == SCHEMA_STRUCT && !(f->flags & SCHEMA_POINTER)) {
        page_key(p, "default");
        page_put(p, "{}");
    } else if (f->kind == SCHEMA_STRING && (f->default_text || is_always)) {
        page_string(p, "default", str_from(f->default_text ? f->default_text : ""));
    } else if (f->default_text && f->kind != SCHEMA_STRUCT) {
        page_key(p, "default");
        bool is_true = str_equal(str_from(f->default_text), S("True"));
        page_put(p, is_true ? "true" : f->default_text);
    } else if (is_always && f->kind < SCHEMA_BYTES) {
        page_key(p, "default");
        page_put(p, f->kind == SCHEMA_BOOL ? "false" : "0");
    }
}

static void list_write(struct page *p, const struct type_schema *owner,
                       const struct field_schema *f)
{
    page_string(p, "type", S("array"));
    page_key(p, "items");
    element_write(p, owner, f);
    if (f->map_keys)
        page_strings(p, "x-kubernetes-list-map-keys", str_from(f->map_keys), ',');
    if (owner != &schema_types[TYPE_meta_v1_APIResource] || f->key != ATOM_verbs)
        page_string(p, "x-kubernetes-list-type",
                    f->list == SCHEMA_LIST_MAP   ? S("map")
                    : f->list == SCHEMA_LIST_SET ? S("set")
                                                 : S("atomic"));
}

#define ENUM_MAX 64

/* The values, sorted. */
static void enumeration_write(struct page *p, struct str list)
{
    struct str values[ENUM_MAX];
    size_t count = 0;
    for (; list.size > 0 && count < ENUM_MAX; count++)
        values[count] = str_cut(list, '|', &list);
    sort_stable(values, count, sizeof(values[0]), sort_by_bytes, NULL);
    page_key(p, "enum");
    text_add_byte(p->out, '[');
    for (size_t i = 0; i < count; i++) {
        page_item(p);
        json_write_string(values[i], p->out);
    }
    text_add_byte(p->out, ']');
}

static void single_write(struct page *p, const struct type_schema *owner,
                         const struct field_schema *f)
{
    if (!scalar_write(p, f)) {
        if (p->is_v3) {
            page_key(p, "allOf");
            page_put(p, "[{");
            reference_write(p, owner, f);
            page_put(p, "}]");
        } else {
            reference_write(p, owner, f);
        }
    }
    default_write(p, f);
    if (f->enumeration)
        enumeration_write(p, str_from(f->enumeration));
}

/* What single fields say beyond the columns of the schema table. */
#define ZERO(type, key_, text_)                                                                    \
    {                                                                                              \
        TYPE_##type, ATOM_##key_, true, "default", text_                                           \
    }
static const struct extra {
    enum schema_type_id type;
    atom key;
    bool is_v3_only;
    const char *name, *text;
} extras[] = {
    ZERO(autoscaling_v1_ScaleSpec, replicas, "0"),
    ZERO(core_v1_AzureDiskVolumeSource, readOnly, "false"),
    ZERO(core_v1_ConfigMapEnvSource, name, "\"\""),
    ZERO(core_v1_ConfigMapKeySelector, name, "\"\""),
    ZERO(core_v1_ConfigMapProjection, name, "\"\""),
    ZERO(core_v1_ConfigMapVolumeSource, name, "\"\""),
    ZERO(core_v1_FileKeySelector, optional, "false"),
    ZERO(core_v1_GRPCAction, service, "\"\""),
    ZERO(core_v1_LocalObjectReference, name, "\"\""),
    ZERO(core_v1_ReplicationControllerSpec, minReadySeconds, "0"),
    ZERO(core_v1_SecretEnvSource, name, "\"\""),
    ZERO(core_v1_SecretKeySelector, name, "\"\""),
    ZERO(core_v1_SecretProjection, name, "\"\""),
    {TYPE_core_v1_PersistentVolumeClaimStatus, ATOM_allocatedResourceStatuses, false,
     "x-kubernetes-map-type", "\"granular\""},
    {TYPE_core_v1_PersistentVolumeSpec, ATOM_claimRef, false, "x-kubernetes-map-type",
     "\"granular\""},
    {TYPE_policy_v1_PodDisruptionBudgetSpec, ATOM_selector, false, "x-kubernetes-patch-strategy",
     "\"replace\""},
    {TYPE_apiregistration_v1_APIServiceSpec, ATOM_caBundle, false, "x-kubernetes-list-type",
     "\"atomic\""},
};

static void extras_write(struct page *p, const struct type_schema *owner,
                         const struct field_schema *f)
{
    for (size_t i = 0; i < ARRAY_COUNT(extras); i++) {
        const struct extra *x = &extras[i];
        if (owner != &schema_types[x->type] || f->key != x->key || (x->is_v3_only && !p->is_v3))
            continue;
        page_key(p, x->name);
        page_put(p, x->text);
    }
}

static void field_write(struct page *p, const struct type_schema *owner,
                        const struct field_schema *f)
{
    struct str description = description_of(owner, f->key);
    bool merges = f->flags & SCHEMA_PATCH_MERGE, retains = f->flags & SCHEMA_PATCH_RETAIN_KEYS;
    text_add_byte(p->out, '{');
    if (description.size > 0)
        page_string(p, "description", description);
    if (f->container == SCHEMA_LIST) {
        list_write(p, owner, f);
    } else if (f->container == SCHEMA_MAP) {
        page_string(p, "type", S("object"));
        page_key(p, "additionalProperties");
        element_write(p, owner, f);
        if (f->flags & SCHEMA_ATOMIC)
            page_string(p, "x-kubernetes-map-type", S("atomic"));
    } else {
        single_write(p, owner, f);
    }
    if (f->merge_key)
        page_string(p, "x-kubernetes-patch-merge-key", str_from(f->merge_key));
    if (merges || retains)
        page_string(p, "x-kubernetes-patch-strategy",
                    merges && retains ? S("merge,retainKeys")
                    : merges          ? S("merge")
                                      : S("retainKeys"));
    extras_write(p, owner, f);
    text_add_byte(p->out, '}');
}

/* ---- types ---- */

#define FIELDS_MAX 128

static int by_key(const void *a, const void *b, void *context)
{
    (void)context;
    const struct field_schema *const *x = a, *const *y = b;
    return str_compare(atom_text((*x)->key), atom_text((*y)->key));
}

static void properties_write(struct page *p, const struct type_schema *t)
{
    const struct field_schema *sorted[FIELDS_MAX];
    CHECK(t->count <= FIELDS_MAX);
    for (uint32_t i = 0; i < t->count; i++)
        sorted[i] = &t->fields[i];
    sort_stable(sorted, t->count, sizeof(sorted[0]), by_key, NULL);
    page_key(p, "properties");
    text_add_byte(p->out, '{');
    for (uint32_t i = 0; i < t->count; i++) {
        page_name(p, atom_text(sorted[i]->key));
        field_write(p, t, sorted[i]);
    }
    text_add_byte(p->out, '}');
}

/* Types of which only one field may be set, which a discriminator may name. */
static const struct {
    enum schema_type_id type;
    const char *text;
} unions[] = {
#define PROFILE                                                                                    \
    "{\"discriminator\":\"type\",\"fields-to-discriminateBy\":{\"localhostProfile\":"              \
    "\"LocalhostProfile\"}}"
    {TYPE_core_v1_AppArmorProfile, PROFILE},
    {TYPE_core_v1_SeccompProfile, PROFILE},
    {TYPE_core_v1_PodSchedulingGroup,
     "{\"fields-to-discriminateBy\":{\"podGroupName\":\"PodGroupName\"}}"},
    {TYPE_flowcontrol_v1_LimitResponse,
     "{\"discriminator\":\"type\",\"fields-to-discriminateBy\":{\"queuing\":\"Queuing\"}}"},
    {TYPE_flowcontrol_v1_PriorityLevelConfigurationSpec,
     "{\"discriminator\":\"type\",\"fields-to-discriminateBy\":{\"exempt\":\"Exempt\","
     "\"limited\":\"Limited\"}}"},
    {TYPE_flowcontrol_v1_Subject,
     "{\"discriminator\":\"kind\",\"fields-to-discriminateBy\":{\"group\":\"Group\","
     "\"serviceAccount\":\"ServiceAccount\",\"user\":\"User\"}}"},
};

static void extensions_write(struct page *p, const struct type_schema *t)
{
    kinds_write(p, t);
    if (t->flags & SCHEMA_ATOMIC)
        page_string(p, "x-kubernetes-map-type", S("atomic"));
    for (size_t i = 0; i < ARRAY_COUNT(unions); i++) {
        if (t != &schema_types[unions[i].type])
            continue;
        page_key(p, "x-kubernetes-unions");
        text_add_byte(p->out, '[');
        page_put(p, unions[i].text);
        text_add_byte(p->out, ']');
    }
}

static void type_write(struct page *p, const struct type_schema *t)
{
    struct str description = description_of(t, ATOM_NONE);
    bool has_required = false;
    text_add_byte(p->out, '{');
    if (description.size > 0)
        page_string(p, "description", description);
    page_string(p, "type", S("object"));
    for (uint32_t i = 0; i < t->count; i++) {
        if (!(t->fields[i].flags & SCHEMA_REQUIRED))
            continue;
        if (!has_required) {
            page_key(p, "required");
            text_add_byte(p->out, '[');
        }
        has_required = true;
        page_item(p);
        json_write_string(atom_text(t->fields[i].key), p->out);
    }
    if (has_required)
        text_add_byte(p->out, ']');
    if (t->count > 0)
        properties_write(p, t);
    extensions_write(p, t);
    text_add_byte(p->out, '}');
}

static void list_definition_write(struct page *p, const struct resource *r)
{
    const struct type_schema *meta = &schema_types[TYPE_meta_v1_ListMeta];
    const struct type_schema *status = &schema_types[TYPE_meta_v1_Status];
    AUTO(text) struct text description = {0};
    text_printf(&description, "A list of %.*s objects.", STR_ARG(r->kind));
    text_add_byte(p->out, '{');
    page_string(p, "description", text_str(&description));
    page_string(p, "type", S("object"));
    page_put(p, ",\"required\":[\"items\"],\"properties\":{");
    page_name(p, S("apiVersion"));
    field_write(p, status, schema_field(status, ATOM_apiVersion));
    page_put(p, ",\"items\":{");
    page_string(p, "description", S("The objects."));
    page_put(p, ",\"type\":\"array\",\"items\":{");
    page_kind_reference(p, r, false);
    page_put(p, "}}");
    page_name(p, S("kind"));
    field_write(p, status, schema_field(status, ATOM_kind));
    page_put(p, ",\"metadata\":{");
    page_string(p, "description", S("What is known about the list itself."));
    if (p->is_v3) {
        page_put(p, ",\"allOf\":[{");
        page_reference(p, meta);
        page_put(p, "}],\"default\":{}");
    } else {
        page_reference(p, meta);
    }
    page_put(p, "}},\"" KIND_EXTENSION "\":[");
    kind_item(p, r->group, r->list_kind, r->version);
    page_put(p, "]}");
}

static void version_info_write(struct page *p)
{
    static const char *const fields[] = {"buildDate",
                                         "compiler",
                                         "emulationMajor",
                                         "emulationMinor",
                                         "gitCommit",
                                         "gitTreeState",
                                         "gitVersion",
                                         "goVersion",
                                         "major",
                                         "minCompatibilityMajor",
                                         "minCompatibilityMinor",
                                         "minor",
                                         "platform"};
    page_put(p, "{\"description\":\"What version of Kubernetes the server is.\",\"type\":"
                "\"object\",\"required\":[\"major\",\"minor\",\"gitVersion\",\"gitCommit\","
                "\"gitTreeState\",\"buildDate\",\"goVersion\",\"compiler\",\"platform\"],"
                "\"properties\":{");
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        bool is_optional = fields[i][0] == 'e' || str_starts_with(str_from(fields[i]), S("min"));
        is_optional &= !str_equal(str_from(fields[i]), S("minor"));
        page_key(p, fields[i]);
        page_put(p, p->is_v3 && !is_optional ? "{\"type\":\"string\",\"default\":\"\"}"
                                             : "{\"type\":\"string\"}");
    }
    page_put(p, "}}");
}

static void common_write(struct page *p, enum common c)
{
    static const char *const texts[COMMON_COUNT][2] = {
        [COMMON_QUANTITY] = {"An amount, such as \\\"500m\\\", \\\"1Gi\\\" or 2.",
                             "\"type\":\"string\""},
        [COMMON_INT_OR_STRING] = {"A number, or a string such as a percentage or a port's name.",
                                  "\"type\":\"string\",\"format\":\"int-or-string\""},
        [COMMON_TIME] = {"An instant, to the second, as in RFC 3339.",
                         "\"type\":\"string\",\"format\":\"date-time\""},
        [COMMON_MICRO_TIME] = {"An instant, to the microsecond, as in RFC 3339.",
                               "\"type\":\"string\",\"format\":\"date-time\""},
        [COMMON_DURATION] = {"A length of time, as Go writes it: \\\"1m30s\\\".",
                             "\"type\":\"string\""},
        [COMMON_FIELDS] = {"A set of fields: each key is one of them, or an item of a list.",
                           "\"type\":\"object\""},
        [COMMON_RAW_EXTENSION] = {"An object of any kind.", "\"type\":\"object\""},
        [COMMON_PATCH] = {"A patch, in the form that the media type says.", "\"type\":\"object\""},
        [COMMON_JSON] = {"Any value that JSON can hold.", ""},
        [COMMON_SCHEMA_OR_BOOL] = {"A schema, or whether anything is allowed.", ""},
        [COMMON_SCHEMA_OR_ARRAY] = {"A schema, or a list of them.", ""},
        [COMMON_SCHEMA_OR_STRINGS] = {"A schema, or a list of names.", ""},
        [COMMON_SUBRESOURCE_STATUS] = {"Turns the subresource status on.", "\"type\":\"object\""},
        [COMMON_VERSION_INFO] = {"", ""},
    };
    const char *type = texts[c][1];
    if (c == COMMON_VERSION_INFO) {
        version_info_write(p);
        return;
    }
    if (p->is_v3 && c == COMMON_QUANTITY)
        type = "\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]";
    else if (p->is_v3 && c == COMMON_INT_OR_STRING)
        type = "\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},"
               "{\"type\":\"string\"}]";
    text_printf(p->out, "{\"description\":\"%s\"%s%s}", texts[c][0], type[0] ? "," : "", type);
}

/* ---- all of a page ---- */

struct definition {
    struct text name;
    const struct type_schema *type;
    const struct resource *list, *custom;
    enum common common;
};

static int by_name(const void *a, const void *b, void *context)
{
    (void)context;
    const struct definition *x = a, *y = b;
    return str_compare(text_str(&x->name), text_str(&y->name));
}

static void mark(struct page *p, const struct type_schema *t, bool *seen)
{
    if (seen[t - schema_types])
        return;
    seen[t - schema_types] = p->types[t - schema_types] = true;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct field_schema *f = &t->fields[i];
        enum common c = common_of(t, f);
        if (c < COMMON_COUNT)
            p->commons[c] = true;
        if (f->kind == SCHEMA_STRUCT)
            mark(p, schema_type_of(f), seen);
    }
}

static void definition_write(struct page *p, const struct definition *d)
{
    page_name(p, text_str(&d->name));
    if (d->type)
        type_write(p, d->type);
    else if (d->list)
        list_definition_write(p, d->list);
    else if (d->custom)
        p->kinds->schema(p->kinds->owner, d->custom,
                         p->is_v3 ? "#/components/schemas/" : "#/definitions/", p->out);
    else
        common_write(p, d->common);
}

void page_definitions(struct page *p)
{
    VEC(struct definition) all = {0};
    bool seen[TYPE_COUNT] = {false};
    for (size_t i = 0; i < p->kinds->count(p->kinds->owner); i++) {
        const struct resource *r = p->kinds->at(p->kinds->owner, i);
        if (!page_has(p, r))
            continue;
        struct definition d = {.custom = r->type ? NULL : r};
        if (d.custom) {
            p->types[TYPE_meta_v1_ObjectMeta] = true;
            kind_definition_name(r, false, &d.name);
            vec_push(&all, d);
        }
        if (r->list_kind.size > 0) {
            p->types[TYPE_meta_v1_ListMeta] = true;
            d = (struct definition){.list = r};
            kind_definition_name(r, true, &d.name);
            vec_push(&all, d);
        }
    }
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (p->types[i])
            mark(p, &schema_types[i], seen);
    }
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        struct definition d = {.type = &schema_types[i]};
        if (!seen[i])
            continue;
        definition_name(d.type, &d.name);
        vec_push(&all, d);
    }
    for (size_t c = 0; c < COMMON_COUNT; c++) {
        struct definition d = {.common = (enum common)c};
        if (!p->commons[c])
            continue;
        text_add(&d.name, str_from(common_name((enum common)c)));
        vec_push(&all, d);
    }
    sort_stable(all.items, all.count, sizeof(all.items[0]), by_name, NULL);
    for (size_t i = 0; i < all.count; i++) {
        definition_write(p, &all.items[i]);
        text_release(&all.items[i].name);
    }
    vec_release(&all);
}
