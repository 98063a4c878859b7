/* SPDX-License-Identifier: Apache-2.0
 *
 * Volume sources of storage systems that nodes once mounted by themselves. Their plugins are gone
 * or live on as CSI drivers, but the API has them still and checks them (validate<Kind>VolumeSource
 * upstream): beyond the required fields, which the schema knows, these.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/schema.h"

static void check_range(errors_t *errors, path_t path, const char *name, struct value v,
                        const char *why)
{
    int64_t n = value_as_integer(v, 0);
    if (n < 0 || n > 255)
        child_error(errors, FIELD_INVALID, path, name, v, "%s", why);
}

static void check_fibre_channel(struct value v, path_t path, errors_t *errors)
{
    struct value targets = VALUE_GET(v, targetWWNs), wwids = VALUE_GET(v, wwids);
    if (value_count(targets) == 0 && value_count(wwids) == 0)
        child_error(errors, FIELD_REQUIRED, path, "targetWWNs", VALUE_ABSENT,
                    "must specify either targetWWNs or wwids, but not both");
    if (value_count(targets) > 0 && value_count(wwids) > 0)
        child_error(errors, FIELD_INVALID, path, "targetWWNs", targets,
                    "targetWWNs and wwids can not be specified simultaneously");
    if (value_count(targets) == 0)
        return;
    if (!value_is_present(VALUE_GET(v, lun)))
        child_error(errors, FIELD_REQUIRED, path, "lun", VALUE_ABSENT,
                    "lun is required if targetWWNs is specified");
    else
        check_range(errors, path, "lun", VALUE_GET(v, lun), "must be between 0 and 255, inclusive");
}

static void check_iscsi(struct value v, path_t path, errors_t *errors)
{
    const struct {
        const char *name;
        struct value text;
    } names[] = {{"iqn", VALUE_GET(v, iqn)}, {"initiatorname", VALUE_GET(v, initiatorName)}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct str s = value_str(names[i].text);
        if (i == 1)
            check_range(errors, path, "lun", VALUE_GET(v, lun),
                        "must be between 0 and 255, inclusive");
        if (s.size > 0 && !str_starts_with(s, S("iqn")) && !str_starts_with(s, S("eui")) &&
            !str_starts_with(s, S("naa")))
            child_error(errors, FIELD_INVALID, path, names[i].name, names[i].text,
                        "must be valid format starting with iqn, eui, or naa");
    }
    if ((VALUE_BOOL_AT(v, chapAuthDiscovery) || VALUE_BOOL_AT(v, chapAuthSession)) &&
        !value_is_present(VALUE_GET(v, secretRef)))
        child_error(errors, FIELD_REQUIRED, path, "secretRef", VALUE_ABSENT, NO_DETAIL);
}

static void check_flocker(struct value v, path_t path, errors_t *errors)
{
    struct value name = VALUE_GET(v, datasetName);
    bool has_name = text_is_set(name), has_uuid = text_is_set(VALUE_GET(v, datasetUUID));
    if (!has_name && !has_uuid)
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT,
                       "one of datasetName and datasetUUID is required");
    if (has_name && has_uuid)
        field_error_shown(errors, FIELD_INVALID, path, S("\"resource\""),
                          "datasetName and datasetUUID can not be specified simultaneously");
    if (str_find(value_str(name), '/') < value_str(name).size)
        child_error(errors, FIELD_INVALID, path, "datasetName", name, "must not contain '/'");
}

static void check_flex(struct value v, path_t path, errors_t *errors)
{
    struct value options = VALUE_GET(v, options);
    struct field_path here = path_child(path, "options");
    for (size_t i = 0; i < value_count(options); i++) {
        struct str key = value_key_at(options, i), rest;
        struct str domain = str_cut(key, '/', &rest);
        bool is_reserved =
            str_equal(domain, S("kubernetes.io")) || str_equal(domain, S("k8s.io")) ||
            str_ends_with(domain, S(".kubernetes.io")) || str_ends_with(domain, S(".k8s.io"));
        struct field_path item = {&here, key, PATH_KEY};
        AUTO(value) struct value shown = value_string(key);
        if (is_reserved && domain.size < key.size)
            field_error_at(errors, FIELD_INVALID, &item, shown,
                           "kubernetes.io and k8s.io namespaces are reserved");
    }
}

static void check_azure_disk(struct value v, path_t path, errors_t *errors)
{
    struct value uri = VALUE_GET(v, diskURI);
    struct str s = value_str(uri);
    check_optional_choice(errors, path, "cachingMode", VALUE_GET(v, cachingMode),
                          "None|ReadOnly|ReadWrite");
    check_optional_choice(errors, path, "kind", VALUE_GET(v, kind), "Dedicated|Managed|Shared");
    if (s.size == 0)
        return;
    if (VALUE_IS(v, "Managed", kind) && !str_starts_with(s, S("/subscriptions")))
        child_error(errors, FIELD_NOT_SUPPORTED, path, "diskURI", uri,
                    "supported values: \"/subscriptions/{sub-id}/resourcegroups/{group-name}/"
                    "providers/microsoft.compute/disks/{disk-id}\"");
    if (!VALUE_IS(v, "Managed", kind) && !str_starts_with(s, S("https://")) &&
        value_is_present(VALUE_GET(v, kind)))
        child_error(errors, FIELD_NOT_SUPPORTED, path, "diskURI", uri,
                    "supported values: \"https://{account-name}.blob.core.windows.net/"
                    "{container-name}/{disk-name}.vhd\"");
}

void validate_volume_plugin(atom key, struct value v, path_t path, errors_t *errors)
{
    if (key == ATOM_gcePersistentDisk || key == ATOM_awsElasticBlockStore)
        check_range(errors, path, "partition", VALUE_GET(v, partition),
                    "must be between 1 and 255, inclusive");
    else if (key == ATOM_fc)
        check_fibre_channel(v, path, errors);
    else if (key == ATOM_iscsi)
        check_iscsi(v, path, errors);
    else if (key == ATOM_flocker)
        check_flocker(v, path, errors);
    else if (key == ATOM_flexVolume)
        check_flex(v, path, errors);
    else if (key == ATOM_azureDisk)
        check_azure_disk(v, path, errors);
}
