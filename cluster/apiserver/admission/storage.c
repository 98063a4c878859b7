/* SPDX-License-Identifier: Apache-2.0
 *
 * Admission around volumes.
 *
 * DefaultStorageClass: a claim without storageClassName gets the default class (annotation
 * storageclass.kubernetes.io/is-default-class); the newest, then the first by name, when there are
 * several. StorageObjectInUseProtection: finalizers kubernetes.io/pvc-protection and
 * kubernetes.io/pv-protection, kubernetes.io/vac-protection. PersistentVolumeClaimResize: only
 * bound claims of a class that allows expansion grow.
 */
#include "cluster/apiserver/admission.h"

#include "cluster/api/object.h"
#include "cluster/api/quantity.h"

static struct value default_class(struct apiserver *s)
{
    struct value best = VALUE_ABSENT;
    for (struct cache_cursor k = watch_cache_of_known(s, RESOURCE_storageclasses, S("")); k.kv;
         watch_cache_next(&k)) {
        struct value class = k.kv->value;
        if (!value_is(object_annotation(class, S("storageclass.kubernetes.io/is-default-class")),
                      "true") &&
            !value_is(
                object_annotation(class, S("storageclass.beta.kubernetes.io/is-default-class")),
                "true"))
            continue;
        struct wall_time a = {0}, b = {0};
        (void)time_parse(VALUE_GET(class, metadata, creationTimestamp), &a);
        (void)time_parse(VALUE_GET(best, metadata, creationTimestamp), &b);
        if (!value_is_present(best) ||
            a.unix_ns > b.unix_ns) /* in the order of names: the first stays */
            best = class;
    }
    return best;
}

static void mutate_class(struct admission *a)
{
    if (value_is_present(VALUE_GET(a->object, spec, storageClassName)) ||
        value_is_present(
            object_annotation(a->object, S("volume.beta.kubernetes.io/storage-class"))))
        return;
    struct value class = default_class(a->server);
    if (value_is_present(class))
        a->object = VALUE_SET(a->object, value_keep(object_name(class)), spec, storageClassName);
}

static void add_finalizer(struct admission *a, const char *finalizer)
{
    if (object_has_finalizer(a->object, str_from(finalizer)))
        return;
    struct value finalizers = value_keep(VALUE_GET(a->object, metadata, finalizers));
    a->object = VALUE_SET(a->object, value_append(finalizers, value_string(str_from(finalizer))),
                          metadata, finalizers);
}

static void mutate_pvc(struct admission *a)
{
    add_finalizer(a, "kubernetes.io/pvc-protection");
}

static void mutate_pv(struct admission *a)
{
    add_finalizer(a, "kubernetes.io/pv-protection");
}

static void mutate_vac(struct admission *a)
{
    add_finalizer(a, "kubernetes.io/vac-protection");
}

static void validate_resize(struct admission *a)
{
    struct value new = VALUE_GET(a->object, spec, resources, requests, storage);
    struct value old = VALUE_GET(a->old, spec, resources, requests, storage);
    if (value_is_same(new, old) || quantity_compare(new, old) <= 0)
        return;
    if (!VALUE_IS(a->old, "Bound", status, phase)) {
        admission_refuse(a, S("Only bound persistent volume claims can be expanded"));
        return;
    }
    struct value class = watch_cache_find(a->server, RESOURCE_storageclasses, S(""),
                                          VALUE_STR(a->object, spec, storageClassName));
    if (!VALUE_BOOL_AT(class, allowVolumeExpansion))
        admission_refuse(a, S("only dynamically provisioned pvc can be resized and the "
                              "storageclass that provisions the pvc must "
                              "support resize"));
}

const struct admission_plugin admission_default_storage_class = {
    .name = "DefaultStorageClass",
    .resource = RESOURCE_persistentvolumeclaims,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate_class,
};
const struct admission_plugin admission_pvc_protection = {
    .name = "StorageObjectInUseProtection",
    .resource = RESOURCE_persistentvolumeclaims,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate_pvc,
};
const struct admission_plugin admission_pv_protection = {
    .name = "StorageObjectInUseProtection",
    .resource = RESOURCE_persistentvolumes,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate_pv,
};
const struct admission_plugin admission_vac_protection = {
    .name = "StorageObjectInUseProtection",
    .resource = RESOURCE_volumeattributesclasses,
    .operations = ADMIT_ON(ADMIT_CREATE),
    .mutate = mutate_vac,
};
const struct admission_plugin admission_pvc_resize = {
    .name = "PersistentVolumeClaimResize",
    .resource = RESOURCE_persistentvolumeclaims,
    .operations = ADMIT_ON(ADMIT_UPDATE),
    .validate = validate_resize,
};
