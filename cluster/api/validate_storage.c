/* SPDX-License-Identifier: Apache-2.0
 *
 * Persistent volumes, claims and storage classes.
 *
 * DEVIATION: the refusals to change a volume's source and a claim's spec end upstream with a diff
 * of Go structs; here they end before it.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/quantity.h"

#define ACCESS_MODES "ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod"

static void check_access_modes(struct value modes, path_t path, const char *missing,
                               errors_t *errors)
{
    struct field_path here = path_child(path, "accessModes");
    bool has_single = false;
    if (value_count(modes) == 0)
        field_error_at(errors, FIELD_REQUIRED, &here, VALUE_ABSENT, "%s", missing);
    for (size_t i = 0; i < value_count(modes); i++) {
        check_optional_choice(errors, path, "accessModes", value_at(modes, i), ACCESS_MODES);
        has_single |= value_is(value_at(modes, i), "ReadWriteOncePod");
    }
    if (has_single && value_count(modes) > 1)
        field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                       "may not use ReadWriteOncePod with other access modes");
}

/* ---- PersistentVolume ---- */

static const struct {
    atom key;
    const char *name;
} volume_sources[] = {
    {ATOM_hostPath, "hostPath"},
    {ATOM_gcePersistentDisk, "gcePersistentDisk"},
    {ATOM_awsElasticBlockStore, "awsElasticBlockStore"},
    {ATOM_glusterfs, "glusterfs"},
    {ATOM_flocker, "flocker"},
    {ATOM_nfs, "nfs"},
    {ATOM_rbd, "rbd"},
    {ATOM_quobyte, "quobyte"},
    {ATOM_cephfs, "cephFS"},
    {ATOM_iscsi, "iscsi"},
    {ATOM_cinder, "cinder"},
    {ATOM_fc, "fc"},
    {ATOM_flexVolume, "flexVolume"},
    {ATOM_azureFile, "azureFile"},
    {ATOM_vsphereVolume, "vsphereVolume"},
    {ATOM_photonPersistentDisk, "photonPersistentDisk"},
    {ATOM_portworxVolume, "portworxVolume"},
    {ATOM_azureDisk, "azureDisk"},
    {ATOM_scaleIO, "scaleIO"},
    {ATOM_local, "local"},
    {ATOM_storageos, "storageos"},
    {ATOM_csi, "csi"},
};

static void check_volume_source(struct value spec, path_t path, errors_t *errors)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(volume_sources); i++) {
        struct value source = value_get(spec, volume_sources[i].key);
        struct field_path here = path_child(path, volume_sources[i].name);
        if (!value_is_present(source))
            continue;
        if (count++ > 0)
            field_error_at(errors, FIELD_FORBIDDEN, &here, VALUE_ABSENT,
                           "may not specify more than 1 volume type");
        else if (volume_sources[i].key == ATOM_hostPath || volume_sources[i].key == ATOM_local)
            check_required(errors, &here, "path", VALUE_GET(source, path));
        else if (volume_sources[i].key == ATOM_csi) {
            check_required(errors, &here, "driver", VALUE_GET(source, driver));
            check_required(errors, &here, "volumeHandle", VALUE_GET(source, volumeHandle));
        } else if (volume_sources[i].key == ATOM_nfs) {
            check_required(errors, &here, "server", VALUE_GET(source, server));
            check_required(errors, &here, "path", VALUE_GET(source, path));
        }
    }
    if (count == 0)
        field_error_at(errors, FIELD_REQUIRED, path, VALUE_ABSENT, "must specify a volume type");
}

static void check_volume_class(struct value spec, path_t path, errors_t *errors)
{
    struct value class = VALUE_GET(spec, volumeAttributesClassName);
    if (!value_is_present(class))
        return;
    if (!text_is_set(class))
        child_error(errors, FIELD_REQUIRED, path, "volumeAttributesClassName", VALUE_ABSENT,
                    "an empty string is disallowed");
    else
        check_child_rule(errors, path, "volumeAttributesClassName", class, name_dns_subdomain);
    if (!value_is_present(VALUE_GET(spec, csi)))
        child_error(errors, FIELD_REQUIRED, path, "csi", VALUE_ABSENT,
                    "has to be specified when using volumeAttributesClassName");
}

