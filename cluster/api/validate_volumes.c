/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes of a pod (ValidateVolumes upstream): each has a name and exactly one source. The rules of
 * the sources that clusters use today are here; those of in-tree plugins in
 * validate_volume_plugins.c.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/quantity.h"

static const struct {
    atom key;
    const char *name;
    enum schema_type_id type;
} sources[] = {
    {ATOM_emptyDir, "emptyDir", TYPE_core_v1_EmptyDirVolumeSource},
    {ATOM_hostPath, "hostPath", TYPE_core_v1_HostPathVolumeSource},
    {ATOM_gitRepo, "gitRepo", TYPE_core_v1_GitRepoVolumeSource},
    {ATOM_gcePersistentDisk, "gcePersistentDisk", TYPE_core_v1_GCEPersistentDiskVolumeSource},
    {ATOM_awsElasticBlockStore, "awsElasticBlockStore",
     TYPE_core_v1_AWSElasticBlockStoreVolumeSource},
    {ATOM_secret, "secret", TYPE_core_v1_SecretVolumeSource},
    {ATOM_nfs, "nfs", TYPE_core_v1_NFSVolumeSource},
    {ATOM_iscsi, "iscsi", TYPE_core_v1_ISCSIVolumeSource},
    {ATOM_glusterfs, "glusterfs", TYPE_core_v1_GlusterfsVolumeSource},
    {ATOM_flocker, "flocker", TYPE_core_v1_FlockerVolumeSource},
    {ATOM_persistentVolumeClaim, "persistentVolumeClaim",
     TYPE_core_v1_PersistentVolumeClaimVolumeSource},
    {ATOM_rbd, "rbd", TYPE_core_v1_RBDVolumeSource},
    {ATOM_cinder, "cinder", TYPE_core_v1_CinderVolumeSource},
    {ATOM_cephfs, "cephFS", TYPE_core_v1_CephFSVolumeSource},
    {ATOM_quobyte, "quobyte", TYPE_core_v1_QuobyteVolumeSource},
    {ATOM_downwardAPI, "downwarAPI", TYPE_core_v1_DownwardAPIVolumeSource}, /* spelt so upstream */
    {ATOM_fc, "fc", TYPE_core_v1_FCVolumeSource},
    {ATOM_flexVolume, "flexVolume", TYPE_core_v1_FlexVolumeSource},
    {ATOM_configMap, "configMap", TYPE_core_v1_ConfigMapVolumeSource},
    {ATOM_azureFile, "azureFile", TYPE_core_v1_AzureFileVolumeSource},
    {ATOM_vsphereVolume, "vsphereVolume", TYPE_core_v1_VsphereVirtualDiskVolumeSource},
    {ATOM_photonPersistentDisk, "photonPersistentDisk",
     TYPE_core_v1_PhotonPersistentDiskVolumeSource},
    {ATOM_portworxVolume, "portworxVolume", TYPE_core_v1_PortworxVolumeSource},
    {ATOM_azureDisk, "azureDisk", TYPE_core_v1_AzureDiskVolumeSource},
    {ATOM_storageos, "storageos", TYPE_core_v1_StorageOSVolumeSource},
    {ATOM_projected, "projected", TYPE_core_v1_ProjectedVolumeSource},
    {ATOM_scaleIO, "scaleIO", TYPE_core_v1_ScaleIOVolumeSource},
    {ATOM_csi, "csi", TYPE_core_v1_CSIVolumeSource},
    {ATOM_ephemeral, "ephemeral", TYPE_core_v1_EphemeralVolumeSource},
    {ATOM_image, "image", TYPE_core_v1_ImageVolumeSource},
};

static void check_mode(errors_t *errors, path_t path, const char *name, struct value mode)
{
    int64_t n = value_as_integer(mode, 0);
    if (n < 0 || n > 0777)
        child_error(errors, FIELD_INVALID, path, name, mode,
                    "must be a number between 0 and 0777 (octal), both inclusive");
}

static void check_items(struct value v, path_t path, errors_t *errors)
{
    struct value items = value_get(v, ATOM_items);
    struct field_path list = path_child(path, "items");
    for (size_t i = 0; i < value_count(items); i++) {
        struct field_path item = path_index(&list, i);
        struct value x = value_at(items, i);
        struct str file = VALUE_STR(x, path);
        check_required(errors, &item, "key", value_get(x, ATOM_key));
        if (check_required(errors, &item, "path", value_get(x, ATOM_path))) {
            if (file.bytes[0] == '/')
                child_error(errors, FIELD_INVALID, &item, "path", value_get(x, ATOM_path),
                            "must be a relative path");
            else if (str_starts_with(file, S("..")))
                child_error(errors, FIELD_INVALID, &item, "path", value_get(x, ATOM_path),
                            "must not start with '..'");
        }
        check_mode(errors, &item, "mode", value_get(x, ATOM_mode));
    }
}

