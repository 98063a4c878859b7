/* SPDX-License-Identifier: Apache-2.0
 *
 * What storage drivers say of themselves: CSIDriver, CSINode, CSIStorageCapacity; attachments of
 * volumes; classes of volume attributes.
 */
#include "sim/base/base.h"

#include "cluster/api/quantity.h"
#include "cluster/api/validate_parts.h"

#define NODE_ID_MAX 192
#define TOKEN_SECONDS_MIN 600
#define DRIVER_NAME_MAX 63

static void check_driver_name(struct value name, path_t parent, const char *child, errors_t *errors)
{
    struct field_path path = path_child(parent, child);
    if (!check_required(errors, parent, child, name))
        return;
    if (value_str(name).size > DRIVER_NAME_MAX)
        field_error_at(errors, FIELD_TOO_LONG, &path, name, "may not be more than %d bytes",
                       DRIVER_NAME_MAX);
    check_rule(errors, &path, name, name_dns_subdomain);
}

/* ---- CSIDriver ---- */

static void check_token_requests(struct value list, path_t parent, errors_t *errors)
{
    struct field_path path = path_child(parent, "tokenRequests");
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&path, i);
        struct value seconds = VALUE_GET(value_at(list, i), expirationSeconds);
        if (is_repeated_before(list, i, ATOM_audience))
            child_error(errors, FIELD_DUPLICATE, &item, "audience",
                        VALUE_GET(value_at(list, i), audience), NO_DETAIL);
        if (!value_is_present(seconds))
            continue;
        if (value_as_integer(seconds, 0) < TOKEN_SECONDS_MIN)
            child_error(errors, FIELD_INVALID, &item, "expirationSeconds", seconds,
                        "may not specify a duration less than 10 minutes");
        if (value_as_integer(seconds, 0) > INT64_C(1) << 32)
            child_error(errors, FIELD_INVALID, &item, "expirationSeconds", seconds,
                        "may not specify a duration larger than 2^32 seconds");
    }
}

void validate_csi_driver(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), modes = VALUE_GET(spec, volumeLifecycleModes);
    struct value period = VALUE_GET(spec, nodeAllocatableUpdatePeriodSeconds);
    struct field_path path = path_child(NULL, "spec"),
                      list = path_child(&path, "volumeLifecycleModes"),
                      meta = path_child(NULL, "metadata");
    struct value name = VALUE_GET(o, metadata, name);
    if (value_str(name).size > DRIVER_NAME_MAX)
        child_error(errors, FIELD_TOO_LONG, &meta, "name", name, "may not be more than %d bytes",
                    DRIVER_NAME_MAX);
    if (!value_is_present(VALUE_GET(spec, attachRequired)))
        child_error(errors, FIELD_REQUIRED, &path, "attachedRequired", VALUE_ABSENT, NO_DETAIL);
    if (!value_is_present(VALUE_GET(spec, podInfoOnMount)))
        child_error(errors, FIELD_REQUIRED, &path, "podInfoOnMount", VALUE_ABSENT, NO_DETAIL);
    if (!value_is_present(VALUE_GET(spec, storageCapacity)))
        child_error(errors, FIELD_REQUIRED, &path, "storageCapacity", VALUE_ABSENT, NO_DETAIL);
    check_optional_choice(errors, &path, "fsGroupPolicy", VALUE_GET(spec, fsGroupPolicy),
                          "File|None|ReadWriteOnceWithFSType");
    check_token_requests(VALUE_GET(spec, tokenRequests), &path, errors);
    for (size_t i = 0; i < value_count(modes); i++) {
        if (!is_one_of(value_at(modes, i), "Persistent|Ephemeral"))
            field_error_at(errors, FIELD_NOT_SUPPORTED, &list, value_at(modes, i),
                           "supported values: \"Persistent\", \"Ephemeral\"");
    }
    if (!value_is_present(VALUE_GET(spec, seLinuxMount)))
        child_error(errors, FIELD_REQUIRED, &path, "seLinuxMount", VALUE_ABSENT, NO_DETAIL);
    if (value_is_present(period) && value_as_integer(period, 0) < 10)
        child_error(errors, FIELD_INVALID, &path, "nodeAllocatableUpdatePeriodSeconds", period,
                    "must be greater than or equal to 10 seconds");
}

void validate_csi_driver_update(struct value new, struct value old, errors_t *errors)
{
    struct field_path path = path_child(NULL, "spec");
    check_immutable(errors, &path, "attachedRequired", VALUE_GET(new, spec, attachRequired),
                    VALUE_GET(old, spec, attachRequired));
    check_immutable(errors, &path, "volumeLifecycleModes",
                    VALUE_GET(new, spec, volumeLifecycleModes),
                    VALUE_GET(old, spec, volumeLifecycleModes));
}

/* ---- CSINode ---- */