void validate_volume(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), capacity = VALUE_GET(spec, capacity);
    struct field_path path = path_child(NULL, "spec"), here = path_child(&path, "capacity"),
                      storage = path_key(&here, S("storage")),
                      affinity = path_child(&path, "nodeAffinity"),
                      required = path_child(&affinity, "required");
    check_access_modes(VALUE_GET(spec, accessModes), &path, "", errors);
    if (value_count(capacity) == 0)
        field_error_at(errors, FIELD_REQUIRED, &here, VALUE_ABSENT, NO_DETAIL);
    else if (!value_is_present(value_get(capacity, ATOM_storage)) || value_count(capacity) > 1)
        field_error_at(errors, FIELD_NOT_SUPPORTED, &here, capacity,
                       "supported values: \"storage\"");
    else if (quantity_compare(value_get(capacity, ATOM_storage), VALUE_ABSENT) <= 0)
        field_error_at(errors, FIELD_INVALID, &storage, value_get(capacity, ATOM_storage),
                       "must be greater than zero");
    check_optional_choice(errors, &path, "persistentVolumeReclaimPolicy",
                          VALUE_GET(spec, persistentVolumeReclaimPolicy), "Delete|Recycle|Retain");
    if (value_is_present(VALUE_GET(spec, nodeAffinity)))
        validate_node_selector_terms(VALUE_GET(spec, nodeAffinity, required), &required, errors);
    else if (value_is_present(VALUE_GET(spec, local)))
        field_error_at(errors, FIELD_REQUIRED, &affinity, VALUE_ABSENT,
                       "Local volume requires node affinity");
    check_volume_source(spec, &path, errors);
    if (VALUE_IS(spec, "Recycle", persistentVolumeReclaimPolicy) &&
        VALUE_IS(spec, "/", hostPath, path))
        child_error(errors, FIELD_FORBIDDEN, &path, "persistentVolumeReclaimPolicy", VALUE_ABSENT,
                    "may not be 'recycle' for a hostPath mount of '/'");
    check_volume_class(spec, &path, errors);
    if (text_is_set(VALUE_GET(spec, storageClassName)))
        check_child_rule(errors, &path, "storageClassName", VALUE_GET(spec, storageClassName),
                         name_dns_subdomain);
    check_optional_choice(errors, &path, "volumeMode", VALUE_GET(spec, volumeMode),
                          "Block|Filesystem");
}

void validate_volume_update(struct value new_volume, struct value old_volume, errors_t *errors)
{
    struct value new = value_get(new_volume, ATOM_spec), old = value_get(old_volume, ATOM_spec);
    struct field_path path = path_child(NULL, "spec");
    for (size_t i = 0; i < ARRAY_COUNT(volume_sources); i++) {
        atom key = volume_sources[i].key;
        if (!value_equal(value_get(new, key), value_get(old, key))) {
            child_error(errors, FIELD_FORBIDDEN, &path, "persistentvolumesource", VALUE_ABSENT,
                        "spec.persistentvolumesource is immutable after creation");
            break;
        }
    }
    check_immutable(errors, &path, "volumeMode", VALUE_GET(new, volumeMode),
                    VALUE_GET(old, volumeMode));
    if (value_is_present(VALUE_GET(old, nodeAffinity)))
        check_immutable(errors, &path, "nodeAffinity", VALUE_GET(new, nodeAffinity),
                        VALUE_GET(old, nodeAffinity));
}

/* ---- PersistentVolumeClaim ---- */

