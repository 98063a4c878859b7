/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes, claims, classes, drivers.
 */
#include "sim/base/base.h"

#include "cluster/api/printers/printers.h"

#include "cluster/api/object.h"

#define CLASS_ANNOTATION "volume.beta.kubernetes.io/storage-class"

static void cell_modes(struct cells *c, struct value modes)
{
    static const char *const known[][2] = {{"ReadWriteOnce", "RWO"},
                                           {"ReadOnlyMany", "ROX"},
                                           {"ReadWriteMany", "RWX"},
                                           {"ReadWriteOncePod", "RWOP"}};
    AUTO(text) struct text t = {0};
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (value_has_string(modes, known[i][0]))
            join(&t, str_from(known[i][1]));
    }
    cell_text(c, text_str(&t));
}

static void cell_class(struct cells *c, struct value object)
{
    struct value old = object_annotation(object, S(CLASS_ANNOTATION));
    cell_value(c, value_is_present(old) ? old : VALUE_GET(object, spec, storageClassName), "");
}

static void cell_phase(struct cells *c, struct value object)
{
    if (object_is_deleting(object))
        cell_text(c, S("Terminating"));
    else
        cell_value(c, VALUE_GET(object, status, phase), "");
}

static void volume(struct value object, struct cells *c)
{
    struct value claim = VALUE_GET(object, spec, claimRef);
    AUTO(text) struct text name = {0};
    if (value_is_present(claim))
        text_printf(&name, "%.*s/%.*s", STR_ARG(VALUE_STR(claim, namespace)),
                    STR_ARG(VALUE_STR(claim, name)));
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, capacity, storage), "");
    cell_modes(c, VALUE_GET(object, spec, accessModes));
    cell_value(c, VALUE_GET(object, spec, persistentVolumeReclaimPolicy), "");
    cell_phase(c, object);
    cell_text(c, text_str(&name));
    cell_class(c, object);
    cell_value(c, VALUE_GET(object, spec, volumeAttributesClassName), "<unset>");
    cell_value(c, VALUE_GET(object, status, reason), "");
    cell_created(c, object);
    cell_value(c, VALUE_GET(object, spec, volumeMode), "<unset>");
}

static void claim(struct value object, struct cells *c)
{
    bool is_bound = VALUE_STR(object, spec, volumeName).size > 0;
    cell_name(c, object);
    cell_phase(c, object);
    cell_value(c, VALUE_GET(object, spec, volumeName), "");
    cell_value(c, is_bound ? VALUE_GET(object, status, capacity, storage) : VALUE_ABSENT, "");
    cell_modes(c, is_bound ? VALUE_GET(object, status, accessModes) : VALUE_ABSENT);
    cell_class(c, object);
    cell_value(c, VALUE_GET(object, spec, volumeAttributesClassName), "<unset>");
    cell_created(c, object);
    cell_value(c, VALUE_GET(object, spec, volumeMode), "<unset>");
}

static void storage_class(struct value object, struct cells *c)
{
    AUTO(text) struct text name = {0};
    text_add(&name, value_str(object_name(object)));
    if (value_is(object_annotation(object, S("storageclass.kubernetes.io/is-default-class")),
                 "true") ||
        value_is(object_annotation(object, S("storageclass.beta.kubernetes.io/is-default-class")),
                 "true"))
        text_add(&name, S(" (default)"));
    cell_text(c, text_str(&name));
    cell_value(c, VALUE_GET(object, provisioner), "");
    cell_value(c, VALUE_GET(object, reclaimPolicy), "Delete");
    cell_value(c, VALUE_GET(object, volumeBindingMode), "Immediate");
    cell_bool(c, VALUE_BOOL_AT(object, allowVolumeExpansion));
    cell_created(c, object);
}

static void attributes_class(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, driverName), "");
    cell_created(c, object);
}

static void attachment(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, attacher), "");
    cell_value(c, VALUE_GET(object, spec, source, persistentVolumeName), "");
    cell_value(c, VALUE_GET(object, spec, nodeName), "");
    cell_bool(c, VALUE_BOOL_AT(object, status, attached));
    cell_created(c, object);
}

static void csi_driver(struct value object, struct cells *c)
{
    struct value tokens = VALUE_GET(object, spec, tokenRequests);
    struct value modes = VALUE_GET(object, spec, volumeLifecycleModes);
    struct value attach = VALUE_GET(object, spec, attachRequired);
    AUTO(text) struct text audiences = {0};
    AUTO(text) struct text mode_texts = {0};
    for (size_t i = 0; i < value_count(tokens); i++)
        join(&audiences, VALUE_STR(value_at(tokens, i), audience));
    for (size_t i = 0; i < value_count(modes); i++)
        join(&mode_texts, value_str(value_at(modes, i)));
    cell_name(c, object);
    cell_bool(c, !value_is_present(attach) || value_as_bool(attach));
    cell_bool(c, VALUE_BOOL_AT(object, spec, podInfoOnMount));
    cell_bool(c, VALUE_BOOL_AT(object, spec, storageCapacity));
    cell_text(c, value_count(tokens) > 0 ? text_str(&audiences) : S("<unset>"));
    cell_bool(c, VALUE_BOOL_AT(object, spec, requiresRepublish));
    cell_text(c, text_str(&mode_texts));
    cell_created(c, object);
}

static void csi_node(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int(c, (int64_t)value_count(VALUE_GET(object, spec, drivers)));
    cell_created(c, object);
}

const struct printer storage_printers[] = {
    {"PersistentVolume", volume},
    {"PersistentVolumeClaim", claim},
    {"StorageClass", storage_class},
    {"VolumeAttributesClass", attributes_class},
    {"VolumeAttachment", attachment},
    {"CSIDriver", csi_driver},
    {"CSINode", csi_node},
    {NULL, NULL},
};