static void check_host_path(struct value v, path_t path, errors_t *errors)
{
    if (check_required(errors, path, "path", value_get(v, ATOM_path)) &&
        str_contains(VALUE_STR(v, path), S("..")))
        child_error(errors, FIELD_INVALID, path, "path", value_get(v, ATOM_path),
                    "must not contain '..'");
    check_optional_choice(errors, path, "type", value_get(v, ATOM_type),
                          "|BlockDevice|CharDevice|Directory|DirectoryOrCreate|File|FileOrCreate|"
                          "Socket");
}

static void check_nfs(struct value v, path_t path, errors_t *errors)
{
    struct str file = VALUE_STR(v, path);
    check_required(errors, path, "server", value_get(v, ATOM_server));
    if (check_required(errors, path, "path", value_get(v, ATOM_path)) && file.bytes[0] != '/')
        child_error(errors, FIELD_INVALID, path, "path", value_get(v, ATOM_path),
                    "must be an absolute path");
}

void validate_resource_ref(struct value ref, bool is_of_volume, path_t path, errors_t *errors)
{
    struct value resource = VALUE_GET(ref, resource), divisor = VALUE_GET(ref, divisor);
    struct str name = value_str(resource), d = value_str(divisor);
    bool is_huge = str_starts_with(name, S("limits.hugepages-")) ||
                   str_starts_with(name, S("requests.hugepages-"));
    if (is_of_volume && !text_is_set(VALUE_GET(ref, containerName))) {
        child_error(errors, FIELD_REQUIRED, path, "containerName", VALUE_ABSENT, NO_DETAIL);
    } else if (name.size == 0) {
        child_error(errors, FIELD_REQUIRED, path, "resource", VALUE_ABSENT, NO_DETAIL);
    } else if (!is_huge) {
        check_optional_choice(errors, path, "resource", resource,
                              "limits.cpu|limits.ephemeral-storage|limits.memory|requests.cpu|"
                              "requests.ephemeral-storage|requests.memory");
    }
    if (d.size == 0 || str_equal(d, S("0")))
        return;
    bool is_cpu = str_ends_with(name, S(".cpu"));
    if (is_cpu ? is_one_of(divisor, "1m|1")
               : is_one_of(divisor, "1|1k|1M|1G|1T|1P|1E|1Ki|1Mi|1Gi|1Ti|1Pi|1Ei"))
        return;
    const char *what = is_cpu                               ? "cpu"
                       : str_ends_with(name, S(".memory"))  ? "memory"
                       : str_ends_with(name, S("-storage")) ? "local ephemeral storage"
                                                            : "hugepages";
    child_error(errors, FIELD_INVALID, path, "divisor", resource,
                "only divisor's values %s are supported with the %s resource",
                is_cpu ? "1m and 1" : "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei",
                what);
}

/* The files of a downwardAPI volume; upstream names the list, not the file. */
static void check_downward_files(struct value v, path_t path, errors_t *errors)
{
    struct value items = value_get(v, ATOM_items);
    struct field_path field = path_child(path, "fieldRef"),
                      resource = path_child(path, "resourceFieldRef");
    AUTO(value) struct value shown = value_string(S("resource"));
    for (size_t i = 0; i < value_count(items); i++) {
        struct value x = value_at(items, i), ref = VALUE_GET(x, fieldRef);
        struct value amount = VALUE_GET(x, resourceFieldRef), of = VALUE_GET(ref, fieldPath);
        struct str file = VALUE_STR(x, path);
        if (check_required(errors, path, "path", VALUE_GET(x, path))) {
            if (file.bytes[0] == '/')
                child_error(errors, FIELD_INVALID, path, "path", VALUE_GET(x, path),
                            "must be a relative path");
            else if (str_starts_with(file, S("..")))
                child_error(errors, FIELD_INVALID, path, "path", VALUE_GET(x, path),
                            "must not start with '..'");
        }
        if (value_is_present(ref)) {
            struct str s = value_str(of);
            check_required(errors, &field, "apiVersion", VALUE_GET(ref, apiVersion));
            if (check_required(errors, &field, "fieldPath", of) &&
                !str_starts_with(s, S("metadata.labels['")) &&
                !str_starts_with(s, S("metadata.annotations['")))
                check_optional_choice(errors, &field, "fieldPath", of,
                                      "metadata.annotations|metadata.labels|metadata.name|"
                                      "metadata.namespace|metadata.uid");
            if (value_is_present(amount))
                field_error_at(errors, FIELD_INVALID, path, shown,
                               "fieldRef and resourceFieldRef can not be specified "
                               "simultaneously");
        } else if (value_is_present(amount)) {
            validate_resource_ref(amount, true, &resource, errors);
        } else {
            field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT,
                           "one of fieldRef and resourceFieldRef is required");
        }
        check_mode(errors, path, "mode", value_get(x, ATOM_mode));
    }
}