static void check_data_source(struct value source, const char *name, path_t path, errors_t *errors)
{
    struct value group = VALUE_GET(source, apiGroup), kind = VALUE_GET(source, kind);
    struct field_path here = path_child(path, name);
    if (!value_is_present(source))
        return;
    check_required(errors, &here, "name", VALUE_GET(source, name));
    check_required(errors, &here, "kind", kind);
    if (!text_is_set(group) && !value_is(kind, "PersistentVolumeClaim"))
        field_error_at(errors, FIELD_INVALID, &here, kind,
                       "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    if (text_is_set(group))
        check_child_rule(errors, &here, "apiGroup", group, name_dns_subdomain);
}

/* Both say the same, when both are there. */
static void check_data_sources(struct value spec, path_t path, errors_t *errors)
{
    struct value source = VALUE_GET(spec, dataSource), ref = VALUE_GET(spec, dataSourceRef);
    struct field_path here = path_child(path, "dataSource");
    AUTO(text) struct text name = {0};
    check_data_source(source, "dataSource", path, errors);
    check_data_source(ref, "dataSourceRef", path, errors);
    if (!value_is_present(source) || !value_is_present(ref))
        return;
    field_path_text(&here, &name);
    AUTO(value) struct value shown = value_string(text_str(&name));
    if (text_is_set(VALUE_GET(ref, namespace)))
        field_error_at(errors, FIELD_INVALID, path, shown,
                       "may not be specified when dataSourceRef.namespace is specified");
    else if (!value_equal(VALUE_GET(source, name), VALUE_GET(ref, name)) ||
             !value_equal(VALUE_GET(source, kind), VALUE_GET(ref, kind)) ||
             !str_equal(VALUE_STR(source, apiGroup), VALUE_STR(ref, apiGroup)))
        field_error_at(errors, FIELD_INVALID, path, shown, "must match dataSourceRef");
}

void validate_claim_spec(struct value spec, path_t path, errors_t *errors)
{
    struct value storage = VALUE_GET(spec, resources, requests, storage);
    struct field_path resources = path_child(path, "resources"),
                      selector = path_child(path, "selector"),
                      key = path_key(&resources, S("storage")),
                      requests = path_child(&resources, "requests"),
                      request = path_key(&requests, S("storage"));
    check_access_modes(VALUE_GET(spec, accessModes), path, "at least 1 access mode is required",
                       errors);
    check_label_selector(errors, &selector, VALUE_GET(spec, selector));
    if (!value_is_present(storage))
        field_error_at(errors, FIELD_REQUIRED, &key, VALUE_ABSENT, NO_DETAIL);
    else if (quantity_compare(storage, VALUE_ABSENT) <= 0)
        field_error_at(errors, FIELD_INVALID, &request, storage, "must be greater than zero");
    if (text_is_set(VALUE_GET(spec, storageClassName)))
        check_child_rule(errors, path, "storageClassName", VALUE_GET(spec, storageClassName),
                         name_dns_subdomain);
    check_optional_choice(errors, path, "volumeMode", VALUE_GET(spec, volumeMode),
                          "Block|Filesystem");
    check_data_sources(spec, path, errors);
    if (text_is_set(VALUE_GET(spec, volumeAttributesClassName)))
        check_child_rule(errors, path, "volumeAttributesClassName",
                         VALUE_GET(spec, volumeAttributesClassName), name_dns_subdomain);
}

void validate_claim(struct value o, errors_t *errors)
{
    struct field_path path = path_child(NULL, "spec");
    validate_claim_spec(value_get(o, ATOM_spec), &path, errors);
}

void validate_claim_update(struct value new_claim, struct value old_claim, errors_t *errors)
{
    struct value new = value_get(new_claim, ATOM_spec), old = value_get(old_claim, ATOM_spec);
    AUTO(value) struct value allowed = value_keep(old);
    struct value want = VALUE_GET(new, resources, requests, storage);
    struct value have = VALUE_GET(old, resources, requests, storage);
    if (!text_is_set(VALUE_GET(old, volumeName))) /* the binder sets it once */
        allowed = value_set(allowed, ATOM_volumeName, value_keep(VALUE_GET(new, volumeName)));
    if (!value_is_present(VALUE_GET(old, storageClassName))) /* a default class that came late */
        allowed =
            value_set(allowed, ATOM_storageClassName, value_keep(VALUE_GET(new, storageClassName)));
    if (VALUE_IS(old_claim, "Bound", status, phase)) {
        struct value requests = value_keep(VALUE_GET(new, resources, requests));
        allowed = VALUE_SET(allowed, requests, resources, requests);
        allowed = value_set(allowed, ATOM_volumeAttributesClassName,
                            value_keep(VALUE_GET(new, volumeAttributesClassName)));
    }
    if (!value_equal(allowed, new))
        field_error_add(errors, FIELD_FORBIDDEN, S("spec"), VALUE_ABSENT,
                        "spec is immutable after creation except resources.requests and "
                        "volumeAttributesClassName for bound claims");
    else if (quantity_compare(want, have) < 0 &&
             quantity_compare(want, VALUE_GET(old_claim, status, capacity, storage)) < 0)
        field_error_add(errors, FIELD_FORBIDDEN, S("spec.resources.requests.storage"), VALUE_ABSENT,
                        "field can not be less than status.capacity");
}

/* ---- StorageClass ---- */

void validate_storage_class(struct value o, errors_t *errors)
{
    if (check_required(errors, NULL, "provisioner", VALUE_GET(o, provisioner)))
        check_child_rule(errors, NULL, "provisioner", VALUE_GET(o, provisioner), name_qualified);
    check_optional_choice(errors, NULL, "reclaimPolicy", VALUE_GET(o, reclaimPolicy),
                          "Delete|Retain");
    check_choice(errors, NULL, "volumeBindingMode", VALUE_GET(o, volumeBindingMode),
                 "Immediate|WaitForFirstConsumer");
}

void validate_storage_class_update(struct value new, struct value old, errors_t *errors)
{
    if (!value_equal(VALUE_GET(new, parameters), VALUE_GET(old, parameters)))
        child_error(errors, FIELD_FORBIDDEN, NULL, "parameters", VALUE_ABSENT,
                    "updates to parameters are forbidden.");
    if (!value_equal(VALUE_GET(new, provisioner), VALUE_GET(old, provisioner)))
        child_error(errors, FIELD_FORBIDDEN, NULL, "provisioner", VALUE_ABSENT,
                    "updates to provisioner are forbidden.");
    if (!value_equal(VALUE_GET(new, reclaimPolicy), VALUE_GET(old, reclaimPolicy)))
        child_error(errors, FIELD_FORBIDDEN, NULL, "reclaimPolicy", VALUE_ABSENT,
                    "updates to reclaimPolicy are forbidden.");
    check_immutable(errors, NULL, "volumeBindingMode", VALUE_GET(new, volumeBindingMode),
                    VALUE_GET(old, volumeBindingMode));
}