void validate_csi_node(struct value o, errors_t *errors)
{
    struct value drivers = VALUE_GET(o, spec, drivers);
    struct field_path path = path_child(NULL, "spec"), list = path_child(&path, "drivers");
    for (size_t i = 0; i < value_count(drivers); i++) {
        struct field_path item = path_index(&list, i), keys = path_child(&item, "topologyKeys"),
                          allocatable = path_child(&item, "allocatable");
        struct value d = value_at(drivers, i), id = VALUE_GET(d, nodeID);
        struct value topology = VALUE_GET(d, topologyKeys);
        check_driver_name(VALUE_GET(d, name), &item, "name", errors);
        if (check_required(errors, &item, "nodeID", id) && value_str(id).size > NODE_ID_MAX)
            child_error(errors, FIELD_INVALID, &item, "nodeID", id, "must be %d characters or less",
                        NODE_ID_MAX);
        check_nonnegative(errors, &allocatable, "count", VALUE_GET(d, allocatable, count));
        if (is_repeated_before(drivers, i, ATOM_name))
            child_error(errors, FIELD_DUPLICATE, &item, "name", VALUE_GET(d, name), NO_DETAIL);
        for (size_t k = 0; k < value_count(topology); k++) {
            if (is_repeated_before(topology, k, ATOM_NONE))
                field_error_at(errors, FIELD_DUPLICATE, &keys, value_at(topology, k), NO_DETAIL);
            check_rule(errors, &keys, value_at(topology, k), name_qualified);
        }
    }
}

/* ---- CSIStorageCapacity ---- */

void validate_storage_capacity(struct value o, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } sizes[] = {{ATOM_capacity, "capacity"}, {ATOM_maximumVolumeSize, "maximumVolumeSize"}};
    struct field_path topology = path_child(NULL, "nodeTopology");
    check_child_rule(errors, NULL, "storageClassName", VALUE_GET(o, storageClassName),
                     name_dns_subdomain);
    check_label_selector(errors, &topology, VALUE_GET(o, nodeTopology));
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct value size = value_get(o, sizes[i].key);
        if (quantity_compare(size, VALUE_ABSENT) < 0)
            child_error(errors, FIELD_INVALID, NULL, sizes[i].name, size,
                        "must be greater than or equal to 0");
    }
}

void validate_storage_capacity_update(struct value new, struct value old, errors_t *errors)
{
    check_immutable(errors, NULL, "nodeTopology", VALUE_GET(new, nodeTopology),
                    VALUE_GET(old, nodeTopology));
    check_immutable(errors, NULL, "storageClassName", VALUE_GET(new, storageClassName),
                    VALUE_GET(old, storageClassName));
}

/* ---- VolumeAttachment ---- */

void validate_attachment(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), source = VALUE_GET(spec, source);
    struct value volume = VALUE_GET(source, persistentVolumeName);
    struct field_path path = path_child(NULL, "spec"), at = path_child(&path, "source");
    bool is_inline = value_is_present(VALUE_GET(source, inlineVolumeSpec));
    check_driver_name(VALUE_GET(spec, attacher), &path, "attacher", errors);
    if (!is_inline && !value_is_present(volume))
        field_error_at(errors, FIELD_REQUIRED, &at, VALUE_ABSENT,
                       "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
    else if (is_inline && value_is_present(volume))
        field_error_at(errors, FIELD_FORBIDDEN, &at, VALUE_ABSENT,
                       "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
    else if (!is_inline && !text_is_set(volume))
        child_error(errors, FIELD_REQUIRED, &at, "persistentVolumeName", VALUE_ABSENT,
                    "must specify non empty persistentVolumeName");
    else if (!is_inline)
        check_child_rule(errors, &at, "persistentVolumeName", volume, name_dns_subdomain);
    check_child_rule(errors, &path, "nodeName", VALUE_GET(spec, nodeName), name_dns_subdomain);
}

void validate_attachment_update(struct value new, struct value old, errors_t *errors)
{
    check_immutable(errors, NULL, "spec", value_get(new, ATOM_spec), value_get(old, ATOM_spec));
}

/* ---- VolumeAttributesClass ---- */

void validate_attributes_class(struct value o, errors_t *errors)
{
    struct value parameters = VALUE_GET(o, parameters);
    if (check_required(errors, NULL, "driverName", VALUE_GET(o, driverName)))
        check_child_rule(errors, NULL, "driverName", VALUE_GET(o, driverName), name_qualified);
    if (value_count(parameters) == 0)
        child_error(errors, FIELD_REQUIRED, NULL, "parameters", VALUE_ABSENT,
                    "must contain at least one key/value pair");
    for (size_t i = 0; i < value_count(parameters); i++) {
        AUTO(value) struct value key = value_string(value_key_at(parameters, i));
        if (!text_is_set(key))
            child_error(errors, FIELD_INVALID, NULL, "parameters", key, "field can not be empty.");
    }
}

void validate_attributes_class_update(struct value new, struct value old, errors_t *errors)
{
    if (!value_equal(VALUE_GET(new, driverName), VALUE_GET(old, driverName)))
        child_error(errors, FIELD_FORBIDDEN, NULL, "driverName", VALUE_ABSENT,
                    "updates to driverName are forbidden.");
    if (!value_equal(VALUE_GET(new, parameters), VALUE_GET(old, parameters)))
        child_error(errors, FIELD_FORBIDDEN, NULL, "parameters", VALUE_ABSENT,
                    "updates to parameters are forbidden.");
}