static void check_projected(struct value v, path_t path, errors_t *errors)
{
    struct value list = value_get(v, ATOM_sources);
    struct field_path list_path = path_child(path, "sources");
    check_mode(errors, path, "defaultMode", value_get(v, ATOM_defaultMode));
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&list_path, i);
        struct value s = value_at(list, i), token = value_get(s, ATOM_serviceAccountToken);
        struct value map = value_get(s, ATOM_configMap), secret = value_get(s, ATOM_secret);
        struct field_path token_path = path_child(&item, "serviceAccountToken"),
                          map_path = path_child(&item, "configMap"),
                          secret_path = path_child(&item, "secret");
        if (value_is_present(map) &&
            check_required(errors, &map_path, "name", value_get(map, ATOM_name)))
            check_items(map, &map_path, errors);
        if (value_is_present(secret) &&
            check_required(errors, &secret_path, "name", value_get(secret, ATOM_name)))
            check_items(secret, &secret_path, errors);
        struct value downward = value_get(s, ATOM_downwardAPI);
        struct field_path downward_path = path_child(&item, "downwardAPI");
        if (value_is_present(downward))
            check_downward_files(downward, &downward_path, errors);
        if (value_is_present(token)) {
            if (VALUE_INT(token, 3600, expirationSeconds) < 600)
                child_error(errors, FIELD_INVALID, &token_path, "expirationSeconds",
                            value_get(token, ATOM_expirationSeconds),
                            "may not specify a duration less than 10 minutes");
            check_required(errors, &token_path, "path", value_get(token, ATOM_path));
        }
        if (value_count(s) > 1)
            field_error_at(errors, FIELD_FORBIDDEN, &item, VALUE_ABSENT,
                           "may not specify more than 1 volume type per source");
    }
}

static void check_source(atom key, struct value v, const struct type_schema *type, path_t path,
                         errors_t *errors)
{
    if (key == ATOM_hostPath) {
        check_host_path(v, path, errors);
    } else if (key == ATOM_secret) {
        check_required(errors, path, "secretName", value_get(v, ATOM_secretName));
        check_mode(errors, path, "defaultMode", value_get(v, ATOM_defaultMode));
        check_items(v, path, errors);
    } else if (key == ATOM_configMap) {
        check_required(errors, path, "name", value_get(v, ATOM_name));
        check_mode(errors, path, "defaultMode", value_get(v, ATOM_defaultMode));
        check_items(v, path, errors);
    } else if (key == ATOM_nfs) {
        check_nfs(v, path, errors);
    } else if (key == ATOM_projected) {
        check_projected(v, path, errors);
    } else if (key == ATOM_emptyDir) {
        if (quantity_compare(value_get(v, ATOM_sizeLimit), VALUE_ABSENT) < 0)
            child_error(errors, FIELD_FORBIDDEN, path, "sizeLimit", VALUE_ABSENT,
                        "SizeLimit field must be a valid resource quantity");
    } else if (key == ATOM_ephemeral) {
        struct field_path claim = path_child(path, "volumeClaimTemplate"),
                          spec = path_child(&claim, "spec");
        if (check_required(errors, path, "volumeClaimTemplate",
                           value_get(v, ATOM_volumeClaimTemplate)))
            validate_claim_spec(VALUE_GET(v, volumeClaimTemplate, spec), &spec, errors);
    } else if (key == ATOM_downwardAPI) {
        check_mode(errors, path, "defaultMode", value_get(v, ATOM_defaultMode));
        check_downward_files(v, path, errors);
    } else {
        validate_by_schema(type, v, path, errors);
        validate_volume_plugin(key, v, path, errors);
    }
}

void validate_volumes(struct value spec, path_t path, errors_t *errors)
{
    struct value list = value_get(spec, ATOM_volumes);
    struct field_path list_path = path_child(path, "volumes");
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&list_path, i);
        struct value v = value_at(list, i), name = value_get(v, ATOM_name);
        size_t count = 0;
        for (size_t k = 0; k < ARRAY_COUNT(sources); k++) {
            struct value source = value_get(v, sources[k].key);
            struct field_path here = path_child(&item, sources[k].name);
            if (!value_is_present(source))
                continue;
            if (count++ > 0)
                field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                               "may not specify more than 1 volume type");
            else
                check_source(sources[k].key, source, &schema_types[sources[k].type], &here, errors);
        }
        if (count == 0)
            field_error_at(errors, FIELD_REQUIRED, &item, VALUE_ABSENT,
                           "must specify a volume type");
        if (check_required(errors, &item, "name", name))
            check_child_rule(errors, &item, "name", name, name_dns_label);
        if (text_is_set(name) && is_repeated_before(list, i, ATOM_name))
            child_error(errors, FIELD_DUPLICATE, &item, "name", name, NO_DETAIL);
    }
}
